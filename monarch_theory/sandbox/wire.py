"""Messages between the two processes: a JSON header, then the raw bytes of its arrays. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from monarch_theory.sandbox.outcome import Outcome

__all__ = ["DTYPES", "decode", "encode", "receive"]

DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip

LARGEST_HEADER = 1 << 20
LARGEST_BODY = 1 << 32
"""Bytes of all arrays of one message: what a process announces is not to fill the memory of the other."""


def encode(header: dict[str, Any], arrays: tuple[np.ndarray, ...] = ()) -> bytes:
    """One message, in the order of bytes of this machine, whatever that of an array.

    Raises:
        ValueError: an array whose dtype is not one of `DTYPES`, or with a mask, which a message has no room for.

    >>> message = encode({"do": "evaluate"}, (np.arange(3.0),))
    >>> parts = iter([message[:8], message[8:-24], message[-24:]])
    >>> receive(lambda size: next(parts))
    ({'do': 'evaluate'}, (array([0., 1., 2.]),))
    """
    for a in arrays:
        if a.dtype.name not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {a.dtype.name}")
        if np.ma.is_masked(a):
            raise ValueError(f"array: expected no masked entries, got {np.ma.count_masked(a)} of {a.size}")
    described = [{"dtype": a.dtype.name, "shape": a.shape} for a in arrays]
    text = json.dumps({"header": header, "arrays": described}).encode()
    body = b"".join(a.astype(a.dtype.newbyteorder("="), copy=False).tobytes() for a in arrays)
    return len(text).to_bytes(8, "big") + text + body


def receive(read: Callable[[int], bytes]) -> tuple[dict[str, Any], tuple[np.ndarray, ...]]:
    """The next message, through `read(size)`, which returns exactly that many bytes.

    Raises:
        ValueError: the bytes are no message. What it says of arrays is checked before any of them is read.
    """
    size = int.from_bytes(read(8), "big")
    if size > LARGEST_HEADER:
        raise ValueError(f"header: expected at most {LARGEST_HEADER} bytes, got {size}")
    try:
        message = json.loads(read(size))
    except RecursionError:
        raise ValueError("header: expected a flat JSON object, got one nested too deeply") from None
    if not isinstance(message, dict) or not isinstance(message.get("arrays"), list):
        raise ValueError("message: expected an object with a header and arrays, got something else")
    header = message.get("header")
    if not isinstance(header, dict):
        raise ValueError(f"header: expected an object, got {type(header).__name__}")
    _check_outcome(header)
    described = [described_array(a) for a in message["arrays"]]
    announced = sum(prod(shape) * dtype.itemsize for dtype, shape in described)
    if announced > LARGEST_BODY:
        raise ValueError(f"arrays: expected at most {LARGEST_BODY} bytes, got {announced}")
    return header, tuple(decode(dtype, shape, read) for dtype, shape in described)


def _check_outcome(header: dict[str, Any]) -> None:
    """An answer that says how user code ended names an outcome, and says why in words."""
    if "outcome" not in header:
        return
    name, message = header["outcome"], header.get("message")
    if not isinstance(name, str) or name not in Outcome.__members__:
        raise ValueError(f"outcome: expected one of {', '.join(Outcome.__members__)}, got {str(name)[:40]!r}")
    if not isinstance(message, str):
        raise ValueError(f"message: expected text, got {type(message).__name__}")


def described_array(described: Any) -> tuple[np.dtype, tuple[int, ...]]:
    """The dtype and the shape that a message announces.

    Raises:
        ValueError: it announces no array that can cross.
    """
    if not isinstance(described, dict) or not isinstance(described.get("shape"), list):
        raise ValueError("array: expected a dtype and a shape, got something else")
    name, shape = described.get("dtype"), described["shape"]
    if name not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {str(name)[:40]}")
    if not all(type(s) is int and s >= 0 for s in shape) or len(shape) > 32:
        raise ValueError(f"shape: expected at most 32 sizes of at least zero, got {str(shape)[:80]}")
    return np.dtype(name), tuple(shape)


def decode(dtype: np.dtype, shape: tuple[int, ...], read: Callable[[int], bytes]) -> np.ndarray:
    """One array, owned and writable."""
    return np.frombuffer(bytearray(read(prod(shape) * dtype.itemsize)), dtype).reshape(shape)
