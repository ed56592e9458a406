"""Formats: rounding in rational numbers, held to u, η and what the machine-checked theorems say of each format."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from monarch_theory.formats import FORMATS, Format, round_to
from monarch_theory.proving import Instance

SIZES = "2000 numbers and 500 sums for each of four formats, boundaries and subnormals among them"
MUTATIONS: dict[str, dict] = {
    "half the roundoff": {"roundoff": Fraction(1, 2)},
    "half the underflow": {"underflow": Fraction(1, 2)},
    "no product underflows either": {"product_is_safe": True},
}


def instances(
    roundoff: Fraction = Fraction(1), underflow: Fraction = Fraction(1), product_is_safe: bool = False
) -> list[Instance]:
    cases = []
    for kind in FORMATS:
        u, eta = roundoff / 2**kind.precision, underflow * Fraction(kind.smallest_subnormal) / 2
        x = _numbers(kind)
        cases.append(Instance(f"{kind.name}: one rounding", lambda k=kind, x=x, u=u, e=eta: _rounds(k, x, u, e)))
        cases.append(Instance(f"{kind.name}: sums do not underflow", lambda k=kind, u=u: _sums(k, u)))
        if product_is_safe:
            cases.append(Instance(f"{kind.name}: products do not", lambda k=kind, u=u: _products(k, u)))
        cases.append(Instance(f"{kind.name}: the theorem names its u and η", lambda k=kind: _named(k)))
    return cases


def _numbers(kind: Format) -> list[Fraction]:
    """Rationals around every power of two, at ties and beside them, and in the subnormal range."""
    rng = np.random.default_rng(0)
    least = Fraction(kind.smallest_subnormal)
    scales = [least * 2**k for k in (0, 1, 2, kind.precision - 1, kind.precision, 2 * kind.precision)] + [Fraction(1)]
    found = [s * m for s in scales for m in (Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(49, 100))]
    found += [s * (1 + Fraction(1, 2**kind.precision)) for s in scales]
    drawn = rng.integers(-(2**62), 2**62, 2000 - len(found)).tolist()
    return found + [Fraction(m, 2**62) * scales[k % len(scales)] * 5 for k, m in enumerate(drawn)]


def _nearest(kind: Format, x: Fraction) -> Fraction:
    """To nearest, ties to even, in integers."""
    if x == 0:
        return x
    exponent = max(_floor_log2(abs(x)) + 1 - kind.precision, kind.exponent_min + 1 - kind.precision)
    step = Fraction(2) ** exponent
    return round(x / step) * step  # Python rounds halves to even


def _floor_log2(x: Fraction) -> int:
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if Fraction(2) ** e <= x else e - 1


def _rounds(kind: Format, numbers: list[Fraction], u: Fraction, eta: Fraction) -> bool:
    least_normal = Fraction(2) ** kind.exponent_min
    for x in numbers:
        y = _nearest(kind, x)
        # δ and ε are never both needed
        if abs(y - x) > (u * abs(x) if abs(x) >= least_normal else eta):
            return False
        if float(x) == x and Fraction(float(round_to(float(x), kind))) != y:
            return False
    return True


def _drawn(kind: Format) -> list[tuple[Fraction, Fraction]]:
    rng = np.random.default_rng(1)
    numbers = [_nearest(kind, x) for x in _numbers(kind)[:400]]
    return [(numbers[a], numbers[b]) for a, b in rng.integers(0, len(numbers), (500, 2))]


def _sums(kind: Format, u: Fraction) -> bool:
    return all(abs(_nearest(kind, x + y) - (x + y)) <= u * abs(x + y) for x, y in _drawn(kind))


def _products(kind: Format, u: Fraction) -> bool:
    return all(abs(_nearest(kind, x * y) - x * y) <= u * abs(x * y) for x, y in _drawn(kind))


def _named(kind: Format) -> bool:
    """`Theorem NAME_model : meets_the_model NAME (-p) (e - 1).`, with NAME defined as (e, p)."""
    source = (Path(__file__).parent / "theorem.v").read_text(encoding="utf-8")
    e = kind.exponent_min - kind.precision + 1
    defined = re.search(rf"Definition {kind.name} : Z \* Z := \((-?\d+), (\d+)\)%Z\.", source)
    proved = re.search(rf"Theorem {kind.name}_model : meets_the_model {kind.name} \((-\d+)\) \((-\d+)\)\.", source)
    return (
        defined is not None
        and proved is not None
        and defined.groups() == (str(e), str(kind.precision))
        and proved.groups() == (str(-kind.precision), str(e - 1))
        and kind.smallest_subnormal == 2.0**e
    )
