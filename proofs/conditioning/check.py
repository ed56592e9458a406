"""Conditioning: blocks of stage k are F·D·C, exactly; and cond₂(M) stays below ((1 + ρ)/(1 − ρ))^p at every N tried."""

from math import prod, sqrt

import numpy as np

from monarch_theory.causality import CausalMonarch
from monarch_theory.domains import COMPLEX128, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import factorisations
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance, Progress, Result, verify

MEASURED = [(4, 4), (8, 8), (12, 12), (4, 4, 4), (2,) * 7, (3, 5, 7)]


def check(progress: Progress) -> Result:
    instances = []
    for size in range(4, 25):
        field = PrimeField(prime_with_root(size))
        for radices in [r for order in (2, 3) for r in factorisations(size, order)]:
            about = f"blocks are F·D·C, {radices} over {field}"
            instances.append(Instance(about, lambda r=radices, f=field: _blocks_factor(r, f)))
    for radices in MEASURED:
        for rho in (0.25, 0.5, 0.75):
            about = f"cond₂ within its bound, {radices}, ρ = {rho}"
            instances.append(Instance(about, lambda r=radices, rho=rho: _bounded(r, rho), "measured"))
    return verify(instances, progress, sizes="F·D·C exact, p ≤ 3, N ≤ 24; cond₂ in complex128 to N = 144, p ≤ 7")


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


def _bounded(radices: tuple[int, ...], rho: float) -> bool:
    family = CausalMonarch(radices)
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.uniform(-1, 2)
    matrix = family.well_conditioned(scale * rng.standard_normal(family.coefficient_count), rho)
    singular = np.linalg.svd(matrix.dense(), compute_uv=False)
    size, unit = len(singular), float(np.finfo(np.float64).eps)
    # LAPACK's singular values are off by at most p(N)·u·‖M‖, p(N) = N (LAPACK Users' Guide §4.9), and so is the matrix
    slack = 2 * size * sqrt(5) * unit * singular[0]
    return (
        bool(singular[0] - slack <= family.condition_bound(rho) * (singular[-1] + slack))
        and matrix.domain is COMPLEX128
    )


def growth() -> list[tuple[int, float, float, float]]:
    """(N, cond₂ of a bounded member at ρ = ½, its bound, cond₂ of a member with free coefficients): measured growth."""
    rows = []
    for b in (2, 4, 8, 16):
        family, rng = CausalMonarch((b, b)), np.random.default_rng(0)
        bounded = family.well_conditioned(rng.standard_normal(family.coefficient_count))
        free = family.random(COMPLEX128, rng)
        condition = [float(np.linalg.cond(m.dense())) for m in (bounded, free)]
        rows.append((b * b, condition[0], family.condition_bound(0.5), condition[1]))
    return rows
