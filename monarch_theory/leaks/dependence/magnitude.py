"""How large numbers can be, whatever the inputs are, where the weights are what they are: what a condition needs.

A proof under a condition supposes that scores stay within a bound. With the weights at their values that can be
decided: a row of an embedding is no larger than its table, a norm no larger than √d times its weight whatever comes
in, a softmax no larger than 1, and a matrix multiplies a bound by the sums of its rows.

**Meaning.** Of an element whose `high` is not ∞: it is no NaN and not +∞, it is at most `high`, and at least `low`, or
−∞ where `low` is −∞. Of an element whose `high` is ∞ nothing is said. **Floating point.** Bounds are of what is
computed, in a format, in any order of the terms: `stored` widens what is meant by rounding, and gives a bound up where
it may overflow; where a positive number may underflow, its bound is 0. Bounds are themselves computed in double
precision, and widened for that. **Compression.** Both arrays have the tensor's rank, and size 1 along axes where they
do not vary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from monarch_theory.leaks.dependence.value import shrunk

__all__ = [
    "Grain", "Span", "attended", "chosen", "contracted", "contraction_size", "exact", "extended", "hull", "monotone",
    "nothing", "own_root_mean_square", "part_of_sum", "product", "quotient", "reduced", "soft",
    "standardised", "stored", "within",
]  # fmt: skip

LIMIT = 1 << 24
"""Bounds of so many elements are kept apart, those of more are one."""
GRAIN = 2.0**-50
"""More than what a few operations in double precision round a bound by."""
Ends = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Grain:
    """A format: its largest number, its unit roundoff (0 of integers) and its least positive normal number.

    >>> Grain(65504.0, 2.0**-11, 2.0**-14).top
    65504.0
    """

    top: float
    unit: float
    tiny: float


@dataclass(frozen=True, eq=False)
class Span:
    """The least and the most of each element of a tensor of some `shape`; see the module."""

    shape: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray

    @property
    def bounded(self) -> bool:
        """Whether every element is no NaN and not +∞."""
        return bool((self.high < np.inf).all())

    @property
    def finite(self) -> bool:
        """Whether every element is finite."""
        return self.bounded and bool((self.low > -np.inf).all())

    @property
    def size(self) -> float:
        """What no element exceeds in absolute value; ∞ where there is no bound."""
        return float(self.sizes.max(initial=0.0))

    @property
    def sizes(self) -> np.ndarray:
        """The same of each element."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


def spanned(shape: Sequence[int], low: np.ndarray, high: np.ndarray) -> Span:
    """Bounds as a span: what is no number says nothing, and too many are one."""
    low, high = np.broadcast_arrays(np.asarray(low, np.float64), np.asarray(high, np.float64))
    known = (low == low) & (high < np.inf)
    low, high = np.where(known, low, -np.inf), np.where(known, high, np.inf)
    if low.size > LIMIT:
        low, high = (f(a).reshape((1,) * len(shape)) for f, a in ((np.min, low), (np.max, high)))
    return Span(tuple(shape), shrunk(low), shrunk(high))


def nothing(shape: Sequence[int]) -> Span:
    """A tensor of which nothing is said."""
    ones = (1,) * len(shape)
    return Span(tuple(shape), np.full(ones, -np.inf), np.full(ones, np.inf))


def within(shape: Sequence[int], low: float, high: float) -> Span:
    """All elements between two numbers."""
    ones = (1,) * len(shape)
    return spanned(shape, np.full(ones, low), np.full(ones, high))


def exact(values: np.ndarray) -> Span:
    """A tensor that is known."""
    values = np.asarray(values, np.float64)
    return spanned(values.shape, values, values)


def stored(shape: Sequence[int], ends: Ends, grain: Grain, roundings: float = 1, once: bool = False) -> Span:
    """Bounds of what is computed in a format, from bounds of what is meant.

    Args:
        roundings: so many factors 1 + 2u is the result away from what is meant, at most.
        once: whether the result is what is meant, rounded to the nearest number; then bounds round with it, and what is
            less than half a unit above the largest number is that number.

    >>> half = Grain(65504.0, 2.0**-11, 2.0**-14)
    >>> edge = np.array([65504.0 + 8]), np.array([65504.0 + 8])
    >>> float(stored((1,), edge, half, once=True).high[0]), float(stored((1,), edge, half).high[0])
    (65504.0, inf)
    """
    low, high = ends
    with np.errstate(over="ignore", invalid="ignore"):
        grow = np.expm1(roundings * np.log1p(2 * grain.unit)) + (GRAIN if grain.unit > GRAIN or not once else 0.0)
        wide = low - np.abs(low) * grow, high + np.abs(high) * grow
    if once:
        top = grain.top * (1 + grain.unit / 2)
        wide = tuple(
            np.where(np.abs(e) <= top, np.clip(w, -grain.top, grain.top), w) for e, w in zip(ends, wide, strict=True)
        )
    least, most = wide
    least, most = np.where(least < -grain.top, -np.inf, least), np.where(most > grain.top, np.inf, most)
    if grain.unit:
        least = np.where((least > 0) & (least < 2 * grain.tiny), 0.0, least)
        most = np.where((most < 0) & (most > -2 * grain.tiny), 0.0, most)
        least = np.where((least < 0) & (least > -grain.tiny), -grain.tiny, least)
        most = np.where((most > 0) & (most < grain.tiny), grain.tiny, most)
    return spanned(shape, least, most)


def _common(*spans: Span) -> tuple[tuple[int, ...], list[Ends]]:
    """The shape of all together, and their bounds with axes of size 1 put before."""
    shape = np.broadcast_shapes(*(s.shape for s in spans))

    def lifted(a: np.ndarray) -> np.ndarray:
        return a.reshape((1,) * (len(shape) - a.ndim) + a.shape)

    return shape, [(lifted(s.low), lifted(s.high)) for s in spans]


def monotone(function: Callable[[np.ndarray], np.ndarray], value: Span) -> Ends:
    """A function that only rises or only falls between the bounds: what it is at both."""
    with np.errstate(all="ignore"):
        a, b = function(value.low), function(value.high)
        known = value.high < np.inf
        return np.where(known, np.minimum(a, b), np.nan), np.where(known, np.maximum(a, b), np.nan)


def extended(name: str, a: Span, b: Span) -> tuple[tuple[int, ...], Ends]:
    """A sum, a difference, a minimum or a maximum: bounds of bounds."""
    shape, ((low, high), (low_b, high_b)) = _common(a, b)
    if name == "difference":
        low_b, high_b = -high_b, -low_b
    function = {"minimum": np.minimum, "maximum": np.maximum}.get(name, np.add)
    with np.errstate(invalid="ignore", over="ignore"):
        known = (high < np.inf) & (high_b < np.inf)
        least, most = function(low, low_b), function(high, high_b)
        return shape, (np.where(known, least, np.nan), np.where(known, most, np.nan))


def _of_corners(a: Span, b: Span, function: np.ufunc) -> tuple[tuple[int, ...], Ends]:
    shape, (x, y) = _common(a, b)
    with np.errstate(all="ignore"):
        corners = [function(p, q) for p in x for q in y]
        known = np.isfinite(x[0] + x[1]) & np.isfinite(y[0] + y[1])
        low, high = (f.reduce(np.broadcast_arrays(*corners)) for f in (np.minimum, np.maximum))
        return shape, (np.where(known, low, np.nan), np.where(known, high, np.nan))


def product(a: Span, b: Span) -> tuple[tuple[int, ...], Ends]:
    """A product of finite numbers: the extremes are at ends of both."""
    return _of_corners(a, b, np.multiply)


def quotient(a: Span, b: Span) -> tuple[tuple[int, ...], Ends]:
    """A quotient by what is not 0 and keeps its sign."""
    shape, (low, high) = _of_corners(a, b, np.divide)
    _, (_, (least, most)) = _common(a, b)
    signed = (least > 0) | (most < 0)
    return shape, (np.where(signed, low, np.nan), np.where(signed, high, np.nan))


def chosen(condition: np.ndarray | None, yes: Span, no: Span) -> Span:
    """One of two, element by element; which one where the condition is known (bool, of the common shape or None)."""
    shape, ((a, b), (c, d)) = _common(yes, no)
    if condition is None:
        return spanned(shape, np.minimum(a, c), np.maximum(b, d))
    shape = np.broadcast_shapes(shape, condition.shape)
    return spanned(shape, np.where(condition, a, c), np.where(condition, b, d))


def hull(spans: Sequence[Span], shape: Sequence[int]) -> Span:
    """Elements that are each one of the elements of these."""
    some = [s for s in spans if prod(s.shape)]
    if not some:
        return within(shape, 0.0, 0.0)
    return within(shape, min(float(s.low.min()) for s in some), max(float(s.high.max()) for s in some))


def _full(a: np.ndarray, shape: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """The array at full size along some axes."""
    return np.broadcast_to(a, [shape[k] if k in axes else s for k, s in enumerate(a.shape)])


def reduced(name: str, value: Span, axes: Sequence[int], grain: Grain) -> Span:
    """A sum, a mean, a maximum or a minimum over some axes, which keep size 1.

    A sum is rounded once for each term, relative to the sum of the absolute values.
    """
    axes = tuple(axes)
    shape = tuple(1 if k in axes else s for k, s in enumerate(value.shape))
    count = prod(value.shape[k] for k in axes)
    if name in ("maximum", "minimum"):
        if count == 0:
            return nothing(shape)
        function = np.maximum if name == "maximum" else np.minimum
        known = (value.high < np.inf).all(axis=axes, keepdims=True)
        low, high = (function.reduce(a, axis=axes, keepdims=True) for a in (value.low, value.high))
        return spanned(shape, np.where(known, low, np.nan), np.where(known, high, np.nan))

    def total(a: np.ndarray) -> np.ndarray:
        times = prod(value.shape[k] for k in axes if a.shape[k] == 1)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(a.sum(axis=axes, keepdims=True) * times)

    known = (value.high < np.inf).all(axis=axes, keepdims=True) if count else np.ones((1,) * len(shape), bool)
    low, high, sizes = total(value.low), total(value.high), total(value.sizes)
    with np.errstate(invalid="ignore", over="ignore"):
        slack = sizes * np.expm1((count + 2) * np.log1p(2 * grain.unit + GRAIN))
        signed = np.where(total(np.minimum(value.low, 0)) == 0, np.maximum(low - slack, 0), low - slack)
        ends = np.where(known, signed, np.nan), np.where(known, high + slack, np.nan)
        found = stored(shape, ends, grain)
        if name == "sum":
            return found
        return stored(shape, (found.low / max(count, 1), found.high / max(count, 1)), grain, 2)


def contraction_size(a: Span, b: Span, grain: Grain) -> np.ndarray:
    """What no element of a (…, m, k) times b (…, k, n), nor a sum on the way, exceeds in absolute value; ∞ for none."""
    k = a.shape[-1]
    left = _full(a.sizes, a.shape, (a.low.ndim - 1,))
    right = _full(b.sizes, b.shape, (b.low.ndim - 2,))
    with np.errstate(invalid="ignore", over="ignore"):
        size = left @ right if k else np.zeros((1,) * max(left.ndim, right.ndim))
        size = size * np.exp((k + 4) * np.log1p(2 * grain.unit + GRAIN))
    return np.where((size == size) & (size <= grain.top), size + 2 * k * grain.tiny, np.inf)


def contracted(a: Span, b: Span, grain: Grain) -> Span:
    """A product of matrices: a bound times the sums of the other's absolute values."""
    size = contraction_size(a, b, grain)
    ndim = size.ndim
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*lead, a.shape[-2], b.shape[-1])
    positive = bool((a.low >= 0).all() and (b.low >= 0).all())
    return spanned(shape, np.zeros((1,) * ndim) if positive else -size, size)


def soft(value: Span, axis: int, log: bool = False) -> Span:
    """A softmax: between 0 and 1, or its logarithm; of a row with an element that is certainly not −∞."""
    low, high = (_full(a, value.shape, (axis,)) for a in (value.low, value.high))
    known = (high < np.inf).all(axis=axis, keepdims=True) & (low > -np.inf).any(axis=axis, keepdims=True)
    if not log:
        return spanned(value.shape, np.where(known, 0.0, np.nan), np.where(known, 1 + 2.0**-6, np.nan))
    with np.errstate(invalid="ignore"):
        deep = low - high.max(axis=axis, keepdims=True) - np.log(max(value.shape[axis], 1)) - 1
    return spanned(value.shape, np.where(known, deep * (1 + 2.0**-6), np.nan), np.where(known, 2.0**-6, np.nan))


def attended(value: Span, shape: Sequence[int], grain: Grain) -> Span:
    """Averages of a value (…, s, e) with weights that add up to 1."""
    s = value.shape[-2]
    size = value.size * np.exp((2 * s + 16) * np.log1p(2 * grain.unit))
    return within(shape, -size, size) if size <= grain.top / 2 else nothing(shape)


def standardised(value: Span, count: int, eps: float, grain: Grain) -> float:
    """What (x − mean) / √(variance + ε) over `count` elements does not exceed, as it is computed in a format.

    Over the real numbers that is √count. A computed mean is off by at most δB, and a computed variance by δB², where B
    bounds |x| and δ is 8 (count + 8) u, by whatever formula it is computed. If the variance is 2δB² or more, what is
    divided by is at least half of it; if less, no element is further than √(2 δ count) B from the mean.
    """
    size = value.size
    delta = 8 * (count + 8) * grain.unit
    if not eps >= 4 * grain.tiny or not size * size * max(count, 1) * 4 <= grain.top or delta >= 0.25:
        return np.inf
    spread = np.sqrt(2.0 * count) + np.sqrt(delta)
    flat = (np.sqrt(2 * delta * count) + delta) * size / np.sqrt(eps)
    return float(min(max(spread, flat), 2 * size * (1 + delta) / np.sqrt(eps)) * (1 + 64 * grain.unit + GRAIN))


def own_root_mean_square(count: int, grain: Grain) -> float:
    """What x / √(mean of x² + ε) does not exceed: √count, as a mean of squares is at least one of them, shared."""
    return float(np.sqrt(max(count, 1)) * np.exp((count + 16) * np.log1p(2 * grain.unit + GRAIN)))


def part_of_sum(count: int, grain: Grain) -> float:
    """What x / (Σ x + ε) does not exceed where no x is negative: 1, as a sum is at least one of its terms."""
    return float(np.exp((count + 8) * np.log1p(2 * grain.unit + GRAIN)) + 2.0**-10)
