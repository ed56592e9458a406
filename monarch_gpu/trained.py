"""What a run of training left: a model from its checkpoint, from the directory of one, or from a saved model's."""

from __future__ import annotations

from pathlib import Path

from monarch_gpu.checkpoints import CheckpointError, read_checkpoint
from monarch_gpu.configs import parse_config
from monarch_gpu.models import load_model, model_of
from monarch_gpu.pretrained import Pretrained

__all__ = ["CHECKPOINT", "load_trained"]

CHECKPOINT = "checkpoint.safetensors"


def load_trained(path: str | Path) -> Pretrained:
    """The model, in eval mode. A directory's `config.json` is taken before its checkpoint.

    Raises:
        CheckpointError: there is none.
        ValueError: its configuration or its tensors are not those of a model; the message says which.
    """
    path = Path(path)
    if (path / "config.json").exists():
        return load_model(path).eval()
    path = path / CHECKPOINT if path.is_dir() else path
    tensors, metadata = read_checkpoint(path)
    if "config" not in metadata:
        raise CheckpointError(f"{path}: not a checkpoint (it has no configuration)")
    config = parse_config(metadata["config"], str(path))
    found = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    return model_of(config, found, str(path)).eval()
