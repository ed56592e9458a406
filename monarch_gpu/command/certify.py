"""`monarch certify`: is a language model causal, layer by layer and whole?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from monarch_theory.command.answer import Answer, say
from monarch_theory.command.progress import progress

if TYPE_CHECKING:
    from monarch_gpu.certify import Certificate
    from monarch_gpu.gpt import GPTForCausalLM

__all__ = ["certify"]


def certify(
    model: str = typer.Argument("m2-gpt-145m", help="m2-gpt-145m, m2-gpt-360m, tiny, or a trained model."),
    n: int = typer.Option(32, "--n", help="Sequence length."),
    leak: int | None = typer.Option(None, help="Drop the FFT padding of this layer first, to see the check find it."),
    seed: int = typer.Option(0, help="Of the weights, where there is no checkpoint, and of the inputs."),
    layer_budget: float | None = typer.Option(None, help="Seconds of search for each layer; by default all cuts."),
    whole_budget: float | None = typer.Option(None, help="Seconds of search for the whole; by default all cuts."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Ask every layer of a language model, then the model as a whole, whether it sees the future.

    Exit status: 0 causal, 1 not causal, 2 could not decide.
    """
    from monarch_gpu.certify import certify as certify_model
    from monarch_gpu.certify import drop_padding
    from monarch_gpu.checkpoints import CheckpointError

    try:
        network = language_model(model, seed)
        layers = len(network.transformer.h)
        if leak is not None:
            if not 0 <= leak < layers:
                raise ValueError(f"leak: expected a layer 0 to {layers - 1}, got {leak}")
            drop_padding(network, leak)
        if not 1 <= n <= network.config.max_position_embeddings:
            raise ValueError(f"n: expected 1 to {network.config.max_position_embeddings}, got {n}")
    except (ValueError, CheckpointError) as error:
        raise typer.BadParameter(str(error)) from error
    with progress(f"certifying {model}") as advance:
        certificate = certify_model(
            network, n, seed=seed, layer_budget=layer_budget, whole_budget=whole_budget, progress=advance
        )
    facts = {"model": model, "n": n, "leaking": certificate.leaking, "whole": certificate.whole.as_json()}
    facts["layers"] = {name: report.as_json() for name, report in certificate.layers.items()}
    covered = f"{len(certificate.layers)} layers, then the whole: {certificate.whole.covered}"
    code = {"causal": 0, "not causal": 1}.get(certificate.verdict, 2)
    say(Answer(certificate.verdict, "measured", covered, code, facts), as_json, lambda: show(certificate, model))
    raise typer.Exit(code)


def language_model(name: str, seed: int) -> GPTForCausalLM:
    """A published configuration with random weights, the tiny preset, or a checkpoint."""
    import torch

    from monarch_gpu.configs import PUBLISHED, GPTConfig, preset
    from monarch_gpu.generate import load_checkpoint
    from monarch_gpu.gpt import GPTForCausalLM

    named = {p.name: p.config for p in PUBLISHED if isinstance(p.config, GPTConfig)} | {"tiny": preset("gpt", "tiny")}
    if name not in named:
        if not Path(name).exists():
            raise ValueError(f"model: expected {', '.join(named)} or a checkpoint, got {name!r}")
        return load_checkpoint(name)
    torch.manual_seed(seed)
    return GPTForCausalLM(named[name])  # type: ignore[arg-type]


def show(certificate: Certificate, model: str) -> None:
    """One line per layer, the whole last."""
    table = Table("verdict", "cuts", "response", "noise floor", "first leak", box=None)
    table.add_column("layer", no_wrap=True, min_width=max(map(len, certificate.layers)))
    for name, report in (*certificate.layers.items(), ("whole model", certificate.whole)):
        leak = f"{report.witness.output} ← {report.witness.input}" if report.witness else ""
        cuts = f"{report.cuts_tested} of {report.cuts_total}"
        table.add_row(report.verdict, cuts, f"{report.response:.1e}", f"{report.floor:.1e}", leak, name)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print(f"{model}: {certificate.verdict}, measured in float64; {certificate.whole.reason}")
    for name in certificate.leaking:
        console.print(f"leaking layer: {name}")
