"""Two ways to the same outputs: the first inputs alone, padding, another callable; right ones, and wrong ones."""

import numpy as np
import pytest

from monarch_theory.leaks.agreement import Comparison, check_agreement, padded, same, truncated
from monarch_theory.leaks.callables import ArrayModel
from monarch_theory.leaks.files import Agree, check_file
from monarch_theory.leaks.inputs import Inputs

N = 12
W = np.random.default_rng(0).standard_normal((3, 3))


def convolved(x):
    n, k = len(x), np.exp(-np.arange(len(x)) / 3)
    return np.fft.irfft(np.fft.rfft(x, 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[:n]


def by_length(x):
    """A step in scale at a length, as of stretched positions."""
    return np.cumsum(x) * (1.0 if len(x) <= 8 else 1.0 + 1e-9)


TRUNCATED = {
    "cumulative": (np.cumsum, True),
    "transforms of other lengths": (convolved, True),
    "matrix products": (lambda x: np.tri(len(x)) @ np.tanh(x), True),
    "whole": (lambda x: x - x.mean(), False),
    "positions from the end": (lambda x: x + np.arange(len(x))[::-1], False),
    "a whisper of the length": (by_length, False),
    "normalised by the root of n": (lambda x: np.cumsum(x) / np.sqrt(len(x)), False),
    "a padded chunk": (lambda x: x + np.pad(x, (0, -len(x) % 4)).reshape(-1, 4).sum(1).repeat(4)[: len(x)], False),
    "constant": (lambda x: np.ones(len(x)), True),
    "a list with an array for each place": (lambda x: [np.full(2, v) for v in np.cumsum(x)], True),
    "a list with an array for each place, and the length": (lambda x: [np.full(2, v / len(x)) for v in x], False),
}


def ask(f, agreement, *, shape="n", dtype="float64", longest=20.0):
    inputs, model = Inputs.of(shape, N, dtype), f if hasattr(f, "fresh") else ArrayModel(f)
    return check_agreement(model, inputs, agreement(model, inputs), longest=longest)


@pytest.mark.parametrize("name", TRUNCATED)
def test_the_first_inputs_alone(name):
    f, agrees = TRUNCATED[name]
    report = ask(f, truncated)
    assert report.holds is agrees, report
    assert report.contract == "the same for the first inputs alone" and report.cuts_total == N - 1
    if agrees:
        assert report.cuts_tested == N - 1
    else:
        assert report.witness.input is None and "given alone" in report.reason


def test_tokens_and_channels_are_compared_too():
    assert ask(lambda t: np.cumsum(t, 1), truncated, shape="2,n", dtype="int64").holds
    assert ask(lambda t: t + t[:, -1:] % 3, truncated, shape="2,n", dtype="int64").holds is False
    assert ask(lambda x: np.cumsum(x, 1) @ W, truncated, shape="2,n,3").holds


def test_what_cannot_be_compared_is_undecided():
    def only_even(x):
        if len(x) % 2:
            raise ValueError("even lengths alone")
        return np.cumsum(x)

    assert ask(only_even, truncated).outcome == "exception"
    assert ask(lambda x: np.cumsum(x) * np.nan, truncated).outcome == "not finite"
    assert ask(lambda x: np.cumsum(x) + 0 * x[0] + np.random.default_rng().random(), truncated).outcome == "random"
    assert ask(np.cumsum, truncated, longest=1e-6).outcome == "partial"
    assert ask(lambda x: np.resize(x, max(len(x), N)), truncated).outcome == "shape change"


def test_a_difference_that_only_exact_values_show_is_not_taken_for_rounding():
    """Where the input moves by little it comes and goes, which is no noise."""
    report = ask_naming(lambda x: np.cumsum(x) + (x == 0.625).any(), 0.625)
    assert (report.verdict, report.outcome) == ("undecided", "noise")
    assert ask_naming(lambda x: np.cumsum(x) + (x[-1] > 0.625), 0.625).holds is False


def ask_naming(f, number):
    inputs, model = Inputs.of("n", N).trying((number,)), ArrayModel(f)
    return check_agreement(model, inputs, truncated(model, inputs), longest=20.0)


class Masked(ArrayModel):
    """A model with a mask of ones, zero at padding."""

    def __init__(self, f):
        self.padded = padded = [(0, 0)]
        super().__init__(lambda x: f(x, mask_of(len(x), *padded[0])))

    def __call__(self, x, redraw=None, amplitude=1.0, arithmetic="", padded=(0, 0)):
        self.padded[0] = padded
        return super().__call__(x, redraw, amplitude, arithmetic)


def mask_of(n, before, after):
    mask = np.ones(n)
    mask[:before] = 0
    mask[n - after :] = 0
    return mask


def mean_of_unmasked(x, mask):
    return x - (x * mask).sum() / mask.sum()


def positions(mask):
    return np.cumsum(mask) - 1


PADDED = {
    "masked sums": (lambda x, mask: np.cumsum(x * mask), "left", True),
    "sums that read padding": (lambda x, mask: np.cumsum(x), "left", False),
    "the same, padded on the right": (lambda x, mask: np.cumsum(x), "right", True),
    "mean of unmasked": (mean_of_unmasked, "right", True),
    "mean of all": (lambda x, mask: x - (x * mask).mean(), "right", False),
    "positions of the mask": (lambda x, mask: x * mask + positions(mask), "left", True),
    "positions of the array": (lambda x, mask: x * mask + np.arange(len(x)), "left", False),
    "a finite mask": (lambda x, mask: np.cumsum(x * np.where(mask > 0, 1, 1e-9)), "left", False),
    "padding seen when large": (lambda x, mask: x + 1e-6 * (np.abs(x * (1 - mask)).max() > 50), "right", False),
}


NOT_FINITE = {
    "counts of what is missing": (lambda x: np.nancumsum(x) + np.isnan(x).sum(), False),
    "the next number that is there": (lambda x: filled(x[::-1])[::-1], False),
    "the last number that was there": (lambda x: filled(x), True),
    "infinities anywhere": (lambda x: np.where(np.isfinite(x), x, 0) + np.isinf(x).any(), False),
    "sums, which a NaN spoils": (np.cumsum, True),
    "masked sums of all, which it spoils": (lambda x: np.tri(len(x)) @ x, True),
    "masked sums of all, which it spoils, made zeros": (lambda x: spoiled_all_at_once(x), True),
    "codes of spoiled sums": (lambda x: (np.tri(len(x)) @ x > 0).astype(float), True),
    "a transform, which it spoils, and a code": (lambda x: np.sign(np.nan_to_num(convolved(x)).round(3)), True),
}


def filled(x):
    """Gaps filled by the number before them, zeros before the first."""
    last = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(len(x)), -1))
    return np.where(last >= 0, x[last], 0.0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NOT_FINITE)
def test_the_first_inputs_alone_with_gaps(name):
    f, agrees = NOT_FINITE[name]
    report = ask(f, truncated)
    assert report.holds is agrees, report
    spoiled = name == "masked sums of all, which it spoils"  # nothing is left to compare
    assert any("not among the inputs" in note for note in report.notes) is spoiled


def test_a_model_that_refuses_what_is_not_finite_is_asked_without():
    def refusing(x):
        if not np.isfinite(x).all():
            raise RuntimeError("finite numbers alone")
        return np.cumsum(x)

    report = ask(refusing, truncated)
    assert report.holds and any("not among the inputs" in note for note in report.notes)


def test_what_padding_holds_may_be_no_number():
    def padding_is_looked_for(x, mask):
        return np.cumsum(np.where(mask > 0, x, 0.0)) + np.isnan(x).any()

    def by(f):
        return ask(Masked(f), lambda model, inputs: padded(model, inputs, "right"))

    assert by(padding_is_looked_for).holds is False
    assert by(lambda x, mask: np.cumsum(np.where(mask > 0, x, 0.0))).holds
    assert by(lambda x, mask: x + 0 * (x * mask).sum()).holds, "0·NaN is lost"


@pytest.mark.parametrize("name", PADDED)
def test_padding(name):
    f, side, agrees = PADDED[name]
    report = ask(Masked(f), lambda model, inputs: padded(model, inputs, side))
    assert report.holds is agrees, report


def test_another_callable():
    slow = lambda x: np.array([x[: k + 1].sum() for k in range(len(x))])  # noqa: E731
    for other, agrees in ((slow, True), (lambda x: slow(x) + 1e-9 * (x > 3), False)):
        report = ask(np.cumsum, lambda model, inputs, other=other: same(ArrayModel(other), inputs, "slow"))
        assert report.holds is agrees, report


def spoiled_all_at_once(x):
    return np.nan_to_num(np.tri(len(x)) @ x)


OTHERS_NOT_FINITE = {
    "gaps are nothing in one, ones in the other": (
        np.nancumsum, lambda x: np.cumsum(np.where(np.isnan(x), 1, x)), False
    ),
    "gaps are filled, in the other by twice as much": (
        lambda x: filled(x), lambda x: filled(x) * np.where(np.isfinite(x), 1, 2), False
    ),
    "one counts what is missing": (np.nancumsum, lambda x: np.nancumsum(x) + np.isnan(x).any(), False),
    "a last NaN alone is seen": (
        lambda x: np.nancumsum(x), lambda x: np.nancumsum(x) + (np.isnan(x).sum() == np.isnan(x[-1])) * np.isnan(x[-1]),
        False,
    ),
    "both fill": (lambda x: filled(x), lambda x: filled(x.copy()), True),
    "a sum and a product, which 0·NaN spoils": (np.cumsum, lambda x: np.tri(len(x)) @ x, True),
    "a sum and a product, which 0·NaN spoils, made zeros": (
        lambda x: np.nan_to_num(np.cumsum(x)), spoiled_all_at_once, True
    ),
    "one refuses": (np.cumsum, lambda x: np.cumsum(refusing(x)), True),
}  # fmt: skip


def refusing(x):
    if not np.isfinite(x).all():
        raise RuntimeError("finite numbers alone")
    return x


def shaken(x, size=1e-6, dice=np.random.default_rng(1)):  # noqa: B008 - one for all calls
    return np.cumsum(x) + size * dice.standard_normal()


def counted(x, calls=[0.0]):  # noqa: B006 - one for all calls
    calls[0] += 1e-6
    return np.cumsum(x) + calls[0]


@pytest.mark.parametrize(("other", "answers"), [(shaken, [None]), (counted, [None, False])])
def test_what_another_callable_draws_or_counts_is_no_noise(other, answers):
    """It would hide every difference of its size."""
    report = ask(np.cumsum, lambda model, inputs: same(ArrayModel(other), inputs, "another"))
    assert report.holds in answers, report


def test_a_difference_that_one_variant_shows_stands_beside_another_that_is_random():
    report = ask(lambda x: shaken(x) if len(x) == N // 2 else by_length(x), truncated)
    assert report.holds is False, report


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", OTHERS_NOT_FINITE)
def test_another_callable_with_gaps(name):
    """What is finite in both, and another number, where neither has lost its inputs to the NaN."""
    f, other, agrees = OTHERS_NOT_FINITE[name]
    report = ask(f, lambda model, inputs: same(ArrayModel(other), inputs, "the other"))
    assert report.holds is agrees, report


STEPS = """
import numpy as np
class Recurrence:
    def __init__(self): self.decay = np.random.random()
    def __call__(self, x):
        y, state = np.empty_like(x), 0.0
        for k in range(len(x)):
            state = self.decay * state + x[k]
            y[k] = state
        return y
    def prefill_and_step(self, x, leave=1.0):
        k = len(x) // 2
        y = list(self(x[:k]))
        state = leave * (y[-1] if y else 0.0)
        for value in x[k:]:
            state = self.decay * state + value
            y.append(state)
        return np.array(y)
    def forgetful(self, x): return self.prefill_and_step(x, 0.999)
def masked(x, attention_mask): return np.cumsum(x * attention_mask)
def unmasked(x, attention_mask): return np.cumsum(x)
def usual(x): return np.cumsum(x)
def unusual(x): return np.cumsum(x) + (x > 6.25) * (x < 6.375)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("steps") / "steps.py"
    file.write_text(STEPS)
    return file


@pytest.mark.usefixtures("child_at_hand")
@pytest.mark.parametrize(
    ("name", "agree", "status"),
    [
        ("Recurrence", Agree("same", "Recurrence().prefill_and_step"), 0),
        ("Recurrence", Agree("same", "Recurrence().forgetful"), 1),
        ("Recurrence", Agree("same", "Recurrence().missing"), 2),
        ("Recurrence", Agree("truncated"), 0),
        ("masked", Agree("truncated"), 0),
        ("masked", Agree("padding", "left"), 0),
        ("unmasked", Agree("padding", "left"), 1),
        ("Recurrence", Agree("padding", "left"), 2),
        ("usual", Agree("same", "unusual"), 1),
    ],
)
def test_of_a_file(file, name, agree, status):
    report = check_file(file, name, N, agree=agree)
    assert report.exit_code == status, report
    assert status < 2 or report.outcome in ("name missing", "bad input")


class Scaled(ArrayModel):
    """A model with an all-zero parameter, of that name and shape, which scales what it adds."""

    def __init__(self, name, shape=(1,)):
        super().__init__(lambda x: np.cumsum(x) + self.scale * x)
        self.scale, self.zeros, self.shapes = 0.0, (name,), {name: shape}

    def fill(self, size):
        self.scale = size


@pytest.mark.parametrize(
    ("other", "drawn"),
    [
        (Scaled("scale"), True),
        (Scaled("model.scale"), True),
        (Scaled("gate"), False),
        (Scaled("scale", (2,)), False),
        (ArrayModel(np.cumsum), False),
    ],
    ids=["the same name", "of what holds it", "another name", "another shape", "none"],
)
def test_of_two_callables_all_zero_parameters_are_drawn_in_both_or_in_none(other, drawn):
    ours = Scaled("scale")
    report = ask(ours, lambda model, inputs: same(other, inputs, "the other"))
    assert report.holds, report
    assert (ours.scale != 0) is drawn and getattr(other, "scale", 0.0) == ours.scale
    assert any("drawn at random" in note for note in report.notes) is drawn
    assert any("hide what they multiply: scale" in note for note in report.notes) is not drawn


def test_what_zeros_hide_is_compared_where_they_are_drawn_in_both():
    other = Scaled("scale")
    other.function = other.precise = lambda x: np.cumsum(x) + other.scale * x[::-1]
    assert ask(Scaled("scale"), lambda model, inputs: same(other, inputs, "the other")).holds is False


def test_rounding_is_examined_once_for_each_variant_and_differences_are_still_found(monkeypatch):
    examined = []
    floor = Comparison._floor
    monkeypatch.setattr(Comparison, "_floor", lambda *given: examined.append(given) or floor(*given))
    report = ask(convolved, truncated)
    assert report.holds and len(examined) <= 2 * N
    assert ask(lambda x: convolved(x) + 1e-9 * (x == 0).any() * len(x), truncated).holds is False
    assert ask(lambda x: convolved(x) * (1 + 1e-11 * (x == -1).any() * len(x)), truncated).holds is False


class Keeping:
    """Divides by the length of its first call, until it is loaded again."""

    def __init__(self):
        self.length = 0

    def forget(self):
        self.length = 0

    def __call__(self, x):
        self.length = self.length or len(x)
        return np.cumsum(x) / self.length


def test_what_a_first_call_leaves_does_not_hide_a_difference():
    keeping = Keeping()
    report = ask(ArrayModel(keeping, keeping.forget), truncated)
    assert report.holds is False and any("freshly loaded" in note for note in report.notes)
