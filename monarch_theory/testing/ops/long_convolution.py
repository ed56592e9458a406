"""y = gate ⊙ (k ∗ u + skip ⊙ u), causal: the gated long convolution of Monarch Mixer's sequence mixer."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from monarch_theory.rounding import (
    BOUND_SLACK,
    ErrorModel,
    Running,
    add,
    convolution_bound,
    convolution_bound_in_norm,
    exactly,
    largest_response,
    multiply,
    store,
)
from monarch_theory.rounding.norms import two_norm
from monarch_theory.testing import formulas as f
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import UNREDUCED, Table, changed, unreduced_tables
from monarch_theory.testing.op import Arrays, Fault, NormBound, Shape
from monarch_theory.testing.ops import circular_convolution


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    signal = (shape["batch"], shape["channels"], shape["n"])
    return {"u": signal, "k": signal[1:], "gate": signal, "skip": (shape["channels"],)}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    u = arrays["u"]
    return arrays["gate"] * (exact.causal_convolution(u, arrays["k"]) + arrays["skip"][:, None] * u)


def convolved(u: np.ndarray, k: np.ndarray, skip: np.ndarray, model: ErrorModel) -> Running:
    """k ∗ u, every element within its bound; also where a kernel has the skip (channels,) in its filter."""
    value = exact.causal_convolution(u, k)
    return Running(value, np.broadcast_to(rounding(exactly(u), k, skip, model), value.shape))


def rounding(u: Running, k: np.ndarray, skip: np.ndarray, model: ErrorModel) -> np.ndarray:
    """Of a convolution or correlation of u with k, or with the filter that has the skip in it."""
    whole, size = f.with_skip(k, skip[:, None]), 2 * k.shape[-1] - 1
    together = convolution_bound(u, whole, size, model) + f.sum_of_spectra(u, two_norm(whole, keepdims=True), model)
    return np.maximum(convolution_bound(u, k, size, model), together)


def rounding_in_norm(u: Running, k: np.ndarray, skip: np.ndarray, model: ErrorModel) -> np.ndarray:
    """The same in norm, (…)."""
    whole, size = f.with_skip(k, skip[:, None]), 2 * k.shape[-1] - 1
    together = convolution_bound_in_norm(u, whole, size, model) + f.sum_of_spectra(u, largest_response(whole), model)
    return np.asarray(np.maximum(convolution_bound_in_norm(u, k, size, model), together)[..., 0])


def mixed(convolved: Running, u: np.ndarray, skip: Running, model: ErrorModel) -> Running:
    """k ∗ u + skip ⊙ u with skip (channels, 1), stored in the intermediate format."""
    convolved = store(convolved, model.intermediate)
    skipped = store(first_of(multiply(skip, exactly(u), model), model), model.intermediate)
    return store(add(convolved, skipped, model), model.intermediate)


def first_of(term: Running, model: ErrorModel) -> Running:
    """What is added to a convolution along the last axis: a direct sum may start with it, and round it every time."""
    moduli = np.abs(term.value) + term.error
    return Running(term.value, term.error + model.growth(term.value.shape[-1]) * moduli)


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return (
        BOUND_SLACK
        * gated(convolved(arrays["u"], arrays["k"], arrays["skip"], model), arrays, arrays["gate"], model).error
    )


def gated(convolved: Running, arrays: Arrays, gate: np.ndarray, model: ErrorModel) -> Running:
    """gate ⊙ (k ∗ u + skip ⊙ u), stored, from the convolution."""
    total = mixed(convolved, arrays["u"], exactly(arrays["skip"][:, None]), model)
    return store(multiply(exactly(gate), total, model), model.storage)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    return gated_in_norm(arrays, arrays["gate"], model)


def gated_in_norm(arrays: Arrays, gate: np.ndarray, model: ErrorModel) -> NormBound:
    """Errors over the gate: those of the convolution in norm, and what each step after it adds to an exact one.

    Elements of gates below 2^−30 times the largest of their row do not count.
    """
    u, k = arrays["u"], arrays["k"]
    inside = rounding_in_norm(exactly(u), k, arrays["skip"], model)
    after = gated(exactly_real(exact.causal_convolution(u, k)), arrays, gate, model).error
    weights = over(gate)
    return after_convolution(inside, weights * after, model, weights)


def over(gate: np.ndarray) -> np.ndarray:
    """One over the moduli of a gate, zero for those that do not count."""
    moduli = np.abs(gate)
    counted = moduli > 2.0**-30 * moduli.max(-1, keepdims=True, initial=0)
    return np.where(counted, 1 / np.where(counted, moduli, 1), 0.0)


def exactly_real(value: np.ndarray) -> Running:
    """An exact value of which no grain is known."""
    return Running(value, np.zeros(value.shape))


def after_convolution(
    inside: np.ndarray, after: np.ndarray, model: ErrorModel, weights: np.ndarray | float = 1.0
) -> NormBound:
    """Of a convolution whose error has the norm `inside`, and up to six roundings that add `after` to an exact one.

    Each of them also rounds the error that it is given, so that is (1 + u)^6 as large.
    """
    formats = (model.storage, model.intermediate, model.accumulation)
    u = max(f.unit_roundoff for f in formats)
    with np.errstate(over="ignore", invalid="ignore"):
        # TF32 operands may be rounded there, too
        found = inside * (1 + u) ** 6 * (1 + model.operand_error) ** 2 + two_norm(after)
    return NormBound(BOUND_SLACK * np.nan_to_num(found, nan=np.inf, posinf=np.inf), weights)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the gate is not applied", changed("gate", np.ones_like))
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like))
    yield Fault("missing term", "the skip term has weight one", changed("skip", np.ones_like))
    yield Fault("permutation", "filter of another channel", changed("k", lambda k: np.roll(k, 1, 0)))
    yield Fault("permutation", "skip weight of another channel", changed("skip", lambda s: np.roll(s, 1, 0)))
    yield Fault("permutation", "filter reversed in time", changed("k", lambda k: k[..., ::-1]))
    yield Fault("permutation", "filter delayed by one", changed("k", _delayed))
    yield Fault("not causal", "circular instead of causal convolution: the end wraps around", instead=_wrapped)
    if shape["n"] > 1:
        late = "transforms are one too short: the last lag wraps around"
        yield Fault("not causal", late, instead=lambda a: _beside_skip(a, _last_lag_wrapped(a)))
    before = "the gate is applied to the signal, too, before it is convolved"
    yield Fault("permutation", before, instead=lambda a: _beside_skip(a, _causal(a["gate"] * a["u"], a["k"])))
    early = "the convolution is one place early"
    yield Fault("permutation", early, instead=lambda a: _beside_skip(a, _one_early(a)))
    size = 2 * shape["n"]
    for way, table in unreduced_tables(size):
        yield Fault(UNREDUCED, way, instead=partial(_by_table, table=table, size=size))


def _by_table(arrays: Arrays, table: Table, size: int) -> np.ndarray:
    return _beside_skip(arrays, circular_convolution.by_table(arrays["u"], arrays["k"], table(size)))


_causal = exact.causal_convolution


def _beside_skip(arrays: Arrays, convolved: np.ndarray) -> np.ndarray:
    return np.asarray(arrays["gate"] * (convolved + arrays["skip"][:, None] * arrays["u"]))


def _last_lag_wrapped(arrays: Arrays) -> np.ndarray:
    u, k = arrays["u"], arrays["k"]
    convolved = exact.causal_convolution(u, k)
    convolved[..., 0] += k[..., -1] * u[..., -1]
    return convolved


def _one_early(arrays: Arrays) -> np.ndarray:
    u, k = (np.concatenate([a, np.zeros_like(a[..., :1])], -1) for a in (arrays["u"], arrays["k"]))
    return exact.causal_convolution(u, k)[..., 1:]


def _delayed(k: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(k[..., :1]), k[..., :-1]], axis=-1)


def _wrapped(arrays: Arrays) -> np.ndarray:
    u = arrays["u"]
    return arrays["gate"] * (exact.circular_convolution(u, arrays["k"]) + arrays["skip"][:, None] * u)


OP = replace(
    circular_convolution.OP,
    name="long-convolution",
    summary="y_i = gate_i · (Σ_(j≤i) k_(i−j) u_j + skip · u_i) for every channel, causal",
    signature="kernel(u, k, gate, skip): u, gate (batch, channels, n), k (channels, n), skip (channels,); gives as u",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
    faults=faults,
)
