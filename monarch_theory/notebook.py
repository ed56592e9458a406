"""Reports as notebooks show them: the verdict, then a row for each fact; all text of others is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ["as_html"]

SIGNS = {"yes": "✓", "no": "✗", "undecided": "?"}


def as_html(verdict: str, sign: str, facts: Mapping[str, object]) -> str:
    """A verdict with the sign of its kind, and its facts; those that are None or empty are left out.

    Args:
        verdict: in the report's own words.
        sign: "yes", "no" or "undecided", so that colour is never all there is to see it by.
        facts: by name, the evidence first.

    >>> as_html("causal", "yes", {"evidence": "exact <here>", "note": ""})
    '<div><b>✓ causal</b><table><tr><th>evidence</th><td>exact &lt;here&gt;</td></tr></table></div>'
    """
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(str(fact))}</td></tr>"
        for name, fact in facts.items()
        if fact is not None and str(fact)
    )
    return f"<div><b>{SIGNS[sign]} {escape(verdict)}</b><table>{''.join(rows)}</table></div>"
