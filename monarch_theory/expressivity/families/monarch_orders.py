"""Monarch matrices of one order, and sums of them; the butterfly is the order with every radix two.

For order 2 a sum of r is the class of slices of rank r, and the fit is optimal; for higher orders the terms are moved
together by alternating least squares, which is a heuristic. The terms of a sum share radices and convention.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from math import prod, sqrt

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices, factorisations
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Guarantee, Setting
from monarch_theory.expressivity.parts import Train
from monarch_theory.expressivity.paths import Path, least_cost, paths
from monarch_theory.expressivity.projection import project_sum
from monarch_theory.expressivity.spectra import Slicing, Spectra
from monarch_theory.monarch import Convention

__all__ = ["WORTH_FITTING", "butterfly", "monarch", "radices_of", "worth_fitting"]

WORTH_FITTING = 2  # by each of two criteria
VAST = 2**22  # entries of a matrix of which one is


def monarch(order: int) -> Family:
    """Monarch matrices of this order, all radices above one, in all three conventions."""
    orders = range(order, order + 1)

    def settings(shape: tuple[int, int]) -> Iterator[Setting]:
        for rows in factorisations(shape[0], order):
            for columns in factorisations(shape[1], order):
                yield from _sums(MonarchClass(columns, rows))

    def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
        def found(terms: int) -> list[Path]:
            return list(
                paths(spectra, orders, width=terms, bond=1, budget=budget // terms, tail=terms if order == 2 else 1)
            )

        return sums(found)

    def largest(shape: tuple[int, int], budget: int) -> Setting | None:
        """Radices as equal as can be, and as many terms as the budget buys."""
        kind = MonarchClass(balanced_radices(shape[1], order), balanced_radices(shape[0], order))
        return setting(kind, budget // kind.parameters) if kind.parameters <= budget else None

    return Family(
        f"monarch-{order}",
        f"Monarch, order {order}",
        "Dao et al. 2022; Fu et al. 2023",
        settings,
        fit,
        scope="choice of radices above one, convention, and number of terms that share them",
        floors=floors,
        least=lambda shape: least_cost(shape, orders) or 0,
        one_cost=True,
        parts=parts,
        scales_columns=True,
        by_ranks=True,
        largest=largest,
    )


def setting(kind: MonarchClass, terms: int) -> Setting:
    """The sum of `terms` matrices of the class."""
    guarantee: Guarantee = "optimal" if kind.order <= 2 else "quasi-optimal" if terms == 1 else "heuristic"
    parameters = terms * kind.parameters
    label = f"{kind.convention.value}, radices {radices_of(kind)}"
    label += f", {terms} terms" if terms > 1 else ""
    return Setting(label, parameters, parameters, guarantee, {"kind": kind, "terms": terms}, kind.order * terms)


def radices_of(kind: MonarchClass) -> str:
    """As 4·16, or 2·8 → 4·16 where outputs and inputs have others."""
    rows, columns = ("·".join(map(str, side)) for side in (kind.output_radices, kind.input_radices))
    return columns if rows == columns else f"{columns} → {rows}"


def worth_fitting(floors: list[Floor]) -> list[Floor]:
    """The few nearest by floor, and by guess; of equals, the first: list fewer terms and stages before more."""
    few = WORTH_FITTING if all(prod(floor.setting.choices["kind"].shape) < VAST for floor in floors) else 1
    nearest = sorted(floors, key=lambda floor: floor.distance)[:few]
    likely = sorted(floors, key=lambda floor: floor.guess)[:few]
    return nearest + [floor for floor in likely if floor not in nearest]


def sums(found: Callable[[int], list[Path]]) -> list[Floor]:
    """For every number of terms the nearest paths, until none is within the budget or a term more cannot be nearer.

    Of one class only the most terms, which come nearest; or the fewest that may hold the matrix.
    """
    floors: dict[MonarchClass, Floor] = {}
    for terms in count(1):
        here = found(terms)
        for path in here:
            if path.kind not in floors or floors[path.kind].distance > 0:
                floors[path.kind] = Floor(setting(path.kind, terms), path.floor, path.ceiling)
        if not here or any(path.ceiling <= path.floor == 0 for path in here):
            break
    return worth_fitting(list(floors.values()))


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """The nearest for order 2, one near for higher orders."""
    trains = project_sum(matrix, setting.choices["kind"], setting.choices["terms"])
    return np.asarray(sum(train.dense() for train in trains))


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train, ...]:
    return tuple(Train.of(train) for train in project_sum(matrix, setting.choices["kind"], setting.choices["terms"]))


def _sums(kind: MonarchClass) -> Iterator[Setting]:
    """Of every convention and every number of terms that stores less than the entries do."""
    for terms in range(1, max(kind.shape[0] * kind.shape[1] // kind.parameters, 1) + 1):
        for convention in Convention:
            yield setting(replace(kind, convention=convention), terms)


def _butterfly_kind(shape: tuple[int, int]) -> MonarchClass | None:
    order = shape[0].bit_length() - 1
    return MonarchClass((2,) * order) if shape == (2**order, 2**order) and order >= 2 else None


def _butterfly_settings(shape: tuple[int, int]) -> list[Setting]:
    kind = _butterfly_kind(shape)
    return [] if kind is None else list(_sums(kind))


def _butterfly_floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """A sum of r butterflies has slices of rank r at most at every split, so none is nearer than their tails allow."""
    kind = _butterfly_kind(spectra.shape)
    if kind is None or kind.parameters > budget:
        return []
    terms = budget // kind.parameters
    n, found = spectra.shape[0], []
    for convention in Convention:
        dealt = (convention is not Convention.DAO_TRANSPOSED, convention is not Convention.DAO)
        layouts = [Slicing(2**k, n // 2**k, dealt) for k in range(1, kind.order)]
        tails = spectra.tails(layouts, [terms] * len(layouts))
        depths = [max(tail.floor(some) for tail in tails) for some in range(1, terms + 1)]
        some = depths.index(0) if 0 in depths else terms - 1  # the most, or the fewest that may hold the matrix
        ceiling = sqrt(sum(tail.distance(1) ** 2 for tail in tails))
        found.append(Floor(setting(replace(kind, convention=convention), some + 1), depths[some], ceiling))
    return worth_fitting(found)


butterfly = Family(
    "butterfly",
    "butterfly",
    "Dao et al. 2019; Parker 1995",
    _butterfly_settings,
    fit,
    scope="convention and number of terms",
    floors=_butterfly_floors,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    by_ranks=True,
)
