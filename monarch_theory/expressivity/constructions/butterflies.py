"""Butterfly matrices (Parker 1995; Dao et al. 2019): Monarch of order log₂N with every radix two, in natural order."""

from collections.abc import Sequence

import numpy as np

from monarch_theory.domains import Domain
from monarch_theory.monarch import Convention, Monarch

__all__ = ["butterfly"]


def butterfly(twiddles: Sequence[np.ndarray], domain: Domain, *, increasing: bool = True) -> Monarch:
    """The product of log₂N butterfly factors, each of which mixes pairs of indices that differ in one bit.

    Args:
        twiddles: factor k mixes indices 2^k apart and has shape (N/2^(k+1), 2^k, 2, 2): one 2×2 block for every value
            of the bits above and below.
        increasing: whether stride 1 is applied first (the DAO convention, digits least significant first) or stride
            N/2 (the DAO_TRANSPOSED convention).

    Raises:
        ValueError: no factors, or one of another shape.
    """
    p = len(twiddles)
    if not p:
        raise ValueError("twiddles: expected at least one factor, got none")
    factors = []
    for k, twiddle in enumerate(twiddles):
        expected = (2 ** (p - k - 1), 2**k, 2, 2)
        if np.shape(twiddle) != expected:
            raise ValueError(f"twiddles[{k}]: expected shape {expected}, got {np.shape(twiddle)}")
        array = domain.array(twiddle, name=f"twiddles[{k}]")
        if increasing:
            # bits above are (a_{p-1} … a_{k+1}), bits below (i_{k-1} … i_0); a stage wants i_0 … i_{k-1}, a_{k+1} …
            bits = array.reshape((2,) * (p - 1) + (2, 2))
            axes = [*range(p - 1)[::-1], p - 1, p]
            array = bits.transpose(axes)
        factors.append(array.reshape(-1, 2, 2))
    if not increasing:
        return Monarch(tuple(factors[::-1]), domain, Convention.DAO_TRANSPOSED)
    return Monarch(tuple(factors), domain, Convention.DAO)
