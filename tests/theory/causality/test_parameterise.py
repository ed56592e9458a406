"""Every member is causal, the dimension formula is the rank of the Jacobian, the basis stays well conditioned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide, sufficient_condition
from monarch_theory.domains import COMPLEX128, PrimeField, prime_with_root
from monarch_theory.monarch import Monarch

FIELD = PrimeField(prime_with_root(720720))


@st.composite
def families(draw):
    some_radices = st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=3)
    radices = tuple(draw(some_radices.filter(lambda r: np.prod(r) > 1)))
    n = draw(st.none() | st.integers(1, (int(np.prod(radices)) + 1) // 2))
    return CausalMonarch(radices, n)


@given(family=families(), seed=st.integers(0, 1000))
def test_members_are_causal_and_every_past_input_matters(family, seed):
    rng = np.random.default_rng(seed)
    field = PrimeField(prime_with_root(int(np.prod(family.radices))))
    matrix = family.random(field, rng)
    assert sufficient_condition(matrix, family.n).holds
    operator = MonarchOperator(matrix, n=family.n)
    assert decide(operator, route="every filter").causal
    assert (operator.matrix(field.random(rng, family.n))[np.tril_indices(family.n)] != 0).all()


@pytest.mark.parametrize("radices", [(2, 2), (3, 2), (2, 3), (4, 2), (2, 2, 2), (3, 3), (7,), (4, 4)])
def test_dimension_is_the_rank_of_the_jacobian(radices):
    family = CausalMonarch(radices)
    assert family.tangent_dimension(FIELD, np.random.default_rng(0)) == family.dimension


@pytest.mark.parametrize("radices", [(4, 4), (8, 8), (16, 16), (2, 2, 2, 2), (3, 5)])
@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9])
def test_the_condition_number_stays_below_its_bound(radices, rho):
    family = CausalMonarch(radices)
    parameters = 100 * np.random.default_rng(0).normal(size=family.coefficient_count)
    dense = family.well_conditioned(parameters, rho).dense()
    # singular values are computed to N·u·σ_max, relative to which the bound has room to spare
    assert np.linalg.cond(dense) <= family.condition_bound(rho) * (1 + 1e-9)


def test_the_well_conditioned_operator_is_causal_to_rounding():
    family = CausalMonarch((8, 8))
    operator = MonarchOperator(family.well_conditioned(np.random.default_rng(1).normal(size=family.coefficient_count)))
    k, u = np.random.default_rng(2).normal(size=(2, 32))
    changed = u.copy()
    changed[20:] += 1
    leak = np.abs(operator.apply(k, changed) - operator.apply(k, u))
    # three transforms of norm ≤ cond, each with relative error γ_{2·8·2} in complex arithmetic
    bound = 3 * 64 * 2**-53 * family.condition_bound(0.5) * 8 * np.linalg.norm(k) * np.linalg.norm(changed)
    assert leak[:20].max() <= bound < 1e-9 < leak[20:].min()


def test_the_monomial_member_is_the_dft():
    assert np.abs(CausalMonarch((3, 4)).monomial().dense() - np.fft.fft(np.eye(12)).conj()).max() < 1e-13


def test_scaling_coefficients_leaves_the_matrix_unchanged():
    family = CausalMonarch((2, 3))
    matrix = family.random(FIELD, np.random.default_rng(0))
    right, left = matrix.factors[0].copy(), matrix.factors[1].copy()
    right[1] = right[1] * 2 % FIELD.q
    left[:, :, 1] = left[:, :, 1] * pow(2, -1, FIELD.q) % FIELD.q
    assert (Monarch((right, left), FIELD).dense() == matrix.dense()).all()


def test_bad_arguments_are_named():
    family = CausalMonarch((2, 2))
    with pytest.raises(ValueError, match=r"coefficients: expected shape \(7,\), got \(3,\)"):
        family.build([1, 2, 3], FIELD)
    with pytest.raises(ValueError, match="coefficients: expected a non-zero trailing coefficient of f_0"):
        family.build([0] * 7, FIELD)
    with pytest.raises(ValueError, match="rho: expected a number in"):
        family.well_conditioned(np.zeros(7), 1.0)
    with pytest.raises(ValueError, match="n: expected an integer between 1 and"):
        CausalMonarch((2, 2), 3)
    with pytest.raises(ValueError, match="radices: expected"):
        CausalMonarch(())
    with pytest.raises(TypeError, match="parameters: expected scalars of complex128"):
        family.well_conditioned(["a"] * 7)
    assert family.build(np.ones(7), COMPLEX128).domain == COMPLEX128
