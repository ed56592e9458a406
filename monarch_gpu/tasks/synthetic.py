"""What the tasks that are made up have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from monarch_gpu.data import Batch, Task

__all__ = ["Synthetic"]

WHOLE = 16  # batches of an evaluation


class Synthetic(Task):
    """A task whose batches are made by a generator; a frozen dataclass of its sizes.

    Attributes:
        labels: of a sequence, where a classifier can learn it; 0 where it is for language models only.
    """

    labels: ClassVar[int] = 0

    @classmethod
    def of(cls, length: int, vocabulary: int, classify: bool) -> Self:
        """The task at a length with a vocabulary.

        Raises:
            ValueError: one of them is too small.
        """
        raise NotImplementedError

    @property
    def digest(self) -> str:  # type: ignore[override]
        return repr(self)

    def validation(self, size: int, batches: int) -> Iterator[Batch]:
        """The same few every time; no step of a training run has this generator, whose fourth number is not 0."""
        for index in range(batches):
            yield self.batch(np.random.default_rng((0, 0, index, 1)), size, validation=True)

    def whole(self, size: int) -> Iterator[Batch]:
        """Some of the endless validation data."""
        return self.validation(size, WHOLE)


def at_least(name: str, value: int, least: int) -> None:
    """Raise ValueError if a size is too small for the task."""
    if value < least:
        raise ValueError(f"{name}: expected at least {least} for this task, got {value}")
