"""The inverse DFT along the last axis, 1/N included, computed in stages of given radices."""

from dataclasses import replace
from math import prod

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.rounding.norms import two_norm
from monarch_theory.testing.op import Arrays, NormBound, Shape
from monarch_theory.testing.ops import monarch_dft
from monarch_theory.testing.oracle import dft


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    return dft(arrays["x"], inverse=True)


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    """The forward bound over N, and one more rounding for the division or for factors stored scaled."""
    size = prod(shape["radices"])
    moduli = np.abs(arrays["x"]).sum(-1, keepdims=True) / size
    forward = monarch_dft.bound(arrays, shape, model)
    return forward / size + 4 * model.storage.unit_roundoff * moduli + model.storage.underflow


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    """That of the forward transform over N, and the same rounding."""
    size = prod(shape["radices"])
    image = two_norm(arrays["x"]) / np.sqrt(size)
    forward = monarch_dft.bound_in_norm(arrays, shape, model).bound
    return NormBound(forward / size + 4 * model.storage.unit_roundoff * image + size * model.storage.underflow)


OP = replace(
    monarch_dft.OP,
    name="inverse-monarch-dft",
    summary="x_j = (1/N) Σ_i X_i exp(+2πi ij/N) in stages of the given radices, natural order (as torch.fft.ifft)",
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
)
