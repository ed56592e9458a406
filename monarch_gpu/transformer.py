"""The baseline's mixers: multi-head attention (torch's fused kernel) and a dense MLP, in place of the Monarch ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from monarch_gpu.configs import Config
from monarch_gpu.layers import activate

__all__ = ["Attention", "FeedForward"]


class Attention(nn.Module):
    """Multi-head softmax attention by `scaled_dot_product_attention`, (batch, n, d) → (batch, n, d)."""

    def __init__(self, config: Config, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = config.num_attention_heads, causal
        self.input_projection = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.output_projection = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """No place looks at one where the mask (batch, n), bool, is false."""
        heads = self.input_projection(x).unflatten(-1, (3, self.heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        seen = None if mask is None else mask[:, None, None]  # (batch, heads, queries, keys)
        if seen is not None and self.causal:
            seen = seen & torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        y = scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=self.causal and seen is None)
        return self.output_projection(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """x ↦ W₂ gelu(W₁ x + b₁) + b₂."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.activation = config.activation
        self.input_projection = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output_projection = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.output_projection(activate(self.input_projection(x), self.activation))
