"""What is computed piece by piece is what it is as a whole, to the bound; what is kept, to the bit; shifts convolve."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from monarch_gpu import layers, piecewise
from monarch_gpu.configs import BertConfig, GPTConfig
from monarch_gpu.layers import DimensionMixer, LongConvolution, ShortConvolution, kept_kernels, pieces, recompute
from monarch_gpu.models import build_model
from monarch_gpu.reference import reference
from monarch_theory.rounding import convolution_bound, default_model, exactly, gamma

WIDE = BertConfig(hidden_size=96, intermediate_size=384, max_position_embeddings=700, filter_width=8, vocab_size=50)
SMALL = {"hidden_size": 8, "intermediate_size": 24, "num_hidden_layers": 2, "filter_width": 6, "vocab_size": 17}


def whole(monkeypatch):
    monkeypatch.setattr(piecewise, "POSITIONS", 10**9)
    monkeypatch.setattr(piecewise, "SAMPLES", 10**12)


@pytest.mark.parametrize("config", [WIDE, replace(WIDE, gated=False)], ids=["gated", "plain"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 63), (3, 43), (1, 128)], ids=str)
def test_a_dimension_mixer_in_pieces_of_positions_is_within_the_bound(shape, config, monkeypatch):
    """A sum may be formed in another order for a piece of another size; both are within the bound of its reference."""
    torch.manual_seed(0)
    monkeypatch.setattr(piecewise, "POSITIONS", 32)
    for permuted in (False, True):
        mixer, x = DimensionMixer(config, permuted).double(), torch.randn(*shape, 96, dtype=torch.float64)
        expected = reference(mixer, exactly(x.numpy()))
        with torch.no_grad():
            found = mixer(x).numpy()
            with monkeypatch.context() as patch:
                whole(patch)
                at_once = mixer(x).numpy()
        assert (np.abs(found - expected.value) <= 2 * expected.error).all() and found.shape == (*shape, 96)
        assert (np.abs(found - at_once) <= 2 * expected.error).all()


def test_at_the_widths_of_m2_bert_in_float32_pieces_change_next_to_nothing(monkeypatch):
    """No bit where this was measured; nowhere more than two roundings of sums as long as these."""
    torch.manual_seed(0)
    mixer, x = DimensionMixer(BertConfig()), torch.randn(1, 1100, 768)
    with torch.no_grad():
        found = mixer(x)
        whole(monkeypatch)
        at_once = mixer(x)
        sizes = [parameter.abs() for parameter in (mixer.input_projection.weight, mixer.output_projection.weight)]
        inner = torch.einsum("kqp,nkp->nkq", sizes[0], x[0].abs().unflatten(-1, (4, 192))).flatten(1)
        gate, value = inner.chunk(2, dim=1)
        moduli = torch.einsum("kqp,nkp->nkq", sizes[1], (gate * value).unflatten(-1, (4, 768))).flatten(1)
    roundings = 2 * gamma(2 * 2 * 192 + 768 + 16, 2.0**-24)
    assert ((found - at_once)[0].abs() <= roundings * (moduli + mixer.output_projection.bias.abs())).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("lags", [1, 2])
@pytest.mark.parametrize("shape", [(1, 96, 1), (2, 96, 70), (3, 96, 129)], ids=str)
def test_a_convolution_in_pieces_of_channels_is_within_the_bound(shape, lags, dtype, monkeypatch):
    """FFTs of other numbers of rows may be rounded otherwise."""
    monkeypatch.setattr(piecewise, "SAMPLES", 20 * 2 * shape[0] * shape[2])
    g = torch.Generator().manual_seed(0)
    n = shape[-1]
    u = torch.randn(shape, generator=g, dtype=torch.float64).to(dtype)
    kernel = torch.randn(96, lags * n, generator=g, dtype=torch.float64).to(torch.promote_types(dtype, torch.float32))
    found = layers.convolve(u, kernel, "fft")
    exact = layers.convolve(u.double(), kernel.double(), "fft").double()
    wide, format_ = ("float64", 0.0) if dtype == torch.float64 else ("float32", torch.finfo(dtype).eps / 2)
    padded = torch.cat([u.double(), torch.zeros_like(u.double())], -1)[..., : lags * n].numpy()
    bound = convolution_bound(padded, kernel.double().numpy(), 2 * n, default_model(wide))[..., :n]
    inside = 2 * torch.from_numpy(bound)
    assert ((found.double() - exact).abs() <= inside + format_ * (exact.abs() + inside)).all() and found.shape == shape


@pytest.mark.parametrize("some", [1, 5, 96])
@pytest.mark.parametrize("model", ["bert", "gpt"])
def test_a_kernel_in_pieces_of_channels_is_its_filters_side_by_side(model, some, monkeypatch):
    """Lags 0 … n − 1 with the skip in lag 0, then −n … −1; a filter's last sum of eight may have another order."""
    torch.manual_seed(0)
    config = WIDE if model == "bert" else GPTConfig(hidden_size=96, max_position_embeddings=700, filter_width=8)
    convolution, n = LongConvolution(config).double(), 67
    made = convolution.filter
    monkeypatch.setattr(piecewise, "SAMPLES", some * 2 * n)
    with torch.no_grad():
        kernel = convolution.made(n)
        whole(monkeypatch)
        forward, backward = made(n), made.reversed(n).flip(-1) if made.reverse is not None else torch.empty(96, 0)
        sizes = [network.output.weight.abs().sum(1) for network in (made, made.reverse) if network is not None]
    expected = torch.cat([forward, backward.double()], dim=-1)
    expected[:, 0] += convolution.skip
    roundings = 2 * gamma(8 + 6, 2.0**-53) * (torch.stack(sizes).amax(0) + convolution.skip.abs())
    assert kernel.shape == expected.shape and ((kernel - expected).abs() <= roundings[:, None]).all()


def test_what_is_empty_stays_so():
    for transform in ("fft", "monarch"):
        config = replace(WIDE, transform=transform)
        for layer in (DimensionMixer(config), LongConvolution(config)):
            assert layer(torch.zeros(0, 70, 96)).shape == (0, 70, 96)


def test_pieces_are_everything_once():
    for length in (0, 1, 7, 8, 9, 15, 16, 17, 100):
        x = torch.arange(length)
        parts = pieces(x, 8, 0)
        assert torch.equal(torch.cat(parts), x) and all(len(part) < 16 for part in parts)
        assert len(parts) == 1 or all(len(part) >= 8 for part in parts)


def test_gradients_of_pieces(monkeypatch):
    """Sums over pieces are rounded in another order: in float64 they agree far below any error of a formula."""
    monkeypatch.setattr(piecewise, "SAMPLES", 3_000)
    monkeypatch.setattr(piecewise, "POSITIONS", 16)
    torch.manual_seed(0)
    model = build_model(BertConfig(**SMALL, max_position_embeddings=40, transform="fft")).double()
    ids = torch.randint(17, (3, 40))
    found = torch.autograd.grad(model(ids).square().mean(), tuple(model.parameters()), allow_unused=True)
    whole(monkeypatch)
    expected = torch.autograd.grad(model(ids).square().mean(), tuple(model.parameters()), allow_unused=True)
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None) and (a is None or (a - b).norm() <= 2.0**-40 * b.norm())


@pytest.mark.parametrize("taps", [1, 3, 5])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_shifts_are_a_depthwise_convolution_with_its_gradients(n, taps):
    """Exact on small integers: every number is one in float64."""
    g = torch.Generator().manual_seed(n)
    layer = ShortConvolution(4, taps).double()
    for parameter in layer.parameters():
        parameter.data = torch.randint(-9, 10, parameter.shape, generator=g).double()
    x = torch.randint(-9, 10, (2, n, 4), generator=g).double().requires_grad_()
    weights = torch.randint(-9, 10, (2, n, 4), generator=g).double()

    def plain(x):
        kernel = layer.weight.flip(0).t()[:, None, None]
        y = conv2d(x.permute(2, 0, 1)[None], kernel, layer.bias, padding=(0, taps - 1), groups=4)
        return y[0, ..., :n].permute(1, 2, 0)

    inputs = (x, layer.weight, layer.bias)
    found, expected = layer(x), plain(x)
    assert torch.equal(found, expected)
    for a, b in zip(*(torch.autograd.grad((y * weights).sum(), inputs) for y in (found, expected)), strict=True):
        assert torch.equal(a, b)
    assert torch.autograd.gradgradcheck(lambda *a: layers.Shifts.apply(a[0].permute(2, 0, 1), *a[1:]), inputs)
    mapped = torch.vmap(layer)(torch.stack([x, 2 * x]))
    assert torch.equal(mapped[0], found)
    assert layer(x[:0]).shape == (0, n, 4) and layer(x[:, :0]).shape == (2, 0, 4)


@pytest.mark.parametrize("config", [BertConfig(**SMALL, max_position_embeddings=40), GPTConfig(**SMALL)], ids=str)
@pytest.mark.parametrize("transform", ["monarch", "fft"])
def test_kept_kernels_change_no_bit_however_weights_change(config, transform):
    torch.manual_seed(0)
    model = build_model(replace(config, max_position_embeddings=40, transform=transform)).eval()
    ids = torch.randint(17, (2, 40))
    convolutions = [m for m in model.modules() if isinstance(m, LongConvolution)]
    made = []
    for convolution in convolutions:
        convolution.made = lambda n, *how, make=convolution.made: (made.append(n), make(n, *how))[1]
    changes = [
        lambda f: None,
        lambda f: f.layers[0].weight.data.add_(0.1),  # no version counter sees it
        lambda f: f.output.weight.data.numpy().__imul__(2),  # nor this
        lambda f: f.decay.mul_(1.1),
        lambda f: setattr(f, "frequency", torch.nn.Parameter(f.frequency.detach() * 1.5)),
    ]
    with torch.no_grad():
        for change in changes:
            change(convolutions[-1].filter)
            expected, shorter = model(ids), model(ids[:, :7])
            made.clear()
            with kept_kernels(model):
                assert torch.equal(model(ids), expected)
                assert len(made) == len(convolutions)
                assert torch.equal(model(ids), expected) and len(made) == len(convolutions), "they are kept"
                assert torch.equal(model(ids[:, :7]), shorter) and len(made) == 2 * len(convolutions)
        with kept_kernels(model):
            model(ids)
            for change in changes[1:]:
                change(convolutions[-1].filter)
                found = model(ids)
                with kept_kernels(model, most=0):
                    assert torch.equal(found, model(ids))
    assert all(convolution.kept is None for convolution in convolutions)
    with kept_kernels(model):
        model(ids).sum().backward()
        assert all(p.grad is not None for p in convolutions[0].filter.parameters()), "gradients reach the filter"


def kept_for_gradients(model, ids):
    """Bytes of all that a forward pass keeps for the backward one, weights apart, and the outputs."""
    held = {}

    def keep(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(ids)
    return sum(storage.nbytes() for storage in held.values())


def test_m2_bert_keeps_less_than_bert_where_what_is_wide_is_made_again(monkeypatch):
    """At the proportions of M2-BERT: four blocks, four times the width inside, a gate. On a processor it always is."""
    monkeypatch.setattr(piecewise, "POSITIONS", 32)
    config = BertConfig(hidden_size=64, intermediate_size=256, num_attention_heads=2, num_hidden_layers=2, vocab_size=9,
                        max_position_embeddings=64, filter_width=8)  # fmt: skip
    ids = torch.arange(16 * 64).reshape(16, 64) % 9
    bert = kept_for_gradients(build_model(replace(config, architecture="transformer")).bert, ids)
    mixer = build_model(config).bert
    in_pieces = kept_for_gradients(build_model(replace(config, transform="fft")).bert, ids)
    assert in_pieces < bert
    monkeypatch.setattr(layers, "on_processor", lambda *_: False)
    assert kept_for_gradients(mixer, ids) > 1.5 * bert > 1.5 * in_pieces
    recompute(mixer)
    assert kept_for_gradients(mixer, ids) < bert
    with torch.no_grad():
        assert kept_for_gradients(mixer, ids) == 0


def test_one_long_sequence_keeps_no_kernel():
    """Twice the length for each channel and direction; sines of the filters, of which M2-BERT has a sixth, are kept."""
    config = BertConfig(hidden_size=192, intermediate_size=768, num_attention_heads=3, num_hidden_layers=2,
                        vocab_size=9, max_position_embeddings=512, filter_width=8, transform="fft")  # fmt: skip
    ids = torch.arange(512)[None] % 9
    of_x = 4 * 512 * 192
    assert kept_for_gradients(build_model(config).bert, ids) < (1 + 2 * 8) * of_x  # projections 3, x, y, mixed, summed


@pytest.mark.parametrize("transform", ["fft", "monarch"])
@pytest.mark.parametrize("kind", [BertConfig, GPTConfig], ids=["bert", "gpt"])
def test_what_is_recomputed_changes_no_gradient(kind, transform, monkeypatch):
    monkeypatch.setattr(piecewise, "POSITIONS", 16)
    config = kind(**SMALL, max_position_embeddings=40, transform=transform)
    model, ids = build_model(config), torch.arange(80).reshape(2, 40) % 17

    def gradients():
        model.zero_grad()
        model(ids).square().mean().backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    kept = gradients()
    recompute(model)
    again = gradients()
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))
    with torch.autocast("cpu", torch.bfloat16):
        low = gradients()
    recompute(model, False)
    with torch.autocast("cpu", torch.bfloat16):
        assert all(torch.equal(a, b) for a, b in zip(low, gradients(), strict=True))
