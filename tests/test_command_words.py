"""Every word on the command line is somebody's: what makes no sense is bad input, in one line, and never a crash."""

import json
import os
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import typer
from command_line import asked

from monarch_theory.command import door
from monarch_theory.command.rooms import Room, rooms

pytestmark = pytest.mark.usefixtures("child_at_hand", "kernel_at_hand")

LINES = {
    "causal": "model.py:past --n 4",
    "recheck": "model.py",
    "express": "matrix.npy",
    "choose": "--inputs 12 --outputs 18",
    "atlas": "--size 4",
    "check": "model.py:multiply --op block-diagonal-multiply --cases 1",
    "check-op": "block-diagonal-multiply --cases 1",
    "mutants": "--library nobody",
    "campaign": "model.py:multiply --op block-diagonal-multiply --trusted --cases 1",
    "prove": "cost --no-coq",
    "exercise": "1.1 model.py",
    "picture": "digits digits.svg",
    "models": "",
    "train": "gpt --evaluate",
    "generate": "nowhere",
    "certify": "nowhere",
    "convert": "nowhere out",
    "embed": "nowhere",
}
"""A line that is asked quickly, which one word spoils."""

WORDS = ("9" * 4500, "²")
"""A number that Python does not read, and what is a digit and no number."""

MORE = ("", "\0", "\ud8ff", "--1", "[", "model.py/x", "/dev/null", "loop", "\x1b[2J", "∞")


def text_of(room: Room) -> list[tuple[str, int]]:
    """What takes words: an option as it is written, or the place of an argument."""
    function = room.load()
    hints = get_type_hints(function)
    command = typer.main.get_command(door.app_for([room.name])).commands[room.name]  # type: ignore[attr-defined]
    places = [p for p in command.params if p.param_type_name == "argument"]
    found = []
    for parameter in command.params:
        hint: Any = hints[parameter.name]
        inner = {hint, *get_args(hint), *(t for a in get_args(hint) for t in get_args(a))}
        if inner & {str, Path} and not inner & {int, float, bool}:
            found.append(("", places.index(parameter)) if parameter in places else (parameter.opts[0], 0))
    return found


TEXTS = [
    (room.name, option, place)
    for room in rooms()
    if not room.module.startswith("monarch_gpu") or find_spec("torch")
    for option, place in text_of(room)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    (folder / "model.py").write_text(
        "import numpy as np\ndef past(x): return np.cumsum(x)\ndef multiply(x, B): return x\n"
    )
    np.save(folder / "matrix.npy", np.eye(4))
    os.symlink("loop", folder / "loop")
    return folder


def spoilt(command: str, option: str, place: int, word: str) -> list[str]:
    """The line with the word in it."""
    words = shlex.split(LINES[command])
    if option:
        return [command, *words, f"{option}={word}"]
    there = place < len(words) and not words[place].startswith("--")
    return [command, *words[:place], word, *words[place + there :]]


def is_one_answer(words: list[str]) -> None:
    answer = asked(*words, "--json")
    found = json.loads(answer.stdout)
    assert answer.exit_code == found["exit_code"] and answer.exit_code in (0, 1, 2), found
    assert found.get("outcome") not in ("crash", "out of memory", "no answer"), found
    assert answer.stderr.count("\n") <= 1, answer.stderr


@pytest.mark.parametrize(("command", "option", "place"), TEXTS, ids=[f"{c} {o or p}" for c, o, p in TEXTS])
def test_a_word_that_makes_no_sense_is_no_crash(
    command: str, option: str, place: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for word in WORDS:
        is_one_answer(spoilt(command, option, place, word))


@pytest.mark.long
@pytest.mark.parametrize("word", MORE, ids=ascii)
@pytest.mark.parametrize("command", LINES)
def test_nor_is_any_other(command: str, word: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for named, option, place in TEXTS:
        if named == command:
            is_one_answer(spoilt(command, option, place, word))


INSIDE = [
    *(f"causal model.py:past --n 4 --output={word}" for word in ("--1", "-²", "1_0")),
    *(f"causal model.py:past --n 4 --arg=x={word}" for word in ("[" * 50_000, "1e999", "9" * 4500, "NaN")),
    *(f"causal model.py:past --n 4 --init={word}" for word in ("[" * 50_000, "[" + "9" * 4500 + "]", "[1e999]")),
    *(f"causal model.py:past --n 4 --documents={word}" for word in ("²", "9" * 4500, "-1,5", "1" * 30)),
    *(f"causal model.py:past --dtype int64 --n 4 --tokens={word}" for word in ("²", "9" * 4500, "1" * 30)),
    *(f"causal model.py:past --n 4 --shape={word}" for word in ("n,²", "n," + "9" * 4500, "n,n")),
    *(f"express matrix.npy --radices={word}" for word in ("²,2", "9" * 4500 + ",1", "1" * 30 + ",1", "-2,-2")),
    *(
        f"check model.py:multiply --op block-diagonal-multiply --cases 1 --shape={word}"
        for word in ("n=²", "n=" + "9" * 4500, "n=" + "9" * 18, "radices=9x" + "9" * 30, "=1")
    ),
]
"""Words of which only a part makes no sense."""


@pytest.mark.parametrize("line", INSIDE, ids=[line[:60] + "…" * (len(line) > 60) + line[-9:] for line in INSIDE])
def test_nor_is_a_part_of_one(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    is_one_answer(line.split())
