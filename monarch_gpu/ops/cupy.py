"""The primitives on CuPy arrays, and unchanged on NumPy arrays.

Every function asks its arguments which library they belong to. On CuPy, order 2 and the convolution run the CUDA
kernels of `kernels/` where their state fits in shared memory. Neither library differentiates, so each primitive that
is not its own adjoint has a `…_backward` function.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from monarch_gpu.ops import cuda
from monarch_gpu.ops.arguments import (
    check_axis,
    check_blocks,
    check_convention,
    check_factors,
    check_same,
    check_signal,
    check_transform,
    convolution_radices,
    monarch_radices,
)
from monarch_theory.digits import check_radices, reversal
from monarch_theory.extras import needed
from monarch_theory.monarch import Convention

__all__ = [
    "block_diagonal_multiply",
    "block_diagonal_multiply_backward",
    "causal_monarch",
    "causal_monarch_backward",
    "inverse_monarch_dft",
    "long_convolution",
    "long_convolution_backward",
    "monarch_dft",
    "monarch_multiply",
    "monarch_multiply_backward",
]

Array = Any
"""A NumPy or a CuPy array."""

KERNEL_TILE = 32
"""Batch columns of one thread block: a warp reads neighbouring numbers."""

SHARED_MEMORY = 48 * 1024
"""Bytes that every GPU gives a thread block without being asked for more."""


def _library(x: Array) -> ModuleType:
    """The module whose arrays these are."""
    if isinstance(x, np.ndarray):
        return np
    with needed():
        import cupy

    if isinstance(x, cupy.ndarray):
        return cupy
    raise TypeError(f"x: expected a NumPy or CuPy array, got {type(x).__name__}")


def _check_dtype(x: Array, name: str = "x") -> None:
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: expected a floating-point or complex dtype, got {x.dtype}")


def _matmul(a: Array, b: Array) -> Array:
    """Batched product, float16 accumulated in float32."""
    if a.dtype == np.float16:
        return (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float16)
    return a @ b


def _sequence_first(x: Array, axis: int) -> Array:
    """(N, everything else), and the shape of everything else is that of x without `axis`."""
    front = _library(x).moveaxis(x, axis, 0)
    return front.reshape(front.shape[0], prod(front.shape[1:]))


def _sequence_back(y: Array, like: Array, axis: int) -> Array:
    others = like.shape[:axis] + like.shape[axis + 1 :]
    return _library(y).moveaxis(y.reshape(y.shape[0], *others), 0, axis)


# Monarch and block-diagonal products, on (N, batch)


def _operands(x: Array, factors: Sequence[Array], convention: Convention) -> tuple[list[Array], Array]:
    """What every stage multiplies, (before, after, n_k, batch), and the last state, (outputs, batch) in stage order."""
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    batch = x.shape[1]
    state = x[reversal(columns[::-1])] if convention is Convention.DAO else x
    operands = []
    for k, factor in enumerate(factors):
        before, after = prod(rows[:k]), prod(columns[k + 1 :])
        operand = state.reshape(before, columns[k], after, batch).swapaxes(1, 2)
        operands.append(operand)
        product = _matmul(factor.reshape(before, after, rows[k], columns[k]), operand)
        state = product.swapaxes(1, 2).reshape(before * rows[k] * after, batch)
    return operands, state


def _multiply(x: Array, factors: Sequence[Array], convention: Convention) -> Array:
    """(inputs, batch) to (outputs, batch)."""
    if _library(x) is not np and len(factors) == 2 and _fits_kernel(x, factors):
        return _multiply_by_kernel(x, factors, convention)
    _, state = _operands(x, factors, convention)
    return state if convention is Convention.DAO_TRANSPOSED else state[reversal([f.shape[1] for f in factors])]


def _multiply_gradients(
    gradient: Array, x: Array, factors: Sequence[Array], convention: Convention
) -> tuple[Array, list[Array]]:
    """Gradients of x and of every factor, from that of y = M x."""
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    operands, _ = _operands(x, factors, convention)
    if convention is not Convention.DAO_TRANSPOSED:
        gradient = gradient[reversal(rows[::-1])]
    found = []
    for k in reversed(range(len(factors))):
        before, after, batch = prod(rows[:k]), prod(columns[k + 1 :]), x.shape[1]
        gradient = gradient.reshape(before, rows[k], after, batch).swapaxes(1, 2)
        found.append(_matmul(gradient, operands[k].conj().swapaxes(2, 3)).reshape(factors[k].shape))
        blocks = factors[k].reshape(before, after, rows[k], columns[k]).conj().swapaxes(2, 3)
        gradient = _matmul(blocks, gradient).swapaxes(1, 2).reshape(before * columns[k] * after, batch)
    return gradient[reversal(columns)] if convention is Convention.DAO else gradient, found[::-1]


def block_diagonal_multiply(x: Array, blocks: Array, axis: int = -1) -> Array:
    """diag(B_0, …, B_{g-1}) x along `axis`, blocks (g, m, n); see `monarch_gpu.ops.torch`.

    >>> block_diagonal_multiply(np.array([1.0, 2.0, 3.0, 4.0]), np.array([[[1.0, 1.0]], [[1.0, -1.0]]]))
    array([ 3., -1.])
    """
    axis = _check_block_diagonal(x, blocks, axis)
    g, m, n = blocks.shape
    flat = _sequence_first(x, axis)
    y = _matmul(blocks, flat.reshape(g, n, flat.shape[1])).reshape(g * m, flat.shape[1])
    return _sequence_back(y, x, axis)


def block_diagonal_multiply_backward(gradient: Array, x: Array, blocks: Array, axis: int = -1) -> tuple[Array, Array]:
    """Gradients of x and of the blocks, from that of the result."""
    axis = _check_block_diagonal(x, blocks, axis)
    g, m, n = blocks.shape
    flat, given = _sequence_first(x, axis), _sequence_first(gradient, axis)
    batch = flat.shape[1]
    given = given.reshape(g, m, batch)
    back = _matmul(blocks.conj().swapaxes(1, 2), given).reshape(g * n, batch)
    return _sequence_back(back, x, axis), _matmul(given, flat.reshape(g, n, batch).conj().swapaxes(1, 2))


def _check_block_diagonal(x: Array, blocks: Array, axis: int) -> int:
    check_blocks(tuple(blocks.shape))
    check_same(x, {"blocks": blocks})
    _check_dtype(x)
    return check_axis(x, axis, blocks.shape[0] * blocks.shape[2])


def monarch_multiply(x: Array, *factors: Array, convention: Convention = Convention.M2, axis: int = -1) -> Array:
    """M x along `axis`; see `monarch_gpu.ops.torch.monarch_multiply`.

    >>> hadamard = np.array([[[1.0, 1.0], [1.0, -1.0]]] * 2)
    >>> monarch_multiply(np.array([1.0, 2.0, 3.0, 4.0]), hadamard, hadamard)
    array([10., -4., -2.,  0.])
    """
    axis = _check_monarch(x, factors, convention, axis)
    return _sequence_back(_multiply(_sequence_first(x, axis), factors, convention), x, axis)


def monarch_multiply_backward(
    gradient: Array, x: Array, *factors: Array, convention: Convention = Convention.M2, axis: int = -1
) -> tuple[Array, list[Array]]:
    """Gradients of x and of every factor, from that of the result."""
    axis = _check_monarch(x, factors, convention, axis)
    flat, given = _sequence_first(x, axis), _sequence_first(gradient, axis)
    back, found = _multiply_gradients(given, flat, factors, convention)
    return _sequence_back(back, x, axis), found


def _check_monarch(x: Array, factors: Sequence[Array], convention: Convention, axis: int) -> int:
    _, columns = monarch_radices(tuple(tuple(f.shape) for f in factors))
    check_convention(convention)
    check_factors(x, factors)
    _check_dtype(x)
    return check_axis(x, axis, prod(columns))


# The DFT in stages


@lru_cache(maxsize=64)
def _roots(n: int, dtype: str, adjoint: bool) -> np.ndarray:
    """exp(∓2πi e/n) for e = 0 … n − 1, each from its own angle."""
    return np.exp((2j if adjoint else -2j) * np.pi * (np.arange(n) / n)).astype(dtype)


def _fourier(x: Array, radices: Sequence[int], rows: int, adjoint: bool = False) -> Array:
    """(rows · N/n_0, batch) to its DFT (N, batch) in stage order, or the adjoint; as in `monarch_gpu.ops.torch`."""
    xp, size, batch = _library(x), prod(radices), x.shape[1]
    roots = xp.asarray(_roots(size, str(x.dtype), adjoint))
    for k in reversed(range(len(radices))) if adjoint else range(len(radices)):
        before, b, n = prod(radices[:k]), radices[k], rows if k == 0 else radices[k]
        after = size // (before * b)
        low = np.arange(before).reshape(radices[:k][::-1]).T.reshape(-1)
        twiddles = roots[np.outer(low, np.arange(b)) * after][:, :, None]
        fourier = roots[np.outer(np.arange(b), np.arange(b)) % b * (size // b)]
        fourier = fourier[:n] if adjoint else fourier[:, :n]
        x = x.reshape(before, fourier.shape[1], after * batch)
        twiddles = twiddles[:, :n]
        x = xp.matmul(fourier, x) * twiddles if adjoint else xp.matmul(fourier, x * twiddles)
    return x.reshape(size // radices[0] * rows if adjoint else size, batch)


def _check_dft(x: Array, radices: Sequence[int], axis: int) -> tuple[tuple[int, ...], int]:
    radices = check_radices(radices)
    if x.dtype not in (np.complex64, np.complex128):
        raise TypeError(f"x: expected dtype complex64 or complex128, got {x.dtype}")
    return radices, check_axis(x, axis, prod(radices))


def monarch_dft(x: Array, radices: Sequence[int], axis: int = -1) -> Array:
    """The DFT, exp(−2πi ij/N), along `axis` in stages of the given radices; its gradient is N times the inverse.

    >>> monarch_dft(np.array([1, 0, 0, 0], dtype=complex), (2, 2)).real
    array([1., 1., 1., 1.])
    """
    radices, axis = _check_dft(x, radices, axis)
    y = _fourier(_sequence_first(x, axis), radices, radices[0])
    return _sequence_back(y[reversal(radices)], x, axis)


def inverse_monarch_dft(x: Array, radices: Sequence[int], axis: int = -1) -> Array:
    """The inverse of `monarch_dft`, 1/N included; its gradient is the DFT over N.

    >>> inverse_monarch_dft(np.ones(4, dtype=complex), (2, 2)).real.round(3) + 0.0
    array([1., 0., 0., 0.])
    """
    radices, axis = _check_dft(x, radices, axis)
    size = prod(radices)
    y = _fourier(_sequence_first(x, axis)[reversal(radices[::-1])], radices, radices[0], adjoint=True)
    return _sequence_back(y * y.dtype.type(1 / size), x, axis)


# Convolutions


def _wide(dtype: Any) -> str:
    """The complex dtype in which a convolution of this dtype is computed."""
    return "complex128" if np.dtype(dtype) in (np.float64, np.complex128) else "complex64"


def _grid(x: Array, channels: Sequence[int]) -> Array:
    """(…, *channels, n) to (n, batch, channels)."""
    return x.reshape(prod(x.shape[: x.ndim - 1 - len(channels)]), prod(channels), x.shape[-1]).transpose(2, 0, 1)


def _transform(x: Array, radices: Sequence[int], dtype: str) -> tuple[Array, int]:
    """The DFT of (n, batch, channels), zeros appended, in stage order; and how many rows of digit a_0 hold signal."""
    xp, size = _library(x), prod(radices)
    step = size // radices[0]
    rows = -(-x.shape[0] // step)
    padded = xp.zeros((rows * step, *x.shape[1:]), dtype=dtype)
    padded[: x.shape[0]] = x
    return _fourier(padded.reshape(rows * step, prod(x.shape[1:])), radices, rows).reshape(size, *x.shape[1:]), rows


def _back(spectrum: Array, n: int, radices: Sequence[int], rows: int, real: bool) -> Array:
    """The inverse DFT of a spectrum in stage order, its first n positions."""
    size = prod(radices)
    y = _fourier(spectrum.reshape(size, prod(spectrum.shape[1:])), radices, rows, adjoint=True)
    y = y[:n].reshape(n, *spectrum.shape[1:]) * y.dtype.type(1 / size)
    return y.real if real else y


def _check_convolution(
    u: Array, k: Array, gate: Array | None, skip: Array | None, pre_gate: Array | None
) -> tuple[int, ...]:
    named = {"k": k, "gate": gate, "skip": skip, "pre_gate": pre_gate}
    check_same(u, named, "u")
    _check_dtype(u, "u")
    return check_signal(u, named)


def _widened(dtype: Any, *arrays: Array | None) -> list[Array | None]:
    """float16 as float32, other dtypes as they are."""
    narrow = np.dtype(dtype) == np.float16
    return [a.astype(np.float32) if narrow and a is not None else a for a in arrays]


def long_convolution(
    u: Array,
    k: Array,
    gate: Array | None = None,
    skip: Array | None = None,
    *,
    pre_gate: Array | None = None,
    causal: bool = True,
    radices: Sequence[int] | None = None,
) -> Array:
    """gate ⊙ (k ∗ v + skip ⊙ v), v = pre_gate ⊙ u; see `monarch_gpu.ops.torch.long_convolution`.

    >>> u, k = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 0.0, 0.0])
    >>> long_convolution(u, k).round(3)
    array([1., 3., 5., 7.])
    """
    channels = _check_convolution(u, k, gate, skip, pre_gate)
    radices = convolution_radices(u.shape[-1], k.shape[-1], causal, radices)
    if _library(u) is not np and u.dtype == np.float32 and len(radices) == 2 and 16 * prod(radices) <= SHARED_MEMORY:
        return _convolve_by_kernel(u, k, gate, skip, pre_gate, radices)
    dtype = u.dtype
    u, k, gate, skip, pre_gate = _widened(dtype, u, k, gate, skip, pre_gate)
    v = u if pre_gate is None else u * pre_gate
    spectrum, rows = _transform(_grid(v, channels), radices, _wide(dtype))
    filters, _ = _transform(_grid(k, channels), radices, _wide(dtype))
    y = _back(spectrum * filters, u.shape[-1], radices, rows, dtype.kind == "f").transpose(1, 2, 0).reshape(u.shape)
    if skip is not None:
        y = y + skip[..., None] * v
    if gate is not None:
        y = gate * y
    return y.astype(dtype)


def long_convolution_backward(
    gradient: Array,
    u: Array,
    k: Array,
    gate: Array | None = None,
    skip: Array | None = None,
    *,
    pre_gate: Array | None = None,
    causal: bool = True,
    radices: Sequence[int] | None = None,
) -> dict[str, Array]:
    """Gradients of u, k and of whichever of gate, skip and pre_gate are given, by name."""
    channels = _check_convolution(u, k, gate, skip, pre_gate)
    radices = convolution_radices(u.shape[-1], k.shape[-1], causal, radices)
    dtype, n = u.dtype, u.shape[-1]
    gradient, u, k, gate, skip, pre_gate = _widened(dtype, gradient, u, k, gate, skip, pre_gate)
    real = dtype.kind == "f"
    v = u if pre_gate is None else u * pre_gate
    spectrum, rows = _transform(_grid(v, channels), radices, _wide(dtype))
    filters, _ = _transform(_grid(k, channels), radices, _wide(dtype))
    found: dict[str, Array] = {}
    inner = gradient
    if gate is not None:
        y = _back(spectrum * filters, n, radices, rows, real).transpose(1, 2, 0).reshape(u.shape)
        found["gate"] = gradient * (y if skip is None else y + skip[..., None] * v).conj()
        inner = gradient * gate.conj()
    given, _ = _transform(_grid(inner, channels), radices, _wide(dtype))
    to_v = _back(given * filters.conj(), n, radices, rows, real).transpose(1, 2, 0).reshape(u.shape)
    found["k"] = _back((given * spectrum.conj()).sum(1), n, radices, rows, real).T.reshape(k.shape)
    if skip is not None:
        to_v = to_v + inner * skip[..., None].conj()
        others = (*range(u.ndim - k.ndim), u.ndim - 1)
        found["skip"] = (inner * v.conj()).sum(axis=others)
    if pre_gate is not None:
        found["pre_gate"] = to_v * u.conj()
        to_v = to_v * pre_gate.conj()
    found["u"] = to_v
    return {name: a.astype(dtype) for name, a in found.items()}


def causal_monarch(u: Array, k: Array, *factors: Array, convention: Convention = Convention.M2) -> Array:
    """(M⁻¹(M[k; 0] ⊙ M[u; 0]))[:n]; see `monarch_gpu.ops.torch.causal_monarch`."""
    channels, forward, inverse = _check_causal(u, k, factors, convention)
    spectra = [_monarch_spectrum(x, channels, forward, convention) for x in (u, k)]
    y = _multiply(_flat(spectra[0] * spectra[1]), inverse, convention.transposed)
    return _ungrid(y, u)


def causal_monarch_backward(
    gradient: Array, u: Array, k: Array, *factors: Array, convention: Convention = Convention.M2
) -> tuple[Array, Array, list[Array]]:
    """Gradients of u, of k and of every factor, from that of the result."""
    channels, forward, inverse = _check_causal(u, k, factors, convention)
    xp, size = _library(u), prod(f.shape[2] for f in forward)
    of_u, of_k = (_monarch_spectrum(x, channels, forward, convention) for x in (u, k))
    given = _flat(_padded(_grid(gradient, channels), size))
    to_product, of_inverse = _multiply_gradients(given, _flat(of_u * of_k), inverse, convention.transposed)
    to_product = to_product.reshape(of_u.shape)
    to_u, first = _multiply_gradients(
        _flat(to_product * of_k.conj()), _flat(_padded(_grid(u, channels), size)), forward, convention
    )
    to_k, second = _multiply_gradients(
        (to_product * of_u.conj()).sum(1), _flat(_padded(_grid(k, channels), size)), forward, convention
    )
    return _ungrid(to_u, u), _ungrid(to_k, k), [*map(xp.add, first, second), *of_inverse]


def _check_causal(
    u: Array, k: Array, factors: Sequence[Array], convention: Convention
) -> tuple[tuple[int, ...], Sequence[Array], Sequence[Array]]:
    named = {"k": k} | {f"factors[{i}]": f for i, f in enumerate(factors)}
    check_same(u, named, "u")
    _check_dtype(u, "u")
    check_convention(convention)
    return check_signal(u, named), *check_transform(factors, u.shape[-1])


def _padded(x: Array, size: int) -> Array:
    return _library(x).concatenate([x, _library(x).zeros((size - x.shape[0], *x.shape[1:]), dtype=x.dtype)])


def _flat(x: Array) -> Array:
    return x.reshape(x.shape[0], prod(x.shape[1:]))


def _ungrid(y: Array, like: Array) -> Array:
    """(N, batch · channels) to the shape of `like`, whose last axis is the first n positions."""
    return y[: like.shape[-1]].T.reshape(like.shape)


def _monarch_spectrum(x: Array, channels: Sequence[int], factors: Sequence[Array], convention: Convention) -> Array:
    """M [x; 0], (N, batch, channels)."""
    grid = _padded(_grid(x, channels), prod(f.shape[2] for f in factors))
    y = _multiply(_flat(grid), factors, convention)
    return y.reshape(y.shape[0], *grid.shape[1:])


# CUDA kernels, for CuPy arrays


@lru_cache(maxsize=8)
def _module(name: str) -> Any:
    with needed():
        import cupy

    return cupy.RawModule(code=cuda.source(name), options=("--std=c++17",))


def multiply_launch(
    x_strides: tuple[int, int],
    y_strides: tuple[int, int],
    batch: int,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    itemsize: int,
    convention: Convention,
) -> tuple[tuple[int, int], int, list[int]]:
    """Grid, bytes of shared memory and integer arguments of the `monarch_multiply` kernels.

    Args:
        x_strides, y_strides: of index and batch, in elements.
        shapes: of the factors R (n1, m0, n0) and L (m0, m1, n1).
    """
    (n1, m0, n0), (_, m1, _) = shapes
    index, column = x_strides
    row, out_column = y_strides
    x_digits = (index, n0 * index) if convention is Convention.DAO else (n1 * index, index)
    y_digits = (row, m1 * row) if convention is Convention.DAO_TRANSPOSED else (m0 * row, row)
    grid = (m0, -(-batch // KERNEL_TILE))
    numbers = [batch, n0, n1, m0, m1, KERNEL_TILE, *x_digits, column, *y_digits, out_column]
    return grid, n1 * KERNEL_TILE * itemsize, numbers


def _fits_kernel(x: Array, factors: Sequence[Array]) -> bool:
    kernel = f"multiply_{x.dtype}" in cuda.kernel_names("monarch_multiply")
    return kernel and x.size > 0 and factors[0].shape[0] * KERNEL_TILE * x.dtype.itemsize <= SHARED_MEMORY


def _multiply_by_kernel(x: Array, factors: Sequence[Array], convention: Convention) -> Array:
    xp = _library(x)
    right, left = (xp.ascontiguousarray(f) for f in factors)
    y = xp.empty((right.shape[1] * left.shape[1], x.shape[1]), dtype=x.dtype)
    item = x.dtype.itemsize
    into, out = ((a.strides[0] // item, a.strides[1] // item) for a in (x, y))
    grid, shared, numbers = multiply_launch(into, out, x.shape[1], (right.shape, left.shape), item, convention)
    typed = [np.int32(a) for a in numbers[:6]] + [np.int64(a) for a in numbers[6:]]
    function = _module("monarch_multiply").get_function(f"multiply_{x.dtype}")
    function(grid, (256,), (x, right, left, y, *typed), shared_mem=shared)
    return y


def convolution_tables(k: Array, radices: Sequence[int]) -> tuple[Array, Array]:
    """What the `long_convolution` kernel reads besides the signal: filter spectra over N, (channels, N), and roots."""
    channels, size = k.shape[:-1], prod(radices)
    spectrum, _ = _transform(_grid(k, channels), radices, "complex64")
    over = spectrum.reshape(size, prod(channels)).T * np.float32(1 / size)
    xp = _library(k)
    return xp.ascontiguousarray(over), xp.asarray(_roots(size, "complex64", False))


def _convolve_by_kernel(
    u: Array, k: Array, gate: Array | None, skip: Array | None, pre_gate: Array | None, radices: Sequence[int]
) -> Array:
    xp = _library(u)
    channels, n = prod(k.shape[:-1]), u.shape[-1]
    batch = prod(u.shape[: u.ndim - k.ndim])
    y = xp.empty(u.shape, dtype=u.dtype)
    if y.size == 0:
        return y
    spectrum, roots = convolution_tables(k, radices)
    null = np.uintp(0)
    optional = [null if a is None else xp.ascontiguousarray(a) for a in (gate, skip, pre_gate)]
    numbers = [np.int32(a) for a in (channels, n, *radices)]
    function = _module("long_convolution").get_function("long_convolution_float32")
    arguments = (xp.ascontiguousarray(u), spectrum, roots, *optional, y, *numbers)
    function((channels, batch), (256,), arguments, shared_mem=16 * prod(radices))
    return y
