"""A diagonal plus a matrix of rank r, by projecting in turns: the error never rises, but the limit is only local.

A block off the diagonal does not see the diagonal, so it has rank at most r: no member is nearer than what truncation
leaves of two that do not overlap.
"""

from math import hypot

import numpy as np

from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.parts import Blocks, Part, low_rank_train
from monarch_theory.expressivity.spectra import Corner, Spectra

__all__ = ["diagonal_plus_low_rank"]

TURNS = 300
SETTLED, SHRINKS = 1e-4, 0.02  # of the error, that a turn takes away


def setting(n: int, rank: int) -> Setting:
    cost = n + 2 * n * rank
    label = f"diagonal + rank {rank}"
    return Setting(label, cost, cost, "heuristic", {"rank": rank}, 2 * rank + 1)


def settings(shape: tuple[int, int]) -> list[Setting]:
    n = shape[0]
    return [setting(n, rank) for rank in range(n)] if shape == (n, n) else []


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """The largest rank within the budget holds all the others."""
    here = [s for s in settings(spectra.shape) if getattr(s, cost) <= budget]
    if not here:
        return []
    n, rank = spectra.shape[0], here[-1].choices["rank"]
    first, second = (0, n // 2), (n // 2, n)
    tails = spectra.tails([Corner(first, second), Corner(second, first)], [rank] * 2) if n > 1 else []
    floor, guess = (hypot(*sides) for sides in ([t.floor(rank) for t in tails], [t.distance(rank) for t in tails]))
    return [Floor(here[-1], floor, guess)]


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    diagonal, low = fitted(matrix, setting)
    return np.diag(diagonal) + low


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Part, ...]:
    diagonal, low = fitted(matrix, setting)
    found = (Blocks({"blocks": diagonal[:, None, None]}),)
    rank = setting.choices["rank"]
    return (*found, low_rank_train(low, rank)) if rank else found


def fitted(matrix: np.ndarray, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """(diagonal, low-rank part) of the best turn."""
    rank = setting.choices["rank"]
    diagonal, least = np.diag(matrix), np.inf
    near = diagonal, np.zeros_like(matrix)
    norm, note = float(np.linalg.norm(matrix)) or 1.0, watch()
    for turn in range(TURNS if rank else 0):
        low = truncate(matrix - np.diag(diagonal), rank)
        diagonal = np.diag(matrix - low)
        error = float(np.linalg.norm(matrix - low - np.diag(diagonal)))
        note(error / norm)
        settled = error >= least * (1 - (SETTLED if turn < 20 else SHRINKS))
        if error < least:
            near, least = (diagonal, low), error
        if settled:
            break
    return near


diagonal_plus_low_rank = Family(
    "diagonal-plus-low-rank",
    "diagonal + low rank",
    "folklore; alternating projection",
    settings,
    fit,
    scope="rank",
    floors=floors,
    one_cost=True,
    by_ranks=True,
    parts=parts,
)
