"""Which rows of a table are asked daily: what is dear, and has neighbours of its kind in the table, is long.

Those that are dear for a reason are named beside their table, with `but_long`. Those that were measured to be are
listed in `dear.txt`, one a line, as pytest names them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["COLLECTED", "DEAR_OPS", "DEAR_ROWS", "MINUTES", "but_long", "function_of", "longest_first", "mark_dear"]

DEAR_ROWS = tuple(Path(__file__).with_name("dear.txt").read_text(encoding="utf-8").splitlines())
"""Rows that took over three tenths of a processor second, and are not the cheapest of their function."""

COLLECTED = pytest.StashKey[dict[str, bool]]()
"""Every test by its name, before any is left out: whether it is long."""

MINUTES = (
    "tests/docs/test_build.py::test_the_documentation",
    "tests/test_proofs.py::test_every_coq_file_is_closed_under_the_global_context",
    "tests/gpu/test_benchmarks.py::test_everything_for_a_gpu_runs_without_one_but_for_what_needs_it",
    "tests/theory/testing/test_mutants.py::test_every_mutant_is_caught_for_the_right_reason",
)
"""Functions of which one test takes minutes: begun last, it would be waited for by all but one worker."""

DEAR_OPS = frozenset((
    "attention-backward", "bidirectional-convolution-backward", "dimension-mixer-backward",
    "gated-convolution-backward", "implicit-filter-backward", "layer-norm-backward", "linear-recurrence-backward",
    "monarch-attention", "selective-scan-backward", "sequence-mixer", "sequence-mixer-backward",
    "short-convolution-backward",
))  # fmt: skip
"""Made of ops that are asked daily, or their gradients; others of their size are asked daily."""


def but_long(rows: Iterable[Any], dear: Collection[Any]) -> list[Any]:
    """The rows of a parametrisation, of which those that are dear are marked `long`."""
    return [pytest.param(*_parts(row), marks=pytest.mark.long if row in dear else ()) for row in rows]


def _parts(row: Any) -> tuple[Any, ...]:
    return row if isinstance(row, tuple) else (row,)


def function_of(row: str) -> str:
    """The test function that a row is of, with its file."""
    return row.partition("[")[0]


def mark_dear(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Mark the rows that are listed `long`, and keep what is."""
    listed = frozenset(DEAR_ROWS)
    for item in items:
        if item.nodeid in listed:
            item.add_marker(pytest.mark.long)
    config.stash[COLLECTED] = {item.nodeid: item.get_closest_marker("long") is not None for item in items}


def longest_first(items: list[Any]) -> None:
    """Put what takes minutes before the rest, in both halves of the list: two workers begin with one each."""
    longest = [item for item in items if function_of(item.nodeid) in MINUTES]
    rest = [item for item in items if function_of(item.nodeid) not in MINUTES]
    half = max(0, len(items) // 2 - len(longest[::2]))
    items[:] = [*longest[::2], *rest[:half], *longest[1::2], *rest[half:]]
