"""The benchmarks compare what they say they compare."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from monarch_gpu.counts import parameters

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def beside_each_other(monkeypatch):
    """Benchmarks import tables that lie beside them."""
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.mark.parametrize("task", ["gpt", "bert", "vit"])
def test_the_baseline_has_equally_many_parameters(task):
    learning = load("learning")
    m2 = learning.small(task, 64, 2)
    baseline = learning.matched(m2)
    assert baseline.architecture == "transformer"
    assert abs(parameters(baseline) / parameters(m2) - 1) < 0.01


def test_crossover_is_interpolated_between_lengths():
    crossover = load("bert_throughput").crossover
    assert crossover([512, 1024, 2048], [0.5, 2.0, 3.0]) == "724"
    assert crossover([512, 1024], [1.5, 2.0]) == "below 512"
    assert crossover([512, 1024], [0.5, 0.9]) == "above 1024"


def test_decoding_prints_pure_json():
    import typer

    app = typer.Typer()
    app.command()(load("decoding").main)
    options = ["--largest", "256", "--width", "32", "--layers", "1", "--threads", "1", "--json"]
    found = json.loads(CliRunner().invoke(app, options).stdout)
    assert found["n"] == [64, 128, 256] and set(found["seconds"]) == set(found["exponents"])


@pytest.mark.long
def test_everything_for_a_gpu_runs_without_one_but_for_what_needs_it(tmp_path):
    file = tmp_path / "gpu.json"
    options = ["--device", "cpu", "--largest", "512", "--parts", "verdicts,sanitizer,speed", "--seconds", "600"]
    command = [sys.executable, BENCHMARKS / "gpu" / "run.py", *options, "--out", file]
    subprocess.run(command, check=True, capture_output=True, timeout=900)
    found = json.loads(file.read_text())
    rows = [row for row in found["verdicts"]["rows"] if row["backend"] == "Torch" and row["operands"] == "exact"]
    assert {row["verdict"] for row in rows} == {"right"}, rows
    assert len(rows) == sum(row[0] == "Torch" and row[-1] == "exact" for row in load("gpu/run").VERDICTS)
    assert all(isinstance(row["torch dense"], float) for row in found["speed"]["multiply"])
    assert found["machine"]["kind"] == "cpu"


def test_on_a_gpu_every_row_is_asked_and_without_one_every_kernel():
    run = load("gpu/run")
    on_cpu = run.rows_on("cpu")
    assert run.rows_on("cuda") == run.VERDICTS
    assert {row[:2] for row in on_cpu} == {row[:2] for row in run.VERDICTS}
    assert [row for row in run.VERDICTS if row[0] != "Triton"] == [row for row in on_cpu if row[0] != "Triton"]


def test_mixers_with_their_kernels_and_without_are_timed_beside_bert():
    mixers = load("gpu/mixers")
    found = mixers.row("cpu", 16, 32, 1, 64, "train")
    assert set(mixers.MODELS) < set(found) and all(found[name] > 0 for name in mixers.MODELS)


@pytest.mark.long
def test_without_a_gpu_the_command_for_it_says_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, BENCHMARKS / "gpu" / "run.py"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "gpu: device: expected an NVIDIA GPU that torch sees, got none\n"


def test_a_class_of_the_zoo_has_a_limit_of_time_and_its_crash_is_a_row(monkeypatch):
    zoo = load("causal_zoo")
    ends = {"time": lambda *_: time.sleep(60), "crash": lambda *_: os._exit(3), "out of memory": too_much}
    for outcome, row_of in ends.items():
        monkeypatch.setattr(zoo, "row_of", row_of)
        row = zoo.asked("Any", 8, 1.0, 64.0)
        assert (row["verdict"], row["outcome"]) == ("undecided", outcome)


def too_much(*_):
    raise MemoryError


def test_the_zoo_goes_on_where_it_stopped_and_tells_what_it_found(tmp_path):
    zoo, file = load("causal_zoo"), tmp_path / "zoo.json"
    about = {"n": 8, "classes": 5, "versions": {"transformers": "5"}}
    proved = {"verdict": "causal", "evidence": "proved"}
    leaks = {
        "verdict": "not causal",
        "evidence": "measured",
        "output": 0,
        "input": 1,
        "unproved": "dependence",
        "line": "a.py:3",
    }
    zoo.written(file, about, {"First": proved})
    held = zoo.written(file, about, {"Second": leaks, "Third": {"verdict": "not built", "reason": "sizes"}})
    assert "of 1 causal classes 0 are not so at some" in zoo.shares({"rows": held})
    witness = {"tokens": [1, 2], "other": [1, 3], "change": 0.5, "size": 1.0, "weights": 1e19}
    short = proved | {"evidence": zoo.SHORT, "reached": 1.0, "within": 2.0, "where": ["a.py:4"], "witness": witness}
    rows = held | {"Fifth": short}
    assert zoo.shares({"rows": rows}).endswith("1 of the other 1 are proved for all weights (100%)")
    assert "false at weights up to ±1e+19, where tokens [1, 2] and [1, 3]" in zoo.why("Fifth", short)
    assert [zoo.is_open(name, held) for name in ("First", "Second", "Third", "Fourth")] == [False, False, True, True]
    console = Console(width=120, record=True, file=io.StringIO())
    zoo.report(json.loads(file.read_text()), console)
    said = console.export_text()
    assert "3 of 5 classes asked: 1 causal, proved, 1 not built, 1 not causal" in said
    assert "0 ← 1" in said and "a.py:3" in said


def test_sides_are_right_wrong_or_open():
    peers = load("causal_peers")
    row = {"keeps": False, "found": {"a": {"answer": False}, "b": {"answer": True}, "c": {"answer": None}}}
    assert [peers.right(row, who) for who in "abc"] == ["right", "WRONG", "–"]


def test_a_projected_model_is_the_dense_one_where_its_matrices_are_members(monkeypatch):
    """Low rank holds a matrix of that rank, so the outputs agree; factors drawn afresh change them."""
    import torch

    monkeypatch.syspath_prepend(BENCHMARKS)
    sparse, tiny = load("dense_to_sparse"), load("learning").small("vit", 16, 1).as_transformer()
    torch.manual_seed(0)
    model, images = sparse.build_model(tiny), torch.rand(3, tiny.num_channels, tiny.image_size, tiny.image_size)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear) and min(layer.weight.shape) > 10:
                layer.weight[:] = layer.weight[:, :1] @ layer.weight[:1]
        near, distances = sparse.structured(model, "low-rank")
        fresh = sparse.structured(model, "low-rank", sparse.np.random.default_rng(0))[0]
        assert max(distances) < 1e-6 and torch.allclose(near(images), model(images), atol=1e-4)
        assert not torch.allclose(fresh(images), model(images), atol=1e-2)
    count = [sum(p.numel() for p in each.parameters()) for each in (model, near, fresh)]
    assert count[0] > count[1] == count[2]


def test_bands_of_the_atlas_are_told(tmp_path):
    bands = load("atlas_bands")
    cell = {"equal": "parameters", "title": "low rank", "target": "random", "error": 0.5, "least": True}
    found = {"n": 8, "budget": 9, "seeds": 2, "cells": [cell | {"errors": [0.5, 0.75]}]}
    console = Console(width=120, record=True, file=io.StringIO())
    bands.report(found, console)
    assert "0.50–0.75" in console.export_text()
    bands.draw(found).savefig(tmp_path / "bands.png")


def test_witnesses_tell_what_overflows_from_infinities_put_by_hand(monkeypatch):
    import torch

    monkeypatch.syspath_prepend(BENCHMARKS)
    witnesses = importlib.import_module("zoo_witnesses")
    x = torch.tensor([[1.0, 2.0], [3e38, 2.0]])
    with witnesses.Overflows(2) as seen:
        (x * 2).masked_fill(torch.tensor([True, False]), -torch.inf).softmax(-1)
    assert seen.rows.tolist() == [False, True]


def test_a_witness_is_found_where_a_mask_of_the_least_number_fails(monkeypatch):
    """Attention in the shape of that of transformers, scores undivided, or divided after the product."""
    import torch
    from torch import nn

    monkeypatch.syspath_prepend(BENCHMARKS)
    witnesses, n = importlib.import_module("zoo_witnesses"), 4

    class Layer(nn.Module):
        def __init__(self, factor):
            super().__init__()
            torch.manual_seed(0)
            self.embed = nn.Embedding(witnesses.VOCABULARY, 8)
            self.q_proj, self.k_proj, self.v_proj = (nn.Linear(8, 8, bias=False) for _ in range(3))
            self.factor = factor

        def forward(self, tokens):
            x = self.embed(tokens)
            scores = self.factor * (self.q_proj(x) @ self.k_proj(x).transpose(1, 2))
            mask = torch.zeros(n, n).masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), torch.finfo().min)
            return (scores + mask).softmax(-1) @ self.v_proj(x)

    with torch.no_grad():
        found = witnesses.searched(Layer(1.0), 1, n)
        assert found["change"] > 1e-2 and found["tokens"][0] == found["other"][0]
        assert witnesses.searched(Layer(8**-0.5), 1, n) is None
