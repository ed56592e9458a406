"""The gradients of LayerNorm.

With r = 1/√(variance + eps), x̂ = r (x − mean) and g = gradient ⊙ weight: of x it is r (g − mean g − x̂ mean(g x̂)), of
the weight Σ_batch gradient ⊙ x̂, of the bias Σ_batch gradient. The terms may be formed in other orders of the same
factors: 16 more roundings of each.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed, firsts
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import layer_norm as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **{name: found[name] for name in ("x", "weight")}}


def shapes() -> Iterable[Shape]:
    # of two numbers only the sign of the difference is left, and the gradient is a rounding beside its terms
    return (shape for shape in forward.OP.shapes() if shape["n"] != 2)


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    n = shape["n"]
    normed, r = forward.normed(a["x"], shape)
    normed, g = f.stored(normed), f.stored(a["gradient"] * a["weight"])
    mean, leaning = g.sum(-1, keepdims=True) / n, (g * normed).sum(-1, keepdims=True) / n
    large, long = f.moduli(g), f.moduli(normed)
    sizes = (large + large.sum(-1, keepdims=True) / n + long * ((large * long).sum(-1, keepdims=True) / n)) * f.moduli(
        r
    )
    of_x = f.widened((g - mean - normed * leaning) * r, 16, sizes)
    of_weight = f.total(f.widened(a["gradient"] * normed, 4, f.moduli(a["gradient"]) * long), 0)
    return of_x, of_weight, f.total(a["gradient"], 0)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "mean and root are taken for constants", instead=lambda a: _constant(a, shape, ()))
    yield Fault("missing term", "the root is taken for a constant", instead=lambda a: _constant(a, shape, ("mean",)))
    yield Fault("missing term", "the mean is taken for a constant", instead=lambda a: _constant(a, shape, ("root",)))
    for other in forward.other_eps(shape):
        wrong = f"eps {other:g} instead of {forward.eps(shape):g}"
        yield Fault("normalisation", wrong, instead=partial(_with_eps, shape=shape, eps=other))
    yield Fault("missing term", "the weight is left out", changed("weight", np.ones_like), output="gradient of x")
    n = shape["n"]
    for first in firsts(n):
        for mean, spread in ((first, n), (n, first), (first, first)):
            kept = " and ".join(w for w, m in (("mean", mean), ("variance", spread)) if m == first)
            of = f"{kept} of the first {first} entries, for all"
            yield Fault("dropped tail", of, instead=partial(_of_first, shape=shape, mean=mean, spread=spread))
    yield from batch_sum_faults(shape["batch"], "gradient of weight")
    yield from batch_sum_faults(shape["batch"], "gradient of bias")


def _with_eps(a: Arrays, shape: Shape, eps: float) -> tuple[np.ndarray, ...]:
    return formula(a, {**shape, "eps": eps})


def _of_first(a: Arrays, shape: Shape, mean: int, spread: int) -> tuple[np.ndarray, ...]:
    normed, r = forward.normed_by_first(a["x"], mean, spread, forward.eps(shape))
    g = a["gradient"] * a["weight"]
    of_x = r * (g - g.mean(-1, keepdims=True) - normed * (g * normed).mean(-1, keepdims=True))
    return of_x, (a["gradient"] * normed).sum(0), a["gradient"].sum(0)


def _constant(a: Arrays, shape: Shape, terms: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    normed, r = forward.normed(a["x"], shape)
    g = a["gradient"] * a["weight"]
    of_x = g - (g.mean(-1, keepdims=True) if "mean" in terms else 0)
    of_x = of_x - (normed * (g * normed).mean(-1, keepdims=True) if "root" in terms else 0)
    return of_x * r, *formula(a, shape)[1:]


OP = replace(
    forward.OP,
    name="layer-norm-backward",
    summary="gradients of LayerNorm of x, weight and bias (as torch.autograd)",
    signature="kernel(gradient, x, weight, eps=…): gradient, x (batch, n), weight (n,); gives as (x, weight, bias)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    accepts=lambda shape: shape["n"] > 2,
    outputs=lambda shape: (
        Output("gradient of x"),
        Output("gradient of weight", by_row=False),
        Output("gradient of bias", by_row=False),
    ),
)
