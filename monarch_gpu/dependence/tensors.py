"""Between torch tensors and the arrays of abstract values, and running an operator on what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["as_array", "as_tensor", "laid_out", "on_values"]


def as_array(tensor: Tensor) -> np.ndarray:
    """The values of a tensor; bfloat16 and other dtypes that NumPy has not as float32."""
    tensor = tensor.detach().resolve_conj().resolve_neg().cpu()
    if tensor.dtype == torch.bfloat16 or (tensor.dtype.itemsize == 1 and tensor.dtype.is_floating_point):
        tensor = tensor.float()
    return tensor.numpy()


def as_tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    """Values as a tensor of a dtype, sharing memory where that can be."""
    if 0 in array.strides or not array.flags.writeable:
        base = array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)]
        return torch.from_numpy(np.array(base)).to(dtype).expand(array.shape)
    return torch.from_numpy(array).to(dtype)


def laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """The same values in memory as those of another are, which some operators ask of a tensor before they view it.

    >>> laid_out(torch.zeros(2, 3), torch.zeros(3, 2).t()).stride()
    (1, 2)
    """
    if tensor.stride() == like.stride():
        return tensor
    base = tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in like.stride())]
    made = torch.empty_strided(base.shape, like.stride(), dtype=tensor.dtype)
    try:
        return made.copy_(base).expand(tensor.shape)
    except RuntimeError:  # places that share memory
        return tensor.contiguous()


def on_values(function: Callable[..., Any], dtypes: Sequence[torch.dtype]) -> Callable[..., np.ndarray]:
    """A function of tensors as one of arrays of their values."""

    def evaluate(*arrays: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return as_array(function(*(as_tensor(a, d) for a, d in zip(arrays, dtypes, strict=True))))

    return evaluate
