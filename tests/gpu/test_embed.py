"""Vectors of texts: the same in any batch, by a tokenizer's file or token ids, bad lines named."""

import json
from dataclasses import replace

import pytest
import torch
from command_line import asked, conforms

from monarch_gpu.configs import BertConfig, preset
from monarch_gpu.embed import embed
from monarch_gpu.models import build_model, save_model

BERT = BertConfig(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, max_position_embeddings=24, filter_width=6,
    vocab_size=40, head="classification",
)  # fmt: skip
TEXTS = [[5, 6, 7], [8], list(range(24)), [9, 9], [3] * 10]


def built(**changes):
    torch.manual_seed(0)
    return build_model(replace(BERT, **changes)).double()


@pytest.mark.parametrize("reading", ["pooler", "mean", "first"])
@pytest.mark.parametrize("padding", ["masked", "unmasked"])
def test_vectors_do_not_depend_on_the_batch(padding, reading):
    model = built(padding=padding)
    alone = torch.stack(list(embed(model, TEXTS, batch=1, reading=reading)))
    for batch in (2, 3, 32):
        assert torch.allclose(torch.stack(list(embed(model, TEXTS, batch=batch, reading=reading))), alone, atol=1e-13)
    with torch.no_grad():
        if padding == "masked" and reading == "pooler":
            assert torch.allclose(alone[0], model.embed(torch.tensor([TEXTS[0]]))[0], atol=1e-13)
        if padding == "unmasked" and reading == "first":  # trained on full length
            full = torch.tensor([TEXTS[0] + [0] * 21])
            assert torch.allclose(alone[0], model.bert(full)[0, 0], atol=1e-13)


def test_normalised_vectors_have_norm_one_and_half_precision_gives_float32():
    vectors = list(embed(built().bfloat16(), TEXTS, normalised=True))
    assert all(v.dtype == torch.float32 and abs(float(v.norm()) - 1) < 1e-5 for v in vectors)


def run(*arguments, **options):
    return asked("embed", *arguments, **options)


def test_lines_in_and_lines_out(tmp_path):
    model = built().float()
    save_model(model, tmp_path)
    lines = "".join(json.dumps({"input_ids": ids, "id": number}) + "\n" for number, ids in enumerate(TEXTS))
    (tmp_path / "texts.jsonl").write_text(lines)
    expected = [vector.tolist() for vector in embed(model, TEXTS)]
    for result in (run(tmp_path, tmp_path / "texts.jsonl"), run(tmp_path, stdin=lines)):
        assert result.exit_code == 0, result.output
        found = [json.loads(line) for line in result.stdout.splitlines()]
        assert [entry["id"] for entry in found] == list(range(5))
        assert [entry["embedding"] for entry in found] == expected
    answer = json.loads(run(tmp_path, "--json", stdin=lines).stdout)
    conforms("embed", answer)
    assert [entry["embedding"] for entry in answer["texts"]] == expected


def test_texts_are_read_by_the_tokenizer_beside_the_model(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: number for number, word in enumerate(["[UNK]", "the", "cat", "sat", "on", "a", "mat"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)  # which would be silent
    model = built().float()
    save_model(model, tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    result = run(tmp_path, "--normalised", stdin='{"text": "the cat sat"}\n\n{"input_ids": [1, 2, 3]}\n')
    assert result.exit_code == 0, result.output
    first, second = (json.loads(line)["embedding"] for line in result.stdout.splitlines())
    assert first == pytest.approx(second, abs=1e-6)  # two rows of one batch round apart
    (tmp_path / "tokenizer.json").write_text("{")
    assert "expected a tokenizer's file, got another" in told(tmp_path, stdin='{"text": "the cat"}')


def told(*arguments, **options):
    result = run(*arguments, **options)
    assert result.exit_code == 2 and result.stdout == "", result.output
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("monarch embed: "), result.stderr
    return result.stderr


def test_bad_lines_are_named_before_the_first_vector(tmp_path):
    save_model(built(), tmp_path)
    good = '{"input_ids": [1]}\n'
    for line, message in (
        ("{", "line 2: expected JSON"),
        ("[1]", "line 2: expected"),
        ('{"input_ids": [1.5]}', "line 2: expected"),
        ('{"input_ids": "1"}', "line 2: expected"),
        ('{"txt": "a"}', "line 2: expected"),
        ('{"input_ids": [1], "weight": NaN}', "line 2: expected JSON, got NaN"),
        ('{"input_ids": [1], "input_ids": [2]}', "line 2: expected JSON, got a key twice"),
        ('{"input_ids": [1, 0], "attention_mask": [1, 0]}', "line 2: attention_mask: expected 2 times 1, got [1, 0]"),
        ('{"input_ids": [1, 0], "attention_mask": [1]}', "line 2: attention_mask: expected 2 times 1"),
        ('{"input_ids": [1, 0], "attention_mask": null}', "line 2: attention_mask: expected 2 times 1"),
        ('{"input_ids": [1, 0], "token_type_ids": [0, 1]}', "line 2: token_type_ids: expected 2 times 0"),
        ('{"input_ids": []}', "text 2: expected 1 to 24 tokens, got 0"),
        (json.dumps({"input_ids": [1] * 25}), "text 2: expected 1 to 24 tokens, got 25"),
        ('{"input_ids": [40]}', "text 2: expected tokens 0 to 39"),
        ('{"text": "a"}', "tokenizer.json: expected a tokenizer's file, got none"),
    ):
        assert message in told(tmp_path, stdin=good + line)
    assert "No such file" in told(tmp_path, tmp_path / "none.jsonl")
    assert "tokenizer: expected none for lines that have input_ids" in told(tmp_path, "--tokenizer", "t", stdin=good)
    whole = '{"input_ids": [1, 0], "attention_mask": [1, 1], "token_type_ids": [0, 0]}'
    assert json.loads(run(tmp_path, stdin=whole).stdout)["embedding"]
    ends_of_lines = '{"input_ids": [1], "of": "a\u2028b\x85c"}\n'
    assert json.loads(run(tmp_path, stdin=ends_of_lines).stdout)["of"] == "a\u2028b\x85c"
    assert "config.json: No such file" in told(tmp_path / "none", stdin=good)
    assert "reading: expected one of" in told(tmp_path, "--reading", "last", stdin=good)
    assert "--batch': expected 1 to" in told(tmp_path, "--batch", 0, stdin=good)
    save_model(build_model(replace(BERT, head="masked-lm")), tmp_path / "lm")
    assert "reading: expected mean or first for a model without a pooler" in told(tmp_path / "lm", stdin=good)
    assert run(tmp_path / "lm", "--reading", "mean", stdin=good).exit_code == 0
    save_model(build_model(preset("gpt", "tiny")), tmp_path / "gpt")
    assert "expected an encoder, got a gpt" in told(tmp_path / "gpt", stdin=good)
