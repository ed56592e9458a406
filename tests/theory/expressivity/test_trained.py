"""Weights of other packages as targets: read where they are installed, refused by name where they are not."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import asked

from monarch_theory.expressivity import trained
from monarch_theory.expressivity.trained import TRAINED, squares, trained_target

ROW = trained.Trained("tiny-model", "tiny_model", "weights.npz", "MIT", "two layers", ("one", "taps"), 4)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that must not be imported, with the weights of a model."""
    folder = tmp_path / "tiny_model"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    rng = np.random.default_rng(0)
    arrays = {"one": rng.standard_normal((8, 4)).astype(np.float32), "taps": rng.standard_normal((4, 4, 3))}
    np.savez(folder / "weights.npz", **arrays)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(TRAINED, "tiny-model", ROW)
    return arrays


def test_blocks_of_an_installed_model(package):
    target = trained_target("tiny-model")
    assert len(target.matrices) == 2 + 3 and not target.random
    assert np.array_equal(target.matrices[1], package["one"][4:]) and target.matrices[0].dtype == float
    assert all(np.array_equal(target.matrices[2 + k], package["taps"][..., k]) for k in range(3))
    assert "tiny_model" not in sys.modules


def test_every_block_is_there_once():
    blocks = squares(np.arange(6 * 4 * 5).reshape(6, 4, 5), 2)
    assert sorted(np.concatenate(blocks, axis=None)) == list(range(120)) and len(blocks) == 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"package": "no_such_package"}, "expected tiny-model to be installed: pip install tiny-model"),
        ({"file": "other.npz"}, "no such file"),
        ({"arrays": ("two",)}, "expected tiny-model to hold two in blocks of 4"),
        ({"size": 3}, "expected tiny-model to hold one in blocks of 3"),
    ],
)
def test_what_is_not_there_is_refused_by_name(package, monkeypatch, change, message):
    monkeypatch.setitem(TRAINED, "tiny-model", replace(ROW, **change))
    with pytest.raises(ValueError, match=message):
        trained_target("tiny-model")


def test_the_command_compares_them_alone(package, tmp_path):
    picture = tmp_path / "c.png"
    answer = asked("atlas", "--weights", "tiny-model", "--json", "--convergence", picture)
    facts = json.loads(answer.stdout)
    assert answer.exit_code == 0 and {cell["target"] for cell in facts["cells"]} == {"tiny-model"}
    assert facts["n"] == 4 and picture.read_bytes().startswith(b"\x89PNG")
    refused = asked("atlas", "--weights", "bert")
    assert (
        refused.exit_code == 2
        and "--weights: expected silero-vad or magika or tiny-model, got 'bert'" in refused.stderr
    )
