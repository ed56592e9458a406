"""y = W_out (x₂ ⊙ (k ∗ (x₁ ⊙ v) + skip ⊙ x₁ ⊙ v)), (x₁, x₂, v) a short convolution of W_in x.

Running bounds step by step, of a dense product, a short causal convolution, two gates around a long one, and a dense
product. Kernels are held to float32 inside: what six steps in bfloat16 may lose is as large as the answer.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.rounding.model import CLAIMS
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes
from monarch_theory.testing.ops.short_convolution import of_windows


def shapes() -> Iterable[Shape]:
    for n, width, taps in ((4, 2, 2), (1, 1, 1), (2, 3, 3), (7, 4, 3), (8, 8, 3), (16, 16, 4), (33, 5, 3), (64, 16, 3)):
        for batch in (2, 1, 3, 0):
            yield {"batch": batch, "n": n, "width": width, "taps": taps}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    n, d = shape["n"], shape["width"]
    return {
        "x": (shape["batch"], n, d), "input": (3 * d, d), "short": (3 * d, shape["taps"]), "k": (d, n), "skip": (d,),
        "output": (d, d),
    }  # fmt: skip


def projected(weight: f.Number, x: f.Number) -> f.Number:
    """weight x along axis 1, (batch, d, n) to (batch, e, n)."""
    batch, d, n = x.shape
    columns = f.rearranged(x, lambda v: v.transpose(1, 0, 2).reshape(d, batch * n))
    return f.rearranged(f.matmul(weight, columns), lambda v: v.reshape(weight.shape[0], batch, n).swapaxes(0, 1))


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    d = shape["width"]
    inner = f.stored(projected(a["input"], f.rearranged(a["x"], lambda v: v.swapaxes(1, 2))))  # (batch, 3d, n)
    near = f.stored(of_windows(inner, a["short"]))
    first, second, value = (near[:, i * d : (i + 1) * d] for i in range(3))
    gated = f.stored(first * value)
    mixed = f.skipping(f.causal_convolution, gated, a["k"], a["skip"][:, None])
    found: np.ndarray = projected(a["output"], f.stored(f.stored(mixed) * second))
    return f.rearranged(found, lambda v: v.swapaxes(1, 2))


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like))
    yield Fault("permutation", "the short filter reversed in time", changed("short", lambda w: w[:, ::-1]))
    yield Fault("permutation", "the long filter reversed in time", changed("k", lambda k: k[..., ::-1]))
    yield Fault("permutation", "the long filter of another channel", changed("k", lambda k: np.roll(k, 1, 0)))
    for shift in (1, 2):
        order = f"gates and value in another order ({shift})"
        yield Fault("permutation", order, partial(_reordered, parts=shift))
    yield Fault("transposed factor", "the output projection transposed", changed("output", np.transpose))


def _reordered(a: Arrays, parts: int) -> Arrays:
    return a | {name: _rolled(a[name], parts) for name in ("input", "short")}


def _rolled(a: np.ndarray, parts: int) -> np.ndarray:
    return np.roll(a, parts * (len(a) // 3), 0)


OP = Op(
    name="sequence-mixer",
    summary="y = W_out (x₂ ⊙ (k ∗ (x₁ ⊙ v) + skip ⊙ x₁ ⊙ v)), (x₁, x₂, v) the causal short convolution of W_in x",
    signature="kernel(x, input, short, k, skip, output): x (batch, n, d), input (3d, d), short (3d, taps), k (d, n)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    random_rounding=True,
    claims=(*CLAIMS, "packing", "tables"),
    narrow_between=False,
    faults=faults,
    accepts=any_sizes,
)
