"""The first singular vectors, without the others: of many small matrices at once, and of a large one.

They are eigenvectors of the smaller Gram matrix, which squares the numbers and so knows them to √u alone. Where that is
as good as the answer, a small part of a decomposition is enough; where it is not, the decomposition is taken.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.linalg import eigh

from monarch_theory.rounding import gamma

__all__ = ["few_vectors", "leading_right", "leading_vectors", "low_rank_factors", "squares_wrong_by"]

UNIT = sqrt(5) / 2  # roundoffs of complex arithmetic in an epsilon of its scalars, which no fewer are those of real
SQUARINGS = 8  # of a small Gram matrix: what is half a percent behind the first is then a quarter of it
STEPS = 24  # of Lanczos on a larger one
LARGE = 64  # side of a Gram matrix that is read a few times and not multiplied by itself
SIDE = 192  # of a Gram matrix from which on a few eigenvectors are much cheaper than a decomposition
SHARE = 6  # sides for one vector, at least
SHARP = 2.0**15  # times what squares are wrong by: a distance that is larger is known well enough


def leading_vectors(gram: np.ndarray) -> np.ndarray:
    """About the first eigenvector of every Gram matrix, shape (count, side), of unit length.

    The better, the farther behind the others are: exact but for rounding for a matrix of rank one. Whatever is mixed
    in belongs to eigenvalues that are within a percent or so of the first.

    >>> float(np.round(abs(leading_vectors(np.diag([4.0, 1.0])[None])), 12)[0, 0])
    1.0
    """
    if gram.shape[1] == 2:
        return _of_two(gram)
    return _by_steps(gram) if gram.shape[1] >= LARGE else _by_squares(gram)


def few_vectors(gram: np.ndarray, rank: int) -> np.ndarray:
    """The first `rank` eigenvectors of every Gram matrix, shape (count, side, rank), the first of them first.

    >>> np.abs(np.round(few_vectors(np.diag([1.0, 4.0, 2.0])[None], 2)[0], 12)).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    side = gram.shape[1]
    if side < SIDE or rank * SHARE > side:
        return np.asarray(np.linalg.eigh(gram)[1][..., : -rank - 1 : -1])
    last = [side - rank, side - 1]
    found = [eigh(one, subset_by_index=last, check_finite=False)[1] for one in gram]
    return np.stack(found)[..., ::-1]


def leading_right(slices: np.ndarray, rank: int) -> np.ndarray:
    """The first `rank` right singular vectors of every slice, shape (count, rank, columns).

    >>> np.abs(leading_right(np.array([[[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]]]), 1)).round(12).tolist()
    [[[0.6, 0.8]]]
    """
    adjoint = slices.conj().swapaxes(1, 2)
    few = slices.shape[2] <= slices.shape[1]
    gram = adjoint @ slices if few else slices @ adjoint
    found = leading_vectors(gram)[..., None] if rank == 1 else few_vectors(gram, rank)
    return np.asarray((found if few else np.linalg.qr(adjoint @ found)[0]).conj().swapaxes(1, 2))


def _of_two(gram: np.ndarray) -> np.ndarray:
    """Of 2 × 2 matrices: (δ + h, b̄) of length one, or (b, δ + h) where the second entry is the larger.

    With diagonal a, d and b beside it, δ = |a − d|/2 and h = (δ² + |b|²)^½, so that nothing cancels.
    """
    beside, lead = gram[:, 1, 0], gram[:, 0, 0].real - gram[:, 1, 1].real
    half = np.abs(lead) / 2
    large = half + np.hypot(half, np.abs(beside)) + np.finfo(gram.dtype).tiny
    length = np.hypot(large, np.abs(beside))
    found = np.empty((len(gram), 2), gram.dtype)
    turned = lead < 0
    found[:, 0] = np.where(turned, beside.conj(), large) / length
    found[:, 1] = np.where(turned, large, beside) / length
    return found


def _by_squares(gram: np.ndarray) -> np.ndarray:
    """The largest column of a high power."""
    tiny = np.finfo(gram.dtype).tiny
    for _ in range(SQUARINGS):
        gram = gram / np.maximum(_traces(gram), tiny)[:, None, None]
        gram = gram @ gram
    return _unit(_largest_column(gram))


def _by_steps(gram: np.ndarray) -> np.ndarray:
    """Rayleigh and Ritz on a Krylov space."""
    scale = _traces(gram)[:, None, None]
    basis = _unit(_largest_column(gram))[:, None]  # (count, 1, side), rows
    for _ in range(STEPS - 1):
        grown = basis[:, -1:] @ gram.swapaxes(1, 2)
        for _ in range(2):  # once leaves rounding of what was taken away
            grown = grown - (grown @ basis.conj().swapaxes(1, 2)) @ basis
        length = np.linalg.norm(grown, axis=2, keepdims=True)
        new = length > 64 * np.finfo(gram.dtype).eps * scale  # else all of the space is there
        basis = np.concatenate([basis, np.where(new, grown / np.where(new, length, 1), 0)], 1)
    small = basis.conj() @ gram @ basis.swapaxes(1, 2)
    turned = np.linalg.eigh(small)[1][:, None, :, -1]  # (count, 1, steps)
    found = (turned @ basis)[:, 0]
    return _unit(np.where(found.any(1)[:, None], found, basis[:, 0]))


def _largest_column(gram: np.ndarray) -> np.ndarray:
    """Of every matrix, shape (count, side); a unit vector for zeros."""
    every, at = np.arange(len(gram)), np.einsum("sii->si", gram).real.argmax(1)
    column = gram[every, :, at].copy()
    column[every, at] += np.finfo(gram.dtype).tiny
    return column


def _traces(gram: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("sii->s", gram).real)


def _unit(vectors: np.ndarray) -> np.ndarray:
    largest = np.abs(vectors).max(-1, keepdims=True)
    scaled = vectors / largest
    return np.asarray(scaled / np.linalg.norm(scaled, axis=-1, keepdims=True))


def squares_wrong_by(long: int, side: int, rank: int, epsilon: float) -> float:
    """What rounding may change in Σ_{k>r} σ_k² of a matrix of norm one, as its norm less r eigenvalues of its Gram.

    Forming the Gram matrix and taking its eigenvalues each perturb it by at most E, and r eigenvalues by r‖E‖₂.
    """
    unit = UNIT * epsilon
    return (rank + 1) * (gamma(long, unit) + gamma(side, unit))


def low_rank_factors(stack: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """(left, right) of the nearest matrices of rank at most `rank`, shapes (…, rows, rank) and (…, rank, columns).

    Of large matrices and small ranks, by eigenvectors of the Gram matrix, wherever the rest is not so small that
    squares cannot tell it.

    >>> left, right = low_rank_factors(np.diag([3.0, 2.0, 1.0]), 2)
    >>> np.round(left @ right, 12).diagonal().tolist()
    [3.0, 2.0, 0.0]
    """
    *front, rows, columns = stack.shape
    side = min(rows, columns)
    rank = min(rank, side)
    if side >= SIDE and rank * SHARE <= side:
        pairs = [_from_gram(matrix, rank) for matrix in stack.reshape(-1, rows, columns)]
        sure = [pair for pair in pairs if pair is not None]
        if len(sure) == len(pairs):
            left, right = (np.stack(factor).reshape(*front, *factor[0].shape) for factor in zip(*sure, strict=True))
            return left, right
    left, values, right = np.linalg.svd(stack, full_matrices=False)
    return left[..., :rank] * values[..., None, :rank], right[..., :rank, :]


def _from_gram(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The factors, where the residual is not lost in what the squares are wrong by."""
    side, long = sorted(matrix.shape)
    if not rank:
        return np.zeros((matrix.shape[0], 0), matrix.dtype), np.zeros((0, matrix.shape[1]), matrix.dtype)
    total = float(np.linalg.norm(matrix)) ** 2
    wide = matrix.shape[1] > matrix.shape[0]
    adjoint = matrix.conj().T
    gram = matrix @ adjoint if wide else adjoint @ matrix
    vectors = eigh(gram, subset_by_index=[side - rank, side - 1], overwrite_a=True, check_finite=False)[1]
    left, right = (vectors, vectors.conj().T @ matrix) if wide else (matrix @ vectors, vectors.conj().T)
    rest = float(np.linalg.norm(matrix - left @ right)) ** 2
    wrong = squares_wrong_by(long, side, rank, float(np.finfo(matrix.dtype).eps)) * total
    return (left, right) if rest > SHARP * wrong else None
