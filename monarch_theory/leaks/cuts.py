"""The search for a leak: cut the sequence, change what follows the cut, and see whether anything before it moves.

**What m runs can show** (theorem). A causality violation i ← j is seen by comparing two runs whose inputs agree up to
some place c, i < c ≤ j, and differ from c on. Among m inputs there are at most m − 1 different first places of
disagreement: the inputs form a trie with m leaves, which has at most m − 1 branchings. So n − 1 cuts need n runs, and
no way of choosing the inputs does with fewer; for a linear callable the same follows from rank, since with m < n probes
some row of the probe matrix lies in the span of those above it. Where the time allowed does not suffice for all, cuts
are spread evenly and the share that was tested is reported: a violation that spans at least `gap` places crosses one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from monarch_theory.leaks.inputs import KINDS, Inputs, UndecidedError, unit_roundoff
from monarch_theory.leaks.noise import COARSE_STEP, SINGLE, Examination, examine, wide

__all__ = ["Found", "Search", "spread_order"]

PREVIEW = 8
LEAST = 4
COARSEST_FLOOR = 0.01
FEW_PLACES = 8


def spread_order(n: int) -> list[int]:
    """Cuts 1 … n−1, ends and middle first, each prefix as even as can be (van der Corput order).

    >>> spread_order(9)
    [1, 8, 4, 2, 6, 5, 3, 7]
    """
    if n <= 1:
        return []
    bits = max((n - 1).bit_length(), 1)
    places = (int(f"{k:0{bits}b}"[::-1], 2) * n >> bits for k in range(1, 2**bits))
    return list(dict.fromkeys([1, n - 1, *(c for c in places if 0 < c < n), *range(1, n)]))


@dataclass(frozen=True)
class Found:
    """Output i changes with input j > i: by `size` when that input changes by `change`; `floor` is its noise floor."""

    output: int
    input: int
    size: float
    floor: float
    change: float


@dataclass(frozen=True)
class Rounding:
    """What was taken for rounding, relative to the size of the outputs: largest response, floor and noise."""

    response: float = 0.0
    floor: float = 0.0
    noise: float = 0.0


@dataclass
class Search:
    """One search over a deterministic callable.

    Args:
        observe: from an input to outputs of shape (n, channels), checked for shape.
        output_dtype: logical dtype of the outputs.
        budget: seconds for the first round over all cuts; `extra` for the rounds with other kinds of values.
        progress: called with (cuts done, cuts in all).
    """

    observe: Callable[[np.ndarray], np.ndarray]
    inputs: Inputs
    output_dtype: str
    seed: int
    budget: float
    extra: float
    progress: Callable[[int, int], None] = lambda done, total: None
    tested: set[int] = field(default_factory=set)
    rounds: int = 0
    identical: bool = True
    rounding: dict[int, Rounding] = field(default_factory=dict)
    doubt: UndecidedError | None = None
    notes: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Found | None:
        """A leak, or None where no tested cut showed one.

        Raises:
            UndecidedError: none did, but some response could be told neither from a leak nor from rounding.
        """
        found = self._rounds()
        if self.doubt and not found:
            raise self.doubt
        usual = self.rounding.get(0, Rounding())
        if not found and usual.floor > COARSEST_FLOOR:
            raise UndecidedError(
                "noise",
                f"the model's own rounding noise, {usual.noise:.1e} of its output, would hide a leak of up to "
                f"{usual.floor:.1e} of it: too coarse to call it causal (it is unstable, or needs more digits)",
            )
        return found

    def _rounds(self) -> Found | None:
        order = spread_order(self.inputs.n)
        preview = order[: PREVIEW + 2]
        for kind in range(self.inputs.rounds):
            found = self._round(kind, preview, self.budget / 4 if kind else self.budget)
            if found:
                return found
        found = self._round(0, order[len(preview) :], self.budget)
        for kind in range(1, self.inputs.rounds):
            if found or len(self.tested) < len(order) or self._spent() > self.extra:
                break
            found = self._round(kind, order[len(preview) :], self.extra)
        return found

    @property
    def gap(self) -> int:
        """Every violation i ← j with j − i ≥ gap crosses a tested cut."""
        edges = [0, *sorted(self.tested), self.inputs.n]
        return max(b - a for a, b in pairwise(edges))

    def _spent(self) -> float:
        return time.monotonic() - self.started

    def _round(self, kind: int, cuts: list[int], until: float) -> Found | None:
        """Test `cuts` with one kind of values."""
        base, _ = self.inputs.draw(kind, np.random.default_rng([self.seed, kind]))
        y = self._finite(base, kind, self.inputs.n)
        if y is None:
            return None
        for cut in cuts:
            if self._spent() > until and len(self.tested) >= min(LEAST, self.inputs.n - 1):
                return None
            _, donor = self.inputs.draw(kind, np.random.default_rng([self.seed, kind, cut]))
            changed = self.inputs.splice(base, donor, cut)
            z = self._finite(changed, kind, cut)
            if z is None:
                return None
            if kind == 0:
                self.tested.add(cut)
                self.progress(len(self.tested), self.inputs.n - 1)
            if self._suspicious(kind, y, z, cut):
                try:
                    examination = self._judged(kind, base, changed, cut, scale(y, z))
                except UndecidedError as doubt:
                    self.doubt = self.doubt or doubt
                    self._accept(kind, None, y, z, cut)
                    continue
                if examination.leaks.any():
                    return self._locate(base, donor, cut, examination)
                self._accept(kind, examination, y, z, cut)
        self.rounds = max(self.rounds, kind + 1)
        return None

    def _finite(self, x: np.ndarray, kind: int, cut: int) -> np.ndarray | None:
        """The outputs, or None where values of another than unit size overflow or are refused."""
        try:
            y = self.observe(x)
        except Exception as error:
            if kind == 0 or getattr(getattr(error, "outcome", None), "value", None) != "exception":
                raise
            self._skip(kind, f"the model raised {error}")
            return None
        kept = y if kind == 0 else y[:cut]
        bad = ~np.isfinite(kept)
        if not bad.any():
            return y
        place = int(np.argwhere(bad)[0][0])
        value = kept[tuple(np.argwhere(bad)[0])]
        if kind == 0:
            raise UndecidedError("not finite", f"output {place} is {value} for a finite input of unit size")
        self._skip(kind, f"output {place} is {value}")
        return None

    def _skip(self, kind: int, why: str) -> None:
        self._note(f"{why}, on inputs of kind {KINDS[kind % len(KINDS)]}: left out")

    def _suspicious(self, kind: int, y: np.ndarray, z: np.ndarray, cut: int) -> bool:
        """Whether the past moved, and by more than has been found to be rounding."""
        if y[:cut].tobytes() == z[:cut].tobytes():
            return False
        self.identical = False
        response = float(np.abs(wide(z[:cut]) - wide(y[:cut])).max())
        return response > self.rounding.get(kind, Rounding()).floor * scale(y, z)

    def _examine(
        self, base: np.ndarray, changed: np.ndarray, cut: int, h: float = COARSE_STEP, past_only: bool = False
    ) -> Examination:
        """Along one line, and where that shows a leak along a second too: six samples may agree by chance."""

        def along(line: int) -> Examination:
            rng = np.random.default_rng([self.seed, cut, line])
            return examine(
                self.observe, self.inputs, base, changed, cut, self.output_dtype, rng, h=h, past_only=past_only
            )

        first = along(0)
        return first.agreeing(along(1)) if first.leaks.any() else first

    def _judged(self, kind: int, base: np.ndarray, changed: np.ndarray, cut: int, size: float) -> Examination:
        """The examination that counts, of a leak or of rounding.

        Noise beyond what the dtype explains is either a coarser precision inside, and then stirring the past alone
        shows it too (unless a large future swamps a short past), or a leak too wild to look smooth at the usual step,
        and then it does at a finer one.

        Raises:
            UndecidedError: neither.
        """
        usual = self._examine(base, changed, cut)
        if self.inputs.integer or self.inputs.half:
            return usual
        u = unit_roundoff(self.output_dtype)
        noise = float(usual.noise.max())
        if usual.leaks.any():
            clear = usual.floor <= COARSEST_FLOOR * size
            if (usual.leaks & (clear | (usual.response > 4 * usual.floor))).any():
                return usual
            raise self._doubtful(usual, noise)
        if noise <= 256 * u * size:
            return usual
        if noise <= (64 * SINGLE if u < SINGLE else 2.0**-8) * size:
            swamped = kind > 0 or cut < FEW_PLACES
            if swamped or not self._examine(base, changed, cut, past_only=True).leaks.any():
                self._note(
                    f"the arithmetic inside is coarser than {self.output_dtype}: noise {noise / size:.1e} of the output"
                )
                return usual
        else:
            finer = self._examine(base, changed, cut, h=512 * max(u, unit_roundoff(self.inputs.dtype)))
            if finer.leaks.any():
                return finer
        raise self._doubtful(usual, noise)

    def _doubtful(self, examination: Examination, noise: float) -> UndecidedError:
        return UndecidedError(
            "noise",
            f"changing the future moves the past by {examination.response.max():.1e}, with noise of {noise:.1e}: more "
            f"than rounding in {self.output_dtype} explains, so the model is unstable or not continuous",
        )

    def _accept(self, kind: int, examination: Examination | None, y: np.ndarray, z: np.ndarray, cut: int) -> None:
        """Take the response for rounding, and with inputs of this kind whatever is no larger."""
        size = scale(y, z) or 1.0
        response = float(np.abs(wide(z[:cut]) - wide(y[:cut])).max()) / size
        known = self.rounding.get(kind, Rounding())
        floor = float(examination.floor.min()) / size if examination else 0.0
        noise = float(np.median(examination.noise)) / size if examination else 0.0
        self.rounding[kind] = Rounding(
            max(known.response, response), max(known.floor, 1.5 * response, floor), max(known.noise, noise)
        )

    @property
    def worst(self) -> Rounding:
        """Of the kind of inputs with the largest response."""
        return max(self.rounding.values(), key=lambda r: r.response, default=Rounding())

    def _note(self, note: str) -> None:
        if not any(known.split(":")[0] == note.split(":")[0] for known in self.notes):
            self.notes.append(note)

    def _locate(self, base: np.ndarray, donor: np.ndarray, cut: int, examination: Examination) -> Found:
        """From a leak at one cut to the first leaking output and the nearest input it sees."""
        y = wide(self.observe(base))
        deadline = time.monotonic() + max(self.extra, self.budget / 4)

        def moved(start: int, stop: int | None) -> np.ndarray:
            changed = self.inputs.splice(base, donor, start, stop)
            return np.abs(wide(self.observe(changed)) - y)

        i = first_leak(examination)
        known = float(examination.floor[examination.leaks].min())
        for c in range(1, i + 1):
            if time.monotonic() > deadline:
                self._note(f"outputs before {i} were not all searched: an earlier one may leak too")
                break
            response = float(moved(c, None)[:c].max())
            if response > known:
                earlier = self._examine(base, self.inputs.splice(base, donor, c), c)
                if earlier.leaks.any():
                    i, examination = first_leak(earlier), earlier
                    break
                known = 1.5 * response
        low, high = i + 1, self.inputs.n - 1
        while low < high:
            middle = (low + high) // 2
            if (moved(i + 1, middle + 1)[i] > examination.floor[i]).any():
                high = middle
            else:
                low = middle + 1
        return self._measured(base, donor, i, low, float(examination.floor[i].min()))

    def _measured(self, base: np.ndarray, donor: np.ndarray, i: int, j: int, floor: float) -> Found:
        """Size of the leak i ← j, from changing input j alone where that is enough to show it."""
        place = (slice(None),) * self.inputs.axis + (j,)
        change = float(np.abs(wide(donor[place]) - wide(base[place])).max())
        size = 0.0
        for start in (j, i + 1):
            examination = self._examine(base, self.inputs.splice(base, donor, start, j + 1), i + 1)
            at = int(np.argmax(examination.response[i]))
            size = float(examination.response[i, at])
            if size > examination.floor[i, at]:
                return Found(i, j, size, float(examination.floor[i, at]), change)
        return Found(i, j, size, floor, change)


def first_leak(examination: Examination) -> int:
    """The first output above its floor."""
    return int(np.argmax(examination.leaks.any(axis=1)))


def scale(y: np.ndarray, z: np.ndarray) -> float:
    """Size of the outputs, the future included: what the rounding of a transform is relative to."""
    both = [np.abs(wide(a)) for a in (y, z)]
    return float(max(a[np.isfinite(a)].max(initial=0.0) for a in both))
