"""What each test costs in processor seconds, its children's among them: `nox -s costs`.

Or `PYTHONPATH=tests pytest -p costs`, of any tests, in one process. What a clock shows depends on how busy the machine
is, and this much less. A fixture is counted apart from the test that happens to be the first to need it. It is a list
to look at, and no test: nothing fails.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["LIMIT", "Cost", "by_folder", "dear", "spent"]

LIMIT = 2.0
"""Processor seconds that a test which is not long may take: see CONTRIBUTING, tests that stay quick."""

COSTS = pytest.StashKey[list["Cost"]]()


class Cost(NamedTuple):
    """Processor seconds of one test itself, or of what it needed first, which has the phase `setup`."""

    test: str
    phase: str
    seconds: float


def spent() -> float:
    """Processor seconds of this process and of its children, those that live and have children themselves included."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + of_living_children()


def of_living_children() -> float:
    """As Linux tells; elsewhere nothing, and a process that forks for tests is then not seen."""
    found, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for listed in Path("/proc/self/task").glob("*/children"):
        for child in listed.read_text().split():
            try:
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            found += sum(map(int, fields[11:15])) / tick  # user, system, and the same of children waited for
    return found


def dear(costs: Iterable[Cost], limit: float = LIMIT) -> list[Cost]:
    """What takes longer than that, the dearest first."""
    return sorted((cost for cost in costs if cost.seconds > limit), key=lambda cost: -cost.seconds)


def by_folder(costs: Iterable[Cost]) -> list[tuple[str, float]]:
    """The sum of each folder of tests, the dearest first."""
    sums: Counter[str] = Counter()
    for cost in costs:
        sums[str(Path(cost.test.partition("::")[0]).parent)] += cost.seconds
    return sums.most_common()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COSTS] = []


def measured(item: pytest.Item, phase: str) -> Iterator[None]:
    before = spent()
    yield
    item.config.stash[COSTS].append(Cost(item.nodeid, phase, spent() - before))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    yield from measured(item, "setup")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield from measured(item, "call")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield from measured(item, "teardown")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    costs = config.stash[COSTS]
    terminalreporter.section("processor seconds")
    for folder, seconds in by_folder(costs):
        terminalreporter.write_line(f"{seconds:8.1f}  {folder}")
    terminalreporter.write_line(f"{sum(cost.seconds for cost in costs):8.1f}  all {len({c.test for c in costs})} tests")
    terminalreporter.section(f"over {LIMIT:g} of them")
    for cost in dear(costs):
        terminalreporter.write_line(f"{cost.seconds:8.1f}  {cost.test}{' (setup)' if cost.phase == 'setup' else ''}")
