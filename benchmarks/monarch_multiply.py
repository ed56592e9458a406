"""How fast is the Monarch multiply, and how near to what the machine can do?

    python benchmarks/monarch_multiply.py [--largest N] [--batch B] [--png FILE] [--json]

Order 2, float32, forward and backward, on two cores. Every number is a ratio of times taken in the same run, the
candidates one after another in each round so that what else the machine does falls on all of them. Peers: the dense
matrix; the formulation that published code uses, two einsums with transposes around them; the two batched products
alone, digits of the result left reversed, which is the most that `torch.bmm` allows; and the machine itself, its rate
for one large matrix product and for copying. "GEMM + memory" is the time of the operations at the one rate plus
that of the bytes at the other, nothing overlapped, as a share of the time taken.
"""

from __future__ import annotations

import os

os.environ.pop("OPENBLAS_CORETYPE", None)

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monarch_gpu.ops.torch import monarch_multiply
from monarch_gpu.ops.torch.cpu import memory
from monarch_theory.digits import balanced_radices

DENSE_LIMIT = 2**13

BURST = 2, 0.02
"""Fewest runs of a candidate in a row, and fewest seconds: the first ones find the caches full of the one before."""

TARGETS = {
    "over dense, native layout, N = 4096": (">=", 25.0),
    "over published, native layout, N = 4096": (">=", 4.0),
    "over published, batch first, N = 4096": (">=", 2.0),
    "over dense, native layout, N = 256": (">=", 1.0),
    "share of the GEMM rate, N >= 16384": (">=", 0.8),
    "backward over forward": ("<=", 2.2),
    "fitted exponent": ("<=", 1.55),
}


def published(x: torch.Tensor, right: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Two einsums over the block axis with the batch in front, transposed between and after."""
    (n1, m0, n0), (_, m1, _) = right.shape, left.shape
    y = torch.einsum("kqp,bkp->bkq", right, x.view(-1, n1, n0)).transpose(1, 2)
    return torch.einsum("lsr,blr->bls", left, y).transpose(1, 2).reshape(-1, m0 * m1)


def bare(x: torch.Tensor, right: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Nothing but the two batched products, batch innermost: M x but for the order of its entries."""
    n1, _, n0 = right.shape
    return torch.bmm(left, torch.bmm(right, x.view(n1, n0, -1)).transpose(0, 1))


def best_times(
    candidates: dict[str, Callable[[], object]], seconds: float, clock: Callable[[], float]
) -> dict[str, float]:
    """The shortest time of each candidate, in seconds, over rounds that run all of them, each some times in a row."""
    best = dict.fromkeys(candidates, float("inf"))
    runs, shortest = BURST
    for run in candidates.values():
        run()
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        rounds += 1
        for name, run in candidates.items():
            burst, count = time.perf_counter(), 0
            while count < runs or time.perf_counter() < burst + shortest:
                count += 1
                start = clock()
                run()
                best[name] = min(best[name], clock() - start)
    return best


def machine() -> dict[str, Callable[[], object]]:
    """One large matrix product, 2 · 2048³ operations, and one copy, 2 · 64 MiB of traffic."""
    a, out = torch.randn(2048, 2048), torch.empty(2048, 2048)
    source, target = torch.randn(2**24), torch.empty(2**24)
    return {"gemm": lambda: torch.mm(a, a, out=out), "copy": lambda: target.copy_(source)}


def backward_of(leaves: list[torch.Tensor], axis: int) -> Callable[[], object]:
    y = monarch_multiply(*leaves, axis=axis)
    gradient = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, leaves, gradient, retain_graph=True)


def measure(size: int, batch: int, seconds: float, clock: Callable[[], float]) -> dict[str, float | None]:
    """Seconds of every candidate at one size, and the operations of one product."""
    n0, n1 = balanced_radices(size)
    right, left = torch.randn(n1, n0, n0), torch.randn(n0, n1, n1)
    x = torch.randn(batch, size)
    native = x.t().contiguous()
    # factors of one storage: at N = 2²⁰ they are 8 GiB, and their gradients 8 more
    first, middle = ([t.detach().requires_grad_() for t in (signal, right, left)] for signal in (x, native))
    candidates: dict[str, Callable[[], object]] = machine() if size >= 2**12 else {}
    candidates |= {
        "native": lambda: monarch_multiply(native, right, left, axis=0),
        "batch first": lambda: monarch_multiply(x, right, left),
        "published": lambda: published(x, right, left),
        "bare products": lambda: bare(native, right, left),
        "native, keeping": lambda: monarch_multiply(*middle, axis=0),
        "native, backward": backward_of(middle, 0),
        "batch first, backward": backward_of(first, -1),
    }
    if size <= DENSE_LIMIT:
        matrix = torch.randn(size, size)
        candidates["dense"] = lambda: matrix @ native
    row: dict[str, float | None] = {"N": size, "operations": 2.0 * batch * size * (n0 + n1)}
    row |= best_times(candidates, seconds, clock)
    if "gemm" in row:
        row["gemm rate"] = 2 * 2048**3 / row["gemm"]  # type: ignore[operator]
        row["copy rate"] = 2 * 2**26 / row["copy"]  # type: ignore[operator]
    return row


def exponent(rows: list[dict], name: str) -> float:
    """Slope of log time against log N from N = 1024 on, where calls no longer cost more than products."""
    points = [(row["N"], row[name]) for row in rows if row["N"] >= 1024]
    if len(points) < 2:
        return float("nan")
    return float(np.polyfit(*np.log(np.array(points)).T, 1)[0])


def verdicts(rows: list[dict]) -> dict[str, float | None]:
    """The measured number for each of `TARGETS`; None where the size was not run."""
    by_size = {row["N"]: row for row in rows}

    def ratio(size: int, above: str, below: str) -> float | None:
        row = by_size.get(size)
        return row[above] / row[below] if row and above in row and below in row else None

    shares = [row["operations"] / row["native"] / row["gemm rate"] for row in rows if row["N"] >= 2**14]
    backward = [row["native, backward"] / row["native, keeping"] for row in rows]
    values = [
        ratio(4096, "dense", "native"), ratio(4096, "published", "native"), ratio(4096, "published", "batch first"),
        ratio(256, "dense", "native"), min(shares, default=None), max(backward, default=None),
        exponent(rows, "native"),
    ]  # fmt: skip
    return dict(zip(TARGETS, values, strict=True))


def met(name: str, value: float | None) -> bool | None:
    if value is None:
        return None
    sign, target = TARGETS[name]
    return value >= target if sign == ">=" else value <= target


def report(found: dict, console: Console) -> None:
    """Times, rates, and what was to be reached."""
    rows, batch, load, threads = (found[name] for name in ("rows", "batch", "load", "threads"))
    table = Table(title=f"Monarch multiply, order 2, float32, batch {batch}: milliseconds, and GFLOP/s")
    names = "dense", "published", "batch first", "native", "bare products", "native, backward", "batch first, backward"
    for column in ("N", *names, "native GFLOP/s", "share of GEMM rate", "share of GEMM + memory"):
        table.add_column(column, justify="right")
    for row in rows:
        rate = row["operations"] / row["native"]
        n0, n1 = balanced_radices(row["N"])
        # x, state and stage-order result pass through memory twice each, the factors once
        traffic = 4 * (6 * batch * row["N"] + row["N"] * (n0 + n1))
        gemm = f"{rate / row['gemm rate']:.0%}" if "gemm rate" in row else "—"
        floor = "—"
        if "gemm rate" in row:
            floor = f"{(row['operations'] / row['gemm rate'] + traffic / row['copy rate']) / row['native']:.0%}"
        cells = [f"{1e3 * row[name]:.3f}" if name in row else "—" for name in names]
        table.add_row(str(row["N"]), *cells, f"{rate / 1e9:.0f}", gemm, floor)
    console.print(table)
    summary = Table("claim", "target", "measured", "met", title="what was to be reached")
    for name, value in found["reached"].items():
        sign, target = TARGETS[name]
        mark = {True: "yes", False: "no", None: "not run"}[met(name, value)]
        summary.add_row(name, f"{sign} {target:g}", "—" if value is None else f"{value:.2f}", mark)
    console.print(summary)
    rates = [row for row in rows if "gemm rate" in row]
    if rates:
        gemm, copy = max(r["gemm rate"] for r in rates) / 1e9, max(r["copy rate"] for r in rates) / 1e9
        console.print(f"machine: {gemm:.0f} GFLOP/s for one 2048³ product, {copy:.0f} GB/s copying (read and write)")
    if load > 1:
        console.print(f"load average before the run {load:.1f}: other programs had a share of the {threads} cores")


def draw(found: dict) -> Figure:
    """Times, and rates beside the machine's."""
    import matplotlib.pyplot as plt

    rows, batch = found["rows"], found["batch"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for name in ("dense", "published", "batch first", "native", "native, backward"):
        points = [(row["N"], 1e3 * row[name]) for row in rows if name in row]
        left.plot(*zip(*points, strict=True), marker="o", label=name)
    left.set(xscale="log", yscale="log", xlabel="N", ylabel="milliseconds", title=f"float32, batch {batch}")
    left.set_xscale("log", base=2)
    left.legend()
    sizes = [row["N"] for row in rows]
    for name in ("published", "batch first", "native", "bare products"):
        right.plot(sizes, [row["operations"] / row[name] / 1e9 for row in rows], marker="o", label=name)
    rates = [(row["N"], row["gemm rate"] / 1e9) for row in rows if "gemm rate" in row]
    if rates:
        right.plot(*zip(*rates, strict=True), "k--", label="one 2048³ matrix product")
    right.set(xlabel="N", ylabel="GFLOP/s", ylim=(0, None), title="rate of the two stages")
    right.set_xscale("log", base=2)
    right.legend()
    return figure


def main(
    largest: int = 2**20,
    batch: int = 64,
    threads: int = typer.Option(2, help="With 1, times are CPU times, which other programs do not disturb."),
    seconds: float = typer.Option(2.0, help="Shortest time to spend on each size."),
    png: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Print times, rates and the ratios that were to be reached; draw them with --png."""
    load = os.getloadavg()[0]
    memory.keep()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    clock = time.thread_time if threads == 1 else time.perf_counter
    sizes = [2**e for e in range(8, largest.bit_length(), 2)]
    rows = [measure(size, batch, seconds, clock) for size in track(sizes, "measuring", console=Console(stderr=True))]
    reached = verdicts(rows)
    fulfilled = {name: met(name, value) for name, value in reached.items()}
    conditions = {"batch": batch, "threads": threads, "load": load}
    found = conditions | {"rows": rows, "reached": reached, "met": fulfilled}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console(width=160))


if __name__ == "__main__":
    typer.run(main)
