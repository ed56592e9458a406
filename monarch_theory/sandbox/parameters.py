"""The parameters of torch modules in user code: their dtype, those that are all zero, and random values for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from monarch_theory.sandbox import loading
from monarch_theory.sandbox.bridge import torch_or_none
from monarch_theory.sandbox.outcome import Outcome, SandboxError

__all__ = [
    "all_zero",
    "fill_parameter",
    "held_in_double",
    "in_double",
    "is_lazy",
    "own_dtype",
    "redraw_parameters",
    "trainable",
]


def own_dtype(model: Any) -> str | None:
    """Dtype of the first floating or complex parameter of a torch module."""
    for tensor in model.parameters():
        if tensor.is_floating_point() or tensor.is_complex():
            return str(tensor.dtype).removeprefix("torch.")
    return None


def trainable(model: Any) -> dict[str, Any]:
    """Trainable parameters of the torch modules in `model`, by name; those that await a first call have no values."""
    return {
        ".".join(part for part in (prefix, name) if part): parameter
        for prefix, module in loading.torch_modules(model)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and not is_lazy(parameter)
    }


def is_lazy(parameter: Any) -> bool:
    """Whether a parameter or buffer awaits its shape from a first call."""
    return bool(torch_or_none().nn.parameter.is_lazy(parameter))


def all_zero(model: Any) -> dict[str, Any]:
    """Those that hold nothing but zeros."""
    return {name: p for name, p in trainable(model).items() if p.numel() and not p.detach().any()}


def in_double(value: Any) -> Any:
    """A tensor of numbers with a point in double precision; anything else as it is."""
    torch = torch_or_none()
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    if value.is_complex():
        return value.to(torch.complex128)
    return value.double() if value.is_floating_point() else value


@contextmanager
def held_in_double(model: Any) -> Iterator[None]:
    """Hold the parameters and buffers of the torch modules in `model` in double precision, and then as they were."""
    tensors = [t for _, module in loading.torch_modules(model) for t in (*module.parameters(), *module.buffers())]
    before = {id(t): (t, t.data) for t in tensors}
    try:
        for tensor, data in before.values():
            tensor.data = in_double(data)
        yield
    finally:
        for tensor, data in before.values():
            tensor.data = data


def redraw_parameters(model: Any, size: float, seed: int) -> None:
    """Draw every trainable parameter anew.

    Raises:
        SandboxError: some await a first call.
    """
    waiting = [
        name for _, module in loading.torch_modules(model) for name, p in module.named_parameters() if is_lazy(p)
    ]
    if waiting:
        message = f"randomise: expected parameters that are initialised, got {waiting[0]}, which awaits a first call"
        raise SandboxError(Outcome.EXCEPTION, message)
    for k, parameter in enumerate(trainable(model).values()):
        fill_parameter(parameter, size, seed + k)


def fill_parameter(parameter: Any, size: float, seed: int) -> None:
    """Normal values of standard deviation `size`, zeros where that is 0; representable in single precision."""
    values = size * np.random.default_rng(seed).standard_normal(tuple(parameter.shape)).astype(np.float32)
    parameter.data.copy_(torch_or_none().from_numpy(np.asarray(values, np.float32)))
