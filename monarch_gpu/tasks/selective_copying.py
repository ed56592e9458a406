"""Selective copying (Jing et al. 2019; Gu and Dao 2023): which tokens came, in order, wherever they stood?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from monarch_gpu.data import Batch
from monarch_gpu.pretrained import IGNORED
from monarch_gpu.tasks.synthetic import Synthetic, at_least

__all__ = ["SelectiveCopying"]

SYMBOLS = 14
COPIED = 16


@dataclass(frozen=True)
class SelectiveCopying(Synthetic):
    """Some tokens 2 … `symbols` + 1 at random places among blanks, 0, then as many markers, 1.

    The targets at the markers are the tokens in their order, and nothing else counts.

    >>> (ids,), targets = SelectiveCopying(length=8, copied=2, symbols=3).batch(np.random.default_rng(1), 1)
    >>> ids.tolist(), targets.tolist()
    ([[0, 3, 0, 3, 0, 0, 1, 1]], [[-100, -100, -100, -100, -100, -100, 3, 3]])
    """

    length: int
    copied: int = COPIED
    symbols: int = SYMBOLS

    def __post_init__(self) -> None:
        at_least("copied", self.copied, 1)
        at_least("symbols", self.symbols, 2)
        at_least("length", self.length, 2 * self.copied)

    @classmethod
    def of(cls, length: int, vocabulary: int, classify: bool) -> Self:
        at_least("vocabulary", vocabulary, SYMBOLS + 2)
        at_least("length", length, 4)
        return cls(length, min(COPIED, length // 4))

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        room = self.length - self.copied
        tokens = rng.integers(2, self.symbols + 2, (size, self.copied))
        places = np.sort(rng.random((size, room)).argsort(1)[:, : self.copied], axis=1)
        ids, targets = np.zeros((size, self.length), dtype=np.int64), np.full((size, self.length), IGNORED)
        np.put_along_axis(ids, places, tokens, axis=1)
        ids[:, room:], targets[:, room:] = 1, tokens
        return (torch.from_numpy(ids),), torch.from_numpy(targets)
