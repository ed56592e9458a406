"""The loop of a child process: take a request, run what it asks of user code, answer with what came of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Any, Protocol

import numpy as np

from monarch_theory.sandbox import wire
from monarch_theory.sandbox.loading import quoted
from monarch_theory.sandbox.outcome import SandboxError

__all__ = ["Answer", "Serves", "serve"]

Answer = tuple[dict[str, Any], tuple[np.ndarray, ...]]


class Serves(Protocol):
    """Holds user code between requests, with a method for each thing a request may ask to `do`; `path` is its file."""

    path: str


def serve(server: Serves, what: str) -> None:
    """Answer requests until there are no more; `what` is what messages call the user's code.

    Arguments of the process: the descriptor to read requests from, the one to answer on, the memory limit in GiB (0:
    none).
    """
    incoming, outgoing, gibibytes = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sys.argv = [what.split()[-1]]
    for descriptor in (incoming, outgoing):
        os.set_inheritable(descriptor, False)
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if gibibytes:
        limit_memory(gibibytes)
    requests, own = os.fdopen(incoming, "rb"), os.getpid()

    def read(size: int) -> bytes:
        data = requests.read(size)
        if len(data) < size:
            os._exit(0)
        return data

    while True:
        reply = answer(server, what, *wire.receive(read))
        if os.getpid() != own:
            os._exit(0)  # user code forked, and this is the copy
        view = memoryview(encoded(reply))
        while view:
            view = view[os.write(outgoing, view) :]


def answer(server: Serves, what: str, header: dict[str, Any], arrays: tuple[np.ndarray, ...]) -> Answer:
    """What was asked, or the outcome of what went wrong."""
    try:
        return getattr(server, header["do"])(header, arrays)  # type: ignore[no-any-return]
    except SandboxError as error:
        return {"outcome": error.outcome.name, "message": error.message}, ()
    except SystemExit as error:
        return {"outcome": "EXIT", "message": f"{what} called sys.exit({error.code!r})"}, ()
    except BaseException as error:
        outcome = "OUT_OF_MEMORY" if is_out_of_memory(error) else "EXCEPTION"
        types = [kind.__name__ for kind in type(error).__mro__]
        return {"outcome": outcome, "message": quoted(error, server.path), "types": types}, ()


def encoded(reply: Answer) -> bytes:
    """The message, or that there was no memory left to write it."""
    try:
        return wire.encode(*reply)
    except MemoryError:
        return wire.encode({"outcome": "OUT_OF_MEMORY", "message": "no memory left to return the output"})


def is_out_of_memory(error: BaseException) -> bool:
    """Python's, NumPy's and torch's ways of saying that an allocation failed."""
    words = ("can't allocate memory", "bad_alloc", "out of memory", "Cannot allocate memory", "bad allocation")
    return isinstance(error, MemoryError) or any(w in str(error) for w in words)


def die_with_parent() -> None:
    """Linux: this process is not to outlive the one that started it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def limit_memory(gibibytes: float) -> None:
    """Private writable memory: file mappings, of which torch makes many, do not count."""
    size = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
