"""Transforms written as Monarch matrices, or as short products of them; every function returns the factors."""

from monarch_theory.expressivity.constructions.butterflies import butterfly
from monarch_theory.expressivity.constructions.convolution import circulant, toeplitz
from monarch_theory.expressivity.constructions.displacement import (
    displacement_generators,
    displacement_rank,
    toeplitz_like,
)
from monarch_theory.expressivity.constructions.kronecker import block_diagonal, kronecker, walsh_hadamard
from monarch_theory.expressivity.constructions.orthogonal_polynomials import (
    Recurrence,
    chebyshev,
    hermite,
    legendre,
    orthogonal_polynomial_transform,
)
from monarch_theory.expressivity.constructions.permutations import bit_reversal, permutation, stride
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft
from monarch_theory.expressivity.constructions.trigonometric import dct2, dct3, dst2, dst3

__all__ = [
    "MonarchProduct", "Recurrence", "bit_reversal", "block_diagonal", "butterfly", "chebyshev", "circulant", "dct2",
    "dct3", "dft", "displacement_generators", "displacement_rank", "dst2", "dst3", "hermite", "inverse_dft",
    "kronecker", "legendre", "orthogonal_polynomial_transform", "permutation", "stride", "toeplitz", "toeplitz_like",
    "walsh_hadamard",
]  # fmt: skip
