"""Where a NaN or an infinity is put, and zeros in what it is multiplied by: 0 · NaN and 0 · ∞ are NaN.

A kernel that skips what a zero gate, decay, weight or input multiplies is right on numbers, and loses a NaN there.
"""

from __future__ import annotations

import numpy as np

from monarch_theory.testing.op import Arrays, Op, Shape

__all__ = ["MANY", "holders", "poison", "takes_zeros", "with_zeros_beside"]

MANY = 32
"""Rows that many kernels take in one tile; beside one that holds a NaN the others are compared."""


def holders(op: Op, shape: Shape) -> list[str]:
    """The arguments that may hold a NaN, the data last; indices hold none."""
    data, *others = op.arguments(shape)
    names = [*others, data]
    return [name for name, dtype in zip(names, op.dtypes_of(names, "float64"), strict=True) if dtype != "int64"]


def poison(
    op: Op, arrays: Arrays, rng: np.random.Generator, shape: Shape, turn: int | None = None
) -> tuple[str | None, int | None]:
    """Put one NaN or infinity into an argument; the name of that, and the row, where it is the data.

    Into the one of `holders` whose turn it is; without a turn, into the data where there are many rows, else drawn.
    """
    names, data = holders(op, shape), next(iter(arrays))
    value = rng.choice((np.nan, np.nan, np.inf, -np.inf)) if op.carries_infinities else np.nan
    if turn is not None:
        name = names[turn % len(names)]
    elif shape.get("batch", 1) > MANY or len(names) == 1 or rng.integers(2):
        name = names[-1]
    else:
        name = str(rng.choice(names[:-1]))
    if not arrays[name].size or "batch" not in shape:
        return None, None
    row = int(rng.integers(0, shape["batch"])) if name == data else None
    flat = (arrays[name] if row is None else arrays[name][row]).reshape(-1)
    place = int(rng.integers(flat.size))
    for _ in range(DRAWS):
        if _is_read(op, arrays, shape, flat, place):
            break
        place = int(rng.integers(flat.size))
    flat[place] = value
    return name, row


DRAWS = 8
"""Places tried at most, as some are of what an op does not read: rows of a table, blocks of a causal factor."""


def _is_read(op: Op, arrays: Arrays, shape: Shape, flat: np.ndarray, place: int) -> bool:
    """Whether any answer is another where one number is; `flat` is a view into one of the arrays."""
    before, number = op.answers(arrays, shape), flat[place]
    flat[place] = 2 * number + 1
    after = op.answers(arrays, shape)
    flat[place] = number
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))


def takes_zeros(op: Op, name: str) -> bool:
    """Whether an argument holds numbers, and zero may be one of them."""
    return op.dtypes_of([name], "float64") != ("int64",) and (name not in op.domains or op.domains[name].zero)


def with_zeros_beside(
    op: Op, arrays: Arrays, rng: np.random.Generator, shape: Shape, poisoned: str | None, row: int | None,
    turn: int | None = None,
) -> Arrays:  # fmt: skip
    """The arguments, with zeros in those beside the one that is poisoned.

    All are zero at the first turn of each, so that whatever skips zeros skips the NaN; later and without a turn, one
    time in four all are, and in four none. Where the row is known, only it is zero of what has rows of a batch.
    """
    way = 1 if turn is not None and turn < len(holders(op, shape)) else rng.integers(4)
    # the sign of an infinity is known where nothing is zero
    if poisoned is None or way == 0:
        return arrays
    found, of_rows = dict(arrays), _with_rows(op, shape)
    for name, values in arrays.items():
        if name == poisoned or not takes_zeros(op, name):
            continue
        place = np.index_exp[row] if row is not None and name in of_rows else np.index_exp[...]
        found[name] = values.copy()
        found[name][place] = np.where(way == 1 or _somewhere(rng, values[place].shape), 0, values[place])
    return found


def _with_rows(op: Op, shape: Shape) -> list[str]:
    """Names of the arguments that have one row per batch row."""
    more = op.arguments({**shape, "batch": shape["batch"] + 1})
    return [name for name, sizes in op.arguments(shape).items() if more[name] != sizes]


def _somewhere(rng: np.random.Generator, sizes: tuple[int, ...]) -> np.ndarray:
    """Half of an array: of its places, its rows along the last axis or its slices along the first; at least one."""
    whole = (1,) * len(sizes)
    ways = (sizes, sizes[:-1] + whole[-1:], sizes[:1] + whole[1:])
    drawn = rng.random(ways[rng.integers(len(ways))])
    return np.broadcast_to(drawn <= max(0.5, np.min(drawn, initial=1.0)), sizes)
