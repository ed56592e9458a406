"""One page for each `proofs/NAME/statement.md`, with its mathematics set, and one for what Coq reads.

A lesson quotes a theorem in a box, which says how it is known and leads to statement, proof and Coq:

    :::{theorem} causality_sufficient A sufficient condition
    Let …
    :::
"""

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from generated import write_pages
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from written_math import converted

PROOFS = Path(__file__).parents[2] / "proofs"

HEADER = """# Proved theorems

The line *Status* of each page says what is proved for all sizes, by Coq or by hand (the derivation below it), and what
is decided at the sizes named (exact) or observed in floating point (measured). The check of each folder in `proofs/`
also refuses false variants of its statement. [What the Coq proofs share](foundations_coq.md) has a page of its own.
"""

ORPHAN = "---\norphan: true\n---\n\n"
"""A page that is linked from its statement, and not listed beside it."""

BEGINS = re.compile(
    r"^(?:Theorem|Lemma|Corollary|Definition|Fixpoint|Fact|Record|Inductive|Variant) (\w+)", re.MULTILINE
)


def without_local_links(text: str) -> str:
    """Links to files beside the statement name those files instead; links outside stay."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


@cache
def status(name: str) -> str:
    """How a theorem is known, in the words of its statement: the first sentence of *Status*."""
    text = (PROOFS / name / "statement.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"\*\*Status:\*\*\s+(.*?)[.;(]", text, flags=re.DOTALL)
    return " ".join(found.split())


def linked(text: str, lemmas: set[str], name: str, theorems: set[str]) -> str:
    """Names of lemmas lead to the Coq file, names of theorems to their pages."""

    def link(found: re.Match[str]) -> str:
        word = found[1]
        if word in lemmas:
            return f"[`{word}`]({name}_coq.md#{anchor(name, word)})"
        return f"[`{word}`]({word}.md)" if word in theorems and word != name else found[0]

    text = re.sub(r"`(monarch_theory\.[\w.]+)`", r"{py:obj}`~\1`", text)
    text = re.sub(r"THEORY §(\d)", r"[THEORY §\1](/reference/theory.md)", text)
    return re.sub(r"`(\w+)`", link, text)


def anchor(name: str, lemma: str) -> str:
    return f"coq-{name}-{lemma}".replace("_", "-").lower()


def coq_page(name: str, source: str, wanted: set[str]) -> str:
    """A Coq file, with a place to point at before each lemma that the statement names."""
    title = f"{ORPHAN}# {name.replace('_', ' ').capitalize()}, as Coq reads it\n"
    above = (
        f"`proofs/{name}/theorem.v`, which `monarch prove {name}` has Coq read. In words: [the statement]({name}.md).\n"
    )
    places = [found.start() for found in BEGINS.finditer(source) if found[1] in wanted]
    pieces = [source[start:end] for start, end in zip([0, *places], [*places, len(source)], strict=True)]
    body = []
    for piece in filter(str.strip, pieces):
        named = BEGINS.match(piece)
        target = f"({anchor(name, named[1])})=\n" if named and named[1] in wanted else ""
        body.append(f"{target}```coq\n{piece.strip()}\n```\n")
    return "\n".join([title, above, *body])


def foundations() -> str:
    """What the Coq files share, file after file."""
    files = sorted((PROOFS / "foundations").glob("*.v"))
    shown = [f"## {file.name}\n\n```coq\n{file.read_text(encoding='utf-8').strip()}\n```\n" for file in files]
    return "\n".join([f"{ORPHAN}# What the Coq proofs share\n\nThe files of `proofs/foundations`.\n", *shown])


def page(name: str, theorems: set[str]) -> str:
    """The statement of a theorem, with links."""
    text = without_local_links((PROOFS / name / "statement.md").read_text(encoding="utf-8"))
    text = converted(text if text.startswith("# ") else f"# {name.replace('_', ' ').capitalize()}\n\n{text}")
    theorem = PROOFS / name / "theorem.v"
    if not theorem.exists():
        return linked(text, set(), name, theorems)
    lemmas = set(BEGINS.findall(theorem.read_text(encoding="utf-8"))) & mentioned(name)
    text = text.replace("\n\n## Proof", f"\n\n**Coq:** [the whole file]({name}_coq.md).\n\n## Proof", 1)
    return linked(text, lemmas, name, theorems)


def mentioned(name: str) -> set[str]:
    """The words that the statement sets as code."""
    return set(re.findall(r"`(\w+)`", (PROOFS / name / "statement.md").read_text(encoding="utf-8")))


def write_statements(app: Sphinx) -> None:
    names = sorted(statement.parent.name for statement in PROOFS.glob("*/statement.md"))
    pages = {f"{name}.md": page(name, set(names)) for name in names}
    coq = [name for name in names if (PROOFS / name / "theorem.v").exists()]
    for name in coq:
        source = (PROOFS / name / "theorem.v").read_text(encoding="utf-8")
        pages[f"{name}_coq.md"] = coq_page(name, source, mentioned(name))
    pages["foundations_coq.md"] = foundations()
    toctree = ["", "```{toctree}", ":maxdepth: 1", "", *names, "```", ""]
    pages["index.md"] = HEADER + "\n".join(toctree)
    write_pages(Path(app.srcdir) / "reference" / "proofs", pages)


class Theorem(SphinxDirective):
    """A theorem in a box: the folder of its proof and a title, then the statement."""

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if not (PROOFS / name / "statement.md").exists():
            raise self.error(f"theorem: expected the name of a folder in proofs/, got {name!r}")
        title = self.arguments[1] if len(self.arguments) > 1 else name.replace("_", " ")
        links = f"[Statement and proof](/reference/proofs/{name}.md)"
        if (PROOFS / name / "theorem.v").exists():
            links += f" · [Coq](/reference/proofs/{name}_coq.md)"
        box = nodes.admonition(classes=["theorem"])
        text, messages = self.state.inline_text(f"Theorem: {title} ({status(name)})", self.lineno)
        box += nodes.title("", "", *text)
        self.content.append("", "")
        self.content.append(links, "")
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box, *messages]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_statements, priority=100)
    app.add_directive("theorem", Theorem)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
