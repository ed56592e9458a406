"""Does a small M2 learn as well as a small Transformer, at equal parameters and at equal compute?

    python benchmarks/learning.py gpt|bert|vit [--data PATH] [--steps 300] [--seeds 3] [--width 64] [--keep FOLDER]
                                  [--png learning.png] [--json]

Three runs for every seed, on the same batches: M2; a Transformer with as many parameters, for the same steps; the
same Transformer for as many steps as cost what M2's cost, by operation count. Validation loss against steps, as the
mean over seeds with the band between the lowest and the highest. What wins is what the table says.

The learning rate is the best of `--rates` after a tenth of the steps with seed 0. With `--keep`, every curve is saved
when it is done, and every run goes on from its last checkpoint. Without data the text is the source of Python's
standard library, the images are scikit-learn's digits. Real data that a Debian system installs:

    apt-get install bible-kjv; bible gen1:1-rev22:21 > kjv.txt
    python benchmarks/learning.py gpt --data kjv.txt --steps 8000
    apt-get install dataset-fashion-mnist
    python benchmarks/learning.py vit --data /usr/share/datasets/fashion-mnist --steps 8000
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from monarch_gpu.configs import PRESETS, Config
from monarch_gpu.counts import operations, parameters

CHOOSING = 10
"""A learning rate is chosen after one step in so many."""


def small(task: str, width: int, layers: int, data: Path | None = None) -> Config:
    """The tiny preset, smaller still; of 28 × 28 images, in patches of 4 × 4, where there are data for it."""
    config = PRESETS[task]["tiny"]
    changes: dict[str, Any] = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    if task != "vit":
        changes["max_position_embeddings"] = 128
    elif data is not None:
        changes |= {"image_size": 28, "patch_size": 4, "max_position_embeddings": 49}
    return replace(config, **changes)


def learned(config: Config, data: Path | None) -> Any:
    """The task at a path: images for a ViT, the bytes of a text for the others; None where there is no path."""
    from monarch_gpu.configs import ViTConfig
    from monarch_gpu.data import corpus_of, images_of, text_of
    from monarch_gpu.tokenizer import BYTES

    if data is None:
        return None
    return images_of(data) if isinstance(config, ViTConfig) else text_of(config, corpus_of(data, BYTES), 256)


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
    data: Path | None = None,
    steps: int = 300,
    seeds: int = 3,
    batch: int = 8,
    width: int = 64,
    layers: int = 2,
    rates: str = typer.Option("3e-4,1e-3,3e-3,1e-2", help="Learning rates tried for each; seed 0 chooses."),
    threads: int = 1,
    keep: Path | None = None,
    png: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Train them all and print the final validation losses."""
    import torch

    torch.set_num_threads(threads)
    m2 = small(task, width, layers, data)
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
    with tempfile.TemporaryDirectory() as temporary, Progress(console=Console(stderr=True)) as bar:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bar_task = bar.add_task(task, total=len(runs) * (len(choices) + seeds))
        for name, (config, count) in runs.items():
            what = learned(config, data)

            def run(steps: int, rate: float, seed: int, name: str = name, config: Config = config, what: Any = what):  # type: ignore[no-untyped-def]
                found = curve(config, what, steps, batch, rate, seed, folder / f"{task}, {name}")
                bar.advance(bar_task)
                return found

            tried = {rate: run(max(1, count // CHOOSING), rate, 0)[-1][1] for rate in choices}
            rate = min(tried, key=lambda r: tried[r])
            results[name] = {
                "parameters": parameters(config), "operations per token": operations(config, n), "steps": count,
                "learning rate": rate, "curves": [run(count, rate, seed) for seed in range(seeds)],
            }  # fmt: skip
    data_name = None if data is None else data.name
    setting = {"task": task, "data": data_name, "batch": batch, "width": width, "layers": layers, "rates": choices}
    found = {**setting, "runs": results}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console())


def curve(
    config: Config, task: Any, steps: int, batch: int, rate: float, seed: int, path: Path
) -> list[tuple[int, float, float]]:
    """(step, validation loss in nats, accuracy), ten times or so; read where it was saved."""
    from monarch_gpu.train import Training, train

    every, save = max(1, steps // 10), min(steps, 500)
    training = Training(steps, batch, learning_rate=rate, seed=seed, checkpoint_every=save, evaluate_every=every)
    stem = path.with_name(f"{path.name}, {steps} steps, rate {rate:g}, seed {seed}")
    saved = stem.with_name(stem.name + ".json")
    if not saved.exists():
        found = train(config, training, stem.with_name(stem.name + ".safetensors"), task=task).validation
        saved.write_text(json.dumps(found))
    return json.loads(saved.read_text())


def report(found: dict, console: Console) -> None:
    """Final validation losses, mean and band over seeds."""
    columns = "model", "parameters", "steps", "rate", "validation loss", "lowest … highest", "accuracy"
    data = found.get("data")
    table = Table(*columns, title=found["task"] if data is None else f"{found['task']}, {data}")
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
