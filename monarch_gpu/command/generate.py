"""`monarch generate`: sample from a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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
            print(json.dumps({"prompt": prompt, "text": bytes(stream).decode(errors="replace"), "seed": seed}))
            return
        sys.stdout.buffer.write(prompt.encode())
        for byte in stream:
            sys.stdout.buffer.write(bytes([byte]))
            sys.stdout.buffer.flush()
        sys.stdout.buffer.write(b"\n")
    except (ValueError, CheckpointError) as error:
        Console(stderr=True).print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
