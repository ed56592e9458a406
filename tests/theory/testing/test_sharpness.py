"""Bounds of transforms and convolutions: right kernels keep them whatever the data, faults of four bounds do not."""

import numpy as np
import pytest
import scipy.fft
from daily import DEAR_OPS, but_long

from monarch_theory.formats import format_of
from monarch_theory.rounding import (
    convolution_bound,
    convolution_bound_in_norm,
    default_model,
    fourier_bound,
    fourier_bound_in_norm,
    fourier_growth_in_norm,
    largest_response,
)
from monarch_theory.testing.cases import cases, make_case, selected_shapes
from monarch_theory.testing.judge import Judgement, Verdict, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.op import Op
from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.sharpness import APART, GOAL, Sharpness, sharpness_of, usual_kernels

COMPLEX = default_model("complex64", failure=1e-9)
SINGLE = default_model("float32", failure=1e-9)


def rows(n, rng):
    """Data that are hard in some way, (rows, n)."""
    normal = rng.standard_normal((3, n)) + 1j * rng.standard_normal((3, n))
    cancelling = normal.copy()
    cancelling[:, n // 2 :] = -(1 + 1e-4) * cancelling[:, : n - n // 2]
    steps = np.where(np.arange(n) < n // 2, 0.1, -0.1) * np.ones((2, 1))
    graded = normal * np.exp2(rng.uniform(-20, 20, (3, n)))
    tone = np.exp(2j * np.pi * 3 * np.arange(n) / n) * np.ones((2, 1))
    constant = np.full((2, n), 0.1 + 0.7j)
    return [normal, normal * 2.0**-60, normal * 2.0**50, graded, cancelling, steps + 0j, tone, constant]


def direct(x, order):
    n = x.shape[-1]
    total, j = np.zeros_like(x), np.arange(n)
    for k in order:
        total = total + x[:, k, None] * np.exp(-2j * np.pi * (j * k % n) / n).astype(x.dtype)
    return total


def radix_two(x):
    n = x.shape[-1]
    if n == 1:
        return x
    even, odd = radix_two(x[:, ::2]), radix_two(x[:, 1::2])
    turned = np.exp(-2j * np.pi * np.arange(n // 2) / n).astype(x.dtype) * odd
    return np.concatenate([even + turned, even - turned], 1)


def used(error, bound, in_norm):
    norms = np.sqrt((error**2).sum(-1))
    return max(np.where(error > 0, error / bound, 0).max(), np.where(norms > 0, norms / in_norm, 0).max())


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 31, 64, 97, 100, 256])
def test_every_usual_fourier_transform_is_within_both_bounds(n):
    for x in rows(n, np.random.default_rng(n)):
        x = x.astype(np.complex64)
        wide = x.astype(complex)
        truth, bounds = (
            np.fft.fft(wide),
            (fourier_bound(wide, None, COMPLEX), fourier_bound_in_norm(wide, None, COMPLEX)),
        )
        found = [np.fft.fft(x), scipy.fft.fft(x), direct(x, range(n)), direct(x, range(n)[::-1])]
        found += [radix_two(x)] if n & (n - 1) == 0 else []
        for y in found:
            assert y.dtype == np.complex64 and used(np.abs(y - truth), *bounds) <= 1


@pytest.mark.parametrize("n", [1, 2, 5, 16, 64, 100])
def test_every_usual_convolution_is_within_both_bounds(n):
    rng = np.random.default_rng(n)
    for x, y in zip(rows(n, rng), rows(n, rng)[::-1], strict=True):
        u, k = x.real[:2].astype(np.float32), y.real[:2].astype(np.float32)
        truth = np.stack(
            [np.convolve(a, b)[:n] for a, b in zip(u.astype(np.longdouble), k.astype(np.longdouble), strict=True)]
        )
        given = u.astype(float), k.astype(float), 2 * n - 1, SINGLE
        bounds = convolution_bound(*given), convolution_bound_in_norm(*given)[:, 0]
        sums = np.zeros_like(u)
        for lag in range(n):
            sums[:, lag:] = sums[:, lag:] + k[:, lag, None] * u[:, : n - lag]
        transforms = [
            scipy.fft.irfft(scipy.fft.rfft(u, size) * scipy.fft.rfft(k, size), size)[:, :n]
            for size in (2 * n, scipy.fft.next_fast_len(2 * n - 1), 2 ** (2 * n).bit_length())
        ]
        for found in (sums, *transforms):
            assert found.dtype == np.float32 and used(np.abs(found - truth).astype(float), *bounds) <= 1


def test_the_bound_in_norm_grows_with_the_logarithm_and_tells_half_precision_apart():
    growth = [fourier_growth_in_norm((2,) * stages, default_model("complex64")) for stages in (4, 8)]
    assert growth[1] == pytest.approx(2 * growth[0], rel=0.1)
    x = np.random.default_rng(0).standard_normal((4, 256)) + 0j
    exact = np.fft.fft(x)
    narrow = exact.real.astype(np.float16) + 1j * exact.imag.astype(np.float16)
    assert np.sqrt((np.abs(narrow - exact) ** 2).sum(-1)).min() > 4 * fourier_bound_in_norm(x, None, COMPLEX).max()


def test_the_largest_response_bounds_a_filter_between_the_points_of_any_transform():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 33):
        a = rng.standard_normal((6, n)) + 1j * rng.standard_normal((6, n))
        dense = np.abs(np.fft.fft(a, 4099)).max(-1)
        bound = largest_response(a)[:, 0]
        assert (dense <= bound * (1 + 1e-12)).all() and (bound <= 1.02 * dense).all()


@pytest.mark.parametrize("name", but_long(NAMES, DEAR_OPS))
def test_usual_kernels_are_right_and_a_fault_of_four_bounds_is_caught(name):
    op = op_named(name)
    shape = [s for s in selected_shapes(op, max_size=64) if s["batch"] == 2][-1]
    for dtype in op.dtypes():
        case = make_case(op, dtype, shape, "normal", "contiguous", (5,))
        model = op.usual_model(dtype, failure=1e-9 if op.random_rounding else None)
        expected = reference(case, model)
        carried = "float32" if dtype == "bfloat16" else dtype
        rng = np.random.default_rng(0)
        for found in usual_kernels(op, case.arrays, case.shape, dtype):
            outputs = [y.astype(carried) for y in found]
            assert (
                judge(case, Run(outputs=tuple(outputs), dtypes=(dtype,) * len(outputs)), expected).verdict
                is Verdict.RIGHT
            )
        for position, one in enumerate(expected):
            # one element, four bounds off; and a whole row, four times the bound of its norm together
            single, widest = one.truth.high.copy(), int(np.argmax(one.bound))
            # where nothing may be off, two units in the last place
            least = 2 * format_of(dtype).ulp(np.abs(single.flat[widest]))
            single.flat[widest] += max(4 * one.bound.flat[widest] * 1.01, least)
            wrongs = [single]
            if one.norm is not None:
                step = rng.standard_normal(one.truth.high.shape)
                weighted = np.sqrt(((one.norm.weights * step) ** 2).sum(-1))
                wrongs.append(one.truth.high + step * (4 * one.norm.bound / weighted)[..., None])
            for wrong in wrongs:
                made = [y.copy() for y in outputs]
                made[position] = wrong.astype(carried)
                run = Run(outputs=tuple(made), dtypes=(dtype,) * len(made))
                assert judge(case, run, expected).verdict is Verdict.WRONG, (dtype, position)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_usual_kernels_reach_a_twentieth_of_their_bound_or_it_is_said_why_not(name):
    op = op_named(name)
    below = [dtype for dtype in op.dtypes() if sharpness_of(op, dtype).used_anywhere < GOAL]
    # where a result is rounded to half precision, that alone is nearer; a copy is exact in every format
    apart = op.dtypes() if name == "embedding" else ("float64", "float32") if name in APART else ()
    assert below == list(apart)


def test_roundings_of_three_transforms_add_up_as_one():
    u, k = np.random.default_rng(0).standard_normal((2, 1, 512))
    norms = sorted(largest_response(a)[0, 0] * np.linalg.norm(b) for a, b in ((u, k), (k, u)))
    growth = max(fourier_growth_in_norm(radices, SINGLE) for radices in ((2,) * 11, (32, 64)))
    bound = convolution_bound_in_norm(u, k, 1023, SINGLE)[0, 0]
    # three bounds that are added: of both transforms, and of the one back
    assert growth * np.linalg.norm(np.convolve(u[0], k[0])) < bound < 0.8 * growth * (sum(norms) + norms[0])


def test_a_sum_may_begin_with_what_skips_it():
    rng = np.random.default_rng(3)
    n, op, scan = 96, op_named("long-convolution"), op_named("selective-scan")
    u, k, gate = rng.standard_normal((2, 1, n)), 2.0**-30 * rng.standard_normal((1, n)), np.ones((2, 1, n))
    a = {"u": u, "k": k, "gate": gate, "skip": np.array([1 / 3])}
    a = {name: values.astype(np.float32) for name, values in a.items()}
    direct = a["skip"] * a["u"]
    for lag in range(n):
        direct[..., lag:] += a["k"][:, lag, None] * a["u"][..., : n - lag]
    wide, shape = {name: values.astype(float) for name, values in a.items()}, {"batch": 2, "channels": 1, "n": n}
    error = np.abs(direct - op.answers(wide, shape)[0])
    assert (error <= op.bounds(wide, shape, op.usual_model("float32", failure=1e-9))[0]).all()
    states = 64
    sizes = {"batch": 1, "channels": 1, "n": 1, "state": states}
    case = make_case(scan, "float32", sizes, "normal", "contiguous", (5,))
    wide = case.values | {"C": 2.0**-20 * case.values["C"], "D": np.array([1 / 3], np.float32).astype(float)}
    a = {name: values.astype(np.float32) for name, values in wide.items()}
    y = a["D"][:, None] * a["x"]
    for s in range(states):
        y = y + a["delta"] * a["x"] * a["B"][:, s, None] * a["C"][:, s, None]
    error = np.abs(y - scan.answers(wide, sizes)[0])
    assert (error <= scan.bounds(wide, sizes, scan.usual_model("float32"))[0]).all()


def test_a_skip_may_be_in_the_spectrum_of_the_filter():
    rng = np.random.default_rng(4)
    n, op = 24, op_named("long-convolution")
    a = {"u": rng.standard_normal((9, 3, n)), "k": 1e-3 * rng.standard_normal((3, n)), "gate": np.ones((9, 3, n))}
    a = {name: values.astype(np.float32) for name, values in {**a, "skip": rng.standard_normal(3)}.items()}
    spectrum = scipy.fft.rfft(a["k"], 2 * n) + a["skip"][:, None]
    found = scipy.fft.irfft(scipy.fft.rfft(a["u"], 2 * n) * spectrum, 2 * n)[..., :n]
    wide, shape = {name: values.astype(float) for name, values in a.items()}, {"batch": 9, "channels": 3, "n": n}
    error, model = np.abs(found - op.answers(wide, shape)[0]), op.usual_model("float32", failure=1e-9)
    assert (error <= op.bounds(wide, shape, model)[0]).all()
    assert (op.norm_bounds(wide, shape, model)[0].ratios(error) <= 1).all()


WITH_OPTIONS = [n for n in NAMES if op_named(n).settings(next(iter(op_named(n).shapes())))]


@pytest.mark.parametrize("name", but_long(WITH_OPTIONS, DEAR_OPS))
def test_no_option_of_a_case_leaves_an_op_undecided(name):
    op, sharpness = op_named(name), Sharpness()
    for case in cases(op, "float32", count=200, most_entries=1 << 10):
        sharpness.add(case, reference(case, op.usual_model("float32")), Judgement(Verdict.RIGHT))
    assert not sharpness.undecided_shapes


@pytest.mark.parametrize("name", [n for n in NAMES if op_named(n).random_rounding and "mixer" not in n])
def test_numbers_whose_squares_vanish_have_bounds_as_wide_beside_them(name):
    op = op_named(name)
    dtype = "complex128" if op.numbers == "complex" else "float64"
    model = op.usual_model(dtype, failure=1e-9)
    shape = [s for s in selected_shapes(op, max_size=32) if s["batch"] == 2][-1]
    case = make_case(op, dtype, shape, "normal", "contiguous", (1,))
    data = next(iter(case.arrays))
    small = case.values | {data: np.ldexp(1.0, -600) * case.values[data]}
    pairs = [(op.bounds(case.values, shape, model), op.bounds(small, shape, model))]
    pairs.append([[n.bound for n in op.norm_bounds(a, shape, model) if n] for a in (case.values, small)])
    for usual, tiny in pairs:
        for one, other in zip(usual, tiny, strict=True):
            # of an output that the data has no part in, the bound stays
            assert (other * 2.0**600 >= 0.999 * one).all()


def test_a_transform_that_overflows_by_itself_is_right_however_small_the_filter():
    u, k = np.full((1, 19), 4e37, np.float32), np.full((1, 19), 1e-40, np.float32)
    with np.errstate(all="ignore"):
        found = scipy.fft.irfft(scipy.fft.rfft(u, 38) * scipy.fft.rfft(k, 38), 38)
    assert not np.isfinite(found).all() and np.isinf(convolution_bound(u.astype(float), k.astype(float), 37, SINGLE))
    assert np.isfinite(convolution_bound(u / 1e3, k.astype(float), 37, SINGLE))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_right_kernels_come_near_the_bounds_of_half_precision_convolutions(dtype):
    for name in ("circular-convolution", "long-convolution"):
        row = sharpness_of(op_named(name), dtype, count=8, max_size=128)
        assert row.bound < 0.01 and row.used > 0.3
        longest = sharpness_of(op_named(name), dtype, count=1)
        assert longest.bound < 0.01 and longest.used > 0.05


def test_a_claim_whose_bound_exceeds_the_answer_is_undecided():
    op = op_named("long-convolution")
    case = make_case(op, "bfloat16", {"batch": 2, "channels": 3, "n": 128}, "normal", "contiguous", (1,))
    right = usual_kernels(op, case.arrays, case.shape, "bfloat16")[0][0].astype(np.float32)
    decided = {}
    for between in ("bf16", "float32"):
        expected = reference(case, op.usual_model("bfloat16", intermediate=between, failure=1e-9))
        found = Sharpness()
        found.add(case, expected, judge(case, Run(outputs=(right,), dtypes=("bfloat16",)), expected))
        decided[between] = not found.undecided_shapes
        assert between == "float32" or "exceeds the answer itself for y at batch 2" in found.why_undecided()
    assert decided == {"bf16": False, "float32": True}


def test_long_convolutions_are_held_to_lengths_that_a_kernel_would_choose():
    """2n − 1 is a prime: a direct sum of so many terms would be allowed errors of half the answer."""
    n, rng = 4096, np.random.default_rng(0)
    u, k = rng.standard_normal((2, 1, n))
    bound = float(convolution_bound_in_norm(u, k, 2 * n - 1, SINGLE)[0, 0])
    assert bound < 5e-4 * np.linalg.norm(np.fft.irfft(np.fft.rfft(u, 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[0, :n])
    # where all terms are alike, roundings add up, and right sums come near the bound
    u = k = np.full((1, n), np.float32(0.1))
    sums = np.zeros((1, n), np.float32)
    for lag in range(n):
        sums[:, lag:] = sums[:, lag:] + k[:, lag, None] * u[:, : n - lag]
    truth = np.float64(np.float32(0.1)) ** 2 * np.arange(1, n + 1)
    given = u.astype(float), k.astype(float), 2 * n - 1, SINGLE
    assert 0.2 < used(np.abs(sums - truth), convolution_bound(*given), convolution_bound_in_norm(*given)[:, 0]) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_has_bounds(name):
    op = op_named(name)
    shape = next(s for s in selected_shapes(op, max_size=64) if s["batch"] == 0)
    for algorithm in ("conventional", "packed"):
        model = op.usual_model(op.dtypes()[0], failure=1e-9 if op.random_rounding else None, algorithm=algorithm)
        case = make_case(op, op.dtypes()[0], shape, "normal", "contiguous", (0,))
        assert len(reference(case, model)) == len(op.outputs(shape))


SUMS = Op(
    name="sums",
    summary="y = Σ x, by a bound of a quarter of the sum of moduli",
    signature="kernel(x)",
    shapes=lambda: [{"batch": 20, "n": 8}],
    arguments=lambda shape: {"x": (shape["batch"], shape["n"], 8)},
    oracle=lambda a, shape: a["x"].sum(1),
    bound=lambda a, shape, model: np.abs(a["x"]).sum(1) / 4,
)


def told(family, lengths, sharpness):
    """What is known after one more case of each length."""
    for n in lengths:
        case = make_case(SUMS, "float64", {"batch": 20, "n": n}, family, "contiguous", (n,))
        sharpness.add(case, reference(case, SUMS.usual_model("float64")), Judgement(Verdict.RIGHT))
    return sharpness


def test_where_few_sums_cancel_positive_numbers_decide():
    """Zeros would be within the bound of sums of 500 normal numbers, and not within that of sums of their moduli."""
    found = told("normal", [*range(2, 12), *range(2, 12), 500], Sharpness())
    case = make_case(SUMS, "float64", {"batch": 20, "n": 500}, "normal", "contiguous", (0,))
    assert found.undecided_shapes == found.cancelling == ["y at batch 20, n 500"] and found.wants_positive(case)
    # of ten sizes one is not few
    assert told("positive", [500], found).undecided_shapes == found.cancelling and not found.wants_positive(case)
    found = told("normal", range(12, 22), found)
    assert not found.undecided_shapes and found.cancelling
    assert "1 outputs at one size each are told by positive numbers alone" in found.describe()
