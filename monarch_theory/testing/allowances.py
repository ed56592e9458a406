"""What a kernel that leaves its bound may still be: blind to subnormals, or of another algorithm than was claimed.

Neither is wrong, and neither is what was claimed. Hardware and compilers may take subnormal arguments for zero, as the
bounds allow for results: a kernel that is right for such arguments is right, and the report says that it does so.
An algorithm that rounds several rows as one, or products by sums of blocks, or has tables of angles that are not
reduced, is held to bounds of its own only where that is claimed: until then it is not decided. Those bounds are wide on
most data, and faults are within them, too: so it must be right on simple data of the same sizes, small integers and
impulses, where there is little to round.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monarch_theory.formats import Format, format_of
from monarch_theory.rounding import ErrorModel
from monarch_theory.rounding.model import PAIRINGS
from monarch_theory.testing.cases import Case, make_case
from monarch_theory.testing.diagnose import Observation, explains
from monarch_theory.testing.faults import UNREDUCED
from monarch_theory.testing.judge import Verdict, judge, reference

__all__ = [
    "OTHERWISE", "allowed_otherwise", "as_flushed", "has_subnormals", "right_on_simple", "simple_cases",
    "why_undecided",
]  # fmt: skip

OTHERWISE = {
    "packed": "two real rows in one complex transform, which are rounded together",
    "normwise": "Strassen's products, 3M or Winograd's, whose parts are rounded together",
    UNREDUCED: "tables of roots of unity exp(2πi jk/N) whose angles are not reduced, so that their error grows with jk",
}
"""Algorithms that are not wrong where they were not claimed, and what they are."""


LEAST_FAULT = 0.25
"""Between integers no right answer is so far from the truth, unless its own bound allows for that."""


def has_subnormals(case: Case) -> bool:
    """Whether some argument holds numbers that hardware may take for zero."""
    kinds = zip(case.arrays.values(), case.dtypes, strict=True)
    return any(_flushed(a, format_of(dtype)) is not a for a, dtype in kinds if a.dtype.kind in "fc")


def as_flushed(seen: Observation, model: ErrorModel) -> Observation | None:
    """The observation of a kernel that is right where subnormal arguments are zero; None where it is not."""
    case = seen.case
    if seen.judgement.verdict is not Verdict.WRONG or not has_subnormals(case):
        return None
    arrays = {
        name: _flushed(a, format_of(dtype)) if a.dtype.kind in "fc" else a
        for (name, a), dtype in zip(case.arrays.items(), case.dtypes, strict=True)
    }
    other = replace(case, arrays=arrays)
    expected = reference(other, model, model.failure or 1e-9)
    found = judge(other, seen.run, expected)
    if found.verdict is not Verdict.RIGHT:
        return None
    return replace(seen, case=other, references=expected, judgement=found, flushed=True)


def _flushed(values: np.ndarray, target: Format) -> np.ndarray:
    """The values, with zero for those below what the format may lose; themselves where there are none."""
    parts = np.ascontiguousarray(values).view(values.real.dtype)
    small = (parts != 0) & (np.abs(parts) < target.underflow)
    if not small.any():
        return values
    return np.where(small, np.zeros_like(parts), parts).view(values.dtype).reshape(values.shape)


def allowed_otherwise(seen: Observation, model: ErrorModel) -> str | None:
    """The algorithm within whose bound wrong values are, though it was not claimed, if there is one.

    Transforms are not formed by sums of blocks, and what bounds those is so wide there that faults fit in. What bounds
    tables of angles that are not reduced is wide, too: one of the usual ways to write those must explain the error.
    """
    if seen.judgement.verdict is not Verdict.WRONG or model.normwise or model.packed or model.unreduced:
        return None
    op = seen.case.op
    if "tables" in op.claims and _is_right(seen, _claiming(UNREDUCED, model)) and _has_such_tables(seen, model):
        return UNREDUCED
    if "packing" in op.claims and _is_right(seen, _claiming("packed", model)) and _is_of_pairs(seen, model):
        return "packed"
    by_blocks = "algorithm" in op.claims and not op.random_rounding
    return "normwise" if by_blocks and _is_right(seen, _claiming("normwise", model)) else None


def _claiming(algorithm: str, model: ErrorModel) -> ErrorModel:
    """The model with a claim, each of which is a field of its name."""
    return replace(model, **{algorithm: True})  # type: ignore[arg-type]


def _is_of_pairs(seen: Observation, model: ErrorModel) -> bool:
    """Whether errors are what two rows that are transformed as one give each other, for one of the usual pairings.

    Beside the largest row there is, any fault of a small one has room; beside its partner a row errs by a part of both,
    and the larger of the two hardly more than by itself.
    """
    claimed = _claiming("packed", model)
    return any(_is_right(seen, replace(claimed, pairing=pairing)) for pairing in PAIRINGS)


def _has_such_tables(seen: Observation, model: ErrorModel) -> bool:
    faults = seen.case.op.faults(seen.case.shape)
    return any(fault.cause == UNREDUCED and explains(fault.description, seen, model) for fault in faults)


def simple_cases(case: Case) -> list[Case]:
    """Cases of the same sizes: small integers, and data with one 1 in every row."""
    return [
        make_case(case.op, case.dtype, case.shape, family, "contiguous", case.seed)
        for family in ("integers", "impulse")
    ]


def right_on_simple(seen: Observation, model: ErrorModel, algorithm: str) -> bool:
    """Whether simple data come out right: within the algorithm's bound, and their own or a quarter, if that is more."""
    if seen.judgement.verdict is Verdict.RIGHT:
        return True
    if seen.judgement.verdict is not Verdict.WRONG or not _is_right(seen, _claiming(algorithm, model)):
        return False
    pairs = zip(seen.references, seen.run.outputs, strict=True)
    return all(bool((one.truth.error(y) <= np.maximum(one.bound, LEAST_FAULT)).all()) for one, y in pairs)


def _is_right(seen: Observation, model: ErrorModel) -> bool:
    expected = reference(seen.case, model, model.failure or 1e-9)
    return judge(seen.case, seen.run, expected).verdict is Verdict.RIGHT


def why_undecided(found: dict[str, list[Observation]]) -> str:
    """What cases leave undecided that are within the bound of another algorithm."""
    algorithm, seen = max(found.items(), key=lambda pair: list(OTHERWISE).index(pair[0]))
    count = sum(map(len, found.values()))
    return (
        f"{count} cases are outside the bound of a kernel that rounds each by itself, and within that of "
        f"{OTHERWISE[algorithm]}: say --algorithm {algorithm} to hold it to that; one is {seen[0].case.describe()}"
    )
