"""Sampling from a trained language model, whose tokens are bytes or a tokenizer's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from monarch_gpu.checkpoints import CheckpointError
from monarch_gpu.decode import Decoder
from monarch_gpu.device import device_of
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.trained import load_trained

__all__ = ["generate", "load_checkpoint"]


def load_checkpoint(path: str | Path) -> GPTForCausalLM:
    """The language model in a training checkpoint, in the directory of one, or in a directory `save_model` wrote.

    Raises:
        CheckpointError: there is none, or it holds another kind of model.
        ValueError: its configuration or its tensors are not those of a model; the message says which.
    """
    model = load_trained(path)
    if not isinstance(model, GPTForCausalLM):
        raise CheckpointError(f"{path}: expected a gpt, got a {model.config.model_type}")
    return model


def generate(
    model: GPTForCausalLM, prompt: Sequence[int], count: int, temperature: float = 0.8, seed: int = 0
) -> Iterator[int]:
    """`count` further tokens, one by one; bytes are tokens of a model of 256.

    Args:
        prompt: at least one token; prompt and continuation fit the model's positions.
        temperature: 0 takes the most likely token.

    Raises:
        ValueError: an argument out of range.

    >>> from monarch_gpu.configs import preset
    >>> len(bytes(generate(GPTForCausalLM(preset("gpt", "tiny")), b"def ", 5)))
    5
    """
    longest = model.config.max_position_embeddings
    if not prompt:
        raise ValueError("prompt: expected at least one token, got none")
    if len(prompt) >= longest:
        raise ValueError(f"prompt: expected at most {longest - 1} tokens, so that one more fits, got {len(prompt)}")
    if count < 1 or len(prompt) + count > longest:
        raise ValueError(f"count: expected 1 to {longest - len(prompt)} tokens after this prompt, got {count}")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature: expected a number of at least 0, got {temperature}")
    last = model.config.vocab_size - 1
    if not all(0 <= token <= last for token in prompt):
        raise ValueError(f"prompt: expected tokens 0 to {last}, got {max(prompt) if min(prompt) >= 0 else min(prompt)}")
    return continuation(model, prompt, count, temperature, torch.Generator().manual_seed(seed))


def continuation(
    model: GPTForCausalLM, prompt: Sequence[int], count: int, temperature: float, random: torch.Generator
) -> Iterator[int]:
    """The tokens themselves; `generate` has looked at the arguments before the first is asked for."""
    decoder = Decoder(model, 1, len(prompt) + count)
    with torch.no_grad():
        logits = decoder.prefill(torch.tensor([list(prompt)], device=device_of(model)))
        for left in range(count, 0, -1):
            token = sample(logits.cpu(), temperature, random)  # whose generator is the processor's
            yield int(token)
            if left > 1:
                logits = decoder.step(token.to(logits.device))


def sample(logits: torch.Tensor, temperature: float, random: torch.Generator) -> torch.Tensor:
    """One token for each row of logits."""
    if temperature == 0:
        return logits.argmax(-1)
    below = (logits - logits.amax(-1, keepdim=True)).double()  # finite at any temperature
    return torch.multinomial(torch.softmax(below / temperature, dim=-1), 1, generator=random)[:, 0]
