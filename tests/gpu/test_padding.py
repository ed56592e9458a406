"""Padding: masked, real tokens are what they are without it, whatever it is; unmasked, it is read as text."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from monarch_gpu import layers
from monarch_gpu.bert import BertForSequenceClassification
from monarch_gpu.configs import BertConfig, GPTConfig
from monarch_gpu.models import build_model
from monarch_gpu.reference import reference_bert, reference_gpt

BERT = BertConfig(
    hidden_size=8, intermediate_size=24, num_hidden_layers=2, max_position_embeddings=40, filter_width=6,
    vocab_size=17, num_attention_heads=2,
)  # fmt: skip
TEXT = 13


def built(config):
    torch.manual_seed(0)
    model = build_model(config).double()
    for name, parameter in model.named_parameters():
        if "frequency" not in name:
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def padded(amount, content=0):
    """The same text with some padding behind it: ids, and the mask."""
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(17, (3, TEXT), generator=generator)
    after = (
        torch.randint(17, (3, amount), generator=generator) if content == "text" else torch.full((3, amount), content)
    )
    mask = torch.arange(TEXT + amount).expand(3, -1) < TEXT
    return torch.cat([text, after], dim=1), mask.long()


def excess(model, amount, content=0):
    """How far real tokens are from those without padding, as a multiple of the bound on both runs' rounding."""
    (alone, _), (ids, mask) = padded(0), padded(amount, content)
    with torch.no_grad():
        found = model(ids, mask).numpy()[:, :TEXT]
    expected = reference_bert(model, alone)
    own = reference_bert(model, ids, mask.bool().numpy()).error[:, :TEXT]
    return float((np.abs(found - expected.value) / (expected.error + own)).max())


@pytest.mark.parametrize("transform", ["monarch", "fft"])
@pytest.mark.parametrize(("amount", "content"), [(1, 0), (5, "text"), (27, 0), (27, "text")])
def test_masked_padding_leaves_real_tokens_as_they_are(amount, content, transform):
    assert excess(built(replace(BERT, transform=transform)), amount, content) <= 1


def hidden_only(number):
    """A mixer that masks only one of what it hides: the projection, the gated input, the residual."""
    calls = iter(range(10**6))
    true = layers.hide
    return lambda x, mask: true(x, mask if next(calls) % 3 == number else None)


@pytest.mark.parametrize("number", [1, 2], ids=["only the gated convolution", "only the residual convolution"])
def test_half_a_mask_is_caught(number, monkeypatch):
    monkeypatch.setattr(layers, "hide", hidden_only(number))
    assert excess(built(BERT), 9, "text") > 1


@pytest.mark.parametrize("architecture", ["monarch-mixer", "transformer"])
def test_what_is_in_the_padding_changes_no_bit(architecture):
    """Also where it is in front or in between, and where its states are not finite."""
    model = built(replace(BERT, architecture=architecture))
    ids, _ = padded(12, "text")
    mask = torch.rand(ids.shape, generator=torch.Generator().manual_seed(2)) < 0.6
    mask[:, 4] = True
    other = torch.where(mask, ids, 16 - ids)
    assert not torch.equal(ids, other)
    with torch.no_grad():
        assert torch.equal(model(ids, mask)[mask], model(other, mask)[mask])
        if architecture == "monarch-mixer":
            model.bert.embeddings.word_embeddings.weight[3] = float("nan")
            mask[ids == 3] = False
            others = torch.arange(17) != 3  # the embedding is the output matrix, too
            assert model(ids, mask)[mask][:, others].isfinite().all()


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_embeddings_are_those_of_the_unpadded_text(pooling):
    model = built(replace(BERT, head="classification", pooling=pooling))
    assert isinstance(model, BertForSequenceClassification)
    (alone, all_of_it), (ids, mask) = padded(0), padded(20, "text")
    with torch.no_grad():
        for function in (model, model.embed):
            expected = function(alone)
            assert torch.allclose(function(ids, mask), expected, rtol=0, atol=2.0**-40)
            assert torch.allclose(function(alone, all_of_it), expected, rtol=0, atol=2.0**-40)


def test_unmasked_reads_padding_as_text():
    """What published weights are trained with: the mask makes no difference, and the amount of padding does."""
    model = built(replace(BERT, padding="unmasked"))
    (alone, _), (ids, mask) = padded(0), padded(20)
    with torch.no_grad():
        assert torch.equal(model(ids, mask), model(ids))
        assert (model(ids, mask)[:, :TEXT] - model(alone)).norm() > 0.1 * model(alone).norm()


def test_a_mask_of_ones_is_no_mask():
    model, (ids, mask) = built(BERT), padded(0)
    with torch.no_grad():
        assert torch.equal(model(ids, mask), model(ids))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_masks_work_in_half_precision(dtype):
    model = copy.deepcopy(built(BERT)).to(dtype)
    (alone, _), (ids, mask) = padded(0), padded(20, "text")
    with torch.no_grad():
        found, expected = model(ids, mask)[:, :TEXT].double(), model(alone).double()
    assert (found - expected).norm() < 16 * torch.finfo(dtype).eps * expected.norm()


def test_token_types_are_added():
    model, (ids, _) = built(BERT), padded(0)
    types = torch.zeros_like(ids)
    with torch.no_grad():
        assert torch.allclose(model(ids, token_type_ids=types), model(ids), rtol=0, atol=2.0**-45)
        types[0, 3] = 1
        changed = (model(ids, token_type_ids=types) - model(ids)).abs().amax((1, 2)) > 0.01
    assert changed.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_ids": torch.zeros(2, 3)}, "input_ids: expected torch.int64, got torch.float32"),
        ({"input_ids": torch.zeros(3, dtype=torch.long)}, r"input_ids: expected \(batch, n\), got \(3,\)"),
        ({"input_ids": torch.full((2, 3), 17)}, "input_ids: expected 0 to 16, got 17 to 17"),
        ({"input_ids": torch.full((2, 3), -1)}, "input_ids: expected 0 to 16, got -1 to -1"),
        ({"token_type_ids": torch.full((2, 3), 2)}, "token_type_ids: expected 0 to 1, got 2 to 2"),
        ({"token_type_ids": torch.zeros(2, 4, dtype=torch.long)}, r"token_type_ids: expected \(2, 3\), got \(2, 4\)"),
        ({"attention_mask": torch.ones(2, 2)}, r"attention_mask: expected \(2, 3\), got \(2, 2\)"),
        ({"attention_mask": torch.full((2, 3), 0.5)}, "attention_mask: expected 0 for padding and 1 for text"),
        ({"attention_mask": torch.full((2, 3), -10000)}, "attention_mask: expected 0 for padding and 1 for text"),
    ],
)
def test_bad_inputs_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        built(BERT)(**({"input_ids": torch.zeros(2, 3, dtype=torch.long)} | arguments))


GPT = GPTConfig(
    hidden_size=8, intermediate_size=24, num_hidden_layers=2, max_position_embeddings=40, filter_width=6,
    filter_features=5, vocab_size=17, num_attention_heads=2,
)  # fmt: skip


@pytest.mark.parametrize("side", ["in front", "behind"])
@pytest.mark.parametrize("transform", ["monarch", "fft"])
def test_a_language_model_reads_no_padding_on_either_side(transform, side):
    model = built(replace(GPT, transform=transform))
    (alone, _), (ids, mask) = padded(0), padded(9, "text")
    if side == "in front":
        ids, mask = ids.roll(9, 1), mask.roll(9, 1)
    text = mask[0].bool()
    with torch.no_grad():
        found, blind = model(ids, mask).numpy()[:, text], model(ids).numpy()[:, text]
    expected = reference_gpt(model, alone)
    bound = expected.error + reference_gpt(model, ids, mask=mask.bool().numpy()).error[:, text]
    assert (np.abs(found - expected.value) <= bound).all()
    assert side == "behind" or (np.abs(blind - expected.value) > bound).any(), "it would be seen without the mask"


def test_attention_of_a_language_model_reads_no_padding_and_no_future():
    """Measured: its softmax has no reference here. Behind the text, causality alone would hide the padding."""
    model = built(GPT.as_transformer())
    ids, mask = padded(9, "text")
    ids, mask = ids.roll(9, 1), mask.roll(9, 1)
    other = torch.where(mask.bool(), ids, 16 - ids)
    assert torch.equal(model(ids, mask)[:, 9:], model(other, mask)[:, 9:])
    later = ids.clone()
    later[:, 15:] = 16 - later[:, 15:]
    assert torch.equal(model(ids, mask)[:, 9:15], model(later, mask)[:, 9:15])
