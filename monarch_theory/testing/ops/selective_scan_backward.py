"""The gradients of the selective scan.

With decay = exp(δA), h its states and g the gradient: the states' own gradients are the recurrence backwards,
s_t = g_t C_t + decay_(t+1) s_(t+1). Of C it is Σ_channels g h, of B Σ_channels s δ x, of D Σ g x; with
e = s ⊙ h_(t−1) ⊙ decay, of A Σ e δ and of δ Σ_states (e A + s x B), of x g D + Σ_states s δ B. The products may be
formed, and the sums joined, in any order: as many more roundings. States that are divided out again are not granted.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import Tracked
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import selective_scan as forward
from monarch_theory.testing.ops.linear_recurrence import scanned, states
from monarch_theory.testing.ops.linear_recurrence_backward import before, later


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["x"], **found}


def recurrence(decay: f.Number, x: f.Number) -> f.Number:
    """h_t = decay_t h_(t−1) + x_t along the last axis."""
    if isinstance(x, Tracked):
        return Tracked(scanned(decay.held, x.held, x.model), x.model)
    return states(decay, x)


def backwards(decay: f.Number, x: f.Number) -> f.Number:
    """s_t = x_t + decay_(t+1) s_(t+1) along the last axis."""
    found = recurrence(f.rearranged(decay, later), f.rearranged(x, lambda v: v[..., ::-1]))
    return f.rearranged(found, lambda v: v[..., ::-1])


def summed(terms: f.Number, axis: int | tuple[int, ...], roundings: int = 4) -> f.Number:
    """The sum of products, each formed in any order."""
    return f.widened(f.total(terms, axis), roundings, lambda: f.total(f.moduli(terms), axis))


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    x, delta, g = (f.rearranged(a[name], forward.along) for name in ("x", "delta", "gradient"))  # (b, c, 1, n)
    rate = f.rearranged(a["A"], lambda v: v[:, :, None])  # (c, s, 1)
    into, out = (f.rearranged(a[name], lambda v: v[:, None]) for name in ("B", "C"))  # (b, 1, s, n)
    decay = f.exp(delta * rate)  # (b, c, s, n)
    h = recurrence(decay, delta * x * into)
    s = backwards(decay, g * out)
    e = s * f.rearranged(h, before) * decay
    size = shape["state"]
    of_delta = summed(e * rate, 2, 4 + size) + summed(s * x * into, 2, 4 + size)
    skipped = f.widened(a["gradient"] * a["D"][:, None], size, lambda: f.moduli(a["gradient"] * a["D"][:, None]))
    of_x = skipped + summed(s * delta * into, 2)
    of_skip = f.total(a["gradient"] * a["x"], (0, 2))
    return of_x, of_delta, summed(e * delta, (0, 3)), summed(s * delta * x, 1), summed(g * h, 1), of_skip


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "D is left out", changed("D", np.zeros_like), output="gradient of x")
    yield Fault(
        "permutation", "the decay of the same place instead of the next", instead=lambda a: _same_place(a, shape)
    )
    yield Fault("missing term", "δ only through the decay", instead=lambda a: _half_of_delta(a, shape))
    yield Fault("permutation", "gradients of B and C exchanged", instead=lambda a: _exchanged(a, shape))
    yield Fault("permutation", "A of another channel", changed("A", lambda v: np.roll(v, 1, 0)))
    for name in ("A", "D"):
        yield from batch_sum_faults(shape["batch"], f"gradient of {name}")


def _same_place(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    _, *others = formula(a, shape)
    delta, into = forward.along(a["delta"]), a["B"][:, None]
    decay = np.exp(delta * a["A"][:, :, None])
    s = states(decay[..., ::-1], (forward.along(a["gradient"]) * a["C"][:, None])[..., ::-1])[..., ::-1]
    return np.asarray(a["gradient"] * a["D"][:, None] + (s * delta * into).sum(2)), *others


def _half_of_delta(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    of_x, of_delta, *others = formula(a, shape)
    decay = np.exp(forward.along(a["delta"]) * a["A"][:, :, None])
    s = backwards(decay, forward.along(a["gradient"]) * a["C"][:, None])
    return of_x, of_delta - (s * forward.along(a["x"]) * a["B"][:, None]).sum(2), *others


def _exchanged(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    of_x, of_delta, of_rate, of_into, of_out, of_skip = formula(a, shape)
    return of_x, of_delta, of_rate, of_out, of_into, of_skip


OP = replace(
    forward.OP,
    name="selective-scan-backward",
    summary="gradients of the selective scan of x, delta, A, B, C and D (as torch.autograd)",
    signature="kernel(gradient, x, delta, A, B, C, D): gradient as x; gives as (x, delta, A, B, C, D)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: (
        Output("gradient of x"),
        Output("gradient of delta"),
        Output("gradient of A", by_row=False),
        Output("gradient of B"),
        Output("gradient of C"),
        Output("gradient of D", by_row=False),
    ),
)
