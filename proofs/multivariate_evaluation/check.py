"""Monarch product = multivariate evaluation: M u against Σ_j u_j q_j evaluated through coefficients, any order."""

from collections.abc import Callable

import numpy as np
import sympy

from monarch_theory.domains import SYMBOLIC, Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance

CASES: list[tuple[tuple[int, ...], tuple[int, ...], bool]] = [
    ((2, 2), (2, 2), True), ((3, 2), (2, 3), True), ((2, 2, 2), (2, 2, 2), True), ((3, 3), (3, 3), True),
    ((8, 8), (8, 8), False), ((2, 3, 4), (4, 3, 2), False), ((2,) * 5, (2,) * 5, False), ((5, 12), (12, 5), False),
]  # fmt: skip


SIZES = "symbolic N = 4; Q(ζ) to N = 9; F_q to N = 64, p ≤ 5, rectangular too"
MUTATIONS: dict[str, dict] = {
    "(M u)[(i_1, i_0)] is the value at (x_{i_0}, y_{i_1})": {"point": lambda i1, i0: (i0, i1)},
    "u is read with its digits reversed": {"index": lambda j: (0, 2, 1, 3)[j]},
}


def instances(
    point: Callable[[int, int], tuple[int, int]] = lambda i1, i0: (i1, i0), index: Callable[[int], int] = lambda j: j
) -> list[Instance]:
    rng = np.random.default_rng(0)
    cases = [Instance("generic blocks (2, 2) at generic distinct points, symbolic", lambda: _generic(point, index))]
    for inputs, outputs, cyclotomic in CASES:
        order = int(np.lcm.reduce(outputs))
        domain: Domain = Cyclotomic(order) if cyclotomic else PrimeField(prime_with_root(order))
        matrix = random_monarch(inputs, domain, rng, output_radices=outputs)
        u = domain.random(rng, matrix.shape[1])
        cases.append(Instance(f"{outputs} ← {inputs} over {domain}", lambda M=matrix, u=u: _holds(M, u)))
    return cases


def _generic(point: Callable[[int, int], tuple[int, int]], index: Callable[[int], int]) -> bool:
    """Order 2 on any grid of distinct points (x_{i_1}, y_{i_0}), as the machine-checked theorem has it."""
    R, L = (np.array(sympy.symbols(f"{name}:8")).reshape(2, 2, 2) for name in "RL")
    x, y = sympy.symbols("x:2"), sympy.symbols("y:2")
    X, Y = sympy.symbols("X Y")
    u = sympy.symbols("u:4")
    total = 0
    for j in range(4):
        a0, a1 = divmod(j, 2)
        in_y = [sympy.interpolate([(y[i0], L[i0, i1, a1]) for i0 in range(2)], Y) for i1 in range(2)]
        ell = sympy.interpolate([(x[i1], in_y[i1]) for i1 in range(2)], X)
        total += u[index(j)] * ell * sympy.interpolate([(y[i0], R[a1, i0, a0]) for i0 in range(2)], Y)
    image = Monarch((R, L), SYMBOLIC) @ np.array(u)
    places = {(i1, i0): point(i1, i0) for i1 in range(2) for i0 in range(2)}
    values = {(i1, i0): total.subs({X: x[tx], Y: y[sy]}) for (i1, i0), (tx, sy) in places.items()}
    return all(sympy.cancel(values[i1, i0] - image[2 * i1 + i0]) == 0 for i1, i0 in places)


def _holds(matrix: Monarch, u: np.ndarray) -> bool:
    view = basis_polynomials(matrix, View.MULTIVARIATE)
    same_factors = view.to_monarch() == matrix
    return same_factors and matrix.domain.equal(view.evaluate(u), matrix @ u)
