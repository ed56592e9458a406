"""How a model is called: where the input goes, and what goes beside it.

Decided on the signature. An input goes to the first parameter, by name where only that is allowed, or to the one named
for it. A further required parameter whose name contains "mask" gets ones of shape (batch …, n); others must be given.
A model that takes a mapping gets one with the keys it asks for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from monarch_theory.formats import carrier_of
from monarch_theory.leaks.inputs import Inputs, UndecidedError
from monarch_theory.sandbox import Described

__all__ = [
    "INPUT", "Call", "beside_input", "filled", "masks_unasked", "of_keys", "of_signature", "parse_arguments",
    "parse_init",
]  # fmt: skip

POSITIONAL = ("positional", "")
FILLS = ("ones", "zeros")
INPUT = "input"


@dataclass(frozen=True)
class Call:
    """Slots of the input and of the arrays beside it, in the words of `Sandbox.evaluate`; what a report says of it.

    axis: of the sequence; filled: which of the arrays beside are all one number, and follow the shape of what is given.
    """

    slots: tuple[tuple[str, str], ...] = (POSITIONAL,)
    beside: tuple[tuple[np.ndarray, str], ...] = ()
    words: str = ""
    axis: int = 0
    filled: tuple[int, ...] = ()

    def arrays(self, x: np.ndarray, padded: tuple[int, int] = (0, 0)) -> tuple[np.ndarray, ...]:
        """The input and what goes beside it; ones are zeros where the input is padded, before or after."""
        length = x.shape[self.axis]
        beside = [a for a, _ in self.beside]
        for k in self.filled:
            shape = (*x.shape[: beside[k].ndim - 1], length)
            value = beside[k].reshape(-1)[0]
            beside[k] = np.zeros(shape, beside[k].dtype)
            beside[k][..., padded[0] : length - padded[1]] = value
        return (x, *beside)

    @property
    def masks(self) -> int:
        """How many of the arrays beside are ones, and so may say what is padding."""
        return sum(bool(self.beside[k][0].all()) for k in self.filled)

    def dtypes(self, dtype: str) -> tuple[str, ...]:
        return (dtype, *(d for _, d in self.beside))


def parse_arguments(texts: tuple[str, ...]) -> dict[str, str]:
    """From NAME=VALUE to names and values, a value being "ones", "zeros", JSON, or of one of them "input".

    >>> parse_arguments(("mask=ones", "scale=0.5"))
    {'mask': 'ones', 'scale': '0.5'}
    """
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UndecidedError(
                "bad input", f"arg: expected NAME=ones, NAME=zeros, NAME=JSON or NAME=input, got {text!r}"
            )
        if value == INPUT and INPUT in given.values():
            raise UndecidedError("bad input", f"arg: expected one NAME=input, got another, {text!r}")
        if value not in (*FILLS, INPUT):
            try:
                np.asarray(json.loads(value), float)
            except (ValueError, TypeError, RecursionError) as error:
                raise UndecidedError("bad input", f"arg: expected numbers for {name}, got {value!r}") from error
        given[name] = value
    return given


def parse_init(text: str) -> dict[str, Any] | list[Any] | None:
    """Constructor arguments from JSON, None where there is no text.

    >>> parse_init('{"width": 8}')
    {'width': 8}
    """
    if not text:
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UndecidedError("bad input", f"init: expected JSON, got {text!r}: {error}") from error
    if not isinstance(given, dict | list):
        raise UndecidedError("bad input", f"init: expected a JSON object or array, got {text!r}")
    return given


def of_signature(described: Described, inputs: Inputs, given: dict[str, str]) -> Call:
    """The call that the signature asks for, with what the user gives by name."""
    takes, rest = [p for p in described.takes if p[0] not in given], beside_input(given)
    slots, beside, words = [POSITIONAL], [], []
    named = next((name for name in given if name not in rest), None)
    if named is None and takes and takes[0][1] == "keyword":
        named = takes[0][0]
    if named is not None:
        slots = [("keyword", named)]
        words.append(f"{named} = the input")
    given, masks = rest, dict.fromkeys(masks_unasked(described, given), "ones")
    kinds = {name: kind for name, kind, _ in described.takes}
    for name, value in (masks | given).items():
        slots.append(POSITIONAL if kinds.get(name) == "positional" else ("keyword", name))
        beside.append(filled(value, inputs))
        words.append(f"{name} = {said(value, inputs)}")
    alike = tuple(k for k, value in enumerate((masks | given).values()) if value in FILLS)
    return Call(tuple(slots), tuple(beside), ", ".join(words), inputs.along, alike)


def beside_input(given: dict[str, str]) -> dict[str, str]:
    """What is given beside the input, by name."""
    return {name: value for name, value in given.items() if value != INPUT}


def masks_unasked(described: Described, given: dict[str, str]) -> list[str]:
    """Required parameters that get ones, as they are not the input's and their names contain "mask"."""
    takes = [p for p in described.takes if p[0] not in given]
    others = takes if INPUT in given.values() else takes[1:]
    return [name for name, _, required in others if required and "mask" in name.lower()]


def of_keys(keys: tuple[str, ...], inputs: Inputs, given: dict[str, str]) -> Call | None:
    """The call with a mapping, None where more than one key could be the input's."""
    rest = beside_input(given)
    free = [key for key in given if key not in rest]
    beside = {key: rest.get(key, "ones") for key in keys if key in rest or ("mask" in key.lower() and key not in free)}
    free = free or [key for key in keys if key not in beside]
    if len(free) != 1:
        return None
    slots = [("key", free[0]), *(("key", key) for key in beside)]
    words = ", ".join([f"{free[0]} = the input", *(f"{k} = {said(v, inputs)}" for k, v in beside.items())])
    alike = tuple(k for k, value in enumerate(beside.values()) if value in FILLS)
    arrays = tuple(filled(v, inputs) for v in beside.values())
    return Call(tuple(slots), arrays, f"a mapping with {words}", inputs.along, alike)


def filled(value: str, inputs: Inputs) -> tuple[np.ndarray, str]:
    """An array and its logical dtype: ones and zeros are of shape (batch …, n), integers beside tokens."""
    if value in FILLS:
        dtype = "int64" if inputs.integer else "float64" if inputs.dtype.startswith("complex") else inputs.dtype
        return np.full(beside_shape(inputs), value == "ones", carrier_of(dtype)), dtype
    array = np.asarray(json.loads(value))
    return array, array.dtype.name


def beside_shape(inputs: Inputs) -> tuple[int, ...]:
    """(n) or (batch, n): what of the input's shape a mask has."""
    return (inputs.shape[0], inputs.length) if inputs.along else (inputs.length,)


def said(value: str, inputs: Inputs) -> str:
    return f"{value} of shape {beside_shape(inputs)}" if value in FILLS else value
