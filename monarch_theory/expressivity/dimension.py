"""Dimension of a class: the rank of the Jacobian of its parametrisation, exact over F_q, against the formula.

The rank at one point over F_q bounds the generic rank from below, in characteristic zero too, because the minors are
integer polynomials of the parameters; parameters less gauge bound it from above. Where the two agree the dimension is
settled at that size (exact); where they do not, the gauge is larger than the formula knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flint
import numpy as np

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.constructions.orthogonal_polynomials import Recurrence
from monarch_theory.expressivity.tensor_train import BlockTensorTrain
from monarch_theory.monarch import block_counts

__all__ = [
    "FIELD", "chain_dimension", "chain_jacobian_rank", "jacobian_rank", "low_rank_dimension", "low_rank_jacobian_rank",
    "monarch_plus_low_rank_dimension", "monarch_plus_low_rank_jacobian_rank", "multilinear_rank",
    "recurrence_dimension", "recurrence_jacobian_rank",
]  # fmt: skip

FIELD = PrimeField(2**31 - 1)


def multilinear_rank(
    build: Callable[[Sequence[np.ndarray]], np.ndarray], factors: Sequence[np.ndarray], field: PrimeField = FIELD
) -> int:
    """Rank over F_q of the Jacobian of `build`, which is linear in each factor, at the given point.

    The derivative with respect to one entry is `build` with that factor replaced by a unit vector.
    """
    return _rank(_tangent(build, factors), field)


def _tangent(build: Callable[[Sequence[np.ndarray]], np.ndarray], factors: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Rows of the Jacobian."""
    rows = []
    for k, factor in enumerate(factors):
        for position in np.ndindex(factor.shape):
            unit = np.zeros_like(factor)
            unit[position] = 1
            rows.append(build([*factors[:k], unit, *factors[k + 1 :]]).reshape(-1))
    return rows


def _rank(rows: Sequence[np.ndarray], field: PrimeField) -> int:
    return int(flint.nmod_mat(len(rows), len(rows[0]), [int(x) for row in rows for x in row], field.q).rank())


def jacobian_rank(kind: MonarchClass, rng: np.random.Generator, field: PrimeField = FIELD) -> int:
    """Local dimension of a Monarch class at a random point over F_q; compare `kind.dimension`.

    >>> kind = MonarchClass((3, 3))
    >>> jacobian_rank(kind, np.random.default_rng(0)), kind.dimension, kind.parameters
    (45, 45, 54)
    """
    return _rank(_monarch_tangent(kind, rng, field), field)


def _monarch_tangent(kind: MonarchClass, rng: np.random.Generator, field: PrimeField) -> list[np.ndarray]:
    counts = block_counts(kind.output_radices, kind.input_radices)
    shapes = zip(counts, kind.output_radices, kind.ranks[1:], kind.ranks[:-1], kind.input_radices, strict=True)
    cores = [field.random(rng, shape) for shape in shapes]
    return _tangent(lambda c: BlockTensorTrain(tuple(c), kind, field).dense(), cores)


def _low_rank_tangent(
    shape: tuple[int, int], rank: int, rng: np.random.Generator, field: PrimeField
) -> list[np.ndarray]:
    factors = [field.random(rng, (shape[0], rank)), field.random(rng, (rank, shape[1]))]
    return _tangent(lambda f: field.matmul(f[0], f[1]), factors)


def low_rank_dimension(shape: tuple[int, int], rank: int) -> int:
    """r(m + n − r): two factors less an invertible r × r matrix between them.

    Sums of r Kronecker products (m₁ × n₁) ⊗ (m₂ × n₂) are those of shape (m₁n₁, m₂n₂) and rank r, entries rearranged.

    >>> low_rank_dimension((6, 4), 2)
    16
    """
    r = min(rank, *shape)
    return r * (sum(shape) - r)


def low_rank_jacobian_rank(
    shape: tuple[int, int], rank: int, rng: np.random.Generator, field: PrimeField = FIELD
) -> int:
    """Local dimension of the matrices of rank r at a random one over F_q; compare `low_rank_dimension`.

    >>> low_rank_jacobian_rank((6, 4), 2, np.random.default_rng(0))
    16
    """
    return _rank(_low_rank_tangent(shape, rank, rng, field), field)


def monarch_plus_low_rank_dimension(kind: MonarchClass, rank: int) -> int:
    """The dimensions of the parts, less what they share at order 2 where blocks of a stage are small; then all of it.

    U Vᵀ may be turned by another K for every value of i₀, δU = U_{i₀} K_{i₀}, as long as one δV(a₁), on n₀ digits,
    undoes them all on the n₀ − ρ directions that each slice of rank ρ leaves free: m₀(n₀ − ρ) ≤ n₀. Only one common K
    is gauge anyway, so (m₀ − 1) r² are lost; likewise at the other end. For ρ = 1 it takes 2 × 2 blocks. That nothing
    else is lost is no theorem here: it is exact at every size where the Jacobian was ranked.

    >>> monarch_plus_low_rank_dimension(MonarchClass((3, 3)), 1)
    62
    >>> monarch_plus_low_rank_dimension(MonarchClass((2, 5)), 2)  # 96 less 2²
    92
    """
    parts = kind.dimension + low_rank_dimension(kind.shape, rank)
    if kind.order == 2:
        first = kind.output_radices[0], kind.input_radices[0]
        last = kind.input_radices[1], kind.output_radices[1]
        parts -= sum((m - 1) * rank**2 for m, n in (first, last) if m * (n - kind.ranks[1]) <= n)
    return min(parts, kind.shape[0] * kind.shape[1])


def monarch_plus_low_rank_jacobian_rank(
    kind: MonarchClass, rank: int, rng: np.random.Generator, field: PrimeField = FIELD
) -> int:
    """Local dimension of the sums at a random one over F_q; compare `monarch_plus_low_rank_dimension`.

    >>> monarch_plus_low_rank_jacobian_rank(MonarchClass((3, 3)), 1, np.random.default_rng(0))
    62
    """
    tangents = _monarch_tangent(kind, rng, field) + _low_rank_tangent(kind.shape, rank, rng, field)
    return _rank(tangents, field)


def chain_dimension(b0: int, b1: int, stages: int) -> int:
    """Parameters less gauge of a product of `stages` block-diagonal factors, which act on digits x₁, x₀, x₁, … in turn.

    Two stages are Monarch; three are M M* (the outer ones on x₁); four are a product of two Dao Monarch matrices.
    Between neighbours every index may be rescaled, b₀b₁ ways. At most (b₀b₁)².

    >>> chain_dimension(4, 4, 2), chain_dimension(4, 4, 3), chain_dimension(4, 4, 4), chain_dimension(4, 4, 5)
    (112, 160, 208, 256)
    """
    parameters = sum(b0 * b1 * (b1 if k % 2 == 0 else b0) for k in range(stages))
    return min(parameters - (stages - 1) * b0 * b1, (b0 * b1) ** 2)


def chain_jacobian_rank(b0: int, b1: int, stages: int, rng: np.random.Generator, field: PrimeField = FIELD) -> int:
    """Local dimension of such a product at a random point over F_q.

    >>> chain_jacobian_rank(3, 3, 3, np.random.default_rng(0)), chain_dimension(3, 3, 3)
    (63, 63)
    """
    factors = [field.random(rng, (b0, b1, b1) if k % 2 == 0 else (b1, b0, b0)) for k in range(stages)]

    def build(chain: Sequence[np.ndarray]) -> np.ndarray:
        state = np.eye(b0 * b1, dtype=np.int64).reshape(b1, b0, -1)
        for k in reversed(range(stages)):
            # outer stages act on x₁ (axis 0) for each x₀, inner ones on x₀ for each x₁
            if k % 2 == 0:
                state = field.matmul(chain[k], state.swapaxes(0, 1)).swapaxes(0, 1)
            else:
                state = field.matmul(chain[k], state)
        return np.asarray(state)

    return multilinear_rank(build, factors, field)


def recurrence_dimension(n: int) -> int:
    """Dimension of the orthogonal polynomial transforms of length n: a_i, b_i, c_i for i ≤ n − 2, without c_0.

    However many scalars their Monarch factors store, no more than these are free.

    >>> recurrence_dimension(4)
    8
    """
    return max(3 * n - 4, 0)


def recurrence_jacobian_rank(n: int, rng: np.random.Generator, field: PrimeField = FIELD) -> int:
    """Local dimension of those transforms at a random recurrence over F_q; compare `recurrence_dimension`.

    Every coefficient enters with degree one, so a derivative is a difference of two transforms.

    >>> recurrence_jacobian_rank(4, np.random.default_rng(0))
    8
    """
    point = field.random(rng, (3, n))
    rows = []
    for place in np.ndindex(point.shape):
        ends = []
        for value in (0, 1):
            moved = point.copy()
            moved[place] = value
            a, b, c = moved
            ends.append(Recurrence(a, b, c, field).coefficients(n))
        rows.append(field.normal(ends[1] - ends[0]).reshape(-1))
    return _rank(rows, field)
