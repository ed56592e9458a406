"""Is this kernel right? Run it on many cases against the exact answer, and say what came of it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory import formats
from monarch_theory.digits import is_integer
from monarch_theory.notebook import as_html
from monarch_theory.rounding import ErrorModel
from monarch_theory.rounding.model import ALGORITHMS
from monarch_theory.sandbox import SandboxError
from monarch_theory.sandbox.confinement import STARTING, Confinement
from monarch_theory.sandbox.limits import CASE_SECONDS, LONGEST, MEMORY
from monarch_theory.testing.allowances import (
    allowed_otherwise,
    as_flushed,
    has_subnormals,
    right_on_simple,
    simple_cases,
    why_undecided,
)
from monarch_theory.testing.bias import Bias, bias_of
from monarch_theory.testing.cases import AGAIN, TELLING, UNUSUAL, Case, cases, make_case, selected_shapes, stored
from monarch_theory.testing.coverage import Coverage, Patience, Told
from monarch_theory.testing.diagnose import STATE, UNNAMED, Cause, Observation, diagnose, rounds_in, unnamed
from monarch_theory.testing.judge import OF_VALUES, Reference, Verdict, judge, reference, ulps
from monarch_theory.testing.kernel import Kernel, Run
from monarch_theory.testing.kernel_server import IN_PLACE_OF, SIDE_BY_SIDE
from monarch_theory.testing.layouts import in_layout
from monarch_theory.testing.op import Op
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.plainly import MOST, call_plainly, plain_cases
from monarch_theory.testing.secret import secret_seed, unforeseen
from monarch_theory.testing.sharpness import BESIDE, Sharpness
from monarch_theory.testing.shrink import shrink
from monarch_theory.testing.sizes import SOME_ENTRIES, Axis, entries, larger_and_smaller, sizes_of
from monarch_theory.testing.timing import Timing, WrongWhenTimedError, time_kernel

__all__ = ["Failure", "Report", "Worst", "check", "dtype_named", "observe", "op_from", "state_kept"]

FACES = ("auto", "numpy", "torch")
"""Kinds of arrays a kernel is given."""

DEVICES = ("cpu", "cuda")
"""Where they may lie."""

FAILURE = 1e-9
"""How probably the probabilistic bound fails on a right kernel and a case, where nothing else is asked."""

CLAIMED_AS = {"packed": "packing", "unreduced": "tables"}
"""Algorithms that only ops with such a claim may have."""

EXIT_CODES = {
    Verdict.RIGHT: 0, Verdict.UNDECIDED: 2, Verdict.REFUSED: 2, Verdict.HANG: 2, Verdict.OUT_OF_MEMORY: 2,
}  # fmt: skip


@dataclass(frozen=True)
class Worst:
    """The element closest to, or furthest beyond, its bound."""

    ratio: float
    error: float
    bound: float
    output: str
    element: dict[str, int]
    case: str


@dataclass(frozen=True)
class Failure:
    """What went wrong, why, and the smallest case that shows it.

    Attributes:
        way: how the script calls the kernel: "once", "after another call", "after a larger call" or "many times".
        before: the larger case of the call before, where that left something behind.
        reproduced: the script was run and failed; None where it was not run.
    """

    message: str
    cause: Cause
    found: Observation
    smallest: Observation
    way: str = "once"
    before: Case | None = None
    reproduced: bool | None = None


@dataclass(frozen=True)
class Report:
    """The verdict on a kernel.

    Attributes:
        coverage: what was compared, and what was not.
        bound: "deterministic" or "probabilistic", the one the verdict rests on; the ratios to both are given, of the
            case with the worst.
        outputs: the worst ratio of error to bound of each output, by name.
        sharpness: bound beside answer, and error beside bound.
        bias: mean error of the last rounding toward or away from zero, where it can be told.
        ulps: error of every element checked, in units in the last place.
        reproducible: every repetition gave the same bits.
        subnormals: what the kernel does with subnormal arguments: "kept", "taken for zero", or "not tried".
        interpreted: Triton's interpreter ran the kernel, in place of a GPU.
        secret: the seed was drawn for this check alone, and not known to the kernel.
        untrusted: the kernel was to be kept behind walls; confinement: those that stood.
        timeout, memory: seconds and GiB the kernel was allowed; device: where its arguments lay.
        tiles_not_met: by the name of a size, tiles of which no case had whole ones, or one more (of
            `sizes.WHOLE_TILES`).
        largest_sizes: by the name of a size, the largest that some case had.
        timing: how fast it is, if that was asked for and it is right; untimed: why it was not measured.
    """

    verdict: Verdict
    message: str
    kernel: str
    op: Op
    dtype: str
    model: ErrorModel
    bound: str
    failure_probability: float
    coverage: Coverage
    worst: Worst | None
    outputs: dict[str, float]
    sharpness: Sharpness
    bias: Bias | None
    deterministic_ratio: float
    probabilistic_ratio: float
    ulps: np.ndarray
    reproducible: bool
    interpreted: bool
    seed: int
    seconds: float
    timeout: float
    memory: float | None
    device: str = "cpu"
    failure: Failure | None = None
    subnormals: str = "not tried"
    secret: bool = False
    untrusted: bool = False
    confinement: Confinement | None = None
    tiles_not_met: tuple[Mapping[str, tuple[int, ...]], ...] = ()
    largest_sizes: Mapping[str, int] = field(default_factory=dict)
    timing: Timing | None = None
    untimed: str = ""

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 2 could not decide: not loaded, too little compared, or over the time or memory allowed."""
        return EXIT_CODES.get(self.verdict, 1)

    @property
    def cases(self) -> int:
        """Cases whose result was judged."""
        return self.coverage.cases

    @property
    def refused(self) -> int:
        """Cases the kernel declined."""
        return self.coverage.refused

    def _repr_html_(self) -> str:
        cause = f"{self.failure.cause.name}: {self.failure.cause.detail}" if self.failure else ""
        facts = {"evidence": f"measured, {self.cases} cases, seed {self.seed}", "message": self.message, "cause": cause}
        ratio = "" if self.worst is None else f"{self.worst.ratio:.3g}"
        facts |= {"kernel": self.kernel, "op": self.op.name, "dtype": self.dtype, "worst error / bound": ratio}
        return as_html(self.verdict.value, ("yes", "no", "undecided")[self.exit_code], facts)


IN_PLACE, SELDOM = 3, 12
"""One case in so many is also run on other data in the same arrays: of a kernel that is not trusted, and of others."""


def op_from(name: str) -> Op:
    """An op by name, or a user's own as FILE.py:NAME.

    Raises:
        ValueError: no such op, file or name, or a file that does not run.
    """
    if ":" not in name:
        return op_named(name)
    path, _, attribute = name.rpartition(":")
    if not Path(path).is_file():
        raise ValueError(f"op: expected a file, got {path!r}, which does not exist")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"op: expected a file that runs, got {type(error).__name__} from {path}: {error}") from error
    found = getattr(module, attribute, None)
    if not isinstance(found, Op):
        raise ValueError(f"op: expected {path} to define an Op named {attribute}, got {found!r}")
    return found


def dtype_named(name: str, op: Op) -> str:
    """The full name of a dtype, which must be one the op is checked in; a real precision names its complex dtype.

    >>> dtype_named("bf16", op_named("monarch-multiply")), dtype_named("float32", op_named("monarch-dft"))
    ('bfloat16', 'complex64')
    """
    full = formats.dtype_named(name, complex_values=op.numbers == "complex")
    if full not in op.dtypes():
        raise ValueError(f"dtype: expected one of {', '.join(op.dtypes())} for {op.name}, got {name!r}")
    return full


def refuse_idle(
    op: Op, accumulate: str | None, intermediate: str | None, algorithm: str, restrictions: Mapping[str, Any]
) -> None:
    """Refuse a claim on which no bound of the op depends, and an order of matrices that it has not.

    Raises:
        ValueError: naming the first.

    >>> refuse_idle(op_named("embedding"), "float64", None, "conventional", {})
    Traceback (most recent call last):
    ValueError: accumulate: expected none for embedding, whose bound does not depend on it, got 'float64'
    """
    claimed = {
        "accumulate": ("accumulation", accumulate),
        "intermediate": ("intermediate", intermediate),
        "algorithm": ("algorithm", None if algorithm in ("conventional", *CLAIMED_AS) else algorithm),
    }
    for name, (claim, value) in claimed.items():
        if value is not None and claim not in op.claims:
            raise ValueError(f"{name}: expected none for {op.name}, whose bound does not depend on it, got {value!r}")
    order = restrictions.get("order")
    if order is not None and not any(isinstance(size, tuple) for shape in op.shapes() for size in shape.values()):
        raise ValueError(f"order: expected none for {op.name}, which has no radices, got {order}")


def observe(
    kernel: Kernel, case: Case, model: ErrorModel, expected: tuple[Reference, ...] | None = None, other: bool = False,
    often: int = 0,
) -> Observation:  # fmt: skip
    """Run the kernel on a case and judge it; where it is not trusted, the answer is computed after the kernel's."""
    if not kernel.untrusted:
        expected = expected or reference(case, model, model.failure or 1e-9)
    first = next(iter(case.arrays))
    # what is negated in place is numbers of any sign, of one argument alone, that the kernel does not overwrite
    other = other and first not in case.op.domains and first not in case.op.updates and case.layout != "shared"
    shapes = case.answer_shapes if expected is None else [one.truth.high.shape for one in expected]
    run = kernel.run(case, out=tuple(shapes), other=other, often=often)
    expected = expected or reference(case, model, model.failure or 1e-9)
    seen = Observation(case, run, expected, judge(case, run, expected))
    seen = as_flushed(seen, model) or seen
    if (
        other
        and not seen.flushed
        and run.outcome is None
        and not run.refused
        and seen.judgement.verdict is Verdict.RIGHT
    ):
        return judged_in_place(kernel, seen, model) or seen
    return seen


def judged_in_place(kernel: Kernel, seen: Observation, model: ErrorModel) -> Observation | None:
    """What came of data that was negated where it lay, where that is not right; the references are those of that.

    A kernel that is wrong on such data by itself has another fault, and one wrong there by chance does not remember.
    """
    case, data = seen.case, next(iter(seen.case.arrays))
    negated = replace(case, arrays=case.arrays | {data: -case.arrays[data]})
    run = replace(seen.run, outputs=seen.run.other, again=())
    expected = reference(negated, model, model.failure or 1e-9)
    found = judge(negated, run, expected)
    if found.verdict is Verdict.RIGHT:
        return None
    kernel.close()
    anew = observe(kernel, negated, model, expected)
    if anew.judgement.failed:
        return anew
    kernel.close()
    out = tuple(one.truth.high.shape for one in expected)
    again = kernel.run(case, out=out, other=True).other
    if [a.tobytes() for a in again] != [a.tobytes() for a in run.outputs]:
        return replace(seen, judgement=replace(found, verdict=Verdict.UNSTABLE))
    message = "other data in the same arrays gives a wrong result, which depends on earlier calls"
    return Observation(case, run, expected, replace(found, verdict=Verdict.REMEMBERED, message=message))


def check(
    path: str | Path,
    name: str,
    op: Op | str,
    dtype: str = "float32",
    *,
    seed: int | None = None,
    cases_wanted: int = 200,
    timeout: float = CASE_SECONDS,
    memory: float | None = MEMORY,
    face: str = "auto",
    device: str = "cpu",
    accumulate: str | None = None,
    intermediate: str | None = None,
    bound: str | None = None,
    operands: str = "exact",
    rounding: str = "nearest",
    algorithm: str = "conventional",
    failure_probability: float | None = None,
    untrusted: bool = False,
    explained: bool = True,
    timed: bool = False,
    peer: str | None = None,
    layout: str | None = None,
    on_case: Callable[[int, int], None] = lambda done, total: None,
    **restrictions: Any,
) -> Report:
    """Check the kernel `name` of the file `path` against an op.

    Args:
        path, name: a Python file and the function in it.
        op: an `Op`, its name, or FILE.py:NAME.
        dtype: as torch names it, or bf16, fp16, fp32, fp64.
        seed: determines every case; None: 0, or where the kernel is not trusted one that is drawn, and then told.
        cases_wanted: number of cases; from small to large, stopping at the first wrong answer.
        timeout: seconds for one case (three or four runs of the kernel); memory: GiB of private memory.
        face: "numpy", "torch" or "auto".
        device: where the arguments lie, "cpu" or "cuda"; on a GPU no limit of memory is put.
        accumulate, intermediate: formats the kernel claims to sum in, and to keep between stages; None: those usual for
            the op (see `Op.usual_model`).
        bound: "deterministic" or "probabilistic" (see `monarch_theory.rounding`), None: probabilistic for transforms
            and convolutions, deterministic for other ops; failure_probability: of the probabilistic one, None: 1e-9.
        operands, rounding, algorithm: further claims (see `default_model`).
        untrusted: the kernel may want to fool the judge. It runs behind walls (`monarch_theory.sandbox.confinement`),
            on cases nobody can know, and at last from a plain script; without the walls needed there is no verdict.
        explained: look for the smallest failing case, its cause and a script that shows it.
        timed: measure the time of a kernel that was found right, beside `peer`, a right one as FILE.py:NAME.
        layout: the library as whose function the kernel is called (`monarch_theory.testing.layouts`).
        on_case: called with (cases done, cases in all).
        restrictions: `max_size`, `order`, `square`, `powers_of_two`, `shape`: what the kernel promises to take.

    Raises:
        ValueError: an argument that is not one of those expected.
    """
    started = time.monotonic()
    op = op_from(op) if isinstance(op, str) else op
    op = op if layout is None else in_layout(op, layout)
    dtype = dtype_named(dtype, op)
    bound = bound or ("probabilistic" if op.random_rounding else "deterministic")
    refuse_places(face, device, untrusted)
    refuse_numbers(bound, cases_wanted, seed, failure_probability, timeout, memory, peer if not timed else None)
    refuse_algorithm(op, algorithm)
    refuse_idle(op, accumulate, intermediate, algorithm, restrictions)
    failure_probability = FAILURE if failure_probability is None else failure_probability
    model = op.usual_model(
        dtype, accumulate, intermediate, failure=failure_probability if bound == "probabilistic" else None,
        operands=operands, rounding=rounding, algorithm=algorithm,
    )  # fmt: skip
    secret = untrusted and seed is None
    seed = (secret_seed() if untrusted else 0) if seed is None else seed
    plan = list(cases(op, dtype, seed=seed, count=cases_wanted, **restrictions))
    if untrusted:
        plan = unforeseen(plan, seed, restrictions)
    kernel = Kernel(path, name, timeout=timeout, memory=memory, face=face, untrusted=untrusted, device=device)
    checking = _Checking(kernel, _Question(
        kernel=f"{path}:{name}", op=op, dtype=dtype, model=model, bound=bound, failure_probability=failure_probability,
        seed=seed, secret=secret, timeout=timeout, explained=explained, restrictions=restrictions, started=started,
    ))  # fmt: skip
    try:
        with kernel:
            wrong = checking.wrong_in(plan, on_case) or checking.wrong_after(plan)
    except SandboxError as error:
        return checking.report(Verdict.UNDECIDED, str(error))
    answer = wrong or checking.undecided(plan) or checking.wrong_in_the_mean() or checking.wrong_in_a_script()
    return answer or checking.right(timed, peer)


def refuse_places(face: str, device: str, untrusted: bool) -> None:
    """Refuse kinds of arrays and devices that there are not, and a GPU where walls would hide it.

    Raises:
        ValueError: naming the first.
    """
    if face not in FACES:
        raise ValueError(f"array: expected one of {', '.join(FACES)}, got {face!r}")
    if device not in DEVICES:
        raise ValueError(f"device: expected one of {', '.join(DEVICES)}, got {device!r}")
    if device != "cpu" and untrusted:
        raise ValueError(f"device: expected cpu behind walls, which hide a GPU, got {device!r}")


def refuse_numbers(
    bound: str, cases_wanted: int, seed: int | None, failure: float | None, timeout: float, memory: float | None,
    peer_in_vain: str | None,
) -> None:  # fmt: skip
    """Refuse a bound that there is not, numbers out of their range, and a peer where no time is measured.

    Raises:
        ValueError: naming the first.
    """
    if bound not in ("deterministic", "probabilistic"):
        raise ValueError(f"bound: expected deterministic or probabilistic, got {bound!r}")
    for what, number, least in (("cases", cases_wanted, 1), ("seed", 0 if seed is None else seed, 0)):
        if not is_integer(number) or number < least:
            raise ValueError(f"{what}: expected an integer of at least {least}, got {number!r}")
    if failure is not None and not 0 < failure < 1:
        raise ValueError(f"failure: expected a probability strictly between 0 and 1, got {failure}")
    if failure is not None and bound == "deterministic":
        raise ValueError(f"failure: expected none beside a deterministic bound, got {failure}")
    if not 0 < timeout <= LONGEST:
        raise ValueError(f"timeout: expected a positive number of seconds, at most {LONGEST}, got {timeout}")
    if peer_in_vain is not None:
        raise ValueError(f"peer: expected one only where time is measured, got {peer_in_vain!r}")
    if memory is not None and not memory > 0:
        raise ValueError(f"memory: expected a positive number of GiB, or no limit, got {memory}")


def refuse_algorithm(op: Op, algorithm: str) -> None:
    """Refuse an algorithm that only ops have which claim it, and this one does not.

    Raises:
        ValueError: naming those it may have.
    """
    if algorithm in CLAIMED_AS and CLAIMED_AS[algorithm] not in op.claims:
        taken = [a for a in ALGORITHMS if a not in CLAIMED_AS or CLAIMED_AS[a] in op.claims]
        raise ValueError(f"algorithm: expected {' or '.join(taken)} for {op.name}, got {algorithm!r}")


@dataclass(frozen=True)
class _Question:
    """What is asked of a kernel: the arguments of `check`, its defaults filled in."""

    kernel: str
    op: Op
    dtype: str
    model: ErrorModel
    bound: str
    failure_probability: float
    seed: int
    secret: bool
    timeout: float
    explained: bool
    restrictions: dict[str, Any]
    started: float


class _Checking:
    """A check under way: the kernel, what is asked of it, and what has been seen.

    Its steps each give the report there is, or None where the next has to tell.
    """

    def __init__(self, kernel: Kernel, question: _Question) -> None:
        self.kernel, self.question, self.model = kernel, question, question.model
        self.progress = _Progress(question.model)
        self.patience = Patience(question.timeout)
        self.declined: list[Observation] = []
        self.otherwise: dict[str, list[Observation]] = {}
        self.simple: dict[tuple[Any, ...], bool] = {}

    def report(self, verdict: Verdict, message: str, failure: Failure | None = None) -> Report:
        """The report on what has been seen so far."""
        kernel, asked, progress = self.kernel, self.question, self.progress
        return Report(
            verdict=verdict, message=message, kernel=asked.kernel, op=asked.op, dtype=asked.dtype, model=asked.model,
            bound=asked.bound, failure_probability=asked.failure_probability, coverage=progress.coverage,
            worst=progress.worst, outputs=progress.outputs, sharpness=progress.sharpness, bias=progress.bias(),
            deterministic_ratio=progress.ratio_to("deterministic"),
            probabilistic_ratio=progress.ratio_to("probabilistic"),
            ulps=np.concatenate([np.zeros(0), *progress.ulps]), reproducible=progress.reproducible,
            interpreted=progress.interpreted, subnormals=progress.subnormals, seed=asked.seed, secret=asked.secret,
            confinement=kernel.confinement, untrusted=kernel.untrusted, seconds=time.monotonic() - asked.started,
            tiles_not_met=tuple(map(progress.told.tiles_not_met, (0, 1))), largest_sizes=progress.told.largest(),
            timeout=asked.timeout, memory=kernel.memory, device=kernel.device, failure=failure,
        )  # fmt: skip

    def shown(self, verdict: Verdict, failure: Failure) -> Report:
        """The report on a failure, whose script was run first."""
        from monarch_theory.testing.reproduce import reproduced

        report = self.report(verdict, failure.smallest.judgement.message, failure)
        return reproduced(report) if self.question.explained else report

    def why(self, seen: Observation) -> Failure:
        """What went wrong, with its cause where that is to be looked for."""
        if not self.question.explained:
            return Failure(seen.judgement.message, Cause("not looked for", ""), seen, seen)
        return explain(self.kernel, seen, self.model, self.progress.truths, self.question.restrictions)

    def explained(self, seen: Observation) -> Report:
        """The report on what was seen to be wrong."""
        failure = self.why(seen)
        return self.shown(failure.smallest.judgement.verdict, failure)

    def wrong_in(self, plan: Sequence[Case], on_case: Callable[[int, int], None]) -> Report | None:
        """The report on the first case that is wrong; those that the kernel is too slow for are left out."""
        trusted = not self.kernel.untrusted
        for done, case in enumerate(plan):
            on_case(done, len(plan))
            if trusted and self.left_out(case):
                continue
            if (wrong := self.wrong_at(case, done % (SELDOM if trusted else IN_PLACE) == 0)) is not None:
                return wrong
        for case in self.progress.told.beside():
            if (wrong := self.taken_in(observe(self.kernel, case, self.model))) is not None:
                return wrong
        on_case(len(plan), len(plan))
        return None

    def left_out(self, case: Case) -> bool:
        """Whether the kernel is too slow for a case; a smaller one that says so is asked again first."""
        while (slow := self.patience.in_the_way(case)) is not None:
            self.patience.heard_again(slow, observe(self.kernel, slow, self.model).run.seconds)
        if self.patience.is_over(case):
            self.patience.skipped(case)
            self.progress.skip(case)
            return True
        return False

    def wrong_at(self, case: Case, other: bool) -> Report | None:
        """The report on a case, where that is wrong or the one beside it; `other`: other data in its arrays as well."""
        for one in self.with_positive(case):
            seen = observe(self.kernel, one, self.model, other=other and one is case)
            if one is case:
                self.patience.heard(case, seen.run.seconds, sum(a.size for a in seen.run.outputs))
            if (wrong := self.taken_in(seen)) is not None:
                return wrong
        return None

    def with_positive(self, case: Case) -> Iterator[Case]:
        """A case, and where its sums cancel so much that the bound tells nothing, one beside it where none do."""
        yield case
        if self.progress.sharpness.wants_positive(case):
            yield make_case(case.op, case.dtype, case.op.usual(case.shape), BESIDE, "contiguous", case.seed)

    def taken_in(self, seen: Observation) -> Report | None:
        """The report on what was seen, where that is wrong; otherwise it is noted."""
        if seen.judgement.verdict is Verdict.EXCEPTION:
            # a wrong value elsewhere says more than an exception here
            self.declined.append(seen)
            return None
        other_algorithm = allowed_otherwise(seen, self.model)
        if other_algorithm is not None and self.simple_is_right(seen.case, other_algorithm):
            # a case further on may still be wrong whatever is claimed
            self.otherwise.setdefault(other_algorithm, []).append(seen)
            return None
        self.progress.add(seen)
        return self.explained(seen) if seen.judgement.failed else None

    def simple_is_right(self, case: Case, algorithm: str) -> bool:
        """Whether simple data of a shape come right, which is asked once of each."""
        key, model = (tuple(case.shape.items()), algorithm), self.model
        if key not in self.simple:
            seen = (observe(self.kernel, other, model) for other in simple_cases(case))
            self.simple[key] = all(right_on_simple(one, model, algorithm) for one in seen)
        return self.simple[key]

    def wrong_after(self, plan: Sequence[Case]) -> Report | None:
        """The report on what no case showed: what many calls change, what it raised, what it does once it returned."""
        late = called_often(self.kernel, self.progress, self.model)
        if late is not None:
            return self.explained(late)
        if (left := self.wrong_after_larger(self.after_larger)) is not None:
            return left
        unexpected = [s for s in self.declined if not may_decline(s) or not self.progress.coverage.cases]
        if unexpected:
            return self.shown(Verdict.EXCEPTION, self.why(unexpected[0]))
        forged, changed, modified = self.kernel.farewell()
        if forged and self.kernel.untrusted:
            return self.report(Verdict.CRASH, forged)
        if modified:
            which = ", ".join(list(plan[0].arrays)[i] for i in modified if i < len(plan[0].arrays))
            return self.report(Verdict.MODIFIED, f"the kernel wrote into {which} some time after it had returned")
        if changed:
            return self.report(
                Verdict.STALE, "a result changed some time after it was returned, or when its arguments were gone"
            )
        # the file is run anew there, so that what earlier calls returned is looked at before
        return self.wrong_after_larger(self.first_with_larger)

    def after_larger(self) -> tuple[Observation, Case] | None:
        """As `called_after_larger`, of this check."""
        asked = self.question
        return called_after_larger(self.kernel, asked.op, asked.dtype, self.model, asked.restrictions)

    def first_with_larger(self) -> tuple[Observation, Case] | None:
        """As `called_first_with_larger`, of the cases that were right."""
        return called_first_with_larger(self.kernel, self.progress.cases, self.model)

    def wrong_after_larger(self, looked: Callable[[], tuple[Observation, Case] | None]) -> Report | None:
        """The report on a case that a larger one left something behind for; a kernel that takes long is not asked."""
        found = looked() if self.progress.is_quick(self.kernel.timeout) else None
        if found is None:
            return None
        failure = left_behind(self.kernel, *found, self.model) if self.question.explained else None
        return self.explained(found[0]) if failure is None else self.shown(found[0].judgement.verdict, failure)

    def undecided(self, plan: Sequence[Case]) -> Report | None:
        """The report where what was seen, and nothing of it wrong, is not enough."""
        for seen in self.declined:
            self.progress.decline(seen)
        why = self.why_undecided(plan)
        return self.report(Verdict.UNDECIDED, f"{why}; {self.progress.coverage.describe()}") if why else None

    def why_undecided(self, plan: Sequence[Case]) -> str:
        """Why it is not enough; empty where it is."""
        if self.otherwise:
            return why_undecided(self.otherwise)
        refused, sharpness = self.progress.coverage.refused, self.progress.sharpness
        if lacking := self.progress.coverage.lacking(plan):
            return lacking
        if self.kernel.untrusted and 2 * refused > len(plan):
            return f"{refused} of {len(plan)} cases were declined, of which a kernel that is not trusted may half"
        return self.claimed_too_much() or (sharpness.why_undecided() if sharpness.undecided_shapes else "")

    def claimed_too_much(self) -> str:
        """Of which rows the claim tells nothing where the usual one does; empty where there are none."""
        usual = self.question.op.usual_model(self.question.dtype, failure=self.model.failure)
        wider = None if self.model == usual else claims_too_much(self.progress.told, usual)
        if wider is None:
            return ""
        where, row = wider
        told = f"the bound of this claim tells nothing of {where} in rows of {row} entries, and the usual claim's does"
        return told + (f": --max-size {row - 1} leaves such rows out" if row > 1 else "")

    def wrong_in_the_mean(self) -> Report | None:
        """The report on rounding that leans to one side, which no element shows."""
        found = self.progress.bias()
        if found is None or not found.significant:
            return None
        return self.shown(Verdict.BIASED, biased(found, self.model))

    def wrong_in_a_script(self) -> Report | None:
        """The report on a kernel that is not trusted, where it is not right from a plain script."""
        if not self.kernel.untrusted or self.progress.interpreted:
            return None
        try:
            verdict, found = plainly(self.kernel, self.progress.cases, self.model, self.question.seed)
        except SandboxError as error:
            return self.report(Verdict.UNDECIDED, str(error))
        if isinstance(found, Failure):
            return self.shown(verdict, found)
        return None if verdict is Verdict.RIGHT else self.report(verdict, found)

    def right(self, timed: bool, peer: str | None) -> Report:
        """The report on a kernel that is right, and how fast it is where that is asked; it may be wrong where timed."""
        coverage, told = self.progress.coverage, self.progress.told
        what = ", ".join(filter(None, (coverage.describe(), told.describe())))
        right = self.report(Verdict.RIGHT, f"every element of {coverage.cases} cases is within its bound; {what}")
        if not timed:
            return right
        if self.progress.interpreted:
            return replace(right, untimed="Triton's interpreter ran it, whose time says nothing of a GPU")
        try:
            timing = time_kernel(self.kernel, self.progress.cases, self.model, self.question.seed, peer=peer)
            return replace(right, timing=timing)
        except WrongWhenTimedError as error:
            detail = "right where it is checked, and not where its time is measured"
            failure = Failure(error.seen.judgement.message, Cause("knows the clock", detail), error.seen, error.seen)
            return self.shown(error.seen.judgement.verdict, failure)
        except SandboxError as error:
            return self.report(Verdict.UNDECIDED, f"while its time was measured: {error}")


def claims_too_much(told: Told, usual: ErrorModel) -> tuple[str, int] | None:
    """An output at a size of which what is claimed tells nothing, where the usual claim tells, and entries of a row of
    the first argument there, of such the least; None where there is none."""
    untold = ((row_of(case), str(key), key, case) for key, case in told.untold().items())
    for row, _, (output, size), case in sorted(untold, key=lambda one: one[:2]):
        by_usual = Told()
        by_usual.add(case, reference(case, usual, usual.failure or FAILURE))
        if (output, size) in by_usual.shown:
            return f"{output} at {size[0]} {size[1]}", row
    return None


def row_of(case: Case) -> int:
    """Entries of a row of the first argument, which `--max-size` limits."""
    return prod(next(iter(case.op.arguments(case.shape).values()))[1:])


OFTEN = 40
"""Calls after which what changes with their number has changed: warm-up, choosing among ways, buffers that go round."""


def called_often(kernel: Kernel, progress: _Progress, model: ErrorModel) -> Observation | None:
    """What came of many calls on one small case, if that is not right; a kernel that takes long is not asked."""
    small = [
        (case, seconds) for case, seconds in progress.took
        if case.family in TELLING and case.layout == "contiguous" and entries(case.op, case.shape) > MORE_THAN_ONE
    ]  # fmt: skip
    if not small:
        return None
    case, seconds = small[0]
    if seconds * OFTEN > kernel.timeout:
        return None
    seen = observe(kernel, case, model, often=OFTEN)
    return seen if seen.judgement.failed else None


def called_after_larger(
    kernel: Kernel, op: Op, dtype: str, model: ErrorModel, restrictions: dict[str, Any]
) -> tuple[Observation, Case] | None:
    """What came of a small case after a call with one size larger, if that is not right, and the call before.

    Of every size such a pair is asked. Cases come from small to large, so that no buffer holds more than the case at
    hand. What a kernel declines tells nothing here.
    """
    for shapes in larger_and_smaller(op, **restrictions):
        before, after = (make_case(op, dtype, op.usual(shape), "normal", "contiguous", (0,)) for shape in shapes)
        for case in (before, after):
            seen = observe(kernel, case, model)
            declined = seen.judgement.verdict is Verdict.EXCEPTION
            if seen.judgement.failed and not declined and allowed_otherwise(seen, model) is None:
                return seen, before
    return None


def called_first_with_larger(
    kernel: Kernel, judged: Sequence[Case], model: ErrorModel
) -> tuple[Observation, Case] | None:
    """What came of a case that was right, if it is not where the first call of all had a longer axis, and that call.

    A tile, a way or a buffer may be chosen by the first call; cases come from small to large, so that it is small. For
    every axis the file is run anew, in the same process, which need not import what it imports again.
    """
    telling = [contiguous(case) for case in judged if case.family in TELLING]
    small = [case for case in telling if MORE_THAN_ONE < entries(case.op, case.shape) <= AGAIN]
    later = [small[k * len(small) // LATER] for k in range(LATER)] if len(small) >= LATER else small
    expected: dict[int, tuple[Reference, ...]] = {}
    for before in longest_of_each_axis(telling):
        anew(kernel)
        kernel.run(before, out=tuple(before.answer_shapes), repeat=False, searching=False)
        for k, case in enumerate(later):
            if k not in expected:
                expected[k] = reference(case, model, model.failure or FAILURE)
            seen = observe(kernel, case, model, None if kernel.untrusted else expected[k])
            if seen.judgement.failed and allowed_otherwise(seen, model) is None:
                return seen, before
    return None


LATER = 12
"""Cases that come after a larger first call."""


def longest_of_each_axis(judged: Sequence[Case]) -> list[Case]:
    """For every axis the case in which it is longest, within a budget of entries, each once."""
    fitting = [case for case in judged if entries(case.op, case.shape) <= SOME_ENTRIES]
    found: dict[Axis, Case] = {}
    for case in fitting:
        for axis, size in sizes_of(case.shape).items():
            if axis not in found or size > sizes_of(found[axis].shape)[axis]:
                found[axis] = case
    return list({id(case): case for case in found.values()}.values())


def anew(kernel: Kernel) -> None:
    """Run the kernel's file once more, in a new process where it cannot be run twice in one."""
    try:
        kernel.load(kernel.path, kernel.name)
    except SandboxError:
        kernel.close()


def left_behind(kernel: Kernel, seen: Observation, before: Case, model: ErrorModel) -> Failure | None:
    """The failure of a case that is right in a new process, and wrong there, too, after the call before."""
    kernel.close()
    alone = observe(kernel, seen.case, model, seen.references)
    # what the first call of all chose is left behind as well
    kernel.close()
    observe(kernel, before, model)
    again = observe(kernel, seen.case, model, seen.references)
    if alone.judgement.failed or not again.judgement.failed:
        return None
    cause = Cause(STATE, f"right in a new process, and wrong after a call with {before.describe()}")
    return Failure(seen.judgement.message, cause, seen, seen, before=before)


MORE_THAN_ONE = 16
"""Entries of all arguments of a case that tells more than one number may."""


def plainly(kernel: Kernel, judged: list[Case], model: ErrorModel, seed: int) -> tuple[Verdict, Failure | str]:
    """Whether the kernel is right as well where nothing tells it that it is judged; if not, a failure or why not."""
    chosen = plain_cases(judged, seed)
    if not chosen:
        return Verdict.RIGHT, ""
    runs = call_plainly(kernel, chosen, kernel.found_face, seconds=STARTING + MOST * kernel.timeout)
    if isinstance(runs, str):
        return Verdict.UNDECIDED, runs
    for case, run in zip(chosen, runs, strict=True):
        expected = reference(case, model, model.failure or 1e-9)
        seen = Observation(case, run, expected, judge(case, run, expected))
        if seen.judgement.verdict is not Verdict.RIGHT:
            detail = "right where it is judged, and not where a plain script calls it"
            return seen.judgement.verdict, Failure(seen.judgement.message, Cause("knows the judge", detail), seen, seen)
    return Verdict.RIGHT, ""


def biased(found: Bias, model: ErrorModel) -> Failure:
    """A failure no single element shows; the case is the one with most elements."""
    seen: Observation = found.largest
    judgement = replace(seen.judgement, verdict=Verdict.BIASED, message=found.describe())
    seen = replace(seen, judgement=judgement)
    return Failure(judgement.message, Cause("biased rounding", found.describe()), seen, seen)


def may_decline(seen: Observation) -> bool:
    """Whether an exception only says that the kernel does not take such arguments: empty, or laid out unusually."""
    return seen.case.layout in UNUSUAL or any(a.size == 0 for a in seen.case.arrays.values())


def explain(
    kernel: Kernel, seen: Observation, model: ErrorModel, calls: list[tuple[Reference, ...]],
    restrictions: dict[str, Any],
) -> Failure:  # fmt: skip
    """Shrink a failure, look at some more of its kind, and name the cause."""
    case, verdict = seen.case, seen.judgement.verdict
    if verdict is Verdict.REMEMBERED:
        return Failure(seen.judgement.message, Cause(STATE, seen.judgement.message), seen, seen)
    slow = verdict in (Verdict.HANG, Verdict.OUT_OF_MEMORY)
    shapes = selected_shapes(case.op, **restrictions)

    def fails(candidate: Case) -> bool:
        again = observe(kernel, candidate, model)
        return again.judgement.verdict is verdict and may_decline(again) == may_decline(seen)

    smallest = seen.case
    if verdict is not Verdict.UNSTABLE and not slow:
        # every crash costs a new process
        smallest = shrink(case, fails, shapes, calls=4 if verdict is Verdict.CRASH else 300)
    final = observe(kernel, smallest, model) if smallest is not case else seen
    if not final.judgement.failed:
        final = seen
    others = [] if slow or verdict is Verdict.CRASH else _further_failures(kernel, seen, model, shapes)
    of_values = verdict in (*OF_VALUES, Verdict.UNSTABLE)
    lies_otherwise = of_values and right_contiguous(kernel, seen, model)
    shown = first_found(partial(between_read, kernel), [seen, *others])
    shown = shown or (
        conjugates_taken(kernel, seen) or strides_ignored(kernel, seen, model) if lies_otherwise else None
    )
    cause = shown or _cause(kernel, [seen, *others], [*calls, *(o.references for o in others)], model, shapes)
    if lies_otherwise and cause.name in UNNAMED:
        cause = Cause(cause.name, f"{cause.detail}; right where arguments are contiguous")
    if verdict in OF_FORM and right_when_new(kernel, seen, model):
        cause = Cause(STATE, f"{seen.judgement.message}; right in a new process")
    if shown is None and of_values and cause.name not in ("stale output", STATE):
        changing = next((o for o in others if o.judgement.verdict is Verdict.UNSTABLE), seen)
        cause = state_kept(kernel, changing) or beyond_read(kernel, changing, model) or cause
        if changing.judgement.verdict is Verdict.UNSTABLE and cause.name != STATE:
            # wrong twice in a row by chance: the same call came out otherwise again
            final = replace(final, judgement=replace(final.judgement, verdict=Verdict.UNSTABLE))
    return Failure(final.judgement.message, cause, seen, final)


def _cause(
    kernel: Kernel, failures: list[Observation], calls: list[tuple[Reference, ...]], model: ErrorModel,
    shapes: Sequence[Any],
) -> Cause:  # fmt: skip
    """What `diagnose` says, if that is `confirmed`.

    The verdict stands before a cause is sought: a fault of ours there is said in its place.
    """
    try:
        return confirmed(diagnose(failures, calls, model), kernel, failures, model, shapes)
    except Exception as error:
        return Cause("not named", f"a fault of monarch while the cause was sought: {type(error).__name__}: {error}")


def confirmed(
    cause: Cause, kernel: Kernel, failures: Sequence[Observation], model: ErrorModel, shapes: Sequence[Any]
) -> Cause:  # fmt: skip
    """The cause, or none where errors that have the size of rounding do not come and go as those of rounding do.

    Of transforms nothing is asked: their tables of roots of unity are constants, whose errors stay, and at the smallest
    sizes the roots are ±1 and ±i, which no format rounds.
    """
    if cause.rounds_in is None or failures[0].case.op.random_rounding:
        return cause
    there = rounds_when_small(kernel, failures[0], model, shapes, cause.rounds_in)
    return cause if there and not errors_stay(kernel, failures, model) else unnamed(failures[0])


def errors_stay(kernel: Kernel, failures: Sequence[Observation], model: ErrorModel) -> bool:
    """Whether errors are the same where all numbers are other ones by more than a unit in the last place of any format.

    Those of rounding are not, then: their correlation is zero, or 3/4 where all bits beyond the last place are cut off
    (mean 1/2 and mean square 1/3 of a unit). Those of a wrong constant, sum or mean hardly change. Few numbers tell
    nothing.
    """
    many = sorted(failures, key=lambda one: (one.case.family in ("normal", "graded"), one.computed.size), reverse=True)
    # where a size is such that one number is all there is, as of weights under a scale of 0, roundings stay as well
    return all(errors_stay_in(kernel, seen, model) for seen in many[:FAILURES])


def errors_stay_in(kernel: Kernel, seen: Observation, model: ErrorModel) -> bool:
    """The same of one failure."""
    if seen.case.poisoned is not None or seen.computed.size < MANY_ERRORS:
        return False
    rng, position = np.random.default_rng(0), seen.judgement.output
    errors = _in_bounds(seen, seen.computed, seen.references)
    for _ in range(NUDGES):
        again = observe(kernel, nudged(seen.case, rng), model)
        if not _gave(again, position, seen.computed.shape):
            return False
        computed = again.run.outputs[position].astype(seen.computed.dtype)
        if _alike(errors, _in_bounds(seen, computed, again.references)) <= STAYS:
            return False
    return True


def _gave(seen: Observation, position: int, shape: tuple[int, ...]) -> bool:
    """Whether a run returned an array of this shape there."""
    return len(seen.run.outputs) > position and seen.run.outputs[position].shape == shape


def rounds_when_small(
    kernel: Kernel, seen: Observation, model: ErrorModel, shapes: Sequence[Any], target: formats.Format
) -> bool:  # fmt: skip
    """Whether the output has errors of a format at one of the smallest sizes, too: what rounds does so everywhere.

    A wrong row or tile that few sizes have may be as small as some rounding, and is not there otherwise.
    """
    position, told = seen.judgement.output, 0
    for shape in shapes:
        if min(sizes_of(shape).values(), default=0) < 2:
            continue
        case = make_case(seen.case.op, seen.case.dtype, seen.case.op.usual(shape), "normal", "contiguous", (0,))
        again = observe(kernel, case, model)
        wanted = again.references[position].truth.high
        if wanted.size < MANY_ERRORS or not _gave(again, position, wanted.shape):
            continue
        judgement = replace(again.judgement, output=position)
        if rounds_in(target, replace(again, judgement=judgement)):
            return True
        told += 1
        if told == SMALLEST:
            return False
    return not told


MANY_ERRORS, NUDGES, STAYS = 12, 3, 7 / 8
"""Errors that tell something, how often they are compared with those of other numbers, and how alike they are then."""

FAILURES = 3
"""Of so many failures it is asked whether their errors stay."""

SMALLEST = 4
"""How many of the smallest sizes may be without errors before rounding is no longer believed."""

NUDGE = 32 * max(f.unit_roundoff for f in formats.FORMATS)
"""By how much numbers are made smaller, at most: 32 roundings in the format of fewest bits, an eighth."""


def nudged(case: Case, rng: np.random.Generator) -> Case:
    """The case with every number a little nearer to zero, where the domains that ops have remain what they are."""
    arrays = {
        name: stored(a * (1 - NUDGE * rng.random(a.shape)), own) if a.dtype.kind in "fc" else a
        for (name, a), own in zip(case.arrays.items(), case.dtypes, strict=True)
    }
    return replace(case, arrays=arrays, layout="contiguous")


def _in_bounds(seen: Observation, computed: np.ndarray, references: Sequence[Reference]) -> np.ndarray:
    """Errors in units of their bounds, so that large ones do not stand for all."""
    one = references[seen.judgement.output]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num((computed - one.truth.high) / one.bound, posinf=0.0, neginf=0.0).ravel()


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """The cosine of their angle."""
    both = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.vdot(one, other).real) / both if both else 0.0


def first_found(look: Callable[[Observation], Cause | None], failures: Sequence[Observation]) -> Cause | None:
    """The first cause there is."""
    return next((cause for cause in map(look, failures) if cause is not None), None)


def between_read(kernel: Kernel, seen: Observation) -> Cause | None:
    """Whether what lies between the elements of arguments is read, or beyond their end, where no stride leads."""
    if seen.judgement.verdict is not Verdict.NAN or not WITH_GAPS & set(seen.case.layouts):
        return None
    if not comes_out(kernel, seen, seen.case):
        return None
    if comes_out(kernel, seen, replace(seen.case, layout="followed")):
        return Cause("access out of bounds", "it reads beyond the end of an argument: NaN there comes out")
    return Cause("strides ignored", "it reads between the elements of a strided argument: NaN there comes out")


def comes_out(kernel: Kernel, seen: Observation, case: Case) -> bool:
    """Whether NaN comes out where what lies around the elements of arguments is NaN, and numbers where it is zero.

    On a device a NaN loses the bits that tell where it is from. The runs are made twice, lest it came by chance.
    """
    out, position = tuple(one.truth.high.shape for one in seen.references), seen.judgement.output
    runs = [kernel.run(case, out=out, repeat=False, searching=False, padded=p) for p in (True, False) * 2]
    if any(len(run.outputs) <= position or run.outputs[position].shape != out[position] for run in runs):
        return False
    lost = [np.isnan(run.outputs[position]) & np.isfinite(seen.expected.truth.high) for run in runs]
    same = np.array_equal(lost[0], lost[2]) and np.array_equal(lost[1], lost[3])
    return bool(same and (lost[0] & ~lost[1]).any())


WITH_GAPS = {"strided", "reversed", "misaligned", "recorded"}
"""Layouts with memory of no argument between or around the elements, of one kind of arrays at least."""

LIE_OTHERWISE = {
    "strided", "transposed", "reversed", "misaligned", "expanded", "recorded", "conjugated", *SIDE_BY_SIDE,
}  # fmt: skip
"""Layouts that what takes every argument for contiguous reads wrongly."""


def right_contiguous(kernel: Kernel, seen: Observation, model: ErrorModel) -> bool:
    """Whether the case failed where arguments lie otherwise, and the same values are right where they are contiguous.

    It is asked more than once: what changes between runs may come out right by chance.
    """
    if not LIE_OTHERWISE & set(seen.case.layouts):
        return False
    case = contiguous(seen.case)
    return not any(observe(kernel, case, model, seen.references).judgement.failed for _ in range(REPEATS))


def conjugates_taken(kernel: Kernel, seen: Observation) -> Cause | None:
    """Why a kernel that is right where arguments are contiguous is not where a bit says that they are conjugated."""
    if kernel.found_face != "torch" or "conjugated" not in seen.case.layouts:
        return None
    return Cause("conjugate", "the bit of a tensor that says that its memory holds the conjugates is ignored")


def strides_ignored(kernel: Kernel, seen: Observation, model: ErrorModel) -> Cause | None:
    """Whether a kernel that read memory beyond an argument, which may hold anything, reads between elements as well.

    The same values are laid out with gaps, whose memory is ours: every other element, and rows of a wider buffer.
    """
    apart = [layout for (face, layout), _ in IN_PLACE_OF.items() if face == kernel.found_face]
    cases = (replace(seen.case, layout=layout) for layout in ("strided", *apart))
    return first_found(partial(between_read, kernel), [observe(kernel, c, model, seen.references) for c in cases])


BEYOND = {"expanded", "reversed"}
"""Layouts beyond whose buffer other memory lies when one takes them for contiguous, which may hold anything."""


def contiguous(case: Case) -> Case:
    """The same arguments, each contiguous."""
    return replace(case, layout="contiguous")


def beyond_read(kernel: Kernel, seen: Observation, model: ErrorModel) -> Cause | None:
    """That a result which changes may be no race: it does not where arguments lie so that nothing is read beyond."""
    if seen.judgement.verdict is not Verdict.UNSTABLE or not BEYOND & set(seen.case.layouts):
        return None
    if not right_contiguous(kernel, seen, model):
        return None
    return Cause("not recognised", "the result changes between runs, and is right where arguments are contiguous")


def state_kept(kernel: Kernel, seen: Observation) -> Cause | None:
    """Whether the result depends on earlier calls: new processes agree with each other, and not with what was seen.

    A kernel that reads other memory has another result in a new process, too: where it may have, it is asked once more,
    of arguments that are contiguous.
    """
    out = tuple(one.truth.high.shape for one in seen.references)
    if BEYOND & set(seen.case.layouts):
        case = contiguous(seen.case)
        seen = replace(seen, case=case, run=kernel.run(case, out=out))

    def anew() -> list[tuple[bytes, ...]]:
        kernel.close()
        return [results_of(kernel.run(seen.case, out=out, searching=False)) for _ in range(3)]

    first = anew()
    # a race may agree with itself once by chance; five times in a row it hardly does
    if not all(first) or any(anew() != first for _ in range(ANEW)):
        return None
    given = results_of(seen.run)
    if len(set(first)) > 1 or any(len(run) > len(seen.references) for run in first):
        return Cause(STATE, "the result depends on how many calls came before it, the same way in every new process")
    if given not in first:
        return Cause(STATE, "the same arguments give another result in a new process")
    if seen.judgement.verdict is Verdict.UNSTABLE:
        often = f"{len(first) * (1 + ANEW)} runs in {1 + ANEW} new processes gave one result"
        return Cause(UNNAMED[0], f"{often}, and runs after other calls several: a state that is kept, or a rare race")
    return None


OF_FORM = (Verdict.WRONG_SHAPE, Verdict.WRONG_DTYPE, Verdict.NOT_AN_ARRAY, Verdict.EXCEPTION)
"""Verdicts of which a state that is kept may be the cause, and no number tells."""


def right_when_new(kernel: Kernel, seen: Observation, model: ErrorModel) -> bool:
    """Whether the same call is right where none came before it."""
    kernel.close()
    return observe(kernel, seen.case, model, seen.references).judgement.verdict is Verdict.RIGHT


ANEW = 5
"""New processes that are to agree with a first one."""


def results_of(run: Run) -> tuple[bytes, ...]:
    """What a run gave, and once more if that was something else: all NaN are alike, whose bits hardware chooses."""
    outputs, again = (
        tuple(np.where(np.isnan(a), np.nan, a).tobytes() for a in arrays) for arrays in (run.outputs, run.again)
    )
    return outputs if again == outputs else (*outputs, *again)


REPEATS = 5
"""Further looks at a failing case: a result of one or two elements may come out wrong twice before it changes."""


def _changes(kernel: Kernel, seen: Observation, model: ErrorModel) -> list[Observation]:
    """Further runs of a failing case that were right, or differ: then its result changes between runs."""
    again = (observe(kernel, seen.case, model, seen.references) for _ in range(REPEATS))
    others = [o for o in again if o.judgement.verdict in (Verdict.RIGHT, Verdict.UNSTABLE)]
    return [replace(o, judgement=replace(o.judgement, verdict=Verdict.UNSTABLE)) for o in others]


def _further_failures(kernel: Kernel, seen: Observation, model: ErrorModel, shapes: list[Any]) -> list[Observation]:
    """Failures at the same and larger shapes with values that tell faults apart, and results that change."""
    case = seen.case
    found = _changes(kernel, seen, model) if seen.judgement.verdict in OF_VALUES else []
    start = shapes.index(case.sizes) if case.sizes in shapes else 0
    for position in dict.fromkeys((start, start + 3, start + 7, start + 15, start + 30)):
        if position < len(shapes):
            other = make_case(case.op, case.dtype, shapes[position], "normal", case.layout, (*case.seed, 77, position))
            again = observe(kernel, other, model)
            if again.judgement.verdict in (seen.judgement.verdict, Verdict.UNSTABLE):
                found.append(again)
    if seen.judgement.verdict is Verdict.WRONG:
        # where nothing is to be rounded, errors are none of rounding
        exact = make_case(case.op, case.dtype, case.shape, "integers", "contiguous", (*case.seed, 78))
        again = observe(kernel, exact, model)
        found += [again] if again.judgement.verdict is Verdict.WRONG else []
    return found


class _Progress:
    """What has been seen so far."""

    def __init__(self, model: ErrorModel) -> None:
        self.model = model
        self.coverage = Coverage()
        self.worst: Worst | None = None
        self.nearest: Observation | None = None
        self.reproducible = True
        self.interpreted = False
        self.subnormals = "not tried"
        self.ulps: list[np.ndarray] = []
        self.truths: list[tuple[Reference, ...]] = []
        self.outputs: dict[str, float] = {}
        self.sharpness = Sharpness()
        self.told = Told()
        self.seen: list[Observation] = []
        self.cases: list[Case] = []
        self.took: list[tuple[Case, float]] = []

    def skip(self, case: Case) -> None:
        """Leave out a case that the kernel is too slow for."""
        self.coverage = self.coverage.without(case)

    def decline(self, seen: Observation) -> None:
        """Note a case the kernel does not take."""
        self.coverage = self.coverage.refusing(seen.case, seen.judgement.message)

    def bias(self) -> Bias | None:
        """The mean error toward or away from zero, where there is enough to tell."""
        return bias_of(self.seen, self.model)

    def is_quick(self, seconds: float) -> bool:
        """Whether some case was so small that many more of its kind take no longer than this."""
        return min((taken for _, taken in self.took), default=seconds) * OFTEN <= seconds

    def add(self, seen: Observation) -> None:
        judgement = seen.judgement
        if judgement.verdict in (Verdict.REFUSED, Verdict.UNDECIDED):
            self.decline(seen)
            return
        self.interpreted |= seen.run.interpreted
        if seen.flushed or (self.subnormals == "not tried" and has_subnormals(seen.case)):
            self.subnormals = "taken for zero" if seen.flushed else "kept"
        self.coverage = self.coverage.with_judged(seen.case, judgement.compared, judgement.unbounded)
        self.cases.append(seen.case)
        self.took.append((seen.case, seen.run.seconds))
        self.truths = [*self.truths[-40:], seen.references]
        self.reproducible &= judgement.reproducible
        self.sharpness.add(seen.case, seen.references, judgement)
        self.told.add(seen.case, seen.references)
        if judgement.index is None:
            return
        if seen.case.family in ("normal", "graded"):
            self.seen.append(seen)
        for computed, expected in zip(seen.run.outputs, seen.references, strict=True):
            self.ulps.append(ulps(computed, expected, seen.case.dtype))
        for output, one in zip(seen.case.op.outputs(seen.case.shape), judgement.outputs, strict=True):
            self.outputs[output.name] = max(self.outputs.get(output.name, 0.0), one.ratio)
        if self.worst is None or judgement.ratio >= self.worst.ratio:
            output = seen.case.op.outputs(seen.case.shape)[judgement.output]
            element = output.element(seen.case.shape, judgement.index)
            case = seen.case.describe()
            self.worst = Worst(judgement.ratio, judgement.error, judgement.bound, output.name, element, case)
            self.nearest = seen

    def ratio_to(self, held_to: str) -> float:
        """The largest error over one of the two bounds, in the case where that is worst for the one it is held to."""
        if self.nearest is None:
            return 0.0
        pairs = zip(self.nearest.run.outputs, self.nearest.references, strict=True)
        return max(expected.ratio_to(held_to, computed) for computed, expected in pairs)
