"""The `monarch` command: parsing and printing only; one file per subcommand, named as the subcommand."""

from importlib import import_module
from importlib.metadata import entry_points

import typer

SUBCOMMANDS = ("causal", "express", "atlas", "check", "check_op", "mutants", "campaign", "prove")

app = typer.Typer(
    name="monarch",
    help="Is an operator causal? Is a matrix Monarch? Is a kernel right?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def monarch() -> None:
    """Is an operator causal? Is a matrix Monarch? Is a kernel right?"""


def main() -> None:
    """Console entry point: every subcommand of this package, then those other packages declare."""
    for name in SUBCOMMANDS:
        app.command(name.replace("_", "-"))(getattr(import_module(f"{__name__}.{name}"), name))
    for entry in entry_points(group="monarch.commands"):
        app.command(entry.name)(entry.load())
    app()
