"""A measured report and what the model's graph proves, put together.

The proof is of the function over the real numbers, for finite inputs and intermediates, and all weights; what is
measured is floating point, for the inputs tried. Each may say what the other can't.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

from monarch_theory.leaks.callables import UNDECIDED, Report
from monarch_theory.leaks.contracts import Contract, causal

__all__ = ["with_proof"]

OPEN = (None, "partial")
"""Outcomes of a measurement that a proof may settle: all is well so far. Noise is none: it may be another branch."""


def with_proof(report: Report, facts: dict[str, Any], contract: Contract | None = None) -> Report:
    """The report, with the facts of `monarch_gpu.dependence.asked` beside it.

    A proof that covers the outputs that were judged settles what was measured so, at all cuts or at some. It
    never overrides anything else: a graph is of one call, and the model may take another branch at the next. A finite
    response where none can be leaves nothing decided. A leak through infinity or NaN is outside of what is proved, and
    stands.
    """
    contract = contract or causal(report.n)
    report = replace(report, proof={key: value for key, value in facts.items() if value not in (None, [], {}, "")})
    if not facts["proved"]:
        return replace(report, notes=(*report.notes, *why_not(facts, report)))
    if report.witness is not None:
        if report.calls_before:
            return replace(report, notes=(*report.notes, f"of its first call the graph proves it {facts['claim']}"))
        if report.contract != contract.name:  # of an output that is shorter than what was proved
            return report
        if not isfinite(report.witness.size):
            return replace(report, notes=(*report.notes, f"for finite numbers the graph proves it {facts['claim']}"))
        reason = (
            f"measurement and proof disagree: {report.reason}; but the graph proves the model {facts['claim']}. Signs "
            "of zeros may do this, or code that is another when it is exported; else it is a fault of ours: report it"
        )
        return replace(report, verdict=UNDECIDED, evidence="none", reason=reason, outcome="contradiction")
    if report.outcome not in OPEN or not same_outputs(report, facts, contract.n):
        return replace(
            report, notes=(*report.notes, f"the graph proves {', '.join(facts['outputs'])} {facts['claim']}")
        )
    return replace(
        report,
        verdict=contract.yes,
        outcome=None,
        method="graph and perturbation",
        evidence=f"proved from the graph: {facts['claim']}; beside it, {report.evidence}",
        notes=(*report.notes, f"the proof leaves out {'; '.join(facts['excludes'])}"),
    )


def same_outputs(report: Report, facts: dict[str, Any], n: int) -> bool:
    """Whether what was judged is what was proved: as many arrays, with one axis each that can be the sequence."""
    alone = all(each.shape.count(n) == 1 for each in report.outputs)
    return alone and 0 < len(report.outputs) <= len(facts["outputs"])


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
