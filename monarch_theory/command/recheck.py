"""`monarch recheck FILE`: is a certificate of causality right, step by step?"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Annotated

import typer

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
        answer = {"verdict": "right", "evidence": "proved", "reason": recheck_file(file), "exit_code": 0}
    except CertificateError as error:
        answer = {"verdict": "wrong", "evidence": "exact", "reason": str(error), "exit_code": 1}
    except (OSError, ValueError, KeyError, TypeError, IndexError, zlib.error) as error:
        raise typer.BadParameter(f"file: expected a certificate, got {type(error).__name__}: {error}") from error
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print(f"{answer['verdict']}  {file}\n  {answer['reason']}")
    raise typer.Exit(int(answer["exit_code"]))  # type: ignore[call-overload]
