"""The documentation builds without a warning, every example runs, no link is broken, and nothing comes from outside."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).parents[2] / "docs"
for module in ("sphinx", "furo", "myst_nb", "sphinx_gallery", "sphinxcontrib.bibtex", "sphinx_design", "latex2mathml"):
    pytest.importorskip(module, reason="needs the documentation tools: pip install '.[docs]'")
pytest.importorskip("torch", reason="the lesson on the M2 layer runs torch")


def sphinx(builder: str, folder: Path) -> str:
    """Run a builder with warnings as errors; what it prints when it fails is the message of the assertion."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder]
    command += ["-d", str(folder / "doctrees"), str(DOCS), str(folder / builder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-12000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    sphinx("html", folder)
    return folder


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


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, Page]:
    return {file.resolve(): Page(file) for file in (built / "html").rglob("*.html") if "_static" not in file.parts}


def broken(file: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists():
        return True
    return bool(parts.fragment) and target in pages and unquote(parts.fragment) not in pages[target].places


def test_no_link_is_broken(pages: dict[Path, Page]) -> None:
    assert len(pages) > 50
    assert [(f.name, link) for f, page in pages.items() for link in page.links if broken(f, link, pages)] == []


def test_a_broken_link_would_be_seen(pages: dict[Path, Page]) -> None:
    file = next(f for f in pages if f.name == "start.html")
    assert broken(file, "nowhere.html", pages)
    assert broken(file, "index.html#nowhere", pages)
    assert not broken(file, "index.html", pages)


def test_nothing_is_loaded_from_outside(pages: dict[Path, Page]) -> None:
    outside = [(f.name, url) for f, page in pages.items() for url in page.loaded if urlsplit(url).netloc]
    assert outside == []


def test_equations_are_drawn_by_the_browser_alone(pages: dict[Path, Page]) -> None:
    lessons = [page for file, page in pages.items() if file.parent.name == "lessons" and file.stem != "index"]
    assert len(lessons) == 9
    assert all(page.equations > 5 for page in lessons)
    assert not any("mathjax" in url.lower() or "katex" in url.lower() for page in pages.values() for url in page.loaded)


def test_every_module_has_a_page(pages: dict[Path, Page]) -> None:
    names = {file.stem for file in pages}
    assert {"monarch_theory.monarch", "monarch_theory.causality.decide", "monarch_gpu.layers"} <= names


def test_doctests_of_pages(built: Path) -> None:
    sphinx("doctest", built)
    summary = (built / "doctest" / "output.txt").read_text(encoding="utf-8")
    assert "0 failures in tests" in summary and "    0 tests" not in summary
