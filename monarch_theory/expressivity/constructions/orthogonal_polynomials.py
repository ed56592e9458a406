"""Orthogonal polynomial transforms as products of 1 + 2 log₂N Monarch matrices (De Sa et al. 2018; Dao et al. 2020).

For p_{i+1}(x) = (a_i x + b_i) p_i(x) + c_i p_{i-1}(x), the transform takes u to the coefficients of Σ_j u_j p_j in
powers of x. A segment of n terms from s on is α p_s + β p_{s-1} with α, β of degree below n; two neighbours combine
through the transfer matrix T = [[A, B], [C, D]] that takes (p_s, p_{s-1}) to (p_{s+n}, p_{s+n-1}):

    α = α_L + A α_R + C β_R,   β = β_L + B α_R + D β_R,

which is two Monarch matrices (`segments`) with a 2 × 4 mixing at every frequency. Only the mixings depend on the
polynomials; the transforms of length n have dimension 3n − 4 (`dimension.recurrence_jacobian_rank`): a_i, b_i and c_i
for i ≤ n − 2, but for c_0, which meets p_{-1} = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monarch_theory.digits import balanced_radices
from monarch_theory.domains import Domain
from monarch_theory.expressivity.constructions.permutations import bit_reversal
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.segments import combine, segment_order
from monarch_theory.expressivity.constructions.transforms import dft
from monarch_theory.monarch import Monarch

__all__ = ["Recurrence", "chebyshev", "hermite", "legendre", "orthogonal_polynomial_transform"]


@dataclass(frozen=True, eq=False)
class Recurrence:
    """p_{i+1}(x) = (a_i x + b_i) p_i(x) + c_i p_{i-1}(x), p_0 = 1, p_{-1} = 0, for i = 0 … N − 1.

    Raises:
        ValueError: a, b and c are not of one length N ≥ 1.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    domain: Domain

    def __post_init__(self) -> None:
        shapes = np.shape(self.a), np.shape(self.b), np.shape(self.c)
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0] == (0,):
            raise ValueError(f"a, b, c: expected one shape (N,) with N at least one, got {shapes}")

    def coefficients(self, n: int) -> np.ndarray:
        """The transform itself, shape (n, n): column j holds the monomial coefficients of p_j, by the recurrence.

        Raises:
            ValueError: the recurrence is shorter than n.
        """
        if n > len(self.a):
            raise ValueError(f"recurrence: expected {n} steps, got {len(self.a)}")
        result = self.domain.zeros((n, n))
        previous, current = self.domain.zeros(n), self.domain.zeros(n)
        current[0] = self.domain.scalar(1)
        for j in range(n):
            result[:, j] = current
            shifted = self.domain.zeros(n)
            shifted[1:] = current[:-1]
            following = self.domain.normal(self.a[j] * shifted)
            following = self.domain.normal(following + self.domain.normal(self.b[j] * current))
            following = self.domain.normal(following + self.domain.normal(self.c[j] * previous))
            previous, current = current, following
        return result


def chebyshev(n: int, domain: Domain) -> Recurrence:
    """T_{i+1} = 2x T_i − T_{i-1}, T_1 = x.

    >>> from monarch_theory.domains import INTEGERS
    >>> chebyshev(4, INTEGERS).coefficients(4)[:, 3]
    array([0, -3, 0, 4], dtype=object)
    """
    a, c = ([1] + [2] * (n - 1))[:n], ([0] + [-1] * (n - 1))[:n]
    return Recurrence(domain.array(a), domain.zeros(n), domain.array(c), domain)


def hermite(n: int, domain: Domain) -> Recurrence:
    """Probabilists' Hermite: He_{i+1} = x He_i − i He_{i-1}."""
    return Recurrence(domain.ones(n), domain.zeros(n), domain.array([-i for i in range(n)]), domain)


def legendre(n: int, domain: Domain) -> Recurrence:
    """(i + 1) P_{i+1} = (2i + 1) x P_i − i P_{i-1}; the domain must hold 1/(i + 1).

    Raises:
        ValueError: it does not.
    """
    if domain.is_zero(domain.array(range(1, n + 1))).any():
        raise ValueError(f"domain: expected one where 1 … {n} are not zero, got {domain}")
    inverse = [domain.reciprocal(domain.scalar(i + 1)) for i in range(n)]
    a = domain.normal(domain.array([2 * i + 1 for i in range(n)]) * domain.array(inverse))
    c = domain.normal(domain.array([-i for i in range(n)]) * domain.array(inverse))
    return Recurrence(a, domain.zeros(n), c, domain)


def orthogonal_polynomial_transform(recurrence: Recurrence, n: int) -> MonarchProduct:
    """The matrix `recurrence.coefficients(n)` as 1 + 2 log₂n Monarch matrices, n a power of two.

    Raises:
        ValueError: n is not a power of two above one, or the recurrence is shorter than n.
        NoRootOfUnityError: the domain has no n-th root of unity.
    """
    if n < 2 or n & (n - 1):
        raise ValueError(f"n: expected a power of two above one, got {n}")
    if len(recurrence.a) < n:
        raise ValueError(f"recurrence: expected {n} steps, got {len(recurrence.a)}")
    domain = recurrence.domain
    factors: list[Monarch] = [bit_reversal((2,) * (n.bit_length() - 1), domain)]
    transfers = _steps(recurrence, n)
    length = 1
    while length < n:
        factors = [*combine(_mixing(transfers[::2], length, n, domain), domain), *factors]
        pairs = zip(transfers[::2], transfers[1::2], strict=True)
        transfers = [_compose(second, first, domain) for first, second in pairs]
        length *= 2
    return MonarchProduct(tuple(factors))


def _steps(recurrence: Recurrence, n: int) -> list[np.ndarray]:
    """T_s for one step, shape (2, 2, 2): entries as polynomials, lowest coefficient first."""
    domain = recurrence.domain
    result = []
    for s in range(n):
        step = domain.zeros((2, 2, 2))
        step[0, 0] = [recurrence.b[s], recurrence.a[s]]
        step[0, 1, 0], step[1, 0, 0] = recurrence.c[s], domain.scalar(1)
        result.append(step)
    return result


def _compose(second: np.ndarray, first: np.ndarray, domain: Domain) -> np.ndarray:
    """Product of transfer matrices, degrees added."""
    top = second.shape[2] - 1
    result = domain.zeros((2, 2, 2 * top + 1))
    for k in range(top + 1):
        part = domain.matmul(second[None, :, :, k], first.transpose(2, 0, 1)).transpose(1, 2, 0)
        result[:, :, k : k + top + 1] = domain.normal(result[:, :, k : k + top + 1] + part)
    return result


def _mixing(transfers: list[np.ndarray], length: int, n: int, domain: Domain) -> np.ndarray:
    """(segment, frequency, rows α β, columns α_L α_R β_L β_R), trimmed at both ends of the recursion."""
    size, segments = 2 * length, n // (2 * length)
    transform = dft(balanced_radices(size), domain)
    result, one = domain.zeros((segments, size, 2, 4)), domain.scalar(1)
    for place, segment in enumerate(segment_order(segments)):
        coefficients = domain.zeros((size, 2, 2))
        polynomial = transfers[segment].transpose(2, 0, 1)
        coefficients[: len(polynomial)] = polynomial
        values = transform.multiply(coefficients, axis=0)
        result[place, :, 0, 0] = result[place, :, 1, 2] = one
        result[place, :, 0, 1], result[place, :, 0, 3] = values[:, 0, 0], values[:, 1, 0]
        result[place, :, 1, 1], result[place, :, 1, 3] = values[:, 0, 1], values[:, 1, 1]
    if length == 1:
        result = result[..., :2]  # β is zero to begin with
    return result[..., :1, :] if size == n else result  # β multiplies p_{-1} = 0 in the end
