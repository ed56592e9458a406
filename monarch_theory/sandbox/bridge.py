"""Arrays in the face user code expects, and back. Torch is used only where user code has already imported it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from monarch_theory.formats import carrier_of
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.wire import DTYPES

__all__ = ["as_numpy", "named_arrays", "no_arrays", "place_of", "same_bits", "to_face", "torch_or_none"]


def torch_or_none() -> Any:
    """Torch, if user code has imported it in this process."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "Tensor") else None


def place_of(modules: Iterable[Any]) -> Any:
    """The device on which the first parameter of torch modules lies; None where there is none."""
    return next((parameter.device for module in modules for parameter in module.parameters()), None)


def to_face(array: np.ndarray, face: str, dtype: str, place: Any = None) -> Any:
    """`array` as `face` ("numpy" or "torch") with logical `dtype`, which travels in its carrier; at a torch `place`.

    Raises:
        SandboxError: torch is wanted and not there, or NumPy has no such dtype.
    """
    if face == "torch":
        torch = torch_or_none()
        if torch is None:
            raise SandboxError(Outcome.EXCEPTION, "the model was to be given a torch tensor, but never imported torch")
        tensor = torch.from_numpy(array.copy())
        return tensor.to(device=place, dtype=getattr(torch, dtype) if carrier_of(dtype) != dtype else tensor.dtype)
    if carrier_of(dtype) != dtype:
        raise SandboxError(Outcome.EXCEPTION, f"NumPy has no {dtype}: give a torch model, or another --dtype")
    return array.copy()


def as_numpy(output: Any) -> tuple[list[np.ndarray], list[str]]:
    """Every array in what a model returned, in order, with logical dtypes.

    Raises:
        SandboxError: there is none, or one whose dtype cannot cross.

    >>> as_numpy((np.zeros(2), {"state": np.ones(1, "float32")}))[1]
    ['float64', 'float32']
    """
    arrays, dtypes, _ = named_arrays(output)
    return arrays, dtypes


def named_arrays(output: Any) -> tuple[list[np.ndarray], list[str], list[str]]:
    """As `as_numpy`, with the name of each array: the keys and indices that lead to it.

    >>> named_arrays({"logits": np.zeros(2), "cache": (np.ones(1), np.ones(1))})[2]
    ['logits', 'cache.0', 'cache.1']
    """
    arrays, dtypes, names = [], [], []
    for name, leaf in leaves(output):
        array, dtype = leaf_as_numpy(leaf)
        if (held := name_of(array.dtype)) not in DTYPES:
            raise SandboxError(Outcome.NOT_AN_ARRAY, f"the model returned an array of dtype {held}")
        arrays.append(array)
        dtypes.append(dtype)
        names.append(name)
    if not arrays:
        raise SandboxError(Outcome.NOT_AN_ARRAY, f"the model returned {type(output).__name__}, expected an array")
    return arrays, dtypes, names


def leaves(output: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Arrays and tensors inside tuples, lists and mappings, first to last, by name; a list of numbers is one array."""
    inside: Any = ()
    if isinstance(output, Mapping):
        inside = output.items()
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        inside = zip(output._fields, output, strict=True)
    elif isinstance(output, tuple) or (isinstance(output, list) and holds_arrays(output)):
        inside = enumerate(output)
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        inside = ((f.name, getattr(output, f.name)) for f in dataclasses.fields(output))
    elif is_array(output):
        yield name, output
    elif isinstance(output, list):
        try:
            yield name, np.asarray(output)
        except ValueError as error:
            raise SandboxError(Outcome.NOT_AN_ARRAY, f"the model returned a list that is no array: {error}") from error
    for key, value in inside:
        yield from leaves(value, f"{name}.{key}" if name else str(key))


def no_arrays(output: Any, name: str = "") -> Iterator[str]:
    """Name and type of what a model returned beside arrays: numbers, and objects that hold something of their own."""
    inside: Any = ()
    if isinstance(output, Mapping):
        inside = output.items()
    elif isinstance(output, tuple | list) and (isinstance(output, tuple) or holds_arrays(output)):
        inside = enumerate(output)
    elif output is not None and next(leaves(output), None) is None:
        yield f"{name or 'output'} ({type(output).__name__})"
    for key, value in inside:
        yield from no_arrays(value, f"{name}.{key}" if name else str(key))


def holds_arrays(values: list[Any]) -> bool:
    """Whether a list is one of arrays, or of things that hold some, and not itself an array of numbers."""
    return any(
        is_array(v) or isinstance(v, Mapping | tuple) or (isinstance(v, list) and holds_arrays(v)) for v in values
    )


def is_array(value: Any) -> bool:
    torch = torch_or_none()
    if isinstance(value, np.ndarray | np.generic) or (torch is not None and isinstance(value, torch.Tensor)):
        return True
    return hasattr(value, "__array__") and hasattr(value, "shape") and not isinstance(value, type)


def leaf_as_numpy(leaf: Any) -> tuple[np.ndarray, str]:
    torch = torch_or_none()
    if torch is not None and isinstance(leaf, torch.Tensor):
        if leaf.layout != torch.strided:
            raise SandboxError(Outcome.NOT_AN_ARRAY, f"the model returned a tensor of layout {leaf.layout}")
        tensor = leaf.detach().cpu().resolve_conj().resolve_neg()
        name = str(tensor.dtype).removeprefix("torch.")
        if carrier_of(name) != name:
            return tensor.to(getattr(torch, carrier_of(name))).numpy(), name
        try:
            array = tensor.numpy()
        except (TypeError, RuntimeError) as error:
            raise SandboxError(Outcome.NOT_AN_ARRAY, f"the model returned a tensor of {leaf.dtype}") from error
        return array, name_of(array.dtype)
    if np.ma.is_masked(leaf):
        raise SandboxError(Outcome.NOT_AN_ARRAY, "the model returned an array with masked entries")
    array = np.asarray(leaf)
    return array, name_of(array.dtype)


@lru_cache(64)
def name_of(dtype: np.dtype) -> str:
    """Its name, which NumPy puts together each time it is asked: that took longer than all else of a small answer."""
    return dtype.name


def same_bits(value: Any, array: np.ndarray) -> bool:
    """Whether `value`, once made from `array` by `to_face`, still holds it; any NaN is as good as another.

    >>> same_bits(np.array([np.nan, 0.0]), np.array([-np.nan, 0.0])), same_bits(np.array([0.0]), np.array([-0.0]))
    (True, False)
    """
    now, _ = leaf_as_numpy(value)
    if now.shape != array.shape or now.dtype != array.dtype:
        return False
    nan = (now != now) & (array != array)  # whose bits a change of dtype and back need not keep
    return np.where(nan, 0, now).tobytes() == np.where(nan, 0, array).tobytes()
