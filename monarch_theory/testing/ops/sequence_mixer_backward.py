"""The gradients of the sequence mixer, backwards through projection, gates, both convolutions and projection.

Running bounds as of the forward op; those of the filters are sums over the batch, and over all places for the weights.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import sequence_mixer as forward
from monarch_theory.testing.ops.short_convolution import of_taps, of_windows


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **found}


def along(a: f.Number) -> f.Number:
    """(batch, n, d) to (batch, d, n), or back."""
    return f.rearranged(a, lambda v: v.swapaxes(1, 2))


def outer(rows: f.Number, columns: f.Number) -> f.Number:
    """Σ over batch and places of rows and columns, (batch, m, n) and (batch, d, n): (m, d)."""
    left, right = (
        f.rearranged(a, lambda v: v.transpose(1, 0, 2).reshape(v.shape[1], v.shape[0] * v.shape[2]))
        for a in (rows, columns)
    )
    return f.matmul(left, f.rearranged(right, np.transpose))


def formula(a: Arrays, shape: Shape, back_skip: bool = True) -> tuple[np.ndarray, ...]:
    d, taps = shape["width"], shape["taps"]
    x, g = along(a["x"]), along(a["gradient"])  # (batch, d, n)
    inner = f.stored(forward.projected(a["input"], x))  # (batch, 3d, n)
    near = f.stored(of_windows(inner, a["short"]))
    first, second, value = (near[:, i * d : (i + 1) * d] for i in range(3))
    gated, skip = f.stored(first * value), a["skip"][:, None]
    mixed = f.stored(f.skipping(f.causal_convolution, gated, a["k"], skip))
    back = f.stored(forward.projected(f.rearranged(a["output"], np.transpose), g))
    of_mixed = f.stored(back * second)
    if back_skip:
        of_gated = f.stored(f.skipping(f.causal_correlation, of_mixed, a["k"], skip))
    else:
        of_gated = f.stored(f.causal_correlation(of_mixed, a["k"]))
    of_near = f.joined([f.stored(of_gated * value), f.stored(back * mixed), f.stored(of_gated * first)], 1)
    of_inner = f.stored(of_windows(of_near, a["short"], ahead=True))
    of_short = of_taps(inner, of_near, taps)
    of_x = along(forward.projected(f.rearranged(a["input"], np.transpose), of_inner))
    of_filter = f.filter_gradient(of_mixed, gated)
    of_skip = f.larger_of(f.total(of_mixed * gated, (0, 2)), lambda: of_filter[..., 0])
    return of_x, outer(of_inner, x), of_short, of_filter, of_skip, outer(g, f.stored(mixed * second))


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "the skip term is missing", changed("skip", np.zeros_like))
    past = "the gradient does not pass the skip term"
    yield Fault("missing term", past, instead=lambda a: formula(a, shape, back_skip=False))
    yield Fault("permutation", "the short filter reversed in time", changed("short", lambda w: w[:, ::-1]))
    yield Fault("permutation", "the long filter reversed in time", changed("k", lambda k: k[..., ::-1]))
    yield Fault("transposed factor", "the output projection transposed", changed("output", np.transpose))
    for name in ("input", "short", "k", "skip", "output"):
        yield from batch_sum_faults(shape["batch"], f"gradient of {name}")


OP = replace(
    forward.OP,
    name="sequence-mixer-backward",
    summary="gradients of the sequence mixer of x, both projections, both filters and the skip (as torch.autograd)",
    signature="kernel(gradient, x, input, short, k, skip, output): gradient as x; gives as (x, input, …, output)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of x"),
        *(Output(f"gradient of {name}", by_row=False) for name in ("input", "short", "k", "skip", "output")),
    ),
)
