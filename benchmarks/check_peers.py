"""Who catches a wrong kernel, and who blames a right one? `monarch check` beside its peers, in one run.

    python benchmarks/check_peers.py [--mutants 24] [--right 16] [--exploits 10] [--seed 0] [--json FILE [--resume]]

The kernels are a sample, drawn by the seed, of the corpus: faults that return arrays, right kernels mostly in half
precision, and cheats. Every peer is used as its documentation shows, on the CPU, with the exact answer rounded to the
kernel's dtype as its reference, which is more than it would have:

- allclose: five trials on normal inputs of one middling shape, rtol = atol = 1e−2, as KernelBench compares;
- assert_close: the same trials, and the tolerances `torch.testing.assert_close` takes by default;
- gpucheck: its `assert_close` with its tolerances, sizes by its `fuzz_shapes` as far as the op has them, its inputs;
- cuda-kernel-verifier: its `equivalent` around the kernel, every call sampled, with its default tolerances.

Peers run in the kernel's process, as they do in use; one that ends or hangs it has caught it. A peer that cannot take a
kernel, as of several outputs, is not counted there. Only our check names causes.

FILE is written after every kernel, and --resume goes on with those that it has not.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from monarch_theory.formats import round_to
from monarch_theory.testing.cases import Case, make_case, selected_shapes
from monarch_theory.testing.check import check
from monarch_theory.testing.exploits import EXPLOITS
from monarch_theory.testing.exploits.run import DTYPE, OP
from monarch_theory.testing.mutants import MUTANTS, RIGHT
from monarch_theory.testing.op import Op
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.sizes import entries, sizes_of, with_sizes

OURS = "monarch check"
PEERS = ("allclose", "assert_close", "gpucheck", "cuda-kernel-verifier")
PACKAGES = {"gpucheck": "gpucheck", "cuda-kernel-verifier": "cuda-kernel-verifier"}
LIBRARIES = ("numpy", "numpy_layers", "numpy_algorithms", "torch", "torch_layers")
"""Kernels that need nothing but a CPU."""

NO_ARRAYS = ("hang", "crash", "out of memory", "race")
TRIALS, SECONDS = 5, 60


def sample(mutants: int, right: int, exploits: int, seed: int) -> list[dict[str, Any]]:
    """Kernels: what each is, its source, and how it is checked."""
    rng = random.Random(seed)
    wrong = [m for m in MUTANTS if m.library in LIBRARIES and m.cause not in NO_ARRAYS]
    pairs = [(k, dtype) for k in RIGHT if k.library in LIBRARIES for dtype in k.dtypes]
    narrow = [pair for pair in pairs if pair[1] in ("bfloat16", "float16")]
    wide = [pair for pair in pairs if pair[1] not in ("bfloat16", "float16")]
    cheats = [e for e in EXPLOITS if e.library == "numpy" and not e.needs and e.kind != "violence"]
    chosen = [
        {"kind": "mutant", "name": m.name, "source": m.source, "function": m.function, "op": m.op, "dtype": m.dtype,
         "cause": m.cause, "algorithm": "conventional"}
        for m in rng.sample(wrong, min(mutants, len(wrong)))
    ]  # fmt: skip
    of_right = rng.sample(narrow, min(right * 3 // 4, len(narrow))) + rng.sample(wide, right - right * 3 // 4)
    chosen += [
        {"kind": "right", "name": f"{k.library}:{k.function} {dtype}", "source": k.source, "function": k.function,
         "op": k.op, "dtype": dtype, "cause": "", "algorithm": k.algorithm}
        for k, dtype in of_right
    ]  # fmt: skip
    chosen += [
        {"kind": "exploit", "name": e.name, "source": e.source, "function": "kernel", "op": OP, "dtype": DTYPE,
         "cause": "", "algorithm": "conventional"}
        for e in rng.sample(cheats, min(exploits, len(cheats)))
    ]  # fmt: skip
    return chosen


# The peers, each given a kernel on arrays: True where it objects


Call = Callable[[Case], tuple[Any, ...]]


def answers(case: Case) -> tuple[Any, ...]:
    """The exact answers rounded to the dtype, as tensors."""
    return tuple(
        tensor(round_to(np.asarray(a), case.dtype), case.dtype) for a in case.op.answers(case.values, case.shape)
    )


def tensor(values: np.ndarray, dtype: str) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(getattr(torch, dtype))


def middling(op: Op) -> dict[str, Any]:
    """The largest shape that an op lists, of a few thousand entries and some rows."""
    shapes = [s for s in op.shapes() if s.get("batch", 2) in (2, 3) and entries(op, s) <= 1 << 13]
    return dict(max(shapes, key=lambda s: entries(op, s)))


def trials(op: Op, dtype: str) -> list[Case]:
    return [make_case(op, dtype, middling(op), "normal", "contiguous", (seed, 7)) for seed in range(TRIALS)]


def by_allclose(op: Op, dtype: str, call: Call) -> bool:
    import torch

    return not all(
        got.shape == due.shape and torch.allclose(got.to(due.dtype), due, rtol=1e-2, atol=1e-2)
        for case in trials(op, dtype)
        for got, due in zip(call(case), answers(case), strict=True)
    )


def by_assert_close(op: Op, dtype: str, call: Call) -> bool:
    import torch

    for case in trials(op, dtype):
        for got, due in zip(call(case), answers(case), strict=True):
            torch.testing.assert_close(got, due)
    return False


def by_gpucheck(op: Op, dtype: str, call: Call) -> bool:
    import gpucheck
    from gpucheck.fuzzing import fuzz_shapes

    template = middling(op)
    axes = list(sizes_of(template))
    known = selected_shapes(op, most_entries=1 << 15)
    for sizes in fuzz_shapes(ndim=len(axes), max_size=64, n=20, seed=0):
        shape = with_sizes(template, dict(zip(axes, sizes, strict=True)))
        fits = op.accepts(shape) if op.accepts is not None and min(sizes) > 0 else shape in known
        if not fits or entries(op, shape) > 1 << 16:
            continue
        case = make_case(op, dtype, shape, "normal", "contiguous", (1, 7))
        for got, due in zip(call(case), answers(case), strict=True):
            gpucheck.assert_close(got, due)
    return False


def by_verifier(op: Op, dtype: str, call: Call) -> bool:
    from cuda_kernel_verifier import EquivalenceChecker, equivalent

    if len(op.outputs(middling(op))) > 1:
        raise NotImplementedError("several outputs")
    failures: list[Any] = []
    EquivalenceChecker.start(execution_sample_probability=1.0)
    watched = equivalent(lambda case: answers(case)[0], failures.append)(lambda case: call(case)[0])
    for case in trials(op, dtype):
        watched(case)
    # its thread compares later
    deadline = time.monotonic() + 10
    while not EquivalenceChecker._execution_queue.empty() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    EquivalenceChecker.stop()
    return bool(failures)


BY = {
    "allclose": by_allclose, "assert_close": by_assert_close, "gpucheck": by_gpucheck,
    "cuda-kernel-verifier": by_verifier,
}  # fmt: skip


def missing(peer: str) -> str:
    """Why a peer cannot be asked, or nothing."""
    module = {"gpucheck": "gpucheck", "cuda-kernel-verifier": "cuda_kernel_verifier"}.get(peer, "torch")
    return "" if importlib.util.find_spec(module) else f"{module} is not installed"


def called(path: str, name: str, torch_face: bool) -> Call:
    """The kernel of a file, from a case to a tuple of tensors."""
    spec = importlib.util.spec_from_file_location("kernel", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kernel = getattr(module, name)

    def call(case: Case) -> tuple[Any, ...]:
        given = [a.copy() for a in case.arrays.values()]
        arrays = [tensor(a, d) for a, d in zip(given, case.dtypes, strict=True)] if torch_face else given
        found = kernel(*arrays, **case.op.options(case.shape))
        several = found if isinstance(found, tuple | list) else (found,)
        several = (*several, *(arrays[list(case.arrays).index(name)] for name in case.op.updates))
        # where NumPy lacks the dtype, an array of its carrier is one of it
        return tuple(a if torch_face else tensor(round_to(np.asarray(a), case.dtype), case.dtype) for a in several)

    return call


def ask(path: str, name: str, op: str, dtype: str, face: str, peer: str) -> str:
    """What one peer says: "caught", "passed" or "cannot: why"."""
    try:
        return "caught" if BY[peer](op_named(op), dtype, called(path, name, face == "torch")) else "passed"
    except NotImplementedError as error:
        return f"cannot: {error}"
    except Exception:
        return "caught"


# One run of all


def outcomes(kernel: dict[str, Any]) -> dict[str, str]:
    """What ours and every peer say of one kernel, and the cause that ours names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.py")
        path.write_text(kernel["source"])
        named = (str(path), kernel["function"], kernel["op"], kernel["dtype"])
        face = "torch" if "import torch" in kernel["source"] else "numpy"
        report = check(
            path, kernel["function"], kernel["op"], kernel["dtype"], algorithm=kernel["algorithm"],
            untrusted=kernel["kind"] == "exploit", explained=kernel["kind"] == "mutant",
        )  # fmt: skip
        found = {OURS: {0: "passed", 1: "caught", 2: "undecided"}[report.exit_code]}
        found["cause"] = report.failure.cause.name if report.failure is not None else ""
        found |= dict.fromkeys(PEERS, "caught")
        command = [sys.executable, __file__, "--one", *named, face]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * len(PEERS), check=False)
            printed = done.stdout
        except subprocess.TimeoutExpired as late:
            printed = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
        for line in printed.splitlines():
            peer, _, said = line.partition(": ")
            if peer in PEERS:
                found[peer] = said
    return found


def measured(kernels: list[dict[str, Any]], seed: int, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Everything the report says, as JSON, after each kernel; those that have a row are not asked again."""
    by_name, setting = {row["name"]: row for row in rows}, {**asked_of(), "seed": seed}
    for number, kernel in enumerate(kernels, 1):
        if kernel["name"] not in by_name:
            print(f"{number} of {len(kernels)}: {kernel['name']}", file=sys.stderr, flush=True)
            kept = {key: kernel[key] for key in ("kind", "name", "op", "dtype")}
            by_name[kernel["name"]] = {**kept, "planted": kernel["cause"], "said": outcomes(kernel)}
        yield {**setting, "kernels": [by_name[k["name"]] for k in kernels if k["name"] in by_name]}


def asked_of() -> dict[str, Any]:
    """How large the corpus is, who is asked, and who cannot be."""
    versions = {}
    for package in ("torch", "numpy", *PACKAGES.values()):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    absent = {peer: why for peer in PEERS if (why := missing(peer))}
    return {"of_corpus": len(MUTANTS), "versions": versions, "absent": absent}


def counts(found: dict[str, Any], who: str, kind: str, *said: str) -> tuple[int, int]:
    """How many kernels of a kind were said to be so, of how many that were decided or could be asked."""
    of_kind = [k["said"][who] for k in found["kernels"] if k["kind"] == kind]
    asked = [one for one in of_kind if not one.startswith("cannot")]
    return sum(one in said for one in asked), len(asked)


def report(found: dict[str, Any], console: Console) -> None:
    """The table."""
    sizes = {kind: sum(k["kind"] == kind for k in found["kernels"]) for kind in ("mutant", "exploit", "right")}
    table = Table(title=f"{sizes['mutant']} of {found['of_corpus']} mutants, {sizes['exploit']} exploits and "
                        f"{sizes['right']} right kernels, drawn by seed {found['seed']}")  # fmt: skip
    for column in (
        "",
        "wrong ones caught",
        "exploits stopped",
        "right ones blamed",
        "right ones passed",
        "cause named",
    ):
        table.add_column(column, justify="right" if column else "left")
    causes = [k for k in found["kernels"] if k["kind"] == "mutant" and k["said"][OURS] == "caught"]
    named = sum(k["said"]["cause"] == k["planted"] for k in causes)
    for who in (OURS, *PEERS):
        if who in found["absent"]:
            table.add_row(who, found["absent"][who])
            continue
        caught, mutants = counts(found, who, "mutant", "caught")
        stopped, exploits = counts(found, who, "exploit", "caught", "undecided")
        blamed, right = counts(found, who, "right", "caught")
        passed, _ = counts(found, who, "right", "passed")
        cause = f"{named} of {len(causes)}" if who == OURS else "none"
        table.add_row(
            who, f"{caught} of {mutants}", f"{stopped} of {exploits}", f"{blamed} of {right}", f"{passed}", cause
        )
    console.print(table)
    console.print(", ".join(f"{package} {number}" for package, number in found["versions"].items()))


def draw(found: dict[str, Any]) -> Figure:
    """Shares of wrong ones that passed and of right ones that were blamed."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    names = [who for who in (OURS, *PEERS) if who not in found["absent"]]
    rows = {
        "wrong ones passed": [counts(found, who, "mutant", "passed") for who in names],
        "exploits passed": [counts(found, who, "exploit", "passed") for who in names],
        "right ones blamed": [counts(found, who, "right", "caught") for who in names],
    }
    for k, (label, pairs) in enumerate(rows.items()):
        axes.bar(np.arange(len(names)) + 0.27 * (k - 1), [a / max(b, 1) for a, b in pairs], 0.25, label=label)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="share", ylim=(0, 1))
    axes.legend()
    return figure


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        for peer in PEERS:
            print(f"{peer}: {ask(*sys.argv[2:7], peer) if not missing(peer) else 'cannot: not installed'}", flush=True)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("mutants", 24), ("right", 16), ("exploits", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on with the kernels that FILE has not")
    asked = parser.parse_args()
    kept = json.loads(asked.json.read_text())["kernels"] if asked.resume and asked.json.exists() else []
    kernels = sample(asked.mutants, asked.right, asked.exploits, asked.seed)
    found: dict[str, Any] = {}
    for found in measured(kernels, asked.seed, kept):
        if asked.json is not None:
            written = asked.json.with_suffix(".part")
            written.write_text(json.dumps(found, indent=1) + "\n")
            written.replace(asked.json)
    report(found, Console(width=132))


if __name__ == "__main__":
    main()
