"""The rank of the Jacobian over F_q is the formula: parameters less gauge."""

import numpy as np
import pytest

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.dimension import (
    FIELD,
    chain_dimension,
    chain_jacobian_rank,
    jacobian_rank,
    low_rank_dimension,
    low_rank_jacobian_rank,
    monarch_plus_low_rank_dimension,
    monarch_plus_low_rank_jacobian_rank,
    multilinear_rank,
)
from monarch_theory.monarch import Convention

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "kind",
    [
        MonarchClass((2, 2)),
        MonarchClass((4, 4)),
        MonarchClass((2, 3), (4, 2), Convention.DAO),
        MonarchClass((2, 2, 2)),
        MonarchClass((2, 3, 2), (3, 2, 2), Convention.DAO_TRANSPOSED),
        MonarchClass((2, 2, 2, 2)),
        MonarchClass((4, 4), rank=2),
        MonarchClass((3, 3), rank=3),
        MonarchClass((2, 4), (4, 2), rank=2),
        MonarchClass((2, 2, 4), rank=2),
        MonarchClass((1, 3)),
        MonarchClass((5,)),
    ],
    ids=str,
)
def test_monarch_classes(kind):
    assert jacobian_rank(kind, RNG) == kind.dimension <= kind.shape[0] * kind.shape[1]


def test_order_p_formula_for_equal_radices():
    for p, b in [(2, 2), (2, 3), (3, 2), (4, 2)]:
        n = b**p
        assert MonarchClass((b,) * p).dimension == p * b * n - (p - 1) * n


@pytest.mark.parametrize("stages", [2, 3, 4, 5])
@pytest.mark.parametrize(("b0", "b1"), [(2, 2), (3, 2), (2, 4), (3, 3), (4, 3)])
def test_products(b0, b1, stages):
    assert chain_jacobian_rank(b0, b1, stages, RNG) == chain_dimension(b0, b1, stages)


def test_m_m_star_is_everything_at_two_and_not_at_three():
    assert chain_dimension(2, 2, 3) == 16 and chain_dimension(3, 3, 3) == 63 < 81


@pytest.mark.parametrize(("shape", "rank"), [((1, 1), 1), ((3, 5), 1), ((6, 4), 2), ((4, 4), 4), ((3, 2), 5)])
def test_low_rank(shape, rank):
    assert low_rank_jacobian_rank(shape, rank, RNG) == low_rank_dimension(shape, rank)


@pytest.mark.parametrize("terms", [1, 2])
def test_sums_of_kronecker_products_are_low_rank_rearranged(terms):
    outer, inner = (2, 3), (3, 2)
    factors = [FIELD.random(RNG, (terms, *outer)), FIELD.random(RNG, (terms, *inner))]

    def build(pair):
        products = FIELD.matmul(
            pair[0].reshape(terms, -1, 1), pair[1].reshape(terms, 1, -1)
        )  # rows as Kronecker's blocks
        return FIELD.normal(products.sum(0))

    assert multilinear_rank(build, factors, FIELD) == low_rank_dimension((6, 6), terms)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize(
    ("kind", "shared"),
    [
        (MonarchClass((3, 3)), 0),
        (MonarchClass((3, 4)), 0),
        (MonarchClass((2, 2, 4)), 0),
        (MonarchClass((2, 6)), 1),
        (MonarchClass((6, 2)), 1),
        (MonarchClass((2, 6), (3, 6)), 0),
        (MonarchClass((2, 6), (2, 4), Convention.DAO), 1),
        (MonarchClass((3, 6), rank=2), 2),
    ],
    ids=str,
)
def test_monarch_plus_low_rank(kind, shared, rank):
    """Small blocks share `shared` · r² directions with the low-rank part; the plain sum is wrong there."""
    found = monarch_plus_low_rank_jacobian_rank(kind, rank, RNG)
    assert found == monarch_plus_low_rank_dimension(kind, rank)
    parts = kind.dimension + low_rank_dimension(kind.shape, rank)
    assert found == min(parts - shared * rank**2, kind.shape[0] * kind.shape[1])


def test_a_wrong_formula_is_caught():
    kind = MonarchClass((3, 3))
    assert jacobian_rank(kind, RNG) not in (kind.parameters, kind.parameters - 1, kind.dimension + 1)


def test_small_fields_can_only_lose_rank():
    kind = MonarchClass((2, 2))
    ranks = [jacobian_rank(kind, np.random.default_rng(seed), PrimeField(2)) for seed in range(5)]
    assert max(ranks) <= kind.dimension
