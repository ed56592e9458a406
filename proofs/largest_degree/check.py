"""Largest degrees: at n = ⌈N/2⌉ raising any one cap by one leaks for generic members, but for radices (odd, …, 2)."""

from collections.abc import Callable
from math import prod

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide, degree_caps
from monarch_theory.causality.counterexamples import degree_too_high, tuned_wrap_around
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials
from monarch_theory.proving import Instance

Raise = tuple[int, tuple[int, ...]]


SIZES = "every factorisation of N ≤ 18, p ≤ 4, over F_q; exceptions to N = 54"
MUTATIONS: dict[str, dict] = {
    "no exception": {"exceptional": lambda radices: False},
    "(b, 2), b odd, is the only exception": {"exceptional": lambda r: len(r) == 2 and _odd_then_two(r)},
    "every (…, 2) is an exception": {"exceptional": lambda r: r[-1] == 2},
    "a raised last polynomial leaks c²": {"last": lambda c: c * c},
}


def _odd_then_two(radices: tuple[int, ...]) -> bool:
    return radices[-1] == 2 and all(b % 2 for b in radices[:-1])


def instances(
    exceptional: Callable[[tuple[int, ...]], bool] = _odd_then_two, last: Callable[[int], int] = lambda c: -c * c
) -> list[Instance]:
    cases = [
        Instance("smallest counterexample, N = 4: deg r_j = b/2", lambda: not decide(degree_too_high()).causal),
        Instance(
            "a tuned ℓ_1 of degree 3 is causal at N = 4 by cancellation", lambda: decide(tuned_wrap_around()).causal
        ),
    ]
    for size in range(4, 19):
        for radices in [r for order in (2, 3, 4) for r in factorisations(size, order)]:
            about = f"every cap raised by one, {radices}, n = {(size + 1) // 2}"
            cases.append(Instance(about, lambda r=radices: _harmless(r) == _expected(r, exceptional(r))))
    for radices in [(9, 2), (11, 2), (3, 3, 2), (3, 5, 2), (5, 3, 2), (3, 3, 3, 2)]:
        about = f"the exception {radices}: every last polynomial Z + cZ² for a_(p−1) = 1 is causal"
        cases.append(Instance(about, lambda r=radices: _exception(r) == exceptional(r)))
    for h in (1, 2, 3, 4):
        for b in (2, 3, 4):
            about = f"one monomial raised, N = {2 * h} · {b}: r_j = Y^a_0 + cY^(b_0/2), or ℓ = Z^a_1 + cZ^b_1"
            cases.append(Instance(about, lambda h=h, b=b: _one_raised(2 * h, b)))
            about = f"ℓ_a raised, N = {2 * h} · {b}: the leak is −c², and for ℓ_0 it is −c^(b_0 − 1)/(1 − c^b_0)"
            cases.append(Instance(about, lambda h=h, b=b: _last_raised(2 * h, b, last)))
    for radices, n in [((2, 2, 2), 2), ((2, 2, 2), 3), ((3, 3), 3), ((4, 4), 5), ((3, 4), 4)]:
        about = f"n = {n} below ⌈N/2⌉, {radices}: caps for ⌈N/2⌉ serve, since products still do not wrap"
        cases.append(Instance(about, lambda r=radices, n=n: _smaller_n(r, n)))
    return cases


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


def _expected(radices: tuple[int, ...], exceptional: bool) -> set[Raise]:
    """The last polynomial for a_(p−1) = 1, or nothing."""
    return {(len(radices) - 1, (1,))} if exceptional else set()


def _exception(radices: tuple[int, ...]) -> bool:
    size = prod(radices)
    field, rng = PrimeField(prime_with_root(size)), np.random.default_rng(size)
    member = CausalMonarch(radices, size // 2).random(field, rng)
    stages = [stage.copy() for stage in basis_polynomials(member, View.UNIVARIATE).coefficients]
    stages[-1][1, 2] = rng.integers(1, field.q)
    matrix = BasisPolynomials(tuple(stages), radices, field, View.UNIVARIATE).to_monarch()
    return decide(MonarchOperator(matrix, n=size // 2), route="every filter").causal


def _one_raised(b0: int, b1: int) -> bool:
    """All monomials but one, which gets a term one above its cap: every choice leaks but r_0 = 1 + cY^h."""
    field, h = PrimeField(prime_with_root(b0 * b1)), b0 // 2
    monomials = basis_polynomials(CausalMonarch((b0, b1)).monomial(field), View.UNIVARIATE).coefficients
    for a0, a1 in np.ndindex(h, b1):
        r = monomials[0].copy()
        r[a0, a1, h] += 3
        if _causal((r, monomials[1]), (b0, b1), field) != (a0 == 0 and a1 == 0):
            return False
    for a1 in range(b1):
        ell = monomials[1].copy()
        ell[a1, b1] += 3
        if _causal((monomials[0], ell), (b0, b1), field):
            return False
    return True


def _last_raised(b0: int, b1: int, last: Callable[[int], int]) -> bool:
    """T[0, j, j] at j = N/2 − b_1 + a, and T[0, 1, b_1 − 1] for a = 0."""
    size, c = b0 * b1, 3
    field = PrimeField(prime_with_root(size))
    monomials = basis_polynomials(CausalMonarch((b0, b1)).monomial(field), View.UNIVARIATE).coefficients
    for a in range(b1):
        ell = monomials[1].copy()
        ell[a, b1] += c
        matrix = BasisPolynomials((monomials[0], ell), (b0, b1), field, View.UNIVARIATE).to_monarch()
        tensor = MonarchOperator(matrix, n=size // 2).tensor()
        j = size // 2 - b1 + a
        found = tensor[0, j, j] if a else tensor[0, 1, b1 - 1]
        wanted = last(c) if a else -(c ** (b0 - 1)) * field.reciprocal((1 - c**b0) % field.q)
        if (int(found) - wanted) % field.q:
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
