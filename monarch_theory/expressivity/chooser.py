"""Which structured layer of a given size and budget would multiply fastest: counts, arithmetic, and a clock.

Parameters and multiplications are counted. A *least time* is arithmetic on a row of `HARDWARE`: no multiply is faster
than its operations at the peak, nor than reading its factors and inputs once and writing its outputs once. Real code is
slower, small blocks most of all, so where it matters, `seconds_of` takes the time of the multiply itself on this
machine, in NumPy. None of this says which family comes near your weights: `comparison` does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from monarch_theory.expressivity.families import Family, Setting, families_for
from monarch_theory.expressivity.parts import Member

__all__ = [
    "HARDWARE",
    "Choice",
    "Hardware",
    "Run",
    "choices",
    "dense_seconds",
    "given",
    "least_time",
    "raised",
    "ranked",
    "this_machine",
]

REPEATS = 3
ENOUGH, MOST = 0.02, 100  # seconds of all runs, and runs
SIDES = (128, 256, 512, 1024)
"""Sides of the products that show what a processor can do."""
COPIES = (2**15, 2**18, 2**21, 2**24)
"""Numbers that copies move: what fits a cache comes faster than from memory."""

Run = tuple[int, int, float]
"""Parameters, multiplications of one input, and the seconds that a batch took."""


@dataclass(frozen=True)
class Hardware:
    """What a machine can do at best.

    Attributes:
        name, source: of the row.
        format: of the numbers.
        bytes: of one number.
        flops: operations a second, a multiplication and an addition being two.
        bandwidth: bytes a second between memory and processor.
    """

    name: str
    source: str
    format: str
    bytes: int
    flops: float
    bandwidth: float


HARDWARE = {
    row.name: row
    for row in (
        Hardware(
            "a100",
            "A100 80GB SXM, dense: its maker's figures from memory, not checked",
            "bfloat16",
            2,
            312e12,
            2.039e12,
        ),
        Hardware(
            "h100",
            "H100 80GB SXM, dense: its maker's figures from memory, not checked",
            "bfloat16",
            2,
            989.4e12,
            3.35e12,
        ),
        Hardware(
            "h200", "H200 SXM, dense: its maker's figures from memory, not checked", "bfloat16", 2, 989.5e12, 4.8e12
        ),
    )
}
"""Machines by name. Their numbers are the makers', from memory and not looked up again; give your own where they matter
(`given`). "cpu" is `this_machine`, measured when it is asked for."""


@dataclass(frozen=True)
class Choice:
    """One family at its largest setting within the budget.

    Attributes:
        family, setting: which.
        least: seconds of one batch that arithmetic allows.
        seconds: measured here; None where it was not, or the family does not write its members down.
    """

    family: Family
    setting: Setting
    least: float
    seconds: float | None = None


def this_machine() -> Hardware:
    """The processor as it is now: the fastest of products of several sizes, and of copies, in float32.

    Its caches are counted as memory, or a multiply that fits into them would be faster than the least time.

    >>> this_machine().flops > 0
    True
    """
    flops, bandwidth = 0.0, 0.0
    for side in SIDES:
        square, place = np.ones((side, side), np.float32), np.empty((side, side), np.float32)
        flops = max(flops, 2 * side**3 / _best(lambda a=square, b=place: np.matmul(a, a, out=b)))  # type: ignore[misc]
    for count in COPIES:
        block, there = np.ones(count, np.float32), np.zeros(count, np.float32)
        bandwidth = max(bandwidth, 8 * count / _best(lambda a=block, b=there: np.copyto(b, a)))  # type: ignore[misc]
    return Hardware("cpu", "measured on this machine just now", "float32", 4, flops, bandwidth)


def raised(machine: Hardware, shape: tuple[int, int], batch: int, runs: Iterable[Run]) -> Hardware:
    """The machine with no number below what runs on it have shown, so that no least time is above the time of one.

    A processor that others use as well, or whose clock rises, is faster in one run than it was when it was measured.

    >>> slow = Hardware("cpu", "", "float32", 4, 1e3, 1e3)
    >>> raised(slow, (2, 2), 1, [(4, 4, 1e-3)]).flops
    8000.0
    """
    flops, bandwidth = machine.flops, machine.bandwidth
    for parameters, multiplications, seconds in runs:
        flops = max(flops, 2 * multiplications * batch / seconds)
        bandwidth = max(bandwidth, _moved(shape, parameters, batch, machine) / seconds)
    return replace(machine, flops=flops, bandwidth=bandwidth)


def given(machine: Hardware, flops: float | None, bandwidth: float | None) -> Hardware:
    """The machine with the user's own numbers, operations and bytes a second, in the place of those of the row.

    >>> given(HARDWARE["h100"], 9e14, None).source
    "flops: given; bandwidth: H100 80GB SXM, dense: its maker's figures from memory, not checked"
    """
    if flops is None and bandwidth is None:
        return machine
    sources = ("given" if value is not None else machine.source for value in (flops, bandwidth))
    source = "; ".join(f"{name}: {what}" for name, what in zip(("flops", "bandwidth"), sources, strict=True))
    found = replace(machine, source=source if None in (flops, bandwidth) else "numbers given")
    return replace(
        found,
        flops=machine.flops if flops is None else flops,
        bandwidth=machine.bandwidth if bandwidth is None else bandwidth,
    )


def least_time(shape: tuple[int, int], parameters: int, multiplications: int, batch: int, machine: Hardware) -> float:
    """Seconds below which no multiply of a batch can be: operations at the peak, every number moved once.

    >>> least_time((1024, 1024), 1024**2, 1024**2, 4096, HARDWARE["h100"]) * 1e6  # microseconds
    8.6...
    """
    moved = _moved(shape, parameters, batch, machine)
    return max(2 * multiplications * batch / machine.flops, moved / machine.bandwidth)


def _moved(shape: tuple[int, int], parameters: int, batch: int, machine: Hardware) -> int:
    """Bytes of the factors, the inputs and the outputs."""
    return (parameters + batch * sum(shape)) * machine.bytes


def choices(
    shape: tuple[int, int], budget: int, batch: int, machine: Hardware, *, measured: bool = False
) -> tuple[list[Choice], list[str]]:
    """(every family that has a setting within the budget, fastest first; the names of those that have none).

    Args:
        shape: (outputs, inputs).
        budget: most parameters.
        batch: columns that one multiply takes.
        measured: take the time of each on this machine, of float32 factors; families without factors come last.

    >>> found, none = choices((64, 64), 1024, 16, HARDWARE["h100"])
    >>> all(choice.setting.parameters <= 1024 for choice in found), "circulant" in {c.family.name for c in found}
    (True, True)
    """
    found, none = [], []
    for family in families_for(shape):
        setting = largest(family, shape, budget)
        if setting is None:
            none.append(family.name)
            continue
        least = least_time(shape, setting.parameters, setting.multiplications, batch, machine)
        seconds = _seconds(family, setting, shape, batch) if measured else None
        found.append(Choice(family, setting, least, seconds))
    return ranked(found), none


def ranked(found: Iterable[Choice]) -> list[Choice]:
    """Fastest first: those that were measured, then the others by their least times."""
    return sorted(found, key=lambda c: (c.seconds is None, c.seconds or 0.0, c.least, c.setting.parameters))


def largest(family: Family, shape: tuple[int, int], budget: int) -> Setting | None:
    """The family's own choice, or of all settings within the budget the one with most parameters; of equals, the one
    with fewest multiplications."""
    if family.largest is not None:
        return family.largest(shape, budget)
    within = (setting for setting in family.settings(shape) if setting.parameters <= budget)
    return max(within, key=lambda setting: (setting.parameters, -setting.multiplications), default=None)


def dense_seconds(shape: tuple[int, int], batch: int) -> float:
    """Seconds of the dense product, in float32, on this machine."""
    rng = np.random.default_rng(0)
    matrix, x = rng.random(shape, np.float32), rng.random((shape[1], batch), np.float32)
    return _best(lambda: matrix @ x)


def _seconds(family: Family, setting: Setting, shape: tuple[int, int], batch: int) -> float | None:
    """Of one multiply of a member near noise; None where the family does not write its members down."""
    if family.parts is None:
        return None
    rng = np.random.default_rng(0)
    member: Member = family.member(rng.random(shape) + 0.5, setting).cast(np.dtype(np.float32))
    x = rng.random((shape[1], batch), np.float32)
    return _best(lambda: member.multiply(x))


def _best(work: Callable[[], object]) -> float:
    """Least seconds of some runs, after one that does not count: of short ones, which others interrupt, of many."""
    work()
    seconds: list[float] = []
    while len(seconds) < REPEATS or (sum(seconds) < ENOUGH and len(seconds) < MOST):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
