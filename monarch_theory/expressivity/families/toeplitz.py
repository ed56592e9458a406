"""Toeplitz and circulant matrices, constant along their diagonals: the nearest has the mean of every diagonal.

The diagonals do not overlap, so this is the orthogonal projection. Each is multiplied by transforms, of the next power
of two that holds a Toeplitz matrix, and counted at half a multiplication a level and point.
"""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting

__all__ = ["circulant", "toeplitz"]


def transform_cost(points: int) -> int:
    """Multiplications of two transforms and a product with a spectrum."""
    return points * (points - 1).bit_length() + points


def toeplitz_settings(shape: tuple[int, int]) -> list[Setting]:
    diagonals = sum(shape) - 1
    return [Setting("Toeplitz", diagonals, transform_cost(2 ** (diagonals - 1).bit_length()), "optimal")]


def circulant_settings(shape: tuple[int, int]) -> list[Setting]:
    n = shape[0]
    return [Setting("circulant", n, transform_cost(n), "optimal")] if shape == (n, n) else []


def toeplitz_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return with_means(matrix, lags(matrix.shape) + matrix.shape[1] - 1)


def circulant_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return with_means(matrix, lags(matrix.shape) % len(matrix))


def lags(shape: tuple[int, ...]) -> np.ndarray:
    """i − j, shape (rows, columns)."""
    return np.subtract.outer(np.arange(shape[0]), np.arange(shape[1]))


def with_means(matrix: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Every entry replaced by the mean over all entries of its label."""
    flat, counts = label.reshape(-1), np.bincount(label.reshape(-1))
    sums = [np.bincount(flat, part.reshape(-1)) for part in (matrix.real, matrix.imag)]
    whole = sums[0] + 1j * sums[1] if np.iscomplexobj(matrix) else sums[0]
    return np.asarray((whole / counts)[label].astype(matrix.dtype))


def along_diagonals(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """Every entry less the one before it on its diagonal."""
    return matrix[1:, 1:] - matrix[:-1, :-1]


def along_wrapped_diagonals(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return matrix - np.roll(matrix, (1, 1), axis=(0, 1))


toeplitz = Family(
    "toeplitz",
    "Toeplitz",
    "folklore",
    toeplitz_settings,
    toeplitz_fit,
    scope="diagonals",
    vanishing=along_diagonals,
)
circulant = Family(
    "circulant",
    "circulant",
    "folklore",
    circulant_settings,
    circulant_fit,
    scope="wrapped diagonals",
    vanishing=along_wrapped_diagonals,
)
