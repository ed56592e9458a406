"""Matrices of rank at most r: the nearest one is the truncated SVD (Eckart and Young 1936)."""

import numpy as np

from monarch_theory.expressivity.families.family import Candidate, Cost, Family, Floor, Setting, by_floor
from monarch_theory.expressivity.leading import low_rank_factors
from monarch_theory.expressivity.parts import Train, low_rank_train
from monarch_theory.expressivity.spectra import Slicing, Spectra

__all__ = ["low_rank", "tail", "truncate"]


def truncate(matrix: np.ndarray, rank: int) -> np.ndarray:
    """Nearest matrix of rank at most `rank`, or one of each of a stack."""
    left, right = low_rank_factors(matrix, rank)
    return left @ right


def tail(matrix: np.ndarray, rank: int) -> float:
    """Distance of the nearest matrix of rank at most `rank`."""
    return float(np.linalg.norm(np.linalg.svd(matrix, compute_uv=False)[rank:])) if rank < min(matrix.shape) else 0.0


def settings(shape: tuple[int, int]) -> list[Setting]:
    return [setting(shape, r) for r in range(1, min(shape) + 1)]


def setting(shape: tuple[int, int], rank: int) -> Setting:
    cost = rank * sum(shape)
    return Setting(f"rank {rank}", cost, cost, "optimal", {"rank": rank}, 2 * rank)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """The largest rank within the budget holds all the others."""
    rank = min(budget // sum(spectra.shape), *spectra.shape)
    return by_floor(spectra, [Candidate(Slicing(1, 1), rank, setting(spectra.shape, rank))] if rank else [])


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return truncate(matrix, setting.choices["rank"])


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train]:
    return (low_rank_train(matrix, setting.choices["rank"]),)


low_rank = Family(
    "low-rank",
    "low rank",
    "Eckart and Young 1936",
    settings,
    fit,
    scope="rank",
    floors=floors,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    holds_low_rank=True,
    by_ranks=True,
)
