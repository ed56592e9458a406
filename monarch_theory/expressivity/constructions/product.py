"""Products of Monarch matrices, and a corner of one: the kaleidoscope form of Dao et al. 2020 and 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from monarch_theory.domains import Domain
from monarch_theory.monarch import Monarch

__all__ = ["MonarchProduct"]


@dataclass(frozen=True, eq=False)
class MonarchProduct:
    """The top left corner, of shape `shape`, of M_1 M_2 ⋯ M_w.

    Args:
        factors: leftmost first; each must accept what the next one puts out.
        shape: (outputs, inputs) kept; all of them unless given. A corner is how a transform is embedded in a larger one
            (expansion, in the words of Dao et al. 2020).

    Raises:
        ValueError: no factors, factors of different domains or sizes that do not fit, or a corner that is too large.
    """

    factors: tuple[Monarch, ...]
    shape: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not self.factors:
            raise ValueError("factors: expected at least one, got none")
        for k, (left, right) in enumerate(zip(self.factors[:-1], self.factors[1:], strict=True)):
            if left.shape[1] != right.shape[0]:
                raise ValueError(f"factors[{k + 1}]: expected {left.shape[1]} outputs, got shape {right.shape}")
            if left.domain != right.domain:
                raise ValueError(f"factors[{k + 1}]: expected scalars of {left.domain}, got {right.domain}")
        whole = (self.factors[0].shape[0], self.factors[-1].shape[1])
        if self.shape == (0, 0):
            object.__setattr__(self, "shape", whole)
        if self.shape[0] > whole[0] or self.shape[1] > whole[1]:
            raise ValueError(f"shape: expected at most {whole}, got {self.shape}")

    @property
    def domain(self) -> Domain:
        return self.factors[0].domain

    @property
    def parameters(self) -> int:
        """Stored scalars, blocks that are identities included."""
        return sum(factor.parameters for factor in self.factors)

    def multiply(self, x: Any) -> np.ndarray:
        """The corner applied to x of shape (inputs,) or (inputs, batch).

        Raises:
            ValueError: x has another length.
        """
        x = self.domain.array(x, name="x")
        if x.ndim < 1 or x.shape[0] != self.shape[1]:
            raise ValueError(f"x: expected length {self.shape[1]} along its first axis, got shape {x.shape}")
        state = self.domain.zeros((self.factors[-1].shape[1], *x.shape[1:]))
        state[: len(x)] = x
        for factor in reversed(self.factors):
            state = factor.multiply(state, axis=0)
        return state[: self.shape[0]]

    def __matmul__(self, x: Any) -> np.ndarray:
        return self.multiply(x)

    def dense(self) -> np.ndarray:
        """The matrix itself."""
        return self.multiply(self.domain.eye(self.shape[1]))
