"""y_i = Σ_(j≤i) k_(i−j) u_j + Σ_(j≥i) r_(j−i) u_j + skip u_i: the two-sided long convolution of M2-BERT.

A kernel may convolve twice and add, or once with a filter of lags −(n−1) … n−1, whose spectrum is the sum of that of k
and the conjugate of that of r: the bound is the larger of both, the second with four more roundings of ‖k, r‖₂‖u‖₂.
Either way the skip may be apart, or in lag zero of k or of r, as M2-BERT's kernels have it here.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import (
    ErrorModel,
    Running,
    Tracked,
    convolution_bound,
    convolution_bound_in_norm,
    largest_response,
    store,
)
from monarch_theory.rounding.norms import two_norm
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, NormBound, Shape
from monarch_theory.testing.ops import circular_convolution, long_convolution


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    signal = (shape["batch"], shape["channels"], shape["n"])
    return {"u": signal, "k": signal[1:], "reverse": signal[1:], "skip": (shape["channels"],)}


def two_sided(k: np.ndarray, reverse: np.ndarray) -> np.ndarray:
    """One filter of lags −(n−1) … n−1, (channels, 2n − 1)."""
    both = np.concatenate([reverse[..., ::-1], k[..., 1:]], axis=-1)
    both[..., k.shape[-1] - 1] += k[..., 0]
    return both


def mixed(u: f.Number, k: f.Number, reverse: f.Number, skip: f.Number) -> f.Number:
    """The two convolutions, and what skips them, with skip (channels, 1)."""
    # a direct sum may start with what skips it
    apart = f.stored(both(u, k, reverse)) + f.stored(f.widened(skip * u, 2 * u.shape[-1], lambda: f.moduli(skip * u)))
    in_k = f.larger_of(apart, lambda: together(u, k, reverse, skip))
    return f.larger_of(in_k, lambda: together(u, reverse, k, skip, ahead=True))


def together(u: f.Number, k: f.Number, other: f.Number, skip: f.Number, ahead: bool = False) -> f.Number:
    """The same with the skip in k; `ahead` where that is the filter of what comes after."""
    whole = f.with_skip(k, skip)
    convolved = both(u, other, whole) if ahead else both(u, whole, other)
    return f.stored(f.in_spectrum(convolved, u, whole))


def both(u: f.Number, k: f.Number, reverse: f.Number) -> f.Number:
    """The two convolutions, in one or in two."""
    convolved = f.causal_convolution(u, k) + f.causal_correlation(u, reverse)
    if isinstance(convolved, Tracked):
        whole = two_sided(k.held.value, reverse.held.value)
        once = convolution_bound(u.held, whole, 2 * u.shape[-1] - 1, u.model) + _more(u.held, whole, u.model)
        error = np.maximum(convolved.held.error, np.nan_to_num(once, nan=np.inf, posinf=np.inf))
        convolved = Tracked(Running(convolved.held.value, error), u.model)
    return convolved


def _more(u: Running, whole: np.ndarray, model: ErrorModel) -> np.ndarray:
    norms = two_norm(whole, keepdims=True) * two_norm(u.value, keepdims=True)
    roundings = 4 * max(model.intermediate.unit_roundoff, model.accumulation.unit_roundoff)
    return np.asarray(roundings * (1 + model.operand_error) * norms)


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    found: np.ndarray = mixed(a["u"], a["k"], a["reverse"], a["skip"][:, None])
    return found


def bound_in_norm(a: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    u, k, reverse, model_of = a["u"], a["k"], a["reverse"], long_convolution.exactly_real
    with np.errstate(all="ignore"):
        inside = both_in_norm(u, k, reverse, model)
        for ahead, filter_ in enumerate((k, reverse)):
            whole = f.with_skip(filter_, a["skip"][:, None])
            of_both = both_in_norm(u, k, whole, model) if ahead else both_in_norm(u, whole, reverse, model)
            inside = np.maximum(inside, of_both + f.sum_of_spectra(model_of(u), largest_response(whole), model)[..., 0])
    value = f.causal_convolution(u, k) + f.causal_correlation(u, reverse)
    after = long_convolution.mixed(store(model_of(value), model.intermediate), u, model_of(a["skip"][:, None]), model)
    return long_convolution.after_convolution(inside, store(after, model.storage).error, model)


def both_in_norm(u: np.ndarray, k: np.ndarray, reverse: np.ndarray, model: ErrorModel) -> np.ndarray:
    """Of the two convolutions, in one or in two, (batch, channels)."""
    size, whole = 2 * u.shape[-1] - 1, two_sided(k, reverse)
    once = convolution_bound_in_norm(u, whole, size, model) + _more(long_convolution.exactly_real(u), whole, model)
    twice = np.asarray(sum(convolution_bound_in_norm(u, one, size, model) for one in (k, reverse)))
    parts = f.causal_convolution(u, k), f.causal_correlation(u, reverse)
    twice = twice + model.accumulation.unit_roundoff * sum(two_norm(p, keepdims=True) for p in parts)
    return np.asarray(np.maximum(once, twice)[..., 0])


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "only the past is read", changed("reverse", np.zeros_like))
    yield Fault("missing term", "only the future is read", changed("k", np.zeros_like))
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like))
    yield Fault("missing term", "lag zero of the reverse filter is left out", changed("reverse", _without_first))
    yield Fault("permutation", "the reverse filter is one later", changed("reverse", _later))
    yield Fault("permutation", "the two filters exchanged", lambda a: a | {"k": a["reverse"], "reverse": a["k"]})
    yield Fault("permutation", "the reverse filter is not reversed", instead=lambda a: _not_reversed(a, shape))
    if shape["n"] > 1:
        late = "transforms are one too short: the last lag of each filter wraps around"
        yield Fault("not causal", late, instead=lambda a: _last_lags_wrapped(a, shape))


def _last_lags_wrapped(a: Arrays, shape: Shape) -> np.ndarray:
    found = formula(a, shape)
    found[..., 0] += a["k"][..., -1] * a["u"][..., -1]
    found[..., -1] += a["reverse"][..., -1] * a["u"][..., 0]
    return found


def _without_first(r: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(r[..., :1]), r[..., 1:]], axis=-1)


def _later(r: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(r[..., :1]), r[..., :-1]], axis=-1)


def _not_reversed(a: Arrays, shape: Shape) -> np.ndarray:
    return formula(a | {"k": a["k"] + a["reverse"], "reverse": np.zeros_like(a["reverse"])}, shape)


OP = replace(
    circular_convolution.OP,
    name="bidirectional-convolution",
    summary="y_i = Σ_(j≤i) k_(i−j) u_j + Σ_(j≥i) reverse_(j−i) u_j + skip · u_i for every channel",
    signature="kernel(u, k, reverse, skip): u (batch, channels, n), k, reverse (channels, n), skip (channels,); as u",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    bound_in_norm=bound_in_norm,
    faults=faults,
)
