"""What the question "is it in this family?" costs: CPU seconds of every family by size, and the exponent of its growth.

    python benchmarks/family_cost.py [--sizes 256,512,1024] [--families gs,kronecker] [--json FILE] [--png FILE]

A random matrix is asked of each family by itself, at the parameters of an order-2 Monarch matrix: nothing decomposed
for one family helps another. Seconds are of the processor, over all threads. Beside them stands one SVD of the matrix.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np

from monarch_theory.expressivity.comparison import even_budget
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.spectra import Spectra

SVD = "one SVD"


def seconds_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(n: int, names: list[str]) -> dict[str, float]:
    """CPU seconds of every family at size n."""
    matrix = np.exp(np.random.default_rng(n).standard_normal((n, n)) / 4)  # positive, as attention is
    found = {} if SVD not in names and names else {SVD: seconds_of(lambda: np.linalg.svd(matrix))}
    for family in families_for((n, n)):
        if names and family.name not in names:
            continue
        found[family.name] = seconds_of(lambda f=family: f.nearest(Spectra.of([matrix]), even_budget((n, n))))
        print(f"{n:6} {family.name:24} {found[family.name]:8.2f} s", flush=True)
    return found


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log seconds over log size, least squares."""
    return float(np.polyfit([log(n) for n in sizes], [log(max(s, 1e-4)) for s in seconds], 1)[0])


def exponents(tables: dict[int, dict[str, float]]) -> dict[str, float]:
    """Of every family that was measured at two sizes or more."""
    names = {name for table in tables.values() for name in table}
    sizes = {name: [n for n, table in tables.items() if name in table] for name in sorted(names)}
    return {name: exponent(here, [tables[n][name] for n in here]) for name, here in sizes.items() if len(here) > 1}


def draw(tables: dict[int, dict[str, float]], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for name, slope in exponents(tables).items():
        sizes = [n for n, table in tables.items() if name in table]
        style = {"color": "black", "linestyle": "--"} if name == SVD else {"marker": "o", "markersize": 3}
        axes.loglog(sizes, [tables[n][name] for n in sizes], label=f"{name}, exponent {slope:.1f}", **style)
    axes.set_xlabel("N")
    axes.set_ylabel("CPU seconds")
    axes.legend(fontsize=7, ncols=2)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--families", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png")
    arguments = parser.parse_args()
    names = arguments.families.split(",") if arguments.families else []
    tables = {int(n): measure(int(n), names) for n in arguments.sizes.split(",")}
    for name, slope in exponents(tables).items():
        print(f"{name:24} exponent {slope:.2f}")
    if arguments.json:
        known = {"cores": os.cpu_count(), "seconds": tables, "exponents": exponents(tables)}
        arguments.json.write_text(json.dumps(known, indent=1) + "\n")
    if arguments.png:
        draw(tables, arguments.png)


if __name__ == "__main__":
    main()
