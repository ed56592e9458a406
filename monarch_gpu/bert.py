"""M2-BERT, a masked language model, and BERT, its baseline (Fu et al. 2023, §5.1).

A block of M2-BERT is LayerNorm(y + dimension mixer(y)) with y the bidirectional sequence mixer of x: the residual
long convolution takes the place of the residual connection around attention, as in the published model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from monarch_gpu.configs import BertConfig
from monarch_gpu.layers import DimensionMixer, SequenceMixer
from monarch_gpu.transformer import Attention, FeedForward

__all__ = ["BertForMaskedLM"]


class Embeddings(nn.Module):
    """Words, positions and token types, summed and normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, input_ids: Tensor) -> Tensor:
        positions = self.position_embeddings.weight[: input_ids.shape[1]]
        return self.LayerNorm(self.word_embeddings(input_ids) + positions + self.token_type_embeddings.weight[0])


class MonarchBlock(nn.Module):
    """The M2-BERT block."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.sequence_mixer = SequenceMixer(config, residual_convolution=True)
        self.dimension_mixer = DimensionMixer(config)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        y = self.sequence_mixer(x)
        return self.LayerNorm(y + self.dimension_mixer(y))


class TransformerBlock(nn.Module):
    """The BERT block: a residual connection and a LayerNorm after each half."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = Attention(config, causal=False)
        self.attention_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = FeedForward(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention_norm(x + self.attention(x))
        return self.mlp_norm(x + self.mlp(x))


class Bert(nn.Module):
    """Embeddings and encoder: token ids (batch, n) → hidden states (batch, n, d)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        block = MonarchBlock if config.architecture == "monarch-mixer" else TransformerBlock
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleList(block(config) for _ in range(config.num_hidden_layers))

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.embeddings(input_ids)
        for block in self.encoder:
            x = block(x)
        return x


class Predictions(nn.Module):
    """The masked-LM head; its output matrix is the word embedding's."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return linear(self.LayerNorm(gelu(self.dense(x))), embedding, self.bias)


class BertForMaskedLM(nn.Module):
    """Token ids (batch, n), int64 → logits (batch, n, vocabulary).

    >>> from monarch_gpu.configs import preset
    >>> BertForMaskedLM(preset("bert", "tiny"))(torch.zeros(2, 5, dtype=torch.long)).shape
    torch.Size([2, 5, 257])
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        self.cls = Predictions(config)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, input_ids: Tensor) -> Tensor:
        n, longest = input_ids.shape[1], self.config.max_position_embeddings
        if n > longest:
            raise ValueError(f"input_ids: expected at most {longest} positions, got {n}")
        return self.cls(self.bert(input_ids), self.bert.embeddings.word_embeddings.weight)
