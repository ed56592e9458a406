"""What every model here can do besides its forward: save itself, load itself, and give its outputs by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

__all__ = ["IGNORED", "Outputs", "Pretrained", "keep", "loss_of"]

IGNORED = -100


@dataclass(frozen=True)
class Outputs:
    """What a model makes of a batch.

    Attributes:
        logits: as its forward gives them.
        hidden_states: (batch, n, d) of the embeddings and after every block; empty unless asked for.
        loss: mean cross-entropy in nats, float32 or better; None without labels.
        embedding: (batch, d), the pooler's; None if the model has none.
    """

    logits: Tensor
    hidden_states: tuple[Tensor, ...]
    loss: Tensor | None = None
    embedding: Tensor | None = None


class Pretrained(nn.Module):
    """A model with a configuration that can be written to a directory and read from it."""

    config: Any

    def save_pretrained(self, directory: str | Path) -> None:
        """`monarch_gpu.models.save_model`."""
        from monarch_gpu.models import save_model

        save_model(self, directory)

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """`monarch_gpu.models.load_model`, in eval mode.

        Raises:
            ValueError: a file is missing or damaged, or holds another kind of model.
        """
        from monarch_gpu.models import load_model

        model = load_model(directory).eval()
        if not isinstance(model, cls):
            raise ValueError(f"{directory}: expected a {cls.__name__}, got a {type(model).__name__}")
        return model


def keep(x: Tensor, states: list[Tensor] | None) -> Tensor:
    """x, which is also put among the states, if they are wanted."""
    if states is not None:
        states.append(x)
    return x


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the targets that are not `IGNORED`, in float32 or better.

    Raises:
        ValueError: targets of another shape.
    """
    if targets.shape != logits.shape[:-1]:
        raise ValueError(f"labels: expected {tuple(logits.shape[:-1])}, got {tuple(targets.shape)}")
    wide = logits if logits.dtype.itemsize >= 4 else logits.float()
    return cross_entropy(wide.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)
