"""Block tensor trains (Qiu et al. 2024): Monarch of any order whose stages pass on a bond of width r."""

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families.family import Family, Guarantee, Setting
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention

__all__ = ["block_tensor_train"]


def settings(shape: tuple[int, int]) -> list[Setting]:
    result = []
    for order in range(2, min(shape).bit_length()):
        try:
            rows, columns = balanced_radices(shape[0], order), balanced_radices(shape[1], order)
        except ValueError:
            continue
        guarantee: Guarantee = "optimal" if order == 2 else "quasi-optimal"
        for convention in Convention:
            for rank in (1, 2, 3, 4, 6, 8):
                kind = MonarchClass(columns, rows, convention, rank)
                label = f"{convention.value}, radices {'·'.join(map(str, columns))}, rank {rank}"
                result.append(Setting(label, kind.parameters, kind.parameters, guarantee, {"kind": kind}))
    return result


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return project(matrix, setting.choices["kind"]).dense()


def lower_bound(matrix: np.ndarray, setting: Setting) -> float:
    return project(matrix, setting.choices["kind"]).lower_bound


block_tensor_train = Family("block-tensor-train", "block tensor train", "Qiu et al. 2024", settings, fit, lower_bound)
