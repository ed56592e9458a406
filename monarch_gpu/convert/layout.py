"""What a published layout is: the names of its tensors beside ours, and what its configuration may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import torch
from torch import Tensor

from monarch_gpu.configs import Config

__all__ = [
    "Layout", "Row", "expected", "first", "flag", "identity", "joined", "layouts_here", "number", "repeat",
    "transposed", "without_batch",
]  # fmt: skip

Tensors = Mapping[str, Tensor]
Values = Mapping[str, Any]


def identity(tensor: Tensor) -> Tensor:
    """As it is."""
    return tensor


def transposed(tensor: Tensor) -> Tensor:
    """(a, b) → (b, a)."""
    return tensor.t()


def without_batch(tensor: Tensor) -> Tensor:
    """(1, …) → (…)."""
    return tensor.squeeze(0)


def joined(*tensors: Tensor) -> Tensor:
    """One below the other, as query, key and value are."""
    return torch.cat(tensors)


def first(tensor: Tensor) -> Tensor:
    """(1, 1, d) or (1, n, 1) → (d,) or (n,)."""
    return tensor.reshape(-1)


@dataclass(frozen=True)
class Row:
    """One of our tensors, made of one or more of theirs.

    Attributes:
        ours: name in the model of this package.
        theirs: names in the file.
        make: from theirs, in that order, to ours.
    """

    ours: str
    theirs: tuple[str, ...]
    make: Callable[..., Tensor] = lambda tensor: tensor


@dataclass(frozen=True)
class Layout:
    """A published layout.

    Attributes:
        name: what a receipt calls it.
        recognises: whether a file with these names is of this layout.
        configure: from its configuration and tensors to ours; raises ValueError by name for what is not honoured.
        rows: every tensor of ours.
        same: names that are one tensor in the published model; a file may hold any of them, and they must be equal.
        constants: names that hold nothing learned, with what they must be, given the tensor.
        absent: names that a file may lack, with what the published code computes then.
        rename: from a name in the file to the one that the tables know.
    """

    name: str
    recognises: Callable[[frozenset[str]], bool]
    configure: Callable[[Values, Tensors], Config]
    rows: Callable[[Config], list[Row]]
    same: Callable[[Config], list[tuple[str, ...]]] = lambda config: []
    constants: Callable[[Config], dict[str, Callable[[Tensor], bool]]] = lambda config: {}
    absent: Callable[[Config], dict[str, Callable[[], Tensor]]] = lambda config: {}
    rename: Callable[[str], str] = lambda name: name


def layouts_here() -> tuple[Layout, ...]:
    """Every `Layout` that a file of this folder holds, by name."""
    package = __name__.rpartition(".")[0]
    files = [import_module(f"{package}.{module.name}") for module in iter_modules(import_module(package).__path__)]
    found = {value.name: value for file in files for value in vars(file).values() if isinstance(value, Layout)}
    return tuple(found[name] for name in sorted(found))


def repeat(table: tuple[tuple[Any, ...], ...], **places: int) -> list[Row]:
    """The rows of a table of (ours, theirs, make), for every value of its one place: `layer=12` fills {layer}.

    >>> [row.ours for row in repeat((("h.{layer}.ln", "block.{layer}.norm"),), layer=2)]
    ['h.0.ln', 'h.1.ln']
    """
    rows = []
    ((place, count),) = places.items()
    for index in range(count):
        for ours, theirs, *make in table:
            names = (theirs,) if isinstance(theirs, str) else theirs
            filled = tuple(name.replace(f"{{{place}}}", str(index)) for name in names)
            rows.append(Row(ours.replace(f"{{{place}}}", str(index)), filled, *make))
    return rows


def expected(values: Values, required: Mapping[str, tuple[Any, Any]]) -> None:
    """Hold a configuration to what the models here honour.

    Args:
        required: name → (what it must be, what it is where not given).

    Raises:
        ValueError: it is something else; the message names it.
    """
    for name, (wanted, default) in required.items():
        value = values.get(name, default)
        if value != wanted:
            raise ValueError(f"{name}: expected {wanted!r}, which is what the models here do, got {value!r}")


def number(values: Values, name: str, default: float | None = None) -> Any:
    """A number of a configuration.

    Raises:
        ValueError: there is none.
    """
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: expected a number, got {value!r}")
    return value


def flag(values: Values, name: str, default: bool) -> bool:
    """A truth value of a configuration.

    Raises:
        ValueError: it is something else.
    """
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, got {value!r}")
    return value
