"""How near is the nearest matrix whose slices have rank at most r, for every r at once: one decomposition a layout.

Lay a matrix out as a stack of smaller ones. The nearest matrix with every one of them of rank ≤ r is as far as the
singular values beyond r (Eckart and Young), so one batched decomposition ranks every r. The eigenvalues of the smaller
Gram matrix are the cheapest; they square the numbers, and so know a distance only to √u. Where that is not enough, the
singular values themselves are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import ClassVar, Protocol

import numpy as np

from monarch_theory.expressivity.threads import threads
from monarch_theory.rounding import gamma

__all__ = ["Corner", "Layout", "Rearrangement", "Slicing", "Spectra", "Tails"]

UNIT = sqrt(5) * 2.0**-53  # of complex128, which no smaller than that of float64
SHARP = 2.0**-16  # share of a distance that rounding of squares may leave open


class Layout(Protocol):
    """A matrix as a stack of matrices whose ranks matter; hashable."""

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (count, rows, columns)."""
        ...


@dataclass(frozen=True)
class Slicing:
    """A grid of `left` × `right` blocks of contiguous rows and columns; where `dealt`, of every `left`-th (`right`-th).

    The slices of split k of a Monarch class are one: `left` = m_0⋯m_k, `right` = n_{k+1}⋯n_{p−1}.

    >>> Slicing(2, 1, (True, False)).stack(np.arange(8).reshape(4, 2)).tolist()
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    """

    left: int
    right: int
    dealt: tuple[bool, bool] = (False, False)

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (left · right, rows / left, columns / right)."""
        left, right = self.left, self.right
        rows, columns = matrix.shape[0] // left, matrix.shape[1] // right
        sides = (rows, left) if self.dealt[0] else (left, rows), (columns, right) if self.dealt[1] else (right, columns)
        axes = (int(self.dealt[0]), 2 + self.dealt[1], 1 - self.dealt[0], 3 - self.dealt[1])
        return matrix.reshape(*sides[0], *sides[1]).transpose(axes).reshape(-1, rows, columns)

    def unstack(self, stack: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """The matrix whose stack it is: the inverse of `stack`."""
        left, right = self.left, self.right
        blocks = stack.reshape(left, right, shape[0] // left, shape[1] // right)
        axes = [2, 0] if self.dealt[0] else [0, 2]
        axes += [3, 1] if self.dealt[1] else [1, 3]
        return blocks.transpose(axes).reshape(shape)


@dataclass(frozen=True)
class Rearrangement:
    """Blocks of an `outer` grid as rows: A ⊗ B becomes the rank-one vec(A) vec(B)ᵀ (Van Loan and Pitsianis 1993)."""

    outer: tuple[int, int]

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (1, m₁n₁, m₂n₂)."""
        m, n = self.outer
        blocks = matrix.reshape(m, matrix.shape[0] // m, n, matrix.shape[1] // n)
        return blocks.transpose(0, 2, 1, 3).reshape(1, m * n, -1)


@dataclass(frozen=True)
class Corner:
    """The rows and columns between two bounds each, alone: the matrix has more entries than that."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (1, rows, columns)."""
        return matrix[None, slice(*self.rows), slice(*self.columns)]


@dataclass(frozen=True, eq=False)
class Tails:
    """Relative distances by rank, rank 0 first.

    Attributes:
        distances: as computed, shape (ranks + 1,).
        floors: the same less what rounding may have added: no matrix with slices of that rank is nearer.
    """

    distances: np.ndarray
    floors: np.ndarray

    def distance(self, rank: int) -> float:
        """Of any rank: beyond the sides of the slices nothing is lost."""
        return float(self.distances[min(rank, len(self.distances) - 1)])

    def floor(self, rank: int) -> float:
        """Of any rank, likewise."""
        return float(self.floors[min(rank, len(self.floors) - 1)])


@dataclass(frozen=True, eq=False)
class Spectra:
    """Matrices of one shape in double precision, and the tails of every layout of them asked for so far.

    Distances are relative to each matrix's norm, and the root mean square over the matrices.

    Attributes:
        matrices: float64 or complex128, neither huge nor tiny.
        norms: their Frobenius norms.
    """

    matrices: tuple[np.ndarray, ...]
    norms: tuple[float, ...]
    known: dict[tuple[Layout, bool], Tails] = field(default_factory=dict, repr=False)
    exact: ClassVar[bool] = False

    @classmethod
    def of(cls, matrices: Sequence[np.ndarray]) -> Spectra:
        """Of matrices in double precision whose squares neither overflow nor vanish."""
        return cls(tuple(matrices), tuple(float(np.linalg.norm(matrix)) for matrix in matrices))

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs) of each."""
        rows, columns = self.matrices[0].shape
        return rows, columns

    def relative(self, distances: Sequence[float]) -> float:
        """Root mean square of one distance a matrix, each relative to its norm; that of a zero matrix is 0."""
        shares = [d / norm if norm else 0.0 for d, norm in zip(distances, self.norms, strict=True)]
        return sqrt(sum(share**2 for share in shares) / len(shares))

    def distance(self, approximations: Sequence[np.ndarray]) -> float:
        """Root mean square of the relative distances of one approximation a matrix."""
        pairs = zip(self.matrices, approximations, strict=True)
        return self.relative([float(np.linalg.norm(matrix - near)) for matrix, near in pairs])

    @property
    def rounding(self) -> float:
        """What the singular value decompositions of a fit may add to a distance: LAPACK's max(m, n)·u, twice."""
        return gamma(2 * max(self.shape), UNIT)

    def tails(self, layouts: Sequence[Layout], ranks: Sequence[int]) -> list[Tails]:
        """Tails of every layout, good up to the rank beside it."""
        if all((layout, True) in self.known for layout in layouts):
            return [self._of(layout, rank) for layout, rank in zip(layouts, ranks, strict=True)]
        with threads() as pool:
            return list(pool.map(self._of, layouts, ranks))

    def _of(self, layout: Layout, rank: int) -> Tails:
        fast = self._known(layout, squared=True)
        lost = (fast.floors < fast.distances * (1 - SHARP))[: rank + 1]
        return self._known(layout, squared=False) if lost.any() else fast

    def _known(self, layout: Layout, *, squared: bool) -> Tails:
        if (layout, squared) not in self.known:
            found = [_tails(layout.stack(m), norm, squared) for m, norm in zip(self.matrices, self.norms, strict=True)]
            distances, floors = (np.sqrt(np.mean(np.square(side), axis=0)) for side in zip(*found, strict=True))
            self.known[layout, squared] = Tails(distances, floors)
        return self.known[layout, squared]


def _tails(stack: np.ndarray, norm: float, squared: bool) -> tuple[np.ndarray, np.ndarray]:
    """(distances, floors) of one matrix, shape (side + 1,) each."""
    _, rows, columns = stack.shape
    side, long = min(rows, columns), max(rows, columns)
    if norm == 0:
        return np.zeros(side + 1), np.zeros(side + 1)
    stack = np.divide(stack, norm, order="C")  # laid out and scaled in one pass
    if side == 1:
        whole = float(np.linalg.norm(stack))
        return np.array([whole, 0.0]), np.array([whole * (1.0 - gamma(stack.size, UNIT)), 0.0])
    if not squared:
        values = np.linalg.svd(stack, compute_uv=False) ** 2  # (count, side), falling
        distances = np.sqrt(_tail_sums(values.sum(0)))
        # p(m, n)·u·‖A‖ with p = max(m, n), as in `projection`
        return distances, np.maximum(distances - gamma(2 * long, UNIT), 0.0)
    adjoint = stack.conj().swapaxes(1, 2)
    gram = stack @ adjoint if rows <= columns else adjoint @ stack
    values = np.maximum(np.linalg.eigvalsh(gram), 0.0)[:, ::-1]  # (count, side), falling
    squares = _tail_sums(values.sum(0))
    # forming the Gram matrix and its eigenvalues each perturb it by E; a sum of eigenvalues moves by √side·‖E‖_F
    error = sqrt(side) * (gamma(long, UNIT) + gamma(side, UNIT))
    return np.sqrt(squares), np.sqrt(np.maximum(squares - error, 0.0))


def _tail_sums(values: np.ndarray) -> np.ndarray:
    """Σ_{k ≥ r} of falling values, for r = 0 … their number."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)
