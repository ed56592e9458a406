"""Training resumes to the identical curve after any death, survives a full disk, and is the same on two processes."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from monarch_gpu import checkpoints
from monarch_gpu.checkpoints import CheckpointError, read_checkpoint, write_checkpoint
from monarch_gpu.configs import BertConfig, GPTConfig, ViTConfig, save_config
from monarch_gpu.data import IGNORED, generator, standard_library, task_of
from monarch_gpu.generate import load_checkpoint
from monarch_gpu.models import build_model, save_model
from monarch_gpu.train import Interrupted, Training, train

SIZES = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 16,
    "filter_width": 8, "num_attention_heads": 2, "transform": "fft",
}  # fmt: skip
GPT = GPTConfig(**SIZES, vocab_size=256, filter_features=5)
BERT = BertConfig(**SIZES, vocab_size=257)
VIT = ViTConfig(**SIZES, image_size=8, patch_size=2, num_channels=1, num_labels=10, filter_features=5, short_filter=3)
SHORT = Training(steps=7, batch=2, warmup=2, checkpoint_every=3, evaluate_every=3)


@pytest.fixture(autouse=True)
def one_thread():
    """Bitwise equality is promised for the same number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class KilledError(Exception):
    """Stands for the process dying."""


def dying_at(step):
    def progress(done, curve):
        if done == step:
            raise KilledError

    return progress


@pytest.mark.parametrize("config", [GPT, BERT, VIT, GPT.as_transformer()], ids=lambda c: c.model_type + c.architecture)
def test_resumed_runs_are_bitwise_the_same(config, tmp_path):
    if config.model_type == "vit":
        pytest.importorskip("sklearn")
    straight = train(config, SHORT, tmp_path / "straight.safetensors")
    for step in (2, 4, 6):
        with pytest.raises(KilledError):
            train(config, SHORT, tmp_path / "broken.safetensors", dying_at(step))
    recomputed = train(config, replace(SHORT, recompute=True), tmp_path / "recomputed.safetensors")
    assert train(config, SHORT, tmp_path / "broken.safetensors") == straight == recomputed
    assert len(straight.losses) == 7 and [row[0] for row in straight.validation] == [3, 6, 7]
    assert (tmp_path / "straight.safetensors").read_bytes() == (tmp_path / "broken.safetensors").read_bytes()


KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from monarch_gpu.configs import load_config
from monarch_gpu.train import Interrupted, Training, train
import torch
import torch._dynamo  # what AdamW imports, once for all children
from monarch_gpu.data import standard_library
torch.set_num_threads(1)
standard_library(False), standard_library(True)
folder = Path(sys.argv[1])
config = load_config(folder / "config.json")
training = Training(steps=40, batch=2, warmup=2, checkpoint_every=1, evaluate_every=20)
random.seed(0)
deaths = interrupts = 0
while True:
    child = os.fork()
    if child == 0:
        try:
            train(config, training, folder / "killed.safetensors")
        except (Interrupted, KeyboardInterrupt):
            os._exit(130)
        os._exit(0)
    time.sleep(random.uniform(0.02, 0.2))
    number = signal.SIGKILL if random.random() < 0.7 else signal.SIGINT
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        deaths += 1
    elif os.WEXITSTATUS(status) == 130:
        interrupts += 1
    elif os.WEXITSTATUS(status) == 0:
        break
    else:
        sys.exit(f"exit status {os.WEXITSTATUS(status)}")
    if deaths + interrupts >= 15:  # let it finish
        train(config, training, folder / "killed.safetensors")
        break
print(deaths, interrupts)
"""


@pytest.mark.long
def test_kill_minus_nine_and_control_c_at_any_moment(tmp_path):
    """Real processes, killed at random moments, checkpoints every step so that many die while writing one."""
    save_config(GPT, tmp_path / "config.json")
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", KILLER, tmp_path], env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert sum(map(int, run.stdout.split())) > 0, "nothing was killed"
    training = Training(steps=40, batch=2, warmup=2, checkpoint_every=1, evaluate_every=20)
    straight = train(GPT, training, tmp_path / "straight.safetensors")
    _, metadata = read_checkpoint(tmp_path / "killed.safetensors")
    assert metadata["losses"] == straight.losses
    assert (tmp_path / "straight.safetensors").read_bytes() == (tmp_path / "killed.safetensors").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_with_a_checkpoint(number, tmp_path):
    def interrupt(done, curve):
        if done == 1:
            os.kill(os.getpid(), number)

    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interrupted, match="stopped after step 2 of 7; run again to go on"):
        train(GPT, SHORT, path, interrupt)
    assert read_checkpoint(path)[1]["step"] == 2
    assert train(GPT, SHORT, path) == train(GPT, SHORT, tmp_path / "straight.safetensors")


def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, {"a": torch.ones(3)}, {"step": 1})
    os.symlink("/dev/full", path.with_name(path.name + ".incomplete"))  # every write there fails as on a full disk
    with pytest.raises(CheckpointError, match=r"No space left on device, .* bytes needed; the previous .* is intact"):
        write_checkpoint(path, {"a": torch.zeros(100_000)}, {"step": 2})
    assert read_checkpoint(path)[1] == {"step": 1}
    assert {p.name for p in tmp_path.iterdir()} <= {".lock", "checkpoint.safetensors", "checkpoint.1.safetensors"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_no_failure_while_writing_loses_the_last_checkpoint(call, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, {"a": torch.ones(3)}, {"step": 1})

    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints.os, call, fail)
    with pytest.raises(CheckpointError):
        write_checkpoint(path, {"a": torch.zeros(3)}, {"step": 2})
    monkeypatch.undo()
    assert read_checkpoint(path)[1] == {"step": 1}


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "text")
    save_file({"a": torch.ones(1)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="it has no metadata"):
        read_checkpoint(tmp_path / "foreign")
    write_checkpoint(tmp_path / "other", {"a": torch.ones(1)}, {"step": 1})
    with pytest.raises(CheckpointError, match="it has no configuration"):
        load_checkpoint(tmp_path / "other")
    with pytest.raises(CheckpointError, match="of no training run: it has no config"):
        train(GPT, SHORT, tmp_path / "other")


def test_a_tensor_that_is_missing_is_named(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    train(GPT, replace(SHORT, steps=1), path)
    tensors, metadata = read_checkpoint(path)
    del tensors["exp_avg.transformer.wte.weight"]
    write_checkpoint(path, tensors, metadata)
    with pytest.raises(ValueError, match=r"exp_avg\.transformer\.wte\.weight is missing"):
        train(GPT, replace(SHORT, steps=1), path)


def test_models_are_loaded_from_either_kind_of_directory(tmp_path):
    train(GPT, replace(SHORT, steps=1), tmp_path / "checkpoint.safetensors")
    trained = load_checkpoint(tmp_path)
    save_model(trained, tmp_path / "saved")
    saved = load_checkpoint(tmp_path / "saved")
    assert all(torch.equal(p, q) for p, q in zip(trained.parameters(), saved.parameters(), strict=True))
    save_model(build_model(BERT), tmp_path / "bert")
    with pytest.raises(CheckpointError, match="expected a gpt, got a bert"):
        load_checkpoint(tmp_path / "bert")


def test_another_run_is_not_continued(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    train(GPT, replace(SHORT, steps=2), path)
    with pytest.raises(CheckpointError, match="training: the checkpoint has seed = 0, got 1"):
        train(GPT, replace(SHORT, steps=2, seed=1), path)
    with pytest.raises(CheckpointError, match="config: the checkpoint has hidden_size = 16, got 32"):
        train(replace(GPT, hidden_size=32), replace(SHORT, steps=2), path)
    with pytest.raises(CheckpointError, match="config: the checkpoint is of gpt, expected bert"):
        train(BERT, replace(SHORT, steps=2), path)
    assert load_checkpoint(path).config == GPT


@pytest.mark.long
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_give_the_losses_of_one(parallel, tmp_path):
    """Under torchrun with gloo, bit for bit: both add the same two gradients."""
    save_config(GPT, tmp_path / "tiny.json")
    options = ["--preset", f"{tmp_path}/tiny.json", "--steps", "4", "--batch", "2", "--microbatches", "2"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    monarch = str(Path(sys.executable).with_name("monarch"))
    command = [monarch, "train", "gpt", *options, "--out", str(tmp_path / parallel)]
    run = subprocess.run(
        [*launch, "--no-python", *command, "--parallel", parallel, "--json"],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    tensors, metadata = read_checkpoint(tmp_path / parallel / "checkpoint.safetensors")
    training = Training(**(metadata["training"] | {"parallel": "none"}))
    alone = train(GPT, training, tmp_path / "alone.safetensors")
    assert metadata["losses"] == alone.losses
    assert json.loads(run.stdout)["losses"] == alone.losses, "one process reports, and one only"
    assert json.dumps(metadata["validation"]) == json.dumps(alone.validation)
    for name, tensor in read_checkpoint(tmp_path / "alone.safetensors")[0].items():
        assert torch.equal(tensor, tensors[name]), name


@pytest.mark.long
def test_the_loss_goes_down(tmp_path):
    """Within 200 steps, below the entropy of single bytes: it has begun to use the context."""
    training = Training(steps=200, batch=8, learning_rate=1e-2, evaluate_every=200, checkpoint_every=200)
    counts = torch.bincount(torch.from_numpy(standard_library(False).copy()), minlength=256).double()
    entropy = float(torch.distributions.Categorical(counts / counts.sum()).entropy())
    loss = train(GPT, training, tmp_path / "checkpoint.safetensors").validation[-1][1]
    assert loss < entropy


def test_batches_depend_on_seed_step_and_microbatch_alone():
    task = task_of(BERT)
    (inputs,), targets = task.batch(generator(0, 1, 2), 4)
    (again,), _ = task.batch(generator(0, 1, 2), 4)
    (other,), _ = task.batch(generator(0, 2, 1), 4)
    assert torch.equal(inputs, again) and not torch.equal(inputs, other)
    masked = inputs == BERT.vocab_size - 1
    assert torch.equal(targets != IGNORED, masked) and 0 < masked.float().mean() < 1
    assert not set(standard_library(True)[:64].tobytes().split(b"\n")) <= {b""}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"learning_rate": -1.0}, "learning_rate: expected a positive number"),
        ({"learning_rate": 1e38}, "learning_rate: expected a positive number up to"),
        ({"weight_decay": 1e300}, "learning_rate: expected a positive number up to"),
        ({"weight_decay": float("nan")}, "weight_decay: expected a positive number"),
        ({"keep": 0}, "keep: expected at least 1, got 0"),
        ({"warmup": -1}, "warmup: expected at least 0, got -1"),
        ({"steps": 2.5}, r"steps: expected at least 1, got 2\.5"),
        ({"parallel": "tensor"}, "parallel: expected one of none, ddp, fsdp"),
        ({"recompute": 1}, "recompute: expected True or False, got 1"),
    ],
)
def test_bad_training_is_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SHORT, **changes)


def test_bad_data_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="vocab_size: expected at least 256"):
        train(replace(GPT, vocab_size=100), SHORT, tmp_path / "c")
    with pytest.raises(ValueError, match="vocab_size: expected at least 257"):
        train(replace(BERT, vocab_size=256), SHORT, tmp_path / "c")
    with pytest.raises(ValueError, match="expected a ViT for 8×8 images"):
        train(ViTConfig(), SHORT, tmp_path / "c")
    with pytest.raises(ValueError, match="parallel: ddp runs under torchrun"):
        train(GPT, replace(SHORT, parallel="ddp"), tmp_path / "c")
