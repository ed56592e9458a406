"""`monarch recheck FILE`: is a certificate of causality right, step by step?"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Annotated

import typer

from monarch_theory.command.answer import Answer, say

__all__ = ["recheck"]


def recheck(
    file: Annotated[Path, typer.Argument(help="A certificate, as monarch causal --certificate FILE writes it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check a certificate of causality by local rules alone, without the model and without torch.

    Exit status: 0 it proves what it claims, 1 some step of it is wrong, 2 it could not be read.
    """
    from monarch_theory.leaks.dependence.recheck import CertificateError, recheck_file

    try:
        answer = Answer("right", "proved", "every step of the certificate", 0, {"reason": recheck_file(file)})
    except CertificateError as error:
        answer = Answer("wrong", "exact", "the steps up to the one named", 1, {"reason": str(error)})
    except (OSError, ValueError, KeyError, TypeError, IndexError, zlib.error) as error:
        raise typer.BadParameter(f"file: expected a certificate, got {type(error).__name__}: {error}") from error
    say(answer, as_json, lambda: print(f"{answer.verdict}  {file}\n  {answer.facts['reason']}"))
    raise typer.Exit(answer.exit_code)
