"""Degree bounds on both factors meet nothing for b ≥ 2; the repaired ones are met, and causal."""

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide, paper_condition, sufficient_condition
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.polynomials import BasisPolynomials, View, basis_polynomials
from monarch_theory.proving import Instance

SIZES = "all degree patterns at N = 4; b ≤ 8 over F_q"
MUTATIONS: dict[str, dict] = {
    "the repair with deg r_j ≤ b/2 for j < N/2": {"more": 1},
    "the bounds on ℓ do not exclude each other": {"clash": False},
}


def instances(more: int = 0, clash: bool = True) -> list[Instance]:
    cases = [
        Instance("every choice of degrees at N = 4: none meets the literal condition", _no_degrees_at_four),
        Instance("N = 1 meets it, vacuously", lambda: paper_condition(_monomials(1)).holds),
    ]
    for b in range(2, 9):
        cases += [
            Instance(f"b = {b}: the two bounds on ℓ at j = b − 1 exclude each other", lambda b=b: _clash(b) == clash),
            Instance(f"b = {b}: the repaired condition is met, and causal", lambda b=b: _repaired(b, more)),
        ]
    return cases


def _field(b: int) -> PrimeField:
    return PrimeField(prime_with_root(b * b))


def _monomials(b: int):
    return CausalMonarch((b, b)).monomial(_field(b))


def _no_degrees_at_four() -> bool:
    """The condition reads only which coefficients vanish; all 2⁸ supports of ℓ_0, ℓ_1."""
    field = _field(2)
    for ell in np.ndindex((2,) * 8):
        for r in np.ndindex((2,) * 2):
            # r_j enters by four polynomials; all equal supports are enough, since ℓ alone already decides
            r_stage = np.broadcast_to(np.array(r), (2, 2, 2))
            stages = (r_stage, np.array(ell).reshape(2, 4))
            matrix = BasisPolynomials(stages, (2, 2), field, View.UNIVARIATE).to_monarch()
            failures = paper_condition(matrix).failures
            if not any(failure.stage == 1 for failure in failures):
                return False
    return True


def _clash(b: int) -> bool:
    """The DFT has mindeg ℓ_{b−1} = b − 1, and so fails the bound deg ℓ_{b−1} < b/2, which j = b − 1 < N/2 asks for."""
    failures = paper_condition(_monomials(b)).failures
    at_last = [f for f in failures if f.stage == 1 and f.digits == (b - 1,)]
    return b - 1 < (b * b + 1) // 2 and len(at_last) == 1 and at_last[0].found == b - 1 and 2 * (b - 1) >= b


def _repaired(b: int, more: int) -> bool:
    """deg ℓ_{a_1} ≤ b − 1, deg r_j ≤ ⌈b/2⌉ − 1 + more for j < N/2, coefficients random in between: causal."""
    field, rng = _field(b), np.random.default_rng(0)
    member = CausalMonarch((b, b)).random(field, rng)
    r, ell = (stage.copy() for stage in basis_polynomials(member, View.UNIVARIATE).coefficients)
    for a0, a1 in np.ndindex(b, b):
        if more and a0 * b + a1 < b * b // 2:
            r[a0, a1, (b + 1) // 2 - 1 + more] = rng.integers(1, field.q)
    matrix = BasisPolynomials((r, ell), (b, b), field, View.UNIVARIATE).to_monarch()
    within = sufficient_condition(matrix).holds or bool(more)
    return within and decide(MonarchOperator(matrix), route="every filter").causal
