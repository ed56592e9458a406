"""y = Monarch x with two factors of unrelated numbers of blocks, as fly's `blockdiag_butterfly_multiply` has it.

R holds k blocks (q, p), L holds l blocks (s, r), and k q = l r: what R gives, (k q), is read as (r, l), and column c of
it goes through block c of L; output digit i of that block is element i l + c. `MonarchLinear(nblocks=4)` has
k = l = 4 and q ≠ l. With q = l and r = k it is the Monarch product of order 2.
"""

from collections.abc import Iterable

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import block_faults
from monarch_theory.testing.op import Arrays, Fault, Op, Shape

SIZES = (
    (2, 2, 2, 2, 2), (1, 1, 1, 1, 1), (2, 3, 2, 3, 2), (4, 4, 3, 4, 5), (4, 8, 4, 4, 2), (2, 6, 3, 4, 5),
    (4, 16, 8, 4, 8), (3, 5, 7, 5, 2), (8, 8, 8, 8, 8), (4, 32, 16, 4, 16), (1, 6, 4, 3, 2), (6, 1, 4, 2, 3),
    (4, 64, 32, 4, 32),
)  # fmt: skip
"""k, q, p, l, s."""


def shapes() -> Iterable[Shape]:
    for k, q, p, l, s in SIZES:  # noqa: E741
        for batch in (2, 1, 3, 0, 7):
            yield {"batch": batch, "k": k, "q": q, "p": p, "l": l, "s": s}


def accepts(shape: Shape) -> bool:
    return bool(shape["k"] * shape["q"] % shape["l"] == 0)


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    k, q, p, l, s = (shape[name] for name in "kqpls")  # noqa: E741
    return {"x": (shape["batch"], k * p), "R": (k, q, p), "L": (l, s, k * q // l)}


def first(x: f.Number, shape: Shape) -> f.Number:
    """(batch, k·p) to the columns that R multiplies, (k, p, batch)."""
    return f.rearranged(x, lambda v: v.reshape(v.shape[0], shape["k"], shape["p"]).transpose(1, 2, 0))


def between(state: f.Number, shape: Shape) -> f.Number:
    """What R gives, (k, q, batch), to the columns that L multiplies, (l, r, batch)."""
    r = shape["k"] * shape["q"] // shape["l"]
    return f.rearranged(state, lambda v: v.reshape(r, shape["l"], v.shape[-1]).swapaxes(0, 1))


def last(state: f.Number, shape: Shape) -> f.Number:
    """What L gives, (l, s, batch), to (batch, s·l)."""
    return f.rearranged(state, lambda v: v.transpose(2, 1, 0).reshape(v.shape[-1], shape["s"] * shape["l"]))


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    state = f.stored(f.matmul(a["R"], first(a["x"], shape)))
    found: np.ndarray = last(f.matmul(a["L"], between(state, shape)), shape)
    return found


def faults(shape: Shape) -> Iterable[Fault]:
    r, l, s = shape["k"] * shape["q"] // shape["l"], shape["l"], shape["s"]  # noqa: E741
    straight = "no permutation between the factors"
    yield Fault("permutation", straight, instead=lambda a: _straight(a, shape))
    order = np.arange(s * l).reshape(s, l).T.reshape(-1)
    yield Fault("permutation", "output with the block index slowest", after=lambda y: y[:, order])
    if r == l:
        yield Fault("transposed factor", "blocks of L not permuted", lambda a: a | {"L": a["L"][::-1]})
    yield from block_faults(arguments(shape), ["R", "L"])


def _straight(a: Arrays, shape: Shape) -> np.ndarray:
    state = a["R"] @ first(a["x"], shape)
    columns = state.reshape(shape["l"], -1, state.shape[-1])
    return np.asarray(last(a["L"] @ columns, shape))


OP = Op(
    name="monarch-linear",
    summary="y = L P R x, R of k blocks (q, p), L of l blocks (s, r), k q = l r: block counts need not match",
    signature="kernel(x, R, L): x (batch, k·p), R (k, q, p), L (l, s, r) with l·r = k·q; gives (batch, s·l)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    accepts=accepts,
)
