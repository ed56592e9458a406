"""The gradients of y = p v, p = softmax(scale · q kᵀ).

With dp = gradient vᵀ and D_i = Σ_j p_ij dp_ij = Σ_e gradient_ie y_ie: of the scores it is s = p ⊙ (dp − D), of q
scale · s k, of k scale · sᵀ q, of v pᵀ gradient.

D may be formed from p and dp, or from a y that was stored. Errors ε_j of the weights come in as Σ_j ε_j dp_j in both,
as y is linear in them. Storing y adds u Σ_e |gradient_e||y_e|, and sums, in any order, as many roundings of the format
they are accumulated in as there are terms, of the sum of all moduli, Σ p |gradient||v|.

An error δ of D is the same for all keys of a query. Of q it is therefore δ |Σ_j p_j k_j|, and not δ Σ_j p_j |k_j|, but
for what rounds s and p, and their products, each by itself.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import Tracked, exactly
from monarch_theory.testing import formulas as f
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import attention as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": (shape["batch"], shape["n"], shape["e"]), **found}


def leaning(a: Arrays, p: f.Number, dp: f.Number) -> f.Number:
    """D, (batch, n, 1)."""
    found = (p * dp).sum(-1, keepdims=True)
    if not isinstance(found, Tracked):
        return found
    given: dict[str, f.Number] = dict(a)
    gradient, v = given["gradient"], given["v"]
    y = f.matmul(p, v).held
    storing = max(p.model.intermediate.unit_roundoff, p.model.storage.unit_roundoff)
    stored = np.abs(gradient.held.value) * (np.abs(y.value) + y.error)
    every = f.moduli(p) * f.matmul(f.moduli(gradient), forward.transposed(f.moduli(v)))
    found = found.widened(storing * stored.sum(-1, keepdims=True))
    found = f.widened(found, 4 + gradient.shape[-1] + p.shape[-1], every.sum(-1, keepdims=True))
    return f.stored(found)


def gradient_of_scores(a: Arrays, p: f.Number) -> tuple[f.Number, f.Number, np.ndarray | float]:
    """p ⊙ (dp − D), the same for a D without error, and the error of D."""
    dp = f.stored(f.matmul(a["gradient"], forward.transposed(a["v"])))
    d = leaning(a, p, dp)
    if not isinstance(d, Tracked):
        s = p * (dp - d)
        return s, s, 0.0
    right = Tracked(exactly(d.held.value), d.model)
    return f.stored(p * (dp - d)), f.stored(p * (dp - right)), d.held.error


def of_one_error(p: f.Number, k: f.Number, error: np.ndarray | float) -> np.ndarray:
    """What an error of D adds to s k, (batch, n, d): all of a query's weights turn with it, each with its roundings."""
    model, keys = p.model, k.held.value
    roundings = model.intermediate.unit_roundoff + (p.shape[-1] + 8) * model.accumulation.unit_roundoff
    apart = p.held.error + roundings * (1 + model.operand_error) * (p.held.value + p.held.error)
    return np.asarray(error * (np.abs(p.held.value @ keys) + apart @ np.abs(keys)))


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    p, by = forward.weights(a, shape), forward.scale(shape)
    s, alone, error = gradient_of_scores(a, p)
    of_q = f.matmul(alone, a["k"])
    if isinstance(of_q, Tracked):
        of_q = of_q.widened(of_one_error(p, a["k"], error))
    of_q = f.widened(of_q * by, 4, lambda: f.matmul(f.moduli(s), f.moduli(a["k"])) * by)
    back = forward.transposed(s)
    of_k = f.widened(f.matmul(back, a["q"]) * by, 4, lambda: f.matmul(f.moduli(back), f.moduli(a["q"])) * by)
    return of_q, of_k, f.matmul(forward.transposed(p), a["gradient"])


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the sum of weights is taken for a constant", instead=lambda a: _without_sum(a, shape))
    yield Fault("scale", "gradients of q and k not scaled", instead=lambda a: _not_scaled(a, shape))
    usual = forward.usual_scale(shape)
    if forward.scale(shape) != usual:
        yield Fault("scale", "1/√d instead of the scale given", shape={**shape, "scale": usual})
    other = "the mask is not applied" if shape["causal"] else "masked though not asked for"
    yield Fault("not causal", other, instead=lambda a: formula(a, {**shape, "causal": not shape["causal"]}))


def _without_sum(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    p, by = forward.weights(a, shape), forward.scale(shape)
    s = p * (a["gradient"] @ a["v"].swapaxes(-1, -2)) * by
    return s @ a["k"], s.swapaxes(-1, -2) @ a["q"], formula(a, shape)[2]


def _not_scaled(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    s, *_ = gradient_of_scores(a, forward.weights(a, shape))
    return s @ a["k"], s.swapaxes(-1, -2) @ a["q"], formula(a, shape)[2]


OP = replace(
    forward.OP,
    name="attention-backward",
    summary="gradients of softmax(scale · q kᵀ) v of q, k and v (as torch.autograd)",
    signature="kernel(gradient, q, k, v, causal=…, scale=…): gradient (batch, n, e); gives as (q, k, v)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: (Output("gradient of q"), Output("gradient of k"), Output("gradient of v")),
)
