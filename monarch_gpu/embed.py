"""Vectors of texts: one for each, from the pooler of a classifier or retrieval encoder, or from its last states.

Published M2-BERT weights are trained on text padded to full length, so a model with `padding="unmasked"` is given that.
All others are padded to the longest text of the batch; what the padding is makes no difference there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from monarch_gpu.bert import BertForMaskedLM, BertForSequenceClassification
from monarch_gpu.device import device_of, moved
from monarch_gpu.layers import hide, kept_kernels

__all__ = ["READINGS", "embed"]

READINGS = ("pooler", "mean", "first")
Encoder = BertForMaskedLM | BertForSequenceClassification


def embed(
    model: Encoder,
    texts: Sequence[Sequence[int]],
    *,
    reading: str = "pooler",
    batch: int = 32,
    normalised: bool = False,
    pad: int = 0,
) -> Iterator[Tensor]:
    """The vector (d,) of each text, given by its token ids, in order, float32 or better, on the processor.

    Args:
        reading: `pooler`, or the `mean` of the last states of a text's tokens, or the state of its `first` token.
        batch: texts at once.
        normalised: divide each by its Euclidean norm.
        pad: the token to pad with.

    Raises:
        ValueError: a text is empty or too long, or the model has no pooler; before any vector is given.

    >>> from dataclasses import replace
    >>> from monarch_gpu.configs import preset
    >>> model = BertForSequenceClassification(replace(preset("bert", "tiny"), head="classification"))
    >>> [vector.shape for vector in embed(model, [[1, 2, 3], [4]])]
    [torch.Size([128]), torch.Size([128])]
    """
    longest = model.config.max_position_embeddings
    if reading not in READINGS:
        raise ValueError(f"reading: expected one of {', '.join(READINGS)}, got {reading!r}")
    if reading == "pooler" and not isinstance(model, BertForSequenceClassification):
        raise ValueError("reading: expected mean or first for a model without a pooler, got pooler")
    if batch < 1:
        raise ValueError(f"batch: expected at least 1, got {batch}")
    for number, text in enumerate(texts, start=1):
        if not 1 <= len(text) <= longest:
            raise ValueError(f"text {number}: expected 1 to {longest} tokens, got {len(text)}")
        if not all(0 <= token < model.config.vocab_size for token in text):
            raise ValueError(f"text {number}: expected tokens 0 to {model.config.vocab_size - 1}, got another")
    return with_kernels(model, vectors(model.eval(), texts, reading, batch, normalised, pad))


def with_kernels(model: Encoder, found: Iterator[Tensor]) -> Iterator[Tensor]:
    """What is found while the model keeps its kernels, which batches of one length share."""
    with kept_kernels(model):
        yield from found


def vectors(
    model: Encoder, texts: Sequence[Sequence[int]], reading: str, batch: int, normalised: bool, pad: int
) -> Iterator[Tensor]:
    """The vectors themselves; `embed` has looked at the arguments before the first is asked for."""
    device = device_of(model)
    unmasked = model.config.architecture == "monarch-mixer" and model.config.padding == "unmasked"
    for start in range(0, len(texts), batch):
        some = texts[start : start + batch]
        length = model.config.max_position_embeddings if unmasked else max(map(len, some))
        ids = torch.tensor([[*text, *[pad] * (length - len(text))] for text in some])
        mask = torch.arange(length) < torch.tensor([len(text) for text in some])[:, None]  # (batch, n)
        ids, mask = moved([ids, mask], device)
        with torch.no_grad():
            found = read(model, ids, mask, reading)
        found = found.to("cpu", torch.promote_types(found.dtype, torch.float32))
        yield from normalize(found, dim=-1) if normalised else found


def read(model: Encoder, ids: Tensor, mask: Tensor, reading: str) -> Tensor:
    """(batch, d)."""
    if reading == "pooler" and isinstance(model, BertForSequenceClassification):
        return model.embed(ids, mask)
    states = model.bert(ids, mask)
    if reading == "first":
        return states[:, 0]
    return hide(states, mask).sum(1) / mask.sum(1, keepdim=True).to(states.dtype)
