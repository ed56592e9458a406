"""What `monarch causal` asks of the rules, from the process that holds the model: plain facts that cross a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch.utils import _pytree as pytree

from monarch_gpu.dependence.entries import Entry
from monarch_gpu.dependence.proof import FIXED, NoCertificateError, Question, answered, certified, lattice_for, posed
from monarch_theory.leaks.contracts import Contract, causal

__all__ = ["asked"]


def asked(
    model: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    sequences: Sequence[torch.Tensor],
    axis: int,
    contract: dict[str, Any] | None = None,
    certificate: bool = False,
) -> dict[str, Any]:
    """Whether it is proved that one call of a model keeps a contract, by default causality.

    Args:
        contract: as `Contract.as_plain` gives it.
        args, kwargs: of the call. The tensors among `sequences` are inputs with that sequence `axis`; any other is
            taken at its value.
        certificate: whether to add the certificate of a proof; there are some where outputs may see inputs in a row.

    Returns:
        The fields of `Proof` by name, places as module and line, and the certificate, if one is wanted and there is a
        proof: of one at these weights it is that of the proof under a condition, as it knows no weights.

    >>> asked(lambda x: x.cumsum(0), (x := torch.zeros(8),), {}, [x], 0)["claim"]
    'causal at n = 8, for all finite inputs and all values of 0 weights, with 0 buffers and constants at their value'
    >>> asked(lambda x: x.flip(0), (x,), {}, [x], 0)["pair"]
    (0, 7)
    """
    tensors = [leaf for leaf in pytree.tree_leaves((tuple(args), dict(kwargs))) if isinstance(leaf, torch.Tensor)]
    axes = [axis if any(t is s for s in sequences) else FIXED for t in tensors]
    asked_for = Contract.of_plain(contract) if contract else causal(sequences[0].shape[axis])
    question = posed(model, args, axes, asked_for.name, asked_for.allowed, kwargs)
    proof = answered(question, lattice_for(asked_for))
    facts: dict[str, Any] = {
        "proved": proof.proved,
        "at_these_weights": proof.at_these_weights,
        "conditional": proof.conditional,
        "conditions": [
            {"module": c.entry.module, "line": c.entry.line, "bound": c.bound, "reached": c.reached, "met": c.met}
            for c in proof.conditions
        ],
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
            facts["certificate"] = certified(question, asked_for, supposing=not proof.proved)
    return facts


def place(entry: Entry) -> dict[str, str]:
    """A place as module and line."""
    return {"module": entry.module, "line": entry.line}
