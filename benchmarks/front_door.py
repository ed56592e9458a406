"""How long does the front door take: `import monarch_theory` beside NumPy's, and `monarch --help`?

    python benchmarks/front_door.py [--runs N] [--json]

Each number is the least of some runs of a process of its own, in turn, so that a busy moment meets all alike. Imports
are that of the package and that of the first name used of it; Python's own start is taken off.
"""

import json
import subprocess
import sys
import time

import typer
from rich.console import Console
from rich.table import Table

CODES = {
    "nothing": "pass",
    "import numpy": "import numpy",
    "import monarch_theory": "import monarch_theory",
    "mt.Monarch": "import monarch_theory as mt; mt.Monarch",
}
HELP = "monarch --help"


def seconds(command: list[str]) -> float:
    """One process, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(runs: int) -> dict[str, float]:
    """The least of `runs` for each, in seconds."""
    commands = {name: [sys.executable, "-c", code] for name, code in CODES.items()}
    commands[HELP] = [sys.executable, "-m", "monarch_theory.command", "--help"]
    taken = [{name: seconds(command) for name, command in commands.items()} for _ in range(runs)]
    return {name: min(run[name] for run in taken) for name in commands}


def main(runs: int = 10, as_json: bool = typer.Option(False, "--json")) -> None:
    """Print the times, and the imports as multiples of NumPy's."""
    found = measure(runs)
    numpy = found["import numpy"] - found["nothing"]
    ratios = {name: (found[name] - found["nothing"]) / numpy for name in ("import monarch_theory", "mt.Monarch")}
    if as_json:
        print(json.dumps({"seconds": found, "times numpy": ratios}))
        return
    table = Table("", "seconds", "times NumPy's import")
    for name, each in found.items():
        table.add_row(name, f"{each:.3f}", f"{ratios[name]:.2f}" if name in ratios else "")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
