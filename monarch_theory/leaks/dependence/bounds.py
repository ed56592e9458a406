"""What elements may be, as long as scores are no larger than supposed: what a mask of finite numbers needs.

A score with −1e9 added is no known number. Its weight in a softmax is zero in floating point if another score of its
row is larger by enough, which no rule can know for all inputs and all weights. So it is *supposed*, at a place that is
named, that scores stay within ±size; what follows holds under that condition, and is never called proved without it.

**Supposition.** `suppose` is the one rule that takes anything for granted: the elements are finite, and within ±size.
**Range.** Of some functions no supposition is needed: tanh lies between −1 and 1 whatever comes in, and so scores that
are capped by it meet the condition with all weights (`ranged`).
**Format.** A finite number of a format is no larger than its largest, M (`of_format`). So scores within ±cM, c ≤ 7/16,
as products over √d with d ≥ 6 are, stay below a mask of −M with all weights.
**Bounds.** Every element, known or not, that is no NaN lies between its bounds; where there are none nothing is said.
Sums, differences, products, quotients, maxima and minima have bounds from those of their operands, rounded outwards,
selections and movements keep them, and every other operation drops them.
**Underflow.** An element is *beaten* if another along the axis is larger by `GAP` = 1000 and by a sixteenth of both, so
that no rounding closes the gap. Its weight is at most e^−1000, for which every floating-point format has 0: the least
double is e^−745. A row in which no element is certainly that large, as one whose places are all masked, beats none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from monarch_theory.leaks.dependence.record import rule
from monarch_theory.leaks.dependence.value import ANY, FINITE, Dependence, shrunk

__all__ = ["BETWEEN", "GAP", "beaten", "limits", "of_format", "ranged", "suppose", "with_limits"]

GAP = 1000.0
SIXTEENTH = 1 / 16
Limits = tuple[np.ndarray, np.ndarray]


def corners(function: np.ufunc, a: Limits, b: Limits) -> Limits:
    """The extremes of a product or a quotient are at ends of both; NaN, which says nothing, where one is no number."""
    with np.errstate(all="ignore"):
        found = np.broadcast_arrays(*(function(x, y) for x in a for y in b))
        return np.minimum.reduce(found), np.maximum.reduce(found)


def divided(a: Limits, b: Limits) -> Limits:
    """A quotient by what keeps its sign; of any other nothing is said."""
    least, most = corners(np.divide, a, b)
    signed = (b[0] > 0) | (b[1] < 0)
    return np.where(signed, least, np.nan), np.where(signed, most, np.nan)


def outward(found: Limits) -> Limits:
    """The next number below and above, as what was computed is rounded: 10³⁰ ± 1 less 10³⁰ is no 0.

    >>> least, most = outward((np.array([1e30]), np.array([1e30])))
    >>> bool(least < 1e30 < most)
    True
    """
    return np.nextafter(found[0], -np.inf), np.nextafter(found[1], np.inf)


BETWEEN: dict[str, Callable[[Limits, Limits], Limits]] = {
    "sum": lambda a, b: outward((a[0] + b[0], a[1] + b[1])),
    "difference": lambda a, b: outward((a[0] - b[1], a[1] - b[0])),
    "minimum": lambda a, b: (np.minimum(a[0], b[0]), np.minimum(a[1], b[1])),
    "maximum": lambda a, b: (np.maximum(a[0], b[0]), np.maximum(a[1], b[1])),
    "product": lambda a, b: outward(corners(np.multiply, a, b)),
    "quotient": lambda a, b: outward(divided(a, b)),
}
"""Least and most of an operation's result, from those of its operands."""


def limits(value: Dependence) -> Limits:
    """The least and the most that each element can be, compressed; the value itself where it is known."""
    if value.bounds is None:
        least, most = (np.full((1,) * len(value.shape), infinity) for infinity in (-np.inf, np.inf))
    else:
        least, most = value.bounds[..., 0], value.bounds[..., 1]
    if value.values.dtype.kind not in "fiu" or not value.known.any():
        return least, most
    known, values = value.known & (value.values == value.values), value.values.astype(np.float64)
    return np.where(known, values, least), np.where(known, values, most)


def with_limits(value: Dependence, least: np.ndarray, most: np.ndarray) -> Dependence:
    """The value with bounds; those of an infinity less itself are none, and known elements are their own."""
    least, most = np.broadcast_arrays(np.where(least == least, least, -np.inf), np.where(most == most, most, np.inf))
    bounds = np.stack([least, most], -1)
    known = limits(replace(value, bounds=bounds))
    return replace(value, bounds=shrunk(np.stack(np.broadcast_arrays(*known), -1), keep_last=True))


@rule
def suppose(value: Dependence, size: float, where: str) -> Dependence:
    """The value, of which it is supposed that no element is larger than `size` in absolute value, infinite or NaN.

    Args:
        where: the place in the model, for people.

    >>> from monarch_theory.leaks.dependence import latest, unknown
    >>> limits(suppose(unknown(latest(2), (1,)), 8.0, "scores"))
    (array([-8.]), array([8.]))
    """
    ones = (1,) * len(value.shape)
    return with_limits(replace(value, infinite=FINITE), np.full(ones, -size), np.full(ones, size))


@rule
def ranged(value: Dependence, least: float, most: float) -> Dependence:
    """The value of a function that lies between two numbers, whatever comes in, where it is a number at all.

    >>> from monarch_theory.leaks.dependence import latest, unknown
    >>> limits(ranged(unknown(latest(2), (1,)), 0.0, 1.0))
    (array([0.]), array([1.]))
    """
    ones = (1,) * len(value.shape)
    return with_limits(value, np.full(ones, least), np.full(ones, most))


@rule
def of_format(value: Dependence, largest: float) -> Dependence:
    """The value, as what is finite in a format is no larger than its largest number; what may be infinite stays free.

    >>> from monarch_theory.leaks.dependence import latest, unknown
    >>> limits(of_format(unknown(latest(2), (1,)), 65504.0))
    (array([-65504.]), array([65504.]))
    """
    if value.infinite != FINITE:
        return value
    ones = (1,) * len(value.shape)
    return with_limits(value, np.full(ones, -largest), np.full(ones, largest))


def beaten(value: Dependence, axes: Sequence[int]) -> np.ndarray:
    """Where another element along the axes is larger by so much that the weight is 0: bool, compressed."""
    none = np.zeros((1,) * len(value.shape), bool)
    if value.bounds is None or value.infinite == ANY or 0 in value.shape:
        return none
    if value.values.dtype.kind == "f" and (value.known & ~(value.values < np.inf)).any():
        return none
    least, most = limits(value)
    top = least.max(axis=tuple(axes), keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):
        return shrunk(top - most >= GAP + SIXTEENTH * np.abs(top) + SIXTEENTH * np.abs(most))
