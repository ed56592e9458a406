"""Order 2 by products alone: an operator of N inputs is asked some √N of its N products, and no matrix is made.

A product with what stands on the inputs (·, a_1) alone shows, in the outputs (·, i_0), the slice X of i_0 and a_1 times
that: so w products for each a_1 give every X W, and w of the adjoint for each i_0 every V* X.

**No.** W has orthonormal columns, which lengthens no singular value: Σ σ_k(X W)² over k > r and all slices is at most
the squared distance of the nearest member. It takes one more column than the rank to see anything.

Without an adjoint the rows are asked for by products, too: inputs that stand on several a_1 at once show in the outputs
(·, i_0) a sum of columns Q that are known, and tell what each got wherever those columns are independent. Where they
are not, nothing is found, and the answer is no or open.

**Yes.** With Q the first r left singular vectors of X W, Q (V* Q)⁺ V* X is X wherever its rank is r or less (Tropp,
Yurtsever, Udell and Cevher 2017). Whatever it is, it is a member, M; and k products with standard normal x estimate its
distance, E ‖(A − M)x‖² = ‖A − M‖_F². The mean of k of them is below a share s < 1 of that with probability at most
(s·e^(1−s))^(k/2), and above a multiple s > 1 likewise, whatever A is: the moment-generating functions are those of
Π(1 + c_i) ≥ 1 + Σ c_i and Π(1 − c_i) ≥ 1 − Σ c_i.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, sqrt
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from monarch_theory.domains import COMPLEX128, FLOAT64
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.matrices import check_linear, power_of_two
from monarch_theory.expressivity.membership import checked_accuracy
from monarch_theory.expressivity.parts import Train
from monarch_theory.expressivity.projection import operation_roundoff, rounding_of
from monarch_theory.expressivity.tensor_train import BlockTensorTrain, core_of_split, last_core, remaining
from monarch_theory.expressivity.threads import alone

__all__ = ["HIGH", "LOW", "PROBES", "OperatorMembership", "finite", "operator_membership_of", "outside"]

Multiply = Callable[[np.ndarray], np.ndarray]
"""Shape (inputs, batch) → (outputs, batch)."""
PROBES = 32  # standard normal inputs
LOW, HIGH = 0.1, 4.0  # shares of a squared norm that the mean over them is between
AT_ONCE = 32  # products
NOTHING = 2.0**-40  # share of the largest singular value of a slice below which there is no column to go by
SPARE = 2  # products beyond the rank, for each a_1


@dataclass(frozen=True, eq=False)
class OperatorMembership:
    """What products tell of an operator.

    Attributes:
        member: within the accuracy of a member or not; None where the products do not tell.
        kind: the class.
        train: a member, near where `distance` says so.
        distance: of `train`, relative; estimated. It is `farthest` at most, but with probability `failure`.
        farthest: likewise relative.
        floor: no member is relatively nearer, rounding taken off and but with probability `failure`.
        failure: that the estimates are outside their bounds: a bound on its probability over the probes.
        products: with the operator and with its adjoint.
    """

    member: bool | None
    kind: MonarchClass
    train: BlockTensorTrain
    distance: float
    farthest: float
    floor: float
    failure: float
    products: tuple[int, int]


def operator_membership_of(
    operator: Any, kind: MonarchClass, *, accuracy: float, seed: int = 0, name: str = "operator"
) -> OperatorMembership:
    """Is what an operator multiplies by in a class of order 2? Measured, by about (n_1 + m_0)·(rank + 2) products.

    Theorem: `proofs/rank_one_slices`.

    Args:
        operator: a SciPy `LinearOperator`, or what `aslinearoperator` makes one of; better with an adjoint.
        kind: which class, of order 2.
        accuracy: of its products, relative to the Frobenius norm: nobody can tell how an operator rounds.
        seed: of the probes.
        name: what error messages call it.

    Raises:
        ValueError: another order or shape, one that is not linear, products that are not finite, or an accuracy
            outside [0, 1).

    >>> from scipy.fft import fft, ifft
    >>> n = 4096
    >>> fourier = LinearOperator(
    ...     (n, n), dtype=complex, matvec=fft, matmat=lambda x: fft(x, axis=0), rmatmat=lambda x: n * ifft(x, axis=0)
    ... )
    >>> found = operator_membership_of(fourier, MonarchClass((64, 64)), accuracy=1e-12)
    >>> found.member, found.products
    (True, (224, 256))
    """
    checked_accuracy(accuracy)
    linear: LinearOperator = aslinearoperator(operator)
    if kind.order != 2:
        raise ValueError(f"kind: expected order 2, whose slices products show, got {kind.order}")
    if linear.shape != kind.shape:
        raise ValueError(f"{name}: expected an operator of shape {kind.shape}, got {linear.shape}")
    check_linear(linear.matmat, kind.shape[1], name, dtype=linear.dtype)
    rng = np.random.default_rng(seed)
    (m0, m1), (n0, n1), rank = kind.output_radices, kind.input_radices, kind.ranks[1]
    right_width, left_width = min(rank + SPARE, n0), min(2 * rank + SPARE, m1)
    probe = np.linalg.qr(rng.standard_normal((n0, right_width)))[0]  # W
    groups = _places(kind.input_radices, kind.input_in_order).T
    ours = _digits(_images(linear.matmat, probe, groups, n0 * n1, name), kind.output_radices, kind.output_in_order)
    columns = ours.transpose(0, 2, 1, 3)  # X W, (i_0, a_1, i_1, w)
    with alone():
        left, values, _ = np.linalg.svd(columns, full_matrices=False)
    basis = left[..., :rank] * (values > values.max(initial=0.0) * NOTHING)[..., None, :rank]
    adjoint = _adjoint(linear)
    if adjoint is None:
        rows, asked = _rows_by_columns(linear.matmat, basis, kind, name)
    else:
        test = np.linalg.qr(rng.standard_normal((m1, left_width)))[0]  # V
        groups = _places(kind.output_radices, kind.output_in_order)
        theirs = _images(adjoint, test, groups, m0 * m1, name)
        turned = _digits(theirs, kind.input_radices, kind.input_in_order)  # (a_0, a_1, i_0, w)
        seen = turned.conj().transpose(2, 1, 3, 0)  # V* X, (i_0, a_1, w, a_0)
        rows, asked = np.linalg.pinv(test.T @ basis) @ seen, 0
    train = _train(basis, rows, kind)
    x = rng.standard_normal((kind.shape[1], PROBES))
    image = finite(linear.matmat(x), name)
    scale = power_of_two(image)  # so that no square overflows or vanishes
    rest = (image - Train.of(train).multiply(x)) / scale
    norm, distance = (float(np.linalg.norm(y)) / sqrt(PROBES) for y in (image / scale, rest))
    most, least = norm / sqrt(LOW), norm / sqrt(HIGH)  # of the norm
    lost = float(np.linalg.norm(values[..., rank:] / scale))
    rounding = rounding_of(kind, most, operation_roundoff(COMPLEX128))
    floor, farthest = (max(lost - rounding, 0.0) / most, distance / sqrt(LOW) / least) if norm else (0.0, 0.0)
    member = True if farthest <= accuracy else False if floor > accuracy else None
    failure = 2 * outside(LOW) + outside(HIGH)
    products = (n1 * right_width + asked + PROBES, 0 if adjoint is None else m0 * left_width)
    return OperatorMembership(member, kind, train, distance / norm if norm else 0.0, farthest, floor, failure, products)


def _train(left: np.ndarray, right: np.ndarray, kind: MonarchClass) -> BlockTensorTrain:
    """Of factors of every slice, shapes (i_0, a_1, i_1, r) and (i_0, a_1, r, a_0)."""
    field = COMPLEX128 if np.iscomplexobj(left) or np.iscomplexobj(right) else FLOAT64
    heads, tails = (side.astype(field.dtype).reshape(-1, *side.shape[2:]) for side in (left, right))
    return BlockTensorTrain((core_of_split(tails, kind, 0), last_core(remaining(heads, kind, 0), kind)), kind, field)


def _images(multiply: Multiply, probe: np.ndarray, groups: np.ndarray, size: int, name: str) -> np.ndarray:
    """What `probe` (places, w) on each group of places (groups, places) becomes, shape (images, groups, w)."""
    found = []
    for group in groups:
        x = np.zeros((size, probe.shape[1]))
        x[group] = probe
        found.append(finite(multiply(x), name))
    return np.stack(found, axis=1)


def _places(radices: tuple[int, ...], in_order: bool) -> np.ndarray:
    """The places of an index with digits (d_0, d_1), shape (d_0, d_1)."""
    return _digits(np.arange(radices[0] * radices[1])[:, None, None], radices, in_order)[..., 0, 0]


def _digits(images: np.ndarray, radices: tuple[int, ...], in_order: bool) -> np.ndarray:
    """Shape (index, groups, w) as (d_0, d_1, groups, w)."""
    first, second = radices
    if in_order:
        return images.reshape(first, second, *images.shape[1:])
    return images.reshape(second, first, *images.shape[1:]).swapaxes(0, 1)


def _rows_by_columns(multiply: Multiply, basis: np.ndarray, kind: MonarchClass, name: str) -> tuple[np.ndarray, int]:
    """Rows of every slice by its columns `basis`, shape (i_0, a_1, r, a_0), and the number of products.

    Half as many columns as outputs stand together, so that a few that are nearly alike do no harm.
    """
    m0, n1, m1, rank = basis.shape
    places = _places(kind.input_radices, kind.input_in_order)  # (a_0, a_1)
    n0, together = len(places), max(m1 // (2 * rank), 1)
    found = []
    for first in range(0, n1, together):
        here = places[:, first : first + together]
        images = []
        for some in np.array_split(np.arange(n0), -(-n0 // AT_ONCE)):
            x = np.zeros((kind.shape[1], len(some)))
            x[here[some], np.arange(len(some))[:, None]] = 1
            images.append(finite(multiply(x), name))
        image = np.concatenate(images, axis=1)[:, None]
        image = _digits(image, kind.output_radices, kind.output_in_order)[:, :, 0]
        known = basis[:, first : first + together].transpose(0, 2, 1, 3).reshape(m0, m1, -1)
        with alone():
            inverse = np.linalg.pinv(known)
        found.append((inverse @ image).reshape(m0, -1, rank, n0))
    return np.concatenate(found, axis=1), n0 * len(found)


def _adjoint(linear: LinearOperator) -> Multiply | None:
    """Products with it, where it has one."""
    try:
        linear.rmatmat(np.zeros((linear.shape[0], 1)))
    except (NotImplementedError, TypeError, AttributeError):  # SciPy calls what is not there
        return None
    return lambda x: np.asarray(linear.rmatmat(x))


def finite(images: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(images).all():
        raise ValueError(f"{name}: expected finite products, got NaN or infinity")
    return np.asarray(images)


def outside(share: float) -> float:
    """A bound on the probability that the mean is below a share under one, or above one over it."""
    return float((share * exp(1 - share)) ** (PROBES / 2))
