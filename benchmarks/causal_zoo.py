"""Which causal language models of transformers see the future?

    pip install '.[zoo]'; python benchmarks/causal_zoo.py [--n 8] [--seconds 120] [--gibibytes 8] [--share 0/1]
                                                          [--only NAME …] [--out FILE.json]

Every class that the library lists for causal language modelling is built in a tiny size with random weights, in double
precision where it computes in that, and asked: first for a proof from its graph, for all weights or, where a mask of
finite numbers is in the way, for all that keep scores short of overflow, all up to a size, or those that it has; what
is not proved, or only as long as scores stay within a bound, is measured, by changed futures. Each class is asked in a
process of its own, with so much time and memory. Writes one
JSON object with a row for each class, after every class, and goes on from there when it is run again; several runs may
share the classes. Classes that no generic configuration builds are rows, too.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import resource
import time
import traceback
import warnings
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table
from zoo_sizes import NEEDED, OWN, SIZES

from monarch_gpu.dependence import prove_causal
from monarch_theory.leaks import check_callable
from monarch_theory.sandbox import SandboxError
from monarch_theory.sandbox.pretrained import has, tiny

VOCABULARY = 64
SHARE_TO_MEASURE = 0.1
PROVED, AT_WEIGHTS = "proved", "proved at these weights"
SHORT, BOUNDED = "proved short of overflow", "proved for bounded weights"
FOR_SOME = (SHORT, BOUNDED, AT_WEIGHTS)
"""Kinds of proofs for all inputs, the strongest first: for all weights for which no score comes within a factor of 8 of
overflow, for all weights up to a size, and for those that the model has."""
EXPERTS = "batched_mm"
"""How mixtures of experts compute: each token by its own experts' weights, which a graph of fixed sizes can say."""


class Logits(torch.nn.Module):
    """A model as a map from tokens to logits."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model(tokens, use_cache=False).logits


EXPLAINED = {
    "ProphetNetForCausalLM": "a bug: modeling_prophetnet.py:806 permutes the relative position scores of the predict "
    "streams by (0, 2, 1, 4, 3), into an order other than that of the weights they are added to; by (0, 1, 4, 2, 3) "
    "the past is equal bit by bit",
    "CpmAntForCausalLM": "by design: a prefix sees all of itself",
    "XLNetLMHeadModel": "by design: without a permutation mask every token sees all others",
    "XLMWithLMHeadModel": "by design: a masked language model unless its configuration says causal",
}
"""Why classes that are not causal are not."""


def built(name: str, n: int) -> tuple[Logits | None, str]:
    """A class as a map of tokens to logits, in double precision where it computes in that; or why there is none."""
    import transformers

    kind, whys = getattr(transformers, name), []
    usual = kind.config_class()
    decoder = {"is_decoder": True} if getattr(usual, "is_decoder", None) is False else {}
    for sizes in [OWN[name]] if name in OWN else SIZES:
        own = {key: size for key, size in sizes.items() if name in OWN or has(usual, key)}
        for dtype in (torch.float64, torch.float32):
            torch.manual_seed(0)
            try:
                made = tiny(kind, own | decoder)
                if made._can_set_experts_implementation():
                    made.set_experts_implementation(EXPERTS)
                model = Logits(made.to(dtype)).eval()
                model(torch.zeros(1, n, dtype=torch.int64))
            except (Exception, SandboxError) as error:
                whys.append(said(error))
                continue
            return model, ""
    return None, "; ".join(dict.fromkeys(whys))


def said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def row_of(name: str, n: int, seconds: float) -> dict[str, Any]:
    """Verdict, evidence and where a leak enters, of one class."""
    model, why = (None, NEEDED[name]) if name in NEEDED else built(name, n)
    if model is None:
        return {"verdict": "not built", "reason": why}
    row: dict[str, Any] = {"precision": str(next(model.parameters()).dtype).removeprefix("torch.")}
    row |= proved(model, n)
    if "unproved" not in row:
        return {"verdict": "causal", **row}
    report = check_callable(model, n, shape="1,n", dtype="int64", vocab=VOCABULARY, budget=SHARE_TO_MEASURE * seconds)
    row |= {"evidence": report.evidence, "outcome": report.outcome}
    if report.holds is None:
        row |= {"reason": report.reason[:200]}
    if report.witness:
        witness = report.witness
        row |= {"output": witness.output, "input": witness.input, "size": witness.size, "floor": witness.floor}
    return {"verdict": report.verdict, **row}


def proved(model: Logits, n: int) -> dict[str, Any]:
    """The kind of proof there is; where it is not for all weights, how near scores come to their bound, and of which.

    Else why there is none, and where the dependence enters.
    """
    try:
        proof = prove_causal(model, [torch.zeros(1, n, dtype=torch.int64)], 1)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return {"unproved": "crash", "detail": f"{said(error)} ({Path(place.filename).name}:{place.lineno})"}
    if proof.proved:
        return {"evidence": PROVED}
    if proof.at_these_weights:
        kind = SHORT if proof.short_of_overflow else BOUNDED if proof.weights_within else AT_WEIGHTS
        nearest = max(proof.conditions, key=lambda c: c.reached / c.bound)
        where = sorted({short(condition.entry.line) for condition in proof.conditions})
        weights = {} if proof.weights_within is None else {"weights": proof.weights_within}
        return {"evidence": kind, "reached": nearest.reached, "within": nearest.bound, **weights, "where": where}
    found: dict[str, Any] = {"unproved": proof.reason, "detail": proof.detail, "without_rule": dict(proof.without_rule)}
    if proof.conditional:
        found["within"] = min(condition.bound for condition in proof.conditions)
        found["where"] = sorted({short(condition.entry.line) for condition in proof.conditions})
    if proof.entry:
        found |= {"op": proof.entry.op, "module": proof.entry.module, "line": short(proof.entry.line)}
    return found


def short(line: str) -> str:
    """A line of the library by its path in it."""
    return line.rpartition("transformers/")[2]


def answer(name: str, n: int, seconds: float, gibibytes: float, sent: Connection) -> None:
    """In a process of its own: send the row, whatever happens."""
    limit = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        row = row_of(name, n, seconds)
    except MemoryError:
        row = {"verdict": "undecided", "outcome": "out of memory"}
    except Exception as error:
        row = {"verdict": "undecided", "outcome": "exception", "reason": said(error)}
    sent.send(row)


def asked(name: str, n: int, seconds: float, gibibytes: float) -> dict[str, Any]:
    """The row of a class, from a process with so much time and memory."""
    received, sent = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=answer, args=(name, n, seconds, gibibytes, sent))
    started = time.monotonic()
    process.start()
    sent.close()
    try:
        row = received.recv() if received.poll(seconds) else {"verdict": "undecided", "outcome": "time"}
    except EOFError:
        row = {"verdict": "undecided", "outcome": "crash"}
    process.kill()
    process.join()
    return {**row, "seconds": round(time.monotonic() - started, 1)}


def written(path: Path, about: dict[str, Any], rows: dict[str, Any]) -> dict[str, Any]:
    """Add rows to the file, which other runs may write, too; all rows it holds then."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        held = json.loads(text)["rows"] if text else {}
        held |= rows
        file.truncate(0)
        file.write(json.dumps({**about, "rows": dict(sorted(held.items()))}, indent=1) + "\n")
    return held


def is_open(name: str, held: dict[str, Any]) -> bool:
    """Whether nothing is decided of a class so far."""
    return name not in held or held[name]["verdict"] in ("not built", "undecided")


UNDECIDED = {
    "time": "there was no answer in the time it was given",
    "crash": "its process ended without an answer",
    "out of memory": "it did not fit in the memory it was given",
}
UNPROVED = {
    "size": "no proof: the size of some tensor depends on the data",
    "export": "no proof: it branches on the data, of which there is no graph",
    "dependence": "no proof: the rules cannot exclude a dependence that enters",
}
"""Why nothing is decided, and why nothing is proved, in a sentence."""


def verdict_of(row: dict[str, Any]) -> str:
    """The verdict, and on what evidence."""
    if row["verdict"] != "causal":
        return str(row["verdict"])
    if row["evidence"] in (PROVED, *FOR_SOME):
        return f"causal, {row['evidence']}"
    return "causal, measured; proved under a condition" if "within" in row else "causal, measured"


def counted(found: dict[str, Any]) -> dict[str, int]:
    """How many classes have each verdict."""
    verdicts = [verdict_of(row) for row in found["rows"].values()]
    return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}


def shares(found: dict[str, Any]) -> str:
    """Of the causal classes for which the claim may be true at all weights, how many are proved for all of them."""
    causal = [row for row in found["rows"].values() if row["verdict"] == "causal"]
    false = sum("witness" in row for row in causal)
    proved = sum(row["evidence"] == PROVED for row in causal)
    left = len(causal) - false
    share = f"{proved} of the other {left} are proved for all weights ({proved / max(left, 1):.0%})"
    return f"of {len(causal)} causal classes {false} are not so at some finite weights, as shown; {share}"


def why(name: str, row: dict[str, Any]) -> str:
    """What is to be said of a row beside its verdict."""
    if name in EXPLAINED and row["verdict"] == "not causal":
        return EXPLAINED[name]
    if name in NEEDED and row["verdict"] == "not built":
        return NEEDED[name]
    if row["verdict"] in ("not built", "undecided"):
        return str(row.get("reason") or UNDECIDED.get(row["outcome"], row["outcome"]))
    if row.get("evidence") in FOR_SOME:
        weights = f"with weights up to ±{row['weights']:.0e} " if "weights" in row else ""
        false = (
            f"; false at weights up to ±{row['witness']['weights']:.2g}, where tokens {row['witness']['tokens']} and "
            f"{row['witness']['other']} give first outputs {row['witness']['change']:.2g} apart"
            if "witness" in row
            else ""
        )
        scores = f"scores reach ±{row['reached']:.2g}, of ±{row['within']:.2g} that they may"
        return f"{weights}{scores}, at {row['where'][0]}{false}"
    parts = [row.get("evidence", "").removeprefix("measured: ")]
    if "within" in row:
        return f"{parts[0]}; proved for scores within ±{row['within']:.2g} at {row['where'][0]}"
    if row.get("without_rule"):
        parts.append("no rule for " + ", ".join(row["without_rule"]))
    elif row.get("unproved"):
        at = f" at {row['line']}" if row.get("line") else ""
        parts.append((UNPROVED.get(row["unproved"]) or str(row["detail"])) + at)
    return "; ".join(parts)


def report(found: dict[str, Any], console: Console) -> None:
    """All that is proved in one line, everything else in a table."""
    asked_for = f"{len(found['rows'])} of {found['classes']} classes asked: "
    console.print(asked_for + ", ".join(f"{count} {verdict}" for verdict, count in counted(found).items()))
    console.print(shares(found))
    proved = [name for name, row in found["rows"].items() if row.get("evidence") == PROVED]
    console.print(f"\nproved causal at n = {found['n']}, for all inputs and all weights: {', '.join(proved)}\n")
    table = Table("class", "verdict", "pair", "evidence, or why there is none")
    for name, row in found["rows"].items():
        if row.get("evidence") != PROVED:
            pair = f"{row['output']} ← {row['input']}" if "output" in row else ""
            table.add_row(name, verdict_of(row), pair, why(name, row))
    console.print(table)


def draw(found: dict[str, Any]) -> Figure:
    """How many classes have each verdict."""
    from matplotlib import pyplot

    counts = counted(found)
    figure, axes = pyplot.subplots(figsize=(6, 2), layout="constrained")
    bars = axes.barh(list(counts), list(counts.values()))
    axes.bar_label(bars)
    axes.invert_yaxis()
    axes.set_xlabel(f"classes of transformers {found['versions']['transformers']}")
    return figure


def main() -> None:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--gibibytes", type=float, default=8.0)
    parser.add_argument("--share", default="0/1", help="i/k: every k-th class, from the i-th on")
    parser.add_argument("--only", nargs="*", help="these classes, asked anew")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "causal_zoo.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    index, count = (int(part) for part in options.share.split("/"))
    listed = sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()))
    versions = {library: version(library) for library in ("transformers", "torch")}
    about = {"n": options.n, "vocabulary": VOCABULARY, "versions": versions, "classes": len(listed)}
    held = written(options.out, about, {})
    names = options.only or [name for name in listed[index::count] if is_open(name, held)]
    for name in track(names, console=Console(stderr=True), transient=True):
        if options.only or is_open(name, written(options.out, about, {})):
            written(options.out, about, {name: asked(name, options.n, options.seconds, options.gibibytes)})
    report(json.loads(options.out.read_text()), Console())


if __name__ == "__main__":
    main()
