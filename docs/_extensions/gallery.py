"""The pictures to project, each as SVG and PDF with the command that writes it, drawn while building."""

import inspect
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from written_math import inline

from monarch_theory.gallery import GALLERY, Picture, write

HEADER = """# Figures

Pictures to project or to print. `monarch picture` lists them, and one command writes each, wherever the package is
installed. Each [lesson](../lessons/index.md) has slides, too.
"""


def entry(name: str, row: Picture) -> Iterator[str]:
    """One picture: what it is, itself, how to have it, and the code that draws it."""
    yield f"## {row.title}\n\n{inline(' '.join(row.text.split()))}\n"
    yield f"```{{image}} {name}.svg\n:alt: {row.shows}\n:class: figure-to-project\n```\n"
    yield f"{{download}}`SVG <{name}.svg>` · {{download}}`PDF <{name}.pdf>` · `monarch picture {name} {name}.pdf`\n"
    yield f"````{{dropdown}} The code\n```python\n{inspect.getsource(row.draw)}```\n````\n"


def page() -> str:
    """All of them, in MyST."""
    return "\n".join([HEADER, *(line for name, row in GALLERY.items() for line in entry(name, row))])


def write_gallery(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "gallery"
    folder.mkdir(exist_ok=True)
    wanted = {f"{name}.{kind}" for name in GALLERY for kind in ("svg", "pdf")} | {"index.md"}
    for old in folder.iterdir():
        if old.is_file() and old.name not in wanted:
            old.unlink()
    for name in GALLERY:
        for kind in ("svg", "pdf"):
            write(name, folder / f"{name}.{kind}")
    text = page()
    if not (folder / "index.md").exists() or (folder / "index.md").read_text(encoding="utf-8") != text:
        (folder / "index.md").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_gallery, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
