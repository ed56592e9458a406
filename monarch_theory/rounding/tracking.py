"""What a kernel holds, with the arithmetic it claims: a formula of such numbers is its own running bound.

    x, w = tracked([3.0, 4.0], model), tracked([1.0, 2.0], model)
    y = x / sqrt((x * x).sum(-1) / 2 + 1e-6) * w

has in `y.held.error` how far a right kernel may be from `y.held.value`. Plain numbers are constants: those that the
accumulation format does not hold are rounded to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from monarch_theory.formats import round_to
from monarch_theory.rounding.functions import divide, subtract, total
from monarch_theory.rounding.model import ErrorModel
from monarch_theory.rounding.running import Running, add, exactly, matmul, multiply, store

__all__ = ["Tracked", "tracked"]


@dataclass(frozen=True, eq=False)
class Tracked:
    """A running bound, and the model by which operators go on with it.

    >>> from monarch_theory.rounding import default_model
    >>> x = tracked(np.array([1.0, 3.0]), default_model("float32"))
    >>> (x + x).held.error, (x / 3).held.error.max() < 1e-6
    (array([0., 0.]), np.True_)
    """

    held: Running
    model: ErrorModel

    # so that an array on the left leaves the operator to this class
    __array_ufunc__ = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.held.value.shape

    @property
    def ndim(self) -> int:
        """Axes of the value."""
        return self.held.value.ndim

    def _with(self, held: Running) -> Tracked:
        return Tracked(held, self.model)

    def lifted(self, other: Any) -> Running:
        """A constant as the kernel has it, or what another one holds."""
        if isinstance(other, Tracked):
            return other.held
        known = exactly(other)
        error = np.abs(round_to(known.value, self.model.accumulation) - known.value)
        # what is not held exactly is a multiple of nothing known
        return Running(known.value, error, known.grain) if not error.any() else Running(known.value, error)

    def __add__(self, other: Any) -> Tracked:
        return self._with(add(self.held, self.lifted(other), self.model))

    def __sub__(self, other: Any) -> Tracked:
        return self._with(subtract(self.held, self.lifted(other), self.model))

    def __rsub__(self, other: Any) -> Tracked:
        return self._with(subtract(self.lifted(other), self.held, self.model))

    def __neg__(self) -> Tracked:
        return self._with(Running(-self.held.value, self.held.error, self.held.grain))

    def __mul__(self, other: Any) -> Tracked:
        return self._with(multiply(self.held, self.lifted(other), self.model))

    def __truediv__(self, other: Any) -> Tracked:
        return self._with(divide(self.held, self.lifted(other), self.model))

    def __rtruediv__(self, other: Any) -> Tracked:
        return self._with(divide(self.lifted(other), self.held, self.model))

    def __matmul__(self, other: Tracked) -> Tracked:
        return self._with(matmul(self.held, self.lifted(other), self.model))

    __radd__ = __add__
    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> Tracked:
        return self._with(self.held[index])

    def apply(self, rearrange: Callable[[np.ndarray], np.ndarray]) -> Tracked:
        """The same after reshaping, transposing, slicing or padding with zeros."""
        return self._with(self.held.apply(rearrange))

    def reshape(self, *shape: int) -> Tracked:
        """As of arrays."""
        return self.apply(lambda a: a.reshape(*shape))

    def swapaxes(self, first: int, second: int) -> Tracked:
        """As of arrays."""
        return self.apply(lambda a: a.swapaxes(first, second))

    def sum(self, axis: int, keepdims: bool = False) -> Tracked:
        """Along one axis, in any order."""
        found = total(self.held, axis, self.model)
        return self._with(found if keepdims else found.apply(lambda a: a.squeeze(axis)))

    def stored(self) -> Tracked:
        """Rounded to what lies between two steps."""
        return self._with(store(self.held, self.model.intermediate))

    def widened(self, by: Any) -> Tracked:
        """With so much more error, and no grain: what is no longer known to be exact."""
        return self._with(Running(self.held.value, self.held.error + by))


def tracked(values: Any, model: ErrorModel) -> Tracked:
    """Inputs, known without error."""
    return Tracked(exactly(values), model)
