"""Certificates that somebody changed."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["changed"]


def changed(certificate: dict[str, Any], path: Sequence[Any], value: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy with another value at the end of a path of keys, made of the one that is there."""
    found = copy.deepcopy(certificate)
    place: Any = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value(place[path[-1]])
    return found
