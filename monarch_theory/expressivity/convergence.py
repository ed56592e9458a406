"""How the iterative fits come near: the relative residual after every sweep or turn, of every start.

A fit that goes round says so by `watch`, which costs nothing unless somebody looks on with `residuals`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from monarch_theory.expressivity.families.family import Family

__all__ = ["Course", "courses", "draw_courses", "residuals", "watch"]

Run = list[float]
_RUNS: ContextVar[list[Run] | None] = ContextVar("runs", default=None)


@contextmanager
def residuals() -> Iterator[list[Run]]:
    """What the fits inside go through: a list for every start, of relative residuals.

    >>> with residuals() as runs:
    ...     note = watch()
    ...     note(0.5)
    ...     note(0.25)
    >>> runs
    [[0.5, 0.25]]
    """
    runs: list[Run] = []
    token = _RUNS.set(runs)
    try:
        yield runs
    finally:
        _RUNS.reset(token)


def watch() -> Callable[[float], None]:
    """Begin a run; what to call with the relative residual after each sweep."""
    runs = _RUNS.get()
    if runs is None:
        return _nobody
    runs.append([])
    return runs[-1].append


def _nobody(residual: float) -> None:
    """Nobody looks on."""


@dataclass(frozen=True)
class Course:
    """One run of a family's fit: relative residuals by sweep, of the setting in words."""

    title: str
    setting: str
    residuals: tuple[float, ...]


def courses(matrix: np.ndarray, families: Sequence[Family], budget: int) -> list[Course]:
    """Of every family whose fit goes round more than once: the run that comes nearest, of its nearest member.

    Args:
        matrix: float64 or complex128, of ordinary size.
        budget: most parameters.

    >>> from monarch_theory.expressivity.families import families_for
    >>> found = courses(np.random.default_rng(0).standard_normal((16, 16)), families_for((16, 16)), 160)
    >>> "Monarch, order 3" in {course.title for course in found}
    True
    """
    from monarch_theory.expressivity.spectra import Spectra

    found = []
    for family in families:
        try:
            near = family.nearest(Spectra.of([matrix]), budget)
        except ValueError:
            continue
        if near is None:
            continue
        with residuals() as runs:
            family.fit(matrix, near.setting)
        long = [run for run in runs if len(run) > 1]
        if long:
            best = min(long, key=min)
            found.append(Course(family.title, near.setting.label, tuple(best)))
    return found


def draw_courses(found: Sequence[Course], of: str) -> Figure:
    """The residual less the least of its run, and the residual itself, by sweep."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for course in found:
        sweeps = np.arange(1, len(course.residuals) + 1)
        values = np.array(course.residuals)
        (line,) = above.plot(sweeps, values, marker=".", label=f"{course.title}: {course.setting}")
        beyond = values - values.min()
        below.semilogy(sweeps[beyond > 0], beyond[beyond > 0], marker=".", color=line.get_color())
    above.set_ylabel("relative residual")
    above.set_title(of, fontsize=9)
    above.legend(fontsize=5)
    below.set_ylabel("less the least of the run")
    below.set_xlabel("sweep or turn")
    below.set_xscale("log")
    return figure
