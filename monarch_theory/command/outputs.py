"""Files a command is to write: looked at before the work, and never in the way of the verdict after it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from monarch_theory.command.harmless import harmless

__all__ = ["check_file", "check_picture", "write"]


def check_file(path: Path | None, option: str) -> None:
    """Can a file be written there?

    Raises:
        ValueError: there is no such folder, or the path is a folder.
    """
    if path is not None and (not path.parent.is_dir() or path.is_dir()):
        raise ValueError(f"{option}: expected a file in a folder that exists, got {path}")


def check_picture(path: Path | None, option: str = "--png") -> None:
    """Can a picture be written there?

    Raises:
        ValueError: no such folder, or a suffix that Matplotlib does not write.
    """
    check_file(path, option)
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise ValueError(f"{option}: expected a suffix among {', '.join(known)}, got {path}")


def write(
    path: Path | None, act: Callable[[Path], object], fails: tuple[type[Exception], ...] = (OSError, ValueError)
) -> bool:
    """Write a file; where that fails, with one of `fails`, say so: the verdict stands. Whether it was written."""
    if path is None:
        return False
    try:
        act(path)
        return True
    except fails as error:
        print(harmless(f"warning: {path} was not written: {error}"), file=sys.stderr)
        return False
