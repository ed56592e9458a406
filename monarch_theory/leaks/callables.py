"""Is a callable causal? Output i of a sequence map may depend on inputs 0 … i and on no later one.

The same is asked of any other contract (`contracts`). The decision is by perturbation: `cuts` changes what outputs may
not see and watches these, `judge` says what of a response is rounding. Bit-identical outputs under every change are the
stronger evidence, and are reported as such. All of it
is *measured*: no finite number of runs proves a black box causal (see the theorem in `cuts`). What was not tried is
said: cuts, values, arrays; a verdict that rests on a share of the cuts is undecided unless a share is accepted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from math import inf
from typing import Any, Protocol

import numpy as np

from monarch_theory.digits import is_integer
from monarch_theory.formats import carrier_of
from monarch_theory.leaks.contracts import CAUSAL, Contract, causal
from monarch_theory.leaks.cuts import Found, Search
from monarch_theory.leaks.heatmap import HeatMap, heat_map
from monarch_theory.leaks.inputs import (
    APPEARING,
    GAPS,
    USUAL_VOCABULARY,
    Inputs,
    UndecidedError,
    check_tokens,
    largest_vocabulary,
    unit_roundoff,
)
from monarch_theory.leaks.judge import Facts
from monarch_theory.leaks.noise import scale
from monarch_theory.leaks.outputs import Layout, Lengths, Named, Outputs, difference, lay_out, step_by_step
from monarch_theory.notebook import as_html
from monarch_theory.sandbox import Outcome, SandboxError
from monarch_theory.sandbox.arithmetic import Watch, watched
from monarch_theory.sandbox.bridge import named_arrays, no_arrays, place_of, to_face, torch_or_none
from monarch_theory.sandbox.constants import asks_for_nan, numbers_named
from monarch_theory.sandbox.loading import random_submodules
from monarch_theory.sandbox.parameters import all_zero, held_in_double, in_double, is_lazy, own_dtype
from monarch_theory.sandbox.waiting import kept_waiting

__all__ = ["ArrayModel", "Judged", "Model", "Observed", "Report", "assert_causal", "check_callable", "check_model"]

LONG_RESTART = 3.0
LONGEST = 300.0
SPARE, LEAST_SPARE = 3.0, 0.5
LARGEST_COPY = 2**30
ZERO_FILL = 0.5
LATER_CALLS, RESTARTS, LEAST_LATER = 2, 20, 2.0
"""How many calls may come before the one asked about; how many restarts a look at a later call takes at least; and how
many seconds there are for it, however few the budget has."""
VERDICTS = {"causal": True, "holds": True, "not causal": False, "does not hold": False}
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Judged:
    """One array of outputs: its name, shape and dtype, whether it leaks, and which axis was taken for the sequence."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    verdict: str
    witness: Found | None = None
    axis: int | None = None


@dataclass(frozen=True)
class Report:
    """What was decided, on what evidence.

    verdict: "causal" or "not causal", of other contracts "holds" or "does not hold", or "undecided"; outcome: the name
    of what went wrong where undecided, else None; contract: what was asked, in words;
    witness: the first leaking pair; cuts_tested of cuts_total; lookahead: places ahead that were allowed, −1 for strict
    causality; gap: violations i ← j with j − i ≥ gap + lookahead cannot have been missed between cuts; response, floor
    and noise: of what was taken for rounding, relative to the size of its channel; outputs: each array that was judged;
    calls_before: how many calls on another input came before the one that leaks;
    redrawn: whether it leaks with all-zero parameters drawn at random, and not as it is;
    covered: which values were tried; entry: the module in which a leak enters, where that is known;
    certified: whether the certificate that was asked for was written.
    """

    verdict: str
    evidence: str
    reason: str
    outcome: str | None = None
    contract: str = CAUSAL
    witness: Found | None = None
    n: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""
    seed: int = 0
    method: str = "perturbation"
    cuts_tested: int = 0
    cuts_total: int = 0
    lookahead: int = 0
    gap: int = 0
    rounds: int = 0
    response: float = 0.0
    floor: float = 0.0
    noise: float = 0.0
    forwards: int = 0
    seconds: float = 0.0
    outputs: tuple[Judged, ...] = ()
    covered: str = ""
    notes: tuple[str, ...] = ()
    entry: str = ""
    calls_before: int = 0
    redrawn: bool = False
    proof: dict[str, Any] | None = None
    certified: bool = False
    map: HeatMap | None = field(default=None, repr=False)

    @property
    def holds(self) -> bool | None:
        """Whether the contract is kept, None where that is undecided."""
        return VERDICTS.get(self.verdict)

    @property
    def exit_code(self) -> int:
        return 2 if self.holds is None else 0 if self.holds else 1

    @property
    def tried(self) -> str:
        """What is counted in `cuts_tested`: cuts of a contract, or variants that must agree with the full run."""
        return "cuts" if self.method != "two runs compared" else "variants"

    @property
    def partial(self) -> bool:
        """Whether not all cuts were tested."""
        return self.cuts_tested < self.cuts_total

    def _repr_html_(self) -> str:
        cuts = f"{self.cuts_tested} of {self.cuts_total} cuts" if self.cuts_total else ""
        facts = {"evidence": self.evidence, "reason": self.reason, "tried": self.covered, "coverage": cuts, "n": self.n}
        return as_html(self.verdict, ("yes", "no", "undecided")[self.exit_code], facts)

    def as_json(self) -> dict[str, Any]:
        """Plain values; the map as nested lists."""
        plain = asdict(replace(self, map=None))
        plain["map"] = None if self.map is None else self.map.strength.tolist()
        return plain


class Model(Protocol):
    """What is checked.

    restart_seconds: what `fresh` takes; zeros: names of trainable parameters that are all zero; shapes: of all of
    them, by name; rows: of the table that tokens are looked up in, None where not known; ends_nan: whether something is
    known in it that may turn a NaN into a number; others: what the last call returned beside arrays; writes: whether it
    wrote into its input, a copy made for the call; waited: seconds that it was kept from a processor so far.
    """

    restart_seconds: float
    zeros: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    rows: int | None
    ends_nan: bool

    @property
    def others(self) -> tuple[str, ...]: ...

    @property
    def writes(self) -> bool: ...

    @property
    def waited(self) -> float: ...

    def __call__(self, x: np.ndarray, redraw: int | None = None, amplitude: float = 1.0, arithmetic: str = "") -> Named:
        """The arrays returned; with a seed `redraw`, under rounding drawn at random, `amplitude` times its size.

        arithmetic: as of `sandbox.arithmetic.Watch`.
        """
        ...

    def facts(self, x: np.ndarray) -> Facts:
        """What is seen of the arithmetic of a run on x."""
        ...

    def fresh(self, seed: int | None = None) -> bool:
        """Back to the state before every call; False where there is no way."""
        ...

    def entry(self, base: np.ndarray, changed: np.ndarray, place: int, n: int, size: float) -> str:
        """The module in which a change of relative `size` reaches output `place` of n; empty where none is known."""
        ...

    def fill(self, size: float) -> None:
        """Give all-zero parameters random values of that size; 0 puts the zeros back."""
        ...


class ArrayModel:
    """A callable of this process, from an array to an array.

    restart: forgets what it has gathered, where it can; precise: the callable in double precision, where it is another.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        restart: Callable[[], None] | None = None,
        precise: Callable[[Any], Any] | None = None,
    ):
        self.function, self.restart, self.precise = function, restart, precise or function
        self.restart_seconds = 0.0
        self.zeros: tuple[str, ...] = ()
        self.shapes: Mapping[str, tuple[int, ...]] = {}
        self.rows: int | None = None
        self.ends_nan = asks_for_nan(function)
        self.others: tuple[str, ...] = ()
        self.writes = False

    def __call__(self, x: np.ndarray, redraw: int | None = None, amplitude: float = 1.0, arithmetic: str = "") -> Named:
        if redraw is None and not arithmetic:
            return self._called(x, self.function)
        with watched(Watch(redraw, amplitude, arithmetic=arithmetic), self._modules()):
            return self._called(x, self.precise if arithmetic else self.function)

    def _called(self, x: np.ndarray, function: Callable[[Any], Any]) -> Named:
        given = x.copy()
        with np.errstate(all="ignore"):
            returned = function(given)
            arrays, dtypes, names = named_arrays(returned)
        self.others = tuple(no_arrays(returned))
        self.writes = given.tobytes() != x.tobytes()
        return tuple(a.copy() for a in arrays), tuple(dtypes), tuple(names)

    def _modules(self) -> tuple[Any, ...]:
        import sys

        module = sys.modules.get(getattr(self.function, "__module__", None) or "")
        return (module,) if module is not None else ()

    def facts(self, x: np.ndarray) -> Facts:
        with watched(Watch(), self._modules()) as watch:
            self._called(x, self.function)
        redraws = bool(watch.transforms or watch.coarsest)
        return Facts(tuple(sorted(watch.transforms)), watch.coarsest, redraws, watch.sizes, watch.unstable)

    @property
    def waited(self) -> float:
        return kept_waiting()

    def fresh(self, seed: int | None = None) -> bool:
        if self.restart is None:
            return False
        self.restart()
        return True

    def entry(self, base: np.ndarray, changed: np.ndarray, place: int, n: int, size: float) -> str:
        return ""

    def fill(self, size: float) -> None:
        pass


class Observed:
    """A model's outputs with the sequence axis first; it counts calls, and the outputs must keep their shapes.

    calls_before: how many calls on one and the same input are made before each, of a model that remembers them; steps:
    names of the lists it returns that hold one array for each place, None before the first call.
    """

    def __init__(
        self,
        model: Model,
        inputs: Inputs,
        output_axis: int | None,
        output: str | None,
        lengths: Lengths = lambda n: (n,),
    ):
        self.lengths = lengths
        self.model, self.inputs = model, inputs
        self.output_axis, self.output = output_axis, output
        self.always_fresh = False
        self.calls_before = 0
        self.steps: frozenset[str] | None = None
        self.arithmetic = ""
        self.forwards = 0
        self.layout: Layout | None = None

    def __call__(
        self, x: np.ndarray, redraw: int | None = None, amplitude: float = 1.0, arithmetic: str = ""
    ) -> Outputs:
        if self.always_fresh:
            self.model.fresh()
        for _ in range(self.calls_before):
            self.forwards += 1
            self.model(self.inputs.draw(0)[0])
        self.forwards += 1
        called = self.model(x, redraw, amplitude, arithmetic or self.arithmetic)
        if self.steps is None:
            self.steps = self._in_steps(called)
        called = self.stacked(called, self.inputs.length)
        if self.layout is None:
            self.layout = lay_out(called, self.inputs, self.output_axis, self.output, self._of_length, self.lengths)
        return self.layout.outputs(called[0])

    def clock(self) -> float:
        """Seconds of work: what passed, less what the model was kept waiting for a processor."""
        return time.monotonic() - self.model.waited

    def facts(self, x: np.ndarray) -> Facts:
        """What is seen of the arithmetic of a run on x, in the state of the other calls."""
        if self.always_fresh:
            self.model.fresh()
        return self.model.facts(x)

    def stacked(self, called: Named, n: int) -> Named:
        """What a call on a sequence of length n returned, lists of steps stacked where there are any."""
        return step_by_step(called, self.lengths(n), self.steps) if self.steps else called

    def _in_steps(self, called: Named) -> frozenset[str]:
        """Lists that hold an array for each place: as many for another length, too."""
        n, none = self.inputs.n, frozenset[str]()
        stacked = step_by_step(called, self.lengths(n))
        if stacked is called or self.inputs.sequence is not None:
            return none
        others = [(m, other) for m in (n + 1, n - 1) if m > 1 and (other := self._at_length(m)) is not None]
        alike = (step_by_step(other, self.lengths(m))[2] == stacked[2] and other[2] != called[2] for m, other in others)
        return frozenset(stacked[2]) - frozenset(called[2]) if others and all(alike) else none

    def _of_length(self, n: int) -> tuple[tuple[int, ...], ...] | None:
        """Shapes of the arrays for a sequence of length n, None where the model takes none."""
        called = self._at_length(n)
        return None if called is None else tuple(a.shape for a in self.stacked(called, n)[0])

    def _at_length(self, n: int) -> Named | None:
        """What the model returns for a sequence of length n, None where it takes none."""
        axis, shape = self.inputs.axis, self.inputs.shape
        other = replace(self.inputs, shape=(*shape[:axis], n, *shape[axis + 1 :]))
        try:
            return self.model(other.draw(0)[0])
        except (UndecidedError, MemoryError):
            return None
        except Exception as error:
            if isinstance(error, SandboxError) and error.outcome is not Outcome.EXCEPTION:
                raise
            return None
        finally:
            if self.model.restart_seconds < LONG_RESTART:
                self.model.fresh()

    @property
    def roundoff(self) -> float:
        """The largest unit roundoff of the outputs."""
        return max(unit_roundoff(d) for d in self.layout.dtypes) if self.layout else 0.0


def check_callable(
    function: Callable[[Any], Any],
    n: int,
    *,
    shape: str = "n",
    dtype: str | None = None,
    vocab: int | None = None,
    tokens: tuple[int, ...] = (),
    seed: int = 0,
    budget: float | None = None,
    accept_partial: bool = False,
    lookahead: int = 0,
    contract: Contract | None = None,
    stride: tuple[int, int] = (1, 0),
    output: str | None = None,
    output_axis: int | None = None,
    map_size: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Decide whether a NumPy function, or any callable from array to array, is causal, in this process.

    What `function` raises on the first input comes through; every other way of failing is an undecided report with its
    `outcome`.

    Args:
        function: given a fresh array of `shape` and `dtype`; every array it returns that has a sequence axis is judged.
            A torch module is given tensors.
        n: sequence length.
        shape: sizes and one letter n, the sequence axis.
        dtype: of the input; integers are tokens in [0, vocab), vocab is 16 where it is not given. By default float64,
            for a torch module that of its parameters.
        tokens: some to be tried in any case.
        seed: of every input drawn.
        budget: seconds for the search; by default it grows until all cuts are tested, to 300 s at the most.
        accept_partial: call causal what was found so at a share of the cuts.
        lookahead: output i may depend on inputs 0 … i + lookahead; −1 for strict causality, 0 … i − 1.
        contract: another than causality, for n places, or for the rows of a batch, the first axis.
        stride: where there are not as many outputs as inputs, s and o: output i stands for place s·i + o.
        output: name or index of the one array to judge.
        output_axis: sequence axis of the output, where it cannot be told from the lengths.
        map_size: blocks per side of a heat map to add, 0 for none.

    >>> check_callable(np.cumsum, 32).verdict
    'causal'
    >>> report = check_callable(lambda x: x + 1e-9 * np.roll(x, -1), 32)
    >>> report.verdict, report.witness.output, report.witness.input
    ('not causal', 0, 1)
    """
    notes: list[str] = []
    try:
        dtype = dtype or (own_dtype(function) if is_module(function) else None) or "float64"
        if not callable(function):
            raise UndecidedError("bad input", f"function: expected a callable, got {type(function).__name__}")
        usual = min(USUAL_VOCABULARY, largest_vocabulary(dtype))
        inputs = Inputs.of(shape, n, dtype, usual if vocab is None else vocab, seed, tokens, numbers_named(function))
        dtype = inputs.dtype
        check_tokens(dtype, vocab, tokens, usual)
        check_numbers(budget, lookahead, stride, map_size)
        inputs, contract = agreed(inputs, contract, lookahead)
        if is_module(function):
            model, notes = of_module(function, dtype)
        elif carrier_of(dtype) != dtype:
            raise UndecidedError("bad input", f"dtype: NumPy has no {dtype}")
        else:
            model = ArrayModel(function)
    except UndecidedError as error:
        return Report(UNDECIDED, "none", error.message, error.outcome, seed=seed)
    report = check_model(
        model, inputs, budget=budget, accept_partial=accept_partial, contract=contract, stride=stride,
        output=output, output_axis=output_axis, map_size=map_size, progress=progress,
    )  # fmt: skip
    trained = with_gradients(function, inputs) if report.holds and is_module(function) else None
    if trained is not None:
        other = check_model(
            trained, inputs, budget=budget, contract=contract, stride=stride, output=output, output_axis=output_axis,
            preview=True,
        )  # fmt: skip
        if other.witness is not None:
            said = f"this is the model with gradients on: without them it is {report.verdict}"
            report = replace(other, forwards=report.forwards + other.forwards, notes=(*other.notes, said))
    return replace(report, notes=(*notes, *report.notes))


def check_numbers(budget: Any, lookahead: Any, stride: Any, map_size: Any) -> None:
    """Numbers as they are expected.

    Raises:
        UndecidedError: naming the first that is not.
    """
    if budget is not None and not (isinstance(budget, int | float) and 0 < budget < inf):
        raise UndecidedError("bad input", f"budget: expected a positive number, got {budget!r}")
    if not is_integer(lookahead):
        raise UndecidedError("bad input", f"lookahead: expected an integer, got {lookahead!r}")
    if not (isinstance(stride, tuple) and len(stride) == 2 and all(map(is_integer, stride)) and stride[0] > 0):
        raise UndecidedError("bad input", f"stride: expected two integers, the first positive, got {stride!r}")
    if not is_integer(map_size) or map_size < 0:
        raise UndecidedError("bad input", f"map_size: expected an integer of at least 0, got {map_size!r}")


def agreed(inputs: Inputs, contract: Contract | None, lookahead: int = 0) -> tuple[Inputs, Contract]:
    """The inputs with the axis that the contract speaks of, and the contract, by default causality.

    Raises:
        UndecidedError: they do not fit.
    """
    contract = contract or causal(inputs.n, lookahead)
    if contract.along == "batch":
        inputs = inputs.along_batch()
    if contract.n != inputs.n:
        raise UndecidedError("bad input", f"contract: expected one for {inputs.n} places, got one for {contract.n}")
    return inputs, contract


def lengths_of(stride: int, offset: int) -> Lengths:
    """How many outputs a sequence may have, where output i stands for place stride·i + offset.

    >>> lengths_of(2, 0)(9), lengths_of(1, -1)(9)
    ((5, 4), (10, 9))
    """
    if stride == 1:
        return lambda n: (n - offset, n) if offset else (n,)
    return lambda n: (-(-n // stride), n // stride)


def is_module(function: Any) -> bool:
    torch = torch_or_none()
    return torch is not None and isinstance(function, torch.nn.Module)


def with_gradients(module: Any, inputs: Inputs) -> ArrayModel | None:
    """A torch module of this process in whose calls gradients are on; None where it takes no call so."""
    model, _ = of_module(module, inputs.dtype, gradients=True)
    try:
        model(inputs.draw(0)[0])
    except Exception:  # operators without gradients, what is written into a parameter
        return None
    if model.restart is not None:
        model.restart()
    return model


def of_module(module: Any, dtype: str, gradients: bool = False) -> tuple[ArrayModel, list[str]]:
    """A torch module of this process, and what is to be said of it.

    It is left as it is: copies are asked. Where there can be none, or only large ones, the module itself is asked, and
    nothing starts it afresh. Gradients are on, or off, in its calls.

    Raises:
        UndecidedError: it is in training mode, and random in it; or parameters have no shape yet.
    """
    torch = torch_or_none()
    waiting = [name for name, p in (*module.named_parameters(), *module.named_buffers()) if is_lazy(p)]
    if waiting:
        raise UndecidedError("exception", f"{', '.join(waiting[:4])} awaits a first call: call the module once")
    found = random_submodules(module)
    if found:
        raise UndecidedError(
            "training mode", f"{', '.join(found[:4])} is random or mixes the batch: call .eval() first"
        )
    zeros = tuple(all_zero(module))
    notes = [f"all-zero parameters were left as they are, and hide what they multiply: {few(zeros)}"] if zeros else []

    copies, place = [module], place_of([module])

    def restart() -> None:
        copies[0] = deepcopy(module)

    def f(x: np.ndarray) -> Any:
        with torch.set_grad_enabled(gradients):
            return copies[0](to_face(x, "torch", dtype, place))

    def precise(x: np.ndarray) -> Any:
        with torch.set_grad_enabled(gradients), held_in_double(copies[0]):
            return copies[0](in_double(to_face(x, "torch", dtype, place)))

    if sum(t.nbytes for t in (*module.parameters(), *module.buffers())) > LARGEST_COPY:
        return ArrayModel(f, None, precise), notes
    try:
        restart()
    except Exception:  # whatever the copying of user code raises
        return ArrayModel(f, None, precise), notes
    return ArrayModel(f, restart, precise), notes


def assert_causal(function: Callable[[Any], Any], n: int, **options: Any) -> Report:
    """`check_callable`, for a test or a training script: the report, if it is causal, or keeps the `contract`.

    Raises:
        AssertionError: it is not, or nothing could be decided; with the reason and the witness.

    >>> assert_causal(np.cumsum, 16).verdict
    'causal'
    """
    report = check_callable(function, n, **options)
    if not report.holds:
        raise AssertionError(f"{report.verdict}: {report.reason}")
    return report


def check_model(
    model: Model,
    inputs: Inputs,
    *,
    budget: float | None = None,
    longest: float = LONGEST,
    accept_partial: bool = False,
    contract: Contract | None = None,
    stride: tuple[int, int] = (1, 0),
    output: str | None = None,
    output_axis: int | None = None,
    map_size: int = 0,
    preview: bool = False,
    in_turn: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """As `check_callable`, for a `Model` and its `Inputs`; without a `budget`, `longest` seconds at the most.

    With `preview` a few cuts are tested with the usual kind of future alone. With `in_turn` the kinds take turns over
    the cuts, which is a check of a proof and no more. Parameters that are all zero hide what
    they multiply. They are drawn at random for the search over all cuts; as they are, a few cuts of each kind are
    tested.
    """
    started = time.monotonic()
    contract = contract or causal(inputs.n)
    observe = Observed(model, inputs, output_axis, output, lengths_of(*stride))
    begun = observe.clock()
    notes: list[str] = []
    search: Search | None = None
    before = 0
    try:
        constant = settle_state(observe, inputs, notes)
        assert observe.layout is not None
        if stride != (1, 0):
            contract = contract.rows(*stride, observe.layout.length)
        blind = blind_outputs(observe, inputs, notes)
        while True:
            left = longest if budget is None else max(budget - (observe.clock() - begun), budget / 4)
            spare = SPARE if budget is None else max(left / 4, LEAST_SPARE)
            assert observe.layout is not None

            def searched(thorough: bool, filled: bool = False, left: float = left, spare: float = spare) -> Search:
                assert observe.layout is not None
                return Search(
                    observe, observe.facts, observe.layout, inputs, left, spare, contract, thorough, progress, preview,
                    observe.clock, longest, in_turn, not filled, model.ends_nan,
                )  # fmt: skip

            search = searched(not model.zeros)
            found = search.run()
            hidden = False
            if model.zeros and not found:
                model.fill(ZERO_FILL)
                as_is, search = search, searched(True, filled=True)
                found, hidden = search.run(), True
                search.coverage.include(as_is.coverage)
                model.fill(0.0)
            if observe.always_fresh or unchanged(observe, inputs):
                break
            remember_state(observe, inputs, notes)
        if observe.always_fresh and not search.found and not preview:
            search, before = later_calls(observe, search, longest if budget is None else budget)
        report = replace(conclude(search, constant, accept_partial, model, hidden), calls_before=before)
        if blind and report.holds:
            raise UndecidedError("not finite", "every output is NaN or infinite: there is nothing to compare")
        if map_size and stride == (1, 0):
            report = replace(report, map=heat_map(observe, inputs, map_size))
    except (UndecidedError, SandboxError) as error:
        report = undecided_by(error)
        if search:
            report = with_counts(report, search, model)
    report = replace(
        report,
        contract=contract.name,
        n=inputs.length,
        shape=inputs.shape,
        dtype=inputs.dtype,
        seed=inputs.seed,
        forwards=observe.forwards,
        seconds=round(time.monotonic() - started, 3),
        notes=(*notes, *report.notes),
    )
    shorter = observe.layout.shorter if observe.layout and not preview else ()
    if report.holds and contract.lookahead is not None and stride == (1, 0):
        left = longest if budget is None else budget
        return with_shorter(report, shorter, model, inputs, contract, left, accept_partial)
    note = f"not judged, being shorter than the sequence: {', '.join(name for name, _, _ in shorter)}"
    return replace(report, notes=(*report.notes, note)) if shorter else report


def with_shorter(
    report: Report,
    shorter: tuple[tuple[str, int, int], ...],
    model: Model,
    inputs: Inputs,
    contract: Contract,
    left: float,
    accept_partial: bool,
) -> Report:
    """A report of causality, with the arrays that are shorter than the sequence judged as well.

    An output of these stands for the last of the inputs it can: more is not to be held against a model unasked, as a
    user may with --stride and --offset.
    """
    for name, axis, length in shorter:
        stride = max(round(inputs.n / length), 1)
        offset = stride - 1 if stride > 1 else inputs.n - length
        if length not in lengths_of(stride, offset)(inputs.n):
            note = f"not judged, being of length {length}: {name}"
            report = replace(report, notes=(*report.notes, note))
            continue
        found = check_model(
            model, inputs, budget=left / 2, accept_partial=accept_partial, contract=contract, stride=(stride, offset),
            output=name, output_axis=axis,
        )  # fmt: skip
        place = f"{stride}i + {offset}" if stride > 1 else f"i + {offset}"
        said = f"{name}, of length {length}, was judged as if output i stood for input {place}"
        if found.holds is False:
            return replace(found, forwards=report.forwards + found.forwards, notes=(*found.notes, said))
        note = said if found.holds else f"{said}, and nothing was decided: {found.reason}"
        report = replace(
            report,
            forwards=report.forwards + found.forwards,
            outputs=(*report.outputs, *found.outputs),
            notes=(*report.notes, note),
        )
    return report


def settle_state(observe: Observed, inputs: Inputs, notes: list[str]) -> bool:
    """Make sure that equal inputs give equal outputs, from a fresh start at every call if need be.

    Returns whether the output is the same for all inputs tried.
    """
    base, donor = inputs.draw(0)
    observe(base)  # which lays the outputs out, and starts afresh
    first, second, again = observe(base), observe(donor), observe(base)
    agrees = same_to_rounding(first, again, observe)
    suspect = first.same_bits(second)
    if agrees and (suspect or observe.model.restart_seconds < LONG_RESTART) and observe.model.fresh():
        agrees = same_to_rounding(second, observe(donor), observe)
    if not agrees:
        remember_state(observe, inputs, notes)
        first, second = observe(base), observe(donor)
    return first.same_bits(second)


def blind_outputs(observe: Observed, inputs: Inputs, notes: list[str]) -> bool:
    """Say which outputs are not finite, which are compared as they are; whether all are."""
    y = observe(inputs.draw(0)[0]).wide
    lost = ~np.isfinite(y)
    if lost.any():
        place, channel = np.argwhere(lost)[0]
        notes.append(
            f"{int(lost.sum())} of {lost.size} outputs are not finite, the first {y[place, channel].real} at place "
            f"{place}: they are compared as they are"
        )
    if observe.layout and observe.layout.left_out:
        notes.append(f"not judged, having no sequence axis that can be told: {', '.join(observe.layout.left_out)}")
    if observe.model.writes:
        notes.append("it writes into its own input, of which each call was given a copy")
    if observe.model.others:
        notes.append(f"not judged, being no array: {', '.join(observe.model.others)}")
    return bool(lost.all()) and bool(lost.size)


def unchanged(observe: Observed, inputs: Inputs) -> bool:
    """Whether the model, after all its calls, still gives what it gives when fresh.

    Also of an input that begins as others did: what is kept by the beginning of an input shows there.
    """
    base, donor = inputs.draw(0)
    begins_alike = inputs.splice(base, donor, (inputs.n + 1) // 2)
    late = [observe(x) for x in (base, begins_alike)]
    for x, before in zip((base, begins_alike), late, strict=True):
        if observe.model.restart_seconds >= LONG_RESTART or not observe.model.fresh():
            return True
        if not same_to_rounding(before, observe(x), observe):
            return False
    return True


def remember_state(observe: Observed, inputs: Inputs, notes: list[str]) -> None:
    """The model depends on its earlier calls: from now on each call is its first. What then still varies is random."""
    if not observe.model.fresh():
        raise UndecidedError(
            "random",
            "the same input gave different outputs: the callable is random or keeps state between calls "
            "(if it has a training mode, call .eval() on it first)",
        )
    base, _ = inputs.draw(0)
    outputs = []
    for seed in (1, 2, 3):
        observe.model.fresh(seed)
        outputs.append(observe(base))
    if not all(same_to_rounding(outputs[0], y, observe) for y in outputs[1:]):
        raise UndecidedError(
            "random",
            "the same input gave different outputs, on a fresh model too: it draws random numbers when called "
            "(dropout? call .eval() on it first)",
        )
    observe.always_fresh = True
    notes.append("the model keeps state between calls: each call was made on a freshly loaded one")


def later_calls(observe: Observed, search: Search, longest: float) -> tuple[Search, int]:
    """A search that found a leak after as many calls, always the same; else the one given, and 0."""
    for before in range(1, LATER_CALLS + 1):
        left = max(longest / 8, LEAST_LATER)
        if observe.model.restart_seconds * RESTARTS > left:
            search._note(f"only its first call was asked about, not what it does after {before}: it loads too slowly")
            return search, 0
        observe.calls_before = before
        later = Search(
            observe, search.facts, search.layout, search.inputs, left, 0.0, search.contract, preview=True,
            notes=[f"so it is at call {before + 1}, each time on a fresh model, the calls before on another input"],
            clock=observe.clock, longest=longest,
        )  # fmt: skip
        try:
            if later.run():
                return later, before
        except UndecidedError as error:
            search._note(f"what it does at call {before + 1} was not decided: {error.message}")
        finally:
            observe.calls_before = 0
    return search, 0


def same_to_rounding(y: Outputs, z: Outputs, observe: Observed) -> bool:
    """Equal, or apart by what the order of a threaded sum may change, channel by channel."""
    return y.same_bits(z) or bool((difference(y, z) <= 64 * observe.roundoff * scale(y, z)).all())


def conclude(search: Search, constant: bool, accept_partial: bool, model: Model, hidden: bool) -> Report:
    """The report of a finished search."""
    inputs, contract = search.inputs, search.contract
    plain = contract.lookahead is not None
    if search.found:
        return with_counts(not_causal(search, model, hidden), search, model)
    if search.total == 0:
        nothing = f"a sequence of length {inputs.n} has no future" if plain else "there is nothing that it forbids"
        return with_counts(Report(contract.yes, "proved", nothing), search, model)
    past = "the past" if contract.ordered else "every output"
    futures = "changed futures" if contract.ordered else "changes of the inputs it may not see"
    if search.same_bits:
        evidence = "measured: bit-identical"
        reason = f"{past} is bit-identical under {futures}"
    elif search.identical:
        evidence = "measured: equal"
        reason = f"{past} is equal under {futures}, in all but the signs of zeros"
    else:
        evidence = "measured: causal to rounding" if plain else "measured: to rounding"
        reason = (
            f"{futures} move {past} by at most {search.worst.response:.1e} of its channel's size, within the "
            f"floor {search.worst.floor:.1e} that its rounding noise {search.worst.noise:.1e} sets"
        )
    if hidden:
        search.notes.append(f"all-zero parameters were drawn at random for the search: {few(model.zeros)}")
    tested, total = len(search.tested), search.total
    verdict, outcome = contract.yes, None
    if tested == total:
        reason += f", at all {total} cuts"
    else:
        reason += f", at {tested} of {total} cuts"
        if plain:
            reason += (
                f": a dependence on an input {search.gap} or more places ahead would have been seen, a nearer one only "
                "where it crosses a tested cut"
            )
        reason += "; a larger --budget tests more"
        if not accept_partial:
            verdict, outcome = UNDECIDED, "partial"
            reason = (
                f"{contract.yes if plain else 'kept'} at {tested} of {total} cuts, not all: {reason}, --accept-partial "
                "takes this for an answer"
            )
    kinds, everywhere = len(inputs.all_kinds), len(search.everywhere)
    share = f"{search.coverage.turns / (kinds * total):.0%} of kinds and cuts"
    if search.in_turn:
        evidence += ", each cut with one kind of values"
        search.notes.append(f"{kinds} kinds of values took turns over the cuts, as a check of the proof: {share}")
    elif tested == total and everywhere < kinds:
        search.notes.append(
            f"of {kinds} kinds of values {everywhere} {'was' if everywhere == 1 else 'were'} tried at every cut, the "
            f"others at a few, {share}; a larger --budget tries more"
        )
    if search.hurried and not accept_partial and outcome is None:
        verdict, outcome = UNDECIDED, "partial"
        reason = (
            f"{contract.yes if plain else 'kept'} where it was asked, but the time was up before other kinds of future "
            f"had been tried at all cuts, as they are where nothing else runs: {reason}; a larger --budget tries them, "
            "--accept-partial takes this for an answer"
        )
    if constant:
        reason = f"constant: the output never changed with the input; {reason}"
    return with_counts(Report(verdict, evidence, reason, outcome), search, model)


def not_causal(search: Search, model: Model, hidden: bool) -> Report:
    """The report of the earliest pair among the arrays."""
    found = min(search.found.values(), key=lambda f: (f.output, f.input or 0))
    if np.isinf(found.size):
        reason = f"output {found.output} turns to NaN or infinity, or from it, when input {found.input} changes"
    else:
        among = f", with {found.kind}" if found.kind in GAPS else ""
        comes = "turns to NaN" if np.isnan(APPEARING.get(found.kind, 0.0)) else "becomes infinite"
        changes = comes if found.kind in APPEARING else f"changes by {found.change:.3g}"
        reason = (
            f"output {found.output} changes by {found.size:.3g} when input {found.input} {changes}{among}; the noise "
            f"floor there is {found.floor:.1e}"
        )
    evidence = "measured: response above the noise floor"
    if hidden:
        evidence += ", hidden by zero-initialised parameters"
        reason += (
            f". It is hidden as long as parameters are zero ({few(model.zeros)}), and shows with these drawn at "
            "random, as training will move them"
        )
    entry = entered(search, model, found)
    return Report(search.contract.no, evidence, reason, witness=found, entry=entry, redrawn=hidden)


LEAST_OF_LEAK = 1e-3
"""Share of a leak's size, relative to the outputs, that counts as a difference inside a model."""


def entered(search: Search, model: Model, found: Found) -> str:
    """The module in which a leak enters, where the model tells; finding it must not cost the verdict."""
    if (found.output, found.input) not in search.shown:
        return ""
    base, changed = search.shown[found.output, found.input]
    with suppress(Exception):
        sizes = np.abs(search.observe(base).wide)
        largest = float(sizes[np.isfinite(sizes)].max(initial=0.0))
        size = LEAST_OF_LEAK * min(found.size / largest if largest else 1.0, 1.0)
        return model.entry(base, changed, found.output, search.inputs.n, size)
    return ""


def few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def undecided_by(error: UndecidedError | SandboxError) -> Report:
    """The report where an error leaves the question open."""
    outcome = error.outcome if isinstance(error, UndecidedError) else error.outcome.value
    return Report(UNDECIDED, "none", error.message, outcome)


def with_counts(report: Report, search: Search, model: Model) -> Report:
    layout = search.layout
    contract = search.contract
    clear = report.verdict if report.holds is not False else UNDECIDED if search.doubt else contract.yes
    judged = tuple(
        Judged(name, shape, dtype, contract.no if k in search.found else clear, search.found.get(k), axis)
        for k, (name, shape, dtype, axis) in enumerate(
            zip(layout.names, layout.shapes, layout.dtypes, layout.axes, strict=True)
        )
    )
    return replace(
        report,
        cuts_tested=len(search.tested),
        cuts_total=search.total,
        lookahead=contract.lookahead or 0,
        gap=search.gap,
        rounds=search.rounds,
        response=search.worst.response,
        floor=search.worst.floor,
        noise=search.worst.noise,
        outputs=judged,
        covered=search.coverage.words(model.rows),
        notes=(*search.notes, *(search.judge.notes if search.judge else ())),
    )
