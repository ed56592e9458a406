"""y = k ⊛ u, circular convolution along the last axis, one filter for every channel."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, convolution_bound, convolution_bound_in_norm
from monarch_theory.rounding.model import CLAIMS
from monarch_theory.rounding.norms import two_norm
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import UNREDUCED, Table, changed, unreduced_tables
from monarch_theory.testing.op import Arrays, Fault, NormBound, Op, Output, Shape, any_sizes

OF_MODELS = ((4, 512), (16, 1024), (768, 128))
"""(channels, n) of Monarch Mixer's models."""


def shapes() -> Iterable[Shape]:
    for n in (4, 1, 2, 3, 7, 8, 15, 16, 32, 64, 100, 128):
        for batch, channels in ((1, 1), (2, 3), (3, 1), (0, 2)):
            yield {"batch": batch, "channels": channels, "n": n}
    for channels, n in OF_MODELS:
        yield {"batch": 2, "channels": channels, "n": n}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"u": (shape["batch"], shape["channels"], shape["n"]), "k": (shape["channels"], shape["n"])}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    return exact.circular_convolution(arrays["u"], arrays["k"])


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    error = convolution_bound(arrays["u"], arrays["k"], 2 * shape["n"] - 1, model, circular=True)
    value = exact.circular_convolution(arrays["u"], arrays["k"])
    return BOUND_SLACK * stored(value, error, model)


def stored(value: np.ndarray, error: np.ndarray, model: ErrorModel) -> np.ndarray:
    """Error after rounding to the storage format; infinite where the format may overflow."""
    moduli = np.abs(value) + error
    rounded = error + model.storage.unit_roundoff * moduli + model.storage.underflow
    return np.where(moduli + rounded > model.storage.largest, np.inf, rounded)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    inside = convolution_bound_in_norm(arrays["u"], arrays["k"], 2 * shape["n"] - 1, model, circular=True)[..., 0]
    return stored_in_norm(exact.circular_convolution(arrays["u"], arrays["k"]), inside, model)


def stored_in_norm(value: np.ndarray, inside: np.ndarray, model: ErrorModel) -> NormBound:
    """The norm of the errors of rows once they are stored."""
    u = model.storage.unit_roundoff
    stored = two_norm(u * np.abs(value) + model.storage.underflow)
    return NormBound(BOUND_SLACK * (inside * (1 + u) + stored))


def faults(shape: Shape) -> Iterable[Fault]:
    n = shape["n"]
    yield Fault("conjugate", "correlation: the filter reversed", changed("k", lambda k: np.roll(k[..., ::-1], 1, -1)))
    yield Fault("permutation", "filter of another channel", changed("k", lambda k: np.roll(k, 1, 0)))
    yield Fault("scale", f"1/N missing or applied twice (N = {n})", after=lambda y: y * n)
    yield Fault("scale", f"divided by N = {n}", after=lambda y: y / n)
    for way, table in unreduced_tables(n):
        yield Fault(UNREDUCED, way, instead=partial(_by_table, table=table, size=n))


def _by_table(arrays: Arrays, table: Table, size: int) -> np.ndarray:
    return by_table(arrays["u"], arrays["k"], table(size))


def by_table(u: np.ndarray, k: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The circular convolution of real rows (…, n) by a table (N, N) of the DFT, zeros appended; the first n of N."""
    n, size = u.shape[-1], len(table)
    spectrum = (u @ table[:n]) * (k @ table[:n])
    return np.asarray((spectrum @ table.conj()[:, :n]).real / size)


def digits(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(("batch", "channel", "position"), map(int, index), strict=True))


OP = Op(
    name="circular-convolution",
    summary="y_i = Σ_j k_(i−j mod n) u_j for every channel",
    signature="kernel(u, k): u (batch, channels, n), k (channels, n); gives (batch, channels, n)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
    random_rounding=True,
    claims=(*CLAIMS, "packing", "tables"),
    narrow_between=False,
    faults=faults,
    outputs=lambda shape: (Output("y", digits),),
    accepts=any_sizes,
)
