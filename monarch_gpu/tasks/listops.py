"""ListOps (Nangia and Bowman 2018; Tay et al. 2021): what is the value of this nested list?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from monarch_gpu.data import Batch
from monarch_gpu.pretrained import IGNORED
from monarch_gpu.tasks.synthetic import Synthetic, at_least

__all__ = ["CLOSE", "OPERATIONS", "ListOps"]

OPERATIONS: dict[str, Callable[[list[int]], int]] = {
    "MAX": max,
    "MIN": min,
    "MED": lambda values: int(np.median(values)),
    "SM": lambda values: sum(values) % 10,
}
NAMES = tuple(OPERATIONS)
CLOSE = 11 + len(NAMES)
NESTED = 0.25  # chance that an argument is a list, as published


@dataclass(frozen=True)
class ListOps(Synthetic):
    """Lists [OP a b …] of 2 to `most` digits and lists, nested to a depth; the target is the value, a digit.

    Tokens are 0 for padding, 1 … 10 for the digits 0 … 9, 11 … 14 for what opens a list, [MAX, [MIN, [MED (rounded
    down) and [SM (the sum modulo 10), and 15 for what closes one. A classifier gets ids and mask, (size, n) both, and
    the digit as label; a language model gets ids, and its target is the digit's token at the closing of the whole.

    >>> (ids, mask), labels = ListOps(length=9, classify=True).batch(np.random.default_rng(2), 1)
    >>> ListOps.written(ids[0]), int(labels)
    ('[SM 4 [SM 6 8 ] 7 9 ]', 4)
    """

    length: int
    classify: bool
    depth: int = 10
    most: int = 10

    labels = 10

    def __post_init__(self) -> None:
        at_least("length", self.length, 4)
        at_least("depth", self.depth, 1)
        at_least("most", self.most, 2)

    @classmethod
    def of(cls, length: int, vocabulary: int, classify: bool) -> Self:
        at_least("vocabulary", vocabulary, CLOSE + 1)
        return cls(length, classify)

    def batch(self, rng: np.random.Generator, size: int, validation: bool = False) -> Batch:
        rows = [self.expression(rng, self.length, 1) for _ in range(size)]
        ids, mask = np.zeros((size, self.length), dtype=np.int64), np.zeros((size, self.length), dtype=bool)
        targets = np.full((size, self.length), IGNORED)
        for i, (tokens, value) in enumerate(rows):
            ids[i, : len(tokens)], mask[i, : len(tokens)], targets[i, len(tokens) - 1] = tokens, True, value + 1
        if self.classify:
            labels = torch.tensor([value for _, value in rows], dtype=torch.int64)
            return (torch.from_numpy(ids), torch.from_numpy(mask)), labels
        return (torch.from_numpy(ids),), torch.from_numpy(targets)

    def expression(self, rng: np.random.Generator, room: int, depth: int) -> tuple[list[int], int]:
        """Tokens of a list that takes no more than so many, at least 4, and its value."""
        operation = int(rng.integers(len(NAMES)))
        count = min(int(rng.integers(2, self.most + 1)), room - 2)
        tokens, values = [11 + operation], []
        for index in range(count):
            left = room - len(tokens) - 1 - (count - index - 1)  # for this argument, the others being digits
            if left >= 4 and depth < self.depth and rng.random() < NESTED:
                inner, value = self.expression(rng, left, depth + 1)
            else:
                value = int(rng.integers(10))
                inner = [value + 1]
            tokens += inner
            values.append(value)
        return [*tokens, CLOSE], OPERATIONS[NAMES[operation]](values)

    @staticmethod
    def written(ids: torch.Tensor) -> str:
        """A list as one reads it, padding left out."""
        words = {0: "", CLOSE: "]", **{d + 1: str(d) for d in range(10)}}
        words |= {11 + i: f"[{name}" for i, name in enumerate(NAMES)}
        return " ".join(words[int(token)] for token in ids if int(token))
