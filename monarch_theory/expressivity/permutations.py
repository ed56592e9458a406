"""Best permutation search: a heuristic, and nothing more. It never makes the distance worse than the order given.

Which row and column order brings a matrix nearest to a Monarch class is a combinatorial question with no known fast
answer. This hill climb swaps two columns or two rows at a time, order 2 only, and keeps a swap that lowers the
distance; a swap touches the slices of two digits only, so a step costs two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.matrices import power_of_two, read_matrix
from monarch_theory.expressivity.projection import Projection, project

__all__ = ["PermutedProjection", "search_permutations"]


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
    """Hill climb over row and column swaps, `steps` of them, from the order given.

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
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0:
        raise ValueError(f"steps: expected a number of swaps that is not negative, got {steps!r}")
    array = read_matrix(matrix).values
    before = project(array, kind)
    original, array = array, array / array.dtype.type(power_of_two(array))
    rows, columns = np.arange(kind.shape[0]), np.arange(kind.shape[1])
    tails = _tails(kind.slices(array), kind.rank).reshape(kind.output_radices[0], kind.input_radices[1])
    # digit of every index that names its slice
    row_digit = kind.slices(np.broadcast_to(np.arange(kind.shape[0])[:, None], kind.shape))
    column_digit = kind.slices(np.broadcast_to(np.arange(kind.shape[1]), kind.shape))
    grid = (kind.output_radices[0], kind.input_radices[1])
    rows_of = row_digit.reshape(*grid, *row_digit.shape[1:])[:, 0, :, 0]
    columns_of = column_digit.reshape(*grid, *column_digit.shape[1:])[0, :, 0, :]
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
    after = project(original[np.ix_(rows, columns)], kind)
    if after.distance > before.distance:
        rows, columns, after = np.arange(kind.shape[0]), np.arange(kind.shape[1]), before
    return PermutedProjection(rows, columns, after, before.relative_distance)


def _tails(slices: np.ndarray, rank: int) -> np.ndarray:
    return np.asarray((np.linalg.svd(slices, compute_uv=False)[..., rank:] ** 2).sum(-1))
