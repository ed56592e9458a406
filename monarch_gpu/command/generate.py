"""`monarch generate`: sample from a checkpoint."""

from __future__ import annotations

from codecs import getincrementaldecoder
from pathlib import Path
from typing import Annotated

import typer

from monarch_theory.command.answer import Answer

__all__ = ["generate"]


def generate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or a directory with a model.")],
    prompt: str = typer.Option("def ", help="What the text begins with."),
    count: int = typer.Option(200, help="Bytes to add."),
    temperature: float = typer.Option(0.8, help="0 takes the most likely byte."),
    seed: int = typer.Option(0, help="Of the sampling."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Continue a text with a model that `monarch train gpt` made."""
    from monarch_gpu.checkpoints import CheckpointError
    from monarch_gpu.generate import generate as generate_bytes
    from monarch_gpu.generate import load_checkpoint

    try:
        stream = generate_bytes(load_checkpoint(checkpoint), prompt.encode(), count, temperature, seed)
        if as_json:
            facts = {"prompt": prompt, "text": bytes(stream).decode(errors="replace"), "seed": seed}
            print(Answer("generated", "none", f"{count} bytes", 0, facts).text())
            return
        letters = getincrementaldecoder("utf-8")("replace")
        print(prompt, end="")
        for byte in stream:
            print(letters.decode(bytes([byte])), end="", flush=True)
        print(letters.decode(b"", final=True))
    except (ValueError, CheckpointError) as error:
        raise typer.BadParameter(str(error)) from error
