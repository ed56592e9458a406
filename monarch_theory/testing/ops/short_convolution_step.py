"""One step of the short convolution while decoding: the state, the last inputs, is updated in place.

The state holds x_(t−width+1) … x_(t−1), oldest first. What is kept in it afterwards is exact.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import short_convolution as whole


def shapes() -> Iterable[Shape]:
    for silu in (False, True):
        for width in (2, 3, 4, 5, 8):
            for batch, channels in ((1, 1), (2, 3), (3, 8), (0, 2), (7, 64)):
                yield {"batch": batch, "channels": channels, "width": width, "silu": silu}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    batch, channels, width = shape["batch"], shape["channels"], shape["width"]
    return {
        "x": (batch, channels), "state": (batch, channels, width - 1), "weight": (channels, width), "bias": (channels,)
    }  # fmt: skip


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    width = shape["width"]
    newest = f.rearranged(a["x"], lambda v: _spread(v[..., None], width))
    older = f.rearranged(a["state"], lambda v: _spread(v, width, at_end=False))
    products = (newest + older) * a["weight"]
    z = f.widened(products.sum(-1) + a["bias"], width, a["bias"])
    moved = f.rearranged(a["state"], lambda v: _spread(v[..., 1:], width - 1, at_end=False))
    return (f.silu(z) if shape["silu"] else z), moved + f.rearranged(a["x"], lambda v: _spread(v[..., None], width - 1))


def _spread(values: np.ndarray, width: int, at_end: bool = True) -> np.ndarray:
    """The values at the end of so many places, or at their beginning, zeros elsewhere."""
    zeros = np.zeros((*values.shape[:-1], width - values.shape[-1]), values.dtype)
    return np.concatenate([zeros, values] if at_end else [values, zeros], axis=-1)


def bound(a: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, np.ndarray]:
    of_y, of_state = f.bound_of(formula)(a, shape, model)
    # the state is copied
    return of_y, np.zeros_like(of_state)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("permutation", "weight reversed in time", changed("weight", lambda w: w[:, ::-1]))
    yield Fault("missing term", "the bias is left out", changed("bias", np.zeros_like))
    yield Fault("stale output", "the state is left as it was", instead=lambda a: (formula(a, shape)[0], a["state"]))
    yield Fault("missing term", "the newest input is not counted", changed("x", np.zeros_like), output="y")
    yield Fault("lost state", "the state is moved twice", instead=lambda a: (formula(a, shape)[0], _moved_twice(a)))
    early = "the state is moved before it is read"
    yield Fault("lost state", early, instead=lambda a: (_read_late(a, shape), _moved_twice(a)))
    first = "the newest input is put first"
    yield Fault("permutation", first, instead=lambda a: (formula(a, shape)[0], _newest_first(a)))
    other = "no activation" if shape["silu"] else "activated though not asked for"
    yield Fault("missing term", other, instead=lambda a: formula(a, {**shape, "silu": not shape["silu"]}))


def _newest_first(a: Arrays) -> np.ndarray:
    return np.concatenate([a["x"][..., None], a["state"][..., :-1]], axis=-1)


def _moved_twice(a: Arrays) -> np.ndarray:
    newest, kept = a["x"][..., None], a["state"].shape[-1]
    return np.concatenate([a["state"], newest, newest], axis=-1)[..., -kept:]


def _read_late(a: Arrays, shape: Shape) -> np.ndarray:
    moved = np.concatenate([a["state"][..., 1:], a["x"][..., None]], axis=-1)
    return formula(a | {"state": moved}, shape)[0]


OP = replace(
    whole.OP,
    name="short-convolution-step",
    summary="one step of the short convolution: y = Σ_j weight_j (state, x)_j + bias, and the state moves on in place",
    signature="kernel(x, state, weight, bias, silu=…): x (batch, channels), state (batch, channels, width − 1)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=bound,
    claims=("accumulation",),
    faults=faults,
    outputs=lambda shape: (Output("y"), Output("state")),
    accepts=lambda shape: shape["width"] > 1,
    updates=("state",),
)
