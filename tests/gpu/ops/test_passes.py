"""The kernels of the mixers: integers come out exactly, layers within the bound of float32, wrong kernels do not."""

from dataclasses import replace
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton", reason="triton is not installed")

from torch.nn import Module  # noqa: E402
from torch.nn.functional import gelu  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from monarch_gpu import layers, reference  # noqa: E402
from monarch_gpu.configs import BertConfig, GPTConfig  # noqa: E402
from monarch_gpu.layers import DimensionMixer, SequenceMixer, mixed_plainly  # noqa: E402
from monarch_gpu.ops import gated, mixer, triton  # noqa: E402
from monarch_theory.rounding import default_model, exactly  # noqa: E402

SIZES: dict[str, Any] = {
    "hidden_size": 8,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "filter_width": 6,
    "vocab_size": 17,
}
BOTH, CAUSAL = BertConfig(**SIZES, transform="fft"), GPTConfig(**SIZES, filter_features=5, transform="fft")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
KERNELS = [f for m in (mixer, gated) for name, f in vars(m).items() if name.endswith("_kernel")]


def available(device: str) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU: torch.cuda.is_available() is False")
    return device


def integers(shape: tuple[int, ...], seed: int, dtype: Any, device: str) -> Any:
    """−1, 0 and 1."""
    drawn = torch.randint(-1, 2, shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(device, dtype).requires_grad_()


def arguments(batch: int, n: int, lags: int, residual: bool, dtype: Any, device: str) -> list[Any]:
    """p, x, weight, bias, kernel, residual of three channels and three taps."""
    shapes = [(9, batch, n), (batch, n, 3), (3, 9), (9,), (3, lags * n), (3, lags * n)]
    kinds = [dtype, dtype, *[torch.float32] * 4]
    found = [integers(s, i, d, device) for i, (s, d) in enumerate(zip(shapes, kinds, strict=True))]
    return found if residual else [*found[:-1], None]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("batch", "n", "lags", "residual", "dtype"),
    [
        (1, 1, 1, False, torch.float32),
        (2, 2, 2, True, torch.float16),
        (2, 5, 1, True, torch.float32),
        *(
            pytest.param(b, n, lags, lags == 2, dtype, marks=pytest.mark.long)
            for b, n in ((3, 2), (2, 17), (1, 33))
            for lags in (1, 2)
            for dtype in (torch.float32, torch.float16)
        ),
    ],
    ids=str,
)
def test_integers_and_their_gradients_come_out_exactly(
    batch: int, n: int, lags: int, residual: bool, dtype: Any, device: str
) -> None:
    """Every result is an integer below 2^11; what a transform of 34 numbers is off by is far below a half."""
    given = arguments(batch, n, lags, residual, dtype, available(device))
    wide = [None if a is None else a.detach().double().requires_grad_() for a in given]
    wanted = mixed_plainly(*wide)  # type: ignore[arg-type]
    upstream = integers(tuple(wanted.shape), 9, torch.float64, device).detach()
    told = [a for a in wide if a is not None and (residual or a is not wide[1])]
    slopes = torch.autograd.grad(wanted, told, upstream)
    for again in (False, True):
        found = mixer.mix(given[0], given[1], mixer.Mixed(*given[2:]), torch.float32, mixed_plainly, again)
        assert torch.equal(found.double().round(), wanted.round()) and found.dtype == torch.float32
        asked = [a for a in given if a is not None and (residual or a is not given[1])]
        for slope, exact in zip(torch.autograd.grad(found, asked, upstream.float()), slopes, strict=True):
            assert torch.equal(slope.double().round(), exact.round())


def test_gradients_of_gradients_are_those_of_torch() -> None:
    given = arguments(2, 5, 2, True, torch.float32, "cpu")

    def second(y: Any) -> Any:
        first = torch.autograd.grad(y.sum(), given, create_graph=True)
        return torch.autograd.grad(sum(slope.square().sum() for slope in first), given)

    found = second(mixer.mix(given[0], given[1], mixer.Mixed(*given[2:]), torch.float32, mixed_plainly))
    wanted = second(mixed_plainly(*given))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("tanh", [False, True])
def test_a_gate_and_its_gradients_are_rounded_a_few_times(tanh: bool, device: str) -> None:
    """Of a share between 0 and 1 and of its slope, which both are within eight roundings, and products of them."""
    h = torch.linspace(-9, 9, 38, device=available(device)).reshape(2, 19).flip(1).contiguous().requires_grad_()
    upstream = torch.linspace(1, 2, 19, device=device)[None]
    wide = h.detach().double().requires_grad_()
    exact = gelu(wide[:1], approximate="tanh" if tanh else "none") * wide[1:]
    found = gated.gate(h, tanh)
    (slope,), (wanted,) = torch.autograd.grad(found, h, upstream), torch.autograd.grad(exact, wide, upstream.double())
    room = 16 * 2.0**-24 * (1 + wide.abs().prod(0) + wide.abs().sum(0)) * upstream
    assert ((found - exact).abs() <= room).all() and ((slope - wanted).abs() <= room).all()


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_turned_is_the_same_and_so_are_its_gradients(device: str) -> None:
    x, bias = integers((33, 70), 0, torch.float16, available(device)), integers((33,), 1, torch.float32, device)
    upstream = integers((70, 33), 2, torch.float16, device).detach()
    found, wanted = gated.turn(x, bias), x.t() + bias.half()
    assert torch.equal(found, wanted) and found.is_contiguous()
    both = zip(*(torch.autograd.grad(y, (x, bias), upstream) for y in (found, wanted)), strict=True)
    assert all(torch.equal(a, b) for a, b in both)


LAYERS: dict[str, Any] = {
    "causal": lambda: SequenceMixer(CAUSAL),
    "bidirectional": lambda: SequenceMixer(BOTH, residual_convolution=True),
    "dimension": lambda: DimensionMixer(BOTH),
    "permuted": lambda: DimensionMixer(BOTH, permuted=True),
}


def excess(name: str, n: int, monkeypatch: pytest.MonkeyPatch, device: str = "cpu") -> float:
    """The largest error of a layer in float32 as a multiple of the bound of its reference."""
    torch.manual_seed(0)
    layer, x = LAYERS[name](), torch.randn(2, n, 8)
    monkeypatch.setattr(layers, "FEW_PASSES", frozenset({device}))
    monkeypatch.setattr(reference, "MODEL", default_model("float32"))
    monkeypatch.setattr(reference, "U", 2.0**-24)
    expected = reference.reference(layer, exactly(x.double().numpy()))
    with torch.no_grad():
        found = layer.to(device)(x.to(device)).cpu().double().numpy()
    return float((np.abs(found - expected.value) / expected.error).max())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_within_the_bound_of_float32(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (1, 5, 17):
        assert excess(name, n, monkeypatch, available(device)) <= 1


MISTAKES: dict[str, tuple[Any, str, Any, str]] = {
    "residual of the next channel": (mixer, "turned", lambda f: lambda x: f(x.roll(1, 2)), "bidirectional"),
    "gate left out": (mixer, "finish", lambda f: lambda s, *rest: f(torch.ones_like(s), *rest), "causal"),
    "taps in the other order": (mixer, "gates", lambda f: lambda p, w, b: f(p, w.flip(0).contiguous(), b), "causal"),
    "spectrum not divided": (mixer, "spectrum", lambda f: lambda k, n: f(k, n) * n, "causal"),
    "gelu by tanh": (gated, "gate", lambda f: lambda h, tanh: f(h, True), "dimension"),
    "bias left out": (gated, "turn", lambda f: lambda x, bias: f(x, None), "dimension"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_kernels_fall_outside(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, wrong, layer = MISTAKES[mistake]
    if mistake == "bias left out":
        monkeypatch.setitem(LAYERS, layer, lambda: biased(DimensionMixer(BOTH)))
    monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    assert excess(layer, 5, monkeypatch) > 2


def biased(layer: DimensionMixer) -> DimensionMixer:
    assert layer.output_projection.bias is not None
    torch.nn.init.ones_(layer.output_projection.bias)
    return layer


def test_whoever_looks_on_sees_the_operations_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mode or a transform of functions is not shown it would judge wrongly; torch has float64, too."""
    layer, x = SequenceMixer(replace(BOTH), residual_convolution=True), torch.randn(2, 5, 8)
    monkeypatch.setattr(layers, "FEW_PASSES", frozenset({"cpu"}))
    monkeypatch.setattr(SequenceMixer, "mixed", None)
    with FlopCounterMode(display=False):
        seen = layer(x)
    torch.vmap(lambda one: layer(one[None]))(x)
    layer.double()(x.double())
    with pytest.raises(TypeError):
        layer.float()(x)
    monkeypatch.setattr(layers, "FEW_PASSES", frozenset({"cuda"}))
    monkeypatch.setattr(layers, "on_processor", lambda *_: False)
    assert torch.allclose(layer(x), seen, rtol=0, atol=2.0**-20)  # a projection that is looked at is called


@pytest.mark.parametrize("error", [RuntimeError("Failed to find C compiler"), OSError(), ImportError("libcuda\nmore")])
@pytest.mark.parametrize("name", LAYERS)
def test_where_triton_does_not_run_the_operations_of_torch_do(
    name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and tried once."""
    layer, x = LAYERS[name](), torch.randn(2, 5, 8)
    expected = layer(x)
    monkeypatch.setattr(layers, "FEW_PASSES", frozenset({"cpu"}))
    monkeypatch.setattr(layers, "runs_triton", cache(layers.runs_triton.__wrapped__))
    tried: list[object] = []

    def launch(*given: object, **options: object) -> None:
        tried.append(given)
        raise error

    monkeypatch.setattr(gated, "launch", launch)
    with pytest.warns(layers.NoKernels, match=f"got {type(error).__name__}") as said:
        found = [layer(x), layer(x)]
    assert len(said) == len(tried) == 1
    assert all(torch.equal(y, expected) for y in found)


@pytest.mark.parametrize("name", ["bidirectional", "dimension"])
def test_hooks_and_layers_in_place_of_others_are_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "FEW_PASSES", frozenset({"cpu"}))
    layer, x, calls = LAYERS[name](), torch.randn(1, 3, 8), []
    handle = layer.output_projection.register_forward_hook(lambda *_: calls.append("called"))
    layer(x)
    assert calls == ["called"]
    handle.remove()
    monkeypatch.setattr(type(layer), "mixed", None, raising=False)
    monkeypatch.setattr(type(layer), "gated_at", None, raising=False)
    of_class = type("Of", (type(layer),), {})
    for change in (replaced, overridden, patched):
        for part in layers.TAKEN_OVER[type(layer)]:
            other = LAYERS[name]()
            change(other, part, lambda *_: calls.append("called"))
            calls.clear()
            other(x)
            assert calls == ["called"], (change, part)
    other = LAYERS[name]()
    other.__class__ = of_class
    other(x)
    with pytest.raises(TypeError):
        LAYERS[name]()(x)


@pytest.mark.parametrize("name", ["bidirectional", "dimension"])
@pytest.mark.parametrize("projection", [torch.nn.Linear, layers.BlockDiagonalLinear])
@pytest.mark.parametrize("bias", [True, False])
def test_projections_of_another_kind_are_right(name: str, projection: Any, bias: bool, monkeypatch: Any) -> None:
    made, inner = LAYERS[name], 8 if name == "bidirectional" else BOTH.intermediate_size
    blocks = () if projection is torch.nn.Linear else (2,)

    def other() -> Any:
        layer = made()
        layer.output_projection = projection(inner, 8, *blocks, bias=bias)
        return layer

    monkeypatch.setitem(LAYERS, name, other)
    assert excess(name, 5, monkeypatch) <= 1


def replaced(mixer: Module, part: str, called: Any) -> None:
    """A module of no kin in the layer's place, as an adapter is."""
    setattr(mixer, part, Around(getattr(mixer, part), called))


def overridden(mixer: Module, part: str, called: Any) -> None:
    """A subclass of the layer's own class."""
    layer = getattr(mixer, part)
    forward = layer.forward
    layer.__class__ = type("Other", (type(layer),), {"forward": lambda self, u: (called(), forward(u))[1]})


def patched(mixer: Module, part: str, called: Any) -> None:
    """Another forward on the layer itself."""
    layer = getattr(mixer, part)
    forward = layer.forward
    layer.forward = lambda u: (called(), forward(u))[1]


class Around(Module):
    """A module that holds a layer, and has none of its attributes."""

    def __init__(self, around: Any, called: Any) -> None:
        super().__init__()
        self.around, self.called = around, called

    def forward(self, u: Any) -> Any:
        self.called()
        return self.around(u)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_compiled_ahead_without_spilling(kernel: Any) -> None:
    """For an H100, and with every integer one, in whose place a launcher puts the number."""
    names = signature(kernel).parameters
    whole = ("signal", "to_signal", "sums", "long", "to_long", "residual", "to_residual", "over", "weight", "bias")
    constants = {"TAPS": 3, "BLOCK": 512, "TILE": 32} | dict.fromkeys(("BACK", "RESIDUAL", "TANH", "BIAS"), True)
    integers = ("channels", "batch", "n", "blocks", "frequencies", "size", "rows", "columns")
    given = {name: constants[name] for name in names if name in constants}
    pointers = {name: "*fp32" if name in whole else "*bf16" for name in names if name not in (*given, *integers)}
    usage = triton._compile(kernel, pointers, given, 90, "bf16")
    assert usage.stack == 0 and 0 < usage.registers <= 255
    ones = dict.fromkeys(set(integers) & set(names), 1)
    assert triton._compile(kernel, pointers, given | ones, 90, "bf16").registers > 0
