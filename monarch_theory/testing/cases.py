"""The inputs a kernel is tried on, as data: shape × values × memory layout, from small to large, from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from monarch_theory.formats import Format, carrier_of, format_of, round_to
from monarch_theory.testing.op import Arrays, Op, Shape

__all__ = ["EXTREME", "FAMILIES", "LAYOUTS", "Case", "cases", "make_case", "selected_shapes"]

LAYOUTS = ("contiguous", "strided", "transposed")


@dataclass(frozen=True)
class Case:
    """One call of a kernel.

    Attributes:
        arrays: arguments in the dtype they are stored in (bfloat16 as float32 that holds its values).
        poisoned_row: batch row of the first argument that holds a NaN or an infinity, or None.
    """

    op: Op
    dtype: str
    shape: Shape
    family: str
    layout: str
    seed: tuple[int, ...]
    arrays: Arrays = field(repr=False)
    poisoned_row: int | None = None

    @property
    def values(self) -> Arrays:
        """The arguments as float64 or complex128, which hold every storable number exactly."""
        return {name: a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for name, a in self.arrays.items()}

    def describe(self) -> str:
        """One line."""
        sizes = ", ".join(f"{k} {'×'.join(map(str, v)) if isinstance(v, tuple) else v}" for k, v in self.shape.items())
        return f"{sizes}; {self.family} values, {self.layout}, {self.dtype}"


Sizes = dict[str, tuple[int, ...]]
Family = Callable[[np.random.Generator, Sizes, Format], Arrays]


def normal(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Standard normal."""
    return {name: rng.standard_normal(shape) for name, shape in sizes.items()}


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
    """Data of ones; rows of large integers that sum to one. Every partial sum needs more bits than the answer."""
    largest = 2 ** (target.precision - 1)
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
            arrays[name] = np.ones(shape)
    return arrays


def graded(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Magnitudes from 2^−6 to 2^6: an error that is small beside the largest entry is not small beside the others."""
    return {
        name: np.exp2(rng.uniform(-6, 6, shape)) * rng.choice((-1.0, 1.0), shape) for name, shape in sizes.items()
    }


def ones(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """All ones."""
    return {name: np.ones(shape) for name, shape in sizes.items()}


def zeros(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Zero data: the answer is zero, whatever was in memory before."""
    return normal(rng, sizes, target) | {next(iter(sizes)): np.zeros(sizes[next(iter(sizes))])}


def large(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Near the top of the range, or 2^24 for wide formats; where a right kernel overflows, it may."""
    arrays, data = normal(rng, sizes, target), next(iter(sizes))
    return arrays | {data: arrays[data] * 2.0 ** min(target.exponent_max // 2 - 1, 24)}


def tiny(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """Near the bottom of the normal range, where products underflow."""
    arrays, first_two = normal(rng, sizes, target), list(sizes)[:2]
    return arrays | {name: arrays[name] * 2.0 ** max(target.exponent_min // 2 - 1, -80) for name in first_two}


def nonfinite(rng: np.random.Generator, sizes: Sizes, target: Format) -> Arrays:
    """One NaN or infinity (set by `make_case`) in one batch row: the other rows must not notice."""
    return normal(rng, sizes, target)


FAMILIES: dict[str, Family] = {
    f.__name__: f for f in (normal, integers, impulse, cancelling, graded, ones, zeros, large, tiny, nonfinite)
}


EXTREME = ("large", "tiny")
"""Families near the ends of the range, where a narrower format would overflow or vanish whatever the fault."""


def stored(values: np.ndarray, dtype: str) -> np.ndarray:
    """Values rounded to a dtype and held in the NumPy dtype that carries it."""
    if dtype.startswith("complex"):
        return values.astype(dtype)
    rounded = round_to(values, dtype)
    return rounded.astype(carrier_of(dtype))


def make_case(op: Op, dtype: str, shape: Shape, family: str, layout: str, seed: tuple[int, ...]) -> Case:
    """The case that these choices determine."""
    rng = np.random.default_rng(seed)
    sizes, target = op.arguments(shape), format_of(dtype)
    arrays = FAMILIES[family](rng, sizes, target)
    if dtype.startswith("complex"):
        imaginary = FAMILIES[family](rng, sizes, target)
        arrays = {name: a + 1j * imaginary[name] for name, a in arrays.items()}
    arrays = {name: stored(a, dtype) for name, a in arrays.items()}
    row = None
    data = next(iter(arrays))
    if family == "nonfinite" and arrays[data].size and "batch" in shape:
        row = int(rng.integers(0, shape["batch"]))
        flat = arrays[data][row].reshape(-1)
        flat[rng.integers(0, flat.size)] = rng.choice((np.nan, np.inf))
    return Case(op, dtype, shape, family, layout, seed, arrays, row)


def selected_shapes(
    op: Op, *, max_size: int = 4096, order: int | None = None, square: bool = False, powers_of_two: bool = False
) -> list[Shape]:
    """The op's shapes whose first argument has at most `max_size` entries per row, and that a kernel promises to take.

    Raises:
        ValueError: none is left.
    """

    def fits(shape: Shape) -> bool:
        sizes = op.arguments(shape)
        radices = [v for v in shape.values() if isinstance(v, tuple)]
        blocks = [s for s in sizes.values() if len(s) == 3 and s is not next(iter(sizes.values()))]
        return (
            prod(next(iter(sizes.values()))[1:]) <= max_size
            and (order is None or all(len(r) == order for r in radices))
            and (not square or (len({r for rs in radices for r in rs}) <= 1 and all(s[1] == s[2] for s in blocks)))
            and (not powers_of_two or all(_is_power_of_two(s) for a in sizes.values() for s in a[1:]))
        )

    found = [shape for shape in op.shapes() if fits(shape)]
    if not found:
        raise ValueError(f"shapes: expected {op.name} to have a shape within the restrictions, got none")
    return sorted(found, key=lambda shape: sum(prod(a) for a in op.arguments(shape).values()))


def _is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0


def cases(op: Op, dtype: str, *, seed: int = 0, count: int = 200, **restrictions: Any) -> Iterator[Case]:
    """`count` cases, from small to large; the same seed gives the same cases.

    >>> from monarch_theory.testing.ops import op_named
    >>> first = next(cases(op_named("block-diagonal-multiply"), "float32", count=20))
    >>> first.describe()
    'batch 0, blocks 1, rows 1, columns 1; normal values, contiguous, float32'
    """
    if dtype not in op.dtypes():
        raise ValueError(f"dtype: expected one of {', '.join(op.dtypes())} for {op.name}, got {dtype!r}")
    shapes = selected_shapes(op, **restrictions)
    names = tuple(FAMILIES)
    # every shape meets every family as the rounds go on; spread out when there are fewer cases than shapes
    step = max(1.0, len(shapes) / count)
    plan = []
    for i in range(count):
        position = int(i * step) % len(shapes)
        turn = i - int(i * step) // len(shapes) * (len(shapes) - 1)
        plan.append((position, names[turn % len(names)], LAYOUTS[(turn // 2) % len(LAYOUTS)], (seed, i)))
    for position, family, layout, own_seed in sorted(plan, key=lambda p: p[0]):
        yield make_case(op, dtype, shapes[position], family, layout, own_seed)
