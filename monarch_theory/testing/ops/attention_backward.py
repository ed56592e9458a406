"""The gradients of y = p v, p = softmax(scale · q kᵀ).

With dp = gradient vᵀ and D_i = Σ_j p_ij dp_ij = Σ_e gradient_ie y_ie: of the scores it is s = p ⊙ (dp − D), of q
scale · s k, of k scale · sᵀ q, of v pᵀ gradient. D is a sum of products p |gradient||v| whichever way it is formed, so
its bound is that of the sum of their moduli, and of a y that was stored.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import Tracked
from monarch_theory.testing import formulas as f
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import attention as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": (shape["batch"], shape["n"], shape["e"]), **found}


def gradient_of_scores(a: Arrays, p: f.Number) -> f.Number:
    """p ⊙ (dp − D)."""
    gradient, turned = a["gradient"], forward.transposed(a["v"])
    dp = f.stored(f.matmul(gradient, turned))
    leaning = (p * dp).sum(-1, keepdims=True)
    if isinstance(leaning, Tracked):
        sizes = (p * f.matmul(f.moduli(gradient), f.moduli(turned))).sum(-1, keepdims=True)
        largest = np.abs(sizes.held.value) + sizes.held.error
        storing = max(sizes.model.intermediate.unit_roundoff, sizes.model.storage.unit_roundoff)
        leaning = leaning.widened(sizes.held.error + storing * largest)
        leaning = f.widened(leaning, 4 + gradient.shape[-1] + p.shape[-1], largest)
    return f.stored(p * (dp - leaning))


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    p, by = forward.weights(a, shape), forward.scale(shape)
    s = gradient_of_scores(a, p)
    of_q = f.widened(f.matmul(s, a["k"]) * by, 4, lambda: f.matmul(f.moduli(s), f.moduli(a["k"])) * by)
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
    s = gradient_of_scores(a, forward.weights(a, shape))
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
