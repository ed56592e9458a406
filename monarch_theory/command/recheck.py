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
    coq: Annotated[bool, typer.Option("--coq", help="Have Coq repeat the arithmetic of an exact certificate.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check a certificate of causality by local rules alone, without the model and without torch.

    Or an exact one, as monarch express --certificate writes it, by integers alone; with --coq, by a program that is
    proved to decide.

    Exit status: 0 it proves what it claims, 1 some step of it is wrong, 2 it could not be read.
    """
    from monarch_theory.leaks.dependence.recheck import CertificateError, recheck_file

    answer: dict[str, object]
    try:
        found = _exact_answer(file, coq)
        answer = found or {"verdict": "right", "evidence": "proved", "reason": recheck_file(file), "exit_code": 0}
    except CertificateError as error:
        answer = {"verdict": "wrong", "evidence": "exact", "reason": str(error), "exit_code": 1}
    except (OSError, ValueError, KeyError, TypeError, IndexError, zlib.error) as error:
        raise typer.BadParameter(f"file: expected a certificate, got {type(error).__name__}: {error}") from error
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print(f"{answer['verdict']}  {file}\n  {answer['reason']}")
    raise typer.Exit(int(answer["exit_code"]))  # type: ignore[call-overload]


def _exact_answer(file: Path, coq: bool) -> dict[str, object] | None:
    """What an exact certificate proves; None where the file is one of a graph."""
    from monarch_theory.certificates import CertificateError, is_exact, recheck_exact, recheck_with_coq
    from monarch_theory.proving import CannotRunError

    try:
        document = json.loads(file.read_bytes())
    except ValueError:
        document = None
    if not is_exact(document):
        if coq:
            raise typer.BadParameter("--coq: expected an exact certificate, as monarch express --certificate writes it")
        return None
    try:
        reason = recheck_with_coq(document) if coq else recheck_exact(document)
    except CertificateError as error:
        return {"verdict": "wrong", "evidence": "exact", "reason": str(error), "exit_code": 1}
    except CannotRunError as error:
        raise typer.BadParameter(str(error)) from error
    return {"verdict": "right", "evidence": "proved" if coq else "exact", "reason": reason, "exit_code": 0}
