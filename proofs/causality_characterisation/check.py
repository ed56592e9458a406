"""Necessary and sufficient: ranks of V_max(j, j') against the decision, on every matrix over F_2 and on random ones."""

from collections.abc import Iterator
from itertools import combinations
from math import prod

import flint
import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide
from monarch_theory.domains import PrimeField, SingularBlockError, prime_with_root
from monarch_theory.fourier_matrix import vandermonde
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance, Progress, Result, verify


def check(progress: Progress) -> Result:
    instances = [
        Instance(f"every invertible {size}×{size} matrix over F_2, n = {n}", lambda s=size, n=n: _every_matrix(s, n))
        for size in (2, 3)
        for n in range(1, size + 1)
    ]
    for radices in [(2, 2), (2, 3), (3, 2), (2, 2, 2), (3, 3)]:
        instances.append(Instance(f"random members and non-members {radices}", lambda r=radices: _random_matrices(r)))
    for size in range(4, 11):
        for n in range(2, (size + 1) // 2 + 1):
            instances.append(Instance(f"columns beyond n = {n}, N = {size}", lambda s=size, n=n: _completions(s, n)))
    return verify(instances, progress, sizes="all of GL(N, F_2) for N ≤ 3; Monarch to N = 9; completions to N = 10")


def _rank(columns: np.ndarray, q: int) -> int:
    rows, width = columns.shape
    return int(flint.nmod_mat(rows, width, [int(x) for x in columns.reshape(-1)], q).rank())


def _closed(dense: np.ndarray, n: int, q: int) -> bool:
    """q_j q_j' ∈ V_max(j, j') for all j, j' < n, by ranks."""
    for j in range(n):
        for k in range(j + 1):
            space = dense[:, j:]
            product = (dense[:, j] * dense[:, k] % q)[:, None]
            if _rank(np.hstack([space, product]), q) != _rank(space, q):
                return False
    return True


def _agrees(matrix: Monarch, n: int) -> bool:
    field: PrimeField = matrix.domain  # type: ignore[assignment]
    return decide(MonarchOperator(matrix, n=n), route="every filter").causal == _closed(matrix.dense(), n, field.q)


def _every_matrix(size: int, n: int) -> bool:
    field = PrimeField(2)
    for bits in np.ndindex((2,) * size**2):
        matrix = Monarch((np.array(bits).reshape(1, size, size),), field)
        try:
            if not _agrees(matrix, n):
                return False
        except SingularBlockError:
            continue
    return True


def _random_matrices(radices: tuple[int, ...]) -> bool:
    field, rng = PrimeField(prime_with_root(prod(radices), below=200)), np.random.default_rng(0)
    members = [CausalMonarch(radices).random(field, rng) for _ in range(5)]
    others = [m for m in (random_monarch(radices, field, rng) for _ in range(20)) if _invertible(m)]
    n = prod(radices) // 2
    return all(_agrees(m, n) for m in members + others + [_permuted(m, rng) for m in members])


def _invertible(matrix: Monarch) -> bool:
    try:
        matrix.inverse()
    except SingularBlockError:
        return False
    return True


def _permuted(matrix: Monarch, rng: np.random.Generator) -> Monarch:
    """Rows in another order: another matrix with the same operator, still Monarch as one dense block."""
    return Monarch((rng.permutation(matrix.dense())[None],), matrix.domain)


def _completions(size: int, n: int) -> bool:
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
            space = np.hstack([low[:, n - 1 :], high])
            monomials = np.eye(size, dtype=np.int64)[:, n : 2 * n - 1]
            if causal != (_rank(np.hstack([space, monomials]), field.q) == space.shape[1]):
                return False
            seen.add(causal)
    return seen == {True, False}


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
