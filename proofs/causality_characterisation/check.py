"""Necessary and sufficient: ranks of V_max(j, j') against the decision, on every matrix over F_2 and on random ones."""

from collections.abc import Callable, Iterator
from itertools import combinations
from math import prod

import flint
import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide
from monarch_theory.domains import PrimeField, SingularBlockError, prime_with_root
from monarch_theory.fourier_matrix import vandermonde
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance

Level = Callable[[int, int], int]

SIZES = "all of GL(N, F_2) for N ≤ 3; Monarch to N = 9; completions to N = 10; three matrices to N = 6"
MUTATIONS: dict[str, dict] = {
    "V_min(j, j') in place of V_max(j, j')": {"level": min},
    "three matrices: V⁰ of the larger index": {"signal_level": max},
    "three matrices: V⁰ of the filter's index": {"signal_level": lambda signal, filter: filter},
    "columns beyond n: Z^d in their span alone": {"from_column": 0},
    "re-basing with S lower triangular, not block diagonal": {"lower_left": True},
}


def instances(
    level: Callable[[int, int], int] = max,
    signal_level: Callable[[int, int], int] = lambda signal, filter: signal,
    from_column: int = 1,
    lower_left: bool = False,
) -> list[Instance]:
    cases = []
    for size, n in [(2, 2), (4, 2), (4, 4), (5, 3), (6, 4)]:
        about = f"three matrices, N = {size}, n = {n}: causal and others"
        cases.append(Instance(about, lambda s=size, n=n: _three_matrices(s, n, signal_level)))
        about = f"re-basing by block-diagonal S, N = {size}, n = {n}"
        cases.append(Instance(about, lambda s=size, n=n: _rebased(s, n, lower_left)))
    for size in (2, 3):
        for n in range(1, size + 1):
            about = f"every invertible {size}×{size} matrix over F_2, n = {n}"
            cases.append(Instance(about, lambda s=size, n=n: _every_matrix(s, n, level)))
    for size in range(4, 11):
        for n in range(2, (size + 1) // 2 + 1):
            about = f"columns beyond n = {n}, N = {size}"
            cases.append(Instance(about, lambda s=size, n=n: _completions(s, n, from_column)))
    for radices in [(2, 2), (2, 3), (3, 2), (2, 2, 2), (3, 3)]:
        about = f"random members and non-members {radices}"
        cases.append(Instance(about, lambda r=radices: _random_matrices(r, level)))
    return cases


def _rank(columns: np.ndarray, q: int) -> int:
    rows, width = columns.shape
    return int(flint.nmod_mat(rows, width, [int(x) for x in columns.reshape(-1)], q).rank())


def _closed(dense: np.ndarray, n: int, q: int, level: Level) -> bool:
    """q_j q_j' ∈ V_max(j, j') for all j, j' < n, by ranks."""
    for j in range(n):
        for k in range(j + 1):
            space = dense[:, level(j, k) :]
            product = (dense[:, j] * dense[:, k] % q)[:, None]
            if _rank(np.hstack([space, product]), q) != _rank(space, q):
                return False
    return True


def _agrees(matrix: Monarch, n: int, level: Level) -> bool:
    field: PrimeField = matrix.domain  # type: ignore[assignment]
    return decide(MonarchOperator(matrix, n=n), route="every filter").causal == _closed(
        matrix.dense(), n, field.q, level
    )


def _every_matrix(size: int, n: int, level: Level) -> bool:
    field = PrimeField(2)
    for bits in np.ndindex((2,) * size**2):
        matrix = Monarch((np.array(bits).reshape(1, size, size),), field)
        try:
            if not _agrees(matrix, n, level):
                return False
        except SingularBlockError:
            continue
    return True


def _random_matrices(radices: tuple[int, ...], level: Level) -> bool:
    field, rng = PrimeField(prime_with_root(prod(radices), below=200)), np.random.default_rng(0)
    members = [CausalMonarch(radices).random(field, rng) for _ in range(5)]
    others = [m for m in (random_monarch(radices, field, rng) for _ in range(20)) if _invertible(m)]
    n = prod(radices) // 2
    return all(_agrees(m, n, level) for m in members + others + [_permuted(m, rng) for m in members])


def _invertible(matrix: Monarch) -> bool:
    try:
        matrix.inverse()
    except SingularBlockError:
        return False
    return True


def _permuted(matrix: Monarch, rng: np.random.Generator) -> Monarch:
    """Rows in another order: another matrix with the same operator, still Monarch as one dense block."""
    return Monarch((rng.permutation(matrix.dense())[None],), matrix.domain)


def _completions(size: int, n: int, from_column: int) -> bool:
    """q_j = Z^j + … for j < n, the others arbitrary: causal iff Z^d ∈ span(Z^{n−1}) + W for d = n … 2n − 2."""
    field, rng = PrimeField(prime_with_root(size, below=200)), np.random.default_rng(size)
    seen = set()
    for low in _first_columns(size, n, field, rng):
        for high in _other_columns(size, n, field, rng):
            coefficients = np.hstack([low, high])
            if _rank(coefficients, field.q) < size:
                continue
            dense = field.matmul(vandermonde(size, field), coefficients)
            causal = decide(MonarchOperator(Monarch((dense[None],), field), n=n), route="every filter").causal
            space = np.hstack([low[:, n - from_column :], high])
            monomials = np.eye(size, dtype=np.int64)[:, n : 2 * n - 1]
            if causal != (_rank(np.hstack([space, monomials]), field.q) == space.shape[1]):
                return False
            seen.add(causal)
    return seen == {True, False}


def _three_matrices(size: int, n: int, level: Level) -> bool:
    """Planted causal triples, and the same with one product moved out of its space: by ranks against `decide`."""
    field, rng = PrimeField(10007), np.random.default_rng(size)
    seen = set()
    for planted in range(6):
        M0, M1, M2 = _planted_triple(size, n, field, rng)
        if planted >= 3:
            M2[:, rng.integers(1, n)] += M0[:, 0]
        matrices = [Monarch((m[None] % field.q,), field) for m in (M0, M1, M2)]
        causal = decide(MonarchOperator(*matrices, n=n), route="every filter").causal
        dense = [m.dense() for m in matrices]
        if causal != _triple_closed(*dense, n, field.q, level):
            return False
        seen.add(causal)
    return seen == {True, False}


def _planted_triple(size: int, n: int, field: PrimeField, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """M0's columns are indicators of points, so V⁰_j is closed under products with anything; q²_j ∈ V⁰_j, q¹ random."""
    M0 = np.eye(size, dtype=np.int64)[:, rng.permutation(size)]
    mixed = np.eye(size, dtype=np.int64)
    mixed[:n, :n] += np.tril(rng.integers(0, field.q, (n, n)), -1)
    mixed[n:, :n] = rng.integers(0, field.q, (size - n, n))
    return M0, rng.integers(1, field.q, (size, size)), M0 @ mixed % field.q


def _triple_closed(M0: np.ndarray, M1: np.ndarray, M2: np.ndarray, n: int, q: int, level: Level) -> bool:
    """q¹_j' q²_j ∈ V⁰_j for all j, j' < n, by ranks; `level` of the signal's index and the filter's."""
    for j, k in np.ndindex(n, n):
        space, product = M0[:, level(j, k) :], (M2[:, j] * M1[:, k] % q)[:, None]
        if _rank(np.hstack([space, product]), q) != _rank(space, q):
            return False
    return True


def _rebased(size: int, n: int, lower_left: bool) -> bool:
    """M → M S keeps a causal operator causal, S = diag(lower triangular, anything invertible)."""
    field, rng = PrimeField(prime_with_root(size, below=200)), np.random.default_rng(size)
    monomials = vandermonde(size, field)
    if 2 * n > size + 1:
        monomials = np.tril(rng.integers(1, field.q, (size, size)))  # causal without padding
    S = np.tril(rng.integers(1, field.q, (size, size)))
    S[n:, n:] = rng.integers(1, field.q, (size - n, size - n))
    if not lower_left:
        S[n:, :n] = 0
    if _rank(S, field.q) < size:
        return False
    dense = field.matmul(monomials, S)
    return decide(MonarchOperator(Monarch((dense[None],), field), n=n), route="every filter").causal


def _first_columns(size: int, n: int, field: PrimeField, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(2):
        low = np.zeros((size, n), dtype=np.int64)
        low[:n] = np.tril(field.random(rng, (n, n)), -1) + np.eye(n, dtype=np.int64)
        yield low


def _other_columns(size: int, n: int, field: PrimeField, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Generic ones; Z^d − c Z^{n−1} with one column free; and those with one low coefficient planted."""
    yield field.random(rng, (size, size - n))
    allowed = np.eye(size, dtype=np.int64)[:, n:]
    allowed[n - 1] = field.random(rng, size - n)
    yield allowed
    free = allowed.copy()
    free[:, -1] = field.random(rng, size)
    yield free
    for row, column in combinations(range(size), 2):
        if row < n - 1 and column < size - n:
            planted = allowed.copy()
            planted[row, column] = 1
            yield planted
