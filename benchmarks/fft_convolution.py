"""Does a convolution by Monarch FFT beat torch.fft? On a CPU it is expected to lose: here is by how much, and why.

    python benchmarks/fft_convolution.py [--largest n] [--png FILE] [--json]

Causal convolution of length n, float32. Measured on this machine: the order-2 Monarch transforms against torch.fft.
Counted: the operations and bytes of both. Predicted, from those counts and from data-sheet rates, for GPUs with tensor
cores: where the Monarch form would win. The prediction is arithmetic, not a measurement on a GPU.
"""

from __future__ import annotations

import os

os.environ.pop("OPENBLAS_CORETYPE", None)

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monarch_gpu.ops.arguments import convolution_radices
from monarch_gpu.ops.torch import long_convolution


@dataclass(frozen=True)
class Machine:
    """Data-sheet rates: operations per second of dense half-precision products and of float32, bytes per second."""

    name: str
    matrix: float
    general: float
    memory: float


MACHINES = (
    Machine("A100 SXM 80 GB", matrix=312e12, general=19.5e12, memory=2.04e12),
    Machine("H100 SXM", matrix=989e12, general=67e12, memory=3.35e12),
)

BURST = 5
"""Runs of a candidate in a row: the first finds the caches full of the one before."""

GENERAL_EFFICIENCY, MATRIX_EFFICIENCY = 0.5, 0.5
"""Share of the data-sheet rates assumed of both formulations; an assumption, printed with the prediction."""


def by_torch_fft(u: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    n = u.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(u, 2 * n) * torch.fft.rfft(k, 2 * n), 2 * n)[..., :n]


def counts(n: int) -> dict[str, float]:
    """Operations and bytes of one real signal's convolution, the filter's transform not counted.

    FFT: two real transforms of length N = 2n, 2.5 N log2 N each, and N/2 complex products. Monarch, radices (N0, N1):
    in each transform two stages of 8 real operations per complex product; half of the first forward stage and of the
    last backward one fall away with the padding, and real input and output halve those once more.

    Both read a half-precision signal and write one. The FFT, by a library, also passes its complex float32 spectra
    through memory: out of the first transform, through the product, into the second. Fused, the Monarch form keeps them
    on chip for as long as one transform fits in shared memory (N = 32768 complex half-precision numbers).
    """
    N0, N1 = convolution_radices(n, n, causal=True)
    N = N0 * N1
    fft = 2 * 2.5 * 2 * n * log2(2 * n) + 3 * 2 * n
    edge, middle = 8 * N * N0 / 4, 8 * N * N1
    ends, spectra = 2 * 2.0 * n, 4 * 8.0 * (n + 1)
    return {
        "fft": fft, "monarch, matrix": 2 * (edge + middle), "monarch, general": 18.0 * N,
        "fft, bytes": ends + spectra, "monarch, bytes": ends if N <= 32768 else ends + 4 * 4.0 * N,
    }  # fmt: skip


def predicted(n: int, machine: Machine) -> dict[str, float]:
    """Seconds for one real signal: arithmetic and memory traffic overlap, the larger counts."""
    count = counts(n)
    fft = max(count["fft"] / (GENERAL_EFFICIENCY * machine.general), count["fft, bytes"] / machine.memory)
    arithmetic = count["monarch, matrix"] / (MATRIX_EFFICIENCY * machine.matrix)
    arithmetic += count["monarch, general"] / (GENERAL_EFFICIENCY * machine.general)
    return {"fft": fft, "monarch": max(arithmetic, count["monarch, bytes"] / machine.memory)}


def best_times(candidates: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The shortest time of each candidate, in seconds, over rounds that run all of them, each a few times in a row."""
    best = dict.fromkeys(candidates, float("inf"))
    for run in candidates.values():
        run()
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        rounds += 1
        for name, run in candidates.items():
            for _ in range(BURST):
                start = time.perf_counter()
                run()
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def measure(n: int, signals: int, seconds: float) -> dict[str, float]:
    u, k = torch.randn(signals, n), torch.randn(n)
    leaf = u.clone().requires_grad_()

    def both_ways(convolve: Callable) -> Callable[[], object]:
        return lambda: torch.autograd.grad(convolve(leaf, k).sum(), leaf)

    candidates: dict[str, Callable[[], object]] = {
        "torch.fft": lambda: by_torch_fft(u, k),
        "monarch": lambda: long_convolution(u, k),
        "torch.fft, with backward": both_ways(by_torch_fft),
        "monarch, with backward": both_ways(long_convolution),
    }
    return {"n": n, **best_times(candidates, seconds), **counts(n)}


def report(found: dict, console: Console) -> None:
    """What was measured here, then what the counts predict elsewhere."""
    rows, signals = found["rows"], found["signals"]
    table = Table(title=f"measured on this CPU: causal convolution, float32, {signals} signals, milliseconds")
    for column in ("n", "torch.fft", "monarch", "slower by", "operations, ratio", "with backward, slower by"):
        table.add_column(column, justify="right")
    for row in rows:
        operations = (row["monarch, matrix"] + row["monarch, general"]) / row["fft"]
        table.add_row(
            str(row["n"]), f"{1e3 * row['torch.fft']:.3f}", f"{1e3 * row['monarch']:.3f}",
            f"{row['monarch'] / row['torch.fft']:.1f}×", f"{operations:.1f}×",
            f"{row['monarch, with backward'] / row['torch.fft, with backward']:.1f}×",
        )  # fmt: skip
    console.print(table)
    guess = Table(
        title="PREDICTED from counts per sample and data-sheet rates, not measured: FFT time over fused Monarch time"
    )
    counted = {
        "FFT operations": "fft", "Monarch, matrix": "monarch, matrix", "Monarch, other": "monarch, general",
        "FFT bytes": "fft, bytes", "Monarch bytes": "monarch, bytes",
    }  # fmt: skip
    for column in ("n", *counted, *(machine.name for machine in MACHINES)):
        guess.add_column(column, justify="right")
    for row in rows:
        times = row["predicted, not measured"].values()
        ratios = [f"{t['fft'] / t['monarch']:.1f}×" for t in times]
        guess.add_row(str(row["n"]), *(f"{row[name] / row['n']:.0f}" for name in counted.values()), *ratios)
    console.print(guess)
    console.print(
        f"assumed: {GENERAL_EFFICIENCY:.0%} of general and {MATRIX_EFFICIENCY:.0%} of matrix peak; above 1 the Monarch "
        "form is predicted to win. It does more operations, but on matrix units, and its spectra stay on chip."
    )


def draw(found: dict) -> Figure:
    """Left what was measured here, right what is predicted elsewhere."""
    import matplotlib.pyplot as plt

    rows = found["rows"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    lengths = [row["n"] for row in rows]
    for name in ("torch.fft", "monarch"):
        left.plot(lengths, [1e3 * row[name] for row in rows], marker="o", label=name)
    left.set(yscale="log", xlabel="n", ylabel="milliseconds", title="measured, this CPU")
    for machine in MACHINES:
        times = [row["predicted, not measured"][machine.name] for row in rows]
        right.plot(lengths, [t["fft"] / t["monarch"] for t in times], marker="o", label=machine.name)
    right.axhline(1, color="k", linewidth=0.8)
    right.set(xlabel="n", ylabel="FFT time / Monarch time", title="predicted from data sheets, not measured")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.legend()
    return figure


def main(
    largest: int = 2**15,
    signals: int = 64,
    seconds: float = typer.Option(1.0, help="Shortest time to spend on each length."),
    png: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Print what was measured here and what the counts predict elsewhere; draw both with --png."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    lengths = [2**e for e in range(8, largest.bit_length())]
    rows = [measure(n, signals, seconds) for n in track(lengths, "measuring", console=Console(stderr=True))]
    for row in rows:
        row["predicted, not measured"] = {m.name: predicted(row["n"], m) for m in MACHINES}
    found = {"signals": signals, "rows": rows}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console())


if __name__ == "__main__":
    typer.run(main)
