"""The gradients of y = k ⊛ u: of u the correlation of the gradient with k, of k that with u, summed over the batch."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import (
    BOUND_SLACK,
    ErrorModel,
    convolution_bound,
    convolution_bound_in_norm,
    correlation_gradient_bound,
    correlation_gradient_bound_in_norm,
    exactly,
)
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import batch_sum_faults
from monarch_theory.testing.op import Arrays, Fault, NormBound, Output, Shape
from monarch_theory.testing.ops import circular_convolution as forward
from monarch_theory.testing.ops.long_convolution_backward import digits_of_k


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": (shape["batch"], shape["channels"], shape["n"]), **forward.arguments(shape)}


def oracle(arrays: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    gradient = arrays["gradient"]
    of_u = exact.circular_correlation(gradient, arrays["k"])
    return of_u, exact.total(exact.circular_correlation(gradient, arrays["u"]), 0)


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
    gradient, n = arrays["gradient"], shape["n"]
    of_u, of_k = oracle(arrays, shape)
    errors = (
        convolution_bound(gradient, arrays["k"], 2 * n - 1, model, circular=True),
        correlation_gradient_bound(exactly(gradient), arrays["u"], 2 * n - 1, model, circular=True),
    )
    stored = (forward.stored(value, error, model) for value, error in zip((of_u, of_k), errors, strict=True))
    return tuple(BOUND_SLACK * error for error in stored)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[NormBound, ...]:
    gradient, n = arrays["gradient"], shape["n"]
    inside = (
        convolution_bound_in_norm(gradient, arrays["k"], 2 * n - 1, model, circular=True),
        correlation_gradient_bound_in_norm(exactly(gradient), arrays["u"], 2 * n - 1, model, circular=True),
    )
    values = oracle(arrays, shape)
    return tuple(forward.stored_in_norm(v, e[..., 0], model) for v, e in zip(values, inside, strict=True))


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("conjugate", "convolution instead of correlation", instead=_convolved)
    yield from (fault for fault in forward.faults(shape) if fault.cause != "conjugate")
    yield from batch_sum_faults(shape["batch"], "gradient of k")


def _convolved(arrays: Arrays) -> tuple[np.ndarray, ...]:
    gradient = arrays["gradient"]
    of_k = exact.circular_convolution(gradient, arrays["u"]).sum(0)
    return exact.circular_convolution(gradient, arrays["k"]), of_k


def outputs(shape: Shape) -> tuple[Output, ...]:
    return Output("gradient of u", forward.digits), Output("gradient of k", digits_of_k, by_row=False)


OP = replace(
    forward.OP,
    name="circular-convolution-backward",
    summary="gradients of y_i = Σ_j k_(i−j mod n) u_j of u and k (as torch.autograd)",
    signature="kernel(gradient, u, k): gradient, u (batch, channels, n), k (channels, n); gives (as u, as k)",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
    faults=faults,
    outputs=outputs,
)
