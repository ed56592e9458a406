"""Files a command is to write: looked at before the work, and never in the way of the verdict after it.

Nor does one of an earlier run stay beside a verdict that it is not about.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from os.path import realpath  # which knows links that go round in a circle
from pathlib import Path
from types import MappingProxyType

from monarch_theory.command.harmless import harmless

__all__ = ["check_outputs", "write"]


def check_outputs(
    files: Mapping[str, Path | None],
    reads: Iterable[str | Path | None] = (),
    *,
    pictures: Mapping[str, Path | None] = MappingProxyType({}),
) -> None:
    """Can all of them be written, each by itself, and without what is read?

    Args:
        files, pictures: by option, None where it is not given; pictures have a suffix that says how they are drawn.
        reads: what the command reads, FILE or FILE:NAME, where NAME may have colons; None where that is not given.

    Raises:
        ValueError: there is no such folder, the path is a folder, it is a file that is read, or that of another option;
            a suffix that Matplotlib does not write.
    """
    given = {option: path for option, path in {**files, **pictures}.items() if path is not None}
    known = [file for read in reads if read is not None for file in _named_by(str(read))]
    earlier: dict[str, Path] = {}
    for option, path in given.items():
        if not path.parent.is_dir() or path.is_dir():
            raise ValueError(f"{option}: expected a file in a folder that exists, got {path}")
        if any(_same(path, file) for file in known):
            raise ValueError(f"{option}: expected another file than the one that is read, got {path}")
        for other, before in earlier.items():
            if _same(path, before):
                raise ValueError(f"{option}: expected another file than that of {other}, got {path}")
        if option in pictures:
            _check_picture(path, option)
        earlier[option] = path


def _named_by(source: str) -> list[Path]:
    """The files that FILE, or FILE:NAME, may name."""
    ends = [k for k, letter in enumerate(source) if letter == ":"]
    return [Path(source[:end]) for end in (*ends, len(source)) if source[:end]]


def _same(one: Path, other: Path) -> bool:
    """Whether they are one file, or would be."""
    try:
        return one.samefile(other) if one.exists() and other.exists() else realpath(one) == realpath(other)
    except (OSError, ValueError):  # a name of weights that is no path
        return False


def _check_picture(path: Path, option: str) -> None:
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
