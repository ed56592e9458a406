"""Scalar domains: the numbers a Monarch matrix is made of.

Every algorithm of this package is written once, over arrays, and takes its scalars from a `Domain`. A domain says how
an array of its scalars is stored, how products are brought back to normal form, how blocks are inverted, and which
roots of unity it has.

| domain          | stored as                     | exact |
|-----------------|-------------------------------|-------|
| `FLOAT64`, …    | NumPy floating or complex     | no    |
| `INTEGERS`      | object array of `int`         | yes   |
| `RATIONALS`     | object array of `flint.fmpq`  | yes   |
| `Cyclotomic(n)` | object array of `CyclotomicNumber` | yes   |
| `PrimeField(q)` | int64 array in [0, q), q < 2³¹ | yes   |
| `SYMBOLIC`      | object array of expanded `sympy.Expr` | yes |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd
from numbers import Integral
from typing import Any, ClassVar

import flint
import numpy as np
import sympy

from monarch_theory.cyclotomic import CyclotomicNumber

__all__ = [
    "COMPLEX64", "COMPLEX128", "FLOAT32", "FLOAT64", "INTEGERS", "RATIONALS", "SYMBOLIC",
    "Cyclotomic", "Domain", "Floating", "Integers", "NoRootOfUnityError", "PrimeField", "Rationals",
    "SingularBlockError", "Symbolic", "prime_with_root",
]  # fmt: skip


class SingularBlockError(ValueError):
    """A block that had to be inverted is singular."""


class NoRootOfUnityError(ValueError):
    """The domain has no primitive root of unity of the order asked for."""


class Domain(ABC):
    """A commutative ring of scalars, with arrays of them.

    Arrays hold scalars in normal form; `+`, `-` and `*` of NumPy followed by `normal` are the ring operations.
    """

    name: str
    dtype: np.dtype
    exact: ClassVar[bool] = True
    is_field: ClassVar[bool] = True

    @abstractmethod
    def scalar(self, value: Any) -> Any:
        """`value` as a scalar of this domain; `TypeError` when it is not one."""

    @abstractmethod
    def reciprocal(self, value: Any) -> Any:
        """Inverse of a scalar in normal form that is not zero."""

    @abstractmethod
    def root_of_unity(self, n: int) -> Any:
        """A primitive n-th root of unity, with root(n·m)^m = root(n); `NoRootOfUnityError` where there is none."""

    def array(self, values: Any, *, name: str = "values") -> np.ndarray:
        """An array of scalars of this domain, same shape as `values`, never cast from a wider domain.

        Raises:
            TypeError: some entry is not a scalar of this domain; the message names the argument `name`.
        """
        source = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        result = np.empty(source.shape, dtype=self.dtype)
        for position in np.ndindex(source.shape):
            try:
                result[position] = self.scalar(source[position])
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"{name}: expected scalars of {self.name}, got {source[position]!r} "
                    f"({type(source[position]).__name__}) at {position}"
                ) from error
        return result

    def to_sympy(self, value: Any) -> sympy.Expr:
        """A scalar as a SymPy expression."""
        return sympy.sympify(value)

    def from_sympy(self, expression: sympy.Expr) -> Any:
        """A SymPy expression as a scalar, the inverse of `to_sympy`."""
        return self.scalar(expression)

    @property
    def sympy_options(self) -> dict[str, Any]:
        """Keywords that make `sympy.Poly` keep its coefficients in this domain."""
        return {}

    def zeros(self, shape: int | tuple[int, ...]) -> np.ndarray:
        """Array of zeros."""
        return np.full(shape, self.scalar(0), dtype=self.dtype)

    def ones(self, shape: int | tuple[int, ...]) -> np.ndarray:
        """Array of ones."""
        return np.full(shape, self.scalar(1), dtype=self.dtype)

    def eye(self, n: int) -> np.ndarray:
        """Identity matrix, shape (n, n)."""
        result = self.zeros((n, n))
        result[np.arange(n), np.arange(n)] = self.scalar(1)
        return result

    def normal(self, a: np.ndarray) -> np.ndarray:
        """Bring sums and products of scalars back to normal form."""
        return a

    def random(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
        """Random scalars: uniform over F_q, standard normal in floats, integers in [-9, 9] elsewhere."""
        return self.array(rng.integers(-9, 10, size=shape))

    def is_zero(self, a: np.ndarray) -> np.ndarray:
        """Boolean array: which scalars in normal form are zero."""
        return np.asarray(a == 0, dtype=bool)

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        """Complex conjugate of every scalar; the identity where the domain is real or has no conjugation."""
        return a

    def equal(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether two arrays have the same shape and the same scalars."""
        return a.shape == b.shape and bool(self.is_zero(self.normal(a - b)).all())

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Batched matrix product (…, m, n) · (…, n, c) → (…, m, c), exact in exact domains."""
        total = self.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]))
        for k in range(a.shape[-1]):
            total = total + a[..., :, k, None] * b[..., None, k, :]
        return self.normal(total)

    def inverse(self, blocks: np.ndarray) -> np.ndarray:
        """Inverse of every block, shape (…, n, n), by Gauss–Jordan elimination on all blocks at once.

        Raises:
            SingularBlockError: some block is singular; the message gives its index.
            ValueError: the domain is not a field.
        """
        if not self.is_field:
            raise ValueError(f"domain: expected a field to invert in, got {self.name}")
        n = blocks.shape[-1]
        flat = blocks.reshape(-1, n, n)
        work = np.concatenate([flat, np.broadcast_to(self.eye(n), flat.shape)], axis=2)
        rows = np.arange(len(work))
        invert = np.frompyfunc(self.reciprocal, 1, 1)
        for column in range(n):
            candidates = ~self.is_zero(work[:, column:, column])
            if not candidates.any(axis=1).all():
                block = int(np.flatnonzero(~candidates.any(axis=1))[0])
                raise SingularBlockError(
                    f"factors: expected invertible blocks, got a singular block {block} over {self.name}"
                )
            pivot = column + candidates.argmax(axis=1)
            work[rows, pivot], work[rows, column] = work[rows, column], work[rows, pivot]
            scale = invert(work[:, column, column]).astype(self.dtype)
            row = self.normal(work[:, column] * scale[:, None])
            work = self.normal(work - self.normal(work[:, :, column, None] * row[:, None, :]))
            work[:, column] = row
        return work[:, :, n:].reshape(blocks.shape)

    def roots_of_unity(self, n: int) -> np.ndarray:
        """All powers ω_n^0 … ω_n^(n−1), shape (n,)."""
        root = np.array([self.root_of_unity(n)], dtype=self.dtype)
        powers = self.ones(n)
        for k in range(1, n):
            powers[k] = self.normal(powers[k - 1 : k] * root)[0]
        return powers

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Floating(Domain):
    """Floating-point reals or complex numbers: measured, not exact."""

    kind: str
    exact: ClassVar[bool] = False

    @cached_property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return np.dtype(self.kind)

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        return self.kind

    @property
    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    def scalar(self, value: Any) -> Any:
        return self.dtype.type(value)

    def array(self, values: Any, *, name: str = "values") -> np.ndarray:
        source = np.asarray(values)
        if source.dtype.kind not in "iufc" or not np.can_cast(source.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{name}: expected scalars of {self.name}, got dtype {source.dtype}")
        if source.dtype.kind in "fc" and not np.can_cast(source.dtype, self.dtype, "safe"):
            raise TypeError(f"{name}: expected {self.name} or narrower, got {source.dtype}")
        return source.astype(self.dtype)

    def reciprocal(self, value: Any) -> Any:
        return self.dtype.type(1) / value

    def to_sympy(self, value: Any) -> sympy.Expr:
        if not self.is_complex:
            return sympy.Float(float(value))
        return sympy.Float(float(value.real)) + sympy.I * sympy.Float(float(value.imag))

    def from_sympy(self, expression: sympy.Expr) -> Any:
        return self.dtype.type(complex(expression) if self.is_complex else float(expression))

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"domain": "CC" if self.is_complex else "RR"}

    def random(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
        real = rng.standard_normal(shape)
        return np.asarray(real + 1j * rng.standard_normal(shape) if self.is_complex else real, dtype=self.dtype)

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        return a.conj()

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a @ b

    def inverse(self, blocks: np.ndarray) -> np.ndarray:
        """Inverse of every block by LAPACK; a block with condition number above 1/u counts as singular."""
        n = blocks.shape[-1]
        flat = blocks.reshape(-1, n, n)
        if not np.isfinite(flat).all():
            raise ValueError("factors: expected finite entries to invert, got NaN or infinity")
        smallest = np.linalg.svd(flat, compute_uv=False) if n else np.ones((len(flat), 1))
        singular = smallest[:, -1] <= smallest[:, 0] * n * np.finfo(self.dtype).eps
        if singular.any():
            block = int(np.flatnonzero(singular)[0])
            raise SingularBlockError(
                f"factors: expected invertible blocks, got a numerically singular block {block} in {self.name}"
            )
        return np.linalg.inv(flat).reshape(blocks.shape)

    def root_of_unity(self, n: int) -> Any:
        if n in (1, 2):
            return self.dtype.type(1 if n == 1 else -1)
        if not self.is_complex:
            raise NoRootOfUnityError(f"domain: expected one with a primitive {n}-th root of unity, got {self.name}")
        return self.dtype.type(np.exp(2j * np.pi / n))

    def roots_of_unity(self, n: int) -> np.ndarray:
        if n <= 2:
            return super().roots_of_unity(n)
        self.root_of_unity(n)  # refuses a real domain
        # each from its own angle: repeated multiplication would lose accuracy in proportion to the exponent
        return np.exp(2j * np.pi * (np.arange(n) / n)).astype(self.dtype)


class Integers(Domain):
    """ℤ, as Python integers. Not a field: invert over `RATIONALS`."""

    name = "integers"
    dtype = np.dtype(object)
    is_field = False

    def scalar(self, value: Any) -> int:
        if isinstance(value, Integral | flint.fmpz | sympy.Integer) and not isinstance(value, bool | np.bool_):
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
        if isinstance(value, float | np.floating | Fraction | sympy.Rational):
            exact = Fraction(float(value)) if isinstance(value, np.floating) else Fraction(value)
            return flint.fmpq(exact.numerator, exact.denominator)
        raise TypeError(f"not a rational: {value!r}")

    def to_sympy(self, value: flint.fmpq) -> sympy.Expr:
        return sympy.Rational(int(value.p), int(value.q))

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"domain": "QQ"}

    def reciprocal(self, value: Any) -> Any:
        return 1 / value

    def root_of_unity(self, n: int) -> flint.fmpq:
        return flint.fmpq(INTEGERS.root_of_unity(n))


class Symbolic(Domain):
    """SymPy expressions, kept expanded; division leaves quotients that `sympy.cancel` brings to normal form."""

    name = "symbolic"
    dtype = np.dtype(object)

    def scalar(self, value: Any) -> sympy.Expr:
        if isinstance(value, flint.fmpq):
            return RATIONALS.to_sympy(value)
        if isinstance(value, np.generic):
            value = value.item()
        expression = sympy.sympify(value, strict=True)
        if not isinstance(expression, sympy.Expr):
            raise TypeError(f"not an expression: {value!r}")
        return sympy.expand(expression)

    def normal(self, a: np.ndarray) -> np.ndarray:
        return _elementwise(_canonical, a)

    def is_zero(self, a: np.ndarray) -> np.ndarray:
        return _elementwise(_vanishes, a).astype(bool)

    def reciprocal(self, value: Any) -> Any:
        return sympy.cancel(1 / value)

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        return _elementwise(lambda e: sympy.expand(sympy.conjugate(e)), a)

    def root_of_unity(self, n: int) -> sympy.Expr:
        return sympy.expand_complex(sympy.exp(2 * sympy.pi * sympy.I / n))


def _canonical(expression: sympy.Expr) -> sympy.Expr:
    expression = sympy.expand(expression)
    return expression if expression.is_polynomial() or not expression.free_symbols else sympy.cancel(expression)


def _vanishes(expression: sympy.Expr) -> bool:
    return sympy.cancel(sympy.expand_complex(expression)) == 0 if expression.has(sympy.I) else expression == 0


def _elementwise(function: Callable[[Any], Any], a: np.ndarray) -> np.ndarray:
    """Apply `function` to every scalar, keeping shape and object dtype even for one scalar or none."""
    result = np.empty(a.shape, dtype=object)
    for position in np.ndindex(a.shape):
        result[position] = function(a[position])
    return result


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
        coefficients = sympy.Poly(expression, CyclotomicNumber.zeta(self.n)).all_coeffs()[::-1]
        return CyclotomicNumber.of(self.n, [RATIONALS.scalar(c) for c in coefficients])

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"domain": sympy.QQ[CyclotomicNumber.zeta(self.n)]}

    def reciprocal(self, value: CyclotomicNumber) -> CyclotomicNumber:
        return value.reciprocal()

    def conjugate(self, a: np.ndarray) -> np.ndarray:
        return _elementwise(CyclotomicNumber.conjugate, a)

    def root_of_unity(self, n: int) -> CyclotomicNumber:
        if self.n % n == 0:
            return CyclotomicNumber.power_of_zeta(self.n, self.n // n)
        if self.n % 2 and (2 * self.n) % n == 0:
            # an odd field also holds −1: the root of order 2m whose square is ζ_m
            return -(self.root_of_unity(n // 2) ** ((n // 2 + 1) // 2))
        raise NoRootOfUnityError(f"domain: expected one with a primitive {n}-th root of unity, got {self.name}")

    def embed(self, a: np.ndarray) -> np.ndarray:
        """The complex numbers that the scalars stand for, complex128."""
        return _elementwise(complex, a).astype(complex)


@dataclass(frozen=True)
class PrimeField(Domain):
    """F_q for a prime q < 2³¹, as int64 in [0, q).

    Its matrix product runs on floating-point GEMM and is exact all the same: one operand is cut into pieces so short
    that no partial sum reaches 2⁵³.

    >>> field = PrimeField(17)
    >>> field.root_of_unity(8)
    9
    >>> field.inverse(field.array([[[1, 2], [3, 4]]]))
    array([[[15,  1],
            [10,  8]]])
    """

    q: int
    dtype: ClassVar[np.dtype] = np.dtype(np.int64)  # type: ignore[misc]

    def __post_init__(self) -> None:
        if not isinstance(self.q, int) or not 2 <= self.q < 2**31 or not flint.fmpz(self.q).is_prime():
            raise ValueError(f"q: expected a prime below 2**31, got {self.q!r}")

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"F_{self.q}"

    def scalar(self, value: Any) -> int:
        if isinstance(value, Integral) and not isinstance(value, bool | np.bool_):
            return int(value) % self.q
        rational = RATIONALS.scalar(value)
        if isinstance(value, float | np.floating):
            raise TypeError(f"not an integer or an exact rational: {value!r}")
        return int(rational.p) * pow(int(rational.q), -1, self.q) % self.q

    def array(self, values: Any, *, name: str = "values") -> np.ndarray:
        source = np.asarray(values)
        if source.dtype.kind in "iu":
            return np.mod(source, self.q).astype(np.int64)
        return super().array(values, name=name)

    def normal(self, a: np.ndarray) -> np.ndarray:
        return a % self.q

    def to_sympy(self, value: Any) -> sympy.Expr:
        return sympy.Integer(int(value))

    @property
    def sympy_options(self) -> dict[str, Any]:
        return {"modulus": self.q}

    def random(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
        return rng.integers(0, self.q, size=shape)

    def reciprocal(self, value: Any) -> int:
        return pow(int(value), -1, self.q)

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        bits, length = self.q.bit_length(), max(a.shape[-1], 1)
        piece = 53 - bits - length.bit_length()
        if piece < 1:
            raise ValueError(f"blocks: expected fewer than 2**{52 - bits} columns over {self.name}, got {length}")
        right = b.astype(np.float64)
        total: Any = 0
        for shift in reversed(range(0, bits, piece)):
            part = ((a >> shift) & ((1 << piece) - 1)).astype(np.float64)
            total = ((part @ right).astype(np.int64) + (total << piece)) % self.q
        return total

    def root_of_unity(self, n: int) -> int:
        if (self.q - 1) % n:
            raise NoRootOfUnityError(
                f"domain: expected a prime q with {n} | q - 1, got q = {self.q} with no primitive {n}-th root of unity"
            )
        return pow(_primitive_root(self.q), (self.q - 1) // n, self.q)


@lru_cache
def _primitive_root(q: int) -> int:
    if q == 2:
        return 1
    factors = [int(p) for p, _ in flint.fmpz(q - 1).factor()]
    return next(g for g in range(2, q) if all(pow(g, (q - 1) // p, q) != 1 for p in factors))


@lru_cache
def prime_with_root(n: int, below: int = 2**31) -> int:
    """The largest prime q < `below` with n | q − 1, so that F_q has a primitive n-th root of unity.

    >>> prime_with_root(8, below=50)
    41
    """
    for q in range((below - 2) // n * n + 1, 1, -n):
        if gcd(q, n) == 1 and flint.fmpz(q).is_prime():
            return q
    raise NoRootOfUnityError(f"n: expected an order dividing q - 1 for some prime q < {below}, got {n}")


FLOAT32, FLOAT64 = Floating("float32"), Floating("float64")
COMPLEX64, COMPLEX128 = Floating("complex64"), Floating("complex128")
INTEGERS, RATIONALS, SYMBOLIC = Integers(), Rationals(), Symbolic()
