"""The abstract value of a tensor: for every element a known constant, or a superset of what it may depend on.

**Meaning.** `known[e]`: element e equals `values[e]`, whatever the inputs and the weights are. Otherwise e depends at
most on the join of the `terms` at e: two inputs that agree on those positions give the same e. Where an element is
known the terms say nothing; it depends on nothing.

**Compression.** Every array has the rank of the tensor and size 1 along the axes where it does not vary (terms have the
lattice's components behind). Terms are joined only where that costs no more than keeping them apart: of scores
q_i · k_j the part of the rows and the part of the columns stay two vectors.

**Infinity.** Inputs, weights and what is computed from them are taken to be finite. A mask puts infinities in by hand:
those are known elements; `infinite` says what may have come in by a selection that depends on the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from monarch_theory.leaks.dependence.lattice import Lattice
from monarch_theory.leaks.dependence.record import rule

__all__ = [
    "ANY", "FINITE", "MINUS", "Dependence", "bounded", "broadcast", "constant", "dependences", "joined", "masked",
    "masked_join", "merged", "shrunk", "source", "unknown", "zeros_only",
]  # fmt: skip

FINITE, MINUS, ANY = 0, 1, 2
SMALL = 1 << 16
CHUNK = 1 << 25


@dataclass(frozen=True, eq=False)
class Dependence:
    """The abstract value of a tensor of some `shape`; see the module.

    Attributes:
        terms: each (…, components), broadcastable to `shape` with the components behind.
        known: bool, broadcastable to `shape`.
        values: broadcastable to `shape`; counts only where known.
        infinite: what elements that are not known may be: `FINITE`, `MINUS` (finite or −∞), `ANY`.
        home: the position an element belongs to, for saying where a leak enters and for nothing else; −1 for none.
        bounds: the least and the most of each element, (…, 2), broadcastable to `shape` with these behind; None where
            nothing is said, as is so unless something was supposed (`bounds`).
    """

    lattice: Lattice
    shape: tuple[int, ...]
    terms: tuple[np.ndarray, ...]
    known: np.ndarray
    values: np.ndarray
    infinite: int = FINITE
    home: np.ndarray | None = None
    bounds: np.ndarray | None = None

    @property
    def is_constant(self) -> bool:
        """Whether every element is known."""
        return bool(self.known.all())

    @property
    def array(self) -> np.ndarray:
        """The values of a constant, in full shape."""
        return np.broadcast_to(self.values, self.shape)


def shrunk(a: np.ndarray, keep_last: bool = False) -> np.ndarray:
    """The array with size 1 along every axis where it does not vary."""
    for axis in range(a.ndim - keep_last):
        if a.shape[axis] > 1 and a.size:
            head = a[(slice(None),) * axis + (slice(0, 1),)]
            second = a[(slice(None),) * axis + (slice(1, 2),)]
            if same(head, second) and (a.shape[axis] == 2 or same(a, head)):
                a = head
    return a


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equality everywhere, NaN being equal to NaN, and 0 not to −0."""
    if a.dtype.kind == "c" or b.dtype.kind == "c":
        return same(np.real(a), np.real(b)) and same(np.imag(a), np.imag(b))
    return bool(equal_places(a, b).all())


def equal_places(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays of real numbers are equal, as of `same`.

    >>> equal_places(np.array([0.0, np.nan, 0.0]), np.array([-0.0, np.nan, 0.0]))
    array([False,  True,  True])
    """
    equal = a == b
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        return np.asarray(equal)
    return (equal & (np.signbit(a) == np.signbit(b))) | ((a != a) & (b != b))


def constant(lattice: Lattice, values: np.ndarray) -> Dependence:
    """A tensor of which every element is known."""
    values = np.asarray(values)
    yes = np.ones((1,) * values.ndim, bool)
    return Dependence(lattice, values.shape, (), yes, shrunk(values))


def unknown(lattice: Lattice, shape: Sequence[int]) -> Dependence:
    """A weight: it depends on no input, and may have any value."""
    ones = (1,) * len(shape)
    return Dependence(lattice, tuple(shape), (), np.zeros(ones, bool), np.zeros(ones))


def source(lattice: Lattice, shape: Sequence[int], axis: int) -> Dependence:
    """An input whose element depends on its own position along `axis`."""
    if shape[axis] != lattice.positions:
        raise ValueError(f"shape: expected {lattice.positions} positions along axis {axis}, got {tuple(shape)}")
    along = [1] * len(shape)
    along[axis] = lattice.positions
    terms = (lattice.singletons().reshape(*along, lattice.components),)
    home = np.arange(lattice.positions, dtype=np.int32).reshape(along)
    return replace(unknown(lattice, shape), terms=terms, home=home)


def merged(lattice: Lattice, terms: Iterable[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The same join from as few terms as cost no more memory."""
    kept: list[np.ndarray] = []
    for term in sorted(terms, key=lambda t: t.size, reverse=True):
        if (term == lattice.bottom).all():
            continue
        for index, other in enumerate(kept):
            size = prod(np.broadcast_shapes(term.shape, other.shape))
            if size <= max(SMALL, other.size):
                kept[index] = lattice.join(term, other)
                break
        else:
            kept.append(term)
    return tuple(kept)


def masked(lattice: Lattice, term: np.ndarray, drop: np.ndarray) -> np.ndarray:
    """The term with the bottom where `drop` holds."""
    if not drop.any():
        return term
    return np.where(drop[..., None], np.array(lattice.bottom, lattice.dtype), term)


def joined(
    value: Dependence, axes: Sequence[int], keep: np.ndarray | None = None, terms: Sequence[np.ndarray] | None = None
) -> tuple[np.ndarray, ...]:
    """The join over some axes of what the elements depend on that are not known, as terms with size 1 there.

    Args:
        keep: bool, broadcastable: further elements to leave out; they are kept where it is true.
    """
    lattice, axes = value.lattice, tuple(axes)
    if 0 in (value.shape[axis] for axis in axes):
        return ()
    counted: np.ndarray = ~value.known if keep is None else ~value.known & keep
    result = []
    for term in value.terms if terms is None else terms:
        varying = tuple(axis for axis in axes if term.shape[axis] > 1)
        if counted.all():
            result.append(lattice.join_along(term, varying))
        elif not varying:
            result.append(masked(lattice, term, np.logical_not(counted.any(axis=axes, keepdims=True))))
        else:
            result.append(masked_join(lattice, term, counted, axes))
    return merged(lattice, result)


def masked_join(lattice: Lattice, term: np.ndarray, counted: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The join over `axes` of a term where `counted`, in pieces along the longest other axis."""
    shape = np.broadcast_shapes(term.shape[:-1], counted.shape)
    size = prod(shape) * lattice.components
    free = [axis for axis in range(len(shape)) if axis not in axes]
    if size <= CHUNK or not free:
        return lattice.join_along(masked(lattice, term, ~counted), axes)
    along = max(free, key=lambda axis: shape[axis])
    step = max(1, shape[along] * CHUNK // size)

    def piece(a: np.ndarray, start: int) -> np.ndarray:
        return a if a.shape[along] == 1 else a[(slice(None),) * along + (slice(start, start + step),)]

    starts = range(0, shape[along], step)
    pieces = [lattice.join_along(masked(lattice, piece(term, s), ~piece(counted, s)), axes) for s in starts]
    return np.concatenate(pieces, axis=along)


def dependences(value: Dependence) -> np.ndarray:
    """What each element depends on, the bottom where it is known: (…, components), compressed."""
    result = value.lattice.nothing(len(value.shape))
    for term in value.terms:
        result = value.lattice.join(result, term)
    return masked(value.lattice, result, value.known)


@rule
def broadcast(value: Dependence, ndim: int) -> Dependence:
    """The same with axes of size 1 put before, up to `ndim`."""
    missing = ndim - len(value.shape)
    if missing == 0:
        return value
    return reshaped(value, (1,) * missing + value.shape, lambda a: a[(None,) * missing])


def reshaped(
    value: Dependence, shape: tuple[int, ...], move: Callable[[np.ndarray], np.ndarray], rehome: bool = True
) -> Dependence:
    """`move` applied to every array of the value; components are moved as a last axis that stays."""
    home = value.home if value.home is None or not rehome else move(value.home)

    def behind(a: np.ndarray) -> np.ndarray:
        return np.stack([move(a[..., c]) for c in range(a.shape[-1])], -1)

    return replace(
        value,
        shape=shape,
        terms=tuple(map(behind, value.terms)),
        known=move(value.known),
        values=move(value.values),
        home=home,
        bounds=None if value.bounds is None else behind(value.bounds),
    )


@rule
def zeros_only(value: Dependence) -> Dependence:
    """The value with its known zeros known and no other element."""
    zero = value.known & (value.values == 0)
    nothing = np.zeros((1,) * len(value.shape))
    if (value.known == zero).all():
        return replace(value, values=nothing, bounds=None)
    finite = value.values.dtype.kind not in "fc" or not (value.known & ~np.isfinite(value.values)).any()
    terms = tuple(masked(value.lattice, t, value.known) for t in value.terms)
    level = value.infinite if finite else ANY
    return replace(value, terms=terms, known=shrunk(zero), values=nothing, infinite=level, bounds=None)


@rule
def bounded(value: Dependence) -> Dependence:
    """The value of integers or booleans, which are finite."""
    return replace(value, infinite=FINITE, bounds=None)
