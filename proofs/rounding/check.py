"""Rounding: programs run in rational numbers with every rounding chosen, and the bounds of the package."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from monarch_theory import rounding
from monarch_theory.proving import Instance

Growth = Callable[[int, Fraction], Fraction]

SIZES = "100 programs of up to 7 operations over Q, u = 1/2 … 2⁻²⁴; attained; γ to n = 10⁵; 60 inner products underflow"
MUTATIONS: dict[str, dict] = {
    "one rounding fewer": {"growth": lambda m, u: (1 + u) ** max(m - 1, 0) - 1},
    "roundings only add up": {"growth": lambda m, u: m * u},
    "sums do not underflow": {"underflows": lambda n: n},
    "a product meets no more roundings than its worse factor": {"of_product": max},
}


@dataclass(frozen=True)
class Computed:
    """x true, y computed, X on absolute values, m roundings."""

    x: Fraction
    y: Fraction
    X: Fraction
    m: int


def instances(
    growth: Growth = lambda m, u: (1 + u) ** m - 1,
    of_product: Callable[[int, int], int] = lambda m, k: m + k,
    underflows: Callable[[int], int] = lambda n: 2 * n - 1,
) -> list[Instance]:
    rng = np.random.default_rng(0)
    cases = []
    for number in range(100):
        u = Fraction(1, 2 ** int(rng.integers(1, 25)))
        done = _program(u, int(rng.integers(1, 8)), int(rng.integers(2**31)), of_product, upward=number % 2 == 0)
        cases.append(Instance(f"program {number}, u = {u}", lambda d=done, u=u: _within(d, growth(d.m, u))))
    for n in (1, 2, 10, 1000, 10**5):
        cases.append(Instance(f"gamma({n}) of the package", lambda n=n: _gamma(n), "measured"))
    for number in range(60):
        n, u, eta = 1 + number % 6, Fraction(1, 2 ** (1 + number % 5)), Fraction(1, 3)
        cases.append(
            Instance(
                f"inner product {number} of {n} terms that all underflow upward",
                lambda n=n, u=u, e=eta: _inner(n, u, e) <= growth(n, u) * n + underflows(n) * (1 + u) ** (n - 1) * e,
            )
        )
    for number in range(20):
        cases.append(Instance(f"complex product {number}", lambda k=number: _complex(k)))
    return cases


def _inner(n: int, u: Fraction, eta: Fraction) -> Fraction:
    """Error of a sum of n products 1 · 1, one after the other, every rounding and every underflow upward."""
    total = 1 + u + eta
    for _ in range(n - 1):
        total = (total + 1 + u + eta) * (1 + u) + eta
    return total - n


def _complex(seed: int) -> bool:
    """|a||c| + |b||d| ≤ |a + ib||c + id|, squared, and attained where the vectors of moduli are parallel."""
    a, b, c, d = (Fraction(int(x)) for x in np.random.default_rng(seed).integers(-9, 10, 4))
    modulus = (a * a + b * b) * (c * c + d * d)
    parallel = (abs(a) * abs(a) + abs(b) * abs(b)) ** 2 == (a * a + b * b) ** 2
    return (abs(a) * abs(c) + abs(b) * abs(d)) ** 2 <= modulus and parallel


def _program(
    u: Fraction, operations: int, seed: int, of_product: Callable[[int, int], int], *, upward: bool
) -> Computed:
    """Random sums and products; every rounding the largest, all upward of positive data, or of any sign."""
    rng = np.random.default_rng(seed)

    def datum() -> Computed:
        x = Fraction(int(rng.integers(1, 100)), 7) * (1 if upward else int(rng.choice([-1, 1])))
        return Computed(x, x, abs(x), 0)

    pool = [datum() for _ in range(3)]
    for step in range(operations):
        a, b = pool[-1], pool[int(rng.integers(len(pool)))]
        d = 1 + u * (1 if upward else int(rng.choice([-1, 1])))
        if step % 2:
            pool.append(Computed(a.x + b.x, (a.y + b.y) * d, a.X + b.X, max(a.m, b.m) + 1))
        else:
            pool.append(Computed(a.x * b.x, a.y * b.y * d, a.X * b.X, of_product(a.m, b.m) + 1))
    return pool[-1]


def _within(done: Computed, growth: Fraction) -> bool:
    return abs(done.y - done.x) <= growth * done.X


def _gamma(n: int) -> bool:
    """The package's is (1 + u)^n − 1 to a few roundings, which BOUND_SLACK covers, and at most n u/(1 − n u)."""
    u = Fraction(1, 2**24)
    exact = (1 + u) ** n - 1
    return abs(Fraction(rounding.gamma(n, float(u))) - exact) <= exact / 10**12 and exact <= n * u / (1 - n * u)
