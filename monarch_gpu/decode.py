"""One token at a time: causal models that remember the past, at O(log² n) per token and channel instead of O(n log n).

A long convolution whose filter is known and whose input comes one value at a time is *relaxed* multiplication (van der
Hoeven 2002; for language models Oncescu et al. 2024, "Flash Inference"). Here no step may take long, so the work is cut
as real-time audio cuts it (Gardner 1995). Lags below 2B are a sum at every step. Lags 2U … 4U − 1, for U = B, 2B, …,
belong to blocks of U inputs: a block is convolved with these lags by one FFT of length 3U. Its first output is wanted U
steps after its last input came, and until then its work is spread in pieces of some channels, the earliest deadline
first. Every pair (input j, output i ≥ j) is served once: its lag says by which level, its input by which block.

A prompt that is known at once is sent on by one FFT, and what is left after tokens were taken back is sent anew.

No deadline is ever missed: level U asks for p_U pieces every U steps, which are due U steps later. With at least
Σ p_U / U pieces a step, earliest-deadline-first meets them all (Liu and Layland 1973, Theorem 7).
"""

from __future__ import annotations

import copy
from heapq import heappop, heappush
from math import ceil
from typing import Any, Self

import torch
from torch import Tensor
from torch.fft import irfft, rfft
from torch.nn.functional import scaled_dot_product_attention

from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.inputs import check_ids
from monarch_gpu.layers import SequenceMixer, hide
from monarch_gpu.transformer import Attention

__all__ = ["BASE", "GRAIN", "AttentionCache", "Decoder", "MixerCache", "OnlineConvolution", "block_sizes"]

BASE = 32
"""B: twice as many lags are summed at every step, which takes about as long as one small FFT."""

GRAIN = 2**17
"""Numbers of the signals that one piece of work transforms, unless a single channel has more."""


def block_sizes(length: int, base: int) -> list[int]:
    """Sizes U of the blocks: base, 2·base, …, as long as a filter of this length has a lag 2U.

    >>> block_sizes(64, 8)
    [8, 16]
    """
    found = []
    while 2 * base < length:
        found.append(base)
        base *= 2
    return found


class OnlineConvolution:
    """Causal convolution of a signal that arrives bit by bit, in float32 or better; outputs have the dtype of inputs.

    Theorem: `proofs/relaxed_convolution`, `relaxed_convolution`, `in_time` and `cost`.

    Args:
        kernel: (channels, length), the lags 0 … length − 1.
        batch: signals at once.

    >>> online = OnlineConvolution(torch.tensor([[1.0, 2.0, 4.0]]), 1)
    >>> [float(online.step(torch.tensor([[u]])).round()) for u in (1.0, 0.0, 1.0)]
    [1.0, 2.0, 5.0]
    """

    def __init__(self, kernel: Tensor, batch: int) -> None:
        self.kernel = kernel.to(torch.promote_types(kernel.dtype, torch.float32))
        self.channels, self.length = kernel.shape
        self.inputs = self.kernel.new_zeros(self.channels, batch, self.length)
        self.pending = torch.zeros_like(self.inputs)
        self.origin = self.position = 0  # `pending` has all that inputs before `origin` contribute
        self.settled = True
        self.near = self.kernel[:, : 2 * BASE].flip(-1)[:, None]  # (channels, 1, lags), the largest first
        self.spectra = {
            size: rfft(self.kernel[:, 2 * size : 4 * size], n=3 * size)[:, None]
            for size in block_sizes(self.length, BASE)
        }
        self.parts = {size: self.cut(batch * 3 * size) for size in self.spectra}
        self.each_step = ceil(sum(len(parts) / size for size, parts in self.parts.items()))
        self.queue: list[tuple[int, int, int, int, int]] = []  # deadline, size, first input, channels from … to

    def cut(self, numbers: int) -> list[tuple[int, int]]:
        """The channels, of so many numbers each, in pieces of about `GRAIN`."""
        some = max(1, GRAIN // max(numbers, 1))
        return [(first, min(first + some, self.channels)) for first in range(0, self.channels, some)]

    def prefill(self, u: Tensor) -> Tensor:
        """The outputs (batch, channels, n) for the next n inputs (batch, channels, n), which are known at once."""
        n, start = u.shape[-1], self.position
        end = start + n
        if end > self.length:
            raise ValueError(f"prefill: expected at most {self.length - start} more inputs, got {n}")
        self.inputs[..., start:end] = u.transpose(0, 1)
        y = torch.empty_like(self.inputs[..., start:end])
        if y.numel():
            self.convolve(y, self.kernel[:, :end], end, start, end + n)
        self.position, self.settled = end, not n and self.settled
        return y.transpose(0, 1).to(u.dtype)

    def convolve(self, out: Tensor, kernel: Tensor, known: int, first: int, size: int) -> None:
        """Write outputs from number `first` on, of the first `known` inputs, by FFTs of a size that wraps before it."""
        for a, b in self.cut(self.inputs.shape[1] * size):
            product = rfft(self.inputs[a:b, :, :known], n=size) * rfft(kernel[a:b], n=size)[:, None]
            out[a:b] = irfft(product, n=size)[..., first : first + out.shape[-1]]

    def settle(self) -> None:
        """Send what all inputs so far contribute to all outputs to come, if that is not so already."""
        if self.settled:
            return
        self.queue, self.origin, self.settled = [], self.position, True
        rest = self.pending[..., self.position :]
        if not self.position:
            rest.zero_()
        elif rest.numel():
            self.convolve(rest, self.kernel, self.position, self.position, self.position + self.length)

    def step(self, u: Tensor) -> Tensor:
        """The output (batch, channels) for the next input (batch, channels).

        Raises:
            ValueError: the filter ends here.
        """
        i = self.position
        if i == self.length:
            raise ValueError(f"step: expected at most {self.length} inputs, the length of the filter")
        self.settle()
        self.inputs[..., i] = u.t()
        lags = min(i + 1 - self.origin, self.near.shape[-1])
        recent = self.inputs[..., i + 1 - lags : i + 1] * self.near[..., self.near.shape[-1] - lags :]
        y = self.pending[..., i] + recent.sum(-1)
        self.position = i + 1
        self.release()
        for _ in range(min(self.each_step, len(self.queue))):
            self.contribute(*heappop(self.queue))
        return y.t().to(u.dtype)

    def release(self) -> None:
        """Queue the work of all blocks that the last input completed."""
        count = self.position - self.origin
        for size, parts in self.parts.items():
            if count % size or self.position + size >= self.length:
                return  # larger ones are not complete either, or have no output
            for first, last in parts:
                heappush(self.queue, (self.position + size, size, self.position - size, first, last))

    def contribute(self, deadline: int, size: int, start: int, first: int, last: int) -> None:
        """Send what a block of inputs contributes by its lags, in some channels."""
        spectrum = rfft(self.inputs[first:last, :, start : start + size], n=3 * size) * self.spectra[size][first:last]
        to = start + 2 * size
        wanted = self.pending[first:last, :, to : to + 3 * size]
        wanted += irfft(spectrum, n=3 * size)[..., : wanted.shape[-1]]

    def fork(self, rows: Tensor) -> Self:
        """One that goes on from here with some of the signals, and leaves this one as it is."""
        other = copy.copy(self)
        other.inputs, other.pending = self.inputs[:, rows], self.pending[:, rows]
        other.queue = list(self.queue)
        return other

    def rewind(self, count: int) -> None:
        """Forget the last inputs."""
        self.position -= count
        self.settled = False


class MixerCache:
    """What a causal sequence mixer remembers: some inputs of its short convolution, and its long one."""

    def __init__(self, mixer: SequenceMixer, batch: int, length: int, rewind: int) -> None:
        self.mixer = mixer
        self.long = OnlineConvolution(mixer.long_convolution.kernel(length), batch)
        taps, channels = mixer.short_convolution.weight.shape
        self.past = taps - 1
        self.recent = mixer.short_convolution.weight.new_zeros(batch, self.past + rewind, channels)

    def prefill(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Outputs (batch, n, d) for the next n places; what the mask (batch, n) hides reaches no other."""
        projected = hide(self.mixer.input_projection(x), mask)
        mixed = self.mixer.short_convolution(self.window(projected))[:, self.past :]
        first, second, value = mixed.chunk(3, dim=-1)
        y = self.long.prefill(hide(first * value, mask).transpose(1, 2)).transpose(1, 2)
        return self.mixer.output_projection(second * y)

    def step(self, x: Tensor) -> Tensor:
        """Output (batch, d) for the next place."""
        short = self.mixer.short_convolution
        window = self.window(self.mixer.input_projection(x)[:, None])
        first, second, value = ((window * short.weight.flip(0)).sum(1) + short.bias).chunk(3, dim=-1)
        return self.mixer.output_projection(second * self.long.step(first * value))

    def window(self, projected: Tensor) -> Tensor:
        """The next inputs of the short convolution behind those it still reads; they are remembered, too."""
        seen = torch.cat([self.recent, projected], dim=1)
        past, self.recent = self.recent.shape[1], seen[:, projected.shape[1] :]
        return seen[:, past - self.past :]

    def fork(self, rows: Tensor) -> Self:
        other = copy.copy(self)
        other.long, other.recent = self.long.fork(rows), self.recent[rows]
        return other

    def settle(self) -> None:
        """Do now what the next step would have to do besides its own work."""
        self.long.settle()

    def rewind(self, count: int) -> None:
        if count:
            self.long.rewind(count)
            self.recent = torch.cat([torch.zeros_like(self.recent[:, :count]), self.recent[:, :-count]], dim=1)


class AttentionCache:
    """The keys and values an attention layer has seen; a step costs O(n)."""

    def __init__(self, attention: Attention, batch: int, length: int, rewind: int) -> None:
        self.attention, self.position = attention, 0
        weight = attention.input_projection.weight
        self.seen = weight.new_zeros(2, batch, attention.heads, length, weight.shape[1] // attention.heads)
        self.shown = torch.zeros(batch, length, dtype=torch.bool, device=weight.device)

    def prefill(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Outputs (batch, n, d) for the next n places; none looks where the mask (batch, n) is false."""
        heads = self.attention.input_projection(x).unflatten(-1, (3, self.attention.heads, -1)).permute(2, 0, 3, 1, 4)
        start, end = self.position, self.position + x.shape[1]
        self.seen[:, :, :, start:end] = heads[1:]
        self.shown[:, start:end] = True if mask is None else mask
        self.position = end
        key, value = self.seen[:, :, :, :end]
        bias = self.attention.bias(x.shape[1], end, self.shown[:, :end], x)
        y = scaled_dot_product_attention(heads[0], key, value, attn_mask=bias)
        return self.attention.output_projection(y.transpose(1, 2).flatten(2))

    def step(self, x: Tensor) -> Tensor:
        """Output (batch, d) for the next place."""
        return self.prefill(x[:, None], None)[:, 0]

    def fork(self, rows: Tensor) -> Self:
        other = copy.copy(self)
        other.seen, other.shown = self.seen[:, rows], self.shown[rows]
        return other

    def settle(self) -> None:
        """There is nothing to do."""

    def rewind(self, count: int) -> None:
        self.position -= count


class Decoder:
    """A causal language model read one token at a time; use it under `torch.no_grad()`.

    Args:
        batch: sequences at once.
        length: tokens at most, prompt included; no more than the model's positions.
        rewind: how many tokens one may take back. Each takes as much memory as the short convolutions read of it.

    >>> from monarch_gpu.configs import preset
    >>> decoder = Decoder(GPTForCausalLM(preset("gpt", "tiny")), batch=1, length=8)
    >>> with torch.no_grad():
    ...     _ = decoder.prefill(torch.zeros(1, 3, dtype=torch.long))
    ...     decoder.step(torch.zeros(1, dtype=torch.long)).shape
    torch.Size([1, 256])
    """

    def __init__(self, model: GPTForCausalLM, batch: int, length: int, rewind: int = 0) -> None:
        longest = model.config.max_position_embeddings
        if not 0 < length <= longest:
            raise ValueError(f"length: expected 1 to {longest} positions, got {length}")
        for name, value in (("batch", batch), ("rewind", rewind)):
            if value < 0:
                raise ValueError(f"{name}: expected at least 0, got {value}")
        self.model, self.batch, self.length, self.position = model, batch, length, 0
        self.most_back, self.back = rewind, 0
        self.before = torch.zeros(batch, dtype=torch.long)  # places before a sequence begins, where prompts are shorter
        cache: Any = MixerCache if model.config.architecture == "monarch-mixer" else AttentionCache
        self.caches = [cache(block.sequence_mixer, batch, length, rewind) for block in model.transformer.h]

    def prefill(self, input_ids: Tensor, lengths: Tensor | None = None, chunk: int | None = None) -> Tensor:
        """Logits (batch, vocabulary) after the next tokens, (batch, n), n ≥ 1; any number of times.

        Args:
            lengths: (batch,), how many of the tokens each sequence has, before any others were read; what is behind
                them is padding. All go on together: a shorter one uses up as many places as the longest.
            chunk: tokens that pass through the model together; all by default. Fewer need less memory.

        Raises:
            ValueError: more tokens than fit, or none, or ids or lengths that are out of range.
        """
        if input_ids.ndim != 2 or len(input_ids) != self.batch or input_ids.shape[1] == 0:
            raise ValueError(f"input_ids: expected ({self.batch}, n) with n ≥ 1, got {tuple(input_ids.shape)}")
        check_ids("input_ids", input_ids, self.model.config.vocab_size, self.model.config.max_position_embeddings)
        n = input_ids.shape[1]
        self.check_room(n)
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk: expected at least 1, got {chunk}")
        mask = None
        if lengths is not None:
            self.check_lengths(lengths, n)
            self.before = n - lengths.long().cpu()
            place = torch.arange(n) - self.before[:, None]  # (batch, n): all end together
            mask = (place >= 0).to(input_ids.device)
            input_ids = input_ids.gather(1, place.clamp(min=0).to(input_ids.device))
        some = chunk or n
        for start in range(0, n, some):
            shown = None if mask is None else mask[:, start : start + some]
            x = self.run(input_ids[:, start : start + some], shown, step=False)
        for cache in self.caches:
            cache.settle()
        return self.model.logits(self.model.transformer.ln_f(x[:, -1]))

    def step(self, input_ids: Tensor) -> Tensor:
        """Logits (batch, vocabulary) after one more token each, (batch,).

        Raises:
            ValueError: no room, or ids that are out of range.
        """
        if input_ids.shape != (self.batch,):
            raise ValueError(f"input_ids: expected ({self.batch},), got {tuple(input_ids.shape)}")
        check_ids("input_ids", input_ids[:, None], self.model.config.vocab_size, self.length)
        self.check_room(1)
        return self.model.logits(self.model.transformer.ln_f(self.run(input_ids, None, step=True)))

    def check_room(self, count: int) -> None:
        if self.position + count > self.length:
            raise ValueError(f"input_ids: expected at most {self.length - self.position} more tokens, got {count}")

    def check_lengths(self, lengths: Tensor, n: int) -> None:
        if self.position:
            raise ValueError(f"lengths: expected them before any tokens, got them after {self.position}")
        if lengths.dtype not in (torch.int32, torch.int64) or lengths.shape != (self.batch,):
            given = f"{lengths.dtype} {tuple(lengths.shape)}"
            raise ValueError(f"lengths: expected ({self.batch},), torch.int64, got {given}")
        if self.batch and not (int(lengths.min()) >= 1 and int(lengths.max()) <= n):
            raise ValueError(f"lengths: expected 1 to {n}, got {int(lengths.min())} to {int(lengths.max())}")

    def run(self, input_ids: Tensor, mask: Tensor | None, step: bool) -> Tensor:
        """Every block on the next tokens: states (batch, n, d), or (batch, d) of a step."""
        count = 1 if step else input_ids.shape[1]
        transformer: Any = self.model.transformer
        x = transformer.wte(input_ids)
        if transformer.wpe is not None:
            places = (torch.arange(count) + self.position - self.before[:, None]).clamp(min=0)  # (batch, n)
            at = transformer.wpe(places.to(input_ids.device))
            x = x + (at[:, 0] if step else at)
        self.position += count
        self.back = min(self.most_back, self.back + count)
        for block, cache in zip(transformer.h, self.caches, strict=True):
            mixed = block.ln_1(x)
            x = x + (cache.step(mixed) if step else cache.prefill(mixed, mask))
            x = x + block.dimension_mixer(block.ln_2(x))
        return x

    def fork(self, rows: Tensor | None = None) -> Decoder:
        """Another that goes on from here; this one stays as it is. Filters and their spectra are shared.

        Args:
            rows: which sequences it has, int64, also more than once, as a beam search wants them; all by default.
        """
        rows = torch.arange(self.batch) if rows is None else rows
        if rows.ndim != 1 or rows.dtype != torch.int64:
            raise ValueError(f"rows: expected (count,), torch.int64, got {rows.dtype} {tuple(rows.shape)}")
        if len(rows) and not (int(rows.min()) >= 0 and int(rows.max()) < self.batch):
            raise ValueError(f"rows: expected 0 to {self.batch - 1}, got {int(rows.min())} to {int(rows.max())}")
        other = copy.copy(self)
        other.batch, other.before = len(rows), self.before[rows]
        other.caches = [cache.fork(rows) for cache in self.caches]
        return other

    def rewind(self, count: int) -> None:
        """Take the last tokens back. The next step then takes as long as a transform of all that is left.

        Raises:
            ValueError: more than there are, or than `rewind` allows.
        """
        allowed = min(self.back, self.position)
        if not 0 <= count <= allowed:
            raise ValueError(f"rewind: expected 0 to {allowed} tokens, got {count}")
        self.position -= count
        self.back -= count
        for cache in self.caches:
            cache.rewind(count)
