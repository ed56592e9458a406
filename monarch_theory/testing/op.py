"""An op as data: what a kernel is called with, the exact answer, the error a right kernel may make, how it can fail.

Everything the checker knows about an op is in its `Op`. A user's own op is one short file:

    from monarch_theory.rounding import BOUND_SLACK, exactly, add, store
    from monarch_theory.testing.op import Op

    OP = Op(
        name="add",
        summary="elementwise sum",
        signature="kernel(x, y): both (batch, n), giving (batch, n)",
        shapes=lambda: [{"batch": b, "n": n} for n in (1, 2, 7, 64) for b in (0, 1, 3)],
        arguments=lambda shape: {name: (shape["batch"], shape["n"]) for name in ("x", "y")},
        oracle=lambda a, shape: a["x"] + a["y"],
        bound=lambda a, shape, model: store(add(exactly(a["x"]), exactly(a["y"]), model), model.storage).error,
    )

and is checked with `monarch check kernels.py:add --op myop.py:OP`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from monarch_theory.formats import FLOAT32, FORMATS, Format, format_of
from monarch_theory.rounding import ErrorModel, default_model
from monarch_theory.rounding.model import CLAIMS
from monarch_theory.rounding.norms import two_norm

__all__ = [
    "DECAY", "LARGE_BATCH", "NEGATIVE", "NOT_NEGATIVE", "POSITIVE", "WIDE", "Answer", "Arrays", "Domain", "Fault",
    "NormBound", "NormBounds", "Op", "Output", "Shape", "any_sizes", "indices", "moderate", "with_formats",
]  # fmt: skip

Shape = Mapping[str, Any]
"""Names of sizes to integers or tuples of integers, for example {"batch": 2, "input_radices": (4, 4)}."""

LARGE_BATCH = 67
"""More rows than most kernels take in one tile, and no multiple of one."""

Arrays = dict[str, np.ndarray]
"""Arguments by name, in the order the kernel takes them."""

Answer = np.ndarray | tuple[np.ndarray, ...]
"""One array for an op of one output, a tuple of them, in order, for an op of several."""


@dataclass(frozen=True)
class NormBound:
    """How large the errors of a row, along the last axis of an output, may be together.

    Attributes:
        bound: of ‖weights ⊙ error‖₂ for every row, in the shape of the output less its last axis.
        weights: what errors are multiplied by first, broadcast against the output: one over what the op multiplies a
            sum by in the end, so that the small ones count.
    """

    bound: np.ndarray
    weights: np.ndarray | float = 1.0

    def ratios(self, error: np.ndarray) -> np.ndarray:
        """‖weights ⊙ error‖₂ / bound for every row; 0/0 = 0, and 0 over an infinite bound."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            norm = two_norm(self.weights * error)
            return np.where((norm == 0) | np.isinf(self.bound), 0.0, norm / self.bound)


NormBounds = NormBound | tuple[NormBound | None, ...] | None
"""One for an op of one output, a tuple, in order, for an op of several; None where only elements are bounded."""


@dataclass(frozen=True)
class Fault:
    """A way to get an op wrong, as a change of its arguments before, or of the right answer after.

    Attributes:
        cause: the family a report names: permutation, transposed factor, conjugate, dropped tail, …
        description: what exactly, in a few words.
        before: arguments to the arguments that a kernel with this fault behaves as if it were given.
        after: right answer to the wrong one (applied after `before`).
        instead: the wrong answer itself, in place of the oracle, where no change of arguments gives it.
        output: name of the output it is a fault of, where others are not touched; None: whichever is wrong.
        shape: the sizes and options that the kernel takes in place of those given; None: the latter.
    """

    cause: str
    description: str
    before: Callable[[Arrays], Arrays] = lambda arrays: arrays
    after: Callable[[np.ndarray], np.ndarray] = lambda y: y
    instead: Callable[[Arrays], Answer] | None = None
    output: str | None = None
    shape: Shape | None = None


def _as_they_are(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
    return values


def _of_the_op(dtype: str) -> str:
    return dtype


@dataclass(frozen=True)
class Domain:
    """Which numbers an argument may be, where not any of the op's dtype.

    Attributes:
        into: what becomes of values of any family; given the shape, and the format in which the op is checked, too.
        dtype: the argument's own dtype, from that of the op.
        zero: zero may be one of them, also where no family gives it.
    """

    into: Callable[[np.ndarray, Shape, Format], np.ndarray] = _as_they_are
    dtype: Callable[[str], str] = _of_the_op
    zero: bool = True


def _below_one(values: np.ndarray) -> np.ndarray:
    """Moduli divided by the power of two above the largest: what is exact stays so."""
    moduli = np.abs(values)
    _, exponent = np.frexp(moduli.max(initial=0.0))
    return np.asarray(np.ldexp(moduli, -int(exponent)))


def _wide(dtype: str) -> str:
    return FLOAT32.name if format_of(dtype).precision < FLOAT32.precision else dtype


def _both_ends_negative(values: np.ndarray) -> np.ndarray:
    """Of every row along the last axis, whether it begins and ends below zero: one in four is such."""
    return np.signbit(values[..., :1]) & np.signbit(values[..., -1:]) if values.ndim else np.signbit(values)


def _begins_alone_negative(values: np.ndarray) -> np.ndarray:
    """Of every row along the last axis, whether it begins below zero and ends above it: one in four is such."""
    return np.signbit(values[..., :1]) & ~np.signbit(values[..., -1:]) if values.ndim else np.zeros((), dtype=bool)


def _near_one(values: np.ndarray, least_of_small: float = 2.0**-6) -> np.ndarray:
    """Moduli of at least 2^−6, in some rows eight times that, in some 2^−7 times, which have a least of their own."""
    small = _begins_alone_negative(values)
    least = np.where(small, least_of_small, 2.0**-6)
    return (_below_one(values) + least) * np.where(_both_ends_negative(values), 8.0, np.where(small, 2.0**-7, 1.0))


def _kept(values: np.ndarray, target: Format) -> np.ndarray:
    moduli, forgetting = _below_one(values), _both_ends_negative(values)
    largest = moduli.max(-1, keepdims=True, initial=0.0) if moduli.ndim else moduli
    least = 2.0 ** max(LEAST_KEPT, target.exponent_min)
    return np.where(forgetting, np.where(moduli == largest, least, 1 - moduli), 1 - moduli / 8)


LEAST_KEPT = -20
"""Power of two of what is left where a sequence all but begins anew; a normal number in every format."""


POSITIVE = Domain(lambda values, shape, target: _near_one(values), zero=False)
"""Above zero, and not far from one, or in some rows from eight or from 2^−7."""

NOT_NEGATIVE = Domain(lambda values, shape, target: _near_one(values, least_of_small=0.0), zero=False)
"""As `POSITIVE`, and in the rows from 2^−7 down to zero: steps of almost nothing, and of none, as padding has them."""

NEGATIVE = Domain(lambda values, shape, target: -_near_one(values), zero=False)
"""Below zero, and not far from minus one, or in some rows from minus eight or −2^−7."""

DECAY = Domain(lambda values, shape, target: _kept(values, target))
"""Between 7/8 and one: what a recurrence may forget by without losing the past at once; in some rows down to almost
nothing, where a sequence all but begins anew."""

WIDE = Domain(dtype=_wide)
"""In float32, where the others are in half precision."""


def moderate(limit: float, unless: float = np.inf) -> Domain:
    """All below a limit, divided by a power of two where some are not; left as they are beyond `unless`.

    Where sines are taken of numbers, or one weight of a softmax becomes all of them, larger ones leave only rounding.

    >>> moderate(2.0).into(np.array([1.0, -6.0]), {}, FLOAT32)
    array([ 0.25, -1.5 ])
    """

    def into(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
        largest = np.abs(values).max(initial=0.0)
        if largest < limit or largest >= unless:
            return values
        _, exponent = np.frexp(largest / limit)
        return np.asarray(np.ldexp(values, -int(exponent)))

    return Domain(into)


def indices(size: str) -> Domain:
    """Integers (int64) from zero to one less than a size of the shape, of three and more both of those.

    >>> indices("vocabulary").into(np.array([-0.25, 2.25, 1.0]), {"vocabulary": 7}, FLOAT32)
    array([0, 6, 2])
    """

    def into(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
        found = np.asarray(np.mod(np.floor(np.abs(values) * 2.0**10), shape[size]).astype(np.int64))
        if values.size > 2:
            found.flat[np.argmin(values)], found.flat[np.argmax(values)] = 0, shape[size] - 1
        return found

    return Domain(into, lambda dtype: "int64")


def any_sizes(shape: Shape) -> bool:
    """Every combination of sizes of at least one is a shape; all tuples of sizes are equally long.

    >>> any_sizes({"batch": 2, "input_radices": (2, 3), "output_radices": (4, 2)})
    True
    """
    radices = {len(v) for v in shape.values() if isinstance(v, tuple)}
    return len(radices) <= 1


def _no_options(shape: Shape) -> dict[str, Any]:
    return {}


def _no_settings(shape: Shape) -> dict[str, tuple[Any, ...]]:
    return {}


def _no_norms(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBounds:
    return None


def _no_faults(shape: Shape) -> Iterable[Fault]:
    return ()


@dataclass(frozen=True)
class Output:
    """One array that a kernel returns.

    Attributes:
        name: as reports name it.
        digits: the digits of an element, by name; an index to integers. None: the plain index.
        by_row: it has one row per batch row of the first argument; False for a sum over the batch, as the gradient of a
            parameter is.
    """

    name: str = "y"
    digits: Callable[[Shape, tuple[int, ...]], dict[str, int]] | None = None
    by_row: bool = True

    def element(self, shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
        """The digits of one element, or its plain index where it has no digits of its own.

        >>> Output().element({}, (0, 3))
        {'axis 0': 0, 'axis 1': 3}
        """
        if self.digits is not None:
            return self.digits(shape, index)
        return {f"axis {axis}": int(i) for axis, i in enumerate(index)}

    def describe(self, shape: Shape, index: tuple[int, ...]) -> str:
        """The digits in words.

        >>> Output().describe({}, (0, 3))
        'axis 0 0, axis 1 3'
        """
        return ", ".join(f"{name} {value}" for name, value in self.element(shape, index).items())


def _one_output(shape: Shape) -> tuple[Output, ...]:
    return (Output(),)


@dataclass(frozen=True)
class Op:
    """A linear-algebra op that kernels implement.

    Attributes:
        name: as given to `--op`.
        summary: one line.
        signature: how the kernel is called, with shapes; shown by `monarch check --list`.
        shapes: valid shapes from small to large. Those with an entry `batch` have that many rows in the first argument
            and in the outputs that are `by_row`.
        arguments: the array shape of every argument, in calling order; the first is the data, the others parameters.
        oracle: exact answer, from arguments as object arrays of balls (and, in float64, from plain arrays too); a tuple
            of arrays where there are several outputs.
        bound: elementwise bound for a right kernel's error, as `oracle` returns it, from float64 or complex128 ones.
        bound_in_norm: bounds on the error of whole rows, for ops whose errors are sharp only together.
        random_rounding: they, and so the op, are held to the probabilistic bound unless another is asked for.
        claims: of `rounding.CLAIMS` those on which the bound depends.
        narrow_between: kernels usually keep what lies between two steps in a narrow storage format; otherwise they
            compute in float32 inside, and round once at the end.
        options: keyword arguments, plain Python values.
        settings: values that options may have at a shape, by name, the usual one first. A case has one of each in its
            shape, beside the sizes; where a shape has none, the usual one is meant.
        faults: how this op is usually got wrong, tried against a failing kernel's output to name the cause.
        outputs: what the kernel returns, in order; several are returned as a tuple or a list.
        accepts: whether the op has a shape with such sizes; where it is given, sizes are combined beyond `shapes`.
        numbers: "real", "complex" or "both": the dtypes that make sense.
        domains: of arguments that may not be any number of the op's dtype.
        updates: arguments that the kernel overwrites with their new value: outputs after those it returns.
        carries_infinities: an infinity of an argument leaves nothing finite where it enters. Not so where numbers are
            divided by others, or exponentials may vanish: such an op is tried with NaN alone.
    """

    name: str
    summary: str
    signature: str
    shapes: Callable[[], Iterable[Shape]]
    arguments: Callable[[Shape], dict[str, tuple[int, ...]]]
    oracle: Callable[[Arrays, Shape], Answer]
    bound: Callable[[Arrays, Shape, ErrorModel], Answer]
    bound_in_norm: Callable[[Arrays, Shape, ErrorModel], NormBounds] = _no_norms
    random_rounding: bool = False
    claims: tuple[str, ...] = CLAIMS
    narrow_between: bool = True
    options: Callable[[Shape], dict[str, Any]] = _no_options
    settings: Callable[[Shape], dict[str, tuple[Any, ...]]] = _no_settings
    faults: Callable[[Shape], Iterable[Fault]] = _no_faults
    outputs: Callable[[Shape], tuple[Output, ...]] = _one_output
    numbers: str = "real"
    accepts: Callable[[Shape], bool] | None = None
    domains: Mapping[str, Domain] = field(default_factory=dict, hash=False)
    updates: tuple[str, ...] = ()
    carries_infinities: bool = True

    def dtypes_of(self, names: Iterable[str], dtype: str) -> tuple[str, ...]:
        """The dtype of each argument, where the op is checked in one."""
        return tuple(self.domains[name].dtype(dtype) if name in self.domains else dtype for name in names)

    def sizes(self, shape: Shape) -> dict[str, Any]:
        """The shape without its settings."""
        settings = self.settings(shape)
        return {name: value for name, value in shape.items() if name not in settings}

    def usual(self, shape: Shape) -> dict[str, Any]:
        """The shape with the usual one of each of its settings."""
        return {**shape, **{name: values[0] for name, values in self.settings(shape).items()}}

    def dtypes(self) -> tuple[str, ...]:
        """Names of the dtypes this op is checked in."""
        real = tuple(f.name for f in FORMATS)
        paired = tuple(f.paired for f in reversed(FORMATS) if f.paired)
        return {"real": real, "complex": paired, "both": (*real, *paired)}[self.numbers]

    def answers(self, arrays: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
        """What `oracle` gives, one array per output.

        Raises:
            ValueError: it raises, or gives another number of arrays.
        """
        return self._per_output("oracle", shape, lambda: self.oracle(arrays, shape))

    def bounds(self, arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
        """What `bound` gives, one array per output.

        Raises:
            ValueError: it raises, or gives another number of arrays.
        """
        return self._per_output("bound", shape, lambda: self.bound(arrays, shape, model))

    def norm_bounds(self, arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[NormBound | None, ...]:
        """What `bound_in_norm` gives, one for each output."""
        found = self.bound_in_norm(arrays, shape, model)
        if found is None:
            return (None,) * len(self.outputs(shape))
        return found if isinstance(found, tuple) else (found,)

    def usual_model(
        self, dtype: str, accumulation: str | None = None, intermediate: str | None = None, **claims: Any
    ) -> ErrorModel:
        """`default_model` with what kernels of this op usually keep between steps."""
        if intermediate is None and not self.narrow_between:
            intermediate = default_model(dtype, accumulation).accumulation.name
        return default_model(dtype, accumulation, intermediate, **claims)

    def _per_output(self, what: str, shape: Shape, compute: Callable[[], Answer]) -> tuple[np.ndarray, ...]:
        try:
            # a NaN or an infinity among floats is judged where it comes out
            with np.errstate(all="ignore"):
                found = compute()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise ValueError(f"{what}: expected {self.name} to have one for {dict(shape)}, got {said}") from error
        several = found if isinstance(found, tuple) else (found,)
        names = [output.name for output in self.outputs(shape)]
        if len(several) != len(names):
            expected = f"{len(names)} arrays ({', '.join(names)})"
            raise ValueError(f"{what}: expected {self.name} to give {expected}, got {len(several)}")
        return tuple(np.asarray(array) for array in several)


def with_formats(op: Op, formats: Mapping[str, str]) -> Op:
    """The op with some arguments in a format of their own, as a float32 filter beside a signal in bfloat16.

    Raises:
        ValueError: an argument it has not, one of integers, or a format of another name.

    >>> from monarch_theory.testing.ops import op_named
    >>> mixed = with_formats(op_named("long-convolution"), {"k": "float32"})
    >>> mixed.name, mixed.dtypes_of(("u", "k"), "bfloat16")
    ('long-convolution,k=float32', ('bfloat16', 'float32'))
    """
    names = list(op.arguments(next(iter(op.shapes()))))
    domains = dict(op.domains)
    for name, dtype in formats.items():
        if name not in names:
            raise ValueError(f"argument: expected one of {', '.join(names)} of {op.name}, got {name!r}")
        if op.dtypes_of([name], "float32") == ("int64",):
            raise ValueError(f"argument: expected one of numbers in a format, got {name!r}, which are indices")
        held = format_of(dtype).name
        domains[name] = replace(domains.get(name, Domain()), dtype=lambda _, held=held: held)  # type: ignore[misc]
    chosen = ",".join(f"{name}={format_of(dtype).name}" for name, dtype in formats.items())
    real = "real" if op.numbers == "both" else op.numbers
    return replace(op, name=f"{op.name},{chosen}", domains=domains, numbers=real)
