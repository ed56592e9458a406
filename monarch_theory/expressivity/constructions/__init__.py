"""Transforms written as Monarch matrices, or as short products of them; every function returns the factors."""

from monarch_theory.expressivity.constructions.butterflies import butterfly
from monarch_theory.expressivity.constructions.convolution import circulant, f_circulant, hankel, toeplitz
from monarch_theory.expressivity.constructions.displacement import (
    cauchy_like,
    displacement_generators,
    displacement_rank,
    hankel_like,
    shift,
    toeplitz_like,
    vandermonde_like,
)
from monarch_theory.expressivity.constructions.kronecker_products import block_diagonal, kronecker, walsh_hadamard
from monarch_theory.expressivity.constructions.orthogonal_polynomials import (
    Recurrence,
    chebyshev,
    hermite,
    legendre,
    orthogonal_polynomial_transform,
)
from monarch_theory.expressivity.constructions.permutations import bit_reversal, permutation, stride
from monarch_theory.expressivity.constructions.product import MonarchProduct, MonarchSum
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft
from monarch_theory.expressivity.constructions.trigonometric import (
    dct1,
    dct2,
    dct3,
    dct4,
    dst1,
    dst2,
    dst3,
    dst4,
    makhoul,
)
from monarch_theory.expressivity.constructions.vandermonde_matrices import (
    cauchy,
    cauchy_of_roots,
    chirp,
    root_vandermonde,
    vandermonde,
)

__all__ = [
    "MonarchProduct", "MonarchSum", "Recurrence", "bit_reversal", "block_diagonal", "butterfly", "cauchy",
    "cauchy_like", "cauchy_of_roots", "chebyshev", "chirp", "circulant", "dct1", "dct2", "dct3", "dct4", "dft",
    "displacement_generators", "displacement_rank", "dst1", "dst2", "dst3", "dst4", "f_circulant", "hankel",
    "hankel_like", "hermite", "inverse_dft", "kronecker", "legendre", "makhoul", "orthogonal_polynomial_transform",
    "permutation", "root_vandermonde", "shift", "stride", "toeplitz", "toeplitz_like", "vandermonde",
    "vandermonde_like", "walsh_hadamard",
]  # fmt: skip
