"""Sums of r Kronecker products: rank r, once blocks are laid out as rows (Van Loan and Pitsianis 1993)."""

from collections.abc import Iterator

import numpy as np

from monarch_theory.expressivity.classes import divisors
from monarch_theory.expressivity.families.family import Candidate, Cost, Family, Floor, Setting, by_floor
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.leading import low_rank_factors
from monarch_theory.expressivity.parts import Kroneckers
from monarch_theory.expressivity.spectra import Rearrangement, Spectra

__all__ = ["kronecker"]


def grids(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """(m, n) of every (m×n) ⊗ (M/m × N/n); a factor may be 1 × 1, which stores one scalar more than the matrix has."""
    return ((m, n) for m in divisors(shape[0]) for n in divisors(shape[1]))


def setting(shape: tuple[int, int], outer: tuple[int, int], terms: int) -> Setting:
    """Costs are proportional to the number of terms; the cheaper factor is applied first."""
    (m, n), (p, q) = outer, (shape[0] // outer[0], shape[1] // outer[1])
    work = min(p * q * n + m * n * p, m * n * q + p * q * m)
    label = f"({m}×{n}) ⊗ ({p}×{q}), {terms} term{'s' * (terms > 1)}"
    parameters = terms * (m * n + p * q)
    return Setting(label, parameters, terms * work, "optimal", {"outer": outer, "terms": terms}, 2 * terms)


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for m, n in grids(shape):
        for terms in range(1, min(m * n, shape[0] // m * (shape[1] // n)) + 1):
            yield setting(shape, (m, n), terms)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """Of every grid the most terms within the budget, which hold all fewer."""
    shape, candidates = spectra.shape, []
    for m, n in grids(shape):
        terms = budget // getattr(setting(shape, (m, n), 1), cost)
        terms = min(terms, m * n, shape[0] // m * (shape[1] // n))
        if terms:
            candidates.append(Candidate(Rearrangement((m, n)), terms, setting(shape, (m, n), terms)))
    return by_floor(spectra, candidates)


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    m, n = setting.choices["outer"]
    rows = truncate(Rearrangement((m, n)).stack(matrix)[0], setting.choices["terms"])
    blocks = rows.reshape(m, n, matrix.shape[0] // m, matrix.shape[1] // n)
    return blocks.transpose(0, 2, 1, 3).reshape(matrix.shape)


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Kroneckers]:
    (m, n), terms = setting.choices["outer"], setting.choices["terms"]
    left, right = low_rank_factors(Rearrangement((m, n)).stack(matrix)[0], terms)
    inner = right.reshape(-1, matrix.shape[0] // m, matrix.shape[1] // n)
    return (Kroneckers({"A": left.T.reshape(-1, m, n), "B": inner}),)


kronecker = Family(
    "kronecker",
    "sum of Kroneckers",
    "Van Loan and Pitsianis 1993",
    settings,
    fit,
    scope="shape of the two factors and number of terms",
    floors=floors,
    parts=parts,
    holds_low_rank=True,
    by_ranks=True,
)
