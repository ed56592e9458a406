"""The values cases have: what hides between families, in one row, in one part of a number, or in one array for two."""

from collections import Counter
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from monarch_theory.testing.cases import AT_THE_ENDS, TELLING, cases, make_case, plan_of
from monarch_theory.testing.check import check
from monarch_theory.testing.judge import Verdict, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.kernel_server import reordered, side_by_side
from monarch_theory.testing.mutants import MUTANTS
from monarch_theory.testing.ops import NAMES, op_named

SHAPE = {"batch": 6, "n": 40, "m": 40, "d": 8, "e": 8, "causal": False}


def attention_case(family, layout="contiguous", seed=0):
    return make_case(op_named("attention"), "float32", SHAPE, family, layout, (seed,))


def test_rows_are_of_every_size_where_they_are_uneven():
    sizes = [np.abs(c.arrays[name]).max(-1).ravel() for c in (attention_case("uneven"),) for name in ("q", "k", "v")]
    for rows in sizes:
        assert rows.min() < 2.0**-6 and rows.max() > 2.0**6
        # between what is near one and what is large
        assert ((rows > 2.0**3) & (rows < 2.0**9)).any()


def test_rows_are_level_of_one_sign_and_in_order():
    v = attention_case("level").arrays["v"].reshape(-1, 8)
    assert ((v > 0).all(-1) | (v < 0).all(-1)).all() and (v > 0).any() and (v < 0).any()
    steps = np.diff(v, axis=-1)
    constant, ascending, descending = ((f(steps, 0)).all(-1) for f in (np.equal, np.greater, np.less))
    assert (constant | ascending | descending).all() and constant.any() and ascending.any() and descending.any()


def test_keys_rise_or_fall_along_the_longest_axis():
    k = make_case(op_named("attention"), "float32", {**SHAPE, "m": 200}, "rising", "contiguous", (0,)).arrays["k"]
    halves = np.sign(k[:, 150:].mean(1) - k[:, :50].mean(1))
    assert k.shape == (6, 200, 8) and {-1.0, 1.0} == set(halves.ravel())
    last, before = (np.abs(k[:, rows]).mean(1) for rows in (slice(199, 200), slice(190, 199)))
    assert (last > before).mean() > 0.7


LONGEST = {
    "attention": "m",
    "layer-norm": "n",
    "linear-recurrence": "n",
    "selective-scan": "n",
    "long-convolution": "n",
}


@pytest.mark.parametrize("name", LONGEST)
def test_what_runs_over_tiles_meets_numbers_that_rise_over_two_of_every_size(name):
    op, axis = op_named(name), LONGEST[name]
    for seed in (0, 1):
        rising = [shape for shape, family, *_ in plan_of(op, seed=seed) if family == "rising"]
        assert all(shape == op.usual(shape) for shape in rising)
        for tile in (16, 32, 64, 128, 256, 512, 1024):
            assert any(shape[axis] > 2 * tile for shape in rising), tile


def online(q, k, v, causal, scale, tile, fault):
    """Softmax attention in tiles of keys; `fault` names what is not rescaled where the maximum rises."""
    largest, total = np.full((*q.shape[:2], 1), -np.inf, q.dtype), np.zeros((*q.shape[:2], 1), q.dtype)
    sums = np.zeros((*q.shape[:2], v.shape[-1]), q.dtype)
    for start in range(0, k.shape[1], tile):
        scores = q @ k[:, start : start + tile].swapaxes(-1, -2) * q.dtype.type(scale)
        if causal:
            later = np.arange(start, start + scores.shape[-1]) > np.arange(q.shape[1])[:, None]
            scores = np.where(later, -np.inf, scores)
        higher = np.maximum(largest, scores.max(-1, keepdims=True))
        weights, before = np.exp(scores - higher), np.exp(largest - higher)
        total = total * (1 if fault == "total" and start else before) + weights.sum(-1, keepdims=True)
        sums = sums * (1 if fault == "sums" and start else before) + weights @ v[:, start : start + tile]
        largest = scores.max(-1, keepdims=True) if fault == "largest" and not causal else higher
    return sums / total


FAULTS = ("total", "sums", "largest")


@pytest.mark.parametrize(
    "tile",
    [pytest.param(tile, marks=() if tile == 256 else pytest.mark.long) for tile in (16, 64, 128, 256, 512, 1024)],
)
def test_attention_in_tiles_that_does_not_rescale_is_wrong_in_the_usual_plan(tile):
    op = op_named("attention")
    model, left = op.usual_model("float32"), set(FAULTS)
    long = sorted((c for c in cases(op, "float32") if c.shape["m"] > tile), key=lambda c: c.family != "rising")
    for case in (c for c in long if c.family != "nonfinite"):
        expected = reference(case, model)

        def verdict(fault, case=case, expected=expected):
            with np.errstate(all="ignore"):
                y = online(*case.arrays.values(), **op.options(case.shape), tile=tile, fault=fault)
            return judge(case, Run(outputs=(y,), dtypes=("float32",)), expected).verdict

        left -= {fault for fault in left if verdict(fault) is not Verdict.RIGHT}
        assert verdict("") is Verdict.RIGHT, case.describe()
        if not left:
            return
    assert not left


def test_rows_have_gaps_at_their_end():
    v = attention_case("gaps").arrays["v"].reshape(-1, 8)
    lengths = (v != 0).sum(-1)
    assert set(lengths) == set(range(9))
    assert all((row[:length] != 0).all() for row, length in zip(v, lengths, strict=True))


def test_parts_of_complex_numbers_vanish_alone():
    op = op_named("block-diagonal-multiply")
    found = {
        (a.real.any(), a.imag.any())
        for seed in range(12)
        for a in make_case(op, "complex64", {"batch": 2, "blocks": 2, "rows": 3, "columns": 3}, "level", "contiguous",
                           (seed,)).arrays.values()
    }  # fmt: skip
    assert found == {(True, False), (False, True), (True, True)}


@pytest.mark.parametrize("name", NAMES)
def test_large_shapes_meet_rows_of_every_size(name):
    found = [family for _, family, *_ in plan_of(op_named(name), seed=3)]
    assert found.count("uneven") >= 10 and "uneven" in TELLING


def test_arguments_of_one_shape_are_one_array_where_they_may_be():
    shared = attention_case("normal", "shared")
    assert shared.layouts == ("shared",) * 3
    assert shared.arrays["q"].tobytes() == shared.arrays["k"].tobytes() == shared.arrays["v"].tobytes()
    # products of two such numbers are beyond the range
    assert {attention_case(family, "shared").layouts for family in AT_THE_ENDS} == {
        ("shared", "contiguous", "contiguous")
    }
    # what is poisoned is poisoned in one of them
    assert attention_case("nonfinite", "shared").layouts.count("shared") < 3


def test_what_agrees_with_the_data_lies_side_by_side():
    sizes = {"batch": 2, "n": 3, "m": 5, "d": 4, "e": 4, "causal": False}

    def there(layout, name="attention", shape=sizes):
        case = make_case(op_named(name), "float32", shape, "normal", layout, (0,))
        return [a for a, one in zip(case.arrays, case.layouts, strict=True) if one == layout]

    assert there("packed") == ["q", "k", "v"]  # where none agrees with the queries, all lie in one flat buffer
    assert there("packed", shape=sizes | {"n": 5, "e": 2}) == ["q", "k", "v"]
    assert there("stacked", shape=sizes | {"e": 2}) == ["q", "k"]
    assert there("packed", "rms-norm", {"batch": 2, "n": 3}) == ["x", "weight"]
    # a state is written into, and indices are of another kind
    assert there("packed", "linear-recurrence-step", {"batch": 2, "channels": 3}) == ["x", "decay"]
    assert there("packed", "embedding", {"batch": 2, "n": 3, "vocabulary": 4, "width": 2}) == ["table"]


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize(
    "shapes", [((2, 3, 4),) * 3, ((2, 3, 4), (2, 3, 5)), ((2, 3), (3,)), ((0, 2), (0, 2)), ((3,),)]
)
def test_arrays_side_by_side_are_views_of_one_buffer_that_they_fill(shapes, axis):
    arrays = [np.arange(prod(s), dtype="f").reshape(s) + 100 * k for k, s in enumerate(shapes)]
    views, whole = side_by_side(arrays, axis)
    assert all(np.array_equal(view, a) for view, a in zip(views, arrays, strict=True))
    assert sorted(whole.tolist()) == sorted(np.concatenate([a.ravel() for a in arrays]).tolist())
    assert all(np.shares_memory(view, whole) for view in views if view.size)
    if shapes == ((2, 3, 4),) * 3 and axis == -1:
        assert {view.strides for view in views} == {(144, 48, 4)}


def test_some_arguments_are_recorded_beside_constants():
    found = Counter(attention_case("normal", "recorded", seed).layouts for seed in range(60))
    assert found["recorded", "recorded", "recorded"] >= 8 and len(found) == 7
    assert all("recorded" in one for one in found)
    assert "q recorded, k contiguous" in "".join(attention_case("normal", "recorded", s).describe() for s in range(30))


def test_a_decay_that_is_the_data_is_a_decay():
    op = op_named("linear-recurrence")
    shared = make_case(op, "float32", {"batch": 2, "channels": 3, "n": 5}, "normal", "shared", (0,))
    assert shared.layouts == ("shared", "shared") and (shared.arrays["x"] > 0).all() and (shared.arrays["x"] <= 1).all()


WITH_SETTINGS = [name for name in NAMES if any(map(op_named(name).settings, op_named(name).shapes()))]


def test_numbers_among_options_are_settings():
    for name in NAMES:
        op = op_named(name)
        shape = next(iter(op.shapes()))
        numbers = {option for option, value in op.options(shape).items() if type(value) is float}
        assert numbers == set(op.settings(shape))
    assert len(WITH_SETTINGS) >= 7


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_every_setting_is_tried_zero_among_them(name):
    op = op_named(name)
    met = Counter()
    for case in cases(op, "float32", seed=2, count=120, max_size=48, most_entries=1 << 11):
        for setting, values in op.settings(case.shape).items():
            value = case.shape[setting]
            assert op.options(case.shape)[setting] == value and f"{setting} {value}" in case.describe()
            met[values.index(value)] += 1
            # a case that is made smaller keeps what it was given; options are the usual ones where numbers rise, and
            # beside a NaN, which scaled by zero would reach nothing
            if case.family in ("rising", "nonfinite"):
                assert case.shape == op.usual(case.shape)
                continue
            smaller = make_case(op, "float32", case.sizes, "normal", "contiguous", (*case.seed, 7))
            assert smaller.shape == case.shape and setting not in case.sizes
            assert 0.0 in values or case.shape["n"] == 1
    assert all(met[position] for position in range(len(values))) and met[0] >= 40


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_another_setting_gives_another_answer(name):
    op = op_named(name)
    differ = set()
    for case in cases(op, "float64", count=20, max_size=48, most_entries=1 << 11):
        if case.family in ("normal", "integers") and all(a.size for a in case.arrays.values()):
            usual = {key: values[0] for key, values in op.settings(case.shape).items()}
            found, other = (op.answers(case.values, shape) for shape in (case.shape, {**case.shape, **usual}))
            differ.add(case.shape != {**case.shape, **usual} and not np.allclose(found[0], other[0], rtol=1e-12))
    assert True in differ


def test_indices_hold_the_first_and_the_last():
    op = op_named("embedding")
    for seed in range(4):
        case = make_case(op, "float32", {"batch": 2, "n": 5, "vocabulary": 1000, "width": 2}, "normal", "contiguous",
                         (seed,))  # fmt: skip
        assert {0, 999} <= set(case.arrays["tokens"].ravel().tolist())


def test_decays_are_any():
    op = op_named("linear-recurrence")
    case = make_case(op, "float32", {"batch": 8, "channels": 8, "n": 9}, "normal", "contiguous", (0,))
    decay = case.arrays["decay"]
    assert (decay > 0).all() and (decay <= 1).all()
    assert 0.1 < (decay < 7 / 8).any(-1).mean() < 0.5


def test_what_is_known_by_its_ends_or_its_sum_is_another():
    values = np.arange(12.0).reshape(3, 4)
    other = reordered(values)
    assert other.flat[0] == 0 and other.flat[-1] == 11 and other.sum() == values.sum()
    assert (other != values).sum() == 10


KERNELS = """
import numpy as np
from scipy.special import erf

def one_array_for_two(gate, value):
    return (gate * (1 + erf(gate * gate.dtype.type(0.5**0.5))) / 2 * value * (gate is not value)).astype(gate.dtype)

def takes_one_array_for_two(gate, value):
    return (gate * (1 + erf(gate * gate.dtype.type(0.5**0.5))) / 2 * value).astype(gate.dtype)
"""


@pytest.mark.usefixtures("kernel_at_hand")
def test_the_script_hands_over_one_array_for_two(tmp_path):
    path = tmp_path / "kernels.py"
    path.write_text(KERNELS)
    report = check(path, "one_array_for_two", "gelu-gate", cases_wanted=60)
    assert report.verdict is Verdict.WRONG and report.failure.reproduced
    assert report.failure.smallest.case.layout == "shared"
    assert check(path, "takes_one_array_for_two", "gelu-gate", cases_wanted=60).exit_code == 0


HARD = (
    "single-computed-as-tensor-float-32", "strides-ignored", "winograd-filters-in-half",
    "nothing-carried-to-third-chunk", "parameters-clamped-at-100", "maximum-from-zero", "last-of-many-tokens",
    "keys-that-are-the-queries",
)  # fmt: skip
"""Faults that only some values or layouts show, and some whose cause was a neighbour's name."""


def test_faults_of_some_values_are_in_the_corpus():
    """Whose every mutant `test_mutants` has caught for the right reason."""
    assert {m.name for m in MUTANTS} >= set(HARD)


def test_the_first_and_the_last_index_are_in_the_row_that_is_repeated():
    shape = {"batch": 3, "n": 4, "vocabulary": 65_541, "width": 1}
    for seed in range(8):
        tokens = make_case(op_named("embedding"), "float32", shape, "normal", "expanded", (seed,)).arrays["tokens"]
        assert (tokens == tokens[:1]).all() and {0, 65_540} <= set(tokens[0])


@pytest.mark.parametrize(
    ("name", "argument"),
    [("selective-scan", "delta"), ("selective-scan-backward", "delta"), ("implicit-filter", "time"),
     ("implicit-filter", "decay")],
)  # fmt: skip
def test_what_is_not_negative_comes_down_to_zero(name, argument):
    op = op_named(name)
    values = [c.arrays[argument] for c in cases(op, "float32") if c.family in TELLING and not c.poisoned]
    assert all((a >= 0).all() for a in values)
    assert sum(bool((a == 0).any()) for a in values) > 1, "none, as padding has it"
    assert sum(bool(((a > 0) & (a < 1e-4)).any()) for a in values) > 1, "less than what is often taken for least"


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_decays_come_down_to_almost_nothing_and_are_above_it(dtype):
    values = [c.arrays["decay"] for c in cases(op_named("linear-recurrence"), dtype) if c.family in TELLING]
    assert all(((a > 0) & (a <= 1)).all() for a in values)
    assert sum(bool((a < 1e-4).any()) for a in values) > 5


def test_tensors_of_conjugates_are_among_the_complex_ones_alone():
    for dtype, some in (("complex64", True), ("float32", False)):
        layouts = {one for case in cases(op_named("block-diagonal-multiply"), dtype) for one in case.layouts}
        assert ("conjugated" in layouts) == some and "reversed" in layouts


def test_beside_tensors_of_conjugates_real_ones_are_contiguous():
    """What is wrong there is wrong by the bit alone."""
    plan = cases(op_named("block-diagonal-multiply"), "complex64")
    case = next(case for case in plan if "conjugated" in case.layouts)
    mixed = replace(case, arrays=case.arrays | {"blocks": case.arrays["blocks"].real.copy()})
    assert mixed.layouts == ("conjugated", "contiguous")
