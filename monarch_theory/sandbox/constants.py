"""What user code names that inputs may have: in its own functions, in what they hold, and in its objects.

A branch on a number, `x == 0.5` or `token == 3217`, shows only to inputs that have it. No law of random numbers draws
it, but the code says it: those are to be tried (a dictionary, in the words of fuzzing). So are NaN and infinities where
it asks for them.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
import sysconfig
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from math import isfinite
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from monarch_theory.sandbox.bridge import torch_or_none

__all__ = ["asks_for_nan", "numbers_named"]

MOST = 32
"""No more numbers than these are told of a model, and of a container no more items are looked at."""

NUMBERS = int | float | np.integer | np.floating

OF_NAN = frozenset({
    "isnan", "isinf", "isfinite", "isposinf", "isneginf", "nan_to_num", "nan_to_num_", "nansum", "nanmean",
    "nanmedian", "nanquantile", "nanpercentile", "nanmax", "nanmin", "nanstd", "nanvar", "nancumsum",
    "nanargmax", "nanargmin", "fmax", "fmin", "equal_nan", "masked_invalid",
})  # fmt: skip
"""Names of functions whose results are other where there are NaN or infinities."""

FURTHEST = 4096
"""So many values are looked at, those nearest to the callable first."""


def numbers_named(model: Any) -> tuple[float, ...]:
    """Those that the code and the objects of a callable name, the nearest first, but for 0 and ±1.

    >>> pad = 0.25
    >>> numbers_named(lambda x: x + (x == pad) + 3.5)
    (0.25, 3.5)
    """
    found: dict[float, None] = {}
    for value in reached(model):
        if isinstance(value, NUMBERS):
            found |= dict.fromkeys(as_float(value))
            if len(found) >= MOST:
                break
    return tuple(found)[:MOST]


def asks_for_nan(model: Any) -> bool:
    """Whether the code of a callable names a function that tells NaN or infinities from other numbers.

    >>> asks_for_nan(lambda x: np.where(np.isnan(x), 0, x)), asks_for_nan(np.cumsum)
    (True, False)
    """
    return any(isinstance(value, CodeType) and not OF_NAN.isdisjoint(value.co_names) for value in reached(model))


def reached(model: Any) -> Iterator[Any]:
    """The numbers, code and objects that a callable names or holds, the nearest first."""
    waiting, seen = deque([model]), {id(model)}
    while waiting and len(seen) < FURTHEST:
        with suppress(Exception):  # whatever the attributes of user code raise: a look at them must not cost a verdict
            for value in inside(waiting.popleft()):
                if isinstance(value, NUMBERS):
                    yield value
                elif id(value) not in seen and not isinstance(value, ModuleType | str | bytes | None):
                    seen.add(id(value))
                    waiting.append(value)
                    yield value


def as_float(value: Any) -> Iterator[float]:
    """A number, where it is one to be tried."""
    with suppress(OverflowError):
        if isfinite(value) and not isinstance(value, bool) and float(value) not in (0.0, 1.0, -1.0):
            yield float(value)


def inside(value: Any) -> Iterator[Any]:
    """What is to be looked at of a value: the constants of code, what it names, and the attributes of objects."""
    torch = torch_or_none()
    if isinstance(value, CodeType):
        yield from value.co_consts
        if "LOAD_SMALL_INT" in dis.opmap:  # small integers are operands, and no constants, since Python 3.14
            yield from (step.argval for step in dis.get_instructions(value) if step.opname == "LOAD_SMALL_INT")
    elif isinstance(value, MethodType):
        yield value.__func__
        yield value.__self__
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, FunctionType):
        if not of_library(value.__code__.co_filename):
            yield from of_function(value)
    elif isinstance(value, tuple | list | set | frozenset):
        yield from tuple(value)[:MOST]
    elif isinstance(value, dict):
        yield from list(value.values())[:MOST]
    elif isinstance(value, type):
        for kind in value.__mro__:
            if not is_library(kind):
                yield from of_class(kind)
    elif torch is not None and isinstance(value, torch.nn.Module):
        for module in value.modules():
            if not is_library(type(module)):
                yield type(module)
                yield from (held for held in vars(module).values() if isinstance(held, FunctionType | int | float))
    elif hasattr(value, "__dict__") and not is_library(type(value)):
        yield type(value)
        yield vars(value)


def of_class(kind: type) -> Iterator[Any]:
    """Its methods, but for the one that makes an object and is not run again, and the numbers it holds.

    Not those that Python gives a class, as the line it begins at, since Python 3.13: they would crowd out its own.
    """
    for name, held in vars(kind).items():
        special = name.startswith("__") and name.endswith("__")
        if (isinstance(held, FunctionType) and name != "__init__") or (isinstance(held, int | float) and not special):
            yield held


def of_function(function: FunctionType) -> Iterator[Any]:
    """Its code, and what that names or closes over."""
    yield function.__code__
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet filled
            continue
    yield from (function.__globals__[n] for n in names_in(function.__code__) if n in function.__globals__)


def names_in(code: CodeType) -> Iterator[str]:
    """The global names of a code object and of those within it."""
    yield from code.co_names
    for inner in code.co_consts:
        if inspect.iscode(inner):
            yield from names_in(inner)


def is_library(kind: type) -> bool:
    """Whether a class is of something installed, or Python's own."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return kind.__module__.partition(".")[0] in sys.stdlib_module_names or (file is not None and of_library(file))


def of_library(file: str) -> bool:
    """Whether a file is installed, or Python's own."""
    installed = any(part in ("site-packages", "dist-packages") for part in file.replace("\\", "/").split("/"))
    return installed or file.startswith((*homes(), "<frozen"))


@functools.cache
def homes() -> tuple[str, ...]:
    """The folders of Python's own files, which take longer to find than all else that is asked of a value."""
    return tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib"))
