"""One safetensors file per checkpoint, its JSON in the header, replaced as a whole or not at all.

A checkpoint is written beside the old one, forced to disk, and renamed over it. Whatever happens meanwhile (the
process is killed, the machine stops, the disk is full) the file under the final name is a complete checkpoint.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

__all__ = ["CheckpointError", "read_checkpoint", "write_checkpoint"]


class CheckpointError(Exception):
    """A checkpoint could not be written or read; the message says which and what to do."""


def write_checkpoint(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Replace the checkpoint at `path`, atomically.

    Raises:
        CheckpointError: the file system refused (full, read-only, …); the previous checkpoint is untouched.
    """
    path = Path(path)
    content = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, {"json": json.dumps(metadata)})
    temporary = path.with_name(path.name + ".incomplete")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        kept = "the previous checkpoint is intact" if path.exists() else "there is no earlier checkpoint"
        raise CheckpointError(f"{path}: {error.strerror}, {len(content):,} bytes needed; {kept}") from error


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a checkpoint.

    Raises:
        CheckpointError: there is none, or it is not a checkpoint.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["json"])
            if not isinstance(metadata, dict):
                raise CheckpointError(f"{path}: not a checkpoint (its metadata is no object)")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except KeyError:
        raise CheckpointError(f"{path}: not a checkpoint (it has no metadata)") from None
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error
