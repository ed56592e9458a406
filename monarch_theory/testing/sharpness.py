"""How sharp are the bounds? What a bound leaves of the answer, and what a right kernel uses of the bound.

A bound as large as the answer decides nothing: zeros would be within it. A bound that no right kernel comes near lets
faults pass that are as large as the rest. `python -m monarch_theory.testing.sharpness` prints both for every op and
dtype, with the usual kernels of each: what NumPy computes in that precision.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, prod
from typing import Any

import numpy as np

from monarch_theory.formats import round_to
from monarch_theory.rounding import ErrorModel, default_model
from monarch_theory.testing.cases import Case, cases, make_case, selected_shapes, stored
from monarch_theory.testing.formulas import with_skip
from monarch_theory.testing.judge import Judgement, Reference, judge_values, reference
from monarch_theory.testing.op import Arrays, Op, Shape
from monarch_theory.testing.ops import NAMES, op_named

__all__ = ["APART", "GOAL", "TELLING", "Row", "Sharpness", "sharpness_of", "usual_kernels"]

TELLING = ("normal", "graded", "integers")
"""Families of values whose answers are as large as what they are summed of, so that a bound can be sharp for them."""

BESIDE = "positive"
"""The family that is tried as well where those leave most undecided, as their sums cancel."""

EXCEPTIONS = 20
"""One size in so many may be told by that family alone."""

ENOUGH = 16
"""Elements of one output at one shape from which on it says something that most of them are undecided."""


@dataclass
class Sharpness:
    """What the bounds of the cases so far were worth.

    Attributes:
        elements: compared; undecided: of them, how many have a finite bound that a row of zeros would be within.
        largest_bound: the largest bound beside the largest answer of its row, where values are normal.
        used: the largest error beside a bound, of an element or of a row in norm.
    """

    elements: int = 0
    undecided: int = 0
    largest_bound: float = 0.0
    used: float = 0.0
    _by_shape: dict[str, tuple[int, int]] = field(default_factory=dict)
    _beside: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, case: Case, references: Sequence[Reference], judgement: Judgement) -> None:
        """Take in one case that the kernel ran on."""
        vacuous = [one.vacuous() for one in references]
        self.elements += sum(v.size for v in vacuous)
        self.undecided += sum(int(v.sum()) for v in vacuous)
        self.used = max([self.used, judgement.ratio, *(one.norm_ratio for one in judgement.outputs)])
        for output, one, none in zip(case.op.outputs(case.shape), references, vacuous, strict=True):
            if case.family == "normal":
                self.largest_bound = max(self.largest_bound, bound_beside_answer(one))
            finite = np.isfinite(one.bound)
            if (
                case.family in (*TELLING, BESIDE)
                and _is_usual(case)
                and none.size
                and finite.any()
                and one.truth.high.any()
            ):
                key = f"{output.name} at {_sizes(case.sizes)}"
                kept = self._beside if case.family == BESIDE else self._by_shape
                compared, undecided = kept.get(key, (0, 0))
                kept[key] = compared + int(finite.sum()), undecided + int(none[finite].sum())

    @property
    def undecided_shapes(self) -> list[str]:
        """Outputs at shapes of which most elements were not decided, though values were such that they could be.

        Of a few elements, most may cancel by chance. Where positive numbers of the same sizes were decided, it is, but
        for an output that cancels at more than a few of its sizes: a claim that wide decides little of any numbers.
        """
        of_all = Counter(key.partition(" at ")[0] for key in self._by_shape)
        of_these = Counter(key.partition(" at ")[0] for key in self.cancelling)
        few = {name for name, count in of_these.items() if EXCEPTIONS * count <= of_all[name]}
        beside = {key for key, counted in self._beside.items() if _is_told(*counted)}
        return [key for key in self.cancelling if key not in beside or key.partition(" at ")[0] not in few]

    @property
    def cancelling(self) -> list[str]:
        """Those outputs at shapes, whatever came of positive numbers."""
        found = self._by_shape.items()
        return [key for key, (compared, undecided) in found if compared >= ENOUGH and 2 * undecided > compared]

    def wants_positive(self, case: Case) -> bool:
        """Whether sums at the sizes of a case cancel so much that positive numbers are to be tried there, too."""
        sizes = _sizes(case.sizes)
        return any(key.partition(" at ")[2] == sizes and key not in self._beside for key in self.cancelling)

    def why_undecided(self) -> str:
        """The first such shape, and how many there are."""
        names = self.undecided_shapes
        more = f", and {len(names) - 1} more" if len(names) > 1 else ""
        return f"the bound of this claim exceeds the answer itself for {names[0]}{more}: anything would be within it"

    def describe(self) -> str:
        """One line for reports."""
        share = self.undecided / max(self.elements, 1)
        undecided = f"; {share:.1%} of elements undecided, as their bound exceeds the answer" if self.undecided else ""
        beside = f"bounds up to {self.largest_bound:.2g} of the answer (normal values); " if self.largest_bound else ""
        told = len(self.cancelling) - len(self.undecided_shapes)
        alone = f"; {told} outputs at one size each are told by positive numbers alone" if told else ""
        return f"{beside}errors up to {self.used:.2g} of their bound{undecided}{alone}"

    def as_dict(self) -> dict[str, Any]:
        """For machines; JSON types only."""
        return {
            "largest_bound_beside_answer": self.largest_bound,
            "largest_error_beside_bound": self.used if isfinite(self.used) else str(self.used),
            "elements": self.elements, "elements_undecided": self.undecided,
            "undecided_shapes": self.undecided_shapes,
        }  # fmt: skip


def _is_told(compared: int, undecided: int) -> bool:
    """Whether most of some elements were decided."""
    return compared >= ENOUGH and 2 * undecided <= compared


def _is_usual(case: Case) -> bool:
    """Whether options are those kernels usually have: an eps of almost nothing, or a large scale, leaves only rounding,
    whatever is claimed."""
    return all(case.shape.get(name, values[0]) == values[0] for name, values in case.op.settings(case.sizes).items())


def bound_beside_answer(one: Reference) -> float:
    """The median of (bound, or that of the norm where it is less) over (the answer's root mean square in the row)."""
    answer = np.abs(one.truth.high)
    if not answer.size or not answer.ndim:
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((answer**2).mean(-1))
        found = np.median(one.bound, axis=-1) / scale
        if one.norm is not None:
            weighted = np.sqrt(((one.norm.weights * answer) ** 2).sum(-1))
            found = np.minimum(found, one.norm.bound / weighted)
    found = found[np.isfinite(found)]
    return float(found.max()) if found.size else 0.0


def _sizes(shape: Shape) -> str:
    return ", ".join(f"{name} {size}" for name, size in shape.items())


# The usual kernels


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        bound: beside the answer, at the longest row with normal values.
        used: the largest error beside a bound of the usual kernels there.
        used_anywhere: that, over the usual cases, and where all numbers are one.
    """

    op: str
    dtype: str
    bound: float
    used: float
    used_anywhere: float


Kernel = Callable[..., np.ndarray | tuple[np.ndarray, ...]]


def usual_kernels(op: Op, arrays: Arrays, shape: Shape, dtype: str) -> list[tuple[np.ndarray, ...]]:
    """What usual kernels give, in the precision that a dtype is computed in (float32 for half), rounded once.

    By NumPy's matrix product, FFT or convolution, and for transforms and convolutions also by their definition, one
    term after the other.
    """
    wide = default_model(dtype).accumulation
    name = wide.paired if dtype.startswith("complex") and wide.paired else wide.name
    given = {key: a.astype(name) for key, a in arrays.items()}
    with np.errstate(all="ignore"):
        found = [op.answers(given, shape)]
        others = [kernel(*given.values(), **op.options(shape)) for kernel in KERNELS.get(op.name, ())]
    found += [other if isinstance(other, tuple) else (other,) for other in others]
    return [tuple(round_to(one, dtype) for one in outputs) for outputs in found]


def _by_transform(length: Callable[[int], int]) -> Callable[..., np.ndarray]:
    def convolve(u: np.ndarray, k: np.ndarray) -> np.ndarray:
        n, size = u.shape[-1], length(u.shape[-1])
        return np.fft.irfft(np.fft.rfft(u, size) * np.fft.rfft(k, size), size)[..., :n].astype(u.dtype)

    return convolve


def _term_by_term(delayed: Callable[[np.ndarray, int], np.ndarray]) -> Callable[..., np.ndarray]:
    def convolve(u: np.ndarray, k: np.ndarray) -> np.ndarray:
        total = np.zeros_like(u)
        for lag in range(u.shape[-1]):
            total = total + k[:, lag, None] * delayed(u, lag)
        return total

    return convolve


def _correlated(gradient: np.ndarray, u: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    of_u = np.zeros_like(u)
    for lag in range(u.shape[-1]):
        of_u = of_u + k[:, lag, None] * _rolled(gradient, -lag)
    return of_u, _of_filter(gradient, u, k, _rolled)


def _of_filter(
    gradient: np.ndarray, u: np.ndarray, k: np.ndarray, delayed: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    found = np.zeros_like(k)
    for lag in range(u.shape[-1]):
        # running sums add one after the other
        rows = np.cumsum(gradient * delayed(u, lag), -1)[..., -1]
        found[:, lag] = np.cumsum(rows, 0)[-1] if len(rows) else 0
    return found


def _shifted(u: np.ndarray, lag: int) -> np.ndarray:
    return np.concatenate([np.zeros_like(u[..., :lag]), u[..., : u.shape[-1] - lag]], -1)


def _rolled(u: np.ndarray, lag: int) -> np.ndarray:
    return np.roll(u, lag, -1)


def _gated(convolve: Kernel) -> Kernel:
    return lambda u, k, gate, skip: gate * (convolve(u, k) + skip[:, None] * u)


def _between_gates(convolve: Kernel) -> Kernel:
    return lambda u, k, pregate, postgate: postgate * convolve(pregate * u, k)


def _backward_between_gates(
    gradient: np.ndarray, u: np.ndarray, k: np.ndarray, pregate: np.ndarray, postgate: np.ndarray
) -> tuple[np.ndarray, ...]:
    v, w = pregate * u, postgate * gradient
    convolve = _term_by_term(_shifted)
    correlated = convolve(w[..., ::-1], k)[..., ::-1]
    return pregate * correlated, _of_filter(w, v, k, _shifted), u * correlated, gradient * convolve(v, k)


def _both_in_one(u: np.ndarray, k: np.ndarray, reverse: np.ndarray, skip: np.ndarray) -> np.ndarray:
    lags = [with_skip(k, skip[:, None] + reverse[:, :1]), 0 * k[:, :1], reverse[:, :0:-1]]
    return _by_transform(lambda n: 2 * n)(u, np.concatenate(lags, -1))


def _lags(w: np.ndarray, u: np.ndarray) -> np.ndarray:
    size, n = 2 * u.shape[-1], u.shape[-1]
    spectrum = (np.fft.rfft(w, size) * np.fft.rfft(u, size).conj()).sum(0)
    return np.fft.irfft(spectrum, size)[..., :n].astype(u.dtype)


def _both_in_one_backward(
    gradient: np.ndarray, u: np.ndarray, k: np.ndarray, reverse: np.ndarray, skip: np.ndarray
) -> tuple[np.ndarray, ...]:
    of_k = _lags(gradient, u)
    return _both_in_one(gradient, reverse, k, skip), of_k, _lags(u, gradient), of_k[:, 0]


def _gated_backward(
    gradient: np.ndarray, u: np.ndarray, k: np.ndarray, gate: np.ndarray, skip: np.ndarray
) -> tuple[np.ndarray, ...]:
    w, whole, convolve = gate * gradient, with_skip(k, skip[:, None]), _by_transform(lambda n: 2 * n)
    of_u, of_k = convolve(w[..., ::-1], whole)[..., ::-1], _lags(w, u)
    return of_u, of_k, gradient * convolve(u, whole), of_k[:, 0]


def _both_term_by_term(u: np.ndarray, k: np.ndarray, reverse: np.ndarray, skip: np.ndarray) -> np.ndarray:
    """One sum, of all lags of either filter and what skips them, which comes first."""
    total = skip[:, None] * u
    for lag in range(u.shape[-1]):
        total = total + k[:, lag, None] * _shifted(u, lag)
        total = total + reverse[:, lag, None] * _shifted(u[..., ::-1], lag)[..., ::-1]
    return total


def _both_term_by_term_backward(
    gradient: np.ndarray, u: np.ndarray, k: np.ndarray, reverse: np.ndarray, skip: np.ndarray
) -> tuple[np.ndarray, ...]:
    of_k = _of_filter(gradient, u, k, _shifted)
    return _both_term_by_term(gradient, reverse, k, skip), of_k, _of_filter(u, gradient, k, _shifted), of_k[:, 0]


def _gated_term_by_term_backward(
    gradient: np.ndarray, u: np.ndarray, k: np.ndarray, gate: np.ndarray, skip: np.ndarray
) -> tuple[np.ndarray, ...]:
    w, convolve, weight = gate * gradient, _term_by_term(_shifted), skip[:, None]
    of_u = convolve(w[..., ::-1], k)[..., ::-1] + weight * w
    of_k = _of_filter(w, u, k, _shifted)
    return of_u, of_k, gradient * (convolve(u, k) + weight * u), of_k[:, 0]


def _key_by_key(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool, scale: float) -> np.ndarray:
    """A running maximum, a running sum and running values, each rounded with every key."""
    top, weight = np.full((*q.shape[:-1], 1), -np.inf, q.dtype), np.zeros((*q.shape[:-1], 1), q.dtype)
    found, queries = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype), np.arange(q.shape[-2])[:, None]
    for key in range(k.shape[-2]):
        score = (q * k[:, key, None]).sum(-1, keepdims=True) * q.dtype.type(scale)
        score = np.where(queries < key, -np.inf, score) if causal else score
        new = np.maximum(top, score)
        one, again = np.exp(score - new), np.exp(top - new)
        weight, found, top = weight * again + one, found * again + one * v[:, key, None], new
    return np.asarray(found / weight)


def _score_by_score(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool, scale: float) -> np.ndarray:
    """Every sum one term after the other: scores, of weights, and of values."""
    scores = np.zeros((*q.shape[:-1], k.shape[-2]), q.dtype)
    for component in range(q.shape[-1]):
        scores = scores + q[:, :, None, component] * k[:, None, :, component]
    scores = scores * q.dtype.type(scale)
    kept = np.tril(np.ones(scores.shape[-2:], dtype=bool)) if causal else np.ones(scores.shape[-2:], dtype=bool)
    held = np.where(kept, scores, -np.inf)
    p = np.exp(held - held.max(-1, keepdims=True))
    found, weight = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype), np.zeros((*q.shape[:-1], 1), q.dtype)
    for key in range(k.shape[-2]):
        found, weight = found + p[..., key, None] * v[:, key, None], weight + p[..., key, None]
    return np.asarray(found / weight)


def _direct_dft(x: np.ndarray) -> np.ndarray:
    n = x.shape[-1]
    total, j = np.zeros_like(x), np.arange(n)
    for k in range(n):
        total = total + x[:, k, None] * np.exp(-2j * np.pi * (j * k % n) / n).astype(x.dtype)
    return total


KERNELS: dict[str, tuple[Kernel, ...]] = {
    "attention": (_key_by_key, _score_by_score),
    "bidirectional-convolution": (_both_in_one, _both_term_by_term),
    "bidirectional-convolution-backward": (_both_in_one_backward, _both_term_by_term_backward),
    "fft": (_direct_dft,),
    "circular-convolution-backward": (_correlated,),
    "circular-convolution": (_by_transform(lambda n: n), _term_by_term(_rolled)),
    "gated-convolution": (_between_gates(_by_transform(lambda n: 2 * n)), _between_gates(_term_by_term(_shifted))),
    "gated-convolution-backward": (_backward_between_gates,),
    "long-convolution-backward": (_gated_backward, _gated_term_by_term_backward),
    "long-convolution": (_gated(_by_transform(lambda n: 2 * n)), _gated(_term_by_term(_shifted))),
}


GOAL = 0.05
"""What usual kernels are to reach of their bound somewhere, in every op and dtype."""

APART = {
    "monarch-attention": "every step of an iteration has the errors of the last, which in truth average out",
    "embedding": "rows are copied: the bound is zero",
}
"""Ops of which no usual kernel does in single and double precision, and why not."""

STEADY, LONG = 0.7, 512
"""The number that all entries of all arguments are, so that roundings add up; and how long rows of it are at most."""


SCORES = {"batch": 1, "n": 1, "m": 2, "e": 1, "causal": False}

LEANING = (
    ("attention", {**SCORES, "d": 64}, {"q": (0.3,), "k": (0.8, 0.9), "v": (1, -1)}),
    ("attention", {**SCORES, "d": 128}, {"q": (0.3,), "k": (0.7, 0.8), "v": (1, -1)}),
)
"""Where averages hide errors: sizes, and rows that take turns, so that some are rounded up and some down."""


def sharpness_of(op: Op, dtype: str, *, count: int = 60, max_size: int = 4096) -> Row:
    """Bound and use of it for the usual kernels of an op."""
    model = op.usual_model(dtype, failure=1e-9 if op.random_rounding else None)
    anywhere = 0.0
    for case in cases(op, dtype, count=count, max_size=min(max_size, 256)):
        if case.poisoned_row is None:
            anywhere = max(anywhere, _used(case, model)[1])
    bound, used = _used(make_case(op, dtype, _longest(op, max_size), "normal", "contiguous", (0,)), model)
    steady = _used(_of_one_number(op, dtype, _longest(op, min(max_size, LONG))), model)[1]
    leaning = [_used(_of_turns(op, dtype, sizes, rows), model)[1] for name, sizes, rows in LEANING if name == op.name]
    return Row(op.name, dtype, bound, used, max(used, anywhere, steady, *leaning))


def _longest(op: Op, max_size: int) -> Shape:
    shapes = [s for s in selected_shapes(op, max_size=max_size) if s.get("batch", 1)]
    return op.usual(max(shapes, key=lambda s: _length(op, s)))


def _of_one_number(op: Op, dtype: str, shape: Shape) -> Case:
    """All numbers alike: where they are summed one after the other, each rounding is that of the one before."""
    case = make_case(op, dtype, shape, "ones", "contiguous", (0,))
    alike = {name: stored(STEADY * a, dtype) for name, a in case.arrays.items() if name not in op.domains}
    return replace(case, arrays=case.arrays | alike)


def _of_turns(op: Op, dtype: str, sizes: Shape, rows: dict[str, tuple[float, ...]]) -> Case:
    """Of every argument, rows of one number each, which take turns."""
    case = make_case(op, dtype, op.usual(sizes), "ones", "contiguous", (0,))
    turns = {name: np.resize(np.asarray(found), (case.arrays[name].shape[-2], 1)) for name, found in rows.items()}
    held = {name: np.broadcast_to(stored(one, dtype), case.arrays[name].shape).copy() for name, one in turns.items()}
    return replace(case, arrays=case.arrays | held)


def _length(op: Op, shape: Shape) -> tuple[int, ...]:
    """Entries of one row of the data, then how long it is along its last axis, then fewer rows."""
    data = next(iter(op.arguments(shape).values()))
    return prod(data[1:]), *data[:0:-1], -shape.get("batch", 0)


def _used(case: Case, model: ErrorModel) -> tuple[float, float]:
    expected = reference(case, model, model.failure or 1e-9)
    outputs = case.op.outputs(case.shape)
    judged = [
        judge_values(case, y, case.dtype, one, output)
        for found in usual_kernels(case.op, case.arrays, case.shape, case.dtype)
        for y, one, output in zip(found, expected, outputs, strict=True)
    ]
    return max(map(bound_beside_answer, expected)), max(max(j.ratio, j.norm_ratio) for j in judged)


def main(names: Iterable[str] = NAMES) -> None:
    """Print the table, and of ops that do not reach the goal why not."""
    print(f"{'op':32}{'dtype':12}{'bound/answer':>14}{'error/bound':>14}{'over all cases':>16}")
    for name in names:
        op = op_named(name)
        for dtype in op.dtypes():
            row = sharpness_of(op, dtype)
            why = "" if row.used_anywhere >= GOAL else f"  {APART.get(name, 'below the goal')}"
            print(f"{name:32}{dtype:12}{row.bound:14.2e}{row.used:14.2g}{row.used_anywhere:16.2g}{why}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or NAMES)
