"""Mutation testing of the modules that decide: does some test see each small fault? New survivors: exit code 1.

    python tests/mutate.py                                    every module of TARGETS
    python tests/mutate.py monarch_theory/causality/decision.py --lines 40-90 --share 0.5

`tests/survivors.txt` lists the faults that need not be seen, each with the reason; they are not put in.

A mutant is one change: a comparison, a Boolean operator, a sign, a number, a truth value, a condition that is always or
never so. The process that imported everything forks for each mutant, and the fork imports the mutant in the place of
the module, so no file changes and a mutant costs what its tests cost.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
SURVIVORS = Path(__file__).with_name("survivors.txt")

TARGETS = {
    "monarch_theory/causality/decision.py": ["tests/theory/causality/test_decide.py"],
    "monarch_theory/leaks/judge.py": [
        "tests/theory/leaks/test_judge.py",
        "tests/theory/leaks/test_causes.py",
        "tests/theory/leaks/test_kinds_of_fault.py",
        "tests/theory/leaks/test_almost_causal.py",
        "tests/theory/leaks/test_callables.py",
    ],
    "monarch_theory/testing/truth.py": [
        "tests/theory/testing/test_truth.py",
        "tests/theory/testing/test_oracle.py",
        "tests/theory/testing/test_judge.py",
        "tests/theory/testing/test_coverage.py::test_large_answers_are_enclosed",
        "tests/theory/testing/test_coverage.py::test_a_bound_or_an_answer_that_is_none_is_refused",
    ],
    "monarch_theory/testing/judge.py": ["tests/theory/testing/test_judge.py", "tests/theory/testing/test_bias.py"],
    "monarch_theory/causality/conditions.py": ["tests/theory/causality/test_conditions.py"],
    "monarch_theory/expressivity/membership.py": ["tests/theory/expressivity/test_membership.py"],
}
"""Modules that decide, and the tests that must see a fault in them."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What one node may become."""
    if isinstance(node, ast.Compare):
        for k, operator in enumerate(node.ops):
            for other in COMPARISONS.get(type(operator), ()):
                changed = deepcopy(node)
                changed.ops[k] = other()
                yield changed
    elif isinstance(node, ast.BoolOp):
        changed = deepcopy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield changed
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        changed = deepcopy(node)
        changed.op = OPERATORS[type(node.op)]()
        yield changed
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False):
            changed = deepcopy(node)
            changed.test = ast.Constant(value)
            if not (isinstance(node, ast.While) and value):
                yield changed


class Replace(ast.NodeTransformer):
    """The tree with the `number`-th node, in the order of a walk, replaced."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def mutants(source: str) -> Iterator[tuple[int, str, Callable[[], ast.Module]]]:
    """(line, what changed, what makes its tree) of each; annotations, decorators and what errors say are left alone."""
    tree, lines = ast.parse(source), source.splitlines()
    idle: set[ast.AST] = set()
    for node in ast.walk(tree):
        for kind in ("annotation", "returns"):
            annotation = getattr(node, kind, None)
            idle |= set(ast.walk(annotation)) if annotation is not None else set()
        for decorator in getattr(node, "decorator_list", ()):
            idle |= set(ast.walk(decorator))
        if isinstance(node, ast.Raise):  # what an error says is no decision
            idle |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in idle:
            continue
        for new in variants(node):
            shown = f"{first_line(node)}  →  {first_line(new)}  in  {lines[node.lineno - 1].strip()}"  # type: ignore[attr-defined]
            yield node.lineno, shown, partial(mutated, source, node, new)  # type: ignore[attr-defined]


def mutated(source: str, old: ast.AST, new: ast.AST) -> ast.Module:
    """A fresh tree in which the node at the place of `old` is `new`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if place(node) == place(old):
            return ast.fix_missing_locations(Replace(node, deepcopy(new)).visit(tree))
    raise AssertionError("no such node")


def place(node: ast.AST) -> tuple[Any, ...]:
    """Where a node is in the source, and of which kind."""
    return type(node), *(getattr(node, name, None) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"))


def first_line(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0][:100]


class InPlace(MetaPathFinder, Loader):
    """Gives the mutant where the module is asked for."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.code = name, path, compile(tree, str(path), "exec")

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def known(text: str) -> dict[tuple[str, str], str]:
    """Why a fault need not be seen, by module and fault: a module, below it its faults, below each the reason.

    >>> known("a.py\\n  1  →  2\\n    It is only\\n    a size.\\n")
    {('a.py', '1  →  2'): 'It is only a size.'}
    """
    found: dict[tuple[str, str], str] = {}
    module = fault = ""
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        depth = len(line) - len(line.lstrip())
        if depth == 0:
            module = words
        elif depth == 2:
            fault = words
            found[module, fault] = ""
        else:
            found[module, fault] = f"{found[module, fault]} {words}".strip()
    return found


def survives(path: Path, tree: ast.Module, tests: list[str], limit: float) -> bool:
    """Whether all tests pass with the mutant; what crashes, or takes longer than `limit` seconds, is seen."""
    child = os.fork()
    if child == 0:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            import pytest

            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            sys.meta_path.insert(0, InPlace(name, path, tree))
            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
            os._exit(int(pytest.main([*options, *tests])))
        except BaseException:
            os._exit(1)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=list(TARGETS))
    parser.add_argument("--tests", nargs="*", help="instead of those of TARGETS")
    parser.add_argument("--lines", help="FIRST-LAST")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.chdir(ROOT)
    import hypothesis, numpy, pytest, scipy.linalg, sympy  # noqa: E401, F401, I001  forks have them already

    left, spared = 0, known(SURVIVORS.read_text())
    for module in asked.modules:
        path = ROOT / module
        tests = asked.tests or TARGETS[module]
        first, last = map(int, asked.lines.split("-")) if asked.lines else (1, sys.maxsize)
        found = [mutant for mutant in mutants(path.read_text()) if first <= mutant[0] <= last]
        listed = sum((module, shown) in spared for _, shown, _ in found)
        found = [mutant for mutant in found if (module, mutant[1]) not in spared]
        chosen = random.Random(asked.seed).sample(found, round(asked.share * len(found)))
        start = time.monotonic()
        if not survives(path, ast.parse(path.read_text()), tests, 3600):
            print(f"{module}: the tests fail without a mutant")
            return 2
        limit = 30 + 5 * (time.monotonic() - start)
        alive = 0
        for line, shown, tree in sorted(chosen, key=lambda mutant: mutant[0]):
            if survives(path, tree(), tests, limit):
                alive += 1
                print(f"survives  {module}:{line}: {shown}", flush=True)
        told = f"{len(chosen) - alive} of {len(chosen)} mutants seen, {len(found)} there are, {listed} more listed"
        print(f"{module}: {told}", flush=True)
        left += alive
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
