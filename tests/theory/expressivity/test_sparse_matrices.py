"""Sparse matrices at order 2: the answers are those of the dense matrix, and none is made."""

from math import prod

import numpy as np
import pytest
from scipy import sparse

from monarch_theory.expressivity import sparse_matrices
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.expressivity.projection import project
from monarch_theory.expressivity.sparse_matrices import (
    SparseMatrix,
    is_sparse_file,
    project_sparse,
    read_sparse,
    sparse_membership_of,
)
from monarch_theory.monarch import Convention

KINDS = [
    MonarchClass((4, 4)),
    MonarchClass((3, 5), (4, 2), Convention.DAO),
    MonarchClass((2, 6), (6, 3), Convention.DAO_TRANSPOSED, rank=2),
    MonarchClass((4, 3), (5, 4), rank=3),
    MonarchClass((1, 7), (7, 1)),
    MonarchClass((5, 1), (1, 3)),
]
DTYPES = [np.float64, np.float32, np.complex128, np.complex64, np.int64, bool]


def drawn(kind, dtype, share, member, rng):
    """Entries at random places; of a member whole slices of low rank, with rows and columns that are zero."""
    matrix = np.zeros(kind.shape, complex)
    if member:
        for rows, columns in slices_of(kind):
            left = rng.integers(-3, 4, (len(rows), kind.rank)) * (rng.random((len(rows), 1)) < share)
            right = rng.integers(-3, 4, (kind.rank, len(columns))) * (rng.random(len(columns)) < share)
            matrix[np.ix_(rows, columns)] = left @ right
    else:
        matrix[:] = rng.integers(-4, 5, kind.shape) * (rng.random(kind.shape) < share)
    whole = np.dtype(dtype).kind in "ib"
    scale = 1 if whole else rng.standard_normal() * (1 + 1j if np.dtype(dtype).kind == "c" else 1)
    return (matrix * scale).astype(dtype) if np.dtype(dtype).kind == "c" else (matrix * scale).real.astype(dtype)


def slices_of(kind):
    """Rows and columns of every slice of the only split, by the places that the dense class gives them."""
    places = kind.slices(np.arange(prod(kind.shape)).reshape(kind.shape))
    return [(part[:, 0] // kind.shape[1], part[0] % kind.shape[1]) for part in places]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_answers_are_those_of_the_dense_matrix(kind, dtype):
    rng = np.random.default_rng(0)
    seen = set()
    for share in (0.0, 0.1, 0.4, 1.0):
        for member in (True, False):
            dense = drawn(kind, dtype, share, member, rng)
            found, expected = sparse_membership_of(sparse.csr_array(dense), kind), membership_of(dense, kind)
            assert (found.member, found.evidence) == (expected.member, expected.evidence)
            seen.add(found.member)
            if found.evidence == "measured":
                assert (found.threshold, found.limit) == pytest.approx((expected.threshold, expected.limit))
            elif found.member:
                assert (found.train.dense() == expected.train.dense()).all()
            else:
                rows, columns = found.refutation.rows, found.refutation.columns
                minor = round(np.linalg.det(dense[np.ix_(rows, columns)].astype(float)))
                assert int(found.refutation.minor) == minor != 0
                (i0,), (a1,) = found.refutation.outputs, found.refutation.inputs
                ours, theirs = slices_of(kind)[i0 * kind.input_radices[1] + a1]
                assert set(rows) <= set(ours) and set(columns) <= set(theirs)
            near, known = project_sparse(sparse.coo_array(dense), kind), project(dense, kind)
            assert near.distance == pytest.approx(known.distance, abs=1e-5 * known.norm + 1e-300)
            assert np.linalg.norm(dense - near.dense()) == pytest.approx(near.distance, abs=1e-12 * (1 + near.norm))
            assert np.allclose(near.slice_errors, known.slice_errors, atol=1e-5)
    assert True in seen and (False in seen or min(kind.slices(dense)[0].shape) <= kind.rank)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_squares_neither_overflow_nor_vanish(scale):
    kind = MonarchClass((4, 4))
    dense = np.random.default_rng(0).standard_normal((16, 16)) * scale
    found = project_sparse(sparse.csc_array(dense), kind)
    assert found.relative_distance == pytest.approx(project(dense, kind).relative_distance)


def test_sixteen_thousand_rows_and_columns():
    """2 GiB if it were dense: a permutation of digits with one entry a slice, and one entry more in one of them."""
    side = 128
    kind, n = MonarchClass((side, side), convention=Convention.DAO), side**2
    signs = np.random.default_rng(0).choice([-1.0, 1.0], n)
    member = sparse.coo_array((signs, (np.arange(n), np.arange(n))), shape=(n, n))
    found = sparse_membership_of(member, kind)
    assert found.member is True and found.projection.distance == 0
    rows, columns = np.array([0, side]), np.array([0, 1])  # of the slice that entry (0, 0) is in
    other = sparse_membership_of(member + sparse.coo_array(([1e-3], (rows[1:], columns[1:])), shape=(n, n)), kind)
    assert other.member is False and other.projection.distance == pytest.approx(1e-3)


def test_what_is_stored_twice_is_added():
    twice = sparse.coo_array(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 1, 0])), shape=(4, 4))
    read = SparseMatrix.of(twice)
    assert sorted(read.entries.tolist()) == [3.0, 3.0] and len(twice.data) == 3


def test_a_slice_that_loses_its_last_column_is_caught(monkeypatch):
    """A projection that leaves out more than what is zero is nearer than any."""
    kind, known = MonarchClass((4, 4)), sparse_matrices._slices
    dense = np.random.default_rng(0).standard_normal((16, 16))

    def cut(*arguments):
        for part in known(*arguments):
            yield sparse_matrices._Slices(part.index, part.rows, part.columns[:, :-1], part.blocks[:, :, :-1])

    monkeypatch.setattr(sparse_matrices, "_slices", cut)
    assert project_sparse(sparse.csr_array(dense), kind).distance < project(dense, kind).distance * 0.99


@pytest.mark.parametrize(
    ("matrix", "kind", "message"),
    [
        (np.eye(4), MonarchClass((2, 2)), "matrix: expected a SciPy sparse array or matrix, got ndarray"),
        (sparse.eye_array(8), MonarchClass((2, 2, 2)), "kind: expected order 2, .*, got 3"),
        (sparse.eye_array(6), MonarchClass((2, 2)), r"matrix: expected a matrix of shape \(4, 4\), got \(6, 6\)"),
        (sparse.csr_array((0, 4)), MonarchClass((2, 2)), "matrix: expected a matrix with rows and columns"),
        (
            sparse.csr_array(np.diag([1, np.nan, 1, 1])),
            MonarchClass((2, 2)),
            "matrix: expected finite entries, got nan",
        ),
        (sparse.csr_array(1e308 * np.ones((4, 4))), MonarchClass((2, 2)), "matrix: expected a Frobenius norm below"),
    ],
)
def test_bad_input_is_one_line_that_names_it(matrix, kind, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sparse_membership_of(matrix, kind)


def test_an_accuracy_is_for_floats():
    with pytest.raises(ValueError, match="accuracy: expected none for exact scalars"):
        sparse_membership_of(sparse.eye_array(4, dtype=int), MonarchClass((2, 2)), accuracy=0.1)


def test_files(tmp_path):
    rng = np.random.default_rng(0)
    matrix = sparse.coo_array(rng.standard_normal((8, 6)) * (rng.random((8, 6)) < 0.3))
    for form in ("csr", "csc", "coo", "bsr"):
        sparse.save_npz(tmp_path / "sparse.npz", matrix.asformat(form))
        read = read_sparse(tmp_path / "sparse.npz")
        dense = np.zeros(read.shape)
        dense[read.rows, read.columns] = read.entries
        assert is_sparse_file(tmp_path / "sparse.npz") and np.array_equal(dense, matrix.toarray())
    np.savez(tmp_path / "weights.npz", data=np.ones(3), shape=np.ones(2))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04" + bytes(40))
    for name in ("weights.npz", "broken.npz", "none.npz", "sparse.npy"):
        assert not is_sparse_file(tmp_path / name)
    far = {"row": [0, 9], "col": [0, 0], "data": [1.0, 1.0], "shape": [4, 4], "format": "coo"}
    for wrong in (far, far | {"format": "none"}, far | {"data": [1.0]}, far | {"shape": [4]}):
        np.savez(tmp_path / "wrong.npz", **wrong)
        with pytest.raises(ValueError, match=r"wrong.npz: expected what scipy.sparse.save_npz wrote"):
            read_sparse(tmp_path / "wrong.npz")
