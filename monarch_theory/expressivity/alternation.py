"""Alternating least squares over the factors of a Monarch matrix: closed form, and never farther than before.

An entry is a product, M[i, a] = ∏_k C_k[i_0 … i_k, a_k … a_{p−1}]. With all factors but C_k held, the nearest matrix is
a separate least-squares problem in each entry of C_k,

    C_k = Σ T·conj(P S) / (Σ |P|² · Σ |S|²),      P = ∏_{j<k} C_j,   S = ∏_{j>k} C_j,

summed over i_{k+1} … i_{p−1} and a_0 … a_{k−1}: P does not read those outputs, S does not read those inputs, so the two
sums of squares are taken apart. Contracting T with one factor after another shrinks it, and a sweep over all factors
costs a few passes over the matrix.
"""

from __future__ import annotations

from math import prod

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass

__all__ = ["polish", "product"]

SWEEPS = 40
SETTLED = 1e-5  # share of the squared norm captured that a sweep adds


def polish(tensor: np.ndarray, cores: list[np.ndarray], kind: MonarchClass) -> list[np.ndarray]:
    """Cores of a member no farther from a digit tensor, up to rounding, where sweeps no longer gain.

    Args:
        tensor: axes (i_0, …, i_{p−1}, a_0, …, a_{p−1}).
        cores: as those of `BlockTensorTrain`, every bond of width one.

    Raises:
        ValueError: a bond wider than one.
    """
    if max(kind.ranks) > 1:
        raise ValueError(f"rank: expected 1 for products entry by entry, got {kind.rank}")
    rows, factors = kind.output_radices, _factors(cores, kind)
    whole = tensor.reshape(kind.shape)
    captured = 0.0
    for _ in range(SWEEPS):
        before, captured = captured, _sweep(whole, factors, rows)
        if captured <= before * (1 + SETTLED):
            break
    return [factor.transpose(0, 3, 1, 2).reshape(core.shape) for factor, core in zip(factors, cores, strict=True)]


def product(cores: list[np.ndarray], kind: MonarchClass) -> np.ndarray:
    """The digit tensor of a member whose bonds are of width one, axes (i_0, …, i_{p−1}, a_0, …, a_{p−1})."""
    factors = _factors(cores, kind)
    _, m, _, after = factors[0].shape
    first = _suffixes(factors, kind.output_radices)[0].reshape(m, -1, 1, after) * factors[0][0][:, None]
    return np.asarray(first.reshape(kind.output_radices + kind.input_radices))


def _factors(cores: list[np.ndarray], kind: MonarchClass) -> list[np.ndarray]:
    """C_k, shape (i_0 … i_{k−1}, i_k, a_k, a_{k+1} … a_{p−1})."""
    rows, columns = kind.output_radices, kind.input_radices
    shapes = ((prod(rows[:k]), rows[k], columns[k]) for k in range(kind.order))
    return [
        core.reshape(before, -1, m, n).transpose(0, 2, 3, 1) for core, (before, m, n) in zip(cores, shapes, strict=True)
    ]


def _sweep(whole: np.ndarray, factors: list[np.ndarray], rows: tuple[int, ...]) -> float:
    """Solve for one factor after another, in place; the squared norm of the member at the end."""
    suffixes = _suffixes(factors, rows)
    state = whole  # T contracted with the conjugates of the factors before
    squares = np.ones((1, factors[0].shape[2], factors[0].shape[3]))  # Σ |P|², (i_0 … i_{k−1}, a_k, a_{k+1} …)
    captured = 0.0
    for k, factor in enumerate(factors):
        before, m, n, after = factor.shape
        rest = prod(rows[k + 1 :])
        state = state.reshape(before, m, rest, n, after)
        suffix = suffixes[k].reshape(before, m, rest, after)
        found = np.einsum("imqna,imqa->imna", state, suffix.conj())
        weight = squares[:, None] * _square(suffix).sum(2)[:, :, None]  # (before, m, n, after)
        held = weight > np.finfo(weight.dtype).tiny
        factors[k] = np.where(held, found / np.where(held, weight, 1), factor).astype(factor.dtype, copy=False)
        captured = float((_square(factors[k]) * weight).sum())
        state = np.einsum("imqna,imna->imqa", state, factors[k].conj())
        squares = (_square(factors[k]) * squares[:, None]).sum(2)  # (before, m, after)
        if k + 1 < len(factors):
            squares = squares.reshape(before * m, factors[k + 1].shape[2], -1)
    return captured


def _suffixes(factors: list[np.ndarray], rows: tuple[int, ...]) -> list[np.ndarray]:
    """∏_{j>k} C_j for every k, shape (i_0 … i_k, i_{k+1} … i_{p−1}, a_{k+1} … a_{p−1})."""
    suffix = np.ones((prod(rows), 1, 1), factors[-1].dtype)
    found = [suffix]
    for k in range(len(factors) - 1, 0, -1):
        before, m, n, after = factors[k].shape
        grown = suffix.reshape(before, m, -1, 1, after) * factors[k][:, :, None]  # (before, m, rest, n, after)
        suffix = grown.reshape(before, -1, n * after)
        found.append(suffix)
    return found[::-1]


def _square(array: np.ndarray) -> np.ndarray:
    return np.asarray(array.real**2 + array.imag**2 if np.iscomplexobj(array) else array**2)
