"""One token at a time: causal models that remember the past, at O(log² n) per token and channel instead of O(n log n).

A long convolution whose filter is known and whose input comes one value at a time is *relaxed* multiplication (van der
Hoeven 2002; for language models Oncescu et al. 2024, "Flash Inference"). After input number i, let U be the largest
power of two that divides i: the last U inputs send their contribution to the next U outputs, by one FFT of length 2U.
Every pair (input j, output i > j) is served by exactly one such tile, and tiles of size U come every 2U steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.layers import SequenceMixer
from monarch_gpu.transformer import Attention

__all__ = ["AttentionCache", "Decoder", "MixerCache", "OnlineConvolution", "tiles"]


def tiles(length: int) -> list[tuple[int, int]]:
    """(first input, size) of the tile that runs after each of `length` inputs.

    >>> tiles(4)
    [(0, 1), (0, 2), (2, 1), (0, 4)]
    """
    return [(i - (i & -i), i & -i) for i in range(1, length + 1)]


class OnlineConvolution:
    """Causal convolution of a signal that arrives bit by bit, in float32 or better; outputs have the dtype of inputs.

    Args:
        kernel: (channels, length), the lags 0 … length − 1.
        batch: signals at once.

    >>> online = OnlineConvolution(torch.tensor([[1.0, 2.0, 4.0]]), 1)
    >>> [float(online.step(torch.tensor([[u]])).round()) for u in (1.0, 0.0, 1.0)]
    [1.0, 2.0, 5.0]
    """

    def __init__(self, kernel: Tensor, batch: int) -> None:
        kernel = kernel.to(torch.promote_types(kernel.dtype, torch.float32))
        self.kernel, self.length = kernel, kernel.shape[-1]
        self.inputs = kernel.new_zeros(batch, *kernel.shape)
        self.pending = kernel.new_zeros(batch, *kernel.shape)
        self.spectra: dict[int, Tensor] = {}
        self.origin = self.position = 0

    def prefill(self, u: Tensor) -> Tensor:
        """The outputs for a beginning (batch, channels, n) that is known at once, before any step."""
        if self.position:
            raise ValueError(f"prefill: expected an untouched convolution, got one at position {self.position}")
        n = u.shape[-1]
        size = n + self.length
        spectrum = torch.fft.rfft(u.to(self.kernel.dtype), n=size) * torch.fft.rfft(self.kernel, n=size)
        y = torch.fft.irfft(spectrum, n=size)[..., : self.length]
        self.pending = y.clone()
        self.origin = self.position = n
        return y[..., :n].to(u.dtype)

    def step(self, u: Tensor) -> Tensor:
        """The output (batch, channels) for the next input (batch, channels).

        Raises:
            ValueError: the filter ends here.
        """
        i = self.position
        if i == self.length:
            raise ValueError(f"step: expected at most {self.length} inputs, the length of the filter")
        self.inputs[..., i] = u
        y = self.pending[..., i] + self.kernel[:, 0] * u
        self.position = i + 1
        self.contribute(self.position)
        return y.to(u.dtype)

    def contribute(self, end: int) -> None:
        """Send the contribution of the last U inputs to the next U outputs."""
        count = end - self.origin
        size = count & -count
        wanted = min(size, self.length - end)
        if wanted > 0:
            spectrum = torch.fft.rfft(self.inputs[..., end - size : end], n=2 * size) * self.spectrum(size)
            tile = torch.fft.irfft(spectrum, n=2 * size)
            self.pending[..., end : end + wanted] += tile[..., size : size + wanted]

    def spectrum(self, size: int) -> Tensor:
        """Transform of the first 2·size lags, kept."""
        if size not in self.spectra:
            self.spectra[size] = torch.fft.rfft(self.kernel[:, : 2 * size], n=2 * size)
        return self.spectra[size]


class MixerCache:
    """What a causal sequence mixer remembers: a few inputs of its short convolution, and its long one."""

    def __init__(self, mixer: SequenceMixer, batch: int, length: int) -> None:
        self.mixer = mixer
        self.long = OnlineConvolution(mixer.long_convolution.kernel(length), batch)
        taps, channels = mixer.short_convolution.weight.shape
        self.recent = mixer.short_convolution.weight.new_zeros(batch, taps - 1, channels)

    def prefill(self, x: Tensor) -> Tensor:
        """Outputs (batch, n, d) for the beginning of the sequence."""
        projected = self.mixer.input_projection(x)
        first, second, value = self.mixer.short_convolution(projected).chunk(3, dim=-1)
        self.remember(projected)
        y = self.long.prefill((first * value).transpose(1, 2)).transpose(1, 2)
        return self.mixer.output_projection(second * y)

    def step(self, x: Tensor) -> Tensor:
        """Output (batch, d) for the next position."""
        projected = self.mixer.input_projection(x)[:, None]
        window = torch.cat([self.recent, projected], dim=1)
        self.remember(projected)
        short = self.mixer.short_convolution
        first, second, value = ((window * short.weight.flip(0)).sum(1) + short.bias).chunk(3, dim=-1)
        return self.mixer.output_projection(second * self.long.step(first * value))

    def remember(self, projected: Tensor) -> None:
        """Keep the last inputs of the short convolution."""
        self.recent = torch.cat([self.recent, projected], dim=1)[:, projected.shape[1] :]


class AttentionCache:
    """The keys and values an attention layer has seen; a step costs O(n)."""

    def __init__(self, attention: Attention, batch: int, length: int) -> None:
        self.attention, self.position = attention, 0
        weight = attention.input_projection.weight
        size = (2, batch, attention.heads, length, weight.shape[1] // attention.heads)
        self.seen = weight.new_zeros(size)

    def prefill(self, x: Tensor) -> Tensor:
        """Outputs (batch, n, d) for the beginning of the sequence."""
        heads = self.attention.input_projection(x).unflatten(-1, (3, self.attention.heads, -1)).permute(2, 0, 3, 1, 4)
        start, self.position = self.position, self.position + x.shape[1]
        self.seen[:, :, :, start : self.position] = heads[1:]
        key, value = self.seen[:, :, :, : self.position]
        y = scaled_dot_product_attention(heads[0], key, value, is_causal=x.shape[1] > 1)
        return self.attention.output_projection(y.transpose(1, 2).flatten(2))

    def step(self, x: Tensor) -> Tensor:
        """Output (batch, d) for the next position."""
        return self.prefill(x[:, None])[:, 0]


class Decoder:
    """A causal language model read one token at a time; use it under `torch.no_grad()`.

    Args:
        batch: sequences at once.
        length: tokens at most, prompt included; no more than the model's positions.

    >>> from monarch_gpu.configs import preset
    >>> decoder = Decoder(GPTForCausalLM(preset("gpt", "tiny")), batch=1, length=8)
    >>> with torch.no_grad():
    ...     _ = decoder.prefill(torch.zeros(1, 3, dtype=torch.long))
    ...     decoder.step(torch.zeros(1, dtype=torch.long)).shape
    torch.Size([1, 256])
    """

    def __init__(self, model: GPTForCausalLM, batch: int, length: int) -> None:
        longest = model.config.max_position_embeddings
        if not 0 < length <= longest:
            raise ValueError(f"length: expected 1 to {longest} positions, got {length}")
        self.model, self.length, self.position = model, length, 0
        cache: Any = MixerCache if model.config.architecture == "monarch-mixer" else AttentionCache
        self.caches = [cache(block.sequence_mixer, batch, length) for block in model.transformer.h]

    def prefill(self, input_ids: Tensor) -> Tensor:
        """Logits (batch, vocabulary) after a prompt (batch, n), which comes before any step."""
        return self.run(input_ids, step=False)[:, -1]

    def step(self, input_ids: Tensor) -> Tensor:
        """Logits (batch, vocabulary) after one more token each, (batch,)."""
        return self.run(input_ids, step=True)

    def run(self, input_ids: Tensor, step: bool) -> Tensor:
        """Every block on the next tokens."""
        count = 1 if step else input_ids.shape[1]
        if self.position + count > self.length:
            raise ValueError(f"input_ids: expected at most {self.length - self.position} more tokens, got {count}")
        transformer = self.model.transformer
        x = transformer.wte(input_ids)
        if transformer.wpe is not None:
            positions = transformer.wpe.weight[self.position : self.position + count]
            x = x + (positions[0] if step else positions)
        self.position += count
        block: Any
        for block, cache in zip(transformer.h, self.caches, strict=True):
            mixed = block.ln_1(x)
            x = x + (cache.step(mixed) if step else cache.prefill(mixed))
            x = x + block.dimension_mixer(block.ln_2(x))
        return self.model.logits(transformer.ln_f(x))
