"""Every verdict, from runs made up to deserve it; no process is started."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from daily import DEAR_OPS, but_long

from monarch_theory.rounding import default_model
from monarch_theory.sandbox import Outcome
from monarch_theory.sandbox.patterns import PADDING, POISON
from monarch_theory.testing.cases import FAMILIES, LAYOUTS, cases, make_case, plan_of, selected_shapes
from monarch_theory.testing.judge import Verdict, _differ, judge, ratios, reference, ulps
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.ops import NAMES, op_named

OP = op_named("monarch-multiply")
SHAPE = {"batch": 2, "input_radices": (2, 2), "output_radices": (2, 2)}
CASE = make_case(OP, "float32", SHAPE, "normal", "contiguous", (0,))
MODEL = default_model("float32")
(EXPECTED,) = reference(CASE, MODEL)
RIGHT = EXPECTED.truth.high.astype(np.float32)


def run(output, **keywords):
    return Run(outputs=(output,), dtypes=(output.dtype.name,), **keywords)


def altered(value, where=(1, 2)):
    output = RIGHT.copy()
    output[where] = value
    return output


def test_a_nan_is_to_come_out_as_one():
    """An infinity is none: what is compared with a NaN, or added up in integers, gives infinities."""
    special = CASE.arrays["x"].copy()
    special[1, 2] = np.nan
    case = replace(CASE, arrays=CASE.arrays | {"x": special}, poisoned="x", poisoned_row=1)
    expected = reference(case, MODEL)
    reached = expected[0].must_not_be_finite
    assert reached[1].any() and not reached[0].any()
    nan, infinite = (np.where(reached, value, RIGHT).astype(np.float32) for value in (np.nan, np.inf))
    assert judge(case, run(nan), expected).verdict is Verdict.RIGHT
    found = judge(case, run(infinite), expected)
    assert found.verdict is Verdict.WRONG and "a NaN of the input did not reach batch 1" in found.message


def test_a_nan_among_equal_numbers_reaches_what_it_is_weighed_with():
    """The average of equal values does not depend on their weights, and is NaN with one of them."""
    shape = {"batch": 2, "n": 3, "m": 4, "d": 2, "e": 2, "causal": False}
    case = make_case(op_named("attention"), "float32", shape, "ones", "contiguous", (0,))
    for name, row, reached in (("q", 1, np.index_exp[1, 2]), ("k", None, np.index_exp[1])):
        arrays = {other: a.copy() if other == name else 0 * a for other, a in case.arrays.items()}
        arrays[name][1, 2, 0] = np.nan
        (found,) = reference(replace(case, arrays=arrays, poisoned=name, poisoned_row=row), MODEL)
        due = np.zeros((2, 3, 2), dtype=bool)
        due[reached] = True
        assert (found.must_not_be_finite == due).all()


def test_the_rounded_truth_is_right_and_a_little_more_is_wrong():
    found = judge(CASE, run(RIGHT), [EXPECTED])
    assert found.verdict is Verdict.RIGHT and 0 < found.ratio <= 1
    beyond = np.float32(EXPECTED.truth.high[1, 2] + 2 * EXPECTED.bound[1, 2] + 1e-6)
    found = judge(CASE, run(altered(beyond)), [EXPECTED])
    assert found.verdict is Verdict.WRONG and found.index == (1, 2) and found.ratio > 1
    assert OP.outputs(SHAPE)[0].element(SHAPE, found.index) == {"batch": 1, "row": 2, "i1": 1, "i0": 0}


def bits(pattern):
    return np.uint32(pattern["float32"]).view(np.float32)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (Run(Outcome.HANG, "slow"), Verdict.HANG),
        (Run(Outcome.CRASH, "gone"), Verdict.CRASH),
        (Run(Outcome.EXIT, "left"), Verdict.CRASH),
        (Run(Outcome.OUT_OF_MEMORY, "full"), Verdict.OUT_OF_MEMORY),
        (Run(Outcome.EXCEPTION, "oops"), Verdict.EXCEPTION),
        (Run(message="not this shape", refused=True), Verdict.REFUSED),
        (Run(outputs=(RIGHT, RIGHT), dtypes=("float32",) * 2), Verdict.NOT_AN_ARRAY),
        (run(RIGHT.T), Verdict.WRONG_SHAPE),
        (run(RIGHT.astype(float)), Verdict.WRONG_DTYPE),
        (run(RIGHT, modified=("x",)), Verdict.MODIFIED),
        (run(RIGHT, aliased=True), Verdict.STALE),
        (run(altered(np.nan)), Verdict.NAN),
        (run(altered(bits(PADDING))), Verdict.NAN),
        (run(altered(bits(POISON))), Verdict.UNWRITTEN),
        (run(altered(np.inf)), Verdict.WRONG),
        (run(RIGHT, again=(altered(7.0),)), Verdict.UNSTABLE),
    ],
)
def test_every_way_to_fail_has_its_verdict(made, verdict):
    assert judge(CASE, made, [EXPECTED]).verdict is verdict


def test_rounding_that_differs_between_runs_is_no_fault():
    found = judge(CASE, run(RIGHT, again=(np.nextafter(RIGHT, np.float32(9)),)), [EXPECTED])
    assert found.verdict is Verdict.RIGHT and not found.reproducible


def test_numpy_may_answer_bfloat16_in_float32_and_torch_may_not():
    case = make_case(OP, "bfloat16", SHAPE, "normal", "contiguous", (0,))
    (expected,) = reference(case, default_model("bfloat16"))
    output = expected.truth.high.astype(np.float32)
    assert judge(case, run(output), [expected]).verdict is Verdict.RIGHT
    assert judge(case, run(output, face="torch"), [expected]).verdict is Verdict.WRONG_DTYPE


def test_a_nan_must_reach_what_depends_on_it_and_nothing_else():
    made = (make_case(OP, "float32", SHAPE | {"batch": 3}, "nonfinite", "contiguous", (seed,)) for seed in range(20))
    case = next(case for case in made if case.poisoned == "x")
    (expected,) = reference(case, MODEL)
    output = expected.truth.high.astype(np.float32)
    swallowed = judge(case, run(output), [expected])
    assert swallowed.verdict is Verdict.WRONG and "did not reach" in swallowed.message
    output[case.poisoned_row] = np.nan
    assert judge(case, run(output), [expected]).verdict is Verdict.RIGHT
    output[:] = np.nan
    assert judge(case, run(output), [expected]).verdict is Verdict.NAN


def test_beside_a_nan_only_its_row_is_undecided_and_of_a_sum_over_rows_all():
    op, shape = op_named("monarch-multiply-backward"), SHAPE | {"batch": 3}
    made = (make_case(op, "float32", shape, "nonfinite", "contiguous", (seed,)) for seed in range(20))
    case = next(case for case in made if case.poisoned == "gradient")
    of_rows, *of_factors = reference(case, MODEL)
    others = np.delete(of_rows.bound, case.poisoned_row, axis=0)
    assert np.isinf(of_rows.bound[case.poisoned_row]).all() and np.isfinite(others).all()
    assert of_factors and all(np.isinf(one.bound).all() for one in of_factors)


def test_a_nan_reaches_the_tokens_that_look_it_up():
    op = op_named("embedding")
    for seed in range(4):
        shape = {"batch": 2, "n": 6, "vocabulary": 5, "width": 4}
        case = make_case(op, "float32", shape, "nonfinite", "contiguous", (seed,))
        assert case.poisoned == "table"
        (expected,) = reference(case, MODEL)
        there = ~np.isfinite(case.arrays["table"])[case.arrays["tokens"].astype(int)]
        assert there.any() and np.array_equal(np.broadcast_to(expected.must_not_be_finite, there.shape), there)


def test_where_elements_have_no_bound_their_row_has_none():
    made = (make_case(op_named("fft"), "complex64", {"batch": 3, "size": 4}, "nonfinite", "contiguous", (seed,))
            for seed in range(20))  # fmt: skip
    case = next(case for case in made if case.poisoned_row is not None)
    (expected,) = reference(case, MODEL)
    assert np.isinf(expected.norm.bound).nonzero()[0].tolist() == [case.poisoned_row]


def test_nothing_is_no_part_of_any_bound():
    assert ratios(np.array([0.0, 0.0, 1.0, np.nan]), np.array([0.0, 1.0, 0.0, 1.0])).tolist() == [0, 0, np.inf, np.inf]


def test_a_nan_has_no_sign_that_comes_out():
    made = (make_case(OP, "float32", SHAPE, "nonfinite", "contiguous", (seed,)) for seed in range(40))
    for case in made:
        (expected,) = reference(case, MODEL)
        infinite = case.poisoned_row is not None and np.isinf(case.arrays[case.poisoned]).any()
        without_zeros = all(a.all() for name, a in case.arrays.items() if name != case.poisoned)
        assert not np.any(expected.sign) if not infinite else np.any(expected.sign) or not without_zeros


def test_answers_differ_whatever_their_size():
    for size in (1e-30, 1.0, 1e30):
        found = _differ(np.array([1.0, 2.0]) * size, np.array([1.0, 2.0 + 2.0**-17]) * size)
        assert found.tolist() == [False, True]


def test_errors_that_are_wrong_together_are_placed_in_the_worst_row():
    case = make_case(op_named("fft"), "complex64", {"batch": 3, "size": 8}, "normal", "contiguous", (0,))
    (expected,) = reference(case, MODEL)
    output = expected.truth.high.copy()
    output[1] += 0.8 * expected.bound[1]
    output[2] += 0.7 * expected.bound[2]
    output[1, 5] += 0.15 * expected.bound[1, 5]
    found = judge(case, Run(outputs=(output,), dtypes=("complex64",)), [expected])
    assert found.verdict is Verdict.WRONG and found.ratio <= 1 < found.norm_ratio
    assert found.index == (1, 5) and found.error == pytest.approx(0.95 * expected.bound[1, 5])
    assert found.bound == expected.bound[1, 5] and "the errors of 2 of 3 rows" in found.message


def test_of_several_outputs_the_wrong_one_is_named():
    op = op_named("block-diagonal-multiply-backward")
    case = make_case(op, "float32", {"batch": 2, "blocks": 2, "rows": 3, "columns": 2}, "normal", "contiguous", (0,))
    expected = reference(case, MODEL)
    x, blocks = (one.truth.high.astype(np.float32) for one in expected)

    def judged(*outputs):
        return judge(case, Run(outputs=outputs, dtypes=("float32",) * 2), expected)

    assert judged(x, blocks).verdict is Verdict.RIGHT
    found = judged(x, blocks + np.float32(1))
    assert (found.verdict, found.output) == (Verdict.WRONG, 1) and found.message.startswith("gradient of blocks: ")
    assert judged(x, blocks[:1]).message == "expected shape (2, 3, 2) of gradient of blocks, got (1, 3, 2)"
    assert judge(CASE, run(RIGHT[:1]), [EXPECTED]).message == "expected shape (2, 4), got (1, 4)"
    assert judge(CASE, run(altered(7.0)), [EXPECTED]).message.startswith("1 of 8 elements")


def test_where_a_right_kernel_may_overflow_anything_goes():
    case = make_case(OP, "float16", SHAPE, "large", "contiguous", (1,))
    values = {name: np.full_like(a, 1000.0) for name, a in case.arrays.items()}
    case = type(case)(**{**vars(case), "arrays": values})
    (expected,) = reference(case, default_model("float16"))
    assert judge(case, run(np.full((2, 4), np.inf, np.float16)), [expected]).verdict is Verdict.RIGHT


def test_both_bounds_are_reported_and_either_can_decide():
    case = make_case(op_named("block-diagonal-multiply"), "float32",
                     {"batch": 1, "blocks": 1, "rows": 2, "columns": 4096}, "normal", "contiguous", (0,))  # fmt: skip
    (likely,) = reference(case, default_model("float32", failure=1e-9))
    assert (likely.bound == likely.probabilistic).all() and (likely.probabilistic < likely.deterministic / 4).all()
    between = (likely.truth.high + 2 * likely.probabilistic).astype(np.float32)
    assert judge(case, run(between), [likely]).verdict is Verdict.WRONG
    assert judge(case, run(between), reference(case, MODEL)).verdict is Verdict.RIGHT


def test_ulps_count_units_of_the_result():
    step = np.nextafter(RIGHT, np.float32(np.inf))
    found = ulps(step, EXPECTED, "float32")
    assert found.shape == (8,) and (np.abs(found) <= 1.5).all() and (found > 0).all()
    assert ulps(altered(np.nan), EXPECTED, "float32").shape == (7,)
    unbounded = replace(EXPECTED, bound=np.where(np.arange(8).reshape(2, 4) < 3, np.inf, EXPECTED.bound))
    assert ulps(step, unbounded, "float32").shape == (5,)


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_every_family_has_its_share_of_cases(name):
    op = op_named(name)
    found = Counter(family for _, family, *_ in plan_of(op, seed=9))
    # where few small shapes have sizes that come again, those that tell little share them, and ones alone show no size;
    # positive numbers stand beside what no bound tells, and are in no plan
    few = ("selective-scan", "selective-scan-backward", "embedding-backward")
    found["zeros"] += found.pop("gaps")
    assert found.pop("rising") > 0  # long cases alone
    assert min(found.values()) >= (5 if name not in few else 3) and len(found) == len(FAMILIES) - 3, found


def test_large_values_are_some_moderate_and_some_huge():
    op = op_named("attention")
    tops = [
        np.abs(c.arrays["q"]).max() for c in cases(op, "float32", seed=2) if c.family == "large" and c.arrays["q"].size
    ]
    # products of hundreds, whose exponentials overflow, and data whose squares nearly do
    assert min(tops) < 2.0**24 < max(tops)


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_cases_are_the_same_for_the_same_seed_and_cover_everything(name):
    op = op_named(name)
    dtype = op.dtypes()[0]
    small = {"max_size": 32, "most_entries": 1 << 8}
    first, again, other = (list(cases(op, dtype, seed=seed, count=40, **small)) for seed in (5, 5, 6))
    for one, two in zip(first, again, strict=True):
        assert one.describe() == two.describe()
        assert all(one.arrays[k].tobytes() == two.arrays[k].tobytes() for k in one.arrays)
    more = list(cases(op, dtype, seed=5, count=150, **small))
    assert {c.family for c in more} | {"rising"} == set(FAMILIES) - {"positive"}  # none of these need be long
    assert {c.layout for c in more} == set(LAYOUTS)
    assert {0, 1} <= {c.shape["batch"] for c in more}
    changed = [a for one, two in zip(first, other, strict=True) for a in one.arrays if not same(one, two, a)]
    assert len(changed) > len(first) / 4


def same(one, other, name):
    return one.arrays[name].tobytes() == other.arrays[name].tobytes()


def test_restrictions_restrict():
    assert all(len(s["input_radices"]) == 2 for s in selected_shapes(OP, order=2))
    assert all(len({*s["input_radices"], *s["output_radices"]}) == 1 for s in selected_shapes(OP, square=True))
    with pytest.raises(ValueError, match="shapes: expected"):
        selected_shapes(OP, max_size=0)
