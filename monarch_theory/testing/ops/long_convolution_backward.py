"""The gradients of y = gate ⊙ (k ∗ u + skip ⊙ u), causal, of all four arguments.

With w = gate ⊙ g: of u it is the correlation of w with k, plus skip ⊙ w; of k the correlations of w with u, summed over
the batch; of gate g ⊙ (k ∗ u + skip ⊙ u); of skip Σ w u over batch and positions.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import (
    BOUND_SLACK,
    ErrorModel,
    Running,
    add,
    correlation_gradient_bound,
    correlation_gradient_bound_in_norm,
    exactly,
    matmul,
    multiply,
    store,
)
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, NormBound, Output, Shape
from monarch_theory.testing.ops import long_convolution as forward
from monarch_theory.testing.ops.circular_convolution import digits


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": (shape["batch"], shape["channels"], shape["n"]), **forward.arguments(shape)}


def oracle(arrays: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    u, k, skip = arrays["u"], arrays["k"], arrays["skip"][:, None]
    w = arrays["gate"] * arrays["gradient"]
    of_u = exact.causal_correlation(w, k) + skip * w
    of_gate = arrays["gradient"] * (exact.causal_convolution(u, k) + skip * u)
    return of_u, exact.total(exact.causal_correlation(w, u), 0), of_gate, exact.total(w * u, (0, 2))


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
    u, k, skip, gradient = arrays["u"], arrays["k"], exactly(arrays["skip"][:, None]), exactly(arrays["gradient"])
    w = store(multiply(exactly(arrays["gate"]), gradient, model), model.intermediate)
    value_of_k = exact.total(exact.causal_correlation(w.value, u), 0)
    of_k = Running(value_of_k, correlation_gradient_bound(w, u, 2 * shape["n"] - 1, model))
    of_gate = multiply(gradient, forward.mixed(forward.convolved(u, k, arrays["skip"], model), u, skip, model), model)
    rounding = forward.rounding(w, k, arrays["skip"], model)
    of_skip = gradient_of_skip(w, u, model)
    # what skips in the first tap has the gradient of that
    of_skip = Running(of_skip.value, np.maximum(of_skip.error, of_k.error[..., 0]))
    found = (gradient_of_u(w, k, skip, rounding, model), of_k, of_gate, of_skip)
    return tuple(BOUND_SLACK * store(state, model.storage).error for state in found)


def gradient_of_u(w: Running, k: np.ndarray, skip: Running, rounding: np.ndarray | float, model: ErrorModel) -> Running:
    """The correlation moves by at most that of |k| with the error of w, and has a `rounding` of its own."""
    moved = exact.causal_correlation(w.error, np.abs(k)) if np.isfinite(w.error).all() else np.inf
    value = exact.causal_correlation(w.value, k)
    error = np.broadcast_to(np.nan_to_num(moved + rounding, nan=np.inf, posinf=np.inf), value.shape)
    correlated = store(Running(value, error), model.intermediate)
    return add(correlated, store(forward.first_of(multiply(skip, w, model), model), model.intermediate), model)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[NormBound | None, ...]:
    u, k, skip, size = arrays["u"], arrays["k"], exactly(arrays["skip"][:, None]), 2 * shape["n"] - 1
    w = store(multiply(exactly(arrays["gate"]), exactly(arrays["gradient"]), model), model.intermediate)
    after_u = store(gradient_of_u(w, k, skip, 0.0, model), model.storage).error
    of_u = forward.after_convolution(forward.rounding_in_norm(w, k, arrays["skip"], model), after_u, model)
    exact_k = exact.total(exact.causal_correlation(w.value, u), 0)
    after_k = store(forward.exactly_real(exact_k), model.storage).error
    of_k = forward.after_convolution(correlation_gradient_bound_in_norm(w, u, size, model)[..., 0], after_k, model)
    return of_u, of_k, forward.gated_in_norm(arrays, arrays["gradient"], model), None


def gradient_of_skip(w: Running, u: np.ndarray, model: ErrorModel) -> Running:
    """One inner product over batch and positions for every channel."""

    def by_channel(a: np.ndarray) -> np.ndarray:
        return a.swapaxes(0, 1).reshape(a.shape[1], 1, -1)

    rows, columns = w.apply(by_channel), exactly(u).apply(lambda a: by_channel(a).swapaxes(1, 2))
    return matmul(rows, columns, model)[:, 0, 0]


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the gate is not applied", changed("gate", np.ones_like))
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like))
    yield Fault("missing term", "the skip term has weight one", changed("skip", np.ones_like))
    yield Fault("permutation", "not reversed in time: convolution instead of correlation", instead=_convolved)
    yield Fault("not causal", "circular instead of causal correlation: the end wraps around", instead=_wrapped)
    yield from batch_sum_faults(shape["batch"], "gradient of k")
    yield from batch_sum_faults(shape["batch"], "gradient of skip")


def _convolved(arrays: Arrays) -> tuple[np.ndarray, ...]:
    w, skip = arrays["gate"] * arrays["gradient"], arrays["skip"][:, None]
    _, _, of_gate, of_skip = oracle(arrays, {})
    of_u = exact.causal_convolution(w, arrays["k"]) + skip * w
    return of_u, exact.causal_convolution(w, arrays["u"]).sum(0), of_gate, of_skip


def _wrapped(arrays: Arrays) -> tuple[np.ndarray, ...]:
    w, skip, u, k = arrays["gate"] * arrays["gradient"], arrays["skip"][:, None], arrays["u"], arrays["k"]
    _, _, _, of_skip = oracle(arrays, {})
    of_u = exact.circular_correlation(w, k) + skip * w
    of_k = exact.circular_correlation(w, u).sum(0)
    return of_u, of_k, arrays["gradient"] * (exact.circular_convolution(u, k) + skip * u), of_skip


def digits_of_k(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(("channel", "lag"), map(int, index), strict=True))


def digits_of_skip(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    return {"channel": int(index[0])}


def outputs(shape: Shape) -> tuple[Output, ...]:
    return (
        Output("gradient of u", digits),
        Output("gradient of k", digits_of_k, by_row=False),
        Output("gradient of gate", digits),
        Output("gradient of skip", digits_of_skip, by_row=False),
    )


OP = replace(
    forward.OP,
    name="long-convolution-backward",
    summary="gradients of y_i = gate_i · (Σ_(j≤i) k_(i−j) u_j + skip · u_i) of u, k, gate and skip (as torch.autograd)",
    signature="kernel(gradient, u, k, gate, skip): gradient, u, gate (batch, channels, n); gives as (u, k, gate, skip)",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
    faults=faults,
    outputs=outputs,
)
