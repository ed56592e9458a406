"""A member of rank one near a digit tensor, quickly: one digit after another contracted with leading singular vectors.

These are the truncations of `projection`, of the first split first or of the last, for bonds of width one: what is left
is read as (i_0 … i_{k−1}, i_k, i_{k+1} …, a_k, a_{k+1} …), so that nothing is turned round but one digit, and the
factors are those that `alternation` sweeps over. The vectors are of unit length: what the last factor holds is what all
of them capture.
"""

from __future__ import annotations

from math import prod

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.leading import leading_right

__all__ = ["ascended", "descended"]

Factors = list[np.ndarray]


def descended(whole: np.ndarray, kind: MonarchClass) -> Factors:
    """C_0, C_1 …, each of shape (i_0 … i_{k−1}, i_k, a_k, a_{k+1} …), for an array of the outputs' and inputs' digits.

    >>> one, two = descended(np.ones((4, 4)), MonarchClass((2, 2)))
    >>> one.shape, two.shape, round(float(np.linalg.norm(two)), 12)
    ((1, 2, 2, 2), (2, 2, 2, 1), 4.0)
    """
    rows, columns = kind.output_radices, kind.input_radices
    factors, state = [], whole
    for k in range(kind.order - 1):
        before, rest, after = prod(rows[:k]), prod(rows[k + 1 :]), prod(columns[k + 1 :])
        turned = state.reshape(before, rows[k], rest, columns[k], after).transpose(0, 1, 4, 2, 3)
        slices = turned.reshape(-1, rest, columns[k])  # (i_0 … i_k, a_{k+1} …), i_{k+1} …, a_k
        right = leading_right(slices, 1)
        factors.append(right.reshape(before, rows[k], after, columns[k]).swapaxes(2, 3))
        state = (slices @ right.conj().swapaxes(1, 2)).reshape(before * rows[k], after, rest).swapaxes(1, 2)
    return [*factors, state.reshape(-1, rows[-1], columns[-1], 1)]


def ascended(whole: np.ndarray, kind: MonarchClass) -> Factors:
    """The same from the last digit of the outputs to the first; the first factor holds what they capture.

    >>> one, two = ascended(np.ones((4, 4)), MonarchClass((2, 2)))
    >>> one.shape, two.shape, round(float(np.linalg.norm(one)), 12)
    ((1, 2, 2, 2), (2, 2, 2, 1), 4.0)
    """
    rows, columns = kind.output_radices, kind.input_radices
    factors, state = [], whole
    for k in reversed(range(1, kind.order)):
        before, earlier, after = prod(rows[:k]), prod(columns[:k]), prod(columns[k + 1 :])
        turned = state.reshape(before, rows[k], earlier, columns[k] * after).transpose(0, 3, 2, 1)
        slices = turned.reshape(-1, earlier, rows[k])  # (i_0 … i_{k−1}, a_k …), a_0 … a_{k−1}, i_k
        left = leading_right(slices, 1)
        factors.append(left.reshape(before, columns[k], after, rows[k]).transpose(0, 3, 1, 2))
        state = (slices @ left.conj().swapaxes(1, 2)).reshape(before, columns[k] * after, earlier).swapaxes(1, 2)
    return [state.reshape(1, rows[0], columns[0], -1), *reversed(factors)]
