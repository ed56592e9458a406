"""Products of two Kronecker-sparse factors, of support I_a ⊗ 1_{b×c} ⊗ I_d (Le et al. 2024), of chainable patterns.

Pairs whose product may be nonzero anywhere, a₁ = d₂ = 1, are taken. Such a pair is a grid of b₁×c₂ slices, one for each
of d₁·a₂ pairs of digits, each of rank r: a rank-r Monarch class of order 2 in the DAO convention whose input and output
radices need not agree. The nearest one is an SVD a slice. Longer chains of rank one are the Monarch orders and the
butterfly. As in the paper no permutation stands at the ends: the DFT is near only after one.
"""

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention

__all__ = ["kronecker_sparse"]


def settings(shape: tuple[int, int]) -> list[Setting]:
    result = []
    for d in (d for d in range(1, shape[0] + 1) if shape[0] % d == 0):
        for a in (a for a in range(1, shape[1] + 1) if shape[1] % a == 0):
            b, c = shape[0] // d, shape[1] // a
            for rank in (r for r in (1, 2, 4, 8, 16, 32) if r < min(b, c)):
                kind = MonarchClass((c, a), (d, b), Convention.DAO, rank)
                label = f"(1, {b}, {rank * a}, {d}) (·) ({a}, {rank * d}, {c}, 1), rank {rank}"
                result.append(Setting(label, kind.parameters, kind.parameters, "optimal", {"kind": kind}))
    return result


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return project(matrix, setting.choices["kind"]).dense()


kronecker_sparse = Family(
    "kronecker-sparse", "Kronecker-sparse pair", "Le, Zheng, Riccietti and Gribonval 2024", settings, fit
)
