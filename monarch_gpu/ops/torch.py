"""The primitives in PyTorch: registered operators with fake kernels, autograd and vmap; the fast CPU path.

Two operators carry everything: `monarch::multiply`, a direct sum of Monarch products, and `monarch::fourier`, the DFT
in stages. They are differentiable twice and map under `torch.vmap`; `torch.func.grad` does not reach operators
registered with `torch.library` (as of PyTorch 2.13), use `torch.autograd`.

Layout is what decides the speed. With the sequence first and the batch innermost every stage is one batched product of
strided views. On a CPU in float32 and float64 `stages` writes the result of each where the next one wants it; elsewhere
`torch.bmm` serves, with one copy at the end, the digit reversal. A batch-first argument is transposed once on the way
in and once on the way out, which costs less than running on it as it stands.

Reduced precision on a CPU: products are accumulated in float32 and every stage is rounded to the storage dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monarch_gpu.ops import stages, strided
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
from monarch_theory.digits import check_radices
from monarch_theory.monarch import Convention

__all__ = [
    "block_diagonal_multiply",
    "causal_monarch",
    "inverse_monarch_dft",
    "long_convolution",
    "monarch_dft",
    "monarch_multiply",
]


_library = torch.library.Library("monarch", "DEF")
_library.define("multiply(Tensor x, Tensor[] factors, str convention, bool batch_first, bool keep) -> Tensor[]")
_library.define(
    "multiply_backward(Tensor gradient, Tensor x, Tensor[] factors, Tensor[] states, str convention, bool batch_first, "
    "bool need_x, bool[] need_factors) -> Tensor[]"
)
_library.define("fourier(Tensor x, int[] radices, int rows, bool adjoint) -> Tensor")
_multiply = torch.ops.monarch.multiply.default
_multiply_gradients = torch.ops.monarch.multiply_backward.default
_fourier = torch.ops.monarch.fourier.default


# Products of blocks


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
        x = _reversed_digits(x, columns[::-1])
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
        x = _reversed_digits(x, columns)
    return _transposed(x) if batch_first else x


def _operand_back(operand: Tensor, k: int, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """The inverse of `_operand`."""
    blocks, n, batch = operand.shape
    m, after = rows[k - 1], prod(columns[k + 1 :])
    if blocks == m:
        return operand.transpose(0, 1)
    groups = blocks // (m * after)
    return operand.view(groups, m, after, n, batch).permute(0, 3, 2, 1, 4).reshape(groups * n * after, m, batch)


def _reversed_digits(x: Tensor, radices: Sequence[int]) -> Tensor:
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
    return _reversed_digits(state.view(channels, size, batch), rows)


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


def _strided(x: Tensor, others: Sequence[Tensor], rows: Sequence[int], columns: Sequence[int], batch: int) -> bool:
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


def _multiply_kernel(
    x: Tensor, factors: Sequence[Tensor], convention: str, batch_first: bool, keep: bool
) -> list[Tensor]:
    """C Monarch products at once: [y], and with `keep` the states between stages, which the backward pass needs.

    x: (C, batch, inputs) if `batch_first`, else (C, inputs, batch); factors[k]: (C · blocks, m_k, n_k).
    """
    rows, columns = _radices(factors)
    if _strided(x, factors, rows, columns, x.shape[1 if batch_first else 2]):
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


def _save_for_multiply(ctx: Any, inputs: tuple, output: list[Tensor]) -> None:
    x, factors, ctx.convention, ctx.batch_first, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.order = len(factors)
    ctx.save_for_backward(x, *factors, *output[1:])


def _multiply_backward(ctx: Any, gradients: list[Tensor | None]) -> tuple:
    """Gradients of x and of every factor; the states are outputs too, so what reaches them is added on the way."""
    x, *rest = ctx.saved_tensors
    factors, states = rest[: ctx.order], rest[ctx.order :]
    need_x, need_factors = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
    if not states and ctx.order > 1:
        states = _multiply(x, factors, ctx.convention, ctx.batch_first, True)[1:]
    arguments = x, factors, states, ctx.convention, ctx.batch_first, need_x, need_factors
    alone = gradients[0] is not None and all(g is None for g in gradients[1:])
    if alone and not torch.is_grad_enabled() and not _mapped(gradients[0]):
        found = iter(_multiply_gradients(gradients[0], *arguments))
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
        if k + 1 < len(gradients) and k + 1 < order and gradients[k + 1] is not None:
            gradient = gradients[k + 1] if gradient is None else gradient + gradients[k + 1]
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
    if not _strided(x, (*factors, *states, gradient), rows, columns, x.shape[1 if batch_first else 2]):
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
    return _reversed_digits(gradient, rows[::-1])


def _multiply_vmap(
    info: Any, in_dims: tuple, x: Tensor, factors: list[Tensor], convention: str, batch_first: bool, keep: bool
) -> tuple[list[Tensor], list[int]]:
    """Mapped over x alone, the mapped axis is batch; mapped over factors, it joins C."""
    x_dim, factor_dims = in_dims[0], in_dims[1]
    size = info.batch_size
    if all(dim is None for dim in factor_dims):
        batch_axis = 1 if batch_first else 2
        x = x.movedim(x_dim, batch_axis)
        flat = x.flatten(batch_axis, batch_axis + 1)
        out = _multiply(flat, factors, convention, batch_first, keep)
        axes, batch = [batch_axis] + [2] * (len(out) - 1), flat.shape[batch_axis] // size
        return [y.unflatten(axis, (size, batch)) for y, axis in zip(out, axes, strict=True)], axes

    def joined(t: Tensor, dim: int | None) -> Tensor:
        mapped = t.expand(size, *t.shape) if dim is None else t.movedim(dim, 0)
        return mapped.flatten(0, 1)

    mapped_factors = [joined(f, dim) for f, dim in zip(factors, factor_dims, strict=True)]
    out = _multiply(joined(x, x_dim), mapped_factors, convention, batch_first, keep)
    return [y.unflatten(0, (size, y.shape[0] // size)) for y in out], [0] * len(out)


_library.impl("multiply", _multiply_kernel, "CompositeExplicitAutograd")
_library.impl("multiply_backward", _multiply_gradients_kernel, "CompositeExplicitAutograd")
torch.library.register_fake("monarch::multiply_backward", _multiply_gradients_fake, lib=_library)
torch.library.register_fake("monarch::multiply", _multiply_fake, lib=_library)
torch.library.register_vmap("monarch::multiply", _multiply_vmap, lib=_library)
torch.library.register_autograd(
    "monarch::multiply", _multiply_backward, setup_context=_save_for_multiply, lib=_library
)  # fmt: skip


# The DFT in stages


@lru_cache(maxsize=64)
def _roots(
    radices: tuple[int, ...], adjoint: bool, dtype: torch.dtype, device: torch.device
) -> list[tuple[Tensor, Tensor]]:
    """For every stage its twiddles, (indices before, n_k, 1), and the small DFT, (n_k, n_k); conjugated if `adjoint`.

    Conjugated here, in memory: inside an operator a lazily conjugated tensor may be read as it is stored.
    """
    sign = 1 if adjoint else -1
    stages = []
    for k, b in enumerate(radices):
        known = prod(radices[:k])
        low = np.arange(known).reshape(radices[:k][::-1]).T.reshape(-1)
        twiddles = _exponential(sign * np.outer(low, np.arange(b)), known * b)
        fourier = _exponential(sign * np.outer(np.arange(b), np.arange(b)), b)
        stages.append(tuple(torch.tensor(a, dtype=dtype, device=device) for a in (twiddles[:, :, None], fourier)))
    return stages  # type: ignore[return-value]


def _exponential(exponents: np.ndarray, n: int) -> np.ndarray:
    """exp(2πi e/n), each from its own angle, the exponent reduced first."""
    return np.exp(2j * np.pi * ((exponents % n) / n))


def _fourier_kernel(x: Tensor, radices: list[int], rows: int, adjoint: bool) -> Tensor:
    """The DFT of a signal whose digit a_0 is below `rows`, zero beyond it; with `adjoint` the adjoint of that map.

    x: (rows · N/n_0, batch), natural order, to (N, batch) in stage order, digits (i_0, …, i_{p-1}): DAO_TRANSPOSED.
    """
    stages = list(enumerate(_roots(tuple(radices), adjoint, x.dtype, x.device)))
    size, batch = prod(radices), x.shape[-1]
    for k, (twiddles, fourier) in stages[::-1] if adjoint else stages:
        before, n = prod(radices[:k]), rows if k == 0 else radices[k]
        fourier = fourier[:n] if adjoint else fourier[:, :n]
        x = x.reshape(before, fourier.shape[1], size // (before * radices[k]) * batch)
        if k and not adjoint:
            x = x * twiddles
        x = torch.matmul(fourier, x)
        if k and adjoint:
            x = x * twiddles
    return x.reshape(size // radices[0] * rows if adjoint else size, batch)


def _fourier_fake(x: Tensor, radices: list[int], rows: int, adjoint: bool) -> Tensor:
    size = prod(radices)
    return x.new_empty(size // radices[0] * rows if adjoint else size, x.shape[1])


def _save_for_fourier(ctx: Any, inputs: tuple, output: Tensor) -> None:
    _, ctx.radices, ctx.rows, ctx.adjoint = inputs


def _fourier_backward(ctx: Any, gradient: Tensor) -> tuple:
    return _fourier(gradient, ctx.radices, ctx.rows, not ctx.adjoint), None, None, None


def _fourier_vmap(info: Any, in_dims: tuple, x: Tensor, radices: list[int], rows: int, adjoint: bool) -> Any:
    x = x.movedim(in_dims[0], 1)
    return _fourier(x.flatten(1, 2), radices, rows, adjoint).unflatten(1, x.shape[1:]), 1


_library.impl("fourier", _fourier_kernel, "CompositeExplicitAutograd")
torch.library.register_fake("monarch::fourier", _fourier_fake, lib=_library)
torch.library.register_vmap("monarch::fourier", _fourier_vmap, lib=_library)
torch.library.register_autograd("monarch::fourier", _fourier_backward, setup_context=_save_for_fourier, lib=_library)


# Autocast: products in the dtype the region asks for, as torch.matmul; convolutions in the widest they are given


_autocast_keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU) | torch._C.DispatchKeySet(
    torch._C.DispatchKey.AutocastCUDA
)


def _cast(tensors: Sequence[Tensor | None], dtype: torch.dtype) -> list[Any]:
    """Real floating tensors but float64 in `dtype`, as autocast has it; others as they are."""
    eligible = [t is not None and t.is_floating_point() and t.dtype != torch.float64 for t in tensors]
    return [t.to(dtype) if cast else t for t, cast in zip(tensors, eligible, strict=True)]  # type: ignore[union-attr]


def _autocasts(x: Tensor) -> bool:
    """Whether x is in an autocast region of its device."""
    return torch._C._is_any_autocast_enabled() and torch.is_autocast_enabled(x.device.type)


def _in_region(x: Tensor, *others: Tensor) -> list[Tensor]:
    """Operands of a product in the dtype of the autocast region they are in, if they are in one."""
    tensors = [x, *others]
    return _cast(tensors, torch.get_autocast_dtype(x.device.type)) if _autocasts(x) else tensors


def _widened(x: Tensor, *others: Tensor | None) -> list[Any]:
    """Operands in the widest of their dtypes if they are in an autocast region."""
    tensors = [x, *others]
    if not _autocasts(x):
        return tensors
    real = {t.dtype for t in tensors if t is not None and t.is_floating_point()}
    return _cast(tensors, reduce(torch.promote_types, real)) if real else list(tensors)


def _autocast(x: Tensor, factors: list[Tensor], convention: str, batch_first: bool, keep: bool) -> list[Tensor]:
    with torch._C._ExcludeDispatchKeyGuard(_autocast_keys):
        x, *factors = _in_region(x, *factors)
        return _multiply(x, factors, convention, batch_first, keep)


for _key in ("AutocastCPU", "AutocastCUDA"):
    _library.impl("multiply", _autocast, _key)


# Public primitives


def block_diagonal_multiply(x: Tensor, blocks: Tensor, axis: int = -1) -> Tensor:
    """diag(B_0, …, B_{g-1}) x along `axis`.

    Args:
        x: (…, g·n), real or complex floating point; any strides.
        blocks: (g, m, n), same dtype and device.

    Returns:
        (…, g·m).

    Raises:
        ValueError: a shape that does not fit. TypeError: dtypes or devices that differ.

    >>> block_diagonal_multiply(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([[[1.0, 1.0]], [[1.0, -1.0]]]))
    tensor([ 3., -1.])
    """
    check_blocks(tuple(blocks.shape))
    x, blocks = _in_region(x, blocks)
    check_same(x, {"blocks": blocks})
    g, m, n = blocks.shape
    axis = check_axis(x, axis, g * n)
    x, blocks = x.resolve_conj(), blocks.resolve_conj()
    last = axis == x.ndim - 1
    front = x.movedim(axis, 0)
    others = front.shape[1:]
    operand = x.reshape(prod(others), g, n).transpose(0, 1) if last else front.reshape(g, n, prod(others))
    y = _multiply(operand, [blocks], Convention.DAO_TRANSPOSED.value, last, False)[0]
    if last:
        return y.transpose(0, 1).reshape(*others, g * m)
    return y.reshape(g * m, *others).movedim(0, axis)


def monarch_multiply(x: Tensor, *factors: Tensor, convention: Convention = Convention.M2, axis: int = -1) -> Tensor:
    """M x along `axis`, M a Monarch matrix with the given factors (THEORY §1–2, `monarch_theory.Monarch.multiply`).

    Args:
        x: (…, N) real or complex floating point, any strides; `axis=0` is the layout that is not transposed.
        factors: factor k has shape (blocks, m_k, n_k), same dtype and device as x.
        convention: which digit reversals stand at the ends.

    Returns:
        (…, ∏ m_k), contiguous for `axis` 0 and -1.

    Raises:
        ValueError: a shape that does not fit. TypeError: dtypes or devices that differ.

    >>> hadamard = torch.tensor([[[1.0, 1.0], [1.0, -1.0]]] * 2)
    >>> monarch_multiply(torch.tensor([1.0, 2.0, 3.0, 4.0]), hadamard, hadamard)
    tensor([10., -4., -2.,  0.])
    """
    rows, columns = monarch_radices(tuple([tuple(f.shape) for f in factors]))
    check_convention(convention)
    x, *cast = _in_region(x, *factors)
    factors = tuple(cast)
    check_factors(x, factors)
    axis = check_axis(x, axis, prod(columns))
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"x: expected a floating-point or complex dtype, got {x.dtype}")
    if x.is_complex():
        x, factors = x.resolve_conj(), tuple(f.resolve_conj() for f in factors)
    keep = torch.is_grad_enabled() and (x.requires_grad or any([f.requires_grad for f in factors]))
    # where nothing records the call, the kernel is called as it is: small products cost less than the dispatcher
    recorded = keep or torch.compiler.is_compiling() or _autocasts(x)
    if axis == 0 and x.ndim == 2 and not recorded and _strided(x, factors, rows, columns, x.shape[1]):
        return stages.multiply(x, factors, rows, columns, convention.value, keep=False)[0]
    run = _multiply if recorded else _multiply_kernel
    if axis == x.ndim - 1 and axis > 0:
        flat = x.reshape(1, prod(x.shape[:-1]), x.shape[-1])
        return run(flat, factors, convention.value, True, keep)[0].view(*x.shape[:-1], prod(rows))
    front = x.movedim(axis, 0) if axis else x
    flat = front[None] if x.ndim == 2 else front.reshape(1, x.shape[axis], prod(front.shape[1:]))
    y = run(flat, factors, convention.value, False, keep)[0]
    y = y.view(prod(rows), *front.shape[1:])  # not y[0], whose gradient is copied into zeros
    return y.movedim(0, axis) if axis else y


def _stage_order(x: Tensor, radices: Sequence[int]) -> Tensor:
    """(N, batch) from natural order, digits i_{p-1} … i_0, to stage order, digits i_0 … i_{p-1}."""
    return _reversed_digits(x[None], radices[::-1]).reshape(x.shape)


def _dft(x: Tensor, radices: Sequence[int], axis: int, inverse: bool) -> Tensor:
    radices = check_radices(radices)
    if x.dtype not in (torch.complex64, torch.complex128):
        raise TypeError(f"x: expected dtype complex64 or complex128, got {x.dtype}")
    size = prod(radices)
    axis = check_axis(x, axis, size)
    front = x.resolve_conj().movedim(axis, 0)
    flat = front.reshape(size, prod(front.shape[1:]))
    if inverse:
        y = _fourier(_stage_order(flat, radices), list(radices), radices[0], True) / size
    else:
        y = _reversed_digits(_fourier(flat, list(radices), radices[0], False)[None], radices)
    return y.reshape(front.shape).movedim(0, axis)


def monarch_dft(x: Tensor, radices: Sequence[int], axis: int = -1) -> Tensor:
    """The DFT X_i = Σ_j x_j exp(−2πi ij/N) along `axis`, in one stage for each radix; natural order in and out.

    Args:
        x: (…, N), complex64 or complex128, N the product of `radices`.

    Raises:
        ValueError: radices or shape do not fit. TypeError: x is not complex.

    >>> monarch_dft(torch.tensor([1, 0, 0, 0], dtype=torch.complex64), (2, 2)).real
    tensor([1., 1., 1., 1.])
    """
    return _dft(x, radices, axis, inverse=False)


def inverse_monarch_dft(x: Tensor, radices: Sequence[int], axis: int = -1) -> Tensor:
    """The inverse of `monarch_dft`, 1/N included: x_j = (1/N) Σ_i X_i exp(+2πi ij/N).

    >>> inverse_monarch_dft(torch.ones(4, dtype=torch.complex64), (2, 2)).abs().round(decimals=3)
    tensor([1., 0., 0., 0.])
    """
    return _dft(x, radices, axis, inverse=True)


def _sequence_first(x: Tensor, channels: Sequence[int]) -> Tensor:
    """(…, channels, n) to (n, batch, channels), contiguous, with one blocked transpose."""
    n = x.shape[-1]
    count = prod(channels)
    batch = prod(x.shape[: x.ndim - 1 - len(channels)])
    return x.reshape(batch * count, n).t().contiguous().view(n, batch, count)


def _sequence_last(y: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse of `_sequence_first`."""
    return y.flatten(1).t().contiguous().view(*shape)


def _convolve(u: Tensor, k: Tensor, radices: tuple[int, ...]) -> Tensor:
    """k ∗ u for u (n, batch, channels) and k (n, 1, channels), by transforms of length ∏ radices in stage order.

    Only the first rows of the leading digit hold signal, so the other columns of the first stage, and the other rows of
    the last, are never multiplied.
    """
    n, size = u.shape[0], prod(radices)
    step = size // radices[0]
    rows = -(-n // step)
    stages, padding = list(radices), (0, 0, 0, 0, 0, rows * step - n)

    def transformed(x: Tensor) -> Tensor:
        x = torch.nn.functional.pad(x, padding) if rows * step > n else x
        return _fourier(x.flatten(1), stages, rows, False).view(size, *x.shape[1:])

    # two real signals would fit one complex one, but then a NaN, or the rounding of a louder signal, crosses over
    signal, kernel = (x.resolve_conj() if x.is_complex() else torch.complex(x, torch.zeros_like(x)) for x in (u, k))
    product = transformed(signal) * (transformed(kernel) / size)
    y = _fourier(product.flatten(1), stages, rows, True)[:n].view_as(signal)
    return y if u.is_complex() else y.real.contiguous()


def long_convolution(
    u: Tensor,
    k: Tensor,
    gate: Tensor | None = None,
    skip: Tensor | None = None,
    *,
    pre_gate: Tensor | None = None,
    causal: bool = True,
    radices: Sequence[int] | None = None,
) -> Tensor:
    """gate ⊙ (k ∗ v + skip ⊙ v), v = pre_gate ⊙ u, by the Monarch DFT (M2 §3, THEORY §6).

    Args:
        u: (…, *channels, n), float16, bfloat16, float32, float64 or complex; reduced precision is computed in float32
            throughout and rounded once, at the end.
        k: (*channels, n), one filter for each channel.
        gate, pre_gate: shape of u.
        skip: (*channels).
        causal: pad to at least 2n − 1, so that y_i = Σ_{j≤i} k_{i−j} v_j; otherwise circular, indices modulo n.
        radices: of the transform; chosen balanced when not given.

    Raises:
        ValueError: a shape that does not fit. TypeError: dtypes or devices that differ.

    >>> u, k = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    >>> long_convolution(u, k).round(decimals=3)
    tensor([1., 3., 5., 7.])
    >>> long_convolution(u, k, causal=False).round(decimals=3)
    tensor([5., 3., 5., 7.])
    """
    u, k, gate, skip, pre_gate = _widened(u, k, gate, skip, pre_gate)
    named = {"k": k, "gate": gate, "skip": skip, "pre_gate": pre_gate}
    check_same(u, named)
    channels = check_signal(u, named)
    radices = convolution_radices(u.shape[-1], k.shape[-1], causal, radices)
    dtype = u.dtype
    if dtype in (torch.float16, torch.bfloat16):
        u, k = u.float(), k.float()
        gate, skip, pre_gate = (None if t is None else t.float() for t in (gate, skip, pre_gate))
    v = u if pre_gate is None else u * pre_gate
    y = _sequence_last(_convolve(_sequence_first(v, channels), _sequence_first(k, channels), radices), u.shape)
    if skip is not None:
        y = y + skip[..., None] * v
    if gate is not None:
        y = gate * y
    return y.to(dtype)


def causal_monarch(u: Tensor, k: Tensor, *factors: Tensor, convention: Convention = Convention.M2) -> Tensor:
    """(M⁻¹(M[k; 0] ⊙ M[u; 0]))[:n], the operator of THEORY §4 (`monarch_theory.causality.MonarchOperator`).

    Args:
        u: (…, *channels, n).
        k: (*channels, n).
        factors: the p factors of M, then the p factors of M⁻¹, as `Monarch.inverse().factors` gives them.
        convention: that of M; its inverse has `convention.transposed`.

    Raises:
        ValueError: a shape that does not fit, or n exceeds N. TypeError: dtypes or devices that differ.
    """
    u, k, *cast = _in_region(u, k, *factors)
    factors = tuple(cast)
    check_same(u, {"k": k})
    channels = check_signal(u, {"k": k})
    forward, inverse = check_transform(factors, u.shape[-1])
    n, size = u.shape[-1], prod(f.shape[2] for f in forward)

    def transformed(x: Tensor) -> Tensor:
        x = torch.nn.functional.pad(_sequence_first(x, channels), (0, 0, 0, 0, 0, size - n))
        return monarch_multiply(x, *forward, convention=convention, axis=0)

    product = transformed(k) * transformed(u)
    y = monarch_multiply(product, *inverse, convention=convention.transposed, axis=0)
    return _sequence_last(y[:n], u.shape)
