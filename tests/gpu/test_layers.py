"""Every layer against its NumPy reference in float64, within the bound derived for it; wrong layers fall outside."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from monarch_gpu import layers
from monarch_gpu.configs import BertConfig, GPTConfig, ViTConfig
from monarch_gpu.layers import (
    BlockDiagonalLinear,
    DimensionMixer,
    LongConvolution,
    SequenceMixer,
    ShortConvolution,
    convolve,
    implicit_filter,
)
from monarch_gpu.models import build_model
from monarch_gpu.ops.torch import block_diagonal_multiply
from monarch_gpu.reference import reference, reference_bert, reference_filter, reference_vit
from monarch_theory.rounding import convolution_bound, default_model, exactly

SIZES = {"hidden_size": 8, "intermediate_size": 24, "max_position_embeddings": 13, "filter_width": 6, "vocab_size": 17}
CAUSAL = GPTConfig(**SIZES, filter_features=5, num_hidden_layers=2)
BOTH = BertConfig(**SIZES, num_hidden_layers=2)
PATCHES = ViTConfig(
    hidden_size=8, intermediate_size=24, max_position_embeddings=9, filter_width=6, num_hidden_layers=2,
    image_size=6, patch_size=2, num_labels=5, filter_features=5, short_filter=3,
)  # fmt: skip
LENGTHS = (1, 2, 5, 8, 13)


def built(make, seed=0):
    """A layer in float64 whose every parameter is random, so that none can be left out unnoticed."""
    torch.manual_seed(seed)
    layer = make().double()
    for module in layer.modules():
        if hasattr(module, "reset_buffers"):
            module.reset_buffers()
    for name, parameter in layer.named_parameters():
        if "frequency" not in name:
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return layer


def excess(layer, n, seed=0, gradients=False):
    """Largest error as a multiple of its bound; both sides round, so up to 2 is right."""
    x = torch.randn(3, n, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    with torch.set_grad_enabled(gradients):
        y = layer(x).detach().numpy()
    expected = reference(layer, exactly(x.numpy()))
    assert y.shape == expected.value.shape
    return float((np.abs(y - expected.value) / expected.error).max())


LAYERS = {
    "block diagonal": lambda c: BlockDiagonalLinear(8, 12, 4),
    "short convolution": lambda c: ShortConvolution(8, 3),
    "long convolution": LongConvolution,
    "sequence mixer": SequenceMixer,
    "residual sequence mixer": lambda c: SequenceMixer(c, residual_convolution=True),
    "dimension mixer": DimensionMixer,
    "permuted dimension mixer": lambda c: DimensionMixer(c, permuted=True),
    "plain dimension mixer": lambda c: DimensionMixer(replace(c, gated=False)),
    "layer norm": lambda c: torch.nn.LayerNorm(8),
}


def by_layers(monkeypatch):
    """Every operation is one of torch's on whole arrays, as it is in half precision or where somebody looks on."""
    monkeypatch.setattr(layers, "on_processor", lambda *_: False)


@pytest.mark.parametrize("way", ["monarch", "fft", "layers"])
@pytest.mark.parametrize("config", [CAUSAL, BOTH], ids=["causal", "bidirectional"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_agree_with_the_reference(name, config, way, monkeypatch):
    layer = built(lambda: LAYERS[name](replace(config, transform=way.replace("layers", "fft"))))
    if way == "layers":
        by_layers(monkeypatch)
    for n in LENGTHS:
        assert excess(layer, n) <= 2 and excess(layer, n, gradients=True) <= 2


@pytest.mark.parametrize("n", LENGTHS)
def test_filters_agree_with_the_reference(n):
    layer = built(lambda: implicit_filter(CAUSAL))
    expected = reference_filter(layer, n)
    assert (np.abs(layer(n).detach().numpy() - expected.value) <= 2 * expected.error).all()


@pytest.mark.parametrize("transform", ["monarch", "fft"])
def test_whole_models_agree_with_the_reference(transform):
    """M2-BERT and M2-ViT from their inputs to their logits; M2-GPT is compared where it decodes."""
    ids = torch.randint(17, (2, 13), generator=torch.Generator().manual_seed(1))
    bert = built(lambda: build_model(replace(BOTH, transform=transform)))
    images = torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    vit = built(lambda: build_model(replace(PATCHES, transform=transform)))
    for found, expected in (
        (bert(ids), reference_bert(bert, ids)),
        (vit(images), reference_vit(vit, images)),
    ):
        assert (np.abs(found.detach().numpy() - expected.value) <= 2 * expected.error).all()
        assert expected.error.max() < 1e-6 * np.abs(expected.value).max()


def test_non_contiguous_and_empty_inputs():
    layer = built(lambda: SequenceMixer(CAUSAL))
    x = torch.randn(8, 13, 3, dtype=torch.float64)
    assert torch.allclose(layer(x.permute(2, 1, 0)), layer(x.permute(2, 1, 0).contiguous()), rtol=0, atol=2**-40)
    assert layer(torch.zeros(0, 4, 8, dtype=torch.float64)).shape == (0, 4, 8)


@pytest.mark.parametrize("transform", ["monarch", "fft"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_convolutions_round_once(dtype, transform):
    """Both sum in float32, so they agree with float64 to one rounding to half precision and a few to float32."""
    u, k = torch.randn(2, 3, 11, dtype=torch.float64).to(dtype), torch.randn(3, 11, dtype=torch.float64).to(dtype)
    exact = convolve(u.double(), k.double(), "fft")
    unit = torch.finfo(dtype).eps / 2
    model = default_model("float32")
    inside = torch.from_numpy(convolution_bound(u.double().numpy(), k.double().numpy(), 22, model))
    assert ((convolve(u, k, transform).double() - exact).abs() <= inside + unit * (exact.abs() + inside)).all()


def test_nan_stays_in_its_sequence():
    """An FFT spreads a NaN over all places of its sequence and channel, and to no other sequence."""
    layer = built(lambda: SequenceMixer(replace(CAUSAL, transform="fft")))
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    x[0, 2] = float("nan")
    y = layer(x)
    assert y[0].isnan().any() and not y[1].isnan().any()


def test_the_filter_ends_where_it_ends():
    with pytest.raises(ValueError, match="n: expected at most 13 positions, got 14"):
        implicit_filter(CAUSAL)(14)
    with pytest.raises(ValueError, match="kernel: expected 4 or 8 lags"):
        convolve(torch.zeros(2, 4), torch.zeros(2, 5), "fft")
    with pytest.raises(ValueError, match="in_features: expected a multiple of 4 blocks, got 6"):
        BlockDiagonalLinear(6, 8, 4)


def unpadded(u, kernel, transform, recomputed=False):
    n = u.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(u) * torch.fft.rfft(kernel[..., :n]), n=n)


MISTAKES = {
    "FFT not padded": ("convolve", unpadded, "sequence mixer"),
    "filter shifted by one": (
        "convolve", lambda u, k, t, _=False: convolve(u, functional.pad(k, (1, 0))[..., : k.shape[-1]], t),
        "sequence mixer",
    ),
    "filter of the next channel": ("convolve", lambda u, k, t, _=False: convolve(u, k.roll(1, 0), t), "sequence mixer"),
    "tanh approximation of gelu": (
        "gelu", lambda x: functional.gelu(x, approximate="tanh"), "dimension mixer",
    ),
    "blocks transposed": (
        "block_diagonal_multiply",
        lambda x, w, axis: torch.einsum("kpt,kqp->qkt", x.unflatten(0, (4, -1)), w).flatten(0, 1),
        "dimension mixer",
    ),
    "half precision inside": (
        "block_diagonal_multiply",
        lambda x, w, axis: block_diagonal_multiply(x.float(), w.float(), axis).double(),
        "dimension mixer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_layers_fall_outside_the_bound(mistake, monkeypatch):
    name, wrong, layer = MISTAKES[mistake]
    layer = built(lambda: LAYERS[layer](replace(CAUSAL, transform="fft")))
    by_layers(monkeypatch)
    monkeypatch.setattr(layers, name, wrong)
    assert excess(layer, 13, gradients=True) > 2
