"""All that a verdict on a kernel depends on, so that one that was written down is repeated only while nothing changed.

The kernel's file and the modules beside it that it imports are kept whole, as they may be needed elsewhere. Of the rest
there are digests: native code and arrays beside it, modules found by PYTHONPATH, the file of an op, every package that
is installed, Python, the machine, and this package itself. What a kernel reads by a name it computes is not seen.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["digest", "sources_of", "surroundings"]

NATIVE = (".so", ".pyd", ".cu", ".cuh", ".c", ".cc", ".cpp", ".h", ".hpp", ".ptx", ".cubin", ".npy", ".npz")
"""Files beside a kernel that count, whether or not it is seen to read them."""

DYNAMIC = {"importlib", "runpy", "__import__", "exec", "eval", "execfile"}
"""Names by which code imports what cannot be told from its text; then every module beside it counts."""

SWITCHES = ("TRITON_INTERPRET", "CUDA_VISIBLE_DEVICES", "NUMBA_DISABLE_JIT", "JAX_PLATFORMS")
"""Variables of the environment that change what runs a kernel."""


def digest(facts: Any) -> str:
    """Of anything that JSON can say.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def sources_of(path: Path) -> dict[str, str]:
    """The file and the modules beside it that it imports, and they in turn: text by path from its folder.

    Raises:
        ValueError: one of them is not UTF-8.
    """
    folder = path.parent
    return {str(file.relative_to(folder)): text for file, text in reached(path, (folder,)).items()}


def surroundings(path: Path, op_file: Path | None = None) -> dict[str, str]:
    """Digests of what else the verdict depends on, by name."""
    elsewhere = tuple(Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry)
    found = {f"beside {file.name}": of_file(file) for file in beside(path.parent, NATIVE)}
    found |= {f"module {file}": digest(text) for file, text in reached(path, elsewhere).items() if file != path}
    if op_file is not None:
        found |= {f"op {file.name}": digest(text) for file, text in reached(op_file, (op_file.parent,)).items()}
    switches = {name: os.environ.get(name) for name in SWITCHES}
    return found | {"system": digest([sys.version, platform.machine(), switches]), "packages": of_packages()}


def reached(path: Path, roots: Iterable[Path]) -> dict[Path, str]:
    """A file and the modules below some folders that it imports, and they in turn, with their texts."""
    found: dict[Path, str] = {}
    left = [path]
    while left:
        file = left.pop()
        if file in found:
            continue
        found[file] = read(file)
        names, dynamic = imports(found[file])
        for root in roots:
            left += [module for name in names for module in modules_named(root, name)]
            left += [module for name in names for module in modules_named(file.parent, name) if root in module.parents]
            left += beside(root, (".py",)) if dynamic and root == path.parent else []
    return found


def read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"kernel: expected Python source in UTF-8, got something else in {file}") from error


def imports(text: str) -> tuple[set[str], bool]:
    """Dotted names that source code imports, and whether it imports others in a way that does not show.

    >>> names, dynamic = imports("import a.b; from .c import d")
    >>> sorted(names), dynamic
    (['a.b', 'c', 'c.d'], False)
    """
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return set(), True
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {name for name in (module, *(f"{module}.{a.name}".strip(".") for a in node.names)) if name}
    called = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names, bool((called | {name.split(".")[0] for name in names}) & DYNAMIC)


def modules_named(root: Path, name: str) -> list[Path]:
    """Files that importing a dotted name runs, of those below a folder."""
    found, place = [], root
    for part in name.split("."):
        found += [file for file in (place / f"{part}.py", place / part / "__init__.py") if file.is_file()]
        place = place / part
    return found


def beside(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in suffixes and file.is_file())


def of_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@functools.cache
def of_packages() -> str:
    """Every package that is installed, by version, and this one by its source."""
    versions: Mapping[str, str] = {
        str(one.metadata["Name"]): one.version for one in importlib.metadata.distributions() if one.metadata
    }
    root = Path(__file__).parents[1]
    own = {str(file.relative_to(root)): of_file(file) for file in sorted(root.rglob("*.py"))}
    return digest([versions, own])
