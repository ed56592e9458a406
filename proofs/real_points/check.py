"""Real points: what polynomials that are small everywhere show, exactly; condition numbers held to it, measured."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import flint
import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import RATIONALS
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

SIZES = (
    "Q, n ≤ 4; all points for n = 2; Chebyshev polynomials to n = 80; bases at random and Chebyshev points, n ≤ 6, "
    "weighted rows to n = 8"
)
Points = Callable[[int, np.random.Generator], np.ndarray]


def _real(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.cos((2 * np.arange(size) + 1) * np.pi / (2 * size)) * rng.uniform(0.9, 1.1, size)


def _roots_of_unity(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.exp(2j * np.pi * np.arange(size) / size)


@lru_cache
def _above(n: int) -> int:
    """H_n."""
    return max(abs(sum(_chebyshev(m)[n:])) for m in range(n, 2 * n))


BEST = (100000, 51905, 17945, -39278)
"""Four points, divided by the first: 4.384, near the best there is."""

MUTATIONS: dict[str, dict] = {
    "at complex points, too": {"points": _roots_of_unity},
    "for every weight of the rows": {"weighted": False},
    "cond₂(M) ≥ 8^n": {"least": lambda n: 8.0**n},
    "cond₂(M) ≥ (3 H_n − 1)/√N": {"least": lambda n: (3 * _above(n) - 1) / (2 * n) ** 0.5},
    "cond₂(M) ≥ (2 H_n − 1)/√n": {"least": lambda n: (2 * _above(n) - 1) / n**0.5},
    "the best of four points is above 4.5": {"best": (Fraction(9, 2), Fraction(4384, 1000))},
    "the best of four points is below 4.38": {"best": (Fraction(43, 10), Fraction(438, 100))},
    "H_n sums all coefficients of T_n from n − 2 on": {"largest": lambda n: abs(sum(_chebyshev(n)[max(n - 2, 0) :]))},
}


def instances(
    points: Points = _real,
    weighted: bool = True,
    least: Callable[[int], float] = lambda n: (2 * _above(n) - 1) / (2 * n) ** 0.5,
    largest: Callable[[int], int] = _above,
    best: tuple[Fraction, Fraction] = (Fraction(43, 10), Fraction(4384, 1000)),
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
    nearest = np.array(BEST) / BEST[0]
    cases.append(Instance("the four points of 4.384", lambda: _condition(nearest, 2) >= least(2), "measured"))
    for n in (2, 4, 8):
        about = f"weights bring the condition number below 1.1, n = {n}"
        cases.append(Instance(about, lambda n=n: (_weighted(n, 1e4) < 1.1) == weighted, "measured"))
    cases.append(Instance("n = 2, N = 4: four points that reach 4.384", lambda: _reaches(best[1])))
    cases.append(Instance("n = 2, N = 4: every four points are above 4.3", lambda: _all_above(2, best[0])))
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


UNIT = 1 << 24
"""Points are multiples of 1/UNIT."""


def _all_above(n: int, least: Fraction) -> bool:
    """Whether ‖p − Xⁿq‖ ≥ least ‖p + Xⁿq‖ for some p, q at all points, 2n − 1 sorted ones in [−1, 1] and 1, box by box.

    Floating point proposes the polynomials; the inequality is shown by integers, for all points of a box at once.
    """
    boxes: list[Box] = [tuple((0, UNIT) for _ in range(2 * n - 1))]
    while boxes:
        box = boxes.pop()
        if any(m - r > m2 + r2 for (m, r), (m2, r2) in pairwise(box)):
            continue  # none of its points are sorted
        coefficients, condition = _worst(box, n)
        other = coefficients[:n] + [-c for c in coefficients[n:]]
        places = (*box, (UNIT, 0))
        above = sum(_range(coefficients, m, r)[1] ** 2 for m, r in places)
        below = sum(_range(other, m, r)[0] ** 2 for m, r in places)
        if below >= least**2 * above:
            continue
        if condition < least:
            return False
        widest = max(range(len(box)), key=lambda k: box[k][1])
        m, r = box[widest]
        boxes += [(*box[:widest], (m + side, r // 2), *box[widest + 1 :]) for side in (-r // 2, r // 2)]
    return True


Box = tuple[tuple[int, int], ...]
"""Middle and radius of every coordinate but the last, which is one, as multiples of 1/UNIT."""


def _worst(box: Box, n: int) -> tuple[list[int], float]:
    """Coefficients of p + Xⁿq for which the ratio is nearly largest at the middle, and the ratio there."""
    points = np.array([*(m / UNIT for m, _ in box), 1.0]) + 1e-9 * np.arange(2 * n)  # apart
    V = np.vander(points, increasing=True)
    (U, R), (W, S) = np.linalg.qr(V[:, :n]), np.linalg.qr(V[:, n:])
    left, cosines, right = np.linalg.svd(U.T @ W)
    parts = [np.linalg.lstsq(R, left[:, 0], rcond=None)[0], -np.linalg.lstsq(S, right[0], rcond=None)[0]]
    found = np.concatenate(parts)
    cosine = min(cosines[0], 1 - 1e-15)
    return [round(c) for c in found * 2**20 / np.abs(found).max()], float(np.sqrt((1 + cosine) / (1 - cosine)))


def _range(coefficients: list[int], middle: int, radius: int) -> tuple[int, int]:
    """The least and the largest |h(x)| at most, |x − middle| ≤ radius, times UNIT^deg, by Taylor's formula."""
    degree = len(coefficients) - 1
    taylor = [c * UNIT ** (degree - k) for k, c in enumerate(coefficients)]
    for start in range(degree):
        for k in range(degree - 1, start - 1, -1):
            taylor[k] += middle * taylor[k + 1]
    spread = sum(abs(t) * radius**k for k, t in enumerate(taylor) if k)
    return max(0, abs(taylor[0]) - spread), abs(taylor[0]) + spread


def _reaches(most: Fraction) -> bool:
    """Whether ‖2Π − 1‖ < most at four points: most² − EᵀE is positive definite, E = 2Π − 1, by its leading minors."""
    V = flint.fmpq_mat(4, 4, [flint.fmpq(x, BEST[0]) ** k for x in BEST for k in range(4)])
    signs = flint.fmpq_mat(4, 4, [(1 if i < 2 else -1) * (i == j) for i in range(4) for j in range(4)])
    E = V * signs * V.inv()
    square = flint.fmpq(most.numerator, most.denominator) ** 2
    gap = flint.fmpq_mat(4, 4, [square * (i == j) for i in range(4) for j in range(4)]) - E.transpose() * E
    minors = (flint.fmpq_mat(k, k, [gap[i, j] for i in range(k) for j in range(k)]).det() for k in range(1, 5))
    return all(minor > 0 for minor in minors)
