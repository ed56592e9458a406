"""Every lesson as a notebook to download, which runs wherever the package is installed.

A page is written in MyST, which plain Jupyter does not read: its markup becomes plain Markdown here, its commands
become `!monarch …`, and the files of the repository that it names are written by the notebook itself.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from proof_statements import status
from pybtex.database import Entry, parse_file
from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
PAGES = ("start", "errata", "lessons/*")
FILE = re.compile(r"\b(?:docs|examples)/(?:[\w-]+/)*[\w-]+\.py\b")
OBJECT = re.compile(r"```\{literalinclude\} ([\w./-]+)\n:pyobject: (\w+)\n```")
INCLUDED = re.compile(r"```\{literalinclude\} ([\w./-]+)\n(?::.*\n)*```")
MARKUP = re.compile(r"\{[\w:]+\}`|^:::|^```\{|\)=$|<iframe", flags=re.MULTILINE)
"""What is left of MyST, where something was forgotten."""


def lessons() -> list[str]:
    """The pages that become notebooks, as Sphinx names them."""
    found = [page for pattern in PAGES for page in sorted(DOCS.glob(f"{pattern}.md"))]
    return [page.relative_to(DOCS).with_suffix("").as_posix() for page in found if "{code-cell}" in page.read_text()]


def notebook(name: str) -> NotebookNode:
    """The page `name` as a notebook."""
    read = read_myst_markdown_notebook((DOCS / f"{name}.md").read_text(encoding="utf-8"))
    numbers: dict[str, int] = {}
    written: set[Path] = set()
    cells: list[NotebookNode] = []
    for cell in read.cells:
        if cell.cell_type == "markdown":
            cell.source = OBJECT.sub(lambda found: quoted((DOCS / name).parent / found[1], found[2]), cell.source)
            files = [(DOCS / name).parent / included for included in INCLUDED.findall(cell.source)]
            cells.append(new_markdown_cell(markdown(cell.source, numbers)))
        else:
            files = [DOCS.parent / path for path in FILE.findall(cell.source)]
        for file in sorted({file.resolve() for file in files} - written):
            cells.append(new_code_cell(f"%%writefile {file.name}\n{file.read_text(encoding='utf-8')}"))
            written.add(file)
        if cell.cell_type == "code":
            # what is folded or left out on the page is shown where it can be run
            expected = {key: value for key, value in cell.metadata.items() if key == "expect"}
            cells.append(new_code_cell(commands(cell.source), metadata=expected))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # else drawn at random, and no two builds are alike
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": {"name": "python"}})
    return new_notebook(cells=cells, metadata=metadata)


def quoted(file: Path, name: str) -> str:
    """The function `name` of a file, as a block of code."""
    text = file.read_text(encoding="utf-8")
    (found,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name)
    return f"```python\n{ast.get_source_segment(text, found)}\n```"


def commands(source: str) -> str:
    """A cell with `shell(…)` of `terminal` as IPython's own `!…`, and files by their name alone.

    >>> print(commands('name = "examples/a.py:f"\\nshell(f"monarch causal {name}", status=1)'))
    name = "a.py:f"
    !monarch causal {name}
    """
    source = source.replace("from terminal import shell\n", "")
    source = re.sub(r'^shell\(f?"(.*?)"(?:, .*)?\)$', r"!\1", source, flags=re.MULTILINE)
    return FILE.sub(lambda path: Path(path[0]).name, source)


def markdown(source: str, numbers: dict[str, int]) -> str:
    """MyST as plain Markdown; `numbers` collects the numbers of labelled equations."""
    for pattern, replace in RULES:
        source = re.sub(pattern, replace, source, flags=re.MULTILINE | re.DOTALL)
    for label in re.findall(r"^\$\$ \(([\w-]+)\)$", source, flags=re.MULTILINE):
        numbers[label] = len(numbers) + 1
        source = source.replace(f"\n$$ ({label})", f" \\tag{{{numbers[label]}}}\n$$", 1)
    return re.sub(r"\{eq\}`([\w-]+)`", lambda found: f"({numbers.get(found[1], found[1])})", source).strip()


def admonition(found: re.Match[str]) -> str:
    return f"**{found[2]}.**\n{found[3]}"


def theorem(found: re.Match[str]) -> str:
    return f"**Theorem: {found[3]} ({status(found[2])}).**\n\n{found[4].strip()}\n"


def folded(found: re.Match[str]) -> str:
    return f"<details><summary>{found[2]}</summary>\n\n{found[3].strip()}\n\n</details>"


def citations(found: re.Match[str]) -> str:
    entries = parse_file(str(DOCS / "references.bib")).entries
    return "(" + "; ".join(citation(entries[key.strip()]) for key in found[1].split(",")) + ")"


def citation(entry: Entry) -> str:
    """Names and year, linked to the paper where it has an address."""
    names = [" ".join(person.last_names).replace("{\\'e}", "é") for person in entry.persons["author"]]
    short = f"{names[0]} et al." if len(names) > 2 or "others" in names else " and ".join(names)
    text = f"{short} {entry.fields['year']}"
    if "eprint" in entry.fields:
        return f"[{text}](https://arxiv.org/abs/{entry.fields['eprint']})"
    return f"[{text}](https://doi.org/{entry.fields['doi']})" if "doi" in entry.fields else text


def definition(found: re.Match[str]) -> str:
    body = re.sub(r"\n  ", "\n", found[2])
    return f"**{found[1]}**: {body}"


def link(found: re.Match[str]) -> str:
    """To another lesson, its notebook; to another page, its words alone."""
    target = Path(found[2]).stem
    return f"[{found[1]}]({target}.ipynb)" if f"lessons/{target}" in lessons() else found[1]


RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (INCLUDED.pattern, lambda found: f"(The file `{Path(found[1]).name}`, which the cell below writes.)"),
    (r"^(`{3}|:{3})\{dropdown\} ([^\n]*)\n(.*?)^\1$", folded),
    (r"^(:{3,})\{theorem\} (\w+) ([^\n]*)\n(.*?)^\1$", theorem),
    (r"^(:{3,})\{admonition\} ([^\n]*)\n(?::class:[^\n]*\n)?(.*?)^\1$", admonition),
    (r"\{cite\}`([^`]*)`", citations),
    (r"\{py:\w+\}`~?([^`]*)`", r"`\1`"),
    (r"\{(?:term|doc|ref)\}`([^`<]*?)(?: <[^`]*)?`", r"\1"),
    (r"^\([\w-]+\)=\n", ""),
    (r"[^\n]*:?\n\n<iframe [^\n]*</iframe>\n", ""),
    (r"^([^\n:`$|#-][^\n]*)\n: ((?:[^\n]+)(?:\n  [^\n]*)*)", definition),
    (r"\[([^\]]*)\]\(((?!https?:)[\w./-]+\.md)(?:#[\w-]*)?\)", link),
)
"""Pattern and replacement, one after the other."""


def write_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Beside the pages, in `notebooks/`."""
    if exception is not None or app.builder.format != "html":
        return
    for name in lessons():
        place = Path(app.outdir) / "notebooks" / f"{Path(name).name}.ipynb"
        place.parent.mkdir(exist_ok=True)
        nbformat.write(notebook(name), place)


def offer(app: Sphinx, name: str, template: str, context: dict, doctree: object) -> None:
    """A link below the title of a page that is a notebook, too."""
    if name in lessons() and "body" in context:
        place = f"{'../' * name.count('/')}notebooks/{Path(name).name}.ipynb"
        offered = f'<p class="notebook-link"><a href="{place}" download>Download this page as a notebook</a></p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{offered}", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", write_notebooks)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
