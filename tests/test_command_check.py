"""`monarch check`, `mutants` and `campaign`: exit codes, and JSON that is nothing but JSON."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from monarch_theory.command.campaign import campaign
from monarch_theory.command.check import check
from monarch_theory.command.mutants import mutants

FILE = Path(__file__).parent / "theory" / "testing" / "misbehaving_kernels.py"
BLOCK = ["--op", "block-diagonal-multiply"]

app = typer.Typer()
for command in (check, mutants, campaign):
    app.command(command.__name__)(command)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize(("name", "code"), [("right", 0), ("unwritten", 1), ("refuses", 2), ("nowhere", 2)])
def test_exit_codes_and_json(name, code):
    done = run("check", f"{FILE}:{name}", *BLOCK, "--cases", 20, "--json")
    assert done.exit_code == code
    found = json.loads(done.stdout)
    assert {"verdict", "evidence", "op", "dtype", "cases", "worst", "failure", "seed"} <= found.keys()


def test_text_names_the_cause_and_ends_with_the_script(tmp_path):
    done = run("check", f"{FILE}:unwritten", *BLOCK, "--png", tmp_path / "ulps.png")
    assert "output partly unwritten" in done.stdout and "reproduces it" in done.stdout and "import numpy" in done.stdout
    assert (tmp_path / "ulps.png").exists()
    done = run("check", f"{FILE}:unwritten", *BLOCK, "--script", tmp_path / "script.py")
    assert "import numpy" not in done.stdout and "sys.exit" in (tmp_path / "script.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kernels.py"], "kernel: expected FILE.py:NAME"),
        ([f"{FILE}:right", "--op", "nothing"], "op: expected one of"),
        ([f"{FILE}:right", "--dtype", "int8"], "dtype: expected one of"),
        ([f"{FILE}:right", "--order", "9"], "shapes: expected"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, words):
    done = run("check", *arguments)
    assert done.exit_code == 2 and words in done.stderr


def test_the_ops_are_listed():
    done = run("check", "--list")
    assert done.exit_code == 0 and "long-convolution" in done.stdout and "kernel(x, *factors)" in done.stdout


def test_mutants_counts():
    done = run("mutants", "--library", "scipy", "--runs", 40, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert found["mutants"] == found["caught"] > 0 and found["clean_runs"] >= 40 and found["false_alarms"] == 0


def test_campaign_reports(tmp_path):
    pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    done = run("campaign", f"{FILE}:right", f"{FILE}:unwritten", *BLOCK, "--size", 16, "--cases", 10, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1 and (found["tasks"], found["right"], found["wrong"]) == (2, 1, 1)
    assert run("campaign", "nowhere.py:f").exit_code == 2
