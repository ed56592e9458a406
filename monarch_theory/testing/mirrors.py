"""Arguments that lie on a device: copies of the host's memory, place for place, and what became of them.

The host's memory stays what is looked at: it is sent before the kernel reads, and fetched after it has written.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["Mirrors", "within"]


def within(view: np.ndarray, buffer: np.ndarray) -> Any:
    """A tensor of the view in the memory of the buffer: its storage begins where that does, as a slice's has it.

    >>> import torch
    >>> buffer = np.arange(6.0)
    >>> within(buffer[1::2], buffer).storage_offset()
    1
    """
    whole = buffer.reshape(-1)
    return _placed(sys.modules["torch"].from_numpy(whole), view, whole)


def _placed(tensor: Any, view: np.ndarray, whole: np.ndarray) -> Any:
    """What a tensor, or a copy, of the whole memory has where the view lies in it."""
    first = (view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // view.itemsize
    return tensor.as_strided(view.shape, [s // view.itemsize for s in view.strides], first if view.size else 0)


def _is_same_memory(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two flat arrays begin at one address and are as long; an empty one has no memory."""
    first, second = (a.__array_interface__["data"][0] for a in (one, other))
    return bool(one.size) and (first, one.nbytes, one.dtype) == (second, other.nbytes, other.dtype)


class Mirrors:
    """Copies of some of the host's memory on a device of torch."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.pairs: list[tuple[np.ndarray, Any]] = []

    def of(self, view: np.ndarray, buffer: np.ndarray) -> Any:
        """A tensor with the view's strides, in a copy of the buffer that the view lies in: the same for all its views.

        >>> import torch
        >>> buffer = np.arange(6.0)
        >>> Mirrors("cpu").of(buffer[1::2], buffer)
        tensor([1., 3., 5.], dtype=torch.float64)
        """
        whole = buffer.reshape(-1)
        copy = next((copy for other, copy in self.pairs if _is_same_memory(other, whole)), None)
        if copy is None:
            copy = sys.modules["torch"].from_numpy(whole).to(self.device, copy=True)
            self.pairs.append((whole, copy))
        return _placed(copy, view, whole)

    def send(self) -> None:
        """Write what the host's memory holds into the copies."""
        torch = sys.modules["torch"]
        for whole, copy in self.pairs:
            copy.copy_(torch.from_numpy(whole))

    def fetch(self) -> None:
        """Write what the copies hold into the host's memory."""
        for whole, copy in self.pairs:
            whole[...] = copy.cpu().numpy()
