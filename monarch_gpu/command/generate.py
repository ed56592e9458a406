"""`monarch generate`: sample from a checkpoint."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monarch_theory.command.answer import Answer
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.progress import Advance, progress

if TYPE_CHECKING:
    from monarch_gpu.tokenizer import Tokenizer

__all__ = ["generate"]


def generate(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or a directory with a model.")],
    prompt: str = typer.Option("def ", help="What the text begins with."),
    count: int = typer.Option(200, help="Bytes to add, or tokens."),
    temperature: float = typer.Option(0.8, help="0 takes the most likely one."),
    seed: int = typer.Option(0, help="Of the sampling."),
    device: str = typer.Option("cpu", help="cpu, cuda or cuda:1."),
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json. Default: beside the model, or bytes.")
    ] = None,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Continue a text with a model that `monarch train gpt` made, by bytes or by its tokenizer's tokens."""
    if temperature == 0:
        refuse_idle(context, "generate --temperature 0")
    from monarch_gpu.checkpoints import CheckpointError
    from monarch_gpu.device import device_named
    from monarch_gpu.generate import generate as generate_tokens
    from monarch_gpu.generate import load_checkpoint

    try:
        model = load_checkpoint(checkpoint).to(device_named(device))
        reader = reader_of(checkpoint, tokenizer, model.config.vocab_size)
        begun = prompt.encode() if reader is None else reader.tokens(prompt, False)
        stream = generate_tokens(model, begun, count, temperature, seed)
        if as_json:
            with progress("writing") as advance:
                stream = counted(stream, count, advance)
                text = bytes(stream).decode(errors="replace") if reader is None else "".join(spoken(reader, stream))
            facts = {"prompt": prompt, "text": text, "seed": seed}
            covered = f"{count} {'bytes' if reader is None else 'tokens'}"
            print(Answer("generated", "none", covered, 0, facts).text())
            return
        print(prompt, end="")
        for piece in letters(stream) if reader is None else spoken(reader, stream):
            print(piece, end="", flush=True)
        print()
    except (ValueError, CheckpointError) as error:
        raise typer.BadParameter(str(error)) from error


def counted(stream: Iterator[int], count: int, advance: Advance) -> Iterator[int]:
    """The same tokens, each told of as it comes."""
    for number, token in enumerate(stream, start=1):
        advance(number, count)
        yield token


def letters(stream: Iterator[int]) -> Iterator[str]:
    """The text of bytes, as soon as it is whole characters."""
    decoder = getincrementaldecoder("utf-8")("replace")
    for byte in stream:
        yield decoder.decode(bytes([byte]))
    yield decoder.decode(b"", final=True)


def reader_of(checkpoint: Path, tokenizer: Path | None, vocabulary: int) -> Tokenizer | None:
    """The tokenizer asked for, or the one beside the model; None for a model of bytes."""
    from monarch_gpu.tokenizer import read_tokenizer

    beside = (checkpoint if checkpoint.is_dir() else checkpoint.parent) / "tokenizer.json"
    if tokenizer is None and not beside.is_file():
        if vocabulary != 256:
            raise ValueError(f"tokenizer: expected --tokenizer FILE for a model of {vocabulary} tokens, got none")
        return None
    found = read_tokenizer(tokenizer or beside)
    if found.vocabulary > vocabulary:
        raise ValueError(f"tokenizer: expected at most {vocabulary} tokens, got {found.vocabulary}")
    return found


def spoken(tokenizer: Tokenizer, tokens: Iterator[int]) -> Iterator[str]:
    """The text of tokens, as soon as it is whole characters."""
    ids: list[int] = []
    said = ""
    for token in tokens:
        ids.append(token)
        text = tokenizer.text(ids)
        if text.startswith(said) and not text.endswith("\ufffd"):
            yield text[len(said) :]
            said = text
    text = tokenizer.text(ids)
    if text.startswith(said):
        yield text[len(said) :]
