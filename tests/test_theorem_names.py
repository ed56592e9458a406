"""A statement names the functions that rest on it, and their docstrings name the statement."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PROOFS = Path(__file__).parents[1] / "proofs"
PAIRS = [
    (name, statement.parent.name)
    for statement in sorted(PROOFS.glob("*/statement.md"))
    for listed in re.findall(r"\*\*Rests on it:\*\*(.*?)\n\n", statement.read_text(), flags=re.DOTALL)
    for name in re.findall(r"`(monarch_theory[\w.]+)`", listed)
]


def named(path: str) -> object:
    """What a dotted path stands for: an attribute before a submodule of the same name."""
    found: object = import_module("monarch_theory")
    for part in path.split(".")[1:]:
        if not hasattr(found, part):
            import_module(f"{found.__name__}.{part}")  # type: ignore[attr-defined]
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("name", "theorem"), PAIRS, ids=lambda v: v.rpartition(".")[2])
def test_docstrings_name_their_theorem(name, theorem):
    assert f"proofs/{theorem}" in (named(name).__doc__ or "")


def test_every_statement_names_something():
    assert {theorem for _, theorem in PAIRS} == {p.parent.name for p in PROOFS.glob("*/statement.md")}
