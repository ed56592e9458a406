"""Circulant matrices, and Toeplitz and Hankel ones by embedding, as products of two Monarch matrices (Dao et al. 2022).

A circulant matrix is C = F⁻¹ diag(F c) F. With M₁ = F⁻¹ diag(F c) and M₂ = F*, both in the M2 class, C = M₁ M₂*. An
f-circulant one, multiplication modulo X^N − f with f = φ^N, is D⁻¹ C D with D = diag(φ^k) (Cline, Plemmons and Worm
1974), and diagonals go into the factors.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, Domain
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.stages import halve_columns, halve_rows, scale_rows
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft

__all__ = ["circulant", "f_circulant", "hankel", "powers", "reciprocals", "toeplitz", "triangular_toeplitz"]


def circulant(
    column: Sequence[object] | np.ndarray, radices: Sequence[int], domain: Domain = COMPLEX128
) -> MonarchProduct:
    """Multiplication by `column` modulo X^N − 1, C[i, j] = c[i − j mod N], as F⁻¹ · diag(F c) F.

    Theorem: `proofs/circulant_factors`.

    Raises:
        ValueError: `column` has another length than ∏ radices.
        NoRootOfUnityError: the domain has no N-th root of unity.

    >>> from monarch_theory.domains import PrimeField
    >>> circulant([1, 2, 0, 0], (2, 2), PrimeField(17)).dense()
    array([[1, 0, 0, 2],
           [2, 1, 0, 0],
           [0, 2, 1, 0],
           [0, 0, 2, 1]])
    """
    radices = check_radices(radices)
    first = domain.array(column, name="column")
    if first.shape != (prod(radices),):
        raise ValueError(f"column: expected shape ({prod(radices)},), got {first.shape}")
    transform = dft(radices, domain)
    return MonarchProduct((inverse_dft(radices, domain), scale_rows(transform, transform @ first)))


def f_circulant(
    column: np.ndarray, root: object, radices: Sequence[int], domain: Domain = COMPLEX128
) -> MonarchProduct:
    """Multiplication by `column` modulo X^N − f, f = root^N, as two Monarch factors: Z_f(v) = Σ_k v_k Z_f^k.

    Theorem: `proofs/circulant_factors`.

    Raises:
        ValueError: `column` has another length than ∏ radices, or the root is zero.
        NoRootOfUnityError: the domain has no N-th root of unity.

    >>> from monarch_theory.domains import PrimeField
    >>> field = PrimeField(17)
    >>> f_circulant([1, 2, 0, 0], field.root_of_unity(8), (2, 2), field).dense()  # f = −1
    array([[ 1,  0,  0, 15],
           [ 2,  1,  0,  0],
           [ 0,  2,  1,  0],
           [ 0,  0,  2,  1]])
    """
    first = domain.array(column, name="column")
    weights = powers(root, prod(check_radices(radices)), domain)
    if first.shape != weights.shape:
        raise ValueError(f"column: expected shape {weights.shape}, got {first.shape}")
    if domain.is_zero(weights).any():
        raise ValueError(f"root: expected one that is not zero, got {root}; triangular matrices are `toeplitz`")
    plain = circulant(domain.normal(weights * first), radices, domain)
    return plain.scaled(reciprocals(weights, domain), weights)


def toeplitz(
    column: Sequence[object] | np.ndarray,
    row: Sequence[object] | np.ndarray,
    radices: Sequence[int],
    domain: Domain = COMPLEX128,
) -> MonarchProduct:
    """T[i, j] = column[i − j] or row[j − i], N × N, as the corner of a circulant of size ∏ radices ≥ 2N − 1.

    Theorem: `proofs/circulant_factors`.

    Raises:
        ValueError: lengths differ, first entries differ, or the radices are too small.

    >>> from monarch_theory.domains import PrimeField
    >>> toeplitz([1, 2], [1, 5], (2, 2), PrimeField(17)).dense()
    array([[1, 5],
           [2, 1]])
    """
    size = prod(check_radices(radices))
    first, across = domain.array(column, name="column"), domain.array(row, name="row")
    n = first.size
    if first.ndim != 1 or not n:
        raise ValueError(f"column: expected one axis and at least one entry, got shape {first.shape}")
    if across.shape != first.shape:
        raise ValueError(f"row: expected the shape of column, {first.shape}, got {across.shape}")
    if not domain.equal(first[:1], across[:1]):
        raise ValueError(f"row: expected to start with column[0] = {first[0]}, got {across[0]}")
    if size < 2 * n - 1:
        raise ValueError(f"radices: expected a product of at least {2 * n - 1}, got {size}")
    embedded = domain.zeros(size)
    embedded[:n] = first
    embedded[size - n + 1 :] = across[:0:-1]
    return MonarchProduct(circulant(embedded, radices, domain).factors, (n, n))


def triangular_toeplitz(column: np.ndarray, radices: Sequence[int], domain: Domain) -> MonarchProduct:
    """Multiplication by a series modulo X^N, N = ∏ radices, with inner size 2N: two rectangular Monarch factors."""
    wide = (2 * radices[0], *radices[1:])
    padded = domain.zeros(prod(wide))
    padded[: len(column)] = column
    transform = dft(wide, domain)
    back = halve_rows(inverse_dft((*radices[:-1], 2 * radices[-1]), domain))
    return MonarchProduct((back, halve_columns(scale_rows(transform, transform @ padded))))


def hankel(antidiagonals: np.ndarray, radices: Sequence[int], domain: Domain) -> MonarchProduct:
    """H[i, j] = antidiagonals[i + j], N × N for N = ∏ radices, with inner size 2N: two rectangular Monarch factors.

    Theorem: `proofs/circulant_factors`.

    Raises:
        ValueError: more antidiagonals than 2N, or more than one axis.
        NoRootOfUnityError: the domain has no 2N-th root of unity.

    A circulant of size S = 2N read with its input negated is F⁻¹ diag(S · F c) F⁻¹.

    >>> from monarch_theory.domains import PrimeField
    >>> hankel(np.array([1, 2, 3]), (2, 1), PrimeField(17)).dense()
    array([[1, 2],
           [2, 3]])
    """
    size = 2 * prod(check_radices(radices))
    if np.ndim(antidiagonals) != 1 or len(antidiagonals) > size:
        raise ValueError(f"antidiagonals: expected at most {size} along one axis, got shape {np.shape(antidiagonals)}")
    padded = domain.zeros(size)
    padded[: len(antidiagonals)] = antidiagonals
    wide = (2 * radices[0], *radices[1:])
    spectrum = domain.normal((dft(wide, domain) @ padded) * domain.scalar(size))
    back = halve_rows(inverse_dft((*radices[:-1], 2 * radices[-1]), domain))
    return MonarchProduct((back, halve_columns(scale_rows(inverse_dft(wide, domain), spectrum))))


def powers(base: object, count: int, domain: Domain) -> np.ndarray:
    """base^0, …, base^(count−1)."""
    step, result = domain.array([base], name="base"), domain.ones(count)
    for k in range(1, count):
        result[k : k + 1] = domain.normal(result[k - 1 : k] * step)
    return result


def reciprocals(values: np.ndarray, domain: Domain) -> np.ndarray:
    """Entrywise inverse."""
    return np.array([domain.reciprocal(value) for value in values], dtype=domain.dtype)
