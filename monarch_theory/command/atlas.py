"""`monarch atlas`: every family against every target, at equal parameters and at equal FLOPs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.outputs import check_outputs, write
from monarch_theory.command.progress import progress
from monarch_theory.expressivity.atlas import COSTS, Atlas, Cost
from monarch_theory.expressivity.atlas import atlas as compare
from monarch_theory.expressivity.atlas_picture import draw
from monarch_theory.expressivity.classes import balanced_radices
from monarch_theory.expressivity.convergence import courses, draw_courses
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.matrices import power_of_two
from monarch_theory.expressivity.targets import Target, targets
from monarch_theory.expressivity.trained import TRAINED, trained_target

TARGETS = 6  # beside each other, in a terminal of eighty columns


def atlas(
    context: typer.Context,
    size: Annotated[int, typer.Option(help="N; 64 has the attention of a trained model among its targets")] = 64,
    weights: Annotated[
        str | None, typer.Option(help=f"in place of all targets, those of a trained model: {', '.join(TRAINED)}")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the random targets")] = 0,
    seeds: Annotated[int, typer.Option(help="draw the random targets so many times, for bands of errors")] = 1,
    png: Annotated[Path | None, typer.Option(help="draw the picture here")] = None,
    convergence: Annotated[
        Path | None, typer.Option(help="draw here how the iterative fits come near noise, or the weights")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Compare structured families on the same targets: relative Frobenius error, all of it measured."""
    if weights is not None:
        refuse_idle(context, "atlas --weights")
    try:
        chosen = None if weights is None else [trained_target(weights, name_of="--weights")]
        size = size if chosen is None else len(chosen[0].matrices[0])
        balanced_radices(size, 2, name="--size")
        check_outputs({}, pictures={"--png": png, "--convergence": convergence})
        with progress("fitting families") as report:
            # the picture follows each family beyond the budget, the table does not
            reach = 1.0 if png is None else 2.0
            found = compare(size, seed=seed, chosen=chosen, reach=reach, seeds=seeds, progress=report)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except MemoryError:
        raise typer.BadParameter(f"--size: expected matrices that fit into memory, got {size}") from None
    covered = f"{len(found.families)} families, {len(found.targets)} targets"
    answer = Answer("compared", "measured", covered, 0, _facts(found))
    say(answer, as_json, lambda: _show(found))
    write(png, lambda file: draw(found, str(file)))
    write(convergence, lambda file: _draw_courses(found, chosen or targets(size, seed), file))


def _draw_courses(found: Atlas, chosen: list[Target], file: Path) -> None:
    """Of a random matrix, or of the first of the weights."""
    target = next((target for target in chosen if target.name == "random"), chosen[0])
    matrix = target.matrices[0]
    runs = courses(matrix / power_of_two(matrix), families_for(matrix.shape), found.budget)
    figure = draw_courses(runs, f"{target.name}, N = {found.n}, within {found.budget} parameters")
    figure.savefig(file)


def _show(found: Atlas) -> None:
    console = Console()
    for start in range(0, len(found.targets), TARGETS):
        last = start + TARGETS >= len(found.targets)
        console.print(_table(found, found.targets[start : start + TARGETS], _caption(found) if last else None))


def _table(found: Atlas, targets: tuple[str, ...], caption: str | None) -> Table:
    table = Table(title=f"Relative error, N = {found.n}", box=SIMPLE, padding=(0, 1, 0, 0), caption=caption)
    table.add_column("family", no_wrap=True)
    for target in targets:
        table.add_column(target, justify="right", overflow="fold")
    for name, title in found.families:
        rows = {cost: [_cell(found, target, name, cost) for target in targets] for cost in COSTS}
        if rows["parameters"] == rows["multiplications"]:
            table.add_row(title, *rows["parameters"])
        else:
            table.add_row(title, *rows["parameters"])
            table.add_row("  … at equal FLOPs", *rows["multiplications"])
        bands = [_band(found.errors(target, name, COSTS[0])) for target in targets]
        if any(bands):
            table.add_row(f"  … over {1 + len(found.repeats)} seeds", *bands)
    return table


def _band(errors: list[float]) -> str:
    """From the least to the largest, where they differ."""
    least, largest = (
        f"{error:.2f}".removeprefix("0") for error in (min(errors, default=0.0), max(errors, default=0.0))
    )
    return f"{least}–{largest}" if least != largest else ""


def _caption(found: Atlas) -> str:
    caption = (
        f"at equal parameters and at equal FLOPs (multiplications), at most {found.budget} of either; one row where "
        f"both agree; ≤ the least found, not known to be the least there is; * under 90% of the budget is used; "
        f"– nothing within the budget, or no fit"
    )
    if "attention" not in found.targets:
        caption += "; attention of a trained model: only at N = 64"
    return caption


def _cell(found: Atlas, target: str, family: str, cost: Cost) -> str:
    entry = found.best(target, family, cost)
    if entry is None:
        return "–"
    share = getattr(entry.setting, cost) / found.budget
    error = "0" if entry.error < 1e-10 else f"{entry.error:.2f}"
    bound = "" if entry.optimal or entry.error < 1e-10 else "≤"
    return f"{bound}{error}{' ' if share >= 0.9 else '*'}"


def _facts(found: Atlas) -> dict[str, Any]:
    cells = []
    for cost in COSTS:
        for name, title in found.families:
            for target in found.targets:
                entry = found.best(target, name, cost)
                cell: dict[str, Any] = {"equal": cost, "family": name, "title": title, "target": target}
                if entry is None:
                    cell |= {"error": None, "reason": found.refused.get((target, name), "nothing within the budget")}
                else:
                    setting = entry.setting
                    cell |= {
                        "error": entry.error,
                        "errors": found.errors(target, name, cost),
                        "lower_bound": entry.floor,
                        "least": entry.optimal,
                        "setting": setting.label,
                        "parameters": setting.parameters,
                        "multiplications": setting.multiplications,
                        "guarantee": setting.guarantee,
                    }
                cells.append(cell)
    return {"n": found.n, "seed": found.seed, "seeds": 1 + len(found.repeats), "budget": found.budget, "cells": cells}
