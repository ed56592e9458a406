"""What a model returns, with the sequence axis first: which arrays have one, and how two runs differ at some places."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monarch_theory.leaks.inputs import EVERYWHERE, Inputs, Places, UndecidedError
from monarch_theory.sandbox import Outcome, SandboxError

__all__ = [
    "Layout", "Named", "Outputs", "difference", "doubt_of", "lay_out", "outcome_of", "step_by_step", "tried",
]  # fmt: skip

Named = tuple[tuple[np.ndarray, ...], tuple[str, ...], tuple[str, ...]]
"""Arrays returned by one call, their logical dtypes and their names."""

Lengths = Callable[[int], tuple[int, ...]]

LARGEST_EXACT = 2**53


@dataclass(frozen=True)
class Layout:
    """Which arrays of a call are judged: their indices, sequence axes, shapes, dtypes and names; and which are not.

    count: of all arrays; length: of the sequence axes; shorter: name, axis and length of each array that is not judged,
    though one axis of it, shorter than the sequence, grows and shrinks with that.
    """

    indices: tuple[int, ...]
    axes: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    count: int
    length: int
    shorter: tuple[tuple[str, int, int], ...] = ()

    def outputs(self, arrays: tuple[np.ndarray, ...]) -> Outputs:
        """The judged arrays, each of shape (length, channels).

        Raises:
            UndecidedError: their number or a shape differs from this layout.
        """
        shapes = tuple(arrays[k].shape for k in self.indices) if len(arrays) == self.count else ()
        if shapes != self.shapes:
            now = ", ".join(str(s) for s in shapes) or f"{len(arrays)} arrays"
            before = ", ".join(str(s) for s in self.shapes)
            raise UndecidedError("shape change", f"the output had shape {before} once and {now} later")
        first = (np.moveaxis(arrays[k], a, 0) if a else arrays[k] for k, a in zip(self.indices, self.axes, strict=True))
        moved = (y.reshape(self.length, -1) for y in first)
        return Outputs(tuple(np.ascontiguousarray(y.astype(np.int8) if y.dtype == bool else y) for y in moved))


@dataclass(frozen=True)
class Outputs:
    """The judged arrays of one run, each of shape (n, channels)."""

    arrays: tuple[np.ndarray, ...]

    @cached_property
    def wide(self) -> np.ndarray:
        """All of them side by side in double precision, so that differences are exact or nearly so."""
        if any(y.dtype.kind in "iu" and y.dtype.itemsize == 8 and beyond(y) for y in self.arrays):
            return np.concatenate([y.astype(np.longdouble) for y in self.arrays], axis=1)
        kind = np.complex128 if any(np.iscomplexobj(y) for y in self.arrays) else np.float64
        if len(self.arrays) == 1:
            return self.arrays[0].astype(kind, copy=False)
        return np.concatenate([y.astype(kind) for y in self.arrays], axis=1)

    @cached_property
    def size(self) -> np.ndarray:
        """Largest finite number of each channel, in absolute value, (channels,)."""
        size = np.abs(self.wide)
        return np.max(size, axis=0, where=np.isfinite(size), initial=0.0).astype(np.float64)

    def same_bits(self, other: Outputs, watched: Places = EVERYWHERE) -> bool:
        pairs = zip(self.arrays, other.arrays, strict=True)
        return all(y[watched].tobytes() == z[watched].tobytes() for y, z in pairs)


def beyond(y: np.ndarray) -> bool:
    return bool(y.size) and (int(y.max()) > LARGEST_EXACT or int(y.min()) < -LARGEST_EXACT)


def difference(y: Outputs, z: Outputs, watched: Places = EVERYWHERE) -> np.ndarray:
    """|z − y| where `watched`, (watched, channels): 0 where both are the same infinity or NaN, ∞ where only one is."""
    a, b = y.wide[watched], z.wide[watched]
    with np.errstate(all="ignore"):
        apart = np.abs(b - a)
    if np.isfinite(apart).all():
        return apart.astype(np.float64, copy=False)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart)).astype(np.float64)


def step_by_step(called: Named, lengths: tuple[int, ...], known: frozenset[str] | None = None) -> Named:
    """The arrays of a call, lists of which that hold one for each place stacked: a new first axis is their sequence.

    Args:
        lengths: how many places there may be. Arrays that have an axis as long themselves, or are of several shapes or
            dtypes, are no steps; nor is one alone, unless its list is known to hold steps.
        known: names of the lists that may hold steps; by default any.

    >>> steps = tuple(np.zeros((1, 4)) for _ in range(3)), ("float64",) * 3, ("y.0", "y.1", "y.2")
    >>> step_by_step(steps, (3,))[0][0].shape, step_by_step(steps, (3,))[2], step_by_step(steps, (2,)) is steps
    ((3, 1, 4), ('y',), True)
    """
    lists: dict[str, list[int]] = {}
    for k, name in enumerate(called[2]):
        of, _, last = name.rpartition(".")
        if last == str(len(lists.setdefault(of, []))):
            lists[of].append(k)
    asked = {of: ks for of, ks in lists.items() if (len(ks) > 1 if known is None else ks and of in known)}
    steps = {ks[0]: (of, ks) for of, ks in asked.items() if are_steps(called, ks, lengths, known is not None)}
    inside = {k for _, ks in steps.values() for k in ks}
    if not steps:
        return called
    arrays, dtypes, names = [], [], []
    for k, array in enumerate(called[0]):
        if k in inside and k not in steps:
            continue
        of, ks = steps.get(k, (called[2][k], []))
        arrays.append(np.stack([called[0][step] for step in ks]) if ks else array)
        dtypes.append(called[1][k])
        names.append(of)
    return tuple(arrays), tuple(dtypes), tuple(names)


def are_steps(called: Named, ks: list[int], lengths: tuple[int, ...], known: bool) -> bool:
    """Whether these arrays of a call are as many as there are places, and each is of one place."""
    shapes, dtypes = {called[0][k].shape for k in ks}, {called[1][k] for k in ks}
    return len(ks) in lengths and len(shapes) == len(dtypes) == 1 and (known or len(ks) not in min(shapes))


def lay_out(
    called: Named,
    inputs: Inputs,
    axis: int | None,
    wanted: str | None,
    of_length: Callable[[int], tuple[tuple[int, ...], ...] | None],
    lengths: Lengths = lambda n: (n,),
) -> Layout:
    """Which arrays to judge, and along which axis.

    Args:
        axis: the sequence axis asked for; wanted: the name or the index of the one array to judge.
        of_length: shapes of the arrays for a sequence of another length, None where there is no telling. An axis of
            length n that neither grows nor shrinks with the sequence is not it.
        lengths: from that of the input to those that the sequence of an output may have, the likeliest first.

    Raises:
        UndecidedError: no array has a sequence axis, or one has several and nothing says which.
    """
    arrays, dtypes, names = called
    chosen = range(len(arrays)) if wanted is None else [index_of(wanted, names)]
    others = [] if axis is not None else [(m, of_length(m)) for m in (inputs.n + 1, inputs.n - 1) if m]
    known = [(m, shapes) for m, shapes in others if shapes is not None and len(shapes) == len(arrays)]
    judged, left_out, complaint = [], [], None
    for k in chosen:
        shape = arrays[k].shape
        try:
            at = sequence_axis(shape, inputs, axis, [(m, shapes[k]) for m, shapes in known], lengths)
            if not arrays[k].size:
                raise UndecidedError(
                    "shape change", f"{names[k] or 'output'} of shape {shape} holds nothing to compare"
                )
            judged.append((k, at, shape, dtypes[k], names[k] or "output"))
        except UndecidedError as error:
            complaint = complaint or error
            left_out.append((names[k], f"{names[k] or 'output'} of shape {shape}"))
    if not judged and known and all(for_one_length(arrays[k].shape, inputs) for k in chosen):
        return lay_out(called, inputs, axis, wanted, lambda m: None, lengths)
    if not judged and known and any(inputs.n in arrays[k].shape for k in chosen):
        said = ", ".join(str(arrays[k].shape) for k in chosen)
        raise UndecidedError(
            "shape change",
            f"output {said} is of that shape for {' and '.join(str(m) for m, _ in known)} inputs, too: if one axis "
            f"stands for the {inputs.n} of the sequence, name it, --output-axis",
        )
    if not judged:
        raise complaint or UndecidedError("shape change", "the model returned no array")
    length = judged[0][2][judged[0][1]]
    left_out += [(name, f"{name} of shape {shape}") for _, at, shape, _, name in judged if shape[at] != length]
    indices, axes, shapes, kept, called_names = zip(*(j for j in judged if j[2][j[1]] == length), strict=True)
    follow = ((names[k], growing(arrays[k].shape, [shapes[k] for _, shapes in known])) for k in chosen)
    shorter = tuple(
        (name, *found) for name, found in follow if found and found[1] < inputs.n and name and name not in called_names
    )
    others_left = tuple(text for name, text in left_out if name not in {name for name, _, _ in shorter})
    return Layout(indices, axes, shapes, kept, called_names, others_left, len(arrays), length, shorter)


def growing(shape: tuple[int, ...], others: list[tuple[int, ...]]) -> tuple[int, int] | None:
    """The one axis whose length is another for other lengths of input, and its length; None unless there is one.

    >>> growing((1, 8, 6), [(1, 9, 6), (1, 8, 6)])
    (1, 8)
    """
    alike = [other for other in others if len(other) == len(shape)]
    axes = [a for a, size in enumerate(shape) if any(other[a] != size for other in alike)]
    return (axes[0], shape[axes[0]]) if len(axes) == 1 else None


def for_one_length(shape: tuple[int, ...], inputs: Inputs) -> bool:
    """Whether an output whose shape no length of input changes is that of a model written for this very length.

    Not where it may as well be pooled: where axes are missing, tokens have no values, or another axis is as long.
    """
    before = inputs.shape[: inputs.axis + 1]
    whole = len(shape) > len(inputs.shape) or (len(shape) == len(inputs.shape) and not inputs.integer)
    return whole and shape[: len(before)] == before and inputs.shape.count(inputs.n) == 1


def index_of(wanted: str, names: tuple[str, ...]) -> int:
    """The array of that name, or of that index where none has it."""
    if wanted in names:
        return names.index(wanted)
    if re.fullmatch(r"-?[0-9]{1,9}", wanted) and -len(names) <= int(wanted) < len(names):
        return int(wanted) % len(names)
    offered = ", ".join(repr(name) for name in names if name) or f"0 … {len(names) - 1}"
    raise UndecidedError("bad input", f"output: expected one of {offered}, got {wanted!r}")


def sequence_axis(
    shape: tuple[int, ...],
    inputs: Inputs,
    asked: int | None,
    others: list[tuple[int, tuple[int, ...]]],
    lengths: Lengths,
) -> int:
    """Which axis is the sequence: the one asked for, the input's own, or the only one of length n that follows it."""
    expected = lengths(inputs.n)
    n = " or ".join(map(str, dict.fromkeys(expected)))
    if asked is not None:
        if not -len(shape) <= asked < len(shape) or shape[asked] not in expected:
            raise UndecidedError(
                "bad input", f"output-axis: expected an axis of length {n} of output {shape}, got {asked}"
            )
        return asked % len(shape)
    matching = [a for a, size in enumerate(shape) if size in expected]
    alike = [(m, other) for m, other in others if len(other) == len(shape)]
    if alike:
        matching = [a for a in matching if any(other[a] in lengths(m) for m, other in alike)]
        matching = [a for a in matching if may_follow([(inputs.n, shape[a]), *((m, o[a]) for m, o in alike)], lengths)]
    if inputs.axis in matching and len(shape) >= len(inputs.shape):
        return inputs.axis
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise UndecidedError(
            "shape change", f"input {inputs.shape} gave output {shape}: no axis of length n = {n} is left"
        )
    raise UndecidedError(
        "shape change", f"output {shape} has {len(matching)} axes of length n = {n}: name one, --output-axis"
    )


def may_follow(sizes: list[tuple[int, int]], lengths: Lengths) -> bool:
    """Whether an axis may be the sequence: one that stays as it is, only where some rounding of its length does, too.

    Args:
        sizes: for lengths of the input, that of the axis.

    >>> halved = lambda n: (-(-n // 2), n // 2)
    >>> may_follow([(16, 8), (17, 8), (15, 8)], halved), may_follow([(16, 8), (17, 9), (15, 8)], halved)
    (False, True)
    """
    if len({size for _, size in sizes}) > 1:
        return True
    expected = zip(*(lengths(n) for n, _ in sizes), strict=True)
    return any(all(size == each for (_, size), each in zip(sizes, kind, strict=True)) for kind in expected)


def outcome_of(run: Callable[[np.ndarray], Outputs], x: np.ndarray) -> Outputs | Exception:
    """The outputs, or what the model raised; what is not of its own doing, as a limit that was met, is raised on."""
    try:
        return run(x)
    except (UndecidedError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, SandboxError) and error.outcome is not Outcome.EXCEPTION:
            raise
        return error


def tried(run: Callable[[np.ndarray], Outputs], x: np.ndarray) -> Outputs | None:
    """The outputs; None where the model raises, as many do that are made for finite values."""
    found = outcome_of(run, x)
    return None if isinstance(found, Exception) else found


def doubt_of(error: Exception, where: str) -> UndecidedError:
    """That the model raised, and where: then nothing is said to hold."""
    said = error.message if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
    return UndecidedError("exception", f"the model raised {said}, {where}")
