"""Files a command is to write: looked at before the work, and never in the way of the verdict after it.

Nor does one of an earlier run stay beside a verdict that it is not about.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from monarch_theory.command.harmless import harmless

__all__ = ["check_file", "check_picture", "write"]


def check_file(path: Path | None, option: str, source: str = "") -> None:
    """Can a file be written there?

    Args:
        source: what is read, FILE or FILE:NAME, which is not to be lost.

    Raises:
        ValueError: there is no such folder, the path is a folder, or it is what is read.
    """
    if path is None:
        return
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"{option}: expected a file in a folder that exists, got {path}")
    reads = (source, source.rpartition(":")[0])
    if path.exists() and any(os.path.exists(read) and path.samefile(read) for read in reads):
        raise ValueError(f"{option}: expected another file than the one that is read, got {path}")


def check_picture(path: Path | None, option: str = "--png", source: str = "") -> None:
    """Can a picture be written there? `source` as of `check_file`.

    Raises:
        ValueError: no such folder, or a suffix that Matplotlib does not write.
    """
    check_file(path, option, source)
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise ValueError(f"{option}: expected a suffix among {', '.join(known)}, got {path}")


def write(path: Path | None, act: Callable[[Path], object] | None) -> bool:
    """Write a file once the verdict is known, and whether that was done; where it fails, say so: the verdict stands.

    Args:
        act: writes it; None where this verdict has nothing to write.
    """
    if path is None:
        return False
    try:
        if act is not None:
            act(path)
            return True
    except (OSError, ValueError) as error:
        print(harmless(f"warning: {path} was not written: {error}"), file=sys.stderr)
    _take_away(path)
    return False


def _take_away(path: Path) -> None:
    """Remove a file that an earlier run left where this one has none to put, lest it be read as this one's."""
    if not path.is_file():
        return
    try:
        path.unlink()
        said = "was taken away: this run has nothing to put there"
    except OSError as error:
        said = f"is not of this run, and could not be taken away: {error.strerror}"
    print(harmless(f"warning: {path} {said}"), file=sys.stderr)
