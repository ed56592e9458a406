"""Each condition holds where it should and names the hypothesis that fails where it should not."""

from itertools import product

import numpy as np
import pytest

from monarch_theory.causality import (
    CausalMonarch,
    MonarchOperator,
    decide,
    degree_caps,
    degree_profile,
    paper_condition,
    product_order_condition,
    sufficient_condition,
    triangular_condition,
)
from monarch_theory.causality.conditions import Failure, basis_degrees
from monarch_theory.domains import FLOAT64, RATIONALS, Cyclotomic, NoRootOfUnityError, PrimeField, prime_with_root
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, Monarch, random_monarch
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials

FIELD = PrimeField(prime_with_root(720720))


def monomials(radices, degrees=None, domain=FIELD):
    """Univariate f_k = Y_k^{a_k}, with extra coefficients {(k, digits, exponent): value} put on top."""
    stages = [c.copy() for c in basis_polynomials(fourier(radices, domain), View.UNIVARIATE).coefficients]
    for (k, digits, exponent), value in (degrees or {}).items():
        stages[k][(*digits, exponent)] = value
    return BasisPolynomials(tuple(stages), tuple(radices), domain, View.UNIVARIATE).to_monarch()


def test_profile_of_the_dft():
    profile = degree_profile(fourier((2, 3, 2), FIELD))
    for k, (low, high) in enumerate(zip(profile.minimum, profile.maximum, strict=True)):
        assert (low == high).all()
        assert all(low[digits] == digits[0] for digits in np.ndindex(low.shape)), k


def test_profile_of_the_zero_polynomial():
    zero = Monarch((np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int)), PrimeField(5))
    profile = degree_profile(zero)
    assert (profile.minimum[0] == 2).all() and (profile.minimum[1] == 4).all() and (profile.maximum[0] == -1).all()


def test_basis_degrees_are_those_of_the_products():
    matrix = CausalMonarch((3, 2, 2)).random(FIELD, np.random.default_rng(1))
    low, high = basis_degrees(degree_profile(matrix))
    columns = basis_polynomials(matrix, View.UNIVARIATE).coefficient_matrix()
    for j, column in enumerate(columns.T):
        assert (np.flatnonzero(column)[0], np.flatnonzero(column)[-1]) == (low[j], high[j])


@pytest.mark.parametrize("radices", [(2, 2), (4, 4), (3, 2), (2, 3), (3, 3), (2, 3, 2), (6,), (5, 2, 3)])
def test_caps_keep_degrees_below_n_and_are_the_largest_that_do(radices):
    size = int(np.prod(radices))
    for n in range(1, (size + 1) // 2 + 1):
        caps = degree_caps(radices, n)
        for k, cap in enumerate(caps):
            assert (cap >= np.arange(radices[k]).reshape((-1,) + (1,) * (cap.ndim - 1))).all()
        assert _within(caps, radices, n)
        for k, cap in enumerate(caps):
            for digits in np.ndindex(cap.shape):
                raised = [c.copy() for c in caps]
                raised[k][digits] += 1
                assert not _within(raised, radices, n)


def _within(caps, radices, n):
    """deg q_j < n for j < n and deg q_j < N for all j, degrees being the sums of the caps."""
    degree = sum(cap * int(np.prod(radices[k + 1 :])) for k, cap in enumerate(caps))
    degree = np.broadcast_to(degree, radices).reshape(-1)
    return bool((degree[:n] < n).all() and (degree < len(degree)).all())


def test_caps_are_one_choice_of_several():
    """deg ℓ_2 = 5 exceeds its cap 3 at (4, 4), n = 6; where the others are monomials the operator stays causal."""
    assert degree_caps((4, 4), 6)[1][2] == 3
    member = monomials((4, 4), {(1, (2,), 5): 7})
    assert not sufficient_condition(member, 6).holds
    assert decide(MonarchOperator(member, n=6), route="every filter").causal


def test_theory_caps_for_order_two():
    caps = degree_caps((8, 8))
    a0 = np.arange(8)
    assert (caps[0] == np.where(a0 < 4, 3, 7)[:, None]).all() and (caps[1] == 7).all()


@pytest.mark.parametrize(
    ("change", "stage", "hypothesis"),
    [
        ({(0, (0, 1), 2): 1}, 0, "degree of f_k"),
        ({(0, (1, 0), 1): 0}, 0, "minimum degree"),
        ({(0, (1, 2), 0): 5}, 0, "minimum degree"),
        ({(1, (2,), 1): 1}, 1, "minimum degree"),
        ({(1, (3,), 15): 1}, 1, "degree of f_k"),
    ],
)
def test_the_sufficient_condition_says_what_fails_and_where(change, stage, hypothesis):
    condition = sufficient_condition(monomials((4, 4), change))
    assert not condition.holds
    ((_, digits, _),) = change
    assert any(f.stage == stage and f.digits == digits and hypothesis in f.hypothesis for f in condition.failures)
    assert f"stage {stage}, digits {digits}" in str(condition)


def test_the_paper_condition_read_literally_holds_for_no_causal_basis():
    for b in (2, 3, 4, 6):
        family = CausalMonarch((b, b))
        for matrix in (family.monomial(FIELD), family.random(FIELD, np.random.default_rng(b))):
            assert sufficient_condition(matrix).holds
            condition = paper_condition(matrix)
            assert not condition.holds
            assert any("degree of ℓ" in f.hypothesis and f.digits == (b - 1,) for f in condition.failures)


def test_the_paper_condition_is_contradictory_from_b_equal_2():
    """All 4 × 4 matrices with coefficients in F_5 that meet the minimum degrees fail the maximum degree of ℓ_1."""
    for high in product(range(5), repeat=3):
        if high[0]:
            matrix = monomials((2, 2), {(1, (1,), d + 1): c for d, c in enumerate(high)}, PrimeField(5))
            assert any("degree of ℓ" in f.hypothesis for f in paper_condition(matrix).failures)


def test_the_paper_condition_wants_order_two():
    with pytest.raises(ValueError, match="matrix: expected order 2"):
        paper_condition(fourier((2, 2, 2), FIELD))


def test_triangular_bases_may_differ():
    rng = np.random.default_rng(0)
    M0, M1, M2 = (CausalMonarch(r).random(FIELD, rng) for r in ((3, 4), (4, 3), (2, 6)))
    assert triangular_condition(M0, M1, M2).holds
    assert decide(MonarchOperator(M0, M1, M2), route="every filter").causal
    leaky = monomials((4, 3), {(0, (0, 2), 2): 1})
    condition = triangular_condition(M0, leaky, leaky)
    assert any("degree of a product" in f.hypothesis for f in condition.failures)
    assert not triangular_condition(random_monarch((3, 4), FIELD, rng), M1, M2).holds


def reordered(columns):
    """The DFT of length 8 with its first columns in another order: q_j = Z^columns[j]."""
    dense = fourier((8,), PrimeField(17)).factors[0]
    return Monarch((dense[:, :, [*columns, *range(len(columns), 8)]],), PrimeField(17))


@pytest.mark.parametrize(
    ("filters", "signals", "n", "holds"),
    [
        ([3, 2, 1, 0], [0, 1, 2, 3], 4, True),  # nothing is asked of the minimum degrees of M1
        ([0, 0, 0, 0], [0, 1, 2, 3], 4, True),  # a basis of the filter's side need not be one
        ([0, 1, 2, 3], [3, 2, 1, 0], 4, False),
        ([0] * 8, range(8), 8, True),  # n beyond N/2, where the degrees allow it
        ([1] * 8, range(8), 8, False),
        ([3] * 4, [3, 3, 3, 4], 4, True),
        ([3] * 4, [3, 3, 3, 5], 4, False),
    ],
)
def test_the_triangular_condition_asks_what_its_theorem_asks(filters, signals, n, holds):
    matrices = reordered([]), reordered(filters), reordered(signals)
    assert triangular_condition(*matrices, n=n).holds == holds
    decision = decide(MonarchOperator(*matrices, n=n))
    assert (decision.route == "theorem") == holds and (decision.causal or not holds)
    assert decide(MonarchOperator(*matrices, n=n), route="every filter").causal == decision.causal


def test_the_triangular_condition_reads_rectangular_blocks_beside_m0():
    M0 = fourier((2, 3), FIELD)
    constants = np.ones((3, 3, 2), dtype=int), np.ones((3, 2, 3), dtype=int)  # every q_j = 1
    operator = MonarchOperator(M0, Monarch(constants, FIELD), M0, n=6)
    assert triangular_condition(operator.M0, operator.M1, operator.M2, n=6).holds
    assert decide(operator).route == "theorem" and decide(operator, route="every filter").causal
    with pytest.raises(ValueError, match="matrix: expected square blocks"):
        triangular_condition(operator.M1, M0, M0)
    with pytest.raises(ValueError, match="n: expected an integer between 1 and N = 6, got 7"):
        triangular_condition(M0, M0, M0, n=7)
    with pytest.raises(ValueError, match="M1: expected a 6×6 matrix, got 4×4"):
        triangular_condition(M0, fourier((2, 2), FIELD), M0)


def test_product_order_is_stronger_than_causal_on_its_box():
    block = fourier((4,), Cyclotomic(4)).factors[0][0]
    tensor = Monarch(tuple(np.broadcast_to(block, (4, 4, 4)) for _ in "RL"), Cyclotomic(4))
    assert product_order_condition(tensor).holds
    operator = MonarchOperator(tensor)
    assert decide(operator, support=(2, 2)).causal
    assert not decide(operator).causal
    with pytest.raises(NoRootOfUnityError, match="domain: expected"):
        product_order_condition(random_monarch((4, 4), RATIONALS, np.random.default_rng(0)))


def test_product_order_says_what_fails():
    causal = CausalMonarch((4, 4)).random(FIELD, np.random.default_rng(0))
    condition = product_order_condition(causal)
    assert not condition.holds and condition.failures[0].hypothesis
    assert decide(MonarchOperator(causal)).causal
    assert not decide(MonarchOperator(causal), support=(2, 2)).causal


@pytest.mark.parametrize("n", [0, -1, 9, 2.0, True])
def test_a_bad_length_is_named(n):
    with pytest.raises(ValueError, match="n: expected an integer between 1 and"):
        sufficient_condition(fourier((4, 4), FIELD), n)


def test_floating_point_has_no_degrees():
    with pytest.raises(ValueError, match="matrix: expected an exact domain"):
        sufficient_condition(random_monarch((2, 2), FLOAT64, np.random.default_rng(0)))


def test_rectangular_blocks_are_refused():
    matrix = random_monarch((2, 3), FIELD, np.random.default_rng(0), output_radices=(3, 2))
    with pytest.raises(ValueError, match="matrix: expected square blocks"):
        sufficient_condition(matrix)


def test_other_conventions_order_their_columns_differently():
    for convention in (Convention.DAO, Convention.DAO_TRANSPOSED):
        with pytest.raises(ValueError, match="matrix: expected convention M2"):
            sufficient_condition(Monarch(fourier((2, 2), FIELD).factors, FIELD, convention))


def test_a_failure_says_where_it_is():
    where = str(Failure("minimum degree", 1, (2, 0), 3, "4"))
    assert where == "minimum degree at stage 1, digits (2, 0): found 3, expected 4"
    assert str(Failure("minimum degree", 0, (2, 0), 3, "4")).startswith("minimum degree at stage 0, digits (2, 0)")
    assert str(Failure("degree", -1, (5,), 6, "5")) == "degree at column 5: found 6, expected 5"


def test_bounds_are_asked_up_to_where_they_are_said():
    F = fourier((8,), PrimeField(17))
    assert triangular_condition(F, F, F, n=1).holds
    swapped = Monarch((F.factors[0][:, :, [1, 0, 2, 3, 4, 5, 6, 7]],), F.domain)  # q²_1 = 1
    failures = triangular_condition(F, F, swapped).failures
    assert [(f.hypothesis, f.stage) for f in failures] == [("M2: minimum degree of q_j", -1)]
    for radices in ((2, 4), (4, 2)):
        with pytest.raises(ValueError, match="expected order 2 with N = b²"):
            paper_condition(fourier(radices, PrimeField(17)))
    late = paper_condition(fourier((4, 4), PrimeField(97))).failures
    assert late and not any("degree of r_j for j < N/2" in failure.hypothesis for failure in late)
    stages = {f.hypothesis: f.stage for f in paper_condition(monomials((4, 4), {(0, (1, 1), 0): 1})).failures}
    assert stages["minimum degree of r_j is ⌊j/√N⌋"] == 0


def test_the_box_of_an_odd_radix_is_rounded_up():
    matrix = monomials((3,), {(0, (1,), 2): 1})
    assert product_order_condition(monomials((3,))).holds and product_order_condition(matrix, (1,)).holds
    assert not product_order_condition(matrix).holds and not product_order_condition(matrix, (2,)).holds
    for support in ((1, 1), (4,)):
        with pytest.raises(ValueError, match="support: expected one bound for each radix"):
            product_order_condition(matrix, support)
