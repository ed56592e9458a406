"""Is a matrix Monarch? Exactly, with the factors or a minor that refutes it; in floating point, measured.

**Theorem** (any order p, any radices, any field, slices of rank ≤ r). A is in the class iff every slice of every split
k = 0 … p−2 has rank at most r_{k+1}. *Proof.* Necessity: the slice is a product through the bond. Sufficiency: factor
the slices of split 0 as u(i_1 …; ρ)·v(ρ; a_0). The columns of u are combinations of columns of the slice, with
coefficients that depend on (i_0, a_1 …) alone, so what is left has slices of rank ≤ r_{k+1} at the splits 1 … p−2, and
order p − 1. Induct. ∎ No genericity is needed. For p = 2 and r = 1 this is THEORY §1; the butterfly case over C is in
Zheng, Riccietti and Gribonval 2023. Over the integers the rank-one factors are integers too: split off primitive rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod, sqrt
from numbers import Real
from typing import Any, Literal

import numpy as np

from monarch_theory.domains import INTEGERS, RATIONALS, CannotTellError, Domain, Floating
from monarch_theory.expressivity.classes import MonarchClass, check_class, tensor_slices
from monarch_theory.expressivity.matrices import dyadic, field_of, read_matrix
from monarch_theory.expressivity.projection import (
    Progress,
    Projection,
    operation_roundoff,
    project,
)
from monarch_theory.expressivity.tensor_train import BlockTensorTrain, core_of_split, last_core, remaining
from monarch_theory.rounding import Format, gamma

__all__ = [
    "Accuracy",
    "Membership",
    "Refutation",
    "checked_accuracy",
    "default_accuracy",
    "eliminate",
    "exact_membership_of",
    "measured_membership",
    "membership_of",
    "verdict",
]


PIECE = 2**18  # scalars eliminated at once, so that exact scalars do not fill the memory


@dataclass(frozen=True)
class Refutation:
    """A minor of the matrix that vanishes on the whole class and not here.

    Attributes:
        split: which grouping of the stages.
        outputs: (i_0 … i_k), the output digits the slice holds fixed.
        inputs: (a_{k+1} … a_{p-1}), the input digits it holds fixed.
        rows: rows of the matrix, r + 1 of them.
        columns: columns of the matrix, r + 1 of them.
        minor: det A[rows, columns], not zero.
    """

    split: int
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    minor: Any

    def __str__(self) -> str:
        fixed = [f"i{k} = {digit}" for k, digit in enumerate(self.outputs)]
        fixed += [f"a{self.split + 1 + k} = {digit}" for k, digit in enumerate(self.inputs)]
        return (
            f"slice {', '.join(fixed)} of split {self.split}: the minor of rows {self.rows} and columns {self.columns} "
            f"is {self.minor}, not 0"
        )


@dataclass(frozen=True, eq=False)
class Membership:
    """The answer, the kind of evidence, and the certificate.

    Attributes:
        member: whether the matrix is in the class; None when rounding leaves it open, or SymPy cannot tell whether an
            expression is zero.
        evidence: "exact", decided in the matrix's own exact domain; "measured", in floating point.
        kind: the class.
        train: factors that give the matrix (exactly, or to `threshold`); None unless a member.
        refutation: a minor that is not zero; exact evidence only.
        projection: distance and bounds; measured evidence only.
        threshold: the distance that rounding of the entries surely explains; measured evidence only.
        limit: the distance beyond which it cannot; measured evidence only.
    """

    member: bool | None
    evidence: Literal["exact", "measured"]
    kind: MonarchClass
    train: BlockTensorTrain | None = None
    refutation: Refutation | None = None
    projection: Projection | None = None
    threshold: float | None = None
    limit: float | None = None


def membership_of(
    matrix: Any,
    kind: MonarchClass,
    *,
    domain: Domain | None = None,
    accuracy: float | None = None,
    name: str = "matrix",
    progress: Progress | None = None,
) -> Membership:
    """Whether `matrix` is in `kind`: exactly in exact domains, measured in floating point.

    Theorems: `proofs/rank_one_slices`, `proofs/coarser_radices`.

    In floating point the question is whether some member lies within the error that the entries carry anyway:
    ‖A − M‖_F ≤ (accuracy + rounding of the residual)·‖A‖_F + what underflow loses. It is answered no only when the
    lower bound on the distance exceeds that by the error bound of the singular values, and left open in between. Where
    no accuracy is given, both answers must hold however the entries came to be (`Accuracy`); and an error as large as
    the matrix itself answers nothing. All of it is measured in double precision.

    Args:
        matrix: anything `read_matrix` reads, of shape `kind.shape`.
        kind: which class.
        domain: scalars; read off the matrix unless given. A prime field must be given.
        accuracy: relative Frobenius accuracy of the entries; `Accuracy.of_class` unless given. Floating point only.
        name: what error messages call the matrix.
        progress: called with the fraction done.

    Raises:
        ValueError: bad shape, NaN, infinity, or a negative accuracy.
        TypeError: scalars outside every domain.

    >>> answer = membership_of(np.eye(4, dtype=int), MonarchClass((2, 2)))
    >>> answer.member, answer.evidence
    (False, 'exact')
    >>> print(answer.refutation)
    slice i0 = 0, a1 = 0 of split 0: the minor of rows (0, 2) and columns (0, 2) is 1, not 0
    """
    check_class(kind)
    read = read_matrix(matrix, domain, name=name)
    domain = read.domain
    if not isinstance(domain, Floating):
        if accuracy is not None:
            raise ValueError(f"accuracy: expected none for exact scalars of {domain}, got {accuracy}")
        return _decide_exactly(read.entries, domain, kind, read.name, progress)
    return measured_membership(project(read.doubled, kind, progress=progress), kind, domain, read.stored, accuracy)


def measured_membership(
    projection: Projection,
    kind: MonarchClass,
    domain: Floating,
    stored: Format | None = None,
    accuracy: float | None = None,
) -> Membership:
    """The verdict that follows from a projection in double precision.

    Args:
        projection: of a matrix whose entries are in `domain`.
        kind: which class.
        domain: scalars of the entries.
        stored: a coarser format that they were rounded to.
        accuracy: as for `membership_of`.

    Raises:
        ValueError: an accuracy outside [0, 1).
    """
    # the residual is one difference and p − 1 products per entry, taken once per split
    unit = operation_roundoff(field_of(projection.train.cores[0]))
    residual = (kind.order - 1) * 2 * gamma(kind.rank + 2, unit) * projection.norm
    if accuracy is None:
        allowed = Accuracy.of_class(kind, domain, stored)
    else:
        allowed = Accuracy.given(accuracy, kind.shape, domain)
    threshold, limit = (bound + residual for bound in allowed.distances(projection.norm))
    floor = projection.lower_bound - projection.rounding
    member = verdict(projection.distance, floor, threshold, limit, projection.norm)
    return Membership(
        member,
        "measured",
        kind,
        train=projection.train if member else None,
        projection=projection,
        threshold=threshold,
        limit=limit,
    )


def verdict(distance: float, floor: float, threshold: float, limit: float, norm: float) -> bool | None:
    """Member within `threshold`, not where even the `floor` is beyond `limit`, open otherwise.

    Where what rounding explains for certain is as large as the matrix, only a distance of zero tells anything.

    >>> verdict(0.5, 0.5, 0.1, 0.1, 1.0), verdict(0.5, 0.0, 0.1, 0.1, 1.0), verdict(0.5, 0.5, 0.7, 0.7, 1.0)
    (False, None, True)
    >>> verdict(0.5, 0.5, 1.1, 1.1, 1.0)  # the zero matrix is within it, too
    """
    if distance and threshold >= norm:
        return None
    if distance <= threshold:
        return True
    return False if floor > limit else None


@dataclass(frozen=True)
class Accuracy:
    """How far rounding may have moved the entries of a member, in relative Frobenius norm.

    How they came to be is not known. At the least each was computed by its own formula along a balanced tree, which
    for k operations of two operands is ⌈log₂(k + 1)⌉ deep, in single precision or better, and rounded once when it was
    stored; at the most it came from as many rounded operations as there are inputs, such as one inner product.

    Attributes:
        least, most: relative to the norm.
        least_lost, most_lost: what underflow adds, in the units of the entries.
    """

    least: float
    most: float
    least_lost: float
    most_lost: float

    @classmethod
    def of(cls, operations: int, shape: tuple[int, int], domain: Floating, stored: Format | None = None) -> Accuracy:
        """For entries that take so many rounded operations, of matrices of that shape, stored in that domain.

        A coarser format that they were `stored` in is at the most that of every operation as well.

        >>> from monarch_theory.domains import FLOAT32
        >>> found = Accuracy.of(1, (256, 256), FLOAT32)
        >>> f"{found.least:.0e} … {found.most:.0e}"
        '6e-08 … 2e-05'
        """
        unit, operations = operation_roundoff(domain), max(operations, 1)
        depth = operations.bit_length()  # ⌈log₂(operations + 1)⌉
        # in Frobenius norm; halved last, as half the smallest number is none
        lost = sqrt(prod(shape)) * float(np.finfo(domain.dtype).smallest_subnormal)
        least, least_lost = gamma(depth, unit), depth * lost / 2
        if stored is not None:
            unit, lost = stored.unit_roundoff, sqrt(prod(shape)) * stored.smallest_subnormal
            least, least_lost = least + unit * (1 + least), least_lost + lost / 2
        most = max(operations, shape[1])
        return cls(least, gamma(most, unit), least_lost, most * lost)

    @classmethod
    def of_class(cls, kind: MonarchClass, domain: Floating, stored: Format | None = None) -> Accuracy:
        """For members of a class: at every bond r products and r − 1 sums."""
        return cls.of((kind.order - 1) * (2 * kind.rank - 1), kind.shape, domain, stored)

    @classmethod
    def given(cls, accuracy: float, shape: tuple[int, int], domain: Floating) -> Accuracy:
        """For an accuracy that the user knows."""
        lost = cls.of(1, shape, domain).most_lost
        return cls(checked_accuracy(accuracy), accuracy, lost, lost)

    def distances(self, norm: float) -> tuple[float, float]:
        """(least, most) for a matrix of that norm; where underflow may have been as large as it, both count that."""
        lost = self.most_lost if self.most_lost >= norm else self.least_lost
        return self.least * norm + lost, self.most * norm + self.most_lost


def checked_accuracy(accuracy: float) -> float:
    """`accuracy`; `ValueError` unless it is in [0, 1).

    >>> checked_accuracy(1e-6)
    1e-06
    """
    if not isinstance(accuracy, Real) or not 0 <= accuracy < 1:
        raise ValueError(f"accuracy: expected a number in [0, 1), got {accuracy!r}")
    return accuracy


def default_accuracy(kind: MonarchClass, domain: Floating) -> float:
    """γ_N for N inputs: what an entry may lose when it comes from N rounded operations, such as one inner product.

    >>> from monarch_theory.domains import FLOAT64
    >>> f"{default_accuracy(MonarchClass((8, 8)), FLOAT64):.1e}"
    '7.1e-15'
    """
    return gamma(kind.shape[1], operation_roundoff(domain))


def exact_membership_of(
    matrix: Any,
    kind: MonarchClass,
    *,
    domain: Domain | None = None,
    name: str = "matrix",
    progress: Progress | None = None,
) -> Membership:
    """`membership_of` with floating-point entries read as the dyadic (Gaussian) rationals that they are.

    >>> exact_membership_of(np.array([[0.1, 0.3], [0.3, 0.9]]), MonarchClass((2, 1), (1, 2))).member
    False
    >>> membership_of(np.array([[0.1, 0.3], [0.3, 0.9]]), MonarchClass((2, 1), (1, 2))).member  # to rounding, it is
    True
    """
    check_class(kind)
    read = read_matrix(matrix, domain, name=name)
    return _decide_exactly(*dyadic(read.entries, read.domain), kind, read.name, progress)


def _decide_exactly(
    array: np.ndarray,
    domain: Domain,
    kind: MonarchClass,
    name: str,
    progress: Progress | None,
) -> Membership:
    if domain is INTEGERS and kind.rank > 1:
        array, domain = RATIONALS.array(array), RATIONALS
    tensor = kind.digit_tensor(array, name=name)
    positions = kind.digit_tensor(np.arange(array.size).reshape(array.shape))
    try:
        for split in range(kind.order - 1):
            refutation = _refute(tensor, positions, kind, split, domain, progress)
            if refutation is None:
                continue
            # what is not zero may have a product that is, such as |x| − x and |x| + x
            if domain.of_expressions and domain.is_zero(np.array([refutation.minor], dtype=object))[0]:
                return Membership(None, "exact", kind)
            return Membership(False, "exact", kind, refutation=refutation)
        return Membership(True, "exact", kind, train=_factor(tensor, kind, domain))
    except CannotTellError:
        return Membership(None, "exact", kind)


def _refute(
    tensor: np.ndarray,
    positions: np.ndarray,
    kind: MonarchClass,
    split: int,
    domain: Domain,
    progress: Progress | None,
) -> Refutation | None:
    slices = tensor_slices(tensor, kind.order, split)
    step = max(1, PIECE // max(slices[0].size, 1))
    for start in range(0, len(slices), step):
        excess = eliminate(slices[start : start + step], kind.ranks[split + 1], domain).excess
        if excess is not None:
            break
        if progress is not None:
            progress((split + min(start / len(slices) + step / len(slices), 1)) / (kind.order - 1))
    else:
        return None
    index, rows, columns, minor = excess
    index += start
    places = tensor_slices(positions, kind.order, split)[index][np.ix_(rows, columns)]
    fixed = np.unravel_index(index, kind.output_radices[: split + 1] + kind.input_radices[split + 1 :])
    digits = tuple(int(digit) for digit in fixed)
    return Refutation(
        split,
        digits[: split + 1],
        digits[split + 1 :],
        tuple(int(place) // kind.shape[1] for place in places[:, 0]),
        tuple(int(place) % kind.shape[1] for place in places[0]),
        minor,
    )


def _factor(tensor: np.ndarray, kind: MonarchClass, domain: Domain) -> BlockTensorTrain:
    if kind.order == 1:
        core = tensor.reshape(1, kind.output_radices[0], 1, 1, kind.input_radices[0])
        return BlockTensorTrain((core,), kind, domain)
    cores, state = [], tensor
    for k in range(kind.order - 1):
        split = eliminate(tensor_slices(state, kind.order, k), kind.ranks[k + 1], domain)
        cores.append(core_of_split(split.right, kind, k))
        state = remaining(split.left, kind, k)
    return BlockTensorTrain((*cores, last_core(state, kind)), kind, domain)


@dataclass(frozen=True, eq=False)
class Elimination:
    """Slices = left · right up to rank r, or the first slice whose rank exceeds it.

    Attributes:
        left: (slices, rows, r).
        right: (slices, r, columns).
        excess: None, or (slice, rows, columns, minor): a non-zero minor of order r + 1.
    """

    left: np.ndarray
    right: np.ndarray
    excess: tuple[int, list[int], list[int], Any] | None


def eliminate(slices: np.ndarray, rank: int, domain: Domain) -> Elimination:
    """Gaussian elimination with full pivoting on all slices at once, `rank` steps of it.

    Theorem: `proofs/rank_one_slices`.
    """
    count, rows, columns = slices.shape
    left, right = domain.zeros((count, rows, rank)), domain.zeros((count, rank, columns))
    every = np.arange(count)
    rest, pivots = slices, []
    for step in range(rank):
        row, column, found = _first_nonzero(rest, domain)
        pivots.append((row, column))
        pivot_column = rest[every, :, column]
        pivot_row = rest[every, row, :]
        pivot = rest[every, row, column]
        if domain is INTEGERS:
            excess = _integer_excess(rest, pivot, pivot_column, pivot_row, pivots)
            if excess is not None:
                return Elimination(left, right, excess)
            pivot_column, pivot_row = _primitive(pivot, pivot_column, pivot_row, column)
        else:
            inverse = domain.zeros(count)
            inverse[found] = [domain.reciprocal(p) for p in pivot[found]]
            pivot_row = domain.normal(pivot_row * inverse[:, None])
        left[:, :, step], right[:, step, :] = pivot_column, pivot_row
        rest = domain.normal(rest - domain.normal(pivot_column[:, :, None] * pivot_row[:, None, :]))
    row, column, found = _first_nonzero(rest, domain)
    if not found.any():
        return Elimination(left, right, None)
    index = int(np.flatnonzero(found)[0])
    pivots.append((row, column))
    chosen_rows = [int(r[index]) for r, _ in pivots]
    chosen_columns = [int(c[index]) for _, c in pivots]
    minor = _determinant(slices[index][np.ix_(chosen_rows, chosen_columns)], domain)
    return Elimination(left, right, (index, chosen_rows, chosen_columns, minor))


def _first_nonzero(slices: np.ndarray, domain: Domain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of the first non-zero entry of every slice in C order, and whether there is one."""
    nonzero = ~domain.is_zero(slices).reshape(len(slices), -1)
    place = nonzero.argmax(axis=1)
    return place // slices.shape[2], place % slices.shape[2], np.asarray(nonzero.any(axis=1))


def _integer_excess(
    slices: np.ndarray, pivot: np.ndarray, column: np.ndarray, row: np.ndarray, pivots: list[Any]
) -> tuple[int, list[int], list[int], int] | None:
    largest = np.abs(slices).max(initial=0)
    if largest < 2**31:  # products below 2^62: machine integers are exact
        slices, pivot, column, row = (a.astype(np.int64) for a in (slices, pivot, column, row))
    minors = slices * pivot[:, None, None] - column[:, :, None] * row[:, None, :]
    r, c, found = _first_nonzero(minors, INTEGERS)
    if not found.any():
        return None
    index = int(np.flatnonzero(found)[0])
    rows, columns = [int(pivots[0][0][index]), int(r[index])], [int(pivots[0][1][index]), int(c[index])]
    return index, rows, columns, int(minors[index, r[index], c[index]])


def _primitive(
    pivot: np.ndarray, column: np.ndarray, row: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integer factors of integer slices of rank one: rows divided by their content (Gauss's lemma)."""
    content = np.array([gcd(*entries) or 1 for entries in row], dtype=object)
    primitive = row // content[:, None]
    at_pivot = primitive[np.arange(len(row)), place]
    divisor = np.array([entry or 1 for entry in at_pivot], dtype=object)
    return column // divisor[:, None], primitive


def _determinant(square: np.ndarray, domain: Domain) -> Any:
    """Determinant by elimination without row exchanges, whose pivots are known not to vanish."""
    work, value = square.copy(), domain.ones(1)[0]
    for k in range(len(work)):
        pivot = work[k, k]
        value = domain.normal(np.array([value * pivot], dtype=domain.dtype))[0]
        if k + 1 < len(work):
            scale = domain.reciprocal(pivot)
            row = domain.normal(work[k] * scale)
            work = domain.normal(work - domain.normal(work[:, k, None] * row[None, :]))
    return value
