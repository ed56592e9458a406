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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=",".join(NAMES))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = json.loads(chosen.json.read_text())["checks"] if chosen.json and chosen.json.exists() else {}
    table = Table("op", "dtype", "verdict", "cases", "deciding, s", "calling, s", "together, s")
    pairs = [(op, d) for op in chosen.ops.split(",") for d in dtypes_of(op, chosen.dtypes.split(","))]
    for op, dtype in pairs:
        row = rows[f"{op} {dtype}"] = measure(op, dtype, chosen.cases)
        together = float(row["deciding"]) + float(row["calling"])
        print(f"{op:36} {dtype:10} {together:6.1f} s{'' if together < GOAL else '  over the goal'}", flush=True)
        seconds = (f"{value:.1f}" for value in (row["deciding"], row["calling"], together))
        table.add_row(op, dtype, row["verdict"], str(row["cases"]), *seconds)
        if chosen.json:
            load = os.getloadavg()[0]
            found = {"seconds": "of the processor", "cores": os.cpu_count(), "load": round(load, 1), "checks": rows}
            chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    Console().print(table)


if __name__ == "__main__":
    main()
