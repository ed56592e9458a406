"""`monarch picture NAME FILE`: a figure of the lessons, to project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monarch_theory.command.answer import Answer, say

__all__ = ["picture"]


def picture(
    name: Annotated[str | None, typer.Argument(help="Of the picture; all are listed without.")] = None,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="To write: SVG, PDF or PNG, by the ending of its name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Write a figure of the lessons as SVG or PDF, to be projected or printed.

    Exit status: 0 written, 2 could not be written. Without arguments the pictures are listed.
    """
    from monarch_theory.gallery import GALLERY, write

    if name is None:
        rows = [{"name": each, "title": row.title, "shows": row.shows} for each, row in GALLERY.items()]
        listing = "\n".join(f"{row['name']:22}{row['title']}" for row in rows)
        say(Answer("listed", "none", f"{len(rows)} pictures", 0, {"pictures": rows}), as_json, lambda: print(listing))
        return
    if file is None:
        raise typer.BadParameter("FILE: expected a name that ends in .svg, .pdf or .png, got nothing")
    try:
        write(name, file)
    except OSError as error:
        raise typer.BadParameter(f"FILE: expected a file to write, got {file}: {error.strerror}") from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    say(Answer("written", "none", "1 picture", 0, {"file": str(file)}), as_json, lambda: print(f"written  {file}"))
