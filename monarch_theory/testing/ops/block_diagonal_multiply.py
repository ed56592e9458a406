"""y = diag(B_0, …, B_{k−1}) x, square or rectangular blocks."""

from collections.abc import Iterable

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, exactly, matmul, store
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import block_faults
from monarch_theory.testing.op import LARGE_BATCH, Arrays, Fault, Op, Output, Shape, any_sizes

SIZES = (
    (2, 2, 2), (1, 1, 1), (3, 2, 2), (1, 4, 4), (4, 1, 1), (2, 3, 2), (3, 2, 5), (4, 4, 4), (5, 7, 3), (8, 8, 8),
    (3, 17, 9), (16, 16, 16), (2, 33, 65), (4, 64, 64),
    (1, 3, 1024),
)  # fmt: skip


def shapes() -> Iterable[Shape]:
    for blocks, rows, columns in SIZES:
        large = (LARGE_BATCH,) if blocks * columns <= 32 else ()
        for batch in (1, 2, 3, 0, 7, *large):
            yield {"batch": batch, "blocks": blocks, "rows": rows, "columns": columns}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    blocks, rows, columns = shape["blocks"], shape["rows"], shape["columns"]
    return {"x": (shape["batch"], blocks * columns), "blocks": (blocks, rows, columns)}


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    columns = arrays["x"].T.reshape(shape["blocks"], shape["columns"], shape["batch"])
    return exact.matmul(arrays["blocks"], columns).reshape(shape["blocks"] * shape["rows"], shape["batch"]).T


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    columns = arrays["x"].T.reshape(shape["blocks"], shape["columns"], shape["batch"])
    out = store(matmul(arrays["blocks"], exactly(columns), model), model.storage)
    return BOUND_SLACK * out.error.reshape(shape["blocks"] * shape["rows"], shape["batch"]).T


def faults(shape: Shape) -> Iterable[Fault]:
    blocks, rows, columns = shape["blocks"], shape["rows"], shape["columns"]
    into = np.arange(blocks * columns).reshape(columns, blocks).T.reshape(-1)
    out = np.arange(blocks * rows).reshape(blocks, rows).T.reshape(-1)
    yield Fault("permutation", "input read with the block index fastest", lambda a: a | {"x": a["x"][:, into]})
    yield Fault("permutation", "output written with the block index fastest", after=lambda y: y[:, out])
    yield from block_faults(arguments(shape), ["blocks"])


def digits(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    block, row = divmod(int(index[1]), shape["rows"])
    return {"batch": int(index[0]), "block": block, "row": row}


OP = Op(
    name="block-diagonal-multiply",
    summary="y = diag(B_0, …, B_(k-1)) x",
    signature="kernel(x, blocks): x (batch, k·columns), blocks (k, rows, columns); gives (batch, k·rows)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    claims=("accumulation", "algorithm"),
    faults=faults,
    outputs=lambda shape: (Output("y", digits),),
    numbers="both",
    accepts=any_sizes,
)
