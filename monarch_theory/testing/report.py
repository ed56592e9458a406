"""A verdict for people, for machines, as a picture, and as a script that shows the failure without this package."""

from __future__ import annotations

import base64
import inspect
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import ceil, isfinite
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from monarch_theory.formats import BFLOAT16, carrier_of, format_of, numpy_lacks
from monarch_theory.sandbox.confinement import Confinement
from monarch_theory.testing.cases import Case
from monarch_theory.testing.check import Report
from monarch_theory.testing.diagnose import Observation
from monarch_theory.testing.interpretation import BLIND_SPOTS
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.kernel_server import IN_PLACE_OF, SIDE_BY_SIDE, side_by_side
from monarch_theory.testing.timing import Timing

__all__ = ["as_dict", "as_text", "draw", "histogram", "script"]

EDGES = (-8.0, -4.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0, 8.0)


def histogram(ulps: np.ndarray) -> tuple[list[str], list[int]]:
    """Labels and counts of errors in ulps.

    >>> labels, counts = histogram(np.array([0.0, 0.3, -100.0]))
    >>> [(label, count) for label, count in zip(labels, counts) if count]
    [('     < -8', 1), ('-0.5 … 0.5', 2)]
    """
    edges = np.array([-np.inf, *EDGES, np.inf])
    counts = [int(((ulps >= a) & (ulps < b)).sum()) for a, b in pairwise(edges)]
    names = [f"{a:g} … {b:g}" for a, b in pairwise(EDGES)]
    return [f"     < {EDGES[0]:g}", *names, f"    >= {EDGES[-1]:g}"], counts


def as_text(report: Report) -> str:
    """The report for a terminal."""
    lines = [f"{report.kernel} · {report.op.name} · {report.dtype}"]
    coverage = report.coverage
    tail = f", {report.refused} more refused" if report.refused else ""
    tail += f", {coverage.untried} not tried" if coverage.untried else ""
    lines.append(f"verdict   {report.verdict.value}: {report.message}")
    lines.append(f"evidence  measured against the exact answer, {report.cases} cases{tail}, seed {report.seed}")
    if coverage.largest is not None:
        lines.append(f"          {coverage.elements} elements compared, the largest case {coverage.largest.describe()}")
    if report.verdict is Verdict.RIGHT:
        largest = ", ".join(f"{name} {size}" for name, size in report.largest_sizes.items())
        lines += [f"          sizes up to {largest}"] if largest else []
        for what, missed in zip(("whole tiles", "one more"), report.tiles_not_met, strict=True):
            lines.append(f"          sizes of {what}: of {_tiles(missed)}")
    if report.interpreted:
        lines.append(f"          run by {BLIND_SPOTS}")
    if report.device != "cpu":
        lines.append(f"          arguments on {report.device}, without a limit of memory")
    if report.untrusted:
        lines += _walls(report)
    lines.append(f"claim     {report.model.describe(report.op.claims)}")
    if report.worst is not None:
        worst = report.worst
        where = ", ".join(f"{name} {value}" for name, value in worst.element.items())
        where = f"{worst.output}, {where}" if len(report.outputs) > 1 else where
        lines.append(f"worst     error {worst.error:.3g} / bound {worst.bound:.3g} = {worst.ratio:.3g} at {where}")
        lines.append(f"          in {worst.case}")
        lines.append(
            f"bounds    worst case {report.deterministic_ratio:.3g} of the deterministic bound, "
            f"{report.probabilistic_ratio:.3g} of the probabilistic (failure {report.failure_probability:g} per case)"
        )
    if report.worst is not None:
        lines.append(f"sharpness {report.sharpness.describe()}")
    if len(report.outputs) > 1:
        parts = (f"{name} {ratio:.3g}{'' if ratio <= 1 else ' (wrong)'}" for name, ratio in report.outputs.items())
        lines.append(f"outputs   worst ratio of each: {', '.join(parts)}")
    if report.ulps.size:
        lines += ["", *_bars(report.ulps)]
    if report.timing is not None:
        lines += ["", *_times(report.timing)]
    if report.untimed:
        lines.append(f"time      not measured: {report.untimed}")
    if report.subnormals == "taken for zero":
        lines.append("note      it takes subnormal arguments for zero, which the bounds allow")
    if not report.reproducible:
        within = "" if report.failure else ", but always within bounds"
        lines.append(f"note      not the same bits on every run{within}")
    if report.failure is not None:
        failure = report.failure
        lines += ["", f"cause     {failure.cause.name}: {failure.cause.detail}"]
        lines.append(f"smallest  {failure.smallest.case.describe()}")
        if failure.reproduced is False:
            lines.append("script    it was run and did not fail: what goes wrong depends on more than this one case")
        if report.verdict is Verdict.EXCEPTION:
            lines.append("          (for shapes the kernel does not take, let it raise NotImplementedError,")
            lines.append("          or narrow the cases with --order, --square or --powers-of-two)")
    return "\n".join(lines)


def _tiles(not_met: Mapping[str, tuple[int, ...]]) -> str:
    """Of which lengths some case had whole tiles, and of which none.

    >>> _tiles({"batch": (96,), "n": (96,), "radices[0]": (40, 56, 72, 80, 88, 96, 104)})
    'every multiple of 8 up to 128 and of 16 up to 256, but for 96 in batch, n; 40, 56, 72, 80 and 3 more in radices[0]'
    """
    every = "every multiple of 8 up to 128 and of 16 up to 256"
    axes: dict[tuple[int, ...], list[str]] = {}
    for axis, tiles in not_met.items():
        axes.setdefault(tiles, []).append(axis)
    parts = (f"{_some(tiles)} in {', '.join(names)}" for tiles, names in axes.items())
    return f"{every}, but for {'; '.join(parts)}" if axes else every


def _some(tiles: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, tiles[:SHOWN]))
    return f"{shown} and {len(tiles) - SHOWN} more" if len(tiles) > SHOWN else shown


SHOWN = 4
"""Tiles that are listed in one line; all are in what machines read."""


def _times(timing: Timing) -> list[str]:
    """One line for each size, from small to large: median, and where four calls of five lay."""
    load = " → ".join(f"{one:.2g}" for one in timing.load)
    measured = {
        "the call": "from the call until a copy of the answer lies there",
        "the request": "of whole requests, by the judge's clock",
    }[timing.clock]
    lines = [
        f"time      {measured}; load {load} on {timing.cores} cores",
        f"          limit: copying what must be read and written; NumPy multiplies at {timing.gemm / 1e9:.3g} GFLOP/s",
    ]
    for row in timing.rows:
        low, high = row.kernel.spread
        line = f"{_seconds(row.kernel.median):>11} ({_seconds(low)} … {_seconds(high)})"
        if row.peer is not None:
            line += f", peer {_seconds(row.peer.median)} ({row.peer.median / max(row.kernel.median, 1e-9):.3g}×)"
        share = row.limit.median / max(row.kernel.median, row.limit.median, 1e-9)
        lines.append(f"{line}, limit {_seconds(row.limit.median)} ({share:.0%} of it reached): {row.case}")
    return lines


def _seconds(value: float) -> str:
    """In a unit that suits it.

    >>> _seconds(0.00123), _seconds(2.5e-6)
    ('1.23 ms', '2.5 µs')
    """
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if value >= s), ("µs", 1e-6))
    return f"{value / size:.3g} {unit}"


def _walls(report: Report) -> list[str]:
    """What a kernel that is not trusted was kept from, and what not."""
    known = "drawn for this check, unknown to the kernel" if report.secret else "given, so that it may be known"
    lines = [f"untrusted the seed was {known}"]
    if report.confinement is None:
        return [*lines, "          nothing was confined"]
    kept = (f"{what} ({', '.join(walls)})" for what, walls in report.confinement.confined().items())
    lines.append(f"          kept from {'; '.join(kept)}")
    open_to = [f"{what} ({why})" for what, why in report.confinement.unconfined().items()]
    return [*lines, f"          not kept from {'; '.join(open_to)}"] if open_to else lines


def _bars(ulps: np.ndarray) -> list[str]:
    labels, counts = histogram(ulps)
    top = max(counts)
    lines = [f"error in ulps of the result, {ulps.size} elements"]
    for label, count in zip(labels, counts, strict=True):
        bar = "█" * round(40 * count / top) or ("▏" if count else "")
        lines.append(f"{label:>11} │{bar} {count or ''}".rstrip())
    return lines


def as_dict(report: Report) -> dict[str, Any]:
    """The report for machines; JSON types only."""
    labels, counts = histogram(report.ulps)
    failure = report.failure
    return {
        "verdict": report.verdict.value,
        "message": report.message,
        "evidence": "measured",
        "kernel": report.kernel,
        "op": report.op.name,
        "dtype": report.dtype,
        "device": report.device,
        "cases": report.cases,
        "refused": report.refused,
        "coverage": {
            "elements_compared": report.coverage.elements, "elements_without_a_bound": report.coverage.unbounded,
            "share_compared": report.coverage.share, "cases_not_tried": report.coverage.untried,
            "largest": report.coverage.largest.describe() if report.coverage.largest is not None else None,
            "largest_sizes": dict(report.largest_sizes),
            "tiles_not_met": [{axis: list(t) for axis, t in missed.items()} for missed in report.tiles_not_met],
        },
        "worst": None if report.worst is None else {
            "error": _number(report.worst.error), "bound": _number(report.worst.bound),
            "ratio": _number(report.worst.ratio), "output": report.worst.output, "element": report.worst.element,
            "case": report.worst.case,
        },
        "outputs": {name: _number(ratio) for name, ratio in report.outputs.items()},
        "bound": {
            "held_to": report.bound, "claim": report.model.describe(report.op.claims),
            "deterministic_ratio": _number(report.deterministic_ratio),
            "probabilistic_ratio": _number(report.probabilistic_ratio),
            "failure_probability": report.failure_probability,
        },
        "sharpness": report.sharpness.as_dict(),
        "ulps": dict(zip((label.strip() for label in labels), counts, strict=True)),
        "interpreted": report.interpreted,
        "subnormals": report.subnormals,
        "bitwise_reproducible": report.reproducible,
        "failure": None if failure is None else {
            "message": failure.message, "cause": failure.cause.name, "detail": failure.cause.detail,
            "shape": dict(failure.smallest.case.shape), "family": failure.smallest.case.family,
            "layout": failure.smallest.case.layout, "reproduced": failure.reproduced, "script": script(report),
        },
        "untrusted": None if not report.untrusted else {
            "secret_seed": report.secret, **(report.confinement or Confinement()).as_dict(),
        },
        "time": report.timing.as_dict() if report.timing is not None else None,
        "seed": report.seed,
        "seconds": round(report.seconds, 3),
    }  # fmt: skip


def _number(value: float) -> float | str:
    return value if isfinite(value) else str(value)


def draw(report: Report, path: str | Path) -> None:
    """The ulp histogram as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    labels, counts = histogram(report.ulps)
    figure, axes = pyplot.subplots(figsize=(7, 3.5), layout="constrained")
    axes.bar(range(len(counts)), counts)
    axes.set_xticks(range(len(counts)), [label.strip() for label in labels], rotation=45, ha="right")
    axes.set(yscale="symlog", xlabel="error in ulps of the result", ylabel="elements")
    axes.set_title(f"{report.op.name}, {report.dtype}: {report.verdict.value}")
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def script(report: Report) -> str:
    """A Python script that calls the kernel on the smallest failing case; it needs only NumPy and what the kernel does.

    It exits with 1, or ends as the kernel ends it, as long as the kernel fails; where it was run and did not fail, it
    says so, and exits with 2.
    """
    if report.failure is None:
        return ""
    seen, missed = report.failure.smallest, report.failure.reproduced is False and report.verdict is not Verdict.CRASH
    case, torch = seen.case, seen.run.face == "torch"
    path, _, name = report.kernel.rpartition(":")
    layouts = [IN_PLACE_OF.get((seen.run.face, layout), layout) for layout in case.layouts]
    lines = [
        f'"""{report.verdict.value}: {name} as {case.op.name}, {case.dtype}; {report.failure.cause.name}.',
        "",
        f"{case.op.signature}",
        f'{UNREPRODUCED if missed else "Exits with 1 while the kernel is wrong."}"""',
        "import importlib.util, sys",
        "import numpy as np",
        "from numpy import inf, nan",
        *(["import torch"] if torch else []),
        *(_UNPACKED.strip().splitlines() if _is_long(seen) or report.failure.way == "after a larger call" else []),
        *_guards(report),
    ]
    if report.verdict is Verdict.UNWRITTEN:
        lines += _POISON.strip().splitlines()
        lines += _POISON_TORCH.strip().splitlines() if torch else []
    lines += [
        f"spec = importlib.util.spec_from_file_location('kernel', {os.path.abspath(path)!r})",
        f"sys.path.append({os.path.dirname(os.path.abspath(path))!r})",
        "module = importlib.util.module_from_spec(spec)",
        "sys.modules['kernel'] = module",
        "spec.loader.exec_module(module)",
        f"kernel = module.{name}",
        "kernel = kernel() if isinstance(kernel, type) else kernel",
        *(_HELD_AS_BITS if torch and numpy_lacks(case.dtype) else _HELD).strip().splitlines(),
        *(_TENSOR.strip().splitlines() if torch else []),
        *(line for layout in dict.fromkeys(layouts) for line in _LAYOUT[layout].strip().splitlines()),
    ]
    lines.append("arguments = {")
    for (argument, values), layout in zip(case.arrays.items(), layouts, strict=True):
        lines.append(f"    {argument!r}: {layout}({_held(case, argument, values)}),")
    lines.append("}")
    lines += _neighbours(case.arrays, layouts)
    plainly = [name for name, layout in zip(case.arrays, layouts, strict=True) if layout in PLAIN]
    lines.append(f"plainly = {plainly!r}")
    lines.append(f"options = {dict(case.op.options(case.shape))!r}")
    lines += _ask(seen, report.device).strip().splitlines()
    if report.failure.way == "after another call" and report.verdict is not Verdict.STALE:
        lines.append(f"dtype = {next(iter(case.arrays.values())).dtype.name!r}")
        lines += _OTHER_DATA.strip().splitlines()
        lines += [] if report.verdict is Verdict.UNSTABLE else ["on_other_data()"]
    if report.failure.way == "after a larger call" and report.failure.before is not None:
        lines += _larger_call(report.failure.before)
    lines.append("computed, modified, returned = run()")
    lines += _expectation(seen, report.verdict, report.failure.way)
    if missed:
        lines[-1:] = ["if not wrong:", f"    print({UNREPRODUCED!r})", "sys.exit(1 if wrong else 2)"]
    return "\n".join(lines) + "\n"


UNREPRODUCED = "Not reproduced by this script: what goes wrong depends on more than this one case."
"""Said by a script that was run, and did not fail."""

PLAIN = ("contiguous", "recorded", "shared", "conjugated")
"""Layouts of arrays that a copy has as well."""


def _guards(report: Report) -> list[str]:
    """What ends a kernel that would not end, or that would take the script or the machine with it."""
    if report.verdict is Verdict.CRASH:
        return _SURVIVOR.strip().splitlines()
    if report.verdict is Verdict.HANG:
        return [f"import signal; signal.alarm({ceil(report.timeout)})  # seconds"]
    if report.verdict is Verdict.OUT_OF_MEMORY and report.memory:
        size = int(report.memory * 2**30)
        return [f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({size}, {size}))  # bytes"]
    return []


def _neighbours(names: Iterable[str], layouts: Sequence[str]) -> list[str]:
    """Put the arguments that lie side by side into one buffer."""
    there = {name: layout for name, layout in zip(names, layouts, strict=True) if layout in SIDE_BY_SIDE}
    if not there:
        return []
    axis, taken = SIDE_BY_SIDE[next(iter(there.values()))], f"[arguments[n] for n in {list(there)!r}]"
    return [
        *inspect.getsource(side_by_side).strip().splitlines(),
        f"arguments.update(zip({list(there)!r}, side_by_side({taken}, {axis})[0]))",
    ]


LONG = 4096
"""Entries up to which an array is written out number by number."""


def _is_long(seen: Observation) -> bool:
    arrays = [*seen.case.arrays.values(), seen.expected.truth.high]
    return max(a.size for a in arrays) > LONG


def _literal(values: np.ndarray) -> str:
    if values.size > LONG:
        packed = base64.b85encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode()
        return f"unpacked({packed!r}, {values.dtype.name!r}, {values.shape!r})"
    return f"np.array({values.reshape(-1).tolist()!r}, {values.dtype.name!r}).reshape({values.shape!r})"


_HELD = """
padding = nan
def held(a): return a
def negated(a): return -a
"""

_HELD_AS_BITS = f"""
padding = 0x{BFLOAT16.padding:X}
def held(a): return (a.view(np.uint32) >> 16).astype(np.uint16).view(np.int16)  # the bits of bfloat16
def negated(a): return a ^ np.int16(-0x8000)
"""

_UNPACKED = """
import base64, zlib
def unpacked(text, dtype, shape):
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype).reshape(shape).copy()
"""

_OTHER_DATA = """
def on_other_data():  # other values of the same shapes: of all arguments, of the parameters, of the data
    kept = dict(arguments)
    data, *others = kept
    for changed in (kept, others, [data]):
        for name in changed:
            arguments[name] = held((1 + np.arange(kept[name].size) % 5).reshape(kept[name].shape).astype(dtype))
        run()
        arguments.update(kept)
"""

_IN_PLACE = """
def other_data_in_place():  # the kernel is given the same arrays twice, of which the first is negated in between
    given, name = [given_as(a) for a in arguments.values()], next(iter(arguments))
    kernel(*given, **options)
    arguments[name][...] = negated(arguments[name])
    r = kernel(*given, **options)
    r = options.get('out') if r is None else r
    return [plain(o) for o in (list(r) if isinstance(r, (tuple, list)) else [r])]
"""

_SURVIVOR = """
import os
child = os.fork()  # which calls the kernel, and exits with 42 if it still can
if child:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print('the process that called the kernel ended with', status)
    sys.exit(int(status != 42))
"""

_POISON = """
def poisoning(allocate, fill): return lambda *a, **k: fill(allocate(*a, **k))
def filled(a): a[...] = nan; return a
np.empty, np.empty_like = poisoning(np.empty, filled), poisoning(np.empty_like, filled)
"""

_POISON_TORCH = """
for owner, names in ((torch, ("empty", "empty_like", "empty_strided")), (torch.Tensor, ("new_empty",))):
    for name in names:
        setattr(owner, name, poisoning(getattr(owner, name), lambda tensor: tensor.fill_(nan)))
"""

_LAYOUT = {
    "contiguous": "def contiguous(a): return a",
    "recorded": "def recorded(a): return a",
    "shared": "def shared(a): return a  # the kernel is given one array in place of several",
    "packed": "def packed(a): return a  # it becomes a part of one buffer",
    "stacked": "def stacked(a): return a  # it becomes a part of one buffer",
    "conjugated": "def conjugated(a): return a.conj()  # a tensor whose bit says that its memory holds the conjugates",
    "transposed": "def transposed(a): return np.asfortranarray(a)",
    "strided": """
def strided(a):  # every other element of a buffer
    buffer = np.full((*a.shape[:-1], 2 * a.shape[-1]), padding, a.dtype)
    buffer[..., ::2] = a
    return buffer[..., ::2]
""",
    "sliced": """
def sliced(a):  # rows of a wider buffer, of more rows where there are matrices
    wider = (*a.shape[:1], *(size + 1 for size in a.shape[1:-1]), 2 * a.shape[-1])[-a.ndim :]
    view = np.full(wider, padding, a.dtype)[tuple(slice(size) for size in a.shape)]
    view[...] = a
    return view
""",
    "reversed": """
def reversed(a):  # backwards in memory, along every axis
    backwards = (slice(None, None, -1),) * a.ndim
    return a[backwards].copy()[backwards]
""",
    "misaligned": """
def misaligned(a):  # one element after a cache line begins
    buffer = np.full(a.size + 128 // a.itemsize, padding, a.dtype)
    first = -(buffer.ctypes.data // a.itemsize) % (64 // a.itemsize) + 1
    buffer[first : first + a.size] = a.reshape(-1)
    return buffer[first : first + a.size].reshape(a.shape)
""",
    "expanded": """
def expanded(a):  # one batch row repeated, with stride zero
    same = len(a) > 1 and all((row == a[0]).all() for row in a)
    return np.lib.stride_tricks.as_strided(a, a.shape, (0, *a.strides[1:])) if same else a
""",
}  # fmt: skip


_TENSOR = """
def tensor(a):  # whose storage begins where the memory does that it lies in
    whole = a.base if isinstance(a.base, np.ndarray) and a.base.ndim == 1 and a.base.dtype == a.dtype and a.size else a
    first = (a.ctypes.data - whole.ctypes.data) // a.itemsize
    return torch.from_numpy(whole).as_strided(a.shape, [s // a.itemsize for s in a.strides], first)
"""


_ON_DEVICE = """
def on_device(t, lead):  # with the strides it has, and its distance from a cache line
    whole = t.as_strided((1 + sum((s - 1) * d for s, d in zip(t.shape, t.stride())),), (1,)) if t.numel() else t
    whole = torch.cat([whole.new_zeros(lead), whole.reshape(-1)]).to(DEVICE)
    return whole.as_strided(t.shape, t.stride(), lead)
"""


def _held(case: Case, argument: str, values: np.ndarray) -> str:
    """An argument as a script has it: in bits, where it is in the dtype of the case and NumPy has none."""
    own = "held" if case.op.dtypes_of([argument], case.dtype) == (case.dtype,) else ""
    return f"{own}({_literal(values)})"


def _larger_call(before: Case) -> list[str]:
    """Lines that call the kernel on the case before, and leave arguments and options as they were."""
    lines = ["kept = dict(arguments), dict(options)", "arguments.update({  # of a larger call before"]
    for name, values in before.arrays.items():
        lines.append(f"    {name!r}: {_held(before, name, values)},")
    lines += ["})", f"options.update({dict(before.op.options(before.shape))!r})", "run()"]
    return [*lines, "arguments.update(kept[0])", "options.update(kept[1])"]


def _ask(seen: Observation, device: str) -> str:
    carried, torch = carrier_of(seen.case.dtype) != seen.case.dtype, seen.run.face == "torch"
    to_face = "tensor(a)" if torch else "a"
    if torch and carried:
        to_face += f".view(torch.{seen.case.dtype} if a.dtype == np.int16 else torch.from_numpy(a).dtype)"
    plain = f"r.detach().cpu().resolve_conj().resolve_neg(){'.float()' if carried else ''}.numpy().copy()"
    back = plain if torch else "np.array(r)"
    updates = list(seen.case.op.updates)
    shapes = [one.truth.high.shape for one in seen.references][: len(seen.references) - len(updates)]
    dtype = carrier_of(seen.case.dtype)
    out = f"""
    options['out'] = tuple(given_as(held(np.full(shape, nan, {dtype!r}))) for shape in {shapes!r})
    options['out'] = options['out'][0] if len(options['out']) == 1 else options['out']
    """
    call = f"""
    def run():
        given = [given_as(a.copy() if n in plainly else a) for n, a in arguments.items()]
        RECORD
        before = [plain(g) for g in given]
        r = kernel(*given, **options)
        r = options.get('out') if {"True" if seen.run.unfilled else "r is None"} else r
        after = [plain(g) for g in given]
        modified = [n for n, b, a in zip(arguments, before, after) if not np.array_equal(b, a, equal_nan=True)]
        VERSIONS
        returned = list(r) if isinstance(r, (tuple, list)) else [r]
        UPDATES
        return [plain(o) for o in returned], modified, returned
    """
    written = f"""returned += [g for n, g in zip(arguments, given) if n in {updates!r}]  # which the kernel overwrites
        modified = [n for n in modified if n not in {updates!r}]"""
    shared, recorded, conjugated = (
        [name for name, one in zip(seen.case.arrays, seen.case.layouts, strict=True) if one == layout]
        for layout in ("shared", "recorded", "conjugated")
    )
    if conjugated and torch:
        with_bits = f"given = [g.conj() if n in {conjugated!r} else g for n, g in zip(arguments, given)]"
        call = call.replace("        before =", f"        {with_bits}\n        before =")
    if shared:
        one_array = f"given = [given[0] if n in {shared!r} else g for n, g in zip(arguments, given)]"
        call = call.replace("        before =", f"        {one_array}\n        before =")
    # indices have no gradient
    recorded = [name for name in recorded if torch and seen.case.arrays[name].dtype.kind in "fc"]
    record = f"[g.requires_grad_() for n, g in zip(arguments, given) if n in {recorded!r}]"
    call = call.replace("RECORD", record) if recorded else call.replace("        RECORD\n", "")
    versions = "modified += [n for n, g in zip(arguments, given) if n not in modified and g._version > versions[n]]"
    if torch and seen.run.modified:
        # torch counts what is written to a tensor, and put back
        call = call.replace("VERSIONS", versions)
        call = call.replace(
            "        r = kernel",
            "        versions = {n: g._version for n, g in zip(arguments, given)}\n        r = kernel",
        )
    call = call.replace("        VERSIONS\n", "")
    call = call.replace("UPDATES", written) if updates else call.replace("        UPDATES\n", "")
    there = ""
    if torch and device != "cpu":
        to_face = f"on_device({to_face}, a.ctypes.data % 64 // a.itemsize)"
        there = _ON_DEVICE.replace("DEVICE", repr(device))
    ways = f"""
    def given_as(a): return {to_face}
    def plain(r): return {back}
    """
    return "".join(dedent(part) for part in (there, ways, out if seen.run.takes_out else "", call))


def _expectation(seen: Observation, verdict: Verdict, way: str) -> list[str]:
    """The end of the script: what is expected, whether what came is wrong, and what is said of it."""
    if verdict is Verdict.CRASH:
        return ["os._exit(42)"]
    truth = seen.expected.truth.high
    lines = [f"expected = {_literal(truth)}", f"bound = {_literal(np.broadcast_to(seen.expected.bound, truth.shape))}"]
    if verdict is Verdict.STALE:
        lines += _changed_later(MANY if way == "many times" else 4)
    elif verdict is Verdict.WRONG_DTYPE:
        lines += _of_another_dtype(seen)
    elif verdict is Verdict.NOT_AN_ARRAY:
        lines += _no_arrays(len(seen.references))
    elif verdict is Verdict.UNSTABLE:
        lines += _lines(_OTHER_AFTER_ANOTHER_CALL if way == "after another call" else _OTHER_IN_MANY_RUNS)
    elif verdict is Verdict.BIASED:
        lines += _leaning(seen)
    else:
        lines += _beyond_bounds(seen, verdict is Verdict.REMEMBERED, MANY if way == "many times" else 1)
    return [*lines, "sys.exit(int(wrong))"]


MANY = 200
"""How often the script calls a kernel whose fault shows now and then."""


def _lines(text: str) -> list[str]:
    return dedent(text).strip().splitlines()


def _changed_later(calls: int) -> list[str]:
    return _lines(f"""
        name = next(iter(arguments))
        arguments[name] = negated(arguments[name])
        for _ in range({calls}):
            run()
        same = [np.array_equal(plain(r), c, equal_nan=True) for r, c in zip(returned, computed)]
        wrong = not all(same)
        print('the first result changed when the kernel was called again:', wrong)
    """)


def _of_another_dtype(seen: Observation) -> list[str]:
    """A tensor of a dtype that NumPy lacks is looked at in its carrier, and the carrier in its place is wrong."""
    got = f"str(returned[{seen.judgement.output}].dtype).removeprefix('torch.')"
    due = seen.case.dtype if seen.run.face == "torch" else carrier_of(seen.case.dtype)
    return _lines(f"""
        wrong = {got} != {due!r}
        print('dtype', {got}, 'expected', {due!r})
    """)


def _no_arrays(due: int) -> list[str]:
    return _lines(f"""
        numbers = [hasattr(r, 'dtype') and getattr(r.dtype, 'kind', 'f') in 'biufc' for r in returned]
        wrong = len(returned) != {due} or not all(numbers)
        print('returned', [type(r).__name__ for r in returned], 'expected', {due})
    """)


_OTHER_AFTER_ANOTHER_CALL = """
on_other_data()
again = run()[0]
wrong = not all(np.array_equal(a, c, equal_nan=True) for a, c in zip(again, computed))
print('after a call on other data the same arguments give another result:', wrong)
"""

_OTHER_IN_MANY_RUNS = f"""
results = [b''.join(c.tobytes() for c in run()[0]) for _ in range({MANY})]
wrong = len(set(results)) > 1
print(len(set(results)), 'different results in {MANY} runs')
"""


def _leaning(seen: Observation) -> list[str]:
    """Errors that lean to one side, in units in the last place, where the bound is below one."""
    return _lines(f"""
        computed = computed[{seen.judgement.output}]
        ulp = np.ldexp(1.0, np.frexp(np.abs(expected))[1] - {format_of(seen.case.dtype).precision})
        lean = ((computed - expected) * np.sign(expected) / ulp)[(expected != 0) & (bound < ulp)]
        wrong = len(lean) < 20 or abs(lean.mean()) > 6.6 * np.sqrt((lean ** 2).sum()) / len(lean)
        print(len(lean), 'results are off by', lean.mean(), 'ulp in the mean; below zero is toward zero')
    """)


def _beyond_bounds(seen: Observation, remembered: bool, calls: int) -> list[str]:
    """Errors beyond their bound, numbers where NaN is due, infinities of another sign, arguments that were changed."""
    shape, norm, position = seen.expected.truth.high.shape, seen.expected.norm, seen.judgement.output
    reached, sign = (np.broadcast_to(a, shape) for a in (seen.expected.must_not_be_finite, seen.expected.sign))
    lines = [
        f"reached = {_literal(reached.copy())}  # by a NaN or an infinity",
        f"sign = {_literal(sign.astype(float))}  # of an infinity",
    ]
    row = ""
    if norm is not None:
        lines.append(f"norm = {_literal(norm.bound)}  # of the errors of a row, weighted")
        lines.append(f"weights = {_literal(np.broadcast_to(norm.weights, shape))}")
        row = "wrong = wrong or bool(np.any(np.sqrt(((weights * error) ** 2).sum(-1)) > norm))"
    lines += _lines(_IN_PLACE) if remembered else []
    return lines + _lines(f"""
        np.set_printoptions(threshold=60)
        for call in range({calls}):
            if call:
                computed, modified, returned = run()
            {"computed = other_data_in_place()" if remembered else ""}
            computed = computed[{position}]{f"  # {seen.output.name}" if len(seen.references) > 1 else ""}
            if computed.shape != expected.shape:
                print('shape', computed.shape, 'expected', expected.shape)
                sys.exit(1)
            with np.errstate(all='ignore'):
                error = abs(computed.astype(expected.dtype) - expected)
                wrong = bool(modified) or not bool(np.all((error <= bound) | np.isinf(bound)))
            wrong = wrong or bool(np.isfinite(computed[reached]).any())
            wrong = wrong or bool((np.isinf(computed) & (sign != 0) & (np.sign(computed.real) != sign)).any())
            {row}
            if wrong:
                break
        print('modified arguments:', modified or 'none')
        print('computed', computed, 'expected', expected, 'error', error, 'bound', bound, sep='\\n')
    """)
