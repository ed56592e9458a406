"""The rank of the Jacobian over F_q is the formula: parameters less gauge."""

import numpy as np
import pytest

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.dimension import chain_dimension, chain_jacobian_rank, jacobian_rank
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


def test_a_wrong_formula_is_caught():
    kind = MonarchClass((3, 3))
    assert jacobian_rank(kind, RNG) not in (kind.parameters, kind.parameters - 1, kind.dimension + 1)


def test_small_fields_can_only_lose_rank():
    kind = MonarchClass((2, 2))
    ranks = [jacobian_rank(kind, np.random.default_rng(seed), PrimeField(2)) for seed in range(5)]
    assert max(ranks) <= kind.dimension
