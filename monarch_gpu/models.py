"""The models there are, by being imported here, and what is done with any of them: built, counted, saved, loaded.

A new one is a file with a `Pretrained` in it, its configuration in `configs`, and a line here.
"""

from monarch_gpu.bert import BertForMaskedLM, BertForSequenceClassification
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.pretrained import (
    Pretrained,
    blank_model,
    build_model,
    check_tensors,
    count_parameters,
    filled,
    load_model,
    materialise,
    model_of,
    read_tensors,
    save_model,
    saved_tensors,
)
from monarch_gpu.vit import ViTForImageClassification

__all__ = [
    "BertForMaskedLM", "BertForSequenceClassification", "GPTForCausalLM", "Pretrained", "ViTForImageClassification",
    "blank_model", "build_model", "check_tensors", "count_parameters", "filled", "load_model", "materialise",
    "model_of", "read_tensors", "save_model", "saved_tensors",
]  # fmt: skip
