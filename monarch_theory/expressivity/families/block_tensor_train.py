"""Block tensor trains (Qiu et al. 2024): Monarch of any order whose stages pass on a bond of width r."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices, factorisations
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Guarantee, Setting
from monarch_theory.expressivity.families.monarch_orders import radices_of, worth_fitting
from monarch_theory.expressivity.parts import Train
from monarch_theory.expressivity.paths import least_cost, longest_order, paths
from monarch_theory.expressivity.projection import project_values
from monarch_theory.expressivity.spectra import Spectra
from monarch_theory.monarch import Convention

__all__ = ["block_tensor_train", "fit", "nearest_by_rank", "parts"]


def setting(kind: MonarchClass) -> Setting:
    guarantee: Guarantee = "optimal" if kind.order == 2 else "quasi-optimal"
    label = f"{kind.convention.value}, radices {radices_of(kind)}, rank {kind.rank}"
    operations = 2 * kind.rank * (kind.order - 1)
    return Setting(label, kind.parameters, kind.parameters, guarantee, {"kind": kind}, operations)


def orders_of(shape: tuple[int, int]) -> range:
    return range(2, longest_order(shape) + 1)


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for order in orders_of(shape):
        for rows in factorisations(shape[0], order):
            for columns in factorisations(shape[1], order):
                for rank in range(1, widest(rows, columns) + 1):
                    for convention in Convention:
                        yield setting(MonarchClass(columns, rows, convention, rank))


def widest(rows: tuple[int, ...], columns: tuple[int, ...]) -> int:
    """The widest bond that widens the class."""
    return max(MonarchClass(columns, rows, rank=max(np.prod(rows), np.prod(columns)).item()).ranks)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """For every rank and order the nearest path within the budget."""
    return nearest_by_rank(spectra, budget, orders_of(spectra.shape), setting)


def nearest_by_rank(
    spectra: Spectra, budget: int, orders: range, setting: Callable[[MonarchClass], Setting], **among: Any
) -> list[Floor]:
    """For every rank and order the nearest path within the budget, `among` as `paths` takes it."""
    found: list[Floor] = []
    for rank in count(1):
        here = list(paths(spectra, orders, width=rank, bond=rank, budget=budget, **among))
        found += [Floor(setting(path.kind), path.floor, path.ceiling) for path in here]
        if not here or any(path.floor == 0 for path in here) or rank >= max(spectra.shape):
            break
    return worth_fitting(found)


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return project_values(matrix, setting.choices["kind"]).dense()


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train]:
    return (Train.of(project_values(matrix, setting.choices["kind"]).train),)


def least(shape: tuple[int, int]) -> int:
    return least_cost(shape, orders_of(shape)) or 0


def largest(shape: tuple[int, int], budget: int) -> Setting | None:
    """Two stages of radices as equal as can be, and the widest bond that the budget buys."""
    rows, columns = balanced_radices(shape[0], 2), balanced_radices(shape[1], 2)
    one = MonarchClass(columns, rows).parameters
    rank = min(budget // one, widest(rows, columns))
    return setting(MonarchClass(columns, rows, rank=rank)) if rank else None


block_tensor_train = Family(
    "block-tensor-train",
    "block tensor train",
    "Qiu et al. 2024",
    settings,
    fit,
    scope="order, radices above one, convention and rank",
    floors=floors,
    least=least,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    by_ranks=True,
    largest=largest,
)
