"""A progress bar on standard error, for whatever takes more than two seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["PATIENCE", "progress"]

PATIENCE = 2.0


@contextmanager
def progress(title: str) -> Iterator[Callable[[float], None]]:
    """A function to call with the fraction done; on a terminal a bar appears once `PATIENCE` seconds have passed.

    It appears on its own: within one long call of LAPACK, or while a user's file loads, nothing reports a fraction.
    """
    console = Console(stderr=True)
    columns = BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(), TimeRemainingColumn()
    bar = Progress(TextColumn(title), *columns, console=console, transient=True)
    task = bar.add_task(title, total=1.0)
    patience = Timer(PATIENCE, bar.start)
    patience.daemon = True
    if console.is_terminal:
        patience.start()
    try:
        yield lambda fraction: bar.update(task, completed=fraction)
    finally:
        patience.cancel()
        if patience.ident is not None:
            patience.join()
        if bar.live.is_started:
            bar.stop()
