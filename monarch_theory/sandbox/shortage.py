"""Whether memory ran short, from facts: the type of what was raised, the system's error number, how the process ended.

Python, NumPy and the libraries of accelerators have a type for it. Torch's allocator on the host raises a bare
RuntimeError, and a failed import an ImportError: there the system's number of the last error that this thread met says
whether an allocation failed. What C++ throws and nobody catches ends the process; its type is told by the exit status.
"""

from __future__ import annotations

import contextlib
import ctypes
import dis
import errno
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["ENDED", "forget_errors", "notice_errors", "ran_short", "tell_by_status"]

ENDED = 119
"""Exit status of a process that ran out of memory where nothing could be raised; code that ends so is undecided."""

TYPES = (("torch", "OutOfMemoryError"), ("cupy.cuda.memory", "OutOfMemoryError"))
"""Modules, where they are loaded, and their type for it."""

BAD_ALLOC, WORD = b"St9bad_alloc", ctypes.sizeof(ctypes.c_void_p)

BARE = (RuntimeError, ImportError)
"""Types that native code raises of a failed allocation, and of much else."""

NUMBER, TOOLS = "__error_number__", (3, 4)
"""Where an error holds the number that was found when it was raised; which monitoring tools are nobody's."""

RAISES = {dis.opmap[name] for name in ("RAISE_VARARGS", "RERAISE")}


def forget_errors() -> None:
    """Before a call: an error number that is found afterwards is of something that failed meanwhile."""
    place = errors()
    if place is not None:
        place()[0] = 0


def notice_errors() -> None:
    """From now on, in Python 3.12 and later, the error number is taken where an error of a bare type is raised."""
    monitoring, place = getattr(sys, "monitoring", None), errors()
    free = [] if monitoring is None else [tool for tool in TOOLS if monitoring.get_tool(tool) is None]
    if place is None or not free:
        return

    def raised(code: Any, offset: int, error: BaseException) -> None:
        if type(error) in BARE:
            error.__dict__.setdefault(NUMBER, place()[0])

    raises = monitoring.events.RAISE  # type: ignore[union-attr]
    monitoring.use_tool_id(free[0], "monarch")  # type: ignore[union-attr]
    monitoring.register_callback(free[0], raises, raised)  # type: ignore[union-attr]
    monitoring.set_events(free[0], raises)  # type: ignore[union-attr]


def ran_short(error: BaseException) -> bool:
    """Whether an allocation failed, asked before anything else is done with the error, since `forget_errors`.

    >>> ran_short(MemoryError()), ran_short(RuntimeError("out of memory"))
    (True, False)
    """
    place = errors()
    number = place()[0] if place is not None else 0
    if isinstance(error, (MemoryError, *types())) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    native = type(error) in BARE and not raised_in_python(error)
    return native and error.__dict__.get(NUMBER, number) == errno.ENOMEM


def types() -> Any:
    """The types that loaded libraries have for it, as `isinstance` takes them."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in TYPES)
    return tuple(kind for kind in found if isinstance(kind, type))


def raised_in_python(error: BaseException) -> bool:
    """Whether a `raise` statement raised it, and not a call into native code."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is None or place.tb_frame.f_code.co_code[place.tb_lasti] in RAISES


@functools.cache
def errors() -> Callable[[], Any] | None:
    """What gives the place of this thread's error number, where the system's library has such a function."""
    for name in ("__errno_location", "__error"):  # of glibc and musl, and of Darwin
        with contextlib.suppress(AttributeError, OSError):
            place = getattr(ctypes.CDLL(None), name)
            place.restype = ctypes.POINTER(ctypes.c_int)
            found: Callable[[], Any] = place
            return found
    return None


def tell_by_status() -> None:
    """From now on a `std::bad_alloc` that nobody catches ends the process with the status `ENDED`, not by a signal."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # another library of C++: a crash remains a crash
        library = ctypes.CDLL("libstdc++.so.6")
        thrown, install = library["__cxa_current_exception_type"], library["_ZSt13set_terminatePFvvE"]
        thrown.restype, install.restype, install.argtypes = ctypes.c_void_p, ctypes.c_void_p, [ctypes.c_void_p]

        def end() -> None:
            kind = thrown()
            # a std::type_info is its table of functions and the mangled name of the type
            if kind and ctypes.string_at(ctypes.c_void_p.from_address(kind + WORD).value or 0) == BAD_ALLOC:
                os._exit(ENDED)
            if before:
                ctypes.CFUNCTYPE(None)(before)()

        KEPT.append(ctypes.CFUNCTYPE(None)(end))
        before = install(ctypes.cast(KEPT[-1], ctypes.c_void_p))


KEPT: list[Any] = []
"""What native code may call, for as long as the process lives."""
