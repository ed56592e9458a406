"""Sufficient condition: T[i, j, j'] itself, for generic coefficients at N = 4 and random ones at every small size."""

from math import prod
from typing import Any

import numpy as np
import sympy
from sympy.polys.matrices import DomainMatrix

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide, sufficient_condition, triangular_condition
from monarch_theory.domains import Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.proving import Instance, Progress, Result, verify


def check(progress: Progress) -> Result:
    instances = [Instance("generic coefficients, N = 4, symbolic", _generic)]
    for radices in [(2, 2), (3, 2), (2, 3), (2, 2, 2)]:
        instances.append(
            Instance(f"random member {radices} over Q(ζ)", lambda r=radices: _member(r, Cyclotomic(prod(r))))
        )
    for size in range(2, 17):
        field = PrimeField(prime_with_root(size))
        for radices in [r for order in range(1, 5) for r in factorisations(size, order)]:
            for n in range(1, (size + 1) // 2 + 1):
                instances.append(
                    Instance(
                        f"random member {radices}, n = {n}, over {field}",
                        lambda r=radices, f=field, n=n: _member(r, f, n),
                    )
                )
            instances.append(
                Instance(f"three matrices {radices} over {field}", lambda r=radices, f=field: _three(r, f))
            )
    for radices in [(8, 8), (4, 4, 4), (2,) * 6]:
        field = PrimeField(prime_with_root(64))
        instances.append(
            Instance(f"random member {radices} over {field}", lambda r=radices, f=field: _random_filters(r, f))
        )
    return verify(instances, progress, sizes="symbolic N = 4; every factorisation and n at N ≤ 16 over F_q; N = 64")


def _generic() -> bool:
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

    reached = all(tensor(i, j, i - j) != field.zero for i in (0, 1) for j in range(i + 1))
    return reached and tensor(0, 1, 0) == tensor(0, 1, 1) == field.zero


def _member(radices: tuple[int, ...], domain: Domain, n: int | None = None) -> bool:
    family = CausalMonarch(radices, n)
    matrix = family.random(domain, np.random.default_rng(0))
    operator = MonarchOperator(matrix, n=family.n)
    tensor = operator.tensor()
    reached = all(not domain.is_zero(tensor[i, j, i - j]) for i in range(family.n) for j in range(i + 1))
    condition = sufficient_condition(matrix, family.n).holds
    return condition and reached and decide(operator, route="every filter").causal


def _three(radices: tuple[int, ...], field: PrimeField) -> bool:
    rng = np.random.default_rng(1)
    matrices = [CausalMonarch(radices).random(field, rng) for _ in range(3)]
    operator = MonarchOperator(*matrices)
    return triangular_condition(*matrices, n=operator.n).holds and decide(operator, route="every filter").causal


def _random_filters(radices: tuple[int, ...], field: PrimeField) -> bool:
    operator = MonarchOperator(CausalMonarch(radices).random(field, np.random.default_rng(0)))
    return decide(operator, route="random filters", trials=3).causal
