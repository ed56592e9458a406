"""Every construction equals the transform it is named after: exactly at small sizes, in SciPy's hands at large ones."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import sympy
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import chebyshev as numpy_chebyshev
from numpy.polynomial import legendre as numpy_legendre

from monarch_theory.domains import (
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INTEGERS,
    RATIONALS,
    Cyclotomic,
    NoRootOfUnityError,
    PrimeField,
    prime_with_root,
)
from monarch_theory.expressivity import constructions as c
from monarch_theory.expressivity.catalogue import catalogue, named_matrices
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.constructions.stages import append_terms, prepend_terms, scale_rows
from monarch_theory.expressivity.dimension import recurrence_dimension, recurrence_jacobian_rank
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.fourier_matrix import vandermonde
from monarch_theory.monarch import Convention, Monarch, random_monarch
from monarch_theory.rounding import gamma

RNG = np.random.default_rng(0)


def field_for(n):
    return PrimeField(prime_with_root(n))


def same_up_to_rounding(found, expected, product, steps=0):
    """Frobenius error within γ of the longest chain of sums, times the growth of the factors' norms.

    `steps` rounded operations went into an entry of the factors.
    """
    terms = sum(sum(f.input_radices) + 2 * f.order + steps for f in product.factors)
    norms = np.prod([np.linalg.norm(f.dense(), 2) for f in product.factors])
    bound = np.sqrt(5) * gamma(terms, 2.0**-53) * norms * np.sqrt(found.shape[1])
    assert np.linalg.norm(found - expected) <= bound


@pytest.mark.parametrize("radices", [(2, 2), (3, 4), (2, 3, 2), (5,), (1, 6)])
def test_dft_and_inverse_in_natural_order(radices):
    n = int(np.prod(radices))
    for domain in (Cyclotomic(n), field_for(n)):
        forward, backward = c.dft(radices, domain), c.inverse_dft(radices, domain)
        assert domain.equal(forward.dense(), vandermonde(n, domain))
        assert domain.equal(domain.matmul(backward.dense(), forward.dense()), domain.eye(n))
        assert forward.input_radices == backward.input_radices == radices
        assert forward.convention is backward.convention is Convention.M2


def test_cyclotomic_dft_against_sympy():
    w = sympy.exp(2 * sympy.pi * sympy.I / 6)
    dense = c.dft((2, 3), Cyclotomic(6)).dense()
    for i in range(6):
        for j in range(6):
            assert abs(complex(dense[i, j]) - complex(w ** (i * j))) < 1e-14


@pytest.mark.parametrize("convention", [Convention.DAO, Convention.DAO_TRANSPOSED])
def test_walsh_hadamard_kronecker_block_diagonal(convention):
    for p in range(1, 6):
        assert np.array_equal(c.walsh_hadamard(p, INTEGERS, convention).dense(), scipy.linalg.hadamard(2**p))
    matrices = [RNG.integers(-4, 5, shape) for shape in ((2, 3), (3, 2), (1, 4))]
    expected = np.kron(np.kron(matrices[0], matrices[1]), matrices[2])
    assert np.array_equal(c.kronecker(matrices, INTEGERS, convention).dense(), expected)
    blocks = RNG.integers(-4, 5, (3, 2, 4))
    assert np.array_equal(c.block_diagonal(blocks, INTEGERS, convention).dense(), scipy.linalg.block_diag(*blocks))


@given(st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_every_permutation_is_m_m_star(b0, b1, random):
    order = random.sample(range(b0 * b1), b0 * b1)
    product = c.permutation(order, (b0, b1))
    assert list(product @ range(b0 * b1)) == order
    left, right = product.factors
    assert left.convention is Convention.DAO and right.convention is Convention.DAO_TRANSPOSED


def test_most_permutations_are_not_monarch():
    order = np.random.default_rng(3).permutation(16)
    matrix = np.eye(16, dtype=int)[order]
    assert not any(membership_of(matrix, MonarchClass((4, 4), convention=x)).member for x in Convention)


def test_stride_and_bit_reversal():
    assert list(c.stride((3, 4)) @ range(12)) == list(np.arange(12).reshape(3, 4).T.ravel())
    for radices in [(2, 2, 2, 2), (4, 4), (2, 8), (16,)]:
        reversed_bits = [int(f"{i:04b}"[::-1], 2) for i in range(16)]
        assert list(c.bit_reversal(radices) @ range(16)) == reversed_bits


@pytest.mark.parametrize("increasing", [True, False])
def test_butterflies_are_products_of_sparse_factors(increasing):
    p = 4
    twiddles = [RNG.integers(-3, 4, (2 ** (p - k - 1), 2**k, 2, 2)) for k in range(p)]
    dense = np.eye(2**p, dtype=object)
    for k in range(p) if increasing else range(p)[::-1]:
        factor = np.zeros((2**p, 2**p), dtype=object)
        for above, below, row, column in np.ndindex(twiddles[k].shape):
            place = above * 2 ** (k + 1) + below
            factor[place + row * 2**k, place + column * 2**k] = int(twiddles[k][above, below, row, column])
        dense = factor @ dense
    built = c.butterfly(twiddles, INTEGERS, increasing=increasing)
    assert built.order == p and np.array_equal(built.dense(), dense)
    # and every Monarch matrix of radices two in that convention is a butterfly: the parameters agree
    assert built.parameters == 2 * 2**p * p


def test_circulant_and_toeplitz_exactly():
    column, row = RNG.integers(0, 90, 12), RNG.integers(0, 90, 12)
    row[0] = column[0]
    field = field_for(24)
    product = c.circulant(column, (3, 4), field)
    assert np.array_equal(product.dense(), scipy.linalg.circulant(column))
    # M M*: both factors in the M2 class, the second its own class's adjoint
    assert [f.convention for f in product.factors] == [Convention.M2] * 2
    for radices in [(4, 6), (6, 4), (2, 2, 6)]:
        assert np.array_equal(c.toeplitz(column, row, radices, field).dense(), scipy.linalg.toeplitz(column, row))
    rational = c.circulant([1, 2, 3, 4], (2, 2), Cyclotomic(4)).dense()
    assert Cyclotomic(4).equal(rational, Cyclotomic(4).array(scipy.linalg.circulant([1, 2, 3, 4])))


@pytest.mark.parametrize("n", [64, 1024])
def test_large_convolutions_numerically(n):
    column = RNG.standard_normal(n)
    product = c.circulant(column.astype(complex), (n // 32, 32))
    x = RNG.standard_normal(n)
    expected = np.fft.ifft(np.fft.fft(column) * np.fft.fft(x))
    bound = np.sqrt(5) * gamma(8 * n, 2.0**-53) * np.abs(column).sum() * np.linalg.norm(x)
    assert np.linalg.norm(product @ x.astype(complex) - expected) <= bound


def exact_cosines(n, domain):
    roots, half = domain.roots_of_unity(4 * n), domain.reciprocal(domain.scalar(2))
    exponents = np.outer(np.arange(n), 2 * np.arange(n) + 1) % (4 * n)
    return domain.normal(domain.normal(roots[exponents] + roots[-exponents % (4 * n)]) * half)


def test_chirps_and_toeplitz_like_matrices_numerically():
    n = 64
    arc = np.exp(0.1j), np.exp(0.01j)
    chirp = c.chirp(*arc, (8, 8))
    # a power of a power: (2n)² multiplications one after another
    same_up_to_rounding(chirp.dense(), (arc[0] * arc[1] ** np.arange(n))[:, None] ** np.arange(n), chirp, 4 * n**2)
    column, row = RNG.standard_normal((2, n)).astype(complex)
    row[0] = column[0]
    matrix = scipy.linalg.toeplitz(column, row)
    difference = np.roll(matrix, 1, axis=0) - np.roll(matrix, -1, axis=1)
    difference[:, -1] += 2 * matrix[:, 0]  # Z₁ T − T Z₋₁
    g = np.stack([difference[:, -1], np.eye(n)[0]], axis=1)
    h = np.stack([np.eye(n)[-1], np.append(difference[0, :-1], 0)], axis=1)
    assert np.array_equal(np.delete(difference[1:], -1, axis=1), np.zeros((n - 1, n - 1)))
    together = c.toeplitz_like(g, h, (1, np.exp(1j * np.pi / n)), (8, 8)).side_by_side()
    same_up_to_rounding(together.dense(), matrix, together, 4 * n)


def exact_waves(rows, columns, turn, n, domain, size=None):
    """cos and sin of 2π·(αi + β)(γj + δ)/(turn·n), entry by entry from the roots of unity; i, j < size, or n."""
    size = n if size is None else size
    roots, half = domain.roots_of_unity(turn * n), domain.reciprocal(domain.scalar(2))
    (alpha, beta), (gamma, delta) = rows, columns
    exponents = np.outer(alpha * np.arange(size) + beta, gamma * np.arange(size) + delta) % (turn * n)
    forward, back = roots[exponents], roots[-exponents % (turn * n)]
    over_i = domain.reciprocal(domain.root_of_unity(4))
    return (
        domain.normal(domain.normal(forward + back) * half),
        domain.normal(domain.normal(domain.normal(forward - back) * half) * over_i),
    )


PLAIN, NEXT, ODD = (1, 0), (1, 1), (2, 1)
TRIGONOMETRIC = [
    (c.dct2, PLAIN, ODD, 4, 0),
    (c.dct3, ODD, PLAIN, 4, 0),
    (c.dct4, ODD, ODD, 8, 0),
    (c.dst2, NEXT, ODD, 4, 1),
    (c.dst3, ODD, NEXT, 4, 1),
    (c.dst4, ODD, ODD, 8, 1),
]


@pytest.mark.parametrize("radices", [(2, 4), (4, 4), (2, 6), (6, 4), (4, 10)])
@pytest.mark.parametrize(("build", "rows", "columns", "turn", "which"), TRIGONOMETRIC)
def test_dct_and_dst_are_two_monarch_matrices(build, rows, columns, turn, which, radices):
    n = radices[0] * radices[1] // 2
    for domain in [field_for(turn * n)] + ([Cyclotomic(turn * n)] if n <= 4 else []):
        train = build(radices, domain)
        expected = exact_waves(rows, columns, turn, n, domain)[which]
        assert domain.equal(train.dense(), expected)
        terms = train.terms()
        assert len(terms) == (1 if radices[0] == 2 else 2)
        assert domain.equal(domain.normal(sum(term.dense() for term in terms)), expected)
        if radices[0] > 2:
            assert not membership_of(expected, replace(train.kind, rank=1), domain=domain).member


@pytest.mark.parametrize("radices", [(2, 4), (4, 4), (2, 6), (6, 4)])
def test_type_one_is_a_corner(radices):
    n = radices[0] * radices[1] // 2
    for domain in [field_for(2 * n)] + ([Cyclotomic(2 * n)] if n <= 8 else []):
        cosines, sines = c.dct1(radices, domain), c.dst1(radices, domain)
        assert cosines.shape == (n + 1, n + 1) and sines.shape == (n - 1, n - 1)
        for built, first, which in [(cosines, 0, 0), (sines, 1, 1)]:
            waves = exact_waves((1, first), (1, first), 2, n, domain, size=built.shape[0])[which]
            assert domain.equal(built.dense(), waves)
            assert [len(term.factors) for term in built.terms] == [1] * len(built.terms)


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32])
def test_dct_and_dst_numerically(dtype):
    n, unit = 512, float(np.finfo(dtype.dtype).eps)
    for ours, theirs, kind in [(c.dct2, scipy.fft.dct, 2), (c.dct4, scipy.fft.dct, 4), (c.dst2, scipy.fft.dst, 2),
                               (c.dst4, scipy.fft.dst, 4)]:  # fmt: skip
        train = ours((32, 32), dtype)
        assert train.cores[0].dtype == dtype.dtype and all(term.domain is dtype for term in train.terms())
        # two products and a sum of cosines that are each within a unit, SciPy's own within log₂N units and a few
        assert np.abs(train.dense() - theirs(np.eye(n), axis=0, type=kind) / 2).max() <= 4 * unit + 64 * 2.0**-53
        assert np.abs(c.dst3((8, 8), dtype).dense() - c.dst2((8, 8), dtype).dense().T).max() <= 8 * unit


def test_dct_is_the_real_part_of_makhouls_three_factors():
    for radices, field in [((2, 2), Cyclotomic(16)), ((3, 2), Cyclotomic(24))]:
        n = radices[0] * radices[1]
        product = c.makhoul(radices, field)
        matrix = product.dense()
        real = field.normal(field.normal(matrix + field.conjugate(matrix)) * field.reciprocal(field.scalar(2)))
        assert len(product.factors) == 3 and field.equal(real, exact_waves(PLAIN, ODD, 4, n, field)[0])
    product = c.makhoul((16, 16))
    bound = 64 * 2.0**-53 * np.sqrt(256)
    assert np.abs(product.dense().real - scipy.fft.dct(np.eye(256), axis=0) / 2).max() <= bound


@pytest.mark.parametrize("n", [2, 4, 8, 64])
@pytest.mark.parametrize("family", [c.chebyshev, c.hermite, c.legendre])
def test_orthogonal_polynomials_exactly(family, n):
    field = field_for(n)
    product = c.orthogonal_polynomial_transform(family(n, field), n)
    assert field.equal(product.dense(), family(n, field).coefficients(n))
    assert len(product.factors) == 1 + 2 * (n.bit_length() - 1)


def test_the_parameters_of_a_product_leave_out_what_only_carries_a_digit():
    field = field_for(8)
    product = c.orthogonal_polynomial_transform(c.legendre(8, field), 8)
    passive = sum(
        stage.size
        for factor in product.factors
        for stage in factor.factors
        if stage.shape[1] == stage.shape[2] and (stage == np.eye(stage.shape[1])).all()
    )
    assert passive > 0 and product.parameters == sum(f.parameters for f in product.factors) - passive
    assert c.bit_reversal((2, 2, 2)).parameters > 0 == c.MonarchProduct((c.bit_reversal((2, 2, 2)),)).parameters
    # and only 3n − 4 of them are free
    assert recurrence_jacobian_rank(8, RNG) == recurrence_dimension(8) == 20 < product.parameters


def test_orthogonal_polynomials_are_the_ones_named():
    n = 6
    x = sympy.Symbol("x")
    ours = {"legendre": c.legendre, "chebyshevt": c.chebyshev}
    for name, family in ours.items():
        coefficients = family(n, RATIONALS).coefficients(n)
        for j in range(n):
            expected = sympy.Poly(getattr(sympy, name)(j, x), x).all_coeffs()[::-1]
            assert [RATIONALS.to_sympy(v) for v in coefficients[: j + 1, j]] == expected
    assert numpy_chebyshev.cheb2poly([0, 0, 0, 1]).tolist() == [0, -3, 0, 4]
    assert numpy_legendre.leg2poly([0, 0, 1]).tolist() == [-0.5, 0, 1.5]
    hermite = c.hermite(4, INTEGERS).coefficients(4)
    assert hermite[:, 3].tolist() == [0, -3, 0, 1]


def test_orthogonal_polynomials_over_the_complex_numbers_and_cyclotomics():
    exact = c.orthogonal_polynomial_transform(c.legendre(4, Cyclotomic(4)), 4).dense()
    assert Cyclotomic(4).equal(exact, c.legendre(4, Cyclotomic(4)).coefficients(4))
    product = c.orthogonal_polynomial_transform(c.chebyshev(16, COMPLEX128), 16)
    same_up_to_rounding(product.dense(), c.chebyshev(16, COMPLEX128).coefficients(16), product)


CLAIMS = {
    Convention.M2: {
        "stride permutation P", "bit reversal", "Walsh–Hadamard times P", "(A ⊗ B) P", "rank one", "DFT", "inverse DFT",
    },
    Convention.DAO: {
        "identity", "Walsh–Hadamard", "Kronecker product A ⊗ B", "block diagonal", "butterfly, stride 1 first",
        "rank one", "cyclic shift", "DFT times P",
    },
    Convention.DAO_TRANSPOSED: {
        "identity", "Walsh–Hadamard", "Kronecker product A ⊗ B", "block diagonal", "butterfly, stride N/2 first",
        "rank one", "cyclic shift",
    },
}  # fmt: skip


def test_the_catalogue_with_its_certificates():
    matrices = named_matrices()
    for entry in catalogue():
        matrix, domain = matrices[entry.name]
        for convention, answer in entry.answers.items():
            assert answer.evidence == "exact"
            assert answer.member == (entry.name in CLAIMS[convention]), (entry.name, convention)
            if answer.member:
                assert domain.equal(answer.train.terms()[0].dense(), matrix)
            else:
                (r0, r1), (c0, c1) = answer.refutation.rows, answer.refutation.columns
                determinant = matrix[r0, c0] * matrix[r1, c1] - matrix[r0, c1] * matrix[r1, c0]
                assert determinant == answer.refutation.minor and determinant != 0


def test_passive_stages_and_scaling():
    matrix = random_monarch((2, 3), INTEGERS, RNG)
    eye = INTEGERS.eye(2)
    first = prepend_terms([matrix], eye).dense().reshape(6, 2, 2, 6)
    last = append_terms([matrix], eye).dense().reshape(2, 6, 6, 2)
    for i, j in np.ndindex(2, 2):
        expected = matrix.dense() if i == j else 0 * matrix.dense()
        assert np.array_equal(first[:, i, j, :], expected) and np.array_equal(last[i, :, :, j], expected)
    with pytest.raises(ValueError, match="convention: expected M2"):
        scale_rows(Monarch(matrix.factors, INTEGERS, Convention.DAO), INTEGERS.ones(6))


def test_products_multiply_and_refuse():
    product = c.toeplitz([1, 2, 3], [1, 5, 7], (2, 3), field_for(6))
    assert product.shape == (3, 3) and product.parameters == 60
    x = np.array([1, 1, 2])
    assert np.array_equal(product @ x, product.dense() @ x % field_for(6).q)
    with pytest.raises(ValueError, match="x: expected length 3"):
        product @ np.ones(4, dtype=int)
    with pytest.raises(ValueError, match=r"factors\[1\]: expected 4 outputs"):
        c.MonarchProduct((c.dft((2, 2)), c.dft((2, 3))))
    with pytest.raises(ValueError, match=r"factors\[1\]: expected scalars of complex128"):
        c.MonarchProduct((c.dft((2, 2)), random_monarch((2, 2), FLOAT64, RNG)))
    with pytest.raises(ValueError, match="shape: expected at most"):
        c.MonarchProduct((c.dft((2, 2)),), (5, 4))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: c.circulant([1, 2], (2, 2), field_for(4)), ValueError, r"column: expected shape \(4,\)"),
        (lambda: c.circulant([1.0, 2], (2,), PrimeField(7)), TypeError, "column: expected scalars of F_7"),
        (lambda: c.circulant([1, 2, 3], (3,), PrimeField(5)), NoRootOfUnityError, "no primitive 3-th root"),
        (lambda: c.toeplitz([1, 2], [3, 2], (2, 2), field_for(4)), ValueError, r"row: expected to start with column"),
        (lambda: c.toeplitz([1, 2], [1, 2], (2,), field_for(4)), ValueError, "expected a product of at least 3"),
        (lambda: c.kronecker([np.eye(2)], FLOAT64, Convention.M2), ValueError, "convention: expected DAO"),
        (lambda: c.kronecker([], FLOAT64), ValueError, "matrices: expected at least one"),
        (lambda: c.kronecker([np.ones(3)], FLOAT64), ValueError, r"matrices\[0\]: expected a matrix, got shape \(3,\)"),
        (lambda: c.walsh_hadamard(0), ValueError, "order: expected a positive integer, got 0"),
        (lambda: c.butterfly([], FLOAT64), ValueError, "twiddles: expected at least one factor"),
        (lambda: c.permutation([0], (1, 1, 1)), ValueError, "radices: expected two of them"),
        (lambda: c.permutation([0.0, 1.0], (2, 1)), ValueError, "order: expected a permutation"),
        (lambda: c.toeplitz([], [], (2,), field_for(2)), ValueError, "column: expected one axis and at least one"),
        (lambda: c.hankel(np.eye(2, dtype=int), (2, 1), field_for(4)), ValueError, "antidiagonals: expected at most 4"),
        (lambda: c.chirp(1, 0, (2,), field_for(4)), ValueError, "ratio: expected one that is not zero, got 0"),
        (lambda: c.shift(1, 0, INTEGERS), ValueError, "n: expected a positive size, got 0"),
        (lambda: c.legendre(4, PrimeField(3)), ValueError, "domain: expected one where 1 … 4 are not zero, got F_3"),
        (lambda: c.chebyshev(0, INTEGERS), ValueError, "a, b, c: expected one shape"),
        (lambda: c.chebyshev(2, INTEGERS).coefficients(3), ValueError, "recurrence: expected 3 steps, got 2"),
        (lambda: c.dct1((3, 4)), ValueError, "radices: expected two even radices, the second above two, got"),
        (lambda: c.block_diagonal(np.eye(2), FLOAT64), ValueError, "blocks: expected shape"),
        (lambda: c.bit_reversal((3, 2)), ValueError, "radices: expected powers of two"),
        (lambda: c.permutation([0, 0], (2, 1)), ValueError, "order: expected a permutation"),
        (lambda: c.dct2((3, 4)), ValueError, "radices: expected two even radices, the second above two, got"),
        (lambda: c.dct2((4, 2)), ValueError, "radices: expected two even radices, the second above two, got"),
        (lambda: c.makhoul((3, 5)), ValueError, "radices: expected two radices with an even product, got"),
        (lambda: c.butterfly([np.eye(2)], FLOAT64), ValueError, r"twiddles\[0\]: expected shape \(1, 1, 2, 2\)"),
        (
            lambda: c.orthogonal_polynomial_transform(c.hermite(6, INTEGERS), 6),
            ValueError,
            "n: expected a power of two above one",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named(build, error, message):
    with pytest.raises(error, match=message):
        build()
