"""How long does the nearest Monarch matrix take? Ours against its peers, from 256 × 256 to 4096 × 4096.

    python benchmarks/projection.py [--sizes 256,1024,4096] [--png FILE]

Peers, in the same run: one LAPACK call on the whole stack of slices (what NumPy does with them); a Python loop of one
SVD a slice; and ten power iterations a slice, which are quick and stop short of the optimum. Beside them, the limit:
one dense matrix product of the same size, and reading the matrix once. Times are the best of three.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.projection import project

OURS = "project, order 2"


def best_of(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def stacked(slices: np.ndarray) -> float:
    values = np.linalg.svd(slices, full_matrices=False)[1]
    return float(np.sqrt((values[:, 1:] ** 2).sum()))


def looped(slices: np.ndarray) -> float:
    return float(np.sqrt(sum((np.linalg.svd(s, full_matrices=False)[1][1:] ** 2).sum() for s in slices)))


def power_iteration(slices: np.ndarray, steps: int = 10) -> float:
    right = np.ones((len(slices), slices.shape[2], 1))
    for _ in range(steps):
        left = slices @ right
        right = slices.swapaxes(1, 2) @ left
        right /= np.linalg.norm(right, axis=1, keepdims=True)
    captured = np.linalg.norm(slices @ right) ** 2
    return float(np.sqrt(np.linalg.norm(slices) ** 2 - captured))


def measure(n: int) -> dict[str, tuple[float, float | None]]:
    """Seconds, and the distance found over the optimum less one, for every method at size n."""
    matrix = np.random.default_rng(n).standard_normal((n, n))
    kind, deep = MonarchClass(balanced_radices(n, 2)), MonarchClass(balanced_radices(n, 3))
    slices = kind.slices(matrix)
    optimum = project(matrix, kind).distance
    methods: dict[str, Callable[[], float]] = {
        OURS: lambda: project(matrix, kind).distance,
        "one LAPACK stack": lambda: stacked(slices),
        "loop of SVDs": lambda: looped(slices),
        "10 power steps": lambda: power_iteration(slices),
    }
    with threadpool_limits(1, user_api="blas"):
        rows: dict[str, tuple[float, float | None]] = {
            name: (best_of(method), method() / optimum - 1) for name, method in methods.items()
        }
    rows["project, order 3"] = best_of(lambda: project(matrix, deep)), None
    rows["dense product"] = best_of(lambda: matrix @ matrix), None
    rows["read once"] = best_of(matrix.sum), None
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,1024,4096")
    parser.add_argument("--png")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    tables = [measure(n) for n in sizes]
    print(f"{os.cpu_count()} cores, seconds; excess: distance over the optimum, less one, at the largest size")
    print(f"{'':20}" + "".join(f"{n:>10}" for n in sizes) + f"{'exponent':>10}{'/ project':>10}{'excess':>12}")
    for name, (last, excess) in tables[-1].items():
        times = [table[name][0] for table in tables]
        exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0] if len(sizes) > 1 else float("nan")
        note = "" if excess is None else f"{excess:12.1e}"
        ratio = last / tables[-1][OURS][0]
        print(f"{name:20}" + "".join(f"{t:10.4f}" for t in times) + f"{exponent:10.2f}{ratio:10.2f}{note}")
    if arguments.png:
        draw(sizes, {name: [table[name][0] for table in tables] for name in tables[-1]}, arguments.png)


def draw(sizes: list[int], rows: dict[str, list[float]], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(7, 5))
    for name, times in rows.items():
        panel.loglog(
            sizes, times, marker="o", label=name, linestyle="--" if name in ("dense product", "read once") else "-"
        )
    panel.set_xlabel("N")
    panel.set_ylabel("seconds")
    panel.set_title("Nearest Monarch matrix to an N × N matrix")
    panel.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
