"""Rounding in norm: vectors of sums in rational numbers with every rounding chosen, and the bounds of the package."""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt, sqrt

import numpy as np

from monarch_theory import rounding
from monarch_theory.proving import Instance

Vector = list[Fraction]

SIZES = "60 vectors of sums and 8 convolutions over Q, every rounding u to either side; stages to five; radices 2 to 64"
MUTATIONS: dict[str, dict] = {
    "all products are one rounding of the whole": {"of_terms": lambda longest, moduli: longest},
    "an addition fewer": {"of_additions": lambda a: a - 1},
    "a complex product has two roundings": {"twiddle": lambda u: (1 + u) ** 2 - 1},
    "errors of stages only add up": {"of_stages": sum},
    "errors of both spectra do not meet": {"both": lambda g: Fraction(0)},
}


def _root(x: Fraction) -> Fraction:
    """A number no larger than √x, and not much smaller: a bound that holds with it holds."""
    scale = 10**40
    return Fraction(isqrt(x.numerator * scale * scale // x.denominator), scale)


def _norm_within(error: Vector, bound: Fraction) -> bool:
    return sum(e * e for e in error) <= bound * bound


def _product(parts: list[Fraction]) -> Fraction:
    total = Fraction(1)
    for part in parts:
        total *= 1 + part
    return total - 1


def instances(
    of_terms: Callable[[Fraction, Fraction], Fraction] = lambda longest, moduli: moduli,
    of_additions: Callable[[int], int] = lambda a: a,
    twiddle: Callable[[Fraction], Fraction] = lambda u: u + (1 + u) * u * _root(Fraction(2)),
    of_stages: Callable[[list[Fraction]], Fraction] = _product,
    both: Callable[[Fraction], Fraction] = lambda g: g * g,
) -> list[Instance]:
    cases = []
    for number in range(60):
        u = Fraction(1, 2 ** (1 + number % 20))
        cases.append(
            Instance(f"sum {number}, u = {u}", lambda k=number, u=u: _sum_within(k, u, of_terms, of_additions))
        )
    for exponent in range(4, 24, 4):
        u = Fraction(1, 2**exponent)
        cases.append(Instance(f"(4 + 3i)/5 squared, u = {u}", lambda u=u: _turned(u) <= twiddle(u) ** 2))
    for p in range(1, 6):
        parts = [Fraction(1, 7 + k) for k in range(p)]
        cases.append(Instance(f"{p} stages, attained", lambda c=parts: of_stages(c) == _compounded(c)))
    for exponent in range(1, 9):
        g, m = Fraction(1, 2**exponent), Fraction(1, 3)
        cases.append(Instance(f"convolution of one number, G = {g}, attained", lambda g=g, m=m: _one(g, m, both(g))))
    for b in (2, 3, 4, 5, 7, 8, 16, 64):
        cases.append(Instance(f"stage of radix {b}: its table, and the package", lambda b=b: _stage(b), "measured"))
    return cases


def _sum_within(
    number: int, u: Fraction, of_terms: Callable[[Fraction, Fraction], Fraction], of_additions: Callable[[int], int]
) -> bool:
    """Σ_j x_j A_j in a random order, rounded: of Hadamard columns, or of any; upward, or to random sides."""
    rng = np.random.default_rng(number)
    table = np.array([[1]])
    for _ in range(1 + number % 3):
        table = np.block([[table, table], [table, -table]])
    if number % 4 == 3:
        table = rng.integers(-5, 6, table.shape)
    data = [Fraction(1)] * len(table) if number % 2 else [Fraction(int(x), 3) for x in rng.integers(-9, 10, len(table))]
    outward = number % 2 == 1

    def side(value: Fraction) -> Fraction:
        return u if outward else u * int(rng.choice([-1, 1]))

    exact = [[Fraction(int(a)) * x for a in column] for column, x in zip(table.T, data, strict=True)]
    # a term's error has the sign of the final sum, element by element, where that is the worst
    total = [sum(f) for f in zip(*exact, strict=True)]
    pool = []
    for f in exact:
        rounded = [x + abs(x) * side(x) * (1 if t >= 0 else -1) for x, t in zip(f, total, strict=True)]
        pool.append((f, rounded))
    longest, additions = Fraction(0), 0
    while len(pool) > 1:
        (f, a), (g, b) = (pool.pop(int(rng.integers(len(pool)))) for _ in range(2))
        together = [x + y for x, y in zip(f, g, strict=True)]
        pool.append((together, [(x + y) * (1 + side(x)) for x, y in zip(a, b, strict=True)]))
        longest, additions = max(longest, sum(x * x for x in together)), additions + 1
    moduli = _root(Fraction(sum(sum(abs(x) for x in row) ** 2 for row in zip(*exact, strict=True))))
    grown = (1 + u) ** of_additions(additions) - 1
    bound = grown * _root(longest) + (1 + u) ** additions * u * of_terms(_root(longest), moduli)
    return _norm_within([y - x for x, y in zip(*pool[0], strict=True)], bound * (1 + Fraction(1, 10**20)))


def _turned(u: Fraction) -> Fraction:
    """The square of the error of (4 + 3i)/5 times itself, products and sum rounded the worst way; its modulus is 1."""
    c, s = Fraction(4, 5), Fraction(3, 5)
    real = (c * c * (1 + u) - s * s * (1 - u)) * (1 + u) - (c * c - s * s)
    imaginary = 2 * c * s * ((1 + u) ** 2 - 1)
    return real * real + imaginary * imaginary


def _compounded(parts: list[Fraction]) -> Fraction:
    """Stages that multiply one number by 2, each off by its part, all to the same side."""
    true, computed = Fraction(1), Fraction(1)
    for part in parts:
        true, computed = 2 * true, 2 * computed + part * 2 * computed
    return (computed - true) / true


def _one(g: Fraction, m: Fraction, square: Fraction) -> bool:
    """N = 1, everything one: every step off by its part, to the same side, is what the bound says."""
    into = 2 * g + square
    return (1 + g) ** 2 * (1 + m) * (1 + g) - 1 <= into + (g + m + g * m) * (1 + into)


def _stage(b: int) -> bool:
    """Real columns of the DFT are orthogonal, its rounded entries of norm √2 (b − 1); the package bounds no less."""
    table = np.exp(-2j * np.pi * np.outer(np.arange(b), np.arange(b)) / b)
    columns = np.block([[table.real, -table.imag], [table.imag, table.real]])
    rounded = table[1:, 1:]
    twice = np.block([[rounded.real, -rounded.imag], [rounded.imag, rounded.real]])
    model = rounding.default_model("float32")
    u = 2.0**-24
    grown = (1 + u) ** (2 * b - 2) - 1
    stage = grown + (1 + grown) * u * sqrt(2) * (b - 1) / sqrt(b)
    return bool(
        np.allclose(columns.T @ columns, b * np.eye(2 * b), atol=1e-9 * b)
        and abs(np.linalg.norm(twice) - sqrt(2) * (b - 1)) < 1e-9 * b
        and rounding.fourier_growth_in_norm((b,), model) >= stage
        and rounding.fourier_growth_in_norm((b, b), model) >= 2 * stage + u * (1 + sqrt(2))
    )
