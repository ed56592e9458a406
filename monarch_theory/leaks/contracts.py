"""What each output may depend on: one value, for measuring, proving, certificates and reports alike.

A contract allows output i the inputs start[i] … stop[i] − 1, and of these, where there is a mask, those it holds. From
it follow the *cuts* of a search: for every output, all inputs it may not see are changed at once, and all outputs that
may see none of them are watched. So every forbidden pair is in some cut, and there are no more cuts than different rows
of the pattern; for causality they are the n − 1 places at which a sequence can be cut in two.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from monarch_theory.leaks.inputs import Places, UndecidedError

__all__ = [
    "Contract", "Cut", "alone", "blocks", "causal", "compact", "document_numbers", "documents", "hidden_padding",
    "masked", "prefix", "window",
]  # fmt: skip

CAUSAL, NOT_CAUSAL = "causal", "not causal"


@dataclass(frozen=True, eq=False)
class Cut:
    """Inputs that are changed together, and outputs that may see none of them.

    number: 1 … the number of cuts; place: where the last run of changed inputs begins; turn: which values they get.
    """

    number: int
    watched: Places
    changed: Places
    place: int
    turn: int


@dataclass(frozen=True, eq=False)
class Contract:
    """Which inputs each output may depend on.

    Attributes:
        name: what is said of a model that keeps it, in a word or a few.
        start, stop: output i may depend on inputs start[i] … stop[i] − 1, (n,) each.
        mask: where not None, on those of them alone that it holds, bool of shape (n, n), row i for output i.
        yes, no: the two verdicts.
        along: "sequence", or "batch" where the places are the rows of a batch.
        lookahead: of plain causality, how many places ahead are allowed; else None.
        at: where there are not as many outputs as inputs, the place each output stands for, (outputs,).
        columns: how many inputs there are then.

    >>> window(4, 2).allowed(np.arange(4)[:, None], np.arange(4)).astype(int)
    array([[1, 0, 0, 0],
           [1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """

    name: str
    start: np.ndarray
    stop: np.ndarray
    mask: np.ndarray | None = None
    yes: str = "holds"
    no: str = "does not hold"
    along: str = "sequence"
    lookahead: int | None = None
    at: np.ndarray | None = None
    columns: int | None = None

    @property
    def n(self) -> int:
        """Number of outputs."""
        return len(self.start)

    @property
    def inputs(self) -> np.ndarray:
        """The places of the inputs."""
        return np.arange(self.n if self.columns is None else self.columns)

    def place(self, i: int) -> int:
        """Where output i stands among the inputs."""
        return i if self.at is None else int(self.at[i])

    def rows(self, stride: int, offset: int, outputs: int) -> Contract:
        """This contract for as many outputs, where output i stands for place stride·i + offset.

        >>> causal(6).rows(2, 0, 3).stop
        array([1, 3, 5])
        """
        at = stride * np.arange(outputs) + offset
        held = np.clip(at, 0, self.n - 1)
        words = f"{f'{stride}i' if stride > 1 else 'i'}{f' {offset:+d}' if offset else ''}"
        return replace(
            self,
            name=f"{self.name}, output i at place {words}",
            start=self.start[held],
            stop=np.where(at < 0, 0, self.stop[held]),
            mask=None if self.mask is None else self.mask[held],
            lookahead=None,
            at=at,
            columns=self.n,
        )

    @property
    def ordered(self) -> bool:
        """Whether every output may see the first inputs up to some place: the future alone is forbidden."""
        return self.mask is None and not self.start.any()

    @property
    def change(self) -> str:
        """What a run tries, in words that end in a number."""
        if self.ordered:
            return "changing the future moves the past"
        return "changing inputs that outputs may not see moves these"

    def allowed(self, i: Any, j: Any) -> np.ndarray:
        """Whether output i may depend on input j, from arrays of i and j that broadcast."""
        within = (self.start[i] <= j) & (j < self.stop[i])
        return within if self.mask is None else within & self.mask[i, j]

    def ends(self) -> tuple[np.ndarray | None, np.ndarray]:
        """Where each output's inputs begin, and the place after they end; no beginnings where some are not in a row.

        >>> window(4, 2).ends()
        (array([0, 0, 1, 2]), array([1, 2, 3, 4]))
        """
        if self.mask is None:
            return self.start, self.stop
        start, stop = np.zeros(self.n, np.int64), np.zeros(self.n, np.int64)
        for i in range(self.n):
            seen = np.flatnonzero(self.allowed(i, self.inputs))
            if len(seen):
                start[i], stop[i] = seen[0], seen[-1] + 1
            if stop[i] - start[i] != len(seen):
                return None, self.stop
        return start, stop

    def forbidden(self, i: int) -> np.ndarray:
        """The inputs that output i may not see, ascending."""
        return np.flatnonzero(~self.allowed(i, self.inputs))

    def within(self, words: str, start: Any = 0, stop: Any = None, mask: np.ndarray | None = None) -> Contract:
        """What this contract and some others allow."""
        masks = [m for m in (self.mask, mask) if m is not None]
        return Contract(
            f"{self.name} within {words}",
            np.maximum(self.start, start),
            self.stop if stop is None else np.minimum(self.stop, stop),
            np.logical_and.reduce(masks) if masks else None,
        )

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """One for each set of inputs that some output may not see, in the order of the outputs."""
        return tuple(self._by_row.values())

    def cut_of(self, i: int) -> Cut | None:
        """The cut that changes all that output i may not see, None where that is nothing."""
        return self._by_row.get(self._row(i))

    @cached_property
    def _by_row(self) -> dict[Any, Cut]:
        last = {self._row(i): i for i in range(self.n)}
        rows = sorted((i, row) for row, i in last.items() if len(self.forbidden(i)))
        return {row: self._cut(number, i) for number, (i, row) in enumerate(rows, start=1)}

    def _row(self, i: int) -> Any:
        """Equal for outputs that may see the same."""
        if self.mask is None:
            return int(self.start[i]), max(int(self.stop[i]), int(self.start[i]))
        return self.allowed(i, self.inputs).tobytes()

    @cached_property
    def _pattern(self) -> np.ndarray:
        """All pairs, (n, n)."""
        return self.allowed(np.arange(self.n)[:, None], self.inputs)

    def _cut(self, number: int, i: int) -> Cut:
        changed = self.forbidden(i)
        if self.mask is None:
            watched = np.flatnonzero((self.start >= self.start[i]) & (self.stop <= max(self.stop[i], self.start[i])))
        else:
            watched = np.flatnonzero(~self._pattern[:, changed].any(axis=1))
        begins = int(changed[np.flatnonzero(np.diff(changed, prepend=-2) > 1)[-1]])
        return Cut(number, compact(watched), compact(changed), begins, begins if self.ordered else number)

    def as_plain(self) -> dict[str, Any]:
        """Numbers, words and lists, from which `of_plain` makes it again."""
        bits = None if self.mask is None else base64.b64encode(np.packbits(self.mask).tobytes()).decode()
        ends = {"start": self.start.tolist(), "stop": self.stop.tolist()}
        return {"name": self.name, **ends, "mask": bits, "columns": self.columns}

    @staticmethod
    def of_plain(plain: dict[str, Any]) -> Contract:
        """The contract that `as_plain` gave, as far as a prover needs it."""
        start, stop, columns, mask = np.array(plain["start"]), np.array(plain["stop"]), plain["columns"], None
        if plain["mask"] is not None:
            bits, shape = np.frombuffer(base64.b64decode(plain["mask"]), np.uint8), (len(start), columns or len(start))
            mask = np.unpackbits(bits, count=shape[0] * shape[1]).astype(bool).reshape(shape)
        return Contract(plain["name"], start, stop, mask, columns=columns)


def compact(places: np.ndarray) -> Places:
    """Places as a slice, where they follow each other."""
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def causal(n: int, lookahead: int = 0) -> Contract:
    """Output i may depend on inputs 0 … i + lookahead; −1 is strict causality.

    >>> [cut.changed for cut in causal(3).cuts]
    [slice(1, 3, None), slice(2, 3, None)]
    """
    if lookahead < -1:
        raise UndecidedError("bad input", f"lookahead: expected at least -1, got {lookahead}")
    name = "strictly causal" if lookahead == -1 else f"causal with lookahead {lookahead}" if lookahead else CAUSAL
    stop = np.minimum(np.arange(n) + 1 + lookahead, n)
    return Contract(name, np.zeros(n, int), stop, yes=CAUSAL, no=NOT_CAUSAL, lookahead=lookahead)


def prefix(n: int, k: int) -> Contract:
    """Output i may depend on inputs 0 … i and on the first k (prefix-LM)."""
    if not 0 <= k <= n:
        raise UndecidedError("bad input", f"prefix: expected 0 … n = {n}, got {k}")
    return Contract(f"causal after a prefix of {k}", np.zeros(n, int), np.maximum(np.arange(n) + 1, k))


def blocks(n: int, b: int) -> Contract:
    """Output i may depend on its own block of b places, and on those before."""
    if b < 1:
        raise UndecidedError("bad input", f"blocks: expected at least 1, got {b}")
    stop = np.minimum((np.arange(n) // b + 1) * b, n)
    return Contract(f"causal by blocks of {b}", np.zeros(n, int), stop)


def window(n: int, w: int, of: Contract | None = None) -> Contract:
    """Output i may depend on inputs i − w + 1 … i: w of them; or on those that another contract allows of these."""
    if w < 1:
        raise UndecidedError("bad input", f"window: expected at least 1, got {w}")
    return (of or causal(n)).within(f"a window of {w}", np.maximum(np.arange(n) - w + 1, 0))


def documents(n: int, numbers: Sequence[int], of: Contract | None = None) -> Contract:
    """Output i may depend on those of the inputs 0 … i that are of its own document: `numbers` says which, (n,).

    With another contract, on those that it allows.

    >>> documents(5, [0, 0, 0, 1, 1]).start
    array([0, 0, 0, 3, 3])
    """
    of, place = of or causal(n), np.asarray(numbers)
    if place.shape != (n,):
        raise UndecidedError("bad input", f"documents: expected a number for each of n = {n} places, got {place.size}")
    edges = [0, *(np.flatnonzero(np.diff(place)) + 1), n]
    if len(edges) - 1 > len(np.unique(place)):  # a document of several pieces
        return of.within("documents", mask=place[:, None] == place)
    lengths = np.diff(edges)
    return of.within("documents", np.repeat(edges[:-1], lengths), np.repeat(edges[1:], lengths))


def document_numbers(n: int, given: Sequence[int]) -> list[int]:
    """The document of each place, from a list of these, or from one of the documents' lengths.

    >>> document_numbers(5, [3, 2])
    [0, 0, 0, 1, 1]
    """
    lengths = all(g > 0 for g in given) and sum(given) == n
    if len(given) == n and lengths and n > 1:
        raise UndecidedError(
            "bad input", f"documents: expected numbers of places or lengths, got {n} ones, which may be either"
        )
    if len(given) == n:
        return list(given)
    if lengths:
        return [number for number, length in enumerate(given) for _ in range(length)]
    raise UndecidedError(
        "bad input",
        f"documents: expected a number for each of n = {n} places, or positive lengths with the sum {n}, got "
        f"{len(given)} numbers with the sum {sum(given)}",
    )


def hidden_padding(n: int, before: int, after: int) -> Contract:
    """Of n inputs with padding before and after them, no output depends on what the padding holds, but its own.

    >>> hidden_padding(2, 0, 1).allowed(np.arange(3)[:, None], np.arange(3)).astype(int)
    array([[1, 1, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    places = np.arange(before + n + after)
    own = (before <= places) & (places < before + n)
    start, stop = np.where(own, before, 0), np.where(own, before + n, len(places))
    return Contract("independent of what padding holds", start, stop)


def masked(n: int, mask: np.ndarray, name: str = "within the mask") -> Contract:
    """Output i may depend on those inputs j where mask[i, j], and on no others."""
    if mask.shape != (n, n) or mask.dtype != bool:
        raise UndecidedError(
            "bad input", f"mask: expected bool of shape ({n}, {n}), got {mask.dtype} of shape {mask.shape}"
        )
    return Contract(name, np.zeros(n, int), np.full(n, n), mask.copy())


def alone(n: int) -> Contract:
    """Batch independence: row i of the outputs may depend on row i of the inputs."""
    return Contract("independent of the rest of the batch", np.arange(n), np.arange(n) + 1, along="batch")
