"""What two graphs side by side claim, held against two runs; and that a wrong rule is caught at that."""

import functools
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from monarch_gpu.dependence import alongside
from monarch_gpu.dependence.alongside import PARTS, Alongside, compared
from monarch_gpu.dependence.interpret import name_of
from monarch_gpu.dependence.proof import FIXED, posed
from monarch_theory.leaks.dependence import part
from monarch_theory.leaks.dependence.part import Pair

N, K, BATCH, WIDTH = 7, 4, 2, 4
PLACES = {"the first": (N, K, 0), "the last": (N, K, 3), "all but the last": (N, N - 1, 0)}


def weight(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


W, TABLE, FILTER = weight(WIDTH, WIDTH), weight(5, WIDTH), weight(WIDTH, WIDTH, 3)
LSTM = nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True).double()
GRU = nn.GRU(WIDTH, WIDTH, batch_first=True).double()


def tril(x, diagonal=0):
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(diagonal)


def scores(x):
    return x @ W @ x.mT


def kept(x, mask):
    """Zeros where the input is padded."""
    return x * mask[..., None]


CASES = {
    "mul": lambda x, m: x * torch.arange(x.shape[1])[:, None].flip(0),
    "add": lambda x, m: x + x.flip(1),
    "where": lambda x, m: torch.where(tril(x), scores(x), scores(x.flip(1))),
    "sum": lambda x, m: x.sum(1, keepdim=True) + x,
    "mean": lambda x, m: kept(x, m).mean(1),
    "amax": lambda x, m: x.amax(1) + x.amax(1),
    "any": lambda x, m: ((x > 1).any(1), torch.any(x > 1, ()), torch.all(x > 1, ())),
    "argmax": lambda x, m: x.argmax(1),
    "max": lambda x, m: x.max(1).values,
    "logsumexp": lambda x, m: scores(x).logsumexp(-1),
    "var": lambda x, m: x.var(1),
    "_softmax": lambda x, m: scores(x).softmax(-1),
    "_log_softmax": lambda x, m: x.log_softmax(1),
    "cumsum": lambda x, m: x.cumsum(1),
    "cumprod": lambda x, m: x.cumprod(1),
    "cummax": lambda x, m: x.cummax(1).values,
    "logcumsumexp": lambda x, m: x.logcumsumexp(1),
    "sort": lambda x, m: x.sort(1).values,
    "bmm": lambda x, m: x.mT @ x,
    "mm": lambda x, m: (x[0].mT @ x[0])[None] + x[:, :1],
    "addmm": lambda x, m: torch.addmm(W, x[0].mT, x[0]),
    "native_layer_norm": lambda x, m: functional.layer_norm(x, x.shape[1:]),
    "native_group_norm": lambda x, m: functional.group_norm(x.mT, 2),
    "scaled_dot_product_attention": lambda x, m: functional.scaled_dot_product_attention(x, x, x),
    "convolution": lambda x, m: functional.conv1d(x.mT, FILTER, padding=1),
    "avg_pool2d": lambda x, m: functional.avg_pool1d(x.mT, 3, 1, padding=1),
    "max_pool2d_with_indices": lambda x, m: functional.max_pool2d(x, (3, 1), 1, padding=(1, 0)),
    "_fft_r2c": lambda x, m: torch.fft.rfft(x, dim=1).abs(),
    "_fft_c2c": lambda x, m: torch.fft.ifft(torch.fft.fft(x, dim=1) ** 2, dim=1).real,
    "_fft_c2r": lambda x, m: torch.fft.irfft(torch.fft.rfft(x, dim=1) ** 2, n=x.shape[1], dim=1),
    "lstm": lambda x, m: LSTM(x)[0],
    "gru": lambda x, m: GRU(x.flip(1))[0],
    "gather": lambda x, m: x.gather(1, x.argsort(1)),
    "index": lambda x, m: x[:, torch.arange(x.shape[1]).flip(0)],
    "flip": lambda x, m: (x.flip(1), x.flip(1).flip([])),
    "cat": lambda x, m: torch.cat([x, x], 1),
    "select": lambda x, m: x[:, x.shape[1] // 2],
    "slice": lambda x, m: x[:, x.shape[1] // 2 :],
    "constant_pad_nd": lambda x, m: functional.pad(x, (0, 0, x.shape[1], 0)),
    "view": lambda x, m: x.reshape(-1, WIDTH),
    "repeat": lambda x, m: x.repeat(1, 2, 1),
    "diagonal": lambda x, m: scores(x).flip(1).diagonal(0, 1, 2),
    "split_with_sizes": lambda x, m: x.split([x.shape[1] - 1, 1], 1)[1],
}
"""For each row of the table a use at which the usual places, those of the inputs, are wrong for some start."""

LONG = weight(N, WIDTH, seed=9)
LONG_FILTERS = {
    "padded to twice as many": lambda x, m: by_transforms(x, 2 * x.shape[1]),
    "padded as little as can be": lambda x, m: by_transforms(x, 2 * x.shape[1] - 1),
    "padded to a power of two": lambda x, m: by_transforms(x, 8 if x.shape[1] <= 4 else 16),
    "scaled before": lambda x, m: by_transforms(x, 4 * x.shape[1], "forward", 4 * x.shape[1]),
    "of complex transforms": lambda x, m: torch.fft.ifft(
        torch.fft.fft(x, n=16, dim=1) * torch.fft.fft(LONG[: x.shape[1]], n=16, dim=0), dim=1
    ).real[:, : x.shape[1]],
    "twice": lambda x, m: by_transforms(x * by_transforms(x, 16), 2 * x.shape[1]) + x,
}
WRONG_FILTERS = {
    "unpadded": lambda x, m: by_transforms(x, x.shape[1]),
    "one place too few": lambda x, m: by_transforms(x, 2 * x.shape[1] - 2),
    "scaled by another length": lambda x, m: by_transforms(x, 2 * x.shape[1], over=x.shape[1]),
    "not scaled": lambda x, m: by_transforms(x, 2 * x.shape[1], "forward"),
    "from the end": lambda x, m: by_transforms(x, 2 * x.shape[1], kernel=LONG[-x.shape[1] :]),
    "turned around": lambda x, m: multiplied(x, 16, lambda spectrum: spectrum.conj()),
    "of what wraps around": lambda x, m: multiplied(x, 2 * x.shape[1] - 2, lambda spectrum: spectrum, -x.shape[1]),
    "a factor for each frequency": lambda x, m: multiplied(
        x, 2 * x.shape[1], lambda spectrum: spectrum * torch.arange(spectrum.shape[1])[:, None]
    ),
    "read as integers": lambda x, m: multiplied(
        x.float(), 2 * x.shape[1], lambda spectrum: (spectrum.view(torch.int64) * 3).view(torch.complex64)
    ),
}
UNCLAIMED_FILTERS = {
    "times a number of more axes": lambda x, m: multiplied(
        x[None], 16, lambda spectrum: spectrum[0] * torch.full((1, 1, 1, 1), 2.0)
    )[0],
    "divided by a number of more axes": lambda x, m: multiplied(
        x[None], 16, lambda spectrum: spectrum[0] / torch.full((1, 1, 1, 1), 2.0)
    )[0],
    "padded before": lambda x, m: by_transforms(functional.pad(x, (0, 0, 1, 0)), 4 * x.shape[1])[:, 1:],
}

HOLDING = {
    "attention": lambda x, m: scores(x).masked_fill(~tril(x), -torch.inf).softmax(-1) @ x,
    "attention, by the operator": lambda x, m: functional.scaled_dot_product_attention(x, x @ W, x, is_causal=True),
    "attention, by a mask": lambda x, m: functional.scaled_dot_product_attention(x, x, x, attn_mask=tril(x)),
    "attention, with distances": lambda x, m: functional.scaled_dot_product_attention(x, x, x, attn_mask=distances(x)),
    "filter": lambda x, m: functional.conv1d(functional.pad(x.mT, (2, 0)), FILTER).mT,
    "filter, cut": lambda x, m: functional.conv1d(x.mT, FILTER, padding=2)[..., : x.shape[1]].mT,
    "recurrence": lambda x, m: GRU(x)[0],
    "steps": lambda x, m: steps(x),
    "sums": lambda x, m: x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None],
    "a matrix of ones": lambda x, m: tril(x).double() @ x,
    "of each place": lambda x, m: functional.layer_norm(torch.tanh(x @ W), (WIDTH,)) * x.mean(-1, keepdim=True),
    "maxima of three": lambda x, m: functional.max_pool1d(functional.pad(x.mT, (2, 0)), 3, 1).mT,
    "averages of three": lambda x, m: functional.avg_pool1d(functional.pad(x.mT, (2, 0)), 3, 1).mT,
    **{f"long filter, {name}": function for name, function in LONG_FILTERS.items()},
    "heads": lambda x, m: x.unflatten(-1, (2, 2)).transpose(1, 2).transpose(1, 2).flatten(2),
    "rotary": lambda x, m: turned(x),
}
DIFFERING = {
    "attention to all": lambda x, m: functional.scaled_dot_product_attention(x, x, x),
    "attention, one ahead": lambda x, m: functional.scaled_dot_product_attention(x, x, x, attn_mask=tril(x, 1)),
    "scaled by the length": lambda x, m: x.cumsum(1) / x.shape[1],
    "places from the end": lambda x, m: x + torch.arange(x.shape[1]).flip(0)[:, None],
    "filter, centred": lambda x, m: functional.conv1d(x.mT, FILTER, padding=1).mT,
    "shortest of all": lambda x, m: x - x.amin(1, keepdim=True),
    "weights cut off and not divided again": lambda x, m: (scores(x).softmax(-1) * tril(x)) @ x,
    "another way for odd lengths": lambda x, m: x.cumsum(1) if x.shape[1] % 2 else x.cumsum(1) * 2,
    "averages of three, centred": lambda x, m: functional.avg_pool1d(x.mT, 3, 1, padding=1).mT,
    **{f"long filter, {name}": function for name, function in WRONG_FILTERS.items()},
    "distances as a share": lambda x, m: x * (torch.arange(x.shape[1]) / x.shape[1])[:, None],
}
HIDING = {
    "sums of what is kept": lambda x, m: kept(x, m).cumsum(1),
    "mean of what is kept": lambda x, m: x - (kept(x, m).sum(1, keepdim=True) / m.sum(1)[:, None, None]),
    "filter of what is kept": lambda x, m: functional.conv1d(functional.pad(kept(x, m).mT, (2, 0)), FILTER).mT,
    "attention to what is kept": lambda x, m: functional.scaled_dot_product_attention(
        x, x, x, attn_mask=m.bool()[:, None]
    ),
}


def by_transforms(x, size, norm="backward", over=1, kernel=None):
    """The filter of as many places as there are inputs, by transforms of a length that may be too short."""
    kernel = (LONG if kernel is None else kernel)[: x.shape[1]]
    spectrum = torch.fft.rfft(kernel, n=size, dim=0) / over
    return torch.fft.irfft(torch.fft.rfft(x, n=size, dim=1) * spectrum, n=size, dim=1, norm=norm)[:, : x.shape[1]]


def multiplied(x, size, change, start=0):
    """A filter by transforms, of which the spectrum of the inputs is changed first."""
    spectrum = change(torch.fft.rfft(x, n=size, dim=-2)) * torch.fft.rfft(LONG[: x.shape[-2]], n=size, dim=0)
    return torch.fft.irfft(spectrum, n=size, dim=-2)[..., start:, :][..., : x.shape[-2], :]


def distances(x):
    i = torch.arange(x.shape[1], dtype=x.dtype)
    return (-(i[:, None] - i).abs()).masked_fill(~tril(x), -torch.inf)


def turned(x):
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (2, 2))) * turns(x)).flatten(2)


def turns(x):
    angles = 0.1 * torch.arange(2.0 * x.shape[1], dtype=x.dtype).view(-1, 2)
    return torch.polar(torch.ones_like(angles), angles)


def steps(x):
    state, found = x[:, 0] * 0, []
    for k in range(x.shape[1]):
        state = torch.tanh(state @ W + x[:, k])
        found.append(state)
    return torch.stack(found, 1)


class All(nn.Module):
    def __init__(self, cases):
        super().__init__()
        self.cases, self.modules_of = cases, nn.ModuleList([LSTM, GRU])

    def forward(self, x, mask):
        return {name: case(x, mask) for name, case in self.cases.items()}


class Watched(fx.Interpreter):
    """A run that keeps what every node gives."""

    def __init__(self, graph):
        super().__init__(graph)
        self.seen = {}

    def run_node(self, n):
        self.seen[n] = super().run_node(n)
        return self.seen[n]


def values_of(question, x, mask):
    given = iter((x, mask))
    held = [
        next(given) if spec.target is None else question._held(spec.target)
        for spec in question.program.graph_signature.input_specs
    ]
    watched = Watched(question.program.graph_module)
    with torch.no_grad():
        watched.run(*held)
    return watched.seen


class Beside:
    """Two graphs of the same functions, and two runs of them."""

    def __init__(self, cases, n, k, start, masked=False):
        self.module = All(cases).eval()
        xs = [weight(BATCH, n, WIDTH, seed=5)]
        xs.append(xs[0][:, start : start + k].clone())
        masks = [torch.ones(BATCH, n, dtype=torch.float64), torch.ones(BATCH, k, dtype=torch.float64)]
        masks[0][:, :start] = 0 if masked else 1
        masks[0][:, start + k :] = 0 if masked else 1
        pairs = list(zip(xs, masks, strict=True))
        self.questions = [posed(self.module, each, [1, FIXED], "c", lambda i, j: j <= i) for each in pairs]
        self.both = Alongside(*self.questions, start)
        self.runs = [values_of(q, *each) for q, each in zip(self.questions, pairs, strict=True)]

    def false_claims(self, rows=None):
        """Operators of nodes of which something is claimed that the two runs show to be otherwise."""
        self.both.run(rows)
        wrong = set()
        for node, pairs in self.both.pairs.items():
            sides = [run[n] for run, n in zip(self.runs, (self.both.mates[node], node), strict=True)]
            several = isinstance(pairs, list)
            rows_of = zip(pairs, *sides, strict=False) if several else [(pairs, *sides)]
            if not all(true(pair, long, short) for pair, long, short in rows_of):
                wrong.add(named(node))
        return wrong

    def agree(self):
        self.both.run()
        return {name.split("'")[1] for name, _, agrees in self.both.outputs() if agrees}


def named(node):
    return name_of(node.target) if isinstance(node.target, torch._ops.OpOverload) else str(node.target)


def true(pair, long, short):
    if not isinstance(pair, Pair) or pair.part is None or pair.known:
        return True
    valid = [np.flatnonzero(p >= 0) for p in pair.part]
    ours, theirs = short.detach().numpy(), long.detach().numpy()
    if valid:
        ours, theirs = ours[np.ix_(*valid)], theirs[np.ix_(*(p[v] for p, v in zip(pair.part, valid, strict=True)))]
    return np.allclose(ours, theirs, rtol=1e-9, atol=1e-12, equal_nan=True)


@functools.cache
def beside(kind, places):
    filters = LONG_FILTERS | WRONG_FILTERS | UNCLAIMED_FILTERS
    cases = {"cases": CASES, "holding": HOLDING, "differing": DIFFERING, "hiding": HIDING, "filters": filters}[kind]
    return Beside(cases, *PLACES[places], masked=kind == "hiding" or kind == "cases")


@pytest.mark.long
@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("kind", ["cases", "holding", "differing", "hiding"])
def test_no_claim_is_false(kind, places):
    assert not beside(kind, places).false_claims()


def test_no_claim_is_false_of_what_padding_hides():
    assert not beside("hiding", "the last").false_claims()
    assert beside("hiding", "the last").false_claims({**PARTS, "constant_pad_nd": usual_places})


def test_transforms_of_padded_signals_are_a_filter_whatever_they_are_padded_to():
    filters = beside("filters", "the first")
    assert filters.agree() - set(UNCLAIMED_FILTERS) == set(LONG_FILTERS) and not filters.false_claims()


WRONG_TRANSFORMS = {
    "what wraps is forgotten": ("same_terms", lambda e, q, *rest: True),
    "any zero will do": ("noughts", lambda value, axis, around: np.arange(value.shape[axis]) > 3),
}


@pytest.mark.parametrize("name", WRONG_TRANSFORMS)
def test_a_wrong_rule_of_transforms_is_caught(name, monkeypatch):
    monkeypatch.setattr(part, *WRONG_TRANSFORMS[name])
    assert beside("filters", "the first").false_claims()


def test_a_norm_that_is_not_looked_at_is_caught(monkeypatch):
    monkeypatch.setattr(alongside, "_factors", lambda number: (Fraction(1), Fraction(1)))
    assert beside("filters", "the first").false_claims()


def usual_places(step):
    found = [step.expected(k) for k in range(len(step.short))]
    return found if len(found) > 1 else found[0]


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_a_rule_that_takes_the_usual_places_is_caught(name):
    wrong = set()
    for places in PLACES:
        wrong |= beside("cases", places).false_claims({**PARTS, name: usual_places})
    assert name in wrong


@pytest.mark.long
def test_what_agrees_is_proved_and_what_does_not_is_not():
    assert beside("holding", "the first").agree() == set(HOLDING)
    assert beside("holding", "all but the last").agree() == set(HOLDING)
    assert not beside("differing", "the first").agree() and not beside("differing", "all but the last").agree()
    assert beside("hiding", "the last").agree() == set(HIDING)
    assert beside("hiding", "the first").agree() == set(HIDING)


@pytest.mark.long
def test_every_row_of_the_table_is_met():
    kinds = [beside(kind, "the first").both for kind in ("cases", "holding", "hiding")]
    assert len({named(node) for both in kinds for node in both.mates} & set(PARTS)) >= 45


OF_ONE = {
    "a number": (lambda x: x * 2, lambda x: x * 3),
    "a word": (lambda x: functional.gelu(x), lambda x: functional.gelu(x, approximate="tanh")),
    "an axis": (lambda x: x.softmax(-1), lambda x: x.softmax(1)),
    "a truth value": (lambda x: x.sort(-1).values, lambda x: x.sort(-1, descending=True).values),
    "a format": (lambda x: x.float().double(), lambda x: x.half().double()),
    "a norm": (lambda x: by_transforms(x, 14), lambda x: by_transforms(x, 14, "forward")),
    "a constant": (lambda x: x @ W, lambda x: x @ W.mT),
    "an order": (lambda x: (x, x.exp()), lambda x: (x.exp(), x)),
    "a shape": (lambda x: torch.stack([x, x.exp()], -1).flatten(2), lambda x: torch.cat([x, x.exp()], -1)),
    "a number of arrays": (lambda x: torch.cat([x, x.exp()], -1), lambda x: torch.cat([x, x.exp(), x], -1)),
    "a rate": (lambda x: torch.add(x.exp(), x), lambda x: torch.add(x.exp(), x, alpha=2)),
    "a default": (lambda x: functional.layer_norm(x, (4,)), lambda x: functional.layer_norm(x, (4,), eps=0.1)),
    "a padding": (lambda x: functional.pad(x, (1, 0)), lambda x: functional.pad(x, (1, 0), value=1.0)),
    "a mask": (lambda x: x.masked_fill(x > 0, 0.0), lambda x: x.masked_fill(x >= 0, 0.0)),
}
"""Two functions that differ in one word of one step."""


@pytest.mark.parametrize("differing", OF_ONE)
def test_what_differs_in_one_word_is_not_proved_to_be_the_same(differing):
    x = torch.zeros(BATCH, N, WIDTH, dtype=torch.float64)
    f, g = (posed(f, [x], 1, "", lambda i, j: True) for f in OF_ONE[differing])
    assert compared(f, f, apart=True)["proved"] and compared(g, g, apart=True)["proved"]
    assert not compared(f, g, apart=True)["proved"] and not compared(g, f, apart=True)["proved"]


class Masked(nn.Module):
    """A layer of torch's with a mask, and what may be left of it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x, src_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1]))


class Holding:
    """An object that is no module, and holds one."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        return self.layer(x, src_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1]))

    def without(self, x):
        return self.layer(x)


def over(layer):
    """Functions over a module that do as `Masked`."""
    mask = nn.Transformer.generate_square_subsequent_mask
    by_name = {"layer": layer}
    return {
        "closure": lambda x: layer(x, src_mask=mask(x.shape[1])),
        "partial": functools.partial(lambda held, x: held(x, src_mask=mask(x.shape[1])), layer),
        "object": Holding(layer),
        "in a dictionary": lambda x: by_name["layer"](x, src_mask=mask(x.shape[1])),
    }


@pytest.mark.parametrize("kind", over(None))
def test_a_function_over_a_module_has_its_weights(kind):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
    again = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
    again.load_state_dict(layer.state_dict())
    x = torch.zeros(1, N, 4)
    ours, theirs, wrong = (
        posed(model, [x], 1, "causal", lambda i, j: j <= i)
        for model in (Masked(layer), over(again)[kind], Holding(again).without)
    )
    found = compared(ours, theirs, apart=True)
    assert found["proved"] and found["weights"] == len(list(layer.parameters()))
    assert not compared(ours, wrong, apart=True)["proved"]
