"""The README's examples print what it shows, and its commands exist."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONSOLES = re.findall(r"```console\n\$ monarch (.*?)\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize(("arguments", "shown"), CONSOLES, ids=[c[0] for c in CONSOLES])
def test_console_blocks_are_real_output(arguments, shown):
    command = [sys.executable, "-m", "monarch_theory.command", *arguments.split()]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    pattern = re.escape(shown).replace("…", ".*")
    assert re.match(pattern, printed, flags=re.DOTALL), printed


def test_python_blocks_are_real_output():
    assert doctest.testfile(str(ROOT / "README.md"), module_relative=False).failed == 0


def test_ci_runs_the_test_command_of_the_readme():
    (command,) = re.findall(r"^pip install nox && nox$", README, flags=re.MULTILINE)
    run = (ROOT / ".ci" / "run").read_text()
    assert run.strip().endswith("python3 -m pip install nox && python3 -m nox") and command


def test_every_file_the_readme_names_exists():
    for path in re.findall(r"(?:examples|docs|benchmarks)/[\w/.]+\.\w+", README):
        assert (ROOT / path).exists(), path
