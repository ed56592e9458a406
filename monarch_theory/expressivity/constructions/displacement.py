"""Matrices of low displacement rank (Kailath, Kung and Morf 1979): sums of r short products of Monarch matrices.

M has displacement rank r under the pair (A, B) when A M − M B = G Hᵀ with G, H of r columns. With Z_f the shift that
brings the last entry back times f, so that Z_f^N = f,

    (A^N − f) M = Σ_k A^k (G Hᵀ) Z_f^{N−1−k} = Σ_j K(A, g_j) · Z_f(J h_j)              for B = Z_f,

because the sum telescopes; K(A, g) has columns A^k g, J reverses, Z_f(v) = Σ_k v_k Z_f^k is f-circulant. Hence, term by
term (proved in `proofs/displacement_rank`; Gohberg and Olshevsky 1994; Pan 2001; that every linear circuit is a product
of such factors, O(depth) of them, is due to Dao et al. 2020):

| class            | A      | B      | a term                                       | Monarch factors a term        |
|------------------|--------|--------|----------------------------------------------|-------------------------------|
| Toeplitz-like    | Z_e    | Z_f    | Z_e(g) Z_f(J h) / (e − f)                    | 4                             |
| Hankel-like      | Z_e    | Z_fᵀ   | Z_e(g) Z_f(h) J / (e − f)                    | 4                             |
| Vandermonde-like | diag x | Z_f    | diag(g_i / (x_i^N − f)) V(x) Z_f(J h)        | 2 and those of V(x)           |
| Cauchy-like      | diag x | diag y | diag(g) C(x, y) diag(h)                      | those of C(x, y)              |

Factors of V(x) and C(x, y) depend on the nodes (`vandermonde`): few at roots and geometric progressions, O(log N) in
general. A sum is *one* product, with terms side by side in one more digit, where terms have an even number of factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monarch_theory.domains import COMPLEX128, INTEGERS, RATIONALS, Domain, Floating
from monarch_theory.expressivity.constructions.convolution import f_circulant, powers, reciprocals
from monarch_theory.expressivity.constructions.product import MonarchProduct, MonarchSum
from monarch_theory.expressivity.constructions.stages import reverse_columns
from monarch_theory.expressivity.constructions.vandermonde_matrices import nodes_of
from monarch_theory.expressivity.membership import eliminate

__all__ = [
    "cauchy_like", "displacement_generators", "displacement_rank", "hankel_like", "shift", "toeplitz_like",
    "vandermonde_like",
]  # fmt: skip


def shift(f: Any, n: int, domain: Domain) -> np.ndarray:
    """Z_f, dense: e_i goes to e_{i+1} and e_{n−1} to f·e_0.

    Raises:
        ValueError: n below one.

    >>> shift(5, 3, INTEGERS)
    array([[0, 0, 5],
           [1, 0, 0],
           [0, 1, 0]], dtype=object)
    """
    if n < 1:
        raise ValueError(f"n: expected a positive size, got {n}")
    result = domain.zeros((n, n))
    result[np.arange(1, n), np.arange(n - 1)] = domain.scalar(1)
    result[0, n - 1] = domain.scalar(f)
    return result


def displacement_generators(matrix: Any, left: Any, right: Any, domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """G, H of shape (N, r) with left · matrix − matrix · right = G Hᵀ and r least (at least one), exactly.

    Args:
        matrix, left, right: N × N; the last two dense, from `shift` or `np.diag`.

    Raises:
        TypeError: a floating-point domain, where rank is not decided exactly.
        ValueError: shapes that are not square and equal.

    >>> toeplitz_matrix = [[1, 5, 7], [2, 1, 5], [3, 2, 1]]
    >>> operators = shift(1, 3, INTEGERS), shift(-1, 3, INTEGERS)
    >>> displacement_generators(toeplitz_matrix, *operators, INTEGERS)[0].shape
    (3, 2)
    """
    if isinstance(domain, Floating):
        raise TypeError(f"domain: expected an exact one, got {domain}")
    field = RATIONALS if domain is INTEGERS else domain
    array, a, b = (
        field.array(value, name=name) for name, value in (("matrix", matrix), ("left", left), ("right", right))
    )
    for name, operand in (("matrix", array), ("left", a), ("right", b)):
        if operand.ndim != 2 or operand.shape != (len(array), len(array)):
            raise ValueError(f"{name}: expected a square matrix, all three alike, got shape {operand.shape}")
    difference = field.normal(field.matmul(a, array) - field.matmul(array, b))
    for rank in range(1, len(array) + 1):
        found = eliminate(difference[None], rank, field)
        if found.excess is None:
            return found.left[0], found.right[0].T
    raise AssertionError("a matrix has rank at most its size")


def displacement_rank(matrix: Any, left: Any, right: Any, domain: Domain) -> int:
    """Rank of left · matrix − matrix · right, exactly, at least one; 2 for Toeplitz matrices under two shifts."""
    return displacement_generators(matrix, left, right, domain)[0].shape[1]


def toeplitz_like(
    left: Any, right: Any, roots: tuple[Any, Any], radices: Sequence[int], domain: Domain = COMPLEX128
) -> MonarchSum:
    """The M with Z_e M − M Z_f = G Hᵀ: r terms of four Monarch factors of size N.

    Theorem: `proofs/displacement_rank`.

    Args:
        left, right: G and H, shape (N, r).
        roots: (φ, ψ) with e = φ^N and f = ψ^N, such as 1 and ω_{2N} for e = 1 and f = −1.
        radices: N = ∏ radices.

    Raises:
        ValueError: shapes that differ, or e = f.
        NoRootOfUnityError: the domain has no N-th root of unity.

    >>> from monarch_theory.domains import PrimeField
    >>> field = PrimeField(17)
    >>> operators = shift(1, 4, field), shift(-1, 4, field)
    >>> M = field.array([[1, 2, 3, 4], [5, 1, 2, 3], [6, 5, 1, 2], [7, 6, 5, 1]])
    >>> G, H = displacement_generators(M, *operators, field)
    >>> built = toeplitz_like(G, H, (1, field.root_of_unity(8)), (2, 2), field)
    >>> len(built.terms), bool((built.dense() == M).all())
    (2, True)
    """
    g, h = _generators(left, right, domain)
    n = len(g)
    scale = _over(powers(roots[0], n + 1, domain)[n:], powers(roots[1], n + 1, domain)[n:], n, domain)
    terms = []
    for k in range(g.shape[1]):
        first = f_circulant(domain.normal(scale * g[:, k]), roots[0], radices, domain)
        terms.append(MonarchProduct(first.factors + f_circulant(h[::-1, k], roots[1], radices, domain).factors))
    return MonarchSum(tuple(terms))


def hankel_like(
    left: Any, right: Any, roots: tuple[Any, Any], radices: Sequence[int], domain: Domain = COMPLEX128
) -> MonarchSum:
    """The M with Z_e M − M Z_fᵀ = G Hᵀ: M J is Toeplitz-like with generators G and J H, because J Z_f J = Z_fᵀ.

    Theorem: `proofs/displacement_rank`.
    """
    g, h = _generators(left, right, domain)
    reversed_ = toeplitz_like(g, h[::-1], roots, radices, domain)
    return MonarchSum(tuple(MonarchProduct((*t.factors[:-1], reverse_columns(t.factors[-1]))) for t in reversed_.terms))


def vandermonde_like(
    left: Any, right: Any, evaluation: MonarchProduct, root: Any, radices: Sequence[int]
) -> MonarchSum:
    """The M with diag(x) M − M Z_f = G Hᵀ: r terms of two Monarch factors more than V(x) has.

    Theorem: `proofs/displacement_rank`.

    Args:
        left, right: G and H, shape (N, r).
        evaluation: V(x), from `root_vandermonde`, `chirp` or `vandermonde`.
        root: ψ with f = ψ^N.
        radices: of the f-circulant factors, N = ∏ radices.

    Raises:
        ValueError: shapes that differ, or x_i^N = f for some i.
    """
    domain = evaluation.domain
    g, h = _generators(left, right, domain)
    n, x = len(g), nodes_of(evaluation)
    x_to_n = domain.ones(n)
    for _ in range(n):
        x_to_n = domain.normal(x_to_n * x)
    scale = _over(x_to_n, powers(root, n + 1, domain)[n:], n, domain)
    terms = []
    for k in range(g.shape[1]):
        first = evaluation.scaled(domain.normal(scale * g[:, k]), domain.ones(n))
        terms.append(MonarchProduct(first.factors + f_circulant(h[::-1, k], root, radices, domain).factors))
    return MonarchSum(tuple(terms))


def cauchy_like(left: Any, right: Any, kernel: MonarchProduct) -> MonarchSum:
    """The M with diag(x) M − M diag(y) = G Hᵀ: r terms with as many Monarch factors as C(x, y) has.

    Theorem: `proofs/displacement_rank`.

    Args:
        left, right: G and H, shape (N, r).
        kernel: C(x, y), from `cauchy` or `cauchy_of_roots`.
    """
    g, h = _generators(left, right, kernel.domain)
    return MonarchSum(tuple(kernel.scaled(g[:, k], h[:, k]) for k in range(g.shape[1])))


def _generators(left: Any, right: Any, domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    g, h = domain.array(left, name="left"), domain.array(right, name="right")
    if g.ndim != 2 or h.shape != g.shape:
        raise ValueError(f"right: expected the shape of left, {g.shape}, got {h.shape}")
    return g, h


def _over(e: np.ndarray, f: np.ndarray, n: int, domain: Domain) -> np.ndarray:
    """1/(e − f), n of them."""
    difference = domain.normal(e - f)
    if domain.is_zero(difference).any():
        raise ValueError("roots: expected A^N − f to be invertible, so that the displacement determines M; it is not")
    return np.broadcast_to(reciprocals(difference, domain), (n,))
