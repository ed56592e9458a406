"""One reference page for every module there is, so that a new module cannot be forgotten; it says which are public."""

import ast
from collections.abc import Iterator
from pathlib import Path

from generated import write_pages
from sphinx.application import Sphinx

PACKAGES = ("monarch_theory", "monarch_gpu")
PUBLIC = Path(__file__).parents[1] / "reference" / "public.txt"
INTERNAL = "This module is internal: it may change, or be gone, in any version. :doc:`What is public <../index>`."


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Every public module below `root`, by dotted name, found without importing anything."""
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        if not (file.parent / "__init__.py").exists():  # data: files that are run, never imported
            continue
        if parts[-1] == "__init__":
            yield ".".join(parts[:-1]), file
        elif not any(part.startswith("_") for part in parts):
            yield ".".join(parts), file


def summary(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").replace("`", "").replace("\\", "\\\\").replace("|", "\\|")


def public() -> frozenset[str]:
    """Names of the modules whose names change only as the changelog says."""
    return frozenset(PUBLIC.read_text(encoding="utf-8").split())


def page(name: str, children: list[tuple[str, Path]]) -> str:
    note = [] if name in public() else [INTERNAL, ""]
    lines = [name, "=" * len(name), "", *note, f".. automodule:: {name}", ""]
    if children:
        lines += [".. list-table::", "   :widths: 30 70", ""]
        for child, file in children:
            lines += [f"   * - :doc:`{child.rpartition('.')[2]} <{child}>`", f"     - {summary(file)}"]
        lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {child}" for child, _ in children), ""]
    return "\n".join(lines)


def write_reference(app: Sphinx) -> None:
    found = [m for package in PACKAGES for m in modules(Path(app.srcdir).parent / package)]
    pages = {f"{name}.rst": page(name, [m for m in found if m[0].rpartition(".")[0] == name]) for name, _ in found}
    write_pages(Path(app.srcdir) / "reference" / "generated", pages)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_reference, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
