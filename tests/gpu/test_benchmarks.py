"""The benchmarks compare what they say they compare."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monarch_gpu.counts import parameters

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    assert all(isinstance(row["torch dense"], float) for row in found["speed"]["multiply"])
    assert found["machine"]["kind"] == "cpu"


def test_without_a_gpu_the_command_for_it_says_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, BENCHMARKS / "gpu" / "run.py"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "gpu: device: expected an NVIDIA GPU that torch sees, got none\n"
