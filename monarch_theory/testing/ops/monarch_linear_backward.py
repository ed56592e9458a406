"""The gradients of y = L P R x: of x by the transposed factors, of R and L by outer products."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import monarch_linear as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": (shape["batch"], shape["s"] * shape["l"]), **forward.arguments(shape)}


def turned(blocks: f.Number) -> f.Number:
    return f.rearranged(blocks, lambda v: v.swapaxes(-1, -2))


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    k, q, p, l, s = (shape[name] for name in "kqpls")  # noqa: E741
    x = forward.first(a["x"], shape)  # (k, p, batch)
    state = forward.between(f.stored(f.matmul(a["R"], x)), shape)  # (l, r, batch)
    given = f.rearranged(a["gradient"], lambda v: v.reshape(v.shape[0], s, l).transpose(2, 1, 0))  # (l, s, batch)
    back = f.stored(f.matmul(turned(a["L"]), given))
    back = f.rearranged(back, lambda v: v.swapaxes(0, 1).reshape(k, q, v.shape[-1]))  # (k, q, batch)
    of_x = f.matmul(turned(a["R"]), back)
    of_x = f.rearranged(of_x, lambda v: v.transpose(2, 0, 1).reshape(v.shape[-1], k * p))
    return of_x, f.matmul(back, turned(x)), f.matmul(given, turned(state))


def faults(shape: Shape) -> Iterable[Fault]:
    for name in ("R", "L"):
        yield Fault("permutation", f"blocks of {name} off by one", changed(name, lambda b: np.roll(b, 1, 0)))
        yield from batch_sum_faults(shape["batch"], f"gradient of {name}")


OP = replace(
    forward.OP,
    name="monarch-linear-backward",
    summary="gradients of y = L P R x of x, R and L (as torch.autograd)",
    signature="kernel(gradient, x, R, L): gradient (batch, s·l), R (k, q, p), L (l, s, r); gives as (x, R, L)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of x"),
        Output("gradient of R", by_row=False),
        Output("gradient of L", by_row=False),
    ),
)
