"""Products of two Kronecker-sparse factors, of support I_a ⊗ 1_{b×c} ⊗ I_d (Le et al. 2024), of chainable patterns.

Pairs whose product may be nonzero anywhere, a₁ = d₂ = 1, are taken. Such a pair is a grid of b₁×c₂ slices, one for each
of d₁·a₂ pairs of digits, each of rank r: a rank-r Monarch class of order 2 in the DAO convention whose input and output
radices need not agree. The nearest one is an SVD a slice. Longer chains of rank one are the Monarch orders and the
butterfly. As in the paper no permutation stands at the ends: the DFT is near only after one.
"""

from collections.abc import Iterator
from math import gcd, log

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, divisors
from monarch_theory.expressivity.families.family import Candidate, Cost, Family, Floor, Setting, by_floor
from monarch_theory.expressivity.parts import Train
from monarch_theory.expressivity.projection import project_values
from monarch_theory.expressivity.spectra import Slicing, Spectra
from monarch_theory.monarch import Convention

__all__ = ["kronecker_sparse"]


def grids(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """(a, d): a₂ and d₁ of the pair."""
    return ((a, d) for d in divisors(shape[0]) for a in divisors(shape[1]))


def setting(shape: tuple[int, int], a: int, d: int, rank: int) -> Setting:
    b, c = shape[0] // d, shape[1] // a
    kind = MonarchClass((c, a), (d, b), Convention.DAO, rank)
    label = f"(1, {b}, {rank * a}, {d}) (·) ({a}, {rank * d}, {c}, 1), rank {rank}"
    return Setting(label, kind.parameters, kind.parameters, "optimal", {"kind": kind}, 2 * rank)


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for a, d in grids(shape):
        for rank in range(1, min(shape[0] // d, shape[1] // a) + 1):
            yield setting(shape, a, d, rank)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """Of every pair of patterns the largest rank within the budget, which holds all the others."""
    shape, candidates = spectra.shape, []
    for a, d in grids(shape):
        rank = min(budget // setting(shape, a, d, 1).parameters, shape[0] // d, shape[1] // a)
        if rank:
            slicing = Slicing(d, a, (1 < d < shape[0], False))
            candidates.append(Candidate(slicing, rank, setting(shape, a, d, rank)))
    return by_floor(spectra, candidates)


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return project_values(matrix, setting.choices["kind"]).dense()


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train]:
    return (Train.of(project_values(matrix, setting.choices["kind"]).train),)


def largest(shape: tuple[int, int], budget: int) -> Setting | None:
    """a₂ = d₁ about the square root of what both sides share, and the largest rank."""
    blocks = min(divisors(gcd(*shape)), key=lambda k: abs(log(k * k / gcd(*shape))))
    rank = min(budget // setting(shape, blocks, blocks, 1).parameters, shape[0] // blocks, shape[1] // blocks)
    return setting(shape, blocks, blocks, rank) if rank else None


kronecker_sparse = Family(
    "kronecker-sparse",
    "Kronecker-sparse pair",
    "Le, Zheng, Riccietti and Gribonval 2024",
    settings,
    fit,
    scope="chainable pair of patterns and rank",
    floors=floors,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    holds_low_rank=True,
    by_ranks=True,
    largest=largest,
)
