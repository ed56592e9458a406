"""Building Monarch matrices stage by stage: passive digits, and diagonals absorbed into a stage (M2 convention)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monarch_theory.domains import Domain
from monarch_theory.monarch import Convention, Monarch

__all__ = [
    "append_terms", "as_stages", "from_stages", "halve_columns", "halve_rows", "prepend_terms", "reverse_columns",
    "scale_columns", "scale_rows",
]  # fmt: skip


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


def prepend_terms(terms: Sequence[Monarch], blocks: np.ndarray) -> Monarch:
    """Matrices of the same radices side by side: a new first stage, shape (r, n), whose output digit says which.

    A single term serves every value of the digit, which is the most significant of the input and the least significant
    of the output.
    """
    alike = terms[0]
    stages = [blocks.reshape((1,) * alike.order + blocks.shape)]
    stages += [np.stack(stage) for stage in zip(*map(as_stages, terms), strict=True)]
    m, n = blocks.shape
    return from_stages(stages, (n, *alike.input_radices), (m, *alike.output_radices), alike.domain)


def append_terms(terms: Sequence[Monarch], blocks: np.ndarray) -> Monarch:
    """Matrices of the same radices side by side: a new last stage, shape (m, r), whose input digit says which.

    A single term serves every value of the digit, which is the least significant of the input and the most significant
    of the output.
    """
    alike = terms[0]
    stages = [np.stack(stage, axis=-3) for stage in zip(*map(as_stages, terms), strict=True)]
    stages.append(blocks.reshape((1,) * alike.order + blocks.shape))
    m, n = blocks.shape
    return from_stages(stages, (*alike.input_radices, n), (*alike.output_radices, m), alike.domain)


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


def scale_columns(matrix: Monarch, diagonal: np.ndarray) -> Monarch:
    """M diag(d), again Monarch: the first stage sees every input digit (M2 convention)."""
    return scale_rows(matrix.T, diagonal).T


def reverse_columns(matrix: Monarch) -> Monarch:
    """M J, again Monarch: the order-reversing J complements every digit (M2 convention).

    >>> from monarch_theory.domains import INTEGERS
    >>> from monarch_theory.monarch import random_monarch
    >>> M = random_monarch((2, 3, 2), INTEGERS, np.random.default_rng(0))
    >>> bool((reverse_columns(M).dense() == M.dense()[:, ::-1]).all())
    True
    """
    stages = [np.flip(stage, (*range(k, matrix.order - 1), -1)) for k, stage in enumerate(as_stages(matrix))]
    return from_stages(stages, matrix.input_radices, matrix.output_radices, matrix.domain)


def halve_columns(matrix: Monarch) -> Monarch:
    """The left half of M, again Monarch: inputs followed by as many zeros (M2 convention, first input radix even)."""
    first, *rest = matrix.factors
    # blocks of the first stage are indexed by the later digits, which stay
    return Monarch((first[:, :, : first.shape[2] // 2], *rest), matrix.domain)


def halve_rows(matrix: Monarch) -> Monarch:
    """The upper half of M, again Monarch: the first half of its outputs (M2 convention, last output radix even)."""
    return halve_columns(matrix.T).T
