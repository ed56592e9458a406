"""The gradient of table[tokens]: rows added up for every token, c of them with γ_(c−1), in any order."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, Running, exactly, gamma, grain_of, store
from monarch_theory.rounding.model import scaled
from monarch_theory.rounding.running import representable
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import embedding as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": (*found["tokens"], shape["width"]), **found}


def added(gradient: np.ndarray, rows: np.ndarray, vocabulary: int) -> np.ndarray:
    """(batch, n, width) to (vocabulary, width)."""
    found = np.zeros((vocabulary, gradient.shape[-1]), gradient.dtype)
    np.add.at(found, rows.reshape(-1), gradient.reshape(-1, gradient.shape[-1]))
    return found


def oracle(a: Arrays, shape: Shape) -> np.ndarray:
    return added(a["gradient"], forward.rows(a, shape), shape["vocabulary"])


def bound(a: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    rows, gradient = forward.rows(a, shape), exactly(a["gradient"]).value
    moduli = added(np.abs(gradient), rows, shape["vocabulary"])
    counts = added(np.ones((*rows.shape, 1)), rows, shape["vocabulary"])
    growth = np.vectorize(lambda c: gamma(max(c - 1, 0), model.accumulation.unit_roundoff), otypes=[float])(counts)
    grain = grain_of(gradient)
    rounding = scaled(growth, moduli) + (counts > 1) * counts * model.accumulation.underflow
    rounding = np.where(representable(moduli, grain, model.accumulation), 0.0, rounding)
    rounding = np.where(moduli + rounding > model.accumulation.largest, np.inf, rounding)
    summed = Running(added(gradient, rows, shape["vocabulary"]), rounding, grain)
    # one row alone is copied
    return BOUND_SLACK * np.where(counts <= 1, 0.0, store(summed, model.storage).error)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("not summed over the batch", "the last of equal tokens alone", instead=lambda a: _last(a, shape))
    yield Fault(
        "not summed over the batch", "the first batch row alone", lambda a: a | {"gradient": _first(a["gradient"])}
    )
    yield Fault("permutation", "added to the next row", lambda a: a | {"tokens": a["tokens"] + 1})
    yield Fault("missing term", "the first row is taken for padding", after=lambda y: forward._without(y, 0))


def _last(a: Arrays, shape: Shape) -> np.ndarray:
    found = np.zeros((shape["vocabulary"], shape["width"]))
    found[forward.rows(a, shape).reshape(-1)] = a["gradient"].reshape(-1, shape["width"])
    return found


def _first(gradient: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(gradient)
    kept[:1] = gradient[:1]
    return kept


OP = replace(
    forward.OP,
    name="embedding-backward",
    summary="gradient of table[tokens] of the table: rows of the gradient added up for every token",
    signature="kernel(gradient, tokens, table): gradient (batch, n, width), tokens (batch, n), int64; gives as table",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    claims=("accumulation",),
    faults=faults,
    outputs=lambda shape: (Output("gradient of table", by_row=False),),
)
