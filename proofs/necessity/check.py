"""The sufficient condition is not necessary: three causal operators at N = 4 (one at N = 2) that do not meet it."""

from collections.abc import Callable, Sequence

import numpy as np

from monarch_theory.causality import MonarchOperator, decide, sufficient_condition
from monarch_theory.causality.counterexamples import other_points, pointwise, tuned_wrap_around
from monarch_theory.causality.parameterise import CausalMonarch
from monarch_theory.domains import Cyclotomic, PrimeField, prime_with_root
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

SIZES = "N = 4 over Q and Q(i); invariances to N = 8 over F_q"
MUTATIONS: dict[str, dict] = {
    "the DFT, re-based and its rows permuted, is out of the family's reach": {"examples": [lambda: _reached()]},
    "scaling rows leaves the operator alone": {
        "change_rows": lambda rows, rng: rows * rng.integers(2, 100, (len(rows), 1))
    },
    "re-basing with S lower triangular, not block diagonal": {"blocks": False},
}


def instances(
    examples: Sequence[Callable[[], MonarchOperator]] = (pointwise, other_points, tuned_wrap_around),
    change_rows: Callable[[np.ndarray, np.random.Generator], np.ndarray] = lambda rows, rng: rng.permutation(rows),
    blocks: bool = True,
) -> list[Instance]:
    cases = [
        Instance(f"example {number}, N = 4: causal, and out of the family's reach", lambda e=e: _out_of_reach(e()))
        for number, e in enumerate(examples, start=1)
    ]
    cases += [
        Instance("a permuted, re-based member keeps what the examples lack", lambda: not _escapes(_reached())),
        Instance("Vandermonde matrix at 1, 2, −1, −2, N = 4: every u_0 … u_i reaches output i", _reaches),
        Instance("N = 2, n = 1 is causal whatever M is, and n = 1 always", _one_output),
    ]
    for size in (3, 4, 5, 8):
        cases.append(
            Instance(f"row permutations leave the operator alone, N = {size}", lambda s=size: _permuted(s, change_rows))
        )
        cases.append(
            Instance(f"re-basing: lower-triangular change of columns, N = {size}", lambda s=size: _rebased(s, blocks))
        )
    return cases


def _with_fourth_root(matrix: Monarch) -> Monarch:
    return matrix if isinstance(matrix.domain, Cyclotomic) else matrix.over(Cyclotomic(4))


def _out_of_reach(operator: MonarchOperator) -> bool:
    """Causal, without the degrees of the family, and no rescaling, re-basing or row permutation gives it those."""
    degrees = sufficient_condition(_with_fourth_root(operator.M0)).holds
    return decide(operator, route="every filter").causal and not degrees and _escapes(operator)


def _escapes(operator: MonarchOperator) -> bool:
    """Whether the fourth powers of the values of q_1 are not one number other than zero, as in the family's reach."""
    domain, values = operator.domain, operator.M0.dense()[:, 1]
    squares = domain.normal(values * values)
    fourth = domain.normal(squares * squares)
    return bool(domain.is_zero(fourth).any()) or not domain.equal(fourth, np.broadcast_to(fourth[:1], fourth.shape))


def _reached() -> MonarchOperator:
    """A member of the family, re-based and its rows permuted: it does not meet the degrees."""
    domain = Cyclotomic(4)
    change = domain.array([[1, 0, 0, 0], [5, 3, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]])
    dense = domain.matmul(CausalMonarch((2, 2)).monomial(domain).dense(), change)
    return MonarchOperator(Monarch((dense[[1, 0, 2, 3]][None],), domain), n=2)


def _reaches() -> bool:
    operator = other_points()
    return all(operator.matrix([int(k == i - j) for k in range(2)])[i, j] != 0 for i in range(2) for j in range(i + 1))


def _one_output() -> bool:
    field, rng = PrimeField(101), np.random.default_rng(0)
    dense = rng.integers(0, 101, (3, 4, 4))
    return all(decide(MonarchOperator(Monarch((m[None],), field), n=1), route="every filter").causal for m in dense)


def _operator(dense: np.ndarray, field: PrimeField, n: int) -> MonarchOperator:
    return MonarchOperator(Monarch((dense[None],), field), n=n)


def _permuted(size: int, change_rows: Callable) -> bool:
    field, rng = PrimeField(prime_with_root(size)), np.random.default_rng(size)
    dense, n = rng.integers(0, field.q, (size, size)), (size + 1) // 2
    before, after = (_operator(d, field, n).tensor() for d in (dense, change_rows(dense, rng) % field.q))
    return field.equal(before, after)


def _rebased(size: int, blocks: bool) -> bool:
    """M → M S, S lower triangular in the first n indices and anything invertible beyond: causal stays causal."""
    field, rng = PrimeField(prime_with_root(size)), np.random.default_rng(size)
    n = (size + 1) // 2
    dense = CausalMonarch((size,), n).random(field, rng).dense()
    change = np.tril(rng.integers(1, field.q, (size, size)))
    change[n:, n:] = rng.integers(1, field.q, (size - n, size - n))
    if blocks:
        change[n:, :n] = 0
    return decide(_operator(field.matmul(dense, change), field, n), route="every filter").causal
