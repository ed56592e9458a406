"""Causal Monarch matrices from free parameters, for any radices and length, and a basis that stays well conditioned.

The sufficient condition leaves free the coefficients of f_k from exponent a_k up to its cap, the one at a_k non-zero.
Scaling f_k by a constant and the f_{k-1} that meet it by the inverse changes nothing, so the set of causal matrices so
described has dimension

    Σ_k Σ_{a_k … a_{p-1}} (cap_k − a_k + 1)  −  Σ_{k≥1} b_k ⋯ b_{p-1}.

**Conditioning** (theorem). With f_k monic at Y_k^{a_k} and E_k the strictly lower triangular matrix of its other
coefficients for given later digits, the blocks of stage k are F·D·(I + E_k), F a DFT and D a unitary diagonal. Hence,
for ρ = max ‖E_k‖₂ < 1, cond₂(M) ≤ ((1 + ρ)/(1 − ρ))^p. For a fixed order p the bound does not grow with N; for equal
radices b it is N^(log((1 + ρ)/(1 − ρ))/log b) when p = log N/log b grows instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import flint
import numpy as np

from monarch_theory.causality.conditions import check_length, degree_caps
from monarch_theory.digits import check_radices
from monarch_theory.domains import COMPLEX128, Domain, PrimeField
from monarch_theory.monarch import Monarch
from monarch_theory.polynomials import BasisPolynomials, View

__all__ = ["CausalMonarch"]


@dataclass(frozen=True)
class CausalMonarch:
    """The family of causal Monarch matrices with given radices and signal length.

    Theorems: `proofs/causality_sufficient`, `proofs/rebased_convolution`, `proofs/depth_of_products`,
    `proofs/univariate_view`.

    Args:
        radices: (b_0, …, b_{p-1}), any product N.
        n: signal length, at most (N + 1) // 2; N // 2 when not given.

    >>> family = CausalMonarch((4, 4))
    >>> family.coefficient_count, family.scalings, family.dimension
    (34, 4, 30)
    """

    radices: tuple[int, ...]
    n: int = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        radices = check_radices(self.radices)
        object.__setattr__(self, "radices", radices)
        object.__setattr__(self, "n", check_length(prod(radices), self.n))

    @cached_property
    def support(self) -> tuple[np.ndarray, ...]:
        """Which coefficients are free: p boolean arrays, shapes (b_k, …, b_{p-1}, M_k), exponents of Y_k last."""
        masks = []
        for k, cap in enumerate(degree_caps(self.radices, self.n)):
            exponent = np.arange(prod(self.radices[: k + 1]))
            digit = np.arange(self.radices[k]).reshape((-1,) + (1,) * cap.ndim)
            masks.append((exponent >= digit) & (exponent <= cap[..., None]))
        return tuple(masks)

    @property
    def coefficient_count(self) -> int:
        """Number of free coefficients."""
        return sum(int(mask.sum()) for mask in self.support)

    @property
    def scalings(self) -> int:
        """Dimension of the scalings that change the coefficients and not the matrix."""
        return sum(prod(self.radices[k:]) for k in range(1, len(self.radices)))

    @property
    def dimension(self) -> int:
        """Number of free parameters: the dimension of the set of matrices.

        Theorem: `proofs/free_parameters`.
        """
        return self.coefficient_count - self.scalings

    def build(self, coefficients: Any, domain: Domain = COMPLEX128) -> Monarch:
        """The causal Monarch matrix with the given free coefficients, in the order of `support`, C order in a stage.

        Args:
            coefficients: shape (coefficient_count,), scalars of `domain`.
            domain: it must have an N-th root of unity.

        Raises:
            ValueError: wrong shape, or a zero where f_k must not vanish (exponent a_k).
        """
        values = domain.array(coefficients, name="coefficients")
        if values.shape != (self.coefficient_count,):
            raise ValueError(f"coefficients: expected shape ({self.coefficient_count},), got {values.shape}")
        stages = self._stages(values, domain)
        for k, stage in enumerate(stages):
            self._check_trailing(k, stage, domain)
        return self._matrix(stages, domain)

    def _check_trailing(self, k: int, stage: np.ndarray, domain: Domain) -> None:
        for digits in np.ndindex(stage.shape[:-1]):
            if domain.is_zero(stage[(*digits, digits[0])]):
                raise ValueError(
                    f"coefficients: expected a non-zero trailing coefficient of f_{k} at digits {digits}, got zero"
                )

    def random(self, domain: Domain, rng: np.random.Generator) -> Monarch:
        """A member with random coefficients, the trailing ones 1."""
        return self.build(self._monic(domain.random(rng, self.coefficient_count), domain), domain)

    def _monic(self, values: np.ndarray, domain: Domain) -> np.ndarray:
        """`values` with a one at every trailing coefficient."""
        trailing = []
        for mask in self.support:
            digit = np.arange(mask.shape[0]).reshape((-1,) + (1,) * (mask.ndim - 1))
            at_digit = np.broadcast_to(np.arange(mask.shape[-1]) == digit, mask.shape)
            trailing.append(at_digit[mask])
        return np.where(np.concatenate(trailing), domain.ones(len(values)), values)

    def well_conditioned(self, parameters: Any, rho: float = 0.5) -> Monarch:
        """A member over complex128 with cond₂ ≤ `condition_bound(rho)`, from any real or complex parameters.

        Theorem: `proofs/conditioning`.

        Each block's off-diagonal coefficients E are shrunk to ρ·E/√(1 + ‖E‖₂²), a map of all E onto those of 2-norm
        below ρ. It is Lipschitz, and smooth except where the two largest singular values of an E are equal. Members
        with some ‖E‖₂ ≥ ρ are given up, and what is left stays near the DFT F: ‖M − F‖₂ ≤ ((1 + ρ)^p − 1)·‖F‖₂.

        Args:
            parameters: shape (coefficient_count,); those at trailing positions are not read.
            rho: in (0, 1).

        >>> family = CausalMonarch((4, 4))
        >>> M = family.well_conditioned(np.random.default_rng(0).normal(size=34), rho=0.5)
        >>> bool(np.linalg.cond(M.dense()) <= family.condition_bound(0.5))
        True
        """
        if not 0 < rho < 1:
            raise ValueError(f"rho: expected a number in (0, 1), got {rho!r}")
        values = COMPLEX128.array(parameters, name="parameters")
        if values.shape != (self.coefficient_count,):
            raise ValueError(f"parameters: expected shape ({self.coefficient_count},), got {values.shape}")
        trailing = self._monic(COMPLEX128.zeros(len(values)), COMPLEX128)
        stages = self._stages(np.where(trailing == 1, 0, values), COMPLEX128)
        shrunk = tuple(
            rho * stage / np.hypot(1, np.linalg.norm(stage[..., :b], 2, axis=(0, -1), keepdims=True))
            for b, stage in zip(self.radices, stages, strict=True)  # (b_k, …, b_{p-1}, M_k), zero beyond exponent b_k
        )
        ones = self._stages(trailing, COMPLEX128)
        return self._matrix(tuple(e + one for e, one in zip(shrunk, ones, strict=True)), COMPLEX128)

    def condition_bound(self, rho: float) -> float:
        """((1 + ρ)/(1 − ρ))^p: the same at every N of order p, and growing with the order.

        Theorem: `proofs/conditioning`.
        """
        return ((1 + rho) / (1 - rho)) ** len(self.radices)

    def monomial(self, domain: Domain = COMPLEX128) -> Monarch:
        """The member f_k = Y_k^{a_k}: the DFT, cond₂ = 1."""
        return self.build(self._monic(domain.zeros(self.coefficient_count), domain), domain)

    def tangent_dimension(self, domain: PrimeField, rng: np.random.Generator) -> int:
        """Rank over F_q of the derivative of the N² entries with respect to the free coefficients, at a random member.

        Theorem: `proofs/free_parameters`.

        It never exceeds the true dimension, and falls short of it with probability at most p·coefficient_count/q. For
        small N: the derivative has coefficient_count × N² entries.

        >>> from monarch_theory.domains import prime_with_root
        >>> family = CausalMonarch((2, 2))
        >>> family.tangent_dimension(PrimeField(prime_with_root(4)), np.random.default_rng(0)), family.dimension
        (5, 5)
        """
        member = domain.random(rng, self.coefficient_count)
        member[member == 0] = 1
        stages = self._stages(member, domain)
        rows = []
        for k, mask in enumerate(self.support):
            for position in np.argwhere(mask):
                direction = domain.zeros(mask.shape)
                direction[tuple(position)] = 1
                changed = (*stages[:k], direction, *stages[k + 1 :])
                rows.append(self._matrix(changed, domain).dense().reshape(-1))
        entries = [int(x) for row in rows for x in row]
        return int(flint.nmod_mat(len(rows), len(entries) // len(rows), entries, domain.q).rank())

    def _stages(self, values: np.ndarray, domain: Domain) -> tuple[np.ndarray, ...]:
        """Free coefficients put in their places."""
        stages, start = [], 0
        for mask in self.support:
            stage = domain.zeros(mask.shape)
            stage[mask] = values[start : start + int(mask.sum())]
            start += int(mask.sum())
            stages.append(stage)
        return tuple(stages)

    def _matrix(self, stages: tuple[np.ndarray, ...], domain: Domain) -> Monarch:
        return BasisPolynomials(stages, self.radices, domain, View.UNIVARIATE).to_monarch()
