"""The atlas: every family against every target, at equal parameters and at equal FLOPs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families import Family, Setting, families_for
from monarch_theory.expressivity.targets import Target, targets

__all__ = ["COSTS", "Atlas", "Cost", "Entry", "atlas", "error_of"]

Cost = Literal["parameters", "multiplications"]
COSTS: tuple[Cost, Cost] = ("parameters", "multiplications")


@dataclass(frozen=True)
class Entry:
    """One fit: the family at one setting on one target.

    Attributes:
        target, family: names.
        setting: choices and costs.
        error: relative Frobenius error, root mean square over the target's matrices.
    """

    target: str
    family: str
    setting: Setting
    error: float


@dataclass(frozen=True)
class Atlas:
    """All fits, and the budget they are compared at.

    Attributes:
        n: size of the matrices.
        seed: of the random targets.
        budget: parameters, and multiplications, of an order-2 Monarch matrix.
        targets, families: names, in the order of the table.
        entries: every setting that was fitted.
        refused: (target, family) → why it has no fit.
    """

    n: int
    seed: int
    budget: int
    targets: tuple[str, ...]
    families: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    refused: dict[tuple[str, str], str]

    def best(self, target: str, family: str, cost: Cost) -> Entry | None:
        """The least error whose `cost` is within the budget; None where nothing fits."""
        return min(self._within(target, family, cost), key=lambda entry: entry.error, default=None)

    def frontier(self, target: str, family: str, cost: Cost) -> list[tuple[int, float]]:
        """(cost, least error at that cost or below), errors strictly falling."""
        found: list[tuple[int, float]] = []
        mine = [e for e in self.entries if (e.target, e.family) == (target, family)]
        for entry in sorted(mine, key=lambda e: (getattr(e.setting, cost), e.error)):
            if not found or entry.error < found[-1][1]:
                found.append((getattr(entry.setting, cost), entry.error))
        return found

    def _within(self, target: str, family: str, cost: Cost) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if (entry.target, entry.family) == (target, family) and getattr(entry.setting, cost) <= self.budget
        ]


def atlas(
    n: int = 64,
    *,
    seed: int = 0,
    chosen: Sequence[Target] | None = None,
    families: Sequence[Family] | None = None,
    reach: float = 1.0,
    progress: Callable[[float], None] | None = None,
) -> Atlas:
    """Fit every setting of every family to every target.

    Args:
        n: size; a product of two integers above one.
        seed: of the random targets.
        chosen: targets; `targets(n, seed)` unless given.
        families: families; `families_for((n, n))` unless given.
        reach: fit settings up to this many budgets, in one cost or the other; beyond one is for `Atlas.frontier`.
        progress: called with the fraction of the matrices fitted.

    Raises:
        ValueError: n has no order-2 Monarch class, which sets the budget.

    >>> found = atlas(16)
    >>> found.budget, found.best("DFT", "monarch-2", "parameters").error < 1e-14
    (128, True)
    """
    budget = MonarchClass(balanced_radices(n, 2, name="n")).parameters
    chosen = targets(n, seed) if chosen is None else chosen
    families = families_for((n, n)) if families is None else families
    work = [
        (target, family, setting)
        for target in chosen
        for family in families
        for setting in family.settings((n, n))
        if min(setting.parameters, setting.multiplications) <= reach * budget
    ]

    def fit(job: tuple[Target, Family, Setting]) -> Entry | str:
        target, family, setting = job
        try:
            return Entry(target.name, family.name, setting, error_of(target, family, setting))
        except ValueError as error:
            return str(error)

    entries: list[Entry] = []
    refused: dict[tuple[str, str], str] = {}
    done, everything = 0, sum(len(target.matrices) for target, _, _ in work)
    # LAPACK runs outside the interpreter lock; its own threads on matrices this small cost far more than they give
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for (target, family, _), found in zip(work, pool.map(fit, work), strict=True):
            if isinstance(found, Entry):
                entries.append(found)
            else:
                refused[target.name, family.name] = found
            done += len(target.matrices)
            if progress is not None:
                progress(done / everything)
    return Atlas(
        n,
        seed,
        budget,
        tuple(target.name for target in chosen),
        tuple((family.name, family.title) for family in families),
        tuple(entries),
        refused,
    )


def error_of(target: Target, family: Family, setting: Setting) -> float:
    """Root mean square, over the target's matrices, of the relative Frobenius error."""
    squares = [
        (np.linalg.norm(matrix - family.fit(matrix, setting)) / np.linalg.norm(matrix)) ** 2
        for matrix in target.matrices
    ]
    return float(np.sqrt(np.mean(squares)))
