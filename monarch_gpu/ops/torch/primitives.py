"""The primitives in PyTorch: registered operators with fake kernels, autograd and vmap; the fast CPU path.

Two operators carry everything: `monarch::multiply`, a direct sum of Monarch products, and `monarch::fourier`, the DFT
in stages. They are differentiable twice and map under `torch.vmap`; `torch.func.grad` does not reach operators
registered with `torch.library` (as of PyTorch 2.13), use `torch.autograd`.

Reduced precision on a CPU: products are accumulated in float32 and every stage is rounded to the storage dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

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
from monarch_gpu.ops.torch.autocast import autocasts, in_region, widened
from monarch_gpu.ops.torch.cpu import stages
from monarch_gpu.ops.torch.fourier import fourier
from monarch_gpu.ops.torch.multiply import multiply, multiply_kernel, reversed_digits, takes_strided
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
    x, blocks = in_region(x, blocks)
    check_same(x, {"blocks": blocks})
    g, m, n = blocks.shape
    axis = check_axis(x, axis, g * n)
    x, blocks = x.resolve_conj(), blocks.resolve_conj()
    last = axis == x.ndim - 1
    front = x.movedim(axis, 0)
    others = front.shape[1:]
    operand = x.reshape(prod(others), g, n).transpose(0, 1) if last else front.reshape(g, n, prod(others))
    y = multiply(operand, [blocks], Convention.DAO_TRANSPOSED.value, last, False)[0]
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
    x, *cast = in_region(x, *factors)
    factors = tuple(cast)
    check_factors(x, factors)
    axis = check_axis(x, axis, prod(columns))
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"x: expected a floating-point or complex dtype, got {x.dtype}")
    if x.is_complex():
        x, factors = x.resolve_conj(), tuple(f.resolve_conj() for f in factors)
    keep = torch.is_grad_enabled() and (x.requires_grad or any([f.requires_grad for f in factors]))
    # where nothing records the call, the kernel is called as it is: small products cost less than the dispatcher
    recorded = keep or torch.compiler.is_compiling() or autocasts(x)
    if axis == 0 and x.ndim == 2 and not recorded and takes_strided(x, factors, rows, columns, x.shape[1]):
        return stages.multiply(x, factors, rows, columns, convention.value, keep=False)[0]
    run = multiply if recorded else multiply_kernel
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
    return reversed_digits(x[None], radices[::-1]).reshape(x.shape)


def _dft(x: Tensor, radices: Sequence[int], axis: int, inverse: bool) -> Tensor:
    radices = check_radices(radices)
    if x.dtype not in (torch.complex64, torch.complex128):
        raise TypeError(f"x: expected dtype complex64 or complex128, got {x.dtype}")
    size = prod(radices)
    axis = check_axis(x, axis, size)
    front = x.resolve_conj().movedim(axis, 0)
    flat = front.reshape(size, prod(front.shape[1:]))
    if inverse:
        y = fourier(_stage_order(flat, radices), list(radices), radices[0], True) / size
    else:
        y = reversed_digits(fourier(flat, list(radices), radices[0], False)[None], radices)
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
        return fourier(x.flatten(1), stages, rows, False).view(size, *x.shape[1:])

    # two real signals would fit one complex one, but then a NaN, or the rounding of a louder signal, crosses over
    signal, kernel = (x.resolve_conj() if x.is_complex() else torch.complex(x, torch.zeros_like(x)) for x in (u, k))
    product = transformed(signal) * (transformed(kernel) / size)
    y = fourier(product.flatten(1), stages, rows, True)[:n].view_as(signal)
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
    u, k, gate, skip, pre_gate = widened(u, k, gate, skip, pre_gate)
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
    u, k, *cast = in_region(u, k, *factors)
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
