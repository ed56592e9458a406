"""Which causal language models of transformers see the future?

    pip install '.[zoo]'; python benchmarks/causal_zoo.py [--n 8] [--seconds 120] [--gibibytes 8] [--share 0/1]
                                                          [--only NAME …] [--out FILE.json]

Every class that the library lists for causal language modelling is built in a tiny size with random weights, in double
precision where it computes in that, and asked: first for a proof from its graph; what is not proved is measured, by
changed futures. Each class is asked in a process of its own, with so much time and memory. Writes one JSON object with
a row for each class, after every class, and goes on from there when it is run again; several runs may share the
classes. Classes that no generic configuration builds are rows, too.
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
import transformers
from rich.console import Console
from rich.progress import track
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from monarch_gpu.dependence import prove_causal
from monarch_theory.leaks import check_callable
from monarch_theory.sandbox import SandboxError
from monarch_theory.sandbox.pretrained import tiny

VOCABULARY = 64
SHARE_TO_MEASURE = 0.4
EXPERTS = "batched_mm"
"""How mixtures of experts compute: each token by its own experts' weights, which a graph of fixed sizes can say."""


class Logits(torch.nn.Module):
    """A model as a map from tokens to logits."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model(tokens, use_cache=False).logits


SIZES: tuple[dict[str, Any], ...] = (
    {},
    {"num_key_value_heads": 4},
    {"num_key_value_heads": 4, "head_dim": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "qk_head_dim": 16,
     "v_head_dim": 8, "q_lora_rank": 16, "kv_lora_rank": 16},
    {"num_key_value_heads": 4, "num_attention_heads": 4, "hidden_size": 64, "head_dim": 16, "state_size": 8},
)  # fmt: skip
"""Names of configurations that some classes need beside the usual tiny ones, tried in order."""


def built(name: str, n: int) -> tuple[Logits | None, str]:
    """A class as a map of tokens to logits, in double precision where it computes in that; or why there is none."""
    why, decoder = "", {}
    if getattr(getattr(transformers, name).config_class(), "is_decoder", None) is False:
        decoder = {"is_decoder": True}
    for sizes in SIZES:
        for dtype in (torch.float64, torch.float32):
            torch.manual_seed(0)
            try:
                made = tiny(getattr(transformers, name), sizes | decoder)
                if made._can_set_experts_implementation():
                    made.set_experts_implementation(EXPERTS)
                model = Logits(made.to(dtype)).eval()
                model(torch.zeros(1, n, dtype=torch.int64))
            except (Exception, SandboxError) as error:
                why = why or said(error)
                continue
            return model, ""
    return None, why


def said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def row_of(name: str, n: int, seconds: float) -> dict[str, Any]:
    """Verdict, evidence and where a leak enters, of one class."""
    model, why = built(name, n)
    if model is None:
        return {"verdict": "not built", "reason": why}
    row: dict[str, Any] = {"precision": str(next(model.parameters()).dtype).removeprefix("torch.")}
    row |= proved(model, n)
    if "unproved" not in row:
        return {"verdict": "causal", "evidence": "proved", **row}
    report = check_callable(
        model, n, shape="1,n", dtype="int64", vocab=VOCABULARY, budget=SHARE_TO_MEASURE * seconds / 2
    )
    row |= {"evidence": report.evidence, "outcome": report.outcome}
    if report.holds is None:
        row |= {"reason": report.reason[:200]}
    if report.witness:
        witness = report.witness
        row |= {"output": witness.output, "input": witness.input, "size": witness.size, "floor": witness.floor}
    return {"verdict": report.verdict, **row}


def proved(model: Logits, n: int) -> dict[str, Any]:
    """Nothing where there is a proof, else why there is none and where the dependence enters."""
    try:
        proof = prove_causal(model, [torch.zeros(1, n, dtype=torch.int64)], 1)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return {"unproved": "crash", "detail": f"{said(error)} ({Path(place.filename).name}:{place.lineno})"}
    if proof.proved:
        return {}
    found: dict[str, Any] = {"unproved": proof.reason, "detail": proof.detail, "without_rule": dict(proof.without_rule)}
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


def main() -> None:
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
    names = options.only or [name for name in listed[index::count] if name not in held]
    for name in track(names, console=Console(stderr=True), transient=True):
        held = written(options.out, about, {name: asked(name, options.n, options.seconds, options.gibibytes)})
    verdicts = [(row["verdict"], row.get("evidence", "")) for row in held.values()]
    Console().print({" ".join(each): verdicts.count(each) for each in sorted(set(verdicts))})


if __name__ == "__main__":
    main()
