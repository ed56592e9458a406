"""Inverse = interpolation: M⁻¹ v against solving for the coordinates of the interpolating polynomial, and M⁻¹ M = 1."""

from collections.abc import Callable

import numpy as np
import sympy

from monarch_theory.domains import SYMBOLIC, Cyclotomic, Domain, PrimeField, SingularBlockError, prime_with_root
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance

RADICES = [(2, 2), (2, 3), (4, 4), (2, 3, 4), (2,) * 5]


SIZES = "symbolic N = 4; all 256 block pairs over F_2; Q(ζ_N), F_q to N = 32, p ≤ 5"
MUTATIONS: dict[str, dict] = {
    "(P L P R P)⁻¹ = P L⁻¹ P R⁻¹ P": {"stages": lambda inverses: inverses},
    "M is singular only if every block is": {"singular": all},
    "Σ_j u_j q_j = v at the points for u = M v": {"coordinates": lambda matrix, v: matrix @ v},
}


def instances(
    stages: Callable[[list], list] = lambda inverses: inverses[::-1],
    singular: Callable[[list[bool]], bool] = any,
    coordinates: Callable[[Monarch, np.ndarray], np.ndarray] = lambda matrix, v: matrix.inverse() @ v,
) -> list[Instance]:
    rng = np.random.default_rng(0)
    cases = [
        Instance("generic blocks (2, 2), symbolic: (P L P R P)⁻¹ = P R⁻¹ P L⁻¹ P", lambda: _generic(stages)),
        Instance(
            "a singular block makes M singular, and only that: all blocks over F_2, (2, 2)", lambda: _singular(singular)
        ),
    ]
    for radices in RADICES:
        size = int(np.prod(radices))
        domain: Domain = Cyclotomic(size) if size <= 6 else PrimeField(prime_with_root(size))
        matrix, v = random_monarch(radices, domain, rng), domain.random(rng, size)
        for view in View:
            cases.append(
                Instance(
                    f"{radices}, {view.value}, over {domain}",
                    lambda M=matrix, v=v, w=view: _holds(M, v, w, coordinates),
                )
            )
    return cases


def _generic(stages: Callable[[list], list]) -> bool:
    """P R⁻¹ P L⁻¹ P as dense matrices, and `inverse`, against the identity."""
    blocks = [np.array(sympy.symbols(f"{name}:8")).reshape(2, 2, 2) for name in "RL"]
    matrix, P = Monarch(tuple(blocks), SYMBOLIC), np.eye(4, dtype=object)[[0, 2, 1, 3]]
    first, second = (_block_diagonal(SYMBOLIC.inverse(b)) for b in stages(blocks))  # first applied, then second
    products = [P @ second @ P @ first @ P @ matrix.dense(), matrix.inverse().dense() @ matrix.dense()]
    return all(sympy.cancel(p[i, j]) == int(i == j) for p in products for i, j in np.ndindex(4, 4))


def _block_diagonal(blocks: np.ndarray) -> np.ndarray:
    result = np.zeros((4, 4), dtype=object)
    result[:2, :2], result[2:, 2:] = blocks
    return result


def _singular(singular: Callable[[list[bool]], bool]) -> bool:
    """Over F_2, with one block varied on each side and the others the identity."""
    field = PrimeField(2)
    blocks = np.array(list(np.ndindex(2, 2, 2, 2))).reshape(16, 2, 2)
    for first in blocks:
        for second in blocks:
            matrix = Monarch((np.stack([first, np.eye(2, dtype=int)]), np.stack([second, np.eye(2, dtype=int)])), field)
            dense = matrix.dense()
            unit = not singular([round(np.linalg.det(block)) % 2 == 0 for block in (first, second)])
            try:
                inverse = matrix.inverse().dense()
            except SingularBlockError:
                if unit or round(np.linalg.det(dense.astype(float))) % 2:
                    return False
            else:
                if not unit or not field.equal(field.matmul(inverse, dense), field.eye(4)):
                    return False
    return True


def _holds(matrix: Monarch, v: np.ndarray, view: View, coordinates: Callable) -> bool:
    domain, polynomials = matrix.domain, basis_polynomials(matrix, view)
    u = coordinates(matrix, v)
    return domain.equal(polynomials.interpolate(v), u) and domain.equal(polynomials.evaluate(u), v)
