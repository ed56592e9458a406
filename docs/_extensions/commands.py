"""The page of the command line, written from the commands themselves: questions, options, exit codes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from generated import write_pages
from sphinx.application import Sphinx

from monarch_theory.command.door import front
from monarch_theory.command.ranges import range_of
from monarch_theory.command.rooms import Room, rooms
from monarch_theory.command.schema import COMMON, FIELDS, LISTINGS, REFUSAL, Field, json_schema

HEADER = """# Commands

`monarch COMMAND --help` says the same at the terminal. Everywhere, exit code 0 is yes, 1 is no, and 2 says that nothing
was decided. Numbers out of the range of their option are refused before anything runs.
"""

WORDS = {int: "INTEGER", float: "NUMBER", Path: "PATH"}


def parameters(room: Room) -> list[Any]:
    """Arguments and options of a command, as Click has them; help is left out."""
    app = typer.Typer()
    app.callback()(front)
    app.command(room.name)(room.load())
    command = typer.main.get_command(app).commands[room.name]  # type: ignore[attr-defined]
    return [parameter for parameter in command.params if parameter.name != "help"]


def spelled(parameter: Any, kind: Any) -> str:
    """How it is written on the command line; `kind` is the type of the function's own argument."""
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name.upper()).strip("[].")
        return f"`{name}{' …' if parameter.nargs == -1 else ''}`"
    if parameter.secondary_opts:
        return f"`{parameter.opts[0]}` or `{parameter.secondary_opts[0]}`"
    value = "" if parameter.is_flag else f" {parameter.metavar or word(kind)}"
    return ", ".join(f"`{name}{value}`" for name in parameter.opts)


def word(kind: Any) -> str:
    """A type as the word for a value of it.

    >>> word(int | None), word(list[str]), word(Path)
    ('INTEGER', 'TEXT', 'PATH')
    """
    inner = [each for each in get_args(kind) if each is not type(None)]
    return word(inner[0]) if inner else WORDS.get(kind, "TEXT")


def default(parameter: Any) -> str:
    """What holds where it is not given, or nothing."""
    value = parameter.default
    if value in (None, False, (), "") or callable(value) or parameter.required:
        return ""
    return f"`{value}`"


def cell(text: str) -> str:
    """The text in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def section(room: Room) -> Iterator[str]:
    """One command: the question, then a table of its arguments and options."""
    yield f"## monarch {room.name}\n"
    yield f"{cleandoc(room.help)}\n"
    given = parameters(room)
    if given:
        yield "| argument or option | default | meaning |\n|---|---|---|"
        kinds = get_type_hints(room.load())
        for parameter in given:
            meaning = f"{parameter.help or ''} {numbers(parameter.name, kinds[parameter.name])}"
            row = spelled(parameter, kinds[parameter.name]), default(parameter), meaning
            yield f"| {' | '.join(map(cell, row))} |"
    if room.name in FIELDS:
        yield f"\nWith `--json`, beside [what every command says](#json) ([schema]({room.name}.schema.json)):\n"
        yield from table((*FIELDS[room.name], *(replace(f, always=False) for f in LISTINGS.get(room.name, ()))))
    yield ""


def numbers(option: str, kind: Any) -> str:
    """The range of a number, in brackets."""
    if word(kind) not in ("INTEGER", "NUMBER"):
        return ""
    low, high = range_of(option)
    return f"({low:,} to {high:,})"


def table(fields: tuple[Field, ...]) -> Iterator[str]:
    """What may be in an object: key, type, meaning."""
    yield "| key | type | meaning |\n|---|---|---|"
    for field in fields:
        named = f"`{field.name}`" if field.always else f"`{field.name}`, not always"
        yield f"| {named} | {field.kind.replace(', ', ' or ')} | {cell(field.meaning)} |"


def json_section() -> Iterator[str]:
    """What `--json` prints, whatever the command."""
    yield "(json)=\n## JSON\n\nWith `--json` a command prints one object on one line of standard output, always with:\n"
    yield from table(COMMON)
    yield "\nA number that JSON has no word for, like infinity, is a string. What could not run says so like this:\n"
    yield from table(REFUSAL[len(COMMON) :])
    yield ""


def page() -> str:
    """The whole page, in MyST."""
    return "\n".join([HEADER, *json_section(), *(line for room in rooms() for line in section(room))])


def write_commands(app: Sphinx) -> None:
    schemas = {f"{name}.schema.json": json.dumps(json_schema(name), indent=1) for name in FIELDS}
    write_pages(Path(app.srcdir) / "reference" / "commands", {"index.md": page(), **schemas})


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_commands, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
