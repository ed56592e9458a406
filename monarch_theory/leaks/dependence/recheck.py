"""Check a certificate of causality step by step, by rules written here a second time, to be read in an hour.

A value of the certificate is a tensor's shape and, for every element, the latest input position it may depend on (`D`,
−1 for none), whether it is known to be a constant (`K`) and which (`V`), all broadcastable to the shape; and
`infinite`, what its other elements may be: finite (0), finite or −∞ (1), anything (2). Each value is *given* (a
constant, a weight, an input) or the result of one step before it is used. A step is right if its result claims no less
than its rule gives: D at least as large, K no more, no less infinite.

On trust are: that the steps are those of the model's graph; the numbers that PyTorch computed from constants alone;
that integers and booleans are finite, and so a function that is called tamed where its argument is −∞; and that one
which is said to lie within −1 … 1, as tanh, does (`ranged`). A number that a rule itself gives (a product with 0, a sum
with −∞, the softmax of −∞, whatever is moved) is checked.

A certificate of the third format may say, too, what comes first of all that an output depends on: then every step is
checked a second time with the positions counted from the end (`reversed`), as no rule but that for inputs knows which
way they are counted. And it may hold under conditions, which its claim names: the step `suppose` takes for granted
that the elements of a tensor are finite and within ±size. Then values have bounds as well (`B`, the least and the most
of each element), and an element that another of its row exceeds by `GAP` and a sixteenth of both has the weight 0 in a
softmax, as e^−1000 is 0 in every floating-point format. That a tensor's numbers are of the format whose largest one a
step `of_format` names is on trust, as the graph is.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CertificateError", "conditions", "recheck", "recheck_file"]

FORMAT = "monarch dependence certificate 2"
LATER = "monarch dependence certificate 3"
NOTHING = -1
GAP = 1000.0
NAMED = 300
LARGEST = ((2 - 2.0**-7) * 2.0**127, (2 - 2.0**-23) * 2.0**127, (2 - 2.0**-52) * 2.0**1023)
"""The largest numbers of bfloat16 and of the formats of 32 and 64 bits."""


class CertificateError(Exception):
    """The certificate proves nothing; the message says which step is wrong."""


@dataclass
class Value:
    """One tensor's claim; see the module."""

    shape: tuple[int, ...]
    D: np.ndarray
    K: np.ndarray
    V: np.ndarray
    infinite: int = 0
    B: np.ndarray | None = None
    forced: np.ndarray | None = None
    number: float = 0.0


@dataclass
class Spectrum:
    """A transform along an axis, as the signal it is of."""

    signal: Value
    axis: int


def demand(condition: Any, message: str) -> None:
    if not bool(condition):
        raise CertificateError(message)


def array(packed: dict[str, Any]) -> np.ndarray:
    data = zlib.decompress(base64.b64decode(packed["data"]))
    return np.frombuffer(data, np.dtype(packed["dtype"])).reshape(packed["shape"])


def fits(a: np.ndarray, shape: Sequence[int]) -> bool:
    return a.ndim == len(shape) and all(s in (1, size) for s, size in zip(a.shape, shape, strict=True))


def loaded(entry: dict[str, Any], terms_of: str) -> Value:
    shape = tuple(entry["shape"])
    known, values = array(entry["known"]), array(entry["values"])
    terms = [array(t) for t in entry[terms_of]]
    demand(all(fits(a, shape) for a in (known, values, *terms)), f"an array that does not fit {shape}")
    demand(known.dtype == bool, "known elements that are no booleans")
    bounds = array(entry["bounds"]) if "bounds" in entry else None
    if bounds is not None:
        demand(bounds.shape[-1:] == (2,) and fits(bounds[..., 0], shape), f"bounds that do not fit {shape}")
    latest = np.full((1,) * len(shape), NOTHING, np.int32)
    for term in terms:
        latest = np.maximum(latest, term)
    return Value(shape, np.where(known, NOTHING, latest), known, values, entry["infinite"], bounds)


def full(a: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return np.broadcast_to(a, shape)


def lifted(v: Value, ndim: int) -> Value:
    def lift(a: np.ndarray) -> np.ndarray:
        return a.reshape((1,) * (ndim - a.ndim) + a.shape)

    B = None if v.B is None else v.B.reshape((1,) * (ndim + 1 - v.B.ndim) + v.B.shape)
    return Value((1,) * (ndim - len(v.shape)) + v.shape, lift(v.D), lift(v.K), lift(v.V), v.infinite, B)


def unknown(shape: Sequence[int], latest: int | np.ndarray = NOTHING, infinite: int = 0) -> Value:
    ones = np.zeros((1,) * len(shape))
    D = latest if isinstance(latest, np.ndarray) else np.full(ones.shape, latest, np.int32)
    return Value(tuple(shape), D, ones.astype(bool), ones, infinite)


def nonfinite(v: Value) -> np.ndarray:
    """Known elements that are infinite or NaN."""
    return v.K & ~np.isfinite(v.V) if v.V.dtype.kind in "fc" else v.K & False


def level(*values: Value) -> int:
    """What a function of all the elements may be: anything, if a known infinity comes in."""
    return max(2 if nonfinite(v).any() else v.infinite for v in values)


def limits(v: Value) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of each element."""
    ones = np.full((1,) * len(v.shape), np.inf)
    least, most = (-ones, ones) if v.B is None else (v.B[..., 0], v.B[..., 1])
    if not v.V.size or v.V.dtype.kind not in "fiu":
        return least, most
    known, number = v.K & (v.V == v.V), v.V.astype(float)
    return np.where(known, number, least), np.where(known, number, most)


def within(v: Value, least: np.ndarray, most: np.ndarray) -> Value:
    """The value with bounds; of infinity less itself nothing is said."""
    least, most = np.where(least == least, least, -np.inf), np.where(most == most, most, np.inf)
    v.B = np.stack(np.broadcast_arrays(least, most), -1)
    return v


def beaten(v: Value, axes: Sequence[int]) -> np.ndarray:
    """Elements that another along the axes certainly exceeds by so much that their weight is 0."""
    if v.B is None or v.infinite == 2 or 0 in v.shape or (nonfinite(v) & ~np.equal(v.V, -np.inf)).any():
        return v.K & False
    least, most = limits(v)
    top = over(least, axes, np.maximum)
    with np.errstate(invalid="ignore", over="ignore"):
        return top - most >= GAP + abs(top) / 16 + abs(most) / 16


def over(a: np.ndarray, axes: Sequence[int], function: np.ufunc) -> np.ndarray:
    return function.reduce(a, axis=tuple(axes), keepdims=True) if a.size else np.full([1] * a.ndim, NOTHING)


# Each rule: from its arguments to the value it gives. Numbers that it leaves to PyTorch are an empty V; those that it
# forces by itself are `number`, where `forced`.


def pointwise(operands: Sequence[Value], evaluate: Any, absorbing: str, bounded: bool) -> Value:
    shape = np.broadcast_shapes(*(o.shape for o in operands))
    operands = [lifted(o, len(shape)) for o in operands]
    D = operands[0].D
    for o in operands[1:]:
        D = np.maximum(D, o.D)
    all_known = operands[0].K
    for o in operands[1:]:
        all_known = all_known & o.K
    K, forced = all_known, all_known & False
    for index, o in enumerate(operands):
        alone = decisive(o, absorbing, index)
        for other in (p for k, p in enumerate(operands) if k != index):
            if other.infinite > {"sum": 1, "minimum": 1, "and": 2, "or": 2}.get(absorbing, 0):
                alone = alone & other.K
            if absorbing in ("minimum", "maximum"):
                alone = alone & ~(other.K & (other.V != other.V))
        K, forced = K | alone, forced | (alone & ~all_known)
    infinite = max(o.infinite for o in operands)
    if infinite == 1 and absorbing == "tamed":
        infinite = 0
    if infinite and absorbing not in ("sum", "minimum", "copy"):
        infinite = 2
    if any((nonfinite(o) & ~K).any() for o in operands):
        infinite = 2
    number = {"sum": -np.inf, "minimum": -np.inf, "maximum": np.inf, "or": 1.0}.get(absorbing, 0.0)
    if absorbing in ("difference", "combination"):
        forced = forced & False  # the sign is left to PyTorch
    infinite = 0 if bounded else infinite
    result = Value(shape, np.where(K, NOTHING, D), K, np.zeros(0), infinite, None, forced, number)
    return result if all(o.B is None for o in operands) else between(result, operands, absorbing)


def between(result: Value, operands: Sequence[Value], absorbing: str) -> Value:
    """The bounds of a sum, a difference, a product, a quotient, a minimum, a maximum or a copy; of others none."""
    least, most = zip(*map(limits, operands), strict=True)
    if absorbing == "copy":
        return within(result, *least, *most)
    if absorbing not in ("sum", "difference", "product", "quotient", "minimum", "maximum") or len(operands) != 2:
        return result
    if absorbing in ("product", "quotient"):
        return within(result, *outward(*corners(absorbing, *zip(least, most, strict=True))))
    if absorbing == "difference":
        (a, c), (b, d) = least, most
        least, most = (a, -d), (b, -c)
    with np.errstate(invalid="ignore", over="ignore"):
        if absorbing in ("sum", "difference"):
            return within(result, *outward(np.add(*least), np.add(*most)))
        join = np.minimum if absorbing == "minimum" else np.maximum
        return within(result, join(*least), join(*most))


def outward(least: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One step further, as both are rounded."""
    return np.nextafter(least, -np.inf), np.nextafter(most, np.inf)


def corners(kind: str, a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The least and the most of a product, or of a quotient by what keeps its sign, which are at ends of both."""
    with np.errstate(all="ignore"):
        found = np.broadcast_arrays(*(x * y if kind == "product" else x / y for x in a for y in b))
        wrong = kind == "quotient" and (b[0] <= 0) & (b[1] >= 0)
        return [np.where(wrong, np.nan, each.reduce(found)) for each in (np.minimum, np.maximum)]


def decisive(o: Value, absorbing: str, index: int) -> np.ndarray:
    """Where a known element decides the result alone."""
    if absorbing in ("product", "and") or (absorbing == "quotient" and index == 0):
        return o.K & (o.V == 0)
    if absorbing == "or":
        return o.K & (o.V != 0 if o.V.dtype == bool else o.V == -1)
    if o.V.dtype.kind == "f" and absorbing in ("sum", "minimum"):
        return o.K & np.isneginf(o.V)
    if o.V.dtype.kind == "f" and absorbing in ("difference", "combination", "maximum"):
        return o.K & (np.isposinf(o.V) if absorbing == "maximum" else np.isinf(o.V))
    return o.K & False


def choose(condition: Value, yes: Value, no: Value) -> Value:
    shape = np.broadcast_shapes(condition.shape, yes.shape, no.shape)
    c, y, n = (lifted(v, len(shape)) for v in (condition, yes, no))
    holds = c.V != 0
    takes_yes, takes_no = c.K & holds, c.K & ~holds
    either = np.maximum(np.maximum(y.D, n.D), c.D)
    D = np.where(takes_yes, y.D, np.where(takes_no, n.D, either))
    K = (takes_yes & y.K) | (takes_no & n.K)
    infinite = max(y.infinite if (~takes_no).any() else 0, n.infinite if (~takes_yes).any() else 0)
    for side in (y, n):
        bad = nonfinite(side) & ~c.K
        if bad.any():
            only_minus = side.V.dtype.kind == "f" and not (bad & ~np.isneginf(side.V)).any()
            infinite = max(infinite, 1 if only_minus else 2)
    result = Value(shape, np.where(K, NOTHING, D), K, np.where(holds, y.V, n.V), infinite)
    if y.B is None and n.B is None:
        return result
    (a, b), (e, f) = limits(y), limits(n)
    least = np.where(takes_yes, a, np.where(takes_no, e, np.minimum(a, e)))
    return within(result, least, np.where(takes_yes, b, np.where(takes_no, f, np.maximum(b, f))))


def suppose(value: Value, size: float, where: str) -> Value:
    ones = np.full((1,) * len(value.shape), size)
    result = within(Value(value.shape, value.D, value.K, value.V), -ones, ones)
    return within(result, *limits(result))


def ranged(value: Value, least: float, most: float) -> Value:
    demand(-1 <= least <= most <= 1, f"ranged: expected ends within -1 … 1, got {least} and {most}")
    ones = np.ones((1,) * len(value.shape))
    result = within(Value(value.shape, value.D, value.K, value.V, value.infinite), ones * least, ones * most)
    return within(result, *limits(result))


def of_format(value: Value, largest: float) -> Value:
    demand(largest in LARGEST, f"of_format: expected the largest number of a format, got {largest}")
    if value.infinite:
        return value
    ones = np.full((1,) * len(value.shape), largest)
    result = within(Value(value.shape, value.D, value.K, value.V), -ones, ones)
    return within(result, *limits(result))


def reduce(value: Value, axes: Sequence[int], keepdims: bool, evaluate: Any, neutral: float | None) -> Value:
    K: np.ndarray = np.logical_and.reduce(value.K, axis=tuple(axes), keepdims=True)
    K = K if 0 not in value.shape else np.zeros_like(K)
    bad = nonfinite(value) & ~K
    if neutral is not None:
        bad = bad & ~np.equal(value.V, neutral)
    infinite = 2 if bad.any() or (evaluate is None and (nonfinite(value) & K).any()) else value.infinite
    shape = tuple(1 if k in axes else s for k, s in enumerate(value.shape))
    D = over(dropped(value, axes, neutral), axes, np.maximum)
    result = Value(shape, D, K, np.zeros(0), infinite)
    if neutral == -np.inf and value.B is not None and 0 not in value.shape:  # a maximum
        result = within(result, *(over(each, axes, np.maximum) for each in limits(value)))
    return result if keepdims else reshape(result, [s for k, s in enumerate(value.shape) if k not in axes])


def dropped(value: Value, axes: Sequence[int], neutral: float | None) -> np.ndarray:
    """D without the elements that cannot be the maximum, where it is one."""
    return np.where(beaten(value, axes), NOTHING, value.D) if neutral == -np.inf else value.D


def mixed(value: Value, axes: Sequence[int], shape: Sequence[int] | None, neutral: float | None) -> Value:
    bad = nonfinite(value)
    if neutral is not None:
        bad = bad & (~np.equal(value.V, neutral) | value.K.all(axis=tuple(axes), keepdims=True))
    D = over(dropped(value, axes, neutral), axes, np.maximum)
    return unknown(value.shape if shape is None else shape, D, 2 if bad.any() else value.infinite)


def everything(values: Sequence[Value], shape: Sequence[int], finite: bool) -> Value:
    return unknown(shape, max(int(v.D.max(initial=NOTHING)) for v in values), level(*values) if finite else 2)


def scan(value: Value, axis: int, evaluate: Any) -> Value:
    wide = [s if k == axis else size for k, (s, size) in enumerate(zip(value.shape, value.D.shape, strict=True))]
    D = np.maximum.accumulate(np.broadcast_to(value.D, wide), axis=axis)
    wide_known = [s if k == axis else size for k, (s, size) in enumerate(zip(value.shape, value.K.shape, strict=True))]
    K = np.logical_and.accumulate(np.broadcast_to(value.K, wide_known), axis=axis)
    return Value(value.shape, D, K, np.zeros(0), level(value))


def softmax(value: Value, axis: int, log: bool) -> Value:
    floating = value.V.dtype.kind == "f"
    minus = value.K & (np.isneginf(value.V) if floating else False)
    other = value.K & ((np.isnan(value.V) | np.isposinf(value.V)) if floating else False)
    whole = minus.all(axis=axis, keepdims=True)
    low = value.K & False if log else beaten(value, [axis])
    K = (minus & ~whole & (not other.any())) | low
    D = np.where(K, NOTHING, over(np.where(low, NOTHING, value.D), [axis], np.maximum))
    zero = np.full((1,) * len(value.shape), -np.inf if log else 0.0)
    return Value(value.shape, D, K, zero, 2 if other.any() or whole.any() else 0)


def attention(query: Value, key: Value, value: Value, kept: np.ndarray) -> Value:
    ndim = max(len(query.shape), len(key.shape), len(value.shape), kept.ndim)
    query, key, value = (lifted(v, ndim) for v in (query, key, value))
    demand(max(level(v) for v in (query, key, value)) == 0, "attention: operands that may be infinite")
    kept = kept.reshape((1,) * (ndim - kept.ndim) + kept.shape)
    memory = np.maximum(over(key.D, [ndim - 1], np.maximum), value.D.max(axis=-1, keepdims=True))  # (…, s, 1)
    memory = np.swapaxes(memory, -1, -2)  # (…, 1, s)
    seen = np.where(kept, memory, NOTHING).max(axis=-1, keepdims=True)  # (…, m, 1)
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2], kept.shape[:-2])
    D = np.maximum(seen, over(query.D, [ndim - 1], np.maximum))
    return unknown((*lead, query.shape[-2], value.shape[-1]), D, 0 if kept.any(axis=-1).all() else 2)


def window(value: Value, axis: int, taps: Sequence[int], size: int, step: int, spread: int) -> Value:
    n = value.shape[axis]
    wide = [n if k == axis else s for k, s in enumerate(value.D.shape)]
    before = np.moveaxis(np.broadcast_to(value.D, wide), axis, 0)
    after = np.full((size, *before.shape[1:]), NOTHING, np.int32)
    for t in range(size):
        for tap in taps:
            s, remainder = divmod(t * step + tap, spread)
            if remainder == 0 and 0 <= s < n:
                after[t] = np.maximum(after[t], before[s])
    shape = tuple(size if k == axis else s for k, s in enumerate(value.shape))
    return unknown(shape, np.moveaxis(after, 0, axis), level(value))


def moved(value: Value, shape: Sequence[int], move: Callable[[np.ndarray], np.ndarray]) -> Value:
    D, K = (move(full(a, value.shape)) for a in (value.D, value.K))
    V = move(full(value.V, value.shape)) if value.V.size else value.V  # left to PyTorch
    return Value(tuple(shape), D, K, V, value.infinite, bounds_moved(value, move))


def bounds_moved(value: Value, move: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
    if value.B is None:
        return None
    return np.stack([move(full(value.B[..., k], value.shape)) for k in range(2)], -1)


def permute(value: Value, order: Sequence[int]) -> Value:
    a, b, c = (x.transpose(order) for x in (value.D, value.K, value.V))
    B = None if value.B is None else value.B.transpose([*order, len(order)])
    return Value(tuple(value.shape[k] for k in order), a, b, c, value.infinite, B)


def expand(value: Value, shape: Sequence[int]) -> Value:
    v = lifted(value, len(shape))
    return Value(tuple(shape), v.D, v.K, v.V, v.infinite, v.B)


def reshape(value: Value, shape: Sequence[int]) -> Value:
    if prod(shape) == 0 or prod(value.shape) == 0:
        return unknown(shape)
    return moved(value, shape, lambda a: a.reshape(shape))


def broadcast(value: Value, ndim: int) -> Value:
    return lifted(value, ndim)


def take(value: Value, axis: int, indices: Any, in_place: bool) -> Value:
    places = np.asarray(indices, np.int64).reshape(-1)
    shape = tuple(len(places) if k == axis else s for k, s in enumerate(value.shape))
    return unknown(shape) if prod(shape) == 0 else moved(value, shape, lambda a: a.take(places, axis))


def concatenate(values: Sequence[Value], axis: int) -> Value:
    values = [v for v in values if v.shape[axis]] or [values[0]]
    shape = tuple(sum(v.shape[axis] for v in values) if k == axis else s for k, s in enumerate(values[0].shape))
    D, K, V = (np.concatenate([full(getattr(v, name), v.shape) for v in values], axis) for name in "DKV")
    B = None
    if any(v.B is not None for v in values):
        B = np.stack([np.concatenate([full(limits(v)[k], v.shape) for v in values], axis) for k in range(2)], -1)
    return Value(shape, D, K, V, max(v.infinite for v in values), B)


def move(values: Sequence[Value], index: np.ndarray) -> Value:
    D, K, V = (np.concatenate([full(getattr(v, name), v.shape).reshape(-1) for v in values])[index] for name in "DKV")
    B = None
    if any(v.B is not None for v in values):
        flat = [np.concatenate([full(limits(v)[k], v.shape).reshape(-1) for v in values]) for k in range(2)]
        B = np.stack([each[index] for each in flat], -1)
    return Value(index.shape, D, K, V, max(v.infinite for v in values), B)


def zeros_only(value: Value) -> Value:
    return Value(value.shape, value.D, value.K & (value.V == 0), np.zeros((1,) * len(value.shape)), level(value))


def forget(value: Value) -> Value:
    return unknown(value.shape, value.D, level(value))


def bounded(value: Value) -> Value:
    return Value(value.shape, value.D, value.K, value.V, 0)


def transform(signal: Value, axis: int, half: bool, order: Any) -> Spectrum:
    demand(level(signal) == 0, "transform: a signal that may be infinite")
    return Spectrum(signal, axis)


def inverse(spectrum: Spectrum) -> Value:
    return zeros_only(spectrum.signal)


def collapse(spectrum: Spectrum) -> Value:
    shape = spectrum.signal.shape
    return unknown(shape, over(spectrum.signal.D, [spectrum.axis], np.maximum), level(spectrum.signal))


def reverse(spectrum: Spectrum) -> Spectrum:
    n = spectrum.signal.shape[spectrum.axis]
    return Spectrum(take(spectrum.signal, spectrum.axis, [-t % n for t in range(n)], True), spectrum.axis)


def scale(spectrum: Spectrum, factors: Sequence[Value]) -> Spectrum:
    ndim = len(spectrum.signal.shape)
    demand(all(lifted(f, ndim).shape[spectrum.axis] == 1 for f in factors), "scale: a factor that varies")
    return Spectrum(pointwise([spectrum.signal, *factors], None, "product", False), spectrum.axis)


def add_spectra(a: Spectrum, b: Spectrum) -> Spectrum:
    return Spectrum(zeros_only(pointwise([zeros_only(a.signal), zeros_only(b.signal)], None, "", False)), a.axis)


def multiply_spectra(a: Spectrum, b: Spectrum) -> Spectrum:
    """The circular convolution, place by place."""
    axis, n = a.axis, a.signal.shape[a.axis]
    demand(b.axis == axis and b.signal.shape[axis] == n, "multiply_spectra: spectra of different lengths")
    x, y = zeros_only(a.signal), zeros_only(b.signal)
    shape = np.broadcast_shapes(x.shape, y.shape)
    infinite = max(x.infinite, y.infinite)
    D, K = [], []
    for v, other in ((x, y), (y, x)):
        others = tuple(k for k in range(len(shape)) if k != axis)
        support = np.flatnonzero(np.broadcast_to(~other.K.all(axis=others), (n,)))
        wide = [n if k == axis else s for k, s in enumerate(v.D.shape)]
        latest = np.moveaxis(np.broadcast_to(v.D, wide), axis, 0)
        mine = np.broadcast_to(~v.K.all(axis=others), (n,))
        reached = [latest[(i - support) % n].max(axis=0, initial=NOTHING) for i in range(n)]
        D.append(np.moveaxis(np.stack(reached), 0, axis))
        K.append(np.array([not mine[(i - support) % n].any() for i in range(n)]) & (infinite == 0))
    along = [n if k == axis else 1 for k in range(len(shape))]
    known = K[0].reshape(along)
    signal = Value(shape, np.where(known, NOTHING, np.maximum(*D)), known, np.zeros((1,) * len(shape)), infinite)
    return Spectrum(signal, axis)


RULES: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        pointwise, choose, reduce, mixed, everything, scan, softmax, attention, window, permute, expand, reshape,
        broadcast, take, concatenate, move, zeros_only, forget, bounded, transform, inverse, collapse, reverse, scale,
        add_spectra, multiply_spectra, suppose, ranged, of_format,
    )
}  # fmt: skip


def weaker(claim: Value, given: Value) -> None:
    """Demand that a claim says no more than what its rule gives."""
    demand(claim.shape == tuple(given.shape), f"shape {claim.shape}, not {tuple(given.shape)}")
    demand((claim.K <= given.K).all(), "more is claimed to be known than the rule gives")
    demand((claim.K | (claim.D >= given.D)).all(), "less dependence is claimed than the rule gives")
    demand(claim.infinite >= given.infinite, "less is said to be infinite than the rule gives")
    if given.V.size:
        same = (claim.V == given.V) | ((claim.V != claim.V) & (given.V != given.V))
        demand((~claim.K | same).all(), "another number is claimed to be known than the rule gives")
    if claim.B is not None:
        (least, most), (lower, upper) = limits(given), (claim.B[..., 0], claim.B[..., 1])
        own = ((lower <= claim.V) & (upper >= claim.V)) | (claim.V != claim.V)
        demand(np.where(claim.K, own, (lower <= least) & (upper >= most)).all(), "narrower bounds than the rule gives")
    if given.forced is not None:
        right = claim.V != 0 if given.number == 1 else np.equal(claim.V, given.number)
        demand((~(claim.K & given.forced) | right).all(), "another number is claimed to be known than the rule gives")


def recheck(certificate: dict[str, Any]) -> str:
    """The claim of a certificate, if every step and the outputs are right.

    Raises:
        CertificateError: one is not.
    """
    said = certificate.get("format")
    demand(said in (FORMAT, LATER), f"format: expected {FORMAT!r} or {LATER!r}, got {said!r}")
    n, stop, start = certificate["n"], certificate["stop"], certificate.get("start")
    demand(type(n) is int and n >= 1, f"n: expected a positive integer, got {n!r}")
    for name, ends in (("stop", stop), *([] if start is None else [("start", start)])):
        right = isinstance(ends, list) and len(ends) == n and all(type(s) is int and 0 <= s <= n for s in ends)
        demand(right, f"{name}: expected {n} integers from 0 to {n}, got {ends!r:.60}")
    supposed = conditions(certificate)
    demand(said == LATER or (not supposed and start is None), f"format: expected {LATER!r} where something is supposed")
    axes: dict[int, int] = {}
    followed(certificate, "terms", Inputs(np.arange(n), axes), stop)
    if start is not None:
        followed(certificate, "reversed", Inputs(np.arange(n)[::-1], axes), [n - s for s in start])
    return claimed(start, stop) + supposed


@dataclass
class Inputs:
    """Where the positions of the inputs are counted from, and which axis of each input is the sequence."""

    positions: np.ndarray
    axes: dict[int, int]


def followed(certificate: dict[str, Any], terms_of: str, inputs: Inputs, stop: Sequence[int]) -> None:
    """Check every step, and that output i depends on no position from stop[i] on."""
    values, n = [loaded(entry, terms_of) for entry in certificate["values"]], len(stop)
    derived: set[int] = set()
    for number, step in enumerate(certificate["steps"]):
        try:
            check(step, values, derived, inputs)
        except CertificateError as error:
            raise CertificateError(f"step {number}, {step['rule']} at {step['node']}: {error}") from None
    demand(certificate["outputs"], "outputs: expected at least one, got none")
    for output in certificate["outputs"]:
        value, axis = values[output["value"]], output["axis"]
        if output["value"] not in derived:
            given(value, output["value"], inputs)
        others = tuple(k for k in range(len(value.shape)) if k != axis)
        latest = np.broadcast_to(value.D.max(axis=others, initial=NOTHING), (value.shape[axis],))
        demand(len(latest) == n, f"output {output['name']} has no axis of {n} positions")
        which = "a later" if terms_of == "terms" else "an earlier"
        demand((latest < stop).all(), f"output {output['name']} may depend on {which} input")


def conditions(certificate: dict[str, Any]) -> str:
    """What is supposed, every place once with the least size, as the rest of a sentence; empty where nothing is."""
    sizes: dict[str, float] = {}
    for step in certificate["steps"]:
        if step["rule"] == "suppose":
            place, size = " ".join(str(step["arguments"]["where"]).split())[:NAMED], step["arguments"]["size"]
            demand(type(size) is float and 0 < size < np.inf, f"suppose: expected a positive size, got {size!r:.40}")
            sizes[place] = min(size, sizes.get(place, np.inf))
    said = "; ".join(f"±{size:.3g} at {place}" for place, size in sizes.items())
    return f", on condition that numbers are finite and within {said}" if sizes else ""


def claimed(start: Sequence[int] | None, stop: Sequence[int]) -> str:
    """What a certificate claims, in words that are ours: it may say what it likes of itself."""
    n, ahead = len(stop), stop[0] - 1
    if start is not None:
        ends = f"start = {', '.join(map(str, start))}, stop = {', '.join(map(str, stop))}"
        return f"output i depends on inputs from start[i] to before stop[i] alone at n = {n}, {ends}"
    if all(s == min(i + 1 + ahead, n) for i, s in enumerate(stop)):
        return {0: "causal", -1: "strictly causal"}.get(ahead, f"causal with lookahead {ahead}") + f" at n = {n}"
    return f"output i depends on inputs before stop[i] alone at n = {n}, stop = {', '.join(map(str, stop))}"


def check(step: dict[str, Any], values: Sequence[Value], derived: set[int], inputs: Inputs) -> None:
    """One step; its result counts as derived from then on."""

    def decoded(a: Any) -> Any:
        if isinstance(a, list):
            return [decoded(b) for b in a]
        if not isinstance(a, dict):
            return a
        if "array" in a:
            return array(a["array"])
        if "number" in a:
            return float(a["number"])
        number = a["value"] if "value" in a else a["spectrum"]
        if number not in derived:
            given(values[number], number, inputs)
        return values[number] if "value" in a else Spectrum(values[number], a["axis"])

    demand(step["rule"] in RULES, "no such rule")
    found = RULES[step["rule"]](**{name: decoded(a) for name, a in step["arguments"].items()})
    result = step["result"]
    if isinstance(found, Spectrum):
        demand(result["axis"] == found.axis, "another axis")
        number, found = result["spectrum"], found.signal
    else:
        number = result["value"]
    claim = values[number]
    if step["rule"] == "collapse":  # as many frequencies as the transform has
        found.shape = claim.shape
    weaker(claim, found)
    derived.add(number)


def given(value: Value, number: int, inputs: Inputs) -> None:
    """Demand that a value that no step gave is a constant, a weight or an input, the same from both ends."""
    n = len(inputs.positions)
    if value.B is not None:
        ones = np.full((1,) * len(value.shape), np.inf)
        weaker(value, Value(value.shape, value.D, value.K, value.V, value.infinite, np.stack([-ones, ones], -1)))
    if value.K.all():
        return
    demand(not value.K.any() and value.infinite == 0, "a value that nothing gives")
    axis = NOTHING
    if not (value.D == NOTHING).all():
        axes = [k for k, s in enumerate(value.D.shape) if s > 1] or [
            k for k, s in enumerate(value.shape) if s == n == 1
        ]
        demand(len(axes) >= 1 and value.shape[axes[0]] == n, "a value that nothing gives")
        demand((value.D.reshape(-1) == inputs.positions).all(), "a value that nothing gives")
        axis = axes[0]
    demand(inputs.axes.setdefault(number, axis) == axis, "an input that is another from the other end")


def recheck_file(path: str | Path) -> str:
    """`recheck` of a JSON file.

    Raises:
        ValueError: it does not say that it is a certificate of this kind, of which nothing is right or wrong.
    """
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    said = document.get("format") if isinstance(document, dict) else None
    if said not in (FORMAT, LATER):
        raise ValueError(f"format: expected {FORMAT!r} or {LATER!r}, got {said!r}")
    return recheck(document)
