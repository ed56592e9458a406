"""`monarch check FILE.py:NAME --op OP`: is a kernel right?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.outputs import check_outputs, write
from monarch_theory.command.progress import progress
from monarch_theory.sandbox.limits import CASE_SECONDS, MEMORY

__all__ = ["check"]


def check(
    context: typer.Context,
    kernel: Annotated[str, typer.Argument(help="FILE.py:NAME, a function (or a class with no arguments).")] = "",
    op: Annotated[str, typer.Option(help="Op by name, or your own as FILE.py:NAME.")] = "monarch-multiply",
    dtype: Annotated[str, typer.Option(help="float64, float32, bf16, fp16, complex64 or complex128.")] = "float32",
    cases: Annotated[int, typer.Option(help="How many cases to try, from small to large.")] = 200,
    seed: Annotated[
        int | None, typer.Option(help="Determines every case [default: 0; drawn and printed with --untrusted].")
    ] = None,
    bound: Annotated[
        str | None, typer.Option(help="deterministic, or probabilistic as transforms and convolutions are by default.")
    ] = None,
    failure: Annotated[
        float | None, typer.Option(help="Probability that the probabilistic bound fails on a case [default: 1e-9].")
    ] = None,
    accumulate: Annotated[str | None, typer.Option(help="Format products are summed in.")] = None,
    intermediate: Annotated[str | None, typer.Option(help="Format kept between stages.")] = None,
    operands: Annotated[str, typer.Option(help="What is multiplied: exact, tf32 or 3xtf32.")] = "exact",
    rounding: Annotated[str, typer.Option(help="How results are rounded: nearest or stochastic.")] = "nearest",
    algorithm: Annotated[
        str, typer.Option(help="conventional, packed (two rows in one transform), normwise (Strassen…) or unreduced.")
    ] = "conventional",
    array: Annotated[str, typer.Option(help="numpy, torch, or auto: torch if the file imports it.")] = "auto",
    device: Annotated[str, typer.Option(help="Where the arguments lie: cpu, or cuda for kernels of torch.")] = "cpu",
    layout: Annotated[str | None, typer.Option(help="Called as by fly, m2, flash-fft-conv or causal-conv1d.")] = None,
    order: Annotated[int | None, typer.Option(help="Only Monarch matrices of this order.")] = None,
    square: Annotated[bool, typer.Option("--square", help="Only square blocks of one size.")] = False,
    powers_of_two: Annotated[bool, typer.Option("--powers-of-two", help="Only sizes that are powers of two.")] = False,
    max_size: Annotated[int | None, typer.Option(help="Largest row of the input; may add larger ones.")] = None,
    shape: Annotated[str | None, typer.Option(help="Only these sizes: batch=8,n=2048 or radices=8x8.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one case.")] = CASE_SECONDS,
    memory: Annotated[float, typer.Option(help="GiB the kernel's process may use; 0: no limit.")] = MEMORY,
    untrusted: Annotated[
        bool, typer.Option("--untrusted", help="It may want to fool the judge: confine it, on cases nobody can know.")
    ] = False,
    time: Annotated[bool, typer.Option("--time", help="Measure how fast it is, once it was found right.")] = False,
    peer: Annotated[str | None, typer.Option(help="With --time: a right kernel to compare with, FILE.py:NAME.")] = None,
    script: Annotated[Path | None, typer.Option(help="Write the reproducing script here as well.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Write the numbers that show it is wrong here; monarch recheck reads them.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the ulp histogram here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable report on stdout.")] = False,
    list_ops: Annotated[bool, typer.Option("--list", help="List the ops and how their kernels are called.")] = False,
) -> None:
    """Run a kernel against the exact answer, and hold every element to its derived error bound.

    Exit code 0: right. 1: wrong. 2: could not decide.
    """
    from monarch_theory.certificates import write_certificate
    from monarch_theory.testing import check as checking
    from monarch_theory.testing import report as reporting
    from monarch_theory.testing.certify import certificate_of

    if list_ops:
        refuse_idle(context, "check --list")
        _list_ops(as_json)
        return
    if device == "cuda":
        refuse_idle(context, "check --device cuda")
    try:
        read = (kernel, op if ":" in op else None, peer)
        check_outputs({"--script": script, "--certificate": certificate}, read, pictures={"--png": png})
        if certificate is not None and op != "monarch-multiply":
            raise ValueError(f"--certificate: expected --op monarch-multiply, got {op}")
    except ValueError as error:
        _refuse(str(error))
    path, _, name = kernel.rpartition(":")
    if not path or not name:
        _refuse(f"kernel: expected FILE.py:NAME, got {kernel!r}")
    try:
        with progress(f"{op} {dtype}") as advance:
            found = checking.check(
                path, name, op, dtype, seed=seed, cases_wanted=cases, timeout=timeout, memory=memory or None,
                face=array, device=device, accumulate=accumulate, intermediate=intermediate, bound=bound,
                failure_probability=failure,
                operands=operands, rounding=rounding, algorithm=algorithm, untrusted=untrusted, timed=time, peer=peer,
                layout=layout, on_case=advance,
                max_size=max_size, order=order, square=square, powers_of_two=powers_of_two, shape=_sizes(shape),
            )  # fmt: skip
    except ValueError as error:
        _refuse(str(error))
    reproduction = reporting.script(found)
    facts = reporting.as_dict(found)
    if as_json:
        print(Answer(facts["verdict"], facts["evidence"], facts["coverage"], found.exit_code, facts).text())
    else:
        print(reporting.as_text(found))
        if reproduction and script is None:
            missed = found.failure is not None and found.failure.reproduced is False
            does = "was run and did not reproduce it" if missed else "reproduces it"
            print(f"\n# ---- {does}: python - <<'EOF' … EOF, or --script FILE\n{reproduction}")
    write(png, lambda file: reporting.draw(found, file))
    write(script, (lambda file: file.write_text(reproduction)) if reproduction else None)
    write(certificate, lambda file: write_certificate(certificate_of(found), file))
    raise typer.Exit(found.exit_code)


def _sizes(text: str | None) -> dict[str, int | tuple[int, ...]] | None:
    """Sizes as given to `--shape`, by name."""
    if text is None:
        return None
    found: dict[str, int | tuple[int, ...]] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        sizes = value.replace("×", "x").split("x")
        if not name.strip() or not all(re.fullmatch(r"\s*[0-9]{1,18}\s*", size) for size in sizes):
            raise ValueError(f"shape: expected NAME=SIZE or NAME=SIZExSIZE, separated by commas, got {text!r}")
        numbers = tuple(map(int, sizes))
        found[name.strip()] = numbers[0] if len(numbers) == 1 else numbers
    return found


def _list_ops(as_json: bool) -> None:
    from monarch_theory.testing.ops import NAMES, op_named

    named = {name: op_named(name) for name in NAMES}
    rows = [
        {"op": name, "computes": op.summary, "called": op.signature, "dtypes": list(op.dtypes())}
        for name, op in named.items()
    ]
    listing = "\n".join(
        f"{name}\n    {op.summary}\n    {op.signature}\n    dtypes: {', '.join(op.dtypes())}"
        for name, op in named.items()
    )
    say(Answer("listed", "none", f"{len(rows)} ops", 0, {"ops": rows}), as_json, lambda: print(listing))


def _refuse(message: str) -> NoReturn:
    raise typer.BadParameter(message)
