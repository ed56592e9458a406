"""The gradients of h_t = decay_t h_(t−1) + x_t: of x the same recurrence backwards, of the decay times h_(t−1)."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, Running, exactly, multiply, store
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import linear_recurrence as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **found}


def later(decay: np.ndarray) -> np.ndarray:
    """The decays from each place to the next, in reverse order; the first of them is not used."""
    return np.concatenate([np.zeros_like(decay[..., :1]), decay[..., :0:-1]], axis=-1)


def before(h: np.ndarray) -> np.ndarray:
    """h_(t−1), zero before the start."""
    return np.concatenate([np.zeros_like(h[..., :1]), h[..., :-1]], axis=-1)


def oracle(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    of_x = forward.states(later(a["decay"]), a["gradient"][..., ::-1])[..., ::-1]
    return of_x, of_x * before(forward.states(a["decay"], a["x"]))


def bound(a: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
    backwards = forward.scanned(exactly(later(a["decay"])), exactly(a["gradient"][..., ::-1]), model)
    of_x = backwards.apply(lambda v: v[..., ::-1])
    h = forward.scanned(exactly(a["decay"]), exactly(a["x"]), model)
    of_decay = multiply(of_x, Running(before(h.value), before(h.error)), model)
    return tuple(BOUND_SLACK * np.nan_to_num(store(one, model.storage).error, nan=np.inf) for one in (of_x, of_decay))


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("permutation", "the decay of the same place instead of the next", instead=_same_place)
    yield Fault("permutation", "times the state of the same place", instead=lambda a: _same_state(a, shape))
    yield Fault("missing term", "the decay is not applied", lambda a: a | {"decay": np.ones_like(a["decay"])})


def _same_place(a: Arrays) -> tuple[np.ndarray, ...]:
    of_x = forward.states(a["decay"][..., ::-1], a["gradient"][..., ::-1])[..., ::-1]
    return of_x, of_x * before(forward.states(a["decay"], a["x"]))


def _same_state(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    of_x = oracle(a, shape)[0]
    return of_x, of_x * forward.states(a["decay"], a["x"])


OP = replace(
    forward.OP,
    name="linear-recurrence-backward",
    summary="gradients of h_t = decay_t h_(t−1) + x_t of x and decay (as torch.autograd)",
    signature="kernel(gradient, x, decay): all (batch, channels, n); gives as (x, decay)",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    faults=faults,
    outputs=lambda shape: (Output("gradient of x"), Output("gradient of decay")),
)
