"""Strassen tiles: every p × q tile of the matrix is D diag(w) E, with w its own and D, E shared by all (after Strassen
1969; as a layer, Moshkovitz et al. 2025).

The tiles as a three-way array, T_{kij} = Σ_ρ w_{kρ} D_{iρ} E_{ρj}: a canonical polyadic decomposition of r terms, or a
sum of r Kronecker products whose second factors have rank one. No closed form is known, nor need there be a nearest;
the fit is alternating least squares on the tiles laid out as rows, of which a triangular factor holds all there is.
Where that is small and little is left, all three factors are then moved at once (`damped`), from starts at random too.
The rows, and the tiles' rows and columns, span at most r dimensions each: no member is nearer than what those leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monarch_theory.expressivity.classes import divisors
from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Guarantee, Setting
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.spectra import Layout, Rearrangement, Spectra

__all__ = ["strassen_tile"]

WIDEST = 16  # sides of a tile
WORTH_FITTING = 3
TURNS, SETTLED, SHRINKS, RIDGE = 200, 1e-4, 0.02, 1e-14  # shares of the error, and of the trace
EXACT, NEARLY, NEAR = 1e-15, 1e-9, 0.2  # of the norm: none; what steps go on below; what they begin below
FEW = 150  # unknowns of all three factors at once
DRAWS, STEPS, MOST = 3, 80, 1e6  # the last for the damping, beyond which nothing is gained
SMALL = 40  # turns after which only what shrinks steadily goes on

TermFactors = tuple[np.ndarray, np.ndarray, np.ndarray]
"""w, shape (rows, terms), D, shape (p, terms), and E, shape (q, terms)."""


def tiles(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    for p in divisors(shape[0]):
        for q in divisors(shape[1]):
            if 1 < p <= WIDEST and 1 < q <= WIDEST:
                yield p, q


def setting(shape: tuple[int, int], tile: tuple[int, int], terms: int) -> Setting:
    (p, q), count = tile, shape[0] * shape[1] // (tile[0] * tile[1])
    label = f"tiles of {p}×{q}, {terms} product{'s' * (terms > 1)} each"
    parameters, work = terms * (count + p + q), terms * (count + shape[0] + shape[1])
    guarantee: Guarantee = "optimal" if count == 1 else "heuristic"  # one tile is a matrix of that rank
    return Setting(label, parameters, work, guarantee, {"tile": tile, "terms": terms}, 2 * terms)


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for p, q in tiles(shape):
        for terms in range(1, p * q + 1):
            yield setting(shape, (p, q), terms)


@dataclass(frozen=True)
class Sides:
    """The rows of all tiles, or their columns, as one matrix with as many rows as a tile has."""

    tile: tuple[int, int]
    axis: int

    def stack(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (1, p, …), or (1, q, …)."""
        array = tiled(matrix, self.tile)
        return np.moveaxis(array, 1 + self.axis, 0).reshape(1, self.tile[self.axis], -1)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """Of every tile the most terms within the budget, which hold all fewer."""
    shape = spectra.shape
    chosen: list[Setting] = []
    layouts: list[Layout] = []
    ranks: list[int] = []
    for p, q in tiles(shape):
        terms = min(budget // getattr(setting(shape, (p, q), 1), cost), p * q)
        if terms:
            chosen.append(setting(shape, (p, q), terms))
            layouts += [Rearrangement((shape[0] // p, shape[1] // q)), Sides((p, q), 0), Sides((p, q), 1)]
            ranks += [terms] * 3
    found = spectra.tails(layouts, ranks)
    floors = []
    for k, one in enumerate(chosen):
        terms, three = one.choices["terms"], found[3 * k : 3 * k + 3]
        floors.append(
            Floor(one, max(tails.floor(terms) for tails in three), max(tails.distance(terms) for tails in three))
        )
    nearest = sorted(floors, key=lambda floor: floor.distance)[:1]
    likely = sorted(floors, key=lambda floor: floor.guess)[:WORTH_FITTING]
    return nearest + [floor for floor in likely if floor not in nearest]


def tiled(matrix: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """Shape (tiles, p, q)."""
    p, q = tile
    return matrix.reshape(matrix.shape[0] // p, p, matrix.shape[1] // q, q).transpose(0, 2, 1, 3).reshape(-1, p, q)


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    (p, q), terms = setting.choices["tile"], setting.choices["terms"]
    rows = tiled(matrix, (p, q)).reshape(-1, p * q)
    outer, core = np.linalg.qr(rows)  # the rest is a matter of p·q rows
    near = outer @ nearest_sum(core.reshape(-1, p, q), terms).reshape(len(core), -1)
    blocks = near.reshape(matrix.shape[0] // p, matrix.shape[1] // q, p, q)
    return blocks.transpose(0, 2, 1, 3).reshape(matrix.shape).astype(matrix.dtype)


def nearest_sum(core: np.ndarray, terms: int) -> np.ndarray:
    """A sum of that many products w ⊗ D ⊗ E near an array of shape (rows, p, q).

    All of it, where two of its sides have no more pairs: a product for each pair holds what the third side has there.
    """
    rows, p, q = core.shape
    if terms >= min(p * q, rows * p, rows * q) or not core.any():
        return core
    if rows == 1:
        return truncate(core, terms)
    scale = np.linalg.norm(core)
    core = core / scale
    factors, least = alternated(core, start(core, terms))
    if EXACT < least < NEAR and terms * sum(core.shape) <= FEW:
        for begun in (factors, *starts(core, terms)):
            found, error = damped(core, begun)
            if error < least:
                factors, least = found, error
            if least <= EXACT:
                break
    return product(factors) * scale


def product(factors: TermFactors) -> np.ndarray:
    """The sum, shape (rows, p, q)."""
    return np.asarray(np.einsum("kr,ir,jr->kij", *factors))


def alternated(core: np.ndarray, factors: TermFactors) -> tuple[TermFactors, float]:
    """The best turn of solving for one factor after another, and its distance."""
    w, d, e = factors
    best, least, note = factors, np.inf, watch()
    for turn in range(TURNS):
        error = float(np.linalg.norm(core - product((w, d, e))))
        note(error)
        settled = error >= least * (1 - (SETTLED if turn < SMALL else SHRINKS))
        if error < least:
            best, least = (w, d, e), error
        if settled:
            break
        w = solved(np.einsum("kij,ir,jr->kr", core, d.conj(), e.conj()), d, e, w)
        d = solved(np.einsum("kij,kr,jr->ir", core, w.conj(), e.conj()), w, e, d)
        e = solved(np.einsum("kij,kr,ir->jr", core, w.conj(), d.conj()), w, d, e)
        d, e = d / np.linalg.norm(d, axis=0), e / np.linalg.norm(e, axis=0)
    return best, least


def damped(core: np.ndarray, factors: TermFactors) -> tuple[TermFactors, float]:
    """No farther, by steps of Levenberg and Marquardt, and the distance: near a sum each step doubles the digits."""
    sizes, damping, note = [factor.size for factor in factors], 1e-2, watch()
    left = product(factors) - core
    least = float(np.linalg.norm(left))
    for _ in range(STEPS):
        if damping > MOST or least <= EXACT:
            break
        note(least)
        slope = tangent(factors)
        gram, down = slope.conj().T @ slope, slope.conj().T @ left.reshape(-1)
        step = np.linalg.solve(gram + damping * np.eye(len(gram)), down)
        moved = np.split(step, np.cumsum(sizes)[:-1])
        w, d, e = (one - by.reshape(one.shape) for one, by in zip(factors, moved, strict=True))
        after = product((w, d, e)) - core
        error = float(np.linalg.norm(after))
        if error >= least:
            damping *= 4
            continue
        settled = error > least * (1 - SHRINKS) and error > NEARLY
        factors, left, least, damping = (w, d, e), after, error, max(damping / 5, RIDGE)
        if settled:
            break
    note(least)
    return factors, least


def tangent(factors: TermFactors) -> np.ndarray:
    """What entries of the sum change by with those of w, D and E, shape (entries, entries of all factors)."""
    w, d, e = factors
    rows, p, q = (np.eye(len(factor)) for factor in factors)
    sides = (
        np.einsum("ka,ir,jr->kijar", rows, d, e),
        np.einsum("kr,ia,jr->kijar", w, p, e),
        np.einsum("kr,ir,ja->kijar", w, d, q),
    )
    return np.concatenate([side.reshape(w.shape[0] * d.shape[0] * e.shape[0], -1) for side in sides], 1)


def starts(core: np.ndarray, terms: int) -> Iterator[TermFactors]:
    """Directions at random, each with the best w for them."""
    rows, p, q = core.shape
    rng = np.random.default_rng(1)
    for _ in range(DRAWS):
        d, e = (rng.standard_normal((side, terms)).astype(core.dtype) for side in (p, q))
        known = np.einsum("kij,ir,jr->kr", core, d, e)
        yield solved(known, d, e, np.zeros((rows, terms), core.dtype)), d, e


def start(core: np.ndarray, terms: int) -> TermFactors:
    """The first rank-one part of each of the first tiles' directions; directions at random where they run out."""
    rows, p, q = core.shape
    directions = np.linalg.svd(core.reshape(rows, -1), full_matrices=False)[2][:terms].reshape(-1, p, q)
    left, _, right = np.linalg.svd(directions, full_matrices=False)
    d, e = left[:, :, 0].T, right[:, 0].T
    rng = np.random.default_rng(0)
    more = terms - d.shape[1]
    d = np.hstack([d, rng.standard_normal((p, more))]).astype(core.dtype)
    e = np.hstack([e, rng.standard_normal((q, more))]).astype(core.dtype)
    return solved(np.einsum("kij,ir,jr->kr", core, d.conj(), e.conj()), d, e, np.zeros((rows, terms), core.dtype)), d, e


def solved(known: np.ndarray, one: np.ndarray, other: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The factor that is the best for the two others, not far from what it was."""
    gram = (one.conj().T @ one) * (other.conj().T @ other)
    ridge = RIDGE * gram.trace().real + np.finfo(gram.dtype).tiny
    return np.asarray(np.linalg.solve(gram + ridge * np.eye(len(gram)), (known + ridge * before).T).T)


strassen_tile = Family(
    "strassen-tile",
    "Strassen tiles",
    "Strassen 1969; Moshkovitz et al. 2025",
    settings,
    fit,
    scope=f"tile of sides two to {WIDEST}, and number of products",
    floors=floors,
    by_ranks=True,
)
