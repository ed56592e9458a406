"""Does a small M2 learn as well as a small Transformer, at equal parameters and at equal compute?

    python benchmarks/learning.py gpt|bert|vit [--data PATH] [--steps 300] [--seeds 3] [--width 64] [--keep FOLDER]
                                  [--device cuda] [--jobs 1] [--png learning.png] [--json]

Three runs for every seed, on the same batches: M2; a Transformer with as many parameters, for the same steps; the
same Transformer for as many steps as cost what M2's cost, by operation count. The curves are of validation loss on four
batches against steps, as the mean over seeds with the band between the lowest and the highest; the table is of the loss
on all that is held back. What wins is what the table says.

The learning rate is the best of `--rates` after a tenth of the steps with seed 0. With `--keep`, every curve is saved
when it is done, and every run goes on from its last checkpoint. `--jobs` runs are done side by side; models this small
leave a GPU idle one at a time. Without data the text is the source of Python's
standard library, the images are scikit-learn's digits. Real data that a Debian system installs:

    apt-get install bible-kjv; bible gen1:1-rev22:21 > kjv.txt
    python benchmarks/learning.py gpt --data kjv.txt --steps 8000
    apt-get install dataset-fashion-mnist
    python benchmarks/learning.py vit --data /usr/share/datasets/fashion-mnist --steps 8000
"""

import json
import multiprocessing
import tempfile
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
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

WHOLE = 256
"""How many of what is held back are evaluated at once at the end."""


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


@dataclass(frozen=True)
class Run:
    """One model trained once.

    Attributes:
        threads: of torch, where it computes on the processor.
        path: what the file of its curve is called, without what tells one run of a model from another.
    """

    config: Config
    data: Path | None
    steps: int
    batch: int
    rate: float
    seed: int
    device: str
    threads: int
    path: Path


def trained(run: Run) -> dict[str, Any]:
    """What a run found, read where it was saved.

    `curve`: (step, validation loss in nats, accuracy), ten times or so, each on the same few batches; `whole`: loss and
    accuracy on all that is held back, at the end.
    """
    import torch

    from monarch_gpu.data import task_of
    from monarch_gpu.train import Training, evaluate, train
    from monarch_gpu.trained import load_trained

    stem = run.path.with_name(f"{run.path.name}, {run.steps} steps, rate {run.rate:g}, seed {run.seed}")
    saved = stem.with_name(stem.name + ".json")
    if not saved.exists():
        torch.set_num_threads(run.threads)
        every, save = max(1, run.steps // 10), min(run.steps, 500)
        training = Training(
            run.steps, run.batch, learning_rate=run.rate, seed=run.seed, device=run.device, checkpoint_every=save,
            evaluate_every=every,
        )  # fmt: skip
        stem.mkdir(exist_ok=True)  # a directory has one writer
        file, task = stem / "checkpoint.safetensors", learned(run.config, run.data) or task_of(run.config)
        found = train(run.config, training, file, task=task).validation
        whole = evaluate(load_trained(file).to(run.device), task.whole(WHOLE))
        saved.write_text(json.dumps({"curve": found, "whole": whole}))
    return json.loads(saved.read_text())


def main(
    task: str = typer.Argument("gpt", help="gpt, bert or vit."),
    data: Path | None = None,
    steps: int = 300,
    seeds: int = 3,
    batch: int = 8,
    width: int = 64,
    layers: int = 2,
    rates: str = typer.Option("3e-4,1e-3,3e-3,1e-2", help="Learning rates tried for each; seed 0 chooses."),
    device: str = typer.Option("cpu", help="cpu, cuda or cuda:1."),
    threads: int = 1,
    jobs: int = typer.Option(1, help="Runs side by side, each in a process of its own."),
    keep: Path | None = None,
    png: Path | None = None,
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Train them all and print the losses on what is held back."""
    m2 = small(task, width, layers, data)
    transformer = matched(m2)
    n = m2.max_position_embeddings
    ratio = operations(m2, n) / operations(transformer, n)
    models = {
        "M2": (m2, steps),
        "Transformer, equal parameters": (transformer, steps),
        "Transformer, equal compute": (transformer, max(1, round(steps * ratio))),
    }
    choices = [float(rate) for rate in rates.split(",")]
    spawning = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as temporary,
        Progress(console=Console(stderr=True)) as bar,
        ProcessPoolExecutor(jobs, mp_context=spawning) as pool,
    ):
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bar_task = bar.add_task(task, total=len(models) * (len(choices) + seeds))

        def begin(name: str, rate: float, seed: int, part: int = 1) -> Future[Any]:
            config, count = models[name]
            path = folder / f"{task}, {name}"
            run = Run(config, data, max(1, count // part), batch, rate, seed, device, threads, path)
            begun = pool.submit(trained, run)
            begun.add_done_callback(lambda _: bar.advance(bar_task))
            return begun

        tried = {name: {rate: begin(name, rate, 0, CHOOSING) for rate in choices} for name in models}
        chosen = {
            name: min(choices, key=lambda rate: begun[rate].result()["curve"][-1][1]) for name, begun in tried.items()
        }
        curves = {name: [begin(name, rate, seed) for seed in range(seeds)] for name, rate in chosen.items()}
        done = {name: [begun.result() for begun in all_begun] for name, all_begun in curves.items()}
    results = {
        name: {
            "parameters": parameters(config), "operations per token": operations(config, n), "steps": count,
            "learning rate": chosen[name], "curves": [found["curve"] for found in done[name]],
            "whole": [found["whole"] for found in done[name]],
        }
        for name, (config, count) in models.items()
    }  # fmt: skip
    data_name = None if data is None else data.name
    setting = {"task": task, "data": data_name, "batch": batch, "width": width, "layers": layers, "rates": choices}
    found = {**setting, "device": device_name(device), "runs": results}
    if png:
        draw(found).savefig(png, dpi=130)
    if as_json:
        print(json.dumps(found))
    else:
        report(found, Console())


def device_name(device: str) -> str:
    """What trained: the GPU's own name, or cpu."""
    import torch

    return torch.cuda.get_device_name(device) if device != "cpu" else device


def report(found: dict[str, Any], console: Console) -> None:
    """Losses at the end, mean and band over seeds."""
    columns = "model", "parameters", "steps", "rate", "validation loss", "lowest … highest", "accuracy"
    data = found.get("data")
    table = Table(*columns, title=found["task"] if data is None else f"{found['task']}, {data}")
    for name, run in found["runs"].items():
        losses, accuracies = zip(*ends(run), strict=True)
        band = f"{min(losses):.3f} … {max(losses):.3f}"
        numbers = f"{run['parameters']:,}", str(run["steps"]), f"{run['learning rate']:g}"
        table.add_row(name, *numbers, f"{np.mean(losses):.3f}", band, f"{np.mean(accuracies):.1%}")
    console.print(table)


def ends(run: dict[str, Any]) -> list[tuple[float, float]]:
    """Loss and accuracy at the end of every run, on all that is held back, or where that was not asked on the batches
    of the curves."""
    return run.get("whole") or [tuple(points[-1][1:]) for points in run["curves"]]


def draw(found: dict[str, Any]) -> Figure:
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
