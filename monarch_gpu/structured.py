"""A linear layer whose weight is a member of a structured family: its forward is the family's own multiply.

`monarch express --write` saves the factors that come nearest to trained weights. This reads them as parameters, to be
used in place of `nn.Linear`, or trained on from there.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from monarch_theory.expressivity.parts import (
    Blocks,
    Convolution,
    Kroneckers,
    Member,
    Part,
    Scattered,
    Train,
    read_members,
)
from monarch_theory.monarch import Convention

__all__ = ["StructuredLinear", "structured_linears"]


class StructuredLinear(nn.Module):
    """y = M x + b along the last axis, M the sum of a member's parts, of which every array is a parameter.

    Args:
        member: as `read_members` gives it.
        bias: shape (outputs,), copied; none unless given.

    >>> import numpy as np
    >>> blocks = Blocks({"blocks": np.arange(8.0).reshape(2, 2, 2)})
    >>> layer = StructuredLinear(Member((4, 4), "block-diagonal", "2 blocks", (blocks,)))
    >>> layer(torch.ones(3, 4, dtype=torch.float64))[0]
    tensor([ 1.,  5.,  9., 13.], dtype=torch.float64, grad_fn=<SelectBackward0>)
    """

    def __init__(self, member: Member, bias: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = member.shape
        self.parts = nn.ModuleList(_Part(part) for part in member.parts)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        if x.shape[-1] != self.in_features:
            raise ValueError(f"x: expected {self.in_features} inputs along the last axis, got shape {tuple(x.shape)}")
        first: Any = self.parts[0]
        columns = nn.functional.pad(x.reshape(-1, self.in_features), (0, first.inputs - self.in_features)).t()
        found: Tensor = first(columns)
        for part in self.parts[1:]:
            found = found + part(columns)
        found = found[: self.out_features].t().reshape(*x.shape[:-1], self.out_features)
        return found if self.bias is None else found + self.bias

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class _Part(nn.Module):
    """One part, whose multiply repeats `parts` line by line."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part, self.inputs = part, part.inputs
        if isinstance(part, Scattered):
            self.register_buffer("rows", torch.tensor(part.at[0]), persistent=False)
            self.register_buffer("columns", torch.tensor(part.at[1]), persistent=False)
        self.arrays = nn.ParameterDict({key: torch.from_numpy(array.copy()) for key, array in part.arrays.items()})

    def forward(self, x: Tensor) -> Tensor:
        """(inputs, batch) → (outputs, batch)."""
        if isinstance(self.part, Train):
            return self._train(self.part, x)
        if isinstance(self.part, Kroneckers):
            return self._kroneckers(x)
        if isinstance(self.part, Scattered):
            return self._scattered(self.part, x)
        if isinstance(self.part, Convolution):
            return self._convolution(self.part, x)
        assert isinstance(self.part, Blocks)
        count, rows, columns = self.arrays["blocks"].shape
        return (self.arrays["blocks"] @ x.reshape(count, columns, -1)).reshape(count * rows, -1)

    def _scattered(self, part: Scattered, x: Tensor) -> Tensor:
        blocks, places = self.arrays["blocks"], dict(self.named_buffers())
        images = blocks @ x.reshape(part.grid[1], blocks.shape[2], -1)[places["columns"]]
        found = images.new_zeros(part.grid[0], *images.shape[1:]).index_add(0, places["rows"], images)
        return found.reshape(part.outputs, x.shape[1])

    def _convolution(self, part: Convolution, x: Tensor) -> Tensor:
        if not x.shape[1]:  # there are no transforms of an empty batch
            return x.new_zeros(part.outputs, 0)
        spectrum = torch.fft.rfft(self.arrays["taps"], part.length)[:, None] * torch.fft.rfft(x, part.length, dim=0)
        found: Tensor = torch.fft.irfft(spectrum, part.length, dim=0)
        return found[part.shift : part.shift + part.outputs]

    def _train(self, part: Train, x: Tensor) -> Tensor:
        rows, columns, batch = part.output_radices, part.input_radices, x.shape[1]
        state = _turned(x, columns[::-1]) if part.convention is Convention.DAO else x
        for k in range(len(columns)):
            core = self.arrays[str(k)]
            _, m, after_bond, bond, n = core.shape
            before, after = prod(rows[:k]), prod(columns[k + 1 :])
            blocks = core.reshape(before, after, m * after_bond, bond * n)
            digit = state.reshape(before, bond * n, after, batch).transpose(1, 2)
            image = (blocks @ digit).reshape(before, after, m, after_bond, batch)
            state = image.permute(0, 2, 3, 1, 4)
        state = state.reshape(prod(rows), batch)
        if part.convention is not Convention.DAO_TRANSPOSED:
            state = _turned(state, rows)
        return _turned(state, (prod(rows) // part.regroup, part.regroup))

    def _kroneckers(self, x: Tensor) -> Tensor:
        a, b = self.arrays["A"], self.arrays["B"]
        (_, m, n), (_, p, q) = a.shape, b.shape
        if p * q * n + m * n * p <= m * n * q + p * q * m:
            inner = b[:, None] @ x.reshape(n, q, -1)
            found = (a @ inner.reshape(len(a), n, -1)).reshape(len(a), m, p, -1)
        else:
            inner = a @ x.reshape(n, -1)
            found = b[:, None] @ inner.reshape(len(a), m, q, -1)
        return found.sum(0).reshape(m * p, -1)


def structured_linears(path: Path) -> dict[str, StructuredLinear]:
    """A layer for each matrix that `monarch express --write` saved, by its name.

    Raises:
        ValueError: no such file, or one that it did not write.
    """
    return {name: StructuredLinear(member) for name, member in read_members(path).items()}


def _turned(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """The first axis, read as digits of these sizes, with the digits in the opposite order."""
    order = (*range(len(sizes))[::-1], len(sizes))
    return x.reshape(*sizes, -1).permute(order).reshape(x.shape)
