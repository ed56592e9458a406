"""Memory of large results, used again.

Memory that a program never touched has to be found and cleared by the system, page by page, and that takes longer than
the products that fill it. Memory of a large result is therefore kept when its tensor goes, for the next one of its
size. Of what exceeds a little, the system is told that it may take it whenever memory is short (`MADV_FREE`).
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections import deque
from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

__all__ = ["HELD", "LARGE", "WARM", "empty", "held"]

LARGE = 2**22
"""Bytes from which the memory of a result is kept; and it is in huge pages, of 2 MiB mostly, where there are any."""

WARM = 2**28
"""Bytes kept at most that the system may not take: to tell it so at every use takes too long for small results."""

HELD = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if hasattr(mmap, "MADV_FREE") else 0
"""Bytes kept at most: half of the machine's memory, or nothing on a system that can't take them back."""

# append, remove and popleft are atomic: a tensor may go at any moment, in any thread
_warm: deque[mmap.mmap] = deque()
_cold: deque[mmap.mmap] = deque()


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


def _size(regions: deque[mmap.mmap]) -> int:
    return sum(map(len, tuple(regions)))


def _kept(size: int) -> mmap.mmap | None:
    for regions in (_warm, _cold):
        for region in reversed(tuple(regions)):  # the last one to go may still be in a cache
            if len(region) == size:
                try:
                    regions.remove(region)
                except ValueError:
                    continue
                return region
    return None


def _new(size: int) -> mmap.mmap:
    region = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        region.madvise(mmap.MADV_HUGEPAGE)
    return region


def _keep(region: mmap.mmap) -> None:
    _warm.append(region)
    while _size(_warm) > WARM:
        oldest = _warm.popleft()
        oldest.madvise(mmap.MADV_FREE)
        _cold.append(oldest)
    while _cold and held() > HELD:
        _cold.popleft()
