"""What the benchmarks found, saved by their `--json`, told again by the benchmark that found it."""

import json
import sys
from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "gpu")]


def told(name: str, run: str = "") -> Figure:
    """Print the report of benchmarks/results/`run`.json, by default the one of that name, and draw it."""
    found = json.loads((BENCHMARKS / "results" / f"{run or name}.json").read_text())
    module = import_module(name)
    module.report(found, Console(width=132, force_jupyter=False))
    return module.draw(found)


def on_a_gpu() -> Figure | None:
    """The report of `benchmarks/gpu/run.py`, and the figure of its times; a sentence where nobody has run it yet."""
    file, module = BENCHMARKS / "results" / "gpu.json", import_module("run")
    if not file.exists():
        print("Nobody has run this command on a GPU yet: there is no benchmarks/results/gpu.json.")
        return None
    found = json.loads(file.read_text())
    module.report(found, Console(width=132, force_jupyter=False))
    return module.draw(found) if found.get("speed", {}).get("multiply") else None
