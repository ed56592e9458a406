"""Where models are computed: what the processor says in float64 a GPU says as well, and bad names are refused."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from command_line import asked

from monarch_gpu.configs import PRESETS, BertConfig, GPTConfig, ViTConfig
from monarch_gpu.decode import Decoder
from monarch_gpu.device import device_named, device_of
from monarch_gpu.embed import embed
from monarch_gpu.generate import generate
from monarch_gpu.layers import recompute
from monarch_gpu.models import build_model, save_model
from monarch_gpu.pretrained import loss_of
from monarch_gpu.train import Training, train

SIZES = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 24,
    "filter_width": 8, "num_attention_heads": 2, "filter_features": 5,
}  # fmt: skip
GPT, BERT = GPTConfig(**SIZES, vocab_size=256), BertConfig(**SIZES, vocab_size=257)
VIT = ViTConfig(**(SIZES | {"max_position_embeddings": 16}), image_size=8, patch_size=2, num_channels=1, num_labels=10)
MODELS = [config for one in (GPT, BERT, VIT) for config in (one, one.as_transformer())]
SAME = 1e-9
"""Of the result: in float64 roundings are a thousand times smaller, and what is computed otherwise is far larger."""


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """The processor, which shows that the tests are sound, and a GPU, which they are for."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU: torch.cuda.is_available() is False")
    return request.param


def model_of(config):
    torch.manual_seed(0)
    model = build_model(config).double()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def example(config):
    """Inputs and targets of a model."""
    random = torch.Generator().manual_seed(1)
    if isinstance(config, ViTConfig):
        return torch.rand(3, 1, 8, 8, generator=random, dtype=torch.float64), torch.tensor([0, 6, 3])
    ids = torch.randint(config.vocab_size, (3, 24), generator=random)
    return ids, ids.roll(-1, dims=1)


def near(found, wanted):
    """Whether two tensors are the same to rounding in float64."""
    assert found.shape == wanted.shape
    return float((found.cpu() - wanted).norm()) <= SAME * float(wanted.norm())


def learned(model, x, targets):
    """The loss, and the gradient of every parameter."""
    loss = loss_of(model(x), targets)
    model.zero_grad()
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("config", MODELS, ids=lambda c: f"{c.model_type}-{c.architecture}")
@pytest.mark.parametrize("again", [False, True], ids=["kept", "recomputed"])
def test_logits_and_gradients_are_those_of_the_processor(config, again, device):
    model, (x, targets) = model_of(config), example(config)
    loss, gradients = learned(model, x, targets)
    there = copy.deepcopy(model).to(device)
    recompute(there, again)
    found, theirs = learned(there, x.to(device), targets.to(device))
    assert device_of(there).type == device and near(found, loss)
    assert all(near(theirs[name], gradient) for name, gradient in gradients.items())


@pytest.mark.parametrize("config", [GPT, GPT.as_transformer()], ids=["monarch-mixer", "transformer"])
def test_decoding_and_sampling_are_those_of_the_processor(config, device):
    model, (ids, _) = model_of(config), example(config)
    there = copy.deepcopy(model).to(device)
    with torch.no_grad():
        wanted, decoder = model(ids), Decoder(there, 3, 24)
        found = [decoder.prefill(ids[:, :9].to(device))] + [decoder.step(ids[:, i].to(device)) for i in range(9, 24)]
    assert near(torch.stack(found, dim=1), wanted[:, 8:])
    assert [*generate(there, b"def ", 12, seed=3)] == [*generate(model, b"def ", 12, seed=3)]


def test_vectors_are_those_of_the_processor_and_come_back_to_it(device):
    config = replace(BERT, head="classification")
    model, texts = model_of(config), [[1, 2, 3], [4], [5, 6]]
    there = copy.deepcopy(model).to(device)
    for found, wanted in zip(embed(there, texts, batch=2), embed(model, texts, batch=2), strict=True):
        assert found.device.type == "cpu" and near(found, wanted)


@pytest.mark.parametrize(
    "config",
    [GPT, pytest.param(VIT, marks=pytest.mark.long), BERT.as_transformer()],
    ids=["gpt", "vit", "bert-transformer"],
)
def test_training_takes_the_same_steps_and_goes_on_elsewhere(config, device, tmp_path):
    """A curve of the same steps lies a hundred times nearer than that of another seed; a checkpoint is of no device."""
    if config.model_type == "vit":
        pytest.importorskip("sklearn")
    short = Training(steps=6, batch=4, warmup=2, checkpoint_every=3, evaluate_every=3)
    wanted = torch.tensor(train(config, short, tmp_path / "here.safetensors").losses)
    other = torch.tensor(train(config, replace(short, seed=1), tmp_path / "other.safetensors").losses)
    there = replace(short, device=device)
    found = torch.tensor(train(config, there, tmp_path / "there.safetensors").losses)
    halfway = tmp_path / "moved.safetensors"

    def stop(step, curve):
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, there, halfway, stop)
    moved = torch.tensor(train(config, short, halfway).losses)
    apart = float((other - wanted).norm())
    assert float((found - wanted).norm()) <= apart / 100 and float((moved - wanted).norm()) <= apart / 100


def test_commands_take_a_device(device, tmp_path):
    out = tmp_path / "run"
    trained = asked("train", "gpt", "--steps", 2, "--batch", 2, "--device", device, "--out", out, "--json")
    assert trained.exit_code == 0, trained.stderr
    evaluated = asked("train", "gpt", "--task", "induction", "--evaluate", "--device", device, "--out", out, "--json")
    assert evaluated.exit_code == 0 and json.loads(evaluated.stdout)["loss"] > 0, evaluated.stderr
    said = asked("generate", out, "--count", 3, "--device", device)
    assert said.exit_code == 0 and said.stdout.startswith("def "), said.stderr
    save_model(build_model(replace(PRESETS["bert"]["tiny"], head="classification")), tmp_path / "encoder")
    given = '{"input_ids": [1, 2]}\n'
    told = asked("embed", tmp_path / "encoder", "--device", device, stdin=given)
    assert told.exit_code == 0 and len(json.loads(told.stdout)["embedding"]) == 128, told.stderr


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "meta", "", "cuda:99999", "CPU"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="device: expected cpu, cuda or cuda:0"):
        device_named(name)


def test_a_device_that_is_not_there_is_refused_by_every_command(tmp_path):
    absent = f"cuda:{torch.cuda.device_count() + 9}"
    with pytest.raises(ValueError, match="device: expected one that torch sees"):
        device_named(absent)
    with pytest.raises(ValueError, match="device: expected cpu"):
        Training(device=3)
    save_model(build_model(PRESETS["gpt"]["tiny"]), tmp_path / "gpt")
    save_model(build_model(PRESETS["bert"]["tiny"]), tmp_path / "bert")
    commands = [
        ("train", "gpt", "--steps", 1, "--out", tmp_path / "run"),
        ("train", "gpt", "--evaluate", "--out", tmp_path / "gpt"),
        ("generate", tmp_path / "gpt"),
        ("embed", tmp_path / "bert"),
    ]
    for command in commands:
        answer = asked(*command, "--device", absent, stdin='{"input_ids": [1]}\n')
        assert answer.exit_code == 2 and "device: expected one that torch sees" in answer.stderr and not answer.stdout
