"""Is what a kernel returned right? One case, one verdict, every element against its own bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache, partial
from math import inf
from typing import Any

import numpy as np

from monarch_theory.formats import carrier_of, format_of
from monarch_theory.rounding import ErrorModel, failure_per_product
from monarch_theory.sandbox import Outcome
from monarch_theory.sandbox.patterns import is_padding, is_poison
from monarch_theory.testing.cases import Case
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.op import Arrays, NormBound, Output
from monarch_theory.testing.oracle import Enclosure
from monarch_theory.testing.truth import true_answer

__all__ = ["OF_VALUES", "Judgement", "Reference", "Verdict", "judge", "reference"]


class Verdict(Enum):
    """The value is the name a person reads."""

    RIGHT = "right"
    WRONG = "wrong values"
    BIASED = "results lean one way"
    NAN = "NaN"
    UNWRITTEN = "output partly unwritten"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NOT_AN_ARRAY = "not an array"
    MODIFIED = "inputs modified"
    STALE = "output overwritten by the next call"
    REMEMBERED = "result depends on earlier calls"
    UNSTABLE = "result changes between runs"
    EXCEPTION = "exception"
    CRASH = "crash"
    HANG = "hang"
    OUT_OF_MEMORY = "out of memory"
    REFUSED = "refused"
    UNDECIDED = "undecided"


OF_VALUES = (Verdict.WRONG, Verdict.NAN, Verdict.UNWRITTEN)
"""Verdicts on what an array holds: its form, and how the run ended, are as they should be."""


FROM_OUTCOME = {
    Outcome.EXCEPTION: Verdict.EXCEPTION, Outcome.EXIT: Verdict.CRASH, Outcome.CRASH: Verdict.CRASH,
    Outcome.HANG: Verdict.HANG, Outcome.OUT_OF_MEMORY: Verdict.OUT_OF_MEMORY,
    Outcome.NOT_AN_ARRAY: Verdict.NOT_AN_ARRAY, Outcome.IN_PLACE: Verdict.MODIFIED,
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """The truth for one output of a case, and how far from it a right kernel may be.

    Attributes:
        bound: elementwise; infinite where anything goes (possible overflow, or a NaN in the same batch row, or in any
            row of a sum over them).
        held_to: "deterministic" or "probabilistic", which of the two bounds that is.
        bounded: either bound by its name; the other one is computed where it is asked for.
        must_not_be_finite: elements that depend on a NaN or an infinity of the input; of a NaN they are to be one.
        norm: bound on the errors of whole rows, where the op has one; infinite for rows where anything goes.
        sign: 1 or −1 where an infinity can only have this sign, 0 elsewhere.
        compared: elements that the bound tells from zero at least: it is below the largest element of the answer.
    """

    truth: Enclosure
    bound: np.ndarray
    must_not_be_finite: np.ndarray
    sign: np.ndarray
    compared: np.ndarray
    held_to: str
    bounded: Callable[[str], np.ndarray]
    norm: NormBound | None = None

    @property
    def deterministic(self) -> np.ndarray:
        """The bound whatever the roundings."""
        return self.bound if self.held_to == "deterministic" else self.bounded("deterministic")

    @property
    def probabilistic(self) -> np.ndarray:
        """The bound for roundings with mean zero."""
        return self.bound if self.held_to == "probabilistic" else self.bounded("probabilistic")

    def ratio_to(self, held_to: str, computed: np.ndarray) -> float:
        """The largest error of an array of that shape over one of the two bounds."""
        if not computed.size:
            return 0.0
        wide = computed.astype(np.complex128 if computed.dtype.kind == "c" else np.float64)
        bound = self.deterministic if held_to == "deterministic" else self.probabilistic
        return float(ratios(self.truth.error(wide), bound).max())

    def excess(self, error: np.ndarray) -> np.ndarray:
        """Error over bound of every element, or of its row if that is more; at most 1 where both bounds hold."""
        own = ratios(error, self.bound)
        if self.norm is None or not error.ndim:
            return own
        return np.where(own > 1, own, np.maximum(own, self.norm.ratios(error)[..., None]))

    def vacuous(self) -> np.ndarray:
        """Elements that the bound does not decide: it is finite, and a row of zeros would be within it.

        A row whose answer is zero everywhere is decided: what is not zero there is wrong.
        """
        answer = np.abs(self.truth.high)
        if not answer.size:
            return np.zeros(answer.shape, dtype=bool)
        largest = answer.max(-1, keepdims=True) if answer.ndim else answer
        return np.asarray((self.bound >= largest) & np.isfinite(self.bound) & (largest > 0))


@dataclass(frozen=True)
class Judgement:
    """Verdict on one run, with the element that is worst by error / bound.

    Attributes:
        compared: how many elements were held to a bound that tells them from zero; unbounded: how many were not.
        output: position of the output the verdict, the message and the element are about.
        outputs: the judgement of every output alone, where their number, shapes and dtypes are those due.
        norm_ratio: the largest ratio of the error of a row, in norm, to its bound.
    """

    verdict: Verdict
    message: str = ""
    ratio: float = 0.0
    error: float = 0.0
    bound: float = 0.0
    index: tuple[int, ...] | None = None
    reproducible: bool = True
    compared: int = 0
    unbounded: int = 0
    output: int = 0
    outputs: tuple[Judgement, ...] = ()
    norm_ratio: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the kernel did something a right kernel never does."""
        return self.verdict not in (Verdict.RIGHT, Verdict.REFUSED, Verdict.UNDECIDED)


def reference(case: Case, model: ErrorModel, failure: float = 1e-9) -> tuple[Reference, ...]:
    """Exact answer and bounds of every output; `failure`: the probability that any probabilistic bound fails.

    Raises:
        ValueError: the op gives no answer or no bound, or one that is none (see `checked_bound`).
    """
    values = _finite_values(case)
    truths = true_answer(case.op, values, case.shape, case.dtype)
    products = max(sum(truth.high.size for truth in truths), 1) * 8
    likely = replace(model, failure=failure_per_product(failure, products))
    models = {"deterministic": model.deterministic(), "probabilistic": likely}

    @cache
    def bounds(held_to: str) -> tuple[np.ndarray, ...]:
        return case.op.bounds(_finite_values(case), case.shape, models[held_to])

    rows = sum(truth.high.size // max(truth.high.shape[-1], 1) for truth in truths if truth.high.ndim)
    in_norm = model if model.failure is None else replace(model, failure=failure_per_product(failure, 8 * rows))
    norms = case.op.norm_bounds(values, case.shape, in_norm)
    outputs = case.op.outputs(case.shape)
    parts = zip(outputs, truths, norms, *_reached_by_poison(case, values), strict=True)
    return tuple(
        _reference(case, model, partial(_one_of, bounds, position), *part) for position, part in enumerate(parts)
    )


def _one_of(bounds: Callable[[str], tuple[np.ndarray, ...]], position: int, held_to: str) -> np.ndarray:
    return bounds(held_to)[position]


def _finite_values(case: Case) -> Arrays:
    """The arguments, with zeros for what is not finite in the one that is poisoned."""
    values = case.values
    if case.poisoned is not None:
        values[case.poisoned][~np.isfinite(values[case.poisoned])] = 0
    return values


def _reference(
    case: Case, model: ErrorModel, bounds: Callable[[str], np.ndarray], output: Output, truth: Enclosure,
    norm: NormBound | None, reached: np.ndarray, sign: np.ndarray,
) -> Reference:  # fmt: skip
    def bounded(held_to: str) -> np.ndarray:
        found = checked_bound(bounds(held_to), truth, f"bound of {output.name} of {case.op.name}")
        if case.poisoned is None:
            return found
        # beside a NaN or an infinity in a parameter, nothing is sure
        row = np.index_exp[case.poisoned_row] if output.by_row and case.poisoned_row is not None else np.index_exp[...]
        found = found.copy()
        found[row] = inf
        return found

    held_to = "deterministic" if model.failure is None else "probabilistic"
    bound = bounded(held_to)
    if truth.high.dtype.kind == "c" and case.arrays and not case.dtype.startswith("complex"):
        raise ValueError(f"oracle: expected {case.op.name} to give real answers in {case.dtype}, got complex ones")
    if norm is not None:
        anything = np.isinf(np.broadcast_to(bound, truth.high.shape)).any(-1)
        norm = replace(norm, bound=np.where(anything, inf, norm.bound))
    largest = np.abs(truth.high).max(initial=0.0) or 2.0**10 * model.storage.underflow
    return Reference(truth, bound, reached, sign, bound <= largest, held_to, bounded, norm)


def checked_bound(bound: np.ndarray, truth: Enclosure, name: str) -> np.ndarray:
    """The bound, if it is one: real numbers of at least zero, as many as the answer has elements; infinity is allowed.

    Raises:
        ValueError: it is not.
    """
    if bound.shape != truth.high.shape:
        raise ValueError(f"{name}: expected shape {truth.high.shape} as the answer has, got {bound.shape}")
    if bound.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, got dtype {bound.dtype.name}")
    if np.isnan(bound).any() or (bound < 0).any():
        worst = "NaN" if np.isnan(bound).any() else f"{float(bound.min()):.3g}"
        raise ValueError(f"{name}: expected numbers of at least zero, got {worst}")
    return bound.astype(np.float64, copy=False)


def _reached_by_poison(case: Case, values: Arrays) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Of every output: which elements depend on a NaN or an infinity of the input, and the sign an infinity must have.

    Every algorithm adds up multiples of an infinite entry of the data, and if they do not cancel to NaN they are all of
    the sign of their sum, its coefficient. Which is not known where rounding may have turned it.
    """
    nowhere = tuple(np.zeros((), dtype=bool) for _ in case.op.outputs(case.shape))
    name = case.poisoned
    if name is None:
        return nowhere, nowhere
    special = case.arrays[name]
    touched = 1.0 * ~np.isfinite(special)
    if not touched.any():
        return nowhere, nowhere
    ones = {key: np.ones(a.shape) if a.dtype.kind in "fc" else a for key, a in values.items()}
    with_it, without = (case.op.answers(ones | {name: ones[name] + d}, case.shape) for d in (touched, 0.0 * touched))
    # an inverse transform gives every output 1/N of an input
    least = 0.5 / max(values[name].shape[-1], 1)
    with np.errstate(invalid="ignore"):
        reached = tuple(np.abs(a - b) > least for a, b in zip(with_it, without, strict=True))
    if np.isnan(special).any():
        # where all is one, an average does not depend on its weights
        # nor does a product with zero on its other factor, though a NaN in that is the product's
        some = {key: _without_zeros(a) if a.dtype.kind in "fc" else a for key, a in values.items()}
        here, moved = (case.op.answers(some | {name: some[name] + d}, case.shape) for d in (0.0 * touched, touched))
        reached = tuple(r | _differ(a, b) for r, a, b in zip(reached, here, moved, strict=True))
    if case.poisoned_row is None or special.dtype.kind == "c" or np.isnan(special).any():
        return reached, nowhere
    way = float(np.sign(special[~np.isfinite(special)])[0])
    by_one, by_none = (case.op.answers(values | {name: d}, case.shape) for d in (touched, 0.0 * touched))
    coefficients = [way * (a - b) for a, b in zip(by_one, by_none, strict=True)]
    sure = [np.abs(c) > 2.0**-6 * np.abs(c).max(initial=0.0) for c in coefficients]
    return reached, tuple(np.sign(c) * s * r for c, s, r in zip(coefficients, sure, reached, strict=True))


def _without_zeros(values: np.ndarray) -> np.ndarray:
    """Numbers between 1 and 2 in place of zeros, no two alike nearby: of equal ones an average is none of its weights.

    They lie apart by the golden section, so that no sums of a few agree.
    """
    return np.where(values == 0, 1 + np.arange(values.size).reshape(values.shape) * GOLDEN % 1, values)


GOLDEN = 0.6180339887498949


def _holds_nan(case: Case) -> bool:
    """Whether what is poisoned is a NaN, which nothing turns into an infinity."""
    return case.poisoned is not None and bool(np.isnan(case.arrays[case.poisoned]).any())


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two answers differ by far more than float64 rounds."""
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(a - b) > 2.0**-20 * np.nanmax(np.abs(a), initial=0.0))


def ratios(error: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """error / bound, with 0/0 = 0, anything over an infinite bound 0, and NaN as infinity."""
    if not error.any():
        return np.zeros(np.broadcast_shapes(error.shape, bound.shape))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        found = np.asarray(error / bound)
    if np.isfinite(found).all():
        return found
    found = np.where(error == 0, 0.0, found)
    return np.where(np.isinf(bound), 0.0, np.where(np.isnan(found), inf, found))


def worst_of(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(values)), values.shape))


def judge(case: Case, run: Run, expected: Sequence[Reference]) -> Judgement:
    """Verdict on one run; the first that applies of: ended badly, refused, shape, dtype, inputs, values, repetition."""
    if run.outcome is not None:
        # no other outcome is one of a call, so that whoever names another one has invented it
        return Judgement(FROM_OUTCOME.get(run.outcome, Verdict.EXCEPTION), run.message)
    if run.refused:
        return Judgement(Verdict.REFUSED, run.message)
    if len(run.outputs) != len(expected):
        wanted = "one array" if len(expected) == 1 else f"{len(expected)} arrays"
        return Judgement(Verdict.NOT_AN_ARRAY, f"expected {wanted}, got {len(run.outputs)}")
    for output in range(len(expected)):
        ill_formed = _judge_form(case, run, output, expected[output].truth.high.shape)
        if ill_formed is not None:
            return ill_formed
    if run.outside:
        return Judgement(Verdict.MODIFIED, "the kernel wrote between or around the elements of out")
    if run.unfilled:
        return Judgement(Verdict.UNWRITTEN, "the array passed as out does not hold what was returned")
    if run.modified:
        return Judgement(Verdict.MODIFIED, f"the kernel wrote into {', '.join(run.modified)}")
    found = _judge_outputs(case, run.outputs, run.dtypes, expected)
    if found.verdict is Verdict.RIGHT and run.aliased:
        return Judgement(Verdict.STALE, "the array returned changed when the kernel was called on other data")
    if [a.shape for a in run.again] != [a.shape for a in run.outputs]:
        return found
    second = _judge_outputs(case, run.again, run.dtypes, expected)
    if found.verdict is Verdict.RIGHT and second.verdict is Verdict.RIGHT:
        return replace(found, reproducible=False)
    return replace(found if found.failed else second, verdict=Verdict.UNSTABLE, reproducible=False)


def _judge_form(case: Case, run: Run, output: int, shape: tuple[int, ...]) -> Judgement | None:
    """Whether one output has not the shape or the dtype due."""
    where = "" if len(run.outputs) == 1 else f" of {case.op.outputs(case.shape)[output].name}"
    got, dtype = run.outputs[output].shape, run.dtypes[output]
    if got != shape:
        return Judgement(Verdict.WRONG_SHAPE, f"expected shape {shape}{where}, got {got}", output=output)
    # where NumPy lacks the dtype, a NumPy kernel is given, and may return, the carrier that holds its values
    if dtype != case.dtype and (run.face != "numpy" or dtype != carrier_of(case.dtype)):
        return Judgement(Verdict.WRONG_DTYPE, f"expected dtype {case.dtype}{where}, got {dtype}", output=output)
    return None


def _judge_outputs(
    case: Case, outputs: Sequence[np.ndarray], dtypes: Sequence[str], expected: Sequence[Reference]
) -> Judgement:
    """The judgement of the first output that is not right, or else of the one nearest to its bound."""
    found = tuple(
        replace(judge_values(case, array, dtype, one, case.op.outputs(case.shape)[position]), output=position)
        for position, (array, dtype, one) in enumerate(zip(outputs, dtypes, expected, strict=True))
    )
    decisive = next((f for f in found if f.failed), max(found, key=lambda f: (f.index is not None, f.ratio)))
    name = case.op.outputs(case.shape)[decisive.output].name
    message = f"{name}: {decisive.message}" if decisive.message and len(found) > 1 else decisive.message
    compared, unbounded = sum(f.compared for f in found), sum(f.unbounded for f in found)
    return replace(decisive, message=message, outputs=found, compared=compared, unbounded=unbounded)


def judge_values(case: Case, computed: np.ndarray, dtype: str, expected: Reference, output: Output) -> Judgement:
    """Every element of one output against the truth."""
    if not computed.size:
        return Judgement(Verdict.RIGHT)
    wide = computed.astype(np.complex128 if computed.dtype.kind == "c" else np.float64)
    error = expected.truth.error(wide)
    over = ratios(error, expected.bound)
    index = worst_of(over)
    numbers: dict[str, Any] = {
        "ratio": float(over[index]),
        "error": float(error[index]),
        "bound": float(expected.bound[index]),
        "index": index,
        "norm_ratio": 0.0 if expected.norm is None else float(expected.norm.ratios(error).max()),
        "compared": int(expected.compared.sum()),
        "unbounded": int((~expected.compared).sum()),
    }
    due = "a NaN" if _holds_nan(case) else "a NaN or infinity"
    vanished = expected.must_not_be_finite & (~np.isnan(wide) if _holds_nan(case) else np.isfinite(wide))
    if vanished.any():
        where = output.describe(case.shape, worst_of(vanished))
        return Judgement(Verdict.WRONG, f"{due} of the input did not reach {where}", **numbers)
    turned = (expected.sign != 0) & np.isinf(wide) & (np.sign(wide.real) != expected.sign)
    if turned.any():
        where = output.describe(case.shape, worst_of(turned))
        return Judgement(Verdict.WRONG, f"an infinity of the input came out with the other sign at {where}", **numbers)
    if over[index] <= 1 and numbers["norm_ratio"] <= 1:
        return Judgement(Verdict.RIGHT, **numbers)
    if over[index] <= 1:
        return _outside_in_norm(case, error, expected, output, numbers)
    wrong = over > 1
    unwritten = is_poison(computed, dtype) & wrong
    if unwritten.any():
        message = f"{int(unwritten.sum())} of {computed.size} elements still hold what was in memory before"
        return Judgement(Verdict.UNWRITTEN, message, **{**numbers, "index": worst_of(unwritten)})
    padding = is_padding(computed, dtype) & wrong
    if padding.any():
        message = f"{int(padding.sum())} of {computed.size} elements are what lies between those of a strided argument"
        return Judgement(Verdict.NAN, message, **{**numbers, "index": worst_of(padding)})
    nan = np.isnan(wide) & wrong
    if nan.any():
        message = f"{int(nan.sum())} of {computed.size} elements are NaN where a number is due"
        return Judgement(Verdict.NAN, message, **{**numbers, "index": worst_of(nan)})
    message = f"{int(wrong.sum())} of {computed.size} elements outside their bound"
    return Judgement(Verdict.WRONG, message, **numbers)


def _outside_in_norm(
    case: Case, error: np.ndarray, expected: Reference, output: Output, numbers: dict[str, Any]
) -> Judgement:
    """Every element is within its bound, and a row is not: the element named is the worst of the worst row."""
    assert expected.norm is not None
    found = expected.norm.ratios(error)
    row = worst_of(found)
    index = (*row, int(np.argmax(error[row])))
    numbers = numbers | {"index": index, "error": float(error[index]), "bound": float(expected.bound[index])}
    count = int((found > 1).sum())
    where = output.describe(case.shape, index)
    message = (
        f"the errors of {count} of {found.size} rows are together {found.max():.3g} times the bound on their norm, "
        f"though every element is within its own; the largest is at {where}"
    )
    return Judgement(Verdict.WRONG, message, **numbers)


def ulps(computed: np.ndarray, expected: Reference, dtype: str) -> np.ndarray:
    """Error of every finite element in units in the last place of the true value, signed for real dtypes."""
    wide = computed.astype(np.complex128 if computed.dtype.kind == "c" else np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = (wide - expected.truth.high) - expected.truth.low
    if wide.dtype.kind == "c":
        difference = np.abs(difference)
    keep = np.isfinite(difference) & np.isfinite(expected.bound)
    if not difference.any():
        return np.zeros(int(keep.sum()))
    return np.asarray(difference / format_of(dtype).ulp(expected.truth.high))[keep].real
