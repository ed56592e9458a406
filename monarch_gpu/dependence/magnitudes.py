"""How large the numbers of a graph can be at the weights it has, node by node, each by its row of `sizes`.

What does not depend on an input is known, and run. Everything else is between bounds, for all inputs of the sizes that
were stated; where no row gives a bound, nothing is said. With all inputs known, the same pass is one run of the graph.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

from monarch_gpu.dependence.entries import Entry, Place, described
from monarch_gpu.dependence.interpret import IGNORED, IN_MEMORY, PURE, Visit, draws, name_of, walked
from monarch_gpu.dependence.sizes import SIZES, Use, as_span, compared_size, of_format
from monarch_theory.leaks.dependence.magnitude import Span, within

__all__ = ["Magnitudes", "free"]


class Unsaid:
    """A number, not a tensor, of which nothing is said."""


@dataclass
class Magnitudes:
    """One pass over a graph.

    Args:
        wanted: nodes, and which of their arguments: those whose sizes are wanted.
        visit: called with every node and its value, in order.

    Attributes:
        found: what the elements of these do not exceed in absolute value; ∞ where there is no bound.
        free: those of them that are not known.
        unbounded: the first node that may be infinite or NaN though its arguments are not, as far as the rows say.
    """

    wanted: Collection[tuple[fx.Node, Place]] = ()
    visit: Visit = lambda node, value: None
    found: dict[tuple[fx.Node, Place], float] = field(default_factory=dict)
    free: set[tuple[fx.Node, Place]] = field(default_factory=set)
    unbounded: Entry | None = None

    def run(self, module: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        """The outputs, as the graph returns them: spans, and tensors that are known."""
        return walked(module, inputs, torch.Tensor.detach, self._call, self.visit)

    def _call(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        args: Any = fx.map_arg(node.args, lambda n: values[n])
        kwargs: Any = fx.map_arg(node.kwargs, lambda n: values[n])
        if node.target is operator.getitem:
            return args[0][args[1]] if isinstance(args[0], list | tuple) else args[0]
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            return self._higher_order(node, args)
        outputs = _outputs(node)
        unsaid = _made(node, [of_format(s, d) for s, d in outputs])
        if not isinstance(node.target, torch._ops.OpOverload):
            return unsaid if _holds((args, kwargs), Span | Unsaid) else node.target(*args, **kwargs)  # type: ignore[operator]
        use = Use(node, tuple(args), kwargs, outputs)
        self._measure(use)
        name = name_of(node.target)
        if name in IGNORED:
            return None
        if draws(node.target, args, kwargs) or _holds((args, kwargs), Unsaid):
            return unsaid
        if node.target.namespace not in PURE or name in IN_MEMORY:
            return unsaid
        if not _holds((args, kwargs), Span):
            return _run(node, args, kwargs)
        if not outputs or name not in SIZES or any(d == torch.bool or d.is_complex for _, d in outputs):
            return self._noted(node, (args, kwargs), unsaid)
        given = SIZES[name](use)
        parts = given if isinstance(given, list | tuple) else [given]
        kept = [_of_integers(p, s, d) for p, (s, d) in zip(parts, outputs, strict=True)]
        return self._noted(node, (args, kwargs), _made(node, kept))

    def _measure(self, use: Use) -> None:
        """Sizes that are wanted of this node's arguments."""
        for node, place in self.wanted:
            if node is use.node:
                size = compared_size(use) if place is None else as_span(_at(use.args, place)).size
                self.found[node, place] = max(size, self.found.get((node, place), 0.0))
                if _holds(use.args[:2] if place is None else _at(use.args, place), Span):
                    self.free.add((node, place))

    def _noted(self, node: fx.Node, given: Any, result: Any) -> Any:
        """The result; the first that is not bounded while what it comes from is, is told."""
        if self.unbounded is None and not _bounded(result) and _bounded(given):
            self.unbounded = described(node)
        return result

    def _higher_order(self, node: fx.Node, args: Any) -> Any:
        """Regions under another autograd or autocast mode."""
        modules = [k for k, a in enumerate(args) if isinstance(a, fx.GraphModule)]
        if str(node.target) in ("wrap_with_set_grad_enabled", "wrap_with_autocast") and len(modules) == 1:
            return self.run(args[modules[0]], args[modules[0] + 1 :])
        return self._noted(node, args, _made(node, [of_format(s, d) for s, d in _outputs(node)]))


def _at(args: Any, place: Sequence[int]) -> Any:
    for index in place:
        args = args[index]
    return args


def _made(node: fx.Node, parts: list[Span]) -> Any:
    """Spans as the graph has its outputs: several, one, or a number."""
    if isinstance(node.meta.get("val"), list | tuple):
        return parts
    return parts[0] if parts else Unsaid()


def _of_integers(span: Span, shape: tuple[int, ...], dtype: torch.dtype) -> Span:
    """What was given, checked against the shape the graph says; integers are some integer of their format at least."""
    if span.shape != shape:
        raise AssertionError(f"expected bounds of {shape}, got {span.shape}")
    if dtype.is_floating_point:
        return span
    fits = span.finite and (not span.low.size or span.low.min() >= torch.iinfo(dtype).min)
    return span if fits else of_format(shape, dtype)


def _holds(given: Any, kind: Any) -> bool:
    """Whether some of the arguments, in lists, too, are of a kind."""
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return any(_holds(g, kind) for g in given)
    return isinstance(given, kind)


def _bounded(given: Any) -> bool:
    """Whether no tensor among these may be NaN or +∞."""
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return all(_bounded(g) for g in given)
    return not isinstance(given, Unsaid) and (not isinstance(given, Span) or given.bounded)


def _outputs(node: fx.Node) -> tuple[tuple[tuple[int, ...], torch.dtype], ...]:
    value = node.meta.get("val")
    parts = value if isinstance(value, list | tuple) else [value]
    return tuple((tuple(v.shape), v.dtype) for v in parts if isinstance(v, torch.Tensor))


def _run(node: fx.Node, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operator itself, on what is known."""
    if "device" in kwargs:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    with torch.no_grad():
        return node.target(*args, **kwargs)  # type: ignore[operator]


def free(shape: Sequence[int], dtype: torch.dtype, reach: float) -> Span:
    """An input of any finite numbers up to a size, or of any integers."""
    if not dtype.is_floating_point:
        return of_format(shape, dtype)
    top = min(reach, torch.finfo(dtype).max)
    return within(shape, -top, top)
