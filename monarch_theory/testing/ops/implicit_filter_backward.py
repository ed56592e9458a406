"""The gradients of the implicit filter of its weights, biases, frequency and decays, summed over the positions.

With s₁, s₂ the sines, c₁, c₂ the cosines of the same arguments f ⊙ z and w the window: w ⊙ gradient is that of W₃ s₂;
going back through a sine multiplies by c and f, and the frequency collects what its argument was multiplied with.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import batch_sum_faults, changed
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import implicit_filter as forward

OUTPUTS = ("W1", "b1", "W2", "b2", "W3", "frequency", "decay")


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": (shape["batch"], shape["channels"]), **forward.arguments(shape)}


def linear(x: f.Number, weight: f.Number, bias: f.Number) -> f.Number:
    """x Wᵀ + b, the sum started with either."""
    return f.stored(f.widened(f.matmul(x, forward.turned(weight)) + bias, weight.shape[1], bias))


def formula(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    frequency = a["frequency"]
    z1 = linear(a["features"], a["W1"], a["b1"])
    s1, c1 = f.stored(f.sine(z1 * frequency)), f.cosine(z1 * frequency)
    z2 = linear(s1, a["W2"], a["b2"])
    s2, c2 = f.stored(f.sine(z2 * frequency)), f.cosine(z2 * frequency)
    time = f.rearranged(a["time"], lambda t: t[:, None])
    window = f.exp(-(time * a["decay"]))
    out = f.stored(a["gradient"] * window)  # (batch, channels)
    p2 = f.stored(f.matmul(out, a["W3"])) * c2
    g2 = f.stored(p2 * frequency)
    p1 = f.stored(f.matmul(g2, a["W2"])) * c1
    g1 = f.stored(p1 * frequency)
    of_w1, of_w2 = (f.matmul(forward.turned(g), x) for g, x in ((g1, a["features"]), (g2, s1)))
    of_frequency = f.total(p1 * z1, 0) + f.total(p2 * z2, 0)
    # one sum of both, products in any order
    of_frequency = f.widened(
        of_frequency, 4 + shape["batch"], lambda: f.total(f.moduli(p1 * z1), 0) + f.total(f.moduli(p2 * z2), 0)
    )
    lost = out * f.matmul(s2, forward.turned(a["W3"])) * time
    of_decay = -f.widened(f.total(lost, 0), 4, lambda: f.total(f.moduli(lost), 0))
    of_w3 = f.matmul(forward.turned(out), s2)
    return of_w1, f.total(g1, 0), of_w2, f.total(g2, 0), of_w3, of_frequency, of_decay


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "no window", changed("decay", np.zeros_like))
    yield Fault("missing term", "the frequency collects nothing", instead=lambda a: _one_zero(a, shape, "frequency"))
    yield Fault("missing term", "the frequency collects of the outer sine alone", instead=lambda a: _outer(a, shape))
    yield Fault("sign", "the gradient of the decay has the other sign", instead=lambda a: _turned_decay(a, shape))
    yield Fault("transposed factor", "the inner weight transposed", changed("W2", np.transpose))
    for name in OUTPUTS:
        yield from batch_sum_faults(shape["batch"], f"gradient of {name}")


def _one_zero(a: Arrays, shape: Shape, name: str) -> tuple[np.ndarray, ...]:
    found = formula(a, shape)
    return tuple(np.zeros_like(y) if one == name else y for one, y in zip(OUTPUTS, found, strict=True))


def _outer(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    *weights, _, of_decay = formula(a, shape)
    z1 = linear(a["features"], a["W1"], a["b1"])
    z2 = linear(np.sin(z1 * a["frequency"]), a["W2"], a["b2"])
    out = a["gradient"] * np.exp(-a["time"][:, None] * a["decay"])
    return *weights, (out @ a["W3"] * np.cos(z2 * a["frequency"]) * z2).sum(0), of_decay


def _turned_decay(a: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    *others, of_decay = formula(a, shape)
    return *others, -of_decay


OP = replace(
    forward.OP,
    name="implicit-filter-backward",
    summary="gradients of the implicit filter of W1, b1, W2, b2, W3, frequency and decay (as torch.autograd)",
    signature="kernel(gradient, features, time, W1, b1, W2, b2, W3, frequency, decay): gives as (W1, …, decay)",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    faults=faults,
    outputs=lambda shape: tuple(Output(f"gradient of {name}", by_row=False) for name in OUTPUTS),
)
