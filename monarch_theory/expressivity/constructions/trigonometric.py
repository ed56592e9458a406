"""DCT and DST of types I to IV: block low rank Monarch matrices of rank two, with real factors.

Embed the DCT of length N in the DFT of length 2N (Ahmed, Natarajan and Rao 1974): C[k, n] = Re(ω_{4N}^k · ω_{2N}^{kn}).
Write 2N = b·c, k = t·b + s and n = j₁·c + j₀. The only term of the angle in which t meets j₁ is t·j₁ whole turns, so
for every (s, j₀) the angle is φ(t) + ψ(j₁): the complex matrix is *one* Monarch matrix, C is its real part, half the
sum of it and its conjugate, and

    C = cos φ · cos ψ − sin φ · sin ψ

is a sum of two real Monarch matrices with stages b/2 → b and c → c/2: slices of rank two. It holds over any field with
the roots of unity, cosines being (ζ + ζ⁻¹)/2. Of rank one the slices are not: a minor is ± sin(φ − φ′) · sin(ψ − ψ′).
Type I has N ± 1 in its angle, so it is a corner: one row and column more than N/2, or one less.

Makhoul's own form needs a DFT of length N only, and a permutation: the real part of a product of three Monarch
matrices. Dao et al. 2020 take the real part too, of (B B*)² in their butterfly factors.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, FLOAT64, Domain, Floating
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.constructions.permutations import permutation
from monarch_theory.expressivity.constructions.product import MonarchProduct, MonarchSum
from monarch_theory.expressivity.constructions.stages import scale_rows
from monarch_theory.expressivity.constructions.transforms import dft
from monarch_theory.expressivity.tensor_train import BlockTensorTrain

__all__ = ["dct1", "dct2", "dct3", "dct4", "dst1", "dst2", "dst3", "dst4", "makhoul"]

Line = tuple[int, int]
PLAIN, NEXT, ODD = (1, 0), (1, 1), (2, 1)  # x, x + 1 and 2x + 1, as (slope, intercept)


def dct1(radices: Sequence[int], domain: Domain = FLOAT64) -> MonarchSum:
    """C[k, n] = cos(π k n / (N − 1)), N = b·c/2 + 1, as the corner of a sum of two real Monarch matrices.

    Theorem: `proofs/trigonometric_transforms`.

    Args:
        radices: (b, c) of the DFT of length 2(N − 1) = b·c that it is cut from; both even, c above two.
        domain: real or complex floating point, or exact with a root of unity of order b·c.

    Raises:
        ValueError: other radices.
        NoRootOfUnityError: the domain has no such root.

    >>> built = dct1((4, 4))
    >>> built.shape, len(built.terms), round(float(built.dense()[1, 8]), 12)
    ((9, 9), 2, -1.0)
    """
    return _corner(_train(radices, domain, PLAIN, PLAIN, 2, sine=False, more=1), prod(radices) // 2 + 1)


def dst1(radices: Sequence[int], domain: Domain = FLOAT64) -> MonarchSum:
    """S[k, n] = sin(π (k + 1)(n + 1) / (N + 1)), N = b·c/2 − 1, as the corner of a sum of two real Monarch matrices.

    Theorem: `proofs/trigonometric_transforms`.
    """
    return _corner(_train(radices, domain, NEXT, NEXT, 2, sine=True), prod(radices) // 2 - 1)


def dct2(radices: Sequence[int], domain: Domain = FLOAT64) -> BlockTensorTrain:
    """C[k, n] = cos(π k (2n + 1) / 2N) as two real Monarch matrices, `.terms()`.

    Theorem: `proofs/trigonometric_transforms`.

    Args:
        radices: (b, c) of the DFT of length 2N = b·c that it is a corner of; both even, c above two.
        domain: real or complex floating point, or exact with a 4N-th root of unity.

    Raises:
        ValueError: other radices.
        NoRootOfUnityError: the domain has no such root.

    >>> train = dct2((4, 4))
    >>> train.kind
    MonarchClass(input_radices=(2, 4), output_radices=(4, 2), convention=<Convention.M2: 'PLPRP'>, rank=2)
    >>> len(train.terms()), train.parameters, train.shape
    (2, 128, (8, 8))
    """
    return _train(radices, domain, PLAIN, ODD, 4, sine=False)


def dct3(radices: Sequence[int], domain: Domain = FLOAT64) -> BlockTensorTrain:
    """C[n, k] = cos(π (2n + 1) k / 2N), the transpose of `dct2` and, weighted, its inverse.

    Theorem: `proofs/trigonometric_transforms`.
    """
    return _train(radices, domain, ODD, PLAIN, 4, sine=False)


def dct4(radices: Sequence[int], domain: Domain = FLOAT64) -> BlockTensorTrain:
    """C[k, n] = cos(π (2k + 1)(2n + 1) / 4N); exact domains need an 8N-th root of unity.

    Theorem: `proofs/trigonometric_transforms`.
    """
    return _train(radices, domain, ODD, ODD, 8, sine=False)


def dst2(radices: Sequence[int], domain: Domain = FLOAT64) -> BlockTensorTrain:
    """S[k, n] = sin(π (k + 1)(2n + 1) / 2N).

    Theorem: `proofs/trigonometric_transforms`.
    """
    return _train(radices, domain, NEXT, ODD, 4, sine=True)


def dst3(radices: Sequence[int], domain: Domain = FLOAT64) -> BlockTensorTrain:
    """S[n, k] = sin(π (2n + 1)(k + 1) / 2N), the transpose of `dst2`.

    Theorem: `proofs/trigonometric_transforms`.
    """
    return _train(radices, domain, ODD, NEXT, 4, sine=True)


def dst4(radices: Sequence[int], domain: Domain = FLOAT64) -> BlockTensorTrain:
    """S[k, n] = sin(π (2k + 1)(2n + 1) / 4N).

    Theorem: `proofs/trigonometric_transforms`.
    """
    return _train(radices, domain, ODD, ODD, 8, sine=True)


def makhoul(radices: Sequence[int], domain: Domain = COMPLEX128) -> MonarchProduct:
    """diag(ω_{4N}^k) · F_N · Π, three Monarch factors whose real part is DCT-II (Makhoul 1980).

    Π puts the even-indexed inputs first, in order, and then the odd ones backwards; it takes two of the factors.

    Args:
        radices: (b₀, b₁), N = b₀·b₁ even, for the DFT and for the permutation.

    Raises:
        ValueError: not two radices, or N odd.
        NoRootOfUnityError: the domain has no 4N-th root of unity.
    """
    b0, b1 = _pair(radices, "two radices with an even product", lambda b, c: b * c % 2 == 0)
    size = b0 * b1
    twiddled = scale_rows(dft((b0, b1), domain), domain.roots_of_unity(4 * size)[:size])
    even_then_odd = [*range(0, size, 2), *range(1, size, 2)[::-1]]
    return MonarchProduct((twiddled, *permutation(even_then_odd, (b0, b1), domain).factors))


def _pair(radices: Sequence[int], expected: str, fits: Callable[[int, int], bool]) -> tuple[int, int]:
    checked = check_radices(radices)
    if len(checked) != 2 or not fits(*checked):
        raise ValueError(f"radices: expected {expected}, got {checked}")
    return checked[0], checked[1]


def _corner(train: BlockTensorTrain, size: int) -> MonarchSum:
    return MonarchSum(tuple(MonarchProduct((term,), (size, size)) for term in train.terms()))


def _train(
    radices: Sequence[int], domain: Domain, rows: Line, columns: Line, turn: int, *, sine: bool, more: int = 0
) -> BlockTensorTrain:
    """cos or sin of 2π·(αi + β)(γj + δ)/(turn·N), where 2αγ = turn makes whole turns of the terms in t·j₁.

    `more` goes beyond half of the DFT by as many values of t and of j₁.
    """
    b, c = _pair(radices, "two even radices, the second above two", lambda b, c: b % 2 == c % 2 == 0 and c > 2)
    (alpha, beta), (gamma, delta) = rows, columns
    cosines, sines = _circle(turn * b * c // 2, domain)
    late, early = c // 2 + more, b // 2 + more
    i = alpha * np.arange(b * late).reshape(late, b).T + beta  # (s, t)
    outer = i[:, :1] * gamma * c * np.arange(early) % len(cosines)  # ψ at (s, j₁); t adds whole turns
    inner = i[:, :, None] * (gamma * np.arange(c) + delta) % len(cosines)  # φ at (s, t, j₀)
    kind = MonarchClass((early, c), (b, late), rank=2)
    width = kind.ranks[1]
    first = np.stack([cosines[outer], sines[outer]][:width], axis=1)
    pair = [sines[inner], cosines[inner]] if sine else [cosines[inner], domain.normal(-sines[inner])]
    last = np.stack(pair[:width], axis=2)
    everywhere = np.broadcast_to(first[None, :, :, None, :], (c, b, width, 1, early))
    return BlockTensorTrain((everywhere, last[:, :, None, :, :]), kind, domain)


def _circle(size: int, domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2πm/size for every m, from roots of unity."""
    if isinstance(domain, Floating):
        roots = COMPLEX128.roots_of_unity(size)
        return roots.real.astype(domain.dtype), roots.imag.astype(domain.dtype)
    roots, i = domain.roots_of_unity(size), domain.root_of_unity(4)
    back = roots[-np.arange(size) % size]
    half = domain.reciprocal(domain.scalar(2))
    turned = domain.normal(domain.array([half]) * domain.array([domain.reciprocal(i)]))
    return domain.normal(domain.normal(roots + back) * half), domain.normal(domain.normal(roots - back) * turned)
