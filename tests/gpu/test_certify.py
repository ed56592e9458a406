"""M2-GPT is causal layer by layer and whole; a dropped FFT padding is found, and the layer named."""

import json
from dataclasses import replace

import pytest
import torch
import typer
from command_line import conforms
from typer.testing import CliRunner

from monarch_gpu import configs
from monarch_gpu.certify import certify, drop_padding
from monarch_gpu.command.certify import certify as command
from monarch_gpu.configs import PRESETS, GPTConfig
from monarch_gpu.gpt import GPTForCausalLM

N = 4
SMALL = GPTConfig(
    hidden_size=8, intermediate_size=16, num_hidden_layers=2, vocab_size=31, filter_width=8, num_attention_heads=2
)
LARGER = replace(SMALL, hidden_size=16, intermediate_size=32)


BUDGETS = {"layer_budget": 4.0, "whole_budget": 4.0}
"""All cuts take less; what is left goes into more kinds of values, of which tests of the search try all."""


def model_of(config):
    torch.manual_seed(0)
    return GPTForCausalLM(config)


@pytest.mark.parametrize(
    ("config", "n"),
    [
        pytest.param(replace(SMALL, num_hidden_layers=1, transform="fft"), N, marks=pytest.mark.long),
        pytest.param(replace(LARGER, transform="fft"), 16, marks=pytest.mark.long),
        pytest.param(replace(LARGER, transform="monarch"), 16, marks=pytest.mark.long),
    ],
)
def test_every_layer_and_the_whole_are_causal(config, n):
    model = model_of(config)
    before = {name: p.clone() for name, p in model.named_parameters()}
    certificate = certify(model, n, **(BUDGETS if n == N else {}))
    assert certificate.verdict == "causal" and not certificate.leaking
    assert len(certificate.layers) == 2 * config.num_hidden_layers and certificate.whole.cuts_tested == n - 1
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())


@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "n", "layer"),
    [(SMALL, N, 1), *(pytest.param(LARGER, 16, layer, marks=pytest.mark.long) for layer in (0, 1))],
)
def test_dropped_padding_is_found_and_named(config, n, layer):
    certificate = certify(drop_padding(model_of(config), layer), n, **(BUDGETS if n == N else {}))
    assert certificate.leaking == (f"transformer.h.{layer}.sequence_mixer",)
    assert certificate.whole.verdict == "not causal" and certificate.verdict == "not causal"


def test_the_baseline_is_causal_too():
    assert certify(model_of(SMALL.as_transformer()), N).verdict == "causal"


@pytest.mark.long
def test_full_width_layer():
    """One layer at the width of M2-GPT 145M; `monarch certify m2-gpt-145m` asks all of them, and the whole."""
    model = drop_padding(model_of(replace(PRESETS["gpt"]["145m"], num_hidden_layers=1, vocab_size=8)), 0)
    leaking = certify(model, 6)
    assert leaking.leaking == ("transformer.h.0.sequence_mixer",)
    mixer = model.transformer.h[0].sequence_mixer
    mixer.long_convolution = mixer.long_convolution.convolution
    assert certify(model, 6).verdict == "causal"


@pytest.mark.parametrize("size", ["smaller", pytest.param("tiny", marks=pytest.mark.long)])
def test_command(size, monkeypatch):
    if size == "smaller":
        monkeypatch.setattr(configs, "preset", lambda task, name: replace(SMALL, num_hidden_layers=1))
    layer = 0 if size == "smaller" else 1
    budgets = [] if size == "tiny" else [f"--{name.replace('_', '-')}={seconds}" for name, seconds in BUDGETS.items()]
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["tiny", "--n", "4", "--leak", str(layer), "--json", *budgets])
    found = json.loads(result.stdout)
    conforms("certify", found)
    assert result.exit_code == 1 and found["leaking"] == [f"transformer.h.{layer}.sequence_mixer"]
    if size == "tiny":
        assert CliRunner().invoke(app, ["tiny", "--n", "2"]).exit_code == 0
    for wrong in (["tiny", "--n", "5000"], ["tiny", "--leak", "4"], ["no-such-file"]):
        assert CliRunner().invoke(app, wrong).exit_code == 2
