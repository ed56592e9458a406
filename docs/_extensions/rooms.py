"""The rooms of the house and the arrows between them, read from the imports.

python docs/_extensions/rooms.py        writes the table of CONTRIBUTING.md anew
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("monarch_theory", "monarch_gpu")
PAGE = ROOT / "CONTRIBUTING.md"
HEADER = "| room | imports |\n| --- | --- |\n"


def room_of(module: str) -> str:
    """The room a module lies in: the subpackage or the module right below its package."""
    return ".".join(module.split(".")[:2])


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements of a tree, which are few beside its expressions, but for what is imported for types alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"):
            yield node
            for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                waiting += getattr(node, part, ())


def imported(file: Path) -> Iterator[str]:
    """The modules of these packages that a file imports when it runs, wherever in the file it does."""
    for node in statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith(PACKAGES))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGES):
            whole = node.module in PACKAGES
            yield from (f"{node.module}.{name.name}" if whole else str(node.module) for name in node.names)


def arrows() -> dict[str, set[str]]:
    """For every room, the other rooms it imports."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            here = found.setdefault(room_of(module), set())
            here |= {room_of(name) for name in imported(file)} - {room_of(module)} - set(PACKAGES)
    return {room: to for room, to in found.items() if room not in PACKAGES and not room.endswith("__main__")}


def floors(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The rooms by how long the longest way down from them is.

    Raises:
        graphlib.CycleError: rooms import one another in a circle.
    """
    height: dict[str, int] = {}
    for room in TopologicalSorter(arrows).static_order():
        height[room] = 1 + max((height[below] for below in arrows.get(room, ())), default=-1)
    return [sorted(room for room in height if height[room] == level) for level in range(max(height.values()) + 1)]


def shortest(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that do not follow from others: what a room reaches through another room it imports is left out."""
    reached: dict[str, set[str]] = {}
    for room in TopologicalSorter(arrows).static_order():
        below = arrows.get(room, set())
        reached[room] = below.union(*(reached[other] for other in below))
    return {room: below - set().union(*(reached[other] for other in below)) for room, below in arrows.items()}


def table(arrows: dict[str, set[str]]) -> str:
    """Which room imports which, as the rows of a Markdown table, from the ground up."""
    rows = []
    for floor in floors(arrows):
        for room in floor:
            below = ", ".join(f"`{name}`" for name in sorted(arrows.get(room, ()))) or "nothing"
            rows.append(f"| `{room}` | {below} |")
    return "\n".join(rows)


def written(page: str, rows: str) -> str:
    """A page with these rows for the table of rooms it holds."""
    head, rest = page.split(HEADER)
    _, separator, tail = rest.partition("\n\n")
    return f"{head}{HEADER}{rows}{separator}{tail}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(arrows())), encoding="utf-8")
