"""`monarch mutants`: does the checker catch every seeded fault, and leave right kernels alone?"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["mutants"]


def mutants(
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
    from monarch_theory.testing.exploits import EXPLOITS, HONEST, Exploit, try_exploits
    from monarch_theory.testing.judge import Verdict
    from monarch_theory.testing.mutants.corpus import MUTANTS, RIGHT
    from monarch_theory.testing.mutants.run import missing_library, run_clean, run_mutants

    known = sorted({m.library for m in MUTANTS} | {k.library for k in RIGHT})
    if library not in (None, *known):
        print(f"library: expected one of {', '.join(known)}, got {library!r}", file=sys.stderr)
        raise typer.Exit(2)
    if runs < 0:
        print(f"runs: expected at least zero, got {runs}", file=sys.stderr)
        raise typer.Exit(2)
    wrong = tuple(m for m in MUTANTS if library in (None, m.library) and not exploits)
    right = tuple(k for k in RIGHT if library in (None, k.library))
    cheats = tuple(e for e in EXPLOITS if library is None)
    honest = tuple(h for h in HONEST if library is None)
    runs = 0 if exploits else runs
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("mutants", total=len(wrong))
        caught = run_mutants(
            wrong, seed=seed, on_mutant=lambda name: progress.update(task, description=name, advance=1)
        )
        clean_task = progress.add_task("right kernels", total=runs)
        clean = run_clean(
            right, runs=runs, seed=seed,
            on_runs=lambda name, done: progress.update(clean_task, description=name, advance=done),
        ) if runs else []  # fmt: skip
        cheats_task = progress.add_task("exploits", total=len(cheats) + len(honest))
        tried, fair = (
            try_exploits(some, on_kernel=lambda name: progress.update(cheats_task, description=name, advance=1))
            for some in (cheats, honest)
        )
    escaped = [c for c in caught if c.verdict is Verdict.RIGHT]
    alarms = [alarm for c in clean for alarm in c.alarms]
    missing = sorted({f"{m.library} (needs {missing_library(m.library)})" for m in wrong if missing_library(m.library)})
    summary: dict[str, Any] = {
        "mutants": len(caught),
        "caught": len(caught) - len(escaped),
        "clean_runs": sum(c.runs for c in clean),
        "false_alarms": len(alarms),
        "causes_named": sum(c.cause == c.mutant.cause and c.cause != "not recognised" for c in caught),
        "missed_by_fixed_rtol": sorted(c.mutant.name for c in caught if c.passes_fixed_rtol),
        "right_but_fail_fixed_rtol": sorted(
            f"{c.kernel.library}:{c.kernel.function} {c.dtype}" for c in clean if c.passes_fixed_rtol is False
        ),
        "exploits": len(tried),
        "stopped": sum(t.stopped for t in tried),
        "honest": len(fair),
        "blamed": sorted(f"{t.kernel.name}: {t.verdict.value}" for t in fair if t.stopped),
        "not_installed": missing,
        "seed": seed,
        "details": {
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
        },
    }  # fmt: skip
    if as_json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        _print(summary)
    if not (caught or summary["clean_runs"] or tried):
        raise typer.Exit(2)
    raise typer.Exit(int(bool(escaped or alarms or summary["blamed"] or summary["stopped"] < len(tried))))


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
    print(f"\n{summary['caught']} of {summary['mutants']} mutants caught, cause named for {summary['causes_named']}")
    print(f"{summary['clean_runs']} runs of right kernels, {summary['false_alarms']} false alarms")
    print(f"{len(summary['missed_by_fixed_rtol'])} mutants pass allclose with rtol = atol = 1e-2:")
    print("  " + ", ".join(summary["missed_by_fixed_rtol"]))
    print(f"{len(summary['right_but_fail_fixed_rtol'])} right kernels fail the default tolerance of assert_close:")
    print("  " + ", ".join(summary["right_but_fail_fixed_rtol"]))
    for missing in summary["not_installed"]:
        print(f"not installed, skipped: {missing}")
