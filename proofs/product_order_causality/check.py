"""Product order: random members of the class the condition describes, decided filter by filter; planted leaks."""

from collections.abc import Callable
from math import prod

import numpy as np

from monarch_theory.causality import MonarchOperator, decide, product_order_condition
from monarch_theory.causality.counterexamples import only_top_digit_padded
from monarch_theory.domains import Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.monarch import Monarch
from monarch_theory.polynomials import BasisPolynomials, View
from monarch_theory.proving import Instance

RADICES = [(2, 2), (3, 3), (4, 4), (3, 5), (4, 6), (3, 3, 3), (2, 3, 4), (2, 2, 2, 2)]


SIZES = "Q(ζ) to N = 9; F_q to N = 27, p ≤ 4"
MUTATIONS: dict[str, dict] = {
    "padding the top digit only is enough": {"box": lambda radices: ((radices[0] + 1) // 2, *radices[1:])},
    "output i sees only inputs strictly below it in some digit": {"reaches_itself": False},
}


def instances(
    box: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda radices: tuple((m + 1) // 2 for m in radices),
    reaches_itself: bool = True,
) -> list[Instance]:
    cases = []
    for radices in RADICES:
        order = int(np.lcm.reduce(radices))
        domain: Domain = Cyclotomic(order) if prod(radices) <= 9 else PrimeField(prime_with_root(order))
        cases.append(
            Instance(f"random member {radices} over {domain}", lambda r=radices, d=domain: _member(r, d, box(r)))
        )
        cases.append(Instance(f"planted leak {radices} over {domain}", lambda r=radices, d=domain: _planted(r, d)))
        about = f"output i sees input i, {radices} over {domain}"
        cases.append(Instance(about, lambda r=radices, d=domain: _reaches_itself(r, d) == reaches_itself))
    cases.append(Instance("padding the top digit only leaks at N = 4", _top_digit))
    return cases


def _random(radices: tuple[int, ...], domain: Domain) -> list[np.ndarray]:
    """Coefficients of f_k: X_k^{a_k} + …, exponents of X_k from a_k up to a cap, of earlier variables none."""
    rng = np.random.default_rng(0)
    stages = []
    for k, m in enumerate(radices):
        shape = radices[k:] + radices[: k + 1]
        stage = domain.zeros(shape)
        for digits in np.ndindex(radices[k:]):
            half = (m - 1) // 2
            for exponent in range(digits[0], (half if digits[0] <= half else m - 1) + 1):
                value = domain.random(rng, 1)[0] if exponent > digits[0] else domain.scalar(1)
                stage[digits + (0,) * k + (exponent,)] = value
        stages.append(stage)
    return stages


def _matrix(stages: list[np.ndarray], radices: tuple[int, ...], domain: Domain) -> Monarch:
    return BasisPolynomials(tuple(stages), radices, domain, View.MULTIVARIATE).to_monarch()


def _box(radices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((m + 1) // 2 for m in radices)


def _member(radices: tuple[int, ...], domain: Domain, box: tuple[int, ...]) -> bool:
    matrix = _matrix(_random(radices, domain), radices, domain)
    decision = decide(MonarchOperator(matrix), route="every filter", support=box)
    return product_order_condition(matrix).holds and decision.causal


def _reaches_itself(radices: tuple[int, ...], domain: Domain) -> bool:
    """Through the filter e_0, for every i in the box."""
    operator = MonarchOperator(_matrix(_random(radices, domain), radices, domain), n=prod(radices))
    diagonal = operator.matrix(operator.domain.eye(operator.n)[0]).diagonal()
    inside = [int(np.ravel_multi_index(i, radices)) for i in np.ndindex(_box(radices))]
    return not any(domain.is_zero(diagonal[i : i + 1])[0] for i in inside)


def _planted(radices: tuple[int, ...], domain: Domain) -> bool:
    """f_k for a_k = 1 gets a constant term where the box has that digit: the product order must break."""
    wide = [k for k, s in enumerate(_box(radices)) if s > 1]
    if not wide:
        return True
    stages = _random(radices, domain)
    k = wide[0]
    stages[k][(1, *(0,) * (len(radices) - k - 1), *(0,) * (k + 1))] = domain.scalar(1)
    matrix = _matrix(stages, radices, domain)
    decision = decide(MonarchOperator(matrix), route="every filter", support=_box(radices))
    return not product_order_condition(matrix).holds and not decision.causal


def _top_digit() -> bool:
    operator = only_top_digit_padded()
    return not decide(operator).causal and decide(operator, support=(1, 1)).causal
