"""The fields F_q for a prime q."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import flint
import numpy as np

from monarch_theory.domains.domain import Domain, NoRootOfUnityError, plain
from monarch_theory.domains.rational import RATIONALS

if TYPE_CHECKING:
    import sympy

__all__ = ["PrimeField", "prime_with_root"]


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
        source = plain(values, name)
        if source.dtype.kind in "iu":
            return np.mod(source, self.q).astype(np.int64)
        return super().array(values, name=name)

    def normal(self, a: np.ndarray) -> np.ndarray:
        return a % self.q

    def to_sympy(self, value: Any) -> sympy.Expr:
        import sympy

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
