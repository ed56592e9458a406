"""A diagonal plus a matrix of rank r, by projecting in turns: the error never rises, but the limit is only local.

A block off the diagonal does not see the diagonal, so it has rank at most r: no member is nearer than what truncation
leaves of two that do not overlap. Such a block B of rank r, of rows I and columns J, tells the low-rank part
at (i, i) for every i in neither, M[i, J] B⁺ M[I, i]: there other starts begin, which are the end where a member
has such blocks. The first start begins with the diagonal as it is.
"""

from collections.abc import Iterator
from math import hypot
from typing import Literal

import flint
import numpy as np

from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.families.low_rank import truncate
from monarch_theory.expressivity.parts import Blocks, Part, low_rank_train
from monarch_theory.expressivity.spectra import Corner, Spectra

__all__ = ["diagonal_plus_low_rank"]

TURNS = 300
SETTLED, SHRINKS = 1e-4, 0.02  # of the error, that a turn takes away
STEPS = 30
DRAWS = 4  # of three sets of indices
NEAR = 1e-2  # of the norm: what two blocks off the diagonal leave, where a member may be
LARGE = 2**18  # entries beyond which one start takes long enough
PRIME = 2**61 - 1  # blocks have their rank modulo it, but for a chance
WORST = 1e-10  # of the first singular value of a block: below it are none

Found = tuple[np.ndarray, np.ndarray]
"""Diagonal, and low-rank part."""


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


def fitted(matrix: np.ndarray, setting: Setting) -> Found:
    """(diagonal, low-rank part) of the best turn of the best start."""
    rank, here = setting.choices["rank"], np.diag(matrix)
    if not rank:
        return here, np.zeros_like(matrix)
    best, least = _turned(matrix, here, rank)
    if not _may_hold(matrix, rank):
        return best
    best, least = _stepped(matrix, best, rank)
    for told in _told(matrix, rank):
        if least == 0:
            break
        found, error = _stepped(matrix, _turned(matrix, told, rank)[0], rank)
        if error < least:
            best, least = found, error
    return best


def _may_hold(matrix: np.ndarray, rank: int) -> bool:
    """Whether some member may be near: only there other starts are worth their time."""
    if matrix.size > LARGE:
        return False
    half = len(matrix) // 2
    left = [np.linalg.svd(block, compute_uv=False)[rank:] for block in (matrix[:half, half:], matrix[half:, :half])]
    return hypot(*np.concatenate(left)) <= NEAR * float(np.linalg.norm(matrix))


def _turned(matrix: np.ndarray, diagonal: np.ndarray, rank: int) -> tuple[Found, float]:
    """(diagonal, low-rank part) of the best turn that begins with this diagonal, and its distance."""
    near, least = (diagonal, np.zeros_like(matrix)), np.inf
    norm, note = float(np.linalg.norm(matrix)) or 1.0, watch()
    for turn in range(TURNS):
        low = truncate(matrix - np.diag(diagonal), rank)
        diagonal = np.diag(matrix - low)
        error = float(np.linalg.norm(matrix - low - np.diag(diagonal)))
        note(error / norm)
        settled = error >= least * (1 - (SETTLED if turn < 20 else SHRINKS))
        if error < least:
            near, least = (diagonal, low), error
        if settled:
            break
    return near, least


def _stepped(matrix: np.ndarray, near: Found, rank: int) -> tuple[Found, float]:
    """No farther, by steps of Gauss and Newton: near a member each doubles the digits, where turns add a few.

    With the singular vectors U, V of M − D beyond the first r held, what they leave is linear in D, and its least
    squares are (UU* ∘ conj(VV*)) δ = diag(U Σ V*). A step that ends farther is halved, a few times.
    """
    least = float(np.linalg.norm(matrix - near[1] - np.diag(near[0])))
    norm, note = float(np.linalg.norm(matrix)) or 1.0, watch()
    for _ in range(STEPS):
        note(least / norm)
        left, values, right = np.linalg.svd(matrix - np.diag(near[0]))
        left, values, right = left[:, rank:], values[rank:], right[rank:]
        system = (left @ left.conj().T) * (right.conj().T @ right).T
        step = np.linalg.lstsq(system, np.diag(left * values @ right), rcond=WORST)[0]
        for share in (1, 0.5, 0.25, 0.125):
            diagonal = near[0] + share * step
            low = truncate(matrix - np.diag(diagonal), rank)
            diagonal = np.diag(matrix - low)
            error = float(np.linalg.norm(matrix - low - np.diag(diagonal)))
            if error < least * (1 - SETTLED):
                break
        else:
            break
        near, least = (diagonal, low), error
    note(least / norm)
    return near, least


def _told(matrix: np.ndarray, rank: int) -> Iterator[np.ndarray]:
    """Diagonals that blocks off the diagonal tell, where there are three disjoint sets of `rank` indices.

    Sets are drawn at random: of a sparse matrix a block may have a smaller rank than the low-rank part, another not.
    """
    n = len(matrix)
    if n < 3 * rank:
        return
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        thirds = np.array_split(rng.permutation(n), 3)
        low = np.zeros(n, matrix.dtype)
        for some, rows, columns in (thirds, thirds[1:] + thirds[:1], thirds[2:] + thirds[:2]):
            left, values, right = np.linalg.svd(matrix[np.ix_(rows, columns)], full_matrices=False)
            held = values[:rank] > WORST * values[0]
            inverse = np.divide(1, values[:rank], out=np.zeros_like(values[:rank]), where=held)
            ahead = matrix[np.ix_(some, columns)] @ right[:rank].conj().T
            behind = left[:, :rank].conj().T @ matrix[np.ix_(rows, some)]
            low[some] = np.einsum("ir,r,ri->i", ahead, inverse, behind)
        yield np.diag(matrix) - low


def holds(whole: np.ndarray, setting: Setting) -> bool | None:
    """Whether a matrix of integers is such a sum of that rank or a smaller one: exactly, as far as blocks tell."""
    rank = setting.choices["rank"]
    answers = (_holds(whole, smaller) for smaller in range(rank, 0, -1))
    most = next(answers, None)
    if most is not None and rank:
        return most
    if True in answers or not (whole - np.diag(np.diag(whole))).any():
        return True
    return None if rank else False


def _holds(whole: np.ndarray, rank: int) -> bool | None:
    """As `holds`, of the rank itself: blocks off the diagonal leave the diagonal no choice.

    Let B be a block of rank r, of rows I and columns J that have no index in common. For i in neither, the minor of the
    low-rank part of rows I, i and columns J, i vanishes, and all its entries but the last are of the matrix: so that
    one is M[i, J] B⁻¹ M[I, i]. Where every i is told so, the low-rank part is known, and is to be what its rows I and
    its columns J make it. None where some i has no such block among those tried.
    """
    low, untold, rng = _as_fractions(whole), set(range(len(whole))), np.random.default_rng(0)
    while untold:
        found = _block(whole, rank, min(untold), rng)
        if found is None or found is False:
            return found
        ours, theirs = found
        inverse = flint.fmpq_mat(whole[np.ix_(ours, theirs)].tolist()).inv()
        for i in untold - {*ours, *theirs}:
            ahead, behind = (flint.fmpz_mat(side.tolist()) for side in (whole[[i]][:, theirs], whole[ours][:, [i]]))
            low[i, i] = (flint.fmpq_mat(ahead) * inverse * flint.fmpq_mat(behind))[0, 0]
        untold &= {*ours, *theirs}
    columns, rows = (_of_fractions(side) for side in (low[:, theirs], low[ours]))
    return bool(columns * inverse * rows == _of_fractions(low))


def _block(
    whole: np.ndarray, rank: int, index: int, rng: np.random.Generator
) -> tuple[list[int], list[int]] | Literal[False] | None:
    """(rows, columns) of a block of that rank, and as many of both, without `index`; False where one has a larger rank.

    Of ranks modulo a prime, which are never too large: what is found has its rank, and what is too large is.
    """
    others = np.delete(np.arange(len(whole)), index)
    for _ in range(DRAWS):
        ours, theirs = np.array_split(rng.permutation(others), 2)
        block = (whole[np.ix_(ours, theirs)] % PRIME).tolist()
        if not block or not block[0]:
            return None
        upper, found = flint.nmod_mat(block, PRIME).rref()
        if found > rank:
            return False
        if found == rank:
            beside = flint.nmod_mat(block, PRIME).transpose().rref()[0]
            return [int(ours[k]) for k in _pivots(beside, rank)], [int(theirs[k]) for k in _pivots(upper, rank)]
    return None


def _pivots(reduced: flint.nmod_mat, rank: int) -> list[int]:
    """Columns of the first entries of the rows of a reduced matrix."""
    return [next(k for k in range(reduced.ncols()) if int(reduced[row, k])) for row in range(rank)]


def _as_fractions(whole: np.ndarray) -> np.ndarray:
    return np.array([flint.fmpq(entry) for entry in whole.flat], dtype=object).reshape(whole.shape)


def _of_fractions(array: np.ndarray) -> flint.fmpq_mat:
    return flint.fmpq_mat(array.tolist())


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
    holds=holds,
)
