"""How large numbers can be: every row against what the operator computes, at every node of small graphs.

Each case is a function of one tensor whose elements are at most `REACH`. Inputs are drawn at the corners, as the
largest numbers of either sign, zeros, one large number among zeros and equal numbers, and between. A row that is
narrower than it should be must be caught for every operator (`test_a_narrower_row_is_caught`).
"""

import warnings
from functools import cache

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings

from monarch_gpu.dependence import sizes
from monarch_gpu.dependence.interpret import name_of
from monarch_gpu.dependence.magnitudes import Magnitudes, free
from monarch_gpu.dependence.proof import exported
from monarch_theory.leaks.dependence import magnitude
from monarch_theory.leaks.dependence.magnitude import Span

N, D, REACH = 4, 4, 3.0
FORMATS = [
    torch.float64, *(pytest.param(f, marks=pytest.mark.long) for f in (torch.float32, torch.bfloat16)),
]  # fmt: skip
GENERATOR = torch.Generator().manual_seed(2)
WEIGHT = torch.randn(D, D, generator=GENERATOR, dtype=torch.float64)
TABLE = torch.randn(7, D, generator=GENERATOR, dtype=torch.float64)


def like(t, weight):
    return weight.to(t.dtype)


def causal():
    return torch.ones(N, N, dtype=torch.bool).tril()


def places(t):
    return (t[..., 0].abs().long() % 3).clamp(0, 2)


def share(x, axis, more):
    return x / (x.sum(axis, keepdim=True) + more)


def root_mean_square(t):
    return t * torch.rsqrt(t.pow(2).mean(-1, keepdim=True) + 1e-3)


CASES = {
    "exponentials": lambda t: (t.exp(), torch.exp2(t), torch.expm1(t), torch.sinh(t)),
    "bounded": lambda t: (t.sigmoid(), t.tanh(), t.erf(), torch.erfc(t), t.sin(), t.cos(), t.atan()),
    "steps": lambda t: (t.floor(), t.ceil(), t.trunc(), t.round(), t.sign(), t.int(), (t > 0).to(t.dtype)),
    "ramps": lambda t: (t.relu(), F.relu6(3 * t), F.hardsigmoid(t), F.hardtanh(t), t.clamp(-1, 2), t.clamp(max=1),
                        torch.clamp_min(t, 1), torch.clamp_max(t, 0), F.selu(t), F.elu(t), F.leaky_relu(t, 0.1),
                        torch.asinh(t), -t),
    "gates": lambda t: (F.gelu(t), F.gelu(t, approximate="tanh"), F.silu(t), F.mish(t), F.hardswish(t),
        F.softplus(t)),
    "powers": lambda t: (t**2, t**3, (t.abs() + 1) ** -1, (t.abs() + 0.5) ** 0.5, (t.abs() + 1) ** -2, 2.0**t),
    "roots": lambda t: ((t.abs() + 1).sqrt(), (t.abs() + 1).rsqrt(), (t.abs() + 1).log(), t.abs().log1p(),
                        (t.abs() + 0.5).reciprocal(), t.abs()),
    "sums": lambda t: (t + t.flip(1), t - t.flip(1), torch.add(t, t, alpha=-2), 1 - t, torch.rsub(t, 2.0, alpha=3)),
    "products": lambda t: (t * t.flip(1), t / (2 + t.flip(1).abs()), -1 / (t.abs() + 1), t / -2),
    "extremes": lambda t: (torch.maximum(t, t.flip(1)), torch.minimum(t, t.flip(1)), t.maximum(like(t, WEIGHT))),
    "chosen": lambda t: (torch.where(t > 0, t, -2 * t), torch.where(causal(), t, 5.0), t.masked_fill(~causal(), -7.0),
                         t.masked_fill(t > 0, 9.0)),
    "combined": lambda t: (torch.addcmul(t, t, t.flip(1), value=2), torch.lerp(t, t.flip(1), 2.0 * t)),
    "casts": lambda t: (t.float(), t.to(torch.float16), t.clone(), t.long() + 2, t.detach().to(torch.float64)),
    "moved": lambda t: (t.transpose(1, 2), t.reshape(-1, 2), t[:, 1:], t[:, 0], t.flip(1), t.roll(1, 1),
                        t.repeat(1, 2, 1), torch.cat([t, 2 * t], 1), *t.split(1, 1), *t.unbind(1),
                        t[None].expand(2, *t.shape),
                        t.unfold(1, 2, 1), t.diagonal(0, 1, 2), t.T if t.ndim == 2 else t[0].t(), t[:1].squeeze(0)),
    "moved, with weights": lambda t: ((t + like(t, WEIGHT)).transpose(1, 2), (t * like(t, WEIGHT))[:, 1:],
                                      (t + like(t, WEIGHT)).reshape(-1), F.pad(t + like(t, WEIGHT),
                                      (0, 1), value=9.0)),
    "padded": lambda t: (F.pad(t, (1, 0)), F.pad(t, (1, 2), value=8.0)),
    "put": lambda t: (put(t), torch.slice_scatter(t, 2 * t[:, :1], 1, 0, 1),
        torch.select_scatter(t, 2 * t[:, 0], 1, 1),
                      torch.diagonal_scatter(t, t[:, 0] * 3, 0, 1, 2), t.scatter(1, places(t)[..., None], 5.0),
                      t.scatter(1, places(t)[..., None].expand(t.shape), 2 * t),
                      t.scatter_add(1, 0 * places(t)[..., None].expand(t.shape), 2 * t)),
    "taken": lambda t: (t.gather(1, places(t)[..., None].expand(t.shape)), t.index_select(1, places(t)[0]),
                        t[:, places(t)[0]], (t + like(t, WEIGHT))[:, torch.tensor([1, 1, 0])],
                        F.embedding(places(t), like(t, TABLE)), like(t, TABLE)[places(t)]),
    "reduced": lambda t: (t.sum(1), t.mean(-1, keepdim=True), t.amax(1), t.amin(2), t.max(1), t.min(-1), t.sum(),
                          t.max(), t.min(), t.logsumexp(-1), (t * like(t, WEIGHT)).sum(-1), t.abs().sum((1, 2)),
                          t.cumsum(1),
                          t.abs().cumsum(1), torch.linalg.vector_norm(t, dim=-1)),
    "sorted": lambda t: (t.sort(1), t.topk(2, 1), t.argmax(1).to(t.dtype)),
    "softmax": lambda t: ((4 * t).softmax(-1), (4 * t).log_softmax(1),
        t.masked_fill(~causal(), -torch.inf).softmax(-1)),
    "matrices": lambda t: (t @ t.transpose(1, 2), t @ like(t, WEIGHT), t[0] @ t[0], t[0] @ t[0, 0], t[0, 0] @ t[0, 1],
                           torch.baddbmm(t, t, t, beta=2, alpha=0.5), torch.addmm(t[0, 0], t[0], like(t, WEIGHT)),
                           torch.addmv(t[0, 0], t[0], t[0, 1]), F.linear(t, like(t, WEIGHT), like(t, WEIGHT[0])),
                           torch.einsum("bij,kj->bik", t, like(t, WEIGHT))),
    "positive matrices": lambda t: t.abs() @ t.softmax(-1),
    "shares": lambda t: (share(t.abs(), -1, 1e-3), share(t.abs() + 1, 1, 0)),
    "norms": lambda t: (F.layer_norm(10 * t, (D,), like(t, WEIGHT[0]), like(t, WEIGHT[1])), F.layer_norm(t,
        (D,), eps=1e-2),
                        F.group_norm(t, 2), F.layer_norm(t, (N, D)), root_mean_square(t), root_mean_square(50 * t)),
    "attention": lambda t: (F.scaled_dot_product_attention(t, t, t, is_causal=True),
                            F.scaled_dot_product_attention(t, t, 2 * t, attn_mask=causal()),
                            F.scaled_dot_product_attention(t, t, t,
                            torch.zeros(N, N, dtype=t.dtype).masked_fill(~causal(), -torch.inf)),
                            F.scaled_dot_product_attention(t, t, t, t[..., :1].transpose(1, 2) * 2)),
    "convolutions": lambda t: (F.conv1d(t, like(t, WEIGHT[:, :, None]), like(t, WEIGHT[0])),
        F.conv1d(t, like(t, WEIGHT[:, None, :2]), groups=D),
                               F.conv_transpose1d(t, like(t, WEIGHT[:, :, None]))),
    "made": lambda t: (torch.zeros_like(t) + t, torch.full_like(t, 3.0) * t, torch.ones_like(t[0]),
        t.new_zeros(2) + t[0, 0, 0],
                       t.new_ones(2), t.new_full((2,), 4.0), copied(t)),
    "infinities": lambda t: ((t + torch.zeros(N, N, dtype=t.dtype).masked_fill(~causal(), -torch.inf)).softmax(-1),
                             t.masked_fill(~causal(), -torch.inf).exp(),
                             t.masked_fill(~causal(), -torch.inf).amax(-1),
                             (t + low(t)).softmax(-1),
                             (low(t) + low(t) + t).maximum(torch.tensor(-5.0)), 0 * low(t) + t),
    "nearly equal": lambda t: F.layer_norm(3e5 + 0.03 * t.round(), (D,), eps=1e-12),
    "masked all over": lambda t: (t + torch.full((N, N), -torch.inf, dtype=t.dtype)).softmax(-1),
    "rounded": lambda t: (t + 0.1 - 0.7) * 0.3,
    "by zero": lambda t: t / t.flip(1),
    "too large": lambda t: (t * torch.finfo(t.dtype).max, t.exp().exp().exp().exp(), t + low(t) * 2,
        (t * 0).reciprocal()),
}  # fmt: skip


def low(t):
    return torch.zeros(N, N, dtype=t.dtype).masked_fill(~causal(), torch.finfo(t.dtype).min)


def put(t):
    y = t.clone()
    y[:, 2] = 2 * t[:, 1]
    y[:, torch.tensor([0, 1])] = -t[:, :2]
    return y


def copied(t):
    y = torch.zeros_like(t)
    y.copy_(t[0])
    y[:, 0].fill_(2.0)
    return y * t


class Graph:
    """A case in a format: exported once, with the spans of its nodes."""

    def __init__(self, name, dtype):
        self.dtype = dtype
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = exported(CASES[name], (torch.ones(1, N, D, dtype=dtype),), {})
        held = {**program.state_dict, **program.constants}
        self.module = program.graph_module
        self.inputs = [held.get(spec.target) for spec in program.graph_signature.input_specs]
        self.spans, self.drawn = self.bounds(), {}

    def given(self, t):
        return [t if i is None else i for i in self.inputs]

    def bounds(self):
        found = {}
        start = free((1, N, D), self.dtype, REACH)
        Magnitudes(visit=found.__setitem__).run(self.module, self.given(start))
        return found

    def values(self, kind, seed):
        """The numbers of every node, of one input."""
        if (kind, seed) in self.drawn:
            return self.drawn[kind, seed]
        values = self.drawn[kind, seed] = {}
        Magnitudes(visit=values.__setitem__).run(self.module, self.given(drawn(kind, seed, self.dtype)))
        return values

    def outside(self, kind, seed, spans):
        """Operators of nodes whose numbers are not within their bounds."""
        wrong = set()
        for node, value in self.values(kind, seed).items():
            parts = zip(*[v if isinstance(v, list | tuple) else [v] for v in (value, spans[node])], strict=True)
            for real, span in parts:
                if isinstance(real, torch.Tensor) and isinstance(span, Span) and not contains(span, real):
                    wrong.add(name_of(node.target) if hasattr(node.target, "_schema") else node.name)
        return wrong


def contains(span, real):
    numbers = real.to(torch.float64).numpy()
    assert span.shape == numbers.shape
    said = np.broadcast_to(span.high < np.inf, numbers.shape)
    inside = (numbers <= span.high) & ((numbers >= span.low) | ((numbers == -np.inf) & (span.low == -np.inf)))
    return bool(inside[said].all())


@cache
def case(name, dtype):
    return Graph(name, dtype)


def drawn(kind, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    shape = (1, N, D)
    if kind == "corners":
        t = REACH * (2.0 * torch.randint(0, 2, shape, generator=generator) - 1)
    elif kind == "corners and zeros":
        t = REACH * (torch.randint(0, 3, shape, generator=generator) - 1.0)
    elif kind == "one":
        t = torch.zeros(shape)
        t[0, seed % N, (seed // N) % D] = REACH * (1 - 2 * (seed // 16 % 2))
    elif kind == "equal":
        t = torch.full(shape, float(torch.rand((), generator=generator) * 2 - 1) * REACH)
    else:
        t = (torch.rand(shape, generator=generator) * 2 - 1) * REACH
    return t.to(dtype).clamp(-REACH, REACH)


KINDS = ("corners", "corners and zeros", "one", "equal", "between")


@pytest.mark.parametrize("dtype", FORMATS, ids=str)
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=12, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**16))
def test_every_number_of_every_node_is_within_its_bounds(name, dtype, kind, seed):
    graph = case(name, dtype)
    assert not graph.outside(kind, seed, graph.spans)


LOOSE = {
    "gelu": 0.6, "softplus": 0.5, "native_layer_norm": 0.5, "native_group_norm": 0.5, "logsumexp": 0.5,
    "scatter_add": 0.7, "convolution": 0.4, "scaled_dot_product_attention": 0.5, "_log_softmax": 0.5,
}  # fmt: skip
"""Rows that are wider than what they bound, with the part of their width that is too narrow."""


def narrowed(name):
    """The row, with bounds of a smaller part of their width about their middle."""
    row, part = sizes.SIZES[name], LOOSE.get(name, 0.9)

    def wrong(use):
        given = row(use)
        spans = [narrow(s, part) for s in (given if isinstance(given, list | tuple) else [given])]
        return spans if isinstance(given, list | tuple) else spans[0]

    return wrong


def narrow(span, part):
    with np.errstate(invalid="ignore"):
        middle, half = (span.low + span.high) / 2, (span.high - span.low) / 2 * part
        half = np.where(half == 0, -np.abs(span.high) - 1, half)
    return Span(span.shape, np.nan_to_num(middle - half, nan=-np.inf), np.nan_to_num(middle + half, nan=np.inf))


@pytest.mark.parametrize("name", sizes.SIZES)
def test_a_narrower_row_is_caught(name, monkeypatch):
    uses = [c for c in CASES if name in operators(c)]
    assert uses, f"no case has the operator {name}"
    monkeypatch.setitem(sizes.SIZES, name, narrowed(name))
    for c in uses:
        graph = case(c, torch.float64)
        spans = graph.bounds()
        if any(name in graph.outside(kind, seed, spans) for kind in KINDS for seed in range(12)):
            return
    pytest.fail(f"a row of {name} that is too narrow was not caught")


WRONG = {
    "the root mean square of one element": ("own_root_mean_square", lambda count, grain: 1.0, "norms"),
    "a part of half a sum": ("part_of_sum", lambda count, grain: 0.5, "shares"),
    "a norm over the real numbers": ("standardised", lambda x, count, eps, grain: count**0.5, "nearly equal"),
    "a softmax of what is masked all over": (
        "soft", lambda x, axis, log=False: magnitude.within(x.shape, 0.0, 1.0), "masked all over",
    ),
    "a sum that is not rounded": (
        "stored", lambda shape, ends, grain, roundings=1, once=False: magnitude.spanned(shape, *ends), "rounded",
    ),
    "a quotient by what may be 0": (
        "quotient", lambda a, b: (a.shape, (-np.full((1,) * len(a.shape), 9.0), np.full((1,) * len(a.shape), 9.0))),
        "by zero",
    ),
    "an even power as if it rose": (
        "_distance", lambda a: np.minimum(np.abs(a.low), np.abs(a.high)), "powers",
    ),
}  # fmt: skip
"""Wrong rules of single facts: the function that is replaced, by what, and the case that shows it."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_caught(name, monkeypatch):
    function, wrong, c = WRONG[name]
    graph = Graph(c, torch.float32)
    kinds = [(kind, seed) for kind in KINDS for seed in range(12)]
    assert not any(graph.outside(*drawn, graph.spans) for drawn in kinds)
    monkeypatch.setattr(sizes, function, wrong)
    spans = graph.bounds()
    assert any(graph.outside(*drawn, spans) for drawn in kinds)


def test_integers_wrap_around_and_are_then_any():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = exported(lambda t: (t - 3, t * 2), (torch.ones(4, dtype=torch.uint8),), {}).graph_module
    found = []
    Magnitudes(visit=lambda node, value: found.append(value)).run(module, [magnitude.within((4,), 0.0, 200.0)])
    assert [(float(s.low.min()), float(s.high.max())) for s in found[1:]] == [(0.0, 255.0)] * 2


def operators(c):
    graph = case(c, torch.float64)
    return {name_of(n.target) for n in graph.module.graph.nodes if hasattr(n.target, "_schema")}
