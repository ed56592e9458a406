"""The true answer to a case: exact where that is quick, and enclosed by a derived radius where it is not.

A large answer is computed by NumPy in a format of at least 29 more bits than the kernel's (float64, or for float64 the
64 bits of extended precision), and enclosed by the error bound that the op derives for any right computation in it.
"""

from __future__ import annotations

from typing import Any

import flint
import numpy as np

from monarch_theory.rounding import FLOAT64, Format, default_model, format_of
from monarch_theory.testing.op import Arrays, Op, Shape
from monarch_theory.testing.oracle import PRECISION, Enclosure, balls, enclose
from monarch_theory.testing.sizes import entries, sizes_of

__all__ = ["enclosed_answer", "output_shapes", "true_answer"]

QUICK_ENTRIES, QUICK_WORK = 1 << 10, 1 << 16
"""Entries of all arguments, and those times the largest size, up to which exact arithmetic is quick."""

EXTENDED = Format("extended", 64, FLOAT64.exponent_min, FLOAT64.exponent_max)
"""The 80-bit format of x86, in the range of float64."""


def true_answer(op: Op, values: Arrays, shape: Shape, dtype: str) -> tuple[Enclosure, ...]:
    """One enclosure per output, for finite float64 or complex128 arguments that a dtype holds."""
    size, wide = entries(op, shape), wider_than(format_of(dtype))
    quick = size <= QUICK_ENTRIES and size * max(sizes_of(shape).values(), default=1) <= QUICK_WORK
    if quick or wide is None or op.accepts is None:
        return _exact(op, values, shape)
    return enclosed_answer(op, values, shape, wide)


def _exact(op: Op, values: Arrays, shape: Shape) -> tuple[Enclosure, ...]:
    """The answers in ball arithmetic.

    Raises:
        ValueError: they are no longer balls, so that rounding has come in.
    """
    with flint.ctx.workprec(PRECISION):
        found = op.answers({name: balls(a) for name, a in values.items()}, shape)
        for answer in found:
            strange = next((v for v in answer.flat if not isinstance(v, flint.arb | flint.acb | int)), None)
            if strange is not None:
                kind = type(strange).__name__
                raise ValueError(f"oracle: expected {op.name} to give exact numbers for exact ones, got {kind}")
        return tuple(map(enclose, found))


def wider_than(storage: Format) -> Format | None:
    """A format NumPy computes in that has at least 11 more bits, if this machine has one."""
    if storage.precision <= 24:
        return FLOAT64
    return EXTENDED if np.finfo(np.longdouble).nmant >= 63 else None


def enclosed_answer(op: Op, values: Arrays, shape: Shape, wide: Format) -> tuple[Enclosure, ...]:
    """The answers as NumPy computes them in a wide format, with the op's bound for that format as radius."""
    kinds: dict[str, Any] = (
        {"f": np.float64, "c": np.complex128} if wide is FLOAT64 else {"f": np.longdouble, "c": np.clongdouble}
    )
    held = {name: a.astype(kinds[a.dtype.kind]) if a.dtype.kind in kinds else a for name, a in values.items()}
    with np.errstate(all="ignore"):
        found = op.answers(held, shape)
        radii = op.bounds(values, shape, default_model(wide))
        return tuple(_enclosure(answer, radius) for answer, radius in zip(found, radii, strict=True))


def _enclosure(answer: np.ndarray, radius: np.ndarray) -> Enclosure:
    high = answer.astype(np.complex128 if answer.dtype.kind == "c" else np.float64)
    low = (answer - high).astype(high.dtype)
    return Enclosure(high, low, np.broadcast_to(radius, high.shape))


def output_shapes(op: Op, values: Arrays, shape: Shape) -> tuple[tuple[int, ...], ...]:
    """The shapes of the outputs, from arguments of zeros: nothing of the answer is computed."""
    return tuple(a.shape for a in op.answers({name: np.zeros_like(a) for name, a in values.items()}, shape))
