"""The layers of Monarch Mixer: sequence mixer, dimension mixer, implicit filter (Fu et al. 2023, §3 and §5).

Shapes are (batch, n, channels) throughout. The sequence mixer is M2 (K ⊙ M1 x) with Fourier matrices M1, M2⁻¹ of
length 2n: a long convolution, gated before and after. The dimension mixer is M4 σ(M3 x) with block-diagonal M3, M4.

Inside a mixer the memory runs the other way, channels outermost: there transforms and shifts along n, halves and blocks
of channels are contiguous, and a matrix product writes that order at no cost. `sequence_innermost` and
`channels_innermost` change the order in memory and nothing else.

On a GPU what lies between products and transforms takes most of the time, not they: there both mixers run by the
kernels of `monarch_gpu.ops.mixer` and `monarch_gpu.ops.gated`, which read and write every number once. They are for
float32 and half formats, FFTs, and calls without a mask that nobody traces, and want Triton.

Speed on a CPU is a matter of what lies in a cache. Channels of a convolution and positions of a dimension mixer have
nothing to do with one another, so both are computed piece by piece: results are the same up to the order of sums within
a library's routine, and what is wide inside, twice the length or eight times the channels, is never there as a whole.
Where no gradient is asked for, a piece goes from one large product to the next and is written where it belongs: some
channels from the input projection to the sum of both convolutions (`SequenceMixer.in_place`), some positions from
there to the LayerNorm behind the dimension mixer (`added`). And what lies between is in the same memory for all layers
of a model (`one_room`), for new pages take a system as long as filling them. No layer calls the fast multiply of
`monarch_gpu.ops`: that one is for products of several Monarch factors, and here a gate and an activation stand between
M3 and M4, while the two factors of a Fourier matrix are `torch.fft`'s on a CPU, and `monarch::fourier`'s elsewhere. A
single block-diagonal factor is one batched product, which is `torch.bmm`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache, partial
from importlib.util import find_spec
from itertools import chain, pairwise
from math import log, pi, prod, sqrt
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.fft import rfft
from torch.nn.functional import gelu, linear, pad
from torch.nn.modules.module import _has_any_global_hook
from torch.utils._python_dispatch import is_in_torch_dispatch_mode
from torch.utils.checkpoint import checkpoint

from monarch_gpu import piecewise
from monarch_gpu.backward import Activation, between_projections, dimensions_mixed, inner_of
from monarch_gpu.configs import Config
from monarch_gpu.ops.torch import block_diagonal_multiply, long_convolution
from monarch_gpu.ops.torch.autocast import in_region
from monarch_gpu.piecewise import (
    Shifts,
    bounds,
    channels_at_once,
    circular_by_fft,
    filtered,
    joined,
    pieces,
    places,
    shifts,
)
from monarch_gpu.taps import Given, Implicit, Taps

__all__ = [
    "BlockDiagonalLinear", "DimensionMixer", "ImplicitFilter", "LongConvolution", "LostPrecision", "NoKernels",
    "SequenceMixer", "ShortConvolution", "SineNetwork", "convolve", "implicit_filter", "kept_kernels", "recompute",
]  # fmt: skip


MADE_TOGETHER = 128
"""Channels of a kernel that one product of matrices makes: few rows keep no processor busy."""

HALF_OR_SINGLE = (torch.float32, torch.bfloat16, torch.float16)


def convolve(u: Tensor, kernel: Tensor, transform: str, recomputed: bool = False) -> Tensor:
    """Σ_j k_(i−j) u_j along the last axis, by transforms of length 2n.

    Args:
        u: (…, channels, n).
        kernel: (channels, n) for lags 0 … n − 1 (causal), or (channels, 2n) for lags 0 … n − 1, −n … −1.
        transform: `monarch` for this package's Monarch DFT, `fft` for torch's FFT; both compute in
            float32 or better, spectra too, and round once, to the dtype of u. The kernel may be wider than u.
            Transforms of `torch.func` reach the second only, which takes the place of the first there.
        recomputed: the backward pass makes the spectra again, instead of keeping them.

    >>> impulse, kernel = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 2.0, 3.0]])
    >>> convolve(impulse, kernel, "fft").round(), convolve(impulse, kernel, "monarch").round()
    (tensor([[1., 2., 3.]]), tensor([[1., 2., 3.]]))
    """
    n = u.shape[-1]
    if kernel.shape[-1] not in (n, 2 * n):
        raise ValueError(f"kernel: expected {n} or {2 * n} lags for u {tuple(u.shape)}, got {tuple(kernel.shape)}")
    if u.numel() == 0:  # FFTs refuse it
        return u
    wide = torch.promote_types(torch.promote_types(u.dtype, kernel.dtype), torch.float32)
    signal, taps = u.to(wide), kernel.to(wide)
    with no_autocast(u):
        if transform == "fft" or torch._C._are_functorch_transforms_active():
            some = channels_at_once(n, signal[..., 0, 0].numel())
            parts = zip(pieces(signal, some, -2), pieces(taps, some, -2), strict=True)
            circular = again(circular_by_fft, recomputed)
            y = joined([circular(a, b)[..., :n] for a, b in parts])
        elif taps.shape[-1] == n:
            y = again(long_convolution, recomputed)(signal, taps)
        else:
            y = again(partial(long_convolution, causal=False), recomputed)(pad(signal, (0, n)), taps)[..., :n]
    return y.to(u.dtype)


def again(function: Callable[..., Any], recomputed: bool) -> Callable[..., Any]:
    """The same function; if recomputed, its backward pass keeps the arguments only, and computes the rest again."""
    transformed = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    if not recomputed or not torch.is_grad_enabled() or transformed:
        return function
    return partial(checkpoint, function, use_reentrant=False, preserve_rng_state=False)


def recompute(model: nn.Module, on: bool = True) -> None:
    """Let the mixers of a model keep less for the backward pass, and compute it again there.

    What is wide inside a mixer (twice the length, eight times the channels) takes three fifths of what M2-BERT keeps
    for its gradients; computing it again costs a tenth of the operations of a training step. In single and double
    precision on a CPU that is done in any case (`monarch_gpu.backward`). Gradients are the same to the bit where the
    library's routines are. Under `torch.compile`, and transforms of `torch.func`, nothing is computed again.
    """
    for module in model.modules():
        if isinstance(module, DimensionMixer | LongConvolution | SequenceMixer):
            module.recomputed = on


def sequence_innermost(x: Tensor) -> Tensor:
    """(batch, n, channels) in memory as (channels, batch, n); no copy if it is so already."""
    return x.flatten(0, -2).t().contiguous().t().unflatten(0, x.shape[:-1])


def channels_innermost(x: Tensor) -> Tensor:
    """(batch, n, channels) in memory as that; a copy of a matrix, which PyTorch transposes by blocks."""
    return x.flatten(0, -2).contiguous().unflatten(0, x.shape[:-1])


def split(x: Tensor, parts: int) -> list[Tensor]:
    """Equal parts of the channels, along an axis that is outermost, also where the backward pass joins them."""
    return [part.movedim(0, -1) for part in x.movedim(-1, 0).chunk(parts)]


def project(layer: nn.Module, x: Tensor) -> Tensor:
    """W x + b at every position, its memory with the sequence innermost; what is no plain projection is called."""
    if not is_linear(layer):
        called: Tensor = layer(x)
        return called
    across = x.flatten(0, -2).t()
    y = layer.weight @ across if layer.bias is None else torch.addmm(layer.bias[:, None], layer.weight, across)
    return y.t().unflatten(0, x.shape[:-1])


def applied(layer: nn.Module, x: Tensor) -> Tensor:
    """W x + b in the dtype of x, whatever W and b are stored in; what is no plain projection is called."""
    if not is_linear(layer):
        called: Tensor = layer(x)
        return called
    return linear(x, layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype))


class BlockDiagonalLinear(nn.Module):
    """x ↦ diag(W_0 … W_{k−1}) x + b, the result with the sequence innermost in memory.

    Args:
        blocks: k; divides both feature counts.
    """

    def __init__(self, in_features: int, out_features: int, blocks: int, bias: bool = True) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if size % blocks:
                raise ValueError(f"{name}: expected a multiple of {blocks} blocks, got {size}")
        self.weight = nn.Parameter(torch.empty(blocks, out_features // blocks, in_features // blocks))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        bound = sqrt(blocks / in_features)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        if torch._C._are_functorch_transforms_active():  # `torch.func.grad` reaches torch's own operators only
            y = inner_of(rows, self.weight, self.bias)
        else:
            y = block_diagonal_multiply(rows.t(), self.weight, axis=0)
            y = y if self.bias is None else y + self.bias[:, None]
        return y.t().unflatten(0, x.shape[:-1])


class LostPrecision(UserWarning):
    """An implicit filter is made of weights that half precision has rounded."""


class SineNetwork(nn.Module):
    """x ↦ V sin(ω W … sin(ω (W x + b))), (n, features) → (n, channels): what an implicit filter is made of.

    It computes in the dtype of what it is given, whatever its weights are stored in and whatever autocast asks for.
    """

    def __init__(self, channels: int, width: int, features: int, inner_layers: int) -> None:
        super().__init__()
        widths = [features] + [width] * (1 + inner_layers)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(width, channels, bias=False)

    def sines(self, x: Tensor, frequency: Tensor) -> Tensor:
        """(n, features) → (n, width), before V, with one frequency for each of the sines of a layer."""
        for layer in self.layers:
            x = torch.sin(frequency * applied(layer, x))
        return x

    def heads(self, sines: Tensor, reverse: bool) -> tuple[Tensor, ...]:
        """V and sin(…), whose product is the filter (`monarch_gpu.taps`), or that alone if it is not such a product."""
        sines = sines.flip(0) if reverse else sines
        if is_linear(self.output):
            return self.output.weight.to(sines.dtype), sines
        return (self.output(sines).t(),)


class ImplicitFilter(SineNetwork):
    """A filter for every channel, as a function of position: features → sine MLP → exponential decay window.

    Features of position i are i/(n − 1) and the real and imaginary parts of exp(−2πi f·i/n), f from 1e-4 to
    one less than their number; n is the longest length, and filters of shorter sequences are its beginning.

    In bfloat16, 8192 positions are 897 and a sine of a large argument has no phase left. So all of this is kept and
    computed in float32 or better, whatever `half`, `bfloat16`, `to`, autocast or a file ask for; taps are float32 or
    better, too. Weights that are in half precision all the same, because a file or a wrapper holds them so, have lost
    their precision before: the filter they make is another one, and a `LostPrecision` warning says it.

    Args:
        length: n, the longest sequence.
        reverse: there is a second MLP, for lags −1, −2, …, which shares positions, window and frequency.
        learned: features are a parameter, and time and decay are saved with the weights, as in published checkpoints;
            otherwise all three are computed.
        shift: added to the window.
    """

    features: Tensor
    time: Tensor
    decay: Tensor

    def __init__(
        self,
        channels: int,
        length: int,
        width: int,
        features: int,
        inner_layers: int,
        frequency: float,
        reverse: bool = False,
        learned: bool = False,
        shift: float = 0.0,
    ) -> None:
        super().__init__(channels, width, features, inner_layers)
        self.reverse = SineNetwork(channels, width, features, inner_layers) if reverse else None
        self.frequency = nn.Parameter(torch.full((width,), float(frequency)))
        self.shape, self.learned, self.shift = (channels, length, features), learned, shift
        wide = torch.promote_types(self.frequency.dtype, torch.float32)
        if learned:
            self.features = nn.Parameter(torch.empty(length, features, dtype=wide))
        else:
            self.register_buffer("features", torch.empty(length, features, dtype=wide), persistent=False)
        self.register_buffer("time", torch.empty(length, dtype=wide), persistent=learned)
        self.register_buffer("decay", torch.empty(channels, dtype=wide), persistent=learned)
        self.to(wide)  # whatever the default dtype is
        self.reset_buffers()

    def reset_buffers(self) -> None:
        """Fill in positions and decay as they are before any training."""
        if self.features.is_meta:
            return
        channels, length, features = self.shape
        position = torch.arange(length, dtype=torch.float64)
        bands = (features - 1) // 2
        angle = 2 * pi / length * position[:, None] * torch.linspace(1e-4, bands - 1, bands, dtype=torch.float64)
        time = position / max(length - 1, 1)
        with torch.no_grad():
            self.features.copy_(torch.cat([time[:, None], angle.cos(), -angle.sin()], dim=1))
            self.time.copy_(time)
            self.decay.copy_(torch.linspace(-log(0.01) / 1.5, -log(0.01) / 0.3, channels, dtype=torch.float64))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ImplicitFilter:
        """What `to`, `half`, `bfloat16`, `cuda`, … call: the device is followed, a format below float32 is not."""

        def held(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            low = moved.is_floating_point() and moved.dtype.itemsize < torch.float32.itemsize
            return tensor.to(moved.device, torch.float32) if low else moved

        super()._apply(held, recurse)  # type: ignore[no-untyped-call]
        if not self.learned:
            self.reset_buffers()
        return self

    def forward(self, n: int) -> Tensor:
        """The first n taps, (channels, n), lags 0 … n − 1.

        Raises:
            ValueError: n is longer than the filter.
        """
        return self.taps([self], n)

    def reversed(self, n: int) -> Tensor:
        """The taps of lags −1 … −n, (channels, n); only if there is a reverse filter."""
        if self.reverse is None:
            raise ValueError("reverse: expected a filter in both directions, got a causal one")
        return self.taps([self.reverse], n)

    def taps(self, networks: Sequence[SineNetwork], n: int) -> Tensor:
        """All of `parts` together, (channels, n) or (channels, 2n)."""
        return joined(list(self.parts(networks, n)))

    def parts(self, networks: Sequence[SineNetwork], n: int, at_zero: Tensor | None = None) -> Iterator[Tensor]:
        """What `made_of` describes, some channels after the others: those that `pieces` cuts the channels into.

        There are `channels_at_once` in each, (some, n) or (some, 2n).
        """
        made_of, cuts = self.made_of(networks, n, at_zero), places(self.decay, channels_at_once(n), 0)
        together = 1 if torch.is_grad_enabled() else max(1, MADE_TOGETHER // channels_at_once(n))
        for first in range(0, len(cuts), together):
            some = cuts[first : first + together]
            with no_autocast(self.features):
                made = made_of.of(slice(some[0][0], some[-1][1]))
            yield from made.split([stop - start for start, stop in some])

    def made_of(
        self, networks: Sequence[SineNetwork], n: int, at_zero: Tensor | None = None, recomputed: bool = False
    ) -> Taps:
        """What one network or two are at the first n positions under the window.

        The second runs from the last position to the first, as a kernel has it for lags −n … −1.

        Args:
            at_zero: is added to the first tap, (channels,).
            recomputed: the backward pass makes sines again, instead of keeping what they are made of.
        """
        if n > self.shape[1]:
            raise ValueError(f"n: expected at most {self.shape[1]} positions, got {n}")
        held = [self.features, self.frequency, *(p for network in networks for p in network.parameters())]
        if low := next((tensor.dtype for tensor in held if tensor.dtype.itemsize < torch.float32.itemsize), None):
            message = f"filter: expected weights in torch.float32 or better, got {low}: it is not the filter of their"
            warnings.warn(f"{message} float32 originals (docs, errata 5)", LostPrecision, stacklevel=2)
        wide = torch.promote_types(torch.promote_types(self.features.dtype, self.frequency.dtype), torch.float32)
        features, time, decay, frequency = (
            tensor.to(wide) for tensor in (self.features[:n], self.time[:n], self.decay, self.frequency)
        )
        with no_autocast(features):
            ways = [
                network.heads(again(network.sines, recomputed)(features, frequency), reverse)
                for network, reverse in zip(networks, (False, True), strict=False)
            ]
        recipe = Implicit(decay, time, self.shift, tuple(len(way) for way in ways))
        return Taps(recipe, (*chain.from_iterable(ways), *(() if at_zero is None else (at_zero,))))


def no_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Where operations on x keep their dtype."""
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class LongConvolution(nn.Module):
    """Convolution with an implicit filter along the sequence, plus a learned multiple of the input.

    Causal, unless the configuration is bidirectional: then a second filter has lags −1, −2, ….
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.transform = config.transform
        self.filter = implicit_filter(config)
        self.skip = nn.Parameter(torch.randn(config.hidden_size))
        self.kept: KeptKernel | None = None
        self.recomputed = False

    def kernel(self, n: int) -> Tensor:
        """(channels, n) lags 0 … n − 1 if causal; (channels, 2n) lags 0 … n − 1, −n … −1 if bidirectional.

        The multiple of the input is in lag 0. In float32 or better, as the filter is.
        """
        return joined(list(self.parts(n)))

    def parts(self, n: int, spectrum: bool = False) -> Iterator[Tensor]:
        """The kernel, `channels_at_once` after the others: if it is not kept, they are never there together.

        Args:
            spectrum: what torch's FFT of length 2n makes of each is given in its place, (some, n + 1).
        """
        if self.kept is not None and not torch.is_grad_enabled() and not torch.compiler.is_compiling():
            return iter(pieces(self.kept.of(self, n, spectrum), channels_at_once(n), 0))
        return self.making(n, spectrum)

    @property
    def networks(self) -> list[SineNetwork]:
        """One for each direction."""
        return [self.filter] if self.filter.reverse is None else [self.filter, self.filter.reverse]

    def made_of(self, n: int, recomputed: bool) -> Taps:
        """The kernel as what it is made of, where that is all it depends on, for who asks for gradients."""
        made, moved = self.filter, self.filter.decay.requires_grad or self.filter.time.requires_grad
        if type(made) is ImplicitFilter and not moved:
            return made.made_of(self.networks, n, self.skip, recomputed=True)
        return Taps(Given(), (again(self.kernel, recomputed)(n),))

    def making(self, n: int, spectrum: bool = False) -> Iterator[Tensor]:
        """The same, made from the weights."""
        made = self.filter.parts(self.networks, n, self.skip)
        return map(partial(rfft, n=2 * n), made) if spectrum else made

    def made(self, n: int, spectrum: bool = False) -> Tensor:
        """The kernel, or its spectrum, made from the weights."""
        return joined(list(self.making(n, spectrum)))

    def forward(self, u: Tensor) -> Tensor:
        batch, n, _ = u.shape
        done = []
        signals = pieces(sequence_innermost(u).transpose(1, 2), channels_at_once(n), -2)  # (batch, channels, n)
        for signal, kernel in zip(signals, self.parts(n), strict=True):
            some = channels_at_once(n, batch)
            for a, b in zip(pieces(signal, some, -2), pieces(kernel, some, -2), strict=True):
                done.append(convolve(a, b, self.transform, self.recomputed))
        return joined(done).transpose(1, 2)


class KeptKernel:
    """The kernel of the last length that was asked for, or its spectrum, with a copy of all it was made of.

    It is given again only while the weights are equal to that copy, bit for bit, however they were changed.

    Args:
        most: bytes of a kernel; a larger one is not kept.
    """

    def __init__(self, most: int) -> None:
        self.most, self.wanted = most, (0, False)
        self.weights: tuple[Tensor, ...] = ()
        self.kernel: Tensor | None = None

    def of(self, convolution: LongConvolution, n: int, spectrum: bool = False) -> Tensor:
        """The kernel of a convolution at length n, or its spectrum."""
        weights = (*convolution.parameters(), *convolution.buffers())
        wanted = (n, spectrum)
        if self.kernel is None or wanted != self.wanted or not same_bits(weights, self.weights):
            kernel = convolution.made(n, spectrum)
            if kernel.nbytes > self.most:
                return kernel
            self.wanted, self.kernel = wanted, kernel
            self.weights = tuple(weight.detach().clone() for weight in weights)
        return self.kernel


def same_bits(found: Sequence[Tensor], kept: Sequence[Tensor]) -> bool:
    """Whether tensors are equal, in dtype and device, too; NaN equals nothing."""
    return len(found) == len(kept) and all(
        a.dtype == b.dtype and a.device == b.device and torch.equal(a, b) for a, b in zip(found, kept, strict=True)
    )


@contextmanager
def kept_kernels(model: nn.Module, most: int = 2**28) -> Iterator[None]:
    """Let the long convolutions of a model keep the kernel, or its spectrum, they made last, for use without gradients.

    Making it takes a fifth of a forward of M2-BERT on one sequence of 16384 tokens (docs, measurements). Results are
    the same to the bit. Weights may change meanwhile: the kernel is then made anew.

    Args:
        most: bytes that all of them keep together; a model that needs more keeps none.
    """
    convolutions = [module for module in model.modules() if isinstance(module, LongConvolution)]
    before = [convolution.kept for convolution in convolutions]
    for convolution in convolutions:
        convolution.kept = KeptKernel(most // len(convolutions))
    try:
        yield
    finally:
        for convolution, kept in zip(convolutions, before, strict=True):
            convolution.kept = kept


def implicit_filter(config: Config) -> ImplicitFilter:
    """The filter a configuration describes."""
    return ImplicitFilter(
        config.hidden_size,
        config.max_position_embeddings,
        config.filter_width,
        config.filter_features,
        config.filter_inner_layers,
        config.filter_frequency,
        reverse=config.bidirectional,
        learned=config.filter_positions == "learned",
        shift=config.filter_shift,
    )


class ShortConvolution(nn.Module):
    """y_i = Σ_t w_t x_(i−t) + b, a few taps t ≥ 0 for each channel: causal."""

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(taps, channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.uniform_(self.weight, -1 / sqrt(taps), 1 / sqrt(taps))

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)  # as autocast has it
        shifted: Tensor = Shifts.apply(sequence_innermost(x).permute(2, 0, 1), weight, bias)  # type: ignore[no-untyped-call]
        return shifted.permute(1, 2, 0)


def hide(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (batch, n, d) with zeros, whatever was there, where the mask (batch, n) is false."""
    return x if mask is None else x.masked_fill(~mask[..., None], 0.0)


FEW_PASSES = frozenset({"cuda"})
"""Devices on which a sequence mixer is computed by `monarch_gpu.ops.mixer`."""


def in_few_passes(x: Tensor) -> bool:
    """Whether x (batch, n, channels) is mixed by kernels: they know neither double precision nor who looks on."""
    if x.device.type not in FEW_PASSES or not x.numel():
        return False
    return x.dtype in HALF_OR_SINGLE and unobserved(x) and runs_triton(x.device)


def may_overwrite(x: Tensor, *layers: nn.Module) -> bool:
    """Whether results on x (…, channels) may be written over what they were made of: no gradient needs it, on a CPU."""
    return not torch.is_grad_enabled() and on_processor(x, *layers)


def on_processor(x: Tensor, *layers: nn.Module) -> bool:
    """Whether x (…, channels) is computed on piece by piece, with all weights of the layers in its dtype, on a CPU.

    In single and double precision: in half, what is between two products is rounded, and one place more or less of it
    is another result.
    """
    if x.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not x.numel():
        return False
    if x.dtype not in (torch.float32, torch.float64) or not unobserved(x):
        return False
    return all(weight.dtype == x.dtype for layer in layers for weight in layer.parameters())


ROOMS: ContextVar[dict[tuple[torch.dtype, bool], Tensor] | None] = ContextVar("ROOMS", default=None)
"""Memory of `one_room`, by dtype and whether it is an inference tensor, which may be written to in that mode only."""


def one_room(x: Tensor) -> AbstractContextManager[object]:
    """Where mixers of what is like x write what nobody keeps into the same memory, one mixer after the other."""
    return kept_room() if may_overwrite(x) else nullcontext()


@contextmanager
def kept_room() -> Iterator[None]:
    """The same, where results may be written over what they were made of."""
    token = ROOMS.set({})
    try:
        yield
    finally:
        ROOMS.reset(token)


def room(like: Tensor, *shape: int) -> Tensor:
    """Memory of a shape and the dtype of another tensor, with anything in it; the next call may give it again."""
    rooms, kind, size = ROOMS.get(), (like.dtype, torch.is_inference_mode_enabled()), prod(shape)
    held = None if rooms is None else rooms.get(kind)
    if held is None or held.numel() < size:
        held = like.new_empty(size)
        if rooms is not None:
            rooms[kind] = held
    return held[:size].view(shape)


def unobserved(x: Tensor) -> bool:
    """Whether nobody traces, counts or transforms operations: who does is shown those that the formulas have."""
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None or is_in_torch_dispatch_mode():
        return False
    if torch.autograd.forward_ad._current_level >= 0:  # derivatives forward, which go with the formulas
        return False
    return type(x) in (Tensor, nn.Parameter) and not torch._C._are_functorch_transforms_active()


class NoKernels(UserWarning):
    """Triton is installed and does not run: what it would make in few passes is made by PyTorch's operations."""


@cache
def runs_triton(device: torch.device) -> bool:
    """Whether Triton is installed, and a kernel runs there: one is tried once, and not at every call of a layer."""
    if find_spec("triton") is None:
        return False
    try:
        from monarch_gpu.ops.gated import gate

        with torch.no_grad():
            gate(torch.ones(2, 1, device=device), True)
    except Exception as error:  # no compiler, no headers, no driver, another version: of any library's types
        reason = (str(error).splitlines() or [""])[0]
        message = f"triton: expected it to compile for {device}, got {type(error).__name__}: {reason}"
        warnings.warn(f"{message}; PyTorch's operations take its place", NoKernels, stacklevel=2)
        return False
    return True


def is_linear(layer: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether a layer is W x + b with its weights as they are found, and nobody waits for a call of it."""
    return isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward and unwatched(layer)


def untouched(mixer: SequenceMixer | DimensionMixer) -> bool:
    """Whether a mixer has the layers it was made of, and no hook waits for a call of one: kernels call none."""
    made_of = TAKEN_OVER.get(type(mixer), {"": ()})
    as_made = all(type(mixer._modules.get(name)) in kinds for name, kinds in made_of.items())
    return as_made and unwatched(*list(mixer.modules())[1:])


def unwatched(*layers: nn.Module) -> bool:
    """Whether no hook waits for a call of a layer, and none was given another `forward`."""
    if _has_any_global_hook():
        return False
    hooks = (layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks for layer in layers)
    hooked = any(hooks) or any(layer._backward_pre_hooks for layer in layers)
    return not hooked and not any("forward" in vars(layer) for layer in layers)


def mixed_plainly(
    p: Tensor, x: Tensor, weight: Tensor, bias: Tensor, kernel: Tensor, residual: Tensor | None
) -> Tensor:
    """What `monarch_gpu.ops.mixer.mix` computes, by the operations of torch: (channels, batch, n)."""
    shifted: Tensor = Shifts.apply(p, weight.to(p.dtype), bias.to(p.dtype))  # type: ignore[no-untyped-call]
    first, second, value = shifted.chunk(3)
    y = second * convolve((first * value).movedim(0, 1), kernel, "fft").movedim(1, 0)
    return y if residual is None else y + convolve(x.transpose(1, 2), residual, "fft").movedim(1, 0)


class SequenceMixer(nn.Module):
    """x ↦ W (x₂ ⊙ conv(x₁ ⊙ v) + residual conv(x)), with (x₁, x₂, v) a short convolution of a projection of x.

    Args:
        residual_convolution: add a long convolution of x itself (M2-BERT).
    """

    def __init__(self, config: Config, residual_convolution: bool = False) -> None:
        super().__init__()
        width = config.hidden_size
        self.input_projection = nn.Linear(width, 3 * width)
        self.short_convolution = ShortConvolution(3 * width, config.short_filter)
        self.long_convolution = LongConvolution(config)
        self.residual_convolution = LongConvolution(config) if residual_convolution else None
        self.output_projection = nn.Linear(width, width)
        self.recomputed = False

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, n, d) → (batch, n, d); places where the mask (batch, n), bool, is false reach no other place."""
        if mask is None and in_few_passes(x) and untouched(self) and self.long_convolution.transform == "fft":
            return self.mixed(x)
        if on_processor(x, self) and untouched(self) and self.long_convolution.transform == "fft":
            hidden = None if mask is None else ~mask
            return self.keeping_little(x, hidden) if torch.is_grad_enabled() else self.in_place(x, hidden)
        # without a name, so that it is gone where nothing keeps it
        second, signal = again(self.gates, self.recomputed)(hide(project(self.input_projection, x), mask))
        y = second * self.long_convolution(hide(signal, mask))
        if self.residual_convolution is not None:
            y = y + self.residual_convolution(hide(x, mask))
        return self.output_projection(y)

    def mixed(self, x: Tensor) -> Tensor:
        """The same by `monarch_gpu.ops.mixer`, channels outermost from one projection to the other."""
        from monarch_gpu.ops.mixer import Mixed, mix

        n, short, other = x.shape[1], self.short_convolution, self.residual_convolution
        projected = project(self.input_projection, x).permute(2, 0, 1)
        parts = Mixed(
            short.weight, short.bias, self.long_convolution.kernel(n), None if other is None else other.kernel(n)
        )
        narrow = projected.dtype if other is None else torch.promote_types(projected.dtype, x.dtype)
        dtype = in_region(x.new_empty(0, dtype=narrow))[0].dtype
        y = mix(projected, x, parts, dtype, mixed_plainly, self.recomputed)
        rows = linear(y.flatten(1).t(), self.output_projection.weight, self.output_projection.bias)
        return rows.unflatten(0, x.shape[:-1])

    def keeping_little(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        """The same by `monarch_gpu.backward`, for who asks for gradients: `hidden` is (batch, n), as below."""
        short, last = self.short_convolution, self.output_projection
        projected = project(self.input_projection, x).permute(2, 0, 1)
        convolutions = [layer for layer in (self.long_convolution, self.residual_convolution) if layer is not None]
        kernels = [convolution.made_of(x.shape[1], self.recomputed) for convolution in convolutions]
        y = between_projections(hidden, projected, x, short.weight, short.bias, kernels)
        return linear(y.flatten(1).t(), last.weight, last.bias).unflatten(0, x.shape[:-1])

    def in_place(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        """The same without gradients, on a CPU: some channels at a time go from one projection to the other.

        Args:
            hidden: (batch, n), true where the mask is false.
        """
        batch, n, width = x.shape
        first, short, other = self.input_projection, self.short_convolution, self.residual_convolution
        memory = room(x, 3 * width if other is None else 4 * width, batch, n)
        projected, itself = memory[: 3 * width], memory[3 * width :]
        torch.mm(first.weight, x.flatten(0, -2).t(), out=projected.flatten(1))
        if other is not None:
            itself.flatten(1).copy_(x.flatten(0, -2).t())
        y = projected[:width]

        def shown(some: Tensor) -> Tensor:
            return some if hidden is None else some.masked_fill(hidden, 0.0)

        def third(which: int, start: int, stop: int) -> Tensor:
            some = slice(which * width + start, which * width + stop)
            if first.bias is not None:
                projected[some].add_(first.bias[some, None, None])
            return shifts(shown(projected[some]), short.weight[:, some], short.bias[some])

        convolutions = [self.long_convolution] if other is None else [self.long_convolution, other]
        spectra = zip(*(convolution.parts(n, spectrum=True) for convolution in convolutions), strict=True)
        for (begin, end), some_spectra in zip(bounds(width, channels_at_once(n)), spectra, strict=True):
            for inner in bounds(end - begin, channels_at_once(n, batch)):
                start, stop = (begin + place for place in inner)
                spectrum, *others = (some[slice(*inner)] for some in some_spectra)
                signal = shown(third(0, start, stop).mul_(third(2, start, stop)))
                found = filtered(signal, spectrum).mul_(third(1, start, stop))
                if others:
                    found.add_(filtered(shown(itself[start:stop]), others[0]))
                y[start:stop] = found
        last = self.output_projection
        return linear(y.flatten(1).t(), last.weight, last.bias).unflatten(0, (batch, n))

    def gates(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """x₂ and x₁ ⊙ v, (batch, n, d) each; whoever keeps x₂ keeps what it is part of, unless that is not kept."""
        first, second, value = split(self.short_convolution(projected), 3)
        lone = self.recomputed or not torch.is_grad_enabled()
        return second.clone() if lone else second, first * value


def activate(x: Tensor, activation: str) -> Tensor:
    """x Φ(x), or its approximation by tanh."""
    return gelu(x) if activation == "gelu" else gelu(x, approximate="tanh")


class DimensionMixer(nn.Module):
    """x ↦ M4 (gelu(a) ⊙ b), (a, b) = M3 x, with block-diagonal M3 and M4; M4 gelu(M3 x + c) if not gated.

    Args:
        permuted: put the stride permutation P of order-2 Monarch matrices before M4, so that every block of M4 reads
            from every block of M3: without σ and gate, M4 P M3 is an order-2 Monarch matrix up to a permutation.
    """

    def __init__(self, config: Config, permuted: bool = False) -> None:
        super().__init__()
        self.blocks, self.gated, self.permuted = config.blocks, config.gated, permuted
        self.activation, self.recomputed = config.activation, False
        inner = config.intermediate_size * (2 if config.gated else 1)
        self.input_projection = BlockDiagonalLinear(config.hidden_size, inner, config.blocks, bias=not config.gated)
        self.output_projection = BlockDiagonalLinear(config.intermediate_size, config.hidden_size, config.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n, d) → (batch, n, d)."""
        in_kernels = self.gated and in_few_passes(x) and untouched(self)
        if not in_kernels and torch.is_grad_enabled() and on_processor(x, self) and untouched(self):
            return self.keeping_little(x)
        at = again(self.gated_at if in_kernels else self.at, self.recomputed)
        done = [at(some) for some in pieces(x.flatten(0, -2), piecewise.POSITIONS, 0)]
        return (done[0] if len(done) == 1 else torch.cat(done)).unflatten(0, x.shape[:-1])

    @property
    def between(self) -> Activation:
        """What stands between M3 and M4."""
        approximate = "none" if self.activation == "gelu" else "tanh"
        return Activation(approximate, self.gated, self.blocks, self.permuted)

    def keeping_little(self, x: Tensor) -> Tensor:
        """The same by `monarch_gpu.backward`, for who asks for gradients."""
        first, last = self.input_projection, self.output_projection
        weights = (first.weight, first.bias, last.weight, last.bias)
        return dimensions_mixed(self.between, x.flatten(0, -2), *weights).unflatten(0, x.shape[:-1])

    def gated_at(self, x: Tensor) -> Tensor:
        """The same as `at` by the kernels of `monarch_gpu.ops.gated`."""
        from monarch_gpu.ops.gated import gate, turn

        last = self.output_projection
        y = self.between.turned(gate(self.input_projection(x).t(), self.activation != "gelu"))
        return turn(block_diagonal_multiply(y, last.weight, axis=0), last.bias)

    def add_to(self, y: Tensor, x: Tensor) -> None:
        """Add to y what it is at some positions of x, (positions, d) both; y may be x."""
        first, last = self.input_projection, self.output_projection
        if first.bias is None:
            k, m, d = first.weight.shape
            inner = torch.bmm(first.weight, x.t().unflatten(0, (k, d)), out=room(x, k, m, len(x))).flatten(0, 1)
        else:
            inner = first(x).t()
        if self.gated:
            gate, value = inner.chunk(2)
            inner = activate(gate, self.activation).mul_(value)
        else:
            inner = activate(inner, self.activation)
        inner = self.between.turned(inner)
        if last.bias is not None:
            y.add_(last.bias)
        for part, rows, block in zip(y.chunk(self.blocks, 1), inner.chunk(self.blocks), last.weight, strict=True):
            part.addmm_(rows.t(), block.t())

    def at(self, x: Tensor) -> Tensor:
        """At some positions, (positions, d)."""
        y = self.input_projection(x)
        if self.gated:
            gate, value = split(y, 2)
            y = activate(gate, self.activation) * value
        else:
            y = activate(y, self.activation)
        if self.permuted:
            y = self.between.turned(y.movedim(-1, 0)).movedim(0, -1)
        return channels_innermost(self.output_projection(y))


def added(x: Tensor, mixer: nn.Module, before: nn.Module | None = None, after: nn.Module | None = None) -> Tensor:
    """after(x + mixer(before(x))), (batch, n, d); some positions after the others, written over x, if nobody can tell.

    Args:
        x: of which the caller keeps nothing, and nobody else has anything.
        before, after: layers that know nothing of other positions: normalisations; none for the identity.
    """
    norms = [layer for layer in (before, after) if layer is not None]
    if isinstance(mixer, DimensionMixer) and adds_in_place(x, mixer, norms):
        x = x.contiguous()
        for some in pieces(x.flatten(0, -2), piecewise.POSITIONS, 0):
            mixer.add_to(some, some if before is None else before(some))
            if after is not None:
                some.copy_(after(some))
        return x
    y = x + mixer(x if before is None else before(x))
    return y if after is None else after(y)


def adds_in_place(x: Tensor, mixer: DimensionMixer, norms: Sequence[nn.Module]) -> bool:
    """Whether layers are those of this package and of torch, and nobody else sees what they make."""
    if not may_overwrite(x, mixer, *norms) or not untouched(mixer) or not unwatched(mixer, *norms):
        return False
    return all(type(layer) is nn.LayerNorm for layer in norms)


TAKEN_OVER: dict[type, dict[str, tuple[type, ...]]] = {
    SequenceMixer: {
        "input_projection": (nn.Linear,),
        "short_convolution": (ShortConvolution,),
        "long_convolution": (LongConvolution,),
        "residual_convolution": (LongConvolution, type(None)),
        "output_projection": (nn.Linear,),
    },
    DimensionMixer: {"input_projection": (BlockDiagonalLinear,), "output_projection": (BlockDiagonalLinear,)},
}
"""Layers of a mixer that kernels compute in their place, and the types they are made of: a layer of any other type, and
those of a subclass of the mixer, are called."""
