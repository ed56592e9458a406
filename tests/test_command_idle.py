"""An option that nothing looks at is refused, in every way of asking that leaves one idle."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import typer
from command_line import asked

from monarch_theory.command import door
from monarch_theory.command.idle import MODES, Mode
from monarch_theory.command.rooms import rooms


def parameters(command: str) -> dict[str, Any]:
    """Options and arguments by name."""
    app = door.app_for([command])
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return {parameter.name: parameter for parameter in found.params}


def written(parameter: Any) -> list[str]:
    """The option as it may be given; its value is never read."""
    if parameter.param_type_name == "argument":
        return ["1"]
    return [parameter.opts[0]] if parameter.is_flag else [parameter.opts[0], "1"]


INSTALLED = [
    mode
    for mode in MODES.values()
    for room in rooms()
    if room.name == mode.command and (not room.module.startswith("monarch_gpu") or find_spec("torch"))
]


@pytest.mark.parametrize("mode", INSTALLED, ids=lambda mode: f"{mode.command} {mode.words}")
def test_what_a_way_of_asking_leaves_idle_is_refused(mode: Mode, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("matrix.npy", np.eye(4))
    own = parameters(mode.command)
    assert set(f"{mode.idle} {mode.reads}".split()) <= set(own)
    left = [parameter for name, parameter in own.items() if mode.leaves(name) and name != "help"]
    assert left
    for parameter in left:
        answer = asked(mode.command, *mode.line.split(), *written(parameter))
        wanted = f"monarch {mode.command}: {parameter.opts[0]}: expected none beside "
        assert answer.exit_code == 2 and answer.stdout == "" and answer.stderr.startswith(wanted), answer


def test_what_is_looked_at_is_not_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("matrix.npy", np.eye(4))
    for line in ("check --list --json", "exercise --json", "express matrix.npy --search 1 --seed 3"):
        assert asked(*line.split()).exit_code in (0, 1)


@pytest.mark.usefixtures("child_at_hand")
def test_tokens_of_what_is_no_tokens_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text("def past(x): return x\n")
    for option in ("--vocab=5", "--tokens=1"):
        answer = asked("causal", "model.py:past", "--n", 4, option)
        assert answer.exit_code == 2 and "expected none for inputs of float64" in answer.stdout
        assert asked("causal", "model.py:past", "--n", 4, option, "--dtype", "int64").exit_code == 0


@pytest.mark.parametrize(
    ("op", "option", "said"),
    [
        ("block-diagonal-multiply", "--intermediate=bf16", "intermediate: expected none for block-diagonal-multiply"),
        ("embedding", "--accumulate=float32", "accumulate: expected none for embedding"),
        ("linear-recurrence", "--algorithm=normwise", "algorithm: expected none for linear-recurrence"),
        ("long-convolution", "--order=3", "order: expected none for long-convolution, which has no radices"),
        ("block-diagonal-multiply", "--failure=0.1", "failure: expected none beside a deterministic bound"),
    ],
)
def test_so_is_a_claim_on_which_no_bound_of_the_op_depends(op, option, said, tmp_path):
    (tmp_path / "kernel.py").write_text("def multiply(x, B): return x\n")
    answer = asked("check", f"{tmp_path}/kernel.py:multiply", "--op", op, "--cases", 1, option)
    assert answer.exit_code == 2 and answer.stderr.startswith(f"monarch check: {said}"), answer.stderr
