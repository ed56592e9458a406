"""Fused Triton kernels: the order-2 Monarch product and the gated FFT convolution, forward.

In both, what lies between the stages never leaves the chip. The other primitives are those of `monarch_gpu.ops.torch`,
which also gives the backward pass. CUDA tensors run compiled; CPU tensors run through Triton's interpreter, which is
slow and meant for tests. `resource_usage` compiles ahead for a GPU generation that need not be present.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.interpreter import InterpretedFunction

from monarch_gpu.ops import torch as reference
from monarch_gpu.ops.arguments import (
    check_axis,
    check_convention,
    check_factors,
    check_same,
    check_signal,
    monarch_radices,
)
from monarch_gpu.ops.torch import block_diagonal_multiply, causal_monarch, inverse_monarch_dft, monarch_dft
from monarch_gpu.ops.torch.fourier import roots
from monarch_theory.monarch import Convention

__all__ = [
    "Resources",
    "block_diagonal_multiply",
    "causal_monarch",
    "inverse_monarch_dft",
    "long_convolution",
    "monarch_dft",
    "monarch_multiply",
    "resource_usage",
]

SMALLEST_DOT = 16
"""Tensor cores multiply no smaller tiles."""

LARGEST_TRANSFORM = 1024
"""Complex numbers that one program holds in registers, by `resource_usage`: longer convolutions spill, so they go to
`monarch_gpu.ops.torch`. In bfloat16 4096 would fit, but 64 × 32 read beyond its memory on an H100 under Triton 3.6,
with every address of ours in bounds, as other kernels of several products do there (triton-lang/triton#10573)."""

TRANSFORM = {torch.float32: torch.float32, torch.float16: torch.float32, torch.bfloat16: torch.bfloat16}
"""In what the small DFTs are multiplied, accumulating in float32: a float16 spectrum could overflow."""

LANGUAGE = {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}

OPTIONS = {"num_warps": 8, "enable_fp_fusion": True}


# Kernels: plain functions here, compiled or interpreted where they are launched


def rounded_to_bfloat16(x: Any) -> Any:
    """float32 rounded to the nearest bfloat16, ties to even, for the interpreter, whose own conversion truncates."""
    bits = x.to(tl.int32, bitcast=True)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & -0x10000).to(tl.float32, bitcast=True)


rounded_to_bfloat16.__triton_builtin__ = True  # type: ignore[attr-defined]  # or the compiler refuses the mere mention


def multiply_kernel(  # type: ignore[no-untyped-def]
    x, right, left, y,
    batch, n0, n1, m0, m1,
    x_a0, x_a1, x_batch, y_i1, y_i0, y_batch,
    S: tl.constexpr, T: tl.constexpr, J: tl.constexpr, K: tl.constexpr, B: tl.constexpr,
    EMULATE: tl.constexpr, DOT: tl.constexpr,
) -> None:  # fmt: skip
    """y[i1, i0] = Σ_{a1} L[i0][i1, a1] Σ_{a0} R[a1][i0, a0] x[a0, a1] for a tile of i0, of i1 and of the batch.

    right: (n1, m0, n0), left: (m0, m1, n1), contiguous. Strides of x and y say where every digit lies, so that layout
    and convention are the caller's choice and cost no copy. DOT is the dtype of what is multiplied; EMULATE is for the
    interpreter alone.
    """
    i0 = tl.program_id(0) * S + tl.arange(0, S)
    i1 = tl.program_id(1) * T + tl.arange(0, T)
    column = tl.program_id(2) * B + tl.arange(0, B)
    x += tl.program_id(2).to(tl.int64) * B * x_batch
    y += tl.program_id(2).to(tl.int64) * B * y_batch
    # scalar bases and 32-bit offsets: a tile of 64-bit addresses would not fit the registers
    a1, a0 = tl.arange(0, J), tl.arange(0, K)
    right_tile = (a1[:, None, None] * m0 + i0[None, :, None]) * n0 + a0[None, None, :]
    left_tile = (i0[:, None, None] * m1 + i1[None, :, None]) * n1 + a1[None, None, :]
    x_tile = a1[:, None, None] * x_a1 + a0[None, :, None] * x_a0 + tl.arange(0, B)[None, None, :] * x_batch
    total = tl.full((S, T, B), 0.0, tl.float32)
    for first in range(0, n1, J):
        more1 = a1 < n1 - first
        inner = tl.full((J, S, B), 0.0, tl.float32)
        for start in range(0, n0, K):
            more0 = a0 < n0 - start
            blocks = tl.load(
                right + (first * m0 * n0 + start) + right_tile,
                mask=more1[:, None, None] & (i0[None, :, None] < m0) & more0[None, None, :], other=0.0,
            )  # fmt: skip
            signal = tl.load(
                x + (first * x_a1 + start * x_a0) + x_tile,
                mask=more1[:, None, None] & more0[None, :, None] & (column[None, None, :] < batch), other=0.0,
            )  # fmt: skip
            inner = tl.dot(blocks, signal, inner, input_precision="ieee")
        state = tl.permute(inner, (1, 0, 2))
        if EMULATE:
            state = rounded_to_bfloat16(state)
        state = state.to(DOT)
        blocks = tl.load(
            left + first + left_tile,
            mask=(i0[:, None, None] < m0) & (i1[None, :, None] < m1) & more1[None, None, :], other=0.0,
        )  # fmt: skip
        total = tl.dot(blocks, state, total, input_precision="ieee")
    y_tile = i1[None, :, None] * y_i1 + i0[:, None, None] * y_i0 + tl.arange(0, B)[None, None, :] * y_batch
    tl.store(
        y + y_tile, total.to(y.dtype.element_ty),
        mask=(i0[:, None, None] < m0) & (i1[None, :, None] < m1) & (column[None, None, :] < batch),
    )  # fmt: skip


def convolution_kernel(  # type: ignore[no-untyped-def]
    u, spectrum, gate, skip, pre_gate, roots0, roots1, twiddles, y,
    channels, n,
    N0: tl.constexpr, N1: tl.constexpr, CAUSAL: tl.constexpr,
    GATE: tl.constexpr, SKIP: tl.constexpr, PRE_GATE: tl.constexpr, EMULATE: tl.constexpr, DOT: tl.constexpr,
) -> None:  # fmt: skip
    """gate ⊙ (k ∗ v + skip ⊙ v), v = pre_gate ⊙ u, for one signal.

    u, gate, pre_gate, y: (batch, channels, n). spectrum: (2, channels, N0, N1), the DFT of the filters over N, real and
    imaginary parts, in stage order. roots: (2, N, N), the small DFTs, in the dtype DOT; twiddles: (2, N0, N1).
    A circular convolution sees the signal extended periodically to 2n − 1 and keeps the last n outputs. The barriers
    keep the assembler from loading every table at the start, which would spill registers. Two real signals would fit
    one complex one, but then a NaN, or the rounding of a louder signal, crosses over.
    """
    channel = tl.program_id(0)
    # scalar bases and 32-bit offsets: a tile of 64-bit addresses would not fit the registers
    sequence = (tl.program_id(1) * channels + channel).to(tl.int64) * n
    position = tl.arange(0, N0)[:, None] * N1 + tl.arange(0, N1)[None, :]
    if CAUSAL:
        source, inside = position, position < n
        target, wanted = position, position < n
    else:
        source, inside = (position + 1) % n, position < 2 * n - 1
        target, wanted = position - (n - 1), (position >= n - 1) & (position < 2 * n - 1)
    signal = tl.load(u + sequence + source, mask=inside, other=0.0).to(tl.float32)
    if PRE_GATE:
        signal *= tl.load(pre_gate + sequence + source, mask=inside, other=0.0).to(tl.float32)
    if EMULATE:
        signal = rounded_to_bfloat16(signal)
    signal = signal.to(DOT)

    # stage 0 along a0, twiddles, stage 1 along a1: digits (i0, i1)
    square0 = tl.arange(0, N0)[:, None] * N0 + tl.arange(0, N0)[None, :]
    square1 = tl.arange(0, N1)[:, None] * N1 + tl.arange(0, N1)[None, :]
    cosine, sine = tl.load(roots0 + square0), tl.load(roots0 + N0 * N0 + square0)
    re, im = tl.dot(cosine, signal, input_precision="ieee"), tl.dot(sine, signal, input_precision="ieee")
    tl.debug_barrier()
    tc, ts = tl.load(twiddles + position), tl.load(twiddles + N0 * N1 + position)
    real, imag = re * tc - im * ts, re * ts + im * tc
    if EMULATE:
        real, imag = rounded_to_bfloat16(real), rounded_to_bfloat16(imag)
    real, imag = real.to(DOT), imag.to(DOT)
    tl.debug_barrier()
    cosine, sine = tl.load(roots1 + square1), tl.load(roots1 + N1 * N1 + square1)
    re = tl.dot(real, cosine, input_precision="ieee") - tl.dot(imag, sine, input_precision="ieee")
    im = tl.dot(real, sine, input_precision="ieee") + tl.dot(imag, cosine, input_precision="ieee")
    # product with the filter, then the adjoint of the same stages
    spectrum += channel.to(tl.int64) * N0 * N1
    tl.debug_barrier()
    imaginary = tl.cast(channels, tl.int64) * N0 * N1  # a launcher makes a plain number of an argument that is one
    kc, ks = tl.load(spectrum + position), tl.load(spectrum + imaginary + position)
    real, imag = re * kc - im * ks, re * ks + im * kc
    if EMULATE:
        real, imag = rounded_to_bfloat16(real), rounded_to_bfloat16(imag)
    real, imag = real.to(DOT), imag.to(DOT)
    re = tl.dot(real, cosine, input_precision="ieee") + tl.dot(imag, sine, input_precision="ieee")
    im = tl.dot(imag, cosine, input_precision="ieee") - tl.dot(real, sine, input_precision="ieee")
    tl.debug_barrier()
    tc, ts = tl.load(twiddles + position), tl.load(twiddles + N0 * N1 + position)
    real, imag = re * tc + im * ts, im * tc - re * ts
    if EMULATE:
        real, imag = rounded_to_bfloat16(real), rounded_to_bfloat16(imag)
    real, imag = real.to(DOT), imag.to(DOT)
    tl.debug_barrier()
    cosine, sine = tl.load(roots0 + square0), tl.load(roots0 + N0 * N0 + square0)
    out = tl.dot(cosine, real, input_precision="ieee") + tl.dot(sine, imag, input_precision="ieee")

    tl.debug_barrier()
    if SKIP:
        signal = tl.load(u + sequence + target, mask=wanted, other=0.0).to(tl.float32)
        if PRE_GATE:
            signal *= tl.load(pre_gate + sequence + target, mask=wanted, other=0.0).to(tl.float32)
        out += tl.load(skip + channel).to(tl.float32) * signal
    if GATE:
        out *= tl.load(gate + sequence + target, mask=wanted, other=0.0).to(tl.float32)
    tl.store(y + sequence + target, out.to(y.dtype.element_ty), mask=wanted)


@lru_cache(maxsize=32)
def _runner(kernel: Callable[..., Any], interpreted: bool) -> Any:
    return InterpretedFunction(kernel) if interpreted else triton.jit(kernel)


def launch(
    kernel: Callable[..., Any],
    grid: tuple[int, ...],
    device: torch.device,
    *arguments: Any,
    options: Any = OPTIONS,
    **constants: Any,
) -> None:
    """Run a kernel of this package: compiled on a GPU, interpreted on a CPU."""
    options = {} if device.type == "cpu" else options
    _runner(kernel, device.type == "cpu")[grid](*arguments, **constants, **options)


def _launchable(t: Tensor) -> Tensor:
    """The interpreter cannot multiply bfloat16: it gets the same numbers in float32."""
    return t.float() if t.dtype == torch.bfloat16 and t.device.type == "cpu" else t


def _arithmetic(product: torch.dtype, device: torch.device) -> dict[str, Any]:
    """The dtype of the products, which the interpreter has to emulate for bfloat16."""
    emulate = device.type == "cpu" and product == torch.bfloat16
    return {"EMULATE": emulate, "DOT": tl.float32 if emulate else LANGUAGE[product]}


def _check_dtype(x: Tensor, name: str) -> None:
    if x.dtype not in LANGUAGE:
        raise TypeError(f"{name}: expected dtype float32, bfloat16 or float16, got {x.dtype}")


# Fused Monarch product


def multiply_tiles(m0: int, m1: int, n0: int, n1: int) -> dict[str, int]:
    """Tile sizes: i0, i1, a1, a0 and batch.

    >>> multiply_tiles(64, 64, 64, 64)
    {'S': 16, 'T': 64, 'J': 16, 'K': 16, 'B': 16}
    """

    def tile(size: int, most: int) -> int:
        return max(SMALLEST_DOT, min(most, triton.next_power_of_2(size)))

    return {"S": SMALLEST_DOT, "T": tile(m1, 64), "J": SMALLEST_DOT, "K": SMALLEST_DOT, "B": SMALLEST_DOT}


def _multiply_forward(x: Tensor, right: Tensor, left: Tensor, convention: Convention, axis: int) -> Tensor:
    (n1, m0, n0), (_, m1, _) = right.shape, left.shape
    front = x.movedim(axis, 0)
    flat, right, left = (_launchable(t) for t in (front.reshape(n0 * n1, prod(front.shape[1:])), right, left))
    batch = flat.shape[1]
    y = flat.new_empty(batch, m0 * m1).t() if axis == x.ndim - 1 else flat.new_empty(m0 * m1, batch)
    index, column = flat.stride()
    x_digits = (index, n0 * index) if convention is Convention.DAO else (n1 * index, index)
    row, out_column = y.stride()
    y_digits = (row, m1 * row) if convention is Convention.DAO_TRANSPOSED else (m0 * row, row)
    tiles = multiply_tiles(m0, m1, n0, n1)
    grid = (triton.cdiv(m0, tiles["S"]), triton.cdiv(m1, tiles["T"]), triton.cdiv(batch, tiles["B"]))
    if batch:
        launch(
            multiply_kernel, grid, x.device, flat, right.contiguous(), left.contiguous(), y, batch, n0, n1, m0, m1,
            *x_digits, column, *y_digits, out_column, **tiles, **_arithmetic(x.dtype, x.device),
        )  # fmt: skip
    return y.reshape(m0 * m1, *front.shape[1:]).movedim(0, axis).to(x.dtype)


class _Multiply(torch.autograd.Function):
    """The fused product forward, the Torch operator backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, right: Tensor, left: Tensor, convention: Convention, axis: int) -> Tensor:
        ctx.save_for_backward(x, right, left)
        ctx.convention, ctx.axis = convention, axis
        return _multiply_forward(x, right, left, convention, axis)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        def again(*inputs: Tensor) -> Tensor:
            return reference.monarch_multiply(*inputs, convention=ctx.convention, axis=ctx.axis)

        return *_gradients(again, ctx.saved_tensors, gradient, ctx.needs_input_grad), None, None


def _gradients(
    function: Callable[..., Any], inputs: Sequence[Tensor | None], gradient: Tensor, needed: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients of `function` at the inputs for which they are needed, by running it again."""
    with torch.enable_grad():
        leaves = [
            None if t is None else t.detach().requires_grad_(need) for t, need in zip(inputs, needed, strict=False)
        ]
        wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
        found = iter(torch.autograd.grad(function(*leaves), wanted, gradient))
    return [next(found) if leaf is not None and leaf.requires_grad else None for leaf in leaves]


def monarch_multiply(x: Tensor, *factors: Tensor, convention: Convention = Convention.M2, axis: int = -1) -> Tensor:
    """`monarch_gpu.ops.torch.monarch_multiply`; order 2 in float32, bfloat16 or float16 runs fused.

    Products are accumulated in float32; the state between the stages is rounded to the dtype of x.

    Raises:
        ValueError: a shape that does not fit. TypeError: dtypes or devices that differ, or that Triton lacks.

    >>> hadamard = torch.tensor([[[1.0, 1.0], [1.0, -1.0]]] * 2)
    >>> monarch_multiply(torch.tensor([1.0, 2.0, 3.0, 4.0]), hadamard, hadamard)
    tensor([10., -4., -2.,  0.])
    """
    _, columns = monarch_radices(tuple([tuple(f.shape) for f in factors]))
    check_convention(convention)
    check_factors(x, factors)
    _check_dtype(x, "x")
    axis = check_axis(x, axis, prod(columns))
    if len(factors) != 2:
        return reference.monarch_multiply(x, *factors, convention=convention, axis=axis)
    result: Tensor = _Multiply.apply(x, *factors, convention, axis)  # type: ignore[no-untyped-call]
    return result


# Fused convolution


def transform_radices(length: int) -> tuple[int, int]:
    """Powers of two, at least 16 each, whose product holds 2n − 1 positions.

    >>> transform_radices(2048), transform_radices(5)
    ((64, 64), (16, 16))
    """
    exponent = max(8, (2 * length - 2).bit_length())
    return 1 << (exponent + 1) // 2, 1 << exponent // 2


def _parts(z: Tensor) -> Tensor:
    """Real and imaginary parts as a leading axis, contiguous."""
    return torch.stack([z.real, z.imag])


@lru_cache(maxsize=16)
def _tables(radices: tuple[int, int], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The small DFTs in `dtype` and the twiddles in float32, with an axis for real and imaginary parts in front."""
    (_, roots0), (twiddles, roots1) = roots(radices, False, torch.complex64, device)
    tables = (_launchable(_parts(r).to(dtype)) for r in (roots0, roots1))
    return *tables, _parts(twiddles[:, :, 0])  # type: ignore[return-value]


def _spectrum(k: Tensor, radices: tuple[int, int]) -> Tensor:
    """(2, channels, N0, N1): the DFT of the filters (channels, n) over N, in stage order."""
    size = prod(radices)
    padded = torch.nn.functional.pad(k.float(), (0, size - k.shape[1])).t().to(torch.complex64)
    spectrum = torch.ops.monarch.fourier(padded.contiguous(), list(radices), radices[0], False)
    return _parts(spectrum.t().reshape(-1, *radices) / size)


def _convolution_forward(
    u: Tensor, k: Tensor, gate: Tensor | None, skip: Tensor | None, pre_gate: Tensor | None, causal: bool
) -> Tensor:
    n, channels = u.shape[-1], prod(k.shape[:-1])
    batch = prod(u.shape[: u.ndim - k.ndim])
    radices = transform_radices(n)
    dtype, product = u.dtype, TRANSFORM[u.dtype]
    u = _launchable(u.contiguous())
    y = torch.empty_like(u)
    if batch * channels == 0:
        return y.to(dtype)
    spectrum = _spectrum(k.reshape(channels, n), radices)
    others = [u if t is None else _launchable(t.contiguous()) for t in (gate, skip, pre_gate)]
    roots0, roots1, twiddles = _tables(radices, product, u.device)
    launch(
        convolution_kernel, (channels, batch), u.device,
        u, spectrum, *others, roots0, roots1, twiddles, y, channels, n,
        N0=radices[0], N1=radices[1], CAUSAL=causal,
        GATE=gate is not None, SKIP=skip is not None, PRE_GATE=pre_gate is not None,
        **_arithmetic(product, u.device),
    )  # fmt: skip
    return y.to(dtype)


class _Convolution(torch.autograd.Function):
    """The fused convolution forward, the Torch primitive backward."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, k: Tensor, gate: Tensor | None, skip: Tensor | None, pre_gate: Tensor | None, causal: bool
    ) -> Tensor:
        ctx.save_for_backward(u, k, gate, skip, pre_gate)
        ctx.causal = causal
        return _convolution_forward(u, k, gate, skip, pre_gate, causal)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        def again(u: Tensor, k: Tensor, gate: Any, skip: Any, pre_gate: Any) -> Tensor:
            return reference.long_convolution(u, k, gate, skip, pre_gate=pre_gate, causal=ctx.causal)

        return *_gradients(again, ctx.saved_tensors, gradient, ctx.needs_input_grad), None


def long_convolution(
    u: Tensor,
    k: Tensor,
    gate: Tensor | None = None,
    skip: Tensor | None = None,
    *,
    pre_gate: Tensor | None = None,
    causal: bool = True,
) -> Tensor:
    """`monarch_gpu.ops.torch.long_convolution`, fused for up to 512 positions.

    float32 and float16 are computed in float32 and rounded once, when stored; bfloat16 multiplies bfloat16 small DFTs,
    the claim `--intermediate bf16` of `monarch check`.

    Raises:
        ValueError: a shape that does not fit. TypeError: dtypes or devices that differ, or that Triton lacks.

    >>> u, k = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    >>> long_convolution(u, k).round(decimals=3)
    tensor([1., 3., 5., 7.])
    """
    named = {"k": k, "gate": gate, "skip": skip, "pre_gate": pre_gate}
    check_same(u, named, "u")
    _check_dtype(u, "u")
    check_signal(u, named)
    if prod(transform_radices(u.shape[-1])) > LARGEST_TRANSFORM:
        return reference.long_convolution(u, k, gate, skip, pre_gate=pre_gate, causal=causal)
    result: Tensor = _Convolution.apply(u, k, gate, skip, pre_gate, causal)  # type: ignore[no-untyped-call]
    return result


# Ahead of time


@dataclass(frozen=True)
class Resources:
    """What one kernel takes on one GPU generation, as its assembler reports it.

    Attributes:
        registers: per thread.
        shared: bytes of shared memory per program.
        stack: bytes of local memory per thread; what is not zero is spilled registers.
    """

    kernel: str
    architecture: str
    dtype: str
    registers: int
    shared: int
    stack: int


def resource_usage(
    architectures: Sequence[int] = (80, 90), dtypes: Sequence[str] = ("fp32", "bf16"), block: int = 32
) -> list[Resources]:
    """Compile both kernels for each GPU generation and dtype, with no GPU present, for N = block².

    Arguments are taken to be aligned to 16 and the batch to be innermost, as the launcher would find and specialise.

    Args:
        architectures: compute capabilities, 80 for A100 and 90 for H100.
        dtypes: of inputs and outputs, Triton's names.
        block: m = n of both stages, and both radices of the transform.
    """
    return [
        _compile(*specialised, architecture, dtype)
        for architecture in architectures
        for dtype in dtypes
        for specialised in _specialised(dtype, block)
    ]


def _specialised(dtype: str, block: int) -> Iterator[tuple[Callable[..., Any], dict[str, str], dict[str, Any]]]:
    """Each kernel with the types of its pointers and the values of its constants."""
    tiles = multiply_tiles(block, block, block, block) | {"x_batch": 1, "y_batch": 1}
    tiles |= {"EMULATE": False, "DOT": tl.dtype(dtype)}
    yield multiply_kernel, dict.fromkeys(("x", "right", "left", "y"), f"*{dtype}"), tiles
    pointers = dict.fromkeys(("u", "gate", "skip", "pre_gate", "y"), f"*{dtype}")
    product = "bf16" if dtype == "bf16" else "fp32"
    pointers |= dict.fromkeys(("roots0", "roots1"), f"*{product}")
    pointers |= dict.fromkeys(("spectrum", "twiddles"), "*fp32")
    flags = {"N0": block, "N1": block, "CAUSAL": True, "GATE": True, "SKIP": True, "PRE_GATE": True}
    yield convolution_kernel, pointers, flags | {"EMULATE": False, "DOT": tl.dtype(product)}


def _compile(
    kernel: Callable[..., Any], pointers: dict[str, str], constants: dict[str, Any], architecture: int, dtype: str
) -> Resources:
    function = triton.jit(kernel)
    signature = {name: pointers.get(name, "constexpr" if name in constants else "i32") for name in function.arg_names}
    free = [position for position, name in enumerate(function.arg_names) if name not in constants]
    aligned = {(position,): [["tt.divisibility", 16]] for position in free}
    source = ASTSource(fn=function, signature=signature, constexprs=constants, attrs=aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=OPTIONS)
    usage = _resource_line(compiled.asm["cubin"])
    return Resources(
        kernel=kernel.__name__.removesuffix("_kernel"),
        architecture=f"sm_{architecture}",
        dtype=dtype,
        registers=usage["REG"],
        shared=compiled.metadata.shared,
        stack=usage["STACK"] + usage["LOCAL"],
    )


def _resource_line(cubin: bytes) -> dict[str, int]:
    """Counts reported by the `cuobjdump` that Triton ships."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        report = subprocess.run([tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    return {name: int(count) for name, count in re.findall(r"(REG|STACK|LOCAL):(\d+)", report.stdout)}
