"""Matrices of low displacement rank (Kailath, Kung and Morf 1979): sums of products of triangular Toeplitz matrices.

With Z the shift down, A − Z A Zᵀ = G Hᵀ of rank r means A = Σ_k T(g_k) T(h_k)ᵀ, T(g) lower triangular Toeplitz with
first column g. Each T is the corner of a circulant of size 2N, and the r terms run side by side in one more digit, so A
is the corner of a product of four Monarch matrices of size 2Nr (Dao et al. 2020 and 2022 give the class). Other
operator pairs (Vandermonde- and Cauchy-like) reduce to this one and are not built here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, INTEGERS, RATIONALS, Domain, Floating
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.stages import append_stage, prepend_stage, scale_rows
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft
from monarch_theory.expressivity.membership import eliminate

__all__ = ["displacement_generators", "displacement_rank", "toeplitz_like"]


def displacement_generators(matrix: Any, domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """G, H of shape (N, r) with A − Z A Zᵀ = G Hᵀ and r the displacement rank, exactly.

    Raises:
        TypeError: a floating-point domain, where rank is not decided exactly.
        ValueError: the matrix is not square.

    >>> toeplitz_matrix = [[1, 5, 7], [2, 1, 5], [3, 2, 1]]
    >>> displacement_generators(toeplitz_matrix, RATIONALS)[0].shape
    (3, 2)
    """
    if isinstance(domain, Floating):
        raise TypeError(f"domain: expected an exact one, got {domain}")
    field = RATIONALS if domain is INTEGERS else domain
    array = field.array(matrix, name="matrix")
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"matrix: expected a square matrix, got shape {array.shape}")
    difference = array.copy()
    difference[1:, 1:] = field.normal(array[1:, 1:] - array[:-1, :-1])
    for rank in range(1, len(array) + 1):
        found = eliminate(difference[None], rank, field)
        if found.excess is None:
            return found.left[0], found.right[0].T
    raise AssertionError("a matrix has rank at most its size")


def displacement_rank(matrix: Any, domain: Domain) -> int:
    """Rank of A − Z A Zᵀ, exactly, at least one; 2 for Toeplitz matrices and products have at most the sum plus two."""
    return displacement_generators(matrix, domain)[0].shape[1]


def toeplitz_like(left: Any, right: Any, radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """Σ_k T(g_k) T(h_k)ᵀ from generators G, H of shape (N, r), as the corner of four Monarch matrices.

    Args:
        radices: of the DFT of length ∏ radices ≥ 2N − 1.

    Raises:
        ValueError: shapes that differ, or radices that are too small.
        NoRootOfUnityError: the domain has no root of unity of that order.
    """
    radices = check_radices(radices)
    g, h = domain.array(left, name="left"), domain.array(right, name="right")
    if g.ndim != 2 or h.shape != g.shape:
        raise ValueError(f"right: expected the shape of left, {g.shape}, got {h.shape}")
    size, (n, r) = prod(radices), g.shape
    if size < 2 * n - 1:
        raise ValueError(f"radices: expected a product of at least {2 * n - 1}, got {size}")
    transform, inverse = dft(radices, domain), inverse_dft(radices, domain)

    def spectrum(columns: np.ndarray) -> np.ndarray:
        padded = domain.zeros((size, r))
        padded[:n] = columns
        return transform @ padded

    # T(h)ᵀ has the reflected spectrum: h[−n] instead of h[n]
    reflected = spectrum(h)[-np.arange(size) % size]
    inside = domain.zeros(size)
    inside[:n] = domain.scalar(1)
    ones, eye = domain.ones((r, 1)), domain.eye(r)
    # the digit that counts terms is least significant going into a last stage, most significant going into a first one
    copy = scale_rows(append_stage(transform, ones), reflected.T.reshape(-1))
    back = scale_rows(prepend_stage(inverse, eye), np.repeat(inside, r))
    again = scale_rows(append_stage(transform, eye), spectrum(g).T.reshape(-1))
    add = prepend_stage(inverse, ones.T)
    return MonarchProduct((add, again, back, copy), (n, n))
