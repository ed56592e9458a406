"""Which causal language models of transformers see the future?

    pip install '.[zoo]'; python benchmarks/causal_zoo.py [--n 8] [--seconds 40] [--only NAME …] [--out FILE.json]

Every class that the library lists for causal language modelling is built in a tiny size with random weights, in double
precision where it computes in that, and asked twice: measured, by changed futures, and proved, from its graph. Writes
one JSON object with a row for each class, after every class, and goes on from there when it is run again. Classes that
no generic configuration builds are rows, too.

One leak was traced by hand: in transformers 5.24, `models/prophetnet/modeling_prophetnet.py:806` permutes the
relative position scores of the predict streams by (0, 2, 1, 4, 3), into an order of places, streams and heads other
than that of the weights they are added to: scores of later places reach earlier ones. By (0, 1, 4, 2, 3) the past is
equal bit by bit. In a tiny size with small random weights the leak is of the size of the rounding of the softmax,
which is taken in single precision, and the measurement here does not tell it from that.
"""

from __future__ import annotations

import argparse
import json
import signal
import warnings
from importlib.metadata import version
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
                model = Logits(tiny(getattr(transformers, name), sizes | decoder).to(dtype)).eval()
                model(torch.zeros(1, n, dtype=torch.int64))
            except TooLongError:
                raise
            except (Exception, SandboxError) as error:
                why = why or " ".join(f"{type(error).__name__}: {error}".split())[:200]
                continue
            return model, ""
    return None, why


def row_of(name: str, n: int, seconds: int) -> dict[str, Any]:
    """Verdict, evidence and where a leak enters, of one class."""
    model, why = built(name, n)
    if model is None:
        return {"verdict": "not built", "reason": why}
    options = {"shape": "1,n", "dtype": "int64", "vocab": VOCABULARY}
    report = check_callable(model, n, budget=seconds / 4, **options)
    precision = str(next(model.parameters()).dtype).removeprefix("torch.")
    row: dict[str, Any] = {
        "verdict": report.verdict,
        "precision": precision,
        "evidence": report.evidence,
        "outcome": report.outcome,
    }
    if report.witness:
        witness = report.witness
        row |= {"output": witness.output, "input": witness.input, "size": witness.size, "floor": witness.floor}
    try:
        proof = prove_causal(model, [torch.zeros(1, n, dtype=torch.int64)], 1)
    except TooLongError:
        return row | {"proved": False, "why": "time"}
    row |= {"proved": proof.proved, "why": proof.reason}
    if proof.entry:
        row |= {"module": proof.entry.module, "line": proof.entry.line.rpartition("transformers/")[2]}
    return row


class TooLongError(Exception):
    """A class took longer than allowed."""


def stop(*_: Any) -> None:
    raise TooLongError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "causal_zoo.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    signal.signal(signal.SIGALRM, stop)
    names = options.only or sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()))
    versions = {library: version(library) for library in ("transformers", "torch")}
    held = {"n": options.n, "versions": versions, "classes": len(names), "rows": {}}
    if options.out.exists():
        held["rows"] = json.loads(options.out.read_text())["rows"]
    for name in track(names, console=Console(stderr=True), transient=True):
        if held["rows"].get(name, {}).get("verdict", "not built") != "not built":
            continue
        signal.alarm(options.seconds)
        try:
            held["rows"][name] = row_of(name, options.n, options.seconds)
        except TooLongError:
            held["rows"][name] = {"verdict": "undecided", "outcome": "time"}
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            held["rows"][name] = {"verdict": "undecided", "outcome": "exception", "reason": said}
        finally:
            signal.alarm(0)
        options.out.write_text(json.dumps(held, indent=1) + "\n")
    verdicts = [row["verdict"] for row in held["rows"].values()]
    Console().print({verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))})


if __name__ == "__main__":
    main()
