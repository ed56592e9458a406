"""Everything `monarch express` says of a matrix: a member or not, how far, where the error sits, what to try next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monarch_theory.domains import Floating
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families import Family, Setting, families_for
from monarch_theory.expressivity.matrices import Matrix
from monarch_theory.expressivity.membership import (
    Membership,
    checked_accuracy,
    decide,
    decide_exactly,
    default_accuracy,
)
from monarch_theory.expressivity.projection import Projection, operation_roundoff, project
from monarch_theory.monarch import Convention
from monarch_theory.rounding import gamma

__all__ = [
    "Examination",
    "Neighbour",
    "error_map",
    "examine_family",
    "examine_monarch",
    "family_named",
    "neighbours",
    "worth_trying",
]

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Examination:
    """What was found.

    Attributes:
        member: in the class or not; None where rounding, or a heuristic fit, leaves it open.
        evidence: "exact" or "measured".
        distance: relative Frobenius distance of `approximation`.
        lower_bound: no member is relatively nearer; equal to `distance` where the fit is optimal, None where unknown.
        threshold: relative distance that counts as none: what rounding of the entries explains.
        parameters: scalars stored for the approximation.
        guarantee: "optimal", "quasi-optimal" or "heuristic"; of a family, the weakest of the settings tried.
        setting: the class or setting in words.
        approximation: dense.
        membership, projection: of a Monarch class; None for other families.
    """

    member: bool | None
    evidence: Literal["exact", "measured"]
    distance: float
    lower_bound: float | None
    threshold: float
    parameters: int
    guarantee: str
    setting: str
    approximation: np.ndarray
    membership: Membership | None = None
    projection: Projection | None = None

    @property
    def compression(self) -> float:
        """Entries of the matrix for each stored scalar."""
        return self.approximation.size / self.parameters


@dataclass(frozen=True)
class Neighbour:
    """A class worth comparing with: its relative distance and parameters."""

    kind: MonarchClass
    distance: float
    parameters: int


def examine_monarch(
    matrix: Matrix,
    kind: MonarchClass,
    *,
    exact: bool = False,
    accuracy: float | None = None,
    progress: Progress | None = None,
) -> Examination:
    """Membership and projection.

    Args:
        exact: read floating-point entries as the dyadic rationals they are.
        accuracy: as for `decide`; floating point only.

    Raises:
        ValueError: an accuracy where the answer is exact.
    """
    if exact or not isinstance(matrix.domain, Floating):
        if accuracy is not None:
            raise ValueError(f"accuracy: expected none where membership is decided exactly, got {accuracy}")
        answer = decide_exactly(matrix, kind, progress=_half(progress, 0))
        projection = project(matrix, kind, progress=_half(progress, 1))
        threshold = default_accuracy(kind, matrix.field)
    else:
        answer = decide(matrix, kind, accuracy=accuracy, progress=progress)
        assert answer.projection is not None and answer.threshold is not None
        projection = answer.projection
        threshold = answer.threshold / projection.norm if projection.norm else 0.0
    settled = answer.member is True and answer.evidence == "exact"
    # the bound is itself rounded: less that, it is one
    floor = projection.distance if projection.optimal else max(projection.lower_bound - projection.rounding, 0.0)
    convention = kind.convention.name.lower().replace("_", "-")
    return Examination(
        answer.member,
        answer.evidence,
        0.0 if settled else projection.relative_distance,
        0.0 if settled else floor / (projection.norm or 1.0),
        threshold,
        kind.parameters,
        "optimal" if projection.optimal else "quasi-optimal",
        f"order {kind.order}, radices {kind.input_radices}, {convention} ({kind.convention.value}), rank {kind.rank}",
        matrix.values if settled else projection.dense(),
        answer,
        projection,
    )


def _half(progress: Progress | None, which: int) -> Progress | None:
    """Progress of the first or the second of two passes."""
    return None if progress is None else lambda fraction: progress((which + fraction) / 2)


def family_named(name: str, shape: tuple[int, int]) -> Family:
    """The family of that name.

    Raises:
        ValueError: no such family at this shape.
    """
    here = {family.name: family for family in families_for(shape)}
    if name not in here:
        raise ValueError(f"--family: expected monarch, {', '.join(here)} for shape {shape}, got {name!r}")
    return here[name]


def examine_family(
    matrix: Matrix,
    family: Family,
    budget: int,
    *,
    accuracy: float | None = None,
    progress: Progress | None = None,
) -> Examination:
    """The best fit of a family with at most `budget` parameters, measured.

    Raises:
        ValueError: nothing in the family is that small, the family has no approximation of this matrix, or an accuracy
            outside [0, 1).
    """
    if accuracy is not None:
        checked_accuracy(accuracy)
    values, field = matrix.values, matrix.field
    options = family.within(values.shape, budget)
    if not options:
        least = min(setting.parameters for setting in family.settings(values.shape))
        raise ValueError(f"--parameters: expected at least {least} for {family.name} at {values.shape}, got {budget}")
    options = options[:1] if family.nested else options
    norm = float(np.linalg.norm(values)) or 1.0
    fits, floors = [], []
    for done, setting in enumerate(options):
        try:
            near = family.fit(values, setting)
        except ValueError as error:
            raise ValueError(f"{matrix.name}: {error} (family {family.name})") from error
        fits.append((float(np.linalg.norm(values - near)) / norm, setting.parameters, done, near))
        floors.append(_floor(values, family, setting, fits[-1][0] * norm) / norm)
        if progress is not None:
            progress((done + 1) / len(options))
    distance, parameters, index, near = min(fits, key=lambda fit: fit[:3])
    setting = options[index]
    unit = operation_roundoff(field)
    slack = gamma(2 * max(values.shape), unit)  # the SVDs of the fit, as in projection
    threshold = slack + (gamma(values.shape[1], unit) if accuracy is None else accuracy)
    member: bool | None = None
    if distance <= threshold:
        member = True
    elif min(floors) > threshold + slack:
        member = False
    floor = min(floors) if all(np.isfinite(floors)) else None
    weakest = max((option.guarantee for option in options), key=("optimal", "quasi-optimal", "heuristic").index)
    return Examination(member, "measured", distance, floor, threshold, parameters, weakest, setting.label, near)


def _floor(values: np.ndarray, family: Family, setting: Setting, distance: float) -> float:
    """No member of the setting is nearer than this; −∞ where nothing is known."""
    if setting.guarantee == "optimal":
        return distance
    return -np.inf if family.lower_bound is None else family.lower_bound(values, setting)


def neighbours(matrix: Matrix, kind: MonarchClass, *, progress: Progress | None = None) -> list[Neighbour]:
    """The classes one step away: one order up and down, the other conventions, one rank more; nearest first."""
    rows, columns = kind.shape
    candidates = [
        MonarchClass(kind.input_radices, kind.output_radices, other, kind.rank)
        for other in Convention
        if other is not kind.convention
    ]
    candidates.append(MonarchClass(kind.input_radices, kind.output_radices, kind.convention, kind.rank + 1))
    for order in (kind.order - 1, kind.order + 1):
        try:
            candidates.append(
                MonarchClass(
                    balanced_radices(columns, order), balanced_radices(rows, order), kind.convention, kind.rank
                )
            )
        except ValueError:
            continue
    compressing = [c for c in candidates if c.parameters < rows * columns and c.order > 1]
    found = []
    for candidate in compressing:
        distance = project(matrix, candidate).relative_distance
        found.append(Neighbour(candidate, distance, candidate.parameters))
        if progress is not None:
            progress(len(found) / len(compressing))
    return sorted(found, key=lambda neighbour: (neighbour.distance, neighbour.parameters))


def worth_trying(here: Examination, found: list[Neighbour]) -> Neighbour | None:
    """The next class to look at; None where no neighbour helps.

    The cheapest neighbour that holds the matrix, where one does (and is cheaper than a class that holds it already);
    otherwise, of those that come nearer, the one that captures most of the squared norm for each parameter stored.
    """
    holding = [n for n in found if n.distance <= here.threshold]
    if here.member:
        holding = [n for n in holding if n.parameters < here.parameters]
    if holding or here.member:
        return min(holding, key=lambda n: n.parameters, default=None)
    nearer = [n for n in found if n.distance < here.distance]
    return max(nearer, key=lambda n: (1 - n.distance**2) / n.parameters, default=None)


def error_map(array: np.ndarray, approximation: np.ndarray, rows: int = 16, columns: int = 32) -> np.ndarray:
    """Share of the squared error in each cell of a grid of at most `rows` × `columns`; sum one, or zero."""
    residual = np.abs(array - approximation).astype(float)
    squares = (residual / (residual.max() or 1.0)) ** 2  # squares of small residuals would underflow
    row_edges = np.unique(np.linspace(0, array.shape[0], min(rows, array.shape[0]) + 1).astype(int))
    column_edges = np.unique(np.linspace(0, array.shape[1], min(columns, array.shape[1]) + 1).astype(int))
    cells = np.add.reduceat(np.add.reduceat(squares, row_edges[:-1], 0), column_edges[:-1], 1)
    total = cells.sum()
    return np.asarray(cells / total if total else cells)
