"""One notation everywhere: letters that were given up stand nowhere, and names that pages refer to exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = {"_build", "generated", "commands", "gallery", "reveal"}
"""Folders of what the build writes, or what is not ours."""

GIVEN_UP = re.compile(r"\bj_?\{?[01]\b|\(t, ?s\)|\bL_\{?s\b|\bR_\{?j\b|\btb ?\+ ?s\b")
"""Other letters for the digits: j1 and j0 for a_0 and a_1, t and s for i_1 and i_0."""


def pages() -> list[Path]:
    """Pages as they are written, by hand."""
    found = [page for page in (ROOT / "docs").rglob("*.md") if not WRITTEN & set(page.parts)]
    return sorted(page for page in found if page.parent.name != "proofs")


def read_by_people() -> list[Path]:
    """Pages, statements with their checks, docstrings and messages."""
    code = [file for package in ("monarch_theory", "monarch_gpu") for file in (ROOT / package).rglob("*.py")]
    proofs = [*ROOT.glob("proofs/*/statement.md"), *ROOT.glob("proofs/*/check.py")]
    return [*pages(), *proofs, *code, ROOT / "README.md", ROOT / "paper" / "paper.md"]


def test_digits_have_one_name():
    left = {
        str(file.relative_to(ROOT)): found[0]
        for file in read_by_people()
        if (found := GIVEN_UP.search(file.read_text(encoding="utf-8")))
    }
    assert left == {}


@pytest.mark.parametrize("text", ["ℓ_{j0}", "M[(t, s), (a_0, a_1)]", "$L_s$", "$j_1 b$", "R_{j", "i = tb + s"])
def test_letters_that_were_given_up_are_seen(text):
    assert GIVEN_UP.search(text)


def target(role: str, name: str) -> object:
    """What a reference of a page leads to."""
    if role == "mod":
        return import_module(name)
    parts = name.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        try:
            found: object = import_module(".".join(parts[:depth]))
        except ModuleNotFoundError:
            continue
        for part in parts[depth:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_what_a_page_refers_to_exists(page):
    """Sphinx leaves a name that it does not know as it is, without a word."""
    for role, name in re.findall(r"\{py:(\w+)\}`~?([\w.]+)`", page.read_text(encoding="utf-8")):
        if name.startswith("monarch_gpu"):
            pytest.importorskip("torch", reason="the extra `torch` is not installed")
        assert target(role, name) is not None, (role, name)


LESSONS = sorted(set((ROOT / "docs" / "lessons").glob("*.md")) - {ROOT / "docs" / "lessons" / "index.md"})
WITHOUT = {"published-model": "it states no theorem: it is about what names and numbers of a file mean"}
"""Lessons without a theorem in a box, each with its reason."""


def boxes(text: str) -> set[str]:
    """The theorems that a page quotes in boxes."""
    return set(re.findall(r"^:{3,}\{theorem\} (\w+) ", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_theorems_stand_in_boxes(page):
    """The box of a lesson leads to the statement, the proof and Coq; what a lesson links to is boxed in some lesson."""
    text = page.read_text(encoding="utf-8")
    boxed = boxes(text)
    assert bool(boxed) != (page.stem in WITHOUT)
    assert all((ROOT / "proofs" / name / "statement.md").exists() for name in boxed)
    linked = set(re.findall(r"reference/proofs/(\w+)\.md", text)) - {"index"}
    assert linked <= {name for other in LESSONS for name in boxes(other.read_text(encoding="utf-8"))}


def test_each_lesson_leads_to_symbols_and_glossary():
    for page in LESSONS:
        assert "[Symbols](../symbols.md) · [glossary](../glossary.md)" in page.read_text(encoding="utf-8"), page


def test_every_symbol_has_a_meaning_and_both_papers_have_a_column():
    text = (ROOT / "docs" / "symbols.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S.*?) \| (.*?) \|", text, flags=re.MULTILINE)
    assert len(rows) > 30 and all(meaning.strip() for _, meaning in rows)
    assert "| Fu et al. | Dao et al. |" in text


def test_the_table_of_theorems_leads_to_the_lessons_that_quote_them():
    numbered = re.findall(r"^([a-z0-9-]+)$", (ROOT / "docs" / "lessons" / "index.md").read_text(), flags=re.MULTILINE)
    rows = re.findall(
        r"^\| .* \| ([^|]*) \| \[(\w+)\]\(proofs/\w+\.md\) \|$",
        (ROOT / "docs" / "reference" / "theorems.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert {name for _, name in rows} == {statement.parent.name for statement in ROOT.glob("proofs/*/statement.md")}
    for page, name in rows:
        led = re.findall(r"\[lesson (\d+)\]\(\.\./lessons/([\w-]+)\.md\)", page)
        assert all(numbered[int(number) - 1] == lesson for number, lesson in led), page
        assert {path.stem for path in LESSONS if name in boxes(path.read_text(encoding="utf-8"))} <= {x for _, x in led}
