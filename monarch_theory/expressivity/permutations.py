"""Best permutation search: a heuristic, and nothing more. It never makes the distance worse than the order given.

Which row and column order brings a matrix nearest to a Monarch class is NP-hard to say, with the radices part of the
question (`proofs/best_permutation`). Only which rows and which columns share a digit matters, not their order within.

A scrambled member of rank one gives its groups away: entries are L_{i0}[i1, a1] R_{a1}[i0, a0], so the quotient of two
columns of one group depends on i0 alone, and takes one value on each group of rows. The two columns whose quotients
fall into groups most clearly give the rows; columns that are proportional on every group of rows are then together.
From there, or from the order given where that is nearer, a hill climb swaps two columns or two rows at a time, order 2
only, and keeps a swap that lowers the distance; a swap touches the slices of two digits only, so a step costs two of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from monarch_theory.digits import is_integer
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.matrices import power_of_two, read_matrix
from monarch_theory.expressivity.projection import Projection, project_values

__all__ = ["PermutedProjection", "search_permutations"]

PAIRS, TOLD = 4096, 8  # pairs of columns that are looked at, and how many of the clearest are tried
CLEARLY = 1e-9  # nearer: other orders within the groups are as near, but for rounding
DIRECTION = np.array([0.62, 0.53, 0.58])  # no two of the points that matter have the same height along it


@dataclass(frozen=True, eq=False)
class PermutedProjection:
    """A[rows][:, columns] ≈ member. Found by a heuristic: no bound on how far from the best permutation it is.

    Attributes:
        rows, columns: permutations, shape (outputs,) and (inputs,).
        projection: of the permuted matrix.
        unpermuted_distance: relative distance before the search.
    """

    rows: np.ndarray
    columns: np.ndarray
    projection: Projection
    unpermuted_distance: float


def search_permutations(
    matrix: Any,
    kind: MonarchClass,
    rng: np.random.Generator,
    *,
    steps: int = 2000,
    progress: Callable[[float], None] | None = None,
) -> PermutedProjection:
    """Groups told from quotients of columns, then a hill climb over row and column swaps, `steps` of them.

    Theorem: `proofs/best_permutation`, why it is a heuristic.

    Raises:
        ValueError: the class has another order than two, or `steps` is negative.

    >>> from monarch_theory.domains import FLOAT64
    >>> from monarch_theory.monarch import random_monarch
    >>> member = random_monarch((4, 4), FLOAT64, np.random.default_rng(0)).dense()
    >>> shuffled = member[:, np.random.default_rng(1).permutation(16)]
    >>> found = search_permutations(shuffled, MonarchClass((4, 4)), np.random.default_rng(0), steps=500)
    >>> found.projection.relative_distance < 0.8 * found.unpermuted_distance
    True
    """
    if kind.order != 2:
        raise ValueError(f"order: expected 2 for the permutation search, got {kind.order}")
    if not is_integer(steps) or steps < 0:
        raise ValueError(f"steps: expected a number of swaps that is not negative, got {steps!r}")
    array = read_matrix(matrix).values
    before = project_values(array, kind)
    original, array = array, array / array.dtype.type(power_of_two(array))
    rows, columns = np.arange(kind.shape[0]), np.arange(kind.shape[1])
    tails = _tails(kind.slices(array), kind.rank).reshape(kind.output_radices[0], kind.input_radices[1])
    # digit of every index that names its slice
    row_digit = kind.slices(np.broadcast_to(np.arange(kind.shape[0])[:, None], kind.shape))
    column_digit = kind.slices(np.broadcast_to(np.arange(kind.shape[1]), kind.shape))
    grid = (kind.output_radices[0], kind.input_radices[1])
    rows_of = row_digit.reshape(*grid, *row_digit.shape[1:])[:, 0, :, 0]
    columns_of = column_digit.reshape(*grid, *column_digit.shape[1:])[0, :, 0, :]
    if steps and kind.rank == 1 and min(grid) > 1:
        for told in _groups(array, (len(rows_of), len(columns_of)), rng):
            arranged = _arranged(told, rows_of, columns_of)
            fresh = _tails(kind.slices(array[np.ix_(*arranged)]), 1).reshape(grid)
            if fresh.sum() < tails.sum() * (1 - CLEARLY):
                tails, (rows, columns) = fresh, arranged
    for step in range(steps):
        along_columns = (bool(rng.integers(2)) and grid[1] > 1) or grid[0] == 1
        groups, permutation = (columns_of, columns) if along_columns else (rows_of, rows)
        if len(groups) < 2:
            break
        first, second = rng.choice(len(groups), 2, replace=False)
        a, b = rng.choice(groups[first]), rng.choice(groups[second])
        permutation[[a, b]] = permutation[[b, a]]
        touched = [first, second]
        if along_columns:
            pieces = array[np.ix_(rows, columns[columns_of[touched].reshape(-1)])]
            stack = pieces[rows_of].reshape(grid[0], rows_of.shape[1], 2, -1).swapaxes(1, 2)
            fresh = _tails(stack, kind.rank)
            gain = tails[:, touched].sum() - fresh.sum()
        else:
            pieces = array[np.ix_(rows[rows_of[touched].reshape(-1)], columns)]
            stack = pieces[:, columns_of].reshape(2, rows_of.shape[1], grid[1], -1).swapaxes(1, 2)
            fresh = _tails(stack, kind.rank)
            gain = tails[touched].sum() - fresh.sum()
        if gain > 0:
            tails[(slice(None), touched) if along_columns else touched] = fresh
        else:
            permutation[[a, b]] = permutation[[b, a]]
        if progress is not None:
            progress((step + 1) / steps)
    after = project_values(original[np.ix_(rows, columns)], kind)
    if after.distance > before.distance:
        rows, columns, after = np.arange(kind.shape[0]), np.arange(kind.shape[1]), before
    return PermutedProjection(rows, columns, after, before.relative_distance)


Groups = tuple[np.ndarray, np.ndarray]


def _groups(array: np.ndarray, counts: tuple[int, int], rng: np.random.Generator) -> Iterator[Groups]:
    """Row groups, shape (count, size), and column groups, likewise, for the clearest quotients of two columns."""
    ranked: list[tuple[float, int, np.ndarray]] = []
    for first, second in _pairs(array.shape[1], rng):
        points = _quotients(array[:, first], array[:, second])
        order = np.argsort(points @ DIRECTION)
        blocks = points[order].reshape(counts[0], -1, 3)
        within = np.ptp(blocks, axis=1).max()
        means = np.sort(blocks.mean(1) @ DIRECTION)
        apart = np.diff(means).min()
        if apart > 0:
            ranked.append((within / apart, len(ranked), order.reshape(counts[0], -1)))
    for _, _, rows in sorted(ranked)[:TOLD]:
        columns = _alike(array, rows, counts[1])
        yield rows, columns
        # the rows again, by all columns and not by two: quotients of few values leave them open
        rows = _alike(array.T, columns, counts[0])
        yield rows, _alike(array, rows, counts[1])


def _pairs(columns: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """All pairs of columns, or some."""
    if columns * (columns - 1) // 2 <= PAIRS:
        yield from combinations(range(columns), 2)
        return
    for _ in range(PAIRS):
        first, second = rng.choice(columns, 2, replace=False)
        yield int(first), int(second)


def _quotients(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """a : b as points of a sphere, shape (rows, 3), so that b may vanish: the same point where a′ : b′ is the same."""
    squares = np.abs(first) ** 2 + np.abs(second) ** 2
    held = np.where(squares > 0, squares, 1)
    product = 2 * first * second.conj() / held
    return np.stack([product.real, product.imag, (np.abs(first) ** 2 - np.abs(second) ** 2) / held], axis=1)


def _alike(array: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Columns in `count` groups of one size, each gathered round its first by how nearly they are proportional."""
    blocks = array[rows]  # (groups, rows of one, columns)
    overlaps = np.abs(np.einsum("grc,grd->gcd", blocks.conj(), blocks)) ** 2
    squares = np.einsum("gcc->gc", overlaps) ** 0.5
    lost = (squares[:, :, None] * squares[:, None] - overlaps).sum(0)  # none, where proportional on every group
    left, groups = np.arange(array.shape[1]), []
    size = len(left) // count
    for _ in range(count):
        chosen = np.argsort(lost[left[0], left], kind="stable")[:size]
        if 0 not in chosen:
            chosen = np.append(0, chosen[: size - 1])
        groups.append(left[chosen])
        left = np.delete(left, chosen)
    return np.array(groups)


def _arranged(told: Groups, rows_of: np.ndarray, columns_of: np.ndarray) -> Groups:
    """Permutations that put every group where one digit is the same."""
    rows, columns = np.empty(rows_of.size, int), np.empty(columns_of.size, int)
    rows[rows_of], columns[columns_of] = told
    return rows, columns


def _tails(slices: np.ndarray, rank: int) -> np.ndarray:
    return np.asarray((np.linalg.svd(slices, compute_uv=False)[..., rank:] ** 2).sum(-1))
