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
    "(M u)[(t, s)] is the value at (x_s, y_t)": {"point": lambda t, s: (s, t)},
    "u is read with its digits reversed": {"index": lambda j: (0, 2, 1, 3)[j]},
}


def instances(
    point: Callable[[int, int], tuple[int, int]] = lambda t, s: (t, s), index: Callable[[int], int] = lambda j: j
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
    """Order 2 on any grid of distinct points (x_t, y_s), as the machine-checked theorem has it."""
    R, L = (np.array(sympy.symbols(f"{name}:8")).reshape(2, 2, 2) for name in "RL")
    x, y = sympy.symbols("x:2"), sympy.symbols("y:2")
    X, Y = sympy.symbols("X Y")
    u = sympy.symbols("u:4")
    total = 0
    for j in range(4):
        j1, j0 = divmod(j, 2)
        in_y = [sympy.interpolate([(y[s], L[s, t, j0]) for s in range(2)], Y) for t in range(2)]
        ell = sympy.interpolate([(x[t], in_y[t]) for t in range(2)], X)
        total += u[index(j)] * ell * sympy.interpolate([(y[s], R[j0, s, j1]) for s in range(2)], Y)
    image = Monarch((R, L), SYMBOLIC) @ np.array(u)
    places = {(t, s): point(t, s) for t in range(2) for s in range(2)}
    values = {(t, s): total.subs({X: x[tx], Y: y[sy]}) for (t, s), (tx, sy) in places.items()}
    return all(sympy.cancel(values[t, s] - image[2 * t + s]) == 0 for t, s in places)


def _holds(matrix: Monarch, u: np.ndarray) -> bool:
    view = basis_polynomials(matrix, View.MULTIVARIATE)
    same_factors = view.to_monarch() == matrix
    return same_factors and matrix.domain.equal(view.evaluate(u), matrix @ u)
