"""What an answer is computed in: exactly, or as running bounds of a kernel that rounds. One formula serves both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monarch_theory.monarch import apply_stages
from monarch_theory.rounding import ErrorModel, Running, add, exactly, matmul, multiply, store
from monarch_theory.testing import oracle as exact

__all__ = ["EXACT", "Arithmetic", "running"]


@dataclass(frozen=True)
class Arithmetic:
    """Operations on states: arrays, or running bounds.

    Attributes:
        known: an array as a state.
        product: of two batches of matrices; times, plus: elementwise.
        over_batch: (n, batch) to (n, 1), the sum.
        kept: what a state is between two steps.
    """

    known: Callable[[np.ndarray], Any]
    product: Callable[[Any, Any], Any]
    times: Callable[[Any, Any], Any]
    plus: Callable[[Any, Any], Any]
    over_batch: Callable[[Any], Any]
    kept: Callable[[Any], Any]

    def apply(self, factors: Sequence[np.ndarray], state: Any) -> Any:
        """M state, (inputs, batch) to (outputs, batch), kept between stages and not at the end."""

        def product(blocks: np.ndarray, state: Any, last: bool) -> Any:
            out = self.product(blocks, state)
            return out if last else self.kept(out)

        return apply_stages(factors, state, product)


EXACT = Arithmetic(
    known=lambda a: a,
    product=exact.matmul,
    times=lambda a, b: a * b,
    plus=lambda a, b: a + b,
    over_batch=lambda a: exact.total(a, 1)[:, None],
    kept=lambda a: a,
)


def running(model: ErrorModel) -> Arithmetic:
    """Bounds for a kernel that stores, in the intermediate format, what lies between two steps."""

    def over_batch(a: Running) -> Running:
        ones = np.ones((a.value.shape[0], a.value.shape[1], 1))
        return matmul(a.apply(lambda v: v[:, None, :]), exactly(ones), model)[:, :, 0]

    return Arithmetic(
        known=exactly,
        product=lambda a, b: matmul(a, b, model),
        times=lambda a, b: multiply(a, b, model),
        plus=lambda a, b: add(a, b, model),
        over_batch=over_batch,
        kept=lambda state: store(state, model.intermediate),
    )
