"""`monarch convert`: published weights in, a model of this package out, with a receipt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.progress import progress

if TYPE_CHECKING:
    from monarch_gpu.convert import Receipt

__all__ = ["convert"]


def convert(
    published: Annotated[Path, typer.Argument(help="A directory with config.json, or a file of weights beside one.")],
    out: Annotated[Path, typer.Argument(help="Directory to write: config.json and model.safetensors.")],
    config: Annotated[Path | None, typer.Option(help="The published configuration, where it is elsewhere.")] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="A safetensors file of input_ids and the published logits, to compare with.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Leave out tensors whose names begin so; repeatable.")] = None,
    as_json: bool = typer.Option(False, "--json", help="Print the receipt as one JSON object."),
) -> None:
    """Convert published weights: M2-BERT, Hyena, and Hugging Face's BERT, GPT-2 and ViT.

    Every tensor of the file is accounted for, or nothing is written. Pickles are read with weights_only=True.
    Exit status: 0 converted, 2 could not.
    """
    from monarch_gpu.checkpoints import CheckpointError
    from monarch_gpu.convert import convert as convert_file

    try:
        with progress(f"converting {published}"):
            receipt = convert_file(published, out, config=config, vectors=vectors, drop=drop or ()).receipt
    except (ValueError, CheckpointError) as error:
        raise typer.BadParameter(str(error)) from error
    facts = asdict(receipt) | {"total": receipt.total, "left_over": 0, "notes": receipt.notes}
    answer = Answer("converted", "exact", f"all {receipt.total} tensors of the file", 0, facts)
    say(answer, as_json, lambda: show(receipt, out))


def show(receipt: Receipt, out: Path) -> None:
    """The receipt in words."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{receipt.source}: {receipt.layout}, {receipt.total} tensors in {', '.join(receipt.dtypes)}", markup=False
    )
    console.print(f"  {receipt.mapped} mapped, {len(receipt.repeated)} repeat one of them, none left over")
    for names, what in (
        (receipt.constant, "constant, as it must be"),
        (receipt.dropped, "dropped, as asked"),
        (receipt.computed, "not in the file, computed as the published code does"),
    ):
        for name in names:
            console.print(f"  {name}: {what}", markup=False)
    for name, difference in receipt.differences.items():
        console.print(f"  {name}: largest difference {difference:.1e} in float64 (measured)", markup=False)
    for note in receipt.notes:
        console.print(f"  note: {note}", markup=False)
    console.print(f"{out}: {receipt.parameters:,} parameters", markup=False)
