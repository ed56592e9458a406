"""What a scalar domain is: storage, normal form, products, inverses and roots of unity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    import sympy

__all__ = [
    "CannotTellError",
    "Domain",
    "NoRootOfUnityError",
    "SingularBlockError",
    "elementwise",
    "plain",
    "refuse_masked",
]


class SingularBlockError(ValueError):
    """A block that had to be inverted is singular."""


class CannotTellError(ValueError):
    """It could not be found out whether an expression is zero."""


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
    of_expressions: ClassVar[bool] = False

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
            ValueError: some entry is masked.
        """
        refuse_masked(values, name)
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
        import sympy

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
        if a.shape[-1] == 0:
            return self.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]))
        total = a[..., :, 0, None] * b[..., None, 0, :]
        for k in range(1, a.shape[-1]):  # n − 1 sums for n products
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


def elementwise(function: Callable[[Any], Any], a: np.ndarray) -> np.ndarray:
    """Apply `function` to every scalar, keeping shape and object dtype even for one scalar or none."""
    result = np.empty(a.shape, dtype=object)
    for position in np.ndindex(a.shape):
        result[position] = function(a[position])
    return result


def refuse_masked(values: Any, name: str) -> None:
    """Masked entries have no number; what lies under the mask is not theirs.

    Raises:
        ValueError: there are some.
    """
    if np.ma.is_masked(values):
        raise ValueError(f"{name}: expected no masked entries, got {np.ma.count_masked(values)} of {values.size}")


def plain(values: Any, name: str) -> np.ndarray:
    """An array of NumPy that holds the same numbers; a tensor comes without its gradient.

    Raises:
        TypeError: what NumPy cannot hold.
        ValueError: masked entries.

    >>> plain(np.ma.array([1.0, 2.0], mask=[False, True]), "x")
    Traceback (most recent call last):
    ValueError: x: expected no masked entries, got 1 of 2
    """
    refuse_masked(values, name)
    try:
        return np.asarray(values.detach() if hasattr(values, "detach") else values)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of several lengths, and what a tensor says
        raise TypeError(f"{name}: expected an array of numbers, got {type(values).__name__}: {error}") from None
