"""One safetensors file per checkpoint, its JSON in the header, replaced as a whole or not at all.

A checkpoint is written beside the old one, forced to disk, and renamed over it. Whatever happens meanwhile (the
process is killed, the machine stops, the disk is full) the file under the final name is a complete checkpoint. The one
before stays as `NAME.1.safetensors`, the one before that as `NAME.2.safetensors`, and so on, as many as are kept. Every
file carries a SHA-256 of what it holds, so that one which the disk has changed is noticed, and an older one is taken.

A directory has one writer at a time. It holds a lock on `.lock`, which the system drops when the process dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

__all__ = [
    "CheckpointError", "checkpoint_writer", "checksum", "earlier", "read_checkpoint", "read_latest", "replace_file",
    "set_aside", "sole_writer", "write_checkpoint",
]  # fmt: skip

KEEP = 2
CHECKSUM = "sha256"
LOCK = ".lock"


class CheckpointError(Exception):
    """A checkpoint could not be written or read; the message says which and what to do."""


@contextmanager
def sole_writer(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory, made if it is not there.

    Raises:
        CheckpointError: another process or thread holds it, or the file system refused.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = open(directory / LOCK, "ab")  # noqa: SIM115
    except OSError as error:
        raise CheckpointError(f"{directory}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(
                f"{directory}: expected no other writer, got one that holds {LOCK}; give each run its own directory"
            ) from None
        except OSError as error:
            raise CheckpointError(f"{directory}: expected a file system with locks, got {error.strerror}") from error
        yield


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside the final one, force it to disk and rename it; on failure the old one is untouched."""
    temporary = path.with_name(path.name + ".incomplete")
    try:
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


def earlier(path: Path, age: int) -> Path:
    """Where the checkpoint is that was at `path` this many writes ago.

    >>> earlier(Path("run/checkpoint.safetensors"), 1).name
    'checkpoint.1.safetensors'
    """
    return path.with_name(f"{path.stem}.{age}{path.suffix}") if age else path


def rotate(path: Path, keep: int) -> None:
    """Give every checkpoint its next name; at any moment there is a whole one at `path`."""
    if not path.exists() or keep < 2:
        return
    for age in range(keep - 1, 1, -1):
        if earlier(path, age - 1).exists():
            os.replace(earlier(path, age - 1), earlier(path, age))
    linked = path.with_name(path.name + ".linked")
    linked.unlink(missing_ok=True)
    try:
        os.link(path, linked)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, linked)
    os.replace(linked, earlier(path, 1))


@contextmanager
def checkpoint_writer(
    path: str | Path, keep: int = KEEP
) -> Iterator[Callable[[dict[str, Tensor], dict[str, Any]], None]]:
    """The only writer of a checkpoint's directory: a function of tensors and metadata that replaces it, atomically.

    Args:
        keep: how many checkpoints there are at most, the newest included.

    Raises:
        CheckpointError: there is another writer. The function: the file system refused (full, read-only, …); the
            previous checkpoint is untouched.
    """
    path = Path(path)

    def write(tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        text = json.dumps(metadata)
        content = save(tensors, {"json": json.dumps({"metadata": text, CHECKSUM: checksum(tensors, text)})})
        try:
            rotate(path, keep)
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}; the previous checkpoint is intact") from error
        replace_file(path, content)

    with sole_writer(path.parent):
        yield write


def write_checkpoint(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, Any], keep: int = KEEP) -> None:
    """Replace the checkpoint at `path` once; see `checkpoint_writer`."""
    with checkpoint_writer(path, keep) as write:
        write(tensors, metadata)


def checksum(tensors: dict[str, Tensor], text: str) -> str:
    """SHA-256 of the metadata's text and of every tensor's name, dtype, shape and bytes."""
    digest = sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)  # numpy has no bfloat16
    return digest.hexdigest()


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a checkpoint.

    Raises:
        CheckpointError: there is none, it is not a checkpoint, or it is not what was written.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("json")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error
    if header is None:
        raise CheckpointError(f"{path}: not a checkpoint (it has no metadata)")
    try:
        outer = json.loads(header)
        text, expected = outer["metadata"], outer[CHECKSUM]
        found = checksum(tensors, text)
        metadata = json.loads(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CheckpointError(f"{path}: not a checkpoint (its metadata is not what a checkpoint has)") from None
    if found != expected:
        raise CheckpointError(f"{path}: not a sound checkpoint (its content has another checksum than was written)")
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path}: not a checkpoint (its metadata is no object)")
    return tensors, metadata


def read_latest(path: str | Path) -> tuple[Path, dict[str, Tensor], dict[str, Any], list[CheckpointError]] | None:
    """The newest sound checkpoint: where it is, its tensors and metadata, and what is wrong with newer ones.

    None if there is no checkpoint of any age.

    Raises:
        CheckpointError: there are some, and none is sound.
    """
    problems: list[CheckpointError] = []
    for candidate in every_age(Path(path)):
        try:
            return candidate, *read_checkpoint(candidate), problems
        except CheckpointError as error:
            problems.append(error)
    if problems:
        raise problems[0]
    return None


def every_age(path: Path) -> list[Path]:
    """The checkpoints that are there, newest first."""
    names = (other.name.removeprefix(f"{path.stem}.").removesuffix(path.suffix) for other in path.parent.glob("*"))
    ages = sorted({0, *(int(name) for name in names if name.isdecimal())})
    return [earlier(path, age) for age in ages if earlier(path, age).exists()]


def set_aside(path: Path) -> Path:
    """Rename a checkpoint that is not sound, so that it takes no place among those that are kept."""
    aside = path.with_name(path.name + ".unsound")
    os.replace(path, aside)
    return aside
