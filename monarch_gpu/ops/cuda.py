"""The CUDA C++ kernels as text: compiled ahead by NVRTC for a GPU that need not be present, or run on the host.

`kernels/*.cu` are the sources. `compile_ahead` gives what `cupy.RawModule` would load; `run_on_host` compiles the same
source with g++ and a sanitizer and executes its arithmetic thread by thread, so that an index error or a missing
barrier is caught on any machine.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.extras import needed

__all__ = ["Compiled", "HostError", "compile_ahead", "kernel_names", "run_on_host", "source"]

KERNELS = Path(__file__).parent / "kernels"

SANITIZERS = {"address": "address,undefined", "thread": "thread"}


class HostError(RuntimeError):
    """A kernel did something wrong on the host; the message is the sanitizer's report."""


@lru_cache(maxsize=8)
def source(name: str) -> str:
    """The CUDA C++ source `kernels/NAME.cu` in one piece, its own headers included.

    >>> "extern \\"C\\" __global__" in source("monarch_multiply")
    True
    """
    text = (KERNELS / f"{name}.cu").read_text()
    return text.replace('#include "scalars.h"', (KERNELS / "scalars.h").read_text().replace("#pragma once", ""))


def kernel_names(name: str) -> list[str]:
    """The kernels that `kernels/NAME.cu` exports.

    >>> kernel_names("long_convolution")
    ['long_convolution_float32']
    """
    return re.findall(r"KERNEL\((\w+)\)", source(name).split("#define MONARCH_KERNELS(KERNEL)")[1])


@dataclass(frozen=True)
class Compiled:
    """A compiled source.

    Attributes:
        binary: the cubin.
        registers: per thread, by kernel, as the assembler reports it.
        spills: bytes of registers stored to memory per thread, by kernel.
    """

    binary: bytes
    registers: dict[str, int]
    spills: dict[str, int]


def compile_ahead(name: str, architecture: int) -> Compiled:
    """Compile `kernels/NAME.cu` for a compute capability such as 80 or 90; needs `cuda-bindings`, no GPU.

    Raises:
        RuntimeError: NVRTC refuses; the message is its log.
    """
    with needed():
        from cuda.bindings import nvrtc

    def checked(answer: tuple[Any, ...]) -> Any:
        status, *rest = answer
        if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise RuntimeError(f"{name}.cu for sm_{architecture}: {status}\n{log()}")
        return rest[0] if rest else None

    def log() -> str:
        _, size = nvrtc.nvrtcGetProgramLogSize(program)
        text = b" " * size
        nvrtc.nvrtcGetProgramLog(program, text)
        return text.decode(errors="replace").strip("\0 \n")

    created = nvrtc.nvrtcCreateProgram(source(name).encode(), f"{name}.cu".encode(), 0, [], [])
    program = created[1]
    checked(created[:1])
    options = [f"--gpu-architecture=sm_{architecture}".encode(), b"--std=c++17", b"--ptxas-options=-v"]
    checked(nvrtc.nvrtcCompileProgram(program, len(options), options))
    binary = b" " * checked(nvrtc.nvrtcGetCUBINSize(program))
    checked(nvrtc.nvrtcGetCUBIN(program, binary))
    entry = r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers"
    report = re.findall(entry, log(), re.S)
    nvrtc.nvrtcDestroyProgram(program)
    registers = {kernel: int(count) for kernel, _, count in report}
    return Compiled(binary, registers, {kernel: int(count) for kernel, count, _ in report})


@lru_cache(maxsize=16)
def _host_program(text: str, sanitizer: str) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """The source and the host driver as a program; kept until the process ends."""
    folder = tempfile.TemporaryDirectory()
    kernel, program = Path(folder.name) / "kernel.cu", Path(folder.name) / "host"
    kernel.write_text(text)
    command = ["g++", "-std=c++20", "-g1", "-O0", f"-fsanitize={SANITIZERS[sanitizer]}", "-fno-sanitize-recover=all"]
    command += ["-pthread", "-DMONARCH_HOST", f"-I{KERNELS}", f'-DKERNEL_FILE="{kernel}"', str(KERNELS / "host.cpp")]
    built = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True)
    if built.returncode:
        raise HostError(built.stderr)
    return folder, program


def run_on_host(
    text: str,
    kernel: str,
    grid: tuple[int, ...],
    threads: int,
    shared: int,
    arguments: Sequence[np.ndarray | int | None],
    *,
    sanitizer: str = "address",
) -> None:
    """Execute one kernel of a source on the host, changing the arrays among `arguments` as the kernel does.

    Args:
        text: CUDA C++ source, for example `source("monarch_multiply")`.
        kernel: its name.
        grid: blocks along x, y, z.
        threads: for each block.
        shared: bytes of dynamic shared memory.
        arguments: C-ordered arrays for pointers, integers, None for null.
        sanitizer: "address" finds accesses outside any buffer, "thread" races between barriers.

    Raises:
        HostError: the source does not compile, or a sanitizer reports an error.
    """
    _, program = _host_program(text, sanitizer)
    with tempfile.TemporaryDirectory() as folder:
        words, buffers = [], {}
        for position, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                path = Path(folder) / str(position)
                path.write_bytes(argument.tobytes())
                buffers[position] = path
                words.append(str(path))
            else:
                words.append("null" if argument is None else str(argument))
        sizes = [*grid, *[1] * (3 - len(grid)), threads, shared]
        done = subprocess.run([program, kernel, *map(str, sizes), *words], capture_output=True, text=True)
        if done.returncode:
            raise HostError(done.stderr)
        for position, path in buffers.items():
            array = arguments[position]
            assert isinstance(array, np.ndarray)
            array[...] = np.frombuffer(path.read_bytes(), array.dtype).reshape(array.shape)
