"""The atlas: every family against every target, at equal parameters and at equal FLOPs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families import Family, Setting, families_for
from monarch_theory.expressivity.families.family import COSTS, Cost
from monarch_theory.expressivity.spectra import Spectra
from monarch_theory.expressivity.targets import Target, targets

__all__ = ["COSTS", "Atlas", "Cost", "Entry", "atlas"]


@dataclass(frozen=True)
class Entry:
    """The nearest member found of one family to one target, within one budget.

    Attributes:
        target, family: names.
        setting: choices and costs.
        error: relative Frobenius error, root mean square over the target's matrices.
        floor: no member of the family within the budget has a smaller one.
        optimal: whether `error` itself is known to be the smallest.
    """

    target: str
    family: str
    setting: Setting
    error: float
    floor: float
    optimal: bool


@dataclass(frozen=True)
class Atlas:
    """All fits, and the budget they are compared at.

    Attributes:
        n: size of the matrices.
        seed: of the random targets.
        budget: parameters, and multiplications, of an order-2 Monarch matrix.
        targets, families: names, in the order of the table.
        entries: the nearest found for every budget asked about.
        refused: (target, family) → why it has no fit.
        repeats: the same for other seeds, of the targets that a seed changes.
    """

    n: int
    seed: int
    budget: int
    targets: tuple[str, ...]
    families: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    refused: dict[tuple[str, str], str]
    repeats: tuple[Atlas, ...] = ()

    def errors(self, target: str, family: str, cost: Cost) -> list[float]:
        """The least error of every seed, this one's first; one alone for a target that no seed changes."""
        found = [each.best(target, family, cost) for each in (self, *self.repeats)]
        return [entry.error for entry in found if entry is not None]

    def best(self, target: str, family: str, cost: Cost) -> Entry | None:
        """The least error found whose `cost` is within the budget; None where nothing fits."""
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
    seeds: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Atlas:
    """Find the nearest member of every family to every target, over all its settings within the budget.

    Args:
        n: size; a product of two integers above one.
        seed: of the random targets.
        chosen: targets; `targets(n, seed)` unless given.
        families: families; `families_for((n, n))` unless given.
        reach: above one, ask for eight budgets up to this many times the one as well, for `Atlas.frontier`.
        seeds: how many in a row to draw the random targets of, for `Atlas.errors`.
        progress: called with the fraction of the questions answered.

    Raises:
        ValueError: n has no order-2 Monarch class, which sets the budget.

    >>> found = atlas(16)
    >>> found.budget, found.best("DFT", "monarch-2", "parameters").error < 1e-14
    (128, True)
    """
    if seeds > 1:
        whole = atlas(n, seed=seed, chosen=chosen, families=families, reach=reach, progress=_share(progress, 0, seeds))
        others = []
        for k in range(1, seeds):
            again = [target for target in targets(n, seed + k) if target.random] if chosen is None else []
            shared = _share(progress, k, seeds)
            others.append(atlas(n, seed=seed + k, chosen=again, families=families, progress=shared))
        return replace(whole, repeats=tuple(others))
    budget = MonarchClass(balanced_radices(n, 2, name="n")).parameters
    chosen = targets(n, seed) if chosen is None else chosen
    families = families_for((n, n)) if families is None else families
    questions = [(cost, budget) for cost in COSTS]
    if reach > 1:
        questions += [(COSTS[0], int(budget * reach / 2 ** (k / 2))) for k in range(8)]
    entries: list[Entry] = []
    refused: dict[tuple[str, str], str] = {}
    done = 0
    for target in chosen:
        spectra = Spectra.of(target.matrices)
        for family in families:
            for cost, most in questions:
                done += 1
                if family.one_cost and cost != COSTS[0]:  # answered at equal parameters
                    continue
                try:
                    found = family.nearest(spectra, most, cost=cost)
                except ValueError as error:
                    refused[target.name, family.name] = str(error)
                    found = None
                if found is not None:
                    known = (found.setting, found.distance, found.floor, found.optimal)
                    entries.append(Entry(target.name, family.name, *known))
                if progress is not None:
                    progress(done / (len(chosen) * len(families) * len(questions)))
    return Atlas(
        n,
        seed,
        budget,
        tuple(target.name for target in chosen),
        tuple((family.name, family.title) for family in families),
        tuple(entries),
        refused,
    )


def _share(progress: Callable[[float], None] | None, done: int, parts: int) -> Callable[[float], None] | None:
    """Progress of one part of several."""
    return None if progress is None else lambda fraction: progress((done + fraction) / parts)
