"""y = table[tokens]: rows of a table are copied, so every bit must be right."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes, indices


def shapes() -> Iterable[Shape]:
    for n, vocabulary, width in (
        (3, 5, 4),
        (1, 1, 1),
        (1, 2, 3),
        (4, 16, 8),
        (7, 33, 5),
        (16, 64, 16),
        (33, 100, 32),
        (64, 257, 64),
    ):
        for batch in (1, 2, 3, 0):
            yield {"batch": batch, "n": n, "vocabulary": vocabulary, "width": width}
    # more words than sixteen bits count
    yield {"batch": 2, "n": 3, "vocabulary": 65_541, "width": 1}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"tokens": (shape["batch"], shape["n"]), "table": (shape["vocabulary"], shape["width"])}


def rows(a: Arrays, shape: Shape) -> np.ndarray:
    """The tokens as integers within the table, also where a fault has changed them."""
    return np.asarray(a["tokens"]).astype(np.int64) % shape["vocabulary"]


def oracle(a: Arrays, shape: Shape) -> np.ndarray:
    return np.asarray(a["table"][rows(a, shape)])


def bound(a: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return np.zeros((*a["tokens"].shape, shape["width"]))


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("permutation", "the next row of the table", lambda a: a | {"tokens": a["tokens"] + 1})
    yield Fault("permutation", "the row before", lambda a: a | {"tokens": a["tokens"] - 1})
    yield Fault("missing term", "the first row is taken for padding", lambda a: a | {"table": _without(a["table"], 0)})
    last = "the last row is never read"
    yield Fault(
        "dropped tail", last, lambda a: a | {"tokens": np.minimum(rows(a, shape), max(shape["vocabulary"] - 2, 0))}
    )
    for bits in (bits for bits in (8, 16) if shape["vocabulary"] > 1 << bits):
        read = f"tokens read in {bits} bits"
        yield Fault("argument in fewer bits", read, partial(_in_bits, shape=shape, bits=bits))
    yield Fault("scale", "scaled by the root of the width", after=lambda y: y * np.sqrt(shape["width"]))


def _in_bits(a: Arrays, shape: Shape, bits: int) -> Arrays:
    return a | {"tokens": rows(a, shape) % (1 << bits)}


def _without(table: np.ndarray, row: int) -> np.ndarray:
    kept = table.copy()
    kept[row] = 0
    return kept


OP = Op(
    name="embedding",
    summary="y = table[tokens]",
    signature="kernel(tokens, table): tokens (batch, n), int64, table (vocabulary, width); gives (batch, n, width)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    claims=(),
    faults=faults,
    accepts=any_sizes,
    domains={"tokens": indices("vocabulary")},
)
