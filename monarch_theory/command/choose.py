"""`monarch choose`: structured layers of one size, within a budget, by how fast they can multiply."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.progress import progress
from monarch_theory.expressivity.chooser import (
    HARDWARE,
    Choice,
    Hardware,
    choices,
    dense_seconds,
    given,
    least_time,
    raised,
    ranked,
    this_machine,
)

MACHINES = ("cpu", *HARDWARE)


def choose(
    inputs: Annotated[int, typer.Option("--inputs", "--in", help="numbers in")],
    outputs: Annotated[int, typer.Option("--outputs", "--out", help="numbers out")],
    budget: Annotated[float, typer.Option(help="share of the parameters of the dense layer")] = 0.25,
    hardware: Annotated[
        str,
        typer.Option(help=f"of the least times: {', '.join(MACHINES)}; cpu is measured, the others are from memory"),
    ] = "cpu",
    peak: Annotated[float | None, typer.Option(help="your own: 10¹² operations a second, dense")] = None,
    bandwidth: Annotated[float | None, typer.Option(help="your own: 10⁹ bytes a second of memory")] = None,
    batch: Annotated[int, typer.Option(help="inputs that one multiply takes")] = 1024,
    measure: Annotated[bool, typer.Option("--measure", help="take the time of each on this processor")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Rank structured families of one size by how fast they can multiply. Counts and arithmetic, unless measured.

    The numbers of cpu are measured when asked for. Those of a100, h100 and h200 are the makers' peaks, from memory and
    not checked: give --peak and --bandwidth where they matter.

    How near each comes to your weights is another question: monarch express FILE.npy --compare.
    """
    if hardware not in MACHINES:
        raise typer.BadParameter(f"--hardware: expected {', '.join(MACHINES)}, got {hardware!r}")
    if not budget <= 1:
        raise typer.BadParameter(f"--budget: expected a share of at most 1, got {budget}")
    shape = outputs, inputs
    most = int(budget * inputs * outputs)
    with progress("counting"):
        machine = this_machine() if hardware == "cpu" else HARDWARE[hardware]
        try:
            found, none = choices(shape, most, batch, machine, measured=measure)
            dense = dense_seconds(shape, batch) if measure else None
        except MemoryError:
            raise typer.BadParameter(f"--inputs: expected matrices that fit into memory, got {shape}") from None
        machine = _seen(machine, shape, batch, found, dense) if hardware == "cpu" else machine
        scaled = (None if own is None else own * unit for own, unit in ((peak, 1e12), (bandwidth, 1e9)))
        machine = given(machine, *scaled)
        found = ranked(replace(one, least=_least(one, shape, batch, machine)) for one in found)
    if not found:
        raise typer.BadParameter(f"--budget: expected room for one family, got {most} parameters")
    whole = inputs * outputs
    known: dict[str, Any] = {
        "shape": list(shape),
        "budget": most,
        "batch": batch,
        "hardware": {"name": machine.name, "source": machine.source, "format": machine.format},
        "dense": {"parameters": whole, "least": least_time(shape, whole, whole, batch, machine), "seconds": dense},
        "choices": [_facts(choice) for choice in found],
        "left_out": none,
    }
    covered = f"{len(found)} families, the largest setting of each within the budget"
    evidence = "measured" if measure else "exact"
    say(Answer("ranked", evidence, covered, 0, known), as_json, lambda: _show(known, found, machine))


def _seen(machine: Hardware, shape: tuple[int, int], batch: int, found: list[Choice], dense: float | None) -> Hardware:
    """This processor, with what the multiplies that were timed have shown of it."""
    whole = shape[0] * shape[1]
    runs = [(c.setting.parameters, c.setting.multiplications, c.seconds) for c in found if c.seconds is not None]
    return raised(machine, shape, batch, runs if dense is None else [*runs, (whole, whole, dense)])


def _least(choice: Choice, shape: tuple[int, int], batch: int, machine: Hardware) -> float:
    return least_time(shape, choice.setting.parameters, choice.setting.multiplications, batch, machine)


def _facts(choice: Choice) -> dict[str, Any]:
    setting = choice.setting
    return {
        "family": choice.family.name,
        "setting": setting.label,
        "parameters": setting.parameters,
        "multiplications": setting.multiplications,
        "least": choice.least,
        "seconds": choice.seconds,
    }


def _show(known: dict[str, Any], found: list[Choice], machine: Hardware) -> None:
    rows, columns = known["shape"]
    table = Table(title=f"{rows}×{columns}, at most {known['budget']} parameters", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("family", overflow="fold")
    for name in ("parameters", "operations", "least µs", "measured µs"):
        table.add_column(name, justify="right")
    dense = known["dense"]
    table.add_row(
        "dense", f"{dense['parameters']}", f"{dense['parameters']}", _micro(dense["least"]), _micro(dense["seconds"])
    )
    for choice in found:
        setting = choice.setting
        costs = str(setting.parameters), str(setting.multiplications)
        table.add_row(f"{choice.family.title}: {setting.label}", *costs, _micro(choice.least), _micro(choice.seconds))
    console = Console()
    console.print(table)
    print(f"operations: multiplications for one input; times: of {known['batch']} inputs")
    print(f"least: arithmetic on {machine.name} ({machine.source}), {machine.format}; real code is slower")
    if known["left_out"]:
        print(f"nothing within the budget: {', '.join(known['left_out'])}")
    print("which of them comes near your weights: monarch express FILE.npy --compare")


def _micro(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e6:.1f}"
