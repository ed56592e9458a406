"""BERT as Hugging Face publishes it: masked language models and sequence classifiers, the baseline of M2-BERT."""

from __future__ import annotations

from monarch_gpu.configs import BertConfig, Config
from monarch_gpu.convert.bert_parts import HEADS, OUTSIDE, TIED, constants, head_of
from monarch_gpu.convert.layout import Layout, Row, Tensors, Values, expected, joined, number, repeat

__all__ = ["HUGGING_BERT"]

REQUIRED = {
    "hidden_act": ("gelu", "gelu"),
    "position_embedding_type": ("absolute", "absolute"),
    "is_decoder": (False, False),
    "add_cross_attention": (False, False),
}
OURS, BLOCK = "bert.encoder.{layer}.", "bert.encoder.layer.{layer}."
PARTS = ("query", "key", "value")
LAYER = tuple(
    (OURS + ours + part, BLOCK + theirs + part)
    for ours, theirs in (
        ("attention.output_projection.", "attention.output.dense."),
        ("attention_norm.", "attention.output.LayerNorm."),
        ("mlp.input_projection.", "intermediate.dense."),
        ("mlp.output_projection.", "output.dense."),
        ("mlp_norm.", "output.LayerNorm."),
    )
    for part in ("weight", "bias")
) + tuple(
    (f"{OURS}attention.input_projection.{part}", tuple(f"{BLOCK}attention.self.{p}.{part}" for p in PARTS), joined)
    for part in ("weight", "bias")
)


def modern(name: str) -> str:
    """Old files call the weight and bias of a LayerNorm gamma and beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def configure(values: Values, tensors: Tensors) -> Config:
    """The configuration of the transformer here."""
    expected(values, REQUIRED)
    head, labels = head_of(tensors)
    return BertConfig(
        architecture="transformer",
        vocab_size=number(values, "vocab_size", 30522),
        hidden_size=number(values, "hidden_size", 768),
        num_hidden_layers=number(values, "num_hidden_layers", 12),
        num_attention_heads=number(values, "num_attention_heads", 12),
        intermediate_size=number(values, "intermediate_size", 3072),
        max_position_embeddings=number(values, "max_position_embeddings", 512),
        type_vocab_size=number(values, "type_vocab_size", 2),
        layer_norm_eps=number(values, "layer_norm_eps", 1e-12),
        head=head,
        num_labels=labels,
    )


def rows(config: Config) -> list[Row]:
    """Every tensor of ours."""
    assert isinstance(config, BertConfig)
    return [*OUTSIDE, *HEADS[config.head], *repeat(LAYER, layer=config.num_hidden_layers)]


HUGGING_BERT = Layout(
    name="bert",
    recognises=lambda names: "bert.encoder.layer.0.attention.self.query.weight" in names,
    configure=configure,
    rows=rows,
    same=lambda config: TIED,
    constants=constants,
    rename=modern,
)
