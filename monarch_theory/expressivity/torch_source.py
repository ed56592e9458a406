"""Members of families as the text of a Python module for torch: every product with its shapes, and nothing to import.

The text needs torch and safetensors, and not this package: it is what one would write by hand to use the factors that
`monarch express --write` saved beside it. `parts` has the same multiply in NumPy, which the tests hold it to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from monarch_theory.expressivity.parts import Blocks, Convolution, Kroneckers, Member, Part, Scattered, Train
from monarch_theory.monarch import Convention

__all__ = ["torch_source"]

HEAD = '''"""Linear layers from `monarch express`: each multiplies by its factors and never forms its matrix."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
'''
TAIL = '''

def load(factors: Path = Path(__file__).with_name({factors!r})) -> dict[str, nn.Module]:
    """The layers by the names of the matrices they stand for."""
    arrays = load_file(factors)
    found = {{}}
    for name, layer in LAYERS.items():
        found[name] = layer()
        keys = [key for key, _ in found[name].named_parameters()]  # p0_blocks is stored as NAME/0/blocks
        found[name].load_state_dict({{key: arrays[f"{{name}}/{{key[1:].replace('_', '/', 1)}}"] for key in keys}})
    return found
'''


def torch_source(members: Mapping[str, Member], factors: str) -> str:
    """The module's text.

    Args:
        members: by name, as `write_members` saves them.
        factors: name of the safetensors file, in the same folder.

    >>> import numpy as np
    >>> eye = Member((4, 4), "block-diagonal", "2 blocks", (Blocks({"blocks": np.stack([np.eye(2)] * 2)}),))
    >>> lines = torch_source({"layer": eye}, "factors.safetensors").splitlines()
    >>> print("\\n".join(line.strip() for line in lines if "y = " in line))
    y = self.p0_blocks @ x.reshape(2, 2, -1)
    y = y.reshape(4, -1)
    """
    classes = [_layer(f"Layer{place}", member) for place, member in enumerate(members.values())]
    table = "".join(f"    {name!r}: Layer{place},\n" for place, name in enumerate(members))
    return HEAD + "".join(classes) + f"\n\nLAYERS = {{\n{table}}}\n" + TAIL.format(factors=factors)


def _layer(title: str, member: Member) -> str:
    """One class."""
    rows, columns = member.shape
    parameters = [
        f"self.p{place}_{key} = nn.Parameter(torch.empty({array.shape}, dtype=torch.{array.dtype}))"
        for place, part in enumerate(member.parts)
        for key, array in part.arrays.items()
    ]
    for place, part in enumerate(member.parts):
        if isinstance(part, Scattered):
            for key, indices in zip(("rows", "columns"), part.at, strict=True):
                where = f'"p{place}_{key}", torch.tensor({indices}), persistent=False'
                parameters.append(f"self.register_buffer({where})")
    wide = member.parts[0].inputs
    lines = ["batch = x.shape[:-1]", f"x = x.reshape(-1, {columns}).t()"]
    if wide > columns:
        lines.append(f"x = nn.functional.pad(x, (0, 0, 0, {wide - columns}))")
    for place, part in enumerate(member.parts):
        lines += _multiply(part, f"self.p{place}_")
        lines += ["total = y" if place == 0 else "total = total + y"] if len(member.parts) > 1 else []
    found = "total" if len(member.parts) > 1 else "y"
    cut = f"[:{rows}]" if member.parts[0].outputs > rows else ""
    lines.append(f"return {found}{cut}.t().reshape(*batch, {rows})")
    indented, first = "\n        ".join(lines), "\n        ".join(["super().__init__()", *parameters])
    what = repr(f"{member.family}: {member.setting}; {member.parameters} parameters")
    return (
        f"\n\nclass {title}(nn.Module):\n    # {what}\n    def __init__(self) -> None:\n        {first}\n\n"
        f"    def forward(self, x: Tensor) -> Tensor:\n"
        f'        """(…, {columns}) → (…, {rows})."""\n        {indented}\n'
    )


def _multiply(part: Part, name: str) -> Iterator[str]:
    """y = part times x, line by line, x of shape (inputs, batch)."""
    if isinstance(part, Train):
        yield from _train(part, name)
    elif isinstance(part, Kroneckers):
        yield from _kroneckers(part, name)
    elif isinstance(part, Scattered):
        _, rows, columns = part.arrays["blocks"].shape
        yield f"y = {name}blocks @ x.reshape({part.grid[1]}, {columns}, -1)[{name}columns]"
        yield f"y = y.new_zeros({part.grid[0]}, {rows}, y.shape[2]).index_add(0, {name}rows, y)"
        yield f"y = y.reshape({part.grid[0] * rows}, -1)"
    elif isinstance(part, Convolution):
        yield f"y = x.new_zeros({part.outputs}, 0)"
        yield "if x.shape[1] > 0:  # there are no transforms of an empty batch"
        yield f"    y = torch.fft.rfft({name}taps, {part.length})[:, None] * torch.fft.rfft(x, {part.length}, dim=0)"
        yield f"    y = torch.fft.irfft(y, {part.length}, dim=0)[{part.shift}:{part.shift + part.outputs}]"
    else:
        assert isinstance(part, Blocks)
        count, rows, columns = part.arrays["blocks"].shape
        yield f"y = {name}blocks @ x.reshape({count}, {columns}, -1)"
        yield f"y = y.reshape({count * rows}, -1)"


def _train(part: Train, name: str) -> Iterator[str]:
    rows, columns = part.output_radices, part.input_radices
    yield from _turned("x", columns[::-1]) if part.convention is Convention.DAO else ["y = x"]
    for k in range(len(columns)):
        _, m, after_bond, bond, n = part.arrays[str(k)].shape
        before, after = prod(rows[:k]), prod(columns[k + 1 :])
        yield f"y = y.reshape({before}, {bond * n}, {after}, -1).transpose(1, 2)"
        yield f"y = {name}{k}.reshape({before}, {after}, {m * after_bond}, {bond * n}) @ y"
        yield f"y = y.reshape({before}, {after}, {m}, {after_bond}, -1).permute(0, 2, 3, 1, 4)"
    yield f"y = y.reshape({prod(rows)}, -1)"
    if part.convention is not Convention.DAO_TRANSPOSED:
        yield from _turned("y", rows)
    yield from _turned("y", (prod(rows) // part.regroup, part.regroup)) if part.regroup > 1 else []


def _turned(what: str, sizes: tuple[int, ...]) -> list[str]:
    """The digits of the first axis in the opposite order."""
    order = (*range(len(sizes))[::-1], len(sizes))
    return [f"y = {what}.reshape({(*sizes, -1)}).permute({order}).reshape({prod(sizes)}, -1)"]


def _kroneckers(part: Kroneckers, name: str) -> Iterator[str]:
    (terms, m, n), (_, p, q) = part.arrays["A"].shape, part.arrays["B"].shape
    if p * q * n + m * n * p <= m * n * q + p * q * m:
        yield f"y = {name}B[:, None] @ x.reshape({n}, {q}, -1)"
        yield f"y = ({name}A @ y.reshape({terms}, {n}, -1)).reshape({terms}, {m}, {p}, -1)"
    else:
        yield f"y = {name}A @ x.reshape({n}, -1)"
        yield f"y = {name}B[:, None] @ y.reshape({terms}, {m}, {q}, -1)"
    yield f"y = y.sum(0).reshape({m * p}, -1)"
