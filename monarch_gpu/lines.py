"""Texts as lines of JSON: `{"text": …}` or `{"input_ids": […]}`, and a label where one is wanted."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["labels_of", "read_lines"]


BESIDE = {"attention_mask": 1, "token_type_ids": 0}
"""What tokenizers write beside token ids, and what it is of one text that nobody padded: anything else is not read."""


def read_lines(path: Path | None) -> list[dict[str, Any]]:
    """The objects of a file's lines, or of standard input's, each with a text or token ids; empty lines are left out.

    Raises:
        ValueError: a line is something else; the message says which.
    """
    try:
        # not splitlines: a string of JSON may hold U+2028 and other ends of lines as they are
        lines = (sys.stdin.read() if path is None else path.read_text(encoding="utf-8")).split("\n")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path or 'standard input'}: expected lines of JSON, got bytes that are no text") from None
    return [entry_of(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def entry_of(number: int, line: str) -> dict[str, Any]:
    """The object of one line."""
    try:
        entry = json.loads(line, parse_constant=_no_json, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number}: expected JSON, got {error}") from None
    ids = entry.get("input_ids") if isinstance(entry, dict) else None
    whole = isinstance(ids, list) and all(type(i) is int for i in ids)
    if not isinstance(entry, dict) or not (whole if "input_ids" in entry else isinstance(entry.get("text"), str)):
        raise ValueError(f'line {number}: expected {{"text": a string}} or {{"input_ids": integers}}, got {line[:60]}')
    for name, value in BESIDE.items():
        length = len(ids) if isinstance(ids, list) else 0
        if name in entry and entry[name] != [value] * length:
            raise ValueError(f"line {number}: {name}: expected {length} times {value}, got {str(entry[name])[:60]}")
    return entry


def _no_json(word: str) -> NoReturn:
    """NaN and infinities, which Python reads and JSON has not: they would be written out again."""
    raise ValueError(f"{word}, which JSON has not")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are there once; of two values, one would be dropped."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def labels_of(entries: list[dict[str, Any]], names: tuple[str, ...] = ()) -> tuple[list[int], tuple[str, ...]]:
    """The number of every entry's label, and what labels are called: integers are called so.

    Args:
        names: what labels may be called; none for any.

    Raises:
        ValueError: an entry has no label, or another kind of label than the first, or one that is not among the names.

    >>> labels_of([{"label": "ham"}, {"label": "spam"}, {"label": "ham"}])
    ([0, 1, 0], ('ham', 'spam'))
    >>> labels_of([{"label": 2}, {"label": 0}])
    ([2, 0], ('0', '1', '2'))
    """
    given: list[Any] = [entry.get("label") for entry in entries]
    kind: Any = str if given and isinstance(given[0], str) else int
    for number, label in enumerate(given, start=1):
        if type(label) is not kind or (kind is int and label < 0):
            wanted = "a string" if kind is str else "an integer of at least 0"
            raise ValueError(f"text {number}: label: expected {wanted}, got {label!r}")
    if not names:
        names = tuple(sorted(set(given))) if kind is str else tuple(map(str, range(max(given, default=-1) + 1)))
    places = {name: place for place, name in enumerate(names)}
    for number, label in enumerate(given, start=1):
        if str(label) not in places:
            raise ValueError(f"text {number}: label: expected one of {', '.join(names)}, got {label!r}")
    return [places[str(label)] for label in given], names
