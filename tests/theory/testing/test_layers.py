"""Ops of the layers of models: gradients are derivatives, and every fault that an op names is caught."""

import flint
import numpy as np
import pytest
from daily import DEAR_OPS, but_long

from monarch_theory.formats import round_to
from monarch_theory.rounding import default_model, exactly, softmax, variance
from monarch_theory.testing.cases import cases, make_case
from monarch_theory.testing.check import check
from monarch_theory.testing.faults import UNREDUCED
from monarch_theory.testing.judge import Judgement, Verdict, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.mutants.corpus import LAYERS
from monarch_theory.testing.op import POSITIVE, indices, with_formats
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.oracle import balls
from monarch_theory.testing.report import script
from monarch_theory.testing.sharpness import TELLING, Sharpness

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

BACKWARD = [name for name in LAYERS if name.endswith("-backward")]


@pytest.mark.parametrize("name", BACKWARD)
def test_every_gradient_is_the_derivative_along_any_direction(name):
    """Central differences in ball arithmetic, with a step of 2^−80: what they leave out is of the order of 2^−160."""
    backward, forward = op_named(name), op_named(name.removesuffix("-backward"))
    step, tried = 2.0**-80, 0
    for case in cases(backward, "float64", count=60, most_entries=120):
        if case.family not in ("normal", "graded") or any(a.size == 0 for a in case.arrays.values()):
            continue
        gradient, *arguments = (a for a in case.values if case.values[a].dtype.kind == "f")
        values = dict(case.values)
        # what only the forward op takes adds nothing to a gradient
        values |= {a: np.zeros(s) for a, s in forward.arguments(case.shape).items() if a not in values}
        with flint.ctx.workprec(384):
            exact = {a: balls(v) for a, v in values.items()}
            found = backward.answers(exact, case.shape)
            by_name = dict(
                zip([o.name.removeprefix("gradient of ") for o in backward.outputs(case.shape)], found, strict=True)
            )
            for argument in by_name.keys() & set(arguments):
                way = np.random.default_rng(1).integers(-2, 3, values[argument].shape).astype(float)
                moved = balls(way) * step
                ahead, behind = (
                    forward.answers(exact | {argument: exact[argument] + m}, case.shape)[0] for m in (moved, -moved)
                )
                slope = (exact[gradient] * (ahead - behind)).sum() / (2 * step)
                left = slope - (by_name[argument] * balls(way)).sum()
                assert abs(float(left.mid())) <= 1e-25 * max(abs(float(slope.mid())), 1e-3), (argument, case.describe())
                tried += 1
    assert tried > 2


OF_SOFTMAX = ("softmax without its maximum", "scores capped", "not rescaled", "mask too weak", "padding counted")


def kind_of(fault):
    """What it says, without how many keys the case has, which few cases have in common."""
    return fault.description.partition("which fill ")[2] or fault.description


RARE = {"float32": ("float64", "-1e+09", "first 64", "first 128", "first 256"), "float64": ()}
"""In single precision no score of a case is below −10⁹, and long rows of large ones are none of the small cases."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_fault_of_a_softmax_leaves_its_bound(dtype):
    op = op_named("attention")
    model, left, met = op.usual_model(dtype), set(), set()
    for case in cases(op, dtype, count=200, most_entries=1 << 14):
        if case.poisoned is not None or not all(a.size for a in case.arrays.values()):
            continue
        faults = [f for f in op.faults(case.shape) if f.cause in OF_SOFTMAX]
        faults = [f for f in faults if not any(words in f.description for words in RARE[dtype])]
        met |= {kind_of(f) for f in faults}
        if all(kind_of(f) in left for f in faults):
            continue
        expected = reference(case, model)
        for fault in (f for f in faults if kind_of(f) not in left):
            with np.errstate(all="ignore"):
                output = fault.instead(case.values).astype(dtype)
            if judge(case, Run(outputs=(output,), dtypes=(dtype,)), expected).failed:
                left.add(kind_of(fault))
    assert len(met) >= 36 and not met - left


@pytest.mark.parametrize("name", LAYERS)
def test_every_fault_that_an_op_names_leaves_its_bound(name):
    """Whoever computes the faulty answer, rounded once, is called wrong somewhere."""
    op = op_named(name)
    uncaught = None
    for case in cases(op, "float32", count=60, most_entries=1 << 10):
        if case.poisoned is not None or not all(a.size for a in case.arrays.values()):
            continue
        # all of them are real
        # what is right but for the last bits of its tables leaves its bound in long rows alone, and some scores are
        # large in few cases
        faults = [f for f in op.faults(case.shape) if f.cause not in ("conjugate", UNREDUCED, *OF_SOFTMAX)]
        uncaught = {f.description for f in faults} if uncaught is None else uncaught
        expected = reference(case, op.usual_model("float32", failure=1e-9 if op.random_rounding else None))
        for fault in faults:
            if fault.description not in uncaught:
                continue
            with np.errstate(all="ignore"):
                arrays = fault.before(case.values)
                answers = fault.instead(arrays) if fault.instead else op.answers(arrays, fault.shape or case.shape)
                answers = answers if isinstance(answers, tuple) else (answers,)
                outputs = tuple(round_to(np.asarray(fault.after(y)), "float32").astype("f") for y in answers)
            dtypes = ("float32",) * len(outputs)
            if judge(case, Run(outputs=outputs, dtypes=dtypes), expected).failed:
                uncaught.discard(fault.description)
        if not uncaught:
            break
    assert uncaught is not None and not uncaught


@pytest.mark.parametrize("name", but_long(LAYERS, DEAR_OPS))
def test_a_right_kernel_is_decided_at_every_shape(name):
    op = op_named(name)
    for dtype in ("float32", "bfloat16"):
        sharpness = Sharpness()
        model = op.usual_model(dtype, failure=1e-9 if op.random_rounding else None)
        for case in cases(op, dtype, count=50, most_entries=1 << 11):
            if case.family in TELLING and case.poisoned is None:
                sharpness.add(case, reference(case, model), Judgement(Verdict.RIGHT))
        assert not sharpness.undecided_shapes


def test_variance_is_bounded_for_two_passes_and_for_merging_and_not_for_the_textbook_formula():
    rng = np.random.default_rng(0)
    model = default_model("float32")
    for n in (1, 2, 5, 64, 200):
        x = (rng.standard_normal((4, n)) + 4096).astype(np.float32)
        held = variance(exactly(x), 1, model)
        mean = np.zeros((4, 1), np.float32)
        squares = np.zeros((4, 1), np.float32)
        for i in range(n):
            away = x[:, i : i + 1] - mean
            mean = mean + away / np.float32(i + 1)
            squares = squares + away * (x[:, i : i + 1] - mean)
        passes = ((x - x.mean(1, keepdims=True)) ** 2).mean(1, keepdims=True)
        for found in (squares / np.float32(n), passes):
            assert found.dtype == np.float32 and (np.abs(found - held.value) <= held.error).all()
        textbook = (x * x).mean(1, keepdims=True) - x.mean(1, keepdims=True) ** 2
        assert n not in (5, 64) or (np.abs(textbook - held.value) > held.error).any()


def test_a_masked_weight_is_sure_only_beside_scores_that_are():
    sure = softmax(exactly([[0.0, -np.inf]]), 1, default_model("float32"))
    assert sure.error[0, 1] == 0
    lost = exactly([[0.0, -np.inf]])
    lost.error[0, 0] = np.inf
    assert np.isinf(softmax(lost, 1, default_model("float32")).error).all()


KERNELS = """
import numpy as np

def convolution(u, k, gate, skip):
    assert k.dtype == np.float32 and (u.dtype == np.float16 or u.dtype == np.float32)
    wide = np.float32
    n, u_, gate_ = u.shape[-1], u.astype(wide), gate.astype(wide)
    mixed = np.fft.irfft(np.fft.rfft(u_, 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[..., :n].astype(wide)
    return (gate_ * (mixed + skip.astype(wide)[:, None] * u_)).astype(u.dtype)

def filter_narrowed(u, k, gate, skip):
    return convolution(u, k.astype(np.float16).astype(np.float32), gate, skip)

def step(x, state, weight, bias, silu):
    window = np.concatenate([state, x[..., None]], axis=-1)
    z = (window * weight).sum(-1) + bias
    state[...] = window[..., 1:]
    with np.errstate(over="ignore"):
        return (z / (1 + np.exp(-z)) if silu else z).astype(x.dtype)

def step_on_a_copy(x, state, weight, bias, silu):
    return step(x, state.copy(), weight, bias, silu)

def step_that_writes_its_input(x, state, weight, bias, silu):
    y = step(x, state, weight, bias, silu)
    x[...] = 0
    return y

def lookup(tokens, table):
    assert tokens.dtype == np.int64
    return table[tokens]

def lookup_of_few(tokens, table):
    return table[np.minimum(tokens, 63)]
"""


@pytest.mark.parametrize(
    ("name", "op", "dtype", "verdict"),
    [
        ("convolution", "long-convolution,k=float32", "float16", Verdict.RIGHT),
        ("filter_narrowed", "long-convolution,k=float32", "float16", Verdict.WRONG),
        ("step", "short-convolution-step", "float32", Verdict.RIGHT),
        ("step_on_a_copy", "short-convolution-step", "float32", Verdict.WRONG),
        ("step_that_writes_its_input", "short-convolution-step", "float32", Verdict.MODIFIED),
        pytest.param("lookup", "embedding", "bfloat16", Verdict.RIGHT, marks=pytest.mark.long),
        ("lookup_of_few", "embedding", "float32", Verdict.WRONG),
    ],
)
def test_arguments_have_formats_of_their_own_are_indices_or_are_updated(tmp_path, name, op, dtype, verdict):
    file = tmp_path / "kernels.py"
    file.write_text(KERNELS)
    report = check(file, name, op, dtype, cases_wanted=60, max_size=256)
    assert report.verdict is verdict, report.message
    if report.failure is not None:
        assert report.failure.reproduced and "arguments = {" in script(report)


def test_formats_and_domains_are_data():
    mixed = op_named("long-convolution,k=float32,skip=fp32")
    assert mixed.name == "long-convolution,k=float32,skip=float32"
    case = make_case(mixed, "bfloat16", {"batch": 1, "channels": 2, "n": 8}, "normal", "contiguous", (0,))
    assert case.dtypes == ("bfloat16", "float32", "bfloat16", "float32")
    assert (round_to(case.arrays["k"], "bfloat16") != case.arrays["k"]).any()
    for name, message in (
        ("long-convolution,j=float32", "argument: expected one of u, k, gate, skip"),
        ("long-convolution,k", "op: expected NAME,ARGUMENT=DTYPE"),
        ("long-convolution,k=float99", "dtype: expected one of"),
        ("embedding,tokens=float32", "argument: expected one of numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            op_named(name)
    with pytest.raises(ValueError, match="argument: expected one of u, k"):
        with_formats(op_named("circular-convolution"), {"x": "float32"})
    for case in cases(op_named("selective-scan"), "float16", count=30, most_entries=512):
        if case.poisoned is None:
            assert (case.arrays["delta"] >= 0).all() and (case.arrays["A"] < 0).all()
    assert (POSITIVE.into(np.zeros(3), {}, default_model("float32").storage) > 0).all()
    tokens = indices("vocabulary").into(np.random.default_rng(0).standard_normal(1000), {"vocabulary": 9}, None)
    assert set(tokens) == set(range(9))
