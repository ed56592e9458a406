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
from functools import cache
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

    def cheapest(self, longest: int, weights: np.ndarray) -> list[list[int]]:
        """For 0 … `longest` steps the path from start to end of least total weight, shape (splits, splits); [] if none.

        The splits that fewer steps reach at best are those that more steps go on from: one pass tells of every number.
        """
        best = np.full(len(self.splits), np.inf)
        best[0] = 0.0
        before: list[np.ndarray] = []
        found: list[list[int]] = [[]]
        for _ in range(longest):
            ways = best[:, None] + weights
            before.append(ways.argmin(0))
            best = ways.min(0)
            found.append(_back(before) if np.isfinite(best[-1]) else [])
        return found

    def among(self, kept: np.ndarray) -> _Lattice:
        """With those splits alone, which are indices."""
        return _Lattice(tuple(self.splits[k] for k in kept), self.costs[np.ix_(kept, kept)])

    def cost(self, path: list[int]) -> float:
        """Scalars stored along a path; ∞ for none."""
        return sum(self.costs[here, after] for here, after in pairwise(path)) if path else np.inf

    def through(self, orders: range) -> np.ndarray:
        """Least cost of a path of one of these orders through every split, shape (splits,); ∞ where there is none."""
        there, back = np.full((2, orders.stop, len(self.splits)), np.inf)  # in exactly so many steps
        there[0, 0] = back[0, -1] = 0.0
        for step in range(1, orders.stop):
            there[step] = (there[step - 1][:, None] + self.costs).min(0)
            back[step] = (back[step - 1][None, :] + self.costs).min(1)
        ways = [there[k] + back[order - k] for order in orders for k in range(order + 1)]
        return np.asarray(np.min(ways, axis=0, initial=np.inf))


def _back(before: list[np.ndarray]) -> list[int]:
    """The path to the end, from the best split before each step."""
    path = [len(before[-1]) - 1]
    for step in reversed(before):
        path.append(int(step[path[-1]]))
    return path[::-1]


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
    found = lattice.cheapest(orders.stop - 1, lattice.costs)
    costs = [lattice.cost(found[order]) for order in orders]
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
    shape, every = spectra.shape, _lattice(spectra.shape, bond, ones)
    useful = np.flatnonzero(every.through(orders) <= budget)  # the start and the end among them, where there is a path
    if len(useful) < 3:
        return
    lattice = every.among(useful)
    for convention in conventions:
        layouts = [slicing(shape, split, convention) for split in lattice.splits[1:-1]]
        found = spectra.tails(layouts, [width] * len(layouts))
        floors, squares = np.zeros((2, len(lattice.splits)))
        floors[1:-1] = [tails.floor(width) for tails in found]
        squares[1:-1] = [tails.distance(tail or bond) ** 2 for tails in found]
        nearest, lightest = _nearest(lattice, floors, orders, budget), _lightest(lattice, squares, orders, budget)
        for order in orders:
            chosen = [nearest[order], lightest[order]]
            for path in chosen if chosen[0] != chosen[1] else chosen[:1]:
                if path:
                    kind = _class([lattice.splits[k] for k in path], convention, bond)
                    yield Path(kind, width, float(floors[path].max()), float(np.sqrt(squares[path].sum())))


def slicing(shape: tuple[int, int], split: Split, convention: Convention) -> Slicing:
    """The slices of a split; rows and columns are dealt out where their digits are reversed.

    A side that is whole is dealt out in one way, whatever the convention: what is known of one is known of the others.
    """
    left, right = split[0], shape[1] // split[1]
    dealt = convention is not Convention.DAO_TRANSPOSED and left > 1, convention is not Convention.DAO and right > 1
    return Slicing(left, right, dealt)


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


Paths = dict[int, list[int]]
"""By order; [] where there is none."""


def _nearest(lattice: _Lattice, floors: np.ndarray, orders: range, budget: int) -> Paths:
    """Of every order the path within the budget whose farthest tail is least: bisect on it."""
    levels = np.unique(floors)

    @cache
    def below(level: int) -> list[list[int]]:
        return lattice.cheapest(orders.stop - 1, np.where(floors[None, :] <= levels[level], lattice.costs, np.inf))

    def bisected(order: int) -> list[int]:
        low, high = 0, len(levels)
        best: list[int] = []
        while low < high:
            middle = (low + high) // 2
            path = below(middle)[order]
            if lattice.cost(path) <= budget:
                best, high = path, middle
            else:
                low = middle + 1
        return best

    return {order: bisected(order) for order in orders}


def _lightest(lattice: _Lattice, squares: np.ndarray, orders: range, budget: int) -> Paths:
    """Of every order a path within the budget whose squared tails sum to little: bisect on the price of a scalar.

    That is a heuristic.
    """
    dear = lattice.costs / budget

    @cache
    def at(price: float) -> list[list[int]]:
        return lattice.cheapest(orders.stop - 1, dear * price + squares[None, :])

    def bisected(order: int) -> list[int]:
        best: list[int] = []
        price = 1.0
        for step in (PRICES / 2**k for k in range(1, 9)):
            path = at(price)[order]
            affordable = lattice.cost(path) <= budget
            best = path if affordable else best
            price *= 2.0 ** (-step if affordable else step)
        return best

    return {order: bisected(order) for order in orders}
