"""How fast a kernel is that was found right: at sizes it was checked at, beside a peer and the machine's limit.

A time is measured from the call until a copy of the answer lies there, with every stream waited for. What is put off
until after the return, or until the answer is read, is counted with it. Every call has inputs of its own, which come
into the process only with that call, so that nothing can be remembered or prepared; and every answer is judged
afterwards. The limit is what it takes here to copy as many bytes as the kernel must read and write. The three take
turns, so that what else the machine does troubles all alike.

A kernel that is not trusted has no say in what the time is: the clock is the judge's, and the time is that of the whole
request, which carries the arguments there and the answer back. So are those of the peer and of the limit.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.rounding import ErrorModel
from monarch_theory.sandbox import SandboxError
from monarch_theory.testing.cases import Case, make_case
from monarch_theory.testing.diagnose import Observation
from monarch_theory.testing.judge import Verdict, judge, reference
from monarch_theory.testing.kernel import Kernel
from monarch_theory.testing.sizes import entries

__all__ = ["Times", "Timing", "WrongWhenTimedError", "time_kernel"]

SIZES = 5
"""How many sizes are timed, from small to large."""

WARMING = 2
REPETITIONS = 9
"""Calls of a size that do not count, as they come first, and that do."""

MOST_ENTRIES = 1 << 17
"""Entries of all arguments of a call: every answer is compared with the exact one."""

COPIES = '''
import numpy as np


def kernel(*arguments, out, **options):
    """Reads every argument and writes every output once, and computes nothing."""
    for array in arguments:
        array.copy()
    for array in out if isinstance(out, tuple) else (out,):
        array[...] = 1
'''


@dataclass(frozen=True)
class Times:
    """Seconds of several calls.

    >>> Times((3.0, 1.0, 2.0)).median
    2.0
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the calls took at most so long."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> tuple[float, float]:
        """Four calls of five took between these."""
        low, high = np.quantile(self.seconds, (0.1, 0.9))
        return float(low), float(high)

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"median": self.median, "low": self.spread[0], "high": self.spread[1], "calls": len(self.seconds)}


@dataclass(frozen=True)
class Row:
    """The times at one size; `limit`: of copying what must be read and written."""

    case: str
    entries: int
    kernel: Times
    peer: Times | None
    limit: Times

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "case": self.case, "entries": self.entries, "kernel": self.kernel.as_dict(),
            "peer": self.peer.as_dict() if self.peer else None, "limit": self.limit.as_dict(),
        }  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """The times of a right kernel.

    Attributes:
        rows: from small to large.
        peer: what it was compared with, or None.
        clock: what it measured: "the call", or "the request" where the kernel is not trusted.
        load: the machine's load average before and after, over so many cores; gemm: float32 FLOP/s of NumPy's product.
    """

    rows: tuple[Row, ...]
    peer: str | None
    clock: str
    load: tuple[float, float]
    cores: int
    gemm: float

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "rows": [row.as_dict() for row in self.rows], "peer": self.peer, "clock": self.clock,
            "load": list(self.load), "cores": self.cores, "gemm_flops": self.gemm,
        }  # fmt: skip


class WrongWhenTimedError(Exception):
    """An answer given while time was measured is not right; `seen` is the observation."""

    def __init__(self, seen: Observation):
        super().__init__(seen.judgement.message)
        self.seen = seen


def time_kernel(
    kernel: Kernel, judged: Sequence[Case], model: ErrorModel, seed: int, *, peer: str | None = None
) -> Timing:
    """Time a kernel at some of the sizes it was judged at, beside a peer FILE.py:NAME.

    Raises:
        WrongWhenTimedError: the kernel, which was right before.
        ValueError: the peer is not there, or not right.
        SandboxError: the kernel did not return arrays.
    """
    before = os.getloadavg()[0]
    with ExitStack() as stack:
        mine = stack.enter_context(anew(kernel, kernel.path, kernel.name))
        copies = stack.enter_context(of_copies(kernel))
        other = None
        if peer is not None:
            path, _, name = peer.rpartition(":")
            if not path or not Path(path).is_file():
                raise ValueError(f"peer: expected FILE.py:NAME of a file that exists, got {peer!r}")
            try:
                other = stack.enter_context(anew(kernel, path, name))
            except SandboxError as error:
                raise ValueError(f"peer: expected a kernel, got {error}") from error
        rows = [_row(case, k, seed, model, mine, other, copies) for k, case in enumerate(sizes_to_time(judged))]
    clock = "the request" if kernel.untrusted else "the call"
    return Timing(tuple(rows), peer, clock, (before, os.getloadavg()[0]), os.cpu_count() or 1, gemm())


def anew(kernel: Kernel, path: str, name: str) -> Kernel:
    """A process like the kernel's, whose memory is as the system gives it."""
    return Kernel(
        path, name, timeout=kernel.timeout, memory=kernel.memory, face=kernel.face, untrusted=kernel.untrusted,
        walls=kernel.walls, patterns=False, device=kernel.device,
    )  # fmt: skip


@contextmanager
def of_copies(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel that only copies."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copies.py")
        path.write_text(COPIES)
        with Kernel(
            path, "kernel", timeout=kernel.timeout, face="numpy", untrusted=kernel.untrusted, walls=kernel.walls,
            patterns=False,
        ) as copies:  # fmt: skip
            yield copies


def sizes_to_time(judged: Sequence[Case]) -> list[Case]:
    """Some of the cases, of sizes that grow by about the same factor, the largest that can be verified among them."""
    plain = {
        entries(case.op, case.shape): case
        for case in judged
        if all(a.size for a in case.arrays.values()) and entries(case.op, case.shape) <= MOST_ENTRIES
    }
    if not plain:
        return []
    found = np.array(sorted(plain))
    wanted = np.geomspace(found[0], found[-1], SIZES)
    nearest = dict.fromkeys(int(found[np.abs(np.log(found / w)).argmin()]) for w in wanted)
    return [plain[size] for size in nearest]


def _row(
    like: Case, position: int, seed: int, model: ErrorModel, kernel: Kernel, peer: Kernel | None, copies: Kernel
) -> Row:
    """The three in turns, on fresh inputs each time; then every answer is judged."""
    out = tuple(a.shape for a in like.op.answers({n: np.ones(a.shape) for n, a in like.values.items()}, like.shape))
    times: dict[str, list[float]] = {"kernel": [], "peer": [], "limit": []}
    given: list[tuple[str, Case, Any]] = []
    for repetition in range(WARMING + REPETITIONS):
        fresh = make_case(like.op, like.dtype, like.shape, "normal", "contiguous", (seed, 9, position, repetition))
        for name, process in (("limit", copies), ("kernel", kernel), ("peer", peer)):
            if process is None:
                continue
            run, own, whole = process.time(fresh, out=out)
            given.append((name, fresh, run))
            if repetition >= WARMING:
                times[name].append(whole if process.untrusted else own)
    for name, case, run in given:
        if name == "limit":
            continue
        expected = reference(case, model, model.failure or 1e-9)
        seen = Observation(case, run, expected, judge(case, run, expected))
        if seen.judgement.verdict is Verdict.RIGHT:
            continue
        if name == "peer":
            said = f"{seen.judgement.verdict.value} ({seen.judgement.message}; {case.describe()})"
            raise ValueError(f"peer: expected a kernel that is right, got {said}")
        raise WrongWhenTimedError(seen)
    rows = {name: Times(tuple(seconds)) for name, seconds in times.items()}
    sizes = like.describe().split(";")[0]
    return Row(sizes, entries(like.op, like.shape), rows["kernel"], rows["peer"] if peer else None, rows["limit"])


def gemm() -> float:
    """FLOP/s of a float32 product of 512 × 512 by NumPy in this process, the best of five."""
    a = np.random.default_rng(0).standard_normal((512, 512), np.float32)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return float(2 * 512**3 / best)
