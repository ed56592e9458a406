"""Does a small M2 learn as well as a small Transformer, at equal parameters and at equal compute?

    python benchmarks/learning.py gpt|bert|vit [--steps 300] [--seeds 3] [--width 64] [--png learning.png] [--json]

Three runs for every seed, on the same batches: M2; a Transformer with as many parameters, for the same steps; the
same Transformer for as many steps as cost what M2's cost, by operation count. Validation loss against steps, as the
mean over seeds with the band between the lowest and the highest. What wins is what the table says.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from monarch_gpu.configs import PRESETS, Config
from monarch_gpu.counts import operations, parameters


def small(task: str, width: int, layers: int) -> Config:
    """The tiny preset, smaller still."""
    config = PRESETS[task]["tiny"]
    changes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    if task != "vit":
        changes["max_position_embeddings"] = 128
    return replace(config, **changes)


def matched(config: Config) -> Config:
    """The Transformer of the same depth and nearest number of parameters, inner width near four times the width."""
    target = parameters(config)
    best = config.as_transformer()
    for width in range(8, 4 * config.hidden_size, config.num_attention_heads):
        for inner in range(3 * width, 5 * width + 1, 8):
            candidate = config.as_transformer(hidden_size=width, intermediate_size=inner)
            if abs(parameters(candidate) - target) < abs(parameters(best) - target):
                best = candidate
    return best


def main(
    task: str = typer.Argument("gpt", help="gpt, bert or vit."),
    steps: int = 300,
    seeds: int = 3,
    batch: int = 8,
    width: int = 64,
    layers: int = 2,
    rates: str = typer.Option("3e-4,1e-3,3e-3,1e-2", help="Learning rates tried for each; seed 0 chooses."),
    threads: int = 1,
    png: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Train them all and print the final validation losses."""
    import torch

    torch.set_num_threads(threads)
    m2 = small(task, width, layers)
    transformer = matched(m2)
    n = m2.max_position_embeddings
    ratio = operations(m2, n) / operations(transformer, n)
    runs = {
        "M2": (m2, steps),
        "Transformer, equal parameters": (transformer, steps),
        "Transformer, equal compute": (transformer, max(1, round(steps * ratio))),
    }
    choices = [float(rate) for rate in rates.split(",")]
    results: dict[str, dict] = {}
    with Progress(console=Console(stderr=True)) as bar:
        bar_task = bar.add_task(task, total=len(runs) * (len(choices) + seeds - 1))
        for name, (config, count) in runs.items():
            tried = {}
            for rate in choices:
                tried[rate] = curve(config, count, batch, rate, 0)
                bar.advance(bar_task)
            rate = min(tried, key=lambda r: tried[r][-1][1])
            curves = [tried[rate]]
            for seed in range(1, seeds):
                curves.append(curve(config, count, batch, rate, seed))
                bar.advance(bar_task)
            results[name] = {
                "parameters": parameters(config), "operations per token": operations(config, n), "steps": count,
                "learning rate": rate, "curves": curves,
            }  # fmt: skip
    found = {"task": task, "batch": batch, "width": width, "layers": layers, "rates": choices, "runs": results}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console())


def curve(config: Config, steps: int, batch: int, rate: float, seed: int) -> list[tuple[int, float, float]]:
    """(step, validation loss in nats, accuracy), ten times or so."""
    from monarch_gpu.train import Training, train

    every = max(1, steps // 10)
    training = Training(steps, batch, learning_rate=rate, seed=seed, checkpoint_every=steps, evaluate_every=every)
    with tempfile.TemporaryDirectory() as folder:
        return train(config, training, Path(folder) / "checkpoint.safetensors").validation


def report(found: dict, console: Console) -> None:
    """Final validation losses, mean and band over seeds."""
    columns = "model", "parameters", "steps", "rate", "validation loss", "lowest … highest", "accuracy"
    table = Table(*columns, title=found["task"])
    for name, run in found["runs"].items():
        losses = [c[-1][1] for c in run["curves"]]
        accuracy = np.mean([c[-1][2] for c in run["curves"]])
        band = f"{min(losses):.3f} … {max(losses):.3f}"
        numbers = f"{run['parameters']:,}", str(run["steps"]), f"{run['learning rate']:g}"
        table.add_row(name, *numbers, f"{np.mean(losses):.3f}", band, f"{accuracy:.1%}")
    console.print(table)


def draw(found: dict) -> Figure:
    """Validation loss against steps and against operations, mean and band over seeds."""
    from matplotlib import pyplot

    figure, (by_step, by_operations) = pyplot.subplots(1, 2, layout="constrained", figsize=(10, 4), sharey=True)
    for name, run in found["runs"].items():
        steps = np.array([row[0] for row in run["curves"][0]])
        losses = np.array([[row[1] for row in c] for c in run["curves"]])
        cost = steps * run["operations per token"]
        for axis, x in ((by_step, steps), (by_operations, cost)):
            axis.plot(x, losses.mean(0), label=name)
            axis.fill_between(x, losses.min(0), losses.max(0), alpha=0.25)
    by_step.set(xlabel="steps", ylabel="validation loss (nats)", title=found["task"])
    by_operations.set(xlabel="operations per token position, forward, accumulated")
    by_step.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
