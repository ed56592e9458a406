"""How long the system kept a process waiting for a processor: time that is no work of what runs in it.

A budget in seconds is for work. Where other programs run as well, what a process waits for its turn would be taken from
it, and a verdict would depend on what else the machine does.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["kept_waiting"]


def kept_waiting(process: int | str = "self") -> float:
    """Seconds that the first thread of a process, by number, could have run and did not; 0 where no system tells.

    >>> kept_waiting() >= 0 and kept_waiting("none") == 0
    True
    """
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc", str(process), "schedstat").read_text().split()[1]) / 1e9
    return 0.0
