"""The DFT along the last axis by any algorithm, any length: the peers that Monarch DFTs are measured against."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from monarch_theory.digits import balanced_radices
from monarch_theory.rounding import ErrorModel, fourier_bound, fourier_bound_in_norm
from monarch_theory.testing.faults import UNREDUCED, changed, unreduced_tables
from monarch_theory.testing.op import LARGE_BATCH, Arrays, Fault, NormBound, Shape
from monarch_theory.testing.ops import monarch_dft

LARGE = (512, 1000, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
"""Lengths where libraries change their algorithm."""


def shapes() -> Iterable[Shape]:
    for size in (4, 1, 2, 3, 7, 8, 13, 16, 24, 31, 64, 97, 128, 251, 256):
        large = (LARGE_BATCH,) if size <= 16 else ()
        for batch in (1, 2, 3, 0, *large):
            yield {"batch": batch, "size": size}
    for size in LARGE:
        yield {"batch": 1, "size": size}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"x": (shape["batch"], shape["size"])}


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return fourier_bound(arrays["x"], None, model)


def bound_in_norm(arrays: Arrays, shape: Shape, model: ErrorModel) -> NormBound:
    return NormBound(fourier_bound_in_norm(arrays["x"], None, model))


def faults(shape: Shape) -> Iterable[Fault]:
    size = shape["size"]
    yield Fault("conjugate", "exponent has the opposite sign", changed("x", np.conj), np.conj)
    yield Fault("scale", f"divided by N = {size}", after=lambda y: y / size)
    yield Fault("scale", f"divided by the square root of N = {size}", after=lambda y: y / np.sqrt(size))
    longer = 1 << (2 * size - 1).bit_length()
    padded = f"divided as for N = {size} and for the length {longer} it is padded to, by the root of each"
    yield Fault("scale", padded, after=lambda y: y * np.sqrt(longer / size))
    for radices in dict.fromkeys(((size,), tuple(balanced_radices(size)))):
        for way, table in unreduced_tables(max(radices)):
            detail = f"{way}, in stages {'x'.join(map(str, radices))}"
            yield Fault(UNREDUCED, detail, instead=partial(monarch_dft.by_tables, radices=radices, table=table))


OP = replace(
    monarch_dft.OP,
    name="fft",
    summary="X_i = Σ_j x_j exp(−2πi ij/N), any algorithm (as torch.fft.fft)",
    signature="kernel(x): x (batch, N) complex; gives (batch, N) complex",
    shapes=shapes,
    arguments=arguments,
    bound=bound,
    bound_in_norm=bound_in_norm,
    options=lambda shape: {},
    faults=faults,
)
