"""The certificate of a kernel that is wrong: its smallest case, as integers that anyone may check."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np

from monarch_theory.certificates import kernel_certificate
from monarch_theory.rounding import ErrorModel
from monarch_theory.testing.check import Report
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.ops.monarch_multiply import OP, factor_names

__all__ = ["certificate_of", "roundings_of"]


def certificate_of(report: Report) -> dict[str, Any]:
    """What `monarch recheck` reads: the smallest case, the entry that is furthest off, and how often it is rounded.

    Theorem: `proofs/certificates`, `wrong_certified`.

    Raises:
        ValueError: the verdict is another, or the op; numbers are complex or not finite; a claim allows for more than
            conventional sums; or the case shows less than roundings come to.
    """
    if report.op.name != OP.name:
        raise ValueError(f"certificate: expected a check of {OP.name}, got {report.op.name}")
    if report.failure is None or report.verdict is not Verdict.WRONG:
        raise ValueError(f"certificate: expected the verdict {Verdict.WRONG.value!r}, got {report.verdict.value!r}")
    seen = report.failure.smallest
    arrays, computed = seen.case.values, seen.computed
    if any(np.iscomplexobj(array) for array in (*arrays.values(), computed)):
        raise ValueError(f"certificate: expected real numbers, got {seen.case.dtype}")
    factors = [np.asarray(arrays[name], np.float64) for name in factor_names(seen.case.shape)]
    signals = np.asarray(arrays["x"], np.float64)
    if seen.judgement.index is None:
        raise ValueError("certificate: expected one element that is off")
    batch, row = map(int, seen.judgement.index)
    rounds = roundings_of(report.model, [factor.shape[2] for factor in factors])
    return kernel_certificate(factors, signals[batch], row, float(computed[batch, row]), rounds)


def roundings_of(model: ErrorModel, terms: list[int]) -> list[tuple[int, int]]:
    """(bits, times): a datum's sums, stage after stage, and what is stored between and after them.

    >>> from monarch_theory.rounding import default_model
    >>> roundings_of(default_model("float32"), [8, 8]), roundings_of(default_model("bf16"), [8, 8])
    ([(24, 18)], [(24, 16), (8, 2)])

    Raises:
        ValueError: operands are cut, or products are not formed one by one.
    """
    if model.operands is not None or model.normwise:
        raise ValueError(f"certificate: expected conventional sums of products as they are, got {model.describe()}")
    stored = max(model.storage.unit_roundoff, model.intermediate.unit_roundoff)
    sums, stores = round(-log2(model.accumulation.unit_roundoff)), round(-log2(stored))
    if sums == stores:
        return [(sums, sum(terms) + len(terms))]
    return [(sums, sum(terms)), (stores, len(terms))]
