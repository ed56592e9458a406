"""Files a command is to read: a row each, held before the command runs; what has no end is never read."""

from __future__ import annotations

from math import inf
from pathlib import Path

import typer

__all__ = ["INPUTS", "check_input"]

GIB = 2**30

INPUTS: dict[tuple[str, str], float] = {
    ("causal", "mask"): inf,
    ("convert", "config"): GIB,
    ("convert", "published"): inf,
    ("convert", "vectors"): inf,
    ("embed", "model"): inf,
    ("embed", "texts"): inf,
    ("embed", "tokenizer"): GIB,
    ("exercise", "answer"): GIB,
    ("express", "calibration"): inf,
    ("generate", "checkpoint"): inf,
    ("generate", "tokenizer"): GIB,
    ("prove", "folder"): inf,
    ("recheck", "file"): GIB,
    ("train", "data"): inf,
    ("train", "finetune"): inf,
    ("train", "tokenizer"): GIB,
    ("train", "validation"): inf,
}
"""By command and parameter, the most bytes a file may have; what is larger than memory by its nature has no bound."""


def check_input(command: str, parameter: str, path: Path) -> None:
    """Refuse what is there and is neither a file nor a folder, or is larger than its row says.

    A device may have no end, and a pipe no writer. What is not there is for the command to say; what is written may be
    anything.

    Raises:
        typer.BadParameter: saying what was expected.

    >>> try:
    ...     check_input("recheck", "file", Path("/dev/null"))
    ... except typer.BadParameter as error:
    ...     print(error.message)
    expected a file or a folder, got /dev/null, which is neither
    """
    most = INPUTS.get((command, parameter))
    if most is None or not path.exists():
        return
    if not (path.is_file() or path.is_dir()):
        raise typer.BadParameter(f"expected a file or a folder, got {path}, which is neither")
    if path.is_file() and path.stat().st_size > most:
        raise typer.BadParameter(f"expected at most {most:.0f} bytes, got {path} with {path.stat().st_size}")
