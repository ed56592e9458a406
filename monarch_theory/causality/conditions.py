"""Degree conditions for causality: each says which hypothesis fails and where.

A condition is about the univariate polynomials f_k of `monarch_theory.polynomials` (for order 2, ℓ_{a_1} = f_1 and
r_j = f_0) or, for the product order, the multivariate ones. Degrees are decided exactly, in the domain of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from monarch_theory.digits import check_radices, is_integer
from monarch_theory.monarch import Convention, Monarch
from monarch_theory.polynomials import View, basis_polynomials

__all__ = [
    "Condition", "DegreeProfile", "Failure", "basis_degrees", "check_length", "degree_caps", "degree_profile",
    "paper_condition", "product_order_condition", "sufficient_condition", "triangular_condition",
]  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """One hypothesis that does not hold: stage k, input digits (a_k, …), what was found, what was wanted."""

    hypothesis: str
    stage: int
    digits: tuple[int, ...]
    found: int
    expected: str

    def __str__(self) -> str:
        where = f"stage {self.stage}, digits {self.digits}" if self.stage >= 0 else f"column {self.digits[0]}"
        return f"{self.hypothesis} at {where}: found {self.found}, expected {self.expected}"


@dataclass(frozen=True)
class Condition:
    """A condition and where it fails; it holds when it fails nowhere."""

    name: str
    failures: tuple[Failure, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        if self.holds:
            return f"{self.name}: holds"
        return f"{self.name}: fails in {len(self.failures)} places, first: {self.failures[0]}"


@dataclass(frozen=True)
class DegreeProfile:
    """Minimum and maximum degree of every f_k in Y_k: two tuples of p integer arrays, shapes (n_k, …, n_{p-1}).

    The zero polynomial has minimum degree M_k (past the last exponent) and maximum degree −1.
    """

    minimum: tuple[np.ndarray, ...]
    maximum: tuple[np.ndarray, ...]
    output_radices: tuple[int, ...]


def degree_profile(matrix: Monarch) -> DegreeProfile:
    """The univariate degrees behind a Monarch matrix over an exact domain with an N-th root of unity.

    Theorem: `proofs/univariate_view`.

    Raises:
        ValueError: the domain is not exact.
        NoRootOfUnityError: no N-th root of unity.

    >>> from monarch_theory.domains import Cyclotomic
    >>> from monarch_theory.fourier_matrix import fourier
    >>> degree_profile(fourier((2, 2), Cyclotomic(4))).minimum
    (array([[0, 0],
           [1, 1]]), array([0, 1]))
    """
    _require_exact(matrix)
    coefficients = basis_polynomials(matrix, View.UNIVARIATE).coefficients
    present = [~matrix.domain.is_zero(c) for c in coefficients]
    return DegreeProfile(
        minimum=tuple(np.where(p.any(-1), p.argmax(-1), p.shape[-1]) for p in present),
        maximum=tuple(np.where(p.any(-1), p.shape[-1] - 1 - p[..., ::-1].argmax(-1), -1) for p in present),
        output_radices=matrix.output_radices,
    )


def _require_exact(matrix: Monarch) -> None:
    if not matrix.domain.exact:
        raise ValueError(
            f"matrix: expected an exact domain, since a degree is a statement about zeros, got {matrix.domain}; "
            "real factors convert exactly with matrix.over(RATIONALS)"
        )


def basis_degrees(profile: DegreeProfile) -> tuple[np.ndarray, np.ndarray]:
    """Degrees of q_j in Z before wrap-around, two arrays of shape (N,): mindeg q_j ≥ first, deg q_j ≤ second.

    Degrees add under multiplication, so both are equalities wherever the second is below N.
    """
    radices = profile.output_radices
    low, high = (np.zeros(profile.minimum[0].shape, dtype=int) for _ in range(2))
    for k, (minimum, maximum) in enumerate(zip(profile.minimum, profile.maximum, strict=True)):
        stride = prod(radices[k + 1 :])
        low, high = low + stride * minimum, high + stride * maximum
    return low.reshape(-1), high.reshape(-1)


def degree_caps(radices: Sequence[int], n: int | None = None) -> tuple[np.ndarray, ...]:
    """Caps on deg f_k that together give deg q_j < n for j < n and deg q_j < N for all j.

    Theorems: `proofs/causality_sufficient`, `proofs/largest_degree`.

    Write n − 1 in mixed radix with digits h_0 … h_{p-1}, and let v be the number with digits a_k … a_{p-1}. When v
    exceeds the same trailing digits h_k … h_{p-1} of n − 1, the cap is b_k − 1; otherwise it is h_k, or h_k − 1 when
    the digits after a_k exceed those after h_k. No cap can be raised with the others kept, but they are one choice of
    several: where one f_k stays below its cap, a polynomial that multiplies it may go above its own. For order 2, b
    even and n = N/2, this is THEORY §4: deg r_j ≤ b/2 − 1 for j < N/2.

    Args:
        radices: (b_0, …, b_{p-1}).
        n: length of the signal; N // 2 when not given.

    Returns:
        p integer arrays, shapes (b_k, …, b_{p-1}): the cap of f_k for each choice of its digits (a_k, …, a_{p-1}).

    Raises:
        ValueError: n is not in 1 … (N + 1) // 2, beyond which products must wrap around.

    >>> degree_caps((4, 4))[0][:, 0], degree_caps((4, 4))[1]
    (array([1, 1, 3, 3]), array([3, 3, 3, 3]))
    """
    radices = check_radices(radices)
    size = prod(radices)
    n = check_length(size, n)
    caps = []
    for k, b in enumerate(radices):
        tail = prod(radices[k + 1 :])
        value = np.arange(b * tail)
        last, last_tail = (n - 1) % (b * tail), (n - 1) % tail
        cap = np.where(value > last, b - 1, last // tail - (value % tail > last_tail))
        caps.append(cap.reshape(radices[k:]))
    return tuple(caps)


def check_length(size: int, n: int | None) -> int:
    """n, or N // 2 when not given; at most (N + 1) // 2 so that no product of two of the first n polynomials wraps."""
    n = max(size // 2, 1) if n is None else n
    if not is_integer(n) or not 1 <= n <= (size + 1) // 2:
        raise ValueError(f"n: expected an integer between 1 and (N + 1) // 2 = {(size + 1) // 2}, got {n!r}")
    return int(n)


def sufficient_condition(matrix: Monarch, n: int | None = None) -> Condition:
    """Theorem (sufficient, any order; THEORY §4 for order 2): mindeg f_k = a_k and deg f_k ≤ `degree_caps`.

    Theorems: `proofs/causality_sufficient`, `proofs/main_text_condition`, `proofs/necessity`.

    Then mindeg q_j = j for all j and deg q_j ≤ n − 1 for j < n: the basis is triangular and no product wraps around, so
    the operator is causal. Every u_0 … u_i really reaches output i.

    Raises:
        ValueError: the domain is not exact, blocks are not square, the convention is not M2, or n is out of range.
    """
    _require_triangular_form(matrix)
    profile, caps = degree_profile(matrix), degree_caps(matrix.output_radices, n)
    failures: list[Failure] = []
    for k, cap in enumerate(caps):
        wanted = np.arange(matrix.input_radices[k]).reshape((-1,) + (1,) * (cap.ndim - 1))
        failures += _failures(
            "minimum degree of f_k is a_k", k, profile.minimum[k], np.broadcast_to(wanted, cap.shape), np.equal, "{}"
        )
        failures += _failures("degree of f_k within its cap", k, profile.maximum[k], cap, np.less_equal, "at most {}")
    return Condition("sufficient condition", tuple(failures))


def triangular_condition(M0: Monarch, M1: Monarch, M2: Monarch, n: int | None = None) -> Condition:
    """Theorem (triangular bases, three matrices): minimum degrees in order, and no wrap-around.

    Theorem: `proofs/causality_sufficient`.

    M0's basis has mindeg q⁰_j = j and deg q⁰_j < N for every j < N; on the signal's side mindeg q²_j ≥ j for j < n; and
    deg q¹_j' + deg q²_j < N for j, j' < n. Then the operator is causal. Nothing is asked of the minimum degrees of M1,
    nor of n beyond what the degrees ask. It contains the sufficient condition, and lets three different matrices share
    the work: M1 and M2 may have rectangular blocks, and radices of their own.

    Args:
        M0: its inverse is applied last; square blocks.
        M1: applied to the filter.
        M2: applied to the signal.
        n: length of the signal, in 1 … N; N // 2 when not given.

    Raises:
        ValueError: a domain is not exact, a convention is not M2, shapes differ, M0 has blocks that are not square, or
            n is out of range.

    >>> from monarch_theory.domains import PrimeField
    >>> from monarch_theory.fourier_matrix import fourier
    >>> F = fourier((8,), PrimeField(17))
    >>> backwards = Monarch((F.factors[0][:, :, [3, 2, 1, 0, 4, 5, 6, 7]],), F.domain)  # q¹_j = Z^(3 − j)
    >>> triangular_condition(F, backwards, F).holds, triangular_condition(F, F, backwards).holds
    (True, False)
    """
    size = M0.shape[0]
    n = max(size // 2, 1) if n is None else n
    if not is_integer(n) or not 1 <= n <= size:
        raise ValueError(f"n: expected an integer between 1 and N = {size}, got {n!r}")
    _require_triangular_form(M0)
    degrees = []
    for name, matrix in (("M0", M0), ("M1", M1), ("M2", M2)):
        if matrix.shape != (size, size):
            raise ValueError(f"{name}: expected a {size}×{size} matrix, got {matrix.shape[0]}×{matrix.shape[1]}")
        _require_m2(matrix)
        degrees.append(basis_degrees(degree_profile(matrix)))
    (low0, high0), (_, high1), (low2, high2) = degrees
    inside, largest = np.arange(size), np.full(size, size - 1)
    failures = _failures("M0: minimum degree of q_j", -1, low0, inside, np.equal, "{}")
    failures += _failures("M0: degree of q_j", -1, high0, largest, np.less_equal, "at most {}")
    failures += _failures("M2: minimum degree of q_j", -1, low2[:n], inside[:n], np.greater_equal, "at least {}")
    total = high1[:n].max() + high2[:n]
    failures += _failures("degree of a product of q_j", -1, total, largest[:n], np.less_equal, "at most {}")
    return Condition("triangular condition", tuple(failures))


def paper_condition(matrix: Monarch) -> Condition:
    """Degree bounds on both factors, for order 2 and N = b²: a condition attributed to Fu et al. 2023, unverified.

    Theorem: `proofs/main_text_condition`.

    mindeg ℓ_{m(j)} = m(j), mindeg r_j = ⌊j/√N⌋, and both have degree < √N/2 for j < N/2. No matrix with b ≥ 2 meets it:
    j = b − 1 < N/2 asks for mindeg ℓ_{b−1} = b − 1 and deg ℓ_{b−1} < b/2 at once. `sufficient_condition` is the repair.

    Raises:
        ValueError: the matrix is not of order 2 with equal square blocks, in convention M2.
    """
    _require_triangular_form(matrix)
    if matrix.order != 2 or matrix.input_radices[0] != matrix.input_radices[1]:
        raise ValueError(f"matrix: expected order 2 with N = b², got radices {matrix.input_radices}")
    b = matrix.input_radices[0]
    profile = degree_profile(matrix)
    a0, a1 = np.indices((b, b))
    early = a0 * b + a1 < b * b // 2
    failures: list[Failure] = []
    failures += _failures("minimum degree of ℓ_{m(j)} is m(j)", 1, profile.minimum[1], np.arange(b), np.equal, "{}")
    failures += _failures("minimum degree of r_j is ⌊j/√N⌋", 0, profile.minimum[0], a0, np.equal, "{}")
    half = (b + 1) // 2  # an integer is below b/2 exactly when it is below ⌈b/2⌉
    used = early.any(axis=0)
    limits = np.where(used, half, b * b), np.where(early, half, b * b)
    for name, stage, limit in (("ℓ_{m(j)}", 1, limits[0]), ("r_j", 0, limits[1])):
        found = profile.maximum[stage]
        failures += _failures(f"degree of {name} for j < N/2", stage, found, limit, np.less, "below {}")
    return Condition("bounds on both factors", tuple(failures))


def product_order_condition(matrix: Monarch, support: Sequence[int] | None = None) -> Condition:
    """Theorem (product order): output i sees only inputs *every* digit of which is at most i's, on a box of digits.

    Theorem: `proofs/product_order_causality`.

    Hypotheses, for the multivariate f_k: every exponent of X_k is at least a_k, the coefficient of X_k^{a_k} alone is
    not zero, degrees in X_l summed over the stages stay below m_l, and, on the box a_l < `support[l]`, below m_l/2.

    The box is needed in every digit: padding to j < N/2 pads the top digit only, and with ℓ_{a_1} = X^{a_1}, b = 2,
    already X·X = 1 leaks input 1 into output 0.

    Args:
        support: digits of the signal stay below these; (m_l + 1) // 2 when not given.
    """
    _require_triangular_form(matrix)
    _require_exact(matrix)
    radices = matrix.output_radices
    box = tuple((m + 1) // 2 for m in radices) if support is None else check_radices(support, name="support")
    if len(box) != len(radices) or any(s > m for s, m in zip(box, radices, strict=True)):
        raise ValueError(f"support: expected one bound for each radix {radices}, got {box}")
    view = basis_polynomials(matrix, View.MULTIVARIATE)
    failures: list[Failure] = []
    total = [np.zeros(radices, dtype=int) for _ in radices]
    for k, coefficients in enumerate(view.coefficients):
        present = ~matrix.domain.is_zero(coefficients)
        inputs = radices[k:]
        flat = present.reshape(inputs + radices[: k + 1])
        exponents = np.indices(radices[: k + 1])
        axes = tuple(range(len(inputs), flat.ndim))
        lowest = np.where(flat, exponents[k], radices[k]).min(axis=axes)
        digit = np.broadcast_to(np.arange(inputs[0]).reshape((-1,) + (1,) * (len(inputs) - 1)), inputs)
        failures += _failures("least exponent of X_k in f_k", k, lowest, digit, np.greater_equal, "at least {}")
        alone = np.empty(inputs, dtype=int)
        for digits in np.ndindex(inputs):
            alone[digits] = flat[(*digits, *(0,) * k, digits[0])]
        one = np.ones(inputs, dtype=int)
        failures += _failures("non-zero coefficient of X_k^{a_k} in f_k", k, alone, one, np.equal, "{}")
        for variable in range(k + 1):
            total[variable] = total[variable] + np.where(flat, exponents[variable], -1).max(axis=axes)
    inside = np.logical_and.reduce([digit < s for digit, s in zip(np.indices(radices), box, strict=True)])
    for variable, m in enumerate(radices):
        limit = np.where(inside, (m - 1) // 2, m - 1)
        name = f"degree of q_j in X_{variable}"
        failures += _failures(name, 0, total[variable], limit, np.less_equal, "at most {}")
    return Condition("product-order condition", tuple(failures))


def _require_triangular_form(matrix: Monarch) -> None:
    if matrix.input_radices != matrix.output_radices:
        raise ValueError(
            f"matrix: expected square blocks, got radices {matrix.input_radices} → {matrix.output_radices}"
        )
    _require_m2(matrix)


def _require_m2(matrix: Monarch) -> None:
    if matrix.convention is not Convention.M2:
        raise ValueError(
            f"matrix: expected convention M2, whose columns q_j the degrees order, got {matrix.convention.name}"
        )


def _failures(
    hypothesis: str,
    stage: int,
    found: np.ndarray,
    wanted: np.ndarray,
    holds: Callable[[np.ndarray, np.ndarray], np.ndarray],
    expected: str,
) -> list[Failure]:
    places = np.argwhere(~holds(found, wanted))
    return [
        Failure(hypothesis, stage, tuple(int(d) for d in p), int(found[tuple(p)]), expected.format(wanted[tuple(p)]))
        for p in places
    ]
