"""The gradients of y = M4 (gelu(a) ⊙ b), (a, b) the halves of M3 x.

With g the gradient and w = M4ᵀ g: of a it is w ⊙ b ⊙ gelu'(a), of b w ⊙ gelu(a), of x M3ᵀ of both, and of the blocks
outer products summed over the batch. Kernels are held to float32 inside: what four steps in bfloat16 may lose is as
large as the answer.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, block_faults
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import dimension_mixer as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **found}


def turned(blocks: f.Number) -> f.Number:
    return f.rearranged(blocks, lambda v: v.swapaxes(-1, -2))


def outer(rows: f.Number, columns: f.Number, blocks: int) -> f.Number:
    """Σ_batch of rows and columns, (blocks·m, batch) and (blocks·n, batch), block by block: (blocks, m, n)."""
    left, right = (
        f.rearranged(a, lambda v: v.reshape(blocks, v.shape[0] // blocks, v.shape[-1])) for a in (rows, columns)
    )
    return f.matmul(left, turned(right))


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    blocks, half = shape["blocks"], shape["blocks"] * shape["inner"]
    x, g = (f.rearranged(a[name], np.transpose) for name in ("x", "gradient"))  # (k·p, batch)
    both = f.stored(forward.multiplied(a["first"], x))
    gate, value = both[:half], both[half:]
    active, slope = f.stored(f.gelu(gate)), f.gelu_slope(gate)
    back = f.stored(forward.multiplied(turned(a["second"]), g))
    through = back * value
    of_gate = f.stored(f.widened(through * slope, 4, lambda: f.moduli(through) * f.moduli(slope)))
    parts = f.joined([of_gate, f.stored(back * active)], 0)
    of_x = f.rearranged(forward.multiplied(turned(a["first"]), parts), np.transpose)
    return of_x, outer(parts, x, blocks), outer(g, f.stored(active * value), blocks)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("permutation", "gradients of gate and value exchanged", instead=lambda a: _exchanged(a, shape))
    yield Fault("missing term", "the slope is Φ alone", instead=lambda a: _without_bell(a, shape))
    yield from block_faults(arguments(shape), ["first", "second"])
    for name in ("first", "second"):
        yield from batch_sum_faults(shape["batch"], f"gradient of {name}")


def _from(a: Arrays, shape: Shape, parts: np.ndarray) -> tuple[np.ndarray, ...]:
    of_x = forward.multiplied(turned(a["first"]), parts).T
    return np.asarray(of_x), outer(parts, a["x"].T, shape["blocks"]), formula(a, shape)[2]


def _pieces(a: Arrays, shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    half = shape["blocks"] * shape["inner"]
    both = forward.multiplied(a["first"], a["x"].T)
    return both[:half], both[half:], forward.multiplied(turned(a["second"]), a["gradient"].T)


def _exchanged(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    gate, value, back = _pieces(a, shape)
    return _from(a, shape, np.concatenate([back * f.gelu(gate), back * value * f.gelu_slope(gate)]))


def _without_bell(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    gate, value, back = _pieces(a, shape)
    below = f.gelu(gate) / np.where(gate == 0, 1, gate) + (gate == 0) / 2
    return _from(a, shape, np.concatenate([back * value * below, back * f.gelu(gate)]))


OP = replace(
    forward.OP,
    name="dimension-mixer-backward",
    summary="gradients of M4 (gelu(a) ⊙ b), (a, b) the halves of M3 x, of x, M3 and M4 (as torch.autograd)",
    signature="kernel(gradient, x, first, second): gradient as x; gives as (x, first, second)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    narrow_between=False,
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of x"),
        Output("gradient of first", by_row=False),
        Output("gradient of second", by_row=False),
    ),
)
