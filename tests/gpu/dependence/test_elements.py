"""Elements of one term are equal in every run; a wrong row is caught at that; steps are proved to be a full pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import fx, nn

from monarch_gpu.dependence import elements
from monarch_gpu.dependence.alongside import compared
from monarch_gpu.dependence.elements import ROWS, Elements
from monarch_gpu.dependence.interpret import Interpretation
from monarch_gpu.dependence.proof import posed
from monarch_gpu.dependence.table import plain
from monarch_gpu.dependence.tensors import as_array
from monarch_theory.leaks.dependence import latest
from monarch_theory.leaks.dependence.terms import Terms

N, D = 5, 4


FIRST = (torch.arange(N) < 2)[:, None]


def causal(n=N):
    return torch.ones(n, n, dtype=torch.bool).tril()


def hidden(fill=-torch.inf):
    return torch.zeros(N, N, dtype=torch.float64).masked_fill(~causal(), fill)


def weight(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


W, TAPS = weight(D, D), weight(D, D, 3)
TABLE = weight(3, D)

CASES = {
    "sub": lambda x: (x - x.flip(1), x - 1, torch.rsub(x, 1.0), torch.add(x, x.flip(1), alpha=2)),
    "add": lambda x: (x + x.flip(1), x.flip(1) + x, x + 0, x + 2),
    "mul": lambda x: (x * x.flip(1), 3 * x, x * 0, x / x.flip(1), x.exp() ** 2, 2 ** x),
    "clamp": lambda x: (x.clamp(min=0.1), x.clamp(max=0.1), x.clamp(0.1), x.clamp(None, 0.1)),
    "lerp": lambda x: (torch.addcmul(x, x.flip(1), x, value=2), torch.addcmul(x, x.flip(1), x, value=3)),
    "where": lambda x: (torch.where(causal()[:, :D], x, x.flip(1)), torch.where(x > 0, x, x.flip(2)),
                        x.masked_fill(x > 0, 1.0), x.int().masked_fill(x > 0, 2), x.bool().masked_fill(x > 0.1, True)),
    "casts": lambda x: (x.float().double(), x.int(), x.to(torch.float64), (x * 3).int() / 2),
    "movement": lambda x: (x.flip(1), x.roll(1, 1), x.mT.reshape(1, N, D), x[:, 1:3], x.repeat(1, 2, 1), x[:, 2],
                           torch.cat([x, x[:, :2]], 1), F.pad(x, (1, 2)), F.pad(x, (0, 0, 1, 0), value=2.0),
                           x.unfold(1, 2, 1), x.diagonal(dim1=1, dim2=2)),
    "index": lambda x: (x[:, torch.tensor([3, 0])], x.gather(1, torch.zeros(1, 2, D).long()),
                        x.index_select(1, torch.tensor([1, 1])), x.gather(1, x.argsort(1))),
    "scatter": lambda x: (torch.ops.aten.slice_scatter(x, x[:, :2], 1, 2, 4), torch.ops.aten.select_scatter(
        x, x[:, 0], 1, 3)),
    "embedding": lambda x: F.embedding((x > 0).long() + (x > 1).long(), TABLE),
    "mm": lambda x: (x[0].T @ x[0], x @ x.mT, x @ W, torch.addmm(x[0], x[0], W), x[0] @ x[0, 0], x[0, 0].dot(x[0, 1])),
    "addmm": lambda x: (torch.addmm(x[0], x[0], W, beta=2), torch.addmm(x[0], x[0], W, alpha=3)),
    "bmm": lambda x: torch.baddbmm(x, hidden().exp()[None], x),
    "sum": lambda x: (x.sum(1), x.sum((1, 2)), x.sum(), (x * causal()[:, :D]).sum(1), x.mean(1), x[:, :3].mean(1)),
    "neutral": lambda x: (x[:, :2].mean(1), torch.where(FIRST, x, 0.0).mean(1), x[:, :2].amax(1), x[:, :2].amin(1),
                          torch.where(FIRST, x, torch.inf).amax(1), torch.where(FIRST, x, -torch.inf).amin(1)),
    "extrema": lambda x: (x.amax(1), x.amin(1), x.max(1), x.min(1).values, x.max(), torch.maximum(x, x.flip(1))),
    "spread": lambda x: (x.var(1), x.var(1, correction=0), x.std(1), x.norm(dim=1), x.norm(3, dim=1), x.logsumexp(1)),
    "masked": lambda x: ((x @ x.mT + hidden()).amax(-1), (x @ x.mT + hidden()).logsumexp(-1)),
    "integers": lambda x: (x[:, :1].sum(1, dtype=torch.int64), x.cumsum(1, dtype=torch.int32),
                           torch.ops.aten.select_scatter(x > 1, (3 * x[:, 0]).int(), 1, 3),
                           F.pad(x.int(), (1, 2), value=0.5),
                           torch.ops.aten.slice_scatter(x.int(), x[:, :2], 1, 2, 4), torch.cat([x.int(), x], 1),
                           x[:, :1].mean(1, dtype=torch.float32), torch.add(x.int(), 1), x.int() * 0.5),
    "cumsum": lambda x: (x.cumsum(1), x.flip(1).cumsum(1), x.cumsum(2)),
    "softmax": lambda x: ((x @ x.mT + hidden()).softmax(-1), x.softmax(1), x.log_softmax(2), x.log_softmax(1)),
    "attention": lambda x: (F.scaled_dot_product_attention(x, x, x.flip(1)),
                            F.scaled_dot_product_attention(x, x, x.flip(1), scale=2.0),
                            F.scaled_dot_product_attention(x, x, x, is_causal=True),
                            F.scaled_dot_product_attention(x, x, x, attn_mask=causal()),
                            F.scaled_dot_product_attention(x, x, x, attn_mask=hidden(-1.0)),
                            F.scaled_dot_product_attention(x[..., :2], x[..., :2], x[..., :2])),
    "norm": lambda x: (F.layer_norm(x, (D,)), F.layer_norm(x, (N, D)), F.layer_norm(x, (D,), W[0]), F.layer_norm(
        x, (D,), None, W[0]), F.layer_norm(x, (D,), eps=0.5)),
    "convolution": lambda x: (F.conv1d(x.mT, TAPS), F.conv1d(x.mT, TAPS, W[0], padding=2), F.conv1d(
        x.mT, TAPS[:, :2], groups=2, dilation=2), F.conv1d(x.mT, TAPS, stride=2, padding=1)),
    "others": lambda x: (x.sort(1), torch.fft.fft(x, dim=1).abs(), x.cumprod(1), x.prod(1), torch.randn_like(x)),
}  # fmt: skip


class Together(nn.Module):
    """All cases in one graph, of one input."""

    def __init__(self, cases):
        super().__init__()
        self.cases = cases

    def forward(self, x):
        return [case(x) for case in self.cases]


class Watched(fx.Interpreter):
    """What every node gives."""

    def run_node(self, n):
        self.seen = getattr(self, "seen", {})
        self.seen[n] = super().run_node(n)
        return self.seen[n]


class Seen(Elements):
    """What every node's elements are."""

    def _call(self, node, values):
        self.found = getattr(self, "found", {})
        self.found[node] = super()._call(node, values)
        return self.found[node]


@pytest.fixture(scope="module")
def asked():
    return posed(Together(list(CASES.values())), [torch.zeros(1, N, D, dtype=torch.float64)], 1, "", lambda i, j: True)


def parts(value):
    return value if isinstance(value, list | tuple) else [value]


def differing(asked, rows, seed=0):
    """The operators of which two elements of one term, or one that is known and its value, are not equal in a run."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 3, (1, N, D))  # each input is one of three numbers, so that many terms are alike
    numbers, terms, known = rng.standard_normal(3), Terms(), {}

    def visit(node, value):
        known[node] = [plain(v) for v in value] if isinstance(value, list | tuple) else plain(value)

    interpretation = Interpretation(latest(N), visit=visit)
    module, given = asked.program.graph_module, asked._inputs(interpretation)
    interpretation.run(module, given)
    x = terms.fresh((3,))[places]
    seen = Seen(terms, known, interpretation.hidden, rows)
    seen.run(module, [terms.constants(v.array) if v.is_constant else x for v in given])
    held = [asked._held(spec.target) for spec in asked.program.graph_signature.input_specs]
    watched = Watched(module)
    torch.manual_seed(seed)
    with torch.no_grad():
        watched.run(*(torch.from_numpy(numbers[places]) if t is None else t for t in held))
    values, wrong = {}, set()
    for node, found in seen.found.items():
        for ids, real in zip(parts(found), parts(watched.seen[node]), strict=True):
            if real is None:  # as of an operator that asserts
                continue
            array = as_array(real)
            assert ids.shape == array.shape
            expected = [
                values.setdefault(k, terms.values[-1 - k] if k < 0 else v)
                for k, v in zip(ids.reshape(-1).tolist(), array.reshape(-1).tolist(), strict=True)
            ]
            if not np.allclose(array.reshape(-1), expected, rtol=1e-6, atol=1e-9, equal_nan=True):
                wrong.add(str(node.target))
    return wrong


def test_elements_of_one_term_are_equal(asked):
    assert not differing(asked, ROWS) and not differing(asked, ROWS, seed=1)


def unordered(call):
    """A function of two elements, as if their order did not count."""
    names = tuple(name for name, value in call.given.items() if elements._operand(value))
    wide = np.broadcast_arrays(*map(call.ids, names), np.empty(call.shapes[0]))[:-1]
    return call.terms.bag(call.word(*names), np.stack(wide, -1))


def nameless(call):
    """One that does not say which argument is which."""
    names = tuple(name for name, value in call.given.items() if elements._operand(value))
    wide = np.broadcast_arrays(*map(call.ids, names), np.empty(call.shapes[0]))[:-1]
    return call.terms.of(elements.name_of(call.op), np.stack(wide, -1))


def of_row(call):
    """A softmax or a norm of which every element is that of its row."""
    x = call.ids("self" if "self" in call.given else "input")
    row = call.terms.bag("row", x, np.ones(x.shape, bool))
    first = np.broadcast_to(row[..., None], x.shape)
    return [first, *map(call.terms.fresh, call.shapes[1:])] if len(call.shapes) > 1 else first


def numberless(call):
    """A function of all along an axis that does not say which."""
    return elements._reduction(None)(replaced(call))


def replaced(call):
    return replace(call, given={k: v for k, v in call.given.items() if k not in ("correction", "ord")})


def unscaled(call):
    return elements._attention(type(call)(call.terms, call.op, call.given | {"scale": None}, call.real, call.shapes,
                                          call.dtypes))  # fmt: skip


def unmasked(call):
    given = {k: v for k, v in call.given.items() if k not in ("attn_mask", "is_causal")}
    return elements._attention(type(call)(call.terms, call.op, given, call.real, call.shapes, call.dtypes))


def without(name):
    """A row that does not look at an argument."""

    def row(call):
        given = {k: v for k, v in call.given.items() if k != name}
        return ROWS[elements.name_of(call.op)](
            type(call)(call.terms, call.op, given, call.real, call.shapes, call.dtypes)
        )

    return row


WRONG = {
    "an order that counts": ("sub", unordered),
    "a quotient": ("div", unordered),
    "which end it is": ("clamp", nameless),
    "a factor of a sum": ("add", without("alpha")),
    "a number of a product of matrices": ("addmm", without("beta")),
    "a product's neutral element": ("mean", elements._reduction(0.0)),
    "a maximum's": ("amax", elements._reduction(np.inf)),
    "the degrees of freedom": ("var", numberless),
    "the order of a norm": ("linalg_vector_norm", numberless),
    "the element itself": ("_softmax", of_row),
    "the element of a norm": ("native_layer_norm", of_row),
    "a weight": ("native_layer_norm", without("weight")),
    "a scale": ("scaled_dot_product_attention", unscaled),
    "a mask": ("scaled_dot_product_attention", unmasked),
    "a bias": ("convolution", without("bias")),
}
"""Operators, and rows that leave something out of account."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_caught(name, asked):
    operator, row = WRONG[name]
    assert differing(asked, {**ROWS, operator: row})


class Stack(nn.Module):
    """Layers of attention, by one pass."""

    def __init__(self, fused=False, layers=2):
        super().__init__()
        torch.manual_seed(0)
        names = ("q", "k", "v", "out")
        self.layers = nn.ModuleList(nn.ModuleDict({name: nn.Linear(D, D) for name in names}) for _ in range(layers))
        self.norm, self.fused = nn.LayerNorm(D), fused

    def attended(self, q, k, v, masked):
        if self.fused:
            return F.scaled_dot_product_attention(q, k, v, is_causal=masked)
        scores = q @ k.mT / 2
        if masked:
            scores = scores.masked_fill(~causal(q.shape[1]), -torch.inf)
        return scores.softmax(-1) @ v

    def layer(self, layer, x, cache):
        y = self.norm(x)
        q, k, v = (layer[name](y) for name in ("q", "k", "v"))
        k, v = (t if c is None else torch.cat([c, t], 1) for t, c in zip((k, v), cache, strict=True))
        return x + F.gelu(layer["out"](self.attended(q, k, v, q.shape[1] > 1))), (k, v)

    def forward(self, x):
        for layer in self.layers:
            x, _ = self.layer(layer, x, (None, None))
        return x


class Steps(Stack):
    """The same by a prefill of half and steps; what is kept may be spoilt before the second of them."""

    def __init__(self, fused=False, layers=2, spoil=lambda cache: cache):
        super().__init__(fused, layers)
        self.spoil = spoil

    def forward(self, x):
        half = x.shape[1] // 2
        caches, found = [(None, None) for _ in self.layers], []
        for step, y in enumerate([x[:, :half], *(x[:, t : t + 1] for t in range(half, x.shape[1]))]):
            for k, layer in enumerate(self.layers):
                y, caches[k] = self.layer(layer, y, self.spoil(caches[k]) if step == 2 else caches[k])
            found.append(y)
        return torch.cat(found, 1)


SPOILT = {
    "forgets the first": lambda cache: tuple(t[:, 1:] for t in cache),
    "keys in another order": lambda cache: (cache[0].flip(1), cache[1]),
    "one of them twice": lambda cache: tuple(torch.cat([t, t[:, -1:]], 1) for t in cache),
    "values for keys": lambda cache: cache[::-1],
}


def question(model, n):
    return posed(model.double(), [torch.zeros(1, n, D).double()], 1, "", lambda i, j: j <= i)


def test_a_prefill_with_steps_is_proved_to_be_the_full_pass(monkeypatch):
    full, steps = question(Stack(True, 1), 4), question(Steps(True, 1), 4)
    wrong = question(Steps(True, 1, SPOILT["keys in another order"]), 4)
    assert compared(full, steps, apart=True)["proved"] and not compared(full, wrong, apart=True)["proved"]
    monkeypatch.setattr("monarch_gpu.dependence.alongside.LARGEST_OF_ELEMENTS", 10)  # it is not gone through then
    assert not compared(full, steps, apart=True)["proved"]


@pytest.mark.long
@pytest.mark.parametrize("fused", [False, True])
def test_what_spoils_a_step_is_not_proved(fused):
    full = question(Stack(fused), 6)
    assert compared(full, question(Steps(fused), 6), apart=True)["proved"]
    spoilt = {name: question(Steps(fused, 2, spoil), 6) for name, spoil in SPOILT.items()}
    assert not [name for name, steps in spoilt.items() if compared(full, steps, apart=True)["proved"]]
    both = Steps(fused, 2, lambda cache: tuple(t.flip(1) for t in cache))  # in one order, which does not count
    assert compared(full, question(both, 6), apart=True)["proved"]
