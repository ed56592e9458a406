"""The README's examples print what it shows, and its commands exist."""

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "benchmarks" / "results"
CONSOLES = re.findall(r"```console\n\$ monarch (.*?)\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.long
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
    for path in re.findall(r"(?:examples|docs|benchmarks)/[\w/.-]+\.\w+", README):
        assert (ROOT / path).exists(), path


def test_every_command_is_named():
    from monarch_theory.command.rooms import rooms

    for room in rooms():
        assert re.search(rf"`(monarch )?{room.name}\b", README), room.name


def found(name: str, **wanted: object) -> dict:
    """The one row of a benchmark's results that has these values."""
    rows = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
    (row,) = [row for row in rows if wanted.items() <= row.items()]
    return row


def test_the_numbers_beside_peers_are_those_the_benchmarks_found():
    multiply = found("monarch_multiply", N=4096)
    convolution = found("fft_convolution", n=4096)
    encoder = {"mode": "forward", "n": 4096}
    bert, m2 = (found("bert_throughput", model=model, **encoder) for model in ("bert", "m2-bert fft"))
    decoding = json.loads((RESULTS / "decoding.json").read_text())
    tokens = [tuple(1e3 * decoding["seconds"][way][decoding["n"].index(n)] for way in ("GPT cached", "M2 relaxed"))
              for n in (2048, 32768)]  # fmt: skip
    expected = [
        (1e3 * multiply["published"], 1e3 * multiply["native"]),
        (1e3 * multiply["dense"], 1e3 * multiply["native"]),
        (1e3 * convolution["torch.fft"], 1e3 * convolution["monarch"]),
        (bert["tokens per second"], m2["tokens per second"]),
        *tokens,
    ]
    table = README.partition("| | peer |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| [^|]* \| ([\d.]+) [^|]*\| ([\d.]+) [^|]*\|$", table, flags=re.MULTILINE)
    assert [(float(peer), float(ours)) for peer, ours in rows] == [
        (pytest.approx(peer, rel=3e-3), pytest.approx(ours, rel=3e-3)) for peer, ours in expected
    ]
