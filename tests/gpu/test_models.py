"""The parameter table, configurations as JSON, weights as safetensors, and what bad input is told."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.func import functional_call, grad
from typer.testing import CliRunner

from monarch_gpu.configs import (
    CONFIGS,
    PRESETS,
    PUBLISHED,
    BertConfig,
    GPTConfig,
    ViTConfig,
    config_json,
    load_config,
    parse_config,
    preset,
    save_config,
)
from monarch_gpu.counts import parameter_lines, parameters
from monarch_gpu.layers import recompute
from monarch_gpu.models import build_model, count_parameters, load_model, save_model

TINY = [PRESETS[name]["tiny"] for name in ("bert", "gpt", "vit")]
EVERY = TINY + [config.as_transformer() for config in TINY]


def example(config):
    generator = torch.Generator().manual_seed(0)
    if isinstance(config, ViTConfig):
        return torch.rand(2, config.num_channels, config.image_size, config.image_size, generator=generator)
    return torch.randint(config.vocab_size, (2, 16), generator=generator)


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda p: p.name)
def test_published_parameter_counts(published):
    """By arithmetic and by counting alike; within 2 % of what is reported, or explained."""
    count = parameters(published.config)
    assert count == count_parameters(published.config)
    assert bool(published.explanation) == (abs(count / (published.reported * 1e6) - 1) > 0.02)


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.model_type}-{c.architecture}")
def test_arithmetic_counts_what_is_built(config):
    """Also for sizes nobody published, with gates and directions switched."""
    variants = [config, replace(config, gated=not config.gated, filter_inner_layers=0, short_filter=4)]
    variants.append(replace(config, filter_positions="learned"))
    if not isinstance(config, GPTConfig):
        variants.append(replace(config, bidirectional=not config.bidirectional))
    for variant in variants:
        assert parameters(variant) == count_parameters(variant) == sum(parameter_lines(variant).values())


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.model_type}-{c.architecture}")
def test_weights_and_configuration_come_back_bit_for_bit(config, tmp_path):
    torch.manual_seed(0)
    model = build_model(config)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == config
    assert torch.equal(model(example(config)), again(example(config)))


def test_configurations_round_trip(tmp_path):
    for published in PUBLISHED:
        save_config(published.config, tmp_path / "config.json")
        assert load_config(tmp_path / "config.json") == published.config
    assert {json.loads(config_json(c))["model_type"] for c in TINY} == {f"monarch-{name}" for name in CONFIGS}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ('{"model_type": "rnn"}', "model_type one of monarch-bert, monarch-vit, monarch-gpt"),
        ('{"model_type": "bert", "hiden_size": 8}', "unknown field 'hiden_size'"),
        ('{"model_type": "bert", "hidden_size": 0}', "hidden_size: expected an integer of at least 1, got 0"),
        ('{"model_type": "bert", "hidden_size": "8"}', "hidden_size: expected an integer of at least 1, got '8'"),
        ('{"model_type": "bert", "hidden_size": -768}', "hidden_size: expected an integer of at least 1, got -768"),
        ('{"model_type": "bert", "gated": "no"}', "gated: expected true or false, got 'no'"),
        ('{"model_type": "bert", "filter_frequency": NaN}', "filter_frequency: expected a positive number, got nan"),
        ('{"model_type": "bert", "layer_norm_eps": 0}', "layer_norm_eps: expected a positive number, got 0"),
        (
            '{"model_type": "bert", "architecture": "transformer", "num_attention_heads": 10}',
            "hidden_size: expected a multiple of num_attention_heads = 10, got 768",
        ),
        ('{"model_type": "bert", "hidden_size": 30}', "hidden_size: expected a multiple of blocks = 4, got 30"),
        ('{"model_type": "bert", "filter_features": 4}', "filter_features: expected an odd number"),
        ('{"model_type": "bert", "architecture": "lstm"}', "architecture: expected one of"),
        ('{"model_type": "bert", "transform": "dft"}', "transform: expected one of monarch, fft"),
        ('{"model_type": "gpt", "bidirectional": true}', "bidirectional: expected False for a causal model"),
        ('{"model_type": "vit", "image_size": 225}', "image_size: expected a multiple of patch_size 16"),
    ],
)
def test_bad_configurations_are_refused_by_name(text, message):
    with pytest.raises(ValueError, match=message):
        parse_config(text)


def test_files_that_hold_no_configuration_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json: No such file"):
        load_config(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\x00")
    with pytest.raises(ValueError, match=r"bytes\.json: expected JSON, got bytes that are no text"):
        load_config(tmp_path / "bytes.json")


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="preset: expected one of tiny"):
        preset("gpt", "huge")
    with pytest.raises(ValueError, match="model: expected one of"):
        preset("rnn", "tiny")


def test_bad_weights_are_refused_by_name(tmp_path):
    save_model(build_model(preset("vit", "tiny")), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for change, message in (
        ({"classifier.bias": None}, "classifier.bias is missing"),
        ({"classifier.bias": torch.zeros(3)}, r"classifier.bias: expected \(10,\), got \(3,\)"),
        ({"extra": torch.zeros(3)}, "extra is unknown"),
    ):
        changed = {name: t for name, t in (tensors | change).items() if t is not None}
        save_file(changed, tmp_path / "model.safetensors")
        with pytest.raises(ValueError, match=message):
            load_model(tmp_path)


@pytest.mark.parametrize("transform", ["monarch", "fft"])
@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.model_type}-{c.architecture}")
def test_nothing_is_a_batch_and_a_sequence(config, transform):
    model, x = build_model(replace(config, transform=transform)), example(config)
    assert model(x[:0]).shape == (0, *model(x).shape[1:])
    if not isinstance(config, ViTConfig):
        assert model(x[:, :0]).shape == (2, 0, config.vocab_size) and model(x[:1, :1]).isfinite().all()


def test_bad_inputs_are_refused_by_name():
    with pytest.raises(ValueError, match="expected at most 128 positions, got 129"):
        build_model(preset("bert", "tiny"))(torch.zeros(1, 129, dtype=torch.long))
    with pytest.raises(ValueError, match="expected at most 256 positions, got 257"):
        build_model(preset("gpt", "tiny"))(torch.zeros(1, 257, dtype=torch.long))
    with pytest.raises(ValueError, match=r"pixel_values: expected \(batch, 1, 8, 8\)"):
        build_model(preset("vit", "tiny"))(torch.zeros(1, 8, 8))


def test_models_command_prints_pure_json():
    import typer

    from monarch_gpu.command.models import models

    app = typer.Typer()
    app.command()(models)
    rows = json.loads(CliRunner().invoke(app, ["--json", "--recount"]).stdout)["models"]
    assert [r["name"] for r in rows] == [p.name for p in PUBLISHED]
    assert all(r["parameters"] == r["counted"] and {"reported", "difference"} <= r.keys() for r in rows)
    assert {r["transformer"] for r in rows if r["architecture"] == "monarch-mixer"} <= {r["name"] for r in rows}
    assert "m2-gpt-360m" in CliRunner().invoke(app, ["--lines"]).stdout


@pytest.mark.parametrize("name", ["145m", "360m"])
def test_m2_gpt_has_no_attention_and_no_mlp(name):
    """What is dense is the projections of the sequence mixer and the small MLPs that make its filters."""
    with torch.device("meta"):
        model = build_model(preset("gpt", name))
    kinds = {type(module).__name__ for module in model.modules()}
    assert not kinds & {"Attention", "FeedForward", "MultiheadAttention"}
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            assert ".sequence_mixer." in path, path
    assert all(block.dimension_mixer.permuted for block in model.transformer.h)


def test_bert_defaults_are_the_published_base():
    assert (BertConfig().hidden_size, BertConfig().filter_width, BertConfig().filter_features) == (768, 128, 5)


@pytest.mark.parametrize("recomputed", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.model_type}-{c.architecture}")
def test_functional_gradients_one_example_at_a_time(config, recomputed):
    """`torch.func` maps and differentiates every model: the mean over examples is the gradient of a batch."""
    torch.manual_seed(0)
    model, given = build_model(config).double(), example(config)
    recompute(model, recomputed)
    weights, given = dict(model.named_parameters()), given.double() if given.is_floating_point() else given

    def loss(weights, one):
        return functional_call(model, weights, (one[None],)).square().mean()

    found = torch.vmap(grad(loss), (None, 0))(weights, given)
    expected = torch.autograd.grad(model(given).square().mean(), tuple(weights.values()), allow_unused=True)
    for name, of_batch in zip(weights, expected, strict=True):
        of_batch = torch.zeros_like(weights[name]) if of_batch is None else of_batch
        assert (found[name].mean(0) - of_batch).norm() <= 2.0**-40 * (of_batch.norm() + 2.0**-20)
