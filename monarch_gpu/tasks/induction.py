"""Induction heads (Olsson et al. 2022; Dao et al. 2023): what followed this token the last time?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from monarch_gpu.data import Batch
from monarch_gpu.pretrained import IGNORED
from monarch_gpu.tasks.synthetic import Synthetic, at_least

__all__ = ["InductionHeads"]

SYMBOLS = 16


@dataclass(frozen=True)
class InductionHeads(Synthetic):
    """Random tokens 1 … `symbols`, among them once the special token 0, which also ends the sequence.

    The target there is the token that followed it the first time, and nothing else counts.

    >>> (ids,), targets = InductionHeads(length=6, symbols=3).batch(np.random.default_rng(0), 1)
    >>> ids.tolist(), targets.tolist()
    ([[0, 2, 2, 1, 1, 0]], [[-100, -100, -100, -100, -100, 2]])
    """

    length: int
    symbols: int = SYMBOLS

    def __post_init__(self) -> None:
        at_least("length", self.length, 3)
        at_least("symbols", self.symbols, 2)

    @classmethod
    def of(cls, length: int, vocabulary: int, classify: bool) -> Self:
        at_least("vocabulary", vocabulary, SYMBOLS + 1)
        return cls(length)

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        ids = rng.integers(1, self.symbols + 1, (size, self.length))
        first, rows = rng.integers(0, self.length - 2, size), np.arange(size)
        ids[rows, first] = ids[:, -1] = 0
        targets = np.full_like(ids, IGNORED)
        targets[:, -1] = ids[rows, first + 1]
        return (torch.from_numpy(ids),), torch.from_numpy(targets)
