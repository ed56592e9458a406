"""Is an implicit filter held in float32 where a model runs in half precision?

The filters of M2 and Hyena are functions of the position: features i/(n − 1) and exp(−2πi f·i/n) through sines of large
arguments. In bfloat16, 8192 positions are 897, and sin(ω W z) loses its phase; nothing complains. `filter_precision`
asks any such filter, in PyTorch, whoever wrote it. The evidence is *measured*, of one filter at the length given, and
against that filter in float64: positions that were rounded before it was made are taken as meant.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from math import nan

import torch
from torch import Tensor, nn

from monarch_theory.formats import HALVES
from monarch_theory.rounding import unit_roundoff

__all__ = ["PRECISIONS", "FilterPrecision", "filter_precision"]

PRECISIONS = tuple(f"{how}{half.name}" for how in ("", "autocast ") for half in HALVES)
STEP = 2.0**-13  # far above float32's rounding and far below bfloat16's
LINEAR = 1 / 8
WORSE = 4.0  # a float32 filter may be rounded in another order than the one measured


@dataclass(frozen=True)
class FilterPrecision:
    """How far a filter in some precision is from the same filter in float64.

    Attributes:
        precision: one of `PRECISIONS`.
        error: ‖taps − exact‖ / ‖exact‖, Frobenius.
        float32_error: the same for the filter in float32.
        bound: what a filter computed in float32 and rounded once at the end meets: u + 4 · float32_error.
        reason: why nothing can be said; empty if something can.
    """

    precision: str
    error: float
    float32_error: float
    bound: float
    reason: str = ""

    @property
    def verdict(self) -> str:
        """`held`, `not held`, or `undecided`."""
        if self.reason:
            return "undecided"
        return "held" if self.error <= self.bound else "not held"

    def __str__(self) -> str:
        if self.reason:
            return f"undecided in {self.precision}: {self.reason}"
        against = "within" if self.verdict == "held" else "beyond"
        return (
            f"{self.verdict} in {self.precision}: the filter is off by {self.error:.2%}, {against} the "
            f"{self.bound:.2%} of one computed in float32 and rounded once (measured)"
        )


def filter_precision(
    module: nn.Module, taps: Callable[[nn.Module], Tensor], precision: str = "bfloat16"
) -> FilterPrecision:
    """Compare a filter in some precision with the same filter in float64.

    Args:
        module: what makes the filter, on a device that has float64; it is copied, not changed, and put into eval mode.
        taps: from such a module to its filter, any shape: `lambda hyena: hyena.filter(8192)`.
        precision: `bfloat16` and `float16` cast the module, as `.bfloat16()` and `.half()` do; `autocast bfloat16` and
            `autocast float16` leave it in float32 and run it in such a region.

    Raises:
        ValueError: no such precision.

    >>> from monarch_gpu.layers import ImplicitFilter
    >>> ours = ImplicitFilter(channels=4, length=512, width=16, features=5, inner_layers=2, frequency=10.0)
    >>> filter_precision(ours, lambda f: f(512), "bfloat16").verdict
    'held'
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    dtype = getattr(torch, precision.removeprefix("autocast "))
    unit = unit_roundoff(str(dtype))
    exact_module = copy.deepcopy(module).double().eval()
    exact = taps_in(exact_module, taps)
    single = taps_in(copy.deepcopy(module).float().eval(), taps)
    region = dtype if precision.startswith("autocast") else None
    lowered = copy.deepcopy(module).to(torch.float32 if region else dtype).eval()
    found = taps_in(lowered, taps, region)
    if not exact.shape == single.shape == found.shape:
        shapes = " and ".join(str(tuple(t.shape)) for t in (exact, single, found))
        return FilterPrecision(precision, nan, nan, nan, f"its taps have other shapes in other precisions: {shapes}")
    single_error, error = relative(single, exact), relative(found, exact)
    reason = why_undecided(exact_module, taps, exact, single_error, unit)
    return FilterPrecision(precision, error, single_error, unit + WORSE * single_error, reason)


def taps_in(module: nn.Module, taps: Callable[[nn.Module], Tensor], autocast: torch.dtype | None = None) -> Tensor:
    """The taps as float64, computed under autocast to a dtype, or under none; complex ones as pairs of numbers."""
    device = next(chain(module.parameters(), module.buffers()), torch.empty(0)).device.type
    with torch.no_grad(), torch.autocast(device, dtype=autocast, enabled=autocast is not None):
        found = taps(module)
    return (torch.view_as_real(found) if found.is_complex() else found).double()


def relative(found: Tensor, exact: Tensor) -> float:
    """‖found − exact‖ / ‖exact‖."""
    return float((found - exact).norm() / exact.norm())


def why_undecided(
    module: nn.Module, taps: Callable[[nn.Module], Tensor], exact: Tensor, single: float, unit: float
) -> str:
    """Why the float64 filter is nothing to compare with; empty if it is.

    A module may go to low precision by itself, float64 or not. Then it does not follow small changes: move all it is
    made of by a relative h and by h/2. What it computes in float32 or better moves twice as far by the first.
    """
    if not (bool(exact.isfinite().all()) and bool(exact.norm() > 0)):
        return "its float64 taps are zero or not finite"
    if not torch.equal(taps_in(module, taps), exact):
        return "it gives other taps each time"
    if not WORSE * single < unit:
        return f"in float32 it is already off by {single:.1e}"
    far, near = (taps_in(moved(module, step), taps) - exact for step in (STEP, STEP / 2))
    if not (far - 2 * near).norm() <= LINEAR * far.norm() or far.norm() == 0:
        return "it does not follow small changes of its weights, so its float64 copy may be of low precision itself"
    return ""


def moved(module: nn.Module, step: float) -> nn.Module:
    """A copy with every floating weight and buffer moved by a relative ±step."""
    other = copy.deepcopy(module)
    random = torch.Generator().manual_seed(0)
    for tensor in chain(other.parameters(), other.buffers()):
        if tensor.is_floating_point():
            signs = torch.randint(2, tensor.shape, generator=random, dtype=torch.int8).to(tensor.device) * 2 - 1
            tensor.data.mul_(1 + step * signs.to(tensor.dtype))
    return other
