"""A progress bar on standard error, for whatever takes more than two seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["PATIENCE", "progress"]

PATIENCE = 2.0


@contextmanager
def progress(title: str) -> Iterator[Callable[[float], None]]:
    """A function to call with the fraction done; the bar appears once `PATIENCE` seconds have passed."""
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=1.0)

    def report(fraction: float) -> None:
        bar.update(task, completed=fraction)
        if (bar.tasks[0].elapsed or 0.0) > PATIENCE and not bar.live.is_started:
            bar.start()

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()
