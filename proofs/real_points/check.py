"""Real points: what polynomials that are small everywhere show, exactly; condition numbers held to it, measured."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import RATIONALS
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

SIZES = "Q, n ≤ 4; Chebyshev polynomials to n = 80; bases at random and Chebyshev points, n ≤ 6, weighted rows to n = 8"
Points = Callable[[int, np.random.Generator], np.ndarray]


def _real(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.cos((2 * np.arange(size) + 1) * np.pi / (2 * size)) * rng.uniform(0.9, 1.1, size)


def _roots_of_unity(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.exp(2j * np.pi * np.arange(size) / size)


@lru_cache
def _above(n: int) -> int:
    """H_n."""
    return max(abs(sum(_chebyshev(m)[n:])) for m in range(n, 2 * n))


MUTATIONS: dict[str, dict] = {
    "at complex points, too": {"points": _roots_of_unity},
    "for every weight of the rows": {"weighted": False},
    "cond₂(M) ≥ 8^n": {"least": lambda n: 8.0**n},
    "H_n sums all coefficients of T_n from n − 2 on": {"largest": lambda n: abs(sum(_chebyshev(n)[max(n - 2, 0) :]))},
}


def instances(
    points: Points = _real,
    weighted: bool = True,
    least: Callable[[int], float] = lambda n: (2 * _above(n) - 1) / (2 * n) ** 0.5,
    largest: Callable[[int], int] = _above,
) -> list[Instance]:
    rng = np.random.default_rng(0)
    cases = []
    for n in (2, 3, 4, 5, 8, 20, 40):
        sizes = range(n, 2 * n)
        cases.append(Instance(f"the parts of T_m are small together, n = {n}", lambda s=sizes: all(map(_small, s))))
        cases.append(Instance(f"H_n ≥ 2^(n − 1), n = {n}", lambda n=n: largest(n) >= 2 ** (n - 1)))
    for n in (2, 3, 4):
        about = f"the operator at real points is causal, n = {n}"
        cases.append(Instance(about, lambda n=n: _causal([Fraction(k, 3) for k in range(2 - n, n + 2)])))
    for n in range(20, 81):
        about = f"H_n/H_(n−2) is between 25.3 and 27, n = {n}"
        cases.append(Instance(about, lambda n=n: 253 * largest(n - 2) < 10 * largest(n) < 270 * largest(n - 2)))
    for n in (2, 3, 4, 5, 6):
        for draw in range(3):
            places = points(2 * n, rng)
            about = f"condition of the best basis, n = {n}, draw {draw}"
            cases.append(Instance(about, lambda p=places, n=n: _condition(p, n) >= least(n), "measured"))
    for n in (2, 4, 8):
        about = f"weights bring the condition number below 1.1, n = {n}"
        cases.append(Instance(about, lambda n=n: (_weighted(n, 1e4) < 1.1) == weighted, "measured"))
    return cases


def _causal(points: list[Fraction]) -> bool:
    """Of order 1 a Vandermonde matrix is Monarch."""
    V = RATIONALS.array([[[x**k for k in range(len(points))] for x in points]])
    return decide(MonarchOperator(Monarch((V,), RATIONALS))).causal


@lru_cache
def _chebyshev(m: int) -> list[int]:
    """Coefficients of T_m, the constant one first."""
    before, now = [1], [0, 1]
    for _ in range(m):
        after = [0] + [2 * c for c in now]
        before, now = now, [a - (before[k] if k < len(before) else 0) for k, a in enumerate(after)]
    return before


def _small(m: int) -> bool:
    """|T_m| ≤ 1 at rational points of [−1, 1], T_m(1) = 1."""
    value = lambda z: sum(c * z**k for k, c in enumerate(_chebyshev(m)))  # noqa: E731
    return value(Fraction(1)) == 1 and all(abs(value(Fraction(k, 17))) <= 1 for k in range(-17, 18, 2))


def _condition(points: np.ndarray, n: int) -> float:
    """A lower bound, but for rounding, on that of every such basis: ‖2Π − 1‖, Π the projection along the two spaces.

    With orthonormal U and W it is cot of half the smallest angle: 2Π − 1 keeps the first space and negates the other.
    """
    V = np.vander(points, increasing=True)
    U, W = np.linalg.qr(V[:, :n])[0], np.linalg.qr(V[:, n:])[0]
    cosine = min(np.linalg.svd(U.conj().T @ W, compute_uv=False)[0], 1 - 1e-15)
    return float(np.sqrt((1 + cosine) / (1 - cosine)))


def _weighted(n: int, t: float) -> float:
    """cond₂ of the weighted Vandermonde matrix at ±t^l, weights t^(−l² − l/2), columns normalised."""
    pair, power = np.repeat(np.arange(n), 2), np.arange(2 * n)
    sign = np.tile([1.0, -1.0], n)[:, None] ** power
    exponent = np.outer(pair, power) - (pair**2 + pair / 2)[:, None]
    M = sign * t ** (exponent - exponent.max(axis=0))
    return float(np.linalg.cond(M / np.linalg.norm(M, axis=0)))
