"""The operator whose causality is in question: u ↦ (M0⁻¹(M1[k;0] ⊙ M2[u;0]))[:n] (THEORY §4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from monarch_theory.domains import Domain, SingularBlockError
from monarch_theory.monarch import Monarch

__all__ = ["MonarchOperator"]


@dataclass(frozen=True)
class MonarchOperator:
    """A filter k and a signal u of length n, padded to N, transformed, multiplied and transformed back.

    Theorems: `proofs/product_modulo`, `proofs/unpadded_causality`.

    Args:
        M0: its inverse is applied last; N × N with square blocks.
        M1: applied to the filter; `M0` when not given.
        M2: applied to the signal; `M0` when not given.
        n: length of signal, filter and output; N // 2 when not given.

    Raises:
        ValueError: the matrices are not N × N over one domain, n is not in 1 … N, or M0 is singular.

    >>> from monarch_theory.domains import PrimeField
    >>> from monarch_theory.fourier_matrix import fourier
    >>> MonarchOperator(fourier((2, 4), PrimeField(17))).apply([1, 2, 0, 0], [1, 1, 1, 5])
    array([1, 3, 3, 7])
    """

    M0: Monarch
    M1: Monarch = None  # type: ignore[assignment]
    M2: Monarch = None  # type: ignore[assignment]
    n: int = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for name in ("M0", "M1", "M2"):
            if not isinstance(getattr(self, name), Monarch) and (name == "M0" or getattr(self, name) is not None):
                raise TypeError(f"{name}: expected a Monarch, got {type(getattr(self, name)).__name__}")
        for name, default in (("M1", self.M0), ("M2", self.M0), ("n", max(self.M0.shape[0] // 2, 1))):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        size = self.M0.shape[0]
        for name in ("M0", "M1", "M2"):
            matrix = getattr(self, name)
            if matrix.shape != (size, size):
                raise ValueError(f"{name}: expected a {size}×{size} matrix, got {matrix.shape[0]}×{matrix.shape[1]}")
            if matrix.domain != self.domain:
                raise ValueError(f"{name}: expected scalars of {self.domain} like M0, got {matrix.domain}")
        if isinstance(self.n, bool) or not isinstance(self.n, int | np.integer) or not 1 <= self.n <= size:
            raise ValueError(f"n: expected an integer between 1 and {size}, got {self.n!r}")

    @property
    def domain(self) -> Domain:
        return self.M0.domain

    @property
    def size(self) -> int:
        """N, the padded length."""
        return self.M0.shape[0]

    @cached_property
    def interpolation(self) -> Monarch:
        """M0⁻¹."""
        try:
            return self.M0.inverse()
        except SingularBlockError as error:
            raise SingularBlockError(f"M0: {error}") from error

    def pad(self, x: Any, *, name: str) -> np.ndarray:
        """[x; 0] along the first axis, from length n to N."""
        x = self.domain.array(x, name=name)
        if x.ndim == 0 or x.shape[0] != self.n:
            raise ValueError(f"{name}: expected length {self.n} along the first axis, got shape {x.shape}")
        return np.concatenate([x, self.domain.zeros((self.size - self.n, *x.shape[1:]))])

    def apply(self, k: Any, u: Any) -> np.ndarray:
        """The output, shape of u, for a filter k of shape (n,) and signals u of shape (n,) or (n, batch)."""
        filtered = self.M1 @ self.pad(k, name="k")
        signal = self.M2 @ self.pad(u, name="u")
        if filtered.ndim != 1:
            raise ValueError(f"k: expected shape ({self.n},), got {np.shape(k)}")
        product = self.domain.normal(filtered.reshape((-1,) + (1,) * (signal.ndim - 1)) * signal)
        return (self.interpolation @ product)[: self.n]

    def matrix(self, k: Any) -> np.ndarray:
        """The n × n matrix of u ↦ output for one filter k, shape (n,).

        Theorem: `proofs/rebased_convolution`, for members of `CausalMonarch`.
        """
        return self.apply(k, self.domain.eye(self.n))

    def tensor(self) -> np.ndarray:
        """T[i, j, j'] = (M0⁻¹(M1 e_{j'} ⊙ M2 e_j))_i, shape (n, n, n): the whole operator; for small n."""
        return np.stack([self.matrix(e) for e in self.domain.eye(self.n)], axis=2)
