"""Docstrings as they are written in this project, to reStructuredText: mathematics in plain text must survive.

Kept as markup: `code`, *emphasis*, **strong**, bullet lists, doctests, the sections Napoleon reads. Indented lines
become literal blocks, pipe tables become tables, and every other character stands for itself.
"""

import re
from collections.abc import Iterator

from sphinx.application import Sphinx

SECTION = re.compile(r"(Args|Arguments|Attributes|Raises|Returns|Yields|Example|Examples|Note|Notes):$")
CODE, STRONG, EMPHASIS = r"``[^`]+``|`[^`]+`", r"\*\*[^\s*](?:[^*]*[^\s*])?\*\*", r"\*[^\s*][^*]*?(?<!\s)\*"
MARKUP = re.compile(rf"({CODE}|(?<![\w*])(?:{STRONG}|{EMPHASIS})(?![\w*]))")


def escaped(line: str) -> str:
    """The line with every character outside markup standing for itself."""
    pieces = MARKUP.split(line)
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            pieces[index] = re.sub(r"([\\|*`]|_(?!\w)|(?<!\w)_)", r"\\\1", piece)
        elif piece.startswith("`"):
            before, after = pieces[index - 1], pieces[index + 1]
            word = ("\\ " if before[-1:].isalnum() else "", "\\ " if after[:1].isalnum() else "")
            pieces[index] = f"{word[0]}``{piece.strip('`')}``{word[1]}"
    return "".join(pieces)


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def table(rows: list[str]) -> Iterator[str]:
    """A pipe table as a list-table."""
    cells = [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]
    yield from (".. list-table::", "   :header-rows: 1", "")
    for row in (cells[0], *cells[2:]):
        for column, cell in enumerate(row):
            yield f"   {'* -' if column == 0 else '  -'} {escaped(cell)}".rstrip()
    yield ""


def restructured(lines: list[str]) -> Iterator[str]:
    """The docstring, block by block: a block ends at an empty line."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    section, listed = False, False
    for block in filter(None, blocks):
        first = block[0].strip()
        margin = indent_of(block[0])
        if SECTION.match(first) and margin == 0:
            section = True
        elif margin == 0:
            section = False
        bullet = bool(re.match(r"([*-]|\d+\.) ", first))
        if first.startswith(">>>"):
            yield from block
        elif len(block) > 2 and all(row.strip().startswith("|") for row in block):
            yield from table(block)
        elif margin >= 2 and not section and not bullet and not listed:
            yield from ("::", "", *block)
        else:
            yield from paragraphs(block)
        listed = bullet or (listed and margin > 0)
        yield ""


def paragraphs(block: list[str]) -> Iterator[str]:
    """A paragraph, list or section; a list that follows text with no empty line between gets one."""
    previous = ""
    for line in block:
        bullet = re.match(r"(\s*)([*-]) (.*)", line)
        if bullet:
            if previous and not re.match(r"\s*[*-] ", previous) and indent_of(previous) <= indent_of(line):
                yield ""
            yield f"{bullet[1]}* {escaped(bullet[3])}"
        else:
            yield escaped(line)
        previous = line


def process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = list(restructured(lines))
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")  # else Napoleon reads what stands before the first colon as a type


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process, priority=400)  # before Napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
