"""Ops with an exponential, a quotient and a root, and kernels for them: used by `describe-an-op.md`."""

import numpy as np

from monarch_theory.rounding import (
    BOUND_SLACK,
    add,
    divide,
    exactly,
    matmul,
    multiply,
    softmax,
    square_root,
    store,
    total,
)  # fmt: skip
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.op import Fault, Op


def attended(a, shape):
    e = np.exp(exact.matmul(a["q"], a["k"].swapaxes(-1, -2)))
    return exact.matmul(e / e.sum(-1, keepdims=True), a["v"])


def attention_bound(a, shape, model):
    scores = matmul(a["q"], exactly(a["k"].swapaxes(-1, -2)), model)
    weights = store(softmax(scores, -1, model), model.intermediate)
    return BOUND_SLACK * store(matmul(weights, exactly(a["v"]), model), model.storage).error


ATTENTION = Op(
    name="attention",
    summary="softmax(q kᵀ) v",
    signature="kernel(q, k, v): q (batch, n, d), k (batch, n, d), v (batch, n, e); gives (batch, n, e)",
    shapes=lambda: [{"batch": b, "n": n, "d": 4, "e": 3} for n in (1, 2, 7, 16) for b in (1, 3, 0)],
    arguments=lambda s: {name: (s["batch"], s["n"], s[d]) for name, d in (("q", "d"), ("k", "d"), ("v", "e"))},
    oracle=attended,
    bound=attention_bound,
    faults=lambda s: [Fault("permutation", "q and k exchanged", lambda a: a | {"q": a["k"], "k": a["q"]})],
)


def normed(a, shape):
    x = a["x"]
    return x / np.sqrt((x * x).sum(-1, keepdims=True) / shape["n"] + 2.0**-17) * a["weight"]


def norm_bound(a, shape, model):
    x = exactly(a["x"])
    square = divide(total(multiply(x, x, model), -1, model), exactly([[float(shape["n"])]]), model)
    root = square_root(add(square, exactly([[2.0**-17]]), model), model)
    return BOUND_SLACK * store(multiply(divide(x, root, model), exactly(a["weight"]), model), model.storage).error


RMS_NORM = Op(
    name="rms-norm",
    summary="x / √(mean of x² + 2⁻¹⁷) · weight over the last axis",
    signature="kernel(x, weight): x (batch, n), weight (n,); gives (batch, n)",
    shapes=lambda: [{"batch": b, "n": n} for n in (1, 2, 7, 33, 64) for b in (1, 3, 0)],
    arguments=lambda s: {"x": (s["batch"], s["n"]), "weight": (s["n"],)},
    oracle=normed,
    bound=norm_bound,
)


def by_tiles(q, k, v, rescaled=True):
    """Keys four at a time, with a running maximum."""
    top, weight, out = np.full((*q.shape[:2], 1), -np.inf, q.dtype), 0, 0
    for start in range(0, k.shape[1], 4):
        scores = q @ k[:, start : start + 4].swapaxes(-1, -2)
        new = np.maximum(top, scores.max(-1, keepdims=True))
        p, again = np.exp(scores - new), np.exp(top - new) if rescaled else 1
        weight, out, top = weight * again + p.sum(-1, keepdims=True), out * again + p @ v[:, start : start + 4], new
    return (out / weight).astype(q.dtype)


def never_rescaled(q, k, v):
    return by_tiles(q, k, v, rescaled=False)


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(2.0**-17)) * weight


def norm_of_larger_eps(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-5)) * weight
