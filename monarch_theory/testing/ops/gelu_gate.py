"""y = gelu(gate) ⊙ value, gelu(a) = a Φ(a): the gate of the dimension mixer. `rounding.gelu` derives the bound."""

from collections.abc import Iterable

import numpy as np
from scipy.special import erf

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes
from monarch_theory.testing.ops import rms_norm


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gate": (shape["batch"], shape["n"]), "value": (shape["batch"], shape["n"])}


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    product: np.ndarray = f.stored(f.gelu(a["gate"])) * a["value"]
    return product


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("activation", "gelu by its approximation with tanh", instead=lambda a: _by_tanh(a["gate"]) * a["value"])
    yield Fault(
        "activation",
        "gelu by a sigmoid of 1.702 a",
        instead=lambda a: a["gate"] / (1 + np.exp(-1.702 * a["gate"])) * a["value"],
    )
    yield Fault("activation", "silu instead of gelu", instead=lambda a: np.asarray(f.silu(a["gate"])) * a["value"])
    yield Fault(
        "activation", "no root of two in erf", instead=lambda a: a["gate"] * (1 + erf(a["gate"])) / 2 * a["value"]
    )
    yield Fault("missing term", "the value is left out", changed("value", np.ones_like))
    yield Fault("permutation", "gate and value exchanged", lambda a: {"gate": a["value"], "value": a["gate"]})


def _by_tanh(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


OP = Op(
    name="gelu-gate",
    summary="y = gelu(gate) ⊙ value, gelu by the error function",
    signature="kernel(gate, value): both (batch, n); gives as they are",
    shapes=rms_norm.shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    claims=("accumulation", "intermediate"),
    faults=faults,
    accepts=any_sizes,
    carries_infinities=False,
)
