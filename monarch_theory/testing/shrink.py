"""From a failing case to the smallest shape and the simplest values that still fail, the same way every time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np

from monarch_theory.testing.cases import Case, make_case
from monarch_theory.testing.op import Shape
from monarch_theory.testing.sizes import sizes_of, with_sizes

__all__ = ["shrink"]


def shrink(
    case: Case, fails: Callable[[Case], bool], shapes: Sequence[Shape], *, calls: int = 300, seconds: float = 60.0
) -> Case:
    """The smallest failing case found with at most `calls` calls of `fails`.

    `seconds` only guards against very slow kernels: where it is not reached, the result is the same every time.

    First the shape: every smaller valid one, with values that fail soonest and are simplest to read, and where the op
    combines sizes freely, each size made smaller for as long as the case still fails. Then the values: blocks of
    entries become 0, then what is left 1, then small integers.
    """
    deadline = time.monotonic() + seconds
    smallest = _smallest_shape(case, fails, shapes, _Budget(calls // 2, deadline))
    if smallest is case:
        smallest = _smaller_sizes(case, fails, _Budget(calls // 4, deadline))
    return _simplest_values(smallest, fails, _Budget(calls // 2, deadline))


class _Budget:
    def __init__(self, calls: int, deadline: float):
        self.calls, self.deadline = calls, deadline

    def spend(self) -> bool:
        self.calls -= 1
        return self.calls >= 0 and time.monotonic() < self.deadline


def _smallest_shape(case: Case, fails: Callable[[Case], bool], shapes: Sequence[Shape], budget: _Budget) -> Case:
    limit = sum(a.size for a in case.arrays.values())
    for shape in shapes:
        size = sum(prod(s) for s in case.op.arguments(shape).values())
        if size > limit or (size == limit and shape != case.sizes):
            break
        for family in dict.fromkeys(("integers", case.family, "normal")):
            for layout in dict.fromkeys(("contiguous", case.layout)):
                for attempt in range(2):
                    if not budget.spend():
                        return case
                    smaller = make_case(case.op, case.dtype, shape, family, layout, (*case.seed, attempt))
                    if fails(smaller):
                        return smaller
    return case


def _smaller_sizes(case: Case, fails: Callable[[Case], bool], budget: _Budget) -> Case:
    """Each size in turn as small as it can be."""
    if case.op.accepts is None:
        return case
    for axis, size in sizes_of(case.shape).items():
        for smaller in dict.fromkeys((1, 2, 3, *(size >> k for k in (3, 2, 1)), size - 1)):
            shape = with_sizes(case.shape, sizes_of(case.shape) | {axis: smaller})
            if not 0 < smaller < size or not case.op.accepts(shape):
                continue
            found = None
            for family in dict.fromkeys(("integers", case.family)):
                candidate = make_case(case.op, case.dtype, shape, family, case.layout, case.seed)
                if found is None and budget.spend() and fails(candidate):
                    found = candidate
            if found is not None:
                case = found
                break
    return case


def _simplest_values(case: Case, fails: Callable[[Case], bool], budget: _Budget) -> Case:
    # those of a domain of their own may leave it
    free = [name for name in case.arrays if name not in case.op.domains]
    for value in (0.0, 1.0):
        for name in free:
            size = case.arrays[name].size
            for count in (*(2**k for k in range(size.bit_length()) if 2**k < size), size):
                for piece in _pieces(size, count):
                    flat = case.arrays[name].reshape(-1).copy()
                    simpler_values = np.where(flat[piece] != 0, value, 0)
                    if np.array_equal(simpler_values, flat[piece]):
                        continue
                    flat[piece] = simpler_values
                    if not budget.spend():
                        return case
                    simpler = replace(case, arrays=case.arrays | {name: flat.reshape(case.arrays[name].shape)})
                    if fails(simpler):
                        case = simpler
    for name in free:
        rounded = np.rint(case.arrays[name])
        if not np.array_equal(rounded, case.arrays[name]) and budget.spend():
            simpler = replace(case, arrays=case.arrays | {name: rounded})
            if fails(simpler):
                case = simpler
    return case


def _pieces(size: int, count: int) -> Iterator[slice]:
    edges = np.linspace(0, size, count + 1).astype(int)
    for low, high in pairwise(edges):
        if high > low:
            yield slice(int(low), int(high))
