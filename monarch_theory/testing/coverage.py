"""What a verdict rests on: what was compared, and what was refused, not tried, or had no bound that tells anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from monarch_theory.testing.cases import BLIND, TOGETHER, Case, make_case, met_by
from monarch_theory.testing.judge import Reference
from monarch_theory.testing.sizes import TILES, entries, sizes_of, tiles_not_met

__all__ = ["Coverage", "Patience", "Told"]

LEAST_SHARE = 0.1
"""Of the cases planned, and of the elements that came back, what must have been compared for a kernel to be right."""

LEAST_SIZE = 64
"""Entries of one data row and of the other arguments, that some case compared must have: fewer are trivial."""


@dataclass(frozen=True)
class Coverage:
    """Counts.

    Attributes:
        cases: judged, with elements compared or empty; refused: declined by the kernel; untried: it is too slow for.
        elements: compared with a bound below the answer; unbounded: returned where no bound tells anything.
        largest: the largest case compared; refusal: why the first case was refused.
        size: entries of one data row and of the other arguments, in the largest case by that measure.
        compared_cases: cases in which some element was compared.
    """

    cases: int = 0
    refused: int = 0
    untried: int = 0
    elements: int = 0
    unbounded: int = 0
    compared_cases: int = 0
    size: int = 0
    largest: Case | None = None
    first_untried: Case | None = None
    refusal: str = ""

    def with_judged(self, case: Case, compared: int, unbounded: int) -> Coverage:
        """After one more case."""
        more = replace(
            self, cases=self.cases + 1, elements=self.elements + compared, unbounded=self.unbounded + unbounded
        )
        if not compared:
            return more
        larger = self.largest is None or entries(case.op, case.shape) >= entries(case.op, self.largest.shape)
        largest, size = case if larger else self.largest, max(self.size, size_of(case))
        return replace(more, compared_cases=self.compared_cases + 1, largest=largest, size=size)

    def refusing(self, case: Case, why: str) -> Coverage:
        """After one more case that the kernel does not take."""
        return replace(self, refused=self.refused + 1, refusal=self.refusal or f"{why} ({case.describe()})")

    def without(self, case: Case) -> Coverage:
        """After one more case that was not tried."""
        return replace(self, untried=self.untried + 1, first_untried=self.first_untried or case)

    @property
    def share(self) -> float:
        """Of the elements returned, the share that was compared."""
        return self.elements / max(self.elements + self.unbounded, 1)

    def lacking(self, plan: Sequence[Case]) -> str:
        """What is missing before anything can be called right, of what was planned; empty where nothing is."""
        telling = [case for case in plan if all(a.size for a in case.arrays.values())]
        least_cases = max(1, int(LEAST_SHARE * len(telling)))
        least_size = min(LEAST_SIZE, max(map(size_of, telling), default=1))
        if not self.cases and self.refused:
            return "the kernel refused every case"
        if self.compared_cases < least_cases:
            return f"results of {self.compared_cases} cases were compared, of {len(telling)}; it takes {least_cases}"
        if self.share < LEAST_SHARE:
            return f"{self.share:.1%} of elements have a bound that tells them from zero; it takes {LEAST_SHARE:.0%}"
        if self.size < least_size:
            return (
                f"only trivial cases were compared, of {self.size} entries at most besides the batch; "
                f"it takes {least_size}"
            )
        return ""

    def describe(self) -> str:
        """What was compared and what was not, in one line."""
        parts = [f"{self.elements} elements compared"]
        if self.unbounded:
            parts.append(f"{1 - self.share:.1%} of all had no bound that tells anything")
        if self.refused:
            parts.append(f"it declined {self.refused} cases, the first by {self.refusal}")
        if self.first_untried is not None:
            parts.append(f"{self.untried} cases not tried, as it is slow: {self.first_untried.describe()} and larger")
        return ", ".join(parts)


def size_of(case: Case) -> int:
    """Entries of one data row and of the other arguments."""
    data, *others = case.arrays.values()
    rows = case.shape.get("batch", 1) or 1
    return data.size // rows + sum(prod(a.shape) for a in others)


class Told:
    """Which sizes had a case whose answer shows a wrong value, and which are still to have one.

    A family of values tells much of most ops. Yet silu of what is far below zero is zero, and so is what a mask or a
    closed gate leaves: where most of an answer is less than its bound, zeros in its place would be right.
    """

    def __init__(self) -> None:
        self.shown: set[tuple[str, tuple[str, object]]] = set()
        self.hidden: list[tuple[str, Case]] = []
        self.silent: dict[tuple[str, tuple[str, object]], Case] = {}

    def add(self, case: Case, references: Sequence[Reference]) -> None:
        """Take in what is due in one case."""
        if case.family in BLIND or 0 in sizes_of(case.sizes).values():
            return
        for output, one in zip(case.op.outputs(case.shape), references, strict=True):
            if shows(one):
                self.shown |= {(output.name, size) for size in met_by(case.sizes)}
            elif one.truth.high.size:
                self.hidden.append((output.name, case))
                if one.truth.high.any():
                    self.silent |= {(output.name, size): case for size in met_by(case.sizes)}

    def beside(self) -> Iterator[Case]:
        """Cases of normal numbers at sizes of which none has told, and of positive ones where those do not tell either;
        each that is added meanwhile counts.

        An output that several of them in turn tell nothing of has a bound too wide for any values: it has no more.
        """
        hidden, self.hidden = self.hidden, []
        in_vain: Counter[str] = Counter()
        for name, case in hidden:
            due = {(name, size) for size in met_by(case.sizes)}
            if due <= self.shown or in_vain[name] == SEVERAL:
                continue
            usual, seed = case.op.usual(case.sizes), (*case.seed, 79)
            yield make_case(case.op, case.dtype, usual, "normal", "contiguous", seed)
            if not due <= self.shown:
                yield make_case(case.op, case.dtype, usual, "positive", "contiguous", seed)
            in_vain[name] = 0 if due <= self.shown else in_vain[name] + 1

    def untold(self) -> dict[tuple[str, tuple[str, object]], Case]:
        """Outputs at sizes of which no case shows a wrong value, though some answer is not zero; and such a case."""
        return {key: case for key, case in self.silent.items() if key not in self.shown and key[1][0] != TOGETHER}

    def describe(self) -> str:
        """How many those are, in one line; empty where there are none."""
        untold = self.untold()
        if not untold:
            return ""
        (output, (name, value)), _ = min(untold.items(), key=lambda item: entries(item[1].op, item[1].shape))
        of_all = len({*self.shown, *untold})
        return f"{len(untold)} of {of_all} sizes of an output tell nothing of it, as {output} at {name} {value}"

    def tiles_not_met(self, left: int = 0) -> dict[str, tuple[int, ...]]:
        """By the name of a size, tiles of which no case that shows every output had whole ones and so many left.

        And by that of all of them, of which not all sizes of one case were whole ones: kernels go wrong there, too.

        >>> told = Told()
        >>> told.shown = {("y", ("n", 720)), ("y", ("n", 896)), ("y", ("radices", (8, 256))), ("y", ("causal", True))}
        >>> told.tiles_not_met()["n"]
        (88, 96, 104, 160, 176, 192, 208, 256)
        """
        of_all = self._sizes_of_all()
        missing = {axis: tiles_not_met(sizes, left) for axis, sizes in of_all.items()}
        if not left and len(of_all) > 1:
            missing[TOGETHER] = tuple(tile for tile in TILES if tile > self._tile_of_all())
        return {axis: tiles for axis, tiles in missing.items() if tiles}

    def largest(self) -> dict[str, int]:
        """By the name of a size, the largest that a case had which shows every output: of more, nothing is known.

        >>> told = Told()
        >>> told.shown = {("y", ("n", 720)), ("y", ("n", 896)), ("y", ("radices", (8, 256)))}
        >>> told.largest()
        {'n': 896, 'radices[0]': 8, 'radices[1]': 256}
        """
        return {axis: max(sizes) for axis, sizes in self._sizes_of_all().items() if sizes}

    def _sizes_of_all(self) -> dict[str, list[int]]:
        """By the name of a size, those that cases had which show every output."""
        outputs = {output for output, _ in self.shown}
        met: dict[str, dict[int, set[str]]] = {}
        for output, (name, value) in self.shown:
            for (_, place), size in sizes_of({name: value}).items() if name != TOGETHER else ():
                axis = name if place is None else f"{name}[{place}]"
                met.setdefault(axis, {}).setdefault(size, set()).add(output)
        return {axis: [n for n, shown in sizes.items() if shown == outputs] for axis, sizes in sorted(met.items())}

    def _tile_of_all(self) -> int:
        """The longest tile of which all sizes of some case that shows an output are whole ones, or 0."""
        together = (value for _, (name, value) in self.shown if name == TOGETHER)
        whole = (value[0] for value in together if isinstance(value, tuple) and value[1])
        return max(whole, default=0)


SEVERAL = 8
"""Cases that tell nothing of an output, one after the other, after which it has no more."""


def shows(one: Reference) -> bool:
    """Whether most elements of an answer are more than their bound, or known exactly."""
    told = (one.bound < np.abs(one.truth.high)) | (one.bound == 0)
    return bool(2 * np.count_nonzero(told) > told.size)


class Patience:
    """Whether a kernel is so slow that a larger case would take long: it is then left out, and the report says so.

    How long a case will take is guessed from those before it, as if time grew with the square of its entries, or with
    those times its longest size, if that is more; of earlier ones a fourth is forgotten with every case that follows.
    Entries are those of all arguments, or of what is returned where that is larger.
    What else the machine does may have held a case up: no case is left out because of one that was timed once. What is
    no smaller than a case that was left out is left out, too, however many small ones come between.
    """

    def __init__(self, timeout: float):
        self.limit = timeout / 3
        self.overhead = 0.0
        self.timed: list[_Timed] = []
        self.left_out: list[_Work] = []

    def heard(self, case: Case, seconds: float, returned: int = 0) -> None:
        """A case took so long, and gave so many numbers."""
        if entries(case.op, case.shape) <= SMALL_ENTRIES:
            self.overhead = max(self.overhead, seconds)
        else:
            self.timed.append(_Timed(case, seconds, _Work.of(case), _Work.of(case, returned)))

    def in_the_way(self, case: Case) -> Case | None:
        """The earlier case because of which this one would take too long, if that is to be timed again."""
        slow = None if self._is_beyond(case) else self._slow(case)
        return None if slow is None or slow.often >= TIMED else slow.case

    def heard_again(self, case: Case, seconds: float) -> None:
        """An earlier case took so long when it was run again: the least is what it takes."""
        k = next(k for k, one in enumerate(self.timed) if one.case is case)
        one = self.timed[k]
        self.timed[k] = replace(one, seconds=min(one.seconds, seconds), often=one.often + 1)

    def is_over(self, case: Case) -> bool:
        """Whether a case would take too long."""
        return self._is_beyond(case) or self._slow(case) is not None

    def skipped(self, case: Case) -> None:
        """A case was left out."""
        self.left_out.append(_Work.of(case))

    def _is_beyond(self, case: Case) -> bool:
        """Whether a case is no smaller than one that was left out."""
        work = _Work.of(case)
        return any(work.is_no_less_than(other) for other in self.left_out)

    def _slow(self, case: Case) -> _Timed | None:
        """The earlier case that says it would, by what goes into both and by what comes out as well."""
        if self._slowest(_Work.of(case), lambda one: one.given) is None:
            return None
        returned = sum(map(prod, case.answer_shapes))  # which takes as long as an answer
        return self._slowest(_Work.of(case, returned), lambda one: one.all)

    def _slowest(self, work: _Work, of: Callable[[_Timed], _Work]) -> _Timed | None:
        found, most = None, self.limit
        for since, one in enumerate(reversed(self.timed)):
            likely = max(one.seconds - self.overhead, 0.0) * work.beside(of(one)) / 4.0 ** min(since, FORGOTTEN)
            found, most = (one, likely) if likely > most else (found, most)
        return found


@dataclass(frozen=True)
class _Work:
    """Entries of a case, and those times its longest size."""

    entries: int
    steps: int

    @classmethod
    def of(cls, case: Case, returned: int = 0) -> _Work:
        """Of what goes into a case, or of so many numbers that come out, if they are more."""
        size = max(entries(case.op, case.shape), returned)
        return cls(size, size * max(sizes_of(case.sizes).values(), default=1))

    def is_no_less_than(self, other: _Work) -> bool:
        """Whether there is as much of both."""
        return self.entries >= other.entries and self.steps >= other.steps

    def beside(self, other: _Work) -> float:
        """How many times as long it may take."""
        return float(max((self.entries / other.entries) ** 2, self.steps / max(other.steps, 1)))


@dataclass(frozen=True)
class _Timed:
    """A case, what it took, its work by its arguments and by all, and how often it was timed."""

    case: Case
    seconds: float
    given: _Work
    all: _Work
    often: int = 1


TIMED = 3
"""How often a case is timed because of which another one is not tried."""

FORGOTTEN = 100
"""Cases after which nothing is left of what one took."""

SMALL_ENTRIES = 1 << 9
"""Entries of all arguments up to which the time is that of starting at all."""
