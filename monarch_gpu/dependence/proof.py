"""Is it proved that no output depends on a later input, for all inputs and all weights, at this length?

The module is exported to a graph of ATen operators, and every element of every tensor in it is given a superset of the
input positions it may depend on, by the rules of `monarch_theory.leaks.dependence`. If no output's set leaves what the
contract allows, that is a proof. If one does, it is no disproof: the rules may have been too coarse.

Where a mask of finite numbers is what is missing, there may be a proof under a condition: as long as the scores that it
is added to stay within a bound, which is stated with the place in the model. That is never called proved. With the
weights as they are it can be decided how large those scores can be, whatever comes in (`magnitudes`): where that is
within the bound at every place, it is proved for all inputs *at these weights*, which is not for all weights. The same
is asked of weights that may be anything up to a size: the largest power of ten for which it is so, if these weights are
within it, makes the proof one *for bounded weights*, all that are no larger.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.export import ExportedProgram, default_decompositions
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from monarch_gpu.dependence.entries import SHORT, Condition, Entry, Supposition, described, near_overflow
from monarch_gpu.dependence.faithful import copied, strays
from monarch_gpu.dependence.interpret import Interpretation, has_unknown_sizes
from monarch_gpu.dependence.magnitudes import Magnitudes, free
from monarch_gpu.dependence.nan import end_of_nan
from monarch_gpu.dependence.table import Value, plain
from monarch_theory.leaks.contracts import Contract, causal
from monarch_theory.leaks.dependence import Dependence, Lattice, interval, latest, sets, source, unknown
from monarch_theory.leaks.dependence.certificate import certificate
from monarch_theory.leaks.dependence.record import recording
from monarch_theory.leaks.dependence.spectrum import Spectrum
from monarch_theory.leaks.dependence.value import joined
from monarch_theory.sandbox.loading import torch_modules

__all__ = ["FIXED", "Entry", "NoCertificateError", "Proof", "certify", "certify_causal", "prove", "prove_causal"]

FIXED = "fixed"
"""An input that is taken at its value."""

WHOLE = (
    "lstm.input", "gru.input", "rnn_tanh.input", "rnn_relu.input", "scaled_dot_product_attention.default",
    "softplus.default", "logsumexp.default",
)  # fmt: skip
"""Operators kept whole, as they have rules of their own."""

SHARP = 2048
PIECE = 1 << 22
MASK = "finite mask"
OVERFLOW = "infinities and NaN that arise on the way, by overflow or division by zero, other than those a mask puts"
EXCLUDES = (
    "inputs that are not finite",
    OVERFLOW,
    "rounding: the claim is about the function over the real numbers",
)
UNDERFLOW = "weights of a softmax below e^-1000, which count as 0 as they do in every floating-point format"
PROVED, CONDITIONALLY = "proved", "proved under a condition"
BOUNDED, AT_WEIGHTS = "proved for bounded weights", "proved at these weights"
NOT_PROVED = "not proved"
LARGEST = 64
"""Of weights up to this power of ten it is asked whether they are small enough."""
REACH = 1e6
"""How large floating-point inputs may be, where how large scores can be is asked."""
OVERFLOWING = (
    "; and for all finite inputs and all weights short of overflow, where these numbers stay "
    f"{SHORT:g} times below the largest of their format"
)
FINITE = (
    "a mask of finite values gives weights that are 0 only where scores stay within a bound; with -inf in their place "
    "there would be no condition"
)
PLACES = 3
"""So many places of a condition are named in a sentence."""
Allowed = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Whether output i may depend on input j, from arrays of i and j that broadcast."""


@dataclass(frozen=True)
class Proof:
    """What the rules say about one module at one length.

    Attributes:
        verdict: `proved` (for all inputs and all weights), `proved for bounded weights` (for all inputs, and all
            weights up to `weights_within`), `proved at these weights` (for all inputs), `proved under a condition` or
            `not proved`. The last is no statement that anything leaks.
        conditions: under which it is proved. Without them it is not, as the fields that follow say. At these weights
            all of them are met by all inputs.
        pair: the first output and the first forbidden input of it that could not be excluded.
        furthest: the latest such input of that output.
        entry: where that dependence enters.
        reason: why nothing was proved, or not without a condition, in a word: `dependence`, `finite mask`, `export`,
            `size`, `no output`.
        detail: the same in a sentence.
        outputs: the outputs that were judged, along `output_axes`; `unjudged` those without a sequence axis.
        without_rule: operators taken to depend on everything, and why.
        random: operators that draw random numbers, which count as weights.
        weights, buffers: how many parameters the claim holds for all values of, or at their values, and how many
            buffers and constants it takes at their value.
        weights_within: all weights that are no larger than this meet the conditions, these among them; None where that
            is so of no power of ten.
        precision: the formats in which it was found how large numbers can be.
        reach: floating-point inputs are taken to be no larger, for that alone; None where there are none.
        unbounded: the first place where numbers may have no bound, which keeps a condition from being met.
        ends_nan: the first place where a NaN that an input holds may become a number, which then may tell of inputs
            that a known zero hides; None where every NaN stays one.
        by_format: whether it rests on finite numbers being no larger than the largest of their format.
    """

    verdict: str
    n: int
    contract: str
    conditions: tuple[Condition, ...] = ()
    pair: tuple[int, int] | None = None
    furthest: int | None = None
    entry: Entry | None = None
    reason: str = ""
    detail: str = ""
    outputs: tuple[str, ...] = ()
    output_axes: tuple[int, ...] = ()
    unjudged: tuple[str, ...] = ()
    without_rule: Mapping[str, str] = field(default_factory=dict)
    random: tuple[str, ...] = ()
    weights: int = 0
    buffers: int = 0
    excludes: tuple[str, ...] = EXCLUDES
    precision: str = ""
    reach: float | None = None
    unbounded: Entry | None = None
    ends_nan: Entry | None = None
    weights_within: float | None = None
    by_format: bool = False

    @property
    def proved(self) -> bool:
        """Whether the verdict is `proved`, for all weights and without a condition."""
        return self.verdict == PROVED

    @property
    def supposing(self) -> bool:
        """Whether it rests on how large scores can be."""
        return UNDERFLOW in self.excludes

    @property
    def at_these_weights(self) -> bool:
        """Whether it is proved for all inputs at the weights as they are, and others maybe, but not for all weights."""
        return self.verdict in (AT_WEIGHTS, BOUNDED)

    @property
    def conditional(self) -> bool:
        """Whether it is proved under a condition, and not without."""
        return self.verdict == CONDITIONALLY

    @property
    def short_of_overflow(self) -> bool:
        """Whether it is proved for all inputs and weights for which no score comes within a factor of 8 of overflow.

        Overflow is excluded of every proof. The least number of a format, as a mask, needs that much more.
        """
        kinds = (BOUNDED, AT_WEIGHTS, CONDITIONALLY)
        return self.verdict in kinds and all(c.overflow for c in self.conditions)

    @property
    def claim(self) -> str:
        """What is proved, in a sentence, with the condition if there is one."""
        return self._claim + (OVERFLOWING if self.short_of_overflow else "")

    @property
    def _claim(self) -> str:
        if self.at_these_weights:
            return (
                f"{self.contract} at n = {self.n}, for all finite inputs{self._reach} {self._values} "
                f"{self.weights} weights in {self.precision}, at which the numbers that meet a mask of finite "
                f"values{self._margin}, "
                f"with {self.buffers} buffers and constants at their value"
            )
        return (
            f"{self.contract} at n = {self.n}, for all finite inputs and all values of {self.weights} weights"
            f"{self._condition}, with {self.buffers} buffers and constants at their value"
        )

    @property
    def _condition(self) -> str:
        if not self.conditions:
            return ""
        bound = min(c.bound for c in self.conditions)
        return f" for which the numbers that meet a mask of finite values stay within ±{bound:.3g} ({self._places})"

    @property
    def _places(self) -> str:
        places = list(dict.fromkeys(c.entry.place for c in self.conditions))
        more = [f"{len(places) - PLACES} places more"] if len(places) > PLACES else []
        return f"at {'; '.join(places[:PLACES] + more)}"

    @property
    def _reach(self) -> str:
        return "" if self.reach is None else f" up to ±{self.reach:.3g}"

    @property
    def _values(self) -> str:
        if self.weights_within is None:
            return "at these values of"
        return f"and all values up to ±{self.weights_within:.3g} of"

    @property
    def _margin(self) -> str:
        nearest = max(self.conditions, key=lambda c: c.reached / c.bound)
        return f" reach ±{nearest.reached:.3g} at most, of ±{nearest.bound:.3g} that they may ({self._places})"


class NoCertificateError(ValueError):
    """What is proved, or was asked, is not of the kind that certificates are for."""


class OfFunction(nn.Module):
    """A function as a module, which is what can be exported.

    Modules that the function closes over, names or holds are its own, so that their parameters are weights, as they are
    of a module, and no constants.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        for name, held in torch_modules(function):
            if isinstance(held, nn.Module) and not isinstance(held, torch.jit.ScriptModule):
                self.add_module(_free_name(self, name), held)
        self.function = named_forward(function)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def _free_name(module: nn.Module, name: str) -> str:
    """The name, of which a module has no attribute."""
    name = name.replace(".", "_") or "held"
    while hasattr(module, name) or name == "function":
        name += "_"
    return name


def as_module(function: Callable[..., Any]) -> nn.Module:
    """A function as a module of its name, by which places in the graph are told."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    named = inner if hasattr(inner, "__name__") else type(inner)
    return type(named.__name__, (OfFunction,), {"__module__": named.__module__})(function)


def named_forward(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function by the name `forward`: of the lines that run, torch notes those of functions of that name."""
    if isinstance(function, functools.partial):
        return functools.partial(named_forward(function.func), *function.args, **function.keywords)
    if not isinstance(function, FunctionType | MethodType):
        call = type(function).__call__
        return named_forward(MethodType(call, function)) if isinstance(call, FunctionType) else function
    if isinstance(function, MethodType):
        return MethodType(named_forward(function.__func__), function.__self__)
    code = function.__code__.replace(co_name="forward")
    again = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    again.__kwdefaults__ = function.__kwdefaults__
    return again


def prove_causal(
    module: Callable[..., Any],
    args: Sequence[Any],
    sequence_axes: Sequence[int | str | None] | int,
    kwargs: Mapping[str, Any] | None = None,
    output_axes: Sequence[int | None] | None = None,
    reach: float = REACH,
) -> Proof:
    """Prove that output i depends on no input after i.

    Args:
        module: a module, or a function of tensors, in the mode it is to be judged in.
        args, kwargs: an example of its arguments; only shapes and dtypes count, unless an axis is `FIXED`.
        sequence_axes: for each tensor among the arguments, in order, the axis of the sequence; None for one that has
            none (any value, one for the whole sequence), `FIXED` for one to be taken at its value. One number for all.
        output_axes: the same for every tensor that is returned. Where not given, an axis of the sequence's length: that
            of the first input, or else the only one.
        reach: as of `prove`.

    Raises:
        ValueError: an axis that is none, or sequences of different lengths.

    >>> prove_causal(lambda x: x.cumsum(1), [torch.zeros(1, 8, 4)], 1).verdict
    'proved'
    >>> prove_causal(lambda x: x - x.mean(1, keepdim=True), [torch.zeros(1, 8, 4)], 1).pair
    (0, 1)
    """
    causal = "causal", lambda i, j: j <= i
    return prove(module, args, sequence_axes, *causal, latest, kwargs=kwargs, output_axes=output_axes, reach=reach)


def prove(
    module: Callable[..., Any],
    args: Sequence[Any],
    sequence_axes: Sequence[int | str | None] | int,
    contract: str,
    allowed: Allowed,
    lattice: Callable[[int], Lattice] = interval,
    *,
    kwargs: Mapping[str, Any] | None = None,
    output_axes: Sequence[int | None] | None = None,
    reach: float = REACH,
) -> Proof:
    """Prove that every output depends on nothing but what a contract allows it.

    Args:
        contract: what is to be proved, in a word or two.
        allowed: whether output i may depend on input j, from arrays of i and j.
        lattice: `latest`, `interval` or `sets`: the coarser, the faster. Where a coarse one proves nothing, sequences
            that are not too long are tried with `sets`.
        reach: how large floating-point inputs may be, where it is asked how large scores can be at the weights as they
            are. It limits no claim for all weights.

    >>> window = lambda i, j: (j <= i) & (j > i - 3)
    >>> causal_filter = torch.nn.Conv1d(4, 4, 3)
    >>> padded = lambda x: causal_filter(torch.nn.functional.pad(x, (2, 0)))
    >>> prove(padded, [torch.zeros(1, 4, 16)], 2, "a window of 3", window).verdict
    'proved'

    Raises:
        ValueError: as `prove_causal`.
    """
    question = posed(module, args, sequence_axes, contract, allowed, kwargs, output_axes, reach)
    return answered(question, lattice)


def posed(
    module: Callable[..., Any],
    args: Sequence[Any],
    sequence_axes: Sequence[int | str | None] | int,
    contract: str,
    allowed: Allowed,
    kwargs: Mapping[str, Any] | None = None,
    output_axes: Sequence[int | None] | None = None,
    reach: float = REACH,
    lengths: Sequence[int] = (),
    along: int | None = None,
) -> Question | Proof:
    """The graph and what is to be proved of it; what is said of it where there is no graph to ask.

    Args:
        lengths: how many outputs there may be, of which `allowed` says what they may depend on, where that is another
            number than that of the inputs.
        along: their axis, where it is known of all.

    Raises:
        ValueError: as `prove_causal`.
    """
    if not 0 < reach < np.inf:
        raise ValueError(f"reach: expected a positive number, got {reach}")
    given, named = _distinct(args, kwargs)
    tensors = [t for t in pytree.tree_leaves((given, named)) if isinstance(t, torch.Tensor)]
    axes = _checked_axes(tensors, sequence_axes)
    n = next(t.shape[a] for t, a in zip(tensors, axes, strict=True) if isinstance(a, int))
    untouched = copied(module)  # an export leaves tensors without numbers where a call leaves something
    try:
        program = exported(module, given, named)
    except Exception as error:
        return Proof(NOT_PROVED, n, contract, reason="export", detail=_first_line(error))
    taken = [t for t, a in zip(tensors, axes, strict=True) if a == FIXED]
    stray = strays(program, untouched, given, named, taken)
    if stray:
        return Proof(NOT_PROVED, n, contract, reason="export", detail=stray)
    if has_unknown_sizes(program.graph_module):
        return Proof(NOT_PROVED, n, contract, reason="size", detail="the size of some tensor depends on the data")
    return Question(program, tensors, axes, n, contract, allowed, output_axes, reach, tuple(lengths), along)


def answered(question: Question | Proof, lattice: Callable[[int], Lattice]) -> Proof:
    """What is proved of a question, in that lattice or in a sharper one."""
    if isinstance(question, Proof):
        return question
    n = question.n
    kinds = [lattice, sets] if n <= SHARP and lattice is not sets else [lattice]
    for kind in kinds:
        best = question.ask(kind(n), locate=kind is kinds[-1])
        if best.proved or best.reason != "dependence":
            return best
    for kind in kinds:
        found = question.ask(kind(n), supposing=True)
        if found.proved:
            return found
        if found.conditional or found.at_these_weights:
            by_format = question.ask(kind(n), by_format=True)
            if by_format.proved:
                return by_format
            return replace(found, pair=best.pair, furthest=best.furthest, entry=best.entry, reason=MASK, detail=FINITE)
        if found.reason == MASK:
            return replace(best, reason=MASK, detail=found.detail)
        if not found.conditions:
            break
    return best


def certify_causal(
    module: Callable[..., Any],
    args: Sequence[Any],
    sequence_axes: Sequence[int | str | None] | int,
    kwargs: Mapping[str, Any] | None = None,
    output_axes: Sequence[int | None] | None = None,
) -> dict[str, Any]:
    """The certificate of a proof of causality, to be written as JSON; arguments are those of `prove_causal`.

    Raises:
        ValueError: as `certify`.

    >>> from monarch_theory.leaks.dependence.recheck import recheck
    >>> recheck(certify_causal(lambda x: x.cumsum(1), [torch.zeros(1, 8, 4)], 1))
    'causal at n = 8'
    """
    given, named = _distinct(args, kwargs)
    tensors = [t for t in pytree.tree_leaves((given, named)) if isinstance(t, torch.Tensor)]
    axes = _checked_axes(tensors, sequence_axes)
    n = next(t.shape[a] for t, a in zip(tensors, axes, strict=True) if isinstance(a, int))
    return certify(module, args, sequence_axes, causal(n), kwargs, output_axes)


def certify(
    module: Callable[..., Any],
    args: Sequence[Any],
    sequence_axes: Sequence[int | str | None] | int,
    contract: Contract,
    kwargs: Mapping[str, Any] | None = None,
    output_axes: Sequence[int | None] | None = None,
) -> dict[str, Any]:
    """The certificate of a proof that a contract is kept which allows every output inputs in a row.

    Raises:
        NoCertificateError: the contract is another, or the proof needs whole sets of inputs.
        ValueError: as `prove`, or there is no proof.
    """
    in_a_row(contract)
    question = posed(module, args, sequence_axes, contract.name, contract.allowed, kwargs, output_axes)
    proof = answered(question, lattice_for(contract))
    if isinstance(question, Proof) or not (proof.proved or proof.at_these_weights or proof.conditional):
        raise ValueError(f"module: expected one that is proved {contract.name}, got {proof.reason}: {proof.detail}")
    return certified(question, contract, supposing=proof.supposing, by_format=proof.by_format)


def certified(question: Question, contract: Contract, supposing: bool, by_format: bool = False) -> dict[str, Any]:
    """The certificate of a question that was answered with a proof.

    Raises:
        NoCertificateError: as `certify`.
    """
    start, stop = in_a_row(contract)
    lattice = lattice_for(contract)
    found = question.ask(lattice(question.n), supposing and not by_format, by_format=by_format)
    if not (found.proved or found.at_these_weights or found.conditional):
        raise NoCertificateError(f"module: expected a proof in the lattice {lattice.__name__}, got {found.detail}")
    return question.certificate(stop, supposing and not by_format, None if contract.ordered else start, by_format)


def in_a_row(contract: Contract) -> tuple[np.ndarray, np.ndarray]:
    """The first input that each output may see, and the one after the last, each (n,).

    Raises:
        NoCertificateError: there are gaps between those it may see, or not as many outputs as inputs.
    """
    if contract.columns is not None:
        raise NoCertificateError(f"contract: expected one of as many outputs as inputs, got {contract.name}")
    start, stop = contract.ends()
    if start is None:
        raise NoCertificateError(f"contract: expected one that allows inputs in a row, got {contract.name}")
    return start, stop


def lattice_for(contract: Contract) -> Callable[[int], Lattice]:
    """The coarsest lattice that can tell what the contract allows."""
    return latest if contract.ordered else interval


def _distinct(args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, a tensor that is given twice copied: the graph would take both for one."""
    seen: set[int] = set()

    def once(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or id(leaf) not in seen:
            seen.add(id(leaf))
            return leaf
        return leaf.clone()

    return pytree.tree_map(once, (tuple(args), dict(kwargs or {})))


def _checked_axes(tensors: Sequence[torch.Tensor], axes: Sequence[int | str | None] | int) -> list[int | str | None]:
    given: list[int | str | None] = [axes] * len(tensors) if isinstance(axes, int) else list(axes)
    if len(given) != len(tensors):
        raise ValueError(f"sequence_axes: expected one for each of {len(tensors)} tensors, got {len(given)}")
    lengths = set()
    for index, (tensor, axis) in enumerate(zip(tensors, given, strict=True)):
        if axis is None or axis == FIXED:
            continue
        if not isinstance(axis, int) or not -tensor.ndim <= axis < tensor.ndim:
            raise ValueError(
                f"sequence_axes: expected an axis of {tuple(tensor.shape)}, None or {FIXED!r}, got {axis!r}"
            )
        given[index] = axis % tensor.ndim
        lengths.add(tensor.shape[axis])
    if len(lengths) != 1:
        found = ", ".join(map(str, sorted(lengths))) or "none"
        raise ValueError(f"sequence_axes: expected sequences of one length, got {found}")
    return given


def exported(module: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> ExportedProgram:
    """The graph of ATen operators, without mutation; recurrences and attention are kept whole."""
    if not isinstance(module, nn.Module):
        module = as_module(module)
    table = default_decompositions()
    for name in WHOLE:
        packet, overload = name.split(".")
        table.pop(getattr(getattr(torch.ops.aten, packet), overload), None)
    with torch.no_grad(), warnings.catch_warnings(), unwound():
        warnings.simplefilter("ignore")
        return torch.export.export(module, args, kwargs, strict=False).run_decompositions(table)


@contextmanager
def unwound() -> Iterator[None]:
    """Levels of `vmap` and the like in which an export fails, and which torch does not leave, are left.

    >>> with unwound():
    ...     _ = torch._C._functorch._vmap_increment_nesting(2, "error")
    >>> torch.rand(1).shape
    torch.Size([1])
    """
    depth = torch._C._functorch.get_dynamic_layer_stack_depth()
    try:
        yield
    finally:
        torch._C._functorch.pop_dynamic_layer_stack_and_undo_to_depth(depth)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


@dataclass(frozen=True)
class Question:
    """One graph, and what is to be proved of it."""

    program: ExportedProgram
    tensors: Sequence[torch.Tensor]
    axes: Sequence[int | str | None]
    n: int
    contract: str
    allowed: Allowed
    output_axes: Sequence[int | None] | None
    reach: float = REACH
    outputs: Sequence[int] = ()
    along: int | None = None

    @property
    def lengths(self) -> Sequence[int]:
        """How many outputs there may be."""
        return self.outputs or (self.n,)

    def ask(self, lattice: Lattice, supposing: bool = False, locate: bool = False, by_format: bool = False) -> Proof:
        """One pass; where nothing is proved, a second that finds where the dependence enters, if that is wanted.

        Args:
            supposing: whether scores that meet a mask of finite values are supposed to stay within a bound.
            by_format: whether they are within the largest number of their format instead, which supposes nothing.
        """
        interpretation = Interpretation(lattice, supposing, by_format=by_format)
        outputs = self._outputs(interpretation.run(self.program.graph_module, self._inputs(interpretation)))
        judged = {name: _at_positions(value, axis) for name, value, axis in outputs if axis is not None}
        weights, buffers = self._counts()
        common: dict[str, Any] = {
            "n": self.n,
            "contract": self.contract,
            "outputs": tuple(judged),
            "output_axes": tuple(axis for _, _, axis in outputs if axis is not None),
            "unjudged": tuple(name for name, _, axis in outputs if axis is None),
            "without_rule": interpretation.without_rule,
            "random": tuple(sorted(interpretation.random)),
            "weights": weights,
            "buffers": buffers,
            "ends_nan": self._ends_nan(),
        }
        if not judged:
            detail = f"no output has an axis of {' or '.join(map(str, self.lengths))} positions"
            return Proof(NOT_PROVED, reason="no output", detail=detail, **common)
        found = [(pair, name) for name, at in judged.items() if (pair := self._violation(lattice, at)) is not None]
        if not found:
            if not interpretation.suppositions:
                excludes = (*EXCLUDES, UNDERFLOW) if supposing or by_format else EXCLUDES
                return Proof(PROVED, excludes=excludes, by_format=by_format, **common)
            return self._under_conditions(interpretation.suppositions, common)
        (i, j, last), name = min(found)
        entry = self._entry(lattice, name, i, last) if locate and self.lengths == (self.n,) else None
        detail = f"output {i} of {name} may depend on input {j}"
        supposed = tuple(Condition(described(s.node), s.bound) for s in interpretation.suppositions)
        return Proof(
            NOT_PROVED, conditions=supposed, pair=(i, j), furthest=last, entry=entry, reason="dependence",
            detail=detail, **common,
        )  # fmt: skip

    def _under_conditions(self, suppositions: Sequence[Supposition], common: Mapping[str, Any]) -> Proof:
        """What is proved under conditions: for all inputs, if these weights meet them; nothing, if no input may."""
        sizes, example = self._magnitudes(suppositions, None), self._magnitudes(suppositions, self.tensors)
        conditions = tuple(
            Condition(
                described(s.node), s.bound, sizes.found.get((s.node, s.place), np.inf),
                None if (s.node, s.place) in example.free else example.found.get((s.node, s.place)),
                near_overflow(s),
            )
            for s in suppositions
        )  # fmt: skip
        common = {**common, "conditions": conditions, "unbounded": sizes.unbounded}
        if all(c.met for c in conditions):
            kept = EXCLUDES if sizes.unbounded else tuple(e for e in EXCLUDES if e != OVERFLOW)
            floats = [t for t, a in zip(self.tensors, self.axes, strict=True) if a != FIXED and t.is_floating_point()]
            reach = self.reach if floats else None
            common |= {"excludes": (*kept, UNDERFLOW), "precision": self._precision(), "reach": reach}
            return self._for_bounded_weights(suppositions, common) or Proof(AT_WEIGHTS, **common)
        broken = next((c for c in conditions if c.example is not None and not c.example <= c.bound), None)
        if broken is not None:
            detail = (
                f"numbers that meet a mask of finite values would have to stay within ±{broken.bound:.3g} at "
                f"{broken.entry.place}, and reach {broken.example:.3g} for the example itself"
            )
            return Proof(NOT_PROVED, reason=MASK, detail=detail, **common)
        return Proof(CONDITIONALLY, excludes=(*EXCLUDES, UNDERFLOW), **common)

    def _for_bounded_weights(self, suppositions: Sequence[Supposition], common: Mapping[str, Any]) -> Proof | None:
        """The proof for all weights up to the largest power of ten that keeps to the conditions, if these are so."""
        sizes_of = [float(t.detach().abs().max()) for t in self._weights() if t.numel()]
        own = np.max(sizes_of) if sizes_of else np.inf
        least = next((power for power in range(LARGEST + 1) if own <= 10.0**power), LARGEST + 1)  # of NaN none
        found, low, high = None, least, LARGEST
        while low <= high:
            power = (low + high) // 2
            sizes = self._magnitudes(suppositions, None, 10.0**power)
            reached = [sizes.found.get((s.node, s.place), np.inf) for s in suppositions]
            if all(size <= s.bound for size, s in zip(reached, suppositions, strict=True)):
                found, low = (10.0**power, reached, sizes.unbounded), power + 1
            else:
                high = power - 1
        if found is None:
            return None
        within, reached, unbounded = found
        conditions = tuple(replace(c, reached=size) for c, size in zip(common["conditions"], reached, strict=True))
        overflow = () if unbounded is None or OVERFLOW in common["excludes"] else (OVERFLOW,)
        return Proof(BOUNDED, **{
            **common, "conditions": conditions, "unbounded": unbounded, "weights_within": within,
            "excludes": (*overflow, *common["excludes"]),
        })  # fmt: skip

    def _weights(self) -> list[torch.Tensor]:
        """What a claim is for all values of, but for booleans, which are no larger than 1."""
        held = [(spec.kind, self._held(spec.target)) for spec in self.program.graph_signature.input_specs]
        return [t for kind, t in held if _is_weight(kind, t) and t.dtype != torch.bool]

    def _magnitudes(
        self, suppositions: Sequence[Supposition], given: Sequence[torch.Tensor] | None, weights: float | None = None
    ) -> Magnitudes:
        """How large numbers can be: for all inputs, or for those that are given.

        Args:
            weights: how large weights can be; by default they are at their values.
        """
        magnitudes = Magnitudes([(s.node, s.place) for s in suppositions])
        user, values = iter(self._arguments()), list[Any]()
        for spec in self.program.graph_signature.input_specs:
            if spec.kind != InputKind.USER_INPUT:
                value = self._held(spec.target)
                if weights is not None and _is_weight(spec.kind, value):
                    values.append(free(value.shape, value.dtype, weights))
                else:
                    values.append(value.detach() if isinstance(value, torch.Tensor) else value)
                continue
            argument, axis = next(user)
            known = not isinstance(argument, torch.Tensor) or axis == FIXED or given is not None
            values.append(argument if known else free(argument.shape, argument.dtype, self.reach))
        magnitudes.run(self.program.graph_module, values)
        return magnitudes

    def _ends_nan(self) -> Entry | None:
        """The first place where a NaN of an input may become a number."""
        given = [isinstance(a, torch.Tensor) and axis != FIXED for a, axis in self._arguments()]
        user, inputs = iter(given), list[bool]()
        for spec in self.program.graph_signature.input_specs:
            inputs.append(spec.kind == InputKind.USER_INPUT and next(user))
        node = end_of_nan(self.program.graph_module, inputs)
        return None if node is None else described(node)

    def _held(self, name: Any) -> Any:
        """A parameter, a buffer or a constant, by its name."""
        held = self.program.state_dict.get(name)
        return self.program.constants.get(name) if held is None else held

    def _precision(self) -> str:
        """The formats of what is held, or of the inputs where nothing is."""
        held = [*self.program.state_dict.values(), *self.tensors]
        formats = {str(t.dtype).removeprefix("torch.") for t in held if t.is_floating_point()}
        return " and ".join(sorted(formats)) or "integers"

    def certificate(
        self,
        stop: np.ndarray | None = None,
        supposing: bool = False,
        start: np.ndarray | None = None,
        by_format: bool = False,
    ) -> dict[str, Any]:
        """Every rule that was applied, with its claims, of a graph that was proved.

        Args:
            stop: output i may depend on inputs 0 … stop[i] − 1, (n,); by default i + 1.
            supposing, by_format: as in `ask`.
            start: and on none before start[i], (n,); then in the lattice `interval`, else in `latest`.
        """
        stop = causal(self.n).stop if stop is None else stop
        nodes: list[str] = []
        with recording() as applied:

            def visit(node: fx.Node, value: Any) -> None:
                nodes.extend([node.name] * (len(applied) - len(nodes)))

            lattice = latest(self.n) if start is None else interval(self.n)
            interpretation = Interpretation(lattice, supposing, visit, by_format)
            returned = interpretation.run(self.program.graph_module, self._inputs(interpretation))
            outputs = [(name, v, axis) for name, v, axis in self._outputs(returned) if axis is not None]
        nodes.extend(["output"] * (len(applied) - len(nodes)))
        claim = f"{self.contract} at n = {self.n}"
        return certificate(list(zip(nodes, applied, strict=True)), outputs, self.n, claim, stop, start)

    def _inputs(self, interpretation: Interpretation) -> list[Any]:
        """The abstract value of every placeholder."""
        program, lattice = self.program, interpretation.lattice
        user, values = iter(self._arguments()), []
        for spec in program.graph_signature.input_specs:
            if spec.kind == InputKind.USER_INPUT:
                values.append(self._input(interpretation, *next(user)))
                continue
            tensor = self._held(spec.target)
            if not isinstance(tensor, torch.Tensor):
                values.append(tensor)
            elif _is_weight(spec.kind, tensor):
                values.append(unknown(lattice, tensor.shape))
            else:
                values.append(interpretation.constant(tensor))
        return values

    def _arguments(self) -> list[tuple[Any, int | str | None]]:
        """Every argument in the order of the graph, which may reorder keywords, with its axis."""
        rest, found = list(zip(self.tensors, self.axes, strict=True)), []
        for argument in pytree.tree_leaves(self.program.example_inputs):
            place = next((k for k, (tensor, _) in enumerate(rest) if tensor is argument), None)
            found.append((argument, None if place is None else rest.pop(place)[1]))
        return found

    def _input(self, interpretation: Interpretation, argument: Any, axis: int | str | None) -> Any:
        if not isinstance(argument, torch.Tensor):
            return argument
        if axis == FIXED:
            return interpretation.constant(argument)
        lattice = interpretation.lattice
        return source(lattice, argument.shape, axis) if isinstance(axis, int) else unknown(lattice, argument.shape)

    def _counts(self) -> tuple[int, int]:
        kinds = [spec.kind for spec in self.program.graph_signature.input_specs]
        weights = kinds.count(InputKind.PARAMETER)
        return weights, kinds.count(InputKind.BUFFER) + kinds.count(InputKind.CONSTANT_TENSOR)

    def _outputs(self, returned: Sequence[Any]) -> list[tuple[str, Dependence, int | None]]:
        """Name, value and sequence axis of every tensor that is returned."""
        specs = self.program.graph_signature.output_specs
        values = [v for v, s in zip(returned, specs, strict=True) if s.kind == OutputKind.USER_OUTPUT]
        tree = pytree.tree_unflatten(list(range(len(values))), self.program.call_spec.out_spec)
        names = {leaf: pytree.keystr(path) or "output" for path, leaf in pytree.tree_flatten_with_path(tree)[0]}
        tensors = [(names[k], plain(v)) for k, v in enumerate(values) if isinstance(v, Value)]
        if self.output_axes is None:
            return [(name, v, self._default_axis(v.shape)) for name, v in tensors]
        if len(self.output_axes) != len(tensors):
            raise ValueError(
                f"output_axes: expected one for each of {len(tensors)} outputs, got {len(self.output_axes)}"
            )
        return [(name, v, axis) for (name, v), axis in zip(tensors, self.output_axes, strict=True)]

    def _default_axis(self, shape: Sequence[int]) -> int | None:
        if self.along is not None:
            fits = -len(shape) <= self.along < len(shape) and shape[self.along] in self.lengths
            return self.along % len(shape) if fits else None
        first = next(a for a in self.axes if isinstance(a, int))
        if len(shape) > first and shape[first] in self.lengths:
            return first
        fitting = [axis for axis, size in enumerate(shape) if size in self.lengths]
        return fitting[0] if len(fitting) == 1 else None

    def _violation(self, lattice: Lattice, elements: np.ndarray) -> tuple[int, int, int] | None:
        """The first output with a forbidden input, its first and its last; elements (outputs or 1, components)."""
        count = len(elements)
        step = max(1, PIECE // max(self.n, 1))
        for start in range(0, count, step):
            i = np.arange(start, min(start + step, count))[:, None]
            bad = lattice.members(elements[i[:, 0]]) & ~self.allowed(i, np.arange(self.n)[None])
            if bad.any():
                row = int(np.argmax(bad.any(axis=1)))
                where = np.flatnonzero(bad[row])
                return start + row, int(where[0]), int(where[-1])
        return None

    def _entry(self, lattice: Lattice, output: str, i: int, j: int) -> Entry | None:
        """The node nearest the inputs at which something that belongs to i comes to depend on j."""
        carrying: set[fx.Node] = set()

        def visit(node: fx.Node, value: Any) -> None:
            parts = value if isinstance(value, list | tuple) else [value]
            if any(_carries(part, i, j) for part in parts if isinstance(part, Value)):
                carrying.add(node)

        interpretation = Interpretation(lattice, visit=visit)
        interpretation.run(self.program.graph_module, self._inputs(interpretation))
        nodes = list(self.program.graph_module.graph.nodes)
        reached = set(nodes[-1].all_input_nodes) & carrying
        for node in reversed(nodes):
            if node in reached:
                reached |= set(node.all_input_nodes) & carrying
        entries = [n for n in nodes if n in reached and not set(n.all_input_nodes) & carrying and n.op != "placeholder"]
        return described(entries[0]) if entries else None


def _is_weight(kind: InputKind, held: Any) -> bool:
    """Whether what a graph holds may have any value, as what is trained may, and is not taken at its own."""
    tensor = isinstance(held, torch.Tensor)
    return tensor and (kind == InputKind.PARAMETER or isinstance(held, nn.Parameter) or held.requires_grad)


def _at_positions(value: Dependence, axis: int) -> np.ndarray:
    """What the outputs at each position along the axis may depend on together, (positions, components)."""
    others = tuple(k for k in range(len(value.shape)) if k != axis)
    elements = value.lattice.nothing(1)
    for term in joined(value, others):
        elements = value.lattice.join(elements, term.reshape(-1, value.lattice.components))
    return np.broadcast_to(elements, (value.shape[axis], value.lattice.components))


def _carries(value: Value, i: int, j: int) -> bool:
    """Whether an element that belongs to position i, or all of a tensor without positions, may depend on j."""
    signal = value.signal if isinstance(value, Spectrum) else value
    if not signal.terms:
        return False
    if signal.home is None:
        terms = joined(signal, range(len(signal.shape)))
    else:
        terms = joined(signal, range(len(signal.shape)), keep=signal.home == i)
    return any(bool(signal.lattice.members(t.reshape(-1, t.shape[-1]))[:, j].any()) for t in terms)
