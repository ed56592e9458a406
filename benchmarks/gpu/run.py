"""Everything that needs a GPU, in one command of at most eight minutes.

    python benchmarks/gpu/run.py [--seconds 480] [--parts tests,verdicts,sanitizer,speed] [--out FILE.json]

Four parts, each with its share of the time: the tests marked `gpu`; the verdict of `monarch check` on every backend's
operators in float32, TF32, bf16 and fp16, and on kernels that are wrong on a GPU; compute-sanitizer, where it is
installed, over the kernels of CuPy and Triton; times of the Monarch product, the FFT convolution and M2-BERT beside
torch's dense product, torch.fft and attention, n = 512 … 32768. The file is written after every part, so that a run cut
short leaves what it measured; what did not run says why.

A machine that has Python, torch and a GPU needs beside them what pyproject.toml names as dependencies (python-flint is
the one that such machines lack), pytest, pytest-xdist and safetensors, and triton and cupy for their parts; torch may
be any version from 2.6. Nothing is installed here; where this package is not, its own commands are found all the same.
Without a GPU the same parts run on the processor with `--device cpu --largest 1024`, which tests this script and
measures nothing of interest.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULT = HERE.parent / "results" / "gpu.json"

SHARES = {"tests": 0.2, "verdicts": 0.35, "sanitizer": 0.1, "speed": 0.35}
"""Which part of the seconds each part may take at most; what one leaves is there for the next."""

VERDICTS = [
    *(("Torch", "on_torch.py:torch_multiply", "monarch-multiply", d, "exact") for d in ("fp32", "bf16", "fp16")),
    ("Torch", "on_torch.py:torch_multiply_tf32", "monarch-multiply", "fp32", "tf32"),
    ("Torch", "on_torch.py:torch_dft", "monarch-dft", "complex64", "exact"),
    *(("Torch", "on_torch.py:torch_convolution", "long-convolution", d, "exact") for d in ("fp32", "bf16", "fp16")),
    *(("Torch", "on_torch.py:torch_causal", "causal-monarch", d, "exact") for d in ("fp32", "bf16", "fp16")),
    *(("Triton", "on_torch.py:triton_multiply", "monarch-multiply", d, "exact") for d in ("bf16", "fp16")),
    ("Triton", "on_torch.py:triton_multiply", "monarch-multiply", "fp32", "exact"),
    *(("Triton", "on_torch.py:triton_convolution", "long-convolution", d, "exact") for d in ("fp32", "fp16")),
    ("Triton", "on_torch.py:triton_convolution", "long-convolution", "bf16", "exact"),
    *(("CuPy", "on_cupy.py:multiply", "monarch-multiply", d, "exact") for d in ("fp32", "fp16")),
    ("CuPy", "on_cupy.py:dft", "monarch-dft", "complex64", "exact"),
    *(("CuPy", "on_cupy.py:convolution", "long-convolution", d, "exact") for d in ("fp32", "fp16")),
    *(("CuPy", "on_cupy.py:causal", "causal-monarch", d, "exact") for d in ("fp32", "fp16")),
]
"""Backend, kernel, op, dtype, and how the operands of its products are rounded."""

FAULTS = {
    "right": 0, "triton_right": 0, "operands_in_tf32": 1, "out_of_range": 1, "partly_written": 1, "by_address": 1,
    "strides_ignored": 1,
}  # fmt: skip
"""The exit code that is due for each kernel of wrong.py, as a block-diagonal product in float32."""

CLAIMS = {("Triton", "long-convolution", "bf16"): ("--intermediate", "bf16")}
"""What a backend documents of its arithmetic beside the dtype. The bound of spectra in bf16 exceeds the answer from
rows of about ten entries on, and longer ones are undecided: the message says up to which `--max-size` it decides."""


def spawn(command: list[str], seconds: float) -> tuple[int | None, str, str]:
    """Exit code, None past the time, and what the command wrote on stdout and stderr; several run side by side."""
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(seconds, 1), cwd=ROOT, env=alone)
    except subprocess.TimeoutExpired:
        return None, "", ""
    return done.returncode, done.stdout, done.stderr


def ended(text: str) -> str:
    """The end of what was written, where the error stands."""
    return text.strip()[-600:]


def tests(device: str, largest: int, seconds: float) -> dict[str, Any]:
    """How many tests marked `gpu` passed, failed and were skipped."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "junit.xml"
        workers = str(min(6, os.cpu_count() or 1))  # each has a context of its own on the device
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", f"--junitxml={file}", "-n", workers, "tests/gpu"]
        code, _, said = spawn(command, seconds)
        if not file.exists():
            why = "no result within its time" if code is None else f"pytest did not run: {ended(said)}"
            return {"exit code": code, "not run": why}
        suite = ElementTree.parse(file).getroot().find("testsuite")
        assert suite is not None
        counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        failures = ((case.get("name"), case.find("failure")) for case in suite.iter("testcase"))
        failed = {name: ended(str(failure.text)) for name, failure in failures if failure is not None}
        reasons = sorted({str(skip.get("message")) for skip in suite.iter("skipped")})
    return {"exit code": code, **counts, "failed": failed, "skipped because": reasons}


def rows_on(device: str) -> list[tuple[str, str, str, str, str]]:
    """The rows of `VERDICTS` that are asked; where Triton is interpreted each of its kernels is asked once.

    Its other formats there are held to the reference by `tests/gpu/ops/test_triton.py`.
    """
    kernels = [kernel for _, kernel, *_ in VERDICTS]
    once = [row for i, row in enumerate(VERDICTS) if row[0] != "Triton" or row[1] not in kernels[:i]]
    return VERDICTS if device == "cuda" else once


CASES = {"cuda": 60, "cpu": 16}
"""Of each check; on the processor, where Triton's kernels are interpreted, no more than tell that this script works."""


def verdicts(device: str, largest: int, seconds: float) -> dict[str, Any]:
    """`monarch check` of every backend's operators, a few at a time."""
    end, cases = time.monotonic() + seconds, CASES["cuda" if device == "cuda" else "cpu"]

    def ask(row: tuple[str, str, str, str, str]) -> dict[str, Any]:
        backend, kernel, op, dtype, operands = row
        named = {"backend": backend, "op": op, "dtype": dtype, "operands": operands}
        if backend == "CuPy" and importlib.util.find_spec("cupy") is None:
            return {**named, "not run": "cupy is not installed"}
        if backend == "Triton" and importlib.util.find_spec("triton") is None:
            return {**named, "not run": "triton is not installed"}
        settings = ["--op", op, "--dtype", dtype, "--operands", operands, "--max-size", str(largest)]
        # CuPy's operators are given NumPy's arrays, and put them on the device themselves
        settings += ["--memory", "0"] if backend == "CuPy" else ["--device", device]
        return named | asked(kernel, [*settings, *CLAIMS.get((backend, op, dtype), ())])

    def asked(kernel: str, settings: list[str]) -> dict[str, Any]:
        command = [sys.executable, "-m", "monarch_theory.command", "check", str(HERE / kernel), *settings]
        start = time.monotonic()
        code, written, said = spawn([*command, "--cases", str(cases), "--timeout", "60", "--json"], end - start)
        if code is None:
            return {"not run": "no answer within its time"}
        try:
            answer = json.loads(written)
        except ValueError:
            return {"not run": f"exit code {code}: {ended(said)}"}
        kept = ("exit_code", "verdict", "cases", *(("message",) if answer["exit_code"] else ()))
        found = {key: answer[key] for key in kept if key in answer}
        found |= {"error ÷ bound": (answer.get("worst") or {}).get("ratio"), "seconds": time.monotonic() - start}
        failure = answer.get("failure") or {}
        return found | {key: failure[key] for key in ("cause", "reproduced") if key in failure}

    def ask_fault(name: str) -> dict[str, Any]:
        settings = ["--op", "block-diagonal-multiply", "--dtype", "fp32", "--device", device]
        return {"kernel": name, "expected": FAULTS[name], **asked(f"wrong.py:{name}", settings)}

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2)) as pool:
        rows, faults = pool.map(ask, rows_on(device)), pool.map(ask_fault, FAULTS)
        return {"rows": list(rows), "faults": list(faults)}


SANITIZED = {
    "CuPy": """
import numpy as np
from benchmarks.gpu import on_cupy as k
r = np.random.default_rng(0)
f = lambda *s: r.standard_normal(s).astype("float32")
k.multiply(f(3, 120), f(12, 7, 10), f(7, 5, 12))
k.convolution(f(2, 3, 100), f(3, 100))
""",
    "Triton": """
import torch
from monarch_gpu.ops import triton as k
f = lambda *s: torch.randn(s, device="cuda")
k.monarch_multiply(f(3, 120), f(12, 7, 10), f(7, 5, 12))
k.long_convolution(f(2, 3, 100), f(3, 100))
torch.cuda.synchronize()
""",
}
"""What is run under compute-sanitizer."""


def sanitizer(device: str, largest: int, seconds: float) -> dict[str, Any]:
    """What compute-sanitizer's tools say of one fused product and one fused convolution of each backend."""
    program = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if program is None:
        return {"not run": "compute-sanitizer is not installed"}
    end = time.monotonic() + seconds

    def ask(row: tuple[str, str]) -> tuple[str, str]:
        (backend, tool), script = row, SANITIZED[row[0]]
        command = [program, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", script]
        code, written, said = spawn(command, end - time.monotonic())
        otherwise = f"exit code {code}: {ended(written + said)}"
        return f"{backend}, {tool}", {None: "no answer within its time", 0: "clean"}.get(code, otherwise)

    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(ask, product(SANITIZED, ("memcheck", "racecheck", "synccheck", "initcheck"))))


def speed(device: str, largest: int, seconds: float) -> dict[str, Any]:
    """The tables of `speed.py`, from small to large until the time is up."""
    from benchmarks.gpu.speed import DTYPES, TABLES, bert_row, limits, milliseconds

    end, real = time.monotonic() + seconds, device == "cuda"
    sizes = [n for n in (512 << i for i in range(7)) if n <= largest]
    each, each_model = (0.1, 0.5) if real else (0.01, 0.01)
    found: dict[str, Any] = {"limits": limits(device, 8192 if real else 512), "bert": []}
    for name, candidates in TABLES.items():
        found[name] = []
        for dtype, number in DTYPES.items():
            for n in sizes:
                if time.monotonic() > end:
                    return {**found, "cut short": f"the time was up at {name}, {dtype}, n = {n}"}
                batch = 2**22 // n if real else 64
                runs = candidates(device, n, batch, number)
                times = {peer: milliseconds(device, run, each) for peer, run in runs.items()}
                found[name].append({"dtype": dtype, "n": n, "batch": batch, **times})
    tokens, layers, width = (32768, 12, 768) if real else (1024, 1, 64)
    for training in (False, True):
        for n in sizes:
            if time.monotonic() > end:
                return {**found, "cut short": f"the time was up at M2-BERT, n = {n}"}
            found["bert"].append(bert_row(device, n, tokens, layers, width, training, each_model))
    found["compiled"] = []
    for n in COMPILED if real else sizes[:1]:
        if time.monotonic() + COMPILING > end:
            return {**found, "cut short": f"the time was up at M2-BERT compiled, n = {n}"}
        found["compiled"].append(bert_row(device, n, tokens, layers, width, False, each_model, compiled=True))
    return found


COMPILED, COMPILING = (4096,), 100.0
"""Lengths at which both models are compiled by torch, too, and the seconds that may take."""

TABLED = ("multiply", "convolution")
"""The tables of `speed.py`."""

PARTS: dict[str, Callable[[str, int, float], dict[str, Any]]] = {
    "tests": tests,
    "verdicts": verdicts,
    "sanitizer": sanitizer,
    "speed": speed,
}


def machine(device: str) -> dict[str, Any]:
    """What was measured on."""
    import torch

    packages = {}
    for name in ("torch", "triton", "cupy-cuda13x", "numpy"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "absent"
    name = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}, {os.cpu_count()} cores"
    return {"device": name, "kind": device, "python": platform.python_version(), **packages, "load": os.getloadavg()[0]}


def main(
    device: str = typer.Option("cuda", help="cuda, or cpu to try this script."),
    seconds: float = typer.Option(480, help="For all parts together."),
    largest: int = typer.Option(32768, help="Largest n of the tables, and largest row of the checks."),
    parts: str = ",".join(PARTS),
    out: Annotated[Path, typer.Option(help="The JSON file, which the documentation reads.")] = RESULT,
) -> None:
    """Run the parts one after another, and write what each found as soon as it has."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        typer.echo("gpu: device: expected an NVIDIA GPU that torch sees, got none", err=True)
        raise typer.Exit(2)
    sys.path.insert(0, str(ROOT))
    found: dict[str, Any] = {"machine": machine(device)}
    end = time.monotonic() + seconds
    chosen = parts.split(",")
    for i, name in enumerate(chosen):
        left, rest = end - time.monotonic(), sum(SHARES[part] for part in chosen[i:])
        start = time.monotonic()
        try:
            found[name] = PARTS[name](device, largest, left * SHARES[name] / rest)
        except Exception as error:  # one part that fails leaves the others their turn
            found[name] = {"not run": f"{type(error).__name__}: {error}"}
        found[name]["took"] = time.monotonic() - start
        out.write_text(json.dumps(found, indent=1))
    report(found, Console())


def cell(value: Any) -> str:
    """A number with three digits, or what stands in its place."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


IN_THE_FILE = ("exit_code", "message", "reproduced")
"""What the file says of a verdict, and the table leaves out."""


def tabled(title: str, rows: list[dict[str, Any]]) -> Table:
    """The rows under all the keys that any of them has, but for what is left to the file."""
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in IN_THE_FILE]
    table = Table(*keys, title=title)
    for row in rows:
        table.add_row(*(cell(row.get(key, "")) for key in keys))
    return table


def report(found: dict[str, Any], console: Console) -> None:
    """The machine, then a table for each part."""
    console.print(", ".join(f"{key}: {cell(value)}" for key, value in found["machine"].items()))
    for name in ("tests", "sanitizer"):
        if name in found:
            console.print(f"{name}: " + ", ".join(f"{key}: {cell(value)}" for key, value in found[name].items()))
    tables = [("verdicts", "rows"), ("verdicts", "faults"), *(("speed", key) for key in (*TABLED, "bert", "compiled"))]
    for name, key in tables:
        part = found.get(name, {})
        if part.get(key):
            console.print(tabled(name if key == "rows" else f"{name}: {key}", part[key]))
        elif "not run" in part:
            console.print(f"{name}: not run: {part['not run']}")
    if "cut short" in found.get("speed", {}):
        console.print(f"speed: {found['speed']['cut short']}")
    if "limits" in found.get("speed", {}):
        console.print(", ".join(f"{key}: {cell(value)}" for key, value in found["speed"]["limits"].items()))


def draw(found: dict[str, Any]) -> Figure:
    """Times of the 16-bit product and convolution, and of M2-BERT forward, beside their peers."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, layout="constrained", figsize=(14, 4))
    for axis, name in zip(axes, ("multiply", "convolution", "bert"), strict=True):
        rows = [r for r in found["speed"][name] if r.get("dtype", "bf16") == "bf16" and r.get("mode") != "training"]
        peers = [key for key in (rows[0] if rows else {}) if key not in ("dtype", "n", "batch", "mode")]
        if not rows:
            axis.text(0.5, 0.5, "not measured", ha="center", transform=axis.transAxes)
        for peer in (p for p in peers if not p.endswith("GiB")):
            points = [(r["n"], r[peer]) for r in rows if isinstance(r.get(peer), float)]
            if points:
                axis.loglog(*zip(*points, strict=True), "o-", label=peer, base=2)
        axis.set(title=name, xlabel="n", ylabel="milliseconds")
        if rows:
            axis.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
