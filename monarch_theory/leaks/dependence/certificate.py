"""A proof as a file: every value with its claim, and for every step the rule that gives it from others.

The file holds no code and no names of operators that count: values, rules, and which outputs must depend on nothing
later, or nothing earlier than some place either. `recheck` reads it with a program of its own. What it takes on trust
is said there.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from monarch_theory.leaks.dependence.record import Application
from monarch_theory.leaks.dependence.spectrum import Spectrum
from monarch_theory.leaks.dependence.value import Dependence

__all__ = ["FORMAT", "certificate", "packed"]

FORMAT = "monarch dependence certificate 2"
LATER = "monarch dependence certificate 3"
"""One in which something is supposed or has a range, or that says what comes first of all that an output depends on."""
RUN = "run"


def packed(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON: dtype, shape and compressed bytes."""
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


class Writer:
    """Values by number; two with the same arrays and the same infinities are one."""

    def __init__(self, both: bool) -> None:
        self.both = both
        self.numbers: dict[tuple[Any, ...], int] = {}
        self.values: list[dict[str, Any]] = []
        self.kept: list[Dependence] = []

    def number(self, value: Dependence) -> int:
        """The number of a value, which is written when it is first met."""
        key = (
            value.shape,
            tuple(map(id, value.terms)),
            id(value.known),
            id(value.values),
            id(value.bounds),
            value.infinite,
        )
        if key not in self.numbers:
            self.numbers[key] = len(self.values)
            self.kept.append(value)  # so that no other array gets its identity
            self.values.append(
                {
                    "shape": list(value.shape),
                    "terms": [packed(t[..., 0]) for t in value.terms],
                    **({"reversed": [packed(t[..., 1]) for t in value.terms]} if self.both else {}),
                    "known": packed(value.known),
                    "values": packed(value.values),
                    "infinite": value.infinite,
                    **({} if value.bounds is None else {"bounds": packed(value.bounds)}),
                }
            )
        return self.numbers[key]

    def argument(self, argument: Any) -> Any:
        """An argument of a rule as JSON; of a function only that there is one."""
        if isinstance(argument, Dependence):
            return {"value": self.number(argument)}
        if isinstance(argument, Spectrum):
            return {"spectrum": self.number(argument.signal), "axis": argument.axis, "half": argument.half}
        if isinstance(argument, np.ndarray):
            return {"array": packed(argument)}
        if isinstance(argument, list | tuple | range):
            return [self.argument(a) for a in argument]
        if isinstance(argument, np.integer):
            return int(argument)
        if isinstance(argument, float) and not np.isfinite(argument):
            return {"number": str(argument)}
        return RUN if callable(argument) else argument


def certificate(
    steps: Sequence[tuple[str, Application]],
    outputs: Sequence[tuple[str, Dependence, int]],
    n: int,
    claim: str,
    stop: np.ndarray,
    start: np.ndarray | None = None,
) -> dict[str, Any]:
    """The certificate of a proof that output i depends on none but the inputs start[i] … stop[i] − 1.

    Args:
        steps: for each rule that was applied, the node of the graph it serves, in order; in the lattice `latest`, or
            `interval` where there is a `start`.
        outputs: name, value and sequence axis.
    """
    writer, written = Writer(start is not None), []
    for node, application in steps:
        arguments = {name: writer.argument(a) for name, a in application.arguments.items()}
        result = writer.argument(application.result)
        written.append({"rule": application.rule, "node": node, "arguments": arguments, "result": result})
    judged = [{"name": name, "value": writer.number(value), "axis": axis} for name, value, axis in outputs]
    supposed = any(application.rule in ("suppose", "ranged", "of_format") for _, application in steps)
    head = {"format": LATER if supposed or start is not None else FORMAT, "n": n, "claim": claim, "stop": stop.tolist()}
    head |= {} if start is None else {"start": start.tolist()}
    return {**head, "values": writer.values, "steps": written, "outputs": judged}
