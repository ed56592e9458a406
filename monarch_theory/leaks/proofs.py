"""A measured report and what the model's graph proves, put together.

The proof is of the function over the real numbers, for finite inputs and intermediates, and all weights; what is
measured is floating point, for the inputs tried. Each may say what the other can't. A proof under a condition is a
third thing: it settles nothing that the measurement left open, and stands beside it with its condition. One *at these
weights* is for all inputs, and for no other weights, or for those up to a size that it says, *bounded weights*; it
settles what is open where that is for all inputs there are.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

from monarch_theory.leaks.callables import UNDECIDED, Report
from monarch_theory.leaks.contracts import Contract, causal
from monarch_theory.leaks.inputs import APPEARING, GAPS

__all__ = ["settled", "with_agreement", "with_padding", "with_proof"]

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
    if facts.get("conditional"):
        return with_condition(report, facts, contract)
    if facts.get("at_these_weights"):
        return at_weights(report, facts, contract)
    if not facts["proved"]:
        return replace(report, notes=(*report.notes, *why_not(facts, report), *of_earlier(facts, report, contract)))
    if report.witness is not None:
        if report.calls_before:
            return replace(report, notes=(*report.notes, f"of its first call the graph proves it {facts['claim']}"))
        if report.contract != contract.name:  # of an output that is shorter than what was proved
            return report
        if not isfinite(report.witness.size) or report.witness.kind in GAPS | APPEARING:
            return replace(report, notes=(*report.notes, f"for finite numbers the graph proves it {facts['claim']}"))
        return contradicted(report, facts)
    if report.outcome not in OPEN or not same_outputs(report, facts, contract):
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


def contradicted(report: Report, facts: dict[str, Any]) -> Report:
    """Nothing is decided where a finite response was measured that the graph excludes."""
    reason = (
        f"measurement and proof disagree: {report.reason}; but the graph proves the model {facts['claim']}. Signs "
        "of zeros may do this, or code that is another when it is exported; else it is a fault of ours: report it"
    )
    return replace(report, verdict=UNDECIDED, evidence="none", reason=reason, outcome="contradiction")


AT_WEIGHTS = "proved for all inputs at these weights"
"""What a proof at these weights is called, never to be taken for one that is for all weights."""
BOUNDED = "proved for all inputs and bounded weights"
"""And one that is for all weights up to a size, these among them."""


def at_weights(report: Report, facts: dict[str, Any], contract: Contract) -> Report:
    """The report, with a proof for all inputs at the weights as they are.

    A leak that shows with other weights, with inputs beyond those it is for or as infinity or NaN is no contradiction;
    any other is. What was measured at some cuts is settled where it is for all inputs, as it is of tokens.
    """
    said = f"{BOUNDED if facts.get('weights_within') else AT_WEIGHTS}, from the graph: {facts['claim']}"
    if report.witness is not None:
        elsewhere = report.redrawn or facts.get("reach") is not None or not isfinite(report.witness.size)
        if elsewhere or report.calls_before or report.contract != contract.name:
            return replace(report, notes=(*report.notes, *why_not(facts, report), f"{said}; the leak is beyond that"))
        return contradicted(report, facts)
    settles = report.outcome in OPEN and facts.get("reach") is None
    if not (settles or report.verdict == contract.yes) or not same_outputs(report, facts, contract):
        return replace(report, notes=(*report.notes, said))
    return replace(
        report,
        verdict=contract.yes,
        outcome=None,
        method="graph and perturbation",
        evidence=f"{said}; beside it, {report.evidence}" if settles else f"{report.evidence}; {said}",
        notes=(*report.notes, f"the proof leaves out {'; '.join(facts['excludes'])}"),
    )


def with_condition(report: Report, facts: dict[str, Any], contract: Contract) -> Report:
    """The report, with a proof beside it that holds as long as scores stay within a bound.

    What was measured decides. Where it agrees at all the cuts, both are named as evidence. A leak stands: values that
    break the condition pass a mask of finite numbers, and they are values like others.
    """
    said = f"under a condition, proved from the graph: {facts['claim']}"
    if report.witness is not None:
        beyond = "the leak is where that does not hold, or in the rounding"
        return replace(report, notes=(*report.notes, *why_not(facts, report), f"{said}; {beyond}"))
    if report.verdict != contract.yes or not same_outputs(report, facts, contract):
        return replace(report, notes=(*report.notes, said))
    return replace(
        report,
        method="graph and perturbation",
        evidence=f"{report.evidence}; {said}",
        notes=(*report.notes, f"the proof leaves out {'; '.join(facts['excludes'])}"),
    )


REAL = "rounding: the two are equal as functions over the real numbers"


def with_agreement(report: Report, facts: dict[int, dict[str, Any]], kind: str = "truncated", what: str = "") -> Report:
    """The report of an agreement, with what the graphs of the two calls prove, side by side.

    A difference that was measured where they are proved to agree leaves nothing decided, unless it is of infinity or
    NaN, which the proof is not about. What was measured in a part of all lengths is settled where it is proved of all.

    Args:
        facts: by the number of inputs that are given alone, or the amount of padding, as `compared` gives them.
        kind, what: of `Agree`: the side of the padding, the other callable.
    """
    report = replace(report, proof={str(amount): each for amount, each in facts.items()})
    proved = sorted(a for a, each in facts.items() if each["proved"] and same_outputs(report, each, causal(report.n)))
    refused = next((each for each in facts.values() if not each["proved"]), None)
    where = [f"not proved from the graphs: {refused['detail']}"] if refused else []
    if not proved:
        return replace(report, notes=(*report.notes, *where))
    every = kind == "same" or (kind == "truncated" and len(proved) == report.n - 1)
    words = {
        "truncated": f"with the first k inputs alone, k = {listed(proved)}",
        "padding": f"with padding of {listed(proved)} on the {what}",
        "same": f"as {what} at n = {report.n}",
    }[kind]
    first = facts[proved[0]]
    shared = " that are equal in both" if kind == "same" and first["weights"] else ""
    claim = (
        f"the same {words}, for all finite inputs and all values of {first['weights']} weights{shared}, "
        f"with {first['buffers']} buffers and constants at their value"
    )
    if report.witness is not None:
        if not isfinite(report.witness.size) or report.witness.kind in GAPS | APPEARING or report.calls_before:
            return replace(report, notes=(*report.notes, f"for finite numbers the graphs prove it {claim}"))
        return contradicted(report, {"claim": claim}) if not where else replace(report, notes=(*report.notes, *where))
    if report.outcome == "partial" and not every:
        return replace(report, notes=(*report.notes, f"the graphs prove it {claim}", *where))
    left_out = f"the proof leaves out inputs that are not finite; infinities and NaN that arise on the way; {REAL}"
    return replace(
        report, verdict="holds", outcome=None, method="two graphs compared, and two runs",
        evidence=f"proved from the graphs: {claim}; beside it, {report.evidence}"
        if every else f"{report.evidence}; proved from the graphs: {claim}",
        notes=(*report.notes, left_out, *where),
    )  # fmt: skip


def listed(numbers: list[int]) -> str:
    """Numbers in order, those in a row by their ends.

    >>> listed([1, 2, 3, 4, 8])
    '1 … 4, 8'
    """
    rows: list[list[int]] = []
    for k in numbers:
        if rows and k == rows[-1][-1] + 1:
            rows[-1].append(k)
        else:
            rows.append([k])
    return ", ".join(f"{r[0]} … {r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in rows)


def with_padding(report: Report, facts_by_amount: dict[int, dict[str, Any]]) -> Report:
    """The report of an agreement under padding, with what the graph proves of what the padding holds.

    That is the half of it that a graph can say: it is of one length, so that amounts are compared by measuring alone.
    """
    facts = list(facts_by_amount.values())
    report = replace(report, proof={str(amount): each for amount, each in facts_by_amount.items()})
    weakest = max(facts, key=strength)
    if strength(weakest) == len(HOW):
        return replace(report, notes=(*report.notes, *why_not(weakest, report)))
    amounts = " and of ".join(map(str, facts_by_amount))
    said = f"with padding of {amounts}, {list(HOW.values())[strength(weakest)]}: {weakest['claim']}"
    return replace(report, evidence=f"{report.evidence}; {said}")


HOW = {
    "proved": "proved from the graph",
    "at_these_weights": f"{AT_WEIGHTS}, from the graph",
    "conditional": "under a condition, proved from the graph",
}
"""Kinds of proofs, the strongest first, and what they are called."""


def strength(facts: dict[str, Any]) -> int:
    """The kind of a proof by its place in `HOW`; one more than all where there is none."""
    return next((k for k, kind in enumerate(HOW) if facts.get(kind)), len(HOW))


def settled(report: Report, facts: dict[str, Any], contract: Contract) -> bool:
    """Whether a check beside a proof was enough: it found a leak, or all that it judged is proved."""
    return report.witness is not None or (report.outcome in OPEN and same_outputs(report, facts, contract))


def same_outputs(report: Report, facts: dict[str, Any], contract: Contract) -> bool:
    """Whether what was judged is what was proved: as many arrays, each along the same axis.

    Of fewer arrays there is no telling which they are: then no more than one axis of each may be the sequence, which
    is known where it is as long as that of the inputs.
    """
    judged, proved = report.outputs, facts["outputs"]
    if len(judged) == len(proved) and [each.axis for each in judged] == facts.get("output_axes"):
        return bool(judged)
    fewer = contract.at is None and 0 < len(judged) <= len(proved)
    return fewer and all(each.shape.count(contract.n) == 1 for each in judged)


def of_earlier(facts: dict[str, Any], report: Report, contract: Contract) -> list[str]:
    """What the graph says of the outputs before the first that was seen to leak, which is the first of values tried."""
    seen, pair = report.witness, facts.get("pair")
    if seen is None or not pair or report.calls_before or report.contract != contract.name:
        return []
    if not 0 < seen.output >= pair[0] or not same_outputs(report, facts, contract):
        return []
    if pair[0] == seen.output:
        return [f"for finite numbers the graph proves that no output before {seen.output} leaks"]
    i, j = pair
    return [f"an earlier output may leak for other values: the graph does not exclude output {i} ← input {j}"]


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
