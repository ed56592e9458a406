"""Random errors in norm: every course that roundings may take, with its probability, in rational numbers."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache

import flint

from monarch_theory import rounding
from monarch_theory.proving import Instance

Course = tuple[Fraction, ...]
Vector = tuple[Fraction, ...]
Law = Callable[[Course, Fraction], list[tuple[Fraction, Fraction]]]
"""Probabilities and values of the next rounding, given those before it and u."""
By = Callable[[Course], Vector]
"""What the next rounding is multiplied by, given those before it."""

SIZES = "8 roundings, 3 dimensions, four choices of vectors, three laws; transforms of 2 and 4 points; λ of the package"
MUTATIONS: dict[str, dict] = {
    "the tail is of exp(-c²)": {"tail": lambda c: 2 * (-(c * c)).exp()},
    "V is the largest square": {"energy": max},
    "roundings may be biased": {"biased": "upward"},
    "a mean of zero is enough before the past is known": {"biased": "as the first"},
    "vectors may depend on their own rounding": {"own": True},
    "later stages count once, not squared": {"power": 1},
}


def instances(
    tail: Callable[[flint.arb], flint.arb] = lambda c: 2 * (-(c * c) / 2).exp(),
    energy: Callable[[list[Fraction]], Fraction] = sum,  # type: ignore[assignment]
    biased: str | None = None,
    own: bool = False,
    power: int = 2,
) -> list[Instance]:
    laws = LAWS if biased is None else {biased: BIASED[biased]}
    cases = []
    for law_name, law in laws.items():
        for name, by in VECTORS.items():
            about = f"8 roundings, {name}, {law_name}"
            cases.append(Instance(about, lambda w=law, b=by: _rare(w, b, tail, energy, own)))
        for points in (2, 4):
            about = f"a transform of {points} points, its entries rounded before and after, {law_name}"
            cases.append(Instance(about, lambda w=law, n=points: _transform(w, n, tail, power)))
    cases.append(Instance("λ of the package", _package, "measured"))
    return cases


def _signs(past: Course, u: Fraction) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(1, 2), u), (Fraction(1, 2), -u)]


def _lopsided(past: Course, u: Fraction) -> list[tuple[Fraction, Fraction]]:
    """The further up it went, the further down and the seldomer it may go."""
    k = 1 + sum(d > 0 for d in past)
    return [(Fraction(k, k + 1), u / k), (Fraction(1, k + 1), -u)]


def _stops(past: Course, u: Fraction) -> list[tuple[Fraction, Fraction]]:
    """No rounding any more once it is off by 2u."""
    return [(Fraction(1), Fraction(0))] if abs(sum(past)) >= 2 * u else _signs(past, u)


LAWS: dict[str, Law] = {"either way": _signs, "lopsided": _lopsided, "until it is off": _stops}
BIASED: dict[str, Law] = {
    "upward": lambda past, u: [(Fraction(1), u)],
    "as the first": lambda past, u: [(Fraction(1), past[0])] if past else _signs(past, u),
}


def _line(past: Course) -> Vector:
    return (Fraction(1),)


def _turning(past: Course) -> Vector:
    """Along three axes in turn."""
    return tuple(Fraction(k == len(past) % 3) for k in range(3))


@cache
def _across(past: Course) -> Vector:
    """Across what has been added up so far, so that it only grows; of length one as nearly as a fraction comes."""
    x, y = _sum(_across, past) if past else (Fraction(1), Fraction(0))
    if x == y == 0:
        return (Fraction(1), Fraction(0))
    largest = max(abs(x), abs(y))
    return (-y / largest, x / largest)


def _spending(past: Course) -> Vector:
    """What goes up goes on; what goes down may move half as far from then on."""
    return (Fraction(1, 2 ** sum(d < 0 for d in past)), Fraction(0))


VECTORS: dict[str, By] = {
    "along a line": _line,
    "axis after axis": _turning,
    "across the sum": _across,
    "shorter when it went down": _spending,
}
LIMITS = [Fraction(k, 8) for k in (1, 4, 8, 12, 16, 20, 28)]
"""c of the statement."""
U = Fraction(1, 9)


def _sum(by: By, ds: Course) -> Vector:
    terms = [tuple(d * a for a in by(ds[:k])) for k, d in enumerate(ds)]
    return tuple(map(sum, zip(*terms, strict=True)))  # type: ignore[arg-type]


def _courses(n: int, law: Law, past: Course = ()) -> Iterator[tuple[Fraction, Course]]:
    """(probability, the n roundings)."""
    if len(past) == n:
        yield Fraction(1), past
        return
    for p, d in law(past, U):
        yield from ((p * q, found) for q, found in _courses(n, law, (*past, d)))


def _squares(x: Sequence[Fraction]) -> Fraction:
    return sum((a * a for a in x), Fraction(0))


def _seldom(off: list[tuple[Fraction, Fraction]], most: Fraction, tail: Callable[[flint.arb], flint.arb]) -> bool:
    """Of (probability, square of the norm): larger than c²u² times the energy seldom enough, for every c."""
    for c in LIMITS:
        failing = sum((p for p, square in off if square > c * c * U * U * most), Fraction(0))
        if not _ball(failing) <= tail(_ball(c)):
            return False
    return True


def _ball(x: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(x.numerator, x.denominator))


def _rare(
    law: Law,
    by: By,
    tail: Callable[[flint.arb], flint.arb],
    energy: Callable[[list[Fraction]], Fraction],
    own: bool,
) -> bool:
    """`own`: the vector of a rounding is turned round where the rounding goes down."""
    off, most = [], Fraction(0)
    for p, ds in _courses(8, law):
        most = max(most, energy([_squares(by(ds[:k])) for k in range(len(ds))]))
        kept = tuple(map(abs, ds)) if own else ds
        total = _sum(lambda past, ds=ds: by(ds[: len(past)]), kept)
        off.append((p, _squares(total)))
    return _seldom(off, most, tail)


def _transform(law: Law, points: int, tail: Callable[[flint.arb], flint.arb], power: int) -> bool:
    """All entries are rounded, multiplied by √points times an isometry, and rounded again; then multiplied by half of
    it. What is off is the sum of the roundings times what is passed on of them, and the energy as stated."""
    hadamard = [[Fraction((-1) ** (i & j).bit_count()) for j in range(points)] for i in range(points)]
    x = [Fraction(3), Fraction(-1), Fraction(2), Fraction(5)][:points]

    def apply(v: Sequence[Fraction], scale: Fraction = Fraction(1)) -> list[Fraction]:
        return [scale * sum((h * a for h, a in zip(row, v, strict=True)), Fraction(0)) for row in hadamard]

    half = Fraction(1, 2)
    exact = apply(apply(x), half)
    off, energies = [], []
    for p, ds in _courses(2 * points, law):
        first = [a * (1 + d) for a, d in zip(x, ds[:points], strict=True)]
        between = apply(first)
        second = [a * (1 + d) for a, d in zip(between, ds[points:], strict=True)]
        error = [a - b for a, b in zip(apply(second, half), exact, strict=True)]
        off.append((p, _squares(error)))
        # s² of what comes later: points²/4 and points/4
        later = (Fraction(points * points, 4), Fraction(points, 4))
        if power == 1:
            later = (Fraction(1), Fraction(1, 4))
        energies.append(later[0] * _squares(x) + later[1] * _squares(between))
        passed = _passed_on(x, between, points, apply, half)
        if _sum(lambda past, v=passed: tuple(v[len(past)]), ds) != tuple(error):
            return False
        if sum(map(_squares, passed), Fraction(0)) > energies[-1]:
            return False
    return _seldom(off, max(energies), tail)


def _passed_on(
    x: Sequence[Fraction],
    between: Sequence[Fraction],
    points: int,
    apply: Callable[..., list[Fraction]],
    half: Fraction,
) -> list[list[Fraction]]:
    def unit(i: int, value: Fraction) -> list[Fraction]:
        return [value if k == i else Fraction(0) for k in range(points)]

    return [
        *(apply(apply(unit(i, x[i])), half) for i in range(points)),
        *(apply(unit(i, between[i]), half) for i in range(points)),
    ]


def _package() -> bool:
    """A failure of 2 exp(−λ²/2), and no less."""
    model = rounding.default_model("float32", failure=1e-9)
    limit = rounding.random_errors_in_norm(1.0, model) / model.accumulation.unit_roundoff
    return bool(abs(2 * flint.arb(-limit * limit / 2).exp() - 1e-9) < 1e-20)
