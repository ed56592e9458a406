"""Circulant matrices, and Toeplitz ones by embedding, as products M M* of two Monarch matrices (Dao et al. 2022).

A circulant matrix is C = F⁻¹ diag(F c) F. With M₁ = F⁻¹ diag(F c) and M₂ = F*, both in the M2 class, C = M₁ M₂*.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, Domain
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.stages import scale_rows
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft

__all__ = ["circulant", "toeplitz"]


def circulant(
    column: Sequence[object] | np.ndarray, radices: Sequence[int], domain: Domain = COMPLEX128
) -> MonarchProduct:
    """Multiplication by `column` modulo X^N − 1, C[i, j] = c[i − j mod N], as F⁻¹ · diag(F c) F.

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


def toeplitz(
    column: Sequence[object] | np.ndarray,
    row: Sequence[object] | np.ndarray,
    radices: Sequence[int],
    domain: Domain = COMPLEX128,
) -> MonarchProduct:
    """T[i, j] = column[i − j] or row[j − i], N × N, as the corner of a circulant of size ∏ radices ≥ 2N − 1.

    Raises:
        ValueError: lengths differ, first entries differ, or the radices are too small.

    >>> from monarch_theory.domains import PrimeField
    >>> toeplitz([1, 2], [1, 5], (2, 2), PrimeField(17)).dense()
    array([[1, 5],
           [2, 1]])
    """
    size = prod(check_radices(radices))
    first, across = domain.array(column, name="column"), domain.array(row, name="row")
    n = len(first)
    if across.shape != first.shape or first.ndim != 1 or not n:
        raise ValueError(f"row: expected the shape of column, {first.shape}, got {across.shape}")
    if not domain.equal(first[:1], across[:1]):
        raise ValueError(f"row: expected to start with column[0] = {first[0]}, got {across[0]}")
    if size < 2 * n - 1:
        raise ValueError(f"radices: expected a product of at least {2 * n - 1}, got {size}")
    embedded = domain.zeros(size)
    embedded[:n] = first
    embedded[size - n + 1 :] = across[:0:-1]
    return MonarchProduct(circulant(embedded, radices, domain).factors, (n, n))
