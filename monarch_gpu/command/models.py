"""`monarch models`: the parameter table of the paper, recounted."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from monarch_gpu.configs import PUBLISHED, Published
from monarch_gpu.counts import parameter_lines, parameters
from monarch_theory.command.answer import Answer

__all__ = ["models"]


def row(published: Published) -> dict[str, object]:
    """One row: counted by arithmetic, and the reported number it is held to."""
    count = parameters(published.config)
    return {
        "name": published.name,
        "architecture": published.config.architecture,
        "layers": published.config.num_hidden_layers,
        "width": published.config.hidden_size,
        "inner": published.config.intermediate_size,
        "parameters": count,
        "reported": published.reported * 1_000_000,
        "transformer": published.transformer,
        "difference": count / (published.reported * 1e6) - 1,
        "source": published.source,
        "explanation": published.explanation,
        "lines": parameter_lines(published.config),
    }


def models(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    lines: bool = typer.Option(False, "--lines", help="Also say what the parameters of each model are spent on."),
    recount: bool = typer.Option(False, "--recount", help="Count again by building each model, without memory."),
) -> None:
    """Parameters of every published M2 model, next to the Transformer's and to what is reported."""
    rows = [row(published) for published in PUBLISHED]
    if recount:
        from monarch_gpu.models import count_parameters

        for entry, published in zip(rows, PUBLISHED, strict=True):
            entry["counted"] = count_parameters(published.config)
            if entry["counted"] != entry["parameters"]:
                expected = f"{entry['parameters']} parameters by arithmetic"
                raise AssertionError(f"{published.name}: expected {expected}, counted {entry['counted']}")
    if as_json:
        print(Answer("counted", "exact", f"{len(rows)} models", 0, {"models": rows}).text())
        return
    console = Console()
    table = Table(box=None, pad_edge=False, collapse_padding=True, title="parameters in millions", title_justify="left")
    for heading in ("model", "size", "inner", "counted", "reported", "difference", "Transformer"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "model" else "right")
    counts = {entry["name"]: f"{entry['parameters'] / 1e6:.1f}" for entry in rows}  # type: ignore[operator]
    for entry in rows:
        size = f"{entry['layers']} × {entry['width']}", str(entry["inner"])
        millions = counts[entry["name"]], f"{entry['reported'] / 1e6:.0f}"  # type: ignore[operator]
        beside = counts.get(entry["transformer"], "")
        table.add_row(str(entry["name"]), *size, *millions, f"{entry['difference']:+.1%}", beside)
    console.print(table)
    for entry in rows:
        console.print()
        console.print(f"{entry['name']}: {entry['source']}")
        if entry["explanation"]:
            console.print(f"  {entry['explanation']}")
        if lines or entry["explanation"]:
            for name, count in entry["lines"].items():  # type: ignore[attr-defined]
                console.print(f"  {count / 1e6:8.2f} M  {name}")
