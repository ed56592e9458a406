"""Semi- and quasiseparable matrices: what a linear recurrence computes (Dao and Gu 2024; Hwang, Lahoti, Puduppully, Dao
and Gu 2024), causal and in both directions.

A is r-semiseparable where it vanishes above the diagonal and every block A[k:, :k+1] has rank at most r; those are the
causal maps with a state of r numbers, h_k = A_k h_{k−1} + B_k x_k, y_k = C_k h_k. It is r-quasiseparable where the
blocks strictly below the diagonal and strictly above it have rank at most r: two recurrences and a free diagonal.

The fit truncates block after block from the left. A truncation has orthonormal rows, so that what it does to later
blocks cannot raise their tails; so it is within √N of the nearest, by the proof of `proofs/optimal_projection`, and no
member is nearer than the largest tail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot

import numpy as np

from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.spectra import Corner, Spectra

__all__ = ["quasiseparable", "recurrence", "semiseparable"]

BLOCKS = 16  # at most, of those whose tails make the floor; exact ranks are asked of all


def recurrence(matrix: np.ndarray, rank: int) -> np.ndarray:
    """The lower triangle and diagonal of a square matrix as a recurrence with a state of `rank` numbers, dense."""
    n = len(matrix)
    near = np.zeros_like(matrix)
    carried = np.zeros((n, 0), matrix.dtype)  # rows k … of all blocks so far, in the coordinates of the state
    state = np.zeros((0, n), matrix.dtype)  # what the state is of the inputs
    for k in range(n):
        reads = np.zeros((1, n), matrix.dtype)
        reads[0, k] = 1
        left, values, right = np.linalg.svd(np.hstack([carried, matrix[k:, k : k + 1]]), full_matrices=False)
        state = right[:rank] @ np.vstack([state, reads])
        outputs = left[:, :rank] * values[:rank]
        near[k] = outputs[0] @ state
        carried = outputs[1:]
    return near


def shape_cost(n: int, rank: int) -> int:
    """A_k, B_k and C_k for every k."""
    return n * (rank**2 + 2 * rank)


def causal_setting(n: int, rank: int) -> Setting:
    cost = shape_cost(n, rank)
    return Setting(f"state of {rank}", cost, cost, "heuristic", {"rank": rank}, 2 * rank * n, ranks_suffice=True)


def both_setting(n: int, rank: int) -> Setting:
    cost = n + 2 * shape_cost(n - 1, rank)
    return Setting(f"two states of {rank}", cost, cost, "heuristic", {"rank": rank}, 2 * rank * n, ranks_suffice=True)


def settings_of(make: Callable[[int, int], Setting]) -> Callable[[tuple[int, int]], list[Setting]]:
    def settings(shape: tuple[int, int]) -> list[Setting]:
        """Up to what the blocks nearest to the middle may have, so that the last holds every matrix of its kind."""
        n = shape[0]
        return [make(n, rank) for rank in range(1, (n + 1) // 2 + 1)] if shape == (n, n) and n > 1 else []

    return settings


causal_settings, both_settings = settings_of(causal_setting), settings_of(both_setting)


def causal_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    return recurrence(matrix, setting.choices["rank"])


def both_fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    rank, near = setting.choices["rank"], np.diag(np.diag(matrix))
    near[1:, :-1] += recurrence(matrix[1:, :-1], rank)
    near[:-1, 1:] += recurrence(matrix[:-1, 1:].T, rank).T
    return near


@dataclass(frozen=True)
class Above:
    """The entries above the diagonal, as one row."""

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (1, 1, N(N − 1)/2)."""
        return matrix[np.triu_indices(len(matrix), 1)][None, None]


def blocks(n: int, spectra: Spectra) -> np.ndarray:
    """Some k below n of the blocks [k:, :k+1] of a triangle of that size; all, where ranks are exact."""
    return np.arange(n) if spectra.exact else np.unique(np.linspace(0, n - 1, BLOCKS).astype(int))


def causal_bound(spectra: Spectra, rank: int) -> tuple[float, float]:
    """(floor, distance) of what stands above the diagonal and of the largest tail below."""
    n = spectra.shape[0]
    below = [Corner((k, n), (0, k + 1)) for k in blocks(n, spectra).tolist()]
    (above,) = spectra.tails([Above()], [0])
    tails = spectra.tails(below, [rank] * len(below))
    floor, distance = max(t.floor(rank) for t in tails), max(t.distance(rank) for t in tails)
    return hypot(above.floor(0), floor), hypot(above.distance(0), distance)


def both_bound(spectra: Spectra, rank: int) -> tuple[float, float]:
    """(floor, distance) of the largest tails strictly below the diagonal and strictly above it."""
    n = spectra.shape[0]
    places = blocks(n - 1, spectra).tolist()
    below = spectra.tails([Corner((k + 1, n), (0, k + 1)) for k in places], [rank] * len(places))
    above = spectra.tails([Corner((0, k + 1), (k + 1, n)) for k in places], [rank] * len(places))
    floors = (max(t.floor(rank) for t in side) for side in (below, above))
    distances = (max(t.distance(rank) for t in side) for side in (below, above))
    return hypot(*floors), hypot(*distances)


def floors_of(
    settings: Callable[[tuple[int, int]], list[Setting]], bound: Callable[[Spectra, int], tuple[float, float]]
) -> Callable[[Spectra, int, Cost], list[Floor]]:
    def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
        """The largest state within the budget holds all the others."""
        here = [s for s in settings(spectra.shape) if getattr(s, cost) <= budget]
        return [Floor(here[-1], *bound(spectra, here[-1].choices["rank"]))] if here else []

    return floors


semiseparable = Family(
    "semiseparable",
    "semiseparable (causal)",
    "Dao and Gu 2024",
    causal_settings,
    causal_fit,
    scope="size of the state",
    floors=floors_of(causal_settings, causal_bound),
    one_cost=True,
    by_ranks=True,
)
quasiseparable = Family(
    "quasiseparable",
    "quasiseparable",
    "Hwang, Lahoti, Puduppully, Dao and Gu 2024",
    both_settings,
    both_fit,
    scope="size of the two states",
    floors=floors_of(both_settings, both_bound),
    one_cost=True,
    by_ranks=True,
)
