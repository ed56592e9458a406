"""How much padding: N ≥ 2n − 1 for a convolution, by all choices of products; and what is causal with none, n = N."""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, permutations
from math import prod

import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import PrimeField, SingularBlockError, prime_with_root
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance

SIZES = "all products over F_2 for n ≤ 3; DFT to n = 8; all of GL(N, F_2) for N ≤ 4; F_q to N = 12"
MUTATIONS: dict[str, dict] = {
    "a convolution needs N ≥ 2n": {"needed": lambda n: 2 * n},
    "a convolution needs N ≥ 2n − 2 and no more": {"needed": lambda n: 2 * n - 2},
    "a convolution needs N ≥ n + 1 and no more": {"needed": lambda n: n + 1},
    "without padding some u_j with j ≤ i does not reach output i": {"reach": False},
    "without padding M itself is lower triangular": {"orders": lambda rows: [tuple(rows)]},
}


def instances(
    needed: Callable[[int], int] = lambda n: 2 * n - 1,
    reach: bool = True,
    orders: Callable[[range], Iterable[tuple[int, ...]]] = permutations,
) -> list[Instance]:
    cases = [
        Instance(
            f"no padding, N = {n}: every u_0 … u_i reaches output i of a causal operator",
            lambda n=n: _reaches(n) == reach,
        )
        for n in (2, 3, 4, 6)
    ]
    cases += [
        Instance(f"every invertible {n}×{n} matrix over F_2", lambda n=n: _every_matrix(n, orders))
        for n in (1, 2, 3, 4)
    ]
    cases += [
        Instance(f"permuted triangular and other matrices over F_101, N = {n}", lambda n=n: _random(n))
        for n in (5, 6, 8)
    ]
    cases += [Instance(f"generic Monarch matrices {r} leak", lambda r=r: _monarch_leaks(r)) for r in [(2, 2), (3, 4)]]
    cases += [
        Instance(
            f"no {needed(n) - 1} products over F_2 give the truncated convolution of length {n}: every choice",
            lambda n=n: not _products_suffice(n, needed(n) - 1),
        )
        for n in (1, 2, 3)
    ]
    cases += [
        Instance(f"N = {needed(n)} suffices for n = {n}: the DFT", lambda n=n: _dft_convolves(n, needed(n)))
        for n in range(1, 9)
    ]
    return cases


def _products_suffice(n: int, count: int) -> bool:
    """Whether `count` products α(k)·β(u) over F_2 span Σ_j k_{i−j} u_j, i < n: every choice of them, as n²-bit sets."""
    if count < 0:
        return False
    forms = range(1, 2**n)
    bits = [[(a >> x & 1) & (b >> y & 1) for x in range(n) for y in range(n)] for a in forms for b in forms]
    products = np.array(bits) @ (1 << np.arange(n * n))
    targets = [sum(1 << (x * n + i - x) for x in range(i + 1)) for i in range(n)]
    choices = list(combinations(products, count))
    chosen = np.array(choices, dtype=np.int64).reshape(len(choices), count)
    left = np.full((len(chosen), n), True)  # targets not reached yet, for every choice
    for subset in np.ndindex((2,) * count):
        total = np.bitwise_xor.reduce(chosen * np.array(subset, dtype=np.int64), axis=1)
        left &= total[:, None] != np.array(targets)
    return not left.any(axis=1).all()


def _dft_convolves(n: int, size: int) -> bool:
    if size < n:
        return False
    field = PrimeField(prime_with_root(size))
    i, j, k = np.indices((n, n, n))
    return field.equal(MonarchOperator(fourier((size,), field), n=n).tensor(), (j + k == i).astype(np.int64))


def _reaches(size: int) -> bool:
    """M unit lower triangular with entries i + 2j + 2 below the diagonal; N = 2 is [[1, 0], [3, 1]]."""
    field = PrimeField(10007)
    i, j = np.indices((size, size))
    dense = np.where(i == j, 1, np.where(i > j, i + 2 * j + 2, 0))
    tensor = MonarchOperator(Monarch((dense[None],), field), n=size).tensor()
    return _causal(dense, field) and all(tensor[i, j, i - j] != 0 for i in range(size) for j in range(i + 1))


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


def _every_matrix(size: int, orders: Callable[[range], Iterable[tuple[int, ...]]]) -> bool:
    """The tensor of every matrix of GL(N, F_2) at once; for N ≤ 3 each is put to `decide` as well."""
    bits = np.arange(2 ** (size * size))[:, None] >> np.arange(size * size) & 1
    dense = bits.reshape(-1, size, size).astype(np.int64)
    determinants = np.rint(np.linalg.det(dense)).astype(np.int64)
    dense, determinants = dense[determinants % 2 == 1], determinants[determinants % 2 == 1]
    inverse = np.rint(np.linalg.inv(dense) * determinants[:, None, None]).astype(np.int64)
    tensor = np.einsum("xil,xlj,xlk->xijk", inverse, dense, dense) % 2
    leaks = (tensor * np.triu(np.ones((size, size), dtype=int), 1)[:, :, None]).any(axis=(1, 2, 3))
    triangular = {shuffled.tobytes() for shuffled in _triangular_shuffles(size, orders)}
    expected = np.array([matrix.tobytes() in triangular for matrix in dense])
    if len(dense) != prod(2**size - 2**k for k in range(size)) or (leaks == expected).any():
        return False
    return size > 3 or all(
        _causal(m, PrimeField(2)) == e == _is_permuted_triangular(m) for m, e in zip(dense, expected, strict=True)
    )


def _triangular_shuffles(size: int, orders: Callable) -> Iterator[np.ndarray]:
    """P T for every order of the rows and unit lower-triangular T over F_2."""
    places = [(i, j) for i in range(size) for j in range(i)]
    for bits in np.ndindex((2,) * len(places)):
        dense = np.eye(size, dtype=np.int64)
        for place, bit in zip(places, bits, strict=True):
            dense[place] = bit
        for order in orders(range(size)):
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
