"""The baseline's mixers: multi-head attention (torch's fused kernel) and a dense MLP, in place of the Monarch ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from monarch_gpu.configs import Config
from monarch_gpu.layers import activate

__all__ = ["Attention", "FeedForward"]


class Attention(nn.Module):
    """Multi-head softmax attention by `scaled_dot_product_attention`, (batch, n, d) → (batch, n, d).

    With ALiBi (Press et al. 2022) a head subtracts its slope times the distance from what a query and a key say; that
    takes a matrix (heads, n, n).
    """

    def __init__(self, config: Config, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = config.num_attention_heads, causal
        self.slopes = alibi_slopes(self.heads) if config.alibi else ()
        self.input_projection = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.output_projection = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """No place looks at one where the mask (batch, n), bool, is false."""
        heads = self.input_projection(x).unflatten(-1, (3, self.heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        if mask is None and not self.slopes:
            y = scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        else:
            bias = self.bias(x.shape[1], x.shape[1], mask, query)
            y = scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.output_projection(y.transpose(1, 2).flatten(2))

    def bias(self, queries: int, keys: int, mask: Tensor | None, like: Tensor) -> Tensor:
        """What is added to the scores of the last `queries` places and all keys, to (batch, heads, queries, keys).

        Without ALiBi, whether they are looked at, bool.
        """
        seen = torch.ones(1, 1, queries, keys, dtype=torch.bool, device=like.device)
        if self.causal:
            seen = seen.tril(keys - queries)
        if mask is not None:
            seen = seen & mask[:, None, None]
        if not self.slopes:
            return seen
        place = torch.arange(keys, device=like.device)
        distance = (place[keys - queries :, None] - place).abs()
        slopes = torch.tensor(self.slopes, dtype=like.dtype, device=like.device)[:, None, None]
        return (-slopes * distance.to(like.dtype)).masked_fill(~seen, torch.finfo(like.dtype).min / 2)


def alibi_slopes(heads: int) -> tuple[float, ...]:
    """2^(−8/h), 2^(−16/h), … for h heads, a power of two; else those of the next lower power, then every other of the
    next higher, as published.

    >>> alibi_slopes(8)[:2], len(alibi_slopes(12))
    ((0.5, 0.25), 12)
    """
    lower = 2 ** (heads.bit_length() - 1)
    slopes = [2.0 ** (-8 * (i + 1) / lower) for i in range(lower)]
    between = [2.0 ** (-4 * (i + 1) / lower) for i in range(0, 2 * lower, 2)]
    return tuple(slopes + between)[:heads]


class FeedForward(nn.Module):
    """x ↦ W₂ gelu(W₁ x + b₁) + b₂."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.activation = config.activation
        self.input_projection = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output_projection = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.output_projection(activate(self.input_projection(x), self.activation))
