"""A C++ source to a shared object, compiled once and kept in the user's cache folder.

What is loaded runs as the user, so it is taken from the cache only if nobody else can have put it there: folder and
file are the user's own, no one else may write to them, and the file is whole, by a checksum beside it. Anything else is
compiled again, in a folder of this process alone where the cache can't be used.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["cache_folder", "compiler", "shared_object"]

SECONDS = 120.0
"""A compilation takes at most this long."""

log = logging.getLogger(__name__)


def compiler() -> list[str]:
    """The command of the C++ compiler: `CXX`, which may hold options or a launcher, or `c++`.

    Raises:
        ValueError: `CXX` has an unclosed quote.
    """
    return shlex.split(os.environ.get("CXX", "")) or ["c++"]


def shared_object(source: Path, command: Sequence[str]) -> Path:
    """The object that `command` makes of `source`, from the cache if it was made before of this source.

    Raises:
        OSError, subprocess.SubprocessError: there is no compiler, or it fails.
    """
    name = hashlib.sha256(source.read_bytes() + "\0".join(command).encode()).hexdigest()[:16]
    folder = cache_folder()
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="monarch-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built, checksum = folder / f"{name}.so", folder / f"{name}.sha256"
    if is_own(built) and is_own(checksum) and checksum.read_bytes() == digest(built).encode():
        return built
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        fresh = Path(scratch) / built.name
        full = [*command, str(source), "-o", str(fresh)]
        subprocess.run(full, check=True, capture_output=True, text=True, errors="replace", timeout=SECONDS)
        fresh.chmod(0o700)
        (Path(scratch) / checksum.name).write_text(digest(fresh))
        for file in (fresh, Path(scratch) / checksum.name):
            written(file)
        # renamed into place, the object first: a checksum never stands beside half a file of its own name
        fresh.replace(built)
        (Path(scratch) / checksum.name).replace(checksum)
    return built


def cache_folder() -> Path | None:
    """Where compiled objects are kept, made if need be; None where there is no such folder of the user's own."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "")
        # a relative one is to be ignored, says the standard: it would be whatever folder the user happens to be in
        folder = (cache if cache.is_absolute() else Path.home() / ".cache") / "monarch-mixer-toolkit"
        if not folder.is_absolute():
            raise OSError(f"home: expected an absolute path, got {Path.home()}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # no home, or not to be written to
        log.warning("compiled kernels are not kept: %s", error)
        return None
    if not (is_own(folder) and os.access(folder, os.W_OK)):
        log.warning("compiled kernels are not kept: %s is not the user's own, or others may write to it", folder)
        return None
    return folder


def is_own(path: Path) -> bool:
    """Whether a path is there, is no link, belongs to the user, and no one else may write to it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return mine and not stat.S_ISLNK(found.st_mode) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def written(path: Path) -> None:
    """Return once a file has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
