"""Exercises to program, graded: an answer is right, or the smallest input tried that shows it is not is named.

An answer is a function in a file of the reader's own. It runs in a child process with limits, is given integer arrays,
and has to give the exact integers that the reference gives; a kernel is held to the bounds of `monarch check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.sandbox import Outcome, Sandbox, SandboxError
from monarch_theory.sandbox.limits import MEMORY

__all__ = ["Exercise", "Graded", "grade"]

Arrays = tuple[np.ndarray, ...]

THEIRS = (Outcome.EXCEPTION, Outcome.NOT_AN_ARRAY)
"""Endings that are a wrong answer to an input, not a failure to ask."""


@dataclass(frozen=True)
class Graded:
    """What became of an answer.

    verdict: "right", "wrong" or "undecided"; evidence: how it is known; tried: inputs compared; reason: what was
    found; smallest: the input that shows it, by argument, where it is wrong.
    """

    verdict: str
    evidence: str
    tried: int
    reason: str
    smallest: dict[str, Any] | None = None

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 2 undecided."""
        return {"right": 0, "wrong": 1}.get(self.verdict, 2)


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    number: lesson and exercise; name, arguments: of the function; task: what it returns; inputs: from a seed, integer
    arrays, smallest first; answer: the reference, exact. No `answer`: a kernel, checked as `op`.
    """

    number: str
    name: str
    arguments: tuple[str, ...]
    task: str
    inputs: Callable[[np.random.Generator], Iterator[Arrays]] | None = None
    answer: Callable[..., np.ndarray] | None = None
    op: str = ""


def grade(exercise: Exercise, path: str | Path, *, seed: int = 0, timeout: float = 60.0) -> Graded:
    """Whether the function `exercise.name` of the file `path` is right.

    Never raises for what the file does: what cannot be asked is undecided, and says why.

    >>> import pathlib, tempfile
    >>> from monarch_theory.exercises.rows import EXERCISES
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "mine.py")
    ...     _ = file.write_text("def padding(n, m): return n + m")
    ...     print(grade(EXERCISES["4.3"], file).reason)
    given n = [1], m = [1]: expected [1], got [2]
    """
    if exercise.inputs is None or exercise.answer is None:
        return _graded_kernel(exercise, path, seed, timeout)
    tried = 0
    try:
        with Sandbox(path, exercise.name, timeout=timeout, memory=MEMORY, seed=seed) as child:
            child.load()
            for arrays in exercise.inputs(np.random.default_rng(seed)):
                named = dict(zip(exercise.arguments, arrays, strict=True))
                fault = _fault(child, arrays, np.asarray(exercise.answer(*arrays)))
                tried += 1
                if fault:
                    given = ", ".join(f"{name} = {_shown(array)}" for name, array in named.items())
                    smallest = {name: array.tolist() for name, array in named.items()}
                    return Graded("wrong", "exact, one input", tried, f"given {given}: {fault}", smallest)
    except SandboxError as error:
        return Graded("undecided", "none", tried, str(error))
    if tried == 0:
        return Graded("undecided", "none", 0, "no input was tried")
    return Graded("right", f"exact, on {tried} inputs", tried, f"equal to the reference on all {tried} inputs tried")


def _fault(child: Sandbox, arrays: Arrays, expected: np.ndarray) -> str:
    """What is wrong with the answer to one input, or nothing."""
    wanted = f"expected {_shown(expected)}"
    try:
        (found,) = child.evaluate(*arrays)
    except SandboxError as error:
        if error.outcome in THEIRS:
            return f"{wanted}, got {error}"
        raise
    if found.shape != expected.shape:
        return f"expected shape {expected.shape}, got {found.shape}"
    if not np.array_equal(found, expected):  # NaN is equal to nothing
        return f"{wanted}, got {_shown(found)}"
    return ""


def _shown(array: np.ndarray) -> str:
    text = np.array2string(array, threshold=64, separator=", ")
    return " ".join(text.split())


def _graded_kernel(exercise: Exercise, path: str | Path, seed: int, timeout: float) -> Graded:
    from monarch_theory.testing.check import check
    from monarch_theory.testing.judge import Verdict

    report = check(path, exercise.name, exercise.op, order=2, seed=seed, cases_wanted=60, timeout=timeout)
    verdict = {Verdict.RIGHT: "right", Verdict.UNDECIDED: "undecided"}.get(report.verdict, "wrong")
    evidence = "none" if verdict == "undecided" else f"measured, {report.cases} cases"
    return Graded(verdict, evidence, report.cases, report.message or report.verdict.value)
