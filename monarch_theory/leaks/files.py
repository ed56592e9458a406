"""Is the callable NAME of FILE.py causal? The model runs in a child process; what it is given is chosen here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from monarch_theory.formats import dtype_named
from monarch_theory.leaks.agreement import Agreement, alike, check_agreement, padded, padding_amounts, same, truncated
from monarch_theory.leaks.callables import UNDECIDED, Report, agreed, check_model, few, lengths_of, undecided_by
from monarch_theory.leaks.calls import (
    INPUT,
    Call,
    beside_input,
    filled,
    masks_unasked,
    of_keys,
    of_signature,
    parse_arguments,
    parse_init,
)
from monarch_theory.leaks.contracts import Contract, hidden_padding
from monarch_theory.leaks.cuts import spread_order
from monarch_theory.leaks.inputs import USUAL_VOCABULARY, Inputs, UndecidedError, check_tokens, parse_shape
from monarch_theory.leaks.judge import Facts
from monarch_theory.leaks.outputs import Named
from monarch_theory.leaks.proofs import settled, with_agreement, with_padding, with_proof
from monarch_theory.sandbox import Described, Outcome, Sandbox, SandboxError
from monarch_theory.sandbox.limits import LONGEST, MEMORY, SECONDS
from monarch_theory.sandbox.waiting import kept_waiting

__all__ = ["Agree", "check_file"]

SMALLEST_VOCABULARY = 2
SHARE_OF_TIME = 0.9
SHARE_OF_PROOF = 1 / 3
MOST_GRAPHS = 64
"""So many lengths are compared by their graphs at most."""
WITHOUT, INFERRING = "without gradients", "in inference mode"
"""Ways in which a model is used."""
BESIDE_A_PROOF = 10.0
"""Seconds of search where there is a proof: the measurement is then of the arithmetic, not of the dependence."""


@dataclass(frozen=True)
class Attempt:
    """One way of calling a model: the face of its array, its logical dtype, parameters widened to double or not.

    gradients: whether torch's are on, as they are where nobody turns them off; some operators have none. inference:
        whether it is in torch's inference mode.
    """

    face: str
    dtype: str
    double: bool
    gradients: bool = True
    inference: bool = False


class FileModel:
    """A model in a sandbox, called in one way."""

    def __init__(self, sandbox: Sandbox, attempt: Attempt, call: Call, described: Described, rows: int | None):
        self.sandbox, self.attempt, self.call = sandbox, attempt, call
        self.restart_seconds = described.seconds + sandbox.seconds
        self.zeros, self.rows, self.numbers = described.zeros, rows, described.numbers
        self.shapes: Mapping[str, tuple[int, ...]] = dict(described.shapes)
        self.ends_nan = described.asks_for_nan
        self._filled = 0.0

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(self.sandbox.seen.get("others", ()))

    @property
    def waited(self) -> float:
        return kept_waiting() + self.sandbox.waited

    @property
    def writes(self) -> bool:
        return bool(self.sandbox.seen.get("writes"))

    def __call__(
        self,
        x: np.ndarray,
        redraw: int | None = None,
        amplitude: float = 1.0,
        arithmetic: str = "",
        padded: tuple[int, int] = (0, 0),
    ) -> Named:
        arrays = evaluated(
            self.sandbox, self.attempt, self.call, x, padded, redraw=redraw, amplitude=amplitude, arithmetic=arithmetic
        )
        return arrays, self.sandbox.dtypes, self.sandbox.names

    def facts(self, x: np.ndarray) -> Facts:
        evaluated(self.sandbox, self.attempt, self.call, x, watch=True)
        seen = self.sandbox.seen
        transforms = tuple((dtype, length) for dtype, length in seen["transforms"])
        redraws = bool(transforms or seen["coarsest"])
        return Facts(transforms, seen["coarsest"], redraws, seen["sizes"], seen["unstable"])

    def fresh(self, seed: int | None = None) -> bool:
        try:
            self.sandbox.reload()
        except SandboxError as error:
            if error.outcome in (Outcome.IMPORT_ERROR, Outcome.EXCEPTION):
                return False  # some files can be run only once: they register what may be registered once
            raise
        if self._filled:
            self.fill(self._filled)
        if seed is not None:
            self.sandbox.reseed(seed)
        return True

    def proof(
        self, inputs: Inputs, contract: Contract, certificate: bool, timeout: float, padded: tuple[int, int] = (0, 0),
        lengths: Sequence[int] = (), output_axis: int | None = None,
    ) -> tuple[dict[str, Any], bytes]:  # fmt: skip
        """What the graph of this call proves, and its certificate, from a process of its own.

        Args:
            padded: places before and after the input that the call has, too, and masks.
            lengths: how many outputs there may be, where that need not be as many as there are inputs; output_axis: of
                them, where it was named.

        Raises:
            SandboxError: reading the graph failed; torch itself may crash at that.
        """
        like, x = self.sandbox, inputs.draw(0)[0]
        where = {"lengths": list(lengths), "output_axis": output_axis}
        x = np.pad(x, [padded if axis == inputs.axis else (0, 0) for axis in range(x.ndim)])
        with Sandbox(
            like.path, like.name, timeout=timeout, memory=like.memory, seed=like.seed, init=like.init
        ) as sandbox:
            sandbox.load(double=self.attempt.double)
            return sandbox.prove(
                *self.call.arrays(x, padded), face=self.attempt.face, dtypes=self.call.dtypes(self.attempt.dtype),
                slots=self.call.slots, axis=inputs.axis, contract=contract.as_plain() | where,
                certificate=certificate,
            )  # fmt: skip

    def comparisons(
        self, inputs: Inputs, lengths: Sequence[int], padding: Sequence[tuple[int, int]], seconds: float,
        beside: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Whether two graphs prove that two calls agree: with the first inputs alone, with padding and without, or of
        this callable and of another.

        Args:
            lengths: how many first inputs are given alone; they count where there is no padding but none.
            padding: places before and after the inputs, none at first.
            beside: the other callable, which is given all inputs.

        Raises:
            SandboxError: as `proof`.
        """
        like, x = self.sandbox, inputs.draw(0)[0]
        if len(padding) > 1:
            wide = [np.pad(x, [p if axis == inputs.axis else (0, 0) for axis in range(x.ndim)]) for p in padding]
            calls = [self.call.arrays(each, p) for each, p in zip(wide, padding, strict=True)]
            together = [(k, 0, before) for k, (before, _) in enumerate(padding) if k]
        else:
            calls = [self.call.arrays(x), *(self.call.arrays(x[inputs.places(0, k)]) for k in lengths)]
            together = [(0, k + 1, 0) for k in range(len(lengths))]
        with Sandbox(
            like.path, like.name, timeout=max(3 * seconds, 0.1), memory=like.memory, seed=like.seed, init=like.init
        ) as sandbox:
            sandbox.load(double=self.attempt.double)
            facts, _ = sandbox.prove(
                *(a for call in calls for a in call), face=self.attempt.face,
                dtypes=self.call.dtypes(self.attempt.dtype), slots=self.call.slots, axis=inputs.axis, together=together,
                seconds=seconds, beside=beside, init=init_of(like, beside or ""),
            )  # fmt: skip
        return list(facts.get("compared", ()))

    def entry(self, base: np.ndarray, changed: np.ndarray, place: int, n: int, size: float) -> str:
        if self.attempt.face != "torch":
            return ""
        return self.sandbox.trace(
            *self.call.arrays(base), *self.call.arrays(changed), face=self.attempt.face,
            dtypes=self.call.dtypes(self.attempt.dtype), slots=self.call.slots, place=place, n=n, size=size,
        )  # fmt: skip

    def fill(self, size: float) -> None:
        self._filled = size
        self.sandbox.fill(size, self.sandbox.seed)


def evaluated(
    sandbox: Sandbox, attempt: Attempt, call: Call, x: np.ndarray, padded: tuple[int, int] = (0, 0), **options: Any
) -> tuple[np.ndarray, ...]:
    """Every array the model returns; `padded` as of `Call.arrays`, `options` as of `Sandbox.evaluate`."""
    return sandbox.evaluate(
        *call.arrays(x, padded), face=attempt.face, dtypes=call.dtypes(attempt.dtype), every=True, slots=call.slots,
        may_write=True, inference=attempt.inference, **options,
    )  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What the user asks to be given to the model; None where that is for us to find."""

    shape: str
    n: int
    dtype: str | None
    vocab: int | None
    tokens: tuple[int, ...]
    arguments: dict[str, str]
    randomise: float

    def inputs(
        self,
        dtype: str,
        seed: int,
        vocab: int | None = None,
        specials: tuple[int, ...] = (),
        numbers: tuple[float, ...] = (),
    ) -> Inputs:
        vocab = self.vocab or vocab or USUAL_VOCABULARY
        for token in self.tokens:
            if not 0 <= token < vocab:
                raise UndecidedError("bad input", f"tokens: expected 0 … {vocab - 1}, got {token}")
        return Inputs.of(self.shape, self.n, dtype, vocab, seed, (*self.tokens, *specials), numbers)


def check_file(
    path: str | Path,
    name: str,
    n: int,
    *,
    shape: str = "n",
    dtype: str | None = None,
    vocab: int | None = None,
    tokens: tuple[int, ...] = (),
    arguments: tuple[str, ...] = (),
    init: str = "",
    randomise: float = 0.0,
    seed: int = 0,
    budget: float | None = None,
    accept_partial: bool = False,
    lookahead: int = 0,
    contract: Contract | None = None,
    stride: tuple[int, int] = (1, 0),
    agree: Agree | None = None,
    timeout: float = SECONDS,
    memory: float | None = MEMORY,
    output: str | None = None,
    output_axis: int | None = None,
    map_size: int = 0,
    prove: bool = False,
    certificate: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Decide whether a callable of a file is causal. Never raises for what the file does: see `Report.outcome`.

    Args:
        path, name: the file, or the module with dots, and the callable in it: function, module, class, or factory. Or
            the folder of a pretrained model's configuration, and nothing.
        dtype: of the input. When not given, the first that the model accepts of float64, float32 (where there are torch
            modules, the dtype of their parameters) and int64. Torch modules given float64 or tokens have their
            parameters held in double precision, which changes none of them.
        vocab: number of tokens; by default that of the embedding they are looked up in, else 16.
        arguments: what else the model is given, each NAME=ones, NAME=zeros or NAME=JSON, or NAME=input for
            the parameter or the key that takes the input.
        init: arguments of the class or factory, a JSON object or array.
        randomise: draw every trainable parameter anew, of this standard deviation.
        budget: seconds for the search; by default it grows until all cuts are tested, within the timeout.
        agree: instead of a contract, another way to the same outputs, that has to give them again.
        timeout: seconds for everything; memory: GiB of private memory, None for no limit.
        prove: also try to prove it from the model's graph, where a package that can is installed; certificate: a file
            to write the proof to, where there is one.

    Other arguments as `check_callable`.
    """
    template: tuple[int, ...] = ()
    proof: Read | None = None
    dtype = dtype and dtype_named(dtype)
    try:
        wanted = Wanted(shape, n, dtype, vocab, tokens, parse_arguments(arguments), randomise)
        _, contract = agreed(wanted.inputs(dtype or "float64", seed), contract, lookahead)
        template = tuple(n if s is None else s for s in parse_shape(shape))
        check_limits(randomise, timeout=timeout, budget=budget, memory=memory, stride=stride[0])
        made_of = parse_init(init)
        with Sandbox(path, name, timeout=timeout, memory=memory, seed=seed, init=made_of) as sandbox:
            described = sandbox.load(double=dtype is None or exact(dtype), randomise=randomise)
            model, inputs, notes = choose(sandbox, described, wanted)
            check_tokens(inputs.dtype, vocab, tokens, inputs.vocab)
            inputs, contract = agreed(inputs, contract)
            asked = Asked(budget, accept_partial, contract, stride, output, output_axis, map_size, progress)
            if agree is not None:
                report = agreeing(model, inputs, agree, asked, randomise, prove=prove)
                if report.holds and model.attempt.face == "torch" and model.attempt.gradients:
                    report = agreeing_without_gradients(report, model, inputs, agree, asked, randomise)
                return replace(report, notes=(*notes, *report.notes))
            if (prove or certificate is not None) and asked.rows is not None:
                share = SHARE_OF_PROOF * max(sandbox.remaining, 0.0)
                proof = proof_of(model, inputs, asked.rows, certificate, share, asked.lengths, output_axis)
            left = SHARE_OF_TIME * max(sandbox.remaining, 0.0)
            report = measured_beside(proof, model, inputs, asked, left)
            own = described.widened if model.attempt.double else None
            if report.holds and model.attempt.face == "torch" and (own or model.attempt.gradients):
                longest = left / 8 if budget is None else budget / 4
                report = as_it_stands(report, model, inputs, own, asked, longest, randomise)
    except (UndecidedError, SandboxError) as error:
        report, notes = undecided_by(error), []
    except MemoryError:
        reason = f"an input of shape {template} does not fit in memory here"
        report, notes = Report(UNDECIDED, "none", reason, "out of memory"), []
    else:
        return replace(report, notes=(*notes, *report.notes))
    written = proof is not None and proof.written
    return replace(report, n=n, shape=template, dtype=dtype or "", seed=seed, certified=written)


def check_limits(randomise: float, **limits: float | None) -> None:
    """Are the limits, by their names, positive numbers, where they are given?

    Raises:
        UndecidedError: naming the one that is not.
    """
    for name, value in limits.items():
        if value is not None and not 0 < value <= LONGEST:
            raise UndecidedError("bad input", f"{name}: expected a positive number up to {LONGEST}, got {value}")
    if not 0 <= randomise < float("inf"):
        raise UndecidedError("bad input", f"randomise: expected a number of at least zero, got {randomise}")


@dataclass(frozen=True)
class Asked:
    """What is to hold, of which outputs, and how long it may be looked for: as of `check_file`."""

    budget: float | None
    accept_partial: bool
    contract: Contract
    stride: tuple[int, int]
    output: str | None
    output_axis: int | None
    map_size: int
    progress: Callable[[int, int], None]

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many outputs there may be."""
        return tuple(length for length in lengths_of(*self.stride)(self.contract.n) if length > 0)

    @property
    def rows(self) -> Contract | None:
        """What is asked of each output there may be; None where there can be none."""
        if self.stride == (1, 0):
            return self.contract
        return self.contract.rows(*self.stride, max(self.lengths)) if self.lengths else None

    def within(self, longest: float) -> float:
        return longest if self.budget is None else min(self.budget, longest)


def agreeing(model: FileModel, inputs: Inputs, agree: Agree, asked: Asked, randomise: float, *, prove: bool) -> Report:
    """Whether another way gives the same outputs, with what is proved of that beside it, if that is wanted."""
    left = SHARE_OF_TIME * max(model.sandbox.remaining, 0.0)
    with other_run(model, agree, randomise) as run:
        inputs = inputs if run is None else inputs.trying(run.numbers)
        report = check_agreement(
            model, inputs, agreement_of(model, inputs, agree, run), accept_partial=asked.accept_partial,
            longest=asked.within(left), output=asked.output, output_axis=asked.output_axis, progress=asked.progress,
        )  # fmt: skip
    return beside_agreement(report, model, inputs, agree, model.sandbox.remaining) if prove else report


def measured_beside(proof: Read | None, model: FileModel, inputs: Inputs, asked: Asked, left: float) -> Report:
    """What is measured, with what is proved beside it: in short where that settles it, else in full."""
    if proof is None:
        return measured(model, inputs, asked)
    model.ends_nan = model.ends_nan or bool(proof.facts.get("ends_nan"))
    proved, contract = proof.facts["proved"], asked.rows or asked.contract
    report = measured(model, inputs, asked, min(left, BESIDE_A_PROOF) if proved else None)
    if proved and not settled(report, proof.facts, contract):
        report = measured(model, inputs, asked)
    report = with_proof(report, proof.facts, contract)
    return replace(report, notes=(*report.notes, *proof.notes), certified=proof.written)


def measured(model: FileModel, inputs: Inputs, asked: Asked, beside_a_proof: float | None = None) -> Report:
    """What is measured in the time that is left, or in so many seconds beside a proof."""
    longest = SHARE_OF_TIME * max(model.sandbox.remaining, 0.0) if beside_a_proof is None else beside_a_proof
    return check_model(
        model, inputs, budget=None if asked.budget is None else asked.within(longest), longest=longest,
        accept_partial=asked.accept_partial, contract=asked.contract, stride=asked.stride, output=asked.output,
        output_axis=asked.output_axis, map_size=asked.map_size, in_turn=beside_a_proof is not None,
        progress=asked.progress,
    )  # fmt: skip


def as_it_stands(
    report: Report, model: FileModel, inputs: Inputs, own: str | None, asked: Asked, longest: float, randomise: float
) -> Report:
    """A report on a model, with a look at it as it is used: in its own dtype and without gradients.

    It may branch by either. Kernels and masks are chosen by dtype, too, and layers of torch have a fast path without
    gradients. A few cuts are tested, since all were in double precision and with gradients, if it takes a call so; and
    again in inference mode, where it gives other numbers there.

    Args:
        own: the dtype of its parameters, where these were held in double precision; longest: seconds for it;
            randomise: as of `check_file`.
    """
    how = WITHOUT
    try:
        double = model.attempt.double and own is None
        described = model.sandbox.load(double=double, randomise=randomise, gradients=False)
        narrow = inputs if inputs.integer or own is None else replace(inputs, dtype=own)
        attempt = Attempt(model.attempt.face, narrow.dtype, double, gradients=False)

        def look(attempt: Attempt) -> Report:
            other = FileModel(model.sandbox, attempt, model.call, described, model.rows)
            other.zeros = ()  # what they hide is not to be looked for twice
            return check_model(
                other, narrow, longest=longest, contract=asked.contract, preview=True, stride=asked.stride,
                output=asked.output, output_axis=asked.output_axis,
            )  # fmt: skip

        found = look(attempt)
        if found.witness is None and infers_otherwise(model, narrow, attempt):
            how = INFERRING
            found = look(replace(attempt, inference=True))
    except SandboxError as error:
        found = undecided_by(error)
    otherwise = "with them" if how == WITHOUT else "with gradients"
    if own:
        how, otherwise = f"in {own} and {how}", "held in double precision and with gradients"
    return beside(report, found, how, otherwise, "it is so at a few cuts" if own else "")


def agreeing_without_gradients(
    report: Report, model: FileModel, inputs: Inputs, agree: Agree, asked: Asked, randomise: float
) -> Report:
    """A report of an agreement, with a look at the model as it is used: without gradients.

    Layers of torch have a fast path there, whose sums are cut by the length, so that two lengths round otherwise by
    more than either is seen to. What another branch gives differs by more than half of the digits beyond that noise.
    """
    left = SHARE_OF_TIME * max(model.sandbox.remaining, 0.0)
    shorter, how = replace(asked, budget=asked.within(left) / 4, accept_partial=True), WITHOUT
    try:
        described = model.sandbox.load(double=model.attempt.double, randomise=randomise, gradients=False)
        other = FileModel(model.sandbox, replace(model.attempt, gradients=False), model.call, described, model.rows)
        found = agreeing(other, inputs, agree, shorter, randomise, prove=False)
        if found.witness is None and infers_otherwise(model, inputs, other.attempt):
            how, other.attempt = INFERRING, replace(other.attempt, inference=True)
            found = agreeing(other, inputs, agree, shorter, randomise, prove=False)
        unit = np.finfo(np.float64 if model.attempt.double or inputs.dtype == "float64" else np.float32).eps
        if found.witness is not None and not found.witness.size > found.witness.floor / sqrt(unit):
            found = replace(found, outcome="noise", witness=None)
    except (SandboxError, UndecidedError) as error:
        found = undecided_by(error)
    return beside(report, found, how, "with them" if how == WITHOUT else "with gradients", "")


def infers_otherwise(model: FileModel, inputs: Inputs, attempt: Attempt) -> bool:
    """Whether a model gives other numbers in inference mode than without gradients, by more than half of the digits.

    Where it takes no call there, it gives none. Where it does, it is loaded again.
    """
    x = inputs.draw(0)[0]
    share = sqrt(np.finfo(np.float64 if attempt.double else np.float32).eps)
    ways = attempt, replace(attempt, inference=True)
    try:
        ours, theirs = (evaluated(model.sandbox, way, model.call, x) for way in ways)
        pairs = zip(ours, theirs, strict=False)
        if all(a.shape == b.shape and np.allclose(a, b, share, 0.0, equal_nan=True) for a, b in pairs):
            return False
        model.sandbox.reload()
    except SandboxError:
        return False
    return True


def beside(report: Report, found: Report, how: str, otherwise: str, held: str) -> Report:
    """A report on a model that keeps what is asked, with what was found where it runs in another way.

    Args:
        how, otherwise: that way, and the first.
        held: what is to be said where nothing was found; nothing, if it is empty.
    """
    forwards = report.forwards + found.forwards
    if found.witness is None:
        unsettled = found.outcome not in (None, "partial")
        seen = f"nothing was decided there; {found.reason}" if unsettled else held
        told = [f"as it stands, {how}: {seen}"] if seen else []
        return replace(report, forwards=forwards, notes=(*report.notes, *told))
    notes = (*found.notes, f"this is the model as it stands, {how}: {otherwise} it is {report.verdict}")
    return replace(found, forwards=forwards, seconds=report.seconds + found.seconds, notes=notes, proof=report.proof)


@dataclass(frozen=True)
class Agree:
    """What must give the same outputs.

    kind: "truncated", the first inputs alone; "padding", on the side `what`; "same", the callable `what` of the file.
    """

    kind: str
    what: str = ""


@dataclass(frozen=True)
class Read:
    """What the graph proves, as `Sandbox.prove` gives it, what is to be said of it, and whether that was written."""

    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    written: bool = False


@contextmanager
def other_run(model: FileModel, agree: Agree, randomise: float) -> Iterator[FileModel | None]:
    """The other callable of the file in a sandbox of its own, loaded and called alike, where one is named.

    Raises:
        UndecidedError: parameters are to be drawn at random, and there is no telling which of the two go together.
    """
    if agree.kind != "same":
        yield None
        return
    like = model.sandbox
    with Sandbox(
        like.path, agree.what, timeout=max(like.remaining, 0.1), memory=like.memory, seed=like.seed,
        init=init_of(like, agree.what),
    ) as other:  # fmt: skip
        described = other.load(double=model.attempt.double, randomise=randomise, gradients=model.attempt.gradients)
        run = FileModel(other, model.attempt, model.call, described, model.rows)
        if randomise and not alike(model.shapes, run.shapes):
            raise UndecidedError(
                "bad input",
                f"randomise: expected parameters of the same names and shapes in {like.name} and in {agree.what}, "
                f"which are drawn alike then, got {few(tuple(model.shapes))} and {few(tuple(run.shapes))}",
            )
        yield run


def init_of(like: Sandbox, name: str) -> Any:
    """The arguments of a class or factory that another name of the file calls: those given, where it says so by ()."""
    return like.init if "()" in name else None


def agreement_of(model: FileModel, inputs: Inputs, agree: Agree, other: FileModel | None) -> Agreement:
    """What must agree.

    Raises:
        UndecidedError: padding is asked about where there is not one mask that says what is padding.
    """
    if other is not None:
        return same(other, inputs, agree.what)
    if agree.kind == "truncated":
        return truncated(model, inputs)
    if model.call.masks != 1:
        raise UndecidedError(
            "bad input",
            f"padding: expected one mask that says what is padding, --arg NAME=ones, got {model.call.masks}",
        )
    return padded(model, inputs, agree.what)


def beside_agreement(report: Report, model: FileModel, inputs: Inputs, agree: Agree, left: float) -> Report:
    """The report, with what two graphs side by side prove, or one of what padding holds."""
    if report.outcome not in (None, "partial"):
        return report
    started = monotonic()
    facts = agreement_proofs(model, inputs, agree, left)
    report = with_agreement(report, facts, agree.kind, agree.what)
    proved = bool(facts) and all(each["proved"] for each in facts.values())
    if agree.kind == "padding" and report.holds and not proved:
        return with_padding(report, padding_proofs(model, inputs, agree.what, left - (monotonic() - started)))
    return report


def agreement_proofs(model: FileModel, inputs: Inputs, agree: Agree, left: float) -> dict[int, dict[str, Any]]:
    """Whether two graphs prove that they agree: by how many inputs are given alone, all to another callable, or by the
    amount of padding."""
    if model.attempt.face != "torch" or inputs.n < 2:
        return {}
    beside = agree.what if agree.kind == "same" else None
    if agree.kind == "truncated":
        amounts, padding = spread_order(inputs.n)[:MOST_GRAPHS], [(0, 0)]
    elif agree.kind == "same":
        amounts, padding = [inputs.n], [(0, 0)]
    else:
        amounts = padding_amounts(inputs)
        padding = [(0, 0), *((a, 0) if agree.what == "left" else (0, a) for a in amounts)]
    try:
        found = model.comparisons(inputs, amounts, padding, left * SHARE_OF_PROOF, beside)
        return dict(zip(amounts, found, strict=False))
    except SandboxError as error:
        return {amounts[0]: {"proved": False, "detail": f"the graphs could not be read: {error}"}}


def padding_proofs(model: FileModel, inputs: Inputs, side: str, timeout: float) -> dict[int, dict[str, Any]]:
    """For padding of one place and of as many as there are inputs: what the graph proves of what the padding holds."""
    found: dict[int, dict[str, Any]] = {}
    for amount in sorted({1, inputs.n}):
        before, after = padded_places = (amount, 0) if side == "left" else (0, amount)
        contract = hidden_padding(inputs.n, before, after)
        try:
            found[amount] = model.proof(inputs, contract, False, max(timeout * SHARE_OF_PROOF, 0.1), padded_places)[0]
        except SandboxError as error:
            found[amount] = {"proved": False, "reason": "no graph", "detail": f"the graph could not be read: {error}"}
    return found


def proof_of(
    model: FileModel, inputs: Inputs, contract: Contract, certificate: str | Path | None, timeout: float,
    lengths: Sequence[int] = (), output_axis: int | None = None,
) -> Read:  # fmt: skip
    """What the graph proves, its certificate written where one is wanted; where reading it fails, that it did."""
    try:
        facts, held = model.proof(
            inputs, contract, certificate is not None, timeout, lengths=lengths, output_axis=output_axis
        )
    except SandboxError as error:
        return Read({"proved": False, "reason": "no graph"}, (f"the graph could not be read: {error}",))
    if certificate is None:
        return Read(facts)
    if not held:
        return Read(facts, (f"{certificate} was not written: there is no proof that can be certified",))
    try:
        Path(certificate).write_bytes(held)
    except OSError as error:  # no answer depends on it
        return Read(facts, (f"{certificate} was not written: {error.strerror}",))
    under = "; it holds under a condition, and that these weights meet it is not in it"
    said = under if facts.get("at_these_weights") else ""
    return Read(facts, (f"the certificate is in {certificate}: monarch recheck reads it{said}",), written=True)


def exact(dtype: str) -> bool:
    """Whether inputs of this dtype call for parameters in double precision."""
    return dtype in ("float64", "complex128") or dtype.startswith(("int", "uint", "bool"))


def attempts(described: Described, dtype: str | None) -> Iterator[Attempt]:
    """The ways to call a model, best first."""
    own = described.widened or described.parameters
    holds = own is not None
    floating = ["float64", own or "float32"]
    for wanted in [dtype] if dtype else [*dict.fromkeys(floating), "int64"]:
        for face in described.faces:
            doubles = [True] if holds and exact(wanted) else []
            doubles += [] if holds and wanted == "float64" and own != "float64" else [False]
            for double in doubles:
                yield Attempt(face, wanted, double)
                if holds and face == "torch":
                    yield Attempt(face, wanted, double, gradients=False)


def choose(sandbox: Sandbox, described: Described, wanted: Wanted) -> tuple[FileModel, Inputs, list[str]]:
    """The first way of calling that the model accepts: with the input itself, else with a mapping that holds it.

    Raises:
        SandboxError: none; with the model's own words for the first way, and what might help.
    """
    first: SandboxError | None = None
    last: SandboxError | None = None
    loaded, held = described, (wanted.dtype is None or exact(wanted.dtype), True)
    for mapping in (False, True):
        for attempt in attempts(described, wanted.dtype):
            if described.parameters is not None and held != (attempt.double, attempt.gradients):
                held = attempt.double, attempt.gradients
                loaded = sandbox.load(double=held[0], randomise=wanted.randomise, gradients=held[1])
            try:
                accepted = accept(sandbox, attempt, loaded, wanted, mapping)
            except SandboxError as error:
                if error.outcome is not Outcome.EXCEPTION:
                    raise
                first, last = first or error, error
                continue
            if accepted is None:
                continue
            call, inputs, rows = accepted
            notes = []
            if loaded.widened:
                notes.append(
                    f"parameters of {loaded.widened} were held in double precision, which changes none of them"
                )
            if call.words:
                notes.append(f"called with {call.words}")
            if first is not None:
                without = "" if attempt.gradients else " without gradients"
                given = f"given {attempt.dtype} in a {attempt.face} array{without}"
                notes.append(f"{given}, since otherwise: {first.message}")
                sandbox.reload()
            return FileModel(sandbox, attempt, call, loaded, rows), inputs, notes
    assert first is not None and last is not None
    other = f"; given otherwise, {last.message}" if last.types != first.types and wanted.dtype is None else ""
    raise SandboxError(first.outcome, f"{first.message}{other}; {what_was_given(described, wanted)}", first.types)


def accept(
    sandbox: Sandbox, attempt: Attempt, described: Described, wanted: Wanted, mapping: bool
) -> tuple[Call, Inputs, int | None] | None:
    """The call and the inputs the model accepts, and the rows of the table that tokens are looked up in.

    None where it takes no mapping, or more keys from one than there is an input for.

    Raises:
        SandboxError: it does not accept them.
    """
    inputs, rows = wanted.inputs(attempt.dtype, sandbox.seed, numbers=described.numbers), None
    few = replace(inputs, vocab=min(inputs.vocab, SMALLEST_VOCABULARY)) if inputs.integer else inputs
    x = few.draw(0)[0]
    if mapping:
        beside = {name: filled(value, inputs) for name, value in beside_input(wanted.arguments).items()}
        keys = sandbox.keys(x, filled("ones", inputs), beside, face=attempt.face, dtype=attempt.dtype)
        call = of_keys(keys, inputs, wanted.arguments)
    else:
        call = of_signature(described, inputs, wanted.arguments)
    if call is None:
        return None
    evaluated(sandbox, attempt, call, x)
    if inputs.integer:
        with suppress(SandboxError):
            evaluated(sandbox, attempt, call, x, watch=True)
            rows = sandbox.seen["rows"]
        inputs = wanted.inputs(attempt.dtype, sandbox.seed, rows, described.specials, described.numbers)
        evaluated(sandbox, attempt, call, inputs.draw(0)[0])
    return call, inputs, rows


def what_was_given(described: Described, wanted: Wanted) -> str:
    """The input in words, and the options that name another."""
    size = ",".join("n" if s is None else str(s) for s in parse_shape(wanted.shape))
    dtype = wanted.dtype or "float64"
    given = f"it was given an array of shape ({size}) with n = {wanted.n}, {dtype}"
    help_with = ["--shape and --dtype name another, e.g. --shape 2,n,16"]
    if exact(dtype) and not dtype.startswith(("float", "complex")):
        vocabulary = wanted.vocab or USUAL_VOCABULARY
        help_with.append(f"tokens were drawn from 0 … {vocabulary - 1}, --vocab sets their number, --n the length")
    masks, named = masks_unasked(described, wanted.arguments), INPUT in wanted.arguments.values()
    rest = described.takes if named else described.takes[1:]
    missing = [n for n, _, required in rest if required and n not in wanted.arguments and n not in masks]
    if masks:
        help_with.append(f"{', '.join(masks)} got ones, --arg {masks[0]}=JSON gives others")
    if missing:
        help_with.append(f"--arg {missing[0]}=ones gives it {missing[0]}")
    return f"{given}: {'; '.join(help_with)}"
