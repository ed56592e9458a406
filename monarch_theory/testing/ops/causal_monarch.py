"""y = (M⁻¹ (M [k; 0] ⊙ M [u; 0]))[:n]: convolution in the basis of a Monarch matrix (THEORY §4)."""

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import numpy as np

from monarch_theory.monarch import block_counts
from monarch_theory.rounding import BOUND_SLACK, ErrorModel, store
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.arithmetic import EXACT, Arithmetic, running
from monarch_theory.testing.faults import block_faults
from monarch_theory.testing.op import Arrays, Fault, Op, Output, Shape

RADICES = ((2, 2), (2, 3), (4, 2), (4, 4), (2, 2, 2), (2, 3, 4), (8, 8), (16, 8), (2, 2, 2, 2))


def shapes() -> Iterable[Shape]:
    for radices in RADICES:
        for batch in (1, 2, 3, 0):
            yield {"batch": batch, "radices": radices}


def names(shape: Shape, prefix: str) -> list[str]:
    return [f"{prefix}{k}" for k in range(len(shape["radices"]))]


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    """M has the given radices; M⁻¹ has them reversed."""
    radices = shape["radices"]
    n = prod(radices) // 2
    found: dict[str, tuple[int, ...]] = {"u": (shape["batch"], n), "k": (n,)}
    for prefix, sizes in (("forward", radices), ("inverse", radices[::-1])):
        for name, count, b in zip(names(shape, prefix), block_counts(sizes, sizes), sizes, strict=True):
            found[name] = (count, b, b)
    return found


def padded(signal: np.ndarray, size: int) -> np.ndarray:
    """(…, n) to (size, …), zeros appended."""
    rows = signal.reshape(signal.size // signal.shape[-1], signal.shape[-1]).T
    zeros = np.zeros((size - len(rows), rows.shape[1]), dtype=rows.dtype)
    return np.concatenate([rows, exact.balls(zeros) if rows.dtype == object else zeros])


def answer(
    arrays: Arrays, shape: Shape, in_: Arithmetic, filled: Callable[[np.ndarray, int], np.ndarray] = padded
) -> Any:
    """y, (n, batch); `filled`: what the filter is made of the size of M by."""
    size, n = prod(shape["radices"]), prod(shape["radices"]) // 2
    of_m, of_inverse = ([arrays[name] for name in names(shape, prefix)] for prefix in ("forward", "inverse"))
    a, b = (
        in_.kept(in_.apply(of_m, in_.known(whole(arrays[name], size))))
        for name, whole in (("u", padded), ("k", filled))
    )
    return in_.apply(of_inverse, in_.kept(in_.times(a, b)))[:n]


def oracle(arrays: Arrays, shape: Shape) -> np.ndarray:
    return np.asarray(answer(arrays, shape, EXACT)).T


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> np.ndarray:
    return BOUND_SLACK * store(answer(arrays, shape, running(model)), model.storage).error.T


def faults(shape: Shape) -> Iterable[Fault]:
    forward, inverse = names(shape, "forward"), names(shape, "inverse")
    yield from block_faults(arguments(shape), forward + inverse)
    if shape["radices"] == shape["radices"][::-1]:
        yield Fault(
            "inverse missing", "M used where M⁻¹ belongs",
            lambda a: a | {i: a[f] for f, i in zip(forward, inverse, strict=True)},
        )  # fmt: skip
    twice = "the filter is repeated where it should be padded with zeros"
    yield Fault("not causal", twice, instead=lambda a: answer(a, shape, EXACT, repeated).T)


def repeated(signal: np.ndarray, size: int) -> np.ndarray:
    """(n,) to (size, 1), from the beginning again where zeros belong."""
    return np.resize(signal, size)[:, None]


def digits(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    return {"batch": int(index[0]), "position": int(index[1])}


OP = Op(
    name="causal-monarch",
    summary="y = (M⁻¹(M[k;0] ⊙ M[u;0]))[:n], n = N/2, with the factors of M and M⁻¹ given",
    signature="kernel(u, k, *factors): u (batch, n), k (n,), the p factors of M, then the p of M⁻¹; gives (batch, n)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    faults=faults,
    outputs=lambda shape: (Output("y", digits),),
    numbers="both",
    accepts=lambda shape: prod(shape["radices"]) % 2 == 0,
)
