"""Vandermonde and Cauchy matrices as products of Monarch matrices: one or two factors at special nodes, O(log N) else.

| nodes                | V[i, k] = x_i^k                                       | factors        |
|----------------------|-------------------------------------------------------|----------------|
| x_i = φ ω_N^i        | F diag(φ^k)                                           | 1              |
| x_i = c a^i          | diagonal · Hankel · diagonal (Bluestein 1970)         | 2              |
| any, N a power of 2  | transposed: Σ_i u_i / (1 − x_i z) modulo z^N          | 3 + 2 log₂ N   |

At general nodes no Monarch product of bounded length is known. The sum of fractions is built up from pairs (Borodin and
Moenck 1974; transposed, as in Bostan, Lecerf and Schost 2003): numerators and denominators combine as polynomials,
which `segments` does, and the numerator is divided by ∏ (1 − x_i z) at the end. In floating point that division is as
badly conditioned as the nodes make it; exact domains do not mind.

A Cauchy matrix follows from 1/(x − y_j) = Σ_{a,b} x^a p_{a+b+1} y_j^b / p(x), p(z) = ∏ (z − y_j) with coefficients p_k:
C = diag(1/p(x_i)) V(x) H(p) V(y)ᵀ (Gohberg and Olshevsky 1994; Pan 2001), H a Hankel matrix, two factors. At the N-th
roots of two different numbers H is the reversal and C takes two factors in all.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from monarch_theory.digits import balanced_radices, check_radices
from monarch_theory.domains import COMPLEX128, Domain
from monarch_theory.expressivity.constructions.convolution import hankel, powers, reciprocals, triangular_toeplitz
from monarch_theory.expressivity.constructions.permutations import bit_reversal
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.segments import combine, segment_order, times
from monarch_theory.expressivity.constructions.stages import reverse_columns, scale_columns
from monarch_theory.expressivity.constructions.transforms import dft

__all__ = ["cauchy", "cauchy_of_roots", "chirp", "nodes_of", "root_vandermonde", "vandermonde"]


def root_vandermonde(root: object, radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """V(x) at x_i = root · ω_N^i, the N-th roots of root^N: one Monarch matrix.

    Raises:
        NoRootOfUnityError: the domain has no N-th root of unity.
    """
    transform = dft(radices, domain)
    return MonarchProduct((scale_columns(transform, powers(root, transform.shape[1], domain)),))


def chirp(first: object, ratio: object, radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """V(x) at x_i = first · ratio^i, N = ∏ radices of them, as two Monarch factors with inner size 2N.

    Bluestein with binomials, so that no square roots are taken: ik = C(i+k, 2) − C(i, 2) − C(k, 2).

    Theorem: `proofs/vandermonde_and_cauchy`, `geometric_nodes`.

    Raises:
        ValueError: the ratio is zero.
        NoRootOfUnityError: the domain has no 2N-th root of unity.

    >>> from monarch_theory.domains import PrimeField
    >>> chirp(1, 2, (2, 2), PrimeField(17)).dense()
    array([[ 1,  1,  1,  1],
           [ 1,  2,  4,  8],
           [ 1,  4, 16, 13],
           [ 1,  8, 13,  2]])
    """
    size = int(np.prod(check_radices(radices)))
    if domain.is_zero(domain.array([ratio], name="ratio")).any():
        raise ValueError(f"ratio: expected one that is not zero, got {ratio}")
    triangular = domain.ones(2 * size)
    for m, power in enumerate(powers(ratio, 2 * size - 1, domain)):
        triangular[m + 1 : m + 2] = domain.normal(triangular[m : m + 1] * power)
    back = reciprocals(triangular[:size], domain)
    product = hankel(triangular[: 2 * size - 1], radices, domain)
    return product.scaled(back, domain.normal(back * powers(first, size, domain)))


def vandermonde(nodes: Sequence[object] | np.ndarray, domain: Domain = COMPLEX128) -> MonarchProduct:
    """V[i, k] = nodes[i]^k, N × N, at any nodes, as 3 + 2 log₂N Monarch matrices; N a power of two above one.

    Raises:
        ValueError: another number of nodes.
        NoRootOfUnityError: the domain has no 2N-th root of unity.

    >>> from monarch_theory.domains import PrimeField
    >>> product = vandermonde([5, 0, 1, 5], PrimeField(17))
    >>> len(product.factors), product.dense()[0].tolist()
    (7, [1, 5, 8, 6])
    """
    x = domain.array(nodes, name="nodes")
    n = len(x)
    if x.ndim != 1 or n < 2 or n & (n - 1):
        raise ValueError(f"nodes: expected a power of two of them, above one, got shape {x.shape}")
    denominators = [domain.array([1, 0]) for _ in x]
    for denominator, node in zip(denominators, domain.normal(-x), strict=True):
        denominator[1] = node
    factors = [bit_reversal((2,) * (n.bit_length() - 1), domain)]
    while len(denominators) > 1:
        left, right = denominators[::2], denominators[1::2]
        mixing = _values(zip(right, left, strict=True), len(left), 2 * (len(left[0]) - 1), domain)
        factors = [*combine(mixing, domain), *factors]
        denominators = [times(a, b, domain) for a, b in zip(left, right, strict=True)]
    division = triangular_toeplitz(_series_inverse(denominators[0], n, domain), balanced_radices(n), domain)
    return MonarchProduct((*division.factors, *factors)).T


def nodes_of(evaluation: MonarchProduct) -> np.ndarray:
    """The nodes x of V(x), which are its second column."""
    unit = evaluation.domain.zeros(evaluation.shape[1])
    unit[1] = evaluation.domain.scalar(1)
    return evaluation @ unit


def cauchy(x: MonarchProduct, y: MonarchProduct) -> MonarchProduct:
    """C[i, j] = 1/(x_i − y_j), from V(x) and V(y): their factors and two more.

    Theorem: `proofs/vandermonde_and_cauchy`, `cauchy_factors`.

    Raises:
        ValueError: a node of x is one of y, or the shapes or radices do not fit.
    """
    domain, n = x.domain, x.shape[0]
    polynomial = domain.ones(1)
    for node in domain.normal(-nodes_of(y)):
        factor = domain.ones(2)
        factor[0] = node
        polynomial = times(polynomial, factor, domain)
    values = domain.zeros(n)
    for k in reversed(range(n + 1)):
        values = domain.normal(domain.normal(values * nodes_of(x)) + polynomial[k])
    if domain.is_zero(values).any():
        raise ValueError("y: expected nodes that are none of x")
    middle = hankel(polynomial[1:], x.factors[-1].input_radices, domain)
    product = MonarchProduct((*x.factors, *middle.factors, *y.T.factors))
    return product.scaled(reciprocals(values, domain), domain.ones(n))


def cauchy_of_roots(left: object, right: object, radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """C[i, j] = 1/(x_i − y_j) at x_i = left · ω_N^i and y_j = right · ω_N^j, as two Monarch matrices.

    Raises:
        ValueError: left^N = right^N, so that the nodes meet.
    """
    x, y = root_vandermonde(left, radices, domain), root_vandermonde(right, radices, domain)
    n = x.shape[0]
    difference = domain.normal(powers(left, n + 1, domain)[n:] - powers(right, n + 1, domain)[n:])
    if domain.is_zero(difference).any():
        raise ValueError(f"right: expected {right}^{n} to differ from {left}^{n}")
    product = MonarchProduct((reverse_columns(x.factors[0]), y.T.factors[0]))
    return product.scaled(np.repeat(reciprocals(difference, domain), n), domain.ones(n))


def _values(pairs: Iterable[tuple[np.ndarray, np.ndarray]], segments: int, size: int, domain: Domain) -> np.ndarray:
    """(segment, frequency, 1, 2): the values of each pair of polynomials, segments bit-reversed."""
    coefficients = domain.zeros((size, segments, 2))
    for segment, pair in enumerate(pairs):
        for k, polynomial in enumerate(pair):
            coefficients[: len(polynomial), segment, k] = polynomial
    values = dft(balanced_radices(size), domain).multiply(coefficients, axis=0)
    return values.transpose(1, 0, 2)[segment_order(segments), :, None, :]


def _series_inverse(polynomial: np.ndarray, count: int, domain: Domain) -> np.ndarray:
    """1/polynomial modulo z^count, for constant coefficient one."""
    result = domain.ones(count)
    for k in range(1, count):
        terms = domain.normal(polynomial[1 : k + 1] * result[:k][::-1])
        result[k] = domain.normal(-np.asarray([terms.sum()], dtype=domain.dtype))[0]
    return result
