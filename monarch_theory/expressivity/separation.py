"""The terms of a sum of Monarch matrices, told apart by eigenvectors: exact for a generic sum, a start for one near it.

Hold i_0 and a_{p−1} fixed, and call the inner digits I = (i_1 … i_{p−2}) and A = (a_1 … a_{p−2}). In a sum of T Monarch
matrices of order p ≥ 3 what is left has blocks, rows i_{p−1} and columns a_0,

    X_{IA} = V_I D_{IA} U_A,      D_{IA} diagonal of size T,

one column of V_I, one row of U_A and one number a term. So X_{I'A} X_{IA}⁻¹ X_{IA'} X_{I'A'}⁻¹ = V_{I'} Δ V_{I'}⁻¹ with
Δ diagonal: wherever T is no larger than the blocks and the Δ differ, the eigenvectors of one random combination of
these tell the terms apart (as `recovery` does for products of two Monarch matrices; of tensors, Jennrich's method).
Which term is called the first may differ from one (i_0, a_{p−1}) to another: no factor has digits of two of them.
"""

from __future__ import annotations

from math import prod

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.threads import alone

__all__ = ["factors_of", "separate"]

SEED = 0  # of the combination, which almost any would do for
WORST = 1e-9  # of a block that is not singular: its least singular value over its largest


def separate(tensor: np.ndarray, kind: MonarchClass, terms: int) -> list[np.ndarray] | None:
    """Digit tensors that sum to one near `tensor`; None where there are more terms than the blocks have sides.

    Args:
        tensor: axes (i_0, …, i_{p−1}, a_0, …, a_{p−1}), of a class of order three or more.

    >>> from monarch_theory.domains import FLOAT64
    >>> from monarch_theory.monarch import random_monarch
    >>> kind, rng = MonarchClass((2, 2, 2)), np.random.default_rng(0)
    >>> one, two = (kind.digit_tensor(random_monarch((2, 2, 2), FLOAT64, rng).dense()) for _ in range(2))
    >>> found = separate(one + two, kind, 2)
    >>> bool(np.linalg.norm(found[0] + found[1] - one - two) < 1e-10 * np.linalg.norm(one + two))
    True
    """
    rows, columns, p = kind.output_radices, kind.input_radices, kind.order
    if terms > min(rows[-1], columns[0]):
        return None
    # (i_0 a_{p−1}, I, A, i_{p−1}, a_0)
    axes = [0, 2 * p - 1, *range(1, p - 1), *range(p + 1, 2 * p - 1), p - 1, p]
    outer, inner = (rows[0], columns[-1]), (*rows[1:-1], *columns[1:-1])
    shape = (prod(outer), prod(rows[1:-1]), prod(columns[1:-1]), rows[-1], columns[0])
    blocks = tensor.transpose(axes).reshape(shape)
    try:
        heads, scales, tails = factors_of(blocks, terms)
    except np.linalg.LinAlgError:
        return None
    parts = np.einsum("oimt,oiat,oatn->toiamn", heads, scales, tails)
    spread = (part.reshape(*outer, *inner, rows[-1], columns[0]) for part in parts)
    return [part.transpose(np.argsort(axes)) for part in spread]


def factors_of(blocks: np.ndarray, terms: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """V, shape (outer, I, rows, terms), D, shape (outer, I, A, terms), and U, shape (outer, A, terms, columns).

    Args:
        blocks: X, shape (outer, I, A, rows, columns).

    Raises:
        numpy.linalg.LinAlgError: a decomposition that does not converge, or factors beyond what floats hold.
    """
    with alone(), np.errstate(over="ignore", invalid="ignore"):  # quotients by what is nearly singular
        found = _told(blocks, terms)
    if not all(np.isfinite(part).all() for part in found):
        raise np.linalg.LinAlgError("factors: expected finite numbers")
    return found


def _told(blocks: np.ndarray, terms: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`factors_of`, finite or not."""
    outer, _, _, m, n = blocks.shape
    wide = blocks.transpose(0, 1, 3, 2, 4).reshape(outer, -1, m, blocks.shape[2] * n)  # (outer, I, i, (A, a))
    tall = blocks.transpose(0, 2, 1, 3, 4).reshape(outer, -1, blocks.shape[1] * m, n)  # (outer, A, (I, i), a)
    left = np.linalg.svd(wide, full_matrices=False)[0][..., :terms]  # V_I spans it
    right = np.linalg.svd(tall, full_matrices=False)[2][..., :terms, :]  # U_A spans it
    core = left.conj().swapaxes(-1, -2)[:, :, None] @ blocks @ right.conj().swapaxes(-1, -2)[:, None]  # (…, T, T)
    first = np.linalg.pinv(core)
    quality = _conditions(core)
    at = quality.min(2).argmax(1), quality.min(1).argmax(1)  # the I and A of the best row and column
    # quotients by a singular block tell nothing
    weights = np.random.default_rng(SEED).standard_normal(quality.shape[1:]) * (quality > WORST)
    every = np.arange(outer)
    row, column = core[every, at[0]], core[every, :, at[1]]  # (outer, A, T, T) and (outer, I, T, T)
    corner = first[every, at[0], at[1]]
    mixed = np.einsum("oia,oaxy,oiayz,oizw->oxw", weights, row, first, column) @ corner
    vectors = _real(np.linalg.eig(mixed)[1], blocks.dtype)  # V_{I'} but for the length of each column
    inverse = np.linalg.pinv(vectors)
    ours = inverse[:, None] @ row  # U_A, one row a term
    theirs = column @ np.linalg.pinv(ours[every, at[1]])[:, None]  # V_I D_{IA'}
    scales = np.einsum("oixt,oiaxy,oayt->oiat", *(np.linalg.pinv(theirs).swapaxes(-1, -2), core, np.linalg.pinv(ours)))
    heads, tails = left @ theirs, ours @ right  # (outer, I, m, T) and (outer, A, T, n)
    return heads.astype(blocks.dtype), scales.astype(blocks.dtype), tails.astype(blocks.dtype)


def _conditions(core: np.ndarray) -> np.ndarray:
    """The least over the largest singular value of every block, shape (outer, I, A)."""
    values = np.linalg.svd(core, compute_uv=False)
    return np.asarray(values[..., -1] / np.where(values[..., 0] > 0, values[..., 0], 1))


def _real(vectors: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Of a real matrix: what is real of eigenvectors that come in pairs is a start as good as any."""
    return vectors if dtype.kind == "c" else vectors.real
