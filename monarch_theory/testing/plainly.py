"""A kernel called by a plain script, as anyone would: one that is right only where it is judged shows itself there.

The script has nothing of this package, of its protocol or of its memory patterns. It is handed inputs that were not
used before, and prints what the kernel returned; the answers are judged here, after it has ended.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from monarch_theory.formats import carrier_of
from monarch_theory.sandbox.confinement import WALLS, Confined
from monarch_theory.sandbox.wire import described_array
from monarch_theory.testing.cases import TELLING, Case, make_case
from monarch_theory.testing.kernel import Kernel, Run
from monarch_theory.testing.op import Shape

__all__ = ["call_plainly", "plain_cases"]

MOST = 4
"""Calls of the script."""

MOST_ENTRIES = 1 << 13
"""Entries of all arguments of a call, which are written out in the script."""

LARGEST_ANSWER = 1 << 28
"""Bytes that the script may print."""

SCRIPT = """
import base64, importlib.util, json, os, sys
import numpy as np
{torch}
printed, own = os.dup(1), os.getpid()
os.dup2(2, 1)
spec = importlib.util.spec_from_file_location({stem!r}, {path!r})
sys.path.append({folder!r})
module = importlib.util.module_from_spec(spec)
sys.modules[{stem!r}] = module
spec.loader.exec_module(module)
kernel = module.{name}
kernel = kernel() if isinstance(kernel, type) else kernel
def array(text, dtype, shape):
    return np.frombuffer(base64.b85decode(text), dtype).reshape(shape).copy()
def given(held, named):
    {given}
def text(y):
    {back}
    return dict(dtype=y.dtype.name, name=name, shape=list(y.shape), data=base64.b85encode(y.tobytes()).decode())
results = []
for arguments, options, outs, updates in {calls}:
    arguments = [given(array(*a), named) for *a, named in arguments]
    if outs:
        outs = [given(np.empty(shape, dtype), named) for shape, dtype, named in outs]
        options['out'] = outs[0] if len(outs) == 1 else tuple(outs)
    y = kernel(*arguments, **options)
    y = options.get('out') if y is None else y
    y = list(y) if isinstance(y, (tuple, list)) else [] if y is None else [y]
    results.append([text(one) for one in (*y, *(arguments[i] for i in updates))])
if os.getpid() == own:
    with os.fdopen(printed, 'w') as file:
        json.dump(results, file)
os._exit(0)
"""


def plain_cases(judged: Sequence[Case], seed: int) -> list[Case]:
    """Some cases like those that were judged, among them the largest that can be written out, with other values."""
    shapes: dict[tuple[Any, ...], tuple[Case, Shape]] = {}
    for case in judged:
        size = sum(a.size for a in case.arrays.values())
        if all(a.size for a in case.arrays.values()) and size <= MOST_ENTRIES:
            shapes[tuple(case.shape.items())] = (case, case.shape)
    several = list(shapes.values())
    chosen = several[:: -max(1, len(several) // MOST)][:MOST]
    return [
        make_case(case.op, case.dtype, shape, TELLING[k % len(TELLING)], "contiguous", (seed, 5, k))
        for k, (case, shape) in enumerate(chosen)
    ]


def call_plainly(kernel: Kernel, cases: Sequence[Case], face: str, *, seconds: float) -> list[Run] | str:
    """What the kernel returned on each case, or why the script did not say.

    Raises:
        SandboxError: it cannot be confined.
    """
    confined = Confined(source(kernel, cases, face), memory=kernel.memory, walls=WALLS)
    nothing = os.open(os.devnull, os.O_RDONLY)
    reads, writes = os.pipe()
    try:
        process = confined.start(nothing, writes)
        os.close(writes)
        writes = -1
        with os.fdopen(reads, "rb") as lines:
            reads = -1
            printed, complaint = confined.heard(lines, LARGEST_ANSWER, seconds)
        if process.returncode:
            return f"a plain script that calls the kernel ended with {process.returncode}: {complaint}"
        return [run_of(results, face) for results in parsed(printed, len(cases))]
    except (ValueError, TypeError, KeyError) as error:
        return f"a plain script that calls the kernel gave no arrays ({error})"
    finally:
        for descriptor in (nothing, reads, writes):
            if descriptor >= 0:
                os.close(descriptor)
        confined.stop()


def source(kernel: Kernel, cases: Sequence[Case], face: str) -> str:
    """The script."""
    torch = face == "torch"
    return SCRIPT.format(
        torch="import torch" if torch else "", stem=os.path.splitext(os.path.basename(kernel.path))[0],
        path=kernel.path, folder=os.path.dirname(kernel.path), name=kernel.name,
        back=_BACK_FROM_TORCH if torch else _BACK, given=_TENSOR if torch else _ARRAY,
        calls="[" + ",\n".join(_call(kernel, case, torch) for case in cases) + "]",
    )  # fmt: skip


_ARRAY = "return held"
_TENSOR = "return torch.from_numpy(held).view(getattr(torch, named)) if named else torch.from_numpy(held)"
_BACK = "y = np.asarray(y); y = y.astype(y.dtype.newbyteorder('=')); name = y.dtype.name"
_BACK_FROM_TORCH = (
    "name = str(y.dtype).removeprefix('torch.'); "
    "y = (y.detach().float() if y.dtype == torch.bfloat16 else y.detach()).cpu().resolve_conj().resolve_neg().numpy()"
)


def _call(kernel: Kernel, case: Case, torch: bool) -> str:
    """A call's arguments, options, arrays to write into, and which arguments are overwritten, as source text."""
    arguments = []
    for array, dtype in zip(case.arrays.values(), case.dtypes, strict=True):
        bits = torch and carrier_of(dtype) != dtype
        values = (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.int16) if bits else array
        named = dtype if bits else ""
        arguments.append((base64.b85encode(values.tobytes()).decode(), values.dtype.name, values.shape, named))
    updates = [list(case.arrays).index(name) for name in case.op.updates]
    outs = []
    if kernel.takes_out:
        bits = torch and carrier_of(case.dtype) != case.dtype
        held, named = ("int16", case.dtype) if bits else (carrier_of(case.dtype), "")
        shapes = case.answer_shapes
        outs = [(shape, held, named) for shape in shapes[: len(shapes) - len(updates)]]
    return f"({arguments!r}, {dict(case.op.options(case.shape))!r}, {outs!r}, {updates!r})"


def parsed(printed: bytes, count: int) -> list[list[dict[str, Any]]]:
    """The results of every call.

    Raises:
        ValueError: that is not what was printed.
    """
    results = json.loads(printed)
    if not isinstance(results, list) or len(results) != count or not all(isinstance(one, list) for one in results):
        raise ValueError(f"results: expected a list for each of {count} calls, got something else")
    return results


def run_of(results: list[dict[str, Any]], face: str) -> Run:
    """The run that the results of one call tell of.

    Raises:
        ValueError: they are no arrays.
    """
    outputs, names = [], []
    for one in results:
        dtype, shape = described_array(one)
        data = base64.b85decode(one["data"])
        if len(data) != prod(shape) * dtype.itemsize or not isinstance(one.get("name"), str):
            raise ValueError(f"data: expected {prod(shape) * dtype.itemsize} bytes and a name, got {len(data)}")
        outputs.append(np.frombuffer(data, dtype).reshape(shape))
        names.append(one["name"])
    return Run(outputs=tuple(outputs), dtypes=tuple(names), face=face)
