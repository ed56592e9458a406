"""M2-BERT as published: masked language models of 80 to 341 M, retrieval encoders, sequence classifiers.

One module of sines serves both directions of a filter, so files hold its frequency under several names. Positions `z`
are learned; time `t` and the window's `deltas` are saved beside them. The published code reads padding as text.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

from monarch_gpu.configs import BertConfig, Config
from monarch_gpu.convert.bert_parts import HEADS, OUTSIDE, TIED, constants, head_of
from monarch_gpu.convert.layout import (
    Layout,
    Row,
    Tensors,
    Values,
    expected,
    first,
    flag,
    identity,
    number,
    repeat,
    without_batch,
)

__all__ = ["M2_BERT"]

BLOCK = "bert.encoder.layer.{layer}."
FILTERS = (("long_convolution", "filter_fn"), ("residual_convolution", "filter_fn2"))
HEAD_EPS = 1e-12  # fixed in the published head

# name: (what the models here do, what the published code takes where it is not given)
REQUIRED = {
    "monarch_mixer_sequence_mixing": (True, False),
    "residual_long_conv": (True, False),
    "use_positional_encodings": (True, False),
    "hyena_training_additions": (False, False),
    "attention_pooling": (False, False),
    "use_cls_token": (False, False),
    "sequence_token_planting": (False, False),
    "hidden_act": ("gelu", "gelu"),
    "position_embedding_type": ("absolute", "absolute"),
    "is_decoder": (False, False),
    "use_glu_mlp": (True, True),
    "layer_norm_eps": (HEAD_EPS, HEAD_EPS),
}
KNOWN = {
    "hyena_w", "hyena_w_mod", "hyena_wd", "hyena_emb_dim", "hyena_filter_dropout", "hyena_filter_order",
    "hyena_lr_pos_emb", "hyena_training_additions", "long_conv_l_max", "long_conv_kernel_learning_rate",
    "monarch_mixer_sequence_mixing", "monarch_mlp_nblocks", "use_monarch_mlp", "use_glu_mlp", "use_flash_mm",
    "use_flash_fft", "use_positional_encodings", "use_cls_token", "use_bfloat16", "use_cache", "use_return_dict",
    "use_normalized_embeddings", "use_learnable_monarch",
}  # fmt: skip
OURS_TO_KNOW = ("hyena_", "long_conv_", "monarch_", "use_")


def taps(weight: Tensor) -> Tensor:
    """(channels, 1, taps), the oldest first, → (taps, channels), the newest first."""
    return weight.squeeze(1).t().flip(0)


def blocks(weight: Tensor) -> Tensor:
    """Blocks (k, q, p) as they are; a dense matrix is one block."""
    return weight if weight.ndim == 3 else weight[None]


def magnitude(deltas: Tensor) -> Tensor:
    """(1, 1, channels) of either sign → decay (channels,)."""
    return first(deltas).abs()


LAYER = (
    ("bert.encoder.{layer}.sequence_mixer.input_projection.weight", BLOCK + "attention.in_linear.weight"),
    ("bert.encoder.{layer}.sequence_mixer.input_projection.bias", BLOCK + "attention.in_linear.bias"),
    ("bert.encoder.{layer}.sequence_mixer.output_projection.weight", BLOCK + "attention.out_linear.weight"),
    ("bert.encoder.{layer}.sequence_mixer.output_projection.bias", BLOCK + "attention.out_linear.bias"),
    ("bert.encoder.{layer}.sequence_mixer.short_convolution.weight", BLOCK + "attention.short_filter.weight", taps),
    ("bert.encoder.{layer}.sequence_mixer.short_convolution.bias", BLOCK + "attention.short_filter.bias"),
    ("bert.encoder.{layer}.dimension_mixer.input_projection.weight", BLOCK + "mlp.gated_layers.weight", blocks),
    ("bert.encoder.{layer}.dimension_mixer.output_projection.weight", BLOCK + "mlp.wo.weight", blocks),
    ("bert.encoder.{layer}.dimension_mixer.output_projection.bias", BLOCK + "mlp.wo.bias"),
    ("bert.encoder.{layer}.LayerNorm.weight", BLOCK + "mlp.layernorm.weight"),
    ("bert.encoder.{layer}.LayerNorm.bias", BLOCK + "mlp.layernorm.bias"),
)


def filter_table(ours: str, theirs: str, inner: int, reverse: bool) -> list[tuple[object, ...]]:
    """The rows of one long convolution; `implicit_filter` is Linear, sine, Linear, sine, …, Linear."""
    table: list[tuple[object, ...]] = [
        (f"{ours}skip", f"{theirs}bias"),
        (f"{ours}filter.frequency", f"{theirs}implicit_filter.1.freq", without_batch),
        (f"{ours}filter.features", f"{theirs}pos_emb.z", without_batch),
        (f"{ours}filter.time", f"{theirs}pos_emb.t", first),
        (f"{ours}filter.decay", f"{theirs}modulation.deltas", magnitude),
    ]
    for place, sequence in (("", "implicit_filter"), ("reverse.", "implicit_filter_rev"))[: 2 if reverse else 1]:
        for index in range(inner + 1):
            for part in ("weight", "bias"):
                table.append(
                    (f"{ours}filter.{place}layers.{index}.{part}", f"{theirs}{sequence}.{2 * index}.{part}", identity)
                )
        table.append((f"{ours}filter.{place}output.weight", f"{theirs}{sequence}.{2 * inner + 2}.weight"))
    return table


def configure(values: Values, tensors: Tensors) -> Config:
    """The configuration, with sizes from it and what only the file knows from the tensors."""
    expected(values, REQUIRED)
    for name in sorted(values):
        if name.startswith(OURS_TO_KNOW) and name not in KNOWN:
            raise ValueError(f"{name}: expected no such entry, which may change what the model computes")
    longest = number(values, "max_position_embeddings", 512)
    if number(values, "long_conv_l_max") != longest:
        raise ValueError(
            f"long_conv_l_max: expected max_position_embeddings, {longest}, got {values['long_conv_l_max']}"
        )
    if number(values, "hyena_w_mod", 1) != 1:
        raise ValueError(f"hyena_w_mod: expected 1, got {values['hyena_w_mod']}")
    head, labels = head_of(tensors)
    return BertConfig(
        vocab_size=padded_vocabulary(values, tensors),
        hidden_size=number(values, "hidden_size", 768),
        num_hidden_layers=number(values, "num_hidden_layers", 12),
        intermediate_size=number(values, "intermediate_size", 3072),
        max_position_embeddings=longest,
        type_vocab_size=number(values, "type_vocab_size", 2),
        blocks=number(values, "monarch_mlp_nblocks", 4) if flag(values, "use_monarch_mlp", False) else 1,
        bidirectional=flag(values, "bidirectional", True),
        filter_width=number(values, "hyena_filter_order", 64),
        filter_features=number(values, "hyena_emb_dim"),
        filter_inner_layers=inner_layers(tensors, f"{BLOCK.format(layer=0)}attention.filter_fn.implicit_filter"),
        filter_frequency=float(number(values, "hyena_w")),
        filter_positions="learned",
        num_attention_heads=1,
        head=head,
        num_labels=labels,
        pooling="mean" if flag(values, "pool_all", False) else "first",
        padding="unmasked",
    )


def padded_vocabulary(values: Values, tensors: Tensors) -> int:
    """The vocabulary; the published code makes it a multiple of 8, 30522 is 30528, and may not say so."""
    stated = number(values, "vocab_size", 30522)
    table = tensors.get("bert.embeddings.word_embeddings.weight", tensors.get("cls.predictions.decoder.weight"))
    held = stated if table is None or table.ndim != 2 else table.shape[0]
    return held if held == stated + -stated % 8 else stated


def inner_layers(tensors: Tensors, sequence: str) -> int:
    """Hidden-to-hidden layers of a filter's MLP: Linears are 0, 2, …, and only the last has no bias."""
    count = 0
    while f"{sequence}.{2 * count}.bias" in tensors:
        count += 1
    if count == 0:
        raise ValueError(f"{sequence}.0.bias is missing")
    return count - 1


def rows(config: Config) -> list[Row]:
    """Every tensor of ours."""
    assert isinstance(config, BertConfig)
    table = list(LAYER)
    for ours, theirs in FILTERS:
        here, there = f"bert.encoder.{{layer}}.sequence_mixer.{ours}.", f"{BLOCK}attention.{theirs}."
        table += filter_table(here, there, config.filter_inner_layers, config.bidirectional)  # type: ignore[arg-type]
    return [*OUTSIDE, *HEADS[config.head], *repeat(tuple(table), layer=config.num_hidden_layers)]


def same(config: Config) -> list[tuple[str, ...]]:
    """One frequency for all sines of a filter, in both directions; the output matrix is the embedding."""
    sequences = ("implicit_filter", "implicit_filter_rev")[: 2 if config.bidirectional else 1]
    sines = [f"{s}.{2 * i + 1}.freq" for s in sequences for i in range(config.filter_inner_layers + 1)]
    prefixes = [
        f"{BLOCK.format(layer=layer)}attention.{theirs}."
        for layer in range(config.num_hidden_layers)
        for _, theirs in FILTERS
    ]
    return TIED + [tuple(prefix + sine for sine in sines) for prefix in prefixes]


def absent(config: Config) -> dict[str, Callable[[], Tensor]]:
    """What longer versions of the published files leave out: time and window, computed in float32 as there."""
    n, d = config.max_position_embeddings, config.hidden_size
    made: dict[str, Callable[[], Tensor]] = {}
    for layer in range(config.num_hidden_layers):
        for _, theirs in FILTERS:
            prefix = f"{BLOCK.format(layer=layer)}attention.{theirs}."
            made[f"{prefix}pos_emb.t"] = lambda: torch.linspace(0, 1, n)[None, :, None]
            made[f"{prefix}modulation.deltas"] = lambda: torch.linspace(log(0.01) / 1.5, log(0.01) / 0.3, d)[None, None]
    return made


M2_BERT = Layout(
    name="m2-bert",
    recognises=lambda names: "bert.encoder.layer.0.attention.in_linear.weight" in names,
    configure=configure,
    rows=rows,
    same=same,
    constants=constants,
    absent=absent,
)
