"""Memory of large results, used again.

Memory that a program never touched has to be found and cleared by the system, page by page, and that takes longer than
the products that fill it. Memory of a large result is therefore kept when its tensor goes, for the next one of its
size. Of what exceeds a little, and was not used for a second, the system is told that it may take it whenever memory is
short (`MADV_FREE`). A thread of its own does that, which sleeps while nothing comes back.
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
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["HELD", "IDLE", "LARGE", "WARM", "empty", "held"]

LARGE = 2**22
"""Bytes from which the memory of a result is kept; and it is in huge pages, of 2 MiB mostly, where there are any."""

WARM = 2**28
"""Bytes kept at most that the system is never told it may take."""

IDLE = 1.0
"""Seconds without use before the system is told: to tell it at every use takes longer than 3% of a product."""

HELD = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if hasattr(mmap, "MADV_FREE") else 0
"""Bytes kept at most: half of the machine's memory, or nothing on a system that can't take them back."""


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

    >>> x = empty(torch.zeros(1), (1024, 1024))
    >>> address = x.data_ptr()
    >>> del x
    >>> empty(torch.zeros(1), (1024, 1024)).data_ptr() == address
    True
    """
    size = prod(shape) * like.itemsize
    if like.device.type != "cpu" or size < LARGE or not HELD:
        return like.new_empty(shape)
    try:
        region = _kept(size) or _new(size)
    except OSError:
        _warm.clear()
        _cold.clear()
        return like.new_empty(shape)  # which fits now, or says in PyTorch's words that it does not
    lease = np.frombuffer(region, dtype=np.uint8)
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
    _cool(time.monotonic())
    _watch()
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _keep(memory: mmap.mmap) -> None:
    _warm.append(_Region(time.monotonic(), memory))
    if _size(_warm) > WARM:
        _returned.put(None)
    while held() > HELD and (_oldest(_cold) or _oldest(_warm)):
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
    while True:
        _returned.get()
        while not _returned.empty():
            _returned.get()
        time.sleep(IDLE)
        _cool(time.monotonic() - IDLE)


@lru_cache(maxsize=1)
def _watch() -> None:
    Thread(target=_cool_what_returns, name="monarch-memory", daemon=True).start()


def _forked() -> None:
    """A child process has no threads but the one that forked."""
    global _returned
    _returned = SimpleQueue()
    _watch.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
