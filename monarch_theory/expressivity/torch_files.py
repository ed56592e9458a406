"""The tensors of a file that `torch.save` wrote, without torch and without running what the file says.

Such a file is a ZIP archive: `…/data.pkl` pickles the structure, in which every tensor names a storage, its offset,
sizes and strides; `…/data/KEY` holds the storage's bytes. A pickle may call any function, so an unpickler that knows
the handful of names that tensors need reads it, and refuses the first other name.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import ZipFile

import numpy as np

from monarch_theory.rounding import BFLOAT16, Format

__all__ = ["Missing", "Tensor", "read_torch"]

STORAGES = {  # torch's names, and how NumPy reads the bytes; bfloat16, which it lacks, as bits
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "u2", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
    "ComplexFloatStorage": "c8", "ComplexDoubleStorage": "c16", "UntypedStorage": "u1",
}  # fmt: skip
TYPES = {"uint16": "u2", "uint32": "u4", "uint64": "u8"}  # without a storage of their own


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array, and the format it was stored in where NumPy lacks that."""

    array: np.ndarray
    stored: Format | None = None


@dataclass(frozen=True)
class _Name:
    """A storage, a scalar type or anything else that torch only refers to."""

    name: str


@dataclass(frozen=True)
class Missing:
    """In the place of a tensor that NumPy has none such of.

    Attributes:
        reason: in words.
    """

    reason: str


Read = Tensor | Missing


class _Reader(pickle.Unpickler):
    """Knows what tensors and plain containers are made of, and nothing else."""

    def __init__(self, archive: ZipFile, pickled: str) -> None:
        super().__init__(io.BytesIO(archive.read(pickled)))  # a member that is open keeps the archive open
        self.archive, self.folder = archive, pickled.removesuffix("data.pkl")
        order = f"{self.folder}byteorder"
        big = order in archive.namelist() and archive.read(order) == b"big"
        self.order: Literal["<", ">"] = ">" if big else "<"

    def find_class(self, module: str, name: str) -> Any:
        known = self.known()
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name[0] != "_":
            return _Name(name)
        if module == "torch._utils" and name.startswith("_rebuild_"):  # sparse, quantised, without storage, …
            return lambda *_: Missing(f"expected a dense tensor and its numbers, got what torch's {name} makes")
        raise pickle.UnpicklingError(f"expected tensors in plain containers, got a call of {module}.{name}")

    def known(self) -> dict[tuple[str, str], Any]:
        """What names stand for: types that nothing can be set on, and functions made anew each time.

        A pickle may set attributes of whatever it names. On a function of this module they would stay, and the next
        file would be read by what this one left: its numbers negated by another default, say.
        """
        return {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "Size"): tuple,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *parts: _tensor(*parts),
            ("torch._utils", "_rebuild_tensor_v3"): lambda *parts: self._typed_tensor(*parts),
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
            ("torch._tensor", "_rebuild_from_type_v2"): lambda build, _, arguments, __: build(*arguments),
            ("torch.storage", "UntypedStorage"): _Name("UntypedStorage"),
            ("torch.serialization", "_get_layout"): lambda name: _Name(name),
        }

    def persistent_load(self, pid: Any) -> Read:
        _, kind, key, _, count = pid
        if not isinstance(kind, _Name):
            raise pickle.UnpicklingError(f"expected a storage of {', '.join(STORAGES)}, got {kind!r:.40}")
        if kind.name not in STORAGES:
            return Missing(f"expected a storage of {', '.join(STORAGES)}, got {kind.name}")
        dtype = np.dtype(STORAGES[kind.name]).newbyteorder(self.order)
        flat = np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), dtype, count)
        return Tensor(flat, BFLOAT16 if kind.name == "BFloat16Storage" else None)

    def _typed_tensor(self, storage: Read, *view: Any) -> Read:
        """A view of bytes as scalars of a type that no storage is named after: (offset … hooks, type, lazy)."""
        (offset, sizes, strides, _, _, dtype), lazy = view[:6], view[6] if len(view) > 6 else None
        if isinstance(storage, Missing):
            return storage
        if dtype.name not in TYPES:
            return Missing(f"expected scalars that NumPy has, got torch.{dtype.name}")
        typed = storage.array.view(np.dtype(TYPES[dtype.name]).newbyteorder(self.order))
        return _tensor(Tensor(typed), offset, sizes, strides, lazy=lazy)


def _tensor(
    storage: Read,
    offset: int,
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    gradient: bool = False,
    hooks: Any = None,
    lazy: dict[str, bool] | None = None,
) -> Read:
    """A view of a storage; ValueError where it would leave it.

    Args:
        lazy: "conj" and "neg", operations that torch has put off: the storage has the numbers before them.
    """
    if isinstance(storage, Missing):
        return storage
    flat = storage.array
    if len(sizes) != len(strides) or min((offset, *sizes, *strides)) < 0:
        raise ValueError(f"expected a tensor's offset, sizes and strides, got {offset}, {sizes}, {strides}")
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if 0 not in sizes and last >= flat.size:
        raise ValueError(f"expected a tensor within its storage of {flat.size}, got one that ends at {last}")
    lazy = lazy or {}
    if unknown := set(lazy) - {"conj", "neg"}:
        return Missing(f"expected no other lazy operations than conj and neg, got {', '.join(sorted(unknown))}")
    start = flat[offset:] if 0 not in sizes else flat[:0]
    view = np.lib.stride_tricks.as_strided(start, sizes, [stride * flat.itemsize for stride in strides])
    brain = storage.stored is not None  # bfloat16: a float32's upper half
    array = (view.astype(np.uint32) << 16).view(np.float32) if brain else view.copy()
    array = array.conj() if lazy.get("conj") else array
    return Tensor(-array if lazy.get("neg") else array, storage.stored)


def read_torch(path: Path) -> dict[str, Read]:
    """Name → tensor of a saved state dict or checkpoint, or why NumPy has none such (sparse, quantised, eight bits, …).

    Names of nested containers are joined by dots.

    Raises:
        ValueError: no such archive (torch older than 1.6 wrote another format), or a tensor beyond its storage.
        UnpicklingError: something else than tensors in plain containers.
    """
    with ZipFile(path) as archive:
        pickled = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(pickled) != 1:
            raise ValueError(f"expected one data.pkl, as torch.save writes, got {len(pickled)}")
        return dict(_named(_Reader(archive, pickled[0]).load(), ""))


def _named(value: Any, name: str) -> Iterator[tuple[str, Read]]:
    if isinstance(value, Read):
        yield name or "tensor", value
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _named(inner, f"{name}.{key}" if name else str(key))
