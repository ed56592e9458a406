"""Threads of our own over many small decompositions, with LAPACK kept from starting its own.

LAPACK runs outside the interpreter lock, and its own threads on small matrices cost far more than they give.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["alone", "threads"]


@contextmanager
def threads() -> Iterator[Executor]:
    """A pool with a thread for every core, each of which has LAPACK to itself.

    >>> with threads() as pool:
    ...     list(pool.map(abs, [-1, 2]))
    [1, 2]
    """
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield pool


@contextmanager
def alone() -> Iterator[None]:
    """LAPACK without threads of its own, for one batch of small matrices after another.

    >>> with alone():
    ...     max(_libraries().info(), key=lambda library: library["num_threads"])["num_threads"]
    1
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """What NumPy and SciPy have loaded: looking for it takes longer than many a decomposition."""
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
