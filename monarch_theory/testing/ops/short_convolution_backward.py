"""The gradients of the short convolution: of x a convolution ahead in time, of weight and bias sums over the batch.

With z before the activation, w = gradient ⊙ act'(z); silu' is bounded as `rounding.silu_slope` says, and a kernel may
make it from z or from y and z: four more roundings of each product.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import short_convolution as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **found}


def formula(a: Arrays, shape: Shape, slope_of: Callable[[f.Number], f.Number] = f.silu_slope) -> tuple[np.ndarray, ...]:
    width, w = shape["width"], a["gradient"]
    if shape["silu"]:
        slope = slope_of(forward.summed(a["x"], a["weight"], a["bias"]))
        w = f.widened(w * slope, 4, f.moduli(w) * (1 + f.moduli(slope)))
    of_x = forward.of_windows(w, a["weight"], ahead=True)
    of_weight = forward.of_taps(a["x"], w, width)
    return of_x, of_weight, f.total(w, (0, 2))


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault(
        "permutation", "weight reversed in time", changed("weight", lambda w: w[:, ::-1]), output="gradient of x"
    )
    if shape["silu"]:
        plain = {**shape, "silu": False}
        yield Fault("missing term", "the activation has no slope", instead=lambda a: formula(a, plain))
        half = "the slope of the activation is the sigmoid alone"
        yield Fault("missing term", half, instead=lambda a: formula(a, shape, lambda z: 1 / (1 + np.exp(-z))))
        yield Fault("missing term", "the bias is left out of the activation's argument", changed("bias", np.zeros_like))
    yield from batch_sum_faults(shape["batch"], "gradient of weight")
    yield from batch_sum_faults(shape["batch"], "gradient of bias")


OP = replace(
    forward.OP,
    name="short-convolution-backward",
    summary="gradients of the short convolution of x, weight and bias (as torch.autograd)",
    signature="kernel(gradient, x, weight, bias, silu=…): gradient (batch, channels, n); gives as (x, weight, bias)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    claims=("accumulation",),
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of x"),
        Output("gradient of weight", by_row=False),
        Output("gradient of bias", by_row=False),
    ),
)
