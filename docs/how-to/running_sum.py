"""An op of one's own, y_i = x_0 + … + x_i, and two kernels for it."""

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, exactly, matmul, store
from monarch_theory.testing.op import Fault, Op


def bound(arrays, shape, model):
    """A running sum is a product with a triangle of ones."""
    triangle = np.tril(np.ones((shape["n"], shape["n"])))
    sums = store(matmul(triangle, exactly(arrays["x"].T), model), model.storage)
    return BOUND_SLACK * sums.error.T


def left_out(arrays):
    return np.cumsum(arrays["x"], axis=1) - arrays["x"]


OP = Op(
    name="running-sum",
    summary="y_i = x_0 + … + x_i",
    signature="kernel(x): (batch, n), giving (batch, n)",
    shapes=lambda: [{"batch": batch, "n": n} for n in (1, 2, 7, 64) for batch in (1, 0, 3)],
    arguments=lambda shape: {"x": (shape["batch"], shape["n"])},
    oracle=lambda arrays, shape: np.cumsum(arrays["x"], axis=1),
    bound=bound,
    faults=lambda shape: [Fault("exclusive sum", "x_i left out of y_i", instead=left_out)],
)


def right(x):
    return np.cumsum(x, axis=1)


def off_by_one(x):
    return np.cumsum(x, axis=1) - x
