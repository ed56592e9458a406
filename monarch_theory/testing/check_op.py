"""Is an op described right? Its own oracle, computed in each format and in two orders, against its bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monarch_theory.rounding import default_model, format_of, round_to
from monarch_theory.testing.cases import Case, cases
from monarch_theory.testing.judge import ratios, reference
from monarch_theory.testing.op import Arrays, Op

__all__ = ["OpReport", "check_op"]

VACUOUS = 0.5
"""Share of the elements that must have a bound below the answer."""


@dataclass(frozen=True)
class OpReport:
    """What became of an op in one dtype.

    Attributes:
        elements: compared with a bound below the answer; unbounded: the others.
        ratios: largest error over bound of each way to compute the oracle; above one, the bound is too small.
        worst: the case in which the largest was found.
    """

    op: str
    dtype: str
    elements: int
    unbounded: int
    ratios: dict[str, float]
    worst: str

    @property
    def exit_code(self) -> int:
        """0: the bound holds and tells something. 1: a right computation exceeds it. 2: it tells too little."""
        if max(self.ratios.values(), default=0.0) > 1:
            return 1
        return 0 if self.ratios and self.elements >= VACUOUS * (self.elements + self.unbounded) > 0 else 2

    def describe(self) -> str:
        """One line."""
        verdict = {0: "holds", 1: "too small", 2: "tells too little"}[self.exit_code]
        share = self.unbounded / max(self.elements + self.unbounded, 1)
        found = ", ".join(f"{ratio:.3g} {way}" for way, ratio in self.ratios.items())
        return (
            f"{self.op} {self.dtype}: bound {verdict}; {self.elements} elements compared, {share:.1%} without a bound "
            f"that tells anything; error over bound: {found or 'nothing computed'}"
        )


def check_op(op: Op, dtype: str, *, seed: int = 0, count: int = 60) -> OpReport:
    """Hold the oracle, computed in floating point in several ways, to the op's bound in a dtype.

    Raises:
        ValueError: the op has no exact answer, or a bound that is none.
    """
    model = default_model(dtype)
    worst: dict[str, float] = {}
    where, elements, unbounded = "", 0, 0
    for case in cases(op, dtype, seed=seed, count=count, most_entries=1 << 12):
        if case.family == "nonfinite":
            continue
        expected = reference(case, model)
        elements += sum(int(one.compared.sum()) for one in expected)
        unbounded += sum(int((~one.compared).sum()) for one in expected)
        for way, compute in WAYS.items():
            found = compute(op, case.values, case, model.accumulation.name)
            if found is None:
                continue
            for answer, one in zip(found, expected, strict=True):
                ratio = float(ratios(one.truth.error(stored(answer, dtype)), one.bound).max(initial=0.0))
                if ratio > max(worst.values(), default=-1.0):
                    where = case.describe()
                worst[way] = max(worst.get(way, 0.0), ratio)
    return OpReport(op.name, dtype, elements, unbounded, worst, where)


def stored(answer: np.ndarray, dtype: str) -> np.ndarray:
    """The answer rounded to the dtype, as float64 or complex128."""
    wide = answer.astype(np.complex128 if answer.dtype.kind == "c" else np.float64)
    return wide if format_of(dtype).precision == 53 else round_to(wide, dtype)


Way = Callable[..., "tuple[np.ndarray, ...] | None"]


def _as_numpy_sums(op: Op, values: Arrays, case: Case, accumulation: str) -> tuple[np.ndarray, ...] | None:
    """The oracle on arrays of the accumulation format."""
    return _computed(op, {name: _narrow(a, accumulation) for name, a in values.items()}, case)


def _one_by_one(op: Op, values: Arrays, case: Case, accumulation: str) -> tuple[np.ndarray, ...] | None:
    """The oracle on rows of memory that NumPy sums with another blocking, as it does for reversed strides."""
    flipped = {name: (slice(None, None, -1),) * a.ndim for name, a in values.items()}
    held = {name: np.ascontiguousarray(_narrow(a, accumulation)[flipped[name]]) for name, a in values.items()}
    return _computed(op, {name: a[flipped[name]] for name, a in held.items()}, case)


def _computed(op: Op, arrays: Arrays, case: Case) -> tuple[np.ndarray, ...] | None:
    """The answers, or None where the oracle takes no floating-point arrays."""
    try:
        with np.errstate(all="ignore"):
            return op.answers(arrays, case.shape)
    except ValueError:
        return None


def _narrow(values: np.ndarray, accumulation: str) -> np.ndarray:
    kind = {"float32": ("float32", "complex64"), "float64": ("float64", "complex128")}.get(accumulation)
    return values.astype(kind[values.dtype.kind == "c"]) if kind and values.dtype.kind in "fc" else values


WAYS: dict[str, Way] = {"as NumPy sums": _as_numpy_sums, "with reversed strides": _one_by_one}
