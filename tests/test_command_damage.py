"""Files that are damaged: whichever command reads one, it is bad input, in one line; no crash, and no answer."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import asked

pytestmark = pytest.mark.usefixtures("child_at_hand", "kernel_at_hand")

DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00" * 9),
    "nested without end": lambda path: path.write_text("[" * 100_000),
    "another kind": lambda path: path.write_text('{"key": [1, 2, {"a": null}]}'),
    "a folder": lambda path: path.mkdir(),
}

READERS = [
    "recheck FILE",
    "recheck FILE --coq",
    *(f"express FILE.{suffix}" for suffix in ("npy", "npz", "safetensors", "pt", "onnx")),
    "express matrix.npy --calibration FILE.npy",
    "causal model.py:past --n 4 --mask FILE.npy",
    "causal FILE.py:past --n 4",
    "check FILE.py:multiply --op block-diagonal-multiply",
    "check model.py:multiply --op FILE.py:OP",
    "campaign FILE.py:multiply --op block-diagonal-multiply",
    "campaign model.py:multiply --op block-diagonal-multiply --trusted --cases 1 --record FILE",
    "exercise 1.1 FILE.py",
]
MODELS = [
    "generate FILE",
    "certify FILE",
    "convert FILE out",
    "embed FILE",
    "embed encoder FILE",
    "train gpt --evaluate --out FILE",
    "train gpt --preset FILE.json",
    "train bert --finetune FILE --data model.py",
    "train bert --finetune encoder --data FILE",
    "train bert --preset tiny --data model.py --tokenizer FILE",
]

FINE = {
    ("campaign model.py:multiply --op block-diagonal-multiply --trusted --cases 1 --record FILE", "missing"),
    ("campaign model.py:multiply --op block-diagonal-multiply --trusted --cases 1 --record FILE", "empty"),
}
"""What is no damage there."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What else the commands are given: a model, a matrix, an encoder."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "model.py").write_text("def past(x): return x\ndef multiply(x, B): return x\n")
    np.save(folder / "matrix.npy", np.eye(4))
    return folder


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("line", READERS)
def test_a_damaged_file_is_one_line(
    line: str, damage: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (line, damage) in FINE:
        pytest.skip("no damage here")
    monkeypatch.chdir(folder)
    words = [word.replace("FILE", str(tmp_path / "file")) for word in shlex.split(line)]
    named = next(word for word in words if word.startswith(str(tmp_path)))
    DAMAGE[damage](Path(named.partition(":")[0]))
    answer = asked(*words, "--json")
    found = json.loads(answer.stdout)
    assert answer.exit_code == found["exit_code"] == 2 and found["verdict"] == "undecided", found
    assert found.get("outcome") not in ("crash", "out of memory", "no answer"), found
    assert answer.stderr.count("\n") <= 1 and len(answer.stderr) < 1000, answer.stderr


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("line", MODELS)
def test_so_is_one_of_the_models(
    line: str, damage: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    from monarch_gpu.configs import BertConfig
    from monarch_gpu.models import build_model, save_model

    if not (folder / "encoder").exists():
        torch.manual_seed(0)
        config = BertConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=1, max_position_embeddings=32, filter_width=8,
            transform="fft", vocab_size=257,
        )  # fmt: skip
        save_model(build_model(config), folder / "encoder")
    test_a_damaged_file_is_one_line(line, damage, folder, tmp_path, monkeypatch)
