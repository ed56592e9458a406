"""M2-BERT, a masked language model, and BERT, its baseline (Fu et al. 2023, §5.1).

A block of M2-BERT is LayerNorm(y + dimension mixer(y)) with y the bidirectional sequence mixer of x: the residual
long convolution takes the place of the residual connection around attention, as in the published model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from monarch_gpu.configs import BertConfig, Config
from monarch_gpu.inputs import check_ids, check_shape, mask_of
from monarch_gpu.layers import DimensionMixer, SequenceMixer, added, hide, may_overwrite, one_room, untouched, unwatched
from monarch_gpu.pretrained import Outputs, Pretrained, keep, loss_of
from monarch_gpu.transformer import Attention, FeedForward

__all__ = ["BertForMaskedLM", "BertForSequenceClassification"]


class Embeddings(nn.Module):
    """Words, positions and token types, summed and normalised."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        longest = config.max_position_embeddings
        self.position_embeddings = None if config.alibi else nn.Embedding(longest, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        first = self.token_type_embeddings.weight[0]
        types = first if token_type_ids is None else self.token_type_embeddings(token_type_ids)
        x = self.word_embeddings(input_ids)
        if self.position_embeddings is not None:
            x = x + self.position_embeddings.weight[: input_ids.shape[1]]
        return self.LayerNorm(x + types)


class MonarchBlock(nn.Module):
    """The M2-BERT block."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.sequence_mixer = SequenceMixer(config, residual_convolution=True)
        self.dimension_mixer = DimensionMixer(config)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.sequence_mixer(x, mask)
        mixer = self.sequence_mixer
        if may_overwrite(y) and untouched(mixer) and unwatched(mixer):  # y is nobody else's
            return added(y, self.dimension_mixer, after=self.LayerNorm)
        return self.LayerNorm(y + self.dimension_mixer(y))


class TransformerBlock(nn.Module):
    """The BERT block: a residual connection and a LayerNorm after each half."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = Attention(config, causal=False)
        self.attention_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = FeedForward(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.attention_norm(x + self.attention(x, mask))
        return self.mlp_norm(x + self.mlp(x))


class Bert(nn.Module):
    """Embeddings and encoder: token ids (batch, n) → hidden states (batch, n, d); `states` collects all of them."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        block = MonarchBlock if config.architecture == "monarch-mixer" else TransformerBlock
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleList(block(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        states: list[Tensor] | None = None,
    ) -> Tensor:
        longest = self.config.max_position_embeddings
        check_ids("input_ids", input_ids, self.config.vocab_size, longest)
        if token_type_ids is not None:
            check_ids("token_type_ids", token_type_ids, self.config.type_vocab_size, longest)
            check_shape("token_type_ids", token_type_ids, input_ids)
        mask = None if attention_mask is None else mask_of(attention_mask, input_ids)
        if self.config.architecture == "monarch-mixer" and self.config.padding == "unmasked":
            mask = None
        x = keep(self.embeddings(input_ids, token_type_ids), states)
        with one_room(x):
            for block in self.encoder:
                x = keep(block(x, mask), states)
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


def initialise(model: nn.Module) -> None:
    """Embeddings as BERT's; the layers initialise themselves."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)


class BertForMaskedLM(Pretrained):
    """Token ids (batch, n), int64 → logits (batch, n, vocabulary).

    The attention mask (batch, n) is 1 for text and 0 for padding; `BertConfig.padding` says what is made of it. Token
    types (batch, n) are 0 where not given.

    Raises:
        ValueError: ids out of range, of another shape or dtype; the message says which.

    >>> from monarch_gpu.configs import preset
    >>> BertForMaskedLM(preset("bert", "tiny"))(torch.zeros(2, 5, dtype=torch.long)).shape
    torch.Size([2, 5, 257])
    """

    @classmethod
    def takes(cls, config: Config) -> bool:
        return isinstance(config, BertConfig) and config.head != "classification"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = Bert(config)
        self.cls = Predictions(config)
        initialise(self)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        return self.outputs(input_ids, attention_mask, token_type_ids).logits

    def outputs(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        hidden_states: bool = False,
    ) -> Outputs:
        """Everything by name; labels (batch, n) are −100 where they do not count."""
        states: list[Tensor] | None = [] if hidden_states else None
        x = self.bert(input_ids, attention_mask, token_type_ids, states)
        logits = self.cls(x, self.bert.embeddings.word_embeddings.weight)
        return Outputs(logits, tuple(states or ()), None if labels is None else loss_of(logits, labels))


class Pooler(nn.Module):
    """tanh(W x + b) of the first token, or of the mean over the text: the embedding of a sequence, (batch, d)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.pooling = config.pooling
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if x.shape[1] == 0:
            raise ValueError("input_ids: expected at least one position, which is the embedding's, got none")
        if self.pooling == "first":
            return self.dense(x[:, 0]).tanh()
        if mask is None:
            return self.dense(x.mean(1)).tanh()
        count = mask.sum(1, keepdim=True).clamp(min=1)  # (batch, 1); a text of nothing has the mean zero
        return self.dense(hide(x, mask).sum(1) / count.to(x.dtype)).tanh()


class BertForSequenceClassification(Pretrained):
    """Token ids (batch, n), int64 → logits (batch, labels); `embed` gives the embeddings (batch, d) below them.

    Arguments are those of `BertForMaskedLM`. Retrieval encoders are of this kind: their vectors are `embed`'s.

    >>> from dataclasses import replace
    >>> from monarch_gpu.configs import preset
    >>> model = BertForSequenceClassification(replace(preset("bert", "tiny"), head="classification", num_labels=3))
    >>> ids = torch.zeros(2, 5, dtype=torch.long)
    >>> model(ids).shape, model.embed(ids).shape
    (torch.Size([2, 3]), torch.Size([2, 128]))
    """

    @classmethod
    def takes(cls, config: Config) -> bool:
        return isinstance(config, BertConfig) and config.head == "classification"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = Bert(config)
        self.pooler = Pooler(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        initialise(self)

    def embed(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The pooler's output, not normalised, (batch, d)."""
        embedding = self.outputs(input_ids, attention_mask, token_type_ids).embedding
        assert embedding is not None
        return embedding

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        return self.outputs(input_ids, attention_mask, token_type_ids).logits

    def outputs(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        hidden_states: bool = False,
    ) -> Outputs:
        """Everything by name; labels are (batch,)."""
        states: list[Tensor] | None = [] if hidden_states else None
        x = self.bert(input_ids, attention_mask, token_type_ids, states)
        mask = None if attention_mask is None else mask_of(attention_mask, input_ids)
        embedding = self.pooler(x, mask)
        logits = self.classifier(embedding)
        return Outputs(logits, tuple(states or ()), None if labels is None else loss_of(logits, labels), embedding)
