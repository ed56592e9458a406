"""What the question "is it in this family?" costs: CPU seconds of every family by size, and the exponent of its growth.

    python benchmarks/family_cost.py [--sizes 256,512,1024] [--families gs,kronecker] [--json FILE]

A random matrix is asked of each family by itself, at the parameters of an order-2 Monarch matrix: nothing decomposed
for one family helps another. Seconds are of the processor, over all threads; on a machine that is shared they are more
than on an idle one, so the load stands beside them. Beside the families stands one SVD of the matrix. FILE keeps what
it has of other sizes and families, and is written after each.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from monarch_theory.expressivity.comparison import even_budget
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.spectra import Spectra

SVD = "one SVD"


def seconds_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(n: int, names: list[str], keep: Callable[[str, float], None]) -> None:
    """CPU seconds of every family at size n, kept as they come."""
    matrix = np.exp(np.random.default_rng(n).standard_normal((n, n)) / 4)  # positive, as attention is
    if SVD in names or not names:
        keep(SVD, seconds_of(lambda: np.linalg.svd(matrix)))
    for family in families_for((n, n)):
        if names and family.name not in names:
            continue
        seconds = seconds_of(lambda f=family: f.nearest(Spectra.of([matrix]), even_budget((n, n))))
        print(f"{n:6} {family.name:24} {seconds:8.2f} s", flush=True)
        keep(family.name, seconds)


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log seconds over log size, least squares."""
    return float(np.polyfit([log(n) for n in sizes], [log(max(s, 1e-4)) for s in seconds], 1)[0])


def exponents(tables: dict[int, dict[str, float]]) -> dict[str, float]:
    """Of every family that was measured at two sizes or more."""
    names = {name for table in tables.values() for name in table}
    sizes = {name: [n for n, table in tables.items() if name in table] for name in sorted(names)}
    return {name: exponent(here, [tables[n][name] for n in here]) for name, here in sizes.items() if len(here) > 1}


def report(found: dict, console: Console) -> None:
    """Seconds by size, and the exponents."""
    sizes = list(found["seconds"])
    table = Table("family", *(f"N = {n}" for n in sizes), "exponent")
    for name in dict.fromkeys(name for n in sizes for name in found["seconds"][n]):
        cells = (f"{found['seconds'][n][name]:.2f}" if name in found["seconds"][n] else "–" for n in sizes)
        table.add_row(name, *cells, f"{found['exponents'][name]:.2f}" if name in found["exponents"] else "–")
    console.print(table)
    loads = [load for table in found["load"].values() for load in table.values()]
    shared = f"; {min(loads)} to {max(loads)} processes wanted the {found['cores']} cores" if loads else ""
    console.print(f"CPU seconds, over all threads{shared}")


def draw(found: dict) -> Figure:
    """Seconds against size, on logarithmic axes."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for name, slope in found["exponents"].items():
        sizes = [n for n in found["seconds"] if name in found["seconds"][n]]
        seconds = [max(found["seconds"][n][name], 1e-3) for n in sizes]
        style = {"color": "black", "linestyle": "--"} if name == SVD else {"marker": "o", "markersize": 3}
        axes.loglog([int(n) for n in sizes], seconds, label=f"{name}, exponent {slope:.1f}", **style)
    axes.set_xlabel("N")
    axes.set_ylabel("CPU seconds")
    axes.legend(fontsize=6, ncols=2)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--families", default="")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    names = arguments.families.split(",") if arguments.families else []
    found: dict = {"cores": os.cpu_count(), "load": {}, "seconds": {}, "exponents": {}}
    if arguments.json and arguments.json.is_file():
        found |= json.loads(arguments.json.read_text())
    for size in arguments.sizes.split(","):

        def keep(name: str, seconds: float, size: str = size) -> None:
            found["seconds"].setdefault(size, {})[name] = seconds
            found["load"].setdefault(size, {})[name] = round(os.getloadavg()[0], 1)
            for what in ("load", "seconds"):
                found[what] = dict(sorted(found[what].items(), key=lambda row: int(row[0])))
            found["exponents"] = exponents({int(n): table for n, table in found["seconds"].items()})
            if arguments.json:
                arguments.json.write_text(json.dumps(found, indent=1) + "\n")

        measure(int(size), names, keep)
    report(found, Console())


if __name__ == "__main__":
    main()
