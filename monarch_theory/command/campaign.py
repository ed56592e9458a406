"""`monarch campaign KERNEL...`: many checks at once, on this machine or on a closed Dask cluster."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.progress import progress

__all__ = ["campaign"]


def campaign(
    context: typer.Context,
    kernels: Annotated[list[str], typer.Argument(help="FILE.py:NAME, or FILE.py:NAME@OP, as many as you like.")],
    op: Annotated[str, typer.Option(help="Op of the kernels that name none.")] = "monarch-multiply",
    dtype: Annotated[list[str] | None, typer.Option(help="Repeat for several [default: float32].")] = None,
    max_size: Annotated[list[int] | None, typer.Option(help="Largest row; repeat for several [default: 256].")] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Repeat for several [default: drawn and told; 0 with --trusted].")
    ] = None,
    cases: Annotated[int, typer.Option(help="Cases for each combination.")] = 200,
    trusted: Annotated[
        bool, typer.Option("--trusted", help="The kernels want to fool no one: run them without walls.")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, tls://HOST:PORT [default: this machine].")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes of this machine at once.")] = 2,
    record: Annotated[Path | None, typer.Option(help="JSON lines to append reports to, and to take up from.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable reports on stdout.")] = False,
) -> None:
    """Check kernels × dtypes × sizes × seeds, as code that is not trusted.

    The same seeds give the same report on any number of workers.

    Exit code 0: all right. 1: some wrong. 2: none wrong, some undecided.
    """
    from monarch_theory.testing.campaign import plan, run_campaign, summary

    if scheduler is not None:
        refuse_idle(context, "campaign --scheduler")
    done = count(1)
    try:
        seeds: list[int | None] = [*seed] if seed else [0 if trusted else None]
        tasks = plan(kernels, op, dtype or ["float32"], max_size or [256], seeds, cases, untrusted=not trusted)
        with progress("checks") as advance:
            reports = run_campaign(
                tasks, scheduler=scheduler, workers=workers, record=record,
                on_done=lambda _: advance(next(done), len(tasks)),
            )  # fmt: skip
    except (ValueError, RuntimeError) as error:
        raise typer.BadParameter(str(error)) from error
    found = summary(reports)
    code = 1 if found["wrong"] else 2 if found["undecided"] else 0
    covered = f"{found['cases']} cases in {found['tasks']} checks"
    answer = Answer(("right", "wrong", "undecided")[code], "measured", covered, code, found)
    say(answer, as_json, lambda: _show(found))
    raise typer.Exit(code)


def _show(found: dict[str, Any]) -> None:
    """A row for each check."""
    table = Table("kernel", "op", "dtype", "size", "seed", "verdict", "error / bound", "cause")
    for report in found["reports"]:
        worst, failure = report["worst"], report["failure"]
        ratio = f"{float(worst['ratio']):.3g}" if worst else ""
        row = [report[key] for key in ("kernel", "op", "dtype", "max_size", "seed", "verdict")]
        table.add_row(*(Text(str(cell)) for cell in (*row, ratio, failure["cause"] if failure else "")))
    Console().print(table)
    print(f"{found['right']} right, {found['wrong']} wrong, {found['undecided']} undecided, {found['cases']} cases")
