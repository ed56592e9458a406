"""The inputs a callable is tried on: their shape, dtype and values, and a future spliced onto a past."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from monarch_theory.formats import FLOAT32, NAMES, carrier_of, round_to

__all__ = ["DTYPES", "KINDS", "Inputs", "UndecidedError", "parse_shape"]

DTYPES = (
    "float64", "float32", "float16", "bfloat16", "complex128", "complex64",
    "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip

KINDS = ("normal", "wide", "zero", "large", "negative", "positive", "small", "constant")


class UndecidedError(Exception):
    """The check could not decide; `outcome` is the name of the reason."""

    def __init__(self, outcome: str, message: str):
        super().__init__(f"{outcome}: {message}")
        self.outcome = outcome
        self.message = message


def parse_shape(text: str) -> tuple[int | None, ...]:
    """The shape in words, None at the sequence axis.

    Raises:
        UndecidedError: it is not integers and exactly one letter n.

    >>> parse_shape("2,n,16")
    (2, None, 16)
    """
    parts = [p.strip() for p in text.strip().strip("()").split(",") if p.strip()]
    if parts.count("n") != 1 or not all(p == "n" or (p.isdigit() and int(p) > 0) for p in parts):
        raise UndecidedError(
            "bad input", f"shape: expected positive integers and one letter n, as in 2,n,16, got {text!r}"
        )
    return tuple(None if p == "n" else int(p) for p in parts)


def unit_roundoff(dtype: str) -> float:
    """Unit roundoff of a logical dtype, 0 for integers."""
    return NAMES[dtype].unit_roundoff if dtype in NAMES else 0.0


@dataclass(frozen=True)
class Inputs:
    """Arrays of one shape and logical dtype; `axis` is the sequence axis, `vocab` the number of tokens of integers.

    Raises:
        UndecidedError: the dtype is unknown, n is not positive, or the vocabulary does not fit.

    >>> Inputs.of("2,n", 5, "int64", vocab=7).draw(0, np.random.default_rng(0))[0].shape
    (2, 5)
    """

    shape: tuple[int, ...]
    axis: int
    dtype: str
    vocab: int
    seed: int = 0

    @staticmethod
    def of(shape: str, n: int, dtype: str = "float64", vocab: int = 16, seed: int = 0) -> Inputs:
        template = parse_shape(shape)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise UndecidedError("bad input", f"n: expected a positive integer, got {n!r}")
        if dtype not in DTYPES:
            raise UndecidedError("bad input", f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
        largest = {"bool": 2, "int8": 127, "uint8": 256, "int16": 32767}.get(dtype, 2**31)
        if seed < 0:
            raise UndecidedError("bad input", f"seed: expected a non-negative integer, got {seed}")
        if vocab < 2:
            raise UndecidedError("bad input", f"vocab: expected at least 2, got {vocab}")
        filled = tuple(int(n) if s is None else s for s in template)
        return Inputs(filled, template.index(None), dtype, min(vocab, largest), seed)

    @property
    def n(self) -> int:
        return self.shape[self.axis]

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
    def rounds(self) -> int:
        """How many different kinds of input there are: for tokens, enough for each token to be seen at each place."""
        return min((self.vocab + 1) // 2, 32) if self.integer else len(KINDS)

    def draw(self, kind: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two inputs, a base and a donor of other futures, differing everywhere.

        Floats: the base is of unit size (every third kind wide), the donor of the kind's own law. Tokens: round k has
        a_j + 2k·s_j and a_j + (2k+1)·s_j modulo the vocabulary at place j, s_j a unit, so that all rounds together show
        every token.
        """
        if self.integer:
            first, step = self._tokens()
            base, donor = (first + 2 * kind * step) % self.vocab, (first + (2 * kind + 1) * step) % self.vocab
            return base.astype(self.array_dtype), donor.astype(self.array_dtype)
        base = self._values("wide" if kind % 3 == 2 else "normal", rng)
        return self.rounded(base), self.rounded(self._values(KINDS[kind % len(KINDS)], rng))

    def _tokens(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.vocab])
        limit = min(self.vocab, 4096)
        units = np.array([s for s in range(1, limit + 1) if gcd(s, self.vocab) == 1])
        return rng.integers(0, self.vocab, self.shape), rng.choice(units, self.shape)

    def _values(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        x = rng.standard_normal(self.shape)
        if self.dtype.startswith("complex"):
            x = x + 1j * rng.standard_normal(self.shape)
        spread = 1.0 if self.half else 3.0
        match kind:
            case "wide":
                return x * 10 ** rng.uniform(-spread, spread, self.shape)
            case "zero":
                return 0 * x
            case "large":
                return x * 10**spread
            case "negative":
                return -3 * (np.abs(x.real) + np.abs(x.imag) * 1j if np.iscomplexobj(x) else np.abs(x))
            case "positive":
                return 3 * (np.abs(x.real) + np.abs(x.imag) * 1j if np.iscomplexobj(x) else np.abs(x))
            case "small":
                return x * 10**-spread
            case "constant":
                return np.broadcast_to(x.reshape(-1)[0], self.shape).copy()
        return x

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """`x` in this dtype."""
        held = x.astype(self.array_dtype)
        return held if held.dtype.name == self.dtype else round_to(held, self.dtype).astype(held.dtype)

    def splice(self, base: np.ndarray, donor: np.ndarray, start: int, stop: int | None = None) -> np.ndarray:
        """`base` with places start … stop−1 of the sequence taken from `donor`."""
        x = base.copy()
        place = (slice(None),) * self.axis + (slice(start, stop),)
        x[place] = donor[place]
        return x
