"""Border rank: the whole tensor of DFT · diag(ε^j) without padding, exactly; its condition number, measured."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from monarch_theory.causality import decide
from monarch_theory.causality.counterexamples import almost_causal
from monarch_theory.domains import COMPLEX128, Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.fourier_matrix import vandermonde
from monarch_theory.proving import Instance

SIZES = "Q(ζ_N) to N = 6, F_q to N = 16; cond₂ in complex128 to N = 12"
MUTATIONS: dict[str, dict] = {
    "the leak is ε^(N−1)": {"leak": lambda size: size - 1},
    "nothing leaks": {"leak": lambda size: None},
    "cond₂(M) = ε^(−N)": {"condition": lambda size: size},
}


def instances(
    leak: Callable[[int], int | None] = lambda size: size, condition: Callable[[int], int] = lambda size: size - 1
) -> list[Instance]:
    cases = []
    for size, ratio in [(2, Fraction(1, 2)), (3, Fraction(2, 3)), (4, Fraction(-1, 5)), (6, Fraction(1, 3))]:
        about = f"N = {size}, ε = {ratio} over Q(ζ_{size})"
        cases.append(Instance(about, lambda s=size, e=ratio: _tensor(s, e, Cyclotomic(s), leak(s))))
    for size in (5, 8, 12, 16):
        field = PrimeField(prime_with_root(size))
        about = f"N = {size}, ε = 3 over {field}"
        cases.append(Instance(about, lambda s=size, f=field: _tensor(s, Fraction(3), f, leak(s))))
    for size, ratio in [(4, 0.5), (8, 0.7), (12, 0.5)]:
        about = f"cond₂(M), N = {size}, ε = {ratio}"
        cases.append(Instance(about, lambda s=size, e=ratio: _condition(s, e, condition(s)), "measured"))
    return cases


def _tensor(size: int, ratio: Fraction, domain: Domain, power: int | None) -> bool:
    operator = almost_causal(size, ratio, domain)
    i, j, k = np.indices((size, size, size))
    expected = domain.zeros((size, size, size))
    expected[j + k == i] = domain.scalar(1)
    if power is not None:
        expected[j + k == i + size] = domain.array([ratio**power])[0]
    return domain.equal(operator.tensor(), expected) and not decide(operator).causal


def _condition(size: int, ratio: float, power: int) -> bool:
    dense = vandermonde(size, COMPLEX128) * ratio ** np.arange(size)
    singular = np.linalg.svd(dense, compute_uv=False)
    # the smallest singular value is off by at most N·u·σ_max twice (LAPACK Users' Guide §4.9, and the entries of M)
    slack = 4 * size * float(np.finfo(np.float64).eps) * singular[0]
    return bool(abs(singular[-1] - singular[0] * ratio**power) <= slack)
