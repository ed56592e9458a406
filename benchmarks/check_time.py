"""What a check costs: processor seconds of `monarch check` for the right NumPy kernel of every op, 200 cases of each.

    python benchmarks/check_time.py [--ops long-convolution,attention] [--cases 200] [--json FILE]

Seconds are of the processor: of the half that decides, and of the one that runs the kernel, so that what else the
machine does hardly counts. FILE keeps what it has of other ops, and is written after each.
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


def measure(op: str, cases: int) -> dict[str, float | int | str]:
    """Processor seconds of one check: of this process, and of those it has waited for."""
    kernel = kernel_of(op)
    dtype = "complex64" if "float32" not in kernel.dtypes else "float32"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.py")
        path.write_text(kernel.source)
        before, own = os.times(), time.process_time()
        report = check(path, kernel.function, op, dtype, cases_wanted=cases)
        after = os.times()
    calling = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "dtype": dtype, "verdict": report.verdict.value, "cases": report.cases,
        "deciding": time.process_time() - own, "calling": calling,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", default=",".join(NAMES))
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = json.loads(chosen.json.read_text())["ops"] if chosen.json and chosen.json.exists() else {}
    table = Table("op", "dtype", "verdict", "cases", "deciding, s", "calling, s", "together, s")
    for op in chosen.ops.split(","):
        row = rows[op] = measure(op, chosen.cases)
        together = float(row["deciding"]) + float(row["calling"])
        print(f"{op:36} {together:6.1f} s{'' if together < GOAL else '  over the goal'}", flush=True)
        seconds = (f"{value:.1f}" for value in (row["deciding"], row["calling"], together))
        table.add_row(op, row["dtype"], row["verdict"], str(row["cases"]), *seconds)
        if chosen.json:
            chosen.json.write_text(json.dumps({"seconds": "of the processor", "ops": rows}, indent=1) + "\n")
    Console().print(table)


if __name__ == "__main__":
    main()
