"""Batched products of strided float matrices on a CPU, in the layouts they already have.

A Monarch product is cheap in operations, so what decides its speed is how often its operands pass through memory.
`torch.bmm` leaves its result where it likes, and every digit reversal is then a copy. The kernel here,
`kernels/strided_products.cpp`, writes each result where the next stage, or the caller, wants it.

It is compiled on first use, by the C++ compiler of the machine, and kept in the user's cache folder. Where there is no
compiler, where the processor has no wide vectors, or where `MONARCH_STRIDED=0` is set, `library` says so by returning
None and callers use `torch.bmm`, with the same bounds on the error.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from monarch_gpu.ops.torch.cpu import memory
from monarch_gpu.ops.torch.cpu.compiled import compiler, shared_object

__all__ = ["DIMS", "Operand", "Product", "library", "plan", "run", "transposed"]

SOURCE = Path(__file__).parent / "kernels" / "strided_products.cpp"

VECTOR_FLAGS = {"AVX512": ("-mavx512f", "-mfma"), "AVX2": ("-mavx2", "-mfma")}
"""What the kernel may use, by what PyTorch finds on an x86 processor."""

DIMS = 8
"""Block axes a product may have."""

NAMES = {torch.float32: "float32", torch.float64: "float64"}

log = logging.getLogger(__name__)


class _View(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int64), ("row", ctypes.c_int64), ("column", ctypes.c_int64),
                ("block", ctypes.c_int64 * DIMS))  # fmt: skip


class Product(ctypes.Structure):
    """One batched product, c = a b for every block, as the kernel reads it."""

    _fields_ = (("a", _View), ("b", _View), ("c", _View), ("rows", ctypes.c_int64), ("inner", ctypes.c_int64),
                ("columns", ctypes.c_int64), ("blocks", ctypes.c_int64 * DIMS))  # fmt: skip


Operand = tuple[int, Mapping[str, int]]
"""A tensor whose pointer `run` is given: its position there, and its stride along every axis, by name of the axis."""


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where they can't be had; why is logged."""
    if os.environ.get("MONARCH_STRIDED", "1") == "0":
        return None
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    capability = torch.backends.cpu.get_cpu_capability()
    if x86 and capability not in VECTOR_FLAGS:
        log.info("torch.bmm serves: no AVX2 on this processor")
        return None
    options = ["-std=c++17", "-O3", "-ffp-contract=fast", "-fopenmp", "-shared", "-fPIC"]
    try:
        command = [*compiler(), *options, *(VECTOR_FLAGS[capability] if x86 else ())]
        # torch's OpenMP runtime is in memory already, and has the name this library asks for
        return ctypes.CDLL(str(shared_object(SOURCE, command)))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.warning("slower, torch.bmm serves: %s", getattr(error, "stderr", None) or error)
        return None


def plan(
    sizes: Mapping[str, int], a: Operand, b: Operand, c: Operand, *, row: str, inner: str, column: str,
    blocks: Sequence[str],
) -> Product:  # fmt: skip
    """c[…, row, column] = Σ_inner a[…, row, inner] b[…, inner, column] over all `blocks` axes, ready to run.

    Args:
        sizes: of every axis.
        a, b, c: operands; c has stride 1 along `column`.
        blocks: at most `DIMS` axes.
    """
    padding = [1] * (DIMS - len(blocks))

    def view(operand: Operand, row: str, column: str) -> _View:
        slot, strides = operand
        return _View(slot, strides[row], strides[column], (ctypes.c_int64 * DIMS)(*(strides[axis] for axis in blocks)))

    return Product(
        view(a, row, inner), view(b, inner, column), view(c, row, column), sizes[row], sizes[inner], sizes[column],
        (ctypes.c_int64 * DIMS)(*(sizes[axis] for axis in blocks), *padding),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _function(name: str, dtype: torch.dtype) -> Callable[..., None]:
    function = library()[f"{name}_{NAMES[dtype]}"]  # type: ignore[index]
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    arguments = {"products": (pointer, integer, pointer), "transpose": (*[integer] * 3, pointer, integer, pointer)}
    function.argtypes, function.restype = arguments[name], None
    return function


def run(products: ctypes.Array[Product], dtype: torch.dtype, pointers: Sequence[int | None]) -> None:
    """Execute products one after another on float32 or float64 memory; their slots number the pointers."""
    _function("products", dtype)(products, len(products), (ctypes.c_void_p * len(pointers))(*pointers))


def transposed(x: Tensor) -> Tensor:
    """(C, a, b) float32 or float64 to (C, b, a), contiguous.

    >>> transposed(torch.arange(6.0).reshape(1, 2, 3)) if library() else torch.tensor([[[0.0, 3], [1, 4], [2, 5]]])
    tensor([[[0., 3.],
             [1., 4.],
             [2., 5.]]])
    """
    count, rows, columns = x.shape
    if x.stride(2) != 1 or (count > 1 and x.stride(0) != rows * x.stride(1)):
        x = x.contiguous()
    out = memory.empty(x, (count, columns, rows))
    if prod(x.shape):
        _function("transpose", x.dtype)(count, rows, columns, x.data_ptr(), x.stride(1), out.data_ptr())
    return out
