"""What every command answers: verdict, evidence, coverage and exit code; in words, or as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

__all__ = ["NOTHING", "Answer", "say"]

NOTHING = "nothing"
"""The coverage of what did not come to be asked."""


@dataclass(frozen=True)
class Answer:
    """An answer.

    verdict: the command's own words, "undecided" where there is none; evidence: "proved", "conditional", "exact",
    "measured" or "none", and what more there is to say of it, as "for all inputs at these weights"; coverage: what was
    compared, tried or read; exit_code: 0 yes, 1 no, 2 neither; facts: what else a machine may want, named in `schema`.
    """

    verdict: str
    evidence: str
    coverage: str | Mapping[str, Any]
    exit_code: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values of JSON; numbers that it has no word for are strings.

        >>> Answer("right", "measured", "3 cases", 0, {"worst": float("inf")}).as_json()["worst"]
        'inf'
        """
        common = {"verdict": self.verdict, "evidence": self.evidence, "coverage": self.coverage}
        plain: dict[str, Any] = finite({**common, "exit_code": self.exit_code, **self.facts})
        return plain

    def text(self) -> str:
        """`as_json` in one line."""
        return json.dumps(self.as_json(), ensure_ascii=False, allow_nan=False)


def say(answer: Answer, as_json: bool, show: Callable[[], object]) -> None:
    """Print the answer: as JSON, or as `show` does."""
    if as_json:
        print(answer.text())
    else:
        show()


def finite(value: Any) -> Any:
    """`value` with numbers JSON has no word for put as strings, and tuples as lists."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value
