"""`monarch campaign KERNEL...`: many checks at once, on this machine or on a closed Dask cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["campaign"]


def campaign(
    kernels: Annotated[list[str], typer.Argument(help="FILE.py:NAME, or FILE.py:NAME@OP, as many as you like.")],
    op: Annotated[str, typer.Option(help="Op of the kernels that name none.")] = "monarch-multiply",
    dtype: Annotated[list[str] | None, typer.Option(help="Repeat for several [default: float32].")] = None,
    size: Annotated[list[int] | None, typer.Option(help="Largest row; repeat for several [default: 256].")] = None,
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

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        seeds: list[int | None] = [*seed] if seed else [0 if trusted else None]
        tasks = plan(kernels, op, dtype or ["float32"], size or [256], seeds, cases, untrusted=not trusted)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("checks", total=len(tasks))
            reports = run_campaign(
                tasks, scheduler=scheduler, workers=workers, record=record, on_done=lambda _: progress.advance(bar)
            )
    except (ValueError, ModuleNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    found = summary(reports)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        table = Table("kernel", "op", "dtype", "size", "seed", "verdict", "error / bound", "cause")
        for report in reports:
            worst, failure = report["worst"], report["failure"]
            ratio = f"{float(worst['ratio']):.3g}" if worst else ""
            table.add_row(
                report["kernel"], report["op"], report["dtype"], str(report["max_size"]), str(report["seed"]),
                report["verdict"], ratio, failure["cause"] if failure else "",
            )  # fmt: skip
        Console().print(table)
        print(f"{found['right']} right, {found['wrong']} wrong, {found['undecided']} undecided, {found['cases']} cases")
    raise typer.Exit(1 if found["wrong"] else 2 if found["undecided"] else 0)
