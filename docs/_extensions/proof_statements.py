"""One page for each `proofs/NAME/statement.md`, copied in while building, so that a theorem is stated in one place."""

import re
from pathlib import Path

from generated import write_pages
from sphinx.application import Sphinx

HEADER = """# Proved theorems

The line *Status* of each page says what is proved for all sizes, by Coq (the file `theorem.v`) or by hand (the
derivation below it), and what is decided at the sizes named (exact) or observed in floating point (measured). The
check of each folder in `proofs/` also refuses false variants of its statement.
"""


def without_local_links(text: str) -> str:
    """Links to files beside the statement name those files instead; links outside stay."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


def write_statements(app: Sphinx) -> None:
    pages = {}
    for statement in sorted((Path(app.srcdir).parent / "proofs").glob("*/statement.md")):
        name = statement.parent.name
        text = without_local_links(statement.read_text(encoding="utf-8"))
        pages[f"{name}.md"] = text if text.startswith("# ") else f"# {name.replace('_', ' ').capitalize()}\n\n{text}"
    names = [name.removesuffix(".md") for name in pages]
    toctree = ["", "```{toctree}", ":maxdepth: 1", "", *names, "```", ""] if names else []
    pages["index.md"] = HEADER + "\n".join(toctree)
    write_pages(Path(app.srcdir) / "reference" / "proofs", pages)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_statements, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
