"""Nodes of a graph as people find them: the operator, the module and the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx
from torch.utils import _pytree as pytree

__all__ = ["Condition", "Entry", "Place", "Supposition", "described", "is_wide", "near_overflow"]

SHORT = 8.0
"""Scores are supposed to be so many times smaller than the mask they meet; so far below overflow is short of it."""
WIDE = 1e37
"""Formats whose largest number is at least this: scores do not come near it unless something is wrong."""
EXPORTING = str(Path(__file__).with_name("proof.py"))


@dataclass(frozen=True)
class Entry:
    """A place in a model, such as where a dependence enters.

    Attributes:
        node: its name in the graph; op: the operator.
        module: the path of the innermost module and its class; empty for the outermost.
        line: file, line and text of the innermost line of a module's `forward`, or of the function that was given;
            empty where there is none, as of compiled code.
    """

    node: str
    op: str
    module: str
    line: str

    @property
    def place(self) -> str:
        """Module and line; where there is none, the node."""
        return f"{self.module}, {self.line}" if self.line else f"{self.node} ({self.op})"


Place = tuple[int, ...] | None
"""Which argument of a node, by place and by place in a list; None for the scores inside attention."""


@dataclass(frozen=True)
class Supposition:
    """That an argument of a node, or the scores inside it, are finite and within ±`bound`."""

    node: fx.Node
    place: Place
    bound: float


@dataclass(frozen=True)
class Condition:
    """That the numbers which a mask of finite values meets at a place are finite and within ±`bound`.

    Attributes:
        reached: what they do not exceed, whatever the inputs are, at the weights as they are; ∞ where nothing says.
        example: what they come to for the example of the arguments; None where that was not found.
        overflow: whether the bound is a `SHORT`th of the largest number of the format they are in, so that nothing but
            what is about to overflow breaks it; of no format of 16 bits with a small range.
    """

    entry: Entry
    bound: float
    reached: float = float("inf")
    example: float | None = None
    overflow: bool = False

    @property
    def met(self) -> bool:
        """Whether it holds for all inputs, at the weights as they are."""
        return self.reached <= self.bound


def near_overflow(supposition: Supposition) -> bool:
    """Whether what exceeds the bound is within a factor of `SHORT` of overflow, in its format."""
    formats = [v.dtype for v in pytree.tree_leaves(supposition.node.meta.get("val")) if isinstance(v, torch.Tensor)]
    tops = [torch.finfo(dtype).max for dtype in formats[:1] if is_wide(dtype)]
    return any(supposition.bound * SHORT >= top for top in tops)


def is_wide(dtype: torch.dtype) -> bool:
    """Whether it is a format of real numbers that scores do not come near the largest of."""
    return dtype.is_floating_point and torch.finfo(dtype).max >= WIDE


def described(node: fx.Node) -> Entry:
    """A node as its operator, module and line."""
    trace = node.meta.get("stack_trace") or ""
    frames = [f for f in trace.split('File "') if '", line ' in f and not f.startswith(EXPORTING)]
    line = ""
    if frames:
        file, _, rest = frames[-1].partition('", line ')
        number, _, text = rest.partition("\n")
        line = f"{file}:{number.split(',')[0]}: {text.strip().splitlines()[0] if text.strip() else ''}"
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    name = kind if isinstance(kind, str) else kind.__name__
    return Entry(node.name, str(node.target), f"{path} ({name.rpartition('.')[2]})" if path else name, line)
