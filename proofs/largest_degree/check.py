"""Largest degrees: at n = ⌈N/2⌉ raising any one cap by one leaks for a generic member, except for radices (odd, 2)."""

from math import prod

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide, degree_caps
from monarch_theory.causality.counterexamples import degree_too_high, tuned_wrap_around
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials
from monarch_theory.proving import Instance, Progress, Result, verify

Raise = tuple[int, tuple[int, ...]]


def check(progress: Progress) -> Result:
    instances = [
        Instance("smallest counterexample, N = 4: deg r_j = b/2", lambda: not decide(degree_too_high()).causal),
        Instance(
            "a tuned ℓ_1 of degree 3 is causal at N = 4 by cancellation", lambda: decide(tuned_wrap_around()).causal
        ),
    ]
    for size in range(4, 17):
        for radices in [r for order in (2, 3, 4) for r in factorisations(size, order)]:
            about = f"every cap raised by one, {radices}, n = {(size + 1) // 2}"
            instances.append(Instance(about, lambda r=radices: _harmless(r) == _expected(r)))
    for b in (3, 5, 7, 9, 11):
        instances.append(Instance(f"the exception ({b}, 2): every ℓ_1 = Z + cZ² is causal", lambda b=b: _exception(b)))
    for h in (1, 2, 3, 4):
        for b in (2, 3, 4):
            about = f"one monomial raised, N = {2 * h} · {b}: r_j = Y^j1 + cY^(b0/2), or ℓ = Z^j0 + cZ^b1"
            instances.append(Instance(about, lambda h=h, b=b: _one_raised(2 * h, b)))
    for radices, n in [((2, 2, 2), 2), ((2, 2, 2), 3), ((3, 3), 3), ((4, 4), 5), ((3, 4), 4)]:
        about = f"n = {n} below ⌈N/2⌉, {radices}: caps for ⌈N/2⌉ serve, since products still do not wrap"
        instances.append(Instance(about, lambda r=radices, n=n: _smaller_n(r, n)))
    return verify(instances, progress, sizes="every factorisation of N ≤ 16, p ≤ 4, over F_q")


def _harmless(radices: tuple[int, ...]) -> set[Raise]:
    """Stage and digits (a_k, …) whose cap can go up by one with this random member staying causal."""
    size = prod(radices)
    field, n = PrimeField(prime_with_root(size)), (size + 1) // 2
    rng = np.random.default_rng(0)
    base = basis_polynomials(CausalMonarch(radices, n).random(field, rng), View.UNIVARIATE).coefficients
    found = set()
    for k, cap in enumerate(degree_caps(radices, n)):
        for digits in np.ndindex(cap.shape):
            if cap[digits] + 1 < base[k].shape[-1]:
                stages = [stage.copy() for stage in base]
                stages[k][(*digits, cap[digits] + 1)] = rng.integers(1, field.q)
                matrix = BasisPolynomials(tuple(stages), radices, field, View.UNIVARIATE).to_monarch()
                if decide(MonarchOperator(matrix, n=n), route="every filter").causal:
                    found.add((k, digits))
    return found


def _expected(radices: tuple[int, ...]) -> set[Raise]:
    odd_two = len(radices) == 2 and radices[0] % 2 == 1 and radices[1] == 2
    return {(1, (1,))} if odd_two else set()


def _exception(b: int) -> bool:
    field, rng = PrimeField(prime_with_root(2 * b)), np.random.default_rng(b)
    family = CausalMonarch((b, 2), b)
    r, ell = (c.copy() for c in basis_polynomials(family.random(field, rng), View.UNIVARIATE).coefficients)
    ell[1, 2] = rng.integers(1, field.q)
    matrix = BasisPolynomials((r, ell), (b, 2), field, View.UNIVARIATE).to_monarch()
    return decide(MonarchOperator(matrix, n=b), route="every filter").causal


def _one_raised(b0: int, b1: int) -> bool:
    """All monomials but one, which gets a term one above its cap: every choice leaks but r_0 = 1 + cY^h."""
    field, h = PrimeField(prime_with_root(b0 * b1)), b0 // 2
    monomials = basis_polynomials(CausalMonarch((b0, b1)).monomial(field), View.UNIVARIATE).coefficients
    for j1, j0 in np.ndindex(h, b1):
        r = monomials[0].copy()
        r[j1, j0, h] += 3
        if _causal((r, monomials[1]), (b0, b1), field) != (j1 == 0 and j0 == 0):
            return False
    for j0 in range(b1):
        ell = monomials[1].copy()
        ell[j0, b1] += 3
        if _causal((monomials[0], ell), (b0, b1), field):
            return False
    return True


def _causal(stages: tuple[np.ndarray, ...], radices: tuple[int, ...], field: PrimeField) -> bool:
    matrix = BasisPolynomials(stages, radices, field, View.UNIVARIATE).to_monarch()
    return decide(MonarchOperator(matrix), route="every filter").causal


def _smaller_n(radices: tuple[int, ...], n: int) -> bool:
    size = prod(radices)
    field = PrimeField(prime_with_root(size))
    matrix = CausalMonarch(radices, (size + 1) // 2).random(field, np.random.default_rng(0))
    return decide(MonarchOperator(matrix, n=n), route="every filter").causal
