"""What the operators compute: C⁻¹ Toeplitz(C k) C against the operator; and the ranks of products of one and two."""

from collections.abc import Callable
from math import prod

import flint
import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.domains import Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials
from monarch_theory.proving import Instance

RADICES = [(2, 2), (2, 3), (3, 2), (2, 4), (4, 2), (2, 2, 2), (3, 3), (3, 4), (4, 3), (2, 2, 3), (4, 4), (2, 2, 2, 2)]

SIZES = "Q(ζ_N) to N = 6, F_q to N = 64, p ≤ 4; density of two operators to N = 16, of three matrices to N = 9"
MUTATIONS: dict[str, dict] = {
    "their products have one dimension more": {"dimension": lambda n: n * (n - 1) // 2 + 2},
    "Toeplitz(k) in place of Toeplitz(C k)": {"filtered": lambda C, k: k},
    "two operators are dense in all lower triangular matrices": {"dimension": lambda n: n * (n + 1) // 2},
    "the diagonal is (C k)_i": {"diagonal": lambda c: c},
    "two operators suffice at radices (8, 8)": {"short": False},
}


def instances(
    filtered: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    dimension: Callable[[int], int] = lambda n: n * (n - 1) // 2 + 1,
    diagonal: Callable[[np.ndarray], np.ndarray] = lambda c: np.broadcast_to(c[:1], c.shape),
    short: bool = True,
) -> list[Instance]:
    cases = []
    for radices in [(2, 2), (2, 3), (7,), (4, 4), (3, 2, 4), (2, 2, 2, 2), (8, 8)]:
        domain: Domain = Cyclotomic(prod(radices)) if prod(radices) <= 6 else PrimeField(prime_with_root(prod(radices)))
        for n in sorted({1, prod(radices) // 2, (prod(radices) + 1) // 2}):
            about = f"the operator is C⁻¹ Toeplitz(C k) C, {radices}, n = {n}, over {domain}"
            cases.append(Instance(about, lambda r=radices, n=n, d=domain: _computes(r, n, d, filtered, diagonal)))
    family = CausalMonarch((8, 8))
    cases.append(
        Instance(
            "two operators at (8, 8) have fewer parameters than the group has dimensions",
            lambda: (2 * (family.dimension + family.n) < family.n * (family.n - 1) // 2 + 1) == short,
        )
    )
    for radices in RADICES:
        about = f"two operators are dense among constant diagonals, {radices}"
        cases.append(Instance(about, lambda r=radices: _rank(r, three=False) == dimension(prod(r) // 2)))
    for radices in [(2, 2), (2, 3), (3, 2), (2, 4), (4, 2), (2, 2, 2), (3, 3)]:
        about = f"two operators of three matrices are dense among lower triangular ones, {radices}"
        n = prod(radices) // 2
        cases.append(Instance(about, lambda r=radices, n=n: _rank(r, three=True) == n * (n + 1) // 2))
    return cases


def _toeplitz(c: np.ndarray, domain: Domain) -> np.ndarray:
    i, j = np.indices((len(c), len(c)))
    return np.where(i >= j, c[np.maximum(i - j, 0)], domain.zeros((1, 1)))


def _computes(radices: tuple[int, ...], n: int, domain: Domain, filtered: Callable | None, diagonal: Callable) -> bool:
    rng = np.random.default_rng(0)
    matrix, k = CausalMonarch(radices, n).random(domain, rng), domain.random(rng, n)
    C = basis_polynomials(matrix, View.UNIVARIATE).coefficient_matrix()[:n, :n]
    c = domain.matmul(C, k[:, None])[:, 0]
    action = MonarchOperator(matrix, n=n).matrix(k)
    right = domain.matmul(_toeplitz(c if filtered is None else filtered(C, k), domain), C)
    return domain.equal(domain.matmul(C, action), right) and domain.equal(action.diagonal(), diagonal(c))


def _rank(radices: tuple[int, ...], three: bool) -> int:
    """Rank over F_q of the derivative of A B with respect to all parameters of both operators, at a random point.

    A = C_0⁻¹ Toeplitz(c) C_2, and C_2 = C_0 unless there are three matrices; c is any vector, as C k is.
    """
    field, rng = PrimeField(prime_with_root(prod(radices))), np.random.default_rng(0)
    (A, changes_A), (B, changes_B) = (_operator(radices, field, rng, three) for _ in range(2))
    moved = [field.matmul(change, B) for change in changes_A] + [field.matmul(A, change) for change in changes_B]
    entries = [int(x) for change in moved for x in change.reshape(-1)]
    return int(flint.nmod_mat(len(moved), A.size, entries, field.q).rank())


def _operator(
    radices: tuple[int, ...], field: PrimeField, rng: np.random.Generator, three: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A random operator, and its derivative in the direction of every parameter."""
    C0, changes0 = _leading(radices, field, rng)
    C2, changes2 = _leading(radices, field, rng) if three else (C0, changes0)
    n = len(C0)
    inverse, c = field.inverse(C0[None])[0], field.random(rng, n)
    middle = _toeplitz(c, field)
    A = field.matmul(inverse, field.matmul(middle, C2))
    through = field.matmul(inverse, middle)
    left = [field.normal(-field.matmul(inverse, field.matmul(change, A))) for change in changes0]
    right = [field.matmul(through, change) for change in changes2]
    both = left + right if three else [field.normal(x + y) for x, y in zip(left, right, strict=True)]
    filters = [field.matmul(inverse, field.matmul(_toeplitz(unit, field), C2)) for unit in field.eye(n)]
    return A, both + filters


def _leading(
    radices: tuple[int, ...], field: PrimeField, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """C of a random member, and its derivative along every free coefficient: C is linear in each stage."""
    family = CausalMonarch(radices)
    stages = basis_polynomials(family.random(field, rng), View.UNIVARIATE).coefficients

    def leading(some: tuple[np.ndarray, ...]) -> np.ndarray:
        return BasisPolynomials(some, radices, field, View.UNIVARIATE).coefficient_matrix()[: family.n, : family.n]

    changes = []
    for k, mask in enumerate(family.support):
        for position in np.argwhere(mask):
            unit = field.zeros(mask.shape)
            unit[tuple(position)] = 1
            changes.append(leading((*stages[:k], unit, *stages[k + 1 :])))
    return leading(tuple(stages)), changes
