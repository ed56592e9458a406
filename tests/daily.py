"""Which rows of a table are asked daily: what is dear, and has neighbours of its kind in the table, is long."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

__all__ = ["DEAR_OPS", "but_long"]

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
