"""Does a graph compute what its model does? Both are run on the same numbers, before anything is proved of the graph.

An export follows a model once, with tensors that hold no numbers. What a model does only when it is exported, or never
then, is not in the graph: a branch on `torch.compiler.is_compiling()`, what an `except` does that an export enters,
an assignment to `.data`, what an operator writes and does not declare. A rule is sound of the graph it is given, and so
such a graph has to be refused. One run of each shows what is done at every call; what a call does for some numbers
alone it does not show, and the perturbations beside a proof are the check of that. The model is run without gradients,
as an export is made, and with them where it takes a call so: layers of torch have a fast path for the first alone.

**Tolerance.** An export may take an operator apart, and so sum in another order. Numbers count as the same where they
differ by less than half of the digits of the coarsest format, √u, of their own size or that of half of the others. It
decides nothing of dependence: what is larger costs a proof, and what is smaller is left to the perturbations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from monarch_gpu.dependence.interpret import draws

__all__ = ["copied", "strays"]


def copied(model: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of a module with the same parameters, whose state is its own; what cannot be copied is itself.

    >>> layer = torch.nn.BatchNorm1d(2)
    >>> other = copied(layer)
    >>> other.weight is layer.weight, other.running_mean is layer.running_mean
    (True, False)
    """
    if not isinstance(model, nn.Module):
        return model
    try:
        return deepcopy(model, {id(p): p for p in model.parameters()})
    except Exception:  # a lock, a generator, a tensor that a gradient leads to
        return model


def strays(
    program: ExportedProgram,
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    taken: Sequence[torch.Tensor],
) -> str:
    """Why a graph is not that of its model, from one run of each on drawn numbers; empty where nothing says so.

    Args:
        model: called once, which may leave something in it, and a copy of it where there can be one.
        taken: tensors among the arguments that stay at their values; of others, integers are shuffled and the rest
            drawn.

    >>> double = lambda x: 2 * x if torch.compiler.is_exporting() else x.flip(0)
    >>> class Double(nn.Module):
    ...     def forward(self, x):
    ...         return double(x)
    >>> args = (torch.zeros(4),)
    >>> strays(torch.export.export(Double(), args), Double(), args, {}, [])
    'the graph that is exported gives other numbers than the model'
    """
    if any(_is_random(module) for module in program.graph_module.modules()):
        return ""
    generator = torch.Generator().manual_seed(0)

    def drawn(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or any(leaf is t for t in taken):
            return leaf
        return _drawn(leaf, generator)

    given, named = pytree.tree_map(drawn, (args, kwargs))
    again = copied(model)
    try:
        with torch.no_grad():
            graph = copied(program.module())  # which writes into the buffers that it has from the model
            ours = graph(*pytree.tree_map(_again, given), **pytree.tree_map(_again, named))
            theirs = model(*pytree.tree_map(_again, given), **pytree.tree_map(_again, named))
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"the model and its graph did not both run: {type(error).__name__}: {lines[0] if lines else ''}"
    unit = _coarsest(program)
    if not _all_alike(ours, theirs, unit):
        return "the graph that is exported gives other numbers than the model"
    del theirs
    if not _all_alike(ours, _with_gradients(again, given, named), unit):
        return "the graph that is exported gives other numbers than the model with gradients"
    return ""


def _with_gradients(model: Callable[..., Any], given: Any, named: Any) -> Any:
    """What a model returns where gradients are on; nothing where it takes no call so.

    What gradients need is not kept, but for a model that takes some itself.
    """
    for kept in (torch.autograd.graph.saved_tensors_hooks(lambda tensor: None, lambda nothing: nothing), nullcontext()):
        with suppress(Exception), torch.enable_grad(), kept:  # operators without gradients, writes into a parameter
            return model(*pytree.tree_map(_again, given), **pytree.tree_map(_again, named))
    return None


def _all_alike(ours: Any, theirs: Any, share: float) -> bool:
    """Whether all tensors that two calls return are the same to a share of their size."""
    pairs = zip(pytree.tree_leaves(ours), pytree.tree_leaves(theirs), strict=False)
    tensors = ((a, b) for a, b in pairs if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor))
    return all(_alike(a.detach(), b.detach(), share) for a, b in tensors)


def _is_random(module: nn.Module) -> bool:
    """Whether some operator of a graph draws, for which a graph and its model need not draw the same."""
    calls = [n for n in getattr(module, "graph", torch.fx.Graph()).nodes if n.op == "call_function"]
    return any(isinstance(n.target, torch._ops.OpOverload) and draws(n.target, n.args, n.kwargs) for n in calls)


def _drawn(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if like.dtype.is_floating_point or like.dtype.is_complex:
        wide = torch.complex64 if like.dtype.is_complex else torch.float32
        made = torch.randn(like.shape, generator=generator, dtype=wide)
    else:
        made = like.flatten().cpu()[torch.randperm(like.numel(), generator=generator)].reshape(like.shape)
    result = torch.empty_like(like)
    return result.copy_(made) if like.numel() else result


def _again(leaf: Any) -> Any:
    """A copy, as a call may write into its inputs."""
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf


def _coarsest(program: ExportedProgram) -> float:
    """Half of the digits of the coarsest format in a graph, as a share of one."""
    values = [v for n in program.graph_module.graph.nodes for v in pytree.tree_leaves(n.meta.get("val"))]
    formats = {v.dtype for v in values if isinstance(v, torch.Tensor) and (v.is_floating_point() or v.is_complex())}
    return float(max((torch.finfo(f).eps for f in formats), default=0.0) ** 0.5)


def _alike(a: torch.Tensor, b: torch.Tensor, share: float) -> bool:
    """Whether two tensors are the same to a share of their size; NaN and infinities at the same places."""
    if a.shape != b.shape:
        return False
    if not (a.is_floating_point() or a.is_complex()):
        return bool((a == b).all())
    wide = torch.complex128 if a.is_complex() else torch.float64
    a, b = a.to(wide), b.to(wide)
    same = (a == b) | (a.isnan() & b.isnan())
    finite = a.isfinite() & b.isfinite()
    if not bool((same | finite).all()):
        return False
    sizes = a[finite].abs()
    usual = sizes[sizes > 0].median() if bool((sizes > 0).any()) else sizes.new_zeros(())
    return bool((same[finite] | ((a - b)[finite].abs() <= share * torch.maximum(sizes, usual))).all())
