"""Run the corpus: every mutant must be caught, and no right kernel blamed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from monarch_theory.rounding import ErrorModel, default_model
from monarch_theory.testing.bias import bias_of
from monarch_theory.testing.cases import Case, cases, make_case, selected_shapes
from monarch_theory.testing.check import (
    between_read,
    called_after_larger,
    called_first_with_larger,
    confirmed,
    first_found,
    left_behind,
    may_decline,
    observe,
    state_kept,
)
from monarch_theory.testing.diagnose import UNNAMED, Observation, diagnose
from monarch_theory.testing.judge import OF_VALUES, Reference, Verdict, reference
from monarch_theory.testing.kernel import Kernel
from monarch_theory.testing.mutants.corpus import MUTANTS, RIGHT
from monarch_theory.testing.mutants.mutant import MOST_ENTRIES, Mutant, RightKernel
from monarch_theory.testing.op import Shape
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.sizes import entries

__all__ = ["Caught", "CleanRun", "missing_library", "passes_fixed_tolerance", "run_clean", "run_mutants"]

NEEDS = {
    "monarch_gpu": ("monarch_gpu", "torch"), "triton": ("triton", "torch"), "torch": ("torch",), "jax": ("jax",),
    "cupy": ("monarch_gpu",), "cuda": ("monarch_gpu",), "torch_layers": ("torch",),
    "torch_algorithms": ("torch",), "triton_layers": ("triton", "torch"),
}  # fmt: skip
"""Packages that kernels `with_LIBRARY` import."""

MEMORY: dict[str, float | None] = {"cuda": None}
"""GiB, where not 8: the address sanitizer reserves most of the address space."""


@dataclass(frozen=True)
class Caught:
    """What became of one mutant; `verdict` RIGHT means that it escaped."""

    mutant: Mutant
    verdict: Verdict
    cause: str
    detail: str
    cases: int
    passes_fixed_rtol: bool | None = None

    @property
    def cause_is_right(self) -> bool:
        """Whether it is the one that the mutant has."""
        return self.cause == self.mutant.cause and self.cause not in UNNAMED

    @property
    def cause_is_wrong(self) -> bool:
        """Whether another one was named."""
        return self.verdict is not Verdict.RIGHT and self.cause not in (self.mutant.cause, *UNNAMED)


@dataclass(frozen=True)
class CleanRun:
    """Right kernels in one dtype: how many runs, and the false alarms among them."""

    kernel: RightKernel
    dtype: str
    runs: int
    refused: int
    alarms: tuple[str, ...] = field(default=())
    worst_ratio: float = 0.0
    passes_fixed_rtol: bool | None = None


def missing_library(library: str) -> str | None:
    """The package or program that kernels `with_LIBRARY` need and that is not installed, or None."""
    for package in NEEDS.get(library, ()):
        if importlib.util.find_spec(package) is None:
            return package
    return "g++" if library == "cuda" and shutil.which("g++") is None else None


@contextmanager
def one_thread() -> Iterator[None]:
    """Kernels of a few hundred numbers are slower on two threads than on one."""
    kept = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if kept is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = kept


class References:
    """Cases and their exact answers, which kernels of one op and dtype share; none is computed before it is asked for.

    An exact answer costs more than a run, and most kernels are asked a few of the cases that are planned.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.planned: dict[tuple[str, str, int, int, int, str], Iterator[Case]] = {}
        self.known: dict[tuple[str, str, int, int, int, str], list[tuple[Case, tuple[Reference, ...]]]] = {}

    def of(
        self,
        op: str,
        dtype: str,
        count: int,
        max_size: int,
        most: int = MOST_ENTRIES,
        algorithm: str = "conventional",
    ) -> Iterator[tuple[Case, tuple[Reference, ...]]]:
        key = (op, dtype, count, max_size, most, algorithm)
        if key not in self.known:
            plan = cases(op_named(op), dtype, seed=self.seed, count=count, max_size=max_size, most_entries=most)
            self.planned[key], self.known[key] = iter(plan), []
        yield from self.known[key]
        model = usual_model(op, dtype, algorithm)
        for case in self.planned[key]:
            self.known[key].append((case, reference(case, model)))
            yield self.known[key][-1]


def usual_model(op: str, dtype: str, algorithm: str = "conventional") -> ErrorModel:
    """What `monarch check` holds a kernel of this op to unless it claims something else."""
    declared = op_named(op)
    failure = 1e-9 if declared.random_rounding else None
    return declared.usual_model(dtype, failure=failure, algorithm=algorithm)


@contextmanager
def written(sources: dict[str, str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for name, source in sources.items():
            Path(folder, f"{name}.py").write_text(source)
        yield Path(folder)


def run_mutants(
    mutants: tuple[Mutant, ...] = MUTANTS,
    *,
    seed: int = 0,
    on_mutant: Callable[[str], None] = lambda name: None,
) -> list[Caught]:
    """Check every mutant whose library is installed; one process per library, restarted when a mutant ends it."""
    found, references = [], References(seed)
    files = {f"mutant_{m.library}_{m.name}".replace("-", "_"): m.source for m in mutants}
    kernels: dict[str, Kernel] = {}
    with written(files) as folder, one_thread():
        try:
            for mutant, file in zip(mutants, files, strict=True):
                on_mutant(mutant.name)
                if missing_library(mutant.library):
                    continue
                path = folder / f"{file}.py"
                if mutant.library not in kernels:
                    memory = MEMORY.get(mutant.library, 8.0)
                    kernels[mutant.library] = Kernel(path, mutant.function, timeout=60.0, memory=memory)
                kernel = kernels[mutant.library]
                kernel.load(path, mutant.function)
                kernel.timeout = 2.0 if mutant.cause == "hang" else 60.0
                found.append(_catch(mutant, kernel, references))
        finally:
            for kernel in kernels.values():
                kernel.close()
    return found


def _catch(mutant: Mutant, kernel: Kernel, references: References) -> Caught:
    model = usual_model(mutant.op, mutant.dtype)
    fixed = None
    if mutant.cause not in ("hang", "crash", "out of memory"):
        fixed = passes_fixed_tolerance(kernel, mutant.op, mutant.dtype, 1e-2, 1e-2, mutant.max_size)
    failures: list[Observation] = []
    telling: list[Observation] = []
    history: list[tuple[Reference, ...]] = []
    judged: list[Case] = []
    ran = 0
    for case, expected in references.of(mutant.op, mutant.dtype, mutant.cases, mutant.max_size, mutant.most_entries):
        seen = observe(kernel, case, model, expected)
        ran += not failures
        history.append(expected)
        judged.append(case)
        if not failures and case.family in ("normal", "graded") and seen.judgement.index is not None:
            telling.append(seen)
        if seen.judgement.failed and not (seen.judgement.verdict is Verdict.EXCEPTION and may_decline(seen)):
            failures.append(seen)
            if seen.judgement.verdict not in OF_VALUES or len(failures) == 6:
                break
    if not failures:
        restrictions = {"max_size": mutant.max_size}
        late = called_after_larger(kernel, op_named(mutant.op), mutant.dtype, model, restrictions)
        late = late or called_first_with_larger(kernel, judged, model)
        if late is not None and (left := left_behind(kernel, *late, model)) is not None:
            return Caught(mutant, late[0].judgement.verdict, left.cause.name, left.cause.detail, ran, fixed)
        failures = [] if late is None else [late[0]]
    if not failures:
        found = bias_of(telling, model)
        if found is not None and found.significant:
            return Caught(mutant, Verdict.BIASED, "biased rounding", found.describe(), ran, fixed)
        return Caught(mutant, Verdict.RIGHT, "", "", ran, fixed)
    cause = first_found(partial(between_read, kernel), failures) or diagnose(failures, history, model)
    cause = confirmed(cause, kernel, failures, model, selected_shapes(op_named(mutant.op), max_size=mutant.max_size))
    if cause.name == "not recognised":
        cause = state_kept(kernel, failures[0]) or cause
    return Caught(mutant, failures[0].judgement.verdict, cause.name, cause.detail, ran, fixed)


def run_clean(
    kernels: tuple[RightKernel, ...] = RIGHT,
    *,
    runs: int = 10_000,
    seed: int = 0,
    on_runs: Callable[[str, int], None] = lambda name, done: None,
) -> list[CleanRun]:
    """At least `runs` runs of right kernels, spread over those that are installed; refused cases do not count."""
    pairs = [(k, dtype) for k in kernels for dtype in k.dtypes if not missing_library(k.library)]
    # the slow ones first: what they fall short of their share, the others make up for
    pairs.sort(key=lambda pair: pair[0].most_runs is None)
    references, found, done = References(seed), [], 0
    files = {f"right_{k.library}": k.source for k in kernels}
    with written(files) as folder, one_thread(), ExitStack() as stack:
        processes: dict[str, Kernel] = {}
        for position, (right, dtype) in enumerate(pairs):
            path = folder / f"right_{right.library}.py"
            if right.library not in processes:
                process = Kernel(path, right.function, timeout=120.0, memory=MEMORY.get(right.library, 8.0))
                processes[right.library] = stack.enter_context(process)
            kernel = processes[right.library]
            kernel.load(path, right.function)
            share = max(1, -(-(runs - done) // (len(pairs) - position)))
            share = min(share, right.most_runs or share)
            clean = _clean(right, dtype, kernel, share, references, on_runs)
            done += clean.runs
            found.append(clean)
    return found


def _clean(
    right: RightKernel, dtype: str, kernel: Kernel, share: int, references: References,
    on_runs: Callable[[str, int], None],
) -> CleanRun:  # fmt: skip
    model = usual_model(right.op, dtype, right.algorithm)
    alarms, worst, refused, ran = [], 0.0, 0, 0
    fixed = passes_fixed_tolerance(kernel, right.op, dtype, *ASSERT_CLOSE[dtype], right.max_size)
    # half as many again as wanted, for kernels that refuse some shapes; rounded so that kernels share exact answers
    count = -(-share * 3 // 2 // 50) * 50
    for case, expected in references.of(right.op, dtype, count, right.max_size, algorithm=right.algorithm):
        if ran == share:
            break
        judgement = observe(kernel, case, model, expected).judgement
        if judgement.verdict is Verdict.REFUSED:
            refused += 1
            continue
        ran += 1
        on_runs(right.function, 1)
        worst = max(worst, judgement.ratio)
        if judgement.verdict is not Verdict.RIGHT:
            alarms.append(f"{judgement.verdict.value}: {judgement.message} ({case.describe()})")
    return CleanRun(right, dtype, ran, refused, tuple(alarms), worst, fixed)


ASSERT_CLOSE = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip
"""(rtol, atol) that `torch.testing.assert_close` takes by default."""


def passes_fixed_tolerance(kernel: Kernel, op: str, dtype: str, rtol: float, atol: float, max_size: int) -> bool:
    """The test many people write: one contiguous normal input of a middling power-of-two shape, and `allclose`."""
    declared = op_named(op)
    selected = selected_shapes(declared, max_size=max_size, most_entries=1 << 16)
    listed = [s for s in declared.shapes() if s in selected]
    shapes = sorted((s for s in listed if s["batch"] in (2, 1) and _even(s)), key=lambda s: entries(declared, s))
    case = make_case(declared, dtype, declared.usual(shapes[-1]), "normal", "contiguous", (0, 99))
    expected = [one.truth.high for one in reference(case, MODEL)]
    run = kernel.run(case, repeat=False, out=tuple(one.shape for one in expected))
    if run.outcome is not None or run.refused or [o.shape for o in run.outputs] != [e.shape for e in expected]:
        return False
    return all(np.allclose(o, e, rtol=rtol, atol=atol) for o, e in zip(run.outputs, expected, strict=True))


MODEL: ErrorModel = default_model("float64")


def _even(shape: Shape) -> bool:
    sizes = [n for v in shape.values() for n in (v if isinstance(v, tuple) else (v,)) if isinstance(n, int)]
    orders = [len(v) for v in shape.values() if isinstance(v, tuple)]
    return all(n & (n - 1) == 0 for n in sizes) and max(orders, default=0) <= 2
