"""Is f(x[:k]) = f(x)[:k] proved, or f(x) = g(x)? Two graphs side by side, node by node, each by its row of `PARTS`.

The model is exported once for n inputs and once for k of these in a row: the first, of `--truncated`, or those that no
mask hides, of `--padding`. Of `--same-as` the long graph is one model's and the short one another's, for the same n
inputs, and weights of equal bits go together. A node of the short graph goes with the first node of the long one that
is of the same operator and whose operands go together, and a rule says which elements of the one are those of the other
(`part`). Any such pairing is sound; a poor one proves nothing. What is known in both graphs, as masks and tables of
positions are, is compared by its values, however it is made.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from monarch_gpu.dependence.elements import LARGEST as LARGEST_OF_ELEMENTS
from monarch_gpu.dependence.elements import ROWS, Elements, elements_of
from monarch_gpu.dependence.entries import described
from monarch_gpu.dependence.interpret import IGNORED, PURE, Interpretation, draws, name_of
from monarch_gpu.dependence.proof import Question
from monarch_gpu.dependence.table import POINTWISE, TAMED, Value, plain
from monarch_theory.leaks.dependence import Dependence, latest
from monarch_theory.leaks.dependence.movement import reshape
from monarch_theory.leaks.dependence.part import (
    LARGEST,
    Pair,
    Part,
    alike_along,
    along,
    chosen,
    circular,
    concatenated,
    contracted,
    convolved,
    finite,
    identical,
    moved,
    once,
    permuted,
    pointwise,
    reduced,
    regrouped,
    rest,
    running,
    same_everywhere,
    summed,
    taken,
    usual,
)
from monarch_theory.leaks.dependence.spectrum import inverse, multiply_spectra, transform
from monarch_theory.leaks.dependence.terms import Terms

__all__ = ["PARTS", "Alongside", "Step", "compared"]


@dataclass(frozen=True, eq=False)
class Spectra:
    """Two transforms along an axis, as the signals they are of, long and short, each of the length it was padded to.

    Attributes:
        signal: with a part; half: whether they are of real signals, and their first half alone.
        factors: what the transforms of the signals are multiplied by, of the long and of the short.
    """

    signal: Pair
    axis: int
    half: bool
    factors: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))

    @property
    def lengths(self) -> tuple[int, int]:
        """Of the long transform and of the short one."""
        return self.signal.long.shape[self.axis], self.signal.short.shape[self.axis]

    def times(self, long: Fraction, short: Fraction) -> Spectra:
        """Multiplied by two numbers."""
        return replace(self, factors=(self.factors[0] * long, self.factors[1] * short))


@dataclass(frozen=True, eq=False)
class Transformed(Pair):
    """Two tensors of which no place is claimed, but that they are transforms."""

    spectra: Spectra | None = None


Parts = Part | Spectra | None | list[Part | None]

FORWARD, ORTHONORMAL, BACKWARD = 0, 1, 2
"""Norms of transforms, as the operators have them: by nothing, by the root of the length, by the length."""
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
"""These draw where they are trained, which their row refuses."""


class NoPartError(Exception):
    """Of this node nothing is claimed, and why."""


@dataclass(frozen=True)
class Step:
    """A node of the short graph with its node of the long one.

    Attributes:
        given: for each argument, by its name in the schema, what the long and the short node have: pairs of tensors
            in lists or alone, or numbers of both.
        long, short: shapes of the outputs.
        hint: places of the inputs of the short run; n: how many the long one has.
    """

    op: Any
    given: dict[str, Any]
    long: tuple[tuple[int, ...], ...]
    short: tuple[tuple[int, ...], ...]
    hint: np.ndarray
    n: int

    def expected(self, k: int = 0) -> Part:
        """The places one expects of an output."""
        return usual(self.long[k], self.short[k], self.hint, self.n)

    def pair(self, name: str) -> Pair:
        """A tensor argument."""
        found = self.given.get(name)
        if not isinstance(found, Pair):
            raise NoPartError(f"{name} is no tensor")
        return found

    def part(self, name: str) -> Part:
        """What is claimed of a tensor argument; of a constant, what one expects."""
        pair = self.pair(name)
        part = pair.placed(usual(pair.long.shape, pair.short.shape, self.hint, self.n))
        if part is None:
            raise NoPartError(f"nothing is claimed of {name}")
        return part

    def settled(self, name: str) -> Pair:
        """A tensor argument with what is claimed of it."""
        pair = self.pair(name)
        return Pair(pair.long, pair.short, self.part(name))

    def both(self, name: str, default: Any = None) -> tuple[Any, Any]:
        """A number, or numbers, of the long node and of the short one."""
        found = self.given.get(name, Numbers(default, default))
        if not isinstance(found, Numbers):
            raise NoPartError(f"{name} is a tensor")
        return found.long, found.short

    def one(self, name: str, default: Any = None) -> Any:
        """A number, or numbers, which have to be the same."""
        long, short = self.both(name, default)
        if long != short:
            raise NoPartError(f"{name} is {long} in the longer and {short} in the shorter")
        return long

    def axis(self, name: str = "dim", of: str = "self", default: Any = None) -> int:
        """An axis of a tensor."""
        ndim = len(self.pair(of).short.shape)
        return int(self.one(name, default)) % max(ndim, 1)

    def axes(self, name: str = "dim", of: str = "self") -> tuple[int, ...]:
        """Axes given as one, several, or none for all."""
        ndim, found = len(self.pair(of).short.shape), self.one(name)
        if found is None or found == []:
            return tuple(range(ndim))
        return tuple(a % max(ndim, 1) for a in ([found] if isinstance(found, int) else found))

    def pairs(self, besides: Sequence[str] = ()) -> list[Pair]:
        """All tensor arguments, those in lists too."""
        found: list[Pair] = []
        for name, value in self.given.items():
            if name not in besides:
                found += [p for p in (value if isinstance(value, list) else [value]) if isinstance(p, Pair)]
        return found

    def demand_same(self, besides: Sequence[str] = ()) -> None:
        """Refuse numbers that differ."""
        for name, value in self.given.items():
            if name not in besides and isinstance(value, Numbers):
                self.one(name)

    def demand_whole(self, *names: str) -> None:
        """Refuse tensors that are not the same in both runs."""
        for name in names:
            value = self.given.get(name)
            for pair in value if isinstance(value, list) else [value]:
                if isinstance(pair, Pair) and not same_everywhere(pair):
                    raise NoPartError(f"{name} is not the same in both")


@dataclass(frozen=True)
class Numbers:
    """What is no tensor, of the long node and of the short one."""

    long: Any
    short: Any


Row = Callable[[Step], Parts]


# pointwise


def _elementwise(step: Step) -> Part | None:
    """A function of one element of each operand."""
    step.demand_same()
    return pointwise(step.pairs(), step.long[0], step.short[0], step.expected())


def _copied(step: Step) -> Part | None:
    """The second operand, as wide as the first."""
    return pointwise([step.pair("src")], step.long[0], step.short[0], step.expected())


def _as_complex(step: Step) -> Part:
    part = step.part("self")
    if not identical(part[-1], 2):
        raise NoPartError("half of a complex number")
    return part[:-1]


def _as_real(step: Step) -> Part:
    return (*step.part("self"), np.arange(2))


# movement


def _view(step: Step) -> Part | None:
    if step.op._overloadname == "dtype":
        return None
    x = step.settled("self")
    assert x.part is not None
    return regrouped(x.part, (x.long.shape, x.short.shape), (step.long[0], step.short[0]))


def _expand(step: Step) -> Part | None:
    return pointwise([step.settled("self")], step.long[0], step.short[0], step.expected())


def _permute(step: Step) -> Part:
    part = step.part("self")
    return permuted(part, [a % len(part) for a in step.one("dims")])


def _transpose(step: Step) -> Part:
    part = step.part("self")
    order = list(range(len(part)))
    if len(order) > 1:
        a, b = (0, 1) if "dim0" not in step.given else (step.axis("dim0"), step.axis("dim1"))
        order[a], order[b] = order[b], order[a]
    return permuted(part, order)


def _indices(step: Step, axis: int, of: Callable[[range, int], Sequence[int]]) -> Part:
    """Elements along an axis at indices that follow from its size: `of` gets these, and 0 for long or 1 for short."""
    x = step.settled("self")
    assert x.part is not None
    sizes = x.long.shape[axis], x.short.shape[axis]
    return taken(x.part, axis, *(of(range(size), k) for k, size in enumerate(sizes)))


def _select(step: Step) -> Part | None:
    axis, index = step.axis(), step.both("index")
    part = _indices(step, axis, lambda places, k: [places[index[k]]])
    return None if (part[axis] < 0).any() else summed(part, [axis], False)


def _slice(step: Step) -> Part:
    start, end, by = step.both("start"), step.both("end"), step.both("step", 1)
    return _indices(step, step.axis(default=0), lambda places, k: places[slice(start[k], end[k], by[k])])


def _split(step: Step) -> Parts:
    axis = step.axis(default=0)
    starts = [np.cumsum([0, *(shape[axis] for shape in shapes)]) for shapes in (step.long, step.short)]
    return [
        _indices(step, axis, lambda places, k, p=p: places[starts[k][p] : starts[k][p + 1]])  # type: ignore[misc]
        for p in range(len(step.short))
    ]


def _flip(step: Step) -> Part:
    part = step.part("self")
    for axis in [a % len(part) for a in step.one("dims")]:  # of an empty list none
        part = taken(part, axis, *(range(s)[::-1] for s in _sizes(step, axis)))
    return part


def _sizes(step: Step, axis: int) -> tuple[int, int]:
    x = step.pair("self")
    return x.long.shape[axis], x.short.shape[axis]


def _repeat(step: Step) -> Part | None:
    x, times = step.settled("self"), step.one("repeats")
    assert x.part is not None
    missing = len(times) - len(x.part)
    part = (*(np.zeros(1, np.int64) for _ in range(missing)), *x.part)
    shapes = [(1,) * missing + v.shape for v in (x.long, x.short)]
    for axis, count in enumerate(times):
        part = taken(part, axis, *(np.tile(np.arange(shape[axis]), count) for shape in shapes))
    return part


def _cat(step: Step) -> Part | None:
    """Tensors one after the other; after those of the short one the long one may have more."""
    pairs = [p for p in step.given["tensors"] if p.short.shape != (0,) or p.long.shape != (0,)]
    axis = int(step.one("dim", 0)) % len(step.short[0])
    if any(len(p.short.shape) != len(step.short[0]) for p in pairs):
        return None
    return concatenated(pairs, axis, step.expected())


def _pad(step: Step) -> Part | None:
    """Constant padding, from the last axis on; negative amounts cut."""
    part, (long, short) = step.part("self"), step.both("pad")
    step.one("value", 0)
    for k in range(len(short) // 2):
        axis = len(part) - 1 - k
        pieces = []
        for size, amounts in zip(_sizes(step, axis), (long, short), strict=True):
            before, after = amounts[2 * k : 2 * k + 2]
            kept = np.arange(size)[max(-before, 0) : size - max(-after, 0)]
            pieces.append((max(before, 0), kept, max(after, 0)))
        (b_long, kept_long, a_long), (b_short, kept_short, a_short) = pieces
        inner = taken(part, axis, kept_long, kept_short)[axis]
        before = np.arange(b_short) + b_long - b_short if b_long >= b_short else np.full(b_short, -1)
        after = np.arange(a_short) if a_long >= a_short else np.full(a_short, -1)
        held = np.where(inner >= 0, inner + b_long, -1)
        behind = np.where(after >= 0, after + b_long + len(kept_long), -1)
        part = along(part, axis, np.concatenate([before, held, behind]))
    return part


def _moved(step: Step) -> Part | None:
    """Any movement: the operator itself, run on the numbers of the elements, says which goes where."""
    pairs, found = step.pairs(), []
    for side in ("long", "short"):
        sizes = [prod(getattr(p, side).shape) for p in pairs]
        if sum(sizes) > LARGEST:
            return None
        numbers = iter(torch.arange(sum(sizes)).split(sizes))
        given = {name: getattr(value, side) for name, value in step.given.items()}
        args = {
            name: next(numbers).reshape(value.shape) if isinstance(value, Dependence) else value
            for name, value in given.items()
        }
        found.append(step.op(**args).numpy())
    return moved(pairs, found[0], found[1], step.expected())


def _gather(step: Step) -> Part | None:
    """x along an axis at places that the data give, of which the longer has the same."""
    x, index, axis = step.settled("self"), step.settled("index"), step.axis()
    assert x.part is not None and index.part is not None
    if not identical(x.part[axis], x.short.shape[axis]):
        return None
    sides = []
    for k, (p, q) in enumerate(zip(x.part, index.part, strict=True)):
        sides.append(q if k == axis else np.where(p[: len(q)] == q, q, -1))
    return tuple(sides)


def _index_select(step: Step) -> Part | None:
    index, axis = step.pair("index"), step.axis()
    if index.known:
        return _indices(step, axis, lambda places, k: [places[i] for i in _numbers(index, k)])
    step.demand_whole("self")
    (places,) = step.part("index")
    return along(step.part("self"), axis, places)


def _numbers(index: Pair, k: int) -> list[int]:
    """The values of a known vector, of the long run or of the short."""
    value = index.short if k else index.long
    return [int(i) for i in value.array.reshape(-1)]


def _index(step: Step) -> Part | None:
    """x[i, :, j, …]: by one known vector; by several known, as it turns out; by the data, the same table's rows."""
    indices = step.given["indices"]
    given = [k for k, i in enumerate(indices) if isinstance(i, Pair)]
    if any(indices[k].short.values.dtype == bool or not indices[k].known for k in given):
        if given != [0] or indices[0].short.values.dtype == bool:
            return None
        step.demand_whole("self")
        return _rows(step, indices[0])
    if len(given) == 1 and len(indices[given[0]].short.shape) == 1:
        return _indices(step, given[0], lambda places, k: [places[i] for i in _numbers(indices[given[0]], k)])
    x, found = step.pair("self"), []
    for side in ("long", "short"):
        shape = getattr(x, side).shape
        if prod(shape) > LARGEST:
            return None
        at = [torch.from_numpy(np.array(getattr(i, side).array)) if isinstance(i, Pair) else None for i in indices]
        found.append(step.op(torch.arange(prod(shape)).reshape(shape), at).numpy())
    return moved([x], found[0], found[1], step.expected())


def _rows(step: Step, index: Pair) -> Part | None:
    """Rows of one table, at places that the data give."""
    part = index.placed(usual(index.long.shape, index.short.shape, step.hint, step.n))
    if part is None:
        return None
    return (*part, *(np.arange(s) for s in step.pair("self").short.shape[1:]))


def _embedding(step: Step) -> Part | None:
    step.demand_whole("weight")
    return (*step.part("indices"), np.arange(step.short[0][-1]))


# mixing


def _reduction(neutral: float | None) -> Row:
    """A function of all the elements along some axes."""

    def row(step: Step) -> Parts:
        step.demand_same()
        x, axes = step.settled("self"), step.axes() if "dim" in step.given else tuple(range(len(step.part("self"))))
        if "dim" in step.given and step.one("dim") == [] and step.short[0] == x.short.shape:
            axes = ()  # so an empty list is to `any` and `all`
        part = reduced(x, axes, neutral if len(step.short) == 1 else None)
        if part is None:
            return None
        results: list[Part | None] = [summed(part, axes, len(shape) == len(part)) for shape in step.short]
        return results if len(results) > 1 else results[0]

    return row


def _extremum(neutral: float) -> Row:
    return lambda step: _elementwise(step) if step.op._overloadname == "other" else _reduction(neutral)(step)


def _ordered(step: Step) -> Parts:
    """Sorts and the like: of an axis that both have whole."""
    step.demand_same()
    axis = step.axis(default=-1)
    part = reduced(step.settled("self"), [axis], None)
    if part is None:
        return None
    results: list[Part | None] = []
    for shape in step.short:
        kept = part[:axis] + part[axis + 1 :] if len(shape) < len(part) else along(part, axis, np.arange(shape[axis]))
        results.append(kept)
    return results if len(results) > 1 else results[0]


def _softmax(step: Step) -> Part | None:
    step.demand_same()
    return reduced(step.settled("self"), [step.axis()], -np.inf)


def _running(neutral: float | None) -> Row:
    def row(step: Step) -> Parts:
        step.demand_same()
        part = running(step.settled("self"), step.axis(), neutral)
        return [part] * len(step.short) if len(step.short) > 1 else part

    return row


def _matmul(step: Step) -> Part | None:
    left = "self" if "self" in step.given else "input"
    right = next(name for name in ("mat2", "other", "vec", "tensor") if name in step.given)
    return _product(step, step.pair(left), step.pair(right), step.long[0], step.short[0])


def _lifted(pair: Pair, right: bool, ndim: int) -> Pair:
    """A vector as a row or a column, with axes of one before."""

    def wide(shape: Sequence[int]) -> tuple[int, ...]:
        if len(shape) == 1:
            shape = (*shape, 1) if right else (1, *shape)
        return (1,) * (ndim - len(shape)) + tuple(shape)

    long, short = (reshape(v, wide(v.shape)) for v in (pair.long, pair.short))
    part = pair.part
    if part is not None:
        one = np.zeros(1, np.int64)
        part = ((*part, one) if right else (one, *part)) if len(part) == 1 else part
        part = (*(one for _ in range(ndim - len(part))), *part)
    return Pair(long, short, part)


def _product(step: Step, a: Pair, b: Pair, long: Sequence[int], short: Sequence[int]) -> Part | None:
    """A product of matrices, of vectors as rows and columns."""
    ndim = max(len(a.short.shape), len(b.short.shape), 2)
    vectors = len(a.short.shape) == 1, len(b.short.shape) == 1
    a, b = _lifted(a, False, ndim), _lifted(b, True, ndim)
    shapes = [
        (*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1])
        for x, y in ((a.long, b.long), (a.short, b.short))
    ]
    part = contracted(a, b, shapes[0], shapes[1], usual(shapes[0], shapes[1], step.hint, step.n))
    if part is None:
        return None
    gone = [len(part) - 2] * vectors[0] + [len(part) - 1] * vectors[1]
    return None if any((part[g] < 0).any() for g in gone) else summed(part, gone, False)


def _plus_matmul(step: Step) -> Part | None:
    """β c + α a b."""
    step.demand_same()
    names = [name for name in step.given if isinstance(step.given[name], Pair)]
    a, b = step.pair(names[1]), step.pair(names[2])
    part = _product(step, a, b, step.long[0], step.short[0])
    if part is None:
        return None
    nothing = [Dependence(a.long.lattice, tuple(s), (), np.zeros((1,) * len(s), bool), np.zeros((1,) * len(s)))
               for s in (step.long[0], step.short[0])]  # fmt: skip
    return pointwise(
        [step.pair(names[0]), Pair(nothing[0], nothing[1], part)], step.long[0], step.short[0], step.expected()
    )


def _layer_norm(step: Step) -> Parts:
    x = step.settled("input")
    step.demand_same()
    step.demand_whole("weight", "bias")
    count = len(step.one("normalized_shape"))
    part = reduced(x, range(len(x.short.shape) - count, len(x.short.shape)), None)
    return [part, None, None][: len(step.short)]


def _whole_norm(step: Step) -> Parts:
    """Norms over places: of tensors that are the same but for the batch."""
    x = step.settled("input")
    step.demand_same()
    step.demand_whole("weight", "bias", "running_mean", "running_var")
    part = reduced(x, range(1, len(x.short.shape)), None)
    return [part, *[None] * (len(step.short) - 1)]


def _batch_norm_eval(step: Step) -> Parts:
    x = step.settled("input")
    step.demand_same()
    step.demand_whole("weight", "bias", "running_mean", "running_var")
    part = reduced(x, [1], None)
    return [part, *[None] * (len(step.short) - 1)]


def _attention(step: Step) -> Parts:
    """softmax(q kᵀ + mask) v: places that only one of the two runs has are masked in every row that both have."""
    query, key, value = (step.settled(name) for name in ("query", "key", "value"))
    q, k, v = query.part, key.part, value.part
    if q is None or k is None or v is None or not all(map(finite, _values([query, key, value]))):
        return None
    if step.one("scale") is not None and not isinstance(step.one("scale"), float):
        return None
    step.one("enable_gqa", False)
    step.one("dropout_p", 0.0)
    if not (identical(q[-1], query.long.shape[-1]) and identical(k[-1], key.long.shape[-1])):
        return None
    if not (once(k[-2]) and len(q) == len(k) == len(v)):
        return None
    lead = [(p, pair.long.shape[a]) for pair in (query, key, value) for a, p in enumerate((pair.part or ())[:-2])]
    if not all(identical(p, size) for p, size in lead):
        return None
    common = np.where(k[-2] == v[-2], k[-2], -1)
    rows = q[-2]
    long, short = (_mask(step, side) for side in (0, 1))
    if long is None or short is None:
        return None
    kept = np.flatnonzero(rows >= 0)
    beyond, lost = rest(common, key.long.shape[-2]), np.flatnonzero(common < 0)
    both = np.flatnonzero(common >= 0)
    if _some(long[0], rows[kept], beyond).any() or _some(short[0], kept, lost).any():
        return None
    met = [(_some(a, rows[kept], common[both]), _some(b, kept, both)) for a, b in zip(long, short, strict=True)]
    if not all(_same(a, b) for a, b in met):
        return None
    return [(*q[:-1], v[-1]), *[None] * (len(step.short) - 1)]


def _values(pairs: Sequence[Pair]) -> list[Dependence]:
    return [value for pair in pairs for value in (pair.long, pair.short)]


def _mask(step: Step, side: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Which scores a mask leaves, and what it adds to them, (…, rows or 1, columns or 1); None where not known."""
    query, key = step.pair("query"), step.pair("key")
    rows, columns = ((p.short if side else p.long).shape[-2] for p in (query, key))
    causal = step.both("is_causal", False)[side]
    allowed = np.tri(rows, columns, dtype=bool) if causal else np.ones((1, 1), bool)
    mask = step.given.get("attn_mask")
    given = (mask.short if side else mask.long) if isinstance(mask, Numbers | Pair) else None
    if given is None:
        return allowed, np.zeros((1, 1))
    if not isinstance(given, Dependence) or not given.is_constant or len(given.shape) < 2:
        return None
    if given.values.dtype == bool:
        return allowed & given.values, np.zeros((1, 1))
    kept = given.values != -np.inf
    return None if not np.isfinite(given.values[kept]).all() else (allowed & kept, np.where(kept, given.values, 0.0))


def _some(mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    lead = [np.arange(s) for s in mask.shape[:-2]]
    if not len(columns) or not len(rows):
        return np.zeros((0,))
    return chosen(mask, [*lead, rows, columns])


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        return bool((a == b).all())
    except ValueError:
        return False


def _recurrent(step: Step) -> Parts:
    """lstm, gru, rnn: forward alone; states and weights the same in both."""
    if step.op._overloadname != "input" or step.one("bidirectional") or step.one("train"):
        return None
    step.demand_same()
    step.demand_whole("hx", "params")
    x = step.settled("input")
    assert x.part is not None
    time = 1 if step.one("batch_first") and len(x.short.shape) == 3 else 0
    if any(k != time and not identical(p, x.long.shape[k]) for k, p in enumerate(x.part)):
        return None
    part = running(x, time, None)
    first = None if part is None else along(part, len(part) - 1, np.arange(step.short[0][-1]))
    return [first, *[None] * (len(step.short) - 1)]


def _convolution(step: Step) -> Part | None:
    """(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    step.demand_same()
    step.demand_whole("weight", "bias")
    x, w = step.settled("input"), step.pair("weight")
    assert x.part is not None
    dims = len(w.short.shape) - 2
    if step.one("transposed") or len(x.short.shape) != dims + 2 or not all(map(finite, _values([x, w]))):
        return None
    if not identical(x.part[1], x.long.shape[1]):
        return None
    part: Part = (x.part[0], np.arange(step.short[0][1]))
    zero = w.short.known & (w.short.values == 0)
    loose = [k for k in range(dims) if not identical(x.part[k + 2], x.long.shape[k + 2])]
    if len(loose) > 1:
        return None
    for k in range(dims):
        if k not in loose:
            part = (*part, np.arange(step.short[0][k + 2]))
            continue
        others = tuple(a for a in range(dims + 2) if a != k + 2)
        empty = np.broadcast_to(zero.all(axis=others), (w.short.shape[k + 2],))
        step_by, pad, gap = (s[k] if len(s) > 1 else s[0] for s in map(step.one, ("stride", "padding", "dilation")))
        taps = [t * gap - pad for t in range(w.short.shape[k + 2]) if not empty[t]]
        places = convolved(x, k + 2, (step.long[0][k + 2], step.short[0][k + 2]), taps, step_by)
        if places is None:
            return None
        part = (*part, places)
    return part


def _pool(step: Step) -> Parts:
    """Windows of the last axes, which are not cut at an end that only one of the two has."""
    step.demand_same()
    kernel = step.one("kernel_size")
    kernel = [kernel] if isinstance(kernel, int) else list(kernel)
    x, dims = step.settled("self"), len(kernel)
    padding, ceiling = step.one("padding", 0), step.one("ceil_mode", False)
    largest = name_of(step.op).startswith("max")
    padded = any(padding if isinstance(padding, list | tuple) else [padding])
    if ceiling or (padded and (largest or not step.one("count_include_pad", True))):
        return None
    if not all(map(finite, _values([x]))):
        return None

    def sizes(name: str, default: Any) -> list[int]:
        given = step.one(name, default)
        given = [given] if isinstance(given, int) else list(given) or default
        return given * dims if len(given) == 1 else given

    steps, pads, gaps = sizes("stride", kernel), sizes("padding", [0]), sizes("dilation", [1])
    first = len(x.short.shape) - dims
    assert x.part is not None
    loose = [k for k in range(dims) if not identical(x.part[first + k], x.long.shape[first + k])]
    part = x.part
    if len(loose) > 1:
        return None
    for k in range(dims):
        axis = first + k
        size = step.long[0][axis], step.short[0][axis]
        if k in loose:
            taps = [t * gaps[k] - pads[k] for t in range(kernel[k])]
            found = convolved(x, axis, size, taps, steps[k])
            if found is None:
                return None
            part = along(part, axis, found)
        else:
            part = along(part, axis, np.arange(size[1]))
    return [part, *[None] * (len(step.short) - 1)] if len(step.short) > 1 else part


# transforms


def _real_transform(step: Step) -> Spectra | None:
    """(self, dim, normalization, onesided): of a real signal, its first half or all of it."""
    axes = step.axes()
    if len(axes) != 1 or step.one("normalization") != FORWARD:
        return None
    return _spectra_of(step, axes[0], bool(step.one("onesided")))


def _spectra_of(step: Step, axis: int, half: bool) -> Spectra | None:
    """Of two signals with a part; of two constants, it is where they are the same."""
    pair = step.pair("self")
    part = alike_along(pair, axis) if pair.known else step.part("self")
    signal = Pair(pair.long, pair.short, part)
    return Spectra(signal, axis, half) if part is not None and all(map(finite, _values([signal]))) else None


def _complex_transform(step: Step) -> Parts:
    """(self, dim, normalization, forward): of a signal, or back from a spectrum."""
    axes, norm, forward = step.axes(), step.one("normalization"), step.one("forward")
    if len(axes) != 1 or norm == ORTHONORMAL:
        return None
    spectra = _spectra(step.given["self"])
    if forward and spectra is None and norm == FORWARD:
        return _spectra_of(step, axes[0], False)
    return None if forward or spectra is None or spectra.half else _signal(spectra, axes[0], norm)


def _to_real_transform(step: Step) -> Part | None:
    """(self, dim, normalization, last_dim_size): back to a real signal of the length that it had."""
    axes, spectra, sizes = step.axes(), _spectra(step.given["self"]), step.both("last_dim_size")
    if len(axes) != 1 or spectra is None or not spectra.half or sizes != spectra.lengths:
        return None
    return _signal(spectra, axes[0], step.one("normalization"))


def _signal(spectra: Spectra, axis: int, norm: int) -> Part | None:
    """The signal's own part, where both are the same number of times the signal."""
    long, short = (
        f * (1 if norm == BACKWARD else size) for f, size in zip(spectra.factors, spectra.lengths, strict=True)
    )
    return spectra.signal.part if axis == spectra.axis and norm != ORTHONORMAL and long == short else None


def _spectra(argument: Any) -> Spectra | None:
    return argument.spectra if isinstance(argument, Transformed) else None


def _product_of_spectra(step: Step) -> Parts:
    """A product: of two spectra, that of their signals' convolution; of one and a number, the same scaled."""
    a, b = (step.given.get(name) for name in ("self", "other"))
    first, second = _spectra(a), _spectra(b)
    if first is None and second is None:
        return _elementwise(step)
    if first is not None and second is not None:
        return _convolved(first, second, step)
    return _scaled(step, first, b) if first is not None else _scaled(step, second, a)


def _scaled(step: Step, spectra: Spectra | None, number: Any, turned: bool = False) -> Spectra | None:
    """Times a number, or divided by one, that makes no more axes of them."""
    factors = _factors(number)
    if spectra is None or factors is None or len(step.short[0]) != len(spectra.signal.short.shape):
        return None
    if turned and 0 in factors:
        return None
    return spectra.times(*(1 / f if turned else f for f in factors))


def _quotient(step: Step) -> Parts:
    """A spectrum divided by a number, or one element by another."""
    spectra = _spectra(step.given.get("self"))
    if spectra is None:
        return _elementwise(step)
    return None if step.one("rounding_mode") is not None else _scaled(step, spectra, step.given.get("other"), True)


def _factors(number: Any) -> tuple[Fraction, Fraction] | None:
    """Two numbers, given as such or as constants of one element, exactly as they are."""
    if not isinstance(number, Numbers | Pair):
        return None
    long, short = (_one_number(side) for side in (number.long, number.short))
    return None if long is None or short is None else (long, short)


def _one_number(side: Any) -> Fraction | None:
    if isinstance(side, Dependence) and side.is_constant and side.values.size == 1:
        side = side.values.reshape(-1)[0].item()
    return Fraction(side) if isinstance(side, int | float) and np.isfinite(side) else None


def _convolved(a: Spectra, b: Spectra, step: Step) -> Spectra | None:
    """The spectrum of the circular convolution of two signals."""
    ndim = max(len(s.signal.short.shape) for s in (a, b))
    first, second = (_padded(s, ndim) for s in (a, b))
    if (first.axis, first.half, first.lengths) != (second.axis, second.half, second.lengths):
        return None
    pairs = first.signal, second.signal
    shapes = [np.broadcast_shapes(*(side.shape for side in sides)) for sides in zip(*map(_sides, pairs), strict=True)]
    expected = usual(shapes[0], shapes[1], step.hint, step.n)
    part = circular(*pairs, first.axis, shapes[0], shapes[1], expected)
    if part is None:
        return None
    values = [
        inverse(multiply_spectra(transform(x, first.axis, a.half), transform(y, first.axis, a.half)))
        for x, y in zip(*map(_sides, pairs), strict=True)
    ]
    factors = [p * q for p, q in zip(first.factors, second.factors, strict=True)]
    return Spectra(Pair(values[0], values[1], part), first.axis, a.half, (factors[0], factors[1]))


def _sides(pair: Pair) -> tuple[Dependence, Dependence]:
    return pair.long, pair.short


def _padded(spectra: Spectra, ndim: int) -> Spectra:
    """With axes of one before."""
    missing = ndim - len(spectra.signal.short.shape)
    long, short = (reshape(v, (1,) * missing + v.shape) for v in _sides(spectra.signal))
    part = spectra.signal.part or ()
    signal = Pair(long, short, (*(np.zeros(1, np.int64) for _ in range(missing)), *part))
    return replace(spectra, signal=signal, axis=spectra.axis + missing)


def _view_of_any(step: Step) -> Parts:
    """Another shape: of spectra, too, where the axis of the frequencies stays."""
    spectra = _spectra(step.given.get("self"))
    if spectra is None or step.op._overloadname == "dtype":
        return _view(step)
    signal, olds = spectra.signal, [v.shape for v in _sides(step.pair("self"))]
    shapes = step.long[0], step.short[0]
    staying = [
        axis
        for axis in range(len(shapes[1]))
        if all(
            shape[axis] == old[spectra.axis] and prod(shape[:axis]) == prod(old[: spectra.axis])
            for shape, old in zip(shapes, olds, strict=True)
        )
    ]
    if not staying or signal.part is None:
        return None
    axis = staying[-1]
    wide = [(*s[:axis], size, *s[axis + 1 :]) for s, size in zip(shapes, spectra.lengths, strict=True)]
    part = regrouped(signal.part, (signal.long.shape, signal.short.shape), (wide[0], wide[1]))
    if part is None:
        return None
    long, short = (reshape(v, shape) for v, shape in zip(_sides(signal), wide, strict=True))
    return replace(spectra, signal=Pair(long, short, part), axis=axis)


PARTS: dict[str, Row] = {
    **{name: _elementwise for name in (*POINTWISE, *TAMED)},
    **{
        name: _elementwise
        for name in (
            "add",
            "sub",
            "bitwise_and",
            "logical_and",
            "bitwise_or",
            "logical_or",
            "minimum",
            "maximum",
            "neg",
            "where",
            "masked_fill",
            "_conj",
            "_conj_physical",
            "conj_physical",
            "clone",
            "alias",
            "detach",
            "contiguous",
            "_to_copy",
            "to",
            "lift_fresh_copy",
            "resolve_conj",
            "resolve_neg",
        )
    },
    "mul": _product_of_spectra,
    "div": _quotient,
    "true_divide": _quotient,
    "copy": _copied,
    "view_as_complex": _as_complex,
    "view_as_real": _as_real,
    # movement
    **{name: _view_of_any for name in ("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze")},
    "expand": _expand,
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "select": _select,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "flip": _flip,
    "repeat": _repeat,
    "cat": _cat,
    "constant_pad_nd": _pad,
    "gather": _gather,
    "index_select": _index_select,
    "index": _index,
    "_unsafe_index": _index,
    "embedding": _embedding,
    **{name: _moved for name in ("unfold", "diagonal", "select_scatter", "slice_scatter", "diagonal_scatter")},
    # mixing
    "sum": _reduction(0.0),
    **{name: _reduction(None) for name in ("mean", "argmax", "argmin", "var", "std", "linalg_vector_norm", "var_mean")},
    "any": _reduction(0.0),
    "all": _reduction(1.0),
    "prod": _reduction(1.0),
    "amax": _reduction(-np.inf),
    "amin": _reduction(np.inf),
    "logsumexp": _reduction(-np.inf),
    "max": _extremum(-np.inf),
    "min": _extremum(np.inf),
    **{name: _ordered for name in ("sort", "topk", "kthvalue", "median", "mode", "argsort")},
    "cumsum": _running(0.0),
    "cumprod": _running(1.0),
    "logcumsumexp": _running(-np.inf),
    "cummax": _running(None),
    "cummin": _running(None),
    **{name: _softmax for name in ("_softmax", "_safe_softmax", "_log_softmax")},
    **{name: _matmul for name in ("mm", "bmm", "matmul", "mv", "dot")},
    **{name: _plus_matmul for name in ("addmm", "baddbmm", "addmv")},
    "native_layer_norm": _layer_norm,
    "native_group_norm": _whole_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_eval,
    "scaled_dot_product_attention": _attention,
    **{name: _recurrent for name in RECURRENT},
    "convolution": _convolution,
    **{name: _pool for name in ("avg_pool2d", "max_pool2d_with_indices")},
    # transforms
    "_fft_r2c": _real_transform,
    "_fft_c2c": _complex_transform,
    "_fft_c2r": _to_real_transform,
}
"""Operators, and what is claimed of their results; of any other, nothing."""


@dataclass
class Alongside:
    """A long graph and a short one, gone through together.

    Args:
        start: the place in the long input at which the short one begins.
        apart: whether they are of two models. Weights of equal bits go together then, each with the one of its name if
            it can, and what is claimed is claimed wherever these are equal, whatever they are.

    Attributes:
        pairs: what goes together, by node of the short graph.
        shared: how many weights go together.
        unclaimed: the first node of which nothing is claimed, and why.
    """

    long: Question
    short: Question
    start: int = 0
    apart: bool = False
    pairs: dict[fx.Node, Any] = field(default_factory=dict)
    mates: dict[fx.Node, fx.Node] = field(default_factory=dict)
    shared: int = 0
    unclaimed: tuple[fx.Node, str] | None = None

    def __post_init__(self) -> None:
        self.hint = self.start + np.arange(self.short.n)
        self.values: tuple[dict[fx.Node, Any], dict[fx.Node, Any]] = ({}, {})
        self.hidden: set[fx.Node] = set()
        for question, values in zip((self.long, self.short), self.values, strict=True):
            interpretation = Interpretation(latest(question.n), visit=_kept(values))
            interpretation.run(question.program.graph_module, question._inputs(interpretation))
            self.hidden |= interpretation.hidden

    def run(self, rows: Mapping[str, Row] | None = None) -> None:
        """Pairs of all nodes of the short graph, in order, by these rows."""
        self.rows, self.pairs, self.mates, self.unclaimed = PARTS if rows is None else rows, {}, {}, None
        self.shared = 0
        graphs = [q.program.graph_module.graph for q in (self.long, self.short)]
        self._inputs(*(list(g.find_nodes(op="placeholder")) for g in graphs))
        self._nodes(*(list(g.nodes) for g in graphs))

    def outputs(self) -> Iterator[tuple[str, int, bool]]:
        """Name, axis and whether it is the same at the inputs' places, of every output that has the axis."""
        (long, names), (short, others) = (_returned(q) for q in (self.long, self.short))
        if names != others:
            return
        for name, mate, node in zip(names, long, short, strict=True):
            value = self.values[0].get(mate)
            if not isinstance(value, Dependence):
                continue
            axis = self.long._default_axis(value.shape)
            if axis is not None:
                yield name, axis, self._agrees(mate, node, axis)

    def elements(self, rows: Mapping[str, Any] = ROWS) -> Iterator[tuple[str, int, bool]]:
        """As `outputs`, of the terms of their elements, where the graphs are not too large for these."""
        names, others = (_returned(q)[1] for q in (self.long, self.short))
        modules = [q.program.graph_module for q in (self.long, self.short)]
        if names != others or max(map(elements_of, modules)) > LARGEST_OF_ELEMENTS:
            return
        terms = Terms()
        given: list[list[Any]] = [[], []]
        placeholders = [list(m.graph.find_nodes(op="placeholder")) for m in modules]
        for node in placeholders[0]:
            given[0].append(self._terms_of_input(terms, self.values[0][node]))
        there = dict(zip(placeholders[0], given[0], strict=True))
        for node in placeholders[1]:
            pair = self.pairs.get(node)
            if isinstance(pair, Pair) and pair.part is not None and all((p >= 0).all() for p in pair.part):
                given[1].append(there[self.mates[node]][np.ix_(*pair.part)])
            else:
                given[1].append(self._terms_of_input(terms, self.values[1][node]))
        found = [
            Elements(terms, values, self.hidden, rows).run(module, inputs)
            for module, values, inputs in zip(modules, self.values, given, strict=True)
        ]
        kept = [_kept_outputs(q, list(f)) for q, f in zip((self.long, self.short), found, strict=True)]
        for name, a, b in zip(names, *kept, strict=True):
            axis = self.long._default_axis(a.shape) if isinstance(a, np.ndarray) else None
            if axis is not None:
                yield name, axis, np.array_equal(a.take(self.hint, axis), b)

    def _terms_of_input(self, terms: Terms, value: Any) -> Any:
        """Those of a constant, or terms of its own."""
        if not isinstance(value, Dependence):
            return value
        return terms.constants(value.array) if value.is_constant else terms.fresh(value.shape)

    def _agrees(self, long: fx.Node, short: fx.Node, axis: int) -> bool:
        pair = self._pair(long, short)
        if not isinstance(pair, Pair) or len(pair.short.shape) != len(pair.long.shape):
            return False
        wanted = along(tuple(map(np.arange, pair.short.shape)), axis, self.hint)
        if pair.short.shape[axis] != len(self.hint):
            return False
        if any(s != m for k, (s, m) in enumerate(zip(pair.short.shape, pair.long.shape, strict=True)) if k != axis):
            return False
        found = pair.placed(wanted)
        return found is not None and all(np.array_equal(f, w) for f, w in zip(found, wanted, strict=True))

    def _inputs(self, long: list[fx.Node], short: list[fx.Node]) -> None:
        """Parameters by their names, inputs in order."""
        specs = [q.program.graph_signature.input_specs for q in (self.long, self.short)]
        held = {spec.target: node for node, spec in zip(long, specs[0], strict=True) if spec.target is not None}
        user = [n for n, spec in zip(long, specs[0], strict=True) if spec.kind == InputKind.USER_INPUT]
        given = iter(zip(user, self.long._arguments(), strict=True))
        arguments = iter(self.short._arguments())
        for node, spec in zip(short, specs[1], strict=True):
            if spec.kind == InputKind.USER_INPUT:
                (first, (_, axis)), (_, own) = next(given), next(arguments)
                if isinstance(axis, int) and axis == own:
                    self._put(node, first, axis)
            elif (name := self._name_of(spec.target, held)) is not None:
                self._put(node, held[name], None)
                self.shared += node in self.mates

    def _name_of(self, name: Any, held: Mapping[Any, fx.Node]) -> Any:
        """The name in the long model of a tensor of the short one, None where it has none."""
        ours = self.short._held(name)
        names = (name, *held) if self.apart else (name,)
        used = set(self.mates.values())
        there = [each for each in names if each in held]
        free_first = sorted(there, key=lambda each: held[each] in used)  # in their order otherwise
        return next((each for each in free_first if self._alike(ours, self.long._held(each))), None)

    def _alike(self, ours: Any, theirs: Any) -> bool:
        """Whether two tensors are one, or have equal bits where they are of two models."""
        if not isinstance(ours, torch.Tensor) or not isinstance(theirs, torch.Tensor):
            return False
        return _one(ours, theirs) or (self.apart and ours.dtype == theirs.dtype and torch.equal(ours, theirs))

    def _put(self, short: fx.Node, long: fx.Node, axis: int | None) -> None:
        ours, theirs = self.values[1][short], self.values[0][long]
        if not isinstance(ours, Dependence) or (ours.is_constant and theirs.is_constant):
            return
        part = tuple(map(np.arange, ours.shape))
        if axis is not None:
            part = along(part, axis, self.hint)
        if all(s == m for k, (s, m) in enumerate(zip(ours.shape, theirs.shape, strict=True)) if k != axis):
            self.mates[short], self.pairs[short] = long, Pair(theirs, ours, part)

    def _nodes(self, long: list[fx.Node], short: list[fx.Node]) -> None:
        waiting: dict[Any, list[fx.Node]] = {}
        for node in long:
            if node.op == "call_function" and not self._constant(node, 0):
                waiting.setdefault(node.target, []).append(node)
        for node in short:
            if node.op != "call_function" or self._constant(node, 1):
                continue
            waits = (m for m in waiting.get(node.target, ()) if self._together(m.args, node.args))
            mate = next((m for m in waits if self._together(m.kwargs, node.kwargs)), None)
            if mate is None:
                self._note(node, f"the {'other' if self.apart else 'longer'} graph has no such step")
                continue
            waiting[node.target].remove(mate)
            self.mates[node] = mate
            try:
                self._claim(node, mate)
            except NoPartError as reason:
                self._note(node, str(reason))

    def _claim(self, node: fx.Node, mate: fx.Node) -> None:
        """The pair of two nodes, with its part by its row."""
        values = self.values[0][mate], self.values[1][node]
        if node.target is operator.getitem:
            held = self.pairs.get(node.all_input_nodes[0])
            if node.args[1] == mate.args[1] and isinstance(held, list):
                self.pairs[node] = held[node.args[1]]  # type: ignore[index]
            return
        op = node.target
        if not isinstance(op, torch._ops.OpOverload):
            raise NoPartError("not an operator of tensors")
        if self.hidden & {node, mate}:
            raise NoPartError("it may read the sign of a zero, or memory beyond its operands")
        name = name_of(op)
        if name in IGNORED:
            return
        if (
            (draws(op, node.args, node.kwargs) and name not in RECURRENT)
            or name not in self.rows
            or op.namespace not in PURE
        ):
            raise NoPartError(f"no rule for {name}")
        parts = self.rows[name](self._step(node, mate))
        several = isinstance(values[1], list)
        sides = list(zip(values[0], values[1], strict=False)) if several else [values]
        found = parts if isinstance(parts, list) else [parts, *[None] * (len(sides) - 1)]
        pairs = [paired(plain(a), plain(b), p) for (a, b), p in zip(sides, found, strict=True)]
        for pair in pairs:
            checked(name, pair)
        self.pairs[node] = pairs if several else pairs[0]
        if any(p.part is None and not p.known and _spectra(p) is None for p in pairs[:1]):
            self._note(node, "the two differ, or no rule says that they do not")

    def _step(self, node: fx.Node, mate: fx.Node) -> Step:
        given: dict[str, Any] = {}
        schema = [a.name for a in node.target._schema.arguments]  # type: ignore[union-attr]
        named = [dict(zip(schema, n.args, strict=False)) | dict(n.kwargs) for n in (mate, node)]
        for name in schema:
            if name in named[0] or name in named[1]:
                given[name] = self._argument(named[0].get(name), named[1].get(name))
        for a, b in zip(_described(mate), _described(node), strict=False):
            if a.dtype != b.dtype:
                raise NoPartError("results of different formats")
        shapes = [tuple(tuple(t.shape) for t in _described(n)) for n in (mate, node)]
        if self.apart and shapes[0] != shapes[1]:
            raise NoPartError("results of other shapes")
        return Step(node.target, given, shapes[0], shapes[1], self.hint, self.long.n)

    def _argument(self, long: Any, short: Any) -> Any:
        if isinstance(long, fx.Node) or isinstance(short, fx.Node):
            return self._pair(long, short)
        if isinstance(short, list | tuple) and any(isinstance(a, fx.Node) for a in (*short, *long)):
            return [self._argument(a, b) for a, b in zip(long, short, strict=False)]
        return Numbers(_plain_list(long), _plain_list(short))

    def _pair(self, long: Any, short: Any) -> Any:
        """Two arguments as a pair: known in both, or nodes that go together."""
        values = [self.values[k].get(n) if isinstance(n, fx.Node) else n for k, n in enumerate((long, short))]
        tensors = [plain(v) for v in values if isinstance(v, Value)]
        if len(tensors) != 2:
            return Numbers(values[0], values[1])
        if tensors[0].is_constant and tensors[1].is_constant:
            return Pair(tensors[0], tensors[1])
        if self.mates.get(short) is long and isinstance(self.pairs.get(short), Pair):
            return self.pairs[short]
        return Pair(tensors[0], tensors[1])

    def _constant(self, node: fx.Node, side: int) -> bool:
        """Whether all of a node is known."""
        value = self.values[side].get(node)
        parts = value if isinstance(value, list | tuple) else [value]
        return all(not isinstance(p, Value) or (isinstance(p, Dependence) and p.is_constant) for p in parts)

    def _together(self, long: Any, short: Any) -> bool:
        """Whether the arguments of two nodes go together, tensor by tensor."""
        if isinstance(short, fx.Node) and isinstance(long, fx.Node):
            known = self._constant(long, 0), self._constant(short, 1)
            return all(known) or (known == (False, False) and self.mates.get(short) is long)
        if isinstance(short, dict):
            return isinstance(long, dict) and all(self._together(long.get(k), v) for k, v in short.items())
        if isinstance(short, list | tuple) and isinstance(long, list | tuple):
            nodes = any(isinstance(a, fx.Node) for a in (*long, *short))
            enough = len(long) == len(short) if self.apart else len(long) >= len(short)
            return not nodes or (enough and all(self._together(a, b) for a, b in zip(long, short, strict=False)))
        for side, given in enumerate((long, short)):
            if isinstance(given, fx.Node) and not self._constant(given, side):
                return False
        return True

    def _note(self, node: fx.Node, why: str) -> None:
        if self.unclaimed is None:
            self.unclaimed = node, why


def paired(long: Dependence, short: Dependence, found: Part | Spectra | None) -> Pair:
    """Two tensors with what is claimed of them."""
    return Transformed(long, short, None, found) if isinstance(found, Spectra) else Pair(long, short, found)


def checked(name: str, pair: Pair) -> None:
    """Hold a part to the shapes of its pair.

    Raises:
        AssertionError: it does not fit them; an error of the rule.
    """
    if pair.part is None:
        return
    sizes = tuple(map(len, pair.part))
    within = all((p >= -1).all() and (p < m).all() for p, m in zip(pair.part, pair.long.shape, strict=True))
    if sizes != pair.short.shape or not within:
        raise AssertionError(f"{name}: expected places of {pair.short.shape} in {pair.long.shape}, got {sizes}")


def _kept(values: dict[fx.Node, Any]) -> Callable[[fx.Node, Any], None]:
    def visit(node: fx.Node, value: Any) -> None:
        values[node] = [plain(v) for v in value] if isinstance(value, list | tuple) else plain(value)

    return visit


def _one(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether these are one tensor."""
    return (a.data_ptr(), a.shape, a.stride()) == (b.data_ptr(), b.shape, b.stride())


def _plain_list(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _described(node: fx.Node) -> list[torch.Tensor]:
    value = node.meta.get("val")
    return [v for v in (value if isinstance(value, list | tuple) else [value]) if isinstance(v, torch.Tensor)]


def _returned(question: Question) -> tuple[list[Any], list[str]]:
    """The nodes of what the model returns, and the names of these."""
    program = question.program
    nodes = list(program.graph_module.graph.output_node().args[0])
    specs = program.graph_signature.output_specs
    kept = [n for n, s in zip(nodes, specs, strict=True) if s.kind == OutputKind.USER_OUTPUT]
    tree = pytree.tree_unflatten(list(range(len(kept))), program.call_spec.out_spec)
    names = {leaf: pytree.keystr(path) or "output" for path, leaf in pytree.tree_flatten_with_path(tree)[0]}
    return kept, [names[k] for k in range(len(kept))]


def _kept_outputs(question: Question, returned: list[Any]) -> list[Any]:
    """What the model returns, of all that its graph does."""
    specs = question.program.graph_signature.output_specs
    return [v for v, s in zip(returned, specs, strict=True) if s.kind == OutputKind.USER_OUTPUT]


def compared(long: Question, short: Question, start: int = 0, apart: bool = False) -> dict[str, Any]:
    """Whether every output of the short run is proved to be the long run's, at its inputs' places.

    Args:
        apart: whether the two are of different models, as of `Alongside`.

    Returns:
        `proved`; `outputs` and `output_axes` that were judged; `detail`, what is in the way, in a sentence.

    >>> from monarch_gpu.dependence.proof import posed
    >>> double = lambda n: posed(lambda x: x.cumsum(0), [torch.zeros(n)], 0, "", lambda i, j: j <= i)
    >>> compared(double(8), double(5))["proved"]
    True
    >>> turned = posed(lambda x: x.flip(0), [torch.zeros(8)], 0, "", lambda i, j: True)
    >>> compared(double(8), turned, apart=True)["detail"].partition(",")[0]
    'the other graph has no such step'
    """
    both = Alongside(long, short, start, apart)
    both.run()
    found = list(both.outputs())
    wrong = [name for name, _, agrees in found if not agrees]
    if wrong:
        again = list(both.elements())
        if again and all(agrees for _, _, agrees in again):
            found, wrong = again, []
    detail = ""
    if wrong and both.unclaimed is not None:
        node, why = both.unclaimed
        detail = f"{why}, at {described(node).place}"
    elif wrong:
        detail = f"{wrong[0]} is at other places"
    return {
        "proved": bool(found) and not wrong,
        "outputs": [name for name, _, _ in found],
        "output_axes": [axis for _, axis, _ in found],
        "detail": detail or ("" if found else "no output has an axis of the sequence"),
        "weights": both.shared if apart else short._counts()[0],
        "buffers": short._counts()[1],
    }
