"""k = exp(−decay t) ⊙ (W₃ sin(f ⊙ (W₂ sin(f ⊙ (W₁ z + b₁)) + b₂))): taps of an implicit filter, position by position.

Running bounds step by step; a sine is off by what its argument is (`rounding.sine`), which is large: a frequency of 10
makes ten times the error. Rows of features are the batch.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.formats import Format
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import NOT_NEGATIVE, Arrays, Domain, Fault, Op, Shape, any_sizes, moderate

SHORT = 8
"""Width up to which frequencies are some times high."""


def shapes() -> Iterable[Shape]:
    for batch, features, width, channels in (
        (2, 3, 4, 2),
        (1, 1, 1, 1),
        (3, 5, 8, 4),
        (8, 5, 16, 8),
        (33, 3, 5, 7),
        (64, 5, 16, 16),
        (0, 3, 2, 2),
    ):
        yield {"batch": batch, "features": features, "width": width, "channels": channels}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    batch, features, width, channels = (shape[name] for name in ("batch", "features", "width", "channels"))
    return {
        "features": (batch, features), "time": (batch,), "W1": (width, features), "b1": (width,), "W2": (width, width),
        "b2": (width,), "W3": (channels, width), "frequency": (width,), "decay": (channels,),
    }  # fmt: skip


def _some_high(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
    """Below two, or below 16 as models have them, where the sums are short: what is off by rounding grows by each."""
    below = moderate(2.0).into(values, shape, target)
    return 8 * below if shape["width"] <= SHORT and np.signbit(values[[0, -1]]).all() else below


def turned(a: f.Number) -> f.Number:
    return f.rearranged(a, np.transpose)


def formula(a: Arrays, shape: Shape, without: int | None = None) -> np.ndarray:
    """`without`: the layer whose sine has no frequency."""
    x = a["features"]
    for layer, (weight, bias) in enumerate(((a["W1"], a["b1"]), (a["W2"], a["b2"]))):
        # a kernel may start the sum with the bias
        summed = f.widened(f.matmul(x, turned(weight)) + bias, weight.shape[1], bias)
        x = f.stored(f.sine(f.stored(summed) * a["frequency"] if layer != without else summed))
    window = f.exp(-(f.rearranged(a["time"], lambda t: t[:, None]) * a["decay"]))
    found: np.ndarray = f.stored(f.matmul(x, turned(a["W3"]))) * window
    return found


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("missing term", "no window", changed("decay", np.zeros_like))
    yield Fault("missing term", "no frequency", changed("frequency", np.ones_like))
    for layer in (0, 1):
        plain = f"the {('first', 'second')[layer]} sine has no frequency"
        yield Fault("missing term", plain, instead=partial(formula, shape=shape, without=layer))
    yield Fault("missing term", "the first bias is left out", changed("b1", np.zeros_like))
    yield Fault("missing term", "the second bias is left out", changed("b2", np.zeros_like))
    yield Fault("permutation", "decay of another channel", changed("decay", lambda d: np.roll(d, 1, 0)))
    yield Fault("transposed factor", "the inner weight transposed", changed("W2", np.transpose))
    yield Fault("sign", "the window grows", changed("decay", np.negative))


OP = Op(
    name="implicit-filter",
    summary="k = exp(−decay t) ⊙ (W3 sin(f ⊙ (W2 sin(f ⊙ (W1 z + b1)) + b2))) for every position z, t",
    signature="kernel(features, time, W1, b1, W2, b2, W3, frequency, decay): features (batch, z); (batch, d)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    narrow_between=False,
    faults=faults,
    accepts=any_sizes,
    domains={"time": NOT_NEGATIVE, "decay": NOT_NEGATIVE}
    | dict.fromkeys(("features", "W1", "b1", "W2", "b2"), moderate(2.0))
    | {"frequency": Domain(_some_high)},
    carries_infinities=False,
)
