"""The DFT in the class: the factors' product against ω^(ij), entry by entry, at every factorisation of N."""

from monarch_theory.domains import Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.fourier_matrix import fourier, inverse_fourier, vandermonde
from monarch_theory.proving import Instance, Progress, Result, verify


def check(progress: Progress) -> Result:
    instances = []
    for size in range(2, 65):
        domain: Domain = Cyclotomic(size) if size <= 12 else PrimeField(prime_with_root(size))
        orders = range(1, size.bit_length())
        for radices in [r for order in orders for r in factorisations(size, order)]:
            instances.append(Instance(f"{radices} over {domain}", lambda r=radices, d=domain: _holds(r, d)))
    return verify(instances, progress, sizes="every ordered factorisation of N ≤ 64; Q(ζ_N) to N = 12, F_q beyond")


def _holds(radices: tuple[int, ...], domain: Domain) -> bool:
    transform = fourier(radices, domain)
    dense = transform.dense()
    inverse = inverse_fourier(radices, domain).dense()
    return domain.equal(dense, vandermonde(len(dense), domain)) and domain.equal(
        domain.matmul(inverse, dense), domain.eye(len(dense))
    )
