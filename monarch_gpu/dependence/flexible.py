"""FlexAttention: attention whose scores and mask are functions of places, which a graph holds as graphs of their own.

`score_mod(score, b, h, q, k)` and `mask_mod(b, h, q, k)` are of numbers. They are interpreted for all places at once: a
number is a tensor of four axes, b along the first and k along the last, of size 1 where it does not vary. That is the
same for operators of one element of each operand, and for a captured tensor that is looked up; there are no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from monarch_gpu.dependence.table import POINTWISE, RULES, TAMED, Call, NoRuleError, Value, plain, repeated_heads
from monarch_gpu.dependence.tensors import as_array, as_tensor
from monarch_theory.leaks.dependence import Dependence, Lattice, constant
from monarch_theory.leaks.dependence.mixing import contract, softmax
from monarch_theory.leaks.dependence.movement import expand, permute
from monarch_theory.leaks.dependence.pointwise import choose
from monarch_theory.leaks.dependence.value import broadcast

__all__ = ["attend"]

AXES = 4
OF_NUMBERS = {
    *POINTWISE, *TAMED, "add", "sub", "mul", "div", "true_divide", "bitwise_and", "bitwise_or", "logical_and",
    "logical_or", "minimum", "maximum", "neg", "where", "masked_fill", "clone", "alias", "detach", "_to_copy", "to",
}  # fmt: skip
"""Operators of one element of each operand."""
MADE = {"full", "scalar_tensor"}
"""Operators that make a number from none."""


def attend(lattice: Lattice, args: Sequence[Any], walk: Any) -> Dependence:
    """softmax(score_mod(q kᵀ), where mask_mod is) v, from the arguments of the operator, graphs among them.

    Args:
        walk: goes through a graph, as `interpret.walked`.

    Raises:
        NoRuleError: a function of places has an operator that is none of numbers.
    """
    query, key, value = (plain(a) for a in args[:3])
    key, value = (t if t.shape[1] == query.shape[1] else repeated_heads(t, query.shape[1]) for t in (key, value))
    scores = contract(query, permute(key, (0, 1, 3, 2)))  # (b, h, q, k), up to the factor that all have

    def of_places(function: fx.GraphModule, given: Sequence[Any]) -> Dependence:
        found = walk(
            function, given, lambda tensor: constant(lattice, as_array(tensor)),
            lambda node, values: _number(lattice, node, values), lambda node, value: None,
        )  # fmt: skip
        return broadcast(found[0] if isinstance(found, list | tuple) else found, AXES)

    places = [constant(lattice, np.arange(n).reshape(_along(axis, n))) for axis, n in enumerate(scores.shape)]
    changed = of_places(args[3], [scores, *places, *args[7]])
    kept = of_places(args[4][-1], [*places, *args[8]])
    masked = choose(kept, changed, constant(lattice, np.full((1,) * AXES, -np.inf)))
    return contract(softmax(expand(masked, scores.shape), AXES - 1), value)


def _along(axis: int, size: int) -> tuple[int, ...]:
    return tuple(size if k == axis else 1 for k in range(AXES))


def _number(lattice: Lattice, node: fx.Node, values: dict[fx.Node, Any]) -> Dependence:
    """What a node of a function of places is at all of them."""
    args: Any = fx.map_arg(node.args, lambda n: plain(values[n]))
    kwargs: Any = fx.map_arg(node.kwargs, lambda n: values[n])
    op, like = node.target, node.meta.get("val")
    name = op._schema.name.removeprefix("aten::") if isinstance(op, torch._ops.OpOverload) else str(op)
    if name not in OF_NUMBERS | MADE | {"index"} or not isinstance(op, torch._ops.OpOverload):
        raise NoRuleError(f"{name} in a function of places")
    if not isinstance(like, torch.Tensor) or any(isinstance(v, Value) for v in kwargs.values()):
        raise NoRuleError(f"{name} of several results, or with a tensor by keyword, in a function of places")
    described: dict[int | str, Any] = {k: n.meta["val"] for k, n in enumerate(node.args) if isinstance(n, fx.Node)}
    if name == "index":
        return _looked_up(lattice, op, args, like.dtype)
    args = tuple(broadcast(a, AXES) if isinstance(a, Dependence) else a for a in args)
    operands = [a for a in args if isinstance(a, Dependence)]
    if all(a.is_constant for a in operands):
        real = [_real(a, described[k].dtype) if isinstance(a, Dependence) else a for k, a in enumerate(args)]
        return broadcast(constant(lattice, as_array(op(*real, **kwargs))), AXES)
    shape = np.broadcast_shapes(*(a.shape for a in operands))
    found: Dependence = plain(RULES[name](Call(lattice, op, args, kwargs, described, ((shape, like.dtype),))))
    return found


def _looked_up(lattice: Lattice, op: Any, args: Sequence[Any], dtype: torch.dtype) -> Dependence:
    """The elements of a captured tensor at places for all of its axes."""
    indices: list[Any] = [i if i is None else broadcast(i, AXES) for i in args[1]]
    if None in indices or len(indices) != len(args[0].shape):
        raise NoRuleError("what is looked up in a function of places is no number")
    shape = np.broadcast_shapes(*(i.shape for i in indices))
    found: Dependence = RULES["index"](Call(lattice, op, (args[0], indices), {}, {}, ((shape, dtype),)))
    return found


def _real(number: Dependence, dtype: torch.dtype) -> torch.Tensor:
    """A number that is known, in its format; integers as wide as they are counted, which the graph may say narrower."""
    held = torch.from_numpy(np.zeros(0, number.values.dtype)).dtype if number.values.dtype.kind in "iu" else dtype
    return as_tensor(number.array, held)
