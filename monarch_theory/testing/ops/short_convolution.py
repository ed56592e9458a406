"""y = act(Σ_j w_(width−1−j) x_(i−j) + bias), causal and depthwise, act the identity or silu: as causal-conv1d has it.

A right kernel adds the width + 1 terms in any order, in the accumulation format; so each passes through as many
roundings, the bias too. Silu is bounded as `rounding.silu` says.

Winograd's F(2, 3) adds up inputs of a window, and taps, before it multiplies: seven roundings of at most twice
Σ|window| Σ|taps|. It is within the claim `normwise`, which allows 32, as larger tiles round more.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.rounding import Tracked
from monarch_theory.rounding.model import CLAIMS
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed
from monarch_theory.testing.op import Arrays, Fault, Op, Shape, any_sizes


def shapes() -> Iterable[Shape]:
    for silu in (False, True):
        for n, width in ((4, 2), (1, 1), (1, 4), (2, 3), (3, 4), (5, 3), (8, 4), (16, 4), (33, 4), (64, 3), (128, 4)):
            for batch, channels in ((1, 1), (2, 3), (3, 1), (0, 2)):
                yield {"batch": batch, "channels": channels, "n": n, "width": width, "silu": silu}
        yield {"batch": 2, "channels": 768, "n": 128, "width": 3, "silu": silu}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    channels = shape["channels"]
    return {
        "x": (shape["batch"], channels, shape["n"]), "weight": (channels, shape["width"]), "bias": (channels,)
    }  # fmt: skip


def windows(x: np.ndarray, width: int) -> np.ndarray:
    """(…, n) to (…, n, width): x_(i−width+1) … x_i, and zeros before the start."""
    n = x.shape[-1]
    padded = np.concatenate([np.zeros((*x.shape[:-1], width - 1), x.dtype), x], axis=-1)
    if not n:
        return np.zeros((*x.shape, width), x.dtype)
    return np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1)


def of_windows(x: f.Number, weight: f.Number, ahead: bool = False) -> f.Number:
    """Σ_j w_(width−1−j) x_(i−j), or of x_(i+j): (batch, channels, n) and (channels, width) to (batch, channels, n)."""
    width = weight.shape[1]
    return f.contracted("bcnw,cw->bcn", x, weight, width, partial(_windows_ahead if ahead else windows, width=width))


def of_taps(x: f.Number, w: f.Number, width: int) -> f.Number:
    """Σ over batch and places i of w_i x_(i−j), the gradient of the taps: (channels, width)."""
    batch, _, n = w.shape
    return f.contracted("bcnw,bcn->cw", x, w, batch * n, partial(windows, width=width))


def _windows_ahead(x: np.ndarray, width: int) -> np.ndarray:
    return windows(x[..., ::-1], width)[..., ::-1, :]


def summed(x: f.Number, weight: f.Number, bias: f.Number) -> f.Number:
    """Σ_j w_(width−1−j) x_(i−j) + bias, before the activation."""
    width = weight.shape[1]
    return f.widened(of_windows(x, weight) + bias[:, None], width, bias[:, None])


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    z = f.stored(together(summed(a["x"], a["weight"], a["bias"]), a, shape["width"]))
    return f.silu(z) if shape["silu"] else z


WINOGRAD = 32
"""Roundings of Σ|window| Σ|taps| by which products of sums may be off."""


def together(z: f.Number, a: Arrays, width: int) -> f.Number:
    """The sums, also as products of sums where that is claimed.

    Theorem: `proofs/products_of_sums`, `winograd_bound`, for tiles of two outputs and three taps.
    """
    if not isinstance(z, Tracked) or not z.model.normwise:
        return z
    around = windows(np.abs(f.plain(a["x"])), width).sum(-1)
    taps = np.abs(f.plain(a["weight"])).sum(-1)[:, None]
    return f.widened(z, WINOGRAD, around * taps)


def faults(shape: Shape) -> Iterable[Fault]:
    yield Fault("permutation", "weight reversed in time", changed("weight", lambda w: w[:, ::-1]))
    yield Fault("permutation", "weight of another channel", changed("weight", lambda w: np.roll(w, 1, 0)))
    yield Fault("missing term", "the bias is left out", changed("bias", np.zeros_like))
    other = "no activation" if shape["silu"] else "activated though not asked for"
    yield Fault("missing term", other, instead=lambda a: formula(a, {**shape, "silu": not shape["silu"]}))
    yield Fault(
        "not causal", "a window around each place instead of before it", changed("x", _ahead(shape["width"] // 2))
    )
    yield Fault("not causal", "the sequence wraps around", instead=lambda a: _wrapped(a, shape))


def _ahead(steps: int):  # type: ignore[no-untyped-def]
    def change(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x[..., steps:], np.zeros_like(x[..., :steps])], axis=-1)

    return change


def _wrapped(a: Arrays, shape: Shape) -> np.ndarray:
    around = [np.roll(a["x"], shape["width"] - 1 - t, -1) for t in range(shape["width"])]
    z = (np.stack(around, -1) * a["weight"][:, None, :]).sum(-1) + a["bias"][:, None]
    return np.asarray(f.silu(z)) if shape["silu"] else z


OP = Op(
    name="short-convolution",
    summary="y_i = Σ_j weight_(width−1−j) x_(i−j) + bias for every channel, causal; silu of that where asked",
    signature="kernel(x, weight, bias, silu=…): x (batch, channels, n), weight (channels, width), bias (channels,)",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    claims=CLAIMS,
    narrow_between=False,
    options=lambda shape: {"silu": shape["silu"]},
    faults=faults,
    accepts=any_sizes,
    carries_infinities=False,
)
