"""Other people's text, made fit for a terminal: names and messages may hold codes that move the cursor or hide text."""

from __future__ import annotations

import re

__all__ = ["encodable", "harmless", "one_line"]

COLOURS = r"\x1b\[(?:(?:[0-7]|9|[2-9]\d|10\d|[34]8;(?:5;\d+|2;\d+;\d+;\d+))(?:;|(?=m)))*m"
"""What a report is coloured with; 8, which conceals, is not among them."""

CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
"""Control characters but for tab and line feed, marks that turn the direction of writing, halves of characters."""

KEPT = re.compile(f"({COLOURS})|({CONTROL})")
SPELLED = re.compile(CONTROL)


def harmless(text: str, coloured: bool = False) -> str:
    r"""The text with control characters spelled out, as JSON spells them; with `coloured`, colours stay colours.

    >>> print(harmless("a\x1b[2Jb\x07"))
    a\u001b[2Jb\u0007
    >>> harmless("\x1b[1;32mcausal\x1b[0m\x1b[8m", coloured=True)
    '\x1b[1;32mcausal\x1b[0m\\u001b[8m'
    """
    if coloured:
        return KEPT.sub(lambda found: found[1] or _spelled(found[2]), text)
    return SPELLED.sub(lambda found: _spelled(found[0]), text)


def one_line(name: str) -> str:
    r"""A name with its line breaks spelled out: in a report, where a line is a statement, it could make statements.

    >>> print(one_line("layer\nverdict   right"))
    layer\nverdict   right
    """
    return name.replace("\n", r"\n")


def encodable(text: str, encoding: str | None) -> str:
    r"""The text with what an encoding has no bytes for spelled out, as JSON spells it.

    >>> encodable("é ≤ 𝔽", "latin-1")
    'é \\u2264 \\ud835\\udd3d'
    """
    try:
        text.encode(encoding or "utf-8")
        return text
    except UnicodeEncodeError as error:
        bad = text[error.start : error.end]
        return text[: error.start] + _spelled(bad) + encodable(text[error.end :], encoding)


def _spelled(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))
