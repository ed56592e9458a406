"""Mixers that keep little for their gradients: what is wide inside them is made again, one piece after the other.

Autograd keeps what every operation was given: 40 times the size of x for a layer of M2-BERT. Here a dimension mixer
keeps x, and what stands between the projections of a sequence mixer keeps what the first of them gave. Backward a piece
is computed again, and its gradients at once, while it lies in a cache. That costs a tenth of the operations, and no
large temporary is mapped anew. Both are for float32 and float64 on a CPU; whoever differentiates twice gets the
derivatives of the plain formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.fft import irfft, rfft
from torch.nn.functional import gelu

from monarch_gpu import piecewise
from monarch_gpu.piecewise import Shifts, bounds, channels_at_once, circular_by_fft, filtered, shifts, through_shifts
from monarch_gpu.taps import Recipe, Taps, divided

__all__ = ["Activation", "between_projections", "dimensions_mixed"]


@dataclass(frozen=True)
class Activation:
    """What stands between M3 and M4, (features, positions) or twice the features → (features, positions).

    Args:
        approximate: `none` or `tanh`, of gelu.
        gated: the second half of the features is multiplied by gelu of the first.
        blocks: of M4; features are put into its stride permutation, if there are more than one and it is permuted.
        permuted: whether they are.
    """

    approximate: str
    gated: bool
    blocks: int
    permuted: bool

    def of(self, inner: Tensor) -> Tensor:
        """gelu(a) ⊙ b of (a, b), permuted."""
        gate, *value = inner.chunk(2) if self.gated else (inner,)
        active = gelu(gate, approximate=self.approximate)
        return self.turned(active * value[0] if value else active)

    def with_gradient(self, inner: Tensor, gradient_of: Callable[[Tensor], Tensor]) -> Tensor:
        """The gradient of inner; `gradient_of` is given what `of` gives, and gives the gradient of that."""
        gate, *value = inner.chunk(2) if self.gated else (inner,)
        active = gelu(gate, approximate=self.approximate)
        gradient = self.turned_back(gradient_of(self.turned(active * value[0] if value else active)))
        to_gate = gradient * value[0] if value else gradient
        of_gate = torch.ops.aten.gelu_backward(to_gate, gate, approximate=self.approximate)
        return torch.cat([of_gate, gradient.mul_(active)]) if value else of_gate

    def turned(self, x: Tensor) -> Tensor:
        """The stride permutation of the features, if there is one."""
        return x.unflatten(0, (self.blocks, -1)).transpose(0, 1).flatten(0, 1) if self.permuted else x

    def turned_back(self, x: Tensor) -> Tensor:
        """Its inverse."""
        return x.unflatten(0, (-1, self.blocks)).transpose(0, 1).flatten(0, 1) if self.permuted else x


def dimensions_mixed(
    activation: Activation, x: Tensor, first: Tensor, first_bias: Tensor | None, last: Tensor, last_bias: Tensor | None
) -> Tensor:
    """M4 σ(M3 x + c) + e at every position, (positions, d) both; c and e may be missing.

    Args:
        first, last: blocks of M3 and M4, (k, m, p) for m · k features of p · k.
    """
    mixed: Tensor = DimensionsInPieces.apply(activation, x, first, first_bias, last, last_bias)  # type: ignore[no-untyped-call]
    return mixed


def inner_of(x: Tensor, blocks: Tensor, bias: Tensor | None) -> Tensor:
    """(positions, k · p) → (k · m, positions)."""
    inner = torch.bmm(blocks, x.t().unflatten(0, (len(blocks), -1))).flatten(0, 1)
    return inner if bias is None else inner + bias[:, None]


def outer_of(z: Tensor, blocks: Tensor, bias: Tensor | None) -> Tensor:
    """(k · p, positions) → (positions, k · m)."""
    y = torch.bmm(z.unflatten(0, (len(blocks), -1)).transpose(1, 2), blocks.transpose(1, 2))  # (k, positions, m)
    y = y.transpose(0, 1).flatten(1)
    return y if bias is None else y + bias


def dimensions_plainly(
    activation: Activation, x: Tensor, first: Tensor, first_bias: Tensor | None, last: Tensor, last_bias: Tensor | None
) -> Tensor:
    """The same by operations that have derivatives of all orders."""
    return outer_of(activation.of(inner_of(x, first, first_bias)), last, last_bias)


class DimensionsInPieces(torch.autograd.Function):
    """`dimensions_mixed`, some positions after the others."""

    @staticmethod
    def forward(ctx: Any, activation: Activation, x: Tensor, *weights: Tensor | None) -> Tensor:
        """Keep x and the weights."""
        ctx.activation = activation
        ctx.save_for_backward(x, *weights)
        pieces = (x[start:stop] for start, stop in bounds(len(x), piecewise.POSITIONS))
        return torch.cat([dimensions_plainly(activation, some, *weights) for some in pieces])  # type: ignore[arg-type]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of x and the weights, all of them together in each piece."""
        x, first, first_bias, last, _ = saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *twice(partial(dimensions_plainly, ctx.activation), saved, ctx.needs_input_grad[1:], gradient)
        k, m, p = first.shape
        to_x = torch.empty(x.shape, dtype=x.dtype)
        to_first, to_first_bias, to_last, to_last_bias = (
            torch.zeros_like(weight) if weight is not None and asked else None
            for weight, asked in zip(saved[1:], ctx.needs_input_grad[2:], strict=True)
        )
        for start, stop in bounds(len(x), piecewise.POSITIONS):
            given = gradient[start:stop].t().unflatten(0, (k, -1))  # (k, d / k, positions)

            def gradient_of(z: Tensor, given: Tensor = given) -> Tensor:
                if to_last is not None:
                    to_last.baddbmm_(given, z.unflatten(0, (k, -1)).transpose(1, 2))
                return torch.bmm(last.transpose(1, 2), given).flatten(0, 1)

            some = x[start:stop]
            to_inner = ctx.activation.with_gradient(inner_of(some, first, first_bias), gradient_of)
            blocks = to_inner.unflatten(0, (k, m))  # (k, m, positions)
            if to_first is not None:
                to_first.baddbmm_(blocks, some.unflatten(1, (k, p)).transpose(0, 1))
            to_x[start:stop].unflatten(1, (k, p)).transpose(0, 1).copy_(torch.bmm(blocks.transpose(1, 2), first))
            if to_first_bias is not None:
                to_first_bias += to_inner.sum(1)
        return None, to_x, to_first, to_first_bias, to_last, None if to_last_bias is None else gradient.sum(0)


def twice(
    function: Callable[..., Tensor], given: tuple[Tensor | None, ...], needed: tuple[bool, ...], gradient: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of a plain function that have gradients themselves.

    One argument may be made of another: seen through a view, each is asked for what reaches it without the others.
    """
    given = tuple(None if x is None else x.view_as(x) for x in given)
    wanted = [x for x, asked in zip(given, needed, strict=True) if asked and x is not None]
    found = iter(torch.autograd.grad(function(*given), wanted, gradient, create_graph=True, allow_unused=True))
    return tuple(next(found) if asked and x is not None else None for x, asked in zip(given, needed, strict=True))


def between_projections(
    hidden: Tensor | None, projected: Tensor, x: Tensor, weight: Tensor, bias: Tensor, kernels: Sequence[Taps]
) -> Tensor:
    """x₂ ⊙ conv(x₁ ⊙ v) + residual conv(x), with (x₁, x₂, v) a short convolution: (channels, batch, n).

    Args:
        hidden: (batch, n), true where nothing is seen, at each of the entrances; none if all is seen.
        projected: (3 · channels, batch, n).
        x: (batch, n, channels).
        weight, bias: of the short convolution, (taps, 3 · channels) and (3 · channels).
        kernels: one, and that of the residual convolution if there is one, (channels, n) for lags 0 … n − 1 or
            (channels, 2n) for lags 0 … n − 1, −n … −1.
    """
    recipes = [(taps.recipe, len(taps.tensors)) for taps in kernels]
    tensors = [tensor for taps in kernels for tensor in taps.tensors]
    y: Tensor = ConvolutionsInPieces.apply(hidden, recipes, projected, x, weight, bias, *tensors)  # type: ignore[no-untyped-call]
    return y


Recipes = list[tuple[Recipe, int]]
"""How kernels are made, each of how many of the tensors that come one after the other."""


def parted(recipes: Recipes, tensors: Sequence[Tensor]) -> list[Taps]:
    """The kernels."""
    each = divided(tensors, [count for _, count in recipes])
    return [Taps(recipe, of_one) for (recipe, _), of_one in zip(recipes, each, strict=False)]


def shown(x: Tensor, hidden: Tensor | None) -> Tensor:
    """x (…, batch, n) with zeros where it is hidden."""
    return x if hidden is None else x.masked_fill(hidden, 0.0)


def convolutions_plainly(
    hidden: Tensor | None,
    recipes: Recipes,
    projected: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    *tensors: Tensor,
) -> Tensor:
    """The same by operations that have derivatives of all orders; `tensors` are those of the kernels."""
    shifted: Tensor = Shifts.apply(shown(projected, hidden), weight, bias)  # type: ignore[no-untyped-call]
    first, second, value = shifted.chunk(3)
    n, kernels = x.shape[1], [taps.of(slice(None))[:, None] for taps in parted(recipes, tensors)]
    y = second * circular_by_fft(shown(first * value, hidden), kernels[0])[..., :n]
    for residual in kernels[1:]:
        y = y + circular_by_fft(shown(x.permute(2, 0, 1), hidden), residual)[..., :n]
    return y


class ConvolutionsInPieces(torch.autograd.Function):
    """`between_projections`, some channels after the others."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor | None, recipes: Recipes, *given: Tensor) -> Tensor:
        """Keep what was given: what `convolutions_plainly` is given."""
        ctx.hidden, ctx.recipes = hidden, recipes
        ctx.save_for_backward(*given)
        projected, x, weight, bias, *tensors = given
        y, kernels = x.new_empty(x.shape[2], *x.shape[:2]), parted(recipes, tensors)
        for piece in in_pieces(projected, x, weight, bias):
            y[piece.some] = piece.output(hidden, kernels)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of all that was given but the mask."""
        projected, x, weight, bias, *tensors = given = ctx.saved_tensors
        needed = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():
            plainly = partial(convolutions_plainly, ctx.hidden, ctx.recipes)
            return None, None, *twice(plainly, given, needed, gradient)
        to_projected, to_weight, to_bias = (torch.empty_like(some) for some in (projected, weight, bias))
        kernels = parted(ctx.recipes, tensors)
        to_x = torch.empty_like(x) if needed[1] and len(kernels) > 1 else None
        to_tensors = [torch.zeros_like(a) if asked else None for a, asked in zip(tensors, needed[4:], strict=True)]
        to_kernels = divided(to_tensors, [count for _, count in ctx.recipes])[: len(kernels)]
        for piece in in_pieces(projected, x, weight, bias):
            thirds = piece.gated_gradients(gradient, ctx.hidden, kernels[0], to_kernels[0])
            for third, (of_third, of_taps, of_bias) in zip(piece.thirds, thirds, strict=True):
                to_projected[third], to_weight[:, third], to_bias[third] = of_third, of_taps, of_bias
            for taps, to in zip(kernels[1:], to_kernels[1:], strict=True):
                found = piece.residual_gradient(gradient, ctx.hidden, taps, to, to_x is not None)
                if to_x is not None and found is not None:
                    to_x[..., piece.some] = found.permute(1, 2, 0)
        return None, None, to_projected, to_x, to_weight, to_bias, *to_tensors


@dataclass(frozen=True)
class Piece:
    """Some channels: `some` of those of the mixer, `thirds` those of what was projected."""

    some: slice
    thirds: list[slice]
    parts: list[Tensor]
    taps: list[Tensor]
    biases: list[Tensor]
    x: Tensor

    def entrances(self, hidden: Tensor | None) -> list[Tensor]:
        """x₁, x₂ and v."""
        taken = zip(self.parts, self.taps, self.biases, strict=True)
        return [shifts(shown(part, hidden), taps, bias) for part, taps, bias in taken]

    def spectrum(self, taps: Taps) -> Tensor:
        """Of some channels of a kernel, (some, n + 1)."""
        return rfft(taps.of(self.some), n=2 * self.x.shape[-1])

    def output(self, hidden: Tensor | None, kernels: Sequence[Taps]) -> Tensor:
        """(some, batch, n)."""
        first, second, value = self.entrances(hidden)
        y = filtered(shown(first.mul_(value), hidden), self.spectrum(kernels[0])).mul_(second)
        for residual in kernels[1:]:
            y.add_(filtered(shown(self.x, hidden), self.spectrum(residual)))
        return y

    def gated_gradients(
        self, gradient: Tensor, hidden: Tensor | None, kernel: Taps, to_kernel: Sequence[Tensor | None]
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of the thirds of what was projected, of their taps and biases; those of the kernel are added to."""
        gradient = gradient[self.some].contiguous()
        first, second, value = self.entrances(hidden)
        n = gradient.shape[-1]
        signal, spectrum = rfft(shown(first * value, hidden), n=2 * n), self.spectrum(kernel)[:, None]
        to_second = irfft(signal * spectrum, n=2 * n)[..., :n].mul_(gradient)
        given = rfft(second.mul_(gradient), n=2 * n)
        self.add_gradients(kernel, given, signal, to_kernel)
        to_signal = shown(irfft(given.mul_(spectrum.conj()), n=2 * n)[..., :n], hidden)
        of_thirds = [to_signal * value, to_second, to_signal * first]
        back = [
            through_shifts(of_third, shown(part, hidden), taps)
            for of_third, part, taps in zip(of_thirds, self.parts, self.taps, strict=True)
        ]
        return [(shown(to_part, hidden), to_taps, to_bias) for to_part, to_taps, to_bias in back]

    def residual_gradient(
        self, gradient: Tensor, hidden: Tensor | None, residual: Taps, to: Sequence[Tensor | None], of_x: bool
    ) -> Tensor | None:
        """Of x (some, batch, n), if it is asked for; those of the kernel are added to."""
        gradient = gradient[self.some].contiguous()
        n = gradient.shape[-1]
        given = rfft(gradient, n=2 * n)
        if any(tensor is not None for tensor in to):
            self.add_gradients(residual, given, rfft(shown(self.x, hidden), n=2 * n), to)
        if not of_x:
            return None
        return shown(irfft(given.mul_(self.spectrum(residual)[:, None].conj()), n=2 * n)[..., :n], hidden)

    def add_gradients(self, taps: Taps, given: Tensor, seen: Tensor, to: Sequence[Tensor | None]) -> None:
        """Of a kernel, from spectra of the gradient of the output and of the signal, where one is asked for."""
        if any(tensor is not None for tensor in to):
            taps.recipe.add_gradients(taps.tensors, self.some, correlated(given, seen), to)


def correlated(given: Tensor, seen: Tensor) -> Tensor:
    """The gradient of a kernel, (channels, 2n), from spectra of that of the output and of the signal."""
    return irfft((given * seen.conj()).sum(1), n=2 * (given.shape[-1] - 1))


def in_pieces(projected: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> list[Piece]:
    """Channels cut so that one piece of a signal lies in a cache."""
    batch, n, width = x.shape
    across, found = x.flatten(0, -2).t(), []  # (width, batch · n)
    for start, stop in bounds(width, channels_at_once(n, batch)):
        some = slice(start, stop)
        thirds = [slice(third * width + start, third * width + stop) for third in range(3)]
        found.append(
            Piece(
                some,
                thirds,
                [projected[third] for third in thirds],
                [weight[:, third] for third in thirds],
                [bias[third] for third in thirds],
                across[some].unflatten(1, (batch, n)),
            )
        )
    return found
