"""A measured report and what the model's graph proves, put together.

The proof is of the function over the real numbers, for finite inputs and intermediates, and all weights; what is
measured is floating point, for the inputs tried. Each may say what the other can't.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

from monarch_theory.leaks.callables import CAUSAL, UNDECIDED, Report
from monarch_theory.sandbox import Outcome

__all__ = ["with_proof"]

OPEN = (None, "partial", "noise", Outcome.HANG.value)
"""Outcomes of a measurement that a proof settles: cuts untested, a response that may be rounding, time run out."""


def with_proof(report: Report, facts: dict[str, Any]) -> Report:
    """The report, with the facts of `monarch_gpu.dependence.asked` beside it.

    A proof that covers as many outputs as were judged makes *causal* what was measured so, in part or to rounding. A
    finite response measured where none can be is a fault of ours, and leaves nothing decided. A leak through infinity
    or NaN is outside of what is proved, and stands.
    """
    report = replace(report, proof={key: value for key, value in facts.items() if value not in (None, [], {}, "")})
    if not facts["proved"]:
        return replace(report, notes=(*report.notes, *why_not(facts, report)))
    if report.witness is not None:
        if not isfinite(report.witness.size):
            return replace(report, notes=(*report.notes, f"for finite numbers the graph proves it {facts['claim']}"))
        reason = (
            f"a fault of monarch, please report it: {report.reason}; but the graph proves the model {facts['claim']}"
        )
        return replace(report, verdict=UNDECIDED, evidence="none", reason=reason, outcome="contradiction")
    if report.outcome not in OPEN or len(facts["outputs"]) < len(report.outputs):
        return replace(
            report, notes=(*report.notes, f"the graph proves {', '.join(facts['outputs'])} {facts['claim']}")
        )
    beside = "nothing was measured" if report.evidence == "none" else report.evidence
    return replace(
        report,
        verdict=CAUSAL,
        outcome=None,
        method="graph and perturbation",
        evidence=f"proved from the graph: {facts['claim']}; beside it, {beside}",
        notes=(*report.notes, f"the proof leaves out {'; '.join(facts['excludes'])}"),
    )


def why_not(facts: dict[str, Any], report: Report) -> list[str]:
    """What keeps the graph from a proof, where that says anything: of a leak, the place where it enters."""
    entry = facts.get("entry")
    where = ", ".join(text for text in (entry["module"], entry["line"]) if text) if entry else ""
    if report.witness is not None:
        return [f"it enters at {where}"] if where else []
    if facts["reason"] == "no graph":
        return []
    without = ", ".join(facts.get("without_rule", ()))
    unknown = f"; no rule for {without}" if without else ""
    return [f"not proved from the graph: {facts['detail']}{', which enters at ' + where if where else ''}{unknown}"]
