"""From configuration to model, and to disk and back: `config.json` beside `model.safetensors`, as Hugging Face does."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from monarch_gpu.bert import BertForMaskedLM
from monarch_gpu.configs import BertConfig, Config, GPTConfig, ViTConfig, load_config, save_config
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.layers import ImplicitFilter
from monarch_gpu.vit import ViTForImageClassification

__all__ = ["build_model", "count_parameters", "load_model", "materialise", "save_model"]


def build_model(config: Config) -> nn.Module:
    """The model of a configuration, freshly initialised from torch's global seed, on the default device.

    >>> from monarch_gpu.configs import preset
    >>> type(build_model(preset("vit", "tiny"))).__name__
    'ViTForImageClassification'
    """
    if isinstance(config, BertConfig):
        return BertForMaskedLM(config)
    if isinstance(config, ViTConfig):
        return ViTForImageClassification(config)
    if isinstance(config, GPTConfig):
        return GPTForCausalLM(config)
    raise TypeError(f"config: expected a BertConfig, ViTConfig or GPTConfig, got {type(config).__name__}")


def count_parameters(config: Config) -> int:
    """Parameters counted on the meta device, where no memory is used.

    >>> from monarch_gpu.configs import preset
    >>> count_parameters(preset("gpt", "145m"))
    145728288
    """
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_model(config).parameters())


def materialise(model: nn.Module, device: str = "cpu") -> nn.Module:
    """Give a model built on the meta device storage; parameters are uninitialised, what is computed is filled in."""
    model.to_empty(device=device)
    for module in model.modules():
        if isinstance(module, ImplicitFilter):
            module.reset_buffers()
    return model


def save_model(model: nn.Module, directory: str | Path) -> None:
    """Write `config.json` and `model.safetensors`."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    save_config(model.config, directory / "config.json")
    save_file(
        {name: t.detach().contiguous() for name, t in model.state_dict().items()}, directory / "model.safetensors"
    )


def load_model(directory: str | Path) -> nn.Module:
    """Read what `save_model` wrote.

    Raises:
        ValueError: a tensor is missing, unknown or of the wrong shape; the message names it.
    """
    directory = Path(directory)
    with torch.device("meta"):
        model = build_model(load_config(directory / "config.json"))
    tensors = load_file(directory / "model.safetensors")
    wanted = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    check_tensors(wanted, tensors, str(directory / "model.safetensors"))
    materialise(model).load_state_dict(tensors, assign=True)
    return model


def check_tensors(wanted: dict[str, tuple[int, ...]], tensors: dict[str, torch.Tensor], source: str) -> None:
    """Refuse a file whose tensors are not exactly those wanted, by name and shape."""
    for name in sorted(wanted.keys() ^ tensors.keys()):
        raise ValueError(f"{source}: {name} is {'missing' if name in wanted else 'unknown'}")
    for name, shape in wanted.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{source}: {name}: expected {shape}, got {tuple(tensors[name].shape)}")
