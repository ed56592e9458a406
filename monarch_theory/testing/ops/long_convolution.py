"""y = gate ⊙ (k ∗ u + skip ⊙ u), causal: the gated long convolution of Monarch Mixer's sequence mixer."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, Running, add, convolution_bound, exactly, multiply, store
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, Shape
from monarch_theory.testing.ops import circular_convolution


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    signal = (shape["batch"], shape["channels"], shape["n"])
    return {"u": signal, "k": signal[1:], "gate": signal, "skip": (shape["channels"],)}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    u = arrays["u"]
    return arrays["gate"] * (exact.causal_convolution(u, arrays["k"]) + arrays["skip"][:, None] * u)


def mixed(u: np.ndarray, k: np.ndarray, skip: Running, model: ErrorModel) -> Running:
    """k ∗ u + skip ⊙ u with skip (channels, 1), stored in the intermediate format."""
    value = exact.causal_convolution(u, k)
    error = np.broadcast_to(convolution_bound(u, k, 2 * u.shape[-1], model), value.shape)
    convolved = store(Running(value, error), model.intermediate)
    skipped = store(multiply(skip, exactly(u), model), model.intermediate)
    return store(add(convolved, skipped, model), model.intermediate)


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    total = mixed(arrays["u"], arrays["k"], exactly(arrays["skip"][:, None]), model)
    return BOUND_SLACK * store(multiply(exactly(arrays["gate"]), total, model), model.storage).error


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the gate is not applied", changed("gate", np.ones_like))
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like))
    yield Fault("missing term", "the skip term has weight one", changed("skip", np.ones_like))
    yield Fault("permutation", "filter of another channel", changed("k", lambda k: np.roll(k, 1, 0)))
    yield Fault("permutation", "skip weight of another channel", changed("skip", lambda s: np.roll(s, 1, 0)))
    yield Fault("permutation", "filter reversed in time", changed("k", lambda k: k[..., ::-1]))
    yield Fault("permutation", "filter delayed by one", changed("k", _delayed))
    yield Fault("not causal", "circular instead of causal convolution: the end wraps around", instead=_wrapped)


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
    faults=faults,
)
