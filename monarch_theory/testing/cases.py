"""The inputs a kernel is tried on, as data: shape × values × memory layouts, from small to large, from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from monarch_theory.formats import Format, carrier_of, format_of, round_to
from monarch_theory.testing.kernel_server import SIDE_BY_SIDE
from monarch_theory.testing.op import Arrays, Op, Shape
from monarch_theory.testing.poison import MANY, holders, poison, with_zeros_beside
from monarch_theory.testing.sizes import (
    SOME_ENTRIES,
    TILES,
    Axis,
    combined_shapes,
    entries,
    selected_shapes,
    sizes_of,
    tiles_not_met,
    with_sizes,
)

__all__ = [
    "AT_THE_ENDS", "EXTREME", "FAMILIES", "LAYOUTS", "UNUSUAL", "Case", "cases", "make_case", "plan_of",
    "selected_shapes",
]  # fmt: skip

LAYOUTS = (
    "contiguous", "strided", "transposed", "reversed", "misaligned", "expanded", "recorded", "mixed", "shared",
    *SIDE_BY_SIDE,
)  # fmt: skip
"""How arguments lie in memory: every other element of a buffer, axes in reverse order, backwards (negative strides),
off the start of a cache line, one batch row repeated (stride zero), recorded by autograd, each in its own way, one
array for all that are of a shape with the data, and parts of one buffer, slices along its last axis or the one before,
as queries, keys and values are that come of one product. Of arguments that are recorded, others may be constants."""

UNUSUAL = ("reversed", "misaligned", "expanded", "recorded", "mixed", *SIDE_BY_SIDE)
"""Layouts that a kernel may refuse by any exception, as long as it says so aloud."""

OF_ONE_ARGUMENT = ("contiguous", "strided", "transposed", "reversed", "misaligned", "expanded")

# of a number that has no divisor with that of families, so that every family meets every layout
TURNS = (
    "contiguous", "strided", "transposed", "mixed", "shared", "reversed", "misaligned", "expanded", "transposed",
    "recorded", "recorded", "packed", "stacked",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One call of a kernel.

    Attributes:
        layout: of all arguments, or "mixed".
        arrays: arguments in the dtype they are stored in (bfloat16 as float32 that holds its values).
        poisoned: name of the argument that holds a NaN or an infinity, or None.
        poisoned_row: batch row that holds it, where that is the first argument.
    """

    op: Op
    dtype: str
    shape: Shape
    family: str
    layout: str
    seed: tuple[int, ...]
    arrays: Arrays = field(repr=False)
    poisoned_row: int | None = None
    poisoned: str | None = None

    @property
    def layouts(self) -> tuple[str, ...]:
        """The layout of each argument; what is written into is neither repeated nor recorded.

        Half of the complex ones that are reversed are conjugated: a tensor's memory holds their conjugates, and a bit
        says so. NumPy has no such bit, and torch no negative strides.
        """
        found = layouts_of(self.layout, len(self.arrays), self.seed)
        if self.layout == "shared":
            one = next(iter(self.arrays.values()))
            alike = (name not in self.op.updates and same_values(a, one) for name, a in self.arrays.items())
            found = tuple("shared" if same else "contiguous" for same in alike)
        if self.layout == "reversed" and self.dtype.startswith("complex") and sum(self.seed[:2]) % 2:
            found = tuple("conjugated" if a.dtype.kind == "c" else "contiguous" for a in self.arrays.values())
        if self.layout in SIDE_BY_SIDE:
            there = neighbours(self.op, self.arrays, self.dtypes, SIDE_BY_SIDE[self.layout])
            found = tuple(self.layout if name in there else "contiguous" for name in self.arrays)
        if not self.op.updates:
            return found
        unfit = ("expanded", "recorded")
        named = zip(self.arrays, found, strict=True)
        return tuple("contiguous" if a in self.op.updates and one in unfit else one for a, one in named)

    @property
    def sizes(self) -> dict[str, Any]:
        """The shape without its settings, as the op lists it."""
        return self.op.sizes(self.shape)

    @property
    def answer_shapes(self) -> list[tuple[int, ...]]:
        """The shape of every output: that of the answer for other values, all ones, or all zeros for indices."""
        other = {
            name: np.ones(a.shape) if a.dtype.kind in "fc" else np.zeros_like(a) for name, a in self.values.items()
        }
        return [answer.shape for answer in self.op.answers(other, self.shape)]

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtype of each argument."""
        return self.op.dtypes_of(self.arrays, self.dtype)

    @property
    def values(self) -> Arrays:
        """The arguments as float64 or complex128, which hold every storable number exactly, and indices as they are."""
        wide = {"c": np.complex128, "f": np.float64}
        return {name: a.astype(wide[a.dtype.kind]) if a.dtype.kind in wide else a for name, a in self.arrays.items()}

    @property
    def searching(self) -> bool:
        """Whether the kernel is called more often than usual, to find what it keeps between calls.

        One case in four, whatever it is made smaller to, so that the number of calls before a case has no period.
        """
        return sum(self.seed[:2]) % 4 == 0

    def describe(self) -> str:
        """One line."""
        sizes = ", ".join(f"{k} {'×'.join(map(str, v)) if isinstance(v, tuple) else v}" for k, v in self.shape.items())
        layout = self.layout
        if layout in ("mixed", "recorded", *SIDE_BY_SIDE) and len(set(self.layouts)) > 1:
            layout = ", ".join(f"{name} {one}" for name, one in zip(self.arrays, self.layouts, strict=True))
        return f"{sizes}; {self.family} values, {layout}, {self.dtype}"


def layouts_of(layout: str, count: int, seed: tuple[int, ...]) -> tuple[str, ...]:
    """The layout of each of `count` arguments; of those that are one batch row repeated, only the data is, and of those
    that are recorded it is seldom all."""
    if layout == "mixed":
        return tuple(np.random.default_rng((*seed, 1)).choice(OF_ONE_ARGUMENT, count).tolist())
    if layout == "expanded":
        return (layout, *("contiguous",) * (count - 1))
    if layout == "recorded":
        rng = np.random.default_rng((*seed, 1))
        some = int(rng.integers(1, count)) if count > 1 and rng.integers(4) else count
        recorded = rng.permutation(count) < some
        return tuple("recorded" if one else "contiguous" for one in recorded)
    return (layout,) * count


def neighbours(op: Op, arrays: Arrays, dtypes: tuple[str, ...], axis: int) -> list[str]:
    """The arguments that lie in one buffer: all that agree with the data but along an axis, or where none does, all of
    its dtype; not what is written into."""
    data = next(name for name, a in arrays.items() if a.dtype.kind in "fc")
    own = dict(zip(arrays, dtypes, strict=True))
    alike = [name for name in arrays if own[name] == own[data] and name not in op.updates]

    def others(name: str) -> tuple[int, ...]:
        shape = arrays[name].shape
        return (len(shape), *(size for k, size in enumerate(shape) if k != len(shape) + axis))

    found = [name for name in alike if others(name) == others(data) and arrays[name].ndim >= -axis]
    return found if len(found) > 1 else alike


def shared(op: Op, arrays: Arrays, shape: Shape, target: Format) -> Arrays:
    """The same values for the data and all that is of its shape and dtype, which a kernel only reads; others as before.

    They are those of the first such argument with a domain; what has another domain stays as it is.
    """
    first = next(iter(arrays.values()))
    alike = [n for n, a in arrays.items() if n not in op.updates and (a.shape, a.dtype) == (first.shape, first.dtype)]
    source = next((name for name in alike if name in op.domains), next(iter(arrays)))
    values = arrays[source]

    def takes(name: str) -> bool:
        domain = op.domains.get(name)
        return name == source or domain is None or same_values(domain.into(values, shape, target), values)

    return arrays | {name: values.copy() for name in alike if takes(name)}


def same_values(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same bits."""
    return (a.shape, a.dtype) == (b.shape, b.dtype) and a.tobytes() == b.tobytes()


Sizes = dict[str, tuple[int, ...]]
Family = Callable[[np.random.Generator, Sizes, Format], Arrays]


def normal(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Standard normal."""
    return {name: rng.standard_normal(shape) for name, shape in sizes.items()}


def positive(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Moduli of normal numbers: sums of them cancel nowhere, and their bounds are as sharp as bounds can be."""
    return {name: np.abs(a) for name, a in normal(rng, sizes, target).items()}


def integers(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Integers in [−3, 3]: where sums stay below 2^p nothing rounds, and a right kernel is exactly right."""
    return {name: rng.integers(-3, 4, shape).astype(float) for name, shape in sizes.items()}


def impulse(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """One 1 in every row of the data, small integers elsewhere: each row of the answer is one column."""
    arrays = integers(rng, sizes, target)
    data = next(iter(sizes))
    flat = np.zeros((prod(sizes[data][:-1]), sizes[data][-1]))
    if flat.size:
        flat[np.arange(len(flat)), rng.integers(0, flat.shape[1], len(flat))] = 1.0
    return arrays | {data: flat.reshape(sizes[data])}


def cancelling(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Data of ones, or of 2^7; rows of large integers that sum to one. Every partial sum needs more bits than the
    answer, and products may be above the range of half precision where the answer is not."""
    largest, data = 2 ** (target.precision - 1), rng.choice((1.0, 2.0**7))
    arrays: Arrays = {}
    for k, (name, shape) in enumerate(sizes.items()):
        if len(shape) == 3 and k and shape[-1] > 1:
            half = shape[-1] // 2
            up = rng.integers(largest // 2, largest, (*shape[:-1], half)) | 1
            middle = np.zeros((*shape[:-1], shape[-1] - 2 * half), dtype=np.int64)
            row = np.concatenate([up, middle, -up], axis=-1)
            row[..., half] += 1
            arrays[name] = row.astype(float)
        else:
            arrays[name] = np.ones(shape) if k else np.full(shape, data)
    return arrays


def graded(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Magnitudes from 2^−6 to 2^6: an error that is small beside the largest entry is not small beside the others."""
    return {name: np.exp2(rng.uniform(-6, 6, shape)) * rng.choice((-1.0, 1.0), shape) for name, shape in sizes.items()}


def uneven(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Each row along the last axis times a power of two of its own, 2^−12 to 2^12, and half of the rows rising or
    falling by 2^16: of any argument some numbers are large, and some between those of other families."""
    reach, rise = (min(exponent, target.exponent_max // 2) for exponent in (12, 16))

    def scales(shape: tuple[int, ...]) -> np.ndarray:
        row = (*shape[:-1], 1)[: len(shape)]
        slope = rng.choice((0, 0, -1, 1), row) * np.linspace(0, rise, shape[-1]) if shape else 0
        return np.exp2(rng.integers(-reach, reach, row, endpoint=True) + np.rint(slope))

    return {name: a * scales(a.shape) for name, a in normal(rng, sizes, target).items()}


def level(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Rows whose numbers are all of one sign, far from zero and in order: near a power of two of its own, and every
    third row the same number throughout."""

    def rows(shape: tuple[int, ...]) -> np.ndarray:
        middle = np.exp2(rng.integers(2, min(8, target.precision - 2), (*shape[:-1], 1)[: len(shape)], endpoint=True))
        spread = rng.choice((0.0, 1.0, 1.0), middle.shape) * rng.choice((-1.0, 1.0), middle.shape)
        return rng.choice((-1.0, 1.0), middle.shape) * (middle + spread * np.sort(rng.uniform(-2, 2, shape), -1))

    return {name: rows(shape) if shape else np.ones(shape) for name, shape in sizes.items()}


def gaps(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Each row is zero from a place of its own on, some from the first: filters shorter than their array, padding."""

    def rows(values: np.ndarray) -> np.ndarray:
        if not values.ndim:
            return values
        length = rng.integers(0, values.shape[-1], (*values.shape[:-1], 1), endpoint=True)
        return np.where(np.arange(values.shape[-1]) < length, values, 0.0)

    return {name: rows(a) for name, a in normal(rng, sizes, target).items()}


def rising(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Numbers that rise or fall steadily along the longest axis there is, each row with a slope of its own, by up to
    two, and once more at the end: what is largest comes last, and a running maximum or mean moves with every tile.
    Arguments without that axis are normal."""
    longest = max((size for shape in sizes.values() for size in shape), default=0)

    def rows(shape: tuple[int, ...]) -> np.ndarray:
        values = rng.standard_normal(shape)
        if longest not in shape:
            return values
        axis = len(shape) - 1 - shape[::-1].index(longest)
        across = tuple(1 if k == axis else size for k, size in enumerate(shape))
        slope = rng.choice((-1.0, 1.0), across) * rng.choice((0.25, 0.5, 1.0), across)
        steps = np.append(np.linspace(-1, 1, longest)[:-1], 1.5)[-longest:]
        along = steps.reshape([longest if k == axis else 1 for k in range(len(shape))])
        return values / 8 + slope * along

    return {name: rows(shape) for name, shape in sizes.items()}


def ones(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """All ones."""
    return {name: np.ones(shape) for name, shape in sizes.items()}


def zeros(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Zero data of either sign: the answer is zero, whatever was in memory before."""
    data = next(iter(sizes))
    return normal(rng, sizes, target) | {data: np.copysign(0.0, rng.standard_normal(sizes[data]))}


def large(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Data far above one, in one of three ways: below 2^24, in float64 2^41, where exponentials overflow, masks of
    finite numbers fail, and bounds still tell; from there to the middle of the range, whose squares are large; as large
    as leaves room for sums, where a right kernel may overflow."""
    arrays, data = normal(rng, sizes, target), next(iter(sizes))
    middle = min(target.exponent_max // 2 - 1, MOST_EXPONENT)
    longest = max((max(shape, default=1) for shape in sizes.values()), default=1)
    top = target.exponent_max - 12 - 3 * longest.bit_length()
    edge, way = min(middle, max(24, target.precision - 12)), rng.choice((0, 1, 1, 2))
    exponent = int(
        rng.integers(min(middle, 7), edge, endpoint=True) if way else rng.integers(edge, middle, endpoint=True)
    )
    if way == 2 and middle < top < MOST_EXPONENT:
        exponent = top
    return arrays | {data: arrays[data] * 2.0**exponent}


def tiny(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Near the bottom of the normal range: two arguments whose products underflow, or one alone, further down; or data
    below it, which the second argument brings back. What is alone is the data, or in turn with it another argument."""
    arrays, names = normal(rng, sizes, target), list(sizes)
    middle = max(target.exponent_min // 2 - 1, -80)
    # the last place of the data, and of what is computed from it, is still a normal number
    bottom = max(target.exponent_min + target.precision + 2, -MOST_EXPONENT)
    way = rng.integers(3) if bottom < middle else 0
    if way < 2 and bottom < middle and rng.integers(5) > 1:
        way = 3 + rng.integers(2)
    scale = 2.0 ** (rng.integers(bottom, middle) if way else middle)
    lowest = max(target.exponent_min + LEAST_BITS, -MOST_EXPONENT)
    if way > 2:
        # what a kernel takes for zero there is more than may be lost, if it is not all of the last place
        alone = names[0] if way == 3 or len(names) == 1 else names[rng.integers(1, len(names))]
        return arrays | {alone: arrays[alone] * 2.0 ** rng.integers(lowest, max(bottom, lowest + 1))}
    if way == 2 and target.exponent_min > -MOST_EXPONENT:
        # few bits, all of which a subnormal number holds
        small = rng.integers(-8, 9, sizes[names[0]]) * (8 * target.smallest_subnormal)
        return arrays | {name: arrays[name] * 2.0**BACK for name in names[1:2]} | {names[0]: small}
    return arrays | {name: arrays[name] * scale for name in names[: 1 if way else 2]}


LEAST_BITS = 12
"""Powers of two from the bottom of the normal range up to the least numbers, so that those are more than sums lose."""

BACK = 60
"""Power of two by which the second argument is larger, where the data are subnormal: their product is not."""


MOST_EXPONENT = 400
"""Of two, in float64: squares of such numbers, and of their errors, are still numbers."""


def nonfinite(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """One NaN or infinity in a batch row, whose neighbours must not notice, or in a parameter; and mostly zeros in the
    other arguments, which `make_case` sets, too."""
    return normal(rng, sizes, target)


IN_TURN: tuple[Family, ...] = (
    normal, integers, impulse, cancelling, graded, ones, zeros, large, tiny, nonfinite,
    normal, integers, impulse, cancelling, uneven, level, gaps, large, tiny, nonfinite,
)  # fmt: skip
"""Families in the order in which cases have them; `rising` takes the place of others in long ones, and
`positive` stands beside what no bound tells."""

FAMILIES: dict[str, Family] = {f.__name__: f for f in (*IN_TURN, rising, positive)}


AT_THE_ENDS = ("large", "tiny")
"""Families near the ends of the range, where products of two such arguments are beyond it."""

EXTREME = (*AT_THE_ENDS, "uneven")
"""Families near the ends of the range, where a narrower format would overflow or vanish whatever the fault."""


PARTLY = ("ones", "level", "gaps")
"""Families of which complex numbers may be purely real, or purely imaginary."""

PARTS = ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


def stored(values: np.ndarray, dtype: str) -> np.ndarray:
    """Values rounded to a dtype and held in the NumPy dtype that carries it."""
    if dtype.startswith(("complex", "int")):
        return values.astype(dtype)
    rounded = round_to(values, dtype)
    return rounded.astype(carrier_of(dtype))


def settled(op: Op, shape: Shape, seed: tuple[int, ...]) -> Shape:
    """The shape with one of each of its settings, every other time the usual one; the same whatever it is made
    smaller to."""
    rng = np.random.default_rng((*seed[:2], 2))
    drawn = {
        name: values[rng.integers(len(values)) if rng.integers(2) else 0] for name, values in op.settings(shape).items()
    }
    return {**shape, **{name: value for name, value in drawn.items() if name not in shape}} if drawn else shape


def make_case(op: Op, dtype: str, shape: Shape, family: str, layout: str, seed: tuple[int, ...]) -> Case:
    """The case that these choices determine; settings that the shape has not are drawn."""
    shape = settled(op, shape, seed)
    rng = np.random.default_rng(seed)
    sizes, target = op.arguments(shape), format_of(dtype)
    arrays = FAMILIES[family](rng, _numbers_first(op, sizes, dtype), target)
    arrays = {name: arrays[name] for name in sizes}
    if dtype.startswith("complex"):
        imaginary = FAMILIES[family](rng, sizes, target)
        for name, a in arrays.items():
            of_real, of_imaginary = PARTS[rng.integers(len(PARTS))] if family in PARTLY else (1.0, 1.0)
            arrays[name] = of_real * a + 1j * of_imaginary * imaginary[name]
    layouts = dict(zip(arrays, layouts_of(layout, len(arrays), seed), strict=True))
    # of indices the first and the last are to be in the row that is repeated
    arrays = {
        name: _repeated(a) if layouts[name] == "expanded" and name in op.domains else a for name, a in arrays.items()
    }
    arrays = {name: op.domains[name].into(a, shape, target) if name in op.domains else a for name, a in arrays.items()}
    dtypes = op.dtypes_of(arrays, dtype)
    arrays = {name: stored(a, own) for (name, a), own in zip(arrays.items(), dtypes, strict=True)}
    if layout == "shared" and family not in AT_THE_ENDS:
        arrays = shared(op, arrays, shape, target)
    arrays = {name: _repeated(a) if layouts[name] == "expanded" else a for name, a in arrays.items()}
    poisoned, row = None, None
    if family == "nonfinite":
        turn = seed[TURN] if len(seed) > TURN else None
        poisoned, row = poison(op, arrays, rng, shape, turn)
        arrays = with_zeros_beside(op, arrays, rng, shape, poisoned, row, turn)
    return Case(op, dtype, shape, family, layout, seed, arrays, row, poisoned)


def _numbers_first(op: Op, sizes: Sizes, dtype: str) -> Sizes:
    """The sizes of all arguments, those of indices last: the first that is numbers is the data of all families."""
    kinds = dict(zip(sizes, op.dtypes_of(sizes, dtype), strict=True))
    return {name: sizes[name] for name in sorted(sizes, key=lambda name: kinds[name].startswith("int"))}


def _repeated(values: np.ndarray) -> np.ndarray:
    """The first slice along the first axis in place of all."""
    return np.repeat(values[:1], len(values), 0) if values.ndim and len(values) > 1 else values


def cases(op: Op, dtype: str, *, seed: int = 0, count: int = 200, **restrictions: Any) -> Iterator[Case]:
    """`count` cases, from small to large; the same seed gives the same cases.

    >>> from monarch_theory.testing.ops import op_named
    >>> first = next(cases(op_named("block-diagonal-multiply"), "float32", count=20))
    >>> first.describe()
    'batch 1, blocks 2, rows 2, columns 2; large values, recorded, float32'
    """
    if dtype not in op.dtypes():
        raise ValueError(f"dtype: expected one of {', '.join(op.dtypes())} for {op.name}, got {dtype!r}")
    for shape, family, layout, own_seed in plan_of(op, seed=seed, count=count, **restrictions):
        yield make_case(op, dtype, shape, family, layout, own_seed)


Planned = tuple[Shape, str, str, tuple[int, ...]]
"""Shape, family, layout and seed of a case."""


def plan_of(op: Op, *, seed: int = 0, count: int = 200, **restrictions: Any) -> list[Planned]:
    """What `cases` are made of; it is kept, as many checks of one op have the same, unless a shape is asked for."""
    given = {name: value for name, value in restrictions.items() if value is not None and value is not False}
    return list((_plan if "shape" in given else _kept_plan)(op, seed, count, **given))


def _plan(op: Op, seed: int, count: int, **restrictions: Any) -> list[Planned]:
    names = tuple(family.__name__ for family in IN_TURN)
    plan: list[Planned] = []
    told: set[tuple[str, Any]] = set()
    for i, shape in enumerate(_planned(op, count, restrictions)):
        family = names[i % len(names)]
        # a size that no case has yet is not met with values that hide what is wrong there
        if entries(op, shape) > AGAIN or (family in BLIND and not told >= met_by(shape)):
            family = TELLING[i % len(TELLING)]
        batch = shape.get("batch", 1)
        if family == "integers" and batch > FEW and ("batch", batch) not in told and entries(op, shape) <= FEW * batch:
            family = "normal"
        told |= met_by(shape) if _tells(shape, family) else set()
        plan.append((shape, family, TURNS[i % len(TURNS)], (seed, i)))
    _lend(op, plan, seed)
    _show_places(op, plan)
    _take_turns(op, plan)
    if not {name for name, value in restrictions.items() if value} - {"max_size", "most_entries"}:
        _set_apart(op, plan)
    _let_rise(op, plan, restrictions)
    promised = any(restrictions.get(name) for name in PROMISED) or (restrictions.get("max_size") or WHOLE[0]) < WHOLE[0]
    if not promised and count >= TO_BE_SPARED:
        _reach_whole_tiles(op, plan, restrictions)
    return sorted(plan, key=lambda p: entries(op, p[0]))


_kept_plan = lru_cache(maxsize=256)(_plan)  # of every op with several seeds

TOGETHER = "all of them"
"""What the tile that all sizes reach is called, beside the names of sizes."""


def met_by(shape: Shape) -> set[tuple[str, Any]]:
    """What a case of a shape is one of: every size of it, and the tile that all of them reach, and whether it divides
    them."""
    sizes = sizes_of(shape).values()
    least = min(sizes, default=0)
    tile = max((tile for tile in TILES if tile <= least), default=0)
    together = {(TOGETHER, (tile, all(size % tile == 0 for size in sizes)))} if tile else set()
    return {*shape.items(), *together}


def _tells(shape: Shape, family: str) -> bool:
    """Whether a wrong value shows: there is one, and values that do not hide it."""
    return family not in BLIND and 0 not in sizes_of(shape).values()


def _lend(op: Op, plan: list[Planned], seed: int) -> None:
    """Give each blind family its share of the cases: those whose sizes all come again with values that tell."""
    seen = Counter(size for shape, family, *_ in plan if _tells(shape, family) for size in met_by(shape))
    due = {family: -(-len(plan) // every) for family, every in LENT.items()}
    missing = {family: count - sum(own == family for _, own, *_ in plan) for family, count in due.items()}
    order = np.random.default_rng(seed).permutation(len(plan)).tolist()
    many = [k for k in order if plan[k][0].get("batch", 1) > MANY]
    for k in dict.fromkeys((*many, *order)):
        shape, own, *rest = plan[k]
        fitting = [f for f in BLIND if entries(op, shape) <= LARGEST[f]]
        # half of those that are no numbers among many rows
        if k in many:
            fitting = ["nonfinite"] if "nonfinite" in fitting and 2 * missing["nonfinite"] > due["nonfinite"] else []
        family = max(fitting, key=lambda f: missing[f] / due[f], default="")
        again = _tells(shape, own) and all(seen[size] > 1 for size in met_by(shape))
        if again and own in TELLING and family and missing[family] > 0:
            plan[k] = (shape, family, *rest)
            seen.subtract(met_by(shape))
            missing[family] -= 1
    # where few cases could be lent, those who have more than the least share it
    least, have = -(-len(plan) // max(LENT.values())), Counter(family for _, family, *_ in plan)
    for k in order:
        shape, own, *rest = plan[k]
        poorest = min(BLIND, key=lambda family: have[family])
        if own in BLIND and have[own] > least > have[poorest] and entries(op, shape) <= LARGEST[poorest]:
            plan[k] = (shape, poorest, *rest)
            have.update({own: -1, poorest: 1})


def _show_places(op: Op, plan: list[Planned]) -> None:
    """Where a size is met by no other numbers than ones, which are right in each other's place, exchange its case with
    one whose sizes all come again; not with a long one, of which there are few."""

    def shows(shape: Shape, family: str) -> bool:
        return family != "ones" and _tells(shape, family)

    seen = Counter(size for shape, family, *_ in plan if shows(shape, family) for size in met_by(shape))
    for k, (shape, family, layout, own_seed) in enumerate(plan):
        if family != "ones" or not _tells(shape, family) or all(seen[size] for size in met_by(shape)):
            continue
        plan[k] = (shape, "normal", layout, own_seed)
        seen.update(met_by(shape))
        for j, (other, own, *_) in enumerate(plan):
            short = entries(op, other) <= AGAIN and max(sizes_of(other).values(), default=0) < LONG
            if short and all(seen[size] > 1 for size in met_by(other)) and shows(other, own):
                plan[j] = (other, "ones", *plan[j][2:])
                seen.subtract(met_by(other))
                break


TURN = 2
"""Where the seed of a case that holds a NaN says which argument's turn it is, and which turn that is."""


def _take_turns(op: Op, plan: list[Planned]) -> None:
    """Of the cases that hold a NaN, give each of few rows to an argument that has held one least often.

    Those of many rows are the data's, but for some where there are too few others. Options are the usual ones: what is
    scaled by zero does not depend on where a NaN is.
    """
    had: Counter[str] = Counter()
    special = [k for k, (_, family, *_) in enumerate(plan) if family == "nonfinite"]
    for k in special:
        plan[k] = (op.usual(plan[k][0]), *plan[k][1:])
    few = [k for k in special if plan[k][0].get("batch", 1) <= MANY]
    many = [k for k in special if k not in few]
    for k in (*few, *many[LEFT_TO_DATA:]):
        shape, family, layout, seed = plan[k]
        names = holders(op, shape)
        name = min(names, key=lambda name: had[name])
        if k in few or not had[name]:
            plan[k] = (shape, family, layout, (*seed, names.index(name) + len(names) * had[name]))
            had[name] += 1


LEFT_TO_DATA = 2
"""Cases of many rows that hold a NaN in the data, whatever other arguments want."""


def _set_apart(op: Op, plan: list[Planned]) -> None:
    """Make each size one in some case that tells, where no other is: one row of many channels, too.

    A case gives way whose sizes all come again with values that tell, and of those one whose shape does.
    """
    if op.accepts is None:
        return
    for axis in sizes_of(plan[0][0]) if plan else ():
        told = [shape for shape, family, *_ in plan if _tells(shape, family)]
        if axis[1] is not None or any(_is_apart(shape, axis) for shape in told):
            continue
        seen, twice = Counter(size for shape in told for size in met_by(shape)), Counter(map(_key, told))
        free = [
            k for k, (shape, family, *_) in enumerate(plan)
            if family in TELLING and _tells(shape, family) and all(seen[size] > 1 for size in met_by(shape))
            and not _has_one_apart(shape)
        ]  # fmt: skip
        k = max(free, key=lambda k: twice[_key(plan[k][0])], default=None)
        apart = (_apart(op, shape, axis) for shape in told)
        found = next((shape for shape in apart if shape is not None), None)
        if k is not None and found is not None:
            plan[k] = (found, "normal", *plan[k][2:])


def _is_apart(shape: Shape, axis: Axis) -> bool:
    return all((size == 1) == (other == axis) for other, size in sizes_of(shape).items())


def _has_one_apart(shape: Shape) -> bool:
    """Whether some size is one, and no other is."""
    return list(sizes_of(shape).values()).count(1) == 1


def _apart(op: Op, shape: Shape, axis: Axis) -> Shape | None:
    """The shape with one size set to one, if no other is and the op takes it."""
    found = with_sizes(shape, {**sizes_of(shape), axis: 1})
    fits = _is_apart(found, axis) and 0 not in sizes_of(found).values() and entries(op, found) <= AGAIN
    assert op.accepts is not None
    return found if fits and op.accepts(found) else None


def _let_rise(op: Op, plan: list[Planned], restrictions: dict[str, Any]) -> None:
    """Along every axis that is the longest of some cases let numbers rise: in the longest, then in every other one.

    Options are the usual ones there: a scale of zero would leave nothing to rise. And there are several rows, as all of
    two may fall by chance. A family that has few cases keeps them, but for the longest.
    """
    most = min(restrictions.get("most_entries") or SOME_ENTRIES, SOME_ENTRIES)
    free = op.accepts is not None and "batch" not in (restrictions.get("shape") or {})
    telling = (shape for shape, family, *_ in plan if family != "ones" and _tells(shape, family))
    seen = Counter(size for shape in telling for size in met_by(shape))
    of_family = Counter(family for _, family, *_ in plan)
    kept: set[int] = set()
    for axis in {axis: None for shape, *_ in plan for axis in sizes_of(shape) if axis[0] != "batch"}:
        along = [k for k, (shape, family, *_) in enumerate(plan) if _tells(shape, family) and _is_along(shape, axis)]
        along.sort(key=lambda k: -sizes_of(plan[k][0])[axis])
        kept |= _keep_uneven(plan, along, kept)
        free_to_rise = [k for k in along if k not in kept]
        kept |= set(free_to_rise[:1])
        others = [k for k in free_to_rise[1:] if plan[k][1] != "uneven"]
        for place, k in enumerate((*free_to_rise[:1], *others[::2])):
            shape, family, layout, own_seed = plan[k]
            if place and of_family[family] <= SPARED:
                continue
            of_family[family] -= 1
            more = {**shape, "batch": RISING} if free and shape.get("batch") in (2, 3) else shape
            if entries(op, more) > most or any(seen[size] < 2 for size in met_by(shape) - met_by(more)):
                more = shape
            seen.subtract(met_by(shape) - met_by(more))
            plan[k] = (op.usual(more), "rising", layout, own_seed)


def _keep_uneven(plan: list[Planned], along: list[int], kept: set[int]) -> set[int]:
    """Let the second of some cases be uneven: it changes families with the first, with one elsewhere or a short one.

    Rows of which some are large tell what overflows, and the first case is to rise. Which one is uneven is returned, so
    that no other axis takes it: two axes may share it, where both are as long. What is kept is the longest of another
    axis, which rises, or its uneven one.
    """
    second = next((k for k in along[1:] if k not in kept or plan[k][1] == "uneven"), None)
    if second is None or plan[second][1] == "uneven":
        return set() if second is None else {second}
    elsewhere = (k for k in range(len(plan)) if k not in along)
    nearest = (along[0], *elsewhere, *reversed(along))
    other = next((k for k in nearest if plan[k][1] == "uneven" and k not in kept), None)
    if other is None:
        return set()
    one, two = plan[second], plan[other]
    plan[second], plan[other] = _of_family(one, two[1]), _of_family(two, one[1])
    return {second}


def _of_family(planned: Planned, family: str) -> Planned:
    """The same case with values of a family."""
    shape, _, layout, seed = planned
    return shape, family, layout, seed


def _is_along(shape: Shape, axis: Axis) -> bool:
    """Whether an axis has two tiles at least, and no other is longer, and one at most as long."""
    there = sizes_of(shape)
    own, sizes = there.get(axis, 0), sorted(there.values())
    return own > TWO_TILES and own == sizes[-1] and own > max(sizes[:-2], default=0)


SPARED = 6
"""Cases that a family keeps when numbers are made to rise."""

RISING = 10
"""Rows of such a case that had fewer, and more than one."""

TWO_TILES = 32
"""Entries of two of the smallest tiles."""


def _planned(op: Op, count: int, restrictions: dict[str, Any]) -> list[Shape]:
    """The shapes of `count` cases: half of them combined, some of those with all sizes large, the others listed.

    Where there are fewer cases than shapes they are spread over them; where there are more, small shapes come again.
    """
    shapes = selected_shapes(op, **restrictions)
    left = {_key(shape): shape for shape in shapes}
    combined = [left.pop(_key(s)) for s in combined_shapes(op, restrictions.get("max_size") or 0) if _key(s) in left]
    listed = list(left.values())
    share = max(min(len(combined), count // 2), count - len(listed))
    large = _spread(combined[: 4 * count // 25], share // 3)
    plan = [*large, *_spread(combined[4 * count // 25 :], share - len(large))]
    others = _spread(listed, count - len(plan))
    small = [s for s in shapes if entries(op, s) <= AGAIN] or shapes
    others += [small[i % len(small)] for i in range(count - len(plan) - len(others))]
    free = op.accepts is not None and "batch" not in (restrictions.get("shape") or {})
    there = {s["batch"] for s in plan if "batch" in s}
    found = [*plan, *(_with_batches(op, others, there) if free else others)]
    found = _with_rows(op, found) if free else found
    return found


PROMISED = ("shape", "order", "square", "powers_of_two")
"""Restrictions that other sizes might not keep."""

TO_BE_SPARED = 200
"""Cases of which some may give their sizes up; of fewer all are wanted for NaN and zeros, and for sizes of one."""

WHOLE = (720, 1120, 880, 1040, 240, 224, 208, 176, 160, 144, 192, 256)
"""Sizes of whole tiles of many lengths, together of all in `WHOLE_TILES`; so are the first four and `SIZES`."""

ENTRIES_OF_WHOLE = 2 * SOME_ENTRIES
"""Entries of all arguments of such a case, at most."""

BESIDE_WHOLE = 64
"""Another size of such a case, at most: what is computed may be as many as their product, and take as long."""


def _reach_whole_tiles(op: Op, plan: list[Planned], restrictions: dict[str, Any]) -> None:
    """Give some cases a size that is whole tiles, or one more, where no other one is of such tiles.

    A kernel may be wrong where nothing is left of the last tile, or one. Shapes of values that tell give way, which
    stay small, and whose sizes all come again.
    """
    if op.accepts is None:
        return
    # ones are right in each other's place
    told = [shape for shape, family, *_ in plan if family != "ones" and _tells(shape, family)]
    seen = Counter(size for shape in told for size in _told_apart(shape))
    most = min(restrictions.get("most_entries") or ENTRIES_OF_WHOLE, ENTRIES_OF_WHOLE)
    longest = restrictions.get("max_size") or most
    free = {
        k for k, (shape, family, *_) in enumerate(plan)
        if family in GIVING_WAY and _tells(shape, family) and not _has_one_apart(shape)
    }  # fmt: skip
    for left, axis in product((0, 1), {axis: None for shape in told for axis in sizes_of(shape)}):
        missing = tiles_not_met({sizes_of(p[0]).get(axis, 0) for p in plan if _tells(p[0], p[1])}, left)
        # the longest cases of an axis are those in which numbers rise, and are uneven
        longer = sorted(sizes_of(shape).get(axis, 0) for shape in told)[-LEFT_LONGEST:][0]
        for size in (whole + left for whole in WHOLE if whole < longer):
            if missing == (then := tuple(tile for tile in missing if size % tile != left)):
                continue
            changed = (
                (entries(op, other), k, other) for k in sorted(free)
                if (other := _with_one(op, plan[k][0], axis, size, seen)) is not None
                and prod(next(iter(op.arguments(other).values()))[1:]) <= longest
            )  # fmt: skip
            none: tuple[int, int, Shape] = (most + 1, 0, {})
            cost, k, other = min(changed, key=lambda one: one[0], default=none)
            if cost <= most:
                seen.subtract(_told_apart(plan[k][0]))
                seen.update(_told_apart(other))
                plan[k], missing = (other, *plan[k][1:]), then


LEFT_LONGEST = 3
"""Cases of every axis that stay the longest."""

GIVING_WAY = ("normal", "integers", "graded")
"""Families of which there are many cases, and that show a wrong value anywhere."""


def _with_one(op: Op, shape: Shape, axis: Axis, size: int, seen: Counter[tuple[Any, Any]]) -> Shape | None:
    """The shape with another size, where it is to spare: no size is zero, and enough others have what goes."""
    sizes = sizes_of(shape)
    if axis not in sizes or 0 in sizes.values():
        return None
    others = {**sizes, axis: size}
    # what is quick to see comes first: most shapes are ruled out by it
    if sorted(others.values())[-2:][0] > BESIDE_WHOLE and len(sizes) > 1:
        return None
    if sizes[axis] != size and seen[axis, sizes[axis]] <= TO_SPARE:
        return None
    found = with_sizes(shape, others)
    assert op.accepts is not None
    spared = all(seen[gone] > TO_SPARE for gone in _told_apart(shape) - _told_apart(found))
    return found if spared and op.accepts(found) else None


def _told_apart(shape: Shape) -> set[tuple[Any, Any]]:
    """What a shape is one of, and each of its sizes by itself."""
    return {*met_by(shape), *sizes_of(shape).items()}


TO_SPARE = 1
"""Shapes that keep a size, at least, where others give it up."""


BATCHES = (*range(4, 34), 36, 40, 48, 63, 64, 65, 96, 100, 128, 129)
"""Batches that some case is to have."""


def _with_batches(op: Op, shapes: list[Shape], there: set[int]) -> list[Shape]:
    """The shapes, some of them with a batch in place of a usual one that no other shape has."""
    missing = [batch for batch in BATCHES if batch not in there]
    found = []
    for shape in shapes:
        other = {**shape, "batch": missing[0]} if missing and shape.get("batch") in (2, 3, 7) else shape
        if other is not shape and entries(op, other) <= AGAIN:
            missing.pop(0)
            found.append(other)
        else:
            found.append(shape)
    return found


def _with_rows(op: Op, shapes: list[Shape]) -> list[Shape]:
    """The shapes, with a batch of two in place of none where one has a size that is met nowhere else."""
    there = {size for shape in shapes if shape.get("batch") != 0 for size in sizes_of(shape).items()}
    found = []
    for shape in shapes:
        alone = shape.get("batch") == 0 and {s for s in sizes_of(shape).items() if s[0][0] != "batch"} - there
        other = {**shape, "batch": 2} if alone else shape
        if alone and op.accepts is not None and op.accepts(other):
            there |= set(sizes_of(other).items())
            found.append(other)
        else:
            found.append(shape)
    return found


LONG = 128
"""A size from which on a case is long."""

AGAIN = 1 << 12
"""Entries of all arguments up to which a shape is worth several cases, and values that tell little."""

TELLING = ("integers", "normal", "integers", "graded", "uneven")
"""Families that show a wrong value anywhere; most of all integers, as nothing rounds there and any error shows."""

FEW = 4
"""Entries for each row of a batch up to which one integer that is zero may hide the row, where few cases have it."""

BLIND = ("nonfinite", "large", "impulse", "zeros", "gaps")
"""Families whose answers are mostly zero, or whose bounds have room for much: there a wrong value may not show. Beside
a NaN in a parameter nothing is compared at all."""

LENT = dict.fromkeys(BLIND, 40) | {"nonfinite": 16, "large": 20}
"""Of so many cases, at least one of the family."""

LARGEST = dict.fromkeys(BLIND, AGAIN) | {"nonfinite": 16 * AGAIN}
"""Entries of all arguments up to which there are such cases: of NaN and infinities more, as kernels go other ways
where there are many."""


def _spread(shapes: list[Shape], count: int) -> list[Shape]:
    """At most `count` of them, evenly, the last one among them."""
    if count >= len(shapes):
        return shapes
    return [shapes[-1 - i * len(shapes) // count] for i in reversed(range(count))]


def _key(shape: Shape) -> tuple[tuple[str, Any], ...]:
    return tuple(shape.items())
