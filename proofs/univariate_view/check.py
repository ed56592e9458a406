"""Univariate view: q_j(ω^i), by Horner's rule on SymPy polynomials or on coefficients, against the matrix."""

from collections.abc import Callable
from math import prod

import numpy as np
import sympy

from monarch_theory.digits import digits_of
from monarch_theory.domains import SYMBOLIC, Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance

CYCLOTOMIC_RADICES = [(2, 2), (2, 3), (3, 2), (2, 2, 2), (3, 3)]
PRIME_FIELD_RADICES = [(4, 4), (8, 8), (3, 4, 5), (2,) * 6, (16, 4)]


SIZES = "symbolic N = 4; Q(ζ_N) to N = 9; F_q to N = 64, p ≤ 6"
MUTATIONS: dict[str, dict] = {
    "f_k at Z^(M_k / M_0)": {"stride": lambda radices, k: prod(radices[1 : k + 1])},
    "q_j at ω^(−i)": {"point": lambda i, size: -i % size},
}


def instances(
    stride: Callable[[tuple[int, ...], int], int] = lambda radices, k: prod(radices[k + 1 :]),
    point: Callable[[int, int], int] = lambda i, size: i,
) -> list[Instance]:
    rng = np.random.default_rng(0)
    cases = [Instance("generic blocks (2, 2), symbolic", _generic)]
    for radices in CYCLOTOMIC_RADICES + PRIME_FIELD_RADICES:
        size = int(np.prod(radices))
        domain: Domain = Cyclotomic(size)
        if radices in PRIME_FIELD_RADICES:
            domain = PrimeField(prime_with_root(size))
        matrix = random_monarch(radices, domain, rng)
        cases.append(Instance(f"{radices} over {domain}", lambda M=matrix: _holds(M, stride, point)))
    return cases


def _generic() -> bool:
    """Order 2, b = 2: ℓ_{a_1}(Z)·r_j(Z²) at the powers of i, from interpolation by SymPy alone."""
    R, L = (np.array(sympy.symbols(f"{name}:8")).reshape(2, 2, 2) for name in "RL")
    Z = sympy.Symbol("Z")
    dense = Monarch((R, L), SYMBOLIC).dense()
    points = [sympy.I**i for i in range(4)]
    for j in range(4):
        a0, a1 = divmod(j, 2)
        ell = sympy.interpolate([(points[i], L[i % 2, i // 2, a1]) for i in range(4)], Z)
        r = sympy.interpolate([((-1) ** i0, R[a1, i0, a0]) for i0 in range(2)], Z)
        q = ell * r.subs(Z, Z**2)
        if any(sympy.expand(q.subs(Z, points[i]) - dense[i, j]) != 0 for i in range(4)):
            return False
    return True


def _holds(matrix: Monarch, stride: Callable, point: Callable) -> bool:
    domain, dense = matrix.domain, matrix.dense()
    view = basis_polynomials(matrix, View.UNIVARIATE)
    root = domain.roots_of_unity(matrix.shape[0])
    columns = view.coefficient_matrix()
    values = domain.zeros(len(root))[:, None] * columns[:1]
    for row in columns[::-1]:
        values = domain.normal(domain.normal(values * root[:, None]) + row)
    degrees = all(c.shape[-1] == np.prod(matrix.output_radices[: k + 1]) for k, c in enumerate(view.coefficients))
    return degrees and domain.equal(values, dense) and _factors_agree(matrix, view, root, stride, point)


def _factors_agree(matrix: Monarch, view, root: np.ndarray, stride: Callable, point: Callable) -> bool:
    """q_j(ω^i) also as the product of the f_k, each at Y_k = ω^(i N / M_k), for a sample of entries."""
    domain, dense, size = matrix.domain, matrix.dense(), len(root)
    for i, j in np.random.default_rng(0).integers(0, size, size=(20, 2)):
        digits, value = digits_of(j, matrix.input_radices), domain.ones(1)
        for k, coefficients in enumerate(view.coefficients):
            exponents = np.arange(coefficients.shape[-1]) * stride(matrix.output_radices, k)
            powers = root[exponents * point(i, size) % size]
            factor = domain.matmul(powers[None, :], coefficients[digits[k:]][:, None])
            value = domain.normal(value * factor[0])
        if not domain.equal(value, dense[i, j : j + 1]):
            return False
    return True
