"""Truncation passes every bound, element by element, and leans one way over all of them."""

import numpy as np
import pytest

from monarch_theory.rounding import default_model, round_to
from monarch_theory.testing.bias import bias_of
from monarch_theory.testing.cases import make_case
from monarch_theory.testing.check import Observation
from monarch_theory.testing.judge import judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.ops import op_named

OP = op_named("block-diagonal-multiply")
SHAPE = {"batch": 16, "blocks": 4, "rows": 8, "columns": 8}


def truncated(values, precision):
    scale = np.ldexp(1.0, np.frexp(values)[1] - precision)
    return np.trunc(values / scale) * scale


ROUNDINGS = {
    "nearest": lambda y, p, dtype, rng: round_to(y, dtype),
    "toward zero": lambda y, p, dtype, rng: truncated(y, p),
    "away from zero": lambda y, p, dtype, rng: -truncated(-y - np.sign(y) * np.ldexp(1.0, np.frexp(y)[1] - p), p),
    "by chance": lambda y, p, dtype, rng: truncated(
        y + np.sign(y) * np.ldexp(rng.random(y.shape), np.frexp(y)[1] - p), p
    ),
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("dtype", "precision"), [("bfloat16", 8), ("float16", 11)])
def test_only_roundings_that_lean_are_called_biased(rounding, dtype, precision):
    model, rng, seen = default_model(dtype), np.random.default_rng(0), []
    for seed in range(3):
        case = make_case(OP, dtype, SHAPE, "normal", "contiguous", (seed,))
        expected = reference(case, model)
        y = ROUNDINGS[rounding](expected[0].truth.high, precision, dtype, rng)
        output = y.astype("float32" if dtype == "bfloat16" else dtype)
        run = Run(outputs=(output,), dtypes=(output.dtype.name,))
        seen.append(Observation(case, run, expected, judge(case, run, expected)))
    found = bias_of(seen, model)
    assert found is not None and found.elements > 1000
    assert found.significant == (rounding in ("toward zero", "away from zero"))
    if rounding == "toward zero":
        assert "toward zero by 0." in found.describe()
