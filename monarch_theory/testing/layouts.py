"""Ops as public libraries call them: their order of arguments, their options, and what they leave out, as data.

All of these keep the axes this project has, (batch, channels, length) and (blocks, rows, columns). An argument that a
library's function does not take has the value that makes no difference, one for a gate and zero for a skip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from monarch_theory.testing.op import WIDE, Answer, Arrays, Domain, Fault, Op, Shape
from monarch_theory.testing.oracle import balls

__all__ = ["LAYOUTS", "LIBRARIES", "Layout", "in_layout"]


def _same(options: dict[str, Any]) -> dict[str, Any]:
    return options


@dataclass(frozen=True)
class Layout:
    """How one library's function is called for one op.

    Attributes:
        function: its name and arguments, as the library has them.
        order: our names of its arguments, in its order.
        fixed: our arguments that it has not, and the number they are full of.
        options: its keyword arguments, from ours.
        domains: of arguments that are in a format of their own there.
        spread: of an argument, how many axes of size one it has at its end besides ours.
    """

    function: str
    order: tuple[str, ...]
    fixed: Mapping[str, float] = field(default_factory=dict)
    options: Callable[[dict[str, Any]], dict[str, Any]] = _same
    domains: Mapping[str, Domain] = field(default_factory=dict)
    spread: Mapping[str, int] = field(default_factory=dict)

    def shape_of(self, name: str, ours: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an argument as they have it."""
        return (*ours, *(1,) * self.spread.get(name, 0))


def _activation(options: dict[str, Any]) -> dict[str, Any]:
    return {"activation": "silu" if options["silu"] else None}


def _neither_dropout_nor_gelu(options: dict[str, Any]) -> dict[str, Any]:
    return {"dropout_mask": None, "gelu": False}


BLOCKS = Layout("blockdiag_multiply(x, weight)", ("x", "blocks"))
BUTTERFLY = Layout("blockdiag_butterfly_multiply(x, w1_bfly, w2_bfly)", ("x", "R", "L"))

LAYOUTS: dict[str, dict[str, Layout]] = {
    "fly": {"block-diagonal-multiply": BLOCKS, "monarch-linear": BUTTERFLY},
    "m2": {
        "block-diagonal-multiply": BLOCKS,
        "monarch-linear": BUTTERFLY,
        "long-convolution": Layout(
            "fftconv_ref(u, k, D, dropout_mask=None, gelu=False), D (channels, 1)", ("u", "k", "skip"), {"gate": 1.0},
            _neither_dropout_nor_gelu, spread={"skip": 1},
        ),
    },
    "flash-fft-conv": {
        "circular-convolution": Layout("FlashFFTConv(n)(u, k), k in float32", ("u", "k"), domains={"k": WIDE}),
        "long-convolution": Layout(
            "FlashFFTConv(2n)(u, k), k in float32", ("u", "k"), {"gate": 1.0, "skip": 0.0}, domains={"k": WIDE}
        ),
        "gated-convolution": Layout(
            "FlashFFTConv(2n)(u, k, pregate, postgate), k in float32", ("u", "k", "pregate", "postgate"),
            domains={"k": WIDE},
        ),
    },
    "causal-conv1d": {
        "short-convolution": Layout(
            "causal_conv1d_fn(x, weight, bias, activation=None or 'silu')", ("x", "weight", "bias"), options=_activation
        ),
        "short-convolution-step": Layout(
            "causal_conv1d_update(x, conv_state, weight, bias, activation=None or 'silu')",
            ("x", "state", "weight", "bias"), options=_activation,
        ),
    },
}  # fmt: skip
"""By library and op."""

LIBRARIES = tuple(LAYOUTS)


def in_layout(op: Op, library: str) -> Op:
    """The op as a function of a library is called for it.

    Raises:
        ValueError: a library of another name, or an op that it has not.

    >>> from monarch_theory.testing.ops import op_named
    >>> in_layout(op_named("long-convolution"), "m2").signature
    'fftconv_ref(u, k, D, dropout_mask=None, gelu=False), D (channels, 1)'
    """
    if library not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {library!r}")
    layout = LAYOUTS[library].get(op.name.split(",")[0])
    if layout is None:
        known = ", ".join(LAYOUTS[library])
        raise ValueError(f"layout: expected an op that {library} has ({known}), got {op.name}")
    ours = partial(_ours, op, layout)
    return replace(
        op,
        signature=layout.function,
        arguments=lambda shape: {name: layout.shape_of(name, op.arguments(shape)[name]) for name in layout.order},
        oracle=lambda a, shape: op.oracle(ours(a, shape), shape),
        bound=lambda a, shape, model: op.bound(ours(a, shape), shape, model),
        bound_in_norm=lambda a, shape, model: op.bound_in_norm(ours(a, shape), shape, model),
        options=lambda shape: layout.options(op.options(shape)),
        faults=lambda shape: (_as_theirs(fault, layout, partial(ours, shape=shape)) for fault in op.faults(shape)),
        domains={**op.domains, **layout.domains},
    )


def _ours(op: Op, layout: Layout, a: Arrays, shape: Shape) -> Arrays:
    """Our arguments, from theirs."""
    sizes = op.arguments(shape)
    like = next(iter(a.values()))
    fixed = {name: _full(sizes[name], value, like) for name, value in layout.fixed.items()}
    return {name: a[name].reshape(size) if name in a else fixed[name] for name, size in sizes.items()}


def _full(shape: tuple[int, ...], value: float, like: np.ndarray) -> np.ndarray:
    """As balls or floats, as the others are."""
    found = np.full(shape, value)
    return balls(found) if like.dtype == object else found.astype(like.dtype)


def _as_theirs(fault: Fault, layout: Layout, ours: Callable[[Arrays], Arrays]) -> Fault:
    """The same fault of a kernel that is called as theirs; what changes only fixed arguments changes nothing."""

    def before(a: Arrays) -> Arrays:
        changed = fault.before(ours(a))
        return {name: changed[name].reshape(layout.shape_of(name, changed[name].shape)) for name in layout.order}

    def instead(a: Arrays) -> Answer:
        assert fault.instead is not None
        return fault.instead(ours(a))

    return replace(fault, before=before, instead=instead if fault.instead is not None else None)
