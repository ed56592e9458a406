"""`monarch train`: train a model, with a checkpoint it can always resume from; fine-tune one; evaluate one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import log
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.harmless import harmless
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.progress import Advance, progress

if TYPE_CHECKING:
    from monarch_gpu.configs import Config
    from monarch_gpu.data import Images, Task
    from monarch_gpu.pretrained import Pretrained
    from monarch_gpu.tokenizer import Tokenizer
    from monarch_gpu.train import Curve, Training

__all__ = ["train"]

LABELS = "labels.json"


def train(
    context: typer.Context,
    model: str = typer.Argument(help="gpt, bert or vit."),
    preset: str = typer.Option("tiny", help="Named configuration, or the path of a JSON file with one."),
    architecture: str = typer.Option("monarch-mixer", help="monarch-mixer, or transformer for the baseline."),
    out: str = typer.Option("", help="Directory of the checkpoint; a run that is there is resumed. Default: in runs/."),
    data: Annotated[
        Path | None,
        typer.Option(
            help="Text: a file or a directory. Of vit: IDX images. With --finetune bert: labelled lines of JSON."
        ),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(help="The same, for validation. Default: a tenth of --data is held back.")
    ] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="A tokenizer.json. Default: bytes.")] = None,
    finetune: Annotated[
        Path | None, typer.Option(help="Start from this model: bert becomes a classifier, gpt goes on.")
    ] = None,
    task: str = typer.Option("", help="Learn one that is made up: mqar, induction, selective-copying or listops."),
    evaluate: bool = typer.Option(False, "--evaluate", help="Only evaluate the model in --out, on all of --data."),
    steps: int = typer.Option(300, help="Optimiser steps in total."),
    batch: int = typer.Option(16, help="Sequences or images in a microbatch."),
    microbatches: int = typer.Option(1, help="Microbatches in a step; processes share them."),
    learning_rate: float = typer.Option(2e-3, help="After warm-up."),
    seed: int = typer.Option(0, help="Of the weights and of the data."),
    checkpoint_every: int = typer.Option(20, help="Steps."),
    keep: int = typer.Option(2, help="Checkpoints that stay, the newest included."),
    parallel: str = typer.Option("none", help="Under torchrun: ddp or fsdp."),
    device: str = typer.Option("cpu", help="cpu, cuda or cuda:1."),
    recompute: bool = typer.Option(False, "--recompute", help="Less memory: what is wide is computed again."),
    as_json: bool = typer.Option(False, "--json", help="Print the curve, or the evaluation, as one JSON object."),
) -> None:
    """Train a model: gpt and bert on text, by default Python's standard library, vit on images, by default digits.

    Fine-tune a classifier: monarch train bert --finetune MODEL --data labelled.jsonl, of lines {"text": …, "label": …}
    or {"input_ids": […], "label": …}; its tokenizer is the one beside MODEL. When done, --out holds the checkpoint, and
    the model as `from_pretrained` reads it. Exit status: 0 trained, 1 diverged (the last finite checkpoint stays), 2
    could not run, 130 stopped.

    On several processes: torchrun --nproc-per-node 2 --no-python monarch train gpt --microbatches 2 --parallel fsdp
    """
    if evaluate:
        refuse_idle(context, "train --evaluate")
    if evaluate and out:
        refuse_idle(context, "train --evaluate and --out")
    from monarch_gpu.checkpoints import CheckpointError
    from monarch_gpu.train import Diverged, Interrupted, Training

    directory = directory_of(out, model, preset, architecture, finetune, task)
    notes: list[str] = []
    try:
        given = Given(model, preset, architecture, data, validation, tokenizer, finetune, task)
        if evaluate:
            show_evaluation(given, directory, batch, device, as_json)
            return
        training = Training(
            steps, batch, microbatches, learning_rate, min(20, steps), seed=seed,
            checkpoint_every=checkpoint_every, keep=keep, parallel=parallel, device=device,
            recompute=recompute,
        )  # fmt: skip
        config, learned, start = given.all()
        curve = run(config, training, directory, notes, learned, start)
        if speaks():
            save(directory, given.tokenizer_file(), getattr(learned, "names", ()))
    except (ValueError, CheckpointError) as error:
        raise typer.BadParameter(str(error)) from error
    except Diverged as error:
        show_divergence(str(error), directory, steps, notes, as_json)
        raise typer.Exit(1) from None
    except (Interrupted, KeyboardInterrupt) as stop:
        raise KeyboardInterrupt(str(stop) or "stopped at once; the last checkpoint is intact") from None
    if speaks():
        bits = per_byte(config, tokenizer) and not task
        show_curve(curve, directory, steps, notes, bits, as_json)


def directory_of(out: str, model: str, preset: str, architecture: str, finetune: Path | None, task: str) -> Path:
    """Where the run is: as asked, or in `runs/` under the words that it was asked for with."""
    plain = [model, *([task] if task else []), Path(preset).stem, architecture]
    return Path(out or "runs/" + "-".join([model, finetune.name] if finetune else plain))


def show_curve(curve: Curve, directory: Path, steps: int, notes: list[str], bits: bool, as_json: bool) -> None:
    """What a run that was finished came to."""
    step, loss, accuracy = curve.validation[-1]
    facts = {"out": str(directory), "steps": steps, "loss": loss, "accuracy": accuracy, "notes": notes}
    facts |= {"losses": curve.losses, "validation": curve.validation}
    line = f"step {step}: validation {measured(loss, accuracy, bits)}; checkpoint and model in {directory}"
    say(Answer("trained", "measured", f"{steps} steps", 0, facts), as_json, lambda: print(line))


def show_divergence(reason: str, directory: Path, steps: int, notes: list[str], as_json: bool) -> None:
    """Why a run was given up, on standard error; no other process of the run repeats what a machine is told."""
    print(harmless(f"monarch train: diverged: {reason}"), file=sys.stderr)
    facts = {"out": str(directory), "steps": steps, "notes": notes, "reason": reason}
    if speaks():
        say(Answer("diverged", "measured", f"at most {steps} steps", 1, facts), as_json, lambda: None)


def speaks() -> bool:
    """Whether this process reports: of torchrun's, the first; all report their errors."""
    return os.environ.get("RANK", "0") == "0"


class Given:
    """What was asked for, as a configuration, a task and the weights to start from."""

    def __init__(
        self,
        model: str,
        preset: str,
        architecture: str,
        data: Path | None,
        validation: Path | None,
        tokenizer: Path | None,
        finetune: Path | None,
        task: str,
    ) -> None:
        self.model, self.preset, self.architecture, self.finetune = model, preset, architecture, finetune
        self.data, self.held_back, self.tokenizer, self.task = data, validation, tokenizer, task
        for name, value in (("validation", validation), ("tokenizer", tokenizer), ("finetune", finetune)):
            if value is not None and data is None:
                raise ValueError(f"{name}: expected --data with it, got none")
        if task and data is not None:
            raise ValueError("task: expected no --data with it, got a path")
        for name, value in (("validation", validation), ("tokenizer", tokenizer), ("finetune", finetune)):
            if model == "vit" and value is not None:
                raise ValueError(f"{name}: expected none for vit, got {value}")

    def all(self) -> tuple[Config, Task | None, Pretrained | None]:
        """Configuration, task (None for the usual one), and the model to start from."""
        if self.task:
            from monarch_gpu.tasks import made_up

            return *made_up(self.task, configuration(self.model, self.preset, self.architecture)), None
        if self.data is None:
            return configuration(self.model, self.preset, self.architecture), None, None
        if self.model == "vit":
            return *self.images(configuration(self.model, self.preset, self.architecture)), None
        if self.finetune is None:
            tokenizer = self.read_tokenizer()
            config = configuration(self.model, self.preset, self.architecture)
            if tokenizer is not None and not self.preset.endswith(".json"):
                config = replace(config, vocab_size=tokenizer.vocabulary)  # type: ignore[call-arg]
            return config, self.text(config, tokenizer), None
        from monarch_gpu.trained import load_trained

        start = load_trained(self.finetune)
        if start.config.model_type != self.model:
            raise ValueError(f"finetune: expected a {self.model}, got a {start.config.model_type} in {self.finetune}")
        if self.model == "gpt":
            return start.config, self.text(start.config, self.read_tokenizer()), start
        task = self.labelled(start.config)
        config = replace(start.config, head="classification", num_labels=len(task.names))
        return config, task, start

    def held_to(self) -> str:
        """What an evaluation runs over, in words."""
        if self.task:
            return f"the validation set of {self.task}"
        if self.data is None:
            return "what is held back of the usual data"
        return f"the test images of {self.data}" if self.model == "vit" else f"all of {self.data}"

    def tokenizer_file(self) -> Path | None:
        """The tokenizer's file: the one asked for, or the one beside the model to start from."""
        beside = None if self.finetune is None else self.finetune / "tokenizer.json"
        return self.tokenizer or (beside if beside is not None and beside.is_file() else None)

    def read_tokenizer(self) -> Tokenizer | None:
        from monarch_gpu.tokenizer import read_tokenizer

        file = self.tokenizer_file()
        return None if file is None else read_tokenizer(file)

    def text(self, config: Config, tokenizer: Tokenizer | None, all_held_back: bool = False) -> Task:
        """The text as a task."""
        from monarch_gpu.data import corpus_of, text_of
        from monarch_gpu.tokenizer import BYTES

        assert self.data is not None
        corpus = corpus_of(self.data, tokenizer or BYTES, self.held_back, all_held_back)
        if tokenizer is None:
            return text_of(config, corpus, BYTES.vocabulary)
        if config.model_type == "bert" and tokenizer.mask is None:
            raise ValueError(f"{self.tokenizer_file()}: expected a token [MASK] or <mask>, got none")
        return text_of(config, corpus, tokenizer.vocabulary, tokenizer.mask)

    def images(self, config: Config) -> tuple[Config, Task]:
        """A folder of images as a task; a preset by name is made for images of their size and number of labels."""
        from monarch_gpu.configs import ViTConfig
        from monarch_gpu.data import images_of

        if self.preset.endswith(".json"):
            return config, self.images_for(config)
        assert self.data is not None and isinstance(config, ViTConfig)
        task = images_of(self.data)
        height, width = task.size
        if height != width or height % config.patch_size:
            raise ValueError(f"data: expected square images in patches of {config.patch_size}, got {height}×{width}")
        patches = (height // config.patch_size) ** 2
        made = replace(
            config, image_size=height, max_position_embeddings=patches, num_channels=1, num_labels=task.labels
        )
        return made, task

    def images_for(self, config: Config) -> Task:
        """The folder of images as a task for a model that is there."""
        from monarch_gpu.data import images_of

        assert self.data is not None
        task = images_of(self.data)
        fit_images(config, task)
        return task

    def labelled(self, config: Any, names: tuple[str, ...] = (), all_held_back: bool = False) -> Any:
        """The labelled lines as a task."""
        from monarch_gpu.data import labelled_of
        from monarch_gpu.lines import read_lines

        assert self.data is not None
        entries, held = read_lines(self.data), None if self.held_back is None else read_lines(self.held_back)
        wanted = any("input_ids" not in entry for entry in [*entries, *(held or [])])
        tokenizer = self.read_tokenizer() if wanted else None
        if wanted and tokenizer is None:
            from monarch_gpu.tokenizer import BYTES

            if config.vocab_size not in (256, 257):  # no model of bytes
                raise ValueError("tokenizer: expected --tokenizer FILE, or one beside the model, got none")
            tokenizer = BYTES
        return labelled_of(config, entries, tokenizer, held, names, all_held_back)


def fit_images(config: Config, task: Images) -> None:
    """Refuse images that the model is not for."""
    from monarch_gpu.configs import ViTConfig

    assert isinstance(config, ViTConfig)
    (height, width), size = task.size, config.image_size
    if (height, width, 1) != (size, size, config.num_channels) or task.labels > config.num_labels:
        wanted = f"{size}×{size} images, {config.num_channels} channels, at most {config.num_labels} labels"
        raise ValueError(f"data: expected {wanted}, got {height}×{width}, 1 channel, {task.labels} labels")


def configuration(model: str, preset: str, architecture: str) -> Config:
    """A preset by name or file, with the architecture asked for."""
    from monarch_gpu.configs import load_config
    from monarch_gpu.configs import preset as named

    if preset.endswith(".json"):
        config = load_config(preset)
        if config.model_type != model:
            raise ValueError(f"preset: expected a configuration of {model}, got one of {config.model_type} in {preset}")
    else:
        config = named(model, preset)
    if architecture == "transformer" and config.architecture != architecture:
        return config.as_transformer()
    return replace(config, architecture=architecture)


def run(
    config: Config, training: Training, directory: Path, notes: list[str], task: Task | None, start: Pretrained | None
) -> Curve:
    """The curve of a run, under the progress bar; what there is to note is said at once, and added to `notes`."""
    from monarch_gpu.train import train as train_model
    from monarch_gpu.trained import CHECKPOINT

    def notice(line: str) -> None:
        notes.append(line)
        print(harmless(f"monarch train: note: {line}"), file=sys.stderr)

    with bar(f"{config.model_type} {config.architecture}") as advance:

        def report(step: int, curve: Curve) -> None:
            title = f"{config.model_type}, step {step} of {training.steps}, loss {curve.losses[-1]:.3f}"
            advance(step, training.steps, title)

        return train_model(config, training, directory / CHECKPOINT, report, notice, task, start)


def bar(title: str) -> AbstractContextManager[Advance]:
    """The progress bar of the process that reports; of the others, none."""
    return progress(title) if speaks() else nullcontext(lambda done, total=1.0, title=None: None)


def save(directory: Path, tokenizer: Path | None, names: tuple[str, ...]) -> None:
    """The trained model beside its checkpoint, with its tokenizer and what its labels are called."""
    from monarch_gpu.checkpoints import replace_file
    from monarch_gpu.models import save_model
    from monarch_gpu.trained import CHECKPOINT, load_trained

    save_model(load_trained(directory / CHECKPOINT), directory)
    if tokenizer is not None and realpath(tokenizer) != realpath(directory / "tokenizer.json"):
        shutil.copyfile(tokenizer, directory / "tokenizer.json")
    if names:
        replace_file(directory / LABELS, (json.dumps(names) + "\n").encode())


def show_evaluation(given: Given, directory: Path, batch: int, device: str, as_json: bool) -> None:
    """Loss and accuracy of the model in a directory, on all of the data, or on what is held back of the usual ones."""
    from monarch_gpu.data import task_of
    from monarch_gpu.device import device_named
    from monarch_gpu.train import evaluate
    from monarch_gpu.trained import load_trained

    if batch < 1:
        raise ValueError(f"batch: expected at least 1, got {batch}")
    model = load_trained(directory).to(device_named(device))
    config = model.config
    if config.model_type != given.model:
        raise ValueError(f"out: expected a {given.model}, got a {config.model_type} in {directory}")
    given.finetune = given.finetune or directory  # whose tokenizer is taken
    if given.task:
        from monarch_gpu.tasks import made_up

        task: Task = made_up(given.task, config)[1]
    elif given.data is None:
        task = task_of(config)
    elif given.model == "vit":
        task = given.images_for(config)
    elif getattr(config, "head", "") == "classification":
        task = given.labelled(config, label_names(directory, config.num_labels), all_held_back=True)
    else:
        task = given.text(config, given.read_tokenizer(), all_held_back=True)
    with progress("evaluating"):
        loss, accuracy = evaluate(model, task.whole(batch))
    facts = {"out": str(directory), "loss": loss, "accuracy": accuracy}
    line = measured(loss, accuracy, per_byte(config, given.tokenizer_file()) and not given.task)
    say(Answer("evaluated", "measured", given.held_to(), 0, facts), as_json, lambda: print(line))


def label_names(directory: Path, count: int) -> tuple[str, ...]:
    """What the labels of a trained classifier are called; their numbers where nothing says it."""
    file = directory / LABELS
    if not file.is_file():
        return tuple(map(str, range(count)))
    try:
        names = json.loads(file.read_text())
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or len(names) != count or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{file}: expected a JSON array of {count} names, got something else")
    return tuple(names)


def per_byte(config: Config, tokenizer: Path | None) -> bool:
    """Whether a loss is that of bytes."""
    return tokenizer is None and config.model_type != "vit" and getattr(config, "head", "masked-lm") == "masked-lm"


def measured(loss: float, accuracy: float, bits: bool) -> str:
    """An evaluation in words."""
    return f"loss {loss:.4f}{f', {loss / log(2):.3f} bits per byte' if bits else ''}, accuracy {accuracy:.1%}"
