"""GS-matrices P_L (L P R) P_R with L, R block diagonal (Gorbunov et al. 2024); P shuffles, P_L and P_R may.

L has k_L blocks, R has k_R, and the inner dimension s is dealt out evenly, so each block of the k_L × k_R grid has rank
at most s/(k_L k_R), and any such matrix is in the class: one SVD a block is optimal. P_L and P_R say which rows and
columns make a block: contiguous ones, or every k-th. Monarch matrices of order 2 are the case of inner blocks of rank
one, and `proofs/orthogonal_blocks` says which of them are orthogonal. The orthogonal parametrisation, which the paper
trains, is not imposed here.
"""

from collections.abc import Iterator
from math import gcd, log

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, divisors
from monarch_theory.expressivity.families.family import Candidate, Cost, Family, Floor, Setting, by_floor
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.parts import Train
from monarch_theory.expressivity.projection import project_values
from monarch_theory.expressivity.spectra import Slicing, Spectra
from monarch_theory.monarch import Convention

__all__ = ["group_and_shuffle"]


def slicings(shape: tuple[int, int]) -> Iterator[Slicing]:
    """Every k_L, k_R, and whether P_L and P_R shuffle; with one block, or blocks of one, shuffling changes nothing."""
    for left in divisors(shape[0]):
        for right in divisors(shape[1]):
            rows_too, columns_too = 1 < left < shape[0], 1 < right < shape[1]
            for rows in (False, True)[: 1 + rows_too]:
                for columns in (False, True)[: 1 + columns_too]:
                    yield Slicing(left, right, (rows, columns))


def ranks(shape: tuple[int, int], slicing: Slicing) -> int:
    """Most that a block can have."""
    return min(shape[0] // slicing.left, shape[1] // slicing.right)


def setting(shape: tuple[int, int], slicing: Slicing, rank: int) -> Setting:
    left, right = slicing.left, slicing.right
    cost = rank * (shape[0] * right + shape[1] * left)
    label = f"k_L = {left}, k_R = {right}, s = {rank * left * right}"
    label += "".join(f", {name}" for name, there in zip(("P_L", "P_R"), slicing.dealt, strict=True) if there)
    return Setting(label, cost, cost, "optimal", {"slicing": slicing, "rank": rank}, 2 * rank)


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for slicing in slicings(shape):
        for rank in range(1, ranks(shape, slicing) + 1):
            yield setting(shape, slicing, rank)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """Of every grid the largest rank within the budget, which holds all the others."""
    shape, candidates = spectra.shape, []
    for slicing in slicings(shape):
        rank = min(budget // setting(shape, slicing, 1).parameters, ranks(shape, slicing))
        if rank:
            candidates.append(Candidate(slicing, rank, setting(shape, slicing, rank)))
    return by_floor(spectra, candidates)


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    slicing, rank = setting.choices["slicing"], setting.choices["rank"]
    return np.asarray(slicing.unstack(truncate(slicing.stack(matrix), rank), matrix.shape))


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train]:
    """A rank-r Monarch class of order 2; where neither side shuffles, the rows are dealt out first and put back."""
    slicing, rank = setting.choices["slicing"], setting.choices["rank"]
    left, right, (rows, columns) = slicing.left, slicing.right, slicing.dealt
    regroup = 1 if rows or columns else left
    dealt = matrix.reshape(regroup, -1, matrix.shape[1]).swapaxes(0, 1).reshape(matrix.shape)
    convention = (Convention.M2 if rows else Convention.DAO_TRANSPOSED) if columns else Convention.DAO
    radices = (matrix.shape[1] // right, right), (left, matrix.shape[0] // left)
    return (Train.of(project_values(dealt, MonarchClass(*radices, convention, rank)).train, regroup),)


def largest(shape: tuple[int, int], budget: int) -> Setting | None:
    """As many blocks on both sides, about the square root of them, shuffled; and the largest inner blocks."""
    shared = divisors(gcd(*shape))
    blocks = min(shared, key=lambda k: abs(log(k * k / gcd(*shape))))
    grid = Slicing(blocks, blocks, (1 < blocks < shape[0], 1 < blocks < shape[1]))
    rank = min(budget // setting(shape, grid, 1).parameters, ranks(shape, grid))
    return setting(shape, grid, rank) if rank else None


group_and_shuffle = Family(
    "gs",
    "GS-matrices",
    "Gorbunov et al. 2024",
    settings,
    fit,
    scope="k_L, k_R and s dealt out evenly, P_L and P_R that shuffle or do nothing",
    floors=floors,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    holds_low_rank=True,
    by_ranks=True,
    largest=largest,
)
