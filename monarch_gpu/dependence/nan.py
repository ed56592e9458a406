"""Where a NaN may become a number in a graph: there, what a known zero hides of the future may tell if it is finite.

The rules count 0·x as 0, which it is for finite x. Else it is NaN, and so are −∞ + ∞ and all else by which something
known hides an input; a choice by a mask is not. Where all operators that such a NaN reaches keep it, an output
is NaN or what it was: it is lost, and tells nothing. After one that does not, as a comparison or a sort, it may be
another number.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from torch import fx

from monarch_gpu.dependence.interpret import IGNORED, name_of

__all__ = ["KEEPING", "end_of_nan"]

KEEPING = {
    "_conj", "_conj_physical", "_fft_c2c", "_fft_c2r", "_fft_r2c", "_log_softmax",
    "_native_batch_norm_legit_no_training", "_safe_softmax", "_softmax", "_unsafe_view", "abs", "acos",
    "acosh", "add", "addcdiv", "addcmul", "addmm", "addmv", "alias", "amax", "amin", "angle", "asin", "asinh",
    "atan", "atan2", "atanh", "avg_pool1d", "avg_pool2d", "baddbmm", "bmm", "cat", "ceil", "clamp",
    "clamp_max", "clamp_min", "clone", "complex", "conj_physical", "constant_pad_nd", "contiguous",
    "convolution", "copy", "cos", "cosh", "cumprod", "cumsum", "deg2rad", "detach", "diagonal", "diagonal_scatter",
    "div", "dot", "embedding", "erf", "erfc", "exp", "exp2", "expand", "expm1", "flip", "floor", "frac",
    "gather", "gelu", "gru", "imag", "index", "index_put", "index_select", "lerp", "lift_fresh_copy", "log", "log10",
    "log1p", "log2", "logaddexp", "logcumsumexp", "logsumexp", "lstm", "masked_fill", "matmul", "maximum",
    "mean", "minimum", "mm", "monarch::fourier", "monarch::multiply", "mul", "mv", "native_group_norm",
    "native_layer_norm", "neg", "permute", "positive", "prod", "rad2deg", "real", "reciprocal", "relu",
    "repeat", "reshape", "resolve_conj", "resolve_neg", "rnn_relu", "rnn_tanh", "roll", "round", "rsqrt",
    "rsub", "scaled_dot_product_attention", "select", "select_scatter", "sigmoid", "silu", "sin", "sinh",
    "slice", "slice_scatter", "softplus", "split", "split_with_sizes", "sqrt", "square", "squeeze", "std",
    "sub", "sum", "t", "tan", "tanh", "transpose", "true_divide", "trunc", "unbind", "unfold", "unsqueeze",
    "var", "var_mean", "view", "view_as_complex", "view_as_real", "where",
}  # fmt: skip
"""Operators whose results are NaN wherever an element is that they depend on.

Attention may give 0 to a row that has no score left but NaN: that answers to nothing, and is lost as well."""

EMPTY = {"zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "new_empty"}
"""Operators that look at the shape alone."""


def end_of_nan(module: fx.GraphModule, inputs: Sequence[bool]) -> fx.Node | None:
    """The first node that may make a number of a NaN which came with an input; None where none does.

    Args:
        inputs: for each placeholder, whether it is an input: a tensor that may have any values.
    """
    reached: set[fx.Node] = set()
    given = iter(inputs)
    for node in module.graph.nodes:
        if node.op == "placeholder":
            if next(given) and holds_floats(node):
                reached.add(node)
        elif node.op == "call_function" and not reached.isdisjoint(node.all_input_nodes):
            if node.target is operator.getitem:
                reached.add(node)
            elif not isinstance(node.target, torch._ops.OpOverload):
                return node
            elif name_of(node.target) not in IGNORED | EMPTY:
                if not keeps(node):
                    return node
                reached.add(node)
    return None


def keeps(node: fx.Node) -> bool:
    """Whether the results of a node are NaN wherever an element is that they depend on."""
    name = name_of(node.target)
    if name in ("pow", "linalg_vector_norm"):  # x⁰ is 1 whatever x is
        power = node.args[1] if len(node.args) > 1 else 2
        return isinstance(power, int | float) and power != 0
    return (name in KEEPING or name == "_to_copy") and holds_floats(node)


def holds_floats(node: fx.Node) -> bool:
    """Whether all the tensors of a node are of a format that has NaN."""
    value = node.meta.get("val")
    tensors = [v for v in (value if isinstance(value, list | tuple) else [value]) if isinstance(v, torch.Tensor)]
    return all(t.is_floating_point() or t.is_complex() for t in tensors) and bool(tensors)
