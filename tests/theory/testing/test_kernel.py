"""Whatever a kernel does, the checker gets an answer and stays alive."""

from pathlib import Path

import numpy as np
import pytest

from monarch_theory.rounding import default_model
from monarch_theory.sandbox import Outcome, SandboxError
from monarch_theory.sandbox.patterns import PADDING, POISON, is_padding, is_poison, poisoned
from monarch_theory.testing.cases import make_case
from monarch_theory.testing.check import observe
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.kernel import Kernel, run_of
from monarch_theory.testing.kernel_server import laid_out
from monarch_theory.testing.ops import op_named

FILE = Path(__file__).parent / "misbehaving_kernels.py"
OP = op_named("block-diagonal-multiply")
SHAPE = {"batch": 3, "blocks": 2, "rows": 3, "columns": 2}
MODEL = default_model("float32")


@pytest.fixture(scope="module")
def kernel():
    with Kernel(FILE, "right", timeout=2.0, memory=2.0) as running:
        yield running


def verdict_on(kernel, name, layout="contiguous", family="normal"):
    kernel.load(FILE, "right")
    case = make_case(OP, "float32", SHAPE, family, layout, (0,))
    kernel.run(case)  # the first call in a process is looked at alone
    kernel.load(FILE, name)
    return observe(kernel, case, MODEL)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("right", Verdict.RIGHT),
        ("right_into_out", Verdict.RIGHT),
        ("also_into_out", Verdict.RIGHT),
        ("beside_out", Verdict.UNWRITTEN),
        ("remembers_blocks_by_value", Verdict.RIGHT),
        ("remembers_blocks_by_shape", Verdict.WRONG),
        ("remembers_blocks_by_address", Verdict.WRONG),
        ("remembers_answers_by_data", Verdict.WRONG),
        ("remembers_answers_by_parameters", Verdict.WRONG),
        ("hands_out_two_buffers", Verdict.STALE),
        ("hands_out_three_buffers", Verdict.STALE),
        ("prints", Verdict.RIGHT),
        ("half_of_out", Verdict.UNWRITTEN),
        ("unwritten", Verdict.UNWRITTEN),
        ("writes_input", Verdict.MODIFIED),
        ("raises", Verdict.EXCEPTION),
        ("refuses", Verdict.REFUSED),
        ("aborts", Verdict.CRASH),
        ("reads_nowhere", Verdict.CRASH),
        ("exits", Verdict.CRASH),
        ("really_exits", Verdict.CRASH),
        ("loops", Verdict.HANG),
        ("eats_memory", Verdict.OUT_OF_MEMORY),
        ("returns_text", Verdict.NOT_AN_ARRAY),
        ("returns_objects", Verdict.NOT_AN_ARRAY),
        ("returns_nothing", Verdict.NOT_AN_ARRAY),
        ("returns_rows", Verdict.NOT_AN_ARRAY),
        ("big_endian", Verdict.RIGHT),
        ("too_wide", Verdict.WRONG_DTYPE),
        ("into_fresh_memory", Verdict.UNWRITTEN),
        ("Stateful", Verdict.UNSTABLE),
        ("reuses", Verdict.STALE),
        ("right", Verdict.RIGHT),
    ],
)
def test_misbehaviour_has_a_name(kernel, name, verdict, monkeypatch):
    if verdict is Verdict.HANG:  # which is waited for
        monkeypatch.setattr(kernel, "timeout", 0.5)
    assert verdict_on(kernel, name).judgement.verdict is verdict


def test_a_remembered_answer_is_wrong_the_second_time(kernel):
    kernel.load(FILE, "remembers")
    first, second = (make_case(OP, "float32", SHAPE, "normal", "contiguous", (seed,)) for seed in (1, 2))
    assert observe(kernel, first, MODEL).judgement.verdict is Verdict.RIGHT
    assert observe(kernel, second, MODEL).judgement.verdict is Verdict.WRONG


def test_padding_between_strides_is_watched_too(kernel):
    assert verdict_on(kernel, "writes_between_strides").judgement.verdict is Verdict.RIGHT
    assert verdict_on(kernel, "writes_between_strides", "strided").judgement.verdict is Verdict.MODIFIED


@pytest.mark.parametrize("layout", ["contiguous", "strided", "transposed", "reversed", "misaligned"])
@pytest.mark.parametrize("dtype", ["float16", "complex64"])
def test_memory_like_an_argument_is_poisoned_whatever_its_strides(kernel, layout, dtype):
    kernel.load(FILE, "like_its_argument")
    case = make_case(OP, dtype, SHAPE | {"rows": 2}, "normal", layout, (0,))
    assert observe(kernel, case, default_model(dtype)).judgement.verdict is Verdict.RIGHT


def test_a_file_named_as_a_library_still_finds_the_library(tmp_path):
    path = tmp_path / "json.py"
    path.write_text("import json\ndef text(x, blocks): return json.dumps([])\n")
    with Kernel(path, "text") as running:
        case = make_case(OP, "float32", SHAPE, "normal", "contiguous", (0,))
        assert "returned str" in observe(running, case, MODEL).judgement.message


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("nowhere", Outcome.NAME_MISSING), ("not_a_function", Outcome.NOT_CALLABLE)],
)
def test_a_kernel_that_is_not_there_is_named(name, outcome):
    with pytest.raises(SandboxError) as raised, Kernel(FILE, name):
        pass
    assert raised.value.outcome is outcome


@pytest.fixture(scope="module")
def once_with_torch(tmp_path_factory):
    """A process that has called a kernel of torch's, and is given others: importing torch takes longest."""
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    path = tmp_path_factory.mktemp("torch") / "first.py"
    path.write_text("from torch.fft import fft\n")
    with Kernel(path, "fft") as running:
        yield running


@pytest.mark.parametrize(
    ("lines", "name", "face"),
    [
        ("from torch.fft import fft as kernel", "kernel", "torch"),
        ("from torch import matmul\ndef kernel(x): return matmul(x, x)", "kernel", "torch"),
        ("import torch.nn.functional as F\ndef kernel(x): return F.relu(x)", "kernel", "torch"),
        ("from torch.nn import Identity\nkernel = Identity()", "kernel", "torch"),
        ("from of_torch import kernel", "kernel", "torch"),
        ("from numpy.fft import fft as kernel", "kernel", "numpy"),
        ("import numpy as np\nimport of_torch\ndef kernel(x): return np.fft.fft(x)", "kernel", "numpy"),
    ],
)
def test_a_kernel_is_given_tensors_wherever_its_torch_comes_from(tmp_path, once_with_torch, lines, name, face):
    (tmp_path / "of_torch.py").write_text("import torch\ndef kernel(x): return torch.fft.fft(x)\n")
    (tmp_path / "kernels.py").write_text(lines + "\n")
    once_with_torch.load(tmp_path / "kernels.py", name)
    case = make_case(op_named("fft"), "complex64", {"batch": 1, "size": 4}, "normal", "contiguous", (0,))
    assert once_with_torch.run(case).face == face
    if "of_torch" in lines:  # in a process of its own, where nothing else has imported torch
        with Kernel(tmp_path / "kernels.py", name) as running:
            assert running.run(case).face == face


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(SandboxError, match="no such file"), Kernel(FILE.with_name("nothing.py"), "right"):
        pass


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_poison_and_padding_are_recognised_and_told_apart(dtype):
    array = poisoned(np.empty((2, 3), dtype))
    assert is_poison(array, dtype).all() and not is_padding(array, dtype).any() and np.isnan(array).all()
    padding = poisoned(np.empty((2, 3), dtype), PADDING)
    assert is_padding(padding, dtype).all() and not is_poison(padding, dtype).any()
    assert not is_poison(np.full((2, 3), np.nan, dtype), dtype).any()


def test_poison_of_bfloat16_is_the_top_half_of_that_of_float32():
    as_float32 = np.array([POISON["float32"] >> 16 << 16], np.uint32).view(np.float32)
    assert is_poison(as_float32, "bfloat16").all()


@pytest.mark.parametrize("layout", ["contiguous", "strided", "sliced", "transposed", "reversed", "misaligned"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (2, 0), (2, 3, 4)])
def test_layouts_hold_the_same_values(layout, shape):
    values = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    view, buffer = laid_out(values, layout)
    assert view.shape == shape and (view == values).all()
    assert np.shares_memory(view, buffer) or not view.size


ANSWER = {
    "dtypes": ["float32"],
    "modified": [],
    "aliased": False,
    "outside": False,
    "unfilled": False,
    "count": 1,
    "interpreted": False,
    "repeated": False,
}


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"refused": 7},
        ANSWER | {"modified": [99]},
        ANSWER | {"modified": [-1]},
        ANSWER | {"count": "x"},
        ANSWER | {"count": True},
        ANSWER | {"count": 3},
        ANSWER | {"dtypes": []},
        ANSWER | {"aliased": 0},
    ],
)
def test_an_answer_that_is_none_is_refused(forged):
    array = np.zeros(2, np.float32)
    assert run_of(ANSWER, (array,), ("x",)).outputs[0] is array
    with pytest.raises(ValueError, match="expected"):
        run_of(forged, (array,), ("x",))


def test_the_server_is_not_replaced_by_user_code(tmp_path):
    path = tmp_path / "patches.py"
    path.write_text("""
import sys
import numpy as np
server = sys.modules["__main__"].KernelServer
inner = server.call
def call(self, header, arrays):
    answer, found = inner(self, header, arrays)
    return answer | {"modified": []}, found
server.call = call

def kernel(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), -1)
    x[...] = 7
    return y
""")
    with Kernel(path, "kernel") as running:
        case = make_case(OP, "float32", SHAPE, "normal", "contiguous", (0,))
        assert observe(running, case, MODEL).judgement.verdict is Verdict.MODIFIED


def test_memory_around_out_is_watched_too(kernel):
    assert verdict_on(kernel, "right_into_out", "strided").judgement.verdict is Verdict.RIGHT
    assert verdict_on(kernel, "right_into_out", "misaligned").judgement.verdict is Verdict.RIGHT
    assert verdict_on(kernel, "writes_beside_out", "contiguous").judgement.verdict is Verdict.RIGHT
    assert verdict_on(kernel, "writes_beside_out", "strided").judgement.verdict is Verdict.MODIFIED
