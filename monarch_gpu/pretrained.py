"""What every model here can do besides its forward: outputs by name, and to disk and back.

On disk it is `config.json` beside `model.safetensors`, as Hugging Face has it. A model is registered by being a
`Pretrained`: see `monarch_gpu.models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from monarch_gpu.checkpoints import replace_file, sole_writer
from monarch_gpu.configs import Config, config_json, load_config
from monarch_gpu.inputs import looked_at
from monarch_gpu.layers import ImplicitFilter

__all__ = [
    "IGNORED", "Outputs", "Pretrained", "blank_model", "build_model", "check_tensors", "count_parameters", "filled",
    "keep", "load_model", "loss_of", "materialise", "model_of", "read_tensors", "save_model", "saved_tensors",
]  # fmt: skip

IGNORED = -100
CONFIG, WEIGHTS = "config.json", "model.safetensors"
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Outputs:
    """What a model makes of a batch.

    Attributes:
        logits: as its forward gives them.
        hidden_states: (batch, n, d) of the embeddings and after every block; empty unless asked for.
        loss: mean cross-entropy in nats, float32 or better; None without labels.
        embedding: (batch, d), the pooler's; None if the model has none.
    """

    logits: Tensor
    hidden_states: tuple[Tensor, ...]
    loss: Tensor | None = None
    embedding: Tensor | None = None


class Pretrained(nn.Module):
    """A model with a configuration that can be written to a directory and read from it; each subclass is registered.

    Attributes:
        kinds: the classes of all models that have been imported.
    """

    config: Any
    kinds: ClassVar[list[type[Pretrained]]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Pretrained.kinds.append(cls)

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def takes(cls, config: Config) -> bool:
        """Whether this is the model of a configuration."""
        raise NotImplementedError

    def save_pretrained(self, directory: str | Path) -> None:
        """`save_model`."""
        save_model(self, directory)

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """`load_model`, in eval mode.

        Raises:
            ValueError: a file is missing or damaged, or holds another kind of model.
        """
        model = load_model(directory).eval()
        if not isinstance(model, cls):
            raise ValueError(f"{directory}: expected a {cls.__name__}, got a {type(model).__name__}")
        return model


def keep(x: Tensor, states: list[Tensor] | None) -> Tensor:
    """x, which is also put among the states, if they are wanted."""
    if states is not None:
        states.append(x)
    return x


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the targets that are not `IGNORED`, in float32 or better.

    On a GPU, and when compiled, the values of targets are left to the device; where none counts, the mean is NaN there.

    Raises:
        ValueError: targets of another shape or dtype, out of range, or none that counts.
    """
    if targets.shape != logits.shape[:-1]:
        raise ValueError(f"labels: expected {tuple(logits.shape[:-1])}, got {tuple(targets.shape)}")
    if targets.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"labels: expected torch.int64, got {targets.dtype}")
    if looked_at(targets):
        counted = targets[targets != IGNORED]
        if not counted.numel():
            raise ValueError(f"labels: expected at least one that counts, is not {IGNORED}, got none")
        if not (int(counted.min()) >= 0 and int(counted.max()) < logits.shape[-1]):
            given = f"{int(counted.min())} to {int(counted.max())}"
            raise ValueError(f"labels: expected 0 to {logits.shape[-1] - 1} or {IGNORED}, got {given}")
    wide = logits if logits.dtype.itemsize >= 4 else logits.float()
    return cross_entropy(wide.flatten(0, -2), targets.flatten().long(), ignore_index=IGNORED)


def build_model(config: Config) -> Pretrained:
    """The model of a configuration, freshly initialised from torch's global seed, on the default device.

    >>> from monarch_gpu.configs import preset
    >>> type(build_model(preset("vit", "tiny"))).__name__
    'ViTForImageClassification'

    Raises:
        TypeError: no model takes such a configuration.
    """
    for kind in Pretrained.kinds:
        if kind.takes(config):
            return kind(config)
    kinds = ", ".join(sorted({kind.__name__ for kind in Pretrained.kinds}))
    raise TypeError(f"config: expected one of {kinds}, got {type(config).__name__}")


def count_parameters(config: Config) -> int:
    """Parameters counted on the meta device, where no memory is used.

    >>> from monarch_gpu.configs import preset
    >>> count_parameters(preset("gpt", "145m"))
    145728288
    """
    return sum(parameter.numel() for parameter in blank_model(config).parameters())


def materialise(model: nn.Module, device: str = "cpu") -> nn.Module:
    """Give a model built on the meta device storage; parameters are uninitialised, what is computed is filled in."""
    return model.to_empty(device=device)


def saved_tensors(model: nn.Module) -> dict[str, Tensor]:
    """What a file of the model holds: its parameters and persistent buffers, by name, not copied."""
    return dict(model.state_dict(keep_vars=True))


def save_model(model: Pretrained, directory: str | Path) -> None:
    """Write `config.json` and `model.safetensors`, each as a whole or not at all.

    Raises:
        CheckpointError: another process writes there, or the file system refused.
    """
    directory = Path(directory)
    tensors = {name: t.detach().cpu().contiguous() for name, t in saved_tensors(model).items()}
    with sole_writer(directory):
        replace_file(directory / WEIGHTS, save(tensors, {"format": "pt"}))
        replace_file(directory / CONFIG, (config_json(model.config) + "\n").encode())


def load_model(directory: str | Path) -> Pretrained:
    """Read what `save_model` wrote; every tensor keeps the dtype it has in the file.

    Raises:
        ValueError: a file is missing or damaged; a tensor is missing, unknown, not finite, or of the wrong shape or
            kind; the message names it.
    """
    directory = Path(directory)
    config = load_config(directory / CONFIG)
    return model_of(config, read_tensors(directory / WEIGHTS), str(directory / WEIGHTS))


def model_of(config: Config, tensors: dict[str, Tensor], source: str) -> Pretrained:
    """The model with these parameters and persistent buffers.

    Raises:
        ValueError: they are not those of the configuration.
    """
    if config.num_hidden_layers > len(tensors):
        layers = config.num_hidden_layers
        raise ValueError(f"{source}: num_hidden_layers: expected as many as it has tensors for, got {layers}")
    return filled(blank_model(config), tensors, source)


def blank_model(config: Config) -> Pretrained:
    """A model that has names and shapes, and no memory.

    Raises:
        ValueError: its tensors have more elements than can be counted.
    """
    try:
        with torch.device("meta"):
            return build_model(config)
    except (RuntimeError, OverflowError) as error:
        raise ValueError(f"config: expected sizes that torch can address, got {str(error).splitlines()[0]}") from None


def filled(model: Pretrained, tensors: dict[str, Tensor], source: str) -> Pretrained:
    """A blank model with these parameters and persistent buffers; see `model_of`."""
    check_tensors(saved_tensors(model), tensors, source)
    check_one_dtype(model, tensors, source)
    try:
        materialise(model).load_state_dict(tensors, assign=True)
    except (RuntimeError, MemoryError) as error:  # positions that are computed may be of any length
        raise ValueError(f"{source}: expected a model that memory holds, got {str(error).splitlines()[0]}") from None
    return model


def check_one_dtype(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors of several dtypes, but for filters, which are held in float32 or better."""
    held = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, ImplicitFilter))
    others = [(name, tensor.dtype) for name, tensor in tensors.items() if not name.startswith(held or ("\0",))]
    for name, dtype in others:
        if dtype != others[0][1]:
            raise ValueError(f"{source}: {name}: expected one dtype outside filters, {others[0][1]}, got {dtype}")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ValueError: there is no such file, or it is no such file.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: expected a safetensors file, got a damaged or another one ({error})") from None


def check_tensors(
    wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], source: str, same_dtype: bool = False
) -> None:
    """Refuse tensors that are not exactly those wanted, by name, shape, kind and finiteness.

    Args:
        same_dtype: dtypes must be equal, too; otherwise any real floating dtype is as good.
    """
    for name in sorted(wanted.keys() ^ tensors.keys()):
        raise ValueError(f"{source}: {name} is {'missing' if name in wanted else 'unknown'}")
    for name, like in wanted.items():
        tensor = tensors[name]
        if tensor.shape != like.shape:
            raise ValueError(f"{source}: {name}: expected {tuple(like.shape)}, got {tuple(tensor.shape)}")
        if tensor.dtype != like.dtype and (same_dtype or tensor.dtype not in FLOATING):
            expected = like.dtype if same_dtype else "a real floating dtype of 16 bits or more"
            raise ValueError(f"{source}: {name}: expected {expected}, got {tensor.dtype}")
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{source}: {name}: expected finite numbers, got {int((~tensor.isfinite()).sum())} others")
