"""Toeplitz, causal Toeplitz and circulant operators by some hundred products whatever the size, and no matrix.

**Yes.** A column, with the last one and every M-th of an operator of M outputs, shows every diagonal, so a member T;
k products with standard normal x estimate its distance, E ‖(A − T)x‖² = ‖A − T‖_F², with the bounds of `operators`.

**No.** A matrix is Toeplitz where shifting inputs and outputs changes nothing: the displacement E(A), with entries
A[i + 1, j + 1] − A[i, j], is zero. It is a difference of two parts of A, so that ‖E(A)‖ = ‖E(A − T)‖ ≤ 2 ‖A − T‖ for
every member T; its norm is estimated by the same k. Circulant matrices wrap round; causal ones have, besides, a last
column that is zero above its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal, get_args

import numpy as np
from scipy.linalg import matmul_toeplitz
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from monarch_theory.domains import COMPLEX128
from monarch_theory.expressivity.matrices import check_linear, power_of_two
from monarch_theory.expressivity.membership import checked_accuracy
from monarch_theory.expressivity.operators import HIGH, LOW, PROBES, finite, outside
from monarch_theory.expressivity.projection import operation_roundoff
from monarch_theory.rounding import gamma

__all__ = ["ToeplitzFamily", "ToeplitzMembership", "toeplitz_membership_of"]

ToeplitzFamily = Literal["toeplitz", "causal-toeplitz", "circulant"]
"""As `families` call them."""


@dataclass(frozen=True, eq=False)
class ToeplitzMembership:
    """What products tell of an operator.

    Attributes:
        member: within the accuracy of a member or not; None where the products do not tell.
        family: which.
        column, row: the first ones of a member, shapes (outputs,) and (inputs,): near where `distance` says so.
        distance: of that member, relative; estimated. It is `farthest` at most, but with probability `failure`.
        farthest: likewise relative.
        floor: no member is relatively nearer, rounding taken off and but with probability `failure`.
        failure: that an estimate is outside its bounds: a bound on its probability over the probes.
        products: with the operator.
    """

    member: bool | None
    family: ToeplitzFamily
    column: np.ndarray
    row: np.ndarray
    distance: float
    farthest: float
    floor: float
    failure: float
    products: int


def toeplitz_membership_of(
    operator: Any, family: ToeplitzFamily = "toeplitz", *, accuracy: float, seed: int = 0, name: str = "operator"
) -> ToeplitzMembership:
    """Is what an operator multiplies by Toeplitz, causal Toeplitz or circulant? Measured, by products alone.

    Args:
        operator: a SciPy `LinearOperator`, or what `aslinearoperator` makes one of; no adjoint is asked for.
        family: which of the three.
        accuracy: of its products with standard normal inputs, relative to the Frobenius norm: nobody can tell how an
            operator rounds.
        seed: of the probes.
        name: what error messages call it.

    Raises:
        ValueError: an unknown family, one of square matrices for an operator that is none, an operator that is not
            linear, products that are not finite, or an accuracy outside [0, 1).

    >>> from scipy.fft import irfft, rfft
    >>> n = 2**16
    >>> spectrum = rfft(np.exp(-np.arange(n) / 50.0))[:, None]
    >>> smooth = LinearOperator(
    ...     (n, n), dtype=float, matvec=None, matmat=lambda x: irfft(spectrum * rfft(x, axis=0), n, axis=0)
    ... )
    >>> [toeplitz_membership_of(smooth, f, accuracy=1e-10).member for f in ("circulant", "causal-toeplitz")]
    [True, False]
    """
    checked_accuracy(accuracy)
    if family not in get_args(ToeplitzFamily):
        raise ValueError(f"family: expected {', '.join(get_args(ToeplitzFamily))}, got {family!r}")
    linear: LinearOperator = aslinearoperator(operator)
    rows, columns = linear.shape
    if family != "toeplitz" and rows != columns:
        raise ValueError(f"{name}: expected a square operator, as {family} matrices are, got {linear.shape}")
    check_linear(linear.matmat, columns, name, dtype=linear.dtype)
    asked = 0

    def multiply(x: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += x.shape[1]
        return finite(linear.matmat(x), name)

    x = np.random.default_rng(seed).standard_normal((columns, PROBES))
    image = multiply(x)
    scale = power_of_two(image)  # so that no square overflows or vanishes
    image = image / scale
    # columns that meet every diagonal
    places = [*range(0, columns, rows), columns - 1]
    units = np.zeros((columns, len(places)))
    units[places, range(len(places))] = 1
    seen = multiply(units) / scale  # (outputs, places)
    if family == "circulant":
        moved = multiply(np.roll(x, 1, axis=0)) / scale - np.roll(image, 1, axis=0)
        column, row = seen[:, 0], np.roll(seen[::-1, 0], 1)
    else:
        inner, none = x[1:], np.zeros((1, PROBES))
        moved = (multiply(np.vstack([none, inner]))[1:] - multiply(np.vstack([inner, none]))[:-1]) / scale
        column, row = seen[:, 0], _first_row(seen, places)
        row = row if family == "toeplitz" else np.where(np.arange(columns) == 0, row, 0)
    rest = image - matmul_toeplitz((column, row), x)
    norm, distance, change = (float(np.linalg.norm(y)) / sqrt(PROBES) for y in (image, rest, moved))
    beyond = float(np.linalg.norm(seen[:-1, -1])) if family == "causal-toeplitz" else 0.0
    most, least = norm / sqrt(LOW), norm / sqrt(HIGH)  # of the norm
    right = 1 - gamma(rows * PROBES, operation_roundoff(COMPLEX128))  # share of what is summed
    floor, farthest = 0.0, 0.0
    if norm:
        floor, farthest = max(change / sqrt(HIGH) / 2, beyond) * right / most, distance / sqrt(LOW) / least
    member = True if farthest <= accuracy else False if floor > accuracy else None
    return ToeplitzMembership(
        member,
        family,
        column * scale,
        row * scale,
        distance / norm if norm else 0.0,
        farthest,
        floor,
        2 * (outside(LOW) + outside(HIGH)),
        asked,
    )


def _first_row(seen: np.ndarray, places: list[int]) -> np.ndarray:
    """Of the Toeplitz matrix that has these columns (outputs, places) where they stand; the last place is the end."""
    rows, columns = len(seen), places[-1] + 1
    # from the corner at the right above to the one at the left below
    diagonals = np.empty(rows + columns - 1, seen.dtype)
    for place, column in zip(places, seen.T, strict=True):
        diagonals[columns - 1 - place : columns - 1 - place + rows] = column
    return diagonals[columns - 1 :: -1]
