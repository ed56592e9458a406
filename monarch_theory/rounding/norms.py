"""The Euclidean norm of numbers whose squares float64 does not hold."""

import numpy as np

__all__ = ["two_norm"]

SQUARED = 2.0**400
"""Rows whose largest entry is between one over this and this are squared as they are."""


def two_norm(a: np.ndarray, axis: int = -1, *, keepdims: bool = False) -> np.ndarray:
    """‖a‖₂ along an axis, the numbers scaled by a power of two first where their squares may vanish or overflow.

    >>> float(two_norm(np.array([3e-200, 4e-200]))), float(two_norm(np.array([3.0, 4.0])))
    (5e-200, 5.0)
    """
    moduli = np.abs(a)
    largest = moduli.max(axis, keepdims=True, initial=0.0)
    usual = (largest == 0) | ((largest > 1 / SQUARED) & (largest < SQUARED)) | ~np.isfinite(largest)
    if usual.all():
        return np.asarray(np.sqrt((moduli**2).sum(axis, keepdims=keepdims)))
    exponent = np.where(usual, 0, np.frexp(largest)[1])
    found = np.sqrt((np.ldexp(moduli, -exponent) ** 2).sum(axis, keepdims=True))
    found = np.ldexp(found, exponent)
    return np.asarray(found if keepdims else found.squeeze(axis))
