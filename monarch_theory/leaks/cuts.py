"""The search for a leak: change what some outputs may not see, and see whether any of them moves.

Which inputs are changed together, and which outputs are watched, the contract says (`contracts.Cut`). For causality
the sequence is cut in two: what follows the cut is changed, what lies before it is watched.

**What m runs can show** (theorem). A causality violation i ← j is seen by comparing two runs whose inputs agree up to
some place c, i < c ≤ j, and differ from c on. Among m inputs there are at most m − 1 different first places of
disagreement: the inputs form a trie with m leaves, which has at most m − 1 branchings. So n − 1 cuts need n runs, and
no way of choosing the inputs does with fewer; for a linear callable the same follows from rank, since with m < n probes
some row of the probe matrix lies in the span of those above it. For a violation that shows with one of K kinds of
values alone, each cut needs all of them: a branching into more has as many leaves more, so that it takes K(n − 1) + 1
runs. All cuts are made once, with the usual kind of future, and a few with each other kind; more of those where time is
left. Beside a proof the kinds take turns over the cuts. Where the time allowed does not suffice for all, cuts
are spread evenly and the share that was tested is reported: a violation of causality that spans at least `gap` places
crosses one.

A response is examined (`judge`) unless it is zero, or no larger than the floor that an examination found at that very
place and channel, which grows with the size of the channel's outputs as rounding does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from monarch_theory.leaks.contracts import Contract, Cut, compact
from monarch_theory.leaks.inputs import APPEARING, GAPS, Futures, Inputs, Places, UndecidedError
from monarch_theory.leaks.judge import Facts, Judge, immoderate, roundoffs
from monarch_theory.leaks.noise import Examination, Observe, own_rounding, scale
from monarch_theory.leaks.outputs import Layout, Outputs, difference, doubt_of, outcome_of, tried

__all__ = ["Found", "Search", "answers", "spread_order"]

PREVIEW = 6
"""So many cuts, the first of the order that spreads them, are made with every kind of future."""

LEAST = 2
"""So many of these are made however little time there is, and with values of each size."""

ENDS = 3
"""At so many cuts, the ends and the middle, NaN and infinities are tried beside a proof."""

PASTS = 3
"""So many other values of what an output may see are tried, to see whether it answers to them."""

RUNS_PER_CUT = 1.4
"""Further kinds of values are tried whatever they take, until the model ran so many times for each place."""

PATIENCE = 20.0
"""How many times longer than by its quickest calls a model may take before its time is up."""

COARSEST_FLOOR = 0.01
"""Rounding above this share of the output could hide too much for the model to be called causal."""

MOST_DOUBTS = 3
"""A round is given up after more responses that could be told neither from a leak nor from rounding, or are lost."""

FOREIGN = 4.0
"""Noise of more than so many times what an output's own rounding explains is of its inside, and grows with it."""


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
    """Output i changes with input j, which it may not see: by `size` when that input changes by `change`.

    `floor` is its noise floor; array: the name of the array of outputs; kind: that of the future that showed it. There
    is no input where two ways to the same output differ by `size`.
    """

    output: int
    input: int | None
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
    """Which values were tried: tokens, alone and two in a row, or sizes of floats; turns: cuts, once for each kind."""

    inputs: Inputs
    kinds: list[str] = field(default_factory=list)
    turns: int = 0
    low: float = np.inf
    high: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = np.zeros(self.inputs.vocab if self.inputs.integer else 0, bool)
        self.pairs: set[int] = set()

    def add(self, kind: str, x: np.ndarray) -> None:
        if kind not in self.kinds:
            self.kinds.append(kind)
        self.turns += kind in self.inputs.all_kinds
        if self.inputs.integer:
            self.tokens[x.reshape(-1).astype(np.int64)] = True
            t = np.moveaxis(x.astype(np.int64), self.inputs.along, 0)
            self.pairs.update(np.unique(t[:-1] * self.inputs.vocab + t[1:]).tolist())
            return
        size = np.abs(x[np.isfinite(x)])
        if not size.size:
            return
        self.high = max(self.high, float(size.max()))
        self.low = min(self.low, float(np.min(size, where=size > 0, initial=np.inf)))

    def include(self, other: Coverage) -> None:
        """What another search of the same model tried was tried, too; its turns are of other cuts."""
        self.kinds += [kind for kind in other.kinds if kind not in self.kinds]
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.tokens |= other.tokens
        self.pairs |= other.pairs

    def words(self, rows: int | None) -> str:
        """One sentence."""
        if not self.kinds:
            return "nothing"
        if self.inputs.integer:
            vocabulary = self.inputs.vocab if rows is None else rows
            pairs = f"{len(self.pairs)} of {vocabulary**2} pairs of neighbours"
            return f"{int(self.tokens.sum())} of {vocabulary} tokens, {pairs}, {len(self.kinds)} kinds of future"
        return f"|x| from {self.low:.0e} to {self.high:.0e}, {len(self.kinds)} kinds of future"


@dataclass
class Round:
    """Cuts tested with one kind of values, as far as that is.

    usual: it is the first kind; y: outputs of the past alone; floors: known by now, (n, channels); open: channels of
    the arrays no leak has been found in, (channels,); doubts: how many there were.
    """

    futures: Futures
    usual: bool
    y: Outputs
    floors: np.ndarray
    open: np.ndarray
    doubts: int = 0


@dataclass
class Search:
    """One search over a deterministic callable.

    Args:
        observe: from an input, and a seed `redraw` to redraw rounding with, to outputs.
        facts: from an input to what is seen of the arithmetic of a run on it.
        limit: seconds for the round over all cuts, and for those with other kinds of values.
        extra: seconds of the model's own time, every call as quick as the quickest was, for those with other kinds:
            how far they go does not depend on what else the machine does.
        contract: what each output may depend on; its cuts are tested.
        thorough: make the round over all cuts; else only the few of each kind.
        progress: called with (cuts done, cuts in all).
        preview: test a few cuts with the usual kind alone.
        in_turn: test each cut with one kind of values, all kinds in turn: a check of what is proved.
        extremes: in turn, also test other sizes, NaN and infinities.
        ends_nan: NaN and infinities are tried at every cut, as something may turn them into numbers.
        clock: seconds of work so far, which limits are in; longest: seconds of all that passes, for either round.

    shown: two inputs for each pair found, which show it.
    everywhere: kinds of values that were tried at all cuts.
    hurried: the clock was over, `PATIENCE` times `extra` or `limit`, before `extra` was.
    """

    observe: Observe
    facts: Callable[[np.ndarray], Facts]
    layout: Layout
    inputs: Inputs
    limit: float
    extra: float
    contract: Contract
    thorough: bool = True
    progress: Callable[[int, int], None] = lambda done, total: None
    preview: bool = False
    clock: Callable[[], float] = time.monotonic
    longest: float = np.inf
    in_turn: bool = False
    extremes: bool = True
    ends_nan: bool = False
    tested: set[int] = field(default_factory=set)
    identical: bool = True
    same_bits: bool = True
    found: dict[int, Found] = field(default_factory=dict)
    worst: Rounding = field(default_factory=Rounding)
    doubt: UndecidedError | None = None
    notes: list[str] = field(default_factory=list)
    judge: Judge | None = None
    shown: dict[tuple[int, int | None], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    size: np.ndarray | None = None
    grows: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    quickest: float = np.inf
    everywhere: list[str] = field(default_factory=list)
    hurried: bool = False

    def __post_init__(self) -> None:
        self.started, self.begun = time.monotonic(), self.clock()
        self.first: Outputs | None = None
        self.varies = np.zeros(1, bool)
        self.losing: set[int] = set()
        self.coverage = Coverage(self.inputs)
        self.runs = 0
        self.coarse = 0.0
        self.rounds = 0

    def run(self) -> dict[int, Found]:
        """As `_run`; floors of the largest numbers are infinite, and no warning."""
        with np.errstate(over="ignore"):
            return self._run()

    def _run(self) -> dict[int, Found]:
        """For each array that leaks, by its index, the first pair found.

        Raises:
            UndecidedError: none does, but some response could be told neither from a leak nor from rounding.
        """
        kinds, order = self.inputs.kinds, [self.contract.cuts[k - 1] for k in spread_order(self.total + 1)]
        preview, rest = order[:PREVIEW], order[PREVIEW:]
        if self.in_turn and order:
            self._each_in_turn(order if self.thorough else preview)
            return self._decided()
        usual = self._round(self.inputs.futures(kinds[0]), preview, self.limit, least=LEAST)
        if not self.preview:
            self._few_of_each(preview, usual)
            with np.errstate(invalid="ignore"):
                for futures in self.inputs.not_finite:
                    self._round_not_finite(futures, [*preview, *rest[:PREVIEW]])
        if self.thorough and not self.preview:
            self._round(self.inputs.futures(kinds[0]), rest, self._spent() + self.limit, usual)
            if len(self.tested) == len(order):
                self.everywhere.append(kinds[0])
                self._further(order, rest, usual)
        return self._decided()

    def _decided(self) -> dict[int, Found]:
        """What was found.

        Raises:
            UndecidedError: as `_run`.
        """
        if self.doubt and not self.found:
            raise self.doubt
        if not self.found and self.coarse > COARSEST_FLOOR:
            raise UndecidedError(
                "noise",
                f"the model's own rounding noise would hide a leak of up to {self.coarse:.1e} of its output: too "
                "coarse to call it causal (it is unstable, or needs more digits: ask again with another --dtype)",
            )
        return self.found

    def _few_of_each(self, preview: list[Cut], usual: np.ndarray | None) -> None:
        """The other kinds of values and sizes, at a few cuts."""
        for kind in self.inputs.kinds[1:]:
            self._round(self.inputs.futures(kind), preview, self.limit / 4, usual, least=1)
        for loud in (False, True):  # the past, too: a mask of finite numbers holds as long as scores are smaller
            for magnitude in self.inputs.magnitudes:
                futures = self.inputs.of_size(magnitude, magnitude if loud else 1.0)
                if self._round(futures, preview[:LEAST], self.limit / 4, usual, least=1) is None:
                    break

    def _each_in_turn(self, order: list[Cut]) -> None:
        """Each cut with one kind of values, and each kind at one cut or more."""
        kinds, usual = self.inputs.kinds, None
        for k, kind in enumerate(kinds):
            share = order[k * len(order) // len(kinds) : (k + 1) * len(order) // len(kinds)]
            futures = self.inputs.futures(kind)
            floors = self._round(futures, share or order[k % len(order) :][:1], self.limit, usual, least=1)
            usual = floors if kind == kinds[0] else usual
        if self.extremes:
            self._extremes(order, usual)
        left = [cut for cut in order if cut.number not in self.tested]
        if self.thorough and left:  # where a kind of values was beyond the model's range, or raised doubts
            self._round(self.inputs.futures(kinds[0]), left, self.limit, usual)

    def _extremes(self, order: list[Cut], usual: np.ndarray | None) -> None:
        """Other sizes, NaN and infinities, at a few cuts each."""
        for loud, cut in zip((False, True), order, strict=False):
            for magnitude in self.inputs.magnitudes:
                futures = self.inputs.of_size(magnitude, magnitude if loud else 1.0)
                if self._round(futures, [cut], self.limit, usual, least=1) is None:
                    break
        with np.errstate(invalid="ignore"):
            for futures in self.inputs.not_finite:
                self._round_not_finite(futures, order[:ENDS])
        if self.ends_nan and self.thorough:
            self._not_finite_everywhere(order[ENDS:])

    @property
    def total(self) -> int:
        """Number of cuts there are."""
        return len(self.contract.cuts)

    @property
    def gap(self) -> int:
        """Every violation i ← j of causality with j − i ≥ gap + lookahead crosses a tested cut; else 0."""
        if self.contract.lookahead is None:
            return 0
        edges = [0, *sorted(self.tested), self.total + 1]
        return max(b - a for a, b in pairwise(edges))

    def _spent(self) -> float:
        """Seconds of work; of all that passed, once that is the longest there is."""
        passed = time.monotonic() - self.started
        return passed if passed > self.longest else self.clock() - self.begun

    def _over(self, until: float) -> bool:
        """Whether so many seconds are spent; what was waited is asked for once more than those have passed."""
        return time.monotonic() - self.started > until and self._spent() > until

    def _further(self, order: list[Cut], rest: list[Cut], usual: np.ndarray | None) -> None:
        """The other kinds of values, at all cuts, as long as that is cheap."""
        end = self._spent() + max(self.limit, PATIENCE * self.extra)

        def cheap() -> bool:
            if self.runs < RUNS_PER_CUT * self.inputs.n:
                return True
            if self.runs * self.quickest > self.extra:
                return False
            self.hurried = self.hurried or self._over(end)
            return not self.hurried

        if self.ends_nan:
            self._not_finite_everywhere(rest[PREVIEW:])
        for kind in (*self.inputs.kinds[1:], *self.inputs.further_kinds):
            if not cheap():
                return
            cuts = rest if kind in self.inputs.kinds else order
            if self._round(self.inputs.futures(kind), cuts, 0.0, usual, go_on=cheap) is not None and cheap():
                self.everywhere.append(kind)
        for futures in self.inputs.not_finite if not self.ends_nan else ():
            if cheap() and self._round_not_finite(futures, rest[PREVIEW:], cheap):
                self.everywhere.append(futures.kind)

    def _not_finite_everywhere(self, cuts: list[Cut]) -> None:
        """NaN and infinities at the cuts that are left, within a part of the limit, those that appear first.

        In turn, NaN that appear alone: what a proof counts as known hides an infinity by turning it to NaN, too.
        """
        end = self._spent() + self.limit / 4
        kinds = sorted(self.inputs.not_finite, key=lambda futures: futures.kind in GAPS)
        kinds = [futures for futures in kinds if not self.in_turn or np.isnan(APPEARING.get(futures.kind, 0.0))]
        with np.errstate(invalid="ignore"):
            whole = [self._round_not_finite(futures, cuts, lambda: not self._over(end)) for futures in kinds]
        self.everywhere += [futures.kind for futures, all_of_them in zip(kinds, whole, strict=True) if all_of_them]
        if kinds:
            what, share = "NaN" if self.in_turn else "NaN and infinities", "every cut" if all(whole) else "some cuts"
            self._note(f"something in it may turn a NaN into a number: {what} were tried at {share}")

    @property
    def _open(self) -> np.ndarray:
        """Channels of the arrays no leak has been found in, (channels,)."""
        widths = [int(np.prod(s)) // self.layout.length for s in self.layout.shapes]
        return np.concatenate([np.full(w, k not in self.found) for k, w in enumerate(widths)])

    def _round(
        self,
        futures: Futures,
        cuts: list[Cut],
        until: float,
        floors: np.ndarray | None = None,
        least: int = 0,
        go_on: Callable[[], bool] = lambda: False,
    ) -> np.ndarray | None:
        """Test `cuts` with one kind of values; the floors known by then, (n, channels), or None where it was stopped.

        It is stopped when nothing is left to look for, when the values are beyond the model's range, or by doubts.
        """
        usual, y = futures.kind == self.inputs.kinds[0], self._begun(futures)
        if y is None:
            return None
        floors = np.zeros(y.wide.shape) if floors is None else floors if usual else floors.copy()
        if not self.grows.size:
            self.grows = np.zeros(floors.shape, bool)
        now = Round(futures, usual, y, floors, self._open)
        for done, cut in enumerate(cuts):
            if done >= least and not go_on() and self._over(until):
                return floors
            if not self._goes_on(now, cut):
                return None
        self.rounds += 1
        return floors

    def _begun(self, futures: Futures) -> Outputs | None:
        """The outputs of the past alone; None where there are none, or a leak was found in every array."""
        y = self._observed(futures.base, futures.kind)
        if y is not None:
            self.first = self.first or y
            self.varies = self.varies | (y.wide != self.first.wide)
        return None if len(self.found) == len(self.layout.names) else y

    def _goes_on(self, now: Round, cut: Cut) -> bool:
        """Test one cut; whether the round goes on after it."""
        futures, y, watched = now.futures, now.y, cut.watched
        changed = self.inputs.put(futures.base, futures.donor(cut.place, cut.turn), cut.changed)
        z = self._observed(changed, futures.kind)
        if self.thorough and (now.usual or self.in_turn):
            self.tested.add(cut.number)
            self.progress(len(self.tested), self.total)
        if z is None:
            return True
        if y.same_bits(z, watched):
            self.coverage.add(futures.kind, changed)
            return True
        response = difference(y, z, watched)
        lost = np.isinf(response[:, now.open]).any()
        if lost and self._overflows(y, futures.base, changed, cut):
            return False
        if not lost and response.any() and self._judge(changed, y).drowns(futures.size, changed):
            self._note("where rounding spreads as here, large futures drown the past: those were not judged")
            return True
        self.identical, self.same_bits = self.identical and not response.any(), False
        self.coverage.add(futures.kind, changed)
        known = now.floors[watched] * self._growth(y, z, watched)
        if not ((response > known) & now.open).any():
            self._accept(known, response, y, z, now.usual, watched)
            return True
        try:
            examination = self._judge(changed, y).examine(futures.base, changed, cut)
        except UndecidedError as doubt:
            return self._goes_on_in_doubt(now, doubt, changed)
        return self._goes_on_examined(now, cut, changed, z, response, examination)

    def _goes_on_in_doubt(self, now: Round, doubt: UndecidedError, changed: np.ndarray) -> bool:
        """Note a doubt; whether the round goes on: not where the values are too large, or doubts too many."""
        if immoderate(self.inputs, changed):
            self._note(f"at values of size {float(np.abs(changed).max()):.0e} nothing could be told from rounding")
            return False
        self.doubt, now.doubts = self.doubt or doubt, now.doubts + 1
        return now.doubts <= MOST_DOUBTS

    def _goes_on_examined(
        self, now: Round, cut: Cut, changed: np.ndarray, z: Outputs, response: np.ndarray, examination: Examination
    ) -> bool:
        """Take what was examined for a leak or for rounding; whether an array is left in which none was found."""
        watched = cut.watched
        if examination.arithmetic and examination.leaks.any():
            self._go_on_in_double()
            now.y = self.observe(now.futures.base)
        leaks = examination.leaks & now.open
        now.floors[watched] = np.maximum(now.floors[watched], np.where(leaks, 0.0, examination.floor))
        if now.usual:
            own = own_rounding(self._judge(changed, now.y).roundoffs, now.y, z, watched)
            self.grows[watched] |= examination.noise > FOREIGN * own
        if not leaks.any():
            self._accept(examination, response, now.y, z, now.usual, watched)
            return True
        self._locate(now.futures, now.y, changed, cut, examination, leaks)
        now.open = self._open
        return bool(now.open.any())

    def _round_not_finite(self, futures: Futures, cuts: list[Cut], go_on: Callable[[], bool] | None = None) -> bool:
        """Test cuts with NaN and infinities, on what of the past is finite; whether all of them were.

        Neither an exception nor a doubt counts here, since many models refuse such values, or are made for none.
        """
        until, only_lost = self._spent() + self.limit / 4, 0
        y = self._tried(futures.base)
        for done, cut in enumerate(cuts if y is not None else ()):
            more = go_on() if go_on else not done or not self._over(until)
            if not self._open.any() or not more:
                return False
            changed = self.inputs.put(futures.base, futures.donor(cut.place, cut.turn), cut.changed)
            z = self._tried(changed)
            if y is None or z is None:
                return False
            watched = np.arange(self.contract.n)[cut.watched]
            finite = (np.isfinite(y.wide[watched]) & np.isfinite(z.wide[watched])).any(axis=1)
            if not finite.any():
                continue
            self.coverage.add(futures.kind, changed)
            within = replace(cut, watched=compact(watched[finite]))
            response = difference(y, z, within.watched)[:, self._open]
            if not (np.isfinite(response) & (response > 0)).any():
                continue
            try:
                examination = self.examined(futures, changed, y, within)
            except UndecidedError:
                self._note(f"with {futures.kind} a response could not be told from rounding")
                return False
            leaks = examination.leaks & self._open
            if leaks.any():
                self._locate(futures, y, changed, within, examination, leaks)
            elif (only_lost := only_lost + 1) > MOST_DOUBTS:
                return False
        return y is not None

    def examined(self, futures: Futures, changed: np.ndarray, y: Outputs, cut: Cut) -> Examination:
        """What the judge says of one change; of values that spoil a past, only what they do not turn to NaN counts.

        Raises:
            UndecidedError: as `Judge.examine`.
        """
        found = self._judge(changed, y).examine(futures.base, changed, cut)
        if not futures.spoils:
            return found
        found = replace(found, response=np.where(np.isfinite(found.response), found.response, 0.0))
        if futures.kind in APPEARING and found.leaks.any():
            lost = self._lost(futures, changed, cut, found.leaks)
            found = replace(found, response=np.where(lost, 0.0, found.response))
        return found

    def _lost(self, futures: Futures, changed: np.ndarray, cut: Cut, leaks: np.ndarray) -> np.ndarray:
        """Which of the outputs that answer to a NaN are none but lost: numbers, but no function of the past any more.

        A sign, a code or a number put in its place hides the NaN that 0·NaN has made. Such an output answers no longer
        to what it answered to. What it may see is changed in two halves, so that one that adds itself is known, too.
        Outputs that answer to less than others tell nothing, in an array of which some are lost; nor do those that
        answer to nothing with and without a NaN, unless they never vary. (watched, channels)
        """
        before, after = (
            answers(self.observe, self.inputs, x, cut.changed, cut.watched) for x in (futures.base, changed)
        )
        reach = np.where(leaks, before.sum(axis=0), 0)
        lost = (before & ~after).any(axis=0) | ((reach == 0) & self.varies[cut.watched])
        for k, columns in enumerate(self._columns(self.observe(futures.base))):
            if (lost & leaks & (reach == len(before)))[:, columns].any():
                self.losing.add(k)
            least = len(before) if k in self.losing else reach[:, columns].max(initial=0)
            lost[:, columns] |= reach[:, columns] < least
        if leaks.any() and (lost | ~leaks).all():
            self._note(f"with {futures.kind} outputs that may not see it are lost, and say another number: not counted")
        return lost

    def _tried(self, x: np.ndarray) -> Outputs | None:
        """The outputs; None where the model refuses values that are not finite."""
        self.runs += 1
        y = tried(self.observe, x)
        if y is None:
            self._note("it raises on NaN or infinities, which were not tried")
        return y

    def _columns(self, y: Outputs) -> list[slice]:
        """The channels of each array."""
        stops = np.cumsum([0, *(a.shape[1] for a in y.arrays)])
        return [slice(int(start), int(stop)) for start, stop in pairwise(stops)]

    def _growth(self, y: Outputs, z: Outputs, watched: Places) -> np.ndarray | float:
        """How many times larger than in the usual round each channel is, where its floor grows, (watched, channels).

        Those grow whose noise is more than the output's own rounding, and so comes from elsewhere in the sequence.
        """
        size = scale(y, z)
        if self.size is None:
            self.size = size
        grows = self.grows[watched]
        if not grows.any():
            return 1.0
        with np.errstate(all="ignore"):
            return np.where(grows, np.maximum(np.nan_to_num(size / self.size, nan=1.0, posinf=1.0), 1.0), 1.0)

    def _observed(self, x: np.ndarray, kind: str) -> Outputs | None:
        """The outputs, or None where the model raises: then nothing is called causal."""
        self.runs += 1
        start = time.monotonic()
        y = outcome_of(self.observe, x)
        if isinstance(y, Exception):
            self.doubt = self.doubt or doubt_of(y, f"on inputs of kind {kind!r}: a future may stop the past")
            return None
        self.quickest = min(self.quickest, time.monotonic() - start)
        return y

    def _judge(self, changed: np.ndarray, y: Outputs) -> Judge:
        """The judge, who looks at the arithmetic when first needed."""
        if self.judge is None:
            units = roundoffs(y, self.layout.dtypes)
            seen = self.facts(changed)
            self.judge = Judge(self.observe, self.inputs, units, seen, self.inputs.seed, self.contract, look=self.facts)
        return self.judge

    def _go_on_in_double(self) -> None:
        """From now on torch computes in double precision, in which the leak stands out."""
        assert self.judge is not None
        judge = self.judge.in_double()
        if judge is not None:
            self.judge, self.observe = judge, judge.observe
            self._note(
                "seen with all arithmetic in double precision: in that of the model, its rounding hides the leak"
            )

    def _overflows(self, y: Outputs, base: np.ndarray, changed: np.ndarray, cut: Cut) -> bool:
        """Whether values of such size are beyond the model's range, so that infinities arise at their own place.

        Below a moderate size, and where the changed place's own output stays finite, a past that turns to NaN or
        infinity sees the future.
        """
        if not immoderate(self.inputs, changed):
            return False
        if immoderate(self.inputs, base):  # the past alone may have come near the end of the range
            self._note(f"values of size {float(np.abs(changed).max()):.0e} are beyond the model's own range: left out")
            return True

        def lost(places: np.ndarray, watched: Places) -> tuple[bool, Outputs]:
            z = self.observe(self.inputs.put(base, changed, places))
            return bool(np.isinf(difference(y, z, watched)[:, self._open]).any()), z

        columns = np.arange(self.inputs.n)[cut.changed]
        low, high = 1, len(columns)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if lost(columns[:middle], cut.watched)[0] else (middle + 1, high)
        j = int(columns[low - 1])
        blind = ~self.contract.allowed(np.arange(self.contract.n), j)
        alone, z = lost(columns[low - 1 : low], np.flatnonzero(blind))
        alone_there = self.contract.at is None and (self.contract.lookahead is not None or not blind[j])
        own = np.arange(self.contract.n) == j if alone_there else ~blind
        if alone and not (np.isfinite(y.wide[own]) & ~np.isfinite(z.wide[own])).any():
            return False
        self._note(f"values of size {float(np.abs(changed).max()):.0e} are beyond the model's own range: left out")
        return True

    def _accept(
        self,
        by: Examination | np.ndarray,
        response: np.ndarray,
        y: Outputs,
        z: Outputs,
        usual: bool,
        watched: Places,
    ) -> None:
        """Note what was taken for rounding; where it is large, or its floor is, the answer rests on too little.

        Args:
            by: what was examined, or floors that were known, (watched, channels); noise grows as they do.
        """
        if self.judge and response.any():
            self.judge.spreads = True
        size = scale(y, z)
        size = np.where(size > 0, size, 1.0)
        share = np.minimum(response / size, 1e300) * self._open
        place = np.unravel_index(int(np.argmax(share)), share.shape)
        largest = float(share[place])
        if largest > COARSEST_FLOOR:
            self.coarse = max(self.coarse, largest)
        if isinstance(by, np.ndarray):
            if largest > self.worst.response:
                floor = float(by[place] / size[place[1]])
                grown = floor / self.worst.floor if self.worst.floor else 1.0
                self.worst = Rounding(largest, floor, self.worst.noise * grown)
            return
        touched = self._open & (response > 0).any(axis=0)
        if (usual or self.inputs.half) and len(response) >= self.inputs.n // 2 and touched.any():
            with np.errstate(all="ignore"):
                hidden = np.median(np.nan_to_num(by.floor / np.abs(y.wide[watched])), axis=0)
            self.coarse = max(self.coarse, float(hidden[touched].max()))
        if largest >= self.worst.response and touched.any():
            floor, noise = float(by.floor[place] / size[place[1]]), float(by.noise[place] / size[place[1]])
            self.worst = Rounding(largest, floor, noise)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _locate(
        self,
        futures: Futures,
        y: Outputs,
        changed: np.ndarray,
        cut: Cut,
        examination: Examination,
        leaks: np.ndarray,
    ) -> None:
        """From a leak at one cut to the first leaking output of each array and the nearest input it sees."""
        for k, columns in enumerate(self._columns(y)):
            if k not in self.found and leaks[:, columns].any():
                self.found[k] = Pair(self, futures, y, changed, cut, columns, self.layout.names[k]).found(examination)


OTHER_TURNS = 8
"""So many other values of the same kind, and of other kinds, are tried for a pair of nearer places."""


def answers(
    run: Callable[[np.ndarray], Outputs], inputs: Inputs, x: np.ndarray, beyond: Places, watched: Places
) -> np.ndarray:
    """Which outputs answer to the inputs that are not beyond, changed in two halves; (halves, watched, channels).

    What is not finite stays so.
    """
    places = np.arange(inputs.n)
    kept, first = np.setdiff1d(places, places[beyond]), run(x)
    found = np.zeros((2, *first.wide[watched].shape), bool)
    for moved, half in zip(found, (kept[::2], kept[1::2]), strict=True):
        for turn in range(PASTS):
            donor = inputs.futures(inputs.kinds[turn % 3]).donor(0, turn)
            y = tried(run, inputs.put(x, np.where(np.isfinite(x), donor, x), half))
            response = np.zeros(moved.shape) if y is None else difference(first, y, watched)
            moved |= np.isfinite(response) & (response > 0)
    return found


@dataclass
class Pair:
    """The first leaking pair of one array, `columns` of the outputs, given one change at a cut that shows a leak.

    values: those that inputs are changed to, by default such as showed the leak.
    """

    search: Search
    futures: Futures
    y: Outputs
    changed: np.ndarray
    cut: Cut
    columns: slice
    name: str
    values: np.ndarray | None = None

    def found(self, examination: Examination) -> Found:
        search, contract = self.search, self.search.contract
        i = self.first_leak(self.cut, examination)
        deadline = search._spent() + max(search.extra, search.limit / 4)
        known = np.zeros(self.y.wide[:, self.columns].shape)
        known[self.cut.watched] = examination.floor[:, self.columns]
        all_usual = self.futures.kind == search.inputs.kinds[0] and not search.in_turn
        cut, done = self.cut, search.tested if all_usual else set()
        for earlier in dict.fromkeys(contract.cut_of(row) for row in range(i)):
            if earlier is None or earlier.number in done or earlier.number == cut.number:
                continue
            if search._spent() > deadline:
                search._note(f"outputs before {i} were not all searched: an earlier one may leak too")
                break
            watched = self.places(earlier.watched)
            earlier = replace(earlier, watched=compact(watched[watched < i]))
            if (self.moved(earlier.changed)[earlier.watched] > known[earlier.watched]).any():
                closer = self.examined(earlier)
                if closer is not None and closer.leaks[:, self.columns].any():
                    i, cut, examination = self.first_leak(earlier, closer), earlier, closer
                    break
                if closer is not None:
                    known[earlier.watched] = np.maximum(known[earlier.watched], closer.floor[:, self.columns])
        row = int(np.searchsorted(self.places(cut.watched), i))
        floor = examination.floor[row, self.columns]
        hidden = contract.forbidden(i)
        nearest = hidden[np.argsort(np.abs(hidden - contract.place(i)), kind="stable")]
        fewest = self.fewest(i, nearest, floor)
        pair, nearest = (self, fewest) if self.futures.spoils else self.nearer(i, fewest, floor, cut)
        return pair.measured(i, nearest, cut, examination)

    def fewest(self, i: int, nearest: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """As many of these inputs, the nearest first, as output i answers to."""
        low, high = 1, len(nearest)
        while low < high:
            middle = (low + high) // 2
            if (self.moved(np.sort(nearest[:middle]))[i] > floor).any():
                high = middle
            else:
                low = middle + 1
        return nearest[:low]

    def nearer(self, i: int, nearest: np.ndarray, floor: np.ndarray, cut: Cut) -> tuple[Pair, np.ndarray]:
        """Fewer of these inputs, if output i answers to them at other values: a leak may open for some alone."""
        if len(nearest) == 1:
            return self, nearest
        fewer = nearest[:-1]
        for other in (replace(self, values=values) for values in self.others()):
            if other.leaks(i, fewer, floor, cut):
                closest = other.fewest(i, fewer, floor)
                return other.nearer(i, closest if other.leaks(i, closest, floor, cut) else fewer, floor, cut)
        return self, nearest

    def others(self) -> Iterator[np.ndarray]:
        """Other values for all places: of the same kind, and of others."""
        inputs, place = self.search.inputs, self.cut.place
        yield from (self.futures.donor(place, self.cut.turn + turn) for turn in range(1, OTHER_TURNS + 1))
        kinds = [kind for kind in inputs.kinds if kind != self.futures.kind][:OTHER_TURNS]
        yield from (inputs.futures(kind).donor(place, self.cut.turn) for kind in kinds)

    def leaks(self, i: int, changed: np.ndarray, floor: np.ndarray, cut: Cut) -> bool:
        """Whether output i answers to a change of these inputs, as judged by what the outputs are then."""
        if not (self.moved(np.sort(changed))[i] > floor).any():
            return False
        watched = self.blind(i, changed)
        seen = self.examined(replace(cut, changed=compact(np.sort(changed)), watched=compact(watched)))
        return seen is not None and bool(seen.leaks[int(np.searchsorted(watched, i)), self.columns].any())

    def places(self, places: Places) -> np.ndarray:
        """Places as an array."""
        return np.arange(self.search.contract.n)[places]

    def first_leak(self, cut: Cut, examination: Examination) -> int:
        """The first output above its floor."""
        return int(self.places(cut.watched)[np.argmax(examination.leaks[:, self.columns].any(axis=1))])

    def moved(self, places: Places) -> np.ndarray:
        """How the array's outputs answer to a change of these inputs, (n, channels); not, where the model raises."""
        z = outcome_of(self.search.observe, self.search.inputs.put(self.futures.base, self.changed_everywhere, places))
        if isinstance(z, Exception):
            return np.zeros(self.y.wide[:, self.columns].shape)
        response = difference(self.y, z)[:, self.columns]
        return np.where(np.isfinite(response), response, 0.0) if self.futures.spoils else response

    @cached_property
    def changed_everywhere(self) -> np.ndarray:
        """The changed input, and at the places it shares with the base the pool's own values."""
        if self.values is not None:
            return self.values
        pool = self.futures.donor(self.cut.place, self.cut.turn)
        return self.search.inputs.put(pool, self.changed, self.cut.changed)

    def examined(self, cut: Cut) -> Examination | None:
        search = self.search
        x = search.inputs.put(self.futures.base, self.changed_everywhere, cut.changed)
        try:
            return search.examined(self.futures, x, self.y, cut)
        except UndecidedError:
            return None

    def measured(self, i: int, nearest: np.ndarray, cut: Cut, examination: Examination) -> Found:
        """Size of the leak into i from the last of some inputs, from changing it alone where that is enough to show it.

        Args:
            nearest: inputs that i may not see, a change of all of which it answers to.
        """
        inputs, j = self.search.inputs, int(nearest[-1])
        with np.errstate(all="ignore"):
            apart = np.abs(
                inputs_wide(self.changed_everywhere[inputs.places(j, j + 1)])
                - inputs_wide(self.futures.base[inputs.places(j, j + 1)])
            )
        change = float(np.max(apart, where=np.isfinite(apart), initial=0.0)) if np.isfinite(apart).any() else np.inf
        row = int(np.searchsorted(self.places(cut.watched), i))
        for changed in (nearest[-1:], nearest):
            watched = self.blind(i, changed)
            alone = self.examined(replace(cut, changed=compact(np.sort(changed)), watched=compact(watched)))
            at = int(np.searchsorted(watched, i))
            if alone is not None and alone.leaks[at, self.columns].any():
                examination, row = alone, at
                break
        changed_input = inputs.put(self.futures.base, self.changed_everywhere, nearest)
        self.search.shown[i, j] = self.futures.base, changed_input
        response, floor = examination.response[row, self.columns], examination.floor[row, self.columns]
        at = int(np.argmax(np.where(response > floor, response, 0.0)))
        return Found(i, j, float(response[at]), float(floor[at]), change, self.name, self.futures.kind)

    def blind(self, i: int, changed: np.ndarray) -> np.ndarray:
        """Outputs up to i that may see none of these inputs, ascending."""
        allowed = self.search.contract.allowed(np.arange(i + 1)[:, None], changed)
        return np.flatnonzero(~allowed.any(axis=1))


def inputs_wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)
