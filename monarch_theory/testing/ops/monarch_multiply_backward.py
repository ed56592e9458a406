"""The gradients of y = M x: of x by the adjoint stages in reverse, of each factor by outer products.

With s_0 = x, s_(k+1) = B_k s_k and g_p = g, the gradient before stage k is g_k = B_kᴴ g_(k+1), and that of B_k is
Σ_batch g_(k+1) s_kᴴ, block by block.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from monarch_theory.digits import digits_of, reversal
from monarch_theory.rounding import BOUND_SLACK, ErrorModel, exactly, store
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.arithmetic import EXACT, Arithmetic, running
from monarch_theory.testing.faults import batch_sum_faults, block_faults, changed, turned
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import monarch_multiply as forward
from monarch_theory.testing.ops.block_diagonal_multiply_backward import digits_of_blocks
from monarch_theory.testing.ops.monarch_multiply import factor_names


def shapes() -> Iterable[Shape]:
    # the exact answers of larger ones would take longer than those of all the others together
    return (shape for shape in forward.shapes() if prod(shape["input_radices"]) <= 256)


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"gradient": (shape["batch"], prod(shape["output_radices"])), **forward.arguments(shape)}


def gradients(factors: list[np.ndarray], x: Any, gradient: Any, in_: Arithmetic) -> tuple[Any, ...]:
    """The gradient of x, (inputs, batch), and of every factor, for states x, (inputs, batch), and (outputs, batch)."""
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    around = [(prod(rows[:k]), prod(columns[k + 1 :])) for k in range(len(factors))]
    blocks = [in_.known(f.reshape(*beside, *f.shape[1:])) for f, beside in zip(factors, around, strict=True)]

    state, given = x, []
    for k, (before, after) in enumerate(around):
        given.append(separated(state, before, columns[k], after))
        if k < len(factors) - 1:
            state = merged(in_.kept(in_.product(blocks[k], given[k])))

    state, found = rearranged(gradient, lambda g: g[np.argsort(reversal(rows))]), []
    for k, (before, after) in reversed(list(enumerate(around))):
        state = separated(state, before, rows[k], after)
        found.append(rearranged(in_.product(state, adjoint(given[k])), reshaping(factors[k].shape)))
        state = merged(in_.product(adjoint(blocks[k]), state))
        state = in_.kept(state) if k else state
    return state, *reversed(found)


def separated(state: Any, before: int, width: int, after: int) -> Any:
    """(before · width · after, batch) to (before, after, width, batch)."""
    return rearranged(state, lambda a: a.reshape(before, width, after, a.shape[-1]).swapaxes(1, 2))


def merged(state: Any) -> Any:
    """The inverse of `separated`."""
    return rearranged(state, lambda a: a.swapaxes(1, 2).reshape(prod(a.shape[:3]), a.shape[3]))


def rearranged(state: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    return state.apply(change) if hasattr(state, "apply") else change(state)


def reshaping(shape: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: a.reshape(shape)


def adjoint(state: Any) -> Any:
    return rearranged(state, lambda a: exact.conjugate(a).swapaxes(-1, -2))


def oracle(arrays: Arrays, shape: Shape) -> tuple[np.ndarray, ...]:
    factors = [arrays[name] for name in factor_names(shape)]
    of_x, *of_factors = gradients(factors, arrays["x"].T, arrays["gradient"].T, EXACT)
    return of_x.T, *of_factors


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
    factors = [arrays[name] for name in factor_names(shape)]
    found = gradients(factors, exactly(arrays["x"].T), exactly(arrays["gradient"].T), running(model))
    of_x, *of_factors = (BOUND_SLACK * store(state, model.storage).error for state in found)
    return of_x.T, *of_factors


def faults(shape: Shape) -> Iterable[Fault]:
    names = factor_names(shape)
    columns, rows = shape["input_radices"], shape["output_radices"]
    out, into = reversal(rows), reversal(columns[::-1])
    unread = changed("gradient", lambda g: g[:, out])
    yield Fault("permutation", "digits of the gradient not put in stage order", unread)
    yield Fault("permutation", "digits of x read in reverse order", changed("x", lambda x: x[:, into]))
    yield Fault(
        "permutation", "digits of the gradient of x reversed", after=lambda y: y[:, into], output="gradient of x"
    )
    yield Fault("conjugate", "x not conjugated", changed("x", np.conj))
    yield Fault("conjugate", "no factor conjugated", lambda a: a | {name: np.conj(a[name]) for name in names})
    for k, name in enumerate(names):
        yield Fault("conjugate", f"answer is the conjugate of the gradient of {name}", after=np.conj, output=of(name))
        yield from batch_sum_faults(shape["batch"], of(name))
        if rows[k] == columns[k]:
            yield Fault("transposed factor", f"blocks of {name} not transposed", changed(name, turned))
            yield Fault("transposed factor", f"gradient of {name} transposed", after=turned, output=of(name))
        yield from block_faults(arguments(shape), [name])


def of(name: str) -> str:
    return f"gradient of {name}"


def digits_of_x(shape: Shape, index: tuple[int, ...]) -> dict[str, int]:
    """Input digits are a_0 … a_(p−1), most significant first."""
    columns = shape["input_radices"]
    names = (f"a{k}" for k in range(len(columns)))
    found = digits_of(index[1], columns)
    return {"batch": int(index[0]), "column": int(index[1]), **dict(zip(names, found, strict=True))}


def outputs(shape: Shape) -> tuple[Output, ...]:
    of_factors = (Output(of(name), digits_of_blocks, by_row=False) for name in factor_names(shape))
    return Output("gradient of x", digits_of_x), *of_factors


OP = replace(
    forward.OP,
    name="monarch-multiply-backward",
    summary="gradients of y = M x: Mᴴ g of x, and of each factor (as torch.autograd), with M as in monarch-multiply",
    signature="kernel(gradient, x, *factors): gradient as y (batch, outputs); gives (as x, as factor 0, …)",
    shapes=shapes,
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    faults=faults,
    outputs=outputs,
)
