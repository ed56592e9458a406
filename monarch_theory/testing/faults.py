"""Faults that several ops share, as data: tried against a failing kernel's output to name the likely cause."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from monarch_theory.formats import BFLOAT16, TF32, Format, round_to
from monarch_theory.testing.kernel_server import SIDE_BY_SIDE, side_by_side
from monarch_theory.testing.op import Arrays, Fault

__all__ = [
    "UNREDUCED",
    "Table",
    "argument_faults",
    "batch_sum_faults",
    "block_faults",
    "changed",
    "firsts",
    "layout_faults",
    "narrow_faults",
    "operand_faults",
    "row_faults",
    "shared_faults",
    "tails",
    "turned",
    "unreduced_tables",
]  # fmt: skip


TILES = (2, 4, 8, 16, 32, 64, 128, 256)
"""Lengths of usual tiles."""


UNREDUCED = "unreduced"
"""The cause, and the algorithm that is claimed, of tables of roots of unity of angles that grow with jk."""

Table = Callable[[int], np.ndarray]
"""b to the matrix (b, b) of a DFT of b points."""

LARGEST_TABLE = 2048
"""Points up to which a DFT is computed by its table."""


def changed(name: str, change: Callable[..., np.ndarray]) -> Callable[[Arrays], Arrays]:
    """A change of one argument, as `Fault.before` wants it."""
    return lambda arrays: arrays | {name: change(arrays[name])}


def turned(blocks: np.ndarray) -> np.ndarray:
    """(…, rows, columns) to (…, columns, rows)."""
    return blocks.swapaxes(-1, -2)


def without_tail(axis: int, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """Set the last `count` entries along an axis to zero."""

    def cut(values: np.ndarray) -> np.ndarray:
        shorter = values.copy()
        np.moveaxis(shorter, axis, 0)[values.shape[axis] - count :] = 0
        return shorter

    return cut


def tails(length: int) -> list[int]:
    """How many entries a loop over whole tiles forgets, for the usual tiles, and one."""
    found = {
        1,
        length // 2,
        *(length % tile for tile in TILES),
        *(length - tile for tile in (8, 16, 32, 64)),
    }
    return sorted(t for t in found if 0 < t < length)


def firsts(length: int) -> list[int]:
    """How many entries are read of a row, where some of its tail are not, or where a tile is taken for all of it."""
    tiles = (2**k for k in range(2, max(length, 1).bit_length()))
    return sorted({*(length - tail for tail in tails(length)), *(tile for tile in tiles if tile < length)})


def block_faults(shapes: dict[str, tuple[int, ...]], names: Sequence[str]) -> Iterable[Fault]:
    """Faults of arguments of shape (blocks, rows, columns)."""
    for name in names:
        _, rows, columns = shapes[name]
        read_by_column = changed(name, lambda b: b.reshape(b.shape[0], b.shape[2], b.shape[1]).swapaxes(1, 2))
        yield Fault("transposed factor", f"blocks of {name} transposed (read column by column)", read_by_column)
        yield Fault("conjugate", f"{name} conjugated", changed(name, np.conj))
        yield Fault("permutation", f"blocks of {name} off by one", changed(name, lambda b: np.roll(b, 1, axis=0)))
        yield Fault("permutation", f"first block of {name} used for all", changed(name, lambda b: b[[0] * len(b)]))
        for tail in tails(columns):
            cut = changed(name, without_tail(2, tail))
            yield Fault("dropped tail", f"last {tail} of {columns} columns of every block of {name} ignored", cut)
        for tail in tails(rows):
            cut = changed(name, without_tail(1, tail))
            yield Fault("dropped tail", f"last {tail} of {rows} rows of every block of {name} ignored", cut)


def shared_faults(data: str, shape: tuple[int, ...]) -> Iterable[Fault]:
    """Faults any op can have, in its first argument `data` of the given shape or in what it returns."""
    yield Fault("conjugate", "answer conjugated", after=np.conj)
    yield Fault("conjugate", f"{data} conjugated", changed(data, np.conj))
    yield Fault("sign", "answer negated", after=lambda y: -y)
    yield Fault("permutation", "answer reversed along its last axis", after=lambda y: y[..., ::-1])
    for shift in (1, -1):
        yield Fault("permutation", f"answer shifted by {shift} along its last axis", after=_shifted(shift))
    for tail in tails(shape[-1]) or [1] if shape else ():
        ignored = changed(data, without_tail(-1, tail))
        yield Fault("dropped tail", f"last {tail} of {shape[-1]} entries of {data} ignored", ignored)
        yield Fault("dropped tail", f"last {tail} outputs left zero", after=_tail_of_output(tail))
    yield Fault("dropped work", "answer zero everywhere", after=np.zeros_like)
    yield Fault("dropped work", f"{data} returned as it came", instead=lambda arrays: arrays[data])


def row_faults(batch: int) -> Iterable[Fault]:
    """Faults any op can have in an output with one row per batch row."""
    if batch > 1:
        yield Fault("permutation", "batch rows in reverse order", after=lambda y: y[::-1])
        yield Fault("permutation", "batch rows off by one", after=lambda y: np.roll(y, 1, 0))
        yield Fault("permutation", "first batch row returned for all", after=lambda y: y[[0] * len(y)])
        for tail in tails(batch):
            dropped = without_tail(0, tail)
            yield Fault("dropped tail", f"last {tail} batch rows left zero", after=dropped)


def argument_faults(arrays: Arrays, batch: int) -> Iterable[Fault]:
    """Faults of each argument alone: a part of it is not read, or it is read in another order."""
    for name, values in arrays.items():
        if values.dtype.kind not in "fc":
            continue
        if values.ndim > 1 and batch > 1 and len(values) == batch:
            yield Fault("permutation", f"first batch row of {name} used for all", changed(name, _first_for_all))
        if values.ndim > 1:
            across = f"{name} read as if its axes lay in reverse order in memory"
            yield Fault("permutation", across, changed(name, lambda v: v.reshape(v.shape[::-1]).T))
        for axis, length in enumerate(values.shape):
            for tail in tails(length):
                of = f"of {length} entries of {name} along axis {axis}"
                cut = changed(name, without_tail(axis, tail))
                yield Fault("dropped tail", f"last {tail} {of} ignored", cut)
                alone = changed(name, partial(_tail_alone, axis=axis, tail=tail))
                yield Fault("dropped work", f"all but the last {tail} {of} ignored", alone)
            for tile in (t for t in TILES if length > t and length % t):
                again = changed(name, partial(_counted_twice, axis=axis, tile=tile))
                yield Fault("counted twice", f"{of}, where the last tile of {tile} begins before its place", again)


def _counted_twice(values: np.ndarray, axis: int, tile: int) -> np.ndarray:
    """A last tile that is moved back to end where the argument does overlaps the one before."""
    length, found = values.shape[axis], values.copy()
    np.moveaxis(found, axis, 0)[length - tile : length // tile * tile] *= 2
    return found


def _first_for_all(values: np.ndarray) -> np.ndarray:
    return values[[0] * len(values)]


def _tail_alone(values: np.ndarray, axis: int, tail: int) -> np.ndarray:
    return values - without_tail(axis, tail)(values)


def operand_faults() -> Iterable[Fault]:
    """Arguments read as tensor cores read them unless told otherwise; 11 bits of each, rounded or cut off."""
    allowed = "(allowed where `--operands tf32` is claimed)"
    for way, read in (("rounded", round_to), ("cut off", _cut_to)):
        every = f"arguments {way} after 11 bits, as TF32 and float16 have {allowed}"
        yield Fault("TF32 operands", every, partial(_each, partial(read, dtype=TF32)))


def narrow_faults(arrays: Arrays) -> Iterable[Fault]:
    """One argument, or all but the data, read in so few bits; whose they are is not seen from their number."""
    data, *others = (name for name, a in arrays.items() if a.dtype.kind in "fc")
    for names in ((data,), *((name,) for name in others), *([tuple(others)] if len(others) > 1 else [])):
        for target, of in ((TF32, "float16 and TF32"), (BFLOAT16, BFLOAT16.name)):
            for way, read in (("rounded", round_to), ("cut off", _cut_to)):
                detail = f"{', '.join(names)} {way} after {target.precision} bits, as {of} have"
                yield Fault("argument in fewer bits", detail, partial(_some, names, partial(read, dtype=target)))


def layout_faults(arrays: Arrays, layouts: Sequence[str]) -> Iterable[Fault]:
    """Arguments whose axes lie in reverse order, or that are slices of one buffer, read as if they were neither: some
    of them, or all."""
    of_each = dict(zip(arrays, layouts, strict=True))
    turned = [name for name, values in arrays.items() if of_each[name] == "transposed" and values.ndim > 1]
    for names in _some_or_all(turned):
        its = "its" if len(names) == 1 else "their"
        every = f"{', '.join(names)} read in the order of {its} memory"
        yield Fault("strides ignored", every, partial(_some, names, _in_memory_order))
    beside = [name for name in arrays if of_each[name] in SIDE_BY_SIDE]
    for names in _some_or_all(beside):
        every = f"{', '.join(names)} taken for contiguous in the buffer of which it is a slice"
        axis = SIDE_BY_SIDE[of_each[names[0]]]
        yield Fault("strides ignored", every, partial(_from_its_start, names, beside, axis))


FEW_TURNED = 4
"""Arguments of which any may be read so; of more it is one, or all."""


def _some_or_all(names: Sequence[str]) -> Iterable[tuple[str, ...]]:
    counts = range(1, len(names) + 1) if len(names) <= FEW_TURNED else (1, len(names))
    return (some for count in counts for some in combinations(names, count))


def _from_its_start(names: Sequence[str], beside: Sequence[str], axis: int, arrays: Arrays) -> Arrays:
    """Some of the arguments that lie side by side, each the numbers that come in memory from its first on."""
    views, whole = side_by_side([arrays[name] for name in beside], axis)
    found = {}
    for name, view in zip(beside, views, strict=True):
        first = (view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // whole.itemsize
        beyond = np.full(view.size, np.nan, whole.dtype)
        found[name] = np.concatenate([whole[first:], beyond])[: view.size].reshape(view.shape)
    return arrays | {name: found[name] for name in names}


def _in_memory_order(values: np.ndarray) -> np.ndarray:
    return values.T.reshape(values.shape)


def _some(names: Sequence[str], change: Callable[[np.ndarray], np.ndarray], arrays: Arrays) -> Arrays:
    return arrays | {name: change(arrays[name]) for name in names}


def _each(change: Callable[[np.ndarray], np.ndarray], arrays: Arrays) -> Arrays:
    return {name: change(values) if values.dtype.kind in "fc" else values for name, values in arrays.items()}


def _cut_to(values: np.ndarray, dtype: Format) -> np.ndarray:
    if values.dtype.kind == "c":
        return _cut_to(values.real, dtype) + 1j * _cut_to(values.imag, dtype)
    spacing = dtype.ulp(values)
    return np.asarray(np.trunc(values / spacing) * spacing)


def unreduced_tables(size: int) -> Iterable[tuple[str, Table]]:
    """Ways to write exp(−2πi jk/b) whose error grows with jk, where jk modulo b would not; `size`: the largest b."""
    if size > LARGEST_TABLE:
        return
    ways: dict[str, Callable[[Any, Any, Any], Any]] = {
        "2π·jk/b": lambda turn, jk, b: turn * jk / b,
        "2π/b·jk": lambda turn, jk, b: turn / b * jk,
        "2π·(jk/b)": lambda turn, jk, b: turn * (jk / b),
    }
    for real in (np.float32, np.float64):
        for written, angle in ways.items():
            detail = f"roots of unity of the angles {written} in {real.__name__}, whose error grows with jk"
            allowed = "jk modulo b in place of it has none (allowed where `--algorithm unreduced` is claimed)"
            yield f"{detail}: {allowed}", partial(_unreduced, angle=angle, real=real)


def _unreduced(b: int, angle: Callable[[Any, Any, Any], Any], real: Any) -> np.ndarray:
    digits = np.arange(b)
    angles = angle(real(2 * np.pi), np.outer(digits, digits).astype(real), real(b))
    return np.asarray(np.exp(-1j * angles.astype(np.float64)))


def batch_sum_faults(batch: int, output: str) -> Iterable[Fault]:
    """Faults of an output that is a gradient summed over the batch; the op's first argument is `gradient`."""
    if batch > 1:
        for name, row in (("first", 0), ("last", -1)):
            only = changed("gradient", lambda g, row=row: _only_row(g, row))
            yield Fault("not summed over the batch", f"the {name} batch row alone", only, output=output)
        mean = "the mean over the batch instead of the sum"
        yield Fault("not summed over the batch", mean, after=lambda y: y / batch, output=output)


def _only_row(gradient: np.ndarray, row: int) -> np.ndarray:
    only = np.zeros_like(gradient)
    only[row] = gradient[row]
    return only


def _shifted(shift: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda y: np.roll(y, shift, -1)


def _tail_of_output(tail: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda y: without_tail(-1, min(tail, y.shape[-1]))(y)


def scaled(right: np.ndarray, computed: np.ndarray) -> Any:
    """The number c with computed ≈ c · right by least squares, or None where `right` is zero."""
    norm = np.vdot(right, right)
    return np.vdot(right, computed) / norm if norm else None
