"""Every family against one matrix of trained weights, at equal parameters and at equal operations.

With activations, errors are those of the outputs as far as a weight a column tells: column j counts as much as the root
mean square of input j. Families that a scaling of columns maps to themselves are fitted to that, optimally where they
are at all; the others are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import isqrt

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.families.family import COSTS, Cost, Fitted, Nearest
from monarch_theory.expressivity.families.monarch_orders import monarch
from monarch_theory.expressivity.matrices import Matrix, ordinary, power_of_two
from monarch_theory.expressivity.padding import is_awkward, nearest_padded
from monarch_theory.expressivity.parts import Member
from monarch_theory.expressivity.spectra import Slicing, Spectra

__all__ = ["Comparison", "Place", "column_weights", "compare", "even_budget"]

PADDED_ORDERS = (2, 3)
LEAST_SIDE = 3  # up to here no two radices are above one
LEAST_WEIGHT = 1e-6  # of a column, against the largest


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
        padded: the larger shape that it is cut from; None where it has the shape of the matrix.
        fitted: what to fit again to have its factors; None where it has none to write down.
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
    padded: tuple[int, int] | None = None
    fitted: Fitted | None = field(default=None, repr=False, compare=False)


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
        weights: of the columns, shape (inputs,), divided by their largest; None where all count alike.
    """

    name: str
    shape: tuple[int, int]
    budget: int
    rounding: float
    stable_rank: float
    rank_for_nine_tenths: int
    places: tuple[Place, ...]
    refused: dict[str, str]
    weights: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def worth_trying(self) -> Place | None:
        """The nearest at equal parameters, where truncated SVD is farther by more than rounding; else that."""
        places = [place for place in self.places if place.equal == "parameters"]
        svd = self.of("low-rank")
        if svd is None or places[0].distance < svd.distance - self.rounding:
            return places[0] if places else None
        return svd

    @property
    def worth_writing(self) -> Place | None:
        """The nearest at equal parameters whose factors can be written down."""
        return next((p for p in self.places if p.equal == "parameters" and p.fitted is not None), None)

    def member(self, place: Place) -> Member:
        """Its factors, in double precision, for the matrix as it was stored.

        Raises:
            ValueError: a place that cannot be written down.
        """
        if place.fitted is None:
            raise ValueError(f"{self.name}: expected a place that was found by `compare`, got {place.family}")
        found = replace(place.fitted.member(), shape=self.shape)
        return found if self.weights is None else found.scaled(1 / self.weights)

    def of(self, family: str) -> Place | None:
        """The family's place at equal parameters."""
        return next((p for p in self.places if (p.family, p.equal) == (family, "parameters")), None)


def even_budget(shape: tuple[int, int]) -> int:
    """What an order-2 Monarch matrix of the most equal radices stores: that class is always within it.

    Where a side does not factor well, N√M + M√N, as if √M and √N were whole and the radices.

    >>> even_budget((64, 64)), even_budget((12, 12)), even_budget((7, 7))
    (1024, 84, 36)
    """
    rows, columns = shape
    if not any(side <= LEAST_SIDE or is_awkward(side) for side in shape):
        return MonarchClass(balanced_radices(columns, 2), balanced_radices(rows, 2)).parameters
    return isqrt(rows * columns**2) + isqrt(columns * rows**2)


def column_weights(activations: np.ndarray, inputs: int) -> np.ndarray:
    """Root mean square of every input over a batch of shape (samples, inputs), divided by the largest.

    An input that never moves counts a millionth, so that its column can be scaled back.

    Raises:
        ValueError: another shape, entries that are not finite real numbers, or nothing but zeros.

    >>> column_weights(np.array([[3.0, 0.0], [-3.0, 0.0]]), 2)
    array([1.e+00, 1.e-06])
    """
    if activations.ndim != 2 or activations.shape[1] != inputs or not len(activations):
        raise ValueError(f"expected activations of shape (samples, {inputs}), got {activations.shape}")
    if activations.dtype.kind not in "iuf":
        raise ValueError(f"expected activations that are real numbers, got {activations.dtype}")
    if not np.isfinite(activations).all():
        raise ValueError("expected finite activations, got NaN or infinity")
    wide = activations.astype(float)
    found = np.sqrt(np.square(wide / power_of_two(wide)).mean(0))  # no square overflows, nor vanishes beside others
    if not found.max():
        raise ValueError("expected activations that are not all zero")
    return np.asarray(np.maximum(found / found.max(), LEAST_WEIGHT))


def compare(
    matrix: Matrix, *, activations: np.ndarray | None = None, progress: Callable[[float], None] | None = None
) -> Comparison:
    """The nearest member found of every family that has the shape, within `even_budget`.

    Args:
        activations: what the matrix multiplies, shape (samples, inputs); all columns count alike unless given.

    Raises:
        ValueError: activations of another shape, or not finite real numbers; a norm beyond 1.8e308.

    >>> from monarch_theory.expressivity.matrices import read_matrix
    >>> found = compare(read_matrix(np.outer(np.arange(1.0, 17.0), np.ones(16)), name="layer"))
    >>> found.of("low-rank").distance < 1e-12, round(found.stable_rank, 6)
    (True, 1.0)
    """
    values, scale = ordinary(matrix)
    weights = None if activations is None else column_weights(activations, matrix.shape[1])
    fitted = values if weights is None else values * weights
    spectra = Spectra.of([fitted])
    budget = even_budget(matrix.shape)
    places: list[Place] = []
    refused: dict[str, str] = {}
    families = families_for(matrix.shape)
    for done, family in enumerate(families):
        found: dict[Cost, Nearest | None] = {}
        if weights is not None and not family.scales_columns:
            refused[family.name] = "a member with its columns scaled is none, so that weights cannot be taken off"
            continue
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
                again = Fitted(family, near.setting, fitted, scale) if family.parts else None
                places.append(Place(family.name, family.title, cost, *what, *costs, family.holds_low_rank, None, again))
        if progress is not None:
            progress((done + 1) / len(families))
    for order in PADDED_ORDERS:
        if any(is_awkward(side, order) for side in matrix.shape):
            places += _padded(fitted, scale, budget, order)
    whole = spectra.tails([Slicing(1, 1)], [0])[0].distances ** 2  # share left by every rank
    top = 1 - float(whole[1]) if spectra.norms[0] else np.inf
    nine = int(np.argmax(whole <= 0.1))
    ranked = tuple(sorted(places, key=lambda place: (place.distance, place.parameters)))
    return Comparison(matrix.name, matrix.shape, budget, 2 * spectra.rounding, 1 / top, nine, ranked, refused, weights)


def _padded(fitted: np.ndarray, scale: float, budget: int, order: int) -> list[Place]:
    """The Monarch matrix of that order at the next sizes that factor well."""
    family = monarch(order)
    found = nearest_padded(fitted, family, budget, order=order)
    if found is None:
        return []
    costs = found.setting.parameters, found.setting.multiplications
    where = found.distance, 0.0, False, found.setting.label
    again = Fitted(family, found.setting, found.filled, scale)
    return [Place(f"{family.name}-padded", family.title, "parameters", *where, *costs, False, found.shape, again)]
