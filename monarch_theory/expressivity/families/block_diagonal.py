"""Block-diagonal matrices with equal blocks: the nearest one keeps the blocks and drops the rest."""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.parts import Blocks

__all__ = ["block_diagonal"]


def settings(shape: tuple[int, int]) -> list[Setting]:
    blocks = [g for g in range(1, min(shape) + 1) if shape[0] % g == 0 == shape[1] % g]
    size = shape[0] * shape[1]
    return [Setting(f"{g} blocks", size // g, size // g, "optimal", {"blocks": g}) for g in blocks]


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    blocks = setting.choices["blocks"]
    row_block = np.arange(matrix.shape[0]) * blocks // matrix.shape[0]
    column_block = np.arange(matrix.shape[1]) * blocks // matrix.shape[1]
    return np.where(row_block[:, None] == column_block, matrix, matrix.dtype.type(0))


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Blocks]:
    g = setting.choices["blocks"]
    grid = matrix.reshape(g, matrix.shape[0] // g, g, matrix.shape[1] // g)
    return (Blocks({"blocks": grid[range(g), :, range(g)]}),)


def beyond(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """What does not stand in a block."""
    blocks = setting.choices["blocks"]
    rows, columns = (np.arange(side) * blocks // side for side in matrix.shape)
    return matrix[rows[:, None] != columns]


block_diagonal = Family(
    "block-diagonal",
    "block diagonal",
    "folklore",
    settings,
    fit,
    scope="number of equal blocks",
    one_cost=True,
    parts=parts,
    scales_columns=True,
    vanishing=beyond,
)
