"""The tensors of a file that `torch.save` wrote, without torch and without running what the file says.

Such a file is a ZIP archive: `…/data.pkl` pickles the structure, in which every tensor names a storage, its offset,
sizes and strides; `…/data/KEY` holds the storage's bytes. A pickle may call any function, so an unpickler that knows
the handful of names that tensors need reads it, and refuses the first other name.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import ZipFile

import numpy as np

from monarch_theory.rounding import BFLOAT16, Format

__all__ = ["Tensor", "read_torch"]

STORAGES = {  # torch's names, and how NumPy reads the bytes; bfloat16, which it lacks, as bits
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "u2", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
    "ComplexFloatStorage": "c8", "ComplexDoubleStorage": "c16",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array, and the format it was stored in where NumPy lacks that."""

    array: np.ndarray
    stored: Format | None = None


@dataclass(frozen=True)
class _Storage:
    name: str


class _Reader(pickle.Unpickler):
    """Knows what tensors and plain containers are made of, and nothing else."""

    def __init__(self, archive: ZipFile, pickled: str) -> None:
        super().__init__(archive.open(pickled))
        self.archive, self.folder = archive, pickled.removesuffix("data.pkl")
        order = f"{self.folder}byteorder"
        big = order in archive.namelist() and archive.read(order) == b"big"
        self.order: Literal["<", ">"] = ">" if big else "<"

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "Size"): tuple,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in STORAGES:
            return _Storage(name)
        raise pickle.UnpicklingError(f"expected tensors in plain containers, got a call of {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        _, kind, key, _, count = pid
        if not isinstance(kind, _Storage):
            raise pickle.UnpicklingError(f"expected a storage of {', '.join(STORAGES)}, got {kind!r:.40}")
        dtype = np.dtype(STORAGES[kind.name]).newbyteorder(self.order)
        flat = np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), dtype, count)
        return Tensor(flat, BFLOAT16 if kind.name == "BFloat16Storage" else None)


def _tensor(storage: Tensor, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Tensor:
    """A view of a storage; ValueError where it would leave it."""
    flat = storage.array
    if len(sizes) != len(strides) or min((offset, *sizes, *strides)) < 0:
        raise ValueError(f"expected a tensor's offset, sizes and strides, got {offset}, {sizes}, {strides}")
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if 0 not in sizes and last >= flat.size:
        raise ValueError(f"expected a tensor within its storage of {flat.size}, got one that ends at {last}")
    start = flat[offset:] if 0 not in sizes else flat[:0]
    view = np.lib.stride_tricks.as_strided(start, sizes, [stride * flat.itemsize for stride in strides])
    if storage.stored is None:
        return Tensor(view.copy())
    return Tensor((view.astype(np.uint32) << 16).view(np.float32), storage.stored)  # bfloat16: a float32's upper half


def read_torch(path: Path) -> dict[str, Tensor]:
    """Name → tensor of a saved state dict or checkpoint; names of nested containers are joined by dots.

    Raises:
        ValueError: no such archive (torch older than 1.6 wrote another format), or a tensor beyond its storage.
        UnpicklingError: something else than tensors in plain containers.
    """
    with ZipFile(path) as archive:
        pickled = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(pickled) != 1:
            raise ValueError(f"expected one data.pkl, as torch.save writes, got {len(pickled)}")
        return dict(_named(_Reader(archive, pickled[0]).load(), ""))


def _named(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name or "tensor", value
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _named(inner, f"{name}.{key}" if name else str(key))
