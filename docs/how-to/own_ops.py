"""Three ops of one's own, and kernels for them: used by `describe-an-op.md`."""

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import DECAY, Domain, Fault, Op, Output, any_sizes, indices


# 1. Attention: a formula of products and a softmax is the answer and the bound
def attended(a, shape):
    scores = f.matmul(a["q"], f.rearranged(a["k"], lambda k: k.swapaxes(-1, -2)))
    return f.matmul(f.stored(f.softmax(scores, np.ones((shape["n"], shape["n"]), dtype=bool))), a["v"])


ATTENTION = Op(
    name="attention",
    summary="softmax(q kᵀ) v",
    signature="kernel(q, k, v): q, k (batch, n, d), v (batch, n, e); gives (batch, n, e)",
    shapes=lambda: [{"batch": b, "n": n, "d": 4, "e": 3} for n in (1, 2, 7, 16) for b in (1, 3, 0)],
    arguments=lambda s: {name: (s["batch"], s["n"], s[d]) for name, d in (("q", "d"), ("k", "d"), ("v", "e"))},
    oracle=attended,
    bound=f.bound_of(attended),
    faults=lambda s: [Fault("permutation", "q and k exchanged", lambda a: a | {"q": a["k"], "k": a["q"]})],
    accepts=any_sizes,
    carries_infinities=False,
)


# 2. A norm of rows looked up by token: integers, and numbers near eps
def normed(a, shape):
    row = a["table"][a["tokens"] % shape["vocabulary"]]
    return row / f.sqrt((row * row).sum(-1, keepdims=True) / shape["width"] + 1e-6)


NORMED_ROWS = Op(
    name="normed-rows",
    summary="rows of a table, each divided by √(mean of squares + 1e-6)",
    signature="kernel(tokens, table): tokens (batch,), table (vocabulary, width); gives (batch, width)",
    shapes=lambda: [
        {"batch": b, "vocabulary": v, "width": w} for v, w in ((2, 3), (9, 8), (50, 64)) for b in (1, 3, 0)
    ],
    arguments=lambda s: {"tokens": (s["batch"],), "table": (s["vocabulary"], s["width"])},
    oracle=normed,
    bound=f.bound_of(normed),
    domains={"tokens": indices("vocabulary"), "table": Domain(lambda values, shape, target: values * 2.0**-8)},
    accepts=any_sizes,
    carries_infinities=False,
)


# 3. A step of a recurrence that updates its state in place
def stepped(a, shape):
    state = a["decay"] * a["state"] + a["x"]
    return state * a["gate"], state


STEP = Op(
    name="recurrent-step",
    summary="state ← decay ⊙ state + x, y = gate ⊙ state",
    signature="kernel(x, state, decay, gate): all (batch, n); gives (batch, n), and state holds the new one",
    shapes=lambda: [{"batch": b, "n": n} for n in (1, 2, 7, 64) for b in (1, 3, 0)],
    arguments=lambda s: {name: (s["batch"], s["n"]) for name in ("x", "state", "decay", "gate")},
    oracle=stepped,
    bound=f.bound_of(stepped),
    outputs=lambda s: (Output("y"), Output("state")),
    domains={"decay": DECAY},
    updates=("state",),
    faults=lambda s: [Fault("missing term", "the state does not decay", changed("decay", np.ones_like))],
    accepts=any_sizes,
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


def looked_up(tokens, table):
    row = table[tokens]
    return row / np.sqrt((row * row).mean(-1, keepdims=True) + np.float32(1e-6))


def of_larger_eps(tokens, table):
    row = table[tokens]
    return row / np.sqrt((row * row).mean(-1, keepdims=True) + np.float32(1e-5))


def step(x, state, decay, gate):
    state[...] = decay * state + x
    return gate * state


def step_without_decay(x, state, decay, gate):
    state[...] = state + x
    return gate * state


def step_of_a_copy(x, state, decay, gate):
    return gate * (decay * state + x)
