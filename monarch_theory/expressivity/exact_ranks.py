"""Exact ranks in the place of distances: which families hold a matrix of integers or fractions, without rounding.

`Spectra` tells how far the nearest matrix with slices of rank ≤ r is; here that is 0 where the slices have that rank
and 1 where one has more. So what a family makes of tails (`Family.floors`) decides membership exactly: no setting is
left where all floors are 1, and a floor of 0 is a member wherever ranks suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import ClassVar

import flint
import numpy as np

from monarch_theory.domains import INTEGERS, RATIONALS, Domain
from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.spectra import Layout, Spectra, Tails

__all__ = ["ExactSpectra", "decide_family", "whole_numbers"]

PRIME = 2**61 - 1  # ranks modulo it are never too large, and seldom too small


@dataclass(frozen=True, eq=False)
class ExactSpectra(Spectra):
    """A matrix of Python integers, whose tails are 0 or 1."""

    exact: ClassVar[bool] = True

    @classmethod
    def of(cls, matrices: Sequence[np.ndarray]) -> ExactSpectra:
        """Of integer matrices, dtype object."""
        return cls(tuple(matrices), (1.0,) * len(matrices))

    @property
    def rounding(self) -> float:
        """None."""
        return 0.0

    def tails(self, layouts: Sequence[Layout], ranks: Sequence[int]) -> list[Tails]:
        """Tails of every layout, good up to the rank beside it."""
        return [self._exact(layout, rank) for layout, rank in zip(layouts, ranks, strict=True)]

    def _exact(self, layout: Layout, asked: int) -> Tails:
        """Ranks modulo a prime are at most the ranks: where they exceed what is asked, that is all one needs to know.

        They say nothing of the larger ranks that are asked of the same layout later, so the two are kept apart.
        """
        (matrix,) = self.matrices
        if (layout, False) not in self.known:
            if (layout, True) not in self.known:
                self.known[layout, True] = _as_tails(max(_rank(block, PRIME) for block in layout.stack(matrix)))
            if (modular := self.known[layout, True]).floor(asked) > 0:
                return modular
            self.known[layout, False] = _as_tails(max(_rank(block) for block in layout.stack(matrix)))
        return self.known[layout, False]


def _as_tails(rank: int) -> Tails:
    far = np.append(np.ones(rank), 0.0)
    return Tails(far, far)


def _rank(block: np.ndarray, prime: int | None = None) -> int:
    rows, columns = block.shape
    if prime is None:
        return int(flint.fmpz_mat(rows, columns, block.reshape(-1).tolist()).rank())
    return int(flint.nmod_mat(rows, columns, (block % prime).reshape(-1).tolist(), prime).rank())


def whole_numbers(entries: np.ndarray, domain: Domain) -> np.ndarray | None:
    """A multiple of the matrix with integer entries, dtype object: it has the same ranks; None in other domains."""
    if domain is INTEGERS:
        return np.array([int(entry) for entry in entries.flat], dtype=object).reshape(entries.shape)
    if domain is RATIONALS:
        shared = lcm(*(int(entry.q) for entry in entries.flat))
        whole = [int(entry.p) * (shared // int(entry.q)) for entry in entries.flat]
        return np.array(whole, dtype=object).reshape(entries.shape)
    return None


def decide_family(whole: np.ndarray, family: Family, budget: int) -> tuple[bool | None, Setting | None]:
    """(whether the family has the integer matrix within the budget, the setting that does); None where ranks are not
    enough, or the family knows a matrix by more than ranks.

    >>> from monarch_theory.expressivity.families.low_rank import low_rank
    >>> rank_two = np.add.outer(np.arange(4), np.arange(4)).astype(object)
    >>> decide_family(rank_two, low_rank, 16)[0], decide_family(rank_two, low_rank, 15)[0]
    (True, False)
    """
    if not family.by_ranks and family.vanishing is None:
        return None, None
    floors = family.floors_within(ExactSpectra.of([whole]), budget)
    held = [floor.setting for floor in floors if floor.distance == 0]
    if floors and not held:
        return False, None
    sure = next((setting for setting in held if setting.decided_by_ranks), None)
    if sure is not None or not held or family.holds is None:
        return (None if sure is None else True), sure
    answers = {family.holds(whole, setting): setting for setting in held}
    if True in answers:
        return True, answers[True]
    return (None if None in answers else False), None
