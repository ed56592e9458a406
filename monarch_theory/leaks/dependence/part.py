"""Which elements of a long tensor those of a short one are: rules for two graphs of one function, side by side.

A model is called with n inputs, and again with some of these alone, k in a row. **Meaning.** A `Part` of two tensors
claims short[e] = long[p₀(e₀), p₁(e₁), …] for all finite inputs and all weights, for every element e at whose places no
p is −1; where one is, nothing is claimed. So f(x[:k]) = f(x)[:k] is that the output's part is 0 … k − 1 along the
sequence and everything along the other axes. The equality is of real numbers, as is all that `value` says.

What is known of each of the two (`Dependence`) comes in where one of them has more: what is summed beyond the part has
to be known zeros, what a softmax meets there −∞. Two tensors of which all is known are compared as they are. Whatever
fits no rule has no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from monarch_theory.leaks.dependence.value import FINITE, Dependence

__all__ = [
    "LARGEST", "Pair", "Part", "alike_along", "along", "circular", "concatenated", "contracted", "convolved",
    "identical", "moved", "permuted", "pointwise", "reduced", "regrouped", "running", "same_everywhere", "summed",
    "taken", "usual",
]  # fmt: skip

LARGEST = 1 << 24
"""Of tensors with more elements none are followed one by one."""

Part = tuple[np.ndarray, ...]
"""For each axis the places in the long tensor of those in the short one, −1 where nothing is claimed."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A tensor of the long run and one of the short, with what is known of each, and the part if there is one."""

    long: Dependence
    short: Dependence
    part: Part | None = None

    @property
    def known(self) -> bool:
        """Whether all elements of both are."""
        return self.long.is_constant and self.short.is_constant

    def at(self, wanted: Part) -> bool:
        """Whether the short one is known to have the long one's elements of these places, as two constants may."""
        if not self.known or prod(self.short.shape) > LARGEST:
            return False
        valid = [p >= 0 for p in wanted]
        ours = chosen(self.long.values, [p[v] for p, v in zip(wanted, valid, strict=True)])
        theirs = chosen(self.short.values, [np.flatnonzero(v) for v in valid])
        with np.errstate(invalid="ignore"):
            return bool(((ours == theirs) | ((ours != ours) & (theirs != theirs))).all())

    def placed(self, wanted: Part) -> Part | None:
        """The part, or that which is wanted, where all is known and it is so."""
        return self.part if self.part is not None else wanted if self.at(wanted) else None


def chosen(a: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """The elements at all combinations of places; axes of size 1 stay, as nothing varies along them."""
    for axis, at in enumerate(places):
        a = a[(slice(None),) * axis + (slice(0, min(len(at), 1)),)] if a.shape[axis] == 1 else a.take(at, axis)
    return a


def usual(long: Sequence[int], short: Sequence[int], hint: np.ndarray, n: int) -> Part:
    """The places one expects: all of an axis of one size, the inputs' own along the sequence, else the first.

    Args:
        hint: the places of the k inputs among the n, (k,).
    """

    def one(size: int, of: int) -> np.ndarray:
        if (size, of) == (len(hint), n):
            return hint
        return np.where(np.arange(size) < of, np.arange(size), -1)

    return tuple(one(s, m) for s, m in zip(short, long, strict=True))


def identical(places: np.ndarray, size: int) -> bool:
    """Whether these are all the places of an axis of that size, in order."""
    return len(places) == size and bool((places == np.arange(size)).all())


def same_everywhere(pair: Pair) -> bool:
    """Whether the two tensors are the same."""
    part = pair.placed(tuple(map(np.arange, pair.short.shape)))
    return part is not None and all(identical(p, s) for p, s in zip(part, pair.long.shape, strict=True))


def along(part: Part, axis: int, places: np.ndarray) -> Part:
    """The part with other places along one axis."""
    return (*part[:axis], places, *part[axis + 1 :])


# pointwise


def broadcast_part(part: Part, pair: Pair, long: Sequence[int], short: Sequence[int]) -> list[np.ndarray | None]:
    """For each axis of a result the places an operand asks for; None where it has one element for all of them."""
    missing = len(short) - len(part)
    found: list[np.ndarray | None] = [None] * missing
    for axis, places in enumerate(part):
        of, size = pair.long.shape[axis], short[missing + axis]
        wide = np.repeat(places, size) if len(places) == 1 else places
        if of == 1 and long[missing + axis] != 1:
            found.append(None if (wide == 0).all() else np.where(wide == 0, -2, -1))
        else:
            found.append(wide)
    return found


def pointwise(pairs: Sequence[Any], long: Sequence[int], short: Sequence[int], expected: Part) -> Part | None:
    """One element of each operand, with broadcasting: the places that all operands have.

    Args:
        expected: the places of axes of which no operand says anything, and of constants.
    """
    result: list[np.ndarray | None] = [None] * len(short)
    for pair in (p for p in pairs if not p.known):
        if pair.part is None:
            return None
        for axis, places in enumerate(broadcast_part(pair.part, pair, long, short)):
            result[axis] = agreed(result[axis], places)
    part = tuple(settled(r, e) for r, e in zip(result, expected, strict=True))
    return part if all(fits(pair, part, long, short) for pair in pairs if pair.known) else None


def agreed(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    """Places that both claim; −2 claims any place."""
    if a is None or b is None:
        return b if a is None else a
    return np.where(a == -2, b, np.where((b == -2) | (a == b), a, -1))


def settled(places: np.ndarray | None, expected: np.ndarray) -> np.ndarray:
    """Places, those that are expected where any would do."""
    return expected if places is None else np.where(places == -2, expected, places)


def fits(pair: Pair, part: Part, long: Sequence[int], short: Sequence[int]) -> bool:
    """Whether a constant operand of a result has that part, broadcast."""
    missing = len(short) - len(pair.short.shape)
    wanted = []
    for axis, size in enumerate(pair.short.shape):
        places = part[missing + axis]
        if pair.long.shape[axis] == 1 and long[missing + axis] != 1:
            places = np.where(places >= 0, 0, -1)
        if size != short[missing + axis]:  # one element for all
            known = np.unique(places[places >= 0])
            if len(known) > 1:
                return False
            places = known if len(known) else np.array([-1])
        wanted.append(places)
    return pair.at(tuple(wanted))


# movement


def permuted(part: Part, order: Sequence[int]) -> Part:
    """Axes in another order."""
    return tuple(part[axis] for axis in order)


def taken(part: Part, axis: int, long: Iterable[int], short: Iterable[int]) -> Part:
    """Elements at given indices along an axis, those of the long tensor and those of the short one."""
    at: dict[int, list[int]] = {}
    for p, index in enumerate(long):
        at.setdefault(int(index), []).append(p)
    places = []
    for e, index in enumerate(short):
        options = at.get(int(part[axis][index]), [-1])
        places.append(e if e in options else options[0])
    return along(part, axis, np.array(places, np.int64))


def concatenated(pairs: Sequence[Pair], axis: int, expected: Part) -> Part | None:
    """Tensors one after the other; those known find their places beside the others'."""
    around: list[np.ndarray | None] = [None] * len(expected)
    for pair in (p for p in pairs if not p.known):
        if pair.part is None:
            return None
        around = [r if a == axis else agreed(r, pair.part[a]) for a, r in enumerate(around)]
    sides = [e if r is None else r for r, e in zip(around, expected, strict=True)]
    pieces, start = [], 0
    for pair in pairs:
        own = pair.part[axis] if pair.part is not None and not pair.known else known_piece(pair, axis, sides)
        pieces.append(np.where(own >= 0, own + start, -1))
        start += pair.long.shape[axis]
    return along(tuple(sides), axis, np.concatenate(pieces))


def known_piece(pair: Pair, axis: int, sides: Sequence[np.ndarray]) -> np.ndarray:
    """Places of a constant along an axis: from its beginning, else from its end, else none."""
    size, of = pair.short.shape[axis], pair.long.shape[axis]
    for places in (np.arange(size), np.arange(size) + of - size):
        held = np.where((places >= 0) & (places < of), places, -1)
        if pair.at(along(tuple(sides), axis, held)):
            return held
    return np.full(size, -1)


def regrouped(part: Part, old: tuple[Sequence[int], ...], new: tuple[Sequence[int], ...]) -> Part | None:
    """The elements in the same order under another shape: (long, short) before and after."""
    if prod(old[1]) > LARGEST or 0 in old[0] or 0 in old[1]:
        return None
    result: list[np.ndarray] = []
    for before, after in groups(old, new):
        found = one_group(
            [part[a] for a in before], [old[0][a] for a in before], [new[0][a] for a in after],
            [new[1][a] for a in after],
        )  # fmt: skip
        if found is None:
            return None
        result += found
    return tuple(result)


def groups(old: tuple[Sequence[int], ...], new: tuple[Sequence[int], ...]) -> list[tuple[range, range]]:
    """The finest split of both shapes into runs of axes with equal products, the same in the long and the short."""
    found, i, j = [], 0, 0
    while i < len(old[0]) or j < len(new[0]):
        first = i, j
        i, j = i + (i < len(old[0])), j + (j < len(new[0]))
        while any(prod(o[first[0] : i]) != prod(m[first[1] : j]) for o, m in zip(old, new, strict=True)):
            less = prod(old[0][first[0] : i]) < prod(new[0][first[1] : j]) and i < len(old[0])
            if less or j == len(new[0]):
                i += 1
            else:
                j += 1
        found.append((range(first[0], i), range(first[1], j)))
    return found


def one_group(
    places: Sequence[np.ndarray], of: Sequence[int], long: Sequence[int], short: Sequence[int]
) -> list[np.ndarray] | None:
    """Places of axes that are counted through and split anew; None where they are no places axis by axis."""
    if len(places) == 1 and len(short) == 1:
        return [places[0]]
    flat, valid = numbered(places, of)
    flat, valid = flat.reshape(short), np.broadcast_to(valid, flat.shape).reshape(short)
    coordinates = np.unravel_index(flat, long) if long else ()
    result = []
    for axis, c in enumerate(coordinates):
        others = tuple(k for k in range(len(short)) if k != axis)
        result.append(np.where(valid, c, -1).max(axis=others))
    claimed = np.ones(short, bool)
    for axis, (c, p) in enumerate(zip(coordinates, result, strict=True)):
        spread = lying_along(p, axis, len(short))
        claimed &= spread >= 0
        if (valid & (spread != c)).any():
            return None
    return result if (valid | ~claimed).all() else None


def moved(pairs: Sequence[Pair], long: np.ndarray, short: np.ndarray, expected: Part) -> Part | None:
    """Any movement: element e of a result is the element of that number, among all the operands' one after the other.

    The places that are expected are held against the numbers.
    """
    if prod(short.shape) > LARGEST or prod(long.shape) > LARGEST:
        return None
    numbers, start = [], 0
    for pair in pairs:
        part = pair.placed(firsts(pair))
        if part is None:
            return None
        flat, valid = numbered(part, pair.long.shape)
        numbers.append(np.where(valid, flat + start, -1).reshape(-1))
        start += prod(pair.long.shape)
    wanted = np.concatenate(numbers)[short]
    found = chosen(long, [np.maximum(p, 0) for p in expected])
    _, claimed = numbered(expected, long.shape)
    return expected if ((wanted == found) | ~claimed).all() else None


def numbered(places: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each combination of places in a tensor of these sizes, and whether all its places are claimed."""
    flat, claimed = np.zeros((1,) * len(places), np.int64), np.ones((1,) * len(places), bool)
    for axis, (p, size) in enumerate(zip(places, sizes, strict=True)):
        flat = flat * size + lying_along(np.maximum(p, 0), axis, len(places))
        claimed = claimed & lying_along(p >= 0, axis, len(places))
    return flat, claimed


def lying_along(values: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    """A vector along one of so many axes."""
    return values.reshape(tuple(-1 if k == axis else 1 for k in range(ndim)))


def firsts(pair: Pair) -> Part:
    """The first places of every axis, as many as the short tensor has."""
    return tuple(np.where(np.arange(s) < m, np.arange(s), -1) for s, m in both_shapes(pair))


def both_shapes(pair: Pair) -> list[tuple[int, int]]:
    """Sizes of the short and of the long tensor, axis by axis."""
    return list(zip(pair.short.shape, pair.long.shape, strict=True))


# mixing


def rest(places: np.ndarray, size: int) -> np.ndarray:
    """Places of an axis of the long tensor that the short one has not."""
    return np.setdiff1d(np.arange(size), places)


def once(places: np.ndarray) -> bool:
    """Whether no place comes twice."""
    held = places[places >= 0]
    return len(np.unique(held)) == len(held)


def all_neutral(value: Dependence, neutral: float, places: Sequence[np.ndarray]) -> bool:
    """Whether all elements at these places are known to be a number."""
    if any(len(p) == 0 for p in places):
        return True
    return bool((chosen(value.known, places) & (chosen(value.values, places) == neutral)).all())


def reduced(pair: Pair, axes: Sequence[int], neutral: float | None) -> Part | None:
    """Whether a function of all the elements along some axes is the same, at the places of the others.

    Args:
        neutral: what may be left out of it, 0 of a sum, in any number; None where nothing may, or where the order
            or the number of the elements counts.

    Returns:
        The part, with the places along the axes as they are.
    """
    part = pair.placed(firsts(pair))
    if part is None:
        return None
    loose = [axis for axis in axes if not identical(part[axis], pair.long.shape[axis])]
    if not loose:
        return part
    if neutral is None or len(loose) > 1:
        return None
    (axis,) = loose
    if not once(part[axis]):
        return None
    kept_long, kept_short = held(part, True), held(part, False)
    beyond = rest(part[axis], pair.long.shape[axis])
    lost = np.flatnonzero(part[axis] < 0)
    left_out = all_neutral(pair.long, neutral, [*kept_long[:axis], beyond, *kept_long[axis + 1 :]])
    added = all_neutral(pair.short, neutral, [*kept_short[:axis], lost, *kept_short[axis + 1 :]])
    return part if left_out and added else None


def summed(part: Part, axes: Sequence[int], keepdims: bool) -> Part:
    """The part without some axes, or with one place along each."""
    if keepdims:
        return tuple(np.zeros(1, np.int64) if axis in axes else p for axis, p in enumerate(part))
    return tuple(p for axis, p in enumerate(part) if axis not in axes)


def running(pair: Pair, axis: int, neutral: float | None) -> Part | None:
    """A running sum or recurrence along an axis: as far as all that came before is the same.

    Args:
        neutral: what may come before the part in the long tensor, 0 of a sum; None where nothing may.
    """
    part = pair.placed(firsts(pair))
    if part is None:
        return None
    places = part[axis]
    start = int(places[0]) if len(places) else 0
    if start < 0:
        return None
    if start:
        before = [np.arange(start) if k == axis else p[p >= 0] for k, p in enumerate(part)]
        if neutral is None or not all_neutral(pair.long, neutral, before):
            return None
    steady = np.logical_and.accumulate(places == start + np.arange(len(places)))
    return along(part, axis, np.where(steady, places, -1))


def finite(value: Dependence) -> bool:
    """Whether nothing of it is infinite or NaN, so that zero times it is zero."""
    return value.infinite == FINITE and bool(np.isfinite(value.values).all())


def contracted(a: Pair, b: Pair, long: Sequence[int], short: Sequence[int], expected: Part) -> Part | None:
    """Σ_j a (…, m, j) b (…, j, k): terms that only one of the two sums has are known to be zero.

    Args:
        long, short: shapes of the result, of as many axes as both operands.
    """
    if a.known and b.known:
        return None
    first = (b if a.known else a).part
    if first is None:
        return None
    inner = first[-2] if a.known else first[-1]
    of = a.long.shape[-1]
    left = a.placed((*aligned(expected[:-2], a), expected[-2], inner))
    right = b.placed((*aligned(expected[:-2], b), inner, expected[-1]))
    if left is None or right is None or not (once(left[-1]) and once(right[-2])):
        return None
    common = np.where(left[-1] == right[-2], left[-1], -1)
    batch = pointwise(
        [outer(a, left), outer(b, right)], long[:-2], short[:-2], expected[:-2]
    ) if len(short) > 2 else ()  # fmt: skip
    if batch is None:
        return None
    beyond, lost = rest(common, of), np.flatnonzero(common < 0)
    for of_long, places in ((True, beyond), (False, lost)):
        x, y = (a.long, b.long) if of_long else (a.short, b.short)
        rows = held(left, of_long)
        columns = held(right, of_long)
        zero_left = finite(y) and all_neutral(x, 0.0, [*rows[:-1], places])
        zero_right = finite(x) and all_neutral(y, 0.0, [*columns[:-2], places, columns[-1]])
        if not (zero_left or zero_right):
            return None
    return (*batch, left[-2], right[-1])


def held(part: Part, of_long: bool) -> list[np.ndarray]:
    """The places of a part, in the long tensor or in the short one."""
    return [p[p >= 0] if of_long else np.flatnonzero(p >= 0) for p in part]


def aligned(expected: Part, pair: Pair) -> Part:
    """What is expected of a result, of the axes before the last two of an operand."""
    sizes = both_shapes(pair)[:-2]
    tail = expected[len(expected) - len(sizes) :] if sizes else ()
    return tuple(
        p if len(p) == s and (not len(p) or p.max() < m) else np.where(np.arange(s) < m, np.arange(s), -1)
        for p, (s, m) in zip(tail, sizes, strict=True)
    )


class Outer:
    """Some axes of a pair, as `pointwise` looks at them."""

    def __init__(self, shape: Sequence[int], part: Part, axes: Sequence[int]) -> None:
        self.long, self.part, self.known = Shape(tuple(shape[k] for k in axes)), tuple(part[k] for k in axes), False


@dataclass(frozen=True)
class Shape:
    """A shape and no more."""

    shape: tuple[int, ...]


def outer(pair: Pair, part: Part) -> Any:
    """The axes before the last two."""
    return Outer(pair.long.shape, part, range(len(part) - 2))


def convolved(x: Pair, axis: int, sizes: tuple[int, int], taps: Sequence[int], stride: int) -> np.ndarray | None:
    """Places along an axis of Σ_t w_t x[e · stride + tap_t], zeros beyond the ends: where every tap meets the same.

    Args:
        sizes: of the results, long and short; taps: those that are not known to be zero.
    """
    part = x.part
    if part is None:
        return None
    places = part[axis]
    held_at = np.flatnonzero(places >= 0)
    if not len(held_at):
        return None
    shift = int(places[held_at[-1]] - held_at[-1])
    if shift and stride != 1:
        return None
    of_long, of_short = (
        noughts(value, axis, held(part, of_long)) for value, of_long in ((x.long, True), (x.short, False))
    )
    e = np.arange(sizes[1])
    valid = (e + shift >= 0) & (e + shift < sizes[0])
    for tap in taps:
        s = e * stride + tap
        inside = (s >= 0) & (s < len(places))
        alike = inside & (places[np.clip(s, 0, len(places) - 1)] == s + shift)
        valid &= alike | (nought_at(of_short, s) & nought_at(of_long, s + shift))
    return np.where(valid, e + shift, -1)


def circular(a: Pair, b: Pair, axis: int, long: Sequence[int], short: Sequence[int], expected: Part) -> Part | None:
    """Σ_j a_j b_(i − j mod L) along an axis, of as many places as each tensor has there: transforms multiplied.

    Place e of the short result is place q of the long one where the terms that are not known to be zero are the same in
    both sums, factor by factor. So it is of two signals padded by zeros, whatever the lengths they are padded to, as
    long as nothing wraps around to there: a convolution that is not circular.

    Args:
        long, short: shapes of the result, of as many axes as both operands.
    """
    if a.part is None or b.part is None or not all(map(finite, (a.long, a.short, b.long, b.short))):
        return None
    sides = tuple(k for k in range(len(short)) if k != axis)
    around = pointwise(
        [Outer(pair.long.shape, part, sides) for pair, part in ((a, a.part), (b, b.part))],
        [long[k] for k in sides], [short[k] for k in sides], tuple(expected[k] for k in sides),
    )  # fmt: skip
    if around is None:
        return None
    ours, theirs = (
        [~noughts(value, axis, held(part, of_long)) for value, part in pairs]
        for of_long, pairs in (
            (False, ((a.short, a.part), (b.short, b.part))), (True, ((a.long, a.part), (b.long, b.part))),
        )
    )  # fmt: skip
    shift = sum(shift_of(pair.part[axis]) for pair in (a, b) if pair.part is not None)
    places = np.arange(short[axis]) + shift
    factors = a.part[axis], b.part[axis]
    claimed = np.array(
        [0 <= q < long[axis] and same_terms(e, q, factors, ours, theirs) for e, q in enumerate(places.tolist())], bool
    )
    found = iter(around)
    return tuple(np.where(claimed, places, -1) if k == axis else next(found) for k in range(len(short)))


def alike_along(pair: Pair, axis: int) -> Part | None:
    """The first places of an axis at which two constants are the same, −1 at the others."""
    part = firsts(pair)
    sides = [k for k in range(len(part)) if k != axis]
    if not pair.known or any(pair.short.shape[k] != pair.long.shape[k] for k in sides):
        return None
    places = part[axis]
    first = [np.arange(pair.short.shape[k]) for k in sides]
    first.insert(axis, np.flatnonzero(places >= 0))
    ours, theirs = (np.broadcast_to(chosen(v.values, first), [*map(len, first)]) for v in (pair.long, pair.short))
    same = ((ours == theirs) | ((ours != ours) & (theirs != theirs))).all(axis=tuple(sides))
    return along(part, axis, np.where(np.pad(same, (0, len(places) - len(same))), places, -1))


def shift_of(places: np.ndarray) -> int:
    """How much further on the first place is that is claimed."""
    held_at = np.flatnonzero(places >= 0)
    return int(places[held_at[0]] - held_at[0]) if len(held_at) else 0


def same_terms(
    e: int, q: int, parts: tuple[np.ndarray, np.ndarray], ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]
) -> bool:
    """Whether the terms at place e of a short circular convolution are those at place q of the long one.

    Args:
        parts: the places of both factors; ours, theirs: which places of both factors count, in the short and the long.
    """

    def terms(place: int, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        j = np.flatnonzero(first)
        other = (place - j) % len(second)
        return j[second[other]], other[second[other]]

    (j, m), (j_long, m_long) = terms(e, *ours), terms(q, *theirs)
    if len(j) != len(j_long):
        return False
    found, order = parts[0][j], np.argsort(parts[0][j])
    return bool((found[order] == j_long).all() and (parts[1][m][order] == m_long).all())


def noughts(value: Dependence, axis: int, around: Sequence[np.ndarray]) -> np.ndarray:
    """Which places along an axis are known zeros, at all the places of the other axes."""
    size = value.shape[axis]
    known, values = (
        chosen(a, [*around[:axis], np.arange(size), *around[axis + 1 :]]) for a in (value.known, value.values)
    )
    others = tuple(k for k in range(len(around)) if k != axis)
    return np.broadcast_to((known & (values == 0)).all(axis=others), (size,))


def nought_at(zeros: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Whether these places are among the zeros, or beyond the ends."""
    beyond = (places < 0) | (places >= len(zeros))
    return beyond | zeros[np.clip(places, 0, len(zeros) - 1)] if len(zeros) else np.ones(places.shape, bool)
