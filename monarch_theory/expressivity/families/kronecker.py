"""Sums of r Kronecker products: rank r, once blocks are laid out as rows (Van Loan and Pitsianis 1993)."""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.families.low_rank import truncate

__all__ = ["kronecker", "rearrange"]


def rearrange(matrix: np.ndarray, outer: tuple[int, int]) -> np.ndarray:
    """Blocks of an `outer` grid as rows, shape (m₁n₁, m₂n₂): A ⊗ B becomes the rank-one vec(A) vec(B)ᵀ."""
    m, n = outer
    blocks = matrix.reshape(m, matrix.shape[0] // m, n, matrix.shape[1] // n)
    return blocks.transpose(0, 2, 1, 3).reshape(m * n, -1)


def settings(shape: tuple[int, int]) -> list[Setting]:
    result = []
    for m in (d for d in range(1, shape[0] + 1) if shape[0] % d == 0):
        for n in (d for d in range(1, shape[1] + 1) if shape[1] % d == 0):
            inner = (shape[0] // m, shape[1] // n)
            if 1 in (m, n, *inner):  # a row times a column is low rank, which has its own family
                continue
            one = m * n + inner[0] * inner[1]
            work = min(inner[0] * inner[1] * n + m * n * inner[0], m * n * inner[1] + inner[0] * inner[1] * m)
            result += [
                Setting(f"({m}×{n}) ⊗ ({inner[0]}×{inner[1]}), {r} terms", r * one, r * work, "optimal",
                        {"outer": (m, n), "terms": r})
                for r in (1, 2, 4, 8, 16) if r <= min(m * n, inner[0] * inner[1])
            ]  # fmt: skip
    return result


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    m, n = setting.choices["outer"]
    rows = truncate(rearrange(matrix, (m, n)), setting.choices["terms"])
    blocks = rows.reshape(m, n, matrix.shape[0] // m, matrix.shape[1] // n)
    return blocks.transpose(0, 2, 1, 3).reshape(matrix.shape)


kronecker = Family("kronecker", "sum of Kroneckers", "Van Loan and Pitsianis 1993", settings, fit)
