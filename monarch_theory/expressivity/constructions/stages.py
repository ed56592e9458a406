"""Building Monarch matrices stage by stage: passive digits, and diagonals absorbed into a stage (M2 convention)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monarch_theory.domains import Domain
from monarch_theory.monarch import Convention, Monarch

__all__ = ["append_stage", "from_stages", "prepend_stage", "scale_rows"]


def from_stages(
    stages: Sequence[np.ndarray],
    input_radices: Sequence[int],
    output_radices: Sequence[int],
    domain: Domain,
    convention: Convention = Convention.M2,
) -> Monarch:
    """A Monarch matrix from stages with one axis per digit, which a stage that ignores a digit gives size one.

    Args:
        stages: stage k broadcasts to (i_0, …, i_{k-1}, a_{k+1}, …, a_{p-1}, m_k, n_k).
    """
    factors = []
    for k, stage in enumerate(stages):
        others = (*output_radices[:k], *input_radices[k + 1 :])
        block = (output_radices[k], input_radices[k])
        factors.append(np.broadcast_to(stage, others + block).reshape(-1, *block))
    return Monarch(tuple(factors), domain, convention)


def as_stages(matrix: Monarch) -> list[np.ndarray]:
    """The inverse of `from_stages`: one axis per digit."""
    rows, columns = matrix.output_radices, matrix.input_radices
    return [
        factor.reshape((*rows[:k], *columns[k + 1 :], rows[k], columns[k])) for k, factor in enumerate(matrix.factors)
    ]


def prepend_stage(matrix: Monarch, blocks: np.ndarray) -> Monarch:
    """A new first stage: its digit is the most significant of the input and the least significant of the output.

    Args:
        blocks: (m, n), the same for every index, or anything that broadcasts to (*input radices, m, n).
    """
    stages = [blocks, *(stage[None] for stage in as_stages(matrix))]
    if blocks.ndim == 2:
        stages[0] = blocks.reshape((1,) * matrix.order + blocks.shape)
    m, n = blocks.shape[-2:]
    return from_stages(stages, (n, *matrix.input_radices), (m, *matrix.output_radices), matrix.domain)


def append_stage(matrix: Monarch, blocks: np.ndarray) -> Monarch:
    """A new last stage: its digit is the least significant of the input and the most significant of the output.

    Args:
        blocks: (m, n), the same for every index, or anything that broadcasts to (i_0, …, i_{p-1}, m, n).
    """
    if blocks.ndim == 2:
        blocks = blocks.reshape((1,) * matrix.order + blocks.shape)
    stages = [*(stage[..., None, :, :] for stage in as_stages(matrix)), blocks]
    m, n = blocks.shape[-2:]
    return from_stages(stages, (*matrix.input_radices, n), (*matrix.output_radices, m), matrix.domain)


def scale_rows(matrix: Monarch, diagonal: np.ndarray) -> Monarch:
    """diag(d) M, again Monarch: the last stage sees every output digit (M2 convention).

    >>> from monarch_theory.domains import INTEGERS
    >>> from monarch_theory.monarch import random_monarch
    >>> M = random_monarch((2, 3), INTEGERS, np.random.default_rng(0))
    >>> d = INTEGERS.array(range(6))
    >>> bool((scale_rows(M, d).dense() == d[:, None] * M.dense()).all())
    True
    """
    if matrix.convention is not Convention.M2:
        raise ValueError(f"convention: expected M2, got {matrix.convention}")
    # the output index reads (i_{p-1}, …, i_0); the last stage has axes (i_0 … i_{p-2}), i_{p-1}, a_{p-1}
    by_digit = diagonal.reshape(matrix.output_radices[::-1]).T.reshape(-1, matrix.output_radices[-1])
    last = matrix.domain.normal(matrix.factors[-1] * by_digit[:, :, None])
    return Monarch((*matrix.factors[:-1], last), matrix.domain)
