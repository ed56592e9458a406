"""Models as people use them: outputs by name, losses, and directories."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from monarch_gpu.bert import BertForMaskedLM, BertForSequenceClassification
from monarch_gpu.configs import PRESETS
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.models import build_model

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "filter_width": 8}
BERT, GPT, VIT = (replace(PRESETS[name]["tiny"], **SMALL) for name in ("bert", "gpt", "vit"))
CLASSIFIER = replace(BERT, head="classification", num_labels=3)
EVERY = [BERT, CLASSIFIER, GPT, VIT, BERT.as_transformer(), GPT.as_transformer(), VIT.as_transformer()]


def batch(config):
    g = torch.Generator().manual_seed(0)
    if config.model_type == "vit":
        return torch.rand(3, 1, 8, 8, generator=g), torch.randint(10, (3,), generator=g)
    ids = torch.randint(200, (3, 7), generator=g)
    return ids, torch.tensor([0, 2, 1]) if config is CLASSIFIER else torch.where(ids % 3 == 0, -100, ids)


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{type(c).__name__}-{c.architecture}")
def test_outputs_are_by_name(config):
    torch.manual_seed(0)
    model, (x, labels) = build_model(config), batch(config)
    found = model.outputs(x, labels=labels, hidden_states=True)
    assert torch.equal(found.logits, model(x))
    assert len(found.hidden_states) == 3 and found.hidden_states[0].ndim == 3
    logits, targets = (found.logits[:, :-1], labels[:, 1:]) if config.model_type == "gpt" else (found.logits, labels)
    expected = cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=-100)
    assert torch.allclose(found.loss, expected)
    plain = model.outputs(x)
    assert plain.loss is None and plain.hidden_states == ()
    assert (plain.embedding is None) == (config.model_type == "gpt" or getattr(config, "head", "") == "masked-lm")
    with pytest.raises(ValueError, match="labels: expected"):
        model.outputs(x, labels=labels[:2])


def test_the_last_state_is_what_the_head_reads():
    torch.manual_seed(0)
    bert, (ids, _) = build_model(BERT), batch(BERT)
    found = bert.outputs(ids, hidden_states=True)
    assert torch.equal(bert.cls(found.hidden_states[-1], bert.bert.embeddings.word_embeddings.weight), found.logits)
    gpt = build_model(GPT)
    found = gpt.outputs(ids, hidden_states=True)
    assert torch.equal(gpt.logits(gpt.transformer.ln_f(found.hidden_states[-1])), found.logits)


def test_losses_of_half_precision_models_are_float32():
    model, (ids, labels) = build_model(BERT).bfloat16(), batch(BERT)
    assert model.outputs(ids, labels=labels).loss.dtype == torch.float32


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{type(c).__name__}-{c.architecture}")
def test_directories_are_written_and_read(config, tmp_path):
    torch.manual_seed(0)
    model, (x, _) = build_model(config), batch(config)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert torch.equal(again(x), model(x)) and not again.training


def test_another_kind_of_model_is_refused_by_name(tmp_path):
    build_model(CLASSIFIER).save_pretrained(tmp_path)
    assert isinstance(BertForSequenceClassification.from_pretrained(tmp_path), BertForSequenceClassification)
    for other in (GPTForCausalLM, BertForMaskedLM):
        with pytest.raises(ValueError, match=f"expected a {other.__name__}, got a BertForSequenceClassification"):
            other.from_pretrained(tmp_path)


MEAN = replace(CLASSIFIER, pooling="mean", transform="monarch")
TEXT = [BERT, CLASSIFIER, MEAN, GPT, replace(GPT, transform="monarch"), BERT.as_transformer(), MEAN.as_transformer()]
TEXT += [GPT.as_transformer(), GPT.as_transformer(alibi=False)]
IDS = torch.randint(200, (2, 6), generator=torch.Generator().manual_seed(0))
NOTHING = torch.zeros(2, 6, dtype=torch.long)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("config", TEXT, ids=lambda c: f"{type(c).__name__}-{c.architecture}-{c.transform}")
def test_small_empty_and_masked_inputs_work_in_every_precision(config, dtype):
    torch.manual_seed(0)
    model = build_model(config).to(dtype).eval()
    with torch.no_grad():
        whole = model(IDS)
        for ids, mask in (
            (IDS[:0], None), (IDS[:0], NOTHING[:0]), (IDS[:, :1], None), (IDS[:, :1], NOTHING[:, :1]), (IDS, NOTHING),
            (IDS, torch.tensor([[0] * 6, [1] * 6])), (IDS.int(), NOTHING.bool()),
        ):  # fmt: skip
            found = model(ids, mask)
            assert found.dtype == dtype and found.isfinite().all()
            assert found.shape == (len(ids), *whole.shape[1:]) or found.shape == (*ids.shape, whole.shape[-1])
        strided = IDS.t().contiguous().t()
        assert not strided.is_contiguous() and torch.equal(model(strided), whole)


@pytest.mark.parametrize("config", TEXT, ids=lambda c: f"{type(c).__name__}-{c.architecture}-{c.transform}")
def test_what_is_no_input_is_one_clear_error(config):
    model = build_model(config)
    one = config.model_type == "bert" and config.head == "classification"
    labels = torch.tensor([0, 1]) if one else IDS
    for dtype in (torch.float32, torch.bool, torch.uint8, torch.int16, torch.complex64):
        with pytest.raises(ValueError, match=f"input_ids: expected torch.int64, got {dtype}"):
            model(IDS.to(dtype))
        with pytest.raises(ValueError, match=f"labels: expected torch.int64, got {dtype}"):
            model.outputs(IDS, labels=labels.to(dtype))
    for call, message in (
        (lambda: model([[1, 2]]), "input_ids: expected a tensor of torch.int64, got a list"),
        (lambda: model(IDS[0]), r"input_ids: expected \(batch, n\), got \(6,\)"),
        (lambda: model(IDS, torch.full((2, 6), float("nan"))), "attention_mask: expected 0 for padding"),
        (lambda: model(IDS, torch.ones(2, 1, 1, 6)), r"attention_mask: expected \(2, 6\), got \(2, 1, 1, 6\)"),
        (lambda: model.outputs(IDS, labels=torch.full_like(labels, -100)), "labels: expected at least one that counts"),
        (lambda: model.outputs(IDS[:0], labels=labels[:0]), "labels: expected at least one that counts"),
        (lambda: model.outputs(IDS, labels=torch.full_like(labels, 999)), "labels: expected 0 to .* or -100, got 999"),
        (lambda: model.outputs(IDS, labels=torch.full_like(labels, -1)), "labels: expected 0 to .* or -100, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert torch.equal(model.outputs(IDS, labels=labels.int()).loss, model.outputs(IDS, labels=labels).loss)
    if one:
        with pytest.raises(ValueError, match="input_ids: expected at least one position"):
            model(IDS[:, :0])
    else:
        assert model(IDS[:, :0]).shape[:2] == (2, 0)
