"""One way to hold a backend to the reference: exact answers, and the error bound derived for every element."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

from monarch_theory.rounding import default_model, round_to
from monarch_theory.testing.op import Arrays, Shape
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.oracle import exact_answer

LARGEST_OPERAND = 40_000


def draw(sizes: dict[str, tuple[int, ...]], dtype: str, seed: int) -> Arrays:
    """Normal numbers that the dtype represents, as float64 or complex128."""
    rng = np.random.default_rng(seed)
    complex_values = dtype.startswith("complex")
    found = {}
    for name, size in sizes.items():
        values = rng.standard_normal(size) + (1j * rng.standard_normal(size) if complex_values else 0)
        found[name] = round_to(values, dtype)
    return found


def worst_ratio(
    name: str,
    kernel: Callable[..., np.ndarray],
    dtype: str,
    *,
    largest: int = LARGEST_OPERAND,
    wanted: Callable[[Shape], bool] = lambda shape: True,
    limit: int | None = None,
) -> float:
    """The largest error / bound of `kernel` (float64 or complex128 arrays in and out) over the shapes of an op."""
    op, model = op_named(name), default_model(dtype)
    worst, count = 0.0, 0
    for seed, shape in enumerate(op.shapes()):
        sizes = op.arguments(shape)
        if sum(prod(size) for size in sizes.values()) > largest or not wanted(shape) or count == limit:
            continue
        count += 1
        arrays = draw(sizes, dtype, seed)
        computed = kernel(*arrays.values(), **op.options(shape))
        (expected,) = exact_answer(op, arrays, shape)
        assert computed.shape == expected.high.shape, f"{shape}: shape {computed.shape}"
        bound = op.bound(arrays, shape, model)
        error = expected.error(computed)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(error == 0, 0.0, error / bound)
        assert not np.isnan(ratio).any(), f"{shape}: NaN"
        assert (ratio <= 1).all(), f"{name}, {dtype}, {shape}: error {ratio.max():.3g} times its bound"
        worst = max(worst, float(ratio.max(initial=0)))
    assert count, "no shape of the op was tried"
    return worst


@pytest.fixture
def hold_to_reference() -> Any:
    """`worst_ratio`, which fails the test on any element outside its bound."""
    return worst_ratio
