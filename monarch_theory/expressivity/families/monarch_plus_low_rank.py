"""A Monarch matrix plus one of rank r, by projecting in turns: the error never rises, but the limit is only local."""

from dataclasses import replace

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention

__all__ = ["TURNS", "monarch_plus_low_rank"]

TURNS = 20


def settings(shape: tuple[int, int]) -> list[Setting]:
    result = []
    for order in range(2, min(shape).bit_length()):
        try:
            rows, columns = balanced_radices(shape[0], order), balanced_radices(shape[1], order)
        except ValueError:
            continue
        for convention in Convention:
            kind = MonarchClass(columns, rows, convention)
            for rank in (r for r in (1, 2, 4, 8) if r < min(shape)):
                cost = kind.parameters + rank * sum(shape)
                label = f"{convention.value}, radices {'·'.join(map(str, columns))}, + rank {rank}"
                result.append(Setting(label, cost, cost, "heuristic", {"kind": kind, "rank": rank}))
    return result


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """The best of all turns, from both ends: Monarch part first, and low-rank part first."""
    kind, rank = setting.choices["kind"], setting.choices["rank"]
    best, least = np.zeros_like(matrix), np.inf
    for low in (np.zeros_like(matrix), truncate(matrix, rank)):
        for _ in range(TURNS):
            structured = project(matrix - low, kind).dense()
            low = truncate(matrix - structured, rank)
            error = float(np.linalg.norm(matrix - structured - low))
            settled = error >= least * (1 - 1e-3)
            if error < least:
                best, least = structured + low, error
            if settled:
                break
    return best


def lower_bound(matrix: np.ndarray, setting: Setting) -> float:
    """Every slice of the sum has rank 1 + r at most, so none is nearer than their tails allow."""
    kind = setting.choices["kind"]
    return project(matrix, replace(kind, rank=kind.rank + setting.choices["rank"])).lower_bound


monarch_plus_low_rank = Family(
    "monarch-plus-low-rank",
    "Monarch + low rank",
    "Candès et al. 2011 in spirit; alternating projection",
    settings,
    fit,
    lower_bound,
)
