"""A deck of slides for every lesson, from its page: headings, first sentences, equations, theorems, pictures.

The decks are reveal.js, which is shipped beside them with its licence: they open from a folder, with no network.
"""

import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

LINES = 14
"""The most lines of code, or of output, that a slide shows."""

ROOM = 4
"""The most sentences and equations on a slide."""

DECK = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="reveal/reset.css">
<link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="slides.css">
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="reveal/reveal.js"></script>
<script>
const size = {{ width: 1280, height: 800, margin: 0.05 }};
Reveal.initialize({{ ...size, hash: true, slideNumber: true, center: false, transition: "none" }}).then(() => {{
  // what is too long for a slide is set smaller
  for (const slide of document.querySelectorAll(".slides section:not(.stack)")) {{
    slide.style.cssText += "display: block !important; visibility: hidden";
    const tall = slide.scrollHeight / size.height, wide = slide.scrollWidth / size.width;
    if (Math.max(tall, wide) > 1) slide.style.fontSize = `${{Math.max(55, 100 / Math.max(tall, wide))}}%`;
    slide.style.removeProperty("visibility");
    slide.style.removeProperty("display");
  }}
}});
</script>
</body>
</html>
"""


def first_sentence(paragraph: Tag) -> str:
    """A paragraph up to its first full stop, with its mathematics; one without a full stop is whole."""
    kept = []
    for child in list(paragraph.contents):
        text = str(child)
        if not isinstance(child, Tag):
            end = re.search(r"(?<![A-Z])[.:?](?=\s|$)", text)
            if end:
                kept.append(text[: end.end()])
                break
        kept.append(text)
    return f"<p>{''.join(kept)}</p>"


def shown(cell: Tag) -> Iterator[tuple[str, str]]:
    """What a code cell gives: pictures, each a slide, and short code with short output."""
    pictures = cell.select(".cell_output img")
    for picture in pictures:
        yield "picture", f'<img src="{escape(str(picture["src"]))}" alt="{escape(str(picture.get("alt", "")))}">'
    code = cell.select_one(".cell_input pre")
    output = cell.select_one(".cell_output pre")
    pieces = [piece.get_text().rstrip() for piece in (code, output) if piece]
    hidden = "tag_hide-cell" in cell.get("class", [])
    if output and not pictures and not hidden and sum(piece.count("\n") + 1 for piece in pieces) <= LINES:
        yield "code", "".join(f"<pre>{escape(piece)}</pre>" for piece in pieces)


def parts(section: Tag) -> Iterator[tuple[str, str]]:
    """The pieces of a section in their order: text, which shares slides, and what has a slide of its own."""
    for child in section.find_all(recursive=False):
        classes = child.get("class") or []
        if child.name == "p" and "notebook-link" not in classes and not child.get_text().startswith("Symbols ·"):
            yield "text", first_sentence(child)
        elif child.name == "div" and "math" in classes:
            yield "text", str(child)
        elif child.name in ("ul", "ol", "dl", "table") or {"theorem", "table-wrapper"} & set(classes):
            yield "alone", str(child)
        elif "cell" in classes:
            yield from shown(child)


def slides_of(heading: str, pieces: list[tuple[str, str]]) -> Iterator[str]:
    """Slides with one heading: text is gathered, everything else stands alone below the heading."""
    gathered: list[str] = []
    for kind, piece in pieces:
        if kind == "text":
            gathered.append(piece)
            if len(gathered) < ROOM:
                continue
        if gathered:
            yield f"<section><h2>{heading}</h2>{''.join(gathered)}</section>"
            gathered = []
        if kind != "text":
            yield f'<section class="{kind}"><h2>{heading}</h2>{piece}</section>'
    if gathered:
        yield f"<section><h2>{heading}</h2>{''.join(gathered)}</section>"


def deck(page: str, name: str) -> str:
    """The slides of a lesson, from its page.

    >>> section = "<section><h2>Two</h2><p>So.</p></section>"
    >>> page = f"<article><section><h1>One</h1><p>It is. It was.</p>{section}</section></article>"
    >>> re.findall(r"<h.>.*?</p>", deck(page, "one"))
    ['<h1>One</h1><p>It is.</p>', '<h2>Two</h2><p>So.</p>']
    """
    soup = BeautifulSoup(page, "html.parser")
    article = soup.article
    if article is None or article.section is None or article.h1 is None:
        raise ValueError(f"{name}: expected a page with an article and a title")
    for useless in article.select("a.headerlink, button, .copybtn"):
        useless.decompose()
    for within in article.select('a[href^="#"]'):
        within.unwrap()  # what it points at may be on no slide
    for pointed in article.find_all(id=True):
        del pointed["id"]
    title = article.h1.decode_contents()
    opening = "".join(piece for kind, piece in list(parts(article.section))[:2] if kind == "text")
    source = f'<p class="source"><a href="../lessons/{name}.html">The lesson, with its exercises</a></p>'
    stacks = [f"<section><h1>{title}</h1>{opening}{source}</section>"]
    for section in article.section.find_all("section", recursive=False):
        heading = section.h2.decode_contents() if section.h2 else ""
        made = [] if heading.startswith("Exercises") else list(slides_of(heading, list(parts(section))))
        if made:
            stacks.append(f"<section>{''.join(made)}</section>")
    return DECK.format(title=escape(article.h1.get_text()), slides="\n".join(stacks))


def write_slides(app: Sphinx, exception: Exception | None) -> None:
    """Beside the pages, in `slides/`."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    shutil.copytree(Path(app.srcdir) / "slides", out / "slides", dirs_exist_ok=True)
    for page in sorted((out / "lessons").glob("*.html")):
        if page.stem != "index":
            text = deck(page.read_text(encoding="utf-8"), page.stem)
            (out / "slides" / page.name).write_text(text, encoding="utf-8")


def offer(app: Sphinx, name: str, template: str, context: dict, doctree: object) -> None:
    """A link below the title of a lesson."""
    if name.startswith("lessons/") and name != "lessons/index" and "body" in context:
        link = f'<p class="notebook-link"><a href="../slides/{Path(name).name}.html">The slides of this lesson</a></p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{link}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", write_slides)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
