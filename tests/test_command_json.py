"""With --json every command prints one object, as its schema says it, whether it answers or refuses.

Answers that take longer are held to their schemas where they are tested: mutants, campaign, and those of the models.
"""

import json
import shlex

import numpy as np
import pytest
from command_line import conforms

from monarch_theory.command import door
from monarch_theory.command.rooms import rooms
from monarch_theory.command.schema import COMMON, FIELDS, REFUSAL, json_schema

pytestmark = pytest.mark.usefixtures("child_at_hand", "kernel_at_hand")

MODEL = """
import numpy as np

def future(x): return x[::-1]
def past(x): return np.cumsum(x)
def multiply(x, B): return np.einsum("mij,bmj->bmi", B, x.reshape(len(x), B.shape[0], -1)).reshape(len(x), -1)
def wrong(x, B): return 2 * multiply(x, B)
def prefix_sums(x): return np.cumsum(x)
"""

ANSWERS = [
    ("causal model.py:future --n 4", 1),
    ("causal model.py:past --n 4 --map", 0),
    ("causal model.py:absent --n 4", 2),
    ("recheck model.py", 2),
    ("express matrix.npy", 0),
    ("express matrix.npy --search 2 --png picture.png", 0),
    ("express matrix.npy --family low-rank --parameters 20", 1),
    ("express noise.npy --exact", 1),
    ("express noise.npy --exact --family toeplitz --parameters 7 ", 1),
    ("express matrix.npy --family gs --write f.safetensors --torch layers.py", 2),
    ("express some.npz", 0),
    ("atlas --size 4", 0),
    ("choose --inputs 12 --outputs 18 --hardware h100", 0),
    ("choose --in 8 --out 8 --budget 0.5 --batch 2 --measure", 0),
    ("check model.py:multiply --op block-diagonal-multiply --cases 6 --max-size 8", 0),
    ("check model.py:wrong --op block-diagonal-multiply --cases 6 --max-size 8", 1),
    ("check-op long-convolution --dtype float32 --cases 4", 0),
    ("prove cost --no-coq", 0),
    ("check --list", 0),
    ("exercise", 0),
    ("exercise 1.1 model.py", 2),
    ("picture", 0),
    ("picture digits digits.svg", 0),
    ("picture digits digits.gif", 2),
    ("picture unknown digits.svg", 2),
    ("picture digits nowhere/digits.svg", 2),
]
TORCH = [
    ("models", 0),
    ("generate nowhere", 2),
    ("convert nowhere out", 2),
    ("train gpt --evaluate", 2),
    ("embed nowhere", 2),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    np.save("matrix.npy", np.fft.fft(np.eye(4)))
    np.save("noise.npy", np.random.default_rng(0).integers(1, 99, (4, 4)))
    np.savez("some.npz", a=np.eye(4), b=np.ones(3))


def asked(line: str, capsys) -> tuple[int, dict]:
    """The exit code, and the one object that is all of standard output."""
    code = door.run([*shlex.split(line), "--json"])
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1
    return code, json.loads(shown.out)


@pytest.mark.parametrize(("line", "code"), ANSWERS, ids=[line for line, _ in ANSWERS])
def test_an_answer_is_one_object_as_its_schema_says(line, code, folder, capsys):
    found, answer = asked(line, capsys)
    assert (found, answer["exit_code"]) == (code, code), answer
    conforms(line.split()[0], answer)


@pytest.mark.parametrize(("line", "code"), TORCH, ids=[line for line, _ in TORCH])
def test_so_are_the_answers_of_the_models(line, code, folder, capsys):
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    test_an_answer_is_one_object_as_its_schema_says(line, code, folder, capsys)


@pytest.mark.parametrize("room", rooms(), ids=lambda room: room.name)
def test_a_refusal_is_one_object_too(room, folder, capsys):
    if room.module.startswith("monarch_gpu"):
        pytest.importorskip("torch", reason="the extra `torch` is not installed")
    code, answer = asked(f"{room.name} --no-such-option", capsys)
    assert code == answer["exit_code"] == 2 and answer["verdict"] == "undecided"
    assert set(answer) == {field.name for field in REFUSAL}


def test_every_command_has_a_schema():
    assert set(FIELDS) == {room.name for room in rooms()}
    assert not any({field.name for field in COMMON} & {field.name for field in fields} for fields in FIELDS.values())


def test_the_schema_refuses_what_is_not_in_it():
    jsonschema = pytest.importorskip("jsonschema", reason="the documentation tools bring it")
    right = {"verdict": "right", "evidence": "proved", "coverage": "all", "exit_code": 0, "reason": "so it is"}
    validator = jsonschema.Draft202012Validator(json_schema("recheck"))
    assert validator.is_valid(right)
    wrong = [right | {"exit_code": "0"}, right | {"more": 1}, {k: v for k, v in right.items() if k != "coverage"}]
    assert not any(validator.is_valid(answer) for answer in wrong)
