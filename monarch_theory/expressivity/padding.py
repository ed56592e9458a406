"""Sizes that do not factor well: the same matrix inside a larger one, whose other entries nobody reads.

30522 = 2·3·5087 and 50257 is prime, so a Monarch matrix of that size has blocks of thousands or does not exist. One of
a slightly larger size, cut, stores far less. What stands beyond the cut is free: filled with what the last fit has
there, the next fit is never farther on the entries that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from monarch_theory.digits import balanced_radices
from monarch_theory.expressivity.families.family import Cost, Family, Setting
from monarch_theory.expressivity.spectra import Spectra

__all__ = ["Padded", "is_awkward", "nearest_padded", "next_size"]

FILLS = 4


@dataclass(frozen=True, eq=False)
class Padded:
    """A member of a larger shape, and how far its corner is from the matrix, relative to the matrix."""

    shape: tuple[int, int]
    setting: Setting
    distance: float
    filled: np.ndarray


def is_awkward(n: int, order: int = 2) -> bool:
    """Whether the largest of the most equal factors of n, as many as the order, is more than twice the smallest.

    >>> [is_awkward(n) for n in (384, 768, 30522, 50257)], is_awkward(2162), is_awkward(2162, 3)
    ([False, False, True, True], False, True)
    """
    factors = balanced_radices(n, order)
    return factors[-1] > 2 * factors[0]


def next_size(n: int, order: int = 2) -> int:
    """The least size from n up that is not awkward.

    >>> next_size(30522), next_size(50257), next_size(384), next_size(30522, 3)
    (30523, 50264, 384, 30525)
    """
    return next(size for size in count(n) if not is_awkward(size, order))


def nearest_padded(
    matrix: np.ndarray, family: Family, budget: int, cost: Cost = "parameters", *, order: int = 2
) -> Padded | None:
    """The nearest member found at the next sizes for that order, cut to the matrix; None where the budget buys none."""
    rows, columns = matrix.shape
    norm = float(np.linalg.norm(matrix)) or 1.0
    filled = np.zeros((next_size(rows, order), next_size(columns, order)), matrix.dtype)
    filled[:rows, :columns] = matrix
    found = family.nearest(Spectra.of([filled]), budget, cost=cost)
    if found is None:
        return None
    near, best, kept = found.approximations[0], np.inf, filled
    for fill in range(FILLS + 1):
        distance = float(np.linalg.norm(matrix - near[:rows, :columns])) / norm
        if distance >= best:
            break
        best, kept = distance, filled
        if fill < FILLS:
            filled = near.copy()
            filled[:rows, :columns] = matrix
            near = family.fit(filled, found.setting)
    return Padded(filled.shape, found.setting, best, kept)
