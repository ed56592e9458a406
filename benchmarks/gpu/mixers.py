"""What M2-BERT takes on a GPU with the kernels of its mixers and without them, beside BERT: milliseconds and memory.

    python benchmarks/gpu/mixers.py [--lengths 512,4096,16384] [--tokens 131072] [--layers 4] [--width 768] [--json]

bf16 autocast, forward and training (forward and backward). Without kernels the mixers run on torch's operations, as
they do on a processor; with what is wide computed again (`recompute`) training keeps less. The quickest of four calls
after two that are not counted, by the device's own events. Without a GPU `--device cpu` tests this script, on small
sizes, and measures nothing of interest: there are no such kernels there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[2]))

MODELS = {
    "BERT": ("bert", False, False),
    "M2-BERT without": ("m2-bert fft", False, False),
    "M2-BERT": ("m2-bert fft", True, False),
    "M2-BERT recomputed": ("m2-bert fft", True, True),
}
"""The model as `bert_throughput` names it, whether its mixers have their kernels, whether it computes again."""

Row = dict[str, Any]


def main(
    lengths: str = "512,4096,16384", tokens: int = 131072, layers: int = 4, width: int = 768, device: str = "cuda",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:  # fmt: skip
    """Time every model at every length."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else device
    about = {"device": name, "torch": torch.__version__, "tokens": tokens, "layers": layers, "width": width}
    asked = product(map(int, lengths.split(",")), ("forward", "train"))
    found = {**about, "rows": [row(device, n, tokens, layers, width, mode) for n, mode in asked]}
    print(json.dumps(found)) if as_json else report(found, Console())


def row(device: str, n: int, tokens: int, layers: int, width: int, mode: str) -> Row:
    """Milliseconds and peak GiB of every model for one length."""
    import torch

    from benchmarks.bert_throughput import config_of
    from benchmarks.gpu.speed import peak
    from monarch_gpu import layers as mixers
    from monarch_gpu.bert import BertForMaskedLM

    ids = torch.randint(1000, (max(1, tokens // n), n), device=device)
    found: Row = {"n": n, "mode": mode}
    for name, (model, kernels, again) in MODELS.items():
        if again and mode == "forward":
            continue
        torch.manual_seed(0)
        network = BertForMaskedLM(config_of(model, n, layers, width)).bert.to(device)
        mixers.recompute(network, again)

        def call(network: torch.nn.Module = network) -> None:
            with torch.autocast(device, torch.bfloat16), torch.set_grad_enabled(mode == "train"):
                y = network(ids)
            if mode == "train":
                y.square().mean().backward()
                network.zero_grad()

        before, mixers.FEW_PASSES = mixers.FEW_PASSES, frozenset({"cuda"} if kernels else ())
        try:
            found |= {name: quickest(device, call), f"{name}, GiB": peak(device)}
        finally:
            mixers.FEW_PASSES = before
    return found


def quickest(device: str, call: Callable[[], None], repeats: int = 4) -> float:
    """Milliseconds of the quickest call; the device's peak of memory is counted from the first on."""
    from benchmarks.gpu.speed import calls, forget_peak

    forget_peak(device)
    return 1e3 * min([next(calls(device, call, 0.0)) for _ in range(2 + repeats)][2:])


def report(found: dict[str, Any], console: Console) -> None:
    """A table of milliseconds and GiB."""
    said = "{device}, torch {torch}: {layers} layers of width {width}, {tokens} tokens".format_map(found)
    table = Table("n", "mode", *MODELS, "M2-BERT / BERT", title=f"{said}; milliseconds (peak GiB)")
    for each in found["rows"]:
        cells = [shown(each, name) for name in MODELS]
        table.add_row(str(each["n"]), each["mode"], *cells, f"{each['M2-BERT'] / each['BERT']:.2f}×")
    console.print(table)


def shown(each: Row, name: str) -> str:
    """Milliseconds, and GiB where they are known."""
    if name not in each:
        return ""
    memory = each.get(f"{name}, GiB")
    return f"{each[name]:.1f}" + (f" ({memory:.1f})" if memory is not None else "")


def draw(found: dict[str, Any]) -> Figure:
    """Milliseconds against the length."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axes, mode in zip(panels, ("forward", "train"), strict=True):
        rows = [each for each in found["rows"] if each["mode"] == mode]
        for name in MODELS:
            of = [each for each in rows if name in each]
            axes.plot([each["n"] for each in of], [each[name] for each in of], "o-", label=name) if of else None
        axes.set(xscale="log", xlabel="n", ylabel="ms", title=mode, ylim=(0, None))
    axes.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
