"""Every construction at large N, applied to a vector, against NumPy and SciPy; over a prime field where floats cannot.

The error bound is derived: a stage is block diagonal up to permutations, so its norm is that of its largest block, and
a product with blocks of n columns whose entries are themselves within a few roundings loses γ_n·√n of it.
"""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg

from monarch_theory.domains import COMPLEX128, FLOAT64, INTEGERS, PrimeField, prime_with_root
from monarch_theory.expressivity import constructions as c
from monarch_theory.expressivity.constructions.convolution import powers
from monarch_theory.monarch import Convention, Monarch
from monarch_theory.rounding import gamma

pytestmark = pytest.mark.long

N, UNIT = 4096, 2.0**-53
RNG = np.random.default_rng(0)
REAL, COMPLEX = RNG.standard_normal(N), RNG.standard_normal(N) + 1j * RNG.standard_normal(N)


def chains(built):
    """The factors, first applied last, of every term of a sum."""
    if isinstance(built, Monarch):
        return [[built]]
    return [term.factors for term in getattr(built, "terms", (built,))]


def bound(built, x, steps=8):
    """Error of `built @ x`: relative errors of the stages add up, and so do norms of the terms."""
    total = 0.0
    for factors in chains(built):
        stages = [stage for factor in factors for stage in factor.factors]
        norm = np.prod([np.linalg.norm(stage, 2, axis=(1, 2)).max() for stage in stages])
        total += norm * sum(np.sqrt(5) * gamma(s.shape[2] + steps, UNIT) * np.sqrt(s.shape[2]) for s in stages)
    return total * np.linalg.norm(x)


def fast_walsh_hadamard(x):
    for k in range(x.size.bit_length() - 1):
        pairs = x.reshape(-1, 2, 2**k)
        x = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
    return x


def wave(function, kind, n=N // 2):
    return function(REAL[:n], type=kind) / 2


SPECTRUM = np.fft.fft(REAL)
KRONECKER = [RNG.standard_normal((16, 16)) for _ in range(3)]
BLOCKS = RNG.standard_normal((64, 64, 64))
HALF = REAL[: N // 2]
CASES = {
    "DFT, order 2": (lambda: c.dft((64, 64)), COMPLEX, lambda x: N * np.fft.ifft(x)),
    "DFT, order 3": (lambda: c.dft((16, 16, 16)), COMPLEX, lambda x: N * np.fft.ifft(x)),
    "DFT, order log N": (lambda: c.dft((2,) * 12), COMPLEX, lambda x: N * np.fft.ifft(x)),
    "inverse DFT": (lambda: c.inverse_dft((64, 64)), COMPLEX, lambda x: np.fft.fft(x) / N),
    "Walsh–Hadamard": (lambda: c.walsh_hadamard(12, FLOAT64), REAL, fast_walsh_hadamard),
    "Kronecker": (
        lambda: c.kronecker(KRONECKER, FLOAT64),
        REAL,
        lambda x: np.einsum("ai,bj,ck,ijk->abc", *KRONECKER, x.reshape(16, 16, 16), optimize=True).reshape(-1),
    ),
    "block diagonal": (
        lambda: c.block_diagonal(BLOCKS, FLOAT64),
        REAL,
        lambda x: np.einsum("gij,gj->gi", BLOCKS, x.reshape(64, 64)).reshape(-1),
    ),
    "circulant": (
        lambda: c.circulant(REAL.astype(complex), (64, 64)),
        COMPLEX,
        lambda x: np.fft.ifft(SPECTRUM * np.fft.fft(x)),
    ),
    "Toeplitz": (
        lambda: c.toeplitz(HALF.astype(complex), np.append(HALF[0], REAL[N // 2 + 1 :]).astype(complex), (64, 64)),
        COMPLEX[: N // 2],
        lambda x: scipy.linalg.matmul_toeplitz((HALF, np.append(HALF[0], REAL[N // 2 + 1 :])), x),
    ),
    "Hankel": (
        lambda: c.hankel(REAL[:-1].astype(complex), (32, 64), COMPLEX128),
        COMPLEX[: N // 2],
        lambda x: scipy.linalg.matmul_toeplitz((HALF[::-1], REAL[N // 2 - 1 : -1]), x)[::-1],
    ),
    "chirp": (
        lambda: c.chirp(1.0, np.exp(2j * np.pi / 1024), (32, 32)),
        COMPLEX[:1024],
        lambda x: 1024 * np.fft.ifft(x),
    ),
    "Vandermonde at roots": (
        lambda: c.root_vandermonde(np.exp(1j * np.pi / N), (64, 64)),
        COMPLEX,
        lambda x: N * np.fft.ifft(x * np.exp(1j * np.pi * np.arange(N) / N)),
    ),
    "DCT-II": (lambda: c.dct2((64, 64)), HALF, lambda _: wave(scipy.fft.dct, 2)),
    "DCT-III": (lambda: c.dct3((64, 64)), HALF, lambda _: wave(scipy.fft.dct, 3) + REAL[0] / 2),
    "DCT-IV": (lambda: c.dct4((64, 64)), HALF, lambda _: wave(scipy.fft.dct, 4)),
    "DST-I": (lambda: c.dst1((64, 64)), HALF[:-1], lambda _: wave(scipy.fft.dst, 1, N // 2 - 1)),
    "DST-II": (lambda: c.dst2((64, 64)), HALF, lambda _: wave(scipy.fft.dst, 2)),
    "DST-IV": (lambda: c.dst4((64, 64)), HALF, lambda _: wave(scipy.fft.dst, 4)),
    "DCT-I": (
        lambda: c.dct1((64, 64)),
        REAL[: N // 2 + 1],
        lambda x: (scipy.fft.dct(x, type=1) + x[0] + x[-1] * (-1.0) ** np.arange(len(x))) / 2,
    ),
}


def apply(built, x):
    parts = [built] if not hasattr(built, "terms") or hasattr(built, "multiply") else built.terms()
    return sum(part @ x for part in parts)


@pytest.mark.parametrize("name", CASES)
def test_in_floating_point(name):
    build, x, reference = CASES[name]
    built = build()
    whole = built if hasattr(built, "multiply") else c.MonarchSum(tuple(c.MonarchProduct((t,)) for t in built.terms()))
    # a chirp's entries are powers of powers, and reciprocals of them: N² roundings one after another
    allowed = bound(whole, x, steps=4 * 1024**2 if name == "chirp" else 8)
    expected = reference(x)
    error = np.linalg.norm(apply(built, x) - expected)
    assert error <= allowed and allowed <= 0.1 * np.linalg.norm(expected)


def test_permutations_and_butterflies_of_every_bit():
    order = RNG.permutation(N)
    assert np.array_equal(c.permutation(order, (64, 64)) @ np.arange(N), order)
    assert np.array_equal(c.stride((64, 64)) @ np.arange(N), np.arange(N).reshape(64, 64).T.reshape(-1))
    bits = [int(f"{i:012b}"[::-1], 2) for i in range(N)]
    for radices in [(64, 64), (2,) * 12]:
        assert np.array_equal(c.bit_reversal(radices) @ np.arange(N), bits)
    twiddles = [RNG.integers(-2, 3, (2 ** (11 - k), 2**k, 2, 2)) for k in range(12)]
    x = RNG.integers(-2, 3, N)
    expected = x.astype(object)
    for k, twiddle in enumerate(twiddles):
        pairs = expected.reshape(-1, 2, 2**k)
        expected = np.einsum("abij,ajb->aib", twiddle.astype(object), pairs).reshape(-1)
    built = c.butterfly(twiddles, INTEGERS)
    assert built.order == 12 and built.convention is Convention.DAO and np.array_equal(built @ x, expected)


def test_ill_conditioned_constructions_over_a_prime_field():
    """Orthogonal polynomials, Vandermonde and Cauchy matrices at any nodes, low displacement rank: N = 256, exactly."""
    n = 256
    field = PrimeField(prime_with_root(2 * n))
    x = field.random(RNG, n)
    for family in (c.chebyshev, c.hermite, c.legendre):
        recurrence = family(n, field)
        expected = field.matmul(recurrence.coefficients(n), x[:, None])[:, 0]
        assert field.equal(c.orthogonal_polynomial_transform(recurrence, n) @ x, expected)
    left, right = (RNG.permutation(10**6)[: 2 * n] + 1).reshape(2, n)
    matrices = [np.stack([powers(node, n, field) for node in nodes]) for nodes in (left, right)]
    evaluations = [c.vandermonde(nodes, field) for nodes in (left, right)]
    for evaluation, matrix in zip(evaluations, matrices, strict=True):
        assert field.equal(evaluation @ x, field.matmul(matrix, x[:, None])[:, 0])
    differences = field.normal(left[:, None] - right)
    inverses = np.array([pow(int(d), -1, field.q) for d in differences.flat]).reshape(n, n)
    assert field.equal(c.cauchy(*evaluations) @ x, field.matmul(inverses, x[:, None])[:, 0])
    column, row = field.random(RNG, (2, n))
    row[0] = column[0]
    toeplitz = scipy.linalg.toeplitz(column, row)
    root = field.root_of_unity(2 * n)
    generators = c.displacement_generators(toeplitz, c.shift(1, n, field), c.shift(-1, n, field), field)
    built = c.toeplitz_like(*generators, (1, root), (16, 16), field)
    assert len(built.terms) == 2 and field.equal(built @ x, field.matmul(toeplitz, x[:, None])[:, 0])


@pytest.mark.parametrize("wrong", ["conjugated", "unscaled", "reordered"])
def test_the_bound_catches_a_wrong_transform(wrong):
    built, x = c.inverse_dft((64, 64)), COMPLEX
    reference = {
        "conjugated": np.fft.ifft(x),
        "unscaled": np.fft.fft(x),
        "reordered": (np.fft.fft(x) / N).reshape(64, 64).T.reshape(-1),
    }[wrong]
    assert np.linalg.norm(built @ x - reference) > 1e6 * bound(built, x)
