"""ViT as Hugging Face publishes it: image classifiers, the baseline of M2-ViT."""

from __future__ import annotations

from monarch_gpu.configs import Config, ViTConfig
from monarch_gpu.convert.layout import Layout, Row, Tensors, Values, expected, joined, number, repeat

__all__ = ["VIT"]

REQUIRED = {"hidden_act": ("gelu", "gelu"), "qkv_bias": (True, True)}
OURS, BLOCK = "vit.encoder.{layer}.", "vit.encoder.layer.{layer}."
PARTS = ("query", "key", "value")
OUTSIDE = tuple(
    Row(ours, (theirs,))
    for ours, theirs in (
        ("vit.cls_token", "vit.embeddings.cls_token"),
        ("vit.position_embeddings", "vit.embeddings.position_embeddings"),
        ("vit.patch_embeddings.weight", "vit.embeddings.patch_embeddings.projection.weight"),
        ("vit.patch_embeddings.bias", "vit.embeddings.patch_embeddings.projection.bias"),
        ("vit.layernorm.weight", "vit.layernorm.weight"),
        ("vit.layernorm.bias", "vit.layernorm.bias"),
        ("classifier.weight", "classifier.weight"),
        ("classifier.bias", "classifier.bias"),
    )
)
LAYER = tuple(
    (OURS + ours + part, BLOCK + theirs + part)
    for ours, theirs in (
        ("layernorm_before.", "layernorm_before."),
        ("layernorm_after.", "layernorm_after."),
        ("sequence_mixer.output_projection.", "attention.output.dense."),
        ("dimension_mixer.input_projection.", "intermediate.dense."),
        ("dimension_mixer.output_projection.", "output.dense."),
    )
    for part in ("weight", "bias")
) + tuple(
    (f"{OURS}sequence_mixer.input_projection.{part}",
     tuple(f"{BLOCK}attention.attention.{p}.{part}" for p in PARTS), joined)
    for part in ("weight", "bias")
)  # fmt: skip


def configure(values: Values, tensors: Tensors) -> Config:
    """The configuration of the transformer here."""
    expected(values, REQUIRED)
    classifier = tensors.get("classifier.weight")
    if classifier is None or classifier.ndim != 2:
        raise ValueError("head: expected a classifier, got none")
    image, patch = number(values, "image_size", 224), number(values, "patch_size", 16)
    return ViTConfig(
        architecture="transformer",
        image_size=image,
        patch_size=patch,
        num_channels=number(values, "num_channels", 3),
        num_labels=classifier.shape[0],
        max_position_embeddings=(image // max(patch, 1)) ** 2 if isinstance(image, int) else 1,
        hidden_size=number(values, "hidden_size", 768),
        num_hidden_layers=number(values, "num_hidden_layers", 12),
        num_attention_heads=number(values, "num_attention_heads", 12),
        intermediate_size=number(values, "intermediate_size", 3072),
        layer_norm_eps=number(values, "layer_norm_eps", 1e-12),
    )


def rows(config: Config) -> list[Row]:
    """Every tensor of ours."""
    return [*OUTSIDE, *repeat(LAYER, layer=config.num_hidden_layers)]


VIT = Layout(
    name="vit",
    recognises=lambda names: "vit.encoder.layer.0.attention.attention.query.weight" in names,
    configure=configure,
    rows=rows,
)
