"""Rules for operations that move elements and change none: each output element is a copy of an input element.

What an element depends on moves along with it. Axes along which nothing varies keep size 1 all the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from monarch_theory.leaks.dependence.bounds import limits
from monarch_theory.leaks.dependence.record import rule
from monarch_theory.leaks.dependence.value import (
    Dependence,
    broadcast,
    dependences,
    merged,
    reshaped,
    shrunk,
    unknown,
)  # fmt: skip

__all__ = ["concatenate", "expand", "move", "permute", "rehomed", "reshape", "take"]


@rule
def permute(value: Dependence, order: Sequence[int]) -> Dependence:
    """Axes in another order: axis k of the result is axis `order[k]`."""
    order = tuple(order)
    return reshaped(value, tuple(value.shape[axis] for axis in order), lambda a: a.transpose(order))


@rule
def expand(value: Dependence, shape: Sequence[int]) -> Dependence:
    """Broadcasting to a larger shape."""
    return replace(broadcast(value, len(shape)), shape=tuple(shape))


@rule
def reshape(value: Dependence, shape: Sequence[int]) -> Dependence:
    """The elements in the same order under another shape."""
    new = tuple(shape)
    if new == value.shape:
        return value
    if prod(new) == 0:
        return unknown(value.lattice, new)
    groups = _groups(value.shape, new)
    result = reshaped(value, new, partial(_regrouped, old=value.shape, new=new, groups=groups))
    terms = tuple(_shrunk_term(t) if t.size <= SMALL else t for t in result.terms)
    known = shrunk(result.known) if result.known.size <= SMALL else result.known
    return replace(result, terms=terms, known=known)


SMALL = 1 << 22
Group = tuple[range, range]


def _groups(old: Sequence[int], new: Sequence[int]) -> list[Group]:
    """The finest split of both shapes into runs of axes with equal products."""
    groups, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        start = i, j
        left, right = 1, 1
        if i < len(old):
            left, i = old[i], i + 1
        if j < len(new):
            right, j = new[j], j + 1
        while left != right:
            if left < right:
                left, i = left * old[i], i + 1
            else:
                right, j = right * new[j], j + 1
        groups.append((range(start[0], i), range(start[1], j)))
    return groups


def _regrouped(a: np.ndarray, old: Sequence[int], new: Sequence[int], groups: Sequence[Group]) -> np.ndarray:
    """The array with size 1 kept in every group along which it does not vary."""
    full, result = list(a.shape), []
    for before, after in groups:
        wide_before = [axis for axis in before if old[axis] > 1]
        wide_after = [axis for axis in after if new[axis] > 1]
        if all(a.shape[axis] == 1 for axis in before):
            result += [1] * len(after)
        elif len(wide_before) == 1 and len(wide_after) == 1:
            result += [new[axis] for axis in after]
        else:
            for axis in before:
                full[axis] = old[axis]
            result += [new[axis] for axis in after]
    return np.broadcast_to(a, full).reshape(result)


@rule
def take(value: Dependence, axis: int, indices: ArrayLike, in_place: bool = False) -> Dependence:
    """The elements with these indices along an axis: slices, selections, flips, rolls, repetitions.

    Args:
        in_place: whether a place of the result belongs to the position of that place, not to where it was taken from.
    """
    places = np.asarray(indices, np.int64)
    shape = (*value.shape[:axis], len(places), *value.shape[axis + 1 :])
    if prod(shape) == 0:
        return unknown(value.lattice, shape)

    def moved(a: np.ndarray) -> np.ndarray:
        return a if a.shape[axis] == 1 else a.take(places, axis)

    result = reshaped(value, shape, moved)
    return replace(result, home=rehomed(value, shape, axis)) if in_place else result


def rehomed(value: Dependence, shape: Sequence[int], axis: int) -> np.ndarray | None:
    """Places that belong to their own positions, where an axis of all positions comes out."""
    if value.home is None or value.home.shape[axis] == 1:
        return value.home
    if shape[axis] != value.lattice.positions:
        return None
    along = [1] * len(shape)
    along[axis] = shape[axis]
    return np.arange(shape[axis], dtype=np.int32).reshape(along)


@rule
def concatenate(values: Sequence[Dependence], axis: int) -> Dependence:
    """Tensors one after the other along an axis."""
    lattice = values[0].lattice
    values = [v for v in values if v.shape[axis] > 0] or [values[0]]
    if len(values) == 1:
        return values[0]
    size = sum(v.shape[axis] for v in values)
    shape = (*values[0].shape[:axis], size, *values[0].shape[axis + 1 :])
    known = shrunk(_joined_arrays([v.known for v in values], values, axis))
    count = max(len(v.terms) for v in values)
    nothing = lattice.nothing(len(shape))
    padded = [(*v.terms, *[nothing] * (count - len(v.terms))) for v in values]
    terms = [_joined_arrays(list(row), values, axis) for row in zip(*padded, strict=True)]
    kinds = [v.values for v in values if v.known.any()]
    numbers = np.zeros((1,) * len(shape)) if not kinds else _joined_arrays([v.values for v in values], values, axis)
    home = _joined_homes(values, shape, axis)
    level = max(v.infinite for v in values)
    bounds = None
    if any(v.bounds is not None for v in values):
        bounds = _shrunk_term(_joined_arrays([_both_limits(v) for v in values], values, axis))
    terms_of = merged(lattice, map(_shrunk_term, terms))
    return Dependence(lattice, shape, terms_of, known, shrunk(numbers), level, home, bounds)


def _both_limits(value: Dependence) -> np.ndarray:
    """Least and most of each element, (…, 2)."""
    return np.stack(np.broadcast_arrays(*limits(value)), -1)


def _joined_homes(values: Sequence[Dependence], shape: Sequence[int], axis: int) -> np.ndarray | None:
    """Own positions for an axis of all positions; else what each part had."""
    homes = [v for v in values if v.home is not None and v.home.shape[axis] > 1]
    if not homes or shape[axis] == homes[0].lattice.positions:
        first = homes or [v for v in values if v.home is not None]
        return rehomed(first[0], shape, axis) if first else None
    nowhere = np.full((1,) * len(shape), -1, np.int32)
    return _joined_arrays([nowhere if v.home is None else v.home for v in values], values, axis)


def _shrunk_term(term: np.ndarray) -> np.ndarray:
    return shrunk(term, keep_last=True)


def _joined_arrays(arrays: Sequence[np.ndarray], values: Sequence[Dependence], axis: int) -> np.ndarray:
    """Compressed arrays one after the other, each first as long along the axis as its tensor."""
    ndim = len(values[0].shape)
    around = np.broadcast_shapes(*(_without(a.shape[:ndim], axis) for a in arrays))
    pieces = []
    for a, v in zip(arrays, values, strict=True):
        shape = (*around[:axis], v.shape[axis], *around[axis + 1 :], *a.shape[ndim:])
        pieces.append(np.broadcast_to(a, shape))
    return np.concatenate(pieces, axis)


def _without(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], 1, *shape[axis + 1 :])


@rule
def move(values: Sequence[Dependence], index: np.ndarray) -> Dependence:
    """Element e of the result is element `index[e]` of all the operands' elements, one operand after the other.

    The rule for every movement that has no shorter form.
    """
    lattice = values[0].lattice

    def flat(get: str) -> np.ndarray:
        return np.concatenate([np.broadcast_to(getattr(v, get), v.shape).reshape(-1) for v in values])

    def elements(v: Dependence) -> np.ndarray:
        return np.broadcast_to(dependences(v), (*v.shape, lattice.components)).reshape(-1, lattice.components)

    term = np.concatenate([elements(v) for v in values])[index]
    known = flat("known")[index]
    numbers = flat("values")[index]
    level = max(v.infinite for v in values)
    first = next((v for v in values if v.home is not None), None)
    home = first.home if first is not None and first.shape == index.shape else None
    terms = merged(lattice, [shrunk(term, keep_last=True)])
    bounds = None
    if any(v.bounds is not None for v in values):
        each = [np.broadcast_to(_both_limits(v), (*v.shape, 2)).reshape(-1, 2) for v in values]
        bounds = shrunk(np.concatenate(each)[index], keep_last=True)
    return Dependence(lattice, index.shape, terms, shrunk(known), shrunk(numbers), level, home, bounds)
