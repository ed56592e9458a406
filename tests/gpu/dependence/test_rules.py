"""Each row of the table against brute force: every node of small graphs, one input changed at a time."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from monarch_gpu.dependence import prove_causal, table
from monarch_gpu.dependence.nan import KEEPING, keeps
from monarch_gpu.ops.torch import block_diagonal_multiply, long_convolution, monarch_dft, monarch_multiply
from monarch_theory.leaks.dependence.value import Dependence

N, D = 6, 4
aten = torch.ops.aten


def x(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*(shape or (2, N, D)), generator=generator, dtype=torch.float64).to(dtype)


def causal(n=N):
    return torch.ones(n, n, dtype=torch.bool).tril()


def attention(t, mask):
    scores = t @ t.transpose(1, 2)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1) @ t


def put(t):
    y = t.clone()
    y[:, 2] = t[:, 1]
    y[:, -1] *= 2
    return y


def picked(t, dim, index):
    return torch.gather(t, dim, index)


CASES = {
    # pointwise, and values that decide alone
    "mul": lambda t: t * torch.arange(N)[:, None] * 2,
    "mul by zeros": lambda t: t * (torch.arange(N) > 2)[:, None] + t.flip(1) * (torch.arange(N) < 2)[:, None],
    "div": lambda t: t / (1 + t**2) + 3 / (1 + t.abs()),
    "add sub": lambda t: 1 - t + t.roll(1, 1) - 3,
    "sum with infinity": lambda t: torch.exp(t[..., 0, None] + torch.zeros(N, N).masked_fill(~causal(), -torch.inf)),
    "alpha": lambda t: torch.add(t, t.flip(1), alpha=2),
    "logic": lambda t: ((t[..., 0] > 0)[:, None] & causal()) | (t[..., 1] > 1)[:, None],
    "bitwise": lambda t: (t[..., 0] > 0)[:, None].bitwise_or(~causal()) & (t[:, :, 1] > 0)[..., None],
    "logical": lambda t: torch.logical_or(torch.logical_and((t[..., 0] > 0)[:, None], causal()), ~causal()),
    "maximum": lambda t: torch.maximum(t, t.flip(1)) + torch.minimum(t, torch.tensor(-torch.inf)).exp(),
    "maximum known": lambda t: torch.maximum(t, torch.tensor(torch.inf)).reciprocal(),
    "neg": lambda t: -t,
    "where": lambda t: torch.where(causal()[:, :D], t, t.flip(1)) + torch.where(t > 0, t.roll(1, 1), 0.0),
    "masked_fill": lambda t: t.masked_fill(t > 0, 0.0) + t.masked_fill(causal()[:, :D], 1.0),
    "casts": lambda t: (t.to(torch.float32).to(torch.float64), t.clone(), t.int(), t.detach().contiguous()),
    "clamp": lambda t: t.clamp(-1, 1) + t.clamp_min(0),
    "complex": lambda t: torch.view_as_real(torch.complex(t, t.flip(1)) * torch.view_as_complex(t[..., :2])[..., None]),
    "conj": lambda t: (torch.complex(t, t.flip(1)).conj().resolve_conj() * 1j).imag,
    "rsub": lambda t: torch.rsub(t, 1.0) + torch.true_divide(t, 3),
    "copy": lambda t: torch.zeros_like(t).copy_(t) + torch.zeros(2, N, D).fill_(1.0),
    # movement
    "view": lambda t: t.reshape(2, N // 2, 2, D).transpose(1, 2).reshape(2 * N, D).view(4, -1),
    "squeeze": lambda t: t[:, :, :1].squeeze(-1),
    "t": lambda t: t[0].t().unsqueeze(0).permute(2, 0, 1).expand(N, 3, D),
    "select": lambda t: t[:, 2] + t.select(1, -1),
    "slice": lambda t: t[:, 1:-1:2] + t[:, ::2][:, :2],
    "split": lambda t: t.split(4, 1)[1] + t.chunk(3, 1)[0] * t.split([1, 2, 3], 1)[1],
    "unbind": lambda t: torch.stack(t.unbind(1)[::-1], 1),
    "flip": lambda t: t.flip(1, 2),
    "flip no axis": lambda t: t.flip(1).flip([]),
    "roll": lambda t: t.roll((1, 2), (1, 2)),
    "roll all": lambda t: t.roll(3),
    "cat": lambda t: torch.cat([t[:, 1:], torch.zeros(2, 1, D), t[:, :0]], 1),
    "pad": lambda t: F.pad(t, (1, -1, 2, 1), value=3.0) + F.pad(t, (0, 0, -1, 4)),
    "reflect": lambda t: F.pad(t.transpose(1, 2), (2, 1), mode="reflect") + F.pad(
        t.transpose(1, 2), (2, 1), mode="replicate"
    ),
    "repeat": lambda t: t.repeat(1, 2, 1) + t.repeat_interleave(2, 1),
    "unfold": lambda t: t.unfold(1, 3, 2),
    "diagonal": lambda t: t.diagonal(dim1=1, dim2=2) + t[0].diagonal(1).sum(),
    "as_strided": lambda t: t.as_strided((2, 3), (D, 1), 1),
    "scatter views": lambda t: put(t),
    "select_scatter": lambda t: aten.select_scatter(t, t[:, 0] * 2, 1, 3),
    "diagonal_scatter": lambda t: aten.diagonal_scatter(t[0], t[0, :D, 0]),
    "index known": lambda t: t[:, torch.tensor([3, 1, 1])] + t[:, torch.tensor([[0], [1], [2]]), torch.tensor([2])],
    "index unknown": lambda t: t[:, (t[0, :, 0].abs() * 3).long() % N],
    "index both": lambda t: t[:, (t[0, :3, 0].abs() * 3).long() % N, torch.tensor([0, 1, 2])],
    "index apart": lambda t: t[(t[0, :3, 0] > 0).long(), :, torch.tensor([0, 1, 2])],
    "distances": lambda t: (
        torch.cdist(t, t.roll(1, 1)[:, :3]).mean(-1) + torch.cdist(t[..., :2], t[:1, :2, :2]).sum(-1)
    ),
    "buckets": lambda t: (
        torch.bucketize(t, torch.tensor([-1.0, 0.0, 1.0])) + torch.bucketize(t, t[0, 0].sort().values)
    ),
    "places in rows": lambda t: torch.searchsorted(t.sort(-1).values, t + 0.1)
    + torch.searchsorted(t[0, :, 0].sort().values, t),
    "gather known": lambda t: torch.gather(t, 1, torch.tensor([5, 0, 2, 2])[None, :, None].expand(2, 4, D)),
    "gather": lambda t: torch.gather(t, 1, (t.abs() * 3).long() % N) + torch.gather(t, 2, (t.abs() * 3).long() % D),
    "take along": lambda t: torch.take_along_dim(t, t.argsort(1), 1),
    "index_select": lambda t: t.index_select(1, torch.tensor([2, 2, 0])) + t.index_select(
        1, (t[0, :3, 0].abs() * 3).long() % N
    ),
    "index_put": lambda t: t.index_put((torch.tensor([0, 1]), torch.tensor([4, 2])), t[:, 0]),
    "index_put unknown": lambda t: t.index_put((torch.tensor([0]), (t[0, :1, 0].abs() * 3).long() % N), t[:1, 0]),
    "scatter": lambda t: t.scatter(1, torch.tensor([1, 4])[None, :, None].expand(2, 2, D), t[:, 3:5]),
    "scatter number": lambda t: t.scatter(1, torch.tensor([1, 4])[None, :, None].expand(2, 2, D), 7.0),
    "scatter unknown": lambda t: torch.zeros_like(t).scatter(2, (t.abs() * 3).long() % D, t.flip(1)),
    "scatter onto": lambda t: t.flip(1).scatter(1, torch.arange(N)[None, :, None].expand(2, N, D), t, reduce="multiply")
    + t.roll(1, 1).scatter(1, torch.tensor([1, 4])[None, :, None].expand(2, 2, D), 1.0, reduce="add"),
    "scatter_add": lambda t: torch.zeros_like(t).scatter_add(1, (t.abs() * 3).long() % N, t),
    "scatter_reduce": lambda t: torch.zeros_like(t).scatter_reduce(1, (t.abs() * 3).long() % N, t, "amax"),
    "tril": lambda t: t.tril() + t.triu(1).flip(1),
    # mixing
    "sum": lambda t: t.sum(1) + t.mean((1, 2))[:, None] + t.sum() + t[:, :3].sum(-1).prod(1, keepdim=True),
    "any": lambda t: ((t > 1).any(1), (t > 0).all(1), (t > 0).any(), (t > 0).sum(1)),
    "any of no axis": lambda t: (torch.any(t.flip(1) > 1, ()), torch.all(t.flip(1) > 0, ()), t.sum([]), t.amax(())),
    "known row": lambda t: torch.cat([torch.zeros(2, 1, D), t], 1).mean(2),
    "extrema": lambda t: (t.amax(1), t.amin(2), t.max(1), t.min(1).values, t.max(), t.argmax(1), t.argmin(2)),
    "amax of a mask": lambda t: (t[..., :1] - t[:, None, :, 1]).masked_fill(~causal(), -torch.inf).amax(-1),
    "spread": lambda t: (t.var(1), t.std(2, keepdim=True), torch.var_mean(t, 1), t.norm(dim=1), t.logsumexp(1)),
    "sort": lambda t: (t.sort(1), t.topk(2, 2), t.argsort(1), t.kthvalue(2, 1), t.median(1), t.mode(2)),
    "median of all": lambda t: t.median() + t[:, :2],
    "scan": lambda t: (t.cumsum(1), t.cumprod(2), t.logcumsumexp(1), t.cummax(1), t.cummin(1)),
    "scan back": lambda t: t.flip(1).cumsum(1).flip(1),
    "softmax": lambda t: t.softmax(1) + t.log_softmax(2),
    "matmul": lambda t: t @ t.transpose(1, 2) @ t + (t[0] @ t[0, 0])[..., None],
    "mask product": lambda t: causal().double() @ t,
    "dot": lambda t: t[0, :, 0].dot(t[1, :, 0]) + t[0].mv(t[0, 1]),
    "addmm": lambda t: torch.addmm(t[0], t[0] @ t[0].T, t[0], beta=2) + torch.addmv(t[0, :, 0], t[0], t[0, 0])[:, None],
    "baddbmm": lambda t: torch.baddbmm(t, causal().double().expand(2, N, N), t),
    "einsum": lambda t: torch.einsum("bid,bjd,ij->bid", t, t, causal().double()),
    "attention": lambda t: attention(t, causal()),
    "attention by data": lambda t: attention(t, causal() & (t[..., 0] > -5)[:, None]),
    "sdpa": lambda t: F.scaled_dot_product_attention(t, t, t, is_causal=True),
    "sdpa mask": lambda t: F.scaled_dot_product_attention(t, t, t, attn_mask=causal()),
    "sdpa float": lambda t: F.scaled_dot_product_attention(
        t, t, t, torch.zeros(N, N, dtype=torch.float64).masked_fill(~causal(), -torch.inf)
    ),
    "sdpa top left": lambda t: F.scaled_dot_product_attention(t[:, 2:], t, t, is_causal=True),
    "sdpa grouped": lambda t: F.scaled_dot_product_attention(
        t[:, None].expand(2, 4, N, D), t[:, None, :, :].expand(2, 2, N, D), t[:, None].expand(2, 2, N, D),
        is_causal=True, enable_gqa=True,
    ),
    "pool": lambda t: (F.avg_pool1d(t.transpose(1, 2), 3, 1, 1), F.max_pool1d(t.transpose(1, 2), 2, 2)),
    "pool 2": lambda t: (F.avg_pool2d(t[:, None], (2, 1)), F.max_pool2d(t[:, None], 2, 1, padding=1)),
    # transforms
    "padded": lambda t: torch.fft.irfft(
        torch.fft.rfft(t, 2 * N, 1) * torch.fft.rfft(t.detach().sum() * 0 + torch.arange(N).double(), 2 * N)[:, None],
        2 * N, 1,
    )[:, :N],
    "wrapping": lambda t: torch.fft.irfft(torch.fft.rfft(t, dim=1) * torch.fft.rfft(t.flip(1), dim=1), N, 1),
    "short of a wrap": lambda t: torch.fft.irfft(torch.fft.rfft(t, 8, 1) * torch.fft.rfft(t, 8, 1), 8, 1)[:, :N],
    "hilbert": lambda t: torch.fft.irfft(torch.fft.rfft(t, 2 * N, 1) * 1j, 2 * N, 1),
    "scaled": lambda t: torch.fft.irfft(-torch.fft.rfft(t, 2 * N, 1) * 2 / 3, 2 * N, 1)[:, :N],
    "scaled by a tensor": lambda t: torch.fft.irfft(
        torch.fft.rfft(t, 2 * N, 1) * torch.arange(D).double() / torch.arange(1, D + 1), 2 * N, 1
    ),
    "complex transform": lambda t: torch.fft.ifft(torch.fft.fft(t, 2 * N, 1) * torch.fft.fft(t, 2 * N, 1), dim=1).real,
    "twice": lambda t: torch.fft.fft(torch.fft.fft(t, dim=1), dim=1).real,
    "inverse first": lambda t: torch.fft.fft(torch.fft.ifft(t, 2 * N, 1) * torch.fft.ifft(t, 2 * N, 1), dim=1).real,
    "correlation": lambda t: torch.fft.irfft(
        torch.fft.rfft(t, 2 * N, 1) * torch.fft.rfft(t, 2 * N, 1).conj(), 2 * N, 1
    ),
    "other length": lambda t: torch.fft.irfft(torch.fft.rfft(t, 8, 1), 10, 1),
    "sum of spectra": lambda t: torch.fft.irfft(torch.fft.rfft(t, dim=1) + torch.fft.rfft(t.roll(1, 1), dim=1), N, 1),
    "fewer frequencies": lambda t: torch.fft.irfft(torch.fft.rfft(t, dim=1)[:, :2], N, 1),
    "moved spectrum": lambda t: torch.fft.irfft(
        (torch.fft.rfft(t, 2 * N, 1).transpose(1, 2)[:, 1:, None].expand(2, D - 1, 2, N + 1) * 2).flatten(1, 2), 2 * N
    ),
    "two axes": lambda t: torch.fft.fft2(t).real,
    "one after the other": lambda t: torch.fft.ifft(torch.fft.fft(torch.fft.fft(t, dim=2), dim=1), dim=1).real,
    "modulus": lambda t: torch.fft.rfft(t, dim=1).abs() + torch.fft.rfft(t, dim=2).abs().sum(-1)[:, :4, None],
    "hfft": lambda t: torch.fft.hfft(torch.complex(t, t), dim=1),
    "long convolution": lambda t: long_convolution(t.transpose(1, 2), torch.ones(D, N, dtype=torch.float64)),
    "long convolution of data": lambda t: long_convolution(t.transpose(1, 2), t[0].T, gate=t.transpose(1, 2)),
    "circular": lambda t: long_convolution(t.transpose(1, 2), t[0].T, causal=False),
    "monarch_dft": lambda t: monarch_dft(torch.complex(t, t).transpose(1, 2), (2, 3)).real,
    "monarch_multiply": lambda t: monarch_multiply(t, torch.ones(2, 2, 2).double(), torch.ones(2, 2, 2).double()),
    "blocks": lambda t: block_diagonal_multiply(t, torch.ones(2, 2, 2).double()),
    "blocks in time": lambda t: block_diagonal_multiply(t.transpose(1, 2), torch.ones(2, 3, 3).double()),
    # made from shapes
    "likes": lambda t: torch.zeros_like(t) + torch.ones_like(t) + torch.full_like(t, 2.0) + t.new_zeros(D) + t.new_ones(
        1
    ) + t.new_full((1,), 3.0) + t * 0,
    "random": lambda t: torch.rand_like(t) * t + torch.randn_like(t) + (t.sigmoid().bernoulli() + torch.rand(1)) * t,
    "random by data": lambda t: aten.bernoulli.Tensor(t, t.flip(1).sigmoid().nan_to_num(0.5))
    + torch.normal(0.0, t.roll(1, 1).abs().nan_to_num(1.0)),
    "random numbers": lambda t: t[:, torch.randperm(N)] + torch.randint(0, 3, (1,)) + t * torch.randint_like(t, 4)
    + torch.randn(1) + torch.normal(0.0, 1.0, (1,)),
    "uninitialised": lambda t: torch.empty_like(t).copy_(t) + t.new_empty(2, N, D).fill_(1.0) + torch.empty(
        1
    ).fill_(2.0) + torch.empty_strided((1,), (1,)).fill_(0.0) + t.new_empty_strided((1,), (1,)).fill_(1.0),
    "counts": lambda t: (t.count_nonzero(1), t.nansum(1), (t > 0).count_nonzero()),
    "slice_scatter": lambda t: aten.slice_scatter(t, t[:, :2] * 2, 1, 3, 5),
    "other dtypes": lambda t: (
        (t.int() * 2).masked_fill(t > 0, 3) + (t * 3).int().clone().fill_(0.5) + torch.zeros_like(t.int()).copy_(t * 2),
        (t > 1).clone().fill_(0.5) & (t > 0),
        torch.where(t.half().masked_fill(t > 0, 65504.0) > 65000, t, 0.0) * t.bool().clone().fill_(7),
    ),
    "zero": lambda t: t.clone().zero_() + t.clone().fill_(2.0) * t,
}  # fmt: skip


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, D)
        self.positions = nn.Embedding(N, D)

    def forward(self, tokens):
        return self.embedding(tokens) + self.positions(torch.arange(N)) + self.positions.weight[:N]


MODULES = {
    "embedding": (Table, torch.randint(0, 5, (2, N)), 1),
    "embedding in float": (lambda: nn.Embedding(5, D), torch.randint(0, 5, (2, N)), 1),
    "layer norm": (lambda: nn.LayerNorm(D), x(), 1),
    "layer norm of time": (lambda: nn.LayerNorm((N, D)), x(), 1),
    "rms norm": (lambda: nn.RMSNorm(D), x(), 1),
    "group norm": (lambda: nn.GroupNorm(2, D), x(2, D, N), 2),
    "group norm of tokens": (lambda: nn.GroupNorm(2, N), x(2, N, D), 1),
    "batch norm": (lambda: nn.BatchNorm1d(D).eval(), x(2, D, N), 2),
    "batch norm in training": (lambda: nn.BatchNorm1d(D), x(2, D, N), 2),
    "batch norm of its own": (lambda: nn.BatchNorm1d(D, track_running_stats=False).eval(), x(2, D, N), 2),
    "lstm": (lambda: nn.LSTM(D, 3, batch_first=True), x(), 1),
    "lstm in two": (lambda: nn.LSTM(D, 3, 2, batch_first=True, bidirectional=True), x(), 1),
    "lstm in columns": (lambda: nn.LSTM(D, 3, 2), x(N, 2, D), 0),
    "gru": (lambda: nn.GRU(D, 3, batch_first=True), x(), 1),
    "gru unbatched": (lambda: nn.GRU(D, 3), x(N, D), 0),
    "rnn": (lambda: nn.RNN(D, 3, batch_first=True), x(), 1),
    "relu rnn": (lambda: nn.RNN(D, 3, nonlinearity="relu"), x(N, 1, D), 0),
    "convolution": (lambda: nn.Conv1d(D, 6, 3, padding=2, dilation=2, groups=2), x(2, D, N), 2),
    "strided": (lambda: nn.Conv1d(D, 6, 3, stride=2), x(2, D, N), 2),
    "unbatched": (lambda: nn.Conv1d(D, 6, 3, padding="same"), x(D, N), 1),
    "two axes": (lambda: nn.Conv2d(2, 2, (3, 2), padding=(1, 0), stride=(1, 2)), x(1, 2, N, 4), 2),
    "channels are tokens": (lambda: nn.Conv1d(N, N, 2), x(2, N, D), 1),
    "depthwise tokens": (lambda: nn.Conv1d(N, N, 2, groups=N), x(2, N, D), 1),
    "grouped tokens": (lambda: nn.Conv1d(N, N, 2, groups=2), x(2, N, D), 1),
    "transposed": (lambda: nn.ConvTranspose1d(D, 3, 3, stride=2, padding=1, output_padding=1), x(2, D, N), 2),
    "transposed, dilated": (lambda: nn.ConvTranspose1d(D, 2, 2, dilation=3, groups=2), x(2, D, N), 2),
    "bilinear": (lambda: nn.Bilinear(D, D, 2), None, 1),
    "dropout": (lambda: nn.Dropout(0.5), x(), 1),
    "encoder": (lambda: nn.TransformerEncoderLayer(D, 2, 8, batch_first=True).eval(), x(), 1),
    "attention with weights": (lambda: Weighted(), x(), 1),
}


class Weighted(nn.Module):
    """Attention that also returns its weights, so that it is not fused."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(D, 2, batch_first=True)

    def forward(self, t):
        return self.attention(t, t, t, attn_mask=~causal(), need_weights=True)


def masked_weight(module):
    """A convolution whose weight is masked by a buffer: its last tap is a known zero."""
    return F.conv1d(module, torch.ones(D, D, 3).double() * torch.tensor([1.0, 1.0, 0.0]).double(), padding=1)


class Case(nn.Module):
    """A function, as a module with a name in the graph."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, t):
        return self.function(t)


class Together(nn.Module):
    """All cases in one graph, each with its own input."""

    def __init__(self, cases):
        super().__init__()
        self.cases = nn.ModuleList(cases)

    def forward(self, inputs):
        return [case(given) for case, given in zip(self.cases, inputs, strict=True)]


LAYERS = {name: layer for name, layer in MODULES.items() if layer[1] is not None}


@pytest.fixture(scope="module")
def functions(experiment):
    """One experiment with all functions."""
    return experiment(Together(map(Case, CASES.values())), [[x() for _ in CASES]], [1] * len(CASES))


@pytest.fixture(scope="module")
def whole_functions(experiment):
    """The same with no operator decomposed."""
    return experiment(Together(map(Case, CASES.values())), [[x() for _ in CASES]], [1] * len(CASES), whole=True)


@pytest.fixture(scope="module")
def layers(experiment):
    """One experiment with all layers, weights at random."""
    torch.manual_seed(0)
    made = [make().double() for make, _, _ in LAYERS.values()]
    masked = Case(masked_weight)
    inputs = [*(given.clone() for _, given, _ in LAYERS.values()), x(2, D, N)]
    return experiment(Together([*made, masked]), [inputs], [*(axis for _, _, axis in LAYERS.values()), 2], trials=2)


def named(wrong, names):
    """What is wrong by the name of the case."""
    return {names[int(path.split(".")[1])] if "." in path else path: found for path, found in wrong.items()}


def test_no_node_of_a_function_moves_but_as_claimed(functions):
    assert not named(functions.disagreements(), list(CASES))


@pytest.mark.long
def test_no_node_of_a_function_moves_but_as_claimed_undecomposed(whole_functions):
    assert not named(whole_functions.disagreements(), list(CASES))


def test_no_node_of_a_layer_moves_but_as_claimed(layers):
    assert not named(layers.disagreements(), [*LAYERS, "masked weight"])


UNREACHED = {
    "detach", "contiguous", "lift_fresh_copy", "t", "transpose", "reshape", "matmul", "_unsafe_view", "to",
    "true_divide", "conj_physical", "_conj_physical", "_safe_softmax", "_unsafe_index", "_unsafe_index_put",
    "resolve_conj", "resolve_neg",
}  # fmt: skip
"""Other names of operators that are exercised, which decompositions leave in some versions of PyTorch only."""


@pytest.mark.long
def test_every_row_is_exercised(functions, whole_functions, layers):
    swept = {*table.POINTWISE, *table.TAMED}  # by the sweep below
    rest = set(table.RULES) - functions.ops - whole_functions.ops - layers.ops - swept - UNREACHED
    assert not rest, " ".join(sorted(rest))


def test_a_spectrum_times_infinity_is_of_no_filter():
    """What is zero beyond the end of a padded signal is no zero after it."""

    def proved(number):
        return prove_causal(
            lambda t: torch.fft.irfft(torch.fft.rfft(t, 2 * N, 1) * number, 2 * N, 1)[:, :N], [x()], 1
        ).proved

    assert proved(2.0) and not proved(torch.inf) and not proved(torch.nan)


def overloads(name):
    packet = getattr(aten, name)
    return [getattr(packet, o) for o in packet.overloads() if "out" not in o]


def arguments(op, number):
    """Tensors where the operator takes tensors, numbers where it takes numbers; None if that is beyond this test."""
    given = []
    for argument in op._schema.arguments:
        kind = str(argument.type)
        if kind == "Tensor":
            given.append(None)
        elif op is aten.clamp.default:
            return [None, number]
        elif argument.has_default_value():
            break
        elif kind in ("number", "Scalar", "float"):
            given.append(number)
        elif kind == "int":
            given.append(1)
        else:
            return None
    return given


@pytest.mark.parametrize("name", (*table.POINTWISE, *table.TAMED))
def test_pointwise_operators_are(name):
    """Run as they are, without a graph: an element of the result moves with that element of the operands alone."""
    tried = 0
    for op in overloads(name):
        for dtype in (torch.float64, torch.int64, torch.complex128):
            given = arguments(op, 0.5 if dtype == torch.float64 else 2)
            if given is None:
                continue
            base = [(x(3, 4) * 2).abs().add(0.1 + k).to(dtype) if a is None else a for k, a in enumerate(given)]
            try:
                before = op(*base)
            except (RuntimeError, NotImplementedError):
                continue
            tried += 1
            for place, argument in enumerate(base):
                for change in (1, 3):
                    if not isinstance(argument, torch.Tensor):
                        continue
                    edited = argument.clone()
                    edited[1, 2] += change
                    after = op(*base[:place], edited, *base[place + 1 :])
                    before_, after_ = (r if isinstance(r, torch.Tensor) else r[0] for r in (before, after))
                    same = (before_ == after_) | ((before_ != before_) & (after_ != after_))
                    same[1, 2] = True
                    assert same.all()
    assert tried


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_tamed_functions_are_finite_at_minus_infinity(dtype):
    low = torch.tensor(-torch.inf, dtype=dtype)
    assert not [name for name in table.TAMED if not getattr(aten, name).default(low).isfinite()]
    assert not aten.log.default(low).isfinite() and not aten.silu.default(low).isfinite()  # that it would be seen


def test_a_nan_stays_one_where_it_is_said_to(functions, layers):
    assert not functions.ending_nan(keeps) and not layers.ending_nan(keeps)
    assert {"gt", "sort", "argmax"} <= functions.ending_nan(lambda node: True)


@pytest.mark.parametrize("name", sorted({*table.POINTWISE, *table.TAMED} & KEEPING - {"real", "imag"}))
def test_a_pointwise_operator_that_is_said_to_keeps_a_nan(name):
    for op in overloads(name):
        given = arguments(op, 0.5)
        tensors = () if given is None else range(given.count(None))
        for lost in tensors:
            operands, k = list(given), 0
            for place, argument in enumerate(given):
                if argument is None:
                    operands[place] = torch.tensor(torch.nan if k == lost else 0.25, dtype=torch.float64)
                    k += 1
            try:
                result = op(*operands)
            except (RuntimeError, NotImplementedError):
                continue
            first = result if isinstance(result, torch.Tensor) else result[0]
            assert first.isnan().all() or not first.is_floating_point(), op


def forgetful(rule):
    """The rule, without what its first output depends on."""

    def wrong(call):
        result = rule(call)
        first = result[0] if isinstance(result, list | tuple) else result
        if isinstance(first, Dependence):
            first = replace(first, terms=())
        else:
            first = replace(first, signal=replace(first.signal, terms=()))
        return [first, *result[1:]] if isinstance(result, list | tuple) else first

    return wrong


@pytest.mark.parametrize(
    "row, case",
    [("mul", "mul"), ("cumsum", "scan"), ("sort", "sort"), ("_softmax", "softmax"), ("bmm", "attention"),
     ("scaled_dot_product_attention", "sdpa"), ("_fft_c2r", "padded"), ("monarch::fourier", "long convolution"),
     ("monarch::multiply", "blocks"), ("gather", "gather"), ("index", "index unknown"),
     ("bucketize", "buckets"), ("searchsorted", "places in rows"), ("_cdist_forward", "distances"), ("flip", "flip"),
     ("constant_pad_nd", "pad"), ("where", "where"), ("cat", "cat"), ("amax", "extrema"), ("view", "view")],
)  # fmt: skip
def test_brute_force_catches_a_row_that_forgets(row, case, functions, monkeypatch):
    monkeypatch.setitem(table.RULES, row, forgetful(table.RULES[row]))
    assert functions.disagreements(within=f"cases.{list(CASES).index(case)}")
