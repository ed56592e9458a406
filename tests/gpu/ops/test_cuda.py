"""The CUDA C++ kernels with no GPU: compiled for sm_80 and sm_90 by NVRTC, their arithmetic executed on the host."""

import shutil
from math import prod
from typing import Any

import numpy as np
import pytest

from monarch_gpu.ops import cuda
from monarch_gpu.ops.arguments import convolution_radices
from monarch_gpu.ops.cupy import convolution_tables, multiply_launch
from monarch_theory.monarch import Convention

SOURCES = ("monarch_multiply", "long_convolution")

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to run the kernels on the host")


@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize("name", SOURCES)
def test_nvrtc_compiles_every_kernel_without_spilling(name: str, architecture: int) -> None:
    pytest.importorskip("cuda.bindings.nvrtc", reason="needs cuda-bindings", exc_type=ImportError)
    try:
        compiled = cuda.compile_ahead(name, architecture)
    except RuntimeError as error:
        if "libnvrtc" in str(error):
            pytest.skip(f"needs the NVRTC library: {error}")
        raise
    for kernel in cuda.kernel_names(name):
        print(f"{kernel}, sm_{architecture}: {compiled.registers[kernel]} registers")
        assert kernel.encode() in compiled.binary
        assert 0 < compiled.registers[kernel] <= 255 and compiled.spills[kernel] == 0


def bits(values: np.ndarray) -> np.ndarray:
    """float32 that are bfloat16 numbers, as their 16 bits."""
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def multiply_on_host(
    x: np.ndarray, right: np.ndarray, left: np.ndarray, kernel: str, convention: Convention = Convention.M2, **how: Any
) -> np.ndarray:
    """The kernel as the CuPy backend launches it, on (inputs, batch)."""
    y = np.zeros((right.shape[1] * left.shape[1], x.shape[1]), dtype=x.dtype)
    shapes = (right.shape, left.shape)
    grid, shared, numbers = multiply_launch(
        (x.shape[1], 1), (x.shape[1], 1), x.shape[1], shapes, x.itemsize, convention
    )
    text = how.pop("text", cuda.source("monarch_multiply"))
    cuda.run_on_host(text, kernel, grid, how.pop("threads", 8), shared, [x, right, left, y, *numbers], **how)
    return y


@needs_compiler
@pytest.mark.parametrize(
    "dtype", ["float32", "bfloat16", *(pytest.param(d, marks=pytest.mark.long) for d in ("float64", "complex64"))]
)
def test_the_product_on_the_host_is_within_its_bound(dtype: str, hold_to_reference: Any) -> None:
    def run(x: np.ndarray, right: np.ndarray, left: np.ndarray) -> np.ndarray:
        stored = bits if dtype == "bfloat16" else lambda a: a.astype(dtype)
        if x.shape[0] == 0:
            return np.zeros((0, right.shape[1] * left.shape[1]))
        y = multiply_on_host(np.ascontiguousarray(stored(x.T)), stored(right), stored(left), f"multiply_{dtype}").T
        return (y.astype(np.uint32) << 16).view(np.float32).astype(float) if dtype == "bfloat16" else y

    order_two = lambda shape: len(shape["input_radices"]) == 2  # noqa: E731
    hold_to_reference("monarch-multiply", run, dtype, largest=700, wanted=order_two)


@needs_compiler
@pytest.mark.parametrize("convention", Convention)
def test_conventions_and_more_columns_than_a_tile(convention: Convention) -> None:
    from monarch_gpu.ops.cupy import monarch_multiply

    rng = np.random.default_rng(0)
    right, left, x = (rng.integers(-3, 4, s).astype(np.float32) for s in ((3, 5, 2), (5, 4, 3), (6, 37)))
    y = multiply_on_host(x, right, left, "multiply_float32", convention)
    np.testing.assert_array_equal(y, monarch_multiply(x, right, left, convention=convention, axis=0))


@needs_compiler
@pytest.mark.parametrize("name", ["long-convolution", "circular-convolution"])
def test_the_convolution_on_the_host_is_within_its_bound(name: str, hold_to_reference: Any) -> None:
    def run(u: np.ndarray, k: np.ndarray, gate: Any = None, skip: Any = None) -> np.ndarray:
        if u.size == 0:
            return np.zeros(u.shape)
        u, k = u.astype(np.float32), k.astype(np.float32)
        gate, skip = (None if a is None else a.astype(np.float32) for a in (gate, skip))
        batch, channels, n = u.shape
        radices = convolution_radices(n, n, causal=gate is not None)
        spectrum, roots = convolution_tables(k, radices)
        y = np.zeros_like(u)
        arguments = [u, spectrum, roots, gate, skip, None, y, channels, n, *radices]
        grid = (channels, batch)
        text = cuda.source("long_convolution")
        cuda.run_on_host(text, "long_convolution_float32", grid, 8, 16 * prod(radices), arguments)
        return y.astype(float)

    hold_to_reference(name, run, "float32", wanted=lambda shape: shape["n"] <= 32)


# What running on the host is for: the faults it catches


def small_product() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    right, left, x = (rng.standard_normal(s).astype(np.float32) for s in ((4, 4, 4), (4, 4, 4), (16, 5)))
    return x, right, left


@needs_compiler
@pytest.mark.parametrize(
    ("right", "wrong", "report"),
    [
        ("a0 < n0; ++a0", "a0 <= n0; ++a0", "heap-buffer-overflow"),
        pytest.param("element < n1 * tile", "element <= n1 * tile", "heap-buffer-overflow", marks=pytest.mark.long),
        pytest.param("if (column >= batch) continue;", "", "heap-buffer-overflow", marks=pytest.mark.long),
    ],
)
def test_an_index_error_is_caught(right: str, wrong: str, report: str) -> None:
    text = cuda.source("monarch_multiply")
    assert right in text
    with pytest.raises(cuda.HostError, match=report):
        multiply_on_host(*small_product(), "multiply_float32", text=text.replace(right, wrong))


@pytest.mark.long
@needs_compiler
def test_a_missing_barrier_is_a_reported_race_and_the_kernel_itself_has_none() -> None:
    # more threads than columns in a tile: with fewer, no thread reads what another wrote
    how = {"sanitizer": "thread", "threads": 48}
    multiply_on_host(*small_product(), "multiply_float32", **how)
    text = cuda.source("monarch_multiply").replace("__syncthreads();", "")
    with pytest.raises(cuda.HostError, match="data race"):
        multiply_on_host(*small_product(), "multiply_float32", text=text, **how)
