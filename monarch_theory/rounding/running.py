"""Running error bounds: the exact value, and how far a kernel may be from it, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from monarch_theory.formats import Format
from monarch_theory.rounding.model import ErrorModel, default_model, gamma, scaled

__all__ = [
    "BOUND_SLACK", "Running", "add", "contraction", "exactly", "grain_of", "matmul", "matmul_bound", "multiply",
    "representable", "store", "strassen_growth", "strassen_underflow",
]  # fmt: skip

# Bounds are evaluated in float64 themselves, on values good to 2^-40 of their sums of moduli for up to 2^12 terms. Any
# bound that is not zero contains u times such a sum, so widening it by 2^-20 covers its own roundings.
BOUND_SLACK = 1 + 2.0**-20


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
        """The same after reshaping, transposing, slicing or padding with zeros."""
        value = rearrange(self.value)
        return Running(value, rearrange(self.error) if self.error.any() else np.zeros(value.shape), self.grain)


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


def representable(moduli: np.ndarray, grain: int | None, target: Format, times: int = 1) -> np.ndarray:
    """Where every multiple of 2^grain of at most `times` this modulus is a normal number of the format, or zero."""
    if grain is None or grain < target.exponent_min:
        return np.zeros(moduli.shape, dtype=bool)
    return moduli <= min(np.ldexp(1.0, min(target.precision + grain, 1023)), target.largest) / times


def store(state: Running, target: Format) -> Running:
    """The state rounded once to a format. Values that may exceed its range get an infinite bound.

    Theorems: `proofs/ieee_formats`, `nearest_model`, `faithful_model` and `flushed_model`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = np.abs(state.value) + state.error
        rounding = target.unit_roundoff * moduli + target.underflow
        error = state.error + np.where(representable(moduli, state.grain, target), 0.0, rounding)
        error = np.where(np.abs(state.value) + error > target.largest, inf, error)
    return Running(state.value, error, state.grain)


def matmul(blocks: np.ndarray | Running, state: Running, model: ErrorModel) -> Running:
    """Batched product blocks (…, m, n) · state (…, n, c), accumulated but not yet stored.

    With A + ΔA for the blocks and B + ΔB for the state, what came in moves the product by at most |A|ΔB + ΔA(|B| + ΔB).
    Where the model allows Strassen's recursion, the bound is that of `strassen_growth` where it is the larger.
    """
    left = blocks if isinstance(blocks, Running) else exactly(blocks)
    return _bilinear(np.matmul, left, state, left.value.shape[-1], model, by_strassen=model.normwise)


def _as_it_is(values: np.ndarray) -> np.ndarray:
    return values


def contraction(
    subscripts: str, a: Running, b: Running, terms: int, model: ErrorModel,
    view: Callable[[np.ndarray], np.ndarray] = _as_it_is,
) -> Running:  # fmt: skip
    """`np.einsum(subscripts, view(a), b)`: sums of at most `terms` products, in any order, not yet stored.

    `view` shows numbers of a at several places, and zeros beside them, without a copy: the sums of all windows of a row
    cost the memory of the row. The bound is that of `matmul`, whose sums these are.

    Theorem: `proofs/rounding`, `inner_underflow`.

    >>> from monarch_theory.rounding import default_model
    >>> found = contraction("n,n->", exactly([3.0, 4.0]), exactly([1.0, 2.0]), 2, default_model("float32"))
    >>> float(found.value), float(found.error)
    (11.0, 0.0)
    """

    def of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum(subscripts, view(first), second))

    return _bilinear(of, a, b, terms, model, by_strassen=False)


def _bilinear(
    of: Callable[[np.ndarray, np.ndarray], np.ndarray], a: Running, b: Running, terms: int, model: ErrorModel, *,
    by_strassen: bool,
) -> Running:  # fmt: skip
    """Sums of at most `terms` products, as `of` has them of two arrays; by Strassen's recursion only of matrices."""
    size_a, size_b = np.abs(a.value), np.abs(b.value)
    complex_values = "c" in (a.value.dtype.kind, b.value.dtype.kind)
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = of(size_a, size_b)
        carried = np.zeros(moduli.shape)
        if b.error.any():
            carried = carried + of(size_a, b.error)
        if a.error.any():
            carried = carried + of(a.error, size_b + b.error)
        carried = np.nan_to_num(carried, nan=inf, posinf=inf)
        total = moduli + carried
        grain = None if a.grain is None or b.grain is None else a.grain + b.grain
        rounding = scaled(model.growth(terms, complex_values=complex_values), total)
        rounding = rounding + model.underflow(terms, complex_values=complex_values)
        largest = total
        if by_strassen and total.size and terms:
            both = (size_a + a.error).max((-2, -1), keepdims=True) * (size_b + b.error).max((-2, -1), keepdims=True)
            together = scaled(strassen_growth(terms, model, complex_values=complex_values), both)
            together = together + strassen_underflow(terms, model, complex_values=complex_values)
            rounding = np.maximum(rounding, together)
            # no sum on the way is larger than 16 times the bound of an entry
            largest = 16 * terms * np.broadcast_to(both, total.shape)
        exact = representable(largest, grain, model.accumulation) & _read_whole(a, model) & _read_whole(b, model)
        error = carried + np.where(exact, 0.0, rounding)
        error = np.where(total + rounding > model.accumulation.largest, inf, error)
        return Running(of(a.value, b.value), error, grain)


STRASSEN_BLOCK = 512
"""Inner size from which Strassen's recursion may go on after its first step: practice stops it early, as this does."""


def strassen_growth(n: int, model: ErrorModel, *, complex_values: bool = False) -> float:
    """r with |ΔC_ij| ≤ r max|A| max|B| for C = A B of inner size n by Strassen's recursion: once, or down to 512.

    Theorems: `proofs/products_of_sums`, `strassen_of_conventional` and `three_products_bound`.

    With r(n) u for the error of one product of inner size n, in units of max|A| max|B|: n² at the bottom. One step up
    forms seven products of sums of blocks of size h = n/2. Of C₁₁ = M₁ + M₄ − M₅ + M₇ two are of two sums, (2a)(2b),
    and two of one, so the products bring 12 r(h); their rounded operands move M₁ and M₇ by 8h u and M₄ and M₅ by 2h u,
    20h together; and three additions of partial sums below 12h bring 36h. C₂₂ is alike and the others are less, so
    r(n) = 12 r(h) + 56h. (Higham, *Accuracy and Stability*, 2nd ed., §23.2.2, bounds the same recursion.) All powers of
    u together come to (1 + u)^r − 1 at most.

    Complex: three real products instead of four (3M). T₃ = (A₁ + A₂)(B₁ + B₂) has operands below √2 a and √2 b and
    brings 2r + 4n, T₁ and T₂ bring r each, and adding them 5n: 4r + 9n for the imaginary part, 2r + 2n for the real
    one, 6r + 11n in modulus. Complex blocks multiplied conventionally bring 2√2 r, which is less.

    >>> from monarch_theory.rounding import default_model
    >>> strassen_growth(2, default_model("float32")) * 2**24  # 12 · 1 + 56
    68.0001...
    """
    halvings, size = _halved(n)
    found = float(size * size)
    for _ in range(halvings):
        found, size = 12 * found + 56 * size, 2 * size
    found = 6 * found + 11 * n if complex_values else found
    return gamma(found, model.accumulation.unit_roundoff) + found * model.operand_error


def strassen_underflow(n: int, model: ErrorModel, *, complex_values: bool = False) -> float:
    """What underflow adds to that: at each step four sums, so that inner products of size s bring 4 (1 + u)³ as much.

    Theorems: `proofs/products_of_sums`, `strassen_of_conventional`, and `three_products_bound` for complex values.

    >>> from monarch_theory.rounding import default_model
    >>> model = default_model("float32")
    >>> strassen_underflow(2, model) / model.underflow(1)  # by an inner product it is three of them
    4.00000...
    """
    halvings, size = _halved(n)
    grown = 1 + gamma(3 * halvings, model.accumulation.unit_roundoff)
    return 4.0**halvings * grown * model.underflow(size, complex_values=complex_values)


def _halved(n: int) -> tuple[int, int]:
    """How often Strassen's recursion may halve an inner size, and what is left: once, or down to `STRASSEN_BLOCK`."""
    halvings, size = 0, n
    while size > 1 and (halvings == 0 or size > STRASSEN_BLOCK):
        size, halvings = -(-size // 2), halvings + 1
    return halvings, size


def _read_whole(state: Running, model: ErrorModel) -> bool:
    """Whether the numbers that stand for the operands are the operands."""
    if model.operands is None:
        return True
    return bool(representable(np.abs(state.value) + state.error, state.grain, model.operands).all())


def multiply(a: Running, b: Running, model: ErrorModel) -> Running:
    """Elementwise product, rounded once in the accumulation format.

    Theorems: `proofs/ieee_formats`, `nearest_model`; `proofs/rounding`, `complex_part`.
    """
    value = a.value * b.value
    complex_values = value.dtype.kind == "c"
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = np.abs(a.value) * np.abs(b.value) if complex_values else np.abs(value)
        carried = None
        if a.error.any() or b.error.any():
            carried = _carried(a, b) if b.error.any() else np.abs(b.value) * a.error
            carried = carried if np.isfinite(carried).all() else np.nan_to_num(carried, nan=inf, posinf=inf)
            moduli += carried
        grain = None if a.grain is None or b.grain is None else a.grain + b.grain
        # large arrays pass here often, so that nothing is computed twice or of what is not exact anyway
        exact = False if grain is None else representable(moduli, grain, model.accumulation, 2)
        moduli *= model.growth(1, complex_values=complex_values)
        moduli += model.underflow(1, complex_values=complex_values)
        if np.any(exact) and _read_whole(a, model) and _read_whole(b, model):
            moduli = np.where(exact, 0.0, moduli)
        if carried is not None:
            moduli += carried
    return Running(value, moduli, grain)


def _carried(a: Running, b: Running) -> np.ndarray:
    """What came in with both factors: |a| Δb + (|b| + Δb) Δa."""
    found = (np.abs(b.value) + b.error) * a.error
    found += np.abs(a.value) * b.error
    return np.asarray(found)


def add(a: Running, b: Running, model: ErrorModel) -> Running:
    """Elementwise sum, rounded once in the accumulation format.

    Theorem: `proofs/ieee_formats`, `nearest_sum`.

    Sums of two numbers of a format do not underflow, but hardware may flush them to zero.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = np.abs(a.value) + np.abs(b.value) + a.error + b.error
        grain = None if a.grain is None or b.grain is None else min(a.grain, b.grain)
        rounding = model.accumulation.unit_roundoff * moduli + model.accumulation.flushed
        error = a.error + b.error + np.where(representable(moduli, grain, model.accumulation), 0.0, rounding)
    return Running(a.value + b.value, error, grain)


def matmul_bound(
    a: np.ndarray,
    b: np.ndarray,
    storage: str | np.dtype | Format,
    accumulation: str | np.dtype | Format | None = None,
    *,
    failure: float | None = None,
) -> np.ndarray:
    """Elementwise bound on the error of the (batched) product a @ b, stored in `storage`.

    Theorem: `proofs/rounding`, `inner_underflow`; the format's own rounding is that of `proofs/ieee_formats`.

    >>> a = np.full((1, 3), 1 / 3)
    >>> float(matmul_bound(a, a.T, "float64")[0, 0]) < 5 * 2.0**-53
    True
    """
    model = default_model(storage, accumulation, failure=failure)
    return BOUND_SLACK * store(matmul(np.asarray(a), exactly(b), model), model.storage).error
