"""Conditioning: blocks of stage k are F·D·C, exactly; and cond₂(M) stays below ((1 + ρ)/(1 − ρ))^p at every N tried."""

from collections.abc import Callable
from math import isclose, prod, sqrt

import numpy as np

from monarch_theory.causality import CausalMonarch
from monarch_theory.domains import COMPLEX128, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.monarch import Monarch
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance

MEASURED = [(4, 4), (8, 8), (12, 12), (4, 4, 4), (2,) * 7, (3, 5, 7)]


SIZES = "F·D·C exact, p ≤ 3, N ≤ 24; cond₂ in complex128 to N = 576, p ≤ 7"
MUTATIONS: dict[str, dict] = {
    "((1 + ρ)/(1 − ρ))^(p/2)": {"exponent": lambda p: p / 2},
    "(1/(1 − ρ))^p": {"gain": lambda rho: 1 / (1 - rho)},
    "(1 + ρ)/(1 − ρ) at every order": {"exponent": lambda p: 1},
    "((1 + ρ/2)/(1 − ρ/2))^p": {"gain": lambda rho: (1 + rho / 2) / (1 - rho / 2)},
    "within (1 + ρ)^(p − 1) − 1 of the DFT": {"spread": lambda rho, p: (1 + rho) ** (p - 1) - 1},
}


def instances(
    exponent: Callable[[int], float] = lambda p: p,
    gain: Callable[[float], float] = lambda rho: (1 + rho) / (1 - rho),
    spread: Callable[[float, int], float] = lambda rho, p: (1 + rho) ** p - 1,
) -> list[Instance]:
    def bound(family: CausalMonarch, rho: float) -> float:
        return gain(rho) ** exponent(len(family.radices))

    cases = []
    for size in range(4, 25):
        field = PrimeField(prime_with_root(size))
        for radices in [r for order in (2, 3) for r in factorisations(size, order)]:
            about = f"blocks are F·D·C, {radices} over {field}"
            cases.append(Instance(about, lambda r=radices, f=field: _blocks_factor(r, f)))
    for radices in MEASURED:
        for rho in (0.25, 0.5, 0.75):
            about = f"cond₂ and the distance from the DFT within their bounds, {radices}, ρ = {rho}"
            cases.append(Instance(about, lambda r=radices, rho=rho: _bounded(r, rho, bound, spread), "measured"))
    for radices in [(32,), (24, 24), (6, 6, 6)]:
        about = f"both within their bounds where these are nearly reached, {radices}"
        cases.append(Instance(about, lambda r=radices: _nearly_reached(r, bound, spread), "measured"))
    return cases


def _blocks_factor(radices: tuple[int, ...], field: PrimeField) -> bool:
    """B_k[i_0 … i_{k-1}, later][i_k, a_k] = Σ_c F[i_k, c] ω_{M_k}^{I c} C_k[c, a_k], I = i mod M_{k-1}."""
    family = CausalMonarch(radices)
    matrix = family.random(field, np.random.default_rng(0))
    view = basis_polynomials(matrix, View.UNIVARIATE)
    for k, (factor, coefficients) in enumerate(zip(matrix.factors, view.coefficients, strict=True)):
        b, known = radices[k], radices[:k]
        blocks = factor.reshape((*known, prod(radices[k + 1 :]), b, b))
        triangular = coefficients.reshape(b, -1, coefficients.shape[-1])
        if (triangular[..., b:] != 0).any():
            return False
        roots = field.roots_of_unity(prod(radices[: k + 1]))
        F = field.roots_of_unity(b)[np.outer(np.arange(b), np.arange(b)) % b]
        for digits in np.ndindex(known):
            low = sum(d * prod(known[:level]) for level, d in enumerate(digits))
            D = roots[low * np.arange(b) % len(roots)]
            for later in range(triangular.shape[1]):
                C = triangular[:, later, :b].T
                if (np.triu(C, 1) != 0).any() or (np.diag(C) == 0).any():
                    return False
                if not field.equal(blocks[(*digits, later)], field.matmul(F, field.normal(D[:, None] * C))):
                    return False
    return True


Bound = Callable[[CausalMonarch, float], float]
Spread = Callable[[float, int], float]


def _bounded(radices: tuple[int, ...], rho: float, bound: Bound, spread: Spread) -> bool:
    family = CausalMonarch(radices)
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.uniform(-1, 2)
    matrix = family.well_conditioned(scale * rng.standard_normal(family.coefficient_count), rho)
    near = _near(matrix, family, spread(rho, len(radices)))
    return near and _within(matrix, bound(family, rho)) and isclose(family.condition_bound(rho), bound(family, rho))


def _near(matrix: Monarch, family: CausalMonarch, spread: float) -> bool:
    """‖M − F‖₂ ≤ spread · ‖F‖₂."""
    dft = family.monomial().dense()
    return bool(np.linalg.norm(matrix.dense() - dft, 2) <= spread * np.linalg.norm(dft, 2))


def _within(matrix: Monarch, bound: float) -> bool:
    singular = np.linalg.svd(matrix.dense(), compute_uv=False)
    # LAPACK's singular values are off by at most p(N)·u·‖M‖, p(N) = N (LAPACK Users' Guide §4.9), and so is the matrix
    slack = 2 * len(singular) * sqrt(5) * float(np.finfo(np.float64).eps) * singular[0]
    return bool(singular[0] - slack <= bound * (singular[-1] + slack)) and matrix.domain is COMPLEX128


def _nearly_reached(radices: tuple[int, ...], bound: Bound, spread: Spread) -> bool:
    """ρ = ½, every f_k = Y^a (1 + Y/2) where a cap of b_k − 1 allows it: C_k = 1 + ½·(shift)."""
    family = CausalMonarch(radices)
    stages = []
    for mask in family.support:
        exponent, digit = np.arange(mask.shape[-1]), np.arange(mask.shape[0]).reshape((-1,) + (1,) * (mask.ndim - 1))
        shifted = np.where(exponent == digit, 1.0, np.where(exponent == digit + 1, 0.5, 0.0))
        stages.append(np.broadcast_to(shifted, mask.shape)[mask])
    matrix = family.build(np.concatenate(stages))
    return _near(matrix, family, spread(0.5, len(radices))) and _within(matrix, bound(family, 0.5))


def growth() -> list[tuple[int, float, float, float, float]]:
    """Measured growth, ρ = ½: (N, cond₂ of a bounded member, its bound, its distance from the DFT, cond₂ when free).

    The distance is in Frobenius norm, relative to the DFT.
    """
    rows = []
    for b in (8, 16, 32):
        family, rng = CausalMonarch((b, b)), np.random.default_rng(0)
        bounded = family.well_conditioned(rng.standard_normal(family.coefficient_count)).dense()
        free, dft = family.random(COMPLEX128, rng).dense(), family.monomial().dense()
        distance = float(np.linalg.norm(bounded - dft) / np.linalg.norm(dft))
        condition = [float(np.linalg.cond(m)) for m in (bounded, free)]
        rows.append((b * b, condition[0], family.condition_bound(0.5), distance, condition[1]))
    return rows
