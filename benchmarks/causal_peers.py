"""Does it see the future, or the rest of its batch? Our checks and a peer's on the same modules, in one run.

    pip install causal-certificate; python benchmarks/causal_peers.py [--clean 64,128,256,512,1024] [--sizes 128]
                                                                      [--proofs 1024,16384] [--json FILE]

The peer, causal-certificate 0.1.0, takes vector-Jacobian products at every cut of one random input. Ours are the proof
from the graph, for all inputs and weights, with a check beside it, in which kinds of futures take turns over the cuts;
and, where there is no proof, changed futures of all kinds. Seconds are of the processor: the machine may be shared, and
its load is told beside. Runs a cut: forward passes over the n − 1 cuts. Of the lengths `--clean` only the layer that
leaks nothing is asked about, of `--sizes` all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from monarch_gpu.configs import GPTConfig
from monarch_gpu.dependence import prove, prove_causal
from monarch_gpu.gpt import GPTForCausalLM
from monarch_theory.leaks import check_callable
from monarch_theory.leaks.callables import Report, check_model, of_module
from monarch_theory.leaks.contracts import alone
from monarch_theory.leaks.files import BESIDE_A_PROOF
from monarch_theory.leaks.inputs import Inputs

WIDTH, BATCH = 16, 2
CLEAN = "nothing"


class Layer(nn.Module):
    """A causal encoder layer of torch, in double precision, with a whisper added: x (batch, n, WIDTH)."""

    def __init__(self, whisper: Callable[[Tensor], Tensor] | None = None):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 32, batch_first=True, dtype=torch.float64).eval()
        self.whisper = whisper

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        mask = torch.full((n, n), -torch.inf, dtype=x.dtype).triu(1)
        y = self.layer(x, src_mask=mask)
        return y if self.whisper is None else y + self.whisper(x)


def ahead(size: float) -> Callable[[Tensor], Tensor]:
    return lambda x: size * x.roll(-1, 1)


def mixed_batch(x: Tensor) -> Tensor:
    return 1e-3 * (x - x.mean(0, keepdim=True))


CASES: tuple[tuple[str, bool, Callable[[Tensor], Tensor] | None], ...] = (
    (CLEAN, True, None),
    ("a leak of 1", False, ahead(1.0)),
    ("a leak of 1e-3", False, ahead(1e-3)),
    ("a leak of 1e-6", False, ahead(1e-6)),
    ("a leak through detach", False, lambda x: x.roll(-1, 1).detach()),
    ("a leak through argmax", False, lambda x: x.roll(-1, 1).argmax(-1, keepdim=True).to(x.dtype)),
    ("the rest of the batch", False, mixed_batch),
)
"""What is added to the encoder layer, and whether it keeps what is asked: of the last, that rows are independent."""


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    result = action()
    return result, round(time.process_time() - started, 2)


def row_of(name: str, keeps: bool, module: nn.Module, n: int) -> dict[str, Any]:
    """Every side's answer to one question: yes, no, or no answer."""
    x = torch.randn(BATCH, n, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    of_batch = name == "the rest of the batch"
    contract = alone(BATCH) if of_batch else None
    report, measured = timed(lambda: check_callable(module, n, shape=f"{BATCH},n,{WIDTH}", contract=contract))
    if of_batch:
        asked = lambda: prove(module, [x], 0, "independent in the batch", lambda i, j: i == j)  # noqa: E731
    else:
        asked = lambda: prove_causal(module, [x], 1)  # noqa: E731
    proof, proved = timed(asked)
    found = {
        "measured": {"answer": report.holds, "seconds": measured, "runs a cut": report.forwards / report.cuts_total},
        "proved": {"answer": True if proof.proved else None, "seconds": proved},
    }
    if proof.proved and not of_batch:
        beside, seconds = timed(lambda: checked(module, n))
        found["proved"] |= {"check": seconds, "runs a cut": beside.forwards / beside.cuts_total, "cuts": share(beside)}
    try:
        from causal_certificate import certify
    except ModuleNotFoundError:
        pass
    else:
        theirs, seconds = timed(lambda: certify(module, x, batch_check=of_batch))
        answer = theirs.is_batch_independent if of_batch else theirs.is_strictly_causal
        found["causal-certificate"] = {"answer": bool(answer), "seconds": seconds}
    return {"case": name, "n": n, "keeps": keeps, "load": round(os.getloadavg()[0], 1), "found": found}


def checked(module: nn.Module, n: int) -> Report:
    """What is measured beside a proof."""
    model, _ = of_module(module, "float64")
    return check_model(model, Inputs.of(f"{BATCH},n,{WIDTH}", n), longest=BESIDE_A_PROOF, in_turn=True)


def share(report: Report) -> float:
    return report.cuts_tested / report.cuts_total


def proof_of(name: str, n: int) -> dict[str, Any]:
    """Seconds of a proof at one length."""
    if name == "M2-GPT":
        config = GPTConfig(
            hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2, vocab_size=64, max_position_embeddings=n
        )
        torch.manual_seed(0)
        module, x = GPTForCausalLM(config).eval(), torch.zeros(1, n, dtype=torch.int64)
    else:
        module, x = Layer(), torch.zeros(1, n, WIDTH, dtype=torch.float64)
    proof, seconds = timed(lambda: prove_causal(module, [x], 1))
    return {"case": name, "n": n, "proved": proof.proved, "seconds": seconds, "load": round(os.getloadavg()[0], 1)}


def measure(clean: list[int], sizes: list[int], lengths: list[int]) -> dict[str, Any]:
    torch.set_num_threads(1)
    asked = [(n, case) for n in sorted({*clean, *sizes}) for case in CASES if n in sizes or case[0] == CLEAN]
    questions = [(name, keeps, Layer(whisper), n) for n, (name, keeps, whisper) in asked]
    row_of(CLEAN, True, Layer(), 8)  # whoever imports something does so here
    console = Console(stderr=True)
    rows = [row_of(*question) for question in track(questions, console=console, transient=True)]
    proofs = [proof_of(name, n) for n in lengths for name in ("encoder layer", "M2-GPT")]
    try:
        peer = version("causal-certificate")
    except PackageNotFoundError:
        peer = None
    return {"torch": version("torch"), "causal-certificate": peer, "rows": rows, "proofs": proofs}


def right(row: dict[str, Any], who: str) -> str:
    """An answer in a word."""
    answer = row["found"][who]["answer"]
    return "–" if answer is None else "right" if answer == row["keeps"] else "WRONG"


def report(found: dict[str, Any], console: Console) -> None:
    """The tables, and what they say."""
    everyone = list(dict.fromkeys(who for row in found["rows"] for who in row["found"]))
    table = Table("added to the layer", "n", *(f"{who}, CPU s" for who in everyone), "runs a cut", "load")
    for row in found["rows"]:
        cells = (f"{right(row, who)}, {row['found'][who]['seconds']:.1f}" for who in everyone)
        table.add_row(
            row["case"], str(row["n"]), *cells, f"{row['found']['measured']['runs a cut']:.2f}", str(row["load"])
        )
    console.print(table)
    console.print(by_length([row for row in found["rows"] if row["case"] == CLEAN]))
    for who in everyone:
        answers = [right(row, who) for row in found["rows"]]
        console.print(
            f"{who}: {answers.count('right')} right, {answers.count('WRONG')} wrong, {answers.count('–')} open"
        )
    proofs = Table("proof of", "n", "proved", "CPU s", "load")
    for row in found["proofs"]:
        proofs.add_row(
            row["case"], str(row["n"]), "yes" if row["proved"] else "no", f"{row['seconds']:.1f}", str(row["load"])
        )
    console.print(proofs)


def by_length(rows: list[dict[str, Any]]) -> Table:
    """Where nothing leaks: seconds of each, how they grow, and the peer's over those of a proof, alone and checked."""
    columns: dict[str, list[float]] = {
        "proof": [row["found"]["proved"]["seconds"] for row in rows],
        "check of it": [row["found"]["proved"].get("check", np.nan) for row in rows],
        "without proof": [row["found"]["measured"]["seconds"] for row in rows],
        "peer": [row["found"].get("causal-certificate", {}).get("seconds", np.nan) for row in rows],
    }
    proof, check, _, peer = columns.values()
    shares = "peer / proof", "peer / both", "runs a cut, check", "without proof"
    table = Table("n", *columns, *shares, "load", title="CPU seconds where nothing leaks")
    for k, row in enumerate(rows):
        runs, all_runs = (row["found"][who].get("runs a cut", np.nan) for who in ("proved", "measured"))
        table.add_row(
            str(row["n"]), *(f"{seconds[k]:.2f}" for seconds in columns.values()), f"{peer[k] / proof[k]:.1f}",
            f"{peer[k] / (proof[k] + check[k]):.1f}", f"{runs:.2f}", f"{all_runs:.2f}", str(row["load"]),
        )  # fmt: skip
    if len(rows) > 1:
        lengths = [row["n"] for row in rows]
        table.add_row("grows as", *(f"n^{exponent(lengths, seconds):.1f}" for seconds in columns.values()))
    return table


def exponent(lengths: list[int], seconds: list[float]) -> float:
    """Slope of log seconds against log n, over the longer half."""
    half = len(lengths) // 2
    return float(np.polyfit(np.log(lengths[half:]), np.log(seconds[half:]), 1)[0])


def draw(found: dict[str, Any]) -> Figure:
    """Seconds of each side where nothing leaks, against n."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
    clean = [row for row in found["rows"] if row["case"] == CLEAN]
    for who in dict.fromkeys(who for row in clean for who in row["found"]):
        axes.loglog([row["n"] for row in clean], [row["found"][who]["seconds"] for row in clean], "o-", label=who)
    axes.set_xlabel("n")
    axes.set_ylabel("CPU seconds, nothing leaks")
    axes.legend()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", default="64,128,256,512,1024")
    parser.add_argument("--sizes", default="128")
    parser.add_argument("--proofs", default="1024")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    texts = (arguments.clean, arguments.sizes, arguments.proofs)
    found = measure(*([int(n) for n in text.split(",") if n] for text in texts))
    report(found, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
