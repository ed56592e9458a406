"""Entry formula: P_p B_p ⋯ B_1 P_0 as dense matrices, against one product of block entries, and against `dense`."""

from collections.abc import Callable
from functools import reduce
from math import prod

import numpy as np
import sympy

from monarch_theory.digits import digits_of, stride_permutation
from monarch_theory.domains import SYMBOLIC, Domain, PrimeField
from monarch_theory.monarch import Monarch, block_counts, random_monarch
from monarch_theory.proving import Instance

SYMBOLIC_RADICES = [((2,), (2,)), ((2, 2), (2, 2)), ((2, 3), (3, 1)), ((2, 2, 2), (2, 2, 2)), ((2, 1, 3), (1, 3, 2))]
LARGER_RADICES = [
    ((8, 8), (8, 8)),
    ((3, 4, 5), (4, 2, 3)),
    ((2,) * 6, (2,) * 6),
    ((16, 4), (4, 16)),
    ((3,) * 4, (3,) * 4),
]


SIZES = "symbolic to N = 12, p ≤ 3, rectangular too; F_q to N = 81, p ≤ 6"
MUTATIONS: dict[str, dict] = {
    "the output digits most significant first": {"output_digits": lambda digits: digits},
    "stage k reads the input digit a_{k−1}": {"stage_digit": lambda k: max(k - 1, 0)},
}


def instances(
    output_digits: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda digits: digits[::-1],
    stage_digit: Callable[[int], int] = lambda k: k,
) -> list[Instance]:
    def holds(matrix: Monarch) -> bool:
        domain, dense = matrix.domain, matrix.dense()
        entries = _entries(matrix, output_digits, stage_digit)
        return domain.equal(_product(matrix), dense) and domain.equal(entries, dense)

    cases = [Instance(f"generic blocks {m} ← {n}", lambda m=m, n=n: holds(_generic(m, n))) for m, n in SYMBOLIC_RADICES]
    field, rng = PrimeField(2147483629), np.random.default_rng(0)
    for m, n in LARGER_RADICES:
        matrix = random_monarch(n, field, rng, output_radices=m)
        cases.append(Instance(f"random blocks over {field}, {m} ← {n}", lambda M=matrix: holds(M)))
    return cases


def _generic(rows: tuple[int, ...], columns: tuple[int, ...]) -> Monarch:
    counts = block_counts(rows, columns)
    stages = enumerate(zip(counts, rows, columns, strict=True))
    return Monarch(
        tuple(np.array(sympy.symbols(f"b{k}_:{c * m * n}")).reshape(c, m, n) for k, (c, m, n) in stages), SYMBOLIC
    )


def _product(matrix: Monarch) -> np.ndarray:
    """Permutation matrices and block-diagonal matrices, multiplied as dense matrices."""
    rows, columns, domain = matrix.output_radices, matrix.input_radices, matrix.domain
    p = matrix.order
    factors = []
    for k, factor in enumerate(matrix.factors):
        state = rows[:k] + columns[k:]
        last = [axis for axis in range(p) if axis != k] + [k]
        moved = state[:k] + state[k + 1 :] + rows[k : k + 1]
        factors += [_permutation(state, last, domain), _block_diagonal(factor, domain)]
        factors.append(_permutation(moved, np.argsort(last), domain))
    factors.append(_permutation(rows, range(p)[::-1], domain))
    return reduce(lambda total, factor: domain.matmul(factor, total), factors)


def _permutation(radices, axes, domain: Domain) -> np.ndarray:
    return domain.eye(prod(radices))[stride_permutation(radices, list(axes))]


def _block_diagonal(blocks: np.ndarray, domain: Domain) -> np.ndarray:
    count, m, n = blocks.shape
    result = domain.zeros((count * m, count * n))
    for c in range(count):
        result[c * m : (c + 1) * m, c * n : (c + 1) * n] = blocks[c]
    return result


def _entries(matrix: Monarch, output_digits: Callable, stage_digit: Callable) -> np.ndarray:
    """∏_k B_k[i_0 … i_{k-1}, a_{k+1} … a_{p-1}][i_k, a_k], digit by digit."""
    rows, columns, domain = matrix.output_radices, matrix.input_radices, matrix.domain
    result = domain.zeros(matrix.shape)
    for i, j in np.ndindex(matrix.shape):
        output, inputs = output_digits(digits_of(i, output_digits(rows))), digits_of(j, columns)
        value = domain.ones(1)
        for k, factor in enumerate(matrix.factors):
            others = rows[:k] + columns[k + 1 :]
            block = np.ravel_multi_index(output[:k] + inputs[k + 1 :], others) if others else 0
            value = domain.normal(value * factor[block, output[k], inputs[stage_digit(k)] % columns[k]])
        result[i, j] = value[0]
    return result
