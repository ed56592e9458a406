"""The loop of a child process: take a request, run what it asks of user code, answer with what came of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from monarch_theory.sandbox import wire
from monarch_theory.sandbox.loading import quoted
from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.shortage import ENDED, forget_errors, notice_errors, ran_short, tell_by_status

__all__ = ["Answer", "Serves", "UserCodeError", "serve", "user_code"]

Answer = tuple[dict[str, Any], tuple[np.ndarray, ...]]

PACKAGE = Path(__file__).parents[1]


class Serves(Protocol):
    """Holds user code between requests, with a method for each thing a request may ask to `do`; `path` is its file."""

    path: str


def serve(server: Serves, what: str, arguments: list[str] | None = None) -> None:
    """Answer requests until there are no more; `what` is what messages call the user's code.

    Arguments, those of the process where none are given: the descriptor to read requests from, the one to answer on,
    the memory limit in GiB (0: none).
    """
    first, second, third = sys.argv[1:4] if arguments is None else arguments
    incoming, outgoing, gibibytes = int(first), int(second), float(third)
    sys.argv = [what.split()[-1]]
    for descriptor in (incoming, outgoing):
        os.set_inheritable(descriptor, False)
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if gibibytes:
        limit_memory(gibibytes)
    tell_by_status()
    notice_errors()
    requests, own = os.fdopen(incoming, "rb"), os.getpid()
    # bound before user code runs, which could otherwise put methods of its own in place of the server's
    actions = {name: getattr(server, name) for name in dir(server) if not name.startswith("_")}

    def read(size: int) -> bytes:
        data = requests.read(size)
        if len(data) < size:
            os._exit(0)
        return data

    while True:
        try:
            header, arrays = wire.receive(read)
        except MemoryError:
            os._exit(ENDED)
        reply = answer(server, actions, what, header, arrays)
        if os.getpid() != own:
            os._exit(0)  # user code forked, and this is the copy
        if "ticket" in header:
            reply[0]["ticket"] = header["ticket"]
        view = memoryview(encoded(reply))
        while view:
            view = view[os.write(outgoing, view) :]


def answer(
    server: Serves, actions: dict[str, Any], what: str, header: dict[str, Any], arrays: tuple[np.ndarray, ...]
) -> Answer:
    """What was asked, or the outcome of what went wrong."""
    forget_errors()
    try:
        return actions[header["do"]](header, arrays)
    except UserCodeError as error:
        return {"outcome": error.outcome.name, "message": error.message, "types": types_of(error.error)}, ()
    except SandboxError as error:
        if passed_through_user_code(error):
            return {"outcome": "EXCEPTION", "message": quoted(error, server.path), "types": types_of(error)}, ()
        return {"outcome": error.outcome.name, "message": error.message}, ()
    except BaseException as error:
        outcome, message = ending(error, what, server.path)
        return {"outcome": outcome.name, "message": message, "types": types_of(error)}, ()


def types_of(error: BaseException) -> list[str]:
    """Names of the classes of what was raised, its own first: the fact that decisions rest on, not its words."""
    return [kind.__name__ for kind in type(error).__mro__]


class UserCodeError(Exception):
    """User code raised.

    Attributes:
        outcome: EXCEPTION, EXIT or OUT_OF_MEMORY, whatever was raised.
        error: what was raised; its type is a fact, its words are for people.
    """

    def __init__(self, outcome: Outcome, message: str, error: BaseException):
        super().__init__(message)
        self.outcome, self.message, self.error = outcome, message, error


@contextlib.contextmanager
def user_code(what: str, path: str) -> Iterator[None]:
    """Around exactly the calls into user code: whatever it raises, an error of this package too, is its exception.

    Raises:
        UserCodeError: user code raised anything.
    """
    forget_errors()
    try:
        yield
    except BaseException as error:
        raise UserCodeError(*ending(error, what, path), error) from None


def ending(error: BaseException, what: str, path: str) -> tuple[Outcome, str]:
    """The outcome that something raised amounts to, and a line about it."""
    short = ran_short(error)
    if isinstance(error, SystemExit):
        return Outcome.EXIT, f"{what} called sys.exit: {quoted(error, path)}"
    return Outcome.OUT_OF_MEMORY if short else Outcome.EXCEPTION, quoted(error, path)


def passed_through_user_code(error: BaseException) -> bool:
    """Whether a frame that is not this package's lies between here and where the error was raised."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(not frame.f_code.co_filename.startswith(f"{PACKAGE}{os.sep}") for frame, _ in frames)


def encoded(reply: Answer) -> bytes:
    """The message, or that there was no memory left to write it."""
    try:
        return wire.encode(*reply)
    except MemoryError:
        return wire.encode({"outcome": "OUT_OF_MEMORY", "message": "no memory left to return the output"})


def die_with_parent() -> None:
    """Linux: this process is not to outlive the one that started it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def limit_memory(gibibytes: float) -> None:
    """Private writable memory: file mappings, of which torch makes many, do not count."""
    size = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
