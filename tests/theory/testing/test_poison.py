"""A NaN is tried beside zeros: for every product of two arguments, in either of them, with a zero in the other."""

from dataclasses import replace

import numpy as np
import pytest
from daily import DEAR_OPS, but_long

from monarch_theory.testing.cases import make_case, plan_of
from monarch_theory.testing.judge import Verdict, _finite_values, _reached_by_poison, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.poison import MANY, poison, takes_zeros, with_zeros_beside


def skipped(case, zeros_of):
    """Of every output, what a kernel loses that skips whatever the zeros of one argument multiply."""
    values, name = _finite_values(case), case.poisoned
    reached, _ = _reached_by_poison(case, values)
    touched = 1.0 * ~np.isfinite(case.arrays[name])
    filled = {
        key: np.where(a == 0, 1, a) if a.dtype.kind in "fc" and key != zeros_of else a for key, a in values.items()
    }
    here, moved = (case.op.answers(filled | {name: filled[name] + d}, case.shape) for d in (0.0 * touched, touched))
    return [r & (a == b) for r, a, b in zip(reached, here, moved, strict=True)]


def planned(op):
    """The cases of a check that hold a NaN or an infinity."""
    dtype = "float32" if "float32" in op.dtypes() else "complex64"
    for shape, family, layout, seed in plan_of(op):
        if family == "nonfinite":
            yield make_case(op, dtype, shape, family, layout, seed)


def products(op, case):
    """Pairs of arguments that some output is a sum of products of: (one that holds a NaN, one that may be zero)."""
    ones = make_case(op, case.dtype, case.shape, "ones", "contiguous", (0,)).arrays
    found = set()
    for turn in range(len(ones)):
        arrays = {key: a.copy() for key, a in ones.items()}
        poisoned, row = poison(op, arrays, np.random.default_rng(0), case.shape, turn)
        for other in (key for key in arrays if key != poisoned and takes_zeros(op, key)):
            beside = arrays | {other: np.zeros_like(arrays[other])}
            made = replace(case, arrays=beside, poisoned=poisoned, poisoned_row=row)
            if any(lost.any() for lost in skipped(made, other)):
                found.add((poisoned, other))
    return found


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_every_product_has_a_nan_in_one_factor_and_a_zero_in_the_other(name):
    op = op_named(name)
    made = [case for case in planned(op) if case.poisoned is not None]
    wanted = products(op, [case for case in made if case.shape["batch"] <= MANY][-1])
    tried = {
        (case.poisoned, other)
        for case in made for other in case.arrays
        if takes_zeros(op, other) and any(lost.any() for lost in skipped(case, other))
    }  # fmt: skip
    print(name, len(wanted), wanted - tried)
    assert wanted <= tried


def closed_by_zero_gates(a):
    return np.where(a["postgate"] == 0, 0, op_named("gated-convolution").oracle(a, {}))


def reset_by_zero_decays(a):
    h, found = np.zeros_like(a["x"][..., 0]), np.empty_like(a["x"])
    for t in range(a["x"].shape[-1]):
        h = a["x"][..., t] + np.where(a["decay"][..., t] == 0, 0, a["decay"][..., t] * h)
        found[..., t] = h
    return found


@pytest.mark.parametrize(
    ("name", "kernel"), [("gated-convolution", closed_by_zero_gates), ("linear-recurrence", reset_by_zero_decays)]
)
def test_what_skips_zeros_loses_a_nan(name, kernel):
    op = op_named(name)
    found = []
    for case in planned(op):
        with np.errstate(all="ignore"):
            answers = [
                compute(case.values).astype("f") for compute in (kernel, lambda a, s=case.shape: op.oracle(a, s))
            ]
        expected = reference(case, op.usual_model("float32"))
        skipping, right = (judge(case, Run(outputs=(y,), dtypes=("float32",)), expected) for y in answers)
        assert right.verdict is Verdict.RIGHT
        found.append(skipping.verdict is Verdict.WRONG and "did not reach" in skipping.message)
    assert sum(found) >= 2


def test_zeros_are_in_the_row_that_holds_the_nan_and_in_domains_that_have_them():
    op = op_named("selective-scan")
    shape = {"batch": 3, "channels": 2, "state": 2, "n": 4}
    arrays = {name: np.ones(sizes) for name, sizes in op.arguments(shape).items()}
    found = with_zeros_beside(op, arrays, np.random.default_rng(0), shape, "x", 1, turn=0)
    assert not found["B"][1].any() and found["B"][[0, 2]].all() and not found["D"].any()
    assert all(found[name].all() for name in ("x", "delta", "A")) and arrays["D"].all()
