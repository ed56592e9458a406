"""Every factorisation at once: a Monarch class of order p is a path of p steps through its splits.

Split k of a class sees only the products A = m_0⋯m_k and B = n_0⋯n_k: its slices are those of the order-2 class with
the stages before and after it merged. So a class is a path (1, 1) → (A_0, B_0) → … → (M, N) in which each pair divides
the next, it stores A'·(N/B)·r·r' scalars for the step from (A, B) to (A', B') with bonds r and r', and no member is
nearer than the farthest tail on the way (`proofs/optimal_projection`). The least of these over all classes within a
budget is a bottleneck path under a length limit: some hundred splits tell of some hundred thousand classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass, divisors
from monarch_theory.expressivity.spectra import Slicing, Spectra
from monarch_theory.monarch import Convention

__all__ = ["Path", "floor_of", "least_cost", "longest_chain", "longest_order", "paths"]

Split = tuple[int, int]
PRICES = 16  # powers of two, up and down, that the price of the whole budget is sought among


@dataclass(frozen=True)
class Path:
    """The nearest path found for one order, convention and width.

    Attributes:
        kind: the class, of slices of rank 1 or `width`.
        width: rank of the slices whose tails were read.
        floor: relative distance that no matrix with slices of that rank is below.
        ceiling: relative distance that `project` stays below, but for rounding: the root of the sum of squared tails.
    """

    kind: MonarchClass
    width: int
    floor: float
    ceiling: float


@dataclass(frozen=True)
class _Lattice:
    """Splits, the start first and the end last, and what each step stores, shape (splits, splits), ∞ where none is."""

    splits: tuple[Split, ...]
    costs: np.ndarray

    def cheapest(self, order: int, weights: np.ndarray) -> list[int]:
        """The path of `order` steps from start to end of least total weight, shape (splits, splits); [] if none."""
        best = np.full(len(self.splits), np.inf)
        best[0] = 0.0
        before = []
        for _ in range(order):
            ways = best[:, None] + weights
            before.append(ways.argmin(0))
            best = ways.min(0)
        path = [len(self.splits) - 1]
        for step in reversed(before):
            path.append(int(step[path[-1]]))
        return path[::-1] if np.isfinite(best[-1]) else []

    def cost(self, path: list[int]) -> float:
        """Scalars stored along a path; ∞ for none."""
        return sum(self.costs[here, after] for here, after in pairwise(path)) if path else np.inf

    def through(self) -> np.ndarray:
        """Least cost of a path of any order through every split, shape (splits,)."""
        there, back = np.full((2, len(self.splits)), np.inf)
        there[0] = back[-1] = 0.0
        for _ in range(longest_chain(self.splits[-1])):
            there = np.minimum(there, (there[:, None] + self.costs).min(0))
            back = np.minimum(back, (back[None, :] + self.costs).min(1))
        return np.asarray(there + back)


def _lattice(shape: tuple[int, int], bond: int, ones: bool = False) -> _Lattice:
    rows, columns = shape
    if ones:
        inner = [(a, b) for a in divisors(rows) for b in divisors(columns)][1:-1]
    else:
        inner = [(a, b) for a in divisors(rows)[1:-1] for b in divisors(columns)[1:-1]]
    splits = ((1, 1), *inner, (rows, columns))
    a, b = np.array(splits).T
    bonds = np.minimum(bond, np.minimum(rows // a, b))
    bonds[0] = bonds[-1] = 1
    up, over = a[None, :] > a[:, None], b[None, :] > b[:, None]
    proper = up | over if ones else up & over
    step = proper & (a[None, :] % a[:, None] == 0) & (b[None, :] % b[:, None] == 0)
    stored = a[None, :].astype(float) * (columns // b)[:, None] * bonds[:, None] * bonds[None, :]
    return _Lattice(splits, np.where(step, stored, np.inf))


def longest_order(shape: tuple[int, int]) -> int:
    """Most stages with every radix above one: the fewer prime factors of the two sides."""
    return min(_prime_factors(side) for side in shape)


def longest_chain(shape: tuple[int, int]) -> int:
    """Most stages that do something, where a radix of one side may be one: the prime factors of both sides."""
    return sum(_prime_factors(side) for side in shape)


def _prime_factors(n: int) -> int:
    smallest = next((d for d in range(2, int(n**0.5) + 1) if n % d == 0), n)
    return 0 if n == 1 else 1 + _prime_factors(n // smallest)


def least_cost(shape: tuple[int, int], orders: range, *, ones: bool = False) -> int | None:
    """Fewest scalars of any class of these orders; None where there is none."""
    lattice = _lattice(shape, 1, ones)
    costs = [lattice.cost(lattice.cheapest(order, lattice.costs)) for order in orders]
    return int(min(costs)) if costs and np.isfinite(min(costs)) else None


def paths(
    spectra: Spectra,
    orders: range,
    *,
    width: int,
    bond: int,
    budget: int,
    tail: int | None = None,
    ones: bool = False,
    conventions: Sequence[Convention] = tuple(Convention),
) -> Iterator[Path]:
    """For every order and convention two classes with at most `budget` scalars: of the least floor, of a low ceiling.

    Args:
        orders: numbers of stages, from two up.
        width: rank of the slices whose tails make the floor.
        bond: rank of the class, which sets what it stores.
        tail: rank of the slices whose tails make the ceiling; the bond unless given.
        ones: whether one of the two radices of a stage may be one.
        conventions: among which; all unless given.
    """
    shape, lattice = spectra.shape, _lattice(spectra.shape, bond, ones)
    useful = np.flatnonzero(lattice.through()[1:-1] <= budget) + 1
    if not len(useful):
        return
    for convention in conventions:
        layouts = [slicing(shape, lattice.splits[k], convention) for k in useful]
        found = spectra.tails(layouts, [width] * len(layouts))
        floors, squares = np.full((2, len(lattice.splits)), np.inf)
        floors[[0, -1]] = squares[[0, -1]] = 0.0
        floors[useful] = [tails.floor(width) for tails in found]
        squares[useful] = [tails.distance(tail or bond) ** 2 for tails in found]
        for order in orders:
            chosen = [_nearest(lattice, floors, order, budget), _lightest(lattice, squares, order, budget)]
            for path in chosen if chosen[0] != chosen[1] else chosen[:1]:
                if path:
                    kind = _class([lattice.splits[k] for k in path], convention, bond)
                    yield Path(kind, width, float(floors[path].max()), float(np.sqrt(squares[path].sum())))


def slicing(shape: tuple[int, int], split: Split, convention: Convention) -> Slicing:
    """The slices of a split; rows and columns are dealt out where their digits are reversed."""
    dealt = (convention is not Convention.DAO_TRANSPOSED, convention is not Convention.DAO)
    return Slicing(split[0], shape[1] // split[1], dealt)


def floor_of(spectra: Spectra, kind: MonarchClass, width: int) -> float:
    """Relative distance that no matrix with slices of rank ≤ `width` at every split of the class is below."""
    rows, columns = accumulate(kind.output_radices, mul), accumulate(kind.input_radices, mul)
    splits = list(zip(rows, columns, strict=True))[:-1]
    found = spectra.tails([slicing(kind.shape, split, kind.convention) for split in splits], [width] * len(splits))
    return max((tails.floor(width) for tails in found), default=0.0)


def _class(splits: list[Split], convention: Convention, bond: int) -> MonarchClass:
    rows = tuple(after[0] // here[0] for here, after in pairwise(splits))
    columns = tuple(after[1] // here[1] for here, after in pairwise(splits))
    return MonarchClass(columns, rows, convention, bond)


def _nearest(lattice: _Lattice, floors: np.ndarray, order: int, budget: int) -> list[int]:
    """The path within the budget whose farthest tail is least: bisect on it."""
    levels = np.unique(floors[np.isfinite(floors)])
    low, high = 0, len(levels)
    best: list[int] = []
    while low < high:
        middle = (low + high) // 2
        path = lattice.cheapest(order, np.where(floors[None, :] <= levels[middle], lattice.costs, np.inf))
        if lattice.cost(path) <= budget:
            best, high = path, middle
        else:
            low = middle + 1
    return best


def _lightest(lattice: _Lattice, squares: np.ndarray, order: int, budget: int) -> list[int]:
    """A path within the budget whose squared tails sum to little: bisect on the price of a scalar, a heuristic."""
    best: list[int] = []
    price = 1.0
    for step in (PRICES / 2**k for k in range(1, 9)):
        path = lattice.cheapest(order, lattice.costs / budget * price + squares[None, :])
        affordable = lattice.cost(path) <= budget
        best = path if affordable else best
        price *= 2.0 ** (-step if affordable else step)
    return best
