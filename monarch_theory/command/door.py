"""The front door: from a command line to an exit code. 0 says yes, 1 says no, 2 says that nothing was decided.

Only the subcommand that is asked for is imported. Whatever goes wrong is one line on standard error and exit code 2:
Python's own status for a crash is 1, which here would say "no". With `--json` the same is said in one JSON object on
standard output; `--traceback` shows where a crash of this package happened.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import typer

from monarch_theory.command import wants_json
from monarch_theory.command.answer import NOTHING, Answer
from monarch_theory.command.harmless import harmless
from monarch_theory.command.inputs import check_input
from monarch_theory.command.ranges import check_number
from monarch_theory.command.rooms import ROOMS, Room, rooms
from monarch_theory.command.streams import Forgiving, Patient, UnwrittenError
from monarch_theory.extras import DISTRIBUTION, advice, named

__all__ = ["app_for", "run"]

COMPLETION = "_MONARCH_COMPLETE"
"""Set by the shell when it asks what may come next."""

UNDECIDED, STOPPED, TERMINATED = 2, 130, 143

NO_ROOM = {errno.EAGAIN, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
"""Of which the machine has no more: disk, processes, files that are open."""


def run(arguments: list[str]) -> int:
    """Run one command line.

    Args:
        arguments: as in `sys.argv[1:]`.

    Returns:
        The exit code: that of the answer, 2 where there is none, 130 where the user stopped it, 143 after SIGTERM.
    """
    where = "--traceback" in arguments
    arguments = [a for a in arguments if a != "--traceback"]
    name = f"monarch {arguments[0]}" if arguments and not arguments[0].startswith("-") else "monarch"
    out = Patient(sys.stdout, arguments)
    with redirect_stdout(out), redirect_stderr(Forgiving(sys.stderr)):
        try:
            code = answered(name, arguments, where, out)
            out.flush()
            return code
        except UnwrittenError as error:
            print(f"{name}: standard output: expected room for the answer, got {error}", file=sys.stderr, flush=True)
            return UNDECIDED


def answered(name: str, arguments: list[str], where: bool, out: Patient) -> int:
    """The exit code of one command line; `where`: a crash shows where it happened.

    Raises:
        UnwrittenError: standard output did not take the answer.
    """
    try:
        app = app_for(arguments)
        if COMPLETION in os.environ:
            app()
        command = typer.main.get_command(app)
        hold_values(command)
        with command.make_context("monarch", list(arguments)) as context:
            command.invoke(context)
        return 0
    except typer.Exit as ended:
        if ended.exit_code and not out.spoke:  # a machine that asked is told, too
            return told(name, "no answer", "", arguments, ended.exit_code)
        return ended.exit_code
    except SystemExit as ended:
        return 0 if ended.code in (0, None) else UNDECIDED
    except Terminated:
        return told(name, "stopped", "stopped by SIGTERM", arguments, TERMINATED)
    except KeyboardInterrupt as stop:
        return told(name, "stopped", str(stop) or "stopped", arguments, STOPPED)
    except BrokenPipeError:
        return UNDECIDED
    except UnwrittenError:
        raise
    except Exception as error:
        if where and not hasattr(error, "format_message"):
            traceback.print_exc()
        return told(name, *why(error, where), arguments)


def why(error: Exception, shown: bool) -> tuple[str, str]:
    """The outcome that an exception is, and what to say of it; `shown`: its traceback has been printed."""
    message = getattr(error, "format_message", None)  # an error of click, whichever copy of click raised it
    if message is not None:
        named = getattr(error, "param", None) or getattr(error, "param_hint", None)
        return "bad input", message() if named or not isinstance(error, typer.BadParameter) else error.message
    if isinstance(error, MemoryError):
        return "out of memory", f"memory: expected enough for what was asked, got none left {error}"
    if isinstance(error, ModuleNotFoundError):
        return "not installed", missing(error)
    if isinstance(error, OSError) and (refused := of_the_system(error)) is not None:
        return refused
    hint = "" if shown else "; --traceback shows where"
    return "crash", f"a fault of monarch, not an answer: {type(error).__name__}: {error}{hint}"


def of_the_system(error: OSError) -> tuple[str, str] | None:
    """The outcome and what to say where the system refused a file of the user's, or had no room; None where it is ours.

    >>> of_the_system(OSError(36, "File name too long", "weights"))
    ('bad input', 'weights: expected a file that can be used, got File name too long')
    """
    if isinstance(error.filename, str | bytes):
        file = Path(os.fsdecode(error.filename))
        ours = file.is_absolute() and file.is_relative_to(Path(__file__).parents[1])
        return None if ours else ("bad input", f"{file}: expected a file that can be used, got {error.strerror}")
    if error.errno in NO_ROOM:
        return "no room", f"the system: expected room for what was asked, got {error.strerror}"
    return None


class Terminated(KeyboardInterrupt):
    """SIGTERM: children end with us, and the exit code says why."""


def on_terminate(number: int, frame: Any) -> NoReturn:
    """What SIGTERM does, from the moment the door stands."""
    raise Terminated


def hold_values(command: Any) -> None:
    """Have every number and every file on the command line looked at, before the command runs.

    As `ranges` and `inputs` say.
    """

    def checked(parameter: Any) -> Callable[..., Any]:
        before = parameter.callback

        def check(context: Any, given: Any, value: Any) -> Any:
            check_number(given.name, value)
            if isinstance(value, str | Path):  # older versions of typer make a path of it later
                check_input(context.info_name, given.name, Path(value))
            return value if before is None else before(context, given, value)

        return check

    for each in command.commands.values():
        for parameter in each.params:
            parameter.callback = checked(parameter)


def app_for(arguments: list[str]) -> typer.Typer:
    """The command line's parser: the subcommand it begins with, alone; where it begins with none, the help of all."""
    completing = COMPLETION in os.environ
    wanted = None if completing else room_named(arguments[0] if arguments else "")
    app = typer.Typer(
        name="monarch",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(front)
    for room in (wanted,) if wanted else rooms():
        if completing or wanted:
            app.command(room.name)(room.load())
            continue
        try:
            app.command(room.name, help=room.help)(lambda: None)
        except ImportError as error:
            broken(room, error)
    return app


def room_named(name: str) -> Room | None:
    """The subcommand of that name, if there is one; what others declare is looked up where this package has none."""
    own = (room for room in ROOMS if room.name == name)
    return next(own, None) or next((room for room in rooms() if room.name == name and room not in ROOMS), None)


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
    return f"{named(error.name)}: expected it installed; {advice(error.name)}"


def told(name: str, outcome: str, reason: str, arguments: list[str], code: int = UNDECIDED) -> int:
    """Say why there is no answer, for people and, where they asked for it, for machines; the exit code comes back."""
    reason = " ".join(reason.split())
    if reason:  # a command line without arguments has been given the help instead
        print(harmless(f"{name}: {reason}"), file=sys.stderr)
    if wants_json(arguments):
        facts = {"outcome": outcome, "reason": reason or "see standard error"}
        print(Answer("no" if code == 1 else "undecided", "none", NOTHING, code, facts).text())
    return code
