"""Vandermonde, Cauchy and low displacement rank: every product satisfies its defining equation, exactly."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import FLOAT64, INTEGERS, Cyclotomic, NoRootOfUnityError, PrimeField, prime_with_root
from monarch_theory.expressivity import constructions as c
from monarch_theory.expressivity.constructions.convolution import powers, reciprocals
from monarch_theory.expressivity.constructions.vandermonde_matrices import nodes_of

N, RADICES = 8, (2, 4)
FIELD = PrimeField(prime_with_root(4 * N))
TURN = FIELD.root_of_unity(2 * N)  # its N-th power is −1
RNG = np.random.default_rng(0)


def distinct(count):
    return FIELD.array(RNG.permutation(10**6)[:count] + 1)


def displaced(matrix, left, right, domain=FIELD):
    return domain.normal(domain.matmul(left, matrix) - domain.matmul(matrix, right))


def monomials(nodes, domain=FIELD):
    return np.stack([powers(x, len(nodes), domain) for x in nodes])


def test_vandermonde_at_any_nodes():
    for n in (2, 4, 16, 32):
        field = PrimeField(prime_with_root(2 * n))
        nodes = field.random(RNG, n)
        nodes[0], nodes[-1] = 0, nodes[1]  # zero and repeated nodes too
        product = c.vandermonde(nodes, field)
        assert field.equal(product.dense(), monomials(nodes, field))
        assert len(product.factors) == 3 + 2 * (n.bit_length() - 1)
        assert field.equal(nodes_of(product), nodes)
    rational = Cyclotomic(8)
    nodes = rational.array([2, -1, 3, 0])
    assert rational.equal(
        c.vandermonde(nodes, rational).dense(), rational.array(np.vander([2, -1, 3, 0], increasing=True))
    )


def test_vandermonde_at_roots_and_at_a_geometric_progression():
    roots = c.root_vandermonde(TURN, RADICES, FIELD)
    assert len(roots.factors) == 1 and FIELD.equal(roots.dense(), monomials(nodes_of(roots)))
    assert FIELD.equal(nodes_of(roots), FIELD.normal(TURN * FIELD.roots_of_unity(N)))
    for radices in [(2, 4), (3, 2), (5,)]:
        field = PrimeField(prime_with_root(2 * int(np.prod(radices))))
        product = c.chirp(3, 5, radices, field)
        nodes = field.normal(3 * powers(5, product.shape[0], field))
        assert len(product.factors) == 2 and field.equal(product.dense(), monomials(nodes, field))


def test_cauchy():
    x, y = distinct(2 * N).reshape(2, N)
    general = c.cauchy(c.vandermonde(x, FIELD), c.vandermonde(y, FIELD))
    assert len(general.factors) == 2 * (3 + 2 * 3) + 2
    assert FIELD.equal(FIELD.normal(general.dense() * FIELD.normal(x[:, None] - y)), FIELD.ones((N, N)))
    special = c.cauchy_of_roots(1, TURN, RADICES, FIELD)
    differences = FIELD.normal(FIELD.roots_of_unity(N)[:, None] - FIELD.normal(TURN * FIELD.roots_of_unity(N)))
    assert len(special.factors) == 2
    assert FIELD.equal(FIELD.normal(special.dense() * differences), FIELD.ones((N, N)))
    with pytest.raises(ValueError, match="y: expected nodes that are none of x"):
        c.cauchy(c.vandermonde(x, FIELD), c.vandermonde([*y[:-1], x[0]], FIELD))


def classes(g, h):
    """(name, left operator, right operator, the sum, factors a term) for every class and kind of nodes."""
    one, minus = c.shift(1, N, FIELD), c.shift(-1, N, FIELD)
    x, y = distinct(2 * N).reshape(2, N)
    yield "Toeplitz", one, minus, c.toeplitz_like(g, h, (1, TURN), RADICES, FIELD), 4
    yield "Hankel", one, minus.T, c.hankel_like(g, h, (1, TURN), RADICES, FIELD), 4
    for evaluation in (
        c.root_vandermonde(1, RADICES, FIELD),
        c.chirp(3, 5, RADICES, FIELD),
        c.vandermonde(x, FIELD),
    ):
        built = c.vandermonde_like(g, h, evaluation, TURN, RADICES)
        yield "Vandermonde", np.diag(nodes_of(evaluation)), minus, built, 2 + len(evaluation.factors)
    roots, turned = FIELD.roots_of_unity(N), FIELD.normal(TURN * FIELD.roots_of_unity(N))
    yield "Cauchy", np.diag(roots), np.diag(turned), c.cauchy_like(g, h, c.cauchy_of_roots(1, TURN, RADICES, FIELD)), 2
    kernel = c.cauchy(c.vandermonde(x, FIELD), c.vandermonde(y, FIELD))
    yield "Cauchy", np.diag(x), np.diag(y), c.cauchy_like(g, h, kernel), 20


@pytest.mark.parametrize("rank", [1, 3])
def test_every_class_satisfies_its_displacement_equation(rank):
    g, h = FIELD.random(RNG, (2, N, rank))
    expected = FIELD.matmul(g, h.T)
    for name, left, right, built, factors in classes(g, h):
        matrix = built.dense()
        assert FIELD.equal(displaced(matrix, left, right), expected), name
        assert [len(term.factors) for term in built.terms] == [factors] * rank
        assert c.displacement_rank(matrix, left, right, FIELD) == rank
        if factors % 2 == 0:
            together = built.side_by_side()
            assert len(together.factors) == factors and FIELD.equal(together.dense(), matrix)


def test_a_wrong_reconstruction_is_caught():
    g, h = FIELD.random(RNG, (2, N, 2))
    expected = FIELD.matmul(g, h.T)
    one, minus = c.shift(1, N, FIELD), c.shift(-1, N, FIELD)
    for wrong in (
        c.toeplitz_like(g, h[::-1], (1, TURN), RADICES, FIELD),
        c.toeplitz_like(h, g, (1, TURN), RADICES, FIELD),
        c.toeplitz_like(g, h, (TURN, 1), RADICES, FIELD),
        c.hankel_like(g, h, (1, TURN), RADICES, FIELD),
    ):
        assert not FIELD.equal(displaced(wrong.dense(), one, minus), expected)


@given(st.integers(0, 10**6), st.sampled_from([(2, 2), (3, 2), (5,)]))
def test_any_matrix_comes_back_from_its_generators(seed, radices):
    n = int(np.prod(radices))
    field = PrimeField(prime_with_root(2 * n))
    matrix, root = field.random(np.random.default_rng(seed), (n, n)), field.root_of_unity(2 * n)
    g, h = c.displacement_generators(matrix, c.shift(1, n, field), c.shift(-1, n, field), field)
    assert field.equal(c.toeplitz_like(g, h, (1, root), radices, field).dense(), matrix)


def test_displacement_ranks_of_named_matrices():
    one, minus = c.shift(1, 6, FIELD), c.shift(-1, 6, FIELD)
    t, u = (FIELD.array(scipy.linalg.toeplitz(*RNG.integers(1, 99, (2, 6)))) for _ in range(2))
    assert c.displacement_rank(t, one, minus, FIELD) == 2
    assert c.displacement_rank(t[:, ::-1], one, minus.T, FIELD) == 2
    assert c.displacement_rank(FIELD.matmul(t, u), one, minus, FIELD) <= 4
    # A M − M B = G Hᵀ gives B M⁻¹ − M⁻¹ A = −(M⁻¹G)(HᵀM⁻¹): inverses change places
    assert c.displacement_rank(FIELD.inverse(t[None])[0], minus, one, FIELD) == 2
    assert c.displacement_rank(FIELD.random(RNG, (6, 6)), one, minus, FIELD) == 6
    integers = scipy.linalg.toeplitz([1, 2, 3], [1, 5, 7])
    assert c.displacement_rank(integers, c.shift(1, 3, INTEGERS), c.shift(-1, 3, INTEGERS), INTEGERS) == 2


def test_toeplitz_like_over_cyclotomics():
    field = Cyclotomic(8)
    g, h = field.random(RNG, (4, 2)), field.random(RNG, (4, 2))
    built = c.toeplitz_like(g, h, (1, field.root_of_unity(8)), (2, 2), field)
    left, right = c.shift(1, 4, field), c.shift(-1, 4, field)
    assert field.equal(displaced(built.dense(), left, right, field), field.matmul(g, h.T))


def test_reciprocals_and_f_circulants():
    values = distinct(5)
    assert FIELD.equal(FIELD.normal(reciprocals(values, FIELD) * values), FIELD.ones(5))
    column, z = distinct(N), c.shift(-1, N, FIELD)
    expected, power = FIELD.zeros((N, N)), FIELD.eye(N)
    for entry in column:
        expected, power = FIELD.normal(expected + FIELD.normal(entry * power)), FIELD.matmul(z, power)
    assert FIELD.equal(c.f_circulant(column, TURN, RADICES, FIELD).dense(), expected)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: c.vandermonde([1, 2, 3], FIELD), ValueError, "nodes: expected a power of two of them"),
        (lambda: c.vandermonde([1, 2], PrimeField(3)), NoRootOfUnityError, "primitive 4-th root"),
        (lambda: c.f_circulant([1, 2], 0, (2,), FIELD), ValueError, "root: expected one that is not zero, got 0"),
        (lambda: c.f_circulant([1, 2, 3], 1, (2,), FIELD), ValueError, r"column: expected shape \(2,\), got \(3,\)"),
        (lambda: c.cauchy_of_roots(1, 1, RADICES, FIELD), ValueError, "right: expected"),
        (lambda: c.toeplitz_like([[1]], [[1], [2]], (1, 2), (1,), FIELD), ValueError, "right: expected the shape of"),
        (lambda: c.toeplitz_like([[1]] * N, [[1]] * N, (1, 1), RADICES, FIELD), ValueError, "roots: expected"),
        (lambda: c.displacement_rank(np.eye(2), np.eye(2), np.eye(2), FLOAT64), TypeError, "domain: expected an exact"),
        (lambda: c.displacement_rank([[1, 2]], [[1]], [[1]], INTEGERS), ValueError, "matrix: expected a square matrix"),
        (lambda: c.MonarchSum(()), ValueError, "terms: expected at least one"),
        (
            lambda: c.MonarchSum((c.chirp(1, 2, (2,), FIELD), c.chirp(1, 2, (4,), FIELD))),
            ValueError,
            r"terms\[1\]: expected shape \(2, 2\)",
        ),
        (
            lambda: c.MonarchSum((c.root_vandermonde(1, (2,), FIELD),)).side_by_side(),
            ValueError,
            "terms: expected an even number of factors",
        ),
        (
            lambda: c.toeplitz([1, 2], [1, 2], (2, 2), FIELD).scaled(FIELD.ones(2), FIELD.ones(2)),
            ValueError,
            "shape: expected the whole product",
        ),
    ],
)
def test_bad_input_is_named(build, error, message):
    with pytest.raises(error, match=message):
        build()
