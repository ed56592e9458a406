"""Tensors and configuration out of what people publish: directories, safetensors, pickles that hold only tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monarch_gpu.models import read_tensors

__all__ = ["read_published"]

NAMES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
WRAPPERS = (("state", "model"), ("state_dict",), ("model_state_dict",), ("model",))  # composer, lightning, others
PREFIXES = ("module.", "model.", "_orig_mod.")


def read_published(path: Path, config: Path | None = None) -> tuple[dict[str, Tensor], dict[str, Any], Path]:
    """Tensors by name without wrappers and prefixes, the configuration, and the file of the tensors.

    Args:
        path: a directory with `config.json`, or a file of weights.
        config: the configuration's file; by default `config.json` beside the weights.

    Raises:
        ValueError: a file is missing, damaged, or holds something else; the message names it.
    """
    file = weights_of(path)
    config = file.parent / "config.json" if config is None else config
    return without_prefixes(read_weights(file)), read_json(config), file


def weights_of(path: Path) -> Path:
    """The file of weights at a path."""
    if not path.is_dir():
        return path
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    raise ValueError(f"{path}: expected one of {', '.join(NAMES)}, got none")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: expected the published configuration, got {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON, got {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(values).__name__}")
    return values


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of one file, or of all shards that an index names."""
    if file.name.endswith(".index.json"):
        shards = read_json(file).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
            raise ValueError(f"{file}: expected an object weight_map of file names")
        return {k: t for name in sorted(set(shards.values())) for k, t in read_weights(file.parent / name).items()}
    if file.suffix == ".safetensors":
        return read_tensors(file)
    if not file.is_file():
        raise ValueError(f"{file}: no such file")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its readers raise; nothing of the file is run
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{file}: expected a file that torch.load reads with weights_only=True ({reason})") from None
    return state_dict(content, file)


def state_dict(content: Any, file: Path) -> dict[str, Tensor]:
    """The tensors by name inside what a training framework wraps them in."""
    for wrapper in WRAPPERS:
        inner = content
        for key in wrapper:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping):
            content = inner
            break
    if not isinstance(content, Mapping):
        raise ValueError(f"{file}: expected tensors by name, got {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(f"{file}: {name}: expected a tensor, got {type(value).__name__}")
    return dict(content)


def without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without the wrappers' prefixes that all of them have."""
    while tensors:
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), None)
        if prefix is None:
            break
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors
