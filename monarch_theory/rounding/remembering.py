"""What is computed from arrays once, though several bounds of one case ask for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from hashlib import sha256
from threading import Lock
from typing import Any, TypeVar

import numpy as np

__all__ = ["remembered"]

F = TypeVar("F", bound=Callable[..., Any])

KEPT = 24
"""Results of one function that are kept: those of the arrays of a few cases."""


def remembered(compute: F) -> F:
    """A pure function of arrays and hashable arguments, its last results kept by the bits of what they were given.

    What it gives may be given again: arrays are not to be written to, which raises.

    >>> @remembered
    ... def total(values):
    ...     print("computed")
    ...     return values.sum()
    >>> float(total(np.ones(3))), float(total(np.ones(3)))
    computed
    (3.0, 3.0)
    """
    kept: OrderedDict[Hashable, Any] = OrderedDict()
    alone = Lock()

    @wraps(compute)
    def recalled(*arguments: Any, **options: Any) -> Any:
        key = (*map(_key, arguments), *((name, _key(value)) for name, value in sorted(options.items())))
        with alone:
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
        found = compute(*arguments, **options)
        if isinstance(found, np.ndarray):
            found.flags.writeable = False
        with alone:
            kept[key] = found
            if len(kept) > KEPT:
                kept.popitem(last=False)
        return found

    return recalled  # type: ignore[return-value]


def _key(value: Any) -> Hashable:
    if not isinstance(value, np.ndarray):
        return type(value), value
    return sha256(value.tobytes()).digest(), value.dtype.str, value.shape
