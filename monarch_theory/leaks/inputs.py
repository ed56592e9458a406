"""The inputs a callable is tried on: their shape, dtype and values, and a future spliced onto a past.

A *kind* of future is a law its values are drawn from. What a leak may be gated by is always among them: for floats
exact 0, 1 and −1, integers, powers of ten, equal neighbours and constant futures; for tokens the first and the last id
and their neighbours, those the model's configuration names, repeats of the past, and for a small vocabulary every token
at every place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from monarch_theory.digits import is_integer
from monarch_theory.formats import FLOAT32, FORMATS, NAMES, carrier_of, dtype_named, round_to

__all__ = [
    "APPEARING", "DTYPES", "EVERYWHERE", "GAPS", "Futures", "Inputs", "Places", "UndecidedError", "parse_shape",
    "unit_roundoff",
]  # fmt: skip

DTYPES = (
    *(f.name for f in FORMATS), *(f.paired for f in FORMATS if f.paired),
    "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip

FLOATS = (
    "unit", "powers", "wide", "repeats", "ones", "zeros", "large", "negative", "positive", "small", "constant",
    "minus ones", "periodic", "tiny", "after zeros", "after ones", "after minus ones", "after far below",
    "after far above", "after rising", "after falling", "after alternating", "after faint",
    "one-hot", "sparse",
)  # fmt: skip
AFTER = "after "
"""Kinds whose past is all alike or in order, and whose future is anything."""

NAMED = "numbers the code names"
AROUND = (1.0, 1.0, 1.0, -1.0, 0.5, 2.0, 1 - 2.0**-7, 1 + 2.0**-7)
"""Factors of these, and of what lies between two of them: the numbers themselves, and those at either side of them."""

FIRST = "first "
"""Kinds whose future begins with one of these, and goes on as usual."""

MODERATE, MODERATE_HALF = 1e4, 100.0
"""Beyond these, infinities or absorption are to be expected of usual models."""

SMALL_VOCABULARY = 64
OTHER_DRAWS = 4
LARGEST_ORDER = 2**20


Places = slice | np.ndarray
"""Places of a sequence, ascending: an index into an axis."""

EVERYWHERE = slice(None)


class UndecidedError(Exception):
    """The check could not decide; `outcome` is the name of the reason."""

    def __init__(self, outcome: str, message: str):
        super().__init__(f"{outcome}: {message}")
        self.outcome = outcome
        self.message = message


ADDRESSES = 2**40
"""No array here has as many elements beside the sequence."""


USUAL_VOCABULARY = 16
"""Tokens, where nobody says how many."""


def largest_vocabulary(dtype: str) -> int:
    """So many tokens a dtype can tell apart, as far as they are tried.

    >>> largest_vocabulary("int8"), largest_vocabulary("int64") == 2**31
    (128, True)
    """
    return {"bool": 2, "int8": 128, "uint8": 256, "int16": 2**15}.get(dtype, 2**31)


def check_tokens(dtype: str, vocab: int | None, tokens: tuple[int, ...], usual: int) -> None:
    """Do the tokens and their number, where they are given, go with the dtype? `usual`: the number where it is not.

    Raises:
        UndecidedError: they do not, and would be ignored, or cut.
    """
    given = [name for name, value in (("vocab", vocab is not None), ("tokens", bool(tokens))) if value]
    if given and not dtype.startswith(("int", "uint", "bool")):
        raise UndecidedError("bad input", f"{given[0]}: expected none for inputs of {dtype}, which are no tokens")
    if vocab is not None and is_integer(vocab) and vocab > largest_vocabulary(dtype):
        raise UndecidedError(
            "bad input", f"vocab: expected at most {largest_vocabulary(dtype)} in {dtype}, got {vocab}"
        )
    most = min(usual if vocab is None else vocab, largest_vocabulary(dtype))
    for token in tokens:
        if not is_integer(token) or not 0 <= token < most:
            raise UndecidedError("bad input", f"tokens: expected 0 … {most - 1}, got {token!r}")


def parse_shape(text: str) -> tuple[int | None, ...]:
    """The shape in words, None at the sequence axis.

    Raises:
        UndecidedError: it is not integers and exactly one letter n.

    >>> parse_shape("2,n,16")
    (2, None, 16)
    """
    if not isinstance(text, str):
        raise UndecidedError("bad input", f"shape: expected words as 2,n,16, got {text!r}")
    parts = [p.strip() for p in text.strip().strip("()").split(",") if p.strip()]
    sizes = [int(p) if p.isdecimal() and len(p) < 20 else 0 for p in parts if p != "n"]
    if parts.count("n") != 1 or not all(0 < size <= ADDRESSES for size in sizes) or prod(sizes) > ADDRESSES:
        raise UndecidedError(
            "bad input", f"shape: expected positive integers and one letter n, as in 2,n,16, got {text!r}"
        )
    return tuple(None if p == "n" else int(p) for p in parts)


def unit_roundoff(dtype: str) -> float:
    """Unit roundoff of a logical dtype, 0 for integers."""
    return NAMES[dtype].unit_roundoff if dtype in NAMES else 0.0


GAPS = {"NaN at fixed places": np.nan, "infinities at fixed places": np.inf}
"""Kinds of values with gaps, and what stands there."""

APPEARING = {"NaN where there was none": np.nan, "infinities where there were none": np.inf}
"""Kinds of future that bring what the past has none of, and what that is."""


@dataclass(frozen=True)
class Inputs:
    """Arrays of one shape and logical dtype; `axis` is asked about, `vocab` the number of tokens of integers.

    specials: tokens to be tried in any case; sequence: the sequence axis, where `axis` is that of the batch; numbers:
    some that the code names, and may branch on.

    Raises:
        UndecidedError: the dtype is unknown, n is not positive, or the vocabulary does not fit.

    >>> Inputs.of("2,n", 5, "int64", vocab=7).draw(0)[0].shape
    (2, 5)
    """

    shape: tuple[int, ...]
    axis: int
    dtype: str
    vocab: int
    seed: int = 0
    specials: tuple[int, ...] = ()
    sequence: int | None = None
    numbers: tuple[float, ...] = ()

    @staticmethod
    def of(
        shape: str,
        n: int,
        dtype: str = "float64",
        vocab: int = 16,
        seed: int = 0,
        specials: tuple[int, ...] = (),
        numbers: tuple[float, ...] = (),
    ) -> Inputs:
        template = parse_shape(shape)
        if not is_integer(n) or n < 1:
            raise UndecidedError("bad input", f"n: expected a positive integer, got {n!r}")
        dtype = dtype_named(dtype)
        if dtype not in DTYPES:
            raise UndecidedError("bad input", f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
        if not is_integer(seed) or seed < 0:
            raise UndecidedError("bad input", f"seed: expected a non-negative integer, got {seed!r}")
        if not is_integer(vocab) or vocab < 2:
            raise UndecidedError("bad input", f"vocab: expected at least 2, got {vocab!r}")
        filled = tuple(int(n) if s is None else s for s in template)
        vocab = min(vocab, largest_vocabulary(dtype))
        always = (0, vocab - 1, 1, vocab - 2, 2, *specials)
        kept = tuple(dict.fromkeys(t for t in always if 0 <= t < vocab))
        return Inputs(filled, template.index(None), dtype, vocab, seed, kept).trying(numbers)

    @property
    def n(self) -> int:
        """Number of places along the axis that is asked about."""
        return self.shape[self.axis]

    @property
    def along(self) -> int:
        """The sequence axis."""
        return self.axis if self.sequence is None else self.sequence

    @property
    def length(self) -> int:
        """Length of the sequence."""
        return self.shape[self.along]

    def along_batch(self) -> Inputs:
        """The same inputs, where what is asked about is the rows of the batch."""
        if self.axis == 0 or self.shape[0] < 2:
            raise UndecidedError(
                "bad input",
                f"shape: expected a batch of at least 2 before the sequence, as in 4,n,16, got {self.shape}",
            )
        return replace(self, axis=0, sequence=self.axis)

    def trying(self, numbers: tuple[float, ...]) -> Inputs:
        """The same inputs, with some more numbers among those that are tried, as far as they are of use."""
        more = (number for number in numbers if self.takes(number))
        return replace(self, numbers=tuple(dict.fromkeys((*self.numbers, *more))))

    def takes(self, number: float) -> bool:
        """Whether a number is among the tokens, or of a size that is no reason for infinities."""
        if self.integer:
            return number.is_integer() and 0 <= number < self.vocab
        return abs(number) <= (MODERATE_HALF if self.half else MODERATE)

    @property
    def integer(self) -> bool:
        return self.dtype.startswith(("int", "uint", "bool"))

    @property
    def half(self) -> bool:
        return self.dtype in NAMES and unit_roundoff(self.dtype) > FLOAT32.unit_roundoff

    @property
    def array_dtype(self) -> np.dtype:
        """The dtype that holds them: bfloat16 values are held in float32, exactly."""
        return np.dtype(carrier_of(self.dtype))

    @property
    def magnitudes(self) -> tuple[float, ...]:
        """Sizes beyond those of every kind, up to the dtype's largest."""
        top = {"float16": 4, "float64": 300, "complex128": 150}.get(self.dtype, 37)
        return () if self.integer else tuple(10.0**e for e in (2, 3, 4, 12, 16, 24, 37, 64, 128, 200, 300) if e <= top)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of future, the usual one first."""
        named = (NAMED,) * bool(self.numbers)
        if not self.integer:
            return *FLOATS, *named
        after = range(self.vocab) if self.vocab <= SMALL_VOCABULARY else self.specials
        alone = (f"token {t}" for t in self.specials)
        runs = ("repeats", "periodic", "rising", "falling", "step 1")
        return ("all tokens", *alone, *runs, *(f"after token {t}" for t in after), *named)

    @property
    def further_kinds(self) -> tuple[str, ...]:
        """Kinds for when time is left: with them every place shows every number that the code names.

        And every token of a small vocabulary.
        """
        named = tuple(f"{FIRST}{number!r}" for number in self.numbers)
        if not self.integer:
            return named
        small = self.vocab <= SMALL_VOCABULARY
        return *(() if small else named), *(f"step {s}" for s in range(2, self.vocab if small else 2 + OTHER_DRAWS))

    @cached_property
    def all_kinds(self) -> tuple[str, ...]:
        """Names of all that may be tried at every cut; sizes are not."""
        return *self.kinds, *self.further_kinds, *(() if self.integer else (*GAPS, *APPEARING))

    def futures(self, kind: str) -> Futures:
        """The base and the futures of one kind."""
        number = self.kinds.index(kind) if kind in self.kinds else len(self.kinds)
        rng = np.random.default_rng([self.seed, number])
        if self.integer:
            return self._token_futures(kind, rng)
        if kind.startswith(AFTER):  # a past that a mask built from the data may hide as a whole
            base = self._values(kind.removeprefix(AFTER), rng, self.shape)
            return Futures(self, kind, self.rounded(base), self.rounded(self._values("normal", rng, self.doubled)))
        base = self._values("wide" if kind in ("wide", "negative", "constant") else "normal", rng, self.shape)
        return Futures(self, kind, self.rounded(base), self.rounded(self._values(kind, rng, self.doubled)))

    def of_size(self, magnitude: float, past: float = 1.0) -> Futures:
        """Futures of one magnitude, signs and mantissas mixed, after a past of another."""
        rng = np.random.default_rng([self.seed, int(np.log10(magnitude)) + 1000])
        with np.errstate(over="ignore"):
            base = past * self._values("normal", rng, self.shape)
        mantissa = np.where(rng.random(self.doubled) < 0.5, 1.0, rng.uniform(1, 2, self.doubled))
        pool = mantissa * magnitude * rng.choice([-1.0, 1.0], self.doubled)
        kind = f"size {magnitude:.0e}" if past == 1.0 else f"size {magnitude:.0e} throughout"
        return Futures(self, kind, self.rounded(base), self.rounded(pool))

    @property
    def not_finite(self) -> tuple[Futures, ...]:
        """Futures with NaN or infinities: at half the places, past and future, which keep them; or at none before.

        What fills gaps may fill them from ahead, and what counts or looks for them may look ahead. Where they appear,
        they spoil a causal past too, by 0·NaN under a mask: what is lost by them has not changed.
        """
        if self.integer:
            return ()
        gaps = (self._with_gaps(kind, value, 2000 + k) for k, (kind, value) in enumerate(GAPS.items()))
        appearing = (self._appearing(kind, value, 2010 + k) for k, (kind, value) in enumerate(APPEARING.items()))
        return *gaps, *appearing

    def _with_gaps(self, kind: str, value: float, number: int) -> Futures:
        rng = np.random.default_rng([self.seed, number])
        lost, gaps = rng.random(self._along(self.n)) < 0.5, value * rng.choice([-1.0, 1.0], self._along(self.n))
        base = np.where(lost & self._some_channels(rng, self.shape), gaps, self._values("normal", rng, self.shape))
        return Futures(self, kind, self.rounded(base), self.rounded(self._values("normal", rng, self.doubled)))

    def _appearing(self, kind: str, value: float, number: int) -> Futures:
        rng = np.random.default_rng([self.seed, number])
        base, signs = self._values("normal", rng, self.shape), rng.choice([-1.0, 1.0], self._along(2 * self.n))
        pool = np.where(
            self._some_channels(rng, self.doubled), value * signs, self._values("normal", rng, self.doubled)
        )
        return Futures(self, kind, self.rounded(base), self.rounded(pool))

    def _one_channel(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """One of the values of each place, in each row of a batch."""
        within = tuple(a for a in range(len(shape)) if a != self.axis and (a or not self.axis))
        drawn = rng.random(shape)
        return np.asarray(drawn == drawn.max(axis=within, keepdims=True))

    def _some_channels(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """All values of half the places, and one alone of the others: one sensor may fail, or all of them."""
        return self._one_channel(rng, shape) | (rng.random(self._along(shape[self.axis])) < 0.5)

    def _along(self, length: int) -> tuple[int, ...]:
        """A shape that is 1 but along the axis."""
        return (1,) * self.axis + (length,) + (1,) * (len(self.shape) - self.axis - 1)

    @property
    def doubled(self) -> tuple[int, ...]:
        """The shape with the sequence twice as long."""
        return (*self.shape[: self.axis], 2 * self.n, *self.shape[self.axis + 1 :])

    def draw(self, kind: int) -> tuple[np.ndarray, np.ndarray]:
        """A base and another input of the kind of that number, differing everywhere save where both must be equal."""
        futures = self.futures(self.kinds[kind])
        return futures.base, futures.donor(0)

    def _token_futures(self, kind: str, rng: np.random.Generator) -> Futures:
        if kind.startswith("step "):
            rng = np.random.default_rng([self.seed, 0])
        base = rng.integers(0, self.vocab, self.shape)
        along = self._along(2 * self.n)
        if kind.startswith("step "):
            step = int(kind.split()[1])
            pool = np.concatenate([base, base], self.axis) + step
        elif kind.startswith(AFTER):
            token = int(kind.split()[-1])
            base = np.full(self.shape, token)
            pool = rng.integers(0, self.vocab - 1, self.doubled)
            pool = pool + (pool >= token)  # any other token
        elif kind.startswith(FIRST):
            pool = rng.integers(0, self.vocab, self.doubled)
        elif kind == NAMED:
            pool = rng.choice(np.array(self.numbers, np.int64), self.doubled)
        elif kind.startswith("token "):
            token = int(kind.split()[1])
            base = np.where(base == token, (base + 1) % self.vocab, base)
            pool = np.full(self.doubled, token)
        else:
            start = rng.integers(0, self.vocab, (*self.shape[: self.axis], 1, *self.shape[self.axis + 1 :]))
            pool = start + np.arange(2 * self.n).reshape(along) * (-1 if kind == "falling" else 1)
        pool = pool if kind == "all tokens" else (pool % self.vocab).astype(self.array_dtype)
        return Futures(self, kind, base.astype(self.array_dtype), pool)

    def _values(self, kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        x = rng.standard_normal(shape)
        if self.dtype.startswith("complex"):
            x = x + 1j * rng.standard_normal(shape)
        spread, decades = (1.0, 2) if self.half else (3.0, 9)
        along = self._along(shape[self.axis])
        match kind:
            case "unit":
                choice = rng.integers(0, 8, along)
                return np.select([choice == c for c in range(4)], [0 * x, 0 * x + 1, 0 * x - 1, np.round(2 * x)], x)
            case "numbers the code names":
                ordered = np.sort(self.numbers)
                values = np.concatenate([ordered, (ordered[1:] + ordered[:-1]) / 2])
                named = rng.choice(values, along) * rng.choice(AROUND, along)
                return np.where(rng.random(along) < 0.75, named, x)
            case "powers":
                return 10.0 ** rng.integers(-decades, decades + 1, shape) * rng.choice([-1, 1], shape) + 0 * x
            case "wide":
                return x * 10 ** rng.uniform(-spread, spread, shape)
            case "zeros":
                return 0 * x
            case "ones":
                return 0 * x + 1
            case "minus ones":
                return 0 * x - 1
            case "large":
                return x * 10**spread
            case "far below":
                return -10 * (1 + np.abs(x))
            case "far above":
                return 10 * (1 + np.abs(x))
            case "rising":
                return np.sort(x, self.axis)
            case "falling":
                return np.flip(np.sort(x, self.axis), self.axis)
            case "alternating":
                return np.abs(x) * np.where(np.arange(shape[self.axis]) % 2, -1.0, 1.0).reshape(along)
            case "negative":
                return -3 * (np.abs(x.real) + np.abs(x.imag) * 1j if np.iscomplexobj(x) else np.abs(x))
            case "positive":
                return 3 * (np.abs(x.real) + np.abs(x.imag) * 1j if np.iscomplexobj(x) else np.abs(x))
            case "small":
                return x * 10**-spread
            case "one-hot":
                return 1.0 * self._one_channel(rng, shape) + 0 * x
            case "sparse":
                thinned, one = rng.random(shape) < rng.random(along), self._one_channel(rng, shape)
                return np.where(np.where(rng.random(along) < 0.5, one, thinned), 0.0, x)
            case "faint":
                return x * 10 ** rng.uniform(-3 * spread, 0, shape)
            case "tiny":
                least = {"float16": 7.0, "float64": 322.0, "complex128": 322.0}.get(self.dtype, 44.0)
                return x * 10 ** rng.uniform(-least, -spread, shape)
            case "constant":
                return np.broadcast_to(x.reshape(-1)[0], shape).copy()
        return x

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """`x` in this dtype."""
        held = x.astype(self.array_dtype)
        return held if held.dtype.name == self.dtype else round_to(held, self.dtype).astype(held.dtype)

    def places(self, start: int, stop: int | None = None) -> tuple[Places, ...]:
        """The index of places start … stop−1 of the sequence."""
        return self.at(slice(start, stop))

    def at(self, places: Places) -> tuple[Places, ...]:
        """The index of some places of the sequence."""
        return (slice(None),) * self.axis + (places,)

    def put(self, base: np.ndarray, donor: np.ndarray, places: Places) -> np.ndarray:
        """`base` with some places of the sequence taken from `donor`."""
        x = base.copy()
        x[self.at(places)] = donor[self.at(places)]
        return x

    def splice(self, base: np.ndarray, donor: np.ndarray, start: int, stop: int | None = None) -> np.ndarray:
        """`base` with places start … stop−1 of the sequence taken from `donor`."""
        return self.put(base, donor, slice(start, stop))


@dataclass(frozen=True)
class Futures:
    """One kind of future: a base, and for each cut other values after it, a window of a pool twice as long."""

    inputs: Inputs
    kind: str
    base: np.ndarray
    pool: np.ndarray

    def donor(self, cut: int, turn: int | None = None) -> np.ndarray:
        """Values to follow the cut: never those of the base at the cut itself, save where the kind repeats them.

        Each `turn`, by default the cut's own, gives others.
        """
        inputs, turn = self.inputs, cut if turn is None else turn
        if self.kind == "repeats" and cut:
            return np.broadcast_to(self.base[inputs.places(cut - 1, cut)], inputs.shape)
        if self.kind == "periodic" and cut:
            index = np.maximum(np.arange(inputs.n) - cut, 0) % cut
            return np.take(self.base, index, inputs.axis)
        if self.kind == "all tokens":
            return self._unlike_base(
                self.order[(self.pool[inputs.places(0, inputs.n)] + turn * inputs.n) % len(self.order)]
            )
        shift = 0 if self.kind.startswith("step ") else turn * 5 % (inputs.n + 1)
        donor = self.pool[inputs.places(shift, shift + inputs.n)]
        if self.kind == "unit" and cut and turn % 6 == 5:
            donor = donor.copy()
            donor[inputs.places(cut, cut + 1)] = self.base[inputs.places(cut - 1, cut)]
        if self.kind == NAMED and cut and turn % 2:  # each of them comes first at some cut
            donor = self._beginning(donor, inputs.numbers[turn // 2 % len(inputs.numbers)], cut)
        if self.kind.startswith(FIRST):
            donor = self._beginning(donor, float(self.kind.removeprefix(FIRST)), cut)
        if self.kind in GAPS:
            return np.where(np.isfinite(self.base), donor, self.base)
        if self.kind in APPEARING and turn % 2:  # at one place alone
            return inputs.splice(self.base, donor, cut, cut + 1)
        return self._unlike_base(donor) if inputs.integer and not self.kind.startswith("token ") else donor

    def _beginning(self, donor: np.ndarray, number: float, cut: int) -> np.ndarray:
        """A future with a number at its first place."""
        first = self.inputs.rounded(np.full(self.inputs.shape, number, donor.dtype))
        return self.inputs.splice(donor, first, cut, cut + 1)

    @property
    def spoils(self) -> bool:
        """Whether NaN or infinities are among the values: what they turn to NaN or infinity is lost, not changed."""
        return self.kind in GAPS or self.kind in APPEARING

    @cached_property
    def size(self) -> float:
        """The usual size of the past: the median of its absolute values."""
        return float(np.median(np.abs(self.base)))

    @cached_property
    def order(self) -> np.ndarray:
        """The vocabulary in random order, or as much of it as is sensible to hold."""
        rng = np.random.default_rng([self.inputs.seed, self.inputs.vocab])
        if self.inputs.vocab <= LARGEST_ORDER:
            return rng.permutation(self.inputs.vocab)
        return rng.integers(0, self.inputs.vocab, LARGEST_ORDER)

    def _unlike_base(self, donor: np.ndarray) -> np.ndarray:
        other = (donor.astype(np.int64) + 1) % self.inputs.vocab
        return np.where(donor == self.base, other, donor).astype(self.base.dtype)
