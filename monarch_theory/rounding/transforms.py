"""Bounds for discrete Fourier transforms and for the convolutions made of them, element by element and in norm.

**Which algorithms.** Products of stages (any radices up to 7, and larger ones made of these or no worse; prime factors;
two balanced radices), direct sums in any order, and Bluestein's for sizes with a prime factor above 13; a convolution
by transforms of any length, or as a direct sum counted by position or by lag. Tables of roots of unity are good to
twice the roundoff of what lies between the stages; or, where that is claimed (`unreduced`), to three roundings of
angles 2π jk/N that grow with jk, which is N times as much for a direct sum.

**In norm.** A stage of radix b is √b times a unitary matrix, so an error made in it is passed on undiminished and not
enlarged: errors of stages add up beside ‖y‖₂ = √N ‖x‖₂, not beside ‖x‖₁ as for the worst element. That is where the
bound is sharp: log N roundings, however long the row.

One output of a stage is a sum of 2b real products in each of its parts. Let all outputs, and both parts, be summed in
the same order. A partial sum takes in a subset S of the products; over all outputs together it is F v_S, of norm
√b ‖v_S‖₂ ≤ √b ‖v‖₂, and so are all products together.

*Deterministic* (`proofs/rounding_in_norm`): the table of a stage is exact in its first row and column, off by at most
b − 1 times the error of an entry in all. So a part of an output has 2b − 2 additions, each of which adds an error of at
most u √b ‖v‖₂ over all outputs; and 2b − 2 products, of outputs but the first, whose errors may all have the sign that
hurts: they come to u √2 (b − 1) ‖v‖₂, the Frobenius norm of those entries. Beside the result, of norm √b ‖v‖₂, that is
γ_(2b−2) + u √2 (b − 1)/√b (1 + u)^(2b−2). A complex product by a twiddle has one addition, and its two products come
to u √2: more than two roundings. (Higham, *Accuracy and Stability*, 2nd ed., Theorem 24.2, bounds the radix-2 case.)

*Probabilistic*: let every rounding error be mean independent of those before it, with mean zero, as Higham & Mary
(2019) have it. The error of the whole is then Σ_k δ_k a_k, |δ_k| ≤ u: a martingale in a Hilbert space, a_k what later
stages make of the number that is rounded. The inequality of Pinelis (*Optimum bounds for the distributions of
martingales in Banach spaces*, Ann. Probab. 22, 1994), proved in `proofs/random_errors_in_norm`, gives

    ‖Σ_k δ_k a_k‖₂ ≤ λ u √V,  V = Σ_k ‖a_k‖₂²,  with probability at least 1 − 2 exp(−λ²/2).

So only V is counted, the *energy* of a stage beside ‖y‖₂² and u²: 1 for each of those 2b roundings, 2 for a twiddle,
(v/u)² for storing in a format of unit roundoff v > u. Tables are no random numbers: their errors are bounded in norm,
not as energy. The three transforms of a convolution are one martingale (`_by_spectra`).

**How sharp.** λ is 7 for a failure of one in 10⁹; a rounding error is 0.4 u in the mean and not u; a usual filter has
a largest response of 3 ‖k‖₂ and not ‖k‖₂; and tables of a fast transform may be off by 3 u for every doubling, all to
the same side, which those of libraries are not. So a usual FFT convolution of normal rows comes to 0.002 of its bound,
and no bound that holds for every algorithm, table and order here comes much nearer. Where all terms are equal, direct
sums come to a tenth of it.

Where data are constant, roundings are not random: while a sum is within one power of two, adding c to it makes the same
error every time, at most half a unit in the last place. Over the last power of two, half of n additions, that is
n u/4 of the sum, and over the one before at most an eighth of it more, as its error is at most a half of its own unit
and the next power's is then at most a quarter of the next: so n u/3 is added for n terms, in every stage. In a direct
sum it is added for the share of terms that are equal in both factors, or for all where they differ by less than a few
units in the last place of the sum: a product of two numbers, one of which is like no other, has low bits of its own.

**Lengths of convolutions.** Whoever may choose the length does not choose one with a prime factor above 256 and sum it
directly. Libraries transform such a length by Bluestein's algorithm: three transforms of a length they choose. Its
error is bounded above for a transform; inside a convolution it is measured, not derived, to be within the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, cos, exp, inf, isqrt, log, log1p, log2, pi, sqrt
from typing import Any

import numpy as np

from monarch_theory.digits import balanced_radices
from monarch_theory.rounding.model import ErrorModel, gamma, risen, scaled
from monarch_theory.rounding.norms import two_norm
from monarch_theory.rounding.remembering import remembered
from monarch_theory.rounding.running import BOUND_SLACK, Running

__all__ = [
    "any_fourier_growth",
    "any_fourier_growth_in_norm",
    "convolution_bound",
    "convolution_bound_in_norm",
    "convolution_growth",
    "correlation_gradient_bound",
    "correlation_gradient_bound_in_norm",
    "fourier_bound",
    "fourier_bound_in_norm",
    "fourier_growth",
    "fourier_growth_in_norm",
    "largest_response",
    "random_errors_in_norm",
]

LARGEST_BUTTERFLY = 7
"""Radix up to which a fast transform may sum a stage directly, where nobody says the radices."""

LARGEST_PRIME = 13
"""The largest prime factor for which libraries sum stages; beyond it they may turn to Bluestein's algorithm."""

LARGEST_DIRECT = 256
"""The largest radix of a stage that is summed directly, where a kernel may choose the length it transforms at."""

SYSTEMATIC = 1 / 3
"""Unit roundoffs by which every addition may be off to the same side, beside the final sum, where data are constant."""

Stages = Callable[[Callable[[int], float], float], float]
"""Given what a stage of a radix costs, and what lies between two stages, what all of a transform costs."""


def _stages(radices: Sequence[int]) -> Stages:
    return lambda cost, between: sum(map(cost, radices)) + (len(radices) - 1) * between


def _fast_stages(size: int, *, padded: bool) -> Stages:
    """Of any radices up to `LARGEST_BUTTERFLY`, so much for every doubling; `padded`: any length up to 2·size."""
    doublings, largest = (ceil(log2(size)) + 1, 2 * size) if padded else (log2(size), size)
    radices = range(2, min(LARGEST_BUTTERFLY, largest) + 1)
    if not radices:
        return _stages((1,))

    def total(cost: Callable[[int], float], between: float) -> float:
        return doublings * max((cost(b) + between) / log2(b) for b in radices) - between

    return total


def _prime_factors(size: int) -> list[int]:
    for factor in range(2, isqrt(size) + 1):
        if size % factor == 0:
            return [factor, *_prime_factors(size // factor)]
    return [size]


@lru_cache(maxsize=1024)
def _usual_stages(size: int, *, padded: bool = True) -> tuple[Stages, ...]:
    """Those of a length, or where a kernel may choose one from `size` on, of it and of the next power of two.

    Nobody who may choose sums a thousand terms directly: a length with such a prime factor is not taken for one.
    """
    size = max(size, 1)
    own: tuple[tuple[int, ...], ...] = (tuple(balanced_radices(size)), tuple(_prime_factors(size)))
    if padded:
        own = (
            *(radices for radices in own if max(radices) <= LARGEST_DIRECT),
            balanced_radices(1 << (size - 1).bit_length()),
        )
    return _fast_stages(size, padded=padded), *map(_stages, own)


def _table_error(model: ErrorModel, angle: float = 2 * pi) -> float:
    """Of one root of unity, of an angle up to this one.

    They are stored in what lies between the stages, and good to twice its roundoff u. An angle that is not reduced is
    rounded three times, π, a product and a quotient, and that moves the root by as much as the angle: 3u times that.
    """
    u = max(model.intermediate.unit_roundoff, model.accumulation.unit_roundoff)
    return (2 + 3 * angle * model.unreduced) * u


def _table_of(b: int, model: ErrorModel) -> float:
    """Of any entry of the DFT of b points, whose angles are 2π jk/b with j, k < b."""
    return _table_error(model, 2 * pi * (b - 1) ** 2 / b)


def _table_in_norm(b: int, model: ErrorModel) -> float:
    """Of the whole table beside the norm √b of the DFT of b points: its Frobenius norm; first row and column are exact.

    Σ_j j² = (b − 1) b (2b − 1)/6, so that ‖jk/b‖_F = (b − 1)(2b − 1)/6: angles on average are a third of the largest.
    """
    return (b - 1) / sqrt(b) * _table_error(model, 2 * pi * (2 * b - 1) / 6)


def fourier_growth(radices: Sequence[int], model: ErrorModel) -> float:
    """G with |ŷ_i − y_i| ≤ G ‖x‖₁ for a DFT in stages of the given radices.

    Theorem: `proofs/rounding`, `rounding_bound`, for real scalars.

    Every output is Σ_j x_j times p DFT entries and p − 1 twiddles, all of modulus one and each from a table; stage k
    sums b_k terms and stores its result. The roundings along any path multiply up to 1 + G.
    """
    return _growth(_stages(radices), model)


@lru_cache(maxsize=1024)
def _growth(stages: Stages, model: ErrorModel) -> float:
    def cost(b: int) -> float:
        return log1p(model.growth(b, complex_values=True)) + log1p(_table_of(b, model)) + log1p(_held(model))

    return risen(stages(cost, log1p(model.growth(1, complex_values=True)) + log1p(_table_error(model))))


def _held(model: ErrorModel) -> float:
    """Of storing what lies between two stages, where that is another format than sums are rounded to."""
    narrower = model.intermediate.unit_roundoff > model.accumulation.unit_roundoff
    return model.intermediate.unit_roundoff if narrower else 0.0


def fourier_growth_in_norm(radices: Sequence[int], model: ErrorModel) -> float:
    """G with ‖ŷ − y‖₂ ≤ G ‖y‖₂ = G √N ‖x‖₂ for the same algorithm.

    Every stage adds its sums, the error of its table, and a twiddle; or, where the model is probabilistic and that is
    less, λ u times the root of the energy. See the module.

    Theorems: `proofs/rounding_in_norm`, `stage_in_norm`, `complex_product` and `stages_in_norm`.

    >>> from monarch_theory.rounding import default_model
    >>> sure, likely = (fourier_growth_in_norm((64, 64), default_model("float32", failure=f)) for f in (None, 1e-9))
    >>> likely < sure * 0.75
    True
    """
    return _growth_in_norm(_stages(radices), model)


@dataclass(frozen=True)
class _Costs:
    """What all stages of a transform cost in norm, beside its result.

    Attributes:
        tables, sums: logarithms of 1 + what tables, operands included, and what sums and storing add.
        energy, steady: of random and of systematic roundings, in u² and in u; None where no bound rests on them.
    """

    tables: float
    sums: float
    energy: float | None = None
    steady: float = 0.0

    @property
    def sure(self) -> float:
        """G with ‖ŷ − y‖₂ ≤ G ‖y‖₂, whatever the roundings."""
        return risen(self.tables + self.sums)


@lru_cache(maxsize=1024)
def _costs_in_norm(stages: Stages, model: ErrorModel) -> _Costs:
    def of_tables(b: int) -> float:
        return log1p(_table_in_norm(b, model))

    def of_sums(b: int) -> float:
        return log1p(_sums_in_norm(b, model)) + log1p(_held(model))

    def of_operands(b: int) -> float:
        return log1p(sqrt(b) * model.complex_operand_error)

    tables = stages(of_tables, log1p(_table_error(model)))
    tables += stages(of_operands, log1p(model.complex_operand_error)) if model.operands else 0.0
    sums = stages(of_sums, log1p(_twiddle_in_norm(model)))
    if model.failure is None or model.normwise or tables + sums >= 1:
        return _Costs(tables, sums)
    held = (_held(model) / model.accumulation.unit_roundoff) ** 2
    energy = stages(lambda b: 2 * b + held, 2.0)
    return _Costs(tables, sums, energy, stages(lambda b: b * SYSTEMATIC, 0.0))


@lru_cache(maxsize=1024)
def _growth_in_norm(stages: Stages, model: ErrorModel) -> float:
    costs = _costs_in_norm(stages, model)
    if costs.energy is None:
        return costs.sure
    likely = random_errors_in_norm(sqrt(costs.energy), model) + costs.steady * _u(model)
    return risen(costs.tables + min(costs.sums, log1p(likely * exp(costs.tables + costs.sums))))


def _sums_in_norm(b: int, model: ErrorModel) -> float:
    """Of the sums of a stage of radix b beside the norm of its result; for 3M of the moduli.

    Theorem: `proofs/rounding_in_norm`, `stage_in_norm`.
    """
    if model.normwise:
        return sqrt(b) * _normwise(b, model)
    # an entry of the table may be longer than one by its own error
    products = (b - 1) * sqrt(2 / b) * (1 + _table_error(model))
    return _additions_and_products(2 * b - 2, products, model)


def _twiddle_in_norm(model: ErrorModel) -> float:
    """Of complex products by numbers of modulus one, beside the norm of what they multiply.

    Theorem: `proofs/rounding_in_norm`, `complex_product`.
    """
    return _normwise(1, model) if model.normwise else _additions_and_products(1, sqrt(2), model)


def _additions_and_products(additions: int, products: float, model: ErrorModel) -> float:
    """γ of the additions beside the longest partial sum, and u for the moduli of all products beside the same."""
    grown = gamma(additions, _u(model))
    return grown + (1 + grown) * _u(model) * products


def _normwise(b: int, model: ErrorModel) -> float:
    return replace(model, operands=None).deterministic().growth(b, complex_values=True)


def random_errors_in_norm(norm: Any, model: ErrorModel) -> Any:
    """λ u times a norm √V: what the 2-norm of random errors exceeds with probability `model.failure` at most.

    V is the energy, the squares of what each rounding is multiplied by, added up; λ² = 2 log(2/failure).

    Theorem: `proofs/random_errors_in_norm`, `errors_in_norm`.

    >>> from monarch_theory.rounding import default_model
    >>> round(random_errors_in_norm(1.0, default_model("float32", failure=1e-9)) * 2**24, 3)
    6.545
    """
    assert model.failure is not None
    return sqrt(2 * log(2 / model.failure)) * model.accumulation.unit_roundoff * norm


def any_fourier_growth(size: int, model: ErrorModel) -> float:
    """As `fourier_growth`, for a transform in any of the usual stages, or a direct sum."""
    return max(_growth(stages, model) for stages in (*_usual_stages(size, padded=False), _stages((max(size, 1),))))


def any_fourier_growth_in_norm(size: int, model: ErrorModel) -> float:
    """As `fourier_growth_in_norm`, for a transform in any of the usual stages, or a direct sum."""
    usual = _usual_stages(size, padded=False)
    return max(_growth_in_norm(stages, model) for stages in (*usual, _stages((max(size, 1),))))


def fourier_bound(x: np.ndarray, radices: Sequence[int] | None, model: ErrorModel) -> np.ndarray:
    """Bound for every element of the DFT along the last axis of `x`, same shape; for 1/N scaling, divide by N.

    `radices` None stands for an unknown algorithm, where N has a large prime factor Bluestein's, too: its convolution
    with a chirp of 2N − 1 unimodular entries is bounded by `convolution_growth`. No element is off by more than the
    norm of all.
    """
    size = x.shape[-1]
    sizes = _sizes(x)
    if radices is not None:
        bound = scaled(fourier_growth(radices, model), sizes.one)
    else:
        bound = scaled(any_fourier_growth(size, model), sizes.one)
        if _needs_bluestein(size):
            chirp = convolution_growth(2 * size, sizes, _sizes(_chirp(size)), model)
            # the three chirps of a term have angles π j²/N
            turned = 3 * (_table_error(model, pi * size) - _table_error(model, 0.0))
            bound = np.maximum(bound, chirp + (model.growth(2, complex_values=True) + turned) * sizes.one)
    bound = bound + model.storage.unit_roundoff * sizes.one + 4 * size * model.accumulation.underflow
    bound = np.minimum(bound, fourier_bound_in_norm(x, radices, model)[..., None])
    bound = np.where(sizes.one > model.storage.largest / 2, inf, bound)
    return BOUND_SLACK * np.broadcast_to(bound, x.shape)


def fourier_bound_in_norm(x: np.ndarray, radices: Sequence[int] | None, model: ErrorModel) -> np.ndarray:
    """Bound for the 2-norm of the error of each DFT along the last axis of `x`, shape (…,).

    Bluestein's algorithm is a convolution of c ⊙ x with the conjugate chirp, which is √N times an isometry, between two
    products with the chirp c; its tables add their error times ‖c‖₂ = √(2N − 1) and the largest response of c ⊙ x.
    """
    size = x.shape[-1]
    two = _sizes(x).two
    image = sqrt(size) * two
    if radices is not None:
        bound = scaled(fourier_growth_in_norm(radices, model), image)
    else:
        bound = scaled(any_fourier_growth_in_norm(size, model), image)
        if _needs_bluestein(size):
            bound = np.maximum(bound, _bluestein_in_norm(x, model))
    bound = bound + model.storage.unit_roundoff * (image + bound) + 4 * size**1.5 * model.accumulation.underflow
    return BOUND_SLACK * np.asarray(bound)[..., 0]


def _needs_bluestein(size: int) -> bool:
    return max(_prime_factors(max(size, 1))) > LARGEST_PRIME


def _chirp(size: int) -> np.ndarray:
    """exp(πi j²/N) for j = −(N − 1) … N − 1."""
    j = np.arange(1 - size, size)
    return np.asarray(np.exp(1j * pi * (j * j % (2 * size)) / max(size, 1)))


def _bluestein_in_norm(x: np.ndarray, model: ErrorModel) -> np.ndarray:
    size = x.shape[-1]
    chirp = _chirp(size)
    around, kernel = _sizes(x * chirp[size - 1 :].conj()), _sizes(chirp)
    image = sqrt(size) * around.two
    of_chirp = _table_error(model, pi * size)
    once = model.growth(1, complex_values=True) + of_chirp + model.intermediate.unit_roundoff
    tables = of_chirp * around.response * kernel.two
    inside = _transformed_in_norm(2 * size, around, kernel, model) + tables + once * image
    return np.asarray(inside + once * (image + inside))


# Convolutions


@dataclass(frozen=True)
class _Sizes:
    """How large sequences along the last axis are, each (…, 1): ‖a‖₁, ‖a‖₂ and the largest |Σ_j a_j z^j|, |z| = 1.

    And how alike their entries: the share of moduli that another one has, too, and their deviation beside ‖a‖₁.
    """

    one: np.ndarray
    two: np.ndarray
    response: np.ndarray
    repeated: np.ndarray | float = 1.0
    spread: np.ndarray | float = 0.0


def _paired(sizes: _Sizes, model: ErrorModel) -> _Sizes:
    """Those of what a kernel may transform at once: two real rows as one complex row, where the model allows it.

    A transform of a + ib errs by a part of √(‖a‖² + ‖b‖²), and what is taken apart of it, or put together to go back,
    too. The other row is the largest there is, where it is not said which.
    """
    if not model.packed or not sizes.one.size:
        return sizes
    one, two, response = (_partners(a, model.pairing) for a in (sizes.one, sizes.two, sizes.response))
    return _Sizes(sizes.one + one, np.hypot(sizes.two, two), sizes.response + response)


def _partners(sizes: np.ndarray, pairing: str) -> np.ndarray:
    """The size of the row that each of (batch, channels, 1), or of filters (channels, 1), is transformed with.

    What has none is transformed alone; so are filters where rows of the batch are paired, whose filter is one.
    """
    if not pairing:
        return np.asarray(sizes.max(initial=0.0))
    if "all rows" in pairing:
        rows = sizes.reshape(1, -1, 1) if sizes.ndim > 2 else sizes
        return _partners(rows, "neighbouring channels").reshape(sizes.shape)
    axis = sizes.ndim - 2 if "channels" in pairing else sizes.ndim - 3
    if axis < 0:
        return np.zeros_like(sizes)
    count = sizes.shape[axis]
    own, half = np.arange(count), -(-count // 2)
    other = own ^ 1 if "neighbour" in pairing else np.where(own < half, own + half, own - half)
    found = np.take(sizes, np.minimum(other, count - 1), axis)
    alone = np.expand_dims(other >= count, tuple(k for k in range(sizes.ndim) if k != axis))
    return np.where(alone, 0.0, found)


def _stretched(size: int, model: ErrorModel) -> int:
    """Taking two rows apart is one more stage of radix two."""
    return 2 * size if model.packed else size


def _sizes(a: np.ndarray | Running) -> _Sizes:
    if not isinstance(a, Running):
        return _sizes_of(a)
    if not a.error.any():
        return _sizes(a.value)
    moduli = np.abs(a.value).astype(np.float64) + a.error
    return _of_moduli(moduli, largest_response(a.value) + a.error.sum(-1, keepdims=True))


@remembered
def _sizes_of(values: np.ndarray) -> _Sizes:
    """Those of an array: the same few are asked for by every bound of a case."""
    return _of_moduli(np.abs(values).astype(np.float64), largest_response(values))


def _of_moduli(moduli: np.ndarray, response: np.ndarray) -> _Sizes:
    one, two = moduli.sum(-1, keepdims=True), two_norm(moduli, keepdims=True)
    repeated, spread = _alike(moduli)
    return _Sizes(one, two, response, repeated, spread)


def _alike(moduli: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of entries that come more than once, and the standard deviation beside the sum, (…, 1) each."""
    n = moduli.shape[-1]
    if n < 2:
        return np.ones((*moduli.shape[:-1], 1)), np.zeros((*moduli.shape[:-1], 1))
    ordered = np.sort(moduli, -1)
    twice = ordered[..., 1:] == ordered[..., :-1]
    again = np.concatenate([twice[..., :1], twice[..., 1:] | twice[..., :-1], twice[..., -1:]], -1)
    total = moduli.sum(-1, keepdims=True)
    deviation = moduli.std(-1, keepdims=True)
    return again.mean(-1, keepdims=True), deviation / np.where(total > 0, total, 1)


OVERSAMPLING = 8


@remembered
def largest_response(a: np.ndarray) -> np.ndarray:
    """An upper bound on max |Σ_j a_j z^j| over the whole circle |z| = 1, along the last axis, kept: (…, 1).

    It bounds what a filter a does to a signal in norm, at whatever length it is transformed. Times z^(−(n−1)/2) the sum
    is a trigonometric polynomial p of degree d = (n − 1)/2, and |p| ≥ max|p| cos(d t) at a distance t ≤ π/d from where
    it is largest (M. Riesz; for halves of integers, of twice the angle). No point is further than π/M from one of M
    equispaced ones, so max|p| ≤ (largest on those) / cos(π d/M): 2% more at most, for M = 8n. Nor does it exceed ‖a‖₁.

    >>> float(largest_response(np.array([1.0, 1.0]))[0])
    2.0
    """
    n = a.shape[-1]
    one = np.abs(a).astype(np.float64).sum(-1, keepdims=True)
    if n == 0 or not np.isfinite(one).all():
        return one
    points = OVERSAMPLING * n
    transform = np.fft.fft if a.dtype.kind == "c" else np.fft.rfft
    seen = np.abs(transform(a, points)).max(-1, keepdims=True)
    return np.asarray(np.minimum(one, seen / cos(pi * (n - 1) / 2 / points)))


def convolution_growth(size: int, signal: _Sizes, kernel: _Sizes, model: ErrorModel) -> Any:
    """Elementwise error of F⁻¹(F k ⊙ F u), transforms of a length from `size` to 2·size.

    Going in, Σ|ΔK||U|/N is at most G ‖k‖₁‖u‖₂ (with |ΔK| ≤ G‖k‖₁ and ‖U‖₁ ≤ N‖u‖₂) and at most G₂ ‖k‖₂‖u‖₂ (with
    ‖ΔK‖₂ ≤ G₂√N‖k‖₂ and Cauchy–Schwarz); likewise for u, and for ΔK ΔU. Coming out, Σ|K U|/N ≤ ‖k‖₂‖u‖₂ gives
    (G + γ)(‖k‖₂‖u‖₂ + what came in). The transforms are in any of the usual stages.
    """
    g = max(_growth(stages, model) for stages in _usual_stages(size))
    g2 = max(_growth_in_norm(stages, model) for stages in _usual_stages(size))
    both = kernel.two * signal.two
    into = np.minimum(g * kernel.one * signal.two, g2 * both) + np.minimum(g * kernel.two * signal.one, g2 * both)
    into = into + np.minimum(g * g * kernel.one * signal.one, g2 * g2 * both)
    middle = _middle(model)
    return into + (g + middle + g * middle) * (both + into)


def _lost(size: int, signal: _Sizes, kernel: _Sizes, model: ErrorModel) -> np.ndarray:
    """What underflow costs each output: in one transform, times the other, or in the product; infinite where one of the
    spectra, or their product before it is divided by the length, may leave the range."""
    found = 4 * size * model.accumulation.underflow * (1 + signal.one + kernel.one)
    largest = np.maximum(4 * size * signal.one * kernel.one, 4 * np.maximum(signal.one, kernel.one))
    return np.where(largest > model.accumulation.largest, inf, found)


def _middle(model: ErrorModel) -> float:
    """Of the product of two spectra, stored, and of the scale 1/N."""
    stored = 2 * max(model.intermediate.unit_roundoff, model.accumulation.unit_roundoff)
    return model.growth(1, complex_values=True) + stored


def _middle_in_norm(model: ErrorModel) -> float:
    stored = 2 * max(model.intermediate.unit_roundoff, model.accumulation.unit_roundoff)
    return _twiddle_in_norm(model) + model.complex_operand_error + stored


def _transformed_in_norm(
    size: int, signal: _Sizes, kernel: _Sizes, model: ErrorModel, image: np.ndarray | float = inf
) -> np.ndarray:
    """2-norm of the error of F⁻¹(F k ⊙ F u), transforms of a length N from `size` to 2·size, shape (…, 1).

    `image`: of its exact value, where that is known; it is at most K_max ‖u‖₂ and U_max ‖k‖₂ anyway.

    A row of one number is no exception: a kernel that has transforms of one length, or of tiles, pads it to that.
    """
    each = (_costs_in_norm(stages, model) for stages in _usual_stages(size))
    return np.asarray(np.max([_by_spectra(costs, size, signal, kernel, model, image) for costs in each], 0))


def _by_spectra(
    costs: _Costs, size: int, signal: _Sizes, kernel: _Sizes, model: ErrorModel, image: np.ndarray | float
) -> np.ndarray:
    """The same by two transforms of such costs, and one back.

    *Deterministic*: with ‖ΔK‖₂ ≤ G√N‖k‖₂ and |U| ≤ U_max, the largest response, the error ΔK brings is
    ‖F⁻¹(ΔK ⊙ U)‖₂ ≤ G U_max ‖k‖₂; likewise ΔU, and the two together G²√N ‖k‖₂‖u‖₂. What comes out has the norm I of
    the image and what came in, of which the product and the transform back lose their part.

    *Probabilistic*: the roundings of all three transforms are one martingale. What those of F u cost later is K_max
    times as large, in norm, as without the filter, so their energy is E K_max² ‖u‖₂²; that of F k is E U_max² ‖k‖₂²,
    and that of the transform back E (I + what came in)². The three energies are added, and not their roots.
    """
    by_signal, by_kernel = kernel.response * signal.two, signal.response * kernel.two
    image = np.minimum(image, np.minimum(by_signal, by_kernel))
    middle = _middle_in_norm(model)
    beside = costs.sure * costs.sure * sqrt(2 * size) * kernel.two * signal.two
    into = costs.sure * (by_signal + by_kernel) + beside
    out = image + into
    sure = into + (costs.sure + middle + costs.sure * middle) * out
    if costs.energy is None:
        return np.asarray(sure)
    random = random_errors_in_norm(sqrt(costs.energy) * np.hypot(np.hypot(by_signal, by_kernel), out), model)
    random = random + costs.steady * _u(model) * (by_signal + by_kernel + out)
    tables = risen(costs.tables)
    of_tables = tables * (by_signal + by_kernel) + beside + (tables + middle + tables * middle) * out
    # later stages have the errors of their tables, too, and what is rounded has those of the roundings before it
    return np.asarray(np.minimum(sure, of_tables + random * exp(2 * (costs.tables + costs.sums) + middle)))


def _image_norm(
    u: np.ndarray | Running, kernel: np.ndarray, model: ErrorModel, *, circular: bool
) -> np.ndarray | float:
    """‖k ∗ u‖₂ of all 2n − 1 outputs, (…, 1), by Parseval's identity; `circular`: or of the n wrapped ones, if more.

    Of a signal with errors, K_max times their norm is added. With that of the row that is
    transformed beside it; not where nobody says which.

    >>> from monarch_theory.rounding import default_model
    >>> ones = np.ones((1, 2))  # 1, 2, 1
    >>> float(_image_norm(ones, ones, default_model("float64"), circular=False)[0, 0] ** 2)
    6.00001...
    """
    value = u.value if isinstance(u, Running) else u
    n = value.shape[-1]
    if (model.packed and not model.pairing) or not n:
        return inf
    found = _norm_by_spectra(value, kernel, circular=circular)
    moved = _two(u.error) if isinstance(u, Running) else 0.0
    # float64 is good to far less than 2^-20 of it, and to 2^-40 of what may cancel
    response = largest_response(kernel)
    own = np.asarray(found * (1 + 2.0**-20) + response * (moved + 2.0**-40 * _two(value)))
    return np.hypot(own, _partners(own, model.pairing)) if model.packed else own


@remembered
def _norm_by_spectra(value: np.ndarray, kernel: np.ndarray, *, circular: bool) -> np.ndarray:
    n, found = value.shape[-1], np.asarray(0.0)
    for length in (2 * n, n) if circular else (2 * n,):
        spectrum = np.fft.fft(value, length) * np.fft.fft(kernel, length)
        found = np.maximum(found, _two(spectrum) / sqrt(length))
    return found


def _summed_in_norm(
    count: int, signal: _Sizes, kernel: _Sizes, model: ErrorModel, complex_values: bool, *, over_batch: bool = False
) -> np.ndarray:
    """2-norm of the error of Σ_j k_(i−j) u_j, `count` products to a sum, the same order for all i; (…, 1).

    A partial sum takes in a subset S of the positions j, or of the lags: ‖k ∗ u_S‖₂ ≤ K_max ‖u‖₂ and
    ‖k_S ∗ u‖₂ ≤ U_max ‖k‖₂. So deterministic (`proofs/rounding_in_norm`, `sum_in_norm`) γ of the additions times the
    larger, and u for every product: their moduli come to ‖|k| ∗ |u|‖₂, at most ‖k‖₁‖u‖₂ and ‖k‖₂‖u‖₁ (Young).
    Probabilistic the energy, in which all products have ‖k‖₂‖u‖₂. What stands for the operands moves the sum by its
    error times ‖|k| ∗ |u|‖₂.
    `over_batch`: such sums are added along the first axis, `count` products in all, and this is for their sum.
    """
    young = np.minimum(kernel.one * signal.two, kernel.two * signal.one)
    largest = np.maximum(kernel.response * signal.two, signal.response * kernel.two)
    products = kernel.two * signal.two
    if over_batch:
        young, largest = (np.asarray(a).sum(0) for a in (young, largest))
        products = two_norm(np.asarray(products), 0)
    # both parts of a complex product come of two real products
    terms = (2 if complex_values else 1) * count
    if model.normwise and complex_values:
        sure = model.growth(count, complex_values=True) * young
    else:
        grown = gamma(max(terms - 1, 0), _u(model))
        sure = (grown * largest + (1 + grown) * _u(model) * young) * (sqrt(2) if complex_values else 1.0)
    if model.failure is not None and not model.normwise:
        norm = (sqrt(2) if complex_values else 1.0) * np.hypot(products, sqrt(terms) * largest)
        share = np.minimum(_steady(signal, model), _steady(kernel, model))
        steady = count * SYSTEMATIC * _u(model) * largest * (share.max(0, initial=0.0) if over_batch else share)
        sure = np.minimum(sure, (random_errors_in_norm(norm, model) + steady) * exp(min(terms * _u(model), 1.0)))
    moved = model.complex_operand_error if complex_values else model.operand_error
    return np.asarray(sure + moved * young)


APART = 32
"""Units in the last place of a sum by which its terms must differ for their roundings to be alike by chance alone."""


def _steady(sizes: _Sizes, model: ErrorModel) -> np.ndarray:
    """The share of terms that may be rounded the same way every time: equal ones, or all that hardly differ."""
    return np.where(np.asarray(sizes.spread) > APART * _u(model), sizes.repeated, 1.0)


def _u(model: ErrorModel) -> float:
    return model.accumulation.unit_roundoff


def convolution_bound_in_norm(
    u: np.ndarray | Running, kernel: np.ndarray, size: int, model: ErrorModel, *, circular: bool = False
) -> np.ndarray:
    """Bound for the 2-norm of the error of a convolution along the last axis, before storing; shape (…, 1).

    Theorems: `proofs/rounding_in_norm`, `convolution_in_norm` and `sum_in_norm`.

    Args:
        u: (…, n) signal, or what a kernel has of it; kernel: (…, n), broadcast against it.
        size: the least transform length, 2n − 1 or 2n, also for a circular convolution.
        circular: it may be a linear convolution whose tail is added to its head, or of a signal that is repeated: √2
            times the error.
    """
    n = kernel.shape[-1]
    value = u.value if isinstance(u, Running) else u
    size, signal, filter_ = _stretched(size, model), _paired(_sizes(u), model), _paired(_sizes(kernel), model)
    complex_values = "c" in (value.dtype.kind, kernel.dtype.kind)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.maximum(
            _transformed_in_norm(size, signal, filter_, model, _image_norm(u, kernel, model, circular=circular)),
            _summed_in_norm(n, signal, filter_, model, complex_values),
        )
        found = found + sqrt(size) * _lost(size, signal, filter_, model)
        if circular and n > 1:
            found = _folded(found, filter_.response * signal.two, model)
        return np.nan_to_num(found, nan=inf, posinf=inf)


def _folded(error: np.ndarray, norm: np.ndarray, model: ErrorModel) -> np.ndarray:
    """The tail of a sequence of this norm, and of this error in norm, added to its head."""
    return np.asarray(sqrt(2) * (error + model.accumulation.unit_roundoff * (norm + error)))


def convolution_bound(
    u: np.ndarray | Running, kernel: np.ndarray, size: int, model: ErrorModel, *, circular: bool = False
) -> np.ndarray:
    """Bound for a convolution of u with `kernel` along the last axis, by FFTs of length `size` or summed directly.

    Args:
        u: (…, n) signal, or what a kernel has of it; kernel: (…, n), broadcast against it.
        size: the least transform length, 2n − 1 or 2n.
        circular: as in `convolution_bound_in_norm`; of a linear convolution two errors are added.

    Returns:
        (…, 1): the same bound for every output, before storing. A direct sum of n products, error γ_n Σ|k||u|, is
        within it too because Σ|k||u| ≤ ‖k‖₂‖u‖₂. No element is off by more than the norm of all.
    """
    value = u.value if isinstance(u, Running) else u
    length, signal, filter_ = _stretched(size, model), _paired(_sizes(u), model), _paired(_sizes(kernel), model)
    with np.errstate(over="ignore", invalid="ignore"):
        transform = convolution_growth(length, signal, filter_, model)
        n = value.shape[-1]
        complex_values = "c" in (value.dtype.kind, kernel.dtype.kind)
        direct = model.growth(n, complex_values=complex_values) * filter_.two * signal.two
        bound = np.maximum(transform, direct) + _lost(length, signal, filter_, model)
        if circular and n > 1:
            bound = 2 * bound + model.accumulation.unit_roundoff * (filter_.two * signal.two + bound)
        bound = np.minimum(bound, convolution_bound_in_norm(u, kernel, size, model, circular=circular))
        return np.asarray(np.nan_to_num(bound, nan=inf, posinf=inf))


def correlation_gradient_bound(
    w: Running, u: np.ndarray, size: int, model: ErrorModel, *, circular: bool = False
) -> np.ndarray:
    """Bound for Σ_b Σ_i w_(b,i) u_(b,i−l), the gradient of a filter: correlations summed over the batch.

    Args:
        w: (batch, …, n), u: (batch, …, n).
        size, circular: as in `convolution_bound`.

    Returns:
        (…, 1): the same bound for every lag, before storing. Each correlation is within `convolution_bound` of its own,
        and may be stored in `model.intermediate`. Summing over the batch, before or after the transform back, costs
        γ_batch times Σ_b ‖w_b‖₂‖u_b‖₂ and what came in, because |P_b| of a spectrum sums to at most N‖w_b‖₂‖u_b‖₂. One
        sum over all batch · n products, error γ_(batch·n) Σ|w||u|, is within the bound too.
    """
    batch, n = u.shape[0], u.shape[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        single = convolution_bound(w, u, size, model, circular=circular)
        norms = _sizes(w).two * _sizes(u).two
        moved = _two(w.error) * _sizes(u).two
        stored = model.intermediate.unit_roundoff * (norms + single) + model.intermediate.underflow
        apart = single + stored + model.growth(batch, complex_values=True) * (norms + single + stored)
        together = model.growth(batch * n) * norms + 4 * n * model.accumulation.underflow
        return np.nan_to_num((moved + np.maximum(apart, together)).sum(0), nan=inf, posinf=inf)


def correlation_gradient_bound_in_norm(
    w: Running, u: np.ndarray, size: int, model: ErrorModel, *, circular: bool = False
) -> np.ndarray:
    """Bound for the 2-norm, over the lags, of the error of the same gradient, before storing; shape (…, 1).

    As `correlation_gradient_bound`, with the norms of the module: correlations one by one, each of norm at most
    W_max ‖u‖₂, stored and added, or one sum of batch · n products.
    """
    batch, n = u.shape[0], u.shape[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        rows, others = _paired(_sizes(w), model), _paired(_sizes(u), model)
        size = _stretched(size, model)
        # a correlation is a convolution with the row reversed, of the same norm
        image = _image_norm(w, u[..., ::-1], model, circular=circular)
        single = _transformed_in_norm(size, rows, others, model, image)
        single = _folded(single, rows.response * others.two, model) if circular and n > 1 else single
        norms = np.minimum(rows.response * others.two, others.response * rows.two)
        moved = np.minimum(_one(w.error) * others.two, _two(w.error) * others.one)
        stored = model.intermediate.unit_roundoff * (norms + single) + sqrt(n) * model.intermediate.underflow
        added = model.growth(batch, complex_values=True) * (norms + single + stored)
        apart = (single + stored + added).sum(0)
        together = _summed_in_norm(max(batch, 1) * n, rows, others, model, False, over_batch=True)
        lost = sqrt(size) * _lost(size, rows, others, model)
        found = moved.sum(0) + np.maximum(apart, together) + lost.sum(0)
        return np.nan_to_num(found, nan=inf, posinf=inf)


def _one(a: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(a).sum(-1, keepdims=True))


def _two(a: np.ndarray) -> np.ndarray:
    return two_norm(a, keepdims=True)
