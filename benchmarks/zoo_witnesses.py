"""Weights at which a mask of finite numbers lets the future through, of classes that are not proved for all weights.

    pip install '.[zoo]'; python benchmarks/zoo_witnesses.py [--only NAME …] [--out FILE.json]

A score with the least finite number added is hidden as long as scores are small. Of each class that `causal_zoo.py`
could prove causal for some weights alone, this builds finite weights, and two inputs that differ after the first token,
at which the first output differs. Nothing overflows on the way: no operator makes an infinity or a NaN of finite
numbers. So the claim *for all weights* is false there, and the witness is a row's `witness`.

How: in single precision, in which these classes compute, queries in the first layer are zero but for one number of one
head, and with the keys made so large that its scores come near the largest number M. Two tokens have opposite
embeddings, so that the score of the first with itself is −a and with the other, which is hidden, a (or nearly so, with
positions): a > M / 2 makes the hidden one a − M > −a, and it has all the weight. Behind them stands a token whose keys
are zero.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from causal_zoo import FOR_SOME, VOCABULARY, built
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

SILENT = VOCABULARY - 1
"""The token whose embedding is zero."""
OPPOSITE = SILENT // 2
"""The embedding of a token and that of the one so many later are opposite to each other."""
LARGEST = float(torch.finfo(torch.float32).max)
AROUND = np.arange(-1.0, 5.0, 0.15)
"""Powers of 2 that queries and keys are multiplied by, less that at which some outputs stop being finite."""

NORMS = re.compile(r"(^|\.)(q|k|kv)_norm\.weight$")
SCORES = re.compile(r"(^|\.)(q|k|query|key)(_proj)?\.(weight|bias)$")
QUERIES = re.compile(r"(^|\.)(q|query)(_proj)?\.(weight|bias)$")
FUSED, STACKED = "query_key_value.", "c_attn."
"""Queries, keys and values in one: of each head together, or the heads of each together."""
POSITIONS = re.compile(r"(position|token_type|wpe).*\.weight$")
SHARE = 1e-4
"""A witness changes the first output by this share of its size, or more: far more than rounding."""
LATER = re.compile(r"\.[1-9]\d*\.")


class Overflows(TorchDispatchMode):
    """In which rows of a batch some operator makes an infinity or a NaN of finite numbers, none by hand.

    rows: bool, (batch,).
    """

    def __init__(self, batch: int):
        super().__init__()
        self.rows = torch.zeros(batch, dtype=torch.bool)
        self.first = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = pytree.tree_leaves((args, kwargs))
        result = func(*args, **(kwargs or {}))
        by_hand = any(isinstance(a, float) and not np.isfinite(a) for a in given)
        if not by_hand and "empty" not in func.__name__:
            came, left = self._finite(given), self._finite(pytree.tree_leaves(result))
            if (came & ~left).any():
                self.first = self.first or func.__name__
            self.rows |= came & ~left
        return result

    def _finite(self, values: list[Any]) -> torch.Tensor:
        """Of which rows all numbers are finite; a tensor that is not by rows counts for all of them."""
        found = torch.ones_like(self.rows)
        for value in values:
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                by_rows = value.ndim and value.shape[0] % len(found) == 0
                each = value.isfinite().reshape(len(found) if by_rows else 1, -1).all(-1)
                found &= each
        return found


@dataclass(frozen=True)
class Enlarged:
    """A class whose scores in the first layer can be made as large as wanted.

    grown: parts of parameters that scores are a multiple of, with their usual values.
    """

    model: torch.nn.Module
    grown: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    def at(self, power: float) -> torch.nn.Module:
        """The model with these times 2^power."""
        for part, usual in self.grown:
            part.copy_(usual * 2.0**power)
        return self.model


def enlarged(model: torch.nn.Module, heads: int, n: int) -> Enlarged:
    """The model in single precision with a silent token, one head that sees, and sinks that hardly count."""
    model = model.to(torch.float32).eval()
    named = dict(model.named_parameters())
    first = {name: p for name, p in named.items() if not LATER.search(name)}
    for name, p in named.items():
        if POSITIONS.search(name):
            p.zero_()
        elif p.ndim == 2 and p.shape[0] == VOCABULARY:
            p[SILENT] = 0
            p[OPPOSITE : 2 * OPPOSITE] = -p[:OPPOSITE]
        if name.endswith(".sinks"):
            p.fill_(-0.97 * LARGEST)
    grown: list[torch.Tensor] = []
    for name, p in first.items():
        if name.endswith("sink_proj.weight"):
            p.mul_(2.0**126.5)
        queries, both = parts(name, p.detach(), heads)
        for part in queries:
            part.zero_()
        grown += both
    silence(model, n)
    norms = [p.detach() for name, p in first.items() if NORMS.search(name)]
    return Enlarged(model, tuple((part, part.clone()) for part in norms or grown))


def silence(model: torch.nn.Module, n: int) -> None:
    """Keys that the silent token has in the first layer, by positions that are no weights, are made zero."""
    keys = next((m for name, m in model.named_modules() if name.endswith("k_proj") and hasattr(m, "weight")), None)
    if keys is None:
        return
    seen: list[torch.Tensor] = []
    handle = keys.register_forward_hook(lambda module, given, result: seen.append(given[0]))
    model(torch.full((1, n), SILENT))
    handle.remove()
    x = seen[0].reshape(n, -1)[1:].double()
    keys.weight.copy_(keys.weight.double() @ (torch.eye(x.shape[1]).double() - torch.linalg.pinv(x) @ x))


def parts(name: str, p: torch.Tensor, heads: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Of queries all but the first number of the first head, and all queries and keys, in a parameter: views of it."""
    if FUSED in name:
        each = p.view(heads, 3, -1, *p.shape[1:])
        return [each[1:, 0], each[0, 0, 1:]], [each[:, :2]]
    if STACKED in name:
        width = p.shape[-1] // 3
        return [p[..., 1:width]], [p[..., : 2 * width]]
    return [p[1:]] if QUERIES.search(name) else [], [p] if SCORES.search(name) else []


def sentences(n: int) -> torch.Tensor:
    """Each token before its opposite, and before the silent one: (2 · OPPOSITE, n)."""
    tokens = torch.full((2 * OPPOSITE, n), SILENT)
    tokens[:, 0] = torch.arange(OPPOSITE).repeat(2)
    tokens[:OPPOSITE, 1] = torch.arange(OPPOSITE) + OPPOSITE
    return tokens


def edge(model: Enlarged, tokens: torch.Tensor) -> float:
    """The power of 2 from which on outputs are not finite."""
    low, high = 0.0, 140.0
    while high - low > 0.1:
        middle = (low + high) / 2
        low, high = (middle, high) if model.at(middle)(tokens).isfinite().all() else (low, middle)
    return low


def observed(run: torch.nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The first outputs, (batch, vocabulary), and of which rows nothing overflowed on the way, (batch,)."""
    with Overflows(len(tokens)) as overflows:
        outputs = run(tokens)
    return outputs[:, 0], ~overflows.rows & torch.isfinite(outputs).flatten(1).all(-1)


def witness(name: str, n: int) -> dict[str, Any] | None:
    """The two inputs, and how far apart the first outputs are, of a class; None where none was found."""
    model, _ = built(name, n)
    if model is None:
        return None
    config = model.model.config.get_text_config()
    heads = next(h for key in ("num_attention_heads", "n_head", "num_heads") if (h := getattr(config, key, None)))
    return searched(model, heads, n)


def searched(model: torch.nn.Module, heads: int, n: int) -> dict[str, Any] | None:
    """As `witness`, of a map of tokens, (batch, n), to outputs, (batch, n, channels)."""
    large, tokens = enlarged(model, heads, n), sentences(n)
    for power in edge(large, tokens) + AROUND:
        outputs, clean = observed(large.at(power), tokens)
        change = (outputs[:OPPOSITE] - outputs[OPPOSITE:]).abs().amax(-1)
        change = torch.where(clean[:OPPOSITE] & clean[OPPOSITE:], change, 0.0)
        first = int(change.argmax())
        if change[first] > SHARE * outputs[first].abs().max():
            return shown(large.at(power), tokens[[first, first + OPPOSITE]])
    return None


def shown(run: torch.nn.Module, pair: torch.Tensor) -> dict[str, Any] | None:
    """Two inputs whose first outputs differ, each run alone; None where something overflows then."""
    (one, fine), (other, fine_too) = (observed(run, tokens[None]) for tokens in pair)
    if not (fine.all() and fine_too.all()):
        return None
    weights = max(float(p.abs().max()) for p in run.parameters())
    first, second = pair[:, :2].tolist()
    change, size = float((one - other).abs().max()), float(one.abs().max())
    return {"tokens": first, "other": second, "change": change, "size": size, "weights": weights}


def main() -> None:
    import transformers

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="these classes")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "causal_zoo.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    found = json.loads(options.out.read_text())
    names = options.only or [name for name, row in found["rows"].items() if row.get("evidence") in FOR_SOME]
    for name in names:
        started = time.monotonic()
        with torch.no_grad():
            row = witness(name, found["n"])
        print(name, row, f"{time.monotonic() - started:.0f} s", flush=True)
        found["rows"][name].pop("witness", None)
        found["rows"][name] |= {"witness": row} if row else {}
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
