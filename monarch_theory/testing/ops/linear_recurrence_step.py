"""One step of the linear recurrence while decoding: h = decay ⊙ state + x, and the state is h from then on."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.op import LARGE_BATCH, Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import linear_recurrence as whole


def shapes() -> Iterable[Shape]:
    for channels in (4, 1, 2, 3, 7, 8, 16, 33, 64, 100, 128, 257, 768, 1024):
        for batch in (1, 2, 3, 0, 7, *((LARGE_BATCH,) if channels <= 64 else ())):
            yield {"batch": batch, "channels": channels}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    row = (shape["batch"], shape["channels"])
    return {"x": row, "state": row, "decay": row}


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    h = a["decay"] * a["state"] + a["x"]
    return h, h


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("stale output", "the state is left as it was", instead=lambda a: (formula(a, shape)[0], a["state"]))
    yield Fault("missing term", "the decay is not applied", lambda a: a | {"decay": np.ones_like(a["decay"])})
    yield Fault("missing term", "nothing is remembered", lambda a: a | {"decay": np.zeros_like(a["decay"])})
    yield Fault("missing term", "the input is decayed, too", lambda a: a | {"x": a["x"] * a["decay"]})
    yield Fault("scale", "the state is decayed twice", instead=lambda a: _again(a, shape))
    yield Fault("permutation", "decay of another channel", lambda a: a | {"decay": np.roll(a["decay"], 1, -1)})


def _again(a: Arrays, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    h = formula(a, shape)[0]
    return h, h * a["decay"]


OP = replace(
    whole.OP,
    name="linear-recurrence-step",
    summary="one step of h = decay ⊙ h + x: gives the new state, and writes it over the old one",
    signature="kernel(x, state, decay): all (batch, channels), decays in (0, 1]; gives as x, and state in place",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: (Output("h"), Output("state")),
    updates=("state",),
)
