"""Rounding is believed where something was seen that spreads it: models of torch whose leaks are of rounding's size."""

import numpy as np
import pytest

from monarch_theory.leaks import check_callable, check_file
from monarch_theory.leaks.callables import ArrayModel
from monarch_theory.leaks.inputs import Inputs
from monarch_theory.leaks.judge import Judge
from monarch_theory.leaks.noise import LARGEST, redrawn
from monarch_theory.leaks.outputs import Outputs
from monarch_theory.sandbox.arithmetic import Watch, watched

torch = pytest.importorskip("torch")
N, WIDTH, VOCABULARY = 12, 8, 16


class Model(torch.nn.Module):
    """Tokens (1, n) to outputs (1, n, width): `mix` of their embedding."""

    def __init__(self, mix, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(VOCABULARY, WIDTH, dtype=dtype)
        self.mix = mix

    def forward(self, tokens):
        return self.mix(self.embed(tokens))


def later(x):
    """Of every place the next one's values, (1, n, width)."""
    return x.roll(-1, -2)


def masked(scores, low=-torch.inf):
    return scores + torch.full_like(scores, low).triu(1)


def softmax_in_single(leak):
    def mix(x):
        scores = masked(x @ x.mT) + leak * later(x)[..., :1] * torch.arange(x.shape[-2])
        return torch.softmax(scores, -1, dtype=torch.float32).double() @ x

    return mix


def attention_with_least_numbers(leak):
    """Masks of the least finite number, as many libraries have them, in double precision."""

    def mix(x):
        scores = masked(x @ x.mT + leak * later(x)[..., :1] * torch.arange(x.shape[-2]), torch.finfo(x.dtype).min)
        return torch.softmax(scores, -1, dtype=torch.float32).double() @ x

    return mix


def norm_in_single(leak):
    return lambda x: torch.nn.functional.layer_norm((x + leak * later(x)).float(), (WIDTH,)).double()


def through_bfloat16(leak):
    return lambda x: (x.cumsum(-2) + leak * later(x)).bfloat16().double().tanh()


def transform_in_single(leak):
    def mix(x):
        n = x.shape[-2]
        kernel = torch.exp(-torch.arange(n) / 5.0)[:, None]
        spectra = torch.fft.rfft(x.float(), 2 * n, -2) * torch.fft.rfft(kernel, 2 * n, -2)
        return torch.fft.irfft(spectra, 2 * n, -2)[..., :n, :].double() + leak * later(x)

    return mix


def sums_that_cancel(leak):
    def mix(x):
        after = x.flip(-2).cumsum(-2).flip(-2) - x
        return x.sum(-2, keepdim=True) - after + leak * later(x)

    return mix


def routed(leak):
    """Each row by one of two layers: how many rows a product has, and so the order of its sums, the future decides."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(WIDTH, WIDTH, dtype=torch.float64) for _ in range(2)]

    def mix(x):
        taken, y = (x[..., 0] > 0).long(), torch.empty_like(x)
        for k, layer in enumerate(layers):
            y[taken == k] = layer(x[taken == k])
        return y.cumsum(-2) + leak * later(x)

    return mix


def global_maximum(x):
    """exp(s − max over the future, too), which cancels: only rounding sees it."""
    scores = x @ x.mT
    weights = torch.exp(scores - scores.max()).tril()
    return (weights @ x) / weights.sum(-1, keepdim=True)


def small_and_bounded(leak):
    return lambda x: x.cumsum(-2) + leak * torch.tanh(later(x))


def asked(mix, n=N, vocab=VOCABULARY):
    return check_callable(Model(mix).eval(), n, shape="1,n", dtype="int64", vocab=vocab, budget=8.0)


@pytest.mark.parametrize(
    ("kind", "leak"),
    [
        (softmax_in_single, 1e-8),
        (attention_with_least_numbers, 1e-6),
        (norm_in_single, 1e-8),
        (through_bfloat16, 1e-4),
        (transform_in_single, 1e-6),
        (sums_that_cancel, 1e-9),
        (routed, 1e-13),
    ],
)
def test_a_leak_of_the_size_of_rounding_inside_is_found_and_nothing_else_is(kind, leak):
    assert asked(kind(0.0)).verdict == "causal"
    report = asked(kind(leak))
    assert report.verdict == "not causal" and report.witness.output < report.witness.input, report


FILE = """
import torch
class Island(torch.nn.Module):
    def __init__(self, leak=1e-8):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.leak = torch.nn.Embedding(16, 8), leak
    def forward(self, tokens):
        x = self.embed(tokens)
        scores = x @ x.mT + torch.full((x.shape[-2],) * 2, -torch.inf).triu(1)
        scores = scores + self.leak * x.roll(-1, -2)[..., :1] * torch.arange(x.shape[-2])
        return torch.softmax(scores, -1, dtype=torch.float32).to(x.dtype) @ x
"""


@pytest.mark.parametrize(
    ("leak", "verdict"), [pytest.param(0.0, "causal", marks=pytest.mark.long), (1e-8, "not causal")]
)
@pytest.mark.usefixtures("torch_at_hand")
def test_the_same_of_a_file(tmp_path, leak, verdict):
    file = tmp_path / "island.py"
    file.write_text(FILE)
    options = {"shape": "1,n", "dtype": "int64", "vocab": 4, "init": f'{{"leak": {leak}}}', "budget": 8.0}
    report = check_file(file, "Island", 6, **options)
    assert report.verdict == verdict, report


class Strict(torch.nn.Module):
    """In single precision, and particular about the dtypes it is given; sums that cancel."""

    def __init__(self, leak):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.leak = torch.nn.Linear(WIDTH, WIDTH), leak

    def forward(self, x):
        if x.dtype != self.layer.weight.dtype:
            raise TypeError(f"expected {self.layer.weight.dtype}, got {x.dtype}")
        y = self.layer(x)
        return y.sum(-2, keepdim=True) - (y.flip(-2).cumsum(-2).flip(-2) - y) + self.leak * torch.tanh(later(y))


@pytest.mark.parametrize(("leak", "verdict"), [(0.0, "causal"), (1e-7, "not causal")])
def test_a_module_in_single_precision_is_held_in_double_while_it_is_asked(leak, verdict):
    module = Strict(leak).eval()
    before = module.layer.weight.detach().clone()
    report = check_callable(module, N, shape=f"1,n,{WIDTH}", budget=8.0)
    assert report.verdict == verdict, report
    assert module.layer.weight.dtype == torch.float32 and torch.equal(module.layer.weight, before)


def test_what_nothing_explains_is_undecided(monkeypatch):
    report = asked(small_and_bounded(1e-17), 6, vocab=4)
    assert (report.verdict, report.outcome, report.exit_code) == ("undecided", "noise", 2)
    assert asked(small_and_bounded(0.0), 6, vocab=4).evidence == "measured: bit-identical"
    monkeypatch.setattr(Judge, "_demand_cause", lambda *_: None)
    assert asked(small_and_bounded(1e-17), 6, vocab=4).verdict == "causal"  # the wrong judge, by which the test is held


def test_what_only_rounding_sees_is_no_leak():
    assert asked(global_maximum).verdict in ("causal", "undecided")


def test_sums_that_cancel_are_causal_to_rounding():
    report = asked(sums_that_cancel(0.0))
    assert report.evidence == "measured: causal to rounding" and 0 < report.response < 1e-13


def test_a_redrawn_run_that_is_lost_says_nothing_of_noise():
    inputs = Inputs.of("n", N, "float64")

    def observe(x, redraw=None, amplitude=1.0):
        return Outputs((x[:, None] if redraw is None else np.full((N, 1), np.nan),))

    noise = redrawn(observe, np.zeros(N), np.ones(N), slice(0, 3), inputs.seed)
    assert (noise == LARGEST).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rounding_redrawn_of_the_largest_numbers_is_finite_and_small(dtype):
    """A mask of the least number stays one."""
    largest = torch.finfo(dtype).max
    x = torch.tensor([-largest, largest, 1.0], dtype=dtype).repeat(8)
    for seed in range(4):
        with watched(Watch(seed)):
            y = x + torch.zeros_like(x)
        assert (
            y.isfinite().all()
            and ((y / 4 - x / 4).abs().double() <= 0.1 * largest).all()
            and (y.sign() == x.sign()).all()
        )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("count", [0, 7, 5000], ids=["none", "few", "many"])
def test_sums_of_few_and_of_many_numbers_are_redrawn_in_their_shape(dtype, count):
    x = torch.rand(count, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    with watched(Watch(3)):
        whole, turned = x.sum(), x.mT * x.mT
    assert whole.shape == () and turned.shape == (3, count) and turned.stride() == (x.mT * x.mT).stride()
    assert whole.dtype == turned.dtype == dtype and (not count or not torch.equal(turned, x.mT * x.mT))
    with watched(Watch(3)):
        assert torch.equal(x.sum(), whole) and torch.equal(x.mT * x.mT, turned)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_counts_and_positions_are_not_redrawn(dtype):
    """Masks depend on them, and what a mask lets through is no rounding."""
    places = torch.arange(64, dtype=dtype)
    with watched(Watch(3)):
        chunks, thirds = torch.floor(places / 4 * 1), places / 3
    assert torch.equal(chunks, torch.floor(places / 4)) and torch.equal(thirds[::3], places[::3] / 3)
    assert (thirds != places / 3).double().mean() > 0.3


def test_arithmetic_in_double_precision_reaches_what_was_to_be_single():
    x = torch.rand(64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.nn.Linear(64, 3)  # in single precision
    with torch.no_grad(), watched(Watch(arithmetic="double")):
        y = torch.softmax(weights(x.float()), -1, dtype=torch.float32)
        half = x.half().sum()
    with torch.no_grad():
        exact = torch.softmax(weights.double()(x), -1)
    assert y.dtype == torch.float64 and torch.allclose(y, exact, rtol=1e-14, atol=0)
    assert half.dtype == torch.float64 and abs(float(half - x.sum())) < 1e-12


def test_arithmetic_rounded_to_single_precision_keeps_its_dtype_and_what_is_not_finite():
    x = torch.tensor([1 / 3, torch.finfo(torch.float64).min, 1e-300, -torch.inf], dtype=torch.float64)
    with watched(Watch(arithmetic="single")):
        y = x * 1
    assert y.dtype == torch.float64 and y[0] == np.float32(1 / 3) and torch.equal(y[1:], x[1:])


def test_shapes_that_the_data_decides_are_a_cause_and_shapes_alike_are_none():
    model = ArrayModel(lambda x: Model(routed(0.0)).eval().mix(torch.from_numpy(x)))
    x = np.ones((1, N, WIDTH))
    assert model.facts(x).sizes == model.facts(2 * x).sizes != model.facts(-x * np.arange(-1, N - 1)[:, None]).sizes
