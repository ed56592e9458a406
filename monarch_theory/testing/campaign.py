"""Many kernels × dtypes × sizes × seeds, on Dask: local processes by default, a cluster where one is given.

Every task is `check` on one combination and depends on nothing else, so the same campaign gives the same report
however many workers run it and whichever of them die: a task whose worker is lost runs again elsewhere. Reports come
back to the caller as they are done, and go to a file of JSON lines, from which an interrupted campaign takes up again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from monarch_theory.sandbox.limits import CASE_SECONDS, MEMORY
from monarch_theory.testing.check import check, dtype_named, op_from
from monarch_theory.testing.report import as_dict, script

__all__ = ["Task", "plan", "run_campaign", "run_task", "summary"]

WORKER_LOSSES = 20
"""How many workers a task may outlive before Dask gives it up; kernels themselves cannot take a worker down."""


@dataclass(frozen=True)
class Task:
    """One check: a kernel (path, name and source), an op, a dtype, the largest row, the number of cases, a seed."""

    path: str
    name: str
    source: str
    op: str
    dtype: str
    max_size: int
    cases: int
    seed: int

    @property
    def key(self) -> str:
        """A name that is the same for the same task, and changes with the kernel's source."""
        text = json.dumps({k: v for k, v in asdict(self).items() if k != "path"}, sort_keys=True)
        return f"{self.name}-{self.dtype}-{self.max_size}-{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def plan(
    kernels: Sequence[str], op: str, dtypes: Sequence[str], sizes: Sequence[int], seeds: Sequence[int], cases: int
) -> list[Task]:
    """Every combination, in the order given. A kernel is FILE.py:NAME, or FILE.py:NAME@OP for an op of its own.

    Raises:
        ValueError: a file that is not there, an op or a dtype that is not known.
    """
    tasks = []
    for kernel, dtype, size, seed in product(kernels, dtypes, sizes, seeds):
        where, _, own = kernel.partition("@")
        path, _, name = where.rpartition(":")
        if not path or not Path(path).is_file():
            raise ValueError(f"kernel: expected FILE.py:NAME of a file that exists, got {kernel!r}")
        full = dtype_named(dtype, op_from(own or op))
        tasks.append(Task(str(Path(path).resolve()), name, Path(path).read_text(), own or op, full, size, cases, seed))
    return tasks


def run_task(task: Task, timeout: float = CASE_SECONDS, memory: float | None = MEMORY) -> dict[str, Any]:
    """The report on one task: a function of the task alone, so without the time it took."""
    with _file_of(task) as path:
        report = check(
            path, task.name, task.op, task.dtype, seed=task.seed, cases_wanted=task.cases, timeout=timeout,
            memory=memory, max_size=task.max_size,
        )  # fmt: skip
    found = as_dict(report)
    del found["seconds"]
    if found["failure"] is not None:
        found["failure"]["script"] = script(replace(report, kernel=f"{task.path}:{task.name}"))
    return found | {"kernel": f"{Path(task.path).name}:{task.name}", "max_size": task.max_size, "key": task.key}


@contextmanager
def _file_of(task: Task) -> Iterator[Path]:
    """The kernel's file where it is at hand unchanged, otherwise a copy of it."""
    path = Path(task.path)
    if path.is_file() and path.read_text() == task.source:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_text(task.source)
        yield copy


def run_campaign(
    tasks: Sequence[Task],
    *,
    scheduler: str | None = None,
    workers: int = 2,
    record: Path | None = None,
    client: Any = None,
    on_done: Callable[[dict[str, Any]], None] = lambda report: None,
) -> list[dict[str, Any]]:
    """Run the tasks and return their reports in the order of `tasks`.

    Args:
        scheduler: address of a Dask scheduler; None starts `workers` local processes.
        record: JSON lines, one report each, appended as they are done; tasks already there are not run again.
        client: a `distributed.Client` to use instead.
        on_done: called with each report as it arrives, in no particular order.

    Raises:
        ModuleNotFoundError: `distributed` is not installed.
    """
    done = _recorded(record)
    missing = {task.key: task for task in tasks if task.key not in done}
    if missing:
        with _client(client, scheduler, min(workers, len(missing))) as running:
            for report in _reports(running, missing.values()):
                done[report["key"]] = report
                if record is not None:
                    with record.open("a") as lines:
                        lines.write(json.dumps(report, ensure_ascii=False) + "\n")
                on_done(report)
    return [done[task.key] for task in tasks]


def _recorded(record: Path | None) -> dict[str, dict[str, Any]]:
    """Reports of an earlier run; a last line cut short by the interruption is left out."""
    found = {}
    for line in record.read_text().splitlines() if record is not None and record.is_file() else ():
        try:
            report = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[report["key"]] = report
    return found


@contextmanager
def _client(client: Any, scheduler: str | None, workers: int) -> Iterator[Any]:
    if client is not None:
        yield client
        return
    try:
        import dask
        import distributed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("campaigns need Dask: pip install 'monarch-mixer-toolkit[dask]'") from error
    if scheduler is not None:
        with distributed.Client(scheduler) as remote:
            yield remote
        return
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": WORKER_LOSSES}),
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as local,
    ):
        yield local


def _reports(client: Any, tasks: Iterable[Task]) -> Iterator[dict[str, Any]]:
    import distributed

    futures = [client.submit(run_task, task, key=task.key, retries=2) for task in tasks]
    for future, report in distributed.as_completed(futures, with_results=True):
        # kept here from now on, whatever becomes of the worker that held it
        future.release()
        yield report


def summary(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts and reports; the same for the same tasks.

    >>> summary([{"verdict": "right", "cases": 3}])["right"]
    1
    """
    undecided = ("undecided", "refused", "hang", "out of memory")
    verdicts = [report["verdict"] for report in reports]
    right, open_ = verdicts.count("right"), sum(v in undecided for v in verdicts)
    return {
        "tasks": len(reports),
        "right": right,
        "wrong": len(reports) - right - open_,
        "undecided": open_,
        "cases": sum(report["cases"] for report in reports),
        "reports": list(reports),
    }
