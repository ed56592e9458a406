"""MonarchAttention (Yaras et al. 2025): softmax attention by a Monarch matrix, without forming it.

Row i of softmax(Z) maximises ⟨a, Z_i⟩ + H(a) over probability vectors a. Over row-stochastic Monarch matrices, query
(l, j) and key (k, i) with A = L[j, k, l]·R[k, j, i] (the DAO convention), the objective is maximised in turns:

    R[k, j, ·] = softmax_i( Σ_l L[j, k, l] Z[(l, j), (k, i)] / Σ_l L[j, k, l] )
    L[j, ·, l] = softmax_k( Σ_i R[k, j, i] Z[(l, j), (k, i)] + H(R[k, j, ·]) )

The aim is the softmax objective, not Frobenius distance, so the optimal projection is always at least as near. Here Z
is the logarithm of the matrix, which differs from Q Kᵀ by a constant a row, and those cancel.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import softmax

from monarch_theory.expressivity.classes import MonarchClass, factorisations
from monarch_theory.expressivity.convergence import watch
from monarch_theory.expressivity.families.family import Candidate, Cost, Family, Floor, Setting, by_floor
from monarch_theory.expressivity.families.monarch_orders import WORTH_FITTING, radices_of
from monarch_theory.expressivity.parts import Train
from monarch_theory.expressivity.projection import project_values
from monarch_theory.expressivity.spectra import Slicing, Spectra
from monarch_theory.monarch import Convention

__all__ = ["TURNS", "monarch_attention"]

TURNS = 4


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for rows in factorisations(shape[0], 2):
        for columns in factorisations(shape[1], 2):
            kind = MonarchClass(columns, rows, Convention.DAO)
            label = f"radices {radices_of(kind)}, {TURNS} turns"
            # every entry passes through the softmax of its row
            yield Setting(label, kind.parameters, kind.parameters, "heuristic", {"kind": kind}, shape[1])


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """The Frobenius projection, which need not keep probabilities, is nearer than any Monarch matrix that does."""
    candidates = []
    for setting in settings(spectra.shape):
        if setting.parameters <= budget:
            kind = setting.choices["kind"]
            slicing = Slicing(kind.output_radices[0], kind.input_radices[1], (True, False))
            candidates.append(Candidate(slicing, 1, setting))
    return by_floor(spectra, candidates)[:WORTH_FITTING]


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """Approximate softmax(log matrix); the rows are taken as probabilities up to scale.

    Raises:
        ValueError: an entry that is not a positive real number.
    """
    if matrix.dtype.kind == "c" or not (matrix > 0).all():
        raise ValueError("expected positive real entries, as attention probabilities are")
    (n0, n1), (m0, m1) = setting.choices["kind"].input_radices, setting.choices["kind"].output_radices
    scale = matrix.sum(1)
    scores = np.log(matrix / scale[:, None]).reshape(m1, m0, n1, n0)  # l, j, k, i
    left = np.full((m0, n1, m1), 1 / n1)  # j, k, l
    norm, note = float(np.linalg.norm(matrix)), watch()
    for _ in range(TURNS):
        weights = left / np.maximum(left.sum(2, keepdims=True), np.finfo(float).tiny)
        right = softmax(np.einsum("jkl,ljki->kji", weights, scores), axis=2)
        entropy = -(right * np.log(np.maximum(right, np.finfo(float).tiny))).sum(2)
        left = softmax(np.einsum("kji,ljki->jkl", right, scores) + entropy.T[:, :, None], axis=1)
        near = np.einsum("jkl,kji->ljki", left, right).reshape(matrix.shape) * scale[:, None]
        note(float(np.linalg.norm(matrix - near)) / norm)
    return near.astype(matrix.dtype)


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Train]:
    return (Train.of(project_values(fit(matrix, setting), setting.choices["kind"]).train),)


monarch_attention = Family(
    "monarch-attention",
    "MonarchAttention",
    "Yaras et al. 2025",
    settings,
    fit,
    scope="choice of two radices above one",
    floors=floors,
    one_cost=True,
    by_ranks=True,
    parts=parts,
)
