"""What a kernel claims about its arithmetic, and how far a sum may then be off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, expm1, log, log1p, sqrt

import numpy as np

from monarch_theory.formats import BFLOAT16, FLOAT16, FLOAT32, Format, format_of

__all__ = ["ErrorModel", "default_model", "failure_per_product", "gamma", "probabilistic_gamma"]


def gamma(n: int, u: float) -> float:
    """(1 + u)^n − 1, the largest relative change that n roundings make; at most n u/(1 − n u), and finite for all n.

    >>> gamma(10, 2.0**-24) <= 10 * 2.0**-24 / (1 - 10 * 2.0**-24)
    True
    """
    return expm1(n * log1p(u))


def probabilistic_gamma(n: int, u: float, failure: float) -> float:
    """γ̃_n of Higham & Mary (2019) for one inner product of n terms, which fails with probability at most `failure`.

    >>> probabilistic_gamma(10_000, 2.0**-24, 1e-9) < gamma(10_000, 2.0**-24) / 10
    True
    """
    if not 0 < failure < 1:
        raise ValueError(f"failure: expected a probability strictly between 0 and 1, got {failure}")
    rate = sqrt(2 * log(2 * max(n, 1) / failure)) / (1 - u)
    return expm1(rate * sqrt(n) * u + n * u * u / (1 - u))


@dataclass(frozen=True)
class ErrorModel:
    """What a kernel claims about its arithmetic, and which bound it is held to.

    Attributes:
        storage: format of inputs and outputs.
        accumulation: format in which products are summed.
        intermediate: format in which a multi-stage kernel keeps what lies between two stages.
        failure: None for the deterministic bound; otherwise the probability with which the probabilistic bound of one
            inner product may fail.
    """

    storage: Format
    accumulation: Format
    intermediate: Format
    failure: float | None = None

    def growth(self, n: int, *, complex_values: bool = False) -> float:
        """Relative error of a sum of n products in the accumulation format, relative to the sum of moduli."""
        terms, factor = (2 * n, sqrt(2)) if complex_values else (n, 1.0)
        u = self.accumulation.unit_roundoff
        bound = gamma(terms, u)
        if self.failure is not None and terms:
            bound = min(bound, probabilistic_gamma(terms, u, self.failure))
        return factor * bound

    def deterministic(self) -> ErrorModel:
        """The same arithmetic held to the deterministic bound."""
        return replace(self, failure=None)

    def describe(self) -> str:
        """One sentence for reports."""
        kind = "deterministic bound" if self.failure is None else "probabilistic bound"
        return (
            f"stored in {self.storage.name}, accumulated in {self.accumulation.name}, "
            f"{self.intermediate.name} between stages, {kind}"
        )


def default_model(
    dtype: str | np.dtype | Format,
    accumulation: str | np.dtype | Format | None = None,
    intermediate: str | np.dtype | Format | None = None,
    failure: float | None = None,
) -> ErrorModel:
    """The usual claim: half-precision kernels accumulate in float32 and store between stages in their own format.

    >>> default_model("bf16").describe()
    'stored in bfloat16, accumulated in float32, bfloat16 between stages, deterministic bound'
    """
    storage = format_of(dtype)
    usual = FLOAT32 if storage in (BFLOAT16, FLOAT16) else storage
    return ErrorModel(
        storage,
        usual if accumulation is None else format_of(accumulation),
        storage if intermediate is None else format_of(intermediate),
        failure,
    )


def failure_per_product(failure: float, products: int) -> float:
    """Failure probability to give each of `products` inner products so that all hold with probability 1 − `failure`."""
    return max(failure / max(products, 1), exp(-600))
