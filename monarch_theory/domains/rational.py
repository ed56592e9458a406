"""The integers and the rational numbers."""

from __future__ import annotations

from fractions import Fraction
from numbers import Integral, Rational
from typing import TYPE_CHECKING, Any

import flint
import numpy as np

from monarch_theory.domains.domain import Domain, NoRootOfUnityError

if TYPE_CHECKING:
    import sympy

__all__ = ["INTEGERS", "RATIONALS", "Integers", "Rationals"]


class Integers(Domain):
    """ℤ, as Python integers. Not a field: invert over `RATIONALS`."""

    name = "integers"
    dtype = np.dtype(object)
    is_field = False

    def scalar(self, value: Any) -> int:
        if isinstance(value, Integral | flint.fmpz) and not isinstance(value, bool | np.bool_):
            return int(value)
        raise TypeError(f"not an integer: {value!r}")

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"domain": "ZZ"}

    def reciprocal(self, value: Any) -> Any:
        if value in (1, -1):
            return value
        raise ValueError("domain: expected a field to divide in, got integers")

    def root_of_unity(self, n: int) -> int:
        if n not in (1, 2):
            raise NoRootOfUnityError(f"domain: expected one with a primitive {n}-th root of unity, got {self.name}")
        return 1 if n == 1 else -1


class Rationals(Domain):
    """ℚ, as `flint.fmpq`. A float is accepted as the dyadic rational it is."""

    name = "rationals"
    dtype = np.dtype(object)

    def scalar(self, value: Any) -> flint.fmpq:
        if isinstance(value, flint.fmpq):
            return value
        if isinstance(value, flint.fmpz):
            return flint.fmpq(value)
        if isinstance(value, bool | np.bool_):
            raise TypeError("a truth value is not a number")
        if isinstance(value, Integral):
            return flint.fmpq(int(value))
        if isinstance(value, float | np.floating | Rational):
            exact = Fraction(float(value)) if isinstance(value, np.floating) else Fraction(value)
            return flint.fmpq(exact.numerator, exact.denominator)
        raise TypeError(f"not a rational: {value!r}")

    def to_sympy(self, value: flint.fmpq) -> sympy.Expr:
        import sympy

        return sympy.Rational(int(value.p), int(value.q))

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"domain": "QQ"}

    def reciprocal(self, value: Any) -> Any:
        return 1 / value

    def root_of_unity(self, n: int) -> flint.fmpq:
        return flint.fmpq(INTEGERS.root_of_unity(n))


INTEGERS, RATIONALS = Integers(), Rationals()
