"""Do results lean one way? Each error may be within its bound, and all of them toward zero: then nothing was rounded.

Where everything before the last rounding is far more accurate than the storage format, the error of an element in
units in the last place is that of one rounding, and rounding to nearest errs in either direction alike. Of independent
errors e_k with signs of even odds, P(|Σ e_k| > t √(Σ e_k²)) ≤ 2 exp(−t²/2) (Hoeffding). What comes before the last
rounding may lean, and adds at most its own bound.

Where the bound allows more than that, as in float32, a kernel that computes in a wider format is seen by its errors:
none is larger than one unit. If rounded to nearest at last, they lie on both sides, half of them on either; where all
lie on one, they were cut off there, and the same inequality says how sure that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.testing.diagnose import Observation

__all__ = ["Bias", "bias_of"]

FAILURE = 1e-9
"""Probability that a kernel that rounds to nearest is called biased."""

LEAST = 200
"""Elements below which nothing is said."""

BEFORE_LAST = 0.125
"""Units in the last place that all but the last rounding may make, for an element to count."""

ASIDE = 2.0**-6
"""Units in the last place by which an error may be beyond zero, or one, and still be of numbers that were cut off."""


@dataclass(frozen=True)
class Bias:
    """The mean signed error of the last rounding, positive away from zero, in units in the last place.

    Attributes:
        allowed: what rounding to nearest may reach; elements: how many were looked at.
        largest: the observation with most of them.
    """

    mean: float
    allowed: float
    elements: int
    largest: Observation

    @property
    def significant(self) -> bool:
        """Whether rounding to nearest does not lean so far."""
        return abs(self.mean) > self.allowed

    def describe(self) -> str:
        """One line."""
        way = "toward zero" if self.mean < 0 else "away from zero"
        return (
            f"the results of {self.elements} elements lean {way} by {abs(self.mean):.3f} ulp in the mean, where "
            f"rounding to nearest leans by at most {self.allowed:.3f} (failure {FAILURE:g})"
        )


def bias_of(seen: Sequence[Observation], model: ErrorModel) -> Bias | None:
    """The bias over all elements that only the last rounding moves noticeably; None where they are too few."""
    found = [(one, *last_roundings(one, model)) for one in seen]
    every = np.concatenate([np.zeros(0), *(errors for _, errors, _ in found)])
    if every.size >= LEAST and _cut_off(every):
        return _bias([(one, errors, np.zeros(errors.size)) for one, errors, _ in found])
    sure = [slack <= BEFORE_LAST for *_, slack in found]
    return _bias([(one, e[keep], s[keep]) for (one, e, s), keep in zip(found, sure, strict=True)])


def _cut_off(errors: np.ndarray) -> bool:
    """Whether errors in units in the last place are all from zero to one to the same side, and not all next to zero."""
    inward, outward = float(errors.min()), float(errors.max())
    return max(-inward, outward) > 1 / 2 and (
        (inward >= -1 - ASIDE and outward <= ASIDE) or (inward >= -ASIDE and outward <= 1 + ASIDE)
    )


def _bias(found: Sequence[tuple[Observation, np.ndarray, np.ndarray]]) -> Bias | None:
    """Of errors in units in the last place, and of what comes before the last rounding of each."""
    errors, slack = (np.concatenate([np.zeros(0), *(one[k] for one in found)]) for k in (1, 2))
    if errors.size < LEAST:
        return None
    allowed = (float(slack.sum()) + sqrt(2 * log(2 / FAILURE) * float((errors**2).sum()))) / errors.size
    return Bias(float(errors.mean()), allowed, errors.size, max(found, key=lambda one: one[1].size)[0])


def last_roundings(seen: Observation, model: ErrorModel) -> tuple[np.ndarray, np.ndarray]:
    """Errors of rounded elements in ulps, away from zero positive, and what may move them but the last rounding.

    An element that repeats another, as in batch rows that are one row repeated, is looked at once.
    """
    errors, slacks = [], []
    u = model.storage.unit_roundoff
    for computed, expected in zip(seen.run.outputs, seen.references, strict=True):
        if computed.dtype.kind == "c" or computed.shape != expected.truth.high.shape:
            continue
        truth, bound = expected.truth.high, expected.bound
        with np.errstate(all="ignore"):
            ulp = model.storage.ulp(truth)
            error = ((computed.astype(np.float64) - truth) - expected.truth.low) * np.sign(truth) / ulp
            slack = np.maximum(bound - u * np.abs(truth) / (1 + u), 0.0) / ulp
            if expected.held_to != "deterministic" and (slack <= BEFORE_LAST).any():
                # a bound that may fail is no larger: where it leaves too much, so does the other
                bound = expected.deterministic
                slack = np.maximum(bound - u * np.abs(truth) / (1 + u), 0.0) / ulp
            # a result that is exact, or next to the smallest numbers, is not rounded
            rounded = (truth != 0) & (np.abs(truth) > 4 * model.storage.underflow / u) & (bound > 0)
        keep = rounded & np.isfinite(error) & np.isfinite(slack)
        _, first = np.unique(truth[keep], return_index=True)
        errors.append(error[keep][first])
        slacks.append(slack[keep][first])
    return np.concatenate([np.zeros(0), *errors]), np.concatenate([np.zeros(0), *slacks])
