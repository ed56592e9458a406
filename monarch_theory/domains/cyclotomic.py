"""The cyclotomic field ℚ(ζ_n): polynomials in ζ = e^(2πi/n) modulo the n-th cyclotomic polynomial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import flint
import numpy as np

from monarch_theory.domains.domain import Domain, NoRootOfUnityError, elementwise
from monarch_theory.domains.rational import RATIONALS

if TYPE_CHECKING:
    import sympy

__all__ = ["Cyclotomic", "CyclotomicNumber"]


@lru_cache
def _modulus(n: int) -> flint.fmpq_poly:
    return flint.fmpq_poly(flint.fmpz_poly.cyclotomic(n))


@dataclass(frozen=True, slots=True, eq=False)
class CyclotomicNumber:
    """An element of ℚ(ζ_n), reduced: `polynomial` has degree below φ(n).

    >>> i = CyclotomicNumber.power_of_zeta(4, 1)
    >>> (1 + 2 * i) * (1 - 2 * i), 1 / (1 + i)
    (CyclotomicNumber(5), CyclotomicNumber(1/2 - ζ4/2))
    """

    n: int
    polynomial: flint.fmpq_poly

    @staticmethod
    def of(n: int, coefficients: Iterable[Any]) -> CyclotomicNumber:
        """The number Σ_k c_k ζ_n^k for rational `coefficients` c_0, c_1, …"""
        return CyclotomicNumber(n, flint.fmpq_poly(list(coefficients)) % _modulus(n))

    @staticmethod
    def power_of_zeta(n: int, exponent: int) -> CyclotomicNumber:
        """ζ_n to the given power."""
        return CyclotomicNumber.of(n, [0] * (exponent % n) + [1])

    def _coerce(self, other: Any) -> flint.fmpq_poly | None:
        if isinstance(other, CyclotomicNumber):
            if other.n != self.n:
                raise TypeError(f"expected numbers of one field, got Q(zeta_{self.n}) and Q(zeta_{other.n})")
            return other.polynomial
        if isinstance(other, int | np.integer):
            return flint.fmpq_poly([int(other)])
        return flint.fmpq_poly([other]) if isinstance(other, flint.fmpq | flint.fmpz) else None

    def __add__(self, other: Any) -> CyclotomicNumber:
        value = self._coerce(other)
        return NotImplemented if value is None else CyclotomicNumber(self.n, self.polynomial + value)

    __radd__ = __add__

    def __neg__(self) -> CyclotomicNumber:
        return CyclotomicNumber(self.n, -self.polynomial)

    def __sub__(self, other: Any) -> CyclotomicNumber:
        value = self._coerce(other)
        return NotImplemented if value is None else CyclotomicNumber(self.n, self.polynomial - value)

    def __rsub__(self, other: Any) -> CyclotomicNumber:
        return -self + other

    def __mul__(self, other: Any) -> CyclotomicNumber:
        value = self._coerce(other)
        return NotImplemented if value is None else CyclotomicNumber(self.n, self.polynomial * value % _modulus(self.n))

    __rmul__ = __mul__

    def reciprocal(self) -> CyclotomicNumber:
        """1 / self; `ZeroDivisionError` at zero."""
        if not self:
            raise ZeroDivisionError("reciprocal of zero")
        return CyclotomicNumber(self.n, self.polynomial.xgcd(_modulus(self.n))[1])

    def __truediv__(self, other: Any) -> CyclotomicNumber:
        value = self._coerce(other)
        return NotImplemented if value is None else self * CyclotomicNumber(self.n, value).reciprocal()

    def __rtruediv__(self, other: Any) -> CyclotomicNumber:
        return self.reciprocal() * other

    def __pow__(self, exponent: int) -> CyclotomicNumber:
        base = self if exponent >= 0 else self.reciprocal()
        result = CyclotomicNumber.of(self.n, [1])
        for bit in bin(abs(exponent))[2:]:
            result = result * result * base if bit == "1" else result * result
        return result

    def conjugate(self) -> CyclotomicNumber:
        """Complex conjugate: ζ ↦ ζ⁻¹."""
        reflected = CyclotomicNumber.power_of_zeta(self.n, -1).polynomial
        return CyclotomicNumber(self.n, self.polynomial(reflected) % _modulus(self.n))

    def __eq__(self, other: object) -> bool:
        value = self._coerce(other)
        return NotImplemented if value is None else bool(self.polynomial == value)

    def __hash__(self) -> int:
        return hash((self.n, tuple(self.polynomial.coeffs())))

    def __bool__(self) -> bool:
        return self.polynomial.degree() >= 0

    @staticmethod
    def zeta(n: int) -> sympy.Symbol:
        """The symbol that stands for ζ_n in print."""
        import sympy

        return sympy.Symbol(f"ζ{n}")

    def as_expression(self) -> sympy.Expr:
        """The number as a SymPy polynomial in the symbol `zeta(n)`."""
        import sympy

        coefficients = [sympy.Rational(int(c.p), int(c.q)) for c in reversed(self.polynomial.coeffs())]
        return sympy.Poly(coefficients or [0], self.zeta(self.n)).as_expr()

    def __complex__(self) -> complex:
        return complex(sum(
            int(c.p) / int(c.q) * np.exp(2j * np.pi * k / self.n) for k, c in enumerate(self.polynomial.coeffs())
        ))  # fmt: skip

    def __str__(self) -> str:
        return str(self.as_expression())

    def __repr__(self) -> str:
        return f"CyclotomicNumber({self})"


@dataclass(frozen=True)
class Cyclotomic(Domain):
    """The cyclotomic field ℚ(ζ_n), ζ_n = e^(2πi/n), with elements `CyclotomicNumber`.

    >>> field = Cyclotomic(8)
    >>> i = field.root_of_unity(4)
    >>> field.conjugate(field.array([i, i * i, 3]))
    array([CyclotomicNumber(-ζ8**2), CyclotomicNumber(-1), CyclotomicNumber(3)],
          dtype=object)
    """

    n: int
    dtype: ClassVar[np.dtype] = np.dtype(object)  # type: ignore[misc]

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or self.n < 1:
            raise ValueError(f"n: expected a positive integer, got {self.n!r}")

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"Q(zeta_{self.n})"

    def scalar(self, value: Any) -> CyclotomicNumber:
        if isinstance(value, CyclotomicNumber):
            if value.n != self.n:
                raise TypeError(f"a number of Q(zeta_{value.n}), not of {self.name}")
            return value
        return CyclotomicNumber.of(self.n, [RATIONALS.scalar(value)])

    def to_sympy(self, value: CyclotomicNumber) -> sympy.Expr:
        return value.as_expression()

    def from_sympy(self, expression: sympy.Expr) -> CyclotomicNumber:
        import sympy

        coefficients = sympy.Poly(expression, CyclotomicNumber.zeta(self.n)).all_coeffs()[::-1]
        return CyclotomicNumber.of(self.n, [RATIONALS.scalar(c) for c in coefficients])

    @property
    def sympy_options(self) -> dict[str, Any]:
        import sympy

        return {"domain": sympy.QQ[CyclotomicNumber.zeta(self.n)]}

    def reciprocal(self, value: CyclotomicNumber) -> CyclotomicNumber:
        return value.reciprocal()

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        return elementwise(CyclotomicNumber.conjugate, a)

    def root_of_unity(self, n: int) -> CyclotomicNumber:
        if self.n % n == 0:
            return CyclotomicNumber.power_of_zeta(self.n, self.n // n)
        if self.n % 2 and (2 * self.n) % n == 0:
            # an odd field also holds −1: the root of order 2m whose square is ζ_m
            return -(self.root_of_unity(n // 2) ** ((n // 2 + 1) // 2))
        raise NoRootOfUnityError(f"domain: expected one with a primitive {n}-th root of unity, got {self.name}")

    def embed(self, a: np.ndarray) -> np.ndarray:
        """The complex numbers that the scalars stand for, complex128."""
        return elementwise(complex, a).astype(complex)
