"""Real data that is there without a network: the source of Python's standard library, and scikit-learn's digits.

Every batch is a function of (seed, step, microbatch) alone, so a run that resumes sees exactly what it would have seen.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from monarch_gpu.configs import BertConfig, Config, GPTConfig, ViTConfig
from monarch_gpu.pretrained import IGNORED

__all__ = ["Digits", "MaskedText", "Task", "Text", "standard_library", "task_of"]

MASKED_FRACTION = 0.3


@lru_cache(maxsize=2)
def standard_library(validation: bool) -> np.ndarray:
    """The standard library's modules one after another, uint8; every tenth file, chosen by its name, is for validation.

    Tests and installed packages are left out. About 10 MB of training text.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    left_out = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
    chosen = []
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if left_out.isdisjoint(name.parts) and (crc32(name.as_posix().encode()) % 10 == 0) == validation:
            chosen.append(path.read_bytes())
    return np.frombuffer(b"\n".join(chosen), dtype=np.uint8)


def generator(seed: int, step: int, microbatch: int) -> np.random.Generator:
    """Independent randomness for every microbatch of every step."""
    return np.random.default_rng((seed, step, microbatch))


class Task:
    """Something to learn: batches of inputs and targets, targets `IGNORED` where they do not count."""

    unit = "nats"

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def validation(self, size: int, batches: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The same few batches every time."""
        for index in range(batches):
            yield self.batch(generator(0, 0, index), size, validation=True)


@dataclass(frozen=True)
class Text(Task):
    """The next byte of Python source: inputs and targets (size, length), int64."""

    length: int

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> tuple[Tensor, Tensor]:
        windows = self.windows(rng, size, self.length + 1, validation)
        return windows[:, :-1], windows[:, 1:]

    def windows(self, rng: np.random.Generator, size: int, length: int, validation: bool) -> Tensor:
        text = standard_library(validation)
        starts = rng.integers(len(text) - length, size=size)
        return torch.from_numpy(text[starts[:, None] + np.arange(length)].astype(np.int64))


@dataclass(frozen=True)
class MaskedText(Text):
    """Bytes of Python source of which 30 % are masked; the mask is the last token of the vocabulary."""

    mask: int

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> tuple[Tensor, Tensor]:
        text = self.windows(rng, size, self.length, validation)
        masked = torch.from_numpy(rng.random(text.shape) < MASKED_FRACTION)
        return torch.where(masked, self.mask, text), torch.where(masked, text, IGNORED)


@dataclass(frozen=True)
class Digits(Task):
    """Handwritten digits, 8×8, values in [0, 1]: inputs (size, 1, 8, 8), targets (size,); 360 are for validation."""

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> tuple[Tensor, Tensor]:
        images, labels = digits(validation)
        chosen = torch.from_numpy(rng.integers(len(labels), size=size))
        return images[chosen], labels[chosen]

    def validation(self, size: int, batches: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield digits(True)


@lru_cache(maxsize=2)
def digits(validation: bool) -> tuple[Tensor, Tensor]:
    """Images (count, 1, 8, 8) in float32 and labels (count,), split once and for all."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("the digits come with scikit-learn: pip install scikit-learn") from error
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    chosen = order[:360] if validation else order[360:]
    images = torch.tensor(bunch.images[chosen] / 16, dtype=torch.float32)[:, None]
    return images, torch.tensor(bunch.target[chosen], dtype=torch.long)


def task_of(config: Config) -> Task:
    """What a model learns.

    Raises:
        ValueError: the data does not fit the configuration.
    """
    if isinstance(config, GPTConfig):
        if config.vocab_size < 256:
            raise ValueError(f"vocab_size: expected at least 256 for bytes, got {config.vocab_size}")
        return Text(config.max_position_embeddings)
    if isinstance(config, BertConfig) and config.head != "masked-lm":
        raise ValueError(f"head: expected masked-lm, which the text teaches, got {config.head}")
    if isinstance(config, BertConfig):
        if config.vocab_size < 257:
            raise ValueError(f"vocab_size: expected at least 257 for bytes and a mask, got {config.vocab_size}")
        return MaskedText(config.max_position_embeddings, config.vocab_size - 1)
    if isinstance(config, ViTConfig) and (config.image_size, config.num_channels, config.num_labels) == (8, 1, 10):
        return Digits()
    raise ValueError("config: expected a ViT for 8×8 images of one channel with 10 labels: the data are digits")
