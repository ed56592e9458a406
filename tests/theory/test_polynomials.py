"""Four routes to the same numbers agree exactly: factors, coefficients, SymPy, and the ring of polynomials."""

from math import prod

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import (
    COMPLEX128,
    INTEGERS,
    RATIONALS,
    Cyclotomic,
    NoRootOfUnityError,
    PrimeField,
    SingularBlockError,
    prime_with_root,
)
from monarch_theory.fourier_matrix import fourier, inverse_fourier, vandermonde
from monarch_theory.monarch import Convention, Monarch, random_monarch
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials, multiply_modulo
from monarch_theory.strategies import monarchs

FIELD = PrimeField(prime_with_root(55440))
VIEWS = st.sampled_from(View)
SHAPES = st.sampled_from(
    [((2, 2), (2, 2)), ((4,), (3,)), ((2, 3), (3, 2)), ((3, 2), (3, 2)), ((2, 3, 2), (2, 3, 2)), ((2, 2, 2), (3, 1, 2))]
)


@st.composite
def pairs(draw, square=False):
    """A Monarch matrix over F_q or Q(ζ_N) with the roots its views need, and one view of it."""
    inputs, outputs = draw(SHAPES.filter(lambda s: s[0] == s[1]) if square else SHAPES)
    domain = draw(st.sampled_from([FIELD, Cyclotomic(prod(outputs))]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    convention = draw(st.sampled_from(Convention))
    matrix = random_monarch(inputs, domain, rng, output_radices=outputs, convention=convention)
    return matrix, basis_polynomials(matrix, draw(VIEWS)), rng


@given(pairs())
def test_factors_to_polynomials_and_back(pair):
    matrix, basis, _ = pair
    assert basis.to_monarch() == matrix
    stages = [basis.stage_polynomials(k) for k in range(basis.order)]
    again = BasisPolynomials.from_sympy(stages, matrix.output_radices, matrix.domain, basis.view, matrix.convention)
    assert again.to_monarch() == matrix


@given(pairs())
def test_evaluation_is_the_product_with_the_matrix(pair):
    matrix, basis, rng = pair
    u = matrix.domain.random(rng, matrix.shape[1])
    assert matrix.domain.equal(basis.evaluate(u), matrix @ u)


@given(pairs(square=True))
def test_interpolation_is_the_inverse(pair):
    matrix, basis, rng = pair
    values = matrix.domain.random(rng, matrix.shape[0])
    try:
        expected = matrix.inverse() @ values
    except SingularBlockError:
        with pytest.raises(SingularBlockError):
            basis.interpolate(values)
        return
    assert matrix.domain.equal(basis.interpolate(values), expected)
    assert matrix.domain.equal(basis.evaluate(basis.interpolate(values)), values)


@given(pairs(square=True))
def test_the_ring_product_is_the_pointwise_product(pair):
    """M0⁻¹(M1 k ⊙ M2 u) multiplies polynomials modulo X^b − 1: THEORY §3."""
    matrix, basis, rng = pair
    domain = matrix.domain
    k, u = domain.random(rng, (2, matrix.shape[1]))
    pointwise = domain.normal((matrix @ k) * (matrix @ u))
    coefficients = basis.product(k, u).reshape(-1)
    columns = basis.coefficient_matrix()
    try:
        w = basis.interpolate(pointwise)
    except SingularBlockError:
        return
    assert domain.equal(domain.matmul(columns, w[:, None])[:, 0], coefficients)


@given(pairs())
def test_sympy_evaluates_the_basis_at_roots_of_unity(pair):
    """The slowest route of all: q_j as a SymPy Poly, at each point, over F_q."""
    matrix, basis, _ = pair
    if matrix.domain != FIELD or matrix.convention is not Convention.M2:
        return
    dense = matrix.dense()
    for j in range(min(matrix.shape[1], 4)):
        q_j = basis.basis_polynomial(j)
        for i in range(matrix.shape[0]):
            if basis.view is View.UNIVARIATE:
                point = [pow(FIELD.root_of_unity(matrix.shape[0]), i, FIELD.q)]
            else:
                digits = np.unravel_index(i, matrix.output_radices[::-1])[::-1]
                point = [
                    pow(FIELD.root_of_unity(m), int(d), FIELD.q)
                    for m, d in zip(matrix.output_radices, digits, strict=True)
                ]
            assert int(q_j.eval(dict(zip(q_j.gens, point, strict=True)))) % FIELD.q == dense[i, j]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_multiply_modulo_agrees_with_sympy(m, n, seed):
    a, b = INTEGERS.random(np.random.default_rng(seed), (2, m, n))
    X, Y = sympy.symbols("X Y")
    as_poly = lambda c: sympy.Poly(sum(c[e] * X ** e[0] * Y ** e[1] for e in np.ndindex(m, n)), X, Y)  # noqa: E731
    product = as_poly(a) * as_poly(b)
    expected = INTEGERS.zeros((m, n))
    for (d, e), coefficient in product.terms():
        expected[d % m, e % n] += int(coefficient)
    assert (multiply_modulo(a, b, INTEGERS, 2) == expected).all()


@given(st.sampled_from([(2,), (6,), (2, 3), (3, 2), (2, 2, 3), (4, 3, 2), (1, 5)]))
def test_fourier_is_the_vandermonde_matrix_and_its_polynomials_are_monomials(radices):
    size = prod(radices)
    for domain in (Cyclotomic(size), FIELD):
        if isinstance(domain, PrimeField) and (FIELD.q - 1) % size:
            continue
        matrix = fourier(radices, domain)
        assert domain.equal(matrix.dense(), vandermonde(size, domain))
        assert domain.equal(inverse_fourier(radices, domain) @ (matrix @ domain.ones(size)), domain.ones(size))
        basis = basis_polynomials(matrix, View.UNIVARIATE)
        assert domain.equal(basis.coefficient_matrix(), domain.eye(size))


def test_floating_fourier_is_within_its_bound():
    for radices in ((8, 8), (4, 4, 4), (2,) * 6, (7, 9)):
        size = prod(radices)
        # np.fft of a unit vector is a chain of ≤ log2(size) twiddles; ours of p; each twiddle has error ≤ (3·2π + 4)u
        bound = (len(radices) + np.log2(size)) * (6 * np.pi + 4) * 2**-53
        assert np.abs(fourier(radices).dense() - np.fft.fft(np.eye(size)).conj()).max() <= bound


def test_polynomials_print_as_a_person_would_write_them():
    matrix = random_monarch((2, 2), Cyclotomic(4), np.random.default_rng(0))
    bivariate, univariate = (basis_polynomials(matrix, view) for view in (View.MULTIVARIATE, View.UNIVARIATE))
    assert bivariate.stage_polynomial(0, (1, 0)).gens == sympy.symbols("Y,")
    assert bivariate.stage_polynomial(1, (1,)).gens == sympy.symbols("Y X")
    assert univariate.stage_polynomial(0, (1, 0)).gens == sympy.symbols("Y,")
    assert univariate.basis_polynomial(2).gens == sympy.symbols("Z,")
    dft = basis_polynomials(fourier((2, 2, 2), Cyclotomic(8)), View.UNIVARIATE)
    assert [str(dft.basis_polynomial(j).as_expr()) for j in (0, 1, 5)] == ["1", "Z", "Z**5"]
    assert str(dft.stage_polynomial(0, (1, 0, 1)).as_expr()) == "Y0"


@given(monarchs(COMPLEX128, max_size=8, square=True))
def test_floating_point_routes_agree_to_rounding(matrix):
    u = np.ones(matrix.shape[1], dtype=complex)
    bound = Monarch(tuple(np.abs(f) for f in matrix.factors), convention=matrix.convention) @ np.ones(matrix.shape[1])
    for view in View:
        difference = np.abs(basis_polynomials(matrix, view).evaluate(u) - matrix @ u)
        # two DFTs of length ≤ 8 each way and a product of ≤ 3 stages, every one amplifying by at most its length
        assert difference.max(initial=0) <= 8**5 * 2**-53 * (1 + bound.max(initial=0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: basis_polynomials(random_monarch((3, 3), RATIONALS, np.random.default_rng(0)), View.UNIVARIATE),
         NoRootOfUnityError, "domain: expected one with a primitive"),
        (lambda: basis_polynomials(random_monarch((3, 3), PrimeField(7), np.random.default_rng(0)), View.UNIVARIATE),
         NoRootOfUnityError, r"domain: expected a prime q with 9 \| q - 1"),
        (lambda: basis_polynomials(fourier((2, 2), PrimeField(5)), View.UNIVARIATE).evaluate([1, 2, 3]),
         ValueError, r"u: expected shape \(4,\)"),
        (lambda: basis_polynomials(fourier((2, 2), PrimeField(5)), View.UNIVARIATE).interpolate([1]),
         ValueError, r"values: expected shape \(4,\)"),
        (lambda: BasisPolynomials((np.zeros((2, 3), int),), (2,), INTEGERS, View.UNIVARIATE),
         ValueError, r"coefficients\[0\]: expected shape \(2, 2\), got \(2, 3\)"),
        (lambda: BasisPolynomials((), (2,), INTEGERS, View.UNIVARIATE), ValueError, "coefficients: expected 1 arrays"),
        (lambda: BasisPolynomials.from_sympy([np.array([sympy.Poly("Z**5", sympy.Symbol("Z"))] * 2)], (2,), INTEGERS,
                                             View.UNIVARIATE), ValueError, r"stages\[0\]: expected exponents below"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()
