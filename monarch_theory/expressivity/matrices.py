"""Reading a matrix: what may be asked about, and which scalars it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

from monarch_theory.domains import (
    COMPLEX64,
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INTEGERS,
    RATIONALS,
    SYMBOLIC,
    Cyclotomic,
    Domain,
    Floating,
)
from monarch_theory.domains.cyclotomic import CyclotomicNumber
from monarch_theory.monarch import Monarch
from monarch_theory.rounding import Format

__all__ = ["Matrix", "dyadic", "floating", "power_of_two", "read_matrix"]

_FLOATING = {domain.dtype: domain for domain in (FLOAT32, FLOAT64, COMPLEX64, COMPLEX128)}


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix that has been read: `read_matrix` makes one, and all that follows passes it along.

    Attributes:
        entries: two-dimensional, finite, with rows and columns, in `domain`.
        domain: its scalars.
        name: what error messages call it.
        stored: the format that the entries were rounded to where it is coarser than `domain`; None where not.
    """

    entries: np.ndarray
    domain: Domain
    name: str = "matrix"
    stored: Format | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs)."""
        rows, columns = self.entries.shape
        return rows, columns

    @property
    def values(self) -> np.ndarray:
        """The entries in floating point, converted once; raises what `floating` does."""
        return self._measured[0]

    @property
    def field(self) -> Floating:
        """The domain of `values`."""
        return self._measured[1]

    @cached_property
    def doubled(self) -> Matrix:
        """The values in double precision, which changes none of them: what they are measured in."""
        field = COMPLEX128 if self.field.is_complex else FLOAT64
        return Matrix(self.values.astype(field.dtype, copy=False), field, self.name, self.stored)

    @cached_property
    def _measured(self) -> tuple[np.ndarray, Floating]:
        return floating(self.entries, self.domain, name=self.name)


def read_matrix(source: Any, domain: Domain | None = None, *, name: str = "matrix") -> Matrix:
    """Read an array, a `Monarch`, a SymPy or SciPy sparse matrix, or a `LinearOperator`; a `Matrix` is read already.

    A `LinearOperator` is applied to the identity, so it costs one dense matrix. Nothing is cast: integers stay
    integers, half precision is refused by name. Bytes of the other order are turned round, which changes no number.

    Args:
        source: the matrix.
        domain: its scalars; read off `source` unless given.

    Raises:
        ValueError: not two-dimensional, empty, or with NaN or infinity; the message names `name`.
        TypeError: scalars that no domain holds, or none that `domain` holds; rounded numbers among exact ones.

    >>> read_matrix(np.eye(2, dtype=int)).domain, read_matrix(np.eye(2)).domain.name
    (<monarch_theory.domains...Integers object at ...>, 'float64')
    """
    if isinstance(source, Matrix):
        if domain in (None, source.domain):
            return source
        source = source.entries
    if isinstance(source, Monarch):
        return Matrix(source.dense(), source.domain, name)
    source = _plain(source, name)
    if isinstance(source, LinearOperator):
        source = source @ np.eye(source.shape[1], dtype=source.dtype)
    if isinstance(source, sympy.MatrixBase):
        source = np.array(source.tolist(), dtype=object)
    try:
        source = source.toarray() if issparse(source) else np.asarray(source)
    except ValueError:
        raise ValueError(f"{name}: expected rows of one length, got {source!r:.60}") from None
    except TypeError as error:  # a tensor of scalars that NumPy lacks, such as bfloat16
        raise TypeError(f"{name}: expected scalars that NumPy has, got {error}") from None
    if not source.dtype.isnative:
        source = source.astype(source.dtype.newbyteorder("="))
    if source.ndim != 2 or 0 in source.shape:
        raise ValueError(f"{name}: expected a matrix with rows and columns, got shape {source.shape}")
    if domain is None:
        domain = _domain_of(source, name)
    # NumPy's own conversion gives Python integers, without a Python loop over the entries
    native = domain is INTEGERS and source.dtype.kind in "iu"
    array = source.astype(object) if native else domain.array(source, name=name)
    if isinstance(domain, Floating) and not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name}: expected finite entries, got {array[row, column]} at ({row}, {column})")
    if domain is SYMBOLIC:
        _check_symbolic(array, name)
    return Matrix(array, domain, name)


def _plain(source: Any, name: str) -> Any:
    """A tensor without its gradient, a masked array without its mask: as NumPy reads them, and nothing is lost.

    Raises:
        ValueError: masked entries, whose numbers are not part of the matrix.
    """
    if isinstance(source, np.ma.MaskedArray):
        if np.ma.is_masked(source):
            raise ValueError(f"{name}: expected no masked entries, got {np.ma.count_masked(source)} of {source.size}")
        return source.data
    return source.detach() if hasattr(source, "detach") else source


def _check_symbolic(array: np.ndarray, name: str) -> None:
    """SymPy takes infinities and rounded numbers for numbers; neither is exact."""
    for (row, column), entry in np.ndenumerate(array):
        if entry.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
            raise ValueError(f"{name}: expected finite entries, got {entry} at ({row}, {column})")
        if entry.has(sympy.Float):
            raise TypeError(f"{name}: expected exact entries, got the rounded number {entry} at ({row}, {column})")


def _domain_of(source: np.ndarray, name: str) -> Domain:
    if source.dtype in _FLOATING:
        return _FLOATING[source.dtype]
    if source.dtype.kind in "iu":
        return INTEGERS
    if source.dtype.kind != "O":
        raise TypeError(
            f"{name}: expected integers, float32, float64, complex64, complex128 or exact scalars, got {source.dtype}"
        )
    kinds = {type(entry) for entry in source.flat}
    if rounded := [kind.__name__ for kind in kinds if issubclass(kind, float | complex | np.inexact)]:
        raise TypeError(f"{name}: expected exact scalars in an array of objects, got {rounded[0]}")
    if any(issubclass(kind, CyclotomicNumber) for kind in kinds):
        return Cyclotomic(next(entry.n for entry in source.flat if isinstance(entry, CyclotomicNumber)))
    if any(issubclass(kind, sympy.Basic) for kind in kinds):
        return SYMBOLIC
    if all(issubclass(kind, int | np.integer | flint.fmpz) for kind in kinds):
        return INTEGERS
    return RATIONALS


def dyadic(matrix: np.ndarray, domain: Domain) -> tuple[np.ndarray, Domain]:
    """A floating-point matrix as the rationals, or Gaussian rationals Q(ζ_4), that its entries stand for.

    >>> dyadic(np.array([[0.5, 3.0]]), FLOAT64)[0]
    array([[1/2, 3]], dtype=object)
    """
    if not isinstance(domain, Floating):
        return matrix, domain
    if not domain.is_complex:
        return RATIONALS.array(matrix), RATIONALS
    result = np.empty(matrix.shape, dtype=object)
    for position in np.ndindex(matrix.shape):
        entry = matrix[position]
        result[position] = CyclotomicNumber.of(4, [RATIONALS.scalar(entry.real), RATIONALS.scalar(entry.imag)])
    return result, Cyclotomic(4)


def floating(matrix: np.ndarray, domain: Domain, *, name: str = "matrix") -> tuple[np.ndarray, Floating]:
    """The matrix in floating point, to be measured: integers and rationals as the nearest float64, cyclotomic as
    complex128.

    Raises:
        ValueError: an integer or a rational beyond float64, 1.8e308.
        TypeError: the domain has no place in the complex numbers (a prime field, or SymPy expressions with symbols).
    """
    if isinstance(domain, Floating):
        return matrix, domain
    if domain is INTEGERS or domain is RATIONALS:
        try:
            if domain is INTEGERS:
                return matrix.astype(float), FLOAT64
            return np.array([int(x.p) / int(x.q) for x in matrix.flat]).reshape(matrix.shape), FLOAT64
        except OverflowError:
            raise ValueError(f"{name}: expected entries below 1.8e308, to be measured in float64") from None
    if isinstance(domain, Cyclotomic):
        return domain.embed(matrix), COMPLEX128
    if domain is SYMBOLIC and not any(entry.free_symbols for entry in matrix.flat):
        return np.array([complex(entry) for entry in matrix.flat]).reshape(matrix.shape), COMPLEX128
    raise TypeError(f"{name}: expected numbers with a distance, got scalars of {domain}")


def power_of_two(array: np.ndarray) -> float:
    """A power of two near the largest entry of an array of floats: over it, squares neither overflow nor vanish.

    >>> power_of_two(np.array([1e300, -3.0])) > 1e299
    True
    """
    largest = float(np.abs(array).max())
    limits = np.finfo(array.dtype)
    exponent = int(np.clip(np.frexp(largest)[1], int(limits.minexp) + 1, int(limits.maxexp) - 1))
    return 2.0**exponent if largest else 1.0
