"""Many kernels × dtypes × sizes × seeds: in processes of this machine, or on a Dask cluster that is closed to others.

Every task is `check` on one combination and depends on nothing else, so the same campaign gives the same report
however many workers run it and whichever of them die: a task whose worker is lost runs again. Tasks go to a process
as JSON by its standard input, and reports come back by its output: nothing listens, and nothing is unpickled. Reports
go to a file of JSON lines, from which an interrupted campaign takes up again, as far as nothing has changed that a
report depends on (`monarch_theory.testing.provenance`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from monarch_theory.extras import needed
from monarch_theory.sandbox.limits import CASE_SECONDS, MEMORY
from monarch_theory.testing.check import check, dtype_named, op_from
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.provenance import digest, sources_of, surroundings
from monarch_theory.testing.report import as_dict, script

__all__ = ["Check", "plan", "run_campaign", "run_task", "summary"]

ATTEMPTS = 3
"""How often a task is begun whose process is lost; kernels themselves cannot take it down."""


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        path, name: the kernel; files: its source and that of the modules beside it that it imports, by path.
        op, dtype, max_size, cases: what it is checked on; seed: None to draw one.
        untrusted: it may want to fool the judge. timeout, memory: seconds for a case, and GiB.
        depends: digests of what else the report depends on.
    """

    path: str
    name: str
    files: Mapping[str, str]
    op: str
    dtype: str
    max_size: int
    cases: int
    seed: int | None
    untrusted: bool = True
    timeout: float = CASE_SECONDS
    memory: float | None = MEMORY
    depends: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A name that is the same for the same task, and changes with all that its report depends on."""
        facts = {k: v for k, v in asdict(self).items() if k != "path"}
        return f"{self.name}-{self.dtype}-{self.max_size}-{self.seed}-{digest(facts)[:24]}"


def plan(
    kernels: Sequence[str], op: str, dtypes: Sequence[str], sizes: Sequence[int], seeds: Sequence[int | None],
    cases: int, *, untrusted: bool = True,
) -> list[Check]:  # fmt: skip
    """Every combination, in the order given. A kernel is FILE.py:NAME, or FILE.py:NAME@OP for an op of its own.

    Args:
        seeds: None for one that is drawn, and told in the report.

    Raises:
        ValueError: a file that is not there, an op or a dtype that is not known.
    """
    tasks = []
    for kernel in kernels:
        where, _, own = kernel.partition("@")
        path, _, name = where.rpartition(":")
        if not path or not Path(path).is_file():
            raise ValueError(f"kernel: expected FILE.py:NAME of a file that exists, got {kernel!r}")
        file, named = Path(path).resolve(), own or op
        declared = op_from(named)
        if ":" in named:
            # whatever folder the task is run in
            op_path, _, attribute = named.rpartition(":")
            named = f"{Path(op_path).resolve()}:{attribute}"
        files = sources_of(file)
        depends = surroundings(file, Path(named.rpartition(":")[0]) if ":" in named else None)
        for dtype, size, seed in product(dtypes, sizes, seeds):
            full = dtype_named(dtype, declared)
            tasks.append(
                Check(str(file), name, files, named, full, size, cases, seed, untrusted=untrusted, depends=depends)
            )
    return tasks


def run_task(task: Check) -> dict[str, Any]:
    """The report on one task: a function of the task alone, so without the time it took."""
    with _file_of(task) as path:
        report = check(
            path, task.name, task.op, task.dtype, seed=task.seed, cases_wanted=task.cases, timeout=task.timeout,
            memory=task.memory, max_size=task.max_size, untrusted=task.untrusted,
        )  # fmt: skip
    found = as_dict(report)
    del found["seconds"]
    if found["failure"] is not None:
        found["failure"]["script"] = script(replace(report, kernel=f"{task.path}:{task.name}"))
    return found | {"kernel": f"{Path(task.path).name}:{task.name}", "max_size": task.max_size, "key": task.key}


@contextmanager
def _file_of(task: Check) -> Iterator[Path]:
    """The kernel's file where it and what it imports are at hand unchanged, otherwise copies of them."""
    path = Path(task.path)
    there = {name: path.parent / name for name in task.files}
    if all(file.is_file() and file.read_bytes() == task.files[name].encode() for name, file in there.items()):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, text in task.files.items():
            copy = Path(folder, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(text.encode())
        yield Path(folder, path.name)


def run_campaign(
    tasks: Sequence[Check],
    *,
    scheduler: str | None = None,
    workers: int = 2,
    record: Path | None = None,
    client: Any = None,
    on_done: Callable[[dict[str, Any]], None] = lambda report: None,
) -> list[dict[str, Any]]:
    """Run the tasks and return their reports in the order of `tasks`.

    Args:
        scheduler: address of a Dask scheduler, tls://…; None runs `workers` processes of this machine.
        record: JSON lines, one report each, appended as they are done; tasks already there are not run again.
        client: a `distributed.Client` to use instead.
        on_done: called with each report as it arrives, in no particular order.

    Raises:
        ValueError: a record that is damaged or cannot be written, or a scheduler that is open to others.
        ModuleNotFoundError: `distributed` is wanted and not installed.
    """
    if workers < 1:
        raise ValueError(f"workers: expected at least one, got {workers}")
    done = _recorded(record)
    missing = {task.key: task for task in tasks if task.key not in done}
    if missing:
        with _client(client, scheduler) as running:
            for report in _reports(running, list(missing.values()), workers):
                done[report["key"]] = report
                if record is not None:
                    _append(record, report)
                on_done(report)
    return [done[task.key] for task in tasks]


def _append(record: Path, report: dict[str, Any]) -> None:
    """Put a report at the end of a record.

    Raises:
        ValueError: there is no room, or the file is no longer to be written.
    """
    try:
        with record.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(report, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ValueError(f"record: expected room for a report in {record}: {error.strerror}") from error


def _recorded(record: Path | None) -> dict[str, dict[str, Any]]:
    """Reports of an earlier run; a last line cut short by the interruption is taken away.

    Raises:
        ValueError: the record cannot be read and written, or some other line is no report.
    """
    if record is None:
        return {}
    if record.exists() and not record.is_file():  # a device may have no end
        raise ValueError(f"record: expected a file to read and write, got {record}")
    try:
        with record.open("a+b") as file:
            file.seek(0)
            *lines, last = file.read().split(b"\n")
            found = dict(_report_on(line, number, record) for number, line in enumerate(lines, 1))
            if last.startswith(b'{"') and not _is_json(last):
                file.truncate(sum(len(line) + 1 for line in lines))
            elif last:
                found.update([_report_on(last, len(lines) + 1, record)])
                file.write(b"\n")
    except OSError as error:
        raise ValueError(f"record: expected a file to read and write, got {record}: {error.strerror}") from error
    return found


def _report_on(line: bytes, number: int, record: Path) -> tuple[str, dict[str, Any]]:
    """The report of a line, and its task's key."""
    try:
        report = json.loads(line)
        Verdict(report["verdict"])
        _ = int(report["cases"])
        return str(report["key"]), report
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"record: expected a report on each line, got none on line {number} of {record}") from error


def _is_json(line: bytes) -> bool:
    """Whether a line is whole; one that was cut short is not."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


@contextmanager
def _client(client: Any, scheduler: str | None) -> Iterator[Any]:
    """A client of the scheduler, or None for processes of this machine."""
    if client is not None or scheduler is None:
        yield client
        return
    if not scheduler.startswith("tls://"):
        raise ValueError(
            f"scheduler: expected tls://HOST:PORT, as whoever reaches another can run code as you, got {scheduler!r}"
        )
    with needed():
        import distributed

    # certificates are those of Dask's configuration, distributed.comm.tls
    with distributed.Client(scheduler, security=distributed.Security()) as remote:
        yield remote


def _reports(client: Any, tasks: Iterable[Check], workers: int) -> Iterator[dict[str, Any]]:
    if client is None:
        with ThreadPoolExecutor(workers) as pool:
            try:
                yield from (done.result() for done in as_completed([pool.submit(_in_a_process, t) for t in tasks]))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return
    import distributed

    futures = [client.submit(run_task, task, key=task.key, retries=2) for task in tasks]
    for future, report in distributed.as_completed(futures, with_results=True):
        # kept here from now on, whatever becomes of the worker that held it
        future.release()
        yield report


def _in_a_process(task: Check) -> dict[str, Any]:
    """The report on a task from a process of its own, begun again where that is lost.

    Raises:
        ValueError: what the task asks for is refused.
        RuntimeError: every process was lost.
    """
    said = ""
    for _ in range(ATTEMPTS):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "monarch_theory.testing.campaign"], input=json.dumps(asdict(task)).encode(),
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return dict(json.loads(done.stdout))
        said = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        if done.returncode == REFUSED:
            raise ValueError(said)
    raise RuntimeError(f"{ATTEMPTS} processes that checked {task.name} were lost; the last said: {said[:200]}")


REFUSED = 3
"""Exit status of a process whose task asks for what there is not."""


def main() -> None:
    """Read a task, write its report."""
    try:
        report = run_task(Check(**json.load(sys.stdin)))
    except ValueError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(REFUSED)
    json.dump(report, sys.stdout)


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


if __name__ == "__main__":
    main()
