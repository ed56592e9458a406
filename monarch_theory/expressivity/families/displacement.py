"""Toeplitz-like matrices, of displacement rank r under shifts: rank(Z₁M − M Z₋₁) ≤ r (Kailath, Kung and Morf 1979).

Z_f shifts by one and brings the last entry back times f. With Z₁ = F⁻¹ diag(λ) F and Z₋₁ = (D F) diag(μ) (D F)⁻¹, D
the powers of e^(−πi/N), the displacement X of M has F X D F = (λ_i − μ_j) ∘ (F M D F), and λ_i − μ_j is never zero. So
the nearest member is a weighted approximation of rank r in that basis, for which no closed form is known: the fit
truncates and then solves for one factor after another, each by least squares. Since |λ_i − μ_j| ≤ 2, no member is
nearer than half of what truncation of the displacement leaves.
"""

from dataclasses import dataclass

import numpy as np

from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.leading import low_rank_factors
from monarch_theory.expressivity.spectra import Spectra

__all__ = ["displacement"]

TURNS, WORK = 20, 2**31  # of alternation: scalars that one may touch, all turns together
SETTLED, NONE, RIDGE = 1e-3, 1e-13, 1e-13  # shares of the error, of the norm, of the trace


def setting(n: int, rank: int) -> Setting:
    """Two transforms are shared, two are for each of r products of a circulant and a skew-circulant."""
    levels = (n - 1).bit_length()
    work = (2 + 2 * rank) * n * levels // 2 + 2 * rank * n
    label, operations = f"displacement rank {rank}", 4 * n * rank
    return Setting(label, 2 * n * rank, work, "heuristic", {"rank": rank}, operations, ranks_suffice=True)


def settings(shape: tuple[int, int]) -> list[Setting]:
    n = shape[0]
    return [setting(n, rank) for rank in range(1, n + 1)] if shape == (n, n) and n > 1 else []


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """The largest rank within the budget holds all the others."""
    here = [s for s in settings(spectra.shape) if getattr(s, cost) <= budget]
    if not here:
        return []
    rank = here[-1].choices["rank"]
    (tails,) = spectra.tails([Displaced()], [rank])
    # its norm may be twice that of the matrix, and so the rounding
    return [Floor(here[-1], max(tails.floor(rank) / 2 - spectra.rounding, 0.0), tails.distance(rank) / 2)]


@dataclass(frozen=True)
class Displaced:
    """The displacement as a layout."""

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (1, N, N)."""
        return displaced(matrix)[None]


def shifted(matrix: np.ndarray, sign: int) -> np.ndarray:
    """Z_sign M."""
    moved = np.roll(matrix, 1, axis=0)
    moved[0] *= sign
    return moved


def displaced(matrix: np.ndarray) -> np.ndarray:
    """Z₁M − M Z₋₁; M Z₋₁ has the columns one to the left, and the first, negated, at the end."""
    last = np.roll(matrix, -1, axis=1)
    last[:, -1] *= -1
    return shifted(matrix, 1) - last


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """Truncated, then alternating least squares; an equivariant start keeps real matrices real."""
    n, rank = len(matrix), setting.choices["rank"]
    turns = np.exp(1j * np.pi * np.arange(n) / n)  # D⁻¹
    ours, theirs = np.exp(-2j * np.pi * np.arange(n) / n), np.exp(1j * np.pi * (2 * np.arange(n) + 1) / n)
    apart = np.subtract.outer(ours, theirs)  # λ_i − μ_j
    target, weights = np.fft.fft2(displaced(matrix) / turns), 1 / np.abs(apart) ** 2
    left, right = low_rank_factors(target, rank)
    best, least = left @ right, np.inf
    norm, note = float(np.linalg.norm(target / apart)), watch()
    turns_left = max(1, min(TURNS, WORK // (n * rank) ** 2))
    for turn in range(turns_left + 1):
        near = left @ right
        error = float(np.linalg.norm((target - near) / apart))
        note(error / (norm or 1.0))
        settled = error >= least * (1 - SETTLED) or error <= NONE * norm
        if error < least:
            best, least = near, error
        if settled or turn == turns_left:
            break
        right = solved(left, target, weights, right)
        left = solved(right.T, target.T, weights.T, left.T).T
    found = np.fft.ifft2(best / apart) * turns
    return (found if np.iscomplexobj(matrix) else found.real).astype(matrix.dtype)


def solved(left: np.ndarray, target: np.ndarray, weights: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The right factor nearest to the target, column by column, given the left; not far from what it was."""
    rank = left.shape[1]
    one, other = np.triu_indices(rank)  # half of the products, and real weights: a quarter of the work
    products = np.ascontiguousarray(left.conj()[:, one] * left[:, other])
    pairs = np.asarray(weights.T @ products.view(float)).view(complex)
    systems = np.empty((weights.shape[1], rank, rank), complex)
    systems[:, one, other] = pairs
    systems[:, other, one] = pairs.conj()
    ridge = RIDGE * np.einsum("jrr->j", systems).real + np.finfo(float).tiny
    known = (left.conj().T @ (weights * target)).T + ridge[:, None] * before.T
    return np.asarray(np.linalg.solve(systems + ridge[:, None, None] * np.eye(rank), known[..., None])[..., 0].T)


displacement = Family(
    "displacement",
    "low displacement rank",
    "Kailath, Kung and Morf 1979",
    settings,
    fit,
    scope="displacement rank under Z₁ and Z₋₁",
    floors=floors,
    by_ranks=True,
)
