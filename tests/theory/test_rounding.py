"""Error models: rounding is IEEE's, bounds hold for what they model, and are exceeded by what they do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import FLOAT64
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import apply_stages, random_monarch
from monarch_theory.rounding import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    Running,
    any_fourier_growth,
    any_fourier_growth_in_norm,
    contraction,
    convolution_bound,
    correlation_gradient_bound,
    default_model,
    exactly,
    format_of,
    fourier_bound,
    fourier_bound_in_norm,
    fourier_growth,
    fourier_growth_in_norm,
    gamma,
    grain_of,
    matmul,
    matmul_bound,
    monarch_multiply_bound,
    probabilistic_gamma,
    round_to,
    strassen_growth,
    strassen_underflow,
    total,
    unit_roundoff,
)


def test_products_of_two_inexact_matrices_are_bounded_by_both_errors():
    rng = np.random.default_rng(0)
    a, b, da, db = (rng.standard_normal((3, 4, 4)) for _ in range(4))
    model = default_model("float64")
    inexact = [Running(values, 1e-6 * np.abs(moved)) for values, moved in ((a, da), (b, db))]
    bound = matmul(*inexact, model).error
    error = np.abs((a + 1e-6 * da) @ (b - 1e-6 * db) - a @ b)
    assert (error <= bound).all() and (bound <= 1e-6 * (np.abs(a) @ np.abs(db) + np.abs(da) @ np.abs(b)) * 1.001).all()
    # exact operands are the special case
    exact = [matmul(given, exactly(b), model).error for given in (a, exactly(a))]
    assert (exact[0] == exact[1]).all()


def test_a_contraction_is_the_product_of_what_it_views():
    rng = np.random.default_rng(0)
    a, b, moved = rng.standard_normal((3, 6)), rng.standard_normal(4), 1e-6 * rng.random((3, 6))
    for name, failure in (("float32", None), ("bf16", None), ("float64", 1e-9)):
        model = default_model(name, failure=failure)

        def windows(values):
            return np.lib.stride_tricks.sliding_window_view(values, 4, axis=-1)

        known, moved_too = (exactly(a), exactly(b)), (Running(a, moved), Running(b, moved[0, :4]))
        for first, second in (known, moved_too, (exactly(a // 1), exactly(b // 1))):
            found = contraction("bnw,w->bn", first, second, 4, model, windows)
            by_product = matmul(first.apply(windows), second.apply(lambda v: v[:, None]), model)
            assert np.allclose(found.value, by_product.value[..., 0], rtol=1e-14)
            assert np.allclose(found.error, by_product.error[..., 0], rtol=1e-14, atol=0)


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("way", ["transform of sums", "sum of transforms", "direct"])
def test_gradients_of_filters_are_within_their_bound_and_half_precision_sums_are_not(batch, way):
    rng = np.random.default_rng(batch)
    n = 16
    w, u = rng.standard_normal((2, batch, n)).astype(np.float32)

    def kernel(w, u, kept):
        if way == "direct":
            return np.array([kept((w[:, lag:] * u[:, : n - lag]).sum()) for lag in range(n)])
        spectra = np.fft.rfft(w, 2 * n) * np.fft.rfft(u, 2 * n).conj()
        if way == "transform of sums":
            return kept(np.fft.irfft(spectra.sum(0), 2 * n)[:n])
        return kept(np.fft.irfft(spectra, 2 * n)[:, :n]).sum(0)

    exact = np.array([(w[:, lag:].astype(float) * u[:, : n - lag]).sum() for lag in range(n)])
    bound = correlation_gradient_bound(exactly(w), u.astype(float), 2 * n, default_model("float32"))
    assert (np.abs(kernel(w, u, lambda a: a) - exact) <= bound).all()
    assert (np.abs(kernel(w, u, lambda a: a.astype(np.float16).astype(float)) - exact) > bound).any()


@given(st.floats(-1e6, 1e6) | st.floats(-1e-4, 1e-4))
def test_rounding_is_that_of_numpy(value):
    for dtype in ("float16", "float32"):
        with np.errstate(over="ignore"):
            assert round_to(value, dtype) == np.float64(np.dtype(dtype).type(value))


@given(st.floats(-(2.0**99), 2.0**99, width=32))
def test_bfloat16_rounds_to_nearest_even(value):
    bits = int(np.float32(value).view(np.uint32))
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    assert round_to(value, "bf16") == np.float64(np.uint32(nearest).view(np.float32))


def test_gamma_is_below_the_textbook_and_finite_beyond_it():
    u = unit_roundoff("bf16")
    assert gamma(20, u) < 20 * u / (1 - 20 * u)
    assert np.isfinite(gamma(10_000, u))


@pytest.mark.parametrize("claims", [{}, {"algorithm": "normwise"}, {"algorithm": "unreduced"}, {"failure": 1e-9}])
def test_growth_beyond_the_range_is_infinite_and_leaves_zeros_zero(claims):
    """No claim and no size is an error: (1 + u)^n − 1 is infinite where float64 has no number as large."""
    n, model = 10**9, default_model("bf16", accumulation="bf16", **claims)
    assert gamma(n, 2.0**-8) == np.inf and gamma(10_000, 2.0**-24) < np.inf
    for complex_values in (False, True):
        for grown in (model.growth, model.underflow):
            assert grown(n, complex_values=complex_values) > 1
        assert strassen_growth(n, model, complex_values=complex_values) == np.inf
        assert strassen_underflow(n, model, complex_values=complex_values) > 0
    assert fourier_growth((n,), model) == fourier_growth_in_norm((n,), model) == np.inf
    assert any_fourier_growth(2**30, model) > 0 and any_fourier_growth_in_norm(2**30, model) > 0
    rows = np.zeros((2, 200_000))
    rows[1] = 0.1
    assert not total(exactly(rows), 1, model).error[0] and total(exactly(rows), 1, model).error[1] > 1e9
    assert np.isinf(matmul(rows, exactly(np.full((rows.shape[1], 1), 0.1)), model).error).all()
    transforms = (
        convolution_bound(rows, rows[1], 2 * rows.shape[1] - 1, model)[:, 0],
        fourier_bound_in_norm(rows, None, model),
    )
    assert not np.isnan(transforms).any() and (np.transpose(transforms)[1] > 10).all()
    many = np.ones((1, 12_288)) / 3
    assert matmul(many, exactly(many.T), default_model("float32", algorithm="normwise")).error == np.inf


def test_probabilistic_bound_is_sharper_only_for_long_sums():
    model = default_model("float32", failure=1e-9)
    assert model.growth(16) == model.deterministic().growth(16)
    assert model.growth(4096) < model.deterministic().growth(4096) / 4
    with pytest.raises(ValueError, match="failure: expected a probability"):
        probabilistic_gamma(4, 2.0**-24, 0.0)


def test_probabilistic_bound_holds_where_errors_are_random():
    rng = np.random.default_rng(0)
    n, model = 4096, default_model("float32", failure=1e-9)
    a, b = rng.standard_normal((2, 200, n)).astype(np.float32)
    computed = np.zeros(200, np.float32)
    for k in range(n):
        computed = computed + a[:, k] * b[:, k]
    truth = (a.astype(float) * b.astype(float)).sum(1)
    moduli = np.abs(a.astype(float) * b.astype(float)).sum(1)
    assert (np.abs(computed - truth) <= model.growth(n) * moduli).all()


def narrow_multiply(factors, x, accumulation):
    """Two stages, every partial sum rounded to `accumulation`, bfloat16 in between and at the end."""
    R, L = factors
    b = R.shape[1]
    grid = x.reshape(-1, b, b)
    inner = np.zeros((len(x), b, b))
    for i in range(b):
        inner = round_to(inner + R[:, :, i].T[None] * grid[:, i, None, :], accumulation)
    inner = round_to(inner, "bf16")
    outer = np.zeros((len(x), b, b))
    for j in range(b):
        outer = round_to(outer + L[:, :, j].T[None] * inner[:, None, :, j], accumulation)
    return round_to(outer.reshape(len(x), -1), "bf16")


def test_bound_tells_accumulation_in_float32_from_accumulation_in_bfloat16():
    rng = np.random.default_rng(1)
    factors = [round_to(rng.standard_normal((8, 8, 8)), "bf16") for _ in range(2)]
    factors[1] = np.abs(factors[1])
    x = round_to(rng.standard_normal((64, 64)), "bf16")
    truth = product_in_double(factors, x)
    bound = monarch_multiply_bound(factors, x, "bf16", intermediate="bf16")
    assert (np.abs(narrow_multiply(factors, x, "float32") - truth) <= bound).all()
    sharp = monarch_multiply_bound(factors, x, "bf16", "float32", intermediate="float32")
    assert (np.abs(narrow_multiply(factors, x, "bf16") - truth) > sharp).any()


def product_in_double(factors, x):
    R, L = factors
    grid = x.reshape(-1, R.shape[1], R.shape[1])
    return np.einsum("stj,jsi,bij->bts", L, R, grid).reshape(len(x), -1)


def test_integers_that_fit_must_be_exact():
    rng = np.random.default_rng(2)
    factors = [rng.integers(-3, 4, (4, 4, 4)).astype(float) for _ in range(2)]
    x = rng.integers(-3, 4, (3, 16)).astype(float)
    assert monarch_multiply_bound(factors, x, "float32").max() == 0
    assert monarch_multiply_bound([f * 2.0**-7 for f in factors], x, "float32").max() == 0
    assert monarch_multiply_bound([f * 1000 for f in factors], x, "bf16").max() > 0
    assert grain_of(np.array([12.0, 2.0**-5])) == -5
    assert matmul_bound(np.full((1, 4), 2.0), np.full((4, 1), 0.5), "float16").max() == 0


def test_possible_overflow_has_an_infinite_bound():
    big = np.full((1, 4), 300.0)
    assert np.isinf(matmul_bound(big, big.T, "float16")).all()
    assert np.isfinite(matmul_bound(big, big.T, "bf16")).all()


def test_fourier_bounds_hold_for_numpy_in_single_precision():
    rng = np.random.default_rng(3)
    x = (rng.standard_normal((8, 60)) + 1j * rng.standard_normal((8, 60))).astype(np.complex64)
    truth = fourier((60,)).multiply(x.astype(complex))
    error = np.abs(np.fft.ifft(x) * 60 - truth)
    assert (error <= fourier_bound(x, None, default_model("complex64"))).all()
    half = round_to(np.fft.ifft(x) * 60, "float16")
    assert (np.abs(half - truth) > fourier_bound(x, (60,), default_model("complex64"))).any()


def test_convolution_bound_holds_in_single_precision_and_not_in_bfloat16():
    rng = np.random.default_rng(4)
    u, k = rng.standard_normal((2, 5, 64)).astype(np.float32)
    truth = np.stack([np.convolve(a, b)[:64] for a, b in zip(u.astype(float), k.astype(float), strict=True)])
    computed = np.fft.irfft(np.fft.rfft(u, 128) * np.fft.rfft(k, 128), 128)[:, :64]
    bound = convolution_bound(u, k, 128, default_model("float32"))
    assert (np.abs(computed - truth) <= bound).all()
    assert (np.abs(round_to(truth, "bf16") - truth) > bound).any()


@given(st.integers(0, 2**31))
def test_float64_multiply_is_within_its_bound(seed):
    rng = np.random.default_rng(seed)
    matrix = random_monarch((3, 4, 2), FLOAT64, rng)
    x = rng.standard_normal((2, 24))
    # long double carries eleven more bits than float64
    factors = [f.astype(np.longdouble) for f in matrix.factors]
    truth = apply_stages(factors, x.T.astype(np.longdouble), lambda b, s, last: b @ s).T
    assert (np.abs(matrix.multiply(x) - truth) <= monarch_multiply_bound(matrix, x, "float64")).all()


def test_formats_by_any_name():
    assert format_of("bf16") is BFLOAT16 and format_of("half") is FLOAT16 and format_of(np.dtype("c8")) is FLOAT32
    with pytest.raises(ValueError, match="dtype: expected one of"):
        format_of("int8")
    assert exactly([1, 2]).error.max() == 0


def test_products_of_sums_may_underflow_more_often_than_products():
    """One step of Strassen's whose four products of an entry are all flushed to zero: 4 η are lost, and not 3."""
    model, eta = default_model("float32", algorithm="normwise"), 2.0**-126
    a = (np.sqrt(5) - 3) / 2
    A, B = np.array([[a, 1 - a], [0.0, 1.0]]) * 2.0**-63, np.array([[-1 / a, 0.0], [1 - 1 / a, -1.0]]) * 2.0**-63
    (a, b), (_, d) = A
    (e, _), (g, h) = B
    products = (a + d) * (e + h), d * (g - e), -(a + b) * h, (b - d) * (g + h)
    assert np.allclose(products, eta) and np.isclose(sum(products), (A @ B)[0, 0])
    assert matmul(A, exactly(B), model).error[0, 0] >= (A @ B)[0, 0]


def test_operands_move_three_real_products_by_more_than_one():
    """T₃ has twice the moduli: its operands move the imaginary part by two of them, and those of T₁ and T₂ by one."""
    model = default_model("float32", operands="tf32", algorithm="normwise")
    assert model.growth(1, complex_values=True) >= 4 * model.operand_error
