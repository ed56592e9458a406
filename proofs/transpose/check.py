"""Transpose: the blocks transposed and re-indexed one by one, stages reversed, against the transposed dense matrix."""

from collections.abc import Callable

import numpy as np
import sympy

from monarch_theory.domains import SYMBOLIC, Cyclotomic, Domain, PrimeField
from monarch_theory.monarch import Convention, Monarch, random_monarch
from monarch_theory.proving import Instance

CASES = [((2, 3), (3, 2)), ((2, 3, 4), (3, 2, 2)), ((4, 4), (4, 4)), ((2, 1, 3, 2), (1, 4, 2, 2)), ((2,) * 5, (2,) * 5)]

SIZES = "symbolic N = 4; F_q and Q(ζ_5) to N = 32, p ≤ 5, rectangular and every convention too"
MUTATIONS: dict[str, dict] = {
    "stages in the same order": {"stage": lambda k, p: k},
    "blocks not transposed": {"block": lambda block: block},
    "blocks found under the digits in the same order": {"digits": lambda digits: digits},
}


def instances(
    stage: Callable[[int, int], int] = lambda k, p: p - 1 - k,
    block: Callable[[np.ndarray], np.ndarray] = lambda block: block.T,
    digits: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda digits: digits[::-1],
) -> list[Instance]:
    def transposed(matrix: Monarch) -> Monarch | None:
        """The factors that the statement gives; None where they do not even fit together."""
        rows, columns, p = matrix.output_radices, matrix.input_radices, matrix.order
        factors: list[np.ndarray] = [np.empty(0)] * p
        for k, factor in enumerate(matrix.factors):
            places = rows[:k] + columns[k + 1 :]
            moved = {digits(place): block(factor[index]) for index, place in enumerate(np.ndindex(places))}
            factors[stage(k, p)] = np.array([moved[place] for place in sorted(moved)])
        try:
            return Monarch(tuple(factors), matrix.domain)
        except ValueError:
            return None

    def holds(matrix: Monarch) -> bool:
        built, domain, dense = transposed(matrix), matrix.domain, matrix.dense()
        return built is not None and domain.equal(built.dense(), dense.T) and domain.equal(matrix.T.dense(), dense.T)

    generic = [np.array(sympy.symbols(f"{name}:8")).reshape(2, 2, 2) for name in "RL"]
    cases = [Instance("generic blocks (2, 2), symbolic", lambda: holds(Monarch(tuple(generic), SYMBOLIC)))]
    rng = np.random.default_rng(0)
    for outputs, inputs in CASES:
        matrix = random_monarch(inputs, PrimeField(10007), rng, output_radices=outputs)
        cases.append(Instance(f"{outputs} ← {inputs} over F_10007", lambda M=matrix: holds(M)))
    for convention in Convention:
        cases.append(Instance(f"transpose and adjoint, {convention.name}", lambda c=convention: _adjoint(c)))
    return cases


def _adjoint(convention: Convention) -> bool:
    domain: Domain = Cyclotomic(5)
    matrix = random_monarch((2, 3), domain, np.random.default_rng(0), convention=convention)
    dense = matrix.dense()
    adjoint = domain.conjugate(dense).T
    named = matrix.T.convention is convention.transposed
    return named and domain.equal(matrix.T.dense(), dense.T) and domain.equal(matrix.H.dense(), adjoint)
