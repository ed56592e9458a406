"""ATen operators and the rules that hold for them: one row for each, `name: rule`.

A row is for all overloads of an operator. A rule gets a `Call` and returns the abstract value of every output. What
has no row depends on everything, and is named in the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from monarch_gpu.dependence.entries import SHORT, Place
from monarch_gpu.dependence.tensors import as_array, on_values
from monarch_theory.leaks.dependence import Dependence, Lattice, constant, unknown
from monarch_theory.leaks.dependence.bounds import limits, ranged, with_limits
from monarch_theory.leaks.dependence.mixing import (
    attention,
    contract,
    everything,
    forget,
    mixed,
    reduce,
    scan,
    softmax,
    window,
)
from monarch_theory.leaks.dependence.movement import concatenate, expand, move, permute, reshape, take
from monarch_theory.leaks.dependence.pointwise import choose, pointwise
from monarch_theory.leaks.dependence.spectrum import (
    Spectrum,
    add_spectra,
    collapse,
    inverse,
    multiply_spectra,
    reverse,
    scale,
    transform,
)  # fmt: skip
from monarch_theory.leaks.dependence.value import FINITE, bounded

__all__ = ["RANDOM", "RULES", "Call", "NoRuleError", "repeated_heads"]

Value = Dependence | Spectrum
Rule = Callable[["Call"], Any]
INTEGRAL = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
MOVED = 1 << 26
MASK = -1e4
"""Finite numbers up to this are a mask."""


class NoRuleError(Exception):
    """These arguments of an operator that has a row are beyond its rule."""


@dataclass(frozen=True)
class Call:
    """One node of the graph, its tensors as abstract values.

    Attributes:
        op: the overload that is called.
        args, kwargs: as in the graph, tensors being abstract values.
        described: the tensors of each argument as the graph describes them, by place or by name.
        outputs: (shape, dtype) of every output.
        suppose: the value, supposed to stay within a bound here, and which argument it is; None where nothing may be
            supposed.
    """

    lattice: Lattice
    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    described: dict[int | str, Any]
    outputs: tuple[tuple[tuple[int, ...], torch.dtype], ...]
    suppose: Callable[[Dependence, float, Place], Dependence] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first output."""
        return self.outputs[0][0]

    @property
    def dtype(self) -> torch.dtype:
        """Of the first output."""
        return self.outputs[0][1]

    def get(self, index: int, name: str, default: Any = None) -> Any:
        """An argument by place or by name."""
        return self.args[index] if len(self.args) > index else self.kwargs.get(name, default)

    def value(self, index: int) -> Dependence:
        """A tensor argument as an ordinary value."""
        return plain(self.args[index])

    def dtype_of(self, index: int) -> torch.dtype:
        """Of a tensor argument."""
        return self.described[index].dtype

    def constant(self, tensor: Any, dtype: torch.dtype | None = None) -> Dependence:
        """A number or a tensor of which every element is known, cast to a dtype if one is given."""
        if dtype is not None:
            tensor = torch.as_tensor(tensor).to(dtype)
        array = as_array(tensor) if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
        return constant(self.lattice, array)

    def values(self) -> list[Dependence]:
        """All tensor arguments, those in lists too."""
        flat: list[Dependence] = []
        for arg in (*self.args, *self.kwargs.values()):
            flat += [plain(a) for a in (arg if isinstance(arg, list | tuple) else [arg]) if isinstance(a, Value)]
        return flat


def everywhere(values: Sequence[Dependence], shape: Sequence[int]) -> Dependence:
    """A function of all the elements, finite where they are."""
    return everything(values, shape, finite=True)


def plain(value: Any) -> Any:
    """A spectrum as an ordinary tensor; anything else as it is."""
    return collapse(value) if isinstance(value, Spectrum) else value


def axis_of(axis: int, ndim: int) -> int:
    """A non-negative axis."""
    return axis % ndim if ndim else 0


def axes_of(axes: Any, ndim: int) -> tuple[int, ...]:
    """Axes given as one, as several, or as none or an empty list for all."""
    if axes is None or (isinstance(axes, list | tuple) and not axes):
        return tuple(range(ndim))
    return tuple(axis_of(axis, ndim) for axis in ([axes] if isinstance(axes, int) else axes))


# pointwise


def _operands(call: Call, places: Sequence[int]) -> list[Dependence]:
    """Tensors and numbers at these places of the arguments, numbers as constants."""
    return [plain(a) if isinstance(a := call.args[k], Value) else call.constant(a) for k in places]


def _elementwise(call: Call, absorbing: str = "") -> Dependence:
    places = [k for k, a in enumerate(call.args) if isinstance(a, Value)]
    if any(isinstance(a, Value) for a in call.kwargs.values()):
        raise NoRuleError("a tensor given by keyword")
    numbers = (
        [0, 1] if absorbing not in ("", "copy", "tamed") and places in ([0], [1]) and len(call.args) > 1 else places
    )
    if absorbing in ("sum", "difference") and _named(call, "alpha", 1) != 1:
        absorbing = "combination"
    tensors = set(places)

    def run(*given: Any) -> Any:
        args = list(call.args)
        for place, tensor in zip(numbers, given, strict=True):
            if place in tensors:
                args[place] = tensor
        return call.op(*args, **call.kwargs)

    dtypes = [call.dtype_of(k) if k in tensors else torch.float64 for k in numbers]
    operands = _operands(call, numbers)
    if absorbing == "sum" and len(operands) == 2:
        operands = _supposed(call, operands, numbers)
    return pointwise(operands, on_values(run, dtypes), absorbing, call.dtype in INTEGRAL)


def _supposed(call: Call, operands: Sequence[Dependence], places: Sequence[int]) -> list[Dependence]:
    """Operands of one element each: what meets a mask of finite values is supposed to stay small beside these."""
    if call.suppose is None or not call.dtype.is_floating_point:
        return list(operands)
    masks = [mask for o in operands if (mask := _mask_value(o)) is not None]
    if not masks:
        return list(operands)
    free = [not o.is_constant and o.bounds is None and _mask_value(o) is None for o in operands]
    return [
        call.suppose(o, -max(masks) / SHORT, (k,)) if f else o for o, f, k in zip(operands, free, places, strict=True)
    ]


def _mask_value(value: Dependence) -> float | None:
    """The largest number of a mask among the known elements; None where there is none."""
    if value.values.dtype.kind != "f":
        return None
    known, values = np.broadcast_arrays(value.known, value.values)
    found = values[known & (values <= MASK) & np.isfinite(values)]
    return float(found.max()) if found.size else None


def elementwise(absorbing: str = "") -> Rule:
    """A function of one element of each operand."""
    return lambda call: _elementwise(call, absorbing)


def _in_range(least: float, most: float, absorbing: str = "tamed") -> Rule:
    """A function with values between two numbers, which is said where scores are asked to be small."""

    def rule(call: Call) -> Dependence:
        result = _elementwise(call, absorbing)
        if call.suppose is None or not call.dtype.is_floating_point:  # of complex numbers tanh has no bound
            return result
        return ranged(result, least, most)

    return rule


def _clamp(call: Call) -> Dependence:
    """The least of the most and of the most of the least and x: numbers as ends give bounds."""
    low, high = call.get(1, "min"), call.get(2, "max")
    numbers = all(end is None or isinstance(end, int | float) for end in (low, high))
    if call.suppose is None or not numbers or not call.dtype.is_floating_point:
        return _elementwise(call)
    x = call.value(0)
    for end, name, function in ((low, "maximum", np.maximum), (high, "minimum", np.minimum)):
        if end is not None and np.isfinite(end):
            x = pointwise([x, _bounded_by_itself(call.constant(float(end)))], function, name)
    return x


def _bounded_by_itself(number: Dependence) -> Dependence:
    """A number that is known, with bounds, so that what is compared to it gets some."""
    return with_limits(number, *limits(number))


def _product(call: Call) -> Value:
    """A product; of two spectra of one length, that of their signals' convolution."""
    a, b = call.args[0], call.args[1]
    if isinstance(a, Spectrum) and isinstance(b, Spectrum):
        axis = len(call.shape) - len(a.shape) + a.axis
        if axis == len(call.shape) - len(b.shape) + b.axis and a.length == b.length and _alike(a, b):
            return multiply_spectra(_lifted(a, len(call.shape)), _lifted(b, len(call.shape)))
    for spectrum, factor, place in ((a, b, 1), (b, a, 0)):
        if isinstance(spectrum, Spectrum):
            scaled = _scaled(call, spectrum, factor, place)
            if scaled is not None:
                return scaled
    return _elementwise(call, "product")


def _alike(a: Spectrum, b: Spectrum) -> bool:
    return a.half == b.half and a.order == b.order


def _lifted(spectrum: Spectrum, ndim: int) -> Spectrum:
    """With axes of size 1 before."""
    missing = ndim - len(spectrum.shape)
    if not missing:
        return spectrum
    signal = reshape(spectrum.signal, (1,) * missing + spectrum.signal.shape)
    return replace(spectrum, signal=signal, axis=spectrum.axis + missing)


def _scaled(call: Call, spectrum: Spectrum, factor: Any, place: int) -> Spectrum | None:
    """The spectrum times a factor that doesn't vary along the frequencies, or one that does as a spectrum itself."""
    if isinstance(factor, Spectrum):
        return None
    if not isinstance(factor, Dependence):
        return None if (spectrum.half and isinstance(factor, complex)) or not np.isfinite(factor) else spectrum
    spectrum = _lifted(spectrum, len(call.shape))
    axis, ndim = spectrum.axis, len(call.shape)
    factor = reshape(factor, (1,) * (ndim - len(factor.shape)) + factor.shape)
    if factor.infinite or not np.isfinite(factor.values).all():
        return None
    if factor.shape[axis] == 1 and not (spectrum.half and call.dtype_of(place).is_complex):
        return scale(spectrum, [factor])
    if factor.shape[axis] == spectrum.shape[axis]:
        times = mixed(factor, (axis,), (*factor.shape[:axis], spectrum.length, *factor.shape[axis + 1 :]))
        return multiply_spectra(spectrum, Spectrum(times, axis, spectrum.half, spectrum.order))
    return None


def _sum_of_spectra(absorbing: str) -> Rule:
    def rule(call: Call) -> Value:
        a, b = call.args[0], call.args[1]
        if isinstance(a, Spectrum) and isinstance(b, Spectrum) and a.shape == b.shape and a.axis == b.axis:
            real = not isinstance(_named(call, "alpha", 1), complex)
            if a.length == b.length and _alike(a, b) and real:
                return add_spectra(a, b)
        return _elementwise(call, absorbing)

    return rule


def _quotient(call: Call) -> Value:
    a, b = call.args[0], call.args[1]
    if isinstance(a, Spectrum) and not isinstance(b, Spectrum):
        scaled = _scaled(call, a, _forgotten_values(b) if isinstance(b, Dependence) else b, 1)
        if scaled is not None:
            return scaled
    rounded = call.kwargs.get("rounding_mode") is not None
    return _elementwise(call, "" if rounded else "quotient")


def _forgotten_values(value: Dependence) -> Dependence:
    """A divisor: no known zero of it makes a quotient zero."""
    return mixed(value, ())


def _same(call: Call) -> Value:
    """A copy, a cast or a change of strides."""
    if isinstance(call.args[0], Spectrum):
        if call.described[0].dtype.is_complex and call.dtype.is_complex:
            return call.args[0]
        return _elementwise(call)
    if call.dtype == call.dtype_of(0):
        return call.args[0]
    both = call.dtype.is_floating_point and call.dtype_of(0).is_floating_point
    return _elementwise(call, "copy" if both else "")


def _cast(call: Call, index: int) -> Dependence:
    """An argument in the dtype of the result; what is known of a tensor of another dtype is forgotten."""
    given = call.args[index]
    if not isinstance(given, Value):
        return call.constant(given, call.dtype)
    return plain(given) if call.dtype_of(index) == call.dtype else mixed(plain(given), ())


def _copy(call: Call) -> Dependence:
    """(x, y): y in the dtype of x."""
    return expand(_cast(call, 1), call.shape)


def _negative(call: Call) -> Value:
    return call.args[0] if isinstance(call.args[0], Spectrum) else _elementwise(call)


def _conjugate(call: Call) -> Value:
    return reverse(call.args[0]) if isinstance(call.args[0], Spectrum) else _elementwise(call)


def _where(call: Call) -> Dependence:
    if len(call.args) != 3:
        raise NoRuleError("the places where a condition holds")
    condition, yes, no = _operands(call, range(3))
    return choose(condition, *_supposed(call, [yes, no], [1, 2]))


def _masked_fill(call: Call) -> Dependence:
    x, mask = _operands(call, range(2))
    return choose(mask, *_supposed(call, [_cast(call, 2), x], [2, 0]))


def _as_real(call: Call) -> Dependence:
    """Complex (…) to real (…, 2): both parts depend on what the number depends on; of a constant they are known."""
    x = call.value(0)
    return mixed(expand(reshape(x, (*x.shape, 1)), call.shape), (len(x.shape),))


def _as_complex(call: Call) -> Dependence:
    x = call.value(0)
    return reduce(x, (len(x.shape) - 1,), keepdims=False)


# movement


def _view(call: Call) -> Value:
    x = call.args[0]
    if call.op._overloadname == "dtype":
        raise NoRuleError("the same bits as another dtype")
    if isinstance(x, Spectrum):
        for axis in range(len(call.shape)):
            if call.shape[axis] == x.shape[x.axis] and prod(call.shape[:axis]) == prod(x.shape[: x.axis]):
                if prod(call.shape[axis + 1 :]) != prod(x.shape[x.axis + 1 :]):
                    continue
                shape = (*call.shape[:axis], x.length, *call.shape[axis + 1 :])
                return replace(x, signal=reshape(x.signal, shape), axis=axis)
    return reshape(plain(x), call.shape)


def _permute(call: Call) -> Value:
    order = [axis_of(axis, len(call.shape)) for axis in call.args[1]]
    x = call.args[0]
    if isinstance(x, Spectrum):
        return replace(x, signal=permute(x.signal, order), axis=order.index(x.axis))
    return permute(x, order)


def _transpose(call: Call) -> Value:
    order = list(range(len(call.shape)))
    if len(order) > 1:
        a, b = (0, 1) if len(call.args) == 1 else (axis_of(axis, len(order)) for axis in call.args[1:3])
        order[a], order[b] = order[b], order[a]
    return _permute(replace(call, args=(call.args[0], order)))


def _expand(call: Call) -> Value:
    x = call.args[0]
    if isinstance(x, Spectrum):
        lifted = _lifted(x, len(call.shape))
        if lifted.shape[lifted.axis] == call.shape[lifted.axis]:
            shape = list(call.shape)
            shape[lifted.axis] = lifted.length
            return replace(lifted, signal=expand(lifted.signal, shape))
    return expand(plain(x), call.shape)


def _taken(x: Value, axis: int, indices: ArrayLike, in_place: bool = False) -> Value:
    if isinstance(x, Spectrum):
        if axis != x.axis:
            return replace(x, signal=take(x.signal, axis, indices))
        x = collapse(x)
    return take(x, axis, indices, in_place)


def _select(call: Call) -> Value:
    x = call.args[0]
    axis = axis_of(call.args[1], len(x.shape))
    picked = _taken(x, axis, [range(x.shape[axis])[call.args[2]]])
    return _view(replace(call, args=(picked,)))


def _slice(call: Call) -> Value:
    x = call.args[0]
    axis = axis_of(call.get(1, "dim", 0), len(x.shape))
    bounds = slice(call.get(2, "start"), call.get(3, "end"), call.get(4, "step", 1))
    return _taken(x, axis, range(x.shape[axis])[bounds])


def _split(call: Call) -> list[Value]:
    """Into the sizes of the outputs."""
    x = call.args[0]
    axis, start, parts = axis_of(call.get(2, "dim", 0), len(x.shape)), 0, []
    for shape, _ in call.outputs:
        parts.append(_taken(x, axis, range(start, start + shape[axis])))
        start += shape[axis]
    return parts


def _unbind(call: Call) -> list[Value]:
    x = call.args[0]
    axis = axis_of(call.get(1, "dim", 0), len(x.shape))
    picked = [_taken(x, axis, [k]) for k in range(x.shape[axis])]
    return [_view(replace(call, args=(p,))) for p in picked]


def _flip(call: Call) -> Value:
    x = call.args[0]
    for dim in call.args[1]:  # of an empty list none
        axis = axis_of(dim, len(x.shape))
        x = _taken(x, axis, range(x.shape[axis])[::-1], in_place=True)
    return x


def _roll(call: Call) -> Value:
    x, shifts, dims = call.args[0], call.args[1], call.get(2, "dims", [])
    shifts = [shifts] if isinstance(shifts, int) else shifts
    if not dims:
        raise NoRuleError("a roll of all the elements")
    for shift, dim in zip(shifts, [dims] if isinstance(dims, int) else dims, strict=True):
        axis = axis_of(dim, len(x.shape))
        size = x.shape[axis]
        x = _taken(x, axis, (np.arange(size) - shift) % size if size else [], in_place=True)
    return x


def _repeat(call: Call) -> Value:
    x = call.value(0)
    x = reshape(x, (1,) * (len(call.shape) - len(x.shape)) + x.shape)
    for axis, times in enumerate(call.args[1]):
        if times != 1:
            x = take(x, axis, np.tile(np.arange(x.shape[axis]), times))
    return x


def _cat(call: Call) -> Value:
    tensors = _beside([plain(t) for t in call.args[0]], call)
    if len(call.shape) > 1:  # an old exception: empty vectors go with any shape
        tensors = [t for t in tensors if t.shape != (0,)]
    return concatenate(tensors, axis_of(call.get(1, "dim", 0), len(call.shape)))


def _beside(tensors: list[Dependence], call: Call) -> list[Dependence]:
    """What stands beside scores of which something is supposed is supposed to be no larger, as attention sinks are."""
    sizes = [float(limits(t)[1].max()) for t in tensors if t.bounds is not None]
    if call.suppose is None or not sizes or not np.isfinite(max(sizes)) or max(sizes) <= 0:
        return tensors
    return [
        call.suppose(t, max(sizes), (0, k)) if t.bounds is None and not t.is_constant else t
        for k, t in enumerate(tensors)
    ]


def _pad(call: Call) -> Dependence:
    """Constant padding, from the last axis on; negative amounts cut."""
    x, amounts = call.value(0), call.args[1]
    fill = call.get(2, "value", 0)
    for k in range(len(amounts) // 2):
        axis = len(x.shape) - 1 - k
        before, after = amounts[2 * k], amounts[2 * k + 1]
        size = x.shape[axis]
        kept = range(size)[max(-before, 0) : size - max(-after, 0)]
        x = x if len(kept) == size else take(x, axis, kept)
        pieces = [x]
        for amount, place in ((before, 0), (after, len(pieces))):
            if amount > 0:
                shape = (*x.shape[:axis], amount, *x.shape[axis + 1 :])
                pieces.insert(0 if place == 0 else len(pieces), expand(call.constant(fill, call.dtype), shape))
        x = concatenate(pieces, axis) if len(pieces) > 1 else x
    return x


def _strided(call: Call) -> Dependence:
    """Elements by their place in memory, where that is their order."""
    if not call.described[0].is_contiguous() or call.described[0].storage_offset():
        raise NoRuleError("places in memory, of a tensor that is not contiguous")
    return _moved(call)


def _moved(call: Call) -> Dependence:
    """Any movement: the operator itself, run on the numbers of the elements, says which goes where."""
    places = [k for k, a in enumerate(call.args) if isinstance(a, Value)]
    values = [call.value(k) for k in places]
    sizes = [prod(v.shape) for v in values]
    if sum(sizes) > MOVED or prod(call.shape) > MOVED:
        raise NoRuleError("too many elements to follow one by one")
    starts = np.cumsum([0, *sizes])
    args = list(call.args)
    for k, v, start in zip(places, values, starts[:-1], strict=True):
        args[k] = torch.arange(int(start), int(start) + prod(v.shape)).reshape(v.shape)
    index = call.op(*args, **call.kwargs).numpy()
    return move(values, index)


def _scatter(call: Call) -> Dependence:
    """Values put along an axis at known places; where these depend on the data, x or any value along the axis."""
    if "reduce" in call.kwargs:  # added to what is there, or multiplied with it
        return _scatter_sum(call)
    x, index, fill = call.value(0), call.value(2), call.args[3]
    source = plain(fill) if isinstance(fill, Value) else expand(call.constant(fill, call.dtype), index.shape)
    if not index.is_constant:
        axis = axis_of(call.args[1], len(call.shape))
        one = tuple(1 if k == axis else size for k, size in enumerate(call.shape))
        if any(v.shape[:axis] + v.shape[axis + 1 :] != one[:axis] + one[axis + 1 :] for v in (index, source) if one):
            return _everything_along(call, [x, index, source])
        same = source.is_constant and source.values.shape[axis] == 1  # one number along the axis
        put = take(source, axis, [0]) if same and source.shape[axis] else mixed(source, (axis,), one)
        return choose(bounded(mixed(index, (axis,), one)), put, x)
    size = prod(x.shape)
    if size + prod(source.shape) > MOVED:
        raise NoRuleError("too many elements to follow one by one")
    numbers = torch.arange(size, size + prod(source.shape)).reshape(source.shape)
    places = torch.from_numpy(np.array(index.array))
    _demand_once(torch.zeros(x.shape).scatter_add(call.args[1], places, torch.ones(index.shape)))
    moved = torch.scatter(torch.arange(size).reshape(x.shape), call.args[1], places, numbers)
    return move([x, source], moved.numpy())


def _demand_once(written: torch.Tensor) -> None:
    """Refuse a place that is written to several times, as which value remains is not laid down."""
    if (written > 1).any():
        raise NoRuleError("a place that is written to several times")


def _scatter_sum(call: Call) -> Dependence:
    """Values added or otherwise combined along an axis."""
    return _everything_along(call, call.values())


def _everything_along(call: Call, parts: Sequence[Dependence]) -> Dependence:
    """All of the parts along one axis; along the others place by place, if they are of one size."""
    axis = axis_of(call.args[1], len(call.shape))
    if any(len(p.shape) != len(call.shape) for p in parts):
        return everything(parts, call.shape)
    others = [k for k in range(len(call.shape)) if k != axis]
    aligned = all(p.shape[k] == call.shape[k] for p in parts for k in others)
    if not aligned:
        return everything(parts, call.shape)
    spread = [mixed(p, (axis,), call.shape) for p in parts]
    return _joined(spread)


def _joined(values: Sequence[Dependence]) -> Dependence:
    """What depends on one element of each."""
    return pointwise([mixed(v, ()) for v in values], lambda *a: a[0])


def _gather(call: Call) -> Dependence:
    """x along an axis at data-dependent places: the place's index, and all of x along the axis."""
    x, axis, index = call.value(0), axis_of(call.args[1], len(call.shape)), call.value(2)
    if index.is_constant:
        if prod(x.shape) > MOVED or prod(call.shape) > MOVED:
            raise NoRuleError("too many elements to follow one by one")
        places = torch.from_numpy(np.array(index.array))
        return move([x], torch.gather(torch.arange(prod(x.shape)).reshape(x.shape), axis, places).numpy())
    others = [k for k in range(len(call.shape)) if k != axis]
    for k in others:  # the result may be shorter
        x = x if x.shape[k] == call.shape[k] else take(x, k, range(call.shape[k]))
    return _joined([index, mixed(x, (axis,), call.shape)])


def _index_select(call: Call) -> Value:
    x, index = call.args[0], call.value(2)
    axis = axis_of(call.args[1], len(x.shape))
    if index.is_constant:
        return _taken(x, axis, [range(x.shape[axis])[int(k)] for k in index.array.reshape(-1)], in_place=True)
    x = plain(x)
    shape = tuple(-1 if k == axis else 1 for k in range(len(call.shape)))
    along = reshape(index, tuple(call.shape[axis] if s == -1 else 1 for s in shape))
    return _joined([along, mixed(x, (axis,), call.shape)])


def _index(call: Call) -> Dependence:
    """x[i, :, j, …]: by known indices a movement; an axis indexed by the data is mixed."""
    x, indices = call.value(0), list(call.args[1])
    if any(i is not None and _is_mask(i) and not i.is_constant for i in indices):
        raise NoRuleError("an index by a mask that depends on the data")
    if any(i is not None and _is_mask(i) for i in indices) and not all(i is None or i.is_constant for i in indices):
        raise NoRuleError("an index by a mask, and by what depends on the data")
    given = [k for k, i in enumerate(indices) if i is not None]
    unknown_axes = [k for k in given if not indices[k].is_constant]
    if not unknown_axes:
        single = given[0] if len(given) == 1 else None
        if single is not None and len(indices[single].shape) == 1 and not _is_mask(indices[single]):
            size = x.shape[single]
            return take(x, single, [range(size)[int(k)] for k in indices[single].array], in_place=True)
        tensors = [None if i is None else torch.from_numpy(np.array(i.array)) for i in indices]
        if prod(x.shape) > MOVED or prod(call.shape) > MOVED:
            raise NoRuleError("too many elements to follow one by one")
        return move([x], call.op(torch.arange(prod(x.shape)).reshape(x.shape), tensors).numpy())
    shape = tuple(1 if k in unknown_axes else s for k, s in enumerate(x.shape))
    mixture = mixed(x, unknown_axes, shape)
    numbers = [None if i is None else np.zeros((1,) * len(i.shape), np.int64) for i in indices]
    wide = np.broadcast_shapes(*(indices[k].shape for k in given))
    for k in given:
        if k not in unknown_axes:
            numbers[k] = np.array(indices[k].array)
    tensors = [None if n is None else torch.from_numpy(np.broadcast_to(n, wide).copy()).long() for n in numbers]
    found = move([mixture], call.op(torch.arange(prod(shape)).reshape(shape), tensors).numpy())
    place = _first_index_axis(indices, given)
    chosen = []
    for k in unknown_axes:
        aligned = reshape(indices[k], (1,) * (len(wide) - len(indices[k].shape)) + indices[k].shape)
        trailing = len(call.shape) - place - len(wide)
        chosen.append(reshape(aligned, (1,) * place + aligned.shape + (1,) * trailing))
    return _joined([found, *chosen])


def _is_mask(index: Dependence) -> bool:
    return index.values.dtype == bool


def _first_index_axis(indices: Sequence[Any], given: Sequence[int]) -> int:
    """Where the axes of the indices come in the result: first, if a slice stands between two indices."""
    adjacent = list(given) == list(range(given[0], given[-1] + 1))
    return given[0] if adjacent else 0


def _embedding(call: Call) -> Dependence:
    """Rows of a table at known or data-dependent places."""
    table, index = call.value(0), call.value(1)
    row = mixed(table, (0,), (1, table.shape[1]))
    return _joined([reshape(index, (*index.shape, 1)), reshape(row, (1,) * len(index.shape) + (table.shape[1],))])


def _index_put(call: Call) -> Dependence:
    """x with values put at known places; with accumulation, or at data-dependent ones, everything."""
    x, indices, values = call.value(0), call.args[1], call.value(2)
    given = [i for i in indices if i is not None]
    if call.get(3, "accumulate", False) or not all(i.is_constant for i in given):
        raise NoRuleError("values put at places that depend on the data")
    tensors = [None if i is None else torch.from_numpy(np.array(i.array)) for i in indices]
    size = prod(x.shape)
    _demand_once(torch.ops.aten.index_put(torch.zeros(x.shape), tensors, torch.ones(values.shape), True))
    numbers = torch.arange(size, size + prod(values.shape)).reshape(values.shape)
    if size + prod(values.shape) > MOVED:
        raise NoRuleError("too many elements to follow one by one")
    return move([x, values], call.op(torch.arange(size).reshape(x.shape), tensors, numbers).numpy())


# mixing


def _reduction(neutral: float | None = None) -> Rule:
    """(x, axes, keepdim): sums, maxima, norms, of some axes or of all."""

    def rule(call: Call) -> Dependence:
        x = call.value(0)
        whole = call.get(1, "dim") == [] and call.shape == x.shape  # so an empty list is to `any` and `all`
        return _reduced(call, x, () if whole else axes_of(call.get(1, "dim"), len(x.shape)), neutral)

    return rule


def _log_sum_exp(call: Call) -> Dependence:
    """log Σ exp(x): what is beaten adds nothing to it, as e^−1000 is 0; no more is kept of the maximum's bounds."""
    x = call.value(0)
    result = reduce(x, axes_of(call.args[1], len(x.shape)), True, None, -np.inf)
    return reshape(forget(result), call.shape)


def _reduced(call: Call, x: Dependence, axes: tuple[int, ...], neutral: float | None = None) -> Dependence:
    def run(tensor: torch.Tensor) -> torch.Tensor:
        result = call.op(tensor, *call.args[1:], **call.kwargs)
        return result.reshape([1 if k in axes else s for k, s in enumerate(tensor.shape)])

    result = reduce(x, axes, True, on_values(run, [call.dtype_of(0)]), neutral)
    result = bounded(result) if call.dtype in INTEGRAL else result
    return reshape(result, call.shape)


def _reduction_along(call: Call) -> Dependence:
    """(x, …, dim, …): an operator with the axes at its second or third place, as `argmax` and `norm`."""
    x = call.value(0)
    return _reduced(call, x, axes_of(_named(call, "dim"), len(x.shape)))


def _named(call: Call, name: str, default: Any = None) -> Any:
    """An argument by the name it has in the schema."""
    names = [a.name for a in call.op._schema.arguments]
    return call.get(names.index(name), name, default) if name in names else default


def _statistics(call: Call) -> list[Dependence]:
    """Several functions of all the elements along the same axes."""
    x = call.value(0)
    result = reduce(x, axes_of(_named(call, "dim"), len(x.shape)))
    return [reshape(result, shape) for shape, _ in call.outputs]


def _extremum(pairwise: str, neutral: float) -> Rule:
    """The largest or smallest of two tensors, along an axis (with its place) or of all."""

    def rule(call: Call) -> Any:
        if call.op._overloadname == "other":
            return _elementwise(call, pairwise)
        x = call.value(0)
        if call.op._overloadname == "default":
            return _reduced(call, x, axes_of(None, len(x.shape)), neutral)
        largest = reduce(x, axes_of(_named(call, "dim"), len(x.shape)), True, None, neutral)
        return [reshape(largest, call.shape), *_spread(call, neutral)[1:]]

    return rule


def _spread(call: Call, neutral: float | None = None) -> list[Dependence]:
    """Sorts and the like: all outputs depend on all along the axis."""
    x = call.value(0)
    dim = _named(call, "dim", -1)
    if "dim" not in [a.name for a in call.op._schema.arguments]:
        return [everywhere([x], shape) for shape, _ in call.outputs]
    axis = axis_of(dim, len(x.shape))
    results = []
    for shape, dtype in call.outputs:
        full = shape if len(shape) == len(x.shape) else (*shape[:axis], 1, *shape[axis:])
        value = mixed(x, (axis,), full, neutral)
        value = bounded(value) if dtype in INTEGRAL else value
        results.append(reshape(value, shape))
    return results


def _buckets(call: Call) -> Dependence:
    """(x, boundaries): the bucket of each element, by all the boundaries."""
    if not isinstance(call.args[0], Value):
        raise NoRuleError("a number")
    x = call.value(0)
    return bounded(_joined([x, everywhere([call.value(1)], (1,) * len(x.shape))]))


def _places_in_order(call: Call) -> Dependence:
    """(sorted rows, x): the place of each element in its own row, or in the only one."""
    rows, x = call.value(0), plain(call.args[1])
    if not isinstance(x, Dependence) or call.kwargs.get("sorter") is not None:
        raise NoRuleError("a number, or an order of its own")
    last = len(rows.shape) - 1
    own = len(rows.shape) == len(x.shape) and last >= 0 and rows.shape[:-1] == x.shape[:-1]
    row = mixed(rows, (last,), (*rows.shape[:-1], 1)) if own else everywhere([rows], (1,) * len(x.shape))
    return bounded(_joined([x, row]))


def _distances(call: Call) -> Dependence:
    """(a, b, …): of all rows of the one to all rows of the other."""
    rows = [mixed(v, (len(v.shape) - 1,), (*v.shape[:-1], 1)) for v in (call.value(0), call.value(1))]
    ndim = len(rows[1].shape)
    across = permute(rows[1], [*range(ndim - 2), ndim - 1, ndim - 2])
    return _joined([rows[0], across])


def _one_of(rule: Callable[[Call], list[Dependence]]) -> Rule:
    return lambda call: rule(call)[0]


def _scan(call: Call) -> Any:
    x = call.value(0)
    axis = axis_of(call.get(1, "dim", 0), len(x.shape))
    if len(call.outputs) > 1:
        result = scan(x, axis)
        return [result, bounded(result)]
    return scan(x, axis, on_values(lambda t: call.op(t, *call.args[1:], **call.kwargs), [call.dtype_of(0)]))


def _softmax(log: bool) -> Rule:
    def rule(call: Call) -> Dependence:
        x = call.value(0)
        return softmax(x, axis_of(call.args[1], len(x.shape)), log) if len(x.shape) else mixed(x, ())

    return rule


def _matmul(call: Call) -> Dependence:
    """Vectors count as a row on the left and as a column on the right."""
    a, b = call.value(0), call.value(1)
    a = a if len(a.shape) > 1 else reshape(a, (1, *a.shape))
    b = b if len(b.shape) > 1 else reshape(b, (*b.shape, 1))
    return reshape(contract(a, b), call.shape)


def _addmm(call: Call) -> Dependence:
    product = contract(call.value(1), call.value(2))
    return _plus(call.value(0), product)


def _addmv(call: Call) -> Dependence:
    vector = call.value(2)
    product = contract(call.value(1), reshape(vector, (*vector.shape, 1)))
    return _plus(call.value(0), reshape(product, call.shape))


def _plus(a: Dependence, b: Dependence) -> Dependence:
    """A sum with factors that are not looked at, so that nothing is known of it."""
    return _joined([a, b])


def _normalised(over: Callable[[Call, Dependence], tuple[int, ...]]) -> Rule:
    """A norm: (x − mean) / deviation over some axes, then weight and bias; further outputs are the statistics."""

    def rule(call: Call) -> list[Dependence]:
        x = call.value(0)
        axes = over(call, x)
        whole = mixed(x, axes)
        extra = [v for v in call.values()[1:]]
        result = _joined([whole, *[_channels(v, x, axes) for v in extra]])
        statistics = [everywhere([x], shape) for shape, _ in call.outputs[1:]]
        return [replace(result, home=x.home), *statistics]

    return rule


def _channels(weight: Dependence, x: Dependence, axes: Sequence[int]) -> Dependence:
    """Weights and statistics: all of them for every element, which costs nothing where they are constant."""
    return everywhere([weight], (1,) * len(x.shape))


def _layer_axes(call: Call, x: Dependence) -> tuple[int, ...]:
    return tuple(range(len(x.shape) - len(call.args[1]), len(x.shape)))


def _group_norm(call: Call) -> list[Dependence]:
    """(x, weight, bias, N, C, HxW, group, eps): over the channels of a group and all places."""
    x, group = call.value(0), call.args[6]
    batch, channels = x.shape[:2]
    grouped = reshape(x, (batch, group, channels // group, *x.shape[2:]))
    whole = mixed(grouped, range(2, len(grouped.shape)))
    parts = [reshape(whole, x.shape), *[_channels(v, x, ()) for v in call.values()[1:]]]
    statistics = [everywhere([x], shape) for shape, _ in call.outputs[1:]]
    return [replace(_joined(parts), home=x.home), *statistics]


def _batch_norm_eval(call: Call) -> list[Dependence]:
    """With running statistics: every element alone."""
    x = call.value(0)
    parts = [mixed(x, ()), *[_channels(v, x, ()) for v in call.values()[1:]]]
    return [_joined(parts), *[everywhere([x], shape) for shape, _ in call.outputs[1:]]]


def _batch_norm(call: Call) -> list[Dependence]:
    """With statistics of the batch: over batch and places."""
    x = call.value(0)
    axes = [k for k in range(len(x.shape)) if k != 1]
    parts = [mixed(x, axes), *[_channels(v, x, ()) for v in call.values()[1:]]]
    rest = [everywhere(call.values(), shape) for shape, _ in call.outputs[1:]]
    return [replace(_joined(parts), home=x.home), *rest]


def _attention(call: Call) -> Any:
    """softmax(q kᵀ + mask) v, masked by `attn_mask` or, aligned at the top left, by `is_causal`."""
    query, key, value = (call.value(k) for k in range(3))
    mask, causal = plain(_named(call, "attn_mask")), _named(call, "is_causal", False)
    if _named(call, "enable_gqa", False):
        key, value = (repeated_heads(t, query.shape[-3]) for t in (key, value))
    described: Any = call.described.get("attn_mask", call.described.get(3))
    boolean = mask is not None and described.dtype == torch.bool
    rows, columns = query.shape[-2], key.shape[-2]
    allowed = np.tri(rows, columns, dtype=bool) if causal else None
    size = None if mask is None or boolean or call.suppose is None else _mask_value(mask)
    if size is None and (mask is None or mask.is_constant) and all(map(_finite, (query, key, value))):
        kept = np.ones((1, 1), bool) if allowed is None else allowed
        if mask is not None and (boolean or (not np.isnan(mask.values).any() and not np.isposinf(mask.values).any())):
            return attention(query, key, value, kept & (mask.values if boolean else mask.values != -np.inf))
        if mask is None:
            return attention(query, key, value, kept)
    scores = contract(query, permute(key, [*range(len(key.shape) - 2), len(key.shape) - 1, len(key.shape) - 2]))
    minus = call.constant(-np.inf)
    if size is not None and call.suppose is not None:
        scores = call.suppose(scores, -size / SHORT, None)
    if allowed is not None:
        scores = choose(call.constant(allowed), scores, minus)
    if mask is not None:
        scores = choose(mask, scores, minus) if boolean else pointwise([scores, mask], np.add, "sum")
    return contract(softmax(scores, len(scores.shape) - 1), value)


def repeated_heads(x: Dependence, heads: int) -> Dependence:
    """Each head of keys or of values as often as there are heads of queries for one."""
    count = x.shape[-3]
    return take(x, len(x.shape) - 3, np.repeat(np.arange(count), heads // count))


def _recurrent(call: Call) -> list[Dependence]:
    """lstm, gru, rnn (input, state, weights, biases, layers, dropout, train, bidirectional, batch_first)."""
    if call.op._overloadname != "input":
        raise NoRuleError("packed sequences")
    x = call.value(0)
    states = [plain(s) for s in (call.args[1] if isinstance(call.args[1], list | tuple) else [call.args[1]])]
    weights = [plain(w) for w in call.args[2]]
    bidirectional, batch_first = call.args[7], call.args[8]
    time = 1 if batch_first and len(x.shape) == 3 else 0
    channel = len(x.shape) - 1
    shape = call.outputs[0][0]
    wide = mixed(x, (channel,), (*shape[:-1], 1))
    start = everywhere([*states, *weights], (1,) * len(shape))
    run = mixed(wide, (time,)) if bidirectional else scan(wide, time)
    output = expand(_joined([run, start]), shape)
    last = [everywhere([output], s) for s, _ in call.outputs[1:]]
    return [replace(output, home=x.home), *last]


def _convolution(call: Call) -> Dependence:
    """(x, w, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    x, w, bias, stride, padding, dilation, transposed, _, groups = call.args
    x, w = plain(x), plain(w)
    batched = len(x.shape) == len(w.shape)
    value = x if batched else reshape(x, (1, *x.shape))
    dims = len(w.shape) - 2
    channels, out = value.shape[1], call.shape[1] if batched else call.shape[0]
    grouped = reshape(value, (value.shape[0], groups, channels // groups, *value.shape[2:]))
    value = mixed(grouped, (2,), (value.shape[0], groups, 1, *value.shape[2:]))
    zero = w.known & (w.values == 0)
    if not _finite(w) or not _finite(x):
        zero = np.zeros_like(zero)
    for k in range(dims):
        others = tuple(axis for axis in range(len(w.shape)) if axis != k + 2)
        empty = np.broadcast_to(zero.all(axis=others), (w.shape[k + 2],))
        step, pad, gap = (s[k] if len(s) > 1 else s[0] for s in (stride, padding, dilation))
        taps = [t * gap - pad for t in range(w.shape[k + 2]) if not empty[t]]
        size = call.shape[k + (2 if batched else 1)]
        if transposed:  # y[s · stride + t · gap − pad] takes x[s]
            value = window(value, k + 3, [-tap for tap in taps], size, 1, step)
        else:
            value = window(value, k + 3, taps, size, step, 1)
    wide = expand(value, (value.shape[0], groups, out // groups, *value.shape[3:]))
    result = reshape(wide, (value.shape[0], out, *value.shape[3:]))
    weights = [everywhere([t], (1,) * len(result.shape)) for t in (w, plain(bias)) if t is not None]
    result = replace(_joined([result, *weights]), home=result.home)
    return result if batched else reshape(result, call.shape)


def _pool(call: Call) -> Any:
    """Windows of the last axes: (x, kernel, stride, padding, dilation or others)."""
    x = call.value(0)

    def argument(name: str, default: Any) -> Any:
        given = _named(call, name, default)
        return default if given is None or given == [] else given

    kernel = argument("kernel_size", None)
    kernel = [kernel] if isinstance(kernel, int) else list(kernel)
    dims = len(kernel)

    def sizes(name: str, default: Any) -> list[int]:
        given = argument(name, default)
        given = [given] if isinstance(given, int) else list(given)
        return given * dims if len(given) == 1 else given

    stride, padding, dilation = sizes("stride", kernel), sizes("padding", 0), sizes("dilation", 1)
    kernel = kernel * dims if len(kernel) == 1 else kernel
    value = x
    for k in range(dims):
        axis = len(x.shape) - dims + k
        taps = [t * dilation[k] - padding[k] for t in range(kernel[k])]
        value = window(value, axis, taps, call.shape[axis], stride[k])
    if len(call.outputs) == 1:
        return value
    return [value, *[bounded(value) for _ in call.outputs[1:]]]


# transforms


def _finite(x: Value) -> bool:
    signal = x.signal if isinstance(x, Spectrum) else x
    return signal.infinite == FINITE and bool(np.isfinite(signal.values).all())


def _real_transform(call: Call) -> Value:
    """(x real, axes, norm, onesided)."""
    x, axes = call.value(0), [axis_of(a, len(call.shape)) for a in call.args[1]]
    if not _finite(x):
        return mixed(x, axes, call.shape)
    half = call.args[3]
    if len(axes) > 1:
        return mixed(x, axes, call.shape)
    return transform(x, axes[0], half)


def _complex_transform(call: Call) -> Value:
    """(x, axes, norm, forward)."""
    x, axes, forward = call.args[0], [axis_of(a, len(call.shape)) for a in call.args[1]], call.args[3]
    if not _finite(x):
        return mixed(plain(x), axes, call.shape)
    for axis in axes:
        if isinstance(x, Spectrum):
            if x.half or x.order:
                x = collapse(x)
            elif axis == x.axis:
                x = inverse(reverse(x) if forward else x)
                continue
            else:
                x = replace(x, signal=mixed(x.signal, (axis,)))
                continue
        spectrum = transform(x, axis)
        x = spectrum if forward else reverse(spectrum)
    return x


def _to_real_transform(call: Call) -> Dependence:
    """(x half a spectrum, axes, norm, length)."""
    x, axes, length = call.args[0], [axis_of(a, len(call.shape)) for a in call.args[1]], call.args[3]
    if isinstance(x, Spectrum) and x.half and axes == [x.axis] and length == x.length and _finite(x):
        return inverse(x)
    return mixed(plain(x), axes, call.shape)


def _monarch_fourier(call: Call) -> Value:
    """(x, radices, rows, adjoint) along axis 0: zeros follow the rows; frequencies in the order of the stages."""
    x, radices, rows, adjoint = call.args
    size = prod(radices)
    if not adjoint:
        x = plain(x)
        if not _finite(x):
            return mixed(x, (0,), call.shape)
        rest = size - x.shape[0]
        zeros = expand(constant(x.lattice, np.zeros(())), (rest, *x.shape[1:]))
        return transform(concatenate([x, zeros], 0) if rest else x, 0, False, tuple(radices))
    if isinstance(x, Spectrum) and x.axis == 0 and x.order == tuple(radices) and not x.half and x.length == size:
        return take(inverse(x), 0, range(size // radices[0] * rows))
    return mixed(plain(x), (0,), call.shape)


def _monarch_multiply(call: Call) -> list[Dependence]:
    """(x, factors, convention, batch_first, keep): direct sums of Monarch products along the axis of inputs."""
    x, factors, _, batch_first, _ = call.args
    x, factors = plain(x), [plain(f) for f in factors]
    axis = 2 if batch_first else 1
    weights = everywhere(factors, (1, 1, 1))
    result = _joined([mixed(x, (axis,), call.shape), weights])
    states = [everywhere([x, *factors], shape) for shape, _ in call.outputs[1:]]
    return [replace(result, home=None), *states]


# what is made from shapes alone, or at random


def _alone(call: Call) -> Dependence:
    """zeros_like and the like: the operator run on a tensor of that shape."""
    like = call.described[0]
    given = (
        torch.zeros(1, dtype=like.dtype).expand(like.shape) if len(like.shape) else torch.zeros((), dtype=like.dtype)
    )
    return call.constant(call.op(given, *call.args[1:], **call.kwargs))


def _free(call: Call) -> Any:
    """Uninitialised or random: no dependence, any value."""
    made = [unknown(call.lattice, shape) for shape, _ in call.outputs]
    return made[0] if len(made) == 1 else made


def _normal(call: Call) -> Any:
    """Random about a mean and with a deviation, which may be tensors: it depends on what these depend on."""
    given = call.values()
    return expand(_joined(given), call.shape) if given else _free(call)


def _like(call: Call) -> Any:
    """Random in the shape of the first tensor, of which no more counts; within a bound that may be a tensor."""
    bounds = call.values()[1:]
    return everywhere(bounds, call.shape) if bounds else _free(call)


def _dropout(call: Call) -> list[Dependence]:
    x = call.value(0)
    return [mixed(x, ()), unknown(call.lattice, x.shape)]


def _fill(call: Call) -> Dependence:
    return expand(_cast(call, 1) if len(call.args) > 1 else call.constant(0, call.dtype), call.shape)


TAMED = ("exp", "exp2", "expm1", "sigmoid", "tanh", "erf", "relu", "hardsigmoid", "atan")
"""Functions that are finite at −∞."""

POINTWISE = (
    "softplus",     "abs", "acos", "acosh", "addcdiv", "addcmul", "angle", "asin", "asinh", "atan2", "atanh",
    "bitwise_left_shift", "bitwise_not", "bitwise_right_shift", "bitwise_xor", "ceil", "celu", "clamp", "clamp_max",
    "clamp_min", "complex", "copysign", "cos", "cosh", "deg2rad", "digamma", "elu", "eq", "erfc", "erfinv",
    "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "gcd", "ge",
    "gelu", "gt", "hardshrink", "hardswish", "hardtanh", "heaviside", "hypot", "i0", "igamma",
    "igammac", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "lcm", "ldexp", "le", "leaky_relu", "lerp",
    "lgamma", "log", "log10", "log1p", "log2", "log_sigmoid_forward", "logaddexp", "logaddexp2", "logical_not",
    "logical_xor", "logit", "lt", "mish", "mvlgamma", "nan_to_num", "ne", "nextafter", "polar", "polygamma",
    "positive", "pow", "rad2deg", "reciprocal", "relu6", "remainder", "round", "rsqrt", "selu", "sgn",
    "sign", "signbit", "silu", "sin", "sinc", "sinh", "softshrink", "special_bessel_j0",
    "special_bessel_j1", "special_entr", "special_erfcx", "special_i0e", "special_i1", "special_i1e",
    "special_log_ndtr", "special_ndtri", "special_xlog1py", "sqrt", "square", "tan", "threshold", "trunc",
    "xlogy", "rsub", "real", "imag",
)  # fmt: skip

RULES: dict[str, Rule] = {
    **{name: elementwise() for name in POINTWISE},
    **{name: elementwise("tamed") for name in TAMED},
    **{name: _in_range(-1.0, 1.0) for name in ("tanh", "erf")},
    **{name: _in_range(0.0, 1.0) for name in ("sigmoid", "hardsigmoid")},
    **{name: _in_range(-1.0, 1.0, "") for name in ("sin", "cos")},
    "clamp": _clamp,
    "mul": _product,
    "div": _quotient,
    "true_divide": _quotient,
    "add": _sum_of_spectra("sum"),
    "sub": _sum_of_spectra("difference"),
    "bitwise_and": elementwise("and"),
    "logical_and": elementwise("and"),
    "bitwise_or": elementwise("or"),
    "logical_or": elementwise("or"),
    "minimum": elementwise("minimum"),
    "maximum": elementwise("maximum"),
    "neg": _negative,
    "where": _where,
    "masked_fill": _masked_fill,
    "_conj": _conjugate,
    "_conj_physical": _conjugate,
    "conj_physical": _conjugate,
    "view_as_real": _as_real,
    "view_as_complex": _as_complex,
    # copies and casts
    "clone": _same,
    "alias": _same,
    "detach": _same,
    "contiguous": _same,
    "_to_copy": _same,
    "to": _same,
    "lift_fresh_copy": _same,
    "resolve_conj": _same,
    "resolve_neg": _same,
    "copy": _copy,
    # movement
    "view": _view,
    "_unsafe_view": _view,
    "reshape": _view,
    "squeeze": _view,
    "unsqueeze": _view,
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "expand": _expand,
    "select": _select,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "unbind": _unbind,
    "flip": _flip,
    "roll": _roll,
    "cat": _cat,
    "constant_pad_nd": _pad,
    "gather": _gather,
    "index_select": _index_select,
    "index": _index,
    "_unsafe_index": _index,
    "embedding": _embedding,
    "index_put": _index_put,
    "_unsafe_index_put": _index_put,
    "as_strided": _strided,
    "repeat": _repeat,
    "scatter": _scatter,
    "scatter_add": _scatter_sum,
    "scatter_reduce": _scatter_sum,
    **{
        name: _moved
        for name in (
            "unfold",
            "diagonal",
            "select_scatter",
            "slice_scatter",
            "diagonal_scatter",
        )
    },
    # mixing
    **{name: _reduction() for name in ("sum", "mean", "prod", "any", "all", "nansum", "count_nonzero")},
    "amax": _reduction(-np.inf),
    "amin": _reduction(np.inf),
    "logsumexp": _log_sum_exp,
    "argmax": _reduction(),
    "argmin": _reduction(),
    "var": _reduction_along,
    "std": _reduction_along,
    "linalg_vector_norm": _reduction_along,
    "var_mean": _statistics,
    "max": _extremum("maximum", -np.inf),
    "min": _extremum("minimum", np.inf),
    "sort": _spread,
    "topk": _spread,
    "kthvalue": _spread,
    "median": _spread,
    "mode": _spread,
    "argsort": _one_of(_spread),
    "bucketize": _buckets,
    "searchsorted": _places_in_order,
    "_cdist_forward": _distances,
    "cumsum": _scan,
    "cumprod": _scan,
    "logcumsumexp": _scan,
    "cummax": _scan,
    "cummin": _scan,
    "_softmax": _softmax(False),
    "_safe_softmax": _softmax(False),
    "_log_softmax": _softmax(True),
    "mm": _matmul,
    "bmm": _matmul,
    "matmul": _matmul,
    "mv": _matmul,
    "dot": _matmul,
    "addmm": _addmm,
    "baddbmm": _addmm,
    "addmv": _addmv,
    "native_layer_norm": _normalised(_layer_axes),
    "native_group_norm": _group_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_eval,
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_functional": _batch_norm,
    "scaled_dot_product_attention": _attention,
    "lstm": _recurrent,
    "gru": _recurrent,
    "rnn_tanh": _recurrent,
    "rnn_relu": _recurrent,
    "convolution": _convolution,
    "avg_pool1d": _pool,
    "avg_pool2d": _pool,
    "max_pool2d_with_indices": _pool,
    # transforms
    "_fft_r2c": _real_transform,
    "_fft_c2c": _complex_transform,
    "_fft_c2r": _to_real_transform,
    "monarch::fourier": _monarch_fourier,
    "monarch::multiply": _monarch_multiply,
    # from shapes
    **{name: _alone for name in ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")},
    "fill": _fill,
    "zero": _fill,
    **{
        name: _free
        for name in ("empty_like", "new_empty", "new_empty_strided", "empty", "empty_strided", "empty_permuted")
    },
    **{name: _free for name in ("rand", "randn", "randint", "randperm", "rand_like", "randn_like")},
    "randint_like": _like,
    "bernoulli": _normal,
    "normal": _normal,
    "native_dropout": _dropout,
}

RANDOM = {
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli",
    "native_dropout", "multinomial", "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided",
    "uniform", "rrelu_with_noise", "dropout",
}  # fmt: skip
"""Never run on known values: each run gives others."""
