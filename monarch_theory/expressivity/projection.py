"""The nearest Monarch matrix: optimal for order 2, within √(p−1) of the optimum for order p.

Order 2: the slices are independent, and the nearest matrix of rank ≤ r to each is its truncated SVD (Eckart–Young), so
the projection is optimal and its squared distance is the sum of the tail singular values squared.

Order p: truncate the slices of split 0, contract the digit a_0 with the orthonormal right vectors, and go on with what
is left, which has order p − 1 (the hierarchical algorithm with orthonormal factors of Le, Zheng, Riccietti and
Gribonval, "Butterfly factorization with error guarantees", 2024, arXiv:2411.04506, which bounds the ratio to the
optimum by a constant of the architecture alone). The constant here is the one this proof gives. Contraction with
orthonormal vectors, which for every (i_0, a_1 …) is a partial isometry on the columns of a later slice, cannot raise a
tail, so step k costs at most E_k, the tail of split k of the matrix itself; successive errors are orthogonal; and no
matrix of the class is nearer than E_k. Hence

    max_k E_k  ≤  optimum  ≤  achieved  ≤  (Σ_k E_k²)^½  ≤  √(p−1) · max_k E_k  ≤  √(p−1) · optimum.

Both ends of the chain are computed and returned. The splits may as well be truncated from the last to the first, with
the same proof. Both are done, the nearer is kept, and for rank one alternating least squares then moves it to where no
single factor can be bettered (`alternation`), which never makes it farther.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import hypot, isfinite, prod, sqrt
from typing import Any

import numpy as np

from monarch_theory.domains import Floating
from monarch_theory.expressivity.alternation import polish, polish_sum, product, product_of_factors, swept
from monarch_theory.expressivity.classes import MonarchClass, check_class, tensor_slices
from monarch_theory.expressivity.contraction import ascended, descended
from monarch_theory.expressivity.leading import UNIT, leading_right, squares_wrong_by
from monarch_theory.expressivity.matrices import field_of, power_of_two, read_matrix
from monarch_theory.expressivity.separation import separate
from monarch_theory.expressivity.tensor_train import BlockTensorTrain, core_of_split, last_core, remaining
from monarch_theory.expressivity.threads import alone, threads
from monarch_theory.monarch import Monarch
from monarch_theory.rounding import gamma

__all__ = [
    "Projection",
    "near_member",
    "operation_roundoff",
    "project",
    "project_batch",
    "project_sum",
    "project_values",
    "rounding_of",
]

Progress = Callable[[float], None]
VAST = 2**20  # entries from which on some of them first say whether eigenvectors tell terms apart
SMALL = 2**17  # scalars below which one LAPACK call is sooner done than threads are started
LOOSE = 64  # times what LAPACK's bound is taken for: a residual below that may be rounding, and is looked at again
SHARP = 2.0**-26  # share of a squared tail that rounding of squares may leave open
CACHED = 2**18  # scalars whose singular vectors stay in the cache between LAPACK and the residual


@dataclass(frozen=True, eq=False)
class Projection:
    """A nearest, or provably near, member of a class.

    Theorem: `proofs/optimal_projection`.

    Attributes:
        train: the member, as cores.
        norm: Frobenius norm of the matrix that was projected.
        distance: ‖A − member‖_F, from the residual itself.
        lower_bound: no member of the class is nearer than this (max_k E_k); for order 2 it is the optimal distance.
        rounding: bound on the rounding error of `distance` and `lower_bound`, in the same units.
        slice_errors: squared residual of every slice of split 0, as a share of ‖A‖_F², shape (i_0, a_1, …, a_{p-1}).
    """

    train: BlockTensorTrain
    norm: float
    distance: float
    lower_bound: float
    rounding: float
    slice_errors: np.ndarray

    @property
    def relative_distance(self) -> float:
        """Distance over the norm of the matrix; 0 for the zero matrix."""
        return self.distance / self.norm if self.norm else 0.0

    @property
    def optimal(self) -> bool:
        """Whether the class is of order ≤ 2, where the projection is optimal (up to `rounding`)."""
        return self.train.kind.order <= 2

    @property
    def guarantee(self) -> float:
        """√(p−1): no input makes distance over optimum larger.

        Theorem: `proofs/optimal_projection`.
        """
        return sqrt(max(self.train.kind.order - 1, 1))

    @property
    def achieved(self) -> float:
        """A bound on distance over optimum from this very matrix; 1 where both are no more than rounding."""
        return 1.0 if self.distance <= self.rounding else self.distance / self.lower_bound

    @property
    def matrix(self) -> Monarch:
        """The member as a `Monarch`.

        Raises:
            ValueError: the class has rank above one; use `train`, or its `terms()`.
        """
        if max(self.train.kind.ranks) > 1:
            raise ValueError(f"rank: expected 1 for a single Monarch matrix, got {self.train.kind.rank}; use train")
        return self.train.terms()[0]

    def dense(self) -> np.ndarray:
        """The member as a dense matrix."""
        return self.train.dense()


def operation_roundoff(domain: Floating) -> float:
    """Relative error of one product or sum: u for real arithmetic, √5·u for complex (Brent et al. 2007).

    >>> from monarch_theory.domains import FLOAT64
    >>> operation_roundoff(FLOAT64) == 2.0**-53
    True
    """
    unit = float(np.finfo(domain.dtype).eps) / 2
    return sqrt(5) * unit if domain.is_complex else unit


def project(
    matrix: Any,
    kind: MonarchClass,
    *,
    name: str = "matrix",
    progress: Progress | None = None,
) -> Projection:
    """The nearest member of `kind` to `matrix` in Frobenius norm; for order above two, a near one with its bounds.

    Theorem: `proofs/optimal_projection`.

    Args:
        matrix: anything `read_matrix` reads, shape `kind.shape`. Floating-point input is projected in its own
            precision; integers and rationals in the nearest float64, which `Projection.rounding` includes;
            cyclotomic numbers in complex128.
        kind: which class.
        name: what error messages call the matrix.
        progress: called with the fraction done.

    Raises:
        ValueError: NaN, infinity, or a shape that is not that of the class.
        TypeError: scalars without a distance.

    >>> A = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> round(float(project(A, MonarchClass((2, 2))).distance) ** 2, 12)  # two slices of rank two, each loses one unit
    2.0
    """
    check_class(kind)
    read = read_matrix(matrix, name=name)
    found = _project(read.values, kind, read.field, read.name, progress)
    if read.field is read.domain:
        return found
    return replace(found, rounding=found.rounding + operation_roundoff(read.field) * found.norm)


def project_values(values: np.ndarray, kind: MonarchClass) -> Projection:
    """`project` for floating-point values that were read, and for what was computed from them: none is read again.

    >>> float(project_values(np.ones((4, 4)), MonarchClass((2, 2))).distance) < 1e-12
    True
    """
    return _project(values, kind, field_of(values), "matrix", None)


def project_batch(
    matrices: Sequence[Any] | np.ndarray,
    kind: MonarchClass,
    *,
    name: str = "matrices",
    progress: Progress | None = None,
) -> tuple[Projection, ...]:
    """`project` for every matrix of a batch, shape (batch, outputs, inputs); errors name the one at fault.

    >>> len(project_batch(np.ones((3, 4, 4)), MonarchClass((2, 2))))
    3
    """
    found = []
    for k, matrix in enumerate(matrices):
        found.append(project(matrix, kind, name=f"{name}[{k}]"))
        if progress is not None:
            progress((k + 1) / len(matrices))
    return tuple(found)


def project_sum(matrix: np.ndarray, kind: MonarchClass, terms: int) -> tuple[BlockTensorTrain, ...]:
    """Members of a class of rank one with a sum near a floating-point matrix: a heuristic above order two.

    For order two it is the nearest: such sums are the class of rank `terms`, and one train. Above, each term is
    projected from what the ones before left, or they are told apart by eigenvectors (`separation`), which is nearer
    where the matrix is a sum or nearly one; all are then moved together by alternating least squares.

    >>> A = np.random.default_rng(0).standard_normal((8, 8))
    >>> one, two = project_sum(A, MonarchClass((2, 2, 2)), 2)
    >>> bool(np.linalg.norm(A - one.dense() - two.dense()) < 0.6 * project(A, MonarchClass((2, 2, 2))).distance)
    True
    """
    if kind.order <= 2 or terms == 1:
        return (project_values(matrix, kind if terms == 1 else replace(kind, rank=terms)).train,)
    scale, domain = power_of_two(matrix), field_of(matrix)
    tensor = rest = kind.digit_tensor(matrix / matrix.dtype.type(scale))
    found, parts = [], []
    for _ in range(terms):
        found.append(_near(rest, kind))
        parts.append(product(found[-1], kind))
        rest = rest - parts[-1]
    if tensor.size < VAST or _told(*_some(tensor, parts, kind)) is not None:
        told = _told(tensor, parts, kind)
        found = found if told is None else [_near(term, kind) for term in told]
    return tuple(BlockTensorTrain(_scaled(cores, scale), kind, domain) for cores in polish_sum(tensor, found, kind))


def near_member(matrix: np.ndarray, kind: MonarchClass, *, sweeps: int | None = None) -> np.ndarray:
    """`project(matrix, kind).dense()` for floating-point matrices of ordinary size that need no bounds; sooner done.

    For order two the first singular vectors of each slice are those of `leading_vectors`: what they capture is within a
    percent of the most where the first two singular values are alike, and all but rounding where the rank is one. Above
    order two that is so with at most so many `sweeps`, of a class of rank one, and without them all is as in `project`.

    >>> A = np.add.outer(np.arange(8.0), np.arange(8.0)) ** 2
    >>> kind = MonarchClass((2, 2, 2))
    >>> far, near = (float(np.linalg.norm(A - near_member(A, kind, sweeps=sweeps))) for sweeps in (0, 4))
    >>> round(far / near, 2)
    1.0
    """
    if kind.order != 2 and (sweeps is None or max(kind.ranks) > 1):
        return project_values(matrix, kind).dense()
    if kind.order == 2:
        return BlockTensorTrain(tuple(_near(kind.digit_tensor(matrix), kind)), kind, field_of(matrix)).dense()
    whole = _in_order(matrix, kind)
    there, back = descended(whole, kind), ascended(whole, kind)
    factors = there if np.linalg.norm(there[-1]) >= np.linalg.norm(back[0]) else back
    if sweeps:
        factors = swept(whole, factors, kind, sweeps)
    return kind.matrix_of(product_of_factors(factors, kind))


def _near(tensor: np.ndarray, kind: MonarchClass) -> list[np.ndarray]:
    """Cores to start from."""
    return _descend(tensor, kind, _Steps(None, kind.order), quick=True)[0]


def _told(tensor: np.ndarray, parts: list[np.ndarray], kind: MonarchClass) -> list[np.ndarray] | None:
    """The terms that eigenvectors tell apart, in the place of `parts` wherever they are nearer; None where nowhere.

    That is seen for every i_0 and a_{p−1} apart: no factor has digits of two of those.
    """
    told = separate(tensor, kind, len(parts))
    if told is None:
        return None
    others = [product(_near(term, kind), kind) for term in told]
    within = tuple(range(1, tensor.ndim - 1))
    before, after = ((np.abs(tensor - sum(terms)) ** 2).sum(within, keepdims=True) for terms in (parts, others))
    nearer = after < before
    if not nearer.any():
        return None
    return [np.where(nearer, second, first) for first, second in zip(parts, others, strict=True)]


def _some(
    tensor: np.ndarray, parts: list[np.ndarray], kind: MonarchClass
) -> tuple[np.ndarray, list[np.ndarray], MonarchClass]:
    """The same of two i_0 and two a_{p−1} alone."""
    rows, columns = kind.output_radices, kind.input_radices
    here = np.ix_([0, rows[0] // 2], [0, columns[-1] // 2])

    def some(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(np.moveaxis(array, -1, 1)[here], 1, -1)

    fewer = replace(kind, input_radices=(*columns[:-1], 2), output_radices=(2, *rows[1:]))
    return some(tensor), [some(part) for part in parts], fewer


def _project(
    array: np.ndarray, kind: MonarchClass, domain: Floating, name: str, progress: Progress | None
) -> Projection:
    tensor = kind.digit_tensor(array, name=name)
    p, scale = kind.order, power_of_two(array)
    scaled = (tensor if p <= 2 else _in_order(array, kind)) / array.dtype.type(scale)
    norm = _norm(scaled)
    if not isfinite(norm * scale):
        raise ValueError(
            f"{name}: expected a Frobenius norm below 1.8e308, got entries up to {np.abs(array).max():.1e}"
        )
    if p == 1:
        train = BlockTensorTrain((tensor.reshape(1, *kind.output_radices, 1, 1, kind.input_radices[0]),), kind, domain)
        return Projection(train, norm * scale, 0.0, 0.0, 0.0, np.zeros(kind.output_radices))
    report = _Steps(progress, 3 * p - 3 if p > 2 else 1)
    rounding = rounding_of(kind, norm, operation_roundoff(domain))
    if p == 2:
        cores, tail, errors, rounding = _split_once(scaled, kind, report, rounding)
    else:
        with alone():
            cores, tail, errors, rounding = _split_often(scaled, kind, report, rounding)
    distance = sqrt(float(errors.sum()))
    return Projection(
        BlockTensorTrain(_scaled(cores, scale), kind, domain),
        norm * scale,
        distance * scale,
        tail * scale,
        rounding * scale,
        errors / norm**2 if norm else errors,
    )


def _in_order(array: np.ndarray, kind: MonarchClass) -> np.ndarray:
    """The digit tensor with its digits in order in memory, as all that follows reads it, above order two several times.

    Rows and then columns are taken whole: to turn the axes round one pair of digits at a time takes ten times as long.
    """
    for axis, radices, in_order in (
        (0, kind.output_radices, kind.output_in_order),
        (1, kind.input_radices, kind.input_in_order),
    ):
        if not in_order:
            array = array.take(np.arange(array.shape[axis]).reshape(radices[::-1]).transpose().reshape(-1), axis)
    return array.reshape(kind.output_radices + kind.input_radices)


Split = tuple[list[np.ndarray], float, np.ndarray, float]
"""Cores, the distance that no member is below, the squared residual of every slice of split 0, and the rounding."""


def _split_once(tensor: np.ndarray, kind: MonarchClass, report: _Steps, rounding: float) -> Split:
    """Order 2: the nearest."""
    cores, errors = _descend(tensor, kind, report)
    return cores, _root(errors), errors[0].reshape(kind.output_radices[:1] + kind.input_radices[1:]), rounding


def _split_often(tensor: np.ndarray, kind: MonarchClass, report: _Steps, rounding: float) -> Split:
    """Order above 2: the nearer of both directions, polished where the rank is one.

    All begins quickly; where it does not end below what the proof promises, it begins again, with care. So it does
    where nothing is polished and the residual is so small that it may be that of quick vectors.
    """
    p, wide = kind.order, max(kind.ranks) > 1
    tails, rounding = _tails(tensor, kind, report, rounding)
    for quick in (True, False):
        ends = [_descend(tensor, kind, report, quick=quick), _ascend(tensor, kind, report, quick=quick)]
        cores, errors = min(ends, key=lambda end: _root(end[1]))
        if not wide and (quick or _root(errors) > rounding):
            cores = polish(tensor, cores, kind)
        left = _residual(tensor, _digits_of(cores, kind), kind)
        if wide and quick and not _known_by_squares(float(left.sum()), tensor, kind):
            continue
        if left.sum() <= (hypot(*tails) + rounding) ** 2:
            break
        if len(tails) < p - 1:
            tails, rounding = _tails(tensor, kind, report, rounding, every=True)
            if left.sum() <= (hypot(*tails) + rounding) ** 2:
                break
    return cores, max(tails), left, rounding


def _digits_of(cores: list[np.ndarray], kind: MonarchClass) -> np.ndarray:
    """The digit tensor of a member."""
    if max(kind.ranks) == 1:
        return product(cores, kind)
    return kind.digit_tensor(BlockTensorTrain(tuple(cores), kind).dense())


def _known_by_squares(left: float, tensor: np.ndarray, kind: MonarchClass) -> bool:
    """Whether what Gram matrices are wrong by is nothing beside the squared residual: no sweep mends what they miss."""
    unit = float(np.finfo(tensor.dtype).eps)
    wrong = 0.0
    for k in range(kind.order - 1):
        side, long = sorted((prod(kind.output_radices[k + 1 :]), prod(kind.input_radices[: k + 1])))
        wrong += squares_wrong_by(long, side, kind.ranks[k + 1], unit)
    return wrong * _norm(tensor) ** 2 <= SHARP * left


def _tails(
    tensor: np.ndarray, kind: MonarchClass, report: _Steps, rounding: float, *, every: bool = False
) -> tuple[list[float], float]:
    """Tails of the splits, and what rounding may have added to them; of those alone that may be the largest, unless
    every one is asked for.

    The first r of s singular values have r/s of the squared norm at least: a split of narrow slices is left out where
    the rest of that is less than what another split has.
    """
    p, rows, columns, norm = kind.order, kind.output_radices, kind.input_radices, _norm(tensor)
    sides = {k: min(prod(rows[k + 1 :]), prod(columns[: k + 1])) for k in range(p - 1)}
    most = {k: norm * sqrt(max(1 - kind.ranks[k + 1] / side, 0.0)) for k, side in sides.items()}
    tails: list[float] = []
    wrong = rounding
    for k in sorted(most, key=lambda k: -most[k]):
        step = report.step()
        if not every and tails and most[k] < max(tails) - wrong:
            step(1.0)
            continue
        tail, off = _tail(tensor_slices(tensor, p, k), kind.ranks[k + 1], step, rounding)
        tails.append(tail)
        wrong = max(wrong, off)
    return tails, wrong


def _residual(tensor: np.ndarray, near: np.ndarray, kind: MonarchClass) -> np.ndarray:
    """Squared, over every slice of split 0, shape (i_0, a_1, …, a_{p−1})."""
    return np.asarray(_squares(tensor - near).sum((*range(1, kind.order), kind.order), dtype=float))


def _root(errors: list[np.ndarray]) -> float:
    """Distance after truncations whose errors are orthogonal."""
    return hypot(*(sqrt(float(error.sum())) for error in errors))


def _descend(
    tensor: np.ndarray, kind: MonarchClass, report: _Steps, *, quick: bool = False
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Truncate split 0, 1, …: cores, and the squared residuals of every slice at each."""
    cores, errors, state = [], [], tensor
    for k in range(kind.order - 1):
        # axes (i_0 … i_{p-1}, a_0 … a_{p-1}) with a_0 … a_{k-1} of size one and the bond inside a_k
        slices = tensor_slices(state, kind.order, k)
        left, right, error = _truncate(slices, kind.ranks[k + 1], report.step(), quick=quick)
        cores.append(core_of_split(right, kind, k))
        errors.append(error)
        state = remaining(left, kind, k)
    return [*cores, last_core(state, kind)], errors


def _ascend(
    tensor: np.ndarray, kind: MonarchClass, report: _Steps, *, quick: bool = False
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Truncate split p − 2, …, 0: the transpose has the stages in the opposite order."""
    p, rows, columns = kind.order, kind.output_radices, kind.input_radices
    turned = MonarchClass(rows[::-1], columns[::-1], kind.convention, kind.rank)
    found, errors = _descend(tensor.transpose(range(2 * p)[::-1]), turned, report, quick=quick)
    cores = []
    for k, core in enumerate(reversed(found)):
        # (a_{p-1} … a_{k+1}, i_{k-1} … i_0, a_k, bond before stage k, bond after it, i_k)
        spread = core.reshape(columns[:k:-1] + rows[:k][::-1] + core.shape[1:])
        axes = [*range(p - 1)[::-1], p + 2, p + 1, p, p - 1]
        sizes = spread.shape[: p - 2 : -1]  # (i_k, bond after, bond before, a_k)
        cores.append(spread.transpose(axes).reshape(-1, *sizes))
    return cores, errors


def _norm(array: np.ndarray) -> float:
    return float(np.linalg.norm(array.astype(np.result_type(array.dtype, np.float64), copy=False)))


def _scaled(cores: list[np.ndarray], scale: float) -> tuple[np.ndarray, ...]:
    return (*cores[:-1], cores[-1] * cores[-1].dtype.type(scale))


def rounding_of(kind: MonarchClass, norm: float, unit: float) -> float:
    """Bound on the computed distances' error: LAPACK's p(m, n)·u·‖A‖ for the SVDs, and the residual's own sums.

    p(m, n) = max(m, n), as the LAPACK Users' Guide (§4.9) suggests; each step adds r products and one difference.
    """
    total = 0.0
    for k in range(kind.order - 1):
        rows, columns = prod(kind.output_radices[k + 1 :]), prod(kind.input_radices[: k + 1])
        rank = kind.ranks[k + 1]
        total += gamma(max(rows, columns), unit) + gamma(columns + rank + 2, unit) * (1 + sqrt(rank))
    return total * norm


class _Steps:
    """Turn fractions of several passes into one fraction."""

    def __init__(self, progress: Progress | None, passes: int) -> None:
        self.progress, self.passes, self.done = progress, passes, -1

    def step(self) -> Progress:
        self.done += 1
        done = self.done

        def report(fraction: float) -> None:
            if self.progress is not None:
                self.progress(min((done + fraction) / self.passes, 1.0))

        return report


def _chunks(count: int, size: int) -> Iterator[slice]:
    """Pieces that fit the cache, and at least eight, so that threads share even one slice stack."""
    step = max(1, min(count // 8 or 1, CACHED // max(size, 1)))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _truncate(
    slices: np.ndarray, rank: int, report: Progress, *, quick: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best rank-r factors of every slice: left (s, rows, r), right (s, r, columns) orthonormal, squared residuals.

    Quickly, they come from the Gram matrices of the slices, and are nearly the best; residuals, from the difference of
    two norms, are good to half of the digits.
    """
    count, rows, columns = slices.shape
    left = np.empty((count, rows, rank), slices.dtype)
    right = np.empty((count, rank, columns), slices.dtype)
    errors = np.empty(count)

    def one(piece: slice) -> int:
        block = slices[piece]
        vectors = leading_right(block, rank) if quick else np.linalg.svd(block, full_matrices=False)[2][:, :rank]
        image = block @ vectors.conj().swapaxes(1, 2)
        left[piece], right[piece] = image, vectors
        if quick:  # the vectors are orthonormal
            errors[piece] = np.maximum(_squares_of_each(block) - _squares_of_each(image), 0)
            return piece.stop
        errors[piece] = _squares(block - image @ vectors).sum((1, 2))
        about = gamma(LOOSE * max(rows, columns), UNIT * float(np.finfo(block.dtype).eps))
        rounded = errors[piece] <= about**2 * _squares(block).sum((1, 2))
        if rounded.any():
            at = piece.start + np.flatnonzero(rounded)
            left[at], right[at], errors[at] = _once_more(slices[at], left[at], right[at], errors[at])
        return piece.stop

    _in_threads(one, count, rows * columns, report)
    return left, right, errors


def _once_more(
    slices: np.ndarray, left: np.ndarray, right: np.ndarray, errors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `_truncate` gives after a step of orthogonal iteration, where that is nearer.

    A decomposition rounds by the hundred rotations; two products do not, and a member is then as near as its entries.
    """
    adjoint = slices.conj().swapaxes(1, 2)
    tail = np.linalg.qr(adjoint @ np.linalg.qr(left)[0])[0].conj().swapaxes(1, 2)
    image = slices @ tail.conj().swapaxes(1, 2)
    after = _squares(slices - image @ tail).sum((1, 2))
    nearer = after < errors
    wide = nearer[:, None, None]
    return np.where(wide, image, left), np.where(wide, tail, right), np.where(nearer, after, errors)


def _tail(slices: np.ndarray, rank: int, report: Progress, rounding: float) -> tuple[float, float]:
    """E_k, root of the squared singular values beyond `rank` over all slices, and what rounding may have added to it.

    The norm less eigenvalues of Gram matrices, where that is sharp enough; singular values where it is not.
    """
    count, rows, columns = slices.shape
    side, long = sorted((rows, columns))
    if rank >= side:
        report(1.0)
        return 0.0, 0.0
    squares = np.zeros(count)

    def by_gram(piece: slice) -> int:
        block = slices[piece]
        adjoint = block.conj().swapaxes(1, 2)
        gram = block @ adjoint if rows <= columns else adjoint @ block
        values = np.linalg.eigvalsh(gram)[:, -rank:].astype(float)
        squares[piece] = _squares(block).sum((1, 2), dtype=float) - values.sum(1)
        return piece.stop

    def by_values(piece: slice) -> int:
        squares[piece] = (np.linalg.svd(slices[piece], compute_uv=False)[:, rank:].astype(float) ** 2).sum(1)
        return piece.stop

    _in_threads(by_gram, count, rows * columns, report)
    found = max(float(squares.sum()), 0.0)
    wrong = squares_wrong_by(long, side, rank, float(np.finfo(slices.dtype).eps)) * _norm(slices) ** 2
    if wrong <= max(rounding * sqrt(found), SHARP * found):
        return sqrt(found), wrong / sqrt(found) if found else 0.0
    _in_threads(by_values, count, rows * columns, report)
    return sqrt(float(squares.sum())), rounding


def _squares_of_each(stack: np.ndarray) -> np.ndarray:
    """Squared norm of every matrix of a stack, in one pass."""
    if np.iscomplexobj(stack):
        return _squares_of_each(stack.real) + _squares_of_each(stack.imag)
    return np.asarray(np.einsum("sij,sij->s", stack, stack))


def _squares(array: np.ndarray) -> np.ndarray:
    return np.asarray(array.real**2 + array.imag**2 if np.iscomplexobj(array) else array**2)


def _in_threads(work: Callable[[slice], int], count: int, size: int, report: Progress) -> None:
    if count * size < SMALL:
        report(work(slice(0, count)) / count)
        return
    with threads() as pool:
        for stop in pool.map(work, _chunks(count, size)):
            report(stop / count)
