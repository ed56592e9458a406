"""Sufficient condition: T[i, j, j'] itself, for generic coefficients at N = 4 and random ones at every small size."""

from math import prod
from typing import Any

import numpy as np
import sympy
from sympy.polys.matrices import DomainMatrix

from monarch_theory.causality import (
    CausalMonarch,
    MonarchOperator,
    decide,
    degree_caps,
    sufficient_condition,
    triangular_condition,
)
from monarch_theory.domains import Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.fourier_matrix import vandermonde
from monarch_theory.monarch import Monarch
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials
from monarch_theory.proving import Instance

SIZES = "symbolic N = 4; every factorisation and n at N ≤ 16 over F_q; N = 64"
MUTATIONS: dict[str, dict] = {
    "u_j reaches output i through the filter e_(i−j+1)": {"shift": 1},
    "u_j reaches output i through the filter e_(i−j−1)": {"shift": -1},
    "three matrices: minimum degrees asked of the filter's side": {"ordered": "M1"},
    "degrees up to one above the caps": {"above": 1},
}


def instances(shift: int = 0, ordered: str = "M2", above: int = 0) -> list[Instance]:
    cases = [Instance("generic coefficients, N = 4, symbolic", lambda: _generic(shift))]
    cases.append(Instance("monomials, N = 8: nothing but the filter e_(i−j) serves", lambda: _monomials(shift)))
    for size, n in [(4, 2), (6, 3), (8, 3), (8, 8)]:
        about = f"three matrices, minimum degrees on the signal's side alone, N = {size}, n = {n}"
        cases.append(Instance(about, lambda s=size, n=n: _one_side_ordered(s, n, ordered)))
    for radices in [(2, 2), (4, 2), (2, 2, 2), (4, 4)]:
        about = f"random degrees within the caps, {radices}"
        cases.append(Instance(about, lambda r=radices: _within_caps(r, above)))
    for radices in [(2, 2), (3, 2), (2, 3), (2, 2, 2)]:
        cases.append(Instance(f"random member {radices} over Q(ζ)", lambda r=radices: _member(r, Cyclotomic(prod(r)))))
    for size in range(2, 17):
        field = PrimeField(prime_with_root(size))
        for radices in [r for order in range(1, 5) for r in factorisations(size, order)]:
            for n in range(1, (size + 1) // 2 + 1):
                cases.append(
                    Instance(
                        f"random member {radices}, n = {n}, over {field}",
                        lambda r=radices, f=field, n=n: _member(r, f, n),
                    )
                )
            cases.append(Instance(f"three matrices {radices} over {field}", lambda r=radices, f=field: _three(r, f)))
    for radices in [(8, 8), (4, 4, 4), (2,) * 6]:
        field = PrimeField(prime_with_root(64))
        cases.append(
            Instance(f"random member {radices} over {field}", lambda r=radices, f=field: _random_filters(r, f))
        )
    return cases


def _generic(shift: int) -> bool:
    """ℓ_0 = a + bZ, ℓ_1 = eZ, r_j = c_j or c_j Y: T[0, 1, ·] = 0 and T[i, j, i − j] ≠ 0."""
    a, b, e, *c = parameters = sympy.symbols("a b e c:4")
    Z = sympy.Symbol("Z")
    basis = [(a + b * Z) * c[0], e * Z * c[1], (a + b * Z) * c[2] * Z**2, e * Z * c[3] * Z**2]
    values = sympy.Matrix(4, 4, lambda i, j: sympy.expand(basis[j].subs(Z, sympy.I**i)))
    field = sympy.QQ_I.frac_field(*parameters)
    M = DomainMatrix.from_Matrix(values).convert_to(field)
    inverse, M = M.inv().to_list(), M.to_list()

    def tensor(i: int, j: int, k: int) -> Any:
        return sum((inverse[i][row] * M[row][j] * M[row][k] for row in range(4)), field.zero)

    places = [(i, j, i - j + shift) for i in (0, 1) for j in range(i + 1)]
    reached = all(tensor(i, j, k) != field.zero for i, j, k in places if k < 2)
    return reached and tensor(0, 1, 0) == tensor(0, 1, 1) == field.zero


def _monomials(shift: int) -> bool:
    """q_j = Z^j: T[i, j, j'] is not zero at j' = i − j + shift alone."""
    field = PrimeField(prime_with_root(8))
    tensor = MonarchOperator(CausalMonarch((2, 4)).monomial(field)).tensor()
    i, j, filtered = np.indices(tensor.shape)
    return bool(((tensor != 0) == (filtered == i - j + shift)).all())


def _member(radices: tuple[int, ...], domain: Domain, n: int | None = None) -> bool:
    family = CausalMonarch(radices, n)
    matrix = family.random(domain, np.random.default_rng(0))
    operator = MonarchOperator(matrix, n=family.n)
    tensor = operator.tensor()
    reached = all(not domain.is_zero(tensor[i, j, i - j]) for i in range(family.n) for j in range(i + 1))
    condition = sufficient_condition(matrix, family.n).holds
    return condition and reached and decide(operator, route="every filter").causal


def _one_side_ordered(size: int, n: int, ordered: str) -> bool:
    """mindeg q_j ≥ j on one side; on the other any polynomials of degree at most N − n."""
    field, rng = PrimeField(prime_with_root(size)), np.random.default_rng(size + n)
    triangular, free = np.zeros((size, size), dtype=np.int64), np.zeros((size, size), dtype=np.int64)
    triangular[:n, :n] = np.tril(rng.integers(1, field.q, (n, n)))
    free[: size - n + 1] = rng.integers(1, field.q, (size - n + 1, size))
    V = vandermonde(size, field)
    M0 = field.matmul(V, np.tril(rng.integers(1, field.q, (size, size))))
    sides = {"M1": free, "M2": triangular} if ordered == "M2" else {"M1": triangular, "M2": free}
    M1, M2 = (field.matmul(V, sides[name]) for name in ("M1", "M2"))
    matrices = [Monarch((dense[None],), field) for dense in (M0, M1, M2)]
    condition = triangular_condition(*matrices, n=n).holds or ordered != "M2"
    return condition and decide(MonarchOperator(*matrices, n=n), route="every filter").causal


def _within_caps(radices: tuple[int, ...], above: int) -> bool:
    """Every f_k of the largest degree its cap allows, and `above` more in stage 0 where j < n."""
    field, family = PrimeField(prime_with_root(prod(radices))), CausalMonarch(radices)
    rng = np.random.default_rng(0)
    stages = [s.copy() for s in basis_polynomials(family.random(field, rng), View.UNIVARIATE).coefficients]
    for digits in np.ndindex(radices):
        cap = degree_caps(radices)[0][digits]
        if above and cap + above < radices[0]:
            stages[0][(*digits, cap + above)] = rng.integers(1, field.q)
    matrix = BasisPolynomials(tuple(stages), radices, field, View.UNIVARIATE).to_monarch()
    return decide(MonarchOperator(matrix), route="every filter").causal


def _three(radices: tuple[int, ...], field: PrimeField) -> bool:
    rng = np.random.default_rng(1)
    matrices = [CausalMonarch(radices).random(field, rng) for _ in range(3)]
    operator = MonarchOperator(*matrices)
    return triangular_condition(*matrices, n=operator.n).holds and decide(operator, route="every filter").causal


def _random_filters(radices: tuple[int, ...], field: PrimeField) -> bool:
    operator = MonarchOperator(CausalMonarch(radices).random(field, np.random.default_rng(0)))
    return decide(operator, route="random filters", trials=3).causal
