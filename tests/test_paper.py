"""The paper is two pages, cites what the bibliography has, and names only commands that there are."""

import re
from pathlib import Path

import pytest

from monarch_theory.command.rooms import rooms

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "paper" / "paper.md"
FRONT, BODY = PAPER.read_text(encoding="utf-8").removeprefix("---\n").split("\n---\n", 1)


def test_the_front_matter_is_what_the_journal_asks_for():
    yaml = pytest.importorskip("yaml", reason="needs a reader of YAML, which the documentation tools bring")
    front = yaml.safe_load(FRONT)
    assert set(front) == {"title", "tags", "authors", "affiliations", "date", "bibliography"}
    indices = {affiliation["index"] for affiliation in front["affiliations"]}
    assert front["authors"] and all(author["name"] and author["affiliation"] in indices for author in front["authors"])
    assert (PAPER.parent / front["bibliography"]).is_file()


def test_it_is_two_pages_with_the_sections_the_journal_asks_for():
    assert 700 <= len(re.sub(r"\[@[^\]]*\]|[#*$`]", " ", BODY).split()) <= 1200
    sections = re.findall(r"^# (.*)$", BODY, flags=re.MULTILINE)
    assert sections[:2] == ["Summary", "Statement of need"]
    assert "State of the field" in sections and sections[-1] == "References"


def test_it_is_built_and_two_pages(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_extensions")
    for module in ("sphinx", "markdown_it", "pybtex", "latex2mathml", "playwright"):
        pytest.importorskip(module, reason="needs the documentation tools: pip install '.[docs]'")
    import printed

    page = printed.paper()
    assert "[@" not in page and page.count("<li>") == len(set(re.findall(r"@([\w-]+)", BODY)))
    if printed.chromium() is None:
        pytest.skip("it is built, and not printed: needs the Debian package `chromium`")
    (tmp_path / "paper.html").write_text(page, encoding="utf-8")
    assert printed.printed(tmp_path / "paper.html", tmp_path / "paper.pdf") == 2


def test_every_citation_resolves():
    entries = set(re.findall(r"^@\w+\{([\w-]+),$", (ROOT / "docs" / "references.bib").read_text(), flags=re.MULTILINE))
    cited = set(re.findall(r"@([\w-]+)", BODY))
    assert len(cited) >= 10 and cited <= entries


def test_every_command_it_names_is_one():
    assert set(re.findall(r"`monarch ([\w-]+)", BODY)) <= {room.name for room in rooms()}
