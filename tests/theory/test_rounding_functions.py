"""Sums, quotients, roots, exponentials and what is made of them: bounds hold in float32, and not for float16."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.rounding import (
    Running,
    add,
    default_model,
    divide,
    entropy_term,
    exactly,
    exponential,
    maximum,
    multiply,
    sigmoid,
    softmax,
    square_root,
    store,
    subtract,
    total,
)

MODEL = default_model("float32")
SINGLE = np.float32


def moved(rng, shape, scale, spread):
    """What a kernel has, what is true of it, and the running bound that says so."""
    value = (rng.standard_normal(shape) * scale).astype(SINGLE).astype(float)
    error = spread * rng.random(shape) * np.abs(value)
    held = (value + error * rng.choice((-1.0, 1.0), shape)).astype(SINGLE)
    error = np.maximum(error, np.abs(held.astype(float) - value))
    return held, value, Running(value, error)


def exact(function, *values):
    """A function of one element at a time, in 60 digits."""
    with mpmath.workdps(60):
        whole = np.vectorize(lambda *v: function(*map(mpmath.mpf, v)), otypes=[object])(*values)
    return whole


def off(computed, truth):
    with mpmath.workdps(60):
        return np.vectorize(lambda c, t: float(abs(mpmath.mpf(float(c)) - t)), otypes=[float])(computed, truth)


ELEMENTWISE = {
    "divide": (divide, lambda a, b: a / b, lambda a, b: a / b, 2),
    "subtract": (subtract, lambda a, b: a - b, lambda a, b: a - b, 2),
    "square_root": (square_root, lambda a: mpmath.sqrt(abs(a)), lambda a: np.sqrt(np.abs(a)), 1),
    "exponential": (exponential, mpmath.exp, np.exp, 1),
    "sigmoid": (sigmoid, lambda a: 1 / (1 + mpmath.exp(-a)), lambda a: 1 / (1 + np.exp(-a)), 1),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(st.integers(0, 2**31), st.sampled_from((1e-20, 1e-3, 1.0, 30.0, 1e10)), st.sampled_from((0.0, 1e-6, 1e-2)))
def test_elementwise_functions_are_within_their_bound(name, seed, scale, spread):
    bound, truth, kernel, count = ELEMENTWISE[name]
    rng = np.random.default_rng(seed)
    given_ = [moved(rng, (12,), scale, spread) for _ in range(count)]
    if name == "square_root":
        given_ = [(np.abs(h), np.abs(v), Running(np.abs(v), r.error)) for h, v, r in given_]
    with np.errstate(all="ignore"):
        computed = kernel(*(held for held, _, _ in given_))
        found = bound(*(running for _, _, running in given_), MODEL)
    assert computed.dtype == SINGLE
    finite = np.isfinite(found.error)
    error = off(np.where(finite, computed, 0), exact(truth, *(value for _, value, _ in given_)))
    assert (error[finite] <= found.error[finite]).all()
    # an infinite bound needs a reason: a value near the ends of the range, or a sign that is not certain
    assert finite.all() or scale in (30.0, 1e10, 1e-20) or spread > 0


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_in_half_precision_are_not(name):
    bound, truth, kernel, count = ELEMENTWISE[name]
    rng = np.random.default_rng(0)
    values = [np.abs(rng.standard_normal(50)).astype(np.float16) + np.float16(0.5) for _ in range(count)]
    computed = kernel(*values)
    assert computed.dtype == np.float16
    wide = [v.astype(float) for v in values]
    found = bound(*map(exactly, wide), MODEL)
    assert (off(computed, exact(truth, *wide)) > found.error).any()


@given(
    st.integers(0, 2**31), st.integers(1, 70), st.sampled_from((0.0, 1e-5)), st.sampled_from(("up", "down", "pairs"))
)
def test_sums_in_any_order_are_within_their_bound(seed, n, spread, order):
    rng = np.random.default_rng(seed)
    held, value, running = moved(rng, (4, n), 1.0, spread)
    if order == "pairs":
        computed = held.sum(1, dtype=SINGLE)
    else:
        computed = np.zeros(4, SINGLE)
        for k in range(n)[:: 1 if order == "up" else -1]:
            computed = computed + held[:, k]
    truth = value.astype(np.longdouble).sum(1)
    for model in (MODEL, default_model("float32", failure=1e-9)):
        assert (np.abs(computed - truth) <= total(running, 1, model).error[:, 0]).all()


def test_sums_of_small_integers_are_exact_and_overflow_is_unknown():
    assert not total(exactly(np.arange(8.0)[None]), 1, MODEL).error.any()
    assert np.isinf(total(exactly(np.full((1, 3), 2e38)), 1, MODEL).error).all()


def test_a_maximum_moves_by_the_largest_error():
    rng = np.random.default_rng(0)
    held, value, running = moved(rng, (5, 9), 1.0, 0.1)
    found = maximum(running, 1)
    assert (np.abs(held.max(1, keepdims=True) - value.max(1, keepdims=True)) <= found.error).all()
    assert maximum(exactly(value), 1).error.max() == 0


def test_what_may_change_sign_or_leave_the_range_has_an_infinite_bound():
    near_zero = Running(np.array([1e-3]), np.array([1e-2]))
    assert np.isinf(divide(exactly([1.0]), near_zero, MODEL).error).all()
    assert np.isinf(square_root(near_zero, MODEL).error).all()
    assert np.isinf(exponential(exactly([100.0]), MODEL).error).all()
    assert np.isinf(divide(exactly([1.0]), exactly([1e-39]), MODEL).error).all()
    assert np.isfinite(square_root(exactly([0.0]), MODEL).error).all()


def plain_softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True, dtype=s.dtype)


def softmax_by_tiles(s, tile=3):
    """Weights as flash attention has them: numerators rescaled whenever the running maximum grows."""
    top = np.full(s.shape[:-1], -np.inf, s.dtype)
    denominator, numerator = np.zeros_like(top), np.zeros_like(s)
    for start in range(0, s.shape[-1], tile):
        block = s[..., start : start + tile]
        new = np.maximum(top, block.max(-1))
        p, again = np.exp(block - new[..., None]), np.exp(top - new)
        numerator[..., :start] *= again[..., None]
        numerator[..., start : start + tile] = p
        denominator = denominator * again + p.sum(-1, dtype=s.dtype)
        top = new
    return numerator / denominator[..., None]


def in_order(order):
    """Key by key, in an order of the kernel's own choice."""

    def kernel(s):
        found, places = np.empty_like(s), order(s)
        np.put_along_axis(found, places, softmax_by_tiles(np.take_along_axis(s, places, -1), 1), -1)
        return found

    return kernel


def logarithm_of_sum(s):
    top = s.max(-1, keepdims=True)
    return top + np.log(np.exp(s - top).sum(-1, keepdims=True, dtype=s.dtype))


def softmax_by_logarithm(s):
    return np.exp(s - logarithm_of_sum(s))


def softmax_by_parts(s, parts=2):
    """Each part whole by itself, then weighed by the logarithm of its sum, as where keys are split."""
    split = [part for part in np.array_split(s, parts, -1) if part.shape[-1] > 1 or s.shape[-1] < 4]
    if sum(part.shape[-1] for part in split) < s.shape[-1]:
        return softmax_by_logarithm(s)
    logarithms = np.concatenate([logarithm_of_sum(part) if part.shape[-1] else part for part in split], -1)
    weights = iter(np.moveaxis(plain_softmax(logarithms), -1, 0))
    return np.concatenate([plain_softmax(p) * next(weights)[..., None] if p.shape[-1] else p for p in split], -1)


SOFTMAXES = (
    plain_softmax, softmax_by_tiles, softmax_by_logarithm, softmax_by_parts,
    in_order(lambda s: np.argsort(s, -1)), in_order(lambda s: np.argsort(-s, -1)),
    in_order(lambda s: np.broadcast_to(np.arange(s.shape[-1])[::-1], s.shape)),
)  # fmt: skip
"""Ways to the same, with the order in which most is rescaled, and those in which least is."""


def hard_scores(kind, s):
    """As they are, or with ties, masked ones, one far above the others, or hardly any difference."""
    if kind == "ties":
        return np.round(s)
    if kind == "one far above":
        s[:, 0] += 60
    if kind == "near ties":
        s = 1 + s * 2.0**-20
    if kind == "masked":
        s[:, 1::2] = -np.inf
    return s


@given(
    st.integers(0, 2**31),
    st.integers(1, 200),
    st.sampled_from((0.1, 3.0, 30.0)),
    st.sampled_from((0.0, 1e-5)),
    st.sampled_from(("plain", "ties", "masked", "one far above", "near ties")),
)
def test_softmax_is_within_its_bound_whatever_the_way_and_the_order(seed, n, scale, spread, kind):
    rng = np.random.default_rng(seed)
    value = hard_scores(kind, (scale * rng.standard_normal((3, n))).astype(SINGLE).astype(float))
    held = (value + spread * rng.uniform(-1, 1, value.shape)).astype(SINGLE)
    kept = np.isfinite(value)
    error = np.abs(np.where(kept, held, 0) - np.where(kept, value, 0))
    found = softmax(Running(value, error), 1, MODEL)
    # all of them use one score for numerator and denominator
    alike = softmax(exactly(value), 1, MODEL, error)
    wide = np.exp(value.astype(np.longdouble) - value.max(1, keepdims=True))
    truth = wide / wide.sum(1, keepdims=True)
    with np.errstate(all="ignore"):
        kernels = list(SOFTMAXES[:1] + SOFTMAXES[2:3] if kind == "masked" else SOFTMAXES)
        if np.abs(value).max() < 80:
            kernels.append(lambda s: np.exp(s) / np.exp(s).sum(-1, keepdims=True, dtype=SINGLE))
        for kernel in kernels:
            assert (np.abs(kernel(held) - truth) <= found.error).all()
            assert (np.abs(kernel(held) - truth) <= alike.error).all()


def test_what_ties_is_not_rescaled_and_weights_of_almost_nothing_hardly_count():
    n, u = 1000, MODEL.accumulation.unit_roundoff
    alike = softmax(exactly(np.zeros((1, n))), 1, MODEL)
    falling = softmax(exactly(-np.arange(float(n))[None]), 1, MODEL)
    assert (alike.error < 3 * n * u * alike.value).all()
    assert falling.error[0, 0] < 3 * n * u
    # the more there are above, the more a weight may be off
    assert falling.error[0, 60] / falling.value[0, 60] > 9 * 60 * u


@pytest.mark.parametrize("n", [1, 2, 7])
def test_what_scores_share_moves_weights_by_no_more_than_can_be_and_what_they_do_not_by_more(n):
    rng, spread = np.random.default_rng(n), 1e-3
    value = rng.standard_normal((500, n)).astype(SINGLE).astype(float)
    shared = spread * rng.random(value.shape)
    truth = plain_softmax(value)
    alike = softmax(exactly(value), 1, MODEL, shared).error
    signs = np.where(np.arange(n) == np.arange(500)[:, None] % n, 1.0, -1.0)  # one up and all others down
    furthest = np.abs(plain_softmax(value + signs * shared) - truth)
    assert (furthest <= alike).all() and (n == 1 or (furthest > 0.9 * alike).mean() > 0.9 / n)
    # a numerator of another score than the denominator's
    other = np.exp(value + shared) / np.exp(value - shared).sum(-1, keepdims=True)
    assert (np.abs(other - truth) > alike).any()
    assert (np.abs(other - truth) <= softmax(Running(value, shared), 1, MODEL).error).all()


@given(st.integers(0, 2**31), st.integers(1, 60), st.sampled_from((0.1, 3.0)), st.sampled_from((1e-6, 1e-2, 0.5)))
def test_entropies_are_within_their_bound_and_weights_that_are_off_by_more_are_not(seed, n, scale, spread):
    rng = np.random.default_rng(seed)
    p = plain_softmax(scale * rng.standard_normal((3, n)))
    error = spread * rng.random(p.shape) * p
    found = entropy_term(Running(p, error), MODEL).error
    for sign in (-1.0, 1.0):
        moved_to = p + sign * error
        assert (np.abs(moved_to * np.log(moved_to) - p * np.log(p)) <= found).all()
    apart = np.abs(1 + np.log(p)) > 0.5
    further = p + 3 * np.maximum(error, 1e-6 * p)
    beyond = np.abs(further * np.log(further) - p * np.log(p)) > entropy_term(Running(p, 0 * p), MODEL).error
    assert beyond[apart & (error > 1e-4 * p)].all()


def test_softmax_without_rescaling_or_in_half_precision_is_not():
    rng = np.random.default_rng(0)
    s = (3 * rng.standard_normal((3, 20))).astype(SINGLE)
    truth = plain_softmax(s.astype(np.longdouble))
    bound = softmax(exactly(s), 1, MODEL).error
    assert (np.abs(plain_softmax(s.astype(np.float16)) - truth) > bound).any()
    kept = np.exp(s - np.maximum.accumulate(s, -1))
    assert (np.abs(kept / kept.sum(-1, keepdims=True) - truth) > bound).any()


def rms_norm_bound(x, w, eps, model):
    a = exactly(x)
    square = divide(total(multiply(a, a, model), 1, model), exactly(np.full((1, 1), float(x.shape[1]))), model)
    root = square_root(add(square, exactly(np.full((1, 1), eps)), model), model)
    return store(multiply(divide(a, root, model), exactly(w), model), model.storage).error


def test_a_whole_norm_in_four_lines_holds_for_right_kernels_and_not_for_wrong_ones():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((8, 33)).astype(SINGLE), rng.standard_normal(33).astype(SINGLE)
    wide, weight, eps = x.astype(np.longdouble), w.astype(np.longdouble), 2.0**-17
    truth = wide / np.sqrt((wide**2).mean(1, keepdims=True) + eps) * weight
    bound = rms_norm_bound(x.astype(float), w.astype(float), eps, MODEL)
    right = x * (SINGLE(1) / np.sqrt((x * x).mean(1, keepdims=True) + SINGLE(eps))) * w
    assert right.dtype == SINGLE and (np.abs(right - truth) <= bound).all()
    no_eps = x / np.sqrt((x * x).mean(1, keepdims=True)) * w
    unbiased = x / np.sqrt((x * x).sum(1, keepdims=True) / 32 + SINGLE(eps)) * w
    assert (np.abs(no_eps - truth) > bound).any() and (np.abs(unbiased - truth) > bound).any()
