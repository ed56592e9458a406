"""The sufficient condition is not necessary: three causal operators at N = 4 (one at N = 2) that do not meet it."""

import numpy as np

from monarch_theory.causality import MonarchOperator, decide, sufficient_condition
from monarch_theory.causality.counterexamples import other_points, pointwise, tuned_wrap_around
from monarch_theory.causality.parameterise import CausalMonarch
from monarch_theory.domains import Cyclotomic, PrimeField, prime_with_root
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance, Progress, Result, verify


def check(progress: Progress) -> Result:
    instances = [
        Instance("u ↦ k ⊙ u, N = 4", lambda: _causal_without_degrees(pointwise())),
        Instance("Vandermonde matrix at 1, 2, −1, −2, N = 4, with every u_0 … u_i reaching output i", _other_points),
        Instance("ℓ_1 = Z + 2Z² + 2Z³, N = 4", lambda: _causal_without_degrees(tuned_wrap_around())),
        Instance("N = 2, n = 1 is causal whatever M is, and n = 1 always", _one_output),
    ]
    for size in (3, 4, 5, 8):
        instances.append(
            Instance(f"row permutations leave the operator alone, N = {size}", lambda s=size: _permuted(s))
        )
        instances.append(
            Instance(f"re-basing: lower-triangular change of columns, N = {size}", lambda s=size: _rebased(s))
        )
    return verify(instances, progress, sizes="N = 4 over Q and Q(i); invariances to N = 8 over F_q")


def _with_fourth_root(matrix: Monarch) -> Monarch:
    return matrix if isinstance(matrix.domain, Cyclotomic) else matrix.over(Cyclotomic(4))


def _causal_without_degrees(operator: MonarchOperator) -> bool:
    return (
        decide(operator, route="every filter").causal and not sufficient_condition(_with_fourth_root(operator.M0)).holds
    )


def _other_points() -> bool:
    operator = other_points()
    reaches = all(
        operator.matrix([int(k == i - j) for k in range(2)])[i, j] != 0 for i in range(2) for j in range(i + 1)
    )
    return reaches and _causal_without_degrees(operator)


def _one_output() -> bool:
    field, rng = PrimeField(101), np.random.default_rng(0)
    dense = rng.integers(0, 101, (3, 4, 4))
    return all(decide(MonarchOperator(Monarch((m[None],), field), n=1), route="every filter").causal for m in dense)


def _operator(dense: np.ndarray, field: PrimeField, n: int) -> MonarchOperator:
    return MonarchOperator(Monarch((dense[None],), field), n=n)


def _permuted(size: int) -> bool:
    field, rng = PrimeField(prime_with_root(size)), np.random.default_rng(size)
    dense, n = rng.integers(0, field.q, (size, size)), (size + 1) // 2
    before, after = (_operator(d, field, n).tensor() for d in (dense, rng.permutation(dense)))
    return field.equal(before, after)


def _rebased(size: int) -> bool:
    """M → M S, S lower triangular in the first n indices and anything invertible beyond: causal stays causal."""
    field, rng = PrimeField(prime_with_root(size)), np.random.default_rng(size)
    n = (size + 1) // 2
    dense = CausalMonarch((size,), n).random(field, rng).dense()
    change = np.tril(rng.integers(1, field.q, (size, size)))
    change[n:, n:] = rng.integers(1, field.q, (size - n, size - n))
    change[n:, :n] = 0
    return decide(_operator(field.matmul(dense, change), field, n), route="every filter").causal
