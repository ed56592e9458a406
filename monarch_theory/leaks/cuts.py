"""The search for a leak: cut the sequence, change what follows the cut, and see whether anything before it moves.

**What m runs can show** (theorem). A causality violation i ← j is seen by comparing two runs whose inputs agree up to
some place c, i < c ≤ j, and differ from c on. Among m inputs there are at most m − 1 different first places of
disagreement: the inputs form a trie with m leaves, which has at most m − 1 branchings. So n − 1 cuts need n runs, and
no way of choosing the inputs does with fewer; for a linear callable the same follows from rank, since with m < n probes
some row of the probe matrix lies in the span of those above it. All cuts are made once, with the usual kind of future,
and a few with each other kind; more of those where time is left. Where the time allowed does not suffice for all, cuts
are spread evenly and the share that was tested is reported: a violation that spans at least `gap` places crosses one.

A response is examined (`judge`) unless it is zero, or no larger than the floor that an examination found at that very
place and channel, which grows with the size of the channel's outputs as rounding does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from monarch_theory.leaks.inputs import Futures, Inputs, UndecidedError
from monarch_theory.leaks.judge import Facts, Judge, immoderate, roundoffs
from monarch_theory.leaks.noise import Examination, Observe, own_rounding, scale
from monarch_theory.leaks.outputs import Layout, Outputs, difference
from monarch_theory.sandbox import Outcome, SandboxError

__all__ = ["Found", "Search", "spread_order"]

PREVIEW = 6
LEAST = 2
RUNS_PER_CUT = 1.4
COARSEST_FLOOR = 0.01
MOST_DOUBTS = 3
FOREIGN = 4.0


def spread_order(n: int) -> list[int]:
    """Cuts 1 … n−1, ends and middle first, the last before all, each prefix as even as can be (van der Corput order).

    >>> spread_order(9)
    [8, 1, 4, 2, 6, 5, 3, 7]
    """
    if n <= 1:
        return []
    bits = max((n - 1).bit_length(), 1)
    places = (int(f"{k:0{bits}b}"[::-1], 2) * n >> bits for k in range(1, 2**bits))
    return list(dict.fromkeys([n - 1, 1, *(c for c in places if 0 < c < n), *range(1, n)]))


@dataclass(frozen=True)
class Found:
    """Output i changes with input j > i: by `size` when that input changes by `change`; `floor` is its noise floor.

    array: the name of the array of outputs; kind: that of the future that showed it.
    """

    output: int
    input: int
    size: float
    floor: float
    change: float
    array: str = "output"
    kind: str = ""


@dataclass(frozen=True)
class Rounding:
    """What was taken for rounding, relative to the size of its channel: largest response, with its floor and noise."""

    response: float = 0.0
    floor: float = 0.0
    noise: float = 0.0


@dataclass
class Coverage:
    """Which values were tried: tokens, or sizes of floats."""

    inputs: Inputs
    kinds: list[str] = field(default_factory=list)
    low: float = np.inf
    high: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = np.zeros(self.inputs.vocab if self.inputs.integer else 0, bool)

    def add(self, kind: str, x: np.ndarray) -> None:
        if kind not in self.kinds:
            self.kinds.append(kind)
        if self.inputs.integer:
            self.tokens[x.reshape(-1).astype(np.int64)] = True
            return
        size = np.abs(x)
        self.high = max(self.high, float(size.max()))
        self.low = min(self.low, float(np.min(size, where=size > 0, initial=np.inf)))

    def words(self, rows: int | None) -> str:
        """One sentence."""
        if self.inputs.integer:
            vocabulary = self.inputs.vocab if rows is None else rows
            return f"{int(self.tokens.sum())} of {vocabulary} tokens, {len(self.kinds)} kinds of future"
        return f"|x| from {self.low:.0e} to {self.high:.0e}, {len(self.kinds)} kinds of future"


@dataclass
class Search:
    """One search over a deterministic callable.

    Args:
        observe: from an input, and a seed `redraw` to redraw rounding with, to outputs.
        facts: from an input to what is seen of the arithmetic of a run on it.
        limit: seconds for the round over all cuts; `extra` for more rounds with other kinds of values.
        lookahead: output i may depend on inputs 0 … i + lookahead; −1 is strict. A cut is the number of outputs
            watched; what changes begins `lookahead` places after it.
        thorough: make the round over all cuts; else only the few of each kind.
        progress: called with (cuts done, cuts in all).
    """

    observe: Observe
    facts: Callable[[np.ndarray], Facts]
    layout: Layout
    inputs: Inputs
    limit: float
    extra: float
    lookahead: int = 0
    thorough: bool = True
    progress: Callable[[int, int], None] = lambda done, total: None
    tested: set[int] = field(default_factory=set)
    identical: bool = True
    same_bits: bool = True
    found: dict[int, Found] = field(default_factory=dict)
    worst: Rounding = field(default_factory=Rounding)
    doubt: UndecidedError | None = None
    notes: list[str] = field(default_factory=list)
    judge: Judge | None = None
    size: np.ndarray | None = None
    grows: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))

    def __post_init__(self) -> None:
        self.started = time.monotonic()
        self.coverage = Coverage(self.inputs)
        self.runs = 0
        self.coarse = 0.0
        self.rounds = 0

    def run(self) -> dict[int, Found]:
        """For each array that leaks, by its index, the first pair found.

        Raises:
            UndecidedError: none does, but some response could be told neither from a leak nor from rounding.
        """
        kinds, order = self.inputs.kinds, spread_order(self.total + 1)
        preview, rest = order[:PREVIEW], order[PREVIEW:]
        usual = self._round(self.inputs.futures(kinds[0]), preview, self.limit, least=LEAST)
        for kind in kinds[1:]:
            self._round(self.inputs.futures(kind), preview, self.limit / 4, usual, least=1)
        for magnitude in self.inputs.magnitudes:
            if self._round(self.inputs.of_size(magnitude), preview[:LEAST], self.limit / 4, usual, least=1) is None:
                break
        if self.thorough:
            self._round(self.inputs.futures(kinds[0]), rest, self._spent() + self.limit, usual)
            for kind in (*kinds[1:], *self.inputs.further_kinds):
                if len(self.tested) == len(order):
                    cuts = rest if kind in kinds else order
                    self._round(self.inputs.futures(kind), cuts, self.extra, usual, go_on=self._has_time)
        if self.doubt and not self.found:
            raise self.doubt
        if not self.found and self.coarse > COARSEST_FLOOR:
            raise UndecidedError(
                "noise",
                f"the model's own rounding noise would hide a leak of up to {self.coarse:.1e} of its output: too "
                "coarse to call it causal (it is unstable, or needs more digits: ask again with another --dtype)",
            )
        return self.found

    @property
    def total(self) -> int:
        """Number of cuts there are."""
        return max(self.inputs.n - 1 - self.lookahead, 0)

    @property
    def gap(self) -> int:
        """Every violation i ← j with j − i ≥ gap crosses a tested cut."""
        edges = [0, *sorted(self.tested), self.total + 1]
        return max(b - a for a, b in pairwise(edges))

    def _spent(self) -> float:
        return time.monotonic() - self.started

    def _has_time(self) -> bool:
        """For more than is needed: what is cheap in time, or few runs beside those needed."""
        return self._spent() < self.extra or self.runs < RUNS_PER_CUT * self.inputs.n

    @property
    def _open(self) -> np.ndarray:
        """Channels of the arrays no leak has been found in, (channels,)."""
        widths = [int(np.prod(s)) // self.inputs.n for s in self.layout.shapes]
        return np.concatenate([np.full(w, k not in self.found) for k, w in enumerate(widths)])

    def _round(
        self,
        futures: Futures,
        cuts: list[int],
        until: float,
        floors: np.ndarray | None = None,
        least: int = 0,
        go_on: Callable[[], bool] = lambda: False,
    ) -> np.ndarray | None:
        """Test `cuts` with one kind of values; the floors known by then, (n, channels), or None where it was stopped.

        It is stopped when nothing is left to look for, when the values are beyond the model's range, or by doubts.
        """
        usual, base = futures.kind == self.inputs.kinds[0], futures.base
        y = self._observed(base, futures.kind)
        if y is None or len(self.found) == len(self.layout.names):
            return None
        floors = np.zeros(y.wide.shape) if floors is None else floors if usual else floors.copy()
        open_channels, doubts = self._open, 0
        if not self.grows.size:
            self.grows = np.zeros(floors.shape, bool)
        for done, cut in enumerate(cuts):
            if self._spent() > until and done >= least and not go_on():
                return floors
            changed = self.inputs.splice(base, futures.donor(cut + self.lookahead), cut + self.lookahead)
            z = self._observed(changed, futures.kind)
            if usual and self.thorough:
                self.tested.add(cut)
                self.progress(len(self.tested), self.total)
            if z is None:
                continue
            if y.same_bits(z, cut):
                self.coverage.add(futures.kind, changed)
                continue
            response = difference(y, z, cut)
            self.identical = self.identical and not response.any()
            self.same_bits = False
            lost = np.isinf(response[:, open_channels]).any()
            if lost and self._overflows(y, base, changed, cut):
                return None
            if not lost and response.any() and self._judge(changed, y).drowns(base, changed):
                self._note("where rounding spreads as here, large futures drown the past: those were not judged")
                continue
            self.coverage.add(futures.kind, changed)
            growth = np.where(self.grows[:cut], self._growth(y, z), 1.0)
            if not ((response > floors[:cut] * growth) & open_channels).any():
                self._accept(None, response, y, z, usual)
                continue
            try:
                examination = self._judge(changed, y).examine(base, changed, cut)
            except UndecidedError as doubt:
                if immoderate(self.inputs, changed):
                    self._note(
                        f"at values of size {float(np.abs(changed).max()):.0e} nothing could be told from rounding"
                    )
                    return None
                self.doubt, doubts = self.doubt or doubt, doubts + 1
                if doubts > MOST_DOUBTS:
                    return None
                continue
            leaks = examination.leaks & open_channels
            floors[:cut] = np.maximum(floors[:cut], np.where(leaks, 0.0, examination.floor))
            if usual:
                own = own_rounding(self._judge(changed, y).roundoffs, y, z, cut)
                self.grows[:cut] |= examination.noise > FOREIGN * own
            if leaks.any():
                self._locate(futures, y, changed, cut, examination, leaks)
                open_channels = self._open
                if not open_channels.any():
                    return None
            else:
                self._accept(examination, response, y, z, usual)
        self.rounds += 1
        return floors

    def _growth(self, y: Outputs, z: Outputs) -> np.ndarray:
        """How many times larger than in the usual round each channel is, (channels,): so do the floors that grow.

        Those grow whose noise is more than the output's own rounding, and so comes from elsewhere in the sequence.
        """
        size = scale(y, z)
        if self.size is None:
            self.size = size
        with np.errstate(all="ignore"):
            return np.maximum(np.nan_to_num(size / self.size, nan=1.0, posinf=1.0), 1.0)

    def _observed(self, x: np.ndarray, kind: str) -> Outputs | None:
        """The outputs, or None where the model raises: then nothing is called causal."""
        self.runs += 1
        try:
            y = self.observe(x)
        except (UndecidedError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, SandboxError) and error.outcome is not Outcome.EXCEPTION:
                raise
            said = error.message if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
            self.doubt = self.doubt or UndecidedError(
                "exception", f"the model raised {said}, on inputs of kind {kind!r}: a future may stop the past"
            )
            return None
        return y

    def _judge(self, changed: np.ndarray, y: Outputs) -> Judge:
        """The judge, who looks at the arithmetic when first needed."""
        if self.judge is None:
            units = roundoffs(y, self.layout.dtypes)
            self.judge = Judge(
                self.observe, self.inputs, units, self.facts(changed), self.inputs.seed, lookahead=self.lookahead
            )
        return self.judge

    def _overflows(self, y: Outputs, base: np.ndarray, changed: np.ndarray, cut: int) -> bool:
        """Whether values of such size are beyond the model's range, so that infinities arise at their own place.

        Below a moderate size, and where the changed place's own output stays finite, a past that turns to NaN or
        infinity sees the future.
        """
        if not immoderate(self.inputs, changed):
            return False

        def lost(start: int, stop: int, before: int) -> tuple[bool, Outputs]:
            z = self.observe(self.inputs.splice(base, changed, start, stop))
            return bool(np.isinf(difference(y, z, before)[:, self._open]).any()), z

        start = cut + self.lookahead
        low, high = start + 1, self.inputs.n
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if lost(start, middle, cut)[0] else (middle + 1, high)
        alone, z = lost(low - 1, low, low - 1 - self.lookahead)
        if alone and not (np.isfinite(y.wide[low - 1]) & ~np.isfinite(z.wide[low - 1])).any():
            return False
        self._note(f"values of size {float(np.abs(changed).max()):.0e} are beyond the model's own range: left out")
        return True

    def _accept(
        self, examination: Examination | None, response: np.ndarray, y: Outputs, z: Outputs, usual: bool
    ) -> None:
        """Note what was taken for rounding; where it is large, or its floor is, the answer rests on too little."""
        if self.judge and response.any():
            self.judge.spreads = True
        size = scale(y, z)
        size = np.where(size > 0, size, 1.0)
        largest = float(np.min([(response / size)[:, self._open].max(), 1e300]))
        if largest > COARSEST_FLOOR:
            self.coarse = max(self.coarse, largest)
        if examination is None:
            self.worst = Rounding(max(self.worst.response, largest), self.worst.floor, self.worst.noise)
            return
        floor = np.median(examination.floor, axis=0) / size
        noise = np.median(examination.noise, axis=0) / size
        touched = self._open & (response > 0).any(axis=0)
        if (usual or self.inputs.half) and len(response) >= self.inputs.n // 2 and touched.any():
            with np.errstate(all="ignore"):
                hidden = np.median(np.nan_to_num(examination.floor / np.abs(y.wide[: len(response)])), axis=0)
            self.coarse = max(self.coarse, float(hidden[touched].max()))
        if largest >= self.worst.response and touched.any():
            self.worst = Rounding(largest, float(floor[touched].max()), float(noise[touched].max()))

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _locate(
        self,
        futures: Futures,
        y: Outputs,
        changed: np.ndarray,
        cut: int,
        examination: Examination,
        leaks: np.ndarray,
    ) -> None:
        """From a leak at one cut to the first leaking output of each array and the nearest input it sees."""
        stops = np.cumsum([a.shape[1] for a in y.arrays])
        for k, stop in enumerate(stops):
            columns = slice(int(stop) - y.arrays[k].shape[1], int(stop))
            if k not in self.found and leaks[:, columns].any():
                self.found[k] = Pair(self, futures, y, changed, columns, self.layout.names[k]).found(cut, examination)


@dataclass
class Pair:
    """The first leaking pair of one array, `columns` of the outputs, given one change that shows a leak."""

    search: Search
    futures: Futures
    y: Outputs
    changed: np.ndarray
    columns: slice
    name: str

    def found(self, cut: int, examination: Examination) -> Found:
        search = self.search
        i = first_leak(examination, self.columns)
        deadline = time.monotonic() + max(search.extra, search.limit / 4)
        known = examination.floor[: i + 1, self.columns].copy()
        done = search.tested if self.futures.kind == search.inputs.kinds[0] else ()
        for c in range(1, i + 1):
            if c in done:
                continue
            if time.monotonic() > deadline:
                search._note(f"outputs before {i} were not all searched: an earlier one may leak too")
                break
            if (self.moved(c + search.lookahead, None)[:c] > known[:c]).any():
                earlier = self.examined(c + search.lookahead, None, c)
                if earlier is not None and earlier.leaks[:, self.columns].any():
                    i, examination = first_leak(earlier, self.columns), earlier
                    break
                if earlier is not None:
                    known[:c] = np.maximum(known[:c], earlier.floor[:, self.columns])
        floor = examination.floor[i, self.columns]
        first = i + 1 + search.lookahead
        low, high = first, search.inputs.n - 1
        while low < high:
            middle = (low + high) // 2
            if (self.moved(first, middle + 1)[i] > floor).any():
                high = middle
            else:
                low = middle + 1
        return self.measured(i, low, examination)

    def moved(self, start: int, stop: int | None) -> np.ndarray:
        """How the array's outputs answer to a change of inputs start … stop−1, (n, channels)."""
        inputs = self.search.inputs
        z = self.search.observe(inputs.splice(self.futures.base, self.changed_everywhere, start, stop))
        return difference(self.y, z, inputs.n)[:, self.columns]

    @cached_property
    def changed_everywhere(self) -> np.ndarray:
        """The changed input, and at the places it shares with the base the pool's own values."""
        inputs, base = self.search.inputs, self.futures.base
        differs = np.asarray(self.changed != base)
        first = int(np.argmax(np.moveaxis(differs, inputs.axis, 0).reshape(inputs.n, -1).any(axis=1)))
        return inputs.splice(self.changed, self.futures.donor(first), 0, first)

    def examined(self, start: int, stop: int | None, cut: int) -> Examination | None:
        search = self.search
        x = search.inputs.splice(self.futures.base, self.changed_everywhere, start, stop)
        try:
            return search._judge(x, self.y).examine(self.futures.base, x, cut)
        except UndecidedError:
            return None

    def measured(self, i: int, j: int, examination: Examination) -> Found:
        """Size of the leak i ← j, from changing input j alone where that is enough to show it."""
        inputs = self.search.inputs
        place = inputs.places(j, j + 1)
        with np.errstate(all="ignore"):
            apart = np.abs(inputs_wide(self.changed_everywhere[place]) - inputs_wide(self.futures.base[place]))
        change = float(apart.max())
        for start in dict.fromkeys((j, i + 1 + self.search.lookahead)):
            alone = self.examined(start, j + 1, i + 1)
            if alone is not None and alone.leaks[i, self.columns].any():
                examination = alone
                break
        response, floor = examination.response[i, self.columns], examination.floor[i, self.columns]
        at = int(np.argmax(np.where(response > floor, response, 0.0)))
        return Found(i, j, float(response[at]), float(floor[at]), change, self.name, self.futures.kind)


def inputs_wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def first_leak(examination: Examination, columns: slice) -> int:
    """The first output above its floor."""
    return int(np.argmax(examination.leaks[:, columns].any(axis=1)))
