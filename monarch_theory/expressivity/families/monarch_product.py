"""Products M₁ M₂* of two Monarch matrices of order 2, the matrix of a layer with one Monarch on each side (Dao 2022).

In radices (b₀, b₁), with the inner digit the least significant, block (y₀, x₀) of the matrix is L_{y₀} diag(d_{y₀x₀})
R_{x₀} (`recovery`, which is exact and says where the factors are unique). For one factor after another the nearest
matrix is a least-squares problem, so the error never rises; of the two starts, one tells exact products and those near
them apart by eigenvectors (`separation`). No bound is known that no member is below.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse.linalg import LinearOperator, lsmr

from monarch_theory.expressivity.classes import factorisations
from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.separation import factors_of

__all__ = ["monarch_product"]

TURNS = 200
SETTLED, SHRINKS = 1e-4, 0.02  # of the error, that a turn takes away: at first, and where it goes on
LINEAR = 2.0**-26  # √u, of the norm: what is left out of a product with changes of this size is rounding
TINY = np.finfo(float).tiny
STEPS = 300  # of the iteration for all factors at once
RIDGE = 1e-14  # of the trace: what nothing depends on stays as it was

Factors = tuple[np.ndarray, np.ndarray, np.ndarray]
"""L, shape (y₀, y₁, z); d, shape (y₀, x₀, z); R, shape (x₀, z, x₁)."""


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    """Every two radices above one; the two diagonals in the middle are one."""
    for inner, outer in factorisations(shape[0], 2) if shape[0] == shape[1] else []:
        cost = 2 * inner * outer**2 + inner**2 * outer
        choices = {"inner": inner, "outer": outer}
        yield Setting(f"radices {inner}·{outer}", cost, cost, "heuristic", choices, 2 * outer + 1)


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    inner, outer = setting.choices["inner"], setting.choices["outer"]
    blocks = matrix.reshape(outer, inner, outer, inner).transpose(1, 3, 0, 2)  # (y₀, x₀, y₁, x₁)
    with np.errstate(over="ignore", invalid="ignore"):  # a start of huge factors is no start, and the other is one
        found = [polished(blocks, start) for start in starts(blocks)]
        near = min((product(factors) for factors in found), key=lambda near: float(np.linalg.norm(blocks - near)))
    return near.transpose(2, 0, 3, 1).reshape(matrix.shape).astype(matrix.dtype)


def starts(blocks: np.ndarray) -> Iterator[Factors]:
    """Bases of the rows and the columns of blocks; and eigenvectors, where they can be had."""
    inner, _, outer, _ = blocks.shape
    left = np.linalg.svd(blocks.transpose(0, 2, 1, 3).reshape(inner, outer, -1), full_matrices=False)[0]
    right = np.linalg.svd(blocks.transpose(1, 0, 2, 3).reshape(inner, -1, outer), full_matrices=False)[2]
    yield left, seen(blocks, left, right), right
    try:
        heads, scales, tails = factors_of(blocks[None], outer)
    except np.linalg.LinAlgError:
        return
    yield heads[0], scales[0], tails[0]


def polished(blocks: np.ndarray, factors: Factors) -> Factors:
    """Factors no farther, where turns no longer gain."""
    best, least = factors, np.inf
    norm, note = float(np.linalg.norm(blocks)) or 1.0, watch()
    for turn in range(TURNS):
        error = float(np.linalg.norm(blocks - product(factors)))
        note(error / norm)
        settled = error >= least * (1 - (SETTLED if turn < TURNS // 4 else SHRINKS))
        if error < least:
            best, least = factors, error
        if settled or error == 0:
            break
        factors = turned(blocks, factors)
    if least > LINEAR * norm:
        return best
    together = turned_together(blocks, best)
    return together if np.linalg.norm(blocks - product(together)) < least else best


def turned(blocks: np.ndarray, factors: Factors) -> Factors:
    """L, then R, then d, each the best for the other two.

    What is solved for is the change that takes away what is missing: rounding is then relative to that.
    """
    left, scales, right = factors
    after = scales[..., None] * right  # (y₀, x₀, z, x₁)
    systems, known = ((after.conj() @ side.swapaxes(2, 3)).sum(1) for side in (after, blocks - left[:, None] @ after))
    left = left + solved(systems, known).swapaxes(1, 2)
    before = left[:, None] * scales[:, :, None]  # (y₀, x₀, y₁, z)
    missing = blocks - before @ right
    systems, known = ((before.conj().swapaxes(2, 3) @ side).sum(0) for side in (before, missing))
    right = right + solved(systems, known)
    ours, theirs = left.conj().swapaxes(1, 2) @ left, right.conj() @ right.swapaxes(1, 2)  # (·, z, w)
    known = seen(blocks - before @ right, left, right)[..., None]
    return left, scales + solved(ours[:, None] * theirs, known)[..., 0], right


def turned_together(blocks: np.ndarray, factors: Factors) -> Factors:
    """L, d and R at once, as if their product were linear in them: one after another they gain little at a time."""
    left, scales, right = factors = balanced(factors)
    ends = np.cumsum([part.size for part in factors])[:2]

    def change(step: np.ndarray) -> np.ndarray:
        parts = (part.reshape(old.shape) for part, old in zip(np.split(step, ends), factors, strict=True))
        by_left, by_scales, by_right = parts
        changed = product((by_left, scales, right)) + product((left, by_scales, right))
        return np.asarray(changed + product((left, scales, by_right))).ravel()

    def back(far: np.ndarray) -> np.ndarray:
        missing = far.reshape(blocks.shape)
        after, before = scales[..., None] * right, left[:, None] * scales[:, :, None]
        to_left = (missing @ after.conj().swapaxes(2, 3)).sum(1)
        to_right = (before.conj().swapaxes(2, 3) @ missing).sum(0)
        return np.concatenate([to_left.ravel(), seen(missing, left, right).ravel(), to_right.ravel()])

    shape = (blocks.size, sum(part.size for part in factors))
    operator = LinearOperator(shape, matvec=change, rmatvec=back, dtype=blocks.dtype)
    missing = blocks - product(factors)
    rounding = np.finfo(missing.dtype).eps * missing.size**0.25 * np.linalg.norm(blocks)
    enough = min(1.0, float(rounding / max(np.linalg.norm(missing), TINY)))
    step = lsmr(operator, missing.ravel(), atol=0, btol=enough, conlim=0, maxiter=STEPS)[0]
    parts = zip(np.split(step, ends), factors, strict=True)
    left, scales, right = (old + part.reshape(old.shape) for part, old in parts)
    return left, scales, right


def balanced(factors: Factors) -> Factors:
    """The same product of columns of L and rows of R that are as long as each other, and entries of d up to one."""
    left, scales, right = factors
    columns, rows = np.linalg.norm(left, axis=1, keepdims=True), np.linalg.norm(right, axis=2, keepdims=True)
    columns, rows = np.where(columns > 0, columns, 1), np.where(rows > 0, rows, 1)
    scales = scales * columns * rows[..., 0]
    largest = np.abs(scales).max((0, 1))
    largest = np.where(largest > 0, largest, 1)
    shares = np.sqrt(largest)
    return left / columns * shares, scales / largest, right / rows * shares[:, None]


def seen(blocks: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Every column of L and row of R against every block, shape (y₀, x₀, z)."""
    return np.asarray(((left.conj().swapaxes(1, 2)[:, None] @ blocks) * right.conj()).sum(-1))


def solved(systems: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Solutions of Hermitian systems, zero where nothing depends on them."""
    ridge = RIDGE * np.einsum("...zz->...", systems).real[..., None, None] + TINY
    return np.asarray(np.linalg.solve(systems + ridge * np.eye(systems.shape[-1]), known))


def product(factors: Factors) -> np.ndarray:
    """The blocks, shape (y₀, x₀, y₁, x₁)."""
    left, scales, right = factors
    return np.asarray((left[:, None] * scales[:, :, None]) @ right)


monarch_product = Family(
    "monarch-product",
    "product M M*",
    "Dao et al. 2022",
    settings,
    fit,
    scope="choice of two radices above one",
    one_cost=True,
    scales_columns=True,
)
