"""The DFT along the last axis, computed in stages of given radices, output in natural order."""

from collections.abc import Iterable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from monarch_theory.digits import reversal
from monarch_theory.rounding import ErrorModel, fourier_bound, fourier_bound_in_norm
from monarch_theory.rounding.model import CLAIMS
from monarch_theory.testing.faults import UNREDUCED, Table, changed, unreduced_tables
from monarch_theory.testing.op import LARGE_BATCH, Arrays, Fault, NormBound, Op, Output, Shape, any_sizes
from monarch_theory.testing.oracle import dft

RADICES = (
    (2, 2), (1, 1), (3, 3), (2, 3), (3, 2), (1, 4), (4, 4), (2, 2, 2), (5, 7), (8, 8), (2, 3, 4), (4, 4, 4), (16, 8),
    (16, 16), (2, 3, 2, 2), (2, 2, 2, 2, 2),
)  # fmt: skip


def shapes() -> Iterable[Shape]:
    for radices in RADICES:
        large = (LARGE_BATCH,) if prod(radices) <= 16 else ()
        for batch in (1, 2, 3, 0, *large):
            yield {"batch": batch, "radices": radices}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"x": (shape["batch"], prod(shape["radices"]))}


def options(shape: Shape) -> dict[str, Any]:
    return {"radices": shape["radices"]}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    return dft(arrays["x"])


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return fourier_bound(arrays["x"], shape["radices"], model)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    return NormBound(fourier_bound_in_norm(arrays["x"], shape["radices"], model))


def faults(shape: Shape) -> Iterable[Fault]:
    radices = shape["radices"]
    size = prod(radices)
    into, out = reversal(radices), reversal(radices[::-1])
    yield Fault("conjugate", "exponent has the opposite sign", changed("x", np.conj), np.conj)
    yield Fault("permutation", "output in digit-reversed order", after=lambda y: y[:, into])
    yield Fault("permutation", "output in digit-reversed order, radices reversed", after=lambda y: y[:, out])
    yield Fault("permutation", "input read in digit-reversed order", changed("x", lambda x: x[:, into]))
    yield Fault("scale", f"1/N missing, or applied where it should not be (N = {size})", after=lambda y: y * size)
    yield Fault("scale", f"divided by N = {size}", after=lambda y: y / size)
    yield Fault("scale", f"divided by the square root of N = {size}", after=lambda y: y / np.sqrt(size))
    if len(radices) > 1:
        untwisted = "no twiddles between the stages"
        yield Fault("missing twiddles", untwisted, instead=lambda a: _no_twiddles(a["x"], radices))
        stages = "the roots of the stages have the opposite sign, and the twiddles between them not"
        yield Fault("conjugate", stages, instead=partial(by_tables, radices=radices, table=_opposite_roots))
        between = "the twiddles between the stages have the opposite sign, and the roots not"
        yield Fault("conjugate", between, instead=partial(_with_opposite_twiddles, radices=radices))
    for way, table in unreduced_tables(max(radices)):
        yield Fault(UNREDUCED, way, instead=partial(by_tables, radices=radices, table=table))


def _opposite_roots(b: int) -> np.ndarray:
    return np.asarray(np.fft.ifft(np.eye(b)) * b)


def _with_opposite_twiddles(arrays: Arrays, radices: tuple[int, ...]) -> np.ndarray:
    return np.conj(in_stages(np.conj(arrays["x"]), radices, _opposite_roots))


def by_tables(arrays: Arrays, radices: tuple[int, ...], table: Table) -> np.ndarray:
    return in_stages(arrays["x"], radices, table)


def in_stages(x: np.ndarray, radices: tuple[int, ...], table: Table) -> np.ndarray:
    """The DFT of (batch, N) by DFTs of b points with tables (b, b) of their own, and exact twiddles between them."""
    state, done = x.reshape(len(x), *radices), 1
    for axis, b in enumerate(radices, start=1):
        # (batch, low digits of the output so far, b, digits of the input to come)
        low = np.arange(done).reshape(radices[: axis - 1][::-1]).T.reshape(-1)
        grid = state.reshape(len(x), done, b, -1)
        turned = grid * np.exp(-2j * np.pi * np.outer(low, np.arange(b)) / (done * b))[None, :, :, None]
        state = np.einsum("kj,bdjr->bdkr", table(b), turned)
        done *= b
    grid = state.reshape(len(x), *radices)
    return grid.transpose(0, *range(len(radices), 0, -1)).reshape(x.shape)


def _no_twiddles(x: np.ndarray, radices: tuple[int, ...]) -> np.ndarray:
    axes = range(1, len(radices) + 1)
    grid = np.fft.fftn(x.reshape(len(x), *radices), axes=axes)
    return grid.transpose(0, *reversed(axes)).reshape(x.shape)


def digits(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    return {"batch": int(index[0]), "frequency": int(index[1])}


OP = Op(
    name="monarch-dft",
    summary="X_i = Σ_j x_j exp(−2πi ij/N) in stages of the given radices, natural order in and out (as torch.fft.fft)",
    signature="kernel(x, radices=(b_1, …, b_p)): x (batch, N) complex, N = ∏ b; gives (batch, N) complex",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    bound_in_norm=bound_in_norm,
    random_rounding=True,
    claims=(*CLAIMS, "tables"),
    options=options,
    faults=faults,
    outputs=lambda shape: (Output("y", digits),),
    numbers="complex",
    accepts=any_sizes,
)
