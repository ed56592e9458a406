"""The documentation builds without a warning, every example runs, no link is broken, and nothing comes from outside."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from browser import CHROMIUM, complaints, deck_complaints, served

DOCS = Path(__file__).parents[2] / "docs"
for module in ("sphinx", "furo", "myst_nb", "sphinxcontrib.bibtex", "sphinx_design", "latex2mathml"):
    if find_spec(module) is None:  # nothing is imported: it is Sphinx, in a process of its own, that needs them
        pytest.skip("needs the documentation tools: pip install '.[docs]'", allow_module_level=True)
if find_spec("torch") is None:
    pytest.skip("the lesson on the M2 layer runs torch", allow_module_level=True)


def sphinx(*options: str, source: Path = DOCS) -> None:
    """Run Sphinx; what it prints when it fails is the message of the assertion."""
    command = [sys.executable, "-m", "sphinx", "-q", *options[:-1], str(source), options[-1]]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-12000:]}"


class Page(HTMLParser):
    """Where a page points, what it loads, and which places in it can be pointed at."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.equations = 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.places |= {named[key] for key in ("id", "name") if key in named}
        self.equations += tag == "math"
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        elif tag == "link" and named.get("rel") not in ("search", "index", "next", "prev", "author", "copyright"):
            self.loaded.append(named.get("href", ""))
        elif tag in ("script", "img", "iframe", "source") and "src" in named:
            self.loaded.append(named["src"])


def read(folder: Path) -> dict[Path, Page]:
    return {file.resolve(): Page(file) for file in folder.rglob("*.html") if "_static" not in file.parts}


def broken(file: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists():
        return True
    return bool(parts.fragment) and target in pages and unquote(parts.fragment) not in pages[target].places


def broken_links(pages: dict[Path, Page]) -> list[tuple[str, str]]:
    return [(file.name, link) for file, page in pages.items() for link in page.links if broken(file, link, pages)]


def loaded_from_outside(pages: dict[Path, Page]) -> list[tuple[str, str]]:
    return [(file.name, url) for file, page in pages.items() for url in page.loaded if urlsplit(url).netloc]


def read_by_a_browser(folder: Path) -> list[str]:
    """What Chromium has against any page or deck: every page there is, at both widths and in both colour schemes."""
    from printed import sides

    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[docs]'")
    if CHROMIUM is None:
        pytest.skip("all but what a browser sees was checked: needs the Debian package `chromium`")
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.html"))]
    names = [name for name in names if not re.match(r"_static|slides/", name)]
    decks = sorted((folder / "slides").glob("*.html"))
    with served(folder) as address, playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = complaints(chromium, address, names)
        for words in SEARCHED:
            first = first_result(chromium, address, words)
            found += [] if first.startswith("lessons/") else [f"a search for {words} finds {first} before any lesson"]
        found += [complaint for deck in decks for complaint in deck_complaints(chromium, deck)]
        chromium.close()
    for file in ("cheat-sheet.pdf", "paper.pdf"):
        found += [] if sides((folder / file).read_bytes()) == 2 else [f"{file} is not two pages"]
    return found


SEARCHED = ("causality", "convolution", "degrees", "factors", "padding", "expressivity", "tolerance")
"""What a student would look for: a lesson comes before the page of a module."""


def first_result(browser: Any, address: str, words: str) -> str:
    """The page that the search puts first."""
    page = browser.new_page()
    page.goto(f"{address}/search.html?q={words}")
    page.wait_for_function("Search.status?.textContent.includes('found')", timeout=60_000)
    found = page.locator("#search-results li a").first.get_attribute("href")
    page.close()
    return found or ""


@pytest.mark.long
def test_the_documentation(tmp_path: Path) -> None:
    """One test, so that it is built once: warnings are errors, and so is an example that does not run."""
    sphinx("-W", "--keep-going", "-j", "2", "-b", "html", str(tmp_path))  # what a page waits for keeps no core idle
    pages = read(tmp_path)
    names = {file.stem for file in pages}
    assert {"monarch_theory.monarch", "monarch_theory.causality.decision", "monarch_gpu.layers"} <= names
    assert broken_links(pages) == []
    assert loaded_from_outside(pages) == []
    assert not any("mathjax" in url.lower() or "katex" in url.lower() for page in pages.values() for url in page.loaded)
    lessons = {
        file.stem: page for file, page in pages.items() if file.parent.name == "lessons" and file.stem != "index"
    }
    assert set(lessons) == {file.stem for file in (DOCS / "lessons").glob("*.md")} - {"index"}
    assert all(page.equations > 5 for page in lessons.values())
    assert all(f"../notebooks/{name}.ipynb" in page.links for name, page in lessons.items())
    assert all(f"../slides/{name}.html" in page.links for name, page in lessons.items())
    assert {file.stem for file in (tmp_path / "slides").glob("*.html")} == set(lessons)
    assert all({"../symbols.html", "../glossary.html"} <= set(page.links) for page in lessons.values())
    assert read_by_a_browser(tmp_path) == []


@pytest.mark.long
def test_doctests_of_pages(tmp_path: Path) -> None:
    """The doctest directives, by themselves; executed pages and docstrings are run elsewhere."""
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser", "sphinx.ext.doctest"]\nroot_doc = "design"\n')
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        if "```{doctest}" in text:
            (tmp_path / page.name).write_text(text, encoding="utf-8")
    sphinx("-b", "doctest", str(tmp_path / "out"), source=tmp_path)
    summary = (tmp_path / "out" / "output.txt").read_text(encoding="utf-8")
    assert "0 failures in tests" in summary
    assert "    0 tests" not in summary


def test_broken_and_outside_links_are_seen(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(
        '<a id="here" href="two.html#there"></a><a href="two.html#nowhere"></a><a href="three.html"></a>'
        '<a href="#here"></a><a href="https://example.org/"></a><script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "two.html").write_text('<p id="there">$$</p>')
    pages = read(tmp_path)
    assert broken_links(pages) == [("one.html", "two.html#nowhere"), ("one.html", "three.html")]
    assert loaded_from_outside(pages) == [("one.html", "https://example.org/x.js")]


@pytest.mark.parametrize("pages", [1, 12], ids=["one page", "pages read side by side"])
def test_a_warning_fails_the_build(pages: int, tmp_path: Path) -> None:
    """One that a page gives while it is read, and one while it is written, also by processes side by side."""
    (tmp_path / "conf.py").touch()
    names = ["index", *(f"page{number}" for number in range(1, pages))]
    for name in names:
        (tmp_path / f"{name}.rst").write_text(":orphan:\n\nTitle\n=====\n\nIt is.\n")
    build = "-W", "--keep-going", "-j", "2", "-b", "html", str(tmp_path / "out")
    sphinx(*build, source=tmp_path)
    for fault, told in ((":doc:`nowhere`", "nowhere"), (".. figure:: absent.png", "absent.png")):
        (tmp_path / f"{names[-1]}.rst").write_text(f":orphan:\n\nTitle\n=====\n\n{fault}\n")
        with pytest.raises(AssertionError, match=told):
            sphinx("-E", *build, source=tmp_path)


@pytest.mark.long
def test_a_cell_that_fails_fails_the_build_in_its_own_words(tmp_path: Path) -> None:
    """With what `conf.py` says of executed cells, on pages that are read side by side."""
    said = [line for line in (DOCS / "conf.py").read_text(encoding="utf-8").splitlines() if line.startswith("nb_exec")]
    kept = [line for line in said if "cache_path" not in line]
    from jupyter_cache import get_cache

    executed = str(tmp_path / "executed")
    get_cache(executed).db  # noqa: B018  made before, as `cache_folder` does: pages side by side would each make it
    lines = ['extensions = ["myst_nb"]', f"nb_execution_cache_path = {executed!r}", *kept]
    (tmp_path / "conf.py").write_text("\n".join(lines))
    for name in ("index", *(f"page{number}" for number in range(11))):
        (tmp_path / f"{name}.md").write_text("---\norphan: true\n---\n\n# Title\n")
    front = "---\nfile_format: mystnb\nkernelspec: {name: python3}\norphan: true\n---\n\n# Title\n"
    (tmp_path / "page6.md").write_text(f"{front}\n```{{code-cell}} ipython3\n1 / 0\n```\n")
    with pytest.raises(AssertionError, match=r"(?s)page6\.md.*ZeroDivisionError"):
        sphinx("-W", "--keep-going", "-j", "2", "-b", "html", str(tmp_path / "out"), source=tmp_path)
