"""How long does a proof from the graph take, by sequence length?

    python benchmarks/proof_time.py [--n 1024 4096 16384] [--json FILE]

Two models at each length n: an encoder layer of torch with its causal mask, and M2-GPT. Seconds are of the processor,
on one thread, the export of the graph included and the import of the libraries not. Each pair runs in a process of its
own, and its largest memory is told, too, beside that of one call of the model alone, in another process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from torch import nn

from monarch_gpu.configs import GPTConfig
from monarch_gpu.dependence import prove_causal
from monarch_gpu.gpt import GPTForCausalLM

WIDTH = 16


class EncoderLayer(nn.Module):
    """A layer of torch's with its causal mask, made where it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.layer(x, src_mask=mask, is_causal=True)


def encoder_layer(n: int) -> tuple[nn.Module, torch.Tensor]:
    return EncoderLayer().eval(), torch.zeros(1, n, WIDTH)


def m2_gpt(n: int) -> tuple[nn.Module, torch.Tensor]:
    config = GPTConfig(
        hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2, vocab_size=64, num_attention_heads=4,
        max_position_embeddings=n,
    )  # fmt: skip
    return GPTForCausalLM(config).eval(), torch.zeros(1, n, dtype=torch.int64)


MODELS: dict[str, Callable[[int], tuple[nn.Module, torch.Tensor]]] = {
    "encoder layer": encoder_layer,
    "M2-GPT": m2_gpt,
}


def called(name: str, n: int, sent: Connection) -> None:
    """In a process of its own: the largest memory in GiB, where the model is called once without gradients."""
    torch.set_num_threads(1)
    model, example = MODELS[name](n)
    with torch.no_grad():
        model(example)
    sent.send({"GiB of a call": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)})


def timed(name: str, n: int, sent: Connection) -> None:
    """In a process of its own: verdict, seconds of the processor, and the largest memory in GiB."""
    torch.set_num_threads(1)
    model, example = MODELS[name](n)
    started = time.process_time()
    proof = prove_causal(model, [example], 1)
    seconds = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sent.send({"model": name, "n": n, "verdict": proof.verdict, "seconds": round(seconds, 2), "GiB": round(memory, 2)})


def measured(name: str, n: int) -> dict[str, Any]:
    none = {"model": name, "n": n, "verdict": "ended without an answer", "seconds": None, "GiB": None}
    return answer(timed, name, n, none) | answer(called, name, n, {"GiB of a call": None})


def answer(of: Callable[[str, int, Connection], None], name: str, n: int, none: dict[str, Any]) -> dict[str, Any]:
    """What a process says, or `none` where it ends without a word."""
    received, sent = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=of, args=(name, n, sent))
    process.start()
    sent.close()
    try:
        row = received.recv()
    except EOFError:
        row = none
    process.join()
    return dict(row)


def report(found: dict[str, Any], console: Console) -> None:
    """A row for every model and length."""
    table = Table("model", "n", "verdict", "seconds of the processor", "GiB", "GiB of a call")
    for row in found["rows"]:
        table.add_row(*(str(row[key]) for key in ("model", "n", "verdict", "seconds", "GiB", "GiB of a call")))
    console.print(table)


def draw(found: dict[str, Any]) -> Figure:
    """Seconds against n."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3), layout="constrained")
    for name in MODELS:
        rows = [row for row in found["rows"] if row["model"] == name and row["seconds"] is not None]
        axes.loglog([row["n"] for row in rows], [row["seconds"] for row in rows], "o-", label=name)
    axes.set_xlabel("n")
    axes.set_ylabel("seconds of the processor")
    axes.legend()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[1024, 4096, 16384])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {"torch": torch.__version__, "rows": [measured(name, n) for n in options.n for name in MODELS]}
    report(found, Console())
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
