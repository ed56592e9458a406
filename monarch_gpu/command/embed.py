"""`monarch embed`: texts in, one JSON object a line; vectors out, in the same order."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

__all__ = ["embed"]


def embed(
    model: Annotated[Path, typer.Argument(help="A directory with an encoder, as `monarch convert` writes it.")],
    texts: Annotated[Path | None, typer.Argument(help="Lines of JSON; standard input if not given.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="A tokenizer.json. Default: the one beside the model.")] = None,
    reading: str = typer.Option("pooler", help="pooler, or of the last states: mean, first."),
    batch: int = typer.Option(32, help="Texts at once."),
    normalised: bool = typer.Option(False, "--normalised", help="Divide each vector by its norm."),
) -> None:
    """Print the vector of every text: {"text": …} or {"input_ids": […]} in, the same with "embedding" out.

    Nothing is truncated: a text that is too long ends the command before the first vector, exit status 2.
    """
    from monarch_gpu.bert import BertForMaskedLM, BertForSequenceClassification
    from monarch_gpu.embed import embed as vectors
    from monarch_gpu.embed import tokenizer_of
    from monarch_gpu.models import load_model

    console = Console(stderr=True)
    try:
        encoder = load_model(model)
        if not isinstance(encoder, BertForMaskedLM | BertForSequenceClassification):
            raise ValueError(f"{model}: expected an encoder, got a {encoder.config.model_type}")
        entries = read(texts)
        tokenize = tokenizer_of(tokenizer or model) if any("text" in entry for entry in entries) else None
        ids = [entry["input_ids"] if tokenize is None or "input_ids" in entry else tokenize(entry["text"])
               for entry in entries]  # fmt: skip
        found = vectors(encoder, ids, reading=reading, batch=batch, normalised=normalised)
    except (ValueError, ImportError) as error:
        console.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    for entry, vector in track(zip(entries, found, strict=True), "embedding", len(entries), console=console):
        print(json.dumps(entry | {"embedding": vector.tolist()}))


def read(texts: Path | None) -> list[dict[str, Any]]:
    """The objects of the lines, each with a text or token ids.

    Raises:
        ValueError: a line is something else; the message says which.
    """
    try:
        lines = (sys.stdin.read() if texts is None else texts.read_text()).splitlines()
    except OSError as error:
        raise ValueError(f"{texts}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{texts or 'standard input'}: expected lines of JSON, got bytes that are no text") from None
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number}: expected JSON, got {error}") from None
        ids = entry.get("input_ids") if isinstance(entry, dict) else None
        whole = isinstance(ids, list) and all(type(i) is int for i in ids)
        if not isinstance(entry, dict) or not (whole if "input_ids" in entry else isinstance(entry.get("text"), str)):
            raise ValueError(
                f'line {number}: expected {{"text": a string}} or {{"input_ids": integers}}, got {line[:60]}'
            )
        entries.append(entry)
    return entries
