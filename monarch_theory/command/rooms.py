"""Which subcommands there are: a file of this folder each, and what other packages declare; found without importing."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["ROOMS", "Room", "rooms"]

GROUP = "monarch.commands"
"""Entry points by which a package adds a subcommand; the value is `module:function`."""


@dataclass(frozen=True)
class Room:
    """A subcommand: the function `attribute` of `module`, whose docstring is its help."""

    name: str
    module: str
    attribute: str

    def load(self) -> Callable[..., Any]:
        """The function itself, which imports its module."""
        function: Callable[..., Any] = getattr(import_module(self.module), self.attribute)
        return function

    @cached_property
    def help(self) -> str:
        """Its docstring, read from the source.

        Raises:
            ImportError: there is no such module, or no such function in it.
        """
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            raise ImportError(f"no module {self.module}", name=self.module)
        try:
            tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError) as error:
            raise ImportError(f"{spec.origin} cannot be read: {error}", name=self.module) from error
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == self.attribute:
                return ast.get_docstring(node) or ""
        raise ImportError(f"{self.module} defines no function {self.attribute}", name=self.module)


ROOMS = tuple(
    Room(name.replace("_", "-"), f"{__package__}.{name}", name)
    for name in (
        "causal", "recheck", "express", "choose", "atlas", "check", "check_op", "mutants", "campaign", "prove",
        "exercise", "picture",
    )
)  # fmt: skip
"""The subcommands of this package, in the order a reader wants them."""


def rooms() -> tuple[Room, ...]:
    """`ROOMS`, then what other packages declare, by name."""
    declared = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    known = {room.name for room in ROOMS}
    return (*ROOMS, *(Room(e.name, e.module, e.attr) for e in declared if e.name not in known))
