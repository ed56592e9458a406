"""MonarchAttention (Yaras et al. 2025): softmax attention by a Monarch matrix that a few steps make, not formed.

Positions are pairs of a block and a place in it. With A the scaled scores of query (l, j) and key (k, i), every step
maximises ⟨A, M⟩ + H(M), M = L[j, k, l] R[k, j, i], first in R and then in L:

    R[k, j, ·] = softmax_i( Σ_l L[j, k, l] A / Σ_l L[j, k, l] )
    L[j, ·, l] = softmax_k( Σ_i R[k, j, i] A + H(R[k, j, ·]) )

from L the identity: the query of block k at place j stands for all of them. Queries and keys are averaged first, so no
score of all pairs is formed. The op is that of the authors' forward without mask and for lengths that are whole blocks,
with a power of two for the scale. They add 1e−12 to what is divided by, which is granted. It has no backward op: the
method is one of conversion, and the paper trains nothing through it.

Running bounds step by step: a product, a softmax (`rounding.softmax`), entropies (`rounding.entropy_term`).
"""

from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from monarch_theory.rounding import Tracked
from monarch_theory.testing import formulas as f
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes, moderate
from monarch_theory.testing.ops.attention import scale, transposed, usual_scale

GUARD = 1e-12
"""What kernels add to a denominator."""


class Steps(IntEnum):
    """How many, which is a choice and no size: cases are not made of many."""

    ONE = 1
    TWO = 2
    THREE = 3


def shapes() -> Iterable[Shape]:
    for steps in (Steps.TWO, Steps.ONE, Steps.THREE):
        for blocks, block, d, e in (
            (2, 2, 2, 2),
            (1, 1, 1, 1),
            (2, 3, 4, 2),
            (3, 2, 2, 5),
            (4, 4, 8, 8),
            (5, 3, 4, 4),
            (8, 8, 16, 16),
        ):
            for batch in (1, 2, 3, 0):
                yield {"batch": batch, "blocks": blocks, "block": block, "d": d, "e": e, "steps": steps}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    batch, n = shape["batch"], shape["blocks"] * shape["block"]
    return {"q": (batch, n, shape["d"]), "k": (batch, n, shape["d"]), "v": (batch, n, shape["e"])}


def options(shape: Shape) -> dict[str, object]:
    return {"block": shape["block"], "steps": int(shape["steps"]), "scale": scale(shape)}


def settings(shape: Shape) -> dict[str, tuple[float, ...]]:
    """None larger than usual: with every turn, what rounding may do grows with the scores."""
    usual = usual_scale(shape)
    return {"scale": (usual, usual / 2, usual / 8, 0.0)}


def accepts(shape: Shape) -> bool:
    """One or two steps, or three in short blocks: with more, what rounding may do is as large as the answer."""
    blocks, block = shape["blocks"], shape["block"]
    scores = shape["batch"] * blocks * block * max(blocks, block)
    return any_sizes(shape) and max(blocks, block) <= (16 if shape["steps"] > 2 else 256) and scores <= 1 << 21


def in_blocks(a: f.Number, shape: Shape) -> f.Number:
    """(batch, n, d) to (batch, blocks, block, d)."""
    return f.rearranged(a, lambda v: v.reshape(v.shape[0], shape["blocks"], shape["block"], v.shape[-1]))


def turned(a: f.Number) -> f.Number:
    """Blocks and places exchanged, (batch, k, j, …) to (batch, j, k, …)."""
    return f.rearranged(a, lambda v: v.swapaxes(1, 2))


def softmax(scores: f.Number, shared: np.ndarray | None) -> f.Number:
    """Along the last axis; what is added to the sum of exponentials makes all weights smaller."""
    found = f.softmax(scores, np.ones(scores.shape[-1], dtype=bool), shared)
    return f.stored(found.widened(GUARD * np.abs(found.held.value)) if isinstance(found, Tracked) else found)


def within(
    queries: f.Number, weights: f.Number | None, keys: f.Number, by: float
) -> tuple[f.Number, f.Number]:  # fmt: skip
    """R, (batch, k, j, i), and its scores, from averaged queries (batch, k, j, d) and what they weigh, (batch, k, j).

    Averages and weights are kept: what those are off by is the same for all uses of a score.
    """
    scores = f.matmul(queries, transposed(keys)) * by
    scores = f.widened(scores, 4, lambda: f.matmul(f.moduli(queries), transposed(f.moduli(keys))) * by)
    if weights is not None:
        guarded = weights.widened(GUARD) if isinstance(weights, Tracked) else weights
        scores = scores / f.rearranged(guarded, lambda v: v[..., None])
    scores = f.stored(scores)
    return softmax(scores, _of_averages(scores, queries, weights, keys, by)), scores


def _of_averages(
    scores: f.Number, queries: f.Number, weights: f.Number | None, keys: f.Number, by: float
) -> np.ndarray | None:  # fmt: skip
    """What scores are off by for what averaged queries and their weights are."""
    if weights is None or not isinstance(weights, Tracked):
        return None
    weighed, off = (getattr(weights.held, name)[..., None] for name in ("value", "error"))
    carried = queries.held.error @ np.abs(transposed(keys).held.value) * by
    return np.asarray((carried + np.abs(scores.held.value) * off) / weighed)


def entropies(r: f.Number, scores: f.Number) -> f.Number:
    """Σ R log R, (batch, k, j), also as Σ R s − log Σ e^s.

    There the error of R counts |s| times, and as the error of the sum of exponentials, relative to it, once more, which
    that of R holds as well. Then roundings of numbers as large as the scores.
    """
    terms = f.entropy_term(r)
    found = terms.sum(-1)
    if not isinstance(r, Tracked):
        return found
    found = f.larger_of(found, lambda: (r * scores).sum(-1).widened(r.held.error.sum(-1)))
    return f.widened(found, 8 + r.shape[-1], 1 + f.moduli(terms).sum(-1) + f.moduli(r * scores).sum(-1))


def between(r: f.Number, scores_within: f.Number, queries: f.Number, keys: f.Number, by: float) -> f.Number:
    """L, (batch, j, l, k), from R and its scores, queries (batch, j, l, d) and keys (batch, k, i, d)."""
    averaged = f.stored(f.matmul(r, keys) * by)
    # averages and entropies are kept, so that what those are off by is the same for all uses of a score
    across = transposed(turned(averaged))
    less = f.rearranged(turned(entropies(r, scores_within)), lambda v: v[:, :, None])
    scores = f.stored(f.matmul(queries, across) - less)
    shared = None
    if isinstance(scores, Tracked):
        shared = np.abs(queries.held.value) @ across.held.error + less.held.error
    return softmax(scores, shared)


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    q, k, v = (in_blocks(a[name], shape) for name in "qkv")
    by, queries = scale(shape), turned(q)
    averaged, weights = q, None
    for step in range(shape["steps"]):
        r, scores = within(averaged, weights, k, by)
        left = between(r, scores, queries, k, by)
        if step + 1 < shape["steps"]:
            back = transposed(left)  # (batch, j, k, l)
            averaged, weights = turned(f.stored(f.matmul(back, queries))), turned(back.sum(-1))
    found = turned(f.matmul(left, turned(f.stored(f.matmul(r, v)))))  # (batch, l, j, e)
    n = shape["blocks"] * shape["block"]
    y: np.ndarray = f.rearranged(found, lambda z: z.reshape(z.shape[0], n, z.shape[-1]))
    return y


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "no entropy", instead=lambda a: _otherwise(a, shape, entropy=0.0))
    yield Fault("sign", "the entropy with the other sign", instead=lambda a: _otherwise(a, shape, entropy=-1.0))
    yield Fault("scale", "scores not scaled", instead=lambda a: formula(a, {**shape, "scale": 1.0}))
    if scale(shape) != usual_scale(shape):
        other = {**shape, "scale": usual_scale(shape)}
        yield Fault("scale", "1/√d instead of the scale given", instead=lambda a: formula(a, other))
    yield Fault("permutation", "blocks and places exchanged", instead=lambda a: _exchanged(a, shape))
    fewer = max(shape["steps"] - 1, 1)
    yield Fault("missing term", "one step less", instead=lambda a: formula(a, {**shape, "steps": fewer}))
    yield Fault("missing term", "the first step alone", instead=lambda a: formula(a, {**shape, "steps": 1}))
    yield Fault("scale", "one step more", instead=lambda a: formula(a, {**shape, "steps": shape["steps"] + 1}))
    if shape["steps"] > 1:
        yield Fault(
            "scale", "averages not divided by their weights", instead=lambda a: _otherwise(a, shape, divided=False)
        )


def _exchanged(a: Arrays, shape: Shape) -> np.ndarray:
    if shape["blocks"] == shape["block"]:
        return formula(a, shape)
    return formula(a, {**shape, "blocks": shape["block"], "block": shape["blocks"]})


def _otherwise(a: Arrays, shape: Shape, entropy: float = 1.0, divided: bool = True) -> np.ndarray:
    q, k, v = (in_blocks(a[name], shape) for name in "qkv")
    by, queries = scale(shape), turned(q)
    averaged, weights = q, None
    for _ in range(shape["steps"]):
        r, _ = within(averaged, weights if divided else None, k, by)
        scores = queries @ transposed(turned(r @ k * by))
        left = softmax(scores - entropy * turned(f.entropy_term(r).sum(-1))[:, :, None], None)
        averaged, weights = turned(transposed(left) @ queries), turned(transposed(left).sum(-1))
    return np.asarray(turned(left @ turned(r @ v)).reshape(a["v"].shape))


OP = Op(
    name="monarch-attention",
    summary="softmax attention by a Monarch matrix of `steps` turns (arXiv 2505.18698), lengths of whole blocks",
    signature="kernel(q, k, v, block=…, steps=…, scale=…): q, k (batch, n, d), v (batch, n, e); (batch, n, e)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    narrow_between=False,
    options=options,
    settings=settings,
    faults=faults,
    accepts=accepts,
    domains={"q": moderate(1.0), "k": moderate(1.0)},
    carries_infinities=False,
)
