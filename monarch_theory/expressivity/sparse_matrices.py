"""Sparse matrices and order 2: slice after slice, each as small as its entries make it, and nothing dense.

A slice is what the rows (·, i_0) and the columns (·, a_1) share. One without entries has rank 0; in any other, rows and
columns that hold nothing change neither a minor nor a singular value, so they are left out. Both the exact answer and
the nearest member are then those of `membership` and `projection`, in memory for the entries and the factors alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, sqrt
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from scipy import sparse

from monarch_theory.domains import COMPLEX128, FLOAT64, INTEGERS, RATIONALS, Domain, Floating
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.matrices import Matrix, power_of_two, read_matrix
from monarch_theory.expressivity.membership import Membership, Refutation, eliminate, measured_membership
from monarch_theory.expressivity.projection import Projection, operation_roundoff, rounding_of
from monarch_theory.expressivity.tensor_train import BlockTensorTrain, core_of_split, last_core, remaining

__all__ = ["SparseMatrix", "is_sparse_file", "project_sparse", "read_sparse", "sparse_membership_of"]


@dataclass(frozen=True, eq=False)
class SparseMatrix:
    """A sparse matrix that has been read: its entries by place, none of them twice.

    Attributes:
        shape: (outputs, inputs).
        rows, columns: of every entry.
        entries: its value, in `domain`.
        domain: its scalars.
        name: what error messages call it.
    """

    shape: tuple[int, int]
    rows: np.ndarray
    columns: np.ndarray
    entries: np.ndarray
    domain: Domain
    name: str = "matrix"

    @classmethod
    def of(cls, source: Any, *, name: str = "matrix") -> SparseMatrix:
        """Of a SciPy sparse array or matrix; entries that are stored twice are added, as SciPy does.

        Raises:
            ValueError: no rows or columns, NaN or infinity.
            TypeError: scalars that no domain holds, or something that is not sparse.
        """
        if not sparse.issparse(source):
            raise TypeError(f"{name}: expected a SciPy sparse array or matrix, got {type(source).__name__}")
        if source.ndim != 2 or 0 in source.shape:
            raise ValueError(f"{name}: expected a matrix with rows and columns, got shape {source.shape}")
        found = sparse.coo_array(source, copy=True)
        found.sum_duplicates()
        rows, columns = found.coords
        # one entry at least, so that there is a domain to read
        entries = found.data if found.nnz else np.zeros(1, found.dtype)
        read = read_matrix(entries[None], name=name)
        return cls(source.shape, rows, columns, read.entries[0][: found.nnz], read.domain, name)

    def dense(self) -> Matrix:
        """With its zeros."""
        found = self.domain.zeros(self.shape)
        found[self.rows, self.columns] = self.entries
        return Matrix(found, self.domain, self.name)


def is_sparse_file(path: Path) -> bool:
    """Whether `scipy.sparse.save_npz` wrote it: an archive with a format, a shape and data."""
    if path.suffix != ".npz" or not path.is_file() or not is_zipfile(path):
        return False
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {"format", "shape", "data"} <= set(archive.files)
    except Exception:  # a broken archive ends in any of a dozen, and whoever reads it says which
        return False


def read_sparse(path: Path) -> SparseMatrix:
    """What `scipy.sparse.save_npz` wrote.

    Raises:
        ValueError: a broken file, and as `SparseMatrix.of`.
    """
    try:
        found = sparse.load_npz(path)
        found.check_format() if hasattr(found, "check_format") else None
        found = found.tocoo()
        found.coords  # noqa: B018 - raises where the indices are none
    except MemoryError:
        raise
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{path}: expected what scipy.sparse.save_npz wrote ({what:.200})") from error
    return SparseMatrix.of(found, name=str(path))


PIECE = 2**22  # scalars of slices that are decomposed at once


@dataclass(frozen=True, eq=False)
class _Slices:
    """Slices of one size, without the rows and columns that hold nothing.

    Attributes:
        index: of every slice, C order over (i_0, a_1), shape (slices,).
        rows, columns: i_1 and a_0 of those that are left, shapes (slices, rows) and (slices, columns).
        blocks: their entries, shape (slices, rows, columns).
    """

    index: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    blocks: np.ndarray


def _slices(matrix: SparseMatrix, values: np.ndarray, kind: MonarchClass) -> Iterator[_Slices]:
    """Every slice that holds an entry, size by size."""
    outputs = _digits(matrix.rows, kind.output_radices, kind.output_in_order)
    inputs = _digits(matrix.columns, kind.input_radices, kind.input_in_order)
    index, slice_of = np.unique(outputs[0] * kind.input_radices[1] + inputs[1], return_inverse=True)
    rows, row_of, heights, first_row = _held(slice_of, outputs[1], len(index))
    columns, column_of, widths, first_column = _held(slice_of, inputs[0], len(index))
    order = np.lexsort((widths, heights))
    sizes = np.stack([heights, widths])[:, order]
    for same in np.split(order, np.flatnonzero(np.diff(sizes).any(0)) + 1) if len(order) else []:
        h, w = int(heights[same[0]]), int(widths[same[0]])
        step = max(1, PIECE // (h * w))
        for chosen in (same[start : start + step] for start in range(0, len(same), step)):
            place = np.full(len(index), -1)
            place[chosen] = np.arange(len(chosen))
            here = np.flatnonzero(place[slice_of] >= 0)
            blocks = np.zeros((len(chosen), h, w), values.dtype)
            blocks[place[slice_of[here]], row_of[here], column_of[here]] = values[here]
            ours, theirs = (first[chosen][:, None] + np.arange(n) for first, n in ((first_row, h), (first_column, w)))
            yield _Slices(index[chosen], rows[ours], columns[theirs], blocks)


def _held(slice_of: np.ndarray, digits: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    """The digits that each slice holds, rising; of every entry its place among them; their number, and the first."""
    found, inverse = np.unique(np.stack([slice_of, digits]), axis=1, return_inverse=True)
    held = np.bincount(found[0], minlength=count)
    first = np.cumsum(held) - held
    return found[1], inverse.reshape(-1) - first[slice_of], held, first


def _digits(places: np.ndarray, radices: tuple[int, ...], in_order: bool) -> tuple[np.ndarray, ...]:
    if in_order:
        return np.unravel_index(places, radices)
    return np.unravel_index(places, radices[::-1])[::-1]


def _places(digits: tuple[Any, Any], radices: tuple[int, ...], in_order: bool) -> tuple[int, ...]:
    """Rows or columns of the matrix, from digits of which one is an array."""
    first, second = np.broadcast_arrays(*digits)
    if in_order:
        found = np.ravel_multi_index((first, second), radices)
    else:
        found = np.ravel_multi_index((second, first), radices[::-1])
    return tuple(int(place) for place in found)


def project_sparse(matrix: Any, kind: MonarchClass) -> Projection:
    """The nearest member of a class of order 2 to a sparse matrix: `project`, without a dense matrix.

    Theorem: `proofs/optimal_projection`.

    Args:
        matrix: a `SparseMatrix`, or what `SparseMatrix.of` takes, of shape `kind.shape`.
        kind: which class, of order 2.

    Raises:
        ValueError: another order or shape, a norm beyond 1.8e308, and as `SparseMatrix.of`.

    >>> found = project_sparse(sparse.eye_array(32**2), MonarchClass((32, 32)))
    >>> round(found.distance**2)  # 32 slices are identities, and each loses all but one of its ones
    992
    """
    read = _checked(matrix, kind)
    values, field = _measured(read)
    scale = power_of_two(values) if values.size else 1.0
    norm = float(np.linalg.norm(values / scale))
    if not isfinite(norm * scale):
        raise ValueError(f"{read.name}: expected a Frobenius norm below 1.8e308, got {norm:.1e} · {scale:.1e}")
    (m0, m1), (n0, n1), rank = kind.output_radices, kind.input_radices, kind.ranks[1]
    left = np.zeros((m0 * n1, m1, rank), field.dtype)
    right = np.zeros((m0 * n1, rank, n0), field.dtype)
    errors = np.zeros(m0 * n1)
    for part in _slices(read, values / scale, kind):
        ours, singular, theirs = np.linalg.svd(part.blocks, full_matrices=False)
        kept = min(rank, singular.shape[1])
        left[part.index[:, None], part.rows, :kept] = ours[..., :kept] * singular[:, None, :kept]
        right[part.index[:, None], :kept, part.columns] = theirs[:, :kept].swapaxes(1, 2)
        errors[part.index] = (singular[:, kept:] ** 2).sum(1)
    cores = core_of_split(right, kind, 0), last_core(remaining(left * scale, kind, 0), kind)
    distance = sqrt(float(errors.sum()))
    rounding = rounding_of(kind, norm, operation_roundoff(field))
    shares = (errors / norm**2 if norm else errors).reshape(m0, n1)
    train = BlockTensorTrain(cores, kind, field)
    return Projection(train, norm * scale, distance * scale, distance * scale, rounding * scale, shares)


def sparse_membership_of(matrix: Any, kind: MonarchClass, *, accuracy: float | None = None) -> Membership:
    """`membership_of` for a sparse matrix and a class of order 2: exact for integers, measured for floats.

    Theorem: `proofs/rank_one_slices`.

    Raises:
        ValueError: as `project_sparse`, and an accuracy outside [0, 1) or for integers.

    >>> sparse_membership_of(sparse.eye_array(4, dtype=int), MonarchClass((2, 2), rank=2)).member
    True
    >>> print(sparse_membership_of(sparse.eye_array(4, dtype=int), MonarchClass((2, 2))).refutation)
    slice i0 = 0, a1 = 0 of split 0: the minor of rows (0, 2) and columns (0, 2) is 1, not 0
    """
    read = _checked(matrix, kind)
    if isinstance(read.domain, Floating):
        return measured_membership(project_sparse(read, kind), kind, read.domain, accuracy=accuracy)
    if accuracy is not None:
        raise ValueError(f"accuracy: expected none for exact scalars of {read.domain}, got {accuracy}")
    domain: Domain = RATIONALS if kind.rank > 1 else read.domain
    entries = domain.array(read.entries)
    (m0, m1), (n0, n1), rank = kind.output_radices, kind.input_radices, kind.ranks[1]
    left, right = domain.zeros((m0 * n1, m1, rank)), domain.zeros((m0 * n1, rank, n0))
    for part in _slices(read, entries, kind):
        split = eliminate(domain.array(part.blocks), rank, domain)
        if split.excess is not None:
            which, rows, columns, minor = split.excess
            i0, a1 = divmod(int(part.index[which]), n1)
            i1, a0 = part.rows[which][rows], part.columns[which][columns]
            ours = _places((i0, i1), kind.output_radices, kind.output_in_order)
            theirs = _places((a0, a1), kind.input_radices, kind.input_in_order)
            return Membership(False, "exact", kind, refutation=Refutation(0, (i0,), (a1,), ours, theirs, minor))
        left[part.index[:, None], part.rows] = split.left
        right[part.index[:, None], :, part.columns] = split.right.swapaxes(1, 2)
    train = BlockTensorTrain((core_of_split(right, kind, 0), last_core(remaining(left, kind, 0), kind)), kind, domain)
    return Membership(True, "exact", kind, train=train)


def _checked(matrix: Any, kind: MonarchClass) -> SparseMatrix:
    read = matrix if isinstance(matrix, SparseMatrix) else SparseMatrix.of(matrix)
    if kind.order != 2:
        raise ValueError(f"kind: expected order 2, whose slices need no other, got {kind.order}")
    if read.shape != kind.shape:
        raise ValueError(f"{read.name}: expected a matrix of shape {kind.shape}, got {read.shape}")
    return read


def _measured(read: SparseMatrix) -> tuple[np.ndarray, Floating]:
    """The entries in double precision."""
    if read.domain is INTEGERS:
        return read.entries.astype(float), FLOAT64
    field = COMPLEX128 if read.entries.dtype.kind == "c" else FLOAT64
    return read.entries.astype(field.dtype), field
