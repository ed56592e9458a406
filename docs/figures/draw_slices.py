"""
Membership is a rank condition
==============================

The sixteen slices of three matrices with N = 16, each slice a small square. A matrix is Monarch when every slice has
rank at most one: the Fourier matrix is, the identity and a random matrix are not.
"""

import numpy as np

from monarch_theory import pictures
from monarch_theory.fourier_matrix import fourier


def slices(A):
    return A.reshape(4, 4, 4, 4).transpose(1, 0, 3, 2).reshape(16, 16)


random = np.random.default_rng(0).normal(size=(16, 16))
pictures.matrices(
    ("Fourier", slices(fourier((4, 4)).dense())), ("identity", slices(np.eye(16))), ("random", slices(random)),
    every=4, height=3,
)  # fmt: skip
