"""y = softmax(scale · q kᵀ) v, over all keys, or those not after the query.

`rounding.softmax` derives the bound for any shift, the running maximum of flash attention included. The scale, a power
of two, may be applied to q, k or their product, or its root to both: four more roundings of each score. Scores and
weights may be stored in the intermediate format.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import tails
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes, moderate
from monarch_theory.testing.softmax_faults import Softmax, softmax_faults


def shapes() -> Iterable[Shape]:
    for causal in (False, True):
        for n, d, e in (
            (2, 2, 2),
            (1, 1, 1),
            (3, 4, 2),
            (7, 4, 5),
            (8, 8, 8),
            (16, 16, 16),
            (17, 16, 8),
            (33, 4, 4),
            (64, 32, 32),
        ):
            for batch in (1, 2, 3, 0):
                yield {"batch": batch, "n": n, "m": n, "d": d, "e": e, "causal": causal}
    for n, m in ((1, 5), (4, 9), (9, 4)):
        yield {"batch": 2, "n": n, "m": m, "d": 4, "e": 3, "causal": False}
    yield {"batch": 1, "n": 520, "m": 520, "d": 2, "e": 1, "causal": True}


UNREAD = 16
"""Keys that no query reads, at most: after all queries, where it is causal."""


def accepts(shape: Shape) -> bool:
    """Any sizes, but for many keys that nothing is asked of."""
    return any_sizes(shape) and (not shape["causal"] or bool(shape["m"] <= shape["n"] + UNREAD))


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    batch, n, m = shape["batch"], shape["n"], shape["m"]
    return {"q": (batch, n, shape["d"]), "k": (batch, m, shape["d"]), "v": (batch, m, shape["e"])}


def usual_scale(shape: Shape) -> float:
    """The power of two nearest to 1/√d."""
    return float(2.0 ** -round(np.log2(shape["d"]) / 2))


def scale(shape: Shape) -> float:
    return float(shape.get("scale", usual_scale(shape)))


def settings(shape: Shape) -> dict[str, tuple[float, ...]]:
    """Larger, smaller and zero. None below zero: kernels that scale the maximum of all scores take it for positive."""
    usual = usual_scale(shape)
    return {"scale": (usual, 2 * usual, usual / 2, usual / 8, 0.0)}


def options(shape: Shape) -> dict[str, object]:
    return {"causal": shape["causal"], "scale": scale(shape)}


def kept(shape: Shape) -> np.ndarray:
    """(n, m): which keys a query reads."""
    every = np.ones((shape["n"], shape["m"]), dtype=bool)
    return np.tril(every) if shape["causal"] else every


def transposed(a: f.Number) -> f.Number:
    return f.rearranged(a, lambda v: v.swapaxes(-1, -2))


def weights(a: Arrays, shape: Shape) -> f.Number:
    """softmax(scale · q kᵀ), (batch, n, m)."""
    turned, by = transposed(a["k"]), scale(shape)
    scores = f.matmul(a["q"], turned) * by
    scores = f.widened(scores, 4, lambda: f.matmul(f.moduli(a["q"]), f.moduli(turned)) * by)
    return f.stored(f.softmax(f.stored(scores), kept(shape)))


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    found: np.ndarray = f.matmul(weights(a, shape), a["v"])
    return found


def faults(shape: Shape) -> Iterable[Fault]:
    root = scale(shape)
    other_scale = {**shape, "scale": usual_scale(shape)}
    if root != usual_scale(shape):
        yield Fault("scale", "1/√d instead of the scale given", shape=other_scale)
    yield Fault("scale", "scores not scaled", instead=lambda a: formula(a, {**shape, "scale": 1.0}))
    yield Fault("scale", "scores scaled twice", lambda a: a | {"q": a["q"] * root})
    yield Fault("permutation", "q and k exchanged", instead=lambda a: _turned(a, shape))
    yield Fault("scale", "weights that are not divided by their sum", instead=lambda a: _not_divided(a, shape))
    if shape["causal"] and shape["n"] != shape["m"]:
        to_last = "the last query reads all keys, and those before as many fewer"
        yield Fault("not causal", to_last, instead=lambda a: _masked(a, shape, shape["m"] - shape["n"]))
    other = "the mask is not applied" if shape["causal"] else "masked though not asked for"
    yield Fault("not causal", other, instead=lambda a: formula(a, {**shape, "causal": not shape["causal"]}))
    for tail in tails(shape["m"]):
        unread = f"the last {tail} of {shape['m']} keys are not read"
        yield Fault("dropped tail", unread, instead=partial(_without_keys, shape=shape, tail=tail))
    if shape["causal"]:
        yield Fault("not causal", "the mask is one too late", instead=lambda a: _masked(a, shape, 1))
        yield Fault("not causal", "the mask is one too early", instead=lambda a: _masked(a, shape, -1))
    for cause, detail, softmax in softmax_faults(shape["m"], causal=shape["causal"]):
        yield Fault(cause, detail, instead=partial(_weighed_by, shape=shape, softmax=softmax))


def _weighed_by(a: Arrays, shape: Shape, softmax: Softmax) -> np.ndarray:
    return softmax(_scores(a, shape), kept(shape), a["v"])


def _scores(a: Arrays, shape: Shape) -> np.ndarray:
    return np.asarray(a["q"] @ a["k"].swapaxes(-1, -2) * scale(shape))


def _turned(a: Arrays, shape: Shape) -> np.ndarray:
    if shape["n"] != shape["m"]:
        return formula(a, shape)
    return np.asarray(f.softmax(_scores(a, shape).swapaxes(-1, -2), kept(shape)) @ a["v"])


def _not_divided(a: Arrays, shape: Shape) -> np.ndarray:
    s = np.where(kept(shape), _scores(a, shape), -np.inf)
    return np.asarray(np.exp(s - s.max(-1, keepdims=True)) @ a["v"])


def _without_keys(a: Arrays, shape: Shape, tail: int) -> np.ndarray:
    read = kept(shape) & (np.arange(shape["m"]) < shape["m"] - tail)
    return np.asarray(f.softmax(_scores(a, shape), read) @ a["v"])


def _masked(a: Arrays, shape: Shape, late: int) -> np.ndarray:
    keep = np.tril(np.ones((shape["n"], shape["m"]), dtype=bool), late)
    keep[:, 0] = True
    return np.asarray(f.softmax(_scores(a, shape), keep) @ a["v"])


OP = Op(
    name="attention",
    summary="y = softmax(scale · q kᵀ) v, of query i over all keys, or 0 … i where causal; scale a power of two, or 0",
    signature="kernel(q, k, v, causal=…, scale=…): q (batch, n, d), k (batch, m, d), v (batch, m, e); (batch, n, e)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    options=options,
    settings=settings,
    faults=faults,
    accepts=accepts,
    domains={"q": moderate(2.0, unless=2.0**10), "k": moderate(2.0, unless=2.0**10)},
    carries_infinities=False,
)
