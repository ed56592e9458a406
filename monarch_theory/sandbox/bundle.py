"""The code that calls user code, under a name that says nothing, without the rest of this package."""

from __future__ import annotations

import ast
import functools
import secrets
from pathlib import Path

from monarch_theory.sandbox.patterns import MALLOC_PERTURB

__all__ = ["bundle", "modules", "program"]

ROOT = Path(__file__).parents[1]

MAIN = """
import os, sys
asks, answers, nothing = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDWR)
os.dup2(nothing, 0)
os.dup2(2, 1)
os.close(nothing)
import importlib, shutil
server = importlib.import_module("{name}.testing.kernel_server").KernelServer()
serve = sys.modules["{name}.sandbox.serving"].serve
shutil.rmtree(os.path.join(sys.path[0], "{name}"))
del sys.path[0]
try:
    import ctypes
    if {perturb}:
        ctypes.CDLL(None).mallopt(-6, {perturb})  # what MALLOC_PERTURB_ in the environment does
except AttributeError:
    pass
serve(server, "the kernel", [str(asks), str(answers), "{memory}"])
"""


@functools.cache
def modules() -> tuple[str, ...]:
    """Paths of the modules that a process which calls kernels needs of this package.

    >>> modules()[-2:]
    ('testing/kernel_server.py', 'testing/mirrors.py')
    """
    found: set[str] = set()
    left = ["testing/kernel_server.py", "sandbox/serving.py"]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += imported(path)
    return tuple(sorted(found))


def imported(path: str) -> list[str]:
    """Paths of the modules of this package that one of them imports."""
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == ROOT.name:
            whole = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            names += [str(name).partition(".")[2].replace(".", "/") + ".py" for name in whole]
    return [name for name in names if (ROOT / name).is_file()]


def bundle(name: str) -> dict[str, str]:
    """Files of a package `name` that holds `modules()` and imports nothing else of this one."""
    files = {f"{name}/{folder}__init__.py": "" for folder in ("", "sandbox/", "testing/")}
    return files | {f"{name}/{path}": (ROOT / path).read_text().replace(ROOT.name, name) for path in modules()}


def program(memory: float | None, *, patterns: bool = True) -> tuple[str, dict[str, str]]:
    """The first file of a process that calls kernels, and the others, by name; `patterns`: new memory is filled."""
    name = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(12))
    return MAIN.format(name=name, perturb=MALLOC_PERTURB if patterns else 0, memory=memory or 0), bundle(name)
