"""The numbers of a certificate: integers, or polynomials in a primitive root of unity as lists of their coefficients.

Both are computed with as Python integers. For a polynomial p that is p(2^b), Kronecker's substitution: modulo
2^(bm) − 1 it is p modulo X^m − 1, and of the polynomials of degree below m with coefficients below 2^(b − 1) in size,
only 0 becomes zero. p vanishes at the primitive m-th roots exactly when the cyclotomic polynomial Φ_m divides it, that
is when X^m − 1 divides p·(X^m − 1)/Φ_m.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import lcm, prod
from typing import Any

import flint
import numpy as np

from monarch_theory.domains import INTEGERS, RATIONALS, Cyclotomic, Domain, PrimeField
from monarch_theory.domains.cyclotomic import CyclotomicNumber

__all__ = [
    "FORMAT", "LARGEST_ROOT", "Modulus", "Scalars", "kind_of", "long_integers", "modulus", "plain", "table_product",
    "whole",
]  # fmt: skip

FORMAT = "monarch exact certificate 1"

LARGEST_ROOT = 4096
"""Largest order of a root of unity that certificates are read with."""


LONGEST = 100_000
"""Digits of the largest integer of a certificate."""


@contextmanager
def long_integers() -> Iterator[None]:
    """Meanwhile integers of up to `LONGEST` digits are read and written: Python's own limit is 4300.

    >>> with long_integers():
    ...     len(str(10**5000))
    5001
    """
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(before and max(before, LONGEST))
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


@dataclass(frozen=True)
class Modulus:
    """Φ_m and what shows that it is zero at the primitive m-th roots; lists of coefficients, the constant one first.

    φ ψ = X^m − 1, and ψ χ is the product of X^k − 1 over k = m/p, p | m prime: none of these is zero there.
    """

    phi: list[int]
    psi: list[int]
    chi: list[int]
    smaller: list[int]


@lru_cache
def modulus(m: int) -> Modulus:
    """Φ_m and its parts.

    >>> modulus(6)
    Modulus(phi=[1, -1, 1], psi=[-1, -1, 0, 1, 1], chi=[-1, 1], smaller=[3, 2])
    """
    phi = flint.fmpz_poly.cyclotomic(m)
    psi = _unity(m) // phi
    smaller = [m // int(p) for p, _ in flint.fmpz(m).factor()]
    chi = prod((_unity(k) for k in smaller), start=flint.fmpz_poly([1])) // psi
    return Modulus(plain(phi), plain(psi), plain(chi), smaller)


def _unity(k: int) -> flint.fmpz_poly:
    return flint.fmpz_poly([-1] + [0] * (k - 1) + [1])


@dataclass(frozen=True)
class Scalars:
    """What the numbers of one certificate stand for, and which stand for zero.

    Args:
        characteristic: q, a prime, or 0.
        root: m, for polynomials in a primitive m-th root of unity; 0 for integers.
        bits: b, so that what is computed has coefficients below 2^(b − 1).
    """

    characteristic: int
    root: int = 0
    bits: int = 0

    def read(self, value: Any) -> int:
        """A number as the integer that it is computed with."""
        return value if not self.root else sum(c << (self.bits * k) for k, c in enumerate(value))

    def zero(self, z: Any) -> Any:
        """Whether it stands for zero, of an integer or of every one of an array.

        >>> i = Scalars(0, root=4, bits=16)
        >>> i.zero(i.read([0, 1]) * i.read([0, 1]) + 1), i.zero(i.read([0, 1]) + 1)  # ζ_4² + 1, ζ_4 + 1
        (True, False)
        """
        if self.root:
            cofactor = sum(c << (self.bits * k) for k, c in enumerate(modulus(self.root).psi))
            return z * cofactor % ((1 << (self.bits * self.root)) - 1) == 0
        return z == 0 if self.characteristic == 0 else z % self.characteristic == 0

    def __str__(self) -> str:
        return f"over Q(zeta_{self.root})" if self.root else f"in characteristic {self.characteristic}"

    @staticmethod
    def at_root(root: int, terms: int, factors: int, numbers: Iterable[Any]) -> Scalars:
        """Enough bits for sums of so many products of so many of these numbers, and one more such sum."""
        largest = max((sum(map(abs, number)) for number in numbers), default=1)
        cofactor = sum(map(abs, modulus(root).psi))
        return Scalars(0, root, (2 * terms * max(largest, 1) ** factors * cofactor).bit_length() + 1)


def kind_of(domain: Domain) -> dict[str, int]:
    """The characteristic, and the order of the root where the scalars are polynomials in one.

    Raises:
        ValueError: nothing certifies scalars of that kind.
    """
    if isinstance(domain, PrimeField):
        return {"characteristic": domain.q}
    if isinstance(domain, Cyclotomic):
        return {"characteristic": 0, "root": domain.n}
    if domain in (INTEGERS, RATIONALS):
        return {"characteristic": 0}
    raise ValueError(f"domain: expected a prime field, the integers, the rational or cyclotomic numbers, got {domain}")


def whole(entries: np.ndarray, domain: Domain) -> tuple[np.ndarray, int]:
    """(e, d) with entries = e/d: e integers, or `CyclotomicNumber` with integer coefficients."""
    if isinstance(domain, Cyclotomic):
        d = lcm(*(int(c.q) for x in entries.flat for c in x.polynomial.coeffs()))
        return entries * d, d
    if domain is not RATIONALS:
        return _array((int(x) for x in entries.flat), entries.shape), 1
    d = lcm(*(int(x.q) for x in entries.flat))
    return _array((int(x.p) * (d // int(x.q)) for x in entries.flat), entries.shape), d


def plain(value: Any) -> Any:
    """Numbers as a certificate holds them: integers, or the coefficients of 1, ζ, ζ², …; arrays as nested lists."""
    if isinstance(value, np.ndarray | list):
        return [plain(part) for part in value]
    polynomial = value.polynomial if isinstance(value, CyclotomicNumber) else value
    return [int(c) for c in polynomial.coeffs()] if hasattr(polynomial, "coeffs") else int(value)


def table_product(tables: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """∏_k g_k[i mod rows of g_k, j mod columns of g_k], shape `shape`."""
    rows, columns = np.indices(shape)
    parts: Iterator[np.ndarray] = (table[rows % table.shape[0], columns % table.shape[1]] for table in tables)
    return prod(parts, start=np.ones(shape, dtype=int).astype(object))


def _array(values: Iterable[Any], shape: tuple[int, ...]) -> np.ndarray:
    return np.array(list(values), dtype=object).reshape(shape)
