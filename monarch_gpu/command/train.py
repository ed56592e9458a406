"""`monarch train`: train a model on data that is already here, with a checkpoint it can always resume from."""

from __future__ import annotations

import json
import os
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from monarch_gpu.configs import Config
    from monarch_gpu.train import Curve, Training

__all__ = ["train"]


def train(
    model: str = typer.Argument(help="gpt, bert or vit."),
    preset: str = typer.Option("tiny", help="Named configuration, or the path of a JSON file with one."),
    architecture: str = typer.Option("monarch-mixer", help="monarch-mixer, or transformer for the baseline."),
    out: str = typer.Option("", help="Directory of the checkpoint; a run that is there is resumed. Default: in runs/."),
    steps: int = typer.Option(300, help="Optimiser steps in total."),
    batch: int = typer.Option(16, help="Sequences or images in a microbatch."),
    microbatches: int = typer.Option(1, help="Microbatches in a step; processes share them."),
    learning_rate: float = typer.Option(2e-3, help="After warm-up."),
    seed: int = typer.Option(0, help="Of the weights and of the data."),
    checkpoint_every: int = typer.Option(20, help="Steps."),
    keep: int = typer.Option(2, help="Checkpoints that stay, the newest included."),
    parallel: str = typer.Option("none", help="Under torchrun: ddp or fsdp."),
    as_json: bool = typer.Option(False, "--json", help="Print the curve as one JSON object."),
) -> None:
    """Train a model: gpt and bert on the source of Python's standard library, vit on scikit-learn's digits.

    Exit status: 0 trained, 1 diverged (the last finite checkpoint stays), 2 could not run, 130 interrupted.

    On several processes: torchrun --nproc-per-node 2 --no-python monarch train gpt --microbatches 2 --parallel fsdp
    """
    from monarch_gpu.checkpoints import CheckpointError
    from monarch_gpu.train import Diverged, Interrupted, Training

    console = Console(stderr=True)
    try:
        config = configuration(model, preset, architecture)
        training = Training(
            steps, batch, microbatches, learning_rate, min(20, steps), seed=seed,
            checkpoint_every=checkpoint_every, keep=keep, parallel=parallel,
        )  # fmt: skip
        directory = Path(out or f"runs/{model}-{Path(preset).stem}-{architecture}")
        curve = run(config, training, directory / "checkpoint.safetensors", console)
    except (ValueError, ImportError, CheckpointError) as error:
        console.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except Diverged as error:
        console.print(f"[red]diverged:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except (Interrupted, KeyboardInterrupt) as stop:
        console.print(str(stop) or "stopped at once; the last checkpoint is intact", highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
    if not speaks():
        return
    if as_json:
        print(json.dumps({"steps": steps, "losses": curve.losses, "validation": curve.validation}))
    else:
        console.print(f"{summary(curve, config)}; checkpoint in {directory}", highlight=False, soft_wrap=True)


def speaks() -> bool:
    """Whether this process reports: of torchrun's, the first; all report their errors."""
    return os.environ.get("RANK", "0") == "0"


def configuration(model: str, preset: str, architecture: str) -> Config:
    """A preset by name or file, with the architecture asked for."""
    from dataclasses import replace

    from monarch_gpu.configs import load_config
    from monarch_gpu.configs import preset as named

    if preset.endswith(".json"):
        config = load_config(preset)
        if config.model_type != model:
            raise ValueError(f"preset: expected a configuration of {model}, got one of {config.model_type} in {preset}")
    else:
        config = named(model, preset)
    return replace(config, architecture=architecture)


def run(config: Config, training: Training, path: Path, console: Console) -> Curve:
    """Train under a progress bar on standard error."""
    from monarch_gpu.train import train as train_model

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=console, disable=not speaks())
    task = bar.add_task(f"{config.model_type} {config.architecture}", total=training.steps)

    def report(step: int, curve: Curve) -> None:
        if not bar.live.is_started:  # what fails before the first step leaves a line and no bar
            bar.start()
        bar.update(task, completed=step, description=f"{config.model_type} loss {curve.losses[-1]:.3f}")

    def notice(line: str) -> None:
        console.print(f"[yellow]note:[/] {line}", highlight=False, soft_wrap=True)

    try:
        return train_model(config, training, path, report, notice)
    finally:
        if bar.live.is_started:
            bar.stop()


def summary(curve: Curve, config: Config) -> str:
    """The last evaluation in words."""
    step, loss, accuracy = curve.validation[-1]
    per_byte = f", {loss / log(2):.3f} bits per byte" if config.model_type != "vit" else ""
    return f"step {step}: validation loss {loss:.4f}{per_byte}, accuracy {accuracy:.1%}"
