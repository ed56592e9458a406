"""Rules for discrete Fourier transforms: a transformed signal is kept as the signal it is the transform of.

Every frequency depends on every time, so a spectrum by itself says nothing. Kept symbolic it does: the product of two
spectra of length L is the transform of a circular convolution, whose place i depends on the union over j + k ≡ i
(mod L) of what j of the one and k of the other depend on, known zeros left out. With L ≥ 2n − 1 nothing wraps, and a
padded convolution is causal by rule; an unpadded one is not.

Linear operations across other axes, and factors constant along the frequencies, act on the signal. Half a spectrum
stands for a real signal, and only a *real* factor keeps it one: i·X is the half spectrum of the Hilbert transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monarch_theory.leaks.dependence.lattice import Lattice
from monarch_theory.leaks.dependence.mixing import mixed
from monarch_theory.leaks.dependence.movement import take
from monarch_theory.leaks.dependence.pointwise import pointwise
from monarch_theory.leaks.dependence.record import rule
from monarch_theory.leaks.dependence.value import (
    FINITE,
    Dependence,
    broadcast,
    masked,
    merged,
    shrunk,
    zeros_only,
)  # fmt: skip

__all__ = ["Spectrum", "add_spectra", "collapse", "inverse", "multiply_spectra", "reverse", "scale", "transform"]

RUNS = 64


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The transform of `signal` along `axis`, as a tensor of `shape`.

    Attributes:
        signal: what it is the transform of, of the transform's length along the axis.
        half: whether only frequencies 0 … ⌊L/2⌋ are there, of a real signal.
        order: how the frequencies are ordered; spectra of different orders don't go together.
    """

    signal: Dependence
    axis: int
    half: bool
    order: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """L."""
        return self.signal.shape[self.axis]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor: frequencies along the axis."""
        frequencies = self.length // 2 + 1 if self.half else self.length
        return (*self.signal.shape[: self.axis], frequencies, *self.signal.shape[self.axis + 1 :])

    @property
    def lattice(self) -> Lattice:
        """Of the signal."""
        return self.signal.lattice


@rule
def transform(signal: Dependence, axis: int, half: bool = False, order: tuple[int, ...] = ()) -> Spectrum:
    """The transform exp(−2πi jk/L) along one axis, whatever its norm; of a finite signal."""
    return Spectrum(signal, axis, half, order)


@rule
def collapse(spectrum: Spectrum) -> Dependence:
    """The spectrum as an ordinary tensor: every frequency depends on every time."""
    return mixed(spectrum.signal, (spectrum.axis,), spectrum.shape)


@rule
def inverse(spectrum: Spectrum) -> Dependence:
    """Back to the signal, up to a factor: a known zero stays one, any other known value does not stay known."""
    return zeros_only(spectrum.signal)


@rule
def reverse(spectrum: Spectrum) -> Spectrum:
    """Time reversed modulo L: the other direction of the transform, and a conjugated spectrum of a real signal.

    A complex signal is conjugated as well, which changes no dependence.
    """
    n = spectrum.length
    return replace(spectrum, signal=take(spectrum.signal, spectrum.axis, (-np.arange(n)) % n, in_place=True))


@rule
def scale(spectrum: Spectrum, factors: Sequence[Dependence]) -> Spectrum:
    """Multiplied by factors that have size 1 along the frequencies (and are real, if it is half a spectrum)."""
    ndim = len(spectrum.signal.shape)
    operands = [spectrum.signal, *(broadcast(f, ndim) for f in factors)]
    return replace(spectrum, signal=pointwise(operands, np.multiply, "product"))


@rule
def add_spectra(a: Spectrum, b: Spectrum) -> Spectrum:
    """Their sum or difference: that of the signals."""
    return replace(a, signal=zeros_only(pointwise([zeros_only(a.signal), zeros_only(b.signal)], np.add)))


@rule
def multiply_spectra(a: Spectrum, b: Spectrum) -> Spectrum:
    """Their product: the circular convolution of the signals."""
    signal, kernel = zeros_only(a.signal), zeros_only(b.signal)
    axis, n, lattice = a.axis, a.length, a.lattice
    shape = np.broadcast_shapes(signal.shape, kernel.shape)
    supports = [_support(signal, axis), _support(kernel, axis)]
    terms: list[np.ndarray] = []
    for value, other in ((signal, supports[1]), (kernel, supports[0])):
        for term in (masked(lattice, t, value.known) for t in value.terms):
            terms.append(_spread(lattice.join, term, other, axis, n, lattice.bottom))
    reached = _spread(np.logical_or, _along(supports[0], axis, len(shape))[..., None], supports[1], axis, n, False)
    level = max(signal.infinite, kernel.infinite)
    known = shrunk(~reached[..., 0] & (level == FINITE))
    shrunk_terms = merged(lattice, (shrunk(t, keep_last=True) for t in terms))
    home = signal.home if signal.home is not None else kernel.home
    value = Dependence(lattice, shape, shrunk_terms, known, np.zeros((1,) * len(shape)), level, home)
    return Spectrum(value, axis, a.half, a.order)


def _support(signal: Dependence, axis: int) -> np.ndarray:
    """Which times are not known to be zero in some channel, (L,)."""
    others = tuple(k for k in range(len(signal.shape)) if k != axis)
    zero = signal.known.all(axis=others) if others else signal.known
    return np.broadcast_to(~zero.reshape(-1), (signal.shape[axis],))


def _along(support: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    shape = [1] * ndim
    shape[axis] = len(support)
    return support.reshape(shape)


def _spread(join: np.ufunc, a: np.ndarray, support: np.ndarray, axis: int, n: int, bottom: int) -> np.ndarray:
    """The join over k in the support of a at i − k (mod n), for every i: a sliding window for every run of it."""
    wide = list(a.shape)
    wide[axis] = n
    a = np.broadcast_to(a, wide)
    result = np.full(wide, bottom, a.dtype)
    for start, length in _runs(support):
        result = join(result, np.roll(_sliding(join, a, length, axis), start, axis))
    return result


def _runs(support: np.ndarray) -> list[tuple[int, int]]:
    """Runs of true as (start, length); past `RUNS` of them one that covers all, which is sound."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], support, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if len(starts) > RUNS:
        return [(int(starts[0]), int(ends[-1] - starts[0]))]
    return [(int(s), int(e - s)) for s, e in zip(starts, ends, strict=True)]


def _sliding(join: np.ufunc, a: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The join of a at i, i − 1, …, i − length + 1 (mod n), by doubling: joins are idempotent."""
    covered = 1
    while covered < length:
        shift = min(covered, length - covered)
        a = join(a, np.roll(a, shift, axis))
        covered += shift
    return a
