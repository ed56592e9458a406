"""The Monarch value against the entry formula, over every domain, order, radix and convention."""

from itertools import product
from math import prod

import numpy as np
import pytest
import scipy.sparse.linalg as spla
import sympy
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.digits import digits_of, reversal
from monarch_theory.domains import (
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INTEGERS,
    RATIONALS,
    SYMBOLIC,
    Cyclotomic,
    PrimeField,
    SingularBlockError,
)
from monarch_theory.monarch import Convention, Monarch, Operations, identity_blocks, random_monarch
from monarch_theory.strategies import arrays, batches, monarchs, radices

EXACT = (INTEGERS, RATIONALS, PrimeField(97), Cyclotomic(12), SYMBOLIC)
FIELDS = (RATIONALS, PrimeField(97), Cyclotomic(12), SYMBOLIC)


def entry(matrix, i, j):
    """The entry formula of the module docstring, written out with no array operation at all."""
    inputs, outputs = matrix.input_radices, matrix.output_radices
    a = digits_of(j, inputs) if matrix.convention is not Convention.DAO else digits_of(j, inputs[::-1])[::-1]
    kept = matrix.convention is Convention.DAO_TRANSPOSED
    out = digits_of(i, outputs) if kept else digits_of(i, outputs[::-1])[::-1]
    value = 1
    for k, factor in enumerate(matrix.factors):
        others = outputs[:k] + inputs[k + 1 :]
        block = int(np.ravel_multi_index(out[:k] + a[k + 1 :], others)) if others else 0
        value = value * factor[block, out[k], a[k]]
    return value


@given(monarchs(EXACT, max_size=12))
def test_dense_is_the_entry_formula(matrix):
    expected = matrix.domain.zeros(matrix.shape)
    for i, j in product(*map(range, matrix.shape)):
        expected[i, j] = entry(matrix, i, j)
    assert matrix.domain.equal(matrix.dense(), matrix.domain.normal(expected))


def test_order_two_is_theory_section_one():
    """M[(i_1, i_0), (a_0, a_1)] = L_{i_0}[i_1, a_1] · R_{a_1}[i_0, a_0], and M = P L P R P with the stride P."""
    b = 3
    matrix = random_monarch((b, b), INTEGERS, np.random.default_rng(0))
    R, L = matrix.factors
    dense = matrix.dense().reshape(b, b, b, b)
    for i1, i0, a0, a1 in np.ndindex(b, b, b, b):
        assert dense[i1, i0, a0, a1] == L[i0, i1, a1] * R[a1, i0, a0]
    P = np.eye(b * b, dtype=int)[reversal((b, b))].astype(object)
    diag = lambda blocks: INTEGERS.array(np.block([[blocks[i] if i == j else np.zeros((b, b), object)  # noqa: E731
                                                    for j in range(b)] for i in range(b)]))  # fmt: skip
    assert (P @ diag(L) @ P @ diag(R) @ P == matrix.dense()).all()
    dao = Monarch(matrix.factors, INTEGERS, Convention.DAO)
    assert (P @ diag(L) @ P @ diag(R) == dao.dense()).all()
    transposed = Monarch(matrix.factors, INTEGERS, Convention.DAO_TRANSPOSED)
    assert (diag(L) @ P @ diag(R) @ P == transposed.dense()).all()


@given(st.data())
def test_multiply_along_any_axis_of_any_batch(data):
    matrix = data.draw(monarchs((INTEGERS, PrimeField(97), RATIONALS), max_size=8))
    shape = list(data.draw(batches()))
    axis = data.draw(st.integers(0, len(shape)))
    shape.insert(axis, matrix.shape[1])
    x = data.draw(arrays(matrix.domain, shape))
    expected = np.moveaxis(np.tensordot(matrix.dense(), x, axes=(1, axis)), 0, axis) if x.size else None
    for place in (axis, axis - x.ndim):
        y = matrix.multiply(x, axis=place)
        assert y.shape == (*shape[:axis], matrix.shape[0], *shape[axis + 1 :])
        if expected is not None:
            assert matrix.domain.equal(y, matrix.domain.normal(expected))


@given(monarchs(EXACT, max_size=12))
def test_transpose_and_adjoint(matrix):
    domain = matrix.domain
    assert domain.equal(matrix.T.dense(), matrix.dense().T)
    assert domain.equal(matrix.H.dense(), domain.conjugate(matrix.dense()).T)
    assert matrix == matrix.T.T and matrix == matrix.H.H
    assert matrix.T.convention is matrix.convention.transposed


@given(monarchs(FIELDS, max_size=12, invertible=True))
def test_inverse(matrix):
    inverse = matrix.inverse()
    eye = matrix.domain.eye(matrix.shape[0])
    assert matrix.domain.equal(matrix.domain.matmul(matrix.dense(), inverse.dense()), eye)
    assert matrix.domain.equal(matrix.domain.matmul(inverse.dense(), matrix.dense()), eye)


def test_symbolic_inverse_has_quotients():
    a, b = sympy.symbols("a b")
    matrix = Monarch((np.array([[[a, 1], [0, b]]], dtype=object),), SYMBOLIC)
    assert matrix.inverse().dense().tolist() == [[1 / a, -1 / (a * b)], [0, 1 / b]]


@given(radices(max_order=4), radices(max_order=4))
def test_counts_are_the_sum_over_blocks(inputs, outputs):
    p = min(len(inputs), len(outputs))
    matrix = random_monarch(inputs[:p], INTEGERS, np.random.default_rng(0), output_radices=outputs[:p])
    blocks = [b for f in matrix.factors for b in f]
    assert matrix.parameters == sum(b.size for b in blocks)
    multiplications, additions = sum(b.size for b in blocks), sum(b.shape[0] * (b.shape[1] - 1) for b in blocks)
    assert matrix.operations == Operations(multiplications, additions)


@pytest.mark.parametrize(("p", "b"), [(1, 5), (2, 8), (3, 4), (4, 2)])
def test_equal_radices_have_the_count_of_theory_section_two(p, b):
    size = b**p
    matrix = random_monarch((b,) * p, FLOAT64, np.random.default_rng(0))
    assert matrix.parameters == p * size * b == matrix.operations.multiplications
    assert round(p * size ** ((p + 1) / p)) == matrix.parameters


@pytest.mark.parametrize("domain", [FLOAT32, FLOAT64, COMPLEX128], ids=str)
def test_floating_point_multiply_is_within_its_bound(domain):
    """Stage k is a dot product of length n_k: |ŷ − y| ≤ (∏(1 + γ_{n_k}) − 1)·|F_p|⋯|F_1||x|, γ_{n+2} for complex."""
    rng = np.random.default_rng(0)
    matrix = random_monarch((4, 3, 5), domain, rng)
    x = domain.random(rng, 60)
    wide = Monarch(matrix.factors, COMPLEX128) if domain is not FLOAT32 else Monarch(matrix.factors, FLOAT64)
    exact = Monarch(tuple(np.vectorize(sympy.Rational, otypes=[object])(f) for f in matrix.factors), RATIONALS) \
        if not domain.is_complex else None  # fmt: skip
    reference = wide @ x if exact is None else np.array([float(sympy.Rational(int(v.p), int(v.q))) for v in exact @ x])
    unit = np.finfo(domain.dtype).eps / 2
    bound = Monarch(tuple(np.abs(f).astype(float) for f in matrix.factors), FLOAT64) @ np.abs(x).astype(float)
    gamma = np.prod([1 + (n + 2) * unit * np.sqrt(2) / (1 - (n + 2) * unit) for n in (4, 3, 5)]) - 1
    assert (np.abs(matrix @ x - reference) <= (gamma + 2**-53) * bound).all()


def test_linear_operator_works_with_scipy():
    rng = np.random.default_rng(0)
    matrix = random_monarch((4, 4), COMPLEX128, rng)
    operator = matrix.as_linear_operator()
    dense = matrix.dense()
    x = rng.normal(size=(16, 3))
    assert np.allclose(operator @ x, dense @ x) and np.allclose(operator.H @ x, dense.conj().T @ x)
    assert np.allclose(operator @ x[:, 0], dense @ x[:, 0]) and np.allclose(operator @ x[:, :1], dense @ x[:, :1])
    largest = spla.svds(operator, k=1, return_singular_vectors=False, random_state=0)
    assert np.isclose(largest[0], np.linalg.norm(dense, 2))
    with pytest.raises(TypeError, match="domain: expected a floating-point domain"):
        random_monarch((2, 2), INTEGERS, rng).as_linear_operator()


def test_identity_blocks():
    for r in ((2, 3), (2, 2, 3), (4,)):
        assert (identity_blocks(r, INTEGERS, Convention.DAO).dense() == np.eye(prod(r), dtype=int)).all()
        assert (identity_blocks(r, INTEGERS).dense() == np.eye(prod(r), dtype=int)[reversal(r)]).all()


def test_a_monarch_is_a_value():
    factor = np.ones((1, 2, 2))
    matrix = Monarch((factor,))
    factor[0, 0, 0] = 7
    assert matrix.factors[0][0, 0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        matrix.factors[0][0, 0, 0] = 7
    with pytest.raises(AttributeError):
        matrix.domain = INTEGERS
    with pytest.raises(TypeError, match="unhashable"):
        hash(matrix)
    assert matrix == Monarch((np.ones((1, 2, 2)),)) and matrix != Monarch((2 * np.ones((1, 2, 2)),))
    assert matrix != "Monarch"


def test_non_contiguous_and_size_one_inputs():
    matrix = random_monarch((2, 3), INTEGERS, np.random.default_rng(0))
    x = np.arange(24).reshape(12, 2)[::2, :][:, ::-1]
    assert (matrix @ x == matrix.dense() @ x.astype(object)).all()
    one = Monarch((np.array([[[5]]]),), INTEGERS)
    assert (one @ [3]).tolist() == [15] and one.multiply(np.zeros((0, 1), int)).shape == (0, 1)


def test_nan_and_infinity_pass_through_multiply_and_stop_inverse():
    matrix = Monarch((np.array([[[1.0, 0.0], [0.0, np.nan]]]),))
    assert np.isnan((matrix @ [1.0, 1.0])[1])
    with pytest.raises(ValueError, match="factors: expected finite entries to invert"):
        matrix.inverse()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Monarch(()), ValueError, "factors: expected at least one factor"),
        (lambda: Monarch((np.ones((2, 2)),)), ValueError, r"factors\[0\]: expected shape \(blocks, rows, columns\)"),
        (lambda: Monarch((np.ones((0, 2, 2)),)), ValueError, r"factors\[0\]: expected shape .* got \(0, 2, 2\)"),
        (lambda: Monarch((np.ones((3, 2, 2)), np.ones((2, 2, 2)))), ValueError, r"factors\[0\]: expected 2 blocks"),
        (lambda: Monarch((np.ones((1, 2, 2)) * 1j,)), TypeError, r"factors\[0\]: expected scalars of float64, got"),
        (lambda: Monarch((np.ones((1, 2, 2)),), INTEGERS), TypeError, r"factors\[0\]: expected scalars of integers"),
        (lambda: Monarch((np.ones((1, 2, 2)),), np.float64), TypeError, "domain: expected a Domain"),
        (lambda: Monarch((np.ones((1, 2, 2)),), FLOAT64, "M2"), TypeError, "convention: expected a Convention"),
        (lambda: Monarch((np.ones((1, 2, 2)),)) @ np.ones(3), ValueError, "x: expected length 2 along axis 0"),
        (lambda: Monarch((np.ones((1, 2, 2)),)) @ np.float64(1), ValueError, "axis: expected an axis of an array"),
        (lambda: Monarch((np.ones((1, 2, 2)),)).multiply(np.ones(2), 1), ValueError, "axis: expected an axis"),
        (lambda: Monarch((np.ones((1, 2, 2)),)) @ [1j, 0], TypeError, "x: expected scalars of float64"),
        (lambda: Monarch((np.ones((1, 2, 3)),)).inverse(), ValueError, r"factors\[0\]: expected square blocks"),
        (lambda: Monarch((np.ones((1, 2, 2)),)).inverse(), SingularBlockError, "factors: expected invertible blocks"),
        (lambda: random_monarch((2, 2), FLOAT64, np.random.default_rng(0), output_radices=(2,)), ValueError,
         "output_radices: expected 2 of them"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()
