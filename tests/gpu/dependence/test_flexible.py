"""FlexAttention, whose scores and mask are graphs of their own, against brute force."""

import pytest
import torch
from daily import but_long
from torch import nn

pytest.importorskip("torch.nn.attention.flex_attention")

from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from monarch_gpu.dependence import certify_causal, flexible, prove_causal
from monarch_theory.leaks.dependence.recheck import recheck

N = 6
DOCUMENTS, SLOPES = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0.5, 0.25], dtype=torch.float64)
NARROW = torch.full((N,), 100, dtype=torch.int8)
"""Of which products wrap around."""
INF = float("inf")


def x():
    return torch.randn(1, N, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def block_mask(function):
    return create_block_mask(function, None, None, N, N, device="cpu")


def attention(t, groups=1, **options):
    heads = t.reshape(1, N, 2, 4).transpose(1, 2)
    memory = heads[:, :1] if groups > 1 else heads
    found = flex_attention(heads, memory, memory, enable_gqa=groups > 1, **options)
    return found.transpose(1, 2).reshape(1, N, 8)


def by_score(function):
    return lambda t: attention(t, score_mod=function)


def by_mask(function, **options):
    return lambda t: attention(t, block_mask=block_mask(function), **options)


def with_bias(of):
    """A bias that depends on the data, by the place of the key."""

    def attend(t):
        bias = of(t.sum(-1))
        return by_mask(causal, score_mod=lambda s, b, h, q, k: s + bias[b, k] * SLOPES[h])(t)

    return attend


def causal(b, h, q, k):
    return q >= k


def window_and_sinks(b, h, q, k):
    return (q >= k) & ((q - k < 3) | (k < 2))


def within_documents(b, h, q, k):
    return (q >= k) & (DOCUMENTS[q] == DOCUMENTS[k])


def ahead(b, h, q, k):
    return q + 1 >= k


CAUSAL = {
    "score": by_score(lambda s, b, h, q, k: torch.where(q >= k, s, -INF)),
    "filled": by_score(lambda s, b, h, q, k: s.masked_fill(k > q, -INF) * 2),
    "mask": by_mask(causal),
    "window and sinks": by_mask(window_and_sinks),
    "documents": by_mask(within_documents),
    "capped, with slopes": by_mask(causal, score_mod=lambda s, b, h, q, k: 5 * torch.tanh(s / 5) + SLOPES[h] * (k - q)),
    "grouped": by_mask(causal, groups=2),
    "bias": with_bias(lambda z: z),
}
LEAKING = {
    "no mask": lambda t: attention(t),
    "slopes alone": by_score(lambda s, b, h, q, k: s + SLOPES[h] * (k - q)),
    "one ahead": by_mask(ahead),
    "one ahead by score": by_score(lambda s, b, h, q, k: torch.where(q + 1 >= k, s, -INF)),
    "inverted": by_score(lambda s, b, h, q, k: torch.where(q >= k, -INF, s)),
    "one head": by_score(lambda s, b, h, q, k: torch.where((q >= k) | (h == 1), s, -INF)),
    "documents whole": by_mask(lambda b, h, q, k: DOCUMENTS[q] == DOCUMENTS[k]),
    "grouped, one ahead": by_mask(ahead, groups=2),
    "bias of the future": with_bias(lambda z: z.flip(1)),
    "summed up": by_mask(causal, score_mod=lambda s, b, h, q, k: s + DOCUMENTS.cumsum(0)[k]),
    "narrow numbers": by_mask(lambda b, h, q, k: NARROW[q] * NARROW[k] < 5000),
    "finite mask": by_score(lambda s, b, h, q, k: torch.where(q >= k, s, -1e9)),
}
"""What is not proved: it sees the future, that of a finite mask with large scores; what is summed up has no rule."""


class Together(nn.Module):
    def __init__(self):
        super().__init__()
        self.functions = [*CAUSAL.values(), *LEAKING.values()]

    def forward(self, t):
        return [function(t) for function in self.functions]


@pytest.fixture(scope="module")
def together(experiment):
    return experiment(Together(), [x()], [1])


@pytest.mark.parametrize("name", but_long(CAUSAL, {*CAUSAL} - {"mask"}))
def test_what_is_causal_is_proved_and_certified(name):
    assert prove_causal(CAUSAL[name], [x()], 1).proved
    assert recheck(certify_causal(CAUSAL[name], [x()], 1)) == f"causal at n = {N}"


@pytest.mark.parametrize("name", but_long(LEAKING, {*LEAKING} - {"one ahead", "narrow numbers"}))
def test_what_leaks_is_not(name):
    found = prove_causal(LEAKING[name], [x()], 1)
    assert not found.proved and ("flex_attention" in found.without_rule) == (name == "summed up")


@pytest.mark.long
def test_nothing_moves_but_as_claimed(together):
    assert not together.disagreements()


@pytest.mark.long
def test_a_mask_at_other_places_is_caught(together, monkeypatch):
    monkeypatch.setattr(flexible, "_along", _turned)
    assert together.disagreements()


def _turned(axis, size):
    """Queries along the last axis and keys before."""
    return tuple(size if k == (axis if axis < 2 else 5 - axis) else 1 for k in range(4))
