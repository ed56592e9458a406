"""A verdict for people, for machines, as a picture, and as a script that shows the failure without this package."""

from __future__ import annotations

import os
from itertools import pairwise
from math import isfinite
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from monarch_theory.testing.check import Report
from monarch_theory.testing.diagnose import Observation
from monarch_theory.testing.judge import Verdict

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
    tail = f", {report.refused} more refused" if report.refused else ""
    lines.append(f"verdict   {report.verdict.value}: {report.message}")
    lines.append(f"evidence  measured against the exact answer, {report.cases} cases{tail}, seed {report.seed}")
    lines.append(f"claim     {report.model.describe()}")
    if report.worst is not None:
        worst = report.worst
        where = ", ".join(f"{name} {value}" for name, value in worst.element.items())
        lines.append(f"worst     error {worst.error:.3g} / bound {worst.bound:.3g} = {worst.ratio:.3g} at {where}")
        lines.append(f"          in {worst.case}")
        lines.append(
            f"bounds    worst ratio {report.deterministic_ratio:.3g} to the deterministic bound, "
            f"{report.probabilistic_ratio:.3g} to the probabilistic (failure {report.failure_probability:g} per case)"
        )
    if report.ulps.size:
        lines += ["", *_bars(report.ulps)]
    if not report.reproducible:
        within = "" if report.failure else ", but always within bounds"
        lines.append(f"note      not the same bits on every run{within}")
    if report.failure is not None:
        failure = report.failure
        lines += ["", f"cause     {failure.cause.name}: {failure.cause.detail}"]
        lines.append(f"smallest  {failure.smallest.case.describe()}")
        if report.verdict is Verdict.EXCEPTION:
            lines.append("          (for shapes the kernel does not take, let it raise NotImplementedError,")
            lines.append("          or narrow the cases with --order, --square or --powers-of-two)")
    return "\n".join(lines)


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
        "cases": report.cases,
        "refused": report.refused,
        "worst": None if report.worst is None else {
            "error": _number(report.worst.error), "bound": _number(report.worst.bound),
            "ratio": _number(report.worst.ratio), "element": report.worst.element, "case": report.worst.case,
        },
        "bound": {
            "held_to": report.bound, "claim": report.model.describe(),
            "deterministic_ratio": _number(report.deterministic_ratio),
            "probabilistic_ratio": _number(report.probabilistic_ratio),
            "failure_probability": report.failure_probability,
        },
        "ulps": dict(zip((label.strip() for label in labels), counts, strict=True)),
        "bitwise_reproducible": report.reproducible,
        "failure": None if failure is None else {
            "message": failure.message, "cause": failure.cause.name, "detail": failure.cause.detail,
            "shape": dict(failure.smallest.case.shape), "family": failure.smallest.case.family,
            "layout": failure.smallest.case.layout, "script": script(report),
        },
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

    It exits with 1 as long as the kernel fails.
    """
    if report.failure is None:
        return ""
    seen = report.failure.smallest
    case = seen.case
    path, _, name = report.kernel.rpartition(":")
    lines = [
        f'"""{report.verdict.value}: {name} as {case.op.name}, {case.dtype}; {report.failure.cause.name}.',
        "",
        f"{case.op.signature}",
        'Exits with 1 while the kernel is wrong."""',
        "import importlib.util, sys",
        "import numpy as np",
        "from numpy import inf, nan",
    ]
    if report.verdict is Verdict.UNWRITTEN:
        lines += _POISON.strip().splitlines()
    lines += [
        f"spec = importlib.util.spec_from_file_location('kernel', {os.path.abspath(path)!r})",
        "module = importlib.util.module_from_spec(spec)",
        "spec.loader.exec_module(module)",
        f"kernel = module.{name}",
        "kernel = kernel() if isinstance(kernel, type) else kernel",
        "uses_torch = any(getattr(v, '__name__', '') == 'torch' for v in vars(module).values())",
        *_LAYOUT[case.layout].strip().splitlines(),
    ]
    lines.append("arguments = {")
    for argument, values in case.arrays.items():
        lines.append(f"    {argument!r}: laid_out({_literal(values)}),")
    lines.append("}")
    lines.append(f"options = {dict(case.op.options(case.shape))!r}")
    lines += _ask(case.dtype).strip().splitlines()
    lines += _expectation(seen, report.verdict)
    return "\n".join(lines) + "\n"


def _literal(values: np.ndarray) -> str:
    return f"np.array({values.reshape(-1).tolist()!r}, {values.dtype.name!r}).reshape({values.shape!r})"


_POISON = """
_empty, _empty_like = np.empty, np.empty_like
def _poison(a): a[...] = nan; return a
np.empty = lambda *a, **k: _poison(_empty(*a, **k))
np.empty_like = lambda *a, **k: _poison(_empty_like(*a, **k))
try:
    import torch
    torch_empty, torch_empty_like = torch.empty, torch.empty_like
    torch.empty = lambda *a, **k: torch_empty(*a, **k).fill_(nan)
    torch.empty_like = lambda *a, **k: torch_empty_like(*a, **k).fill_(nan)
except ImportError:
    pass
"""

_LAYOUT = {
    "contiguous": "def laid_out(a): return a",
    "transposed": "def laid_out(a): return np.asfortranarray(a)",
    "strided": """
def laid_out(a):  # every other element of a buffer
    buffer = np.full((*a.shape[:-1], 2 * a.shape[-1]), nan, a.dtype)
    buffer[..., ::2] = a
    return buffer[..., ::2]
""",
}


def _ask(dtype: str) -> str:
    to_torch = "torch.from_numpy(a)" + (".to(torch.bfloat16)" if dtype == "bfloat16" else "")
    back = f"r.detach().cpu(){'.float()' if dtype == 'bfloat16' else ''}.numpy().copy()"
    return dedent(f"""
    def plain(r):
        return {back} if uses_torch else np.array(r)
    def run():
        given = [a.copy() if a.flags.c_contiguous else a for a in arguments.values()]
        if uses_torch:
            import torch
            given = [{to_torch} for a in given]
        before = [plain(g) for g in given]
        r = kernel(*given, **options)
        after = [plain(g) for g in given]
        modified = [n for n, b, a in zip(arguments, before, after) if not np.array_equal(b, a, equal_nan=True)]
        return plain(r), modified, r
    computed, modified, returned = run()
    """)


def _expectation(seen: Observation, verdict: Verdict) -> list[str]:
    truth, bound = seen.expected.truth.high, seen.expected.bound
    lines = [f"expected = {_literal(truth)}", f"bound = {_literal(np.broadcast_to(bound, truth.shape))}"]
    if verdict is Verdict.STALE:
        body = """
        name = next(iter(arguments))
        arguments[name] = -arguments[name]
        run()
        wrong = not np.array_equal(plain(returned), computed, equal_nan=True)
        print('the first result changed when the kernel was called again:', wrong)
        """
    elif verdict is Verdict.WRONG_DTYPE:
        body = f"""
        wrong = str(computed.dtype) != {"float32" if seen.case.dtype == "bfloat16" else seen.case.dtype!r}
        print('dtype', computed.dtype)
        """
    elif verdict is Verdict.UNSTABLE:
        body = """
        results = [run()[0].tobytes() for _ in range(200)]
        wrong = len(set(results)) > 1
        print(len(set(results)), 'different results in 200 runs')
        """
    else:
        body = """
        print('modified arguments:', modified or 'none')
        if computed.shape != expected.shape:
            print('shape', computed.shape, 'expected', expected.shape)
            sys.exit(1)
        error = abs(computed.astype(expected.dtype) - expected)
        wrong = bool(modified) or not bool(np.all((error <= bound) | np.isinf(bound)))
        print('computed', computed, 'expected', expected, 'error', error, 'bound', bound, sep='\\n')
        """
    return [*lines, *dedent(body).strip().splitlines(), "sys.exit(int(wrong))"]
