"""How fast is M2-BERT beside BERT, at which length does it begin to win, and how much memory does each take?

    python benchmarks/bert_throughput.py [--lengths 512,1024,4096] [--layers 12] [--mode both] [--png P.png] [--json]
        [--keep FILE]

Tokens per second of a forward and of a training step (forward and backward), batch chosen so that every call sees about
`--tokens` tokens. M2-BERT runs with this package's Monarch DFT and with torch's FFT, and in training also with what is
wide inside its mixers computed again (`recompute`), forward also with the kernels of its convolutions kept from call
to call, as a server has them (`kept_kernels`, `monarch embed`); BERT's attention is torch's
`scaled_dot_product_attention`. Every cell is its own process, so that its peak memory is its own; cells of one length
follow each other. Denormal numbers are flushed to zero for every model: gelu of a very negative gate is one, and a
processor multiplies them many times slower.
The best of `--repeats` calls counts. Beside them: the ratio of operation counts, what this machine gives a plain matrix
product and a copy, and how many processes wanted a processor at each cell (the system's load of the last minute): above
the number of threads, something else ran. With `--keep`, every cell is written down when it is measured, and a second
run with the same options goes on where the first stopped.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from monarch_gpu.configs import BertConfig
from monarch_gpu.counts import operations

MODELS = ("bert", "m2-bert fft", "m2-bert fft kept", "m2-bert fft recomputed", "m2-bert monarch")
KEPT = 2**31
"""Bytes of kernels that a model may keep."""


def config_of(model: str, n: int, layers: int, width: int) -> BertConfig:
    """The base model, or fewer layers of it, with positions up to n."""
    config = BertConfig(
        max_position_embeddings=n, num_hidden_layers=layers, hidden_size=width, intermediate_size=4 * width,
        num_attention_heads=width // 64,
    )  # fmt: skip
    if model == "bert":
        return replace(config, architecture="transformer")
    return replace(config, transform=model.split()[1])


def useful(mode: str, model: str) -> bool:
    """Whether a cell says anything new: nothing is computed again in a forward pass, or kept while weights change."""
    return not model.endswith("recomputed" if mode == "forward" else "kept")


def clock_of(cpu_time: bool) -> Callable[[], float]:
    """Seconds of processor time, or of the wall."""
    return time.process_time if cpu_time else time.perf_counter


def cell(
    model: str, n: int, layers: int, width: int, mode: str, tokens: int, repeats: int, threads: int, cpu_time: bool
) -> dict:  # fmt: skip
    """Tokens per second and peak memory in GiB of one model at one length."""
    import torch

    from monarch_gpu.bert import BertForMaskedLM
    from monarch_gpu.layers import kept_kernels, recompute

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    load = os.getloadavg()[0]
    network = BertForMaskedLM(config_of(model, n, layers, width)).bert.train(mode == "train")
    recompute(network, model.endswith("recomputed"))
    ids = torch.randint(1000, (max(1, tokens // n), n))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def forward() -> None:
        with torch.no_grad():
            network(ids)

    def train() -> None:
        network(ids).square().mean().backward()
        network.zero_grad()

    clock = clock_of(cpu_time)
    seconds = []
    with kept_kernels(network, KEPT) if model.endswith("kept") else nullcontext():
        for _ in range(repeats + 1):
            start = clock()
            (train if mode == "train" else forward)()
            seconds.append(clock() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "tokens per second": ids.numel() / min(seconds[1:]),
        "peak GiB": peak / 2**20,
        "activations GiB": (peak - before) / 2**20,
        "load": load,
    }


def machine(threads: int, clock: Callable[[], float]) -> dict[str, float]:
    """GFLOP/s of a float32 product of 1024 × 1024 matrices, and GB/s of a copy of 128 MiB, read and write counted."""
    import torch

    torch.set_num_threads(threads)
    a, source = torch.randn(1024, 1024), torch.randn(2**25)
    target = torch.empty_like(source)

    def best(run) -> float:
        times = []
        for _ in range(5):
            start = clock()
            run()
            times.append(clock() - start)
        return min(times)

    product, copy = best(lambda: a @ a), best(lambda: target.copy_(source))
    return {"GFLOP/s": 2 * 1024**3 / product / 1e9, "GB/s": 2**28 / copy / 1e9}


def main(
    lengths: str = "512,1024,2048,4096,8192,16384",
    layers: int = 12,
    width: int = 768,
    mode: str = typer.Option("both", help="forward, train or both."),
    models: str = ",".join(MODELS),
    tokens: int = 16384,
    repeats: int = 2,
    threads: int = 2,
    cpu_time: bool = typer.Option(False, "--cpu-time", help="Count processor seconds; wants --threads 1."),
    png: Path | None = None,
    keep: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
    one: str = typer.Option("", hidden=True),
) -> None:
    """Print throughput and memory against length, and where the curves cross."""
    if one:
        model, n, how = one.split(",")
        print(json.dumps(cell(model, int(n), layers, width, how, tokens, repeats, threads, cpu_time)))
        return
    chosen, sizes = models.split(","), [int(n) for n in lengths.split(",")]
    modes = ("forward", "train") if mode == "both" else (mode,)
    cells = [(how, n, model) for how in modes for n in sizes for model in chosen if useful(how, model)]
    options = ["--layers", layers, "--width", width, "--tokens", tokens, "--repeats", repeats, "--threads", threads]
    options += ["--cpu-time"] if cpu_time else []
    allocator = {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")}
    setting = {"layers": layers, "width": width, "threads": threads, "cpu time": cpu_time, "allocator": allocator}
    of_calls = {"tokens": tokens, "repeats": repeats}
    known, rows = kept(keep, setting | of_calls), []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=len(cells))
        for how, n, model in cells:
            bar.advance(task)
            if (how, n, model) in known:
                rows.append(known[how, n, model])
                continue
            command = [sys.executable, __file__, "--one", f"{model},{n},{how}", *map(str, options)]
            run = subprocess.run(command, capture_output=True, text=True)
            result = json.loads(run.stdout) if run.returncode == 0 else {"failed": run.returncode}
            rows.append({"mode": how, "n": n, "model": model, **result})
            if keep and run.returncode == 0:
                with keep.open("a") as file:
                    print(json.dumps({"setting": setting | of_calls, "row": rows[-1]}), file=file)
    found = {**setting, "machine": machine(threads, clock_of(cpu_time)), "rows": rows}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console())


def kept(file: Path | None, setting: dict) -> dict[tuple[str, int, str], dict]:
    """Cells that an earlier run with this setting measured, by mode, length and model."""
    if file is None or not file.exists():
        return {}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    rows = [line["row"] for line in lines if line["setting"] == setting]
    return {(row["mode"], row["n"], row["model"]): row for row in rows}


def column(rows: list[dict], how: str, model: str, sizes: list[int], key: str) -> list[float]:
    found = {r["n"]: r.get(key, float("nan")) for r in rows if r["mode"] == how and r["model"] == model}
    return [found[n] for n in sizes]


def crossover(sizes: list[int], ratios: list[float]) -> str:
    """Length at which a ratio reaches one, interpolated between the measured lengths."""
    for (n, r), (m, s) in pairwise(zip(sizes, ratios, strict=True)):
        if r < 1 <= s:
            return f"{2 ** float(np.interp(0, np.log2([r, s]), np.log2([n, m]))):.0f}"
    return f"below {sizes[0]}" if ratios[0] >= 1 else f"above {sizes[-1]}"


def axes_of(found: dict) -> tuple[list[str], list[int], list[str]]:
    """The modes, lengths and models of a run, in the order they were measured."""
    modes, sizes, models = ([row[key] for row in found["rows"]] for key in ("mode", "n", "model"))
    return list(dict.fromkeys(modes)), list(dict.fromkeys(sizes)), list(dict.fromkeys(models))


def report(found: dict, console: Console) -> None:
    """Throughput, memory, ratios, crossover, and the machine's limits."""
    rows, layers, width, limits = (found[name] for name in ("rows", "layers", "width", "machine"))
    modes, sizes, measured = axes_of(found)
    for how in modes:
        chosen = [model for model in measured if useful(how, model)]
        table = Table("n", title=f"{how}: tokens per second (peak GiB)")
        for model in chosen:
            table.add_column(model, justify="right")
        others = [m for m in chosen if m != "bert"] if "bert" in chosen else []
        for model in others:
            table.add_column(f"{model} / bert", justify="right")
        table.add_column("by operations", justify="right")
        speeds = {m: column(rows, how, m, sizes, "tokens per second") for m in chosen}
        peaks = {m: column(rows, how, m, sizes, "peak GiB") for m in chosen}
        for i, n in enumerate(sizes):
            counted = operations(config_of("bert", n, layers, width), n)
            counted /= operations(config_of("m2-bert fft", n, layers, width), n)
            table.add_row(
                str(n),
                *(f"{speeds[m][i]:.0f} ({peaks[m][i]:.2f})" for m in chosen),
                *(f"{speeds[m][i] / speeds['bert'][i]:.2f}×" for m in others),
                f"{counted:.2f}×",
            )
        console.print(table)
        for model in others:
            ratios = [a / b for a, b in zip(speeds[model], speeds["bert"], strict=True)]
            console.print(f"{model} overtakes bert at n = {crossover(sizes, ratios)}")
        best = [operations(config_of(m, sizes[0], layers, width), sizes[0]) * speeds[m][0] / 1e9 for m in chosen]
        reached = ", ".join(f"{m} {rate:.0f}" for m, rate in zip(chosen, best, strict=True))
        if how == "forward":
            console.print(f"GFLOP/s reached at n = {sizes[0]}: {reached}")
    rates = f"{limits['GFLOP/s']:.0f} GFLOP/s in matrix products, {limits['GB/s']:.1f} GB/s copying"
    loads = [row["load"] for row in rows if "load" in row]
    load = f"; load {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    clock = "; all in seconds of processor time" if found["cpu time"] else ""
    console.print(f"this machine: {rates}{load}; threads {found['threads']}{clock}")


def draw(found: dict) -> Figure:
    """Tokens per second against length."""
    from matplotlib import pyplot

    rows, (modes, sizes, chosen) = found["rows"], axes_of(found)
    figure, axes = pyplot.subplots(1, len(modes), squeeze=False, layout="constrained", figsize=(5 * len(modes), 4))
    for axis, how in zip(axes[0], modes, strict=True):
        for model in (model for model in chosen if useful(how, model)):
            axis.loglog(sizes, column(rows, how, model, sizes, "tokens per second"), "o-", label=model, base=2)
        axis.set(title=how, xlabel="length n", ylabel="tokens per second")
        axis.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
