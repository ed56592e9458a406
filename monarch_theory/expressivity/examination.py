"""Everything `monarch express` says of a matrix: a member or not, how far, where the error sits, what to try next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from monarch_theory.domains import FLOAT64, Floating
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.exact_ranks import decide_family, whole_numbers
from monarch_theory.expressivity.families import Family, families_for
from monarch_theory.expressivity.families.family import Fitted, Nearest
from monarch_theory.expressivity.matrices import Matrix, dyadic, ordinary
from monarch_theory.expressivity.membership import (
    Accuracy,
    Membership,
    checked_accuracy,
    default_accuracy,
    exact_membership_of,
    membership_of,
    verdict,
)
from monarch_theory.expressivity.projection import Projection, project
from monarch_theory.expressivity.sparse_matrices import SparseMatrix, project_sparse, sparse_membership_of
from monarch_theory.expressivity.spectra import Spectra
from monarch_theory.monarch import Convention
from monarch_theory.notebook import as_html

__all__ = [
    "Examination",
    "Neighbour",
    "error_map",
    "examine_family",
    "examine_monarch",
    "examine_sparse",
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
        lower_bound: no member is relatively nearer, rounding taken off; 0 where nothing is known.
        threshold: relative distance that counts as none: what rounding of the entries surely explains.
        limit: relative distance beyond which rounding of the entries cannot explain it.
        parameters: scalars stored for the approximation.
        guarantee: "optimal", no member (of a family: within the budget) is nearer; "quasi-optimal", within √(p−1);
            "heuristic".
        setting: the class or setting in words.
        scope: what the verdict covers, in words.
        approximation: dense; None where none was made.
        membership, projection: of a Monarch class; None for other families.
        fitted: what was fitted; None for a Monarch class.
        products: with an operator that is known by them, and with its adjoint; None where the matrix was at hand.
    """

    member: bool | None
    evidence: Literal["exact", "measured"]
    distance: float
    lower_bound: float
    threshold: float
    limit: float
    parameters: int
    guarantee: str
    setting: str
    scope: str
    approximation: np.ndarray | None
    membership: Membership | None = None
    projection: Projection | None = None
    fitted: Fitted | None = None
    products: tuple[int, int] | None = None

    @property
    def compression(self) -> float:
        """Entries of the matrix for each stored scalar."""
        if self.approximation is not None:
            return self.approximation.size / self.parameters
        assert self.membership is not None
        return prod(self.membership.kind.shape) / self.parameters

    @property
    def distance_evidence(self) -> Literal["exact", "measured"]:
        """Of the distance: exact where it is zero by an exact verdict, and measured beside any other."""
        return "exact" if self.evidence == "exact" and self.member else "measured"

    def _repr_html_(self) -> str:
        verdict = {True: "member", False: "not a member", None: "undecided"}[self.member]
        facts = {"evidence": self.evidence, "of": self.setting, "covers": self.scope, "parameters": self.parameters}
        facts |= {
            "distance": f"{self.distance:.3e}, {self.distance_evidence}",
            "no member is nearer than": f"{self.lower_bound:.3e}",
        }
        return as_html(verdict, {True: "yes", False: "no", None: "undecided"}[self.member], facts)


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
        accuracy: as for `membership_of`; floating point only.

    Raises:
        ValueError: an accuracy where the answer is exact.
    """
    if exact or not isinstance(matrix.domain, Floating):
        if accuracy is not None:
            raise ValueError(f"accuracy: expected none where membership is decided exactly, got {accuracy}")
        answer = exact_membership_of(matrix, kind, progress=_half(progress, 0))
        projection = project(matrix, kind, progress=_half(progress, 1))
        threshold = limit = default_accuracy(kind, matrix.field)
    else:
        answer = membership_of(matrix, kind, accuracy=accuracy, progress=progress)
        assert answer.projection is not None
        projection, (threshold, limit) = answer.projection, _shares(answer)
    settled = answer.member is True and answer.evidence == "exact"
    dense = matrix.values if settled else projection.dense()
    return _of_class(answer, projection, threshold, limit, dense)


def examine_sparse(
    matrix: SparseMatrix, kind: MonarchClass, *, exact: bool = False, accuracy: float | None = None
) -> Examination:
    """`examine_monarch` of a sparse matrix and a class of order 2, without a dense one.

    Raises:
        ValueError: another order or shape; an accuracy where the answer is exact; floats that are to be read exactly.
    """
    if exact and isinstance(matrix.domain, Floating):
        raise ValueError(f"--exact: expected integers in a sparse matrix of this size, got {matrix.domain}")
    answer = sparse_membership_of(matrix, kind, accuracy=accuracy)
    if answer.projection is not None:
        return _of_class(answer, answer.projection, *_shares(answer), None)
    bound = default_accuracy(kind, FLOAT64)
    return _of_class(answer, project_sparse(matrix, kind), bound, bound, None)


def _shares(answer: Membership) -> tuple[float, float]:
    """Threshold and limit, relative to the norm."""
    assert answer.projection is not None and answer.threshold is not None and answer.limit is not None
    norm = answer.projection.norm
    return (answer.threshold / norm, answer.limit / norm) if norm else (0.0, 0.0)


def _of_class(
    answer: Membership, projection: Projection, threshold: float, limit: float, dense: np.ndarray | None
) -> Examination:
    """What is said of a Monarch class."""
    kind = answer.kind
    settled = answer.member is True and answer.evidence == "exact"
    # the bound is itself rounded: less that, it is one
    floor = max(projection.lower_bound - projection.rounding, 0.0)
    convention = kind.convention.name.lower().replace("_", "-")
    return Examination(
        answer.member,
        answer.evidence,
        0.0 if settled else projection.relative_distance,
        0.0 if settled else floor / (projection.norm or 1.0),
        threshold,
        limit,
        kind.parameters,
        "optimal" if projection.optimal else "quasi-optimal",
        f"order {kind.order}, radices {kind.input_radices}, {convention} ({kind.convention.value}), rank {kind.rank}",
        "of this class",
        dense,
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
    exact: bool = False,
    accuracy: float | None = None,
    progress: Progress | None = None,
) -> Examination:
    """The nearest member found of a family with at most `budget` parameters.

    The verdict is of the family, over every setting within the budget that `Family.scope` names. Integers and fractions
    are decided by exact ranks, and left open where those do not tell: no rounding explains how far they are.

    Args:
        exact: read floating-point entries as the dyadic rationals they are.
        accuracy: as for `membership_of`; floating point only.

    Raises:
        ValueError: nothing in the family is that small, the family has no approximation of this matrix, an accuracy
            outside [0, 1) or where the answer is exact, or complex entries that are to be read exactly.
    """
    if accuracy is not None:
        checked_accuracy(accuracy)
    whole = whole_numbers(*(dyadic(matrix.entries, matrix.domain) if exact else (matrix.entries, matrix.domain)))
    if whole is None and exact:
        raise ValueError(f"--exact: expected integers, fractions or real floats for {family.name}, got {matrix.domain}")
    if whole is not None and accuracy is not None:
        raise ValueError(f"accuracy: expected none where membership is decided exactly, got {accuracy}")
    values, scale = ordinary(matrix)
    spectra = Spectra.of([values])
    try:
        near = family.nearest(spectra, budget, progress=progress) if budget > 0 else None
    except ValueError as error:
        raise ValueError(f"{matrix.name}: {error} (family {family.name})") from error
    if near is None:
        least = family.smallest(matrix.shape)
        raise ValueError(f"--parameters: expected at least {least} for {family.name} at {matrix.shape}, got {budget}")
    norm = spectra.norms[0] * scale
    if whole is not None:
        return _exactly(matrix, whole, family, budget, near, spectra.rounding if norm else 0.0, (values, scale))
    operations = near.setting.operations
    allowed = (
        Accuracy.of(operations, matrix.shape, matrix.field, matrix.stored)
        if accuracy is None
        else Accuracy.given(accuracy, matrix.shape, matrix.field)
    )
    threshold, limit = (bound / norm + spectra.rounding if norm else 0.0 for bound in allowed.distances(norm))
    return Examination(
        verdict(near.distance, near.floor, threshold, limit, 1.0 if norm else 0.0),
        "measured",
        near.distance,
        near.floor,
        threshold,
        limit,
        near.setting.parameters,
        "optimal" if near.optimal else "heuristic",
        near.setting.label,
        f"of any {family.scope} within {budget} parameters",
        near.approximations[0] * scale,
        fitted=Fitted(family, near.setting, values, scale),
    )


def _exactly(
    matrix: Matrix,
    whole: np.ndarray,
    family: Family,
    budget: int,
    near: Nearest,
    rounding: float,
    measured: tuple[np.ndarray, float],
) -> Examination:
    """The verdict of exact ranks, with the distance that was measured; zero is a member wherever it is the nearest.

    Whatever has an approximation of zero has nothing times a member, and none of its factors has to be found.
    """
    member, setting = decide_family(whole, family, budget)
    values, scale = measured
    if member is None and not whole.any() and not near.approximations[0].any():
        member = True
    chosen = near.setting if setting is None else setting
    return Examination(
        member,
        "measured" if member is None else "exact",
        0.0 if member else near.distance,
        0.0 if member else near.floor,
        rounding,
        rounding,
        chosen.parameters,
        "optimal" if near.optimal or member else "heuristic",
        chosen.label,
        f"of any {family.scope} within {budget} parameters",
        matrix.values if member else near.approximations[0] * scale,
        fitted=Fitted(family, chosen, values, scale),
    )


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
    nearer = [n for n in found if here.distance - n.distance > here.threshold]  # by more than noise
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
