"""`monarch::multiply`, a direct sum of Monarch products: the operator, its gradients, and how it maps.

Layout is what decides the speed. With the sequence first and the batch innermost every stage is one batched product of
strided views. On a CPU in float32 and float64 `cpu.stages` writes the result of each where the next one wants it;
elsewhere `torch.bmm` serves, with one copy at the end, the digit reversal. A batch-first argument is transposed once on
the way in and once on the way out, which costs less than running on it as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from monarch_gpu.ops.torch.cpu import stages, strided

__all__ = ["library", "multiply", "multiply_kernel", "reversed_digits", "takes_strided"]

library = torch.library.Library("monarch", "DEF")
"""The namespace `torch.ops.monarch`; every operator of this package is defined in it."""

library.define("multiply(Tensor x, Tensor[] factors, str convention, bool batch_first, bool keep) -> Tensor[]")
library.define(
    "multiply_backward(Tensor gradient, Tensor x, Tensor[] factors, Tensor[] states, str convention, bool batch_first, "
    "bool need_x, bool[] need_factors) -> Tensor[]"
)
multiply = torch.ops.monarch.multiply.default
_multiply_gradients = torch.ops.monarch.multiply_backward.default


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    """Batched product (g, m, n) · (g, n, c), contiguous; float16 on a CPU goes through float32, as no BLAS has it."""
    if a.dtype == torch.float16 and not a.is_cuda:
        return torch.bmm(a.float(), b.float()).to(a.dtype)
    return torch.bmm(a, b)


def _adjoint(blocks: Tensor) -> Tensor:
    return blocks.transpose(-1, -2).conj() if blocks.is_complex() else blocks.transpose(-1, -2)


def _transposed(x: Tensor) -> Tensor:
    """(C, a, b) to (C, b, a), contiguous; PyTorch's blocked transpose serves matrices only."""
    if x.shape[0] == 1:
        return x[0].t().contiguous()[None]
    return x.transpose(1, 2).contiguous()


# A direct sum of C Monarch matrices has C times the blocks at every stage, those of one matrix together. After stage k
# the state is what its batched product left: (C · blocks, m_k, batch), block digits (i_0 … i_{k-1}, a_{k+1} … a_{p-1}).


def _first_operand(x: Tensor, columns: Sequence[int], convention: str, batch_first: bool) -> Tensor:
    """The argument to what stage 0 multiplies, (C · blocks, n_0, batch): a view where the strides allow it."""
    x = _transposed(x) if batch_first else x
    channels, size, batch = x.shape
    n, after = columns[0], size // columns[0]
    if convention == "PLPR":
        if len(columns) == 2:
            return x.reshape(channels * after, n, batch)
        x = reversed_digits(x, columns[::-1])
    if channels == 1:
        return x.reshape(n, after, batch).transpose(0, 1)
    return x.reshape(channels, n, after, batch).transpose(1, 2).reshape(channels * after, n, batch)


def _operand(state: Tensor, k: int, columns: Sequence[int]) -> Tensor:
    """The state after stage k − 1 to what stage k multiplies, (C · blocks, n_k, batch): a view for order 2, C = 1."""
    blocks, m, batch = state.shape
    n, after = columns[k], prod(columns[k + 1 :])
    if blocks == n:
        return state.transpose(0, 1)
    groups = blocks // (n * after)
    return state.view(groups, n, after, m, batch).permute(0, 3, 2, 1, 4).reshape(groups * m * after, n, batch)


def _first_operand_back(
    operand: Tensor, channels: int, columns: Sequence[int], convention: str, batch_first: bool
) -> Tensor:
    """The inverse of `_first_operand`."""
    blocks, n, batch = operand.shape
    x = operand.view(channels, blocks // channels, n, batch)
    if convention != "PLPR" or len(columns) > 2:
        x = x.transpose(1, 2)
    x = x.reshape(channels, blocks // channels * n, batch)
    if convention == "PLPR" and len(columns) > 2:
        x = reversed_digits(x, columns)
    return _transposed(x) if batch_first else x


def _operand_back(operand: Tensor, k: int, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """The inverse of `_operand`."""
    blocks, n, batch = operand.shape
    m, after = rows[k - 1], prod(columns[k + 1 :])
    if blocks == m:
        return operand.transpose(0, 1)
    groups = blocks // (m * after)
    return operand.view(groups, m, after, n, batch).permute(0, 3, 2, 1, 4).reshape(groups * n * after, m, batch)


def reversed_digits(x: Tensor, radices: Sequence[int]) -> Tensor:
    """(C, N, batch) with N read as those digits, most significant first, to N with the digits reversed."""
    channels, size, batch = x.shape
    if len(radices) == 2 and channels == 1:
        return x.reshape(*radices, batch).transpose(0, 1).reshape(1, size, batch)
    order = range(len(radices), 0, -1)
    return x.reshape(channels, *radices, batch).permute(0, *order, len(radices) + 1).reshape(x.shape)


def _index_out(state: Tensor, channels: int, rows: Sequence[int], convention: str) -> Tensor:
    """The last state as (C, m_{p-1} ⋯ m_0, batch): digits reversed, but for `LPRP`."""
    size, batch = prod(rows), state.shape[-1]
    if convention == "LPRP":
        return state.view(channels, size, batch)
    if len(rows) == 2 and channels == 1:
        return state.transpose(0, 1).reshape(1, size, batch)
    return reversed_digits(state.view(channels, size, batch), rows)


def _radices(factors: Sequence[Tensor]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shapes = [f.shape for f in factors]
    return tuple([m for _, m, _ in shapes]), tuple([n for _, _, n in shapes])


PLAIN = (Tensor, torch.nn.Parameter)

SMALLEST = 8
"""Radices and batches below it leave most of a vector register idle."""


def _mapped(x: Tensor) -> bool:
    """Whether `torch.func` transforms what runs now, or `torch.autograd.grad` maps it over gradients."""
    functorch = torch._C._functorch
    return functorch.peek_interpreter_stack() is not None or functorch.is_legacy_batchedtensor(x)


def takes_strided(x: Tensor, others: Sequence[Tensor], rows: Sequence[int], columns: Sequence[int], batch: int) -> bool:
    """Whether `stages` takes these arguments: real, in memory as they are, and large enough to gain by it."""
    return (
        x.dtype in strided.NAMES
        and x.device.type == "cpu"
        and 1 < len(rows) <= strided.DIMS
        and min(batch, *rows, *columns) >= SMALLEST
        and type(x) in PLAIN
        and all([type(t) in PLAIN for t in others])
        and not _mapped(x)
        and torch._C._len_torch_dispatch_stack() == 0
        and torch.autograd.forward_ad._current_level < 0
        and strided.library() is not None
    )


def multiply_kernel(
    x: Tensor, factors: Sequence[Tensor], convention: str, batch_first: bool, keep: bool
) -> list[Tensor]:
    """C Monarch products at once: [y], and with `keep` the states between stages, which the backward pass needs.

    x: (C, batch, inputs) if `batch_first`, else (C, inputs, batch); factors[k]: (C · blocks, m_k, n_k).
    """
    rows, columns = _radices(factors)
    if takes_strided(x, factors, rows, columns, x.shape[1 if batch_first else 2]):
        x = x.transpose(1, 2) if batch_first else x
        y, *states = stages.multiply(x, factors, rows, columns, convention, keep)
        return [strided.transposed(y) if batch_first else y, *states]
    if len(factors) == 1:
        return [_matmul(x, factors[0].transpose(1, 2)) if batch_first else _matmul(factors[0], x)]
    channels = x.shape[0]
    states = [_matmul(factors[0], _first_operand(x, columns, convention, batch_first))]
    for k in range(1, len(factors)):
        states.append(_matmul(factors[k], _operand(states[-1], k, columns)))
    last = states.pop()
    if not keep:
        states.clear()  # the memory of a state serves again for y
    y = _index_out(last, channels, rows, convention)
    return [_transposed(y) if batch_first else y, *(states if keep else ())]


def _multiply_fake(x: Tensor, factors: list[Tensor], convention: str, batch_first: bool, keep: bool) -> list[Tensor]:
    rows, _ = _radices(factors)
    channels, batch, size = x.shape[0], x.shape[1 if batch_first else 2], prod(rows)
    y = x.new_empty((channels, batch, size) if batch_first else (channels, size, batch))
    return [y, *(x.new_empty((*f.shape[:2], batch)) for f in (factors[:-1] if keep else ()))]


def _save_for_multiply(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    x, factors, ctx.convention, ctx.batch_first, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.order = len(factors)
    ctx.save_for_backward(x, *factors, *output[1:])


def _multiply_backward(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    """Gradients of x and of every factor; the states are outputs too, so what reaches them is added on the way."""
    x, *rest = ctx.saved_tensors
    factors, states = rest[: ctx.order], rest[ctx.order :]
    need_x, need_factors = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
    if not states and ctx.order > 1:
        states = multiply(x, factors, ctx.convention, ctx.batch_first, True)[1:]
    arguments = x, factors, states, ctx.convention, ctx.batch_first, need_x, need_factors
    last = gradients[0] if all(g is None for g in gradients[1:]) else None
    if last is not None and not torch.is_grad_enabled() and not _mapped(last):
        found = iter(_multiply_gradients(last, *arguments))
    else:
        found = iter(_gradients(gradients, *arguments))
    gradient = next(found) if need_x else None
    return gradient, [next(found) if need else None for need in need_factors], None, None, None


def _gradients(
    gradients: Sequence[Tensor | None], x: Tensor, factors: Sequence[Tensor], states: Sequence[Tensor], convention: str,
    batch_first: bool, need_x: bool, need_factors: Sequence[bool],
) -> list[Tensor | None]:  # fmt: skip
    """The gradients that are needed, of x and then of the factors, from those of y and of the states."""
    order = len(factors)
    rows, columns = _radices(factors)
    channels = x.shape[0]
    gradient = gradients[0]
    if gradient is not None:
        gradient = _transposed(gradient) if batch_first else gradient
        gradient = gradient if convention == "LPRP" else _last_state_gradient(gradient, rows)
        gradient = gradient.reshape(channels * prod(rows[:-1]), rows[-1], gradient.shape[-1])
    found: list[Tensor | None] = []
    for k in range(order - 1, -1, -1):
        added = gradients[k + 1] if k + 1 < min(len(gradients), order) else None
        if added is not None:
            gradient = added if gradient is None else gradient + added
        if need_factors[k]:
            operand = _operand(states[k - 1], k, columns) if k else _first_operand(x, columns, convention, batch_first)
            found.append(None if gradient is None else _matmul(gradient, _adjoint(operand)))
        back = _matmul(_adjoint(factors[k]), gradient) if gradient is not None and (k or need_x) else None
        if k and back is not None:
            gradient = _operand_back(back, k, rows, columns)
        elif need_x and k == 0:
            origin = channels, columns, convention, batch_first
            found.append(None if back is None else _first_operand_back(back, *origin))
    return found[::-1]


def _multiply_gradients_kernel(
    gradient: Tensor, x: Tensor, factors: Sequence[Tensor], states: Sequence[Tensor], convention: str,
    batch_first: bool, need_x: bool, need_factors: Sequence[bool],
) -> list[Tensor]:  # fmt: skip
    """What of the gradients of x and of the factors is needed, from that of y alone."""
    rows, columns = _radices(factors)
    if not takes_strided(x, (*factors, *states, gradient), rows, columns, x.shape[1 if batch_first else 2]):
        arguments = x, factors, states, convention, batch_first, need_x, need_factors
        return [g.contiguous() for g in _gradients([gradient], *arguments) if g is not None]
    if batch_first:
        x, gradient = x.transpose(1, 2), strided.transposed(gradient)
    wanted = need_x, need_factors
    x_gradient, found = stages.gradients(gradient, x, factors, states, rows, columns, convention, *wanted)
    if x_gradient is not None and batch_first:
        x_gradient = strided.transposed(x_gradient)
    return [g for g in (x_gradient, *found) if g is not None]


def _multiply_gradients_fake(
    gradient: Tensor, x: Tensor, factors: list[Tensor], states: list[Tensor], convention: str, batch_first: bool,
    need_x: bool, need_factors: list[bool],
) -> list[Tensor]:  # fmt: skip
    wanted = zip((x, *factors), (need_x, *need_factors), strict=True)
    return [t.new_empty(t.shape) for t, need in wanted if need]


def _last_state_gradient(gradient: Tensor, rows: Sequence[int]) -> Tensor:
    """The gradient of y as that of the last state: the digits reversed back, a view for order 2 and C = 1."""
    if len(rows) == 2 and gradient.shape[0] == 1:
        return gradient.reshape(rows[1], rows[0], gradient.shape[-1]).transpose(0, 1)
    return reversed_digits(gradient, rows[::-1])


def _multiply_vmap(
    info: Any,
    in_dims: tuple[Any, ...],
    x: Tensor,
    factors: list[Tensor],
    convention: str,
    batch_first: bool,
    keep: bool,
) -> tuple[list[Tensor], list[int]]:
    """Mapped over x alone, the mapped axis is batch; mapped over factors, it joins C."""
    x_dim, factor_dims = in_dims[0], in_dims[1]
    size = info.batch_size
    if all(dim is None for dim in factor_dims):
        batch_axis = 1 if batch_first else 2
        x = x.movedim(x_dim, batch_axis)
        flat = x.flatten(batch_axis, batch_axis + 1)
        out = multiply(flat, factors, convention, batch_first, keep)
        axes, batch = [batch_axis] + [2] * (len(out) - 1), flat.shape[batch_axis] // size
        return [y.unflatten(axis, (size, batch)) for y, axis in zip(out, axes, strict=True)], axes

    def joined(t: Tensor, dim: int | None) -> Tensor:
        mapped = t.expand(size, *t.shape) if dim is None else t.movedim(dim, 0)
        return mapped.flatten(0, 1)

    mapped_factors = [joined(f, dim) for f, dim in zip(factors, factor_dims, strict=True)]
    out = multiply(joined(x, x_dim), mapped_factors, convention, batch_first, keep)
    return [y.unflatten(0, (size, y.shape[0] // size)) for y in out], [0] * len(out)


library.impl("multiply", multiply_kernel, "CompositeExplicitAutograd")
library.impl("multiply_backward", _multiply_gradients_kernel, "CompositeExplicitAutograd")
torch.library.register_fake("monarch::multiply_backward", _multiply_gradients_fake, lib=library)
torch.library.register_fake("monarch::multiply", _multiply_fake, lib=library)
torch.library.register_vmap("monarch::multiply", _multiply_vmap, lib=library)
torch.library.register_autograd(
    "monarch::multiply", _multiply_backward, setup_context=_save_for_multiply, lib=library
)  # fmt: skip
