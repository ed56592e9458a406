"""Bounds for discrete Fourier transforms and for the convolutions made of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, expm1, inf, isqrt, log1p, log2, sqrt
from typing import Any

import numpy as np

from monarch_theory.rounding.model import ErrorModel
from monarch_theory.rounding.running import BOUND_SLACK, Running

__all__ = [
    "any_fourier_growth",
    "balanced_radices",
    "convolution_bound",
    "convolution_growth",
    "correlation_gradient_bound",
    "fourier_bound",
    "fourier_growth",
    "fourier_growth_in_norm",
    "usual_radices",
]


def balanced_radices(size: int) -> tuple[int, ...]:
    """Two factors of `size`, as equal as they can be.

    >>> balanced_radices(24), balanced_radices(7)
    ((6, 4), (7, 1))
    """
    small = next(b for b in range(isqrt(size), 0, -1) if size % b == 0) if size else 0
    return (size // small, small) if small else (0, 0)


def fourier_growth(radices: Sequence[int], model: ErrorModel) -> float:
    """G with |ŷ_i − y_i| ≤ G ‖x‖₁ for a DFT in stages of the given radices.

    Every output is Σ_j x_j times p DFT entries and p − 1 twiddles, all of modulus one and each stored with relative
    error u; stage k sums b_k terms and stores its result. The roundings along any path multiply up to 1 + G.
    """
    u = max(model.intermediate.unit_roundoff, model.storage.unit_roundoff)
    total = 0.0
    for b in radices:
        total += log1p(model.growth(b, complex_values=True)) + log1p(model.growth(1, complex_values=True))
        total += 4 * log1p(u)
    return expm1(total)


def fourier_growth_in_norm(radices: Sequence[int], model: ErrorModel) -> float:
    """G with ‖ŷ − y‖₂ ≤ G √N ‖x‖₂ for the same algorithm.

    A stage of radix b has 2-norm √b, and the matrix of its moduli, all ones, has 2-norm b: hence √b at every stage.
    """
    u = max(model.intermediate.unit_roundoff, model.storage.unit_roundoff)
    total = 0.0
    for b in radices:
        total += log1p(sqrt(b) * (model.growth(b, complex_values=True) + 2 * u))
        total += log1p(model.growth(1, complex_values=True)) + 2 * log1p(u)
    return expm1(total)


def usual_radices(size: int) -> tuple[tuple[int, ...], ...]:
    """The stages of a radix-2 FFT, padded to a power of two, and of an order-2 Monarch DFT."""
    doublings = ceil(log2(size)) + 1 if size > 1 else 1
    return ((2,) * doublings, balanced_radices(size))


def any_fourier_growth(size: int, model: ErrorModel) -> float:
    """G for a transform that may be a radix-2 FFT, an order-2 Monarch DFT, or a direct sum."""
    return max(fourier_growth(r, model) for r in (*usual_radices(size), (size,)))


def fourier_bound(x: np.ndarray, radices: Sequence[int] | None, model: ErrorModel) -> np.ndarray:
    """Bound for every element of the DFT along the last axis of `x`, same shape; for 1/N scaling, divide by N.

    `radices` None stands for an unknown algorithm, Bluestein's included: its convolution with a chirp of 2N − 1
    unimodular entries is bounded by `convolution_growth`.
    """
    size = x.shape[-1]
    one, two = _norms(x)
    if radices is not None:
        bound = fourier_growth(radices, model) * one
    else:
        length = 2 * size - 1
        chirp = convolution_growth(2 * size, one, two, float(length), sqrt(length), model)
        bound = np.maximum(any_fourier_growth(size, model) * one, chirp + model.growth(2, complex_values=True) * one)
    bound = bound + model.storage.unit_roundoff * one + 4 * size * model.accumulation.underflow
    bound = np.where(one > model.storage.largest / 2, inf, bound)
    return BOUND_SLACK * np.broadcast_to(bound, x.shape)


def _norms(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1-norm and 2-norm along the last axis, that axis kept."""
    moduli = np.abs(a).astype(np.float64)
    return moduli.sum(-1, keepdims=True), np.sqrt((moduli**2).sum(-1, keepdims=True))


def convolution_growth(size: int, one: Any, two: Any, kernel_one: Any, kernel_two: Any, model: ErrorModel) -> Any:
    """Elementwise error of F⁻¹(F k ⊙ F u) from the norms of u (`one`, `two`) and of k, transforms of length `size`.

    Going in, Σ|ΔK||U|/N is at most G ‖k‖₁‖u‖₂ (with |ΔK| ≤ G‖k‖₁ and ‖U‖₁ ≤ N‖u‖₂) and at most G₂ ‖k‖₂‖u‖₂ (with
    ‖ΔK‖₂ ≤ G₂√N‖k‖₂ and Cauchy–Schwarz); likewise for u, and for ΔK ΔU. Coming out, Σ|K U|/N ≤ ‖k‖₂‖u‖₂ gives
    (G + γ)(‖k‖₂‖u‖₂ + what came in). The transforms are those of `usual_radices`.
    """
    g = max(fourier_growth(r, model) for r in usual_radices(size))
    g2 = max(fourier_growth_in_norm(r, model) for r in usual_radices(size))
    both = kernel_two * two
    into = np.minimum(g * kernel_one * two, g2 * both) + np.minimum(g * kernel_two * one, g2 * both)
    into = into + np.minimum(g * g * kernel_one * one, g2 * g2 * both)
    middle = model.growth(1, complex_values=True) + 2 * max(
        model.intermediate.unit_roundoff, model.accumulation.unit_roundoff
    )
    return into + (g + middle + g * middle) * (kernel_two * two + into)


def convolution_bound(u: np.ndarray, kernel: np.ndarray, size: int, model: ErrorModel) -> np.ndarray:
    """Bound for a convolution of u with `kernel` along the last axis, by FFTs of length `size` or summed directly.

    Args:
        u: (…, n) signal; kernel: (…, n), broadcast against it.
        size: transform length, n for circular and 2n for causal convolution.

    Returns:
        (…, 1): the same bound for every output, before storing. A direct sum of n products, error γ_n Σ|k||u|, is
        within it too because Σ|k||u| ≤ ‖k‖₂‖u‖₂.
    """
    one, two = _norms(u)
    kernel_one, kernel_two = _norms(kernel)
    transform = convolution_growth(size, one, two, kernel_one, kernel_two, model)
    n = u.shape[-1]
    complex_values = "c" in (u.dtype.kind, kernel.dtype.kind)
    direct = model.growth(n, complex_values=complex_values) * kernel_two * two
    return np.maximum(transform, direct) + 4 * size * model.accumulation.underflow


def correlation_gradient_bound(w: Running, u: np.ndarray, size: int, model: ErrorModel) -> np.ndarray:
    """Bound for Σ_b Σ_i w_(b,i) u_(b,i−l), the gradient of a filter: correlations summed over the batch.

    Args:
        w: (batch, …, n), u: (batch, …, n).
        size: transform length, as in `convolution_bound`.

    Returns:
        (…, 1): the same bound for every lag, before storing. Each correlation is within `convolution_bound` of its own,
        and may be stored in `model.intermediate`. Summing over the batch, before or after the transform back, costs
        γ_batch times Σ_b ‖w_b‖₂‖u_b‖₂ and what came in, because |P_b| of a spectrum sums to at most N‖w_b‖₂‖u_b‖₂. One
        sum over all batch · n products, error γ_(batch·n) Σ|w||u|, is within the bound too.
    """
    batch, n = u.shape[0], u.shape[-1]
    moduli = np.abs(w.value) + w.error
    with np.errstate(over="ignore", invalid="ignore"):
        single = convolution_bound(moduli, u, size, model)
        norms = _norms(moduli)[1] * _norms(u)[1]
        moved = _norms(w.error)[1] * _norms(u)[1]
        stored = model.intermediate.unit_roundoff * (norms + single) + model.intermediate.underflow
        apart = single + stored + model.growth(batch, complex_values=True) * (norms + single + stored)
        together = model.growth(batch * n) * norms + 4 * n * model.accumulation.underflow
        return np.nan_to_num((moved + np.maximum(apart, together)).sum(0), nan=inf, posinf=inf)
