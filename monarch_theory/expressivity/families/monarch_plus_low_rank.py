"""A Monarch matrix plus one of rank r, by projecting in turns: the error never rises, but the limit is only local.

A slice of the sum is X_{IA} = l_{IA} r_{IA}* + U_I V_A*. The columns of U_I are in the column space of X_{IA} for every
A, and where slices have r + 2 rows and columns nothing else is, in general: so spaces that are shared tell U_I and V_A.
What they leave of a slice is its rank-one part beyond them, and the low-rank part is what completes that (`_told`).
There one start begins, which is the end for such a member; two begin with either part. Where a small matrix is nearly
one, both parts are then moved at once (`_stepped`), which finds most members whose slices are narrower.
"""

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
WORTH_TELLING = 4  # settings whose ranks do not exclude the matrix
ROUNDING = 1e-13  # of the norm: nothing that a start could better
NEAR = 1e-2  # of the norm of some slices: what their tails leave, where a member may be near
SMALL = 2**14  # entries of a matrix whose truncated SVDs are tried
MEMBER_NEAR = 0.1  # of the norm: what steps begin below
FEW, FEW_ENTRIES = 200, 2**10  # unknowns of a step, and its equations
PLATEAU, GAIN = 10, 0.02  # after so many steps, each has to take so much of the error away
STEPS, EXACT, MOST, RIDGE = 60, 1e-15, 1e6, 1e-14  # the last two for the damping

Found = tuple[np.ndarray, np.ndarray]
"""Monarch part, and low-rank part."""


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
    best: list[Floor] = []
    for rank in range(min(shape)):
        left = budget - rank * sum(shape)
        here = list(paths(spectra, orders_of(shape), width=1 + rank, bond=1, budget=left))
        if not here:
            break
        least += [Floor(setting(path.kind, rank), path.floor, path.ceiling) for path in here]
        guessed = [] if spectra.exact else guesses(spectra, here, rank, left)
        likely += guessed
        best += sorted(guessed, key=lambda floor: floor.guess)[:1] if prod(shape) <= FEW_ENTRIES else []
    nearest = sorted(least, key=lambda floor: floor.distance)[:1]
    telling = [floor for floor in least if floor.distance == 0 and _tells(floor.setting)][:WORTH_TELLING]
    likely = sorted(likely, key=lambda floor: floor.guess)[:WORTH_FITTING]
    likely += [floor for floor in best if floor not in likely]
    return nearest + [floor for floor in telling if floor not in nearest] + likely


def _tells(setting: Setting) -> bool:
    """Whether slices are large enough for spaces that they share to tell the low-rank part."""
    kind, rank = setting.choices["kind"], setting.choices["rank"]
    return bool(rank and rank + 2 <= _widest(kind)[1])


def _widest(kind: MonarchClass) -> tuple[int, int]:
    """The split of the largest slices, and their shorter side."""
    rows, columns = kind.output_radices, kind.input_radices
    sides = [min(prod(rows[k + 1 :]), prod(columns[: k + 1])) for k in range(kind.order - 1)]
    return sides.index(max(sides)), max(sides)


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


def fitted(matrix: np.ndarray, setting: Setting) -> Found:
    """(Monarch part, low-rank part): the best of all turns, which begin with either, and of steps near a member."""
    kind, rank = setting.choices["kind"], setting.choices["rank"]
    if rank == 0:
        return project_values(matrix, kind).dense(), np.zeros_like(matrix)
    norm = float(np.linalg.norm(matrix)) or 1.0
    best, least = (np.zeros_like(matrix), np.zeros_like(matrix)), np.inf
    for start in _starts(matrix, kind, rank):
        if least <= ROUNDING * norm:
            break
        found, error = _turned(matrix, start, kind, rank)
        if error < least:
            best, least = found, error
    if matrix.size > FEW_ENTRIES or rank * sum(kind.shape) > FEW or least > MEMBER_NEAR * norm:
        return best
    for begun in (best[1], matrix - near_member(matrix, kind), matrix):
        if least <= EXACT * norm:
            break
        found, error = _stepped(matrix, _factors(begun, rank), kind)
        if error < least:
            best, least = found, error
    return best


def _turned(matrix: np.ndarray, start: np.ndarray, kind: MonarchClass, rank: int) -> tuple[Found, float]:
    """The best turn that begins with the leading rank of `start`, and its distance."""
    rows = leading_rows(start, rank)
    low = start @ rows @ rows.conj().T
    best, least = (np.zeros_like(matrix), low), np.inf
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
    return best, least


def _stepped(matrix: np.ndarray, factors: tuple[np.ndarray, np.ndarray], kind: MonarchClass) -> tuple[Found, float]:
    """Steps of Levenberg and Marquardt in the factors of the low-rank part, and how far the last ends.

    The Monarch part is the nearest to what they leave. To first order it follows a change of that within its tangent
    space, so that what is left changes by the rest of it (Golub and Pereyra 1973, as Kaufman 1975 simplifies it).
    """
    u, v = factors
    norm, note = float(np.linalg.norm(matrix)) or 1.0, watch()
    places = [kind.slices(np.arange(matrix.size).reshape(matrix.shape), k) for k in range(kind.order - 1)]
    structured = near_member(matrix - u @ v, kind)
    left = matrix - u @ v - structured
    least, damping = float(np.linalg.norm(left)), 1e-2
    for step in range(STEPS):
        if damping > MOST or least <= EXACT * norm:
            break
        note(least / norm)
        slope = _beyond_tangent(_changes(u, v), structured.reshape(-1), places)
        gram, down = slope.conj().T @ slope, slope.conj().T @ left.reshape(-1)
        scale = float(gram.trace().real) / len(gram)
        if not scale:  # no change of factors that are zero changes anything
            break
        move = np.linalg.solve(gram + np.eye(len(gram), dtype=gram.dtype) * (damping * scale), down)
        ahead = u + move[: u.size].reshape(u.shape), v + move[u.size :].reshape(v.shape)
        after = near_member(matrix - ahead[0] @ ahead[1], kind)
        rest = matrix - ahead[0] @ ahead[1] - after
        error = float(np.linalg.norm(rest))
        if error >= least:
            damping *= 4
            continue
        settled = step > PLATEAU and error > least * (1 - GAIN) and error > ROUNDING * norm
        (u, v), structured, left, least, damping = ahead, after, rest, error, max(damping / 5, RIDGE)
        if settled:
            break
    note(least / norm)
    return (structured, u @ v), least


def _changes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """What entries of u v change by with those of u and of v, shape (entries, entries of both)."""
    rows, columns = len(u), v.shape[1]
    of_u = np.einsum("ia,rj->ijar", np.eye(rows, dtype=v.dtype), v)
    of_v = np.einsum("ir,ja->ijra", u, np.eye(columns, dtype=u.dtype))
    return np.concatenate([side.reshape(rows * columns, -1) for side in (of_u, of_v)], 1)


def _beyond_tangent(changes: np.ndarray, member: np.ndarray, places: list[np.ndarray]) -> np.ndarray:
    """The part of every change, one a column, that no change of one stage of the member gives.

    Each stage is held between the columns of the split before it and the rows of the split after it (of tensor trains,
    Lubich, Oseledets and Vandereycken 2015).

    Args:
        changes: shape (entries, changes).
        member: its entries, shape (entries,).
        places: of the entries in the slices of every split.
    """
    sides = []
    for place in places:
        left, _, right = np.linalg.svd(member[place], full_matrices=False)
        sides.append((left[..., 0], right[:, 0]))  # (slices, i), (slices, a)

    def on_rows(k: int, array: np.ndarray) -> np.ndarray:
        vector, found = sides[k][0], np.empty_like(array)
        inside = np.einsum("si,siaq->saq", vector.conj(), array[places[k]])
        found[places[k]] = vector[:, :, None, None] * inside[:, None]
        return found

    def on_columns(k: int, array: np.ndarray) -> np.ndarray:
        vector, found = sides[k][1], np.empty_like(array)
        inside = np.einsum("siaq,sa->siq", array[places[k]], vector.conj())
        found[places[k]] = inside[:, :, None] * vector[:, None, :, None]
        return found

    rest, before = changes.copy(), changes
    for k in range(len(places)):
        rest -= on_rows(k, before)  # stage k
        before = on_columns(k, changes)
        rest += on_rows(k, before)
    return np.asarray(rest - before)  # the last stage


def _factors(low: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """u and v, whose product is its leading rank."""
    left, values, right = np.linalg.svd(low, full_matrices=False)
    roots = np.sqrt(values[:rank])
    return left[:, :rank] * roots, roots[:, None] * right[:rank]


def _starts(matrix: np.ndarray, kind: MonarchClass, rank: int) -> Iterator[np.ndarray]:
    """Matrices whose leading rank is where turns begin."""
    yield matrix - near_member(matrix, kind)
    yield matrix
    told = _told(matrix, kind, rank)
    if told is not None:
        yield told


def _told(matrix: np.ndarray, kind: MonarchClass, rank: int) -> np.ndarray | None:
    """The low-rank part of a member of large slices; None where they are too small, or no member can be near."""
    p, rows, columns = kind.order, kind.output_radices, kind.input_radices
    split, side = _widest(kind)
    slices = kind.slices(matrix, split)  # (I A, i, a)
    if rank + 2 > side or not _may_hold(slices, rank):
        return None
    outer, after = prod(rows[: split + 1]), prod(columns[split + 1 :])
    left, _, right = np.linalg.svd(slices, full_matrices=False)
    ours = left[..., : rank + 1].reshape(outer, after, *left.shape[1:2], -1).transpose(0, 2, 1, 3)  # (I, i, A, r + 1)
    theirs = right[:, : rank + 1].reshape(outer, after, -1, right.shape[2]).transpose(1, 3, 0, 2)  # (A, a, I, r + 1)
    u, v = (np.linalg.svd(side.reshape(*side.shape[:2], -1), full_matrices=False)[0] for side in (ours, theirs.conj()))
    u, v = u[:, None, :, :rank], v[None, :, :, :rank]  # (I, 1, i, r) and (1, A, a, r)
    whole = slices.reshape(outer, after, *slices.shape[1:])
    seen, known = u.conj().swapaxes(2, 3) @ whole, whole @ v  # (I, A, r, a) and (I, A, i, r)
    core = seen @ v
    one, size, other = np.linalg.svd(whole - u @ seen - (known - u @ core) @ v.conj().swapaxes(2, 3))
    size, held = size[..., :1, None], size[..., :1, None] > ROUNDING * float(np.linalg.norm(matrix))
    ahead = seen @ other[..., :1, :].conj().swapaxes(2, 3)  # (I, A, r, 1)
    behind = one[..., :1].conj().swapaxes(2, 3) @ known  # (I, A, 1, r)
    low = u @ (core - np.divide(ahead @ behind, size, out=np.zeros_like(core), where=held)) @ v.conj().swapaxes(2, 3)
    rest = rows[split + 1 :], columns[: split + 1]
    spread = low.reshape(*rows[: split + 1], *columns[split + 1 :], *rest[0], *rest[1])
    axes = [*range(split + 1), *range(p, 2 * p - split - 1), *range(2 * p - split - 1, 2 * p), *range(split + 1, p)]
    return kind.matrix_of(spread.transpose(axes))


def _may_hold(slices: np.ndarray, rank: int) -> bool:
    """Whether some slices are nearly of rank r + 1, as all are of what is near a member."""
    some = slices[:: max(len(slices) // 4, 1)]
    values = np.linalg.svd(some, compute_uv=False)
    return float(np.linalg.norm(values[:, rank + 1 :])) <= NEAR * float(np.linalg.norm(some))


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
