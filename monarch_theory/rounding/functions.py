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

from monarch_theory.rounding.model import ErrorModel, gamma, probabilistic_gamma
from monarch_theory.rounding.running import Running, add, representable

__all__ = [
    "EXPONENTIAL", "QUOTIENT", "divide", "exponential", "maximum", "sigmoid", "softmax", "square_root", "subtract",
    "total",
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

    >>> from monarch_theory.rounding import default_model, exactly
    >>> float(subtract(exactly([3.0]), exactly([2.0]), default_model("float32")).error[0])
    0.0
    """
    return add(a, Running(-b.value, b.error, b.grain), model)


def total(a: Running, axis: int, model: ErrorModel) -> Running:
    """Σ along an axis, which is kept with size one, in any order.

    Every term passes through at most n − 1 additions: what came in, and γ_(n−1) Σ (|a| + error) (Higham, *Accuracy and
    Stability*, 2nd ed., §4.2); γ̃ where the model is probabilistic. Nothing where all partial sums are representable.

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
        rounding = growth * moduli + n * model.accumulation.underflow
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


def softmax(a: Running, axis: int, model: ErrorModel) -> Running:
    """e^(a_j) / Σ_l e^(a_l) along an axis; masked scores are −∞.

    It is the same whatever is subtracted from all scores, so only rounding counts: subtracting the maximum, nothing, or
    running maxima of tiles with what was summed rescaled (as flash attention does). Exponentials of differences from a
    running maximum multiply, and their arguments add up to max a − a_j, each rounded once when subtracted; without
    a shift the argument is a_j. So with d = (max a − a_j) + |max a|, and at most n rescalings, each an exponential and
    a product, the numerator is off by the factor

        1 + r_j = exp(|δ_j| + 3u (d + |δ_j|) + (n + 1)(`EXPONENTIAL` + 1) u),

    the denominator by at most the largest of them and γ_(n−1), and the quotient by `QUOTIENT` u. Underflow costs η in
    the numerator and n η in the denominator, which is at least 1 before rounding.

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
        value = numerator / numerator.sum(axis, keepdims=True)
        argument = np.where(masked, 0.0, (top - a.value) + np.abs(top)) + a.error
        log_error = a.error + 3 * u * argument + (n + 1) * (EXPONENTIAL + 1) * u
        log_error = np.where(masked, 0.0, log_error)
        worst = log_error.max(axis, keepdims=True) + np.log1p(gamma(n - 1, u))
        relative = np.expm1(log_error + worst + QUOTIENT * u)
        lost = 2 * eta * (1 + n * value)
        return _bounded(value, np.where(masked, 0.0, relative * value + lost), model)
