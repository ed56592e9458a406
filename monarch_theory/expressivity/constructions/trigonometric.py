"""DCT and DST of types II and III as products of Monarch matrices, over any domain with a 4N-th root of unity.

With v the even-indexed inputs in order and then the odd ones backwards (Makhoul 1980) and y = diag(ω_{4N}^k) F v,
DCT-II[k] = (y_k − i·y_{N-k})/2 for k ≥ 1 and y_0 for k = 0: no real parts are taken, so it holds over any such field.
The permutations and the mixing of k with N − k are products of Monarch matrices too: eight factors in all, (M M*)⁴. The
shorter form of Dao et al. 2020, (B B*)², takes the real part of its result.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, Domain
from monarch_theory.expressivity.constructions.kronecker import block_diagonal
from monarch_theory.expressivity.constructions.permutations import permutation
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.expressivity.constructions.stages import scale_rows
from monarch_theory.expressivity.constructions.transforms import dft
from monarch_theory.monarch import Convention, Monarch

__all__ = ["dct2", "dct3", "dst2", "dst3"]


def dct2(radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """C[k, n] = cos(π k (2n + 1) / 2N), cosines being (ζ + ζ⁻¹)/2 for ζ = ω_{4N}^(k(2n+1)).

    Args:
        radices: (b₀, b₁) with b₀ even; they serve the DFT and the permutations alike.

    Raises:
        ValueError: not two radices, or b₀ odd.
        NoRootOfUnityError: the domain has no 4N-th root of unity.
    """
    return MonarchProduct(_factors(radices, domain))


def dct3(radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """The transpose of `dct2`: C[n, k] = cos(π k (2n + 1) / 2N)."""
    return MonarchProduct(tuple(factor.T for factor in dct2(radices, domain).factors[::-1]))


def dst2(radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """S[k, n] = sin(π (k + 1)(2n + 1) / 2N), which is DCT-II with alternating signs going in, read backwards."""
    size = prod(check_radices(radices))
    backwards = permutation(range(size)[::-1], _pair(radices), domain)
    signs = domain.ones(size)
    signs[1::2] = domain.scalar(-1)
    blocks = domain.zeros((size // radices[0], radices[0], radices[0]))
    every = np.arange(radices[0])
    blocks[:, every, every] = signs.reshape(-1, radices[0])
    return MonarchProduct((*backwards.factors, *_factors(radices, domain), block_diagonal(blocks, domain)))


def dst3(radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """The transpose of `dst2`: S[n, k] = sin(π (k + 1)(2n + 1) / 2N)."""
    return MonarchProduct(tuple(factor.T for factor in dst2(radices, domain).factors[::-1]))


def _pair(radices: Sequence[int]) -> tuple[int, int]:
    radices = check_radices(radices)
    if len(radices) != 2 or radices[0] % 2:
        raise ValueError(f"radices: expected two, the first even, got {radices}")
    return radices[0], radices[1]


def _factors(radices: Sequence[int], domain: Domain) -> tuple[Monarch, ...]:
    pair = _pair(radices)
    size = prod(pair)
    makhoul = [*range(0, size, 2), *range(1, size, 2)[::-1]]
    transform = scale_rows(dft(pair, domain), domain.roots_of_unity(4 * size)[:size])
    order = [0, size // 2]
    for k in range(1, size // 2):
        order += [k, size - k]
    gather = permutation(order, pair, domain)
    scatter = permutation(np.argsort(order).tolist(), pair, domain)
    mixing = _mixing(pair, domain)
    start = permutation(makhoul, pair, domain)
    return (*scatter.factors, mixing, *gather.factors, transform, *start.factors)


def _mixing(pair: tuple[int, int], domain: Domain) -> Monarch:
    """Blocks diag(1, (1 − i)/2) for the pair (0, N/2) and [[1, −i], [−i, 1]]/2 for every pair (k, N − k)."""
    size = prod(pair)
    one, half = domain.scalar(1), domain.reciprocal(domain.scalar(2))
    i = domain.root_of_unity(4)
    turned = domain.normal(np.array([half - half - half * i], dtype=domain.dtype))[0]
    two = domain.zeros((size // 2, 2, 2))
    two[:, 0, 0] = two[:, 1, 1] = half
    two[:, 0, 1] = two[:, 1, 0] = turned
    two[0, 0, 0], two[0, 0, 1], two[0, 1, 0] = one, domain.scalar(0), domain.scalar(0)
    two[0, 1, 1] = domain.normal(np.array([half + turned], dtype=domain.dtype))[0]
    b0, b1 = pair
    blocks = domain.zeros((b1, b0, b0))
    for k in range(size // 2):
        place, corner = divmod(2 * k, b0)
        blocks[place, corner : corner + 2, corner : corner + 2] = two[k]
    return block_diagonal(blocks, domain, Convention.DAO)
