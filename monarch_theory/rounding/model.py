"""What a kernel claims about its arithmetic, and how far a sum may then be off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import exp, expm1, inf, log, log1p, sqrt
from typing import Any

import numpy as np

from monarch_theory.formats import FLOAT32, TF32, Format, faithful, format_of

__all__ = [
    "ALGORITHMS", "CLAIMS", "OPERANDS", "PAIRINGS", "ROUNDINGS", "ErrorModel", "default_model", "failure_per_product",
    "gamma", "probabilistic_gamma", "risen", "scaled", "three_products_growth",
]  # fmt: skip

OPERANDS = {"exact": (None, 1), "tf32": (TF32, 1), "3xtf32": (TF32, 2)}
"""What is multiplied in place of an operand: the format of its parts, and how many of them."""

ROUNDINGS = ("nearest", "stochastic")
"""How what is stored is rounded."""

PAIRINGS = (
    "neighbouring channels", "channels of two halves", "neighbours in the batch", "two halves of the batch",
    "neighbours among all rows",
)  # fmt: skip
"""Which two real rows kernels transform as one complex row."""

ALGORITHMS = ("conventional", "packed", "normwise", "unreduced")
"""Rows by themselves and products by their definition in any order; two real rows in one complex transform; products by
Strassen's recursion as well, and complex ones of three real ones; tables of roots of unity whose angles are not
reduced."""

CLAIMS = ("accumulation", "intermediate", "algorithm")
"""Fields of an `ErrorModel` that only some ops depend on. "packing" is one of convolutions alone, "tables" of what is
made of transforms."""


def gamma(n: float, u: float) -> float:
    """(1 + u)^n − 1, the largest relative change that n roundings make; at most n u/(1 − n u).

    Theorem: `proofs/rounding`.

    It is a number for all n, and infinite here where float64 has none as large.

    >>> gamma(10, 2.0**-24) <= 10 * 2.0**-24 / (1 - 10 * 2.0**-24)
    True
    >>> gamma(1e11, 2.0**-24)
    inf
    """
    return risen(n * log1p(u))


def risen(logarithm: float) -> float:
    """e^x − 1, infinite where it leaves the range of float64."""
    return expm1(logarithm) if logarithm < MOST_LOGARITHM else inf


MOST_LOGARITHM = 709.0
"""Less than the logarithm of the largest float64."""


def scaled(growth: Any, moduli: np.ndarray) -> np.ndarray:
    """growth · moduli, and zero where the moduli are: no number, however large, times zero is anything else.

    >>> scaled(float("inf"), np.array([0.0, 1.0]))
    array([ 0., inf])
    """
    if np.isfinite(growth).all():
        return np.asarray(growth * moduli)
    with np.errstate(invalid="ignore"):
        return np.where(moduli == 0, 0.0, growth * moduli)


def probabilistic_gamma(n: int, u: float, failure: float) -> float:
    """γ̃_n of Higham & Mary (2019) for one inner product of n terms, which fails with probability at most `failure`.

    Theorem: `proofs/rounding_in_probability`, `inner_product_any_order`.

    Also of a sum of n + 1 terms in n additions: two of the terms, at least, meet the same ones.

    >>> probabilistic_gamma(10_000, 2.0**-24, 1e-9) < gamma(10_000, 2.0**-24) / 10
    True
    """
    if not 0 < failure < 1:
        raise ValueError(f"failure: expected a probability strictly between 0 and 1, got {failure}")
    rate = sqrt(2 * log(2 * max(n, 1) / failure)) / (1 - u)
    return risen(rate * sqrt(n) * u + n * u * u / (1 - u))


def three_products_growth(n: int, u: float) -> float:
    """Of n complex products by three real ones (3M), of which the moduli add up to one; for the modulus.

    Theorem: `proofs/products_of_sums`, `three_products_by_element`.

    T₃ − T₁ − T₂, the imaginary part, is off by at most 3γ_(n+4), and T₁ − T₂, the real one, by γ_(n+1), where
    T₁ = A₁B₁, T₂ = A₂B₂ and T₃ = (A₁ + A₂)(B₁ + B₂). (Higham, *Accuracy and Stability*, 2nd ed., §23.2.4, has the same
    method.)

    >>> three_products_growth(1, 2.0**-24) * 2**24  # 3 · 5 + 2
    17.00000...
    """
    return 3 * gamma(n + 4, u) + gamma(n + 1, u)


@dataclass(frozen=True)
class ErrorModel:
    """What a kernel claims about its arithmetic, and which bound it is held to.

    Attributes:
        storage: format of inputs and outputs.
        accumulation: format in which products are summed.
        intermediate: format in which a multi-stage kernel keeps what lies between two stages, and its tables.
        failure: None for the deterministic bound; otherwise the probability with which the probabilistic bound of one
            inner product, or of the norm of one row, may fail.
        operands: format whose numbers are multiplied in place of the operands (cut or rounded to it), or None for the
            operands as they are.
        parts: how many such numbers stand for one operand: 2 is the compensated product of 3xTF32.
        normwise: products may be formed by Strassen's recursion, complex ones by three real ones (3M), and short
            convolutions by Winograd's products of sums.
        packed: two real rows may be transformed as one complex row.
        unreduced: roots of unity exp(2πi jk/N) may be of the angle 2π jk/N as it is, rounded three times, in place of
            that of jk mod N: the angle, and so the root, is off by up to 3u times its size.
        pairing: which two rows are transformed as one, of `PAIRINGS`, where that is known; empty where it may be any.
    """

    storage: Format
    accumulation: Format
    intermediate: Format
    failure: float | None = None
    operands: Format | None = None
    parts: int = 1
    normwise: bool = False
    packed: bool = False
    unreduced: bool = False
    pairing: str = ""

    def growth(self, n: int, *, complex_values: bool = False) -> float:
        """Relative error of a sum of n products in the accumulation format, relative to the sum of moduli.

        Theorems: `proofs/rounding`, `inner_underflow`, `complex_part` and `complex_modulus`.

        Complex: a real or imaginary part is a sum of 2n real products, which gives √2 γ_2n in modulus; by three real
        products, `three_products_growth`.
        """
        u = self.accumulation.unit_roundoff
        count = n if self.parts == 1 else 3 * n
        terms, factor = (2 * count, sqrt(2)) if complex_values else (count, 1.0)
        bound = gamma(terms, u)
        if self.failure is not None and terms:
            bound = min(bound, probabilistic_gamma(terms, u, self.failure))
        bound *= factor
        if complex_values and self.normwise and n:
            bound = max(bound, three_products_growth(count, u))
        moved = self.complex_operand_error if complex_values else self.operand_error
        return bound + (1 + bound) * moved if n and moved else bound

    def underflow(self, n: int, *, complex_values: bool = False) -> float:
        """What the underflow of n products and of their n − 1 sums may come to: (2n − 1)(1 + u)^(n−1) η.

        Theorem: `proofs/rounding`, `inner_underflow`.

        Complex: each part is a sum of 2n products, which gives √2 of that in modulus (`complex_modulus`). By three real
        products three sums of n underflow in the imaginary part and two in the real one: 5 (1 + u)² of them.
        """
        if not n:
            return 0.0
        terms, factor = (2 * n, sqrt(2)) if complex_values else (n, 1.0)
        u = self.accumulation.unit_roundoff
        found = factor * (2 * terms - 1) * (1 + gamma(terms - 1, u))
        if complex_values and self.normwise:
            found = max(found, 5 * (2 * n - 1) * (1 + gamma(n + 1, u)))
        return found * self.accumulation.underflow

    @property
    def operand_error(self) -> float:
        """Relative error of one product that comes of what stands for its operands.

        A format of unit roundoff u, to which hardware may round or cut off, leaves 2u of a relative to |a|; what two
        numbers of it leave is (2u)². With ε for that, a product is off by (1 + ε)² − 1; and of (a₁ + a₂)(b₁ + b₂) the
        product a₂b₂, at most (2u)² |a||b|, is left out.
        """
        if self.operands is None:
            return 0.0
        left = (2 * self.operands.unit_roundoff) ** self.parts
        return (1 + left) ** 2 - 1 + (left if self.parts > 1 else 0.0)

    @property
    def complex_operand_error(self) -> float:
        """The same of a complex product, in modulus; by three real ones it may be four times as much.

        T₁ and T₂ are moved by its part of |A||B| together, and T₃, whose moduli are twice that, by two of them: the
        imaginary part T₃ − T₁ − T₂ by three, the real part by one.
        """
        return self.operand_error * (4 if self.normwise else 1)

    def deterministic(self) -> ErrorModel:
        """The same arithmetic held to the deterministic bound."""
        return replace(self, failure=None)

    def describe(self, claims: Collection[str] = CLAIMS) -> str:
        """One sentence for reports; of `CLAIMS` only those named, on which the op at hand depends."""
        parts = [f"stored in {self.storage.name}" + ("" if self.storage.to_nearest else " by stochastic rounding")]
        if "accumulation" in claims:
            parts.append(f"accumulated in {self.accumulation.name}")
        if "intermediate" in claims:
            parts.append(f"{self.intermediate.name} between stages")
        if self.operands is not None:
            parts.append("products of " + ("3x" if self.parts > 1 else "") + f"{self.operands.name} operands")
        if self.normwise and "algorithm" in claims:
            parts.append("products by Strassen, 3M or Winograd")
        if self.packed and "packing" in claims:
            parts.append("two rows in one transform")
        if self.unreduced and "tables" in claims:
            parts.append("roots of unity of angles that are not reduced")
        parts.append("deterministic bound" if self.failure is None else "probabilistic bound")
        return ", ".join(parts)


def default_model(
    dtype: str | np.dtype | Format,
    accumulation: str | np.dtype | Format | None = None,
    intermediate: str | np.dtype | Format | None = None,
    failure: float | None = None,
    *,
    operands: str = "exact",
    rounding: str = "nearest",
    algorithm: str = "conventional",
) -> ErrorModel:
    """The usual claim: half-precision kernels accumulate in float32 and store between stages in their own format.

    Args:
        operands: one of `OPERANDS`; rounding: one of `ROUNDINGS`; algorithm: one of `ALGORITHMS`.

    Raises:
        ValueError: a format or a claim of another name, or operands of a format no narrower than what is stored.

    >>> default_model("bf16").describe()
    'stored in bfloat16, accumulated in float32, bfloat16 between stages, deterministic bound'
    """
    storage = format_of(dtype)
    if operands not in OPERANDS:
        raise ValueError(f"operands: expected one of {', '.join(OPERANDS)}, got {operands!r}")
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding: expected one of {', '.join(ROUNDINGS)}, got {rounding!r}")
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm: expected one of {', '.join(ALGORITHMS)}, got {algorithm!r}")
    read_as, parts = OPERANDS[operands]
    if read_as is not None and storage.precision <= read_as.precision:
        raise ValueError(f"operands: expected exact, as {read_as.name} holds every {storage.name}, got {operands!r}")
    usual = FLOAT32 if storage.precision < FLOAT32.precision else storage
    between = storage if intermediate is None else format_of(intermediate)
    if rounding == "stochastic":
        storage, between = faithful(storage), faithful(between)
    return ErrorModel(
        storage,
        usual if accumulation is None else format_of(accumulation),
        between,
        failure,
        read_as,
        parts,
        algorithm == "normwise",
        algorithm == "packed",
        algorithm == "unreduced",
    )


def failure_per_product(failure: float, products: int) -> float:
    """Failure probability to give each of `products` inner products so that all hold with probability 1 − `failure`."""
    return max(failure / max(products, 1), exp(-600))
