"""The gradients of RMSNorm.

With r = 1/√(mean x² + eps), x̂ = r x and g = gradient ⊙ weight: of x it is r (g − x̂ mean(g x̂)), and of the weight
Σ_batch gradient ⊙ x̂. The two terms may be formed in other orders of the same factors: 16 more roundings of each.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed, firsts
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import rms_norm as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **found}


def shapes() -> Iterable[Shape]:
    # of one number only the sign is left, and the gradient is a rounding beside its terms
    return (shape for shape in forward.OP.shapes() if shape["n"] > 1)


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    x, n = a["x"], shape["n"]
    r = 1 / forward.root(x, shape)
    normed, g = f.stored(x * r), f.stored(a["gradient"] * a["weight"])
    leaning = (g * normed).sum(-1, keepdims=True) / n
    sizes = (f.moduli(g) + f.moduli(normed) * ((f.moduli(g) * f.moduli(normed)).sum(-1, keepdims=True) / n)) * f.moduli(
        r
    )
    of_x = f.widened((g - normed * leaning) * r, 16, sizes)
    return of_x, f.total(f.widened(a["gradient"] * normed, 4, f.moduli(a["gradient"]) * f.moduli(normed)), 0)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the root is taken for a constant", instead=lambda a: _constant_root(a, shape))
    for other in forward.other_eps(shape):
        wrong = f"eps {other:g} instead of {forward.eps(shape):g}"
        yield Fault("normalisation", wrong, instead=partial(_with_eps, shape=shape, eps=other))
    yield Fault("missing term", "the weight is left out", changed("weight", np.ones_like), output="gradient of x")
    n = shape["n"]
    for first in firsts(n):
        left = f"the squares after the first {first} entries are left out of the mean"
        yield Fault("dropped tail", left, instead=partial(_of_first, shape=shape, first=first, count=n))
        for_all = f"the mean square of the first {first} entries is taken for that of all"
        yield Fault("dropped tail", for_all, instead=partial(_of_first, shape=shape, first=first, count=first))
    yield from batch_sum_faults(shape["batch"], "gradient of weight")


def _with_eps(a: Arrays, shape: Shape, eps: float) -> tuple[np.ndarray, ...]:
    return formula(a, {**shape, "eps": eps})


def _of_first(a: Arrays, shape: Shape, first: int, count: int) -> tuple[np.ndarray, ...]:
    r = 1 / forward.root_of_first(a["x"], first, count, forward.eps(shape))
    normed, g = a["x"] * r, a["gradient"] * a["weight"]
    of_x = r * (g - normed * (g * normed).mean(-1, keepdims=True))
    return of_x, (a["gradient"] * normed).sum(0)


def _constant_root(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    return a["gradient"] * a["weight"] / forward.root(a["x"], shape), formula(a, shape)[1]


OP = replace(
    forward.OP,
    name="rms-norm-backward",
    summary="gradients of x / √(mean x² + eps) ⊙ weight of x and weight (as torch.autograd)",
    signature="kernel(gradient, x, weight, eps=…): gradient, x (batch, n), weight (n,); gives as (x, weight)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    accepts=lambda shape: shape["n"] > 1,
    outputs=lambda shape: (Output("gradient of x"), Output("gradient of weight", by_row=False)),
)
