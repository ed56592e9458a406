"""y = M4 (gelu(a) ⊙ b), (a, b) the halves of M3 x, M3 and M4 block-diagonal: the gated dimension mixer.

Running bounds step by step: a product, gelu (`rounding.gelu`), the gate, a product; between two of them a kernel may
store in the intermediate format.
"""

from collections.abc import Iterable

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import block_faults
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes


def shapes() -> Iterable[Shape]:
    for blocks, width, inner in (
        (2, 2, 2),
        (1, 1, 1),
        (1, 4, 8),
        (2, 3, 5),
        (4, 4, 4),
        (4, 8, 16),
        (3, 7, 9),
        (4, 32, 64),
    ):
        for batch in (2, 1, 3, 0, 7):
            yield {"batch": batch, "blocks": blocks, "width": width, "inner": inner}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    blocks, width, inner = shape["blocks"], shape["width"], shape["inner"]
    return {
        "x": (shape["batch"], blocks * width), "first": (blocks, 2 * inner, width), "second": (blocks, width, inner)
    }  # fmt: skip


def multiplied(blocks: f.Number, x: f.Number) -> f.Number:
    """diag(blocks) x, (blocks·columns, batch) to (blocks·rows, batch)."""
    count, rows, columns = blocks.shape
    found = f.matmul(blocks, f.rearranged(x, lambda v: v.reshape(count, columns, v.shape[-1])))
    return f.rearranged(found, lambda v: v.reshape(count * rows, v.shape[-1]))


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    half = shape["blocks"] * shape["inner"]
    both = f.stored(multiplied(a["first"], f.rearranged(a["x"], np.transpose)))
    gated = f.stored(f.stored(f.gelu(both[:half])) * both[half:])
    found: np.ndarray = f.rearranged(multiplied(a["second"], gated), np.transpose)
    return found


def faults(shape: Shape) -> Iterable[Fault]:
    half = shape["blocks"] * shape["inner"]
    yield Fault("permutation", "gate and value exchanged", instead=lambda a: _by(a, half, lambda g, v: v_gelu(v) * g))
    yield Fault("missing term", "no activation", instead=lambda a: _by(a, half, lambda g, v: g * v))
    yield Fault("missing term", "no gate", instead=lambda a: _by(a, half, lambda g, v: v_gelu(g)))
    yield Fault(
        "activation", "gelu by its approximation with tanh", instead=lambda a: _by(a, half, lambda g, v: _tanh(g) * v)
    )
    yield Fault("permutation", "gate and value from the halves of each block", instead=lambda a: _by_block(a, shape))
    yield from block_faults(arguments(shape), ["first", "second"])


def v_gelu(a: np.ndarray) -> np.ndarray:
    return np.asarray(f.gelu(a))


def _tanh(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


def _by(a: Arrays, half: int, gate) -> np.ndarray:  # type: ignore[no-untyped-def]
    both = multiplied(a["first"], a["x"].T)
    return np.asarray(multiplied(a["second"], gate(both[:half], both[half:])).T)


def _by_block(a: Arrays, shape: Shape) -> np.ndarray:
    both = multiplied(a["first"], a["x"].T).reshape(shape["blocks"], 2, shape["inner"], -1)
    gated = (v_gelu(both[:, 0]) * both[:, 1]).reshape(shape["blocks"] * shape["inner"], -1)
    return np.asarray(multiplied(a["second"], gated).T)


OP = Op(
    name="dimension-mixer",
    summary="y = M4 (gelu(a) ⊙ b), (a, b) the halves of M3 x, with block-diagonal M3 and M4",
    signature="kernel(x, first, second): x (batch, k·p), first (k, 2·m, p), second (k, p, m); gives as x",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    accepts=any_sizes,
    carries_infinities=False,
)
