"""M0⁻¹(M1 k ⊙ M2 u) multiplies polynomials modulo Z^N − 1, or modulo X_l^{m_l} − 1 for all l: through coefficients."""

from math import prod

import numpy as np
import sympy

from monarch_theory.domains import SYMBOLIC, Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.monarch import random_monarch
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials, multiply_modulo
from monarch_theory.proving import Instance

RADICES = [(2, 2), (2, 3), (4, 4), (2, 3, 4), (2,) * 5, (8, 8)]


SIZES = "symbolic N = 4; Q(ζ_N) to N = 6; F_q to N = 64, p ≤ 5"
MUTATIONS: dict[str, dict] = {
    "modulo Z^N + 1": {"wrapped": -1},
    "not reduced at all": {"wrapped": 0},
}


def instances(wrapped: int = 1) -> list[Instance]:
    rng = np.random.default_rng(0)
    cases = [Instance("generic polynomials modulo (X² − 1, Y² − 1) and Z⁴ − 1, symbolic", lambda: _generic(wrapped))]
    for radices in RADICES:
        size = prod(radices)
        domain: Domain = Cyclotomic(size) if size <= 6 else PrimeField(prime_with_root(size))
        for view in View:
            matrices = [random_monarch(radices, domain, rng) for _ in range(3)]
            polynomials = [basis_polynomials(m, view) for m in matrices]
            k, u = domain.random(rng, size), domain.random(rng, size)
            cases.append(
                Instance(
                    f"three random matrices {radices}, {view.value}, over {domain}",
                    lambda p=polynomials, k=k, u=u: _holds(p, k, u),
                )
            )
    return cases


def _generic(wrapped: int) -> bool:
    """`multiply_modulo` against SymPy's reduction of the full product by g^m = `wrapped`."""
    a, b = (np.array(sympy.symbols(f"{name}:4")) for name in "ab")
    X, Y, Z = sympy.symbols("X Y Z")
    for shape, generators in (((4,), (Z,)), ((2, 2), (X, Y))):
        left, right = a.reshape(shape), b.reshape(shape)
        total = multiply_modulo(left, right, SYMBOLIC, len(shape))
        relations = [g**m - wrapped for g, m in zip(generators, shape, strict=True)]
        full = sympy.expand(_polynomial(left, generators) * _polynomial(right, generators))
        remainder = sympy.reduced(full, relations, *generators)[1]
        if sympy.expand(remainder - _polynomial(total, generators)) != 0:
            return False
    return True


def _polynomial(coefficients: np.ndarray, generators):
    return sum(
        coefficients[e] * sympy.prod([g**d for g, d in zip(generators, e, strict=True)])
        for e in np.ndindex(coefficients.shape)
    )


def _holds(polynomials: list[BasisPolynomials], k: np.ndarray, u: np.ndarray) -> bool:
    first, second, third = polynomials
    domain = first.domain
    M0, M1, M2 = (p.to_monarch() for p in polynomials)
    output = M0.inverse() @ domain.normal((M1 @ k) * (M2 @ u))
    left = domain.matmul(first.coefficient_matrix(), output[:, None]).reshape(first.moduli)
    factors = [
        domain.matmul(p.coefficient_matrix(), v[:, None]).reshape(p.moduli) for p, v in ((second, k), (third, u))
    ]
    return domain.equal(left, multiply_modulo(*factors, domain, len(first.moduli)))
