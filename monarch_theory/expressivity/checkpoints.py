"""The matrices of a file of weights: safetensors, NumPy archives, what torch saved, ONNX; half precision included.

A model in several files has an index beside them, `model.safetensors.index.json`, which says where each array is.

Nothing that a file says is run. Half precision is widened, which changes no number; the format it was stored in is
kept, as `Matrix.stored`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.expressivity.matrices import Matrix, read_matrix
from monarch_theory.expressivity.torch_files import Missing, read_torch
from monarch_theory.extras import advice
from monarch_theory.rounding import BFLOAT16, Format

__all__ = ["INDEX", "SUFFIXES", "Stored", "read_checkpoint", "shards", "stored_arrays", "suffix_of"]

INDEX = ".index.json"
SUFFIXES = (".safetensors", ".npz", ".pt", ".pth", ".bin", ".onnx", INDEX)
DTYPES = {  # as the safetensors format names them; bfloat16, which NumPy lacks, apart
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
    "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "?", "C64": "<c8", "BF16": "<u2",
}  # fmt: skip

Stored = Matrix | str
"""A matrix, or why there is none."""


def read_checkpoint(path: Path) -> dict[str, Stored]:
    """Name → matrix of every array of the file, or why it is none: another number of axes, NaN, a dtype.

    Raises:
        ValueError: not such a file, or a broken one; the package that reads it is not installed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "weights.npz", layer=np.eye(4, dtype=np.float16), bias=np.zeros(4))
    ...     found = read_checkpoint(Path(folder) / "weights.npz")
    >>> found["layer"].shape, found["layer"].stored.name, found["bias"]
    ((4, 4), 'float16', 'expected a matrix with rows and columns, got shape (4,)')
    """
    arrays = stored_arrays(path)
    return {name: stored if isinstance(stored, str) else _matrix(name, *stored) for name, stored in arrays.items()}


def stored_arrays(path: Path) -> dict[str, tuple[np.ndarray, Format | None] | str]:
    """Name → (array of any number of axes, the format it was stored in where NumPy lacks it), or why it is none.

    Raises:
        ValueError: as `read_checkpoint`.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        return dict(READERS[suffix_of(path)](path))
    except MemoryError:
        raise
    except ImportError as error:
        raise ValueError(f"{path}: expected what reads it to be installed: {advice(error.name)}") from None
    except Exception as error:  # a broken file ends in any of a dozen
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{path}: expected a file of weights in the format of its suffix ({what:.200})") from error


def suffix_of(path: Path) -> str:
    """The one of `SUFFIXES` that a file's name ends with; empty where it ends otherwise.

    >>> suffix_of(Path("model.safetensors.index.json")), suffix_of(Path("notes.json"))
    ('.index.json', '')
    """
    return next((suffix for suffix in SUFFIXES if path.name.endswith(suffix) and path.name != suffix), "")


def shards(path: Path) -> dict[str, Path]:
    """Name → file of every array of an index, in its order.

    Raises:
        ValueError: none, or one of a file that is elsewhere: an index speaks of its own folder alone.
    """
    try:
        named = json.loads(path.read_bytes())["weight_map"]
        files = {str(name): str(file) for name, file in named.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path}: expected a JSON object with a weight_map of file names by name") from None
    for name, file in files.items():
        if Path(file).name != file or suffix_of(Path(file)) in ("", INDEX):
            raise ValueError(f"{path}: expected files of weights in its folder, got {file!r} for {name}")
    return {name: path.parent / file for name, file in files.items()}


def _sharded(path: Path) -> Iterator[tuple[str, tuple[np.ndarray, Format | None] | str]]:
    files = shards(path)
    stored = {file: stored_arrays(file) for file in dict.fromkeys(files.values()) if file.is_file()}
    for name, file in files.items():
        if file not in stored:
            yield name, f"expected its file beside the index, got no {file.name}"
        else:
            yield name, stored[file].get(name, f"expected it in {file.name}, as the index says")


def _archive(path: Path) -> Iterator[tuple[str, tuple[np.ndarray, Format | None] | str]]:
    # a file of our own, which NumPy leaves open where what it holds is no archive
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("one array, not an archive")
        for name in archive.files:
            try:
                yield name, (archive[name], None)
            except ValueError as error:  # pickled objects: the other arrays are none the worse
                yield name, f"expected numbers, got {error}"


def _safetensors(path: Path) -> Iterator[tuple[str, tuple[np.ndarray, Format | None] | str]]:
    from safetensors import deserialize

    content = path.read_bytes()
    found = dict(deserialize(content))  # in no order, another one each time
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    for name in filter(found.__contains__, header):
        stored, code = found[name], found[name]["dtype"]
        if code not in DTYPES:
            yield name, f"expected scalars among {', '.join(DTYPES)}, got {code}"
            continue
        array = np.frombuffer(stored["data"], DTYPES[code]).reshape(stored["shape"])
        if code == "BF16":  # the upper half of a float32
            yield name, ((array.astype(np.uint32) << 16).view(np.float32), BFLOAT16)
        else:
            yield name, (array, None)


def _torch(path: Path) -> Iterator[tuple[str, tuple[np.ndarray, Format | None] | str]]:
    for name, tensor in read_torch(path).items():
        yield name, tensor.reason if isinstance(tensor, Missing) else (tensor.array, tensor.stored)


def _onnx(path: Path) -> Iterator[tuple[str, tuple[np.ndarray, Format | None] | str]]:
    import onnx

    model = onnx.load(path)
    inside = (found for function in model.functions for found in _onnx_tensors(function, f"{function.name}."))
    for name, tensor in chain(_onnx_tensors(model.graph, ""), inside):
        if not isinstance(tensor, onnx.TensorProto):
            yield name, "expected a dense tensor, got a sparse one"
            continue
        array = onnx.numpy_helper.to_array(tensor)
        brain = tensor.data_type == onnx.TensorProto.BFLOAT16
        yield name, (array.astype(np.float32), BFLOAT16) if brain else (array, None)


def _onnx_tensors(graph: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """(name, tensor) of a graph or function: what it begins with, what nodes hold, and those of graphs within nodes.

    Of nodes' tensors those of fewer than two axes are no weights, but shapes, axes and the like.
    """
    yield from ((prefix + tensor.name, tensor) for tensor in getattr(graph, "initializer", ()))
    yield from ((prefix + tensor.values.name, tensor) for tensor in getattr(graph, "sparse_initializer", ()))
    for node in graph.node:
        of_node = prefix + (node.output[0] if node.output else node.name)
        for attribute in node.attribute:
            held = [attribute.t, attribute.sparse_tensor, *attribute.tensors, *attribute.sparse_tensors]
            weights = [tensor for tensor in held if len(tensor.dims) > 1]
            for k, tensor in enumerate(weights):
                yield of_node + f".{k}" * (len(weights) > 1), tensor
            for k, inner in enumerate([attribute.g, *attribute.graphs]):
                yield from _onnx_tensors(inner, f"{of_node}.{attribute.name}{k or ''}.")


READERS = {suffix: _torch for suffix in SUFFIXES} | {
    ".safetensors": _safetensors, ".npz": _archive, ".onnx": _onnx, INDEX: _sharded,
}  # fmt: skip


def _matrix(name: str, array: np.ndarray, stored: Format | None) -> Stored:
    try:
        read = read_matrix(array, name=name)
    except (TypeError, ValueError) as error:
        return str(error).removeprefix(f"{name}: ")
    return read if stored is None else replace(read, stored=stored)
