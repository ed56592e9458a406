"""The shapes a kernel is tried at: those an op lists, and its sizes combined around tiles, powers of two and primes.

A kernel goes wrong where several sizes pass a tile at once, so listing shapes is not enough: every size, and every two
of them, reach tiles, multiples of them and numbers that are none, as far as a budget of entries and of work allows.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import combinations, cycle, islice, permutations
from math import prod
from typing import Any

from monarch_theory.testing.op import Op, Shape

__all__ = [
    "TILES", "WHOLE_TILES", "Axis", "combined_shapes", "entries", "larger_and_smaller", "selected_shapes", "size_names",
    "sizes_of", "tiles_not_met", "with_sizes",
]  # fmt: skip

TILES = (8, 16, 32, 64, 128, 256)
"""Lengths of the tiles that kernels work in."""

WHOLE_TILES = (*range(8, 128, 8), *range(128, 257, 16))
"""Lengths of which some case has whole tiles and nothing left, and some one left, where there are cases to spare."""

SIZES = (
    *range(4, 34), 35, 36, 40, 48, 49, 60, 63, 64, 65, 67, 96, 100, 120, 127, 128, 129, 192, 251, 256, 257, 384, 500,
    512, 513, 520, 768, 769, 1000, 1021, 1024, 1025, 1536, 2048, 2049, 4095, 4096,
)  # fmt: skip
"""Every small size, then powers of two and their neighbours, primes, round numbers and the widths of models."""

RADICES = (4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 20, 24, 31, 32, 33, 48, 63, 64, 65, 96, 128, 256)
"""The same for sizes that are multiplied with each other."""

SMALL = (2, 1, 3)
"""What the other sizes are while some are large."""

MOST_ENTRIES, MOST_WORK = 1 << 21, 3 << 25
"""Entries of all arguments, and those times the largest size, of the largest shapes tried."""

SOME_ENTRIES = 5 << 13
"""Entries of all arguments where two sizes are meant to be large, or three radices."""

FEW_ENTRIES, LITTLE_WORK = 1 << 12, 1 << 20
"""Entries of all arguments, and those times the largest size, where only one size is meant to be large."""

Axis = tuple[str, int | None]


def sizes_of(shape: Shape) -> dict[Axis, int]:
    """Every size of a shape; those of a tuple by position.

    >>> sizes_of({"batch": 2, "radices": (4, 8)})
    {('batch', None): 2, ('radices', 0): 4, ('radices', 1): 8}
    """
    found: dict[Axis, int] = {}
    for name, value in shape.items():
        if type(value) is int:
            found[name, None] = value
        elif isinstance(value, tuple):
            for k, size in enumerate(value):
                found[name, k] = size
    return found


def tiles_not_met(sizes: Iterable[int], left: int = 0) -> tuple[int, ...]:
    """Of `WHOLE_TILES` those of which none of some sizes is one or more, and so many left.

    >>> tiles_not_met([256, 720, 768, 880, 1000, 1040]), tiles_not_met([257, 721, 769, 881, 1041], 1)
    ((56, 112, 160, 224), (56, 112, 160, 224))
    """
    met = [size - left for size in sizes if size > left]
    return tuple(tile for tile in WHOLE_TILES if not any(size % tile == 0 for size in met))


def with_sizes(shape: Shape, sizes: Mapping[Axis, int]) -> dict[str, Any]:
    """The shape with other sizes."""
    return {
        name: tuple(sizes[name, k] for k in range(len(value))) if isinstance(value, tuple)
        else sizes.get((name, None), value)
        for name, value in shape.items()
    }  # fmt: skip


def size_names(op: Op) -> list[str]:
    """What a shape of the op consists of."""
    return list(dict.fromkeys(name for shape in op.shapes() for name in shape))


def entries(op: Op, shape: Shape) -> int:
    """Entries of all arguments."""
    return sum(prod(a) for a in op.arguments(shape).values())


@lru_cache(maxsize=64)
def combined_shapes(op: Op, largest: int = 0) -> tuple[Shape, ...]:
    """Combinations of sizes of an op that `accepts` them, the same every time; `largest` adds sizes up to it.

    First those where all sizes are large, then those where two are, alike or not, then every size.
    """
    if op.accepts is None:
        return ()
    structures: dict[tuple[Any, ...], Shape] = {}
    for shape in op.shapes():
        sizes = sizes_of(shape)
        chosen = tuple(
            value for name, value in shape.items() if (name, None) not in sizes and not isinstance(value, tuple)
        )
        structures.setdefault((*sizes, *chosen), shape)
    grids: dict[int, list[_Grid]] = {2: [], 3: []}
    for shape in structures.values():
        orders = {len(v) for v in shape.values() if isinstance(v, tuple)} or {2}
        if orders <= grids.keys():
            grids[max(orders)].append(_Grid(op, shape, largest))
    found = [shape for grid in grids[2] for shape in grid.all_large()]
    found += [shape for grid in grids[3] for shape in grid.all_large(SOME_ENTRIES)]
    found += [shape for grid in grids[2] for shape in grid.two_large()]
    found += [shape for grid in grids[2] for shape in grid.one_longer()]
    return tuple(_distinct([*found, *(shape for grid in grids[2] for shape in grid.each_size())]))


class _Grid:
    """Combinations of the sizes of one structure."""

    def __init__(self, op: Op, template: Shape, largest: int):
        self.op, self.template, self.axes = op, template, list(sizes_of(template))
        self.most_entries = max(MOST_ENTRIES, 4 * largest)
        self.small = [dict(zip(self.axes, cycle(small), strict=False)) for small in (SMALL, SMALL[1:], SMALL[1:2])]
        self.larger = tuple(2**k for k in range(13, largest.bit_length()) if 2**k <= largest)

    def all_large(self, most: int | None = None) -> Iterator[Shape]:
        """All sizes at a tile, and all past it."""
        for tile in TILES:
            for sizes in (self._all_at(tile), self._all_past(tile)):
                shape = with_sizes(self.template, sizes)
                if self._fits(shape, max(sizes.values()), most):
                    yield shape

    def _all_at(self, tile: int) -> dict[Axis, int]:
        return dict.fromkeys(self.axes, tile)

    def _all_past(self, tile: int) -> dict[Axis, int]:
        """No size is a multiple of the tile; odd and even ones."""
        return {axis: tile + 1 + k % 2 for k, axis in enumerate(self.axes)}

    def _fits(self, shape: Shape, largest: int, most: int | None = None) -> bool:
        """Whether the op takes a shape, whose largest size is given, and it is within the budget."""
        assert self.op.accepts is not None
        if not self.op.accepts(shape):
            return False
        size = entries(self.op, shape)
        return size <= (most or self.most_entries) and (size * largest <= MOST_WORK or largest in self.larger)

    def two_large(self) -> Iterator[Shape]:
        """Every two sizes at, and past, the longest tile that the budget has room for, the others small."""
        for pair in combinations(self.axes, 2):
            for sizes_at in (self._all_at, self._all_past):
                shapes = (self._around({axis: sizes_at(tile)[axis] for axis in pair}) for tile in reversed(TILES))
                yield from [s for s in shapes if s is not None and entries(self.op, s) <= SOME_ENTRIES][:1]

    def one_longer(self) -> Iterator[Shape]:
        """Every two sizes, of which one is just large and the other as long as the budget has room for."""
        for count, (some, other) in enumerate(permutations(self.axes, 2)):
            least = (16, 17)[count % 2]
            lengths = (n for n in reversed(self._values(other)) if n > least and n % 2 == count % 2)
            shapes = (self._around({some: least, other: n}) for n in lengths)
            yield from islice((s for s in shapes if s is not None and entries(self.op, s) <= SOME_ENTRIES), 1)

    def _around(self, large: Mapping[Axis, int]) -> Shape | None:
        """Some sizes as given and the others small, if such a shape is within the budget."""
        for small in self.small:
            sizes = {**small, **large}
            shape = with_sizes(self.template, sizes)
            if self._fits(shape, max(sizes.values())):
                return shape
        return None

    def each_size(self) -> Iterator[Shape]:
        """Every size at every value, several at once where that stays small."""
        missing = {axis: self._values(axis) for axis in self.axes}
        for axis in self.axes:
            while missing[axis]:
                chosen = {axis: missing[axis].pop()}
                for other in self.axes:
                    # the largest of those that still leave few entries
                    fitting = bisect(missing[other], 0, key=partial(self._exceeds, chosen, other))
                    if other not in chosen and fitting:
                        chosen[other] = missing[other].pop(fitting - 1)
                shape = self._around(chosen)
                asked_for = max(chosen.values()) in self.larger
                if shape is not None and (asked_for or entries(self.op, shape) <= SOME_ENTRIES):
                    yield shape

    def _values(self, axis: Axis) -> list[int]:
        larger = self.larger if axis[0] != "batch" else ()
        return [*(SIZES if axis[1] is None else RADICES), *larger]

    def _exceeds(self, chosen: Mapping[Axis, int], axis: Axis, value: int) -> int:
        shape = self._around({**chosen, axis: value})
        if shape is None:
            return 1
        size = entries(self.op, shape)
        return int(size > FEW_ENTRIES or size * max(sizes_of(shape).values()) > LITTLE_WORK)


def _distinct(shapes: Iterable[Shape]) -> list[Shape]:
    return list({tuple(shape.items()): shape for shape in shapes}.values())


def selected_shapes(
    op: Op, *, max_size: int | None = None, order: int | None = None, square: bool = False,
    powers_of_two: bool = False, shape: Shape | None = None, most_entries: int | None = None,
) -> list[Shape]:  # fmt: skip
    """The op's shapes that a kernel promises to take, by the entries of their arguments.

    Args:
        max_size: entries of a row of the first argument, at most; larger ones than usual are added up to it.
        order, square, powers_of_two: what the radices and blocks must be.
        shape: sizes that every shape is to have.
        most_entries: entries of all arguments, at most.

    Raises:
        ValueError: none is left, or `shape` names what the op has not.
    """

    promised = partial(
        _fits, op, max_size=max_size, order=order, square=square, powers_of_two=powers_of_two, most_entries=most_entries
    )
    offered = _distinct([*op.shapes(), *combined_shapes(op, max_size or 0)])
    found = [one for one in (offered if shape is None else _given(op, offered, shape)) if promised(one)]
    if not found:
        raise ValueError(f"shapes: expected {op.name} to have a shape within the restrictions, got none")
    return sorted(found, key=lambda one: entries(op, one))


def _fits(
    op: Op, shape: Shape, *, max_size: int | None = None, order: int | None = None, square: bool = False,
    powers_of_two: bool = False, most_entries: int | None = None,
) -> bool:  # fmt: skip
    """Whether a shape is one that a kernel promises to take, as `selected_shapes` has them."""
    sizes = op.arguments(shape)
    radices = [v for v in shape.values() if isinstance(v, tuple)]
    blocks = [s for s in sizes.values() if len(s) == 3 and s is not next(iter(sizes.values()))]
    return (
        (most_entries is None or sum(map(prod, sizes.values())) <= most_entries)
        and (max_size is None or prod(next(iter(sizes.values()))[1:]) <= max_size)
        and (order is None or all(len(r) == order for r in radices))
        and (not square or (len({r for rs in radices for r in rs}) <= 1 and all(s[1] == s[2] for s in blocks)))
        and (not powers_of_two or all(_is_power_of_two(s) for a in sizes.values() for s in a[1:]))
    )


ONE_AFTER_OTHER = ((7, 5), (8, 4), (4, 2))
"""Sizes of two calls, one after the other: alike where they are padded to a power of two or a tile, or half as long."""


def larger_and_smaller(op: Op, *, shape: Shape | None = None, **restrictions: Any) -> Iterator[tuple[Shape, Shape]]:
    """For every size, two shapes that differ in it alone, the larger one first: what is left of the one may be taken
    for part of the other. Arguments are those of `selected_shapes`.

    >>> from monarch_theory.testing.ops import op_named
    >>> list(larger_and_smaller(op_named("fft")))[1]
    ({'batch': 2, 'size': 7}, {'batch': 2, 'size': 5})
    """
    offered = [one for one in selected_shapes(op, shape=shape, **restrictions) if one.get("batch", 1)]
    above_one = (one for one in offered if min(sizes_of(one).values(), default=0) > 1)
    template = next(above_one, offered[-1] if offered else {})
    for axis in sizes_of(template):
        if axis[0] in (shape or {}):
            continue
        pairs = ([with_sizes(template, sizes_of(template) | {axis: n}) for n in both] for both in ONE_AFTER_OTHER)
        yield from islice((tuple(p) for p in pairs if all(_is_taken(op, one, offered, restrictions) for one in p)), 1)


def _is_taken(op: Op, shape: Shape, offered: list[Shape], restrictions: dict[str, Any]) -> bool:
    return shape in offered or (op.accepts is not None and op.accepts(shape) and _fits(op, shape, **restrictions))


def _given(op: Op, offered: list[Shape], given: Shape) -> list[Shape]:
    """The shapes offered, with the sizes given in place of theirs, within the budget where others are free."""
    names = size_names(op)
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(f"shape: expected sizes among {', '.join(names)}, got {', '.join(unknown)}")
    wrong = [
        f"{n} {v}" for n, v in given.items() for one in (v if isinstance(v, tuple) else (v,)) if one < (n != "batch")
    ]
    if wrong:
        raise ValueError(f"shape: expected sizes of at least one, got {', '.join(wrong)}")
    found: list[Shape] = []
    for one in offered:
        changed: dict[str, Any] = {**one, **given}
        same = {name: type(value) for name, value in one.items()} == {n: type(v) for n, v in changed.items()}
        if not same or any(len(one[n]) != len(changed[n]) for n in one if isinstance(one[n], tuple)):
            continue
        if changed == one or (op.accepts is not None and op.accepts(changed)):
            found.append(changed)
    found = _distinct(found)
    least = min((entries(op, one) for one in found), default=0)
    return [one for one in found if entries(op, one) <= max(MOST_ENTRIES, 4 * least)]


def _is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0
