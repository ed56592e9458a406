"""The gradients of y = (M⁻¹ (M [k; 0] ⊙ M [u; 0]))[:n] of u, of k, and of every factor of M and of M⁻¹.

With a = M [u; 0] and b = M [k; 0], M⁻¹ gives the gradient of a ⊙ b from [g; 0]; times conj(b) it is that of a, times
conj(a), summed over the batch, that of b; and M takes both back. The factors of M serve twice and have two terms.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from monarch_theory.rounding import BOUND_SLACK, ErrorModel, store
from monarch_theory.testing import oracle as exact
from monarch_theory.testing.arithmetic import EXACT, Arithmetic, running
from monarch_theory.testing.faults import batch_sum_faults, block_faults, turned
from monarch_theory.testing.op import Arrays, Fault, Output, Shape
from monarch_theory.testing.ops import causal_monarch as forward
from monarch_theory.testing.ops.block_diagonal_multiply_backward import digits_of_blocks
from monarch_theory.testing.ops.causal_monarch import names, padded
from monarch_theory.testing.ops.monarch_multiply_backward import gradients, of, rearranged


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    found = forward.arguments(shape)
    return {"gradient": found["u"], **found}


def answer(arrays: Arrays, shape: Shape, in_: Arithmetic) -> list[Any]:
    """The gradient of u, (n, batch), of k, (n, 1), and of all factors."""
    size, n = prod(shape["radices"]), prod(shape["radices"]) // 2
    of_m, of_inverse = ([arrays[name] for name in names(shape, prefix)] for prefix in ("forward", "inverse"))
    u, k, gradient = (in_.known(padded(arrays[name], size)) for name in ("u", "k", "gradient"))

    def back(factors: list[np.ndarray], x: Any, gradient: Any) -> list[Any]:
        return list(map(in_.kept, gradients(factors, x, gradient, in_)))

    a, b = (in_.kept(in_.apply(of_m, state)) for state in (u, k))
    of_product, *inverse_gradients = back(of_inverse, in_.kept(in_.times(a, b)), gradient)
    conj_a, conj_b = (rearranged(state, exact.conjugate) for state in (a, b))
    of_u, *first = back(of_m, u, in_.kept(in_.times(of_product, conj_b)))
    of_k, *second = back(of_m, k, in_.kept(in_.over_batch(in_.kept(in_.times(of_product, conj_a)))))
    return [of_u[:n], of_k[:n], *map(in_.plus, first, second), *inverse_gradients]


def oracle(arrays: Arrays, shape: Shape, arithmetic: Arithmetic = EXACT) -> tuple[np.ndarray, ...]:
    of_u, of_k, *of_factors = answer(arrays, shape, arithmetic)
    return of_u.T, of_k[:, 0], *of_factors


def bound(arrays: Arrays, shape: Shape, model: ErrorModel) -> tuple[np.ndarray, ...]:
    found = answer(arrays, shape, running(model))
    of_u, of_k, *of_factors = (BOUND_SLACK * store(state, model.storage).error for state in found)
    return of_u.T, of_k[:, 0], *of_factors


def faults(shape: Shape) -> Iterable[Fault]:
    yield from (fault for fault in forward.faults(shape) if fault.cause == "transposed factor")
    terms: dict[str, Callable[[Any, Any], Any]] = {"k": lambda first, second: first, "u": lambda first, second: second}
    for name, plus in terms.items():
        missing = f"the factors of M lack the term that comes by {name}"
        yield Fault("missing term", missing, instead=partial(oracle, shape=shape, arithmetic=replace(EXACT, plus=plus)))
    every = names(shape, "forward") + names(shape, "inverse")
    for name in ("k", *every):
        yield Fault("conjugate", f"answer is the conjugate of the gradient of {name}", after=np.conj, output=of(name))
        yield from batch_sum_faults(shape["batch"], of(name))
    for name in every:
        yield Fault("transposed factor", f"gradient of {name} transposed", after=turned, output=of(name))
    yield from block_faults(forward.arguments(shape), every)


def outputs(shape: Shape) -> tuple[Output, ...]:
    of_factors = (
        Output(of(name), digits_of_blocks, by_row=False)
        for name in names(shape, "forward") + names(shape, "inverse")
    )  # fmt: skip
    of_k = Output("gradient of k", lambda shape, index: {"position": int(index[0])}, by_row=False)
    return Output("gradient of u", forward.digits), of_k, *of_factors


OP = replace(
    forward.OP,
    name="causal-monarch-backward",
    summary="gradients of y = (M⁻¹(M[k;0] ⊙ M[u;0]))[:n] of u, k and all factors (as torch.autograd)",
    signature="kernel(gradient, u, k, *factors): gradient as u (batch, n); gives (as u, as k, as every factor)",
    arguments=arguments,
    oracle=oracle,
    bound=bound,
    faults=faults,
    outputs=outputs,
)
