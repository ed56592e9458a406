"""Every verdict the examples claim, through the command."""

import json
from pathlib import Path

import pytest
import typer
from daily import but_long
from typer.testing import CliRunner

from monarch_theory.command.causal import causal

pytestmark = pytest.mark.usefixtures("child_at_hand")

EXAMPLES = Path(__file__).parents[1] / "examples"

app = typer.Typer()
app.command()(causal)

CLAIMS = [
    ("fft_convolution.py:padded", "--n 16", "causal"),
    ("fft_convolution.py:padded", "--n 15 --dtype float32", "causal"),
    ("fft_convolution.py:padded_single", "--n 16", "causal"),
    ("fft_convolution.py:unpadded", "--n 32", "not causal"),
    ("monarch_mixers.py:causal", "--n 32", "causal"),
    ("monarch_mixers.py:naive", "--n 32", "not causal"),
    ("one_token_leak.py:leaky", "--n 256", "not causal"),
    ("one_token_leak.py:whispering", "--n 256", "not causal"),
    ("one_token_leak.py:tokens", "--n 64 --dtype int64 --vocab 10", "not causal"),
]

TORCH_CLAIMS = [
    ("torch_conv1d.py:Causal", "--shape 2,4,n", "causal"),
    ("torch_conv1d.py:Same", "--shape 2,4,n", "not causal"),
    ("torch_conv1d.py:Untrimmed", "--shape 2,4,n", "undecided"),
    ("torch_transformer.py:unmasked", "--shape 2,n,16", "not causal"),
    ("torch_lstm.py:forward", "--shape 2,n,8", "causal"),
    ("time_batchnorm.py:own_statistics", "--shape 2,4,n", "not causal"),
    ("time_batchnorm.py:training", "--shape 2,4,n", "undecided"),
]
MORE = [
    ("torch_transformer.py:Masked", "--shape 2,n,16", "causal"),
    ("torch_transformer.py:training", "--shape 2,n,16", "undecided"),
    ("torch_lstm.py:bidirectional", "--shape 2,n,8", "not causal"),
    ("time_batchnorm.py:running_statistics", "--shape 2,4,n", "causal"),
]
"""Of files of which another claim is asked daily."""


def ask(target, options):
    result = CliRunner().invoke(app, [f"{EXAMPLES}/{target}", *options.split(), "--json"])
    return json.loads(result.stdout), result.exit_code


LONG = [("fft_convolution.py:padded", "--n 16", "causal"), ("monarch_mixers.py:causal", "--n 32", "causal")]


@pytest.mark.parametrize(("target", "options", "verdict"), but_long(CLAIMS, LONG))
def test_claim(target, options, verdict):
    report, status = ask(target, options)
    assert (report["verdict"], status) == (verdict, ["causal", "not causal", "undecided"].index(verdict)), report


@pytest.mark.usefixtures("torch_at_hand")
@pytest.mark.parametrize(
    ("target", "options", "verdict"),
    [*TORCH_CLAIMS, *(pytest.param(*claim, marks=pytest.mark.long) for claim in MORE)],
)
def test_torch_claim(target, options, verdict):
    pytest.importorskip("torch")
    proof = "" if verdict == "causal" else "--no-proof"  # a proof cannot change a no
    report, status = ask(target, f"{options} --n 10 --budget 8 {proof}")
    assert (report["verdict"], status) == (verdict, ["causal", "not causal", "undecided"].index(verdict)), report
    if target.endswith(":training"):
        assert report["outcome"] == "training mode" and ".eval()" in report["reason"]


def test_the_one_token():
    report, _ = ask("one_token_leak.py:whispering", "--n 128")
    assert (report["witness"]["output"], report["witness"]["input"]) == (37, 38)
    assert 1e-11 < report["witness"]["size"] < 1e-8 and report["witness"]["floor"] < 1e-11
