"""Hyena, and Hugging Face's BERT, GPT-2 and ViT: random weights under published names, mathematics in plain torch."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import gelu, layer_norm, linear

from monarch_gpu.convert import LAYOUTS, convert, convert_tensors
from monarch_gpu.decode import Decoder

D, INNER, LAYERS, N, HEADS, VOCABULARY, WIDTH = 8, 24, 2, 9, 2, 21, 6
CLOSE = 1e-12


class Random(dict):
    """Weights by name, made as they are asked for."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(7)

    def add(self, name, *shape, scale=0.4, around=0.0):
        self[name] = around + scale * torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def affine(self, prefix, outputs, inputs, transposed=False):
        self.add(f"{prefix}.weight", *((inputs, outputs) if transposed else (outputs, inputs)))
        self.add(f"{prefix}.bias", outputs)

    def norm(self, prefix):
        self.add(f"{prefix}.weight", D, around=1.0)
        self.add(f"{prefix}.bias", D)


def apply(w, prefix, x):
    return linear(x, w[f"{prefix}.weight"], w[f"{prefix}.bias"])


def norm(w, prefix, x, eps):
    return layer_norm(x, (D,), w[f"{prefix}.weight"], w[f"{prefix}.bias"], eps)


def attention(q, k, v, causal):
    """Softmax attention, head by head."""
    out = []
    for query, key, value in zip(q.chunk(HEADS, -1), k.chunk(HEADS, -1), v.chunk(HEADS, -1), strict=True):
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[1:]).triu(1).bool(), float("-inf"))
        out.append(scores.softmax(-1) @ value)
    return torch.cat(out, -1)


def bert_weights(head="masked-lm", old=False):
    w = Random()
    for name, rows in (("word", VOCABULARY), ("position", N), ("token_type", 2)):
        w.add(f"bert.embeddings.{name}_embeddings.weight", rows, D)
    w.norm("bert.embeddings.LayerNorm")
    for i in range(LAYERS):
        p = f"bert.encoder.layer.{i}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            w.affine(p + name, D, D)
        w.norm(f"{p}attention.output.LayerNorm")
        w.affine(f"{p}intermediate.dense", INNER, D)
        w.affine(f"{p}output.dense", D, INNER)
        w.norm(f"{p}output.LayerNorm")
    if head == "masked-lm":
        w.affine("cls.predictions.transform.dense", D, D)
        w.norm("cls.predictions.transform.LayerNorm")
        w.add("cls.predictions.bias", VOCABULARY)
    else:
        w.affine("bert.pooler.dense", D, D)
        w.affine("classifier", 3, D)
    return {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
            for n, t in w.items()} if old else dict(w)  # fmt: skip


def bert(w, ids, eps=1e-6):
    e = "bert.embeddings."
    x = w[f"{e}word_embeddings.weight"][ids] + w[f"{e}token_type_embeddings.weight"][0]
    x = norm(w, f"{e}LayerNorm", x + w[f"{e}position_embeddings.weight"][: ids.shape[1]], eps)
    for i in range(LAYERS):
        p = f"bert.encoder.layer.{i}."
        mixed = attention(*(apply(w, f"{p}attention.self.{part}", x) for part in ("query", "key", "value")), False)
        x = norm(w, f"{p}attention.output.LayerNorm", x + apply(w, f"{p}attention.output.dense", mixed), eps)
        mixed = apply(w, f"{p}output.dense", gelu(apply(w, f"{p}intermediate.dense", x)))
        x = norm(w, f"{p}output.LayerNorm", x + mixed, eps)
    if "classifier.weight" in w:
        return apply(w, "classifier", torch.tanh(apply(w, "bert.pooler.dense", x[:, 0])))
    t = "cls.predictions.transform."
    x = norm(w, f"{t}LayerNorm", gelu(apply(w, f"{t}dense", x)), eps)
    return x @ w[f"{e}word_embeddings.weight"].T + w["cls.predictions.bias"]


BERT = {
    "hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
    "vocab_size": VOCABULARY, "max_position_embeddings": N, "type_vocab_size": 2, "layer_norm_eps": 1e-6,
}  # fmt: skip


def gpt2_weights():
    w = Random()
    w.add("transformer.wte.weight", VOCABULARY, D)
    w.add("transformer.wpe.weight", N, D)
    for i in range(LAYERS):
        p = f"transformer.h.{i}."
        w.norm(f"{p}ln_1")
        w.norm(f"{p}ln_2")
        for name, outputs, inputs in (("attn.c_attn", 3 * D, D), ("attn.c_proj", D, D)):
            w.affine(p + name, outputs, inputs, transposed=True)
        w.affine(f"{p}mlp.c_fc", INNER, D, transposed=True)
        w.affine(f"{p}mlp.c_proj", D, INNER, transposed=True)
        w[f"{p}attn.bias"] = torch.ones(1, 1, N, N).tril().to(torch.uint8)
        w[f"{p}attn.masked_bias"] = torch.tensor(-1e4)
    w.norm("transformer.ln_f")
    return dict(w)


def gpt2(w, ids, eps=1e-5):
    def conv1d(prefix, x):
        return x @ w[f"{prefix}.weight"] + w[f"{prefix}.bias"]

    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][: ids.shape[1]]
    for i in range(LAYERS):
        p = f"transformer.h.{i}."
        mixed = attention(*conv1d(f"{p}attn.c_attn", norm(w, f"{p}ln_1", x, eps)).chunk(3, -1), True)
        x = x + conv1d(f"{p}attn.c_proj", mixed)
        h = conv1d(f"{p}mlp.c_fc", norm(w, f"{p}ln_2", x, eps))
        h = 0.5 * h * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3)))
        x = x + conv1d(f"{p}mlp.c_proj", h)
    return norm(w, "transformer.ln_f", x, eps) @ w["transformer.wte.weight"].T


GPT2 = {
    "n_embd": D, "n_layer": LAYERS, "n_head": HEADS, "n_inner": INNER, "n_positions": N, "vocab_size": VOCABULARY,
    "activation_function": "gelu_new",
}  # fmt: skip


def vit_weights():
    w = Random()
    w.add("vit.embeddings.cls_token", 1, 1, D)
    w.add("vit.embeddings.position_embeddings", 1, 10, D)
    w.add("vit.embeddings.patch_embeddings.projection.weight", D, 3, 2, 2)
    w.add("vit.embeddings.patch_embeddings.projection.bias", D)
    for i in range(LAYERS):
        p = f"vit.encoder.layer.{i}."
        for part in ("query", "key", "value"):
            w.affine(f"{p}attention.attention.{part}", D, D)
        w.affine(f"{p}attention.output.dense", D, D)
        w.affine(f"{p}intermediate.dense", INNER, D)
        w.affine(f"{p}output.dense", D, INNER)
        w.norm(f"{p}layernorm_before")
        w.norm(f"{p}layernorm_after")
    w.norm("vit.layernorm")
    w.affine("classifier", 5, D)
    return dict(w)


def vit(w, images, eps=1e-12):
    e = "vit.embeddings."
    patches = images.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
    x = patches @ w[f"{e}patch_embeddings.projection.weight"].flatten(1).T + w[f"{e}patch_embeddings.projection.bias"]
    x = torch.cat([w[f"{e}cls_token"].expand(len(x), 1, D), x], 1) + w[f"{e}position_embeddings"]
    for i in range(LAYERS):
        p = f"vit.encoder.layer.{i}."
        h = norm(w, f"{p}layernorm_before", x, eps)
        mixed = attention(*(apply(w, f"{p}attention.attention.{part}", h) for part in ("query", "key", "value")), False)
        x = x + apply(w, f"{p}attention.output.dense", mixed)
        h = norm(w, f"{p}layernorm_after", x, eps)
        x = x + apply(w, f"{p}output.dense", gelu(apply(w, f"{p}intermediate.dense", h)))
    return apply(w, "classifier", norm(w, "vit.layernorm", x, eps)[:, 0])


VIT = {
    "hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
    "image_size": 6, "patch_size": 2, "num_channels": 3, "hidden_act": "gelu", "qkv_bias": True,
}  # fmt: skip


def hyena_weights():
    w = Random()
    w.add("backbone.embeddings.word_embeddings.weight", VOCABULARY, D)
    for i in range(LAYERS):
        p = f"backbone.layers.{i}."
        f = f"{p}mixer.filter_fn."
        w.affine(f"{p}mixer.in_proj", 3 * D, D)
        w.affine(f"{p}mixer.out_proj", D, D)
        w.add(f"{p}mixer.short_filter.weight", 3 * D, 1, 3)
        w.add(f"{p}mixer.short_filter.bias", 3 * D)
        w.add(f"{f}bias", D)
        w.add(f"{f}pos_emb.z", 1, N, 5)
        w[f"{f}pos_emb.t"] = torch.linspace(0, 1, N, dtype=torch.float64)[None, :, None]
        w[f"{f}modulation.deltas"] = -torch.linspace(1, 9, D, dtype=torch.float64)[None, None]
        frequency = 4 + torch.rand(1, WIDTH, generator=w.generator, dtype=torch.float64)
        for index, inputs in ((0, 5), (2, WIDTH), (4, WIDTH)):
            w.affine(f"{f}implicit_filter.{index}", WIDTH, inputs)
            w[f"{f}implicit_filter.{index + 1}.freq"] = frequency.clone()
        w.add(f"{f}implicit_filter.6.weight", D, WIDTH)
        w.affine(f"{p}mlp.fc1", INNER, D)
        w.affine(f"{p}mlp.fc2", D, INNER)
        w.norm(f"{p}norm1")
        w.norm(f"{p}norm2")
    w.norm("backbone.ln_f")
    w["lm_head.weight"] = w["backbone.embeddings.word_embeddings.weight"].clone()
    return dict(w)


def hyena(w, ids, eps=1e-5):
    n = ids.shape[1]
    x = w["backbone.embeddings.word_embeddings.weight"][ids]
    lag = torch.arange(n)[:, None] - torch.arange(n)
    for i in range(LAYERS):
        p, f = f"backbone.layers.{i}.", f"backbone.layers.{i}.mixer.filter_fn."
        u = apply(w, f"{p}mixer.in_proj", norm(w, f"{p}norm1", x, eps))
        short = w[f"{p}mixer.short_filter.bias"].expand_as(u).clone()
        for back in range(3):
            short[:, back:] += w[f"{p}mixer.short_filter.weight"][:, 0, 2 - back] * u[:, : n - back]
        after, before, value = short.chunk(3, -1)
        h = w[f"{f}pos_emb.z"][0, :n]
        for index in (0, 2, 4):
            h = torch.sin(w[f"{f}implicit_filter.1.freq"][0] * apply(w, f"{f}implicit_filter.{index}", h))
        window = torch.exp(-w[f"{f}pos_emb.t"][0, :n] * w[f"{f}modulation.deltas"][0, 0].abs()) + 0.05
        taps = h @ w[f"{f}implicit_filter.6.weight"].T * window
        matrix = torch.where((lag >= 0)[..., None], taps[lag.clamp(min=0)], 0.0)
        v = before * value
        y = after * (torch.einsum("ijd,bjd->bid", matrix, v) + w[f"{f}bias"] * v)
        x = x + apply(w, f"{p}mixer.out_proj", y)
        h = apply(w, f"{p}mlp.fc1", norm(w, f"{p}norm2", x, eps))
        h = 0.5 * h * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3)))
        x = x + apply(w, f"{p}mlp.fc2", h)
    return norm(w, "backbone.ln_f", x, eps) @ w["backbone.embeddings.word_embeddings.weight"].T


HYENA = {
    "d_model": D, "n_layer": LAYERS, "d_inner": INNER, "vocab_size": VOCABULARY, "pad_vocab_size_multiple": 1,
    "layer": {"_name_": "hyena", "emb_dim": 5, "filter_order": WIDTH, "local_order": 3, "l_max": N, "modulate": True,
              "w": 4, "lr": 6e-4, "wd": 0.0, "lr_pos_emb": 0.0},
}  # fmt: skip
FLAT = {
    "d_model": D, "n_layer": LAYERS, "d_inner": INNER, "vocab_size": VOCABULARY, "pad_vocab_size_multiple": 1,
    "emb_dim": 5, "filter_order": WIDTH, "short_filter_order": 3, "max_seq_len": N, "activation_freq": 4,
    "hyena_order": 2, "use_bias": True, "num_inner_mlps": 2,
}  # fmt: skip

MODELS = {
    "bert": (bert_weights, bert, BERT),
    "bert classifier": (lambda: bert_weights("classification"), bert, BERT),
    "gpt2": (gpt2_weights, gpt2, GPT2),
    "vit": (vit_weights, vit, VIT),
    "hyena": (hyena_weights, hyena, HYENA),
}


def input_of(name, n=N):
    generator = torch.Generator().manual_seed(1)
    if name == "vit":
        return torch.rand(3, 3, 6, 6, generator=generator, dtype=torch.float64)
    return torch.randint(VOCABULARY, (3, n), generator=generator)


def differs(name, w, config=None):
    """Relative to the largest logit."""
    _, mathematics, given = MODELS[name]
    x = input_of(name)
    expected = mathematics(w, x)
    with torch.no_grad():
        found = convert_tensors(w, config or given, "file").model(x)
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", MODELS)
def test_converted_weights_compute_the_published_mathematics(name):
    assert differs(name, MODELS[name][0]()) < CLOSE


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_is_read_where_it_belongs(name):
    """Changed in the file, it changes the model by as much as the mathematics: nothing is mixed up or left unread."""
    make, mathematics, _ = MODELS[name]
    x, before = input_of(name), mathematics(make(), input_of(name))
    for changed, tensor in make().items():
        if (
            "layers.1" in changed
            or "h.1" in changed
            or "layer.1" in changed
            or "freq" in changed
            or "attn.bias" in changed
        ):
            continue
        if changed.endswith(("masked_bias", "lm_head.weight", "pos_emb.t")):
            continue
        w = make()
        w[changed] = tensor + 0.05 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(2)).double()
        if changed == "backbone.embeddings.word_embeddings.weight":
            w["lm_head.weight"] = w[changed]
        moved = (mathematics(w, x) - before).abs().max()
        # a token type that is not used, and the key's bias, which softmax does not see
        if "token_type" not in changed and "key.bias" not in changed:
            assert moved > 1e-6, changed
        assert differs(name, w) < CLOSE, changed


@pytest.mark.parametrize("name", MODELS)
def test_receipts_account_for_every_tensor(name):
    make, _, config = MODELS[name]
    receipt = convert_tensors(make(), config, "file").receipt
    assert receipt.total == len(make()) and not receipt.computed and not receipt.dropped
    with pytest.raises(ValueError, match="extra is left over"):
        convert_tensors(make() | {"extra": torch.ones(1)}, config, "file")
    missing = next(n for n in make() if ".1." in n and n.endswith(".bias") and not n.endswith("attn.bias"))
    with pytest.raises(ValueError, match="is missing"):
        convert_tensors({n: t for n, t in make().items() if n != missing}, config, "file")


def test_other_spellings_of_the_same_file():
    """LayerNorm's gamma and beta, GPT-2 without its root, Hyena as Hugging Face has it."""
    x = input_of("bert")
    with torch.no_grad():
        old = convert_tensors(bert_weights(old=True), BERT, "file").model(x)
        assert torch.equal(old, convert_tensors(bert_weights(), BERT, "file").model(x))
        bare = {n.removeprefix("transformer."): t for n, t in gpt2_weights().items()}
        bare |= {"lm_head.weight": bare["wte.weight"]}
        assert torch.equal(
            convert_tensors(bare, GPT2, "file").model(x), convert_tensors(gpt2_weights(), GPT2, "file").model(x)
        )
        flat = {n if n.startswith("lm_head") else f"hyena.{n}": t for n, t in hyena_weights().items()}
        assert torch.equal(
            convert_tensors(flat, FLAT, "file").model(x), convert_tensors(hyena_weights(), HYENA, "file").model(x)
        )


REFUSED = [
    ("bert", {"hidden_act": "relu"}), ("bert", {"position_embedding_type": "relative_key"}),
    ("bert", {"is_decoder": True}),
    ("gpt2", {"activation_function": "gelu"}), ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
    ("gpt2", {"tie_word_embeddings": False}), ("vit", {"qkv_bias": False}), ("vit", {"hidden_act": "relu"}),
    ("hyena", {"attn_layer_idx": [1]}), ("hyena", {"layer": HYENA["layer"] | {"order": 3}}),
    ("hyena", {"layer": HYENA["layer"] | {"modulate": False}}), ("hyena", {"layer": 5}),
    ("hyena", {"d_model": None}), ("gpt2", {"n_embd": "8"}), ("vit", {"patch_size": 0}), ("vit", {"image_size": 7}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "entry"), REFUSED, ids=lambda v: str(v)[:40])
def test_what_can_not_be_honoured_is_refused_by_name(name, entry):
    make, _, config = MODELS[name]
    key = next(iter(entry))
    inner = "order|modulate|layer" if key == "layer" else "max_position_embeddings|" + key
    with pytest.raises(ValueError, match=f"file: its configuration: ({inner}): expected"):
        convert_tensors(make(), config | entry, "file")


def test_a_head_of_its_own_is_refused():
    w = hyena_weights()
    w["lm_head.weight"] = w["lm_head.weight"] + 1
    with pytest.raises(ValueError, match=r"lm_head\.weight: expected the tensor of backbone"):
        convert_tensors(w, HYENA, "file")


def test_a_converted_hyena_decodes():
    """Token by token it gives what the published mathematics gives for the whole."""
    model, ids = convert_tensors(hyena_weights(), HYENA, "file").model, input_of("hyena")
    decoder = Decoder(model, 3, N)
    with torch.no_grad():
        found = torch.stack([decoder.step(ids[:, i]) for i in range(N)], 1)
    expected = hyena(hyena_weights(), ids)
    assert (found - expected).abs().max() < CLOSE * expected.abs().max()


def test_images_are_compared_with_a_file_s_own_outputs(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(VIT))
    save_file(vit_weights(), tmp_path / "model.safetensors")
    images = input_of("vit")
    save_file({"pixel_values": images, "logits": vit(vit_weights(), images)}, tmp_path / "vectors.safetensors")
    assert convert(tmp_path, vectors=tmp_path / "vectors.safetensors").receipt.differences["logits"] < 1e-12


def test_layouts_are_found_by_their_files():
    assert [layout.name for layout in LAYOUTS] == ["bert", "gpt2", "hyena", "m2-bert", "vit"]
