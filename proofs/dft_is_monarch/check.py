"""The DFT in the class: the factors' product against ω^(ij), entry by entry, at every factorisation of N."""

from collections.abc import Callable

import numpy as np

from monarch_theory.domains import Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.fourier_matrix import fourier, inverse_fourier, vandermonde
from monarch_theory.proving import Instance

Exponent = Callable[[np.ndarray, np.ndarray], np.ndarray]

SIZES = "every ordered factorisation of N ≤ 64; Q(ζ_N) to N = 12, F_q beyond"
MUTATIONS: dict[str, dict] = {
    "ω^(−ij)": {"exponent": lambda i, j: -i * j},
    "ω^(i(j + 1))": {"exponent": lambda i, j: i * (j + 1)},
}


def instances(exponent: Exponent = lambda i, j: i * j) -> list[Instance]:
    cases = []
    for size in range(2, 65):
        domain: Domain = Cyclotomic(size) if size <= 12 else PrimeField(prime_with_root(size))
        orders = range(1, size.bit_length())
        for radices in [r for order in orders for r in factorisations(size, order)]:
            cases.append(Instance(f"{radices} over {domain}", lambda r=radices, d=domain: _holds(r, d, exponent)))
    return cases


def _holds(radices: tuple[int, ...], domain: Domain, exponent: Exponent) -> bool:
    dense = fourier(radices, domain).dense()
    size = len(dense)
    i, j = np.indices((size, size))
    expected = domain.roots_of_unity(size)[exponent(i, j) % size]
    inverse = inverse_fourier(radices, domain).dense()
    return (
        domain.equal(dense, expected)
        and domain.equal(vandermonde(size, domain), dense)
        and domain.equal(domain.matmul(inverse, dense), domain.eye(size))
    )
