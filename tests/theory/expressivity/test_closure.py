"""What the classes are closed under, as properties; and where closure fails, a counterexample with its certificate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import INTEGERS, RATIONALS, PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.monarch import Convention, Monarch, random_monarch
from monarch_theory.strategies import arrays, monarchs

FIELD = PrimeField(10007)
DOMAINS = (INTEGERS, PrimeField(97))


def kind_of(matrix: Monarch) -> MonarchClass:
    return MonarchClass(matrix.input_radices, matrix.output_radices, matrix.convention)


def in_class(dense, kind, domain):
    return membership_of(dense, kind, domain=domain).member


@given(monarchs(DOMAINS, max_size=16))
def test_transposes_are_members_of_the_reversed_class(matrix):
    """Radices swap and reverse; DAO and DAO_TRANSPOSED swap."""
    reversed_kind = MonarchClass(matrix.output_radices[::-1], matrix.input_radices[::-1], matrix.convention.transposed)
    assert in_class(matrix.dense().T, reversed_kind, matrix.domain)


@given(monarchs((RATIONALS, PrimeField(97)), max_size=12, invertible=True))
def test_inverses_are_members_of_the_reversed_class(matrix):
    inverse = matrix.domain.inverse(matrix.dense()[None])[0]
    assert in_class(inverse, MonarchClass(matrix.input_radices[::-1], (), matrix.convention.transposed), matrix.domain)


def test_m2_with_equal_radices_is_closed_under_transpose_and_inverse_and_dao_is_not():
    rng = np.random.default_rng(0)
    for convention, closed in ((Convention.M2, True), (Convention.DAO, False), (Convention.DAO_TRANSPOSED, False)):
        kind = MonarchClass((3, 3), convention=convention)
        matrix = random_monarch((3, 3), FIELD, rng, convention=convention)
        assert in_class(matrix.dense().T, kind, FIELD) is closed
        assert in_class(matrix.inverse().dense(), kind, FIELD) is closed


def test_unequal_radices_are_not_kept_by_transpose_or_inverse():
    rng = np.random.default_rng(1)
    matrix = random_monarch((2, 3), FIELD, rng)
    for image in (matrix.dense().T, matrix.inverse().dense()):
        assert in_class(image, MonarchClass((3, 2)), FIELD)
        assert not in_class(image, MonarchClass((2, 3)), FIELD)


def test_the_inverse_of_a_square_matrix_with_rectangular_blocks_is_not_monarch():
    """Inputs (2, 3), outputs (3, 2): 6 × 6, invertible, its blocks not; its inverse is in no such class."""
    rng = np.random.default_rng(2)
    matrix = random_monarch((2, 3), FIELD, rng, output_radices=(3, 2)).dense()
    inverse = FIELD.inverse(matrix[None])[0]
    for rows in ((2, 3), (3, 2)):
        for columns in ((2, 3), (3, 2)):
            for convention in Convention:
                assert not in_class(inverse, MonarchClass(columns, rows, convention), FIELD)


def test_sums_and_products_leave_the_class():
    """Smallest cases: 4 × 4. A sum has slices of rank two; so has a product, in every convention."""
    rng = np.random.default_rng(3)
    for convention in Convention:
        kind = MonarchClass((2, 2), convention=convention)
        a, b = (random_monarch((2, 2), INTEGERS, rng, convention=convention).dense() for _ in range(2))
        for image in (a + b, INTEGERS.matmul(a, b)):
            answer = membership_of(image, kind)
            assert not answer.member
            (r0, r1), (c0, c1) = answer.refutation.rows, answer.refutation.columns
            assert image[r0, c0] * image[r1, c1] != image[r0, c1] * image[r1, c0]
        assert membership_of(a + b, MonarchClass((2, 2), convention=convention, rank=2)).member


def test_the_smallest_sum_and_product_by_hand():
    """P + (the matrix of ones) and P · J-like products: integers anyone can check."""
    swap = np.eye(4, dtype=int)[[0, 2, 1, 3]]
    ones = np.ones((4, 4), dtype=int)
    kind = MonarchClass((2, 2))
    assert membership_of(swap, kind).member and membership_of(ones, kind).member
    assert str(membership_of(swap + ones, kind).refutation).endswith("(0, 2) is 1, not 0")
    assert membership_of(swap @ swap, kind).member is False  # P · P is the identity


@given(monarchs(DOMAINS, max_size=12), st.data())
def test_entrywise_products_stay_in_the_class(matrix, data):
    """Entries are products of block entries, so the class is closed under the entrywise (Hadamard) product."""
    factors = tuple(data.draw(arrays(matrix.domain, f.shape)) for f in matrix.factors)
    other = Monarch(factors, matrix.domain, matrix.convention)
    both = matrix.domain.normal(matrix.dense() * other.dense())
    assert in_class(both, kind_of(matrix), matrix.domain)
    product = Monarch(
        tuple(matrix.domain.normal(a * b) for a, b in zip(matrix.factors, factors, strict=True)),
        matrix.domain,
        matrix.convention,
    )
    assert matrix.domain.equal(product.dense(), both)


@given(monarchs(DOMAINS, max_size=12), st.data())
def test_diagonal_scaling_stays_in_the_class(matrix, data):
    rows = data.draw(arrays(matrix.domain, matrix.shape[0]))
    columns = data.draw(arrays(matrix.domain, matrix.shape[1]))
    scaled = matrix.domain.normal(matrix.domain.normal(rows[:, None] * matrix.dense()) * columns)
    assert in_class(scaled, kind_of(matrix), matrix.domain)


@pytest.mark.parametrize("convention", Convention)
def test_a_permuted_member_is_usually_not_a_member(convention):
    rng = np.random.default_rng(4)
    matrix = random_monarch((3, 3), FIELD, rng, convention=convention).dense()
    kind = MonarchClass((3, 3), convention=convention)
    assert not in_class(matrix[:, rng.permutation(9)], kind, FIELD)
