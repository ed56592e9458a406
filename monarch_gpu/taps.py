"""Kernels of long convolutions, some channels after the others: lags 0 … n − 1 or, both ways, then −n … −1.

One is given as numbers, or as what an implicit filter makes it of: V sin(…) under a window. That is a product of a
matrix of the channels and one of the positions, which are several times smaller than the kernel. Whoever wants
gradients need keep nothing else: some channels of the kernel are made again where those of the convolution are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Given", "Implicit", "Recipe", "Taps", "divided"]


class Recipe(Protocol):
    """How some channels of a kernel are made of tensors, and what gradients these have."""

    def of(self, tensors: Sequence[Tensor], some: slice) -> Tensor:
        """(some, lags)."""

    def add_gradients(self, tensors: Sequence[Tensor], some: slice, given: Tensor, to: Sequence[Tensor | None]) -> None:
        """Add to the gradients of the tensors, where one is wanted, what that of some channels gives.

        Args:
            given: of their lags, (some, lags), and maybe of more, which the kernel does not have.
        """


@dataclass(frozen=True)
class Taps:
    """A kernel (channels, lags) with the tensors that it has gradients of."""

    recipe: Recipe
    tensors: tuple[Tensor, ...]

    def of(self, some: slice) -> Tensor:
        """Some channels, (some, lags)."""
        return self.recipe.of(self.tensors, some)


@dataclass(frozen=True)
class Given:
    """The kernel itself is the only tensor, (channels, lags)."""

    def of(self, tensors: Sequence[Tensor], some: slice) -> Tensor:
        (kernel,) = tensors
        return kernel[some]

    def add_gradients(self, tensors: Sequence[Tensor], some: slice, given: Tensor, to: Sequence[Tensor | None]) -> None:
        if to[0] is not None:
            to[0][some].add_(given[:, : to[0].shape[-1]])


@dataclass(frozen=True)
class Implicit:
    """V sᵀ ⊙ (exp(−decay · time) + shift), in one direction or two.

    Tensors are V (channels, width) and s (n, width) of each direction, s of the second from the last position to the
    first; or V sᵀ alone, (channels, n), where it is not made of two. One more is what is added to lag 0, (channels,).

    Args:
        decay: (channels,), has no gradient.
        time: (n,), has none.
        counts: how many tensors each direction has.
    """

    decay: Tensor
    time: Tensor
    shift: float
    counts: tuple[int, ...]

    def windows(self, some: slice) -> tuple[Tensor, ...]:
        """Of some channels in each direction, (some, n)."""
        window = torch.exp(-self.decay[some, None] * self.time) + self.shift
        return (window, window.flip(-1))[: len(self.counts)]

    def of(self, tensors: Sequence[Tensor], some: slice) -> Tensor:
        *ways, at_zero = divided(tensors, self.counts)
        products = [rows_times_sines(*way, some=some) for way in ways]
        parts = [product * window for product, window in zip(products, self.windows(some), strict=True)]
        for added in at_zero:
            parts[:1] = [parts[0][:, :1] + added[some, None], parts[0][:, 1:]]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def add_gradients(self, tensors: Sequence[Tensor], some: slice, given: Tensor, to: Sequence[Tensor | None]) -> None:
        *ways, _ = divided(tensors, self.counts)
        *to_ways, to_added = divided(to, self.counts)
        for added in to_added:
            if added is not None:
                added[some].add_(given[:, 0])
        halves = zip(given.split(len(self.time), -1), self.windows(some), ways, to_ways, strict=False)
        for half, window, (rows, *sines), (to_rows, *to_sines) in halves:
            product = half * window  # (some, n)
            if to_rows is not None and not sines:
                to_rows[some].add_(product)
            elif to_rows is not None:
                to_rows[some].addmm_(product, sines[0])
            if to_sines and to_sines[0] is not None:
                to_sines[0].addmm_(product.t(), rows[some])


def divided(tensors: Sequence[Any], counts: Sequence[int]) -> list[tuple[Any, ...]]:
    """That many of them for each count, and what is left."""
    left = iter(tensors)
    return [*(tuple(islice(left, count)) for count in counts), tuple(left)]


def rows_times_sines(rows: Tensor, sines: Tensor | None = None, *, some: slice) -> Tensor:
    """(some, n), of some rows."""
    # bits of a product depend on where its operands begin in memory: those read from a file are copied
    return rows[some] if sines is None else rows[some].clone() @ sines.t()
