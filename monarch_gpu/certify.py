"""Is a language model causal, layer by layer and as a whole? The decision is that of `monarch causal`, in float64.

Every mixer is asked on its own, so that a leak is traced to the layer that makes it; then the whole model, from
embeddings to logits. The evidence is *measured*: see `monarch_theory.leaks.callables`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.layers import LongConvolution
from monarch_theory.leaks.callables import Report, check_callable

__all__ = ["Certificate", "Unpadded", "certify", "drop_padding"]

MIXERS = ("sequence_mixer", "dimension_mixer")


@dataclass(frozen=True)
class Certificate:
    """A report for every layer, by the name of its module, and one for the model without its embedding."""

    layers: dict[str, Report]
    whole: Report

    @property
    def leaking(self) -> tuple[str, ...]:
        """Names of the layers that see the future."""
        return tuple(name for name, report in self.layers.items() if report.verdict == "not causal")

    @property
    def verdict(self) -> str:
        """Causal if every layer and the whole are; not causal if one of them is not."""
        verdicts = {report.verdict for report in (*self.layers.values(), self.whole)}
        if "not causal" in verdicts:
            return "not causal"
        return "causal" if verdicts == {"causal"} else "undecided"


def certify(
    model: GPTForCausalLM,
    n: int,
    *,
    seed: int = 0,
    layer_budget: float | None = None,
    whole_budget: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Certificate:
    """Check a causal language model on sequences of length n.

    Args:
        n: at most the model's positions.
        layer_budget, whole_budget: seconds of search for each layer and for the whole; by default until all cuts are
            tested. What rests on a share of them is undecided.
        progress: called with (layers done, layers in all), the whole model counting as one.

    >>> from monarch_gpu.configs import GPTConfig
    >>> small = GPTConfig(hidden_size=8, intermediate_size=16, num_hidden_layers=1, vocab_size=7)
    >>> certify(GPTForCausalLM(small), 2).verdict
    'causal'
    """
    width = model.config.hidden_size
    mixers = [
        (f"transformer.h.{index}.{name}", getattr(block, name))
        for index, block in enumerate(model.transformer.h)
        for name in MIXERS
    ]
    reports = {}
    with double(model), torch.no_grad():
        for done, (name, mixer) in enumerate(mixers):
            progress(done, len(mixers) + 1)
            reports[name] = check_callable(on_arrays(mixer), n, shape=f"1,n,{width}", seed=seed, budget=layer_budget)
        progress(len(mixers), len(mixers) + 1)
        body = on_arrays(lambda x: after_embedding(model, x))
        whole = check_callable(body, n, shape=f"1,n,{width}", seed=seed, budget=whole_budget)
        progress(len(mixers) + 1, len(mixers) + 1)
    return Certificate(reports, whole)


def after_embedding(model: GPTForCausalLM, x: Tensor) -> Tensor:
    """Logits from embedded tokens; the embedding itself looks at one token at a time."""
    for block in model.transformer.h:
        x = block(x)
    return model.logits(model.transformer.ln_f(x))


def on_arrays(function: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    """A torch function as one of NumPy arrays."""
    return lambda x: function(torch.from_numpy(x)).numpy()


@contextmanager
def double(model: nn.Module) -> Iterator[None]:
    """The model in float64 for a while; float32 weights come back exactly."""
    before = next(model.parameters()).dtype
    training = model.training
    model.double().eval()
    try:
        yield
    finally:
        model.to(before).train(training)


class Unpadded(nn.Module):
    """A long convolution whose FFT is not padded: the end of the sequence wraps around to its beginning.

    The classic mistake; here to show that the check finds it.
    """

    def __init__(self, convolution: LongConvolution) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, u: Tensor) -> Tensor:
        n = u.shape[1]
        kernel = self.convolution.kernel(n).T
        return torch.fft.irfft(torch.fft.rfft(u, dim=1) * torch.fft.rfft(kernel, dim=0), n=n, dim=1)


def drop_padding(model: GPTForCausalLM, layer: int) -> GPTForCausalLM:
    """The model with the padding of one layer's FFT dropped, in place."""
    block: Any = model.transformer.h[layer]
    mixer = block.sequence_mixer
    mixer.long_convolution = Unpadded(mixer.long_convolution)
    return model
