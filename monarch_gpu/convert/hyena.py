"""Hyena and HyenaDNA language models of order 2: M2-GPT with one block, a dense MLP, and a window that is shifted."""

from __future__ import annotations

import torch
from torch import Tensor

from monarch_gpu.configs import Config, GPTConfig
from monarch_gpu.convert.layout import Layout, Row, Tensors, Values, expected, number, repeat
from monarch_gpu.convert.m2_bert import blocks, filter_table, inner_layers, taps

__all__ = ["HYENA"]

REQUIRED = {"attn_layer_idx": (None, None), "max_position_embeddings": (0, 0), "tie_word_embeddings": (True, True)}
LAYER_REQUIRED = {
    "order": (2, 2), "hyena_order": (2, 2), "modulate": (True, True), "normalized": (False, False),
    "bias": (True, True), "use_bias": (True, True), "local_order": (3, 3), "short_filter_order": (3, 3),
    "num_heads": (1, 1), "num_blocks": (1, 1), "inner_factor": (1, 1), "outer_mixing": (False, False),
    "linear_mixer": (False, False), "post_order_ffn": (False, False), "w_mod": (1, 1),
}  # fmt: skip
SHIFT = 0.05  # where the configuration does not say
OURS, THEIRS = "transformer.h.{layer}.", "backbone.layers.{layer}."
FILTER = "mixer.filter_fn."
OUTSIDE = (
    Row("transformer.wte.weight", ("backbone.embeddings.word_embeddings.weight",)),
    Row("transformer.ln_f.weight", ("backbone.ln_f.weight",)),
    Row("transformer.ln_f.bias", ("backbone.ln_f.bias",)),
)


def gates(tensor: Tensor) -> Tensor:
    """The published order is gate after, gate before, value; here the gate before comes first."""
    after, before, value = tensor.chunk(3)
    return torch.cat([before, after, value])


def gated_taps(weight: Tensor) -> Tensor:
    """(3 d, 1, taps) → (taps, 3 d), in the order of the gates here."""
    return taps(gates(weight))


LAYER = (
    (f"{OURS}ln_1.weight", f"{THEIRS}norm1.weight"),
    (f"{OURS}ln_1.bias", f"{THEIRS}norm1.bias"),
    (f"{OURS}ln_2.weight", f"{THEIRS}norm2.weight"),
    (f"{OURS}ln_2.bias", f"{THEIRS}norm2.bias"),
    (f"{OURS}sequence_mixer.input_projection.weight", f"{THEIRS}mixer.in_proj.weight", gates),
    (f"{OURS}sequence_mixer.input_projection.bias", f"{THEIRS}mixer.in_proj.bias", gates),
    (f"{OURS}sequence_mixer.short_convolution.weight", f"{THEIRS}mixer.short_filter.weight", gated_taps),
    (f"{OURS}sequence_mixer.short_convolution.bias", f"{THEIRS}mixer.short_filter.bias", gates),
    (f"{OURS}sequence_mixer.output_projection.weight", f"{THEIRS}mixer.out_proj.weight"),
    (f"{OURS}sequence_mixer.output_projection.bias", f"{THEIRS}mixer.out_proj.bias"),
    (f"{OURS}dimension_mixer.input_projection.weight", f"{THEIRS}mlp.fc1.weight", blocks),
    (f"{OURS}dimension_mixer.input_projection.bias", f"{THEIRS}mlp.fc1.bias"),
    (f"{OURS}dimension_mixer.output_projection.weight", f"{THEIRS}mlp.fc2.weight", blocks),
    (f"{OURS}dimension_mixer.output_projection.bias", f"{THEIRS}mlp.fc2.bias"),
)


def configure(values: Values, tensors: Tensors) -> Config:
    """The configuration; a standalone one has a `layer`, that of Hugging Face is flat."""
    layer = values.get("layer", values)
    if not isinstance(layer, dict):
        raise ValueError(f"layer: expected an object, got {layer!r}")
    expected({**values, "attn_layer_idx": values.get("attn_layer_idx") or None}, REQUIRED)
    expected(layer, LAYER_REQUIRED)
    width = number(values, "d_model")
    inner = values.get("d_inner")
    table = tensors.get("backbone.embeddings.word_embeddings.weight")
    return GPTConfig(
        vocab_size=number(values, "vocab_size") if table is None or table.ndim != 2 else padded(values, table.shape[0]),
        hidden_size=width,
        num_hidden_layers=number(values, "n_layer"),
        intermediate_size=4 * width if inner is None else inner,
        max_position_embeddings=number(layer, "l_max" if "l_max" in layer else "max_seq_len"),
        layer_norm_eps=number(values, "layer_norm_epsilon", 1e-5),
        blocks=1,
        gated=False,
        activation="gelu-tanh",
        num_attention_heads=1,
        filter_width=number(layer, "filter_order", 64),
        filter_features=number(layer, "emb_dim", 3),
        filter_inner_layers=inner_layers(tensors, f"{THEIRS.format(layer=0)}{FILTER}implicit_filter"),
        filter_frequency=float(number(layer, "w" if "w" in layer else "activation_freq", 1)),
        filter_positions="learned",
        filter_shift=float(number(layer, "shift", SHIFT)),
    )


def padded(values: Values, held: int) -> int:
    """The vocabulary; the published code makes it a multiple of a number that the configuration gives."""
    stated, multiple = number(values, "vocab_size"), number(values, "pad_vocab_size_multiple", 8)
    return held if isinstance(multiple, int) and multiple > 0 and held == stated + -stated % multiple else stated


def rows(config: Config) -> list[Row]:
    """Every tensor of ours."""
    convolution = filter_table(
        f"{OURS}sequence_mixer.long_convolution.", f"{THEIRS}{FILTER}", config.filter_inner_layers, reverse=False
    )
    return [*OUTSIDE, *repeat((*LAYER, *convolution), layer=config.num_hidden_layers)]


def same(config: Config) -> list[tuple[str, ...]]:
    """One frequency for all sines of a filter; the output matrix is the embedding."""
    prefixes = [f"{THEIRS.format(layer=layer)}{FILTER}" for layer in range(config.num_hidden_layers)]
    sines = [f"implicit_filter.{2 * index + 1}.freq" for index in range(config.filter_inner_layers + 1)]
    tied = ("backbone.embeddings.word_embeddings.weight", "lm_head.weight")
    return [tied, *(tuple(prefix + sine for sine in sines) for prefix in prefixes)]


def rooted(name: str) -> str:
    """Hugging Face's files put `hyena.` before all but the head."""
    return name.removeprefix("hyena.")


HYENA = Layout(
    name="hyena",
    recognises=lambda names: any(n.removeprefix("hyena.") == "backbone.layers.0.mixer.in_proj.weight" for n in names),
    configure=configure,
    rows=rows,
    same=same,
    rename=rooted,
)
