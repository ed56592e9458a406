"""Models of the library transformers, built with random weights: a class in a tiny size, a folder in its own.

Nothing here imports it before user code or the target names it, and nothing is downloaded.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from monarch_theory.sandbox.outcome import Outcome, SandboxError

__all__ = ["TINY", "has", "is_class", "is_folder", "of_folder", "tiny"]

CONFIG = "config.json"
TINY: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "n_embd": 32, "d_model": 32, "dim": 32, "emb_dim": 32, "embedding_size": 32,
    "word_embed_proj_dim": 32, "num_hidden_layers": 2, "n_layer": 2, "n_layers": 2, "num_layers": 2,
    "decoder_layers": 2, "encoder_layers": 2, "num_decoder_layers": 2, "num_encoder_layers": 2,
    "num_attention_heads": 4, "n_head": 4,
    "n_heads": 4, "num_heads": 4, "decoder_attention_heads": 4, "encoder_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 64, "n_inner": 64, "ffn_dim": 64, "d_ff": 64,
    "decoder_ffn_dim": 64, "encoder_ffn_dim": 64, "d_kv": 8, "moe_intermediate_size": 32, "num_local_experts": 4,
    "num_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "rotary_dim": 4, "max_position_embeddings": 256,
    "n_positions": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
"""Sizes given to those names that a configuration has."""


def is_class(value: Any) -> bool:
    """Whether `value` is a class of models that are made of a configuration."""
    library = sys.modules.get("transformers")
    base = getattr(library, "PreTrainedModel", None)
    return bool(
        inspect.isclass(value)
        and inspect.isclass(base)
        and issubclass(value, base)
        and getattr(value, "config_class", None)
    )


def tiny(model: Any, given: Any = None) -> Callable[..., Any]:
    """A model of a class, tiny where its configuration has a name of `TINY`, and for the rest what is given.

    Raises:
        SandboxError: no model is made of it.
    """
    if given is not None and not isinstance(given, dict):
        raise SandboxError(Outcome.EXCEPTION, f"init: expected an object of the configuration's names, got {given}")
    try:
        usual = model.config_class()
        sizes = {name: size for name, size in TINY.items() if has(usual, name)}
        alone = {name: size for name, size in sizes.items() if takes(model.config_class, name, size)}
        made = model(model.config_class(**(alone | (given or {}))))
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SandboxError(
            Outcome.EXCEPTION, f"{model.__name__} could not be built in a tiny size, --init sets others: {said}"
        ) from error
    return made.eval()


def has(config: Any, name: str) -> bool:
    """Whether a configuration has a value by this name: of some, layers have their own, and asking raises."""
    try:
        return getattr(config, name, None) is not None
    except Exception:
        return False


def takes(config: Any, name: str, size: Any) -> bool:
    """Whether a configuration may be given a size under this name: some only answer to it."""
    try:
        config(**{name: size})
    except Exception:
        return False
    return True


def is_folder(path: str) -> bool:
    """Whether `path` is a folder with the configuration of a model."""
    return os.path.isfile(os.path.join(path, CONFIG))


def of_folder(path: str) -> Callable[..., Any]:
    """A causal language model of a folder's configuration, in its own size, with random weights.

    Raises:
        SandboxError: the library is not installed, or makes no such model of it.
    """
    try:
        library = importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        raise SandboxError(
            Outcome.IMPORT_ERROR, f"{path}: expected transformers installed, pip install 'monarch-mixer-toolkit[zoo]'"
        ) from error
    try:
        config = library.AutoConfig.from_pretrained(path, local_files_only=True)
        return library.AutoModelForCausalLM.from_config(config).eval()
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SandboxError(Outcome.EXCEPTION, f"{path}: no causal language model is made of it: {said}") from error
