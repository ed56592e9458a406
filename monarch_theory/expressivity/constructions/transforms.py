"""The DFT and its inverse, both in natural order and both in the M2 class of the same radices."""

from collections.abc import Sequence
from math import prod

import numpy as np

from monarch_theory.domains import COMPLEX128, Domain
from monarch_theory.expressivity.constructions.stages import scale_rows
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Monarch

__all__ = ["dft", "inverse_dft"]


def dft(radices: Sequence[int], domain: Domain = COMPLEX128) -> Monarch:
    """F[i, j] = ω_N^(ij), order `len(radices)`; see `monarch_theory.fourier_matrix.fourier`.

    Over the complex numbers ω_N = exp(+2πi/N), the root with which polynomials are evaluated. `numpy.fft.fft` takes
    exp(−2πi/N): it is the complex conjugate, and N times `inverse_dft`.

    >>> bool(np.allclose(dft((2, 4)).dense().conj(), np.fft.fft(np.eye(8))))
    True
    """
    return fourier(radices, domain)


def inverse_dft(radices: Sequence[int], domain: Domain = COMPLEX128) -> Monarch:
    """F⁻¹[i, j] = ω_N^(−ij)/N, ω_N as in `dft`, in natural order: F⁻¹ is its transpose, so reversed radices come out in
    order.

    >>> from monarch_theory.domains import PrimeField
    >>> field = PrimeField(97)
    >>> F, G = dft((2, 3), field), inverse_dft((2, 3), field)
    >>> G.input_radices, bool((field.matmul(G.dense(), F.dense()) == field.eye(6)).all())
    ((2, 3), True)
    """
    return fourier(tuple(radices)[::-1], domain).inverse()


def scaled_inverse_dft(radices: Sequence[int], diagonal: np.ndarray, domain: Domain) -> Monarch:
    """diag(d) F⁻¹."""
    if len(diagonal) != prod(radices):
        raise ValueError(f"diagonal: expected length {prod(radices)}, got {len(diagonal)}")
    return scale_rows(inverse_dft(radices, domain), diagonal)
