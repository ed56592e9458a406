"""Bit patterns that tell memory nobody wrote: poison in outputs, padding between the elements of arguments."""

from __future__ import annotations

import numpy as np

from monarch_theory.formats import BFLOAT16, FORMATS, numpy_lacks

__all__ = ["MALLOC_PERTURB", "PADDING", "POISON", "is_padding", "is_poison", "poisoned"]

POISON = {f.name: f.poison for f in FORMATS}
"""NaN with a payload no arithmetic produces, as bits, for every format."""

PADDING = {f.name: f.padding for f in FORMATS}
"""Another NaN, for what lies between the elements of strided arguments."""

# glibc fills new memory with the complement of this byte: 0x7E7E… is huge in every format but float16, where it is NaN
MALLOC_PERTURB = 0x81
FRESH = {f.name: int.from_bytes(bytes([MALLOC_PERTURB ^ 0xFF]) * (f.bits // 8)) for f in FORMATS}


def pattern_of(dtype: np.dtype, patterns: dict[str, int]) -> np.ndarray | None:
    """One element that holds a pattern, if there is one for the dtype; int16 carries the bits of bfloat16."""
    if dtype == np.int16:
        return np.array(patterns[BFLOAT16.name], dtype)
    part = dtype.type(0).real.dtype
    if part.name not in patterns:
        return None
    bits = np.full(dtype.itemsize // part.itemsize, patterns[part.name], dtype=f"uint{8 * part.itemsize}")
    return bits.view(dtype)[0:1].reshape(())


def poisoned(array: np.ndarray, patterns: dict[str, int] = POISON) -> np.ndarray:
    """The array, whatever its strides, filled with a pattern where its dtype has one."""
    value = pattern_of(array.dtype, patterns) if array.dtype.kind in "fci" else None
    if value is not None:
        # assigning an array of the same dtype copies its bits
        array[...] = value
    return array


def holds(array: np.ndarray, dtype: str, patterns: dict[str, int]) -> np.ndarray:
    """Which elements hold a pattern; numbers of a dtype that NumPy lacks come in the top bits of their carrier."""
    if dtype in ("complex64", "complex128"):
        pairs = np.ascontiguousarray(array)[..., None].view(array.real.dtype)
        return np.asarray(holds(pairs, pairs.dtype.name, patterns).any(-1))
    if dtype not in patterns:
        return np.zeros(array.shape, dtype=bool)
    bits = np.ascontiguousarray(array).view(f"uint{8 * array.dtype.itemsize}")
    if numpy_lacks(dtype):
        bits = bits >> 16
    return np.asarray(bits == patterns[dtype])


def is_poison(array: np.ndarray, dtype: str) -> np.ndarray:
    """Which elements hold poison, or the bytes fresh memory is filled with."""
    return holds(array, dtype, POISON) | holds(array, dtype, FRESH)


def is_padding(array: np.ndarray, dtype: str) -> np.ndarray:
    """Which elements hold what lies between the elements of strided arguments."""
    return holds(array, dtype, PADDING)
