"""The gradients of y = postgate ⊙ (k ∗ (pregate ⊙ u)).

With v = pregate ⊙ u, w = postgate ⊙ gradient and c the correlation of w with k: of u it is pregate ⊙ c, of pregate
u ⊙ c, of k the correlations of w with v, summed over the batch, and of postgate gradient ⊙ (k ∗ v).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import gated_convolution as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["u"], **found}


def formula(
    a: Arrays, shape: Shape, of_signal: Callable[[f.Number, f.Number], f.Number] = f.causal_correlation
) -> tuple[np.ndarray, ...]:
    v, w = f.stored(a["pregate"] * a["u"]), f.stored(a["postgate"] * a["gradient"])
    c = f.stored(of_signal(w, a["k"]))
    of_postgate = a["gradient"] * f.stored(f.causal_convolution(v, a["k"]))
    return a["pregate"] * c, f.filter_gradient(w, v), a["u"] * c, of_postgate


def faults(shape: Shape) -> Iterable[Fault]:
    for gate in ("pregate", "postgate"):
        yield Fault("missing term", f"the {gate} is not applied", changed(gate, np.ones_like))
    yield Fault("permutation", "filter reversed in time", changed("k", lambda k: k[..., ::-1]))
    ahead = "not reversed in time: convolution instead of correlation"
    yield Fault("permutation", ahead, instead=lambda a: formula(a, shape, f.causal_convolution))
    yield from batch_sum_faults(shape["batch"], "gradient of k")


OP = replace(
    forward.OP,
    name="gated-convolution-backward",
    summary="gradients of postgate ⊙ (k ∗ (pregate ⊙ u)) of u, k, pregate and postgate (as torch.autograd)",
    signature="kernel(gradient, u, k, pregate, postgate): gradient as u; gives as (u, k, pregate, postgate)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    bound_in_norm=lambda arrays, shape, model: None,
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of u"),
        Output("gradient of k", by_row=False),
        Output("gradient of pregate"),
        Output("gradient of postgate"),
    ),
)
