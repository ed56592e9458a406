"""GS-matrices P_L (L P R) P_R with L, R block diagonal (Gorbunov et al. 2024), with the shuffle P and P_L = P_R = I.

L has k_L blocks, R has k_R, and the inner dimension s is dealt out evenly, so block (l, r) of the k_L × k_R grid of
*contiguous* blocks has rank at most s/(k_L k_R), and any such matrix is in the class: one SVD a block is optimal. The
orthogonal parametrisation, which the paper trains, is not imposed here.
"""

import numpy as np

from monarch_theory.expressivity.families.family import Family, Setting

__all__ = ["group_and_shuffle"]


def settings(shape: tuple[int, int]) -> list[Setting]:
    result = []
    for left in (k for k in range(1, shape[0] + 1) if shape[0] % k == 0):
        for right in (k for k in range(1, shape[1] + 1) if shape[1] % k == 0):
            rows, columns = shape[0] // left, shape[1] // right
            for rank in (r for r in (1, 2, 4, 8) if r < min(rows, columns)):
                inner = rank * left * right
                cost = shape[0] * inner // left + shape[1] * inner // right
                label = f"k_L = {left}, k_R = {right}, s = {inner}"
                result.append(Setting(label, cost, cost, "optimal", {"grid": (left, right), "rank": rank}))
    return result


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    (left, right), rank = setting.choices["grid"], setting.choices["rank"]
    blocks = matrix.reshape(left, matrix.shape[0] // left, right, -1).swapaxes(1, 2)
    u, s, v = np.linalg.svd(blocks, full_matrices=False)
    near = (u[..., :rank] * s[..., None, :rank]) @ v[..., :rank, :]
    return near.swapaxes(1, 2).reshape(matrix.shape)


group_and_shuffle = Family("gs", "GS-matrices", "Gorbunov et al. 2024", settings, fit)
