"""Monarch matrices of one order, and sums of them; the butterfly is the order with every radix two.

For order 2 a sum of r is the class of slices of rank r, and the fit is optimal; for higher orders the terms are fitted
one after another to what is left, which is a heuristic.
"""

from dataclasses import replace

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families.family import Family, Guarantee, Setting
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention

__all__ = ["TERMS", "butterfly", "monarch"]

TERMS = (1, 2, 3, 4, 6, 8)


def monarch(order: int) -> Family:
    """Monarch matrices of this order with the most equal radices, in all three conventions."""

    def settings(shape: tuple[int, int]) -> list[Setting]:
        try:
            rows, columns = balanced_radices(shape[0], order), balanced_radices(shape[1], order)
        except ValueError:
            return []
        return [
            _setting(MonarchClass(columns, rows, convention), terms) for convention in Convention for terms in TERMS
        ]

    reference = "Dao et al. 2022; Fu et al. 2023"
    return Family(f"monarch-{order}", f"Monarch, order {order}", reference, settings, fit, lower_bound)


def _setting(kind: MonarchClass, terms: int) -> Setting:
    guarantee: Guarantee = "optimal" if kind.order <= 2 else "quasi-optimal" if terms == 1 else "heuristic"
    parameters = terms * kind.parameters
    label = f"{kind.convention.value}, radices {'·'.join(map(str, kind.input_radices))}"
    label += f", {terms} terms" if terms > 1 else ""
    return Setting(label, parameters, parameters, guarantee, {"kind": kind, "terms": terms})


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """The sum of `terms` projections, each of what the ones before left."""
    kind, terms = setting.choices["kind"], setting.choices["terms"]
    if kind.order <= 2:
        widened = MonarchClass(kind.input_radices, kind.output_radices, kind.convention, terms)
        return project(matrix, widened).dense()
    total = np.zeros_like(matrix)
    for _ in range(terms):
        total = total + project(matrix - total, kind).dense()
    return total


def lower_bound(matrix: np.ndarray, setting: Setting) -> float:
    """A sum of r Monarch matrices has slices of rank r at most, so none is nearer than their tails allow."""
    kind = replace(setting.choices["kind"], rank=setting.choices["terms"])
    return project(matrix, kind).lower_bound


def _butterfly_settings(shape: tuple[int, int]) -> list[Setting]:
    order = shape[0].bit_length() - 1
    if shape != (2**order, 2**order) or order < 2:
        return []
    return [_setting(MonarchClass((2,) * order, (), convention), terms) for convention in Convention for terms in TERMS]


butterfly = Family("butterfly", "butterfly", "Dao et al. 2019; Parker 1995", _butterfly_settings, fit, lower_bound)
