"""Executed cells are kept between builds, for as long as nothing they may depend on has changed.

A page may run any command, so its outputs depend on all the code there is: the cache lies in a folder that is named
after a digest of every source a page can reach and of what is installed. A change of prose executes nothing again.
"""

import hashlib
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path

SOURCES = ("monarch_theory", "monarch_gpu", "examples", "benchmarks", "docs", "proofs")
WRITTEN = {"_build", "gallery", "generated", "__pycache__"}
KINDS = {".py", ".cu", ".c", ".cpp", ".npy", ".json", ".toml", ".v"}


def digest(root: Path) -> str:
    """Of the code and data below `root` that pages run, of the interpreter and of every installed package."""
    found = hashlib.sha256(sys.version.encode())
    for name, version in sorted({(d.name or "", d.version) for d in distributions()}):
        found.update(f"{name} {version}\n".encode())
    for file in sorted(file for source in SOURCES for file in (root / source).rglob("*")):
        if file.suffix in KINDS and not WRITTEN & set(file.parts):
            found.update(f"{file.relative_to(root)}\n".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def cache_folder(root: Path) -> str:
    """Where the cells executed by this code are kept; what older code executed is removed."""
    place = root / "docs" / "_build" / "executed"
    current = place / digest(root)
    current.mkdir(parents=True, exist_ok=True)
    for old in place.iterdir():
        if old != current:
            shutil.rmtree(old, ignore_errors=True)
    return str(current)
