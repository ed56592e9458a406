"""Two graphs element by element: is every output of the one a term of the other?

`alongside` compares two graphs that go step by step. Where one goes through a sequence at once, and the other prefills
and then steps, no node of the one is a node of the other; their elements are. Both graphs are gone through with the
number of a term for every element (`terms`), inputs and weights that go together having the same. What is known of an
element (`interpret`) is a constant, so that zeros of a masked softmax drop out of sums. An operator without a row gives
terms of its own, which equal nothing: that is sound, and proves nothing.

It takes as long as there are elements, of products those of all factors, and so it is for short sequences.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import fx

from monarch_gpu.dependence.interpret import IGNORED, PURE, draws, name_of, walked
from monarch_gpu.dependence.table import POINTWISE, TAMED
from monarch_gpu.dependence.tensors import as_tensor
from monarch_theory.leaks.dependence import Dependence
from monarch_theory.leaks.dependence.terms import Terms

__all__ = ["LARGEST", "ROWS", "Elements", "elements_of"]

LARGEST = 1 << 20
"""So many elements a graph may compute."""
MOST_PAIRS = 1 << 23


class NoTermsError(Exception):
    """Of these arguments no terms are made."""


@dataclass(frozen=True)
class Applied:
    """One node, tensors among its arguments being numbers of terms, by their names in the schema."""

    terms: Terms
    op: Any
    given: dict[str, Any]
    real: Callable[[str], Any]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]

    def ids(self, name: str) -> np.ndarray:
        """A tensor argument, or a number as one."""
        found = self.given[name]
        return found if isinstance(found, np.ndarray) else self.terms.constants(np.asarray(found))

    def get(self, name: str, default: Any = None) -> Any:
        """An argument that is no tensor."""
        found = self.given.get(name, default)
        if isinstance(found, np.ndarray):
            raise NoTermsError(name)
        return found

    def word(self, *besides: str) -> tuple[Any, ...]:
        """The operator, its formats, which tensors it has, and its other arguments, but for some."""
        rest = tuple(
            (k, "" if isinstance(v, np.ndarray) else repr(v)) for k, v in self.given.items() if k not in besides
        )
        return name_of(self.op), self.op._overloadname, self.dtypes, rest

    def axes(self, name: str, of: np.ndarray) -> tuple[int, ...]:
        """Axes given as one, several, or none for all."""
        found = self.get(name)
        if found is None or found == []:
            return tuple(range(of.ndim))
        return tuple(a % max(of.ndim, 1) for a in ([found] if isinstance(found, int) else found))


Row = Callable[[Applied], Any]


def _operand(value: Any) -> bool:
    number = isinstance(value, int | float | complex) and not isinstance(value, bool)
    return isinstance(value, np.ndarray) or number


def _elementwise(call: Applied) -> np.ndarray:
    """A function of one element of each operand, numbers among them."""
    names = tuple(name for name, value in call.given.items() if _operand(value))
    wide = np.broadcast_arrays(*map(call.ids, names), np.empty(call.shapes[0]))[:-1]
    return call.terms.of((call.word(*names), names), np.stack(wide, -1))


def _sum(call: Applied) -> np.ndarray:
    """a + b in any order; a + 0 is a."""
    if call.get("alpha", 1) != 1:
        return _elementwise(call)
    return _plus(call, call.ids("self"), call.ids("other"))


def _plus(call: Applied, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    found = call.terms.bag(("plus", call.dtypes[-1]), np.stack([a, b], -1))
    return np.where(call.terms.equal(b, 0), a, np.where(call.terms.equal(a, 0), b, found))


def _product(call: Applied) -> np.ndarray:
    """a · b in any order."""
    a, b = np.broadcast_arrays(call.ids("self"), call.ids("other"))
    return call.terms.bag(("times", call.dtypes[-1]), np.stack([a, b], -1))


def _same(call: Applied) -> np.ndarray:
    return call.ids("self") if len(set(call.dtypes)) == 1 else _elementwise(call)


def _chosen(call: Applied) -> np.ndarray:
    """where(condition, self, other) and masked_fill(self, mask, value)."""
    where = "condition" in call.given
    if not where and _field(call.dtypes[-1]) == 0:
        return _elementwise(call)  # a number may be cut to an integer
    names = ("condition", "self", "other") if where else ("mask", "value", "self")
    if any(name not in call.given for name in names):
        raise NoTermsError("the places where a condition holds")
    condition, yes, no = np.broadcast_arrays(*map(call.ids, names))
    undecided = call.terms.of("where", np.stack([condition, yes, no], -1))
    no_ = np.where(call.terms.equal(condition, 0), no, undecided)
    return np.where((condition < 0) & ~call.terms.equal(condition, 0), yes, no_)


def _moved(call: Applied) -> Any:
    """Any movement: the operator itself, run on the numbers of the terms."""
    if call.op._overloadname == "dtype":
        raise NoTermsError("the same bits as another dtype")
    _check_kept(call)
    given: dict[str, Any] = {"value": int(_zero(call))} if name_of(call.op) == "constant_pad_nd" else {}
    for name, value in call.given.items():
        if name in ("index", "indices"):
            given[name] = call.real(name)
        elif name == "value":
            given[name] = int(call.ids(name))
        else:
            given[name] = _as_numbers(value)
    found = call.op(**given)
    return [f.numpy() for f in found] if isinstance(found, list | tuple) else found.numpy()


def _as_numbers(value: Any) -> Any:
    if isinstance(value, list) and any(isinstance(v, np.ndarray) for v in value):
        return [_as_numbers(v) for v in value]
    return torch.from_numpy(np.array(value, np.int64, order="C")) if isinstance(value, np.ndarray) else value


def _embedding(call: Applied) -> np.ndarray:
    """The element of a column that a token names."""
    table, tokens = call.ids("weight"), call.ids("indices")
    columns = call.terms.of("column", table.T)
    wide = np.broadcast_arrays(tokens[..., None], columns)
    return call.terms.of("row", np.stack(wide, -1))


def _dot(call: Applied, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σ_j a_ij b_jk, without the products with a 0 that is known: (…, m, j), (…, j, k) to (…, m, k)."""
    left, right = a[..., :, None, :], np.swapaxes(b, -1, -2)[..., None, :, :]  # (…, m, 1, j), (…, 1, k, j)
    if prod(np.broadcast_shapes(left.shape, right.shape)) > MOST_PAIRS:
        raise NoTermsError("too many products")
    kept = ~(call.terms.equal(left, 0) | call.terms.equal(right, 0))
    found = call.terms.bag(("dot", call.dtypes[-1]), call.terms.pairs(left, right), kept)
    return np.where(np.broadcast_to(kept, np.broadcast_shapes(left.shape, right.shape)).any(-1), found, _zero(call))


def _zero(call: Applied) -> np.ndarray:
    return call.terms.constants(np.zeros(()))


def _matmul(call: Applied) -> np.ndarray:
    names = [name for name, value in call.given.items() if isinstance(value, np.ndarray)]
    a, b = (call.ids(name) for name in names)
    a, b = a if a.ndim > 1 else a[None], b if b.ndim > 1 else b[:, None]
    return _dot(call, a, b).reshape(call.shapes[0])


def _plus_matmul(call: Applied) -> np.ndarray:
    """c + a b."""
    if call.get("alpha", 1) != 1 or call.get("beta", 1) != 1:
        raise NoTermsError("other factors than 1")
    c, a, b = (call.ids(name) for name, value in call.given.items() if isinstance(value, np.ndarray))
    return _plus(call, np.broadcast_to(c, call.shapes[0]), _dot(call, a, b))


def _reduction(neutral: float | None) -> Row:
    """A symmetric function of the elements along some axes, in which a neutral one does not count."""

    def row(call: Applied) -> Any:
        if "other" in call.given:
            return _elementwise(call)
        x = call.ids("self")
        axes = call.axes("dim", x) if "dim" in call.given else tuple(range(x.ndim))
        order = [*(k for k in range(x.ndim) if k not in axes), *axes]
        flat = x.transpose(order).reshape(*(x.shape[k] for k in order[: x.ndim - len(axes)]), -1)
        kept = None if neutral is None else ~call.terms.equal(flat, neutral)
        first = call.terms.bag(call.word("dim", "keepdim"), flat, kept).reshape(call.shapes[0])
        return [first, *map(call.terms.fresh, call.shapes[1:])] if len(call.shapes) > 1 else first

    return row


def _field(dtype: str) -> int:
    """0 of integers and truth values, 1 of real and 2 of complex numbers."""
    return 2 if "complex" in dtype else int(dtype.startswith(REAL))


REAL = ("torch.float", "torch.bfloat")
"""What names of formats begin with in which a real number that is no integer is not cut to one."""


WIDEST = ("torch.float32", "torch.float64", "torch.int64")
"""Formats that a sum may be asked for in."""


def _check_kept(call: Applied) -> None:
    """Are elements what they were, over the real numbers, when they are moved or added?

    Raises:
        NoTermsError: they are written in another format, or cut to an integer or a real part.
    """
    *given, out = call.dtypes
    cut = any(_field(d) > _field(out) for d in given)
    written = "src" in call.given and len(set(call.dtypes)) > 1
    asked = call.given.get("dtype") is not None and out not in (*WIDEST, given[0])
    if cut or written or asked:
        raise NoTermsError("numbers that are cut to another format")


def _total(call: Applied, x: np.ndarray) -> np.ndarray:
    """A sum along the last axis: of one term it is that term."""
    _check_kept(call)
    kept = ~call.terms.equal(x, 0)
    found = call.terms.bag(("sum", call.dtypes[-1]), x, kept)
    single = np.where(kept, x, np.iinfo(np.int64).min).max(-1, initial=np.iinfo(np.int64).min)
    return np.where(kept.sum(-1) == 1, single, found)


def _summed(call: Applied) -> np.ndarray:
    x = call.ids("self")
    axes = call.axes("dim", x) if "dim" in call.given else tuple(range(x.ndim))
    rest = [k for k in range(x.ndim) if k not in axes]
    flat = x.transpose([*rest, *axes]).reshape(*(x.shape[k] for k in rest), -1)
    return _total(call, flat).reshape(call.shapes[0])


def _softmax(call: Applied) -> np.ndarray:
    """A score among those of its row that are not −∞."""
    x = np.moveaxis(call.ids("self"), call.get("dim"), -1)
    row = call.terms.bag("scores", x, ~call.terms.equal(x, -np.inf))
    found = call.terms.of(call.word("dim"), np.stack(np.broadcast_arrays(x, row[..., None]), -1))
    return np.moveaxis(found, -1, call.get("dim"))


def _attention(call: Applied) -> Any:
    """softmax(q kᵀ + mask) v, without the places that a mask hides."""
    query, key, value = (call.ids(name) for name in ("query", "key", "value"))
    if call.get("dropout_p", 0.0):
        raise NoTermsError("dropout")
    if call.get("enable_gqa", False):
        key, value = (np.repeat(t, query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    scores = _dot(call, query, np.swapaxes(key, -1, -2))  # (…, m, s)
    kept = np.ones(scores.shape[-2:], bool)
    kept = np.tril(kept) if call.get("is_causal", False) else kept
    mask = call.real("attn_mask") if call.given.get("attn_mask") is not None else None
    if mask is not None and mask.dtype == torch.bool:
        kept = kept & mask.numpy()
    elif mask is not None:
        numbers = mask.double().numpy()
        scores = _plus(call, *np.broadcast_arrays(scores, call.terms.constants(np.where(numbers < 0, numbers, 0.0))))
        if (numbers > 0).any() or np.isnan(numbers).any():
            raise NoTermsError("a mask that adds")
        kept = kept & (numbers != -np.inf)
    kept = np.broadcast_to(kept, scores.shape)
    if not kept.any(-1).all():
        raise NoTermsError("a row that is masked all over")
    row = call.terms.bag("scores", scores, kept)[..., None]
    word = ("softmax", call.dtypes[-1], repr(call.get("scale")), query.shape[-1])
    weights = call.terms.of(word, np.stack(np.broadcast_arrays(scores, row), -1))
    first = _dot(call, np.where(kept, weights, _zero(call)), value)
    return [first, *map(call.terms.fresh, call.shapes[1:])] if len(call.shapes) > 1 else first


def _layer_norm(call: Applied) -> list[np.ndarray]:
    """Each element, those of its norm, and what it is scaled and moved by."""
    x, inner = call.ids("input"), tuple(call.get("normalized_shape"))
    lead = x.shape[: x.ndim - len(inner)]
    row = call.terms.bag("norm", x.reshape(*lead, -1)).reshape(*lead, *(1 for _ in inner))
    extra = [call.ids(name) for name in ("weight", "bias") if call.given.get(name) is not None]
    present = tuple(call.given.get(name) is not None for name in ("weight", "bias"))
    operands = np.stack(np.broadcast_arrays(x, row, *extra), -1)
    first = call.terms.of((call.word("normalized_shape"), present), operands)
    return [first, *map(call.terms.fresh, call.shapes[1:])]


def _running_sum(call: Applied) -> np.ndarray:
    """Sums of the first i + 1."""
    x = np.moveaxis(call.ids("self"), call.get("dim"), -1)
    sums = [_total(call, x[..., : i + 1]) for i in range(x.shape[-1])]
    return np.moveaxis(np.stack(sums, -1), -1, call.get("dim")) if sums else x


def _convolution(call: Applied) -> np.ndarray:
    """(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups), along one axis."""
    x, w = call.ids("input"), call.ids("weight")
    if call.get("transposed") or w.ndim != 3 or x.ndim != 3:
        raise NoTermsError("another convolution than one along one axis")
    (step,), (pad,), (gap,) = (list(call.get(name)) for name in ("stride", "padding", "dilation"))
    groups, (outputs, channels, taps) = call.get("groups"), w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)), constant_values=int(_zero(call)))
    places = np.arange(call.shapes[0][2])[:, None] * step + np.arange(taps) * gap  # (n, taps)
    parts = []
    for group in range(groups):
        seen = padded[:, group * channels : (group + 1) * channels][:, :, places]  # (batch, channels, n, taps)
        rows = seen.transpose(0, 2, 1, 3).reshape(x.shape[0], len(places), -1)
        filters = w[group * outputs // groups : (group + 1) * outputs // groups].reshape(outputs // groups, -1)
        parts.append(_dot(call, rows, filters.T).swapaxes(1, 2))
    found = np.concatenate(parts, 1)
    return found if call.given.get("bias") is None else _plus(call, found, call.ids("bias")[:, None])


ROWS: dict[str, Row] = {
    **{name: _elementwise for name in (*POINTWISE, *TAMED)},
    **{
        name: _elementwise
        for name in (
            "sub", "div", "true_divide", "bitwise_and", "logical_and", "bitwise_or", "logical_or", "minimum",
            "maximum", "neg",
        )
    },
    "add": _sum,
    "mul": _product,
    **{name: _same for name in ("clone", "alias", "detach", "contiguous", "_to_copy", "to", "lift_fresh_copy")},
    "where": _chosen,
    "masked_fill": _chosen,
    **{
        name: _moved
        for name in (
            "view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "t", "expand", "select",
            "slice", "split", "split_with_sizes", "unbind", "flip", "roll", "repeat", "cat", "unfold", "diagonal",
            "select_scatter", "slice_scatter", "diagonal_scatter", "constant_pad_nd", "index_select", "gather", "index",
        )
    },
    "embedding": _embedding,
    **{name: _matmul for name in ("mm", "bmm", "matmul", "mv", "dot")},
    **{name: _plus_matmul for name in ("addmm", "baddbmm")},
    "sum": _summed,
    **{name: _reduction(None) for name in ("mean", "var", "std", "linalg_vector_norm")},
    "amax": _reduction(-np.inf),
    "amin": _reduction(np.inf),
    "max": _reduction(-np.inf),
    "min": _reduction(np.inf),
    "logsumexp": _reduction(-np.inf),
    **{name: _softmax for name in ("_softmax", "_safe_softmax", "_log_softmax")},
    "scaled_dot_product_attention": _attention,
    "native_layer_norm": _layer_norm,
    "cumsum": _running_sum,
    "convolution": _convolution,
}  # fmt: skip
"""Operators, and the terms of their results; of any other, terms of their own."""


@dataclass
class Elements:
    """One pass over a graph: for every tensor the numbers of its elements' terms.

    Args:
        values: what is known of every node; hidden: nodes that may read what no operand's value shows.
    """

    terms: Terms
    values: Mapping[fx.Node, Any]
    hidden: set[fx.Node]
    rows: Mapping[str, Row]

    def run(self, module: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        """The outputs, as the graph returns them."""

        def held(tensor: torch.Tensor) -> np.ndarray:
            return self.terms.constants(tensor.detach().double().numpy() if tensor.is_floating_point() else
                                        tensor.detach().numpy())  # fmt: skip

        return walked(module, inputs, held, self._call, lambda node, value: None)

    def _call(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        args: Any = fx.map_arg(node.args, lambda n: values[n])
        kwargs: Any = fx.map_arg(node.kwargs, lambda n: values[n])
        if node.target is operator.getitem:
            return args[0][args[1]]
        found = node.meta.get("val")
        several = isinstance(found, list | tuple)
        parts: Sequence[Any] = found if isinstance(found, list | tuple) else [found]
        tensors = [v for v in parts if isinstance(v, torch.Tensor)]
        known = self.values.get(node)
        if isinstance(known, Dependence) and known.is_constant:
            return self.terms.constants(known.array)
        try:
            made = self._made(node, args, kwargs, tensors)
        except (NoTermsError, OverflowError, KeyError, RuntimeError, TypeError, ValueError):
            made = [self.terms.fresh(tuple(t.shape)) for t in tensors]
        numbers = made if isinstance(made, list) else [made]
        sides = known if isinstance(known, list) else [known]
        if len(numbers) == len(sides):
            numbers = [self._settled(m, k) for m, k in zip(numbers, sides, strict=True)]
        return numbers if several else numbers[0] if numbers else None

    def _settled(self, numbers: np.ndarray, known: Any) -> np.ndarray:
        """The numbers, those of constants where an element is known."""
        if not isinstance(known, Dependence) or not known.known.any():
            return numbers
        if numbers.shape != known.shape:
            raise AssertionError(f"expected terms of {known.shape}, got {numbers.shape}")
        there = np.broadcast_to(known.known, known.shape)
        settled = numbers.copy()
        settled[there] = self.terms.constants(known.array[there])
        return settled

    def _made(self, node: fx.Node, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> Any:
        op = node.target
        if not isinstance(op, torch._ops.OpOverload) or node in self.hidden:
            raise NoTermsError(str(op))
        name = name_of(op)
        if name in IGNORED:
            return []
        if name not in self.rows or op.namespace not in PURE or draws(op, node.args, node.kwargs):
            raise NoTermsError(name)
        schema = [a.name for a in op._schema.arguments]
        given = dict(zip(schema, args, strict=False)) | dict(kwargs)
        nodes = dict(zip(schema, node.args, strict=False)) | dict(node.kwargs)

        def real(argument: str) -> Any:
            return _real(nodes[argument], self.values)

        held = [n.meta.get("val") for n in node.all_input_nodes]
        dtypes = [str(t.dtype) for t in (*held, *tensors) if isinstance(t, torch.Tensor)]
        call = Applied(self.terms, op, given, real, tuple(tuple(t.shape) for t in tensors), tuple(dtypes))
        return self.rows[name](call)


def _real(argument: Any, values: Mapping[fx.Node, Any]) -> Any:
    """A tensor that is known, as it is.

    Raises:
        NoTermsError: it is not.
    """
    if isinstance(argument, list | tuple):
        return [_real(a, values) for a in argument]
    if not isinstance(argument, fx.Node):
        return argument
    known = values.get(argument)
    if not isinstance(known, Dependence) or not known.is_constant:
        raise NoTermsError("places that depend on the data")
    return as_tensor(known.array, argument.meta["val"].dtype)


def elements_of(module: fx.GraphModule) -> int:
    """How many elements a graph computes, but for those that are moved alone."""
    nodes = (n for n in module.graph.nodes if not (isinstance(n.target, torch._ops.OpOverload) and _moves(n)))
    values: list[Any] = [n.meta.get("val") for n in nodes if n.target is not operator.getitem]
    flat = (t for v in values for t in (v if isinstance(v, list | tuple) else [v]))
    return sum(t.numel() for t in flat if isinstance(t, torch.Tensor))


def _moves(node: fx.Node) -> bool:
    return ROWS.get(name_of(node.target)) is _moved
