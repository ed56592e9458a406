"""Command lines that pages show and the build does not run are understood by the commands that they name."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from monarch_theory.command.door import app_for, hold_values
from monarch_theory.testing.campaign import plan

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^(`{3,})([^\n]*)\n(.*?)^\1$", re.M | re.S)
LINE = re.compile(r"^(?:.*\s)?monarch [a-z][^\n#]*$", re.M)


def shown() -> list[tuple[str, str]]:
    """Page and command line."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = []
    for page in (p for p in pages if "_build" not in p.parts):
        for _, kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind.startswith("{code-cell}"):
                continue
            found += [(page.name, line.strip()) for line in LINE.findall(block.replace("\\\n", " "))]
    return found


def parsed(line: str) -> tuple[str, dict]:
    """The command and what its parameters are; whatever stands before `monarch` starts it."""
    words = shlex.split(line)
    name, *rest = words[words.index("monarch") + 1 :]
    command = typer.main.get_command(app_for([name]))
    hold_values(command)
    with command.make_context("monarch", [name, *rest]) as context:
        inner = command.get_command(context, name)
        assert inner is not None, name
        return name, inner.make_context(name, rest, parent=context).params


@pytest.mark.parametrize(("page", "line"), shown())
def test_a_command_that_a_page_shows_is_understood(page, line, tmp_path, monkeypatch):
    if re.search(r"monarch (train|convert|embed|generate|certify)", line):
        pytest.importorskip("torch", reason="the extra `torch` is not installed")
    name, given = parsed(line)
    if name == "campaign":  # what it refuses is told by its plan
        monkeypatch.chdir(tmp_path)
        for kernel in given["kernels"]:
            Path(kernel.partition(":")[0]).write_text("")
        assert plan(given["kernels"], given["op"], given["dtype"], [16], given["seed"], 1)


def test_lines_are_found_and_a_wrong_one_is_not_understood():
    assert {name for name, _ in shown()} >= {"README.md", "check-a-kernel.md", "script-it.md", "train-a-model.md"}
    with pytest.raises(Exception, match="No such option"):
        parsed("monarch causal model.py:past --no-such-option")
