"""Memory of large results, used again where a program asks for it: `keep()`, or `MONARCH_KEEP_MEMORY=1` at its start.

Memory that a program never touched has to be found and cleared by the system, page by page, and that takes longer than
the products that fill it. A program that asks for it therefore keeps the memory of a large result when its tensor goes,
for the next result of the same size class. What exceeds `WARM` bytes and was not used for a second is offered to the
system, which may take it whenever memory is short (`MADV_FREE`). One thread makes these offers; it sleeps while no
memory comes back.

Nothing is kept unless a program asks, because memory that this process keeps is not there for others.
"""

from __future__ import annotations

import mmap
import os
import time
import weakref
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["IDLE", "LARGE", "WARM", "empty", "held", "keep", "limit"]

LARGE = 2**22
"""Results of at least so many bytes have their memory kept, in huge pages (mostly 2 MiB) where the system has them."""

WARM = 2**28
"""So many bytes are kept without being offered to the system."""

IDLE = 1.0
"""Memory is offered after so many seconds without use: an offer at every use takes longer than 3% of a product."""

CLASSES = 8
"""Size classes from one power of two to the next: a result takes at most an eighth more than it needs."""

CGROUP = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says how much memory the processes of this container may take together."""

_limit = 0


def limit() -> int:
    """Bytes kept at most; 0 while nothing is kept."""
    return _limit


def keep(most: int | None = None) -> int:
    """Keep memory of large results from now on, `most` bytes of it; the limit comes back.

    Args:
        most: None for half of what this process may have, by its container or its machine; 0 to keep none, and to give
            back what is kept. On a system that can't take memory back when it is short, nothing is ever kept.

    Raises:
        ValueError: a negative number of bytes.

    >>> keep(2**30) in (0, 2**30), keep(0)
    (True, 0)
    """
    global _limit
    if most is not None and most < 0:
        raise ValueError(f"most: expected a number of bytes, not negative, got {most}")
    _limit = (memory_of_process() // 2 if most is None else most) if hasattr(mmap, "MADV_FREE") else 0
    _shrink()
    return _limit


def memory_of_process() -> int:
    """Bytes this process may have: those of the machine, or the limit of its control group where that is less."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in CGROUP:
        try:
            sizes.append(int(file.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return min(sizes)


def size_class(size: int) -> int:
    """The bytes to ask for when `size` are needed: the next of eight steps from one power of two to the next.

    >>> size_class(2**22 + 1) == 2**22 + 2**19, size_class(2**22) == 2**22
    (True, True)
    """
    step = 2 ** (size.bit_length() - 1) // CLASSES
    return -(-size // step) * step


class _Region(NamedTuple):
    """Memory that serves no tensor, and when the last one went."""

    since: float
    memory: mmap.mmap


# append, remove and popleft are atomic, and so is put: a tensor may go at any moment, in any thread
_warm: deque[_Region] = deque()
_cold: deque[_Region] = deque()
_returned: SimpleQueue[None] = SimpleQueue()


def empty(like: Tensor, shape: Sequence[int]) -> Tensor:
    """Uninitialised memory for a result of this shape, dtype and device of `like`.

    >>> empty(torch.zeros(1), (1024, 1024)).shape
    torch.Size([1024, 1024])
    """
    size = prod(shape) * like.itemsize
    if like.device.type != "cpu" or size < LARGE or not _limit:
        return like.new_empty(shape)
    try:
        region = _kept(size_class(size)) or _new(size_class(size))
    except OSError:
        _warm.clear()
        _cold.clear()
        return like.new_empty(shape)  # which fits now, or says in PyTorch's words that it does not
    lease = np.frombuffer(region, dtype=np.uint8, count=size)
    weakref.finalize(lease, _keep, region).atexit = False
    return torch.from_numpy(lease).view(like.dtype).view(tuple(shape))


def held() -> int:
    """Bytes that are kept and serve no tensor."""
    return _size(_warm) + _size(_cold)


def _size(regions: deque[_Region]) -> int:
    return sum(len(region.memory) for region in tuple(regions))


def _oldest(regions: deque[_Region]) -> _Region | None:
    try:
        return regions.popleft()
    except IndexError:
        return None


def _kept(size: int) -> mmap.mmap | None:
    """Kept memory of exactly this size, which is kept no longer; None where there is none."""
    for regions in (_warm, _cold):
        for region in reversed(tuple(regions)):  # the last one to go may still be in a cache
            if len(region.memory) == size:
                try:
                    regions.remove(region)
                except ValueError:
                    continue
                return region.memory
    return None


def _new(size: int) -> mmap.mmap:
    """Memory that no tensor has had, in huge pages where the system has them."""
    _cool(time.monotonic())
    _watch()
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _keep(memory: mmap.mmap) -> None:
    """Take memory back from a tensor that went."""
    _warm.append(_Region(time.monotonic(), memory))
    if _size(_warm) > WARM:
        _returned.put(None)
    _shrink()


def _shrink() -> None:
    """Let go of the oldest until no more is held than the limit allows."""
    while held() > _limit and (_oldest(_cold) or _oldest(_warm)):
        pass


def _cool(until: float) -> None:
    """Offer to the system what was idle by then, the oldest first, until no more than `WARM` is kept from it."""
    while _size(_warm) > WARM and (region := _oldest(_warm)):
        if region.since > until:
            _warm.appendleft(region)
            return
        region.memory.madvise(mmap.MADV_FREE)
        _cold.append(region)


def _cool_what_returns() -> None:
    """What the thread does: after each return it waits for more, and then offers what stayed idle."""
    while True:
        _returned.get()
        while not _returned.empty():
            _returned.get()
        time.sleep(IDLE)
        _cool(time.monotonic() - IDLE)


@lru_cache(maxsize=1)
def _watch() -> None:
    """Start that thread, once in a process."""
    Thread(target=_cool_what_returns, name="monarch-memory", daemon=True).start()


def _forked() -> None:
    """A child process has no threads but the one that forked."""
    global _returned
    _returned = SimpleQueue()
    _watch.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

if _asked := os.environ.get("MONARCH_KEEP_MEMORY", ""):
    keep(None if _asked == "1" else int(_asked))
