"""The gradient of X = F x: the adjoint of the DFT, Fᴴ g, without 1/N, computed in stages of given radices."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.op import Arrays, Fault, NormBound, Output, Shape
from monarch_theory.testing.ops import monarch_dft as forward


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": forward.arguments(shape)["x"]}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    return exact.conjugate(exact.dft(exact.conjugate(arrays["gradient"])))


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    """That of the DFT: conjugating rounds nothing."""
    return forward.bound({"x": arrays["gradient"]}, shape, model)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    return forward.bound_in_norm({"x": arrays["gradient"]}, shape, model)


def faults(shape: Shape) -> Iterable[Fault]:
    return map(of_gradient, forward.faults(shape))


def of_gradient(fault: Fault) -> Fault:
    """The same fault in the adjoint, conj(F conj(g))."""

    def before(arrays: Arrays) -> Arrays:
        return {"gradient": fault.before({"x": arrays["gradient"]})["x"]}

    def instead(arrays: Arrays) -> np.ndarray:
        assert fault.instead is not None
        return np.conj(fault.instead({"x": np.conj(arrays["gradient"])}))

    return replace(fault, before=before, instead=fault.instead and instead)


OP = replace(
    forward.OP,
    name="monarch-dft-backward",
    summary="gradient of the DFT, Σ_i g_i exp(+2πi ij/N) in stages of the given radices (as torch.autograd)",
    signature="kernel(gradient, radices=(b_1, …, b_p)): gradient (batch, N) complex, N = ∏ b; gives (batch, N) complex",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
    faults=faults,
    outputs=lambda shape: (Output("gradient of x", forward.digits),),
)
