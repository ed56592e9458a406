"""Kernels that are called as public libraries call theirs, by the name of the library."""

import pytest
from command_line import asked

from monarch_theory.testing.check import check
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.layouts import LAYOUTS, in_layout
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.report import script

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

KERNELS = """
import numpy as np

def causal(u, k):
    n = u.shape[-1]
    wide = [a.astype(np.float32) if a.dtype == np.float16 else a for a in (u, k)]
    return np.fft.irfft(np.fft.rfft(wide[0], 2 * n) * np.fft.rfft(wide[1], 2 * n), 2 * n)[..., :n]

def fftconv_ref(u, k, D, dropout_mask, gelu=True):
    assert dropout_mask is None and not gelu and D.shape == (u.shape[1], 1)
    return (causal(u, k) + u * D).astype(u.dtype)

def fftconv_without_skip(u, k, D, dropout_mask, gelu=True):
    return causal(u, k).astype(u.dtype)

def flash(u, k, pregate=None, postgate=None):
    assert k.dtype == np.float32
    y = causal(u if pregate is None else u.astype(np.float32) * pregate, k)
    return (y if postgate is None else postgate * y).astype(u.dtype)

def causal_conv1d_fn(x, weight, bias=None, activation=None):
    assert activation in (None, "silu")
    width = weight.shape[1]
    padded = np.concatenate([np.zeros((*x.shape[:2], width - 1), x.dtype), x], -1)
    z = sum(weight[:, t, None] * padded[..., t : t + x.shape[-1]] for t in range(width)) + bias[:, None]
    with np.errstate(over="ignore"):
        return (z / (1 + np.exp(-z)) if activation else z).astype(x.dtype)

def always_activated(x, weight, bias=None, activation=None):
    return causal_conv1d_fn(x, weight, bias, "silu")

def causal_conv1d_update(x, conv_state, weight, bias=None, activation=None):
    window = np.concatenate([conv_state, x[..., None]], -1)
    conv_state[...] = window[..., 1:]
    z = (window * weight).sum(-1) + bias
    with np.errstate(over="ignore"):
        return (z / (1 + np.exp(-z)) if activation == "silu" else z).astype(x.dtype)

def blockdiag_butterfly_multiply(x, w1_bfly, w2_bfly):
    k, q, p = w1_bfly.shape
    l, s, r = w2_bfly.shape
    inner = np.einsum("kqp,bkp->bkq", w1_bfly, x.reshape(len(x), k, p)).reshape(len(x), r, l)
    return np.einsum("lsr,brl->bsl", w2_bfly, inner).reshape(len(x), s * l)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "kernels.py"
    path.write_text(KERNELS)
    return path


@pytest.mark.parametrize(
    ("library", "op", "name", "dtype", "verdict"),
    [
        ("m2", "long-convolution", "fftconv_ref", "float32", Verdict.RIGHT),
        ("m2", "long-convolution", "fftconv_without_skip", "float32", Verdict.WRONG),
        ("flash-fft-conv", "long-convolution", "flash", "float16", Verdict.RIGHT),
        ("flash-fft-conv", "gated-convolution", "flash", "float16", Verdict.RIGHT),
        ("causal-conv1d", "short-convolution", "causal_conv1d_fn", "float32", Verdict.RIGHT),
        ("causal-conv1d", "short-convolution", "always_activated", "float32", Verdict.WRONG),
        ("causal-conv1d", "short-convolution-step", "causal_conv1d_update", "float32", Verdict.RIGHT),
        ("fly", "monarch-linear", "blockdiag_butterfly_multiply", "float32", Verdict.RIGHT),
    ],
)
def test_kernels_are_called_as_their_library_calls_them(file, library, op, name, dtype, verdict):
    report = check(file, name, op, dtype, layout=library, cases_wanted=40, max_size=64)
    assert report.verdict is verdict, report.message
    if verdict is Verdict.WRONG:
        assert report.failure.reproduced and "options = {" in script(report)
        assert report.failure.cause.name == "missing term"


def test_what_a_library_has_not_is_refused_by_name(file):
    for library, message in (
        ("fly", "layout: expected an op that fly has (block-diagonal-multiply, monarch-linear), got attention"),
        ("cuda", "layout: expected one of fly, m2, flash-fft-conv, causal-conv1d, got 'cuda'"),
    ):
        said = asked("check", f"{file}:flash", "--op", "attention", "--layout", library)
        assert said.exit_code == 2 and message in said.stderr.replace("\n", " ")


def test_every_layout_is_of_an_op_and_names_its_arguments():
    for library, layouts in LAYOUTS.items():
        for name, layout in layouts.items():
            op = op_named(name)
            sizes = op.arguments(next(iter(op.shapes())))
            assert set(layout.order) | set(layout.fixed) == set(sizes)
            assert tuple(in_layout(op, library).arguments(next(iter(op.shapes())))) == layout.order
