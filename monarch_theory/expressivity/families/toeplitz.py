"""Toeplitz, circulant and causal Toeplitz matrices: the nearest has the mean of every diagonal, or zero above the main.

The diagonals do not overlap, so this is the orthogonal projection. Each is multiplied by transforms, of the next power
of two that holds a Toeplitz matrix, and counted at half a multiplication a level and point.

Causal Toeplitz matrices are what M0⁻¹(M1 k ∘ M2 u) computes of u where all three are Fourier matrices of twice the
length and k has no more than N taps: the sequence mixer of a causal M2 layer, one channel of it, without its gates.
"""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.parts import Convolution

__all__ = ["causal_toeplitz", "circulant", "toeplitz"]


def transform_cost(points: int) -> int:
    """Multiplications of two transforms and a product with a spectrum."""
    return points * (points - 1).bit_length() + points


def toeplitz_settings(shape: tuple[int, int]) -> list[Setting]:
    diagonals = sum(shape) - 1
    return [Setting("Toeplitz", diagonals, transform_cost(2 ** (diagonals - 1).bit_length()), "optimal")]


def circulant_settings(shape: tuple[int, int]) -> list[Setting]:
    n = shape[0]
    return [Setting("circulant", n, transform_cost(n), "optimal")] if shape == (n, n) else []


def causal_settings(shape: tuple[int, int]) -> list[Setting]:
    n = shape[0]
    work = transform_cost(2 ** (2 * n - 2).bit_length())
    return [Setting("taps of the past", n, work, "optimal")] if shape == (n, n) else []


def toeplitz_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return with_means(matrix, lags(matrix.shape) + matrix.shape[1] - 1)


def causal_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return np.tril(toeplitz_fit(matrix, setting))


def circulant_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return with_means(matrix, lags(matrix.shape) % len(matrix))


def toeplitz_parts(matrix: np.ndarray, setting: Setting) -> tuple[Convolution]:
    """From the last tap of the future to that of the past."""
    (rows, columns), near = matrix.shape, toeplitz_fit(matrix, setting)
    taps = np.concatenate([near[0, :0:-1], near[:, 0]])
    return (Convolution({"taps": taps}, rows, columns, len(taps), columns - 1),)


def circulant_parts(matrix: np.ndarray, setting: Setting) -> tuple[Convolution]:
    n = len(matrix)
    return (Convolution({"taps": circulant_fit(matrix, setting)[:, 0]}, n, n, n, 0),)


def causal_parts(matrix: np.ndarray, setting: Setting) -> tuple[Convolution]:
    """Nothing of the end comes round to the beginning."""
    n = len(matrix)
    return (Convolution({"taps": causal_fit(matrix, setting)[:, 0]}, n, n, 2 * n - 1, 0),)


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


def along_diagonals_and_above(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """The same, and every entry of a later input."""
    return np.concatenate([along_diagonals(matrix, setting).reshape(-1), matrix[np.triu_indices(len(matrix), 1)]])


def along_wrapped_diagonals(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return matrix - np.roll(matrix, (1, 1), axis=(0, 1))


toeplitz = Family(
    "toeplitz",
    "Toeplitz",
    "folklore",
    toeplitz_settings,
    toeplitz_fit,
    scope="diagonals",
    parts=toeplitz_parts,
    vanishing=along_diagonals,
)
circulant = Family(
    "circulant",
    "circulant",
    "folklore",
    circulant_settings,
    circulant_fit,
    scope="wrapped diagonals",
    parts=circulant_parts,
    vanishing=along_wrapped_diagonals,
)
causal_toeplitz = Family(
    "causal-toeplitz",
    "causal Toeplitz",
    "Fu et al. 2023",
    causal_settings,
    causal_fit,
    scope="taps of the past",
    parts=causal_parts,
    vanishing=along_diagonals_and_above,
)
