"""M2-BERT as published, in random weights made here, and its mathematics once more in plain torch, without an FFT."""

import json
from math import log, pi
from random import Random

import pytest
import torch
import typer
from command_line import asked, conforms
from safetensors.torch import save_file
from torch.nn.functional import layer_norm, linear
from typer.testing import CliRunner

from monarch_gpu.command.convert import convert as command
from monarch_gpu.convert import convert, convert_tensors
from monarch_gpu.layers import LostPrecision
from monarch_gpu.models import load_model

D, INNER, BLOCKS, LAYERS, N, WIDTH, VOCABULARY = 8, 16, 4, 2, 11, 6, 19
CONFIG = {
    "model_type": "bert", "vocab_size": VOCABULARY, "hidden_size": D, "num_hidden_layers": LAYERS,
    "intermediate_size": INNER, "max_position_embeddings": N, "long_conv_l_max": N, "type_vocab_size": 2,
    "hidden_act": "gelu", "layer_norm_eps": 1e-12, "use_glu_mlp": True, "use_monarch_mlp": True,
    "monarch_mlp_nblocks": BLOCKS, "use_positional_encodings": True, "monarch_mixer_sequence_mixing": True,
    "residual_long_conv": True, "bidirectional": True, "hyena_w": 10, "hyena_w_mod": 1, "hyena_emb_dim": 5,
    "hyena_filter_order": WIDTH, "hyena_training_additions": False, "num_attention_heads": 12, "pool_all": False,
}  # fmt: skip


def published(vocabulary=VOCABULARY, head="masked-lm"):
    """Random weights under the published names; every name a right reader must use is far from its initial value."""
    g = torch.Generator().manual_seed(3)

    def random(*shape, scale=0.3):
        return scale * torch.randn(*shape, generator=g, dtype=torch.float64)

    w = {
        "bert.embeddings.position_ids": torch.arange(N)[None],
        "bert.embeddings.word_embeddings.weight": random(vocabulary, D, scale=1.0),
        "bert.embeddings.position_embeddings.weight": random(N, D),
        "bert.embeddings.token_type_embeddings.weight": random(2, D),
        "bert.embeddings.LayerNorm.weight": 1 + random(D),
        "bert.embeddings.LayerNorm.bias": random(D),
    }
    for layer in range(LAYERS):
        p = f"bert.encoder.layer.{layer}."
        for name, outputs in (("in_linear", 3 * D), ("out_linear", D)):
            w[f"{p}attention.{name}.weight"], w[f"{p}attention.{name}.bias"] = random(outputs, D), random(outputs)
        w[f"{p}attention.short_filter.weight"] = random(3 * D, 1, 3, scale=0.6)
        w[f"{p}attention.short_filter.bias"] = random(3 * D)
        for number in ("", "2"):
            f = f"{p}attention.filter_fn{number}."
            time = torch.linspace(0, 1, N, dtype=torch.float64)
            w[f"{f}bias"], w[f"{f}pos_emb.t"] = random(D), time[None, :, None]
            w[f"{f}pos_emb.z"] = random(1, N, 5, scale=0.7)
            signs = torch.where(torch.arange(D) % 2 == 0, 1.0, -1.0)  # the published code takes the magnitude
            w[f"{f}modulation.deltas"] = (signs * torch.linspace(1, 9, D, dtype=torch.float64))[None, None]
            frequency = 5 + random(1, WIDTH)
            for direction in ("implicit_filter", "implicit_filter_rev"):
                for index, inputs in ((0, 5), (2, WIDTH), (4, WIDTH)):
                    w[f"{f}{direction}.{index}.weight"] = random(WIDTH, inputs)
                    w[f"{f}{direction}.{index}.bias"] = random(WIDTH)
                    w[f"{f}{direction}.{index + 1}.freq"] = frequency.clone()
                w[f"{f}{direction}.6.weight"] = random(D, WIDTH)
        w[f"{p}mlp.gated_layers.weight"] = random(BLOCKS, 2 * INNER // BLOCKS, D // BLOCKS, scale=0.8)
        w[f"{p}mlp.wo.weight"], w[f"{p}mlp.wo.bias"] = random(BLOCKS, D // BLOCKS, INNER // BLOCKS), random(D)
        w[f"{p}mlp.layernorm.weight"], w[f"{p}mlp.layernorm.bias"] = 1 + random(D), random(D)
    if head == "masked-lm":
        t = "cls.predictions.transform."
        w[f"{t}dense.weight"], w[f"{t}dense.bias"] = random(D, D), random(D)
        w[f"{t}LayerNorm.weight"], w[f"{t}LayerNorm.bias"] = 1 + random(D), random(D)
        w["cls.predictions.decoder.weight"] = w["bert.embeddings.word_embeddings.weight"].clone()
        w["cls.predictions.decoder.bias"] = random(vocabulary)
    else:
        w["bert.pooler.dense.weight"], w["bert.pooler.dense.bias"] = random(D, D), random(D)
        w["classifier.weight"], w["classifier.bias"] = random(3, D), random(3)
    return w


def gelu(x):
    return x * (1 + torch.erf(x / 2**0.5)) / 2


def taps(w, f, direction, n):
    """(n, d): h ← sin(ω (W h + b)) from the positions z, then the output matrix under the window exp(−t |δ|)."""
    h = w[f"{f}pos_emb.z"][0, :n]
    for index in (0, 2, 4):
        h = torch.sin(
            w[f"{f}implicit_filter.1.freq"][0]
            * (h @ w[f"{f}{direction}.{index}.weight"].T + w[f"{f}{direction}.{index}.bias"])
        )
    return (
        h
        @ w[f"{f}{direction}.6.weight"].T
        * torch.exp(-w[f"{f}pos_emb.t"][0, :n] * w[f"{f}modulation.deltas"][0, 0].abs())
    )


def convolution(w, f, x):
    """y_i = D x_i + Σ_{j≤i} k_{i−j} x_j + Σ_{j>i} r_{j−i−1} x_j, every channel on its own."""
    n = x.shape[1]
    forward, backward = taps(w, f, "implicit_filter", n), taps(w, f, "implicit_filter_rev", n)
    i, j = torch.arange(n)[:, None], torch.arange(n)
    matrix = torch.where((j <= i)[..., None], forward[(i - j).clamp(min=0)], backward[(j - i - 1).clamp(min=0)])
    return torch.einsum("ijd,bjd->bid", matrix, x) + w[f"{f}bias"] * x


def block_diagonal(x, weight):
    parts = [part @ block.T for part, block in zip(x.chunk(len(weight), -1), weight, strict=True)]
    return torch.cat(parts, -1)


def hidden(w, ids, types):
    e = "bert.embeddings."
    x = w[f"{e}word_embeddings.weight"][ids] + w[f"{e}token_type_embeddings.weight"][types]
    x = x + w[f"{e}position_embeddings.weight"][: ids.shape[1]]
    x = layer_norm(x, (D,), w[f"{e}LayerNorm.weight"], w[f"{e}LayerNorm.bias"], 1e-12)
    for layer in range(LAYERS):
        a, m = f"bert.encoder.layer.{layer}.attention.", f"bert.encoder.layer.{layer}.mlp."
        u = linear(x, w[f"{a}in_linear.weight"], w[f"{a}in_linear.bias"])
        short = w[f"{a}short_filter.bias"].expand_as(u).clone()
        for lag in range(3):  # the newest tap is the last one
            short[:, lag:] += w[f"{a}short_filter.weight"][:, 0, 2 - lag] * u[:, : u.shape[1] - lag]
        x1, x2, v = short.chunk(3, -1)
        y = x2 * convolution(w, f"{a}filter_fn.", x1 * v) + convolution(w, f"{a}filter_fn2.", x)
        y = linear(y, w[f"{a}out_linear.weight"], w[f"{a}out_linear.bias"])
        gate, value = block_diagonal(y, w[f"{m}gated_layers.weight"]).chunk(2, -1)
        mixed = block_diagonal(gelu(gate) * value, w[f"{m}wo.weight"]) + w[f"{m}wo.bias"]
        x = layer_norm(y + mixed, (D,), w[f"{m}layernorm.weight"], w[f"{m}layernorm.bias"], 1e-12)
    return x


def logits(w, ids, types):
    x, t = hidden(w, ids, types), "cls.predictions.transform."
    if "classifier.weight" in w:
        pooled = torch.tanh(linear(x[:, 0], w["bert.pooler.dense.weight"], w["bert.pooler.dense.bias"]))
        return linear(pooled, w["classifier.weight"], w["classifier.bias"])
    x = gelu(linear(x, w[f"{t}dense.weight"], w[f"{t}dense.bias"]))
    x = layer_norm(x, (D,), w[f"{t}LayerNorm.weight"], w[f"{t}LayerNorm.bias"], 1e-12)
    return linear(x, w["cls.predictions.decoder.weight"], w["cls.predictions.decoder.bias"])


def inputs(n=N):
    g = torch.Generator().manual_seed(5)
    return torch.randint(VOCABULARY, (3, n), generator=g), torch.randint(2, (3, n), generator=g)


def difference(w, config=CONFIG, n=N):
    """From converted model to plain mathematics, relative to the largest logit."""
    ids, types = inputs(n)
    expected = logits(w, ids, types)
    with torch.no_grad():
        found = convert_tensors(w, config, "file").model(ids, token_type_ids=types)
    return float((found - expected).abs().max() / expected.abs().max())


CLOSE = 1e-12


@pytest.mark.parametrize("n", [1, 2, 7, N])
@pytest.mark.parametrize("head", ["masked-lm", "classification"])
def test_converted_weights_compute_what_the_published_code_does(head, n):
    assert difference(published(head=head), n=n) < CLOSE


NAMES = [
    n for n in published() if not n.endswith(("position_ids", "pos_emb.t")) and ".freq" not in n and "decoder" not in n
]


@pytest.mark.parametrize("name", [n for n in NAMES if "layer.1" not in n])
def test_every_tensor_is_read_where_it_belongs(name):
    """Changed in the file, it changes the converted model by as much as it changes the mathematics."""
    w = published()
    before = logits(w, *inputs())
    w[name] = w[name] + 0.05 * torch.randn(
        w[name].shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64
    )
    if "word_embeddings" in name:
        w["cls.predictions.decoder.weight"] = w[name]
    assert (logits(w, *inputs()) - before).abs().max() > 1e-6
    assert difference(w) < CLOSE


MISTAKES = {
    "taps not flipped": lambda w: {n: t.flip(-1) if "short_filter.weight" in n else t for n, t in w.items()},
    "directions exchanged": lambda w: {swapped(n): t for n, t in w.items()},
    "convolutions exchanged": lambda w: {
        n.replace("filter_fn2", "F").replace("filter_fn", "filter_fn2").replace("F", "filter_fn"): t
        for n, t in w.items()
    },
    "positions as computed": lambda w: {n: computed() if n.endswith("pos_emb.z") else t for n, t in w.items()},
    "gates exchanged": lambda w: {
        n: torch.cat([t[len(t) // 3 : 2 * len(t) // 3], t[: len(t) // 3], t[2 * len(t) // 3 :]])
        if "in_linear" in n
        else t
        for n, t in w.items()
    },
}


def swapped(name):
    if "implicit_filter_rev" in name:
        return name.replace("implicit_filter_rev", "implicit_filter")
    return name.replace("implicit_filter", "implicit_filter_rev")


def computed():
    i = torch.arange(N, dtype=torch.float64)[:, None]
    angle = 2 * pi / N * i * torch.tensor([1e-4, 1.0])
    return torch.cat([i / (N - 1), angle.cos(), -angle.sin()], 1)[None]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_map_is_not_close(mistake):
    """The comparison itself sees each of the mistakes one makes in such a map."""
    ids, types = inputs()
    expected = logits(published(), ids, types)
    with torch.no_grad():
        found = convert_tensors(MISTAKES[mistake](published()), CONFIG, "file").model(ids, token_type_ids=types)
    assert (found - expected).abs().max() > 1e-3 * expected.abs().max()


def test_receipts_account_for_every_tensor():
    w = published()
    receipt = convert_tensors(w, CONFIG, "file").receipt
    assert receipt.total == len(w)
    assert receipt.constant == ("bert.embeddings.position_ids",) and not receipt.dropped and not receipt.computed
    assert len(receipt.repeated) == LAYERS * 2 * 5 + 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_filters_of_a_file_in_half_precision_are_said_to_be_others(dtype, tmp_path):
    """What the file has lost is lost; it is converted, and said in the receipt and when the filter is made."""
    w = {n: t.to(dtype) if t.is_floating_point() else t for n, t in published().items()}
    directory_of(tmp_path, w)
    assert (
        f"note: the filters are of weights in {dtype}"
        in CliRunner().invoke(app, [str(tmp_path), str(tmp_path / "o")]).stdout
    )
    ids, types = inputs()
    with pytest.warns(LostPrecision, match=str(dtype)), torch.no_grad():
        found = load_model(tmp_path / "o")(ids, token_type_ids=types)
    expected = logits({n: t.double() if t.is_floating_point() else t for n, t in w.items()}, ids, types)
    assert found.dtype == dtype and (found - expected).norm() < 0.05 * expected.norm()
    assert not convert_tensors(published(), CONFIG, "file").receipt.notes


def test_tied_names_may_be_left_out():
    """As files that hold a shared tensor once; any of its names may be the one."""
    w = published()
    expected = logits(w, *inputs())
    for layer in range(LAYERS):
        for number in ("", "2"):
            f = f"bert.encoder.layer.{layer}.attention.filter_fn{number}."
            for direction, index in (("", 1), ("", 3), ("", 5), ("_rev", 1), ("_rev", 5)):
                del w[f"{f}implicit_filter{direction}.{index}.freq"]
    del w["bert.embeddings.word_embeddings.weight"]
    w["cls.predictions.bias"] = w.pop("cls.predictions.decoder.bias")
    ids, types = inputs()
    with torch.no_grad():
        found = convert_tensors(w, CONFIG, "file").model(ids, token_type_ids=types)
    assert (found - expected).abs().max() < CLOSE * expected.abs().max()


def test_time_and_window_are_computed_where_the_file_has_none():
    w = {n: t for n, t in published().items() if not n.endswith(("pos_emb.t", "deltas"))}
    done = convert_tensors(w, CONFIG, "file")
    assert len(done.receipt.computed) == LAYERS * 2 * 2 and done.receipt.total == len(w)
    for layer in range(LAYERS):
        for number in ("", "2"):
            f = f"bert.encoder.layer.{layer}.attention.filter_fn{number}."
            w[f"{f}pos_emb.t"] = torch.linspace(0, 1, N)[None, :, None].double()
            w[f"{f}modulation.deltas"] = torch.linspace(log(0.01) / 1.5, log(0.01) / 0.3, D)[None, None].double()
    ids, types = inputs()
    with torch.no_grad():
        assert (done.model(ids, token_type_ids=types) - logits(w, ids, types)).abs().max() < 1e-12


def test_the_vocabulary_is_a_multiple_of_eight_where_the_file_has_it_so():
    assert convert_tensors(published(24), CONFIG, "file").model.config.vocab_size == 24
    with pytest.raises(ValueError, match=r"word_embeddings.weight \(23, 8\): expected what makes .* \(19, 8\)"):
        convert_tensors(published(23), CONFIG, "file")


def changed(**tensors):
    return lambda w: w | {name.replace("__", "."): tensor for name, tensor in tensors.items()}


FREQUENCY = "bert.encoder.layer.0.attention.filter_fn.implicit_filter_rev.3.freq"
FILES = {
    "a tensor is missing": (
        lambda w: {n: t for n, t in w.items() if "layer.1.mlp.wo.bias" not in n},
        "layer.1.mlp.wo.bias is missing",
    ),
    "one is left over": (
        lambda w: w | {"bert.pooler.dense.weight": torch.ones(D, D)},
        "bert.pooler.dense.weight is left over",
    ),
    "another shape": (
        lambda w: w | {"classifier": torch.ones(1), "bert.encoder.layer.0.mlp.wo.bias": torch.ones(D + 1)},
        "mlp.wo.bias .9,.: expected what makes",
    ),
    "another number of axes": (
        lambda w: w | {"bert.encoder.layer.0.mlp.wo.weight": torch.ones(3, 3, 3, 3)},
        "mlp.wo.weight",
    ),
    "frequencies that are not one": (
        lambda w: w | {FREQUENCY: w[FREQUENCY] + 1e-9},
        "implicit_filter_rev.3.freq: expected the tensor of .*implicit_filter.1.freq",
    ),
    "an output matrix of its own": (
        lambda w: w | {"cls.predictions.decoder.weight": w["cls.predictions.decoder.weight"] + 1},
        "expected the tensor of bert.embeddings.word_embeddings.weight",
    ),
    "positions in another order": (
        lambda w: w | {"bert.embeddings.position_ids": torch.arange(N).flip(0)},
        "position_ids: expected a constant",
    ),
    "NaN": (
        lambda w: w | {"bert.embeddings.LayerNorm.bias": torch.full((D,), float("nan"), dtype=torch.float64)},
        "LayerNorm.bias: expected finite numbers",
    ),
    "integers": (
        lambda w: w | {"bert.embeddings.LayerNorm.bias": torch.ones(D, dtype=torch.int32)},
        "LayerNorm.bias: expected a real floating dtype",
    ),
    "two dtypes": (
        lambda w: w | {"bert.embeddings.LayerNorm.bias": torch.ones(D)},
        "expected one dtype outside filters",
    ),
    "both heads": (
        lambda w: w | {"classifier.weight": torch.ones(2, D)},
        "expected cls.predictions or classifier, got masked-lm and classification",
    ),
    "no head": (
        lambda w: {n: t for n, t in w.items() if not n.startswith("cls.")},
        "expected cls.predictions or classifier, got neither",
    ),
    "another model": (lambda w: {"weight": torch.ones(2)}, "expected names of one of .*m2-bert"),
    "nothing": (lambda w: {}, "expected names of one of"),
}


@pytest.mark.parametrize("file", FILES)
def test_files_that_are_not_what_they_should_be_are_refused_by_name(file):
    change, message = FILES[file]
    with pytest.raises(ValueError, match=message):
        convert_tensors(change(published()), CONFIG, "file")


@pytest.mark.parametrize(
    "entry",
    [
        {"monarch_mixer_sequence_mixing": False}, {"residual_long_conv": False}, {"use_positional_encodings": False},
        {"hyena_training_additions": True}, {"attention_pooling": True}, {"use_cls_token": True},
        {"hidden_act": "relu"}, {"bidirectional": "no"}, {"use_monarch_mlp": 1.5}, {"pool_all": "false"},
        {"sequence_token_planting": True}, {"layer_norm_eps": 1e-5}, {"hyena_w_mod": 2}, {"long_conv_l_max": 2 * N},
        {"use_glu_mlp": False}, {"hyena_modulate": False}, {"hyena_emb_dim": "5"}, {"hidden_size": None},
        {"hidden_size": -8}, {"monarch_mlp_nblocks": 0}, {"num_hidden_layers": 2.5}, {"num_hidden_layers": 0},
    ],
    ids=lambda entry: next(iter(entry)),
)  # fmt: skip
def test_what_can_not_be_honoured_is_refused_by_name(entry):
    name = {"monarch_mlp_nblocks": "blocks"}.get(next(iter(entry)), next(iter(entry)))
    with pytest.raises(ValueError, match=f"its configuration: {name}: expected"):
        convert_tensors(published(), CONFIG | entry, "file")


def directory_of(path, w, config=CONFIG):
    (path / "config.json").write_text(json.dumps(config))
    save_file(w, path / "model.safetensors")
    return path


def test_every_wrapper_is_unwrapped(tmp_path):
    """Hugging Face's files, safetensors in shards, composer's and lightning's checkpoints."""
    w = published()
    directory_of(tmp_path, w)
    expected = convert(tmp_path).model.state_dict()
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "config.json").write_text(json.dumps(CONFIG))
    names = sorted(w)
    shards = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(names)}
    for shard in set(shards.values()):
        save_file({n: w[n] for n in names if shards[n] == shard}, tmp_path / "hf" / shard)
    (tmp_path / "hf" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    torch.save(w, tmp_path / "pytorch_model.bin")
    composer = {"state": {"model": {f"model.{n}": t for n, t in w.items()}, "timestamp": {"batch": 3}}, "rng": [1]}
    torch.save(composer, tmp_path / "composer.pt")
    torch.save({"state_dict": {f"module.model.{n}": t for n, t in w.items()}}, tmp_path / "lightning.ckpt")
    for file in ("hf", "pytorch_model.bin", "composer.pt", "lightning.ckpt", "model.safetensors"):
        found = convert(tmp_path / file).model.state_dict()
        assert found.keys() == expected.keys() and all(torch.equal(found[n], t) for n, t in expected.items()), file


class Evil:
    def __reduce__(self):
        return (print, ("this must never be run",))


def test_pickles_that_run_code_are_refused(tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    torch.save({"state": {"model": {"a": Evil()}}}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match=r"evil\.pt: expected a file that torch\.load reads with weights_only=True"):
        convert(tmp_path / "evil.pt")
    assert "never be run" not in capsys.readouterr().out


app = typer.Typer()
app.command()(command)


def told(*arguments):
    result = asked("convert", *arguments)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1, result.output
    assert result.stderr.startswith("monarch convert: "), result.output
    return result.stderr


def test_the_command_prints_a_receipt(tmp_path):
    w, (ids, types) = published(), inputs()
    directory_of(tmp_path, w)
    given = {"input_ids": ids, "token_type_ids": types, "logits": logits(w, ids, types)}
    short, types = inputs(5)
    given |= {"short_input_ids": short, "short_token_type_ids": types, "short_logits": logits(w, short, types)}
    save_file(given, tmp_path / "vectors.safetensors")
    options = [str(tmp_path), str(tmp_path / "out"), "--vectors", str(tmp_path / "vectors.safetensors")]
    words = CliRunner().invoke(app, options)
    assert words.exit_code == 0, words.output
    assert "none left over" in words.stdout and "short_logits: largest difference" in words.stdout
    receipt = json.loads(CliRunner().invoke(app, [*options, "--json"]).stdout)
    conforms("convert", receipt)
    assert receipt["total"] == len(w) and receipt["left_over"] == 0
    assert set(receipt["differences"]) == {"logits", "short_logits"} and max(receipt["differences"].values()) < 1e-12
    with torch.no_grad():
        ids, types = inputs()
        assert (load_model(tmp_path / "out")(ids, token_type_ids=types) - given["logits"]).abs().max() < 1e-12


def test_whatever_is_damaged_is_a_line(tmp_path):
    """Bits flipped, bytes exchanged and ends cut off at random, in safetensors and in pickles: a file, or one line."""
    directory_of(tmp_path, published())
    torch.save(published(), tmp_path / "weights.bin")
    random, refused = Random(0), 0
    for trial in range(80):
        path = tmp_path / ("weights.bin" if trial % 2 else "model.safetensors")
        whole = path.read_bytes()
        content = bytearray(whole[: random.randrange(len(whole))] if trial % 5 == 0 else whole)
        for _ in range(random.choice([1, 3, 20])):
            content[random.randrange(min(len(content), 4000))] ^= 1 << random.randrange(8)
        path.write_bytes(bytes(content))
        try:
            convert(path)
        except ValueError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            refused += 1
        path.write_bytes(whole)
    assert refused > 40


def test_the_published_directory_is_not_written_over(tmp_path):
    directory_of(tmp_path, published())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "expected a directory other than that of the published file" in told(
        tmp_path, tmp_path / ".." / tmp_path.name
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_link_that_goes_round_in_a_circle_is_no_directory(tmp_path):
    directory_of(tmp_path, published())
    (tmp_path / "loop").symlink_to("loop")
    assert "File exists" in told(tmp_path, tmp_path / "loop")


def test_dropping_is_asked_for_and_said(tmp_path):
    directory_of(tmp_path, published() | {"bert.pooler.dense.weight": torch.ones(D, D)})
    assert "bert.pooler.dense.weight is left over" in told(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    words = CliRunner().invoke(app, [str(tmp_path), str(tmp_path / "out"), "--drop", "bert.pooler."]).stdout
    assert "bert.pooler.dense.weight: dropped, as asked" in words
    assert "drop: expected the beginning of a name" in told(tmp_path, tmp_path / "out", "--drop", "nothing")


def test_broken_files_are_one_line_and_exit_2(tmp_path):
    directory_of(tmp_path, published())
    out, weights = tmp_path / "out", tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    torch.save(published(), tmp_path / "whole.bin")
    for size in (0, 7, 100, len(whole) - 1):
        weights.write_bytes(whole[:size])
        assert "model.safetensors: expected a safetensors file" in told(tmp_path, out)
        (tmp_path / "cut.bin").write_bytes((tmp_path / "whole.bin").read_bytes()[:size])
        assert "cut.bin: expected a file that torch.load reads" in told(tmp_path / "cut.bin", out)
    weights.write_bytes(whole)
    torch.save([1, 2], tmp_path / "list.bin")
    assert "expected tensors by name, got list" in told(tmp_path / "list.bin", out)
    torch.save({"a": 1}, tmp_path / "number.bin")
    assert "a: expected a tensor, got int" in told(tmp_path / "number.bin", out)
    assert "no such file" in told(tmp_path / "none.safetensors", out)
    for text in ("{", "[]", "[" * 100_000):
        (tmp_path / "config.json").write_text(text)
        assert "config.json: expected" in told(tmp_path, out)
    (tmp_path / "config.json").unlink()
    assert "config.json: expected the published configuration" in told(tmp_path, out)
    (tmp_path / "empty").mkdir()
    assert "expected one of model.safetensors" in told(tmp_path / "empty", out)
    assert not out.exists()
