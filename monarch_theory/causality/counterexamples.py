"""Smallest counterexamples, as operators that `decide` and the conditions can be run on.

Each function returns an exact `MonarchOperator`; its docstring states the claim it settles and the repaired statement.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from monarch_theory.causality.operator import MonarchOperator
from monarch_theory.digits import check_radices
from monarch_theory.domains import INTEGERS, RATIONALS, Cyclotomic, Domain
from monarch_theory.fourier_matrix import vandermonde
from monarch_theory.monarch import Monarch, identity_blocks
from monarch_theory.polynomials import BasisPolynomials, View

__all__ = [
    "almost_causal", "degree_too_high", "only_top_digit_padded", "other_points", "pointwise", "tuned_wrap_around",
]  # fmt: skip

_BUTTERFLY = np.array([[1, 1], [1, -1]])


def degree_too_high() -> MonarchOperator:
    """Raising deg r_j to b/2 breaks causality, N = 4: r_j = 1 + Y for a_0 = 0, every other polynomial a monomial.

    Theorem: `proofs/largest_degree`.

    q_0 = 1 + Z² and q_1 = Z + Z³, so q_1² wraps around. THEORY §4 saw it at b = 4; b = 2 is enough.

    >>> from monarch_theory.causality.decision import decide
    >>> print(decide(degree_too_high()))
    not causal: output 0 sees input 1: T[0,1,1] = 2 (n = 2, over Q(zeta_4), exact, by every filter)
    """
    r = [[[1, 1], [1, 1]], [[0, 1], [0, 1]]]
    ell = [[1, 0, 0, 0], [0, 1, 0, 0]]
    return _univariate(r, ell)


def tuned_wrap_around() -> MonarchOperator:
    """The degree bounds are not necessary, even with mindeg q_j = j for j < n; N = 4: ℓ_1 = Z + 2Z² + 2Z³.

    Theorems: `proofs/causality_characterisation`, `proofs/largest_degree`, `proofs/necessity`.

    Its degree 3 exceeds b − 1, and q_1² = 8 + 8Z + 5Z² + 4Z³ wraps around; yet it equals 5q_2 + 4q_3, so the operator
    is causal by cancellation. A generic ℓ_1 of that degree leaks.

    >>> from monarch_theory.causality.decision import decide
    >>> print(decide(tuned_wrap_around()))
    causal (n = 2, over Q(zeta_4), exact, by every filter)
    """
    r = [[[1, 0], [1, 0]], [[0, 1], [0, 1]]]
    ell = [[1, 0, 0, 0], [0, 1, 2, 2]]
    return _univariate(r, ell)


def _univariate(r: list[Any], ell: list[Any]) -> MonarchOperator:
    stages = (np.array(r, dtype=object), np.array(ell, dtype=object))
    return MonarchOperator(BasisPolynomials(stages, (2, 2), Cyclotomic(4), View.UNIVARIATE).to_monarch())


def other_points() -> MonarchOperator:
    """The sufficient condition is not necessary, though every u_0 … u_i reaches output i; N = 4, over ℚ.

    Theorems: `proofs/necessity`, `proofs/real_points`.

    M is the Vandermonde matrix at the points 1, 2, −1, −2. It is Monarch because points that share s differ by a root
    of unity, z = c_s ω^t, so that z² depends on s alone. The operator is polynomial multiplication, truncated.

    >>> from monarch_theory.causality.decision import decide
    >>> other_points().M0.dense()
    array([[1, 1, 1, 1],
           [1, 2, 4, 8],
           [1, -1, 1, -1],
           [1, -2, 4, -8]], dtype=object)
    >>> print(decide(other_points()))
    causal (n = 2, over rationals, exact, by every filter)
    """
    scale = np.array([1, 2])
    r = np.broadcast_to(np.stack([scale**0, scale**2], axis=1), (2, 2, 2))
    ell = np.stack([[[1, c], [1, -c]] for c in scale])
    return MonarchOperator(Monarch((r, ell), RATIONALS))


def pointwise() -> MonarchOperator:
    """A causal operator whose basis has no degrees to speak of, N = 4: M = P, u ↦ k ⊙ u.

    Theorem: `proofs/necessity`.

    >>> pointwise().apply([3, 5], [1, 1])
    array([3, 5], dtype=object)
    """
    return MonarchOperator(identity_blocks((2, 2), INTEGERS).over(RATIONALS))


def only_top_digit_padded() -> MonarchOperator:
    """Bivariate degrees do not give a causal map under padding to n = N/2, N = 4: ℓ_{a_1} = X^{a_1}, r_j = Y^{a_0}.

    Theorem: `proofs/product_order_causality`.

    X·X = 1 modulo X² − 1 leaks input 1 into output 0. Repaired: pad every digit (`product_order_condition`, `support`).

    >>> from monarch_theory.causality.decision import decide
    >>> print(decide(only_top_digit_padded()))
    not causal: output 0 sees input 1: T[0,1,1] = 1 (n = 2, over rationals, exact, by every filter)
    >>> decide(only_top_digit_padded(), support=(1, 1)).causal
    True
    """
    return MonarchOperator(Monarch((np.stack([_BUTTERFLY] * 2),) * 2, RATIONALS))


def almost_causal(size: int, ratio: Fraction = Fraction(1, 2), domain: Domain | None = None) -> MonarchOperator:
    """Without padding, n = N, M = DFT·diag(1, ε, …, ε^(N−1)): convolution but for a leak of ε^N. A test for checkers.

    Theorem: `proofs/border_rank`.

    Every checker that compares with a tolerance above ε^N calls it causal; it is not.

    Args:
        size: N, at least 2.
        ratio: ε, not zero.
        domain: exact, with an N-th root of unity; ℚ(ζ_N) when not given.

    Raises:
        ValueError: size below 2, or ratio zero.

    >>> from monarch_theory.causality.decision import decide
    >>> print(decide(almost_causal(4)))
    not causal: output 0 sees input 1: T[0,1,3] = 1/16 (n = 4, over Q(zeta_4), exact, by every filter)
    """
    check_radices((size,), name="size")
    if size < 2:
        raise ValueError(f"size: expected at least 2, got {size}")
    if ratio == 0:
        raise ValueError("ratio: expected a number other than zero, got 0")
    domain = Cyclotomic(size) if domain is None else domain
    powers = domain.array([ratio**j for j in range(size)], name="ratio")
    return MonarchOperator(Monarch((domain.normal(vandermonde(size, domain) * powers)[None],), domain), n=size)
