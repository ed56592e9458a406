"""Bounds for Monarch products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monarch_theory.formats import Format
from monarch_theory.monarch import Convention, Monarch, apply_stages
from monarch_theory.rounding.model import ErrorModel, default_model
from monarch_theory.rounding.running import BOUND_SLACK, Running, exactly, matmul, store

__all__ = ["monarch_multiply_bound", "monarch_running"]


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

    Theorem: `proofs/rounding`, `rounding_underflow`.

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
