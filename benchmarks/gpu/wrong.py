"""Kernels that are wrong in ways that a GPU alone has, or has otherwise: `monarch check` has to catch each of them."""

from __future__ import annotations

import torch

try:
    import triton
    import triton.language as tl
except ImportError:  # its kernel is absent then
    triton = None


def block_diagonal_multiply(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    k, rows, columns = blocks.shape
    y = torch.bmm(x.reshape(len(x), k, columns).transpose(0, 1), blocks.mT)  # (k, batch, rows)
    return y.transpose(0, 1).reshape(len(x), k * rows)


torch.backends.cuda.matmul.allow_tf32 = False
right = block_diagonal_multiply


def operands_in_tf32(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    """Operands of float32 lose thirteen bits, and nobody says so."""
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return block_diagonal_multiply(x, blocks)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def out_of_range(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    """An index beyond the end, after which the device takes no more work."""
    y = block_diagonal_multiply(x, blocks)
    return y.index_select(0, torch.arange(len(y), device=y.device) + len(y) // 4)


def partly_written(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    """The last column is left as the device's memory was."""
    y = block_diagonal_multiply(x, blocks)
    out = torch.empty_like(y)
    out[:, : max(y.shape[1] - 1, 0)] = y[:, : max(y.shape[1] - 1, 0)]
    return out


KEPT: dict[tuple[object, ...], torch.Tensor] = {}


def by_address(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    """Results are kept by where the arguments lie, as by one that looks at `data_ptr`."""
    key = x.data_ptr(), x.shape, blocks.data_ptr(), blocks.shape
    if key not in KEPT:
        KEPT[key] = block_diagonal_multiply(x, blocks)
    return KEPT[key].clone()


if triton is not None:

    @triton.jit
    def _rows(x, blocks, y, k, rows, columns, TILE_R: tl.constexpr, TILE_C: tl.constexpr):  # type: ignore[no-untyped-def]
        b, block = tl.program_id(0), tl.program_id(1)
        r, c = tl.arange(0, TILE_R), tl.arange(0, TILE_C)
        signal = tl.load(x + b * k * columns + block * columns + c, mask=c < columns, other=0.0)
        matrix = tl.load(
            blocks + block * rows * columns + r[:, None] * columns + c[None, :],
            mask=(r[:, None] < rows) & (c[None, :] < columns), other=0.0,
        )  # fmt: skip
        tl.store(y + b * k * rows + block * rows + r, tl.sum(matrix * signal[None, :], axis=1), mask=r < rows)

    def _of_triton(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
        k, rows, columns = blocks.shape
        y = torch.empty(len(x), k * rows, dtype=x.dtype, device=x.device)
        if y.numel() and columns:
            tiles = triton.next_power_of_2(rows), triton.next_power_of_2(columns)
            _rows[(len(x), k)](x, blocks, y, k, rows, columns, TILE_R=tiles[0], TILE_C=tiles[1])
        return y if columns else y.zero_()

    def triton_right(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
        """Right, so that what the next one is caught for is its own fault."""
        return _of_triton(x.contiguous(), blocks.contiguous())

    def strides_ignored(x: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
        """Takes every argument for contiguous."""
        return _of_triton(x, blocks)
