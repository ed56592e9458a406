"""Why is it wrong? Candidate faults are applied to the oracle; the one that explains every wrong answer is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from monarch_theory.formats import TF32, format_of, round_to
from monarch_theory.rounding import BFLOAT16, FLOAT16, FLOAT32, ErrorModel, Format
from monarch_theory.sandbox.patterns import is_padding
from monarch_theory.testing.cases import AT_THE_ENDS, EXTREME, Case
from monarch_theory.testing.faults import (
    argument_faults,
    layout_faults,
    narrow_faults,
    operand_faults,
    row_faults,
    scaled,
    shared_faults,
)
from monarch_theory.testing.judge import Judgement, Reference, Verdict, ratios
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.op import Arrays, Fault, Output
from monarch_theory.testing.sizes import entries

__all__ = ["NARROW", "STATE", "UNNAMED", "Cause", "Observation", "diagnose", "explains", "rounds_in", "unnamed"]

STATE = "state kept between calls"

NARROW = "accumulation too narrow"
"""Errors that have the size of roundings in a narrower format, and change with the numbers that are rounded."""

UNNAMED = ("not recognised", "NaN")
"""What is said where no cause is known: the fault's size, or what it leads to."""


@dataclass(frozen=True)
class Cause:
    """The likely cause: its family, and what exactly; where it is a format that is too narrow, which."""

    name: str
    detail: str
    rounds_in: Format | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Observation:
    """One run of the kernel, judged.

    Attributes:
        flushed: case and references are those of arguments whose subnormal numbers are zero, for which it is right.
    """

    case: Case
    run: Run
    references: tuple[Reference, ...]
    judgement: Judgement
    flushed: bool = False

    @property
    def expected(self) -> Reference:
        """The truth for the output that the judgement is about."""
        return self.references[self.judgement.output]

    @property
    def returned(self) -> np.ndarray:
        """That output, in the dtype it came in."""
        return self.run.outputs[self.judgement.output]

    @property
    def computed(self) -> np.ndarray:
        """That output, as float64 or complex128."""
        return self.returned.astype(np.complex128 if self.returned.dtype.kind == "c" else np.float64)

    @property
    def output(self) -> Output:
        """What the op says of that output."""
        return self.case.op.outputs(self.case.shape)[self.judgement.output]


PLAIN = {
    Verdict.WRONG_SHAPE: "wrong shape", Verdict.WRONG_DTYPE: "wrong dtype", Verdict.NOT_AN_ARRAY: "not an array",
    Verdict.MODIFIED: "input overwritten", Verdict.EXCEPTION: "exception", Verdict.CRASH: "crash", Verdict.HANG: "hang",
    Verdict.OUT_OF_MEMORY: "out of memory", Verdict.STALE: "stale output",
}  # fmt: skip


SANITIZERS = {"AddressSanitizer": "access out of bounds", "ThreadSanitizer": "race"}
"""Sanitizers by the name their reports carry, and what they look for: it names the cause and decides nothing."""


def diagnose(failures: Sequence[Observation], calls: Sequence[tuple[Reference, ...]], model: ErrorModel) -> Cause:
    """The likely cause of all `failures` (at least one) that are of the same verdict and output as the first.

    A result that changes between runs says more than a wrong value: where there is one, it is the first.
    `calls` holds the truths of all calls so far, in order.
    """
    first = next((f for f in failures if f.judgement.verdict is Verdict.UNSTABLE), failures[0])
    values = (Verdict.WRONG, Verdict.NAN) if first.judgement.verdict in (Verdict.WRONG, Verdict.NAN) else ()
    alike = (f for f in failures if f.judgement.verdict in (first.judgement.verdict, *values))
    # near the ends of the range a bound may be all but the answer, and what overflows may be NaN whatever the fault
    first = next((f for f in alike if f.case.family not in AT_THE_ENDS), first)
    kind = first.judgement.verdict, first.judgement.output
    failures = [f for f in failures if (f.judgement.verdict, f.judgement.output) == kind]
    history = [references[first.judgement.output] for references in calls]
    verdict = first.judgement.verdict
    if verdict is Verdict.UNSTABLE:
        return Cause("race", "the result changes between runs on the same arguments, and leaves the bound")
    for words, cause in SANITIZERS.items():
        if verdict is Verdict.EXCEPTION and words in first.judgement.message:
            return Cause(cause, first.judgement.message)
    if verdict in PLAIN:
        return Cause(PLAIN[verdict], first.judgement.message)
    if verdict is Verdict.UNWRITTEN:
        # of the output, or of what it was computed from: arithmetic leaves the bits of a NaN as they are
        return _by_place(failures, "unwritten memory")
    if any(is_padding(f.returned, f.run.dtypes[f.judgement.output]).any() for f in failures):
        return Cause("strides ignored", "it reads between the elements of a strided argument")
    # beside a NaN in the input no fault can be told from another
    telling = [f for f in failures if f.case.poisoned is None]
    if not telling:
        return Cause("NaN swallowed", first.judgement.message)
    if all(f.case.family in AT_THE_ENDS and not f.computed.any() for f in telling):
        # what loses all numbers of such a size is seen to lose all
        return unnamed(telling[0])
    # where nothing is a number, everything that loses all of them would explain it
    some = any(np.isfinite(f.computed).any() for f in telling)
    told = sum(int(_wrong_elements(f).sum()) for f in telling) >= LEAST
    for fault in _candidates(telling[0], told) if some else ():
        if all(explains(fault.description, f, model) for f in telling):
            return Cause(fault.cause, fault.description)
    # one limit says more than many weights do
    found = _stale(telling, history) or _same_scale(telling) or _clamped(telling, model)
    found = found or (_weighted(telling) if told else None)
    # what explains each failure without a residual, before what only has the size of the errors
    found = (
        found
        or (_common_family(telling, model, told) if some else None)
        or _same_scale_in_rows(telling)
        or _too_narrow(telling, model)
    )
    return found or _by_place(telling, "not recognised")


FAR_BELOW = 1 / 8
"""What a cause leaves unexplained is at most this part of the error, or the cause is not named."""


def _leaves_little(residual: np.ndarray, error: np.ndarray, excess: np.ndarray) -> bool:
    """Whether a residual is far below the error it is to explain, taken where that, or its row, exceeds the bound."""
    wrong = excess > 1
    return bool(wrong.any()) and _rms(residual[wrong]) <= FAR_BELOW * _rms(error[wrong])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2)))


def _common_family(telling: Sequence[Observation], model: ErrorModel, told: bool) -> Cause | None:
    """A family of faults, one of which explains each failure, though not the same one."""
    fitting = [[c for c in _candidates(f, told) if explains(c.description, f, model)] for f in telling]
    common = set.intersection(*({c.cause for c in found} for found in fitting))
    if not common:
        return None
    name = min(common)
    return Cause(name, next(c.description for c in fitting[0] if c.cause == name))


def unnamed(seen: Observation) -> Cause:
    """Where it is wrong, and how far, where the cause is not known."""
    return Cause("not recognised", _where(seen))


def _by_place(failures: Sequence[Observation], otherwise: str) -> Cause:
    """A dropped tail, where all failures are one."""
    if failures[0].judgement.verdict is Verdict.NAN:
        return Cause("NaN", failures[0].judgement.message)
    # of one or two elements, half of the faults there are wrong a tail; a wrong number is not dropped
    # and of one row that stands for all, the others lie in memory that is not the argument's
    larger = [f for f in failures if f.computed.size > 2 and "expanded" not in f.case.layouts]
    tail = bool(larger) and all(_is_tail(f) and _is_left_out(f) for f in larger)
    return Cause("dropped tail" if tail else otherwise, _where((larger or list(failures))[0]))


def _candidates(seen: Observation, told: bool = True) -> Iterable[Fault]:
    """Faults that are tried; where few numbers are wrong, none of the hundreds of which some would explain them."""
    case = seen.case
    data = next(iter(case.arrays))
    yield from case.op.faults(case.shape)
    yield from shared_faults(data, case.arrays[data].shape)
    if seen.output.by_row:
        yield from row_faults(case.shape.get("batch", 0))
    yield from layout_faults(case.arrays, case.layouts)
    if told and entries(case.op, case.shape) <= FEW_ENTRIES:
        yield from argument_faults(case.arrays, case.shape.get("batch", 0))
    if format_of(case.dtype).precision > TF32.precision:
        yield from operand_faults()
        if entries(case.op, case.shape) <= FEW_ENTRIES:
            yield from narrow_faults(case.arrays)


FEW_ENTRIES = 1 << 14
"""Entries of all arguments up to which many candidates are tried."""


def explains(description: str, seen: Observation, model: ErrorModel) -> bool:
    """Whether the kernel returned what a kernel with this fault would, and the fault matters here."""
    case = seen.case
    of_this = (f for f in _candidates(seen) if f.output in (None, seen.output.name))
    fault = next((f for f in of_this if f.description == description), None)
    if fault is None:
        return False
    values, position = case.values, seen.judgement.output
    with np.errstate(all="ignore"):
        changed = fault.before(values)
        wrong = fault.after(_answers(fault, changed, case)[position])
    if wrong.shape != seen.computed.shape:
        return False
    truth, lost = seen.expected.truth.high, ~np.isfinite(wrong)
    with np.errstate(invalid="ignore"):
        residual, error = np.abs(seen.computed - wrong), np.abs(seen.computed - truth)
    # the bound takes far longer than the answer, and few faults come so far
    if not lost.any() and not _leaves_little(residual, error, seen.expected.excess(error)):
        return False
    with np.errstate(all="ignore"):
        bound = 2 * fault.after(case.op.bounds(changed, fault.shape or case.shape, model.deterministic())[position])
    # a candidate at its own oracle's float64 rounding is as good as exact
    bound = np.maximum(np.abs(bound), 2.0**-48 * np.abs(wrong))
    if lost.any():
        return bool((lost == ~np.isfinite(seen.computed)).all()) and _fits_beside(lost, wrong, bound, seen)
    if fault.instead is not None:
        # where the right answer is small, its bound is not that of a kernel that computes another
        bound = bound + 8 * (model.storage.unit_roundoff + 16 * model.accumulation.unit_roundoff) * np.abs(wrong)
    fits = bool((ratios(residual, bound) <= 1).all())
    return fits and bool((seen.expected.excess(np.abs(wrong - truth)) > 1).any())


def _fits_beside(lost: np.ndarray, wrong: np.ndarray, bound: np.ndarray, seen: Observation) -> bool:
    """Whether numbers are what a fault makes of them where it leaves some, and those that it loses are due."""
    truth = seen.expected.truth.high
    residual = np.abs(np.where(lost, 0.0, seen.computed - wrong))
    allowed = bound + 2.0**-10 * np.abs(wrong)
    return bool((ratios(residual, np.where(lost, np.inf, allowed)) <= 1).all()) and bool(np.isfinite(truth[lost]).any())


def _answers(fault: Fault, arrays: Arrays, case: Case) -> tuple[np.ndarray, ...]:
    if fault.instead is None:
        return case.op.answers(arrays, fault.shape or case.shape)
    found = fault.instead(arrays)
    return found if isinstance(found, tuple) else (found,) * len(case.op.outputs(case.shape))


def _stale(telling: Sequence[Observation], history: Sequence[Reference]) -> Cause | None:
    """Whether the kernel returned the answer to an earlier call, in every failure; a few numbers may coincide."""
    ages = [_age(seen, history) for seen in telling]
    if None in ages or sum(int(np.isfinite(seen.computed).sum()) for seen in telling) < LEAST:
        return None
    return Cause(STATE, f"the answer to an earlier call of the same shape, {ages[0]} before this one")


def _age(seen: Observation, history: Sequence[Reference]) -> int | None:
    """How many calls before this one the one was whose answer came, if there is such a one."""
    position = next((i for i, past in enumerate(history) if past is seen.expected), len(history))
    earlier = enumerate(reversed(history[:position]), start=1)
    return next((back for back, past in earlier if _is_answer_to(past, seen)), None)


def _is_answer_to(past: Reference, seen: Observation) -> bool:
    """Whether an earlier answer is what came: not finite where that is not, and within its bound elsewhere."""
    computed, truth = seen.computed, past.truth.high
    if truth.shape != computed.shape:
        return False
    finite, lost = np.isfinite(computed), np.broadcast_to(past.must_not_be_finite, computed.shape)
    # beside a NaN anything may come of a row; what is a number there tells nothing
    bounded = np.isfinite(past.bound) & ~lost
    if finite[lost].any() or not finite[bounded].all() or not past.compared[bounded].all():
        return False
    # one number over and over answers too many calls to tell anything, and so does whatever a wide bound allows
    if not bounded.any() or not np.ptp(np.abs(computed[bounded])):
        return False
    residual, error = past.truth.error(computed)[bounded], seen.expected.truth.error(computed)[bounded]
    excess = seen.expected.excess(seen.expected.truth.error(computed))[bounded]
    return bool((ratios(residual, past.bound[bounded]) <= 1).all()) and _leaves_little(residual, error, excess)


def _same_scale(telling: Sequence[Observation]) -> Cause | None:
    """Whether every failure is a multiple of the right answer; the factor named is that of the last."""
    factors = [_scale(f) for f in telling]
    if any(factor is None for factor in factors):
        return None
    # a factor explains one element whatever is wrong with it: there are more elements than factors
    elements = sum(int(_is_far(f, factor).sum()) for f, factor in zip(telling, factors, strict=True))
    if elements < len({f"{factor:.3g}" for factor in factors}) + LEAST:
        return None
    factor = np.real_if_close(factors[-1], tol=2**20).item()
    return Cause("scale", f"every element is {factor:.6g} times what it should be")


def _same_scale_in_rows(telling: Sequence[Observation]) -> Cause | None:
    """Whether the rows that are wrong are one multiple of the right ones, the same in every failure."""
    rows = [_wrong_rows(f) for f in telling]
    if any(wrong.size < 2 for wrong in rows) or all(wrong.all() for wrong in rows):
        return None
    factors = [_scale(f, wrong) for f, wrong in zip(telling, rows, strict=True)]
    if any(factor is None for factor in factors) or np.ptp(np.abs(factors)) > 1e-3 * abs(factors[0]):
        return None
    factor = np.real_if_close(factors[-1], tol=2**20).item()
    count = f"{int(rows[-1].sum())} of {rows[-1].size} rows"
    return Cause("scale", f"every element of {count} is {factor:.6g} times what it should be")


def _wrong_rows(seen: Observation) -> np.ndarray:
    wrong = _wrong_elements(seen)
    return np.asarray(wrong.reshape(len(wrong), -1).any(1) if wrong.ndim and wrong.size else wrong.ravel())


def _scale(seen: Observation, rows: Any = np.index_exp[...]) -> Any:
    """The number that rows of the right answer are multiplied by, if they are."""
    right, computed, bound = seen.expected.truth.high[rows], seen.computed[rows], seen.expected.bound[rows]
    factor = scaled(right, computed) if np.isfinite(computed).all() else None
    if factor is None or abs(factor) == 0 or np.count_nonzero(right) < 2:
        return None
    far = _is_far(seen, factor, rows)
    fits = (ratios(np.abs(computed - factor * right), 2 * abs(factor) * bound) <= 1).all()
    return factor if far.sum() * 2 >= np.count_nonzero(right) and fits else None


def _is_far(seen: Observation, factor: Any, rows: Any = np.index_exp[...]) -> np.ndarray:
    """The elements that the factor matters to: one but for rounding is rounding."""
    expected = seen.expected
    return np.asarray(ratios(np.abs((factor - 1) * expected.truth.high[rows]), expected.bound[rows]) > 8)


CLAMPS, REFINED = 64, 60
"""Limits tried between the least and the largest modulus of an argument, and steps that the best is refined by."""


def _clamped(telling: Sequence[Observation], model: ErrorModel) -> Cause | None:
    """Whether the answer, or one argument, is cut off at some number: the same in every failure."""
    if sum(int(_wrong_elements(f).sum()) for f in telling) < LEAST:
        # one number can be explained by some limit, whatever is wrong
        return None
    limits = {_limit_of_answer(seen) for seen in telling}
    if len(limits) == 1 and None not in limits:
        return Cause("clamped", f"no output is larger than {limits.pop():.6g} in modulus")
    few = [f for f in telling if entries(f.case.op, f.case.shape) <= FEW_ENTRIES and f.returned.dtype.kind == "f"]
    if len(few) < len(telling):
        return None
    # the limit is sought where it shows most, and where most shows it, in each family: where data cancel, many fit
    by_size = sorted(few, key=lambda f: f.computed.size)
    for first in (max(few, key=lambda f: f.judgement.ratio), *{f.case.family: f for f in by_size}.values()):
        for name in (name for name, a in _shared(first, telling).items() if a.dtype.kind == "f" and a.size):
            for way, cut in (("larger", _cut_above), ("less", np.maximum)):
                limit = _limit_of(first, name, cut)
                if limit is not None and all(_fits_clamped(seen, name, cut, limit, model) for seen in telling):
                    return Cause("clamped", f"numbers of {name} {way} than {limit:.6g} are taken for it")
    return None


def _shared(first: Observation, telling: Sequence[Observation]) -> dict[str, np.ndarray]:
    """The arguments of a failure that all have: a matrix of more factors has some that others have not."""
    return {name: a for name, a in first.case.arrays.items() if all(name in seen.case.arrays for seen in telling)}


def _cut_above(values: np.ndarray, limit: float) -> np.ndarray:
    return np.clip(values, -limit, limit)


def _limit_of_answer(seen: Observation) -> float | None:
    """The modulus of every element that is wrong, where it is one, none is larger, and those wrong should be."""
    wrong, moduli = _wrong_elements(seen), np.abs(seen.computed)
    if not wrong.any() or seen.returned.dtype.kind == "c" or not np.isfinite(moduli[wrong]).all():
        return None
    limit, right = float(moduli[wrong].max()), seen.expected.truth.high
    cut = (moduli[wrong] == limit).all() and (np.sign(seen.computed[wrong]) == np.sign(right[wrong])).all()
    return limit if cut and limit > 0 and (np.abs(right[wrong]) > limit).all() and (moduli <= limit).all() else None


Clamp = Callable[[np.ndarray, float], np.ndarray]


def _clamped_answer(seen: Observation, name: str, cut: Clamp, limit: float) -> np.ndarray:
    case = seen.case
    with np.errstate(all="ignore"):
        return case.op.answers(case.values | {name: cut(case.values[name], limit)}, case.shape)[seen.judgement.output]


def _limit_of(seen: Observation, name: str, cut: Clamp) -> float | None:
    """The limit that leaves least of the error unexplained: the best of some, refined by golden sections."""
    values = seen.case.values[name]
    moduli = np.abs(values[values != 0]) if cut is _cut_above else values[values > 0]
    if moduli.size < 2 or not np.isfinite(seen.computed).all():
        return None
    # a limit may be far below all that there is
    ends = min(float(moduli.min()), 1.0) / 16, float(moduli.max())
    if not ends[0] < ends[1]:
        return None

    def left(limit: float) -> float:
        return _rms(seen.computed - _clamped_answer(seen, name, cut, limit))

    tried = np.geomspace(*ends, CLAMPS)
    residuals = [left(float(limit)) for limit in tried]
    best = int(np.argmin(residuals))
    if not residuals[best] < NEARER * _rms(seen.computed - seen.expected.truth.high):
        return None
    a, b = float(tried[max(best - 1, 0)]), float(tried[min(best + 1, CLAMPS - 1)])
    near, far = b - (b - a) * GOLDEN, a + (b - a) * GOLDEN
    of_near, of_far = left(near), left(far)
    for _ in range(REFINED):
        if of_near <= of_far:
            b, far, of_far = far, near, of_near
            near = b - (b - a) * GOLDEN
            of_near = left(near)
        else:
            a, near, of_near = near, far, of_far
            far = a + (b - a) * GOLDEN
            of_far = left(far)
    return float(f"{(a + b) / 2:.7g}")


NEARER = 0.9
"""Of the error, what the best of the limits tried must leave at most, to be refined."""

GOLDEN = (5**0.5 - 1) / 2


def _fits_clamped(seen: Observation, name: str, cut: Clamp, limit: float, model: ErrorModel) -> bool:
    answer, right = _clamped_answer(seen, name, cut, limit), seen.expected.truth.high
    if not np.isfinite(seen.computed).all():
        return False
    bound = 2 * seen.expected.bound + 8 * model.accumulation.unit_roundoff * np.abs(answer)
    residual, error = np.abs(seen.computed - answer), np.abs(seen.computed - right)
    return bool((ratios(residual, bound) <= 1).all()) and _leaves_little(residual, error, seen.expected.excess(error))


IGNORED = 1e-3
"""Weights so small are none."""

PIECES = 8
"""Into how many pieces an argument is cut along an axis, to see with which weight each of them came in."""


def _weighted(telling: Sequence[Observation]) -> Cause | None:
    """Whether pieces of an argument came in with another weight than one: ignored, counted twice, or scaled."""
    first = telling[0]
    for name in (name for name, a in _shared(first, telling).items() if a.dtype.kind in "fc"):
        for axis in range(first.case.arrays[name].ndim):
            found = [_weights(seen, name, axis) for seen in telling]
            if all(weights is not None for weights in found) and not _merely_small(telling, found):
                return _of_weights(name, axis, first.case.arrays[name].shape[axis], found[0])
    return None


def _merely_small(telling: Sequence[Observation], weights: Sequence[Any]) -> bool:
    """Whether all is small beside the right answer, but not zero: what is ignored as a whole leaves zeros."""
    pairs = zip(telling, weights, strict=True)
    return any(np.abs(found).max() < IGNORED and bool(seen.computed.any()) for seen, found in pairs)


def _of_weights(name: str, axis: int, size: int, weights: Any) -> Cause:
    off = [k for k, w in enumerate(weights) if abs(w - 1) > 1e-6]
    edges = np.linspace(0, size, len(weights) + 1).astype(int)
    where = f"{name}, axis {axis}, entries {edges[off[0]]}…{edges[off[-1] + 1] - 1} of {size}"
    if all(abs(weights[k]) < IGNORED for k in off):
        tail = off[-1] == len(weights) - 1 and off == list(range(off[0], len(weights)))
        return Cause("dropped tail" if tail and len(off) < len(weights) else "dropped work", f"ignored: {where}")
    if len(off) == len(weights) and np.ptp(np.abs(weights)) < 1e-3 * abs(weights[0] - 1):
        return Cause("scale", f"what comes from {name} is {np.real(weights[0]):.6g} times what it should be")
    listed = ", ".join(f"{np.real(weights[k]):.4g}" for k in off)
    return Cause("scale", f"weights {listed} instead of 1: {where}")


def _weights(seen: Observation, name: str, axis: int) -> np.ndarray | None:
    """The weights of the pieces of one argument that make the computed answer, if they leave little unexplained."""
    case, values, position = seen.case, seen.case.values, seen.judgement.output
    size = values[name].shape[axis]
    if size < 2 or not np.isfinite(seen.computed).all() or seen.computed.size < 4 * PIECES:
        return None
    whole = np.moveaxis(values[name], axis, 0)
    edges = np.linspace(0, size, min(PIECES, size) + 1).astype(int)

    def with_piece(low: int, high: int) -> np.ndarray:
        piece = np.zeros_like(whole)
        piece[low:high] = whole[low:high]
        return case.op.answers(values | {name: np.moveaxis(piece, 0, axis)}, case.shape)[position].ravel()

    with np.errstate(all="ignore"):
        none = with_piece(0, 0)
        parts = np.stack([with_piece(low, high) - none for low, high in pairwise(edges)], axis=1)
        if not np.isfinite(parts).all():
            # an op may have no answer where a piece is zero
            return None
        weights, *_ = np.linalg.lstsq(parts, seen.computed.ravel() - none, rcond=None)
    truth = seen.expected.truth.high.ravel()
    # the argument must come in once, in every term or beside them
    if not np.allclose(none + parts.sum(1), truth, rtol=1e-6, atol=1e-9 * np.abs(truth).max()):
        return None
    residual = np.abs(seen.computed.ravel() - none - parts @ weights)
    error = np.abs(seen.computed.ravel() - truth)
    fits = _leaves_little(residual, error, seen.expected.excess(error.reshape(seen.computed.shape)).ravel())
    return weights if fits and (np.abs(weights - 1) > 1e-6).any() else None


def _too_narrow(telling: Sequence[Observation], model: ErrorModel) -> Cause | None:
    """The narrower format whose rounding is as large as the errors, and bounds them all.

    The format the arguments come in is tried first. Errors of rounding have no residual to be small, so what tells
    them is that they have the size of one to a few roundings, and that they are no multiple of the answer.
    """
    # where a narrower format overflows, the errors are no rounding; where all cancels, any error may be one
    untold = (*EXTREME, "cancelling")
    inside = [f for f in telling if f.case.family not in untold and np.isfinite(f.computed).all()]
    if sum(f.computed.size for f in inside) < LEAST:
        return None
    if _multiple_of_answer(inside) > 1 / 2:
        return None
    for target in dict.fromkeys((model.storage, FLOAT32, FLOAT16, BFLOAT16)):
        narrower = target.precision < model.accumulation.precision
        if not narrower or not all(_rounds_as_in(target, f, model) for f in inside):
            continue
        roundings, terms = _roundings(target, inside)
        # of many numbers that are to be rounded each case shows it, not one of them for all
        many = [f for f in inside if f.case.family in ("normal", "graded") and f.computed.size >= 2 * FEW]
        if roundings < FEW_ROUNDINGS or any(not rounds_in(target, f) for f in many):
            continue
        way = f"instead of {model.accumulation.name}"
        if roundings <= MANY_ROUNDINGS:
            detail = f"the errors are those of accumulating or keeping values in {target.name} {way}"
            return Cause(NARROW, detail, target)
        if roundings <= np.sqrt(terms):
            detail = f"the errors are those of accumulating in {target.name} {way}, or of keeping values in fewer bits"
            return Cause(NARROW, detail, target)
    return None


def _numbers(case: Case, change: Callable[[np.ndarray], np.ndarray]) -> Arrays:
    """The arguments after a change of all but indices."""
    return {name: change(a) if a.dtype.kind in "fc" else a for name, a in case.values.items()}


def _multiple_of_answer(telling: Sequence[Observation]) -> float:
    """The share of the squared errors that multiples of the answer explain, over all observations large enough.

    One for each row, where rows are long: what divides a row by a wrong number is no rounding. Of rows of one number
    every error is a multiple.
    """
    explained = total = 0.0
    for seen in telling:
        truth = seen.expected.truth.high
        error = seen.computed - truth
        # a number that comes again, as where one row is repeated, tells no more than once
        few = np.unique(truth).size < 32 or truth.shape[-1:] == (1,)
        if few or not np.isfinite(error).all() or not truth.any():
            continue
        rows = (-1, truth.shape[-1]) if truth.shape[-1] >= 32 else (1, -1)
        truth, error = truth.reshape(rows), error.reshape(rows)
        norms = (np.abs(truth) ** 2).sum(-1)
        projected = np.abs((truth.conj() * error).sum(-1)) ** 2
        explained += float((projected[norms > 0] / norms[norms > 0]).sum())
        total += float((np.abs(error) ** 2).sum())
    return explained / total if total else 0.0


FEW_ROUNDINGS = 1 / 8
"""Errors so far below one rounding of the terms of an answer are none of that format, which has room for them."""

MANY_ROUNDINGS = 6.0
"""Root-mean-square errors beyond so many roundings of the terms of an answer are of sums, or of fewer bits."""


def rounds_in(target: Format, seen: Observation) -> bool:
    """Whether one run has errors that are not far below the roundings of a format."""
    return _roundings(target, [seen])[0] >= FEW_ROUNDINGS / 4


def _roundings(target: Format, telling: Sequence[Observation]) -> tuple[float, float]:
    """Errors in units of one rounding of every term to the format, added up at random; and how many terms there are."""
    errors = sizes = terms = 0.0
    for seen in telling:
        case, position = seen.case, seen.judgement.output
        squares = _numbers(case, lambda a: np.abs(a) ** 2)
        ones = _numbers(case, lambda a: np.ones(a.shape))
        variance = np.abs(case.op.answers(squares, case.shape)[position])
        terms = max(terms, float(np.abs(case.op.answers(ones, case.shape)[position]).max(initial=1.0)))
        errors += float((seen.expected.truth.error(seen.computed) ** 2).sum())
        sizes += float(target.unit_roundoff**2 * variance.sum()) + variance.size * target.underflow**2
    return float(np.sqrt(errors / sizes)) if sizes else 0.0, terms


def _rounds_as_in(target: Format, seen: Observation, model: ErrorModel) -> bool:
    """Whether the errors are within the bound of a kernel that works in a narrower format, and look like rounding.

    Bounds of long sums in few bits are so wide that anything is within them: of rounding, three bits stay right.
    """
    # what is summed in a format is also kept in it between stages
    weak = replace(model.deterministic(), accumulation=target, intermediate=target)
    values, position = seen.case.values, seen.judgement.output
    sizes = _numbers(seen.case, np.abs)
    moduli = np.abs(seen.case.op.answers(sizes, seen.case.shape)[position])
    bound = seen.case.op.bounds(values, seen.case.shape, weak)[position]
    error = seen.expected.truth.error(seen.computed)
    if all(np.array_equal(round_to(a, target), a) for a in values.values() if a.dtype.kind in "fc"):
        # small integers have small integers for sums, in whatever order, and nothing is rounded but by transforms
        numbers = [*values.values(), seen.expected.truth.high]
        whole = not seen.case.op.random_rounding and all(np.array_equal(np.rint(a), a) for a in numbers)
        if whole and moduli.max(initial=0.0) < 2.0 ** (target.precision - 1) and error.max() > 0:
            return False
    else:
        # its arguments may have been rounded to it first
        bound = bound + 2 * len(values) * (target.unit_roundoff * moduli + target.underflow)
    found = ratios(error, bound)
    of_answer = ratios(error, np.abs(seen.expected.truth.high))
    stands_out = _stands_out(found) and _stands_out(of_answer)
    return bool((found <= 1).all() and error.max() <= moduli.max() / 8) and not stands_out


FEW = 8
"""Elements below which none can be seen to stand out."""

LEAST = 3
"""Elements below which errors of any size may look like rounding."""

STANDS_OUT = 64.0
"""Times the median: errors of rounding are all of one size beside their bound where sums are rounded, and beside the
answer where values are, but for a few standard deviations."""


def _stands_out(found: np.ndarray) -> bool:
    """Whether some error is relatively far larger than errors are in general: a few values are wrong there."""
    rounded = found[found > 0]
    return rounded.size >= FEW and bool(rounded.max() > STANDS_OUT * np.median(rounded))


def _wrong_elements(seen: Observation) -> np.ndarray:
    return np.asarray(seen.expected.excess(seen.expected.truth.error(seen.computed)) > 1)


def _is_left_out(seen: Observation) -> bool:
    """Whether the wrong elements are zero, or were never written: a tail that holds others was computed, if wrongly."""
    left = seen.computed[_wrong_elements(seen)]
    return seen.judgement.verdict is Verdict.UNWRITTEN or not left.any()


def _is_tail(seen: Observation) -> bool:
    """Whether the wrong elements are exactly the last ones along some axis."""
    wrong: np.ndarray = _wrong_elements(seen)
    for axis in range(wrong.ndim):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        lines, full = np.asarray(wrong.any(axis=others)), np.asarray(wrong.all(axis=others))
        first = int(np.argmax(lines))
        if first > 0 and lines.any() and full[first:].all():
            return True
    return False


def _where(seen: Observation) -> str:
    wrong = _wrong_elements(seen)
    if not wrong.any():
        return seen.judgement.message
    error = seen.expected.truth.error(seen.computed)
    size = _rms(seen.expected.truth.high)
    relative = f", an error of {_rms(error[wrong]) / size:.2g} of the answer" if size else ""
    ranges = []
    for axis, positions in enumerate(np.nonzero(wrong)):
        low, high = int(positions.min()), int(positions.max())
        ranges.append(f"{low}" if low == high else f"{low}…{high} (of {wrong.shape[axis]})")
    return f"{int(wrong.sum())} of {wrong.size} elements wrong, at indices {' × '.join(ranges)}{relative}"
