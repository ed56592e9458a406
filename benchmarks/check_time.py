"""What a check costs: processor seconds of `monarch check`, 200 cases, for a right NumPy kernel of every op and dtype.

    python benchmarks/check_time.py [--ops long-convolution,attention] [--dtypes float32] [--cases 200] [--json FILE]

Seconds are of the processor: of the half that decides, and of the one that runs the kernel, so that what else the
machine does hardly counts. FILE keeps what it has of other ops and dtypes, and is written after each. Ops of complex
numbers alone are checked in complex64.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from monarch_theory.testing.check import check
from monarch_theory.testing.mutants import RIGHT
from monarch_theory.testing.mutants.mutant import RightKernel
from monarch_theory.testing.ops import NAMES

LIBRARIES = ("numpy", "numpy_layers")
GOAL = 10.0


def kernel_of(op: str) -> RightKernel:
    """The right kernel of an op that needs NumPy alone."""
    return next(k for k in RIGHT if k.op == op and k.library in LIBRARIES and k.algorithm == "conventional")


def dtypes_of(op: str, wanted: list[str]) -> list[str]:
    """Those of the dtypes wanted that the op has, or complex64."""
    return [dtype for dtype in wanted if dtype in kernel_of(op).dtypes] or ["complex64"]


def measure(op: str, dtype: str, cases: int) -> dict[str, float | int | str]:
    """Processor seconds of one check: of this process, and of those it has waited for."""
    kernel = kernel_of(op)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.py")
        path.write_text(kernel.source)
        before, own = os.times(), time.process_time()
        report = check(path, kernel.function, op, dtype, cases_wanted=cases)
        after = os.times()
    calling = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "op": op, "dtype": dtype, "verdict": report.verdict.value, "cases": report.cases,
        "deciding": time.process_time() - own, "calling": calling,
    }  # fmt: skip


def together(row: dict[str, Any]) -> float:
    """Processor seconds of both halves."""
    return float(row["deciding"]) + float(row["calling"])


def report(found: dict[str, Any], console: Console) -> None:
    """A row for every op: the seconds of each dtype, the slowest op first, and how many stay below the goal."""
    rows = list(found["checks"].values())
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    table = Table("op", *(f"{dtype}, s" for dtype in dtypes))
    slowest = sorted(rows, key=together, reverse=True)
    for op in dict.fromkeys(row["op"] for row in slowest):
        seconds = {row["dtype"]: f"{together(row):.1f}" for row in rows if row["op"] == op}
        table.add_row(op, *(seconds.get(dtype, "") for dtype in dtypes))
    console.print(table)
    right = sum(row["verdict"] == "right" for row in rows)
    below = sum(together(row) < GOAL for row in rows)
    console.print(f"{below} of {len(rows)} checks below {GOAL:g} s; {right} right; load {found['load']}")


def draw(found: dict[str, Any]) -> Figure:
    """Seconds of every check, sorted, one mark for every op and dtype, and the goal."""
    from matplotlib import pyplot

    rows = list(found["checks"].values())
    names = list(dict.fromkeys(row["op"] for row in sorted(rows, key=together)))
    figure, axes = pyplot.subplots(figsize=(8, 0.17 * len(names) + 1), layout="constrained")
    for dtype in dict.fromkeys(row["dtype"] for row in rows):
        chosen = [row for row in rows if row["dtype"] == dtype]
        axes.plot([together(row) for row in chosen], [names.index(row["op"]) for row in chosen], "o", ms=4, label=dtype)
    axes.axvline(GOAL, color="0.6")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set(xlabel="seconds of the processor", xlim=(0, None), ylim=(-1, len(names)))
    axes.legend(loc="lower right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=",".join(NAMES))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    checks = json.loads(chosen.json.read_text())["checks"] if chosen.json and chosen.json.exists() else {}
    found: dict[str, Any] = {"seconds": "of the processor", "cores": os.cpu_count(), "checks": checks}
    pairs = [(op, d) for op in chosen.ops.split(",") for d in dtypes_of(op, chosen.dtypes.split(","))]
    for op, dtype in pairs:
        row = checks[f"{op} {dtype}"] = measure(op, dtype, chosen.cases)
        print(
            f"{op:36} {dtype:10} {together(row):6.1f} s{'' if together(row) < GOAL else '  over the goal'}", flush=True
        )
        found["load"] = round(os.getloadavg()[0], 1)
        if chosen.json:
            chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    report(found, Console())


if __name__ == "__main__":
    main()
