"""Triton's interpreter put right: bfloat16 there is what it is on a GPU, and the report says what it does not see."""

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from monarch_theory.rounding import round_to
from monarch_theory.testing.check import check
from monarch_theory.testing.interpretation import nearest_bfloat16
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.report import as_dict, as_text

KERNEL = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch, triton, triton.language as tl

@triton.jit
def _kernel(x, w, y, B, M, N, sxb, sxn, swg, swm, swn, syb, T: tl.constexpr, SCALE: tl.constexpr):
    ob, om, g = tl.program_id(0) * T + tl.arange(0, T), tl.program_id(1) * T + tl.arange(0, T), tl.program_id(2)
    acc = tl.zeros((T, T), dtype=tl.float32)
    for s in range(0, N, T):
        on = s + tl.arange(0, T)
        inside = (ob[:, None] < B) & (on[None, :] < N)
        a = tl.load(x + ob[:, None] * sxb + (g * N + on)[None, :] * sxn, mask=inside, other=0.0)
        inside = (om[None, :] < M) & (on[:, None] < N)
        b = tl.load(w + g * swg + om[None, :] * swm + on[:, None] * swn, mask=inside, other=0.0)
        if SCALE:
            a = (a + a) - a  # exact in bfloat16, and senseless on its bits
        acc += tl.dot(a, b, input_precision="ieee")
    tl.store(y + ob[:, None] * syb + (g * M + om)[None, :], acc.to(y.dtype.element_ty),
             mask=(ob[:, None] < B) & (om[None, :] < M))

def _launch(x, blocks, SCALE=False):
    g, m, n = blocks.shape
    y = torch.empty(len(x), g * m, dtype=x.dtype)
    if len(x):
        grid = (triton.cdiv(len(x), 16), triton.cdiv(m, 16), g)
        _kernel[grid](x, blocks, y, len(x), m, n, *x.stride(), *blocks.stride(), y.stride(0), 16, SCALE)
    return y

def scaled(x, blocks):
    return _launch(x, blocks, True)

def truncated(x, blocks):
    y = _launch(x.float(), blocks.float())
    return (y.view(torch.int32) & -65536).view(torch.float32).to(torch.bfloat16)
"""


def test_rounding_is_to_nearest_even():
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    values[:3] = 0, np.inf, -3e38
    found = (nearest_bfloat16(values).astype(np.uint32) << 16).view(np.float32)
    assert (found == round_to(values, "bf16")).all()


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    pytest.importorskip("triton")
    file = tmp_path_factory.mktemp("interpreted") / "kernels.py"
    file.write_text(dedent(KERNEL))
    return file


@pytest.mark.long
@pytest.mark.parametrize(("name", "verdict"), [("scaled", Verdict.RIGHT), ("truncated", Verdict.WRONG)])
def test_kernels_in_bfloat16_are_judged_as_on_a_gpu(path, name, verdict):
    report = check(path, name, "block-diagonal-multiply", "bf16", cases_wanted=16, max_size=40, timeout=60.0)
    assert report.verdict is verdict, as_text(report)
    assert report.interpreted and as_dict(report)["interpreted"]
    assert "run by Triton's interpreter, which sees neither TF32, nor races" in as_text(report)
