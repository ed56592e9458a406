"""No verdict is wrong on models as one meets them, at an odd length and at an even one."""

import pytest

pytest.importorskip("torch")

import numpy as np
from strangers import (
    FLOATS,
    ON_ARRAYS,
    ON_TENSORS,
    ON_TOKENS,
    TOKENS,
    WITH_SHORTER,
    ByFirst,
    Cache,
    Counting,
    EveryThird,
    Mapped,
    N,
    Prefilling,
    window_of_sums,
)

from monarch_theory.leaks import check_callable
from monarch_theory.leaks.contracts import window
from monarch_theory.leaks.files import Agree, check_file

VERDICT = {True: "causal", False: "not causal", None: "undecided"}


def answers(report, causal):
    """The verdict is the right one, and what was taken for rounding is within the floor that is said."""
    assert report.verdict == VERDICT[causal], report
    assert not report.holds or report.response <= report.floor, report


ONLY_LONG = {"shuffled, and shuffled again", "maximum of all scores subtracted"}
"""Shuffled twice, nine places are where they were; of eight tokens' scores the maximum moves little enough."""


DEAR = {
    "maximum of all scores subtracted", "flexible attention", "flexible attention, one ahead",
    "exponential of a triangular matrix", "chunks of positions, in order", "argmax of attention", "short filter",
    "filter by FFT", "delta rule, solved", "all but the rest", "scan whose gate is a place ahead",
    "retention in chunks, state too early",
}  # fmt: skip
"""They take long at any length: neighbours of their kind are asked daily."""


def at_lengths(rows, short, long):
    """Every row at the short length daily and at the long one among the long tests, but for those that say less."""
    for name, causal, function in rows:
        marks = pytest.mark.long if name in DEAR else ()
        if name in ONLY_LONG:
            yield pytest.param(name, causal, function, long, id=f"{name}-{long}", marks=marks)
        else:
            yield pytest.param(name, causal, function, short, id=f"{name}-{short}", marks=marks)
            yield pytest.param(name, causal, function, long, id=f"{name}-{long}", marks=pytest.mark.long)


@pytest.mark.parametrize(("name", "causal", "function", "n"), list(at_lengths(ON_TENSORS, 9, N + 1)))
def test_models_of_floats(name, causal, function, n):
    report = check_callable(Mapped(function).eval(), n, budget=6.0, **FLOATS)
    answers(report, causal)


OF_TOKENS = ON_TOKENS + WITH_SHORTER


@pytest.mark.parametrize(("name", "causal", "function", "n"), list(at_lengths(OF_TOKENS, 8, N)))
def test_models_of_tokens(name, causal, function, n):
    report = check_callable(Mapped(function).eval(), n, budget=6.0, **TOKENS)
    answers(report, causal)


@pytest.mark.parametrize(("name", "causal", "function", "options"), ON_ARRAYS, ids=[row[0] for row in ON_ARRAYS])
def test_functions_of_arrays(name, causal, function, options):
    report = check_callable(function, N, budget=6.0, **options)
    answers(report, causal)


@pytest.mark.parametrize(
    ("module", "verdict"),
    [
        (Cache(True), "causal"),
        (Cache(False), "causal"),
        (Counting(), "causal"),
        (ByFirst(0.0), "causal"),
        (ByFirst(1.0), "not causal"),
        (Prefilling(False), "causal"),
        (Prefilling(True), "not causal"),
        (EveryThird(), "not causal"),
    ],
    ids=[
        "cache cleared", "cache kept", "counting", "kept by the first place", "kept by the first place, leaks",
        "mask with a cache", "no mask with a cache", "leaks at every third call",
    ],
)  # fmt: skip
def test_models_that_keep_state(module, verdict):
    """Each call is the first of a copy, or comes after the same ones; the module itself is left as it is."""
    report = check_callable(module.eval(), 8, budget=6.0, **FLOATS)
    assert report.verdict == verdict, report
    assert getattr(module, "keys", None) is None and not getattr(module, "calls", 0) and not getattr(module, "kept", {})


@pytest.mark.parametrize("width", [4, 3])
@pytest.mark.parametrize("module", [True, False], ids=["torch", "numpy"])
def test_rounding_of_sums_that_cancel_is_no_dependence(module, width):
    """What fell out of the window leaves its rounding there, the same wherever it moves on its grid."""

    def sums(x):
        return np.cumsum(x, 1) - np.cumsum(np.pad(x, ((0, 0), (4, 0), (0, 0)))[:, :-4], 1)

    function = Mapped(window_of_sums).eval() if module else sums
    report = check_callable(function, 12, budget=6.0, contract=window(12, width), **FLOATS)
    assert report.holds is (width == 4), report


BY_DTYPE = """
import torch
class Branching(torch.nn.Module):
    def __init__(self, dtype="float32"):
        super().__init__()
        self.dtype = getattr(torch, dtype)
        self.weight = torch.nn.Parameter(torch.eye(6, dtype=self.dtype))
    def forward(self, x):
        y = torch.tanh(x @ self.weight).cumsum(1)
        return y + 0.1 * x.flip(1) if x.dtype == torch.float32 else y
class Half(Branching):
    def forward(self, x):
        return torch.tanh(x @ torch.eye(6).half() @ self.weight).cumsum(1)
"""


BY_GRADIENTS = """
import torch
class Trained(torch.nn.Module):
    def __init__(self, dtype="float32"):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(6, dtype=getattr(torch, dtype)))
    def forward(self, x):
        return x.flip(1) @ self.weight if torch.is_grad_enabled() else (x @ self.weight).cumsum(1)
class Used(Trained):
    def forward(self, x):
        return (x @ self.weight).cumsum(1) if torch.is_grad_enabled() else x.flip(1) @ self.weight
class Inference(Trained):
    def forward(self, x):
        return (x @ self.weight.mul_(1.0)).cumsum(1)
class Served(Trained):
    def forward(self, x):
        return x.flip(1) @ self.weight if torch.is_inference_mode_enabled() else (x @ self.weight).cumsum(1)
class Kept(Trained):
    def forward(self, x):
        if torch.is_inference_mode_enabled():
            return 2 * (x @ self.weight).cumsum(1)
        return (x @ self.weight).cumsum(1)
class Descending(Trained):
    def forward(self, x):
        with torch.enable_grad():
            y = x.detach().requires_grad_()
            return torch.autograd.grad(y.pow(2).sum(), y)[0].cumsum(1)
def used(x):
    return x.cumsum(1) if torch.is_grad_enabled() else x.flip(1)
def served(x):
    return x.flip(1) if torch.is_inference_mode_enabled() else x.cumsum(1)
"""


SUMS = """
def sums(x):
    return x.cumsum(1)
"""


@pytest.mark.usefixtures("torch_at_hand")
@pytest.mark.parametrize(
    ("name", "init", "holds"),
    [
        ("Trained", "", False), ("Used", "", False), ("Used", '["float64"]', False), ("used", "", False),
        ("Inference", "", True),
    ],
)  # fmt: skip
def test_a_model_is_asked_with_gradients_and_without(tmp_path, name, init, holds):
    """It may take another branch where they are on, or none; a report in which that tells says so."""
    path = tmp_path / "by_gradients.py"
    path.write_text(BY_GRADIENTS)
    report = check_file(path, name, 8, shape="1,n,6", init=init, budget=1.0, prove=False)
    assert report.holds is holds, report
    assert any("without gradients" in note for note in report.notes) is (name != "Trained")


@pytest.mark.usefixtures("torch_at_hand")
@pytest.mark.parametrize(
    ("name", "init", "holds"),
    [
        ("Served", "", False), ("served", "", False), ("Kept", "", True), ("Descending", "", True),
        pytest.param("Served", '["float64"]', False, marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_a_model_is_asked_in_inference_mode(tmp_path, name, init, holds):
    """If it gives other numbers there, and where it takes a call there."""
    path = tmp_path / "by_gradients.py"
    path.write_text(BY_GRADIENTS)
    report = check_file(path, name, 8, shape="1,n,6", init=init, budget=1.0, prove=False)
    assert report.holds is holds, report
    assert any("in inference mode" in note for note in report.notes) is (name != "Descending")


@pytest.mark.usefixtures("torch_at_hand")
@pytest.mark.parametrize("agree", [pytest.param(Agree("truncated"), marks=pytest.mark.long), Agree("same", "sums")])
def test_other_ways_to_the_same_are_asked_so_too(tmp_path, agree):
    """The first inputs alone, or another callable."""
    path = tmp_path / "by_gradients.py"
    path.write_text(BY_GRADIENTS + SUMS)
    for name, holds in (("Used", False), ("Served", False), ("Inference", True)):
        report = check_file(path, name, 8, shape="1,n,6", init='["float64"]', budget=2.0, agree=agree)
        assert report.holds is holds, report


FAST = """
import torch
class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.layers = torch.nn.TransformerEncoder(layer, 2)
        self.eval()
    def forward(self, x):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        return self.layers(x, mask=mask, is_causal=True)
"""


@pytest.mark.long
@pytest.mark.usefixtures("torch_at_hand")
def test_a_fast_path_that_rounds_otherwise_by_length_is_no_difference(tmp_path):
    path = tmp_path / "fast.py"
    path.write_text(FAST)
    report = check_file(path, "Decoder", 16, shape="2,n,8", budget=4.0, agree=Agree("truncated"), prove=False)
    assert report.holds, report


def test_a_module_of_this_process_is_asked_so_too():
    given = {}
    exec(BY_GRADIENTS, given)
    models = [given[name]("float64") for name in ("Trained", "Used", "Inference")]
    found = [check_callable(model, 8, budget=1.0, **FLOATS).holds for model in models]
    assert found == [False, False, True]


@pytest.mark.usefixtures("torch_at_hand")
@pytest.mark.parametrize(
    ("name", "init", "verdict", "dtype"),
    [
        ("Branching", '["float32"]', "not causal", "float32"),
        ("Branching", '["bfloat16"]', "causal", "float64"),
        ("Half", '["float16"]', "causal", "float16"),
    ],
)
def test_a_model_is_asked_in_its_own_dtype_too(tmp_path, name, init, verdict, dtype):
    """Held in double precision it may take another branch than it has; and what cannot be held so is asked as it is."""
    path = tmp_path / "by_dtype.py"
    path.write_text(BY_DTYPE)
    report = check_file(path, name, 8, shape="1,n,6", init=init, budget=3.0, prove=False)
    assert (report.verdict, report.dtype) == (verdict, dtype), report
    assert any("as it stands" in note for note in report.notes) is (name == "Branching"), report.notes
