"""Random filters: all filters over small fields, counted one by one, against the rank of T and the bound."""

from collections.abc import Callable
from itertools import product

import flint
import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide
from monarch_theory.domains import RATIONALS, PrimeField
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import random_monarch
from monarch_theory.proving import Instance

SIZES = "all filters over F_5, F_7 to n = 4; entries 0, 1, 2 over F_101 and Q"
MUTATIONS: dict[str, dict] = {
    "q^(n − r − 1) filters miss it": {"count": lambda q, n, r: q ** max(n - r - 1, 0)},
    "q^r filters miss it": {"count": lambda q, n, r: q**r},
    "a share of 1/|S|² at most": {"bound": lambda size, n: size ** (n - 2)},
    "each draw is wrong with probability 1/|S|²": {"error": lambda size, trials: size ** (-2 * trials)},
}


def instances(
    count: Callable[[int, int, int], int] = lambda q, n, r: q ** (n - r),
    bound: Callable[[int, int], int] = lambda size, n: size ** (n - 1),
    error: Callable[[int, int], float] = lambda size, trials: float(size) ** -trials,
) -> list[Instance]:
    rng = np.random.default_rng(0)
    F5, F7 = PrimeField(5), PrimeField(7)
    operators = {
        "family, (2, 2), F_5, n = 2": MonarchOperator(CausalMonarch((2, 2)).random(F5, rng)),
        "family, (2, 3), F_7, n = 3": MonarchOperator(CausalMonarch((2, 3)).random(F7, rng)),
        "DFT, (2, 2), F_5, n = 3": MonarchOperator(fourier((2, 2), F5), n=3),
        "DFT unpadded, (2, 2), F_5, n = 4": MonarchOperator(fourier((2, 2), F5), n=4),
        "DFT, (2, 3), F_7, n = 4": MonarchOperator(fourier((2, 3), F7), n=4),
        "three matrices, (2, 2), F_5, n = 2": MonarchOperator(
            fourier((2, 2), F5), random_monarch((2, 2), F5, rng), random_monarch((2, 2), F5, rng)
        ),
    }
    cases = [
        Instance(f"{about}: q^(n − r) filters miss it", lambda o=o: _missed(o, range(_order(o))) == _expected(o, count))
        for about, o in operators.items()
    ]
    for domain in (PrimeField(101), RATIONALS):
        leaks = MonarchOperator(random_monarch((2, 2), domain, rng), n=3)
        about = f"random, (2, 2) over {domain}: entries 0, 1, 2 miss it at most 3^(n − 1) times"
        cases.append(Instance(about, lambda o=leaks: _missed(o, range(3)) <= bound(3, o.n)))
    wraps = MonarchOperator(fourier((2, 2), F5), n=3)
    cases.append(Instance("the share 1/q is reached", lambda: 5 ** (3 - 1) == _missed(wraps, range(5)) <= bound(5, 3)))
    for trials in (1, 2, 5):
        about = f"{trials} draws: what the decider says of itself"
        cases.append(Instance(about, lambda t=trials: _said(operators["family, (2, 2), F_5, n = 2"], t, error)))
    return cases


def _order(operator: MonarchOperator) -> int:
    assert isinstance(operator.domain, PrimeField)
    return operator.domain.q


def _missed(operator: MonarchOperator, scalars: range) -> int:
    """Filters with these entries under which no output sees a later input."""
    zero = operator.domain.is_zero
    later = np.triu_indices(operator.n, k=1)
    return sum(bool(zero(operator.matrix(list(k))[later]).all()) for k in product(scalars, repeat=operator.n))


def _expected(operator: MonarchOperator, count: Callable[[int, int, int], int]) -> int:
    """From the rank of the forms T[i, j, ·], i < j."""
    q, n = _order(operator), operator.n
    forms = operator.tensor()[:n, :n, :n][np.triu_indices(n, k=1)]
    return count(q, n, int(flint.nmod_mat(*forms.shape, [int(x) for x in forms.reshape(-1)], q).rank()))


def _said(operator: MonarchOperator, trials: int, error: Callable[[int, int], float]) -> bool:
    decision = decide(operator, route="random filters", trials=trials)
    return decision.causal and decision.error_probability == error(_order(operator), trials)
