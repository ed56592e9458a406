"""h_t = decay_t h_(t−1) + x_t, h before the start zero: one step after the other, or by an associative scan.

In any bracketing h_t is the sum over s ≤ t of x_s times decay_(s+1) … decay_t, and a term passes through at most t
products and t sums: with W_t the same of all moduli, the error is at most γ_(2t+2) W_t. Products that vanish cost η
each, times what later decays enlarge them by. What divides by a product of decays is not granted.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, Running, exactly, store
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import DECAY, Arrays, Fault, Op, Shape, any_sizes


def shapes() -> Iterable[Shape]:
    for n in (4, 1, 2, 3, 7, 8, 16, 33, 64, 100, 128):
        for batch, channels in ((1, 1), (2, 3), (3, 1), (0, 2)):
            yield {"batch": batch, "channels": channels, "n": n}
    yield {"batch": 2, "channels": 16, "n": 512}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    signal = (shape["batch"], shape["channels"], shape["n"])
    return {"x": signal, "decay": signal}


def states(decay: np.ndarray, x: np.ndarray) -> np.ndarray:
    """h along the last axis, for arrays of balls or floats."""
    found = np.empty(x.shape, dtype=np.result_type(x, decay))
    for t in range(x.shape[-1]):
        found[..., t] = x[..., t] + (decay[..., t] * found[..., t - 1] if t else 0)
    return found


def scanned(decay: Running, x: Running, model: ErrorModel) -> Running:
    """h along the last axis, and how far a kernel may be from it that has decays and inputs with the errors given."""
    u, eta = model.accumulation.unit_roundoff, model.accumulation.underflow
    with np.errstate(all="ignore"):
        sizes, inputs = np.abs(decay.value) + decay.error, np.abs(x.value) + x.error
        whole = states(sizes, inputs)
        before = np.concatenate([np.zeros_like(whole[..., :1]), whole[..., :-1]], axis=-1)
        moved = states(sizes, decay.error * before + x.error)
        t = np.arange(1, x.value.shape[-1] + 1)
        rounding = np.expm1(2 * t * np.log1p(u) + t * np.log1p(model.operand_error)) * whole
        growth = np.cumprod(np.maximum(sizes, 1.0), axis=-1)
        reach = 1 + np.cumsum(inputs, axis=-1)
        error = moved + rounding + 4 * t * eta * growth * reach
        error = np.where(growth * reach > model.accumulation.largest, np.inf, error)
    return Running(states(decay.value, x.value), np.nan_to_num(error, nan=np.inf, posinf=np.inf))


def oracle(a: Arrays, shape: Shape) -> np.ndarray:
    return states(a["decay"], a["x"])


def bound(a: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return BOUND_SLACK * store(scanned(exactly(a["decay"]), exactly(a["x"]), model), model.storage).error


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the decay is not applied", lambda a: a | {"decay": np.ones_like(a["decay"])})
    yield Fault("missing term", "nothing is remembered", lambda a: a | {"decay": np.zeros_like(a["decay"])})
    yield Fault("permutation", "the decay is one too late", lambda a: a | {"decay": np.roll(a["decay"], 1, -1)})
    yield Fault("permutation", "the decay is one too early", lambda a: a | {"decay": np.roll(a["decay"], -1, -1)})
    yield Fault("missing term", "the input is decayed, too", lambda a: a | {"x": a["x"] * a["decay"]})
    yield Fault(
        "missing term", "the input is weighed by one minus the decay", lambda a: a | {"x": a["x"] * (1 - a["decay"])}
    )
    for tile in (8, 16, 32, 64):
        if shape["n"] > tile:
            lost = f"the state is lost every {tile} steps"
            yield Fault("lost state", lost, changed("decay", partial(_cut, tile=tile)))
        if shape["n"] > 2 * tile:
            later = f"the state is lost every {tile} steps from step {2 * tile} on"
            yield Fault("lost state", later, changed("decay", partial(_cut, tile=tile, start=2 * tile)))
    for reach in (1 << k for k in range(max(shape["n"] - 1, 0).bit_length())):
        lost = f"what is more than {reach - 1} steps back is lost"
        yield Fault("lost state", lost, instead=partial(_within, reach=reach))
    for chunk in (8, 16, 32, 64, 128):
        if shape["n"] > chunk:
            kept = f"what is carried into a chunk of {chunk} steps does not decay there"
            yield Fault("missing term", kept, instead=partial(_undecayed, chunk=chunk))
    yield Fault("not causal", "from the end to the beginning", instead=_backwards)


def _undecayed(a: Arrays, chunk: int) -> np.ndarray:
    found, carried = [], np.zeros_like(a["x"][..., :1])
    for start in range(0, a["x"].shape[-1], chunk):
        decay, x = (a[name][..., start : start + chunk] for name in ("decay", "x"))
        found.append(states(decay, x) + carried)
        carried = found[-1][..., -1:]
    return np.concatenate(found, -1)


def _within(a: Arrays, reach: int) -> np.ndarray:
    """h_t without the inputs before t − reach + 1: `reach` − 1 steps of h ← a ⊙ (h one later) + x."""
    found = a["x"]
    for _ in range(reach - 1):
        found = a["x"] + a["decay"] * np.concatenate([np.zeros_like(found[..., :1]), found[..., :-1]], -1)
    return np.asarray(found)


def _cut(decay: np.ndarray, tile: int, start: int = 0) -> np.ndarray:
    kept = decay.copy()
    kept[..., start::tile] = 0
    return kept


def _backwards(a: Arrays) -> np.ndarray:
    return states(a["decay"][..., ::-1], a["x"][..., ::-1])[..., ::-1]


OP = Op(
    name="linear-recurrence",
    summary="h_t = decay_t h_(t−1) + x_t for every channel, from zero",
    signature="kernel(x, decay): both (batch, channels, n), decays in (0, 1]; gives as x",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    claims=("accumulation",),
    narrow_between=False,
    faults=faults,
    accepts=any_sizes,
    domains={"decay": DECAY},
    carries_infinities=False,
)
