"""`monarch prove`: run every exact check and every machine-checked proof, and say which is which."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.progress import progress
from monarch_theory.proving import (
    CannotRunError,
    CoqVerdict,
    Proof,
    Result,
    check_with_coq,
    coq_version,
    find_proofs,
    proofs_folder,
    run_check,
    why_no_coq,
    without_library,
)

__all__ = ["prove"]


def prove(
    theorems: Annotated[
        list[str] | None, typer.Argument(help="Names of folders of proofs; all when none given.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of proofs; the package's own when not given.")] = None,
    coq: Annotated[bool, typer.Option(help="Have Coq check the machine-checked proofs, where it is installed.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable results on stdout.")] = False,
) -> None:
    """Run the exact checks of every theorem, and the machine-checked proofs where Coq is installed.

    Every check is also put to false variants of its statement, which it must refuse.

    Exit code 0: every statement holds. 1: a statement failed. 2: something could not be run, or a check that accepts a
    false variant leaves its statement undecided.
    """
    try:
        place = folder or proofs_folder()
        proofs = find_proofs(place, theorems or ())
    except CannotRunError as error:
        raise typer.BadParameter(str(error)) from error
    missing = why_no_coq() if coq else "--no-coq was given"
    verdicts: dict[str, CoqVerdict] = {}
    rows = [_checked(proof) for proof in proofs]
    mechanised = [proof.name for proof in proofs if proof.coq]
    unable: dict[str, str] = {}
    if mechanised and not missing:
        try:
            unable = without_library(place, mechanised)
            able = [name for name in mechanised if name not in unable]
            with progress("Coq") as report:
                verdicts = check_with_coq(place, able, report)
        except CannotRunError as error:
            raise typer.BadParameter(str(error)) from error
    summary = [_row(proof, *row, verdicts.get(proof.name)) for proof, row in zip(proofs, rows, strict=True)]
    unable |= dict.fromkeys(mechanised, missing) if missing else {}
    reasons = ", ".join(sorted(set(unable.values())))
    without = f"{len(unable)} machine-checked proofs were not run: {reasons}" if unable else None
    failed = [row["theorem"] for row in summary if row["holds"] is False]
    stuck = [row["theorem"] for row in summary if row["holds"] is None]
    document = {"folder": str(place), "coq": None if missing else coq_version(), "note": without, "proofs": summary}
    code = 1 if failed else 2 if stuck else 0
    verdict = ("holds", "does not hold", "undecided")[code]
    answer = Answer(verdict, *_known(summary), code, document | {"holds": not failed and not stuck})
    say(answer, as_json, lambda: _print(summary, without))
    raise typer.Exit(code)


def _known(summary: list[dict[str, Any]]) -> tuple[str, str]:
    """The weakest evidence among the statements, which a verdict on all of them rests on; and what was covered."""
    exact, measured = (sum(row[f"{kind}_instances"] for row in summary) for kind in ("exact", "measured"))
    machine = sum(bool(row["coq"]) and not row["coq"]["problem"] for row in summary)
    weakest = "measured" if measured else "exact" if exact else "none"
    covered = f"{len(summary)} statements: {exact} exact instances, {measured} measured, {machine} machine-checked"
    return weakest, covered


def _checked(proof: Proof) -> tuple[Result | None, str, float]:
    """(result, why there is none, seconds)."""
    start = time.perf_counter()
    try:
        with progress(proof.name) as report:
            result = run_check(proof, report)
    except CannotRunError as error:
        return None, str(error), time.perf_counter() - start
    return result, "", time.perf_counter() - start


def _row(
    proof: Proof, result: Result | None, trouble: str, seconds: float, verdict: CoqVerdict | None
) -> dict[str, Any]:
    holds: bool | None = None if result is None else result.holds
    if verdict is not None and not verdict.checked:
        holds = False
    return {
        "theorem": proof.name,
        "title": proof.title,
        "holds": holds,
        "proof": _proof_status(proof, verdict),
        "claim": proof.claim,
        "evidence": result.evidence if result else None,
        "sizes": result.sizes if result else None,
        "exact_instances": result.exact if result else 0,
        "measured_instances": result.measured if result else 0,
        "failures": list(result.failures) if result else [trouble],
        "mutations": {"refused": list(result.refused), "accepted": list(result.accepted)} if result else None,
        "coq": None
        if verdict is None
        else {
            "theorems": list(verdict.theorems),
            "axioms": list(verdict.axioms),
            "problem": verdict.problem or None,
            "rechecked": verdict.rechecked,
        },
        "functions": list(proof.functions),
        "seconds": round(seconds, 2),
    }


def _proof_status(proof: Proof, verdict: CoqVerdict | None) -> str:
    if verdict is not None and not verdict.checked:
        return "NOT PROVED: Coq refused it"
    claim = re.split(r"\.(?:\s|$)", proof.claim)[0]
    return f"{claim} (Coq not run)" if proof.coq and verdict is None else claim


def _print(summary: list[dict[str, Any]], without: str | None) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("theorem", "holds", "for all sizes", "decided here"):
        table.add_column(heading, overflow="fold")
    marks = {True: "yes", False: "NO", None: "?"}
    for row in summary:
        counts = [f"{row[f'{kind}_instances']} {kind}" for kind in ("exact", "measured") if row[f"{kind}_instances"]]
        decided = f"{', '.join(counts)}: {row['sizes']}" if counts else row["failures"][0]
        table.add_row(row["theorem"], marks[row["holds"]], row["proof"], decided)
    Console(soft_wrap=False, highlight=False, markup=False).print(table)
    for row in summary:
        for failure in row["failures"]:
            print(f"\n{row['theorem']}: " + ("does not hold: " if row["evidence"] else "could not run: ") + failure)
        for mutation in (row["mutations"] or {}).get("accepted", ()):
            print(f"\n{row['theorem']}: undecided: its check accepts a false statement too: {mutation}")
        if row["coq"] and row["coq"]["problem"]:
            print(f"\n{row['theorem']}: Coq: {row['coq']['problem']}")
    machine = sum(bool(row["coq"]) and not row["coq"]["problem"] for row in summary)
    rechecked = sum(bool(row["coq"]) and row["coq"]["rechecked"] for row in summary)
    refused = sum(len(row["mutations"]["refused"]) for row in summary if row["mutations"])
    holding = sum(row["holds"] is True for row in summary)
    print(
        f"\n{holding} of {len(summary)} statements hold, {machine} machine-checked, "
        f"{rechecked} of them again by coqchk; {refused} false variants refused"
    )
    if without:
        print(without)
