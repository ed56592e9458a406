"""Is a callable causal? Output i of a sequence map may depend on inputs 0 … i and on no later one.

The decision is by perturbation: `cuts` changes the future and watches the past, `noise` says what of a response is
rounding. Bit-identical pasts under every changed future are the stronger evidence, and are reported as such. All of it
is *measured*: no finite number of runs proves a black box causal (see the theorem in `cuts`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from monarch_theory.formats import carrier_of
from monarch_theory.leaks.cuts import Found, Search, scale
from monarch_theory.leaks.heatmap import HeatMap, heat_map
from monarch_theory.leaks.inputs import Inputs, UndecidedError, unit_roundoff
from monarch_theory.leaks.noise import wide
from monarch_theory.sandbox import SandboxError
from monarch_theory.sandbox.bridge import as_numpy

__all__ = ["ArrayModel", "Model", "Observed", "Report", "check_callable", "check_model"]

LONG_RESTART = 3.0
CAUSAL, NOT_CAUSAL, UNDECIDED = "causal", "not causal", "undecided"


@dataclass(frozen=True)
class Report:
    """What was decided, on what evidence.

    verdict: "causal", "not causal" or "undecided"; outcome: the name of what went wrong where undecided, else None;
    witness: the first leaking pair; cuts_tested of cuts_total; gap: violations i ← j with j − i ≥ gap cannot have been
    missed between cuts; response, floor and noise: of what was taken for
    rounding, relative to the size of the outputs.
    """

    verdict: str
    evidence: str
    reason: str
    outcome: str | None = None
    witness: Found | None = None
    n: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""
    seed: int = 0
    method: str = "perturbation"
    cuts_tested: int = 0
    cuts_total: int = 0
    gap: int = 0
    rounds: int = 0
    response: float = 0.0
    floor: float = 0.0
    noise: float = 0.0
    forwards: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    map: HeatMap | None = field(default=None, repr=False)

    @property
    def exit_code(self) -> int:
        return {CAUSAL: 0, NOT_CAUSAL: 1}.get(self.verdict, 2)

    def as_json(self) -> dict[str, Any]:
        """Plain values; the map as nested lists."""
        plain = asdict(replace(self, map=None))
        plain["map"] = None if self.map is None else self.map.strength.tolist()
        return plain


class Model(Protocol):
    """What is checked: a call, and a way back to the state before every call (False where there is none).

    dtypes and count: logical dtypes and number of the arrays last returned; restart_seconds: what `fresh` takes.
    """

    dtypes: tuple[str, ...]
    count: int
    restart_seconds: float

    def __call__(self, x: np.ndarray) -> np.ndarray: ...

    def fresh(self, seed: int | None = None) -> bool: ...


class ArrayModel:
    """A callable of this process, from an array to an array."""

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function
        self.dtypes: tuple[str, ...] = ()
        self.count = 0
        self.restart_seconds = 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        given = x.copy()
        outputs, dtypes = as_numpy(self.function(given))
        if given.tobytes() != x.tobytes():
            raise UndecidedError("in-place write", "the callable writes into its own input: give it a copy to write to")
        self.dtypes, self.count = tuple(dtypes), len(outputs)
        return outputs[0].copy()

    def fresh(self, seed: int | None = None) -> bool:
        return False


class Observed:
    """A model's outputs with the sequence axis first, shape (n, channels); it counts and must keep its shape."""

    def __init__(self, model: Model, inputs: Inputs, output_axis: int | None):
        self.model, self.inputs = model, inputs
        self.output_axis = output_axis
        self.always_fresh = False
        self.forwards = 0
        self.shape: tuple[int, ...] | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if self.always_fresh:
            self.model.fresh()
        self.forwards += 1
        y = self.model(x)
        if self.shape is None:
            self.shape = y.shape
            self.axis = sequence_axis(y.shape, self.inputs, self.output_axis)
        elif y.shape != self.shape:
            raise UndecidedError("shape change", f"the output had shape {self.shape} once and {y.shape} later")
        y = np.moveaxis(y, self.axis, 0).reshape(self.inputs.n, -1)
        return np.ascontiguousarray(y.astype(np.int8) if y.dtype == bool else y)


def sequence_axis(shape: tuple[int, ...], inputs: Inputs, asked: int | None) -> int:
    """Which output axis is the sequence: the one asked for, the input's own, or the only one of length n."""
    n = inputs.n
    if asked is not None:
        if not -len(shape) <= asked < len(shape) or shape[asked] != n:
            raise UndecidedError(
                "bad input", f"output-axis: expected an axis of length {n} of output {shape}, got {asked}"
            )
        return asked % len(shape)
    if len(shape) == len(inputs.shape) and shape[inputs.axis] == n:
        return inputs.axis
    matching = [a for a, size in enumerate(shape) if size == n]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise UndecidedError(
            "shape change", f"input {inputs.shape} gave output {shape}: no axis of length n = {n} is left"
        )
    if inputs.axis in matching and len(shape) > len(inputs.shape):
        return inputs.axis
    raise UndecidedError(
        "shape change", f"output {shape} has {len(matching)} axes of length n = {n}: name one, --output-axis"
    )


def check_callable(
    function: Callable[[Any], Any],
    n: int,
    *,
    shape: str = "n",
    dtype: str = "float64",
    vocab: int = 16,
    seed: int = 0,
    budget: float = 12.0,
    output_axis: int | None = None,
    map_size: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Decide whether a NumPy function, or any callable from array to array, is causal, in this process.

    What `function` raises comes through; every other way of failing is an undecided report with its `outcome`.

    Args:
        function: given a fresh array of `shape` and `dtype`; of a tuple it returns, the first array is checked.
        n: sequence length.
        shape: sizes and one letter n, the sequence axis.
        dtype: of the input; integers are tokens in [0, vocab).
        seed: of every input drawn.
        budget: seconds for the search; what it does not suffice for is reported.
        output_axis: sequence axis of the output, where it cannot be told from the lengths.
        map_size: blocks per side of a heat map to add, 0 for none.

    >>> check_callable(np.cumsum, 32).verdict
    'causal'
    >>> report = check_callable(lambda x: x + 1e-9 * np.roll(x, -1), 32)
    >>> report.verdict, report.witness.output, report.witness.input
    ('not causal', 0, 1)
    """
    try:
        inputs = Inputs.of(shape, n, dtype, vocab, seed)
        if carrier_of(dtype) != dtype:
            raise UndecidedError("bad input", f"dtype: NumPy has no {dtype}")
    except UndecidedError as error:
        return Report(UNDECIDED, "none", error.message, error.outcome, seed=seed)
    model = ArrayModel(function)
    return check_model(model, inputs, budget=budget, output_axis=output_axis, map_size=map_size, progress=progress)


def check_model(
    model: Model,
    inputs: Inputs,
    *,
    budget: float = 12.0,
    output_axis: int | None = None,
    map_size: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """As `check_callable`, for a `Model` and its `Inputs`."""
    started = time.monotonic()
    observe = Observed(model, inputs, output_axis)
    notes: list[str] = []
    search: Search | None = None
    common: dict[str, Any] = {"n": inputs.n, "shape": inputs.shape, "dtype": inputs.dtype, "seed": inputs.seed}
    try:
        constant = settle_state(observe, inputs, notes)
        while True:
            left = max(budget - (time.monotonic() - started), budget / 4)
            search = Search(observe, inputs, model.dtypes[0], inputs.seed, left, left / 4, progress)
            found = search.run()
            if observe.always_fresh or unchanged(observe, inputs):
                break
            remember_state(observe, inputs, notes)
        if model.count > 1:
            notes.append(f"the first of the {model.count} arrays returned was checked")
        report = conclude(search, found, constant)
        if map_size:
            report = replace(report, map=heat_map(observe, inputs, map_size))
    except (UndecidedError, SandboxError) as error:
        outcome = error.outcome if isinstance(error, UndecidedError) else error.outcome.value
        report = Report(UNDECIDED, "none", error.message, outcome)
        if search:
            report = with_counts(report, search)
    return replace(
        report,
        forwards=observe.forwards,
        seconds=round(time.monotonic() - started, 3),
        notes=(*notes, *report.notes),
        **common,
    )


def settle_state(observe: Observed, inputs: Inputs, notes: list[str]) -> bool:
    """Make sure that equal inputs give equal outputs, from a fresh start at every call if need be.

    Returns whether the output is the same for all inputs tried.
    """
    rng = np.random.default_rng(inputs.seed)
    base, donor = inputs.draw(0, rng)
    first, second, again = observe(base), observe(donor), observe(base)
    agrees = same_to_rounding(first, again, observe)
    suspect = first.tobytes() == second.tobytes()
    if agrees and (suspect or observe.model.restart_seconds < LONG_RESTART) and observe.model.fresh():
        agrees = same_to_rounding(second, observe(donor), observe)
    if not agrees:
        remember_state(observe, inputs, notes)
        first, second = observe(base), observe(donor)
    return first.tobytes() == second.tobytes()


def unchanged(observe: Observed, inputs: Inputs) -> bool:
    """Whether the model, after all its calls, still gives what it gives when fresh."""
    base, _ = inputs.draw(0, np.random.default_rng(inputs.seed))
    late = observe(base)
    if observe.model.restart_seconds >= LONG_RESTART or not observe.model.fresh():
        return True
    return same_to_rounding(late, observe(base), observe)


def remember_state(observe: Observed, inputs: Inputs, notes: list[str]) -> None:
    """The model depends on its earlier calls: from now on each call is its first. What then still varies is random."""
    if not observe.model.fresh():
        raise UndecidedError(
            "random",
            "the same input gave different outputs: the callable is random or keeps state between calls "
            "(if it has a training mode, call .eval() on it first)",
        )
    base, _ = inputs.draw(0, np.random.default_rng(inputs.seed))
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


def same_to_rounding(y: np.ndarray, z: np.ndarray, observe: Observed) -> bool:
    """Equal, or apart by what the order of a threaded sum may change."""
    if y.tobytes() == z.tobytes():
        return True
    if not (np.isfinite(y).all() and np.isfinite(z).all()):
        return bool(np.array_equal(y, z, equal_nan=True))
    u = unit_roundoff(observe.model.dtypes[0])
    return float(np.abs(wide(y) - wide(z)).max()) <= 64 * u * scale(y, z)


def conclude(search: Search, found: Found | None, constant: bool) -> Report:
    """The report of a finished search."""
    inputs = search.inputs
    if found:
        return with_counts(
            Report(
                NOT_CAUSAL,
                "measured: response above the noise floor",
                f"output {found.output} changes by {found.size:.3g} when input {found.input} changes by "
                f"{found.change:.3g}; the noise floor there is {found.floor:.1e}",
                witness=found,
            ),
            search,
        )
    if inputs.n == 1:
        return with_counts(Report(CAUSAL, "proved", "a sequence of length 1 has no future"), search)
    if search.identical:
        evidence = "measured: bit-identical"
        reason = "the past is bit-identical under changed futures"
    else:
        evidence = "measured: causal to rounding"
        reason = (
            f"changed futures move the past by at most {search.worst.response:.1e} of the output's size, within the "
            f"floor {search.worst.floor:.1e} that its rounding noise {search.worst.noise:.1e} sets"
        )
    total = inputs.n - 1
    if len(search.tested) == total:
        reason += f", at all {total} cuts"
    else:
        reason += (
            f", at {len(search.tested)} of {total} cuts: a dependence on an input {search.gap} or more places "
            "ahead would have been seen, a nearer one only where it crosses a tested cut; a larger --budget tests more"
        )
    if constant:
        reason = f"constant: the output never changed with the input; {reason}"
    return with_counts(Report(CAUSAL, evidence, reason), search)


def with_counts(report: Report, search: Search) -> Report:
    return replace(
        report,
        cuts_tested=len(search.tested),
        cuts_total=search.inputs.n - 1,
        gap=search.gap,
        rounds=search.rounds,
        response=search.worst.response,
        floor=search.worst.floor,
        noise=search.worst.noise,
        notes=tuple(search.notes),
    )
