"""The front door: from a command line to an exit code. 0 says yes, 1 says no, 2 says that nothing was decided.

Only the subcommand that is asked for is imported. Whatever goes wrong is one line on standard error and exit code 2:
Python's own status for a crash is 1, which here would say "no". With `--json` the same is said in one JSON object on
standard output; `--traceback` shows where a crash of this package happened.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import metadata
from typing import Any, TextIO

import typer

from monarch_theory.command.rooms import Room, rooms

__all__ = ["app_for", "run"]

DISTRIBUTION = "monarch-mixer-toolkit"
COMPLETION = "_MONARCH_COMPLETE"
"""Set by the shell when it asks what may come next."""

UNDECIDED, STOPPED = 2, 130


def run(arguments: list[str]) -> int:
    """Run one command line.

    Args:
        arguments: as in `sys.argv[1:]`.

    Returns:
        The exit code: that of the answer, 2 where there is none, 130 where the user stopped it.
    """
    where = "--traceback" in arguments
    arguments = [a for a in arguments if a != "--traceback"]
    name = f"monarch {arguments[0]}" if arguments and not arguments[0].startswith("-") else "monarch"
    with redirect_stdout(Patient(sys.stdout)):
        try:
            app = app_for(arguments)
            if COMPLETION in os.environ:
                app()
            command = typer.main.get_command(app)
            with command.make_context("monarch", list(arguments)) as context:
                command.invoke(context)
            return 0
        except typer.Exit as ended:
            return ended.exit_code
        except SystemExit as ended:
            return 0 if ended.code in (0, None) else UNDECIDED
        except KeyboardInterrupt as stop:
            return told(name, "stopped", str(stop) or "stopped", arguments, STOPPED)
        except BrokenPipeError:
            return UNDECIDED
        except Exception as error:
            if where and not hasattr(error, "format_message"):
                traceback.print_exc()
            return told(name, *why(error, where), arguments)


def why(error: Exception, shown: bool) -> tuple[str, str]:
    """The outcome that an exception is, and what to say of it; `shown`: its traceback has been printed."""
    message = getattr(error, "format_message", None)  # an error of click, whichever copy of click raised it
    if message is not None:
        return "bad input", message()
    if isinstance(error, ModuleNotFoundError):
        return "not installed", missing(error)
    hint = "" if shown else "; --traceback shows where"
    return "crash", f"a fault of monarch, not an answer: {type(error).__name__}: {error}{hint}"


class Patient:
    """Standard output whose reader may leave early: what is written after that goes nowhere, and raises nothing."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        return self._patiently(lambda: self.stream.write(text), len(text))

    def flush(self) -> None:
        self._patiently(self.stream.flush, None)

    def _patiently(self, act: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return act()
        except BrokenPipeError:
            # the interpreter flushes once more as it ends, and would complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
            return otherwise


def app_for(arguments: list[str]) -> typer.Typer:
    """The command line's parser: the subcommand it names is imported, of the others only the help is read."""
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    completing = COMPLETION in os.environ
    app = typer.Typer(
        name="monarch",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(front)
    for room in rooms():
        if completing or room.name == wanted:
            app.command(room.name)(room.load())
            continue
        try:
            app.command(room.name, help=room.help)(lambda: None)
        except ImportError as error:
            broken(room, error)
    return app


def show_version(wanted: bool) -> None:
    """Print the version and end, where it was asked for."""
    if wanted:
        print(f"monarch {own_version()}")
        raise typer.Exit(0)


def front(
    version: bool = typer.Option(
        False, "--version", "-V", help="Print the version and exit.", is_eager=True, callback=show_version
    ),
) -> None:
    """Is an operator causal? Is a matrix Monarch? Is a kernel right?

    Exit codes: 0 yes, 1 no, 2 could not decide or could not run. With --traceback a crash shows where it happened.
    """


def own_version() -> str:
    """The version of the installed distribution."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown: the package is not installed"


def broken(room: Room, error: ImportError) -> None:
    """A subcommand that cannot be read is left out, aloud; the others serve."""
    print(f"monarch: warning: the command {room.name} of {room.module} is left out: {error}", file=sys.stderr)


def missing(error: ModuleNotFoundError) -> str:
    """Which package is not installed, and the extra that brings it.

    >>> missing(ModuleNotFoundError(name="distributed.client"))
    "distributed: expected it installed; pip install 'monarch-mixer-toolkit[dask]'"
    """
    package = (error.name or "a module").split(".")[0]
    try:
        needed = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        needed = []
    extras = [r.partition("extra ==")[2].strip(" '\"") for r in needed if r.startswith(package) and "extra ==" in r]
    wanted = f"'{DISTRIBUTION}[{extras[0]}]'" if extras else package
    return f"{package}: expected it installed; pip install {wanted}"


def told(name: str, outcome: str, reason: str, arguments: list[str], code: int = UNDECIDED) -> int:
    """Say why there is no answer, for people and, where they asked for it, for machines; the exit code comes back."""
    reason = " ".join(reason.split())
    if reason:  # a command line without arguments has been given the help instead
        print(f"{name}: {reason}", file=sys.stderr)
    if "--json" in arguments:
        answer = {"verdict": "undecided", "evidence": "none", "outcome": outcome, "reason": reason, "exit_code": code}
        print(json.dumps(answer, ensure_ascii=False))
    return code
