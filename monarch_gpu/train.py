"""Training that can be killed at any moment and resumed to the very same curve.

What a step does is a function of the configuration, the step number and the state alone: batches come from (seed, step,
microbatch), the learning rate from the step, and there is no other randomness. A checkpoint holds weights, both AdamW
moments and the curve so far. A run whose loss or weights are no longer finite stops, and leaves no such checkpoint.
The very same curve is that of the same device: another rounds otherwise, and a GPU may add in another order each time.

A step averages the gradients of `microbatches`. Under `torchrun` the processes share them out; DDP and FSDP2 are
torch's own. Two processes add the same two gradients as one process with two microbatches: the losses agree to the bit.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from monarch_gpu.checkpoints import CheckpointError, checkpoint_writer, checksum, read_latest, set_aside
from monarch_gpu.configs import Config, config_json, parse_config
from monarch_gpu.data import Batch, Task, generator, task_of
from monarch_gpu.device import device_named, device_of, moved
from monarch_gpu.layers import recompute
from monarch_gpu.models import build_model, check_tensors, saved_tensors
from monarch_gpu.pretrained import IGNORED, Pretrained, loss_of

__all__ = ["PARALLEL", "Curve", "Diverged", "Interrupted", "Training", "evaluate", "train"]

PARALLEL = ("none", "ddp", "fsdp")
VALIDATION_BATCHES = 4
LARGEST_STEP = 1e36  # AdamW divides by 1 − β, and float32 has to hold what comes out
ADVICE = "the last finite checkpoint is kept; a lower learning rate, in another directory, may not diverge"
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
        keep: checkpoints that stay, the newest included.
        parallel: one of none, ddp, fsdp; other than none only under torchrun.
        device: cpu, cuda or cuda:1; under torchrun on cuda each process takes the GPU of its local rank.
        recompute: keep less for the backward pass, and compute it again there (`monarch_gpu.layers.recompute`).
        data, start: digests of the data and of the weights it starts from, where they are not the usual ones.

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
    keep: int = 2
    parallel: str = "none"
    device: str = "cpu"
    recompute: bool = False
    data: str = ""
    start: str = ""

    def __post_init__(self) -> None:
        if self.parallel not in PARALLEL:
            raise ValueError(f"parallel: expected one of {', '.join(PARALLEL)}, got {self.parallel!r}")
        if not isinstance(self.device, str):
            raise ValueError(f"device: expected cpu, cuda or cuda:0, cuda:1, …, got {self.device!r}")
        for entry in fields(self):
            value, least = getattr(self, entry.name), 0 if entry.name in ("seed", "warmup") else 1
            if entry.type == "int" and not (isinstance(value, int) and not isinstance(value, bool) and value >= least):
                raise ValueError(f"{entry.name}: expected at least {least}, got {value!r}")
        if not isinstance(self.recompute, bool):
            raise ValueError(f"recompute: expected True or False, got {self.recompute!r}")
        for name in ("learning_rate", "weight_decay"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ValueError(f"{name}: expected a positive number, got {value!r}")
        if self.learning_rate == 0:
            raise ValueError("learning_rate: expected a positive number, got 0")
        if self.learning_rate * max(self.weight_decay, 1.0) > LARGEST_STEP:
            raise ValueError(
                f"learning_rate: expected a positive number up to {LARGEST_STEP}, got {self.learning_rate}"
            )

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


class Diverged(Exception):  # noqa: N818
    """The loss or the weights are no longer finite: the run stopped, and its last finite checkpoint is kept."""


def train(
    config: Config,
    training: Training,
    path: str | Path,
    progress: Callable[[int, Curve], None] = lambda step, curve: None,
    notice: Callable[[str], None] = warnings.warn,
    task: Task | None = None,
    start: Pretrained | None = None,
) -> Curve:
    """Train to the end, from the checkpoint at `path` if there is one, leaving the final checkpoint there.

    If that one is not sound, an earlier one is taken, and the unsound is set aside.

    Args:
        task: what is learned; by default text or digits that are there already.
        start: a model of the same kind whose weights a new run starts from; what the model has and it has not, such as
            the head of a classifier, starts from the seed.
        progress: called after every step with the number of steps done and the curve.
        notice: called with what the user should know, such as a checkpoint that was passed over.

    Raises:
        Interrupted: a signal asked to stop; run again to go on.
        Diverged: the loss or the weights are no longer finite.
        CheckpointError: a checkpoint could not be written or read, or is of another run; or another process writes.
    """
    task = task or task_of(config)
    training = replace(training, data=task.digest, start="" if start is None else weights_digest(start))
    with stop_requests() as stopped, processes(training) as world:
        torch.manual_seed(training.seed)
        state = TrainingState(config, training, task, start, world=world)
        path, first = Path(path), world.rank == 0
        with checkpoint_writer(path, training.keep) if first else nullcontext() as write:
            resume(state, path, world, notice if first else lambda line: None)
            while state.step < training.steps:
                state.advance()
                stop = world.any(stopped())
                last = state.step == training.steps
                if last or stop or state.step % training.checkpoint_every == 0:
                    tensors, metadata = state.snapshot()
                    if write is not None:
                        write(tensors, metadata)
                if first:
                    progress(state.step, state.curve)
                if stop and not last:
                    raise Interrupted(f"stopped after step {state.step} of {training.steps}; run again to go on")
            return state.curve


def resume(state: TrainingState, path: Path, world: World, notice: Callable[[str], None]) -> None:
    """Continue from the newest sound checkpoint, if there is any."""
    found = read_latest(path)
    if found is None:
        return
    source, tensors, metadata, problems = found
    state.restore(tensors, metadata, str(source))
    world.any(False)  # everyone has read
    for problem in problems:
        notice(f"{problem}; went on from step {state.step} in {source.name}")
    if problems and world.rank == 0 and path.exists():
        set_aside(path)


@dataclass(frozen=True)
class World:
    """This process among `size`, and the device that it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(int(flag), device=self.device)
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
        yield World(device=device_named(training.device))
        return
    if "WORLD_SIZE" not in os.environ:
        raise ValueError(f"parallel: {training.parallel} runs under torchrun, which sets WORLD_SIZE")
    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if training.device == "cuda" else training.device
    device = device_named(own)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    ours = not dist.is_initialized()
    if ours:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    world = World(dist.get_rank(), dist.get_world_size(), device)
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
    """Weights, optimiser and curve after `step` steps; of a `model` that is there already, or a new one."""

    def __init__(
        self,
        config: Config,
        training: Training,
        task: Task,
        start: Pretrained | None = None,
        model: Pretrained | None = None,
        world: World | None = None,
    ) -> None:
        self.config, self.training, self.step, self.curve = config, training, 0, Curve()
        self.world = world or World()
        self.task = task
        self.model = (build_model(config) if model is None else model).to(self.world.device)
        recompute(self.model, training.recompute)
        if start is not None:
            begin_from(self.model, start)
        self.parallel_model: nn.Module = self.model
        if training.parallel == "ddp":
            self.parallel_model = nn.parallel.DistributedDataParallel(self.model)
        elif training.parallel == "fsdp":
            shard(self.model, self.world)
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
        losses = torch.zeros(training.microbatches, dtype=torch.float64, device=self.world.device)
        own = range(self.world.rank, training.microbatches, self.world.size)
        for microbatch in own:
            inputs, targets = self.task.batch(generator(training.seed, self.step, microbatch), training.batch)
            inputs, targets = moved(inputs, self.world.device), targets.to(self.world.device)
            loss = loss_of(self.parallel_model(*inputs), targets)
            (loss / len(own)).backward()
            losses[microbatch] = loss.detach()
        mean = float(self.world.total(losses).mean())
        if not isfinite(mean):
            raise Diverged(f"the loss of step {self.step + 1} is {mean}; {ADVICE}")
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.curve.losses.append(mean)
        if self.step % training.evaluate_every == 0 or self.step == training.steps:
            batches = self.task.validation(training.batch, VALIDATION_BATCHES)
            self.curve.validation.append((self.step, *evaluate(self.parallel_model, batches)))

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything `restore` needs; under FSDP2 every process must call it.

        Raises:
            Diverged: some of it is not finite.
        """
        tensors = {f"model.{name}": whole(tensor).cpu() for name, tensor in saved_tensors(self.model).items()}
        for name, parameter in self.model.named_parameters():
            for key in MOMENTS:
                tensors[f"{key}.{name}"] = whole(self.optimizer.state[parameter][key]).cpu()
        for name, tensor in tensors.items():
            if not bool(tensor.isfinite().all()):
                raise Diverged(f"{name} is not finite after step {self.step}; {ADVICE}")
        metadata = {
            "config": config_json(self.config),
            "training": asdict(self.training),
            "step": self.step,
            "losses": self.curve.losses,
            "validation": self.curve.validation,
        }
        return tensors, metadata

    def restore(self, tensors: dict[str, Tensor], metadata: dict[str, Any], source: str) -> None:
        """Continue from a snapshot.

        Args:
            source: what messages call it.

        Raises:
            CheckpointError: it is of another configuration, of a run trained otherwise, or of no run.
            ValueError: a tensor is missing, unknown or of the wrong shape.
        """
        for name in ("config", "training", "step", "losses", "validation"):
            if name not in metadata:
                raise CheckpointError(f"{source}: the checkpoint is of no training run: it has no {name}")
        check_same_run(parse_config(metadata["config"], source), self.config, "config")
        check_same_run(parse_training(metadata["training"], source), self.training, "training")
        curve = parse_curve(metadata, source)
        model, parameters = saved_tensors(self.model), dict(self.model.named_parameters())
        wanted = {f"model.{name}": tensor for name, tensor in model.items()}
        wanted |= {f"{kind}.{name}": tensor for kind in MOMENTS for name, tensor in parameters.items()}
        check_tensors(wanted, tensors, source, same_dtype=True)
        self.step, self.curve = metadata["step"], curve
        for name, tensor in model.items():
            with torch.no_grad():
                tensor.copy_(like(tensor, tensors[f"model.{name}"]))
        for name, parameter in parameters.items():
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(self.step)),
                **{key: like(parameter, tensors[f"{key}.{name}"]) for key in MOMENTS},
            }


def parse_training(values: Any, source: str) -> Training:
    """How a checkpoint was trained.

    Raises:
        CheckpointError: it is not what `Training` holds.
    """
    try:
        return Training(**values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{source}: training: {error}") from None


def parse_curve(metadata: dict[str, Any], source: str) -> Curve:
    """The curve of a checkpoint: one loss for every step, and rows of evaluations."""
    step, losses, validation = (metadata[name] for name in ("step", "losses", "validation"))

    def numbers(values: Any, count: int) -> bool:
        return isinstance(values, list) and len(values) == count and all(type(v) in (int, float) for v in values)

    if type(step) is not int or step < 0 or not numbers(losses, step):
        raise CheckpointError(f"{source}: losses: expected one number for each of {step!r} steps")
    if not isinstance(validation, list) or not all(numbers(row, 3) for row in validation):
        raise CheckpointError(f"{source}: validation: expected rows of step, loss and accuracy")
    return Curve(losses, [tuple(row) for row in validation])


def check_same_run(saved: Any, wanted: Any, what: str) -> None:
    """Refuse to continue a run as if it were another; where it is computed may change."""
    if type(saved) is not type(wanted):
        raise CheckpointError(f"{what}: the checkpoint is of {saved.model_type}, expected {wanted.model_type}")
    for entry in fields(saved):
        before, now = getattr(saved, entry.name), getattr(wanted, entry.name)
        if entry.name not in ("parallel", "device", "recompute", "checkpoint_every", "keep") and before != now:
            raise CheckpointError(f"{what}: the checkpoint has {entry.name} = {before}, got {now}")


def evaluate(model: nn.Module, batches: Iterable[Batch]) -> tuple[float, float]:
    """(loss in nats, accuracy), means over all targets that count.

    Raises:
        ValueError: none counts.
    """
    model.eval()
    total, right, count = 0.0, 0, 0
    device = device_of(model)
    with torch.no_grad():
        for inputs, targets in batches:
            inputs, targets = moved(inputs, device), targets.to(device)
            logits = model(*inputs)
            counted = targets != IGNORED
            if number := int(counted.sum()):
                total += number * float(loss_of(logits, targets))
                right += int(((logits.argmax(-1) == targets) & counted).sum())
                count += number
    if not count:
        raise ValueError("data: expected targets that count, got none")
    return total / count, right / count


def begin_from(model: Pretrained, start: Pretrained) -> None:
    """Copy the weights that both have, by name; a head of another shape stays as it is.

    Raises:
        ValueError: they have none in common, or one outside the heads differs in shape.
    """
    given, heads = saved_tensors(start), ("classifier.", "cls.")
    common = [name for name in saved_tensors(model) if name in given]
    if not common:
        raise ValueError(f"start: expected weights of a {model.config.model_type}, got none of its names")
    for name, tensor in saved_tensors(model).items():
        if name not in given:
            continue
        if tensor.shape == given[name].shape:
            with torch.no_grad():
                tensor.copy_(given[name])
        elif not name.startswith(heads):
            raise ValueError(f"start: {name}: expected {tuple(tensor.shape)}, got {tuple(given[name].shape)}")


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of a model's tensors and their names."""
    return checksum({name: t.detach().cpu() for name, t in saved_tensors(model).items()}, "")


def shard(model: nn.Module, world: World) -> None:
    """FSDP2: shard the parameters of every block, then what is left."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    # the mesh that torch takes by itself is of GPUs wherever there are any
    mesh = init_device_mesh(world.device.type, (world.size,))
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.ModuleList) and name.rpartition(".")[2] in ("encoder", "h"):
            for block in module:
                fully_shard(block, mesh=mesh)
    # the root would stay whole after an evaluation, and its parameters would not be those the optimiser knows
    fully_shard(model, mesh=mesh, reshard_after_forward=True)


def whole(tensor: Tensor) -> Tensor:
    """The tensor without sharding."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor sharded as the parameter is, and where it is."""
    if isinstance(parameter, DTensor):
        return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)
    return tensor.to(parameter.device)
