"""The bound of attention's gradients: what usual kernels compute is within it, whichever way they sum, and it tells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.formats import round_to
from monarch_theory.rounding import Running, Tracked, exactly
from monarch_theory.testing.cases import make_case
from monarch_theory.testing.judge import reference
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.ops.attention_backward import of_one_error
from monarch_theory.testing.sharpness import bound_beside_answer

OP = op_named("attention-backward")


def gradients(case, way, kept):
    """In float32, with weights and gradients of scores rounded to a format; D from the stored output, from the weights,
    or from weights that are divided by their sum at last."""
    g, q, k, v = (a.astype(np.float32) for a in case.arrays.values())
    scale = np.float32(case.op.options(case.shape)["scale"])
    scores = q @ k.swapaxes(-1, -2) * scale
    if case.shape["causal"]:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True)).astype(np.float32)
    total = e.sum(-1, keepdims=True)
    p = round_to(e / total, kept).astype(np.float32)
    dp = round_to(g @ v.swapaxes(-1, -2), kept).astype(np.float32)
    late = round_to(e, kept).astype(np.float32) @ v / total
    y = round_to(late if way == "divided last" else p @ v, case.dtype).astype(np.float32)
    d = (p * dp).sum(-1, keepdims=True) if way == "weights" else (g * y).sum(-1, keepdims=True)
    s = round_to(p * (dp - d), kept).astype(np.float32)
    return s @ k * scale, s.swapaxes(-1, -2) @ q * scale, p.swapaxes(-1, -2) @ g


def over(case, outputs, model):
    found = reference(case, model)
    return [
        float(np.max(one.excess(one.truth.error(round_to(y, case.dtype).astype(float))), initial=0.0))
        for y, one in zip(outputs, found, strict=True)
    ]


SIZES = st.fixed_dictionaries(
    {"batch": st.just(2), "n": st.integers(1, 9), "m": st.integers(1, 12), "d": st.integers(1, 6),
     "e": st.integers(1, 40), "causal": st.booleans()}
)  # fmt: skip


@given(
    sizes=SIZES,
    seed=st.integers(0, 2**16),
    family=st.sampled_from(["normal", "graded", "positive", "level", "rising"]),
    dtype=st.sampled_from(["bfloat16", "float16", "float32"]),
    way=st.sampled_from(["output", "weights", "divided last"]),
    narrow=st.booleans(),
)
def test_usual_kernels_are_within_their_bound(sizes, seed, family, dtype, way, narrow):
    case = make_case(OP, dtype, sizes, family, "contiguous", (seed,))
    with np.errstate(all="ignore"):
        outputs = gradients(case, way, dtype if narrow else "float32")
    if all(np.isfinite(y).all() for y in outputs):
        assert max(over(case, outputs, OP.usual_model(dtype))) <= 1


@given(seed=st.integers(0, 2**16), keys=st.integers(1, 12), count=st.integers(1, 3))
def test_one_error_of_all_weights_turns_them_together(seed, keys, count):
    """The worst that errors of the weights, of D and of their product can do is within what is added for them."""
    rng, model = np.random.default_rng(seed), OP.usual_model("bfloat16")
    p = np.abs(rng.standard_normal((1, count, keys)))
    held = Running(p, rng.uniform(0, 0.1, p.shape) * p)
    k, error = rng.standard_normal((1, keys, 2)), rng.uniform(0, 1, (1, count, 1))
    bound = of_one_error(Tracked(held, model), Tracked(exactly(k), model), error)
    u = model.intermediate.unit_roundoff
    for column in range(k.shape[-1]):
        direction = np.sign(k[..., column][:, None, :])
        for sign in (1, -1):
            turned = error * (p + sign * direction * held.error) * (1 + sign * direction * u)
            assert (np.abs((turned * k[:, None, :, column]).sum(-1)) <= bound[..., column] * (1 + 1e-12)).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_decided_and_a_sum_without_its_last_key_is_wrong(dtype):
    sizes = {"batch": 2, "n": 40, "m": 96, "d": 16, "e": 64, "causal": False}
    case = make_case(OP, dtype, OP.usual(sizes), "normal", "contiguous", (0,))
    model = OP.usual_model(dtype)
    # of sums of 96 products of numbers that are kept in a format of 8 bits
    assert max(map(bound_beside_answer, reference(case, model))) < (0.5 if dtype == "bfloat16" else 0.08)
    right = gradients(case, "output", "float32")
    assert max(over(case, right, model)) <= 1
    shorter = {**case.arrays, "v": case.arrays["v"].copy()}
    shorter["v"][:, -1] = 0
    assert over(case, gradients(_with(case, shorter), "output", "float32"), model)[0] > 1


def _with(case, arrays):
    return type(case)(case.op, case.dtype, case.shape, case.family, case.layout, case.seed, arrays)
