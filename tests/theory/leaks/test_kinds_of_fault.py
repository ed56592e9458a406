"""The kinds of fault a checker by perturbation falls for: each has maps that are causal and maps that are not."""

import re
import time

import numpy as np
import pytest
from daily import but_long

from monarch_theory.leaks import assert_causal, check_callable, check_file
from monarch_theory.leaks.calls import parse_arguments
from monarch_theory.leaks.inputs import Inputs, UndecidedError
from monarch_theory.sandbox.arithmetic import Watch, drawn, watched

N = 32
TABLE = np.random.default_rng(0).standard_normal((16, 3))
PADDING = 0.3712


def convolve(x, dtype=np.float64):
    n = x.shape[-1]
    k = np.exp(-np.arange(n) / 10).astype(dtype)
    return np.fft.irfft(np.fft.rfft(x.astype(dtype), 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[..., :n].astype(x.dtype)


def past_scores(x):
    return np.where(np.tri(len(x)) > 0, np.outer(x, x), -np.inf)


def edited(place, edit, base=np.cumsum):
    """`base` with something added at a place, or at all places that have a neighbour."""

    def f(x):
        y = np.array(base(x), float)
        y[place] += edit(x)
        return y

    return f


def neighbours(seen):
    return edited(slice(0, -1), lambda x: 1.0 * seen(x[1:]))


def is_padding(x):
    return np.isclose(x, 17.25, rtol=0, atol=1e-9)


class Padded:
    def __init__(self, padding):
        self.padding = padding

    def __call__(self, x):
        return neighbours(lambda after: after == self.padding)(x)


def with_other_units(small):
    def f(x):
        y = np.stack([np.cumsum(x), np.full(len(x), np.finfo(float).min), 1e12 * np.cumsum(x)], 1)
        y[7, 0] += small * x[8]
        return y

    return f


def nan_where(seen):
    def f(x):
        y = np.cumsum(x)
        y[:-1][seen(x[1:])] = np.nan
        return y

    return f


def shared_maximum(x):
    """exp(s − max over the future too) times the mask, normalised: a large later score makes 0/0 of the past."""
    s = np.outer(np.tanh(x) + 2, x)
    w = np.exp(s - s.max(1, keepdims=True)) * np.tri(len(x))
    return (w @ np.tanh(x)) / w.sum(1)


def number(x):
    return np.where(np.isfinite(x), x, 0)


def answering(seen):
    """A running sum of what is finite, and at each place something of the places after it."""
    return neighbours_of(lambda x: np.cumsum(number(x)), seen)


def neighbours_of(f, seen):
    def g(x):
        return f(x) + np.array([1.0 * seen(x[i + 1 :]) for i in range(len(x))])

    return g


def filled_from_ahead(x):
    known = np.flatnonzero(np.isfinite(x))
    return np.interp(np.arange(len(x)), known, x[known]) if len(known) else 0 * x


def opened_mask(x):
    y = past_scores(x)
    y[3, 5] = x[9] if x[9] > 1 else -np.inf
    return y


def first_nan(f):
    def g(x):
        y = np.array(f(x))
        y[0] = np.nan
        return y

    return g


def saw(x):
    return 1e5 * x - np.floor(1e5 * x)


def mean_after(x):
    return np.cumsum(x) + 1e-14 * x.mean()


def early_fft(x):
    return edited(13, lambda x: 1e-11 * x[14], convolve)(x)


LEAKS = {
    "special values: exact 0": neighbours(lambda x: x == 0),
    "special values: exact 1": neighbours(lambda x: x == 1),
    "special values: integers": neighbours(lambda x: x == np.round(x)),
    "special values: beyond 1e6": neighbours(lambda x: np.abs(x) > 1e6),
    "special values: beyond 1e20": neighbours(lambda x: np.abs(x) > 1e20),
    "special values: below 1e-6": neighbours(lambda x: (np.abs(x) < 1e-6) & (x != 0)),
    "special values: equal neighbours": edited(slice(0, -1), lambda x: 1.0 * (x[1:] == x[:-1])),
    "special values: one place, exact −1": edited(4, lambda x: x[5] == -1),
    "special values: a number the code names": neighbours(lambda x: x == 0.5),
    "special values: a number a global names": neighbours(lambda x: x == PADDING),
    "special values: a number another function names": neighbours(lambda x: is_padding(x)),
    "special values: a number an object holds": Padded(-2.625),
    "special values: what lies within numbers that the code names": neighbours(lambda x: (x > 90.5) & (x < 91)),
    "special values: subnormal": neighbours(lambda x: (np.abs(x) < np.finfo(float).tiny) & (x != 0)),
    "in order: as long as the whole rises": lambda x: np.cumsum(x) + (np.diff(x) > 0).all(),
    "in order: as long as the whole falls": lambda x: np.cumsum(x) + (np.diff(x) < 0).all(),
    "in order: as long as signs alternate": lambda x: np.cumsum(x) + (x[1:] * x[:-1] < 0).all(),
    "units: a channel beside larger ones": with_other_units(1e-9),
    "not finite: NaN where large": nan_where(lambda x: np.abs(x) > 100),
    "not finite: NaN where far from usual": nan_where(lambda x: np.abs(x) > 1e6),
    "not finite: shared maximum": shared_maximum,
    "not finite: whether there is a NaN": answering(lambda after: np.isnan(after).any()),
    "not finite: how many infinities there are": answering(lambda after: np.isinf(after).sum()),
    "not finite: an odd number of NaN": answering(lambda after: np.isnan(after).sum() % 2),
    "not finite: a NaN at the next place": answering(lambda after: np.isnan(after[:1]).sum()),
    "not finite: a NaN at one place": edited(7, lambda x: np.isnan(x[8]), lambda x: np.cumsum(number(x))),
    "not finite: a flag alone": lambda x: np.stack([np.cumsum(x), np.full(len(x), np.isnan(x).any())], 1),
    "not finite: the share of finite numbers": lambda x: number(x) / max(np.isfinite(x).sum(), 1),
    "not finite: gaps that are filled": filled_from_ahead,
    "not finite: always −inf, beside a leak": edited((3, 2), lambda x: 1e-9 * x[9], past_scores),
    "not finite: a mask that opens": opened_mask,
    "not finite: always NaN, beside a leak": first_nan(lambda x: np.cumsum(x) + np.roll(x, -1)),
    "rough: early": edited(3, lambda x: 1e-6 * saw(x[4])),
    "rough: late": edited(23, lambda x: 1e-6 * saw(x[24])),
    "rough: where values are large": edited(23, lambda x: 1e-6 * saw(x[24]) * (np.abs(x[24]) > 20)),
    "rough: everywhere": edited(slice(0, -1), lambda x: 1e-6 * saw(x[1:])),
    "rough: after a transform": edited(13, lambda x: 1e-6 * saw(x[14]), convolve),
    "transform: 1e-11 beside its noise": early_fft,
    "transform: 1e-4 beside single precision": edited(9, lambda x: 1e-4 * x[10], lambda x: convolve(x, np.float32)),
    "single precision: 1e-6": edited(6, lambda x: np.float32(1e-6 * x[7]), lambda x: np.cumsum(x.astype(np.float32))),
    "steady and tiny: one neighbour": lambda x: np.cumsum(x) + 1e-15 * np.roll(x, -1),
    "steady and tiny: the mean": mean_after,
    "units: all outputs of 1e-190": lambda x: 1e-190 * early_fft(x),
    "units: all outputs of 1e190": lambda x: 1e190 * early_fft(x),
    "several outputs: the second": lambda x: (np.cumsum(x), x[::-1].copy()),
    "several outputs: one for each place": lambda x: [np.full(3, v) for v in np.cumsum(x) + 1e-8 * np.roll(x, -1)],
    "an input that is written to": lambda x: np.add(x, 1e-8 * np.roll(x, -1), out=x),
    "several outputs: by name": lambda x: {"hidden": np.cumsum(x), "logits": np.cumsum(x) + 1e-8 * np.roll(x, -1)},
}

CAUSAL = {
    "transform, double": convolve,
    "transform, single inside": lambda x: convolve(x, np.float32),
    "transform, rounded to sixty-fourths": lambda x: np.round(convolve(x, np.float32) * 64) / 64,
    "transform, 1e-190 of it": lambda x: 1e-190 * convolve(x),
    "transform, 1e190 of it": lambda x: 1e190 * convolve(x),
    "transform, gated": lambda x: convolve(x) / (1 + np.exp(-x)),
    "transform, rectified": lambda x: np.maximum(convolve(x), 0),
    "transform, sign": lambda x: np.sign(convolve(x)),
    "masked scores": past_scores,
    "NaN that spreads, and is put right": lambda x: np.nan_to_num(np.tri(len(x)) @ x),
    "NaN that spreads, and is put right beside a sum": lambda x: x + np.nan_to_num(convolve(x)),
    "NaN that spreads, and is put right before a sum": lambda x: np.cumsum(np.nan_to_num(np.tri(len(x)) @ x)),
    "NaN that spreads, and becomes a sign": lambda x: 1.0 * (convolve(x) > 0) - (convolve(x) < 0),
    "NaN that is counted": lambda x: np.cumsum(number(x)) + np.isnan(x).cumsum(),
    "first output NaN": first_nan(np.cumsum),
    "units": with_other_units(0.0),
    "overflow of its own": lambda x: np.cumsum(x**4),
    "several outputs, one for each place": lambda x: {"y": [np.full(3, v) for v in np.cumsum(x)], "h": x.sum()},
    "several outputs, one for each layer": lambda x: {"y": np.cumsum(x), "h": [np.full(3, x.sum())] * N},
    "an input that is written to": lambda x: np.cumsum(x, out=x),
    "several outputs, a loss and a state": lambda x: {"y": np.cumsum(x), "loss": x.sum(), "h": np.ones(7) * x.sum()},
    "a state as wide as the sequence is long": lambda x: (np.cumsum(x), np.ones(N) * x.sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_of_each_kind_is_found(name):
    report = check_callable(LEAKS[name], N)
    assert (report.verdict, report.exit_code) == ("not causal", 1), report
    assert report.witness.output < report.witness.input


RESEMBLING_TOO = (
    "transform, rectified", "transform, gated", "transform, 1e190 of it", "transform, 1e-190 of it",
    "NaN that spreads, and becomes a sign",
)  # fmt: skip
"""Neighbours of these are asked daily."""


@pytest.mark.parametrize("name", but_long(CAUSAL, RESEMBLING_TOO))
def test_what_resembles_a_leak_is_none(name):
    report = check_callable(CAUSAL[name], N)
    assert (report.verdict, report.exit_code) == ("causal", 0), report


def attend_unless(hidden):
    """Causal attention that also hides keys, by a finite number: a row of hidden keys alone sees all of them."""

    def attend(x):
        scores = np.where(np.tri(len(x), dtype=bool) & ~hidden(x)[None, :], np.outer(np.sin(x), np.sin(x)), -1e30)
        weights = np.exp(scores - scores.max(1, keepdims=True))
        return (weights / weights.sum(1, keepdims=True)) @ np.sin(x)

    return attend


@pytest.mark.parametrize(
    ("hidden", "options"),
    [
        (lambda x: x == 0, {"dtype": "int64"}),
        (lambda x: x == 11, {"dtype": "int64"}),
        (lambda x: x == 700, {"dtype": "int64", "vocab": 1000, "tokens": (700,)}),
        (lambda x: x == 0, {}),
        (lambda x: x < -1.5, {}),
    ],
)
def test_a_past_that_is_hidden_as_a_whole_sees_the_future(hidden, options):
    report = check_callable(attend_unless(hidden), N, **options)
    assert report.verdict == "not causal" and report.witness.output < report.witness.input


THRESHOLDS = (2.5, -3.75, 6.0, 700.0, 11.0)


IN_SINGLE = {"dtype": "float32"}


@pytest.mark.parametrize("options", but_long([{}, IN_SINGLE, {"dtype": "int64", "vocab": 1000}], [IN_SINGLE]))
def test_each_number_that_the_code_names_is_tried_at_each_place(options):
    for value in THRESHOLDS[3:] if "vocab" in options else THRESHOLDS:
        for place in (1, 8, N - 2):
            leak = edited(place, lambda x, at=place + 1, value=value: x[at] == THRESHOLDS[THRESHOLDS.index(value)])
            report = check_callable(leak, N, **options)
            assert report.verdict == "not causal", (value, place)
            assert (report.witness.output, report.witness.input) == (place, place + 1)


def run_ahead(t, length, step):
    """Whether so many tokens follow that go up or down by one."""
    return np.array([len(r := t[i + 1 : i + 1 + length]) == length and (np.diff(r) == step).all() for i in range(N)])


TOKEN_LEAKS = {
    "first token": lambda t: neighbours(lambda x: x == 0)(t),
    "last token": lambda t: neighbours(lambda x: x == 15)(t),
    "where a token first stands": lambda t: edited(0, lambda x: np.argmax(x == 2))(t),
    "how many tokens there are": lambda t: np.cumsum(t) + 1e-3 * len(set(t.tolist())),
    "a rare token": lambda t: np.cumsum(t) + (t == 31999).any(),
    "two rare tokens": lambda t: np.cumsum(t) + ((t == 31999).any() & np.isin(t, (517, 518)).any()),
    "five that rise": lambda t: np.cumsum(t) + run_ahead(t, 5, 1),
    "four that fall": lambda t: np.cumsum(t) + run_ahead(t, 4, -1),
    "transform, not padded": lambda t: np.fft.ifft(np.fft.fft(TABLE[t], axis=0) * 1j ** np.arange(N)[:, None], axis=0),
}


@pytest.mark.parametrize("name", TOKEN_LEAKS)
def test_a_leak_of_tokens_is_found(name):
    vocab = 32000 if "rare" in name else 16
    assert check_callable(TOKEN_LEAKS[name], N, dtype="int64", vocab=vocab).verdict == "not causal"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_noise_of_tokens_is_measured(dtype):
    report = check_callable(lambda t: convolve(TABLE[t].T, dtype).T, N, dtype="int64")
    assert (report.verdict, report.evidence) == ("causal", "measured: causal to rounding")
    assert 0 < report.response < report.floor < 2.0 ** (-40 if dtype is np.float64 else -12)


def test_noise_that_cannot_be_measured_decides_nothing():
    """Tokens, and a sum that cancels: no transform is seen, and no input can be moved."""
    report = check_callable(
        lambda t: TABLE[t].sum(0) - (np.cumsum(TABLE[t][::-1], 0)[::-1] - TABLE[t]), N, dtype="int64"
    )
    assert (report.verdict, report.outcome) == ("undecided", "noise")


def test_a_model_that_raises_for_some_futures_is_never_causal():
    def f(x):
        if np.abs(x[N // 2 :]).max() > 500:
            raise ValueError("overflow")
        return np.cumsum(x)

    report = check_callable(f, N)
    assert (report.verdict, report.outcome, report.exit_code) == ("undecided", "exception", 2)


def test_all_outputs_are_reported_and_one_can_be_named():
    def f(x):
        return {"hidden": np.cumsum(x), "logits": x[::-1].copy(), "loss": x.sum(), "count": 3}

    report = check_callable(f, N)
    assert {o.name: o.verdict for o in report.outputs} == {"hidden": "causal", "logits": "not causal"}
    assert report.witness.array == "logits" and any("loss" in note for note in report.notes)
    assert any("count (int)" in note for note in report.notes)
    assert check_callable(f, N, output="hidden").verdict == "causal"
    assert check_callable(f, N, output="1").verdict == "not causal"
    assert check_callable(f, N, output="other").outcome == "bad input"


def test_what_was_tried_is_said():
    report = check_callable(np.cumsum, N)
    assert report.covered.startswith("|x| from ") and report.cuts_tested == N - 1
    few = check_callable(lambda t: np.cumsum(t), N, dtype="int64", vocab=5)
    assert few.covered.startswith("5 of 5 tokens, 25 of 25 pairs of neighbours")
    many = check_callable(lambda t: np.cumsum(t), 4, dtype="int64", vocab=1000)
    pairs = int(many.covered.split(", ")[1].split()[0])
    assert 0 < pairs < 1000 and f"{pairs} of 1000000 pairs" in many.covered


@pytest.mark.parametrize("vocab", [2, 5, 50257])
def test_always_tried_tokens(vocab):
    inputs = Inputs.of("2,n", N, "int64", vocab, specials=(1, vocab - 1))
    tried = np.concatenate([inputs.futures(k).donor(5).ravel() for k in inputs.kinds if k.startswith("token")])
    assert {0, 1, vocab - 2, vocab - 1} <= set(tried.tolist())


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64", "bool"])
def test_futures_differ_from_the_base_at_the_cut(dtype):
    inputs = Inputs.of("n,2", N, dtype, vocab=7)
    for cut in range(1, N):
        futures = inputs.futures(inputs.kinds[0])
        assert (futures.donor(cut)[cut] != futures.base[cut]).all()


@pytest.mark.long
def test_runs_per_cut_when_nothing_leaks():
    def slow(x):
        time.sleep(0.004)
        return np.cumsum(x)

    report = check_callable(slow, 512, budget=0.01)
    assert report.outcome == "partial"
    report = check_callable(slow, 1024)
    assert report.verdict == "causal" and report.forwards <= 1.5 * 1024


@pytest.mark.long
def test_a_busy_machine_makes_no_verdict(monkeypatch):
    monkeypatch.setattr("monarch_theory.leaks.cuts.PATIENCE", 1.0)
    calls = []

    def rarely_quick(x):
        calls.append(x)
        time.sleep(0.02 * (len(calls) > 20))
        return np.cumsum(x)

    report = check_callable(rarely_quick, 24, budget=0.6)
    assert (report.verdict, report.outcome) == ("undecided", "partial"), report.reason
    assert "the time was up before" in report.reason
    calls.clear()
    report = check_callable(rarely_quick, 24, budget=0.6, accept_partial=True)
    assert report.verdict == "causal"
    assert any(re.match(r"of \d+ kinds of values", note) for note in report.notes)


def test_what_is_cheap_is_tried_however_little_time_is_asked_for():
    def rare(x):
        y = np.cumsum(x)
        y[23] += 1e-3 * (np.abs(x[24]) > 20) * np.modf(1e5 * x[24])[0]
        return y

    report = check_callable(rare, 64, budget=0.05)
    assert report.verdict != "causal"
    assert check_callable(rare, 64).verdict == "not causal"


def test_assert_causal():
    assert_causal(np.cumsum, N)
    with pytest.raises(AssertionError, match="not causal: output 0 changes by"):
        assert_causal(lambda x: x + np.roll(x, -1), N)
    with pytest.raises(AssertionError, match="undecided"):
        assert_causal(lambda x: x * np.nan, N)


def shifted(k):
    """Output i is the sum of inputs 0 … i + k."""
    return lambda x: np.array([x[: max(i + k + 1, 0)].sum() for i in range(len(x))])


@pytest.mark.parametrize("k", [-1, 0, 1, 5])
def test_lookahead_is_exact(k):
    assert check_callable(shifted(k), N, lookahead=k).verdict == "causal"
    assert check_callable(shifted(k), N, lookahead=k + 1).verdict == "causal"
    if k > -1:
        report = check_callable(shifted(k), N, lookahead=k - 1)
        assert report.verdict == "not causal" and report.witness.input - report.witness.output == k
        assert report.witness.output == 0


def test_lookahead_tolerates_a_transform_and_finds_a_whisper_beside_it():
    assert check_callable(lambda x: np.concatenate([[0.0], convolve(x)[:-1]]), N, lookahead=-1).verdict == "causal"
    report = check_callable(edited(13, lambda x: 1e-10 * x[16], convolve), N, lookahead=2)
    assert (report.witness.output, report.witness.input) == (13, 16)
    assert check_callable(edited(13, lambda x: 1e-10 * x[16], convolve), N, lookahead=3).verdict == "causal"
    assert check_callable(np.cumsum, N, lookahead=-2).outcome == "bad input"
    assert check_callable(np.flip, 4, lookahead=3).evidence == "proved"


def test_assert_causal_takes_a_torch_module_of_this_process():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    forward, both = (torch.nn.GRU(4, 4, batch_first=True, bidirectional=b) for b in (False, True))
    assert assert_causal(forward, 12, shape="1,n,4").dtype == "float32"
    with pytest.raises(AssertionError, match="not causal"):
        assert_causal(both, 12, shape="1,n,4")
    with pytest.raises(AssertionError, match=r"call \.eval"):
        assert_causal(torch.nn.Sequential(torch.nn.Dropout(0.5)), 12, shape="1,n,4")
    zero = torch.nn.Linear(4, 4)
    torch.nn.init.zeros_(zero.weight)
    assert any("weight" in note for note in check_callable(zero, 12, shape="1,n,4").notes)
    assert not zero.weight.any()


# --- how models are called -----------------------------------------------------------------------------------------

INTERFACES = """
import numpy as np
def with_mask(x, mask): return np.cumsum(x * mask)
def keyword_only(*, x): return np.cumsum(x)
def mapping(batch): return {"logits": np.cumsum(batch["input_ids"] * batch["attention_mask"])}
def scaled(x, scale): return np.cumsum(x) * scale
def embeds(input_ids=None, inputs_embeds=None): return np.cumsum(inputs_embeds)
def embeds_leak(input_ids=None, *, inputs_embeds=None): return np.cumsum(inputs_embeds[::-1])
def both_needed(attention_mask, x): return np.cumsum(x * attention_mask)
def two_keys(batch): return np.cumsum(batch["tokens"]) * batch["scale"].sum()
def two_keys_leak(batch): return np.cumsum(batch["tokens"]) + batch["features"][::-1]
def square_mask(x, mask): return np.where(mask[:, None] @ np.ones((1, 7)), x, 0).sum(0)
def mask_leaks(x, key_mask): return x[::-1] * key_mask
table = np.eye(5)
def looks_up(t): return np.cumsum(table[t], 0)
def raises_out_of_range(x): raise ValueError("index out of range")
"""


@pytest.fixture(scope="module")
def interfaces(tmp_path_factory):
    file = tmp_path_factory.mktemp("models") / "interfaces.py"
    file.write_text(INTERFACES)
    return file


@pytest.mark.usefixtures("child_at_hand")
@pytest.mark.parametrize(
    ("name", "options", "verdict", "said"),
    [
        ("with_mask", {}, "causal", "mask = ones of shape (24,)"),
        ("keyword_only", {}, "causal", "x = the input"),
        ("mapping", {}, "causal", "input_ids = the input, attention_mask = ones"),
        ("scaled", {"arguments": ("scale=2.5",)}, "causal", "scale = 2.5"),
        ("mask_leaks", {}, "not causal", "key_mask = ones"),
        ("embeds", {"arguments": ("inputs_embeds=input",)}, "causal", "inputs_embeds = the input"),
        ("embeds_leak", {"arguments": ("inputs_embeds=input",)}, "not causal", "inputs_embeds = the input"),
        ("both_needed", {"arguments": ("x=input",)}, "causal", "x = the input, attention_mask = ones of shape (24,)"),
        ("two_keys", {"arguments": ("scale=[1, 2]",)}, "causal", "tokens = the input, scale = [1, 2]"),
        ("two_keys_leak", {"arguments": ("features=input", "tokens=ones")}, "not causal", "features = the input"),
    ],
)
def test_ways_to_be_called(interfaces, name, options, verdict, said):
    report = check_file(interfaces, name, 24, budget=2.0, **options)
    assert report.verdict == verdict, report
    assert any(said in note for note in report.notes)


@pytest.mark.usefixtures("child_at_hand")
def test_what_is_missing_is_named(interfaces):
    report = check_file(interfaces, "scaled", 24)
    assert report.outcome == "exception" and "--arg scale=ones" in report.reason
    report = check_file(interfaces, "square_mask", 24)
    assert "mask got ones, --arg mask=JSON gives others" in report.reason and "mask=ones" not in report.reason


@pytest.mark.usefixtures("child_at_hand")
def test_no_words_of_an_exception_decide(interfaces):
    """A model whose message speaks of an index gets the same treatment as one whose message does not."""
    report = check_file(interfaces, "raises_out_of_range", 24, dtype="int64")
    assert report.outcome == "exception" and "--vocab" in report.reason


@pytest.mark.parametrize("text", ["mask", "=ones", "a b=1", "mask=many"])
def test_bad_arguments_are_named(text):
    with pytest.raises(UndecidedError, match="arg: expected"):
        parse_arguments((text,))
    with pytest.raises(UndecidedError, match="arg: expected one NAME=input"):
        parse_arguments(("a=input", "b=input"))


# --- arithmetic seen and redrawn -----------------------------------------------------------------------------------


def test_transforms_are_seen_by_whatever_name():
    import sys

    before = np.fft.rfft
    module = type(sys)("user")
    module.rfft = np.fft.rfft
    with watched(Watch(), (module,)) as watch:
        module.rfft(np.ones(8, np.float32))
        np.fft.fft2(np.ones((4, 4)))
    assert watch.transforms == {("complex64", 5), ("complex128", 16)}
    assert np.fft.rfft is before and module.rfft is before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_redrawn_rounding_is_of_the_size_of_rounding(dtype):
    """Held against the error of the transform itself, in longer arithmetic."""
    x = np.random.default_rng(0).standard_normal(512).astype(dtype)
    exact = np.fft.fft(x.astype(np.longdouble))
    error = np.abs(np.fft.fft(x) - exact).std()
    drawn = []
    for seed in range(8):
        with watched(Watch(seed)):
            drawn.append(np.fft.fft(x))
    noise = np.abs(np.array(drawn) - exact).std()
    assert error < noise < 30 * error


def single_inside(torch, leak):
    """Models whose own rounding, in single precision, exceeds a leak beside it: no future changes that rounding."""

    class Softmax(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(16, 8, dtype=torch.float64)

        def forward(self, tokens):
            x = self.embed(tokens)
            scores = x @ x.transpose(0, 1) + leak * x.roll(-1, 0)[:, :1]
            scores = scores + torch.full_like(scores, -torch.inf).triu(1) + leak * x[-1, 0] * torch.arange(len(x))
            return torch.softmax(scores, -1, dtype=torch.float32).double() @ x

    class Filter(torch.nn.Module):
        def forward(self, x):
            kernel = torch.exp(-torch.arange(len(x)) / 3).double()  # computed in single precision
            spectra = torch.fft.rfft(x, 2 * len(x)) * torch.fft.rfft(kernel, 2 * len(x))
            return torch.fft.irfft(spectra, 2 * len(x))[: len(x)] + leak * x.roll(-1)

    return {"softmax": (Softmax(), "int64"), "filter": (Filter(), "float64")}


@pytest.mark.parametrize("name", ["softmax", "filter"])
def test_the_pasts_own_rounding_hides_no_leak(name):
    torch = pytest.importorskip("torch")
    for leak, verdict in ((0.0, "causal"), (1e-6 if name == "softmax" else 1e-10, "not causal")):
        torch.manual_seed(0)
        module, dtype = single_inside(torch, leak)[name]
        report = check_callable(module.eval(), 12, dtype=dtype)
        assert report.verdict == verdict, report


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64"])
def test_draws_follow_from_the_number_and_the_seed(dtype):
    x = np.random.default_rng(0).standard_normal(4096).astype(dtype).real
    first, again = (drawn(x, np.random.default_rng(5)) for _ in range(2))
    assert (first == again).all() and abs(first.mean()) < 0.1 and abs(first.std() - 1) < 0.05
    other = x.copy()
    other[7] = np.nextafter(other[7], np.inf, dtype=other.dtype)
    assert np.flatnonzero(drawn(other, np.random.default_rng(5)) != first).tolist() == [7]
    assert abs(np.corrcoef(first, drawn(x, np.random.default_rng(6)))[0, 1]) < 0.1


def test_redrawn_results_keep_their_strides():
    torch = pytest.importorskip("torch")
    x = torch.arange(24.0).reshape(2, 3, 4).transpose(1, 2)
    with watched(Watch(1)):
        y = torch.sin(x)
    assert y.stride() == torch.sin(x).stride() and not torch.equal(y, torch.sin(x))


def test_what_was_left_out_is_not_called_rounding():
    """Values beyond a model's range turn its past to NaN: those are no differences within a floor of nothing."""
    report = check_callable(lambda x: np.cumsum(x) + 0 * np.sum(x**4), N)
    assert any("are beyond the model's own range: left out" in note for note in report.notes)
    assert (report.verdict, report.evidence) == ("causal", "measured: bit-identical")
    assert "bit-identical" in report.reason


def test_what_a_nan_ahead_changes_is_named_so():
    report = check_callable(LEAKS["not finite: a NaN at one place"], N)
    assert (report.witness.output, report.witness.input, report.witness.size) == (7, 8, 1.0)
    assert "output 7 changes by 1 when input 8 turns to NaN" in report.reason
    report = check_callable(LEAKS["not finite: how many infinities there are"], N)
    assert "becomes infinite" in report.reason


def test_outputs_that_are_lost_are_said_to_be():
    report = check_callable(CAUSAL["NaN that spreads, and becomes a sign"], N)
    assert any("are lost, and say another number" in note for note in report.notes)
