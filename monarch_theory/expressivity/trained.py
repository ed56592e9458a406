"""Weights of trained models that registries ship, as targets: read from the installed package, and nothing of it run.

A model is one row. Its package is not among those of this project, and none of its weights are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from monarch_theory.expressivity.checkpoints import stored_arrays
from monarch_theory.expressivity.targets import Target

__all__ = ["TRAINED", "Trained", "squares", "trained_target"]


@dataclass(frozen=True)
class Trained:
    """One model.

    Attributes:
        name: as the package is installed.
        package, file: where the weights are, as `find_spec` finds the package.
        licence: of the package.
        what: the arrays in words.
        arrays: their names in the file.
        size: of the square blocks that they are made of.
    """

    name: str
    package: str
    file: str
    licence: str
    what: str
    arrays: tuple[str, ...]
    size: int


TRAINED = {
    row.name: row
    for row in (
        Trained(
            "silero-vad",
            "silero_vad",
            "data/silero_vad_16k.safetensors",
            "MIT",
            "the four gates of a recurrence, of its inputs and of its state",
            ("lstm_cell.weight_ih", "lstm_cell.weight_hh"),
            128,
        ),
        Trained(
            "magika",
            "magika",
            "models/standard_v3_3/model.onnx",
            "Apache-2.0",
            "the five taps of a convolution, the upper and the lower half of each",
            ("jax2tf_get_logits_/pjit_get_logits_/MagikaV2/Conv_0/transpose_3:0",),
            256,
        ),
    )
}
"""Models by name."""


def squares(array: np.ndarray, size: int) -> list[np.ndarray]:
    """The square blocks of an array (outputs, inputs, taps …), tap by tap and from the top down.

    >>> [block.tolist() for block in squares(np.arange(8).reshape(4, 2), 2)]
    [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    """
    taps = array.reshape(*array.shape[:2], -1)
    rows, columns = (range(0, side, size) for side in array.shape[:2])
    return [taps[i : i + size, j : j + size, tap] for tap in range(taps.shape[2]) for i in rows for j in columns]


def trained_target(name: str, *, name_of: str = "name") -> Target:
    """The weights of one of `TRAINED`, in double precision.

    Args:
        name_of: what error messages call the name.

    Raises:
        ValueError: no such row, the package or what reads its file is not installed, or another version of it that
            has no such arrays.
    """
    if name not in TRAINED:
        raise ValueError(f"{name_of}: expected {' or '.join(TRAINED)}, got {name!r}")
    row = TRAINED[name]
    found = find_spec(row.package)
    if found is None or not found.submodule_search_locations:
        raise ValueError(f"{name_of}: expected {name} to be installed: pip install {name}")
    stored = stored_arrays(Path(next(iter(found.submodule_search_locations))) / row.file)
    blocks: list[np.ndarray] = []
    for key in row.arrays:
        entry = stored.get(key, "no such array")
        if isinstance(entry, str) or entry[0].ndim < 2 or any(side % row.size for side in entry[0].shape[:2]):
            raise ValueError(
                f"{name_of}: expected {name} to hold {key} in blocks of {row.size}, as its 2026 releases do"
            )
        blocks += squares(entry[0].astype(float), row.size)
    return Target(name, tuple(blocks))
