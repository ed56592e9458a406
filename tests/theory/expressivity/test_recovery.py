"""Factors of M M* come back, uniquely where they can; what is not such a product is refused with its reason."""

import numpy as np
import pytest

from monarch_theory.domains import COMPLEX128, FLOAT64, INTEGERS, RATIONALS, Cyclotomic, PrimeField, prime_with_root
from monarch_theory.expressivity.constructions import circulant, permutation
from monarch_theory.expressivity.recovery import NotRecoverableError, recover
from monarch_theory.monarch import Convention, Monarch, random_monarch

FIELD = PrimeField(2**31 - 1)


def generic(radices, domain, rng, convention=Convention.DAO):
    """Two Monarch matrices whose product has invertible blocks: entries without zeros."""
    pair = []
    for _ in range(2):
        M = random_monarch(radices, domain, rng, convention=convention)
        pair.append(
            Monarch(tuple(np.where(domain.is_zero(f), domain.ones(f.shape), f) for f in M.factors), domain, convention)
        )
    return pair  # fmt: skip


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("radices", [(3, 3), (4, 2), (3, 4), (8, 8)])
def test_exactly_over_a_prime_field(radices, convention):
    rng = np.random.default_rng(1)
    first, second = generic(radices, FIELD, rng, convention)
    matrix = FIELD.matmul(first.dense(), second.T.dense())
    found = recover(matrix, radices, rng, domain=FIELD, convention=convention)
    assert found.evidence == "exact" and found.identifiable and found.clashes == ()
    assert FIELD.equal(found.product().dense(), matrix)
    assert (found.middle[:, found.reference[0], :] == 1).all() and (found.middle[:, :, found.reference[1]] == 1).all()


def test_the_recovered_factors_are_the_true_ones_up_to_order_and_scale():
    rng = np.random.default_rng(2)
    first, second = generic((3, 4), FIELD, rng)
    found = recover(FIELD.matmul(first.dense(), second.T.dense()), (3, 4), rng, domain=FIELD)
    ours, true = found.left[0], first.factors[1][0]
    # every column of ours is a multiple of one column of the true factor
    for z in range(4):
        assert any((FIELD.normal(ours[:, z] * int(t[0]) - t * int(ours[0, z])) == 0).all() for t in true.T)


def test_over_the_rationals():
    rng = np.random.default_rng(3)
    first, second = generic((2, 3), INTEGERS, rng)
    matrix = INTEGERS.matmul(first.dense(), second.T.dense())
    found = recover(matrix, (2, 3), rng)
    assert found.domain is RATIONALS and found.evidence == "exact"
    assert RATIONALS.equal(found.product().dense(), RATIONALS.array(matrix))


@pytest.mark.parametrize("domain", [FLOAT64, COMPLEX128], ids=str)
@pytest.mark.parametrize("radices", [(3, 3), (4, 3), (8, 8)])
def test_measured_in_floating_point(radices, domain):
    rng = np.random.default_rng(4)
    first, second = generic(radices, domain, rng)
    matrix = first.dense() @ second.H.dense()
    found = recover(matrix, radices, rng)
    assert found.evidence == "measured" and found.identifiable and 0 < found.residual < 1e-9
    error = np.linalg.norm(found.product().dense() - matrix) / np.linalg.norm(matrix)
    assert error <= 2 * found.residual + 1e-13


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_neither_overflows_nor_vanishes(scale):
    rng = np.random.default_rng(4)
    first, second = generic((3, 3), FLOAT64, rng)
    matrix = first.dense() @ second.H.dense()
    found = recover(matrix * scale, (3, 3), rng)
    error = np.linalg.norm(found.product().dense() / scale - matrix) / np.linalg.norm(matrix)
    assert found.identifiable and 0 < found.residual < 1e-9 and error <= 2 * found.residual + 1e-13


@pytest.mark.parametrize(("size", "identifiable"), [(1e-3, True), (1e-15, False)])
def test_nearly_equal_profiles_are_identifiable_as_far_as_the_precision_tells(size, identifiable):
    rng = np.random.default_rng(7)
    first, second = generic((3, 3), FLOAT64, rng)
    middle = first.factors[0].copy()
    middle[1] = middle[0] * (1 + size * rng.standard_normal((3, 3)))
    tied = Monarch((middle, first.factors[1]), FLOAT64, Convention.DAO)
    plain = Monarch((np.broadcast_to(np.eye(3), (3, 3, 3)), second.factors[1]), FLOAT64, Convention.DAO)
    found = recover(tied.dense() @ plain.T.dense(), (3, 3), rng)
    assert found.identifiable is identifiable


def test_products_of_two_m2_matrices_are_in_the_class_and_of_two_dao_matrices_are_not():
    rng = np.random.default_rng(5)
    first, second = generic((4, 4), FIELD, rng, Convention.M2)
    assert recover(FIELD.matmul(first.dense(), second.dense()), (4, 4), rng, domain=FIELD).identifiable
    first, second = generic((4, 4), FIELD, rng, Convention.DAO)
    with pytest.raises(NotRecoverableError, match="not a product of two Monarch matrices"):
        recover(FIELD.matmul(first.dense(), second.dense()), (4, 4), rng, domain=FIELD)


@pytest.mark.parametrize("domain", [FIELD, FLOAT64], ids=str)
def test_a_random_matrix_is_refused(domain):
    rng = np.random.default_rng(6)
    with pytest.raises(NotRecoverableError, match="not a product"):
        recover(domain.random(rng, (16, 16)), (4, 4), rng, domain=domain)


@pytest.mark.parametrize("domain", [FIELD, FLOAT64], ids=str)
def test_equal_profiles_are_reported_as_not_identifiable(domain):
    """Middle blocks z = 0 and z = 1 equal: L and R may be mixed there, and the factors still multiply back."""
    rng = np.random.default_rng(7)
    first, second = generic((3, 3), domain, rng)
    middle = first.factors[0].copy()
    middle[1] = middle[0]
    ones = Monarch((np.broadcast_to(domain.eye(3), (3, 3, 3)), second.factors[1]), domain, Convention.DAO)
    tied = Monarch((middle, first.factors[1]), domain, Convention.DAO)
    matrix = domain.matmul(tied.dense(), ones.T.dense())
    found = recover(matrix, (3, 3), rng, domain=domain)
    assert not found.identifiable and len(found.clashes) == 1
    if domain is FIELD:
        assert FIELD.equal(found.product().dense(), matrix)


def test_convolutions_give_their_factors_back():
    product = circulant(np.random.default_rng(8).integers(1, 99, 16), (4, 4), PrimeField(prime_with_root(16)))
    found = recover(product.dense(), (4, 4), np.random.default_rng(0), domain=product.domain)
    assert found.identifiable and product.domain.equal(found.product().dense(), product.dense())


def test_outside_the_genericity_and_bad_input_are_named():
    rng = np.random.default_rng(9)
    with pytest.raises(NotRecoverableError, match="a row and a column of invertible blocks"):
        recover(permutation(rng.permutation(9).tolist(), (3, 3)).dense(), (3, 3), rng)
    with pytest.raises(ValueError, match=r"matrix: expected shape \(9, 9\)"):
        recover(np.eye(8), (3, 3), rng)
    with pytest.raises(ValueError, match="radices: expected two of them"):
        recover(np.eye(9), (3, 3, 1), rng)
    with pytest.raises(TypeError, match="convention: expected a Convention"):
        recover(np.eye(9), (3, 3), rng, convention="dao-transposed")
    for tolerance in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance: expected a number"):
            recover(np.eye(9), (3, 3), rng, tolerance=tolerance)
    for degenerate in (np.zeros((9, 9)), np.eye(9), np.ones((9, 9))):
        with pytest.raises(NotRecoverableError, match="found none"):
            recover(degenerate, (3, 3), rng)
    with pytest.raises(ValueError, match="finite"):
        recover(np.full((9, 9), np.nan), (3, 3), rng)
    with pytest.raises(ValueError, match="domain: expected rationals, a prime field or floating point"):
        recover(circulant([1, 2, 3, 4], (2, 2), Cyclotomic(4)).dense(), (2, 2), rng)
