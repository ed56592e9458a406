"""One formula for an op's answer and for its bound: functions of balls, of plain arrays, and of what a kernel holds.

An oracle that is written with operators and the functions here is exact on balls, runs fast on floats, and on `Tracked`
arguments it is the running error bound of a kernel that computes it: `bound_of(oracle)` is the op's bound. Where right
kernels go other ways than the formula, the functions allow for them, or the op widens what they give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flint
import numpy as np
from scipy.special import erf

from monarch_theory.rounding import (
    BOUND_SLACK,
    ErrorModel,
    Running,
    Tracked,
    contraction,
    convolution_bound,
    correlation_gradient_bound,
    exactly,
    store,
    tracked,
)
from monarch_theory.rounding import functions as bounds
from monarch_theory.rounding.norms import two_norm
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.op import Answer, Arrays, Shape

__all__ = [
    "bound_of", "causal_convolution", "causal_correlation", "centred", "contracted", "cosine", "entropy_term", "exp",
    "filter_gradient", "gelu", "gelu_slope", "joined", "known", "larger_of", "matmul", "moduli", "plain", "rearranged",
    "silu", "silu_slope", "sine", "skipping", "softmax", "sqrt", "stored", "sum_of_spectra", "total", "variance",
    "widened", "with_skip",
]  # fmt: skip

Number = Any
"""An array of balls or floats, or a `Tracked`."""


def bound_of(formula: Callable[[Arrays, Shape], Answer]) -> Callable[[Arrays, Shape, ErrorModel], Answer]:
    """The elementwise bound of a kernel that computes the formula and stores what it gives.

    Arguments of integers come to the formula as they are.

    >>> from monarch_theory.rounding import default_model
    >>> bound = bound_of(lambda a, shape: a["x"] * 3 + 1)
    >>> bool(bound({"x": np.array([0.1])}, {}, default_model("float32"))[0] < 1e-6)
    True
    """

    def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> Answer:
        given: Any = {name: a if a.dtype.kind in "iu" else tracked(a, model) for name, a in arrays.items()}
        with np.errstate(all="ignore"):
            found: Any = formula(given, shape)
            several = found if isinstance(found, tuple) else (found,)
            errors = tuple(BOUND_SLACK * _sure(store(one.held, model.storage)) for one in several)
        return errors if isinstance(found, tuple) else errors[0]

    return bound


def _sure(state: Running) -> np.ndarray:
    """The error, infinite where the value or the error has left the range of float64."""
    return np.where(np.isfinite(state.value) & ~np.isnan(state.error), state.error, np.inf)


def plain(a: Number) -> np.ndarray:
    """The values alone, as floats where they are balls."""
    if isinstance(a, Tracked):
        return a.held.value
    return np.asarray(_midpoint(a), dtype=np.float64) if a.dtype == object else np.asarray(a)


_midpoint = np.frompyfunc(lambda ball: float(ball.mid()) if isinstance(ball, flint.arb) else float(ball), 1, 1)


def stored(a: Number) -> Number:
    """Rounded, by kernels that store what lies between two steps; as it is in exact arithmetic."""
    return a.stored() if isinstance(a, Tracked) else a


def widened(a: Number, roundings: float, moduli: Number | Callable[[], Number]) -> Number:
    """So many more roundings, of numbers of such moduli, that another way to compute the same may make.

    Moduli that take long to compute are given as a function, which is called for bounds alone.
    """
    if not isinstance(a, Tracked):
        return a
    moduli = moduli() if callable(moduli) else moduli
    sizes = np.abs(moduli.held.value) + moduli.held.error if isinstance(moduli, Tracked) else np.abs(moduli)
    return a.widened(roundings * a.model.accumulation.unit_roundoff * (1 + a.model.operand_error) * sizes)


def _on(a: Number, running: Callable[[Running, ErrorModel], Running], values: Callable[[Any], Any]) -> Number:
    return Tracked(running(a.held, a.model), a.model) if isinstance(a, Tracked) else np.asarray(values(a))


def exp(a: Number) -> Number:
    """e^a."""
    return _on(a, bounds.exponential, np.exp)


def sqrt(a: Number) -> Number:
    """√a."""
    return _on(a, bounds.square_root, np.sqrt)


def _sine(a: np.ndarray) -> np.ndarray:
    return np.asarray(_ball_sine(a) if a.dtype == object else np.sin(a))


_ball_sine = np.frompyfunc(lambda ball: ball.sin(), 1, 1)


def sine(a: Number) -> Number:
    """sin a."""
    return _on(a, bounds.sine, _sine)


def _cosine(a: np.ndarray) -> np.ndarray:
    return np.asarray(_ball_cosine(a) if a.dtype == object else np.cos(a))


_ball_cosine = np.frompyfunc(lambda ball: ball.cos(), 1, 1)


def cosine(a: Number) -> Number:
    """cos a."""
    return _on(a, bounds.cosine, _cosine)


def _entropy_term(a: np.ndarray) -> np.ndarray:
    if a.dtype == object:
        return np.asarray(_ball_entropy_term(a))
    positive = a > 0
    return np.asarray(np.where(positive, a * np.log(np.where(positive, a, 1)), 0 * a))


_ball_entropy_term = np.frompyfunc(lambda ball: ball * ball.log() if ball != 0 else flint.arb(0), 1, 1)


def entropy_term(a: Number) -> Number:
    """a log a of what is not negative, zero at zero."""
    return _on(a, bounds.entropy_term, _entropy_term)


def _erf(a: np.ndarray) -> np.ndarray:
    if a.dtype == object:
        return np.asarray(_ball_erf(a))
    return np.asarray(erf(a) if a.dtype != np.longdouble else _extended_erf(a).astype(np.longdouble))


_ball_erf = np.frompyfunc(lambda ball: ball.erf(), 1, 1)


WIDE_BITS = 128
"""Of balls that become two floats."""


def _one_extended_erf(value: np.longdouble) -> np.longdouble:
    high = float(value)
    with flint.ctx.workprec(WIDE_BITS):
        ball = (flint.arb(high) + flint.arb(float(value - np.longdouble(high)))).erf()
        first = float(ball.mid())
        return np.longdouble(first) + np.longdouble(float((ball - first).mid()))


_extended_erf = np.frompyfunc(_one_extended_erf, 1, 1)


def _constant(like: np.ndarray, value: Callable[[], flint.arb]) -> Any:
    """A constant as a ball, or to the precision of the array."""
    if like.dtype == object:
        return value()
    with flint.ctx.workprec(WIDE_BITS):
        ball = value()
        first = float(ball.mid())
        return like.dtype.type(first) + like.dtype.type(float((ball - first).mid()))


def _normal_share(a: np.ndarray) -> np.ndarray:
    """Φ(a), the share of a normal distribution below a."""
    return (1 + _erf(a / _constant(a, lambda: flint.arb(2).sqrt()))) / 2


def gelu(a: Number) -> Number:
    """a Φ(a)."""
    return _on(a, bounds.gelu, lambda v: v * _normal_share(v))


def gelu_slope(a: Number) -> Number:
    """Φ(a) + a φ(a)."""

    def values(v: np.ndarray) -> np.ndarray:
        return _normal_share(v) + v * np.exp(-v * v / 2) / _constant(v, lambda: (2 * flint.arb.pi()).sqrt())

    return _on(a, bounds.gelu_slope, values)


def _logistic(v: np.ndarray) -> np.ndarray:
    if v.dtype == object:
        return np.asarray(_ball_logistic(v))
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-v)))


def _one_ball_logistic(ball: flint.arb) -> flint.arb:
    """Without the exponential of a large number, whose ball is unbounded."""
    if ball.mid() >= 0:
        return 1 / (1 + (-ball).exp())
    small = ball.exp()
    return small / (1 + small)


_ball_logistic = np.frompyfunc(_one_ball_logistic, 1, 1)


def silu(a: Number) -> Number:
    """a / (1 + e^(−a))."""
    return _on(a, bounds.silu, lambda v: v * _logistic(v))


def silu_slope(a: Number) -> Number:
    """σ(a)(1 + a(1 − σ(a)))."""
    return _on(a, bounds.silu_slope, lambda v: _logistic(v) * (1 + v * (1 - _logistic(v))))


def softmax(scores: Number, keep: np.ndarray, shared: np.ndarray | None = None) -> Number:
    """e^(s_j) over the sum of them, along the last axis, over those j that are kept; at least one is.

    `keep` is broadcast against the scores. `shared`: the part of their error that is the same whenever they are used.
    """
    if isinstance(scores, Tracked):
        kept = np.broadcast_to(keep, scores.shape)
        held = scores.held
        own = held.error if shared is None else np.maximum(held.error - shared, 0.0)
        masked = Running(np.where(kept, held.value, -np.inf), np.where(kept, own, 0.0))
        return Tracked(bounds.softmax(masked, -1, scores.model, shared), scores.model)
    if not scores.size:
        return scores
    sizes = np.where(keep, plain(scores), -np.inf)
    e = np.exp(np.where(keep, scores - sizes.max(-1, keepdims=True), 0 * scores)) * keep.astype(int)
    return e / e.sum(-1, keepdims=True)


def centred(a: Number, axis: int = -1) -> Number:
    """a less its mean along an axis."""
    if isinstance(a, Tracked):
        return Tracked(bounds.centred(a.held, axis, a.model), a.model)
    return a - a.sum(axis, keepdims=True) / a.shape[axis] if a.size else a


def variance(a: Number, axis: int = -1) -> Number:
    """The mean square of what is centred, the axis kept."""
    if isinstance(a, Tracked):
        return Tracked(bounds.variance(a.held, axis, a.model), a.model)
    away = centred(a, axis)
    return (away * away).sum(axis, keepdims=True) / max(a.shape[axis], 1)


def total(a: Number, axis: int | tuple[int, ...]) -> Number:
    """The sum over axes, zero where they are empty."""
    if isinstance(a, Tracked):
        axes = sorted(axis if isinstance(axis, tuple) else (axis,))
        merged = a.apply(lambda v: np.moveaxis(v, axes, range(-len(axes), 0)))
        lead = merged.shape[: merged.ndim - len(axes)]
        count = int(np.prod(merged.shape[merged.ndim - len(axes) :]))
        return merged.reshape(*lead, count).sum(-1)
    return exact.total(a, axis)


def matmul(a: Number, b: Number) -> Number:
    """The product of matrices in the last two axes, whose others are the same."""
    if isinstance(a, Tracked) or isinstance(b, Tracked):
        return a @ b
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return exact.matmul(np.broadcast_to(a, (*lead, *a.shape[-2:])), np.broadcast_to(b, (*lead, *b.shape[-2:])))


def contracted(
    subscripts: str, a: Number, b: Number, terms: int, view: Callable[[np.ndarray], np.ndarray]
) -> Number:  # fmt: skip
    """`np.einsum(subscripts, view(a), b)`, sums of at most `terms` products; the view of a copies nothing."""
    if isinstance(a, Tracked):
        return Tracked(contraction(subscripts, a.held, a.lifted(b), terms, a.model, view), a.model)
    return np.asarray(np.einsum(subscripts, view(a), b))


def _carried(u: Running, k: Running, of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """What came in with signal and filter, beside the rounding of a convolution or correlation of them."""
    found = np.zeros(())
    if u.error.any():
        found = found + of(u.error, np.abs(k.value) + k.error)
    if k.error.any():
        found = found + of(np.abs(u.value), k.error)
    return found


def _convolved(u: Tracked, k: Tracked, of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Tracked:
    value = of(u.held.value, k.held.value)
    finite = np.isfinite(u.held.error).all() and np.isfinite(k.held.error).all()
    moved = _carried(u.held, k.held, of) if finite else np.asarray(np.inf)
    # a kernel rounds what it has of the filter, whose norms are larger by those of its error
    filter_ = np.abs(k.held.value) + k.held.error if k.held.error.any() else k.held.value
    rounding = convolution_bound(u.held, filter_, 2 * u.shape[-1] - 1, u.model)
    error = np.broadcast_to(np.nan_to_num(moved + rounding, nan=np.inf, posinf=np.inf), value.shape)
    return Tracked(Running(value, error), u.model)


def causal_convolution(u: Number, k: Number) -> Number:
    """Σ_(j ≤ i) k_(i−j) u_j along the last axis, by transforms or by sums."""
    if isinstance(u, Tracked):
        return _convolved(u, k, exact.causal_convolution)
    return exact.causal_convolution(u, k)


def causal_correlation(w: Number, k: Number) -> Number:
    """Σ_(i ≥ j) k_(i−j) w_i along the last axis, by transforms or by sums."""
    if isinstance(w, Tracked):
        return _convolved(w, k, exact.causal_correlation)
    return exact.causal_correlation(w, k)


def skipping(convolution: Callable[[Number, Number], Number], u: Number, k: Number, skip: Number) -> Number:
    """The convolution, or correlation, of u (…, channels, n) with k, plus skip ⊙ u, skip (channels, 1).

    A kernel adds what skips at the end, starts a direct sum with it and rounds it every time, or has it in the first
    tap of the filter or in its spectrum, where it is rounded once more.
    """
    skipped = skip * u
    apart = stored(convolution(u, k)) + stored(widened(skipped, u.shape[-1], lambda: moduli(skipped)))
    return larger_of(apart, lambda: stored(in_spectrum(convolution(u, whole := with_skip(k, skip)), u, whole)))


def with_skip(k: Number, skip: Number) -> Number:
    """The filter whose convolution is k ∗ u + skip ⊙ u: k (…, channels, n), skip (channels, 1).

    That the sum is rounded is `in_spectrum`'s to count.
    """
    if not isinstance(k, Tracked):
        return joined([k[..., :1] + skip, k[..., 1:]], -1)
    value, error = (getattr(k.held, name).copy() for name in ("value", "error"))
    value[..., :1] += skip.held.value
    error[..., :1] += skip.held.error
    return Tracked(Running(value, error), k.model)


def in_spectrum(a: Number, u: Number, whole: Number) -> Number:
    """A convolution of u with a filter that was made by a sum of spectra, or in its first tap."""
    if not isinstance(a, Tracked):
        return a
    norm = two_norm(np.abs(whole.held.value) + whole.held.error, keepdims=True)
    return a.widened(sum_of_spectra(u.held, norm, a.model))


def sum_of_spectra(u: Running, norm: np.ndarray, model: ErrorModel) -> np.ndarray:
    """What the sum of spectra that makes a filter adds to its convolution with u, whose norm it is beside, (…, 1).

    Args:
        norm: of a row, the filter's largest response; of an element ‖filter‖₂, as relative errors of at most δ in a
            spectrum move it by at most δ ‖filter‖₂ ‖u‖₂, by Cauchy and Schwarz.
    """
    roundings = 2 * max(model.intermediate.unit_roundoff, model.accumulation.unit_roundoff)
    norms = two_norm(np.abs(u.value) + u.error, keepdims=True)
    return np.asarray(roundings * (1 + model.operand_error) * norm * norms)


def larger_of(one: Number, other: Callable[[], Number]) -> Number:
    """What kernels compute in either of two ways: the first, with the larger error of both, element by element."""
    if not isinstance(one, Tracked):
        return one
    error = np.maximum(one.held.error, np.nan_to_num(other().held.error, nan=np.inf, posinf=np.inf))
    return Tracked(Running(one.held.value, np.broadcast_to(error, one.held.value.shape)), one.model)


def filter_gradient(w: Number, u: Number) -> Number:
    """Σ_b Σ_i w_(b,i) u_(b,i−l) for every lag l: (batch, …, n) both, to (…, n)."""
    if not isinstance(w, Tracked):
        return exact.total(exact.causal_correlation(w, u), 0)
    size = 2 * u.shape[-1] - 1
    value = exact.total(exact.causal_correlation(w.held.value, u.held.value), 0)
    signal = np.abs(u.held.value) + u.held.error if u.held.error.any() else u.held.value
    rounding = correlation_gradient_bound(w.held, signal, size, w.model)
    if u.held.error.any():
        finite = np.isfinite(u.held.error).all()
        moved = exact.total(exact.causal_correlation(np.abs(w.held.value), u.held.error), 0) if finite else np.inf
        rounding = rounding + moved
    error = np.broadcast_to(np.nan_to_num(rounding, nan=np.inf, posinf=np.inf), value.shape)
    return Tracked(Running(value, error), w.model)


def rearranged(a: Number, change: Callable[[np.ndarray], np.ndarray]) -> Number:
    """The same numbers in other places, with zeros beside them where the change adds some."""
    return a.apply(change) if isinstance(a, Tracked) else change(a)


def joined(parts: Sequence[Number], axis: int) -> Number:
    """Several arrays of a kind one after the other along an axis."""
    if not isinstance(parts[0], Tracked):
        return np.concatenate(list(parts), axis)
    held = [part.held for part in parts]
    grains = [one.grain for one in held if one.grain is not None]
    grain = min(grains) if len(grains) == len(held) else None
    value, error = (np.concatenate([getattr(one, name) for one in held], axis) for name in ("value", "error"))
    return Tracked(Running(value, error, grain), parts[0].model)


def moduli(a: Number) -> Number:
    """|a|, of what a kernel holds with its error on top; only to widen bounds with."""
    if isinstance(a, Tracked):
        return Tracked(exactly(np.abs(a.held.value) + a.held.error), a.model)
    return abs(a)


def known(values: np.ndarray, like: Number) -> Number:
    """A constant array among numbers of a kind."""
    return Tracked(exactly(values), like.model) if isinstance(like, Tracked) else values
