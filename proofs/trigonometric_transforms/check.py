"""Cosine and sine transforms by two Monarch matrices: over fields with the roots, by definition; in doubles."""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from monarch_theory.domains import FLOAT64, PrimeField
from monarch_theory.expressivity import constructions
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.constructions.product import MonarchSum
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.proving import Instance

SIZES = "b, c even, b c ≤ 48; all eight types, over prime fields and in float64"
MUTATIONS: dict[str, dict] = {
    "one Monarch matrix is enough": {"terms": 1},
    "a whole turn is half as many units": {"turn": lambda product: product // 2},
    "the angle φ reads the last digit of i alone": {"inner": lambda i, b: i % b},
    "minors of a slice are products of cosines": {"odd": False},
}

TYPES = {
    "dct1": ((1, 0), (1, 0)), "dst1": ((1, 1), (1, 1)), "dct2": ((1, 0), (2, 1)), "dst2": ((1, 1), (2, 1)),
    "dct3": ((2, 1), (1, 0)), "dst3": ((2, 1), (1, 1)), "dct4": ((2, 1), (2, 1)), "dst4": ((2, 1), (2, 1)),
}  # fmt: skip
"""(α, β) of rows and (γ, δ) of columns."""


def instances(
    terms: int = 2,
    turn: Callable[[int], int] = lambda product: product,
    inner: Callable[[int, int], int] = lambda i, b: i,
    odd: bool = True,
) -> list[Instance]:
    cases = []
    for radices in ((2, 4), (4, 4), (2, 6), (6, 4), (4, 8), (6, 8)):
        for name in TYPES:
            about = f"{name} of radices {radices}"
            cases.append(Instance(f"{about}, its terms", lambda n=name, r=radices: _terms(n, r, terms)))
            cases.append(Instance(f"{about}, angles", lambda n=name, r=radices: _angles(n, r, turn, inner)))
            cases.append(Instance(f"{about}, minors", lambda n=name, r=radices: _minors(n, r, odd)))
            cases.append(Instance(f"{about} in float64", lambda n=name, r=radices: _in_doubles(n, r), "measured"))
    return cases


def _whole(name: str, radices: tuple[int, int]) -> int:
    (alpha, _), (gamma, _) = TYPES[name]
    return alpha * gamma * radices[0] * radices[1]


def _field(order: int) -> PrimeField:
    """With a root of that order, and of order 4."""
    step = order if order % 4 == 0 else 2 * order
    q = step + 1
    while any(q % d == 0 for d in range(2, int(q**0.5) + 1)):
        q += step
    return PrimeField(q)


def _circle(order: int, q: int) -> tuple[list[int], list[int]]:
    """(z^x + z^−x)/2 and (z^x − z^−x)/2i for x below the order, by Python's integers."""
    field = PrimeField(q)
    z, i, half = int(field.root_of_unity(order)), int(field.root_of_unity(4)), pow(2, -1, q)
    powers = [(pow(z, x, q), pow(z, -x, q)) for x in range(order)]
    return [(a + b) * half % q for a, b in powers], [(a - b) * half * pow(i, -1, q) % q for a, b in powers]


def _defined(name: str, radices: tuple[int, int], rows: int, columns: int, q: int) -> np.ndarray:
    (alpha, beta), (gamma, delta) = TYPES[name]
    order = _whole(name, radices)
    values = _circle(order, q)[name.startswith("dst")]
    return np.array(
        [[values[(alpha * i + beta) * (gamma * j + delta) % order] for j in range(columns)] for i in range(rows)]
    )


def _terms(name: str, radices: tuple[int, int], terms: int) -> bool:
    """The package's terms are Monarch, no more than said, and add up to the transform."""
    field = _field(_whole(name, radices))
    built = getattr(constructions, name)(radices, field)
    summed = isinstance(built, MonarchSum)
    parts = [product.factors[0] for product in built.terms] if summed else built.terms()
    dense = [part.dense() for part in parts]
    kind = MonarchClass((parts[0].input_radices), parts[0].output_radices)
    whole = field.normal(sum(dense))
    wanted = field.array(_defined(name, radices, *whole.shape, field.q))
    members = all(membership_of(part, kind, domain=field).member for part in dense)
    corner = built.dense()
    same = field.equal(whole, wanted) and field.equal(corner, wanted[: corner.shape[0], : corner.shape[1]])
    return members and same and len(dense) <= terms


def _angles(name: str, radices: tuple[int, int], turn: Callable[[int], int], inner: Callable[[int, int], int]) -> bool:
    """(α i + β)(γ j + δ) is ψ + φ and (i / b)(j / c) whole turns: ψ reads i mod b and j / c, φ reads i and j mod c."""
    (alpha, beta), (gamma, delta) = TYPES[name]
    b, c = radices
    order = turn(_whole(name, radices))
    for i in range(b * c):
        for j in range(b * c):
            psi = (alpha * (i % b) + beta) * gamma * (j // c) * c
            phi = (alpha * inner(i, b) + beta) * (gamma * (j % c) + delta)
            difference = (alpha * i + beta) * (gamma * j + delta) - psi - phi
            if difference != order * (i // b) * (j // c):
                return False
    return True


def _minors(name: str, radices: tuple[int, int], odd: bool) -> bool:
    """cos(x + y) cos(x′ + y′) − cos(x + y′) cos(x′ + y) = − sin(x − x′) sin(y − y′), over a field."""
    order = _whole(name, radices)
    q = _field(order).q
    cosines, sines = _circle(order, q)
    chosen = list(range(0, order, max(1, order // 5)))
    for x, x2 in combinations(chosen, 2):
        for y, y2 in combinations(chosen, 2):
            minor = cosines[(x + y) % order] * cosines[(x2 + y2) % order]
            minor -= cosines[(x + y2) % order] * cosines[(x2 + y) % order]
            part = sines if odd else cosines
            if (minor + part[(x - x2) % order] * part[(y - y2) % order]) % q:
                return False
    return True


def _in_doubles(name: str, radices: tuple[int, int]) -> bool:
    """Beside NumPy's cosine: angles below 4π N² are off by some units of the last place, relative."""
    built = getattr(constructions, name)(radices, FLOAT64).dense()
    (alpha, beta), (gamma, delta) = TYPES[name]
    i, j = np.indices(built.shape)
    angles = (alpha * i + beta) * (gamma * j + delta) * (2 * np.pi / _whole(name, radices))
    wanted = np.sin(angles) if name.startswith("dst") else np.cos(angles)
    allowed = 4 * np.finfo(float).eps * (1 + angles.max())
    return bool(np.abs(built - wanted).max() <= allowed)
