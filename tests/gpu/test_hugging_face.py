"""One directory for both libraries: what either wrote, the other reads, bit for bit."""

from dataclasses import asdict, replace

import pytest
import torch

transformers = pytest.importorskip("transformers", minversion="5")

from monarch_gpu.configs import PRESETS  # noqa: E402
from monarch_gpu.hugging_face import register  # noqa: E402
from monarch_gpu.models import build_model, load_model, save_model  # noqa: E402

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "filter_width": 8}
BERT, GPT, VIT = (replace(PRESETS[name]["tiny"], **SMALL) for name in ("bert", "gpt", "vit"))
CLASSIFIER = replace(BERT, head="classification", num_labels=3, filter_positions="learned", padding="unmasked")
AUTO = {
    "AutoModelForMaskedLM": BERT,
    "AutoModelForSequenceClassification": CLASSIFIER,
    "AutoModelForCausalLM": GPT,
    "AutoModelForImageClassification": VIT,
}
CASES = [(auto, c) for auto, config in AUTO.items() for c in (config, config.as_transformer())]

register()


def batch(config):
    g = torch.Generator().manual_seed(0)
    if config.model_type == "vit":
        return {"pixel_values": torch.rand(3, 1, 8, 8, generator=g), "labels": torch.randint(10, (3,), generator=g)}
    ids = torch.randint(200, (3, 7), generator=g)
    mask = torch.arange(7) < torch.tensor([7, 4, 1])[:, None]
    labels = torch.tensor([0, 2, 1]) if getattr(config, "head", "") == "classification" else ids
    return {"input_ids": ids, "attention_mask": mask.long(), "labels": labels}


def same_weights(found, expected):
    """Logits may differ all the same: memory of a file is aligned as it is, and sums then round otherwise."""
    held = expected.state_dict()
    assert found.state_dict().keys() == held.keys()
    assert all(torch.equal(tensor, held[name]) for name, tensor in found.state_dict().items())
    buffers = dict(expected.named_buffers())
    assert all(torch.equal(tensor, buffers[name]) for name, tensor in found.named_buffers())


@pytest.mark.parametrize(("auto", "config"), CASES, ids=lambda c: c if isinstance(c, str) else c.architecture)
def test_a_directory_of_ours_is_loaded_by_the_auto_classes_and_back(auto, config, tmp_path):
    torch.manual_seed(0)
    ours, given = build_model(config).eval(), batch(config)
    save_model(ours, tmp_path / "ours")
    theirs, report = getattr(transformers, auto).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    same_weights(theirs, ours)
    found, expected = theirs(**given, output_hidden_states=True), theirs.monarch.outputs(**given, hidden_states=True)
    assert torch.equal(found.logits, expected.logits) and torch.equal(found.loss, expected.loss)
    assert all(map(torch.equal, found.hidden_states, expected.hidden_states)) and len(found.hidden_states) == 3
    assert theirs(**given).hidden_states is None
    assert torch.equal(theirs(**given, return_dict=False)[1], expected.logits)
    theirs.save_pretrained(tmp_path / "theirs")
    again = load_model(tmp_path / "theirs").eval()
    assert again.config == config
    same_weights(again, ours)


@pytest.mark.parametrize("auto", AUTO)
def test_activation_checkpointing_is_recomputing(auto):
    described = AUTO[auto]
    config = transformers.AutoConfig.for_model(f"monarch-{described.model_type}", **asdict(described))
    model = getattr(transformers, auto).from_config(config)
    model.activation_checkpointing_enable()
    mixers = [module for module in model.modules() if hasattr(module, "recomputed")]
    assert mixers and all(module.recomputed for module in mixers)
    model.activation_checkpointing_disable()
    assert not any(module.recomputed for module in mixers)


def test_half_precision_leaves_the_filters_wide(tmp_path):
    save_model(build_model(GPT), tmp_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    held = {"filter" in name: tensor.dtype for name, tensor in model.named_parameters()}
    assert held == {True: torch.float32, False: torch.bfloat16}
    buffers = {name: tensor for name, tensor in model.named_buffers() if "filter" in name}
    assert buffers and all(tensor.dtype == torch.float32 for tensor in buffers.values())
    same_weights(model, load_model(tmp_path).bfloat16())


def test_the_encoder_of_any_head_is_loaded_and_a_new_head_is_made(tmp_path):
    torch.manual_seed(0)
    ours = build_model(BERT).eval()
    save_model(ours, tmp_path)
    ids = batch(BERT)["input_ids"]
    encoder = transformers.AutoModel.from_pretrained(tmp_path)
    same_weights(encoder, ours.bert)
    assert torch.equal(encoder(ids).last_hidden_state, encoder.monarch(ids))
    classifier = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=5)
    same_weights(classifier.bert, ours.bert)
    assert classifier(ids).logits.shape == (3, 5)
    assert classifier.classifier.weight.isfinite().all() and classifier.config.monarch.num_labels == 5


def test_a_file_that_lacks_part_of_a_mixer_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    save_model(build_model(BERT), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["bert.encoder.0.dimension_mixer.input_projection.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="BlockDiagonalLinear: expected its weights in the file"):
        transformers.AutoModelForMaskedLM.from_pretrained(tmp_path)


def test_a_new_model_is_as_ours_is_from_the_same_seed():
    torch.manual_seed(3)
    ours = build_model(GPT)
    torch.manual_seed(3)
    config = transformers.AutoConfig.for_model("monarch-gpt", **asdict(GPT))
    theirs = transformers.AutoModelForCausalLM.from_config(config)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
