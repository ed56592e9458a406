"""What does the next token cost, when n tokens are there already?

    python benchmarks/decoding.py [--largest 65536] [--width 256] [--layers 4] [--png decoding.png] [--json]

Four ways for one untrained model of each architecture, batch 1: M2-GPT by relaxed convolution (`monarch_gpu.decode`),
M2-GPT by a full forward for every token, GPT with a cache of keys and values, GPT by a full forward. The mean over the
last quarter of n tokens is the cost at n; the longest of them is the stall at n. Exponents are fitted to the larger
half. Full forwards are timed up to 4096 tokens. The load of the machine stands beside the numbers.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from monarch_gpu.configs import GPTConfig

WAYS = ("M2 relaxed", "M2 full forward", "GPT cached", "GPT full forward")
LONGEST_FORWARD = 4096


def costs(
    largest: int, width: int, layers: int, threads: int, tick: Callable[[str], None]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds for the token after n, for n = 64, 128, … largest, by way; and the longest of those near n."""
    import torch

    from monarch_gpu.decode import Decoder
    from monarch_gpu.gpt import GPTForCausalLM

    torch.set_num_threads(threads)
    config = GPTConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=width // 32,
        max_position_embeddings=largest, vocab_size=256, transform="fft",
    )  # fmt: skip
    sizes = lengths(largest)
    found: dict[str, list[float]] = {}
    stalls: dict[str, list[float]] = {}
    tokens = torch.randint(256, (1, largest))
    for name, architecture in (("M2", "monarch-mixer"), ("GPT", "transformer")):
        model = GPTForCausalLM(replace(config, architecture=architecture)).eval()
        with torch.no_grad():
            decoder = Decoder(model, 1, largest)
            seconds = []
            for i in range(largest):
                start = time.perf_counter()
                decoder.step(tokens[:, i])
                seconds.append(time.perf_counter() - start)
            fast = "M2 relaxed" if name == "M2" else "GPT cached"
            found[fast] = [float(np.mean(seconds[n - n // 4 : n])) for n in sizes]
            stalls[fast] = [float(np.max(seconds[n - n // 4 : n])) for n in sizes]
            tick(fast)
            whole = []
            for n in (n for n in sizes if n <= LONGEST_FORWARD):
                times = []
                for _ in range(3):
                    start = time.perf_counter()
                    model(tokens[:, :n])
                    times.append(time.perf_counter() - start)
                whole.append(min(times))
            found[f"{name} full forward"] = whole
            tick(f"{name} full forward")
    return found, stalls


def lengths(largest: int) -> list[int]:
    return [2**e for e in range(6, largest.bit_length())]


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log cost against log n over the larger half."""
    half = len(seconds) // 2
    return float(np.polyfit(np.log(sizes[half : len(seconds)]), np.log(seconds[half:]), 1)[0])


def main(
    largest: int = 2048,
    width: int = 256,
    layers: int = 4,
    threads: int = 2,
    png: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Print the cost of a token against n, with fitted exponents."""
    if largest < 256:
        raise typer.BadParameter(f"largest: expected at least 256, got {largest}")
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("decoding", total=len(WAYS))
        load = os.getloadavg()[0]
        seconds, stalls = costs(largest, width, layers, threads, lambda way: bar.advance(task))
    sizes = lengths(largest)
    exponents = {way: exponent(sizes, seconds[way]) for way in WAYS}
    found = {"width": width, "layers": layers, "threads": threads, "n": sizes, "seconds": seconds}
    found |= {"exponents": exponents, "stalls": stalls, "load": [load, os.getloadavg()[0]]}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console())


def report(found: dict, console: Console) -> None:
    """Milliseconds for one token, by length."""
    table = Table("n", *WAYS, title="milliseconds for one token (the longest)")
    stalls = found.get("stalls", {})
    for i, n in enumerate(found["n"]):
        cells = []
        for way in WAYS:
            times = found["seconds"][way]
            longest = f" ({1e3 * stalls[way][i]:.2f})" if way in stalls else ""
            cells.append(f"{1e3 * times[i]:.2f}{longest}" if i < len(times) else "")
        table.add_row(str(n), *cells)
    table.add_row("exponent", *(f"{found['exponents'][way]:.2f}" for way in WAYS))
    console.print(table)
    if "load" in found:
        console.print(f"load {found['load'][0]:.1f} before, {found['load'][1]:.1f} after")


def draw(found: dict) -> Figure:
    """Milliseconds for one token against the tokens before it."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(layout="constrained")
    for way in WAYS:
        times = [1e3 * s for s in found["seconds"][way]]
        axis.loglog(found["n"][: len(times)], times, "o-", label=way, base=2)
    axis.set(xlabel="tokens so far", ylabel="milliseconds for one token")
    axis.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
