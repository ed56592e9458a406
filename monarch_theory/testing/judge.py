"""Is what a kernel returned right? One case, one verdict, every element against its own bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import inf

import numpy as np

from monarch_theory.rounding import ErrorModel, failure_per_product, format_of
from monarch_theory.sandbox import Outcome
from monarch_theory.testing.cases import Case
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.kernel_server import is_padding, is_poison
from monarch_theory.testing.oracle import Enclosure, exact_answer

__all__ = ["Judgement", "Reference", "Verdict", "judge", "reference"]


class Verdict(Enum):
    """The value is the name a person reads."""

    RIGHT = "right"
    WRONG = "wrong values"
    NAN = "NaN"
    UNWRITTEN = "output partly unwritten"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NOT_AN_ARRAY = "not an array"
    MODIFIED = "inputs modified"
    STALE = "output overwritten by the next call"
    UNSTABLE = "result changes between runs"
    EXCEPTION = "exception"
    CRASH = "crash"
    HANG = "hang"
    OUT_OF_MEMORY = "out of memory"
    REFUSED = "refused"
    UNDECIDED = "undecided"


FROM_OUTCOME = {
    Outcome.EXCEPTION: Verdict.EXCEPTION, Outcome.EXIT: Verdict.CRASH, Outcome.CRASH: Verdict.CRASH,
    Outcome.HANG: Verdict.HANG, Outcome.OUT_OF_MEMORY: Verdict.OUT_OF_MEMORY,
    Outcome.NOT_AN_ARRAY: Verdict.NOT_AN_ARRAY, Outcome.IN_PLACE: Verdict.MODIFIED,
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """The truth for a case, and how far from it a right kernel may be.

    Attributes:
        bound: elementwise; infinite where anything goes (possible overflow, or beside a NaN in the same batch row).
        deterministic, probabilistic: the two bounds, of which `bound` is one.
        must_not_be_finite: elements that depend on a NaN or an infinity of the input.
    """

    truth: Enclosure
    bound: np.ndarray
    deterministic: np.ndarray
    probabilistic: np.ndarray
    must_not_be_finite: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """Verdict on one run, with the element that is worst by error / bound."""

    verdict: Verdict
    message: str = ""
    ratio: float = 0.0
    probabilistic_ratio: float = 0.0
    error: float = 0.0
    bound: float = 0.0
    index: tuple[int, ...] | None = None
    reproducible: bool = True

    @property
    def failed(self) -> bool:
        """Whether the kernel did something a right kernel never does."""
        return self.verdict not in (Verdict.RIGHT, Verdict.REFUSED, Verdict.UNDECIDED)


def reference(case: Case, model: ErrorModel, failure: float = 1e-9) -> Reference:
    """Exact answer and bounds; `failure` is the probability that any probabilistic bound of the case fails."""
    values = case.values
    data = next(iter(values))
    if case.poisoned_row is not None:
        values[data][case.poisoned_row][~np.isfinite(values[data][case.poisoned_row])] = 0
    truth = exact_answer(case.op, values, case.shape)
    products = max(truth.high.size, 1) * 8
    likely = replace(model, failure=failure_per_product(failure, products))
    deterministic = np.array(case.op.bound(values, case.shape, model.deterministic()))
    probabilistic = np.array(case.op.bound(values, case.shape, likely))
    never = np.zeros(truth.high.shape, dtype=bool)
    if case.poisoned_row is not None:
        touched = ~np.isfinite(np.where(np.isfinite(case.arrays[data]), 0.0, np.nan))
        ones = {name: np.ones(a.shape) for name, a in values.items()}
        with_it, without = (case.op.oracle(ones | {data: d}, case.shape) for d in (1.0 * touched, 0.0 * touched))
        # an inverse transform gives every output 1/N of an input
        never = np.abs(with_it - without) > 0.5 / max(values[data].shape[-1], 1)
        deterministic[case.poisoned_row] = probabilistic[case.poisoned_row] = inf
    bound = deterministic if model.failure is None else probabilistic
    return Reference(truth, bound, deterministic, probabilistic, never)


def ratios(error: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """error / bound, with 0/0 = 0, anything over an infinite bound 0, and NaN as infinity."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        found = np.where(error == 0, 0.0, error / bound)
    return np.where(np.isinf(bound), 0.0, np.where(np.isnan(found), inf, found))


def worst_of(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(values)), values.shape))


def judge(case: Case, run: Run, expected: Reference) -> Judgement:
    """Verdict on one run; the first that applies of: ended badly, refused, shape, dtype, inputs, values, repetition."""
    if run.outcome is not None:
        return Judgement(FROM_OUTCOME.get(run.outcome, Verdict.UNDECIDED), run.message)
    if run.refused:
        return Judgement(Verdict.REFUSED, run.message)
    if len(run.outputs) != 1:
        return Judgement(Verdict.NOT_AN_ARRAY, f"expected one array, got {len(run.outputs)}")
    (computed,), (dtype,) = run.outputs, run.dtypes
    shape = expected.truth.high.shape
    if computed.shape != shape:
        return Judgement(Verdict.WRONG_SHAPE, f"expected shape {shape}, got {computed.shape}")
    # NumPy has no bfloat16, so a NumPy kernel is given, and may return, float32 that holds its values
    if dtype != case.dtype and (run.face, dtype, case.dtype) != ("numpy", "float32", "bfloat16"):
        return Judgement(Verdict.WRONG_DTYPE, f"expected dtype {case.dtype}, got {dtype}")
    if run.modified:
        return Judgement(Verdict.MODIFIED, f"the kernel wrote into {', '.join(run.modified)}")
    found = judge_values(case, computed, dtype, expected)
    if found.verdict is Verdict.RIGHT and run.aliased:
        return Judgement(Verdict.STALE, "the array returned changed when the kernel was called on other data")
    if len(run.again) != 1 or run.again[0].shape != shape:
        return found
    second = judge_values(case, run.again[0], dtype, expected)
    if found.verdict is Verdict.RIGHT and second.verdict is Verdict.RIGHT:
        return Judgement(**{**vars(found), "reproducible": False})
    worse = found if found.failed else second
    return Judgement(**{**vars(worse), "verdict": Verdict.UNSTABLE, "reproducible": False})


def judge_values(case: Case, computed: np.ndarray, dtype: str, expected: Reference) -> Judgement:
    """Every element against the truth."""
    if not computed.size:
        return Judgement(Verdict.RIGHT)
    wide = computed.astype(np.complex128 if computed.dtype.kind == "c" else np.float64)
    error = expected.truth.error(wide)
    over = ratios(error, expected.bound)
    index = worst_of(over)
    numbers = {
        "ratio": float(over[index]),
        "probabilistic_ratio": float(ratios(error, expected.probabilistic).max()),
        "error": float(error[index]),
        "bound": float(expected.bound[index]),
        "index": index,
    }
    vanished = expected.must_not_be_finite & np.isfinite(wide)
    if vanished.any():
        where = case.op.element(case.shape, worst_of(vanished))
        return Judgement(Verdict.WRONG, f"a NaN or infinity of the input did not reach {where}", **numbers)  # type: ignore[arg-type]
    if over[index] <= 1:
        return Judgement(Verdict.RIGHT, **numbers)  # type: ignore[arg-type]
    wrong = over > 1
    unwritten = is_poison(computed, dtype) & wrong
    if unwritten.any():
        message = f"{int(unwritten.sum())} of {computed.size} elements still hold what was in memory before"
        return Judgement(Verdict.UNWRITTEN, message, **{**numbers, "index": worst_of(unwritten)})  # type: ignore[arg-type]
    padding = is_padding(computed, dtype) & wrong
    if padding.any():
        message = f"{int(padding.sum())} of {computed.size} elements are what lies between those of a strided argument"
        return Judgement(Verdict.NAN, message, **{**numbers, "index": worst_of(padding)})  # type: ignore[arg-type]
    nan = np.isnan(wide) & wrong
    if nan.any():
        message = f"{int(nan.sum())} of {computed.size} elements are NaN where a number is due"
        return Judgement(Verdict.NAN, message, **{**numbers, "index": worst_of(nan)})  # type: ignore[arg-type]
    message = f"{int(wrong.sum())} of {computed.size} elements outside their bound"
    return Judgement(Verdict.WRONG, message, **numbers)  # type: ignore[arg-type]


def ulps(computed: np.ndarray, expected: Reference, dtype: str) -> np.ndarray:
    """Error of every finite element in units in the last place of the true value, signed for real dtypes."""
    wide = computed.astype(np.complex128 if computed.dtype.kind == "c" else np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = (wide - expected.truth.high) - expected.truth.low
    if wide.dtype.kind == "c":
        difference = np.abs(difference)
    keep = np.isfinite(difference) & np.isfinite(expected.bound)
    return np.asarray(difference / format_of(dtype).ulp(expected.truth.high))[keep].real
