"""Vandermonde matrices at geometric nodes and Cauchy matrices, over Q and prime fields, and the package's factors."""

from collections.abc import Callable
from fractions import Fraction
from math import comb

import numpy as np

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity import constructions
from monarch_theory.proving import Instance

SIZES = "m, n ≤ 5 over Q, with zero nodes and repeated ones; the package over F_97 at N = 2, 4, 8"
MUTATIONS: dict[str, dict] = {
    "powers of squares instead of binomials": {"exponent": lambda i: i * i},
    "the Hankel matrix begins with the constant term": {"first": 0},
    "it is not divided by p(x)": {"scale": lambda p, x: Fraction(1)},
}


def instances(
    exponent: Callable[[int], int] = lambda i: comb(i, 2),
    first: int = 1,
    scale: Callable[[list[Fraction], Fraction], Fraction] = lambda p, x: 1 / _value(p, x),
) -> list[Instance]:
    cases = []
    for m in range(6):
        for n in range(6):
            for c, a in ((Fraction(3, 2), Fraction(-2)), (Fraction(0), Fraction(5)), (Fraction(1), Fraction(1))):
                about = f"{m} × {n}, nodes {c} · ({a})^i"
                cases.append(Instance(about, lambda s=(m, n, c, a): _geometric(*s, exponent)))
    for number in range(40):
        cases.append(Instance(f"Cauchy {number}", lambda k=number: _cauchy(k, first, scale)))
    for t in (1, 2, 3):
        for seed in range(3):
            cases.append(Instance(f"chirp of the package, N = {2**t}, {seed}", lambda a=(t, seed): _chirp(*a)))
            cases.append(Instance(f"cauchy of the package, N = {2**t}, {seed}", lambda a=(t, seed): _package(*a)))
    return cases


def _geometric(m: int, n: int, c: Fraction, a: Fraction, exponent: Callable[[int], int]) -> bool:
    return all(
        (c * a**i) ** k == a ** exponent(i + k) / a ** exponent(i) / a ** exponent(k) * c**k
        for i in range(m)
        for k in range(n)
    )


def _value(p: list[Fraction], x: Fraction) -> Fraction:
    return sum((c * x**k for k, c in enumerate(p)), Fraction(0))


def _with_roots(roots: list[Fraction], factor: Fraction) -> list[Fraction]:
    p = [factor]
    for y in roots:
        p = [low - y * high for low, high in zip([Fraction(0), *p], [*p, Fraction(0)], strict=True)]
    return p


def _cauchy(number: int, first: int, scale: Callable[[list[Fraction], Fraction], Fraction]) -> bool:
    """Roots of p are the y, some twice, and one more; N is its degree or one above."""
    rng = np.random.default_rng(number)
    y = [Fraction(int(v)) for v in rng.integers(-4, 5, 1 + number % 4)]
    x = [Fraction(int(v), 2) for v in 2 * rng.integers(-5, 6, 3) + 1]
    p = _with_roots([*y, Fraction(1, 3)], Fraction(7, 5))
    size = len(p) - 1 + number % 2
    p = [*p, *[Fraction(0)] * (2 * size)]
    return all(
        sum(xi**a * p[a + b + first] * yj**b for a in range(size) for b in range(size)) * scale(p, xi) == 1 / (xi - yj)
        for xi in x
        for yj in y
    )


def _chirp(t: int, seed: int) -> bool:
    field, rng = PrimeField(97), np.random.default_rng(seed)
    c, a = (int(v) for v in rng.integers(1, 97, 2))
    radices = (2,) * t
    found = constructions.chirp(c, a, (2, 2 ** (t - 1)) if t > 1 else radices, field)
    wanted = [[pow(c * pow(a, i, 97), k, 97) for k in range(2**t)] for i in range(2**t)]
    return len(found.factors) == 2 and bool((found.dense() == np.array(wanted)).all())


def _package(t: int, seed: int) -> bool:
    field, rng = PrimeField(97), np.random.default_rng(seed)
    nodes = [int(v) for v in rng.permutation(97)[: 2 * 2**t]]
    x, y = (constructions.vandermonde(half, field) for half in (nodes[: 2**t], nodes[2**t :]))
    wanted = [[pow(a - b, -1, 97) for b in nodes[2**t :]] for a in nodes[: 2**t]]
    found = constructions.cauchy(x, y)
    return len(found.factors) == len(x.factors) + len(y.factors) + 2 and bool((found.dense() == np.array(wanted)).all())
