"""The exercises to program, one row each: what is asked, inputs from small to large, and the exact reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from monarch_theory.exercises.grading import Arrays, Exercise

__all__ = ["EXERCISES"]


def _sizes() -> Iterator[tuple[int, int, int, int]]:
    """(n_0, n_1, m_0, m_1), from 1 × 1 blocks to rectangular ones."""
    yield from [(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 1, 1), (2, 2, 2, 2), (2, 3, 2, 3), (3, 2, 2, 3), (2, 3, 4, 1)]
    yield from [(3, 3, 3, 3), (4, 2, 3, 5), (4, 4, 4, 4)]


def _factors(rng: np.random.Generator) -> Iterator[Arrays]:
    for n0, n1, m0, m1 in _sizes():
        yield rng.integers(-3, 4, (n1, m0, n0)), rng.integers(-3, 4, (m0, m1, n1))


def _factors_and_vector(rng: np.random.Generator) -> Iterator[Arrays]:
    for R, L in _factors(rng):
        yield R, L, rng.integers(-3, 4, R.shape[2] * L.shape[2])


def _radices(rng: np.random.Generator) -> Iterator[Arrays]:
    for radices in [(1,), (2,), (2, 2), (2, 3), (3, 2), (2, 3, 4), (5, 1, 2), (2, 2, 2, 2), (3, 4, 2, 5)]:
        yield (np.array(radices),)


def _roots(rng: np.random.Generator) -> Iterator[Arrays]:
    from monarch_theory.domains import PrimeField, prime_with_root

    for b in (1, 2, 3, 4, 5):
        q = prime_with_root(b * b, below=2000)
        yield np.array(b), np.array(q), np.array(int(PrimeField(q).root_of_unity(b * b)))


def _stage_polynomials(rng: np.random.Generator) -> Iterator[Arrays]:
    for b in (1, 2, 2, 3, 4):
        yield rng.integers(-3, 4, b * b), rng.integers(-3, 4, b)


def _lengths(rng: np.random.Generator) -> Iterator[Arrays]:
    yield np.array([1]), np.array([1])
    for _ in range(10):
        yield rng.integers(1, 100, 3), rng.integers(1, 100, 3)


def _one_to(most: int) -> Callable[[np.random.Generator], Iterator[Arrays]]:
    return lambda rng: ((np.array(size),) for size in range(1, most + 1))


def _even_to(most: int) -> Callable[[np.random.Generator], Iterator[Arrays]]:
    return lambda rng: ((np.array(size),) for size in range(2, most + 1, 2))


def _tensors(rng: np.random.Generator) -> Iterator[Arrays]:
    for n in (1, 2, 2, 2, 3, 3, 3, 4, 4):
        tensor = rng.integers(-2, 3, (n, n, n))
        future = np.triu(np.ones((n, n), dtype=int), 1)[:, :, None]
        # mostly causal, so that the first leak is not at the first place
        yield (np.where((future > 0) & (rng.random((n, n, n)) < 0.85), 0, tensor),)


def _maybe_members(rng: np.random.Generator) -> Iterator[Arrays]:
    from monarch_theory.domains import INTEGERS
    from monarch_theory.monarch import Convention, random_monarch

    for b in (1, 2, 2, 3, 3, 4):
        for convention in (Convention.M2, Convention.DAO):
            member = random_monarch((b, b), INTEGERS, rng, convention=convention).dense().astype(np.int64)
            yield member, np.array(b)
            member[rng.integers(b * b), rng.integers(b * b)] += 1
            yield member, np.array(b)
        yield np.eye(b * b, dtype=np.int64), np.array(b)


def _widths(rng: np.random.Generator) -> Iterator[Arrays]:
    yield np.array([4]), np.array([1])
    yield np.array([4, 8, 768, 1024]), np.array([4, 4, 4, 8])


def _monarch(R: np.ndarray, L: np.ndarray) -> Any:
    from monarch_theory.domains import INTEGERS
    from monarch_theory.monarch import Monarch

    return Monarch((R, L), INTEGERS)


def _dense(R: np.ndarray, L: np.ndarray) -> np.ndarray:
    return np.asarray(_monarch(R, L).dense().astype(np.int64))


def _product(R: np.ndarray, L: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.asarray((_monarch(R, L) @ x).astype(np.int64))


def _reversal(radices: np.ndarray) -> np.ndarray:
    from monarch_theory.digits import reversal

    return reversal(tuple(int(radix) for radix in radices))


def _twiddles(b: np.ndarray, q: np.ndarray, omega: np.ndarray) -> np.ndarray:
    i0, i1, a1 = np.indices((int(b),) * 3)
    powers = np.array([pow(int(omega), k, int(q)) for k in range(int(b) ** 2)])
    return powers[(i1 * b + i0) * a1 % b**2]


def _column(ell: np.ndarray, r: np.ndarray) -> np.ndarray:
    found = np.zeros(len(ell), dtype=np.int64)
    for power, coefficient in enumerate(r):
        found += coefficient * np.roll(ell, power * len(r))
    return found


def _structure(N: np.ndarray) -> np.ndarray:
    i, j, jp = np.indices((int(N),) * 3)
    return ((j + jp - i) % N == 0).astype(np.int64)


def _first_leak(T: np.ndarray) -> np.ndarray:
    leaks = [place for place in np.argwhere(T) if place[1] > place[0]]
    return leaks[0] if leaks else np.array([-1, -1, -1])


def _caps(b: np.ndarray) -> np.ndarray:
    from monarch_theory.causality.conditions import degree_caps

    return degree_caps((int(b), int(b)))[0]


def _is_monarch(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    from monarch_theory.expressivity.classes import MonarchClass
    from monarch_theory.expressivity.membership import membership_of

    return np.array(int(bool(membership_of(A, MonarchClass((int(b), int(b)))).member)))


def _bases(rng: np.random.Generator) -> Iterator[Arrays]:
    for n in (1, 2, 2, 3, 4, 5, 6):
        yield np.tril(rng.integers(-2, 3, (n, n)), -1) + np.eye(n, dtype=np.int64), rng.integers(-3, 4, n)


def _rebased(C: np.ndarray, k: np.ndarray) -> np.ndarray:
    """By exact rational inversion."""
    from monarch_theory.domains import INTEGERS, RATIONALS

    n, c = len(C), INTEGERS.array(C @ k)
    i, j = np.indices((n, n))
    toeplitz = np.where(i >= j, c[np.maximum(i - j, 0)], 0)
    inverse = RATIONALS.inverse(RATIONALS.array(C)[None])[0]
    return RATIONALS.matmul(inverse, RATIONALS.array(toeplitz @ C)).astype(np.int64)


def _profiles(rng: np.random.Generator) -> Iterator[Arrays]:
    yield np.array([0]), np.array([True])
    yield np.array([0, 1]), np.array([True, False])
    yield np.array([0, 1]), np.array([False, True])
    for L in (2, 3, 4, 4, 6, 8, 9):
        yield np.where(rng.random(L) < 0.7, rng.integers(0, L, L), -1), rng.random(L) < 0.5
    yield np.array([-1, -1, -1]), np.array([True, True, True])


def _profile(signal: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    found = np.full(len(signal), -1)
    for j, jp in np.argwhere((signal[:, None] >= 0) & kernel[None, :]):
        i = (j + jp) % len(signal)
        found[i] = max(found[i], signal[j])
    return found


def _positions(rng: np.random.Generator) -> Iterator[Arrays]:
    for n, bits in [(2, 8), (3, 8), (17, 3), (129, 8), (513, 8), (777, 5), (1024, 8), (1000, 11), (8192, 8)]:
        yield np.array(n), np.array(bits)


def _distinct(n: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """In rational arithmetic."""
    from fractions import Fraction

    rounded = {Fraction(0)}
    for i in range(1, int(n)):
        x, spacing = Fraction(i, int(n) - 1), Fraction(2, 1 << int(bits))
        while x < spacing * 2 ** (int(bits) - 1):
            spacing /= 2
        rounded.add(round(x / spacing) * spacing)  # Python rounds ties to even
    return np.array(len(rounded))


def _taps_and_signal(rng: np.random.Generator) -> Iterator[Arrays]:
    for n, channels, taps in [(1, 1, 1), (2, 1, 2), (3, 2, 2), (1, 2, 3), (5, 1, 3), (4, 3, 3), (9, 2, 4)]:
        yield rng.integers(-3, 4, (channels, 1, taps)), rng.integers(-3, 4, (n, channels))


def _short_convolution(weight: np.ndarray, u: np.ndarray) -> np.ndarray:
    taps = weight.shape[2]
    y = np.zeros_like(u)
    for i, t in np.ndindex(len(u), taps):
        if i >= t:
            y[i] += weight[:, 0, taps - 1 - t] * u[i - t]
    return y


def _documents(rng: np.random.Generator) -> Iterator[Arrays]:
    for lengths, w in [([1], 1), ([2], 2), ([1, 1], 2), ([2, 1], 1), ([3, 2], 2), ([1, 3, 2], 3), ([5, 4], 9)]:
        yield np.array(lengths), np.array(w)


def _pattern(lengths: np.ndarray, w: np.ndarray) -> np.ndarray:
    found = np.zeros((int(lengths.sum()),) * 2, dtype=np.int64)
    begin = 0
    for length in lengths:
        for i in range(begin, begin + int(length)):
            found[i, max(begin, i - int(w) + 1) : i + 1] = 1
        begin += int(length)
    return found


def _rarities(rng: np.random.Generator) -> Iterator[Arrays]:
    for d, miss in [(2, 1), (2, 2), (2, 8), (2, 9), (3, 10), (10, 100), (100, 1000), (1, 5), (777, 2)]:
        yield np.array(d), np.array(miss)


def _samples(d: np.ndarray, miss: np.ndarray) -> np.ndarray:
    from fractions import Fraction

    missed, m = Fraction(1), 0
    while missed > Fraction(1, int(miss)):
        missed, m = missed * Fraction(int(d) - 1, int(d)), m + 1
    return np.array(m)


def _fewest(N: np.ndarray) -> np.ndarray:
    from monarch_theory.domains import INTEGERS
    from monarch_theory.monarch import random_monarch

    rng, size = np.random.default_rng(0), int(N)
    splits = [(n0, size // n0) for n0 in range(1, size + 1) if size % n0 == 0]
    return np.array(min(sum(f.size for f in random_monarch(split, INTEGERS, rng).factors) for split in splits))


ROWS = (
    Exercise("1.4", "dense", ("R", "L"), "the dense M of R[a1, i0, a0] and L[i0, i1, a1], rectangular blocks too",
             _factors, _dense),
    Exercise("1.5", "multiply", ("R", "L", "x"), "M x, without ever forming M", _factors_and_vector, _product),
    Exercise("1.6", "reverse_digits", ("radices",), "P as an index array: what `digits.reversal` gives",
             _radices, _reversal),
    Exercise("2.3", "twiddles", ("b", "q", "omega"), "L of the Fourier matrix of size b², modulo q, omega a primitive"
             " b²-th root, when R holds equal DFTs of length b", _roots, _twiddles),
    Exercise("3.3", "column", ("ell", "r"), "the N coefficients of ℓ(Z) r(Z^b) modulo Z^N − 1, lowest first, from the N"
             " of ℓ and the b of r", _stage_polynomials, _column),
    Exercise("4.3", "padding", ("n", "m"), "the least N at which a signal of length n and a filter of length m do not"
             " wrap, for arrays n and m", _lengths, lambda n, m: n + m - 1),
    Exercise("4.4", "structure", ("N",), "T[i, j, j'] of the Fourier matrix of size N", _one_to(6), _structure),
    Exercise("5.3", "first_leak", ("T",), "the first [i, j, j'] in reading order where T leaks, else [-1, -1, -1]",
             _tensors, _first_leak),
    Exercise("5.4", "caps", ("b",), "the cap of the degree of r_j for each a0 (down) and a1 (across), for order 2, even"
             " b and n = N/2", _even_to(8), _caps),
    Exercise("6.3", "is_monarch", ("A", "b"), "an array that holds 1 if the b² × b² matrix A of integers is Monarch"
             " (PLPRP), else 0", _maybe_members, _is_monarch),
    Exercise("7.3", "weights", ("d", "blocks"), "how many weights the gated MLP of inner width 4d has with so many"
             " blocks in both matrices, for arrays", _widths, lambda d, blocks: 12 * d**2 // blocks),
    Exercise("8.3", "kernel", ("x", "R", "L"), "M x for every row of x in float32, right to `monarch check`",
             op="monarch-multiply"),
    Exercise("10.3", "rebased", ("C", "k"), "C⁻¹ Toeplitz(C k) C in integers, for C lower triangular with ones on its"
             " diagonal", _bases, _rebased),
    Exercise("11.3", "profile", ("signal", "kernel"), "latest positions of a circular convolution, -1 for a known zero,"
             " from those of the signal and the support of the filter", _profiles, _profile),
    Exercise("12.3", "distinct", ("n", "bits"), "how many of the positions i/(n - 1) stay distinct when rounded to"
             " nearest even with so many significant bits", _positions, _distinct),
    Exercise("13.3", "short_convolution", ("weight", "u"), "what conv1d with these weights (channels, 1, taps) computes"
             " causally on u (n, channels)", _taps_and_signal, _short_convolution),
    Exercise("14.3", "pattern", ("lengths", "w"), "what each output may depend on: packed documents of these lengths,"
             " causal, within a window of w", _documents, _pattern),
    Exercise("15.3", "samples", ("d", "miss"), "how many elements to compare so that a fault of one in d is missed with"
             " probability at most 1/miss", _rarities, _samples),
    Exercise("16.3", "fewest", ("N",), "the least number of parameters of an order-2 Monarch matrix of size N with"
             " square blocks", _one_to(24), _fewest),
)  # fmt: skip

EXERCISES = {row.number: row for row in ROWS}
"""By number."""
