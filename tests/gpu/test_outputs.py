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
