"""Products of sums: Strassen, three real products and Winograd in rational numbers, every rounding chosen."""

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations

import numpy as np

from monarch_theory import rounding
from monarch_theory.proving import Instance

Matrix = list[list[Fraction]]
Side = Callable[[], Fraction]
Step = Callable[[int, int], int]

SIZES = "60 products by Strassen to 8 × 8, 24 complex ones, 24 short convolutions, over Q; worst parts together, 6 u"
MUTATIONS: dict[str, dict] = {
    "the sums that Strassen multiplies are not rounded": {"step": lambda r, h: 12 * r + 36 * h},
    "a product of two sums counts as one of one": {"step": lambda r, h: 8 * r + 56 * h},
    "two products underflow at each step": {"lost": lambda u: 2 * (1 + u) ** 3},
    "the third product is off no more than the others": {"imaginary": lambda r, n: 3 * r + 9 * n},
    "entry by entry, the sums that are multiplied are exact": {"by_element": lambda n: n + 2},
    "Winograd's sums are exact": {"winograd": 3},
}


def instances(
    step: Step = lambda r, h: 12 * r + 56 * h,
    lost: Callable[[Fraction], Fraction] = lambda u: 4 * (1 + u) ** 3,
    imaginary: Step = lambda r, n: 4 * r + 9 * n,
    by_element: Callable[[int], int] = lambda n: n + 4,
    winograd: int = 7,
) -> list[Instance]:
    cases = []
    for number in range(60):
        cases.append(
            Instance(f"Strassen {number}, depth {1 + number % 2}", lambda k=number: _strassen_within(k, step, lost))
        )
    for number in range(24):
        cases.append(Instance(f"three products {number}", lambda k=number: _three(k, imaginary, by_element)))
        cases.append(Instance(f"Winograd {number}", lambda k=number: _winograd(k, winograd)))
    for exponent in range(4, 28, 4):
        u = Fraction(1, 2**exponent)
        for r, n in ((1, 1), (4, 2), (68, 2), (9, 3)):
            about = f"r = {r}, n = {n}, u = {u}: worst errors of each part, put together"
            cases.append(Instance(about, lambda a=(r, n, u): _compounded(*a, step, imaginary, by_element)))
    for n in (1, 2, 3, 7, 64, 1024, 1025, 4096):
        cases.append(Instance(f"strassen_growth({n}) of the package", lambda n=n: _package(n, step), "measured"))
    return cases


def _grown(m: int, u: Fraction) -> Fraction:
    return (1 + u) ** m - 1


def _inner(a: list[Fraction], b: list[Fraction], u: Side, eta: Side) -> Fraction:
    terms = [x * y * (1 + u()) + eta() for x, y in zip(a, b, strict=True)]
    return _summed(terms, u)


def _summed(terms: list[Fraction], u: Side) -> Fraction:
    total = terms[0]
    for term in terms[1:]:
        total = (total + term) * (1 + u())
    return total


def _blocks(A: Matrix) -> list[Matrix]:
    h = len(A) // 2
    return [[row[j : j + h] for row in A[i : i + h]] for i in (0, h) for j in (0, h)]


def _strassen(A: Matrix, B: Matrix, depth: int, u: Side, eta: Side) -> Matrix:
    """Every sum and product rounded; sums of four in a random order."""
    if not depth:
        return [[_inner(row, list(column), u, eta) for column in zip(*B, strict=True)] for row in A]

    def add(X: Matrix, Y: Matrix, sign: int = 1) -> Matrix:
        return [[(x + sign * y) * (1 + u()) for x, y in zip(*rows, strict=True)] for rows in zip(X, Y, strict=True)]

    def all_of(*terms: tuple[int, Matrix]) -> Matrix:
        h = len(terms[0][1])
        return [[_summed([s * X[i][j] for s, X in terms], u) for j in range(h)] for i in range(h)]

    def times(X: Matrix, Y: Matrix) -> Matrix:
        return _strassen(X, Y, depth - 1, u, eta)

    (a, b, c, d), (e, f, g, h) = _blocks(A), _blocks(B)
    M1, M2, M3 = times(add(a, d), add(e, h)), times(add(c, d), e), times(a, add(f, h, -1))
    M4, M5 = times(d, add(g, e, -1)), times(add(a, b), h)
    M6, M7 = times(add(c, a, -1), add(e, f)), times(add(b, d, -1), add(g, h))
    top = zip(all_of((-1, M5), (1, M4), (1, M7), (1, M1)), all_of((1, M3), (1, M5)), strict=True)
    bottom = zip(all_of((1, M2), (1, M4)), all_of((-1, M2), (1, M3), (1, M6), (1, M1)), strict=True)
    return [left + right for left, right in (*top, *bottom)]


def _strassen_within(number: int, step: Step, lost: Callable[[Fraction], Fraction]) -> bool:
    """Entries ±1, or all zero where only underflow counts; every rounding and underflow to a random side."""
    rng = np.random.default_rng(number)
    depth, s = 1 + number % 2, 1 + number % 4 // 3
    size = s * 2**depth
    u, eta = Fraction(1, 2 ** (3 + number % 8)), Fraction(1, 3) if number % 5 == 0 else Fraction(0)
    largest = 0 if number % 10 == 0 else 1
    A, B = ([[Fraction(int(x)) * largest for x in row] for row in rng.choice([-1, 1], (size, size))] for _ in range(2))
    sides = [lambda v=v: v * int(rng.choice([-1, 1])) for v in (u, eta)]
    found = _strassen(A, B, depth, *sides)
    r, below = s * s, (2 * s - 1) * (1 + u) ** (s - 1) * eta
    for level in range(depth):
        r, below = step(r, s * 2**level), lost(u) * below
    bound = _grown(r, u) * largest + below
    exact = [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*B, strict=True)] for row in A]
    return all(abs(x - y) <= bound for rows in zip(found, exact, strict=True) for x, y in zip(*rows, strict=True))


def _three(number: int, imaginary: Step, by_element: Callable[[int], int]) -> bool:
    """Complex inner products of n terms by three real ones; moduli are those of (3 + 4i) and (5 + 12i), turned."""
    rng = np.random.default_rng(number)
    n, u, eta = 1 + number % 3, Fraction(1, 2 ** (3 + number % 8)), Fraction(number % 2, 100)

    def data(leg: int, other: int) -> list[tuple[Fraction, Fraction]]:
        pairs = [(leg, other) if rng.integers(2) else (other, leg) for _ in range(n)]
        return [(Fraction(int(rng.choice([-1, 1])) * x), Fraction(int(rng.choice([-1, 1])) * y)) for x, y in pairs]

    def side(v: Fraction) -> Side:
        return lambda: v * int(rng.choice([-1, 1]))

    (a, b), (c, d) = (zip(*data(*legs), strict=True) for legs in ((3, 4), (5, 12)))
    s, t = ([(x + y) * (1 + side(u)()) for x, y in zip(*both, strict=True)] for both in ((a, b), (c, d)))
    T1, T2, T3 = (_inner(list(x), list(y), side(u), side(eta)) for x, y in ((a, c), (b, d), (s, t)))
    re = _summed([T1, -T2], side(u))
    exact_re = sum(x * y for x, y in zip(a, c, strict=True)) - sum(x * y for x, y in zip(b, d, strict=True))
    exact_im = sum(x * y for x, y in zip(a, d, strict=True)) + sum(x * y for x, y in zip(b, c, strict=True))
    below = (2 * n - 1) * (1 + u) ** (n - 1) * eta
    within = []
    for order in permutations((T3, -T1, -T2)):
        off = abs(_summed(list(order), side(u)) - exact_im)
        within.append(off <= 3 * _grown(by_element(n), u) * 65 * n + 3 * (1 + u) ** 2 * below)
        within.append(off <= _grown(imaginary(n * n, n), u) * 65 + 3 * (1 + u) ** 2 * below)
    within.append(abs(re - exact_re) <= _grown(n + 1, u) * 65 * n + 2 * (1 + u) * below)
    return all(within)


def _winograd(number: int, roundings: int) -> bool:
    """Both outputs of a tile; every other one with data that make all three products as large as they can be."""
    rng = np.random.default_rng(number)
    u, eta = Fraction(1, 2 ** (5 + number % 8)), Fraction(number % 2, 100)
    outward = number % 4 == 0
    window = [Fraction(0), Fraction(0), Fraction(1)] if outward else [Fraction(int(x)) for x in rng.integers(-9, 10, 3)]
    taps = [Fraction(1), Fraction(0), Fraction(0)] if outward else [Fraction(int(x)) for x in rng.integers(-9, 10, 3)]
    bias = Fraction(0) if outward else Fraction(int(rng.integers(-9, 10)))

    def up() -> Fraction:
        return u if outward else u * int(rng.choice([-1, 1]))

    def down() -> Fraction:
        return -u if outward else up()

    (x, y, z), (e, f, g) = window, taps
    halves = [_summed([e, f, g], up) / 2, _summed([e, -f, g], up) / 2]
    w1 = (x - z) * (1 + down()) * e * (1 + down()) + eta
    w2 = (y + z) * (1 + up()) * halves[0] * (1 + up()) + eta
    w3 = (z - y) * (1 + up()) * halves[1] * (1 + up()) + eta
    found = _summed([w2, w3, w1, bias], up)
    moduli = sum(map(abs, window)) * sum(map(abs, taps))
    bound = 2 * _grown(roundings, u) * moduli + _grown(3, u) * abs(bias) + 3 * (1 + u) ** 3 * eta
    return abs(found - (x * e + y * f + z * g + bias)) <= bound


def _compounded(r: int, n: int, u: Fraction, step: Step, imaginary: Step, by_element: Callable[[int], int]) -> bool:
    """The largest errors of all parts at once, which no data need have: what the exponents stand for."""
    q, g = 1 + u, _grown(r, u)
    strassen = 8 * (q**5 * (g + n) - n) + 4 * (q**4 * (g + n) - n)
    parts = q**2 * (2 * (q**2 * (g + n) - n) + 2 * g) + 3 * n * u * q + 2 * n * u
    elements = 2 * _grown(n + 4, u) + _grown(n + 2, u)
    return bool(
        strassen <= _grown(step(r, n), u)
        and parts <= _grown(imaginary(r, n), u)
        and elements <= 3 * _grown(by_element(n), u)
    )


def _package(n: int, step: Step) -> bool:
    """Its bound is that of one step, and of as many as it says, padded; of three products too."""
    model = rounding.default_model("float32", algorithm="normwise")
    u = 2.0**-24
    s, halvings = n, 0
    while s > 1 and (halvings == 0 or s > 512):
        s, halvings = -(-s // 2), halvings + 1
    r = s * s
    for level in range(halvings):
        r = step(r, s * 2**level)
    lost = (2 * s - 1) * (4 * (1 + u) ** 3) ** halvings * 2.0**-150
    return bool(
        rounding.strassen_growth(n, model) >= rounding.gamma(r, u) * (1 - 1e-12)
        and rounding.strassen_growth(n, model, complex_values=True) >= rounding.gamma(6 * r + 11 * n, u) * (1 - 1e-12)
        and rounding.strassen_underflow(n, model) >= lost * (1 - 1e-12)
        and rounding.three_products_growth(n, u) >= 3 * rounding.gamma(n + 4, u) + rounding.gamma(n + 1, u)
    )
