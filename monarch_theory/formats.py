"""Number formats: one row for each, with all that the project knows of it, and rounding to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

__all__ = [
    "BFLOAT16", "FLOAT16", "FLOAT32", "FLOAT64", "FORMATS", "HALVES", "NAMES", "TF32", "Format", "carrier_of",
    "dtype_named", "faithful", "format_of", "numpy_lacks", "round_to", "unit_roundoff",
]  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    Theorem: `proofs/ieee_formats`.

    Attributes:
        name: as torch names it.
        precision: bits of the significand, the hidden one included.
        exponent_min, exponent_max: of normal numbers.
        aliases: other names people give it.
        carrier: the NumPy dtype that holds its numbers; its own, or a wider one where NumPy lacks it.
        paired: the dtype whose real and imaginary parts it is, or None.
        poison, padding: two NaNs with payloads that no arithmetic gives, as bits: they tell memory that nobody wrote,
            and what lies between the elements of strided arguments.
        to_nearest: False where a number may be rounded to either of its neighbours, as stochastic rounding does.
    """

    name: str
    precision: int
    exponent_min: int
    exponent_max: int
    aliases: tuple[str, ...] = ()
    carrier: str = ""
    paired: str | None = None
    poison: int = 0
    padding: int = 0
    to_nearest: bool = True

    @property
    def unit_roundoff(self) -> float:
        """u = 2^−precision, half the distance from 1 to the next number; the whole where rounding is not to nearest."""
        return 2.0**-self.precision if self.to_nearest else 2.0 ** (1 - self.precision)

    @property
    def bits(self) -> int:
        """How many bits a number takes: the sign, the exponent, which has two reserved values, and the significand.

        >>> [format.bits for format in FORMATS]
        [64, 32, 16, 16]
        """
        return self.precision + (self.exponent_max - self.exponent_min + 2).bit_length()

    @property
    def smallest_subnormal(self) -> float:
        """η, the distance between numbers around zero."""
        return 2.0 ** (self.exponent_min - self.precision + 1)

    @property
    def underflow(self) -> float:
        """Largest error that rounding to zero may make: hardware may flush subnormals, but not those of float16."""
        return self.flushed or self.smallest_subnormal

    @property
    def flushed(self) -> float:
        """What may become zero where hardware flushes: numbers below the least normal one; none of float16."""
        return 0.0 if self.exponent_min > -126 else 2.0**self.exponent_min

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.precision)) * 2.0**self.exponent_max

    def ulp(self, values: np.ndarray) -> np.ndarray:
        """Distance between neighbouring numbers of this format around each value; η around zero."""
        _, exponents = np.frexp(np.abs(values))
        return np.ldexp(1.0, np.maximum(exponents, self.exponent_min + 1) - self.precision)


FLOAT64 = Format(
    "float64", 53, -1022, 1023, ("fp64", "double"), "float64", "complex128", 0x7FFADA5A5A5A5A5A, 0x7FFD353535353535
)
FLOAT32 = Format("float32", 24, -126, 127, ("fp32", "float"), "float32", "complex64", 0x7FDA5A5A, 0x7FD53535)
# its patterns are the top halves of those of its carrier, so that a carrier filled with one holds it
BFLOAT16 = Format("bfloat16", 8, -126, 127, ("bf16",), "float32", None, 0x7FDA, 0x7FD5)
FLOAT16 = Format("float16", 11, -14, 15, ("fp16", "half"), "float16", None, 0x7E5A, 0x7E35)
TF32 = Format("tf32", 11, -126, 127, ("tensorfloat32",), "float32")
"""What tensor cores read of a float32 operand. Nothing is stored in it: it is a claim about products alone."""

FORMATS = (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)
"""What arrays may be stored in."""

HALVES = tuple(f for f in FORMATS if f.unit_roundoff > FLOAT32.unit_roundoff)
"""Those of half precision: coarser than single."""

NAMES = {name: f for f in FORMATS for name in (f.name, *f.aliases, *([f.paired] if f.paired else []))}
"""Every name of a format; that of a complex dtype gives the format of its parts."""


def format_of(dtype: str | np.dtype | Format) -> Format:
    """The format of a dtype by name (`bf16`, `float32`, …; complex dtypes give the format of their parts).

    Raises:
        ValueError: there is none of this name.

    >>> format_of("bf16").unit_roundoff
    0.00390625
    """
    if isinstance(dtype, Format):
        return dtype
    name = str(dtype).removeprefix("torch.")
    if name not in NAMES:
        raise ValueError(f"dtype: expected one of {', '.join(sorted(NAMES))}, got {name!r}")
    return NAMES[name]


def dtype_named(name: str, *, complex_values: bool = False) -> str:
    """The full name of a dtype by any of its names, or the name as it came; a real one may stand for its complex.

    >>> dtype_named("bf16"), dtype_named("fp32", complex_values=True), dtype_named("complex64"), dtype_named("int8")
    ('bfloat16', 'complex64', 'complex64', 'int8')
    """
    found = NAMES.get(name)
    if found is None or name == found.paired:
        return name
    return found.paired if complex_values and found.paired else found.name


def carrier_of(dtype: str) -> str:
    """The NumPy dtype that holds the numbers of a dtype, value for value; its own where NumPy has it.

    >>> carrier_of("bfloat16"), carrier_of("float16"), carrier_of("complex64"), carrier_of("int64")
    ('float32', 'float16', 'complex64', 'int64')
    """
    found = NAMES.get(dtype)
    return found.carrier if found is not None and dtype != found.paired else dtype


def numpy_lacks(dtype: str) -> bool:
    """Whether numbers of a dtype, by its full name, come to NumPy in a wider one, as the top half of its bits.

    >>> [format.name for format in FORMATS if numpy_lacks(format.name)], numpy_lacks("int64")
    (['bfloat16'], False)
    """
    return carrier_of(dtype) != dtype


def faithful(target: Format) -> Format:
    """The same numbers, rounded to either neighbour: stochastic rounding, or truncation.

    >>> faithful(BFLOAT16).unit_roundoff == 2 * BFLOAT16.unit_roundoff
    True
    """
    return replace(target, to_nearest=False)


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
