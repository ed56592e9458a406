"""Without gradients a mixer writes over what it has used: right, unless somebody could tell; then layers are called."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from monarch_gpu import layers, piecewise
from monarch_gpu.configs import BertConfig, GPTConfig, ViTConfig
from monarch_gpu.layers import DimensionMixer, SequenceMixer, added
from monarch_gpu.models import build_model
from monarch_gpu.reference import reference
from monarch_theory.rounding import exactly

SIZES = {
    "hidden_size": 8,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "filter_width": 6,
    "transform": "fft",
}
BOTH, CAUSAL = (
    BertConfig(**SIZES, vocab_size=17, num_hidden_layers=2),
    GPTConfig(**SIZES, vocab_size=17, num_hidden_layers=2),
)
IMAGES = ViTConfig(
    **SIZES | {"max_position_embeddings": 9}, image_size=6, patch_size=2, num_labels=5,
    short_filter=3,
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(piecewise, "SAMPLES", 250)
    monkeypatch.setattr(piecewise, "POSITIONS", 16)


def built(make):
    """In float64, every parameter random: a norm is no identity, no bias is zero."""
    torch.manual_seed(0)
    layer = make().double().eval()
    for name, parameter in layer.named_parameters():
        if "frequency" not in name:
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return layer


def excess(mixer, shape, mask=None):
    """Largest difference from the reference without a mask, from the layers with one, as a multiple of the bound."""
    x = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before = x.clone()
    with torch.no_grad():
        found = mixer(x) if mask is None else mixer(x, mask)
    assert torch.equal(x, before), "what it was given is the caller's"
    bound = reference(mixer, exactly(x.numpy()))
    expected = bound.value if mask is None else mixer(x, mask).detach().numpy()
    return float((np.abs(found.numpy() - expected) / bound.error).max())


@pytest.mark.parametrize("config", [BOTH, CAUSAL, replace(BOTH, short_filter=5)], ids=["both", "causal", "five taps"])
@pytest.mark.parametrize("residual", [False, True], ids=["alone", "residual"])
@pytest.mark.parametrize("shape", [(1, 1, 8), (3, 2, 8), (2, 7, 8), (1, 40, 8), (5, 33, 8)], ids=str)
def test_a_sequence_mixer_is_within_the_bound(config, residual, shape):
    assert excess(built(lambda: SequenceMixer(config, residual)), shape) <= 2


@pytest.mark.parametrize("residual", [False, True], ids=["alone", "residual"])
def test_masks_hide_the_same_places(residual):
    """Places that are hidden are zero at each of the three entrances, so the bound of the whole input holds."""
    mixer = built(lambda: SequenceMixer(BOTH, residual))
    mask = torch.arange(33) < torch.tensor([[33], [1], [17], [0], [32]])
    assert excess(mixer, (5, 33, 8), mask) <= 2
    kept = torch.randn(2, 33, 8, dtype=torch.float64)
    with torch.no_grad():
        outermost = kept.permute(2, 0, 1).contiguous().permute(1, 2, 0)  # a copy of it would be itself
        assert torch.equal(mixer(outermost, mask[1:3]), mixer(kept, mask[1:3])) and torch.equal(outermost, kept)


MISTAKES = {
    "not padded": ("filtered", lambda u, f: torch.fft.irfft(torch.fft.rfft(u) * f[:, None, ::2], n=u.shape[-1])),
    "filter of another channel": ("filtered", lambda u, f: RIGHT["filtered"](u, f.roll(1, 0))),
    "batch turned": ("filtered", lambda u, f: RIGHT["filtered"](u, f).roll(1, 1)),
    "a tap lost": ("shifts", lambda x, w, b: RIGHT["shifts"](x, w[:-1], b)),
    "no bias": ("shifts", lambda x, w, b: RIGHT["shifts"](x, w, 0 * b)),
    "single precision": ("filtered", lambda u, f: RIGHT["filtered"](u.float(), f).double()),
    "a piece too few": ("bounds", lambda length, size: RIGHT["bounds"](length, size)[:-1] or [(0, length)]),
}
RIGHT = {name: getattr(layers, name) for name, _ in MISTAKES.values()}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_mixers_fall_outside_the_bound(mistake, monkeypatch):
    monkeypatch.setattr(layers, *MISTAKES[mistake])
    try:
        assert excess(built(lambda: SequenceMixer(BOTH, True)), (2, 13, 8)) > 2
    except ValueError as error:  # pieces of two things do not fit together
        assert mistake == "a piece too few" and "zip()" in str(error)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("permuted", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 8), (3, 43, 8)], ids=str)
def test_a_dimension_mixer_is_added_in_place(gated, permuted, shape):
    """Onto zeros it is the mixer, within its bound; onto x, the sum, one rounding of every term later."""
    mixer = built(lambda: DimensionMixer(replace(BOTH, gated=gated), permuted))
    x = torch.randn(*shape, dtype=torch.float64)
    expected = reference(mixer, exactly(x.numpy()))
    with torch.no_grad():
        y = torch.zeros_like(x)
        mixer.add_to(y.flatten(0, 1), x.flatten(0, 1))
        assert (np.abs(y.numpy() - expected.value) <= 2 * expected.error).all()
        found = added(given := x.clone(), mixer)
        assert found is given
    room = 2 * expected.error + 4 * 2.0**-53 * (np.abs(x.numpy()) + np.abs(expected.value) + 1)
    assert (np.abs(found.numpy() - x.numpy() - expected.value) <= room).all()


def inputs_of(model):
    if isinstance(model.config, ViTConfig):
        return torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return torch.randint(17, (2, 33), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=[BOTH, CAUSAL, IMAGES], ids=["bert", "gpt", "vit"])
def model(request):
    return built(lambda: build_model(request.param))


def close(found, expected):
    """Both round each of some hundred operations of a layer with layer norms; far below any mistake."""
    return torch.allclose(found, expected, rtol=0, atol=2.0**-36 * float(expected.abs().max()))


def test_whole_models_without_gradients_are_those_with_them(model):
    given = inputs_of(model)
    with torch.no_grad():
        assert close(model(given), model(given))
        found = model(given)
    assert close(found, model(given).detach())


WAYS = {
    "in_place": (SequenceMixer,),
    "add_to": (DimensionMixer,),
    "keeping_little": (SequenceMixer, DimensionMixer),
}


def called(model, monkeypatch, gradients=False):
    """Which ways a forward pass takes that call no layer."""
    taken = []
    with monkeypatch.context() as patch:
        for name, kind in ((n, k) for n, kinds in WAYS.items() for k in kinds):
            right = getattr(kind, name)
            patch.setattr(kind, name, lambda *a, right=right, name=name: (taken.append(name), right(*a))[1])
        with torch.set_grad_enabled(gradients):
            model(inputs_of(model))
    return set(taken)


def mixer_of(model, kind):
    return next(module for module in model.modules() if isinstance(module, kind))


def test_they_are_written_over_where_nobody_can_tell(model, monkeypatch):
    assert called(model, monkeypatch) == {"in_place", "add_to"}
    assert called(model, monkeypatch, gradients=True) == {"keeping_little"}


def every_mixer_hooked(model):
    for module in model.modules():
        if isinstance(module, SequenceMixer | DimensionMixer):
            module.register_forward_hook(lambda *_: None)
        if isinstance(module, SequenceMixer):
            module.output_projection.register_forward_hook(lambda *_: None)


class Louder(DimensionMixer):
    def forward(self, x):
        return 2 * super().forward(x)


class Other(SequenceMixer):
    def gates(self, projected):
        return super().gates(2 * projected)


def subclassed(model):
    for module in model.modules():
        if type(module) is SequenceMixer:
            module.__class__ = Other
        elif type(module) is DimensionMixer:
            module.__class__ = Louder


def patched(model):
    for module in model.modules():
        if isinstance(module, SequenceMixer):
            module.long_convolution.forward = lambda u: 2 * u
        if isinstance(module, DimensionMixer):
            module.forward = lambda x: 2 * x


class Twice(nn.Module):
    def forward(self, x):
        return 2 * x


def replaced(model):
    for module in model.modules():
        if isinstance(module, SequenceMixer):
            module.long_convolution = Twice()
        if isinstance(module, DimensionMixer):
            module.output_projection = nn.Linear(24, 8).double()


def of_another_kind(model):
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.__class__ = type("Norm", (nn.LayerNorm,), {})
        if isinstance(module, SequenceMixer):
            module.long_convolution.transform = "monarch"


@pytest.mark.parametrize(
    "change", [every_mixer_hooked, subclassed, patched, replaced, of_another_kind], ids=lambda f: f.__name__
)
def test_what_is_watched_or_replaced_is_called(change, model, monkeypatch):
    change(model)
    taken = called(model, monkeypatch)
    assert not taken, taken
    given = inputs_of(model)
    with torch.no_grad():
        found = model(given)
    assert close(found, model(given).detach())


def test_what_a_hook_keeps_stays_as_it_was(model):
    kept = []
    for module in model.modules():
        if isinstance(module, SequenceMixer | nn.LayerNorm):
            module.register_forward_hook(lambda m, i, y: kept.append((y, y.clone())))
    with torch.no_grad():
        model(inputs_of(model))
    assert kept and all(torch.equal(y, copy) for y, copy in kept)


def test_hidden_states_are_those_of_their_layer():
    model = built(lambda: build_model(BOTH))
    ids, found, expected = inputs_of(model), [], []
    with torch.no_grad():
        model.bert(ids, states=found)
    model.bert(ids, states=expected)
    assert len(found) == 3 and all(close(a, b.detach()) for a, b in zip(found, expected, strict=True))


def test_transforms_and_dual_numbers_pass(model):
    """`torch.vmap` is shown the layers; derivatives forward are those that two passes backward make."""
    mixer = mixer_of(model, SequenceMixer)
    x, direction = torch.randn(2, 2, 9, 8, dtype=torch.float64)
    _, expected = torch.autograd.functional.jvp(mixer, (x,), (direction,))
    with torch.no_grad():
        assert close(torch.vmap(mixer)(x[:, None])[:, 0], mixer(x))
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, direction)
            assert close(torch.autograd.forward_ad.unpack_dual(mixer(dual)).tangent, expected)


def test_other_formats_go_by_the_layers(monkeypatch):
    model = built(lambda: build_model(BOTH))
    ids = inputs_of(model)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = called(model.float(), monkeypatch)
    assert not under_autocast
    with torch.no_grad():
        assert not called(model.bfloat16(), monkeypatch)
        assert model(ids).dtype == torch.bfloat16
        assert called(model.float(), monkeypatch) == {"in_place", "add_to"}


def test_memory_is_shared_by_the_layers_of_one_call_and_no_longer(model, monkeypatch):
    """Two models may be run one within the other, in two modes, and what one of them gave stays as it was."""
    given, rooms = inputs_of(model), []
    right = layers.room
    monkeypatch.setattr(layers, "room", lambda *a: (rooms.append(right(*a).data_ptr()), right(*a))[1])
    with torch.no_grad():
        found = model(given)
        assert len(set(rooms)) == 1 < len(rooms) and layers.ROOMS.get() is None
        kept = found.clone()
        with layers.kept_room():
            first = mixer_of(model, SequenceMixer)(x := torch.randn(2, 9, 8, dtype=torch.float64))
            before = first.clone()
            with torch.inference_mode():
                mixer_of(model, SequenceMixer)(2 * x)
            mixer_of(model, SequenceMixer)(3 * x)
        assert torch.equal(first, before) and torch.equal(found, kept) and torch.equal(model(given), kept)


class Adapted(nn.Module):
    """A projection and what was learned beside it, as adapters of low rank are: it shows the weights it began with."""

    def __init__(self, layer):
        super().__init__()
        self.base, self.beside = layer, nn.Parameter(0.1 * torch.randn_like(layer.weight))

    @property
    def weight(self):
        return self.base.weight

    @property
    def bias(self):
        return self.base.bias

    def forward(self, x):
        return self.base(x) + nn.functional.linear(x, self.beside.to(x.dtype))


def projections(model):
    return [name for name, module in model.named_modules() if type(module) is nn.Linear]


def put(model, name, layer):
    holder, _, last = name.rpartition(".")
    setattr(model.get_submodule(holder), last, layer)


@pytest.mark.parametrize("transform", ["fft", "monarch"])
def test_adapters_count(model, transform):
    """Each of all projections, those of filters too, with gradients and without."""
    given = inputs_of(model)
    for module in model.modules():
        if hasattr(module, "transform"):
            module.transform = transform
    layers_of_one = {re.sub(r"\.\d+\.", ".0.", name) for name in projections(model)}
    for name in sorted(layers_of_one & set(projections(model))):
        plain = model.get_submodule(name)
        adapted = Adapted(plain)
        put(model, name, adapted)
        with_adapter = model(given).detach()
        with torch.no_grad():
            assert close(model(given), with_adapter), name
            merged = nn.Linear(plain.in_features, plain.out_features, plain.bias is not None).double()
            merged.weight.copy_(plain.weight + adapted.beside)
            if plain.bias is not None:
                merged.bias.copy_(plain.bias)
            put(model, name, merged)
            assert close(model(given), with_adapter), name
            put(model, name, plain)
            assert not close(model(given), with_adapter), name
