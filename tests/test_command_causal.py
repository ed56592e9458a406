"""The words, numbers and exit statuses of `monarch causal`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from monarch_theory.command.causal import causal

pytestmark = pytest.mark.usefixtures("child_at_hand")

app = typer.Typer()
app.command()(causal)

MODEL = """
import numpy as np
def good(x):
    print("noise on standard output")
    return np.cumsum(x)
def bad(x): return x[::-1].copy()
def broken(x): raise KeyError("[bold]no markup[/bold]")
def nan(x): return x * np.nan
def table(x): return np.arange(5.0)[x]
def slow(x): import time; time.sleep(0.005); return np.cumsum(x)
def last_two(x): return x + np.r_[0, x[:-1]]
def rows_mixed(x): return x - x.mean(0)
def masked(x, mask): return {"hidden": np.cumsum(x * mask), "logits": x[::-1] * mask, "loss": x.sum()}
"""

TORCH_MODEL = """
import torch
from torch import nn
class Recurrent(nn.Module):
    def __init__(self, both=False):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.mix = nn.LSTM(4, 4, batch_first=True, bidirectional=both)
    def forward(self, tokens):
        return self.mix(self.embed(tokens))[0]
def both(): return Recurrent(True)
def functional_dropout(x): return nn.functional.dropout(x, 0.5)
linear = nn.Linear(4, 4)
def closure(x): return linear(x)
class Streaming(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(1))
    def forward(self, x):
        y = torch.cumsum(x, 0) + self.last.to(x)
        self.last = y[-1:].detach()
        return y
@torch.jit.script
def scripted(x: torch.Tensor): return torch.flip(x, [0])
class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 4)
        nn.init.zeros_(self.out.weight)
    def forward(self, x): return x + self.out(torch.relu(x.mean(1, keepdim=True)))
class Single(nn.Module):
    def __init__(self, padded=True):
        super().__init__()
        self.embed, self.padded = nn.Embedding(30, 4), padded
        self.filter = nn.Parameter(torch.randn(4, 16))
    def forward(self, t):
        u = self.embed(t).transpose(1, 2).float()
        m = 32 if self.padded else 16
        y = torch.fft.irfft(torch.fft.rfft(u, m) * torch.fft.rfft(self.filter.float(), m), m)[..., : t.shape[1]]
        return y.double().transpose(1, 2)
single = Single()
def over_single(t): return single(t)
def unpadded(): return Single(False)
def compiled(): return torch.compile(nn.Conv1d(1, 1, 3, padding=1), backend="eager")
class Half(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4).bfloat16()
    def forward(self, x): return torch.cumsum(self.linear(x), 1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "model.py").write_text(MODEL)
    (folder / "torch_model.py").write_text(TORCH_MODEL)
    return folder


def ask(folder, target, *options):
    result = CliRunner().invoke(app, [f"{folder}/{target}", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.stdout, result.exit_code


def ask_json(folder, target, *options):
    text, status = ask(folder, target, *options, "--json")
    return json.loads(text), status


def test_causal(folder):
    report, status = ask_json(folder, "model.py:good", "--n", "32")
    assert status == 0
    assert report["verdict"] == "causal" and "bit-identical" in report["evidence"] and report["witness"] is None
    expected = {"n": 32, "shape": [32], "dtype": "float64", "seed": 0, "cuts_tested": 31, "cuts_total": 31}
    assert {k: report[k] for k in expected} == expected
    assert report["method"] == "perturbation" and report["forwards"] > 31 and report["seconds"] > 0


def test_not_causal(folder):
    report, status = ask_json(folder, "model.py:bad", "--n", "32")
    assert status == 1
    assert report["witness"].keys() >= {"output", "input", "size", "floor"}
    assert (report["witness"]["output"], report["witness"]["input"]) == (0, 31)


def test_words(folder, tmp_path):
    text, status = ask(folder, "model.py:bad", "--n", "32", "--map", "--png", str(tmp_path / "map.png"))
    assert status == 1 and "not causal" in text and "output 0 ← input 31" in text and "|" in text
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    text, status = ask(folder, "model.py:broken")
    assert status == 2 and "[bold]no markup[/bold]" in text and "of model.py: def broken" in text


@pytest.mark.parametrize(
    ("target", "options", "outcome"),
    [
        ("model.py:broken", (), "exception"),
        ("model.py:nan", (), "not finite"),
        ("model.py:nowhere", (), "name missing"),
        ("nowhere.py:good", (), "file missing"),
        ("model.py", (), "bad input"),
        ("model.py:good", ("--n", "0"), "bad input"),
        ("model.py:good", ("--shape", "3,4"), "bad input"),
        ("model.py:good", ("--dtype", "quad"), "bad input"),
        ("model.py:good", ("--timeout", "0"), "bad input"),
        ("model.py:good", ("--memory", "-1"), "bad input"),
    ],
)
def test_undecided_is_named(folder, target, options, outcome):
    report, status = ask_json(folder, target, *options)
    assert (status, report["verdict"], report["outcome"]) == (2, "undecided", outcome)
    assert report["reason"]


def test_vocabulary_is_named(folder):
    report, _ = ask_json(folder, "model.py:table", "--dtype", "int64")
    assert "--vocab" in report["reason"]
    report, status = ask_json(folder, "model.py:table", "--vocab", "5")
    assert (report["dtype"], status) == ("int64", 0)


@pytest.mark.usefixtures("torch_at_hand")
@pytest.mark.parametrize(
    ("target", "options", "verdict", "outcome"),
    [
        ("Recurrent", "--shape 2,n --vocab 4 --dtype int64", "causal", None),
        pytest.param("both", "--shape 2,n --vocab 10", "not causal", None, marks=pytest.mark.long),
        ("functional_dropout", "", "undecided", "random"),
        ("closure", "--shape 2,n,4", "causal", None),
        ("Streaming", "", "causal", None),
        ("scripted", "", "not causal", None),
        ("compiled", "--shape 1,1,n", "not causal", None),
        ("Half", "--shape 2,n,4 --dtype bfloat16", "causal", None),
        ("Branch", "--shape 1,n,4", "not causal", None),
        pytest.param("over_single", "--shape 1,n --vocab 4", "causal", None, marks=pytest.mark.long),
        ("unpadded", "--shape 1,n", "not causal", None),
        ("closure", "--shape n,3", "undecided", "exception"),
    ],
)
def test_torch(folder, target, options, verdict, outcome):
    pytest.importorskip("torch")
    proof = [] if verdict == "causal" else ["--no-proof"]  # a proof cannot change a no
    report, _ = ask_json(folder, f"torch_model.py:{target}", *options.split(), *proof, "--n", "8", "--budget", "4")
    assert (report["verdict"], report["outcome"]) == (verdict, outcome), report


@pytest.mark.usefixtures("torch_at_hand")
def test_zero_parameters_are_named(folder):
    pytest.importorskip("torch")
    report, _ = ask_json(folder, "torch_model.py:Branch", "--shape", "1,n,4", "--n", "16")
    assert "out.weight" in report["reason"] and "hidden by zero-initialised parameters" in report["evidence"]


@pytest.mark.usefixtures("torch_at_hand")
def test_the_vocabulary_is_that_of_the_embedding(folder):
    pytest.importorskip("torch")
    report, _ = ask_json(folder, "torch_model.py:over_single", "--shape", "1,n", "--n", "8", "--no-proof")
    assert report["covered"].startswith("30 of 30 tokens")
    assert report["evidence"] == "measured: causal to rounding"
    # the floor is that of the place which moved most, not the median of all, so that it is above what moved
    assert 0 < report["response"] < report["floor"] < 2.0**-12
    report, _ = ask_json(
        folder, "torch_model.py:over_single", "--shape", "1,n", "--n", "2", "--vocab", "7", "--no-proof"
    )
    assert report["covered"].startswith("7 of 30 tokens")


def test_a_share_of_the_cuts_is_no_answer(folder):
    options = ("--n", "256", "--budget", "0.5")
    text, status = ask(folder, "model.py:slow", *options)
    assert status == 2 and text.startswith("undecided (partial)") and "causal at " in text
    text, status = ask(folder, "model.py:slow", *options, "--accept-partial")
    assert status == 0 and text.startswith("causal at ")


def test_every_array_is_reported(folder):
    text, status = ask(folder, "model.py:masked", "--n", "16")
    assert status == 1 and "hidden (16,) float64: causal" in text and "logits (16,) float64: not causal" in text
    assert "mask = ones" in text and "loss" in text
    assert ask(folder, "model.py:masked", "--n", "16", "--output", "hidden")[1] == 0
    assert ask(folder, "model.py:masked", "--n", "16", "--arg", "mask=zeros")[1] == 0


@pytest.mark.parametrize(
    ("target", "options", "status"),
    [
        ("last_two", "--window 2", 0),
        ("last_two", "--window 1", 1),
        ("last_two", "--window 2 --documents 3,5", 1),
        ("last_two", "--documents 0,0,0,0,0,0,0,1", 1),
        ("good", "--blocks 4 --window 8", 0),
        ("bad", "--blocks 8", 0),
        ("bad", "--prefix 7", 1),
        ("rows_mixed", "--shape 3,n --batch", 1),
        ("last_two", "--mask {folder}/pairs.npy", 0),
        ("good", "--mask {folder}/pairs.npy", 1),
        ("good", "--mask {folder}/model.py", 2),
        ("good", "--window 0", 2),
        ("good", "--documents 3,4", 2),
        ("good", "--prefix 2 --strict", 2),
    ],
)
def test_other_contracts(folder, target, options, status):
    near = np.tri(8, dtype=bool) & ~np.tri(8, k=-2, dtype=bool)
    np.save(folder / "pairs.npy", near)
    report, code = ask_json(folder, f"model.py:{target}", "--n", "8", *options.format(folder=folder).split())
    assert code == status, report
    verdicts = {0: "holds", 1: "does not hold", 2: "undecided"}
    assert report["verdict"] == verdicts[status] and report["reason"]
    assert report["contract"] != "causal" or status == 2


@pytest.mark.parametrize("options", [("--tokens", "a"), ("--tokens", "16", "--dtype", "int64"), ("--arg", "mask")])
def test_bad_options(folder, options):
    result = CliRunner().invoke(app, [f"{folder}/model.py:good", *options])
    assert result.exit_code == 2


def test_installed_command_prints_json_alone(folder):
    command = [Path(sys.executable).with_name("monarch"), "causal", f"{folder}/model.py:good", "--n", "16", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and json.loads(done.stdout)["verdict"] == "causal"


def test_this_package_never_imports_torch():
    code = "import sys, monarch_theory.command.causal as c; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
