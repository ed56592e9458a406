"""What is printed: the cheat sheet and the paper, each on two pages, as PDF, where Chromium is there to print them."""

import re
import shutil
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

from markdown_it import MarkdownIt
from mathml import mathml
from notebooks import citation
from pybtex.database import parse_file
from pybtex.plugin import find_plugin
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
SHEET, PAPER = "cheat-sheet", "paper"

LAYOUT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
@page {{ size: A4; margin: 14mm 14mm 13mm; }}
@font-face {{ font-family: "STIX Two Math"; src: url("{font}"); }}
body {{ font: 8.6pt/1.27 "STIX Two Text", "Liberation Serif", "DejaVu Serif", serif; margin: 0; color: #000; }}
header {{ text-align: center; margin-bottom: 3mm; }}
h1 {{ font-size: 15pt; margin: 0 0 1.5mm; }}
main {{ columns: 2; column-gap: 7mm; text-align: justify; hyphens: auto; }}
h2 {{ font-size: 10.5pt; margin: 2.2mm 0 .8mm; break-after: avoid; }}
p {{ margin: 0 0 1.3mm; }}
code {{ font: 8pt monospace; }}
math {{ font-family: "STIX Two Math", math; }}
ol {{ margin: 0; padding-left: 4.5mm; font-size: 7.3pt; line-height: 1.2; text-align: left; overflow-wrap: anywhere; }}
a {{ color: inherit; text-decoration: none; }}
</style></head><body>
<header><h1>{title}</h1><p>{authors} · {date}</p></header>
<main>{body}</main></body></html>
"""


def paper() -> str:
    """`paper/paper.md` as a page to print: two columns, citations by name and year, and the references they are of."""
    _, front, body = (ROOT / "paper" / "paper.md").read_text(encoding="utf-8").split("---\n", 2)
    entries = parse_file(str(ROOT / "docs" / "references.bib")).entries
    cited: list[str] = []

    def cite(found: re.Match[str]) -> str:
        keys = re.findall(r"@([\w-]+)", found[1])
        cited.extend(key for key in keys if key not in cited)
        return f"({'; '.join(citation(entries[key]) for key in keys)})"

    text = re.sub(r"\[(@[^\]]+)\]", cite, body)
    text = re.sub(r"\$([^$]+)\$", lambda found: mathml(found[1], "inline"), text)
    written = MarkdownIt("commonmark", {"html": True}).render(re.sub(r"^# ", "## ", text, flags=re.MULTILINE))
    style = find_plugin("pybtex.style.formatting", "plain")()
    backend = find_plugin("pybtex.backends", "html")("utf-8")
    ordered = style.format_entries([entries[key] for key in cited])
    listed = "".join(f"<li>{entry.text.render(backend)}</li>" for entry in ordered)
    named = dict(re.findall(r'^(title|date): "?(.*?)"?$', front, flags=re.MULTILINE))
    authors = ", ".join(re.findall(r'- name: "([^"]*)"\n    affiliation', front))
    font = (ROOT / "docs" / "_static" / "fonts" / "stix-two-math.woff2").as_uri()
    return LAYOUT.format(
        title=escape(named["title"]),
        authors=escape(authors),
        date=escape(named["date"]),
        body=f"{written}<ol>{listed}</ol>",
        font=font,
    )


@cache
def chromium() -> str | None:
    """The browser that prints, if it and its driver are installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found if find_spec("playwright") else None


def printed(page: Path, pdf: Path) -> int:
    """Print a page into a PDF, on the paper that its style asks for; how many sides it has."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        shown = browser.new_page()
        shown.goto(page.resolve().as_uri())
        shown.evaluate("document.fonts.ready.then(() => true)")
        made = shown.pdf(path=str(pdf), prefer_css_page_size=True)
        browser.close()
    return sides(made)


def sides(pdf: bytes) -> int:
    """How many pages a PDF of Chromium has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def print_pages(app: Sphinx, exception: Exception | None) -> None:
    """Beside the pages: cheat-sheet.pdf and paper.pdf."""
    if exception is not None or app.builder.format != "html" or chromium() is None:
        return
    out = Path(app.outdir)
    printed(out / f"{SHEET}.html", out / f"{SHEET}.pdf")
    draft = out / f"{PAPER}.tmp.html"
    draft.write_text(paper(), encoding="utf-8")
    printed(draft, out / f"{PAPER}.pdf")
    draft.unlink()


def offer(app: Sphinx, name: str, template: str, context: dict, doctree: object) -> None:
    """A link below the title of what is printed."""
    if name in (SHEET, "bibliography") and "body" in context and chromium() is not None:
        file, words = (SHEET, "This sheet") if name == SHEET else (PAPER, "The paper on this toolkit")
        offered = f'<p class="notebook-link"><a href="{file}.pdf">{words} as PDF, two pages</a></p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{offered}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", print_pages)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
