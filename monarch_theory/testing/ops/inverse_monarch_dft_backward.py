"""The gradient of x = F⁻¹ X: the adjoint of the inverse DFT, (1/N) F g, computed in stages of given radices."""

from dataclasses import replace

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.op import Arrays, NormBound, Shape
from monarch_theory.testing.ops import inverse_monarch_dft, monarch_dft_backward


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    return exact.conjugate(exact.dft(exact.conjugate(arrays["gradient"]), inverse=True))


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return inverse_monarch_dft.bound({"x": arrays["gradient"]}, shape, model)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    return inverse_monarch_dft.bound_in_norm({"x": arrays["gradient"]}, shape, model)


OP = replace(
    monarch_dft_backward.OP,
    name="inverse-monarch-dft-backward",
    summary="gradient of the inverse DFT, (1/N) Σ_j g_j exp(−2πi ij/N) in stages (as torch.autograd)",
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
)
