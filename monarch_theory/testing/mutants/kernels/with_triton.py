"""A right block-diagonal multiply in Triton, run by its interpreter, so that its faults can be seeded without a GPU."""

import os

os.environ["TRITON_INTERPRET"] = "1"

import torch
import triton
import triton.language as tl


@triton.jit
def product(x, blocks, y, batch, k, rows, columns, TILE_B: tl.constexpr, TILE_R: tl.constexpr, TILE_C: tl.constexpr):
    block = tl.program_id(0)
    b = tl.program_id(1) * TILE_B + tl.arange(0, TILE_B)
    r = tl.program_id(2) * TILE_R + tl.arange(0, TILE_R)
    total = tl.zeros((TILE_B, TILE_R), dtype=tl.float32)
    for start in range(0, columns, TILE_C):
        c = start + tl.arange(0, TILE_C)
        left = tl.load(
            x + b[:, None] * (k * columns) + block * columns + c[None, :],
            mask=(b[:, None] < batch) & (c[None, :] < columns),
            other=0.0,
        )
        right = tl.load(
            blocks + block * (rows * columns) + r[None, :] * columns + c[:, None],
            mask=(r[None, :] < rows) & (c[:, None] < columns),
            other=0.0,
        )
        total += tl.sum(left[:, :, None].to(tl.float32) * right[None, :, :].to(tl.float32), axis=1)
    tl.store(
        y + b[:, None] * (k * rows) + block * rows + r[None, :],
        total.to(y.dtype.element_ty),
        mask=(b[:, None] < batch) & (r[None, :] < rows),
    )


def block_diagonal_multiply(x, blocks):
    if x.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise NotImplementedError("accumulates in float32")
    k, rows, columns = blocks.shape
    batch = x.shape[0]
    y = torch.empty(batch, k * rows, dtype=x.dtype)
    if not y.numel():
        return y
    grid = (k, triton.cdiv(batch, 4), triton.cdiv(rows, 8))
    product[grid](x.contiguous(), blocks.contiguous(), y, batch, k, rows, columns, TILE_B=4, TILE_R=8, TILE_C=8)
    return y
