"""Operators at order 2, by products alone: members are found, near ones are not taken for them, and few products do."""

import numpy as np
import pytest
from scipy.fft import fft, ifft
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from monarch_theory.expressivity import operators
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.matrices import check_linear, read_matrix
from monarch_theory.expressivity.operators import operator_membership_of
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention

KINDS = [
    MonarchClass((6, 6)),
    MonarchClass((5, 4), (4, 6), Convention.DAO),
    MonarchClass((4, 6), (6, 3), Convention.DAO_TRANSPOSED, rank=2),
    MonarchClass((2, 9), (9, 2), rank=5),
]


def fourier(n):
    return LinearOperator(
        (n, n), dtype=complex, matvec=fft, matmat=lambda x: fft(x, axis=0), rmatmat=lambda x: n * ifft(x, axis=0)
    )


@pytest.mark.parametrize("factor", [1, 2 - 1j, 1e-200, 1e150])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_members_and_matrices_near_them(kind, factor):
    rng = np.random.default_rng(0)
    member = project(rng.standard_normal(kind.shape), kind).dense() * factor
    noise = rng.standard_normal(kind.shape)
    noise *= abs(factor) * np.linalg.norm(member / factor) / np.linalg.norm(noise)
    found = operator_membership_of(member, kind, accuracy=1e-12)
    assert found.member is True and found.farthest < 1e-12 and found.floor < 1e-12
    assert np.allclose(found.train.dense() / factor, member / factor)
    for size in (1e-9, 1e-6, 1e-3, 1.0):
        other = member + size * noise
        near = project(other, kind)
        found = operator_membership_of(other, kind, accuracy=1e-12)
        # a class whose slices are all of full rank is everything
        full = bool(max(kind.ranks) >= min(kind.slices(member)[0].shape))
        assert found.member is full
        assert found.floor <= near.relative_distance <= found.farthest + 1e-12
        loose = operator_membership_of(other, kind, accuracy=min(200 * size, 0.9))
        assert loose.member is (True if full or size < 0.1 else None)


def test_the_fourier_transform_of_four_thousand_points():
    n, kind = 2**12, MonarchClass((2**6, 2**6))
    found = operator_membership_of(fourier(n), kind, accuracy=1e-12)
    assert found.member is True and sum(found.products) < n / 8 and found.failure < 1e-6
    other = MonarchClass(kind.input_radices, convention=Convention.DAO)
    assert operator_membership_of(fourier(n), other, accuracy=1e-12).member is False


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_adjoint_is_needed_where_columns_are_independent(kind):
    """What is found is verified by other products, and a matrix that is no member stays none."""
    rng = np.random.default_rng(0)
    member = project(rng.standard_normal(kind.shape), kind).dense()
    noise = rng.standard_normal(kind.shape)

    def forward(matrix):
        return LinearOperator(kind.shape, matvec=None, matmat=lambda x: matrix @ x, dtype=float)

    found = operator_membership_of(forward(member), kind, accuracy=1e-9)
    assert found.member is True and found.products[1] == 0
    full = bool(max(kind.ranks) >= min(kind.slices(member)[0].shape))
    assert operator_membership_of(forward(member + 1e-3 * noise), kind, accuracy=1e-9).member is full


def test_columns_that_are_alike_leave_a_member_open_without_an_adjoint():
    """All slices of a matrix of rank one have the same, and a sum over several tells none of them."""
    kind = MonarchClass((6, 6))
    member = np.outer(*np.random.default_rng(0).standard_normal((2, 36)))
    forward = LinearOperator(kind.shape, matvec=None, matmat=lambda x: member @ x, dtype=float)
    assert operator_membership_of(member, kind, accuracy=1e-9).member is True
    assert operator_membership_of(forward, kind, accuracy=1e-9).member is None


def test_one_entry_of_a_million_is_seen_or_left_open():
    """One slice alone has rank two: a thousandth of a thousandth of what there is."""
    kind, rng = MonarchClass((32, 32)), np.random.default_rng(0)
    matrix = project(rng.standard_normal(kind.shape), kind).dense()
    matrix[5, 7] += 1e-6 * np.linalg.norm(matrix)
    assert operator_membership_of(matrix, kind, accuracy=1e-12).member is False


def test_radices_of_one_ask_for_low_rank():
    rng = np.random.default_rng(0)
    kind = MonarchClass((50, 1), (1, 40), rank=3)
    low = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 50))
    found = operator_membership_of(low, kind, accuracy=1e-12)
    assert found.member is True and sum(found.products) < 60
    assert operator_membership_of(low + 1e-3 * rng.standard_normal((40, 50)), kind, accuracy=1e-9).member is False


def test_without_a_column_to_spare_nothing_is_ruled_out(monkeypatch):
    matrix = np.random.default_rng(0).standard_normal((36, 36))
    assert operator_membership_of(matrix, KINDS[0], accuracy=1e-9).member is False
    monkeypatch.setattr(operators, "SPARE", 0)
    found = operator_membership_of(matrix, KINDS[0], accuracy=1e-9)
    assert found.member is None and found.floor == 0


def test_probes_that_see_half_of_the_inputs_are_caught(monkeypatch):
    """A bound on the distance that is none: the mean over what the probes miss is zero."""
    kind, rng = KINDS[0], np.random.default_rng(0)
    member = project(rng.standard_normal(kind.shape), kind).dense()
    wrong = aslinearoperator(member)
    seen = operators.Train.multiply
    monkeypatch.setattr(operators.Train, "multiply", lambda self, x: seen(self, x) * 1.01)
    assert operator_membership_of(wrong, kind, accuracy=1e-9).member is not True


def test_estimates_stay_within_their_bounds():
    """Of a matrix of rank one, which is the worst: the mean over probes is a chi-squared variable of 32 degrees."""
    rng = np.random.default_rng(0)
    means = (rng.standard_normal((20_000, operators.PROBES)) ** 2).mean(1)
    assert means.min() > operators.LOW and means.max() < operators.HIGH


@pytest.mark.parametrize(
    ("operator", "options", "message"),
    [
        (LinearOperator((16, 16), matvec=np.abs, rmatvec=np.abs, dtype=float), {}, "operator is not linear"),
        (np.eye(9), {}, r"operator: expected an operator of shape \(16, 16\), got \(9, 9\)"),
        (np.full((16, 16), np.inf), {}, "operator: expected"),
        (np.eye(16), {"accuracy": 1.0}, r"accuracy: expected a number in \[0, 1\)"),
        (np.eye(16), {"kind": MonarchClass((2,) * 4)}, "kind: expected order 2"),
    ],
)
def test_bad_input_is_one_line_that_names_it(operator, options, message, recwarn):
    with pytest.raises(ValueError, match=message):
        operator_membership_of(operator, **({"kind": MonarchClass((4, 4)), "accuracy": 1e-9} | options))


@pytest.mark.parametrize("factor", [1e-305, 1e-290, 1e290])
def test_tiny_operators_are_linear(factor):
    """Doubling what has underflown is not the same as doubling first; what is not linear is still told so."""
    matrix = np.random.default_rng(0).standard_normal((16, 16)) * factor * 10.0 ** -np.arange(16)
    assert np.array_equal(read_matrix(aslinearoperator(matrix)).values, matrix)
    for wrong in (lambda x: np.clip(x, -2, 2), lambda x: np.abs(x) * factor, lambda x: x * factor + factor):
        operator = LinearOperator((16, 16), matvec=wrong, matmat=wrong, dtype=float)
        with pytest.raises(ValueError, match="not linear"):
            read_matrix(operator)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("n", [1, 7, 64, 4096])
def test_complex_operators_are_linear_over_complex_numbers(n, dtype):
    """Real inputs alone do not tell what conjugates from what does not; nor is rounding another function."""
    for right in (lambda x: np.fft.fft(x.astype(dtype), axis=0).astype(dtype), lambda x: (1 + 3j) * x.astype(dtype)):
        check_linear(right, n, "right", dtype=dtype)
        for wrong in (lambda x, f=right: f(x.conj()), lambda x, f=right: f(x.real), lambda x, f=right: f(x).conj()):
            with pytest.raises(ValueError, match="wrong is not linear over the complex numbers"):
                check_linear(wrong, n, "wrong", dtype=dtype)


def test_zero_is_a_member():
    found = operator_membership_of(np.zeros((16, 16)), MonarchClass((4, 4)), accuracy=0.0)
    assert found.member is True and found.distance == found.farthest == 0
