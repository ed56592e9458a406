"""The gradients of y = gelu(gate) ⊙ value: gradient ⊙ value ⊙ gelu'(gate), and gradient ⊙ gelu(gate).

The products may be formed in any order: four more roundings.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import gelu_gate as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["gate"], **found}


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    slope = f.gelu_slope(a["gate"])
    through = f.stored(a["gradient"] * a["value"])
    of_gate = f.widened(through * slope, 4, f.moduli(a["gradient"]) * f.moduli(a["value"]) * f.moduli(slope))
    return of_gate, a["gradient"] * f.stored(f.gelu(a["gate"]))


def faults(shape: Shape) -> Iterable[Fault]:
    half = "the slope is Φ alone"
    yield Fault("missing term", half, instead=lambda a: (_without_bell(a), formula(a, shape)[1]))
    yield Fault("permutation", "the gradients exchanged", instead=lambda a: formula(a, shape)[::-1])
    yield Fault("missing term", "the value is left out", lambda a: a | {"value": np.ones_like(a["value"])})


def _without_bell(a: Arrays) -> np.ndarray:
    return np.asarray(
        a["gradient"]
        * a["value"]
        * f.gelu(np.ones_like(a["gate"]) * a["gate"])
        / np.where(a["gate"] == 0, 1, a["gate"])
    )


OP = replace(
    forward.OP,
    name="gelu-gate-backward",
    summary="gradients of gelu(gate) ⊙ value of gate and value (as torch.autograd)",
    signature="kernel(gradient, gate, value): all (batch, n); gives as (gate, value)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: (Output("gradient of gate"), Output("gradient of value")),
)
