"""The gradients of the two-sided long convolution.

Of u it is the same op with the filters exchanged; of k and reverse, correlations in either direction, summed over the
batch; of skip Σ gradient ⊙ u.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import bidirectional_convolution as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["u"], **found}


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    g, u = a["gradient"], a["u"]
    of_u = forward.mixed(g, a["reverse"], a["k"], a["skip"][:, None])
    of_k, of_reverse = f.filter_gradient(g, u), f.filter_gradient(u, g)
    # what skips in a filter's first tap has the gradient of that
    of_skip = f.larger_of(f.total(g * u, (0, 2)), lambda: f.larger_of(of_k[..., 0], lambda: of_reverse[..., 0]))
    return of_u, of_k, of_reverse, of_skip


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("permutation", "filters not exchanged", lambda a: a | {"k": a["reverse"], "reverse": a["k"]})
    yield Fault("permutation", "gradients of the filters exchanged", instead=lambda a: _exchanged(a, shape))
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like), output="gradient of u")
    for name in ("k", "reverse", "skip"):
        yield from batch_sum_faults(shape["batch"], f"gradient of {name}")


def _exchanged(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    of_u, of_k, of_reverse, of_skip = formula(a, shape)
    return of_u, of_reverse, of_k, of_skip


OP = replace(
    forward.OP,
    name="bidirectional-convolution-backward",
    summary="gradients of the two-sided long convolution of u, k, reverse and skip (as torch.autograd)",
    signature="kernel(gradient, u, k, reverse, skip): gradient (batch, channels, n); gives as (u, k, reverse, skip)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    bound_in_norm=lambda arrays, shape, model: None,
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of u"),
        Output("gradient of k", by_row=False),
        Output("gradient of reverse", by_row=False),
        Output("gradient of skip", by_row=False),
    ),
)
