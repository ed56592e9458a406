"""Training that can be killed at any moment and resumed to the very same curve.

What a step does is a function of the configuration, the step number and the state alone: batches come from (seed, step,
microbatch), the learning rate from the step, and there is no other randomness. A checkpoint holds weights, both AdamW
moments and the curve so far.

A step averages the gradients of `microbatches`. Under `torchrun` the processes share them out; DDP and FSDP2 are
torch's own. Two processes add the same two gradients as one process with two microbatches: the losses agree to the bit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.functional import cross_entropy

from monarch_gpu.checkpoints import CheckpointError, read_checkpoint, write_checkpoint
from monarch_gpu.configs import Config, config_json, parse_config
from monarch_gpu.data import IGNORED, Task, generator, task_of
from monarch_gpu.models import build_model, check_tensors

__all__ = ["PARALLEL", "Curve", "Interrupted", "Training", "train"]

PARALLEL = ("none", "ddp", "fsdp")
VALIDATION_BATCHES = 4
MOMENTS = ("exp_avg", "exp_avg_sq")  # as AdamW calls them


@dataclass(frozen=True)
class Training:
    """How a model is trained.

    Attributes:
        steps: optimiser steps in total.
        batch: sequences or images in a microbatch.
        microbatches: microbatches in a step, a multiple of the number of processes.
        learning_rate: after a linear warm-up over `warmup` steps; then a cosine down to a tenth.
        weight_decay: AdamW's, on matrices only.
        seed: of the initial weights and of the data.
        checkpoint_every, evaluate_every: in steps.
        parallel: one of none, ddp, fsdp; other than none only under torchrun.

    Raises:
        ValueError: a number out of range.
    """

    steps: int = 300
    batch: int = 16
    microbatches: int = 1
    learning_rate: float = 2e-3
    warmup: int = 20
    weight_decay: float = 0.1
    seed: int = 0
    checkpoint_every: int = 20
    evaluate_every: int = 50
    parallel: str = "none"

    def __post_init__(self) -> None:
        if self.parallel not in PARALLEL:
            raise ValueError(f"parallel: expected one of {', '.join(PARALLEL)}, got {self.parallel!r}")
        for name in ("steps", "batch", "microbatches", "checkpoint_every", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate: expected a positive number, got {self.learning_rate}")

    def rate(self, step: int) -> float:
        """Learning rate of a step.

        >>> Training(steps=100, warmup=10).rate(9) == Training().learning_rate
        True
        """
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.1 + 0.45 * (1 + cos(pi * done)))


@dataclass
class Curve:
    """Losses in nats so far: of every step, and (step, loss, accuracy) of every evaluation."""

    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float, float]] = field(default_factory=list)


class Interrupted(Exception):  # noqa: N818
    """Ctrl-C or SIGTERM: the step was finished and a checkpoint written."""


def train(
    config: Config,
    training: Training,
    path: str | Path,
    progress: Callable[[int, Curve], None] = lambda step, curve: None,
) -> Curve:
    """Train to the end, from the checkpoint at `path` if there is one, leaving the final checkpoint there.

    Args:
        progress: called after every step with the number of steps done and the curve.

    Raises:
        Interrupted: a signal asked to stop; run again to go on.
        CheckpointError: a checkpoint could not be written or read, or is of another run.
    """
    with stop_requests() as stopped, processes(training) as world:
        torch.manual_seed(training.seed)
        state = TrainingState(config, training)
        path = Path(path)
        if path.exists():
            state.restore(*read_checkpoint(path))
        while state.step < training.steps:
            state.advance()
            stop = world.any(stopped())
            last = state.step == training.steps
            if last or stop or state.step % training.checkpoint_every == 0:
                tensors, metadata = state.snapshot()
                if world.rank == 0:
                    write_checkpoint(path, tensors, metadata)
            if world.rank == 0:
                progress(state.step, state.curve)
            if stop and not last:
                raise Interrupted(f"stopped after step {state.step} of {training.steps}; run again to go on")
        return state.curve


@dataclass(frozen=True)
class World:
    """This process among `size`."""

    rank: int = 0
    size: int = 1

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(int(flag))
        dist.all_reduce(flags)
        return bool(flags)

    def total(self, values: Tensor) -> Tensor:
        """Sum over the processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values


@contextmanager
def processes(training: Training) -> Iterator[World]:
    """Join torchrun's process group for the duration of a run."""
    if training.parallel == "none":
        yield World()
        return
    if "WORLD_SIZE" not in os.environ:
        raise ValueError(f"parallel: {training.parallel} runs under torchrun, which sets WORLD_SIZE")
    ours = not dist.is_initialized()
    if ours:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    world = World(dist.get_rank(), dist.get_world_size())
    if training.microbatches % world.size:
        raise ValueError(f"microbatches: expected a multiple of {world.size} processes, got {training.microbatches}")
    try:
        yield world
    finally:
        if ours:
            dist.destroy_process_group()


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a question asked between steps; a second one stops at once."""
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, ask) for number in numbers]
    except ValueError:  # not the main thread: signals are somebody else's
        yield lambda: False
        return
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class TrainingState:
    """Weights, optimiser and curve after `step` steps."""

    def __init__(self, config: Config, training: Training) -> None:
        self.config, self.training, self.step, self.curve = config, training, 0, Curve()
        self.world = World(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else World()
        self.task: Task = task_of(config)
        self.model = build_model(config)
        self.parallel_model: nn.Module = self.model
        if training.parallel == "ddp":
            self.parallel_model = nn.parallel.DistributedDataParallel(self.model)
        elif training.parallel == "fsdp":
            shard(self.model)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": training.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.98))

    def advance(self) -> None:
        """One step."""
        training = self.training
        for group in self.optimizer.param_groups:
            group["lr"] = training.rate(self.step)
        self.parallel_model.train()
        losses = torch.zeros(training.microbatches, dtype=torch.float64)
        own = range(self.world.rank, training.microbatches, self.world.size)
        for microbatch in own:
            inputs, targets = self.task.batch(generator(training.seed, self.step, microbatch), training.batch)
            loss = loss_of(self.parallel_model(inputs), targets)
            (loss / len(own)).backward()
            losses[microbatch] = loss.detach()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.curve.losses.append(float(self.world.total(losses).mean()))
        if self.step % training.evaluate_every == 0 or self.step == training.steps:
            self.curve.validation.append((self.step, *evaluate(self.parallel_model, self.task, training.batch)))

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything `restore` needs; under FSDP2 every process must call it."""
        tensors = {}
        for name, parameter in self.model.named_parameters():
            tensors[f"model.{name}"] = whole(parameter)
            for key in MOMENTS:
                tensors[f"{key}.{name}"] = whole(self.optimizer.state[parameter][key])
        metadata = {
            "config": config_json(self.config),
            "training": asdict(self.training),
            "step": self.step,
            "losses": self.curve.losses,
            "validation": self.curve.validation,
        }
        return tensors, metadata

    def restore(self, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        """Continue from a snapshot.

        Raises:
            CheckpointError: it is of another configuration, of a run trained otherwise, or of no run.
            ValueError: a tensor is missing, unknown or of the wrong shape.
        """
        for name in ("config", "training", "step", "losses", "validation"):
            if name not in metadata:
                raise CheckpointError(f"the checkpoint is of no training run: it has no {name}")
        check_same_run(parse_config(metadata["config"]), self.config, "config")
        check_same_run(Training(**metadata["training"]), self.training, "training")
        shapes = {name: tuple(parameter.shape) for name, parameter in self.model.named_parameters()}
        wanted = {f"{kind}.{name}": shape for kind in ("model", *MOMENTS) for name, shape in shapes.items()}
        check_tensors(wanted, tensors, "checkpoint")
        self.step = metadata["step"]
        self.curve = Curve(metadata["losses"], [tuple(row) for row in metadata["validation"]])  # type: ignore[misc]
        for name, parameter in self.model.named_parameters():
            with torch.no_grad():
                parameter.copy_(like(parameter, tensors[f"model.{name}"]))
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(self.step)),
                **{key: like(parameter, tensors[f"{key}.{name}"]) for key in MOMENTS},
            }


def check_same_run(saved: Any, wanted: Any, what: str) -> None:
    """Refuse to continue a run as if it were another; how it is spread over processes may change."""
    if type(saved) is not type(wanted):
        raise CheckpointError(f"{what}: the checkpoint is of {saved.model_type}, expected {wanted.model_type}")
    for entry in fields(saved):
        before, now = getattr(saved, entry.name), getattr(wanted, entry.name)
        if entry.name not in ("parallel", "checkpoint_every") and before != now:
            raise CheckpointError(f"{what}: the checkpoint has {entry.name} = {before}, got {now}")


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the targets that count."""
    return cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)


def evaluate(model: nn.Module, task: Task, size: int) -> tuple[float, float]:
    """(loss in nats, accuracy) on validation data."""
    model.eval()
    losses, right, count = [], 0, 0
    with torch.no_grad():
        for inputs, targets in task.validation(size, VALIDATION_BATCHES):
            logits = model(inputs)
            counted = targets != IGNORED
            losses.append(float(loss_of(logits, targets)))
            right += int(((logits.argmax(-1) == targets) & counted).sum())
            count += int(counted.sum())
    return sum(losses) / len(losses), right / count


def shard(model: nn.Module) -> None:
    """FSDP2: shard the parameters of every block, then what is left."""
    from torch.distributed.fsdp import fully_shard

    for name, module in list(model.named_modules()):
        if isinstance(module, nn.ModuleList) and name.rpartition(".")[2] in ("encoder", "h"):
            for block in module:
                fully_shard(block)
    # the root would stay whole after an evaluation, and its parameters would not be those the optimiser knows
    fully_shard(model, reshard_after_forward=True)


def whole(tensor: Tensor) -> Tensor:
    """The tensor without sharding."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor sharded as the parameter is."""
    if isinstance(parameter, DTensor):
        return distribute_tensor(tensor, parameter.device_mesh, parameter.placements)
    return tensor
