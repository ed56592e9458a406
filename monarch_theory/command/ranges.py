"""Which numbers an option takes: one row a name, held for every command before anything is loaded; NaN is never one."""

from __future__ import annotations

from typing import Any

import typer

__all__ = ["RANGES", "check_number", "range_of"]

Range = tuple[float, float]

LARGE = 2**31 - 1
LONG = 10_000_000
"""Seconds, about four months."""

RANGES: dict[str, Range] = {
    "accuracy": (0, 1),
    "bandwidth": (1e-3, 1e9),
    "batch": (1, LARGE),
    "blocks": (1, LARGE),
    "budget": (1e-3, LONG),
    "cases": (1, 10_000_000),
    "checkpoint_every": (1, LARGE),
    "count": (0, LARGE),
    "failure": (0, 1),
    "inputs": (1, 2**24),
    "keep": (1, LARGE),
    "layer_budget": (1e-3, LONG),
    "leak": (0, LARGE),
    "learning_rate": (0, 1_000_000),
    "lookahead": (-LARGE, LARGE),
    "max_size": (1, LARGE),
    "memory": (0, 2**20),
    "microbatches": (1, LARGE),
    "n": (1, 2**26),
    "offset": (-LARGE, LARGE),
    "order": (1, 64),
    "output_axis": (-64, 64),
    "outputs": (1, 2**24),
    "parameters": (0, 2**63 - 1),
    "peak": (1e-6, 1e9),
    "prefix": (0, LARGE),
    "randomise": (0, 1_000_000),
    "rank": (1, LARGE),
    "runs": (0, LARGE),
    "search": (0, LARGE),
    "seed": (0, 2**63 - 1),
    "seeds": (1, 1000),
    "size": (0, LARGE),
    "steps": (0, LARGE),
    "stride": (1, LARGE),
    "temperature": (0, 1_000_000),
    "timeout": (1e-3, LONG),
    "vocab": (1, LARGE),
    "whole_budget": (1e-3, LONG),
    "window": (1, LARGE),
    "workers": (1, 4096),
}
"""By the name of the option, which means the same in every command."""

OTHERWISE: Range = (-LARGE, LARGE)


def range_of(option: str) -> Range:
    """The least and the largest number; of an option without a row, numbers of 32 bits.

    >>> range_of("failure")
    (0, 1)
    """
    return RANGES.get(option, OTHERWISE)


def check_number(option: str, value: Any) -> None:
    """Refuse the value of an option, or a value of one that may be repeated, if it is a number out of range.

    Raises:
        typer.BadParameter: saying what was expected.

    >>> try:
    ...     check_number("timeout", float("inf"))
    ... except typer.BadParameter as error:
    ...     print(error.message)
    expected 0.001 to 10000000, got inf
    """
    low, high = range_of(option)
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, int | float) and not isinstance(number, bool) and not low <= number <= high:
            raise typer.BadParameter(f"expected {low} to {high}, got {number}")
