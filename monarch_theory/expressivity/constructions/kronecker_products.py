"""Kronecker products, Walsh–Hadamard and block-diagonal matrices: exactly in both Dao classes, not in the M2 class.

A_1 ⊗ ⋯ ⊗ A_p works on digits in place, so no digit reversal may stand at its ends: order p under `DAO` (least
significant digit first) and under `DAO_TRANSPOSED` (most significant digit first). Under M2 every slice of A ⊗ B is a
multiple of A, so it is a member only where A has rank one; (A ⊗ B)P always is.
"""

from collections.abc import Sequence

import numpy as np

from monarch_theory.digits import is_integer
from monarch_theory.domains import INTEGERS, Domain
from monarch_theory.expressivity.constructions.stages import from_stages
from monarch_theory.monarch import Convention, Monarch

__all__ = ["block_diagonal", "kronecker", "walsh_hadamard"]


def kronecker(matrices: Sequence[np.ndarray], domain: Domain, convention: Convention = Convention.DAO) -> Monarch:
    """A_1 ⊗ A_2 ⊗ ⋯ ⊗ A_p as a Monarch matrix of order p.

    Args:
        matrices: A_1 (most significant digit) first; shapes may differ, and need not be square.

    Raises:
        ValueError: convention M2, where it is not a member; no matrices, or one that is not two-dimensional.

    >>> kronecker([np.array([[1, 2]]), np.eye(2, dtype=int)], INTEGERS).dense()
    array([[1, 0, 2, 0],
           [0, 1, 0, 2]], dtype=object)
    """
    if convention is Convention.M2:
        raise ValueError("convention: expected DAO or DAO_TRANSPOSED, got M2, whose slices would be multiples of A")
    arrays = [domain.array(matrix, name=f"matrices[{k}]") for k, matrix in enumerate(matrices)]
    if not arrays:
        raise ValueError("matrices: expected at least one, got none")
    for k, array in enumerate(arrays):
        if array.ndim != 2:
            raise ValueError(f"matrices[{k}]: expected a matrix, got shape {array.shape}")
    ordered = arrays[::-1] if convention is Convention.DAO else arrays
    stages = [a.reshape((1,) * (len(arrays) - 1) + a.shape) for a in ordered]
    return from_stages(stages, [a.shape[1] for a in ordered], [a.shape[0] for a in ordered], domain, convention)


def walsh_hadamard(order: int, domain: Domain = INTEGERS, convention: Convention = Convention.DAO) -> Monarch:
    """H_{2^p}[i, j] = (−1)^(bits that i and j share), natural order, as p stages of H_2.

    Raises:
        ValueError: an order that is not a positive integer.

    >>> walsh_hadamard(2).dense()
    array([[1, 1, 1, 1],
           [1, -1, 1, -1],
           [1, 1, -1, -1],
           [1, -1, -1, 1]], dtype=object)
    """
    if not is_integer(order) or order < 1:
        raise ValueError(f"order: expected a positive integer, got {order!r}")
    stage = domain.ones((2, 2))
    stage[1, 1] = domain.scalar(-1)
    return kronecker([stage] * order, domain, convention)


def block_diagonal(blocks: np.ndarray, domain: Domain, convention: Convention = Convention.DAO) -> Monarch:
    """diag(D_0, …, D_{g-1}) of order 2, from blocks of shape (g, m, n): the other stage is identities.

    Raises:
        ValueError: convention M2, or blocks that are not three-dimensional.
    """
    if convention is Convention.M2:
        raise ValueError("convention: expected DAO or DAO_TRANSPOSED, got M2, which holds no block-diagonal matrix")
    blocks = domain.array(blocks, name="blocks")
    if blocks.ndim != 3:
        raise ValueError(f"blocks: expected shape (blocks, rows, columns), got {blocks.shape}")
    count, rows, columns = blocks.shape
    if convention is Convention.DAO:
        stages, inputs, outputs = [blocks, domain.eye(count)[None]], (columns, count), (rows, count)
    else:
        stages, inputs, outputs = [domain.eye(count)[None], blocks], (count, columns), (count, rows)
    return from_stages(stages, inputs, outputs, domain, convention)
