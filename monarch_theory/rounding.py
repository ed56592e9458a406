"""Error models: how far a right kernel may be from the exact answer, element by element.

Model of arithmetic. A format with precision p rounds to nearest, fl(a ∘ b) = (a ∘ b)(1 + δ) + ε with |δ| ≤ u = 2^−p and
|ε| ≤ η, one of δ, ε zero (Higham, *Accuracy and Stability*, 2nd ed., §2.1); η is the smallest normal number, because
vector units flush subnormals, and the smallest subnormal for float16, which none of them flushes. Products are
accumulated in *any* order, with or without fused multiply–add, so a bound fits every blocking and every tree.

**Deterministic.** A sum of n products passes each term through at most n roundings, so

    |fl(Σ a_i x_i) − Σ a_i x_i| ≤ γ_n Σ |a_i| |x_i| + n η,   γ_n = (1 + u)^n − 1 ≤ n u / (1 − n u)   (Higham, §3.1).

It holds always: a kernel outside it does not compute the sum in the format it claims.

**Probabilistic.** If rounding errors are mean independent with mean zero, then with probability at least 1 − `failure`
γ_n may be replaced by γ̃_n = exp(λ √n u + n u²/(1 − u)) − 1, where λ = √(2 ln(2n / failure)) / (1 − u)
(Higham & Mary, *A new approach to probabilistic rounding error analysis*, SISC 41, 2019, Theorems 2.4 and 3.1). It is
sharper from n ≈ λ² on; below, the deterministic bound is the smaller and is what `ErrorModel.growth` returns.

**Exact.** Multiples of 2^g below 2^(p+g) are all representable. Where Σ |a_i| |x_i| stays below that, nothing is
rounded whatever the order, and the bound is zero: small integers must come out exactly right.

Complex numbers are pairs: a sum of n complex products is, per component, a sum of 2n real ones, which gives √2 γ_2n in
modulus. Kernels that form complex products with three multiplications are outside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, expm1, inf, isqrt, log, log1p, log2, prod, sqrt
from typing import Any

import numpy as np

from monarch_theory.digits import reversal
from monarch_theory.monarch import Convention, Monarch

__all__ = [
    "BFLOAT16", "FLOAT16", "FLOAT32", "FLOAT64", "ErrorModel", "Format", "Running", "any_fourier_growth",
    "apply_stages", "balanced_radices", "convolution_bound", "correlation_gradient_bound",
    "default_model", "exactly", "format_of", "fourier_bound",
    "gamma", "matmul", "matmul_bound", "monarch_multiply_bound", "probabilistic_gamma", "round_to", "store",
    "unit_roundoff",
]  # fmt: skip

# Bounds are evaluated in float64 themselves, on values good to 2^-40 of their sums of moduli for up to 2^12 terms. Any
# bound that is not zero contains u times such a sum, so widening it by 2^-20 covers its own roundings.
BOUND_SLACK = 1 + 2.0**-20


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: `precision` bits with the hidden one, normal exponents from `exponent_min`."""

    name: str
    precision: int
    exponent_min: int
    exponent_max: int

    @property
    def unit_roundoff(self) -> float:
        """u = 2^−precision, half the distance from 1 to the next number."""
        return 2.0**-self.precision

    @property
    def smallest_subnormal(self) -> float:
        """η, the distance between numbers around zero."""
        return 2.0 ** (self.exponent_min - self.precision + 1)

    @property
    def underflow(self) -> float:
        """Largest error that rounding to zero may make: hardware may flush subnormals, but not those of float16."""
        return self.smallest_subnormal if self.exponent_min > -126 else 2.0**self.exponent_min

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.precision)) * 2.0**self.exponent_max

    def ulp(self, values: np.ndarray) -> np.ndarray:
        """Distance between neighbouring numbers of this format around each value; η around zero."""
        _, exponents = np.frexp(np.abs(values))
        return np.ldexp(1.0, np.maximum(exponents, self.exponent_min + 1) - self.precision)


FLOAT64 = Format("float64", 53, -1022, 1023)
FLOAT32 = Format("float32", 24, -126, 127)
BFLOAT16 = Format("bfloat16", 8, -126, 127)
FLOAT16 = Format("float16", 11, -14, 15)

NAMES = {
    "float64": FLOAT64, "fp64": FLOAT64, "double": FLOAT64, "complex128": FLOAT64,
    "float32": FLOAT32, "fp32": FLOAT32, "float": FLOAT32, "complex64": FLOAT32,
    "bfloat16": BFLOAT16, "bf16": BFLOAT16, "float16": FLOAT16, "fp16": FLOAT16, "half": FLOAT16,
}  # fmt: skip


def format_of(dtype: str | np.dtype | Format) -> Format:
    """The format of a dtype by name (`bf16`, `float32`, …; complex dtypes give the format of their parts).

    >>> format_of("bf16").unit_roundoff
    0.00390625
    """
    if isinstance(dtype, Format):
        return dtype
    name = str(dtype).removeprefix("torch.")
    if name not in NAMES:
        raise ValueError(f"dtype: expected one of {', '.join(sorted(NAMES))}, got {name!r}")
    return NAMES[name]


def unit_roundoff(dtype: str | np.dtype | Format) -> float:
    """u of a dtype.

    >>> unit_roundoff("float32") == 2.0**-24
    True
    """
    return format_of(dtype).unit_roundoff


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


def round_to(values: Any, dtype: str | np.dtype | Format) -> np.ndarray:
    """`values` (float64 or complex128) rounded to nearest even in another format, as float64 or complex128.

    Overflow gives infinity, and numbers below the normal range become subnormal, as IEEE 754 has it.

    >>> round_to([1 + 2**-9, 1 + 3 * 2**-9, 1e39], "bf16")
    array([1.       , 1.0078125,        inf])
    """
    target = format_of(dtype)
    values = np.asarray(values)
    if values.dtype.kind == "c":
        return round_to(values.real, target) + 1j * round_to(values.imag, target)
    values = values.astype(np.float64)
    if target is FLOAT64:
        return values
    finite = np.where(np.isfinite(values), values, 0)
    spacing = target.ulp(finite)
    rounded = np.rint(finite / spacing) * spacing
    rounded = np.where(np.abs(rounded) > target.largest, np.copysign(inf, rounded), rounded)
    return np.where(np.isfinite(values), rounded, values)


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


@dataclass(frozen=True)
class Running:
    """A running error bound: what a kernel holds at some point of its work.

    Attributes:
        value: the exact value, as float64 or complex128 to about 2^−40.
        error: bound on the modulus of what the kernel has minus the exact value; infinity where it may have overflowed.
        grain: both are multiples of 2^grain; None where nothing is known.
    """

    value: np.ndarray
    error: np.ndarray
    grain: int | None = None

    def __getitem__(self, index: Any) -> Running:
        return Running(self.value[index], self.error[index], self.grain)

    def apply(self, rearrange: Callable[[np.ndarray], np.ndarray]) -> Running:
        """The same after reshaping, transposing or slicing."""
        return Running(rearrange(self.value), rearrange(self.error), self.grain)


def grain_of(values: np.ndarray) -> int:
    """The largest g with every value a multiple of 2^g (0 for an array of zeros).

    >>> grain_of(np.array([6.0, 0.5, 0.0]))
    -1
    """
    parts = np.concatenate([values.real.ravel(), values.imag.ravel()]) if values.dtype.kind == "c" else values.ravel()
    parts = parts[(parts != 0) & np.isfinite(parts)]
    if not parts.size:
        return 0
    mantissas, exponents = np.frexp(parts.astype(np.float64))
    integers = np.ldexp(np.abs(mantissas), 53).astype(np.int64)
    trailing = np.log2((integers & -integers).astype(np.float64)).astype(int)
    return int((exponents - 53 + trailing).min())


def exactly(values: Any) -> Running:
    """Inputs, known without error."""
    values = np.asarray(values)
    wide = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    return Running(wide, np.zeros(wide.shape), grain_of(wide))


def _representable(moduli: np.ndarray, grain: int | None, target: Format) -> np.ndarray:
    """Where every multiple of 2^grain of at most this modulus is a normal number of the format, or zero."""
    if grain is None or grain < target.exponent_min:
        return np.zeros(moduli.shape, dtype=bool)
    return moduli <= min(np.ldexp(1.0, min(target.precision + grain, 1023)), target.largest)


def store(state: Running, target: Format) -> Running:
    """The state rounded once to a format. Values that may exceed its range get an infinite bound."""
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = np.abs(state.value) + state.error
        rounding = target.unit_roundoff * moduli + target.underflow
        error = state.error + np.where(_representable(moduli, state.grain, target), 0.0, rounding)
        error = np.where(np.abs(state.value) + error > target.largest, inf, error)
    return Running(state.value, error, state.grain)


def matmul(blocks: np.ndarray | Running, state: Running, model: ErrorModel) -> Running:
    """Batched product blocks (…, m, n) · state (…, n, c), accumulated but not yet stored.

    With A + ΔA for the blocks and B + ΔB for the state, what came in moves the product by at most |A|ΔB + ΔA(|B| + ΔB).
    """
    left = blocks if isinstance(blocks, Running) else exactly(blocks)
    n = left.value.shape[-1]
    a, b = np.abs(left.value), np.abs(state.value)
    complex_values = "c" in (left.value.dtype.kind, state.value.dtype.kind)
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = a @ b
        moved = a @ state.error + (left.error @ (b + state.error) if left.error.any() else 0.0)
        carried = np.nan_to_num(moved, nan=inf, posinf=inf)
        total = moduli + carried
        grain = None if left.grain is None or state.grain is None else left.grain + state.grain
        accumulation = model.accumulation
        rounding = model.growth(n, complex_values=complex_values) * total + 2 * n * accumulation.underflow
        exact = _representable(total, grain, accumulation)
        error = carried + np.where(exact, 0.0, rounding)
        error = np.where(total + rounding > accumulation.largest, inf, error)
    return Running(left.value @ state.value, error, grain)


def multiply(a: Running, b: Running, model: ErrorModel) -> Running:
    """Elementwise product, rounded once in the accumulation format."""
    value = a.value * b.value
    complex_values = value.dtype.kind == "c"
    with np.errstate(over="ignore", invalid="ignore"):
        carried = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
        carried = np.nan_to_num(carried, nan=inf, posinf=inf)
        moduli = np.abs(a.value) * np.abs(b.value) + carried
        grain = None if a.grain is None or b.grain is None else a.grain + b.grain
        rounding = model.growth(1, complex_values=complex_values) * moduli + 2 * model.accumulation.underflow
        error = carried + np.where(_representable(2 * moduli, grain, model.accumulation), 0.0, rounding)
    return Running(value, error, grain)


def add(a: Running, b: Running, model: ErrorModel) -> Running:
    """Elementwise sum, rounded once in the accumulation format."""
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = np.abs(a.value) + np.abs(b.value) + a.error + b.error
        grain = None if a.grain is None or b.grain is None else min(a.grain, b.grain)
        rounding = model.accumulation.unit_roundoff * moduli
        error = a.error + b.error + np.where(_representable(moduli, grain, model.accumulation), 0.0, rounding)
    return Running(a.value + b.value, error, grain)


def apply_stages(
    factors: Sequence[np.ndarray],
    state: Any,
    product: Callable[[np.ndarray, Any, bool], Any],
    convention: Convention = Convention.M2,
) -> Any:
    """The stages of a Monarch product on any kind of state, (inputs, batch) → (outputs, batch).

    `state` is an array or anything with `apply`; `product(blocks, state, last)` multiplies (…, m, n) by (…, n, c). This
    is `Monarch.multiply` for states that are not arrays of scalars, such as running error bounds.
    """
    rearranged = (lambda s, f: s.apply(f)) if hasattr(state, "apply") else (lambda s, f: f(s))
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    if convention is Convention.DAO:
        state = rearranged(state, lambda a: a[reversal(columns[::-1])])
    for k, factor in enumerate(factors):
        before, after = prod(rows[:k]), prod(columns[k + 1 :])
        m, n = rows[k], columns[k]
        state = rearranged(state, lambda a, s=(before, n, after): a.reshape(*s, a.shape[-1]).swapaxes(1, 2))
        state = product(factor.reshape(before, after, m, n), state, k == len(factors) - 1)
        state = rearranged(state, lambda a, s=before * m * after: a.swapaxes(1, 2).reshape(s, a.shape[-1]))
    if convention is not Convention.DAO_TRANSPOSED:
        state = rearranged(state, lambda a: a[reversal(rows)])
    return state


def monarch_running(
    factors: Sequence[np.ndarray], state: Running, model: ErrorModel, convention: Convention = Convention.M2
) -> Running:
    """Running bound of a Monarch product that stores `model.intermediate` between stages; not stored at the end."""

    def product(blocks: np.ndarray, state: Running, last: bool) -> Running:
        out = matmul(blocks, state, model)
        return out if last else store(out, model.intermediate)

    return apply_stages(factors, state, product, convention)


def monarch_multiply_bound(
    monarch: Monarch | Sequence[np.ndarray],
    x: np.ndarray,
    storage: str | np.dtype | Format,
    accumulation: str | np.dtype | Format | None = None,
    *,
    intermediate: str | np.dtype | Format | None = None,
    failure: float | None = None,
) -> np.ndarray:
    """Elementwise bound on the error of M applied along the last axis of `x`, shape (…, outputs), float64.

    Inputs are taken as exact: round them to `storage` first. Where a value may leave the range of a format, infinity.

    >>> from monarch_theory.monarch import random_monarch
    >>> from monarch_theory.domains import FLOAT64 as F
    >>> M = random_monarch((4, 4), F, np.random.default_rng(0))
    >>> x = np.ones((1, 16))
    >>> bool((monarch_multiply_bound(M, x, "float32") < monarch_multiply_bound(M, x, "bf16")).all())
    True
    >>> integers = [np.rint(f) for f in M.factors]
    >>> float(monarch_multiply_bound(integers, x, "float32").max())
    0.0
    """
    factors = monarch.factors if isinstance(monarch, Monarch) else monarch
    convention = monarch.convention if isinstance(monarch, Monarch) else Convention.M2
    model = default_model(storage, accumulation, intermediate, failure)
    flat = np.asarray(x).reshape(-1, x.shape[-1]).T
    out = store(monarch_running(factors, exactly(flat), model, convention), model.storage)
    return BOUND_SLACK * out.error.T.reshape(*x.shape[:-1], out.error.shape[0])


def matmul_bound(
    a: np.ndarray,
    b: np.ndarray,
    storage: str | np.dtype | Format,
    accumulation: str | np.dtype | Format | None = None,
    *,
    failure: float | None = None,
) -> np.ndarray:
    """Elementwise bound on the error of the (batched) product a @ b, stored in `storage`.

    >>> a = np.full((1, 3), 1 / 3)
    >>> float(matmul_bound(a, a.T, "float64")[0, 0]) < 5 * 2.0**-53
    True
    """
    model = default_model(storage, accumulation, failure=failure)
    return BOUND_SLACK * store(matmul(np.asarray(a), exactly(b), model), model.storage).error


def balanced_radices(size: int) -> tuple[int, ...]:
    """Two factors of `size`, as equal as they can be.

    >>> balanced_radices(24), balanced_radices(7)
    ((6, 4), (7, 1))
    """
    small = next(b for b in range(isqrt(size), 0, -1) if size % b == 0) if size else 0
    return (size // small, small) if small else (0, 0)


def fourier_growth(radices: Sequence[int], model: ErrorModel) -> float:
    """G with |ŷ_i − y_i| ≤ G ‖x‖₁ for a DFT in stages of the given radices.

    Every output is Σ_j x_j times p DFT entries and p − 1 twiddles, all of modulus one and each stored with relative
    error u; stage k sums b_k terms and stores its result. The roundings along any path multiply up to 1 + G.
    """
    u = max(model.intermediate.unit_roundoff, model.storage.unit_roundoff)
    total = 0.0
    for b in radices:
        total += log1p(model.growth(b, complex_values=True)) + log1p(model.growth(1, complex_values=True))
        total += 4 * log1p(u)
    return expm1(total)


def fourier_growth_in_norm(radices: Sequence[int], model: ErrorModel) -> float:
    """G with ‖ŷ − y‖₂ ≤ G √N ‖x‖₂ for the same algorithm.

    A stage of radix b has 2-norm √b, and the matrix of its moduli, all ones, has 2-norm b: hence √b at every stage.
    """
    u = max(model.intermediate.unit_roundoff, model.storage.unit_roundoff)
    total = 0.0
    for b in radices:
        total += log1p(sqrt(b) * (model.growth(b, complex_values=True) + 2 * u))
        total += log1p(model.growth(1, complex_values=True)) + 2 * log1p(u)
    return expm1(total)


def usual_radices(size: int) -> tuple[tuple[int, ...], ...]:
    """The stages of a radix-2 FFT, padded to a power of two, and of an order-2 Monarch DFT."""
    doublings = ceil(log2(size)) + 1 if size > 1 else 1
    return ((2,) * doublings, balanced_radices(size))


def any_fourier_growth(size: int, model: ErrorModel) -> float:
    """G for a transform that may be a radix-2 FFT, an order-2 Monarch DFT, or a direct sum."""
    return max(fourier_growth(r, model) for r in (*usual_radices(size), (size,)))


def fourier_bound(x: np.ndarray, radices: Sequence[int] | None, model: ErrorModel) -> np.ndarray:
    """Bound for every element of the DFT along the last axis of `x`, same shape; for 1/N scaling, divide by N.

    `radices` None stands for an unknown algorithm, Bluestein's included: its convolution with a chirp of 2N − 1
    unimodular entries is bounded by `convolution_growth`.
    """
    size = x.shape[-1]
    one, two = _norms(x)
    if radices is not None:
        bound = fourier_growth(radices, model) * one
    else:
        length = 2 * size - 1
        chirp = convolution_growth(2 * size, one, two, float(length), sqrt(length), model)
        bound = np.maximum(any_fourier_growth(size, model) * one, chirp + model.growth(2, complex_values=True) * one)
    bound = bound + model.storage.unit_roundoff * one + 4 * size * model.accumulation.underflow
    bound = np.where(one > model.storage.largest / 2, inf, bound)
    return BOUND_SLACK * np.broadcast_to(bound, x.shape)


def _norms(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1-norm and 2-norm along the last axis, that axis kept."""
    moduli = np.abs(a).astype(np.float64)
    return moduli.sum(-1, keepdims=True), np.sqrt((moduli**2).sum(-1, keepdims=True))


def convolution_growth(size: int, one: Any, two: Any, kernel_one: Any, kernel_two: Any, model: ErrorModel) -> Any:
    """Elementwise error of F⁻¹(F k ⊙ F u) from the norms of u (`one`, `two`) and of k, transforms of length `size`.

    Going in, Σ|ΔK||U|/N is at most G ‖k‖₁‖u‖₂ (with |ΔK| ≤ G‖k‖₁ and ‖U‖₁ ≤ N‖u‖₂) and at most G₂ ‖k‖₂‖u‖₂ (with
    ‖ΔK‖₂ ≤ G₂√N‖k‖₂ and Cauchy–Schwarz); likewise for u, and for ΔK ΔU. Coming out, Σ|K U|/N ≤ ‖k‖₂‖u‖₂ gives
    (G + γ)(‖k‖₂‖u‖₂ + what came in). The transforms are those of `usual_radices`.
    """
    g = max(fourier_growth(r, model) for r in usual_radices(size))
    g2 = max(fourier_growth_in_norm(r, model) for r in usual_radices(size))
    both = kernel_two * two
    into = np.minimum(g * kernel_one * two, g2 * both) + np.minimum(g * kernel_two * one, g2 * both)
    into = into + np.minimum(g * g * kernel_one * one, g2 * g2 * both)
    middle = model.growth(1, complex_values=True) + 2 * max(
        model.intermediate.unit_roundoff, model.accumulation.unit_roundoff
    )
    return into + (g + middle + g * middle) * (kernel_two * two + into)


def convolution_bound(u: np.ndarray, kernel: np.ndarray, size: int, model: ErrorModel) -> np.ndarray:
    """Bound for a convolution of u with `kernel` along the last axis, by FFTs of length `size` or summed directly.

    Args:
        u: (…, n) signal; kernel: (…, n), broadcast against it.
        size: transform length, n for circular and 2n for causal convolution.

    Returns:
        (…, 1): the same bound for every output, before storing. A direct sum of n products, error γ_n Σ|k||u|, is
        within it too because Σ|k||u| ≤ ‖k‖₂‖u‖₂.
    """
    one, two = _norms(u)
    kernel_one, kernel_two = _norms(kernel)
    transform = convolution_growth(size, one, two, kernel_one, kernel_two, model)
    n = u.shape[-1]
    complex_values = "c" in (u.dtype.kind, kernel.dtype.kind)
    direct = model.growth(n, complex_values=complex_values) * kernel_two * two
    return np.maximum(transform, direct) + 4 * size * model.accumulation.underflow


def correlation_gradient_bound(w: Running, u: np.ndarray, size: int, model: ErrorModel) -> np.ndarray:
    """Bound for Σ_b Σ_i w_(b,i) u_(b,i−l), the gradient of a filter: correlations summed over the batch.

    Args:
        w: (batch, …, n), u: (batch, …, n).
        size: transform length, as in `convolution_bound`.

    Returns:
        (…, 1): the same bound for every lag, before storing. Each correlation is within `convolution_bound` of its own,
        and may be stored in `model.intermediate`. Summing over the batch, before or after the transform back, costs
        γ_batch times Σ_b ‖w_b‖₂‖u_b‖₂ and what came in, because |P_b| of a spectrum sums to at most N‖w_b‖₂‖u_b‖₂. One
        sum over all batch · n products, error γ_(batch·n) Σ|w||u|, is within the bound too.
    """
    batch, n = u.shape[0], u.shape[-1]
    moduli = np.abs(w.value) + w.error
    with np.errstate(over="ignore", invalid="ignore"):
        single = convolution_bound(moduli, u, size, model)
        norms = _norms(moduli)[1] * _norms(u)[1]
        moved = _norms(w.error)[1] * _norms(u)[1]
        stored = model.intermediate.unit_roundoff * (norms + single) + model.intermediate.underflow
        apart = single + stored + model.growth(batch, complex_values=True) * (norms + single + stored)
        together = model.growth(batch * n) * norms + 4 * n * model.accumulation.underflow
        return np.nan_to_num((moved + np.maximum(apart, together)).sum(0), nan=inf, posinf=inf)


def failure_per_product(failure: float, products: int) -> float:
    """Failure probability to give each of `products` inner products so that all hold with probability 1 − `failure`."""
    return max(failure / max(products, 1), exp(-600))
