"""Which theorems the bounds of an op rest on: those named by what a bound calls, seen while it is computed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib import import_module
from inspect import getmembers, isclass, isfunction, unwrap
from math import prod
from pkgutil import iter_modules
from types import CodeType, FrameType
from typing import Any

from monarch_theory import rounding
from monarch_theory.rounding import default_model, functions
from monarch_theory.testing.cases import make_case
from monarch_theory.testing.op import Op
from monarch_theory.testing.sizes import selected_shapes

__all__ = ["Grounds", "grounds_of"]

LARGEST = 2048
"""Entries of all arguments of the case that a bound is computed for, at most."""


@dataclass(frozen=True)
class Grounds:
    """What the bounds of one op rest on.

    Attributes:
        theorems: folders of `proofs`.
        derived: bounds of functions, such as a softmax, that are derived in their docstrings and measured, not proved.
    """

    theorems: tuple[str, ...]
    derived: tuple[str, ...]


def grounds_of(op: Op, dtype: str = "float32") -> Grounds:
    """The theorems that bound and bound in norm rest on, with worst cases: of bounds in probability less is proved.

    >>> from monarch_theory.testing.ops import op_named
    >>> grounds_of(op_named("monarch-multiply"))
    Grounds(theorems=('ieee_formats', 'rounding'), derived=())
    """
    model = default_model(dtype).deterministic()
    shape = max(
        selected_shapes(op, most_entries=LARGEST), key=lambda shape: sum(map(prod, op.arguments(shape).values()))
    )
    case = make_case(op, dtype, shape, "normal", "contiguous", (0, 0))
    arrays, shape = case.values, case.shape
    called: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            called.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        op.bounds(arrays, shape, model)
        op.norm_bounds(arrays, shape, model)
    finally:
        sys.setprofile(before)
    used = [text for code, text in _documented(rounding).items() if code in called]
    theorems = {name for text in used for name in re.findall(r"`proofs/(\w+)`", text)}
    derived = {f.__name__ for _, f in getmembers(functions, isfunction) if f.__code__ in called and _is_derived(f)}
    return Grounds(tuple(sorted(theorems)), tuple(sorted(derived)))


def _is_derived(function: Any) -> bool:
    """Of the functions in `rounding.functions`, not what these import, and without a theorem of their own."""
    return function.__name__ in functions.__all__ and "`proofs/" not in (function.__doc__ or "")


def _documented(package: Any) -> dict[CodeType, str]:
    """The docstring of every function and method of a package, by its code."""
    found = {}
    for entry in iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{entry.name}")
        owners = [module, *(value for _, value in getmembers(module, isclass) if value.__module__ == module.__name__)]
        for owner in owners:
            for _, value in getmembers(owner, lambda v: isfunction(v) or isinstance(v, property)):
                function = value.fget if isinstance(value, property) else value
                if isfunction(function):
                    inner = unwrap(function)
                    found[inner.__code__] = inner.__doc__ or ""
    return found
