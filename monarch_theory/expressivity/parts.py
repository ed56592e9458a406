"""A member of a family as it is stored: arrays, and the multiply that reads each of them once.

Every family is a sum of parts of five forms: a train of stages (Monarch of any order and rank, low rank, GS and
Kronecker-sparse matrices, block tensor trains), Kronecker products, blocks on the diagonal, blocks anywhere, and
convolutions (Toeplitz and circulant matrices). A part multiplies by reshaping, permuting axes and matrix products,
where blocks stand anywhere by taking and adding rows, and a convolution by transforms, so that another array library
repeats it line by line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import frexp, prod
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.projection import project_values
from monarch_theory.expressivity.tensor_train import BlockTensorTrain
from monarch_theory.extras import advice
from monarch_theory.monarch import Convention

__all__ = [
    "FORMS",
    "Blocks",
    "Convolution",
    "Kroneckers",
    "Member",
    "Part",
    "Scattered",
    "Train",
    "low_rank_train",
    "read_members",
    "write_members",
]

INDEX = "members"  # metadata of the file: what the arrays mean


@dataclass(frozen=True, eq=False)
class Train:
    """Stages of a Monarch matrix with bonds, each core of shape (blocks, m_k, r_{k+1}, r_k, n_k).

    Attributes:
        arrays: core k as "k".
        input_radices, output_radices, convention: of its `MonarchClass`.
        regroup: the outputs, read as (outputs / regroup, regroup), are transposed at the end; 1 leaves them.
    """

    arrays: dict[str, np.ndarray]
    input_radices: tuple[int, ...]
    output_radices: tuple[int, ...]
    convention: Convention
    regroup: int = 1

    @classmethod
    def of(cls, train: BlockTensorTrain, regroup: int = 1) -> Train:
        """Of a block tensor train."""
        kind = train.kind
        cores = {str(k): core for k, core in enumerate(train.cores)}
        return cls(cores, kind.input_radices, kind.output_radices, kind.convention, regroup)

    @property
    def inputs(self) -> int:
        """Columns of the part."""
        return prod(self.input_radices)

    @property
    def outputs(self) -> int:
        """Rows of the part."""
        return prod(self.output_radices)

    @property
    def facts(self) -> dict[str, Any]:
        radices = {"input_radices": list(self.input_radices), "output_radices": list(self.output_radices)}
        return {"form": "train", **radices, "convention": self.convention.name, "regroup": self.regroup}

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Train:
        convention = Convention[facts["convention"]]
        return cls(arrays, tuple(facts["input_radices"]), tuple(facts["output_radices"]), convention, facts["regroup"])

    def scaled(self, weights: np.ndarray) -> Train:
        """With every column multiplied by its weight: the first core reads each input once."""
        columns, turned = self.input_radices, weights[:, None]
        if self.convention is Convention.DAO:
            turned = _turned(turned, columns[::-1])
        core = self.arrays["0"] * turned.reshape(columns[0], -1).T[:, None, None, None, :]  # (a_1 …, m, bond, 1, a_0)
        return replace(self, arrays=self.arrays | {"0": core})

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """For x of shape (inputs, batch)."""
        rows, columns, batch = self.output_radices, self.input_radices, x.shape[1]
        state = _turned(x, columns[::-1]) if self.convention is Convention.DAO else x
        for k in range(len(columns)):
            core = self.arrays[str(k)]
            _, m, after_bond, bond, n = core.shape
            before, after = prod(rows[:k]), prod(columns[k + 1 :])
            blocks = core.reshape(before, after, m * after_bond, bond * n)
            digit = state.reshape(before, bond * n, after, batch).transpose(
                0, 2, 1, 3
            )  # i_0 … , a_{k+1} …, (bond, a_k)
            image = (blocks @ digit).reshape(before, after, m, after_bond, batch)
            state = image.transpose(0, 2, 3, 1, 4)  # i_0 …, i_k, bond, a_{k+1} …, batch
        state = state.reshape(prod(rows), batch)
        if self.convention is not Convention.DAO_TRANSPOSED:
            state = _turned(state, rows)
        return _turned(state, (prod(rows) // self.regroup, self.regroup))


@dataclass(frozen=True, eq=False)
class Kroneckers:
    """Σ_t A_t ⊗ B_t: `arrays` holds A, shape (terms, m, n), and B, shape (terms, p, q)."""

    arrays: dict[str, np.ndarray]

    @property
    def inputs(self) -> int:
        """Columns of the part."""
        return self.arrays["A"].shape[2] * self.arrays["B"].shape[2]

    @property
    def outputs(self) -> int:
        """Rows of the part."""
        return self.arrays["A"].shape[1] * self.arrays["B"].shape[1]

    @property
    def facts(self) -> dict[str, Any]:
        return {"form": "kroneckers"}

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Kroneckers:
        return cls(arrays)

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """For x of shape (inputs, batch); the cheaper factor comes first."""
        a, b = self.arrays["A"], self.arrays["B"]
        (_, m, n), (_, p, q) = a.shape, b.shape
        if p * q * n + m * n * p <= m * n * q + p * q * m:
            inner = b[:, None] @ x.reshape(n, q, -1)  # (t, n, p, batch)
            found = (a @ inner.reshape(len(a), n, -1)).reshape(len(a), m, p, -1)
        else:
            inner = a @ x.reshape(n, -1)  # (t, m, q · batch)
            found = b[:, None] @ inner.reshape(len(a), m, q, -1)
        return found.sum(0).reshape(m * p, -1)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks on the diagonal: `arrays` holds them as "blocks", shape (blocks, rows, columns)."""

    arrays: dict[str, np.ndarray]

    @property
    def inputs(self) -> int:
        """Columns of the part."""
        return self.arrays["blocks"].shape[0] * self.arrays["blocks"].shape[2]

    @property
    def outputs(self) -> int:
        """Rows of the part."""
        return self.arrays["blocks"].shape[0] * self.arrays["blocks"].shape[1]

    @property
    def facts(self) -> dict[str, Any]:
        return {"form": "blocks"}

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Blocks:
        return cls(arrays)

    def scaled(self, weights: np.ndarray) -> Blocks:
        """With every column multiplied by its weight."""
        blocks = self.arrays["blocks"]
        return Blocks({"blocks": blocks * weights.reshape(len(blocks), 1, -1)})

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """For x of shape (inputs, batch)."""
        blocks = self.arrays["blocks"]
        count, rows, columns = blocks.shape
        return (blocks @ x.reshape(count, columns, -1)).reshape(count * rows, -1)


@dataclass(frozen=True, eq=False)
class Scattered:
    """Blocks of a grid, the others zero: `arrays` holds them as "blocks", shape (kept, rows, columns).

    Attributes:
        grid: (rows, columns) of blocks.
        places: of every block, in C order of the grid.
    """

    arrays: dict[str, np.ndarray]
    grid: tuple[int, int]
    places: tuple[int, ...]

    @property
    def inputs(self) -> int:
        """Columns of the part."""
        return self.grid[1] * self.arrays["blocks"].shape[2]

    @property
    def outputs(self) -> int:
        """Rows of the part."""
        return self.grid[0] * self.arrays["blocks"].shape[1]

    @property
    def at(self) -> tuple[list[int], list[int]]:
        """(row, column) of every block in the grid."""
        return [place // self.grid[1] for place in self.places], [place % self.grid[1] for place in self.places]

    @property
    def facts(self) -> dict[str, Any]:
        return {"form": "scattered", "grid": list(self.grid), "places": list(self.places)}

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Scattered:
        rows, columns = facts["grid"]
        return cls(arrays, (rows, columns), tuple(facts["places"]))

    def scaled(self, weights: np.ndarray) -> Scattered:
        """With every column multiplied by its weight."""
        turned = weights.reshape(self.grid[1], 1, -1)[self.at[1]]
        return replace(self, arrays={"blocks": self.arrays["blocks"] * turned})

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """For x of shape (inputs, batch)."""
        blocks, (ours, theirs) = self.arrays["blocks"], self.at
        images = blocks @ x.reshape(self.grid[1], blocks.shape[2], -1)[theirs]  # (kept, rows, batch)
        found = np.zeros((self.grid[0], *images.shape[1:]), images.dtype)
        np.add.at(found, ours, images)
        return found.reshape(-1, images.shape[2])


@dataclass(frozen=True, eq=False)
class Convolution:
    """Outputs shift … of the circular convolution with taps, of a length that holds them: M[i, j] is tap i − j + shift.

    Attributes:
        arrays: "taps", of which there are `length` at most; those beyond are zero.
        outputs, inputs: rows and columns of the part.
        length: of the transform.
        shift: place of the first output.
    """

    arrays: dict[str, np.ndarray]
    outputs: int
    inputs: int
    length: int
    shift: int

    @property
    def facts(self) -> dict[str, Any]:
        sizes = {"outputs": self.outputs, "inputs": self.inputs, "length": self.length, "shift": self.shift}
        return {"form": "convolution", **sizes}

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Convolution:
        return cls(arrays, facts["outputs"], facts["inputs"], facts["length"], facts["shift"])

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """For x of shape (inputs, batch)."""
        taps, kept = self.arrays["taps"], slice(self.shift, self.shift + self.outputs)
        if np.iscomplexobj(taps) or np.iscomplexobj(x):
            spectrum = np.fft.fft(taps, self.length)[:, None] * np.fft.fft(x, self.length, axis=0)
            return np.fft.ifft(spectrum, axis=0)[kept]
        spectrum = np.fft.rfft(taps, self.length)[:, None] * np.fft.rfft(x, self.length, axis=0)
        return np.fft.irfft(spectrum, self.length, axis=0)[kept]


Part = Train | Kroneckers | Blocks | Scattered | Convolution
FORMS: dict[str, type[Train] | type[Kroneckers] | type[Blocks] | type[Scattered] | type[Convolution]] = {
    "train": Train, "kroneckers": Kroneckers, "blocks": Blocks, "scattered": Scattered, "convolution": Convolution,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Member:
    """The sum of its parts, or its corner where they are larger.

    Attributes:
        shape: (outputs, inputs).
        family, setting: what it is a member of, in words.
        parts: one or more.

    >>> eye = Member((4, 4), "block-diagonal", "2 blocks", (Blocks({"blocks": np.stack([np.eye(2)] * 2)}),))
    >>> bool((eye.dense() == np.eye(4)).all()), eye.parameters
    (True, 8)
    """

    shape: tuple[int, int]
    family: str
    setting: str
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Stored scalars, and the places of blocks that stand anywhere."""
        places = sum(len(part.places) for part in self.parts if isinstance(part, Scattered))
        return places + sum(array.size for part in self.parts for array in part.arrays.values())

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """The matrix times x, shape (inputs, batch) → (outputs, batch).

        Raises:
            ValueError: another shape.
        """
        if x.ndim != 2 or x.shape[0] != self.shape[1]:
            raise ValueError(f"x: expected shape ({self.shape[1]}, batch), got {x.shape}")
        beyond = self.parts[0].inputs - self.shape[1]
        if beyond:
            x = np.pad(x, ((0, beyond), (0, 0)))
        found = self.parts[0].multiply(x)
        for part in self.parts[1:]:
            found = found + part.multiply(x)
        return found[: self.shape[0]]

    def dense(self) -> np.ndarray:
        """The matrix itself."""
        return self.multiply(np.eye(self.shape[1]))

    def scaled(self, weights: np.ndarray) -> Member:
        """With every column multiplied by its weight.

        Raises:
            ValueError: a part that would not be of its form any more.
        """
        parts = []
        weights = np.pad(weights, (0, self.parts[0].inputs - self.shape[1]), constant_values=1)
        for part in self.parts:
            if isinstance(part, Kroneckers | Convolution):
                what = "Kronecker products" if isinstance(part, Kroneckers) else "a convolution"
                raise ValueError(f"parts: expected stages or blocks, whose columns scale, got {what}")
            parts.append(part.scaled(weights))
        return replace(self, parts=tuple(parts))

    def times(self, scale: float) -> Member:
        """The matrix times a power of two, which the arrays of a part share."""
        exponent = frexp(scale)[1] - 1
        parts = []
        for part in self.parts:
            shares = spread(exponent, len(part.arrays))
            parts.append(_turned_up(part, dict(zip(part.arrays, shares, strict=True))))
        return replace(self, parts=tuple(parts))

    def cast(self, dtype: Any) -> Member:
        """Every scalar rounded to a dtype, once a part's arrays are about equally large where one is beyond its middle.

        That is a matter of powers of two, and changes no product: but a core that the dtype cannot hold, beside one
        that could take some of its size, would be lost or infinite.
        """
        parts = tuple(
            part.read(part.facts, {key: array.astype(dtype) for key, array in part.arrays.items()})
            for part in (_evened(part, np.dtype(dtype)) for part in self.parts)
        )
        return replace(self, parts=parts)


def spread(total: int, count: int) -> list[int]:
    """`count` integers, as equal as can be, whose sum is `total`.

    >>> spread(-7, 3)
    [-3, -2, -2]
    """
    return [(total + k) // count for k in range(count)]


def _turned_up(part: Part, exponents: Mapping[str, int]) -> Part:
    """With every array times its own power of two."""
    halves = {key: (2.0 ** (e // 2), 2.0 ** (e - e // 2)) for key, e in exponents.items()}  # which the whole may exceed
    return part.read(part.facts, {key: array * halves[key][0] * halves[key][1] for key, array in part.arrays.items()})


def _evened(part: Part, dtype: np.dtype) -> Part:
    """With arrays about equally large, if one is beyond the square root of what `dtype` holds, or below its inverse."""
    sizes = {key: frexp(float(np.abs(array).max(initial=0.0)))[1] for key, array in part.arrays.items()}
    middle = np.finfo(dtype).maxexp // 2
    if all(abs(size) <= middle for size in sizes.values()) or not all(array.any() for array in part.arrays.values()):
        return part
    shares = spread(sum(sizes.values()), len(sizes))
    return _turned_up(part, {key: share - sizes[key] for key, share in zip(sizes, shares, strict=True)})


def low_rank_train(matrix: np.ndarray, rank: int) -> Train:
    """The nearest matrix of that rank: two stages of one block each, and a bond of that width between them."""
    rows, columns = matrix.shape
    return Train.of(project_values(matrix, MonarchClass((columns, 1), (1, rows), rank=rank)).train)


def write_members(path: Path, members: Mapping[str, Member]) -> None:
    """Save members by name: safetensors, the arrays as NAME/PART/KEY, their meaning in the metadata.

    Raises:
        ValueError: safetensors is not installed, or complex entries, which its format lacks.
        OSError: the file cannot be written.
    """
    try:
        from safetensors.numpy import save
    except ImportError:
        raise ValueError(f"{path}: expected what writes it to be installed: {advice('safetensors')}") from None
    index, arrays = {}, {}
    for name, member in members.items():
        parts = [{**part.facts, "arrays": sorted(part.arrays)} for part in member.parts]
        index[name] = {
            "shape": list(member.shape), "family": member.family, "setting": member.setting, "parts": parts,
        }  # fmt: skip
        for place, part in enumerate(member.parts):
            for key, array in part.arrays.items():
                if array.dtype.kind == "c":
                    raise ValueError(f"{name}: expected real factors, which safetensors holds, got {array.dtype}")
                arrays[f"{name}/{place}/{key}"] = np.ascontiguousarray(array)
    # its own way to a file raises an error of its own where the file cannot be written
    path.write_bytes(save(arrays, metadata={INDEX: json.dumps(index)}))


def read_members(path: Path) -> dict[str, Member]:
    """What `write_members` saved.

    Raises:
        ValueError: no such file, or one that it did not write.
    """
    try:
        from safetensors import safe_open

        with safe_open(path, "np") as stored:
            index = json.loads(stored.metadata()[INDEX])
            members = {}
            for name, facts in index.items():
                parts = []
                for place, part in enumerate(facts["parts"]):
                    arrays = {key: stored.get_tensor(f"{name}/{place}/{key}") for key in part["arrays"]}
                    parts.append(FORMS[part["form"]].read(part, arrays))
                rows, columns = facts["shape"]
                members[name] = Member((rows, columns), facts["family"], facts["setting"], tuple(parts))
    except ImportError:
        raise ValueError(f"{path}: expected what reads it to be installed: {advice('safetensors')}") from None
    except Exception as error:  # a broken file ends in any of a dozen
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{path}: expected factors that `monarch express --write` saved ({what:.200})") from error
    return members


def _turned(x: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """The first axis, read as digits of these sizes, with the digits in the opposite order."""
    order = (*range(len(sizes))[::-1], len(sizes))
    return x.reshape(*sizes, -1).transpose(order).reshape(x.shape)
