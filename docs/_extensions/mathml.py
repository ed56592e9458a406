"""Equations as MathML, converted while building: browsers draw it themselves, with no script, font or network.

A browser does not break an equation, and a phone is narrow: a long one becomes several `<math>` elements, on one line
where there is room, and each begins with the relation before which a mathematician would break it.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

LONG = 44
"""Characters of LaTeX above which an equation within a sentence may be broken."""

QUAD = re.compile(r"\\q?quad(?![a-zA-Z])")
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
RELATIONS = {
    "=",
    *(rf"\{name}" for name in ("le", "ge", "lt", "gt", "equiv", "iff", "approx", "mapsto", "in", "leq", "geq")),
}
OPENING, CLOSING = {"(", "[", "{", r"\{", r"\lfloor", r"\lceil"}, {")", "]", "}", r"\}", r"\rfloor", r"\rceil"}


def mathml(latex: str, display: str) -> str:
    """`latex` as one `<math>` element that keeps its source as alternative text; `display` inline, block or styled.

    Styled is in a line, and its sums and fractions are as large as in a block.
    """
    markup = convert(latex, display="block" if display == "block" else "inline")
    style = 'displaystyle="true" ' if display == "styled" else ""
    return markup.replace("<math ", f'<math {style}alttext="{escape(latex.strip(), quote=True)}" ', 1)


def broken(latex: str) -> Iterator[str]:
    """The pieces of an equation, each but the first from a relation or from words on that stand in no bracket.

    >>> list(broken(r"M_{i=0} = [a = b] x \\le 1"))
    ['M_{i=0} ', '= [a = b] x ', '\\\\le 1']
    """
    depth, piece, words = 0, "", False
    for token in TOKEN.findall(latex):
        depth += (token in OPENING) - (token in CLOSING)
        if (token in RELATIONS or token == r"\text") and depth == 0 and piece.strip():
            yield piece
            piece = ""
        words = words or (token == r"\text" and depth == 0)
        piece += token
        if words and token == "}" and depth == 0:
            yield piece
            piece, words = "", False
    if piece.strip():
        yield piece


def whole(latex: str) -> bool:
    """Whether an equation has parts that must stay together: rows, or brackets that grow with what is in them."""
    return r"\begin" in latex or r"\left" in latex


def line(pieces: Iterable[str], display: str) -> str:
    """Pieces beside one another, between which a line may end."""
    return "<wbr>".join(mathml(piece, display) for piece in pieces)


def visit_inline(translator, node: nodes.math) -> None:
    latex = node.astext()
    pieces = [latex] if len(latex) < LONG or whole(latex) else list(broken(latex))
    translator.body.append(line(pieces, "inline"))
    raise nodes.SkipNode


def visit_block(translator, node: nodes.math_block) -> None:
    latex = node.astext()
    number = f'<span class="eqno">({node["number"]})</span>' if node["number"] else ""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if whole(latex):
        body = mathml(latex, "block")
    else:
        parts = [line(broken(part), "styled") for part in QUAD.split(latex) if part.strip()]
        body = " &emsp; ".join(f'<span class="part">{part}</span>' for part in parts)
    translator.body.append(f"{number}{body}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
