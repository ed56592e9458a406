"""Matrices of rank at most r: the nearest one is the truncated SVD (Eckart and Young 1936)."""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting

__all__ = ["low_rank", "truncate"]


def truncate(matrix: np.ndarray, rank: int) -> np.ndarray:
    """Nearest matrix of rank at most `rank`."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank]


def settings(shape: tuple[int, int]) -> list[Setting]:
    cost = sum(shape)
    return [Setting(f"rank {r}", r * cost, r * cost, "optimal", {"rank": r}) for r in range(1, min(shape) + 1)]


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return truncate(matrix, setting.choices["rank"])


low_rank = Family("low-rank", "low rank", "Eckart and Young 1936", settings, fit, nested=True)
