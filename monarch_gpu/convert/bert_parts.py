"""What every BERT's file has around its encoder: embeddings, a masked language model's head, or a classifier's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from monarch_gpu.configs import Config
from monarch_gpu.convert.layout import Row, Tensors

__all__ = ["HEADS", "OUTSIDE", "TIED", "constants", "head_of"]

OUTSIDE = tuple(
    Row(name, (name,))
    for name in (
        "bert.embeddings.word_embeddings.weight", "bert.embeddings.position_embeddings.weight",
        "bert.embeddings.token_type_embeddings.weight", "bert.embeddings.LayerNorm.weight",
        "bert.embeddings.LayerNorm.bias",
    )
)  # fmt: skip
MASKED_LM = (
    Row("cls.dense.weight", ("cls.predictions.transform.dense.weight",)),
    Row("cls.dense.bias", ("cls.predictions.transform.dense.bias",)),
    Row("cls.LayerNorm.weight", ("cls.predictions.transform.LayerNorm.weight",)),
    Row("cls.LayerNorm.bias", ("cls.predictions.transform.LayerNorm.bias",)),
    Row("cls.bias", ("cls.predictions.bias",)),
)
CLASSIFICATION = (
    Row("pooler.dense.weight", ("bert.pooler.dense.weight",)),
    Row("pooler.dense.bias", ("bert.pooler.dense.bias",)),
    Row("classifier.weight", ("classifier.weight",)),
    Row("classifier.bias", ("classifier.bias",)),
)
HEADS = {"masked-lm": MASKED_LM, "classification": CLASSIFICATION}
MARKS = {"masked-lm": "cls.predictions.transform.dense.weight", "classification": "classifier.weight"}
TIED: list[tuple[str, ...]] = [
    ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
    ("cls.predictions.bias", "cls.predictions.decoder.bias"),
]


def head_of(tensors: Tensors) -> tuple[str, int]:
    """Which head a file has, and the labels of its classifier, 2 if there is none.

    Raises:
        ValueError: it has none, or both.
    """
    heads = [head for head, name in MARKS.items() if name in tensors]
    if len(heads) != 1:
        raise ValueError(f"head: expected cls.predictions or classifier, got {' and '.join(heads) or 'neither'}")
    classifier = tensors.get("classifier.weight")
    return heads[0], 2 if classifier is None or classifier.ndim == 0 else classifier.shape[0]


def constants(config: Config) -> dict[str, Callable[[Tensor], bool]]:
    """Positions 0, 1, 2, … and token types 0."""
    return {
        "bert.embeddings.position_ids": lambda t: torch.equal(t.reshape(-1), torch.arange(t.numel())),
        "bert.embeddings.token_type_ids": lambda t: not bool(t.any()),
    }
