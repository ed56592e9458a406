"""How much of a response is rounding: the noise floor of one pair of inputs.

**Model** (probabilistic rounding analysis, Higham & Mary 2019; Connolly, Higham & Mary 2021). A computed output is
f(x) + ε with ε of mean zero, independent from one input to the next, and variance σ² that hardly changes between
neighbouring inputs.

**Estimate** (Moré & Wild, *Estimating computational noise*, 2011). Move both inputs along a line in tiny steps h and
watch the difference D(t) of the two outputs. A dependence on the future that is three times differentiable survives in
D and vanishes as h³ in its third differences; rounding noise remains there, with variance 20·σ². So
s = √(mean Δ³D² / 20) estimates σ for this model, these magnitudes and this machine, whatever it is made of. The step
h = 2⁻¹² is large enough to stir single precision hidden inside a double-precision model.

**Floor**. Under the model a causal callable has |D| ≤ (Λ + table)·s at all M places compared, save with probability δ:

- Λ = ρ·√(2 ln(2M/δ)), the union bound on M sub-Gaussian variables, δ = 1e-9; ρ = 8 allows for constants rounded once
  and kept (twiddle factors, the spectrum of a filter), whose error is of the size of the noise and does not fluctuate;
- table = 12πn, n ≤ 4096: a DFT table computed as exp(2πi·jk/N), N = 2n, has phase errors up to 2πN·u, and a
  convolution uses three. Only where many past places respond, since a transform reaches all of them; a response of few
  places has another cause.

An output never has less noise than its own rounding, u|y|/√3. Where the input cannot be moved (tokens), s is
replaced by u·max|y|. Half precision has too few digits for small steps: there a response within 4u|y| is rounding, one
above 16u·max|y| is a leak, and between them nothing is decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any

import numpy as np

from monarch_theory.leaks.inputs import Inputs, UndecidedError, unit_roundoff

__all__ = ["Examination", "examine"]

FAILURE_PROBABILITY = 1e-9
CONSTANTS_RATIO = 8.0
LARGEST_TABLE = 4096
STEPS = 6
SINGLE = 2.0**-24
COARSE_STEP = 2.0**-12


@dataclass(frozen=True)
class Examination:
    """Response, floor and noise of past outputs, each of shape (cut, channels)."""

    response: np.ndarray
    floor: np.ndarray
    noise: np.ndarray

    @property
    def leaks(self) -> np.ndarray:
        return self.response > self.floor

    def agreeing(self, other: Examination) -> Examination:
        """What both say: the larger floor and noise; a response that differs by half between them is noise itself."""
        response, apart = np.minimum(self.response, other.response), np.abs(self.response - other.response)
        noise = np.maximum(np.maximum(self.noise, other.noise), np.where(apart > response / 2, apart, 0.0))
        floor = np.maximum(np.maximum(self.floor, other.floor), np.where(apart > response / 2, response, 0.0))
        return Examination(response, floor, noise)


def examine(
    observe: Callable[[np.ndarray], np.ndarray],
    inputs: Inputs,
    base: np.ndarray,
    changed: np.ndarray,
    cut: int,
    output_dtype: str,
    rng: np.random.Generator,
    *,
    h: float = COARSE_STEP,
    past_only: bool = False,
) -> Examination:
    """Hold the response of the outputs before `cut` to the change from `base` to `changed` against its floor.

    Args:
        observe: from an input to outputs of shape (n, channels).
        h: relative step along the line; past_only: the line leaves the future as it is.
    """
    if inputs.integer or inputs.half:
        return without_steps(observe, inputs, base, changed, cut, output_dtype)
    u = max(unit_roundoff(inputs.dtype), unit_roundoff(output_dtype))
    relative = rng.standard_normal(inputs.shape)
    if past_only:
        relative = inputs.splice(relative, np.zeros_like(relative), cut)
    samples, largest = [], np.zeros(1)
    for t in range(STEPS):
        stretch = 1 + t * h * relative
        before = wide(observe(inputs.rounded(base * stretch)))[:cut]
        after = wide(observe(inputs.rounded(changed * stretch)))[:cut]
        samples.append(after - before)
        largest = np.maximum(np.abs(before), np.abs(after))
    D = np.stack(samples)
    s = np.sqrt((np.abs(np.diff(D, n=3, axis=0)) ** 2).mean(axis=0) / 20)
    response = np.abs(D.mean(axis=0))
    responds = (response > 0) | (s > 0)
    typical = float(np.median(s[responds])) if responds.any() else 0.0
    own = unit_roundoff(output_dtype) * largest / sqrt(3)
    noise = np.maximum(np.maximum(s, typical), own)
    return Examination(response, (spread(inputs, response.size) + table(inputs, responds, u)) * noise, noise)


def without_steps(
    observe: Callable[[np.ndarray], np.ndarray],
    inputs: Inputs,
    base: np.ndarray,
    changed: np.ndarray,
    cut: int,
    output_dtype: str,
) -> Examination:
    """The a-priori floor for tokens and half precision."""
    before, after = wide(observe(base)), wide(observe(changed))
    response = np.abs(after - before)[:cut]
    u = unit_roundoff(output_dtype)
    largest = np.maximum(np.abs(before), np.abs(after))
    if not u or u <= SINGLE:
        noise = np.full(response.shape, u * float(largest.max()))
        return Examination(response, (spread(inputs, response.size) + table(inputs, response > 0, u)) * noise, noise)
    if (response <= 4 * u * largest[:cut]).all():
        return Examination(response, 4 * u * largest[:cut], u * largest[:cut])
    floor = np.full(response.shape, 16 * u * float(largest.max()))
    if not (response > floor).any():
        raise UndecidedError(
            "noise",
            f"changing the future moves the past by {response.max():.1e}, too little to tell from rounding in "
            f"{output_dtype}: ask again with --dtype float64 or float32",
        )
    return Examination(response, floor, u * largest[:cut])


def spread(inputs: Inputs, outputs: int) -> float:
    """Λ: how far M noise variables of unit size may stray, constants included."""
    comparisons = max(outputs, 1) * inputs.n
    return CONSTANTS_RATIO * sqrt(2 * log(2 * comparisons / FAILURE_PROBABILITY))


def table(inputs: Inputs, responds: Any, u: float) -> float:
    """12πn where the response is not confined to few places; tables are held in single precision or better."""
    places = responds.any(axis=1)
    if len(places) >= 16 and places.sum() <= len(places) / 8:
        return 0.0
    return 12 * pi * min(inputs.n, LARGEST_TABLE) * min(1.0, SINGLE / u if u else 1.0)


def wide(y: np.ndarray) -> np.ndarray:
    """In double precision, so that differences are exact or nearly so."""
    return y.astype(np.complex128 if np.iscomplexobj(y) else np.float64)
