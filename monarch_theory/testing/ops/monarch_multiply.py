"""y = M x for a Monarch matrix in the M2 convention, any order, any mixed radix, square or rectangular."""

from collections.abc import Iterable
from math import prod

import numpy as np

from monarch_theory.digits import digits_of, reversal
from monarch_theory.monarch import block_counts
from monarch_theory.rounding import BOUND_SLACK, ErrorModel, exactly, monarch_running, store
from monarch_theory.testing.arithmetic import EXACT
from monarch_theory.testing.faults import block_faults, changed
from monarch_theory.testing.op import LARGE_BATCH, Arrays, Fault, Op, Output, Shape, any_sizes

RADICES = (
    ((2, 2), (2, 2)), ((1, 1), (1, 1)), ((3, 3), (3, 3)), ((2, 3), (2, 3)), ((3, 2), (3, 2)), ((1, 4), (1, 4)),
    ((4, 1), (4, 1)), ((2, 3), (3, 2)), ((4, 2), (2, 5)), ((4, 4), (4, 4)), ((2, 2, 2), (2, 2, 2)),
    ((2, 1, 3), (2, 1, 3)), ((2, 3, 2), (3, 2, 4)), ((5, 7), (5, 7)), ((8, 8), (8, 8)), ((2, 3, 4), (2, 3, 4)),
    ((4, 4, 4), (4, 4, 4)), ((2, 2, 3, 2), (2, 3, 2, 2)), ((16, 8), (16, 8)),
    ((2, 2, 2, 2, 2), (2, 2, 2, 2, 2)), ((16, 16), (16, 16)), ((32, 32), (32, 32)),
)  # fmt: skip


def shapes() -> Iterable[Shape]:
    for columns, rows in RADICES:
        large = (LARGE_BATCH,) if prod(columns) <= 32 else ()
        for batch in (1, 2, 3, 0, 7, *large):
            yield {"batch": batch, "input_radices": columns, "output_radices": rows}


def factor_names(shape: Shape) -> list[str]:
    return [f"factor{k}" for k in range(len(shape["input_radices"]))]


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    columns, rows = shape["input_radices"], shape["output_radices"]
    counts = block_counts(rows, columns)
    factors = {name: (counts[k], rows[k], columns[k]) for k, name in enumerate(factor_names(shape))}
    return {"x": (shape["batch"], prod(columns)), **factors}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    factors = [arrays[name] for name in factor_names(shape)]
    return np.asarray(EXACT.apply(factors, arrays["x"].T)).T


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    factors = [arrays[name] for name in factor_names(shape)]
    state = monarch_running(factors, exactly(arrays["x"].T), model)
    return BOUND_SLACK * store(state, model.storage).error.T


def digits(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    """Output digits are i_(p−1) … i_0, most significant first."""
    rows = shape["output_radices"]
    found = digits_of(index[1], rows[::-1])
    names = tuple(f"i{k}" for k in reversed(range(len(rows))))
    return {"batch": int(index[0]), "row": int(index[1]), **dict(zip(names, found, strict=True))}


def faults(shape: Shape) -> Iterable[Fault]:
    names = factor_names(shape)
    columns, rows = shape["input_radices"], shape["output_radices"]
    in_order, out_order = reversal(columns[::-1]), np.argsort(reversal(rows))
    read_reversed = changed("x", lambda x: x[:, in_order])
    yield Fault("permutation", "input digits read in reverse order (P L P R, the DAO convention)", read_reversed)
    yield Fault("permutation", "output digits left in stage order (L P R P)", after=lambda y: y[:, out_order])
    yield Fault("permutation", "no digit reversal at the ends (L P R)", read_reversed, lambda y: y[:, out_order])
    if len(rows) > 2:
        yield Fault(
            "permutation", "output digits rotated by one instead of reversed", after=lambda y: _rotated(y, rows)
        )
    yield Fault("conjugate", "every factor conjugated", lambda a: a | {name: np.conj(a[name]) for name in names})
    turned = "blocks of every factor transposed, where they are square"
    yield Fault("transposed factor", turned, lambda a: a | {name: _turned(a[name]) for name in names})
    yield from block_faults(arguments(shape), names)
    for k, name in enumerate(names):
        others = rows[:k] + columns[k + 1 :]
        if len(others) > 1:
            order = reversal(others)
            reordered = changed(name, lambda blocks, order=order: blocks[order])
            yield Fault("permutation", f"blocks of {name} in digit-reversed order", reordered)
    if len(names) > 1 and arguments(shape)[names[0]] == arguments(shape)[names[-1]]:
        yield Fault("permutation", "factors in the reverse order", lambda a: _reverse_factors(a, names))


def _rotated(y: np.ndarray, rows: tuple[int, ...]) -> np.ndarray:
    """The last digit first, the others in stage order."""
    order = len(rows)
    return y.reshape(len(y), *rows[::-1]).transpose(0, 1, *range(order, 1, -1)).reshape(y.shape)


def _turned(blocks: np.ndarray) -> np.ndarray:
    return blocks.swapaxes(1, 2) if blocks.shape[1] == blocks.shape[2] else blocks


def _reverse_factors(arrays: Arrays, names: list[str]) -> Arrays:
    return arrays | dict(zip(names, [arrays[name] for name in reversed(names)], strict=True))


OP = Op(
    name="monarch-multiply",
    summary="y = M x, M a Monarch matrix of any order and radix in the M2 convention (P L P R P for order 2)",
    signature="kernel(x, *factors): x (batch, inputs), factor k (blocks, m_k, n_k); gives (batch, outputs)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    faults=faults,
    outputs=lambda shape: (Output("y", digits),),
    numbers="both",
    accepts=any_sizes,
)
