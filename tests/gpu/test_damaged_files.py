"""Damaged weights and checkpoints, diverging runs and second writers: one clear line, and nothing lost."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from command_line import asked, conforms
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from monarch_gpu.checkpoints import CheckpointError, checkpoint_writer, earlier, read_checkpoint, write_checkpoint
from monarch_gpu.configs import GPTConfig, save_config
from monarch_gpu.models import build_model, load_model, save_model
from monarch_gpu.train import Diverged, Training, TrainingState, train

GPT = GPTConfig(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, max_position_embeddings=16, filter_width=8,
    transform="fft", vocab_size=256, filter_features=5,
)  # fmt: skip
SHORT = Training(steps=5, batch=2, warmup=5, checkpoint_every=1, keep=3)  # as `run` asks for


def with_tensors(path, **changes):
    tensors = {n: t for n, t in (load_file(path) | changes).items() if t is not None}
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata)


def filled(path, value):
    weight = load_file(path)[WEIGHT]
    weight[3, 2] = value
    with_tensors(path, **{WEIGHT: weight})


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 16
    path.write_bytes(content)


WEIGHT = "transformer.wte.weight"
DAMAGE = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-7]), "expected a safetensors file"),
    "empty": (lambda p: p.write_bytes(b""), "expected a safetensors file"),
    "text": (lambda p: p.write_text("hello, this is no file of tensors"), "expected a safetensors file"),
    "header of garbage": (lambda p: p.write_bytes(b"\xff" * 99), "expected a safetensors file"),
    "not there": (lambda p: p.unlink(), "no such file"),
    "a directory": (lambda p: (p.unlink(), p.mkdir()), "no such file"),
    "NaN": (lambda p: filled(p, float("nan")), f"{WEIGHT}: expected finite numbers, got 1 others"),
    "infinite": (lambda p: filled(p, float("inf")), f"{WEIGHT}: expected finite numbers, got 1 others"),
    "integers": (
        lambda p: with_tensors(p, **{WEIGHT: torch.ones(256, 16, dtype=torch.int64)}),
        f"{WEIGHT}: expected a real floating dtype of 16 bits or more, got torch.int64",
    ),
    "complex": (
        lambda p: with_tensors(p, **{WEIGHT: torch.ones(256, 16, dtype=torch.complex64)}),
        f"{WEIGHT}: expected a real floating dtype of 16 bits or more, got torch.complex64",
    ),
    "eight bits": (
        lambda p: with_tensors(p, **{WEIGHT: torch.ones(256, 16).to(torch.float8_e4m3fn)}),
        f"{WEIGHT}: expected a real floating dtype of 16 bits or more, got torch.float8_e4m3fn",
    ),
    "missing": (lambda p: with_tensors(p, **{WEIGHT: None}), f"{WEIGHT} is missing"),
    "transposed": (
        lambda p: with_tensors(p, **{WEIGHT: torch.ones(16, 256)}), f"{WEIGHT}: expected (256, 16), got (16, 256)",
    ),
}  # fmt: skip


def told(*arguments):
    """One line on standard error, exit 2."""
    result = asked(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith(f"monarch {arguments[0]}: "), result.stderr
    return result.stderr


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_weights_are_one_line_and_exit_2(damage, tmp_path):
    spoil, message = DAMAGE[damage]
    save_model(build_model(GPT), tmp_path)
    spoil(tmp_path / "model.safetensors")
    for command in ("generate", "certify"):
        assert f"{tmp_path / 'model.safetensors'}: {message}" in told(command, tmp_path)


CONFIGS = {
    "cut off": '{"model_type": "gpt", "hidden',
    "a list": "[1, 2]",
    "no model type": "{}",
    "a model type of another kind": '{"model_type": ["gpt"]}',
    "nested without end": "[" * 100_000,
    "a size without end": '{"model_type": "gpt", "hidden_size": ' + "9" * 5000 + "}",
    "a size beyond 64 bits": '{"model_type": "gpt", "hidden_size": 1000000000000000000000000000000}',
    "sizes whose product is": '{"model_type": "gpt", "hidden_size": 2000000000, "intermediate_size": 2000000000}',
    "more layers than any file": '{"model_type": "gpt", "num_hidden_layers": 1000000000}',
    "more positions than memory": None,
    "not finite": '{"model_type": "gpt", "layer_norm_eps": Infinity}',
}


@pytest.mark.parametrize("text", CONFIGS)
def test_malformed_configurations_are_one_line_and_exit_2(text, tmp_path):
    save_model(build_model(GPT), tmp_path)
    longer = json.loads((tmp_path / "config.json").read_text()) | {"max_position_embeddings": 10**13}
    (tmp_path / "config.json").write_text(CONFIGS[text] or json.dumps(longer))
    told("generate", tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run in a directory, with its configuration beside it."""
    directory = tmp_path_factory.mktemp("trained")
    save_config(GPT, directory / "tiny.json")
    train(GPT, SHORT, directory / "checkpoint.safetensors")
    return directory


def copy_of(trained, directory):
    for path in trained.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    return directory / "checkpoint.safetensors"


def run(directory):
    return ("train", "gpt", "--preset", directory / "tiny.json", "--out", directory, "--steps", 5, "--batch", 2)


METADATA = {
    "no step": lambda m: m.pop("step"),
    "a step of text": lambda m: m.update(step="5"),
    "more steps than losses": lambda m: m.update(step=7),
    "losses of text": lambda m: m.update(losses=["a"] * m["step"]),
    "rows that are none": lambda m: m.update(validation=[1, 2]),
    "training of another kind": lambda m: m.update(training=[1]),
    "an unknown training": lambda m: m["training"].update(momentum=0.9),
    "training out of range": lambda m: m["training"].update(steps=-1),
    "a configuration of another kind": lambda m: m.update(config=5),
    "a configuration that is none": lambda m: m.update(config="{"),
}


@pytest.mark.parametrize("change", METADATA)
def test_malformed_metadata_is_one_line_and_exit_2(change, trained, tmp_path):
    path = copy_of(trained, tmp_path)
    tensors, metadata = read_checkpoint(path)
    METADATA[change](metadata)
    write_checkpoint(path, tensors, metadata, keep=1)
    assert str(path) in told(*run(tmp_path))


HEADERS = {
    "cut off": "{",
    "a list": "[]",
    "metadata of another kind": '{"metadata": 5, "sha256": ""}',
    "no checksum": '{"metadata": "{}"}',
    "a number without end": "9" * 5000,
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_of_anything_is_one_line_and_exit_2(header, tmp_path):
    save_config(GPT, tmp_path / "tiny.json")
    save_file({"a": torch.ones(1)}, tmp_path / "checkpoint.safetensors", {"json": header})
    assert "not a checkpoint" in told(*run(tmp_path))
    assert "not a checkpoint" in told("generate", tmp_path)


def test_the_last_checkpoints_are_kept_and_no_more(trained):
    found = {path.name: read_checkpoint(path)[1]["step"] for path in trained.glob("checkpoint*")}
    assert found == {"checkpoint.safetensors": 5, "checkpoint.1.safetensors": 4, "checkpoint.2.safetensors": 3}


@pytest.mark.parametrize("spoil", [flipped, DAMAGE["truncated"][0], DAMAGE["empty"][0], DAMAGE["text"][0]])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(spoil, trained, tmp_path):
    """It is said, the damaged one is set aside, and the curve ends as if nothing had been."""
    path, said = copy_of(trained, tmp_path), []
    spoil(path)
    with pytest.raises(CheckpointError, match="not a"):
        read_checkpoint(path)
    curve = train(GPT, SHORT, path, notice=said.append)
    assert len(said) == 1 and "went on from step 4 in checkpoint.1.safetensors" in said[0]
    assert curve.losses == read_checkpoint(trained / path.name)[1]["losses"]
    assert path.read_bytes() == (trained / path.name).read_bytes()
    assert path.with_name(path.name + ".unsound").exists()
    assert read_checkpoint(earlier(path, 1))[1]["step"] == 4


def test_any_changed_byte_of_the_tensors_is_noticed(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(
        path, {"a": torch.arange(9.0).bfloat16(), "b": torch.tensor(3), "c": torch.ones(0, 2)}, {"step": 1}
    )
    content = path.read_bytes()
    tensors, _ = read_checkpoint(path)
    for place in range(len(content) - 26, len(content)):  # 18 bytes of a, 8 of b
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match="another checksum than was written"):
            read_checkpoint(path)
    assert tensors["a"].dtype == torch.bfloat16 and tensors["c"].shape == (0, 2)


def test_no_sound_checkpoint_is_one_line_and_exit_2(trained, tmp_path):
    path = copy_of(trained, tmp_path)
    for age in range(3):
        flipped(earlier(path, age))
    assert "another checksum" in told(*run(tmp_path))
    assert earlier(path, 2).exists(), "nothing is thrown away"


@pytest.mark.parametrize("where", ["loss", "weights"])
def test_a_diverged_run_stops_and_keeps_its_last_finite_checkpoint(where, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.safetensors"
    advance = TrainingState.advance

    def spoiled(self):
        if self.step == 3:
            value = float("nan") if where == "loss" else float("inf")
            weight = self.model.transformer.wte.weight
            if where == "loss":
                weight.data[:] = value
        advance(self)
        if self.step == 4 and where == "weights":
            self.model.transformer.wte.weight.data[0, 0] = float("inf")

    monkeypatch.setattr(TrainingState, "advance", spoiled)
    with pytest.raises(Diverged, match="the last finite checkpoint is kept"):
        train(GPT, SHORT, path)
    tensors, metadata = read_checkpoint(path)
    assert metadata["step"] == 3 and all(t.isfinite().all() for t in tensors.values())


def test_a_diverged_run_exits_1(tmp_path):
    save_config(GPT, tmp_path / "tiny.json")
    result = asked(*run(tmp_path), "--learning-rate", "1e6", "--checkpoint-every", "1", "--json")
    assert result.exit_code == 1 and "diverged: " in result.stderr
    answer = json.loads(result.stdout)
    conforms("train", answer)
    assert (answer["verdict"], answer["exit_code"]) == ("diverged", 1)
    assert "the last finite checkpoint is kept" in answer["reason"]
    tensors, _ = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert all(t.isfinite().all() for t in tensors.values())


def test_a_second_writer_is_refused(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with checkpoint_writer(path) as write:
        write({"a": torch.ones(1)}, {"step": 1})
        with pytest.raises(CheckpointError, match="expected no other writer"):
            write_checkpoint(path, {"a": torch.zeros(1)}, {"step": 2})
        with pytest.raises(CheckpointError, match="expected no other writer"):
            train(GPT, SHORT, path)
        with pytest.raises(CheckpointError, match="expected no other writer"):
            save_model(build_model(GPT), tmp_path)
        save_config(GPT, tmp_path / "tiny.json")
        assert "expected no other writer" in told(*run(tmp_path))
    assert read_checkpoint(path)[1] == {"step": 1}
    write_checkpoint(path, {"a": torch.zeros(1)}, {"step": 2})


WRITER = """
import sys, torch
from pathlib import Path
from monarch_gpu.checkpoints import CheckpointError, read_checkpoint, write_checkpoint
path, me = Path(sys.argv[1]), int(sys.argv[2])
kept = refused = 0
while kept < 15:
    try:
        write_checkpoint(path, {"a": torch.full((99,), float(me))}, {"writer": me, "count": kept}, keep=99)
        kept += 1
    except CheckpointError as error:
        assert "expected no other writer" in str(error), error
        refused += 1
print(kept, refused)
"""


@pytest.mark.long
def test_no_write_of_two_processes_is_lost(tmp_path):
    """Of every write that was not refused there is a checkpoint."""
    path = tmp_path / "checkpoint.safetensors"
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(me)], stdout=subprocess.PIPE, text=True)
        for me in range(2)
    ]
    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0
    written = [read_checkpoint(p)[1] for p in tmp_path.glob("checkpoint*.safetensors")]
    assert sorted(json.dumps(m) for m in written) == sorted(
        json.dumps({"writer": me, "count": count}) for me in range(2) for count in range(15)
    )


def test_a_place_that_can_not_be_written_is_one_line_and_exit_2(tmp_path):
    save_config(GPT, tmp_path / "tiny.json")
    (tmp_path / "file").write_text("")
    assert "File exists" in told("train", "gpt", "--preset", tmp_path / "tiny.json", "--out", tmp_path / "file")


def test_what_is_kept_may_change_between_runs(trained, tmp_path):
    path = copy_of(trained, tmp_path)
    assert train(GPT, replace(SHORT, keep=1), path).losses == read_checkpoint(path)[1]["losses"]


def test_learned_positions_are_saved_with_the_weights(tmp_path):
    config = replace(GPT, filter_positions="learned")
    train(config, replace(SHORT, steps=1), tmp_path / "run" / "checkpoint.safetensors")
    model = build_model(config)
    for tensor in model.state_dict().values():
        tensor.data.add_(0.01)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in model.state_dict().items())
    assert "transformer.h.0.sequence_mixer.long_convolution.filter.decay" in again.state_dict()
