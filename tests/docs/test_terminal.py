"""What commands print in pages: long sentences fold, and nothing else changes."""

import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("terminal", Path(__file__).parents[2] / "docs" / "terminal.py")
assert SPEC is not None and SPEC.loader is not None
terminal = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(terminal)


def test_a_long_sentence_goes_on_below_indented():
    first, *rest = terminal.folded("  " + "words " * 30).split("\n")
    assert len(first) <= terminal.WIDTH and all(line.startswith(" " * 6) and len(line) <= 96 for line in rest)


@pytest.mark.parametrize(
    "line", [" " * 100, " " * 95 + "a title in the middle", "short", "a    b" + " " * 90 + "c", "─" * 120]
)
def test_what_is_set_in_columns_stays(line):
    assert terminal.folded(line) == line
