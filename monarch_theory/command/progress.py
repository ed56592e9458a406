"""The progress bar of every command, on standard error, for whatever takes more than two seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from monarch_theory.command.harmless import harmless

__all__ = ["PATIENCE", "Advance", "progress"]

PATIENCE = 2.0


class Advance(Protocol):
    """Called when something is done: a fraction, or a number and of how many; a title replaces the one shown."""

    def __call__(self, done: float, total: float = 1.0, title: str | None = None) -> None: ...


@contextmanager
def progress(title: str) -> Iterator[Advance]:
    """A function to call with what is done; on a terminal a bar appears once `PATIENCE` seconds have passed.

    It appears on its own: within one long call of LAPACK, or while a user's file loads, nothing reports a fraction.
    """
    console = Console(stderr=True)
    columns = BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(), TimeRemainingColumn()
    bar = Progress(TextColumn("{task.description}", markup=False), *columns, console=console, transient=True)
    task = bar.add_task(harmless(title), total=1.0)
    patience = Timer(PATIENCE, bar.start)
    patience.daemon = True
    if console.is_terminal:
        patience.start()

    def advance(done: float, total: float = 1.0, title: str | None = None) -> None:
        shown = None if title is None else harmless(title)
        bar.update(task, completed=done / total if total > 0 else 0.0, description=shown)

    try:
        yield advance
    finally:
        patience.cancel()
        if patience.ident is not None:
            patience.join()
        if bar.live.is_started:
            bar.stop()
