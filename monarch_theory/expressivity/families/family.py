"""What a family of structured matrices is, as data: its settings with their costs, and a way to fit each one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from monarch_theory.expressivity.parts import Member, Part
from monarch_theory.expressivity.spectra import Layout, Spectra

__all__ = [
    "COSTS",
    "Candidate",
    "Cost",
    "Family",
    "Fit",
    "Fitted",
    "Floor",
    "Guarantee",
    "Nearest",
    "Setting",
    "by_floor",
]

Guarantee = Literal["optimal", "quasi-optimal", "heuristic"]
Cost = Literal["parameters", "multiplications"]
COSTS: tuple[Cost, Cost] = ("parameters", "multiplications")


@dataclass(frozen=True)
class Setting:
    """One member of a family's range of sizes.

    Attributes:
        label: the choices in words.
        parameters: stored scalars.
        multiplications: scalar multiplications of one matrix–vector product.
        guarantee: "optimal", the fit is the nearest in Frobenius norm; "quasi-optimal", within √(p−1) of it;
            "heuristic", no ratio is promised.
        choices: what `fit` reads.
        operations: roundings that one entry of a member takes when it is computed from what is stored.
        ranks_suffice: whether a matrix that no floor excludes, in exact arithmetic, is a member; unless given, where
            the floor is how the fit is made.
    """

    label: str
    parameters: int
    multiplications: int
    guarantee: Guarantee
    choices: dict[str, Any] = field(default_factory=dict)
    operations: int = 1
    ranks_suffice: bool | None = None

    @property
    def decided_by_ranks(self) -> bool:
        """`ranks_suffice`, or its usual value."""
        return self.guarantee != "heuristic" if self.ranks_suffice is None else self.ranks_suffice


@dataclass(frozen=True)
class Floor:
    """A setting to fit.

    Attributes:
        setting: which.
        distance: relative; none of its members is below (rounding taken off).
        guess: about how far the fit will be; settings are fitted in this order.
    """

    setting: Setting
    distance: float
    guess: float


@dataclass(frozen=True)
class Candidate:
    """A setting whose members are the matrices with slices of rank ≤ `rank` in a layout, and so has a known floor."""

    layout: Layout
    rank: int
    setting: Setting


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest member found within a budget.

    Attributes:
        setting: where it was found.
        distance: relative; root mean square over the matrices.
        floor: no member of any setting within the budget is nearer.
        optimal: whether no member of the family within the budget is nearer, but for rounding.
        approximations: one for each matrix.
    """

    setting: Setting
    distance: float
    floor: float
    optimal: bool
    approximations: tuple[np.ndarray, ...]


Fit = Callable[[np.ndarray, Setting], np.ndarray]


@dataclass(frozen=True)
class Family:
    """A family of structured matrices.

    Attributes:
        name: as on the command line.
        title: as in tables.
        reference: where it comes from.
        settings: shape of the matrix → its settings; none where the shape has none.
        fit: (matrix, setting) → dense approximation, same shape and dtype. Raises `ValueError` for a matrix that the
            family has no approximation of (attention families need probabilities).
        lower_bound: (matrix, setting) → Frobenius distance that no member of the setting is below; None where nothing
            is known. Not asked where the fit is optimal, whose distance it is.
        scope: what a verdict about the family covers, in words that follow "any".
        floors: (spectra, budget, cost) → the settings worth fitting, among them the one of the least floor: no member
            of *any* setting within the budget is below that. Every setting is asked one by one unless given.
        least: shape → fewest parameters; read off the settings unless given.
        one_cost: whether every setting multiplies as often as it stores, so that one budget is as good as the other.
        parts: (matrix, setting) → the fit as it is stored, whose sum it is; None where that is not written down.
        scales_columns: whether a member with its columns multiplied by any numbers is one of the same setting.
        holds_low_rank: whether every matrix of rank r is a member at the same cost, so that truncated SVD is one fit.
        by_ranks: whether `floors` knows the matrices by `Spectra.tails` alone, so that exact ranks decide as well.
        largest: (shape, budget) → the setting of many that one would take with so many parameters, None where there is
            none; the one with most parameters unless given.
        vanishing: (matrix, setting) → numbers that are all zero for members and for nothing else, in the scalars of the
            matrix; None where there are no such numbers.
        holds: (matrix of Python integers, setting) → whether it is a member, exactly, where ranks leave that open; None
            where it stays so.
    """

    name: str
    title: str
    reference: str
    settings: Callable[[tuple[int, int]], Iterable[Setting]]
    fit: Fit
    lower_bound: Callable[[np.ndarray, Setting], float] | None = None
    scope: str = "setting"
    floors: Callable[[Spectra, int, Cost], list[Floor]] | None = None
    least: Callable[[tuple[int, int]], int] | None = None
    one_cost: bool = False
    parts: Callable[[np.ndarray, Setting], tuple[Part, ...]] | None = None
    scales_columns: bool = False
    holds_low_rank: bool = False
    by_ranks: bool = False
    largest: Callable[[tuple[int, int], int], Setting | None] | None = None
    vanishing: Callable[[np.ndarray, Setting], np.ndarray] | None = None
    holds: Callable[[np.ndarray, Setting], bool | None] | None = None

    def within(self, shape: tuple[int, int], budget: int, *, cost: Cost = "parameters") -> list[Setting]:
        """Settings whose `cost` is at most `budget`, dearest first."""
        chosen = [setting for setting in self.settings(shape) if getattr(setting, cost) <= budget]
        return sorted(chosen, key=lambda setting: -getattr(setting, cost))

    def smallest(self, shape: tuple[int, int]) -> int:
        """Fewest parameters of a setting at this shape."""
        return self.least(shape) if self.least else min(setting.parameters for setting in self.settings(shape))

    def nearest(
        self,
        spectra: Spectra,
        budget: int,
        *,
        cost: Cost = "parameters",
        progress: Callable[[float], None] | None = None,
    ) -> Nearest | None:
        """The nearest member with at most `budget` of `cost`; None where no setting is that small.

        Settings are fitted until no floor is below the distance found.

        Raises:
            ValueError: the family has no approximation of a matrix.
        """
        floors = self.floors_within(spectra, budget, cost)
        lowest = min(floors, key=lambda floor: floor.distance, default=None)
        least = lowest.distance if lowest is not None else 0.0
        best: Nearest | None = None
        for done, floor in enumerate(sorted(floors, key=lambda floor: (floor.guess, floor.setting.parameters))):
            if best is not None and best.distance <= max(floor.distance, spectra.rounding):
                continue
            near = tuple(self.fit(matrix, floor.setting) for matrix in spectra.matrices)
            distance = spectra.distance(near)
            if best is None or distance < best.distance:
                # a floor may be lower than its distance by the rounding that was taken off
                sides = (side for side in (floor, lowest) if side is not None and side.setting.guarantee == "optimal")
                off = max((side.guess - side.distance for side in sides), default=0.0)
                optimal = distance <= least + off + spectra.rounding
                best = Nearest(floor.setting, distance, min(least, distance), optimal, near)
            if progress is not None:
                progress((done + 1) / len(floors))
        return best

    def floors_within(self, spectra: Spectra, budget: int, cost: Cost = "parameters") -> list[Floor]:
        """The settings worth fitting, among them the one of the least floor."""
        return (self.floors or self._each)(spectra, budget, cost)

    def member(self, matrix: np.ndarray, setting: Setting) -> Member:
        """The fit as it is stored and multiplied.

        Raises:
            ValueError: the family does not say how.
        """
        if self.parts is None:
            raise ValueError(f"family: expected one that writes its members down, got {self.name}")
        rows, columns = matrix.shape
        return Member((rows, columns), self.name, setting.label, self.parts(matrix, setting))

    def _each(self, spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
        """Every setting within the budget: its distance where the fit is optimal, what is known elsewhere."""
        floors = []
        for setting in self.within(spectra.shape, budget, cost=cost):
            if spectra.exact:
                assert self.vanishing is not None
                floor = float(any(self.vanishing(matrix, setting).any() for matrix in spectra.matrices))
            elif setting.guarantee == "optimal":
                floor = spectra.distance(tuple(self.fit(matrix, setting) for matrix in spectra.matrices))
            elif self.lower_bound is not None:
                floor = spectra.relative([self.lower_bound(matrix, setting) for matrix in spectra.matrices])
            else:
                floor = 0.0
            floors.append(Floor(setting, floor, floor))
        return floors


@dataclass(frozen=True, eq=False)
class Fitted:
    """What to fit once more to have factors: the numbers that the distance was told of, and not those they stand for.

    At the ends of the range squares overflow or vanish, and the fit of such a matrix is another one.

    Attributes:
        family, setting: which fit.
        values: of the matrix over `scale`.
        scale: a power of two.
    """

    family: Family
    setting: Setting
    values: np.ndarray
    scale: float

    def member(self) -> Member:
        """The factors, of the matrix itself; raises what `Family.member` does."""
        return self.family.member(self.values, self.setting).times(self.scale)


def by_floor(spectra: Spectra, candidates: list[Candidate]) -> list[Floor]:
    """The candidates by how near their nearest members are; of equals, the cheaper first."""
    found = spectra.tails([c.layout for c in candidates], [c.rank for c in candidates])
    pairs = zip(candidates, found, strict=True)
    floors = [Floor(c.setting, tails.floor(c.rank), tails.distance(c.rank)) for c, tails in pairs]
    return sorted(floors, key=lambda floor: (floor.distance, floor.setting.parameters))
