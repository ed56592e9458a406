"""The exact arithmetic that kernels are compared with: ball arithmetic on floating-point inputs taken as they are.

A floating-point number is a ball of radius zero. Sums and products of such balls at `PRECISION` bits are exact as long
as they fit, and where they do not (or where a root of unity enters) the radius encloses the true answer. The functions
here also take plain float64 or complex128 arrays, so that an op is written once and its faulty variants run fast.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import flint
import numpy as np

from monarch_theory.rounding.remembering import remembered
from monarch_theory.testing.op import Arrays, Op, Shape

__all__ = [
    "Enclosure", "balls", "causal_convolution", "causal_correlation", "circular_convolution", "circular_correlation",
    "conjugate", "dft", "enclose", "exact_answer", "matmul", "total",
]  # fmt: skip

PRECISION = 384
"""Bits: four factors of float64 with exponents 60 apart multiply without rounding."""

_real = np.frompyfunc(flint.arb, 1, 1)
_conjugate = np.frompyfunc(lambda z: z.conjugate() if isinstance(z, flint.acb) else z, 1, 1)
_complex = np.frompyfunc(lambda z: flint.acb(z.real, z.imag), 1, 1)


@dataclass(frozen=True)
class Enclosure:
    """The true answer, high + low ± radius: float64 or complex128 arrays of one shape (radius real)."""

    high: np.ndarray
    low: np.ndarray
    radius: np.ndarray

    def error(self, computed: np.ndarray) -> np.ndarray:
        """Lower bound on |computed − true|, so that no right answer is blamed for the oracle's own radius."""
        with np.errstate(invalid="ignore", over="ignore"):
            difference = computed - self.high
            if self.low.any():
                difference = difference - self.low
            error = np.abs(difference)
            return np.maximum(error - self.radius, 0.0) if self.radius.any() else error


def exact_answer(op: Op, arrays: Arrays, shape: Shape) -> tuple[Enclosure, ...]:
    """The true answer of an op on finite float64 or complex128 arguments, one enclosure per output."""
    with flint.ctx.workprec(PRECISION):
        return tuple(map(enclose, op.answers({name: balls(a) for name, a in arrays.items()}, shape)))


def balls(values: np.ndarray) -> np.ndarray:
    """Finite floats as exact balls: object array of `arb` or `acb`, same shape; indices as they are.

    >>> balls(np.array([0.1]))[0] == flint.arb(0.1)
    True
    """
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "c":
        return np.asarray(_complex(values.astype(np.complex128)), dtype=object)
    return np.asarray(_real(values.astype(np.float64)), dtype=object)


def enclose(values: np.ndarray) -> Enclosure:
    """Balls as two float64 terms and a radius; floats as themselves."""
    if values.dtype != object:
        return Enclosure(values, np.zeros(values.shape), np.zeros(values.shape))
    if any(isinstance(v, flint.acb) for v in values.flat):
        real = enclose(np.asarray(np.frompyfunc(lambda z: flint.acb(z).real, 1, 1)(values), dtype=object))
        imag = enclose(np.asarray(np.frompyfunc(lambda z: flint.acb(z).imag, 1, 1)(values), dtype=object))
        return Enclosure(real.high + 1j * imag.high, real.low + 1j * imag.low, real.radius + imag.radius)
    terms = [_two_terms(v) for v in values.flat]
    table = np.array(terms, dtype=np.float64).reshape(*values.shape, 3)
    return Enclosure(table[..., 0], table[..., 1], table[..., 2])


def _two_terms(ball: flint.arb) -> tuple[float, float, float]:
    if isinstance(ball, int):
        ball = flint.arb(ball)
    high = float(ball.mid())
    if not np.isfinite(high):
        return high, 0.0, 0.0
    low = float((ball - high).mid())
    rest = ball - high - low
    # float() rounds to nearest, and to zero below the range of float64
    return high, low, 0.0 if rest == 0 else float(np.nextafter(float(rest.abs_upper()), np.inf))


def matmul(blocks: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Batched product (…, m, n) · (…, n, c), in ball arithmetic for object arrays.

    >>> print(matmul(balls(np.ones((1, 2))), balls(np.ones((2, 1))))[0, 0])
    2.00000000000000
    """
    if blocks.dtype != object:
        return blocks @ state
    *lead, m, n = blocks.shape
    c = state.shape[-1]
    out = np.empty((*lead, m, c), dtype=object)
    complex_values = any(a.size and isinstance(a.flat[0], flint.acb) for a in (blocks, state))
    matrix = flint.acb_mat if complex_values else flint.arb_mat
    for index in np.ndindex(*lead):
        if m and n and c:
            product = matrix(m, n, list(blocks[index].flat)) * matrix(n, c, list(state[index].flat))
            out[index] = np.array(product.entries(), dtype=object).reshape(m, c)
        else:
            out[index] = flint.arb(0)
    return out


def dft(x: np.ndarray, *, inverse: bool = False) -> np.ndarray:
    """Σ_j x_j exp(∓2πi ij/N) along the last axis, with 1/N and the plus sign if `inverse`, as `numpy.fft`.

    >>> print(dft(balls(np.array([1.0 + 0j, 2.0])))[1])
    -1.00000000000000
    """
    if x.dtype != object:
        return np.asarray(np.fft.ifft(x) if inverse else np.fft.fft(x))
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(*x.shape[:-1]):
        row = [flint.acb(v) for v in x[index]]
        out[index] = flint.acb.dft(row, inverse=inverse) if len(row) > 1 else row
    return out


def circular_convolution(u: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Σ_j k_(i − j mod n) u_j along the last axis; the other axes broadcast."""
    n = u.shape[-1]
    full = _full_convolution(u, kernel)
    wrapped = full[..., :n].copy()
    wrapped[..., : n - 1] += full[..., n:]
    return wrapped


def causal_convolution(u: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Σ_{j ≤ i} k_(i − j) u_j along the last axis; the other axes broadcast."""
    return _full_convolution(u, kernel)[..., : u.shape[-1]]


def causal_correlation(w: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Σ_{i ≥ j} w_i k_(i − j) along the last axis, the adjoint of causal convolution; the other axes broadcast."""
    return _full_convolution(w, kernel[..., ::-1])[..., max(w.shape[-1] - 1, 0) :]


def circular_correlation(w: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Σ_i w_i k_(i − j mod n) along the last axis, the adjoint of circular convolution; the other axes broadcast."""
    return circular_convolution(w, np.roll(kernel[..., ::-1], 1, -1))


def conjugate(values: np.ndarray) -> np.ndarray:
    """Complex conjugate of floats or balls.

    >>> print(conjugate(balls(np.array([1 + 2j])))[0])
    1.00000000000000 - 2.00000000000000j
    """
    if values.dtype != object:
        return np.conj(values)
    return np.asarray(_conjugate(values), dtype=object)


def total(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Sum over axes, zero where they are empty.

    >>> print(total(balls(np.ones((0, 1))), 0)[0])
    0
    """
    zero = flint.arb(0) if values.dtype == object else values.dtype.type(0)
    return np.asarray(np.add.reduce(values, axis=axis, initial=zero))


def _full_convolution(u: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """All 2n − 1 coefficients of the product of two polynomials of n coefficients."""
    return _products(u, kernel) if object in (u.dtype, kernel.dtype) else _float_products(u, kernel).copy()


def _products(u: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    shape = np.broadcast_shapes(u.shape[:-1], kernel.shape[:-1])
    n = u.shape[-1]
    u, kernel = np.broadcast_to(u, (*shape, n)), np.broadcast_to(kernel, (*shape, n))
    out = np.empty((*shape, max(2 * n - 1, 0)), dtype=u.dtype if u.dtype == object else np.result_type(u, kernel))
    if u.dtype != object and prod(shape) > n:
        out[...] = 0
        for lag in range(n):
            out[..., lag : lag + n] += kernel[..., lag, None] * u
        return out
    for index in np.ndindex(*shape):
        if u.dtype != object:
            out[index] = np.convolve(u[index], kernel[index]) if n else ()
            continue
        product = flint.arb_poly(list(u[index])) * flint.arb_poly(list(kernel[index]))
        found: list[Any] = product.coeffs()
        out[index] = found + [flint.arb(0)] * (2 * n - 1 - len(found))
    return out


_float_products = remembered(_products)
"""Every bound of a case asks for the same few."""
