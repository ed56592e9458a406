"""y = postgate ⊙ (k ∗ (pregate ⊙ u)), causal: a long convolution between two gates, as flash-fft-conv has it.

The product before the convolution is rounded, and its error is carried by the filter: at most |k| ∗ |error| for an
element, and the largest response of k times its norm for a row.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import (
    ErrorModel,
    convolution_bound_in_norm,
    exactly,
    largest_response,
    multiply,
    store,
)
from monarch_theory.rounding.norms import two_norm
from monarch_theory.testing import formulas as f
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, NormBound, Shape
from monarch_theory.testing.ops import circular_convolution, long_convolution


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    signal = (shape["batch"], shape["channels"], shape["n"])
    return {"u": signal, "k": signal[1:], "pregate": signal, "postgate": signal}


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    convolved: np.ndarray = f.stored(f.causal_convolution(f.stored(a["pregate"] * a["u"]), a["k"]))
    return convolved * a["postgate"]


def bound_in_norm(a: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    """Over the postgate, as for the long convolution."""
    k, gate = a["k"], a["postgate"]
    signal = store(multiply(exactly(a["pregate"]), exactly(a["u"]), model), model.intermediate)
    inside = convolution_bound_in_norm(signal, k, 2 * shape["n"] - 1, model)[..., 0]
    with np.errstate(all="ignore"):
        inside = inside + largest_response(k)[..., 0] * two_norm(signal.error)
    value = long_convolution.exactly_real(exact.causal_convolution(signal.value, k))
    gated = multiply(exactly(gate), store(value, model.intermediate), model)
    weights = long_convolution.over(gate)
    after = weights * store(gated, model.storage).error
    return long_convolution.after_convolution(inside, after, model, weights)


def faults(shape: Shape) -> Iterable[Fault]:
    for gate in ("pregate", "postgate"):
        yield Fault("missing term", f"the {gate} is not applied", changed(gate, np.ones_like))
    yield Fault(
        "permutation",
        "pregate and postgate exchanged",
        lambda a: a | {"pregate": a["postgate"], "postgate": a["pregate"]},
    )
    yield Fault("permutation", "filter of another channel", changed("k", lambda k: np.roll(k, 1, 0)))
    yield Fault("permutation", "filter reversed in time", changed("k", lambda k: k[..., ::-1]))
    late = "the pregate is applied to what was convolved"
    yield Fault("permutation", late, instead=lambda a: a["postgate"] * a["pregate"] * _causal(a["u"], a["k"]))
    yield Fault("not causal", "circular instead of causal convolution: the end wraps around", instead=_wrapped)


_causal = exact.causal_convolution


def _wrapped(a: Arrays) -> np.ndarray:
    return np.asarray(a["postgate"] * exact.circular_convolution(a["pregate"] * a["u"], a["k"]))


OP = replace(
    circular_convolution.OP,
    name="gated-convolution",
    summary="y = postgate ⊙ (k ∗ (pregate ⊙ u)) for every channel, causal",
    signature="kernel(u, k, pregate, postgate): u and gates (batch, channels, n), k (channels, n); gives as u",
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    bound_in_norm=bound_in_norm,
    faults=faults,
)
