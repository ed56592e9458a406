"""Training, fine-tuning and evaluating on one's own data, through the command, on small real texts."""

import json
import sysconfig
from pathlib import Path

import pytest
import torch
from command_line import asked, conforms

from monarch_gpu.bert import BertForSequenceClassification
from monarch_gpu.configs import BertConfig, GPTConfig, save_config
from monarch_gpu.models import build_model, load_model, save_model
from monarch_gpu.trained import load_trained
from monarch_theory.command.harmless import harmless

SIZES = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "max_position_embeddings": 32,
    "filter_width": 8, "transform": "fft",
}  # fmt: skip
STEPS = ["--steps", "3", "--batch", "4"]
SOURCE = Path(sysconfig.get_paths()["stdlib"])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Text, labelled lines, a tokenizer and configurations: the source of two packages of the standard library."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "text").mkdir()
    lines = []
    for package in ("json", "html"):
        text = "".join(file.read_text() for file in sorted((SOURCE / package).glob("*.py")))[:20_000]
        text = text.encode("ascii", "ignore").decode()
        (folder / "text" / f"{package}.py").write_text(text)
        pieces = [text[i : i + 24] for i in range(0, 4800, 24)]
        lines += [json.dumps({"text": piece, "label": package}) for piece in pieces]
    (folder / "labelled.jsonl").write_text("\n".join(lines))
    save_config(GPTConfig(**SIZES, vocab_size=256, filter_features=5), folder / "gpt.json")
    save_config(BertConfig(**SIZES, vocab_size=257), folder / "bert.json")
    torch.manual_seed(0)
    save_model(build_model(BertConfig(**SIZES, vocab_size=257)), folder / "encoder")
    return folder


def run(*arguments, status=0):
    result = asked(*arguments)
    assert result.exit_code == status, result.output
    if "--json" in arguments:
        conforms(arguments[0], json.loads(result.stdout))
    return result


def told(*arguments):
    """The one line that bad input gets, and the one object for machines."""
    result = run("train", *arguments, "--json", status=2)
    refusal = json.loads(result.stdout)
    assert refusal["outcome"] == "bad input" and result.stderr == f"monarch train: {refusal['reason']}\n"
    return result.stderr


@pytest.mark.parametrize("model", ["gpt", "bert"])
def test_text_of_the_user_s_trains_a_model_that_is_evaluated(model, here, tmp_path):
    options = [model, "--preset", here / f"{model}.json", "--data", here / "text", *STEPS, "--json"]
    first = json.loads(run("train", *options, "--out", tmp_path / "a").stdout)
    again = json.loads(run("train", *options, "--out", tmp_path / "b").stdout)
    assert {**first, "out": ""} == {**again, "out": ""} and len(first["losses"]) == 3
    other = json.loads(run("train", *options, "--out", tmp_path / "c", "--seed", "1").stdout)
    assert other["losses"] != first["losses"]
    found = json.loads(
        run("train", model, "--evaluate", "--out", tmp_path / "a", "--data", here / "text" / "json.py", "--json").stdout
    )
    assert 0 < found["loss"] < 7 and 0 <= found["accuracy"] < 1
    assert load_model(tmp_path / "a").config.model_type == model
    line = run("train", model, "--evaluate", "--out", tmp_path / "a", "--data", here / "text" / "json.py").stdout
    assert "bits per byte" in line


@pytest.mark.long
def test_a_run_on_other_data_is_another_run(here, tmp_path):
    options = ["gpt", "--preset", here / "gpt.json", *STEPS, "--out", tmp_path]
    run("train", *options, "--data", here / "text")
    assert "training: the checkpoint has data = " in told(*options, "--data", here / "text" / "html.py")
    assert "training: the checkpoint has data = " in told(*options)
    run("train", *options, "--data", here / "text")


def test_a_classifier_is_fine_tuned_and_named(here, tmp_path):
    options = ["bert", "--finetune", here / "encoder", "--data", here / "labelled.jsonl", *STEPS]
    curve = json.loads(run("train", *options, "--out", tmp_path, "--json").stdout)
    assert len(curve["validation"]) == 1
    model = BertForSequenceClassification.from_pretrained(tmp_path)
    assert model.config.num_labels == 2 and json.loads((tmp_path / "labels.json").read_text()) == ["html", "json"]
    found = json.loads(
        run("train", "bert", "--evaluate", "--out", tmp_path, "--data", here / "labelled.jsonl", "--json").stdout
    )
    right = 0
    for line in (here / "labelled.jsonl").read_text().splitlines():
        entry = json.loads(line)
        with torch.no_grad():
            label = int(model(torch.tensor([list(entry["text"].encode())])).argmax())
        right += ["html", "json"][label] == entry["label"]
    assert found["accuracy"] == right / 400
    assert "data = " in told(*options[:-4], "--out", tmp_path, *STEPS, "--validation", here / "labelled.jsonl")


def test_it_starts_from_the_weights_it_is_given(here, tmp_path):
    """With a learning rate of next to nothing it ends where it began: AdamW moves by a few rates at most."""
    rate = ["--learning-rate", "1e-30"]
    run(
        "train",
        "bert",
        "--finetune",
        here / "encoder",
        "--data",
        here / "labelled.jsonl",
        *STEPS,
        *rate,
        "--out",
        tmp_path,
    )
    before, after = load_model(here / "encoder").state_dict(), load_model(tmp_path).state_dict()
    same = [name for name in before if name in after]
    assert len(same) > 20 and all(torch.allclose(before[name], after[name], rtol=0, atol=1e-28) for name in same)
    assert any(name.startswith("pooler") for name in after.keys() - before.keys())


def test_it_learns_to_tell_the_packages_apart(here, tmp_path):
    """On all lines, most of which it learned from, better than chance is in one of a thousand trials."""
    data = ["--data", here / "labelled.jsonl", "--out", tmp_path, "--json"]
    run("train", "bert", "--finetune", here / "encoder", *data, "--steps", "80", "--learning-rate", "1e-2")
    found = json.loads(run("train", "bert", "--evaluate", *data).stdout)
    assert found["accuracy"] > 0.5 + 3.1 * 0.5 / 400**0.5


def test_a_language_model_goes_on_from_its_weights(here, tmp_path):
    options = [
        "gpt",
        "--preset",
        here / "gpt.json",
        "--data",
        here / "text" / "html.py",
        *STEPS,
        "--out",
        tmp_path / "a",
    ]
    run("train", *options)
    run(
        "train",
        "gpt",
        "--finetune",
        tmp_path / "a",
        "--data",
        here / "text" / "json.py",
        *STEPS,
        "--out",
        tmp_path / "b",
    )
    assert load_trained(tmp_path / "b").config == load_trained(tmp_path / "a").config
    assert run("generate", tmp_path / "b", "--count", "3", "--json").stdout


def test_a_tokenizer_is_read_used_and_kept(here, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["[UNK]", "[MASK]", "[PAD]"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train([str(file) for file in sorted((here / "text").iterdir())], trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    options = ["--data", here / "text", "--tokenizer", tmp_path / "tokenizer.json", *STEPS, "--out", tmp_path / "out"]
    run("train", "bert", "--preset", "tiny", *options)
    assert load_model(tmp_path / "out").config.vocab_size == 300
    assert (tmp_path / "out" / "tokenizer.json").read_text() == (tmp_path / "tokenizer.json").read_text()
    vectors = asked("embed", tmp_path / "out", "--reading", "mean", stdin='{"text": "import re"}')
    assert len(json.loads(vectors.stdout)["embedding"]) == 128
    run(
        "train",
        "bert",
        "--finetune",
        tmp_path / "out",
        "--data",
        here / "labelled.jsonl",
        *STEPS,
        "--out",
        tmp_path / "c",
    )
    assert (tmp_path / "c" / "tokenizer.json").is_file()
    run("train", "gpt", "--preset", "tiny", *options[:-1], tmp_path / "gpt")
    written = json.loads(run("generate", tmp_path / "gpt", "--prompt", "import", "--count", "5", "--json").stdout)
    assert written["prompt"] == "import" and "Ġ" not in written["text"], "tokens are decoded"
    printed = run("generate", tmp_path / "gpt", "--prompt", "import", "--count", "5").stdout
    assert printed.rstrip("\n") == harmless("import" + written["text"]).rstrip("\n")
    (tmp_path / "gpt" / "tokenizer.json").unlink()
    answer = asked("generate", tmp_path / "gpt")
    line = answer.stderr
    assert answer.exit_code == 2 and "tokenizer: expected --tokenizer FILE for a model of 300 tokens, got none" in line
    assert "vocab_size: expected at least 300 for the tokenizer" in told(
        "bert", "--preset", here / "bert.json", *options[:-1], tmp_path / "d"
    )
    other = json.loads(tokenizer.to_str())
    other["model"]["vocab"] = {word: i for word, i in other["model"]["vocab"].items() if word != "[MASK]"}
    other["added_tokens"] = [token for token in other["added_tokens"] if token["content"] != "[MASK]"]
    (tmp_path / "maskless.json").write_text(json.dumps(other))
    assert "expected a token [MASK] or <mask>, got none" in told(
        "bert", "--data", here / "text", "--tokenizer", tmp_path / "maskless.json", "--out", tmp_path / "e"
    )


def test_bad_data_are_named(here, tmp_path):
    out = ["--out", tmp_path / "out"]
    gpt = ["gpt", "--preset", here / "gpt.json", *out]
    tune = ["bert", "--finetune", here / "encoder", *out]
    (tmp_path / "empty").write_text("")
    (tmp_path / "short").write_text("short")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "nothing").mkdir()
    lines = {
        "unlabelled": '{"text": "a"}',
        "mixed": '{"text": "a", "label": 1}\n{"text": "b", "label": "x"}',
        "one": '{"text": "a", "label": 1}',
        "long": '{"text": "' + "a" * 33 + '", "label": 1}',
        "range": '{"input_ids": [257], "label": 1}',
        "negative": '{"text": "a", "label": -1}',
    }
    for name, content in lines.items():
        (tmp_path / name).write_text(content)
    for arguments, message in (
        ([*gpt, "--data", tmp_path / "none"], "No such file or directory"),
        ([*gpt, "--data", tmp_path / "empty"], "expected text, got none"),
        ([*gpt, "--data", tmp_path / "nothing"], "expected text, got none"),
        ([*gpt, "--data", tmp_path / "short"], "data: expected more than 33 tokens for training, got 5"),
        ([*gpt, "--data", tmp_path / "binary"], "binary: expected text in UTF-8"),
        ([*gpt, "--validation", tmp_path / "short"], "validation: expected --data with it"),
        ([*gpt, "--data", here / "text", "--validation", tmp_path / "short"], "tokens held back for validation, got 5"),
        (["vit", "--data", here / "text", *out], "train-images-idx3-ubyte: "),
        (["vit", "--data", here / "text", "--tokenizer", tmp_path / "none", *out], "tokenizer: expected none for vit"),
        ([*gpt, "--data", here / "text", "--tokenizer", tmp_path / "none"], "expected a tokenizer's file, got none"),
        (["gpt", "--finetune", here / "encoder", "--data", here / "text"], "finetune: expected a gpt, got a bert"),
        ([*tune, "--data", tmp_path / "unlabelled"], "text 1: label: expected an integer of at least 0, got None"),
        ([*tune, "--data", tmp_path / "mixed"], "text 2: label: expected an integer of at least 0, got 'x'"),
        ([*tune, "--data", tmp_path / "one"], "expected labelled lines for training and for validation, got"),
        ([*tune, "--data", tmp_path / "long"], "text 1: expected 1 to 32 tokens, got 33"),
        ([*tune, "--data", tmp_path / "range"], "text 1: expected tokens 0 to 256, got another"),
        ([*tune, "--data", tmp_path / "negative"], "text 1: label: expected an integer of at least 0, got -1"),
        ([*tune, "--data", tmp_path / "none"], "none: No such file"),
        (["gpt", "--evaluate", *out], "no such checkpoint"),
        (["bert", "--evaluate", "--out", here / "encoder", "--batch", "0"], "--batch': expected 1 to"),
        (["gpt", "--evaluate", "--out", here / "encoder"], "out: expected a gpt, got a bert"),
    ):
        assert message in told(*arguments), message


def test_a_folder_of_images_trains_a_vit_of_their_size(tmp_path):
    from idx_files import write_images

    images = tmp_path / "images"
    images.mkdir()
    write_images(images, 6, 6)
    out = ["vit", "--data", images, "--out", tmp_path / "out"]
    assert "validation loss" in run("train", *out, "--steps", "2", "--batch", "2").output
    assert "accuracy" in run("train", *out, "--evaluate", "--batch", "2").output
    write_images(images, 8, 8)
    assert "data: expected 6×6 images" in told(*out, "--evaluate")
    write_images(images, 6, 5)
    assert "data: expected square images in patches of 2, got 6×5" in told(*out, "--steps", "2")
