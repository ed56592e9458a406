"""From published tensors to a model of this package, with a receipt that accounts for every one of them."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import realpath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from monarch_gpu.convert.layout import Layout, Row, layouts_here
from monarch_gpu.convert.published import read_published
from monarch_gpu.models import Pretrained, blank_model, filled, read_tensors, save_model, saved_tensors
from monarch_theory.formats import HALVES

__all__ = ["Conversion", "Receipt", "convert", "convert_tensors"]

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Receipt:
    """What became of every tensor of a published file.

    Attributes:
        layout: name of the layout.
        source: file of the tensors.
        mapped: tensors of the file that ours are made of.
        repeated: names of tensors that the file holds again under another name, and that are equal.
        constant: names of tensors that hold nothing learned, and are what they must be.
        dropped: names left out because they were asked to be.
        computed: names that the file lacks, computed as the published code does.
        parameters: of our model.
        dtypes: of the file's mapped tensors.
        differences: largest difference from the file's own outputs, by the name of these, if there are any.
    """

    layout: str
    source: str
    mapped: int
    repeated: tuple[str, ...]
    constant: tuple[str, ...]
    dropped: tuple[str, ...]
    computed: tuple[str, ...]
    parameters: int
    dtypes: tuple[str, ...]
    differences: dict[str, float] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about what was converted."""
        low = [name for name in self.dtypes if name in {f"torch.{half.name}" for half in HALVES}]
        if not low or self.layout not in ("m2-bert", "hyena"):
            return ()
        return (f"the filters are of weights in {low[0]}, not of their float32 originals: see errata 5",)

    @property
    def total(self) -> int:
        """Tensors in the file; all of them are accounted for."""
        return self.mapped + len(self.repeated) + len(self.constant) + len(self.dropped)


@dataclass(frozen=True)
class Conversion:
    """A converted model and its receipt."""

    model: Pretrained
    receipt: Receipt


def convert(
    published: str | Path,
    out: str | Path | None = None,
    *,
    config: str | Path | None = None,
    vectors: str | Path | None = None,
    drop: Sequence[str] = (),
) -> Conversion:
    """Read published weights, check them, and write them as `save_model` does.

    Args:
        published: a directory with `config.json`, or a file of weights beside one: safetensors, `.bin`, `.pt`.
        out: directory to write, with the `tokenizer.json` beside the weights, if there is one; None writes nothing.
        config: the published configuration, where it is not beside the weights.
        vectors: a safetensors file of inputs and the published outputs: `input_ids` and `logits`, with any prefix, and
            `attention_mask` and `token_type_ids` with that prefix if there are some.
        drop: beginnings of names of tensors to leave out.

    Raises:
        ValueError: a file is damaged, of no known layout, or holds what the models here cannot honour.
        CheckpointError: the result could not be written.
    """
    tensors, values, file = read_published(Path(published), None if config is None else Path(config))
    if out is not None and realpath(out) == realpath(file.parent):
        raise ValueError(f"{out}: expected a directory other than that of the published file, which would be replaced")
    done = convert_tensors(tensors, values, str(file), drop)
    if vectors is not None:
        done.receipt.differences.update(differences(done.model, read_tensors(Path(vectors)), str(vectors)))
    if out is not None:
        save_model(done.model, out)
        tokenizer = file.parent / TOKENIZER
        if tokenizer.is_file():
            shutil.copyfile(tokenizer, Path(out) / TOKENIZER)
    return done


def convert_tensors(
    tensors: Mapping[str, Tensor], values: Mapping[str, Any], source: str, drop: Sequence[str] = ()
) -> Conversion:
    """The model of published tensors and configuration; see `convert`."""
    for beginning in drop:
        if not any(name.startswith(beginning) for name in tensors):
            raise ValueError(f"{source}: drop: expected the beginning of a name in the file, got {beginning!r}")
    dropped = tuple(sorted(name for name in tensors if name.startswith(tuple(drop)))) if drop else ()
    kept = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    layout = layout_of(kept, source)
    renamed = {layout.rename(name): tensor for name, tensor in kept.items()}
    if len(renamed) != len(kept):
        raise ValueError(f"{source}: expected different names, got two that mean the same")
    try:
        config = layout.configure(values, renamed)
    except ValueError as error:
        raise ValueError(f"{source}: its configuration: {error}") from None
    if config.num_hidden_layers > len(renamed):
        layers = config.num_hidden_layers
        raise ValueError(f"{source}: num_hidden_layers: expected as many as it has tensors for, got {layers}")
    rows = layout.rows(config)
    left, repeated = one_of_each(renamed, layout.same(config), source)
    left, constant = without_constants(left, layout.constants(config), source)
    computed = {name: make() for name, make in layout.absent(config).items() if name not in left}
    model = blank_model(config)
    wanted = {name: tuple(t.shape) for name, t in saved_tensors(model).items()}
    found = made(rows, left | computed, wanted, source)
    used = {name for row in rows for name in row.theirs}
    for name in sorted(left.keys() - used):
        raise ValueError(f"{source}: {name} is left over: nothing in this layout takes it")
    model = filled(model, found, source)
    receipt = Receipt(
        layout.name, source, len(left), repeated, constant, dropped, tuple(sorted(computed)),
        sum(p.numel() for p in model.parameters()), tuple(sorted({str(t.dtype) for t in left.values()})),
    )  # fmt: skip
    return Conversion(model, receipt)


def layout_of(tensors: Mapping[str, Tensor], source: str) -> Layout:
    """The one layout that recognises the names."""
    names = frozenset(tensors)
    found = [layout for layout in layouts_here() if layout.recognises(names)]
    if len(found) != 1:
        known = ", ".join(layout.name for layout in layouts_here())
        raise ValueError(f"{source}: expected names of one of {known}, got {', '.join(sorted(names)[:3])}, …")
    return found[0]


def one_of_each(
    tensors: dict[str, Tensor], same: list[tuple[str, ...]], source: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Every group of names that are one tensor under its first name, and the names that repeated it."""
    left, repeated = dict(tensors), []
    for canonical, *others in same:
        present = [name for name in (canonical, *others) if name in left]
        for name in present[1:]:
            if not torch.equal(left[name], left[present[0]]):
                raise ValueError(f"{source}: {name}: expected the tensor of {present[0]}, which it shares, got another")
            del left[name]
            repeated.append(name)
        if present and present[0] != canonical:
            left[canonical] = left.pop(present[0])
    return left, tuple(sorted(repeated))


def without_constants(
    tensors: dict[str, Tensor], constants: Any, source: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The others, and the names of those that hold nothing learned."""
    names = tuple(sorted(name for name in constants if name in tensors))
    for name in names:
        if not constants[name](tensors[name]):
            raise ValueError(f"{source}: {name}: expected a constant of the published code, got other values")
    return {name: tensor for name, tensor in tensors.items() if name not in names}, names


def made(
    rows: list[Row], tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], source: str
) -> dict[str, Tensor]:
    """Our tensors, of the shapes wanted."""
    found = {}
    for row in rows:
        for name in row.theirs:
            if name not in tensors:
                raise ValueError(f"{source}: {name} is missing")
        theirs = " + ".join(f"{name} {tuple(tensors[name].shape)}" for name in row.theirs)
        try:
            tensor = row.make(*(tensors[name] for name in row.theirs)).contiguous().clone()
        except (RuntimeError, IndexError, TypeError) as error:
            raise ValueError(f"{source}: {theirs}: {str(error).splitlines()[0]}") from None
        if row.ours in wanted and tuple(tensor.shape) != wanted[row.ours]:
            raise ValueError(f"{source}: {theirs}: expected what makes {row.ours} {wanted[row.ours]}")
        found[row.ours] = tensor
    return found


def differences(model: nn.Module, vectors: Mapping[str, Tensor], source: str) -> dict[str, float]:
    """Largest absolute difference in float64 from given outputs, by their names."""
    model = copy.deepcopy(model).double().eval()
    found = {}
    for name in sorted(vectors):
        prefix, kind = name.removesuffix("input_ids"), "input_ids"
        if not name.endswith(kind):
            prefix, kind = name.removesuffix("pixel_values"), "pixel_values"
        if not name.endswith(kind):
            continue
        expected = vectors.get(f"{prefix}logits")
        if expected is None:
            raise ValueError(f"{source}: {prefix}logits is missing beside {name}")
        given = {key: vectors[prefix + key] for key in ("attention_mask", "token_type_ids") if prefix + key in vectors}
        inputs = vectors[name].double() if kind == "pixel_values" else vectors[name]
        with torch.no_grad():
            logits = model(inputs, **given)
        if logits.shape != expected.shape:
            raise ValueError(f"{source}: {prefix}logits: expected {tuple(logits.shape)}, got {tuple(expected.shape)}")
        found[f"{prefix}logits"] = float((logits - expected.double()).abs().max())
    if not found:
        raise ValueError(f"{source}: expected input_ids and logits, got {', '.join(sorted(vectors)[:4])}")
    return found
