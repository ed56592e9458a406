"""Cases that nobody can know beforehand: a seed drawn for one check alone, and sizes that no list has."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from monarch_theory.testing.cases import Case, make_case
from monarch_theory.testing.op import Op, Shape
from monarch_theory.testing.sizes import Axis, entries, sizes_of, with_sizes

__all__ = ["secret_seed", "unforeseen"]

BITS = 96
"""Of a secret seed: too many to be guessed, or to be tried against inputs that were seen."""


def secret_seed() -> int:
    """A seed from the system's randomness, which does not depend on anything a kernel can know."""
    return secrets.randbits(BITS)


def unforeseen(plan: Sequence[Case], seed: int, restrictions: Mapping[str, Any]) -> list[Case]:
    """The cases, every third of them with sizes up to half as large again, drawn at random; from small to large.

    Where a kernel promises only certain sizes, and where an op has only those it lists, the others stay.
    """
    rng = np.random.default_rng((seed, 3))
    found = []
    for position, case in enumerate(plan):
        shape = drawn(case.op, case.shape, rng, restrictions) if position % 3 == 1 else case.shape
        same = shape == case.shape
        found.append(case if same else make_case(case.op, case.dtype, shape, case.family, case.layout, case.seed))
    return sorted(found, key=lambda case: entries(case.op, case.shape))


def drawn(op: Op, shape: Shape, rng: np.random.Generator, restrictions: Mapping[str, Any]) -> Shape:
    """Another shape near one, of those the kernel promises to take; the same where none was found."""
    if op.accepts is None:
        return shape
    given = restrictions.get("shape") or {}
    fixed = any(restrictions.get(name) for name in ("square", "powers_of_two"))
    old = sizes_of(shape)
    free: list[Axis] = [a for a in old if a[0] not in given and old[a] and (a[0] == "batch" or not fixed)]
    for _ in range(4):
        new = with_sizes(shape, old | {axis: old[axis] + int(rng.integers(0, old[axis] // 2 + 2)) for axis in free})
        if op.accepts(new) and within(op, new, shape, restrictions.get("max_size")):
            return new
    return shape


def within(op: Op, new: Shape, old: Shape, max_size: int | None) -> bool:
    """Whether a shape is small enough."""
    row = prod(next(iter(op.arguments(new).values()))[1:])
    return entries(op, new) <= 4 * entries(op, old) + 64 and (max_size is None or row <= max_size)
