"""The oracle encloses the truth, and tightly."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from daily import DEAR_OPS, but_long
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import RATIONALS
from monarch_theory.monarch import Monarch, block_counts
from monarch_theory.rounding import default_model, format_of
from monarch_theory.testing import truth
from monarch_theory.testing.cases import cases
from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.oracle import balls, causal_convolution, circular_convolution, dft, enclose, exact_answer
from monarch_theory.testing.sizes import entries

finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=6))
def test_sums_of_products_are_exact(pairs):
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    truth = sum(Fraction(x) * Fraction(y) for x, y in pairs)
    with flint.ctx.workprec(384):
        found = enclose((balls(a) * balls(b)).sum(keepdims=True))
    exact = Fraction(float(found.high[0])) + Fraction(float(found.low[0]))
    radius = Fraction(float(found.radius[0]))
    assert abs(exact - truth) <= radius <= abs(truth) * Fraction(1, 2**100) + Fraction(2.0**-1073)


def test_monarch_multiply_is_the_matrix_over_the_rationals():
    rng = np.random.default_rng(0)
    shape = {"batch": 2, "input_radices": (2, 3, 2), "output_radices": (3, 2, 2)}
    op = op_named("monarch-multiply")
    arrays = {name: rng.standard_normal(sizes) for name, sizes in op.arguments(shape).items()}
    factors = [arrays[f"factor{k}"] for k in range(3)]
    assert [len(f) for f in factors] == list(block_counts((3, 2, 2), (2, 3, 2)))
    matrix = Monarch(tuple(RATIONALS.array(f.astype(object)) for f in factors), RATIONALS)
    truth = matrix.multiply(RATIONALS.array(arrays["x"].astype(object)))
    (found,) = exact_answer(op, arrays, shape)
    for high, low, radius, value in zip(found.high.flat, found.low.flat, found.radius.flat, truth.flat, strict=True):
        difference = Fraction(int(value.p), int(value.q)) - Fraction(float(high)) - Fraction(float(low))
        assert abs(difference) <= Fraction(float(radius))


@pytest.mark.parametrize("n", [1, 2, 3, 8, 12])
def test_transforms_and_convolutions_agree_with_their_definitions(n):
    rng = np.random.default_rng(n)
    x, k = rng.integers(-4, 5, (2, n)).astype(float)
    i = np.arange(n)
    spectrum = np.exp(-2j * np.pi * np.outer(i, i) / n) @ x
    # a direct sum of n terms, with roots of unity good to a few ulps: 16 n u max|x| n covers it
    tolerance = 16 * n * n * 4 * 2.0**-53
    assert np.abs(enclose(dft(balls(x + 0j))).high - spectrum).max() <= tolerance
    assert np.abs(enclose(dft(balls(spectrum), inverse=True)).high - x).max() <= tolerance
    wrapped = sum(x[j] * np.roll(k, j) for j in range(n))
    assert (enclose(circular_convolution(balls(x), balls(k))).high == wrapped).all()
    assert (enclose(causal_convolution(balls(x), balls(k))).high == np.convolve(x, k)[:n]).all()


@pytest.mark.parametrize("entries", [1 << 8, pytest.param(None, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_plain_and_exact_oracles_agree_and_are_tight(name, entries):
    op = op_named(name)
    dtype = op.dtypes()[0]
    for case in cases(op, dtype, count=20, max_size=32, most_entries=entries):
        if case.poisoned is None:
            answers = exact_answer(op, case.values, case.shape)
            # the float64 route meets the bound that a float64 kernel is held to
            bounds = op.bounds(case.values, case.shape, default_model("float64"))
            for exact, plain, bound in zip(answers, op.answers(case.values, case.shape), bounds, strict=True):
                assert plain.shape == bound.shape == exact.high.shape
                assert (exact.error(plain) <= bound).all()
                # where large numbers cancel, far below what a float64 kernel is allowed
                tight = exact.radius <= 2.0**-90 * np.maximum(np.abs(exact.high), 1e-300) + 1e-100
                assert (tight | (exact.radius <= 2.0**-90 * bound)).all()


def test_the_wide_formats_are_no_wider_than_numpy_has_them():
    """A radius for more bits than were computed with would enclose nothing."""
    from monarch_theory.testing.truth import EXTENDED, wider_than

    if np.finfo(np.longdouble).nmant >= 63:
        assert EXTENDED.precision <= np.finfo(np.longdouble).nmant + 1
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        wide = wider_than(format_of(dtype))
        assert wide is None or wide.precision >= format_of(dtype).precision + 11
    assert wider_than(format_of("float32")).precision == np.finfo(np.float64).nmant + 1


@pytest.mark.parametrize("own", [True, False])
def test_the_bound_of_an_op_of_the_users_own_never_encloses_the_truth(monkeypatch, own):
    """However large the case: what a user says of rounding is what is checked, and no part of the answer."""
    asked = []
    enclosed = truth.enclosed_answer
    monkeypatch.setattr(truth, "QUICK_ENTRIES", 0)
    monkeypatch.setattr(truth, "enclosed_answer", lambda *given: (asked.append(1), enclosed(*given))[1])
    op = op_named("block-diagonal-multiply")
    op = replace(op, accepts=None) if own else op
    case = next(case for case in cases(op, "float32", count=20) if entries(op, case.shape))
    truth.true_answer(op, case.values, case.shape, "float32")
    assert bool(asked) is not own
