"""GS-matrices P_L (L P R) P_R with L, R block diagonal (Gorbunov et al. 2024); P shuffles, P_L and P_R may.

L has k_L blocks, R has k_R, and the inner dimension s is dealt out evenly, so each block of the k_L × k_R grid has rank
at most s/(k_L k_R), and any such matrix is in the class: one SVD a block is optimal. P_L and P_R say which rows and
columns make a block: contiguous ones, or every k-th. Monarch matrices of order 2 are the case of inner blocks of rank
one. The orthogonal parametrisation, which the paper trains, is not imposed here.
"""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting

__all__ = ["group_and_shuffle"]


def settings(shape: tuple[int, int]) -> list[Setting]:
    result = []
    for left in (k for k in range(1, shape[0] + 1) if shape[0] % k == 0):
        for right in (k for k in range(1, shape[1] + 1) if shape[1] % k == 0):
            grid, rows, columns = (left, right), shape[0] // left, shape[1] // right
            for rank in (r for r in (1, 2, 4, 8) if r < min(rows, columns)):
                inner = rank * left * right
                cost = shape[0] * inner // left + shape[1] * inner // right
                for shuffles in _shuffles(left, rows, right, columns):
                    label = f"k_L = {left}, k_R = {right}, s = {inner}"
                    label += "".join(f", {name}" for name, there in zip(("P_L", "P_R"), shuffles, strict=True) if there)
                    choices = {"grid": grid, "rank": rank, "shuffles": shuffles}
                    result.append(Setting(label, cost, cost, "optimal", choices))
    return result


def _shuffles(left: int, rows: int, right: int, columns: int) -> list[tuple[bool, bool]]:
    """Whether P_L and P_R shuffle; with one block, or blocks of one, shuffling changes nothing."""
    rows_too, columns_too = min(left, rows) > 1, min(right, columns) > 1
    return [(a, b) for a in (False, True) if rows_too or not a for b in (False, True) if columns_too or not b]


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    (left, right), rank = setting.choices["grid"], setting.choices["rank"]
    orders = [_order(*side) for side in zip(matrix.shape, (left, right), setting.choices["shuffles"], strict=True)]
    place = np.ix_(*orders)
    blocks = matrix[place].reshape(left, matrix.shape[0] // left, right, -1).swapaxes(1, 2)
    u, s, v = np.linalg.svd(blocks, full_matrices=False)
    near = (u[..., :rank] * s[..., None, :rank]) @ v[..., :rank, :]
    result = np.empty_like(matrix)
    result[place] = near.swapaxes(1, 2).reshape(matrix.shape)
    return result


def _order(size: int, blocks: int, shuffled: bool) -> np.ndarray:
    """The indices of one block after another."""
    return np.arange(size).reshape(-1, blocks).T.reshape(-1) if shuffled else np.arange(size)


group_and_shuffle = Family("gs", "GS-matrices", "Gorbunov et al. 2024", settings, fit)
