"""The stages of a Monarch product, and of its gradients, as strided products: which digit lies where.

Axes have names: `i0 …` and `a0 …` the digits of output and input, `channel` the terms of a direct sum, `batch` the
columns that share factors. Stage k turns digit a_k into i_k. With S_k the state before it, F_k its factor, every stage
and both of its gradients are one triple of operands in three roles:

    S_{k+1} = F_k S_k,   ∂F_k = ∂S_{k+1} S_kᵀ,   ∂S_k = F_kᵀ ∂S_{k+1}.

S_0 is x and S_p is y. The digit reversals P of a convention are nothing but the order of axes in these two.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import prod
from typing import Any

import torch
from torch import Tensor

from monarch_gpu.ops.torch.cpu import memory, strided
from monarch_gpu.ops.torch.cpu.strided import Operand, Product

__all__ = ["gradients", "layouts", "multiply"]


def _axes(digit: str, order: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{digit}{k}" for k in order)


def layouts(order: int, convention: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The axes of the states S_0 … S_p and of the factors F_0 … F_{p−1}, outermost first.

    >>> layouts(2, "PLPRP")[0]
    [('channel', 'a0', 'a1', 'batch'), ('channel', 'a1', 'i0', 'batch'), ('channel', 'i1', 'i0', 'batch')]
    """
    digits = range(order)
    known = [(*_axes("i", digits[:k]), *_axes("a", digits[k + 1 :])) for k in digits]
    first = _axes("a", digits[::-1] if convention == "PLPR" else digits)
    last = _axes("i", digits if convention == "LPRP" else digits[::-1])
    inside = [(*known[k], f"i{k}") for k in digits[:-1]]
    states = [("channel", *axes, "batch") for axes in (first, *inside, last)]
    return states, [("channel", *known[k], f"i{k}", f"a{k}") for k in digits]


def _strides(layout: Sequence[str], sizes: Mapping[str, int]) -> dict[str, int]:
    """Strides of a contiguous tensor with these axes."""
    found, step = {}, 1
    for axis in reversed(layout):
        found[axis] = step
        step *= sizes[axis]
    return found


@dataclass(frozen=True)
class _Geometry:
    """All that the strides of a product depend on; tensors are numbered S_0 … S_p, F_0 … F_{p−1}, ∂S_0 …, ∂F_0 …."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    convention: str
    channels: int
    batch: int
    x_strides: tuple[int, ...]

    @property
    def order(self) -> int:
        return len(self.rows)

    @property
    def sizes(self) -> dict[str, int]:
        digits = {f"i{k}": m for k, m in enumerate(self.rows)} | {f"a{k}": n for k, n in enumerate(self.columns)}
        return digits | {"channel": self.channels, "batch": self.batch}

    def operands(self) -> tuple[list[Operand], list[Operand], list[Operand], list[Operand]]:
        """The states, the factors, the gradients of the states, and those of the factors."""
        states, factors = layouts(self.order, self.convention)
        contiguous = [_strides(layout, self.sizes) for layout in (*states, *factors)]
        channel, row = self.x_strides
        x = {axis: stride // max(self.batch, 1) * row for axis, stride in contiguous[0].items()}
        numbered: list[Operand] = list(enumerate([x | {"channel": channel, "batch": 1}, *contiguous[1:], *contiguous]))
        p, n = self.order + 1, len(contiguous)
        return numbered[:p], numbered[p:n], numbered[n : n + p], numbered[n + p :]

    def product(self, k: int, c: Operand, a: Operand, b: Operand, row: str, inner: str, column: str) -> Product:
        """c = a b for every block of stage k."""
        blocks = layouts(self.order, self.convention)[1][k][:-2]
        return strided.plan(self.sizes, a, b, c, row=row, inner=inner, column=column, blocks=blocks)


@lru_cache(maxsize=1024)
def _forward(*geometry: Any) -> ctypes.Array[Product]:
    g = _Geometry(*geometry)
    states, factors, _, _ = g.operands()
    found = [g.product(k, states[k + 1], factors[k], states[k], f"i{k}", f"a{k}", "batch") for k in range(g.order)]
    return (Product * len(found))(*found)


@lru_cache(maxsize=1024)
def _backward(need_x: bool, need_factors: tuple[bool, ...], *geometry: Any) -> ctypes.Array[Product]:
    g = _Geometry(*geometry)
    states, factors, state_gradients, factor_gradients = g.operands()
    found = []
    for k in reversed(range(g.order)):
        after = state_gradients[k + 1]
        if need_factors[k]:
            found.append(g.product(k, factor_gradients[k], after, states[k], f"i{k}", "batch", f"a{k}"))
        if need_x or any(need_factors[:k]):
            found.append(g.product(k, state_gradients[k], factors[k], after, f"a{k}", f"i{k}", "batch"))
    return (Product * len(found))(*found)


def _batch_innermost(x: Tensor) -> Tensor:
    """x, (…, size, batch), with stride 1 along the batch: as it is where it can be."""
    if x.stride(-1) == 1 or x.shape[-1] == 1:
        return x
    return strided.transposed(x.transpose(-1, -2)) if x.ndim == 3 and x.stride(1) == 1 else x.contiguous()


SCRATCH = 2**26
"""Bytes a thread keeps for the states of its next product: to map fresh memory costs more than a small product."""

_scratch = threading.local()


def _scratch_memory(size: int) -> int:
    """Address of `size` bytes that the next call in this thread may use again."""
    held = getattr(_scratch, "held", None)
    if held is None or held.numel() < size:
        # large enough for huge pages: what lies far apart in it then needs few entries of the table of pages
        held = _scratch.held = memory.empty(torch.empty(0, dtype=torch.uint8), (max(size, memory.LARGE),))
    return held.data_ptr()


def multiply(
    x: Tensor, factors: Sequence[Tensor], rows: tuple[int, ...], columns: tuple[int, ...], convention: str, keep: bool
) -> list[Tensor]:
    """C Monarch products at once: y, (C, outputs, batch), and with `keep` the states S_1 … S_{p−1} after it.

    Args:
        x: (C, inputs, batch), or without C, which is then 1; float32 or float64 on the CPU, any strides.
        factors: factor k of shape (C · blocks, m_k, n_k), same dtype.
        rows, columns: all m_k, and all n_k.
        convention: value of a `Convention`.
    """
    x, factors = _batch_innermost(x), [f.contiguous() for f in factors]
    *channels, _, batch = x.shape
    y = memory.empty(x, (*channels, prod(rows), batch))
    shapes = [(f.shape[0], m, batch) for f, m in zip(factors[:-1], rows, strict=False)]
    ends = [size * x.itemsize for size in accumulate(map(prod, shapes), initial=0)]
    if keep or ends[-1] > SCRATCH:
        states = [memory.empty(x, shape) for shape in shapes]
        between = [s.data_ptr() for s in states]
    else:
        base = _scratch_memory(ends[-1])
        between = [base + end for end in ends[:-1]]
    strides = x.stride()[:2] if channels else (0, x.stride(0))
    pointers = [x.data_ptr(), *between, y.data_ptr(), *[f.data_ptr() for f in factors]]
    strided.run(_forward(rows, columns, convention, prod(channels), batch, strides), x.dtype, pointers)
    return [y, *(states if keep else ())]


def gradients(
    gradient: Tensor, x: Tensor, factors: Sequence[Tensor], states: Sequence[Tensor], rows: tuple[int, ...],
    columns: tuple[int, ...], convention: str, need_x: bool, need_factors: Sequence[bool],
) -> tuple[Tensor | None, list[Tensor | None]]:  # fmt: skip
    """∂x, (C, inputs, batch), and ∂F_0 … ∂F_{p−1}; None where it is not needed.

    Args:
        gradient: ∂y, (C, outputs, batch), any strides.
        states: S_1 … S_{p−1}, as `multiply` kept them.
    """
    x, factors, gradient = _batch_innermost(x), [f.contiguous() for f in factors], gradient.contiguous()
    flows = [need_x or any(need_factors[:k]) for k in range(len(factors))]
    state_gradients = [_empty_like(s, flow) for s, flow in zip((x, *states), flows, strict=True)]
    factor_gradients = [_empty_like(f, need) for f, need in zip(factors, need_factors, strict=True)]
    geometry = rows, columns, convention, x.shape[0], x.shape[2], x.stride()[:2]
    products = _backward(need_x, tuple(need_factors), *geometry)
    tensors = x, *states, None, *factors, *state_gradients, gradient, *factor_gradients
    strided.run(products, x.dtype, [None if t is None else t.data_ptr() for t in tensors])
    return (state_gradients[0] if need_x else None), factor_gradients


def _empty_like(t: Tensor, wanted: bool) -> Tensor | None:
    return memory.empty(t, t.shape) if wanted else None
