"""The bibliography: every work leads to arXiv or by its DOI, and every work that pages cite is there."""

import re
from pathlib import Path

import pytest

pytest.importorskip("pybtex", reason="needs the documentation tools: pip install '.[docs]'")

from pybtex.database import parse_file
from pybtex.plugin import find_plugin

DOCS = Path(__file__).parents[2] / "docs"
ENTRIES = parse_file(str(DOCS / "references.bib")).entries
WITHOUT = {"gohberg1994complexity", "vanderhoeven2002relax"}
"""Works of which no page was found that gives their DOI."""


@pytest.mark.parametrize("key", ENTRIES)
def test_a_work_is_linked(key):
    style, backend = find_plugin("pybtex.style.formatting", "plain")(), find_plugin("pybtex.backends", "html")("utf-8")
    (entry,) = style.format_entries([ENTRIES[key]])
    links = re.findall(r'href="(https://(?:arxiv\.org/abs|doi\.org)/[^"]+)"', entry.text.render(backend))
    assert bool(links) != (key in WITHOUT)


def test_what_is_cited_is_listed():
    pages = [page for page in DOCS.rglob("*.md") if not {"_build", "generated"} & set(page.parts)]
    cited = [keys for page in pages for keys in re.findall(r"\{cite\}`([^`]*)`", page.read_text(encoding="utf-8"))]
    assert {key.strip() for keys in cited for key in keys.split(",")} <= set(ENTRIES)
