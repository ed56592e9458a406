"""From dense to structured: train a model, project its matrices, and train on. What is lost, and what comes back?

    apt-get install dataset-fashion-mnist
    python benchmarks/dense_to_sparse.py [--data /usr/share/datasets/fashion-mnist] [--steps 400] [--tune 150]
                                         [--seeds 2] [--json FILE]

A small vision Transformer learns Fashion-MNIST by the steps of `monarch train`. Then every linear layer of its encoder
is replaced by the nearest member of a family, at the parameters of an order-2 Monarch matrix of its shape, as `monarch
express --write` and `monarch_gpu.structured` do it, and all are trained on by the same steps on the same batches. Two
controls: the dense model trained on, and Monarch factors drawn afresh, as large as those of the projection. Loss and
accuracy are over 1000 images that no training saw; bands are the lowest and the highest of the seeds.
"""

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from learning import small
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from monarch_gpu.data import Images, images_of
from monarch_gpu.models import Pretrained, build_model
from monarch_gpu.structured import StructuredLinear
from monarch_gpu.train import Training, TrainingState, evaluate
from monarch_theory.expressivity.comparison import even_budget
from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.spectra import Spectra

FAMILIES = ("monarch-2", "low-rank", "block-diagonal", "kronecker")
DENSE, FRESH = "dense, trained on", "monarch-2, factors drawn afresh"
RATE, TUNING_RATE, BATCH = 2e-3, 1e-3, 16
HELD_BACK = 250, 4  # images in a batch, and batches
POINTS = 4

Point = tuple[int, float, float]
"""Steps, loss and accuracy."""


def structured(model: Pretrained, name: str, rng: np.random.Generator | None = None) -> tuple[Pretrained, list[float]]:
    """The model with the linear layers of its encoder replaced, and how far each member is, relatively.

    Args:
        name: of the family.
        rng: draws the factors, with the deviations of those of the nearest member.
    """
    found, distances = copy.deepcopy(model), []
    for place, layer in list(found.get_submodule("vit.encoder").named_modules()):
        if not isinstance(layer, nn.Linear):
            continue
        weight = layer.weight.detach().double().numpy()
        family = next(family for family in families_for(weight.shape) if family.name == name)
        near = family.nearest(Spectra.of([weight]), even_budget(weight.shape))
        assert near is not None
        member = family.member(weight, near.setting).cast(np.dtype(np.float32))
        if rng is not None:
            for part in member.parts:
                part.arrays.update({k: spread(rng, a) for k, a in part.arrays.items()})
        above, _, own = place.rpartition(".")
        setattr(found.get_submodule(f"vit.encoder.{above}"), own, StructuredLinear(member, layer.bias))
        distances.append(near.distance)
    return found, distances


def spread(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Normal numbers of the same deviation."""
    return (rng.standard_normal(array.shape) * array.std()).astype(array.dtype)


def trained(model: Pretrained, task: Images, steps: int, rate: float, seed: int) -> list[Point]:
    """Train a model in place; the curve, its beginning included."""
    training = Training(steps, BATCH, learning_rate=rate, seed=seed, evaluate_every=steps)
    state = TrainingState(model.config, training, task, model=model)
    points = {round(steps * k / POINTS) for k in range(POINTS + 1)}
    curve = []
    for step in range(steps + 1):
        if step in points:
            curve.append((step, *evaluate(model, task.validation(*HELD_BACK))))
        if step < steps:
            state.advance()
    return curve


def measure(data: Path, steps: int, tune: int, seeds: int) -> dict:
    """Curves of everyone, for every seed of the first training and of the batches."""
    task, config = images_of(data), small("vit", 64, 2, data).as_transformer()
    runs: dict[str, dict] = {}
    dense = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = build_model(config)
        dense.append(trained(model, task, steps, RATE, seed))
        for name in track((DENSE, *FAMILIES, FRESH), f"seed {seed}", console=Console(stderr=True)):
            if name == DENSE:
                start, distances = copy.deepcopy(model), [0.0]
            else:
                start, distances = structured(model, name.partition(",")[0])
            if name == FRESH:
                start, distances = structured(model, "monarch-2", np.random.default_rng(seed))[0], []
            run = runs.setdefault(
                name, {"parameters": sum(p.numel() for p in start.parameters()), "distances": [], "curves": []}
            )
            run["distances"] += distances
            run["curves"].append(trained(start, task, tune, TUNING_RATE, seed + 1000))
    setting = {"data": data.name, "steps": steps, "tune": tune, "batch": BATCH, "rates": [RATE, TUNING_RATE]}
    return setting | {"dense": dense, "runs": runs}


def report(found: dict, console: Console) -> None:
    """Accuracy before and after, with the band over seeds."""
    seeds = len(found["dense"])
    table = Table("start", "parameters", "distance", "at once", "lowest … highest", "trained on", "lowest … highest")
    for name, run in found["runs"].items():
        cells = []
        for place in (0, -1):
            right = [curve[place][2] for curve in run["curves"]]
            cells += [f"{np.mean(right):.1%}", f"{min(right):.1%} … {max(right):.1%}"]
        distance = f"{np.mean(run['distances']):.3f}" if run["distances"] else "–"
        table.add_row(name, f"{run['parameters']:,}", distance, *cells)
    console.print(table)
    console.print(
        f"accuracy on 1000 held-back images of {found['data']}: {found['steps']} steps dense, {found['tune']} more "
        f"after the projection, batches of {found['batch']}, {seeds} seeds; distance: relative, mean over the layers"
    )


def draw(found: dict) -> Figure:
    """Loss against steps: mean and band over seeds, dense first."""
    from matplotlib import pyplot

    figure, (axes, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, run in found["runs"].items():
        steps = found["steps"] + np.array([point[0] for point in run["curves"][0]])
        for panel, column in ((axes, 1), (right, 2)):
            values = np.array([[point[column] for point in curve] for curve in run["curves"]])
            panel.plot(steps, values.mean(0), label=name)
            panel.fill_between(steps, values.min(0), values.max(0), alpha=0.2)
    for panel, column in ((axes, 1), (right, 2)):
        values = np.array([[point[column] for point in curve] for curve in found["dense"]])
        panel.plot([point[0] for point in found["dense"][0]], values.mean(0), color="black", label="dense, before")
        panel.set_xlabel("steps")
    axes.set_yscale("log")
    axes.set_ylabel("loss on held-back images (nats)")
    right.set_ylabel("accuracy")
    axes.legend(fontsize=7)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--tune", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(arguments.data, arguments.steps, arguments.tune, arguments.seeds)
    report(found, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
