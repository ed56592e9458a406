"""Kernels whose arguments lie on a device: another memory stands for it here, which the kernel's file puts in place."""

import subprocess
import sys

import pytest

from monarch_theory.testing.check import check
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.report import as_dict, as_text, script

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("torch_kernel_at_hand")

STAND_IN = """
import torch
from monarch_theory.testing.mirrors import Mirrors

torch.cuda.is_available = lambda: True

def elsewhere(self, device):
    self.device, self.pairs = "cpu", []

Mirrors.__init__ = elsewhere
GIVEN = []

def block_diagonal_multiply(x, blocks):
    k, rows, columns = blocks.shape
    wide = torch.promote_types(x.dtype, torch.float32)
    y = torch.einsum("krc,bkc->bkr", blocks.to(wide), x.reshape(len(x), k, columns).to(wide))
    return y.reshape(len(x), k * rows).to(x.dtype)

def right(x, blocks):
    return block_diagonal_multiply(x, blocks)

def into_out(x, blocks, *, out):
    out.copy_(block_diagonal_multiply(x, blocks))
    return out

def writes(x, blocks):
    y = block_diagonal_multiply(x, blocks)
    x.mul_(2)
    return y

def outside(x, blocks, *, out):
    out.copy_(block_diagonal_multiply(x, blocks))
    if out.numel() and not out.is_contiguous() and out.ndim == 2 and out.stride(1) == 2:
        out.as_strided((len(out), out.shape[1] - 1), out.stride(), out.storage_offset() + 1).zero_()
    return out

def unfilled(x, blocks):
    y = torch.empty_like(block_diagonal_multiply(x, blocks))
    good = block_diagonal_multiply(x, blocks)
    y[:, : max(1, y.shape[1] - 1)] = good[:, : max(1, y.shape[1] - 1)]
    return y

def ignores_strides(x, blocks):
    if x.ndim == 2 and x.numel() and not x.is_contiguous():
        x = x.as_strided(x.shape, (x.shape[1], 1), x.storage_offset())
    return block_diagonal_multiply(x, blocks)

def halves(x, blocks):
    return block_diagonal_multiply(x, blocks) / (1 + 2**-8)

STATE = {}
def remembers(x, blocks):
    if not x.numel() or not blocks.numel():
        return block_diagonal_multiply(x, blocks)
    key = (x.data_ptr(), x.shape, blocks.shape, float(abs(x.flatten()[0])))
    if key not in STATE:
        STATE[key] = block_diagonal_multiply(x, blocks)
    return STATE[key].clone()
"""


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    path = tmp_path_factory.mktemp("device") / "kernels.py"
    path.write_text(STAND_IN)
    return path


def asked(kernels, name, dtype="float32", cases=25):
    return check(kernels, name, "block-diagonal-multiply", dtype, device="cuda", cases_wanted=cases)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_right_kernel_is_right_wherever_its_arguments_lie(kernels, dtype):
    report = asked(kernels, "right", dtype)
    assert report.verdict is Verdict.RIGHT and report.exit_code == 0, report.message
    assert report.memory is None and as_dict(report)["device"] == "cuda"
    assert "arguments on cuda, without a limit of memory" in as_text(report)


def test_one_that_is_given_what_it_writes_into_is_right(kernels):
    assert asked(kernels, "into_out").verdict is Verdict.RIGHT


WRONG = {
    "writes": Verdict.MODIFIED, "outside": Verdict.MODIFIED, "unfilled": Verdict.UNWRITTEN,
    "ignores_strides": Verdict.NAN, "halves": Verdict.WRONG, "remembers": Verdict.REMEMBERED,
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_the_memory_of_the_host_is_wrong_on_a_device(kernels, name):
    report = check(kernels, name, "block-diagonal-multiply", device="cuda", cases_wanted=100, explained=False)
    assert report.verdict is WRONG[name], report.message


@pytest.mark.long
def test_the_script_puts_the_arguments_on_the_device(kernels):
    """The word for the device stands in the script once, and the rest of it is true of any."""
    text = script(asked(kernels, "ignores_strides"))
    assert text.count(".to('cuda')") == 1
    done = subprocess.run([sys.executable, "-"], input=text.replace("'cuda'", "'cpu'"), text=True, check=False)
    assert done.returncode == 1


def test_what_cannot_be_is_refused_by_name(kernels, tmp_path):
    with pytest.raises(ValueError, match="device: expected one of cpu, cuda, got 'gpu'"):
        check(kernels, "right", "block-diagonal-multiply", device="gpu")
    with pytest.raises(ValueError, match="device: expected cpu behind walls"):
        check(kernels, "right", "block-diagonal-multiply", device="cuda", untrusted=True)
    (tmp_path / "plain.py").write_text("import numpy as np\ndef kernel(x, blocks): return x")
    report = check(tmp_path / "plain.py", "kernel", "block-diagonal-multiply", device="cuda")
    assert report.exit_code == 2 and "expected cpu for a kernel of NumPy's arrays, got cuda" in report.message


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_where_torch_sees_no_gpu_that_is_said(tmp_path):
    (tmp_path / "plain.py").write_text("import torch\ndef kernel(x, blocks): return x")
    report = check(tmp_path / "plain.py", "kernel", "block-diagonal-multiply", device="cuda")
    assert report.exit_code == 2 and "expected cpu where torch sees no GPU, got cuda" in report.message
