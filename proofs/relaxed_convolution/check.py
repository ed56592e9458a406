"""Relaxed convolution: the schedule run in integers, every output read at the step when it is wanted."""

from collections.abc import Callable

import numpy as np

from monarch_theory.proving import Instance

SIZES = "bases 1 … 5, filters and signals of up to 60 integers; the number of blocks"
MUTATIONS: dict[str, dict] = {
    "lags U … 2U − 1, the others at every step": {"lags": lambda U: range(U, 2 * U)},
    "lags 2U … 3U − 1": {"lags": lambda U: range(2 * U, 3 * U)},
    "lags 2U … 4U": {"lags": lambda U: range(2 * U, 4 * U + 1)},
    "near lags below B": {"near": 1},
    "every second block": {"blocks": lambda n, U: n // (2 * U)},
}


def instances(
    lags: Callable[[int], range] = lambda U: range(2 * U, 4 * U),
    near: int = 2,
    blocks: Callable[[int, int], int] = lambda n, U: n // U,
) -> list[Instance]:
    cases = []
    for base in (1, 2, 3, 5):
        for n in (1, 2, 7, 16, 33, 60):
            about = f"base {base}, {n} steps"
            cases.append(Instance(about, lambda b=base, n=n: _convolves(b, n, lags, near)))
            cases.append(Instance(f"{about}: how many blocks", lambda b=base, n=n: _counts(b, n, blocks)))
    return cases


def _convolves(base: int, n: int, lags: Callable[[int], range], near: int) -> bool:
    rng = np.random.default_rng(n)
    k, u = rng.integers(-9, 10, (2, n))
    pending = np.zeros(n, dtype=int)
    work: list[tuple[int, int, int]] = []  # last step at which it may be done, size, first input
    for i in range(n):
        # done as late as may be: before the first output that the block gives to
        for late, size, first in work:
            if late == i:
                for d in lags(size):
                    for j in range(first, first + size):
                        if d < n and j + d < n:
                            if j + d < i:
                                return False
                            pending[j + d] += k[d] * u[j]
        output = pending[i] + sum(k[d] * u[i - d] for d in range(min(near * base, i + 1)))
        if output != sum(k[i - j] * u[j] for j in range(i + 1)):
            return False
        size = base
        while size < n:
            if (i + 1) % size == 0:
                work.append((i + 1 + size, size, i + 1 - size))
            size *= 2
    return True


def _counts(base: int, n: int, blocks: Callable[[int, int], int]) -> bool:
    sizes = [base * 2**e for e in range(7)]
    return all(sum((t + 1) % U == 0 for t in range(n)) == blocks(n, U) for U in sizes)
