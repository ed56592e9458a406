"""`monarch mutants`: does the checker catch every seeded fault, and leave right kernels alone?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.progress import progress

if TYPE_CHECKING:  # all that kernels need is loaded where they are run
    from monarch_theory.testing.exploits import Tried
    from monarch_theory.testing.mutants.run import Caught, CleanRun

__all__ = ["mutants"]


def mutants(
    context: typer.Context,
    runs: Annotated[int, typer.Option(help="Runs of right kernels, at least.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Determines every case.")] = 0,
    library: Annotated[str | None, typer.Option(help="Only kernels of this library, for example torch.")] = None,
    exploits: Annotated[
        bool, typer.Option("--exploits", help="Only kernels that cheat, and honest ones beside them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable counts on stdout.")] = False,
) -> None:
    """Run every faulty kernel of the corpus, which must be caught, and right ones, which must not be blamed.

    Kernels that cheat are run as code that is not trusted, and none may be called right; nor may honest ones be blamed.

    Exit code 0: every mutant caught, every cheat stopped, and no false alarm. 1: otherwise. 2: nothing was run.
    """
    from monarch_theory.testing.mutants.corpus import MUTANTS, RIGHT

    if exploits:
        refuse_idle(context, "mutants --exploits")
    known = sorted({m.library for m in MUTANTS} | {k.library for k in RIGHT})
    if library not in (None, *known):
        raise typer.BadParameter(f"library: expected one of {', '.join(known)}, got {library!r}")
    caught = [] if exploits else _caught(library, seed)
    clean = [] if exploits else _clean(library, runs, seed)
    tried, fair = _tried(library)
    summary = {
        **_counts(caught, clean),
        "exploits": len(tried),
        "stopped": sum(t.stopped for t in tried),
        "honest": len(fair),
        "blamed": sorted(f"{t.kernel.name}: {t.verdict.value}" for t in fair if t.stopped),
        "not_installed": [] if exploits else _not_installed(library),
        "seed": seed,
        "details": _details(caught, clean, tried),
    }
    escaped = summary["caught"] < summary["mutants"]
    faulty = escaped or summary["false_alarms"] or summary["blamed"] or summary["stopped"] < len(tried)
    code = int(bool(faulty)) if caught or summary["clean_runs"] or tried else 2
    covered = f"{summary['mutants']} mutants, {summary['clean_runs']} runs of right kernels, {len(tried)} exploits"
    answer = Answer(("right", "wrong", "undecided")[code], "measured", covered, code, summary)
    say(answer, as_json, lambda: _print(summary))
    raise typer.Exit(code)


def _caught(library: str | None, seed: int) -> list[Caught]:
    """What became of the mutants of a library, or of all."""
    from monarch_theory.testing.mutants.corpus import MUTANTS
    from monarch_theory.testing.mutants.run import run_mutants

    wrong, numbers = tuple(m for m in MUTANTS if library in (None, m.library)), count(1)
    with progress("mutants") as advance:
        return run_mutants(wrong, seed=seed, on_mutant=lambda name: advance(next(numbers), len(wrong), name))


def _clean(library: str | None, runs: int, seed: int) -> list[CleanRun]:
    """What became of the right kernels of a library, or of all, in so many runs together."""
    from monarch_theory.testing.mutants.corpus import RIGHT
    from monarch_theory.testing.mutants.run import run_clean

    right, done = tuple(k for k in RIGHT if library in (None, k.library)), 0
    with progress("right kernels") as advance:

        def on_runs(name: str, more: int) -> None:
            nonlocal done
            done += more
            advance(done, runs, name)

        return run_clean(right, runs=runs, seed=seed, on_runs=on_runs) if runs else []


def _tried(library: str | None) -> tuple[list[Tried], list[Tried]]:
    """What became of kernels that cheat, and of honest ones that are trusted no more; they are of no library."""
    from monarch_theory.testing.exploits import EXPLOITS, HONEST, try_exploits

    if library is not None:
        return [], []
    numbers, total = count(1), len(EXPLOITS) + len(HONEST)
    with progress("exploits") as advance:

        def on_kernel(name: str) -> None:
            advance(next(numbers), total, name)

        return try_exploits(EXPLOITS, on_kernel=on_kernel), try_exploits(HONEST, on_kernel=on_kernel)


def _not_installed(library: str | None) -> list[str]:
    """Libraries of mutants that cannot be run here."""
    from monarch_theory.testing.mutants.corpus import MUTANTS
    from monarch_theory.testing.mutants.run import missing_library

    asked = {m.library for m in MUTANTS if library in (None, m.library)}
    return sorted(f"{each} (needs {needed})" for each in asked if (needed := missing_library(each)))


def _counts(caught: Sequence[Caught], clean: Sequence[CleanRun]) -> dict[str, Any]:
    """How many mutants were caught and how many causes are right, and what a fixed tolerance says of them."""
    from monarch_theory.testing.diagnose import UNNAMED
    from monarch_theory.testing.judge import Verdict

    return {
        "mutants": len(caught),
        "caught": sum(c.verdict is not Verdict.RIGHT for c in caught),
        "clean_runs": sum(c.runs for c in clean),
        "false_alarms": sum(len(c.alarms) for c in clean),
        "causes_named": sum(c.cause_is_right for c in caught),
        "causes_unknown": sum(c.cause in UNNAMED for c in caught),
        "causes_wrong": sorted(f"{c.mutant.name}: {c.cause}" for c in caught if c.cause_is_wrong),
        "missed_by_fixed_rtol": sorted(c.mutant.name for c in caught if c.passes_fixed_rtol),
        "right_but_fail_fixed_rtol": sorted(
            f"{c.kernel.library}:{c.kernel.function} {c.dtype}" for c in clean if c.passes_fixed_rtol is False
        ),
    }


def _details(
    caught: Sequence[Caught], clean: Sequence[CleanRun], tried: Sequence[Tried]
) -> dict[str, list[dict[str, Any]]]:
    """A row for each mutant, each right kernel and each exploit."""
    from monarch_theory.testing.exploits import Exploit

    return {
        "mutants": [
            {
                "name": c.mutant.name, "library": c.mutant.library, "op": c.mutant.op, "dtype": c.mutant.dtype,
                "verdict": c.verdict.value, "cause": c.cause, "expected_cause": c.mutant.cause, "detail": c.detail,
                "cases_until_caught": c.cases, "passes_fixed_rtol": c.passes_fixed_rtol,
            }
            for c in caught
        ],
        "right": [
            {
                "library": c.kernel.library, "kernel": c.kernel.function, "op": c.kernel.op, "dtype": c.dtype,
                "runs": c.runs, "refused": c.refused, "false_alarms": list(c.alarms),
                "worst_ratio": min(c.worst_ratio, 1e308), "passes_fixed_rtol": c.passes_fixed_rtol,
            }
            for c in clean
        ],
        "exploits": [
            {
                "name": t.kernel.name, "kind": t.kernel.kind, "tries": t.kernel.summary, "stopped": t.stopped,
                "verdict": t.verdict.value, "message": t.message, "missing_wall": t.missing_wall or None,
            }
            for t in tried if isinstance(t.kernel, Exploit)
        ],
    }  # fmt: skip


def _print(summary: dict[str, Any]) -> None:
    for found in summary["details"]["mutants"]:
        mark = "ESCAPED" if found["verdict"] == "right" else "caught"
        named = f"{found['library']:7} {found['name']:36} {found['dtype']:10}"
        print(f"{mark}  {named} {found['verdict']}: {found['cause']}")
    for found in summary["details"]["right"]:
        for alarm in found["false_alarms"]:
            print(f"FALSE ALARM  {found['library']}:{found['kernel']} {found['dtype']}  {alarm}")
    for found in summary["details"]["exploits"]:
        lacks = f" (this system has no {found['missing_wall']})" if found["missing_wall"] else ""
        mark = "stopped" if found["stopped"] else "PASSED"
        print(f"{mark:7}  {found['kind']:11} {found['name']:38} {found['verdict']}{lacks}")
    if summary["exploits"]:
        print(f"\n{summary['stopped']} of {summary['exploits']} exploits stopped")
        print(f"{summary['honest']} honest kernels that are not trusted, {len(summary['blamed'])} blamed")
        for blamed in summary["blamed"]:
            print(f"FALSE ALARM  {blamed}")
    if not summary["mutants"] and not summary["clean_runs"]:
        return
    named = summary["causes_named"]
    print(f"\n{summary['caught']} of {summary['mutants']} mutants caught")
    share = f"{named / summary['mutants']:.1%}" if summary["mutants"] else "none"
    unknown, wrong = summary["causes_unknown"], summary["causes_wrong"]
    print(f"cause right for {named} ({share}), said not to be known for {unknown}, wrong for {len(wrong)}")
    for found in wrong:
        print(f"WRONG CAUSE  {found}")
    print(f"{summary['clean_runs']} runs of right kernels, {summary['false_alarms']} false alarms")
    print(f"{len(summary['missed_by_fixed_rtol'])} mutants pass allclose with rtol = atol = 1e-2:")
    print("  " + ", ".join(summary["missed_by_fixed_rtol"]))
    print(f"{len(summary['right_but_fail_fixed_rtol'])} right kernels fail the default tolerance of assert_close:")
    print("  " + ", ".join(summary["right_but_fail_fixed_rtol"]))
    for missing in summary["not_installed"]:
        print(f"not installed, skipped: {missing}")
