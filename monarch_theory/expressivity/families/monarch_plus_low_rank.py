"""A Monarch matrix plus one of rank r, by projecting in turns: the error never rises, but the limit is only local."""

from collections.abc import Iterator
from math import prod

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices, factorisations
from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.families.monarch_orders import WORTH_FITTING, radices_of
from monarch_theory.expressivity.parts import Train, low_rank_train
from monarch_theory.expressivity.paths import Path, floor_of, least_cost, longest_order, paths
from monarch_theory.expressivity.projection import near_member, project_values
from monarch_theory.expressivity.spectra import Slicing, Spectra
from monarch_theory.monarch import Convention

__all__ = ["TURNS", "monarch_plus_low_rank"]

TURNS = 20
ITERATIONS, SPARE = 3, 8  # of the subspace that the turns begin with
SMALL = 2**14  # entries of a matrix whose truncated SVDs are tried


def orders_of(shape: tuple[int, int]) -> range:
    return range(2, longest_order(shape) + 1)


def setting(kind: MonarchClass, rank: int) -> Setting:
    cost = kind.parameters + rank * sum(kind.shape)
    label = f"{kind.convention.value}, radices {radices_of(kind)}, + rank {rank}"
    choices, operations = {"kind": kind, "rank": rank}, kind.order + 2 * rank
    return Setting(label, cost, cost, "heuristic", choices, operations, ranks_suffice=rank == 0)


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for order in orders_of(shape):
        for rows in factorisations(shape[0], order):
            for columns in factorisations(shape[1], order):
                for rank in range(min(shape)):
                    for convention in Convention:
                        yield setting(MonarchClass(columns, rows, convention), rank)


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """Every slice of the sum has rank 1 + r at most, so none is nearer than their tails allow."""
    shape = spectra.shape
    guesses = _guesses_after_svd if prod(shape) <= SMALL else _guesses_by_shares
    least: list[Floor] = []
    likely: list[Floor] = []
    for rank in range(min(shape)):
        left = budget - rank * sum(shape)
        here = list(paths(spectra, orders_of(shape), width=1 + rank, bond=1, budget=left))
        if not here:
            break
        least += [Floor(setting(path.kind, rank), path.floor, path.ceiling) for path in here]
        likely += [] if spectra.exact else guesses(spectra, here, rank, left)
    nearest = sorted(least, key=lambda floor: floor.distance)[:1]
    return nearest + sorted(likely, key=lambda floor: floor.guess)[:WORTH_FITTING]


def _guesses_after_svd(spectra: Spectra, here: list[Path], rank: int, budget: int) -> list[Floor]:
    """Where the low-rank part is fitted first, the rest is within its ceiling: an upper bound."""
    rest = Spectra(tuple(matrix - truncate(matrix, rank) for matrix in spectra.matrices), spectra.norms)
    return [
        Floor(setting(path.kind, rank), floor_of(spectra, path.kind, 1 + rank), path.ceiling)
        for path in paths(rest, orders_of(spectra.shape), width=1, bond=1, budget=budget)
    ]


def _guesses_by_shares(spectra: Spectra, here: list[Path], rank: int, budget: int) -> list[Floor]:
    """Cheaper: as if what one part leaves were as hard for the other as the whole."""
    share = spectra.tails([Slicing(1, 1)], [rank])[0].distance(rank)
    return [Floor(setting(path.kind, rank), path.floor, path.ceiling * share) for path in here]


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """The sum of both parts."""
    structured, low = fitted(matrix, setting)
    return structured + low


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train, ...]:
    structured, low = fitted(matrix, setting)
    kind, rank = setting.choices["kind"], setting.choices["rank"]
    # a member is its own projection
    found = (Train.of(project_values(structured, kind).train),)
    return (*found, low_rank_train(low, rank)) if rank else found


def fitted(matrix: np.ndarray, setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """(Monarch part, low-rank part): the best of all turns, which begin with either."""
    kind, rank = setting.choices["kind"], setting.choices["rank"]
    if rank == 0:
        return project_values(matrix, kind).dense(), np.zeros_like(matrix)
    best, least = (np.zeros_like(matrix), np.zeros_like(matrix)), np.inf
    for start in (matrix - near_member(matrix, kind), matrix):
        rows = leading_rows(start, rank)
        low = start @ rows @ rows.conj().T
        norm, note = float(np.linalg.norm(matrix)) or 1.0, watch()
        for turn in range(10 * TURNS):
            structured = near_member(matrix - low, kind)
            rest = matrix - structured
            # the best columns for these rows, then the best rows for those columns: never worse, and no SVD
            columns = np.linalg.qr(rest @ rows)[0]  # (outputs, r)
            rows = np.linalg.qr(rest.conj().T @ columns)[0]
            low = rest @ rows @ rows.conj().T
            error = float(np.linalg.norm(rest - low))
            note(error / norm)
            # a limit that is not zero is soon as good as reached; one that is comes ever nearer at a steady rate
            settled = error >= least * (1 - (1e-3 if turn < TURNS else 0.1))
            if error < least:
                best, least = (structured, low), error
            if settled:
                break
    return best


def leading_rows(matrix: np.ndarray, rank: int) -> np.ndarray:
    """About the `rank` first right singular vectors, shape (inputs, rank), by subspace iteration."""
    rng = np.random.default_rng(0)
    width = min(rank + SPARE, matrix.shape[1])
    rows = rng.standard_normal((matrix.shape[1], width)).astype(matrix.dtype)
    for _ in range(ITERATIONS):
        rows = np.linalg.qr(matrix.conj().T @ np.linalg.qr(matrix @ rows)[0])[0]
    turned = np.linalg.svd(matrix @ rows, full_matrices=False)[2][:rank].conj().T  # (width, rank)
    return np.asarray(rows @ turned)


def least(shape: tuple[int, int]) -> int:
    return least_cost(shape, orders_of(shape)) or 0


def largest(shape: tuple[int, int], budget: int) -> Setting | None:
    """Two stages of radices as equal as can be, and the rest for the rank."""
    kind = MonarchClass(balanced_radices(shape[1], 2), balanced_radices(shape[0], 2))
    rank = min((budget - kind.parameters) // sum(shape), min(shape) - 1)
    return setting(kind, rank) if rank >= 0 else None


monarch_plus_low_rank = Family(
    "monarch-plus-low-rank",
    "Monarch + low rank",
    "Candès et al. 2011 in spirit; alternating projection",
    settings,
    fit,
    scope="order, radices above one, convention and rank",
    floors=floors,
    least=least,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    by_ranks=True,
    largest=largest,
)
