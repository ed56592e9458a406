"""Multi-query associative recall (Arora et al. 2023, "Zoology"): which value came with this key?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from monarch_gpu.data import Batch
from monarch_gpu.pretrained import IGNORED
from monarch_gpu.tasks.synthetic import Synthetic, at_least

__all__ = ["AssociativeRecall"]

POWER = 0.01  # of the distribution of gaps: most queries follow soon


@dataclass(frozen=True)
class AssociativeRecall(Synthetic):
    """Pairs k₁ v₁ k₂ v₂ …, then every key once more at some place behind them, its value after it, and blanks, 0.

    The target at a key that comes again is its value, and nothing else counts. Keys are 1 … V/2 − 1, all different;
    values are V/2 … V − 1. A query stands 2(g − 1) behind the pairs with a weight of g^(a − 1), a = 0.01.

    >>> task = AssociativeRecall(length=8, vocabulary=8, pairs=2)
    >>> (ids,), targets = task.batch(np.random.default_rng(0), 1)
    >>> ids.tolist(), targets.tolist()
    ([[2, 5, 3, 5, 2, 5, 3, 5]], [[-100, -100, -100, -100, 5, -100, 5, -100]])
    """

    length: int
    vocabulary: int
    pairs: int

    def __post_init__(self) -> None:
        at_least("pairs", self.pairs, 1)
        at_least("length", self.length, 4 * self.pairs)
        at_least("vocabulary", self.vocabulary, 2 * self.pairs + 2)

    @classmethod
    def of(cls, length: int, vocabulary: int, classify: bool) -> Self:
        at_least("length", length, 8)
        at_least("vocabulary", vocabulary, 4)
        return cls(length, vocabulary, min(length // 8, vocabulary // 2 - 1))

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        half, begun = self.vocabulary // 2, 2 * self.pairs
        places = (self.length - begun) // 2
        weights = np.arange(1.0, places + 1) ** (POWER - 1)
        ids, targets = np.zeros((size, self.length), dtype=np.int64), np.full((size, self.length), IGNORED)
        for row, wanted in zip(ids, targets, strict=True):
            keys = rng.choice(np.arange(1, half), self.pairs, replace=False)
            values = rng.integers(half, self.vocabulary, self.pairs)
            row[0:begun:2], row[1:begun:2] = keys, values
            queries = begun + 2 * rng.choice(places, self.pairs, replace=False, p=weights / weights.sum())
            row[queries], row[queries + 1], wanted[queries] = keys, values, values
        return (torch.from_numpy(ids),), torch.from_numpy(targets)
