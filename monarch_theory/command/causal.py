"""`monarch causal FILE.py:NAME`: can position i see the future?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from monarch_theory.command.answer import NOTHING, Answer, say
from monarch_theory.command.contract import contract_of
from monarch_theory.command.harmless import one_line
from monarch_theory.command.idle import given, refuse_idle
from monarch_theory.command.outputs import check_outputs, write
from monarch_theory.command.progress import progress
from monarch_theory.leaks import files
from monarch_theory.leaks.callables import Report
from monarch_theory.leaks.contracts import CAUSAL, Contract
from monarch_theory.leaks.inputs import UndecidedError
from monarch_theory.sandbox.limits import MEMORY, SECONDS
from monarch_theory.sandbox.pretrained import is_folder

MAP_BLOCKS = 32
PICTURE_BLOCKS = 64


def causal(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:NAME", help="A function, torch module, class or factory, of a file or of package.module."
        ),
    ],
    n: Annotated[int, typer.Option("--n", help="Sequence length.")] = 128,
    shape: Annotated[str, typer.Option(help="Input shape, the letter n for the sequence axis, as in 2,n,16.")] = "n",
    dtype: Annotated[
        str | None,
        typer.Option(help="Input dtype; by default float64, else what the model accepts. Integers are tokens."),
    ] = None,
    vocab: Annotated[
        int | None, typer.Option(help="Number of tokens; by default that of the model's embedding, else 16.")
    ] = None,
    tokens: Annotated[str, typer.Option(help="Tokens to try in any case, as in 0,2,50256.")] = "",
    output: Annotated[str | None, typer.Option(help="Name or index of the one array to judge.")] = None,
    output_axis: Annotated[int | None, typer.Option(help="Sequence axis of the output, if ambiguous.")] = None,
    arg: Annotated[
        list[str] | None,
        typer.Option(
            help="What else it is given: NAME=ones, NAME=zeros, NAME=JSON; NAME=input is what takes the input."
        ),
    ] = None,
    init: Annotated[str, typer.Option(help="Arguments of the class or factory: a JSON object or array.")] = "",
    randomise: Annotated[
        float, typer.Option(help="Draw every trainable parameter anew, of this standard deviation.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the inputs and of the model's own generators.")] = 0,
    budget: Annotated[
        float | None, typer.Option(help="Seconds of search; by default until all cuts are tested, within the timeout.")
    ] = None,
    lookahead: Annotated[int, typer.Option(help="Output i may depend on inputs up to i + this many.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Output i may depend on inputs 0 … i − 1 alone.")] = False,
    window: Annotated[int | None, typer.Option(help="Output i may depend on no more than this many, up to i.")] = None,
    prefix: Annotated[int | None, typer.Option(help="Every output may depend on this many first inputs, too.")] = None,
    blocks: Annotated[
        int | None, typer.Option(help="Output i may depend on its whole block of this size, too.")
    ] = None,
    documents: Annotated[
        str,
        typer.Option(help="Output i may depend on its own document alone: numbers as 0,0,0,1,1, or lengths as 3,2."),
    ] = "",
    mask: Annotated[
        Path | None, typer.Option(help="A .npy file, bool (n, n): output i may depend on input j where row i has it.")
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Each row of the batch, the first axis, may depend on itself alone.")
    ] = False,
    stride: Annotated[
        int, typer.Option(help="Output i stands for input place this many times i, where the output is shorter.")
    ] = 1,
    offset: Annotated[
        int, typer.Option(help="And this many places on: −1 where the outputs begin one place before the inputs.")
    ] = 0,
    truncated: Annotated[
        bool,
        typer.Option("--truncated", help="The first k outputs are the same where the first k inputs are given alone."),
    ] = False,
    padding: Annotated[
        str | None, typer.Option(help="left or right: outputs are the same under padding that the mask, --arg, hides.")
    ] = None,
    same_as: Annotated[
        str | None, typer.Option(help="Another callable of the file, which has to give the same outputs.")
    ] = None,
    accept_partial: Annotated[
        bool, typer.Option("--accept-partial", help="Call causal what is so at the cuts there was time for.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="The target is a Monarch operator with exact factors: decide it exactly.")
    ] = False,
    proof: Annotated[bool, typer.Option(help="Try to prove it from the graph of a torch model, too.")] = True,
    certificate: Annotated[
        Path | None, typer.Option(help="Write here what proves or decides it; monarch recheck reads it.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds after which the model counts as hanging.")] = SECONDS,
    memory: Annotated[float, typer.Option(help="GiB the model may take, 0 for no limit.")] = MEMORY,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    show_map: Annotated[bool, typer.Option("--map", help="Draw who sees whom.")] = False,
    png: Annotated[Path | None, typer.Option(help="Write that drawing as a picture.")] = None,
) -> None:
    """Is a model causal: does output i depend on inputs 0 … i alone? Or another contract, which options name.

    Every array it returns that has a sequence axis is judged. Exit status: 0 yes, 1 no, 2 could not decide.
    """
    refuse_idle_ways(context, {
        "--exact": exact, "--truncated": truncated, "--padding": padding is not None, "--same-as": same_as is not None,
        "--no-proof": not proof, "--stride": stride != 1, "--offset": offset != 0,
    })  # fmt: skip
    check_written(png, certificate, (target, mask))
    if exact:
        _exact(context, target, n, seed, certificate, timeout, memory, as_json)
    path, _, name = (target, "", "the model") if is_folder(target) else target.rpartition(":")
    contract, agree, refused = asked_contract(
        n, shape, agreements(truncated, padding, same_as), (stride, offset), lookahead=lookahead, strict=strict,
        within=window, first=prefix, block=blocks, packed=numbers(documents, "documents"), mask=mask, batch=batch,
    )  # fmt: skip
    if refused is None and not (path and name):
        refused = UndecidedError("bad input", f"expected FILE.py:NAME or package.module:NAME, got {target!r}")
    if refused is not None:
        report = Report("undecided", "none", refused.message, refused.outcome, n=n, seed=seed)
    else:
        with progress("cuts") as advance:
            report = files.check_file(
                path, name, n, shape=shape, dtype=dtype, vocab=vocab, tokens=numbers(tokens, "tokens"),
                arguments=tuple(arg or ()), init=init, randomise=randomise, seed=seed, budget=budget,
                accept_partial=accept_partial, contract=contract, stride=(stride, offset), agree=agree, timeout=timeout,
                memory=memory or None, output=output, output_axis=output_axis, map_size=blocks_of_map(show_map, png),
                prove=proof, certificate=certificate, progress=advance,
            )  # fmt: skip
    answer = Answer(report.verdict, report.evidence, report.covered or NOTHING, report.exit_code, report.as_json())
    say(answer, as_json, lambda: show(report, target, show_map))
    write_outputs(report, name, png, certificate)
    raise typer.Exit(report.exit_code)


def refuse_idle_ways(context: typer.Context, asked: Mapping[str, bool]) -> None:
    """Refuse options that are idle beside one of these, which each ask in a way of their own."""
    for way in (way for way, is_asked in asked.items() if is_asked):
        refuse_idle(context, f"causal {way}")


def check_written(png: Path | None, certificate: Path | None, reads: tuple[str | Path | None, ...]) -> None:
    """Refuse what could not be written, or is read, before any work.

    Raises:
        typer.BadParameter: saying why.
    """
    try:
        check_outputs({"--certificate": certificate}, reads, pictures={"--png": png})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def blocks_of_map(show_map: bool, png: Path | None) -> int:
    """Into how many blocks a drawing divides the sequence; 0 where there is none."""
    return PICTURE_BLOCKS if png else MAP_BLOCKS if show_map else 0


def write_outputs(report: Report, name: str, png: Path | None, certificate: Path | None) -> None:
    """Write the drawing; where there is none, or no certificate, that of an earlier run does not stay."""
    drawn = report.map
    write(png, (lambda file: drawn.png(file, f"{name}: {report.verdict}")) if drawn else None)
    if not report.certified:
        write(certificate, None)


def _exact(
    context: typer.Context, target: str, n: int, seed: int, certificate: Path | None, timeout: float, memory: float,
    as_json: bool,
) -> NoReturn:  # fmt: skip
    """Decide a Monarch operator, and write its certificate."""
    from monarch_theory.certificates import write_certificate
    from monarch_theory.command.causal_exact import decide_file

    path, _, name = target.rpartition(":")
    try:
        if not path or not name:
            raise ValueError(f"target: expected FILE.py:NAME, got {target!r}")
        report, written = decide_file(
            path, name, n if given(context, "n") else 0, seed=seed, timeout=timeout, memory=memory or None,
            certify=certificate is not None,
        )  # fmt: skip
    except (ValueError, TypeError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    answer = Answer(report.verdict, report.evidence, report.covered, report.exit_code, report.as_json())
    say(answer, as_json, lambda: print(f"{report.verdict}  {target}\n  {report.reason}"))
    write(certificate, (lambda file: write_certificate(written, file)) if written is not None else None)
    raise typer.Exit(report.exit_code)


def asked_contract(
    n: int, shape: str, agree: list[files.Agree], stride: tuple[int, int], **options: Any
) -> tuple[Contract | None, files.Agree | None, UndecidedError | None]:
    """The contract, or what must agree, or why there is neither."""
    try:
        contract = contract_of(n, shape, **options)
        if len(agree) + (contract.name != CAUSAL) > 1:
            raise UndecidedError(
                "bad input", "expected one question, got several of --truncated, --padding, --same-as and others"
            )
        for asked in agree:
            if asked.kind == "padding" and asked.what not in ("left", "right"):
                raise UndecidedError("bad input", f"padding: expected left or right, got {asked.what!r}")
        if agree and stride != (1, 0):
            raise UndecidedError("bad input", "stride: expected none beside --truncated, --padding and --same-as")
        return (None, agree[0], None) if agree else (contract, None, None)
    except UndecidedError as error:
        return None, None, error


def agreements(truncated: bool, padding: str | None, same_as: str | None) -> list[files.Agree]:
    """What is asked to agree."""
    asked = [files.Agree("truncated")] if truncated else []
    asked += [files.Agree("padding", padding)] if padding is not None else []
    return asked + ([files.Agree("same", same_as)] if same_as is not None else [])


def numbers(text: str, name: str) -> tuple[int, ...]:
    """The integers in a list with commas."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{name}: expected integers with commas between, got {text!r}") from error


def show(report: Report, target: str, show_map: bool) -> None:
    """The report for people."""
    console = Console(soft_wrap=True, highlight=False)
    colour = {True: "green", False: "red", None: "yellow"}[report.holds]
    named = f" ({report.outcome})" if report.outcome else ""
    if report.holds and report.partial:
        named = f" at {report.cuts_tested} of {report.cuts_total} cuts"
    if report.contract != CAUSAL:
        named += f" ({report.contract})"
    console.print(f"[bold {colour}]{report.verdict}[/]{named}  {escape(target)}  n = {report.n}")
    console.print(f"  {escape(report.reason)}")
    if report.witness and report.witness.input is not None:
        console.print(f"  first leaking pair: output {report.witness.output} ← input {report.witness.input}")
    if report.entry:
        console.print(f"  it enters in: {escape(report.entry)}")
    if len(report.outputs) > 1:
        for each in report.outputs:
            came = f" ← input {each.witness.input}" if each.witness and each.witness.input is not None else ""
            pair = f": output {each.witness.output}{came}" if each.witness else ""
            console.print(
                f"  {escape(one_line(each.name))} {escape(str(each.shape))} {each.dtype}: {each.verdict}{pair}"
            )
    if report.verdict != "undecided" or report.outcome == "partial":
        console.print(f"  evidence: {report.evidence}")
        console.print(f"  tried: {report.covered}")
        console.print(
            f"  input {report.shape} {report.dtype}; {report.cuts_tested} of {report.cuts_total} {report.tried}, "
            f"{report.forwards} runs, {report.seconds:.1f} s, seed {report.seed}"
        )
    for note in report.notes:
        console.print(f"  note: {escape(note)}")
    if show_map and report.map:
        console.print("  outputs down, inputs across, the future right of |", report.map.text(), sep="\n", markup=False)
