"""Do two ways to the same outputs agree? f(x[:k]) and f(x)[:k], with padding and without, step by step and at once.

A *variant* is another run that has to give some outputs of the full run again. Shapes differ between the two, so sums
may be taken in another order, and equal bits are not to be expected: what is left must be within the rounding noise of
the channel, measured as in `noise` by redrawing the rounding of both runs, or by moving both along a line. All of it is
*measured*, at the values tried, and every variant is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from monarch_theory.leaks.callables import (
    LONG_RESTART,
    UNDECIDED,
    ZERO_FILL,
    Judged,
    Model,
    Observed,
    Report,
    blind_outputs,
    few,
    same_to_rounding,
    settle_state,
    unchanged,
    undecided_by,
)
from monarch_theory.leaks.contracts import Cut
from monarch_theory.leaks.cuts import COARSEST_FLOOR, Coverage, Found, answers, spread_order
from monarch_theory.leaks.inputs import APPEARING, Inputs, UndecidedError
from monarch_theory.leaks.judge import EXPLAINED, STEP, Facts, immoderate, roundoffs
from monarch_theory.leaks.noise import LARGEST, SINGLE, along_line, floor_factor, redrawn, root_mean_square, scale
from monarch_theory.leaks.outputs import Layout, Named, Outputs, difference, doubt_of, outcome_of, tried
from monarch_theory.sandbox import SandboxError

__all__ = ["Agreement", "Variant", "check_agreement", "padded", "padding_amounts", "same", "truncated"]

Run = Callable[..., Named]
YES, NO = "holds", "does not hold"
SPOILING = {"NaN": np.nan, "infinities": np.inf}
FRESH = 2
"""So many variants are tried on freshly loaded models, too."""
FEW = 6
"""Variants that are tried with every kind of values; all are with the usual one."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A run that gives the outputs `watched` of the full run again, as the places `taken` of `length` of its own.

    words: what it is, after "output i is another"; others: which of the inputs it does without, if not all are there.
    """

    words: str
    run: Run
    length: int
    watched: slice
    taken: slice
    others: slice | None = None


@dataclass(frozen=True, eq=False)
class Agreement:
    """What must agree: a name for reports, and the variants of a model for inputs of one shape.

    spoiled: those with NaN or infinities where the full run has none: what they turn to NaN or infinity is lost, by
    0·NaN under a mask, and only a finite number that is another counts. beside: the other callable, if there is one.
    """

    name: str
    variants: tuple[Variant, ...]
    spoiled: tuple[Variant, ...] = ()
    beside: Model | None = None


def truncated(model: Model, inputs: Inputs) -> Agreement:
    """Outputs 0 … k − 1 are the same where the model is given the first k inputs alone, for every k < n."""

    def first(k: int) -> Variant:
        def run(x: np.ndarray, redraw: int | None = None, amplitude: float = 1.0) -> Named:
            return model(x[inputs.places(0, k)], redraw, amplitude)

        words, first = f"where the first {k} of the inputs are given alone", slice(0, k)
        return Variant(words, run, k, first, first, slice(k, inputs.n))

    return Agreement("the same for the first inputs alone", tuple(first(k) for k in range(1, inputs.n)))


def padded(model: Any, inputs: Inputs, side: str) -> Agreement:
    """Outputs are the same with padding on one side, of any content and amount, where the mask says so.

    Args:
        model: one whose call takes `padded`, the places padded before and after, and masks them.
    """
    n, amounts = inputs.n, padding_amounts(inputs)

    def by(amount: int, content: str) -> Variant:
        before, after = (amount, 0) if side == "left" else (0, amount)

        def run(x: np.ndarray, redraw: int | None = None, amplitude: float = 1.0) -> Named:
            filled = np.take(filling(content, inputs, x), np.arange(amount) % n, inputs.axis)
            whole = np.concatenate([filled, x] if before else [x, filled], inputs.axis)
            return model(whole, redraw, amplitude, padded=(before, after))

        words = f"with padding of {amount} on the {side}, of {content}"
        return Variant(words, run, n + amount, slice(0, n), slice(before, before + n))

    contents = ("the first token", "other tokens") if inputs.integer else ("zeros", "numbers", "large numbers")
    spoiling = () if inputs.integer else tuple(SPOILING)
    return Agreement(
        f"the same under padding on the {side}",
        tuple(by(amount, content) for amount in amounts for content in contents),
        tuple(by(amount, content) for amount in amounts[:1] + amounts[-1:] for content in spoiling),
    )


def padding_amounts(inputs: Inputs) -> list[int]:
    """How many places are padded."""
    return [amount for amount in dict.fromkeys([*range(1, 5), inputs.n // 2, inputs.n]) if amount]


def filling(content: str, inputs: Inputs, x: np.ndarray) -> np.ndarray:
    """What padding holds, as much as the input."""
    if content in ("zeros", "the first token"):
        return np.zeros_like(x)
    if content in SPOILING:
        return np.full_like(x, SPOILING[content])
    donor = inputs.futures(inputs.kinds[0]).donor(0)
    return inputs.rounded(donor * 100.0) if content == "large numbers" else donor


def same(other: Model, inputs: Inputs, name: str) -> Agreement:
    """Another callable gives the same outputs: one that prefills and steps, another kernel."""
    whole = slice(0, inputs.n)
    return Agreement(f"the same as {name}", (Variant(f"from {name}", other, inputs.n, whole, whole),), beside=other)


def alike(ours: Mapping[str, tuple[int, ...]], theirs: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether two lists of parameters, shapes by name, are the same; what holds one of the two may have a name, too.

    >>> alike({"norm.bias": (8,)}, {"model.norm.bias": (8,)}), alike({"a.bias": (8,)}, {"b.bias": (8,)})
    (True, False)
    """
    return len(ours) == len(theirs) and all(
        shape == other and (name == named or name.endswith(f".{named}") or named.endswith(f".{name}"))
        for (name, shape), (named, other) in zip(ours.items(), theirs.items(), strict=True)
    )


def draw_zeros(model: Model, beside: Model | None, notes: list[str]) -> bool:
    """Draw all-zero parameters at random, of two callables those that go together, and say so; whether it was done.

    Of two callables neither may have other numbers than the other: where their names tell nothing, zeros stay zeros.
    """
    if not model.zeros:
        return False
    callables = [each for each in (model, beside) if each is not None]
    zeros = [{name: each.shapes[name] for name in each.zeros} for each in callables]
    if len(zeros) > 1 and not alike(*zeros):
        left = f"all-zero parameters were left as they are, and hide what they multiply: {few(model.zeros)}"
        notes.append(f"{left}; those of the other are {few(tuple(zeros[1])) or 'none'}")
        return False
    for each in callables:
        each.fill(ZERO_FILL)
    notes.append(f"all-zero parameters were drawn at random: {few(model.zeros)}")
    return True


def outputs_of(variant: Variant, layout: Layout, n: int, called: Named) -> Outputs:
    """What a variant gives of the judged arrays, at their places among the n of the full run, zeros elsewhere.

    Raises:
        UndecidedError: shapes are not those of the full run with the variant's length.
    """
    arrays = []
    for k, axis, shape, name in zip(layout.indices, layout.axes, layout.shapes, layout.names, strict=True):
        expected = (*shape[:axis], variant.length, *shape[axis + 1 :])
        got = called[0][k].shape if len(called[0]) == layout.count else f"{len(called[0])} arrays"
        if got != expected:
            raise UndecidedError("shape change", f"{name} {variant.words}: expected shape {expected}, got {got}")
        moved = np.moveaxis(called[0][k], axis, 0).reshape(variant.length, -1)
        held = np.zeros((n, moved.shape[1]), np.int8 if moved.dtype == bool else moved.dtype)
        held[variant.watched] = moved[variant.taken]
        arrays.append(held)
    return Outputs(tuple(arrays))


@dataclass
class Comparison:
    """All variants of one model against its full run.

    floors: of each variant, by its number, as it was first examined, relative to the size of each channel.
    steady: numbers of the variants that gave equal outputs for equal inputs.
    """

    observe: Observed
    agreement: Agreement
    facts: Facts
    inputs: Inputs
    progress: Callable[[int, int], None]
    found: dict[int, tuple[Found, Variant]] = field(default_factory=dict)
    tested: set[int] = field(default_factory=set)
    identical: bool = True
    worst: tuple[float, float] = (0.0, 0.0)
    coarse: float = 0.0
    doubt: UndecidedError | None = None
    notes: list[str] = field(default_factory=list)
    spoilt: bool = False
    floors: dict[int, np.ndarray] = field(default_factory=dict)
    steady: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.coverage = Coverage(self.inputs)

    def run(self, deadline: float) -> None:
        """Every variant with the usual values, then a few with each other kind."""
        variants = self.agreement.variants
        order = [k - 1 for k in spread_order(len(variants) + 1)]
        for number, (kind, x) in enumerate(values(self.inputs)):
            y = self.observe(x)
            for k in order if number == 0 else order[:FEW]:
                if number and time.monotonic() > deadline:
                    return
                if number == 0 and time.monotonic() > deadline and len(self.tested) >= FEW:
                    break
                self._compare(variants[k], k, kind, x, y)
                if number == 0:
                    self.tested.add(k)
                    self.progress(len(self.tested), len(variants))
            if self.found:
                return
        self._when_fresh([variants[k] for k in order[:FRESH]], deadline)
        if not self.found:
            self._with_gaps([variants[k] for k in order[:FEW]], deadline)

    def _when_fresh(self, variants: list[Variant], deadline: float) -> None:
        """A few variants once more, each run the first of a model: what is kept from a first call may be its length.

        Only a difference beyond what rounding explains counts: to measure noise so would take many loads.
        """
        model, kind = self.observe.model, self.inputs.kinds[0]
        cost = 2 * model.restart_seconds
        if self.observe.always_fresh or model.restart_seconds >= LONG_RESTART or not model.fresh():
            return
        self.observe.always_fresh = True
        for variant in variants:
            if time.monotonic() + cost > deadline:
                break
            x = self.inputs.futures(kind).base
            y, z = self.observe(x), self._observed(partial(self._run, variant), x, variant)
            if z is not None and not y.same_bits(z, variant.watched):
                response = difference(y, z, variant.watched)
                floor = np.maximum(self._explained(x, y, z), self.worst[1] * scale(y, z))
                self._keep_leaks(variant, kind, y, response, np.broadcast_to(floor, response.shape))
        self.observe.always_fresh = False
        if self.found:
            self._note("the two differ on freshly loaded models: what a first call leaves hides it from later ones")

    def _with_gaps(self, variants: list[Variant], deadline: float) -> None:
        """A few variants with NaN and infinities, on what is finite in both; many models refuse such values."""
        usual = self.inputs.draw(0)[0]
        tried = [("padding that is not finite", variant, usual) for variant in self.agreement.spoiled]
        for futures in self.inputs.not_finite:
            for variant in variants:
                for place in self._places_of_gaps(variant):
                    gaps = slice(place, self.inputs.n)
                    donor = futures.donor(place) if futures.kind in APPEARING else futures.base
                    tried.append((futures.kind, variant, self.inputs.put(futures.base, donor, gaps)))
        for kind, variant, x in tried:
            if time.monotonic() > deadline:
                return
            self._compare_finite(variant, kind, x)

    def _places_of_gaps(self, variant: Variant) -> tuple[int, ...]:
        """Where NaN and infinities begin: where the variant's inputs end; in the middle and last, where it has all.

        None in padding's variants, which have their own.
        """
        if variant.others is not None:
            return (variant.others.start,)
        n = self.inputs.n
        return () if self.agreement.spoiled else tuple(dict.fromkeys((n // 2, n - 1)))

    def _compare_finite(self, variant: Variant, kind: str, x: np.ndarray) -> None:
        """A finite number that is another, by more than single precision or the noise that was seen explains."""
        try:
            y, z = tried(self.observe, x), tried(partial(self._run, variant), x)
        except UndecidedError:  # of another shape, as where NaN are left out
            return
        if y is None or z is None:
            return
        a, b = y.wide[variant.watched], z.wide[variant.watched]
        both = np.isfinite(a) & np.isfinite(b)
        if not both.any():
            return
        self.coverage.add(kind, x)
        self.spoilt = True
        with np.errstate(all="ignore"):
            response = np.where(both, np.abs(a - b), 0.0).astype(np.float64)
        units = roundoffs(y, self.observe.layout.dtypes if self.observe.layout else ())
        relative = max(self.worst[1], EXPLAINED * self.inputs.n * max(float(np.max(units)), SINGLE))
        floor = np.broadcast_to(relative * np.maximum(scale(y, z), 1.0), response.shape)
        if (response > floor).any():
            response = np.where(self._answer_alike(variant, x), response, 0.0)
            self._keep_leaks(variant, kind, y, response, floor)

    def _answer_alike(self, variant: Variant, x: np.ndarray) -> np.ndarray:
        """Which outputs answer to the same inputs in both runs, of two halves of those that both have.

        A sign, a code or a number in place of a NaN hides what 0·NaN has made: such an output is lost, not another. So
        are those that answer to nothing in both, nor to what one does without, unless they never vary.
        """
        beyond = slice(0, 0) if variant.others is None else variant.others
        of_full, of_variant = (
            answers(run, self.inputs, x, beyond, variant.watched) for run in (self.observe, partial(self._run, variant))
        )
        further = of_full
        if variant.others is not None:
            further = answers(self.observe, self.inputs, x, slice(0, beyond.start), variant.watched)
        usual, other = self.inputs.draw(0)
        varies = difference(self.observe(usual), self.observe(other), variant.watched) > 0
        return np.asarray((of_full == of_variant).all(axis=0) & ((of_full | further).any(axis=0) | ~varies))

    def _run(
        self,
        variant: Variant,
        x: np.ndarray,
        redraw: int | None = None,
        amplitude: float = 1.0,
        seed: int | None = None,
    ) -> Outputs:
        """The outputs of a variant, at the places they have in the full run; a fresh model draws by the seed."""
        assert self.observe.layout is not None
        self.observe.forwards += 1
        if self.observe.always_fresh:
            self.observe.model.fresh(seed)
        called = self.observe.stacked(variant.run(x, redraw, amplitude), variant.length)
        return outputs_of(variant, self.observe.layout, self.inputs.n, called)

    def _compare(self, variant: Variant, number: int, kind: str, x: np.ndarray, y: Outputs) -> None:
        other = partial(self._run, variant)
        z = self._observed(other, x, variant)
        if z is None:
            return
        cut = Cut(number + 1, variant.watched, slice(0, self.inputs.n), 0, number + 1)
        response = difference(y, z, variant.watched)
        if np.isinf(response).any() and immoderate(self.inputs, x):
            self._note(f"values of size {float(np.abs(x).max()):.0e} are beyond the model's own range: left out")
            return
        self.coverage.add(kind, x)
        if y.same_bits(z, variant.watched):
            return
        if number not in self.steady and not self._repeats(variant, x):
            message = f"the same input gave different outputs {variant.words}: it draws random numbers or keeps state"
            self.doubt = self.doubt or UndecidedError("random", message)
            return
        self.steady.add(number)
        self.identical = self.identical and not response.any()
        size = np.where(scale(y, z) > 0, scale(y, z), 1.0)
        known = self.floors.get(number)
        if known is not None and (response <= known * size).all():  # examined before, and no larger than was rounding
            self.worst = max(self.worst, (float((response / size).max()), float(known.max())))
            return
        try:
            response, floor = self._floor(other, x, y, z, cut)
        except UndecidedError as doubt:
            self.doubt = self.doubt or doubt
            return
        leaks = response > floor
        if not leaks.any():
            self.floors.setdefault(number, np.minimum(floor, self._explained(x, y, z)) / size)
            self.worst = max(self.worst, (float((response / size).max()), float((floor / size).max())))
            if kind == self.inputs.kinds[0]:  # of special values, as constants, rounding may be all that is left
                self.coarse = max(self.coarse, float(np.median(floor / size, axis=0).max()))
            return
        self._keep_leaks(variant, kind, y, response, floor)

    def _repeats(self, variant: Variant, x: np.ndarray) -> bool:
        """Whether a variant gives equal outputs for equal inputs, but for the order of sums.

        What it draws at random, or keeps between calls, would count as noise, and hide every difference.
        """
        first, second = (self._run(variant, x, seed=seed) for seed in (1, 2))
        return same_to_rounding(first, second, self.observe)

    def _keep_leaks(self, variant: Variant, kind: str, y: Outputs, response: np.ndarray, floor: np.ndarray) -> None:
        """Of each array that differs by more than its floor, the shortest variant that shows it."""
        leaks = response > floor
        stops = np.cumsum([a.shape[1] for a in y.arrays])
        assert self.observe.layout is not None
        for k, stop in enumerate(stops):
            columns = slice(int(stop) - y.arrays[k].shape[1], int(stop))
            shorter = k not in self.found or variant.length < self.found[k][1].length
            if shorter and leaks[:, columns].any():
                row = int(np.argmax(leaks[:, columns].any(axis=1)))
                at = int(np.argmax(np.where(leaks[row, columns], response[row, columns], 0.0)))
                sizes = float(response[row, columns][at]), float(floor[row, columns][at])
                i = variant.watched.start + row
                self.found[k] = Found(i, None, *sizes, 0.0, self.observe.layout.names[k], kind), variant

    def _floor(
        self, other: Callable[..., Outputs], x: np.ndarray, y: Outputs, z: Outputs, cut: Cut
    ) -> tuple[np.ndarray, np.ndarray]:
        """Response and floor of the outputs watched: the noise of a channel is that of all its places together."""
        inputs, units = self.inputs, roundoffs(y, self.observe.layout.dtypes if self.observe.layout else ())
        response = difference(y, z, cut.watched)
        own = units * scale(y, z)
        if self.facts.redraws:
            noise = redrawn(self.observe, x, x, cut.watched, inputs.seed + 17 * cut.number, other=other)
        elif inputs.integer or inputs.half:
            bound = np.broadcast_to(EXPLAINED * inputs.n * own, response.shape)
            if ((response > 0) & (response <= bound)).any() and not (response > bound).any():
                raise UndecidedError(
                    "noise",
                    f"the two differ by {response.max():.1e}, which may be rounding, and the noise of this callable "
                    "cannot be measured: ask again with --dtype float64 or float32",
                )
            return response, bound
        else:
            u = max(float(units.max()), np.finfo(inputs.array_dtype).eps / 2)
            rng = np.random.default_rng([inputs.seed, cut.number])
            steady, noise = along_line(self.observe, inputs, x, x, cut, rng, STEP * u, other=other)
            response = np.minimum(response, np.maximum(steady, 0.0))
        factor = floor_factor(inputs, response.size, True)
        both = np.maximum(np.maximum(noise, root_mean_square(noise)), own)
        floor = factor * np.minimum(both, LARGEST / factor)
        rough = (response <= floor) & (response > self._explained(x, y, z))
        if rough.any() and not (response > floor).any() and not immoderate(inputs, x):
            raise UndecidedError(
                "noise",
                f"the two differ by {response[rough].max():.1e}, more than rounding explains, where a small change of "
                "the input changes as much: some branch opens and shuts there",
            )
        return response, floor

    def _explained(self, x: np.ndarray, y: Outputs, z: Outputs) -> np.ndarray:
        """How far rounding may reach, in single precision if need be, (channels,)."""
        units = roundoffs(y, self.observe.layout.dtypes if self.observe.layout else ())
        size = np.maximum(scale(y, z), 0.0 if self.inputs.integer else np.abs(x).max())  # sums may cancel
        return np.asarray(EXPLAINED * self.inputs.n * np.maximum(units, SINGLE) * size)

    def _observed(self, other: Callable[..., Outputs], x: np.ndarray, variant: Variant) -> Outputs | None:
        """The outputs of the variant, or None where it raises: then nothing is said to hold."""
        y = outcome_of(other, x)
        if isinstance(y, Exception):
            self.doubt = self.doubt or doubt_of(y, variant.words)
            return None
        return y

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def values(inputs: Inputs) -> Iterator[tuple[str, np.ndarray]]:
    """Inputs to try, the usual ones first: of each kind the base, and what the kind puts in a future."""
    for kind in inputs.kinds:
        futures = inputs.futures(kind)
        yield kind, futures.base
        yield kind, np.ascontiguousarray(futures.donor(0))


def check_agreement(
    model: Model,
    inputs: Inputs,
    agreement: Agreement,
    *,
    longest: float,
    accept_partial: bool = False,
    output: str | None = None,
    output_axis: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Whether all variants give the outputs of the full run again; parameters that are all zero are drawn at random.

    Args:
        longest: seconds for it.
        accept_partial: say that it holds where there was time for some variants only.
    """
    started = time.monotonic()
    observe, notes = Observed(model, inputs, output_axis, output), list[str]()
    comparison: Comparison | None = None
    try:
        constant = settle_state(observe, inputs, notes)
        blind = blind_outputs(observe, inputs, notes)
        drawn = draw_zeros(model, agreement.beside, notes)
        facts = model.facts(inputs.draw(0)[0])
        comparison = Comparison(observe, agreement, facts, inputs, progress)
        comparison.run(started + longest)
        report = concluded(comparison, constant, accept_partial)
        if report.holds and blind:
            raise UndecidedError("not finite", "every output is NaN or infinite: there is nothing to compare")
        if report.holds and not inputs.integer and not comparison.spoilt:
            notes.append("NaN and infinities were not among the inputs")
        if report.holds and not drawn and not observe.always_fresh and not unchanged(observe, inputs):
            raise UndecidedError("random", "after all its calls the model gives other outputs: it keeps state")
    except (UndecidedError, SandboxError) as error:
        report = undecided_by(error)
    return replace(
        report, contract=agreement.name, n=inputs.length, shape=inputs.shape, dtype=inputs.dtype, seed=inputs.seed,
        method="two runs compared", forwards=observe.forwards, seconds=round(time.monotonic() - started, 3),
        cuts_tested=len(comparison.tested) if comparison else 0, cuts_total=len(agreement.variants),
        covered=comparison.coverage.words(model.rows) if comparison else "",
        notes=(*notes, *(comparison.notes if comparison else ())),
    )  # fmt: skip


def concluded(comparison: Comparison, constant: bool, accept_partial: bool) -> Report:
    """The report of a finished comparison, without its counts.

    Raises:
        UndecidedError: nothing differs, and something was in doubt.
    """
    layout, tested, total = comparison.observe.layout, len(comparison.tested), len(comparison.agreement.variants)
    assert layout is not None
    judged = tuple(
        Judged(name, shape, dtype, NO if k in comparison.found else YES, comparison.found.get(k, (None,))[0], axis)
        for k, (name, shape, dtype, axis) in enumerate(
            zip(layout.names, layout.shapes, layout.dtypes, layout.axes, strict=True)
        )
    )
    if comparison.found:
        found, variant = min(comparison.found.values(), key=lambda pair: (pair[1].length, pair[0].output))
        by = "turns to NaN or infinity, or from it," if np.isinf(found.size) else f"differs by {found.size:.3g}"
        reason = f"output {found.output} {by} {variant.words}; the noise floor there is {found.floor:.1e}"
        return Report(NO, "measured: difference above the noise floor", reason, witness=found, outputs=judged)
    if total == 0:
        return Report(YES, "proved", "there is nothing to compare", outputs=judged)
    if comparison.doubt:
        raise comparison.doubt
    if comparison.coarse > COARSEST_FLOOR:
        raise UndecidedError(
            "noise",
            f"rounding noise would hide a difference of {comparison.coarse:.1e} of the output: ask for more digits",
        )
    reason = "the two are equal" if comparison.identical else (
        f"the two differ by at most {comparison.worst[0]:.1e} of a channel's size, within the floor "
        f"{comparison.worst[1]:.1e} that rounding noise sets"
    )  # fmt: skip
    evidence = "measured: equal" if comparison.identical else "measured: to rounding"
    verdict, outcome = YES, None
    if total > 1:
        reason += f", in all {total} variants" if tested == total else f", in {tested} of {total} variants"
    if tested < total and not accept_partial:
        verdict, outcome = UNDECIDED, "partial"
    if constant:
        reason = f"constant: the output never changed with the input; {reason}"
    return Report(verdict, evidence, reason, outcome, outputs=judged)
