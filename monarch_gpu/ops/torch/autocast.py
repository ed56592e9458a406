"""Autocast: products in the dtype the region asks for, as torch.matmul; convolutions in the widest they are given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from monarch_gpu.ops.torch.multiply import library, multiply

__all__ = ["autocasts", "in_region", "widened"]

_autocast_keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU) | torch._C.DispatchKeySet(
    torch._C.DispatchKey.AutocastCUDA
)


def _cast(tensors: Sequence[Tensor | None], dtype: torch.dtype) -> list[Any]:
    """Real floating tensors but float64 in `dtype`, as autocast has it; others as they are."""
    eligible = [t is not None and t.is_floating_point() and t.dtype != torch.float64 for t in tensors]
    return [t.to(dtype) if cast else t for t, cast in zip(tensors, eligible, strict=True)]  # type: ignore[union-attr]


def autocasts(x: Tensor) -> bool:
    """Whether x is in an autocast region of its device."""
    return torch._C._is_any_autocast_enabled() and torch.is_autocast_enabled(x.device.type)


def in_region(x: Tensor, *others: Tensor) -> list[Tensor]:
    """Operands of a product in the dtype of the autocast region they are in, if they are in one."""
    tensors = [x, *others]
    return _cast(tensors, torch.get_autocast_dtype(x.device.type)) if autocasts(x) else tensors


def widened(x: Tensor, *others: Tensor | None) -> list[Any]:
    """Operands in the widest of their dtypes if they are in an autocast region."""
    tensors = [x, *others]
    if not autocasts(x):
        return tensors
    real = {t.dtype for t in tensors if t is not None and t.is_floating_point()}
    return _cast(tensors, reduce(torch.promote_types, real)) if real else list(tensors)


def _autocast(x: Tensor, factors: list[Tensor], convention: str, batch_first: bool, keep: bool) -> list[Tensor]:
    with torch._C._ExcludeDispatchKeyGuard(_autocast_keys):
        x, *factors = in_region(x, *factors)
        return multiply(x, factors, convention, batch_first, keep)


for _key in ("AutocastCPU", "AutocastCUDA"):
    library.impl("multiply", _autocast, _key)
