"""h_t = exp(delta_t A) h_(t−1) + delta_t x_t B_t, y_t = C_t · h_t + D x_t: the selective scan of Mamba.

The exponential has the error `rounding.exponential` derives, which covers 2^(delta A log₂ e); the recurrence may be
bracketed in any way, as in `linear_recurrence`. Decays from cumulated sums of delta A are not granted: they cancel.
"""

from collections.abc import Iterable
from math import prod

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, Running, exactly, exponential, multiply, store, total
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import NEGATIVE, NOT_NEGATIVE, Arrays, Fault, Op, Shape
from monarch_theory.testing.ops.linear_recurrence import scanned, states


def shapes() -> Iterable[Shape]:
    for n, s in ((4, 2), (1, 1), (2, 4), (3, 2), (8, 4), (16, 16), (33, 4), (64, 16)):
        for batch, channels in ((1, 1), (2, 3), (3, 1), (0, 2)):
            yield {"batch": batch, "channels": channels, "n": n, "state": s}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    batch, channels, n, s = (shape[name] for name in ("batch", "channels", "n", "state"))
    signal, mixing = (batch, channels, n), (batch, s, n)
    return {"x": signal, "delta": signal, "A": (channels, s), "B": mixing, "C": mixing, "D": (channels,)}


def accepts(shape: Shape) -> bool:
    """Whether all states, (batch, channels, state, n), have room in memory several times."""
    return bool(prod(shape[name] for name in ("batch", "channels", "n", "state")) <= 1 << 22)


def along(a: np.ndarray) -> np.ndarray:
    """A signal (batch, channels, n) beside states (batch, channels, state, n)."""
    return a[:, :, None]


def oracle(a: Arrays, shape: Shape) -> np.ndarray:
    delta = along(a["delta"])
    h = states(np.exp(delta * a["A"][:, :, None]), delta * along(a["x"]) * a["B"][:, None])
    return (h * a["C"][:, None]).sum(2) + a["D"][:, None] * a["x"]


def bound(a: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    x, delta = exactly(a["x"]), exactly(along(a["delta"]))
    with np.errstate(all="ignore"):
        decay = exponential(multiply(delta, exactly(a["A"][:, :, None]), model), model)
        inputs = multiply(multiply(delta, x.apply(along), model), exactly(a["B"][:, None]), model)
        h = scanned(decay, inputs, model)
        read = multiply(h, exactly(a["C"][:, None]), model)
        # a kernel may start with what skips the states
        terms = beside(read, multiply(exactly(a["D"][:, None]), x, model).apply(along), 2)
        y = total(terms, 2, model).apply(lambda v: v[:, :, 0])
        return BOUND_SLACK * np.nan_to_num(store(y, model.storage).error, nan=np.inf)


def beside(a: Running, b: Running, axis: int) -> Running:
    """The terms of both, one after the other along an axis."""
    grain = None if a.grain is None or b.grain is None else min(a.grain, b.grain)
    value, error = (np.concatenate(parts, axis) for parts in ((a.value, b.value), (a.error, b.error)))
    return Running(value, error, grain)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the input skips nothing: D is left out", changed("D", np.zeros_like))
    yield Fault("missing term", "B is not scaled by delta", instead=lambda a: _undiscretised(a))
    yield Fault("missing term", "A is not exponentiated", instead=lambda a: _linear(a))
    yield Fault("permutation", "B and C exchanged", lambda a: a | {"B": a["C"], "C": a["B"]})
    yield Fault("permutation", "A of another channel", changed("A", lambda v: np.roll(v, 1, 0)))
    yield Fault("permutation", "A of another state", changed("A", lambda v: np.roll(v, 1, 1)))
    yield Fault("sign", "A with the other sign", changed("A", np.negative))


def _read(a: Arrays, h: np.ndarray) -> np.ndarray:
    return np.asarray((h * a["C"][:, None]).sum(2) + a["D"][:, None] * a["x"])


def _undiscretised(a: Arrays) -> np.ndarray:
    return _read(a, states(np.exp(along(a["delta"]) * a["A"][:, :, None]), along(a["x"]) * a["B"][:, None]))


def _linear(a: Arrays) -> np.ndarray:
    delta = along(a["delta"])
    return _read(a, states(1 + delta * a["A"][:, :, None], delta * along(a["x"]) * a["B"][:, None]))


OP = Op(
    name="selective-scan",
    summary="h_t = exp(delta_t A) h_(t−1) + delta_t x_t B_t from zero, y_t = C_t · h_t + D x_t for every channel",
    signature="kernel(x, delta, A, B, C, D): x, delta (batch, channels, n), A (channels, s), B, C (batch, s, n)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    claims=("accumulation",),
    narrow_between=False,
    faults=faults,
    accepts=accepts,
    domains={"delta": NOT_NEGATIVE, "A": NEGATIVE},
    carries_infinities=False,
)
