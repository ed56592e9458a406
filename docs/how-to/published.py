"""Write a tiny file in the layout of the published M2-BERT, with random weights, as a stand-in for a download."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

D, INNER, N, WIDTH, VOCABULARY = 16, 32, 24, 8, 101

torch.manual_seed(0)
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
shapes = {
    "bert.embeddings.word_embeddings.weight": (VOCABULARY, D),
    "bert.embeddings.position_embeddings.weight": (N, D),
    "bert.embeddings.token_type_embeddings.weight": (2, D),
    "bert.embeddings.LayerNorm.weight": (D,),
    "bert.embeddings.LayerNorm.bias": (D,),
    "bert.pooler.dense.weight": (D, D),
    "bert.pooler.dense.bias": (D,),
    "classifier.weight": (2, D),
    "classifier.bias": (2,),
}
layer = {
    "attention.in_linear.weight": (3 * D, D),
    "attention.in_linear.bias": (3 * D,),
    "attention.out_linear.weight": (D, D),
    "attention.out_linear.bias": (D,),
    "attention.short_filter.weight": (3 * D, 1, 3),
    "attention.short_filter.bias": (3 * D,),
    "mlp.gated_layers.weight": (4, INNER // 2, D // 4),
    "mlp.wo.weight": (4, D // 4, INNER // 4),
    "mlp.wo.bias": (D,),
    "mlp.layernorm.weight": (D,),
    "mlp.layernorm.bias": (D,),
}
for name in ("filter_fn", "filter_fn2"):
    layer |= {f"attention.{name}.bias": (D,), f"attention.{name}.pos_emb.z": (1, N, 5)}
    for sequence in ("implicit_filter", "implicit_filter_rev"):
        prefix = f"attention.{name}.{sequence}."
        layer |= {f"{prefix}0.weight": (WIDTH, 5), f"{prefix}0.bias": (WIDTH,), f"{prefix}6.weight": (D, WIDTH)}
        layer |= {f"{prefix}{i}.weight": (WIDTH, WIDTH) for i in (2, 4)} | {
            f"{prefix}{i}.bias": (WIDTH,) for i in (2, 4)
        }
shapes |= {f"bert.encoder.layer.{i}.{name}": shape for i in range(2) for name, shape in layer.items()}
weights = {name: 0.3 * torch.randn(shape) for name, shape in shapes.items()}
for i in range(2):
    for name in ("filter_fn", "filter_fn2"):
        prefix = f"bert.encoder.layer.{i}.attention.{name}."
        for sequence in ("implicit_filter", "implicit_filter_rev"):
            weights |= {f"{prefix}{sequence}.{sine}.freq": torch.full((1, WIDTH), 10.0) for sine in (1, 3, 5)}
save_file(weights, folder / "model.safetensors")
config = {
    "vocab_size": VOCABULARY, "hidden_size": D, "num_hidden_layers": 2, "intermediate_size": INNER,
    "max_position_embeddings": N, "long_conv_l_max": N, "use_glu_mlp": True, "use_monarch_mlp": True,
    "monarch_mlp_nblocks": 4, "use_positional_encodings": True, "monarch_mixer_sequence_mixing": True,
    "residual_long_conv": True, "bidirectional": True, "hyena_w": 10, "hyena_emb_dim": 5, "hyena_filter_order": WIDTH,
}  # fmt: skip
(folder / "config.json").write_text(json.dumps(config))
