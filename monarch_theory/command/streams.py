"""Standard streams that no answer depends on: one may be closed, full, or read by somebody who leaves early."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from monarch_theory.command.harmless import encodable, harmless, one_line

__all__ = ["Forgiving", "Patient", "UnwrittenError", "open_all"]


class UnwrittenError(Exception):
    """Standard output did not take what was written, and not because its reader had left."""


def open_all() -> None:
    """Open on nothing what is closed of the three, lest the next file or pipe take its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            onto_nothing(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  for as long as the process lives


def onto_nothing(number: int) -> None:
    """From now on, what is written to the descriptor is lost, and there is nothing to read from it."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)


def is_there(name: str) -> bool:
    """Whether it is the name of a file, and no other text, such as one to go on from; or FILE:NAME."""
    try:
        return os.path.exists(name) or os.path.exists(name.rpartition(":")[0])
    except ValueError:  # a zero in it
        return False


class Forgiving:
    """Standard error that never fails: what it cannot take is lost, and no answer with it."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        self._act(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._act(self.stream.flush)

    def _act(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except OSError:
            onto_nothing(self.stream.fileno())  # the interpreter flushes once more as it ends, and would complain


class Patient(Forgiving):
    """Standard output: a reader may leave early, an encoding may lack a character, a name hide codes.

    What is written after the reader left goes nowhere. What a terminal would obey or an encoding cannot hold is spelled
    out, and so are line breaks in the names of files among the arguments. So a verdict is printed whatever it quotes,
    and what it quotes is no verdict.

    Raises (on writing): UnwrittenError, where it can take no more, as on a full disk.
    """

    def __init__(self, stream: TextIO, arguments: Iterable[str] = ()):
        super().__init__(stream)
        self.spoke = False
        given = [each.partition("=")[2] if each.startswith("--") else each for each in arguments]
        self.broken = [name for each in given for name in (each, each.rpartition(":")[0]) if "\n" in name]

    def write(self, text: str) -> int:
        self.spoke, length = True, len(text)
        for name in filter(is_there, self.broken):
            text = text.replace(name, one_line(name))
        coloured = self.stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
        super().write(encodable(harmless(text, coloured=coloured), getattr(self.stream, "encoding", None)))
        return length

    def _act(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except OSError as error:
            onto_nothing(self.stream.fileno())
            if not isinstance(error, BrokenPipeError):
                raise UnwrittenError(error.strerror) from error
