"""A sequence mixer between its projections in few passes over memory: Triton kernels, and cuFFT between them.

On a GPU the products and transforms of M2's sequence mixer take less time than everything between them: shifts, gates,
layouts, zeros of a padded signal. Here each of those steps is one kernel that reads and writes every number once:

- `gates_kernel`: the short convolution of all three parts, the gate before the long one, and the zeros after it,
- `turned_kernel`: x from (batch, n, channels) to (channels, batch, 2n), zeros and all, and back,
- `finish_kernel`: the gate after the long convolution, and the residual one,

and `*_backward_kernel` the same for gradients. All compute in float32 and round once, when they store. Gradients of a
convolution are taken by transforms of real signals, where automatic differentiation takes complex ones. CUDA tensors
run compiled, CPU tensors through Triton's interpreter, which is meant for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.fft import irfft, rfft

from monarch_gpu.ops.triton import launch

__all__ = ["Mixed", "mix"]

LONGEST_BLOCK = 1024
"""Positions of one program."""

TILE = 32
"""Rows and columns of a tile that is turned."""

ADD = tl.standard._sum_combine
"""For `tl.reduce`: the interpreter refuses `tl.sum`, which is a kernel of its own."""

WARPS = {"num_warps": 4}


# Kernels: rows are (channel, batch), a row has n numbers, a padded one 2n


def gates_kernel(  # type: ignore[no-untyped-def]
    p, weight, bias, second, signal, channels, batch, n, TAPS: tl.constexpr, BLOCK: tl.constexpr
) -> None:  # fmt: skip
    """second: the short convolution of the second part of p; signal: that of the first times that of the third.

    p: (3·channels, batch, n), weight: (TAPS, 3·channels), second: (channels, batch, n), signal: (channels, batch, 2n),
    zero from n on.
    """
    row = tl.program_id(0).to(tl.int64)
    channel = row // batch
    part = tl.cast(channels, tl.int64) * batch * n
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    p += row * n
    a = tl.full((BLOCK,), 0.0, tl.float32) + tl.load(bias + channel).to(tl.float32)
    b = tl.full((BLOCK,), 0.0, tl.float32) + tl.load(bias + channels + channel).to(tl.float32)
    c = tl.full((BLOCK,), 0.0, tl.float32) + tl.load(bias + 2 * channels + channel).to(tl.float32)
    for t in tl.static_range(TAPS):
        there = (i >= t) & (i < n)
        w = weight + t * 3 * channels + channel
        a += tl.load(w).to(tl.float32) * tl.load(p + i - t, mask=there, other=0.0).to(tl.float32)
        b += tl.load(w + channels).to(tl.float32) * tl.load(p + part + i - t, mask=there, other=0.0).to(tl.float32)
        c += tl.load(w + 2 * channels).to(tl.float32) * tl.load(p + 2 * part + i - t, mask=there, other=0.0).to(
            tl.float32
        )
    tl.store(second + row * n + i, b.to(second.dtype.element_ty), mask=i < n)
    tl.store(signal + row * 2 * n + i, a * c, mask=i < n)
    tl.store(signal + row * 2 * n + n + i, tl.full((BLOCK,), 0.0, tl.float32), mask=i < n)


def gates_backward_kernel(  # type: ignore[no-untyped-def]
    p, weight, bias, to_second, to_signal, to_p, sums, channels, batch, n, blocks,
    TAPS: tl.constexpr, BLOCK: tl.constexpr
) -> None:  # fmt: skip
    """Gradients of p, and, block by block, of weight and bias: sums (3, channels·batch, blocks, TAPS + 1).

    to_second: (channels, batch, n), to_signal: (channels, batch, 2n), of which the first n count.
    """
    row = tl.program_id(0).to(tl.int64)
    channel = row // batch
    rows = tl.cast(channels, tl.int64) * batch
    part = rows * n
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    p += row * n
    to_p += row * n
    sums += (row * blocks + tl.program_id(1)) * (TAPS + 1)
    each = rows * blocks * (TAPS + 1)
    into_a = tl.full((BLOCK,), 0.0, tl.float32)
    into_b = tl.full((BLOCK,), 0.0, tl.float32)
    into_c = tl.full((BLOCK,), 0.0, tl.float32)
    for t in tl.static_range(TAPS):
        j = i + t
        a = tl.full((BLOCK,), 0.0, tl.float32) + tl.load(bias + channel).to(tl.float32)
        c = tl.full((BLOCK,), 0.0, tl.float32) + tl.load(bias + 2 * channels + channel).to(tl.float32)
        for s in tl.static_range(TAPS):
            there = (j >= s) & (j < n)
            w = weight + s * 3 * channels + channel
            a += tl.load(w).to(tl.float32) * tl.load(p + j - s, mask=there, other=0.0).to(tl.float32)
            c += tl.load(w + 2 * channels).to(tl.float32) * tl.load(p + 2 * part + j - s, mask=there, other=0.0).to(
                tl.float32
            )
        g = tl.load(to_signal + row * 2 * n + j, mask=j < n, other=0.0)
        to_a = tl.where(j < n, g * c, 0.0)
        to_b = tl.load(to_second + row * n + j, mask=j < n, other=0.0).to(tl.float32)
        to_c = tl.where(j < n, g * a, 0.0)
        w = weight + t * 3 * channels + channel
        into_a += tl.load(w).to(tl.float32) * to_a
        into_b += tl.load(w + channels).to(tl.float32) * to_b
        into_c += tl.load(w + 2 * channels).to(tl.float32) * to_c
        if t == 0:
            for s in tl.static_range(TAPS):
                there = (i >= s) & (i < n)
                tl.store(sums + s, tl.reduce(to_a * tl.load(p + i - s, mask=there, other=0.0).to(tl.float32), 0, ADD))
                tl.store(
                    sums + each + s,
                    tl.reduce(to_b * tl.load(p + part + i - s, mask=there, other=0.0).to(tl.float32), 0, ADD),
                )
                tl.store(
                    sums + 2 * each + s,
                    tl.reduce(to_c * tl.load(p + 2 * part + i - s, mask=there, other=0.0).to(tl.float32), 0, ADD),
                )
            tl.store(sums + TAPS, tl.reduce(to_a, 0, ADD))
            tl.store(sums + each + TAPS, tl.reduce(to_b, 0, ADD))
            tl.store(sums + 2 * each + TAPS, tl.reduce(to_c, 0, ADD))
    tl.store(to_p + i, into_a.to(to_p.dtype.element_ty), mask=i < n)
    tl.store(to_p + part + i, into_b.to(to_p.dtype.element_ty), mask=i < n)
    tl.store(to_p + 2 * part + i, into_c.to(to_p.dtype.element_ty), mask=i < n)


def turned_kernel(  # type: ignore[no-untyped-def]
    x, y, channels, batch, n, BACK: tl.constexpr, TILE: tl.constexpr
) -> None:  # fmt: skip
    """x (batch, n, channels) to y (channels, batch, 2n), zero from n on; with BACK the first n of y to x."""
    sequence = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * TILE + tl.arange(0, TILE)
    channel = tl.program_id(2) * TILE + tl.arange(0, TILE)
    here = x + sequence * n * channels + i[:, None].to(tl.int64) * channels + channel[None, :]
    there = y + (channel[:, None].to(tl.int64) * batch + sequence) * 2 * n + i[None, :]
    inside, turned = (i[:, None] < n) & (channel[None, :] < channels), (i[None, :] < n) & (channel[:, None] < channels)
    if BACK:
        tl.store(here, tl.trans(tl.load(there, mask=turned, other=0.0)).to(x.dtype.element_ty), mask=inside)
    else:
        tl.store(there, tl.trans(tl.load(here, mask=inside, other=0.0).to(tl.float32)), mask=turned)
        tl.store(there + n, tl.full((TILE, TILE), 0.0, tl.float32), mask=turned)


def finish_kernel(  # type: ignore[no-untyped-def]
    second, long, residual, y, n, RESIDUAL: tl.constexpr, BLOCK: tl.constexpr
) -> None:  # fmt: skip
    """y = second ⊙ long + residual: (channels, batch, n), and (channels, batch, 2n), of which the first n count."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    found = tl.load(second + row * n + i, mask=i < n, other=0.0).to(tl.float32)
    found *= tl.load(long + row * 2 * n + i, mask=i < n, other=0.0)
    if RESIDUAL:
        found += tl.load(residual + row * 2 * n + i, mask=i < n, other=0.0)
    tl.store(y + row * n + i, found.to(y.dtype.element_ty), mask=i < n)


def finish_backward_kernel(  # type: ignore[no-untyped-def]
    gradient, second, long, to_second, to_long, to_residual, n, RESIDUAL: tl.constexpr, BLOCK: tl.constexpr
) -> None:  # fmt: skip
    """Gradients of second, and of long and residual, which are zero from n on, for the transforms that follow."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(gradient + row * n + i, mask=i < n, other=0.0).to(tl.float32)
    gate = tl.load(second + row * n + i, mask=i < n, other=0.0).to(tl.float32)
    signal = tl.load(long + row * 2 * n + i, mask=i < n, other=0.0)
    zero = tl.full((BLOCK,), 0.0, tl.float32)
    tl.store(to_second + row * n + i, (g * signal).to(to_second.dtype.element_ty), mask=i < n)
    tl.store(to_long + row * 2 * n + i, g * gate, mask=i < n)
    tl.store(to_long + row * 2 * n + n + i, zero, mask=i < n)
    if RESIDUAL:
        tl.store(to_residual + row * 2 * n + i, g, mask=i < n)
        tl.store(to_residual + row * 2 * n + n + i, zero, mask=i < n)


def correlation_kernel(  # type: ignore[no-untyped-def]
    over, signal, sums, batch, frequencies, BLOCK: tl.constexpr
) -> None:  # fmt: skip
    """Σ over the batch of over · conj(signal): complex (channels, batch, frequencies) to (channels, frequencies)."""
    channel = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = i < 2 * frequencies  # real and imaginary parts lie side by side
    other = i ^ 1
    found = tl.full((BLOCK,), 0.0, tl.float32)
    over += channel * batch * 2 * frequencies
    signal += channel * batch * 2 * frequencies
    for _ in range(batch):
        a, b = tl.load(over + i, mask=there, other=0.0), tl.load(signal + i, mask=there, other=0.0)
        c, d = tl.load(over + other, mask=there, other=0.0), tl.load(signal + other, mask=there, other=0.0)
        found += tl.where(i % 2 == 0, a * b + c * d, a * d - c * b)
        over += 2 * frequencies
        signal += 2 * frequencies
    tl.store(sums + channel * 2 * frequencies + i, found, mask=there)


# Passes: their results are allocated here


def _rows(n: int) -> tuple[int, dict[str, int]]:
    """How many programs a row of n takes, and their block."""
    block = min(LONGEST_BLOCK, max(16, triton.next_power_of_2(n)))
    return triton.cdiv(n, block), {"BLOCK": block}


def gates(p: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """(3·channels, batch, n) → x₂ (channels, batch, n) and x₁ ⊙ v (channels, batch, 2n), in float32 and padded."""
    channels, (batch, n) = len(p) // 3, p.shape[1:]
    second = p.new_empty(channels, batch, n)
    signal = p.new_empty(channels, batch, 2 * n, dtype=torch.float32)
    blocks, sizes = _rows(n)
    launch(
        gates_kernel, (channels * batch, blocks), p.device, p, weight, bias, second, signal, channels, batch, n,
        TAPS=len(weight), **sizes, options=WARPS,
    )  # fmt: skip
    return second, signal


def gates_backward(
    p: Tensor, weight: Tensor, bias: Tensor, to_second: Tensor, to_signal: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `gates`, of p, weight and bias."""
    channels, (batch, n), taps = len(p) // 3, p.shape[1:], len(weight)
    blocks, sizes = _rows(n)
    to_p = torch.empty_like(p)
    sums = p.new_empty(3, channels, batch * blocks, taps + 1, dtype=torch.float32)
    launch(
        gates_backward_kernel, (channels * batch, blocks), p.device,
        p, weight, bias, to_second, to_signal, to_p, sums, channels, batch, n, blocks,
        TAPS=taps, **sizes, options=WARPS,
    )  # fmt: skip
    found = sums.sum(2).flatten(0, 1).t()  # (taps + 1, 3·channels)
    return to_p, found[:taps].to(weight.dtype), found[taps].to(bias.dtype)


def turned(x: Tensor) -> Tensor:
    """(batch, n, channels) → (channels, batch, 2n) in float32, zero from n on."""
    batch, n, channels = x.shape
    y = x.new_empty(channels, batch, 2 * n, dtype=torch.float32)
    grid = batch, triton.cdiv(n, TILE), triton.cdiv(channels, TILE)
    launch(turned_kernel, grid, x.device, x, y, channels, batch, n, BACK=False, TILE=TILE, options=WARPS)
    return y


def turned_back(y: Tensor, dtype: torch.dtype) -> Tensor:
    """(channels, batch, 2n) → the first n as (batch, n, channels)."""
    channels, batch, length = y.shape
    x = y.new_empty(batch, length // 2, channels, dtype=dtype)
    grid = batch, triton.cdiv(length // 2, TILE), triton.cdiv(channels, TILE)
    launch(turned_kernel, grid, y.device, x, y, channels, batch, length // 2, BACK=True, TILE=TILE, options=WARPS)
    return x


def finish(second: Tensor, long: Tensor, residual: Tensor | None, dtype: torch.dtype) -> Tensor:
    """second ⊙ long + residual, (channels, batch, n); long and residual are (channels, batch, 2n)."""
    channels, batch, n = second.shape
    y = torch.empty_like(second, dtype=dtype)
    blocks, sizes = _rows(n)
    launch(
        finish_kernel, (channels * batch, blocks), y.device,
        second, long, long if residual is None else residual, y, n,
        RESIDUAL=residual is not None, **sizes, options=WARPS,
    )  # fmt: skip
    return y


def finish_backward(
    gradient: Tensor, second: Tensor, long: Tensor, residual: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Gradients of `finish`: of second, long and residual."""
    channels, batch, n = second.shape
    to_second, to_long = torch.empty_like(second), torch.empty_like(long)
    to_residual = torch.empty_like(long) if residual else None
    blocks, sizes = _rows(n)
    launch(
        finish_backward_kernel, (channels * batch, blocks), second.device,
        gradient, second, long, to_second, to_long, to_long if to_residual is None else to_residual, n,
        RESIDUAL=residual, **sizes, options=WARPS,
    )  # fmt: skip
    return to_second, to_long, to_residual


# Convolutions


def spectrum(kernel: Tensor, length: int) -> Tensor:
    """(channels, n) or (channels, 2n) → (channels, 1, n + 1), divided by the length: the inverse leaves that out."""
    return rfft(kernel, n=length, norm="forward")[:, None]


def circular(transformed: Tensor, kernel: Tensor, length: int) -> Tensor:
    """Spectra of signals times that of a `spectrum`, transformed back."""
    return irfft(transformed * kernel, n=length, norm="forward")


def convolved(transformed: Tensor, kernel: Tensor, length: int) -> Tensor:
    """What `circular` gives, in the memory of the spectra of signals."""
    return irfft(transformed.mul_(kernel), n=length, norm="forward")


def correlation(over: Tensor, signal: Tensor) -> Tensor:
    """Σ over the batch of over · conj(signal), (channels, batch, n + 1) → (channels, n + 1), both complex64."""
    channels, batch, frequencies = over.shape
    found = over.new_empty(channels, frequencies)
    blocks, sizes = _rows(2 * frequencies)
    launch(
        correlation_kernel, (channels, blocks), over.device,
        *(torch.view_as_real(t) for t in (over, signal, found)), batch, frequencies, **sizes, options=WARPS,
    )  # fmt: skip
    return found


def convolution_backward(
    gradient: Tensor, transformed: Tensor, kernel: Tensor, lags: int, length: int
) -> tuple[Tensor, Tensor]:
    """Gradients of the signal (channels, batch, 2n) and the kernel (channels, lags), by real transforms.

    Args:
        gradient: of what `circular` gives, (channels, batch, 2n).
        transformed: spectra of the signal.
        kernel: its `spectrum`.
    """
    over = rfft(gradient)
    to_kernel = irfft(correlation(over, transformed), n=length)[:, :lags]
    return circular(over, kernel.conj(), length), to_kernel


# All of it


@dataclass(frozen=True)
class Mixed:
    """What the parts between the projections of a sequence mixer are made of.

    Attributes:
        weight, bias: of the short convolution, (taps, 3·channels) and (3·channels).
        kernel: of the gated long convolution, (channels, n), or (channels, 2n) for lags 0 … n − 1, −n … −1.
        residual: of the residual one, or none.
    """

    weight: Tensor
    bias: Tensor
    kernel: Tensor
    residual: Tensor | None


class _Mix(torch.autograd.Function):
    """Everything that is kept may be computed again from p and x."""

    @staticmethod
    def forward(
        ctx: Any, p: Tensor, x: Tensor, weight: Tensor, bias: Tensor, kernel: Tensor, residual: Tensor | None,
        dtype: torch.dtype, again: bool, plain: Callable[..., Tensor],
    ) -> Tensor:  # fmt: skip
        ctx.plain = plain
        if again:
            ctx.save_for_backward(p, x, weight, bias, kernel, residual)
            return _forward(p, x, weight, bias, kernel, residual, dtype)
        length = 2 * p.shape[-1]
        states = _states(p, x, weight, bias, kernel, residual)
        beside = None if residual is None else circular(states[3], spectrum(residual, length), length)
        ctx.save_for_backward(p, x, weight, bias, kernel, residual, *states)
        return finish(states[0], states[2], beside, dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        inputs, states = ctx.saved_tensors[:6], ctx.saved_tensors[6:]
        if torch.is_grad_enabled():  # gradients of gradients
            wanted = [t for t, need in zip(inputs, ctx.needs_input_grad, strict=False) if t is not None and need]
            found = iter(torch.autograd.grad(ctx.plain(*inputs), wanted, gradient, create_graph=True))
            return *(next(found) if need else None for need in ctx.needs_input_grad[:6]), None, None, None
        return *_backward(gradient, inputs, states), None, None, None


def _states(
    p: Tensor, x: Tensor, weight: Tensor, bias: Tensor, kernel: Tensor, residual: Tensor | None
) -> list[Tensor]:
    """x₂, the spectrum of x₁ ⊙ v, its convolution, and the spectrum of x if there is a residual convolution."""
    length = 2 * p.shape[-1]
    second, signal = gates(p, weight, bias)
    transformed = rfft(signal)
    del signal
    states = [second, transformed, circular(transformed, spectrum(kernel, length), length)]
    return states if residual is None else [*states, rfft(turned(x))]


def _forward(
    p: Tensor, x: Tensor, weight: Tensor, bias: Tensor, kernel: Tensor, residual: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """The result; what is wide is gone as soon as it was read."""
    length = 2 * p.shape[-1]
    second, signal = gates(p, weight, bias)
    signal = convolved(rfft(signal), spectrum(kernel, length), length)
    beside = None if residual is None else convolved(rfft(turned(x)), spectrum(residual, length), length)
    return finish(second, signal, beside, dtype)


def _backward(gradient: Tensor, inputs: tuple[Any, ...], states: tuple[Any, ...]) -> list[Tensor | None]:
    p, x, weight, bias, kernel, residual = inputs
    length = 2 * p.shape[-1]
    second, transformed, long, *rest = states or _states(*inputs)
    to_second, to_long, to_residual = finish_backward(gradient.contiguous(), second, long, residual is not None)
    to_signal, to_kernel = convolution_backward(
        to_long, transformed, spectrum(kernel, length), kernel.shape[-1], length
    )
    to_p, to_weight, to_bias = gates_backward(p, weight, bias, to_second, to_signal)
    if to_residual is None:
        return [to_p, None, to_weight, to_bias, to_kernel, None]
    to_x, to_other = convolution_backward(to_residual, rest[0], spectrum(residual, length), residual.shape[-1], length)
    return [to_p, turned_back(to_x, x.dtype), to_weight, to_bias, to_kernel, to_other]


def mix(
    p: Tensor, x: Tensor, parts: Mixed, dtype: torch.dtype, plain: Callable[..., Tensor], again: bool = False
) -> Tensor:
    """x₂ ⊙ (kernel ∗ (x₁ ⊙ v)) + residual ∗ x, with (x₁, x₂, v) the short convolution of p, (channels, batch, n).

    Args:
        p: (3·channels, batch, n), float32, bfloat16 or float16.
        x: (batch, n, channels), one of these as well.
        dtype: of the result.
        plain: the same of (p, x, weight, bias, kernel, residual) by torch, for gradients of gradients.
        again: the backward pass computes what is wide again, instead of keeping it.
    """
    arguments = p.contiguous(), x.contiguous(), parts.weight, parts.bias, parts.kernel, parts.residual
    if torch.is_grad_enabled():
        found: Tensor = _Mix.apply(*arguments, dtype, again, plain)  # type: ignore[no-untyped-call]
        return found
    return _forward(*arguments, dtype)
