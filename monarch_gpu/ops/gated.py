"""A dimension mixer between its products in two passes over memory, as Triton kernels: its gate, and its last layout.

σ(a) ⊙ b is one pass forward, and one backward, whose gradients of a and b are written where the product before them
reads both. What leaves the mixer is turned from (channels, positions) to (positions, channels) as its bias is added.
Everything is computed in float32 and rounded once.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from monarch_gpu.ops.triton import launch

__all__ = ["gate", "turn"]

BLOCK = 1024
TILE = 32
WARPS = {"num_warps": 4}


def gate_kernel(h, y, size, TANH: tl.constexpr, BLOCK: tl.constexpr) -> None:  # type: ignore[no-untyped-def]
    """y = gelu(a) ⊙ b of `size` numbers each, h being (a, b)."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    a = tl.load(h + i, mask=i < size, other=0.0).to(tl.float32)
    b = tl.load(h + size + i, mask=i < size, other=0.0).to(tl.float32)
    if TANH:
        share = 1 - 1 / (1 + tl.exp(1.5957691216057308 * (a + 0.044715 * a * a * a)))
    else:
        share = 0.5 + 0.5 * tl.erf(0.7071067811865476 * a)
    tl.store(y + i, (a * share * b).to(y.dtype.element_ty), mask=i < size)


def gate_backward_kernel(  # type: ignore[no-untyped-def]
    gradient, h, to_h, size, TANH: tl.constexpr, BLOCK: tl.constexpr
) -> None:  # fmt: skip
    """Gradients of a and b."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(gradient + i, mask=i < size, other=0.0).to(tl.float32)
    a = tl.load(h + i, mask=i < size, other=0.0).to(tl.float32)
    b = tl.load(h + size + i, mask=i < size, other=0.0).to(tl.float32)
    if TANH:
        share = 1 - 1 / (1 + tl.exp(1.5957691216057308 * (a + 0.044715 * a * a * a)))
        slope = share + a * share * (1 - share) * 1.5957691216057308 * (1 + 3 * 0.044715 * a * a)
    else:
        share = 0.5 + 0.5 * tl.erf(0.7071067811865476 * a)
        slope = share + a * 0.3989422804014327 * tl.exp(-0.5 * a * a)
    tl.store(to_h + i, (g * b * slope).to(to_h.dtype.element_ty), mask=i < size)
    tl.store(to_h + size + i, (g * a * share).to(to_h.dtype.element_ty), mask=i < size)


def turn_kernel(  # type: ignore[no-untyped-def]
    x, bias, y, rows, columns, BIAS: tl.constexpr, TILE: tl.constexpr
) -> None:  # fmt: skip
    """y (columns, rows) = the transpose of x (rows, columns), plus bias (rows)."""
    row = tl.program_id(1) * TILE + tl.arange(0, TILE)
    column = tl.program_id(0) * TILE + tl.arange(0, TILE)
    read = x + row[:, None].to(tl.int64) * columns + column[None, :]
    write = y + column[:, None].to(tl.int64) * rows + row[None, :]
    tile = tl.load(read, mask=(row[:, None] < rows) & (column[None, :] < columns), other=0.0).to(tl.float32)
    tile = tl.trans(tile)
    if BIAS:
        tile += tl.load(bias + row, mask=row < rows, other=0.0).to(tl.float32)[None, :]
    tl.store(write, tile.to(y.dtype.element_ty), mask=(column[:, None] < columns) & (row[None, :] < rows))


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, tanh: bool) -> Tensor:
        ctx.save_for_backward(h)
        ctx.tanh = tanh
        y = h.new_empty(len(h) // 2, *h.shape[1:])
        grid = (triton.cdiv(y.numel(), BLOCK),)
        launch(gate_kernel, grid, h.device, h, y, y.numel(), TANH=tanh, BLOCK=BLOCK, options=WARPS)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        (h,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # gradients of gradients
            a, b = h.chunk(2)
            y = torch.nn.functional.gelu(a, approximate="tanh" if ctx.tanh else "none") * b
            return *torch.autograd.grad(y, [h], gradient, create_graph=True), None
        gradient, found, size = gradient.contiguous(), torch.empty_like(h), h.numel() // 2
        grid = (triton.cdiv(size, BLOCK),)
        launch(
            gate_backward_kernel, grid, h.device, gradient, h, found, size, TANH=ctx.tanh, BLOCK=BLOCK, options=WARPS
        )
        return found, None


class _Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None) -> Tensor:
        ctx.dtype = None if bias is None else bias.dtype
        (rows, columns), y = x.shape, x.new_empty(x.shape[::-1])
        grid = triton.cdiv(columns, TILE), triton.cdiv(rows, TILE)
        given = x if bias is None else bias
        launch(
            turn_kernel, grid, x.device, x, given, y, rows, columns, BIAS=bias is not None, TILE=TILE, options=WARPS
        )  # fmt: skip
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        to_bias = None if ctx.dtype is None else gradient.sum(0, dtype=torch.float32).to(ctx.dtype)
        return _Turn.apply(gradient.contiguous(), None), to_bias  # type: ignore[no-untyped-call]


def gate(h: Tensor, tanh: bool = False) -> Tensor:
    """gelu(a) ⊙ b, (a, b) the halves of h along its first axis.

    >>> gate(torch.tensor([0.0, 2.0, 1.0, 3.0])).round(decimals=2)
    tensor([0.0000, 5.8600])
    """
    found: Tensor = _Gate.apply(h.contiguous(), tanh)  # type: ignore[no-untyped-call]
    return found


def turn(x: Tensor, bias: Tensor | None) -> Tensor:
    """(channels, positions) → (positions, channels) in memory, plus a bias for each channel.

    >>> turn(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([1.0]))
    tensor([[2.],
            [3.],
            [4.]])
    """
    found: Tensor = _Turn.apply(x.contiguous(), bias)  # type: ignore[no-untyped-call]
    return found
