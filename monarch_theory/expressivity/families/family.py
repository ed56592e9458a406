"""What a family of structured matrices is, as data: its settings with their costs, and a way to fit each one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["Family", "Fit", "Guarantee", "Setting"]

Guarantee = Literal["optimal", "quasi-optimal", "heuristic"]


@dataclass(frozen=True)
class Setting:
    """One member of a family's range of sizes.

    Attributes:
        label: the choices in words.
        parameters: stored scalars.
        multiplications: scalar multiplications of one matrix–vector product.
        guarantee: "optimal", the fit is the nearest in Frobenius norm; "quasi-optimal", within √(p−1) of it;
            "heuristic", no ratio is promised.
        choices: what `fit` reads.
    """

    label: str
    parameters: int
    multiplications: int
    guarantee: Guarantee
    choices: dict[str, Any] = field(default_factory=dict)


Fit = Callable[[np.ndarray, Setting], np.ndarray]


@dataclass(frozen=True)
class Family:
    """A family of structured matrices.

    Attributes:
        name: as on the command line.
        title: as in tables.
        reference: where it comes from.
        settings: shape of the matrix → its settings; none where the shape has none.
        fit: (matrix, setting) → dense approximation, same shape and dtype. Raises `ValueError` for a matrix that the
            family has no approximation of (attention families need probabilities).
        lower_bound: (matrix, setting) → Frobenius distance that no member of the setting is below; None where nothing
            is known. Not asked where the fit is optimal, whose distance it is.
        nested: whether the dearest setting within a budget holds all the others, so that only it need be fitted.
    """

    name: str
    title: str
    reference: str
    settings: Callable[[tuple[int, int]], list[Setting]]
    fit: Fit
    lower_bound: Callable[[np.ndarray, Setting], float] | None = None
    nested: bool = False

    def within(self, shape: tuple[int, int], budget: int, *, cost: str = "parameters") -> list[Setting]:
        """Settings whose `cost` ("parameters" or "multiplications") is at most `budget`, dearest first."""
        chosen = [setting for setting in self.settings(shape) if getattr(setting, cost) <= budget]
        return sorted(chosen, key=lambda setting: -getattr(setting, cost))
