"""The discrete Fourier transform as a Monarch matrix of any order (THEORY §3), over any domain with the root."""

from collections.abc import Sequence
from math import prod

import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, Domain
from monarch_theory.monarch import Monarch

__all__ = ["fourier", "inverse_fourier", "vandermonde"]


def vandermonde(n: int, domain: Domain) -> np.ndarray:
    """The dense DFT matrix V[i, j] = ω_n^(ij), shape (n, n).

    >>> from monarch_theory.domains import PrimeField
    >>> vandermonde(4, PrimeField(5))
    array([[1, 1, 1, 1],
           [1, 2, 4, 3],
           [1, 4, 1, 4],
           [1, 3, 4, 2]])
    """
    return domain.roots_of_unity(n)[np.outer(np.arange(n), np.arange(n)) % n]


def fourier(radices: Sequence[int], domain: Domain = COMPLEX128) -> Monarch:
    """The DFT of length N = ∏ radices, M[i, j] = ω_N^(ij), as a Monarch matrix of order `len(radices)`.

    Theorem: `proofs/dft_is_monarch`.

    Stage k carries the twiddle ω^((i_0 … i_k)·a_k), whose exponent reads the output digits known so far: in the
    univariate view f_k = Y_k^(a_k), and for order 2, ℓ_{a_1} = Z^{a_1} and r_j = Y^{a_0}.

    Raises:
        NoRootOfUnityError: the domain has no primitive N-th root of unity.

    >>> from monarch_theory.domains import PrimeField
    >>> (fourier((2, 2), PrimeField(5)).dense() == vandermonde(4, PrimeField(5))).all()
    np.True_
    """
    radices = check_radices(radices)
    size = prod(radices)
    roots = domain.roots_of_unity(size)
    stages = []
    for k, b in enumerate(radices):
        known, after = prod(radices[: k + 1]), prod(radices[k + 1 :])
        # i mod known, for blocks (i_0 … i_{k-1}) and rows i_k: i_0 is the least significant digit
        low = np.arange(known).reshape(radices[k::-1]).T.reshape(-1, b)
        exponents = low[:, None, :, None] * np.arange(b) * after
        exponents = np.broadcast_to(exponents, (known // b, after, b, b)).reshape(-1, b, b) % size
        stages.append(roots[exponents])
    return Monarch(tuple(stages), domain)


def inverse_fourier(radices: Sequence[int], domain: Domain = COMPLEX128) -> Monarch:
    """The inverse DFT, including the factor 1/N, with *input* in the order `fourier` puts out.

    Theorem: `proofs/dft_is_monarch`.

    It is `fourier(radices).inverse()`, whose radices are reversed.
    """
    return fourier(radices, domain).inverse()
