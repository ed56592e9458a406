"""Products of Monarch matrices, corners of them (the kaleidoscope form of Dao et al. 2020 and 2022), and their sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from monarch_theory.domains import Domain
from monarch_theory.expressivity.constructions.stages import (
    append_terms,
    prepend_terms,
    scale_columns,
    scale_rows,
)
from monarch_theory.monarch import Monarch

__all__ = ["MonarchProduct", "MonarchSum"]


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
        """Stored scalars of the stages that do something: an identity stage only carries its digit along."""
        return sum(stage.size for factor in self.factors for stage in factor.factors if not self._passive(stage))

    def _passive(self, stage: np.ndarray) -> bool:
        return stage.shape[1] == stage.shape[2] and bool(
            self.domain.is_zero(self.domain.normal(stage - self.domain.eye(stage.shape[2]))).all()
        )

    @property
    def T(self) -> MonarchProduct:
        """The transpose: the factors transposed, in reverse order."""
        return MonarchProduct(tuple(factor.T for factor in self.factors[::-1]), self.shape[::-1])

    def scaled(self, rows: np.ndarray, columns: np.ndarray) -> MonarchProduct:
        """diag(rows) M diag(columns): as many factors, those at the ends in the M2 convention.

        Raises:
            ValueError: a proper corner, whose diagonal would have to be extended.
        """
        if self.shape != (self.factors[0].shape[0], self.factors[-1].shape[1]):
            raise ValueError(f"shape: expected the whole product to scale, got the corner {self.shape}")
        *rest, last = self.factors
        first, *rest = *rest, scale_columns(last, columns)
        return MonarchProduct((scale_rows(first, rows), *rest))

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


@dataclass(frozen=True, eq=False)
class MonarchSum:
    """M_1 + ⋯ + M_r, each a product of Monarch matrices.

    Raises:
        ValueError: no terms, or terms of different shapes or domains.
    """

    terms: tuple[MonarchProduct, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("terms: expected at least one, got none")
        first = self.terms[0]
        for k, term in enumerate(self.terms):
            if (term.shape, term.domain) != (first.shape, first.domain):
                raise ValueError(
                    f"terms[{k}]: expected shape {first.shape} over {first.domain}, got {term.shape} over {term.domain}"
                )

    @property
    def shape(self) -> tuple[int, int]:
        return self.terms[0].shape

    @property
    def domain(self) -> Domain:
        return self.terms[0].domain

    @property
    def parameters(self) -> int:
        """Stored scalars of all terms, as `MonarchProduct.parameters` counts them."""
        return sum(term.parameters for term in self.terms)

    def multiply(self, x: Any) -> np.ndarray:
        """The sum applied to x of shape (inputs,) or (inputs, batch)."""
        total = self.terms[0].multiply(x)
        for term in self.terms[1:]:
            total = self.domain.normal(total + term.multiply(x))
        return total

    def __matmul__(self, x: Any) -> np.ndarray:
        return self.multiply(x)

    def dense(self) -> np.ndarray:
        """The matrix itself."""
        return self.multiply(self.domain.eye(self.shape[1]))

    def side_by_side(self) -> MonarchProduct:
        """The same matrix as *one* product, as long as a term: the terms run in parallel in one more digit of size r.

        Raises:
            ValueError: terms with an odd number of factors, or whose factors have different radices.
        """
        chains, count = [term.factors for term in self.terms], len(self.terms)
        length = len(chains[0])
        radices = {tuple((f.input_radices, f.output_radices) for f in chain) for chain in chains}
        if length % 2 or len(radices) > 1:
            raise ValueError("terms: expected an even number of factors each, of the same radices")
        ones, eye = self.domain.ones((count, 1)), self.domain.eye(count)
        factors = []
        for place, parallel in enumerate(zip(*(chain[::-1] for chain in chains), strict=True)):
            # a first stage leaves the digit least significant, where a last stage takes it up, and the other way round
            if place % 2 == 0:
                factors.append(prepend_terms(parallel, eye if place else ones))
            else:
                factors.append(append_terms(parallel, eye if place < length - 1 else ones.T))
        return MonarchProduct(tuple(factors[::-1]), self.shape)
