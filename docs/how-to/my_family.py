"""Circulant matrices plus a diagonal: a family of structured matrices, in one file."""

import numpy as np

from monarch_theory.expressivity.families import Family, Setting

__all__ = ["circulant_plus_diagonal"]


def settings(shape):
    """What may be chosen at this shape, and its cost: here the one thing there is, applied by two FFTs."""
    n = shape[0]
    if shape != (n, n):
        return []
    multiplications = n * (n - 1).bit_length() + 2 * n  # n/2 for each level of each FFT, the spectrum, the diagonal
    return [Setting("circulant + diagonal", 2 * n - 1, multiplications, "optimal")]


def fit(matrix, setting):
    """The mean of every wrapped diagonal but the main one, which is free: the orthogonal projection, so the nearest."""
    shift = np.subtract.outer(np.arange(len(matrix)), np.arange(len(matrix))) % len(matrix)
    means = np.array([matrix[shift == k].mean() for k in range(len(matrix))])
    near = means[shift]
    np.fill_diagonal(near, matrix.diagonal())
    return near


circulant_plus_diagonal = Family("circulant-plus-diagonal", "circulant + diagonal", "yours", settings, fit)
