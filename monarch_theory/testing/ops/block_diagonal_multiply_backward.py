"""The gradients of y = diag(B_0, …, B_{k−1}) x: of x by the transposed blocks, of the blocks by outer products."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, exactly, matmul, store
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.faults import batch_sum_faults, block_faults, changed, turned
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import block_diagonal_multiply as forward


def shapes() -> Iterable[Shape]:
    return (shape for shape in forward.shapes() if shape["columns"] <= 65)


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": (shape["batch"], shape["blocks"] * shape["rows"]), **forward.arguments(shape)}


def cut(rows: np.ndarray, shape: Shape, width: int) -> np.ndarray:
    """(batch, k·width) to (k, width, batch)."""
    return rows.T.reshape(shape["blocks"], width, shape["batch"])


def parts(arrays: Arrays, shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradient (k, rows, batch), the adjoint of x (k, batch, columns), and those of the blocks."""
    gradient, x = cut(arrays["gradient"], shape, shape["rows"]), cut(arrays["x"], shape, shape["columns"])
    adjoint_x, adjoint_blocks = (exact.conjugate(a).swapaxes(1, 2) for a in (x, arrays["blocks"]))
    return gradient, adjoint_x, adjoint_blocks


def joined(columns: np.ndarray, shape: Shape) -> np.ndarray:
    """(k, columns, batch) to (batch, k·columns)."""
    return columns.reshape(shape["blocks"] * shape["columns"], shape["batch"]).T


def oracle(arrays: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    gradient, adjoint_x, adjoint_blocks = parts(arrays, shape)
    return joined(exact.matmul(adjoint_blocks, gradient), shape), exact.matmul(gradient, adjoint_x)


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
    gradient, adjoint_x, adjoint_blocks = parts(arrays, shape)
    of_x = store(matmul(adjoint_blocks, exactly(gradient), model), model.storage)
    of_blocks = store(matmul(gradient, exactly(adjoint_x), model), model.storage)
    return BOUND_SLACK * joined(of_x.error, shape), BOUND_SLACK * of_blocks.error


def faults(shape: Shape) -> Iterable[Fault]:
    blocks, rows, columns = shape["blocks"], shape["rows"], shape["columns"]
    yield Fault("conjugate", "x not conjugated", changed("x", np.conj), output="gradient of blocks")
    yield Fault("conjugate", "blocks not conjugated", changed("blocks", np.conj), output="gradient of x")
    if rows == columns:
        not_transposed = changed("blocks", turned)
        yield Fault("transposed factor", "blocks not transposed", not_transposed, output="gradient of x")
        yield Fault("transposed factor", "x and gradient exchanged", after=turned, output="gradient of blocks")
    yield from batch_sum_faults(shape["batch"], "gradient of blocks")
    into = np.arange(blocks * columns).reshape(columns, blocks).T.reshape(-1)
    yield Fault("permutation", "x read with the block index fastest", changed("x", lambda x: x[:, into]))
    yield from block_faults(arguments(shape), ["blocks"])


def digits_of_x(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    block, column = divmod(int(index[1]), shape["columns"])
    return {"batch": int(index[0]), "block": block, "column": column}


def digits_of_blocks(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(("block", "row", "column"), map(int, index), strict=True))


def outputs(shape: Shape) -> tuple[Output, ...]:
    return Output("gradient of x", digits_of_x), Output("gradient of blocks", digits_of_blocks, by_row=False)


OP = replace(
    forward.OP,
    name="block-diagonal-multiply-backward",
    summary="gradients of y = diag(B_0, …, B_(k-1)) x: diag(Bᴴ) g of x, Σ_batch g xᴴ of the blocks (as torch.autograd)",
    signature="kernel(gradient, x, blocks): gradient as y (batch, k·rows), then as forward; gives (as x, as blocks)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    faults=faults,
    outputs=outputs,
)
