"""Gradients of every layer against complex-step derivatives in NumPy, within a bound derived from majorants.

Every layer is written once more, as a formula over an arithmetic. In `Analytic` (NumPy, complex128) a step of 1e-150
along the imaginary axis gives derivatives without cancellation. `Majorant` replaces each operation by a power series
with non-negative coefficients that bounds it term by term (sin by sinh, and so on), applied to moduli; each result is
multiplied by (1 + ε)^c, c the roundings the operation may commit. Then f̂'(ε) − f̂'(0) bounds what roundings up to ε
can do to a derivative, computed forward or backward. It is convex in ε: at u it is at most u/ε of its value at 2^-20.
"""

from dataclasses import replace
from math import erf, factorial, pi, sqrt

import numpy as np
import pytest
import scipy.special
import torch

from monarch_gpu import layers
from monarch_gpu.configs import BertConfig, GPTConfig
from monarch_gpu.layers import BlockDiagonalLinear, DimensionMixer, LongConvolution, SequenceMixer, ShortConvolution
from monarch_theory.rounding import FLOAT64, any_fourier_growth, default_model

SIZES = {"hidden_size": 4, "intermediate_size": 8, "max_position_embeddings": 5, "filter_width": 3, "vocab_size": 5}
COMMON = {"blocks": 2, "filter_features": 3, "filter_inner_layers": 1, "filter_frequency": 1.0}
CAUSAL, BOTH = GPTConfig(**SIZES, **COMMON), BertConfig(**SIZES, **COMMON)
BATCH, N = 2, 5
EPSILON = 2.0**-20
ROUNDINGS = 64 + 3 * BATCH * N * 16
FFT_ROUNDINGS = 4 * any_fourier_growth(2 * N, default_model("float64")) / FLOAT64.unit_roundoff


class Analytic:
    """NumPy on complex numbers; every function is analytic."""

    constant = staticmethod(np.asarray)
    contract = staticmethod(np.einsum)
    sin = staticmethod(np.sin)
    concatenate = staticmethod(np.concatenate)

    @staticmethod
    def gelu(x):
        return x * 0.5 * (1 + scipy.special.erf(x / np.sqrt(2)))

    @staticmethod
    def times(a, b):
        return a * b

    plus = staticmethod(np.add)

    @staticmethod
    def convolve(toeplitz, kernel, u):
        return np.einsum("ijl,ld,bjd->bid", toeplitz, kernel, u)


class Majorant:
    """Torch on moduli, with a factor (1 + ε)^c on every result."""

    def __init__(self, epsilon):
        self.factor = (1 + epsilon) ** ROUNDINGS
        self.fourier = (1 + epsilon) ** FFT_ROUNDINGS - 1

    @staticmethod
    def constant(a):
        return torch.as_tensor(np.abs(a))

    def contract(self, equation, *operands):
        return torch.einsum(equation, *operands) * self.factor

    def sin(self, x):
        return torch.sinh(x) * self.factor

    def gelu(self, x):
        erfi = sum(x ** (2 * k + 1) / (2 ** (k + 0.5) * factorial(k) * (2 * k + 1)) for k in range(40))
        return x * 0.5 * (1 + 2 / sqrt(pi) * erfi) * self.factor

    @staticmethod
    def concatenate(parts, axis):
        return torch.cat(parts, dim=axis)

    def times(self, a, b):
        return a * b * self.factor

    def plus(self, a, b):
        return (a + b) * self.factor

    def convolve(self, toeplitz, kernel, u):
        exact = torch.einsum("ijl,ld,bjd->bid", toeplitz, kernel, u)
        return exact * self.factor + self.fourier * kernel.sum(0) * u.sum(1, keepdim=True)


def linear(m, p, prefix, x):
    y = m.contract("...p,qp->...q", x, p[f"{prefix}weight"])
    return m.plus(y, p[f"{prefix}bias"]) if f"{prefix}bias" in p else y


def block_diagonal(m, p, prefix, x, config):
    lead, k = x.shape[:-1], config.blocks
    y = m.contract("...kp,kqp->...kq", x.reshape(*lead, k, -1), p[f"{prefix}weight"]).reshape(*lead, -1)
    return m.plus(y, p[f"{prefix}bias"]) if f"{prefix}bias" in p else y


def short_convolution(m, p, prefix, x, config):
    w = p[f"{prefix}weight"]
    shifts = np.array([np.eye(N, k=-lag) for lag in range(len(w))])
    return m.plus(m.contract("tij,tc,bjc->bic", m.constant(shifts), w, x), p[f"{prefix}bias"])


def filter_taps(m, p, prefix, config, network=""):
    """(n, channels); a reverse filter is another network of the same positions, window and frequency"""
    position, bands = np.arange(N)[:, None], (config.filter_features - 1) // 2
    angle = 2 * pi / N * position * np.linspace(1e-4, bands - 1, bands)
    h = m.constant(np.hstack([position / (N - 1), np.cos(angle), -np.sin(angle)]))
    for layer in range(1 + config.filter_inner_layers):
        h = m.sin(m.times(linear(m, p, f"{prefix}{network}layers.{layer}.", h), p[f"{prefix}frequency"]))
    decay = np.linspace(-np.log(0.01) / 1.5, -np.log(0.01) / 0.3, config.hidden_size)
    window = m.constant(np.exp(-position / (N - 1) * decay))
    return m.times(linear(m, p, f"{prefix}{network}output.", h), window)


def long_convolution(m, p, prefix, x, config):
    kernel = filter_taps(m, p, f"{prefix}filter.", config)
    first = m.constant(np.eye(N)[:, :1])
    kernel = m.plus(kernel, m.times(first, p[f"{prefix}skip"]))
    lags = np.arange(N)[:, None] - np.arange(N)
    place = lags
    if config.bidirectional:
        kernel = m.concatenate([kernel, filter_taps(m, p, f"{prefix}filter.", config, "reverse.")], 0)
        place = np.where(lags >= 0, lags, N - 1 - lags)
    toeplitz = (place[..., None] == np.arange(len(kernel))).astype(float)
    return m.convolve(m.constant(toeplitz), kernel, x)


def sequence_mixer(m, p, prefix, x, config):
    width = config.hidden_size
    y = short_convolution(m, p, "short_convolution.", linear(m, p, "input_projection.", x), config)
    first, second, value = (y[..., i * width : (i + 1) * width] for i in range(3))
    mixed = m.times(second, long_convolution(m, p, "long_convolution.", m.times(first, value), config))
    if "residual_convolution.skip" in p:
        mixed = m.plus(mixed, long_convolution(m, p, "residual_convolution.", x, config))
    return linear(m, p, "output_projection.", mixed)


def dimension_mixer(permuted):
    def formula(m, p, prefix, x, config):
        y = block_diagonal(m, p, "input_projection.", x, config)
        inner = config.intermediate_size
        y = m.times(m.gelu(y[..., :inner]), y[..., inner:]) if config.gated else m.gelu(y)
        if permuted:
            y = y.reshape(*y.shape[:-1], config.blocks, -1).swapaxes(-1, -2).reshape(y.shape)
        return block_diagonal(m, p, "output_projection.", y, config)

    return formula


LAYERS = {
    "block diagonal": (lambda c: BlockDiagonalLinear(4, 6, 2), block_diagonal),
    "short convolution": (lambda c: ShortConvolution(4, 3), short_convolution),
    "long convolution": (LongConvolution, long_convolution),
    "sequence mixer": (SequenceMixer, sequence_mixer),
    "residual sequence mixer": (lambda c: SequenceMixer(c, residual_convolution=True), sequence_mixer),
    "dimension mixer": (DimensionMixer, dimension_mixer(False)),
    "permuted dimension mixer": (lambda c: DimensionMixer(c, permuted=True), dimension_mixer(True)),
    "plain dimension mixer": (lambda c: DimensionMixer(replace(c, gated=False)), dimension_mixer(False)),
}


def gradients(name, config):
    """By torch's backward, by the complex step, and the bound on their difference; of every parameter and the input."""
    make, formula = LAYERS[name]
    config = replace(config, gated=False) if name.startswith("plain") else config
    torch.manual_seed(1)
    layer = make(config).double()
    for module in layer.modules():
        if hasattr(module, "reset_buffers"):
            module.reset_buffers()
    x = torch.randn(BATCH, N, 4, dtype=torch.float64)
    points = {n: (0.5 * torch.randn_like(p)).detach() for n, p in layer.named_parameters()}
    for n, parameter in layer.named_parameters():
        parameter.data.copy_(points[n])
    x.requires_grad_()
    y = layer(x)
    cotangent = torch.randn_like(y)
    y.backward(cotangent)
    reached = [*layer.named_parameters(), ("x", x)]
    computed = {n: (torch.zeros_like(p) if p.grad is None else p.grad).detach().numpy() for n, p in reached}

    at = {n: p.numpy().astype(complex) for n, p in (points | {"x": x.detach()}).items()}
    step = 1e-150
    expected = {}
    for n, value in at.items():
        slopes = np.empty(value.shape)
        for index in np.ndindex(*value.shape):
            moved = value.copy()
            moved[index] += 1j * step
            p = at | {n: moved}
            slopes[index] = (formula(Analytic, p, "", p["x"], config).imag * cotangent.numpy()).sum() / step
        expected[n] = slopes

    def majorant(epsilon):
        p = {n: torch.tensor(np.abs(a), requires_grad=True) for n, a in at.items()}
        formula(Majorant(epsilon), p, "", p["x"], config).backward(cotangent.abs())
        return {n: a.grad.numpy() for n, a in p.items()}

    inflated, plain = majorant(EPSILON), majorant(0.0)
    scale = 2 * FLOAT64.unit_roundoff / EPSILON  # torch rounds, and so does the complex step
    return {n: (computed[n], expected[n], scale * (inflated[n] - plain[n]) * (1 + 2.0**-10)) for n in at}


def worst(name, config):
    found = gradients(name, config)
    return max(float((np.abs(a - b) / np.maximum(bound, 1e-300)).max()) for a, b, bound in found.values())


def by_layers(monkeypatch):
    """Every operation is one of torch's on whole arrays, whose gradients are autograd's."""
    monkeypatch.setattr(layers, "on_processor", lambda *_: False)


@pytest.mark.parametrize("way", ["monarch", "fft", "layers"])
@pytest.mark.parametrize("config", [CAUSAL, BOTH], ids=["causal", "bidirectional"])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_right(name, config, way, monkeypatch):
    if way == "layers":
        by_layers(monkeypatch)
    assert worst(name, replace(config, transform=way.replace("layers", "fft"))) <= 1


def test_the_bound_is_small():
    """Far below any gradient, so that agreement means something."""
    for name in LAYERS:
        for _, expected, bound in gradients(name, BOTH).values():
            assert bound.max() < 1e-5 * np.abs(expected).max()


def test_complex_erf_is_the_real_one():
    assert abs(Analytic.gelu(0.7 + 0j) - 0.35 * (1 + erf(0.7 / sqrt(2)))) < 4 * FLOAT64.unit_roundoff


WRONG = {
    "gate detached": ("gelu", lambda x: torch.nn.functional.gelu(x.detach()), "dimension mixer"),
    "tanh approximation": ("gelu", lambda x: torch.nn.functional.gelu(x, approximate="tanh"), "dimension mixer"),
    "filter detached": ("convolve", lambda u, k, t, _=False: torch.fft.irfft(
        torch.fft.rfft(u, n=2 * N) * torch.fft.rfft(k.detach(), n=2 * N), n=2 * N)[..., :N], "sequence mixer"),
    "FFT not padded": (
        "convolve", lambda u, k, t, _=False: torch.fft.irfft(torch.fft.rfft(u) * torch.fft.rfft(k), n=N),
        "sequence mixer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_gradients_are_caught(mistake, monkeypatch):
    name, wrong, layer = WRONG[mistake]
    by_layers(monkeypatch)
    monkeypatch.setattr(layers, name, wrong)
    assert worst(layer, replace(CAUSAL, transform="fft")) > 1


@pytest.mark.parametrize("taps", [1, 3, 5])
def test_a_short_convolution_has_derivatives_both_ways(taps):
    """Backward and forward, along each argument alone and along all."""
    sizes = ((2, 3, 4), (taps, 2), (2,))
    arguments = tuple(torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in sizes)
    for moved in ({0}, {1}, {2}, {0, 1, 2}):
        some = tuple(a if k in moved else a.detach() for k, a in enumerate(arguments))
        assert torch.autograd.gradcheck(layers.Shifts.apply, some, check_forward_ad=True)
