"""Verdicts: what leaks is never proved, what is causal by masks, padding and transforms is, and reports say where."""

import copy
import functools
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from together import Cases, Together
from torch import nn

from monarch_gpu.certify import drop_padding
from monarch_gpu.configs import GPTConfig
from monarch_gpu.dependence import FIXED, certify_causal, prove, prove_causal
from monarch_gpu.gpt import GPTForCausalLM
from monarch_theory.leaks.dependence import interval, latest, sets
from monarch_theory.leaks.dependence.certificate import packed
from monarch_theory.leaks.dependence.recheck import RULES, CertificateError, recheck

N, D = 8, 4


def causal(n=N):
    return torch.ones(n, n, dtype=torch.bool).tril()


def scores(t):
    return t @ t.transpose(1, 2)


def convolve(t, k, size):
    return torch.fft.irfft(torch.fft.rfft(t, size, 1) * torch.fft.rfft(k, size, 1), size, 1)[:, :N]


def attend(t, mask):
    return (scores(t) + mask).softmax(-1) @ t


def rows_of(t, keep):
    return t[:, :, None] * keep[..., None] + t[:, None] * keep.transpose(0, 1)[..., None]


def loop(t):
    state, out = torch.zeros(t.shape[0], D), []
    for i in range(N):
        state = torch.tanh(state + t[:, i])
        out.append(state)
    return torch.stack(out, 1)


def chunked(t, mask):
    keys, out = t[:, :0], []
    for c in t.split(4, 1):
        keys = torch.cat([keys, c], 1)
        m, n = c.shape[1], keys.shape[1]
        keep = torch.ones(m, n).tril(n - m) if mask else torch.ones(m, n)
        out.append((c @ keys.transpose(1, 2)).masked_fill(keep == 0, -torch.inf).softmax(-1) @ keys)
    return torch.cat(out, 1)


def topk_blocks(t, fill):
    blocks = t.view(1, N // 2, 2, D).mean(2)
    s = t @ blocks.transpose(1, 2)
    whole = torch.arange(N)[:, None] >= 2 * torch.arange(1, N // 2 + 1) - 1
    s = s.masked_fill(~whole, fill) if fill else s
    top = s.topk(2, -1).indices
    w = torch.zeros_like(s).scatter(-1, top, s.gather(-1, top).softmax(-1))
    return t + (w * whole) @ blocks


def routed(t, chosen_by, values):
    """Two of the channels of each token pass, as experts are chosen; attention after it, which needs finite numbers."""
    top = chosen_by.topk(2, -1).indices
    gate = torch.full_like(t, -torch.inf).scatter(-1, top, values.gather(-1, top)).sigmoid()
    return F.scaled_dot_product_attention(gate * t, t, t, is_causal=True)


def padding_of_data(t):
    keep = causal() & (t[..., 0] > -100)[:, None]
    return scores(t).masked_fill(~keep, -torch.inf).softmax(-1) @ t


def online_softmax(t):
    s = scores(t).masked_fill(~causal(), -torch.inf)
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return (e / e.sum(-1, keepdim=True)) @ t


def global_maximum(t):
    s = scores(t)
    e = torch.exp(s - s.amax(-1, keepdim=True)) * causal()
    return (e / e.sum(-1, keepdim=True)) @ t


def summary(t, shift):
    m = t.view(1, N // 4, 4, D).mean(2)
    m = torch.cat([torch.zeros_like(m[:, :1]), m[:, :-1]], 1) if shift else m
    return t + m.repeat_interleave(4, 1)


LEAKING = {
    "detached": lambda t: t + t.roll(-1, 1).detach(),
    "normal about the future": lambda t: torch.normal(t.flip(1), torch.zeros_like(t)),
    "normal as wide as the future": lambda t: torch.normal(0.0, t.flip(1).abs()),
    "argmax": lambda t: t + t.argmax(1, keepdim=True),
    "value at the argmax": lambda t: t + t.gather(1, t.argmax(1, keepdim=True)),
    "index from the future": lambda t: (
        torch.arange(N).double()[(t[0, :, 0].roll(-1, 0) * 3).long() % N][None, :, None] * t
    ),
    "roll": lambda t: t.roll(1, 1),
    "mean over time": lambda t: t - t.mean(1, keepdim=True),
    "mask built at run time": lambda t: scores(t).masked_fill((t[..., 0] < 0)[:, None], -torch.inf).softmax(-1) @ t,
    "mask of a large number": lambda t: attend(t, -1e9 * (~causal())),
    "mask of a large number, filled in": lambda t: scores(t).masked_fill(~causal(), -1e9).softmax(-1) @ t,
    "mask of the smallest number": lambda t: attend(t, torch.zeros(N, N).masked_fill(~causal(), torch.finfo().min)),
    "cumsum of a flip": lambda t: t.flip(1).cumsum(1).flip(1),
    "mask after softmax": lambda t: (scores(t).softmax(-1) * causal()) @ t,
    "transposed mask": lambda t: attend(t, torch.zeros(N, N).masked_fill(causal(), -torch.inf)),
    "strictly transposed mask": lambda t: scores(t).masked_fill(~causal().T, -torch.inf).softmax(-1) @ t,
    "mask one late": lambda t: scores(t).masked_fill(~torch.ones(N, N).tril(1).bool(), -torch.inf).softmax(-1) @ t,
    "a row masked whole": lambda t: t.flip(1) + 0 * attend(t, torch.full((N, N), -torch.inf).triu()),
    "nan chooses": lambda t: torch.where(
        torch.isnan(attend(t, torch.zeros(N, N).masked_fill(~causal().tril(-1), -torch.inf)) * 0), t.flip(1), t
    ),
    "infinity times zero": lambda t: torch.where(torch.isnan(torch.tensor(torch.inf) * (t * 0)), t.flip(1), t),
    "zero by zero": lambda t: torch.where(torch.isnan((t * 0) / (t * 0)), t.flip(1), t),
    "unpadded": lambda t: convolve(t, t, N),
    "one short of padded": lambda t: convolve(t, t, 2 * N - 2),
    "hilbert": lambda t: torch.fft.irfft(torch.fft.rfft(t, 2 * N, 1) * 1j, 2 * N, 1)[:, :N],
    "learned in frequency": lambda t: torch.fft.irfft(
        torch.fft.rfft(t, 2 * N, 1) * torch.arange(N + 1)[:, None], 2 * N, 1
    )[:, :N],
    "global maximum of scores": global_maximum,
    "routing by the sequence": lambda t: t * (t.mean(1, keepdim=True) > 0),
    "sorted": lambda t: t.sort(1).values,
    "rank": lambda t: t.argsort(1).argsort(1).double(),
    "above the median": lambda t: t * (t >= t.median(1, keepdim=True).values),
    "summary of the block": lambda t: summary(t, False),
    "chunks without a mask": lambda t: chunked(t, False),
    "blocks by an unmasked choice": lambda t: topk_blocks(t, None),
    "difference to the next": lambda t: F.pad(t[:, 1:] - t[:, :-1], (0, 0, 0, 1)),
    "cumulative maximum from behind": lambda t: t.flip(1).cummax(1).values.flip(1),
    "same convolution": lambda t: F.conv1d(t.transpose(1, 2), torch.ones(D, D, 3).double(), padding=1).transpose(1, 2),
    "rounded future": lambda t: t + 1e-6 * (t.roll(-1, 1) * 4).round(),
    "written in place": lambda t: t.clone().index_copy_(1, torch.tensor([0]), t[:, -1:]),
    "through the batch of another axis": lambda t: t.view(2, N // 2, D).flip(0).reshape(1, N, D),
    "last token of all": lambda t: t + t[:, -1:],
    "normalised over time": lambda t: F.layer_norm(t, (N, D)),
    "sum in a matrix": lambda t: torch.ones(N, N).double().triu() @ t,
    "through complex parts": lambda t: t + torch.view_as_real(torch.complex(t, t.flip(1)))[..., 1],
    "exponential of a long mask": lambda t: torch.exp(torch.where(causal(), 0.0, -30.0)).double() @ t,
    "softplus of the sum": lambda t: t * F.softplus(t.sum((1, 2), keepdim=True) * 1e-9),
    "bits": lambda t: t.flip(1).view(torch.int64).view(torch.float64),
    "places in memory": lambda t: t.transpose(1, 2).as_strided((1, N, D), (N * D, 1, N)),
    "written twice": lambda t: torch.zeros_like(t).index_put(
        (torch.tensor([0]), torch.tensor([0, 0])), torch.stack([t[0, 0], t[0, -1]])
    ),
    "a number of the data": lambda t: t * t.sum().item(),
    "a number computed on": lambda t: t + (t.sum().item() * 2 + 1),
    "routed by the next token": lambda t: routed(t, t.roll(-1, 1), t),
    "routed with the next token's weights": lambda t: routed(t, t, t.roll(-1, 1)),
    "masked by the choice of a later token": lambda t: torch.zeros_like(t).scatter(
        -1, t.roll(-1, 1).topk(2, -1).indices, -torch.inf
    ).exp() * t,
    "put at places along time": lambda t: torch.zeros_like(t).scatter(1, (t.abs() * 5).long() % N, t),
    "scatter": lambda t: torch.zeros_like(t).scatter_add(1, (t.abs() * 5).long() % N, t),
}  # fmt: skip

CAUSAL = {
    "masked_fill": lambda t: scores(t).masked_fill(~causal(), -torch.inf).softmax(-1) @ t,
    "where": lambda t: torch.where(causal(), scores(t), -torch.inf).softmax(-1) @ t,
    "added": lambda t: attend(t, torch.zeros(N, N).masked_fill(~causal(), -torch.inf)),
    "triu": lambda t: attend(t, torch.full((N, N), -torch.inf).triu(1)),
    "log of a mask": lambda t: attend(t, causal().double().log()),
    "by positions": lambda t: attend(t, torch.where(torch.arange(N) <= torch.arange(N)[:, None], 0.0, -torch.inf)),
    "padding by the data": padding_of_data,
    "experts chosen by the token": lambda t: routed(t, t, t),
    "channels masked by the token": lambda t: torch.zeros_like(t).scatter(
        -1, t.topk(2, -1).indices, -torch.inf
    ).softmax(-1) * t,
    "softmax by hand": online_softmax,
    "linear attention": lambda t: (scores(t) * causal()) @ t,
    "attention": lambda t: F.scaled_dot_product_attention(t, t, t, is_causal=True),
    "attention in chunks": lambda t: chunked(t, True),
    "aligned bottom right": lambda t: F.pad(
        F.scaled_dot_product_attention(t[:, 4:], t, t, torch.ones(4, N).tril(4).bool()), (0, 0, 4, 0)
    ),
    "padded": lambda t: convolve(t, t, 2 * N - 1),
    "padded twice": lambda t: convolve(convolve(t, t, 2 * N), t, 2 * N),
    "complex transforms": lambda t: torch.fft.ifft(
        torch.fft.fft(t, 2 * N, 1) * torch.fft.fft(t, 2 * N, 1), dim=1
    ).real[:, :N],
    "gathered": lambda t: t.gather(1, (torch.arange(N)[None, :, None] - torch.arange(D)).clamp_min(0)),
    "shift": lambda t: torch.cat([torch.zeros_like(t[:, :1]), t[:, :-1]], 1),
    "roll made right": lambda t: t.roll(1, 1) * (torch.arange(N) > 0)[:, None],
    "loop": loop,
    "cumulative mean": lambda t: t.cumsum(1) / torch.arange(1, N + 1)[:, None],
    "summary of blocks before": lambda t: summary(t, True),
    "blocks by a filled-in number": lambda t: topk_blocks(t, -1e9),
    "blocks by an infinite mask": lambda t: topk_blocks(t, -torch.inf),
    "convolution": lambda t: F.conv1d(F.pad(t.transpose(1, 2), (2, 0)), torch.ones(D, D, 3).double()).transpose(1, 2),
    "convolution, cut": lambda t: F.conv1d(
        t.transpose(1, 2), torch.ones(D, D, 3).double(), padding=2
    )[..., :N].transpose(1, 2),
    "masked taps": lambda t: F.conv1d(
        t.transpose(1, 2), torch.rand(D, D, 3).double() * torch.tensor([1.0, 1.0, 0.0]).double(), padding=1
    ).transpose(1, 2),
    "running maximum": lambda t: t.cummax(1).values,
    "unbound": lambda t: torch.stack([t[:, : i + 1].sort(1).values[:, 0] for i in range(N)], 1),
    "half precision": lambda t: attend(t.bfloat16(), torch.full((N, N), -torch.inf).triu(1).bfloat16()).to(t.dtype),
    "einsum": lambda t: torch.einsum("ij,bjd->bid", causal().double(), t),
    "token by token": lambda t: F.gelu(F.layer_norm(t, (D,))) * t.topk(2, -1).values.sum(-1, keepdim=True),
    "flip twice": lambda t: t.flip(1).flip(1),
    "drawn": lambda t: F.dropout(t, 0.5, training=True) + torch.randn(1, N, D),
}  # fmt: skip


def asked(cases):
    """All cases in one graph."""
    return Together(cases, torch.zeros(1, N, D, dtype=torch.float64))


@pytest.fixture(scope="module")
def leaking():
    return asked(LEAKING)


@pytest.mark.parametrize("lattice", [latest, interval, sets])
def test_what_leaks_is_never_proved(lattice, leaking):
    found = leaking.pairs(lattice)
    assert len(found) == len(LEAKING)
    assert not [name for name, pair in found.items() if pair is None]


@pytest.fixture(scope="module")
def causal_cases():
    return asked(CAUSAL)


def test_what_is_causal_is_proved(causal_cases):
    found = causal_cases.pairs(latest)
    assert len(found) == len(CAUSAL)
    assert not [name for name, pair in found.items() if pair is not None]


def test_sets_name_the_pair(leaking):
    found = leaking.pairs(sets)
    assert found["roll"] == (0, N - 1, N - 1)
    assert found["one short of padded"] == (0, N - 1, N - 1)
    assert found["unpadded"] == (0, 1, N - 1)
    assert found["mask one late"] == (0, 1, 1)


@pytest.fixture(scope="module")
def certified(causal_cases):
    """The certificate of all causal cases, as it is read from a file."""
    return json.loads(json.dumps(causal_cases.question.certificate()))


def test_a_certificate_is_rechecked(certified):
    assert recheck(certified) == f"causal at n = {N}"
    assert {step["rule"] for step in certified["steps"]} >= set(RULES) - {"everything", "forget"} - UNUSED


UNUSED = {"add_spectra", "collapse", "scale", "reverse", "suppose", "ranged", "of_format"}


def number(step):
    return next(v for k, v in step["result"].items() if k in ("value", "spectrum"))


def first_use(certificate, rule):
    """The first step of a rule whose result depends on something, and that result."""
    for step in certificate["steps"]:
        value = certificate["values"][number(step)]
        if step["rule"] == rule and value["terms"]:
            return step, value
    raise AssertionError(f"no step of {rule}")


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"everything", "forget", "bounded", "reshape"} - UNUSED))
def test_a_claim_of_too_little_is_caught(rule, certified):
    forged = copy.deepcopy(certified)
    step, value = first_use(forged, rule)
    forged["values"].append({**value, "terms": []})
    new = len(forged["values"]) - 1
    step["result"] = {k: new if k in ("value", "spectrum") else v for k, v in step["result"].items()}
    with pytest.raises(CertificateError, match="less dependence"):
        recheck(forged)


def test_forged_certificates_are_caught(certified):
    def forge(edit):
        forged = copy.deepcopy(certified)
        edit(forged)
        with pytest.raises(CertificateError):
            recheck(forged)

    def all_known(c):
        _, value = first_use(c, "pointwise")
        value["known"] = packed(np.ones([1] * len(value["shape"]), bool))

    def no_step(c):
        c["steps"].remove(first_use(c, "softmax")[0])

    def later(c):
        c["values"][c["outputs"][0]["value"]]["terms"][0] = packed(np.zeros((1, 1, 1), np.int32))

    def unknown_rule(c):
        c["steps"][0]["rule"] = "trust me"

    def nothing_judged(c):
        c["outputs"] = []

    def other_format(c):
        c["format"] = "1"

    def longer(c):
        c["n"] += 1

    for edit in (all_known, no_step, later, unknown_rule, nothing_judged, other_format, longer):
        forge(edit)


def test_a_leaking_output_has_no_certificate(leaking):
    with pytest.raises(CertificateError, match="may depend on a later input"):
        recheck(json.loads(json.dumps(leaking.question.certificate())))
    with pytest.raises(ValueError, match="proved causal"):
        certify_causal(lambda t: t.flip(1), [torch.zeros(1, N, D)], 1)


def tokens(n):
    return torch.zeros(1, n, dtype=torch.long)


def small(n, layers, **changes):
    return GPTConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=layers, vocab_size=7, num_attention_heads=2,
        max_position_embeddings=n, **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n", "layers", "transform"),
    [
        (16, 1, "fft"),
        pytest.param(64, 2, "fft", marks=pytest.mark.long),
        pytest.param(1024, 2, "monarch", marks=pytest.mark.long),
    ],
)
def test_m2_gpt_is_proved_and_is_not_without_padding(n, layers, transform):
    config = small(n, layers, transform=transform)
    whole = prove_causal(GPTForCausalLM(config).eval(), [tokens(n)], 1)
    assert (whole.verdict, whole.without_rule, whole.n) == ("proved", {}, n)
    assert whole.weights == len(list(GPTForCausalLM(config).parameters()))
    unpadded = prove_causal(drop_padding(GPTForCausalLM(config).eval(), layers - 1), [tokens(n)], 1)
    assert (unpadded.verdict, unpadded.pair, unpadded.furthest) == ("not proved", (0, 1), n - 1)
    assert f"transformer.h.{layers - 1}.sequence_mixer.long_convolution" in unpadded.entry.module
    assert "certify.py" in unpadded.entry.line and "rfft" in unpadded.entry.line


@pytest.mark.parametrize(("size", "proved"), [(2 * N, True), (2 * N - 1, True), (2 * N - 2, False), (N, False)])
def test_a_filter_whose_numbers_are_known_is_proved_as_one_of_weights_is(size, proved):
    def filtered(t):
        taps = 0.5 ** torch.arange(float(N), dtype=t.dtype)[:, None]
        product = torch.fft.rfft(t, n=size, dim=1) * torch.fft.rfft(taps, n=size, dim=0)
        return torch.fft.irfft(product, n=size, dim=1)[:, :N]

    assert prove_causal(filtered, [torch.zeros(1, N, D)], 1).proved is proved
    if proved:
        assert recheck(certify_causal(filtered, [torch.zeros(1, N, D)], 1)) == f"causal at n = {N}"


def test_encoder_layer_with_and_without_its_mask():
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    mask = nn.Transformer.generate_square_subsequent_mask(N)
    assert prove_causal(lambda t: layer(t, src_mask=mask, is_causal=True), [torch.zeros(2, N, 16)], 1).proved
    without = prove_causal(layer, [torch.zeros(2, N, 16)], 1)
    assert (without.verdict, without.pair, without.reason) == ("not proved", (0, 1), "dependence")
    assert without.entry.op.startswith("aten.scaled_dot_product_attention")


def test_a_mask_argument_is_taken_at_its_value_if_it_is_fixed():
    def model(t, mask):
        return (scores(t) + mask).softmax(-1) @ t

    mask = torch.full((N, N), -torch.inf).triu(1)
    assert prove_causal(model, [torch.zeros(1, N, D), mask], [1, FIXED]).proved
    assert not prove_causal(model, [torch.zeros(1, N, D), mask], [1, None]).proved


LEAST = float(torch.finfo().min)
WIDE = torch.finfo(torch.float64).min


def low(hidden, fill=LEAST):
    return torch.zeros(N, N).masked_fill(hidden, fill)


def with_sinks(t):
    s = torch.cat([scores(t) + low(~causal()), t[..., :1].mean((0, 1), keepdim=True) * torch.ones(1, N, 1)], -1)
    return (s - s.max(-1, keepdim=True).values).softmax(-1)[..., :N] @ t


FINITE = {
    "added": (lambda t: attend(t + 1, low(~causal())), LEAST),
    "a large number": (lambda t: attend(t, -1e9 * (~causal())), -1e9),
    "an old library's": (lambda t: attend(t, low(~causal(), -1e4)), -1e4),
    "chosen": (lambda t: torch.where(causal(), scores(t), -1e30).softmax(-1) @ t, -1e30),
    "filled in": (lambda t: scores(t).masked_fill(~causal(), -1e30).softmax(-1) @ t, -1e30),
    "twice": (lambda t: (scores(t).masked_fill(~causal(), -1e9) + low(~causal(), -1e9)).softmax(-1) @ t, -1e9),
    "clamped": (lambda t: (scores(t) + low(~causal())).maximum(torch.tensor(LEAST)).softmax(-1) @ t, LEAST),
    "in another format": (lambda t: (scores(t) + low(~causal(), -1e9)).float().softmax(-1).to(t.dtype) @ t, -1e9),
    "in the operator": (lambda t: F.scaled_dot_product_attention(t, t, t, low(~causal()).to(t.dtype)), LEAST),
    "of data, in the operator": (
        lambda t: F.scaled_dot_product_attention(t, t, t, t[..., :1].transpose(1, 2).masked_fill(~causal(), WIDE)),
        WIDE,
    ),
    "its maximum taken off": (lambda t: online(scores(t) + low(~causal())) @ t, LEAST),
}


def online(s):
    return (s - s.amax(-1, keepdim=True)).softmax(-1)


ALONE = {"added", "filled in", "in another format", "in the operator"}
"""Those asked by themselves daily; all of them together give a certificate below."""


@pytest.mark.parametrize("name", [n if n in ALONE else pytest.param(n, marks=pytest.mark.long) for n in FINITE])
def test_a_finite_mask_is_a_proof_under_a_condition_and_no_other(name):
    function, mask = FINITE[name]
    found = prove_causal(function, [torch.zeros(1, N, D, dtype=torch.float64)], 1, reach=1e300)
    assert (found.verdict, found.reason, found.proved) == ("proved under a condition", "finite mask", False)
    assert all(c.example <= 4 for c in found.conditions) and not all(c.met for c in found.conditions)
    assert found.pair == (0, 1) and "-inf" in found.detail
    assert [c.bound for c in found.conditions] == [pytest.approx(-mask / 8)] * len(found.conditions)
    assert f"stay within ±{-mask / 8:.3g} (at " in found.claim and any("e^-1000" in e for e in found.excludes)


@pytest.mark.parametrize("mask", sorted({mask for _, mask in FINITE.values()}))
def test_what_inputs_cannot_reach_is_proved_at_these_weights(mask):
    """All masks of one number in one graph, which is proved where each of them is."""
    functions = Cases({name: function for name, (function, least) in FINITE.items() if least == mask})
    size = 1e-3 if mask == WIDE else (-mask / 8 / D) ** 0.5 / 4
    found = prove_causal(functions, [torch.zeros(1, N, D, dtype=torch.float64)], 1, reach=size)
    assert (found.verdict, found.proved, found.conditional) == ("proved at these weights", False, False)
    assert f"for all finite inputs up to ±{size:.3g} at these values of 0 weights in float64" in found.claim
    assert len(found.outputs) == len(functions.cases) and len(found.conditions) >= len(functions.cases)
    assert all(c.met for c in found.conditions) and found.unbounded is None
    assert not any("overflow" in e for e in found.excludes)


class Decoder(nn.Module):
    """A decoder of tokens with a mask of finite numbers, as libraries have it."""

    def __init__(self, fill=LEAST, scale=1.0, layers=1):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.norm = nn.Embedding(16, 8), nn.LayerNorm(8)
        self.query, self.key, self.value, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.fill, self.layers = fill, layers
        with torch.no_grad():
            self.query.weight.mul_(scale)

    def forward(self, tokens, keep=None):
        x = self.embed(tokens)
        n = x.shape[1]
        hidden = torch.ones(n, n, dtype=torch.bool).triu(1)
        if keep is not None:  # padding
            hidden = hidden | ~keep[:, None]
        for _ in range(self.layers):
            h = self.norm(x)
            scores = self.query(h) @ self.key(h).transpose(1, 2) + torch.zeros(()).masked_fill(hidden, self.fill)
            x = x + F.gelu(self.out(scores.softmax(-1) @ self.value(h)))
        return x


TOKENS = torch.zeros(1, N, dtype=torch.int64)
WEIGHTS = {
    "proved at these weights": "for all finite inputs at these values",
    "proved for bounded weights": "for all finite inputs and all values up to ±100",
}


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        (Decoder(layers=2), "proved for bounded weights"),
        (Decoder(-1e4).double(), "proved at these weights"),  # weights of 1 would reach scores of 1250
        (Decoder(-1e4, scale=1e5).double(), "not proved"),  # which the example itself breaks
        (Decoder(-1e4, scale=100.0).double(), "proved under a condition"),
        (Decoder(-torch.inf), "proved"),
        (Decoder(-1e2), "not proved"),
    ],
)
def test_tokens_have_no_size_and_weights_decide(model, verdict):
    found = prove_causal(model, [TOKENS], 1)
    assert found.verdict == verdict
    if found.at_these_weights:
        assert found.reach is None and f"{WEIGHTS[found.verdict]} of 11 weights in {found.precision}" in found.claim
        assert [c.bound for c in found.conditions] == [pytest.approx(-model.fill / 8)] * model.layers
        assert found.short_of_overflow is (model.fill == LEAST)


def filled(model, size):
    """The model with all weights ±size, as far from 0 as they may be."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(size * (2.0 * torch.randint(0, 2, weight.shape) - 1))
    return model


def scores_of(model, tokens):
    """The largest score before the mask, of the first layer."""
    h = model.norm(model.embed(tokens))
    return float((model.query(h) @ model.key(h).transpose(1, 2)).abs().max().detach())


@pytest.mark.parametrize("fill", [LEAST, -1e20])
def test_bounded_weights_are_all_that_are_no_larger(fill):
    """The largest that the proof is for keep scores within their bound, and nothing leaks; a few powers more do not."""
    found = prove_causal(Decoder(fill), [TOKENS], 1)
    assert found.verdict == "proved for bounded weights" and found.weights_within >= 1
    largest = filled(Decoder(fill), found.weights_within)
    assert scores_of(largest, TOKENS) <= min(c.reached for c in found.conditions) <= -fill / 8
    changed = TOKENS.clone()
    changed[:, -1] = 5
    assert torch.equal(largest(TOKENS)[:, :-1], largest(changed)[:, :-1])
    beyond = filled(Decoder(fill), found.weights_within * 1e6)
    assert not scores_of(beyond, changed) <= -fill / 8
    assert prove_causal(beyond, [TOKENS], 1).verdict not in ("proved", "proved for bounded weights")


def test_weights_beyond_all_that_are_proved_are_not_among_them():
    model = Decoder(-1e20)
    within = prove_causal(model, [TOKENS], 1).weights_within
    with torch.no_grad():
        model.out.bias[0] = 20 * within  # of which no score knows
    found = prove_causal(model, [TOKENS], 1)
    assert (found.verdict, found.weights_within) == ("proved at these weights", None)


@pytest.mark.parametrize(
    ("dtype", "fill", "short"),
    [
        (torch.float32, torch.finfo(torch.float32).min, True),
        (torch.bfloat16, torch.finfo(torch.bfloat16).min, True),
        (torch.float64, torch.finfo(torch.float32).min, False),  # far from the overflow of double precision
        (torch.float16, torch.finfo(torch.float16).min, False),  # scores of 8000 are no sign of anything
        (torch.float32, torch.finfo(torch.float32).min / 2, False),
    ],
)
def test_short_of_overflow_is_said_of_the_least_number_of_a_wide_format_alone(dtype, fill, short):
    masked = lambda t: attend(t, low(~causal(), fill).to(dtype))  # noqa: E731
    found = prove_causal(masked, [torch.zeros(1, N, D, dtype=dtype)], 1, reach=1e30 if dtype != torch.float16 else 1e4)
    assert found.conditional and found.short_of_overflow is short, found
    assert ("short of overflow" in found.claim) is short


CAPPED = {
    "tanh": lambda t: 50 * torch.tanh(scores(t) / 50),
    "sigmoid": lambda t: 50 * torch.sigmoid(scores(t)) - 25,
    "clamp": lambda t: scores(t).clamp(-50, 50),
    "clamp of one end": lambda t: scores(t).clamp(max=50).clamp(min=-50),
    "cosine": lambda t: torch.cos(scores(t)),
}
CAPPED_WIDELY = {
    "tanh, nearly as large as the mask": lambda t: 5e8 * torch.tanh(scores(t)),
    "clamp, nearly as large as the mask": lambda t: scores(t).clamp(-5e8, 5e8),
    "clamp of the least alone": lambda t: scores(t).clamp(min=-50),
    "clamp by another tensor": lambda t: torch.clamp(scores(t), max=t.sum()),
    "divided by what may be small": lambda t: torch.tanh(scores(t)) / (t.sum() + 2),
    "tanh of what is masked": lambda t: torch.tanh(scores(t) + low(~causal(), -1e9)) * 1e9,
}


@pytest.mark.parametrize("name", [*CAPPED, *CAPPED_WIDELY])
def test_capped_scores_meet_a_mask_of_finite_numbers_with_all_weights(name):
    of = (CAPPED | CAPPED_WIDELY)[name]
    function = lambda t: (of(t) + low(~causal(), -1e9)).softmax(-1) @ t  # noqa: E731
    found = prove_causal(function, [torch.zeros(1, N, D, dtype=torch.float64)], 1)
    assert (found.verdict == "proved") is (name in CAPPED), found
    if found.proved:
        assert not found.conditions and any("e^-1000" in each for each in found.excludes)
        assert recheck(certify_causal(function, [torch.zeros(1, N, D, dtype=torch.float64)], 1)) == f"causal at n = {N}"


def test_a_forged_range_is_caught():
    function = lambda t: (CAPPED["tanh"](t) + low(~causal(), -1e9)).softmax(-1) @ t  # noqa: E731
    honest = json.loads(json.dumps(certify_causal(function, [torch.zeros(1, N, D, dtype=torch.float64)], 1)))

    def refused(match, **ends):
        forged = copy.deepcopy(honest)
        next(s for s in forged["steps"] if s["rule"] == "ranged")["arguments"].update(ends)
        with pytest.raises(CertificateError, match=match):
            recheck(forged)

    refused("expected ends within", least=-2.0)
    refused("expected ends within", least=0.5, most=0.25)
    wide = copy.deepcopy(honest)
    for step in wide["steps"]:  # the factor, a thousand million times as large
        if step["rule"] == "pointwise" and step["arguments"]["absorbing"] == "product":
            value = wide["values"][number(step)]
            if "bounds" in value:
                value["bounds"] = packed(np.array([-1e-3, 1e-3]).reshape(*[1] * len(value["shape"]), 2))
    with pytest.raises(CertificateError, match="narrower bounds"):
        recheck(wide)


@pytest.mark.parametrize("fill", [LEAST, -1e4, -1e9, torch.finfo(torch.float32).min / 2])
@pytest.mark.parametrize("padded", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_row_that_is_masked_all_over_sees_the_future_and_is_not_proved(fill, padded):
    """The leak of finite masks with padding on the left: such a row averages over all places, later ones too."""
    model, keep = Decoder(fill).to(torch.float64 if fill == -1e4 else torch.float32), torch.ones(1, N, dtype=torch.bool)
    keep[:, :padded] = False
    found = prove_causal(model, [TOKENS, keep], [1, FIXED])
    assert found.verdict == "not proved" and found.pair == (0, 1)
    changed = TOKENS.clone()
    changed[:, -1] = 5
    assert not torch.equal(model(TOKENS, keep)[:, 0], model(changed, keep)[:, 0])  # it does leak


@pytest.mark.parametrize("fill", [LEAST, pytest.param(torch.finfo(torch.float32).min / 2, marks=pytest.mark.long)])
def test_nothing_padded_leaves_the_proof_for_bounded_weights(fill):
    kept = prove_causal(Decoder(fill), [TOKENS, torch.ones(1, N, dtype=torch.bool)], [1, FIXED])
    assert kept.verdict == "proved for bounded weights"


def test_masks_that_add_up_to_a_row_that_is_masked_all_over_are_not_proved():
    def twice(t):  # the second mask hides what the first leaves of row 0
        first = torch.zeros(1, dtype=t.dtype).masked_fill(torch.arange(N)[:, None] + torch.arange(N) == 0, LEAST)
        return attend(t, low(~causal()) + first)

    assert prove_causal(twice, [torch.zeros(1, N, D)], 1).verdict == "not proved"


NEVER_MET = {
    "a number beyond the condition": lambda t: scores(t) + 1e6,
    "a positive function beyond it": lambda t: scores(t).exp() + 1e6,
}


@pytest.mark.parametrize("name", NEVER_MET)
def test_a_condition_that_no_input_meets_proves_nothing(name):
    function = NEVER_MET[name]
    leak = lambda t: (function(t) + low(~causal(), -1e4)).softmax(-1) @ t  # noqa: E731
    found = prove_causal(leak, [torch.zeros(1, N, D, dtype=torch.float64)], 1)
    assert (found.verdict, found.reason) == ("not proved", "finite mask")
    assert "for the example itself" in found.detail


def test_a_bound_that_may_overflow_discharges_nothing():
    overflowing = lambda t: attend(t.exp().exp() - t.exp().exp(), low(~causal()))  # noqa: E731
    found = prove_causal(overflowing, [torch.zeros(1, N, D)], 1)
    assert found.verdict == "proved under a condition" and "exp" in found.unbounded.op
    with pytest.raises(ValueError, match="reach: expected a positive number, got inf"):
        prove_causal(overflowing, [torch.zeros(1, N, D)], 1, reach=torch.inf)


def test_an_operator_without_a_row_discharges_nothing():
    sorted_of = lambda t: attend(t + torch.linalg.inv(t[:, :D, :D]).sum() * 0, low(~causal()))  # noqa: E731
    assert not prove_causal(sorted_of, [torch.zeros(1, N, D)], 1).at_these_weights


def test_a_certificate_of_a_proof_at_these_weights_is_one_under_a_condition():
    said = recheck(json.loads(json.dumps(certify_causal(Decoder(), [TOKENS], 1))))
    assert said.startswith(f"causal at n = {N}, on condition that numbers are finite and within ±4.25e+37 at ")


def test_a_sum_of_exponentials_leaves_out_what_a_mask_of_finite_numbers_hides():
    def with_a_sink(t):
        s = scores(t) + low(~causal())
        return torch.sigmoid(s.logsumexp(-1))[..., None] * (s.softmax(-1) @ t)

    found = prove_causal(with_a_sink, [torch.zeros(1, N, D)], 1)
    assert found.verdict == "proved at these weights"
    assert "on condition that" in recheck(certify_causal(with_a_sink, [torch.zeros(1, N, D)], 1))
    small = lambda t: (scores(t) + low(~causal(), -9e3)).logsumexp(-1)  # noqa: E731
    assert prove_causal(small, [torch.zeros(1, N, D)], 1).verdict == "not proved"
    assert prove_causal(lambda t: scores(t).logsumexp(-1), [torch.zeros(1, N, D)], 1).verdict == "not proved"


OPEN = {
    "a row with every place masked": lambda t: attend(t, low(~causal().tril(-1))),
    "a row with every place filled": lambda t: scores(t).masked_fill(~causal().tril(-1), LEAST).softmax(-1) @ t,
    "a place too many": lambda t: attend(t, low(~torch.ones(N, N).tril(1).bool())),
    "small numbers": lambda t: attend(t, low(~causal(), -9e3)),
    "by the data": lambda t: attend(t, torch.where(causal() & (t[..., 0] > 0)[:, None], 0.0, LEAST)),
    "after the softmax": lambda t: (scores(t).softmax(-1) + low(~causal())) @ t,
    "transposed": lambda t: attend(t, low(~causal().T)),
    "a factor between": lambda t: (1e-9 * (scores(t) + low(~causal(), -1e9))).softmax(-1) @ t,
    "the logarithm": lambda t: (scores(t) + low(~causal())).log_softmax(-1) @ t,
    "sinks that see all": with_sinks,
}


def test_a_condition_is_not_enough_for_what_leaks_within_it():
    together = asked(OPEN | {name: function for name, (function, _) in FINITE.items()})
    pairs = together.pairs(latest, supposing=True)
    assert {name for name, pair in pairs.items() if pair is not None} == set(OPEN)
    alone = OPEN["sinks that see all"], [torch.zeros(1, N, D, dtype=torch.float64)]
    assert prove_causal(*alone, 1).verdict == "not proved"


@pytest.mark.parametrize("name", FINITE)
def test_within_its_condition_nothing_moves_bit_by_bit(name):
    function, mask = FINITE[name]
    generator = torch.Generator().manual_seed(0)
    t = torch.randn(1, N, D, generator=generator, dtype=torch.float64)
    size = min(-mask / 8, 1e30) ** 0.5 / 10  # of inputs, whose products are the scores
    for scale in (1.0, size):
        before = function(t * scale)
        for i in range(N - 1):
            changed = t.clone()
            changed[:, i + 1 :] = torch.randn(1, N - 1 - i, D, generator=generator, dtype=torch.float64)
            assert torch.equal(function(changed * scale)[:, : i + 1], before[:, : i + 1])


@pytest.fixture(scope="module")
def conditional():
    """A certificate under a condition, as it is read from a file."""
    both = Cases({name: function for name, (function, _) in FINITE.items()})
    return json.loads(json.dumps(certify_causal(both, [torch.zeros(1, N, D, dtype=torch.float64)], 1)))


def test_a_certificate_under_a_condition_is_rechecked_and_says_which(conditional):
    said = recheck(conditional)
    assert said.startswith(f"causal at n = {N}, on condition that numbers are finite and within ±")
    assert "±1.25e+03 at " in said and "together.py" in said  # the least of one line


def test_forged_conditions_are_caught(conditional):
    def refused(match, edit):
        forged = copy.deepcopy(conditional)
        edit(forged)
        with pytest.raises(CertificateError, match=match):
            recheck(forged)

    def bounds_of(rule, least, most):
        def edit(c):
            step = next(s for s in c["steps"] if s["rule"] == rule and "bounds" in c["values"][number(s)])
            ones = [1] * len(c["values"][number(step)]["shape"])
            c["values"][number(step)]["bounds"] = packed(np.array([least, most]).reshape(*ones, 2))

        return edit

    def without_saying(c):
        c["format"] = "monarch dependence certificate 2"

    def infinite(c):
        next(s for s in c["steps"] if s["rule"] == "suppose")["arguments"]["size"] = {"number": "inf"}

    def beyond_the_mask(c):
        for s in c["steps"]:
            if s["rule"] == "suppose":
                s["arguments"]["size"] = min(10 * s["arguments"]["size"], 1.7e308)

    def unsupposed(c):
        c["steps"] = [s for s in c["steps"] if s["rule"] != "suppose"]
        without_saying(c)

    for rule in ("suppose", "pointwise", "choose", "expand", "reduce"):
        if any(s["rule"] == rule and "bounds" in conditional["values"][number(s)] for s in conditional["steps"]):
            refused("narrower bounds", bounds_of(rule, -1.0, 1.0))
    refused("something is supposed", without_saying)
    refused("expected a positive size", infinite)
    refused("narrower bounds", beyond_the_mask)
    refused("nothing gives|narrower bounds", unsupposed)


def masked_by_its_format(t, factor=D**-0.5, product=lambda t, factor: factor * scores(t)):
    mask = torch.zeros(N, N, dtype=t.dtype).masked_fill(~causal(), torch.finfo(t.dtype).min)
    return (product(t, factor) + mask).softmax(-1) @ t


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_product_that_is_divided_cannot_reach_the_mask_of_its_format(dtype):
    """What is finite before it is divided by √d stays below, whatever the weights are, and a certificate says so."""
    example = [torch.zeros(1, N, 8, dtype=dtype)]
    divided = lambda t: masked_by_its_format(t, 8**-0.5)  # noqa: E731
    found = prove_causal(divided, example, 1)
    assert found.proved and found.by_format and not found.conditions and any("e^-1000" in e for e in found.excludes)
    certificate = json.loads(json.dumps(certify_causal(divided, example, 1)))
    assert recheck(certificate) == f"causal at n = {N}"
    for step in certificate["steps"]:
        if step["rule"] == "of_format":
            step["arguments"]["largest"] = 1e30
    with pytest.raises(CertificateError, match="expected the largest number of a format"):
        recheck(certificate)


def test_below_the_largest_number_nothing_moves():
    t = torch.zeros(1, N, 8)
    t[0, :, 0] = 2.0**63.9 * (2.0 * torch.randint(0, 2, (N,), generator=torch.Generator().manual_seed(0)) - 1)
    assert scores(t).isfinite().all() and scores(t).max() > torch.finfo().max / 2
    before = masked_by_its_format(t, 8**-0.5)
    for i in range(N - 1):
        changed = torch.cat([t[:, : i + 1], -t[:, i + 1 :]], 1)
        assert torch.equal(masked_by_its_format(changed, 8**-0.5)[:, : i + 1], before[:, : i + 1])


WITHIN = {
    "half of it": lambda t: masked_by_its_format(t, 0.5),
    "a factor before": lambda t: masked_by_its_format(t, 8**-0.5, lambda t, c: (c * t) @ t.transpose(1, 2)),
    "in one operator": lambda t: masked_by_its_format(
        t, 8**-0.5, lambda t, c: torch.baddbmm(torch.zeros(1, N, N), t, t.transpose(1, 2), alpha=c)
    ),
}


@pytest.mark.parametrize("name", WITHIN)
def test_what_may_come_within_half_of_its_format_is_not_proved_by_it(name):
    """The product itself may be larger than M: a kernel may multiply by the factor first."""
    found = prove_causal(WITHIN[name], [torch.zeros(1, N, 8)], 1)
    assert not found.proved and found.reason == "finite mask"


def test_at_large_weights_a_mask_of_the_least_number_lets_the_future_through():
    """−M + 3/4 M is more than −3/4 M: the first output is the second input, though all numbers are finite."""
    query, key, least = 1.5 * 2.0**63, 2.0**64, torch.finfo(torch.float32).min

    def forward(x):
        s = (query * torch.ones(1, N, 1)) @ (key * x[..., :1]).transpose(1, 2)
        return (masked := s + low(~causal(), least)), masked.softmax(-1) @ x

    x = torch.zeros(1, N, 2)
    x[0, :2] = torch.tensor([[-1.0, 3.0], [1.0, 5.0]])
    masked, y = forward(x)
    assert masked.isfinite().all() and y[0, 0].tolist() == [1.0, 5.0]
    found = prove_causal(lambda x: forward(x)[1], [x], 1)
    assert found.verdict != "proved" and not found.by_format


def test_a_leak_behind_zero_weights_is_not_proved():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(D, D)
            nn.init.zeros_(self.out.weight)

        def forward(self, t):
            return t + self.out(t.mean(1, keepdim=True))

    found = prove_causal(Residual(), [torch.zeros(1, N, D)], 1)
    assert (found.verdict, found.pair, found.entry.op) == ("not proved", (0, 1), "aten.mean.dim")


def test_an_innocent_convolution_is_not_blamed():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.norm = nn.Conv1d(D, 8, 3), nn.GroupNorm(1, 8)

        def forward(self, t):
            return self.norm(torch.relu(self.convolution(F.pad(t, (2, 0)))))

    found = prove_causal(Net(), [torch.zeros(1, D, N)], 2)
    assert (found.pair, found.entry.op, found.entry.module) == (
        (0, 1), "aten.native_group_norm.default", "norm (GroupNorm)",
    )  # fmt: skip


def test_control_flow_by_the_data_is_not_proved():
    def branches(t):
        return t if t.sum() > 0 else t * 2

    found = prove_causal(branches, [torch.zeros(1, N, D)], 1)
    assert (found.verdict, found.reason) == ("not proved", "export")


def test_the_same_tensor_twice_keeps_both_axes():
    t = torch.zeros(1, N, D)
    assert prove_causal(lambda a, b: a + b.flip(1), [t, t], [1, None]).proved
    assert not prove_causal(lambda a, b: a.flip(1) + b, [t, t], [1, None]).proved
    keywords = {"b": torch.zeros(1, N, D), "a": t}
    assert prove_causal(lambda a, b: a + b.flip(1), [], [None, 1], keywords).proved
    assert not prove_causal(lambda a, b: a + b.flip(1), [], [1, None], keywords).proved


def test_a_proof_leaves_torch_as_it_was():
    """An export that fails within `vmap` stays there, in torch 2.13: all that was drawn afterwards was an error."""

    def along(row):
        return row.cumsum(0) + row[0] * 1e-5

    nested = torch.vmap(torch.vmap(along, in_dims=1, out_dims=1))
    assert not prove_causal(lambda x: nested(x).flip(1), [torch.zeros(1, 8, 4)], 1).proved
    assert torch.rand(2).shape == (2,)


def test_sizes_by_the_data_are_not_proved():
    found = prove_causal(lambda t: t + t[t > 0].sum(), [torch.zeros(1, N, D)], 1)
    assert (found.verdict, found.reason) == ("not proved", "size")


def test_an_operator_without_a_rule_is_named():
    found = prove_causal(lambda t: torch.linalg.inv(t), [torch.zeros(1, N, N)], 1)
    assert found.verdict == "not proved"
    assert any("inv" in name or "linalg" in name for name in found.without_rule)


def test_every_output_is_judged():
    both = prove_causal(lambda t: (t.sum(), {"a": t.cumsum(1), "b": t.flip(1)}), [torch.zeros(1, N, D)], 1)
    assert (both.verdict, both.unjudged, len(both.outputs)) == ("not proved", ("[0]",), 2)
    assert "['b']" in both.detail
    assert prove_causal(lambda t: t.sum(), [torch.zeros(1, N, D)], 1).reason == "no output"


def test_other_contracts():
    def averaged(t):
        return F.avg_pool1d(F.pad(t.transpose(1, 2), (2, 0)), 3, 1).transpose(1, 2)

    given = [torch.zeros(3, N, D)]
    assert prove(averaged, given, 1, "window of 3", lambda i, j: (j <= i) & (j > i - 3)).proved
    assert not prove(averaged, given, 1, "window of 2", lambda i, j: (j <= i) & (j > i - 2)).proved
    assert prove(lambda t: t.cumsum(1), given, 0, "batch independence", lambda i, j: i == j).proved
    assert not prove(lambda t: t - t.mean(0), given, 0, "batch independence", lambda i, j: i == j).proved
    strict = prove(lambda t: F.pad(t, (0, 0, 1, -1)), given, 1, "strictly causal", lambda i, j: j < i)
    assert strict.proved
    document = np.arange(N) // 3
    pairs = document[:, None] == document
    keep = torch.from_numpy(pairs) & causal()
    found = prove(lambda t: scores(t).masked_fill(~keep, -torch.inf).softmax(-1) @ t, given, 1, "documents",
                  lambda i, j: pairs[i, j])  # fmt: skip
    assert found.proved
    apart = np.abs(np.subtract.outer(np.arange(N), np.arange(N))) % 2 == 0
    keep_even = torch.from_numpy(apart)
    found = prove(lambda t: scores(t).masked_fill(~keep_even, -torch.inf).softmax(-1) @ t, given, 1, "same parity",
                  lambda i, j: apart[i, j], sets)  # fmt: skip
    assert found.proved


@pytest.mark.parametrize("axes", [[3], [1, 1], ["sequence"], [None], 5])
def test_bad_axes_are_named(axes):
    with pytest.raises(ValueError, match="sequence_axes: expected"):
        prove_causal(lambda t: t, [torch.zeros(1, N, D)], axes)


def test_sequences_of_different_lengths_are_named():
    with pytest.raises(ValueError, match="sequences of one length"):
        prove_causal(lambda t, s: t, [torch.zeros(1, N, D), torch.zeros(1, N + 1)], [1, 1])


def leaky(x, shift=-1):
    y = x.cumsum(1)
    return y + x.roll(shift, 1)


class Leaky:
    def __call__(self, x):
        return x + x.flip(1)

    def method(self, x):
        return x - x.mean(1, keepdim=True)


@pytest.mark.parametrize(
    ("function", "name", "line"),
    [
        (leaky, "leaky", "roll(shift, 1)"),
        (functools.partial(leaky, shift=-2), "leaky", "roll(shift, 1)"),
        (lambda x: x.flip(1), "<lambda>", "lambda x: x.flip(1)"),
        (Leaky(), "Leaky", "x + x.flip(1)"),
        (Leaky().method, "method", "x.mean(1, keepdim=True)"),
    ],
    ids=["function", "partial", "lambda", "object", "method"],
)
def test_a_dependence_enters_a_function_by_its_own_name_and_line(function, name, line):
    entry = prove_causal(function, [torch.zeros(1, 8, 4)], 1).entry
    assert entry.module == f"{__name__}.{name}" and line in entry.line and "test_proof.py" in entry.line
