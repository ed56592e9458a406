"""Executed cells are kept between builds, for as long as nothing they may depend on has changed.

A page may run any command, so its outputs depend on all the code there is: the cache lies in a folder that is named
after a digest of every source a page can reach and of what is installed. A change of prose executes nothing again.
"""

import hashlib
import shutil
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

from jupyter_cache import get_cache

SOURCES = ("monarch_theory", "monarch_gpu", "examples", "benchmarks", "docs", "proofs")
DAY = 86_400
OTHER = {"_build", "_extensions", "commands", "gallery", "generated", "__pycache__"}
"""Folders of what is written while building, and of what runs in the builder alone."""

KINDS = {".py", ".cu", ".c", ".cpp", ".npy", ".json", ".toml", ".v"}


def digest(root: Path) -> str:
    """Of the code and data below `root` that pages run, of the interpreter and of every installed package."""
    found = hashlib.sha256(sys.version.encode())
    for name, version in sorted({(d.name or "", d.version) for d in distributions()}):
        found.update(f"{name} {version}\n".encode())
    for file in sorted(file for source in SOURCES for file in (root / source).rglob("*")):
        if file.suffix in KINDS and not OTHER & set(file.parts):
            found.update(f"{file.relative_to(root)}\n".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def cache_folder(root: Path) -> str:
    """Where the cells executed by this code are kept; what other code executed is removed after a day."""
    place = root / "docs" / "_build" / "executed"
    current = place / digest(root)
    get_cache(str(current)).db  # noqa: B018  made now: processes that read pages side by side would each make it
    for other in place.iterdir():
        # another build may be using it now, but not for a day
        if other != current and time.time() - other.stat().st_mtime > DAY:
            shutil.rmtree(other, ignore_errors=True)
    return str(current)
