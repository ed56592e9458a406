"""Every family against one matrix of trained weights, at equal parameters and at equal operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np

from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.families.family import COSTS, Cost, Nearest
from monarch_theory.expressivity.matrices import Matrix, power_of_two
from monarch_theory.expressivity.spectra import Slicing, Spectra

__all__ = ["Comparison", "Place", "compare", "even_budget"]


@dataclass(frozen=True)
class Place:
    """Where one family comes in.

    Attributes:
        family, title: names.
        equal: which cost the budget bounds.
        distance: relative, of the nearest member found.
        floor: no member within the budget is nearer.
        optimal: whether no member is nearer than the one found.
        setting: it in words.
        parameters, multiplications: what it costs.
        holds_low_rank: whether the family has every matrix of low rank, at the same cost.
    """

    family: str
    title: str
    equal: Cost
    distance: float
    floor: float
    optimal: bool
    setting: str
    parameters: int
    multiplications: int
    holds_low_rank: bool


@dataclass(frozen=True)
class Comparison:
    """One matrix.

    Attributes:
        name, shape: of the matrix.
        budget: most parameters, or most multiplications.
        rounding: distances that differ by less are equal.
        stable_rank: ‖A‖_F²/‖A‖₂², at most the rank; 0 for the zero matrix.
        rank_for_nine_tenths: singular values that hold nine tenths of ‖A‖_F².
        places: nearest first; a second one of a family whose multiplications are not its parameters.
        refused: family → why it has no member to offer.
    """

    name: str
    shape: tuple[int, int]
    budget: int
    rounding: float
    stable_rank: float
    rank_for_nine_tenths: int
    places: tuple[Place, ...]
    refused: dict[str, str]

    def of(self, family: str) -> Place | None:
        """The family's place at equal parameters."""
        return next((p for p in self.places if (p.family, p.equal) == (family, "parameters")), None)


def even_budget(shape: tuple[int, int]) -> int:
    """N√M + M√N: what an order-2 Monarch matrix of M × N stores, were √M and √N whole and its radices.

    >>> even_budget((64, 64)), even_budget((7, 7))
    (1024, 36)
    """
    rows, columns = shape
    return isqrt(rows * columns**2) + isqrt(columns * rows**2)


def compare(matrix: Matrix, *, progress: Callable[[float], None] | None = None) -> Comparison:
    """The nearest member found of every family that has the shape, within `even_budget`.

    >>> from monarch_theory.expressivity.matrices import read_matrix
    >>> found = compare(read_matrix(np.outer(np.arange(1.0, 17.0), np.ones(16)), name="layer"))
    >>> found.of("low-rank").distance < 1e-12, round(found.stable_rank, 6)
    (True, 1.0)
    """
    values = matrix.doubled.values
    spectra = Spectra.of([values / power_of_two(values)])
    budget = even_budget(matrix.shape)
    places: list[Place] = []
    refused: dict[str, str] = {}
    families = families_for(matrix.shape)
    for done, family in enumerate(families):
        found: dict[Cost, Nearest | None] = {}
        for cost in COSTS[:1] if family.one_cost else COSTS:
            try:
                found[cost] = family.nearest(spectra, budget, cost=cost)
            except ValueError as error:
                refused[family.name] = str(error)
        equal = found.get("parameters"), found.get("multiplications")
        if equal[0] is not None and equal[1] is not None and equal[0].setting == equal[1].setting:
            found.pop("multiplications")
        for cost, near in found.items():
            if near is not None:
                what = (near.distance, near.floor, near.optimal, near.setting.label)
                costs = near.setting.parameters, near.setting.multiplications
                places.append(Place(family.name, family.title, cost, *what, *costs, family.holds_low_rank))
        if progress is not None:
            progress((done + 1) / len(families))
    whole = spectra.tails([Slicing(1, 1)], [0])[0].distances ** 2  # share left by every rank
    top = 1 - float(whole[1]) if spectra.norms[0] else np.inf
    nine = int(np.argmax(whole <= 0.1))
    ranked = tuple(sorted(places, key=lambda place: (place.distance, place.parameters)))
    return Comparison(matrix.name, matrix.shape, budget, 2 * spectra.rounding, 1 / top, nine, ranked, refused)
