"""Running bounds of what is not a product: sums, quotients, roots, exponentials, maxima, and what is made of them.

Every function takes and gives a `Running` and charges what a kernel may do in the accumulation format, u its unit
roundoff and η what underflow may cost. Library functions on GPUs are not rounded correctly: a quotient and a root may
be off by `QUOTIENT` · u, which covers two units in the last place and a · (1/b), and an exponential by
(`EXPONENTIAL` + 2|x|) u, which covers four units in the last place and exp x = 2^(x log₂ e) with the product, and the
constant, rounded. Where a kernel may leave the range, or a denominator or radicand may change sign, the bound is
infinite.

A whole op is then a few lines. RMSNorm with weight w, of x (batch, n):

    x = exactly(a["x"])
    square = divide(total(multiply(x, x, model), 1, model), exactly(np.full((1, 1), n)), model)
    root = square_root(add(square, exactly(np.full((1, 1), eps)), model), model)
    y = store(multiply(divide(x, root, model), exactly(a["w"]), model), model.storage)
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from scipy.special import erf

from monarch_theory.rounding.model import ErrorModel, gamma, probabilistic_gamma, scaled
from monarch_theory.rounding.running import Running, add, representable

__all__ = [
    "EXPONENTIAL", "LOGARITHM", "QUOTIENT", "centred", "cosine", "divide", "entropy_term", "exponential", "gelu",
    "gelu_slope", "maximum", "sigmoid", "silu", "silu_slope", "sine", "softmax", "square_root", "subtract", "total",
    "variance",
]  # fmt: skip

QUOTIENT = 4
"""Relative error of a quotient or a square root, in unit roundoffs."""

EXPONENTIAL = 8
"""Relative error of an exponential whose argument is small, in unit roundoffs."""


def _bounded(value: np.ndarray, error: Any, model: ErrorModel) -> Running:
    """No grain is known; where the range may be left, or nothing is known, the bound is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.nan_to_num(np.broadcast_to(error, value.shape), nan=inf, posinf=inf)
        return Running(value, np.where(np.abs(value) + error > model.accumulation.largest, inf, error))


def subtract(a: Running, b: Running, model: ErrorModel) -> Running:
    """Elementwise difference, rounded once in the accumulation format.

    Theorem: `proofs/ieee_formats`, `nearest_sum`.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> float(subtract(exactly([3.0]), exactly([2.0]), default_model("float32")).error[0])
    0.0
    """
    return add(a, Running(-b.value, b.error, b.grain), model)


def total(a: Running, axis: int, model: ErrorModel) -> Running:
    """Σ along an axis, which is kept with size one, in any order.

    Every term passes through at most n − 1 additions: what came in, and γ_(n−1) Σ (|a| + error) (Higham, *Accuracy and
    Stability*, 2nd ed., §4.2); γ̃ where the model is probabilistic. Nothing where all partial sums are representable.

    Theorem: `proofs/rounding`, `sum_by_any_tree`.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> found = total(exactly([[0.5, 0.25, 4.0]]), 1, default_model("bf16"))
    >>> found.value, found.error
    (array([[4.75]]), array([[0.]]))
    """
    n = a.value.shape[axis]
    u = model.accumulation.unit_roundoff
    growth = gamma(max(n - 1, 0), u)
    if model.failure is not None and n > 1:
        growth = min(growth, probabilistic_gamma(n - 1, u, model.failure))
    with np.errstate(over="ignore", invalid="ignore"):
        carried = a.error.sum(axis, keepdims=True)
        moduli = np.abs(a.value).sum(axis, keepdims=True) + carried
        rounding = scaled(growth, moduli) + n * model.accumulation.underflow
        exact = representable(moduli, a.grain, model.accumulation)
        found = _bounded(a.value.sum(axis, keepdims=True), carried + np.where(exact, 0.0, rounding), model)
        error = np.where(moduli + rounding > model.accumulation.largest, inf, found.error)
    return Running(found.value, error, a.grain)


def divide(a: Running, b: Running, model: ErrorModel) -> Running:
    """a / b elementwise.

    With δ, ε for what came in, (a + δ)/(b + ε) − a/b = (δ − (a/b) ε)/(b + ε), at most (|δ| + |a/b||ε|)/(|b| − |ε|).
    The quotient is then rounded; where 1/b underflows, |a| times that is lost, and where it overflows, everything.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(divide(exactly([1.0]), exactly([3.0]), default_model("float32")).error[0] < 3e-7)
    True
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        value = a.value / b.value
        least = np.abs(b.value) - b.error
        carried = (a.error + np.abs(value) * b.error) / least
        error = carried + QUOTIENT * u * (np.abs(value) + carried) + eta * (1 + np.abs(a.value) + a.error)
        error = np.where(least * model.accumulation.largest <= 1, inf, error)
    return _bounded(value, error, model)


def square_root(a: Running, model: ErrorModel) -> Running:
    """√a elementwise, infinite where the radicand may be negative.

    |√(a + δ) − √a| = |δ| / (√(a + δ) + √a) is at most |δ|/√a, and at most √|δ|.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(square_root(exactly([2.0]), default_model("float32")).error[0] < 4e-7)
    True
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        value = np.sqrt(a.value)
        carried = np.fmin(a.error / value, np.sqrt(a.error))
        # a radicand below the normal numbers may be taken for zero
        flushed = np.where(a.value - a.error < eta, np.sqrt(eta), 0.0) * (a.value + a.error > 0)
        error = np.where(a.error > a.value, inf, carried + QUOTIENT * u * (value + carried) + flushed)
    return _bounded(value, error, model)


def exponential(a: Running, model: ErrorModel) -> Running:
    """exp a elementwise; of −∞, exactly zero.

    |e^(a + δ) − e^a| ≤ e^a (e^|δ| − 1), then the relative error (`EXPONENTIAL` + 2|a + δ|) u, and underflow.

    >>> from monarch_theory.rounding import Running, default_model, exactly
    >>> exponential(exactly([-np.inf]), default_model("float32")).error
    array([0.])
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        value = np.exp(a.value)
        carried = value * np.expm1(a.error)
        relative = np.expm1((EXPONENTIAL + 2 * (np.abs(a.value) + a.error)) * u)
        error = carried + relative * (value + carried) + eta
        error = np.where(np.isneginf(a.value) & (a.error == 0), 0.0, error)
    return _bounded(value, error, model)


def maximum(a: Running, axis: int) -> Running:
    """The maximum along an axis, which is kept with size one: of what is compared, exact, so off by the largest error.

    >>> from monarch_theory.rounding import exactly
    >>> maximum(exactly([[1.0, 3.0]]), 1).value
    array([[3.]])
    """
    return Running(a.value.max(axis, keepdims=True), a.error.max(axis, keepdims=True), a.grain)


def sigmoid(a: Running, model: ErrorModel) -> Running:
    """1 / (1 + e^(−a)) elementwise, at any size of a.

    With σ' = σ(1 − σ), what came in moves it by at most σ (e^|δ| − 1) and by |δ|/4. Of the exponential's relative error
    at most all arrives; adding rounds once, dividing as `divide`. Where e^(−a) overflows, the answer is below η.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(sigmoid(exactly([-200.0]), default_model("float32")).error[0] < 1e-37)
    True
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        value = 1 / (1 + np.exp(-a.value))
        carried = np.fmin(value * np.expm1(a.error), a.error / 4)
        relative = np.expm1((EXPONENTIAL + 2 * (np.abs(a.value) + a.error) + 1 + QUOTIENT) * u)
        return _bounded(value, carried + relative * (value + carried) + 2 * eta, model)


def softmax(a: Running, axis: int, model: ErrorModel, shared: np.ndarray | None = None) -> Running:
    """e^(a_j) / Σ_l e^(a_l) along an axis; masked scores are −∞.

    Args:
        a: the scores, with what every use of them may be off by.
        shared: what they are off by besides, the same for numerator and denominator, as where they are made of numbers
            that a kernel keeps.

    It is the same whatever is subtracted from all scores, so only rounding counts: subtracting the maximum, nothing, or
    running maxima of parts with what was summed rescaled (as flash attention does), in any order and any tree of parts.
    With what came in δ_j, the numerator is off by a factor of at most e^(x_j), x_j = δ_j + 3u (d_j + |δ_j|) + c(r_j) u:

    - d_j = (max a − a_j) + |max a|. Exponentials of differences from a running maximum multiply, and their arguments
      add up to max a − a_j, each rounded once when subtracted; without a shift the argument is a_j.
    - r_j, how many scores may be larger than a_j as a kernel has them: those with a_l + δ_l > a_j − δ_j. A running
      maximum grows from one score to a larger one, so that what began at a_j is rescaled by e^0 = 1, exactly (C17,
      F.10.3.1; PTX, `ex2`), but for r_j times at most. What those exponentials cost is `_of_exponentials`.

    The denominator is off by a mean of these factors, since Σ_l e^(a_l + x_l) = Σ_l e^(a_l) · Σ_l p_l e^(x_l), p the
    exact answer: what a kernel has of it, from below too, as the mean of e^(−x) is at least the inverse of that of e^x
    (Jensen). Weights of almost nothing, which are rescaled most, hardly count. What is shared moves the exact weights
    first (`_of_shared`), and all this is said of those. Then γ_(n−1) for its sum, and the
    quotient's `QUOTIENT` u. Underflow costs η in the numerator and n η in the denominator, which is at least 1 before
    rounding.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool((softmax(exactly([[0.0, 1.0, -np.inf]]), 1, default_model("float32")).error < 1e-5).all())
    True
    """
    n = a.value.shape[axis]
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    if n == 0:
        return Running(a.value, a.error)
    with np.errstate(all="ignore"):
        top = a.value.max(axis, keepdims=True)
        masked = np.isneginf(a.value)
        numerator = np.where(masked, 0.0, np.exp(a.value - top))
        sum_of_all = numerator.sum(axis, keepdims=True)
        value = numerator / sum_of_all
        argument = np.where(masked, 0.0, (top - a.value) + np.abs(top)) + a.error
        moved: np.ndarray | float = 0.0
        anyhow = a
        if shared is not None:
            moved = _of_shared(value, shared, axis)
            argument = argument + 2 * shared.max(axis, keepdims=True)
            anyhow = Running(a.value, a.error + shared)
        log_error = a.error + (3 * argument + _of_exponentials(_larger(anyhow, axis), n)) * u
        # as one exponential: where a weight underflows, its error may not
        before = np.where(masked, 0.0, np.exp(a.value - top + moved))
        off = np.where(masked, 0.0, np.exp(a.value - top + moved + log_error) - before).sum(axis, keepdims=True)
        of_sum = np.log1p(off / sum_of_all) + np.log1p(gamma(n - 1, u))
        relative = np.expm1(moved + log_error + of_sum + QUOTIENT * u)
        lost = 2 * eta * (1 + n * value)
        # beside a score that may have overflown, those that are masked may become NaN, too
        known = np.isfinite(log_error).all(axis, keepdims=True)
        return _bounded(value, np.where(masked & known, 0.0, relative * value + lost), model)


def _of_shared(weights: np.ndarray, shared: np.ndarray, axis: int) -> np.ndarray:
    """By how much |log p_j| moves, p_j = e^(a_j) / Σ_l e^(a_l), where every a_l moves by at most D_l.

    p_j becomes p_j / (p_j + Σ_(l≠j) p_l e^(δ_l − δ_j)), which moves furthest where δ_j = ±D_j, and δ_l = ∓D_l for all
    others. One weight alone does not move at all.

    >>> _of_shared(np.array([1.0]), np.array([0.5]), 0), _of_shared(np.array([0.5, 0.5]), np.array([0.1, 0.1]), 0)
    (array([0.]), array([0.10..., 0.10...]))
    """
    ends = []
    for sign in (1.0, -1.0):
        grown = np.expm1(sign * shared)
        # Σ_(l≠j) p_l (e^(±D_j ± D_l) − 1), in terms of one sign
        parts = [weights * grown, weights]
        others, weight = (np.abs(part.sum(axis, keepdims=True) - part) for part in parts)
        ends.append(np.abs(np.log1p(sign * (np.exp(sign * shared) * others + np.abs(grown) * weight))))
    return np.asarray(np.nan_to_num(np.maximum(*ends), nan=inf))


def _of_exponentials(larger: np.ndarray, n: int) -> np.ndarray:
    """c(r), in unit roundoffs: what n exponentials and what they are multiplied by may do to the one of a score.

    One of its own and r that rescale it, each with a product: 9 (1 + r), with 9 for `EXPONENTIAL` + 1. By way of the
    logarithm of the sum, exp(a − max a − log Σ), whose log Σ ≤ log n is off by `LOGARITHM` of itself and 2, rounded
    when it is added, subtracted, and twice as an argument: 12 log n + 1 more. Where parts are made whole by the
    logarithms of their sums, they are divided by those sums, and multiplied by another exponential: 15, below two
    exponentials and products. Parts have two keys at least, and where they come in one after the other, with three such
    factors each time, 64. Nothing that is as long as n exponentials and products, and one more, is granted more.

    >>> _of_exponentials(np.array([0, 1, 2]), 3)
    array([23.18..., 32.18..., 36.        ])
    """
    parts = 2 + 3 * (n // 64) if n > 3 else 0
    one = EXPONENTIAL + 1
    return np.minimum(one * (n + 1), one * (1 + larger + parts) + (LOGARITHM + 4) * np.log(n) + 1)


def _larger(a: Running, axis: int) -> np.ndarray:
    """How many others along an axis a kernel may take for larger than each.

    >>> _larger(Running(np.array([[1.0, 2.0, 2.0, 9.0]]), np.zeros((1, 4))), 1)
    array([[3, 1, 1, 0]])
    >>> _larger(Running(np.array([[1.0, 2.0, 2.0, 9.0]]), np.full((1, 4), 0.1)), 1)
    array([[3, 2, 2, 0]])
    """
    most, least = (np.moveaxis(one, axis, -1) for one in (a.value + a.error, a.value - a.error))
    n = most.shape[-1]
    order = np.argsort(np.concatenate([most, least], -1), -1, kind="stable")
    not_larger = np.cumsum(order < n, -1)  # of those that are at most this, which come first where they are alike
    found = np.empty_like(order)
    np.put_along_axis(found, order, n - not_larger, -1)
    others = found[..., n:] - (most > least)
    return np.moveaxis(others, -1, axis)


# Activations. None of them is a sum of products: they have a slope, which is bounded, and are computed from functions
# that are near one where the activation is near zero, so what they add is a few roundings of the argument.

ERROR_FUNCTION = 8
"""Absolute error of erf, in unit roundoffs."""


def _logistic(z: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-z)))


def _logistic_error(z: np.ndarray, u: float) -> np.ndarray:
    """Absolute error of 1/(1 + e^(−z)) at an exact z, also as (1 + tanh(z/2))/2, whose tanh is off by 4u."""
    value = _logistic(z)
    with np.errstate(invalid="ignore"):
        steep = np.nan_to_num(value * (1 - value) * (EXPONENTIAL + 2 * np.abs(z)) * u)
    return np.asarray(steep + 6 * u * value + 4 * u)


def silu(a: Running, model: ErrorModel) -> Running:
    """a σ(a) elementwise, σ by exponential and quotient, or by tanh.

    |silu'| ≤ 1.1 carries what came in; σ is off by σ(1 − σ)(`EXPONENTIAL` + 2|a|)u + 6σu, and by 4u where it is made of
    tanh, times |a|; the product is rounded.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(silu(exactly([1.0, -200.0]), default_model("float32")).error.max() < 1e-4)
    True
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        z = np.abs(a.value) + a.error
        value = a.value * _logistic(a.value)
        error = 1.1 * a.error + (z * (1 + a.error)) * _logistic_error(a.value, u) + 2 * u * np.abs(value)
        return _bounded(np.nan_to_num(value), error + eta * (2 + z), model)


def silu_slope(a: Running, model: ErrorModel) -> Running:
    """σ(a)(1 + a(1 − σ(a))), the derivative of `silu`: |silu″| ≤ 1/2; σ comes in three times, and twice times |a|.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> float(silu_slope(exactly([0.0]), default_model("float32")).value[0])
    0.5
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        z, s = np.abs(a.value), _logistic(a.value)
        value = np.nan_to_num(s * (1 + a.value * (1 - s)))
        error = a.error / 2 + (_logistic_error(a.value, u) + 4 * u * s) * (1 + 2 * z) + eta * (2 + z)
        return _bounded(value, np.where(np.isinf(z), inf, error), model)


def gelu(a: Running, model: ErrorModel) -> Running:
    """a Φ(a) elementwise, Φ(a) = (1 + erf(a/√2))/2.

    |gelu'| ≤ 1.13 carries what came in. The argument of erf is off by three roundings, and |t erf'(t)| ≤ 0.49, so erf
    by (1.5 + `ERROR_FUNCTION`) u, and Φ by half of that and the roundings of a sum and a half: at most 6u, times |a|.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(gelu(exactly([1.0]), default_model("float32")).error[0] < 1e-6)
    True
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        z = np.abs(a.value) + a.error
        value = np.nan_to_num(a.value * (1 + erf(a.value / np.sqrt(2))) / 2)
        error = 1.13 * a.error + (2 + ERROR_FUNCTION) / 2 * u * z + u * z + 3 * u * np.abs(value) + eta * (2 + z)
        return _bounded(value, np.where(np.isinf(z), inf, error), model)


def gelu_slope(a: Running, model: ErrorModel) -> Running:
    """Φ(a) + a φ(a), the derivative of `gelu`: |gelu″| ≤ 0.8; φ(a) = e^(−a²/2)/√(2π) has the error of an exponential.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> float(gelu_slope(exactly([0.0]), default_model("float32")).value[0])
    0.5
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        z = np.abs(a.value)
        bell = np.nan_to_num(z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
        value = (1 + erf(a.value / np.sqrt(2))) / 2 + np.sign(a.value) * bell
        error = 0.8 * a.error + (3 + ERROR_FUNCTION) * u + bell * (EXPONENTIAL + 8 + 3 * z**2) * u + eta * (2 + z)
        return _bounded(value, np.where(np.isinf(z), inf, np.nan_to_num(error, nan=inf)), model)


def sine(a: Running, model: ErrorModel) -> Running:
    """sin a elementwise, with the argument reduced by a π of enough bits, good to 4u.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(sine(exactly([1e4]), default_model("float32")).error[0] < 1e-6)
    True
    """
    u = model.accumulation.unit_roundoff
    with np.errstate(invalid="ignore"):
        error = np.minimum(a.error, 2.0) + 4 * u
    return _bounded(np.sin(a.value), error, model)


def cosine(a: Running, model: ErrorModel) -> Running:
    """cos a elementwise, as `sine`.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> bool(cosine(exactly([1e4]), default_model("float32")).error[0] < 1e-6)
    True
    """
    u = model.accumulation.unit_roundoff
    with np.errstate(invalid="ignore"):
        error = np.minimum(a.error, 2.0) + 4 * u
    return _bounded(np.cos(a.value), error, model)


LOGARITHM = 8
"""Relative error of a logarithm, in unit roundoffs; a quarter of that absolute, near one."""


def entropy_term(a: Running, model: ErrorModel) -> Running:
    """a log a elementwise for a ≥ 0, zero at zero: less one term of an entropy.

    Let η(x) = −x log x, which is concave with η(0) = 0, so that η(x + δ) ≤ η(x) + η(δ); and where it falls, it falls
    by at most δ (1 + log⁺(x + δ)). By the mean value it moves by at most δ |1 + log t|, too, for some t between x − δ
    and x + δ: the larger of both ends, as the logarithm rises.
    The logarithm is off by `LOGARITHM` u of itself and 2u, times a, and the product is rounded.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> entropy_term(exactly([0.0, 1.0]), default_model("float32")).value.tolist()
    [0.0, 0.0]
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        value = np.where(a.value > 0, a.value * np.log(np.where(a.value > 0, a.value, 1.0)), 0.0)
        most = a.value + a.error
        grown = np.minimum(a.error, 1 / np.e)
        anywhere = np.where(grown > 0, -grown * np.log(np.where(grown > 0, grown, 1.0)), 0.0)
        anywhere = anywhere + a.error * (1 + np.log(np.maximum(most, 1.0)))
        slope = np.maximum(np.abs(1 + np.log(a.value - a.error)), np.abs(1 + np.log(most)))
        carried = np.where(a.error > 0, np.fmin(anywhere, a.error * slope), 0.0)
        error = carried + (LOGARITHM + 1) * u * (np.abs(value) + carried) + 2 * u * most + 2 * eta
        return _bounded(value, error, model)


# Mean and variance


def _mean_error(a: Running, axis: int, u: float) -> np.ndarray:
    """Of a mean of n numbers, by their sum or by means of parts that are merged, in any tree; the axis is kept.

    Merging means of m_a and m_b ≤ m_a numbers, m in all, as μ_a + (μ_b − μ_a) m_b/m rounds by at most
    u M (1 + 8 m_b/m), M = max|a|; in the mean of all it counts m/n. Sums of m/n over the merges are at most (n + 1)/2,
    as when one number is taken in after the other, and those of m_b/n at most log₂(n)/2: u M (n/2 + 4 log₂ n + 1) in
    all. The sum of all, divided, is within (n + 4) u M.
    """
    n = max(a.value.shape[axis], 1)
    moduli = (np.abs(a.value) + a.error).max(axis, keepdims=True, initial=0.0)
    largest = a.error.max(axis, keepdims=True, initial=0.0)
    return np.asarray(largest + gamma(max(n + 4, n / 2 + 4 * np.log2(n) + 9), u) * moduli)


def centred(a: Running, axis: int, model: ErrorModel) -> Running:
    """a − mean(a) along an axis; also where (a − mean)·s is formed as a·s − mean·s, three roundings of the larger.

    >>> from monarch_theory.rounding import default_model, exactly
    >>> centred(exactly([[1.0, 3.0]]), 1, default_model("float32")).value
    array([[-1.,  1.]])
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        value = a.value - a.value.mean(axis, keepdims=True) if a.value.shape[axis] else a.value
        moduli = (np.abs(a.value) + a.error).max(axis, keepdims=True, initial=0.0)
        error = a.error + _mean_error(a, axis, u) + u * np.abs(value) + 3 * u * moduli + 4 * eta
        return _bounded(value, error, model)


def variance(a: Running, axis: int, model: ErrorModel) -> Running:
    """mean((a − mean a)²) along an axis, kept, in two passes or by merging parts (Welford), not as mean(a²) − mean².

    Let E bound the error of the mean of any part. Merging adds δ² m_a m_b/m, δ the difference of the means, off by 2E:
    in all at most 4E Σ w|δ| + 4E² Σ w, w = m_a m_b/m ≤ min(m_a, m_b). As Σ w δ² = n σ² and Σ w ≤ n L with
    L = max(1, log₂(n)/2), by Cauchy–Schwarz the variance moves by at most A = 4Eσ√L + 4E²L. Two passes shift all
    differences by one mean's error, E², and round each. Every term then passes through n + 8 roundings.
    (Chan, Golub & LeVeque, *Algorithms for computing the sample variance*, Am. Stat. 37, 1983, compares them; what the
    textbook formula loses, n u mean(a²), is not granted.)

    >>> from monarch_theory.rounding import default_model, exactly
    >>> variance(exactly([[1.0, 3.0]]), 1, default_model("float32")).value
    array([[1.]])
    """
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    n = max(a.value.shape[axis], 1)
    with np.errstate(all="ignore"):
        away = a.value - a.value.mean(axis, keepdims=True) if a.value.shape[axis] else a.value
        value = (away**2).mean(axis, keepdims=True) if a.value.shape[axis] else away.sum(axis, keepdims=True)
        each = _mean_error(a, axis, u) + a.error.max(axis, keepdims=True, initial=0.0)
        parts = max(1.0, np.log2(n) / 2)
        moved = 4 * each * np.sqrt(value * parts) + 4 * each**2 * parts
        error = moved + gamma(n + 8, u) * (value + moved) + (n + 4) * eta
        largest = (np.abs(a.value) + a.error).max(axis, keepdims=True, initial=0.0)
        # the sum of squares may leave the range before it is divided
        error = np.where(4 * n * largest**2 > model.accumulation.largest, inf, error)
        return _bounded(value, error, model)
