"""Models in half precision: as near to float64 as rounding every stored number explains; low-precision filters are not.

The bound is derived from the format. Round every weight and every result that a layer stores by a relative ±u, u the
unit roundoff, with independent signs: the outputs then move by some root mean square. Rounding to nearest moves each of
them by at most u, evenly spread, so under independence its error has a third of that mean square, and by Markov's
inequality twice the root is exceeded with probability at most 1/12 whatever the distribution; with thousands of logits
the error hardly varies at all. Filters and what is inside a long convolution are exempt: they are held in float32.
"""

import copy
from contextlib import contextmanager, nullcontext
from functools import lru_cache

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from monarch_gpu.configs import BertConfig, GPTConfig, ViTConfig
from monarch_gpu.decode import Decoder
from monarch_gpu.layers import ImplicitFilter, LongConvolution, LostPrecision
from monarch_gpu.models import build_model, load_model, save_model
from monarch_gpu.precision import filter_precision
from monarch_theory.rounding import format_of

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
N = 96
PROMPT = 80
FILTER = {"filter_width": 16, "filter_features": 5, "filter_frequency": 14.0, "max_position_embeddings": N}
BERT = BertConfig(**SIZES, **FILTER, vocab_size=61)
GPT = GPTConfig(**SIZES, **FILTER, vocab_size=61, filter_inner_layers=2)
VIT = ViTConfig(
    **SIZES, **(FILTER | {"max_position_embeddings": 64}), image_size=16, patch_size=2, num_channels=1, num_labels=61,
    filter_inner_layers=2,
)  # fmt: skip
MODELS = {"bert": BERT, "gpt": GPT, "decoder": GPT, "vit": VIT}
PRECISIONS = {"bfloat16": torch.bfloat16, "float16": torch.float16, "autocast bfloat16": torch.bfloat16}
SAMPLES = 3


def inputs_of(config):
    generator = torch.Generator().manual_seed(1)
    if isinstance(config, ViTConfig):
        return torch.rand(8, 1, 16, 16, generator=generator)
    return torch.randint(61, (3, N), generator=generator)


def forward(name, model, x):
    """Logits; the decoder reads a prompt and the rest one by one."""
    x = cast(x, next(model.parameters()).dtype)
    with torch.no_grad():
        if name != "decoder":
            return model(x)
        decoder = Decoder(model, len(x), N)
        first = decoder.prefill(x[:, :PROMPT])
        return torch.stack([first] + [decoder.step(x[:, i]) for i in range(PROMPT, N)], dim=1)


def cast(x, dtype):
    return x.to(dtype) if x.is_floating_point() else x


class Rounded(TorchFunctionMode):
    """Every stored result t becomes t (1 ± u) ± η; views of what is stored already stay as they are."""

    def __init__(self, form, seed):
        super().__init__()
        self.form, self.exempt = form, 0
        self.random = torch.Generator().manual_seed(seed)

    def move(self, t):
        signs = torch.randint(2, (2, *t.shape), generator=self.random).to(t.dtype) * 2 - 1
        return t * (1 + self.form.unit_roundoff * signs[0]) + self.form.underflow * signs[1]

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if self.exempt or not isinstance(out, torch.Tensor) or not out.is_floating_point() or out._is_view():
            return out
        with torch._C.DisableTorchFunction():
            return self.move(out)


@contextmanager
def rounded(model, form, seed):
    """Weights and stored results moved by their rounding; not those of filters, nor what is inside a convolution."""
    mode = Rounded(form, seed)
    held = {id(p) for m in model.modules() if isinstance(m, ImplicitFilter) for p in m.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in held:
            parameter.data = mode.move(parameter.data)

    def enter(module, args):
        mode.exempt += 1

    def leave(module, args, out):
        mode.exempt -= 1
        return out if mode.exempt else mode.move(out)

    for module in model.modules():
        if isinstance(module, LongConvolution):
            module.register_forward_pre_hook(enter)
            module.register_forward_hook(leave)
    with mode:
        yield


@lru_cache
def example(name):
    """A model in float32, its inputs, and its logits in float64."""
    torch.manual_seed(0)
    model = build_model(MODELS[name])
    for path, parameter in model.named_parameters():
        if not path.endswith("frequency"):
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    x = inputs_of(MODELS[name])
    return model, x, forward(name, copy.deepcopy(model).double(), x)


def distance(y, expected):
    return float((y.double() - expected).detach().norm() / expected.detach().norm())


@lru_cache
def bound(name, form):
    """Two root mean squares of what rounding moves."""
    if name == "decoder":  # it is allowed no more than the forward
        return bound("gpt", form)
    model, x, expected = example(name)
    squares = []
    for seed in range(SAMPLES):
        noisy = copy.deepcopy(model).double()
        with rounded(noisy, form, seed):
            squares.append(distance(forward(name, noisy, x), expected) ** 2)
    return 2 * (sum(squares) / SAMPLES) ** 0.5


def error(name, precision):
    model, x, expected = example(name)
    dtype = PRECISIONS[precision]
    if precision.startswith("autocast"):
        with torch.autocast("cpu", dtype=dtype):
            return distance(forward(name, model, x), expected)
    return distance(forward(name, copy.deepcopy(model).to(dtype), x), expected)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_as_near_as_rounding_explains(name, precision):
    assert error(name, precision) <= bound(name, format_of(PRECISIONS[precision]))


def low(dtype, positions=False, network=False, window=False):
    """A filter with these of its parts in low precision."""

    def of_one(self, network_, n):
        features = self.features[:n].to(dtype).float() if positions else self.features[:n]
        part = dtype if network else torch.float32
        h = features.to(part)
        for layer in network_.layers:
            h = torch.sin(self.frequency.to(part) * linear(h, layer.weight.to(part), layer.bias.to(part)))
        part = dtype if window else torch.float32
        decay = torch.exp(-self.decay.to(part)[:, None] * self.time[:n].to(part))
        return linear(h, network_.output.weight.to(h.dtype)).t() * decay

    def parts(self, networks, n, at_zero=None):
        forward, *backward = (of_one(self, network_, n) for network_ in networks)
        first = forward[:, :1] if at_zero is None else forward[:, :1] + at_zero[:, None]
        yield torch.cat([first, forward[:, 1:], *(lags.flip(-1) for lags in backward)], dim=-1)

    return parts


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", MODELS)
def test_a_filter_in_low_precision_falls_outside(name, precision, monkeypatch):
    """bfloat16 inside the filter's MLP, which is what casting a model or autocast would ask for."""
    monkeypatch.setattr(ImplicitFilter, "parts", low(torch.bfloat16, network=True))
    assert error(name, precision) > bound(name, format_of(PRECISIONS[precision]))


@pytest.mark.parametrize("part", ["positions", "network"])
def test_either_part_of_a_filter_in_low_precision_falls_outside(part, monkeypatch):
    monkeypatch.setattr(ImplicitFilter, "parts", low(torch.bfloat16, **{part: True}))
    assert error("bert", "bfloat16") > bound("bert", format_of("bfloat16"))


WAYS = {
    "half": lambda m: m.half(),
    "bfloat16": lambda m: m.bfloat16(),
    "to": lambda m: m.to("cpu", torch.bfloat16),
    "type": lambda m: m.type(torch.float16),
    "float64 and back": lambda m: m.double().half(),
    "weights assigned": lambda m: assigned(m, {n: t.bfloat16() for n, t in m.state_dict().items()}),
}


def assigned(model, tensors):
    model.load_state_dict(tensors, assign=True)
    return model


@pytest.mark.parametrize("learned", [False, True], ids=["computed", "learned"])
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_casting_reaches_a_filter(way, learned):
    """Taps are float32, and right to float32 but for what was lost with the weights themselves."""
    torch.manual_seed(0)
    reached = WAYS[way](ImplicitFilter(8, 4096, 16, 5, 2, 14.0, reverse=True, learned=learned))
    lost = pytest.warns(LostPrecision, match="got torch.bfloat16") if way == "weights assigned" else nullcontext()
    twin = ImplicitFilter(8, 4096, 16, 5, 2, 14.0, reverse=True, learned=learned)
    twin.load_state_dict(reached.state_dict())
    twin = twin.double()
    for name in ("forward", "reversed"):
        with lost:
            taps = getattr(reached, name)(4096)
        assert taps.dtype == torch.float32
        assert distance(taps, getattr(twin, name)(4096)) < 2.0**-14


def test_computed_positions_are_those_of_the_dtype():
    """A model cast to float64 has positions in float64, not float32's rounded ones."""
    made = ImplicitFilter(8, 100, 16, 5, 2, 14.0)
    assert made.double().features[1, 0].item() == 1 / 99
    assert made.float().features[1, 0].item() == torch.tensor(1 / 99).item()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["bert", "gpt", "vit"])
def test_saved_models_in_half_precision_come_back(name, dtype, tmp_path):
    model, x, _ = example(name)
    model = copy.deepcopy(model).to(dtype)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert torch.equal(forward(name, again, x), forward(name, model, x))
    assert {n: p.dtype for n, p in again.named_parameters()} == {n: p.dtype for n, p in model.named_parameters()}


def test_models_built_in_half_precision_are_as_exact():
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16)
        model = build_model(GPT)
    finally:
        torch.set_default_dtype(before)
    x = inputs_of(GPT)
    assert distance(forward("gpt", model, x), forward("gpt", copy.deepcopy(model).double(), x)) < 0.05


def test_the_wrong_dtype_of_an_image_is_named():
    with pytest.raises(ValueError, match=r"pixel_values: expected torch\.bfloat16, got torch\.float32"):
        build_model(VIT).bfloat16()(torch.zeros(1, 1, 16, 16))


class Naive(nn.Module):
    """A Hyena filter that takes part in every cast: as published, in our own words."""

    def __init__(self, length=2048, inside=None):
        super().__init__()
        made = ImplicitFilter(8, length, 16, 5, 2, 10.0)
        self.positions = nn.Parameter(made.features.detach().clone())
        self.layers, self.output, self.inside = made.layers, made.output, inside

    def forward(self):
        h = self.positions if self.inside is None else self.positions.to(self.inside)
        for layer in self.layers:
            h = torch.sin(
                10 * (linear(h, layer.weight.to(h.dtype), layer.bias.to(h.dtype)) if self.inside else layer(h))
            )
        return linear(h, self.output.weight.to(h.dtype))


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "autocast bfloat16"])
def test_a_filter_of_anyone_is_asked(precision):
    torch.manual_seed(0)
    held = ImplicitFilter(8, 2048, 16, 5, 2, 10.0, reverse=True, learned=True)
    assert filter_precision(held, lambda f: torch.stack([f(2048), f.reversed(2048)]), precision).verdict == "held"
    naive = filter_precision(Naive(), lambda f: f(), precision)
    assert naive.verdict == "not held", naive
    assert "beyond the" in str(naive)


def test_complex_taps_and_a_surrounding_autocast_change_no_verdict():
    torch.manual_seed(0)
    held = ImplicitFilter(8, 2048, 16, 5, 2, 10.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert filter_precision(held, lambda f: f(2048)).verdict == "held"
        assert filter_precision(Naive(), lambda f: f()).verdict == "not held"
    assert filter_precision(held, lambda f: torch.complex(0 * f(2048), f(2048))).verdict == "held"
    wrong = filter_precision(Naive(), lambda f: torch.complex(0 * f().float(), f().float()).to(torch.complex64))
    assert wrong.verdict == "not held", wrong


def test_a_filter_that_can_not_be_asked_is_undecided():
    """Nothing compared is no answer: a filter in low precision of its own, a random one, none at all."""
    torch.manual_seed(0)
    own = filter_precision(Naive(inside=torch.bfloat16), lambda f: f())
    assert own.verdict == "undecided" and "does not follow small changes" in own.reason
    noisy = filter_precision(Naive(), lambda f: f() + torch.rand(2048, 1))
    assert noisy.verdict == "undecided" and "other taps each time" in noisy.reason
    nothing = filter_precision(Naive(), lambda f: 0 * f())
    assert nothing.verdict == "undecided" and "zero or not finite" in str(nothing)
    shrinks = filter_precision(Naive(), lambda f: f()[: 1 if f.positions.dtype == torch.bfloat16 else None])
    assert shrinks.verdict == "undecided" and "other shapes" in str(shrinks)
    with pytest.raises(ValueError, match=r"precision: expected one of bfloat16, float16, .*, got 'int8'"):
        filter_precision(Naive(), lambda f: f(), "int8")
