"""What one piece of a mixer is: some channels or positions, and the operations that lie between two large products.

Arrays are (channels, batch, n): the sequence is innermost.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.fft import irfft, rfft

POSITIONS = 512
"""Positions a dimension mixer is computed at together: what is inside stays in a cache of some megabytes."""

SAMPLES = 2**20
"""Numbers of a padded signal that are transformed together, for the same reason."""


def channels_at_once(n: int, batch: int = 1) -> int:
    """How many channels of (batch, channels, n) are transformed together."""
    return max(1, SAMPLES // max(2 * n * batch, 1))


def pieces(x: Tensor, size: int, axis: int) -> tuple[Tensor, ...]:
    """x cut along an axis into pieces of a size, the last up to twice as long; whole where a graph is recorded.

    And whole on a GPU: what a processor's cache holds is far too little to keep that busy.
    """
    cuts = places(x, size, axis)
    return (x,) if len(cuts) == 1 else x.split([stop - start for start, stop in cuts], dim=axis)


def places(x: Tensor, size: int, axis: int) -> list[tuple[int, int]]:
    """Where they begin and end."""
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        return [(0, x.shape[axis])]
    return bounds(x.shape[axis], size)


def bounds(length: int, size: int) -> list[tuple[int, int]]:
    """Where pieces of a size begin and end, the last up to twice as long.

    >>> bounds(7, 3), bounds(2, 3)
    ([(0, 3), (3, 7)], [(0, 2)])
    """
    starts = [size * i for i in range(max(1, length // size))]
    return list(pairwise([*starts, length]))


def joined(parts: list[Tensor]) -> Tensor:
    """Pieces of the channels of (…, channels, n) put together; in memory channels are outermost."""
    return parts[0] if len(parts) == 1 else torch.cat([part.movedim(-2, 0) for part in parts]).movedim(0, -2)


def circular_by_fft(u: Tensor, kernel: Tensor) -> Tensor:
    """(…, n) and (…, n) or (…, 2n) → the circular convolution of length 2n, after zeros."""
    length = 2 * u.shape[-1]
    return irfft(rfft(u, n=length) * rfft(kernel, n=length), n=length)


def filtered(u: Tensor, spectrum: Tensor) -> Tensor:
    """(channels, batch, n) and the spectrum of a kernel (`LongConvolution.parts`) → their circular convolution."""
    length = 2 * u.shape[-1]
    return irfft(rfft(u, n=length).mul_(spectrum[:, None]), n=length)[..., : u.shape[-1]]


def shifts(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Σ_t w_t ⊙ (x shifted by t) + b: x (channels, batch, n), w (taps, channels), b (channels)."""
    y = torch.addcmul(b[:, None, None], x, w[0, :, None, None])
    add_later_taps(y, x, w)
    return y


def add_later_taps(y: Tensor, x: Tensor, w: Tensor) -> None:
    """Add Σ_(t ≥ 1) w_t ⊙ (x shifted by t) to y, in place."""
    for t in range(1, min(len(w), x.shape[-1])):
        y[..., t:].addcmul_(x[..., :-t], w[t, :, None, None])


class Shifts(torch.autograd.Function):
    """Σ_t w_t ⊙ (x shifted by t) + b: x (channels, batch, n), w (taps, channels), b (channels).

    A pass through memory for every tap, forward and backward; torch's depthwise convolution takes twice as long.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        """y of the shape of x."""
        y = x * w[0, :, None, None]
        some = max(1, SAMPLES * len(x) // max(x.numel(), 1))  # channels at once
        for v, u, taps, bias in zip(*(pieces(a, some, 0) for a in (y, x, w.t(), b)), strict=True):
            add_later_taps(v, u, taps.t())
            v.add_(bias[:, None, None])
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        """Keep what the gradients need, backward and forward."""
        ctx.save_for_backward(*inputs[:2])
        ctx.save_for_forward(*inputs[:2])

    @staticmethod
    def jvp(ctx: Any, of_x: Tensor | None, of_w: Tensor | None, of_b: Tensor | None) -> Tensor:
        """The derivative along directions of x, w and b, none where that one stands still."""
        x, w = ctx.saved_tensors
        none = x.new_zeros(len(x))
        along = shifts(torch.zeros_like(x) if of_x is None else of_x, w, none if of_b is None else of_b)
        return along if of_w is None else along + shifts(x, of_w, none)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of x, w and b."""
        x, w = ctx.saved_tensors
        some = max(1, SAMPLES * len(x) // max(x.numel(), 1))  # channels at once
        cut = zip(*(pieces(a, some, 0) for a in (gradient, x, w.t())), strict=True)
        done = [through_shifts(g, u, taps.t()) for g, u, taps in cut]
        if len(done) == 1:
            return done[0]
        to_x, to_w, to_b = zip(*done, strict=True)
        return torch.cat(to_x), torch.cat(to_w, dim=1), torch.cat(to_b)


def through_shifts(gradient: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, w and b of `shifts`."""
    to_x, to_w, n = gradient * w[0, :, None, None], [], x.shape[-1]
    for t in range(len(w)):
        if 0 < t < n:
            to_x[..., :-t].addcmul_(gradient[..., t:], w[t, :, None, None])
        to_w.append((gradient[..., t:] * x[..., : max(n - t, 0)]).sum((1, 2)))
    return to_x, torch.stack(to_w), gradient.sum((1, 2))
