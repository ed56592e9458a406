"""How long does deciding causality take, against the naïve way: the whole Jacobian by finite differences?

    python benchmarks/causal_callable.py [--largest 4096] [--plot causal_callable.png]

Prints seconds against n for a cheap mixer (one FFT convolution) with the exponent fitted to each column, then the check
of a model whose forward takes 50 ms at n = 4096. The naïve way runs the model once for each of the n inputs and holds
an n × n matrix, with a guessed step and no noise floor; the check runs it n − 1 times for every cut, in as many rounds
of different values as the time allows.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monarch_theory.leaks.callables import check_callable


def mixer(x: np.ndarray) -> np.ndarray:
    n = len(x)
    k = np.exp(-np.arange(n) / 20)
    return np.fft.irfft(np.fft.rfft(x, 2 * n) * np.fft.rfft(k, 2 * n), 2 * n)[:n]


def fifty_milliseconds(x: np.ndarray) -> np.ndarray:
    started, y = time.perf_counter(), mixer(x)
    while time.perf_counter() - started < 0.05:
        pass
    return y


def finite_difference_jacobian(f, n: int) -> float:
    """Largest entry above the diagonal."""
    x, step = np.random.default_rng(0).standard_normal(n), 1e-6
    y, jacobian = f(x), np.empty((n, n))
    for j in range(n):
        moved = x.copy()
        moved[j] += step
        jacobian[:, j] = (f(moved) - y) / step
    return float(np.abs(np.triu(jacobian, 1)).max())


def seconds(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def exponent(sizes: list[int], times: list[float]) -> float:
    """Slope of log time against log n, over the upper half of the sizes."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(times[half:]), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=4096)
    parser.add_argument("--plot")
    options = parser.parse_args()
    sizes = [n for n in (64, 128, 256, 512, 1024, 2048, 4096, 8192) if n <= options.largest]
    error = Console(stderr=True)
    columns: dict[str, list[float]] = {
        "all rounds": [],
        "one round": [],
        "runs": [],
        "cuts": [],
        "naive Jacobian": [],
        "one forward": [],
    }
    for n in track(sizes, console=error, transient=True):
        x = np.random.default_rng(0).standard_normal(n)
        columns["one forward"].append(min(seconds(lambda x=x: mixer(x)) for _ in range(20)))
        report = check_callable(mixer, n)
        assert report.verdict == "causal"
        columns["all rounds"].append(report.seconds)
        columns["one round"].append(report.seconds * n / report.forwards)
        columns["runs"].append(report.forwards)
        columns["cuts"].append(report.cuts_tested / report.cuts_total)
        columns["naive Jacobian"].append(seconds(lambda n=n: finite_difference_jacobian(mixer, n)))
    table = Table("n", "check, s", "runs", "cuts tested", "naive Jacobian, s", "one round, s", "forward, ms")
    for k, n in enumerate(sizes):
        row = {name: values[k] for name, values in columns.items()}
        table.add_row(
            str(n), f"{row['all rounds']:.2f}", f"{row['runs']:.0f}", f"{row['cuts']:.0%}",
            f"{row['naive Jacobian']:.2f}", f"{row['one round']:.2f}", f"{1e3 * row['one forward']:.2f}",
        )  # fmt: skip
    table.add_row(
        "exponent", "", "", "",
        *(f"n^{exponent(sizes, columns[c]):.2f}" for c in ("naive Jacobian", "one round", "one forward")),
    )  # fmt: skip
    Console().print(table)
    n = options.largest
    report = check_callable(fifty_milliseconds, n, budget=12.0)
    print(f"50 ms a forward, n = {n}: {report.seconds:.1f} s for {report.cuts_tested} of {report.cuts_total} cuts")
    print(f"  {report.verdict}; every dependence {report.gap} or more places ahead would have been seen")
    print(f"  all cuts, or the naive Jacobian, would take at least {0.05 * n:.0f} s")
    if options.plot:
        plot(options.plot, sizes, columns)


def plot(path: str, sizes: list[int], columns: dict[str, list[float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(layout="constrained")
    for name in ("all rounds", "one round", "naive Jacobian", "one forward"):
        axes.loglog(sizes, columns[name], marker="o", label=name)
    axes.set(xlabel="n", ylabel="seconds", title="Deciding causality of an FFT convolution")
    axes.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
