"""Without padding (n = N): causal iff M is a row permutation of a triangular matrix. Every one over F_2, N ≤ 4."""

from collections.abc import Iterator
from itertools import permutations
from math import prod

import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import PrimeField, SingularBlockError
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance, Progress, Result, verify


def check(progress: Progress) -> Result:
    instances = [
        Instance(f"every invertible {n}×{n} matrix over F_2", lambda n=n: _every_matrix(n)) for n in (1, 2, 3, 4)
    ]
    instances += [
        Instance(f"permuted triangular and other matrices over F_101, N = {n}", lambda n=n: _random(n))
        for n in (5, 6, 8)
    ]
    instances += [
        Instance(f"generic Monarch matrices {r} leak", lambda r=r: _monarch_leaks(r)) for r in [(2, 2), (3, 4)]
    ]
    return verify(instances, progress, sizes="all of GL(N, F_2) for N ≤ 4; F_q to N = 12")


def _is_permuted_triangular(dense: np.ndarray) -> bool:
    """Some order of the rows makes it lower triangular: peel off rows that have one entry left, last column first."""
    rows = list(range(len(dense)))
    for column in range(len(dense)):
        # the row that goes to place `column` must vanish beyond it, and not at it
        fitting = [r for r in rows if not dense[r, column + 1 :].any() and dense[r, column]]
        if len(fitting) != 1:
            return False
        rows.remove(fitting[0])
    return True


def _causal(dense: np.ndarray, field: PrimeField) -> bool:
    return decide(MonarchOperator(Monarch((dense[None],), field), n=len(dense)), route="every filter").causal


def _every_matrix(size: int) -> bool:
    """The tensor of every matrix of GL(N, F_2) at once; for N ≤ 3 each is put to `decide` as well."""
    bits = np.arange(2 ** (size * size))[:, None] >> np.arange(size * size) & 1
    dense = bits.reshape(-1, size, size).astype(np.int64)
    determinants = np.rint(np.linalg.det(dense)).astype(np.int64)
    dense, determinants = dense[determinants % 2 == 1], determinants[determinants % 2 == 1]
    inverse = np.rint(np.linalg.inv(dense) * determinants[:, None, None]).astype(np.int64)
    tensor = np.einsum("xil,xlj,xlk->xijk", inverse, dense, dense) % 2
    leaks = (tensor * np.triu(np.ones((size, size), dtype=int), 1)[:, :, None]).any(axis=(1, 2, 3))
    triangular = {shuffled.tobytes() for shuffled in _triangular_shuffles(size)}
    expected = np.array([matrix.tobytes() in triangular for matrix in dense])
    if len(dense) != prod(2**size - 2**k for k in range(size)) or (leaks == expected).any():
        return False
    return size > 3 or all(
        _causal(m, PrimeField(2)) == e == _is_permuted_triangular(m) for m, e in zip(dense, expected, strict=True)
    )


def _triangular_shuffles(size: int) -> Iterator[np.ndarray]:
    """P T for every permutation P and unit lower-triangular T over F_2."""
    places = [(i, j) for i in range(size) for j in range(i)]
    for bits in np.ndindex((2,) * len(places)):
        dense = np.eye(size, dtype=np.int64)
        for place, bit in zip(places, bits, strict=True):
            dense[place] = bit
        for order in permutations(range(size)):
            yield np.ascontiguousarray(dense[list(order)])


def _random(size: int) -> bool:
    field, rng = PrimeField(101), np.random.default_rng(size)
    for _ in range(5):
        triangular = np.tril(rng.integers(1, 101, (size, size)))
        shuffled = rng.permutation(triangular)
        other = shuffled.copy()
        other[np.argmin((shuffled != 0).sum(axis=1)), -1] += 1  # the row with one entry gets a second
        if not _causal(shuffled, field) or _is_permuted_triangular(other):
            return False
        try:
            if _causal(other, field):
                return False
        except SingularBlockError:
            continue
    return True


def _monarch_leaks(radices: tuple[int, ...]) -> bool:
    matrix = random_monarch(radices, PrimeField(10007), np.random.default_rng(0))
    return not decide(MonarchOperator(matrix, n=prod(radices)), route="every filter").causal
