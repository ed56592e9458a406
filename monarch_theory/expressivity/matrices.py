"""Reading a matrix: what may be asked about, and which scalars it is made of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import frexp, isfinite
from typing import Any

import flint
import numpy as np
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

from monarch_theory.domains import (
    COMPLEX64,
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INTEGERS,
    RATIONALS,
    Cyclotomic,
    Domain,
    Floating,
)
from monarch_theory.domains.cyclotomic import CyclotomicNumber
from monarch_theory.domains.domain import refuse_masked
from monarch_theory.monarch import Monarch
from monarch_theory.rounding import BFLOAT16, FLOAT16, Format

__all__ = [
    "ORDINARY",
    "Matrix",
    "check_linear",
    "dyadic",
    "field_of",
    "floating",
    "ordinary",
    "power_of_two",
    "read_matrix",
    "settled",
]

ORDINARY = 2.0**300  # products of numbers between its inverse and it neither overflow nor vanish
SHORT = 16
"""Times shorter than on average the images of two standard normal inputs may be, by chance (one in a hundred)."""
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

    A `LinearOperator` is applied to the identity, so it costs one dense matrix; a layer that has a `weight` is read as
    that. No number is changed: integers stay integers, truth values become them, half precision is widened and
    remembered as `Matrix.stored`, and bytes of the other order are turned round.

    Args:
        source: the matrix.
        domain: its scalars; read off `source` unless given.

    Raises:
        ValueError: not two-dimensional, empty, with NaN or infinity, or an operator that is not linear; the message
            names `name`.
        TypeError: scalars that no domain holds, or none that `domain` holds; rounded numbers among exact ones.

    >>> read_matrix(np.eye(2, dtype=int)).domain, read_matrix(np.eye(2)).domain.name
    (<monarch_theory.domains...Integers object at ...>, 'float64')
    >>> read_matrix(np.eye(2, dtype=np.float16)).stored.name
    'float16'
    """
    if isinstance(source, Matrix):
        if domain in (None, source.domain):
            return source
        source = source.entries
    if isinstance(source, Monarch):
        return Matrix(source.dense(), source.domain, name)
    source, stored = _widened(*_array(_plain(source, name), name))
    if source.ndim != 2 or 0 in source.shape:
        raise ValueError(f"{name}: expected a matrix with rows and columns, got shape {source.shape}")
    if domain is None:
        domain = _domain_of(source, name)
    if not isinstance(domain, Domain):
        raise TypeError(f"domain: expected one of monarch_theory.domains, got {domain!r}")
    # NumPy's own conversion gives Python integers, without a Python loop over the entries
    native = domain is INTEGERS and source.dtype.kind in "iu"
    array = source.astype(object) if native else domain.array(source, name=name)
    if isinstance(domain, Floating) and not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name}: expected finite entries, got {array[row, column]} at ({row}, {column})")
    if domain.of_expressions:
        _check_symbolic(array, name)
    return Matrix(array, domain, name, stored)


def _plain(source: Any, name: str) -> Any:
    """A layer's weight, a tensor without its gradient, a masked array without its mask, and nothing is lost.

    Raises:
        ValueError: masked entries, whose numbers are not part of the matrix.
    """
    if isinstance(source, np.ma.MaskedArray):
        refuse_masked(source, name)
        return source.data
    if hasattr(source, "weight") and not hasattr(source, "shape"):
        source = source.weight
    return settled(source, name) if hasattr(source, "detach") else source


def settled(tensor: Any, name: str) -> Any:
    """A torch tensor without its gradient, with its zeros, on the processor, and with what torch put off done.

    Raises:
        ValueError: a tensor without numbers, on the meta device.
    """
    if getattr(tensor, "is_meta", False):
        raise ValueError(f"{name}: expected a tensor that has numbers, got one on the meta device")
    tensor = tensor.detach()
    if not hasattr(tensor, "layout"):  # of another library, whose arrays are dense
        return tensor
    if str(tensor.layout) != "torch.strided":
        tensor = tensor.to_dense()
    return tensor.cpu().resolve_conj().resolve_neg()


def _array(source: Any, name: str) -> tuple[np.ndarray, Format | None]:
    """As NumPy reads it, bytes in native order, and the format of a tensor of scalars that NumPy lacks."""
    stored = None
    if hasattr(source, "detach") and str(source.dtype).removeprefix("torch.") == BFLOAT16.name:
        source, stored = source.float(), BFLOAT16
    if isinstance(source, LinearOperator):
        check_linear(source.matmat, source.shape[1], name, dtype=source.dtype)
        source = _plain(source @ np.eye(source.shape[1], dtype=source.dtype), name)
    if isinstance(source, _sympy_kinds("MatrixBase")):
        source = np.array(source.tolist(), dtype=object)
    try:
        array = source.toarray() if issparse(source) else np.asarray(source)
    except ValueError:
        raise ValueError(f"{name}: expected rows of one length, got {source!r:.60}") from None
    except MemoryError:
        raise
    except Exception as error:  # a tensor of scalars that NumPy lacks, or of rows of several lengths; what others raise
        raise TypeError(f"{name}: expected scalars that NumPy has, got {error}") from None
    if array.dtype.name == BFLOAT16.name:  # of a library that adds it to NumPy
        array, stored = array.astype(np.float32), BFLOAT16
    return (array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))), stored


def _sympy_kinds(name: str) -> Any:
    """A class of SymPy as `isinstance` takes it: where SymPy is not loaded there is no value of it."""
    library = sys.modules.get("sympy")
    return () if library is None else getattr(library, name)


def _widened(array: np.ndarray, stored: Format | None) -> tuple[np.ndarray, Format | None]:
    """Truth values as the integers 0 and 1, half precision in single, which changes no number."""
    if array.dtype == bool:
        return array.astype(np.int64), stored
    if array.dtype == np.float16:
        return array.astype(np.float32), FLOAT16
    return array, stored


def check_linear(function: Callable[[np.ndarray], Any], size: int, name: str, *, dtype: Any = None) -> None:
    """Whether a function of an array (size, 2) commutes with doubling and with a change of sign, column by column.

    Rounding does, so a linear function passes without tolerance; underflow does not, so that it is asked where there is
    none. Over complex numbers it has to commute with i as well, which turns real parts into imaginary ones, and so may
    round otherwise.

    Raises:
        ValueError: it does not, or gives another shape, or one column changes with the other.
    """
    rng = np.random.default_rng(0)
    whole = dtype is not None and np.dtype(dtype).kind in "iu"
    x, y, z = rng.integers(8, size=(3, size)).astype(dtype) if whole else rng.standard_normal((3, size))

    def image(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        found = np.asarray(function(np.stack([left, right], axis=1)))
        if found.ndim != 2 or found.shape[1] != 2:
            raise ValueError(f"{name}: expected shape (outputs, 2) from one of ({size}, 2), got {found.shape}")
        return found

    both = image(x, y)
    size_of = power_of_two(both) if both.dtype in _FLOATING and np.isfinite(both).all() else 1.0
    constant = False
    if not 1 / ORDINARY < size_of < ORDINARY:
        constant = bool(image(0 * x, 0 * y).any())  # which the others then hide
        x, y, z = (side / size_of for side in (x, y, z))  # about one comes out
        both = image(x, y)
    # bit for bit: the other column's numbers cannot change how this one is rounded
    if not (np.array_equal(both[:, 0], image(x, z)[:, 0]) and np.array_equal(both[:, 1], image(z, y)[:, 1])):
        raise ValueError(
            f"{name}: expected output columns that depend on their own input column alone, got one that changed with "
            f"the other: it works along the wrong axis, or at random"
        )
    if constant or not (np.array_equal(image(2 * x, 2 * y), 2 * both) and np.array_equal(image(-x, -y), -both)):
        raise ValueError(f"{name} is not linear: {name}(2x) is not 2·{name}(x), or {name}(−x) is not −{name}(x)")
    if dtype is not None and np.dtype(dtype).kind == "c":
        unit = float(max(np.finfo(kind).eps for kind in (dtype, both.dtype) if np.dtype(kind).kind in "fc"))
        _check_over_complex_numbers(both, image(1j * x, 1j * y), size, unit, name)


def _check_over_complex_numbers(found: np.ndarray, turned: np.ndarray, size: int, unit: float, name: str) -> None:
    """Images of x and of ix, for standard normal x of `size` numbers.

    Each is off by γ_n·‖M‖_F·‖x‖ at most, ‖x‖ is about √n, and the images' norm about ‖M‖_F. Where that is no bound,
    half is one: what takes real parts is off by its images, and what conjugates by twice that.
    """
    scale = power_of_two(found) if found.dtype in _FLOATING and np.isfinite(found).all() else 1.0
    apart, norm = (float(np.linalg.norm(side / scale)) for side in (turned - 1j * found, found))
    if not apart <= min(2 * SHORT * size**1.5 * unit, 0.5) * norm:
        raise ValueError(f"{name} is not linear over the complex numbers it is of: {name}(ix) is not i·{name}(x)")


def _check_symbolic(array: np.ndarray, name: str) -> None:
    """SymPy takes infinities and rounded numbers for numbers; neither is exact."""
    import sympy

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
            f"{name}: expected truth values, integers, float16 to float64, complex64, complex128 or exact scalars, got "
            f"{source.dtype}"
        )
    kinds = {type(entry) for entry in source.flat}
    if rounded := [kind.__name__ for kind in kinds if issubclass(kind, float | complex | np.inexact)]:
        raise TypeError(f"{name}: expected exact scalars in an array of objects, got {rounded[0]}")
    if any(issubclass(kind, CyclotomicNumber) for kind in kinds):
        return Cyclotomic(next(entry.n for entry in source.flat if isinstance(entry, CyclotomicNumber)))
    if any(issubclass(kind, _sympy_kinds("Basic")) for kind in kinds):
        from monarch_theory.domains import SYMBOLIC

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
    if domain.of_expressions and not any(entry.free_symbols for entry in matrix.flat):
        return np.array([complex(entry) for entry in matrix.flat]).reshape(matrix.shape), COMPLEX128
    raise TypeError(f"{name}: expected numbers with a distance, got scalars of {domain}")


def field_of(values: np.ndarray) -> Floating:
    """The domain of floating-point values that were read: `Matrix.values`, and what was computed from them.

    Raises:
        TypeError: others, which are to be read first.

    >>> field_of(np.eye(2)).name
    'float64'
    """
    if values.dtype not in _FLOATING:
        raise TypeError(f"values: expected float32, float64, complex64 or complex128, got {values.dtype}")
    return _FLOATING[values.dtype]


def ordinary(matrix: Matrix) -> tuple[np.ndarray, float]:
    """The entries in double precision over a power of two, and that: squares of these neither overflow nor vanish.

    Raises:
        ValueError: a Frobenius norm beyond float64, so that no distance could be told.

    >>> values, scale = ordinary(read_matrix(np.full((2, 2), 1e300)))
    >>> bool(0.5 <= values.max() <= 1), bool(np.allclose(values * scale, 1e300, rtol=1e-15))
    (True, True)
    """
    scale = power_of_two(matrix.doubled.values)
    values = matrix.doubled.values / scale
    if not isfinite(float(np.linalg.norm(values)) * scale):
        raise ValueError(f"{matrix.name}: expected a Frobenius norm below 1.8e308, got entries of about {scale:.1e}")
    return values, scale


def power_of_two(array: np.ndarray) -> float:
    """A power of two near the largest entry of an array of floats: over it, squares neither overflow nor vanish.

    >>> power_of_two(np.array([1e300, -3.0])) > 1e299
    True
    """
    largest = max(float(np.abs(part).max()) for part in (array.real, array.imag))  # a modulus may overflow
    limits = np.finfo(array.dtype)
    exponent = min(max(frexp(largest)[1], int(limits.minexp) + 1), int(limits.maxexp) - 1)
    return 2.0**exponent if largest else 1.0
