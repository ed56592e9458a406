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


TABLE = [
    [cell.strip() for cell in line.strip("|\n").split(" | ")]
    for line in (PROOFS.parent / "docs/reference/theorems.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| paper")
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[1][:30])
def test_what_the_table_calls_proved_has_a_folder(row):
    _, _, evidence, _, link = row
    folder = re.search(r"\(proofs/(\w+)\.md\)", link)
    if folder is None:
        assert "proved" not in evidence and "machine-checked" not in evidence
    else:
        assert (PROOFS / folder[1] / "statement.md").is_file()
        assert ("machine-checked" in evidence) == (PROOFS / folder[1] / "theorem.v").is_file()


def test_the_table_has_every_folder():
    assert {row[-1] for row in TABLE if row[-1] != "none"} == {
        f"[{p.parent.name}](proofs/{p.parent.name}.md)" for p in PROOFS.glob("*/statement.md")
    }


def test_every_section_of_the_theory_that_is_named_exists():
    """THEORY §n in a docstring, a proof or a test is a section of the page."""
    root = PROOFS.parent
    page = (root / "docs/reference/theory.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\d+)\. ", page, flags=re.MULTILINE))
    files = [f for folder in ("monarch_theory", "monarch_gpu", "proofs") for f in (root / folder).rglob("*.py")]
    files += list(PROOFS.rglob("*.md"))
    named = {n for f in files for n in re.findall(r"THEORY §(\d)", f.read_text(encoding="utf-8"))}
    assert named and named <= sections
