"""Rounding with high probability: every course that roundings may take, with its probability, in rational numbers."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import exp, log, sqrt

import flint

from monarch_theory import rounding
from monarch_theory.proving import Instance

Law = Callable[[Sequence[Fraction], Fraction], list[tuple[Fraction, Fraction]]]
"""Probabilities and values of the next rounding, given those before it and u."""

SIZES = "products of up to 8 roundings, inner products of up to 4 terms, three laws, u = 2⁻¹¹ to 1/3; γ̃ of the package"
MUTATIONS: dict[str, dict] = {
    "the tail is of exp(-c²)": {"tail": lambda c: 2 * (-(c * c)).exp()},
    "growth without the square root of m": {"spread": lambda m: flint.arb(1)},
    "roundings may be biased": {"biased": "upward"},
    "a mean of zero is enough before the past is known": {"biased": "as the first"},
}


def instances(
    tail: Callable[[flint.arb], flint.arb] = lambda c: 2 * (-(c * c) / 2).exp(),
    spread: Callable[[int], flint.arb] = lambda m: flint.arb(m).sqrt(),
    biased: str | None = None,
) -> list[Instance]:
    laws = LAWS if biased is None else {biased: BIASED[biased]}
    cases = []
    for name, law in laws.items():
        for n, u in ((1, Fraction(1, 64)), (2, Fraction(1, 3)), (8, Fraction(1, 2**11)), (8, Fraction(1, 9))):
            cases.append(
                Instance(f"{n} roundings, {name}, u = {u}", lambda n=n, u=u, w=law: _product(n, u, w, tail, spread))
            )
        for shape in SUMS:
            about = f"inner product {shape}, {name}"
            cases.append(Instance(about, lambda s=shape, w=law: _inner(s, Fraction(1, 9), w, tail, spread)))
    for n in (1, 4, 1000, 10**6):
        cases.append(Instance(f"probabilistic_gamma({n}) of the package", lambda n=n: _package(n), "measured"))
    return cases


def _signs(past: Sequence[Fraction], u: Fraction) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(1, 2), u), (Fraction(1, 2), -u)]


def _lopsided(past: Sequence[Fraction], u: Fraction) -> list[tuple[Fraction, Fraction]]:
    """The further up it went, the further down and the seldomer it may go."""
    k = 1 + sum(d > 0 for d in past)
    return [(Fraction(k, k + 1), u / k), (Fraction(1, k + 1), -u)]


def _stops(past: Sequence[Fraction], u: Fraction) -> list[tuple[Fraction, Fraction]]:
    """No rounding any more once it is off by 2u."""
    return [(Fraction(1), Fraction(0))] if abs(sum(past)) >= 2 * u else _signs(past, u)


LAWS: dict[str, Law] = {"either way": _signs, "lopsided": _lopsided, "until it is off": _stops}
BIASED: dict[str, Law] = {
    "upward": lambda past, u: [(Fraction(1), u)],
    "as the first": lambda past, u: [(Fraction(1), past[0])] if past else _signs(past, u),
}
LIMITS = [Fraction(k, 8) for k in (1, 4, 6, 7, 8, 12, 16, 20, 28)]
"""c of the statement."""


def _courses(
    n: int, u: Fraction, law: Law, past: tuple[Fraction, ...] = ()
) -> Iterator[tuple[Fraction, tuple[Fraction, ...]]]:
    """(probability, the n roundings)."""
    if len(past) == n:
        yield Fraction(1), past
        return
    for p, d in law(past, u):
        yield from ((p * q, found) for q, found in _courses(n, u, law, (*past, d)))


def _ball(x: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(x.numerator, x.denominator))


def _rare(
    off: list[tuple[Fraction, Fraction]],
    m: int,
    n: int,
    u: Fraction,
    tail: Callable[[flint.arb], flint.arb],
    spread: Callable[[int], flint.arb],
) -> bool:
    """Of (probability, error relative to the moduli): larger than γ̃ seldom enough, for every limit c, by balls."""
    for limit in LIMITS:
        c = _ball(limit)
        growth = (c * spread(m) * _ball(u) + _ball(m * u * u / (1 - u))).exp() - 1
        failing = sum((p for p, error in off if not _ball(error) <= growth), Fraction(0))
        if not _ball(failing) <= n * tail(c):
            return False
    return True  # fmt: skip


def _product(
    n: int, u: Fraction, law: Law, tail: Callable[[flint.arb], flint.arb], spread: Callable[[int], flint.arb]
) -> bool:
    """All n roundings, and every other one."""
    courses = list(_courses(n, u, law))
    for path in (range(n), range(0, n, 2)):
        off = [(p, abs(_times(ds, path) - 1)) for p, ds in courses]
        if not _rare(off, len(path), 1, u, tail, spread):
            return False
    return True


def _times(ds: Sequence[Fraction], path: range) -> Fraction:
    found = Fraction(1)
    for k in path:
        found *= 1 + ds[k]
    return found


SUMS: tuple = ((3, -2), ((1, 1), 1), ((5, -3), (2, 7)))
"""Terms, in the order in which they are added up."""


def _inner(
    shape: object, u: Fraction, law: Law, tail: Callable[[flint.arb], flint.arb], spread: Callable[[int], flint.arb]
) -> bool:
    terms = _terms(shape)
    n, true, moduli = len(terms), sum(terms), sum(map(abs, terms))
    courses = _courses(2 * n - 1, u, law)
    off = [(p, abs(_computed(shape, iter(ds)) - true) / moduli) for p, ds in courses]
    return _rare(off, n, n, u, tail, spread)


def _terms(shape: object) -> list[Fraction]:
    return [x for part in shape for x in _terms(part)] if isinstance(shape, tuple) else [Fraction(shape)]  # type: ignore[arg-type]


def _computed(shape: object, ds: Iterator[Fraction]) -> Fraction:
    """Every product and every sum is rounded once, a sum after its parts."""
    found = sum(_computed(part, ds) for part in shape) if isinstance(shape, tuple) else Fraction(shape)  # type: ignore[arg-type]
    return found * (1 + next(ds))


def _package(n: int) -> bool:
    """It is at least γ̃ where 2n exp(−c²/2) is the failure probability, and not much larger."""
    u, failure = 2.0**-24, 1e-9
    c = sqrt(2 * log(2 * n / failure))
    least = exp(c * sqrt(n) * u + n * u * u / (1 - u)) - 1
    return least * (1 - 1e-7) <= rounding.probabilistic_gamma(n, u, failure) <= 1.001 * least
