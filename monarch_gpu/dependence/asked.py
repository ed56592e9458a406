"""What `monarch causal` asks of the rules, from the process that holds the model: plain facts that cross a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cache
from time import monotonic
from typing import Any

import torch
from torch.utils import _pytree as pytree

from monarch_gpu.dependence.alongside import compared
from monarch_gpu.dependence.entries import Entry
from monarch_gpu.dependence.proof import (
    FIXED,
    NoCertificateError,
    Proof,
    Question,
    answered,
    certified,
    lattice_for,
    posed,
)
from monarch_theory.leaks.contracts import Contract, causal

__all__ = ["asked"]

Given = tuple[Sequence[Any], Mapping[str, Any], Sequence[torch.Tensor]]
"""Arguments of a call, and which of their tensors are inputs."""


def asked(
    model: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    sequences: Sequence[torch.Tensor],
    axis: int,
    contract: dict[str, Any] | None = None,
    certificate: bool = False,
    others: Sequence[Given] = (),
    together: Sequence[tuple[int, int, int]] = (),
    seconds: float = float("inf"),
    beside: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """Whether it is proved that one call of a model keeps a contract, by default causality; or that calls agree.

    Args:
        contract: as `Contract.as_plain` gives it, with the `lengths` that outputs may have, if not that of the inputs,
            and their `output_axis`, if it was named.
        args, kwargs: of the call. The tensors among `sequences` are inputs with that sequence `axis`; any other is
            taken at its value.
        certificate: whether to add the certificate of a proof; there are some where outputs may see inputs in a row.
        others: further calls. together: pairs of calls by their numbers, the first being 0, and the place in the
            inputs of the one at which those of the other begin; that they agree there is asked, not the contract.
        seconds: no pair is begun after so many.
        beside: another model, whose the further calls are.

    Returns:
        Of calls that are to agree, those that were asked, as `compared` gives them. Otherwise
        The fields of `Proof` by name, places as module and line, and the certificate, if one is wanted and there is a
        proof: of one at these weights it is that of the proof under a condition, as it knows no weights.

    >>> asked(lambda x: x.cumsum(0), (x := torch.zeros(8),), {}, [x], 0)["claim"]
    'causal at n = 8, for all finite inputs and all values of 0 weights, with 0 buffers and constants at their value'
    >>> asked(lambda x: x.flip(0), (x,), {}, [x], 0)["pair"]
    (0, 7)
    """
    if together:
        return agreeing(model, [(args, kwargs, sequences), *others], axis, together, seconds, beside)
    asked_for = Contract.of_plain(contract) if contract else causal(sequences[0].shape[axis])
    lengths = tuple((contract or {}).get("lengths", ()))
    axes = axes_of((args, kwargs, sequences), axis)
    along = (contract or {}).get("output_axis")
    question = posed(model, args, axes, asked_for.name, asked_for.allowed, kwargs, lengths=lengths, along=along)
    proof = answered(question, lattice_for(asked_for))
    facts: dict[str, Any] = {
        "proved": proof.proved,
        "at_these_weights": proof.at_these_weights,
        "conditional": proof.conditional,
        "conditions": [
            {"module": c.entry.module, "line": c.entry.line, "bound": c.bound, "reached": c.reached, "met": c.met}
            for c in proof.conditions
        ],
        "weights_within": proof.weights_within,
        "short_of_overflow": proof.short_of_overflow,
        "reach": proof.reach,
        "unbounded": None if proof.unbounded is None else place(proof.unbounded),
        "claim": proof.claim,
        "reason": proof.reason,
        "detail": proof.detail,
        "outputs": list(proof.outputs),
        "output_axes": list(proof.output_axes),
        "unjudged": list(proof.unjudged),
        "without_rule": dict(proof.without_rule),
        "excludes": list(proof.excludes),
        "ends_nan": None if proof.ends_nan is None else place(proof.ends_nan),
        "pair": proof.pair,
        "entry": None if proof.entry is None else place(proof.entry),
    }
    proved = proof.proved or proof.at_these_weights or proof.conditional
    if certificate and proved and isinstance(question, Question):
        with suppress(NoCertificateError):
            facts["certificate"] = certified(question, asked_for, supposing=proof.supposing, by_format=proof.by_format)
    return facts


def axes_of(call: Given, axis: int) -> list[int | str]:
    """Of every tensor of a call the axis, if it is an input; of any other that it is taken at its value."""
    args, kwargs, sequences = call
    tensors = [leaf for leaf in pytree.tree_leaves((tuple(args), dict(kwargs))) if isinstance(leaf, torch.Tensor)]
    return [axis if any(t is s for s in sequences) else FIXED for t in tensors]


def agreeing(
    model: Callable[..., Any],
    calls: Sequence[Given],
    axis: int,
    together: Sequence[tuple[int, int, int]],
    seconds: float,
    beside: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """Of each pair of calls, in order, whether it is proved that they give the same, as long as there is time."""
    stop = monotonic() + seconds

    @cache
    def graph(number: int) -> Question | Proof:
        args, kwargs, sequences = calls[number]
        order = causal(sequences[0].shape[axis])
        called = model if beside is None or number == 0 else beside
        return posed(fresh(called), args, axes_of(calls[number], axis), order.name, order.allowed, kwargs)

    found: list[dict[str, Any]] = []
    for long, short, start in together:
        if found and monotonic() > stop:
            break
        pair = [graph(long), graph(short)]
        wrong = next((each for each in pair if isinstance(each, Proof)), None)
        if wrong is not None:
            found.append({"proved": False, "detail": wrong.detail, "outputs": [], "output_axes": []})
        else:
            found.append(compared(pair[0], pair[1], start, beside is not None))  # type: ignore[arg-type]
    return {"compared": found}


def fresh(model: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of a module with the same weights, so that what one call leaves in it is not there at the next.

    >>> layer = torch.nn.Linear(2, 2)
    >>> fresh(layer) is layer, fresh(layer).weight is layer.weight
    (False, True)
    """
    if not isinstance(model, torch.nn.Module):
        return model
    return deepcopy(model, {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())})


def place(entry: Entry) -> dict[str, str]:
    """A place as module and line."""
    return {"module": entry.module, "line": entry.line}
