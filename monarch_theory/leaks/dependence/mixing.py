"""Rules for operations that mix the elements along an axis.

**Reduction.** A sum, maximum or any other function of all the elements along some axes depends on the union; what is
known among them adds nothing. **Contraction.** Σ_j a_ij b_jk is a product and then a reduction: a term with a factor
known to be zero is known, and so adds nothing. **Softmax.** A place known to be −∞ is 0 afterwards, unless the whole
row is, and so is one that is beaten (`bounds`); any other depends on the rest of the row. **Scan.** A running sum,
maximum or recurrence: the union of what came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from monarch_theory.leaks.dependence.bounds import beaten, limits, with_limits
from monarch_theory.leaks.dependence.movement import rehomed, reshape
from monarch_theory.leaks.dependence.pointwise import Evaluate, filled, pointwise
from monarch_theory.leaks.dependence.record import rule
from monarch_theory.leaks.dependence.value import (
    ANY,
    FINITE,
    Dependence,
    broadcast,
    dependences,
    joined,
    masked,
    masked_join,
    merged,
    shrunk,
    unknown,
    zeros_only,
)  # fmt: skip

__all__ = ["attention", "contract", "everything", "forget", "mixed", "reduce", "scan", "softmax", "window"]

LARGE = 1 << 28


@rule
def reduce(
    value: Dependence,
    axes: Sequence[int],
    keepdims: bool = True,
    evaluate: Evaluate | None = None,
    neutral: float | None = None,
) -> Dependence:
    """A function of all the elements along some axes.

    Args:
        evaluate: the function, from an array of values to one with size 1 along the axes; used where all are known.
        neutral: an infinity that a finite element beats: −∞ says that it is a maximum, +∞ a minimum.
    """
    axes = tuple(axes)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
    terms = joined(value, axes, keep=_unbeaten(value, axes, neutral))
    known = np.zeros((1,) * len(shape), bool)
    values = np.zeros((1,) * len(shape))
    if evaluate is not None and 0 not in value.shape and value.known.all(axis=axes, keepdims=True).any():
        known = np.asarray(value.known.all(axis=axes, keepdims=True))
        numbers = filled(value)
        values = np.asarray(evaluate(np.broadcast_to(numbers, _wide(numbers, value.shape, axes))))
    level = max(value.infinite, _infinities(value, axes, neutral, evaluate is not None))
    home = value.home if value.home is not None and all(value.home.shape[axis] == 1 for axis in axes) else None
    result = Dependence(value.lattice, shape, terms, shrunk(known), shrunk(values), level, home)
    if neutral == -np.inf and value.bounds is not None and 0 not in value.shape:
        result = with_limits(result, *(each.max(axis=axes, keepdims=True) for each in limits(value)))
    if keepdims:
        return result
    return reshape(result, tuple(size for axis, size in enumerate(value.shape) if axis not in axes))


def _unbeaten(value: Dependence, axes: tuple[int, ...], neutral: float | None) -> np.ndarray | None:
    """Which elements can be a maximum; None where nothing is said."""
    return ~beaten(value, axes) if neutral == -np.inf and value.bounds is not None else None


def _wide(a: np.ndarray, shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The array's shape with the axes at full size, which a reduction that counts needs."""
    return tuple(shape[axis] if axis in axes else size for axis, size in enumerate(a.shape))


def _infinities(value: Dependence, axes: tuple[int, ...], neutral: float | None, still_known: bool = False) -> int:
    """`ANY` if a known infinity or NaN comes into a result that is not known.

    Args:
        still_known: whether a result is known where all that it comes from is.
    """
    if value.values.dtype.kind not in "fc":
        return FINITE
    bad = value.known & ~np.isfinite(value.values)
    if not bad.any():
        return FINITE
    whole = value.known.all(axis=axes, keepdims=True)
    if neutral is not None:
        bad = bad & ((value.values != neutral) | whole)
    return ANY if (bad & ~whole if still_known else bad).any() else FINITE


@rule
def mixed(
    value: Dependence, axes: Sequence[int], shape: Sequence[int] | None = None, neutral: float | None = None
) -> Dependence:
    """Every output along the axes depends on all the inputs along them: a sort, a matrix, a normalisation.

    Args:
        shape: of the result; sizes may differ along `axes` only.
        neutral: as in `reduce`.
    """
    shape = value.shape if shape is None else tuple(shape)
    level = max(value.infinite, _infinities(value, tuple(axes), neutral))
    known = np.zeros((1,) * len(shape), bool)
    home = value.home
    if home is not None and any(s != t and h > 1 for s, t, h in zip(shape, value.shape, home.shape, strict=True)):
        home = None
    nothing = np.zeros((1,) * len(shape))
    terms = joined(value, axes, keep=_unbeaten(value, tuple(axes), neutral))
    return Dependence(value.lattice, shape, terms, known, nothing, level, home)


@rule
def everything(values: Sequence[Dependence], shape: Sequence[int], finite: bool = False) -> Dependence:
    """What no rule knows: every element of the result depends on every element of the operands.

    Args:
        finite: whether the result is finite where the operands are.
    """
    lattice = values[0].lattice
    ndim = len(shape)
    term = lattice.nothing(ndim)
    for v in values:
        for t in joined(v, range(len(v.shape))):
            term = lattice.join(term, t.reshape((1,) * ndim + (lattice.components,)))
    clean = finite and all(v.infinite == FINITE and np.isfinite(v.values).all() for v in values)
    return replace(unknown(lattice, shape), terms=merged(lattice, [term]), infinite=FINITE if clean else ANY)


@rule
def scan(value: Dependence, axis: int, evaluate: Evaluate | None = None) -> Dependence:
    """Element i along the axis depends on elements 0 … i.

    Args:
        evaluate: the function, along the same axis; used for a beginning that is known.
    """
    lattice = value.lattice
    counted = value.known
    terms = []
    for term in value.terms:
        t = masked(lattice, term, counted)
        terms.append(t if t.shape[axis] == 1 else lattice.join.accumulate(t, axis=axis))
    ones = (1,) * len(value.shape)
    known, values = np.zeros(ones, bool), np.zeros(ones)
    if evaluate is not None and counted.any():
        known = np.logical_and.accumulate(np.broadcast_to(counted, _wide(counted, value.shape, (axis,))), axis=axis)
        numbers = filled(value)
        values = np.asarray(evaluate(np.broadcast_to(numbers, _wide(numbers, value.shape, (axis,)))))
    level = max(value.infinite, _infinities(value, (axis,), None))
    return Dependence(lattice, value.shape, merged(lattice, terms), shrunk(known), shrunk(values), level, value.home)


@rule
def softmax(value: Dependence, axis: int, log: bool = False) -> Dependence:
    """exp(x_j) / Σ_k exp(x_k) along an axis, or its logarithm."""
    numbers = value.values
    minus, other = np.zeros(value.known.shape, bool), np.zeros(value.known.shape, bool)
    if numbers.dtype.kind == "f":
        minus = value.known & np.isneginf(numbers)
        other = value.known & (np.isnan(numbers) | np.isposinf(numbers))
    low = np.zeros((1,) * len(value.shape), bool) if log else beaten(value, (axis,))
    row = joined(value, (axis,), keep=~low)
    known = minus & ~minus.all(axis=axis, keepdims=True) if not other.any() else np.zeros(minus.shape, bool)
    known = known | low
    zero = np.full((1,) * len(value.shape), -np.inf if log else 0.0)
    level = ANY if other.any() or minus.all(axis=axis).any() else FINITE
    return Dependence(value.lattice, value.shape, row, shrunk(known), zero, level, value.home)


@rule
def attention(query: Dependence, key: Dependence, value: Dependence, kept: np.ndarray) -> Dependence:
    """softmax(q kᵀ) v, a row's places that are not kept being −∞ before: what softmax and contraction give, in one.

    Args:
        query: (…, m, d). key: (…, s, d). value: (…, s, e). All finite.
        kept: bool (…, m, s), compressed. A row that keeps nothing gives constants.
    """
    ndim = max(len(query.shape), len(key.shape), len(value.shape), kept.ndim)
    query, key, value = (broadcast(v, ndim) for v in (query, key, value))
    kept = kept.reshape((1,) * (ndim - kept.ndim) + kept.shape)[..., None]  # (…, m, s, 1)
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2], kept.shape[:-3])
    terms = list(joined(query, (ndim - 1,)))  # (…, m, 1)
    memory = [*joined(key, (ndim - 1,)), *(masked(value.lattice, t, value.known) for t in value.terms)]
    for term in merged(value.lattice, memory):  # (…, s, 1 or e)
        wide = term.reshape(*term.shape[: ndim - 2], 1, *term.shape[ndim - 2 :])  # (…, 1, s, e)
        found = masked_join(query.lattice, wide, kept, (ndim - 1,))
        terms.append(found.reshape(*found.shape[: ndim - 1], *found.shape[ndim:]))
    shape = (*lead, query.shape[-2], value.shape[-1])
    nothing = np.zeros((1,) * ndim)
    level = FINITE if kept.any(axis=-2).all() else ANY
    home = query.home
    return Dependence(query.lattice, shape, merged(query.lattice, terms), nothing.astype(bool), nothing, level, home)


def contract(a: Dependence, b: Dependence) -> Dependence:
    """a (…, m, j) times b (…, j, k), with broadcasting before: (…, m, k)."""
    ndim = max(len(a.shape), len(b.shape))
    a, b = broadcast(a, ndim), broadcast(b, ndim)
    left = reshape(a, (*a.shape, 1))  # (…, m, j, 1)
    right = reshape(b, (*b.shape[:-2], 1, *b.shape[-2:]))  # (…, 1, j, k)
    if prod(np.broadcast_shapes(left.known.shape, right.known.shape)) > LARGE:
        left, right = forget(left), right
    product = zeros_only(pointwise([left, right], np.multiply, "product"))
    return reduce(product, (ndim - 1,), False, lambda a: np.zeros((1,) * a.ndim))


@rule
def forget(value: Dependence) -> Dependence:
    """The value without its known elements: sound, and smaller."""
    nothing = np.zeros((1,) * len(value.shape))
    level = ANY if value.values.dtype.kind in "fc" and not np.isfinite(value.values).all() else value.infinite
    terms = merged(value.lattice, [dependences(value)])
    return replace(value, terms=terms, known=nothing.astype(bool), values=nothing, infinite=level, bounds=None)


@rule
def window(
    value: Dependence,
    axis: int,
    taps: Sequence[int],
    size: int,
    step: int = 1,
    spread: int = 1,
) -> Dependence:
    """Output t along the axis depends on the inputs s with s · spread = t · step + tap, for each tap.

    A convolution with known places of its taps (spread 1, step the stride) or a transposed one (step 1).
    """
    lattice = value.lattice
    n = value.shape[axis]
    shape = (*value.shape[:axis], size, *value.shape[axis + 1 :])
    places = np.arange(size)
    nothing = lattice.nothing(len(shape))
    terms = []
    for term in (masked(lattice, t, value.known) for t in value.terms):
        wide = list(term.shape)
        wide[axis] = size
        result = np.broadcast_to(nothing, wide).copy()
        for tap in taps:
            at, remainder = np.divmod(places * step + tap, spread)
            valid = (remainder == 0) & (at >= 0) & (at < n)
            picked = term if term.shape[axis] == 1 else term.take(np.where(valid, at, 0), axis)
            outside = ~valid.reshape((-1,) + (1,) * (len(shape) - axis - 1))
            result = lattice.join(result, masked(lattice, picked, np.broadcast_to(outside, result.shape[axis:-1])))
        terms.append(shrunk(result, keep_last=True))
    level = max(value.infinite, _infinities(value, (axis,), None))
    home = _window_home(value, shape, axis)
    ones = np.zeros((1,) * len(shape))
    return Dependence(lattice, shape, merged(lattice, terms), ones.astype(bool), ones, level, home)


def _window_home(value: Dependence, shape: Sequence[int], axis: int) -> np.ndarray | None:
    """Own positions, and none for what stands beyond the last, as a padded convolution has before it is cut."""
    if value.home is None or value.home.shape[axis] == 1 or shape[axis] <= value.lattice.positions:
        return rehomed(value, shape, axis)
    along = [1] * len(shape)
    along[axis] = shape[axis]
    home = np.arange(shape[axis], dtype=np.int32)
    return np.where(home < value.lattice.positions, home, -1).reshape(along)
