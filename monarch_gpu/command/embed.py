"""`monarch embed`: texts in, one JSON object a line; vectors out, in the same order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from monarch_theory.command.answer import Answer
from monarch_theory.command.progress import progress

__all__ = ["embed"]


def embed(
    model: Annotated[Path, typer.Argument(help="A directory with an encoder, as `monarch convert` writes it.")],
    texts: Annotated[Path | None, typer.Argument(help="Lines of JSON; standard input if not given.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="A tokenizer.json. Default: the one beside the model.")] = None,
    reading: str = typer.Option("pooler", help="pooler, or of the last states: mean, first."),
    batch: int = typer.Option(32, help="Texts at once."),
    device: str = typer.Option("cpu", help="cpu, cuda or cuda:1."),
    normalised: bool = typer.Option(False, "--normalised", help="Divide each vector by its norm."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object with all of them, not a line for each."),
) -> None:
    """Print the vector of every text: {"text": …} or {"input_ids": […]} in, the same with "embedding" out.

    Nothing is truncated: a text that is too long ends the command before the first vector, exit status 2.
    """
    from monarch_gpu.bert import BertForMaskedLM, BertForSequenceClassification
    from monarch_gpu.checkpoints import CheckpointError
    from monarch_gpu.device import device_named
    from monarch_gpu.embed import embed as vectors
    from monarch_gpu.lines import read_lines
    from monarch_gpu.models import load_model
    from monarch_gpu.tokenizer import tokenizer_of

    try:
        encoder = load_model(model)
        if not isinstance(encoder, BertForMaskedLM | BertForSequenceClassification):
            raise ValueError(f"{model}: expected an encoder, got a {encoder.config.model_type}")
        encoder.to(device_named(device))
        entries = read_lines(texts)
        has_text = any("text" in entry for entry in entries)
        if tokenizer is not None and not has_text:
            raise ValueError(f"tokenizer: expected none for lines that have input_ids alone, got {tokenizer}")
        tokenize = tokenizer_of(tokenizer or model) if has_text else None
        ids = [entry["input_ids"] if tokenize is None or "input_ids" in entry else tokenize(entry["text"])
               for entry in entries]  # fmt: skip
        found = vectors(encoder, ids, reading=reading, batch=batch, normalised=normalised)
    except (ValueError, CheckpointError) as error:
        raise typer.BadParameter(str(error)) from error
    answers: list[dict[str, Any]] = []
    with progress("embedding") as advance:
        for number, (entry, vector) in enumerate(zip(entries, found, strict=True), start=1):
            answer = entry | {"embedding": vector.tolist()}
            answers.append(answer) if as_json else print(json.dumps(answer))
            advance(number, len(entries))
    if as_json:
        facts = {"model": str(model), "reading": reading, "normalised": normalised, "texts": answers}
        print(Answer("embedded", "none", f"all {len(entries)} texts", 0, facts).text())
