"""`monarch::fourier`, the DFT in stages, zeros of a padded signal left out: the operator, its gradient, how it maps."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monarch_gpu.ops.torch.multiply import library

__all__ = ["fourier", "roots"]

library.define("fourier(Tensor x, int[] radices, int rows, bool adjoint) -> Tensor")
fourier = torch.ops.monarch.fourier.default


@lru_cache(maxsize=64)
def roots(
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
    stages = list(enumerate(roots(tuple(radices), adjoint, x.dtype, x.device)))
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


def _save_for_fourier(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, ctx.radices, ctx.rows, ctx.adjoint = inputs


def _fourier_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return fourier(gradient, ctx.radices, ctx.rows, not ctx.adjoint), None, None, None


def _fourier_vmap(info: Any, in_dims: tuple[Any, ...], x: Tensor, radices: list[int], rows: int, adjoint: bool) -> Any:
    x = x.movedim(in_dims[0], 1)
    return fourier(x.flatten(1, 2), radices, rows, adjoint).unflatten(1, x.shape[1:]), 1


library.impl("fourier", _fourier_kernel, "CompositeExplicitAutograd")
torch.library.register_fake("monarch::fourier", _fourier_fake, lib=library)
torch.library.register_vmap("monarch::fourier", _fourier_vmap, lib=library)
torch.library.register_autograd("monarch::fourier", _fourier_backward, setup_context=_save_for_fourier, lib=library)
