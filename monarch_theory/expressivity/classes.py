"""A class of Monarch matrices as data, and the slices of a matrix whose ranks decide membership.

Group the stages of an order-p Monarch matrix into 0 … k and k+1 … p−1. In the entry formula the first group reads
(i_0 … i_k; a_0 … a_{p-1}) and the second (i_0 … i_{p-1}; a_{k+1} … a_{p-1}). Hold the digits that both read fixed: what
is left of M is a *slice*, with rows (i_{k+1} … i_{p-1}) and columns (a_0 … a_k), and it has rank at most one. These are
the slices of *split* k; for order 2 the only split gives THEORY §1, A[(·, i_0), (·, a_1)].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from monarch_theory import digits
from monarch_theory.digits import check_radices, is_integer
from monarch_theory.monarch import Convention, block_counts

__all__ = ["MonarchClass", "balanced_radices", "check_class", "divisors", "factorisations"]


@dataclass(frozen=True)
class MonarchClass:
    """All Monarch matrices with given radices, convention, and rank of the slices.

    Theorem: `proofs/entry_formula`.

    Args:
        input_radices: (n_0, …, n_{p-1}), columns of the blocks of each stage.
        output_radices: (m_0, …, m_{p-1}), rows of them; the input radices unless given.
        convention: which digit reversals stand at the ends.
        rank: most a slice may have; 1 is Monarch, more is block low rank (Qiu et al. 2024, block tensor train).

    Raises:
        ValueError: radices that are not positive integers or differ in number, a rank below one.

    >>> MonarchClass((8, 8))
    MonarchClass(input_radices=(8, 8), output_radices=(8, 8), convention=<Convention.M2: 'PLPRP'>, rank=1)
    >>> MonarchClass((8, 8)).parameters, MonarchClass((8, 8)).dimension
    (1024, 960)
    """

    input_radices: tuple[int, ...]
    output_radices: tuple[int, ...] = ()
    convention: Convention = Convention.M2
    rank: int = 1

    def __post_init__(self) -> None:
        columns = check_radices(self.input_radices, name="input_radices")
        rows = check_radices(self.output_radices, name="output_radices") if len(self.output_radices) else columns
        if len(rows) != len(columns):
            raise ValueError(f"output_radices: expected {len(columns)} of them, one per input radix, got {rows}")
        if not isinstance(self.convention, Convention):
            raise TypeError(f"convention: expected a Convention such as Convention.M2, got {self.convention!r}")
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 1:
            raise ValueError(f"rank: expected a positive integer, got {self.rank!r}")
        object.__setattr__(self, "input_radices", columns)
        object.__setattr__(self, "output_radices", rows)

    @property
    def order(self) -> int:
        """Number of stages p."""
        return len(self.input_radices)

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs) of every matrix in the class."""
        return prod(self.output_radices), prod(self.input_radices)

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """(r_0, …, r_p): width of the bond before each stage; r_0 = r_p = 1, none wider than its slices allow."""
        inner = (
            min(self.rank, prod(self.output_radices[k + 1 :]), prod(self.input_radices[: k + 1]))
            for k in range(self.order - 1)
        )
        return (1, *inner, 1)

    @property
    def parameters(self) -> int:
        """Stored scalars: Σ_k (blocks of stage k) · m_k r_{k+1} · r_k n_k.

        Theorem: `proofs/cost`.
        """
        counts = block_counts(self.output_radices, self.input_radices)
        stages = zip(counts, self.output_radices, self.ranks[1:], self.ranks[:-1], self.input_radices, strict=True)
        return sum(prod(stage) for stage in stages)

    @property
    def dimension(self) -> int:
        """Dimension of the class as a variety: parameters less the gauge freedom of every bond.

        Between stages k and k+1 each choice of (i_0 … i_k, a_{k+1} … a_{p-1}) carries an invertible r × r change of
        basis that leaves M alone. `dimension.jacobian_rank` checks the formula over F_q.
        """
        gauge = (self.slice_count(k) * self.ranks[k + 1] ** 2 for k in range(self.order - 1))
        return self.parameters - sum(gauge)

    def slice_count(self, split: int) -> int:
        """Number of slices of a split: choices of (i_0 … i_k, a_{k+1} … a_{p-1})."""
        return prod(self.output_radices[: split + 1]) * prod(self.input_radices[split + 1 :])

    def digit_tensor(self, matrix: np.ndarray, *, name: str = "matrix") -> np.ndarray:
        """`matrix` with axes (i_0, …, i_{p-1}, a_0, …, a_{p-1}); the digits are where `Monarch` puts them.

        Raises:
            ValueError: the matrix has another shape than the class.
        """
        if matrix.shape != self.shape:
            raise ValueError(
                f"{name}: expected a matrix of shape {self.shape} for output radices {self.output_radices} and input "
                f"radices {self.input_radices}, got {matrix.shape}"
            )
        p = self.order
        rows = self.output_radices if self.output_in_order else self.output_radices[::-1]
        columns = self.input_radices if self.input_in_order else self.input_radices[::-1]
        outputs = range(p) if self.output_in_order else range(p)[::-1]
        inputs = range(p, 2 * p) if self.input_in_order else range(p, 2 * p)[::-1]
        return matrix.reshape(rows + columns).transpose([*outputs, *inputs])

    def matrix_of(self, tensor: np.ndarray) -> np.ndarray:
        """The matrix whose digit tensor is `tensor`: the inverse of `digit_tensor`.

        Raises:
            ValueError: the tensor has another number of entries than the matrices of the class.
        """
        p = self.order
        if tensor.size != prod(self.shape):
            raise ValueError(f"tensor: expected {prod(self.shape)} entries, got shape {tensor.shape}")
        tensor = tensor.reshape(self.output_radices + self.input_radices)
        outputs = range(p) if self.output_in_order else range(p)[::-1]
        inputs = range(p, 2 * p) if self.input_in_order else range(p, 2 * p)[::-1]
        return tensor.transpose([*outputs, *inputs]).reshape(self.shape)

    @property
    def output_in_order(self) -> bool:
        """Whether i_0 is the most significant digit of an output, as i_{p−1} is elsewhere."""
        return self.convention is Convention.DAO_TRANSPOSED

    @property
    def input_in_order(self) -> bool:
        """Whether a_0 is the most significant digit of an input, as a_{p−1} is elsewhere."""
        return self.convention is not Convention.DAO

    def slices(self, matrix: np.ndarray, split: int = 0) -> np.ndarray:
        """Slices of a split, shape (slices, rows, columns), each of rank ≤ `rank` exactly when the split allows it.

        Theorem: `proofs/rank_one_slices`.

        The first axis is C order over (i_0 … i_k, a_{k+1} … a_{p-1}), rows over (i_{k+1} …), columns over (… a_k).

        >>> MonarchClass((2, 2)).slices(np.arange(16).reshape(4, 4))[0]
        array([[ 0,  2],
               [ 8, 10]])
        """
        if not 0 <= split < max(self.order - 1, 1):
            raise ValueError(f"split: expected 0 … {self.order - 2} for order {self.order}, got {split}")
        return tensor_slices(self.digit_tensor(matrix), self.order, split)


def tensor_slices(tensor: np.ndarray, order: int, split: int) -> np.ndarray:
    """Slices of a digit tensor with axes (i_0, …, i_{p-1}, a_0, …, a_{p-1})."""
    front, rows = [*range(split + 1)], [*range(split + 1, order)]
    columns, later = [*range(order, order + split + 1)], [*range(order + split + 1, 2 * order)]
    sizes = tensor.shape
    row_count, column_count = prod(sizes[a] for a in rows), prod(sizes[a] for a in columns)
    return tensor.transpose(front + later + rows + columns).reshape(-1, row_count, column_count)


def divisors(n: int) -> list[int]:
    """All divisors of n, rising.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return small + [n // d for d in reversed(small) if d * d != n]


def factorisations(n: int, order: int) -> list[tuple[int, ...]]:
    """All ways to write n as an ordered product of `order` factors above one.

    Raises:
        ValueError: an order or an n that is not a positive integer.

    >>> factorisations(12, 2)
    [(2, 6), (3, 4), (4, 3), (6, 2)]
    """
    _check_positive(n, "n")
    _check_positive(order, "order")
    if order == 1:
        return [(n,)] if n > 1 else []
    divisors = [d for d in range(2, n // 2 + 1) if n % d == 0]
    return [(d, *rest) for d in divisors for rest in factorisations(n // d, order - 1)]


def check_class(kind: Any) -> None:
    """Is it a class that can be asked about?

    Raises:
        TypeError: it is none.

    >>> check_class((2, 2))
    Traceback (most recent call last):
    TypeError: kind: expected a MonarchClass, as MonarchClass((8, 8)), got (2, 2)
    """
    if not isinstance(kind, MonarchClass):
        raise TypeError(f"kind: expected a MonarchClass, as MonarchClass((8, 8)), got {kind!r:.60}")


def balanced_radices(n: int, order: int, *, name: str = "radices") -> tuple[int, ...]:
    """The radices of n with the fewest parameters at this order: the most equal ones, larger ones last.

    Raises:
        ValueError: n is not a product of `order` integers above one.

    >>> balanced_radices(4096, 2), balanced_radices(12, 2), balanced_radices(64, 3)
    ((64, 64), (3, 4), (4, 4, 4))
    >>> balanced_radices(7, 2)
    Traceback (most recent call last):
    ValueError: radices: 7 is not a product of 2 integers above one, so there is no Monarch class of order 2 for it
    """
    _check_positive(order, "order")
    _check_positive(n, name)
    found = digits.balanced_radices(n, order)
    if order > 1 and min(found) == 1:
        raise ValueError(
            f"{name}: {n} is not a product of {order} integers above one, so there is no Monarch class of order "
            f"{order} for it"
        )
    return found


def _check_positive(value: int, name: str) -> None:
    if not is_integer(value) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
