"""The progress bar appears on its own, and only where somebody sees it."""

import time

import pytest
from rich.console import Console

from monarch_theory.command import progress as module


class Terminal(Console):
    """Standard error that says it is a terminal, or that it is none."""

    shows = True

    def __init__(self, **options):
        super().__init__(**options, force_terminal=self.shows)


@pytest.fixture
def shown(monkeypatch):
    bars = []
    start = module.Progress.start
    monkeypatch.setattr(module.Progress, "start", lambda bar: (bars.append(bar), start(bar))[1])
    monkeypatch.setattr(module, "Console", Terminal)
    return bars


def test_a_bar_appears_though_nothing_reports(shown, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with module.progress("one long call"):
        end = time.monotonic() + 30
        while not shown and time.monotonic() < end:
            time.sleep(0.01)
    assert len(shown) == 1 and not shown[0].live.is_started


def test_none_appears_for_what_is_quick_or_where_there_is_no_terminal(shown, monkeypatch):
    with module.progress("quick") as report:
        report(1.0)
    monkeypatch.setattr(Terminal, "shows", False)
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    with module.progress("not on a terminal") as report:
        time.sleep(0.05)
        report(0.5)
    assert shown == []


def test_an_error_passes_through(shown, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    with pytest.raises(KeyError), module.progress("failing") as report:
        report(0.5)
        raise KeyError
    assert not any(bar.live.is_started for bar in shown)
