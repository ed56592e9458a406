"""A statement names the functions that rest on it, and their docstrings name the statement."""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.theorems import Grounds, grounds_of

PROOFS = Path(__file__).parents[1] / "proofs"
PAIRS = [
    (name, statement.parent.name)
    for statement in sorted(PROOFS.glob("*/statement.md"))
    for listed in re.findall(r"\*\*Rests on it:\*\*(.*?)\n\n", statement.read_text(), flags=re.DOTALL)
    for name in re.findall(r"`(monarch_(?:theory|gpu)[\w.]+)`", listed)
]


def named(path: str) -> object:
    """What a dotted path stands for: an attribute before a submodule of the same name."""
    package, *parts = path.split(".")
    if package == "monarch_gpu":
        pytest.importorskip("torch", reason="the extra `torch` is not installed")
    found: object = import_module(package)
    for part in parts:
        if not hasattr(found, part):
            import_module(f"{found.__name__}.{part}")  # type: ignore[attr-defined]
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("name", "theorem"), PAIRS, ids=lambda v: v.rpartition(".")[2])
def test_docstrings_name_their_theorem(name, theorem):
    assert f"proofs/{theorem}" in (named(name).__doc__ or "")


def coq_names(folder: str) -> set[str]:
    """Theorems and corollaries of a folder's Coq file."""
    source = (PROOFS / folder / "theorem.v").read_text(encoding="utf-8")
    return set(re.findall(r"^\s*(?:Theorem|Corollary)\s+(\w+)", source, flags=re.MULTILINE))


def theorems_named(text: str) -> list[tuple[str, str]]:
    """(folder, theorem) for each `proofs/FOLDER`, `theorem` … and `theorem` of a text."""
    listed = re.findall(r"`proofs/(\w+)`,((?:\s*(?:,|and)?\s*`\w+`)+)", text)
    return [(folder, name) for folder, names in listed for name in re.findall(r"`(\w+)`", names)]


def test_theorems_that_docstrings_name_are_in_the_coq_file():
    root = PROOFS.parent
    sources = [f for folder in ("monarch_theory", "monarch_gpu") for f in (root / folder).rglob("*.py")]
    found = {pair for f in sources for pair in theorems_named(f.read_text(encoding="utf-8"))}
    assert {("rounding", "inner_underflow"), ("ieee_formats", "nearest_sum")} <= found
    assert {(folder, name) for folder, name in found if name not in coq_names(folder)} == set()
    assert theorems_named("`proofs/a`, `b`, `c` and `d`. `proofs/e`") == [("a", "b"), ("a", "c"), ("a", "d")]


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_of_every_op_names_its_theorems(name):
    grounds = grounds_of(op_named(name))
    assert grounds == grounds_of(op_named(name)), "though some bounds are remembered"
    assert all((PROOFS / theorem / "statement.md").is_file() for theorem in grounds.theorems)
    assert bool(grounds.theorems) == (name != "embedding"), "which only copies"
    if ("convolution" in name and not name.startswith("short")) or "dft" in name or name == "fft":
        assert "rounding_in_norm" in grounds.theorems


def test_what_a_bound_rests_on_is_seen_and_not_said():
    whole = op_named("monarch-multiply")
    nothing = replace(whole, bound=lambda arrays, shape, model: np.zeros_like(arrays["x"]))
    assert grounds_of(nothing) == Grounds((), ())
    assert grounds_of(op_named("attention")).derived and not grounds_of(whole).derived


def test_theorems_that_a_statement_names_are_in_its_coq_file():
    for statement in PROOFS.glob("*/statement.md"):
        status = re.search(r"\*\*Status:\*\*(.*?)\n\n", statement.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert status
        if (statement.parent / "theorem.v").exists():
            here = coq_names(statement.parent.name)
            everywhere = here | {f.name for f in PROOFS.iterdir()}
            assert set(re.findall(r"`(\w+)`", status[1])) <= everywhere, statement
            assert set(re.findall(r"`(\w+)`", status[1])) & here, statement


def test_every_statement_names_something():
    assert {theorem for _, theorem in PAIRS} == {p.parent.name for p in PROOFS.glob("*/statement.md")}


TABLE = [
    [cell.strip() for cell in line.strip("|\n").split(" | ")]
    for line in (PROOFS.parent / "docs/reference/theorems.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| paper")
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[1][:30])
def test_what_the_table_calls_proved_has_a_folder(row):
    _, _, evidence, _, _, link = row
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
