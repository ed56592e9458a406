"""The block tensor train: a Monarch matrix whose stages pass a bond of width r to one another (Qiu et al. 2024).

With every bond of width one it is a Monarch matrix; with two stages and width r it is the sum of r Monarch matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from monarch_theory.domains import FLOAT64, Domain
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.monarch import Monarch

__all__ = ["BlockTensorTrain", "as_block_tensor_train", "core_of_split", "last_core", "remaining"]


@dataclass(frozen=True, eq=False)
class BlockTensorTrain:
    """Cores of a matrix in a `MonarchClass` of any rank.

    Args:
        cores: p arrays; core k has shape (blocks of stage k, m_k, r_{k+1}, r_k, n_k), its blocks in C order of
            (i_0 … i_{k-1}, a_{k+1} … a_{p-1}) as in `Monarch`.
        kind: the class, whose ranks are the r_k.
        domain: scalars.
    """

    cores: tuple[np.ndarray, ...]
    kind: MonarchClass
    domain: Domain = FLOAT64

    def __post_init__(self) -> None:
        kind = self.kind
        if len(self.cores) != kind.order:
            raise ValueError(f"cores: expected {kind.order} of them, got {len(self.cores)}")
        for k, core in enumerate(self.cores):
            blocks = prod(kind.output_radices[:k]) * prod(kind.input_radices[k + 1 :])
            expected = (blocks, kind.output_radices[k], kind.ranks[k + 1], kind.ranks[k], kind.input_radices[k])
            if core.shape != expected:
                raise ValueError(f"cores[{k}]: expected shape {expected}, got {core.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        return self.kind.shape

    @property
    def parameters(self) -> int:
        """Stored scalars, which is also the number of multiplications of one matrix–vector product."""
        return sum(core.size for core in self.cores)

    def dense(self) -> np.ndarray:
        """The matrix itself: contract the bonds, first stage first.

        >>> from monarch_theory.domains import INTEGERS
        >>> from monarch_theory.monarch import random_monarch
        >>> M = random_monarch((2, 3, 2), INTEGERS, np.random.default_rng(0))
        >>> bool((as_block_tensor_train(M).dense() == M.dense()).all())
        True
        """
        rows, columns, ranks = self.kind.output_radices, self.kind.input_radices, self.kind.ranks
        # axes: known outputs, next input, later inputs, inputs consumed, bond
        left = self.domain.ones((1, columns[0], prod(columns[1:]), 1, 1))
        for k, core in enumerate(self.cores):
            outputs, later, consumed = prod(rows[:k]), prod(columns[k + 1 :]), prod(columns[:k])
            blocks = core.reshape(outputs, later, rows[k] * ranks[k + 1], ranks[k], columns[k])
            image = self.domain.matmul(left, blocks.transpose(0, 4, 1, 3, 2))
            split = image.reshape(outputs, columns[k], later, consumed, rows[k], ranks[k + 1])
            grown = split.transpose(0, 4, 2, 3, 1, 5)
            following = columns[k + 1] if k + 1 < len(columns) else 1
            left = grown.reshape(outputs * rows[k], following, -1, consumed * columns[k], ranks[k + 1])
        return self.kind.matrix_of(left.reshape(rows + columns))

    def terms(self) -> tuple[Monarch, ...]:
        """Monarch matrices whose sum is this one: one for each path through the bonds, so r of them for two stages.

        >>> kind = MonarchClass((2, 2), rank=2)
        >>> cores = (np.ones((2, 2, 2, 1, 2)), np.ones((2, 2, 1, 2, 2)))
        >>> len(BlockTensorTrain(cores, kind).terms())
        2
        """
        paths = np.ndindex(self.kind.ranks[1:-1])
        return tuple(
            Monarch(
                tuple(core[:, :, path[k + 1], path[k], :] for k, core in enumerate(self.cores)),
                self.domain,
                self.kind.convention,
            )
            for path in ((0, *inner, 0) for inner in paths)
        )


def as_block_tensor_train(matrix: Monarch) -> BlockTensorTrain:
    """A Monarch matrix as a train with bonds of width one."""
    kind = MonarchClass(matrix.input_radices, matrix.output_radices, matrix.convention)
    return BlockTensorTrain(tuple(f[:, :, None, None, :] for f in matrix.factors), kind, matrix.domain)


def core_of_split(right: np.ndarray, kind: MonarchClass, k: int) -> np.ndarray:
    """Core k from the right vectors of split k, shape (slices of the split, r_{k+1}, r_k · n_k)."""
    rows, columns, ranks = kind.output_radices, kind.input_radices, kind.ranks
    before, later = prod(rows[:k]), prod(columns[k + 1 :])
    parts = right.reshape(before, rows[k], later, ranks[k + 1], ranks[k], columns[k])
    blocks = parts.transpose(0, 2, 1, 3, 4, 5)
    return blocks.reshape(before * later, rows[k], ranks[k + 1], ranks[k], columns[k])


def remaining(left: np.ndarray, kind: MonarchClass, k: int) -> np.ndarray:
    """What is left after step k, as a digit tensor whose a_{k+1} axis carries the bond first."""
    rows, columns, p = kind.output_radices, kind.input_radices, kind.order
    bond = kind.ranks[k + 1]
    parts = left.reshape(rows[: k + 1] + columns[k + 1 :] + rows[k + 1 :] + (bond,))
    later = p - k - 1
    outputs = [*range(k + 1), *range(k + 1 + later, k + 1 + 2 * later)]
    moved = parts.transpose([*outputs, parts.ndim - 1, *range(k + 1, k + 1 + later)])
    return moved.reshape(rows + (1,) * (k + 1) + (bond * columns[k + 1],) + columns[k + 2 :])


def last_core(state: np.ndarray, kind: MonarchClass) -> np.ndarray:
    """Core p−1 from what is left after step p−2."""
    rows, columns, ranks = kind.output_radices, kind.input_radices, kind.ranks
    return state.reshape(prod(rows[:-1]), rows[-1], 1, ranks[-2], columns[-1])
