"""How much of a response is rounding: the noise floor of each place and channel, for one pair of inputs.

A causal map answers a changed future with exactly nothing, unless something spreads the rounding of the future over the
past: a transform, a sum that later cancels. Only a response that is not zero is examined, and its floor comes from the
noise measured at that very place and channel, in one of two ways.

**Redrawn** (Monte Carlo arithmetic, `sandbox.arithmetic`). The same input is run again with the rounding of every
operation that can be seen drawn at random: all of torch's, the transforms of NumPy and SciPy. What varies of the
*difference* is noise: both runs err alike where they compute alike, so that the past's own rounding, which no future
changes, is none. It needs no smoothness, and serves for tokens.

**Along a line** (Moré & Wild, *Estimating computational noise*, 2011). Where inputs are floats, move both along a line
in steps of 512 units of the coarsest roundoff known, and watch the difference D(t) of the two outputs. What is smooth
at that scale vanishes in third differences; rounding noise remains, with variance 20·σ², so s = √(mean Δ³D² / 20)
estimates it. Its few degrees of freedom are pooled with places nearby in the same channel.

**Floor** (probabilistic rounding analysis, Higham & Mary 2019). With noise of mean zero, a causal callable has
|D| ≤ Λ·s at all M places compared, save with probability δ: Λ = ρ·√(2 ln(2M/δ)), the union bound on M sub-Gaussian
variables, δ = 1e-9. Along a line, ρ = 8 allows for constants rounded once and kept, whose error does not fluctuate;
redrawn, most of those fluctuate too, and ρ = 2 allows for what s, an estimate, may fall short. An output never has less
noise than its own rounding, u|y|/√3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from monarch_theory.leaks.contracts import Cut
from monarch_theory.leaks.inputs import Inputs, Places
from monarch_theory.leaks.outputs import Outputs, difference

__all__ = [
    "SINGLE",
    "Examination",
    "along_line",
    "floor_factor",
    "mean_response",
    "own_rounding",
    "redrawn",
    "scale",
    "still",
]

FAILURE_PROBABILITY = 1e-9
CONSTANTS, ESTIMATE = 8.0, 2.0
STEPS = 6
DRAWS = 6
MOVES = 16
NEIGHBOURS = 8
SINGLE = 2.0**-24
LARGEST = float(np.finfo(np.float64).max)
TINIEST = float(np.finfo(np.float64).tiny)

Observe = Callable[..., Outputs]


@dataclass(frozen=True)
class Examination:
    """Response, floor and noise of the outputs watched, each of shape (watched, channels).

    arithmetic: that in which it was examined, as of `sandbox.arithmetic.Watch`; empty for that of the code.
    """

    response: np.ndarray
    floor: np.ndarray
    noise: np.ndarray
    arithmetic: str = ""

    @property
    def leaks(self) -> np.ndarray:
        return self.response > self.floor

    def agreeing(self, other: Examination) -> Examination:
        """What both say: the smaller response, the larger floor and noise."""
        return Examination(
            np.minimum(self.response, other.response),
            np.maximum(self.floor, other.floor),
            np.maximum(self.noise, other.noise),
            self.arithmetic,
        )


def redrawn(
    observe: Observe,
    base: np.ndarray,
    changed: np.ndarray,
    watched: Places,
    seed: int,
    draws: int = DRAWS,
    amplitude: float = 1.0,
    other: Observe | None = None,
) -> np.ndarray:
    """Noise of the difference of the outputs watched, from runs with their rounding redrawn, (watched, channels).

    other: what runs the changed input, where that is another callable.
    """
    second = other or observe
    first = observe(base)
    apart = signed_difference(first, second(changed), watched)
    finite = np.isfinite(first.wide[watched])
    moves = []
    for draw in range(draws):
        y = observe(base, redraw=seed + draw, amplitude=amplitude)
        z = second(changed, redraw=seed + draw, amplitude=amplitude)
        now = signed_difference(y, z, watched)
        with np.errstate(all="ignore"):
            moved = np.where((now == apart) | (np.isnan(now) & np.isnan(apart)), 0.0, np.abs(now - apart))
            moved = np.where(finite & ~np.isfinite(y.wide[watched]), np.inf, moved)  # of what is lost nothing is known
            moves.append(np.where(np.isnan(moved), np.inf, moved))
    return root_mean_square(np.stack(moves))


def root_mean_square(x: np.ndarray) -> np.ndarray:
    """Over the first axis, of numbers of any size: squared as they are, those below 1e-154 would count for nothing.

    >>> root_mean_square(np.array([[3e-200, 3e200], [4e-200, 4e200]])) / [5e-200, 5e200] * 2**0.5
    array([1., 1.])
    """
    with np.errstate(all="ignore"):
        largest = np.abs(x).max(axis=0)
        unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
        return np.minimum(unit * np.sqrt((np.abs(x / unit) ** 2).mean(axis=0)), LARGEST)


def signed_difference(y: Outputs, z: Outputs, watched: Places) -> np.ndarray:
    """z − y at the places watched, (watched, channels): 0 where both are the same infinity or NaN, NaN where one is."""
    a, b = y.wide[watched], z.wide[watched]
    with np.errstate(all="ignore"):
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isfinite(b - a), b - a, np.nan))


def still(
    observe: Observe,
    inputs: Inputs,
    base: np.ndarray,
    changed: np.ndarray,
    cut: Cut,
    rng: np.random.Generator,
    h: float,
) -> np.ndarray:
    """Which outputs stay what they are when the inputs they may not see move by relative steps of h or less.

    What rounding opens or shuts moves then; what stays does not feel the rounding of these inputs. (watched, channels)
    """
    stays = np.ones(1, bool)
    for x in (base, changed):
        first = None
        for t in range(STEPS):
            relative = inputs.put(np.zeros(inputs.shape), rng.standard_normal(inputs.shape), cut.changed)
            y = observe(inputs.rounded(x * (1 + h * 8.0 ** -(t % 3) * relative)))
            first = first or y
            stays = stays & (difference(first, y, cut.watched) == 0)
    return stays


def along_line(
    observe: Observe,
    inputs: Inputs,
    base: np.ndarray,
    changed: np.ndarray,
    cut: Cut,
    rng: np.random.Generator,
    h: float,
    *,
    past_only: bool = False,
    other: Observe | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Response and noise of the outputs watched, each (watched, channels), from third differences along a line.

    Args:
        h: relative step along the line; past_only: the line leaves the inputs that are changed as they are;
            other: what runs the changed input, where that is another callable.
    """
    relative = rng.standard_normal(inputs.shape)
    if past_only:
        relative = inputs.put(relative, np.zeros_like(relative), cut.changed)
    samples, missing = [], np.zeros(1, bool)
    for t in range(STEPS):
        stretch = 1 + t * h * relative
        y, z = observe(inputs.rounded(base * stretch)), (other or observe)(inputs.rounded(changed * stretch))
        with np.errstate(all="ignore"):
            apart = z.wide[cut.watched] - y.wide[cut.watched]
        same = difference(y, z, cut.watched)
        samples.append(np.where(np.isfinite(same) & (same > 0), apart, 0.0))
        missing = missing | ~np.isfinite(same)
    with np.errstate(all="ignore"):
        D = np.stack(samples)
        s = root_mean_square(np.diff(D, n=3, axis=0)) / sqrt(20)
        response = np.where(missing, np.inf, np.abs(D.mean(axis=0)))
    return response, np.minimum(pooled(np.nan_to_num(s, nan=LARGEST, posinf=LARGEST)), LARGEST)


def mean_response(
    observe: Observe,
    inputs: Inputs,
    base: np.ndarray,
    changed: np.ndarray,
    cut: Cut,
    rng: np.random.Generator,
    h: float,
    past: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Size of the mean response of the outputs watched and its standard error, each (watched, channels).

    Both inputs move at random, by relative steps of h, where they agree of `past`. Of an output that hardly moves, as
    one that is saturated, nothing is to be learnt: its error is infinite.
    """
    samples, outputs = [], []
    for _ in range(MOVES):
        relative = rng.standard_normal(inputs.shape)
        moves = 1 + inputs.put(past * relative, h * relative, cut.changed)
        y, z = observe(inputs.rounded(base * moves)), observe(inputs.rounded(changed * moves))
        samples.append(np.nan_to_num(signed_difference(y, z, cut.watched)))
        outputs.append(y.wide[cut.watched])
    values = 1 + (np.diff(np.sort(np.stack(outputs), axis=0), axis=0) != 0).sum(axis=0)
    D = np.stack(samples)
    with np.errstate(all="ignore"):
        s = np.nan_to_num(np.abs(D - D.mean(axis=0)), posinf=1e150).max(axis=0) / 2
        error = np.where(values > MOVES // 2, pooled(s) / sqrt(MOVES), np.inf)
        return np.minimum(np.abs(D.mean(axis=0)), LARGEST), error


def pooled(s: np.ndarray) -> np.ndarray:
    """The larger of s and its root mean square over the places within 8 that respond, in the same channel."""
    unit = np.maximum(s.max(axis=0, initial=0.0), TINIEST)  # (channels,): squares of s/unit neither vanish nor overflow
    squares = np.concatenate([np.zeros((1, s.shape[1])), np.cumsum((s / unit) ** 2, axis=0)])
    counts = np.concatenate([np.zeros((1, s.shape[1])), np.cumsum(s > 0, axis=0)])
    places = np.arange(len(s))
    start, stop = np.maximum(places - NEIGHBOURS, 0), np.minimum(places + NEIGHBOURS + 1, len(s))
    mean = np.maximum(squares[stop] - squares[start], 0) / np.maximum(counts[stop] - counts[start], 1)
    return np.maximum(s, np.where(s > 0, unit * np.sqrt(mean), 0.0))


def own_rounding(roundoffs: np.ndarray, y: Outputs, z: Outputs, watched: Places) -> np.ndarray:
    """u|y|/√3 for the outputs watched; `roundoffs` holds u for each channel."""
    largest = np.maximum(np.abs(y.wide[watched]), np.abs(z.wide[watched]))
    return np.where(np.isfinite(largest), largest, 0.0).astype(np.float64) * roundoffs / sqrt(3)


def floor_factor(inputs: Inputs, outputs: int, constants: bool) -> float:
    """Λ: how far noise of unit size may stray in as many outputs, at all n cuts, with room for `constants` or not."""
    comparisons = max(outputs, 1) * inputs.n
    return (CONSTANTS if constants else ESTIMATE) * sqrt(2 * log(2 * comparisons / FAILURE_PROBABILITY))


def scale(*runs: Outputs) -> np.ndarray:
    """Size of each channel, the future included: what the rounding of a transform is relative to; (channels,)."""
    return np.max([y.size for y in runs], axis=0)
