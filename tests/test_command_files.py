"""Files on the command line: what has no end is not read, what is read is not lost, what is old is not left as new."""

import inspect
import json
import os
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import get_args, get_type_hints

import numpy as np
import pytest
from command_line import asked

from monarch_theory.command import inputs
from monarch_theory.command.outputs import write
from monarch_theory.command.rooms import ROOMS, rooms
from monarch_theory.leaks.files import proof_of

OUTPUTS = {
    "atlas": "png convergence", "campaign": "record", "causal": "png certificate", "check": "script png certificate",
    "convert": "out", "express": "write torch png certificate", "picture": "file",
}  # fmt: skip
MODEL = "import numpy as np\ndef past(x): return np.cumsum(x)\ndef multiply(x, blocks): return x\n"


def paths(of) -> set[tuple[str, str]]:
    """Command and name of every parameter that is a path."""
    found = set()
    for room in of:
        for name, hint in get_type_hints(room.load()).items():
            if name in inspect.signature(room.load()).parameters and Path in (hint, *get_args(hint)):
                found.add((room.name, name))
    return found


def test_every_path_is_a_row_of_what_is_read_or_is_written():
    pytest.importorskip("torch", reason="half of the commands need it")
    written = {(command, name) for command, names in OUTPUTS.items() for name in names.split()}
    assert paths(rooms()) == set(inputs.INPUTS) | written and not set(inputs.INPUTS) & written


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)
    np.save("matrix.npy", np.ones((4, 4), int))
    Path("mask.npy").symlink_to("/dev/zero")
    os.mkfifo("pipe")
    return tmp_path


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without an end")
@pytest.mark.parametrize("without_end", ["/dev/zero", "pipe", "mask.npy"])
@pytest.mark.parametrize(("command", "name"), sorted(paths(ROOMS) & set(inputs.INPUTS)))
@pytest.mark.usefixtures("folder")
def test_what_has_no_end_is_not_read(command, name, without_end):
    words = {
        "file": [without_end], "answer": ["5.3", without_end], "mask": ["model.py:past", "--mask", without_end],
        "calibration": ["matrix.npy", "--calibration", without_end], "folder": ["--folder", without_end],
    }  # fmt: skip
    found = asked(command, *words[name], "--json")
    assert found.exit_code == 2 and "expected a file or a folder" in json.loads(found.stdout)["reason"]


@pytest.mark.usefixtures("folder")
def test_what_is_larger_than_its_row_is_not_read():
    with open("certificate.json", "wb") as file:
        file.truncate(int(inputs.INPUTS["recheck", "file"]) + 1)  # takes no room
    found = asked("recheck", "certificate.json")
    assert found.exit_code == 2 and "at most 1073741824 bytes" in found.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "line",
    [
        "check model.py:multiply --script model.py",
        "check model.py:multiply --certificate ./model.py",
        "causal model.py:past --certificate model.py",
        "express matrix.npy --exact --certificate matrix.npy",
    ],
)
def test_what_is_read_is_not_written_over(line):
    before = [Path(name).read_bytes() for name in ("model.py", "matrix.npy")]
    found = asked(*line.split())
    assert found.exit_code == 2 and "expected another file than the one that is read" in found.stderr
    assert before == [Path(name).read_bytes() for name in ("model.py", "matrix.npy")]


WEIGHTS = ["layer:0", "layer:", "model.py:past", ":"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("source", ["weights.safetensors", "shards.safetensors.index.json"])
@pytest.mark.parametrize("option", ["--write", "--certificate"])
def test_nor_are_weights_whatever_their_names_are(source, name, option):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file({name: np.ones((4, 4)) for name in WEIGHTS}, "weights.safetensors")
    index = {"weight_map": dict.fromkeys(WEIGHTS, "weights.safetensors")}
    Path("shards.safetensors.index.json").write_text(json.dumps(index))
    before = {file: Path(file).read_bytes() for file in {source, "weights.safetensors"}}
    for file in before:
        more = ["--exact"] if option == "--certificate" else []
        found = asked("express", f"{source}:{name}", option, Path(file).resolve(), *more)
        assert found.exit_code == 2 and "expected another file than the one that is read" in found.stderr
    assert before == {file: Path(file).read_bytes() for file in before}
    assert asked("express", f"{source}:{name}").exit_code == 0


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("express matrix.npy --compare --calibration inputs.npy --write inputs.npy", "inputs.npy"),
        ("causal model.py:past --mask inputs.npy --certificate inputs.npy", "inputs.npy"),
        ("check model.py:multiply --op other.py:past --script other.py", "other.py"),
        ("check model.py:multiply --time --peer other.py:past --script other.py", "other.py"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_nor_is_anything_else_that_a_command_reads(line, file):
    np.save("inputs.npy", np.ones((4, 4)))
    Path("other.py").write_text(MODEL)
    before = Path(file).read_bytes()
    found = asked(*line.split())
    assert found.exit_code == 2 and "expected another file than the one that is read" in found.stderr
    assert before == Path(file).read_bytes()


SOURCES = {"atlas": "", "causal": "model.py:past", "check": "model.py:multiply", "express": "matrix.npy"}
PAIRS = [(name, one, two) for name in SOURCES for one, two in combinations(OUTPUTS[name].split(), 2)]


@pytest.mark.parametrize(("command", "one", "two"), PAIRS)
@pytest.mark.usefixtures("folder")
def test_two_outputs_are_two_files(command, one, two):
    """Else the one is lost under the other, and is told to have been written."""
    Path("here").symlink_to(".")
    Path("here/out.svg").touch()
    found = asked(command, *SOURCES[command].split(), f"--{one}", "out.svg", f"--{two}", "here/out.svg")
    assert found.exit_code == 2 and "expected another file than that of --" in found.stderr


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("causal model.py:past --n 4 --certificate old", "old"),
        ("causal model.py:nobody --n 4 --png old.png", "old.png"),
        ("check model.py:multiply --op block-diagonal-multiply --cases 1 --script old", ""),
    ],
)
@pytest.mark.usefixtures("folder", "child_at_hand", "kernel_at_hand")
def test_no_file_of_an_earlier_run_stays_beside_a_verdict_it_is_not_about(line, file):
    for name in ("old", "old.png"):
        Path(name).write_text("of another model")
    found = asked(*line.split())
    assert (f"{file} was taken away" in found.stderr) if file else found.stderr == ""
    assert not Path(file).is_file() if file else "computed" in Path("old").read_text()


@pytest.mark.usefixtures("folder")
def test_a_question_that_is_refused_leaves_the_file_of_an_earlier_one():
    Path("old").write_text("of another model")
    assert asked("check", "model.py:multiply", "--op", "nobody", "--certificate", "old").exit_code == 2
    assert Path("old").read_text() == "of another model"


def test_a_certificate_counts_as_written_only_where_it_was(tmp_path):
    def read(held: bytes, file: Path):
        return proof_of(
            SimpleNamespace(proof=lambda *asked, **held_to: ({"proved": True}, held)), None, None, file, 1.0
        )

    assert read(b"proof", tmp_path / "certificate").written and (tmp_path / "certificate").read_bytes() == b"proof"
    assert not read(b"", tmp_path / "none").written and not read(b"proof", tmp_path / "no" / "folder").written


def test_what_fails_to_be_written_does_not_leave_another_in_its_place(tmp_path, capsys):
    def fails(file: Path) -> None:
        file.write_text("half")
        raise OSError("no room")

    old = tmp_path / "old"
    old.write_text("of another model")
    assert not write(old, fails) and not old.exists()
    assert capsys.readouterr().err.count("\n") == 2
    assert write(old, lambda file: file.write_text("new")) and old.read_text() == "new"
    assert not write(None, fails) and not write(tmp_path / "nobody", None) and capsys.readouterr().err == ""
