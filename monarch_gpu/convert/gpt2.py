"""GPT-2 as Hugging Face publishes it, the baseline of M2-GPT. Its matrices are stored inputs first."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from monarch_gpu.configs import Config, GPTConfig
from monarch_gpu.convert.layout import Layout, Row, Tensors, Values, expected, identity, number, repeat, transposed

__all__ = ["GPT2"]

REQUIRED = {
    "activation_function": ("gelu_new", "gelu_new"),
    "scale_attn_weights": (True, True),
    "scale_attn_by_inverse_layer_idx": (False, False),
    "reorder_and_upcast_attn": (False, False),
    "add_cross_attention": (False, False),
    "tie_word_embeddings": (True, True),
}
BLOCK = "transformer.h.{layer}."
OUTSIDE = tuple(
    Row(f"transformer.{name}", (f"transformer.{name}",))
    for name in ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias")
)
LAYER = tuple(
    (f"{BLOCK}{ours}.{part}", f"{BLOCK}{theirs}.{part}", make if part == "weight" else identity)
    for ours, theirs, make in (
        ("ln_1", "ln_1", identity),
        ("ln_2", "ln_2", identity),
        ("sequence_mixer.input_projection", "attn.c_attn", transposed),
        ("sequence_mixer.output_projection", "attn.c_proj", transposed),
        ("dimension_mixer.input_projection", "mlp.c_fc", transposed),
        ("dimension_mixer.output_projection", "mlp.c_proj", transposed),
    )
    for part in ("weight", "bias")
)


def configure(values: Values, tensors: Tensors) -> Config:
    """The configuration of the transformer here."""
    expected(values, REQUIRED)
    width = number(values, "n_embd", 768)
    inner = values.get("n_inner")
    return GPTConfig(
        architecture="transformer",
        vocab_size=number(values, "vocab_size", 50257),
        hidden_size=width,
        num_hidden_layers=number(values, "n_layer", 12),
        num_attention_heads=number(values, "n_head", 12),
        intermediate_size=4 * width if inner is None else inner,
        max_position_embeddings=number(values, "n_positions", 1024),
        layer_norm_eps=number(values, "layer_norm_epsilon", 1e-5),
        activation="gelu-tanh",
    )


def rows(config: Config) -> list[Row]:
    """Every tensor of ours."""
    return [*OUTSIDE, *repeat(LAYER, layer=config.num_hidden_layers)]


def constants(config: Config) -> dict[str, Callable[[Tensor], bool]]:
    """The causal mask, and the number put where it is false."""

    def causal(mask: Tensor) -> bool:
        return torch.equal(mask.bool(), torch.ones_like(mask, dtype=torch.bool).tril())

    made: dict[str, Callable[[Tensor], bool]] = {}
    for layer in range(config.num_hidden_layers):
        made[f"transformer.h.{layer}.attn.bias"] = causal
        made[f"transformer.h.{layer}.attn.masked_bias"] = lambda value: bool((value < -1000).all())
    return made


def rooted(name: str) -> str:
    """Files of the model without its head leave `transformer.` out."""
    return name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"


GPT2 = Layout(
    name="gpt2",
    recognises=lambda names: bool({"h.0.attn.c_attn.weight", "transformer.h.0.attn.c_attn.weight"} & names),
    configure=configure,
    rows=rows,
    same=lambda config: [("transformer.wte.weight", "lm_head.weight")],
    constants=constants,
    rename=rooted,
)
