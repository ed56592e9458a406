"""Where a model is computed: on the processor, or on an NVIDIA GPU that torch sees."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["device_named", "device_of", "moved"]


def device_named(name: str) -> torch.device:
    """The device of a name: `cpu`, `cuda`, or `cuda:1` for the second GPU.

    Raises:
        ValueError: it is no such name, or torch sees no such device.

    >>> device_named("cpu")
    device(type='cpu')
    """
    if name == "cpu":
        return torch.device("cpu")
    if re.fullmatch(r"cuda(:[0-9]{1,4})?", name) is None:
        raise ValueError(f"device: expected cpu, cuda or cuda:0, cuda:1, …, got {name!r}")
    device = torch.device(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= count:
        raise ValueError(f"device: expected one that torch sees, cpu or one of {count} GPUs, got {name!r}")
    return device


def device_of(module: nn.Module) -> torch.device:
    """Where a model's parameters are.

    >>> device_of(nn.Linear(2, 2))
    device(type='cpu')
    """
    return next(module.parameters()).device


def moved(tensors: Sequence[Tensor], device: torch.device) -> tuple[Tensor, ...]:
    """The tensors on a device; those that are there already are the same.

    >>> moved([torch.zeros(2)], torch.device("cpu"))
    (tensor([0., 0.]),)
    """
    return tuple(tensor.to(device) for tensor in tensors)
