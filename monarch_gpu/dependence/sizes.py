"""ATen operators and how large their results can be, from how large their arguments are: one row for each.

A row gets a `Use` and returns a span of every output (`monarch_theory.leaks.dependence.magnitude`), of what is computed
in floating point, in the format the graph says. An operator without a row may give anything, integers and booleans
apart, which are finite; what is known of its arguments is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import fx

from monarch_gpu.dependence.tensors import as_array
from monarch_theory.leaks.dependence.magnitude import (
    Grain,
    Span,
    attended,
    chosen,
    contracted,
    contraction_size,
    exact,
    extended,
    hull,
    monotone,
    nothing,
    own_root_mean_square,
    part_of_sum,
    product,
    quotient,
    reduced,
    soft,
    standardised,
    stored,
    within,
)

__all__ = ["SIZES", "Use", "compared_size", "grain_of", "of_format"]

Row = Callable[["Use"], Any]
FUNCTION = 32
"""Roundings that a function such as exp is taken to be off by."""
TENSOR_CORE = 2.0**-11
"""The unit roundoff that factors of a single-precision product may be rounded with before they are multiplied."""


def grain_of(dtype: torch.dtype) -> Grain:
    """The largest number, unit roundoff and least normal number of a format; of integers a little less than theirs."""
    if dtype == torch.bool:
        return Grain(1.0, 0.0, 0.0)
    if not dtype.is_floating_point:
        return Grain(float(torch.iinfo(dtype).max) * (1 - 2.0**-40), 0.0, 0.0)
    info = torch.finfo(dtype)
    return Grain(info.max, info.eps / 2, info.tiny)


def _accumulating(dtype: torch.dtype) -> Grain:
    """The format in which the terms of a product of matrices may be rounded: that of single precision is coarser."""
    grain = grain_of(dtype)
    return grain if dtype == torch.float64 else Grain(grain.top, max(grain.unit, TENSOR_CORE), grain.tiny)


def _inner(dtype: torch.dtype) -> Grain:
    """The format that norms compute in: single precision at least."""
    return grain_of(torch.float32 if dtype.itemsize < 4 else dtype)


def of_format(shape: Sequence[int], dtype: torch.dtype) -> Span:
    """All that a tensor of a format may hold, where nothing else is known; floating point may be anything."""
    if dtype == torch.bool:
        return within(shape, 0.0, 1.0)
    if dtype.is_floating_point or dtype.is_complex:
        return nothing(shape)
    info = torch.iinfo(dtype)
    return within(shape, float(info.min), float(info.max))


@dataclass(frozen=True)
class Use:
    """One node of the graph: its arguments are spans, tensors that are known, or no tensors."""

    node: fx.Node
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[tuple[tuple[int, ...], torch.dtype], ...]

    @property
    def op(self) -> Any:
        """The overload that is called."""
        return self.node.target

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first output."""
        return self.outputs[0][0]

    @property
    def dtype(self) -> torch.dtype:
        """Of the first output."""
        return self.outputs[0][1]

    @property
    def grain(self) -> Grain:
        """Of the first output."""
        return grain_of(self.dtype)

    def get(self, name: str, default: Any = None) -> Any:
        """An argument by the name it has in the schema."""
        names = [a.name for a in self.op._schema.arguments]
        if name not in names:
            return default
        index = names.index(name)
        return self.args[index] if index < len(self.args) else self.kwargs.get(name, default)

    def span(self, index: int) -> Span:
        """An argument as a span, a number as one of no axes; what is of another format may be rounded to this one."""
        given, argument = as_span(self.args[index]), self.node.args[index]
        dtype = argument.meta["val"].dtype if isinstance(argument, fx.Node) else None
        if dtype == self.dtype or (dtype is None and isinstance(argument, int)) or not self.grain.unit:
            return given
        slack = 2 * self.grain.unit
        ends = ((e, np.where(np.isfinite(e), np.abs(e), 0.0) * slack) for e in (given.low, given.high))
        (low, below), (high, above) = ends
        return Span(given.shape, low - below, high + above)

    def store(self, shape: Sequence[int], ends: Any, roundings: float = 1, once: bool = False) -> Span:
        """Bounds of what is computed in the format of the first output."""
        return stored(shape, ends, self.grain, roundings, once)

    def run(self, array: np.ndarray) -> np.ndarray:
        """The operator itself, on double precision in place of its first argument."""
        return as_array(self.op(torch.from_numpy(np.array(array, np.float64)), *self.args[1:], **self.kwargs))


def as_span(argument: Any) -> Span:
    """A tensor that is known, or a number, as a span."""
    if isinstance(argument, Span):
        return argument
    if isinstance(argument, torch.Tensor):
        return nothing(argument.shape) if argument.dtype.is_complex else exact(as_array(argument))
    return exact(np.asarray(argument, np.float64)) if isinstance(argument, bool | int | float) else nothing(())


def _spans(arguments: Any) -> list[Span]:
    """All tensors among the arguments, in lists, too."""
    found = []
    for a in arguments:
        if isinstance(a, Span | torch.Tensor):
            found.append(as_span(a))
        elif isinstance(a, list | tuple):
            found += _spans(a)
    return found


# functions of one element


def _monotone(use: Use) -> Span:
    """A function that rises or falls: its values at the ends."""
    a = use.span(0)
    if _spans((*use.args[1:], *use.kwargs.values())):
        return nothing(use.shape)
    return use.store(a.shape, monotone(use.run, a), FUNCTION)


def _if_positive(*names: str) -> Row:
    """One that rises as long as some of its arguments are not negative."""

    def row(use: Use) -> Span:
        if any(not isinstance(v := use.get(name, 1), int | float) or v < 0 for name in names):
            return nothing(use.shape)
        return _monotone(use)

    return row


def _always(low: float, high: float) -> Row:
    """Between two numbers, whatever finite number comes in."""
    return lambda use: within(use.shape, low, high) if use.span(0).finite else nothing(use.shape)


def _gated(use: Use) -> Span:
    """x times a weight between 0 and 1 that is small where x is negative: no larger than x, and at least −1/2."""
    a = use.span(0)
    if not a.finite:
        return nothing(use.shape)
    return use.store(use.shape, (np.minimum(a.low, 0) * 0 - 0.5, np.maximum(a.high, 0.0)), FUNCTION)


def _softplus(use: Use) -> Span:
    """log(1 + exp(βx)) / β: positive, and at most 1/β above x or 0."""
    a, beta = use.span(0), use.get("beta", 1)
    if not a.finite or not beta > 0:
        return nothing(use.shape)
    return use.store(use.shape, (0 * a.low, np.maximum(a.high, 0.0) + 1 / beta), FUNCTION)


def _absolute(use: Use) -> Span:
    a = use.span(0)
    if not a.finite:
        return nothing(use.shape)
    return use.store(use.shape, (_distance(a), a.sizes), once=True)


def _distance(a: Span) -> np.ndarray:
    """How near to 0 an element can come."""
    return np.maximum(np.maximum(a.low, -a.high), 0.0)


def _power(use: Use) -> Span:
    """x to a power that is known, or a positive number to the power of x."""
    base, exponent = use.args[0], use.args[1]
    if isinstance(base, int | float):
        a = use.span(1)
        if not base > 0:
            return nothing(use.shape)
        return use.store(use.shape, monotone(lambda x: np.asarray(np.power(float(base), x)), a), FUNCTION)
    a = use.span(0)
    if not isinstance(exponent, int | float) or not a.finite:
        return nothing(use.shape)

    def raised(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.power(x, float(exponent)))

    whole, positive = float(exponent).is_integer(), bool((a.low > 0).all())
    if whole and exponent >= 0 and exponent % 2 == 0:
        with np.errstate(over="ignore"):
            return use.store(use.shape, (raised(_distance(a)), raised(a.sizes)), FUNCTION)
    if not positive and not (whole and exponent >= 0) and (exponent < 0 or (a.low < 0).any()):
        return nothing(use.shape)
    return use.store(use.shape, monotone(raised, a), FUNCTION)


def _root(use: Use) -> Span:
    """√x of what is at least 0, or its reciprocal of what is at least a normal number."""
    a = use.span(0)
    return _monotone(use) if (a.low >= 0).all() else nothing(use.shape)


def _logarithm(use: Use) -> Span:
    a = use.span(0)
    return _monotone(use) if (a.low > 0).all() else nothing(use.shape)


# of two or three


def _sum(name: str) -> Row:
    """a + αb or a − αb."""

    def row(use: Use) -> Span:
        alpha = use.get("alpha", 1)
        if alpha == 1:
            shape, ends = extended(name, use.span(0), use.span(1))
            return use.store(shape, ends, once=True)
        scaled = use.store(use.span(1).shape, product(use.span(1), as_span(alpha))[1])
        return use.store(*extended(name, use.span(0), scaled), roundings=2)

    return row


def _product(use: Use) -> Span:
    ratio = _of_own_root_mean_square(use)
    found = use.store(*product(use.span(0), use.span(1)))
    if ratio is None or not use.span(0).finite or not use.span(1).finite:
        return found
    return stored(use.shape, (np.maximum(found.low, -ratio), np.minimum(found.high, ratio)), use.grain)


def _of_own_root_mean_square(use: Use) -> float | None:
    """The bound of x · (mean of x² + ε)^(−1/2), where the graph is of that form."""
    for k in (0, 1):
        x, root = use.node.args[k], use.node.args[1 - k]
        if not isinstance(root, fx.Node) or not isinstance(x, fx.Node):
            continue
        name, args = _called(root)
        if name == "pow" and not (len(args) == 2 and args[1] == -0.5):
            continue
        if name not in ("rsqrt", "pow"):
            continue
        name, args = _called(args[0])
        if name != "add" or not isinstance(args[1], float) or root.args[0].kwargs:  # type: ignore[union-attr]
            continue
        if args[1] < 4 * use.grain.tiny:
            continue
        mean = args[0]
        name, args = _called(mean)
        if name != "mean" or len(args) < 2:
            continue
        name, squared = _called(args[0])
        square = (name == "pow" and squared[0] is x and squared[1] == 2) or (name == "mul" and squared == (x, x))
        shape = x.meta["val"].shape
        if square and mean.meta["val"].ndim == len(shape):
            return own_root_mean_square(prod(shape[axis] for axis in args[1]), use.grain)
    return None


def _called(node: Any) -> tuple[str, tuple[Any, ...]]:
    """The name of the operator that a node calls, and its arguments."""
    if not isinstance(node, fx.Node) or not isinstance(node.target, torch._ops.OpOverload):
        return "", ()
    return node.target._schema.name.removeprefix("aten::"), node.args


def _quotient(use: Use) -> Span:
    if use.kwargs.get("rounding_mode") is not None:
        return nothing(use.shape)
    found = use.store(*quotient(use.span(0), use.span(1)))
    count = _of_own_sum(use.node)
    if (
        not count
        or not found.finite
        or (use.span(0).low < 0).any()
        or use.span(1).low.min() < 4 * count * use.grain.tiny
    ):
        return found
    return stored(use.shape, (found.low, np.minimum(found.high, part_of_sum(count, use.grain))), use.grain)


def _of_own_sum(node: fx.Node) -> int:
    """How many terms the sum has that x is divided by, where it is of x itself, or no less; 0 for another divisor."""
    x, sum_ = node.args[:2]
    name, args = _called(sum_)
    if name == "add" and isinstance(args[1], int | float) and args[1] >= 0 and not sum_.kwargs:  # type: ignore[union-attr]
        name, args = _called(args[0])
    if name != "sum" or len(args) < 2 or args[0] is not x:
        return 0
    shape = x.meta["val"].shape
    kept = len(args) > 2 and args[2] is True
    return prod(shape[axis] for axis in args[1]) if kept else 0


def _reciprocal(use: Use) -> Span:
    return use.store(*quotient(as_span(1.0), use.span(0)))


def _extremum(name: str) -> Row:
    return lambda use: use.store(*extended(name, use.span(0), use.span(1)), once=True)


def _where(use: Use) -> Any:
    if len(use.args) != 3:
        return nothing(use.shape)
    known = as_array(use.args[0]) if isinstance(use.args[0], torch.Tensor) else None
    found = chosen(known, _padded(use.span(1), use.shape), _padded(use.span(2), use.shape))
    return use.store(use.shape, (found.low, found.high), once=True)


def _padded(a: Span, shape: Sequence[int]) -> Span:
    """Of the shape of the result, by broadcasting."""
    lead = (1,) * (len(shape) - len(a.shape))
    return Span(tuple(shape), a.low.reshape(lead + a.low.shape), a.high.reshape(lead + a.high.shape))


# movement


def _moved(use: Use) -> Any:
    """Every element is one of those that came in: which one, the operator itself says, run on the bounds."""
    spans = _spans((*use.args, *use.kwargs.values()))
    if use.op._overloadname == "dtype":  # the same bits as another format
        return [nothing(shape) for shape, _ in use.outputs]
    whole = [hull(spans, shape) for shape, _ in use.outputs]
    if all(map(_uniform, spans)) and len({(s.low.item(), s.high.item()) for s in spans}) == 1:
        return whole
    if sum(prod(s.shape) for s in spans) > MOVED:
        return whole
    ends = [use.op(*_at(use.args, end), **_at(use.kwargs, end)) for end in ("low", "high")]
    parts = [e if isinstance(e, list | tuple) else [e] for e in ends]
    return [_of_ends(low, high) for low, high in zip(*parts, strict=True)]


MOVED = 1 << 24


def _uniform(a: Span) -> bool:
    """Whether all elements have the same bounds."""
    return a.low.size == a.high.size == 1


def _at(arguments: Any, end: str) -> Any:
    """The arguments with tensors of bounds in place of tensors."""
    if isinstance(arguments, dict):
        return {k: _at(v, end) for k, v in arguments.items()}
    if isinstance(arguments, list | tuple):
        return [_at(v, end) for v in arguments]
    if isinstance(arguments, torch.Tensor):
        return arguments.to(torch.float64)
    if isinstance(arguments, Span):
        return torch.from_numpy(np.broadcast_to(getattr(arguments, end), arguments.shape).copy())
    return arguments


def _of_ends(low: torch.Tensor, high: torch.Tensor) -> Span:
    return stored(low.shape, (low.numpy(), high.numpy()), Grain(np.inf, 0.0, 0.0), once=True)


def _padding(use: Use) -> Any:
    """Movement, with a number for what is new."""
    x = use.span(0)
    if _uniform(x):
        return hull([x, as_span(float(use.get("value", 0) or 0))], use.shape)
    return _moved(use)


def _any_of(*names: str) -> Row:
    """Elements of some of the arguments, which ones depends on the data."""

    def row(use: Use) -> list[Span]:
        if use.get("accumulate", False) or use.get("reduce") is not None:
            return [of_format(s, d) for s, d in use.outputs]
        spans = _spans([use.get(name) for name in names])
        numbers = [as_span(float(v)) for name in names if isinstance(v := use.get(name), bool | int | float)]
        return [hull([*spans, *numbers], s) if not k else of_format(s, d) for k, (s, d) in enumerate(use.outputs)]

    return row


def _indexed(*places: int) -> Row:
    """Movement by known places; by others, any element of the first argument."""

    def row(use: Use) -> Any:
        where = [a for k in places for a in (use.args[k] if isinstance(use.args[k], list | tuple) else [use.args[k]])]
        if any(isinstance(a, Span) for a in where) or not isinstance(use.args[0], Span) or _uniform(use.span(0)):
            return hull([use.span(0)], use.shape)
        rest = use.args[1:]
        return _of_ends(*(use.op(_at(use.args[0], end), *rest, **use.kwargs) for end in ("low", "high")))

    return row


def _embedding(use: Use) -> Span:
    """Rows of a table: each column between its least and its most."""
    table = use.span(0)
    if not prod(table.shape):
        return nothing(use.shape)
    low, high = table.low.min(axis=0), table.high.max(axis=0)
    lead = (1,) * (len(use.shape) - 1)
    return use.store(use.shape, (low.reshape((*lead, -1)), high.reshape((*lead, -1))), once=True)


def _copied(use: Use) -> Span:
    """A copy, or a cast: rounded once; to integers, towards 0 where it fits."""
    a = use.span(0)
    if use.dtype == torch.bool:
        return within(use.shape, 0.0, 1.0)
    return use.store(use.shape, (a.low, a.high), once=True)


def _copied_second(use: Use) -> Span:
    a = _padded(use.span(1), use.shape)
    return use.store(use.shape, (a.low, a.high), once=True)


def _sum_scattered(use: Use) -> Span:
    """Values added at places along an axis, at one place all of them at most."""
    x, values, axis = use.span(0), as_span(use.args[3]), use.args[1]
    count = values.shape[axis] if values.shape else 1
    size = x.size + count * values.size
    return use.store(use.shape, tuple(np.full((1,) * len(use.shape), s * size) for s in (-1, 1)), count + 2)


# mixing


def _axes(axes: Any, ndim: int) -> tuple[int, ...]:
    if axes is None or (isinstance(axes, list | tuple) and not axes):
        return tuple(range(ndim))
    return tuple(axis % ndim if ndim else 0 for axis in ([axes] if isinstance(axes, int) else axes)) if ndim else ()


def _reduction(name: str) -> Row:
    """A sum, mean, maximum or minimum over some axes or all; further outputs are places."""

    def row(use: Use) -> list[Span]:
        if use.op._overloadname == "other":
            return [_extremum(name)(use)]
        x = use.span(0)
        found = reduced(name, x, _axes(use.get("dim"), len(x.shape)), use.grain)
        low, high = (_squeezed(a, found.shape, use.shape) for a in (found.low, found.high))
        first = use.store(use.shape, (low, high), once=True)
        return [first, *[of_format(s, d) for s, d in use.outputs[1:]]]

    return row


def _squeezed(a: np.ndarray, old: Sequence[int], new: Sequence[int]) -> np.ndarray:
    """Without the axes of size 1 that are left out."""
    if len(old) == len(new):
        return a
    return np.broadcast_to(a, old).reshape(new)


def _running_sum(use: Use) -> Span:
    """Sums of 1 to n terms."""
    x = use.span(0)
    n = x.shape[use.args[1]] if x.shape else 1
    if not x.finite:
        return nothing(use.shape)
    size = x.size * n * np.ones((1,) * len(use.shape))
    return use.store(use.shape, (0 * size if (x.low >= 0).all() else -size, size), n + 1)


def _log_sum_exp(use: Use) -> Span:
    """At least the maximum, and at most log(n) more."""
    x = use.span(0)
    axes = _axes(use.get("dim"), len(x.shape))
    found = reduced("maximum", x, axes, use.grain)
    more = np.log(max(prod(x.shape[k] for k in axes), 1)) + 1
    low, high = (_squeezed(a, found.shape, use.shape) for a in (found.low, found.high + more))
    return use.store(use.shape, (low, high), FUNCTION) if x.finite else nothing(use.shape)


def _norm(use: Use) -> Span:
    """√ of a sum of squares."""
    x = use.span(0)
    if use.get("ord", 2) != 2 or not x.finite:
        return nothing(use.shape)
    count = prod(x.shape[k] for k in _axes(use.get("dim"), len(x.shape)))
    if x.size**2 * count * 2 > use.grain.top:
        return nothing(use.shape)
    ones = np.ones((1,) * len(use.shape))
    return use.store(use.shape, (0 * ones, np.sqrt(count) * x.size * ones), count + 16)


def _sorted(use: Use) -> list[Span]:
    """Elements in another order, and their places."""
    return [hull([use.span(0)], s) if not k else of_format(s, d) for k, (s, d) in enumerate(use.outputs)]


def _softmax(log: bool) -> Row:
    def row(use: Use) -> Span:
        x = use.span(0)
        if not x.shape:
            return nothing(use.shape)
        found = soft(x, use.args[1] % len(x.shape), log)
        return use.store(use.shape, (found.low, found.high), 1)

    return row


def _matrix(a: Span, column: bool = False) -> Span:
    """A vector as a row, or as a column."""
    if len(a.shape) > 1:
        return a
    place = (..., None) if column else (None,)
    shape = (*a.shape, 1) if column else (1, *a.shape)
    return Span(shape, a.low[place], a.high[place])


def _multiplied(use: Use, a: int, b: int) -> Span:
    left, right = _matrix(use.span(a)), _matrix(use.span(b), column=True)
    return contracted(left, right, _accumulating(use.dtype))


def _matmul(use: Use) -> Span:
    found = _multiplied(use, 0, 1)
    low, high = (_squeezed(a, found.shape, use.shape) for a in (found.low, found.high))
    return use.store(use.shape, (low, high))


def _plus_matmul(use: Use) -> Span:
    """β c + α a b."""
    found = _multiplied(use, 1, 2)
    if len(use.shape) == 1:
        low, high = (_squeezed(a, found.shape, use.shape) for a in (found.low, found.high))
        found = Span(use.shape, low, high)
    found = use.store(found.shape, product(found, as_span(use.get("alpha", 1)))[1])
    c = use.store(use.span(0).shape, product(use.span(0), as_span(use.get("beta", 1)))[1])
    return use.store(*extended("sum", c, found), roundings=2)


def _scaled(use: Use, size: float, shape: Sequence[int]) -> Span:
    """±size times the weight, plus the bias: what a norm ends with."""
    weight, bias = use.get("weight"), use.get("bias")
    low = 0.0 if bias is None else as_span(bias).size
    total = size * (1.0 if weight is None else as_span(weight).size) + low
    if not total < np.inf:
        return nothing(shape)
    return use.store(shape, tuple(np.full((1,) * len(shape), s * total) for s in (-1, 1)), 8)


def _layer_norm(use: Use) -> list[Span]:
    """(x − mean) / √(variance + ε) over the last axes, then weight and bias; also the mean and 1/√."""
    x, eps = use.span(0), use.args[4]
    count = prod(x.shape[len(x.shape) - len(use.args[1]) :])
    size = standardised(x, count, eps, _inner(use.dtype)) if x.finite else np.inf
    return [_scaled(use, size, use.shape), *_statistics(use, x, eps, size)]


def _statistics(use: Use, x: Span, eps: float, size: float) -> list[Span]:
    """The mean and 1/√(variance + ε)."""
    rest = use.outputs[1:]
    if len(rest) != 2 or not size < np.inf:
        return [of_format(s, d) for s, d in rest]
    return [within(rest[0][0], -2 * x.size, 2 * x.size), within(rest[1][0], 0.0, 2 / np.sqrt(eps))]


def _group_norm(use: Use) -> list[Span]:
    """The same over the channels of a group and all places: (x, weight, bias, N, C, HxW, group, eps)."""
    x, channels, places, groups, eps = use.span(0), *use.args[4:8]
    size = standardised(x, channels // groups * places, eps, _inner(use.dtype)) if x.finite else np.inf
    return [_scaled(use, size, use.shape), *_statistics(use, x, eps, size)]


def compared_size(use: Use) -> float:
    """What scores inside attention do not exceed in absolute value, before the mask is added."""
    query, key = use.span(0), use.span(1)
    scale = use.get("scale")
    factor = abs(float(scale)) if scale is not None else 1 / np.sqrt(max(query.shape[-1], 1))
    if isinstance(use.args[0], torch.Tensor) and isinstance(use.args[1], torch.Tensor):  # both are known
        keys = use.args[1]
        if use.get("enable_gqa", False):
            keys = keys.repeat_interleave(use.args[0].shape[-3] // keys.shape[-3], -3)
        return float(as_span(use.args[0] @ keys.transpose(-1, -2)).size * factor)
    flipped = Span((*key.shape[:-2], key.shape[-1], key.shape[-2]), key.low.swapaxes(-1, -2), key.high.swapaxes(-1, -2))
    if not query.finite or not key.finite:
        return float("inf")
    if use.get("enable_gqa", False):
        flipped = within((*flipped.shape[:-3], 1, *flipped.shape[-2:]), -key.size, key.size)
    size = contraction_size(query, flipped, _accumulating(use.dtype)).max(initial=0.0)
    return float(size * max(factor, 1e-300) * (1 + 32 * use.grain.unit + 2.0**-40))


def _attention(use: Use) -> Any:
    """Averages of the values, where no row is masked all over."""
    value, mask, size = use.span(2), use.get("attn_mask"), compared_size(use)
    rest = [of_format(s, d) for s, d in use.outputs[1:]]
    if not size <= use.grain.top / 4 or not value.finite or use.get("dropout_p", 0.0):
        return [nothing(use.shape), *rest]
    if mask is not None and not _leaves_some(mask, bool(use.get("is_causal", False)), size, use):
        return [nothing(use.shape), *rest]
    return [attended(value, use.shape, _accumulating(use.dtype)), *rest]


def _leaves_some(mask: Any, causal: bool, size: float, use: Use) -> bool:
    """Whether every row has a place with a score that is certainly finite."""
    if causal:
        return False
    if isinstance(mask, torch.Tensor) and mask.dtype == torch.bool:
        return bool(mask.any(-1).all())
    ends = extended("sum", as_span(mask), within((1,) * len(as_span(mask).shape), -size, size))
    total = use.store(*ends, once=True)
    if isinstance(mask, Span) and _dtype_of(use, "attn_mask") == torch.bool:
        return False
    return total.bounded and bool((total.low > -np.inf).any(axis=-1).all())


def _dtype_of(use: Use, name: str) -> torch.dtype | None:
    names = [a.name for a in use.op._schema.arguments]
    given = use.node.kwargs.get(name) or (
        use.node.args[names.index(name)] if names.index(name) < len(use.node.args) else None
    )
    return given.meta["val"].dtype if isinstance(given, fx.Node) else None


def _convolution(use: Use) -> Span:
    """(x, w, bias, …): the largest input times the sum of a filter's absolute values; transposed, of all filters'."""
    x, w, bias, transposed = use.span(0), use.span(1), use.args[2], use.args[6]
    if not x.finite or not w.finite:
        return nothing(use.shape)
    sizes = np.broadcast_to(w.sizes, w.shape)
    terms = prod(w.shape) if transposed else prod(w.shape[1:])
    unit = _accumulating(use.dtype).unit
    total = float(sizes.sum() if transposed else sizes.reshape(w.shape[0], -1).sum(1).max(initial=0.0)) * x.size
    total = (total + (0.0 if bias is None else as_span(bias).size)) * np.exp((terms + 4) * np.log1p(2 * unit))
    if not total < np.inf:
        return nothing(use.shape)
    return use.store(use.shape, tuple(np.full((1,) * len(use.shape), s * total) for s in (-1, 1)), 2)


RISING = (
    "exp", "exp2", "expm1", "sigmoid", "tanh", "erf", "relu", "atan", "asinh", "neg", "floor",
    "ceil", "trunc", "round", "erfc", "sign", "sinh", "hardtanh", "clamp",
)  # fmt: skip
"""Functions of one element that rise, or fall, all along."""
COPIES = (
    "clone", "alias", "_to_copy",
)  # fmt: skip
MOVEMENTS = (
    "view", "squeeze", "unsqueeze", "permute", "expand", "select", "slice",
    "split_with_sizes", "flip", "repeat", "cat", "unfold", "diagonal",
    "slice_scatter", "diagonal_scatter",
)  # fmt: skip

SIZES: dict[str, Row] = {
    **{name: _monotone for name in RISING},
    **{name: _copied for name in COPIES},
    **{name: _moved for name in MOVEMENTS},
    "constant_pad_nd": _padding,
    "elu": _if_positive("alpha", "scale", "input_scale"),
    "leaky_relu": _if_positive("negative_slope"),
    "gelu": _gated,
    "softplus": _softplus,
    "sin": _always(-1.0, 1.0),
    "cos": _always(-1.0, 1.0),
    "abs": _absolute,
    "pow": _power,
    "sqrt": _root,
    "rsqrt": _logarithm,
    "log": _logarithm,
    "log1p": _root,
    "reciprocal": _reciprocal,
    "add": _sum("sum"),
    "sub": _sum("difference"),
    "mul": _product,
    "div": _quotient,
    "minimum": _extremum("minimum"),
    "maximum": _extremum("maximum"),
    "where": _where,
    "copy": _copied_second,
    "gather": _indexed(2),
    "index_select": _indexed(2),
    "index": _indexed(1),
    "embedding": _embedding,
    "index_put": _any_of("self", "values"),
    "scatter": _any_of("self", "src", "value"),
    "scatter_add": _sum_scattered,
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "amax": _reduction("maximum"),
    "amin": _reduction("minimum"),
    "max": _reduction("maximum"),
    "min": _reduction("minimum"),
    "cumsum": _running_sum,
    "logsumexp": _log_sum_exp,
    "linalg_vector_norm": _norm,
    "sort": _sorted,
    "topk": _sorted,
    "_softmax": _softmax(False),
    "_log_softmax": _softmax(True),
    "mm": _matmul,
    "bmm": _matmul,
    "addmm": _plus_matmul,
    "addmv": _plus_matmul,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "scaled_dot_product_attention": _attention,
    "convolution": _convolution,
}
