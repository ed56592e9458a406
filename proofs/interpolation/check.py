"""Inverse = interpolation: M⁻¹ v against solving for the coordinates of the interpolating polynomial, and M⁻¹ M = 1."""

import numpy as np
import sympy

from monarch_theory.domains import SYMBOLIC, Cyclotomic, Domain, PrimeField, SingularBlockError, prime_with_root
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance, Progress, Result, verify

RADICES = [(2, 2), (2, 3), (4, 4), (2, 3, 4), (2,) * 5]


def check(progress: Progress) -> Result:
    rng = np.random.default_rng(0)
    instances = [
        Instance("generic blocks (2, 2), symbolic: M⁻¹ M = 1", _generic),
        Instance("a singular block makes M singular, and only that: all blocks over F_2, (2, 2)", _singular),
    ]
    for radices in RADICES:
        size = int(np.prod(radices))
        domain: Domain = Cyclotomic(size) if size <= 6 else PrimeField(prime_with_root(size))
        matrix, v = random_monarch(radices, domain, rng), domain.random(rng, size)
        for view in View:
            instances.append(
                Instance(f"{radices}, {view.value}, over {domain}", lambda M=matrix, v=v, w=view: _holds(M, v, w))
            )
    return verify(
        instances, progress, sizes="symbolic N = 4; all 256 block pairs over F_2; Q(ζ_N), F_q to N = 32, p ≤ 5"
    )


def _generic() -> bool:
    blocks = (np.array(sympy.symbols(f"{name}:8")).reshape(2, 2, 2) for name in "RL")
    matrix = Monarch(tuple(blocks), SYMBOLIC)
    product = matrix.inverse().dense() @ matrix.dense()
    return all(sympy.cancel(product[i, j]) == int(i == j) for i, j in np.ndindex(4, 4))


def _singular() -> bool:
    """Over F_2, with one block varied on each side and the others the identity."""
    field = PrimeField(2)
    blocks = np.array(list(np.ndindex(2, 2, 2, 2))).reshape(16, 2, 2)
    for first in blocks:
        for second in blocks:
            matrix = Monarch((np.stack([first, np.eye(2, dtype=int)]), np.stack([second, np.eye(2, dtype=int)])), field)
            dense = matrix.dense()
            unit = round(np.linalg.det(first)) % 2 and round(np.linalg.det(second)) % 2
            try:
                inverse = matrix.inverse().dense()
            except SingularBlockError:
                if unit or round(np.linalg.det(dense.astype(float))) % 2:
                    return False
            else:
                if not unit or not field.equal(field.matmul(inverse, dense), field.eye(4)):
                    return False
    return True


def _holds(matrix: Monarch, v: np.ndarray, view: View) -> bool:
    domain, polynomials = matrix.domain, basis_polynomials(matrix, view)
    u = matrix.inverse() @ v
    return domain.equal(polynomials.interpolate(v), u) and domain.equal(polynomials.evaluate(u), v)
