"""M2-GPT, a causal language model without attention and without MLP, and GPT, its baseline (Fu et al. 2023, §5.3).

Blocks are pre-norm: x + sequence mixer(LayerNorm x), then x + dimension mixer(LayerNorm x). Causality lives in the long
convolution, whose FFTs are padded to twice the length; the model needs no positional embedding, which the baseline has.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear

from monarch_gpu.configs import Config, GPTConfig
from monarch_gpu.inputs import check_ids, check_shape, mask_of
from monarch_gpu.layers import DimensionMixer, SequenceMixer, added, one_room
from monarch_gpu.pretrained import Outputs, Pretrained, keep, loss_of
from monarch_gpu.transformer import Attention, FeedForward

__all__ = ["GPTForCausalLM"]


class Block(nn.Module):
    """One layer of either architecture."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        monarch = config.architecture == "monarch-mixer"
        self.ln_1 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.sequence_mixer = SequenceMixer(config) if monarch else Attention(config, causal=True)
        self.ln_2 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dimension_mixer = DimensionMixer(config, permuted=True) if monarch else FeedForward(config)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.sequence_mixer(self.ln_1(x), mask)
        return added(x, self.dimension_mixer, before=self.ln_2)


class GPT(nn.Module):
    """Embeddings and blocks: token ids (batch, n) → hidden states (batch, n, d); `states` collects all of them."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.hidden_size)
        absolute = config.architecture == "transformer" and not config.alibi
        self.wpe = nn.Embedding(config.max_position_embeddings, config.hidden_size) if absolute else None
        self.h = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.ln_f = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, input_ids: Tensor, mask: Tensor | None = None, states: list[Tensor] | None = None) -> Tensor:
        x = self.wte(input_ids)
        if self.wpe is not None:
            x = x + self.wpe.weight[: input_ids.shape[1]]
        x = keep(x, states)
        with one_room(x):
            for block in self.h:
                x = keep(block(x, mask), states)
        return self.ln_f(x)


class GPTForCausalLM(Pretrained):
    """Token ids (batch, n), int64 → logits for the next token (batch, n, vocabulary). The head is the word embedding.

    >>> import torch
    >>> from monarch_gpu.configs import preset
    >>> GPTForCausalLM(preset("gpt", "tiny"))(torch.zeros(2, 5, dtype=torch.long)).shape
    torch.Size([2, 5, 256])
    """

    @classmethod
    def takes(cls, config: Config) -> bool:
        return isinstance(config, GPTConfig)

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.transformer = GPT(config)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        block: Any
        for block in self.transformer.h:
            for mixer in (block.sequence_mixer, block.dimension_mixer):
                mixer.output_projection.weight.data.mul_((2 * config.num_hidden_layers) ** -0.5)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return self.outputs(input_ids, attention_mask).logits

    def outputs(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        hidden_states: bool = False,
    ) -> Outputs:
        """Everything by name; labels (batch, n) are the tokens themselves, −100 where they do not count.

        The logits at a position are held to the label at the next, as Hugging Face has it. Where the attention mask
        (batch, n) is 0, no other place looks, be the padding in front or behind.
        """
        check_ids("input_ids", input_ids, self.config.vocab_size, self.config.max_position_embeddings)
        mask = None if attention_mask is None else mask_of(attention_mask, input_ids)
        states: list[Tensor] | None = [] if hidden_states else None
        logits = self.logits(self.transformer(input_ids, mask, states))
        if labels is None:
            return Outputs(logits, tuple(states or ()))
        check_shape("labels", labels, input_ids)
        return Outputs(logits, tuple(states or ()), loss_of(logits[:, :-1], labels[:, 1:]))

    def logits(self, x: Tensor) -> Tensor:
        """From final hidden states to logits."""
        return linear(x, self.transformer.wte.weight)
