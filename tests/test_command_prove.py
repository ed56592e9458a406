"""`monarch prove`: its table, its JSON, its exit codes, and the broken statement that makes it fail."""

import json
import os
from pathlib import Path

import pytest
from command_line import asked

from monarch_theory.proving import coq_version

BROKEN = Path(__file__).parent / "data" / "broken_proof"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")


def prove(*arguments):
    return asked("prove", *arguments)


def test_table_says_what_is_exact_and_that_coq_was_not_run():
    run = prove("cost", "necessity", "--no-coq")
    assert run.exit_code == 0, run.stderr
    assert "2 machine-checked proofs were not run: --no-coq was given" in run.stdout
    assert (
        "2 of 2 statements hold, 0 machine-checked, 0 of them again by coqchk; 5 false variants refused" in run.stdout
    )
    assert "proved, machine-checked for every order (Coq not run)" in " ".join(run.stdout.split())
    assert "settled by counterexample" in run.stdout and "14 exact" in run.stdout


def test_without_coq_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    run = prove("cost")
    assert run.exit_code == 0, run.stderr
    assert "1 machine-checked proofs were not run: coqc is not installed" in run.stdout


@pytest.mark.usefixtures("coq")
def test_without_mathcomp_it_says_so(tmp_path, monkeypatch):
    """A coqc that finds no library: nothing is blamed on the statement."""
    for name in ("coqc", "coqdep"):
        (tmp_path / name).write_text('#!/bin/sh\n[ "$1" = --print-version ] && echo 8.16.1 4.13.1 || exit 1\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    run = prove("cost")
    assert run.exit_code == 0, run.stderr
    assert "1 machine-checked proofs were not run: MathComp is not installed" in run.stdout


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_what_coqchk_refuses_is_not_proved(tmp_path, monkeypatch):
    (tmp_path / "coqchk").write_text("#!/bin/sh\necho bad universe; exit 1\n")
    (tmp_path / "coqchk").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    run = prove("cost")
    assert run.exit_code == 1 and "cost: Coq: coqchk: bad universe" in run.stdout
    assert "NOT PROVED: Coq refused it" in " ".join(run.stdout.split())


def test_json_is_pure():
    (necessity,) = json.loads(prove("necessity", "--no-coq", "--json").stdout)["proofs"]
    assert necessity["coq"] is None and necessity["evidence"] == "exact" and necessity["exact_instances"] == 14
    assert len(necessity["mutations"]["refused"]) == 3 and not necessity["mutations"]["accepted"]


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_json_names_the_theorems_that_coq_has_read():
    run = prove("cost", "--json")
    assert run.exit_code == 0, run.stderr
    document = json.loads(run.stdout)
    (cost,) = document["proofs"]
    assert document["holds"] and document["coq"] == coq_version() and document["note"] is None
    assert cost["proof"] == "proved, machine-checked for every order" and "equal_radices" in cost["coq"]["theorems"]
    assert cost["coq"]["rechecked"]


def test_broken_statement_fails():
    run = prove("--folder", BROKEN, "--no-coq")
    assert run.exit_code == 1
    assert "even_squares: does not hold: n = 1" in run.stdout and "0 of 1 statements hold" in run.stdout


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_broken_machine_checked_proof_fails_and_shows_what_coq_said():
    run = prove("--folder", BROKEN, "--json")
    assert run.exit_code == 1
    (row,) = json.loads(run.stdout)["proofs"]
    assert row["proof"] == "NOT PROVED: Coq refused it" and "Error" in row["coq"]["problem"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nosuch",), "theorem: expected one of best_permutation, border_rank"),
        (("--folder", "nowhere"), "folder: expected a folder of proofs, got nowhere"),
    ],
)
def test_what_cannot_be_run_exits_with_two(arguments, complaint):
    run = prove(*arguments)
    assert run.exit_code == 2 and complaint in run.stderr and run.stdout == ""


def test_a_crashing_check_exits_with_two(tmp_path):
    folder = tmp_path / "crashing"
    folder.mkdir()
    (folder / "statement.md").write_text("# Title\n\n**Status:** open.\n\n**Rests on it:** `math`.\n")
    source = "SIZES = 'none'\nMUTATIONS = {'false': {}}\ndef instances(): raise RuntimeError('no memory')\n"
    (folder / "check.py").write_text(source)
    run = prove("--folder", tmp_path)
    assert run.exit_code == 2 and "could not run" in run.stdout and "no memory" in run.stdout


def test_a_check_that_accepts_a_false_statement_exits_with_two(tmp_path):
    folder = tmp_path / "blind"
    folder.mkdir()
    (folder / "statement.md").write_text("# Title\n\n**Status:** open.\n\n**Rests on it:** `math`.\n")
    (folder / "check.py").write_text(
        "from monarch_theory.proving import Instance\nSIZES = 'one'\nMUTATIONS = {'all is false': {'claim': False}}\n"
        "def instances(claim=True): return [Instance('1', lambda: True)]\n"
    )
    run = prove("--folder", tmp_path)
    assert run.exit_code == 2 and "0 of 1 statements hold" in run.stdout
    assert "blind: undecided: its check accepts a false statement too: all is false" in run.stdout
