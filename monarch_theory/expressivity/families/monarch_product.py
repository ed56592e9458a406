"""Products M₁ M₂* of two Monarch matrices of order 2, the matrix of a layer with one Monarch on each side (Dao 2022).

In radices (b₀, b₁), with the inner digit the least significant, block (y₀, x₀) of the matrix is L_{y₀} diag(d_{y₀x₀})
R_{x₀} (`recovery`, which is exact and says where the factors are unique). For one factor after another the nearest
matrix is a least-squares problem, so the error never rises; of the two starts, one tells exact products and those near
them apart by eigenvectors (`separation`). Near one, all factors are then moved at once, and a small matrix has starts
at random as well. No bound is known that no member is below.
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
ITERATIONS = 300  # of the iteration for all factors at once
RIDGE = 1e-14  # of the trace: what nothing depends on stays as it was
FEW, FEW_ENTRIES, NEAR = 400, 2**10, 0.2  # unknowns of a step, its equations, and the share of the norm it begins below
DRAWS = 2
STEPS, PLATEAU, EXACT, NEARLY, MOST = 50, 10, 1e-15, 1e-9, 1e6  # the last for the damping

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
    norm, near, least = float(np.linalg.norm(blocks)), np.zeros_like(blocks), np.inf
    with np.errstate(over="ignore", invalid="ignore"):  # a start of huge factors is no start, and the other is one
        for k, start in enumerate((*starts(blocks), *drawn(blocks))):
            if least <= EXACT * norm or (k > 1 and least > NEAR * norm):
                break
            found = product(stepped(blocks, polished(blocks, start)))
            error = float(np.linalg.norm(blocks - found))
            if error < least:
                near, least = found, error
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


def drawn(blocks: np.ndarray) -> Iterator[Factors]:
    """Factors at random, of a small matrix: where many of a member's own are zero, the other starts end elsewhere."""
    inner, _, outer, _ = blocks.shape
    rng = np.random.default_rng(0)
    for _ in range(DRAWS if blocks.size <= FEW_ENTRIES else 0):
        shapes = (inner, outer, outer), (inner, inner, outer), (inner, outer, outer)
        left, scales, right = (rng.standard_normal(shape).astype(blocks.dtype) for shape in shapes)
        yield left, scales, right


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


def stepped(blocks: np.ndarray, factors: Factors) -> Factors:
    """Factors no farther, by steps of Levenberg and Marquardt of all three at once, of a small matrix that is near."""
    norm, note = float(np.linalg.norm(blocks)) or 1.0, watch()
    sizes, left = [factor.size for factor in factors], blocks - product(factors)
    least, damping = float(np.linalg.norm(left)), 1e-2
    if sum(sizes) > FEW or blocks.size > FEW_ENTRIES or not least <= NEAR * norm:
        return factors
    for step in range(STEPS):
        if damping > MOST or least <= EXACT * norm:
            break
        note(least / norm)
        slope = tangent(factors)
        gram, down = slope.conj().T @ slope, slope.conj().T @ left.reshape(-1)
        scale = float(gram.trace().real) / len(gram)
        if not np.isfinite(scale) or not scale:
            break
        move = np.linalg.solve(gram + np.eye(len(gram), dtype=gram.dtype) * (damping * scale), down)
        moves = np.split(move, np.cumsum(sizes)[:-1])
        left_, scales, right = (one + by.reshape(one.shape) for one, by in zip(factors, moves, strict=True))
        rest = blocks - product((left_, scales, right))
        error = float(np.linalg.norm(rest))
        if not error < least:
            damping *= 4
            continue
        settled = step > PLATEAU and error > least * (1 - SHRINKS) and error > NEARLY * norm
        factors, left, least, damping = (left_, scales, right), rest, error, max(damping / 5, RIDGE)
        if settled:
            break
    note(least / norm)
    return factors


def tangent(factors: Factors) -> np.ndarray:
    """What entries of the product change by with those of L, d and R, shape (entries, entries of all factors)."""
    left, scales, right = factors
    inner, outer = (np.eye(side, dtype=left.dtype) for side in left.shape[:2])
    sides = (
        np.einsum("yp,aq,yxz,xzb->yxabpqz", inner, outer, scales, right),
        np.einsum("yp,xq,yaz,xzb->yxabpqz", inner, inner, left, right),
        np.einsum("xp,bq,yaz,yxz->yxabpzq", inner, outer, left, scales),
    )
    entries = len(inner) ** 2 * len(outer) ** 2
    return np.concatenate([side.reshape(entries, -1) for side in sides], 1)


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
    step = lsmr(operator, missing.ravel(), atol=0, btol=enough, conlim=0, maxiter=ITERATIONS)[0]
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
