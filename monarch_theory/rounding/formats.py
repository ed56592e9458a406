"""Number formats: precision, range, unit roundoff, and rounding to them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

__all__ = ["BFLOAT16", "FLOAT16", "FLOAT32", "FLOAT64", "NAMES", "Format", "format_of", "round_to", "unit_roundoff"]


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: `precision` bits with the hidden one, normal exponents from `exponent_min`."""

    name: str
    precision: int
    exponent_min: int
    exponent_max: int

    @property
    def unit_roundoff(self) -> float:
        """u = 2^−precision, half the distance from 1 to the next number."""
        return 2.0**-self.precision

    @property
    def smallest_subnormal(self) -> float:
        """η, the distance between numbers around zero."""
        return 2.0 ** (self.exponent_min - self.precision + 1)

    @property
    def underflow(self) -> float:
        """Largest error that rounding to zero may make: hardware may flush subnormals, but not those of float16."""
        return self.smallest_subnormal if self.exponent_min > -126 else 2.0**self.exponent_min

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.precision)) * 2.0**self.exponent_max

    def ulp(self, values: np.ndarray) -> np.ndarray:
        """Distance between neighbouring numbers of this format around each value; η around zero."""
        _, exponents = np.frexp(np.abs(values))
        return np.ldexp(1.0, np.maximum(exponents, self.exponent_min + 1) - self.precision)


FLOAT64 = Format("float64", 53, -1022, 1023)
FLOAT32 = Format("float32", 24, -126, 127)
BFLOAT16 = Format("bfloat16", 8, -126, 127)
FLOAT16 = Format("float16", 11, -14, 15)
NAMES = {
    "float64": FLOAT64, "fp64": FLOAT64, "double": FLOAT64, "complex128": FLOAT64,
    "float32": FLOAT32, "fp32": FLOAT32, "float": FLOAT32, "complex64": FLOAT32,
    "bfloat16": BFLOAT16, "bf16": BFLOAT16, "float16": FLOAT16, "fp16": FLOAT16, "half": FLOAT16,
}  # fmt: skip


def format_of(dtype: str | np.dtype | Format) -> Format:
    """The format of a dtype by name (`bf16`, `float32`, …; complex dtypes give the format of their parts).

    >>> format_of("bf16").unit_roundoff
    0.00390625
    """
    if isinstance(dtype, Format):
        return dtype
    name = str(dtype).removeprefix("torch.")
    if name not in NAMES:
        raise ValueError(f"dtype: expected one of {', '.join(sorted(NAMES))}, got {name!r}")
    return NAMES[name]


def unit_roundoff(dtype: str | np.dtype | Format) -> float:
    """u of a dtype.

    >>> unit_roundoff("float32") == 2.0**-24
    True
    """
    return format_of(dtype).unit_roundoff


def round_to(values: Any, dtype: str | np.dtype | Format) -> np.ndarray:
    """`values` (float64 or complex128) rounded to nearest even in another format, as float64 or complex128.

    Overflow gives infinity, and numbers below the normal range become subnormal, as IEEE 754 has it.

    >>> round_to([1 + 2**-9, 1 + 3 * 2**-9, 1e39], "bf16")
    array([1.       , 1.0078125,        inf])
    """
    target = format_of(dtype)
    values = np.asarray(values)
    if values.dtype.kind == "c":
        return round_to(values.real, target) + 1j * round_to(values.imag, target)
    values = values.astype(np.float64)
    if target is FLOAT64:
        return values
    finite = np.where(np.isfinite(values), values, 0)
    spacing = target.ulp(finite)
    rounded = np.rint(finite / spacing) * spacing
    rounded = np.where(np.abs(rounded) > target.largest, np.copysign(inf, rounded), rounded)
    return np.where(np.isfinite(values), rounded, values)
