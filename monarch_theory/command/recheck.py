"""`monarch recheck FILE`: is a certificate of causality right, step by step?"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.harmless import one_line

__all__ = ["recheck"]


def recheck(
    file: Annotated[Path, typer.Argument(help="A certificate, as monarch causal --certificate FILE writes it.")],
    coq: Annotated[bool, typer.Option("--coq", help="Have Coq repeat the arithmetic of an exact certificate.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check a certificate of causality by local rules alone, without the model and without torch.

    Or an exact one, as monarch causal or express with --exact --certificate writes it, by integers alone; with --coq,
    by a program that is proved to decide.

    One that holds under a condition says so, and which.

    Exit status: 0 it proves what it claims, 1 some step of it is wrong, 2 it could not be read.
    """
    from monarch_theory.leaks.dependence.recheck import CertificateError

    try:
        answer = _exact_answer(file, coq) or _graph_answer(file)
    except CertificateError as error:
        answer = Answer("wrong", "exact", "the steps up to the one named", 1, {"reason": str(error)})
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError, zlib.error) as error:
        raise typer.BadParameter(f"file: expected a certificate, got {type(error).__name__}: {error}") from error
    say(answer, as_json, lambda: print(f"{answer.verdict}  {file}\n  {one_line(answer.facts['reason'])}"))
    raise typer.Exit(answer.exit_code)


def _graph_answer(file: Path) -> Answer:
    """What the certificate of a graph proves, and whether under a condition."""
    from monarch_theory.leaks.dependence.recheck import conditions, recheck_file

    reason = recheck_file(file)
    supposed = conditions(json.loads(file.read_bytes()))
    evidence = "conditional: proved where its condition holds" if supposed else "proved"
    return Answer("right", evidence, "every step of the certificate", 0, {"reason": reason})


def _exact_answer(file: Path, coq: bool) -> Answer | None:
    """What an exact certificate proves; None where the file is one of a graph."""
    from monarch_theory.certificates import CertificateError, is_exact, long_integers, recheck_exact, recheck_with_coq
    from monarch_theory.proving import CannotRunError

    with long_integers():
        document = json.loads(file.read_bytes(), object_pairs_hook=_once)
    if not is_exact(document):
        if coq:
            raise typer.BadParameter("--coq: expected an exact certificate, as --exact --certificate writes it")
        return None
    try:
        with long_integers():  # messages, too, have numbers of the certificate
            reason = recheck_with_coq(document) if coq else recheck_exact(document)
    except CertificateError as error:
        return Answer("wrong", "exact", "the claim up to what is named", 1, {"reason": str(error)})
    except CannotRunError as error:
        raise typer.BadParameter(str(error)) from error
    return Answer("right", "proved" if coq else "exact", "all that the certificate claims", 0, {"reason": reason})


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose keys are there once: of two values, readers differ on which counts.

    Raises:
        ValueError: a key is there twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"expected every key once, got {next(key for key in keys if keys.count(key) > 1)!r:.40} again")
    return found
