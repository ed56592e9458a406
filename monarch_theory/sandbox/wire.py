"""Messages between the two processes: a JSON header, then the raw bytes of its arrays. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

__all__ = ["DTYPES", "decode", "encode", "receive"]

DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip

LARGEST_HEADER = 1 << 20


def encode(header: dict[str, Any], arrays: tuple[np.ndarray, ...] = ()) -> bytes:
    """One message.

    Raises:
        ValueError: an array whose dtype is not one of `DTYPES`.

    >>> message = encode({"do": "evaluate"}, (np.arange(3.0),))
    >>> parts = iter([message[:8], message[8:-24], message[-24:]])
    >>> receive(lambda size: next(parts))
    ({'do': 'evaluate'}, (array([0., 1., 2.]),))
    """
    for a in arrays:
        if a.dtype.name not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {a.dtype.name}")
    described = [{"dtype": a.dtype.name, "shape": a.shape} for a in arrays]
    text = json.dumps({"header": header, "arrays": described}).encode()
    body = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
    return len(text).to_bytes(8, "big") + text + body


def receive(read: Callable[[int], bytes]) -> tuple[dict[str, Any], tuple[np.ndarray, ...]]:
    """The next message, through `read(size)`, which returns exactly that many bytes.

    Raises:
        ValueError: the bytes are no message.
    """
    size = int.from_bytes(read(8), "big")
    if size > LARGEST_HEADER:
        raise ValueError(f"header: expected at most {LARGEST_HEADER} bytes, got {size}")
    message = json.loads(read(size))
    return message["header"], tuple(decode(a, read) for a in message["arrays"])


def decode(described: dict[str, Any], read: Callable[[int], bytes]) -> np.ndarray:
    """One array, owned and writable."""
    if described["dtype"] not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {described['dtype']}")
    dtype, shape = np.dtype(described["dtype"]), tuple(int(s) for s in described["shape"])
    if any(s < 0 for s in shape):
        raise ValueError(f"shape: expected sizes of at least zero, got {shape}")
    return np.frombuffer(bytearray(read(prod(shape) * dtype.itemsize)), dtype).reshape(shape)
