"""What an element may depend on: sets of input positions, coarsened as far as the question allows.

An element of a lattice is a vector of a few numbers, and the join of two is one ufunc of NumPy, so that every rule is
written once for all lattices: `latest` keeps the latest position (enough for causality), `interval` the earliest and
the latest (windows, documents, batch), `sets` the whole set, as bits (any contract). An element stands for the set of
its `members`; the empty set is `bottom`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Lattice", "interval", "latest", "sets"]

BITS = 64


@dataclass(frozen=True)
class Lattice:
    """Sets of positions 0 … positions − 1, as vectors of `components` numbers.

    Attributes:
        kind: `latest`, `interval` or `sets`.
        join: the least upper bound of two elements, componentwise; idempotent, commutative and associative.
        bottom: the number that stands for nothing in every component.
    """

    kind: str
    positions: int
    components: int
    join: np.ufunc
    bottom: int
    dtype: Any

    def singletons(self) -> np.ndarray:
        """The element {p} for every position p, (positions, components)."""
        p = np.arange(self.positions)
        if self.kind == "latest":
            return p[:, None].astype(self.dtype)
        if self.kind == "interval":
            return np.stack([p, self.positions - 1 - p], axis=1).astype(self.dtype)
        bits = np.zeros((self.positions, self.components), self.dtype)
        bits[p, p // BITS] = np.uint64(1) << (p % BITS).astype(np.uint64)
        return bits

    def nothing(self, ndim: int) -> np.ndarray:
        """The bottom, broadcastable to `ndim` axes: (1, …, 1, components)."""
        return np.full((1,) * ndim + (self.components,), self.bottom, self.dtype)

    def members(self, elements: np.ndarray) -> np.ndarray:
        """Which positions each element stands for: (…, components) to bool (…, positions)."""
        p = np.arange(self.positions)
        if self.kind == "latest":
            return p <= elements
        if self.kind == "interval":
            return (p <= elements[..., :1]) & (self.positions - 1 - p <= elements[..., 1:])
        words = elements[..., p // BITS]
        return (words >> (p % BITS).astype(np.uint64)) & np.uint64(1) != 0

    def join_along(self, elements: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """The join over some axes, which keep size 1; over nothing it is the bottom."""
        if not axes:
            return elements
        if any(elements.shape[axis] == 0 for axis in axes):
            shape = [1 if axis in axes else size for axis, size in enumerate(elements.shape)]
            return np.full(shape, self.bottom, self.dtype)
        return self.join.reduce(elements, axis=axes, keepdims=True)


def latest(positions: int) -> Lattice:
    """The latest position: {0 … p} is all it can tell from {p}.

    >>> latest(4).members(latest(4).singletons()[2])
    array([ True,  True,  True, False])
    """
    return Lattice("latest", positions, 1, np.maximum, -1, np.int32)


def interval(positions: int) -> Lattice:
    """The earliest and the latest position.

    >>> lattice = interval(4)
    >>> lattice.members(lattice.join(*lattice.singletons()[1:3]))
    array([False,  True,  True, False])
    """
    return Lattice("interval", positions, 2, np.maximum, -1, np.int32)


def sets(positions: int) -> Lattice:
    """The set itself, 64 positions in a word.

    >>> lattice = sets(4)
    >>> lattice.members(lattice.join(*lattice.singletons()[[0, 3]]))
    array([ True, False, False,  True])
    """
    return Lattice("sets", positions, -(-positions // BITS) or 1, np.bitwise_or, 0, np.uint64)
