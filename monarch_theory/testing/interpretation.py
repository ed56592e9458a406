"""Triton kernels without a GPU: whether the interpreter ran them, and bfloat16 put right there.

Triton's interpreter keeps bfloat16 as the bits of it, in unsigned integers. It multiplies and adds those bits as they
are, and cuts bits off where the compiler rounds to nearest, so that kernels which are right on a GPU are wrong in it.
`repair` has every operation on bfloat16 done in float32 and rounded to nearest even, as GPUs do: float32 has more than
twice the bits and two, so that the second rounding changes nothing. What the interpreter still does not see is said
with the verdict: `BLIND_SPOTS`.

Triton is found among the modules that user code imported, and never imported here.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["BLIND_SPOTS", "repair", "take_used"]

BLIND_SPOTS = "Triton's interpreter, which sees neither TF32, nor races, nor the order of programs"

ARITHMETIC = (
    "create_fadd", "create_fsub", "create_fmul", "create_fdiv", "create_frem", "create_fneg", "create_fma",
    "create_precise_divf", "create_approx_divf",
    "create_minimumf", "create_minnumf", "create_maximumf", "create_maxnumf", "create_clampf",
    "create_cos", "create_sin", "create_exp", "create_exp2", "create_log", "create_log2", "create_sqrt",
    "create_precise_sqrt", "create_rsqrt", "create_erf", "create_floor", "create_ceil", "create_dot",
    *(f"create_fcmp{order}{relation}" for order in "OU" for relation in ("LT", "GT", "LE", "GE", "EQ", "NE")),
)  # fmt: skip
"""Methods of the interpreter's builder that compute with the numbers their arguments hold."""

_used = False


def take_used() -> bool:
    """Whether the interpreter has run a kernel since this was last asked."""
    global _used
    found, _used = _used, False
    return found


def repair() -> bool:
    """Put the interpreter right, if user code has loaded it and it is not so yet; whether this did anything."""
    interpreter: Any = sys.modules.get("triton.runtime.interpreter")
    builder = getattr(interpreter, "InterpreterBuilder", None)
    if builder is None or hasattr(builder, "bfloat16_repaired"):
        return False
    builder.bfloat16_repaired = True
    arithmetic = _Arithmetic(interpreter)
    for name in ARITHMETIC:
        if hasattr(builder, name):
            setattr(builder, name, arithmetic.widened(getattr(builder, name)))
    for name in ("cast_impl", "create_fp_to_fp"):
        setattr(builder, name, arithmetic.cast(getattr(builder, name)))
    executor = interpreter.GridExecutor
    executor.__call__ = _noting_use(executor.__call__)
    return True


def _noting_use(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def noted(*arguments: Any, **keywords: Any) -> Any:
        global _used
        _used = True
        return call(*arguments, **keywords)

    return noted


class _Arithmetic:
    """The interpreter's handles of bfloat16, as float32 and back."""

    def __init__(self, interpreter: Any) -> None:
        self.handle, self.language = interpreter.TensorHandle, interpreter.tl
        self.toward_zero = getattr(getattr(interpreter._ir, "ROUNDING_MODE", None), "RTZ", object())

    def is_bfloat16(self, value: Any) -> bool:
        if not isinstance(value, self.handle):
            return False
        return bool(value.dtype.scalar == self.language.bfloat16 and value.data.dtype == np.uint16)

    def wide(self, value: Any) -> Any:
        """A handle of float32 with the same numbers; anything else as it came."""
        if not self.is_bfloat16(value):
            return value
        bits = value.data.astype(np.uint32) << 16
        return self.handle(bits.view(np.float32), self.language.float32)

    def narrow(self, value: Any) -> Any:
        """A handle of bfloat16 with the nearest numbers, ties to even; anything but float32 as it came."""
        if not isinstance(value, self.handle) or value.data.dtype != np.float32:
            return value
        return self.handle(nearest_bfloat16(value.data), self.language.bfloat16)

    def widened(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method whose result is bfloat16 where its last operand is, and that computes in float32."""

        @functools.wraps(method)
        def computed(builder: Any, *arguments: Any) -> Any:
            narrow = [self.is_bfloat16(a) for a in arguments if isinstance(a, self.handle)]
            if not any(narrow):
                return method(builder, *arguments)
            result = method(builder, *map(self.wide, arguments))
            # of a product with an accumulator, the last operand is that and says what the result is
            return self.narrow(result) if narrow[-1] else result

        return computed

    def cast(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def converted(builder: Any, source: Any, target: Any, *rounding: Any) -> Any:
            to_bfloat16 = target.scalar == self.language.bfloat16
            if rounding and rounding[0] == self.toward_zero:
                return method(builder, source, target, *rounding)
            if self.is_bfloat16(source):
                if to_bfloat16:
                    return source
                wide = self.wide(source)
                return wide if target.scalar == self.language.float32 else method(builder, wide, target, *rounding)
            if to_bfloat16:
                values = source.data.astype(np.float32) if source.data.dtype != np.float32 else source.data
                return self.handle(nearest_bfloat16(values), self.language.bfloat16)
            return method(builder, source, target, *rounding)

        return converted


def nearest_bfloat16(values: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16 of float32 numbers, ties to even; a NaN stays one.

    >>> [hex(b) for b in nearest_bfloat16(np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, np.nan], np.float32))]
    ['0x3f80', '0x3f80', '0x3f82', '0x7fc0']
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    quiet = ((bits >> 16) | 0x40).astype(np.uint16)
    return np.where(np.isnan(values), quiet, rounded).reshape(np.shape(values))
